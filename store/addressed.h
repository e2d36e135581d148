/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Addressed: what headquarters says to one site. Its leaves go to everybody, but
 * for those of scope `site` that name another site than its own: they go to the
 * nodes of that site and to those on the way (registry_leads()), and to nobody
 * else. Everybody still gets every changeset of headquarters, with such leaves
 * withheld, so that its chain has no hole anywhere. While a site has no node they
 * go to nobody; they follow its first certificate (repeat.c).
 */
#ifndef SANGAM_ADDRESSED_H
#define SANGAM_ADDRESSED_H

#include "protocol/changeset.h"
#include "store/registry.h"

/* The site that a leaf which is not withheld is addressed to, in *ret, borrowed
 * from it; false: it is addressed to none. */
bool addressed_to(const struct registry *r, const struct hash *origin,
                  const struct slot *slot, struct slice *ret);

#endif
