/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One leaf on its way into the state of its row. */
struct merging {
    struct row_state *state;
    const struct table *table;
    const struct leaf *leaf;
    const struct stamp *stamp;
    const struct offer *offer;
    struct merge_result *ret;
};

/* A life begins or ends by a leaf of the base class. */
static bool is_life(const struct table *table, const struct leaf *leaf)
{
    return leaf->class_id == table->base_class && leaf->op != LEAF_UPDATE;
}

static bool slice_is_text(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static enum merge_outcome say(struct merging *m, enum merge_outcome outcome,
                              const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum merge_outcome say(struct merging *m, enum merge_outcome outcome,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(m->ret->says, sizeof m->ret->says, format, args);
    va_end(args);
    m->ret->outcome = outcome;
    return outcome;
}

/* --- owners -------------------------------------------------------------- */

static bool writes_owned(const struct table *table, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c != NULL && c->policy == POLICY_OWNER) {
            return true;
        }
    }
    return false;
}

bool merge_takes_over(const struct table *table, const struct leaf *leaf)
{
    return table->epoch_column != NULL && leaf->owned &&
           leaf->owner.epoch > 1 && leaf->op == LEAF_UPDATE &&
           leaf_cell(leaf, table->owner_column->id) != NULL;
}

static enum merge_outcome refuse_site(struct merging *m,
                                      const struct owner *owner)
{
    return say(m, MERGE_REFUSED,
               "site %.*s does not own the row under epoch %u; %s does",
               (int)m->leaf->owner.site.len,
               (const char *)m->leaf->owner.site.data,
               (unsigned)m->leaf->owner.epoch, owner->site);
}

/* Is the offer of this row, to this site, by the owner before? */
static enum merge_outcome check_offer(struct merging *m)
{
    const struct leaf_owner *claim = &m->leaf->owner;
    const struct offer *offer = m->offer;
    if (offer == NULL) {
        return say(m, MERGE_WAITING, "the offer of epoch %u is not held",
                   (unsigned)claim->epoch);
    }
    struct slice scope = {.data = m->state->scope, .len = m->state->scope_len};
    if (offer->table != m->table->id ||
        !slice_equal(offer->key, m->leaf->key_bytes) ||
        !slice_equal(offer->scope, scope) || offer->epoch + 1 != claim->epoch ||
        !slice_equal(offer->to, claim->site)) {
        return say(m, MERGE_REFUSED,
                   "the offer it names is not of this row under epoch %u to "
                   "site %.*s",
                   (unsigned)claim->epoch - 1, (int)claim->site.len,
                   (const char *)claim->site.data);
    }
    const struct owner *before = state_owner(m->state, claim->epoch - 1);
    if (before == NULL) {
        return say(m, MERGE_WAITING, "the owner of epoch %u is not known",
                   (unsigned)claim->epoch - 1);
    }
    return slice_is_text(offer->from, before->site)
               ? MERGE_WON
               : say(m, MERGE_REFUSED,
                     "the offer it names is not of site %s, which owned the "
                     "row",
                     before->site);
}

static void put_owner(struct merging *m)
{
    const struct leaf_owner *claim = &m->leaf->owner;
    struct owner owner = {.stamp = *m->stamp};
    memcpy(owner.site, claim->site.data, claim->site.len);
    memcpy(owner.offer, claim->offer, HASH_BYTES);
    state_put_owner(m->state, claim->epoch, &owner);
    m->ret->changed = true;
    m->ret->handed = true;
}

/* The first that took an epoch counts; that another did is a review. */
static enum merge_outcome take_over(struct merging *m)
{
    const struct leaf_owner *claim = &m->leaf->owner;
    enum merge_outcome may = check_offer(m);
    const struct owner *held = state_owner(m->state, claim->epoch);
    if (may != MERGE_WON) {
        return may;
    }
    if (held == NULL) {
        put_owner(m);
        return MERGE_WON;
    }
    int order = stamp_compare(m->stamp, &held->stamp);
    if (order < 0) {
        return MERGE_REFOLD;
    }
    if (order == 0 || slice_is_text(claim->site, held->site)) {
        return MERGE_WON;
    }
    m->ret->rivals = true;
    if (!held->contested) {
        struct owner contested = *held;
        contested.contested = true;
        state_put_owner(m->state, claim->epoch, &contested);
        m->ret->changed = true;
    }
    return refuse_site(m, held);
}

/* Owned cells: the writer must be the owner under the epoch it claims. */
static enum merge_outcome check_owner(struct merging *m)
{
    const struct leaf_owner *claim = &m->leaf->owner;
    if (merge_takes_over(m->table, m->leaf)) {
        return take_over(m);
    }
    const struct owner *owner = state_owner(m->state, claim->epoch);
    if (owner == NULL) {
        return say(m, MERGE_WAITING, "the owner of epoch %u is not known",
                   (unsigned)claim->epoch);
    }
    return slice_is_text(claim->site, owner->site) ? MERGE_WON
                                                   : refuse_site(m, owner);
}

/* --- life ---------------------------------------------------------------- */

/* The owner that a life names; false where nothing is owned. */
static bool first_owner(const struct merging *m, struct owner *ret)
{
    const struct column *c = m->table->owner_column;
    const struct value *owner = c == NULL ? NULL : leaf_cell(m->leaf, c->id);
    *ret = (struct owner){.stamp = *m->stamp};
    if (owner == NULL || owner->type != VALUE_TEXT ||
        owner->bytes.len > SITE_BYTES_MAX) {
        return false;
    }
    memcpy(ret->site, owner->bytes.data, owner->bytes.len);
    return true;
}

/* Who may begin or end this life? The owner ends it; who begins it says so. */
static enum merge_outcome check_life(struct merging *m)
{
    const struct leaf *leaf = m->leaf;
    struct owner owner;
    if (m->table->owner_column == NULL) {
        return MERGE_WON;
    }
    if (leaf->cl != m->state->cl + 1) {
        return say(m, MERGE_WAITING, "the life before is not held");
    }
    if (leaf->op == LEAF_DELETE) {
        const struct owner *last = state_last_owner(m->state);
        if (last != NULL && leaf->owner.epoch < m->state->owner_count) {
            return refuse_site(m, last);
        }
        return check_owner(m); /* of a later epoch it waits */
    }
    if (!writes_owned(m->table, leaf)) {
        return MERGE_WON;
    }
    bool named = first_owner(m, &owner) && leaf->owner.epoch == 1;
    return named && slice_is_text(leaf->owner.site, owner.site)
               ? MERGE_WON
               : refuse_site(m, &owner);
}

/* Higher causal length wins whole, unless its writer may not begin it. */
static enum merge_outcome begin_life(struct merging *m)
{
    struct row_state *state = m->state;
    struct owner owner;
    enum merge_outcome may = check_life(m);
    if (may != MERGE_WON) {
        return may;
    }
    state_begin_life(state, m->leaf->cl, m->stamp, m->leaf->scope_bytes);
    if (first_owner(m, &owner)) {
        state_put_owner(state, 1, &owner);
    }
    m->ret->born = m->leaf->op == LEAF_INSERT;
    m->ret->died = m->leaf->op == LEAF_DELETE;
    m->ret->changed = true;
    return MERGE_WON;
}

/* The scope belongs to the life. */
static bool same_scope(const struct merging *m)
{
    struct slice life = {.data = m->state->scope, .len = m->state->scope_len};
    return slice_equal(life, m->leaf->scope_bytes);
}

/* Where a row is owned, what comes late of an earlier life may unmake what
 * followed: a deletion by one who was the owner no more. */
static bool unmakes(const struct merging *m)
{
    return m->table->owner_column != NULL &&
           (is_life(m->table, m->leaf) || merge_takes_over(m->table, m->leaf));
}

/* --- units --------------------------------------------------------------- */

/* Of `max`, `min` and `rank`, more than the stamp decides. */
static int compare_values(const struct column *lead, const struct value *a,
                          const struct value *b)
{
    if (lead->policy == POLICY_MAX) {
        return memory_compare_values(a, b);
    }
    if (lead->policy == POLICY_MIN) {
        return memory_compare_values(b, a);
    }
    assert(lead->policy == POLICY_RANK);
    size_t p = column_rank(lead, a);
    size_t q = column_rank(lead, b);
    return (p > q) - (p < q);
}

/* Of a column without a value NULL is remembered; `min` prefers any value. */
static bool remembers_value(enum policy policy)
{
    return policy == POLICY_MAX || policy == POLICY_MIN ||
           policy == POLICY_RANK;
}

static bool unit_wins(const struct merging *m, const struct column *lead,
                      const struct column_state *held,
                      const struct value *value)
{
    if (held == NULL) {
        return true;
    }
    int order = stamp_compare(m->stamp, &held->stamp);
    if (policy_is_fixed(lead->policy)) {
        return order < 0;
    }
    if (lead->policy == POLICY_OWNER && m->leaf->owner.epoch != held->epoch) {
        return m->leaf->owner.epoch > held->epoch;
    }
    if (remembers_value(lead->policy)) {
        struct value best = memory_value(&held->memory->value);
        bool none = best.type == VALUE_NULL || value->type == VALUE_NULL;
        int by_value =
            none ? (value->type != VALUE_NULL) - (best.type != VALUE_NULL)
                 : compare_values(lead, value, &best);
        return by_value != 0 ? by_value > 0 : order > 0;
    }
    return order > 0;
}

static void show_cell(struct merging *m, const struct column *c, size_t cell)
{
    struct column_state *s = state_set_column(m->state, c->id, m->stamp);
    s->epoch = c->policy == POLICY_OWNER ? m->leaf->owner.epoch : 0;
    m->ret->won[cell] = true;
    m->ret->outcome = MERGE_WON;
    m->ret->changed = true;
}

static bool has_cell(const struct leaf *leaf, uint16_t column, size_t *ret)
{
    *ret = 0;
    while (*ret < leaf->cell_count && leaf->cells[*ret].column != column) {
        ++*ret;
    }
    return *ret < leaf->cell_count;
}

/* The write of `cell` shows in every column of its group that the leaf names;
 * in the others nothing does any more. */
static void show_unit(struct merging *m, const struct column *lead, size_t cell)
{
    if (lead->group == NULL) {
        show_cell(m, lead, cell);
        return;
    }
    for (size_t i = 0; i < m->table->column_count; i++) {
        const struct column *c = &m->table->columns[i];
        size_t at;
        if (column_lead(c) != lead) {
            continue;
        }
        if (has_cell(m->leaf, c->id, &at)) {
            show_cell(m, c, at);
        } else if (state_forget_column(m->state, c->id)) {
            m->ret->unshown = true;
        }
    }
}

static struct memory *memory_of(struct merging *m, const struct column *lead)
{
    struct column_state *s = state_set_column(m->state, lead->id, m->stamp);
    if (s->memory == NULL) {
        s->memory = memory_new();
    }
    return s->memory;
}

static void merge_value(struct merging *m, const struct column *lead,
                        size_t cell)
{
    const struct value *value = &m->leaf->cells[cell].value;
    const struct column_state *held = state_column(m->state, lead->id);
    if (!unit_wins(m, lead, held, value)) {
        return;
    }
    show_unit(m, lead, cell);
    if (remembers_value(lead->policy)) {
        struct memory *memory = memory_of(m, lead);
        bytes_clear(&memory->value);
        value_encode(value, &memory->value);
    }
}

/* What a write says of a unit: the value that decides and those that follow. */
static void put_said(const struct merging *m, const struct column *lead,
                     size_t cell, struct bytes *out)
{
    value_encode(&m->leaf->cells[cell].value, out);
    for (size_t i = 0; lead->group != NULL && i < m->leaf->cell_count; i++) {
        const struct leaf_cell *follows = &m->leaf->cells[i];
        const struct column *c = table_column(m->table, follows->column);
        if (c != NULL && c->lead == lead) {
            bytes_put_u16(out, c->id);
            value_encode(&follows->value, out);
        }
    }
}

/* What shows is the leaf's, or as before, or another head. */
static void merge_review(struct merging *m, const struct column *lead,
                         size_t cell)
{
    const struct column_state *held = state_column(m->state, lead->id);
    struct stamp before = held == NULL ? *m->stamp : held->stamp;
    struct memory *memory = memory_of(m, lead);
    struct bytes said = {0};
    put_said(m, lead, cell, &said);
    struct context_entry name = stamp_name(m->stamp, m->leaf);
    bool changed =
        memory_write(memory, m->stamp, &name,
                     context_of(m->leaf->contexts, lead->id), slice_of(&said));
    bytes_free(&said);
    struct stamp now = memory_shown(memory, lead)->stamp;
    (void)state_set_column(m->state, lead->id, &now);
    m->ret->changed = m->ret->changed || changed;
    if (!changed) {
        return;
    }
    if (stamp_compare(&now, m->stamp) == 0) {
        show_unit(m, lead, cell);
    } else if (stamp_compare(&now, &before) != 0) {
        m->ret->unshown = true;
    }
}

static void merge_union(struct merging *m, const struct column *lead,
                        size_t cell)
{
    const struct column_state *held = state_column(m->state, lead->id);
    struct stamp before = held == NULL ? *m->stamp : held->stamp;
    bool later = held == NULL || stamp_compare(m->stamp, &before) > 0;
    struct memory *memory = memory_of(m, lead);
    struct elements elements;
    bool sound = elements_decode(&m->leaf->cells[cell].value, &elements);
    assert(sound); /* admission lets no other cell in */
    (void)sound;
    struct context_entry name = stamp_name(m->stamp, m->leaf);
    bool changed = memory_change(
        memory, &name, context_of(m->leaf->contexts, lead->id), &elements);
    elements_clear(&elements);
    changed = changed || later;
    (void)state_set_column(m->state, lead->id, later ? m->stamp : &before);
    if (!changed) {
        return;
    }
    m->ret->won[cell] = true;
    m->ret->outcome = MERGE_WON;
    m->ret->changed = true;
}

static void merge_cells(struct merging *m)
{
    for (size_t i = 0; i < m->leaf->cell_count; i++) {
        const struct column *c =
            table_column(m->table, m->leaf->cells[i].column);
        if (c == NULL || c->lead != NULL) {
            continue; /* newer than this version, or goes with its first */
        }
        if (c->policy == POLICY_REVIEW) {
            merge_review(m, c, i);
        } else if (c->policy == POLICY_UNION) {
            merge_union(m, c, i);
        } else {
            merge_value(m, c, i);
        }
    }
}

/* --- leaf ---------------------------------------------------------------- */

static void merge_life(struct merging *m)
{
    if (m->leaf->cl > m->state->cl) {
        m->ret->outcome = begin_life(m);
    } else if (m->leaf->cl == m->state->cl &&
               stamp_compare(m->stamp, &m->state->life) < 0) {
        m->ret->outcome = MERGE_REFOLD; /* decides owner and fixed columns */
    }
}

void merge_leaf(struct row_state *state, const struct table *table,
                const struct leaf *leaf, const struct stamp *stamp,
                const struct offer *offer, struct merge_result *ret)
{
    struct merging m = {state, table, leaf, stamp, offer, ret};
    *ret = (struct merge_result){.outcome = MERGE_SUPERSEDED};
    if (is_life(table, leaf)) {
        merge_life(&m);
        /* where there is one life, what claims another scope has a verdict */
        bool noted =
            table->deletes && state_note_scope(state, leaf->scope_bytes);
        ret->changed = ret->changed || (noted && state->cl > 0);
        bool begins = ret->outcome == MERGE_WON || leaf->cl <= state->cl;
        if (!begins || ret->outcome == MERGE_REFOLD || ret->died) {
            return;
        }
    }
    if (leaf->cl > state->cl) {
        (void)say(&m, MERGE_WAITING, "the insert of the row is not held");
        return;
    }
    if (leaf->cl < state->cl || leaf->op == LEAF_DELETE) {
        ret->outcome =
            unmakes(&m) && leaf->cl < state->cl ? MERGE_REFOLD : ret->outcome;
        return; /* of a life that is over */
    }
    if (!same_scope(&m)) {
        (void)say(&m, MERGE_REFUSED,
                  "the leaf claims another scope than its row has");
        return;
    }
    if (writes_owned(table, leaf)) {
        enum merge_outcome owner = check_owner(&m);
        if (owner != MERGE_WON) {
            ret->outcome = owner;
            return;
        }
    }
    merge_cells(&m);
}

struct merge_rank merge_rank_of(const struct table *table,
                                const struct leaf *leaf,
                                const struct stamp *stamp)
{
    uint32_t part = UINT32_MAX;
    if (is_life(table, leaf)) {
        part = 0;
    } else if (merge_takes_over(table, leaf)) {
        part = leaf->owner.epoch;
    }
    return (struct merge_rank){.cl = leaf->cl, .part = part, .stamp = *stamp};
}

int merge_rank_compare(const struct merge_rank *a, const struct merge_rank *b)
{
    if (a->cl != b->cl) {
        return a->cl > b->cl ? 1 : -1;
    }
    if (a->part != b->part) {
        return a->part > b->part ? 1 : -1;
    }
    return stamp_compare(&a->stamp, &b->stamp);
}
