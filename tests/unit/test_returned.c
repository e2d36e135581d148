/* SPDX-License-Identifier: Apache-2.0 */
/* What was stamped ahead, taken back, lost with a disk and given back, in other
 * orders than the usual one: no link stays closed to it, and nothing older shows
 * over something newer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/district.h"

static const int64_t hour_ms = INT64_C(3600) * 1000;
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;

/* --- what is void is sent up ----------------------------------------------- */

/* The hub's disk was put back from "copy", its clock was set, and headquarters has
 * turned away what it had of the time when it was ahead. */
static void put_back_and_turned_away(struct tree *t)
{
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_send(t, LDH_H, HQ);
    tree_send(t, LDH_H, HQ);
}

/* The hub goes on giving doses, from the n-th on, and all of them go up. */
static void assert_goes_on(struct tree *t, int n)
{
    for (int end = n + 3; n < end; n++) {
        district_add_dose(t, LDH_H, n);
        t->now_ms += day_ms;
        tree_send(t, HQ, LDH_H);
        tree_send(t, LDH_H, HQ);
        assert_string_equal(district_doses(t, HQ), district_doses(t, LDH_H));
    }
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_barred"),
                        "0");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_refused"),
                        "0");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), district_doses(t, LDH_H));
        tree_check(t, i);
    }
}

/* A hub that is three hours ahead, with a copy of its disk. */
static struct tree *hub_ahead(void)
{
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = 3 * hour_ms;
    district_add_dose(t, LDH_H, 1);
    return t;
}

/* What it builds on was turned away, so that headquarters never has it. */
static void what_is_void_lacks_what_it_builds_on(void **state)
{
    (void)state;
    struct tree *t = hub_ahead();
    tree_back_up(t, LDH_H, "copy");
    district_add_dose(t, LDH_H, 2);
    tree_send(t, LDH_H, LDH_C);
    put_back_and_turned_away(t);
    t->now_ms += 4 * hour_ms; /* time has reached the stamps */
    tree_send(t, LDH_C, LDH_H);
    assert_goes_on(t, 3);
    assert_string_equal(district_doses(t, HQ), "d1,d2,d3,d4,d5");
    tree_free(t);
}

static void link_persons(struct tree *t, int n)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person_link(link_id, person_a, person_b,"
                   " decision, basis, decided_by) VALUES('l%d', 'p1', 'p2',"
                   " 'same', 'met', 'x')",
                   n);
    tree_sql(t, LDH_H, sql);
    tree_drain(t, LDH_H);
}

/* The same, of leaves for all, which name the one before. */
static void what_is_void_names_what_was_turned_away(void **state)
{
    (void)state;
    struct tree *t = hub_ahead();
    link_persons(t, 1);
    tree_back_up(t, LDH_H, "copy");
    link_persons(t, 2);
    tree_send(t, LDH_H, LDH_C);
    put_back_and_turned_away(t);
    t->now_ms += 4 * hour_ms;
    tree_send(t, LDH_C, LDH_H);
    assert_goes_on(t, 3);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person_link"),
                        "2");
    tree_free(t);
}

/* It had started again in the lost time: what comes back of then is not void, and
 * builds on what is. */
static void what_counts_builds_on_what_is_void(void **state)
{
    (void)state;
    struct tree *t = hub_ahead();
    tree_back_up(t, LDH_H, "copy");
    district_call(t, LDH_H, 1, "lost 1");
    tree_restart(t, LDH_H);
    district_call(t, LDH_H, 1, "lost 2");
    tree_send(t, LDH_H, LDH_C);
    put_back_and_turned_away(t);
    tree_send(t, LDH_C, LDH_H);
    t->now_ms += 4 * hour_ms;
    assert_goes_on(t, 2);
    tree_free(t);
}

/* No disk is put back: one changeset of a clinic is damaged at the hub, between the
 * two that were turned away, and is asked for again by a walk from there. */
static void what_is_void_comes_again_with_what_was_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct tree *t = hub_ahead();
    district_add_person(t, LDH_C, 9);
    tree_send(t, LDH_C, LDH_H);
    sqlite3 *client = t->nodes[LDH_H].client;
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, LDH_H,
             "UPDATE sync_changeset SET signature = zeroblob(64) WHERE"
             " (origin_no, seq, incarnation) = (SELECT origin_no, seq,"
             " incarnation FROM sync_delivery ORDER BY position DESC LIMIT 1)");
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    district_add_dose(t, LDH_H, 2);
    t->nodes[LDH_H].ahead_ms = 0;
    for (int n = 3; n < 9; n++) {
        tree_send(t, HQ, LDH_H);
        (void)tree_send_try(t, LDH_H, HQ, &e); /* the clinic's is refused */
        district_add_dose(t, LDH_H, n);
        t->now_ms += hour_ms;
    }
    for (int day = 0; day < 4; day++) {
        t->now_ms += day_ms;
        (void)tree_send_try(t, LDH_H, HQ, &e);
    }
    assert_string_equal(district_doses(t, HQ), "d1,d2,d3,d4,d5,d6,d7,d8");
    tree_free(t);
}

/* The ack that turns it away is lost, and time passes the stamps before the link
 * comes back. */
static void what_was_turned_away_on_top_of_what_is_void(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    t->nodes[LDH_C].ahead_ms = 3 * hour_ms;
    district_add_dose(t, LDH_C, 1);
    tree_back_up(t, LDH_C, "copy");
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    tree_put_back(t, LDH_C, "copy");
    district_add_dose(t, LDH_C, 2); /* before it meets its hub again */
    tree_tell_lost(t, LDH_C, LDH_H);
    while (tree_send_one(t, LDH_C, LDH_H) != 0) {
    }
    tree_send(t, LDH_H, LDH_C); /* the words that take the first back */
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_refused"),
                        "2");
    t->now_ms += 4 * hour_ms;
    for (int n = 3; n < 6; n++) {
        district_add_dose(t, LDH_C, n);
        tree_send(t, LDH_C, LDH_H);
        tree_send(t, LDH_C, LDH_H);
        assert_string_equal(district_doses(t, LDH_H), district_doses(t, LDH_C));
        t->now_ms += day_ms;
    }
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_refused"),
                        "0");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_doses(t, i), "d1,d2,d3,d4,d5");
        tree_check(t, i);
    }
    tree_free(t);
}

/* --- what was said since ---------------------------------------------------- */

/* The hub was a year ahead when it registered the second person, and has signed it
 * anew by the right time. Its disk is put back from a copy of before. */
static struct tree *signed_anew(void)
{
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    district_add_person(t, LDH_H, 2);
    tree_back_up(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 0;
    tree_send(t, LDH_H, HQ); /* turned away, taken back */
    tree_send(t, LDH_H, HQ);
    return t;
}

static void assert_newer(struct tree *t)
{
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501,newer");
        tree_check(t, i);
    }
}

/* A clinic's link opens, which owes nothing, when headquarters has given back the
 * words that take it back and not yet what was said since. */
static void another_link_opens_while_it_is_given_back(void **state)
{
    (void)state;
    struct tree *t = signed_anew();
    district_call(t, LDH_H, 2, "newer");
    tree_send(t, LDH_H, HQ);
    tree_put_back(t, LDH_H, "copy");
    tree_tell_lost(t, LDH_H, HQ);
    while (strcmp(tree_get(t, LDH_H,
                           "SELECT count(*) > 0 FROM sync_changeset"
                           " WHERE voided"),
                  "1") != 0) {
        assert_int_not_equal(tree_send_one(t, HQ, LDH_H), 0);
    }
    tree_send(t, LDH_P, LDH_H);
    assert_newer(t);
    tree_free(t);
}

/* The clinic has those words and no more, and headquarters is met after it. */
static void a_childs_link_opens_first(void **state)
{
    (void)state;
    struct tree *t = signed_anew();
    while (strcmp(tree_get(t, LDH_C, "SELECT count(*) FROM sync_void"), "0") ==
           0) {
        assert_int_not_equal(tree_send_one(t, LDH_H, LDH_C), 0);
    }
    district_call(t, LDH_H, 2, "newer");
    tree_send(t, LDH_H, HQ);
    tree_put_back(t, LDH_H, "copy");
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, LDH_C);
    assert_newer(t);
    tree_free(t);
}

/* --- a large district ------------------------------------------------------- */

enum { CLINICS = 34 };

static struct tree *large_district(int clinics[CLINICS])
{
    struct tree *t = district_new(LDH_H);
    char text[300];
    for (int i = 0; i < CLINICS; i++) {
        (void)snprintf(text, sizeof text,
                       "INSERT INTO ref_site(site_id, name, kind, department,"
                       " district_code, parent_site_id) VALUES('K%d', 'Camp',"
                       " 'ooat_clinic', 'health', 'LDH', 'LDH-H')",
                       i);
        tree_sql(t, HQ, text);
    }
    tree_drain(t, HQ);
    tree_sync(t);
    for (int i = 0; i < CLINICS; i++) {
        (void)snprintf(text, sizeof text, "K%d", i);
        clinics[i] = tree_add(t, LDH_H, text);
    }
    return t;
}

static void up_and_down(struct tree *t, const int clinics[CLINICS])
{
    for (int i = 0; i < CLINICS; i++) {
        tree_send(t, clinics[i], LDH_H);
    }
    for (int i = 0; i < CLINICS; i++) {
        tree_send(t, LDH_H, clinics[i]);
    }
}

/* The hub is a year ahead, and so are its clinics, which follow its time. */
static void all_write_ahead(struct tree *t, const int clinics[CLINICS])
{
    t->nodes[LDH_H].ahead_ms = year_ms;
    for (int i = 0; i < CLINICS; i++) {
        t->nodes[clinics[i]].ahead_ms = year_ms;
        district_add_person(t, clinics[i], i);
    }
    up_and_down(t, clinics);
    t->nodes[LDH_H].ahead_ms = 0;
    for (int i = 0; i < CLINICS; i++) {
        t->nodes[clinics[i]].ahead_ms = 0;
        district_add_person(t, clinics[i], 100 + i);
    }
}

static void assert_persons(struct tree *t, int node)
{
    char count[20];
    (void)snprintf(count, sizeof count, "%d", 2 * CLINICS);
    assert_string_equal(tree_get(t, node, "SELECT count(*) FROM person"),
                        count);
}

/* All clocks are set, and all clinics take back what they signed; then the disk of
 * the hub is put back from before, and each clinic gives back what the others have
 * taken back. */
static void a_large_district_was_ahead(void **state)
{
    (void)state;
    int clinics[CLINICS];
    struct tree *t = large_district(clinics);
    up_and_down(t, clinics);
    tree_back_up(t, LDH_H, "copy");
    all_write_ahead(t, clinics);
    up_and_down(t, clinics); /* turned away, taken back */
    up_and_down(t, clinics);
    assert_persons(t, LDH_H);
    tree_put_back(t, LDH_H, "copy");
    for (int n = 0; n < 2; n++) {
        up_and_down(t, clinics);
        tree_send(t, LDH_H, HQ);
    }
    assert_persons(t, HQ);
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "0");
    tree_free(t);
}

/* A new hub, a year ahead and without a line to headquarters, enrols the clinics of
 * its district, each of which registers a person. Then there is a line, and its
 * clock is set right. [I-13] */
static void a_large_district_was_enrolled_ahead(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_H);
    char sql[200];
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_person(t, LDH_H, 100);
    for (int i = 0; i < CLINICS; i++) {
        int node = tree_add(t, LDH_H, "LDH-C");
        tree_send(t, LDH_H, node);
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO person(person_id, beneficiary_no)"
                       " VALUES('p%d', 'N%d')",
                       i, i);
        tree_sql(t, node, sql);
        tree_drain(t, node);
        tree_send(t, node, LDH_H);
    }
    t->nodes[LDH_H].ahead_ms = 0;
    struct err e;
    district_sync_days(t, 8);
    (void)tree_send_try(t, LDH_H, HQ, &e);
    (void)snprintf(sql, sizeof sql, "%d", CLINICS + 1);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), sql);
    tree_free(t);
}

/* --- rows that nobody has otherwise ----------------------------------------- */

/* It came into being at a clinic, and is not here yet. */
static void a_change_of_a_row_that_is_not_here(void **state)
{
    (void)state;
    struct err e = {0};
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    t->nodes[LDH_C].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    district_add_person(t, LDH_C, 2);
    tree_send(t, LDH_C, LDH_H);
    district_call(t, LDH_H, 2, "lost");
    tree_send(t, LDH_H, LDH_P);
    tree_send(t, LDH_H, LDH_C);
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = 0;
    district_call(t, LDH_C, 2, "newer"); /* who wrote it saw "lost" */
    tree_send(t, LDH_C, LDH_H);          /* turned away, taken back */
    tree_send(t, LDH_C, LDH_H);
    put_back_and_turned_away(t);
    t->now_ms += hour_ms;
    /* the prison gives back the change; its row is ahead, and not the prison's */
    assert_int_equal(tree_send_try(t, LDH_P, LDH_H, &e), ERR_FORBIDDEN);
    tree_send(t, HQ, LDH_H);
    assert_string_equal(district_parked(t, LDH_H), "lost");
    assert_newer(t);
    tree_free(t);
}

/* A clinic, whose clock is right, wrote of the row before it came back: that shows,
 * though what is signed anew has a later stamp. */
static void a_later_word_of_a_row_that_came_back(void **state)
{
    (void)state;
    struct tree *t = hub_ahead();
    tree_back_up(t, LDH_H, "copy");
    district_add_person(t, LDH_H, 2);
    tree_send(t, LDH_H, LDH_C);
    put_back_and_turned_away(t);
    t->now_ms += 4 * hour_ms;
    district_call(t, LDH_C, 2, "newer");
    t->now_ms += hour_ms;
    assert_newer(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i,
                                     "SELECT given_name || beneficiary_no FROM"
                                     " person WHERE person_id = 'p2'"),
                            "TestaN-2");
        assert_string_equal(district_parked(t, i), i == LDH_H ? "55502" : "");
    }
    tree_free(t);
}

/* --- orders of what is signed anew ------------------------------------------- */

/* Than what was written when the disk had been put back. */
static void what_was_lost_was_further_ahead(void **state)
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
    t->nodes[LDH_H].ahead_ms = 0;
    t->nodes[LDH_C].ahead_ms = hour_ms;
    t->now_ms += hour_ms;
    district_call(t, LDH_C, 1, "newer");
    tree_send(t, LDH_H, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    t->nodes[LDH_C].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "newer");
        tree_check(t, i);
    }
    tree_free(t);
}

/* Two years ahead, then one, then none: what was signed anew once is taken back too,
 * and stamped below what it was said after. */
static void what_was_said_after_it_was_signed_anew(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    t->nodes[HQ].ahead_ms = year_ms;
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = 2 * year_ms;
    district_add_person(t, LDH_H, 2);
    district_call(t, LDH_H, 2, "first");
    tree_send(t, LDH_H, LDH_C);
    t->nodes[LDH_H].ahead_ms = year_ms;
    tree_send(t, LDH_H, HQ); /* turned away, taken back */
    district_call(t, LDH_H, 2, "newer");
    tree_send(t, LDH_H, LDH_C);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[HQ].ahead_ms = 0;
    t->nodes[LDH_H].ahead_ms = 0;
    district_add_dose(t, LDH_H, 5);
    tree_send(t, LDH_H, HQ);
    tree_send(t, HQ, LDH_H); /* turned away, taken back */
    tree_send(t, LDH_C, LDH_H);
    assert_newer(t);
    tree_free(t);
}

static const char *owner_at(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT owner_site || ' ' || owner_epoch FROM enrolment");
}

/* A hub took a row over in the time that is taken back: a person is told. */
static void an_acceptance_that_came_back(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_C, 1);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'p1', 'OOAT', 'active')");
    tree_drain(t, LDH_C);
    tree_sql(t, LDH_C,
             "INSERT INTO referral(person_id, enrolment_id, kind, to_site,"
             " offered_epoch) VALUES('p1', 'e', 'transfer_of_care', 'LDH-H',"
             " 1)");
    tree_drain(t, LDH_C);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_dose(t, LDH_H, 1);
    tree_back_up(t, LDH_H, "copy");
    tree_sql(t, LDH_H, "UPDATE enrolment SET owner_site = 'LDH-H'");
    tree_drain(t, LDH_H);
    tree_send(t, LDH_H, LDH_C);
    assert_string_equal(owner_at(t, LDH_C), "LDH-H 2");
    put_back_and_turned_away(t);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(owner_at(t, i), "LDH-C 1");
        tree_check(t, i);
    }
    assert_string_equal(district_parked(t, LDH_H), "LDH-H");
    tree_free(t);
}

/* Two neighbours say that the disk was put back, and the node started again in
 * between: what it wrote after the first is taken for as old as what was lost. */
static void what_was_written_since_and_found_out_twice(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_person(t, LDH_H, 1);
    tree_sync(t);
    tree_back_up(t, LDH_H, "copy");
    district_add_person(t, LDH_H, 2);
    tree_send(t, LDH_H, HQ);
    tree_send(t, LDH_H, LDH_P);
    tree_put_back(t, LDH_H, "copy");
    t->nodes[LDH_H].ahead_ms = year_ms;
    tree_tell_lost(t, LDH_H, HQ);
    district_call(t, LDH_H, 1, "since");
    tree_restart(t, LDH_H);
    tree_tell_lost(t, LDH_H, LDH_P);
    t->nodes[LDH_H].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(district_phones(t, i), "55501,55502");
        tree_check(t, i);
    }
    assert_string_equal(district_parked(t, LDH_H), "since");
    assert_non_null(strstr(tree_get(t, LDH_H, "SELECT says FROM sync_parked"),
                           "a disk was put back then"));
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_void_lacks_what_it_builds_on),
        cmocka_unit_test(what_is_void_names_what_was_turned_away),
        cmocka_unit_test(what_counts_builds_on_what_is_void),
        cmocka_unit_test(what_is_void_comes_again_with_what_was_refused),
        cmocka_unit_test(what_was_turned_away_on_top_of_what_is_void),
        cmocka_unit_test(another_link_opens_while_it_is_given_back),
        cmocka_unit_test(a_childs_link_opens_first),
        cmocka_unit_test(a_large_district_was_ahead),
        cmocka_unit_test(a_large_district_was_enrolled_ahead),
        cmocka_unit_test(a_change_of_a_row_that_is_not_here),
        cmocka_unit_test(a_later_word_of_a_row_that_came_back),
        cmocka_unit_test(what_was_lost_was_further_ahead),
        cmocka_unit_test(what_was_said_after_it_was_signed_anew),
        cmocka_unit_test(an_acceptance_that_came_back),
        cmocka_unit_test(what_was_written_since_and_found_out_twice),
    };
    return cmocka_run_group_tests_name("returned", tests, NULL, NULL);
}
