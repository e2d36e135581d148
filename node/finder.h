/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Finder: what a register says in its own words as the key of a row here: a
 * beneficiary number or a register's number as a person, the name of a group as
 * a group, a word as a code of a list (ref_code).
 *
 * What was found is remembered until the end of the import, which is one
 * transaction: a register says the same a thousand times.
 */
#ifndef SANGAM_FINDER_H
#define SANGAM_FINDER_H

#include "node/map.h"
#include "store/database.h"

struct finder;

void finder_new(struct database *db, struct finder **ret);
void finder_destroy(struct finder **f);

/* Whether the column's `find` and `where` name a table and columns of it.
 * ERR_INPUT. */
int finder_check(struct finder *f, const struct map_column *c, struct err *e);

/* 1: *ret_key is what `text` means by the column's person, find or list, good
 * until the finder ends. 0: nothing, or not one thing: `ret_why` is the
 * sentence. */
int finder_find(struct finder *f, const struct map_column *c, const char *text,
                const char **ret_key, struct err *ret_why, struct err *e);

#endif
