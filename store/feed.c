/* SPDX-License-Identifier: Apache-2.0 */
#include "store/feed.h"

#include <stdlib.h>

#include "protocol/limits.h"

struct feed {
    struct database *db;
    uint32_t tables[CERTIFICATE_TABLES_MAX]; /* somebody wants to be told of */
    size_t count;
};

struct feed *feed_new(struct database *db)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL) {
        abort();
    }
    f->db = db;
    return f;
}

void feed_destroy(struct feed **f)
{
    free(*f);
    *f = NULL;
}

/* Asks for each of our tables: local_feed may hold anything, and any number of
 * rows. */
int feed_start(struct feed *f, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        f->db,
        "SELECT table_id FROM sync_table AS t WHERE kind <> 'local' AND EXISTS"
        " (SELECT 1 FROM local_feed WHERE table_name = t.name) LIMIT :tables",
        &stmt, e);
    f->count = 0;
    if (rc != 0) {
        return rc;
    }
    const struct value tables = value_integer(CERTIFICATE_TABLES_MAX);
    database_bind(stmt, ":tables", &tables);
    while ((rc = database_step(f->db, stmt, e)) == 1) {
        f->tables[f->count++] = (uint32_t)sqlite3_column_int64(stmt, 0);
    }
    return rc;
}

static bool is_wanted(const struct feed *f, const struct table *t)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->tables[i] == t->id) {
            return true;
        }
    }
    return false;
}

static int append(struct feed *f, const struct table *t,
                  const struct value *key, struct err *e)
{
    const struct value table = value_integer(t->id);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        f->db,
        "INSERT INTO sync_change(table_id, k1, k2, k3) VALUES(?1, ?2, ?3, ?4)",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &table);
    for (size_t i = 0; i < t->key_count; i++) {
        database_bind_at(stmt, (int)i + 2, &key[i]);
    }
    return database_done(f->db, stmt, e);
}

static int drop_old(struct feed *f, struct err *e)
{
    sqlite3_int64 last = sqlite3_last_insert_rowid(database_handle(f->db));
    const struct value old = value_integer(last - FEED_CHANGES_MAX);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        f->db, "DELETE FROM sync_change WHERE change_id <= :old", &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":old", &old);
    return database_done(f->db, stmt, e);
}

int feed_note(struct feed *f, const struct table *t, const struct value *key,
              struct err *e)
{
    if (!is_wanted(f, t)) {
        return 0;
    }
    int rc = append(f, t, key, e);
    return rc == 0 ? drop_old(f, e) : rc;
}

/* A gap before the one row that stays: whoever has taken all there was sees
 * that something is missing. */
int feed_break(struct database *db, struct err *e)
{
    return database_run(db,
                        "INSERT INTO sync_change(change_id, table_id)"
                        " SELECT coalesce(max(change_id), 0) + 2, 0"
                        " FROM sync_change;"
                        "DELETE FROM sync_change WHERE change_id <"
                        " (SELECT max(change_id) FROM sync_change);",
                        e);
}
