/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs: which deliveries of a journal have leaves of a mark (journal.h), for
 * whoever would otherwise look at every delivery to fold one row.
 *
 * A run lists the marks of a stretch of the journal, sorted by mark; the runs
 * follow one another from the first delivery on. Where they end a tail begins,
 * which is scanned. Runs are written in order of their entries and never
 * changed: a short one for each stretch of the tail, and when RUN_FANOUT of a
 * level stand side by side, one of the next level in their place.
 *
 * All of it is computed from the journal and may be missing or behind: answers
 * are the same and only take longer. `DELETE FROM sync_run` forgets it.
 */
#ifndef SANGAM_RUNS_H
#define SANGAM_RUNS_H

#include "store/database.h"

/* The first position after `after` that the runs list for one of the marks:
 * 1 with *ret_position; 0 when there is none up to *ret_covered, where the
 * tail begins. */
int runs_next(struct database *db, uint64_t after, struct slice marks,
              uint64_t *ret_position, uint64_t *ret_covered, struct err *e);

/* Is there something for runs_grow() to do? Only reads. */
int runs_due(struct database *db, struct database *journal, bool *ret,
             struct err *e);

/* Does a piece of what is to do, in the caller's transaction on `db`, which
 * holds the runs of the deliveries in `journal` (the same, but for a replay).
 * A piece writes or deletes about RUN_PIECE_MARKS entries. *ret_more: something
 * was done, and there may be more. */
int runs_grow(struct database *db, struct database *journal, bool *ret_more,
              struct err *e);

/* All that is to do, where many folds are worth it. */
int runs_grow_all(struct database *db, struct database *journal, struct err *e);

/* Forgets every run and makes them anew, in the caller's transaction: for
 * replays, which trust nothing but the journal. */
int runs_renew(struct database *db, struct database *journal, struct err *e);

#endif
