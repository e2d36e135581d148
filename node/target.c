/* SPDX-License-Identifier: Apache-2.0 */
#include "node/target.h"

#include "protocol/bytes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table ------------------------------------------------------------ */

/* Tables that are kept by the node or a tool, and not from a file. */
static const struct {
    const char *table;
    const char *why;
} kept[] = {
    {"ref_node_number", "headquarters' node issues these numbers itself"},
    {"local_import_row", "the import itself writes it"},
    {"local_register", "an import of people writes it (name and key in the "
                       "mapping file)"},
    {"local_register_row", "the import itself writes it"},
    {"local_counter", "the node writes it; sangam number takes a number"},
    {"local_number", "the node writes it; sangam number takes a number"},
    {"local_biometric", "it holds fingerprints, which no text file can"},
    {"local_invite", "sangam invite writes it"},
    {"local_scrub", "the node writes it"},
    {"local_scrub_finding", "the node writes it"},
    {"local_feed", "the programs that follow it write it"},
};

static const char *why_kept(const char *table)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (strcmp(kept[i].table, table) == 0) {
            return kept[i].why;
        }
    }
    return NULL;
}

/* All tables a file may be imported into, for the error. */
static int fail_table(struct database *db, const char *table, struct err *e)
{
    char known[ERR_TEXT_BYTES] = "";
    size_t used = 0;
    sqlite3_stmt *stmt = NULL;
    int rc =
        database_statement(db,
                           "SELECT name FROM sync_table WHERE kind <> 'control'"
                           " ORDER BY kind = 'local', table_id",
                           &stmt, e);
    while (rc == 0 && (rc = database_step(db, stmt, e)) == 1) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (why_kept(name) == NULL && used < sizeof known) {
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                     used > 0 ? ", " : "", name);
        }
        rc = 0;
    }
    return rc < 0 ? rc
                  : err_set(e, ERR_INPUT,
                            "'%s' is not a table for registers; those are %s",
                            table, known);
}

static int check_table(struct database *db, const char *table, struct err *e)
{
    struct value name = value_text(table);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(db,
                                "SELECT 1 FROM sync_table WHERE name = :name"
                                " AND kind <> 'control'",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":name", &name);
    rc = database_step(db, stmt, e);
    (void)sqlite3_reset(stmt);
    if (rc == 1 && why_kept(table) != NULL) {
        return err_set(e, ERR_INPUT, "nothing is imported into %s: %s", table,
                       why_kept(table));
    }
    return rc == 1 ? 0 : rc < 0 ? rc : fail_table(db, table, e);
}

int target_may_write(const struct target *t, struct err *e)
{
    struct value name = value_text(t->table);
    sqlite3_stmt *stmt = NULL;
    int rc =
        database_statement(t->db,
                           "SELECT s.site_id FROM sync_table t, sync_self s"
                           " WHERE t.name = :name AND t.kind = 'reference'"
                           " AND s.parent IS NOT NULL",
                           &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":name", &name);
    rc = database_step(t->db, stmt, e);
    if (rc == 1) {
        rc =
            err_set(e, ERR_INPUT,
                    "%s is written at headquarters, and comes to %s from there",
                    t->table, (const char *)sqlite3_column_text(stmt, 0));
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

static void take_column(struct target *t, sqlite3_stmt *stmt)
{
    struct target_column *c = &t->columns[t->count++];
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    bool not_null = sqlite3_column_int(stmt, 2) != 0;

    c->key_place = sqlite3_column_int(stmt, 4);
    c->name = strdup((const char *)sqlite3_column_text(stmt, 0));
    c->shown = strdup((const char *)sqlite3_column_text(stmt, 0));
    if (c->name == NULL || c->shown == NULL || type == NULL) {
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
        free(t->columns[n].shown);
        bytes_free(&t->columns[n].stands);
    }
    sqlite3_free(t->insert);
    sqlite3_free(t->there);
    sqlite3_free(t->find);
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

static void put_where_key(const struct target *t, sqlite3_str *sql)
{
    const char *and = " WHERE ";
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].key_place > 0) {
            sqlite3_str_appendf(sql, "%s\"%w\" = ?", and, t->columns[n].name);
            and = " AND ";
        }
    }
}

/* SELECT of the columns given, in order, of the row with a key. */
static char *compose_there(const struct target *t)
{
    const char *comma = "";
    sqlite3_str *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendall(sql, "SELECT ");
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].given) {
            sqlite3_str_appendf(sql, "%s\"%w\"", comma, t->columns[n].name);
            comma = ", ";
        }
    }
    sqlite3_str_appendf(sql, " FROM \"%w\"", t->table);
    put_where_key(t, sql);
    return sqlite3_str_finish(sql);
}

/* Chooses the columns of the row at hand; false when they are not those of
 * the statement. */
static bool choose_columns(struct target *t)
{
    bool same = t->insert != NULL;

    for (size_t n = 0; n < t->count; n++) {
        struct target_column *c = &t->columns[n];
        bool given =
            c->used && (c->cell.value.type != VALUE_NULL || !c->has_default);
        same = same && given == c->given;
        c->given = given;
    }
    return same;
}

static void prepare_columns(struct target *t)
{
    if (choose_columns(t)) {
        return;
    }
    sqlite3_free(t->insert);
    sqlite3_free(t->there);
    t->insert = compose_insert(t);
    t->there = compose_there(t);
    if (t->insert == NULL || t->there == NULL) {
        abort();
    }
}

int target_insert(struct target *t, sqlite3_stmt **ret, struct err *e)
{
    int at = 1;

    prepare_columns(t);
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

/* --- rows that are there --------------------------------------------------- */

bool target_compares(const struct target_column *c)
{
    return c->given && c->key_place == 0 &&
           (c->cell.value.type != VALUE_NULL || !c->required);
}

static void compare(struct target *t, sqlite3_stmt *stmt)
{
    int at = 0;

    for (size_t n = 0; n < t->count; n++) {
        struct target_column *c = &t->columns[n];
        c->differs = false;
        if (!c->given) {
            continue;
        }
        struct value stands = database_column(stmt, at++);
        c->differs =
            target_compares(c) && !value_equal(&stands, &c->cell.value);
        if (c->differs) {
            cell_print(&stands, &c->stands);
        }
    }
}

const struct target_column *target_difference(const struct target *t)
{
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].differs) {
            return &t->columns[n];
        }
    }
    return NULL;
}

static bool has_key(const struct target *t)
{
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].key_place > 0 && !t->columns[n].given) {
            return false;
        }
    }
    return true;
}

/* The key given, or (NULL) that of the row at hand, from parameter `at` on. */
static void bind_key(struct target *t, sqlite3_stmt *stmt, int at,
                     const struct value *key)
{
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].key_place > 0) {
            database_bind_at(stmt, at++,
                             key != NULL ? key : &t->columns[n].cell.value);
        }
    }
}

int target_there(struct target *t, const struct value *key, bool *ret_there,
                 struct err *e)
{
    sqlite3_stmt *stmt = NULL;

    prepare_columns(t);
    *ret_there = false;
    if (key == NULL && !has_key(t)) {
        return 0; /* it is left to a default */
    }
    int rc = database_statement(t->db, t->there, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bind_key(t, stmt, 1, key);
    rc = database_step(t->db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    *ret_there = rc == 1;
    if (rc == 1) {
        compare(t, stmt);
    }
    (void)sqlite3_reset(stmt);
    return 0;
}

static void compose_update(const struct target *t, sqlite3_str *sql)
{
    const char *comma = "";

    sqlite3_str_appendf(sql, "UPDATE \"%w\" SET ", t->table);
    for (size_t n = 0; n < t->count; n++) {
        if (t->columns[n].changes) {
            sqlite3_str_appendf(sql, "%s\"%w\" = ?", comma, t->columns[n].name);
            comma = ", ";
        }
    }
    put_where_key(t, sql);
}

int target_update(struct target *t, const struct value *key, sqlite3_stmt **ret,
                  struct err *e)
{
    int at = 1;
    sqlite3_str *str = sqlite3_str_new(NULL);

    compose_update(t, str);
    char *sql = sqlite3_str_finish(str);
    if (sql == NULL) {
        abort();
    }
    int rc = database_statement(t->db, sql, ret, e);
    sqlite3_free(sql);
    for (size_t n = 0; rc == 0 && n < t->count; n++) {
        if (t->columns[n].changes) {
            database_bind_at(*ret, at++, &t->columns[n].cell.value);
        }
    }
    if (rc == 0) {
        bind_key(t, *ret, at, key);
    }
    return rc;
}

static bool finds_same(const struct target *t,
                       const struct target_match *matches, size_t count)
{
    bool same = t->find != NULL && count == t->find_count;
    for (size_t i = 0; same && i < count; i++) {
        same = t->finds[i] == matches[i].column;
    }
    return same;
}

static void prepare_find(struct target *t, const struct target_match *matches,
                         size_t count)
{
    if (finds_same(t, matches, count)) {
        return;
    }
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT \"%w\" FROM \"%w\" WHERE",
                        target_first_of_key(t)->name, t->table);
    for (size_t i = 0; i < count; i++) {
        sqlite3_str_appendf(sql, "%s \"%w\" = ?", i > 0 ? " AND" : "",
                            matches[i].column->name);
        t->finds[i] = matches[i].column;
    }
    sqlite3_str_appendall(sql, " LIMIT 2");
    sqlite3_free(t->find);
    t->find_count = count;
    t->find = sqlite3_str_finish(sql);
    if (t->find == NULL) {
        abort();
    }
}

int target_find(struct target *t, const struct target_match *matches,
                size_t count, struct bytes *ret_key, int *ret_count,
                struct err *e)
{
    sqlite3_stmt *stmt = NULL;

    assert(count > 0 && count <= TARGET_MATCHES_MAX);
    prepare_find(t, matches, count);
    int rc = database_statement(t->db, t->find, &stmt, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        database_bind_at(stmt, (int)i + 1, &matches[i].value);
    }
    *ret_count = 0;
    while (rc == 0 && (rc = database_step(t->db, stmt, e)) == 1) {
        if ((*ret_count)++ == 0) {
            const char *key = (const char *)sqlite3_column_text(stmt, 0);
            bytes_clear(ret_key);
            bytes_put(ret_key, key, strlen(key) + 1);
        }
        rc = 0;
    }
    return rc;
}
