/* SPDX-License-Identifier: Apache-2.0 */

/*
 * List: what a `union` column holds, as people read and write it: a JSON array
 * of texts and whole numbers. SQLite reads and writes the JSON.
 */
#ifndef SANGAM_LIST_H
#define SANGAM_LIST_H

#include "store/memory.h"

/* The elements that are there, as the value of the column: NULL for none where
 * the column may be NULL. It borrows from `text`. */
int list_of(struct database *db, const struct column *c, const struct memory *m,
            struct bytes *text, struct value *ret, struct err *e);

/* The elements of what a program wrote: ascending, each once; they borrow from
 * `memory`. NULL is none. ERR_INPUT when it is no such list. */
int list_read(struct database *db, const struct value *cell,
              struct bytes *memory, struct value ret[], size_t *ret_count,
              struct err *e);

#endif
