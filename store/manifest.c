/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest.h"

#include "protocol/certificate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the table itself says of a manifest column; same index. */
struct declared {
    bool found;
    int key_place; /* from 1; 0: not in the primary key */
    char type[16];
};

bool policy_is_fixed(enum policy policy)
{
    switch (policy) {
    case POLICY_KEY:
    case POLICY_ORIGIN:
    case POLICY_FIXED:
        return true;
    case POLICY_LWW:
    case POLICY_OWNER:
        return false;
    }
    return false;
}

/* ---- small things --------------------------------------------------------- */

/* "table X: ...": what is wrong, then what to do. */
static int refuse(struct err *e, const struct table *t, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct err *e, const struct table *t, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(e, ERR_CONFIG, "table %s: %s", t->name, text);
}

static void *make(size_t count, size_t bytes)
{
    void *made = calloc(count == 0 ? 1 : count, bytes);
    if (made == NULL) {
        abort();
    }
    return made;
}

/* The text of a column of a result; "" for NULL. Borrowed. */
static const char *text_at(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text == NULL ? "" : text;
}

static bool is_null_at(sqlite3_stmt *stmt, int at)
{
    return sqlite3_column_type(stmt, at) == SQLITE_NULL;
}

/* Ends a walk over a result with what it came to. */
static int finish(sqlite3_stmt *stmt, int code)
{
    if (stmt != NULL) {
        (void)sqlite3_reset(stmt);
    }
    return code;
}

static char *copy_at(sqlite3_stmt *stmt, int at)
{
    const char *text = text_at(stmt, at);
    char *copy = make(strlen(text) + 1, 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

/* A statement about one table, bound to its name. */
static int ask(struct database *db, const char *sql, const char *name,
               sqlite3_stmt **ret, struct err *e)
{
    int code = database_statement(db, sql, ret, e);
    if (code == 0) {
        const struct value value = value_text(name);
        database_bind_at(*ret, 1, &value);
    }
    return code;
}

/* ---- classes -------------------------------------------------------------- */

static int load_class(struct manifest *m, int64_t id, struct err *e)
{
    if (id < 1 || id > UINT16_MAX) {
        return err_set(e, ERR_CONFIG,
                       "sync_class: class %" PRId64
                       " is out of range; use 1 to %d",
                       id, UINT16_MAX);
    }
    if (m->class_count == CERTIFICATE_CLASSES_MAX) {
        return err_set(e, ERR_CONFIG,
                       "sync_class: more than %d classes; use fewer",
                       (int)CERTIFICATE_CLASSES_MAX);
    }
    m->classes[m->class_count++] = (uint16_t)id;
    return 0;
}

static int load_classes(struct database *db, struct manifest *m, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db, "SELECT class_id FROM sync_class ORDER BY class_id", &stmt, e);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = load_class(m, sqlite3_column_int64(stmt, 0), e);
    }
    return finish(stmt, code);
}

static bool has_class(const struct manifest *m, int64_t id)
{
    for (size_t i = 0; i < m->class_count; i++) {
        if (m->classes[i] == id) {
            return true;
        }
    }
    return false;
}

/* ---- a table as sync_table and sync_column have it ------------------------ */

static const char *const kind_words[] = {
    [TABLE_CONTROL] = "control",
    [TABLE_EVENT] = "event",
    [TABLE_RECORD] = "record",
    [TABLE_REFERENCE] = "reference",
};

static const char *const policy_words[] = {
    [POLICY_KEY] = "key", [POLICY_ORIGIN] = "origin", [POLICY_FIXED] = "fixed",
    [POLICY_LWW] = "lww", [POLICY_OWNER] = "owner",
};

static const char *const route_words[] = {
    [SCOPE_ALL] = "all",
    [SCOPE_SITE] = "site",
    [SCOPE_DISTRICT_OF] = "district-of",
    [SCOPE_PERSON] = "person",
};

/* The place of a word of `len` bytes, or `count`. */
static size_t word_at(const char *const *words, size_t count, const char *word,
                      size_t len)
{
    size_t at = 0;
    while (at < count &&
           (strlen(words[at]) != len || memcmp(words[at], word, len) != 0)) {
        at++;
    }
    return at;
}

static int load_column(const struct manifest *m, struct table *t,
                       sqlite3_stmt *stmt, struct err *e)
{
    const size_t policies = sizeof policy_words / sizeof policy_words[0];
    const char *name = text_at(stmt, 1);
    const char *policy = text_at(stmt, 3);
    int64_t id = sqlite3_column_int64(stmt, 0);
    int64_t class_id = sqlite3_column_int64(stmt, 2);
    size_t policy_at = word_at(policy_words, policies, policy, strlen(policy));
    /* 0 says "the row was inserted" in a capture, and control tables, where
     * nothing is captured, use it for their key. */
    int64_t first = t->kind == TABLE_CONTROL ? 0 : 1;

    if (t->column_count == COLUMNS_MAX) {
        return refuse(e, t, "more than %d columns; split it", (int)COLUMNS_MAX);
    }
    if (id < first || id > UINT16_MAX) {
        return refuse(e, t,
                      "column %s has id %" PRId64 "; use %" PRId64 " to %d",
                      name, id, first, UINT16_MAX);
    }
    if (!has_class(m, class_id)) {
        return refuse(e, t,
                      "column %s has class %" PRId64
                      ", which is not in sync_class; add the class",
                      name, class_id);
    }
    if (policy_at == policies) {
        return refuse(e, t,
                      "column %s has the policy '%s'; use key, origin, fixed, "
                      "lww or owner",
                      name, policy);
    }
    if (table_column_named(t, name) != NULL) {
        return refuse(e, t, "column %s has two ids; keep the first", name);
    }
    t->columns[t->column_count++] = (struct column){
        .id = (uint16_t)id,
        .class_id = (uint16_t)class_id,
        .policy = (enum policy)policy_at,
        .name = copy_at(stmt, 1),
    };
    return 0;
}

static int load_columns(struct database *db, const struct manifest *m,
                        struct table *t, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT column_id, name, class_id, policy FROM sync_column"
        " WHERE table_id = :table ORDER BY column_id",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    const struct value id = value_integer(t->id);
    database_bind(stmt, ":table", &id);
    t->columns = make(COLUMNS_MAX, sizeof *t->columns);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = load_column(m, t, stmt, e);
    }
    return finish(stmt, code);
}

/* Key, origin, and the columns that route and owner_column name. */
static int resolve_columns(struct table *t, const char *route,
                           const char *owner, struct err *e)
{
    const size_t routes = sizeof route_words / sizeof route_words[0];
    const char *colon = strchr(route, ':');
    size_t word_len = colon == NULL ? strlen(route) : (size_t)(colon - route);
    size_t kind = word_at(route_words, routes, route, word_len);

    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->policy == POLICY_KEY) {
            if (t->key_count == KEY_COLUMNS_MAX) {
                return refuse(e, t, "more than %d key columns; use fewer",
                              (int)KEY_COLUMNS_MAX);
            }
            t->key[t->key_count++] = c;
        }
        if (c->policy == POLICY_ORIGIN) {
            if (t->origin_column != NULL) {
                return refuse(e, t,
                              "two columns have the policy origin; keep "
                              "one");
            }
            t->origin_column = c;
        }
    }
    if (kind == routes || (kind == SCOPE_ALL) != (colon == NULL)) {
        return refuse(e, t,
                      "the route '%s' is not known; use all, site:COLUMN, "
                      "district-of:COLUMN or person:COLUMN",
                      route);
    }
    t->route = (enum scope_kind)kind;
    if (colon != NULL) {
        t->route_column = table_column_named(t, colon + 1);
        if (t->route_column == NULL) {
            return refuse(e, t,
                          "the route names column %s, which sync_column does "
                          "not have; add it",
                          colon + 1);
        }
    }
    if (owner[0] != '\0') {
        t->owner_column = table_column_named(t, owner);
        if (t->owner_column == NULL) {
            return refuse(e, t,
                          "owner_column names %s, which sync_column does not "
                          "have; add it",
                          owner);
        }
    }
    return 0;
}

static int check_ids(const struct manifest *m, const struct table *t,
                     int64_t id, bool has_base, int64_t base, struct err *e)
{
    int64_t first = t->kind == TABLE_CONTROL ? 1 : TABLE_CONTROL_MAX + 1;
    int64_t last = t->kind == TABLE_CONTROL ? TABLE_CONTROL_MAX : UINT16_MAX;
    if (id < first || id > last) {
        return refuse(
            e, t, "has id %" PRId64 "; a %s table has %" PRId64 " to %" PRId64,
            id, kind_words[t->kind], first, last);
    }
    if (!has_base || !has_class(m, base)) {
        return refuse(e, t,
                      "its base_class is not in sync_class; name the "
                      "class of its key");
    }
    return 0;
}

/* Fills `t`, which the manifest owns already, from a row of sync_table. */
static int load_table(const struct manifest *m, struct table *t,
                      sqlite3_stmt *stmt, struct err *e)
{
    const size_t kinds = sizeof kind_words / sizeof kind_words[0];
    const char *kind = text_at(stmt, 2);
    size_t kind_at = word_at(kind_words, kinds, kind, strlen(kind));
    t->name = copy_at(stmt, 1);
    if (kind_at == kinds) {
        return refuse(e, t,
                      "has the kind '%s'; use event, record, reference or "
                      "local",
                      kind);
    }
    if (manifest_table_named(m, t->name) != t) {
        return refuse(e, t, "is in sync_table twice; keep the first");
    }
    t->kind = (enum table_kind)kind_at;
    int code =
        check_ids(m, t, sqlite3_column_int64(stmt, 0), !is_null_at(stmt, 3),
                  sqlite3_column_int64(stmt, 3), e);
    t->id = (uint32_t)sqlite3_column_int64(stmt, 0);
    t->base_class = (uint16_t)sqlite3_column_int64(stmt, 3);
    return code;
}

/* ---- the table itself ----------------------------------------------------- */

static int check_is_strict(struct database *db, const struct table *t,
                           bool *ret_without_rowid, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = ask(db,
                   "SELECT type, strict, wr FROM pragma_table_list"
                   " WHERE schema = 'main' AND name = ?1",
                   t->name, &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    if (code == 0 || strcmp(text_at(stmt, 0), "table") != 0) {
        code = refuse(e, t,
                      "there is no such table; create it, or take it "
                      "out of sync_table");
    } else if (sqlite3_column_int(stmt, 1) == 0) {
        code = refuse(e, t,
                      "is not STRICT, so that two sites could store one "
                      "value in two types; create it as STRICT");
    } else {
        *ret_without_rowid = sqlite3_column_int(stmt, 2) != 0;
        code = 0;
    }
    return finish(stmt, code);
}

/* Is a default computed, that is, not a literal? */
static bool is_minted(const char *default_sql)
{
    return (default_sql[0] != '\'' && strchr(default_sql, '(') != NULL) ||
           sqlite3_strnicmp(default_sql, "CURRENT_", 8) == 0;
}

static int read_declared_column(struct table *t, sqlite3_stmt *stmt,
                                struct declared *declared, struct err *e)
{
    const char *name = text_at(stmt, 0);
    int hidden = sqlite3_column_int(stmt, 5);
    const struct column *found = table_column_named(t, name);
    if (hidden != 0) {
        /* generated: every replica computes it from the others */
        return found == NULL ? 0
                             : refuse(e, t,
                                      "column %s is generated; take it out of "
                                      "sync_column",
                                      name);
    }
    if (found == NULL) {
        return refuse(e, t,
                      "column %s is not in sync_column; give it an id, a "
                      "class and a policy there",
                      name);
    }
    size_t at = (size_t)(found - t->columns);
    struct column *c = &t->columns[at];
    struct declared *d = &declared[at];
    d->found = true;
    (void)snprintf(d->type, sizeof d->type, "%s", text_at(stmt, 1));
    d->key_place = sqlite3_column_int(stmt, 4);
    c->not_null = sqlite3_column_int(stmt, 2) != 0;
    c->any = sqlite3_stricmp(d->type, "ANY") == 0;
    c->varies = c->any || sqlite3_stricmp(d->type, "TEXT") == 0 ||
                sqlite3_stricmp(d->type, "BLOB") == 0;
    if (!is_null_at(stmt, 3)) {
        c->default_sql = copy_at(stmt, 3);
        c->minted = is_minted(c->default_sql);
    }
    return 0;
}

static int read_declared(struct database *db, struct table *t,
                         struct declared *declared, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = ask(db,
                   "SELECT name, type, \"notnull\", dflt_value, pk, hidden"
                   " FROM pragma_table_xinfo(?1)",
                   t->name, &stmt, e);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = read_declared_column(t, stmt, declared, e);
    }
    code = finish(stmt, code);
    for (size_t i = 0; code == 0 && i < t->column_count; i++) {
        if (!declared[i].found) {
            code = refuse(e, t,
                          "sync_column has column %s, which the table has "
                          "not; add it to the table",
                          t->columns[i].name);
        }
    }
    return code;
}

/* The primary key is the columns of policy key, in order of their ids. In a
 * STRICT table they are NOT NULL of themselves. */
static int check_key(const struct table *t, const struct declared *declared,
                     bool without_rowid, struct err *e)
{
    size_t places = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        places += declared[i].key_place > 0 ? 1 : 0;
    }
    if (places == 0) {
        return refuse(e, t,
                      "has no primary key; declare one, or its rows "
                      "have no name at other sites");
    }
    bool same = places == t->key_count;
    for (size_t i = 0; same && i < t->key_count; i++) {
        size_t at = (size_t)(t->key[i] - t->columns);
        same = declared[at].key_place == (int)i + 1;
    }
    if (!same) {
        return refuse(e, t,
                      "the primary key is not its columns of policy key "
                      "in order of their ids; make them the same");
    }
    for (size_t i = 0; i < t->key_count; i++) {
        const struct declared *d = &declared[t->key[i] - t->columns];
        const char *name = t->key[i]->name;
        if (t->key[i]->any || sqlite3_stricmp(d->type, "REAL") == 0) {
            return refuse(e, t,
                          "key column %s is %s, in which two values can be "
                          "equal and not the same; use TEXT, INTEGER or BLOB",
                          name, d->type);
        }
        if (t->key_count == 1 && !without_rowid &&
            sqlite3_stricmp(d->type, "INTEGER") == 0) {
            return refuse(e, t,
                          "key %s is INTEGER PRIMARY KEY (with or without "
                          "AUTOINCREMENT), which two sites hand out twice; "
                          "use a UUID as TEXT",
                          name);
        }
    }
    return 0;
}

static int check_key_collation(struct database *db, const struct table *t,
                               struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = ask(db,
                   "SELECT x.name, x.coll FROM pragma_index_list(?1) l,"
                   " pragma_index_xinfo(l.name) x"
                   " WHERE l.origin = 'pk' AND x.key = 1"
                   " AND x.coll <> 'BINARY'",
                   t->name, &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code != 1) {
        return code;
    }
    code = refuse(e, t,
                  "key column %s has the collation %s, under which two keys "
                  "of two sites are one row; leave the collation out",
                  text_at(stmt, 0), text_at(stmt, 1));
    return finish(stmt, code);
}

static int check_unique(struct database *db, const struct table *t,
                        struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = ask(db,
                   "SELECT name FROM pragma_index_list(?1)"
                   " WHERE \"unique\" AND origin <> 'pk'",
                   t->name, &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code != 1) {
        return code;
    }
    code = refuse(e, t,
                  "%s is UNIQUE beside the key, which two sites that are "
                  "offline can break; make it an ordinary index and report "
                  "the doubles",
                  text_at(stmt, 0));
    return finish(stmt, code);
}

static int check_foreign_keys(struct database *db, const struct table *t,
                              struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = ask(db,
                   "SELECT \"from\", \"table\" FROM"
                   " pragma_foreign_key_list(?1)"
                   " WHERE on_delete <> 'NO ACTION'"
                   " OR on_update <> 'NO ACTION'",
                   t->name, &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code != 1) {
        return code;
    }
    code = refuse(e, t,
                  "the foreign key of %s to %s has an action, which would "
                  "change rows that nobody wrote; leave ON DELETE and ON "
                  "UPDATE out",
                  text_at(stmt, 0), text_at(stmt, 1));
    return finish(stmt, code);
}

/* ---- rules between the two ------------------------------------------------ */

/* The columns that say what a row is and where it goes are there whenever the
 * row is, and do not change. */
static int check_anchor(const struct table *t, const struct column *c,
                        const char *what, struct err *e)
{
    if (c == NULL) {
        return 0;
    }
    if (!policy_is_fixed(c->policy)) {
        return refuse(e, t, "%s column %s may change; give it the policy fixed",
                      what, c->name);
    }
    if (c->class_id != t->base_class) {
        return refuse(e, t,
                      "%s column %s is not in the base class; put it there",
                      what, c->name);
    }
    if (!c->not_null) {
        return refuse(e, t, "%s column %s may be NULL; declare it NOT NULL",
                      what, c->name);
    }
    return 0;
}

static int check_anchors(const struct table *t, struct err *e)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < t->key_count; i++) {
        code = check_anchor(t, t->key[i], "key", e);
    }
    if (code == 0) {
        code = check_anchor(t, t->route_column, "route", e);
    }
    if (code == 0) {
        code = check_anchor(t, t->owner_column, "owner", e);
    }
    if (code == 0) {
        code = check_anchor(t, t->origin_column, "origin", e);
    }
    return code;
}

/* Where a reader of the base class sees the row, an overlay column is NULL.
 * That no CHECK spans two classes is for the review of a schema step: SQLite
 * does not say which columns a CHECK names. */
static int check_overlays(const struct table *t, struct err *e)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->class_id == t->base_class) {
            continue;
        }
        if (c->not_null) {
            return refuse(e, t,
                          "column %s is NOT NULL, but nodes that may not read "
                          "class %d hold it as NULL; drop NOT NULL",
                          c->name, c->class_id);
        }
        if (c->default_sql != NULL) {
            return refuse(e, t,
                          "column %s has a default, which nodes that may not "
                          "read class %d would show as written; drop it",
                          c->name, c->class_id);
        }
    }
    return 0;
}

static int check_policies(const struct table *t, struct err *e)
{
    const struct column *owned = NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (t->kind == TABLE_EVENT && !policy_is_fixed(c->policy)) {
            return refuse(e, t,
                          "column %s has the policy %s, but events never "
                          "change; use key, fixed or origin",
                          c->name, policy_words[c->policy]);
        }
        owned = c->policy == POLICY_OWNER ? c : owned;
    }
    if (owned != NULL && t->owner_column == NULL) {
        return refuse(e, t,
                      "column %s has the policy owner, but the table has no "
                      "owner_column; name it in sync_table",
                      owned->name);
    }
    if (owned == NULL && t->owner_column != NULL) {
        return refuse(e, t,
                      "has an owner_column, but no column of policy "
                      "owner; leave it out of sync_table");
    }
    if (t->kind == TABLE_REFERENCE &&
        (t->origin_column != NULL || owned != NULL)) {
        return refuse(e, t,
                      "is written at the root alone; use key, fixed and "
                      "lww");
    }
    return 0;
}

static int check_table(struct database *db, struct table *t, struct err *e)
{
    struct declared declared[COLUMNS_MAX] = {0};
    bool without_rowid = false;
    int code = check_is_strict(db, t, &without_rowid, e);
    if (code == 0) {
        code = read_declared(db, t, declared, e);
    }
    if (code == 0) {
        code = check_key(t, declared, without_rowid, e);
    }
    if (code == 0) {
        code = check_key_collation(db, t, e);
    }
    if (code == 0) {
        code = check_unique(db, t, e);
    }
    if (code == 0) {
        code = check_foreign_keys(db, t, e);
    }
    if (code == 0) {
        code = check_anchors(t, e);
    }
    if (code == 0) {
        code = check_policies(t, e);
    }
    if (code == 0) {
        code = check_overlays(t, e);
    }
    return code;
}

/* ---- the whole ------------------------------------------------------------ */

static int check_no_orphans(struct database *db, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT table_id, name FROM sync_column WHERE table_id NOT IN"
        " (SELECT table_id FROM sync_table WHERE kind <> 'local') LIMIT 1",
        &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code != 1) {
        return code;
    }
    code = err_set(e, ERR_CONFIG,
                   "sync_column: column %s belongs to table %d, which is not "
                   "replicated; take it out, or add the table to sync_table",
                   text_at(stmt, 1), sqlite3_column_int(stmt, 0));
    return finish(stmt, code);
}

static int load_next_table(struct database *db, struct manifest *m,
                           sqlite3_stmt *stmt, struct err *e)
{
    if (m->table_count == CERTIFICATE_TABLES_MAX) {
        return err_set(e, ERR_CONFIG,
                       "sync_table: more than %d tables; use fewer",
                       (int)CERTIFICATE_TABLES_MAX);
    }
    struct table *t = &m->tables[m->table_count++];
    int code = load_table(m, t, stmt, e);
    if (code == 0) {
        code = load_columns(db, m, t, e);
    }
    if (code == 0) {
        code = resolve_columns(t, text_at(stmt, 4), text_at(stmt, 5), e);
    }
    return code;
}

static int load_tables(struct database *db, struct manifest *m, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT table_id, name, kind, base_class, route, owner_column"
        " FROM sync_table WHERE kind <> 'local' ORDER BY table_id",
        &stmt, e);
    m->tables = make(CERTIFICATE_TABLES_MAX, sizeof *m->tables);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = load_next_table(db, m, stmt, e);
    }
    return finish(stmt, code);
}

int manifest_load(struct database *db, struct manifest **ret, struct err *e)
{
    struct manifest *m = make(1, sizeof *m);
    int code = load_classes(db, m, e);
    if (code == 0) {
        code = load_tables(db, m, e);
    }
    if (code == 0) {
        code = check_no_orphans(db, e);
    }
    for (size_t i = 0; code == 0 && i < m->table_count; i++) {
        code = check_table(db, &m->tables[i], e);
    }
    if (code != 0) {
        manifest_destroy(&m);
        return code;
    }
    *ret = m;
    return 0;
}

void manifest_destroy(struct manifest **m_p)
{
    struct manifest *m = *m_p;
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->table_count; i++) {
        struct table *t = &m->tables[i];
        for (size_t j = 0; j < t->column_count; j++) {
            free(t->columns[j].name);
            free(t->columns[j].default_sql);
        }
        free(t->columns);
        free(t->name);
    }
    free(m->tables);
    free(m);
    *m_p = NULL;
}

const struct table *manifest_table(const struct manifest *m, uint32_t id)
{
    size_t low = 0;
    size_t high = m->table_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->tables[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < m->table_count && m->tables[low].id == id ? &m->tables[low]
                                                           : NULL;
}

const struct table *manifest_table_named(const struct manifest *m,
                                         const char *name)
{
    for (size_t i = 0; i < m->table_count; i++) {
        if (strcmp(m->tables[i].name, name) == 0) {
            return &m->tables[i];
        }
    }
    return NULL;
}

const struct column *table_column(const struct table *t, uint16_t id)
{
    size_t low = 0;
    size_t high = t->column_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->columns[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->column_count && t->columns[low].id == id ? &t->columns[low]
                                                             : NULL;
}

const struct column *table_column_named(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        assert(t->columns[i].name != NULL);
        if (strcmp(t->columns[i].name, name) == 0) {
            return &t->columns[i];
        }
    }
    return NULL;
}
