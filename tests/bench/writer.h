/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writer: how a program writes rows of a workload: one prepared statement,
 * some rows a transaction.
 */
#ifndef SANGAM_BENCH_WRITER_H
#define SANGAM_BENCH_WRITER_H

#include "client.h"
#include "workload.h"

enum rows {
    ROWS_PERSONS,
    ROWS_DOSES,
    ROWS_UPDATES,
    ROWS_CLINIC_EDITS, /* two columns of each person */
    ROWS_OFFICE_EDITS,
};

/* A stretch of rows and how many of them share a transaction. */
struct stretch {
    size_t from;
    size_t count;
    size_t per_transaction;
};

struct writer;

/* Borrows both. */
struct writer *writer_new(const struct workload *w, enum rows rows,
                          sqlite3 *client);
void writer_destroy(struct writer **writer);

void writer_write(struct writer *writer, const struct stretch *s);

/* A writer for this once. */
void writer_write_once(const struct workload *w, enum rows rows,
                       sqlite3 *client, const struct stretch *s);

#endif
