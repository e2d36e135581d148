/* SPDX-License-Identifier: Apache-2.0 */

/* Registers in a facility's own words, imported with a mapping file. */
#include "protocol/match.h"
#include "protocol/name.h"
#include "support/intake.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the mapping file ------------------------------------------------------ */

#define REGISTER "[register]\ntable = person\nname = r\n"
#define NO "[beneficiary_no]\nfrom = No\n"

static void a_mapping_that_is_wrong_names_its_line(void **state)
{
    static const struct {
        const char *map, *says;
    } cases[] = {
        {"table = person\n",
         "r.map:1: table: stands before the first section, [register]"},
        {"[register]\ntable = person\n",
         "r.map: [register] says no name; write name = what this register is "
         "called here"},
        {"[register]\nname = r\n",
         "r.map: [register] says no table; write table = TABLE"},
        {"[register]\nname = My List\n",
         "r.map:2: name: 'My List' is no name of small letters, digits and "
         "dashes"},
        {REGISTER "colour = red\n",
         "r.map:4: colour: is unknown; known in [register] are table, name, "
         "key, ignore, header, separator, dates, century"},
        {REGISTER "table = person\n", "r.map:4: table: is given already"},
        {REGISTER "dates = dmy\n",
         "r.map:4: dates: 'dmy' is none of dd-mm-yyyy, mm-dd-yyyy, "
         "yyyy-mm-dd"},
        {REGISTER "century = 30\n", "r.map:4: century: '30' is no first year "
                                    "of a hundred, such as 1930"},
        {REGISTER "separator = pipe\n",
         "r.map:4: separator: 'pipe' is none of comma, semicolon, tab"},
        {REGISTER "[sex]\ncode = M\n",
         "r.map:5: code: 'M' is not OURS: THEIRS | THEIRS, such as male: M | "
         "Male"},
        {REGISTER "[sex]\ncode = male: M\ncode = other: m\n",
         "r.map:6: code: 'm' stands for 'male' already"},
        {REGISTER "[sex]\ncode = male: M\n",
         "r.map:5: [sex] says neither from = (a column of the register) nor "
         "value = (for all rows)"},
        {REGISTER "[sex]\nfrom = S\nvalue = male\n",
         "r.map:5: [sex] takes one of from, value and of"},
        {REGISTER "[sex]\nfrom = S\nlist = x\nperson = number\n",
         "r.map:5: [sex] takes one of person, find and list"},
        {REGISTER "[sex]\nfrom = S\nwhere = a: b\n",
         "r.map:5: [sex] of and where belong to find = TABLE.COLUMN"},
        {REGISTER "[sex]\nfrom = S\nperson = card\n",
         "r.map:6: person: 'card' is neither number nor register NAME"},
        {REGISTER "[sex]\nfrom = S\nfind = peer_group\n",
         "r.map:6: find: 'peer_group' is not TABLE.COLUMN, such as "
         "peer_group.name"},
        {REGISTER "what is this\n",
         "r.map:4: neither [section], KEY = VALUE nor a comment"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        intake_refused(intake_import("person", cases[i].map, "No\n1\n"),
                       cases[i].says);
    }
}

static void a_mapping_must_fit_table_and_register(void **state)
{
    static const struct {
        const char *map, *csv, *says;
    } cases[] = {
        {REGISTER NO "[colour]\nvalue = red\n", "No\n1\n",
         "r.map:7: [colour] is no column of person"},
        {REGISTER NO "[sex]\nfrom = Sex\n", "No\n1\n",
         "r.csv:1: has no column 'Sex', which {r.map} speaks of"},
        {REGISTER "[sex]\nfrom = Sex\n", "Sex\nmale\n",
         "r.map: a section [beneficiary_no] is missing; person cannot do "
         "without it"},
        {REGISTER NO, "No,no\n1,2\n",
         "r.csv:1: columns 1 and 2 are both called 'No': rename one"},
        {REGISTER NO "[sex]\nfrom = No\nnew = number\n", "No\n1\n",
         "r.map:7: [sex] new = number is for person.beneficiary_no"},
        {REGISTER NO "[sex]\nfrom = No\ntimes = 2\n", "No\n1\n",
         "r.map:7: [sex] times is for columns of numbers"},
        {"[register]\nname = r\ntable = person\nkey = Reg\n" NO, "No\n1\n",
         "r.csv:1: has no column 'Reg', which {r.map} speaks of"},
        {REGISTER NO "[sex]\nfrom = No\nfind = peer_group.colour\n", "No\n1\n",
         "r.map:7: [sex] find: 'colour' is no column of peer_group"},
        {"[register]\nname = r\ntable = person\nheader = 4\n" NO, "No\n1\n",
         "r.csv: has no line 4 to name its columns"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct intake o = intake_import("person", cases[i].map, cases[i].csv);
        char says[ERR_TEXT_BYTES];
        const char *brace = strstr(cases[i].says, "{r.map}");
        (void)snprintf(says, sizeof says, "%s", cases[i].says);
        if (brace != NULL) { /* the whole path stands there */
            (void)snprintf(says, sizeof says, "%.*s%s/r.map%s",
                           (int)(brace - cases[i].says), cases[i].says,
                           intake_folder, brace + strlen("{r.map}"));
        }
        intake_refused(o, says);
    }
    struct import_order order = {.table = "worker"};
    struct intake o = intake_run(&order, REGISTER NO, "No\n1\n");
    intake_refused(o, "r.map is for the table person, not worker");
}

static void a_column_that_nothing_speaks_of_is_named(void **state)
{
    (void)state;
    struct intake o = intake_import("person", REGISTER NO, "No,Village\n1,x\n");
    assert_int_equal(o.rc, ERR_INPUT);
    assert_non_null(strstr(o.e.text, "r.csv:1:2: "));
    assert_non_null(strstr(o.e.text,
                           "says nothing of 'Village': write ignore = "
                           "Village, or from = Village in the section of one "
                           "of: person_id, given_name, family_name"));
    intake_taken(
        intake_import(
            "person",
            "[register]\ntable = person\nname = r\nignore = village\n" NO,
            "No,Village\n1,x\n"),
        1);
}

/* --- values ---------------------------------------------------------------- */

static const char doses_map[] =
    "[register]\ntable = dose_event\nname = doses\nkey = Sr\n"
    "dates = dd-mm-yyyy\ncentury = 1950\n"
    "[person_id]\nfrom = Card\nperson = number\n"
    "[service_date]\nfrom = Date\n"
    "[occurred_at]\nfrom = Date\nfrom = Time\n"
    "[kind]\nfrom = Status\ncode = observed: P | ਹਾਜ਼ਰ\ncode = missed: A\n"
    "[amount_mcg]\nfrom = Dose\ntimes = 1000\nunit = mg\n"
    "[verified_by]\nvalue = photo_card\n"
    "[dispensed_by]\nfrom = Given  by\nempty = nobody\n";
#define DOSES "Sr,Card,Date,Time,Status,Dose,Given by\n"

static void add_person(const char *id, const char *card)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no)"
                   " VALUES ('%s', '%s')",
                   id, card);
    scratch_run(intake_replica, sql);
}

static void a_register_is_read_in_its_own_words(void **state)
{
    (void)state;
    add_person("p-1", "0TM-6DS-2VX");
    intake_taken(
        intake_import("dose_event", doses_map,
                      DOSES
                      "1,0TM-6DS-2VX,05-04-2025,2:30 pm,P,4 mg,Nurse Misal\n"
                      "2, 0tm6ds2vx ,6/4/25,9.05 AM, ਹਾਜ਼ਰ ,0.4,\n"),
        2);
    assert_int_equal(
        intake_number("SELECT count(*) FROM dose_event WHERE person_id = 'p-1'"
                      " AND kind = 'observed' AND verified_by = 'photo_card'"
                      " AND origin_site = 'PB-LDH-C01'"),
        2);
    assert_int_equal(
        intake_number("SELECT count(*) FROM dose_event"
                      " WHERE service_date = '2025-04-05' AND amount_mcg = 4000"
                      " AND occurred_at = '2025-04-05T09:00:00.000Z'"
                      " AND dispensed_by = 'Nurse Misal'"),
        1);
    assert_int_equal(
        intake_number("SELECT count(*) FROM dose_event"
                      " WHERE service_date = '2025-04-06' AND amount_mcg = 400"
                      " AND occurred_at = '2025-04-06T03:35:00.000Z'"
                      " AND dispensed_by = 'nobody'"),
        1);
}

static void what_is_wrong_is_said_in_their_words_and_ours(void **state)
{
    static const struct {
        const char *row, *says;
    } cases[] = {
        {"1,0TM-6DS-2VX,31-02-2025,9:00,P,4,x\n",
         "r.csv:2:3 'Date' (service_date): '31-02-2025' is not a day "
         "(dd-mm-yyyy)"},
        {"1,0TM-6DS-2VX,05-04-2025,9:00,Z,4,x\n",
         "r.csv:2:5 'Status' (kind): 'Z' is none of P, ਹਾਜ਼ਰ, A"},
        {"1,0TM-6DS-2VX,05-04-2025,9:00,P,4 tab,x\n",
         "r.csv:2:6 'Dose' (amount_mcg): '4 tab' is not a number (mg)"},
        {"1,0TM-6DS-2VX,05-04-2025,9:00,P,0.0004,x\n",
         "r.csv:2:6 'Dose' (amount_mcg): '0.0004' is 0.4, not a whole number"},
        {"1,0TM-6DS-2VX,05-04-2025,,P,4,x\n",
         "r.csv:2:3 'Date' (occurred_at): '05-04-2025' says no time of day: "
         "add a column that does (from =), or write time = 09:00 for all"},
        {"1,0TM-6DS-2VW,05-04-2025,9:00,P,4,x\n", NULL},
        {"1,,05-04-2025,9:00,P,4,x\n",
         "r.csv:2:2 'Card' (person_id): is empty, and must not be"},
        {",0TM-6DS-2VX,05-04-2025,9:00,P,4,x\n",
         "r.csv:2: the key of the row ('Sr') is empty"},
    };
    (void)state;
    add_person("p-1", "0TM-6DS-2VX");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char csv[512];
        (void)snprintf(csv, sizeof csv, DOSES "%s", cases[i].row);
        struct intake o = intake_import("dose_event", doses_map, csv);
        if (cases[i].says == NULL) { /* the check character is wrong */
            assert_int_equal(o.state.faults, 1);
            assert_non_null(strstr(o.state.first[0], "nobody has '0TM-6DS-2VW'"
                                                     " here; "));
        } else if (strstr(cases[i].says, "31-02") != NULL) {
            assert_int_equal(o.state.faults, 2); /* the instant too */
            assert_string_equal(intake_after_folder(o.state.first[0]),
                                cases[i].says);
        } else {
            intake_one_fault(o, cases[i].says);
        }
    }
    assert_int_equal(intake_number("SELECT count(*) FROM dose_event"), 0);
}

static void a_person_nobody_or_two_people_have_is_a_fault(void **state)
{
    (void)state;
    intake_one_fault(intake_import("dose_event", doses_map,
                                   DOSES
                                   "1,0TM-6DS-2VX,05-04-2025,9:00,P,4,x\n"),
                     "r.csv:2:2 'Card' (person_id): nobody has the number "
                     "0TM-6DS-2VX here: import or register the person first");
    add_person("p-1", "0TM-6DS-2VX");
    add_person("p-2", "0TM6DS2VX");
    intake_one_fault(
        intake_import("dose_event", doses_map,
                      DOSES "1,0TM-6DS-2VX,05-04-2025,9:00,P,4,x\n"),
        "r.csv:2:2 'Card' (person_id): 2 records have the number "
        "0TM-6DS-2VX: name each by its person_id, which sangam people "
        "find shows");
}

static void separators_marks_titles_and_blank_rows_are_understood(void **state)
{
    static const char *const files[] = {
        "No;Sex\n1;M\n",
        "No\tSex\n1\tM\n",
        "\xef\xbb\xbfNo,Sex\r\n1,M\r\n",
        "\"No\",\"Sex\"\n1,M\n,\n , \n",
        "NO,  sex \n1, M\xc2\xa0\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        intake_taken(intake_import("person",
                                   REGISTER NO
                                   "[sex]\nfrom = Sex\ncode = male: M\n",
                                   files[i]),
                     1);
        assert_int_equal(intake_number("SELECT count(*) FROM person"
                                       " WHERE beneficiary_no = '1' AND sex = "
                                       "'male'"),
                         1);
        intake_as_node("DELETE FROM person");
    }
    intake_taken(intake_import("person",
                               "[register]\ntable = person\nname = r\n"
                               "ignore = Sex; or not\n" NO,
                               "No,\"Sex; or not\"\n1,M\n"),
                 1);
    intake_as_node("DELETE FROM person");
    intake_refused(
        intake_import("person", REGISTER NO, "No;Sex,Age\n1;M,2\n"),
        "r.csv:1: commas or semicolons could part the columns: say which "
        "in the mapping file (separator = comma)");
    intake_taken(
        intake_import("person",
                      "[register]\ntable = person\nname = r\nheader = 3\n"
                      "separator = semicolon\nignore = Sex,Age\n" NO,
                      "A list, of a clinic\n\nNo;Sex,Age\n1;M\n"),
        1);
    intake_one_fault(intake_import("person", REGISTER NO, "No,\n1,x\n"),
                     "r.csv:2: has a value in column 2, which has no name");
}

static void lists_and_other_rows_are_looked_up(void **state)
{
    static const char map[] =
        "[register]\ntable = peer_session\nname = m\n"
        "[group_id]\nfrom = Group\nfind = peer_group.name\n"
        "[held_on]\nfrom = Date\n"
        "[outcome]\nvalue = denied_entry\n"
        "[denial_reason]\nfrom = Why\nlist = denial_reason\n";
    (void)state;
    scratch_run(intake_replica,
                "INSERT INTO peer_group(group_id, name, model, led_by)"
                " VALUES ('g-1', 'Umeed', 'NA_HI', 'mixed')");
    intake_as_node(
        "INSERT INTO ref_code(code_system, code, label_en, label_local)"
        " VALUES ('denial_reason', 'alarm', 'Lock-down', 'ਤਾਲਾਬੰਦੀ')");
    intake_taken(
        intake_import("peer_session", map,
                      "Group,Date,Why\nUmeed,1-5-2025,alarm\nUmeed,2-5-2025,"
                      "lock-down\nUmeed,3-5-2025,ਤਾਲਾਬੰਦੀ\n"),
        3);
    assert_int_equal(
        intake_number("SELECT count(*) FROM peer_session WHERE group_id ="
                      " 'g-1' AND denial_reason = 'alarm'"),
        3);
    intake_one_fault(
        intake_import("peer_session", map, "Group,Date,Why\nUmed,1-5-2025,\n"),
        "r.csv:2:1 'Group' (group_id): 'Umed' is the name of no row of "
        "peer_group here");
    intake_one_fault(
        intake_import("peer_session", map,
                      "Group,Date,Why\nUmeed,9-5-2025,rain\n"),
        "r.csv:2:3 'Why' (denial_reason): 'rain' is no code or name of "
        "the list denial_reason (alarm)");
    scratch_run(intake_replica,
                "INSERT INTO peer_group(group_id, name, model, led_by)"
                " VALUES ('g-2', 'Umeed', 'NA_HI', 'mixed')");
    intake_one_fault(
        intake_import("peer_session", map, "Group,Date,Why\nUmeed,9-5-2025,\n"),
        "r.csv:2:1 'Group' (group_id): 'Umeed' is the name of several "
        "rows of peer_group here");
}

/* --- again ------------------------------------------------------------------ */

static void a_register_that_grew_is_imported_again(void **state)
{
    (void)state;
    add_person("p-1", "0TM-6DS-2VX");
    intake_taken(intake_import("dose_event", doses_map,
                               DOSES "1,0TM-6DS-2VX,05-04-2025,9:00,P,4,x\n"),
                 1);
    struct intake o =
        intake_import("dose_event", doses_map,
                      DOSES "1,0tm6ds2vx,5/4/25,9:00 am,P,4.0 mg,x\n"
                            "2,0TM-6DS-2VX,06-04-2025,9:00,P,4,x\n");
    intake_taken(o, 1);
    assert_int_equal(o.state.there, 1);
    assert_int_equal(intake_number("SELECT count(*) FROM dose_event"), 2);
    intake_one_fault(
        intake_import("dose_event", doses_map,
                      DOSES "1,0TM-6DS-2VX,05-04-2025,9:00,P,6,x\n"),
        "r.csv:2:6 'Dose' (amount_mcg): the row is in dose_event already "
        "with '4000' here, and what was recorded never changes: correct "
        "it by a row that reverses or supersedes it");
    intake_one_fault(intake_import("dose_event", doses_map,
                                   DOSES
                                   "3,0TM-6DS-2VX,07-04-2025,9:00,P,4,x\n"
                                   "3,0TM-6DS-2VX,08-04-2025,9:00,P,4,x\n"),
                     "r.csv:3: '3' is the key of line 2 already");
}

static void a_day_in_a_key_counts_however_it_is_written(void **state)
{
    static const char map[] =
        "[register]\ntable = stock_event\nname = shelf\nkey = Date\n"
        "century = 1950\n[occurred_on]\nfrom = Date\n"
        "[item_code]\nvalue = BUP-NAL-2\n[kind]\nvalue = count\n"
        "[qty]\nfrom = Left\n[counted_by]\nvalue = Misal\n";
    (void)state;
    intake_taken(intake_import("stock_event", map, "Date,Left\n5-4-25,100\n"),
                 1);
    struct intake o = intake_import("stock_event", map,
                                    "Date,Left\n05/04/2025,100\n6-4-25,90\n");
    intake_taken(o, 1);
    assert_int_equal(o.state.there, 1);
}

static void without_a_key_a_line_is_known_by_all_it_says(void **state)
{
    static const char csv[] = "item_code,kind,qty,occurred_on,counted_by\n"
                              "BUP-NAL-2,receipt,100,2025-04-05,Misal\n";
    (void)state;
    intake_taken(intake_import("stock_event", NULL, csv), 1);
    struct intake o = intake_import("stock_event", NULL, csv);
    intake_taken(o, 0);
    assert_int_equal(o.state.there, 1);
    intake_one_fault(
        intake_import("stock_event", NULL,
                      "item_code,kind,qty,occurred_on,counted_by\n"
                      "BUP-NAL-2,wastage,1,2025-04-05,Misal\n"
                      "BUP-NAL-2,wastage,1,2025-04-05,Misal\n"),
        "r.csv:3: says the same as line 2; if it happened twice, name "
        "what tells the lines apart (key = in a mapping file)");
}

static void the_id_of_an_event_can_be_made_again_and_of_a_person_not(
    void **state)
{
    static const char id_sql[] =
        "SELECT count(*) FROM dose_event"
        " WHERE length(dose_id) = 36 AND substr(dose_id, 15, 1) = '8'"
        " AND substr(dose_id, 20, 1) IN ('8', '9', 'a', 'b')";
    (void)state;
    add_person("p-1", "0TM-6DS-2VX");
    intake_taken(intake_import("dose_event", doses_map,
                               DOSES "1,0TM-6DS-2VX,05-04-2025,9:00,P,4,x\n"),
                 1);
    assert_int_equal(intake_number(id_sql), 1);
    intake_taken(intake_import("person", REGISTER NO, "No\n77\n"), 1);
    assert_int_equal(
        intake_number("SELECT count(*) FROM person WHERE beneficiary_no ="
                      " '77' AND substr(person_id, 15, 1) = '7'"),
        1);
    /* the same line about somebody else is another row */
    add_person("p-2", "00Y-BN5-7TD");
    intake_taken(intake_import("dose_event", doses_map,
                               DOSES "1,00Y-BN5-7TD,05-04-2025,9:00,P,4,x\n"),
                 1);
}

/* --- people ----------------------------------------------------------------- */

static const char people_map[] =
    "[register]\ntable = person\nname = ooat\nkey = Reg\ncentury = 1930\n"
    "[beneficiary_no]\nfrom = Card\nnew = number\n"
    "[given_name]\nfrom = Name\n[parent_name]\nfrom = Father\n"
    "[sex]\nfrom = Sex\ncode = male: M | पुरुष\n"
    "[birth_year]\nfrom = Born\npart = year\n"
    "[phone]\nfrom = Phone\n";
#define PEOPLE "Reg,Card,Name,Father,Sex,Born,Phone\n"

static void people_get_numbers_and_are_known_by_their_number_in_it(void **state)
{
    (void)state;
    intake_give_number();
    intake_taken(intake_import("person", people_map,
                               PEOPLE "A 1,,Namoonjit,Misal,पुरुष,14-03-84,1\n"
                                      "A 2,0tm-6ds-2vx,Kalpit,Aarzi,M,1991,\n"),
                 2);
    assert_int_equal(
        intake_number(
            "SELECT count(*) FROM person JOIN local_register"
            " USING(person_id) WHERE register = 'ooat' AND entry = 'a 1'"
            " AND birth_year = 1984 AND length(beneficiary_no) = 11"),
        1);
    struct intake o =
        intake_import("person", people_map,
                      PEOPLE "a  1,,Namoonjit,Misal,M,1984,2\n"
                             "A 2,0TM-6DS-2VX,Kalpit,Aarzi,M,1991,\n"
                             "A 3,,Udahar,Nakli,M,1970,\n");
    intake_taken(o, 1);
    assert_int_equal(o.state.there, 2);
    assert_int_equal(o.state.changed, 1);
    assert_int_equal(intake_number("SELECT count(*) FROM person"), 3);

    static const char doses[] =
        "[register]\ntable = counselling_note\nname = talks\n"
        "[person_id]\nfrom = Who\nperson = register ooat\n"
        "[kind]\nvalue = counselling\n[note]\nfrom = Note\n"
        "[recorded_by]\nvalue = Dr Farzi\n";
    intake_taken(
        intake_import("counselling_note", doses, "Who,Note\na 3,hello\n"), 1);
    intake_one_fault(
        intake_import("counselling_note", doses, "Who,Note\nA 4,hello\n"),
        "r.csv:2:1 'Who' (person_id): nobody has the number 'A 4' in the "
        "register ooat: import the people of that register first");
}

static void who_was_entered_in_error_is_made_anew(void **state)
{
    static const char csv[] = PEOPLE "1,,Namoonjit,Misal,M,1984,\n";
    (void)state;
    intake_give_number();
    intake_taken(intake_import("person", people_map, csv), 1);
    scratch_run(intake_replica, "UPDATE person SET record_status ="
                                " 'entered_in_error'");
    intake_taken(intake_import("person", people_map, csv), 1);
    assert_int_equal(intake_number("SELECT count(*) FROM local_register"
                                   " JOIN person USING(person_id)"
                                   " WHERE record_status = 'active'"),
                     1);
    struct intake o = intake_import("person", people_map, csv);
    intake_taken(o, 0);
    assert_int_equal(o.state.there, 1);
}

static void more_people_than_numbers_are_ready_get_theirs(void **state)
{
    enum { PEOPLE_COUNT = 700 };
    struct bytes csv = {0};
    (void)state;
    intake_give_number();
    bytes_put(&csv, PEOPLE, strlen(PEOPLE));
    for (int i = 0; i < PEOPLE_COUNT; i++) {
        char row[64];
        int len = snprintf(row, sizeof row, "%d,,,,,,\n", i);
        bytes_put(&csv, row, (size_t)len);
    }
    bytes_put_u8(&csv, '\0');
    intake_taken(intake_import("person", people_map, (const char *)csv.data),
                 PEOPLE_COUNT);
    assert_int_equal(
        intake_number("SELECT count(DISTINCT beneficiary_no) FROM person"),
        PEOPLE_COUNT);
    assert_int_equal(
        intake_number("SELECT count(*) FROM v_number_free"
                      " WHERE number IN (SELECT beneficiary_no FROM"
                      " person)"),
        0);
    bytes_free(&csv);
}

static void a_node_without_a_number_gives_none(void **state)
{
    (void)state;
    struct intake o = intake_import("person", people_map, PEOPLE "1,,,,,,\n");
    assert_int_equal(o.rc, ERR_STATE);
    assert_non_null(strstr(o.e.text, "no numbers for new people"));
    assert_int_equal(intake_number("SELECT count(*) FROM person"), 0);
}

static void a_person_who_is_known_is_not_made_again(void **state)
{
    (void)state;
    intake_give_number();
    scratch_run(intake_replica,
                "INSERT INTO person(person_id, beneficiary_no, given_name,"
                " parent_name, sex, birth_year) VALUES ('p-1', '0TM6DS2VX',"
                " 'Gurpreet Singh', 'Balvinder', 'male', 1984)");
    intake_one_fault(
        intake_import("person", people_map,
                      PEOPLE "1,0tm-6ds-2vx,Kalpit,Aarzi,M,1991,\n"),
        "r.csv:2:2 'Card' (beneficiary_no): has the beneficiary number "
        "of p-1; --duplicates imports the line all the same");
    intake_one_fault(
        intake_import("person", people_map,
                      PEOPLE "1,,Gurprit,Balwinder,M,1984,\n"),
        "r.csv:2: has the name, parent, birth year and sex of p-1; "
        "--duplicates imports the line all the same");
    intake_taken(intake_import("person", people_map,
                               PEOPLE "1,,Gurprit,Balwinder,M,1985,\n"),
                 1);
    struct import_order order = {.table = "person", .takes_duplicates = true};
    struct intake o = intake_run(&order, people_map,
                                 PEOPLE "2,,Gurprit,Balwinder,M,1984,\n"
                                        "3,0tm-6ds-2vx,Kalpit,Aarzi,M,1991,\n");
    intake_taken(o, 2);
    assert_int_equal(o.state.duplicates, 2);
    assert_string_equal(
        intake_after_folder(o.state.noted[0]),
        "r.csv:2: has the name, parent, birth year and sex of p-1");
    assert_int_equal(intake_number("SELECT count(*) FROM person"), 4);
}

static void a_number_is_stored_as_it_is_printed(void **state)
{
    (void)state;
    intake_taken(intake_import("person", people_map,
                               PEOPLE "1,0tm6ds2vx,Kalpit,Aarzi,M,1991,\n"
                                      "2,OLD/17,Misal,Aarzi,M,1991,\n"),
                 2);
    assert_int_equal(
        intake_number("SELECT count(*) FROM person WHERE beneficiary_no"
                      " IN ('0TM-6DS-2VX', 'OLD/17')"),
        2);
    struct intake o = intake_import(
        "person", people_map, PEOPLE "3,0TM-6DS-2VW,Nakli,Aarzi,M,1991,\n");
    assert_int_equal(o.state.bad, 1);
    assert_non_null(strstr(o.state.first[0], "r.csv:2:2 'Card' "));
}

static void two_lines_of_one_person_are_found(void **state)
{
    (void)state;
    intake_give_number();
    struct intake o = intake_import("person", people_map,
                                    PEOPLE "1,,Gurpreet,Balvinder,M,1984,\n"
                                           "2,,Gurprit,Balwinder,M,1984,\n");
    assert_int_equal(o.state.bad, 1);
    assert_non_null(strstr(o.state.first[0], "r.csv:3: has the name, parent, "
                                             "birth year and sex of "));
    assert_non_null(strstr(o.state.first[0], " (line 2); "));
}

static void a_person_of_another_site_is_known_by_its_token(void **state)
{
    static const uint8_t key[MATCH_KEY_BYTES] = {7};
    const struct name_facts facts = {"Gurpreet", NULL, "Balvinder", "male",
                                     1984};
    char token[MATCH_TOKEN_BYTES];
    char sql[512];
    struct bytes name = {0};
    (void)state;
    intake_give_number();
    assert_true(name_key(&facts, &name));
    match_token(key, "name_key", slice_of(&name), token);
    bytes_free(&name);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person_identifier(person_id, kind, match_token,"
                   " origin_site) VALUES ('p-9', 'name_key', '%s',"
                   " 'PB-LDH-P01')",
                   token);
    intake_as_node(sql);
    struct import_order order = {.table = "person", .key = key};
    static const char csv[] = PEOPLE "1,,Gurprit,Balwinder,M,1984,\n";
    intake_one_fault(
        intake_run(&order, people_map, csv),
        "r.csv:2: has the match token (name, parent, birth year, sex) of "
        "p-9; --duplicates imports the line all the same");
    order.key = NULL;
    intake_taken(intake_run(&order, people_map, csv), 1);
}

static void people_with_ids_of_their_own_are_compared_by_number_only(
    void **state)
{
    (void)state;
    intake_taken(
        intake_import("person", NULL,
                      "person_id,beneficiary_no,given_name,parent_name,sex,"
                      "birth_year\np-1,A,Namoona,Misal,male,1980\n"
                      "p-2,B,Namoona,Misal,male,1980\n"),
        2);
    intake_one_fault(
        intake_import("person", NULL, "person_id,beneficiary_no\np-3,A\n"),
        "r.csv:2:2 beneficiary_no: has the beneficiary number of p-1; "
        "--duplicates imports the line all the same");
}

/* --- ages -------------------------------------------------------------------- */

#define AGED                                                                   \
    "[register]\ntable = person\nname = r\nkey = No\ncentury = 1930\n"         \
    "[beneficiary_no]\nfrom = No\n"                                            \
    "[birth_precision]\nfrom = Age\npart = precision\n"                        \
    "[birth_year]\nfrom = Age\npart = age\n"

static int64_t born(const char *number, int year, const char *precision)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM person WHERE beneficiary_no = '%s'"
                   " AND birth_year = %d AND birth_precision = '%s'",
                   number, year, precision);
    return intake_number(sql);
}

static void an_age_is_a_birth_about_that_year(void **state)
{
    (void)state;
    intake_taken(intake_import("person", AGED "on = Since\n",
                               "No,Age,Since\n1,34,5-9-2025\n2,34 y,5/2/25\n"
                               "3,14-03-84,\n4,1979,x\n5,,\n"),
                 5);
    assert_int_equal(born("1", 1991, "estimated"), 1);
    assert_int_equal(born("2", 1990, "estimated"), 1);
    assert_int_equal(born("3", 1984, "year"), 1);
    assert_int_equal(born("4", 1979, "year"), 1);
    assert_int_equal(intake_number("SELECT count(*) FROM person"
                                   " WHERE beneficiary_no = '5' AND birth_year"
                                   " IS NULL AND birth_precision IS NULL"),
                     1);
    intake_one_fault(
        intake_import("person", AGED "on = Since\n", "No,Age,Since\n9,34,\n"),
        "r.csv:2:2 'Age' (birth_year): '34' is an age, and 'Since' does not "
        "say when it was written: it is empty");
    intake_one_fault(
        intake_import("person", AGED "on = Since\n",
                      "No,Age,Since\n9,34,soon\n"),
        "r.csv:2:2 'Age' (birth_year): '34' is an age, and 'Since' does not "
        "say when it was written: 'soon' is not a day (dd-mm-yyyy)");
    intake_taken(
        intake_import("person", AGED "on_day = 1-9-25\n", "No,Age\n6,40 yrs\n"),
        1);
    assert_int_equal(born("6", 1985, "estimated"), 1);
}

static void an_age_needs_the_day_it_was_written(void **state)
{
    static const char *const maps[] = {AGED,
                                       AGED "on = Since\non_day = 1-1-25\n",
                                       "[register]\ntable = person\nname = r\n"
                                       "[beneficiary_no]\nfrom = No\n\n\n\n\n\n"
                                       "[birth_year]\nfrom = Age\npart = year\n"
                                       "on = Since\n",
                                       "[register]\ntable = person\nname = r\n"
                                       "[beneficiary_no]\nfrom = No\n\n\n\n\n\n"
                                       "[birth_year]\nfrom = Age\npart = year\n"
                                       "on = Since\non_day = 1-1-25\n"};
    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        intake_refused(
            intake_import("person", maps[i], "No,Age,Since\n"),
            "r.map:12: [birth_year] part = age and one of on = (a column that "
            "says when the age was written) and on_day = (a day) belong "
            "together");
    }
    intake_refused(intake_import("person", AGED "on_day = then\n", "No,Age\n"),
                   "r.map:12: [birth_year] on_day: 'then' is not a day "
                   "(dd-mm-yyyy)");
    intake_one_fault(
        intake_import("person",
                      "[register]\ntable = person\nname = r\n"
                      "[beneficiary_no]\nfrom = No\n"
                      "[birth_year]\nfrom = Age\npart = year\n",
                      "No,Age\n9,34 y\n"),
        "r.csv:2:2 'Age' (birth_year): '34 y' is an age: write part = age, and "
        "on = the column that says when it was written");
}

/* --- tables ------------------------------------------------------------------ */

static void tables_that_are_not_imported_say_why(void **state)
{
    static const struct {
        const char *table, *says;
    } cases[] = {
        {"ref_site", "ref_site is written at headquarters, and comes to "
                     "PB-LDH-C01 from there"},
        {"ref_node_number", "nothing is imported into ref_node_number: "
                            "headquarters' node issues these numbers itself"},
        {"local_import_row",
         "nothing is imported into local_import_row: the import itself writes "
         "it"},
        {"local_biometric", "nothing is imported into local_biometric: it "
                            "holds fingerprints, which no text file can"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct intake o = intake_import(cases[i].table, NULL, "a\n1\n");
        assert_int_equal(o.rc, ERR_INPUT);
        assert_string_equal(o.e.text, cases[i].says);
    }
}

#define test(name)                                                             \
    cmocka_unit_test_setup_teardown(name, intake_set_up, intake_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_mapping_that_is_wrong_names_its_line),
        test(a_mapping_must_fit_table_and_register),
        test(a_column_that_nothing_speaks_of_is_named),
        test(a_register_is_read_in_its_own_words),
        test(what_is_wrong_is_said_in_their_words_and_ours),
        test(a_person_nobody_or_two_people_have_is_a_fault),
        test(separators_marks_titles_and_blank_rows_are_understood),
        test(lists_and_other_rows_are_looked_up),
        test(a_register_that_grew_is_imported_again),
        test(a_day_in_a_key_counts_however_it_is_written),
        test(without_a_key_a_line_is_known_by_all_it_says),
        test(the_id_of_an_event_can_be_made_again_and_of_a_person_not),
        test(people_get_numbers_and_are_known_by_their_number_in_it),
        test(who_was_entered_in_error_is_made_anew),
        test(more_people_than_numbers_are_ready_get_theirs),
        test(a_node_without_a_number_gives_none),
        test(a_person_who_is_known_is_not_made_again),
        test(a_number_is_stored_as_it_is_printed),
        test(two_lines_of_one_person_are_found),
        test(a_person_of_another_site_is_known_by_its_token),
        test(people_with_ids_of_their_own_are_compared_by_number_only),
        test(an_age_is_a_birth_about_that_year),
        test(an_age_needs_the_day_it_was_written),
        test(tables_that_are_not_imported_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
