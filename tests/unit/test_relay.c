/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"
#include "support/dice.h"
#include "support/district.h"
#include "support/forged.h"
#include "support/hands.h"

/* --- bits ---------------------------------------------------------------- */

static void flip(void *bytes, size_t len, struct dice *d)
{
    uint8_t *at = bytes;
    at[dice_below(d, len)] ^= (uint8_t)(1u << dice_below(d, 8));
}

/* Alters one bit of what is under the signature, or of the signature. */
static void flip_somewhere(struct travelling *item, struct bytes *leaves,
                           struct dice *d)
{
    bytes_clear(leaves);
    bytes_put(leaves, item->leaves.data, item->leaves.len);
    item->leaves = slice_of(leaves);
    switch (dice_below(d, 16)) {
    case 0:
        flip(&item->origin, sizeof item->origin, d);
        break;
    case 1:
        flip(&item->incarnation, sizeof item->incarnation, d);
        break;
    case 2:
        flip(&item->seq, sizeof item->seq, d);
        break;
    case 3:
        flip(&item->prev, sizeof item->prev, d);
        break;
    case 4:
        flip(&item->prev_incarnation, sizeof item->prev_incarnation, d);
        break;
    case 5:
        flip(&item->hlc, sizeof item->hlc, d);
        break;
    case 6:
        flip(&item->certificate, sizeof item->certificate, d);
        break;
    case 7:
        flip(&item->schema_version, sizeof item->schema_version, d);
        break;
    case 8: /* within what a decoded message can hold */
        item->leaf_count = 1 + (uint32_t)dice_below(d, LEAVES_MAX);
        break;
    case 9:
    case 10:
        flip(item->signature, sizeof item->signature, d);
        break;
    default:
        flip(leaves->data, leaves->len, d);
        break;
    }
}

/* What is signed of an item; zeros when it does not unpack. zstd can say one
 * thing in several ways, and what is said is signed, not how. */
static struct hash said(struct tree *t, const struct travelling *item)
{
    struct packer *packer = packer_new();
    struct changeset_header header =
        travelling_header(item, &replica_self(t->nodes[HQ].replica)->network);
    struct changeset *cs = NULL;
    struct hash hash = {{0}};
    if (packer_unpack(packer, &header, item->leaves, &cs, NULL) == 0) {
        hash = changeset_hash(&cs->header);
        changeset_destroy(&cs);
    }
    packer_destroy(&packer);
    return hash;
}

static bool says_the_same(struct tree *t, const struct travelling *a,
                          const struct travelling *b)
{
    struct hash x = said(t, a);
    struct hash y = said(t, b);
    return hash_equal(&x, &y) &&
           memcmp(a->signature, b->signature, SIGNATURE_BYTES) == 0;
}

static void a_relay_that_flips_one_bit_is_found_out(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct tree *t = district_new(LDH_C);
    struct bytes leaves = {0};
    struct stored stored;
    struct err e;
    district_add_persons(t, LDH_C, 1, 4);
    tree_drain(t, LDH_C);
    tree_sql(t, LDH_C, "UPDATE person SET phone = phone || '1'");
    tree_drain(t, LDH_C);
    struct walked w = hands_walk(t, LDH_C, LDH_H);
    assert_int_equal(w.count, 2);
    for (size_t turn = 0; turn < 250; turn++) {
        size_t which = turn / 125;
        if (turn == 125) { /* as it was */
            assert_int_equal(hands_give(t, LDH_C, LDH_H, w.items, 1, w.position,
                                        &stored, &e),
                             0);
            assert_int_equal(stored.changesets, 1);
        }
        struct travelling items[2] = {w.items[0], w.items[1]};
        struct hash before = tree_photograph(t, LDH_H);
        flip_somewhere(&items[which], &leaves, &d);
        if (says_the_same(t, &items[which], &w.items[which])) {
            continue;
        }
        int rc = hands_give(t, LDH_C, LDH_H, items + which, 2 - which,
                            w.position, &stored, &e);
        if (rc == 0) {
            fail_msg("turn %zu: a flipped bit went through", turn);
        }
        assert_int_not_equal(rc, ERR_CORRUPT);
        struct hash after = tree_photograph(t, LDH_H);
        assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    }
    assert_int_equal(
        hands_give(t, LDH_C, LDH_H, &w.items[1], 1, w.position, &stored, &e),
        0);
    assert_int_equal(stored.changesets, 1);
    bytes_free(&leaves);
    walked_clear(&w);
    tree_free(t);
}

/* --- gaps ---------------------------------------------------------------- */

static void a_changeset_dropped_on_the_way_up_is_found_out(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct walked w = hands_three(t);
    hands_refused(t, LDH_C, LDH_H, &w.items[1], 2, ERR_CHAIN,
                  "changeset 2 of site LDH-C: number 1 is missing");
    struct travelling hole[] = {w.items[0], w.items[2]};
    hands_refused_after(t, LDH_C, LDH_H, hole, 2, 1, ERR_CHAIN,
                        "number 2 is missing");
    walked_clear(&w);
    tree_free(t);
}

static void a_changeset_dropped_on_the_way_down_is_found_out(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct walked w = hands_three(t);
    walked_clear(&w);
    tree_send(t, LDH_C, LDH_H);
    w = hands_walk(t, LDH_H, LDH_P);
    size_t first = hands_find(t, &w, LDH_C, 0);
    hands_refused(t, LDH_H, LDH_P, &w.items[first + 1], 1, ERR_CHAIN,
                  "number 1 is missing");
    walked_clear(&w);
    /* and of headquarters, two levels down */
    for (int i = 0; i < 2; i++) {
        tree_sql(t, HQ,
                 "UPDATE ref_site SET capacity = ifnull(capacity, 0) + 1"
                 " WHERE site_id = 'LDH-P'");
        tree_drain(t, HQ);
    }
    tree_send(t, HQ, LDH_H);
    w = hands_walk(t, LDH_H, LDH_P);
    first = hands_find(t, &w, HQ, 0);
    hands_refused(t, LDH_H, LDH_P, &w.items[first + 1], 1, ERR_CHAIN,
                  "is missing");
    walked_clear(&w);
    tree_free(t);
}

static void what_is_for_all_cannot_be_hidden_from_another_district(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    for (int i = 0; i < 3; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        forged_sign_one(t, LDH_H, forged_control(key));
        district_add_persons(t, LDH_H, 10 + i, 11 + i); /* not for Amritsar */
        tree_drain(t, LDH_H);
    }
    tree_send(t, LDH_H, HQ);
    struct walked w = hands_walk(t, HQ, ASR_H);
    assert_int_equal(w.count, 3);
    hands_refused(t, HQ, ASR_H, &w.items[1], 2, ERR_CHAIN, "hides it");
    struct travelling hole[] = {w.items[0], w.items[2]};
    struct travelling swapped[] = {w.items[1], w.items[0], w.items[2]};
    hands_refused(t, HQ, ASR_H, swapped, 3, ERR_CHAIN, "hides it");
    hands_refused_after(t, HQ, ASR_H, hole, 2, 1, ERR_CHAIN, "hides it");
    struct stored stored;
    struct err e;
    assert_int_equal(
        hands_give(t, HQ, ASR_H, w.items, w.count, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 2);
    walked_clear(&w);
    tree_free(t);
}

/* A site names, before a leaf for everybody, a number that others never get. */
static void a_site_that_names_a_wrong_number_stops_nobody_else(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    struct err e = {0};
    char sql[200];
    district_add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    tree_sync(t);
    struct replica *r = t->nodes[LDH_C].replica;
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO sync_prior(scope, class_id, seq)"
                   " VALUES(x'0000000000', %d, %llu)",
                   (int)CLASS_CONTROL,
                   (unsigned long long)replica_own_origin(r)->head_seq);
    assert_int_equal(database_run(r->db, sql, &e), 0);
    forged_sign_one(t, LDH_C, forged_control("k"));
    assert_int_equal(tree_send_try(t, LDH_C, LDH_H, &e), ERR_CHAIN);
    assert_non_null(strstr(e.text, "has leaves for all, which it has not"));
    /* and knows that its hub has not what it acknowledges */
    assert_string_equal(
        tree_get(t, LDH_C,
                 "SELECT all_safe || not_at_parent FROM v_sync_status"),
        "01");
    /* everybody else goes on */
    district_add_persons(t, LDH_P, 5, 6);
    tree_drain(t, LDH_P);
    tree_sql(t, HQ,
             "INSERT INTO ref_item(item_code, kind, name, unit)"
             " VALUES('X', 'medicine', 'm', 'tablet')");
    tree_drain(t, HQ);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_send(t, HQ, ASR_H);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), "2");
    assert_string_equal(tree_get(t, ASR_H, "SELECT count(*) FROM ref_item"),
                        "1");
    tree_free(t);
}

static void changesets_in_another_order_are_refused(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct walked w = hands_three(t);
    struct travelling swapped[] = {w.items[0], w.items[2], w.items[1]};
    hands_refused_after(t, LDH_C, LDH_H, swapped, 3, 1, ERR_CHAIN,
                        "is missing");
    walked_clear(&w);
    tree_free(t);
}

static void changesets_told_twice_do_no_harm(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct walked w = hands_three(t);
    struct travelling twice[] = {w.items[0], w.items[1], w.items[0],
                                 w.items[1], w.items[2], w.items[2]};
    struct stored stored;
    struct err e;
    assert_int_equal(
        hands_give(t, LDH_C, LDH_H, twice, 6, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 3);
    assert_int_equal(stored.leaves, 6);
    struct hash before = tree_photograph(t, LDH_H);
    assert_int_equal(
        hands_give(t, LDH_C, LDH_H, w.items, w.count, w.position, &stored, &e),
        0);
    assert_int_equal(stored.changesets, 0);
    struct hash after = tree_photograph(t, LDH_H);
    assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    tree_check(t, LDH_H);
    walked_clear(&w);
    tree_free(t);
}

/* --- leaves left out ----------------------------------------------------- */

static void keep_leaves(struct tree *t, struct travelling *item,
                        const bool *keep, struct bytes *memory)
{
    struct changeset *cs = hands_unpack(t, item);
    struct changeset *fewer;
    struct err e;
    assert_int_equal(changeset_withhold(cs, keep, &fewer, &e), 0);
    hands_pack(item, fewer, memory);
    changeset_destroy(&cs);
    changeset_destroy(&fewer);
}

static void a_leaf_left_out_on_the_way_up_is_found_out(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct bytes memory = {0};
    district_add_persons(t, LDH_C, 1, 4);
    tree_drain(t, LDH_C);
    struct walked w = hands_walk(t, LDH_C, LDH_H);
    assert_int_equal(w.items[0].leaf_count, 6);
    for (size_t hidden = 0; hidden < 6; hidden++) {
        bool keep[LEAVES_MAX];
        struct travelling item = w.items[0];
        for (size_t i = 0; i < 6; i++) {
            keep[i] = i != hidden;
        }
        keep_leaves(t, &item, keep, &memory);
        hands_refused(t, LDH_C, LDH_H, &item, 1, ERR_CHAIN, "left out");
    }
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void a_leaf_sealed_by_a_relay_is_refused(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct bytes memory = {0};
    const uint8_t key[CLASS_KEY_BYTES] = {1};
    const uint8_t nonce[SEAL_NONCE_BYTES] = {2};
    district_add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    struct walked w = hands_walk(t, LDH_C, LDH_H);
    struct changeset *cs = hands_unpack(t, &w.items[0]);
    changeset_seal(cs, 1, key, nonce);
    hands_pack(&w.items[0], cs, &memory);
    hands_refused(t, LDH_C, LDH_H, w.items, 1, ERR_CLASS, "is sealed");
    changeset_destroy(&cs);
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

/* One changeset of the Ludhiana hub: two leaves for all, two for a person. */
static struct walked mixed_changeset(struct tree *t)
{
    struct leaf *leaves[] = {forged_control("a"), forged_control("b"),
                             forged_person(district_person(1), "LDH-H"),
                             forged_person_update(CLASS_IDENTITY,
                                                  district_person(1),
                                                  district_person(1), 3)};
    struct leaf *all = calloc(4, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < 4; i++) {
        all[i] = *leaves[i];
        free(leaves[i]);
    }
    forged_sign(t, LDH_H, all, 4);
    free(all);
    struct walked w = hands_walk(t, LDH_H, HQ);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.items[0].leaf_count, 4);
    tree_send(t, LDH_H, HQ);
    return w;
}

static void a_leaf_for_all_left_out_among_others_is_found_out(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    struct bytes memory = {0};
    const bool keep[LEAVES_MAX] = {false, true, false, false};
    struct walked w = mixed_changeset(t);
    keep_leaves(t, &w.items[0], keep, &memory);
    hands_refused(t, HQ, ASR_H, w.items, 1, ERR_CHAIN, "left out");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void the_rest_of_a_changeset_comes_later_and_counts_once(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    struct bytes memory = {0};
    struct stored stored;
    struct err e;
    struct walked w = mixed_changeset(t);
    tree_send(t, HQ, ASR_H);
    uint64_t before = hands_held(t, ASR_H, LDH_H);
    assert_string_equal(tree_get(t, ASR_H, "SELECT count(*) FROM person"), "0");
    /* one leaf that is new, beside those that are held */
    struct travelling more = w.items[0];
    const bool keep[LEAVES_MAX] = {true, true, true, false};
    keep_leaves(t, &more, keep, &memory);
    assert_int_equal(hands_give(t, HQ, ASR_H, &more, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.leaves, 1);
    assert_int_equal(hands_held(t, ASR_H, LDH_H), before + 1);
    /* as many leaves as are held, and one of them new */
    more = w.items[0];
    const bool other[LEAVES_MAX] = {true, true, false, true};
    keep_leaves(t, &more, other, &memory);
    assert_int_equal(hands_give(t, HQ, ASR_H, &more, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.leaves, 1);
    assert_int_equal(hands_held(t, ASR_H, LDH_H), before + 2);
    /* the whole adds nothing */
    assert_int_equal(hands_give(t, HQ, ASR_H, w.items, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.changesets, 0);
    assert_int_equal(hands_held(t, ASR_H, LDH_H), before + 2);
    assert_string_equal(tree_get(t, ASR_H, "SELECT given_name FROM person"),
                        "forged");
    const struct origin *there = registry_origin(
        t->nodes[HQ].replica->merger.registry, tree_name(t, LDH_H));
    const struct origin *here = registry_origin(
        t->nodes[ASR_H].replica->merger.registry, tree_name(t, LDH_H));
    assert_int_equal(here->held.leaves, there->held.leaves);
    assert_true(hash_equal(&here->held.sum, &there->held.sum));
    assert_true(hash_equal(&here->all.sum, &there->all.sum));
    tree_check(t, ASR_H);
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

/* --- who may send what --------------------------------------------------- */

static void a_child_cannot_bring_what_was_made_elsewhere(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    district_add_persons(t, ASR_H, 1, 2);
    tree_drain(t, ASR_H);
    struct walked w = hands_walk(t, ASR_H, HQ);
    hands_refused(t, LDH_H, HQ, w.items, w.count, ERR_FORBIDDEN,
                  "its origin is not below site LDH-H");
    walked_clear(&w);
    tree_free(t);
}

static void a_node_without_a_certificate_is_not_heard(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    int added = tree_add(t, ASR_H, "ASR-C");
    tree_send(t, ASR_H, added);
    district_add_persons(t, added, 1, 2);
    tree_drain(t, added);
    tree_send(t, added, ASR_H);
    /* its changeset without the hub's before it, which has the certificate */
    struct walked w = hands_walk(t, ASR_H, HQ);
    size_t at = hands_find(t, &w, added, 0);
    hands_refused(t, ASR_H, HQ, &w.items[at], 1, ERR_UNKNOWN,
                  "certificate is not held");
    struct travelling stranger = w.items[at];
    stranger.origin.bytes[0] ^= 1;
    hands_refused(t, ASR_H, HQ, &stranger, 1, ERR_UNKNOWN,
                  "certificate is not held");
    walked_clear(&w);
    tree_free(t);
}

/* --- one name, two contents ---------------------------------------------- */

/* Signs the item anew with another phone number, under `incarnation`. */
static void sign_again(struct tree *t, int node, struct travelling *item,
                       struct bytes *memory)
{
    struct changeset *cs = hands_unpack(t, item);
    struct leaf_bytes leaves[LEAVES_MAX] = {0};
    struct bytes altered = {0};
    const uint8_t seed[SEED_BYTES] = {3};
    cs->header.incarnation = item->incarnation;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        leaves[i].head = cs->slots[i].head;
        leaves[i].body = cs->slots[i].body;
    }
    size_t last = cs->header.leaf_count - 1;
    bytes_put(&altered, leaves[last].body.data, leaves[last].body.len);
    for (size_t i = 0; i + 5 < altered.len; i++) {
        if (memcmp(altered.data + i, "5550", 4) == 0) {
            altered.data[i] = '6';
        }
    }
    assert_memory_not_equal(altered.data, leaves[last].body.data, altered.len);
    leaves[last].body = slice_of(&altered);
    struct changeset *again = changeset_sign(
        &cs->header, leaves, cs->header.leaf_count, seed, &t->nodes[node].keys);
    hands_pack(item, again, memory);
    changeset_destroy(&cs);
    changeset_destroy(&again);
    bytes_free(&altered);
}

static void one_name_with_two_contents_is_a_fork(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct bytes memory = {0};
    struct walked w = hands_three(t);
    tree_send(t, LDH_C, LDH_H);
    struct travelling again = w.items[1];
    sign_again(t, LDH_C, &again, &memory);
    struct stored stored;
    struct err e;
    assert_int_equal(hands_give(t, LDH_C, LDH_H, &again, 1, 1000, &stored, &e),
                     ERR_FORK);
    assert_non_null(strstr(e.text, "another content has this name"));
    /* it is proved once, and again changes nothing */
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_fork"),
                        "1");
    hands_refused(t, LDH_C, LDH_H, &again, 1, ERR_FORK, "stop the copy");
    /* what is not of that name or after it goes on */
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT group_concat(phone) FROM"
                                 " person ORDER BY person_id"),
                        "55501");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void what_continues_nothing_held_is_refused(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct bytes memory = {0};
    struct walked w = hands_three(t);
    tree_send(t, LDH_C, LDH_H);
    /* a branch of a branch that did not come here */
    struct travelling next = w.items[2];
    next.seq++;
    next.incarnation ^= 1;
    sign_again(t, LDH_C, &next, &memory);
    hands_refused(t, LDH_C, LDH_H, &next, 1, ERR_CHAIN,
                  "does not continue what is held");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void time_in_a_chain_goes_forward(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct bytes memory = {0};
    struct walked w = hands_three(t);
    struct travelling items[] = {w.items[0], w.items[1]};
    items[1].hlc = items[0].hlc;
    sign_again(t, LDH_C, &items[1], &memory);
    hands_refused_after(t, LDH_C, LDH_H, items, 2, 1, ERR_CHAIN,
                        "its stamp is not above the one before");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relay_that_flips_one_bit_is_found_out),
        cmocka_unit_test(a_changeset_dropped_on_the_way_up_is_found_out),
        cmocka_unit_test(a_changeset_dropped_on_the_way_down_is_found_out),
        cmocka_unit_test(
            what_is_for_all_cannot_be_hidden_from_another_district),
        cmocka_unit_test(a_site_that_names_a_wrong_number_stops_nobody_else),
        cmocka_unit_test(changesets_in_another_order_are_refused),
        cmocka_unit_test(changesets_told_twice_do_no_harm),
        cmocka_unit_test(a_leaf_left_out_on_the_way_up_is_found_out),
        cmocka_unit_test(a_leaf_sealed_by_a_relay_is_refused),
        cmocka_unit_test(a_leaf_for_all_left_out_among_others_is_found_out),
        cmocka_unit_test(the_rest_of_a_changeset_comes_later_and_counts_once),
        cmocka_unit_test(a_child_cannot_bring_what_was_made_elsewhere),
        cmocka_unit_test(a_node_without_a_certificate_is_not_heard),
        cmocka_unit_test(one_name_with_two_contents_is_a_fork),
        cmocka_unit_test(what_continues_nothing_held_is_refused),
        cmocka_unit_test(time_in_a_chain_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
