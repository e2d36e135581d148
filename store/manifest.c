/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest_inside.h"

#include "protocol/certificate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool policy_is_fixed(enum policy policy)
{
    switch (policy) {
    case POLICY_KEY:
    case POLICY_ORIGIN:
    case POLICY_FIXED:
        return true;
    case POLICY_LWW:
    case POLICY_OWNER:
    case POLICY_MAX:
    case POLICY_MIN:
    case POLICY_RANK:
    case POLICY_UNION:
    case POLICY_REVIEW:
        return false;
    }
    return false;
}

const struct column *column_lead(const struct column *c)
{
    return c->lead == NULL ? c : c->lead;
}

size_t column_rank(const struct column *c, const struct value *v)
{
    for (size_t i = 0; v->type == VALUE_TEXT && i < c->list_count; i++) {
        if (v->bytes.len == strlen(c->list[i]) &&
            memcmp(v->bytes.data, c->list[i], v->bytes.len) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* ---- small things --------------------------------------------------------- */

int manifest_refuse(struct err *e, const struct table *t, const char *format,
                    ...)
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

const char *manifest_text(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text == NULL ? "" : text;
}

bool manifest_null(sqlite3_stmt *stmt, int at)
{
    return sqlite3_column_type(stmt, at) == SQLITE_NULL;
}

int manifest_finish(sqlite3_stmt *stmt, int code)
{
    if (stmt != NULL) {
        (void)sqlite3_reset(stmt);
    }
    return code;
}

char *manifest_copy(sqlite3_stmt *stmt, int at)
{
    const char *text = manifest_text(stmt, at);
    char *copy = make(strlen(text) + 1, 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

int manifest_ask(struct database *db, const char *sql, const char *name,
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
    return manifest_finish(stmt, code);
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
    [POLICY_KEY] = "key",     [POLICY_ORIGIN] = "origin",
    [POLICY_FIXED] = "fixed", [POLICY_LWW] = "lww",
    [POLICY_OWNER] = "owner", [POLICY_MAX] = "max",
    [POLICY_MIN] = "min",     [POLICY_RANK] = "rank",
    [POLICY_UNION] = "union", [POLICY_REVIEW] = "review",
};

const char *policy_word(enum policy policy)
{
    return policy_words[policy];
}

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

/* The words in the parentheses of a policy. */
static int load_list(const struct table *t, struct column *c, const char *list,
                     struct err *e)
{
    while (*list != '\0' && *list != ')') {
        size_t len = strcspn(list, ",)");
        if (len == 0 || c->list_count == POLICY_VALUES_MAX) {
            return manifest_refuse(e, t,
                                   "the list in the policy of column %s is "
                                   "empty or has over %d values; write "
                                   "rank(first,second,...)",
                                   c->name, (int)POLICY_VALUES_MAX);
        }
        char *word = make(len + 1, 1);
        memcpy(word, list, len);
        c->list[c->list_count++] = word;
        list += len + (list[len] == ',' ? 1 : 0);
    }
    return strcmp(list, ")") == 0
               ? 0
               : manifest_refuse(e, t,
                                 "the policy of column %s has no closing "
                                 "parenthesis at its end",
                                 c->name);
}

/* "lww", "rank(a,b)", "review(min)". */
static int load_policy(const struct table *t, struct column *c,
                       const char *policy, struct err *e)
{
    const size_t policies = sizeof policy_words / sizeof policy_words[0];
    size_t len = strcspn(policy, "(");
    size_t at = word_at(policy_words, policies, policy, len);
    bool listed = policy[len] == '(';
    bool may = at == POLICY_RANK || at == POLICY_REVIEW;
    if (at == policies || (listed && !may) || (at == POLICY_RANK && !listed)) {
        return manifest_refuse(e, t,
                               "column %s has the policy '%s'; use key, "
                               "origin, fixed, lww, owner, max, min, "
                               "rank(a,b), union or review",
                               c->name, policy);
    }
    c->policy = (enum policy)at;
    if (strcmp(policy, "review(min)") == 0) {
        c->safe = SAFE_MIN;
    } else if (strcmp(policy, "review(max)") == 0) {
        c->safe = SAFE_MAX;
    } else if (listed) {
        c->safe = SAFE_LISTED;
        c->list = make(POLICY_VALUES_MAX, sizeof *c->list);
        return load_list(t, c, policy + len + 1, e);
    }
    return 0;
}

/* The first column of a group decides for those that follow. */
static int join_group(const struct table *t, struct column *c, struct err *e)
{
    const struct column *lead = NULL;
    for (size_t i = 0; c->group != NULL && lead == NULL; i++) {
        const struct column *first = &t->columns[i];
        if (first == c) {
            return 0; /* it is the first */
        }
        bool same = first->group != NULL && strcmp(first->group, c->group) == 0;
        lead = same ? first : NULL;
    }
    if (lead != NULL &&
        (lead->policy != c->policy || lead->class_id != c->class_id)) {
        return manifest_refuse(e, t,
                               "column %s has another policy or class than %s, "
                               "the first of its group %s; give both the same",
                               c->name, lead->name, c->group);
    }
    bool alone = policy_is_fixed(c->policy) || c->policy == POLICY_UNION;
    if (c->group != NULL && alone) {
        return manifest_refuse(e, t,
                               "column %s has the policy %s and cannot be in a "
                               "group; take it out of %s",
                               c->name, policy_word(c->policy), c->group);
    }
    c->lead = lead;
    return 0;
}

static int check_column_id(const struct manifest *m, const struct table *t,
                           const char *name, int64_t id, int64_t class_id,
                           struct err *e)
{
    /* 0 says "the row was inserted" in a capture, and control tables, where
     * nothing is captured, use it for their key. */
    int64_t first = t->kind == TABLE_CONTROL ? 0 : 1;
    if (t->column_count == COLUMNS_MAX) {
        return manifest_refuse(e, t, "more than %d columns; split it",
                               (int)COLUMNS_MAX);
    }
    if (id < first || id > UINT16_MAX) {
        return manifest_refuse(
            e, t, "column %s has id %" PRId64 "; use %" PRId64 " to %d", name,
            id, first, UINT16_MAX);
    }
    if (!has_class(m, class_id)) {
        return manifest_refuse(e, t,
                               "column %s has class %" PRId64
                               ", which is not in sync_class; add the class",
                               name, class_id);
    }
    if (table_column_named(t, name) != NULL) {
        return manifest_refuse(e, t, "column %s has two ids; keep the first",
                               name);
    }
    return 0;
}

static int load_column(const struct manifest *m, struct table *t,
                       sqlite3_stmt *stmt, struct err *e)
{
    int64_t id = sqlite3_column_int64(stmt, 0);
    int64_t class_id = sqlite3_column_int64(stmt, 2);
    int code = check_column_id(m, t, manifest_text(stmt, 1), id, class_id, e);
    if (code != 0) {
        return code;
    }
    struct column *c = &t->columns[t->column_count++];
    *c = (struct column){
        .id = (uint16_t)id,
        .class_id = (uint16_t)class_id,
        .name = manifest_copy(stmt, 1),
        .group = manifest_null(stmt, 4) ? NULL : manifest_copy(stmt, 4),
    };
    code = load_policy(t, c, manifest_text(stmt, 3), e);
    return code == 0 ? join_group(t, c, e) : code;
}

static int load_columns(struct database *db, const struct manifest *m,
                        struct table *t, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT column_id, name, class_id, policy, group_name FROM sync_column"
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
    return manifest_finish(stmt, code);
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
                return manifest_refuse(e, t,
                                       "more than %d key columns; use fewer",
                                       (int)KEY_COLUMNS_MAX);
            }
            t->key[t->key_count++] = c;
        }
        if (c->policy == POLICY_ORIGIN) {
            if (t->origin_column != NULL) {
                return manifest_refuse(
                    e, t,
                    "two columns have the policy origin; keep "
                    "one");
            }
            t->origin_column = c;
        }
    }
    if (kind == routes || (kind == SCOPE_ALL) != (colon == NULL)) {
        return manifest_refuse(
            e, t,
            "the route '%s' is not known; use all, site:COLUMN, "
            "district-of:COLUMN or person:COLUMN",
            route);
    }
    t->route = (enum scope_kind)kind;
    if (colon != NULL) {
        t->route_column = table_column_named(t, colon + 1);
        if (t->route_column == NULL) {
            return manifest_refuse(
                e, t,
                "the route names column %s, which sync_column does "
                "not have; add it",
                colon + 1);
        }
    }
    if (owner[0] != '\0') {
        t->owner_column = table_column_named(t, owner);
        if (t->owner_column == NULL) {
            return manifest_refuse(
                e, t,
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
        return manifest_refuse(
            e, t, "has id %" PRId64 "; a %s table has %" PRId64 " to %" PRId64,
            id, kind_words[t->kind], first, last);
    }
    if (!has_base || !has_class(m, base)) {
        return manifest_refuse(e, t,
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
    const char *kind = manifest_text(stmt, 2);
    size_t kind_at = word_at(kind_words, kinds, kind, strlen(kind));
    t->name = manifest_copy(stmt, 1);
    if (kind_at == kinds) {
        return manifest_refuse(
            e, t,
            "has the kind '%s'; use event, record, reference or "
            "local",
            kind);
    }
    if (manifest_table_named(m, t->name) != t) {
        return manifest_refuse(e, t, "is in sync_table twice; keep the first");
    }
    t->kind = (enum table_kind)kind_at;
    int code =
        check_ids(m, t, sqlite3_column_int64(stmt, 0), !manifest_null(stmt, 3),
                  sqlite3_column_int64(stmt, 3), e);
    t->id = (uint32_t)sqlite3_column_int64(stmt, 0);
    t->deletes = sqlite3_column_int(stmt, 6) != 0;
    t->sql = manifest_null(stmt, 7) ? NULL : manifest_copy(stmt, 7);
    t->base_class = (uint16_t)sqlite3_column_int64(stmt, 3);
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
                   manifest_text(stmt, 1), sqlite3_column_int(stmt, 0));
    return manifest_finish(stmt, code);
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
        code = resolve_columns(t, manifest_text(stmt, 4),
                               manifest_text(stmt, 5), e);
    }
    return code;
}

static int load_tables(struct database *db, struct manifest *m, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT t.table_id, t.name, t.kind, t.base_class, t.route,"
        " t.owner_column, t.deletes, s.sql FROM sync_table t"
        " LEFT JOIN sqlite_schema s ON s.type = 'table' AND s.name = t.name"
        " WHERE t.kind <> 'local' ORDER BY t.table_id",
        &stmt, e);
    m->tables = make(CERTIFICATE_TABLES_MAX, sizeof *m->tables);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = load_next_table(db, m, stmt, e);
    }
    return manifest_finish(stmt, code);
}

static struct table *table_to_change(struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->table_count; i++) {
        if (strcmp(m->tables[i].name, name) == 0) {
            return &m->tables[i];
        }
    }
    return NULL;
}

static int load_handover(struct manifest *m, sqlite3_stmt *stmt, struct err *e)
{
    struct table *t = NULL;
    int64_t id = sqlite3_column_int64(stmt, 0);
    for (size_t i = 0; i < m->table_count; i++) {
        t = m->tables[i].id == id ? &m->tables[i] : t;
    }
    struct table *offers = table_to_change(m, manifest_text(stmt, 2));
    if (t == NULL || offers == NULL) {
        return err_set(e, ERR_CONFIG,
                       "sync_handover: table %" PRId64 " or its offer table "
                       "'%s' is not in sync_table; add it",
                       id, manifest_text(stmt, 2));
    }
    t->epoch_column = table_column_named(t, manifest_text(stmt, 1));
    t->handover = (struct handover){
        .offers = offers,
        .row = table_column_named(offers, manifest_text(stmt, 3)),
        .to = table_column_named(offers, manifest_text(stmt, 4)),
        .epoch = table_column_named(offers, manifest_text(stmt, 5)),
    };
    if (t->epoch_column == NULL || t->handover.row == NULL ||
        t->handover.to == NULL || t->handover.epoch == NULL) {
        return manifest_refuse(e, t,
                               "sync_handover names a column that sync_column "
                               "does not have; add it");
    }
    if (offers->offered != NULL) {
        return manifest_refuse(e, t,
                               "%s offers rows of %s already; give it a table "
                               "of offers of its own",
                               offers->name, offers->offered->name);
    }
    offers->offered = t;
    return 0;
}

static int load_handovers(struct database *db, struct manifest *m,
                          struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT table_id, epoch_column, offer_table, row_column, to_column,"
        " offer_epoch FROM sync_handover ORDER BY table_id",
        &stmt, e);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = load_handover(m, stmt, e);
    }
    return manifest_finish(stmt, code);
}

static int load_all(struct database *db, struct manifest *m, struct err *e)
{
    int code = load_classes(db, m, e);
    if (code == 0) {
        code = load_tables(db, m, e);
    }
    if (code == 0) {
        code = check_no_orphans(db, e);
    }
    return code == 0 ? load_handovers(db, m, e) : code;
}

static int check_extra(const struct table *t, struct err *e)
{
    return t->extra == NULL
               ? 0
               : manifest_refuse(e, t,
                                 "column %s is not in sync_column; give it an "
                                 "id, a class and a policy there",
                                 t->extra);
}

int manifest_load(struct database *db, struct manifest **ret, struct err *e)
{
    struct manifest *m = make(1, sizeof *m);
    int code = load_all(db, m, e);
    for (size_t i = 0; code == 0 && i < m->table_count; i++) {
        code = manifest_check_table(db, &m->tables[i], e);
        if (code == 0) {
            code = check_extra(&m->tables[i], e);
        }
    }
    for (size_t i = 0; code == 0 && i < m->table_count; i++) {
        code = manifest_check_handover(&m->tables[i], e);
    }
    if (code != 0) {
        manifest_destroy(&m);
        return code;
    }
    *ret = m;
    return 0;
}

/* The node itself lives on control tables. */
static int set_aside(struct table *t, int code, const struct err *e)
{
    if (code != ERR_CONFIG || t->kind == TABLE_CONTROL) {
        return code;
    }
    t->broken = strdup(e->text);
    if (t->broken == NULL) {
        abort();
    }
    return 0;
}

int manifest_load_lived_in(struct database *db, struct manifest **ret,
                           struct err *e)
{
    struct manifest *m = make(1, sizeof *m);
    struct err says = {0};
    int code = load_all(db, m, &says);
    for (size_t i = 0; code == 0 && i < m->table_count; i++) {
        struct table *t = &m->tables[i];
        code = set_aside(t, manifest_check_table(db, t, &says), &says);
    }
    for (size_t i = 0; code == 0 && i < m->table_count; i++) {
        struct table *t = &m->tables[i];
        const struct table *offers = t->handover.offers;
        if (t->broken == NULL && (offers == NULL || offers->broken == NULL)) {
            code = set_aside(t, manifest_check_handover(t, &says), &says);
        }
    }
    if (code != 0) {
        manifest_destroy(&m);
        return err_set(e, code, "%s", says.text);
    }
    *ret = m;
    return 0;
}

static void clear_column(struct column *c)
{
    for (size_t i = 0; i < c->list_count; i++) {
        free(c->list[i]);
    }
    free(c->list);
    free(c->group);
    free(c->name);
    free(c->default_sql);
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
            clear_column(&t->columns[j]);
        }
        free(t->columns);
        free(t->name);
        free(t->sql);
        free(t->broken);
        free(t->extra);
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
