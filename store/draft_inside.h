/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The inside of drafting, for the files that make it: draft.c (rows become
 * leaves) and draft_say.c (what a leaf says of a column).
 */
#ifndef SANGAM_DRAFT_INSIDE_H
#define SANGAM_DRAFT_INSIDE_H

#include "store/draft.h"
#include "store/fold.h"

struct placed;

struct drafting {
    struct replica *r;
    struct drained *ret;
    const struct capture_list *list;
    int64_t at_ms;       /* of the latest capture */
    struct bytes memory; /* what drafts point into, by offset until the end */
    struct placed *placed;
    size_t placed_count;
    size_t placed_cap;
    struct bytes name; /* of the row at hand */
    struct bytes undo; /* row by row: u32 table, slice key, slice scope */
    struct leaf leaf;
    struct err says;                  /* why leaves of this insert are parked */
    struct value cells[COLUMNS_MAX];  /* the row as programs left it, */
    struct bytes cell_memory;         /* and what they point into */
    struct bytes deltas[COLUMNS_MAX]; /* what is said of `union` columns */
    struct bytes contexts;            /* of the leaf */
    bool says_cell[COLUMNS_MAX];      /* which columns a leaf is to say, */
    bool settles[COLUMNS_MAX];        /* and which of them settle a review */
    struct row_state state;
};

/* One row's captures. */
struct touched {
    const struct table *table;
    const struct capture *captures;
    size_t count;
    bool inserted;
    bool deleted;
    bool again;                     /* CAPTURE_AGAIN is among them */
    const struct capture *put_back; /* CAPTURE_PUT_BACK, if it is */
    struct row_name name;           /* in the drafting's memory */
};

/* Says the chosen columns (says_cell) of one class in the leaf at hand. */
int draft_say_class(struct drafting *d, const struct touched *row,
                    uint16_t class_id, struct err *e);

/* Claims the row for this node: as its last owner, or its first. */
void draft_claim(struct drafting *d, enum leaf_op op);
/* The row goes back to what the journal says, once the drafts are signed. */
void draft_undo(struct drafting *d);
int draft_park(struct drafting *d, const struct touched *row,
               const struct leaf_cell *cell, const char *says, struct err *e);

#endif
