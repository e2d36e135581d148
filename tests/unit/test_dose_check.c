/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What v_dose_check answers a desk. All nodes are of India, so that a business
 * day is one of UTC+05:30. */

enum { HQ, HUB, CLINIC, OTHER, PRISON, NODES };

#define DAY(n) "date('now', '+05:30', '" n " days')"
#define TODAY DAY("0")

/* --- a district ----------------------------------------------------------- */

static const char lists[] =
    "INSERT INTO ref_site(site_id, name, kind, department, district_code,"
    " parent_site_id) VALUES('LDH-D', 'Clinic D', 'ooat_clinic', 'health',"
    " 'LDH', 'LDH-H');"
    "INSERT INTO ref_item(item_code, kind, name, unit, strength_mcg,"
    " opioid_agonist) VALUES"
    "('BUP-NAL-2', 'medicine', 'Buprenorphine', 'tablet', 2000, 1),"
    "('MTD-5', 'medicine', 'Methadone', 'ml', 5000, 1),"
    "('PARA-500', 'medicine', 'Paracetamol', 'tablet', 500000, 0);"
    "INSERT INTO ref_parameter(parameter_id, key, scope_kind, scope_value,"
    " value_num, valid_from, authority) VALUES"
    "('m', 'missed_days_reassess', 'item', 'BUP-NAL-2', 3, '2020-01-01',"
    " 'order 3')";

/* What cases are written with; a dose is of 11:30 in India. */
static const char short_forms[] =
    "CREATE TEMP VIEW treated AS SELECT person_id FROM person;"
    "CREATE TEMP TRIGGER treat INSTEAD OF INSERT ON treated BEGIN"
    " INSERT INTO person(person_id, beneficiary_no)"
    " VALUES(NEW.person_id, 'N-' || NEW.person_id);"
    " INSERT INTO enrolment(enrolment_id, person_id, programme, status,"
    " started_on) VALUES('e_' || NEW.person_id, NEW.person_id, 'OOAT',"
    " 'active', " DAY(
        "-60") ");"
               " INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
               " item_code, daily_dose_mcg, mode, max_take_home_days, status, prescriber,"
               " valid_from) VALUES('o_' || NEW.person_id, 'e_' || NEW.person_id,"
               " NEW.person_id, 'BUP-NAL-2', 8000, 'mixed', 7, 'active', 'dr 1', " DAY(
                   "-60") ");"
                          "END;"
                          "CREATE TEMP VIEW dose AS SELECT dose_id, person_id, service_date AS day,"
                          " days_covered AS days FROM dose_event;"
                          "CREATE TEMP TRIGGER hand_over INSTEAD OF INSERT ON dose BEGIN"
                          " INSERT INTO dose_event(dose_id, person_id, service_date, occurred_at,"
                          " recorded_at, kind, item_code, amount_mcg, days_covered, verified_by,"
                          " dispensed_by) VALUES(NEW.dose_id, NEW.person_id, NEW.day,"
                          " NEW.day || 'T06:00:00.000Z', NEW.day || 'T06:00:00.000Z',"
                          " CASE NEW.days WHEN 1 THEN 'observed' ELSE 'take_home' END,"
                          " 'BUP-NAL-2', 8000 * NEW.days, NEW.days, 'photo_card', 'nurse 4');"
                          "END";

/* What the node keeps for itself. */
static void past_guards(struct tree *t, int node, const char *sql)
{
    sqlite3 *db = t->nodes[node].client;
    /* as a careful tool has it: what is unsafe in a view fails */
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* Every site was heard of a moment ago, and every file in step. */
static struct tree *district(void)
{
    struct tree *t = tree_new();
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    t->now_ms = t->now_ms > now_ms ? t->now_ms : now_ms;
    tree_sql(t, HQ, lists);
    tree_drain(t, HQ);
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-D"), OTHER);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        tree_sql(t, node, short_forms);
        tree_sql(t, node,
                 "INSERT INTO peer_group(name, model, led_by)"
                 " VALUES('g', 'NA_HI', 'mixed')");
    }
    tree_sync(t);
    for (int node = HUB; node < NODES; node++) {
        past_guards(t, node, "UPDATE sync_peer SET synced_ms = 1790000000000");
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

static const char *of(struct tree *t, int node, const char *column,
                      const char *person)
{
    char sql[1000];
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s FROM v_dose_check WHERE person_id = '%s'", column,
                   person);
    return tree_get(t, node, sql);
}

/* The answer, and what is among its reasons. */
static void answers(struct tree *t, int node, const char *person,
                    const char *answer, const char *reason)
{
    const char *given = of(t, node, "answer", person);
    const char *reasons = of(t, node, "reasons", person);
    if (strcmp(given, answer) != 0 || strstr(reasons, reason) == NULL) {
        fail_msg("node %d, %s: '%s' (%s) and not '%s' (%s)", node, person,
                 given, reasons, answer, reason);
    }
}

static void is_ok(struct tree *t, int node, const char *person)
{
    answers(t, node, person, "ok", "");
    assert_string_equal(of(t, node, "reasons", person), "");
}

/* A clinic with one person, dosed yesterday: fine but for what a test adds. */
static struct tree *treated(void)
{
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('p');"
             "INSERT INTO dose VALUES('d1', 'p', " DAY("-1") ", 1)");
    meet(t);
    is_ok(t, CLINIC, "p");
    return t;
}

/* --- the clean cases ------------------------------------------------------ */

static void a_normal_month_is_ok_and_says_what_it_rests_on(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('p');"
             "INSERT INTO dose SELECT 'd' || value, 'p', date('now', '+05:30',"
             " '-' || value || ' days'), 1 FROM json_each('[30,29,28,27,26,25,"
             "24,23,22,21,20,19,18,17,16,15,14,13,12,11,10,9,8]');"
             "INSERT INTO dose VALUES('t', 'p', " DAY("-7") ", 6),"
                                                            " ('l', 'p', " DAY(
                                                                "-1") ", 1)");
    meet(t);
    is_ok(t, CLINIC, "p");
    assert_string_equal(
        of(t, CLINIC,
           "last_dose_on = " DAY("-1") " AND covered_until = " DAY(
               "-1") " AND"
                     " today = " TODAY
                     " AND last_site = 'LDH-C' AND missed_days = 0 AND"
                     " dose_ceiling_mcg = 8000 AND dose_ceiling_units = 4 AND"
                     " unit = 'tablet' AND item_codes = 'BUP-NAL-2' AND"
                     " take_home_days = 7 AND owner_sites = 'LDH-C' AND"
                     " prison_now IS NULL AND open_critical = 0 AND open_reviews = 0 AND"
                     " data_through = " TODAY " AND sites_behind IS NULL AND"
                     " records = 1 AND canon_id = 'p' AND site_id = 'LDH-C'",
           "p"),
        "1");
    /* asked where nobody treats or holds the person */
    answers(t, HUB, "p", "not_here", "ring LDH-C");
    answers(t, OTHER, "p", "not_here", "");
    assert_string_equal(of(t, CLINIC, "answer", "nobody"), "");
    tree_free(t);
}

static void a_first_dose_is_ok(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC, "INSERT INTO treated VALUES('p')");
    meet(t);
    is_ok(t, CLINIC, "p");
    assert_string_equal(of(t, CLINIC, "missed_days IS NULL", "p"), "1");
    tree_free(t);
}

/* --- a second dose -------------------------------------------------------- */

static void dosed_today_is_enough(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC, "INSERT INTO dose VALUES('d2', 'p', " TODAY ", 1)");
    /* at once, whether the node runs or not */
    answers(t, CLINIC, "p", "already_dosed", "at LDH-C");
    tree_sql(t, CLINIC,
             "INSERT INTO dose_event(person_id, kind, reverses_id, verified_by,"
             " dispensed_by) VALUES('p', 'reversal', 'd2', 'none', 'n')");
    meet(t);
    is_ok(t, CLINIC, "p");
    /* a dose dated ahead, and one of a medicine that is not known here */
    tree_sql(t, CLINIC, "INSERT INTO dose VALUES('d3', 'p', " DAY("1") ", 1)");
    answers(t, CLINIC, "p", "already_dosed", "");
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('q');"
             "INSERT INTO dose_event(person_id, kind, item_code, verified_by,"
             " dispensed_by) VALUES('q', 'observed', 'NEW-1', 'none', 'n')");
    answers(t, CLINIC, "q", "already_dosed", "");
    /* but not of one that is known to be none */
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('r');"
             "INSERT INTO dose_event(person_id, kind, item_code, verified_by,"
             " dispensed_by) VALUES('r', 'observed', 'PARA-500', 'none', 'n')");
    meet(t);
    is_ok(t, CLINIC, "r");
    tree_free(t);
}

static void a_take_home_that_lasts_is_enough_until_it_is_brought_back(
    void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('p');"
             "INSERT INTO dose VALUES('t', 'p', " DAY("-3") ", 4)");
    meet(t);
    answers(t, CLINIC, "p", "covered", "lasts until ");
    assert_string_equal(of(t, CLINIC, "covered_until = " TODAY, "p"), "1");
    tree_sql(t, CLINIC,
             "INSERT INTO dose_event(dose_id, person_id, kind, returns_id,"
             " verified_by, dispensed_by) VALUES('b', 'p', 'returned', 't',"
             " 'none', 'n')");
    meet(t);
    is_ok(t, CLINIC, "p");
    /* which was a mistake */
    tree_sql(t, CLINIC,
             "INSERT INTO dose_event(person_id, kind, reverses_id, verified_by,"
             " dispensed_by) VALUES('p', 'reversal', 'b', 'none', 'n')");
    answers(t, CLINIC, "p", "covered", "");
    /* days that are none cover who knows how long */
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('q');"
             "INSERT INTO dose_event(person_id, service_date, kind, item_code,"
             " covers_from, verified_by, dispensed_by) VALUES('q', " DAY(
                 "-9") ", 'take_home', 'BUP-NAL-2', 'monday', 'none', 'n')");
    answers(t, CLINIC, "q", "covered", "");
    tree_free(t);
}

static void a_guest_dose_elsewhere_is_seen_here(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC,
             "INSERT INTO referral(referral_id, person_id, kind, to_site,"
             " valid_to) VALUES('r', 'p', 'guest_dosing', 'LDH-D', " TODAY ")");
    meet(t);
    answers(t, OTHER, "p", "not_here", ""); /* not accepted */
    tree_sql(t, OTHER,
             "UPDATE referral SET receiver_status = 'accepted',"
             " receiver_on = " TODAY);
    meet(t);
    is_ok(t, OTHER, "p");
    tree_sql(t, OTHER, "INSERT INTO dose VALUES('d2', 'p', " TODAY ", 1)");
    meet(t);
    answers(t, CLINIC, "p", "already_dosed", "at LDH-D");
    tree_sql(t, CLINIC, "UPDATE referral SET valid_to = " DAY("-1"));
    meet(t);
    answers(t, OTHER, "p", "already_dosed", "neither treats, receives");
    tree_free(t);
}

/* --- one person with two records ------------------------------------------ */

static struct tree *two_records(void)
{
    struct tree *t = treated();
    tree_sql(t, OTHER,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('q', 'N-9');"
             "INSERT INTO dose VALUES('d2', 'q', " TODAY ", 1)");
    meet(t);
    is_ok(t, CLINIC, "p");
    tree_sql(t, CLINIC,
             "INSERT INTO person_link(link_id, person_a, person_b, decision,"
             " basis, decided_by) VALUES('l', 'p', 'q', 'same', 'x', 'r')");
    return t;
}

static void a_link_shows_the_dose_of_the_other_record_at_once(void **state)
{
    (void)state;
    struct tree *t = two_records();
    /* nothing has been signed, merged or looked at since */
    answers(t, CLINIC, "p", "already_dosed", "at LDH-D");
    answers(t, CLINIC, "q", "already_dosed", "at LDH-D");
    meet(t);
    answers(t, CLINIC, "p", "already_dosed", "at LDH-D");
    answers(t, OTHER, "q", "already_dosed", "at LDH-D");
    assert_string_equal(of(t, CLINIC, "records || canon_id", "q"), "2p");
    tree_free(t);
}

static void a_link_that_is_undone_no_longer_counts(void **state)
{
    (void)state;
    struct tree *t = two_records();
    meet(t);
    tree_sql(t, OTHER,
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " supersedes_id, decided_by) VALUES('p', 'q', 'different', 'x',"
             " 'l', 'r')");
    meet(t);
    is_ok(t, CLINIC, "p");
    tree_free(t);
}

/* The other record is of another district, and none of its doses are here. */
static void a_linked_record_that_is_not_here_is_not_ok(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, HQ,
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " decided_by) VALUES('a', 'p', 'same', 'x', 'r')");
    meet(t);
    answers(t, CLINIC, "p", "incomplete", "1 linked records are not here");
    tree_free(t);
}

/* --- treatment and order -------------------------------------------------- */

/* What the clinic writes of a person turns 'ok' into this. */
struct turn {
    const char *table;
    const char *set;
    const char *answer;
    const char *reason;
};

static void turns(const struct turn *turns, size_t count)
{
    struct tree *t = district();
    char person[32];
    char sql[300];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(sql, sizeof sql, "INSERT INTO treated VALUES('p%zu')",
                       i);
        tree_sql(t, CLINIC, sql);
    }
    meet(t);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(person, sizeof person, "p%zu", i);
        (void)snprintf(sql, sizeof sql,
                       "UPDATE %s SET %s WHERE person_id = '%s'",
                       turns[i].table, turns[i].set, person);
        is_ok(t, CLINIC, person);
        tree_sql(t, CLINIC, sql);
        answers(t, CLINIC, person, turns[i].answer, turns[i].reason);
    }
    meet(t);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(person, sizeof person, "p%zu", i);
        answers(t, CLINIC, person, turns[i].answer, turns[i].reason);
    }
    tree_free(t);
}

static void without_an_order_in_force_nothing_is_ok(void **state)
{
    (void)state;
    static const char table[] = "treatment_order";
    static const struct turn each[] = {
        {table, "valid_to = " DAY("-1"), "no_order", "no order is in force"},
        {table, "status = 'stopped'", "no_order", ""},
        {table, "status = 'entered_in_error'", "no_order", ""},
        {table, "valid_to = '31/12/2099'", "no_order", ""},
        {table, "valid_from = " DAY("1"), "no_order", ""},
    };
    turns(each, sizeof each / sizeof each[0]);
}

static void a_treatment_that_is_paused_or_ended_is_not_ok(void **state)
{
    (void)state;
    static const struct turn each[] = {
        {"enrolment", "status = 'on_hold'", "on_hold", "no order"},
        {"enrolment", "status = 'completed', ended_on = " TODAY, "not_treated",
         ""},
        {"enrolment", "status = 'entered_in_error'", "not_treated", ""},
    };
    turns(each, sizeof each / sizeof each[0]);
}

static void a_death_or_a_wrong_record_is_not_ok(void **state)
{
    (void)state;
    static const struct turn each[] = {
        {"person", "vital_status = 'dead'", "dead", ""},
        {"person", "vital_status = 'reported_dead'", "observed_only",
         "nothing to take home"},
        {"enrolment", "status = 'died'", "not_treated", "reported dead"},
        {"person", "record_status = 'entered_in_error'", "wrong_record", ""},
    };
    turns(each, sizeof each / sizeof each[0]);
}

static void orders_that_differ_give_the_smaller_dose(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC,
             "INSERT INTO treatment_order(enrolment_id, person_id, item_code,"
             " daily_dose_mcg, mode, status, prescriber) VALUES('e_p', 'p',"
             " 'BUP-NAL-2', 6000, 'observed', 'active', 'dr 2')");
    answers(t, CLINIC, "p", "two_orders", "no more than 6000 mcg");
    assert_string_equal(of(t, CLINIC,
                           "dose_ceiling_mcg || ' ' || dose_ceiling_units"
                           " || ' ' || take_home_days",
                           "p"),
                        "6000 3.0 0");
    tree_free(t);
}

static void two_owners_are_an_alarm(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, OTHER,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status,"
             " started_on) VALUES('e2', 'p', 'OST', 'active', " TODAY ")");
    meet(t);
    answers(t, CLINIC, "p", "two_owners", "LDH-C,LDH-D");
    answers(t, OTHER, "p", "two_owners", "");
    tree_free(t);
}

static void who_was_handed_over_is_not_dosed_here_past_the_day(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC,
             "INSERT INTO referral(referral_id, person_id, enrolment_id, kind,"
             " to_site, offered_epoch, offered_on, due_on) VALUES('r', 'p',"
             " 'e_p', 'transfer_of_care', 'LDH-D', 1, " DAY("-2") ", " TODAY
                                                                  ")");
    meet(t);
    is_ok(t, CLINIC, "p");
    tree_sql(t, CLINIC, "UPDATE referral SET due_on = " DAY("-1"));
    answers(t, CLINIC, "p", "not_here", "");
    tree_sql(t, CLINIC, "UPDATE referral SET sender_status = 'cancelled'");
    meet(t);
    is_ok(t, CLINIC, "p");
    tree_free(t);
}

/* --- custody, death, missed days ------------------------------------------ */

static void in_custody_the_prison_doses(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, PRISON,
             "INSERT INTO custody_event(custody_id, person_id, kind,"
             " occurred_at) VALUES('k', 'p', 'admitted',"
             " strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hours'))");
    meet(t);
    answers(t, CLINIC, "p", "in_custody", "held in LDH-P");
    is_ok(t, PRISON, "p");
    tree_sql(t, PRISON,
             "INSERT INTO custody_event(custody_id, person_id, kind) VALUES"
             "('l', 'p', 'released')");
    meet(t);
    is_ok(t, CLINIC, "p");
    answers(t, PRISON, "p", "not_here", "");
    /* which was a mistake */
    tree_sql(t, PRISON,
             "INSERT INTO custody_event(person_id, kind, reverses_id) VALUES"
             "('p', 'released', 'l')");
    meet(t);
    answers(t, CLINIC, "p", "in_custody", "");
    tree_free(t);
}

static void who_died_in_custody_is_reported_dead(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, PRISON,
             "INSERT INTO custody_event(person_id, kind) VALUES('p', 'died')");
    meet(t);
    answers(t, CLINIC, "p", "observed_only", "reported dead");
    assert_string_equal(of(t, CLINIC, "take_home_days", "p"), "0");
    tree_free(t);
}

static void after_missed_days_somebody_assesses_first(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO treated VALUES('p'), ('q');"
             "INSERT INTO dose VALUES('d1', 'p', " DAY(
                 "-4") ", 1),"
                       " ('d2', 'q', " DAY("-3") ", 1)");
    meet(t);
    is_ok(t, CLINIC, "q");
    answers(t, CLINIC, "p", "reassess", "3 days were missed");
    tree_sql(t, CLINIC,
             "INSERT INTO assessment(assessment_id, person_id, instrument,"
             " dose_clearance, recorded_by) VALUES('a', 'p', 'COWS', 1, 'n'),"
             " ('b', 'q', 'COWS', 0, 'n')");
    meet(t);
    is_ok(t, CLINIC, "p");
    answers(t, CLINIC, "q", "reassess", "not fit");
    tree_sql(t, CLINIC,
             "INSERT INTO assessment(person_id, instrument, supersedes_id,"
             " recorded_by) VALUES('p', 'COWS', 'a', 'n')");
    answers(t, CLINIC, "p", "reassess", "");
    tree_free(t);
}

/* --- what is open, and what is missing ------------------------------------ */

static void a_critical_breach_that_is_open_is_not_ok(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, OTHER, "INSERT INTO dose VALUES('d0', 'p', " DAY("-1") ", 1)");
    meet(t);
    answers(t, CLINIC, "p", "alert", "two agonist doses on one day");
    assert_string_equal(of(t, CLINIC, "open_critical >= 1", "p"), "1");
    tree_sql(t, CLINIC,
             "INSERT INTO breach_act(breach_id, person_id, act, recorded_by)"
             " SELECT breach_id, person_a, 'acknowledged', 'n' FROM v_breach");
    meet(t);
    answers(t, CLINIC, "p", "alert", "");
    tree_sql(t, CLINIC,
             "INSERT INTO breach_act(breach_id, person_id, act, recorded_by)"
             " SELECT breach_id, person_a, 'resolved', 'n' FROM v_breach");
    meet(t);
    is_ok(t, CLINIC, "p");
    assert_string_equal(of(t, CLINIC, "open_critical", "p"), "0");
    tree_free(t);
}

static void a_release_that_waits_for_its_first_dose_is_ok(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, PRISON,
             "INSERT INTO referral(referral_id, person_id, kind, to_site,"
             " offered_on, due_on) VALUES('r', 'p', 'prison_release', 'LDH-D',"
             " " DAY("0") ", " DAY("-1") ")");
    meet(t);
    assert_string_equal(of(t, CLINIC, "open_critical", "p"), "1");
    is_ok(t, CLINIC, "p");
    tree_free(t);
}

/* Keys of rows are UUIDs, or were typed by somebody. */
static void what_waits_for_a_person_to_look_is_not_ok(void **state)
{
    (void)state;
    static const char *const keys[] = {"p",
                                       "01900000-0000-7000-8000-0000000000ab"};
    for (size_t i = 0; i < 2; i++) {
        struct tree *t = district();
        char sql[200];
        (void)snprintf(sql, sizeof sql, "INSERT INTO treated VALUES('%s')",
                       keys[i]);
        tree_sql(t, CLINIC, sql);
        meet(t);
        is_ok(t, CLINIC, keys[i]);
        tree_sql(t, CLINIC, "UPDATE person SET birth_year = 1990");
        tree_sql(t, OTHER, "UPDATE person SET birth_year = 1991");
        meet(t);
        answers(t, CLINIC, keys[i], "review", "1 values wait");
        assert_string_equal(of(t, CLINIC, "open_reviews", keys[i]), "1");
        tree_free(t);
    }
}

static void what_is_not_complete_is_not_ok(void **state)
{
    (void)state;
    static const char silent[] =
        "UPDATE sync_origin SET head_hlc = (strftime('%s', 'now', '-4 days') *"
        " 1000) << 16 WHERE node = (SELECT node FROM sync_certificate WHERE"
        " site = 'LDH-P')";
    struct tree *t = treated();
    /* of a site that has nothing to do with the person */
    past_guards(t, CLINIC, silent);
    is_ok(t, CLINIC, "p");
    tree_sql(t, PRISON,
             "INSERT INTO custody_event(custody_id, person_id, kind,"
             " occurred_at) VALUES('k', 'p', 'admitted',"
             " strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-5 days')), ('l', 'p',"
             " 'released', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-4 days'))");
    meet(t);
    is_ok(t, CLINIC, "p");
    past_guards(t, CLINIC, silent);
    answers(t, CLINIC, "p", "incomplete", "not all is here of LDH-P");
    assert_string_equal(of(t, CLINIC, "sites_behind", "p"), "LDH-P");
    assert_string_equal(of(t, CLINIC, "data_through < " DAY("-4"), "p"), "1");
    /* an order of headquarters says how much is borne */
    tree_sql(t, HQ,
             "INSERT INTO ref_parameter(parameter_id, key, scope_kind,"
             " value_num, valid_from, authority) VALUES('b',"
             " 'dose_check_days_behind', 'all', 7, '2020-01-01', 'order 5')");
    meet(t);
    past_guards(t, CLINIC, silent);
    is_ok(t, CLINIC, "p");
    tree_sql(t, HQ,
             "UPDATE ref_parameter SET value_num = -1"
             " WHERE parameter_id = 'b'");
    meet(t);
    answers(t, CLINIC, "p", "incomplete", "LDH-P");
    tree_free(t);
}

static void a_site_never_heard_of_is_not_complete(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC,
             "INSERT INTO referral(referral_id, person_id, kind, to_site)"
             " VALUES('r', 'p', 'transfer_of_care', 'ASR-C')");
    meet(t);
    answers(t, CLINIC, "p", "incomplete", "not all is here of ASR-C");
    assert_string_equal(of(t, CLINIC, "data_through IS NULL", "p"), "1");
    /* one that has closed says nothing more */
    tree_sql(t, HQ,
             "UPDATE ref_site SET valid_to = '2025-01-01'"
             " WHERE site_id = 'ASR-C'");
    meet(t);
    is_ok(t, CLINIC, "p");
    tree_free(t);
}

static void a_file_never_in_step_is_not_complete(void **state)
{
    (void)state;
    struct tree *t = treated();
    past_guards(t, CLINIC, "UPDATE sync_peer SET synced_ms = NULL");
    answers(t, CLINIC, "p", "incomplete", "never been in step");
    tree_free(t);
}

static void what_the_rules_have_not_looked_at_is_not_ok(void **state)
{
    (void)state;
    static const char *const touched[] = {"'person', 'p'", "'everyone', 'o'",
                                          "'person_link', 'l'",
                                          "'ref_item', 'i'"};
    struct tree *t = treated();
    for (size_t i = 0; i < sizeof touched / sizeof touched[0]; i++) {
        char sql[200];
        (void)snprintf(sql, sizeof sql, "INSERT INTO sync_touched VALUES(%s)",
                       touched[i]);
        past_guards(t, CLINIC, sql);
        answers(t, CLINIC, "p", "incomplete", "have not looked");
        past_guards(t, CLINIC, "DELETE FROM sync_touched");
    }
    past_guards(t, CLINIC,
                "INSERT INTO sync_touched VALUES('person', 'q'),"
                " ('everyone', 'p'), ('stock_event', 's')");
    is_ok(t, CLINIC, "p");
    tree_free(t);
}

/* --- entered in error ----------------------------------------------------- */

/* It lends no order and no treatment to one it is linked with; but what was
 * handed over under it was handed over. */
static void a_record_entered_in_error_lends_nothing(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('q', 'N-2');"
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " decided_by) VALUES('p', 'q', 'same', 'x', 'r')");
    meet(t);
    is_ok(t, CLINIC, "q");
    tree_sql(t, CLINIC,
             "UPDATE person SET record_status = 'entered_in_error'"
             " WHERE person_id = 'p'");
    answers(t, CLINIC, "q", "not_treated", "no order");
    assert_string_equal(of(t, CLINIC, "owner_sites IS NULL", "q"), "1");
    tree_sql(t, CLINIC, "INSERT INTO dose VALUES('d2', 'p', " TODAY ", 1)");
    answers(t, CLINIC, "q", "already_dosed", "");
    tree_free(t);
}

/* --- cost ----------------------------------------------------------------- */

enum { DOSES_EACH = 40, PEOPLE = 5000, ASKED = 200 };

static const char one_sql[] = "SELECT * FROM v_dose_check WHERE person_id = ?";

static void one_person_is_found_along_indexes(void **state)
{
    (void)state;
    /* what stands for one row, or for rows found before */
    static const char *const small[] = {
        "CONSTANT ROW", "23 CONSTANT ROWS", "VIRTUAL TABLE", "sync_self",
        "(subquery",    "v_dose_reason",    "v_dose_check"};
    struct tree *t = tree_new();
    sqlite3_stmt *stmt = NULL;
    char sql[100];
    int searches = 0;
    (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", one_sql);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[HQ].client, sql, -1, &stmt, NULL),
        SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(stmt, 3);
        /* names of one letter, and `one`, are of this file's own subqueries */
        bool fine = strncmp(step, "SCAN", 4) != 0 || strlen(step) == 6 ||
                    strcmp(step, "SCAN one") == 0;
        for (size_t i = 0; !fine && i < sizeof small / sizeof small[0]; i++) {
            fine = strstr(step, small[i]) != NULL;
        }
        bool made = strncmp(step, "MATERIALIZE", 11) == 0 &&
                    strcmp(step, "MATERIALIZE v_rule") != 0;
        if (!fine || made || strstr(step, "AUTOMATIC") != NULL) {
            fail_msg("%s", step);
        }
        searches += strncmp(step, "SEARCH", 6) == 0;
    }
    assert_true(searches > 20);
    sqlite3_finalize(stmt);
    tree_free(t);
}

struct cost {
    int steps;
    int scanned;
    double ms;
};

/* With what it takes to prepare it: a tool may do so each time. */
static struct cost cost_of(struct tree *t, const char *person)
{
    struct timespec from;
    struct timespec to;
    sqlite3_stmt *stmt = NULL;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[HQ].client, one_sql, -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(stmt, 1, person, -1, SQLITE_STATIC),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    struct cost c = {
        .steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0),
        .scanned =
            sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0),
        .ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
              (double)(to.tv_nsec - from.tv_nsec) / 1e6,
    };
    sqlite3_finalize(stmt);
    return c;
}

/* People numbered from `first` to `last`, with all that the answer reads; past
 * the triggers, so that nothing waits to be signed. */
static void fill(struct tree *t, int first, int last)
{
    static const char *const rows[] = {
        "INSERT INTO person(person_id, beneficiary_no)"
        " SELECT 'p' || i, 'N' || i FROM n",
        "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
        " SELECT 'e' || i, 'p' || i, 'OOAT', 'active' FROM n",
        "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
        " item_code, daily_dose_mcg, mode, status, prescriber)"
        " SELECT 'o' || i, 'e' || i, 'p' || i, 'BUP-NAL-2', 8000, 'mixed',"
        " 'active', 'dr 1' FROM n",
        "INSERT INTO referral(referral_id, person_id, enrolment_id, kind,"
        " to_site) SELECT 'r' || i, 'p' || i, 'e' || i, 'guest_dosing',"
        " 'LDH-C' FROM n",
        "INSERT INTO custody_event(custody_id, person_id, site_id, kind)"
        " SELECT 'c' || i, 'p' || i, 'LDH-P', 'admitted' FROM n",
        "INSERT INTO assessment(assessment_id, person_id, instrument,"
        " dose_clearance, recorded_by) SELECT 'a' || i, 'p' || i, 'COWS', 1,"
        " 'n' FROM n",
        "INSERT INTO person_link(link_id, person_a, person_b, decision, basis,"
        " decided_by) SELECT 'l' || i, 'a' || i, 'p' || i, 'same', 'x', 'n'"
        " FROM n",
        "INSERT INTO dose_event(dose_id, person_id, site_id, service_date,"
        " kind, item_code, amount_mcg, verified_by, dispensed_by)"
        " SELECT 'd' || i || '-' || d.value, 'p' || i, 'LDH-C',"
        " date('now', '-' || d.value || ' days'), 'observed', 'BUP-NAL-2',"
        " 8000, 'photo_card', 'n' FROM n, json_each(?1) d",
        "INSERT INTO sync_breach SELECT '01:' || i, '01', 'person', 'p' || i,"
        " '2025-01-01', '2025-01-01', 'LDH-C', 'LDH-P', 'p' || i, 'p' || i,"
        " 'd' || i, NULL, 'x', '[]', 'x', 1 FROM n",
        "INSERT INTO sync_review(table_id, key, column_id) SELECT 20,"
        " CAST(x'6b010300000004' || 'p' || i AS BLOB), 8 FROM n",
        "INSERT INTO sync_certificate(serial, node, site) SELECT"
        " CAST('s' || i AS BLOB), CAST('n' || i AS BLOB), 'S-' || i FROM n",
        "INSERT INTO sync_origin(node, head_seq, sum, all_sum) SELECT"
        " CAST('n' || i AS BLOB), 1, x'', x'' FROM n",
    };
    char sql[1000];
    sqlite3 *db = t->nodes[HQ].client;
    (void)snprintf(sql, sizeof sql,
                   "CREATE TEMP VIEW n AS WITH RECURSIVE n(i) AS (VALUES(%d)"
                   " UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i"
                   " FROM n; BEGIN",
                   first, last);
    tree_sql(t, HQ, sql);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sqlite3_stmt *stmt = NULL;
        char days[300] = "[1";
        for (int day = 2; day <= DOSES_EACH; day++) {
            size_t used = strlen(days);
            (void)snprintf(days + used, sizeof days - used, ",%d", day);
        }
        (void)strncat(days, "]", sizeof days - strlen(days) - 1);
        assert_int_equal(sqlite3_prepare_v2(db, rows[i], -1, &stmt, NULL),
                         SQLITE_OK);
        (void)sqlite3_bind_text(stmt, 1, days, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) != SQLITE_DONE) {
            fail_msg("%s: %s", rows[i], sqlite3_errmsg(db));
        }
        sqlite3_finalize(stmt);
    }
    tree_sql(t, HQ,
             "COMMIT; DROP VIEW n;"
             " PRAGMA wal_checkpoint(TRUNCATE)");
}

/* What is visited for one person is the same among one and among thousands. */
static void one_person_costs_the_same_among_thousands(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    double sum_ms = 0;
    tree_sql(t, HQ, lists);
    assert_int_equal(sqlite3_db_config(t->nodes[HQ].client,
                                       SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL),
                     SQLITE_OK);
    fill(t, 1000, 1000);
    struct cost alone = cost_of(t, "p1000");
    assert_string_equal(of(t, HQ, "open_reviews || open_critical", "p1000"),
                        "11");
    fill(t, 1001, 1000 + PEOPLE);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM dose_event"),
                        "200040");
    struct cost among = cost_of(t, "p1000");
    for (int i = 1; i <= ASKED; i++) {
        char person[32];
        (void)snprintf(person, sizeof person, "p%d", 1000 + i * 17);
        sum_ms += cost_of(t, person).ms;
    }
    print_message("one person of %d, 200,040 doses: %d steps, %d rows scanned,"
                  " %.2f ms on average (aim: 5 ms)\n",
                  PEOPLE + 1, among.steps, among.scanned, sum_ms / ASKED);
    assert_int_equal(among.scanned, alone.scanned);
    assert_true(among.scanned < 400);
    assert_true(among.steps <= alone.steps + alone.steps / 20);
    assert_true(among.steps < 60000);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_normal_month_is_ok_and_says_what_it_rests_on),
        cmocka_unit_test(a_first_dose_is_ok),
        cmocka_unit_test(dosed_today_is_enough),
        cmocka_unit_test(
            a_take_home_that_lasts_is_enough_until_it_is_brought_back),
        cmocka_unit_test(a_guest_dose_elsewhere_is_seen_here),
        cmocka_unit_test(a_link_shows_the_dose_of_the_other_record_at_once),
        cmocka_unit_test(a_link_that_is_undone_no_longer_counts),
        cmocka_unit_test(a_linked_record_that_is_not_here_is_not_ok),
        cmocka_unit_test(without_an_order_in_force_nothing_is_ok),
        cmocka_unit_test(a_treatment_that_is_paused_or_ended_is_not_ok),
        cmocka_unit_test(orders_that_differ_give_the_smaller_dose),
        cmocka_unit_test(two_owners_are_an_alarm),
        cmocka_unit_test(who_was_handed_over_is_not_dosed_here_past_the_day),
        cmocka_unit_test(in_custody_the_prison_doses),
        cmocka_unit_test(a_death_or_a_wrong_record_is_not_ok),
        cmocka_unit_test(who_died_in_custody_is_reported_dead),
        cmocka_unit_test(after_missed_days_somebody_assesses_first),
        cmocka_unit_test(a_critical_breach_that_is_open_is_not_ok),
        cmocka_unit_test(a_release_that_waits_for_its_first_dose_is_ok),
        cmocka_unit_test(what_waits_for_a_person_to_look_is_not_ok),
        cmocka_unit_test(what_is_not_complete_is_not_ok),
        cmocka_unit_test(a_site_never_heard_of_is_not_complete),
        cmocka_unit_test(a_file_never_in_step_is_not_complete),
        cmocka_unit_test(what_the_rules_have_not_looked_at_is_not_ok),
        cmocka_unit_test(a_record_entered_in_error_lends_nothing),
        cmocka_unit_test(one_person_is_found_along_indexes),
        cmocka_unit_test(one_person_costs_the_same_among_thousands),
    };
    return cmocka_run_group_tests_name("dose_check", tests, NULL, NULL);
}
