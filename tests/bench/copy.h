/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Copy: the floor of applying: the rows of one file upserted into another by
 * plain SQLite, 1,000 a transaction. Reading them is not counted.
 */
#ifndef SANGAM_BENCH_COPY_H
#define SANGAM_BENCH_COPY_H

#include "client.h"
#include "gauge.h"

enum copy_order {
    COPY_SORTED, /* by key: what B-trees like best */
    COPY_AS_WRITTEN,
};

struct gauge copy_rows(sqlite3 *from, sqlite3 *to, const char *table,
                       enum copy_order order);

/* Ends the program unless the rows of a table are the same in both. */
void copy_check(sqlite3 *one, sqlite3 *other, const char *table);

#endif
