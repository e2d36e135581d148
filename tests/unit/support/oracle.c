/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <string.h>

#include "protocol/context.h"
#include "protocol/elements.h"

/* What the page is told of. */
struct asking {
    const struct model *m;
    const struct sample *const *leaves;
    size_t count;
    unsigned offers; /* held */
};

/* --- section 1: names ---------------------------------------------------- */

/* "stamp = (hlc, origin, incarnation, seq); total order in that sequence" */
static int order_of(const struct stamp *a, const struct stamp *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc < b->hlc ? -1 : 1;
    }
    int order =
        memcmp(a->origin->node.bytes, b->origin->node.bytes, HASH_BYTES);
    if (order != 0) {
        return order;
    }
    if (a->incarnation != b->incarnation) {
        return a->incarnation < b->incarnation ? -1 : 1;
    }
    return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

static bool is_before(const struct sample *a, const struct sample *b)
{
    return order_of(&a->stamp, &b->stamp) < 0;
}

static bool is_text(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* The site a leaf claims to write for, as a name that lasts. */
static const char *claimed(const struct sample *s)
{
    for (size_t i = 0; i < MODEL_SITES; i++) {
        if (is_text(s->leaf.owner.site, model_site(i))) {
            return model_site(i);
        }
    }
    return "?";
}

/* --- life ---------------------------------------------------------------- */

/* "Life operations are leaves of the base class" */
static bool is_life(const struct sample *s)
{
    return s->leaf.class_id == M_BASE && s->leaf.op != LEAF_UPDATE;
}

static const struct column *column_of(const struct asking *a, uint16_t id)
{
    const struct table *t = a->m->table;
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].id == id) {
            return &t->columns[i];
        }
    }
    return NULL;
}

static bool is_owned(const struct asking *a, const struct sample *s)
{
    for (size_t i = 0; i < s->leaf.cell_count; i++) {
        const struct column *c = column_of(a, s->leaf.cells[i].column);
        if (c != NULL && c->policy == POLICY_OWNER) {
            return true;
        }
    }
    return s->leaf.op == LEAF_DELETE && a->m->table->owner_column != NULL;
}

static const struct value *cell_of(const struct sample *s, uint16_t column)
{
    for (size_t i = 0; i < s->leaf.cell_count; i++) {
        if (s->leaf.cells[i].column == column) {
            return &s->leaf.cells[i].value;
        }
    }
    return NULL;
}

/* --- owners by epoch ------------------------------------------------------ */

/* Does the leaf say: I own the row from this epoch on? */
static bool takes(const struct asking *a, const struct sample *s)
{
    return a->m->table->epoch_column != NULL && s->leaf.op == LEAF_UPDATE &&
           cell_of(s, M_OWNER) != NULL;
}

/* "Epoch n+1 names the leaf of the offer made under n": of this row, in its
 * scope, to this site, by the owner under n. */
static enum told_verdict judge_offer(const struct asking *a,
                                     const struct told *told,
                                     const struct sample *s)
{
    const struct model_offer *named = model_offer_of(a->m, &s->leaf);
    uint32_t epoch = s->leaf.owner.epoch;
    bool held = named != NULL && (a->offers >> (named - a->m->offers) & 1) != 0;
    if (!held) {
        return TOLD_WAITS;
    }
    const struct offer *o = &named->offer;
    if (o->table != a->m->table->id || o->epoch + 1 != epoch ||
        !slice_equal(o->key, s->leaf.key_bytes) ||
        !slice_equal(o->scope, told->life->leaf.scope_bytes) ||
        !is_text(o->to, claimed(s))) {
        return TOLD_REFUSED;
    }
    if (epoch - 1 > told->owner_count) {
        return TOLD_WAITS;
    }
    return is_text(o->from, told->owners[epoch - 2].site) ? TOLD_COUNTS
                                                          : TOLD_REFUSED;
}

static bool in_life(const struct told *told, const struct sample *s)
{
    return s->leaf.cl == told->life->leaf.cl &&
           slice_equal(s->leaf.scope_bytes, told->life->leaf.scope_bytes);
}

/* "two acceptances of one epoch: lower stamp, critical review" */
static bool find_next_owner(const struct asking *a, struct told *told)
{
    uint32_t epoch = (uint32_t)told->owner_count + 1;
    struct told_owner next = {.first = NULL};
    for (size_t i = 0; i < a->count; i++) {
        const struct sample *s = a->leaves[i];
        bool may = in_life(told, s) && takes(a, s) &&
                   s->leaf.owner.epoch == epoch &&
                   judge_offer(a, told, s) == TOLD_COUNTS;
        if (may && (next.first == NULL || is_before(s, next.first))) {
            next.contested = next.contested ||
                             (next.first != NULL && next.site != claimed(s));
            next.first = s;
            next.site = claimed(s);
        } else if (may && next.site != claimed(s)) {
            next.contested = true;
        }
    }
    if (next.first != NULL) {
        told->owners[told->owner_count++] = next;
    }
    return next.first != NULL;
}

/* Who owned the row while it had this life: who made it, then by offers. */
static void find_owners(const struct asking *a, struct told *told)
{
    told->owner_count = 0;
    if (a->m->table->owner_column == NULL ||
        told->life->leaf.op == LEAF_DELETE) {
        return;
    }
    told->owners[0] =
        (struct told_owner){.first = told->life, .site = claimed(told->life)};
    told->owner_count = 1;
    while (find_next_owner(a, told)) {
    }
}

/* --- lives --------------------------------------------------------------- */

/* Who makes a row owns it; only its last owner ends it. */
static bool may_follow(const struct asking *a, const struct told *before,
                       const struct sample *s)
{
    if (s->leaf.op == LEAF_INSERT) {
        return !is_owned(a, s) || s->leaf.owner.epoch == 1;
    }
    return before->owner_count > 0 &&
           s->leaf.owner.epoch == before->owner_count &&
           claimed(s) == before->owners[before->owner_count - 1].site;
}

/* The first of those that may be the life of this length. */
static const struct sample *find_first(const struct asking *a,
                                       const struct told *before, uint32_t cl)
{
    const struct sample *first = NULL;
    bool owned = a->m->table->owner_column != NULL;
    for (size_t i = 0; i < a->count; i++) {
        const struct sample *s = a->leaves[i];
        if (is_life(s) && s->leaf.cl == cl &&
            (!owned || may_follow(a, before, s)) &&
            (first == NULL || is_before(s, first))) {
            first = s;
        }
    }
    return first;
}

static uint32_t highest(const struct asking *a)
{
    uint32_t cl = 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct sample *s = a->leaves[i];
        cl = is_life(s) && s->leaf.cl > cl ? s->leaf.cl : cl;
    }
    return cl;
}

/* "higher cl wins whole"; where a row has an owner, each life follows from the
 * one before. */
static void find_life(const struct asking *a, struct told *told)
{
    if (a->m->table->owner_column == NULL) {
        told->cl = highest(a);
        told->life = find_first(a, told, told->cl);
        return;
    }
    const struct sample *next = find_first(a, told, 1);
    while (next != NULL) {
        told->cl++;
        told->life = next;
        find_owners(a, told);
        next = find_first(a, told, told->cl + 1);
    }
}

/* --- what counts --------------------------------------------------------- */

static enum told_verdict judge_owner(const struct asking *a,
                                     const struct told *told,
                                     const struct sample *s)
{
    uint32_t epoch = s->leaf.owner.epoch;
    if (takes(a, s)) {
        enum told_verdict offer = judge_offer(a, told, s);
        if (offer != TOLD_COUNTS) {
            return offer;
        }
    }
    if (epoch > told->owner_count) {
        return TOLD_WAITS;
    }
    return told->owners[epoch - 1].site == claimed(s) ? TOLD_COUNTS
                                                      : TOLD_REFUSED;
}

/* Of a life that is not there: it waits, but for an end that somebody wrote who
 * owned the row no more, or never did. */
static enum told_verdict judge_ahead(const struct told *told,
                                     const struct sample *s)
{
    bool end = s->leaf.op == LEAF_DELETE && s->leaf.cl == told->cl + 1;
    bool known = s->leaf.owner.epoch <= told->owner_count;
    return end && known && told->cl > 0 ? TOLD_REFUSED : TOLD_WAITS;
}

static enum told_verdict judge(const struct asking *a, const struct told *told,
                               const struct sample *s)
{
    if (s->leaf.cl != told->cl) {
        return s->leaf.cl > told->cl ? judge_ahead(told, s) : TOLD_OVER;
    }
    if (s->leaf.op == LEAF_DELETE) {
        return s == told->life ? TOLD_COUNTS : TOLD_OVER;
    }
    if (!in_life(told, s)) {
        return TOLD_REFUSED; /* "Scope belongs to the life" */
    }
    return is_owned(a, s) ? judge_owner(a, told, s) : TOLD_COUNTS;
}

/* --- values -------------------------------------------------------------- */

/* The order of SQLite for the types a model has. */
static int compare_values(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    if (a->type == VALUE_INTEGER) {
        return a->integer == b->integer ? 0 : a->integer < b->integer ? -1 : 1;
    }
    return a->type == VALUE_NULL ? 0 : slice_compare(a->bytes, b->bytes);
}

/* From 1; what is not in the list has no rank. */
static int place_in_list(const struct column *c, const struct value *v)
{
    for (size_t i = 0; v->type == VALUE_TEXT && i < c->list_count; i++) {
        if (is_text(v->bytes, c->list[i])) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* "max, min: by value; rank: higher rank"; no value yields to any. */
static int compare_by_policy(const struct column *c, const struct value *a,
                             const struct value *b)
{
    if (a->type == VALUE_NULL || b->type == VALUE_NULL) {
        return (a->type != VALUE_NULL) - (b->type != VALUE_NULL);
    }
    if (c->policy == POLICY_RANK) {
        return place_in_list(c, a) - place_in_list(c, b);
    }
    int order = compare_values(a, b);
    return c->policy == POLICY_MIN ? -order : order;
}

/* Does `s` win the column from `held`? */
static bool wins(const struct column *c, const struct sample *s,
                 const struct sample *held)
{
    bool later = is_before(held, s);
    bool by_value = c->policy == POLICY_MAX || c->policy == POLICY_MIN ||
                    c->policy == POLICY_RANK;
    if (policy_is_fixed(c->policy)) {
        return is_before(s, held); /* written once */
    }
    if (c->policy == POLICY_OWNER &&
        s->leaf.owner.epoch != held->leaf.owner.epoch) {
        return s->leaf.owner.epoch > held->leaf.owner.epoch;
    }
    int order =
        by_value ? compare_by_policy(c, cell_of(s, c->id), cell_of(held, c->id))
                 : 0;
    return order != 0 ? order > 0 : later;
}

/* --- review -------------------------------------------------------------- */

/* Does the context of `by`, {(origin, incarnation): seq}, cover this write? One
 * that was signed anew has the name it had first. */
static bool covers(const struct sample *by, uint16_t column,
                   const struct sample *s)
{
    const struct leaf *leaf = &s->leaf;
    uint64_t incarnation =
        leaf->named ? leaf->name.incarnation : s->stamp.incarnation;
    uint64_t seq = leaf->named ? leaf->name.seq : s->stamp.seq;
    struct context context = context_of(by->leaf.contexts, column);
    struct context_entry e;
    while (context_next(&context, &e)) {
        if (memcmp(e.origin, s->stamp.origin->node.bytes, HASH_BYTES) == 0 &&
            e.incarnation == incarnation && e.seq >= seq) {
            return true;
        }
    }
    return false;
}

/* "Shown: the safe one of the heads, else max stamp." */
static bool is_safer(const struct column *c, const struct sample *a,
                     const struct sample *b)
{
    const struct value *x = cell_of(a, c->id);
    const struct value *y = cell_of(b, c->id);
    int order = 0;
    if (c->safe == SAFE_MIN) {
        order = compare_values(y, x);
    } else if (c->safe == SAFE_MAX) {
        order = compare_values(x, y);
    } else if (c->safe == SAFE_LISTED) {
        int p = place_in_list(c, x); /* the first in the list is the safest, */
        int q = place_in_list(c, y); /* what is not in it the least */
        order = (q == 0 ? 1000 : q) - (p == 0 ? 1000 : p);
    }
    return order != 0 ? order > 0 : is_before(b, a);
}

/* Do two heads say the same, of all the columns that go together? */
static bool say_same(const struct asking *a, const struct column *lead,
                     const struct sample *x, const struct sample *y)
{
    for (int i = lead->id; i <= M_COLUMNS; i++) {
        uint16_t id = (uint16_t)i;
        const struct column *c = column_of(a, id);
        if (c != lead && c->lead != lead) {
            continue;
        }
        const struct value *p = cell_of(x, id);
        const struct value *q = cell_of(y, id);
        if ((p == NULL) != (q == NULL) || (p != NULL && !value_equal(p, q))) {
            return false;
        }
    }
    return true;
}

/* "Heads = values not covered by another's context." Where writers claim to
 * cover each other none is left, and the last is shown. */
static void tell_review(const struct asking *a, const struct column *c,
                        const struct sample *const *writes, size_t count,
                        struct told *told)
{
    struct told_column *ret = &told->columns[c->id];
    const struct sample *last = NULL;
    const struct sample *safe = NULL;
    bool differ = false;
    for (size_t i = 0; i < count; i++) {
        bool head = true;
        last = last == NULL || is_before(last, writes[i]) ? writes[i] : last;
        for (size_t k = 0; k < count; k++) {
            head = head && !covers(writes[k], c->id, writes[i]);
        }
        if (head) {
            ret->heads[ret->head_count++] = writes[i];
            safe =
                safe == NULL || is_safer(c, writes[i], safe) ? writes[i] : safe;
            differ = differ || !say_same(a, c, ret->heads[0], writes[i]);
        }
    }
    ret->shows = safe != NULL ? safe : last;
    told->reviews += differ;
}

/* --- union --------------------------------------------------------------- */

static bool names_element(const struct sample *s, uint16_t column, size_t i,
                          bool adds)
{
    struct elements e;
    struct value wanted = model_element(i);
    bool named = false;
    (void)elements_decode(cell_of(s, column), &e);
    const struct value *list = adds ? e.added : e.removed;
    size_t count = adds ? e.added_count : e.removed_count;
    for (size_t k = 0; k < count; k++) {
        named = named || value_equal(&list[k], &wanted);
    }
    elements_clear(&e);
    return named;
}

/* "per element, add dots minus removed dots" */
static void tell_union(uint16_t column, const struct sample *const *writes,
                       size_t count, struct told_column *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (ret->shows == NULL || is_before(ret->shows, writes[i])) {
            ret->shows = writes[i];
        }
        for (size_t e = 0; e < MODEL_ELEMENTS; e++) {
            bool stands = names_element(writes[i], column, e, true);
            for (size_t k = 0; stands && k < count; k++) {
                stands = !covers(writes[k], column, writes[i]) ||
                         !names_element(writes[k], column, e, false);
            }
            if (stands) {
                ret->adds[e][ret->add_count[e]++] = writes[i];
            }
        }
    }
}

/* --- columns ------------------------------------------------------------- */

static void sort_writes(const struct sample **writes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && is_before(writes[k], writes[k - 1]); k--) {
            const struct sample *swap = writes[k];
            writes[k] = writes[k - 1];
            writes[k - 1] = swap;
        }
    }
}

/* The writes of a column that count, by stamp, each once. */
static size_t list_writes(const struct asking *a, const struct told *told,
                          uint16_t column, const struct sample **ret)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++) {
        bool known = told->verdicts[i] != TOLD_COUNTS ||
                     cell_of(a->leaves[i], column) == NULL;
        for (size_t k = 0; !known && k < count; k++) {
            known = ret[k] == a->leaves[i];
        }
        if (!known) {
            ret[count++] = a->leaves[i];
        }
    }
    sort_writes(ret, count);
    return count;
}

static void tell_column(const struct asking *a, const struct column *c,
                        struct told *told)
{
    const struct sample *writes[MODEL_LEAVES];
    struct told_column *ret = &told->columns[c->id];
    size_t count = list_writes(a, told, c->id, writes);
    if (c->policy == POLICY_REVIEW) {
        tell_review(a, c, writes, count, told);
    } else if (c->policy == POLICY_UNION) {
        tell_union(c->id, writes, count, ret);
    } else {
        for (size_t i = 0; i < count; i++) {
            if (ret->shows == NULL || wins(c, writes[i], ret->shows)) {
                ret->shows = writes[i];
            }
        }
    }
}

/* "the group follows its lead column": what one write said of all of it. */
static void tell_columns(const struct asking *a, struct told *told)
{
    const struct table *t = a->m->table;
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].lead == NULL) {
            tell_column(a, &t->columns[i], told);
        }
    }
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        const struct sample *shown =
            c->lead == NULL ? NULL : told->columns[c->lead->id].shows;
        if (shown != NULL && cell_of(shown, c->id) != NULL) {
            told->columns[c->id].shows = shown;
        }
    }
}

void oracle_tell(const struct model *m, const struct sample *const *leaves,
                 size_t count, unsigned offers, struct told *ret)
{
    const struct asking a = {m, leaves, count, offers};
    memset(ret, 0, sizeof *ret);
    find_life(&a, ret);
    for (size_t i = 0; i < count; i++) {
        ret->verdicts[i] = judge(&a, ret, leaves[i]);
    }
    if (ret->cl % 2 == 1) {
        tell_columns(&a, ret);
    }
    if (ret->owner_count > 0) {
        ret->reviews += ret->owners[ret->owner_count - 1].contested;
    }
}
