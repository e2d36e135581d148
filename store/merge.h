/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Merge: one leaf joins the state of its row (docs/semantics.md section 5).
 * Pure: no SQL. The state of a row is a function of the set of its admitted
 * leaves; leaves may come in any order and twice.
 *
 * `record` and `reference` tables only; an event is one leaf and has no state.
 *
 * Columns of one group are one unit: the write that wins its first column wins
 * all of it. A table whose rows change hands (manifest.h, handover) has owners
 * by epoch: the first made the row, each later one took it by a leaf that names
 * the offer of the one before; of two that took one epoch the first counts.
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
    MERGE_REFOLD,     /* it decides about leaves that were merged already: fold
                         the row from its leaves */
};

struct merge_result {
    enum merge_outcome outcome;
    bool born;    /* the row came to life: every cell is new */
    bool died;    /* the row was deleted */
    bool handed;  /* the row has another owner: leaves may wait for that */
    bool rivals;  /* it took an epoch that another site took before it */
    bool changed; /* the state is another, whatever the outcome */
    bool unshown; /* what shows now is not in this leaf: fold the row */
    bool won[COLUMNS_MAX]; /* by index of the leaf's cells; of a `union` column
                              the value is in its memory, not in the cell */
    char says[160];        /* why it waits or was refused */
};

/* The offer of a row that a leaf of a later epoch names, as its leaf says. */
struct offer {
    uint32_t table;   /* the row that is offered: table, */
    struct slice key; /* its key, and the scope of the offer: canonical */
    struct slice scope;
    struct slice from; /* the site that signed it */
    struct slice to;
    uint32_t epoch; /* under which it is offered */
};

/* `offer`: the one the leaf names, NULL if it names none or it is not held. */
void merge_leaf(struct row_state *state, const struct table *table,
                const struct leaf *leaf, const struct stamp *stamp,
                const struct offer *offer, struct merge_result *ret);

/* Does the leaf take the row over from its owner? */
bool merge_takes_over(const struct table *table, const struct leaf *leaf);

/* Order in which a fold takes the leaves of one row: by causal length, lives
 * first, then changes of hands by epoch, then by stamp. With it no
 * MERGE_REFOLD arises and nothing waits that need not. */
struct merge_rank {
    uint32_t cl;
    uint32_t part; /* 0: a life; the epoch: a change of hands; else the last */
    struct stamp stamp;
};

struct merge_rank merge_rank_of(const struct table *table,
                                const struct leaf *leaf,
                                const struct stamp *stamp);
int merge_rank_compare(const struct merge_rank *a, const struct merge_rank *b);

#endif
