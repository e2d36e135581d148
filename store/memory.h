/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Memory: what a policy must remember of a column beside the stamp of the
 * write that shows (docs/semantics.md section 5).
 *
 *   max, min, rank   the value that won, to compare others with
 *   review           the heads: writes that no other write covers, and what
 *                    the writes heard of cover
 *   union            for each element who added it, and which additions were
 *                    taken away
 *
 * Each is a join: told in any order and twice, writes leave the same memory,
 * and the same bytes.
 */
#ifndef SANGAM_MEMORY_H
#define SANGAM_MEMORY_H

#include "protocol/context.h"
#include "protocol/elements.h"
#include "store/manifest.h"
#include "store/stamp.h"

/* Highest numbers by writer and incarnation. */
struct vector {
    struct context_entry *entries; /* owned; ascending */
    size_t count;
    size_t cap;
};

bool vector_covers(const struct vector *v, const struct context_entry *dot);
void vector_add(struct vector *v, const struct context_entry *dot);
void vector_clear(struct vector *v);

/* One unreconciled value of a `review` column. */
struct head {
    struct stamp stamp;
    struct context_entry name; /* by which others cover it */
    struct vector past;        /* what its writer covered */
    struct bytes value; /* canonical; behind it, of a group, each column that
                           follows: u16 column, value */
};

struct element {
    struct bytes value; /* canonical */
    struct vector adds; /* one entry an addition, numbers as they are */
    struct vector removed;
};

struct memory {
    struct bytes value;
    struct vector covered;
    struct head *heads; /* owned; by stamp */
    size_t head_count;
    struct head last; /* of all writes; shows where writers claim to cover each
                         other, so that none is a head */
    struct element *elements; /* owned; by value */
    size_t element_count;
};

struct memory *memory_new(void);
void memory_destroy(struct memory **m);

void memory_encode(const struct memory *m, struct bytes *out);
/* Marks the cursor bad when the bytes are not ours. */
struct memory *memory_decode(struct cursor *c, const struct registry *r);

/* A value that was remembered, the first where others follow; it borrows from
 * the bytes. */
struct value memory_value(const struct bytes *canonical);

/* A write of a `review` column; `name` and `value` as in struct head. True when
 * the memory is another now. */
bool memory_write(struct memory *m, const struct stamp *stamp,
                  const struct context_entry *name, struct context past,
                  struct slice value);
/* Do the heads differ in what they say? Then a person is to look. */
bool memory_disputes(const struct memory *m);
/* The head that shows: the safe one of them, or the last. A write was heard
 * of. */
const struct head *memory_shown(const struct memory *m,
                                const struct column *lead);
/* What a write covers that saw one head, or (NULL) all of them: entries for
 * a leaf, malloc'ed. Of what a head covered, the last of each writer is
 * enough: what went before is covered by writes that are held. */
struct context_entry *memory_past(const struct memory *m,
                                  const struct head *seen, size_t *ret_count);

/* A write of a `union` column. True when the memory is another now. */
bool memory_change(struct memory *m, const struct context_entry *name,
                   struct context removed, const struct elements *elements);
/* Is the element there? */
bool element_is_there(const struct element *e);
/* What the removal of these elements covers. */
struct context_entry *memory_additions(const struct memory *m,
                                       const struct value *removed,
                                       size_t count, size_t *ret_count);

/* How values of a column compare for `max` and `min`: NULL, numbers, texts. */
int memory_compare_values(const struct value *a, const struct value *b);

#endif
