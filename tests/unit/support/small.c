/* SPDX-License-Identifier: Apache-2.0 */
#include "small.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

#define KEPT                                                                   \
    "(name GLOB 'sync_*' OR name GLOB 'local_*' OR name IN ('person',"         \
    " 'enrolment', 'referral', 'treatment_order', 'dose_event', 'ref_site',"   \
    " 'ref_item', 'ref_code', 'ref_parameter'))"

static void run(sqlite3 *db, const char *sql)
{
    char *says = NULL;
    int rc = sqlite3_exec(db, sql, NULL, NULL, &says);
    if (rc != SQLITE_OK) {
        (void)fprintf(stderr, "small schema: %s\n", says);
        abort();
    }
}

/* One column of text, a line each. */
static void put_lines(sqlite3 *db, const char *sql, struct bytes *out)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    assert(rc == SQLITE_OK);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bytes_put(out, sqlite3_column_text(stmt, 0),
                  (size_t)sqlite3_column_bytes(stmt, 0));
        bytes_put(out, ";\n", 2);
    }
    assert(rc == SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* What the files put into a table. */
static void put_rows(sqlite3 *db, const char *table, struct bytes *out)
{
    char *sql = sqlite3_mprintf(
        "SELECT 'SELECT ''INSERT INTO %s VALUES('' || ' || group_concat("
        "'quote(\"' || name || '\")', ' || '','' || ')"
        " || ' || '')'' FROM %s' FROM pragma_table_info('%s')",
        table, table, table);
    struct bytes asks = {0};
    put_lines(db, sql, &asks);
    assert(asks.data != NULL && asks.len > 2);
    asks.data[asks.len - 2] = '\0'; /* the semicolon */
    put_lines(db, (const char *)asks.data, out);
    bytes_free(&asks);
    sqlite3_free(sql);
}

static void put_all_rows(sqlite3 *db, struct bytes *out)
{
    sqlite3_stmt *stmt;
    int rc =
        sqlite3_prepare_v2(db,
                           "SELECT name FROM sqlite_schema"
                           " WHERE type = 'table' AND " KEPT " ORDER BY rowid",
                           -1, &stmt, NULL);
    assert(rc == SQLITE_OK);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        put_rows(db, (const char *)sqlite3_column_text(stmt, 0), out);
    }
    assert(rc == SQLITE_DONE);
    sqlite3_finalize(stmt);
}

static void make(struct bytes *out)
{
    sqlite3 *db;
    int rc = sqlite3_open(":memory:", &db);
    assert(rc == SQLITE_OK);
    for (size_t i = 0; i < schema_embedded.count; i++) {
        run(db, schema_embedded.files[i].text);
    }
    run(db, "DELETE FROM sync_table WHERE NOT " KEPT ";"
            "DELETE FROM sync_column"
            " WHERE table_id NOT IN (SELECT table_id FROM sync_table)");
    put_lines(db,
              "SELECT sql FROM sqlite_schema"
              " WHERE type = 'table' AND " KEPT " ORDER BY rowid",
              out);
    put_lines(db,
              "SELECT sql FROM (SELECT rowid AS at, type, tbl_name AS name, sql"
              " FROM sqlite_schema) WHERE type = 'index' AND sql IS NOT NULL"
              " AND " KEPT " ORDER BY at",
              out);
    put_all_rows(db, out);
    bytes_put_u8(out, '\0');
    sqlite3_close(db);
}

const struct schema *small_schema(void)
{
    static struct bytes text;
    static struct schema_file file;
    static const struct schema small = {.files = &file, .count = 1};
    if (text.data == NULL) {
        make(&text);
        const struct schema_file *last =
            &schema_embedded.files[schema_embedded.count - 1];
        file = (struct schema_file){.name = last->name,
                                    .text = (const char *)text.data};
    }
    return &small;
}
