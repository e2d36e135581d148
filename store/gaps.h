/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANGAM_GAPS_H
#define SANGAM_GAPS_H

#include <stdbool.h>

#include "protocol/changeset.h"
#include "store/database.h"
#include "store/registry.h"

/* What is left out on the way shows (docs/semantics.md section 3): each
 * changeset names the one before it, and each leaf the number of the changeset
 * with the leaf before it of its scope and class.
 *
 * All take a changeset whose signature was verified, and the journal it would be
 * added to; 0, or ERR_CHAIN with a sentence when something is missing, or an
 * error of the database. */

/* No leaf of it is left out that is due here. all_due: every leaf is, because the
 * whole chain of its origin comes here and nothing of it is addressed to others.
 * ERR_CLASS when a leaf is sealed: this version opens none. */
int gaps_check_shown(const struct changeset *cs, bool all_due, struct err *e);

/* Of an origin whose whole chain comes here: it continues what is held, in time
 * too. That need not be the head (a branch). */
int gaps_check_chain(struct database *journal, const struct origin *o,
                     const struct changeset_header *h, struct err *e);

/* Leaves of scope `all` go everywhere: each names the number of the one before it,
 * and what it names must be here; whole_chain: and have such a leaf, so that a
 * wrong number is turned away where all of its origin comes, and stops nobody
 * else. Not of the root. */
int gaps_check_prior(struct database *journal, const struct origin *o,
                     const struct changeset *cs, bool whole_chain,
                     struct err *e);

/* The root withholds what it addressed to others. That it does so, and not
 * somebody on the way, is seen from what comes next of the same scope and class,
 * which names the one before it. */
int gaps_check_root_prior(struct database *journal, const struct origin *o,
                          const struct changeset *cs, struct err *e);

#endif
