/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/admit.h"
#include "store/merge.h"

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
    f->changesets = NULL;
    f->leaves = NULL;
    f->changeset_count = 0;
    f->leaf_count = 0;
}

/* --- collecting ---------------------------------------------------------- */

static bool is_ours(const struct collecting *c)
{
    return c->leaf.table == c->table->id &&
           slice_equal(c->leaf.key_bytes, c->key);
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
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_VISIBLE &&
            leaf_decode(slot->head, slot->body, &c->leaf, NULL) == 0 &&
            is_ours(c)) {
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
    while ((rc = journal_next_of_marks(c->m->journal, d.position, marks, &d,
                                       e)) == 1) {
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

/* All leaves held of the row: those in the scope it has, those in the scope
 * asked for, and those that have a verdict. */
static int collect(struct collecting *c, struct slice scope, struct err *e)
{
    struct bytes name_bytes = {0};
    struct bytes marks = {0};
    struct bytes shown = {0};
    row_key(c->key, &name_bytes);
    const struct row_name row = {
        .table = c->table->id,
        .key = slice_of(&name_bytes),
    };
    int rc = row_scope(c->m, c->table, c->key, &shown, e);
    if (rc >= 0) {
        mark_scope(c->table, scope, &marks);
        if (!slice_equal(scope, slice_of(&shown))) {
            mark_scope(c->table, slice_of(&shown), &marks);
        }
        rc = marks.len == 0 ? 0 : collect_marked(c, slice_of(&marks), e);
    }
    if (rc == 0) {
        rc = collect_judged(c, &row, e);
    }
    bytes_free(&name_bytes);
    bytes_free(&marks);
    bytes_free(&shown);
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

/* A new life covers every cell that showed before. */
static void unshow(struct fold *f)
{
    for (size_t i = 0; i < f->leaf_count; i++) {
        memset(f->leaves[i].won, 0, sizeof f->leaves[i].won);
    }
}

/* Cells of a column that showed until now show no more. */
static void cover(struct fold *f, size_t before, uint16_t column,
                  struct leaf *leaf)
{
    for (size_t i = 0; i < before; i++) {
        struct folded_leaf *older = &f->leaves[i];
        const struct slot *slot = &older->changeset->slots[older->index];
        if (leaf_decode(slot->head, slot->body, leaf, NULL) != 0) {
            continue;
        }
        for (size_t k = 0; k < leaf->cell_count; k++) {
            if (leaf->cells[k].column == column) {
                older->won[k] = false;
            }
        }
    }
}

static void fold_leaf(struct merger *m, struct fold *f, size_t at,
                      struct leaf leaves[2])
{
    struct folded_leaf *folded = &f->leaves[at];
    const struct slot *slot = &folded->changeset->slots[folded->index];
    const struct changeset_header *h = &folded->changeset->header;
    const struct certificate *origin =
        registry_certificate(m->registry, &h->origin, h->certificate);
    struct leaf *leaf = &leaves[0];
    struct merge_result result;
    struct err says;
    int rc = leaf_decode(slot->head, slot->body, leaf, NULL);
    assert(rc == 0 && origin != NULL);
    (void)rc;
    switch (admit_leaf(m->manifest, m->registry, origin, leaf, &says)) {
    case ADMISSION_REFUSED:
        refuse(folded, says.code, says.text);
        return;
    case ADMISSION_UNKNOWN:
        wait(folded, ERR_VERSION, admit_newer);
        return;
    case ADMISSION_YES:
        break;
    }
    if (is_second_event(f, folded)) {
        fold_second_event(f, folded);
        return;
    }
    merge_leaf(&f->state, f->table, leaf, &folded->stamp, &result);
    assert(result.outcome != MERGE_REFOLD); /* merge_rank_compare() */
    switch (result.outcome) {
    case MERGE_WON:
        folded->verdict = "admitted";
        if (result.born || result.died) {
            unshow(f);
        }
        for (size_t i = 0; i < leaf->cell_count; i++) {
            if (result.won[i]) {
                cover(f, at, leaf->cells[i].column, &leaves[1]);
            }
        }
        memcpy(folded->won, result.won, sizeof folded->won);
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
} /* NOLINT(clang-analyzer-unix.Malloc): f->leaves keeps what folded is */

static void fold_leaves(struct merger *m, struct fold *f)
{
    struct leaf *leaves = calloc(2, sizeof *leaves);
    if (leaves == NULL) {
        abort();
    }
    for (size_t i = 0; i < f->leaf_count; i++) {
        fold_leaf(m, f, i, leaves);
    }
    free(leaves);
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
    if (rc != 0) {
        fold_clear(ret);
        return rc;
    }
    fold_leaves(m, ret);
    return 0;
}

void fold_values(const struct fold *f, struct fold_values *ret)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    memset(ret->set, 0, sizeof ret->set);
    for (size_t i = 0; i < f->leaf_count; i++) {
        const struct folded_leaf *folded = &f->leaves[i];
        const struct slot *slot = &folded->changeset->slots[folded->index];
        if (leaf_decode(slot->head, slot->body, leaf, NULL) != 0) {
            continue;
        }
        for (size_t k = 0; k < leaf->cell_count; k++) {
            const struct column *c =
                table_column(f->table, leaf->cells[k].column);
            if (folded->won[k] && c != NULL) {
                size_t at = (size_t)(c - f->table->columns);
                ret->set[at] = true;
                ret->values[at] = leaf->cells[k].value;
            }
        }
    }
    free(leaf);
}

/* --- applying ------------------------------------------------------------ */

/* The row as the fold says, from nothing: a column never written shows its
 * default again. The last good row stays when the table does not take it. */
static int write_row(struct merger *m, const struct fold *f,
                     const struct row_name *name, const struct value *key,
                     struct err *e)
{
    struct fold_values *values = malloc(sizeof *values);
    struct projection p = {.table = f->table, .key = key};
    if (values == NULL) {
        abort();
    }
    fold_values(f, values);
    for (size_t i = 0; i < f->table->column_count; i++) {
        if (values->set[i]) {
            p.columns[p.count] = &f->table->columns[i];
            p.values[p.count++] = &values->values[i];
        }
    }
    struct err says;
    bool written;
    int rc = database_run(m->db, "SAVEPOINT fold", e);
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
    free(values);
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
    bytes_free(&name_bytes);
    fold_clear(&f);
    return rc;
}
