/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/parts.h"
#include "support/dice.h"
#include "support/copies.h"
#include "support/district.h"
#include "support/forged.h"
#include "support/later.h"

static const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;

/* --- reading ------------------------------------------------------------- */

static const char *verdicts(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(verdict || code, ' ') FROM (SELECT"
                    " verdict, code FROM sync_verdict v JOIN sync_delivery d"
                    " USING(position) ORDER BY d.origin_no, d.seq,"
                    " d.incarnation, v.leaf)");
}

static const struct origin *origin_at(struct tree *t, int at, int node)
{
    return registry_origin(t->nodes[at].replica->merger.registry,
                           tree_name(t, node));
}

static uint64_t head_of(struct tree *t, int at, int node)
{
    const struct origin *o = origin_at(t, at, node);
    return o == NULL ? 0 : o->head_seq;
}

/* The rows of two nodes, of tables that both hold whole. */
static void assert_same_rows(struct tree *t, int a, int b)
{
    static const char *const queries[] = {
        "SELECT group_concat(person_id || ' ' || ifnull(phone, '') || ' ' ||"
        " record_status, ';') FROM (SELECT * FROM person ORDER BY person_id)",
        "SELECT group_concat(dose_id || ' ' || units || ' ' || occurred_at, ';')"
        " FROM (SELECT * FROM dose_event ORDER BY dose_id)",
        "SELECT group_concat(hex(node) || after || kind) FROM (SELECT * FROM"
        " sync_revocation ORDER BY node, after)",
        "SELECT group_concat(hex(node) || hex(incarnation) || after) FROM"
        " (SELECT * FROM sync_void ORDER BY node, incarnation, after)",
        "SELECT group_concat(hex(first) || hex(second)) FROM (SELECT * FROM"
        " sync_fork ORDER BY first, second)",
        "SELECT group_concat(hex(serial)) FROM (SELECT * FROM sync_certificate"
        " ORDER BY serial)",
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_string_equal(tree_get(t, a, queries[i]),
                            tree_get(t, b, queries[i]));
    }
}

/* A rebuild, and a start, give the same rows and verdicts. */
static void assert_stable(struct tree *t, int node)
{
    struct bytes before = {0};
    struct bytes after = {0};
    struct err e;
    uint64_t leaves;
    tree_verdicts(t, node, &before);
    tree_check(t, node);
    assert_int_equal(replica_rebuild(t->nodes[node].replica,
                                     tree_clock(t, node), &leaves, &e),
                     0);
    tree_restart(t, node);
    tree_greet(t, node == HQ ? LDH_H : node);
    tree_check(t, node);
    tree_verdicts(t, node, &after);
    assert_string_equal((const char *)before.data, (const char *)after.data);
    bytes_free(&before);
    bytes_free(&after);
}

/* The rows of one of them may be others. */
static void check_all_but(struct tree *t, int one)
{
    for (int i = 1; i < t->count; i++) {
        if (i != ASR_H && i != one) {
            assert_same_rows(t, HQ, i);
        }
        if (i != ASR_H) {
            tree_check_verdicts(t, HQ, i);
        }
        tree_check_in_step(t, i);
    }
    for (int i = 0; i < t->count; i++) {
        assert_stable(t, i);
    }
}

static void check_all(struct tree *t)
{
    check_all_but(t, -1);
}

/* --- revocations --------------------------------------------------------- */

static int revoke(struct tree *t, int by, int node, uint64_t after,
                  bool retires, struct err *e)
{
    struct revocation v = {
        .node = *tree_name(t, node),
        .after = after,
        .retires = retires,
    };
    t->now_ms += 1000;
    return replica_revoke(t->nodes[by].replica, &v, tree_clock(t, by), e);
}

static void must_revoke(struct tree *t, int by, int node, uint64_t after)
{
    struct err e;
    if (revoke(t, by, node, after, false, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

/* Person 1 and dose 1 count; the call, dose 2 and person 2 come after. */
static void clinic_works(struct tree *t)
{
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    district_call(t, LDH_C, 1, "777");
    district_add_dose(t, LDH_C, 2);
    district_add_person(t, LDH_C, 2);
}

static void what_comes_after_a_cut_off_goes_away(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    clinic_works(t);
    tree_sync(t);
    assert_string_equal(district_phones(t, LDH_P), "777,55502");
    must_revoke(t, LDH_H, LDH_C, 2);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != ASR_H) {
            assert_string_equal(district_phones(t, i), "55501");
            assert_string_equal(district_doses(t, i), "d1");
        }
        assert_string_equal(tree_get(t, i,
                                     "SELECT count(*) || max(after) FROM"
                                     " sync_revocation"),
                            "12");
    }
    assert_string_equal(
        tree_get(t, HQ, "SELECT DISTINCT says FROM sync_verdict"),
        "it comes after the end of this node of site LDH-C, which was revoked "
        "or retired");
    check_all(t);
    tree_free(t);
}

/* The clinic does not know; its hub does. */
static void what_comes_after_a_cut_off_never_counts(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    tree_sync(t);
    must_revoke(t, LDH_H, LDH_C, 2);
    tree_sql(t, LDH_C, "UPDATE person SET phone = '777'");
    tree_drain(t, LDH_C);
    district_add_dose(t, LDH_C, 2);
    district_add_person(t, LDH_C, 2);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501");
        assert_string_equal(district_doses(t, i), "d1");
    }
    check_all(t);
    tree_free(t);
}

static void a_node_that_knows_its_end_parks_what_is_written(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    must_revoke(t, HQ, LDH_C, 1);
    tree_sync(t);
    district_call(t, LDH_C, 1, "777");
    tree_sync(t);
    assert_string_equal(district_phones(t, LDH_C), "55501");
    assert_string_equal(tree_get(t, LDH_C, "SELECT value FROM sync_parked"),
                        "777");
    assert_int_equal(head_of(t, HQ, LDH_C), 1);
    check_all(t);
    tree_free(t);
}

/* Past every check of its own. */
static void sign_leaf(struct tree *t, int by, const struct leaf *leaf)
{
    struct replica *r = t->nodes[by].replica;
    struct err e;
    t->now_ms += 1000;
    assert_int_equal(replica_begin(r, &e), 0);
    int rc = replica_sign_control(r, leaf, t->now_ms, t->now_ms, &e);
    assert_int_equal(replica_end(r, rc, &e), 0);
}

static void sign_revocation(struct tree *t, int by, const struct revocation *v)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    assert_non_null(leaf);
    revocation_leaf(v, &memory, leaf);
    sign_leaf(t, by, leaf);
    bytes_free(&memory);
    free(leaf);
}

static void sign_voiding(struct tree *t, int by, const struct voiding *v)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    assert_non_null(leaf);
    voiding_leaf(v, &memory, leaf);
    sign_leaf(t, by, leaf);
    bytes_free(&memory);
    free(leaf);
}

static void nobody_revokes_what_is_not_below_him(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    struct err e;
    assert_int_equal(revoke(t, ASR_H, LDH_C, 0, false, &e), ERR_FORBIDDEN);
    assert_int_equal(revoke(t, LDH_C, LDH_H, 0, false, &e), ERR_FORBIDDEN);
    assert_int_equal(revoke(t, LDH_C, LDH_P, 0, false, &e), ERR_FORBIDDEN);
    assert_int_equal(revoke(t, LDH_C, LDH_C, 100, false, &e), ERR_FORBIDDEN);
    assert_int_equal(revoke(t, LDH_C, LDH_C, 0, true, &e), ERR_FORBIDDEN);
    /* and whoever signs it all the same is not believed */
    struct revocation v = {.node = *tree_name(t, LDH_C), .after = 0};
    sign_revocation(t, ASR_H, &v);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i, "SELECT count(*) FROM sync_revocation"), "0");
        assert_string_equal(verdicts(t, i), "refused-8");
    }
    assert_string_equal(district_phones(t, HQ), "55501");
    check_all(t);
    tree_free(t);
}

static void a_node_retires_itself(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    assert_int_equal(revoke(t, LDH_C, LDH_C, 2, true, &e), 0);
    tree_sync(t);
    district_call(t, LDH_C, 1, "777");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "55501");
    assert_string_equal(
        tree_get(t, HQ, "SELECT kind || after FROM sync_revocation"),
        "retire2");
    check_all(t);
    tree_free(t);
}

/* Nobody withdraws his own register by retiring before it. */
static void a_node_does_not_retire_into_its_past(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    clinic_works(t);
    struct revocation v = {
        .node = *tree_name(t, LDH_C),
        .after = 1,
        .retires = true,
    };
    sign_revocation(t, LDH_C, &v);
    v.after = 1000;
    v.retires = false; /* nor does it revoke itself */
    sign_revocation(t, LDH_C, &v);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2");
        assert_string_equal(verdicts(t, i), "refused-8 refused-8");
    }
    check_all(t);
    tree_free(t);
}

/* A hub that was stolen enrolled a node, and revoked another. */
static void what_a_revoked_hub_said_of_others_falls_with_it(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    uint64_t last = head_of(t, HQ, LDH_H);
    assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P);
    district_add_person(t, LDH_P, 2);
    must_revoke(t, LDH_H, LDH_C, 0);
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "55502");
    must_revoke(t, HQ, LDH_H, last);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501");
        assert_string_equal(tree_get(t, i,
                                     "SELECT count(*) FROM sync_certificate"
                                     " WHERE site = 'LDH-P'"),
                            "0");
    }
    check_all(t);
    tree_free(t);
}

/* A hub is stolen, and renews its children's certificates, which it may; then
 * it is revoked from the theft on. security.md: "nothing it signed after the
 * cut-off counts anywhere, nor what it enrolled or revoked after it". The clinic
 * was enrolled before; the prison never saw the thief. [I-7] */
static void a_stolen_hub_takes_no_clinic_with_it(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    tree_sync(t);
    uint64_t last = replica_own_origin(t->nodes[LDH_H].replica)->head_seq;
    tree_upgrade(t, HQ, later_schema(&schema_embedded, LATER_CLASS));
    tree_sync(t); /* renewals of the hub come after `last` */
    district_add_dose(t, LDH_C, 2);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    struct revocation v = {
        .node = *tree_name(t, LDH_H), .after = last, .retires = false};
    t->now_ms += 1000;
    assert_int_equal(
        replica_revoke(t->nodes[HQ].replica, &v, tree_clock(t, HQ), &e), 0);
    tree_sync(t);
    district_add_dose(t, LDH_C, 3);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2,d3");
    assert_string_equal(district_doses(t, LDH_C), "d1,d2,d3");
    assert_string_equal(tree_get(t, LDH_C, "SELECT count(*) FROM sync_parked"),
                        "0");
    check_all(t);
    tree_free(t);
}

/* --- stamps from the future ---------------------------------------------- */

static void a_site_years_ahead_comes_back_to_order(void **state)
{
    (void)state;
    struct tree *t = district_new(ASR_H);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_P].ahead_ms = 73 * year_ms;
    district_call(t, LDH_P, 1, "from 2099");
    district_add_person(t, LDH_P, 2);
    district_call(t, LDH_P, 2, "also from 2099");
    district_add_dose(t, LDH_P, 1);
    tree_restart(t, LDH_P); /* two incarnations are ahead */
    district_call(t, LDH_P, 2, "still from 2099");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != ASR_H) {
            assert_string_equal(district_phones(t, i),
                                "from 2099,still from 2099");
            assert_string_equal(district_doses(t, i), "d1");
        }
        assert_string_equal(
            tree_get(t, i,
                     "SELECT count(*) || min(after) || max(after) FROM"
                     " sync_void"),
            "204");
    }
    /* no other node ever held what was stamped ahead */
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_verdict"),
                        "0");
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_refused"),
                        "0");
    /* what others write later wins, and what it writes itself does */
    district_call(t, LDH_C, 1, "clinic");
    tree_sync(t);
    assert_string_equal(district_phones(t, LDH_P), "clinic,still from 2099");
    district_call(t, LDH_P, 1, "prison");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "prison,still from 2099");
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_refused"),
                        "0");
    check_all(t);
    tree_free(t);
}

/* The hub shares the wrong clock, so its clinic's stamps reach headquarters
 * and everybody. */
static void a_district_years_ahead_comes_back_to_order(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_P, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = 73 * year_ms;
    t->nodes[LDH_C].ahead_ms = 73 * year_ms;
    district_call(t, LDH_C, 1, "clinic in 2099");
    tree_send(t, LDH_C, LDH_H);
    district_add_person(t, LDH_H, 2);
    tree_send(t, LDH_H, LDH_P); /* a child judges no stamps */
    assert_string_equal(district_phones(t, LDH_P), "clinic in 2099,55502");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "clinic in 2099,55502");
    district_call(t, LDH_P, 1, "prison"); /* too early to win yet */
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "clinic in 2099,55502");
    /* the clinic learns the time and writes again */
    tree_greet(t, LDH_C);
    district_call(t, LDH_C, 1, "clinic in order");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "clinic in order,55502");
    district_call(t, LDH_P, 1, "prison wins");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "prison wins,55502");
        assert_string_equal(
            tree_get(t, i, "SELECT count(DISTINCT node) FROM sync_void"), "2");
    }
    check_all(t);
    tree_free(t);
}

static int count_step(void *count)
{
    ++*(uint64_t *)count;
    return 0;
}

/* Steps of SQLite at the hub when the clinic takes back two changes, where
 * headquarters has written so many. */
static uint64_t steps_of_a_void(int others)
{
    struct tree *t = district_new(LDH_C);
    uint64_t steps = 0;
    district_add_person(t, LDH_C, 1);
    district_add_person(t, HQ, 2);
    for (int i = 0; i < others; i++) {
        district_call(t, HQ, 2, i % 2 == 0 ? "even" : "odd");
    }
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = 73 * year_ms;
    t->nodes[LDH_C].ahead_ms = 73 * year_ms;
    district_call(t, LDH_C, 1, "in 2099");
    district_call(t, LDH_C, 1, "in 2099 too");
    tree_send(t, LDH_C, LDH_H);
    tree_greet(t, LDH_H);
    tree_greet(t, LDH_C);
    district_call(t, LDH_C, 1, "in order");
    sqlite3 *db = database_handle(t->nodes[LDH_H].replica->db);
    sqlite3_progress_handler(db, 1, count_step, &steps);
    tree_sync(t);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    assert_string_equal(district_phones(t, LDH_H), "in order,odd");
    assert_string_equal(
        tree_get(t, LDH_H, "SELECT count(*) > 0 FROM sync_void"), "1");
    tree_free(t);
    return steps;
}

/* Who sends voids without end holds nobody up with what others wrote. */
static void a_void_costs_what_it_is_about(void **state)
{
    (void)state;
    uint64_t few = steps_of_a_void(10);
    uint64_t many = steps_of_a_void(400);
    printf("[          ] %llu steps beside 10 changes, %llu beside 400\n",
           (unsigned long long)few, (unsigned long long)many);
    /* its row is folded, by what of the journal is not indexed yet */
    assert_true(many < few + few / 5);
}

static void revoke_nobody(struct tree *t, int by, int which)
{
    struct revocation v = {.after = 1};
    memcpy(v.node.bytes, &which, sizeof which);
    sign_revocation(t, by, &v);
}

/* Steps of SQLite at headquarters when a clinic takes nothing back, where so much
 * of what its hub says waits for certificates. */
static uint64_t steps_where_wait(int waiting)
{
    struct tree *t = district_new(LDH_C);
    const struct voiding nothing = {
        .node = *tree_name(t, LDH_C),
        .incarnation = 1,
        .after = 1,
    };
    char expected[16];
    uint64_t steps = 0;
    for (int i = 0; i < waiting; i++) {
        revoke_nobody(t, LDH_H, i);
    }
    tree_sync(t);
    sign_voiding(t, LDH_C, &nothing);
    tree_send(t, LDH_C, LDH_H);
    sqlite3 *db = database_handle(t->nodes[HQ].replica->db);
    sqlite3_progress_handler(db, 1, count_step, &steps);
    tree_send(t, LDH_H, HQ);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    (void)snprintf(expected, sizeof expected, "%d", waiting);
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT count(*) FROM sync_verdict"
                                 " WHERE verdict = 'waiting'"),
                        expected);
    tree_free(t);
    return steps;
}

/* What waits for a certificate is not looked at again before one comes. */
static void what_waits_costs_once(void **state)
{
    (void)state;
    uint64_t few = steps_where_wait(10);
    uint64_t many = steps_where_wait(400);
    printf("[          ] %llu steps where 10 wait, %llu where 400\n",
           (unsigned long long)few, (unsigned long long)many);
    assert_true(many < few + few / 5);
}

static void a_clock_at_1970_or_that_steps_back_only_counts_on(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_P].ahead_ms = -t->now_ms;
    district_call(t, LDH_P, 1, "1970");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "1970");
    tree_greet(t, LDH_P);
    district_call(t, LDH_C, 1, "clinic");
    tree_sync(t);
    district_call(t, LDH_P, 1, "corrected");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "corrected");
    t->nodes[LDH_C].ahead_ms = -3600 * 1000; /* steps back mid-run */
    district_call(t, LDH_C, 1, "stepped");
    district_call(t, LDH_C, 1, "stepped again");
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "stepped again");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_void"), "0");
    check_all(t);
    tree_free(t);
}

/* A refusal travels in an ack that may be lost with the link. */
static void a_refusal_is_told_until_it_is_heard(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    static struct stored stored;
    struct walked w;
    struct err e;
    struct refusal told[4];
    size_t count;
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    struct peer there = tree_peer(t, LDH_C, LDH_H);
    struct peer here = tree_peer(t, LDH_H, LDH_C);
    assert_int_equal(replica_walk(t->nodes[LDH_C].replica, &there,
                                  here.have.position, SIZE_MAX, &w, &e),
                     0);
    struct changesets first = {w.items, 1, w.items[0].position, 0};
    struct changesets second = {w.items + 1, 1, w.items[1].position, 0};
    w.items[1].has_prev = false; /* as a session leaves it out */
    assert_int_equal(replica_store(t->nodes[LDH_H].replica, &here, &first,
                                   t->now_ms, &stored, &e),
                     0);
    assert_int_equal(stored.refusal_count, 1);
    assert_int_equal(stored.refusals[0].code, ERR_FUTURE);
    assert_non_null(strstr(stored.refusals[0].sentence,
                           "stamped 364 days ahead of the clock here"));
    /* time goes on: the second is not ahead any more, but builds on it */
    assert_int_equal(replica_store(t->nodes[LDH_H].replica, &here, &second,
                                   t->now_ms + 2 * year_ms, &stored, &e),
                     0);
    assert_int_equal(stored.refusal_count, 1);
    assert_non_null(strstr(stored.refusals[0].sentence, "builds on"));
    assert_int_equal(head_of(t, LDH_H, LDH_C), 0);
    here = tree_peer(t, LDH_H, LDH_C);
    assert_int_equal(
        replica_refusals(t->nodes[LDH_H].replica, &here, told, 4, &count, &e),
        0);
    assert_int_equal(count, 2);
    assert_int_equal(told[0].position, w.items[0].position);
    walked_clear(&w);
    /* the child hears it a year late: the stamps have become past */
    struct taken_back taken;
    t->now_ms += 2 * year_ms;
    t->nodes[LDH_C].ahead_ms = 0;
    assert_int_equal(replica_take_back(t->nodes[LDH_C].replica,
                                       told[0].position, t->now_ms, &taken, &e),
                     0);
    assert_int_equal(taken.changesets, 2);
    assert_int_equal(replica_take_back(t->nodes[LDH_C].replica,
                                       told[0].position, t->now_ms, &taken, &e),
                     0);
    assert_int_equal(taken.changesets, 0);
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "55501");
    assert_string_equal(district_doses(t, HQ), "d1");
    here = tree_peer(t, LDH_H, LDH_C);
    assert_int_equal(
        replica_refusals(t->nodes[LDH_H].replica, &here, told, 4, &count, &e),
        0);
    assert_int_equal(count, 0);
    check_all(t);
    tree_free(t);
}

/* What was written about the tail itself means the tail that counts. */
static void a_review_settled_ahead_stays_settled(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = year_ms;
    tree_sql(t, LDH_C, "UPDATE person SET sex = 'male' WHERE person_id = 'p1'");
    tree_drain(t, LDH_C);
    tree_sql(t, LDH_C,
             "UPDATE person SET sex = 'female' WHERE person_id = 'p1'");
    tree_drain(t, LDH_C);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT sex FROM person"), "female");
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM sync_review"),
                            "0");
    }
    check_all(t);
    tree_free(t);
}

/* The voids are before the end of the node; what they take back is after. But an
 * event that it took back before its end it holds, and shows: it took place. */
static void what_was_taken_back_stays_so_at_a_node_that_ends(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 2);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = 0;
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    must_revoke(t, LDH_H, LDH_C, 2); /* the void, and the person */
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501");
        assert_string_equal(district_doses(t, i), i == LDH_C ? "d1" : "");
    }
    assert_string_equal(tree_get(t, LDH_C,
                                 "SELECT group_concat(seq) FROM sync_changeset"
                                 " WHERE voided"),
                        "1,2,3");
    check_all_but(t, LDH_C);
    tree_free(t);
}

/* The end of the node comes before its voids, so that what it took back counts as
 * not taken back; it is not taken back once more when it is turned away again. */
static void a_node_that_ended_takes_nothing_back(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_dose(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = 0;
    must_revoke(t, LDH_H, LDH_C, 1);
    tree_sync(t);
    uint64_t end = copies_journal_end(t, LDH_C);
    struct taken_back taken;
    const char *ahead = tree_get(t, LDH_C,
                                 "SELECT min(position) FROM sync_delivery AS d"
                                 " WHERE seq = 2 AND origin_no = 1");
    assert_int_equal(replica_take_back(t->nodes[LDH_C].replica,
                                       strtoull(ahead, NULL, 10),
                                       tree_clock(t, LDH_C), &taken, &e),
                     0);
    assert_int_equal(taken.changesets, 0);
    assert_int_equal(copies_journal_end(t, LDH_C), end);
    assert_string_equal(district_doses(t, LDH_C), "");
    tree_free(t);
}

static void nobody_takes_back_a_register(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    clinic_works(t);
    tree_sync(t);
    struct replica *r = t->nodes[LDH_C].replica;
    struct voiding v = {
        .node = r->self.node,
        .incarnation = r->self.incarnation,
        .after = 0,
    };
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct err e;
    assert_non_null(leaf);
    voiding_leaf(&v, &memory, leaf);
    assert_int_equal(replica_begin(r, &e), 0);
    assert_int_equal(
        replica_end(r, replica_sign_control(r, leaf, t->now_ms, t->now_ms, &e),
                    &e),
        0);
    bytes_free(&memory);
    free(leaf);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    check_all(t);
    tree_free(t);
}

/* It claims to have begun again long ago, and takes back all it ever said. */
static void take_back_all(struct tree *t, int node)
{
    struct replica *r = t->nodes[node].replica;
    struct origin *own = replica_own_origin(r);
    struct voiding v = {
        .node = r->self.node,
        .incarnation = own->head_incarnation,
        .after = 0,
    };
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct err e;
    assert_non_null(leaf);
    voiding_leaf(&v, &memory, leaf);
    assert_int_equal(replica_begin(r, &e), 0);
    *own = (struct origin){
        .no = own->no, .node = own->node, .held = own->held, .all = own->all};
    own->changed = true;
    r->last_hlc = 0;
    r->self.incarnation = 12345;
    assert_int_equal(
        replica_end(r, replica_sign_control(r, leaf, 1000, t->now_ms, &e), &e),
        0);
    bytes_free(&memory);
    free(leaf);
}

/* Whichever comes first, the void or the end of the node: its events count up to
 * the end and not beyond. */
static void events_taken_back_end_with_their_node(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_P, 1);
    district_add_dose(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 2);
    tree_sync(t);
    take_back_all(t, LDH_C);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    must_revoke(t, LDH_H, LDH_C, 1);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1");
        tree_check(t, i);
    }
    tree_free(t);
}

/* --- forks and clones ---------------------------------------------------- */

/* A machine that was copied with its memory goes on as the one start. */
static void wake_as(struct tree *t, int copy, int node)
{
    struct replica *of = t->nodes[node].replica;
    struct replica *r = t->nodes[copy].replica;
    r->self.incarnation = of->self.incarnation;
    r->starts[r->self.lineage.count - 1].id = lineage_start(&of->self.lineage);
}

static void check_without(struct tree *t, int copies)
{
    t->count -= copies;
    check_all(t);
    t->count += copies;
}

static void of_a_forked_name_only_events_count(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    wake_as(t, copy, LDH_C);
    district_call(t, LDH_C, 1, "777");
    district_add_dose(t, LDH_C, 1);
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, LDH_P), "777");
    district_call(t, copy, 1, "888");
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), ERR_FORK);
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), ERR_FORK);
    copies_sync_others(t, 1);
    for (int i = 0; i < copy; i++) {
        assert_string_equal(tree_get(t, i,
                                     "SELECT count(*) || ' ' || max(seq) FROM"
                                     " sync_fork"),
                            "1 2");
        assert_string_equal(district_phones(t, i), "55501");
        assert_string_equal(district_doses(t, i), "d1");
        assert_string_equal(verdicts(t, i), "waiting-10");
    }
    /* what it writes now waits too, at home as well; a new start does not */
    district_call(t, LDH_C, 1, "999");
    assert_string_equal(district_phones(t, LDH_C), "55501");
    tree_restart(t, LDH_C);
    district_call(t, LDH_C, 1, "111");
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, HQ), "111");
    struct why why;
    const struct value key = value_text("d1");
    const struct table *doses_table = manifest_table_named(
        replica_manifest(t->nodes[HQ].replica), "dose_event");
    assert_int_equal(
        replica_why(t->nodes[HQ].replica, doses_table, &key, &why, &e), 0);
    assert_string_equal(why.leaves[0].verdict, "admitted");
    assert_string_equal(why.leaves[0].says,
                        "its node ran twice; events of both are shown");
    why_clear(&why);
    check_without(t, 1);
    tree_free(t);
}

/* Rows are folded when the proof is signed: not before what was written. */
static void what_a_program_writes_meanwhile_is_not_lost(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    wake_as(t, copy, LDH_C);
    district_call(t, LDH_C, 1, "777");
    copies_sync_others(t, 1);
    district_call(t, copy, 1, "888");
    tree_sql(t, LDH_H, "UPDATE person SET phone = 'hub'");
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), ERR_FORK);
    assert_string_equal(district_phones(t, LDH_H), "hub");
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, LDH_P), "hub");
    check_without(t, 1);
    /* nor when a node is revoked, or takes back what it said */
    tree_sql(t, LDH_H, "UPDATE person SET phone = 'hub again'");
    must_revoke(t, LDH_H, LDH_C, 1);
    assert_string_equal(district_phones(t, LDH_H), "hub again");
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, LDH_P), "hub again");
    check_without(t, 1);
    tree_free(t);
}

/* Both run at one time: what the younger says waits, from its first word. */
static void of_a_clone_that_ran_meanwhile_only_events_count(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_call(t, copy, 1, "888");
    district_add_dose(t, copy, 1);
    district_call(t, LDH_C, 1, "999");
    copies_sync_others(t, 1);
    if (copies_bring(t, copy, LDH_H, at, &e) != 0) {
        fail_msg("%s", e.text);
    }
    copies_sync_others(t, 1);
    for (int i = 0; i < copy; i++) {
        assert_string_equal(district_phones(t, i), "999");
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM sync_fork"),
                            "1");
        if (i != LDH_C) { /* nothing goes back to where it came from */
            assert_string_equal(district_doses(t, i), "d1");
            assert_string_equal(verdicts(t, i), "waiting-10");
        }
    }
    assert_same_rows(t, HQ, LDH_P);
    tree_check_verdicts(t, HQ, LDH_P);
    for (int i = 0; i < copy; i++) {
        assert_stable(t, i);
    }
    tree_free(t);
}

static void assert_others_stable(struct tree *t, int copies)
{
    for (int i = 0; i < t->count - copies; i++) {
        assert_stable(t, i);
    }
}

/* design.md section 8: "otherwise a clone: then events of both stay, everything
 * else of the younger waits for a person". The copy is only started again. */
static void a_clone_that_starts_again_still_waits(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_call(t, copy, 1, "888");
    district_call(t, LDH_C, 1, "999");
    copies_sync_others(t, 1);
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, HQ), "999");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_fork"), "1");
    tree_restart(t, copy);
    district_call(t, copy, 1, "of the copy");
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, HQ), "999");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* semantics.md section 4: two successors of one changeset are "a restore, both
 * admitted, if the older branch's stamps all lie before the younger's first; else
 * a clone". The original is started again between two writes. */
static void an_original_that_starts_again_proves_the_clone(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_call(t, copy, 1, "of the copy");
    tree_restart(t, LDH_C); /* a day later */
    district_call(t, LDH_C, 1, "999");
    copies_sync_others(t, 1);
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    copies_sync_others(t, 1);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_fork"), "1");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* The same, and the clone is started again each day as well: its records are the
 * last at headquarters, and nobody is told of anything. */
static void a_clone_is_found_though_both_start_again(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    static const char *const originals[] = {"o 1", "o 2", "the original"};
    static const char *const copies[] = {"c 1", "c 2", "the copy"};
    for (int day = 0; day < 3; day++) {
        tree_restart(t, LDH_C);
        district_call(t, LDH_C, 1, originals[day]);
        tree_restart(t, copy);
        district_call(t, copy, 1, copies[day]);
        copies_sync_others(t, 1);
        assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    }
    copies_sync_others(t, 1);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) > 0 FROM sync_fork"),
                        "1");
    assert_string_equal(district_phones(t, HQ), "the original");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* All that hangs on it when it is proved is told too. */
static void a_clone_that_started_again_before_its_proof_waits(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_call(t, copy, 1, "888");
    tree_restart(t, copy);
    district_call(t, copy, 1, "of the copy");
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    tree_sql(t, LDH_C, "UPDATE person SET family_name = 'older goes on'");
    tree_drain(t, LDH_C);
    copies_sync_others(t, 1);
    assert_string_equal(
        tree_get(t, HQ, "SELECT count(header_3) FROM sync_fork"), "1");
    assert_string_equal(district_phones(t, HQ), "777");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* The same over links as they are: both work each day at one time, and meet the hub
 * in the evening, one after the other. It is proved on the first day, and each
 * goes on where it signed itself. */
static void what_a_clone_says_waits_on_the_second_day_too(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    char phone[40];
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    const int nodes[] = {LDH_C, tree_clone(t, LDH_C)};
    for (int day = 1; day <= 3; day++) {
        for (int hour = 0; hour < 3; hour++) {
            for (int i = 0; i < 2; i++) {
                (void)snprintf(phone, sizeof phone, "%s %d.%d",
                               i == 0 ? "original" : "copy", day, hour);
                district_call(t, nodes[i], 1, phone);
            }
        }
        for (int i = 0; i < 2; i++) {
            (void)tree_send_try(t, nodes[i], LDH_H, &e);
            (void)tree_send_try(t, LDH_H, nodes[i], &e);
        }
        (void)tree_send_try(t, LDH_H, HQ, &e);
        t->now_ms += INT64_C(24) * 3600 * 1000;
    }
    assert_string_equal(district_phones(t, HQ), "original 3.2");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* What the copy wrote comes back to the original, and is the last that its node
 * wrote: it does not go on from there, where it would wait too. Whether it hears the
 * proof with it, or has it already. */
static void an_original_goes_on_where_it_signed_itself(void **state)
{
    (void)state;
    for (int day = 0; day < 2; day++) {
        struct tree *t = district_new(LDH_P);
        struct err e;
        district_add_person(t, LDH_C, 1);
        tree_sync(t);
        int copy = tree_clone(t, LDH_C);
        district_call(t, LDH_C, 1, "777");
        district_call(t, copy, 1, "888");
        district_call(t, LDH_C, 1, "999");
        district_call(t, copy, 1, "of the copy");
        tree_send(t, LDH_C, LDH_H);
        (void)tree_send_try(t, copy, LDH_H, &e);
        if (day == 1) {
            tree_send(t, LDH_H, LDH_C);
            district_call(t, copy, 1, "of the copy too");
            (void)tree_send_try(t, LDH_H, copy, &e);
            (void)tree_send_try(t, copy, LDH_H, &e);
        }
        tree_send(t, LDH_H, LDH_C);
        tree_restart(t, LDH_C);
        district_call(t, LDH_C, 1, "of the original");
        copies_sync_others(t, 1);
        assert_string_equal(district_phones(t, HQ), "of the original");
        assert_others_stable(t, 1);
        tree_free(t);
    }
}

/* What the copy wrote has come back, and the proof has not: it goes on from there,
 * and back when that comes. */
static void an_original_leaves_the_branch_that_came_back(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    district_call(t, LDH_C, 1, "777");
    tree_send(t, LDH_C, LDH_H);
    district_call(t, copy, 1, "888");
    (void)tree_send_try(t, copy, LDH_H, &e);
    district_call(t, LDH_C, 1, "999");
    district_call(t, copy, 1, "of the copy");
    (void)tree_send_try(t, copy, LDH_H, &e);
    tree_send(t, LDH_C, LDH_H); /* proves it */
    while (strcmp(tree_get(t, LDH_C, "SELECT phone FROM person"),
                  "of the copy") != 0) {
        assert_true(tree_send_one(t, LDH_H, LDH_C) > 0);
    }
    assert_string_equal(tree_get(t, LDH_C, "SELECT count(*) FROM sync_fork"),
                        "0");
    district_call(t, LDH_C, 1, "on top of it");
    tree_send(t, LDH_H, LDH_C);
    district_call(t, LDH_C, 1, "of the original");
    district_add_dose(t, LDH_C, 1);
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, HQ), "of the original");
    assert_string_equal(district_doses(t, HQ), "d1");
    assert_others_stable(t, 1);
    tree_free(t);
}

/* The same, but the younger came first to the hub. */
static void a_clone_is_found_whichever_comes_first(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_call(t, copy, 1, "888");
    district_call(t, LDH_C, 1, "999");
    if (copies_bring(t, copy, LDH_H, at, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_string_equal(district_phones(t, LDH_H), "888");
    copies_sync_others(t, 1);
    assert_string_equal(district_phones(t, LDH_H), "999");
    assert_string_equal(district_phones(t, HQ), "999");
    assert_string_equal(verdicts(t, LDH_P), "waiting-10");
    tree_check_verdicts(t, HQ, LDH_P);
    tree_free(t);
}

/* Its hub, whose clock was ahead too, took what the original takes back; the
 * copy makes the hub give all back to the original. */
static void what_was_taken_back_comes_back_and_leads_nowhere(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_call(t, LDH_C, 1, "ahead");
    tree_send(t, LDH_C, LDH_H);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_add_dose(t, copy, 1);
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    t->nodes[LDH_H].ahead_ms = 0;
    district_add_dose(t, LDH_C, 2);
    copies_sync_others(t, 1);
    /* the copy's dose is back, and ahead; what is written next is turned away
     * once more, and nothing is left that is ahead */
    district_call(t, LDH_C, 1, "in order");
    copies_sync_others(t, 1);
    char ahead[200];
    (void)snprintf(ahead, sizeof ahead,
                   "SELECT count(*) FROM sync_changeset WHERE NOT voided AND"
                   " hlc >> 16 > %lld",
                   (long long)t->now_ms);
    for (int i = 0; i < copy; i++) {
        assert_string_equal(district_phones(t, i), "in order");
        assert_string_equal(district_doses(t, i), "d1,d2");
        assert_string_equal(tree_get(t, i, ahead), "0");
    }
    check_without(t, 1);
    tree_free(t);
}

/* The copy's branch is shorter than the original's, and stamped later: numbers of
 * the original that come after its head are no longer before the next one. */
static void a_shorter_branch_that_comes_back_is_gone_on_from(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    for (int n = 1; n < 5; n++) {
        district_add_dose(t, LDH_C, n);
    }
    tree_send(t, LDH_C, LDH_H);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[copy].ahead_ms = year_ms;
    district_add_dose(t, copy, 9);
    assert_int_equal(copies_bring(t, copy, LDH_H, at, &e), 0);
    t->nodes[LDH_H].ahead_ms = 0;
    copies_sync_others(t, 1);
    assert_int_equal(head_of(t, LDH_C, LDH_C), 2);
    district_add_dose(t, LDH_C, 5);
    copies_sync_others(t, 1);
    for (int i = 0; i < copy; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2,d3,d4,d5,d9");
    }
    check_without(t, 1);
    tree_free(t);
}

static void of_a_restored_node_everything_counts(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    int copy = tree_clone(t, LDH_C);
    uint64_t at = copies_journal_end(t, copy);
    district_call(t, LDH_C, 1, "777");
    district_add_dose(t, LDH_C, 1);
    copies_sync_others(t, 1);
    /* the machine breaks, and the copy takes its place */
    district_add_dose(t, copy, 2);
    district_call(t, copy, 1, "888");
    if (copies_bring(t, copy, LDH_H, at, &e) != 0) {
        fail_msg("%s", e.text);
    }
    tree_send(t, LDH_H, LDH_P);
    tree_send(t, LDH_H, HQ);
    for (int i = 0; i < copy; i++) {
        if (i != LDH_C) {
            assert_string_equal(district_phones(t, i), "888");
            assert_string_equal(district_doses(t, i), "d1,d2");
            assert_string_equal(
                tree_get(t, i, "SELECT count(*) FROM sync_fork"), "0");
            assert_int_equal(head_of(t, i, LDH_C), 3);
            assert_stable(t, i);
        }
    }
    tree_free(t);
}

/* Steps of SQLite at a hub for so many changesets of its clinic, on a branch that
 * is older than the head. */
static uint64_t steps_of_a_branch(int changes)
{
    struct tree *t = district_new(LDH_C);
    uint64_t steps = 0;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    const struct origin was = *replica_own_origin(t->nodes[LDH_C].replica);
    t->now_ms += 3600 * 1000;
    district_call(t, LDH_C, 1, "head");
    tree_send(t, LDH_C, LDH_H);
    t->now_ms -= 3600 * 1000;
    forged_go_back(t, LDH_C, &was, 77);
    for (int i = 0; i < changes; i++) {
        district_call(t, LDH_C, 1, i % 2 == 0 ? "even" : "odd");
    }
    t->now_ms += 3600 * 1000;
    sqlite3 *db = database_handle(t->nodes[LDH_H].replica->db);
    sqlite3_progress_handler(db, 1, count_step, &steps);
    tree_send(t, LDH_C, LDH_H);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    assert_string_equal(district_phones(t, LDH_H), "head");
    tree_free(t);
    return steps;
}

/* [I-12]: "decode work" is "bounded". One changeset more costs what all before it
 * cost. */
static void a_long_branch_costs_what_it_is_long(void **state)
{
    (void)state;
    uint64_t few = steps_of_a_branch(100);
    uint64_t many = steps_of_a_branch(800);
    assert_true(many < 16 * few);
}

/* --- in any order -------------------------------------------------------- */

enum { FIRST = LDH_P + 1, SECOND, LAST = SECOND };

/* Hands a stretch over in an order of its own: each chain in its order, but
 * the chains shuffled among each other. Certificates go first. */
static void send_shuffled(struct tree *t, struct dice *d, int from, int to)
{
    static struct stored stored;
    struct walked w;
    struct err e;
    struct peer there = tree_peer(t, from, to);
    struct peer here = tree_peer(t, to, from);
    assert_int_equal(replica_walk(t->nodes[from].replica, &there,
                                  here.have.position, SIZE_MAX, &w, &e),
                     0);
    for (size_t i = 0; i + 1 < w.count; i++) {
        for (size_t k = w.count - 1; k > i; k--) {
            struct travelling *a = &w.items[k - 1];
            struct travelling *b = &w.items[k];
            if (!hash_equal(&a->origin, &b->origin) && dice_even(d)) {
                struct travelling kept = *a;
                *a = *b;
                *b = kept;
            }
        }
    }
    struct changesets stretch = {w.items, w.count, w.position, 0};
    t->now_ms += 10;
    if (replica_store(t->nodes[to].replica, &here, &stretch, tree_clock(t, to),
                      &stored, &e) != 0) {
        fail_msg("%s", e.text);
    }
    walked_clear(&w);
}

static void someone_writes(struct tree *t, struct dice *d, int n)
{
    char phone[20];
    int node = LDH_H + (int)dice_below(d, 3);
    (void)snprintf(phone, sizeof phone, "%d", 1000 + n);
    switch (dice_below(d, 3)) {
    case 0:
        district_call(t, node, 1 + (int)dice_below(d, 2), phone);
        break;
    case 1:
        district_add_dose(t, node, n);
        break;
    default:
        district_add_person(t, node, 10 + n);
        break;
    }
}

/* Evidence that speaks of what was said long ago, or is yet to be said. */
static void evidence_comes(struct tree *t, struct dice *d)
{
    struct err e;
    int node = LDH_C + (int)dice_below(d, 2);
    uint64_t seq = head_of(t, node, node) + dice_below(d, 3);
    uint64_t back = dice_below(d, 4);
    int by = dice_even(d) ? HQ : LDH_H;
    (void)revoke(t, by, node, seq > back ? seq - back : 0, false, &e);
}

/* A copy of a site's disk runs for a while and reaches the hub. */
static void a_copy_runs(struct tree *t, struct dice *d)
{
    struct err e;
    int node = LDH_C + (int)dice_below(d, 2);
    tree_send(t, node, LDH_H);
    int copy = tree_clone(t, node);
    uint64_t at = copies_journal_end(t, copy);
    static int dose = 10000;
    if (dice_even(d)) {
        wake_as(t, copy, node);
    }
    district_call(t, copy, 1, "a copy");
    district_add_dose(t, copy, dose++);
    district_call(t, node, 1, "the original");
    district_add_dose(t, node, dose++);
    tree_send(t, node, LDH_H);
    int rc = copies_bring(t, copy, LDH_H, at, &e);
    if (rc != 0 && rc != ERR_FORK) {
        fail_msg("%s", e.text);
    }
    sqlite3_close(t->nodes[copy].client);
    replica_close(&t->nodes[copy].replica);
    replica_remove(t->nodes[copy].path);
    t->count--;
}

static void a_clock_jumps(struct tree *t, struct dice *d)
{
    int node = LDH_H + (int)dice_below(d, 3);
    bool ahead = t->nodes[node].ahead_ms == 0;
    t->nodes[node].ahead_ms =
        ahead ? (int64_t)(1 + dice_below(d, 70)) * year_ms : 0;
    if (!ahead) {
        tree_greet(t, node);
    }
}

static void live(struct tree *t, struct dice *d, int steps)
{
    for (int n = 0; n < steps; n++) {
        switch (dice_below(d, 12)) {
        case 0:
            a_clock_jumps(t, d);
            break;
        case 1:
            if (dice_below(d, 3) == 0) {
                evidence_comes(t, d);
            }
            break;
        case 2:
            if (dice_below(d, 3) == 0) {
                a_copy_runs(t, d);
            }
            break;
        case 3:
            tree_send(t, LDH_C, LDH_H);
            tree_send(t, LDH_P, LDH_H);
            break;
        case 4:
            tree_send(t, LDH_H, HQ);
            tree_send(t, HQ, LDH_H);
            break;
        case 5:
            send_shuffled(t, d, LDH_H, FIRST);
            break;
        case 6:
            tree_send(t, LDH_H, dice_even(d) ? LDH_C : LDH_P);
            break;
        default:
            someone_writes(t, d, n + 100);
            break;
        }
    }
}

static void settle_clocks(struct tree *t)
{
    for (int i = 1; i < t->count; i++) {
        t->nodes[i].ahead_ms = 0;
        tree_greet(t, i);
    }
}

static void whatever_the_order_all_end_equal(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    int rounds = getenv("SANGAM_LONG") != NULL ? 400 : 3;
    for (int round = 0; round < rounds; round++) {
        struct tree *t = district_new(LDH_P);
        assert_int_equal(tree_add(t, LDH_H, "ASR-C"), FIRST);
        assert_int_equal(tree_add(t, LDH_H, "ASR-P"), SECOND);
        district_add_person(t, LDH_H, 1);
        district_add_person(t, LDH_H, 2);
        tree_sync(t);
        live(t, &d, 60);
        settle_clocks(t);
        t->count = SECOND; /* it hears of everything at the end */
        tree_sync(t);
        t->count = LAST + 1;
        send_shuffled(t, &d, LDH_H, SECOND);
        tree_sync(t);
        assert_same_rows(t, HQ, LDH_H);
        for (int i = FIRST; i <= LAST; i++) {
            assert_same_rows(t, HQ, i);
            tree_check_verdicts(t, HQ, i);
            tree_check_in_step(t, i);
            assert_stable(t, i);
        }
        assert_stable(t, HQ);
        assert_stable(t, LDH_H);
        tree_free(t);
    }
}

/* The younger copy of a hub enrolls a clinic. Its certificate waits, and so does what
 * the clinic writes: its doses stay, whether the proof comes before them or after. */
static void who_a_clone_enrolled_waits_with_it(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct tree *t = district_new(LDH_H);
        struct err e;
        district_add_person(t, LDH_H, 1);
        tree_sync(t);
        int copy = tree_clone(t, LDH_H);
        uint64_t at = copies_journal_end(t, copy);
        district_call(t, LDH_H, 1, "777");
        t->now_ms += 1000;
        int clinic = tree_add(t, copy, "LDH-C");
        tree_send(t, copy, clinic);
        district_add_dose(t, clinic, 1);
        district_call(t, clinic, 1, "888");
        tree_send(t, clinic, copy);
        if (late) {
            tree_send(t, LDH_H, HQ);
            assert_int_equal(copies_bring(t, copy, HQ, at, &e), 0);
            assert_string_equal(district_phones(t, HQ), "888");
        }
        district_add_person(t, LDH_H, 2); /* it goes on */
        tree_send(t, LDH_H, HQ);
        if (!late) {
            assert_int_equal(copies_bring(t, copy, HQ, at, &e), 0);
        }
        assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_fork"),
                            "1");
        assert_string_equal(district_doses(t, HQ), "d1");
        assert_string_equal(
            tree_get(t, HQ, "SELECT phone FROM person WHERE person_id = 'p1'"),
            "777");
        tree_check(t, HQ);
        tree_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_after_a_cut_off_goes_away),
        cmocka_unit_test(what_comes_after_a_cut_off_never_counts),
        cmocka_unit_test(a_node_that_knows_its_end_parks_what_is_written),
        cmocka_unit_test(nobody_revokes_what_is_not_below_him),
        cmocka_unit_test(a_node_retires_itself),
        cmocka_unit_test(a_node_does_not_retire_into_its_past),
        cmocka_unit_test(what_a_revoked_hub_said_of_others_falls_with_it),
        cmocka_unit_test(a_stolen_hub_takes_no_clinic_with_it),
        cmocka_unit_test(a_site_years_ahead_comes_back_to_order),
        cmocka_unit_test(a_district_years_ahead_comes_back_to_order),
        cmocka_unit_test(a_void_costs_what_it_is_about),
        cmocka_unit_test(what_waits_costs_once),
        cmocka_unit_test(a_clock_at_1970_or_that_steps_back_only_counts_on),
        cmocka_unit_test(a_refusal_is_told_until_it_is_heard),
        cmocka_unit_test(a_review_settled_ahead_stays_settled),
        cmocka_unit_test(what_was_taken_back_stays_so_at_a_node_that_ends),
        cmocka_unit_test(a_node_that_ended_takes_nothing_back),
        cmocka_unit_test(nobody_takes_back_a_register),
        cmocka_unit_test(events_taken_back_end_with_their_node),
        cmocka_unit_test(of_a_forked_name_only_events_count),
        cmocka_unit_test(what_a_program_writes_meanwhile_is_not_lost),
        cmocka_unit_test(of_a_clone_that_ran_meanwhile_only_events_count),
        cmocka_unit_test(a_clone_that_starts_again_still_waits),
        cmocka_unit_test(an_original_that_starts_again_proves_the_clone),
        cmocka_unit_test(a_clone_is_found_though_both_start_again),
        cmocka_unit_test(a_clone_that_started_again_before_its_proof_waits),
        cmocka_unit_test(what_a_clone_says_waits_on_the_second_day_too),
        cmocka_unit_test(an_original_goes_on_where_it_signed_itself),
        cmocka_unit_test(an_original_leaves_the_branch_that_came_back),
        cmocka_unit_test(who_a_clone_enrolled_waits_with_it),
        cmocka_unit_test(a_clone_is_found_whichever_comes_first),
        cmocka_unit_test(what_was_taken_back_comes_back_and_leads_nowhere),
        cmocka_unit_test(a_shorter_branch_that_comes_back_is_gone_on_from),
        cmocka_unit_test(of_a_restored_node_everything_counts),
        cmocka_unit_test(a_long_branch_costs_what_it_is_long),
        cmocka_unit_test(whatever_the_order_all_end_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
