/* SPDX-License-Identifier: Apache-2.0 */
#include "store/scrub_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/capture.h"

/* One row that was found to differ, looked at again where nobody can write. */
struct wound {
    struct scrub *s;
    const struct table *table;
    struct scrubbed *scrubbed;
    struct row_name name;
    struct value key[KEY_COLUMNS_MAX];
    struct value ours[COLUMNS_MAX];
    struct value theirs[COLUMNS_MAX]; /* as the journal has the row */
    bool here;
    bool there;
};

static bool is_named(const char *order, const struct wound *w)
{
    return order != NULL && strcmp(order, w->table->name) == 0;
}

/* --- captures ------------------------------------------------------------- */

static int capture(const struct wound *w, int what, const struct value *old,
                   struct err *e)
{
    return capture_append(w->s->r->db, w->table, what, w->key, old,
                          w->s->order->now_ms, e);
}

/* Has the drain make the row what the journal says. */
static int put_back(struct wound *w, struct err *e)
{
    struct bytes key = {0};
    struct bytes scope = {0};
    struct merger *holder = w->there ? &w->s->beside : &w->s->r->merger;
    key_bytes(w->table, w->key, &key);
    int rc = row_scope(holder, w->table, slice_of(&key), &scope, e);
    if (rc >= 0) {
        const struct value old = value_blob(scope.data, scope.len);
        rc = capture(w, CAPTURE_PUT_BACK, &old, e);
    }
    bytes_free(&key);
    bytes_free(&scope);
    return rc;
}

static void note(struct wound *w, enum did did, const char *what)
{
    char key[128];
    row_key_print(w->name.key, key, sizeof key);
    scrub_note(w->scrubbed, did, key, what);
}

static int restore(struct wound *w, const char *what, struct err *e)
{
    note(w, DID_RESTORE, what);
    return put_back(w, e);
}

/* --- may this node say it? ------------------------------------------------ */

static bool is_ours(const struct wound *w, const struct column *names_site,
                    const struct value *row)
{
    const struct value site = value_text(w->s->r->self.site);
    return names_site == NULL ||
           value_equal(&row[names_site - w->table->columns], &site);
}

static bool may_insert(const struct wound *w)
{
    const struct table *t = w->table;
    return (t->kind != TABLE_REFERENCE || !w->s->r->self.has_parent) &&
           is_ours(w, t->origin_column, w->ours) &&
           is_ours(w, t->owner_column, w->ours);
}

static bool may_update(const struct wound *w, const struct column *c)
{
    const struct column *lead = column_lead(c);
    if (policy_is_fixed(lead->policy) ||
        (w->table->kind == TABLE_REFERENCE && w->s->r->self.has_parent)) {
        return false;
    }
    return lead->policy != POLICY_OWNER ||
           is_ours(w, w->table->owner_column, w->theirs);
}

/* --- one row -------------------------------------------------------------- */

static int mend_extra(struct wound *w, struct err *e)
{
    if (is_named(w->s->order->restore, w)) {
        return restore(w, "the journal has no such row", e);
    }
    note(w, may_insert(w) ? DID_SIGN : DID_RESTORE,
         "the row was written past the triggers");
    return capture(w, CAPTURE_INSERT, NULL, e);
}

static int mend_missing(struct wound *w, struct err *e)
{
    if (!w->table->deletes || is_named(w->s->order->restore, w)) {
        return restore(w, "the row was deleted past the triggers", e);
    }
    note(w,
         is_ours(w, w->table->owner_column, w->theirs) ? DID_SIGN : DID_RESTORE,
         "the row was deleted past the triggers");
    return capture(w, CAPTURE_DELETE, NULL, e);
}

/* The columns that differ, as an UPDATE is captured. What this node may not
 * say, the drain parks, and it puts the row back. */
static int mend_columns(struct wound *w, struct err *e)
{
    char what[160];
    const struct column *first = NULL;
    bool may = true;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->table->column_count; i++) {
        const struct column *c = &w->table->columns[i];
        if (value_equal(&w->ours[i], &w->theirs[i])) {
            continue;
        }
        first = first == NULL || (may && !may_update(w, c)) ? c : first;
        may = may && may_update(w, c);
        rc = capture(w, c->id, &w->theirs[i], e);
    }
    if (first != NULL) {
        (void)snprintf(what, sizeof what,
                       "column %s was changed past the triggers", first->name);
        note(w, may ? DID_SIGN : DID_RESTORE, what);
    }
    return rc;
}

static bool same_cells(const struct wound *w)
{
    for (size_t i = 0; i < w->table->column_count; i++) {
        if (!value_equal(&w->ours[i], &w->theirs[i])) {
            return false;
        }
    }
    return true;
}

static int read_state(struct database *db, const struct wound *w,
                      struct value *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        db, "SELECT state FROM sync_row WHERE table_id = ?1 AND key = ?2",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, w->name.table);
    sqlite3_bind_blob(stmt, 2, w->name.key.data, (int)w->name.key.len,
                      SQLITE_STATIC);
    rc = database_step(db, stmt, e);
    *ret =
        rc == 1 ? database_column(stmt, 0) : (struct value){.type = VALUE_NULL};
    return rc < 0 ? rc : 0;
}

/* The cells are as they should be; is the state beside them? */
static int mend_state(struct wound *w, struct err *e)
{
    struct value ours = {0};
    struct value theirs = {0};
    int rc = read_state(w->s->r->db, w, &ours, e);
    if (rc == 0) {
        rc = read_state(w->s->scratch, w, &theirs, e);
    }
    bool same = rc != 0 || value_equal(&ours, &theirs);
    database_rest(w->s->r->db);
    database_rest(w->s->scratch);
    if (same) {
        return rc;
    }
    return restore(w, "the node's own state of the row was altered", e);
}

static int mend_cells(struct wound *w, struct err *e)
{
    if (!w->here && !w->there) {
        return mend_state(w, e);
    }
    if (!w->there) {
        return mend_extra(w, e);
    }
    if (!w->here) {
        return mend_missing(w, e);
    }
    if (same_cells(w)) {
        return mend_state(w, e);
    }
    if (w->table->kind == TABLE_EVENT || is_named(w->s->order->restore, w)) {
        return restore(w, "the row was changed past the triggers", e);
    }
    return mend_columns(w, e);
}

/* Why nothing may be done about the row; NULL: something may. */
static const char *reason_to_hold(const struct wound *w)
{
    if (w->table->kind == TABLE_CONTROL) {
        return "the table is the node's own; stop it and run 'sangam rebuild'";
    }
    if (w->scrubbed->held && !is_named(w->s->order->accept, w) &&
        !is_named(w->s->order->restore, w)) {
        return "too much of the table differs";
    }
    return capture_key_fits(w->table, w->key)
               ? NULL
               : "the key is none that can travel";
}

/* A row that the table could not take is tried again. */
static int mend_known(struct wound *w, struct err *e)
{
    int rc = unprojected_has(&w->s->beside, &w->name, e);
    if (rc != 0) {
        return rc < 0 ? rc : 0; /* nor can the replay show it */
    }
    rc = unprojected_has(&w->s->r->merger, &w->name, e);
    if (rc == 1) {
        return put_back(w, e);
    }
    return rc == 0 ? mend_cells(w, e) : rc;
}

static int mend_row(struct wound *w, struct err *e)
{
    const char *hold = reason_to_hold(w);
    int rc = scrub_is_pending(w->s, w->table, w->key, e);
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    if (hold != NULL) {
        note(w, DID_HOLD, hold);
        return 0;
    }
    rc =
        projector_read(w->s->r->merger.projector, w->table, w->key, w->ours, e);
    w->here = rc == 1;
    if (rc >= 0) {
        rc = projector_read(w->s->beside.projector, w->table, w->key, w->theirs,
                            e);
        w->there = rc == 1;
    }
    return rc < 0 ? rc : mend_known(w, e);
}

/* --- some rows ------------------------------------------------------------ */

static int start_wound(struct scrub *s, uint32_t table, struct slice name,
                       struct bytes *memory, struct wound *ret, struct err *e)
{
    size_t count = 0;
    *ret = (struct wound){
        .s = s,
        .table = manifest_table(s->r->manifest, table),
        .name = {.table = table, .key = name},
    };
    if (ret->table == NULL) {
        return err_set(e, ERR_CORRUPT, "sync_row names table %u", table);
    }
    ret->scrubbed = &s->tables[ret->table - s->r->manifest->tables];
    return row_key_values(name, memory, ret->key, &count, e);
}

/* The row after the place in `after` (u32 table, name), which moves: 1 found,
 * 0 there are no more. */
static int next_found(struct scrub *s, uint32_t *table, struct bytes *name,
                      struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(s->scratch,
                                "SELECT table_id, key FROM scrub_found WHERE"
                                " (table_id, key) > (?1, ?2)"
                                " ORDER BY table_id, key LIMIT 1",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    const struct value after = value_blob(name->data, name->len);
    sqlite3_bind_int64(stmt, 1, *table);
    database_bind_at(stmt, 2, &after);
    rc = database_step(s->scratch, stmt, e);
    if (rc == 1) {
        struct value key = database_column(stmt, 1);
        *table = (uint32_t)sqlite3_column_int64(stmt, 0);
        bytes_clear(name);
        bytes_put(name, key.bytes.data, key.bytes.len);
        sqlite3_reset(stmt);
    }
    return rc;
}

/* Up to SCRUB_ROWS_MAX rows, in a transaction: 1 there may be more. */
static int mend_some(struct scrub *s, uint32_t *table, struct bytes *name,
                     struct err *e)
{
    struct wound *w = malloc(sizeof *w);
    struct bytes memory = {0};
    int rc = scrub_catch_up(s, e);
    if (w == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < SCRUB_ROWS_MAX; i++) {
        rc = next_found(s, table, name, e);
        if (rc != 1) {
            break;
        }
        rc = start_wound(s, *table, slice_of(name), &memory, w, e);
        if (rc == 0) {
            rc = mend_row(w, e);
        }
        rc = rc == 0 && i + 1 == SCRUB_ROWS_MAX ? 1 : rc;
    }
    bytes_free(&memory);
    free(w);
    return rc;
}

/* What a table is now may not be what was compared. */
static int check_unaltered(struct scrub *s, struct err *e)
{
    bool altered = false;
    int rc = replica_altered(s->r, &altered, e);
    if (rc == 0 && altered) {
        rc = err_set(e, ERR_BUSY,
                     "a tool altered the tables meanwhile; scrub again");
    }
    return rc;
}

static int mend_transaction(struct scrub *s, uint32_t *table,
                            struct bytes *name, struct err *e)
{
    int rc = database_begin(s->r->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = check_unaltered(s, e);
    int more = rc == 0 ? mend_some(s, table, name, e) : rc;
    if (more >= 0) {
        rc = database_commit(s->r->db, e);
    }
    if (more < 0 || rc != 0) {
        database_rollback(s->r->db);
        return more < 0 ? more : rc;
    }
    return more;
}

static void hold_what_is_much(struct scrub *s)
{
    for (size_t i = 0; i < s->table_count; i++) {
        struct scrubbed *t = &s->tables[i];
        bool much = t->differ > SCRUB_ROWS_FREE &&
                    t->differ * 100 > t->rows * SCRUB_PERCENT_MAX;
        t->held = t->held || much;
    }
}

/* Where nothing was found nobody has to wait for a write lock. */
static int any_found(struct scrub *s, struct err *e)
{
    struct bytes first = {0};
    uint32_t table = 0;
    int rc = next_found(s, &table, &first, e);
    bytes_free(&first);
    return rc;
}

int scrub_mend(struct scrub *s, struct err *e)
{
    struct bytes name = {0};
    uint32_t table = 0;
    int rc = any_found(s, e);
    hold_what_is_much(s);
    while (rc == 1) {
        rc = mend_transaction(s, &table, &name, e);
    }
    bytes_free(&name);
    return rc;
}
