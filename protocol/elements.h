/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Elements: what a write does to a `union` column, as the value of its cell:
 * elements added and elements taken away (docs/semantics.md section 5).
 *
 *   u16 added, each a value; u16 removed, each a value
 *
 * Elements are integers and texts, in each list strictly ascending by their
 * canonical bytes. Which additions a removal covers is in the leaf's context.
 */
#ifndef SANGAM_ELEMENTS_H
#define SANGAM_ELEMENTS_H

#include "value.h"

/* The order of elements: that of their canonical bytes. */
int element_compare(const struct value *a, const struct value *b);
/* Integers and texts of at most ELEMENT_BYTES_MAX. */
bool element_is_sound(const struct value *v);

/* Both lists ascend and are sound (asserted). */
void elements_encode(const struct value *added, size_t added_count,
                     const struct value *removed, size_t removed_count,
                     struct bytes *out);

/* The two lists of a cell; they borrow from it. */
struct elements {
    struct value *added; /* owned, with `removed` behind it */
    struct value *removed;
    size_t added_count;
    size_t removed_count;
};

/* false when the value is no such cell. */
bool elements_decode(const struct value *cell, struct elements *ret);
void elements_clear(struct elements *e);

#endif
