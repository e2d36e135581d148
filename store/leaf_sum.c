/* SPDX-License-Identifier: Apache-2.0 */
#include "store/leaf_sum.h"

void leaf_sum_add(struct leaf_sum *s, const struct hash *leaf)
{
    unsigned carry = 0;
    for (int i = HASH_BYTES - 1; i >= 0; i--) {
        carry += (unsigned)s->sum.bytes[i] + leaf->bytes[i];
        s->sum.bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    s->leaves++;
}

void leaf_sum_remove(struct leaf_sum *s, const struct hash *leaf)
{
    int borrow = 0;
    for (int i = HASH_BYTES - 1; i >= 0; i--) {
        int rest = s->sum.bytes[i] - leaf->bytes[i] - borrow;
        borrow = rest < 0;
        s->sum.bytes[i] = (uint8_t)rest;
    }
    s->leaves--;
}

void leaf_sum_without(struct leaf_sum *s, const struct leaf_sum *other)
{
    leaf_sum_remove(s, &other->sum);
    s->leaves += 1 - other->leaves;
}
