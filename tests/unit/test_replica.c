/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/scratch.h"
#include "support/tree.h"

enum { HQ, LDH_H, ASR_H, LDH_C, LDH_P, ASR_C };

/* Headquarters, two hubs, a clinic and a prison in Ludhiana, a clinic in
 * Amritsar; all in step. */
static struct tree *tree_of_six(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR_H);
    tree_sync(t);
    assert_int_equal(tree_add(t, LDH_H, "LDH-C"), LDH_C);
    assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P);
    assert_int_equal(tree_add(t, ASR_H, "ASR-C"), ASR_C);
    tree_sync(t);
    return t;
}

static void check_all(struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
}

static void add_person(struct tree *t, int node, const char *id)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, given_name)"
                   " VALUES('%s', 'N-%s', 'Testa')",
                   id, id);
    tree_sql(t, node, sql);
}

static const char p1[] = "01900000-0000-7000-8000-000000000001";
static const char p2[] = "01900000-0000-7000-8000-000000000002";

/* --- a change travels ---------------------------------------------------- */

static void a_dose_travels_to_headquarters_through_a_hub(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sql(t, LDH_C,
             "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
             " units, verified_by, dispensed_by) VALUES('d1',"
             "'01900000-0000-7000-8000-000000000001','observed','BUP-2',3,"
             "'photo_card','nurse 4')");
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT dispensed_by FROM dose_event"),
                        "nurse 4");
    assert_string_equal(tree_get(t, HQ, "SELECT origin_site FROM dose_event"),
                        "LDH-C");
    assert_string_equal(tree_get(t, HQ, "SELECT given_name FROM person"),
                        "Testa");
    assert_string_equal(tree_get(t, LDH_P, "SELECT units FROM dose_event"),
                        "3");
    /* another district does not get it */
    assert_string_equal(tree_get(t, ASR_C, "SELECT count(*) FROM dose_event"),
                        "0");
    check_all(t);
    tree_free(t);
}

static void reference_rows_go_to_all(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM ref_site"),
                            "7");
        assert_string_equal(
            tree_get(t, i, "SELECT count(*) FROM sync_certificate"), "6");
    }
    check_all(t);
    tree_free(t);
}

/* --- merging ------------------------------------------------------------- */

static void different_columns_of_one_person_both_survive(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sync(t);
    tree_sql(t, LDH_C, "UPDATE person SET phone = '111'");
    tree_sql(t, LDH_P, "UPDATE person SET home_locality = 'Ward 4'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != ASR_H && i != ASR_C) {
            assert_string_equal(
                tree_get(t, i, "SELECT phone || home_locality FROM person"),
                "111Ward 4");
        }
    }
    check_all(t);
    tree_free(t);
}

static void the_later_write_of_a_column_wins_everywhere(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sync(t);
    tree_sql(t, LDH_C, "UPDATE person SET phone = 'first'");
    tree_drain(t, LDH_C);
    tree_sql(t, LDH_P, "UPDATE person SET phone = 'second'");
    tree_drain(t, LDH_P);
    /* the later arrives first at the hub */
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT phone FROM person"), "second");
    assert_string_equal(tree_get(t, LDH_C, "SELECT phone FROM person"),
                        "second");
    check_all(t);
    tree_free(t);
}

static void an_update_whose_life_has_not_come_waits(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sync(t);
    /* headquarters' leaves go to all, the clinic's only to its district */
    tree_sql(t, HQ, "UPDATE person SET phone = '222'");
    tree_sync(t);
    assert_string_equal(tree_get(t, ASR_C, "SELECT count(*) FROM person"), "0");
    assert_string_equal(
        tree_get(t, ASR_C, "SELECT verdict || ' ' || says FROM sync_verdict"),
        "waiting the insert of the row is not held");
    assert_string_equal(tree_get(t, LDH_P, "SELECT phone FROM person"), "222");
    check_all(t);
    tree_free(t);
}

static void a_site_cannot_change_what_another_owns(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status) VALUES('e1','01900000-0000-7000-8000-000000000001',"
             "'OOAT','active')");
    tree_sync(t);
    tree_sql_fails(t, LDH_P, "UPDATE enrolment SET status = 'ceased'",
                   "belongs to another site");
    check_all(t);
    tree_free(t);
}

static void a_write_past_the_guards_is_parked_and_shown(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status) VALUES('e1','01900000-0000-7000-8000-000000000001',"
             "'OOAT','active')");
    tree_sync(t);
    /* someone drops the guard and captures by hand */
    tree_sql(t, LDH_P,
             "DROP TRIGGER sync_enrolment_update_6;"
             "UPDATE enrolment SET status = 'ceased';"
             "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
             " VALUES(30, 6, 'e1', 'active', 0)");
    tree_sync(t);
    assert_string_equal(tree_get(t, LDH_P, "SELECT status FROM enrolment"),
                        "active");
    assert_string_equal(
        tree_get(t, LDH_P, "SELECT value || ': ' || says FROM sync_parked"),
        "ceased: the row belongs to site LDH-C");
    assert_string_equal(tree_get(t, HQ, "SELECT status FROM enrolment"),
                        "active");
    check_all(t);
    tree_free(t);
}

static void a_register_row_written_again_stays_as_it_was(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    static const char again[] =
        "INSERT OR REPLACE INTO dose_event(dose_id, person_id, kind, units,"
        " verified_by, dispensed_by, service_date, occurred_at) VALUES('d1',"
        "'01900000-0000-7000-8000-000000000001','observed',3,'manual','me',"
        "'2026-09-21','2026-09-21T08:00:00.000Z')";
    static const char when[] = "SELECT recorded_at FROM dose_event";
    tree_sql(t, LDH_C, again);
    tree_sql(t, LDH_C, again); /* before anything was signed */
    tree_sync(t);
    const char *signed_at = tree_get(t, HQ, when);
    assert_string_equal(tree_get(t, LDH_C, when), signed_at);
    sqlite3_sleep(5); /* another default for recorded_at */
    tree_sql(t, LDH_C, again);
    assert_string_not_equal(tree_get(t, LDH_C, when), signed_at);
    tree_sync(t);
    assert_string_equal(tree_get(t, LDH_C, when), signed_at);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM dose_event"),
                        "1");
    check_all(t);
    tree_free(t);
}

static void a_record_replaced_keeps_what_is_written_once(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sync(t);
    char at[64];
    (void)snprintf(at, sizeof at, "%s",
                   tree_get(t, HQ, "SELECT recorded_at FROM person"));
    sqlite3_sleep(5);
    tree_sql(t, LDH_P,
             "INSERT OR REPLACE INTO person(person_id, beneficiary_no, phone,"
             " origin_site) VALUES('01900000-0000-7000-8000-000000000001',"
             "'N-01900000-0000-7000-8000-000000000001', '7', 'LDH-C')");
    tree_sync(t);
    for (int i = HQ; i < ASR_C; i++) {
        if (i != ASR_H) {
            assert_string_equal(
                tree_get(t, i,
                         "SELECT phone || coalesce(given_name, '-')"
                         " || recorded_at FROM person"),
                tree_get(t, HQ, "SELECT '7-' || recorded_at FROM person"));
            assert_string_equal(
                tree_get(t, i, "SELECT recorded_at FROM person"), at);
        }
    }
    check_all(t);
    tree_free(t);
}

/* --- capture and restart -------------------------------------------------- */

static void applying_captures_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    add_person(t, LDH_P, p2);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM sync_pending"),
                            "0");
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "SELECT head_seq FROM sync_origin WHERE node ="
                       " (SELECT node FROM sync_self)");
        uint64_t before = strtoull(tree_get(t, i, sql), NULL, 10);
        tree_drain(t, i);
        assert_int_equal(strtoull(tree_get(t, i, sql), NULL, 10), before);
    }
    tree_free(t);
}

static void numbers_count_on_after_a_restart(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    add_person(t, LDH_C, p1);
    tree_sync(t);
    tree_restart(t, LDH_C);
    add_person(t, LDH_C, p2);
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), "2");
    assert_string_equal(
        tree_get(t, HQ,
                 "SELECT count(DISTINCT c.incarnation) || ' ' ||"
                 " count(*) || ' ' || max(seq)"
                 " FROM sync_changeset c JOIN sync_origin o USING(origin_no)"
                 " JOIN sync_certificate k ON k.node = o.node"
                 " WHERE k.site = 'LDH-C'"),
        "2 2 2");
    check_all(t);
    tree_free(t);
}

static void replaying_the_journal_gives_the_same_tables(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    uint64_t leaves = 0;
    struct err e;
    add_person(t, LDH_C, p1);
    tree_sync(t);
    tree_sql(t, LDH_P, "UPDATE person SET phone = '5'");
    tree_sync(t);
    const char *before =
        tree_get(t, HQ, "SELECT phone || recorded_at FROM person");
    assert_int_equal(
        replica_rebuild(t->nodes[HQ].replica, t->now_ms, &leaves, &e), 0);
    assert_true(leaves > 10);
    assert_string_equal(
        tree_get(t, HQ, "SELECT phone || recorded_at FROM person"), before);
    check_all(t);
    tree_free(t);
}

static void an_invite_works_once(void **state)
{
    (void)state;
    struct tree *t = tree_of_six();
    struct err e;
    struct message grant;
    struct keys other;
    struct enrol_request request = {
        .network = replica_self(t->nodes[HQ].replica)->network};
    sqlite3_stmt *stmt;
    sqlite3_prepare_v2(t->nodes[LDH_H].client,
                       "SELECT curve_public FROM local_invite", -1, &stmt,
                       NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    memcpy(request.invite_curve, sqlite3_column_blob(stmt, 0), 32);
    sqlite3_finalize(stmt);
    /* the same keys again: the same answer */
    enrol_request_sign(&request, &t->nodes[LDH_C].keys);
    assert_int_equal(
        replica_enrol(t->nodes[LDH_H].replica, &request, t->now_ms, &grant, &e),
        0);
    assert_true(grant.as.grant.certificate ==
                replica_self(t->nodes[LDH_C].replica)->certificate);
    message_clear(&grant);
    keys_generate(&other);
    enrol_request_sign(&request, &other);
    assert_int_equal(
        replica_enrol(t->nodes[LDH_H].replica, &request, t->now_ms, &grant, &e),
        ERR_SPENT);
    tree_free(t);
}

/* --- birth --------------------------------------------------------------- */

static int create_within(const char *path, rlim_t bytes, struct err *e)
{
    const struct zone_offset india = {INT64_MIN, 19800};
    struct replica_birth birth = {.site_id = "PB-HQ",
                                  .time_zone = "Asia/Kolkata",
                                  .offsets = &india,
                                  .offset_count = 1};
    struct rlimit before;
    struct keys keys;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit little = {bytes, before.rlim_max};
    keys_generate(&keys);
    birth.network = keys_node(keys.sign_public);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    int rc = replica_create(path, &birth, &keys, NULL, 1, e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    keys_wipe(&keys);
    return rc;
}

static void a_birth_without_room_says_so_and_leaves_no_file(void **state)
{
    (void)state;
    enum { FILE_BYTES_MAX = 64 * 1024 };
    char *folder = scratch_folder();
    char *path = scratch_path(folder, "replica.db");
    struct err e = {0};
    assert_true(create_within(path, FILE_BYTES_MAX, &e) < 0);
    assert_string_equal(e.text, "SQLite: disk I/O error");
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    scratch_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dose_travels_to_headquarters_through_a_hub),
        cmocka_unit_test(reference_rows_go_to_all),
        cmocka_unit_test(different_columns_of_one_person_both_survive),
        cmocka_unit_test(the_later_write_of_a_column_wins_everywhere),
        cmocka_unit_test(an_update_whose_life_has_not_come_waits),
        cmocka_unit_test(a_site_cannot_change_what_another_owns),
        cmocka_unit_test(a_write_past_the_guards_is_parked_and_shown),
        cmocka_unit_test(a_register_row_written_again_stays_as_it_was),
        cmocka_unit_test(a_record_replaced_keeps_what_is_written_once),
        cmocka_unit_test(applying_captures_nothing),
        cmocka_unit_test(numbers_count_on_after_a_restart),
        cmocka_unit_test(replaying_the_journal_gives_the_same_tables),
        cmocka_unit_test(an_invite_works_once),
        cmocka_unit_test(a_birth_without_room_says_so_and_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
