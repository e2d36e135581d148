/* SPDX-License-Identifier: Apache-2.0 */
#include "store/feed.h"

#include <stdlib.h>
#include <string.h>

struct feed {
    struct database *db;
    char **names; /* owned; of the tables asked for */
    size_t count;
    int64_t rows; /* in local_changed, as far as this transaction knows */
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

static void forget(struct feed *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->names[i]);
    }
    free(f->names);
    f->names = NULL;
    f->count = 0;
}

void feed_destroy(struct feed **f)
{
    if (*f == NULL) {
        return;
    }
    forget(*f);
    free(*f);
    *f = NULL;
}

/* Numbers are given one by one and cleared from the front. */
static int count_rows(struct feed *f, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        f->db,
        "SELECT coalesce(max(changed_id) - min(changed_id) + 1, 0)"
        " FROM local_changed",
        &stmt, e);
    if (rc == 0) {
        rc = database_step(f->db, stmt, e);
    }
    if (rc == 1) {
        f->rows = sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt);
        rc = 0;
    }
    return rc;
}

int feed_start(struct feed *f, struct err *e)
{
    sqlite3_stmt *stmt;
    forget(f);
    int rc = database_statement(
        f->db, "SELECT table_name FROM local_subscription", &stmt, e);
    while (rc == 0 && (rc = database_step(f->db, stmt, e)) == 1) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        rc = 0;
        if (f->count == CERTIFICATE_TABLES_MAX) {
            (void)sqlite3_reset(stmt);
            break; /* more than there are tables */
        }
        f->names = realloc(f->names, (f->count + 1) * sizeof *f->names);
        if (f->names == NULL ||
            (f->names[f->count] = strdup(name == NULL ? "" : name)) == NULL) {
            abort();
        }
        f->count++;
    }
    return rc == 0 && f->count > 0 ? count_rows(f, e) : rc;
}

static bool is_asked_for(const struct feed *f, const struct table *t)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->names[i], t->name) == 0) {
            return true;
        }
    }
    return false;
}

static int start_over(struct feed *f, struct err *e)
{
    f->rows = 0;
    return database_run(f->db,
                        "DELETE FROM local_changed;"
                        "UPDATE local_subscription SET start_over = 1",
                        e);
}

int feed_row(struct feed *f, const struct table *t, const struct value *key,
             struct err *e)
{
    static const char sql[] =
        "INSERT INTO local_changed(table_name, k1, k2, k3)"
        " VALUES(?1, ?2, ?3, ?4)";
    sqlite3_stmt *stmt;
    if (!is_asked_for(f, t)) {
        return 0;
    }
    int rc = f->rows >= FEED_ROWS_MAX ? start_over(f, e) : 0;
    if (rc == 0) {
        rc = database_statement(f->db, sql, &stmt, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct value name = value_text(t->name);
    database_bind_at(stmt, 1, &name);
    for (size_t i = 0; i < t->key_count; i++) {
        database_bind_at(stmt, (int)i + 2, &key[i]);
    }
    f->rows++;
    return database_done(f->db, stmt, e);
}
