/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANGAM_LEAF_SUM_H
#define SANGAM_LEAF_SUM_H

#include "protocol/merkle.h"

/* Count and sum modulo 2^256 of leaf hashes. */
struct leaf_sum {
    uint64_t leaves;
    struct hash sum;
};

void leaf_sum_add(struct leaf_sum *s, const struct hash *leaf);
void leaf_sum_remove(struct leaf_sum *s, const struct hash *leaf);
/* Without all that `other` counts. */
void leaf_sum_without(struct leaf_sum *s, const struct leaf_sum *other);

#endif
