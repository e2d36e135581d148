/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program as a hospital would have it: C, SQLite and a busy timeout, nothing
 * of Sangam. `writer REPLICA ROWS` writes so many doses, one transaction
 * each, changes the phone of a person of its own every tenth time, and checks
 * what SQLite tells about its own statements.
 *
 * Prints the keys, one a line. Exit 1 with a sentence when SQLite says busy, or
 * last_insert_rowid() or changes() tell of somebody else's rows.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 5000, PAUSE_MS = 20, PERSON_EVERY = 10, KEY_BYTES = 64 };

static void fail(sqlite3 *db, const char *what)
{
    fprintf(stderr, "writer: %s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail(db, sql);
    }
    return stmt;
}

/* Runs to the end; the first column of the first row goes to `key`. */
static void run(sqlite3 *db, sqlite3_stmt *stmt, char key[KEY_BYTES])
{
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        (void)snprintf(key, KEY_BYTES, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
    }
    if (rc != SQLITE_DONE) {
        fail(db, sqlite3_sql(stmt));
    }
    (void)sqlite3_reset(stmt);
    if (sqlite3_changes(db) != 1) {
        fprintf(stderr, "writer: changes() is %d after %s\n",
                sqlite3_changes(db), sqlite3_sql(stmt));
        exit(1);
    }
}

/* The rowid that SQLite reports is that of our row. */
static void check_rowid(sqlite3 *db, sqlite3_stmt *find, const char *key)
{
    sqlite3_int64 rowid = sqlite3_last_insert_rowid(db);
    (void)sqlite3_bind_int64(find, 1, rowid);
    if (sqlite3_step(find) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(find, 0), key) != 0) {
        fprintf(stderr, "writer: last_insert_rowid() is not that of %s\n", key);
        exit(1);
    }
    (void)sqlite3_reset(find);
}

static void write_rows(sqlite3 *db, long rows)
{
    sqlite3_stmt *insert = prepare(
        db, "INSERT INTO dose_event(person_id, kind, item_code, units,"
            " verified_by, dispensed_by)"
            " VALUES (?, 'observed', 'BUP-NAL-2', 4, 'manual', 'Nurse Misal')"
            " RETURNING dose_id");
    sqlite3_stmt *find =
        prepare(db, "SELECT dose_id FROM dose_event WHERE rowid = ?");
    sqlite3_stmt *update =
        prepare(db, "UPDATE person SET phone = ? WHERE person_id = ?");
    sqlite3_stmt *person =
        prepare(db, "INSERT INTO person(beneficiary_no, given_name)"
                    " VALUES ('T-C', 'Misal') RETURNING person_id");
    char person_id[KEY_BYTES];
    char key[KEY_BYTES];

    run(db, person, person_id);
    for (long i = 0; i < rows; i++) {
        (void)sqlite3_bind_text(insert, 1, person_id, -1, SQLITE_STATIC);
        run(db, insert, key);
        check_rowid(db, find, key);
        puts(key);
        (void)sqlite3_sleep(PAUSE_MS);
        if (i % PERSON_EVERY == 0) {
            (void)sqlite3_bind_int64(update, 1, i);
            (void)sqlite3_bind_text(update, 2, person_id, -1, SQLITE_STATIC);
            run(db, update, key);
        }
    }
    (void)sqlite3_finalize(insert);
    (void)sqlite3_finalize(find);
    (void)sqlite3_finalize(update);
    (void)sqlite3_finalize(person);
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    if (argc != 3) {
        fputs("usage: writer REPLICA ROWS\n", stderr);
        return 2;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) !=
        SQLITE_OK) {
        fail(db, argv[1]);
    }
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    write_rows(db, strtol(argv[2], NULL, 10));
    (void)sqlite3_close(db);
    return 0;
}
