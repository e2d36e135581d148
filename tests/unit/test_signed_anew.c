/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and offers that who made them took back and signs anew: others go
 * on meanwhile (semantics.md, section 4). */
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
#include "support/forged.h"
#include "support/later.h"

static const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;

/* A hub is new and its clock is a year ahead: it enrols a clinic, and somebody
 * imports a register. It meets headquarters and takes all back. To the clinic come
 * the words that take it back, then the line is cut for weeks; its certificate,
 * signed anew, is still on its way. What the clinic dispenses is signed or shown
 * [I-6], and needs no person afterwards [I-13]. */
static struct tree *hub_that_was_ahead(void)
{
    struct tree *t = district_new(LDH_H);
    t->nodes[LDH_H].ahead_ms = year_ms;
    district_add_person(t, LDH_H, 1);
    assert_int_equal(tree_add(t, LDH_H, "LDH-C"), LDH_C);
    tree_send(t, LDH_H, LDH_C);
    tree_restart(t, LDH_C);
    district_add_dose(t, LDH_C, 1);
    tree_send(t, LDH_C, LDH_H);
    t->nodes[LDH_H].ahead_ms = 0;
    struct err e;
    (void)tree_send_try(t, LDH_H, HQ, &e); /* turned away, taken back */
    t->now_ms += ASK_AGAIN_MIN_MS;
    (void)tree_send_try(t, LDH_H, HQ, &e);
    return t;
}

static void a_clinic_whose_certificate_is_taken_back_goes_on(void **state)
{
    (void)state;
    struct tree *t = hub_that_was_ahead();
    assert_string_equal(
        tree_get(t, LDH_H, "SELECT count(*) > 0 FROM sync_void"), "1");
    while (strcmp(tree_get(t, LDH_C, "SELECT count(*) FROM sync_void"), "0") ==
           0) {
        assert_true(tree_send_one(t, LDH_H, LDH_C) > 0);
    }
    district_add_dose(t, LDH_C, 2);
    tree_check(t, LDH_C);
    tree_restart(t, LDH_C);
    tree_check(t, LDH_C);
    assert_string_equal(district_doses(t, LDH_C), "d1,d2");
    district_sync_days(t, 10);
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
        tree_restart(t, i);
        tree_check(t, i);
    }
    tree_check_verdicts(t, LDH_H, LDH_C);
    assert_string_equal(district_doses(t, HQ), "d1,d2");
    assert_string_equal(tree_get(t, LDH_C, "SELECT count(*) FROM sync_parked"),
                        "0");
    tree_free(t);
}

/* Nobody can withdraw a dose register by a stamp of long ago. A hub takes back, by
 * one, all that it ever signed: the certificate of its clinic is among it. */
static void a_hub_withdraws_no_register_by_an_old_stamp(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct err e;
    district_add_person(t, LDH_C, 1);
    district_add_dose(t, LDH_C, 1);
    tree_sync(t);
    struct replica *r = t->nodes[LDH_H].replica;
    struct voiding v = {.node = r->self.node, .after = 0};
    v.incarnation = replica_own_origin(r)->head_incarnation;
    const struct origin never = {.no = 0};
    forged_go_back(t, LDH_H, &never, 12345);
    voiding_leaf(&v, &memory, leaf);
    assert_int_equal(replica_begin(r, &e), 0);
    assert_int_equal(
        replica_end(r, replica_sign_control(r, leaf, 1000, t->now_ms, &e), &e),
        0);
    bytes_free(&memory);
    free(leaf);
    district_sync_days(t, 3);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_void"), "1");
    assert_string_equal(district_doses(t, HQ), "d1");
    assert_string_equal(district_doses(t, LDH_C), "d1");
    tree_free(t);
}

static void damage(struct tree *t, int node, const char *sql)
{
    sqlite3 *db = t->nodes[node].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* A hub's disk damages the root's renewal on its way to a site; the hub's own
 * renewals go on (decision 26). Then it is mended. [I-13] */
static void a_renewal_that_comes_before_its_issuers(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct err e;
    district_add_person(t, LDH_C, 1);
    tree_sync(t);
    tree_upgrade(t, HQ, later_schema(&schema_embedded, LATER_CLASS));
    tree_send(t, HQ, LDH_H); /* the hub has its own, and makes the children's */
    damage(t, LDH_H,
           "CREATE TEMP TABLE whole AS SELECT c.origin_no, c.seq, c.signature"
           " FROM sync_changeset c JOIN sync_origin USING(origin_no) JOIN"
           " sync_certificate USING(node) WHERE site = 'PB-HQ' AND c.seq >="
           " (SELECT max(seq) - 1 FROM sync_changeset x WHERE x.origin_no ="
           " c.origin_no) GROUP BY 1, 2;"
           "UPDATE sync_changeset SET signature = zeroblob(64) WHERE"
           " (origin_no, seq) IN (SELECT origin_no, seq FROM whole)");
    assert_int_equal(tree_send_try(t, LDH_H, LDH_P, &e), ERR_SIGNATURE);
    damage(t, LDH_H,
           "UPDATE sync_changeset SET signature = w.signature FROM whole w"
           " WHERE w.origin_no = sync_changeset.origin_no AND w.seq ="
           " sync_changeset.seq; DROP TABLE whole");
    for (int i = 0; i < 20; i++) {
        t->now_ms += INT64_C(24) * 3600 * 1000;
        for (int n = 1; n < t->count; n++) {
            (void)tree_send_try(t, n, t->nodes[n].parent, &e);
            (void)tree_send_try(t, t->nodes[n].parent, n, &e);
        }
    }
    tree_restart(t, LDH_P);
    district_call(t, LDH_C, 1, "777");
    for (int i = 0; i < 20; i++) {
        t->now_ms += INT64_C(24) * 3600 * 1000;
        for (int n = 1; n < t->count; n++) {
            (void)tree_send_try(t, n, t->nodes[n].parent, &e);
            (void)tree_send_try(t, t->nodes[n].parent, n, &e);
        }
    }
    assert_string_equal(tree_get(t, LDH_P, "SELECT count(*) FROM sync_barred"),
                        "0");
    assert_string_equal(district_phones(t, LDH_P), "777");
    tree_check_verdicts(t, HQ, LDH_P);
    tree_free(t);
}

/* --- offers ---------------------------------------------------------------- */

enum { OFFERS = 16 };

static void offer_all(struct tree *t, int node, const char *to)
{
    char sql[300];
    for (int i = 0; i < OFFERS; i++) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO referral(person_id, enrolment_id, kind,"
                       " to_site, offered_epoch) VALUES('p1', 'e%d',"
                       " 'transfer_of_care', '%s', 1)",
                       i, to);
        tree_sql(t, node, sql);
    }
    tree_drain(t, node);
}

/* A hub was ahead when it offered rows; it has taken that back and signed it
 * anew, and the site knows both before it takes anything. Headquarters gets only
 * one of them while the other is ahead of time [I-13]. */
static void who_accepts_names_an_offer_that_others_get(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    char sql[300];
    district_add_person(t, LDH_H, 1);
    for (int i = 0; i < OFFERS; i++) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO enrolment(enrolment_id, person_id,"
                       " programme, status) VALUES('e%d', 'p1', 'OOAT',"
                       " 'active')",
                       i);
        tree_sql(t, LDH_H, sql);
    }
    tree_drain(t, LDH_H);
    tree_sync(t);
    t->nodes[LDH_H].ahead_ms = year_ms;
    offer_all(t, LDH_H, "LDH-P");
    tree_send(t, LDH_H, LDH_P);
    t->nodes[LDH_H].ahead_ms = 0;
    tree_sync(t); /* turned away, taken back, signed anew */
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM referral"), "16");
    tree_sql(t, LDH_P,
             "UPDATE enrolment SET owner_site = 'LDH-P', named_worker = 'W'");
    tree_drain(t, LDH_P);
    tree_sync(t);
    tree_sync(t);
    static const char owned[] =
        "SELECT count(*) FROM enrolment WHERE owner_site = 'LDH-P'";
    assert_string_equal(tree_get(t, LDH_P, owned), "16");
    assert_string_equal(tree_get(t, LDH_H, owned), "16");
    assert_string_equal(tree_get(t, HQ, owned), "16");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clinic_whose_certificate_is_taken_back_goes_on),
        cmocka_unit_test(a_hub_withdraws_no_register_by_an_old_stamp),
        cmocka_unit_test(who_accepts_names_an_offer_that_others_get),
        cmocka_unit_test(a_renewal_that_comes_before_its_issuers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
