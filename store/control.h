/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANGAM_CONTROL_H
#define SANGAM_CONTROL_H

#include "protocol/message.h"
#include "protocol/pack.h"
#include "store/database.h"
#include "store/registry.h"

/* Reads the control leaves of the journal into a registry that knows the origins:
 * certificates first, after those that enrolment brought (`grant`, NULL at the
 * root), then evidence. Signatures are verified again, since other programs can
 * write the file. ERR_CORRUPT when one does not hold. */
int control_load(struct registry *r, struct database *db, struct packer *packer,
                 const struct hash *network, const struct grant *grant,
                 struct err *e);

#endif
