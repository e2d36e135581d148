/* SPDX-License-Identifier: Apache-2.0 */
#include "store/draft_inside.h"

#include <stdlib.h>

#include "store/list.h"

static void add_cell(struct drafting *d, const struct column *c,
                     const struct value *v)
{
    struct leaf *leaf = &d->leaf;
    leaf->cells[leaf->cell_count++] =
        (struct leaf_cell){.column = c->id, .value = *v};
    if (c->policy == POLICY_OWNER) {
        draft_claim(d, leaf->op);
    }
}

/* --- what is said of a column -------------------------------------------- */

static bool put_context(struct drafting *d, const struct column *c,
                        struct context_entry *entries, size_t count)
{
    bool fits = count <= CONTEXT_ENTRIES_MAX;
    if (count > 0 && fits) {
        context_put(c->id, entries, count, &d->contexts);
        d->leaf.context_count++;
    }
    free(entries);
    return fits;
}

/* An ordinary write covers the head that shows, which its author saw; one that
 * settles covers all. */
static bool put_past(struct drafting *d, const struct column *lead, size_t at)
{
    const struct column_state *s = state_column(&d->state, lead->id);
    size_t count = 0;
    if (d->leaf.op == LEAF_INSERT || s == NULL || s->memory == NULL) {
        return true;
    }
    const struct head *seen =
        d->settles[at] ? NULL : memory_shown(s->memory, lead);
    struct context_entry *past = memory_past(s->memory, seen, &count);
    return put_context(d, lead, past, count);
}

static bool is_among(const struct value *list, size_t count,
                     const struct value *v)
{
    for (size_t i = 0; i < count; i++) {
        if (value_equal(&list[i], v)) {
            return true;
        }
    }
    return false;
}

/* Elements of `wanted` that `held` lacks are added, those it has and `wanted`
 * lacks are taken away. */
struct difference {
    struct value added[ELEMENTS_MAX];
    struct value removed[ELEMENTS_MAX];
    size_t added_count;
    size_t removed_count;
};

static void find_difference(const struct memory *held,
                            const struct value *wanted, size_t count,
                            struct difference *ret)
{
    ret->added_count = 0;
    ret->removed_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool there = false;
        for (size_t k = 0; held != NULL && k < held->element_count; k++) {
            struct value v = memory_value(&held->elements[k].value);
            there = there || (element_is_there(&held->elements[k]) &&
                              value_equal(&v, &wanted[i]));
        }
        if (!there) {
            ret->added[ret->added_count++] = wanted[i];
        }
    }
    for (size_t k = 0; held != NULL && k < held->element_count; k++) {
        struct value v = memory_value(&held->elements[k].value);
        if (element_is_there(&held->elements[k]) &&
            !is_among(wanted, count, &v) && ret->removed_count < ELEMENTS_MAX) {
            ret->removed[ret->removed_count++] = v;
        }
    }
}

/* What a program's list says, against what is held: 1 when there is anything
 * to say, 0 nothing, ERR_INPUT when it is no list. */
static int say_list(struct drafting *d, const struct column *c, size_t at,
                    struct value *ret, struct err *e)
{
    const struct column_state *s =
        d->leaf.op == LEAF_INSERT ? NULL : state_column(&d->state, c->id);
    const struct memory *held = s == NULL ? NULL : s->memory;
    struct difference *diff = calloc(1, sizeof *diff);
    struct value *wanted = calloc(ELEMENTS_MAX, sizeof *wanted);
    struct bytes memory = {0};
    size_t count = 0;
    size_t past_count = 0;
    if (diff == NULL || wanted == NULL) {
        abort();
    }
    int rc = list_read(d->r->db, &d->cells[at], &memory, wanted, &count, e);
    if (rc == 0) {
        find_difference(held, wanted, count, diff);
        bytes_clear(&d->deltas[at]);
        elements_encode(diff->added, diff->added_count, diff->removed,
                        diff->removed_count, &d->deltas[at]);
        *ret = value_blob(d->deltas[at].data, d->deltas[at].len);
        rc = diff->added_count + diff->removed_count > 0 ||
             d->leaf.op == LEAF_INSERT;
    }
    if (rc == 1 && diff->removed_count > 0) {
        struct context_entry *past = memory_additions(
            held, diff->removed, diff->removed_count, &past_count);
        if (!put_context(d, c, past, past_count)) {
            rc = err_set(e, ERR_INPUT, "too many sites wrote it");
        }
    }
    bytes_free(&memory);
    free(wanted);
    free(diff);
    return rc;
}

/* A cell that cannot be said is parked, and the row goes back. */
static int set_aside(struct drafting *d, const struct touched *row, size_t at,
                     struct err *says, struct err *e)
{
    struct leaf_cell cell = {
        .column = row->table->columns[at].id,
        .value = d->cells[at],
    };
    draft_undo(d);
    d->ret->parked++;
    return draft_park(d, row, &cell, says->text, e);
}

static int say_cell(struct drafting *d, const struct touched *row, size_t at,
                    struct err *e)
{
    const struct column *c = &row->table->columns[at];
    struct value v = d->cells[at];
    struct err says = {0};
    int rc = 1;
    if (c->policy == POLICY_UNION) {
        rc = say_list(d, c, at, &v, &says);
        if (rc >= 0 && d->cells[at].type != VALUE_NULL) {
            draft_undo(d); /* there is one way to write a list */
        }
    } else if (c->policy == POLICY_REVIEW && c->lead == NULL &&
               !put_past(d, c, at)) {
        rc = err_set(&says, ERR_INPUT,
                     "more than %d writers wrote it; settle its review first",
                     (int)CONTEXT_ENTRIES_MAX);
    }
    if (rc == ERR_INPUT) {
        return set_aside(d, row, at, &says, e);
    }
    if (rc == 1) {
        add_cell(d, c, &v);
        return 0;
    }
    return rc < 0 ? err_set(e, rc, "%s", says.text) : 0;
}

/* Says the chosen columns of one class; those of a leaf ascend. */
int draft_say_class(struct drafting *d, const struct touched *row,
                    uint16_t class_id, struct err *e)
{
    const struct table *t = row->table;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->column_count; i++) {
        if (t->columns[i].class_id == class_id && d->says_cell[i]) {
            rc = say_cell(d, row, i, e);
        }
    }
    return rc;
}
