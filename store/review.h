/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Review: a column in which two or more writes did not know of each other
 * (docs/semantics.md section 5). It is named by table, key and column, computed
 * from the leaves held, and the same wherever they are the same; a person
 * settles it by an ordinary write that covers them all.
 */
#ifndef SANGAM_REVIEW_H
#define SANGAM_REVIEW_H

#include "store/replica.h"

/* One of the values, with who wrote it. */
struct review_value {
    char site[SITE_BYTES_MAX + 1];
    uint64_t hlc;
    uint64_t seq;
    bool shown;
    size_t count; /* columns it says: one, or those of the group */
    const struct column *columns[COLUMNS_MAX];
    struct value values[COLUMNS_MAX]; /* borrow from the review */
};

struct review {
    const struct table *table;
    const struct column *column; /* the first of its group */
    bool owner; /* two sites took the row: the next hand-over settles it */
    struct review_value *values; /* by stamp */
    size_t count;
    struct fold *fold; /* what they lie in */
};

/* The review of a column. ERR_UNKNOWN with a sentence when there is none. */
int review_open(struct replica *r, const struct table *t,
                const struct value *key, const struct column *column,
                struct review **ret, struct err *e);
void review_close(struct review **review);

/* Every review there is: table, key and column by name, key as text. */
struct review_name {
    const struct table *table;
    const struct column *column;
    char key[512];
};
int review_list(struct replica *r, struct review_name **ret, size_t *ret_count,
                struct err *e);

/* Writes value `which` into the row as any program would, and says that the
 * person has seen them all; `tool` is a tool's connection. ERR_UNKNOWN when the
 * row is gone, ERR_STATE when the review is of an owner. */
int review_settle(struct database *tool, const struct review *review,
                  const struct value *key, size_t which, int64_t now_ms,
                  struct err *e);

#endif
