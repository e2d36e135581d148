/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold.h"
#include "store/parts.h"
#include "store/sql.h"

/* --- replay -------------------------------------------------------------- */

/* Merges the whole journal into the rows of `into`. */
static int replay(struct replica *r, struct merger *into, struct tally *tally,
                  struct err *e)
{
    struct batch *batch = batch_new();
    struct delivery d = {0};
    size_t leaves = 0;
    int rc;
    while ((rc = journal_next(r->db, d.position, 0, &d, e)) == 1) {
        const struct origin *o =
            registry_origin_no(r->merger.registry, d.origin_no);
        struct changeset *cs = NULL;
        rc = o == NULL ? err_set(e, ERR_CORRUPT, "an origin is missing")
                       : journal_open(r->merger.packer, &r->self.network,
                                      &o->node, &d, &cs, e);
        if (rc == 0) {
            assert(cs != NULL);
            leaves += cs->header.leaf_count;
            batch_add(batch, into, &cs, d.position, BATCH_REMOTE);
        }
        if (rc == 0 && leaves >= REPLAY_LEAVES) {
            rc = batch_merge(batch, into, tally, e);
            leaves = 0;
        }
        if (rc != 0) {
            break;
        }
    }
    if (rc == 0) {
        rc = batch_merge(batch, into, tally, e);
    }
    batch_destroy(&batch);
    return rc;
}

static int empty_tables(struct replica *r, struct err *e)
{
    static const char own[] = "DELETE FROM sync_row; DELETE FROM sync_verdict;"
                              "DELETE FROM sync_unprojected;"
                              "DELETE FROM sync_review;"
                              "DELETE FROM sync_offer;"
                              "DELETE FROM sync_newer;";
    struct bytes sql = {0};
    int rc = database_run(r->db, own, e);
    for (size_t i = 0; rc == 0 && i < r->manifest->table_count; i++) {
        bytes_clear(&sql);
        sql_delete_rows(&r->manifest->tables[i], &sql);
        rc = database_run(r->db, (const char *)sql.data, e);
    }
    bytes_free(&sql);
    return rc;
}

int replica_rebuild(struct replica *r, int64_t now_ms, uint64_t *ret_leaves,
                    struct err *e)
{
    struct drained drained = {.more = true};
    struct tally tally = {0};
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    while (rc == 0 && drained.more) {
        rc = replica_drain_some(r, now_ms, &drained, e);
    }
    if (rc == 0) {
        rc = empty_tables(r, e);
    }
    if (rc == 0) {
        rc = merger_start(&r->merger, e);
    }
    if (rc == 0) {
        rc = replay(r, &r->merger, &tally, e);
    }
    rc = replica_end(r, rc, e);
    if (rc == 0) {
        *ret_leaves = tally.leaves;
    }
    return rc;
}

/* --- one row ------------------------------------------------------------- */

void key_bytes(const struct table *t, const struct value *key,
               struct bytes *out)
{
    bytes_put_u8(out, (uint8_t)t->key_count);
    for (size_t i = 0; i < t->key_count; i++) {
        value_encode(&key[i], out);
    }
}

int replica_scope_of(struct replica *r, const struct table *t,
                     const struct value *key, struct bytes *ret, struct err *e)
{
    struct bytes canonical = {0};
    key_bytes(t, key, &canonical);
    int rc = row_scope(&r->merger, t, slice_of(&canonical), ret, e);
    bytes_free(&canonical);
    return rc;
}

int replica_reproject(struct replica *r, const struct table *t,
                      const struct value *key, struct err *e)
{
    struct bytes scope = {0};
    struct bytes canonical = {0};
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    key_bytes(t, key, &canonical);
    rc = replica_scope_of(r, t, key, &scope, e);
    if (rc == 1) {
        rc = fold_apply(&r->merger, t, slice_of(&canonical), slice_of(&scope),
                        e);
    }
    bytes_free(&scope);
    bytes_free(&canonical);
    return replica_end(r, rc, e);
}

/* --- verify -------------------------------------------------------------- */

/* Two statements over the same rows in the same order. */
struct comparing {
    struct database *ours, *theirs;
    sqlite3_stmt *our_stmt, *their_stmt;
    int keys; /* leading columns that name a row */
    const char *table;
    const struct column *columns; /* names, or NULL */
    struct verified *ret;
};

static int compare_values(const struct value *a, const struct value *b)
{
    struct bytes x = {0};
    struct bytes y = {0};
    bool bytes = a->type == VALUE_TEXT || a->type == VALUE_BLOB;
    if (bytes && a->type == b->type) {
        return slice_compare(a->bytes, b->bytes); /* as ORDER BY does */
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
    for (int i = 0; order == 0 && i < c->keys; i++) {
        struct value a = database_column(c->our_stmt, i);
        struct value b = database_column(c->their_stmt, i);
        order = compare_values(&a, &b);
    }
    return order;
}

static void differs(struct comparing *c, sqlite3_stmt *stmt, const char *what)
{
    if (c->ret->differ++ == 0) {
        struct value key = database_column(stmt, c->keys - 1);
        bool text = key.type == VALUE_TEXT;
        (void)snprintf(c->ret->first, sizeof c->ret->first, "%s %.*s: %s",
                       c->table, text ? (int)key.bytes.len : 1,
                       text ? (const char *)key.bytes.data : "?", what);
    }
}

static void compare_cells(struct comparing *c)
{
    int count = sqlite3_column_count(c->our_stmt);
    for (int i = c->keys; i < count; i++) {
        struct value a = database_column(c->our_stmt, i);
        struct value b = database_column(c->their_stmt, i);
        if (!value_equal(&a, &b)) {
            char what[160];
            (void)snprintf(what, sizeof what,
                           "column %s is not what the "
                           "journal says",
                           sqlite3_column_name(c->our_stmt, i));
            differs(c, c->our_stmt, what);
            return;
        }
    }
}

static int compare_rows(struct comparing *c, struct err *e)
{
    int ours = database_step(c->ours, c->our_stmt, e);
    int theirs = database_step(c->theirs, c->their_stmt, e);
    while (ours >= 0 && theirs >= 0 && ours + theirs > 0) {
        int order = ours == 0 ? 1 : theirs == 0 ? -1 : compare_keys(c);
        c->ret->rows++;
        if (order < 0) {
            differs(c, c->our_stmt, "the journal has no such row");
        } else if (order > 0) {
            differs(c, c->their_stmt, "the row is missing");
        } else {
            compare_cells(c);
        }
        if (order <= 0) {
            ours = database_step(c->ours, c->our_stmt, e);
        }
        if (order >= 0) {
            theirs = database_step(c->theirs, c->their_stmt, e);
        }
    }
    return ours < 0 ? ours : theirs < 0 ? theirs : 0;
}

static int compare_table(struct replica *r, struct database *scratch,
                         const struct table *t, struct verified *ret,
                         struct err *e)
{
    struct bytes sql = {0};
    struct comparing c = {
        .ours = r->db,
        .theirs = scratch,
        .keys = (int)t->key_count,
        .table = t->name,
        .ret = ret,
    };
    sql_select_rows(t, &sql);
    int rc = database_statement(r->db, (const char *)sql.data, &c.our_stmt, e);
    if (rc == 0) {
        rc = database_statement(scratch, (const char *)sql.data, &c.their_stmt,
                                e);
    }
    if (rc == 0) {
        rc = compare_rows(&c, e);
    }
    bytes_free(&sql);
    return rc;
}

static int compare_states(struct replica *r, struct database *scratch,
                          struct verified *ret, struct err *e)
{
    static const char sql[] =
        "SELECT table_id, key, state FROM sync_row ORDER BY table_id, key";
    struct comparing c = {
        .ours = r->db,
        .theirs = scratch,
        .keys = 2,
        .table = "sync_row",
        .ret = ret,
    };
    int rc = database_statement(r->db, sql, &c.our_stmt, e);
    if (rc == 0) {
        rc = database_statement(scratch, sql, &c.their_stmt, e);
    }
    return rc == 0 ? compare_rows(&c, e) : rc;
}

static int compare_all(struct replica *r, struct database *scratch,
                       struct verified *ret, struct err *e)
{
    int rc = compare_states(r, scratch, ret, e);
    for (size_t i = 0; rc == 0 && i < r->manifest->table_count; i++) {
        rc = compare_table(r, scratch, &r->manifest->tables[i], ret, e);
    }
    return rc;
}

static int replay_beside(struct replica *r, struct database *scratch,
                         struct verified *ret, struct err *e)
{
    const struct schema_site site = {
        .site_id = r->self.site,
        .today = "(date('now'))", /* signed rows say their days */
    };
    struct merger beside = r->merger;
    struct tally tally = {0};
    beside.db = scratch;
    beside.projector = projector_new(scratch);
    int rc = database_begin(scratch, e);
    if (rc == 0) {
        rc = schema_upgrade(scratch, r->schema, &site, e);
    }
    if (rc == 0) {
        rc = merger_start(&beside, e);
    }
    if (rc == 0) {
        rc = replay(r, &beside, &tally, e);
    }
    if (rc == 0) {
        rc = compare_all(r, scratch, ret, e);
    }
    projector_destroy(&beside.projector);
    database_rollback(scratch); /* nothing of it is wanted on disk */
    return rc;
}

int replica_verify(struct replica *r, struct verified *ret, struct err *e)
{
    struct database *scratch = NULL;
    const char *beside = r->scratch;
    assert(beside != NULL);
    *ret = (struct verified){0};
    replica_remove(beside); /* what a killed run left behind */
    int rc = database_open(beside, DATABASE_NODE, DATABASE_CREATE, &scratch, e);
    if (rc == 0 && !r->reader) {
        rc = database_begin_read(r->db, e);
    }
    if (rc == 0) {
        rc = replay_beside(r, scratch, ret, e);
    }
    if (!r->reader) {
        database_rollback(r->db);
    }
    database_close(&scratch);
    replica_remove(beside);
    return rc;
}
