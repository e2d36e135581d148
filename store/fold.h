/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fold: a row from all its leaves in the journal (`reproject` of the design).
 * The slow way that is always right: merging leaf by leaf must give the same,
 * and whatever it cannot do alone ends here.
 */
#ifndef SANGAM_FOLD_H
#define SANGAM_FOLD_H

#include "store/rows.h"

/* One leaf of the row and what became of it. */
struct folded_leaf {
    struct changeset *changeset;
    uint32_t index;
    uint64_t position;
    uint32_t from_no;
    struct stamp stamp;
    const char *verdict; /* admitted, superseded, waiting, refused */
    bool rivals;         /* refused for another site took the row before it */
    int code;
    char says[160];
};

struct fold {
    const struct table *table;
    struct bytes key; /* canonical */
    struct row_state state;
    struct folded_leaf *leaves; /* in merge order */
    size_t leaf_count;
    struct changeset **changesets; /* what the leaves lie in */
    size_t changeset_count;
    struct bytes memory; /* of the offer a leaf names */
};

/* Collects the leaves of (table, key) and folds them: those in the scope the
 * row has here, those in `scope` (empty: none more), and those that have a
 * verdict, whatever scope they claim. */
int fold_row(struct merger *m, const struct table *t, struct slice key,
             struct slice scope, struct fold *ret, struct err *e);
void fold_clear(struct fold *f);

/* Does this column of the leaf show in the row? */
bool fold_shows(const struct fold *f, const struct folded_leaf *l,
                const struct leaf *leaf, uint16_t column);

/* The values the fold shows, by index of table->columns: set[i] false means
 * never written. They borrow from the fold and from `texts`. */
struct fold_values {
    bool set[COLUMNS_MAX];
    struct value values[COLUMNS_MAX];
    struct bytes texts[COLUMNS_MAX]; /* of `union` columns */
};
int fold_values(struct merger *m, const struct fold *f,
                struct fold_values **ret, struct err *e);
void fold_values_destroy(struct fold_values **v);

/* Folds the row and makes table, state and verdicts say so. */
int fold_apply(struct merger *m, const struct table *t, struct slice key,
               struct slice scope, struct err *e);

#endif
