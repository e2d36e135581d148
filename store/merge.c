/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"

#include <stdio.h>
#include <string.h>

/* A life begins or ends by a leaf of the base class. */
static bool is_life(const struct table *table, const struct leaf *leaf)
{
    return leaf->class_id == table->base_class && leaf->op != LEAF_UPDATE;
}

static bool slice_is_text(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* --- owner --------------------------------------------------------------- */

/* Owned cells: the writer must be the owner under the epoch it claims. Only
 * the first epoch exists yet; a later one names an offer that is not held. */
static enum merge_outcome check_owner(const char *owner,
                                      const struct leaf *leaf,
                                      struct merge_result *ret)
{
    if (leaf->owner.epoch > 1) {
        (void)snprintf(ret->says, sizeof ret->says,
                       "the offer of epoch %u is not held",
                       (unsigned)leaf->owner.epoch);
        return MERGE_WAITING;
    }
    if (!slice_is_text(leaf->owner.site, owner)) {
        (void)snprintf(ret->says, sizeof ret->says,
                       "site %.*s does not own the row; %s does",
                       (int)leaf->owner.site.len,
                       (const char *)leaf->owner.site.data, owner);
        return MERGE_REFUSED;
    }
    return MERGE_WON;
}

static bool owns_cells(const struct table *table, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c != NULL && c->policy == POLICY_OWNER) {
            return true;
        }
    }
    return false;
}

/* --- life ---------------------------------------------------------------- */

/* The owner that a life names, "" where none. */
static void owner_of(const struct table *table, const struct leaf *leaf,
                     char ret[SITE_BYTES_MAX + 1])
{
    memset(ret, 0, SITE_BYTES_MAX + 1);
    const struct value *owner = table->owner_column == NULL
                                    ? NULL
                                    : leaf_cell(leaf, table->owner_column->id);
    if (owner != NULL && owner->type == VALUE_TEXT &&
        owner->bytes.len <= SITE_BYTES_MAX) {
        memcpy(ret, owner->bytes.data, owner->bytes.len);
    }
}

/* Higher causal length wins whole, unless its writer may not begin it. */
static enum merge_outcome begin_life(struct row_state *state,
                                     const struct table *table,
                                     const struct leaf *leaf,
                                     const struct stamp *stamp,
                                     struct merge_result *ret)
{
    char owner[SITE_BYTES_MAX + 1];
    owner_of(table, leaf, owner);
    if (owns_cells(table, leaf)) {
        enum merge_outcome may = check_owner(owner, leaf, ret);
        if (may != MERGE_WON) {
            return may;
        }
    }
    state->cl = leaf->cl;
    state->life = *stamp;
    state->column_count = 0;
    state->scope_len = leaf->scope_bytes.len;
    memcpy(state->scope, leaf->scope_bytes.data, state->scope_len);
    memcpy(state->owner, owner, sizeof owner);
    ret->born = leaf->op == LEAF_INSERT;
    ret->died = leaf->op == LEAF_DELETE;
    return MERGE_WON;
}

/* The scope belongs to the life. */
static bool same_scope(const struct row_state *state, const struct leaf *leaf)
{
    struct slice life = {.data = state->scope, .len = state->scope_len};
    return slice_equal(life, leaf->scope_bytes);
}

/* --- cells --------------------------------------------------------------- */

/* Who wins a column: written once, the first; else the last. */
static bool cell_wins(const struct table *table, uint16_t column,
                      const struct stamp *held, const struct stamp *stamp)
{
    if (held == NULL) {
        return true;
    }
    int order = stamp_compare(stamp, held);
    const struct column *c = table_column(table, column);
    bool once = c != NULL && policy_is_fixed(c->policy);
    return once ? order < 0 : order > 0;
}

static void merge_cells(struct row_state *state, const struct table *table,
                        const struct leaf *leaf, const struct stamp *stamp,
                        struct merge_result *ret)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        uint16_t column = leaf->cells[i].column;
        if (cell_wins(table, column, state_column(state, column), stamp)) {
            state_set_column(state, column, stamp);
            ret->won[i] = true;
            ret->outcome = MERGE_WON;
        }
    }
}

/* --- leaf ---------------------------------------------------------------- */

static void merge_life(struct row_state *state, const struct table *table,
                       const struct leaf *leaf, const struct stamp *stamp,
                       struct merge_result *ret)
{
    if (leaf->cl > state->cl) {
        ret->outcome = begin_life(state, table, leaf, stamp, ret);
    } else if (leaf->cl == state->cl &&
               stamp_compare(stamp, &state->life) < 0) {
        ret->outcome = MERGE_REFOLD; /* it decides owner and fixed columns */
    }
}

void merge_leaf(struct row_state *state, const struct table *table,
                const struct leaf *leaf, const struct stamp *stamp,
                struct merge_result *ret)
{
    *ret = (struct merge_result){.outcome = MERGE_SUPERSEDED};
    if (is_life(table, leaf)) {
        merge_life(state, table, leaf, stamp, ret);
        bool begins = ret->outcome == MERGE_WON || leaf->cl <= state->cl;
        if (!begins || ret->outcome == MERGE_REFOLD || ret->died) {
            return;
        }
    }
    if (leaf->cl > state->cl) {
        ret->outcome = MERGE_WAITING;
        (void)snprintf(ret->says, sizeof ret->says,
                       "the insert of the row is not held");
        return;
    }
    if (leaf->cl < state->cl) {
        return; /* of a life that is over */
    }
    if (owns_cells(table, leaf)) {
        enum merge_outcome owner = check_owner(state->owner, leaf, ret);
        if (owner != MERGE_WON) {
            ret->outcome = owner;
            return;
        }
    }
    if (!same_scope(state, leaf)) {
        ret->outcome = MERGE_REFUSED;
        (void)snprintf(ret->says, sizeof ret->says,
                       "the leaf claims another scope than its row has");
        return;
    }
    merge_cells(state, table, leaf, stamp, ret);
}

struct merge_rank merge_rank_of(const struct table *table,
                                const struct leaf *leaf,
                                const struct stamp *stamp)
{
    return (struct merge_rank){
        .cl = leaf->cl,
        .life = is_life(table, leaf),
        .stamp = *stamp,
    };
}

int merge_rank_compare(const struct merge_rank *a, const struct merge_rank *b)
{
    if (a->cl != b->cl) {
        return a->cl > b->cl ? 1 : -1;
    }
    if (a->life != b->life) {
        return a->life ? -1 : 1;
    }
    return stamp_compare(&a->stamp, &b->stamp);
}
