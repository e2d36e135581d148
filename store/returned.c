/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "protocol/elements.h"
#include "protocol/hlc.h"
#include "store/anew.h"
#include "store/fold.h"
#include "store/late.h"
#include "store/parked.h"
#include "store/runs.h"

/* This node signed it and took it back without having it at hand: its disk was put
 * back from a copy. Either it took back, not knowing of it, what it signed in that
 * incarnation, and a neighbour gives it what it had lost; or the copy had it, and a
 * neighbour gives it the words that take it back. The events of it count and go up
 * only when time has reached their stamps; its other changes do not count. So what
 * nobody has otherwise is signed anew: a row that is in no other changeset, an event
 * or a row that came into being there. A value of a row that is known may have been
 * written over since, and is put before a person. */

struct returning {
    struct replica *r;
    int64_t now_ms;
    uint64_t position; /* of the delivery that is looked at */
    struct signed_anew *ret;
    struct leaf leaf;  /* that is looked at */
    struct leaf signs; /* that is signed anew */
    struct leaf other;
    struct anew anew;
};

/* --- one row -------------------------------------------------------------- */

static bool is_void(const struct returning *x, const struct changeset *cs)
{
    struct standing *s = registry_standing(x->r->merger.registry);
    return standing_of(s, &cs->header) == STAND_VOID;
}

/* Does anything count of it but what is void? */
static bool is_known(const struct returning *x, const struct fold *f)
{
    for (size_t i = 0; i < f->leaf_count; i++) {
        if (f->leaves[i].code == 0 && !is_void(x, f->leaves[i].changeset)) {
            return true;
        }
    }
    return false;
}

/* Signed here, and taken back. */
static bool is_taken_back(const struct returning *x,
                          const struct folded_leaf *l)
{
    return hash_equal(&l->changeset->header.origin, &x->r->self.node) &&
           is_void(x, l->changeset);
}

static bool decode(struct returning *x, const struct folded_leaf *l)
{
    const struct slot *slot = &l->changeset->slots[l->index];
    return leaf_decode(slot->head, slot->body, &x->other, NULL) == 0;
}

/* Did the row come into being in what was taken back? */
static bool is_born_there(struct returning *x, const struct fold *f)
{
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        if (is_taken_back(x, l) && decode(x, l) && x->other.op == LEAF_INSERT) {
            return true;
        }
    }
    return false;
}

/* Has another said the like of a column later? It waits for the row, and is to show
 * then. */
static bool is_said_later(struct returning *x, const struct fold *f,
                          const struct folded_leaf *than,
                          const struct column *c)
{
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        if (strcmp(l->verdict, "waiting") == 0 && !is_void(x, l->changeset) &&
            stamp_compare(&l->stamp, &than->stamp) > 0 && decode(x, l) &&
            x->other.cl == x->signs.cl && leaf_cell(&x->other, c->id) != NULL) {
            return true;
        }
    }
    return false;
}

/* Of a group all or nothing is; only of these is the later stamp what shows. */
static bool is_left_out(struct returning *x, const struct fold *f,
                        const struct folded_leaf *l, uint16_t column)
{
    const struct column *c = table_column(f->table, column);
    return c != NULL && column_lead(c)->policy == POLICY_LWW &&
           is_said_later(x, f, l, column_lead(c));
}

static int sign_leaf(struct returning *x, const struct fold *f,
                     const struct folded_leaf *l, struct err *e)
{
    const struct slot *slot = &l->changeset->slots[l->index];
    bool left_out[COLUMNS_MAX] = {false};
    int rc = leaf_decode(slot->head, slot->body, &x->signs, e);
    for (size_t i = 0; rc == 0 && i < x->signs.cell_count; i++) {
        left_out[i] = is_left_out(x, f, l, x->signs.cells[i].column);
    }
    return rc == 0 ? anew_sign_leaf(&x->anew, x->r, l->changeset, l->index,
                                    left_out, x->now_ms, e)
                   : rc;
}

/* In the order in which they were signed, which they came back in: what was signed
 * anew once has a lower stamp than what it was said after. */
static int compare_arrival(const void *a, const void *b)
{
    const struct folded_leaf *x = a;
    const struct folded_leaf *y = b;
    return x->position != y->position
               ? (x->position > y->position ? 1 : -1)
               : (x->index > y->index) - (x->index < y->index);
}

/* Each in a changeset of its own: one has a row once. How many. */
static int sign_leaves(struct returning *x, const struct fold *f, struct err *e)
{
    int count = 0;
    qsort(f->leaves, f->leaf_count, sizeof *f->leaves, compare_arrival);
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        if (!is_taken_back(x, l)) {
            continue;
        }
        int rc = sign_leaf(x, f, l, e);
        if (rc != 0) {
            return rc;
        }
        count++;
    }
    return count;
}

static int sign_row(struct returning *x, const struct fold *f, struct err *e)
{
    int count = sign_leaves(x, f, e);
    if (count <= 0) {
        return count;
    }
    x->ret->rows++;
    return fold_apply(&x->r->merger, f->table, slice_of(&f->key),
                      x->leaf.scope_bytes, e);
}

/* --- values of a row that is known ---------------------------------------- */

/* Does a change that counts say the same of a cell, or of the whole row? */
static bool says_same(struct returning *x, const struct folded_leaf *l,
                      const struct leaf_cell *cell)
{
    if (l->code != 0 || is_void(x, l->changeset) || !decode(x, l)) {
        return false;
    }
    const struct value *v = leaf_cell(&x->other, cell->column);
    return cell->column == 0 ? x->other.op == LEAF_DELETE
                             : v != NULL && value_equal(v, &cell->value);
}

/* It shows, or this node has signed it anew and then gone on from there: a
 * neighbour brought that later. */
static bool is_said(struct returning *x, const struct fold *f,
                    const struct leaf_cell *cell)
{
    const struct hash *own = &x->r->self.node;
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        bool anew = l->position > x->position &&
                    hash_equal(&l->changeset->header.origin, own);
        if (says_same(x, l, cell) &&
            (anew ||
             (cell->column == 0 ? f->state.cl % 2 == 0
                                : fold_shows(f, l, &x->other, cell->column)))) {
            return true;
        }
    }
    return false;
}

static int park(struct returning *x, const struct fold *f, uint16_t column,
                const struct value *value, int64_t at_ms, struct err *e)
{
    struct bytes name = {0};
    row_key(slice_of(&f->key), &name);
    const struct parked parked = {
        .table_id = f->table->id,
        .key = slice_of(&name),
        .column_id = column,
        .value = *value,
        .at_ms = at_ms,
        /* true also of what was written when the disk had been put back */
        .says =
            "its stamp was ahead of time, and was taken back; a disk was put "
            "back then, and what shows may be newer; write it again if it "
            "still holds",
    };
    int rc = parked_add(x->r->db, &parked, e);
    bytes_free(&name);
    x->ret->parked++;
    return rc;
}

/* The elements that were added to a list; one that was taken away stays there. */
static int park_added(struct returning *x, const struct fold *f,
                      const struct leaf_cell *cell, int64_t at_ms,
                      struct err *e)
{
    struct elements elements;
    int rc = 0;
    if (!elements_decode(&cell->value, &elements)) {
        return 0; /* it says nothing, here as anywhere */
    }
    for (size_t i = 0; rc == 0 && i < elements.added_count; i++) {
        rc = park(x, f, cell->column, &elements.added[i], at_ms, e);
    }
    elements_clear(&elements);
    return rc;
}

/* What nobody can write again says nothing to a person. */
static bool is_writable(const struct table *t, const struct column *c)
{
    return c == NULL || !(policy_is_fixed(c->policy) || c == t->epoch_column);
}

static int park_cell(struct returning *x, const struct fold *f,
                     const struct leaf_cell *cell, int64_t at_ms, struct err *e)
{
    const struct column *c = table_column(f->table, cell->column);
    if (!is_writable(f->table, c) || is_said(x, f, cell)) {
        return 0;
    }
    return c != NULL && c->policy == POLICY_UNION
               ? park_added(x, f, cell, at_ms, e)
               : park(x, f, cell->column, &cell->value, at_ms, e);
}

/* A deletion has no cells: column 0 stands for the row. */
static int park_leaf(struct returning *x, const struct fold *f, int64_t at_ms,
                     struct err *e)
{
    const struct leaf_cell whole = {.column = 0};
    int rc = x->leaf.op == LEAF_DELETE ? park_cell(x, f, &whole, at_ms, e) : 0;
    for (size_t i = 0; rc == 0 && i < x->leaf.cell_count; i++) {
        rc = park_cell(x, f, &x->leaf.cells[i], at_ms, e);
    }
    return rc;
}

static int look_at_row(struct returning *x, const struct table *t,
                       int64_t at_ms, struct err *e)
{
    struct fold f;
    int rc = fold_row(&x->r->merger, t, x->leaf.key_bytes, x->leaf.scope_bytes,
                      &f, e);
    if (rc != 0) {
        return rc;
    }
    if (!is_known(x, &f) && is_born_there(x, &f)) {
        rc = sign_row(x, &f, e);
    } else if (t->kind == TABLE_RECORD || t->kind == TABLE_REFERENCE) {
        rc = park_leaf(x, &f, at_ms, e);
    }
    fold_clear(&f);
    return rc;
}

/* --- one changeset -------------------------------------------------------- */

/* A void counts though it is void itself. */
static int look_at_leaf(struct returning *x, const struct slot *slot,
                        int64_t at_ms, struct err *e)
{
    if (slot->form != SLOT_VISIBLE ||
        leaf_decode(slot->head, slot->body, &x->leaf, NULL) != 0 ||
        x->leaf.table == TABLE_VOID) {
        return 0;
    }
    const struct table *t = manifest_table(x->r->manifest, x->leaf.table);
    return t == NULL ? 0 : look_at_row(x, t, at_ms, e);
}

static int look_at_part(struct returning *x, const struct delivery *d,
                        struct err *e)
{
    struct replica *r = x->r;
    struct changeset *cs = NULL;
    int rc = journal_open(r->merger.packer, &r->self.network, &r->self.node, d,
                          &cs, e);
    x->position = d->position;
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        x->ret->leaves++;
        rc = look_at_leaf(x, &cs->slots[i], hlc_ms(d->hlc), e);
    }
    changeset_destroy(&cs);
    return rc;
}

/* Its rows are folded, and what is signed anew stands in the journal's tail. */
static int look_at(struct returning *x, uint64_t seq, uint64_t incarnation,
                   struct err *e)
{
    struct database *db = x->r->db;
    uint32_t own_no = replica_own_origin(x->r)->no;
    struct delivery d = {0};
    int rc = runs_grow_all(db, db, e);
    if (rc != 0) {
        return rc;
    }
    while ((rc = journal_next_of_changeset(db, own_no, seq, incarnation,
                                           d.position, &d, e)) == 1) {
        rc = look_at_part(x, &d, e);
        if (rc != 0) {
            return rc;
        }
    }
    return rc < 0 ? rc : journal_settle_voided(db, own_no, seq, incarnation, e);
}

/* --- all of them ----------------------------------------------------------- */

/* What programs wrote goes first. */
static int look(struct returning *x, struct err *e)
{
    struct replica *r = x->r;
    struct drained drained = {0};
    uint64_t seq, incarnation;
    uint64_t rows = 0;
    int more = 1;
    int rc = replica_drain_some(r, x->now_ms, &drained, e);
    while (rc == 0 && !drained.more && more == 1 &&
           x->ret->leaves < r->rows_max) {
        more = journal_unsettled(r->db, replica_own_origin(r)->no, &seq,
                                 &incarnation, e);
        rc = more == 1 ? look_at(x, seq, incarnation, e) : more;
    }
    x->ret->more = more == 1;
    return rc == 0 ? late_apply(&r->merger, &rows, e) : rc;
}

bool replica_returned(const struct replica *r)
{
    return r->returned;
}

int replica_sign_returned(struct replica *r, int64_t now_ms,
                          struct signed_anew *ret, struct err *e)
{
    uint64_t seq, incarnation;
    *ret = (struct signed_anew){0};
    int rc = journal_unsettled(r->db, replica_own_origin(r)->no, &seq,
                               &incarnation, e);
    if (rc != 1) {
        r->returned = rc != 0;
        return rc;
    }
    struct returning *x = calloc(1, sizeof *x);
    if (x == NULL) {
        abort();
    }
    x->r = r;
    x->ret = ret;
    x->now_ms = now_ms;
    rc = replica_begin(r, e);
    if (rc == 0) {
        rc = replica_end(r, look(x, e), e);
    }
    r->returned = rc != 0 || ret->more;
    anew_clear(&x->anew);
    free(x);
    return rc;
}
