/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Context: which writes a write covers, as its leaf says it (docs/semantics.md
 * section 5): for each writer and incarnation the highest number seen. A write
 * of a `review` column covers what its author saw; one of a `union` column
 * covers the additions of the elements it takes away.
 *
 *   contexts of a leaf = each: u16 column (ascending), u16 entries, each:
 *   32 bytes origin, u64 incarnation, u64 seq (ascending by origin and
 *   incarnation)
 */
#ifndef SANGAM_CONTEXT_H
#define SANGAM_CONTEXT_H

#include "bytes.h"

enum { CONTEXT_ORIGIN_BYTES = 32 };

struct context_entry {
    uint8_t origin[CONTEXT_ORIGIN_BYTES];
    uint64_t incarnation;
    uint64_t seq;
};

/* By origin, then incarnation. */
int context_entry_compare(const struct context_entry *a,
                          const struct context_entry *b);

/* Appends the context of one column to those of a leaf. The entries ascend
 * strictly and are at most CONTEXT_ENTRIES_MAX (asserted). */
void context_put(uint16_t column, const struct context_entry *entries,
                 size_t count, struct bytes *out);

/* Is this a sound list of `count` contexts, and all of it? */
bool contexts_are_sound(struct cursor *c, size_t count);

/* A walk over the entries of one column in the contexts of a sound leaf. */
struct context {
    struct cursor cursor;
    size_t left;
};

/* The context of a column; empty if the leaf has none. */
struct context context_of(struct slice contexts, uint16_t column);
bool context_next(struct context *c, struct context_entry *ret);

#endif
