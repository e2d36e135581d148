/* SPDX-License-Identifier: Apache-2.0 */
#include "store/review.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/capture.h"
#include "store/fold.h"
#include "store/merge.h"
#include "store/parts.h"
#include "store/sql.h"

/* --- one review ---------------------------------------------------------- */

static struct review_value *new_value(struct review *review)
{
    struct review_value *grown =
        realloc(review->values, (review->count + 1) * sizeof *grown);
    if (grown == NULL) {
        abort();
    }
    review->values = grown;
    struct review_value *v = &grown[review->count++];
    memset(v, 0, sizeof *v);
    return v;
}

static void add_value(struct replica *r, struct review *review,
                      const struct folded_leaf *l, const struct leaf *leaf,
                      bool shown)
{
    struct review_value *v = new_value(review);
    const struct changeset_header *h = &l->changeset->header;
    const struct certificate *c =
        registry_certificate(r->merger.registry, &h->origin, h->certificate);
    (void)snprintf(v->site, sizeof v->site, "%s", c == NULL ? "?" : c->site);
    v->hlc = h->hlc;
    v->seq = h->seq;
    v->shown = shown;
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *column =
            table_column(review->table, leaf->cells[i].column);
        if (column != NULL && column_lead(column) == review->column) {
            v->columns[v->count] = column;
            v->values[v->count++] = leaf->cells[i].value;
        }
    }
}

/* Is the write of this leaf one of the heads? */
static bool is_head(const struct memory *m, const struct stamp *stamp)
{
    for (size_t i = 0; i < m->head_count; i++) {
        if (stamp_compare(&m->heads[i].stamp, stamp) == 0) {
            return true;
        }
    }
    return false;
}

/* Is it one of those that took the row under its last epoch, as they might? */
static bool is_taking(const struct fold *f, const struct folded_leaf *l,
                      const struct leaf *leaf)
{
    return (l->code == 0 || l->rivals) && merge_takes_over(f->table, leaf) &&
           leaf->owner.epoch == f->state.owner_count;
}

static bool disputes(const struct review *review)
{
    const struct column_state *s =
        state_column(&review->fold->state, review->column->id);
    if (review->owner) {
        const struct owner *last = state_last_owner(&review->fold->state);
        return last != NULL && last->contested;
    }
    return s != NULL && s->memory != NULL && memory_disputes(s->memory);
}

static void collect(struct replica *r, struct review *review)
{
    const struct fold *f = review->fold;
    const struct column_state *s = state_column(&f->state, review->column->id);
    struct leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        const struct slot *slot = &l->changeset->slots[l->index];
        if (leaf_decode(slot->head, slot->body, leaf, NULL) != 0 ||
            leaf->cl != f->state.cl ||
            leaf_cell(leaf, review->column->id) == NULL) {
            continue;
        }
        bool shown = fold_shows(f, l, leaf, review->column->id);
        bool among = review->owner
                         ? is_taking(f, l, leaf)
                         : l->code == 0 && is_head(s->memory, &l->stamp);
        if (among) {
            add_value(r, review, l, leaf, shown);
        }
    }
    free(leaf);
}

static int compare_by_stamp(const void *a, const void *b)
{
    const struct review_value *x = a;
    const struct review_value *y = b;
    int order = (x->hlc > y->hlc) - (x->hlc < y->hlc);
    return order != 0 ? order : strcmp(x->site, y->site);
}

int review_open(struct replica *r, const struct table *t,
                const struct value *key, const struct column *column,
                struct review **ret, struct err *e)
{
    struct review *review = calloc(1, sizeof *review);
    struct bytes canonical = {0};
    struct bytes scope = {0};
    if (review == NULL ||
        (review->fold = calloc(1, sizeof(struct fold))) == NULL) {
        abort();
    }
    review->table = t;
    review->column = column_lead(column);
    review->owner = review->column == t->owner_column;
    key_bytes(t, key, &canonical);
    int rc = replica_scope_of(r, t, key, &scope, e);
    if (rc >= 0) {
        rc = fold_row(&r->merger, t, slice_of(&canonical), slice_of(&scope),
                      review->fold, e);
    }
    bytes_free(&canonical);
    bytes_free(&scope);
    if (rc == 0 && !disputes(review)) {
        rc = err_set(e, ERR_UNKNOWN,
                     "nothing waits for a person in %s.%s of this row", t->name,
                     column->name);
    }
    if (rc != 0) {
        review_close(&review);
        return rc;
    }
    collect(r, review);
    if (review->count > 0) {
        qsort(review->values, review->count, sizeof *review->values,
              compare_by_stamp);
    }
    *ret = review;
    return 0;
}

void review_close(struct review **review_p)
{
    struct review *review = *review_p;
    *review_p = NULL;
    if (review == NULL) {
        return;
    }
    fold_clear(review->fold);
    free(review->fold);
    free(review->values);
    free(review);
}

/* --- all of them --------------------------------------------------------- */

int review_list(struct replica *r, struct review_name **ret, size_t *ret_count,
                struct err *e)
{
    static const char sql[] = "SELECT table_id, key, column_id FROM sync_review"
                              " ORDER BY table_id, key, column_id";
    struct review_name *list = NULL;
    size_t count = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        const struct table *t = manifest_table(
            r->manifest, (uint32_t)sqlite3_column_int64(stmt, 0));
        const struct column *c =
            t == NULL ? NULL
                      : table_column(t, (uint16_t)sqlite3_column_int(stmt, 2));
        rc = 0;
        if (c == NULL) {
            continue; /* computed by another version; the upgrade folds anew */
        }
        list = realloc(list, (count + 1) * sizeof *list);
        if (list == NULL) {
            abort();
        }
        list[count] = (struct review_name){.table = t, .column = c};
        row_key_print(database_column(stmt, 1).bytes, list[count].key,
                      sizeof list[count].key);
        count++;
    }
    if (rc < 0) {
        free(list);
        return rc;
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

/* --- settling ------------------------------------------------------------ */

/* What the row shows in the column, before it is written. */
static int read_shown(struct database *tool, const struct review *review,
                      const struct value *key, struct bytes *ret, struct err *e)
{
    const struct table *t = review->table;
    struct bytes sql = {0};
    sqlite3_stmt *stmt;
    sql_select_row(t, &sql);
    int rc = database_statement(tool, (const char *)sql.data, &stmt, e);
    for (size_t i = 0; rc == 0 && i < t->key_count; i++) {
        database_bind_at(stmt, (int)i + 1, &key[i]);
    }
    rc = rc == 0 ? database_step(tool, stmt, e) : rc;
    if (rc == 1) {
        struct value v =
            database_column(stmt, (int)(review->column - t->columns));
        value_encode(&v, ret);
        (void)sqlite3_reset(stmt);
        rc = 0;
    } else if (rc == 0) {
        rc = err_set(e, ERR_UNKNOWN, "the row is not here any more");
    }
    bytes_free(&sql);
    return rc;
}

static int write_value(struct database *tool, const struct review *review,
                       const struct value *key, const struct review_value *v,
                       struct err *e)
{
    const struct table *t = review->table;
    struct bytes sql = {0};
    sqlite3_stmt *stmt;
    sql_update(t, v->columns, v->count, &sql);
    int rc = database_statement(tool, (const char *)sql.data, &stmt, e);
    int at = 1;
    for (size_t i = 0; rc == 0 && i < t->key_count; i++) {
        database_bind_at(stmt, at++, &key[i]);
    }
    for (size_t i = 0; rc == 0 && i < v->count; i++) {
        database_bind_at(stmt, at++, &v->values[i]);
    }
    rc = rc == 0 ? database_done(tool, stmt, e) : rc;
    bytes_free(&sql);
    return rc;
}

static int say_settled(struct database *tool, const struct review *review,
                       const struct value *key, const struct bytes *shown,
                       int64_t now_ms, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_pending(table_id, what, k1, k2, k3, old, at_ms)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    struct value old = memory_value(shown);
    sqlite3_stmt *stmt;
    int rc = database_statement(tool, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, review->table->id);
    sqlite3_bind_int64(stmt, 2, review->column->id | CAPTURE_SETTLES);
    for (size_t i = 0; i < review->table->key_count; i++) {
        database_bind_at(stmt, 3 + (int)i, &key[i]);
    }
    database_bind_at(stmt, 6, &old);
    sqlite3_bind_int64(stmt, 7, now_ms);
    return database_done(tool, stmt, e);
}

int review_settle(struct database *tool, const struct review *review,
                  const struct value *key, size_t which, int64_t now_ms,
                  struct err *e)
{
    struct bytes shown = {0};
    assert(which < review->count);
    if (review->owner) {
        return err_set(e, ERR_STATE,
                       "two sites took the row; the one that counts hands it "
                       "over again, and that settles it");
    }
    int rc = database_begin(tool, e);
    if (rc != 0) {
        return rc;
    }
    rc = read_shown(tool, review, key, &shown, e);
    if (rc == 0) {
        rc = write_value(tool, review, key, &review->values[which], e);
    }
    if (rc == 0) {
        rc = say_settled(tool, review, key, &shown, now_ms, e);
    }
    if (rc == 0) {
        rc = database_commit(tool, e);
    }
    if (rc != 0) {
        database_rollback(tool);
    }
    bytes_free(&shown);
    return rc;
}
