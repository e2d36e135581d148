/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/cases.h"
#include "support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HQ, HUB, CLINIC, OTHER, PRISON, NODES };

static const char *const site_of[NODES + 1] = {[HQ] = "PB-HQ",
                                               [HUB] = "LDH-H",
                                               [CLINIC] = "LDH-C",
                                               [OTHER] = "LDH-D",
                                               [PRISON] = "LDH-P"};

/* --- a district ----------------------------------------------------------- */

static const char lists[] =
    "INSERT INTO ref_site(site_id, name, kind, department, district_code,"
    " parent_site_id) VALUES('LDH-D', 'Clinic D', 'ooat_clinic', 'health',"
    " 'LDH', 'LDH-H');"
    "INSERT INTO ref_item(item_code, kind, name, unit, opioid_agonist) VALUES"
    "('BUP-NAL-2', 'medicine', 'Buprenorphine and naloxone', 'tablet', 1);"
    "INSERT INTO ref_parameter(parameter_id, key, scope_kind, scope_value,"
    " value_num, valid_from, authority) VALUES"
    "('t1', 'take_home_max_days', 'all', '', 7, '2020-01-01', 'order 1'),"
    "('t2', 'take_home_max_days', 'site', 'LDH-D', 14, '2020-01-01',"
    " 'order 2'),"
    "('m', 'missed_days_reassess', 'item', 'BUP-NAL-2', 3, '2020-01-01',"
    " 'order 3'),"
    "('c', 'mentor_max_caseload', 'all', '', 2, '2020-01-01', 'order 4')";

static struct tree *district(void)
{
    struct tree *t = tree_new();
    tree_sql(t, HQ, lists);
    tree_drain(t, HQ);
    assert_int_equal(tree_add(t, HQ, site_of[HUB]), HUB);
    tree_sync(t);
    for (int node = CLINIC; node < NODES; node++) {
        assert_int_equal(tree_add(t, HUB, site_of[node]), node);
    }
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        tree_sql(t, node, cases_short_forms);
    }
    return t;
}

static void meet(struct tree *t)
{
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        (void)tree_judge(t, node);
    }
}

/* --- cases ---------------------------------------------------------------- */

static void check_case(struct tree *t, int node, int number,
                       const struct rule_case *wanted)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "SELECT group_concat(rule, ' ') FROM (SELECT DISTINCT rule"
                   " FROM v_breach WHERE row_a LIKE '%%-%02d' ORDER BY rule)",
                   number);
    const char *found = tree_get(t, node, sql);
    if (strcmp(found, wanted->finds) != 0) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT group_concat(breach_id || ': ' || says, '; ')"
                       " FROM v_breach WHERE row_a LIKE '%%-%02d'",
                       number);
        fail_msg("%s: case %d, %s: found '%s' and not '%s' (%s)", site_of[node],
                 number, wanted->name, found, wanted->finds,
                 tree_get(t, node, sql));
    }
}

static void every_rule_fires_on_its_case_and_no_other(void **state)
{
    (void)state;
    static struct rule_case cases[CASES_MAX];
    struct tree *t = district();
    char *text = cases_text();
    int count = cases_run(t, site_of, text, cases);
    meet(t);
    for (int i = 0; i < count; i++) {
        for (int node = HUB; node < NODES; node++) {
            check_case(t, node, i + 1, &cases[i]);
        }
    }
    assert_string_equal(
        tree_get(
            t, HUB,
            "SELECT coalesce(group_concat(rule), 'none') FROM v_rule WHERE rule NOT IN"
            " (SELECT rule FROM v_breach)"),
        "none");
    assert_string_equal(tree_get(t, HUB, "SELECT count(*) FROM v_rule"), "23");
    /* and all say the same */
    static const char all[] =
        "SELECT count(*) || group_concat(breach_id || severity || says) FROM"
        " (SELECT * FROM v_breach ORDER BY breach_id)";
    for (int node = HUB; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, all), tree_get(t, HQ, all));
    }
    free(text);
    tree_free(t);
}

/* What the views say when they are read whole is what was kept of them. */
static void looking_at_those_touched_finds_all_there_is(void **state)
{
    (void)state;
    static struct rule_case cases[CASES_MAX];
    static const char differs[] =
        "SELECT count(*) FROM (SELECT rule, row_a, row_b FROM v_found_person"
        " UNION SELECT rule, row_a, row_b FROM v_found_worker"
        " UNION SELECT rule, row_a, row_b FROM v_found_site"
        " EXCEPT SELECT rule, row_a, row_b FROM sync_breach)";
    static const char kept[] =
        "SELECT count(*) FROM (SELECT rule, row_a, row_b FROM sync_breach"
        " EXCEPT SELECT rule, row_a, row_b FROM v_found_person"
        " EXCEPT SELECT rule, row_a, row_b FROM v_found_worker"
        " EXCEPT SELECT rule, row_a, row_b FROM v_found_site)";
    struct tree *t = district();
    char *text = cases_text();
    struct err e = {0};
    uint64_t leaves = 0;
    (void)cases_run(t, site_of, text, cases);
    meet(t);
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, differs), "0");
        assert_string_equal(tree_get(t, node, kept), "0");
    }
    assert_int_equal(
        replica_rebuild(t->nodes[HUB].replica, t->now_ms, &leaves, &e), 0);
    (void)tree_judge(t, HUB);
    assert_string_equal(tree_get(t, HUB, differs), "0");
    assert_string_equal(tree_get(t, HUB, kept), "0");
    free(text);
    tree_free(t);
}

/* --- who is looked at ----------------------------------------------------- */

static void only_those_touched_are_looked_at(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('a'), ('b'), ('c');"
             "INSERT INTO dose VALUES('d', 'a', '2025-01-01T09:00:00.000Z',"
             " 'observed', 8000, 1)");
    meet(t);
    assert_int_equal(tree_judge(t, HUB), 0);
    tree_sql(t, CLINIC,
             "INSERT INTO dose VALUES('e', 'b', '2025-01-01T09:00:00.000Z',"
             " 'observed', 8000, 1)");
    tree_sync(t);
    assert_true(replica_touched(t->nodes[HUB].replica));
    assert_int_equal(tree_judge(t, HUB), 1);
    /* an order that is late concerns everybody */
    tree_sql(t, HQ,
             "INSERT INTO ref_parameter(parameter_id, key, scope_kind,"
             " value_num, authority) VALUES('x', 'y', 'all', 1, 'z')");
    tree_sync(t);
    assert_true(tree_judge(t, HUB) >= 3);
    tree_free(t);
}

/* An assignment is about a person, who leads to the mentor: nothing else need be
 * touched until the mentor is looked at too. */
static void whom_a_person_leads_to_is_looked_at_as_well(void **state)
{
    (void)state;
    static const char over[] =
        "SELECT count(*) FROM v_breach WHERE rule = '10'";
    struct tree *t = district();
    tree_sql(
        t, CLINIC,
        "INSERT INTO treated VALUES('a'), ('b'), ('c');"
        "INSERT INTO worker(worker_id, kind, display_name)"
        " VALUES('w', 'mentor', 'M.');"
        "INSERT INTO mentor_assignment(person_id, worker_id,"
        " started_on, status)"
        " VALUES('a', 'w', '2025-01-01', 'active'), ('b', 'w', '2025-01-01', 'active')");
    meet(t);
    assert_string_equal(tree_get(t, HUB, over), "0");
    tree_sql(t, CLINIC,
             "INSERT INTO mentor_assignment(person_id, worker_id,"
             " started_on, status)"
             " VALUES('c', 'w', '2025-01-01', 'active')");
    meet(t);
    assert_string_equal(tree_get(t, HUB, over), "1");
    assert_string_equal(tree_get(t, HUB, "SELECT count(*) FROM sync_touched"),
                        "0");
    tree_free(t);
}

static void a_limit_that_comes_late_is_applied_to_what_is_there(void **state)
{
    (void)state;
    static const char ninth[] = "SELECT count(*) FROM v_breach WHERE rule='03'";
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('a');"
             "INSERT INTO dose VALUES('d', 'a', strftime('%Y-%m-%dT09:00:00Z',"
             " 'now', '-20 days'), 'take_home', 40000, 5)");
    meet(t);
    assert_string_equal(tree_get(t, HUB, ninth), "0");
    tree_sql(t, HQ,
             "INSERT INTO ref_parameter(parameter_id, key, scope_kind,"
             " scope_value, value_num, valid_from, authority) VALUES('x',"
             " 'take_home_max_days', 'district', 'LDH', 3, '2020-01-01',"
             " 'order 9')");
    meet(t);
    assert_string_equal(tree_get(t, HUB, ninth), "1");
    tree_free(t);
}

static void a_link_shows_what_two_records_hid_until_it_is_undone(void **state)
{
    (void)state;
    static const char first[] = "SELECT breach_id FROM v_breach WHERE"
                                " rule = '01'";
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('b');"
             "INSERT INTO dose VALUES('d1', 'b', '2025-03-01T09:00:00.000Z',"
             " 'observed', 8000, 1)");
    tree_sql(t, OTHER,
             "INSERT INTO treated VALUES('c');"
             "INSERT INTO dose VALUES('d2', 'c', '2025-03-01T10:00:00.000Z',"
             " 'observed', 8000, 1)");
    meet(t);
    assert_string_equal(tree_get(t, HUB, first), "");
    /* through a third record */
    tree_sql(t, HUB,
             "INSERT INTO person_link(link_id, person_a, person_b, decision,"
             " basis, decided_by) VALUES('l1', 'a', 'b', 'same', 'x', 'r'),"
             " ('l2', 'a', 'c', 'same', 'x', 'r')");
    meet(t);
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, first), "01:d1:d2");
        assert_string_equal(
            tree_get(t, node,
                     "SELECT canon_id FROM v_person_canon WHERE person_id ="
                     " 'c'"),
            "a");
    }
    tree_sql(t, OTHER,
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " supersedes_id, decided_by) VALUES('a', 'c', 'different', 'x',"
             " 'l2', 'r')");
    meet(t);
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, first), "");
        assert_string_equal(
            tree_get(t, node,
                     "SELECT canon_id FROM v_person_canon WHERE person_id ="
                     " 'c'"),
            "c");
    }
    tree_free(t);
}

/* --- what people do ------------------------------------------------------- */

static const char status_of_it[] = "SELECT status FROM v_breach WHERE"
                                   " rule = '18'";

static struct tree *clash(void)
{
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES('a', 'N')");
    tree_sql(t, OTHER,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES('b', 'N')");
    meet(t);
    return t;
}

static void what_was_done_is_seen_everywhere(void **state)
{
    (void)state;
    struct tree *t = clash();
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, status_of_it), "open");
    }
    tree_sql(t, CLINIC,
             "INSERT INTO breach_act(breach_id, person_id, act, recorded_by)"
             " SELECT breach_id, person_a, 'acknowledged', 'n' FROM v_breach");
    meet(t);
    assert_string_equal(tree_get(t, OTHER, status_of_it), "acknowledged");
    tree_sql(t, OTHER,
             "INSERT INTO breach_act(breach_id, person_id, act, recorded_by,"
             " recorded_at) SELECT breach_id, person_a, 'resolved', 'n',"
             " '2020-01-01T00:00:00.000Z' FROM v_breach");
    meet(t);
    /* whatever its clock said */
    assert_string_equal(tree_get(t, CLINIC, status_of_it), "resolved");
    tree_sql_fails(t, CLINIC, "DELETE FROM breach_act", "register");
    tree_free(t);
}

static void a_breach_that_is_put_right_is_gone(void **state)
{
    (void)state;
    struct tree *t = clash();
    tree_sql(t, OTHER,
             "UPDATE person SET record_status = 'entered_in_error'"
             " WHERE person_id = 'b'");
    meet(t);
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(tree_get(t, node, status_of_it), "");
        assert_string_equal(
            tree_get(t, node, "SELECT count(*) FROM sync_breach"), "0");
    }
    tree_free(t);
}

/* --- missing data --------------------------------------------------------- */

/* The clinic wrote its last changeset by the tree's clock, which is ahead of
 * all days judged, or behind them. */
static void what_rests_on_a_missing_row_is_provisional(void **state)
{
    (void)state;
    static const char late[] = "SELECT provisional FROM v_breach WHERE"
                               " rule = '15'";
    struct tree *t = district();
    tree_sql(t, PRISON,
             "INSERT INTO referral(referral_id, person_id, kind, to_site,"
             " offered_on, due_on) VALUES('r', 'a', 'prison_release', 'LDH-C',"
             " '2025-02-01', '2025-02-02')");
    meet(t);
    /* the clinic has never said anything; nor do we know it has nothing */
    assert_string_equal(tree_get(t, HUB, late), "1");
    assert_string_equal(
        tree_get(t, HUB,
                 "SELECT complete_through IS NULL FROM v_site_complete"
                 " WHERE site_id = 'LDH-C'"),
        "1");
    tree_sql(t, CLINIC,
             "INSERT INTO peer_group(name, model, led_by)"
             " VALUES('g', 'NA_HI', 'mixed')");
    meet(t);
    assert_string_equal(tree_get(t, HUB, late), "0");
    assert_string_equal(
        tree_get(
            t, CLINIC,
            "SELECT complete_through = date('now', '+05:30') FROM v_site_complete"
            " WHERE site_id = 'LDH-C'"),
        "1");
    /* and what arrives settles it */
    tree_sql(t, CLINIC,
             "UPDATE referral SET receiver_status = 'attended',"
             " receiver_on = '2025-02-02'");
    meet(t);
    assert_string_equal(tree_get(t, HUB, late), "");
    tree_free(t);
}

/* --- cost and damage ------------------------------------------------------ */

static void one_person_is_found_along_indexes(void **state)
{
    (void)state;
    static const char *const looks[] = {
        "v_found_person WHERE about = 'x'", "v_found_worker WHERE about = 'x'",
        "v_found_site WHERE about = 'x'", "v_touched_next WHERE of_id = 'y'",
        "v_person_site WHERE canon_id = 'x'"};
    struct tree *t = tree_new();
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        char sql[200];
        sqlite3_stmt *stmt = NULL;
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN SELECT * FROM %s",
                       looks[i]);
        assert_int_equal(
            sqlite3_prepare_v2(t->nodes[HQ].client, sql, -1, &stmt, NULL),
            SQLITE_OK);
        int searches = 0;
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(stmt, 3);
            /* what was found, or of a window */
            bool of_result = strncmp(step, "SCAN v_", 7) == 0 ||
                             strncmp(step, "SCAN inv_", 9) == 0 ||
                             strncmp(step, "SCAN (subquery", 14) == 0 ||
                             strcmp(step, "SCAN g") == 0;
            if (strncmp(step, "SCAN", 4) == 0 && !of_result) {
                fail_msg("%s: %s", looks[i], step);
            }
            if (strncmp(step, "MATERIALIZE", 11) == 0 ||
                strstr(step, "AUTOMATIC") != NULL) {
                fail_msg("%s: %s", looks[i], step);
            }
            searches += strncmp(step, "SEARCH", 6) == 0;
        }
        assert_true(searches > 0);
        sqlite3_finalize(stmt);
    }
    tree_free(t);
}

/* How many steps of SQLite the rules take for one person with so many days of
 * treatment, a dose each, and a new order every month. */
static int steps_of(struct tree *t, const char *person, int days)
{
    char sql[2000];
    sqlite3_stmt *stmt = NULL;
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('%s', '%s');"
        "WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n"
        " WHERE i < %d) INSERT INTO dose SELECT '%s-' || i, '%s',"
        " date('2015-01-01', i || ' days') || 'T05:00:00.000Z', 'observed',"
        " 8000, 1 FROM n;"
        "WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 30 FROM n"
        " WHERE i < %d) INSERT INTO treatment_order(order_id, enrolment_id,"
        " person_id, item_code, daily_dose_mcg, mode, status, prescriber,"
        " valid_from, valid_to) SELECT '%s-o' || i, 'e', '%s', 'BUP-NAL-2',"
        " 8000, 'observed', 'stopped', 'dr 1', date('2015-01-01', i || ' days'),"
        " date('2015-01-01', (i + 29) || ' days') FROM n",
        person, person, days - 1, person, person, days - 1, person, person);
    tree_sql(t, HQ, sql);
    tree_drain(t, HQ);
    (void)tree_judge(t, HQ);
    assert_int_equal(sqlite3_prepare_v2(t->nodes[HQ].client,
                                        "SELECT count(*) FROM v_found_person"
                                        " WHERE about = ?1 AND rule <> '23'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(stmt, 1, person, -1, SQLITE_STATIC),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 0);
    int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    sqlite3_finalize(stmt);
    return steps;
}

static void the_cost_of_a_person_grows_with_their_rows_alone(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    tree_sql(t, HQ, lists);
    tree_sql(t, HQ, cases_short_forms);
    int one_year = steps_of(t, "a", 365);
    int ten_years = steps_of(t, "b", 3650);
    printf("[          ] %d steps for 365 doses, %d for 3650\n", one_year,
           ten_years);
    assert_true(ten_years < 11 * one_year);
    assert_true(ten_years < JUDGE_STEPS_MAX / 5);
    tree_free(t);
}

/* People from one number to another, with what a life in the registers leaves:
 * `%d` twice. Each the same, at the same sites, on the same days; but p1 neither
 * came on the last day nor died. */
static const char lives[] =
    "CREATE TEMP TABLE life AS WITH RECURSIVE n(i) AS (VALUES(%d) UNION ALL"
    " SELECT i + 1 FROM n WHERE i < %d) SELECT 'p' || i AS id FROM n;"
    "INSERT INTO treated SELECT id FROM life;"
    "INSERT INTO enrolment(enrolment_id, person_id, programme, status,"
    " started_on) SELECT 'a_' || id, id, 'aftercare', 'active', '2026-01-01'"
    " FROM life;"
    "INSERT INTO followup(person_id, enrolment_id, due_on, result, department)"
    " SELECT id, 'a_' || id, '2026-02-01', 'contacted', 'health' FROM life;"
    "INSERT INTO dose SELECT 'd' || column1 || id, id,"
    " '2026-03-0' || column1 || 'T05:00:00.000Z', 'take_home', 8000, 1"
    " FROM life, (VALUES(1), (2), (5), (9));"
    "INSERT INTO referral(person_id, kind, to_site, offered_on)"
    " SELECT id, 'transfer_of_care', 'LDH-D', '2026-02-01' FROM life;"
    "INSERT INTO referral(person_id, kind, to_site, offered_on)"
    " SELECT id, 'transfer_of_care', 'PB-HQ', '2026-03-20' FROM life;"
    "INSERT INTO custody SELECT 'k' || column1 || id, id, '2026-02-0' || column1 ||"
    " 'T05:00:00.000Z', column2"
    " FROM life, (VALUES(1, 'admitted'), (3, 'released'), (5, 'admitted'));"
    "INSERT INTO dose SELECT 'l' || id, id, '2026-03-25T05:00:00.000Z',"
    " 'observed', 8000, 1 FROM life WHERE id <> 'p1';"
    "INSERT INTO custody SELECT 'x' || id, id, '2026-03-26T05:00:00.000Z',"
    " 'died' FROM life WHERE id <> 'p1';"
    "INSERT INTO assessment(person_id, instrument, performed_on,"
    " dose_clearance, recorded_by) SELECT id, 'COWS', '2026-03-08', 1, 'dr 1'"
    " FROM life;"
    "INSERT INTO person_identifier(person_id, kind, match_token)"
    " SELECT id, 'phone', 'of ' || id FROM life;"
    "INSERT INTO session_attendance(session_id, person_id, consent_id)"
    " SELECT 's', id, 'c_' || id FROM life;"
    "INSERT INTO mentor_assignment(worker_id, person_id, status)"
    " SELECT 'w', id, 'active' FROM life;"
    "DROP TABLE life";

static void live(struct tree *t, int first, int last)
{
    char sql[sizeof lives + 40];
    (void)snprintf(sql, sizeof sql, lives, first, last);
    tree_sql(t, HQ, sql);
    tree_drain(t, HQ);
    (void)tree_judge(t, HQ);
}

/* The steps of SQLite that it takes to read what `view` says of person p1. */
static int steps_to_read(struct tree *t, const char *view)
{
    char sql[200];
    sqlite3_stmt *stmt = NULL;
    int rc;
    int rows = 0;
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s = 'p1'", view);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[HQ].client, sql, -1, &stmt, NULL),
        SQLITE_OK);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        rows++;
    }
    assert_int_equal(rc, SQLITE_DONE);
    assert_true(rows > 0);
    int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    sqlite3_finalize(stmt);
    return steps;
}

/* No index of a site, a programme or a kind of event leads to a person's rows: at
 * headquarters each has a million that are others'. */
static void what_other_people_did_costs_a_person_nothing(void **state)
{
    (void)state;
    static const char *const views[] = {"v_found_person WHERE about",
                                        "v_person_site WHERE canon_id",
                                        "v_card WHERE canon_id"};
    enum { VIEWS = sizeof views / sizeof views[0] };
    struct tree *t = tree_new();
    int few[VIEWS];
    tree_sql(t, HQ, lists);
    tree_sql(t, HQ, cases_short_forms);
    live(t, 1, 20); /* after each range of p1's comes another's row */
    for (int i = 0; i < VIEWS; i++) {
        few[i] = steps_to_read(t, views[i]);
    }
    live(t, 21, 200);
    for (int i = 0; i < VIEWS; i++) {
        int many = steps_to_read(t, views[i]);
        if (many != few[i]) {
            fail_msg("%s: %d steps among 20 people, %d among 200", views[i],
                     few[i], many);
        }
    }
    tree_free(t);
}

static void a_view_that_a_tool_took_away_stops_nothing_else(void **state)
{
    (void)state;
    struct tree *t = district();
    struct judged judged;
    struct err e = {0};
    (void)tree_judge(t, CLINIC);
    tree_sql(t, CLINIC, "DROP VIEW inv_07_two_active_agonist_enrolments");
    tree_sql(t, CLINIC, "INSERT INTO treated VALUES('a')");
    tree_sync(t);
    assert_int_equal(
        replica_judge(t->nodes[CLINIC].replica, t->now_ms, &judged, &e),
        ERR_CONFIG);
    assert_non_null(strstr(e.text, "inv_07"));
    assert_true(replica_touched(t->nodes[CLINIC].replica));
    assert_string_equal(tree_get(t, HUB, "SELECT count(*) FROM person"), "1");
    tree_free(t);
}

/* Some tool writes thousands of rows of one day about one person: pairs of them
 * are millions. */
static void somebody_with_too_many_rows_is_in_nobodys_way(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct judged judged = {.more = true};
    struct err e = {0};
    uint64_t gave_up = 0;
    tree_sql(t, HQ, lists);
    tree_sql(t, HQ, cases_short_forms);
    tree_sql(t, HQ,
             "INSERT INTO treated VALUES('a'), ('b');"
             "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < 4000) INSERT INTO dose SELECT 'd' || i, 'a',"
             " '2025-01-01T09:00:00.000Z', 'take_home', 8000, 1 FROM n;"
             /* of equal orders every pair is looked at and none is a breach;
              * what was left of its steps is not what the next one gets */
             "INSERT INTO person(person_id, beneficiary_no) VALUES('aa', 'x');"
             "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < 2000) INSERT INTO treatment_order(order_id,"
             " enrolment_id, person_id, item_code, daily_dose_mcg, mode,"
             " status, prescriber, valid_from) SELECT 'o' || i, 'x', 'aa',"
             " 'BUP-NAL-2', 8000, 'mixed', 'active', 'dr 1', '2025-01-01'"
             " FROM n;"
             "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < 3000) INSERT INTO referral(referral_id, person_id,"
             " kind, to_site) SELECT 'r' || i, 'b', 'guest_dosing', 'LDH-C'"
             " FROM n;"
             "INSERT INTO dose VALUES('e', 'b', '2025-01-01T09:00:00.000Z',"
             " 'take_home', 64000, 8)");
    tree_drain(t, HQ);
    while (judged.more) {
        assert_int_equal(
            replica_judge(t->nodes[HQ].replica, t->now_ms, &judged, &e), 0);
        gave_up += judged.gave_up;
    }
    assert_true(gave_up > 0);
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT count(*) BETWEEN 1 AND 1010"
                                 " FROM sync_breach"),
                        "1");
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT count(*) FROM v_breach"
                                 " WHERE rule = '03' AND person_a = 'b'"),
                        "1");
    assert_string_equal(
        tree_get(t, HQ, "SELECT count(*) FROM sync_breach WHERE found = 0"),
        "0");
    tree_free(t);
}

struct writes {
    sqlite3 *db;
    int before;
    int most; /* rows that one transaction wrote */
};

static int count_writes(void *context)
{
    struct writes *w = context;
    int now = sqlite3_total_changes(w->db);
    w->most = now - w->before > w->most ? now - w->before : w->most;
    w->before = now;
    return 0;
}

/* Returns how many are found, in transactions of no more rows than one person
 * can have: found, marked, deleted. */
static uint64_t judge_in_pieces(struct tree *t)
{
    struct judged judged = {.more = true};
    struct err e = {0};
    uint64_t found = 0;
    sqlite3 *db = database_handle(t->nodes[HQ].replica->db);
    struct writes w = {.db = db, .before = sqlite3_total_changes(db)};
    (void)sqlite3_commit_hook(db, count_writes, &w);
    while (judged.more) {
        assert_int_equal(
            replica_judge(t->nodes[HQ].replica, t->now_ms, &judged, &e), 0);
        assert_int_equal(judged.gave_up, 0);
        found += judged.found;
    }
    (void)sqlite3_commit_hook(db, NULL, NULL);
    printf("[          ] %d rows in one transaction\n", w.most);
    assert_in_range(w.most, 1, JUDGE_WRITES_MAX + 3 * JUDGE_FOUND_MAX);
    return found;
}

/* Years of doses come in from a register, none with its order, and the orders
 * later: each is an alert of two rules, one of which is content then; and those
 * who write wait for none of it. */
static void a_register_of_breaches_is_kept_in_pieces(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    tree_sql(t, HQ, lists);
    tree_sql(t, HQ, cases_short_forms);
    tree_sql(t, HQ,
             "WITH RECURSIVE p(j) AS (VALUES(1) UNION ALL SELECT j + 1 FROM p"
             " WHERE j < 9), n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < 400) INSERT INTO dose SELECT 'd' || j || '-' || i,"
             " 'p' || j, strftime('%Y-%m-%dT09:00:00.000Z', '2024-01-01', '+'"
             " || i || ' days'), 'observed', 8000, 1 FROM p, n");
    tree_drain(t, HQ);
    uint64_t found = judge_in_pieces(t);
    assert_int_equal(found % (9 * 400), 0);
    assert_true(found >= 2 * 9 * 400);
    tree_sql(t, HQ,
             "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
             " item_code, daily_dose_mcg, mode, status, prescriber, valid_from)"
             " SELECT 'o' || person_id, 'e', person_id, 'BUP-NAL-2', 8000,"
             " 'observed', 'active', 'dr 1', '2023-01-01' FROM dose_event"
             " GROUP BY person_id");
    tree_drain(t, HQ);
    assert_int_equal(judge_in_pieces(t), 0);
    assert_string_equal(
        tree_get(t, HQ, "SELECT count(*) < 9 * 400 + 10 FROM sync_breach"),
        "1");
    tree_free(t);
}

/* A day that is none is shown, and is in nobody's way. */
static void nonsense_in_a_date_stops_nobody(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status, started_on) VALUES('e', 'a', 'aftercare', 'active',"
             " '31/12/2024');"
             "INSERT INTO referral(referral_id, person_id, kind, to_site,"
             " offered_on, due_on) VALUES('r', 'a', 'prison_release', 'LDH-P',"
             " '2025-02-01', 'soon')");
    meet(t);
    assert_string_equal(tree_get(t, HUB,
                                 "SELECT group_concat(rule) FROM (SELECT rule"
                                 " FROM v_breach ORDER BY rule)"),
                        "15,21");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_fires_on_its_case_and_no_other),
        cmocka_unit_test(looking_at_those_touched_finds_all_there_is),
        cmocka_unit_test(only_those_touched_are_looked_at),
        cmocka_unit_test(whom_a_person_leads_to_is_looked_at_as_well),
        cmocka_unit_test(a_limit_that_comes_late_is_applied_to_what_is_there),
        cmocka_unit_test(a_link_shows_what_two_records_hid_until_it_is_undone),
        cmocka_unit_test(what_was_done_is_seen_everywhere),
        cmocka_unit_test(a_breach_that_is_put_right_is_gone),
        cmocka_unit_test(what_rests_on_a_missing_row_is_provisional),
        cmocka_unit_test(one_person_is_found_along_indexes),
        cmocka_unit_test(the_cost_of_a_person_grows_with_their_rows_alone),
        cmocka_unit_test(what_other_people_did_costs_a_person_nothing),
        cmocka_unit_test(a_view_that_a_tool_took_away_stops_nothing_else),
        cmocka_unit_test(somebody_with_too_many_rows_is_in_nobodys_way),
        cmocka_unit_test(a_register_of_breaches_is_kept_in_pieces),
        cmocka_unit_test(nonsense_in_a_date_stops_nobody),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
