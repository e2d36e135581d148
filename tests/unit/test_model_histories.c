/* SPDX-License-Identifier: Apache-2.0 */
/* Many short histories of one row in a tree of nodes that have no database:
 * sites write by what they see, and now and then anything; relays pass on what
 * they hold, in any order and again; some nodes lack a class; cut-offs come
 * late. test_histories.c tells a few long ones, with real replicas. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "support/heard.h"

enum {
    STEPS = 120,
    LEAVES = MODEL_LEAVES - 2, /* a birth in two classes is two */
};

/* A parent each; two of them do not read the overlay class. */
static const int parents[MODEL_NODES] = {-1, 0, 0, 1, 1, 2};
static const bool reads_names[MODEL_NODES] = {true,  true, true,
                                              false, true, false};

struct node {
    bool holds[MODEL_LEAVES]; /* its journal */
    unsigned offers;
    unsigned cuts;     /* of which origins the cut-off is known */
    struct heard *row; /* what counts of what it reads */
    uint64_t hlc;
    uint64_t skew;
    uint64_t incarnation;
};

struct history {
    struct dice *d;
    struct model *m;
    struct node nodes[MODEL_NODES];
    uint64_t cut_seq[MODEL_NODES]; /* nothing later of an origin counts */
    struct stamp offered[MODEL_OFFERS];
    uint64_t clock;
    struct bytes a;
    struct bytes b;
};

/* --- what counts at a node ------------------------------------------------ */

static size_t node_of(const struct history *h, const struct origin *o)
{
    size_t i = 0;
    while (h->m->nodes[i] != o) {
        i++;
    }
    return i;
}

static bool is_cut(const struct history *h, size_t node, const struct stamp *s)
{
    size_t writer = node_of(h, s->origin);
    return (h->nodes[node].cuts >> writer & 1) != 0 &&
           s->seq > h->cut_seq[writer];
}

static bool counts(const struct history *h, size_t node, size_t leaf)
{
    const struct sample *s = &h->m->leaves[leaf];
    bool reads = reads_names[node] || s->leaf.class_id == M_BASE;
    return h->nodes[node].holds[leaf] && reads && !is_cut(h, node, &s->stamp);
}

static void hear(struct history *h, size_t node, size_t leaf)
{
    struct node *n = &h->nodes[node];
    const struct sample *s = &h->m->leaves[leaf];
    n->holds[leaf] = true;
    n->hlc = s->stamp.hlc > n->hlc ? s->stamp.hlc : n->hlc;
    if (counts(h, node, leaf) && n->row->count < HEARD_MAX &&
        (!heard_has(n->row, s) || n->row->count < MODEL_LEAVES)) {
        heard_take(n->row, s);
    }
}

static void hear_offer(struct history *h, size_t node, size_t offer)
{
    h->nodes[node].offers |= 1u << offer;
    if (!is_cut(h, node, &h->offered[offer])) {
        heard_take_offer(h->nodes[node].row, offer);
    }
}

/* What counted does not any more; the row is folded from what is left. */
static void hear_cut(struct history *h, size_t node, size_t writer)
{
    struct node *n = &h->nodes[node];
    if ((n->cuts >> writer & 1) != 0) {
        return;
    }
    n->cuts |= 1u << writer;
    for (size_t i = 0; i < h->m->count; i++) {
        if (is_cut(h, node, &h->m->leaves[i].stamp)) {
            heard_drop(n->row, &h->m->leaves[i]);
        }
    }
    for (size_t i = 0; i < h->m->offer_count; i++) {
        if (is_cut(h, node, &h->offered[i])) {
            n->row->offers &= ~(1u << i);
        }
    }
    heard_fold(n->row, NULL);
}

/* --- links ---------------------------------------------------------------- */

/* Some of what one holds goes to the other: any of it, in any order. */
static void send_some(struct history *h, size_t from, size_t to, size_t sides)
{
    /* primes beyond the number of leaves: each is met once */
    static const size_t strides[] = {53, 59, 61, 67, 71, 73, 79, 83};
    size_t stride = strides[dice_below(h->d, 8)];
    size_t first = dice_below(h->d, MODEL_LEAVES);
    for (size_t i = 0; i < h->m->count; i++) {
        size_t leaf = (first + i * stride) % h->m->count;
        bool again = h->nodes[to].holds[leaf] && dice_below(h->d, 8) > 0;
        if (h->nodes[from].holds[leaf] && !again &&
            dice_below(h->d, sides) == 0) {
            hear(h, to, leaf);
        }
    }
    for (size_t i = 0; i < h->m->offer_count; i++) {
        if ((h->nodes[from].offers >> i & 1) != 0 &&
            dice_below(h->d, sides) == 0) {
            hear_offer(h, to, i);
        }
    }
    for (size_t i = 0; i < MODEL_NODES; i++) {
        if ((h->nodes[from].cuts >> i & 1) != 0 &&
            dice_below(h->d, sides) == 0) {
            hear_cut(h, to, i);
        }
    }
}

static void send_one_link(struct history *h)
{
    size_t child = 1 + dice_below(h->d, MODEL_NODES - 1);
    size_t parent = (size_t)parents[child];
    bool up = dice_even(h->d);
    send_some(h, up ? child : parent, up ? parent : child, 2);
}

/* Everything, up and then down. */
static void sync_all(struct history *h)
{
    for (size_t child = MODEL_NODES - 1; child > 0; child--) {
        send_some(h, child, (size_t)parents[child], 1);
    }
    for (size_t child = 1; child < MODEL_NODES; child++) {
        send_some(h, (size_t)parents[child], child, 1);
    }
}

/* --- writing -------------------------------------------------------------- */

/* A row that is seen has a scope; one that is made has either. */
static struct sample *start(struct history *h, size_t node, uint16_t class_id)
{
    struct node *n = &h->nodes[node];
    const struct row_state *state = &n->row->state;
    uint64_t now = h->clock + n->skew;
    size_t scope = dice_below(h->d, 12) == 0;
    if (state->cl > 0) {
        scope = state->scope[state->scope_len - 1] == 'b';
    }
    struct sample *s = model_add(h->m, node, scope);
    n->hlc = n->hlc + 1 > now ? n->hlc + 1 : now;
    s->stamp.hlc = n->hlc;
    s->stamp.incarnation = n->incarnation;
    s->leaf.class_id = class_id;
    return s;
}

static bool owns(const struct history *h, size_t node)
{
    const struct owner *last = state_last_owner(&h->nodes[node].row->state);
    return last != NULL && strcmp(last->site, model_site(node)) == 0;
}

/* What a writer covers: the value it saw and its past, or all of them. */
static void put_past(struct history *h, size_t node, struct sample *s,
                     const struct column *c)
{
    const struct column_state *held =
        state_column(&h->nodes[node].row->state, c->id);
    size_t count = 0;
    if (held == NULL) {
        return;
    }
    const struct head *seen = memory_shown(held->memory, c);
    if (dice_below(h->d, 3) == 0) {
        seen = NULL;
    }
    struct context_entry *past = memory_past(held->memory, seen, &count);
    if (count > 0) {
        sample_put_context(s, c->id, past, count);
    }
    free(past);
}

/* Adds some, takes away some of those that are there. */
static void put_list(struct history *h, size_t node, struct sample *s,
                     uint16_t id, unsigned *ret_removed)
{
    const struct column_state *held =
        state_column(&h->nodes[node].row->state, id);
    unsigned there = 0;
    for (size_t i = 0; held != NULL && i < MODEL_ELEMENTS; i++) {
        struct value wanted = model_element(i);
        for (size_t k = 0; k < held->memory->element_count; k++) {
            const struct element *e = &held->memory->elements[k];
            struct value v = memory_value(&e->value);
            bool named = value_equal(&v, &wanted) && element_is_there(e);
            there |= named ? 1u << i : 0;
        }
    }
    unsigned bits = (unsigned)dice_below(h->d, 1u << MODEL_ELEMENTS);
    *ret_removed = there & bits;
    sample_put_elements(s, id, bits & ~there, *ret_removed);
}

static void put_removal(struct history *h, size_t node, struct sample *s,
                        uint16_t id, unsigned removed)
{
    const struct column_state *held =
        state_column(&h->nodes[node].row->state, id);
    struct value list[MODEL_ELEMENTS];
    size_t listed = 0;
    size_t count = 0;
    for (size_t i = 0; i < MODEL_ELEMENTS; i++) {
        if ((removed >> i & 1) != 0) {
            list[listed++] = model_element(i);
        }
    }
    if (listed == 0) {
        return;
    }
    struct context_entry *gone =
        memory_additions(held->memory, list, listed, &count);
    sample_put_context(s, id, gone, count);
    free(gone);
}

/* Columns of the leaf's class that the node may write. */
static void put_cells(struct history *h, size_t node, struct sample *s)
{
    unsigned removed[M_IDS] = {0};
    bool insert = s->leaf.op == LEAF_INSERT;
    for (int i = M_FIXED; i < M_IDS; i++) {
        uint16_t id = (uint16_t)i;
        const struct column *c = table_column(h->m->table, id);
        bool owned = c != NULL && c->policy == POLICY_OWNER;
        bool fixed = c != NULL && policy_is_fixed(c->policy);
        bool alone = c != NULL && c->lead != NULL &&
                     leaf_cell(&s->leaf, c->lead->id) == NULL;
        bool may = h->m->writes[id] && !alone && (!fixed || insert) &&
                   (!owned || insert || owns(h, node)) &&
                   model_in_class(id, s->leaf.class_id);
        if (!may || (!insert && dice_even(h->d))) {
            continue;
        }
        s->leaf.owned = s->leaf.owned || owned;
        if (c != NULL && c->policy == POLICY_UNION) {
            put_list(h, node, s, id, &removed[id]);
        } else {
            sample_put(s, id, model_value(h->d, id));
        }
    }
    for (size_t i = 0; !insert && i < s->leaf.cell_count; i++) {
        uint16_t id = s->leaf.cells[i].column;
        const struct column *c = table_column(h->m->table, id);
        if (c != NULL && c->policy == POLICY_REVIEW && c->lead == NULL) {
            put_past(h, node, s, c);
        } else if (c != NULL && c->policy == POLICY_UNION) {
            put_removal(h, node, s, id, removed[id]);
        }
    }
}

/* The claim of the last owner, as a program's write is signed. */
static void claim(struct history *h, size_t node, struct sample *s)
{
    const struct row_state *state = &h->nodes[node].row->state;
    if (owns(h, node) && s->leaf.op != LEAF_INSERT) {
        s->leaf.owner.epoch = (uint32_t)state->owner_count;
        memcpy(s->leaf.owner.offer, state_last_owner(state)->offer, HASH_BYTES);
    }
}

static void make_row(struct history *h, size_t node)
{
    uint32_t cl = h->nodes[node].row->state.cl + 1;
    size_t first = h->m->count;
    struct sample *s = start(h, node, M_BASE);
    s->leaf.op = LEAF_INSERT;
    s->leaf.cl = cl;
    s->leaf.owned = h->m->table->epoch_column != NULL;
    if (h->m->table->owner_column != NULL) {
        sample_put(s, M_OWNER, value_text(model_site(node)));
    }
    if (h->m->table->epoch_column != NULL) {
        sample_put(s, M_EPOCH, value_integer(1));
    }
    put_cells(h, node, s);
    if (reads_names[node] && dice_even(h->d)) {
        struct stamp stamp = s->stamp;
        struct slice scope = s->leaf.scope_bytes;
        s = model_add(h->m, node, scope.data[scope.len - 1] == 'b');
        s->stamp = stamp; /* one changeset */
        s->leaf.class_id = M_OVERLAY;
        s->leaf.op = LEAF_INSERT;
        s->leaf.cl = cl;
        put_cells(h, node, s);
    }
    for (size_t i = first; i < h->m->count; i++) {
        hear(h, node, i);
    }
}

static void change_row(struct history *h, size_t node)
{
    bool names = reads_names[node] && dice_below(h->d, 3) == 0;
    struct sample *s = start(h, node, names ? M_OVERLAY : M_BASE);
    s->leaf.cl = h->nodes[node].row->state.cl;
    claim(h, node, s);
    put_cells(h, node, s);
    hear(h, node, h->m->count - 1);
}

static void end_row(struct history *h, size_t node)
{
    bool owned = h->m->table->owner_column != NULL;
    if (owned && !owns(h, node)) {
        return;
    }
    struct sample *s = start(h, node, M_BASE);
    s->leaf.op = LEAF_DELETE;
    s->leaf.owned = owned;
    claim(h, node, s);
    s->leaf.cl = h->nodes[node].row->state.cl + 1;
    hear(h, node, h->m->count - 1);
}

static void offer_row(struct history *h, size_t node)
{
    struct model *m = h->m;
    const struct row_state *state = &h->nodes[node].row->state;
    if (m->table->epoch_column == NULL || !owns(h, node) ||
        m->offer_count == MODEL_OFFERS) {
        return;
    }
    struct model_offer *o = &m->offers[m->offer_count];
    struct sample *life = start(h, node, M_BASE); /* for its key and scope */
    dice_fill(h->d, o->hash, HASH_BYTES);
    o->offer = (struct offer){
        .table = m->table->id,
        .key = life->leaf.key_bytes,
        .scope = life->leaf.scope_bytes,
        .from = slice_text(model_site(node)),
        .to = slice_text(model_site(dice_below(h->d, MODEL_SITES))),
        .epoch = (uint32_t)state->owner_count,
    };
    h->offered[m->offer_count] = life->stamp;
    m->count--;
    m->offer_count++;
    hear_offer(h, node, m->offer_count - 1);
}

/* Is this offer for the node to take now? */
static bool is_for(const struct history *h, size_t node, size_t offer)
{
    const struct heard *row = h->nodes[node].row;
    const struct offer *o = &h->m->offers[offer].offer;
    const struct owner *last = state_last_owner(&row->state);
    return (row->offers >> offer & 1) != 0 && last != NULL &&
           o->epoch == row->state.owner_count &&
           memcmp(o->to.data, model_site(node), o->to.len) == 0 &&
           memcmp(o->from.data, last->site, o->from.len) == 0;
}

static void take_row(struct history *h, size_t node)
{
    size_t offer = 0;
    while (offer < h->m->offer_count && !is_for(h, node, offer)) {
        offer++;
    }
    if (offer == h->m->offer_count) {
        return;
    }
    struct sample *s = start(h, node, M_BASE);
    s->leaf.owned = true;
    s->leaf.cl = h->nodes[node].row->state.cl;
    s->leaf.owner.epoch = h->m->offers[offer].offer.epoch + 1;
    memcpy(s->leaf.owner.offer, h->m->offers[offer].hash, HASH_BYTES);
    sample_put(s, M_OWNER, value_text(model_site(node)));
    sample_put(s, M_EPOCH, value_integer(s->leaf.owner.epoch));
    hear(h, node, h->m->count - 1);
}

/* One who does not keep to what it sees, within what admission lets in. */
static void write_anything(struct history *h)
{
    struct sample *s = model_add_random(h->m, h->d);
    size_t node = node_of(h, s->stamp.origin);
    if (h->m->count > 1 && s->stamp.seq < 4 * h->m->count - 3) {
        h->nodes[node].holds[h->m->count - 2] = true; /* one changeset */
        hear(h, node, h->m->count - 2);
    }
    hear(h, node, h->m->count - 1);
}

static void write_something(struct history *h)
{
    size_t node = dice_below(h->d, MODEL_NODES);
    uint32_t cl = h->nodes[node].row->state.cl;
    if (h->m->count >= LEAVES || cl > 1000) {
        return;
    }
    switch (dice_below(h->d, 16)) {
    case 0:
        write_anything(h);
        break;
    case 1:
        if (cl % 2 == 1 && dice_even(h->d)) {
            end_row(h, node);
        }
        break;
    case 2:
    case 3:
    case 4:
        offer_row(h, node);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        take_row(h, node);
        break;
    default:
        if (cl % 2 == 0) {
            make_row(h, node);
        } else {
            change_row(h, node);
        }
        break;
    }
}

/* --- steps ---------------------------------------------------------------- */

/* An authority says that what an origin signed from some number on does not
 * count; whoever says so knows it first. */
static void cut_off(struct history *h)
{
    size_t writer = dice_below(h->d, MODEL_NODES);
    if (h->cut_seq[writer] == UINT64_MAX && h->m->count > 4) {
        h->cut_seq[writer] = dice_below(h->d, 4 * h->m->count);
        hear_cut(h, 0, writer);
    }
}

/* What a node has merged step by step is what it folds to. */
static void assert_folds_to_itself(struct history *h, size_t node)
{
    struct heard *row = h->nodes[node].row;
    heard_check(row);
    heard_encode(row, &h->a);
    heard_fold(row, NULL);
    heard_encode(row, &h->b);
    assert_true(slice_equal(slice_of(&h->a), slice_of(&h->b)));
    heard_check(row);
}

static void take_step(struct history *h)
{
    size_t node = dice_below(h->d, MODEL_NODES);
    switch (dice_below(h->d, 64)) {
    case 0:
        h->nodes[node].incarnation = 1 + dice_below(h->d, 8);
        break;
    case 1:
        if (dice_below(h->d, 4) == 0) {
            cut_off(h);
        }
        break;
    case 2:
        assert_folds_to_itself(h, node);
        break;
    case 3:
        h->clock += dice_below(h->d, 20);
        break;
    default:
        if (dice_below(h->d, 3) == 0) {
            send_one_link(h);
        } else {
            write_something(h);
        }
        break;
    }
}

/* --- the end -------------------------------------------------------------- */

/* Nodes that read the same agree to the byte, and with the page. */
static void assert_nodes_agree(struct history *h)
{
    for (size_t i = 0; i < MODEL_NODES; i++) {
        struct heard *row = h->nodes[i].row;
        for (size_t k = 0; k < h->m->count; k++) {
            assert_true(h->nodes[i].holds[k]);
            assert_int_equal(heard_has(row, &h->m->leaves[k]), counts(h, i, k));
        }
        assert_int_equal(h->nodes[i].cuts, h->nodes[0].cuts);
        assert_folds_to_itself(h, i);
        heard_encode(row, &h->a);
        heard_encode(h->nodes[reads_names[i] ? 0 : 3].row, &h->b);
        assert_true(slice_equal(slice_of(&h->a), slice_of(&h->b)));
    }
}

struct seen {
    size_t handed;
    size_t reviews;
    size_t lists;
    size_t cuts;
    size_t ended;
};

static void look(const struct history *h, struct seen *seen)
{
    const struct row_state *s = &h->nodes[0].row->state;
    seen->handed += s->owner_count > 1;
    seen->reviews += state_reviews(s) > 0;
    seen->cuts += h->nodes[0].cuts != 0;
    seen->ended += s->cl > 0 && s->cl % 2 == 0;
    for (size_t i = 0; i < s->column_count; i++) {
        const struct memory *m = s->columns[i].memory;
        seen->lists += m != NULL && m->element_count > 1;
    }
}

static void begin(struct history *h)
{
    model_begin(h->m, h->d);
    h->m->most = MODEL_LEAVES;
    h->m->offer_count = 0;
    h->clock = 100;
    for (size_t i = 0; i < MODEL_NODES; i++) {
        struct node *n = &h->nodes[i];
        *n = (struct node){.row = n->row, .incarnation = 1};
        n->skew = dice_below(h->d, 2) * dice_below(h->d, 40);
        heard_begin(n->row, h->m);
        h->cut_seq[i] = UINT64_MAX;
    }
}

static void every_short_history_ends_in_agreement(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct history *h = calloc(1, sizeof *h);
    struct seen seen = {0};
    assert_non_null(h);
    h->d = &d;
    h->m = model_new(&d);
    for (size_t i = 0; i < MODEL_NODES; i++) {
        h->nodes[i].row = heard_new();
    }
    size_t histories = model_rounds(400, 20000, 500000);
    for (size_t i = 0; i < histories; i++) {
        begin(h);
        for (size_t k = 0; k < STEPS; k++) {
            take_step(h);
        }
        sync_all(h);
        assert_nodes_agree(h);
        look(h, &seen);
    }
    assert_true(seen.handed > 0);
    assert_true(seen.reviews > 0);
    assert_true(seen.lists > 0);
    assert_true(seen.cuts > 0);
    assert_true(seen.ended > 0);
    for (size_t i = 0; i < MODEL_NODES; i++) {
        heard_free(h->nodes[i].row);
    }
    bytes_free(&h->a);
    bytes_free(&h->b);
    model_free(h->m);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_history_ends_in_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
