/* SPDX-License-Identifier: Apache-2.0 */

/* A register that is imported again after it was changed. */
#include "support/intake.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- people ----------------------------------------------------------------- */

static const char people_map[] =
    "[register]\ntable = person\nname = ooat\nkey = Reg\ncentury = 1930\n"
    "[beneficiary_no]\nfrom = Card\nnew = number\n"
    "[given_name]\nfrom = Name\n[sex]\nfrom = Sex\ncode = male: M\n"
    "[birth_year]\nfrom = Born\npart = year\n[birth_precision]\nvalue = year\n"
    "[phone]\nfrom = Phone\n";
#define PEOPLE "Reg,Card,Name,Sex,Born,Phone\n"

static struct intake people(const char *lines)
{
    char csv[512];
    (void)snprintf(csv, sizeof csv, PEOPLE "%s", lines);
    return intake_import("person", people_map, csv);
}

static void note_is(struct intake o, size_t n, const char *says)
{
    assert_true(o.state.notes > n);
    assert_string_equal(intake_after_folder(o.state.noted[n]), says);
}

/* Of the rows that were there. */
static void were_there(struct intake o, uint64_t same, uint64_t changed,
                       uint64_t differing)
{
    intake_taken(o, 0);
    assert_int_equal(o.state.same, same);
    assert_int_equal(o.state.changed, changed);
    assert_int_equal(o.state.differing, differing);
}

static int64_t has(const char *name, const char *phone)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM person WHERE given_name = '%s' AND"
                   " ifnull(phone, '') = '%s'",
                   name, phone);
    return intake_number(sql);
}

static void what_the_register_changed_is_changed(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,100\n2,,Kalpit,M,1990,200\n"), 2);
    struct intake o = people("1,,Namunjit,M,1984,\n2,,Kalpit,M,1990,200\n");
    were_there(o, 1, 1, 0);
    assert_int_equal(o.state.cells, 2);
    assert_string_equal(intake_after_folder(o.state.becomes[0]),
                        "r.csv:2:3 'Name' (given_name): 'Namoonjit' becomes "
                        "'Namunjit'");
    assert_string_equal(intake_after_folder(o.state.becomes[1]),
                        "r.csv:2:6 'Phone' (phone): '100' becomes nothing");
    assert_int_equal(has("Namunjit", ""), 1);
    assert_int_equal(has("Kalpit", "200"), 1);
    /* the change is captured like any other write */
    assert_int_equal(intake_number("SELECT count(*) FROM sync_pending"
                                   " WHERE what > 0"),
                     2);
    were_there(people("1,,Namunjit,M,1984,\n2,,Kalpit,M,1990,200\n"), 2, 0, 0);
    were_there(people("1,,Namunjit,M,1984,300\n"), 0, 1, 0);
}

static void what_people_changed_here_is_left(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,100\n"), 1);
    scratch_run(intake_replica, "UPDATE person SET phone = '999'");
    /* the register says what it said; its other changes come */
    struct intake o = people("1,,Namunjit,M,1984,100\n");
    were_there(o, 0, 1, 1);
    note_is(
        o, 0,
        "r.csv:2:6 'Phone' (phone): was changed here to '999' since; it was "
        "left as it is");
    assert_int_equal(has("Namunjit", "999"), 1);
}

static void both_changed_is_said_until_one_is_put_right(void **state)
{
    static const char says[] =
        "r.csv:2:6 'Phone' (phone): the register said '100' and says '200' now,"
        " but here it was changed to '999' since; it was left as it is";
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,100\n"), 1);
    scratch_run(intake_replica, "UPDATE person SET phone = '999'");
    for (int again = 0; again < 2; again++) {
        struct intake o = people("1,,Namoonjit,M,1984,200\n");
        were_there(o, 0, 0, 1);
        note_is(o, 0, says);
        assert_int_equal(has("Namoonjit", "999"), 1);
    }
    were_there(people("1,,Namoonjit,M,1984,999\n"), 1, 0, 0);
    were_there(people("1,,Namoonjit,M,1984,300\n"), 0, 1, 0);
    assert_int_equal(has("Namoonjit", "300"), 1);
}

static void what_belongs_together_is_changed_together(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,\n"), 1);
    scratch_run(intake_replica, "UPDATE person SET birth_precision ="
                                " 'estimated'");
    struct intake o = people("1,,Namoonjit,M,1985,\n");
    were_there(o, 0, 0, 1);
    note_is(o, 0,
            "r.csv:2:5 'Born' (birth_year): the register said '1984' and says "
            "'1985' now, but it goes with what was left here as it is; it was "
            "left as it is");
    assert_int_equal(intake_number("SELECT birth_year FROM person"), 1984);
}

static void what_was_there_before_the_memory_is_left(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,100\n"), 1);
    intake_as_node("DELETE FROM local_register_row");
    struct intake o = people("1,,Namoonjit,M,1984,200\n");
    were_there(o, 0, 0, 1);
    note_is(o, 0,
            "r.csv:2:6 'Phone' (phone): the row is in person already with '100'"
            " here; it was left as it is");
    /* once both say the same, the register may change it */
    were_there(people("1,,Namoonjit,M,1984,100\n"), 1, 0, 0);
    were_there(people("1,,Namoonjit,M,1984,200\n"), 0, 1, 0);
}

static void what_is_written_once_stays(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,0TM-6DS-2VX,Namoonjit,M,1984,\n"), 1);
    struct intake o = people("1,00Y-BN5-7TD,Namoonjit,M,1984,\n");
    were_there(o, 0, 0, 1);
    note_is(o, 0,
            "r.csv:2:2 'Card' (beneficiary_no): the register said '0TM-6DS-2VX'"
            " and says '00Y-BN5-7TD' now, but here it is written once; it was "
            "left as it is");
}

static void what_will_not_do_is_a_fault_and_nothing_is_changed(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,\n2,,Kalpit,M,1990,\n"), 2);
    static const char map[] =
        "[register]\ntable = person\nname = ooat\nkey = Reg\n"
        "[beneficiary_no]\nnew = number\n[given_name]\nfrom = Name\n"
        "[sex]\nfrom = Sex\n";
    struct intake o = intake_import("person", map,
                                    "Reg,Name,Sex\n1,Misal,male\n2,Kalpit,x\n");
    intake_one_fault(o, "r.csv:3:3 'Sex' (sex): breaks the rule sex IN ('male',"
                        " 'female', 'other', 'unknown')");
    assert_int_equal(has("Misal", ""), 0);
}

static void two_lines_of_one_row_are_a_fault(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(people("1,,Namoonjit,M,1984,\n"), 1);
    intake_one_fault(people("1,,Namoonjit,M,1984,5\n1,,Namoonjit,M,1984,6\n"),
                     "r.csv:3: '1' is the key of line 2 already");
    assert_int_equal(has("Namoonjit", ""), 1);
}

static void registers_remember_apart(void **state)
{
    char other[sizeof people_map];
    (void)state;
    intake_give_number();
    intake_taken(people("1,0TM-6DS-2VX,Namoonjit,M,1984,100\n"), 1);
    memcpy(other, people_map, sizeof other);
    memcpy(strstr(other, "ooat"), "jail", 4);
    were_there(intake_import("person", other,
                             PEOPLE "9,0TM-6DS-2VX,Namoonjit,M,1984,100\n"),
               1, 0, 0);
    were_there(people("1,0TM-6DS-2VX,Namoonjit,M,1984,200\n"), 0, 1, 0);
    /* to the other register it was changed here */
    struct intake o = intake_import(
        "person", other, PEOPLE "9,0TM-6DS-2VX,Namoonjit,M,1984,100\n");
    were_there(o, 0, 0, 1);
    assert_int_equal(has("Namoonjit", "200"), 1);
}

static void people_without_a_key_are_known_by_their_card(void **state)
{
    static const char map[] =
        "[register]\ntable = person\nname = plain\n"
        "[beneficiary_no]\nfrom = Card\n[given_name]\nfrom = Name\n"
        "[phone]\nfrom = Phone\n";
    (void)state;
    intake_taken(
        intake_import("person", map, "Card,Name,Phone\n0TM-6DS-2VX,Kalpit,1\n"),
        1);
    were_there(
        intake_import("person", map, "Card,Name,Phone\n0tm6ds2vx,Kalpit,2\n"),
        0, 1, 0);
    assert_int_equal(has("Kalpit", "2"), 1);
    /* another register has no word on whom this one made */
    static const char other[] =
        "[register]\ntable = person\nname = other\n"
        "[beneficiary_no]\nfrom = Card\n[given_name]\nfrom = Name\n";
    struct intake o =
        intake_import("person", other, "Card,Name\n0TM-6DS-2VX,Misal\n");
    assert_int_equal(o.state.bad, 1);
    assert_non_null(strstr(o.state.first[0], "has the beneficiary number of "));
    assert_int_equal(has("Kalpit", "2"), 1);
}

static void what_tells_lines_apart_is_known(void **state)
{
    static const char numbers[] = "[register]\ntable = person\nname = n\n"
                                  "[beneficiary_no]\nfrom = Card\nnew = number"
                                  "\n[given_name]\nfrom = Name\n";
    static const char cards[] = "[register]\ntable = person\nname = c\n"
                                "[beneficiary_no]\nfrom = Card\n"
                                "[given_name]\nfrom = Name\n";
    static const char csv[] = "Card,Name\n0TM-6DS-2VX,Kalpit\n";
    (void)state;
    assert_int_equal(people("1,00Y-BN5-7TD,Misal,M,1984,\n").state.known,
                     IMPORT_KNOWN_BY_KEY);
    assert_int_equal(intake_import("person", numbers, csv).state.known,
                     IMPORT_KNOWN_BY_PERSON);
    assert_int_equal(intake_import("person", cards, csv).state.known,
                     IMPORT_KNOWN_BY_KEY);
    assert_int_equal(
        intake_import("worker", NULL, "kind,display_name\nnurse_pharmacist,M\n")
            .state.known,
        IMPORT_KNOWN_BY_ALL);
    assert_int_equal(
        intake_import("worker", NULL,
                      "worker_id,kind,display_name\nw-1,trainer,M\n")
            .state.known,
        IMPORT_KNOWN_BY_KEY);
}

/* --- other records ----------------------------------------------------------- */

#define ORDERS                                                                 \
    "order_id,enrolment_id,person_id,item_code,daily_dose_mcg,"                \
    "mode,max_take_home_days,valid_from,valid_to,status,prescriber\n"

static struct intake orders(const char *line)
{
    char csv[512];
    (void)snprintf(csv, sizeof csv, ORDERS "%s", line);
    return intake_import("treatment_order", NULL, csv);
}

static void a_value_goes_its_way_only(void **state)
{
    static const char *const left[] = {
        "o-1,e-1,p-1,BUP-NAL-2,4000,mixed,14,2025-01-05,,active,Dr Misal\n",
        "o-1,e-1,p-1,BUP-NAL-2,4000,mixed,7,2025-01-05,,draft,Dr Misal\n",
        "o-1,e-1,p-1,BUP-NAL-2,6000,mixed,7,2025-01-05,,active,Dr Misal\n",
    };
    static const char *const why[] = {
        "r.csv:2:7 max_take_home_days: the register said '7' and says '14' now,"
        " but here it never goes back; it was left as it is",
        "r.csv:2:10 status: the register said 'active' and says 'draft' now, "
        "but here it never goes back; it was left as it is",
        "r.csv:2:5 daily_dose_mcg: the register said '4000' and says '6000' "
        "now, but here a change of it is a new row; it was left as it is",
    };
    (void)state;
    intake_taken(orders("o-1,e-1,p-1,BUP-NAL-2,4000,mixed,7,2025-01-05,,active,"
                        "Dr Misal\n"),
                 1);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        struct intake o = orders(left[i]);
        were_there(o, 0, 0, 1);
        note_is(o, 0, why[i]);
    }
    were_there(orders("o-1,e-1,p-1,BUP-NAL-2,4000,mixed,1,2025-01-05,"
                      "2025-03-01,stopped,Dr Misal\n"),
               0, 1, 0);
    assert_int_equal(
        intake_number("SELECT count(*) FROM treatment_order WHERE status ="
                      " 'stopped' AND valid_to = '2025-03-01'"
                      " AND max_take_home_days = 1"),
        1);
}

static void a_row_that_went_to_another_site_is_left(void **state)
{
    static const char map[] =
        "[register]\ntable = worker\nname = staff\nkey = No\n"
        "[kind]\nvalue = counsellor\n[display_name]\nfrom = Name\n";
    (void)state;
    intake_taken(intake_import("worker", map, "No,Name\n1,Misal\n"), 1);
    intake_as_node("UPDATE worker SET home_site = 'PB-LDH-C02'");
    struct intake o = intake_import("worker", map, "No,Name\n1,Kalpit\n");
    were_there(o, 0, 0, 1);
    note_is(o, 0,
            "r.csv:2: the register changed, and the row was left as it is: "
            "worker: this row belongs to another site; only the site in "
            "home_site may change it");
    assert_int_equal(intake_number("SELECT count(*) FROM worker"
                                   " WHERE display_name = 'Misal'"),
                     1);
}

static void a_value_for_all_rows_is_no_word_of_a_line(void **state)
{
    static const char map[] =
        "[register]\ntable = enrolment\nname = e\nkey = No\n"
        "[person_id]\nfrom = Who\n[programme]\nvalue = OOAT\n"
        "[status]\nvalue = active\n[phase]\nvalue = maintenance\n"
        "[started_on]\nfrom = Since\n";
    static const char csv[] = "No,Who,Since\n1,p-1,2025-01-05\n";
    (void)state;
    intake_taken(intake_import("enrolment", map, csv), 1);
    scratch_run(intake_replica,
                "UPDATE enrolment SET status = 'completed',"
                " ended_on = '2025-06-01', end_reason = 'finished'");
    were_there(intake_import("enrolment", map, csv), 1, 0, 0);
    /* and the first day is not changed below an ending that was written here */
    struct intake o =
        intake_import("enrolment", map, "No,Who,Since\n1,p-1,2025-01-06\n");
    were_there(o, 0, 0, 1);
    assert_int_equal(intake_number("SELECT count(*) FROM enrolment"
                                   " WHERE started_on = '2025-01-05'"
                                   " AND status = 'completed'"),
                     1);
}

static void of_events_nothing_is_remembered(void **state)
{
    (void)state;
    intake_taken(intake_import("stock_event", NULL,
                               "item_code,kind,qty,occurred_on,counted_by\n"
                               "BUP-NAL-2,receipt,100,2025-04-05,Misal\n"),
                 1);
    assert_int_equal(intake_number("SELECT count(*) FROM local_register_row"),
                     0);
}

#define test(name)                                                             \
    cmocka_unit_test_setup_teardown(name, intake_set_up, intake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_the_register_changed_is_changed),
        test(what_people_changed_here_is_left),
        test(both_changed_is_said_until_one_is_put_right),
        test(what_belongs_together_is_changed_together),
        test(what_was_there_before_the_memory_is_left),
        test(what_is_written_once_stays),
        test(what_will_not_do_is_a_fault_and_nothing_is_changed),
        test(two_lines_of_one_row_are_a_fault),
        test(registers_remember_apart),
        test(people_without_a_key_are_known_by_their_card),
        test(what_tells_lines_apart_is_known),
        test(a_value_goes_its_way_only),
        test(a_row_that_went_to_another_site_is_left),
        test(a_value_for_all_rows_is_no_word_of_a_line),
        test(of_events_nothing_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
