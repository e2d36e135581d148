/* SPDX-License-Identifier: Apache-2.0 */
#include "node/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table ------------------------------------------------------------ */

/* All tables a file may be imported into, for the error. */
static int fail_table(struct database *db, const char *table, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        db,
        "SELECT group_concat(name, ', ') FROM"
        " (SELECT name FROM sync_table WHERE kind NOT IN ('control', 'local')"
        "  ORDER BY table_id)",
        &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    const char *known = (const char *)sqlite3_column_text(stmt, 0);
    rc =
        err_set(e, ERR_INPUT, "'%s' is not a table for registers; those are %s",
                table, known != NULL ? known : "none");
    (void)sqlite3_reset(stmt);
    return rc;
}

static int check_table(struct database *db, const char *table, struct err *e)
{
    struct value name = value_text(table);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(db,
                                "SELECT 1 FROM sync_table WHERE name = :name"
                                " AND kind NOT IN ('control', 'local')",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":name", &name);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        (void)sqlite3_reset(stmt);
        return 0;
    }
    return rc < 0 ? rc : fail_table(db, table, e);
}

static void take_column(struct target *t, sqlite3_stmt *stmt)
{
    struct target_column *c = &t->columns[t->count++];
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    bool not_null = sqlite3_column_int(stmt, 2) != 0;

    c->key_place = sqlite3_column_int(stmt, 4);
    c->name = strdup((const char *)sqlite3_column_text(stmt, 0));
    if (c->name == NULL || type == NULL) {
        abort();
    }
    c->form = cell_form_of(c->name, type, c->key_place > 0);
    c->has_default = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
    c->required = (not_null || c->key_place > 0) && !c->has_default;
    c->field = TARGET_NO_FIELD;
}

static int read_columns(struct target *t, struct err *e)
{
    struct value table = value_text(t->table);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(t->db,
                                "SELECT name, type, \"notnull\", dflt_value, pk"
                                " FROM pragma_table_info(:table)",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":table", &table);
    while ((rc = database_step(t->db, stmt, e)) == 1) {
        if (t->count == COLUMNS_MAX) {
            (void)sqlite3_reset(stmt);
            return err_set(e, ERR_LIMIT, "%s has more than %d columns",
                           t->table, (int)COLUMNS_MAX);
        }
        take_column(t, stmt);
    }
    return rc;
}

int target_open(struct database *db, const char *table, struct target **ret,
                struct err *e)
{
    int rc = check_table(db, table, e);
    if (rc != 0) {
        return rc;
    }
    struct target *t = calloc(1, sizeof *t);
    if (t == NULL || (t->table = strdup(table)) == NULL) {
        abort();
    }
    t->db = db;
    rc = read_columns(t, e);
    if (rc != 0) {
        target_destroy(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

void target_destroy(struct target **t_p)
{
    struct target *t = *t_p;

    *t_p = NULL;
    if (t == NULL) {
        return;
    }
    for (size_t n = 0; n < t->count; n++) {
        free(t->columns[n].name);
    }
    sqlite3_free(t->insert);
    free(t->table);
    free(t);
}

struct target_column *target_column_named(struct target *t, const char *name)
{
    for (size_t n = 0; n < t->count; n++) {
        if (strcmp(t->columns[n].name, name) == 0) {
            return &t->columns[n];
        }
    }
    return NULL;
}

const struct target_column *target_first_of_key(const struct target *t)
{
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].key_place == 1) {
            return &t->columns[n];
        }
    }
    return NULL;
}

/* --- the row -------------------------------------------------------------- */

/* INSERT of the columns given, in order, RETURNING the key: a column that is
 * left out takes its default. */
static char *compose_insert(const struct target *t)
{
    const char *comma = "";
    sqlite3_str *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendf(sql, "INSERT INTO \"%w\"(", t->table);
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].given) {
            sqlite3_str_appendf(sql, "%s\"%w\"", comma, t->columns[n].name);
            comma = ", ";
        }
    }
    sqlite3_str_appendall(sql, ") VALUES (");
    comma = "";
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].given) {
            sqlite3_str_appendf(sql, "%s?", comma);
            comma = ", ";
        }
    }
    sqlite3_str_appendall(sql, ") RETURNING ");
    comma = "";
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].key_place > 0) {
            sqlite3_str_appendf(sql, "%s\"%w\"", comma, t->columns[n].name);
            comma = " || '/' || ";
        }
    }
    return sqlite3_str_finish(sql);
}

/* Chooses the columns of the row at hand; false when they are not those of
 * the statement. */
static bool choose_columns(struct target *t)
{
    bool same = t->insert != NULL;

    for (size_t n = 0; n < t->count; n++) {
        struct target_column *c = &t->columns[n];
        bool given = c->field != TARGET_NO_FIELD &&
                     (c->cell.value.type != VALUE_NULL || !c->has_default);
        same = same && given == c->given;
        c->given = given;
    }
    return same;
}

int target_insert(struct target *t, sqlite3_stmt **ret, struct err *e)
{
    int at = 1;

    if (!choose_columns(t)) {
        sqlite3_free(t->insert);
        t->insert = compose_insert(t);
        if (t->insert == NULL) {
            abort();
        }
    }
    int rc = database_statement(t->db, t->insert, ret, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].given) {
            database_bind_at(*ret, at++, &t->columns[n].cell.value);
        }
    }
    return 0;
}

bool target_key(const struct target *t, char out[TARGET_KEY_BYTES])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t n = 0; n < t->count; n++) {
        const struct target_column *c = &t->columns[n];
        const struct value *v = &c->cell.value;
        size_t room = TARGET_KEY_BYTES - used;
        if (c->key_place == 0) {
            continue;
        }
        if (!c->given) {
            return false;
        }
        const char *slash = used > 0 ? "/" : "";
        int len =
            v->type == VALUE_INTEGER
                ? snprintf(out + used, room, "%s%lld", slash,
                           (long long)v->integer)
                : snprintf(out + used, room, "%s%.*s", slash, (int)v->bytes.len,
                           (const char *)v->bytes.data);
        used += (size_t)len;
        if (used >= TARGET_KEY_BYTES) {
            return false;
        }
    }
    return used > 0;
}
