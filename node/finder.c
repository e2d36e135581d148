/* SPDX-License-Identifier: Apache-2.0 */
#include "node/finder.h"

#include "node/called.h"
#include "node/folded.h"
#include "node/target.h"

#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table of one column's `find`. */
struct looked {
    const struct map_column *column;
    struct target *target;
};

struct finder {
    struct database *db; /* borrowed */
    zhash_t *found;      /* column and text -> key */
    struct looked looked[COLUMNS_MAX];
    size_t looked_count;
    struct bytes name; /* of what is looked for in `found` */
    struct bytes key;
};

void finder_new(struct database *db, struct finder **ret)
{
    struct finder *f = calloc(1, sizeof *f);
    if (f == NULL || (f->found = zhash_new()) == NULL) {
        abort();
    }
    f->db = db;
    *ret = f;
}

void finder_destroy(struct finder **f_p)
{
    struct finder *f = *f_p;

    *f_p = NULL;
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->looked_count; i++) {
        target_destroy(&f->looked[i].target);
    }
    zhash_destroy(&f->found);
    bytes_free(&f->name);
    bytes_free(&f->key);
    free(f);
}

/* --- find = TABLE.COLUMN --------------------------------------------------- */

static int check_column(struct target *t, const struct map_column *c,
                        const char *name, struct err *e)
{
    return target_column_named(t, name) != NULL
               ? 0
               : err_set(e, ERR_INPUT, "[%s] find: '%s' is no column of %s",
                         c->name, name, t->table);
}

int finder_check(struct finder *f, const struct map_column *c, struct err *e)
{
    struct target *t = NULL;
    if (c->find_table == NULL) {
        return 0;
    }
    int rc = target_open(f->db, c->find_table, &t, e);
    if (rc != 0) {
        return err_wrap(e, "[%s] find", c->name);
    }
    rc = check_column(t, c, c->find_column, e);
    for (size_t i = 0; rc == 0 && i < c->where_count; i++) {
        rc = check_column(t, c, c->where[i].column, e);
    }
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        if (t->columns[i].key_place > 1) {
            rc = err_set(e, ERR_INPUT,
                         "[%s] find: a row of %s has no key of one column",
                         c->name, t->table);
        }
    }
    if (rc != 0) {
        target_destroy(&t);
        return rc;
    }
    assert(f->looked_count < COLUMNS_MAX);
    f->looked[f->looked_count++] = (struct looked){c, t};
    return 0;
}

static int find_row(struct finder *f, const struct map_column *c,
                    const char *text, struct err *ret_why, struct err *e)
{
    struct target_match matches[1 + MAP_WHERE_MAX];
    struct target *t = NULL;
    int count = 0;
    for (size_t i = 0; i < f->looked_count; i++) {
        t = f->looked[i].column == c ? f->looked[i].target : t;
    }
    assert(t != NULL); /* finder_check() */
    matches[0] = (struct target_match){target_column_named(t, c->find_column),
                                       value_text(text)};
    for (size_t i = 0; i < c->where_count; i++) {
        matches[i + 1] =
            (struct target_match){target_column_named(t, c->where[i].column),
                                  value_text(c->where[i].value)};
    }
    int rc = target_find(t, matches, 1 + c->where_count, &f->key, &count, e);
    if (rc != 0 || count == 1) {
        return rc < 0 ? rc : 1;
    }
    (void)err_set(ret_why, ERR_UNKNOWN,
                  count == 0 ? "'%.80s' is the %s of no row of %s%s here"
                             : "'%.80s' is the %s of several rows of %s%s here",
                  text, c->find_column, t->table,
                  c->where_count > 0 ? " that fits" : "");
    return 0;
}

/* --- person ---------------------------------------------------------------- */

static void keep(struct finder *f, const char *key)
{
    bytes_clear(&f->key);
    bytes_put(&f->key, key, strlen(key) + 1);
}

static int find_number(struct finder *f, const char *text, struct err *ret_why,
                       struct err *e)
{
    char person[KEY_BYTES_MAX + 1];
    struct called called;
    int rc = called_person(f->db, text, person, e);
    if (rc == 0) {
        keep(f, person);
        return 1;
    }
    if (rc == ERR_INPUT) {
        *ret_why = *e;
        return 0;
    }
    if (rc != ERR_UNKNOWN) {
        return rc;
    }
    called_read(text, &called);
    if (called.number[0] == '\0') {
        (void)err_set(ret_why, rc, "nobody has '%.60s' here; %s", text,
                      called.why.text);
    } else {
        (void)err_set(ret_why, rc,
                      "nobody has the number %s here: import or register the "
                      "person first",
                      called.number);
    }
    return 0;
}

static int find_entry(struct finder *f, const char *name, const char *text,
                      struct err *ret_why, struct err *e)
{
    struct bytes entry = {0};
    struct value said;
    struct value named = value_text(name);
    sqlite3_stmt *stmt;
    folded_text(slice_text(text), &entry);
    said = value_text((const char *)entry.data);
    int rc = database_statement(f->db,
                                "SELECT r.person_id FROM local_register r"
                                " JOIN person p USING(person_id)"
                                " WHERE r.register = :name"
                                " AND r.entry = :entry"
                                " AND p.record_status = 'active'",
                                &stmt, e);
    if (rc == 0) {
        database_bind(stmt, ":name", &named);
        database_bind(stmt, ":entry", &said);
        rc = database_step(f->db, stmt, e);
    }
    if (rc == 1) {
        keep(f, (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_reset(stmt);
    } else if (rc == 0) {
        (void)err_set(ret_why, ERR_UNKNOWN,
                      "nobody has the number '%.60s' in the register %s: "
                      "import the people of that register first",
                      text, name);
    }
    bytes_free(&entry);
    return rc;
}

/* --- list ------------------------------------------------------------------ */

/* The code itself, or what it is called in either language. */
static int find_code(struct finder *f, const char *list, const char *text,
                     struct err *ret_why, struct err *e)
{
    static const char sql[] =
        "SELECT min(code), count(*), (SELECT group_concat(code, ', ')"
        "  FROM ref_code WHERE code_system = :list AND active = 1)"
        " FROM ref_code WHERE code_system = :list AND active = 1"
        " AND (code = :text OR label_en = :text COLLATE NOCASE"
        "  OR label_local = :text)";
    const struct value listed = value_text(list);
    const struct value said = value_text(text);
    sqlite3_stmt *stmt;
    int rc = database_statement(f->db, sql, &stmt, e);
    if (rc == 0) {
        database_bind(stmt, ":list", &listed);
        database_bind(stmt, ":text", &said);
        rc = database_step(f->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    bool one = sqlite3_column_int(stmt, 1) == 1;
    if (one) {
        keep(f, (const char *)sqlite3_column_text(stmt, 0));
    } else {
        const char *all = (const char *)sqlite3_column_text(stmt, 2);
        (void)err_set(ret_why, ERR_UNKNOWN,
                      all == NULL ? "'%.60s' is in no list: headquarters has "
                                    "none that is called %s"
                                  : "'%.60s' is no code or name of the list %s "
                                    "(%s)",
                      text, list, all);
    }
    (void)sqlite3_reset(stmt);
    return one ? 1 : 0;
}

/* --- the whole -------------------------------------------------------------- */

int finder_find(struct finder *f, const struct map_column *c, const char *text,
                const char **ret_key, struct err *ret_why, struct err *e)
{
    bytes_clear(&f->name);
    bytes_put(&f->name, c->name, strlen(c->name));
    bytes_put_u8(&f->name, '\n');
    bytes_put(&f->name, text, strlen(text) + 1);
    const char *name = (const char *)f->name.data;

    *ret_key = zhash_lookup(f->found, name);
    if (*ret_key != NULL) {
        return 1;
    }
    int rc = c->person == MAP_PERSON_NUMBER ? find_number(f, text, ret_why, e)
             : c->person == MAP_PERSON_REGISTER
                 ? find_entry(f, c->person_register, text, ret_why, e)
             : c->list != NULL ? find_code(f, c->list, text, ret_why, e)
                               : find_row(f, c, text, ret_why, e);
    if (rc == 1) {
        char *key = strdup((const char *)f->key.data);
        if (key == NULL || zhash_insert(f->found, name, key) != 0) {
            abort();
        }
        (void)zhash_freefn(f->found, name, free);
        *ret_key = key;
    }
    return rc;
}
