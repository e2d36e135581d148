/* SPDX-License-Identifier: Apache-2.0 */
#include "store/scrub_inside.h"

#include <stdio.h>
#include <string.h>

#include "store/capture.h"
#include "store/sql.h"

/* Two statements over the same rows in the same order. */
struct comparing {
    struct scrub *s;
    const struct table *table; /* NULL: row states */
    struct scrubbed *scrubbed;
    sqlite3_stmt *our_stmt, *their_stmt;
    int key_count;
};

/* --- names ---------------------------------------------------------------- */

static int key_column(const struct comparing *c, int at)
{
    return c->table == NULL ? at : (int)(c->table->key[at] - c->table->columns);
}

/* The name of the row a statement stands on, as sync_row has it. */
static void name_row(const struct comparing *c, sqlite3_stmt *stmt,
                     struct bytes *out)
{
    struct value key[KEY_COLUMNS_MAX] = {{.type = VALUE_NULL}};
    struct bytes canonical = {0};
    for (int i = 0; i < c->key_count; i++) {
        key[i] = database_column(stmt, key_column(c, i));
    }
    if (c->table == NULL) {
        bytes_put(out, key[1].bytes.data, key[1].bytes.len);
        return;
    }
    key_bytes(c->table, key, &canonical);
    row_key(slice_of(&canonical), out);
    bytes_free(&canonical);
}

static uint32_t table_of(const struct comparing *c, sqlite3_stmt *stmt)
{
    return c->table != NULL ? c->table->id
                            : (uint32_t)sqlite3_column_int64(stmt, 0);
}

/* --- what differs --------------------------------------------------------- */

static int note_found(struct comparing *c, uint32_t table, struct slice name,
                      struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(c->s->scratch,
                                "INSERT OR IGNORE INTO scrub_found(table_id,"
                                " key) VALUES(?1, ?2)",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, table);
    sqlite3_bind_blob(stmt, 2, name.data, (int)name.len, SQLITE_STATIC);
    return database_done(c->s->scratch, stmt, e);
}

/* Is the row one that the table could not take, here or in the replay? Then
 * what it shows says nothing about who wrote it. */
static int is_unprojected(const struct comparing *c, struct slice name,
                          bool *ret_here, struct err *e)
{
    const struct row_name row = {.table = c->table->id, .key = name};
    int ours = unprojected_has(&c->s->r->merger, &row, e);
    int theirs = ours < 0 ? ours : unprojected_has(&c->s->beside, &row, e);
    *ret_here = ours == 1;
    return theirs;
}

static void tell_first(struct comparing *c, struct slice name, const char *what)
{
    char key[128];
    struct verified *v = c->s->ret;
    row_key_print(name, key, sizeof key);
    if (c->scrubbed->differ++ == 0 && v->first[0] == '\0') {
        (void)snprintf(v->first, sizeof v->first, "%s %s: %s",
                       c->scrubbed->name, key, what);
    }
}

/* Notes the row that `stmt` stands on, unless it is known why it differs. */
static int differs(struct comparing *c, sqlite3_stmt *stmt, const char *what,
                   struct err *e)
{
    struct bytes name = {0};
    bool here = false;
    int rc = 0;
    name_row(c, stmt, &name);
    if (c->table != NULL) {
        struct value key[KEY_COLUMNS_MAX];
        for (int i = 0; i < c->key_count; i++) {
            key[i] = database_column(stmt, key_column(c, i));
        }
        rc = scrub_is_pending(c->s, c->table, key, e);
        if (rc == 0) {
            rc = is_unprojected(c, slice_of(&name), &here, e);
        }
    }
    if (rc == 0) {
        if (!here) {
            tell_first(c, slice_of(&name), what);
        }
        rc = note_found(c, table_of(c, stmt), slice_of(&name), e);
    }
    bytes_free(&name);
    return rc < 0 ? rc : 0;
}

/* --- comparing ------------------------------------------------------------ */

static int compare_values(const struct value *a, const struct value *b)
{
    struct bytes x = {0};
    struct bytes y = {0};
    bool bytes = a->type == VALUE_TEXT || a->type == VALUE_BLOB;
    if (bytes && a->type == b->type) {
        return slice_compare(a->bytes, b->bytes); /* as ORDER BY does */
    }
    if (a->type == VALUE_INTEGER && b->type == VALUE_INTEGER) {
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
    value_encode(a, &x);
    value_encode(b, &y);
    int order = slice_compare(slice_of(&x), slice_of(&y));
    bytes_free(&x);
    bytes_free(&y);
    return order;
}

static int compare_keys(const struct comparing *c)
{
    int order = 0;
    for (int i = 0; order == 0 && i < c->key_count; i++) {
        struct value a = database_column(c->our_stmt, key_column(c, i));
        struct value b = database_column(c->their_stmt, key_column(c, i));
        order = compare_values(&a, &b);
    }
    return order;
}

static int compare_cells(struct comparing *c, struct err *e)
{
    int count = sqlite3_column_count(c->our_stmt);
    for (int i = 0; i < count; i++) {
        struct value a = database_column(c->our_stmt, i);
        struct value b = database_column(c->their_stmt, i);
        if (!value_equal(&a, &b)) {
            char what[160];
            (void)snprintf(what, sizeof what,
                           "column %s is not what the journal says",
                           sqlite3_column_name(c->our_stmt, i));
            return differs(c, c->our_stmt, what, e);
        }
    }
    return 0;
}

static int compare_rows(struct comparing *c, struct err *e)
{
    struct database *our_db = c->s->r->db;
    struct database *their_db = c->s->scratch;
    int ours = database_step(our_db, c->our_stmt, e);
    int theirs = database_step(their_db, c->their_stmt, e);
    int rc = 0;
    while (rc == 0 && ours >= 0 && theirs >= 0 && ours + theirs > 0) {
        int order = ours == 0 ? 1 : theirs == 0 ? -1 : compare_keys(c);
        c->scrubbed->rows++;
        if (order < 0) {
            rc = differs(c, c->our_stmt, "the journal has no such row", e);
        } else if (order > 0) {
            rc = differs(c, c->their_stmt, "the row is missing", e);
        } else {
            rc = compare_cells(c, e);
        }
        if (rc == 0 && order <= 0) {
            ours = database_step(our_db, c->our_stmt, e);
        }
        if (rc == 0 && order >= 0) {
            theirs = database_step(their_db, c->their_stmt, e);
        }
    }
    return rc != 0 ? rc : ours < 0 ? ours : theirs < 0 ? theirs : 0;
}

static int compare_by(struct comparing *c, const char *sql, struct err *e)
{
    int rc = database_statement(c->s->r->db, sql, &c->our_stmt, e);
    if (rc == 0) {
        rc = database_statement(c->s->scratch, sql, &c->their_stmt, e);
    }
    if (rc == 0) {
        rc = compare_rows(c, e);
        sqlite3_reset(c->our_stmt);
        sqlite3_reset(c->their_stmt);
    }
    return rc;
}

static int compare_table(struct scrub *s, size_t at, struct err *e)
{
    const struct table *t = &s->r->manifest->tables[at];
    struct scrubbed *scrubbed = &s->tables[at];
    struct comparing c = {
        .s = s,
        .table = t,
        .scrubbed = scrubbed,
        .key_count = (int)t->key_count,
    };
    struct bytes sql = {0};
    if (t->broken != NULL) {
        scrubbed->held = true;
        scrub_note(scrubbed, DID_HOLD, "not compared", t->broken);
        return 0;
    }
    sql_select_rows(t, &sql);
    int rc = compare_by(&c, (const char *)sql.data, e);
    bytes_free(&sql);
    if (rc == ERR_LIMIT) {
        scrubbed->held = true;
        scrub_note(scrubbed, DID_HOLD, "not compared",
                   "a value is larger than a row may be");
        return 0;
    }
    return rc;
}

static int compare_states(struct scrub *s, struct err *e)
{
    struct comparing c = {
        .s = s,
        .scrubbed = &s->tables[s->table_count - 1],
        .key_count = 2,
    };
    return compare_by(
        &c, "SELECT table_id, key, state FROM sync_row ORDER BY table_id, key",
        e);
}

int scrub_compare(struct scrub *s, struct err *e)
{
    int rc = compare_states(s, e);
    for (size_t i = 0; rc == 0 && i < s->r->manifest->table_count; i++) {
        rc = compare_table(s, i, e);
    }
    return rc;
}
