/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Merge: one leaf joins the state of its row (docs/semantics.md section 5).
 * Pure: no SQL. The state of a row is a function of the set of its admitted
 * leaves; leaves may come in any order and twice.
 *
 * `record` and `reference` tables only; an event is one leaf and has no state.
 */
#ifndef SANGAM_MERGE_H
#define SANGAM_MERGE_H

#include "store/manifest.h"
#include "store/state.h"

enum merge_outcome {
    MERGE_WON,        /* at least one cell, or the life, is the leaf's now */
    MERGE_SUPERSEDED, /* all of it is older than what is held, or the same */
    MERGE_WAITING,    /* its life, or an offer it names, is not held */
    MERGE_REFUSED,    /* its writer does not own the row */
    MERGE_REFOLD, /* an older life came late: fold the row from its leaves */
};

struct merge_result {
    enum merge_outcome outcome;
    bool born; /* the row came to life: every cell is new */
    bool died;
    bool won[COLUMNS_MAX]; /* by index of the leaf's cells */
    char says[160];        /* why it waits or was refused */
};

void merge_leaf(struct row_state *state, const struct table *table,
                const struct leaf *leaf, const struct stamp *stamp,
                struct merge_result *ret);

/* Order in which a fold takes the leaves of one row: by causal length, lives
 * first, then by stamp. With it no MERGE_REFOLD arises and nothing waits that
 * need not. */
struct merge_rank {
    uint32_t cl;
    bool life;
    struct stamp stamp;
};

struct merge_rank merge_rank_of(const struct table *table,
                                const struct leaf *leaf,
                                const struct stamp *stamp);
int merge_rank_compare(const struct merge_rank *a, const struct merge_rank *b);

#endif
