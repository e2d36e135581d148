/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/admit.h"
#include "store/list.h"
#include "store/merge.h"
#include "store/offers.h"
#include "store/touched.h"

struct collected {
    struct folded_leaf folded;
    struct merge_rank rank;
};

struct collecting {
    struct merger *m;
    const struct table *table;
    struct slice key;
    struct collected *items;
    size_t count;
    size_t cap;
    struct changeset **changesets; /* owned by the fold in the end */
    size_t changeset_count;
    size_t changeset_cap;
    struct leaf leaf;
};

static void *grow(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return list;
    }
    *cap = *cap == 0 ? 16 : *cap * 2;
    void *grown = realloc(list, *cap * size);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

void fold_clear(struct fold *f)
{
    for (size_t i = 0; i < f->changeset_count; i++) {
        changeset_destroy(&f->changesets[i]);
    }
    free(f->changesets);
    free(f->leaves);
    bytes_free(&f->key);
    bytes_free(&f->memory);
    state_clear(&f->state);
    f->changesets = NULL;
    f->leaves = NULL;
    f->changeset_count = 0;
    f->leaf_count = 0;
}

/* --- collecting ---------------------------------------------------------- */

/* Decodes a leaf of the row; false when it is of another. */
static bool is_ours(struct collecting *c, const struct slot *slot)
{
    return slot->form == SLOT_VISIBLE &&
           leaf_is_of_row(slot->body, c->table->id, c->key) &&
           leaf_decode(slot->head, slot->body, &c->leaf, NULL) == 0;
}

static void add(struct collecting *c, struct changeset *cs, uint32_t index,
                const struct delivery *d)
{
    struct stamp stamp = merger_stamp(c->m, cs);
    c->items = grow(c->items, c->count, &c->cap, sizeof *c->items);
    struct collected *item = &c->items[c->count++];
    *item = (struct collected){
        .folded =
            {
                .changeset = cs,
                .index = index,
                .position = d->position,
                .from_no = d->from_no,
                .stamp = stamp,
            },
        .rank = merge_rank_of(c->table, &c->leaf, &stamp),
    };
}

/* Takes the leaves of the row out of one delivery. */
static int collect_delivery(struct collecting *c, const struct delivery *d,
                            struct err *e)
{
    const struct origin *o = registry_origin_no(c->m->registry, d->origin_no);
    struct changeset *cs = NULL;
    if ((d->reach & REACH_REPEAT) != 0) {
        return 0;
    }
    if (o == NULL) {
        return err_set(e, ERR_CORRUPT, "delivery %llu has no origin",
                       (unsigned long long)d->position);
    }
    int rc = journal_open(c->m->packer, c->m->network, &o->node, d, &cs, e);
    if (rc != 0) {
        return rc;
    }
    size_t before = c->count;
    for (uint32_t i = 0; i < cs->header.leaf_count; i++) {
        if (is_ours(c, &cs->slots[i])) {
            add(c, cs, i, d);
        }
    }
    if (c->count == before) {
        changeset_destroy(&cs);
        return 0;
    }
    c->changesets = grow(c->changesets, c->changeset_count, &c->changeset_cap,
                         sizeof(struct changeset *));
    c->changesets[c->changeset_count++] = cs;
    return 0;
}

static bool class_seen(const struct table *t, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        if (t->columns[i].class_id == t->columns[before].class_id) {
            return true;
        }
    }
    return false;
}

enum { SCOPE_BYTES_MAX = 1 + 4 + SCOPE_ID_BYTES_MAX };

/* Marks of the classes of a table in a scope. No leaf lies in one that is
 * larger than a leaf can say, as a program past the guards may have left it in
 * its row. */
static void mark_scope(const struct table *t, struct slice scope,
                       struct bytes *marks)
{
    bool sound = scope.len > 0 && scope.len <= SCOPE_BYTES_MAX;
    for (size_t i = 0; sound && i < t->column_count; i++) {
        uint8_t mark[JOURNAL_MARK_BYTES];
        if (!class_seen(t, i)) {
            journal_mark(scope, t->columns[i].class_id, mark);
            bytes_put(marks, mark, sizeof mark);
        }
    }
}

static int collect_marked(struct collecting *c, struct slice marks,
                          struct err *e)
{
    struct delivery d = {0};
    int rc;
    while ((rc = journal_next_of_marks(c->m->journal, c->m->db, d.position,
                                       marks, &d, e)) == 1) {
        rc = collect_delivery(c, &d, e);
        if (rc != 0) {
            break;
        }
    }
    return rc;
}

static bool is_collected(const struct collecting *c, uint64_t position)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i].folded.position == position) {
            return true;
        }
    }
    return false;
}

/* Leaves that were waiting or refused may claim any scope. */
static int collect_judged(struct collecting *c, const struct row_name *row,
                          struct err *e)
{
    struct delivery d;
    uint64_t position = 0;
    int rc;
    while ((rc = verdict_next(c->m, row, position, &position, e)) == 1) {
        if (is_collected(c, position)) {
            continue;
        }
        rc = journal_next(c->m->journal, position - 1, 0, &d, e);
        if (rc == 1) {
            rc = collect_delivery(c, &d, e);
        }
        if (rc != 0) {
            break;
        }
    }
    return rc;
}

/* All leaves held of the row: those in the scopes that its lives have, those in
 * the scope asked for, and those that have a verdict. */
static int collect(struct collecting *c, struct slice scope, struct err *e)
{
    struct bytes name_bytes = {0};
    struct bytes marks = {0};
    struct bytes known = {0};
    row_key(c->key, &name_bytes);
    const struct row_name row = {
        .table = c->table->id,
        .key = slice_of(&name_bytes),
    };
    int rc = row_scopes(c->m, c->table, c->key, &known, e);
    struct cursor each = cursor_of(slice_of(&known));
    if (rc == 0) {
        mark_scope(c->table, scope, &marks);
    }
    while (rc == 0 && cursor_left(&each) > 0) {
        struct slice other = cursor_slice(&each, UINT32_MAX);
        if (!slice_equal(scope, other)) {
            mark_scope(c->table, other, &marks);
        }
    }
    if (rc == 0 && marks.len > 0) {
        rc = collect_marked(c, slice_of(&marks), e);
    }
    if (rc == 0) {
        rc = collect_judged(c, &row, e);
    }
    bytes_free(&name_bytes);
    bytes_free(&marks);
    bytes_free(&known);
    return rc;
}

static int compare_collected(const void *a, const void *b)
{
    const struct collected *x = a;
    const struct collected *y = b;
    int order = merge_rank_compare(&x->rank, &y->rank);
    if (order == 0) { /* two classes of one changeset */
        order = (x->folded.index > y->folded.index) -
                (x->folded.index < y->folded.index);
    }
    return order;
}

/* --- folding ------------------------------------------------------------- */

static void refuse(struct folded_leaf *folded, int code, const char *says)
{
    folded->verdict = "refused";
    folded->code = code;
    size_t len = strlen(says);
    len = len < sizeof folded->says ? len : sizeof folded->says - 1;
    memcpy(folded->says, says, len);
    folded->says[len] = '\0';
}

static void wait(struct folded_leaf *folded, int code, const char *says)
{
    refuse(folded, code, says);
    folded->verdict = "waiting";
}

/* An event is told once: a second leaf under its key counts for nothing. */
static bool is_second_event(const struct fold *f,
                            const struct folded_leaf *folded)
{
    return f->table->kind == TABLE_EVENT && f->state.cl > 0 &&
           stamp_compare(&folded->stamp, &f->state.life) != 0;
}

/* Does the second leaf tell what the first told? */
static bool tells_same(const struct fold *f, const struct folded_leaf *folded)
{
    struct slice body = folded->changeset->slots[folded->index].body;
    for (const struct folded_leaf *l = f->leaves; l < folded; l++) {
        bool counts = stamp_compare(&l->stamp, &f->state.life) == 0;
        if (counts && slice_equal(l->changeset->slots[l->index].body, body)) {
            return true;
        }
    }
    return false;
}

static void fold_second_event(const struct fold *f, struct folded_leaf *folded)
{
    folded->verdict = "superseded";
    if (!tells_same(f, folded)) {
        refuse(folded, ERR_FORK,
               "another row was written under this key before");
    }
}

static int find_offer(struct merger *m, struct fold *f, const struct leaf *leaf,
                      struct offer *offer, const struct offer **ret,
                      struct err *e)
{
    *ret = NULL;
    if (!leaf->owned || leaf->owner.epoch == 1) {
        return 0;
    }
    int rc = offers_find(m, leaf->owner.offer, &f->memory, offer, e);
    *ret = rc == 1 ? offer : NULL;
    return rc < 0 ? rc : 0;
}

static int merge_folded(struct merger *m, struct fold *f,
                        struct folded_leaf *folded, const struct leaf *leaf,
                        struct err *e)
{
    struct merge_result result;
    struct offer offer;
    const struct offer *named;
    int rc = find_offer(m, f, leaf, &offer, &named, e);
    if (rc != 0) {
        return rc;
    }
    merge_leaf(&f->state, f->table, leaf, &folded->stamp, named, &result);
    assert(result.outcome != MERGE_REFOLD); /* merge_rank_compare() */
    folded->rivals = result.rivals;
    switch (result.outcome) {
    case MERGE_WON:
        folded->verdict = "admitted";
        break;
    case MERGE_SUPERSEDED:
    case MERGE_REFOLD:
        folded->verdict = "superseded";
        break;
    case MERGE_WAITING:
        wait(folded, ERR_UNKNOWN, result.says);
        break;
    case MERGE_REFUSED:
        refuse(folded, ERR_FORBIDDEN, result.says);
        break;
    }
    return 0;
}

static int fold_leaf(struct merger *m, struct fold *f,
                     struct folded_leaf *folded, struct leaf *leaf,
                     struct err *e)
{
    const struct slot *slot = &folded->changeset->slots[folded->index];
    const struct changeset_header *h = &folded->changeset->header;
    const struct certificate *origin =
        registry_in_force(m->registry, &h->origin, h->certificate);
    struct err says;
    int rc = leaf_decode(slot->head, slot->body, leaf, NULL);
    assert(rc == 0 && origin != NULL);
    (void)rc;
    switch (admit_leaf(m->manifest, m->registry, origin, h, leaf, &says)) {
    case ADMISSION_REFUSED:
        refuse(folded, says.code, says.text);
        return 0;
    case ADMISSION_UNKNOWN:
        wait(folded, ERR_VERSION, admit_newer);
        return 0;
    case ADMISSION_WAITING:
        wait(folded, says.code, says.text);
        return 0;
    case ADMISSION_YES:
        break;
    }
    if (is_second_event(f, folded)) {
        fold_second_event(f, folded);
        return 0;
    }
    return merge_folded(m, f, folded, leaf, e);
}

/* The column of a leaf, or NULL when the leaf says nothing of it. */
static const struct value *cell_of(const struct folded_leaf *l,
                                   struct leaf *leaf, uint16_t column)
{
    const struct slot *slot = &l->changeset->slots[l->index];
    int rc = leaf_decode(slot->head, slot->body, leaf, NULL);
    assert(rc == 0);
    (void)rc;
    return leaf_cell(leaf, column);
}

/* The leaf that shows in a column: of its class, by its stamp. */
static const struct folded_leaf *leaf_of(const struct fold *f,
                                         const struct column *c,
                                         const struct stamp *stamp,
                                         struct leaf *leaf)
{
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        if (l->code == 0 && stamp_compare(&l->stamp, stamp) == 0 &&
            cell_of(l, leaf, c->id) != NULL && leaf->cl == f->state.cl) {
            return l;
        }
    }
    return NULL;
}

/* What shows of a reviewed group may be an older write than the last that was
 * merged; the columns that follow show what that write said. */
static void follow_leads(struct fold *f, struct leaf *leaf)
{
    for (size_t i = 0; i < f->table->column_count; i++) {
        const struct column *c = &f->table->columns[i];
        if (c->lead == NULL || c->policy != POLICY_REVIEW) {
            continue;
        }
        const struct column_state *lead = state_column(&f->state, c->lead->id);
        struct stamp stamp = {.hlc = 0};
        if (lead != NULL) {
            stamp = lead->stamp;
        }
        if (lead != NULL && leaf_of(f, c, &stamp, leaf) != NULL) {
            (void)state_set_column(&f->state, c->id, &stamp);
        } else {
            (void)state_forget_column(&f->state, c->id);
        }
    }
}

static int fold_leaves(struct merger *m, struct fold *f, struct err *e)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < f->leaf_count; i++) {
        rc = fold_leaf(m, f, &f->leaves[i], leaf, e);
    }
    follow_leads(f, leaf);
    free(leaf);
    return rc;
}

int fold_row(struct merger *m, const struct table *t, struct slice key,
             struct slice scope, struct fold *ret, struct err *e)
{
    struct collecting *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    *ret = (struct fold){.table = t};
    bytes_put(&ret->key, key.data, key.len);
    c->m = m;
    c->table = t;
    c->key = slice_of(&ret->key);
    int rc = collect(c, scope, e);
    if (c->count > 0) {
        qsort(c->items, c->count, sizeof *c->items, compare_collected);
    }
    ret->leaves = calloc(c->count + 1, sizeof *ret->leaves);
    if (ret->leaves == NULL) {
        abort();
    }
    for (size_t i = 0; i < c->count; i++) {
        ret->leaves[i] = c->items[i].folded;
    }
    ret->leaf_count = c->count;
    ret->changesets = c->changesets;
    ret->changeset_count = c->changeset_count;
    free(c->items);
    free(c);
    if (rc == 0) {
        rc = fold_leaves(m, ret, e);
    }
    if (rc != 0) {
        fold_clear(ret);
    }
    return rc;
}

bool fold_shows(const struct fold *f, const struct folded_leaf *l,
                const struct leaf *leaf, uint16_t column)
{
    const struct column_state *s = state_column(&f->state, column);
    return l->code == 0 && s != NULL && leaf->cl == f->state.cl &&
           leaf_cell(leaf, column) != NULL &&
           stamp_compare(&l->stamp, &s->stamp) == 0;
}

static int value_of(struct merger *m, const struct fold *f, size_t column,
                    struct leaf *leaf, struct fold_values *ret, struct err *e)
{
    const struct column *c = &f->table->columns[column];
    const struct column_state *s = state_column(&f->state, c->id);
    if (s == NULL) {
        return 0;
    }
    ret->set[column] = true;
    if (c->policy == POLICY_UNION) {
        return list_of(m->db, c, s->memory, &ret->texts[column],
                       &ret->values[column], e);
    }
    const struct folded_leaf *l = leaf_of(f, c, &s->stamp, leaf);
    assert(l != NULL);
    ret->values[column] = *cell_of(l, leaf, c->id);
    return 0;
}

int fold_values(struct merger *m, const struct fold *f,
                struct fold_values **ret, struct err *e)
{
    struct fold_values *values = calloc(1, sizeof *values);
    struct leaf *leaf = malloc(sizeof *leaf);
    int rc = 0;
    if (values == NULL || leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < f->table->column_count; i++) {
        rc = value_of(m, f, i, leaf, values, e);
    }
    free(leaf);
    if (rc != 0) {
        fold_values_destroy(&values);
        return rc;
    }
    *ret = values;
    return 0;
}

void fold_values_destroy(struct fold_values **v)
{
    if (*v == NULL) {
        return;
    }
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        bytes_free(&(*v)->texts[i]);
    }
    free(*v);
    *v = NULL;
}

/* --- applying ------------------------------------------------------------ */

/* The row as the fold says, from nothing: a column never written shows its
 * default again. The last good row stays when the table does not take it. */
static int write_row(struct merger *m, const struct fold *f,
                     const struct row_name *name, const struct value *key,
                     struct err *e)
{
    struct fold_values *values = NULL;
    struct projection p = {.table = f->table, .key = key};
    int rc = fold_values(m, f, &values, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < f->table->column_count; i++) {
        if (values->set[i]) {
            p.columns[p.count] = &f->table->columns[i];
            p.values[p.count++] = &values->values[i];
        }
    }
    struct err says;
    bool written;
    rc = database_run(m->db, "SAVEPOINT fold", e);
    if (rc == 0) {
        rc = projector_delete(m->projector, f->table, key, e);
    }
    if (rc == 0) {
        rc = projector_write(m->projector, PROJECT_INSERT, &p, &written, &says);
        if (rc == ERR_INPUT) {
            rc = database_run(m->db, "ROLLBACK TO fold", e);
            if (rc == 0) {
                rc = unprojected_save(m, name, says.text, e);
            }
        } else if (rc == 0) {
            rc = unprojected_save(m, name, NULL, e);
        } else {
            (void)err_set(e, rc, "%s", says.text);
        }
    }
    if (rc == 0) {
        rc = database_run(m->db, "RELEASE fold", e);
    }
    fold_values_destroy(&values);
    return rc;
}

static int save_verdicts(struct merger *m, const struct fold *f,
                         const struct row_name *name, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->leaf_count; i++) {
        const struct folded_leaf *folded = &f->leaves[i];
        const struct verdict v = {
            .position = folded->position,
            .leaf = folded->index,
            .word = folded->code == 0 ? NULL : folded->verdict,
            .code = folded->code,
            .says = folded->says,
        };
        rc = verdict_save(m, name, &v, e);
    }
    return rc;
}

static int save_state(struct merger *m, const struct fold *f,
                      const struct row_name *name, struct err *e)
{
    bool stateless =
        f->table->kind == TABLE_EVENT || f->table->kind == TABLE_CONTROL;
    if (stateless) {
        return 0;
    }
    return f->state.cl == 0 ? row_state_forget(m, name, e)
                            : row_state_save(m, name, &f->state, e);
}

/* The offers that the leaves of this row make, as far as they count. */
static int note_offers(struct merger *m, struct fold *f, struct bytes *changed,
                       struct err *e)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    struct bytes key = {0};
    if (leaf == NULL) {
        abort();
    }
    int rc = offers_forget(m, f->table, slice_of(&f->key), changed, e);
    for (size_t i = 0; rc >= 0 && i < f->leaf_count; i++) {
        const struct folded_leaf *l = &f->leaves[i];
        if (offers_count(m->registry, &l->changeset->header, l->code)) {
            (void)cell_of(l, leaf, 0);
            rc =
                offers_note(m, f->table, leaf, l->changeset, l->index, &key, e);
        }
        if (rc == 1) {
            bytes_put_slice(changed, slice_of(&key));
        }
    }
    bytes_free(&key);
    free(leaf);
    return rc < 0 ? rc : 0;
}

/* An offer that counts no more, or does now, decides about the row offered. */
static int apply_offers(struct merger *m, struct fold *f, struct err *e)
{
    struct bytes changed = {0};
    struct slice scope = {0};
    int rc = note_offers(m, f, &changed, e);
    struct cursor c = cursor_of(slice_of(&changed));
    if (f->leaf_count > 0) {
        struct leaf *leaf = malloc(sizeof *leaf);
        if (leaf == NULL) {
            abort();
        }
        (void)cell_of(&f->leaves[0], leaf, 0);
        scope = leaf->scope_bytes;
        free(leaf);
    }
    while (rc == 0 && cursor_left(&c) > 0) {
        rc = fold_apply(m, f->table->offered, cursor_slice(&c, UINT32_MAX),
                        scope, e);
    }
    bytes_free(&changed);
    return rc;
}

int fold_apply(struct merger *m, const struct table *t, struct slice key,
               struct slice scope, struct err *e)
{
    struct fold f;
    struct value values[KEY_COLUMNS_MAX];
    struct bytes name_bytes = {0};
    int rc = fold_row(m, t, key, scope, &f, e);
    if (rc != 0) {
        return rc;
    }
    row_key(slice_of(&f.key), &name_bytes);
    const struct row_name name = {.table = t->id, .key = slice_of(&name_bytes)};
    rc = row_key_of(t, slice_of(&f.key), values, e);
    if (rc == 0) {
        rc = save_verdicts(m, &f, &name, e);
    }
    if (rc == 0) {
        rc = save_state(m, &f, &name, e);
    }
    if (rc == 0) {
        rc = f.state.cl % 2 == 1 ? write_row(m, &f, &name, values, e)
                                 : projector_delete(m->projector, t, values, e);
    }
    if (rc == 0 && t->offered != NULL) {
        rc = apply_offers(m, &f, e);
    }
    if (rc == 0) {
        const struct slice known = {.data = f.state.scope,
                                    .len = f.state.scope_len};
        rc = touched_note(m, t, values, scope.len > 0 ? scope : known, e);
    }
    bytes_free(&name_bytes);
    fold_clear(&f);
    return rc;
}
