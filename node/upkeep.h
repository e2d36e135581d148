/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Upkeep: what the daemon does for its own replica, besides links: it notices
 * what other programs write and has it signed, opens the invites that were
 * asked for, has the tables compared with the journal, indexes the journal, has
 * the rules look at whom rows are about, keeps numbers ready for cards, and
 * checkpoints.
 *
 * Programs must be able to write on, whatever becomes of the signing: functions
 * fail only with what must stop the node (fault.h).
 */
#ifndef SANGAM_UPKEEP_H
#define SANGAM_UPKEEP_H

#include "node/auth.h"
#include "node/hold.h"
#include "node/home.h"
#include "store/replica.h"

struct upkeep;

/* Borrows replica, hold and `auth`, which gets the open invites; NULL for a
 * node that takes no children. */
struct upkeep *upkeep_new(const struct home *h, struct replica *r,
                          struct hold *hold, struct auth *auth);
void upkeep_destroy(struct upkeep **u);

/* To poll for input, -1 for none; and to call when there is some. */
int upkeep_fd(const struct upkeep *u);
void upkeep_read(struct upkeep *u);

/* Does what is due. */
int upkeep_work(struct upkeep *u, struct err *e);
int64_t upkeep_due_ms(const struct upkeep *u);
/* Checkpoints if the log is long; after writing, and now and then. */
int upkeep_checkpoint(struct upkeep *u, struct err *e);

#endif
