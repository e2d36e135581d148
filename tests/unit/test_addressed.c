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
#include "support/tree.h"

/* Two districts, one of which has a hub below its hub. Its sites have no nodes
 * yet. */
enum { HQ, LDH_H, SUB_H, ASR_H, FIRST };

static const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;

static struct tree *tree_of_hubs(void)
{
    struct tree *t = tree_new();
    tree_sql(t, HQ,
             "INSERT INTO ref_site(site_id, name, kind, department,"
             " district_code, parent_site_id) VALUES('SUB-H', 'Khanna hub',"
             " 'district_hub', 'health', 'LDH', 'LDH-H')");
    tree_drain(t, HQ);
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    tree_sync(t);
    assert_int_equal(tree_add(t, LDH_H, "SUB-H"), SUB_H);
    assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR_H);
    tree_sync(t);
    return t;
}

static void add_session(struct tree *t, const char *id, const char *site)
{
    char sql[300];
    t->now_ms += 1000;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO peer_session(session_id, group_id, site_id,"
                   " outcome) VALUES('%s', 'g', '%s', 'held')",
                   id, site);
    tree_sql(t, HQ, sql);
}

/* Two for a clinic, the first in one changeset with what goes elsewhere, and one
 * for a prison. */
static void write_early(struct tree *t)
{
    uint64_t last = replica_own_origin(t->nodes[HQ].replica)->head_seq;
    add_session(t, "c1", "LDH-C");
    add_session(t, "p1", "LDH-P");
    tree_sql(t, HQ,
             "INSERT INTO ref_item(item_code, kind, name, unit)"
             " VALUES('X', 'medicine', 'X', 'tablet')");
    tree_drain(t, HQ);
    assert_int_equal(replica_own_origin(t->nodes[HQ].replica)->head_seq,
                     last + 1);
    add_session(t, "c2", "LDH-C");
    tree_drain(t, HQ);
}

static const char *sessions(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(session_id) FROM (SELECT session_id"
                    " FROM peer_session ORDER BY session_id)");
}

/* All links carry, digests agree, and rows are what the journals say. */
static void settle(struct tree *t)
{
    tree_sync(t);
    for (int node = 0; node < t->count; node++) {
        if (node != HQ) {
            tree_check_in_step(t, node);
        }
        tree_check(t, node);
    }
}

static uint64_t head_of(struct tree *t, int node)
{
    return replica_self(t->nodes[node].replica)->head;
}

/* --- what comes ------------------------------------------------------------ */

static void what_was_written_before_a_site_joined_comes_to_it(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    settle(t);
    assert_string_equal(sessions(t, LDH_H), "");
    int clinic = tree_add(t, LDH_H, "LDH-C");
    settle(t);
    assert_string_equal(sessions(t, clinic), "c1,c2");
    assert_string_equal(sessions(t, LDH_H), "c1,c2");
    assert_string_equal(sessions(t, SUB_H), "");
    assert_string_equal(sessions(t, ASR_H), "");
    add_session(t, "c3", "LDH-C"); /* names what came before it */
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, clinic), "c1,c2,c3");
    int prison = tree_add(t, LDH_H, "LDH-P");
    add_session(t, "p2", "LDH-P"); /* headquarters has not heard of it */
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, prison), "p1,p2");
    assert_string_equal(sessions(t, clinic), "c1,c2,c3");
    assert_string_equal(sessions(t, LDH_H), "c1,c2,c3,p1,p2");
    add_session(t, "p3", "LDH-P");
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, prison), "p1,p2,p3");
    tree_free(t);
}

static void every_hub_on_the_way_is_told_what_a_site_missed(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    settle(t);
    int clinic = tree_add(t, SUB_H, "LDH-C");
    settle(t);
    assert_string_equal(sessions(t, LDH_H), "c1,c2");
    assert_string_equal(sessions(t, SUB_H), "c1,c2");
    assert_string_equal(sessions(t, clinic), "c1,c2");
    add_session(t, "c3", "LDH-C");
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, clinic), "c1,c2,c3");
    assert_string_equal(sessions(t, ASR_H), "");
    tree_free(t);
}

/* One changeset of what is due. */
static void send_one(struct tree *t, int from, int to)
{
    struct err e = {0};
    static struct stored stored;
    struct walked walked;
    struct peer here = tree_peer(t, to, from);
    struct peer there = tree_peer(t, from, to);
    there.return_until = peer_give_back(&here);
    assert_int_equal(replica_walk(t->nodes[from].replica, &there,
                                  here.have.position, 1, &walked, &e),
                     0);
    assert_int_equal(walked.count, 1);
    const struct changesets stretch = {.items = walked.items,
                                       .count = walked.count,
                                       .position = walked.position,
                                       .from = here.have.position};
    assert_int_equal(replica_store(t->nodes[to].replica, &here, &stretch,
                                   t->now_ms, &stored, &e),
                     0);
    walked_clear(&walked);
}

/* Both were put back from copies that knew nothing of the site. The upper one
 * hears of the site before it is sent what goes there, so it passes all on. */
static void hubs_that_are_put_back_lose_nothing_of_it(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    tree_back_up(t, LDH_H, "upper");
    tree_back_up(t, SUB_H, "lower");
    write_early(t);
    tree_sync(t);
    int clinic = tree_add(t, SUB_H, "LDH-C");
    settle(t);
    tree_put_back(t, LDH_H, "upper");
    tree_put_back(t, SUB_H, "lower");
    tree_restart(t, HQ);
    tree_send(t, LDH_H, HQ); /* finds out */
    while (strcmp(sessions(t, LDH_H), "c1,c2") != 0) {
        send_one(t, HQ, LDH_H);
        tree_send(t, LDH_H, SUB_H);
    }
    assert_string_equal(sessions(t, SUB_H), "c1,c2");
    settle(t);
    add_session(t, "c3", "LDH-C");
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, clinic), "c1,c2,c3");
    tree_free(t);
}

/* It walks the journal of headquarters itself, from the start. */
static void a_site_below_headquarters_misses_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    tree_sync(t);
    uint64_t before = head_of(t, HQ);
    int clinic = tree_add(t, HQ, "LDH-C");
    settle(t);
    assert_int_equal(head_of(t, HQ), before + 1);
    add_session(t, "c3", "LDH-C");
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, clinic), "c1,c2,c3");
    assert_string_equal(sessions(t, LDH_H), "");
    tree_free(t);
}

/* --- what it costs --------------------------------------------------------- */

static const char repeated[] =
    "SELECT group_concat(site) FROM sync_addressed WHERE repeated > 0";

static void only_the_first_certificate_of_a_site_repeats_anything(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    tree_sync(t);
    uint64_t before = head_of(t, HQ);
    (void)tree_add(t, ASR_H, "ASR-C"); /* nothing was said to it */
    tree_sync(t);
    assert_int_equal(head_of(t, HQ), before + 1);
    assert_string_equal(tree_get(t, HQ, repeated), "");
    int first = tree_add(t, LDH_H, "LDH-C");
    tree_sync(t);
    assert_int_equal(head_of(t, HQ), before + 4); /* and the two of c1, c2 */
    assert_string_equal(tree_get(t, HQ, repeated), "LDH-C");
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT group_concat(length(scopes))"
                                 " FROM sync_delivery WHERE reach & 32"),
                        "4,4"); /* nothing else of their changesets */
    assert_string_equal(tree_get(t, LDH_H, repeated), "");
    int second = tree_add(t, LDH_H, "LDH-C");
    settle(t);
    assert_int_equal(head_of(t, HQ), before + 5);
    assert_string_equal(sessions(t, second), "c1,c2");
    struct err e = {0};
    const struct revocation v = {
        .node = replica_self(t->nodes[first].replica)->node, .after = 0};
    assert_int_equal(replica_revoke(t->nodes[LDH_H].replica, &v, t->now_ms, &e),
                     0);
    settle(t);
    assert_int_equal(head_of(t, HQ), before + 6);
    tree_free(t);
}

static void a_transaction_that_fails_repeats_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    struct err e = {0};
    static struct stored stored;
    struct walked walked;
    write_early(t);
    tree_sync(t);
    (void)tree_add(t, LDH_H, "LDH-C");
    tree_sql(t, LDH_H,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', 'n')");
    tree_drain(t, LDH_H);
    struct peer here = tree_peer(t, HQ, LDH_H);
    struct peer there = tree_peer(t, LDH_H, HQ);
    uint64_t before = head_of(t, HQ);
    assert_int_equal(replica_walk(t->nodes[LDH_H].replica, &there,
                                  here.have.position, MESSAGE_TARGET_BYTES,
                                  &walked, &e),
                     0);
    assert_int_equal(walked.count, 2);
    const struct changesets stretch = {.items = walked.items,
                                       .count = walked.count,
                                       .position = walked.position,
                                       .from = here.have.position};
    tree_refuse_commits(t, HQ, true);
    assert_true(replica_store(t->nodes[HQ].replica, &here, &stretch, t->now_ms,
                              &stored, &e) < 0);
    tree_refuse_commits(t, HQ, false);
    walked_clear(&walked);
    assert_int_equal(head_of(t, HQ), before);
    int clinic = tree_add(t, HQ, "LDH-C");
    tree_send(t, HQ, clinic);
    assert_string_equal(sessions(t, clinic), "c1,c2");
    tree_free(t);
}

/* --- the journal, read again ----------------------------------------------- */

static void a_repeat_is_no_second_leaf(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    struct err e = {0};
    uint64_t before = 0;
    uint64_t after = 0;
    write_early(t);
    tree_sync(t);
    struct replica *r = t->nodes[HQ].replica;
    assert_int_equal(replica_rebuild(r, t->now_ms, &before, &e), 0);
    (void)tree_add(t, LDH_H, "LDH-C");
    settle(t);
    assert_int_equal(replica_rebuild(r, t->now_ms, &after, &e), 0);
    assert_int_equal(after, before + 1); /* the certificate */
    assert_string_equal(sessions(t, HQ), "c1,c2,p1");
    struct why why;
    const struct value key = value_text("c1");
    assert_int_equal(
        replica_why(r,
                    manifest_table_named(replica_manifest(r), "peer_session"),
                    &key, &why, &e),
        0);
    assert_int_equal(why.count, 1);
    why_clear(&why);
    settle(t);
    tree_free(t);
}

/* Written under a clock that was a year ahead, at headquarters and in the
 * district. Headquarters takes it back. */
static void what_was_repeated_is_taken_back_once(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    struct err e = {0};
    struct taken_back taken;
    const struct origin *own = replica_own_origin(t->nodes[HQ].replica);
    for (int node = 0; node < FIRST; node++) {
        t->nodes[node].ahead_ms = year_ms;
    }
    uint64_t position = head_of(t, HQ) + 1;
    t->now_ms += year_ms;
    write_early(t);
    t->now_ms -= year_ms;
    tree_sync(t);
    t->now_ms += year_ms;
    int clinic = tree_add(t, LDH_H, "LDH-C");
    t->now_ms -= year_ms;
    t->nodes[clinic].ahead_ms = year_ms;
    settle(t);
    for (int node = 0; node < t->count; node++) {
        t->nodes[node].ahead_ms = 0;
    }
    uint64_t leaves = own->held.leaves;
    assert_int_equal(replica_take_back(t->nodes[HQ].replica, position,
                                       t->now_ms, &taken, &e),
                     0);
    assert_int_equal(taken.changesets, 2);
    assert_int_equal(own->held.leaves, leaves + 1); /* the void */
    settle(t);
    assert_string_equal(sessions(t, HQ), "c1,c2,p1");
    assert_string_equal(sessions(t, clinic), "c1,c2");
    tree_free(t);
}

/* --- copies ---------------------------------------------------------------- */

static void check_goes_on(struct tree *t, int clinic, const char *expected)
{
    settle(t);
    add_session(t, "c4", "LDH-C");
    tree_drain(t, HQ);
    settle(t);
    assert_string_equal(sessions(t, HQ), expected);
    assert_string_equal(sessions(t, LDH_H), "c1,c2,c3,c4");
    assert_string_equal(sessions(t, clinic), "c1,c2,c3,c4");
}

static int join_and_go_on(struct tree *t)
{
    int clinic = tree_add(t, LDH_H, "LDH-C");
    tree_sync(t);
    add_session(t, "c3", "LDH-C");
    tree_drain(t, HQ);
    tree_sync(t);
    return clinic;
}

static void a_root_put_back_after_it_repeated_goes_on(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    tree_sync(t);
    int clinic = join_and_go_on(t);
    tree_back_up(t, HQ, "copy");
    tree_put_back(t, HQ, "copy");
    check_goes_on(t, clinic, "c1,c2,c3,c4,p1");
    tree_free(t);
}

static void a_root_put_back_before_it_repeated_repeats_again(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    write_early(t);
    tree_sync(t);
    tree_back_up(t, HQ, "copy");
    int clinic = join_and_go_on(t);
    tree_put_back(t, HQ, "copy");
    check_goes_on(t, clinic, "c1,c2,c3,c4,p1");
    tree_free(t);
}

/* What nobody else held is lost; the rest comes back in parts. */
static void a_root_put_back_before_it_wrote_goes_on(void **state)
{
    (void)state;
    struct tree *t = tree_of_hubs();
    tree_back_up(t, HQ, "copy");
    write_early(t);
    tree_sync(t);
    int clinic = join_and_go_on(t);
    tree_put_back(t, HQ, "copy");
    check_goes_on(t, clinic, "c1,c2,c3,c4");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_before_a_site_joined_comes_to_it),
        cmocka_unit_test(every_hub_on_the_way_is_told_what_a_site_missed),
        cmocka_unit_test(hubs_that_are_put_back_lose_nothing_of_it),
        cmocka_unit_test(a_site_below_headquarters_misses_nothing),
        cmocka_unit_test(only_the_first_certificate_of_a_site_repeats_anything),
        cmocka_unit_test(a_transaction_that_fails_repeats_nothing),
        cmocka_unit_test(a_repeat_is_no_second_leaf),
        cmocka_unit_test(what_was_repeated_is_taken_back_once),
        cmocka_unit_test(a_root_put_back_after_it_repeated_goes_on),
        cmocka_unit_test(a_root_put_back_before_it_repeated_repeats_again),
        cmocka_unit_test(a_root_put_back_before_it_wrote_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
