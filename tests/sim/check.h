/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Check: what must be true of a world that has healed. All leaves of all
 * journals and all rows of all tables are put into one database in memory, and
 * compared there, in SQL, by docs/semantics.md: nothing of the merge code has
 * a say in what a row should be.
 */
#ifndef SANGAM_SIM_CHECK_H
#define SANGAM_SIM_CHECK_H

#include "gather.h"

/* No row may come of the SQL: the first says what is wrong. */
void check_none(struct gathered *c, const char *invariant, const char *sql);

/* What holds of what was signed though the world has not healed: [I-3] [I-4]. All
 * machines are on. */
void check_names_at_any_time(struct world *w);

/* sim_fail() names the invariant that does not hold. */
void check_world(struct world *w);

#endif
