/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUSY_MS = 10 * 1000 };

static void check(sqlite3 *client, int rc, int wanted, const char *what)
{
    if (rc != wanted) {
        (void)fprintf(stderr, "bench: %s: %s\n", what, sqlite3_errmsg(client));
        exit(EXIT_FAILURE);
    }
}

sqlite3 *client_open(const char *path, enum client_checkpoints checkpoints)
{
    sqlite3 *client = NULL;
    check(client, sqlite3_open(path, &client), SQLITE_OK, path);
    (void)sqlite3_busy_timeout(client, BUSY_MS);
    client_sql(client, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA cache_size = -16384");
    (void)sqlite3_wal_autocheckpoint(client, (int)checkpoints);
    return client;
}

void client_close(sqlite3 **client)
{
    sqlite3_stmt *stmt = NULL;
    while ((stmt = sqlite3_next_stmt(*client, NULL)) != NULL) {
        (void)sqlite3_finalize(stmt);
    }
    check(*client, sqlite3_close(*client), SQLITE_OK, "close");
    *client = NULL;
}

void client_sql(sqlite3 *client, const char *sql)
{
    check(client, sqlite3_exec(client, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}

sqlite3_stmt *client_prepare(sqlite3 *client, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    check(client, sqlite3_prepare_v2(client, sql, -1, &stmt, NULL), SQLITE_OK,
          sql);
    return stmt;
}

void client_done(sqlite3_stmt *stmt)
{
    check(sqlite3_db_handle(stmt), sqlite3_step(stmt), SQLITE_DONE,
          sqlite3_sql(stmt));
    (void)sqlite3_reset(stmt);
}

int client_row(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    check(sqlite3_db_handle(stmt), rc, SQLITE_DONE, sqlite3_sql(stmt));
    (void)sqlite3_reset(stmt);
    return 0;
}

int64_t client_number(sqlite3 *client, const char *sql)
{
    sqlite3_stmt *stmt = client_prepare(client, sql);
    int64_t number = client_row(stmt) == 1 ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_finalize(stmt);
    return number;
}

sqlite3 *client_new_plain(const char *path, sqlite3 *like)
{
    sqlite3 *plain = client_open(path, CLIENT_CHECKPOINTS);
    sqlite3_stmt *stmt = client_prepare(
        like, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
              " AND tbl_name IN ('dose_event', 'person')"
              " AND type IN ('table', 'index') ORDER BY type DESC");
    while (client_row(stmt) == 1) {
        client_sql(plain, (const char *)sqlite3_column_text(stmt, 0));
    }
    (void)sqlite3_finalize(stmt);
    return plain;
}
