/* SPDX-License-Identifier: Apache-2.0 */
/* Merging, held against the page (docs/semantics.md section 5): whatever leaves
 * of a row there are, in whatever order they come. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/admit.h"
#include "support/heard.h"

enum {
    FEW = 7, /* leaves of most sets */
    SETS = 3,
    ITEMS_MAX = 2 * (MODEL_LEAVES + MODEL_OFFERS),
};

/* --- the model is honest about what it is --------------------------------- */

static void certify(const struct sample *s, struct certificate *ret)
{
    *ret = (struct certificate){.all_tables = true};
    ret->node = s->stamp.origin->node;
    memcpy(ret->site, s->leaf.owner.site.data, s->leaf.owner.site.len);
    ret->may_read.count = 2;
    ret->may_read.numbers[0] = M_BASE;
    ret->may_read.numbers[1] = M_OVERLAY;
}

static void assert_is_a_leaf(const struct sample *s)
{
    struct bytes head = {0};
    struct bytes body = {0};
    struct leaf *again = calloc(1, sizeof *again);
    struct err e;
    assert_non_null(again);
    leaf_encode_head(&s->leaf, &head);
    leaf_encode_body(&s->leaf, &body);
    assert_int_equal(leaf_decode(slice_of(&head), slice_of(&body), again, &e),
                     0);
    assert_true(slice_equal(again->key_bytes, s->leaf.key_bytes));
    assert_true(slice_equal(again->scope_bytes, s->leaf.scope_bytes));
    bytes_free(&head);
    bytes_free(&body);
    free(again);
}

static void what_is_in_the_model_admission_lets_through(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct table table;
    struct manifest manifest = {.tables = &table, .table_count = 1};
    struct certificate c;
    const struct hash network = {.bytes = {0}};
    struct registry *r = registry_new(&network);
    for (size_t round = 0; round < 4000; round++) {
        model_begin(m, &d);
        table = *m->table;
        for (size_t i = 0; i < 12; i++) {
            const struct sample *s = model_add_random(m, &d);
            struct changeset_header header = {
                .origin = s->stamp.origin->node,
                .incarnation = s->stamp.incarnation,
                .seq = s->stamp.seq,
            };
            struct err says = {0};
            certify(s, &c);
            if (admit_leaf(&manifest, r, &c, &header, &s->leaf, &says) !=
                ADMISSION_YES) {
                fail_msg("%s", says.text);
            }
            assert_is_a_leaf(s);
        }
    }
    registry_destroy(&r);
    model_free(m);
}

/* --- any order, any number of times --------------------------------------- */

/* What comes: a leaf or, behind them, an offer. */
struct item {
    size_t at;
    unsigned sets; /* bits of the sets it is in */
};

struct triple {
    struct dice *d;
    struct model *m;
    struct item items[MODEL_LEAVES + MODEL_OFFERS];
    size_t count;
    struct heard *heard;
    struct bytes folded;
    struct bytes merged;
};

/* Leaves and offers in one, two or all of three sets; some offers in none. */
static void roll(struct triple *t)
{
    bool many = dice_below(t->d, 32) == 0;
    t->m->most = many ? MODEL_LEAVES : 1 + dice_below(t->d, 2 * FEW);
    model_begin(t->m, t->d);
    while (t->m->count < t->m->most) {
        (void)model_add_random(t->m, t->d);
    }
    t->count = t->m->count + t->m->offer_count;
    for (size_t i = 0; i < t->count; i++) {
        unsigned sets = (unsigned)dice_below(t->d, 1u << SETS);
        bool leaf = i < t->m->count;
        t->items[i] = (struct item){i, leaf && sets == 0 ? 1 : sets};
    }
}

static void take_item(struct triple *t, size_t at)
{
    if (at < t->m->count) {
        heard_take(t->heard, &t->m->leaves[at]);
    } else {
        heard_take_offer(t->heard, at - t->m->count);
    }
}

/* Takes what is in these sets, in a random order, some of it twice. */
static void take_sets(struct triple *t, unsigned sets)
{
    size_t list[ITEMS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool twice =
            t->heard->count + t->count < HEARD_MAX && dice_below(t->d, 8) == 0;
        if ((t->items[i].sets & sets) != 0) {
            list[count++] = i;
        }
        if ((t->items[i].sets & sets) != 0 && twice) {
            list[count++] = i;
        }
    }
    for (size_t i = count; i > 0; i--) {
        size_t k = dice_below(t->d, i);
        size_t next = list[k];
        list[k] = list[i - 1];
        bool room = t->heard->count < HEARD_MAX;
        bool known =
            next < t->m->count && heard_has(t->heard, &t->m->leaves[next]);
        if (room && (!known || dice_even(t->d))) {
            take_item(t, next);
        }
    }
}

/* The sets one after another give what their union gives, folded. */
static void assert_sets(struct triple *t, const unsigned *sets, size_t count)
{
    heard_begin(t->heard, t->m);
    for (size_t i = 0; i < count; i++) {
        take_sets(t, sets[i]);
    }
    heard_encode(t->heard, &t->merged);
    if (!slice_equal(slice_of(&t->merged), slice_of(&t->folded))) {
        fail_msg("merging leaf by leaf gives another state than folding");
    }
}

static void fold_all(struct triple *t)
{
    heard_begin(t->heard, t->m);
    for (size_t i = 0; i < t->count; i++) {
        if (i < t->m->count) {
            t->heard->leaves[t->heard->count++] = &t->m->leaves[i];
        } else if (t->items[i].sets != 0) {
            t->heard->offers |= 1u << (i - t->m->count);
        }
    }
    heard_fold(t->heard, NULL);
    heard_check(t->heard);
    heard_encode(t->heard, &t->folded);
}

/* Did the triples come across what they are for? */
struct seen {
    size_t handed;
    size_t contested;
    size_t ended_by_another; /* a row that had changed hands was deleted */
    size_t revived;
    size_t reviews;
    size_t headless; /* writers that claim to cover each other */
};

static void look(const struct heard *h, struct seen *seen)
{
    const struct row_state *s = &h->state;
    const struct owner *last = state_last_owner(s);
    seen->handed += s->owner_count > 2;
    seen->contested += last != NULL && last->contested;
    seen->revived += s->cl > 2 && s->cl % 2 == 1;
    seen->reviews += state_reviews(s) > 1;
    for (size_t i = 0; i < h->count && s->cl == 2; i++) {
        seen->ended_by_another +=
            h->leaves[i]->leaf.owner.epoch == 3 &&
            stamp_compare(&h->leaves[i]->stamp, &s->life) == 0;
    }
    for (size_t i = 0; i < s->column_count; i++) {
        const struct memory *memory = s->columns[i].memory;
        seen->headless +=
            memory != NULL && memory->head_count == 0 &&
            table_column(h->m->table, s->columns[i].column)->policy ==
                POLICY_REVIEW;
    }
}

static void merging_is_a_join_and_gives_what_the_page_says(void **state)
{
    (void)state;
    static const unsigned orders[][SETS + 1] = {
        {1, 2, 4, 7}, /* and then all of it again */
        {4, 2, 1, 4},
        {2, 4, 1, 2},
        {7, 7, 7, 1},
    };
    struct dice d = dice_seeded();
    struct triple t = {.d = &d, .m = model_new(&d), .heard = heard_new()};
    struct seen seen = {0};
    size_t rounds = model_rounds(3000, 50000, 1000000);
    for (size_t round = 0; round < rounds; round++) {
        roll(&t);
        fold_all(&t);
        look(t.heard, &seen);
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
            assert_sets(&t, orders[i], SETS + 1);
            if (i == 0) {
                heard_check(t.heard);
            }
        }
    }
    if (rounds >= 50000) { /* some are one in two thousand */
        assert_true(seen.handed > 0);
        assert_true(seen.contested > 0);
        assert_true(seen.ended_by_another > 0);
        assert_true(seen.revived > 0);
        assert_true(seen.reviews > 0);
        assert_true(seen.headless > 0);
    }
    bytes_free(&t.folded);
    bytes_free(&t.merged);
    heard_free(t.heard);
    model_free(t.m);
}

/* A part of the leaves, as a node has it that lacks a class or hears late, or
 * that takes some back after a cut-off. */
static void a_set_that_shrinks_gives_what_is_left_of_it(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct triple t = {.d = &d, .m = model_new(&d), .heard = heard_new()};
    size_t rounds = model_rounds(1000, 20000, 200000);
    for (size_t round = 0; round < rounds; round++) {
        roll(&t);
        heard_begin(t.heard, t.m);
        take_sets(&t, 7);
        for (size_t i = 0; i < t.m->count; i++) {
            if (dice_below(&d, 3) == 0) {
                heard_drop(t.heard, &t.m->leaves[i]);
            }
        }
        heard_fold(t.heard, NULL);
        heard_check(t.heard);
        heard_encode(t.heard, &t.folded);
        heard_begin(t.heard, t.m); /* and it all comes back */
        take_sets(&t, 7);
        heard_check(t.heard);
    }
    bytes_free(&t.folded);
    bytes_free(&t.merged);
    heard_free(t.heard);
    model_free(t.m);
}

/* --- verdicts ------------------------------------------------------------- */

static void assert_verdict(enum merge_outcome outcome, enum told_verdict told)
{
    switch (told) {
    case TOLD_COUNTS:
        assert_true(outcome == MERGE_WON || outcome == MERGE_SUPERSEDED);
        break;
    case TOLD_OVER: /* it may have been refused while its life was on */
        break;
    case TOLD_WAITS:
        assert_int_equal(outcome, MERGE_WAITING);
        break;
    case TOLD_REFUSED:
        assert_int_equal(outcome, MERGE_REFUSED);
        break;
    }
}

static void a_fold_gives_each_leaf_the_verdict_the_page_says(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct triple t = {.d = &d, .m = model_new(&d), .heard = heard_new()};
    struct told *told = malloc(sizeof *told);
    const struct sample *leaves[MODEL_LEAVES];
    assert_non_null(told);
    for (size_t round = 0; round < model_rounds(1000, 20000, 200000); round++) {
        enum merge_outcome outcomes[MODEL_LEAVES];
        roll(&t);
        fold_all(&t);
        heard_fold(t.heard, outcomes);
        for (size_t i = 0; i < t.m->count; i++) {
            leaves[i] = &t.m->leaves[i];
        }
        oracle_tell(t.m, leaves, t.m->count, t.heard->offers, told);
        for (size_t i = 0; i < t.m->count; i++) {
            assert_verdict(outcomes[i], told->verdicts[i]);
        }
    }
    free(told);
    bytes_free(&t.folded);
    heard_free(t.heard);
    model_free(t.m);
}

static void a_leaf_that_does_not_count_leaves_the_state_alone(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct row_state *row = calloc(1, sizeof *row);
    struct bytes before = {0};
    struct bytes after = {0};
    assert_non_null(row);
    for (size_t round = 0; round < model_rounds(2000, 50000, 500000); round++) {
        m->most = 12;
        model_begin(m, &d);
        state_clear(row);
        while (m->count < m->most) {
            struct merge_result result;
            const struct sample *s = model_add_random(m, &d);
            const struct model_offer *named =
                s->leaf.owned ? model_offer_of(m, &s->leaf) : NULL;
            bytes_clear(&before);
            bytes_clear(&after);
            state_encode(row, &before);
            merge_leaf(row, m->table, &s->leaf, &s->stamp,
                       named == NULL ? NULL : &named->offer, &result);
            state_encode(row, &after);
            bool same = slice_equal(slice_of(&before), slice_of(&after));
            assert_int_equal(result.changed, !same);
            /* that a second site took the row is noted, though it is refused */
            bool contests = result.outcome == MERGE_REFUSED &&
                            merge_takes_over(m->table, &s->leaf);
            bool counts = result.outcome == MERGE_WON ||
                          result.outcome == MERGE_SUPERSEDED;
            /* and where a life was said to lie, whatever becomes of it */
            bool lives = s->leaf.op != LEAF_UPDATE &&
                         s->leaf.class_id == m->table->base_class;
            assert_true(counts || contests || lives || same);
        }
    }
    bytes_free(&before);
    bytes_free(&after);
    state_clear(row);
    free(row);
    model_free(m);
}

/* --- owners --------------------------------------------------------------- */

/* Makes the row at site 0, which offers it to site 1: its leaf takes it. */
static struct sample *add_handover(struct model *m, struct dice *d)
{
    while (m->table != model_table(0)) {
        model_begin(m, d);
    }
    struct sample *life = model_add(m, 0, 0);
    life->leaf.op = LEAF_INSERT;
    life->leaf.owned = true;
    sample_put(life, M_OWNER, value_text(model_site(0)));
    sample_put(life, M_EPOCH, value_integer(1));
    struct sample *takes = model_add(m, 1, 0);
    takes->leaf.owned = true;
    takes->leaf.owner.epoch = 2;
    memcpy(takes->leaf.owner.offer, m->offers[0].hash, HASH_BYTES);
    sample_put(takes, M_OWNER, value_text(model_site(1)));
    sample_put(takes, M_EPOCH, value_integer(2));
    return takes;
}

static void an_end_by_an_owner_not_heard_of_yet_waits(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct heard *h = heard_new();
    struct merge_result result;
    m->table = NULL;
    const struct sample *takes = add_handover(m, &d);
    struct sample *end = model_add(m, 1, 0);
    end->leaf.op = LEAF_DELETE;
    end->leaf.cl = 2;
    end->leaf.owned = true;
    end->leaf.owner.epoch = 2;
    heard_begin(h, m);
    heard_take_offer(h, 0);
    heard_take(h, &m->leaves[0]);
    merge_leaf(&h->state, m->table, &end->leaf, &end->stamp, NULL, &result);
    assert_int_equal(result.outcome, MERGE_WAITING);
    heard_take(h, end);
    heard_take(h, takes);
    assert_int_equal(h->state.cl, 2);
    heard_check(h);
    heard_free(h);
    model_free(m);
}

/* --- review --------------------------------------------------------------- */

/* [I-11], as plainly as can be: without contexts every write is a head. */
static void each_value_that_nobody_covers_is_kept(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct heard *h = heard_new();
    for (size_t round = 0; round < 1000; round++) {
        model_begin(m, &d);
        m->table = model_table(2);
        heard_begin(h, m);
        struct sample *life = model_add(m, 0, 0);
        life->leaf.op = LEAF_INSERT;
        size_t writes = dice_below(&d, 12);
        for (size_t i = 0; i < writes; i++) {
            struct sample *s = model_add(m, dice_below(&d, MODEL_NODES), 0);
            sample_put(s, M_REVIEW_A, value_integer((int64_t)i));
            sample_put(s, M_REVIEW_B, model_value(&d, M_REVIEW_B));
        }
        for (size_t i = m->count; i > 0; i--) {
            heard_take(h, &m->leaves[i - 1]);
        }
        const struct column_state *c = state_column(&h->state, M_REVIEW_A);
        assert_int_equal(c == NULL ? 0 : c->memory->head_count, writes);
        assert_int_equal(state_reviews(&h->state), writes > 1);
        heard_check(h);
    }
    heard_free(h);
    model_free(m);
}

/* "an ordinary write: the shown head and its past": so that who hears of it
 * first does not see a head in what was covered long ago. */
static void who_covers_a_write_covers_what_it_covered(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct heard *h = heard_new();
    model_begin(m, &d);
    m->table = model_table(2);
    heard_begin(h, m);
    model_add(m, 0, 0)->leaf.op = LEAF_INSERT;
    heard_take(h, &m->leaves[0]);
    for (size_t i = 1; i < 5; i++) {
        size_t count = 0;
        const struct column_state *c = state_column(&h->state, M_REVIEW);
        struct sample *s = model_add(m, i, 0);
        sample_put(s, M_REVIEW, value_integer((int64_t)i));
        if (c != NULL) {
            struct context_entry *past =
                memory_past(c->memory, &c->memory->heads[0], &count);
            sample_put_context(s, M_REVIEW, past, count);
            free(past);
        }
        assert_int_equal(count, i - 1); /* each write of a node of its own */
        heard_take(h, s);
    }
    heard_begin(h, m); /* one that hears of the last and then of the first */
    for (size_t i = 0; i < 2; i++) {
        heard_take(h, &m->leaves[i]);
        heard_take(h, &m->leaves[4 - i * 3]);
    }
    assert_int_equal(state_column(&h->state, M_REVIEW)->memory->head_count, 1);
    heard_check(h);
    heard_free(h);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_model_admission_lets_through),
        cmocka_unit_test(merging_is_a_join_and_gives_what_the_page_says),
        cmocka_unit_test(a_set_that_shrinks_gives_what_is_left_of_it),
        cmocka_unit_test(a_fold_gives_each_leaf_the_verdict_the_page_says),
        cmocka_unit_test(a_leaf_that_does_not_count_leaves_the_state_alone),
        cmocka_unit_test(an_end_by_an_owner_not_heard_of_yet_waits),
        cmocka_unit_test(who_covers_a_write_covers_what_it_covered),
        cmocka_unit_test(each_value_that_nobody_covers_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
