/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Heard: one row at a node that has no database: what store/batch.c and
 * store/fold.c do with leaves and offers as they come, in memory.
 */
#ifndef SANGAM_TESTS_HEARD_H
#define SANGAM_TESTS_HEARD_H

#include "oracle.h"

enum { HEARD_MAX = 2 * MODEL_LEAVES };

struct heard {
    const struct model *m;
    struct row_state state;
    const struct value *values[M_IDS]; /* shown; NULL: the default */
    bool waits;                        /* some leaf of it does */
    unsigned offers;                   /* held, by index */
    const struct sample *leaves[HEARD_MAX];
    size_t count;
    size_t folds;
};

struct heard *heard_new(void);
void heard_free(struct heard *h);
/* Forgets all, and is of this model from now on. */
void heard_begin(struct heard *h, const struct model *m);

/* A leaf comes, perhaps again. Checks what its result promises. */
void heard_take(struct heard *h, const struct sample *s);
/* An offer comes. */
void heard_take_offer(struct heard *h, size_t offer);
/* A leaf counts no more: it is taken out, and the row is to be folded. */
void heard_drop(struct heard *h, const struct sample *s);
bool heard_has(const struct heard *h, const struct sample *s);

/* Folds what is held. The outcomes go to `ret` (NULL: nowhere) by index of the
 * leaf in the model. */
void heard_fold(struct heard *h, enum merge_outcome *ret);

/* The row is what the oracle says of these leaves, in state and values. */
void heard_check(const struct heard *h);
/* The state, as it would be stored. */
void heard_encode(const struct heard *h, struct bytes *out);

#endif
