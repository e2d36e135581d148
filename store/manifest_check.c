/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/clause.h"

/* What the table itself says of a manifest column; same index. */
struct declared {
    bool found;
    int key_place; /* from 1; 0: not in the primary key */
    char type[16];
};

/* ---- the table itself ----------------------------------------------------- */

/* The options behind the last parenthesis of the SQL that made it. PRAGMA
 * table_list says them too, but prepares a SELECT from every view of the file
 * each time it is asked: that took longer than all else at opening. */
struct options {
    bool strict;
    bool without_rowid;
};

static bool is_word(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && sqlite3_strnicmp(at, word, (int)len) == 0;
}

static struct options read_options(const char *sql)
{
    struct options o = {false, false};
    int depth = 0;
    for (size_t len; *sql != '\0'; sql += len) {
        len = clause_token(sql);
        depth += *sql == '(';
        depth -= *sql == ')';
        if (depth == 0) {
            o.strict |= is_word(sql, len, "STRICT");
            o.without_rowid |= is_word(sql, len, "WITHOUT");
        }
        if (*sql == '(' && depth == 1) { /* what stood before was its name */
            o = (struct options){false, false};
        }
    }
    return o;
}

static int check_is_strict(const struct table *t, bool *ret_without_rowid,
                           struct err *e)
{
    if (t->sql == NULL) {
        return manifest_refuse(e, t,
                               "there is no such table; create it, or take "
                               "it out of sync_table");
    }
    struct options o = read_options(t->sql);
    *ret_without_rowid = o.without_rowid;
    return o.strict ? 0
                    : manifest_refuse(
                          e, t,
                          "is not STRICT, so that two sites could store one "
                          "value in two types; create it as STRICT");
}

/* Is a default computed, that is, not a literal? */
static bool is_minted(const char *default_sql)
{
    return (default_sql[0] != '\'' && strchr(default_sql, '(') != NULL) ||
           sqlite3_strnicmp(default_sql, "CURRENT_", 8) == 0;
}

/* A STRICT table has these types and no others. */
static enum value_type type_of(const char *declared)
{
    static const struct type {
        const char *word;
        enum value_type type;
    } types[] = {
        {"INT", VALUE_INTEGER}, {"INTEGER", VALUE_INTEGER},
        {"REAL", VALUE_REAL},   {"TEXT", VALUE_TEXT},
        {"BLOB", VALUE_BLOB},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (sqlite3_stricmp(declared, types[i].word) == 0) {
            return types[i].type;
        }
    }
    return VALUE_NULL;
}

static int read_declared_column(struct table *t, sqlite3_stmt *stmt,
                                struct declared *declared, struct err *e)
{
    const char *name = manifest_text(stmt, 0);
    int hidden = sqlite3_column_int(stmt, 5);
    const struct column *found = table_column_named(t, name);
    if (hidden != 0) {
        /* generated: every replica computes it from the others */
        return found == NULL
                   ? 0
                   : manifest_refuse(e, t,
                                     "column %s is generated; take it out of "
                                     "sync_column",
                                     name);
    }
    if (found == NULL) {
        if (t->extra == NULL) {
            t->extra = manifest_copy(stmt, 0);
        }
        return 0;
    }
    size_t at = (size_t)(found - t->columns);
    struct column *c = &t->columns[at];
    struct declared *d = &declared[at];
    d->found = true;
    (void)snprintf(d->type, sizeof d->type, "%s", manifest_text(stmt, 1));
    d->key_place = sqlite3_column_int(stmt, 4);
    c->not_null = sqlite3_column_int(stmt, 2) != 0;
    c->type = type_of(d->type);
    c->any = c->type == VALUE_NULL;
    c->varies = c->any || c->type == VALUE_TEXT || c->type == VALUE_BLOB;
    if (!manifest_null(stmt, 3)) {
        c->default_sql = manifest_copy(stmt, 3);
        c->minted = is_minted(c->default_sql);
    }
    return 0;
}

static int read_declared(struct database *db, struct table *t,
                         struct declared *declared, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code =
        manifest_ask(db,
                     "SELECT name, type, \"notnull\", dflt_value, pk, hidden"
                     " FROM pragma_table_xinfo(?1)",
                     t->name, &stmt, e);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        code = read_declared_column(t, stmt, declared, e);
    }
    code = manifest_finish(stmt, code);
    for (size_t i = 0; code == 0 && i < t->column_count; i++) {
        if (!declared[i].found) {
            code = manifest_refuse(
                e, t,
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
        return manifest_refuse(e, t,
                               "has no primary key; declare one, or its rows "
                               "have no name at other sites");
    }
    bool same = places == t->key_count;
    for (size_t i = 0; same && i < t->key_count; i++) {
        size_t at = (size_t)(t->key[i] - t->columns);
        same = declared[at].key_place == (int)i + 1;
    }
    if (!same) {
        return manifest_refuse(
            e, t,
            "the primary key is not its columns of policy key "
            "in order of their ids; make them the same");
    }
    for (size_t i = 0; i < t->key_count; i++) {
        const struct declared *d = &declared[t->key[i] - t->columns];
        const char *name = t->key[i]->name;
        if (t->key[i]->any || sqlite3_stricmp(d->type, "REAL") == 0) {
            return manifest_refuse(
                e, t,
                "key column %s is %s, in which two values can be "
                "equal and not the same; use TEXT, INTEGER or BLOB",
                name, d->type);
        }
        if (t->key_count == 1 && !without_rowid &&
            sqlite3_stricmp(d->type, "INTEGER") == 0) {
            return manifest_refuse(
                e, t,
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
    int code =
        manifest_ask(db,
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
    code = manifest_refuse(
        e, t,
        "key column %s has the collation %s, under which two keys "
        "of two sites are one row; leave the collation out",
        manifest_text(stmt, 0), manifest_text(stmt, 1));
    return manifest_finish(stmt, code);
}

static int check_unique(struct database *db, const struct table *t,
                        struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = manifest_ask(db,
                            "SELECT name FROM pragma_index_list(?1)"
                            " WHERE \"unique\" AND origin <> 'pk'",
                            t->name, &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code != 1) {
        return code;
    }
    code = manifest_refuse(
        e, t,
        "%s is UNIQUE beside the key, which two sites that are "
        "offline can break; make it an ordinary index and report "
        "the doubles",
        manifest_text(stmt, 0));
    return manifest_finish(stmt, code);
}

static int check_foreign_keys(struct database *db, const struct table *t,
                              struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = manifest_ask(db,
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
    code = manifest_refuse(
        e, t,
        "the foreign key of %s to %s has an action, which would "
        "change rows that nobody wrote; leave ON DELETE and ON "
        "UPDATE out",
        manifest_text(stmt, 0), manifest_text(stmt, 1));
    return manifest_finish(stmt, code);
}

/* ---- rules between the two ------------------------------------------------ */

/* Which columns of a record may stand in one CHECK: a merged row can hold a
 * pair of values that nobody wrote, unless the two are one group, or written
 * once and by one writer. */
static bool stand_together(const struct table *t, const struct column *a,
                           const struct column *b)
{
    if (t->kind == TABLE_EVENT || column_lead(a) == column_lead(b)) {
        return true;
    }
    return policy_is_fixed(a->policy) && policy_is_fixed(b->policy);
}

static int check_clause(const struct table *t, struct slice clause,
                        struct err *e)
{
    const struct column *first = NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (!clause_names(clause, c->name)) {
            continue;
        }
        if (first == NULL) {
            first = c;
        } else if (first->class_id != c->class_id) {
            return manifest_refuse(e, t,
                                   "a CHECK names %s and %s of two classes, "
                                   "of which a node may hold one; split it",
                                   first->name, c->name);
        } else if (!stand_together(t, first, c)) {
            return manifest_refuse(e, t,
                                   "a CHECK names %s and %s, which merge one "
                                   "by one; put both into one group, or make "
                                   "the rule a view",
                                   first->name, c->name);
        }
    }
    return 0;
}

static int check_clauses(const struct table *t, struct err *e)
{
    const char *at = t->sql;
    struct slice clause;
    int code = 0;
    while (code == 0 && clause_next(&at, &clause)) {
        code = check_clause(t, clause, e);
    }
    return code;
}

/* The columns that say what a row is and where it goes are there whenever the
 * row is, and do not change. */
static int check_anchor(const struct table *t, const struct column *c,
                        const char *what, struct err *e)
{
    if (c == NULL) {
        return 0;
    }
    bool handed_over = c == t->owner_column && c->policy == POLICY_OWNER &&
                       t->epoch_column != NULL;
    if (!policy_is_fixed(c->policy) && !handed_over) {
        return manifest_refuse(
            e, t, "%s column %s may change; give it the policy fixed%s", what,
            c->name,
            strcmp(what, "owner") == 0 ? ", or name its offers in sync_handover"
                                       : "");
    }
    if (c->class_id != t->base_class) {
        return manifest_refuse(
            e, t, "%s column %s is not in the base class; put it there", what,
            c->name);
    }
    if (!c->not_null) {
        return manifest_refuse(e, t,
                               "%s column %s may be NULL; declare it NOT NULL",
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

/* Where a reader of the base class sees the row, an overlay column is NULL. */
static int check_overlays(const struct table *t, struct err *e)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->class_id == t->base_class) {
            continue;
        }
        if (c->not_null) {
            return manifest_refuse(
                e, t,
                "column %s is NOT NULL, but nodes that may not read "
                "class %d hold it as NULL; drop NOT NULL",
                c->name, c->class_id);
        }
        if (c->default_sql != NULL) {
            return manifest_refuse(
                e, t,
                "column %s has a default, which nodes that may not "
                "read class %d would show as written; drop it",
                c->name, c->class_id);
        }
    }
    return 0;
}

/* Does the policy of a column suit what it holds? */
static int check_policy(const struct table *t, const struct column *c,
                        struct err *e)
{
    const char *fit = NULL;
    bool lead = c->lead == NULL;
    bool ordered = c->type == VALUE_INTEGER || c->type == VALUE_REAL ||
                   c->type == VALUE_TEXT;
    bool sized = c->policy == POLICY_MAX || c->policy == POLICY_MIN ||
                 c->safe == SAFE_MIN || c->safe == SAFE_MAX;
    if (lead && sized && !ordered) {
        fit = "INTEGER, REAL or TEXT";
    } else if (lead && c->list_count > 0 && c->type != VALUE_TEXT) {
        fit = "TEXT";
    } else if (c->policy == POLICY_UNION && c->type != VALUE_TEXT) {
        fit = "TEXT, a JSON list";
    }
    return fit == NULL ? 0
                       : manifest_refuse(e, t,
                                         "column %s has the policy %s, which "
                                         "needs the type %s",
                                         c->name, policy_word(c->policy), fit);
}

static int check_policies(const struct table *t, struct err *e)
{
    const struct column *owned = NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (t->kind == TABLE_EVENT && !policy_is_fixed(c->policy)) {
            return manifest_refuse(
                e, t,
                "column %s has the policy %s, but events never "
                "change; use key, fixed or origin",
                c->name, policy_word(c->policy));
        }
        int code = check_policy(t, c, e);
        if (code != 0) {
            return code;
        }
        owned = c->policy == POLICY_OWNER ? c : owned;
    }
    if (t->kind == TABLE_EVENT && t->deletes) {
        return manifest_refuse(e, t,
                               "events are never deleted; set deletes to 0 in "
                               "sync_table");
    }
    if (owned != NULL && t->owner_column == NULL) {
        return manifest_refuse(
            e, t,
            "column %s has the policy owner, but the table has no "
            "owner_column; name it in sync_table",
            owned->name);
    }
    if (t->owner_column != NULL && t->owner_column->policy == POLICY_KEY) {
        return manifest_refuse(
            e, t,
            "owner_column names %s, which is a key column, and a key is no "
            "value that can be judged; name another column",
            t->owner_column->name);
    }
    if (owned == NULL && t->owner_column != NULL) {
        return manifest_refuse(e, t,
                               "has an owner_column, but no column of policy "
                               "owner; leave it out of sync_table");
    }
    if (t->kind == TABLE_REFERENCE &&
        (t->origin_column != NULL || owned != NULL)) {
        return manifest_refuse(e, t,
                               "is written at the root alone; use no origin "
                               "and no owner");
    }
    return 0;
}

int manifest_check_table(struct database *db, struct table *t, struct err *e)
{
    struct declared declared[COLUMNS_MAX] = {0};
    bool without_rowid = false;
    int code = check_is_strict(t, &without_rowid, e);
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
    if (code == 0) {
        code = check_clauses(t, e);
    }
    return code;
}

/* ---- handover ------------------------------------------------------------- */

/* What an offer says of the row is in the bytes that its owner signed. */
static int check_offer_column(const struct table *t, const struct column *c,
                              enum value_type type, struct err *e)
{
    const struct table *offers = t->handover.offers;
    if (!policy_is_fixed(c->policy) || c->class_id != offers->base_class) {
        return manifest_refuse(e, t,
                               "its offers: column %s.%s must be written once "
                               "and be of the base class",
                               offers->name, c->name);
    }
    return c->type == type ? 0
                           : manifest_refuse(e, t,
                                             "its offers: column %s.%s has "
                                             "another type than what it names",
                                             offers->name, c->name);
}

/* Whoever holds a row must get its offers. */
static int check_offers(const struct table *t, struct err *e)
{
    const struct handover *h = &t->handover;
    if (h->offers->route != t->route ||
        h->offers->base_class != t->base_class) {
        return manifest_refuse(e, t,
                               "%s, in which its rows are offered, has another "
                               "route or base class; give both the same, or "
                               "a site could hold a row and not its offer",
                               h->offers->name);
    }
    if (h->offers->owner_column != NULL &&
        h->offers->owner_column->policy == POLICY_OWNER) {
        return manifest_refuse(e, t,
                               "rows of %s, in which its rows are offered, "
                               "change hands themselves; leave that out",
                               h->offers->name);
    }
    if (h->offers->origin_column == NULL) {
        return manifest_refuse(e, t,
                               "%s, in which its rows are offered, does not "
                               "say who offers; give it a column of policy "
                               "origin",
                               h->offers->name);
    }
    int code = check_offer_column(t, h->row, t->key[0]->type, e);
    if (code == 0) {
        code = check_offer_column(t, h->to, VALUE_TEXT, e);
    }
    return code == 0 ? check_offer_column(t, h->epoch, VALUE_INTEGER, e) : code;
}

int manifest_check_handover(const struct table *t, struct err *e)
{
    const struct column *epoch = t->epoch_column;
    if (epoch == NULL) {
        return 0;
    }
    if (t->owner_column == NULL || t->owner_column->policy != POLICY_OWNER ||
        t->owner_column->group != NULL || epoch->group != NULL) {
        return manifest_refuse(e, t,
                               "is in sync_handover, but its owner_column is "
                               "not of policy owner and alone; make it so");
    }
    if (epoch->policy != POLICY_OWNER || epoch->class_id != t->base_class ||
        epoch->type != VALUE_INTEGER || !epoch->not_null) {
        return manifest_refuse(e, t,
                               "epoch column %s must be INTEGER NOT NULL, of "
                               "policy owner and in the base class",
                               epoch->name);
    }
    if (t->key_count != 1) {
        return manifest_refuse(e, t,
                               "has %zu key columns, and an offer names one; "
                               "use one",
                               t->key_count);
    }
    return check_offers(t, e);
}
