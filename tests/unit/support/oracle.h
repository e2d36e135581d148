/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Oracle: docs/semantics.md section 5 told again, word by word, over the whole
 * set of leaves of a row at once. It is slow, knows no order of arrival, and
 * calls nothing of merge.c, memory.c or state.c.
 */
#ifndef SANGAM_TESTS_ORACLE_H
#define SANGAM_TESTS_ORACLE_H

#include "model.h"

enum told_verdict {
    TOLD_COUNTS,
    TOLD_OVER, /* of a life that is over, or a second end of one */
    TOLD_WAITS,
    TOLD_REFUSED,
};

struct told_owner {
    const struct sample *first; /* the leaf by which it owns the row */
    const char *site;
    bool contested;
};

struct told_column {
    const struct sample *shows; /* NULL: never written */
    /* Of a `review`: the values that no other covers, by stamp. */
    const struct sample *heads[MODEL_LEAVES];
    size_t head_count;
    /* Of a `union`: whose additions of each element stand. */
    const struct sample *adds[MODEL_ELEMENTS][MODEL_LEAVES];
    size_t add_count[MODEL_ELEMENTS];
};

struct told {
    uint32_t cl; /* 0: no life */
    const struct sample *life;
    struct told_owner owners[MODEL_LEAVES];
    size_t owner_count;
    struct told_column columns[M_IDS];
    size_t reviews;
    enum told_verdict verdicts[2 * MODEL_LEAVES]; /* in order of the leaves */
};

/* What these leaves say (one may be there twice) where those offers are held:
 * bits by their index. */
void oracle_tell(const struct model *m, const struct sample *const *leaves,
                 size_t count, unsigned offers, struct told *ret);

#endif
