/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

enum { CHUNK = 1000, COLUMNS_MAX_HERE = 32, SQL_BYTES = 4096 };

struct chunk {
    sqlite3_value *cells[CHUNK][COLUMNS_MAX_HERE];
    int count;
    int columns;
};

static void read_chunk(sqlite3_stmt *rows, struct chunk *chunk)
{
    chunk->columns = sqlite3_column_count(rows);
    chunk->count = 0;
    while (chunk->count < CHUNK && client_row(rows) == 1) {
        for (int i = 0; i < chunk->columns; i++) {
            chunk->cells[chunk->count][i] =
                sqlite3_value_dup(sqlite3_column_value(rows, i));
        }
        chunk->count++;
    }
}

static void free_chunk(struct chunk *chunk)
{
    for (int k = 0; k < chunk->count; k++) {
        for (int i = 0; i < chunk->columns; i++) {
            sqlite3_value_free(chunk->cells[k][i]);
        }
    }
}

static void write_chunk(sqlite3 *to, sqlite3_stmt *upsert,
                        const struct chunk *chunk)
{
    client_sql(to, "BEGIN");
    for (int k = 0; k < chunk->count; k++) {
        for (int i = 0; i < chunk->columns; i++) {
            (void)sqlite3_bind_value(upsert, i + 1, chunk->cells[k][i]);
        }
        client_done(upsert);
    }
    client_sql(to, "COMMIT");
}

/* The key is the first column of each table here. */
static sqlite3_stmt *prepare_upsert(sqlite3 *to, const char *table,
                                    sqlite3_stmt *rows)
{
    char marks[SQL_BYTES] = "?";
    char sets[SQL_BYTES] = "";
    char sql[3 * SQL_BYTES];
    for (int i = 1; i < sqlite3_column_count(rows); i++) {
        const char *name = sqlite3_column_name(rows, i);
        size_t len = strlen(sets);
        (void)snprintf(sets + len, sizeof sets - len, "%s%s = excluded.%s",
                       i == 1 ? "" : ", ", name, name);
        len = strlen(marks);
        (void)snprintf(marks + len, sizeof marks - len, ", ?");
    }
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO %s VALUES(%s) ON CONFLICT(%s) DO UPDATE SET %s",
                   table, marks, sqlite3_column_name(rows, 0), sets);
    return client_prepare(to, sql);
}

static sqlite3_stmt *prepare_rows(sqlite3 *from, const char *table,
                                  enum copy_order order)
{
    char sql[SQL_BYTES];
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY %s", table,
                   order == COPY_SORTED ? "1" : "rowid");
    return client_prepare(from, sql);
}

struct gauge copy_rows(sqlite3 *from, sqlite3 *to, const char *table,
                       enum copy_order order)
{
    struct gauge took = {0};
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL) {
        abort();
    }
    sqlite3_stmt *rows = prepare_rows(from, table, order);
    sqlite3_stmt *upsert = prepare_upsert(to, table, rows);
    do {
        read_chunk(rows, chunk);
        struct gauge before = gauge_now();
        write_chunk(to, upsert, chunk);
        gauge_add(&took, &before);
        free_chunk(chunk);
    } while (chunk->count == CHUNK);
    (void)sqlite3_finalize(rows);
    (void)sqlite3_finalize(upsert);
    free(chunk);
    return took;
}

static bool same_row(sqlite3_stmt *a, sqlite3_stmt *b)
{
    for (int i = 0; i < sqlite3_column_count(a); i++) {
        int len = sqlite3_column_bytes(a, i);
        if (sqlite3_column_type(a, i) != sqlite3_column_type(b, i) ||
            sqlite3_column_bytes(b, i) != len ||
            (len > 0 && memcmp(sqlite3_column_blob(a, i),
                               sqlite3_column_blob(b, i), (size_t)len) != 0)) {
            return false;
        }
    }
    return true;
}

void copy_check(sqlite3 *one, sqlite3 *other, const char *table)
{
    sqlite3_stmt *a = prepare_rows(one, table, COPY_SORTED);
    sqlite3_stmt *b = prepare_rows(other, table, COPY_SORTED);
    bool same = true;
    int more = 1;
    while (same && more == 1) {
        more = client_row(a);
        same = client_row(b) == more && (more == 0 || same_row(a, b));
    }
    if (!same) {
        (void)fprintf(stderr, "bench: %s differs between two files\n", table);
        exit(EXIT_FAILURE);
    }
    (void)sqlite3_finalize(a);
    (void)sqlite3_finalize(b);
}
