/* SPDX-License-Identifier: Apache-2.0 */
/* What was stamped ahead is taken back and signed anew, also where branches that
 * were lost come back: nothing of it is lost, and nothing is taken back that a
 * node may not withdraw. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"
#include "support/district.h"

static const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;

static void what_comes_back_late_is_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    for (int n = 1; n < 5; n++) {
        district_add_dose(t, LDH_C, n);
    }
    tree_send(t, LDH_C, LDH_H);
    assert_string_equal(district_doses(t, LDH_H), "d1,d2,d3,d4");
    tree_put_back(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = 0; /* both clocks were set */
    t->nodes[LDH_C].ahead_ms = 0;
    tree_tell_lost(t, LDH_C, LDH_H);
    while (strcmp(district_doses(t, LDH_C), "d1,d2") != 0) {
        assert_int_not_equal(tree_send_one(t, LDH_H, LDH_C), 0);
    }
    district_add_dose(t, LDH_C, 5);
    tree_send(t, LDH_C, LDH_H); /* turned away and taken back */
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2,d3,d4,d5");
    }
    tree_free(t);
}

/* What was lost comes back behind what was written since. */
static void what_is_signed_anew_keeps_its_order(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_call(t, LDH_C, 1, "older");
    tree_send(t, LDH_C, LDH_H);
    tree_put_back(t, LDH_C, "copy");
    t->now_ms += 3600 * 1000;
    district_call(t, LDH_C, 1, "newer");
    tree_send(t, LDH_H, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    assert_string_equal(district_phones(t, LDH_H), "newer");
    assert_string_equal(district_phones(t, LDH_C), "newer");
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    district_add_dose(t, LDH_C, 5);
    tree_send(t, LDH_C, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "newer");
    }
    tree_free(t);
}

static void dose(struct tree *t, int node, int mcg)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE treatment_order SET daily_dose_mcg = %d", mcg);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

static const char *shown(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT (SELECT daily_dose_mcg FROM treatment_order) ||"
                    " ' reviews ' || (SELECT count(*) FROM sync_review)");
}

static void add_order(struct tree *t)
{
    district_add_person(t, LDH_C, 1);
    tree_sql(t, LDH_C,
             "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
             " item_code, daily_dose_mcg, mode, status, prescriber)"
             " VALUES('o1', 'e1', 'p1', 'BUP-2', 8000, 'observed', 'active',"
             " 'dr')");
    tree_drain(t, LDH_C);
    tree_sync(t);
}

/* [I-11] both doses wait for a person, whatever is signed anew. */
static void a_review_survives_being_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    add_order(t);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    dose(t, LDH_C, 10000);
    dose(t, LDH_C, 12000);
    tree_send(t, LDH_C, LDH_H);
    tree_put_back(t, LDH_C, "copy");
    t->now_ms += 3600 * 1000;
    dose(t, LDH_C, 6000);
    tree_send(t, LDH_H, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    assert_string_equal(shown(t, LDH_H), "6000 reviews 1");
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    district_add_dose(t, LDH_C, 5);
    tree_send(t, LDH_C, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(shown(t, i), "6000 reviews 1");
    }
    tree_free(t);
}

/* Others saw it under the name it had. */
static void who_saw_a_write_covers_it_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    add_order(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    dose(t, LDH_C, 12000);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, LDH_P);
    assert_string_equal(shown(t, LDH_P), "12000 reviews 0");
    dose(t, LDH_P, 16000);
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    district_add_dose(t, LDH_C, 5);
    tree_send(t, LDH_C, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(shown(t, i), "16000 reviews 0");
    }
    dose(t, LDH_C, 14000);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(shown(t, i), "14000 reviews 0");
    }
    tree_free(t);
}

/* Also when it is signed anew once more, and was not heard of before. */
static void the_name_is_the_first(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    add_order(t);
    t->nodes[LDH_H].ahead_ms = 2 * year_ms;
    t->nodes[LDH_C].ahead_ms = 2 * year_ms;
    dose(t, LDH_C, 12000);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, LDH_P);
    dose(t, LDH_P, 16000);
    for (int years = 1; years >= 0; years--) {
        t->nodes[LDH_H].ahead_ms = years * year_ms;
        t->nodes[LDH_C].ahead_ms = years * year_ms;
        tree_greet(t, LDH_C);
        district_add_dose(t, LDH_C, 5 + years);
        tree_send(t, LDH_C, LDH_H);
        tree_send(t, LDH_H, LDH_C);
        tree_send(t, LDH_C, LDH_H);
    }
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(shown(t, i), "16000 reviews 0");
    }
    tree_free(t);
}

/* What comes of a lost branch gives up nothing of what is there. */
static void what_was_turned_away_is_known_until_it_is_void(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    tree_back_up(t, LDH_H, "copy");
    district_add_dose(t, LDH_H, 1);
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = FUTURE_MS_MAX + 3600 * 1000;
    district_add_dose(t, LDH_H, 2);
    tree_send(t, LDH_C, LDH_H); /* gives the first one back */
    district_add_dose(t, LDH_H, 3);
    while (strcmp(district_doses(t, HQ), "d1") != 0) {
        assert_int_not_equal(tree_send_one(t, LDH_H, HQ), 0);
    }
    t->now_ms += 2 * 3600 * 1000;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2,d3");
    }
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_refused"),
                        "0");
    tree_free(t);
}

/* A hub's own, which only its clinic has. */
static void what_a_child_gives_back_of_the_future_is_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    tree_back_up(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1");
    }
    tree_free(t);
}

static void alerts(struct tree *t, int node, const char *list)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql, "UPDATE person SET alerts = '%s'", list);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

/* It does not know of them when it takes back what the copy has of that time. */
static void what_comes_back_after_its_time_was_taken_back_is_signed_anew(
    void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    district_call(t, LDH_H, 1, "lost");
    alerts(t, LDH_H, "[\"hbv\",7]");
    district_add_dose(t, LDH_H, 2);
    district_add_person(t, LDH_H, 2);
    district_call(t, LDH_H, 2, "last");
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_send(t, LDH_H, HQ);
    district_call(t, LDH_H, 1, "newer");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2");
        assert_string_equal(district_phones(t, i), "newer,last");
        assert_string_equal(tree_get(t, i,
                                     "SELECT group_concat(value)"
                                     " FROM sync_parked"),
                            i == LDH_H ? "lost,7,hbv" : "");
        tree_check(t, i);
    }
    tree_free(t);
}

/* Where it had started again in the lost time that is not void as it comes, and
 * is turned away: others and itself have written since it signed the rest anew. */
static void what_comes_back_late_overwrites_nothing(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    district_add_person(t, LDH_H, 2);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    district_call(t, LDH_H, 1, "lost 1");
    tree_restart(t, LDH_H);
    district_call(t, LDH_H, 1, "lost 2");
    district_call(t, LDH_H, 2, "lost 3");
    district_add_dose(t, LDH_H, 2);
    district_add_person(t, LDH_H, 3);
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_send(t, LDH_H, HQ);
    tree_send(t, LDH_H, LDH_P);
    t->now_ms += 3600 * 1000;
    district_call(t, LDH_P, 1, "newer");
    district_call(t, LDH_H, 2, "newer too");
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no, given_name)"
             " VALUES('p3', 'N-3', 'Testa')");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2");
        assert_string_equal(district_phones(t, i), "newer,newer too");
        tree_check(t, i);
    }
    assert_string_equal(district_parked(t, LDH_H),
                        "lost 1,lost 2,lost 3,55503");
    tree_free(t);
}

/* What was said before the loss was not said again by anybody. */
static void a_value_that_went_back_is_parked_too(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    district_call(t, LDH_H, 1, "other");
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    district_call(t, LDH_H, 1, "55501");
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_send(t, LDH_H, HQ);
    tree_sync(t);
    assert_string_equal(district_phones(t, HQ), "other");
    assert_string_equal(district_parked(t, LDH_H), "55501");
    tree_free(t);
}

/* A branch that was two years ahead, then one, comes back with the words that took
 * its first part back, beside what was written since. */
static void what_was_taken_back_once_stays_so(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    district_add_person(t, LDH_C, 2);
    tree_sync(t);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = 2 * year_ms;
    t->nodes[LDH_C].ahead_ms = 2 * year_ms;
    district_call(t, LDH_C, 1, "first");
    tree_send(t, LDH_C, LDH_H);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    tree_greet(t, LDH_C);
    district_call(t, LDH_C, 2, "second");
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_C, LDH_H);
    tree_put_back(t, LDH_C, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    t->now_ms += 3600 * 1000;
    district_call(t, LDH_C, 2, "since");
    tree_greet(t, LDH_C);
    tree_send(t, LDH_H, LDH_C);
    district_call(t, LDH_C, 2, "since 2");
    tree_send(t, LDH_C, LDH_H);
    while (tree_send_one(t, LDH_C, LDH_H) != 0) {
    }
    tree_sync(t);
    t->now_ms += 3600 * 1000;
    district_call(t, LDH_P, 1, "newer");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "newer,since 2");
        tree_check(t, i);
    }
    tree_free(t);
}

/* Its disk is put back on a machine whose clock is ahead; what it had lost is not. */
static void what_is_younger_than_what_comes_back_is_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    district_add_person(t, LDH_C, 2);
    tree_sync(t);
    tree_back_up(t, LDH_C, "copy");
    district_add_person(t, LDH_C, 3);
    tree_send(t, LDH_C, LDH_H);
    tree_put_back(t, LDH_C, "copy");
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_call(t, LDH_C, 2, "since");
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501,since,55503");
        assert_string_equal(district_parked(t, i), "");
        tree_check(t, i);
    }
    tree_free(t);
}

/* The words that take it back come to a copy that has more than they knew of. */
static void what_only_another_copy_has_is_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_dose(t, LDH_C, 1);
    tree_back_up(t, LDH_C, "first");
    district_add_dose(t, LDH_C, 2);
    district_add_person(t, LDH_C, 2);
    district_call(t, LDH_C, 1, "lost");
    tree_back_up(t, LDH_C, "second");
    tree_put_back(t, LDH_C, "first");
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    tree_put_back(t, LDH_C, "second");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2");
        assert_string_equal(district_phones(t, i), "55501,55502");
        assert_string_equal(tree_get(t, i,
                                     "SELECT group_concat(value)"
                                     " FROM sync_parked"),
                            i == LDH_C ? "lost" : "");
        tree_check(t, i);
    }
    tree_free(t);
}

/* docs/semantics.md section 4: "nobody can withdraw a dose register". */
static void nobody_withdraws_a_register_by_an_old_stamp(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e = {0};
    district_add_person(t, LDH_P, 1);
    district_add_dose(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 2);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    struct replica *r = t->nodes[LDH_C].replica;
    struct origin *own = replica_own_origin(r);
    struct voiding v = {
        .node = r->self.node, .incarnation = own->head_incarnation, .after = 0};
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    voiding_leaf(&v, &memory, leaf);
    assert_int_equal(replica_begin(r, &e), 0);
    own->head_seq = 0; /* the node lies: it begins again, long ago */
    own->head_hlc = 0;
    own->head_incarnation = 0;
    own->head_hash = (struct hash){{0}};
    own->changed = true;
    r->last_hlc = 0;
    r->self.incarnation = 12345;
    assert_int_equal(
        replica_end(r, replica_sign_control(r, leaf, 1000, t->now_ms, &e), &e),
        0);
    bytes_free(&memory);
    free(leaf);
    tree_sync(t);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    tree_free(t);
}

/* --- a copy of the time when it was ahead ---------------------------------- */

static void link_persons(struct tree *t, int node, int n)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person_link(link_id, person_a, person_b,"
                   " decision, basis, decided_by) VALUES('l%d', 'p1', 'p%d',"
                   " 'same', 'met', 'x')",
                   n, n);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

/* The copy has what the clinic then took back, a leaf for all among it, and does
 * not know that it did. */
static struct tree *put_back_ahead(void)
{
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_dose(t, LDH_C, 1);
    district_call(t, LDH_C, 1, "older");
    link_persons(t, LDH_C, 2);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    district_call(t, LDH_C, 1, "newer");
    tree_sync(t);
    tree_put_back(t, LDH_C, "copy");
    return t;
}

static void assert_newer(struct tree *t, const char *given)
{
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "newer");
        assert_string_equal(district_doses(t, i), given);
        tree_check(t, i);
    }
}

/* Of a leaf for all it names no number that was taken back. */
static void a_copy_remembers_no_number_that_nobody_has(void **state)
{
    (void)state;
    struct tree *t = put_back_ahead();
    tree_send(t, LDH_H, LDH_C);
    tree_greet(t, LDH_C);
    for (int n = 2; n < 5; n++) {
        district_add_dose(t, LDH_C, n);
    }
    link_persons(t, LDH_C, 3);
    tree_sync(t);
    assert_newer(t, "d1,d2,d3,d4");
    tree_free(t);
}

/* Time has reached the stamps; what it writes before it meets its hub builds on
 * what was taken back, which the hub has not. */
static void a_copy_may_go_on_from_what_was_taken_back(void **state)
{
    (void)state;
    struct tree *t = put_back_ahead();
    t->now_ms += year_ms + 3600 * 1000;
    district_add_dose(t, LDH_C, 2);
    tree_send(t, LDH_H, LDH_C);
    tree_sync(t);
    assert_newer(t, "d1,d2");
    tree_free(t);
}

/* And where they are still ahead, that is turned away with what it builds on. */
static void what_builds_on_what_was_taken_back_is_too(void **state)
{
    (void)state;
    struct tree *t = put_back_ahead();
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_dose(t, LDH_C, 2);
    t->nodes[LDH_C].ahead_ms = 0;
    tree_send(t, LDH_H, LDH_C);
    tree_sync(t);
    assert_newer(t, "d1,d2");
    tree_free(t);
}

/* Its hub turns away what it took back long ago, before it has heard that. */
static void what_was_taken_back_once_is_not_signed_anew_again(void **state)
{
    (void)state;
    struct tree *t = put_back_ahead();
    tree_send(t, LDH_C, LDH_H);
    tree_sync(t);
    assert_newer(t, "d1");
    tree_free(t);
}

/* The numbers of its tail are not above the last that stays, which is on the
 * branch that came back. */
static void a_tail_beside_a_longer_branch_names_no_number_of_it(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    tree_back_up(t, LDH_C, "copy");
    for (int n = 1; n < 5; n++) {
        district_add_dose(t, LDH_C, n);
    }
    tree_sync(t);
    tree_put_back(t, LDH_C, "copy");
    t->nodes[LDH_C].ahead_ms = year_ms;
    link_persons(t, LDH_C, 2);
    link_persons(t, LDH_C, 3);
    t->nodes[LDH_C].ahead_ms = 0;
    tree_send(t, LDH_H, LDH_C);
    tree_sync(t); /* turned away and taken back */
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM person_link"),
                            "2");
        tree_check(t, i);
    }
    tree_free(t);
}

/* And of what is taken back twice, neither. */
static void what_is_taken_back_twice_names_no_number_of_it(void **state)
{
    (void)state;
    struct tree *t = put_back_ahead();
    t->nodes[LDH_C].ahead_ms = year_ms;
    link_persons(t, LDH_C, 3); /* after the first, which is void */
    link_persons(t, LDH_C, 4);
    t->nodes[LDH_C].ahead_ms = 0;
    tree_send(t, LDH_H, LDH_C);
    tree_sync(t);
    assert_newer(t, "d1");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person_link"),
                        "3");
    tree_free(t);
}

/* --- hand-overs ----------------------------------------------------------- */

static const char owner[] = "SELECT owner_site || ' ' || owner_epoch || ' ' ||"
                            " coalesce(named_worker, '-') FROM enrolment";

/* Signed anew the offer is another leaf; the acceptance names the first. */
static void who_took_a_row_over_keeps_it(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'p1', 'OOAT', 'active')");
    tree_drain(t, LDH_C);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    tree_sql(t, LDH_C,
             "INSERT INTO referral(person_id, enrolment_id, kind, to_site,"
             " offered_epoch) VALUES('p1', 'e', 'transfer_of_care', 'LDH-P',"
             " 1)");
    tree_drain(t, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, LDH_P);
    tree_sql(t, LDH_P,
             "UPDATE enrolment SET owner_site = 'LDH-P', named_worker = 'W'");
    tree_drain(t, LDH_P);
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    district_add_dose(t, LDH_C, 5);
    tree_sync(t); /* turned away and taken back */
    assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P + 1);
    tree_sync(t); /* to who knows that it is void before it comes */
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, owner), "LDH-P 2 W");
        tree_check(t, i);
    }
    tree_free(t);
}

static const char *alerts_at(struct tree *t, int node)
{
    return tree_get(t, node, "SELECT alerts FROM person");
}

/* Who took an element away covers it by the name that it had. */
static void an_element_that_was_removed_stays_so(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    alerts(t, LDH_C, "[\"a\",\"b\"]");
    alerts(t, LDH_C, "[\"a\",\"b\",\"c\"]");
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, LDH_P);
    alerts(t, LDH_P, "[\"a\"]");       /* removes b, c */
    alerts(t, LDH_C, "[\"a\",\"b\"]"); /* removes c */
    alerts(t, LDH_C, "[\"b\",\"d\"]"); /* removes a, adds d */
    tree_send(t, LDH_C, LDH_H);
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    tree_greet(t, LDH_C);
    district_add_dose(t, LDH_C, 5);
    tree_send(t, LDH_C, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(alerts_at(t, i), "[\"d\"]");
        tree_check(t, i);
    }
    alerts(t, LDH_P, "[]");
    tree_sync(t);
    alerts(t, LDH_C, "[\"b\"]");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(alerts_at(t, i), "[\"b\"]");
        tree_check(t, i);
    }
    tree_free(t);
}

/* A name takes room, and what was full is cut in two. */
static void what_was_full_is_signed_anew_too(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    t->nodes[LDH_C].ahead_ms = year_ms;
    for (int n = 0; n < 40; n++) {
        char sql[700];
        int len = 64980 + n * 10;
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO person(person_id, beneficiary_no,"
                       " given_name, home_locality) SELECT 'p%d-' || i,"
                       " 'N-%d-' || i, 'T', printf('%%.*c', %d, 'x')"
                       " FROM (SELECT 1 AS i UNION ALL SELECT 2)",
                       n, n, len);
        tree_sql(t, LDH_C, sql);
        tree_drain(t, LDH_C);
    }
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM person"),
                            "80");
    }
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_late_is_signed_anew),
        cmocka_unit_test(what_is_signed_anew_keeps_its_order),
        cmocka_unit_test(a_review_survives_being_signed_anew),
        cmocka_unit_test(who_saw_a_write_covers_it_signed_anew),
        cmocka_unit_test(the_name_is_the_first),
        cmocka_unit_test(what_was_turned_away_is_known_until_it_is_void),
        cmocka_unit_test(what_a_child_gives_back_of_the_future_is_signed_anew),
        cmocka_unit_test(
            what_comes_back_after_its_time_was_taken_back_is_signed_anew),
        cmocka_unit_test(what_comes_back_late_overwrites_nothing),
        cmocka_unit_test(a_value_that_went_back_is_parked_too),
        cmocka_unit_test(what_was_taken_back_once_stays_so),
        cmocka_unit_test(what_is_younger_than_what_comes_back_is_signed_anew),
        cmocka_unit_test(what_only_another_copy_has_is_signed_anew),
        cmocka_unit_test(nobody_withdraws_a_register_by_an_old_stamp),
        cmocka_unit_test(a_copy_remembers_no_number_that_nobody_has),
        cmocka_unit_test(a_copy_may_go_on_from_what_was_taken_back),
        cmocka_unit_test(what_builds_on_what_was_taken_back_is_too),
        cmocka_unit_test(what_was_taken_back_once_is_not_signed_anew_again),
        cmocka_unit_test(a_tail_beside_a_longer_branch_names_no_number_of_it),
        cmocka_unit_test(what_is_taken_back_twice_names_no_number_of_it),
        cmocka_unit_test(who_took_a_row_over_keeps_it),
        cmocka_unit_test(an_element_that_was_removed_stays_so),
        cmocka_unit_test(what_was_full_is_signed_anew_too),
    };
    return cmocka_run_group_tests_name("takeback", tests, NULL, NULL);
}
