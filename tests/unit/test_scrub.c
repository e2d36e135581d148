/* SPDX-License-Identifier: Apache-2.0 */
/* What triggers could not see, and lies about what they saw. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tree.h"

enum { HQ, LDH_H, LDH_C, LDH_P };

#define P1 "01900000-0000-7000-8000-000000000001"
#define P2 "01900000-0000-7000-8000-000000000002"
#define WHERE_P1 " WHERE person_id = '" P1 "'"

/* Two persons, a dose and an enrolment of the clinic are everywhere. */
static struct tree *tree_of_four(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    tree_sync(t);
    assert_int_equal(tree_add(t, LDH_H, "LDH-C"), LDH_C);
    assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P);
    tree_sync(t);
    tree_sql(t, LDH_C,
             "INSERT INTO person(person_id, beneficiary_no, given_name, phone)"
             " VALUES('" P1 "', 'N-1', 'Testa', '1'),"
             " ('" P2 "', 'N-2', 'Testb', '2');"
             "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
             " units, verified_by, dispensed_by) VALUES('d1', '" P1 "',"
             " 'observed', 'BUP-2', 3, 'photo_card', 'nurse 4');"
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status) VALUES('e1', '" P1 "', 'OOAT', 'active')");
    tree_sync(t);
    return t;
}

/* As a program with triggers off would. */
static void past_triggers(struct tree *t, int node, const char *sql)
{
    sqlite3 *client = t->nodes[node].client;
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

static struct verified scrub(struct tree *t, int node, const char *accept,
                             const char *restore)
{
    const struct scrub_order order = {
        .now_ms = t->now_ms,
        .accept = accept,
        .restore = restore,
    };
    struct verified v;
    struct err e = {0};
    if (replica_scrub(t->nodes[node].replica, &order, &v, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return v;
}

/* Everywhere, and a replay agrees. */
static void shows(struct tree *t, const char *sql, const char *wanted)
{
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, sql), wanted);
        tree_check(t, i);
    }
}

static void says(struct tree *t, int node, const char *sql, const char *wanted)
{
    assert_string_equal(tree_get(t, node, sql), wanted);
}

/* --- what is found is signed ---------------------------------------------- */

static void a_scrub_of_a_sound_replica_finds_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    /* what waits for its signature is no difference */
    tree_sql(t, LDH_C, "UPDATE person SET phone = '7'" WHERE_P1);
    struct verified v = scrub(t, LDH_C, NULL, NULL);
    assert_int_equal(v.differ, 0);
    assert_true(v.rows > 10);
    says(t, LDH_C, "SELECT count(*) FROM sync_pending", "1");
    says(t, LDH_C,
         "SELECT (ended_ms = clean_ms) || differing FROM"
         " local_scrub",
         "10");
    says(t, LDH_C, "SELECT count(*) FROM local_scrub_finding", "0");
    tree_free(t);
}

static void writes_past_the_triggers_are_signed_after_all(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    past_triggers(
        t, LDH_C,
        "UPDATE person SET phone = '77', birth_year = 1990" WHERE_P1
        "; INSERT INTO person(person_id, beneficiary_no, phone)"
        " VALUES('p3', 'N-3', '3');"
        "INSERT INTO dose_event(dose_id, person_id, kind, verified_by,"
        " dispensed_by) VALUES('d2', 'p3', 'missed', 'none', 'me')");
    says(t, LDH_C, "SELECT count(*) FROM sync_pending", "0");
    struct verified v = scrub(t, LDH_C, NULL, NULL);
    assert_int_equal(v.differ, 3);
    assert_int_equal(v.signed_rows, 3);
    assert_int_equal(v.restored + v.held, 0);
    tree_sync(t);
    shows(t,
          "SELECT group_concat(phone || coalesce(birth_year, '')) FROM"
          " (SELECT * FROM person ORDER BY person_id)",
          "771990,2,3");
    shows(t, "SELECT group_concat(dose_id) FROM dose_event", "d1,d2");
    says(t, LDH_C,
         "SELECT group_concat(table_name || row_count || did) FROM"
         " (SELECT * FROM local_scrub_finding ORDER BY 1)",
         "dose_event1signed,person2signed");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).differ, 0);
    says(t, LDH_C, "SELECT count(*) FROM local_scrub_finding", "0");
    tree_free(t);
}

static void a_row_written_while_it_is_mended_is_written_once(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    past_triggers(t, LDH_C, "UPDATE person SET phone = '77'" WHERE_P1);
    tree_sql(t, LDH_C, "UPDATE person SET phone = '78'" WHERE_P1);
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).differ, 0);
    tree_sync(t);
    shows(t, "SELECT phone FROM person" WHERE_P1, "78");
    tree_free(t);
}

/* --- what may not be is put back ------------------------------------------ */

static void an_altered_register_is_put_back_with_an_alarm(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    /* the route too: the row names another scope than its leaf has */
    past_triggers(t, LDH_C,
                  "UPDATE dose_event SET units = 9, person_id = '" P2 "'");
    struct verified v = scrub(t, LDH_C, NULL, NULL);
    assert_int_equal(v.restored, 1);
    tree_sync(t);
    shows(t, "SELECT units || person_id FROM dose_event", "3" P1);
    says(t, LDH_C,
         "SELECT group_concat(column_id || '=' || value) FROM sync_parked"
         " WHERE table_id = 32",
         "2=" P2 ",10=9");
    past_triggers(t, LDH_P, "DELETE FROM dose_event");
    assert_int_equal(scrub(t, LDH_P, NULL, NULL).restored, 1);
    tree_sync(t);
    shows(t, "SELECT units || person_id FROM dose_event", "3" P1);
    says(t, LDH_P,
         "SELECT table_name || row_count || did || says FROM"
         " local_scrub_finding",
         "dose_event1restoredd1: the row was deleted past the triggers");
    tree_free(t);
}

static void what_this_site_may_not_write_is_put_back_and_parked(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    past_triggers(t, LDH_P,
                  "UPDATE enrolment SET status = 'ceased';"
                  "UPDATE ref_site SET name = 'Ours' WHERE site_id = 'LDH-P';"
                  "INSERT INTO ref_code(code_system, code, label_en)"
                  " VALUES('alert', 'x', 'X');"
                  "UPDATE person SET beneficiary_no = 'N-9', phone = '99'"
                  " WHERE person_id = '" P2 "';"
                  "DELETE FROM person" WHERE_P1);
    struct verified v = scrub(t, LDH_P, NULL, NULL);
    assert_int_equal(v.differ, 5);
    assert_int_equal(v.restored, 5);
    tree_sync(t);
    shows(t, "SELECT status FROM enrolment", "active");
    shows(t, "SELECT name FROM ref_site WHERE site_id = 'LDH-P'", "Prison");
    shows(t, "SELECT count(*) FROM ref_code", "0");
    shows(t,
          "SELECT group_concat(beneficiary_no || phone) FROM"
          " (SELECT * FROM person ORDER BY person_id)",
          "N-11,N-299");
    says(t, LDH_P,
         "SELECT group_concat(value) FROM sync_parked WHERE value IN"
         " ('ceased', 'Ours', 'X') ORDER BY 1",
         "Ours,X,ceased");
    assert_int_equal(scrub(t, LDH_P, NULL, NULL).differ, 0);
    says(t, LDH_P,
         "SELECT sum(row_count) FROM local_scrub_finding WHERE"
         " did = 'restored'",
         "5");
    tree_free(t);
}

static void the_nodes_own_state_of_a_row_is_put_back(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    tree_sql(t, LDH_C,
             "DROP TRIGGER sync_sync_row_guard_delete;"
             "DELETE FROM sync_row WHERE table_id = 20");
    struct verified v = scrub(t, LDH_C, NULL, NULL);
    assert_int_equal(v.restored, 2);
    tree_sync(t);
    shows(t, "SELECT count(*) FROM person", "2");
    tree_free(t);
}

/* --- too much ------------------------------------------------------------- */

static void add_many(struct tree *t)
{
    tree_sql(t, LDH_C,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
             " WHERE i < 1200) INSERT INTO person(person_id, beneficiary_no,"
             " phone) SELECT printf('many-%04d', i), 'M', 'old' FROM n");
    tree_drain(t, LDH_C);
}

static void when_much_differs_a_person_is_asked(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    add_many(t);
    past_triggers(t, LDH_C,
                  "UPDATE person SET phone = 'new' WHERE person_id"
                  " <= 'many-0101' AND person_id GLOB 'many*';"
                  "UPDATE enrolment SET status = 'on_hold'");
    struct verified v = scrub(t, LDH_C, NULL, NULL);
    assert_int_equal(v.held, 101);
    assert_int_equal(v.signed_rows, 1); /* another table goes on */
    tree_drain(t, LDH_C);
    says(t, LDH_C,
         "SELECT row_count || says FROM local_scrub_finding WHERE"
         " did = 'held'",
         "101many-0001: too much of the table differs");
    says(t, LDH_C, "SELECT clean_ms IS NULL FROM local_scrub", "1");
    assert_int_equal(scrub(t, LDH_C, "enrolment", NULL).held, 101);
    v = scrub(t, LDH_C, "person", NULL);
    assert_int_equal(v.signed_rows, 101);
    tree_sync(t);
    says(t, HQ, "SELECT count(*) FROM person WHERE phone = 'new'", "101");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).differ, 0);
    tree_free(t);
}

static void a_hundred_rows_or_a_twentieth_are_not_asked_about(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    add_many(t);
    past_triggers(t, LDH_C,
                  "UPDATE person SET phone = 'new' WHERE person_id"
                  " <= 'many-0100' AND person_id GLOB 'many*'");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).signed_rows, 100);
    tree_free(t);
}

static void a_table_is_restored_when_a_person_says_so(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    add_many(t);
    past_triggers(t, LDH_C,
                  "UPDATE person SET phone = 'new' WHERE person_id GLOB"
                  " 'many-0*'; DELETE FROM person WHERE person_id GLOB"
                  " 'many-1*'; INSERT INTO person(person_id, beneficiary_no)"
                  " VALUES('more', 'M')");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).held, 1201);
    assert_int_equal(scrub(t, LDH_C, NULL, "person").restored, 1201);
    tree_drain(t, LDH_C);
    says(t, LDH_C, "SELECT count(*) FROM person WHERE phone = 'old'", "1200");
    says(t, LDH_C, "SELECT count(*) FROM person", "1202");
    says(t, LDH_C, "SELECT count(*) FROM sync_parked WHERE value = 'new'",
         "999");
    says(t, LDH_C,
         "SELECT count(*) FROM sync_parked WHERE column_id = 2 AND"
         " value = 'M'",
         "1");
    tree_check(t, LDH_C);
    tree_free(t);
}

/* --- lies ----------------------------------------------------------------- */

#define PENDING                                                                \
    "INSERT INTO sync_pending(table_id, what, k1, old, at_ms) VALUES"

static const char leaves_sql[] = "SELECT leaves FROM sync_origin WHERE node ="
                                 " (SELECT node FROM sync_self)";

static long leaves(struct tree *t, int node)
{
    return strtol(tree_get(t, node, leaves_sql), NULL, 10);
}

static void nonsense_stops_no_other_write(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    tree_sql(t, LDH_C,
             PENDING "(77, 0, 'x', NULL, 0), (20, 99, '" P1 "', 1, -5),"
                     " (20, 3, NULL, 'o', 9e18), (1, 0, x'', NULL, 0),"
                     " (20, 3, zeroblob(1500000), 'o', 0);"
                     "UPDATE person SET phone = '5'" WHERE_P1);
    tree_sync(t);
    shows(t, "SELECT phone FROM person" WHERE_P1, "5");
    says(t, LDH_C, "SELECT count(*) FROM sync_parked", "5");
    tree_free(t);
}

static void a_lie_about_the_old_value_is_one_change_or_none(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    long before = leaves(t, LDH_C);
    /* nothing was changed: one redundant leaf */
    tree_sql(t, LDH_C, PENDING "(20, 13, '" P1 "', 'lie', 0)");
    tree_sync(t);
    assert_int_equal(leaves(t, LDH_C), before + 1);
    shows(t, "SELECT phone FROM person" WHERE_P1, "1");
    /* the lie hides a change: the scrub finds it */
    tree_sql(t, LDH_C,
             PENDING "(20, 13, '" P1 "', '6', CAST((julianday('now') -"
                     " 2440587.5) * 86400000 AS INTEGER));"
                     "UPDATE person SET phone = '6'" WHERE_P1);
    tree_sync(t);
    assert_int_equal(leaves(t, LDH_C), before + 1);
    says(t, HQ, "SELECT phone FROM person" WHERE_P1, "1");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).signed_rows, 1);
    tree_sync(t);
    shows(t, "SELECT phone FROM person" WHERE_P1, "6");
    tree_free(t);
}

/* Columns written once, keys, another's columns, and rows that are not there. */
static void a_lie_says_nothing_this_site_may_not_say(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    long before = leaves(t, LDH_P);
    tree_sql(t, LDH_P,
             PENDING "(20, 1, '" P1 "', 'lie', 0), (20, 2, '" P1 "', 'lie', 0),"
                     " (30, 6, 'e1', 'lie', 0), (20, 13, 'none', 'lie', 0),"
                     " (20, 0, 'none', NULL, 0), (10, 2, 'PB-HQ', 'lie', 0),"
                     " (32, 10, 'd1', 9, 0), (32, 0, 'd1', NULL, 0),"
                     " (32, 65535, 'd1', NULL, 0), (32, 65535, 'no', 1, 0),"
                     " (20, 65535, '" P1 "', 1, 0),"
                     " (20, 65534, '" P1 "', NULL, 0),"
                     " (20, 65533, '" P1 "', 'no scope', 0),"
                     " (20, 65533, 'none', x'00', 0),"
                     " (32, 65533, 'd1', x'01ffffffff', 0),"
                     " (32, 65533, 'no', NULL, 0)");
    tree_sync(t);
    assert_int_equal(leaves(t, LDH_P), before);
    shows(t,
          "SELECT group_concat(beneficiary_no || phone) FROM (SELECT * FROM"
          " person ORDER BY person_id)",
          "N-11,N-22");
    shows(t, "SELECT units FROM dose_event", "3");
    shows(t, "SELECT status FROM enrolment", "active");
    tree_free(t);
}

static void a_lie_about_an_own_event_is_a_leaf_without_effect(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    long before = leaves(t, LDH_C);
    tree_sql(t, LDH_C, PENDING "(32, 0, 'd1', NULL, 0)");
    tree_sync(t);
    assert_int_equal(leaves(t, LDH_C), before + 1);
    tree_sql(t, LDH_C, PENDING "(32, 10, 'd1', 9, 0)"); /* an UPDATE of one */
    tree_sync(t);
    assert_int_equal(leaves(t, LDH_C), before + 1);
    shows(t, "SELECT group_concat(units) FROM dose_event", "3");
    shows(t, "SELECT count(*) FROM sync_verdict", "0");
    tree_free(t);
}

/* --- tools that alter tables ---------------------------------------------- */

static void dropped_triggers_come_back_before_the_next_write(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    struct shaped shaped;
    struct replica *r = t->nodes[LDH_C].replica;
    (void)replica_shaped(r, &shaped);
    tree_sql(t, LDH_C,
             "DROP TRIGGER sync_person_update_13;"
             "UPDATE person SET phone = '8'" WHERE_P1);
    tree_drain(t, LDH_C);
    assert_true(replica_shaped(r, &shaped));
    assert_string_equal(shaped.triggers, "person");
    assert_string_equal(shaped.broken, "");
    assert_false(replica_shaped(r, &shaped));
    tree_sql(t, LDH_C,
             "UPDATE person SET phone = '9' WHERE person_id ="
             " '" P2 "'");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).signed_rows, 1);
    tree_sync(t);
    shows(t,
          "SELECT group_concat(phone) FROM (SELECT * FROM person ORDER BY"
          " person_id)",
          "8,9");
    tree_free(t);
}

static void a_column_that_a_tool_adds_is_of_this_replica(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    struct shaped shaped;
    tree_sql(t, LDH_C,
             "ALTER TABLE person ADD COLUMN shelf TEXT;"
             "UPDATE person SET shelf = 'A', phone = '8'" WHERE_P1);
    tree_sync(t);
    assert_true(replica_shaped(t->nodes[LDH_C].replica, &shaped));
    assert_string_equal(shaped.extra, "person.shelf");
    tree_sql(t, LDH_P, "UPDATE person SET phone = '9'" WHERE_P1);
    tree_sync(t);
    tree_restart(t, LDH_C);
    says(t, LDH_C, "SELECT shelf || phone FROM person" WHERE_P1, "A9");
    shows(t, "SELECT phone FROM person" WHERE_P1, "9");
    tree_free(t);
}

static void a_renamed_column_stops_its_table_and_no_other(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    struct shaped shaped;
    tree_sql(t, LDH_C,
             "ALTER TABLE person RENAME COLUMN phone TO telephone;"
             "UPDATE person SET telephone = '8'" WHERE_P1 ";"
             "UPDATE enrolment SET status = 'on_hold'");
    tree_sql(t, LDH_P, "UPDATE person SET home_locality = 'Ward 4'");
    tree_sync(t);
    assert_true(replica_shaped(t->nodes[LDH_C].replica, &shaped));
    assert_string_equal(shaped.broken,
                        "table person: sync_column has column phone, which "
                        "the table has not; add it to the table");
    says(t, HQ, "SELECT status FROM enrolment", "on_hold");
    says(t, HQ, "SELECT phone || home_locality FROM person" WHERE_P1,
         "1Ward 4");
    says(t, LDH_C, "SELECT count(*) FROM sync_unprojected", "2");
    tree_restart(t, LDH_C);
    assert_true(scrub(t, LDH_C, NULL, NULL).held > 0);
    /* put right: what others wrote is shown, what was written here is found */
    tree_sql(t, LDH_C,
             "ALTER TABLE person RENAME COLUMN telephone TO phone;"
             "INSERT INTO person(person_id, beneficiary_no) VALUES('p3', '3')");
    tree_sync(t);
    (void)scrub(t, LDH_C, NULL, NULL);
    tree_sync(t);
    shows(t,
          "SELECT group_concat(coalesce(home_locality, '')) FROM (SELECT *"
          " FROM person ORDER BY person_id)",
          "Ward 4,Ward 4,");
    assert_int_equal(scrub(t, LDH_C, NULL, NULL).differ, 0);
    tree_free(t);
}

static void a_table_that_is_gone_stops_no_other(void **state)
{
    (void)state;
    struct tree *t = tree_of_four();
    tree_sql(t, LDH_C, "ALTER TABLE dose_event RENAME TO doses");
    tree_sql(t, LDH_P,
             "INSERT INTO dose_event(dose_id, person_id, kind, verified_by,"
             " dispensed_by) VALUES('d2', '" P1 "', 'missed', 'none', 'me')");
    tree_sql(t, LDH_C, "UPDATE person SET phone = '8'" WHERE_P1);
    tree_sync(t);
    tree_restart(t, LDH_C);
    says(t, HQ, "SELECT phone FROM person" WHERE_P1, "8");
    tree_sql(t, LDH_C, "ALTER TABLE doses RENAME TO dose_event");
    tree_sync(t);
    (void)scrub(t, LDH_C, NULL, NULL);
    tree_sync(t);
    shows(t, "SELECT group_concat(dose_id) FROM dose_event", "d1,d2");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scrub_of_a_sound_replica_finds_nothing),
        cmocka_unit_test(writes_past_the_triggers_are_signed_after_all),
        cmocka_unit_test(a_row_written_while_it_is_mended_is_written_once),
        cmocka_unit_test(an_altered_register_is_put_back_with_an_alarm),
        cmocka_unit_test(what_this_site_may_not_write_is_put_back_and_parked),
        cmocka_unit_test(the_nodes_own_state_of_a_row_is_put_back),
        cmocka_unit_test(when_much_differs_a_person_is_asked),
        cmocka_unit_test(a_hundred_rows_or_a_twentieth_are_not_asked_about),
        cmocka_unit_test(a_table_is_restored_when_a_person_says_so),
        cmocka_unit_test(nonsense_stops_no_other_write),
        cmocka_unit_test(a_lie_about_the_old_value_is_one_change_or_none),
        cmocka_unit_test(a_lie_says_nothing_this_site_may_not_say),
        cmocka_unit_test(a_lie_about_an_own_event_is_a_leaf_without_effect),
        cmocka_unit_test(dropped_triggers_come_back_before_the_next_write),
        cmocka_unit_test(a_column_that_a_tool_adds_is_of_this_replica),
        cmocka_unit_test(a_renamed_column_stops_its_table_and_no_other),
        cmocka_unit_test(a_table_that_is_gone_stops_no_other),
    };
    return cmocka_run_group_tests_name("scrub", tests, NULL, NULL);
}
