/* SPDX-License-Identifier: Apache-2.0 */
/* What programmes are judged by: rows as sites write them, read at headquarters,
 * against figures worked out by hand. Days lie in 2025 and before, so that all of
 * them are over. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HQ, HUB, CLINIC, OTHER, PRISON, NODES };

static const char *const site_of[NODES] = {"PB-HQ", "LDH-H", "LDH-C", "LDH-D",
                                           "LDH-P"};

/* --- a district ----------------------------------------------------------- */

static const char lists[] =
    "INSERT INTO ref_site(site_id, name, kind, department, district_code,"
    " parent_site_id, valid_from) VALUES"
    "('LDH-D', 'Clinic D', 'ooat_clinic', 'health', 'LDH', 'LDH-H',"
    " '2020-01-01'),"
    "('OLD-P', 'Prison that was closed', 'prison', 'jails', 'LDH', 'LDH-H',"
    " '2010-01-01');"
    "UPDATE ref_site SET valid_from = '2020-01-01' WHERE site_id <> 'OLD-P';"
    "UPDATE ref_site SET valid_to = '2024-12-31' WHERE site_id = 'OLD-P';"
    "INSERT INTO ref_item(item_code, kind, name, unit, opioid_agonist) VALUES"
    "('BUP', 'medicine', 'Buprenorphine', 'tablet', 1),"
    "('PARA', 'medicine', 'Paracetamol', 'tablet', 0);"
    "INSERT INTO ref_course(course_id, kind, title, hours, pass_attendance,"
    " practical_required) VALUES('m', 'mentor', 'Mentors', 20, 0.9, 1),"
    "('w', 'vocational', 'Welding', 90, 0.8, 0);"
    "INSERT INTO ref_parameter(parameter_id, key, scope_kind, scope_value,"
    " value_num, valid_from, authority) VALUES"
    "('e', 'est_opioid_dependent', 'district', 'LDH', 40, '2020-01-01', 'x'),"
    "('f', 'est_opioid_dependent', 'district', 'ASR', 10, '2020-01-01', 'x')";

static const char short_forms[] =
    "CREATE TEMP VIEW dose AS SELECT person_id, service_date AS day,"
    " days_covered AS days, item_code AS item, units FROM dose_event;"
    "CREATE TEMP TRIGGER hand_over INSTEAD OF INSERT ON dose BEGIN"
    " INSERT INTO dose_event(person_id, service_date, kind, item_code, units,"
    " days_covered, verified_by, dispensed_by) VALUES(NEW.person_id, NEW.day,"
    " 'take_home', NEW.item, NEW.units, NEW.days, 'manual', 'n');"
    "END;"
    "CREATE TEMP VIEW met AS SELECT group_id AS grp, held_on AS day, outcome,"
    " headcount AS people, headcount_female AS women, led_by, denial_reason AS"
    " reason FROM peer_session;"
    "CREATE TEMP TRIGGER meet INSTEAD OF INSERT ON met BEGIN"
    " INSERT INTO peer_session(group_id, held_on, outcome, headcount,"
    " headcount_female, led_by, denial_reason) VALUES(NEW.grp, NEW.day,"
    " NEW.outcome, NEW.people, NEW.women, NEW.led_by, NEW.reason);"
    "END";

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
        tree_sql(t, node, short_forms);
    }
    return t;
}

/* What was written arrives at headquarters, whose rules look at it. */
static void arrive(struct tree *t)
{
    tree_sync(t);
    (void)tree_judge(t, HQ);
}

/* "place/split: num/den" of each row, with "; " between. */
static void check(struct tree *t, const char *indicator, const char *period,
                  const char *expected)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(group_concat(says, '; '), '') FROM ("
                   "SELECT place || '/' || split || ': ' || num"
                   " || coalesce('/' || den, '') AS says FROM v_indicator"
                   " WHERE indicator = '%s' AND period = '%s' AND (num OR den)"
                   " ORDER BY place, split)",
                   indicator, period);
    const char *got = tree_get(t, HQ, sql);
    if (strcmp(got, expected) != 0) {
        fail_msg("%s of %s: %s\nby hand: %s", indicator, period, got, expected);
    }
}

/* --- by hand -------------------------------------------------------------- */

static void peer_support_is_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, PRISON,
             "INSERT INTO met VALUES"
             "('g1', '2025-03-03', 'held', 20, 5, 'mixed', NULL),"
             "('g1', '2025-03-10', 'held', 30, 6, 'inmate_peers', NULL),"
             "('g2', '2025-03-31', 'held', 11, 0, 'inmate_peers', NULL),"
             "('g2', '2025-04-01', 'held', 99, 0, 'mixed', NULL),"
             "('g1', '2025-03-17', 'denied_entry', NULL, NULL, NULL, 'staff'),"
             "('g1', '2025-03-18', 'denied_entry', NULL, NULL, NULL, 'staff'),"
             "('g2', '2025-03-19', 'cancelled_facility', NULL, NULL, NULL,"
             " NULL),"
             "('g2', '2025-03-20', 'no_show', NULL, NULL, NULL, NULL),"
             "('g2', '2025-03-21', 'cancelled_team', NULL, NULL, NULL, NULL);"
             /* a count that was put right */
             "INSERT INTO peer_session(session_id, group_id, held_on, outcome,"
             " headcount) VALUES('s', 'g3', '2025-03-05', 'held', 500);"
             "INSERT INTO peer_session(group_id, held_on, outcome, headcount,"
             " supersedes_id) VALUES('g3', '2025-03-05', 'held', 5, 's')");
    arrive(t);
    /* one of two prisons; the closed one does not count */
    check(t, "K01", "2025-03", "ASR/: 0/1; LDH/: 1/1");
    check(t, "K01", "2025", "ASR/: 0/1; LDH/: 1/1");
    check(t, "K01", "2024-12", "ASR/: 0/1; LDH/: 0/2");
    /* g1 25 of whom 5.5 women, g2 11, g3 5 */
    check(t, "K02", "2025-03", "LDH-P/others: 35; LDH-P/women: 6");
    check(t, "K02", "2025-04", "LDH-P/others: 99");
    check(t, "K03", "2025-03", "LDH-P/no reason given: 1/8; LDH-P/staff: 2/8");
    check(t, "K03", "2025-04", "LDH-P/: 0/1");
    check(t, "K04", "2025-Q1", "LDH-P/: 2/4");
    tree_free(t);
}

static void people_on_treatment_are_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, sex, birth_year)"
             " VALUES('a', '1', 'female', 1980), ('b', '2', 'male', 2005),"
             " ('c', '3', 'male', 1970), ('d', '4', NULL, NULL),"
             " ('z', '5', 'male', 1970);"
             "INSERT INTO dose VALUES('a', '2025-03-31', 1, 'BUP', 2),"
             " ('b', '2025-03-04', 1, 'BUP', 2),"   /* the first of 28 days */
             " ('c', '2025-03-03', 1, 'BUP', 2),"   /* the day before */
             " ('d', '2025-02-10', 28, 'BUP', 50)," /* until 9 March */
             " ('z', '2025-03-20', 1, 'PARA', 2)");
    tree_sql(t, PRISON,
             "INSERT INTO dose VALUES('a', '2025-03-30', 1, 'BUP', 2),"
             " ('b', '2025-05-20', 1, 'BUP', 2)");
    arrive(t);
    check(t, "K05", "2025-03",
          "LDH/female, 25 and over: 1; LDH/male, under 25: 1;"
          " LDH/unknown, age unknown: 1");
    check(t, "K05", "2025-02", "LDH/unknown, age unknown: 1");
    check(t, "K06", "2025-03", "LDH/: 3/40");
    /* two records of one person are one */
    tree_sql(t, CLINIC,
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " decided_by) VALUES('a', 'b', 'same', 'card', 'clerk')");
    arrive(t);
    check(t, "K05", "2025-03",
          "LDH/female, 25 and over: 1; LDH/unknown, age unknown: 1");
    /* no result: they are at the sites alone */
    check(t, "K20", "2025-Q1", "LDH/: 0/2");
    check(t, "K20", "2025-03", "");
    tree_free(t);
}

static void retention_is_counted_once_the_day_has_come(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, sex)"
             " VALUES('a', '1', 'female'), ('b', '2', 'male'),"
             " ('c', '3', 'male');"
             "INSERT INTO dose VALUES('a', '2024-01-10', 1, 'BUP', 2),"
             " ('b', '2024-01-20', 1, 'BUP', 2),"
             " ('b', '2024-04-01', 1, 'BUP', 2),"
             " ('b', '2024-07-01', 30, 'BUP', 60),"
             " ('c', date('now', '-100 days'), 1, 'BUP', 2)");
    tree_sql(t, PRISON,
             "INSERT INTO dose VALUES"
             "('a', '2024-04-09', 1, 'BUP', 2)"); /* elsewhere */
    arrive(t);
    check(t, "K07", "2024-01",
          "LDH/12 months, female: 0/1; LDH/12 months, male: 0/1;"
          " LDH/3 months, female: 1/1; LDH/3 months, male: 1/1;"
          " LDH/6 months, female: 0/1; LDH/6 months, male: 1/1");
    assert_string_equal(
        tree_get(t, HQ,
                 "SELECT group_concat(split || ' ' || den) FROM v_indicator"
                 " WHERE indicator = 'K07' AND period ="
                 " strftime('%Y-%m', 'now', '-100 days')"),
        "3 months, male 1");
    tree_free(t);
}

static void the_way_through_custody_is_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', '1'),"
             " ('b', '2'), ('c', '3');"
             "INSERT INTO custody_event(person_id, kind, occurred_at) VALUES"
             "('a', 'admitted', '2025-03-01T06:00:00.000Z'),"
             "('b', 'admitted', '2025-03-02T06:00:00.000Z'),"
             "('a', 'released', '2025-03-20T06:00:00.000Z'),"
             "('b', 'released', '2025-03-21T06:00:00.000Z'),"
             "('c', 'released', '2025-03-22T06:00:00.000Z');"
             "INSERT INTO assessment(person_id, instrument, performed_on,"
             " recorded_by) VALUES('a', 'COWS', '2025-03-03', 'n'),"
             " ('b', 'COWS', '2025-03-05', 'n');"
             "INSERT INTO dose VALUES('a', '2025-03-19', 1, 'BUP', 2),"
             " ('b', '2025-03-21', 1, 'BUP', 2),"
             " ('c', '2025-03-01', 1, 'BUP', 2)"); /* no more on treatment */
    tree_sql(t, CLINIC,
             "INSERT INTO dose VALUES"
             "('a', '2025-03-23', 1, 'BUP', 2),"
             "('b', '2025-04-11', 1, 'BUP', 2)");
    arrive(t);
    check(t, "K08", "2025-03",
          "LDH-P/within 21 days: 2/2; LDH-P/within 3 days: 1/2");
    check(t, "K18", "2025-03", "LDH-P/: 1/2");
    tree_free(t);
}

static void what_was_agreed_is_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(
        t, CLINIC,
        "INSERT INTO person(person_id, beneficiary_no, sex)"
        " VALUES('a', '1', 'female'), ('b', '2', 'male');"
        "INSERT INTO referral(referral_id, person_id, kind, to_site,"
        " to_department, offered_on, due_on) VALUES"
        "('r1', 'a', 'job', 'LDH-D', 'labour', '2025-03-01', '2025-03-10'),"
        "('r2', 'a', 'job', 'LDH-D', 'labour', '2025-03-02', '2025-03-10'),"
        "('r3', 'b', 'counselling', 'LDH-D', NULL, '2025-03-03', NULL);"
        "INSERT INTO referral(person_id, kind, to_site, offered_on,"
        " sender_status) VALUES('b', 'job', 'LDH-D', '2025-03-03',"
        " 'cancelled');"
        "INSERT INTO followup(followup_id, person_id, due_on, done_on,"
        " result, department) VALUES"
        "('f1', 'a', '2025-03-10', '2025-03-24', 'contacted', 'health'),"
        "('f2', 'b', '2025-03-10', '2025-03-25', 'contacted', 'health'),"
        "('f3', 'b', '2025-03-11', NULL, 'missed', 'labour');"
        "INSERT INTO followup(person_id, due_on, done_on, result,"
        " department, supersedes_id) VALUES('b', '2025-03-11',"
        " '2025-03-12', 'contacted', 'labour', 'f3')");
    tree_sync(t);
    tree_sql(t, OTHER,
             "UPDATE referral SET receiver_status = 'attended', receiver_on ="
             " CASE referral_id WHEN 'r2' THEN '2025-03-11' ELSE '2025-03-09'"
             " END WHERE kind <> 'job' OR sender_status = 'offered'");
    arrive(t);
    check(t, "K09", "2025-03", "health/counselling: 1/1; labour/job: 1/2");
    check(t, "K10", "2025-03", "LDH/health: 1/2; LDH/labour: 1/1");
    tree_free(t);
}

static void work_and_training_are_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(
        t, CLINIC,
        "INSERT INTO person(person_id, beneficiary_no, sex) VALUES"
        "('a', '1', 'female'), ('b', '2', 'male'), ('c', '3', 'male');"
        "INSERT INTO enrolment(person_id, programme, status, started_on,"
        " ended_on) VALUES"
        "('a', 'labour_guidance', 'completed', '2025-01-01', '2025-03-01'),"
        "('b', 'labour_guidance', 'completed', '2025-01-01', '2025-03-02'),"
        "('c', 'labour_guidance', 'entered_in_error', '2025-01-01',"
        " '2025-03-02');"
        "INSERT INTO placement(person_id, kind, department, status, status_on,"
        " course_id, matches_training) VALUES"
        "('a', 'job', 'labour', 'placed', '2025-09-01', 'w', 1),"
        "('b', 'job', 'labour', 'placed', '2025-09-03', 'w', 0),"
        "('b', 'housing', 'labour', 'placed', '2025-03-03', 'w', 1),"
        "('c', 'job', 'labour', 'planned', '2025-09-03', 'w', 1);"
        "INSERT INTO training_record(training_id, person_id, course_id, cohort,"
        " sessions_held, sessions_attended, practical, completed_on) VALUES"
        "('t1', 'a', 'm', '2025A', 10, 9, 'pass', '2025-03-31'),"
        "('t2', 'b', 'm', '2025A', 10, 8, 'pass', '2025-03-31'),"
        "('t3', 'c', 'm', '2025A', 10, 10, 'fail', '2025-03-31'),"
        "('t4', 'c', 'w', '2025A', 10, 10, 'pass', '2025-03-31');"
        "INSERT INTO worker(worker_id, kind, display_name, district_code)"
        " VALUES('w1', 'mentor', 'M', 'LDH'), ('w2', 'nurse_pharmacist', 'N',"
        " 'LDH');"
        "INSERT INTO mentor_assignment(worker_id, person_id, district_code,"
        " status) VALUES('w1', 'a', 'LDH', 'active'), ('w1', 'b', 'LDH',"
        " 'active'), ('w1', 'c', 'LDH', 'ended')");
    arrive(t);
    /* b found work a day too late */
    check(t, "K11", "2025-03", "LDH/female: 1/1; LDH/male: 0/1");
    check(t, "K12", "2025-09", "LDH-C/: 1/2");
    check(t, "K13", "2025-03", "2025A/: 1/3");
    check(t, "K14", "now", "LDH/: 2/1");
    tree_free(t);
}

static void safety_stock_and_data_are_counted(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', '1');"
             "INSERT INTO dose VALUES('a', '2025-03-10', 1, 'BUP', 2),"
             " ('a', '2025-03-11', 1, 'BUP', 3),"
             " ('a', date('now', '-3 days'), 1, 'BUP', 56);"
             "INSERT INTO stock_event(item_code, kind, qty, occurred_on,"
             " counted_by) VALUES('BUP', 'receipt', 1000, '2025-01-01', 'n'),"
             " ('BUP', 'count', 100, '2025-03-10', 'n'),"
             " ('BUP', 'wastage', 7, '2025-03-12', 'n');"
             "INSERT INTO met VALUES('g', '2025-03-10', 'held', 9, 0, 'mixed',"
             " NULL);"
             "INSERT INTO referral(referral_id, person_id, kind, to_site,"
             " offered_on) VALUES('r', 'a', 'counselling', 'LDH-C',"
             " '2025-03-01')");
    tree_sql(t, PRISON,
             "INSERT INTO dose VALUES"
             "('a', '2025-03-10', 1, 'BUP', 2)");
    tree_sync(t);
    tree_sql(t, CLINIC,
             "UPDATE referral SET receiver_status = 'attended',"
             " receiver_on = '2025-03-02'");
    arrive(t);
    /* one pair of doses, found by two rules */
    check(t, "K15", "2025-03", "LDH/: 2/3");
    /* 100 - 7 - 3 - 56; two a day */
    check(t, "K16", "now", "LDH-C/BUP: 34/2.0");
    /* only headquarters knows that its own day is over */
    check(t, "K17", "now", "ASR/: 0/3; LDH/: 0/4; PB/: 1/1");
    check(t, "K19", "2025-03", "ASR/: 0/1; LDH/: 1/2");
    check(t, "K19", "2025-04", "ASR/: 0/1; LDH/: 0/2");
    tree_free(t);
}

/* --- the public ----------------------------------------------------------- */

/* A table of cells by hand, in the place of what was counted. */
static void publish(struct tree *t, const char *cells, const char *expected)
{
    char sql[2000];
    (void)snprintf(sql, sizeof sql,
                   "SAVEPOINT p; DROP VIEW v_indicator; CREATE VIEW v_indicator"
                   " AS SELECT column1 AS indicator, 'now' AS period,"
                   " column2 AS place, column3 AS split, column4 AS num,"
                   " column5 AS den FROM (VALUES %s)",
                   cells);
    tree_sql(t, HQ, sql);
    const char *got =
        tree_get(t, HQ,
                 "SELECT group_concat(says, ' ') FROM (SELECT place || split"
                 " || coalesce(num || coalesce('/' || den, ''), '-') AS says"
                 " FROM pub_indicator ORDER BY place, split)");
    if (strcmp(got, expected) != 0) {
        fail_msg("of %s:\n%s\nnot %s", cells, got, expected);
    }
    tree_sql(t, HQ, "ROLLBACK TO p; RELEASE p");
}

static void nobody_is_found_in_a_small_cell(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    /* one small cell, and the next smallest beside it, in row and column */
    publish(t,
            "('K05', 'A', 'f', 5, NULL), ('K05', 'A', 'm', 20, NULL),"
            "('K05', 'A', 'o', 30, NULL)",
            "Af- Am- Ao30");
    publish(t,
            "('K05', 'A', 'f', 5, NULL), ('K05', 'A', 'm', 20, NULL),"
            "('K05', 'B', 'f', 40, NULL), ('K05', 'B', 'm', 50, NULL),"
            "('K05', 'C', 'f', 60, NULL), ('K05', 'C', 'm', 70, NULL)",
            "Af- Am- Bf- Bm- Cf60 Cm70");
    /* none and many are shown */
    publish(t, "('K05', 'A', 'f', 0, NULL), ('K05', 'A', 'm', 11, NULL)",
            "Af0 Am11");
    publish(t, "('K05', 'A', 'f', 0, NULL), ('K05', 'A', 'm', 10, NULL)",
            "Af0 Am-");
    /* those left over of a share, and too few to share */
    publish(t, "('K11', 'A', 'f', 20, 25), ('K11', 'B', 'm', 20, 40)",
            "Af- Bm20/40");
    publish(t, "('K11', 'A', 'f', 0, 7), ('K11', 'B', 'm', 0, 40)",
            "Af- Bm0/40");
    /* prisons are nobody */
    publish(t, "('K01', 'A', '', 1, 2), ('K01', 'B', '', 2, 2)", "A1/2 B2/2");
    /* without an estimate the people count */
    publish(t, "('K06', 'A', '', 20, NULL), ('K06', 'B', '', 30, 100)",
            "A20 B30/100");
    tree_sql(t, HQ,
             "INSERT INTO ref_parameter(parameter_id, key, scope_kind,"
             " value_num, valid_from, authority) VALUES('s', 'suppress_below',"
             " 'all', 5, '2020-01-01', 'x')");
    publish(t, "('K05', 'A', 'f', 4, NULL), ('K05', 'B', 'm', 5, NULL)",
            "Af- Bm5");
    tree_free(t);
}

/* --- cost ----------------------------------------------------------------- */

/* The tables that a statement reads from one end, or by an index of that table
 * from one end, as " name name ": what its program opens and then rewinds. The
 * query plan would name them by their aliases. */
static const char *read_whole(struct tree *t, const char *sql)
{
    enum { OPCODE = 1, P1 = 2, P2 = 3, CURSORS = 4000 };
    static char names[2000];
    static int root[CURSORS];
    sqlite3_stmt *stmt = NULL;
    size_t used = (size_t)snprintf(names, sizeof names, " ");
    memset(root, 0, sizeof root);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[HQ].client, sql, -1, &stmt, NULL),
        SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *code = (const char *)sqlite3_column_text(stmt, OPCODE);
        int cursor = sqlite3_column_int(stmt, P1);
        if (strcmp(code, "OpenRead") == 0) {
            assert_true(cursor < CURSORS);
            root[cursor] = sqlite3_column_int(stmt, P2);
        } else if ((strcmp(code, "Rewind") == 0 || strcmp(code, "Last") == 0) &&
                   root[cursor] != 0) {
            char name[100];
            (void)snprintf(name, sizeof name,
                           "SELECT tbl_name FROM sqlite_master"
                           " WHERE rootpage = %d",
                           root[cursor]);
            used += (size_t)snprintf(names + used, sizeof names - used, "%s ",
                                     tree_get(t, HQ, name));
            assert_true(used < sizeof names);
        }
    }
    sqlite3_finalize(stmt);
    return names;
}

/* Tables that grow are found by an index, and by one that is there. */
static void no_indicator_reads_a_register_whole(void **state)
{
    (void)state;
    static const char *const large[] = {
        " dose_event ",     " peer_session ",    " custody_event ",
        " referral ",       " followup ",        " enrolment ",
        " placement ",      " assessment ",      " person ",
        " consent ",        " treatment_order ", " session_attendance ",
        " sync_breach ",    " bbv_result ",      " counselling_note ",
        " training_record "};
    struct tree *t = tree_new();
    for (int k = 1; k <= 20; k++) {
        char sql[200];
        (void)snprintf(sql, sizeof sql,
                       "EXPLAIN SELECT * FROM v_indicator"
                       " WHERE indicator = 'K%02d' AND period = '2026-09'",
                       k);
        const char *names = read_whole(t, sql);
        assert_non_null(strstr(names, " ref_site ")); /* it is found so */
        for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
            if (strstr(names, large[i]) != NULL) {
                fail_msg("K%02d reads%sfrom one end", k, large[i]);
            }
        }
    }
    tree_free(t);
}

/* Whoever came to a clinic for counselling is not looked for among all referrals. */
static void who_came_for_counselling_is_found_by_an_index(void **state)
{
    (void)state;
    static const char *const wanted[] = {"counselling_note_held",
                                         "referral_counselling"};
    struct tree *t = tree_new();
    sqlite3_stmt *stmt = NULL;
    int found = 0;
    assert_int_equal(sqlite3_prepare_v2(t->nodes[HQ].client,
                                        "EXPLAIN QUERY PLAN SELECT * FROM"
                                        " v_indicator WHERE indicator = 'K19'"
                                        " AND period = '2026-09'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(stmt, 3);
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            found += strstr(step, wanted[i]) != NULL;
        }
    }
    sqlite3_finalize(stmt);
    assert_int_equal(found, 2);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_support_is_counted),
        cmocka_unit_test(people_on_treatment_are_counted),
        cmocka_unit_test(retention_is_counted_once_the_day_has_come),
        cmocka_unit_test(the_way_through_custody_is_counted),
        cmocka_unit_test(what_was_agreed_is_counted),
        cmocka_unit_test(work_and_training_are_counted),
        cmocka_unit_test(safety_stock_and_data_are_counted),
        cmocka_unit_test(nobody_is_found_in_a_small_cell),
        cmocka_unit_test(no_indicator_reads_a_register_whole),
        cmocka_unit_test(who_came_for_counselling_is_found_by_an_index),
    };
    return cmocka_run_group_tests_name("indicators", tests, NULL, NULL);
}
