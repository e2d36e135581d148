/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "heard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct heard *heard_new(void)
{
    struct heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    return h;
}

void heard_free(struct heard *h)
{
    state_clear(&h->state);
    free(h);
}

void heard_begin(struct heard *h, const struct model *m)
{
    state_clear(&h->state);
    memset(h->values, 0, sizeof h->values);
    h->m = m;
    h->waits = false;
    h->offers = 0;
    h->count = 0;
}

void heard_encode(const struct heard *h, struct bytes *out)
{
    bytes_clear(out);
    state_encode(&h->state, out);
}

bool heard_has(const struct heard *h, const struct sample *s)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->leaves[i] == s) {
            return true;
        }
    }
    return false;
}

/* --- one leaf ------------------------------------------------------------ */

/* The offer a leaf names, if it names one and it is held. */
static const struct offer *offer_of(const struct heard *h,
                                    const struct leaf *leaf)
{
    const struct model_offer *named = NULL;
    if (leaf->owned && leaf->owner.epoch > 1) {
        named = model_offer_of(h->m, leaf);
    }
    bool held = named != NULL && (h->offers >> (named - h->m->offers) & 1) != 0;
    return held ? &named->offer : NULL;
}

static void merge(struct heard *h, const struct sample *s,
                  struct merge_result *ret)
{
    merge_leaf(&h->state, h->m->table, &s->leaf, &s->stamp,
               offer_of(h, &s->leaf), ret);
    bool counts = ret->outcome == MERGE_WON || ret->outcome == MERGE_SUPERSEDED;
    assert_true(counts || (!ret->born && !ret->died && !ret->handed));
    assert_int_equal(ret->says[0] != '\0', ret->outcome == MERGE_WAITING ||
                                               ret->outcome == MERGE_REFUSED);
}

static void take_cells(struct heard *h, const struct sample *s,
                       const struct merge_result *result)
{
    if (result->born) {
        memset(h->values, 0, sizeof h->values);
    }
    for (size_t i = 0; i < s->leaf.cell_count; i++) {
        if (result->won[i]) {
            h->values[s->leaf.cells[i].column] = &s->leaf.cells[i].value;
        }
    }
}

void heard_take(struct heard *h, const struct sample *s)
{
    struct merge_result result;
    assert_true(h->count < HEARD_MAX);
    h->leaves[h->count++] = s;
    merge(h, s, &result);
    bool opened = result.born || result.died || result.handed;
    h->waits = h->waits || result.outcome == MERGE_WAITING;
    if (result.outcome == MERGE_REFOLD || result.died || result.unshown ||
        (opened && h->waits)) {
        heard_fold(h, NULL);
    } else if (result.outcome == MERGE_WON) {
        take_cells(h, s, &result);
    }
}

void heard_take_offer(struct heard *h, size_t offer)
{
    bool known = (h->offers >> offer & 1) != 0;
    h->offers |= 1u << offer;
    if (!known && h->waits) {
        heard_fold(h, NULL);
    }
}

void heard_drop(struct heard *h, const struct sample *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (h->leaves[i] != s) {
            h->leaves[kept++] = h->leaves[i];
        }
    }
    h->count = kept;
}

/* --- folding ------------------------------------------------------------- */

struct ranked {
    const struct sample *sample;
    struct merge_rank rank;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    int order = merge_rank_compare(&x->rank, &y->rank);
    return order != 0 ? order
                      : (x->sample > y->sample) - (x->sample < y->sample);
}

/* The cell of a leaf that counts, by the stamp of what shows. */
static const struct value *find_cell(const struct heard *h,
                                     const struct ranked *list,
                                     const bool *counts, uint16_t column,
                                     const struct stamp *stamp)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct leaf *leaf = &list[i].sample->leaf;
        if (counts[i] && leaf->cl == h->state.cl &&
            stamp_compare(&list[i].sample->stamp, stamp) == 0 &&
            leaf_cell(leaf, column) != NULL) {
            return leaf_cell(leaf, column);
        }
    }
    return NULL;
}

/* As fold.c: the columns of a reviewed group show what its first shows. */
static void follow_leads(struct heard *h, const struct ranked *list,
                         const bool *counts)
{
    for (size_t i = 0; i < h->m->table->column_count; i++) {
        const struct column *c = &h->m->table->columns[i];
        if (c->lead == NULL || c->policy != POLICY_REVIEW) {
            continue;
        }
        const struct column_state *lead = state_column(&h->state, c->lead->id);
        if (lead != NULL &&
            find_cell(h, list, counts, c->id, &lead->stamp) != NULL) {
            struct stamp stamp = lead->stamp;
            (void)state_set_column(&h->state, c->id, &stamp);
        } else {
            (void)state_forget_column(&h->state, c->id);
        }
    }
}

static void show_values(struct heard *h, const struct ranked *list,
                        const bool *counts)
{
    memset(h->values, 0, sizeof h->values);
    for (size_t i = 0; i < h->state.column_count; i++) {
        const struct column_state *c = &h->state.columns[i];
        h->values[c->column] = find_cell(h, list, counts, c->column, &c->stamp);
        assert_non_null(h->values[c->column]);
    }
}

void heard_fold(struct heard *h, enum merge_outcome *ret)
{
    struct ranked list[HEARD_MAX] = {{.sample = NULL}};
    bool counts[HEARD_MAX] = {false};
    struct merge_result result;
    for (size_t i = 0; i < h->count; i++) {
        const struct sample *s = h->leaves[i];
        list[i] =
            (struct ranked){s, merge_rank_of(h->m->table, &s->leaf, &s->stamp)};
    }
    if (h->count > 0) {
        qsort(list, h->count, sizeof *list, compare_ranked);
    }
    state_clear(&h->state);
    h->waits = false;
    h->folds++;
    for (size_t i = 0; i < h->count; i++) {
        assert(list[i].sample != NULL);
        merge(h, list[i].sample, &result);
        assert_int_not_equal(result.outcome, MERGE_REFOLD);
        counts[i] =
            result.outcome == MERGE_WON || result.outcome == MERGE_SUPERSEDED;
        h->waits = h->waits || result.outcome == MERGE_WAITING;
        if (ret != NULL) {
            ret[list[i].sample - h->m->leaves] = result.outcome;
        }
    }
    follow_leads(h, list, counts);
    show_values(h, list, counts);
}

/* --- what the page says -------------------------------------------------- */

static void check_owners(const struct row_state *s, const struct told *told)
{
    assert_int_equal(s->owner_count, told->owner_count);
    for (size_t i = 0; i < told->owner_count; i++) {
        const struct told_owner *o = &told->owners[i];
        assert_string_equal(s->owners[i].site, o->site);
        assert_int_equal(s->owners[i].contested, o->contested);
        assert_int_equal(stamp_compare(&s->owners[i].stamp, &o->first->stamp),
                         0);
        if (i > 0) {
            assert_memory_equal(s->owners[i].offer, o->first->leaf.owner.offer,
                                HASH_BYTES);
        }
    }
}

/* [I-11]: each unreconciled value is kept, with those that go with it. */
static void check_heads(const struct heard *h, const struct column *lead,
                        const struct memory *memory,
                        const struct told_column *told)
{
    assert_int_equal(memory->head_count, told->head_count);
    for (size_t i = 0; i < told->head_count; i++) {
        const struct head *head = &memory->heads[i];
        const struct sample *s = told->heads[i];
        struct bytes said = {0};
        assert_int_equal(stamp_compare(&head->stamp, &s->stamp), 0);
        value_encode(leaf_cell(&s->leaf, lead->id), &said);
        for (int next = lead->id + 1; next <= M_COLUMNS; next++) {
            uint16_t id = (uint16_t)next;
            const struct value *v = leaf_cell(&s->leaf, id);
            if (table_column(h->m->table, id)->lead == lead && v != NULL) {
                bytes_put_u16(&said, id);
                value_encode(v, &said);
            }
        }
        assert_true(slice_equal(slice_of(&head->value), slice_of(&said)));
        bytes_free(&said);
    }
}

static const struct element *find_element(const struct memory *memory,
                                          const struct value *v)
{
    for (size_t i = 0; i < memory->element_count; i++) {
        struct value held = memory_value(&memory->elements[i].value);
        if (value_equal(&held, v)) {
            return &memory->elements[i];
        }
    }
    return NULL;
}

static bool has_addition(const struct element *e, const struct sample *s)
{
    struct context_entry name = stamp_name(&s->stamp, &s->leaf);
    for (size_t i = 0; i < e->adds.count; i++) {
        assert(e->adds.entries != NULL);
        if (context_entry_compare(&e->adds.entries[i], &name) == 0 &&
            e->adds.entries[i].seq == name.seq) {
            return true;
        }
    }
    return false;
}

static void check_elements(const struct memory *memory,
                           const struct told_column *told)
{
    for (size_t i = 0; i < MODEL_ELEMENTS; i++) {
        struct value v = model_element(i);
        const struct element *e = find_element(memory, &v);
        size_t adds = e == NULL ? 0 : e->adds.count;
        assert_int_equal(adds, told->add_count[i]);
        assert_int_equal(e != NULL && element_is_there(e), adds > 0);
        for (size_t k = 0; e != NULL && k < adds; k++) {
            assert_true(has_addition(e, told->adds[i][k]));
        }
    }
}

static void check_column(const struct heard *h, uint16_t id,
                         const struct told_column *told)
{
    const struct column_state *held = state_column(&h->state, id);
    const struct column *c = table_column(h->m->table, id);
    assert_int_equal(held != NULL, told->shows != NULL);
    if (held == NULL || told->shows == NULL) {
        assert_null(h->values[id]);
        return;
    }
    const struct leaf *leaf = &told->shows->leaf;
    assert_int_equal(stamp_compare(&held->stamp, &told->shows->stamp), 0);
    assert_int_equal(held->epoch,
                     c->policy == POLICY_OWNER ? leaf->owner.epoch : 0);
    if (c->policy == POLICY_UNION) {
        check_elements(held->memory, told);
        return;
    }
    assert_non_null(h->values[id]);
    assert_true(value_equal(leaf_cell(leaf, id), h->values[id]));
    if (c->policy == POLICY_REVIEW && c->lead == NULL) {
        check_heads(h, c, held->memory, told);
    }
}

void heard_check(const struct heard *h)
{
    struct told *told = malloc(sizeof *told);
    assert_non_null(told);
    oracle_tell(h->m, h->leaves, h->count, h->offers, told);
    assert_int_equal(h->state.cl, told->cl);
    if (told->cl > 0) {
        const struct leaf *leaf = &told->life->leaf;
        struct slice scope = {h->state.scope, h->state.scope_len};
        assert_int_equal(stamp_compare(&h->state.life, &told->life->stamp), 0);
        assert_true(slice_equal(scope, leaf->scope_bytes));
        check_owners(&h->state, told);
    }
    for (int id = M_KEY; id <= M_COLUMNS; id++) {
        check_column(h, (uint16_t)id, &told->columns[id]);
    }
    for (int id = M_NEWER; id < M_IDS; id++) {
        assert_null(state_column(&h->state, (uint16_t)id));
        assert_null(h->values[id]);
    }
    assert_int_equal(state_reviews(&h->state), told->reviews);
    free(told);
}
