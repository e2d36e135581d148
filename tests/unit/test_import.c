/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = INT64_C(1795357690000); /* 2026-11-22T14:28:10Z */

static char *folder;
static char *replica;

static int set_up_clinic(void **state)
{
    (void)state;
    folder = scratch_folder();
    replica = scratch_replica_of_clinic(folder);
    return 0;
}

static int set_up_root(void **state)
{
    (void)state;
    folder = scratch_folder();
    replica = scratch_replica_of_root(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(replica);
    scratch_remove(&folder);
    return 0;
}

/* --- running -------------------------------------------------------------- */

/* What came of an import; its state is a copy. */
struct outcome {
    int rc;
    struct err e;
    struct import_state state;
};

enum wanted { ONLY_WHOLE, KEEP_GOOD, DRY_RUN };

static struct outcome import_order(const struct import_order *order,
                                   enum wanted wanted)
{
    struct outcome o = {.rc = 0};
    struct database *db = NULL;
    struct import *import = NULL;
    bool more = true;

    o.rc = database_open(replica, DATABASE_TOOL, DATABASE_EXISTING, &db, &o.e);
    assert_int_equal(o.rc, 0);
    o.rc = import_open(db, order, now_ms, &import, &o.e);
    while (o.rc == 0 && more) {
        o.rc = import_step(import, &more, &o.e);
    }
    if (o.rc == 0) {
        o.state = *import_state(import);
        bool all = o.state.bad == 0 || wanted == KEEP_GOOD;
        if (wanted != DRY_RUN && all && !o.state.broken) {
            o.rc = import_commit(import, &o.e);
        }
    }
    import_destroy(&import);
    database_close(&db);
    return o;
}

static struct outcome import_at(const char *table, const char *path,
                                enum wanted wanted)
{
    const struct import_order order = {.table = table, .path = path};
    return import_order(&order, wanted);
}

static struct outcome import_bytes(const char *table, const char *text,
                                   size_t len, enum wanted wanted)
{
    char *path = scratch_bytes(folder, "f.csv", text, len);
    struct outcome o = import_at(table, path, wanted);
    free(path);
    return o;
}

static struct outcome import_text(const char *table, const char *text,
                                  enum wanted wanted)
{
    return import_bytes(table, text, strlen(text), wanted);
}

/* What an error says after the folder's name. */
static const char *after_folder(const char *text)
{
    const char *name = strstr(text, "f.csv");
    assert_non_null(name);
    return name;
}

/* Importing the text, whole, finds exactly this fault. */
static void one_fault(const char *table, const char *text, const char *says)
{
    struct outcome o = import_text(table, text, ONLY_WHOLE);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.state.bad, 1);
    assert_int_equal(o.state.faults, 1);
    assert_string_equal(after_folder(o.state.first[0]), says);
}

static void header_refused(const char *table, const char *text,
                           const char *says)
{
    struct outcome o = import_text(table, text, ONLY_WHOLE);
    assert_int_equal(o.rc, ERR_INPUT);
    assert_string_equal(after_folder(o.e.text), says);
}

static int64_t number(const char *sql)
{
    return scratch_number(replica, sql);
}

/* --- good files ----------------------------------------------------------- */

static void a_good_file_is_imported_and_every_row_noted(void **state)
{
    (void)state;
    struct outcome o =
        import_text("person",
                    "beneficiary_no,given_name,birth_year,birth_date\n"
                    "AAA-1,Namoonjit,1980,1955-02-28\n"
                    "AAA-2,\"Kalpit\nJot\",,\n",
                    ONLY_WHOLE);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(o.state.faults, 0);
    assert_int_equal(o.state.percent, 100);
    assert_memory_equal(o.state.id, "20261122T142810Z-", 17);
    assert_int_equal(
        number("SELECT count(*) FROM person p JOIN local_import_row i"
               " ON i.key = p.person_id AND i.table_name = 'person'"
               " WHERE p.origin_site = 'PB-LDH-C01' AND i.file_line ="
               " CASE p.beneficiary_no WHEN 'AAA-1' THEN 2 ELSE 3 END"),
        2);
    assert_int_equal(number("SELECT birth_year IS NULL FROM person"
                            " WHERE given_name = 'Kalpit\n' || 'Jot'"),
                     1);
}

static void rows_are_captured_as_any_program_s(void **state)
{
    (void)state;
    struct outcome o =
        import_text("person", "beneficiary_no\nAAA-1\nAAA-2\n", ONLY_WHOLE);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(
        number("SELECT count(*) FROM sync_pending WHERE table_id = 20"), 2);
}

static void an_empty_field_takes_the_default_of_its_column(void **state)
{
    (void)state;
    struct outcome o = import_text("person",
                                   "person_id,beneficiary_no,vital_status\n"
                                   "p-1,AAA-1,reported_dead\n"
                                   ",AAA-2,\n",
                                   ONLY_WHOLE);
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(number("SELECT length(person_id) FROM person"
                            " WHERE vital_status = 'alive'"),
                     36);
}

static void an_instant_is_stored_with_milliseconds(void **state)
{
    (void)state;
    struct outcome o =
        import_text("dose_event",
                    "person_id,kind,verified_by,dispensed_by,occurred_at\n"
                    "p,missed,none,Nurse Misal,2026-10-04T04:20:00Z\n"
                    "q,missed,none,Nurse Misal,2026-10-04T04:20:00.000Z\n",
                    ONLY_WHOLE);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(number("SELECT count(*) FROM dose_event WHERE occurred_at"
                            " = '2026-10-04T04:20:00.000Z'"),
                     2);
}

static void a_key_of_two_columns_is_noted_joined(void **state)
{
    (void)state;
    struct outcome o = import_text(
        "ref_code", "code_system,code,label_en\ndistrict,LDH,Ludhiana\n",
        ONLY_WHOLE);
    assert_int_equal(o.state.good, 1);
    assert_int_equal(number("SELECT count(*) FROM local_import_row"
                            " WHERE key = 'district/LDH'"),
                     1);
}

static void the_sample_registers_import_whole(void **state)
{
    static const char *const tables[] = {
        "person",     "custody_event", "enrolment",       "peer_group",
        "dose_event", "peer_session",  "treatment_order",
    };
    char path[4096];
    const char *source = getenv("SANGAM_SOURCE");
    (void)state;
    if (source == NULL) {
        skip();
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        (void)snprintf(path, sizeof path,
                       "%s/tests/data/registers/PB-LDH-P01/%s.csv", source,
                       tables[i]);
        struct outcome o = import_at(tables[i], path, ONLY_WHOLE);
        assert_int_equal(o.rc, 0);
        if (o.state.faults > 0) {
            fail_msg("%s", o.state.first[0]);
        }
        assert_true(o.state.good > 0);
    }
}

/* --- headers -------------------------------------------------------------- */

static void a_header_that_does_not_fit_is_refused_with_its_place(void **state)
{
    (void)state;
    header_refused("person", "beneficiary_no,name\n1,2\n",
                   "f.csv:1:2: 'name' is no column of person");
    header_refused("person", "beneficiary_no,sex,sex\n1,2,3\n",
                   "f.csv:1:3: 'sex' is the name of field 2 already");
    header_refused("person", "given_name\nNamoona\n",
                   "f.csv:1: column beneficiary_no is missing; person cannot "
                   "do without it");
    header_refused("person", "beneficiary_no,\n1,2\n",
                   "f.csv:1:2: '' names no column");
    header_refused("person", "\n\n", "f.csv: has no header line");
    header_refused("person", "beneficiary_no,\xff\n",
                   "f.csv:1:2: is not UTF-8; save the file as \"CSV UTF-8\"");
}

static void tables_of_the_node_are_refused(void **state)
{
    static const char *const tables[] = {
        "sync_peer",
        "sync_certificate",
        "perso",
        "person\" --",
    };
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct outcome o = import_text(tables[i], "a\n1\n", ONLY_WHOLE);
        assert_int_equal(o.rc, ERR_INPUT);
        assert_non_null(strstr(o.e.text, "is not a table for registers; those "
                                         "are ref_site, ref_code"));
    }
}

/* --- faults --------------------------------------------------------------- */

static void a_day_that_does_not_exist_is_named(void **state)
{
    (void)state;
    one_fault("person",
              "beneficiary_no,birth_date\nA,1990-02-28\nB,31-02-1990\n",
              "f.csv:3:2 birth_date: '31-02-1990' is not a day (YYYY-MM-DD)");
    one_fault("person", "beneficiary_no,birth_date\nB,1990-02-31\n",
              "f.csv:2:2 birth_date: '1990-02-31' is not a day (YYYY-MM-DD)");
}

static void an_instant_without_its_zone_is_refused(void **state)
{
    (void)state;
    one_fault("person", "beneficiary_no,recorded_at\nA,2026-10-04 04:20:00\n",
              "f.csv:2:2 recorded_at: '2026-10-04 04:20:00' is not an instant "
              "in UTC (YYYY-MM-DDThh:mm:ss.sssZ)");
}

static void a_number_is_a_number(void **state)
{
    (void)state;
    one_fault("person", "beneficiary_no,birth_year\nA,1990.0\n",
              "f.csv:2:2 birth_year: '1990.0' is not a whole number");
    one_fault("person", "beneficiary_no,birth_year\nA, 1990\n",
              "f.csv:2:2 birth_year: ' 1990' is not a whole number");
    one_fault("person", "beneficiary_no,birth_year\nA,99999999999999999999\n",
              "f.csv:2:2 birth_year: '99999999999999999999' is not a number "
              "that can be stored");
}

static void control_characters_are_refused(void **state)
{
    static const char nul[] = "beneficiary_no,given_name\nA,Nam\0ona\n";
    (void)state;
    struct outcome o = import_bytes("person", nul, sizeof nul - 1, ONLY_WHOLE);
    assert_int_equal(o.state.faults, 1);
    assert_string_equal(after_folder(o.state.first[0]),
                        "f.csv:2:2 given_name: has a NUL character");
    one_fault("person", "beneficiary_no,given_name\nA,\x1b[2J\n",
              "f.csv:2:2 given_name: has a control character (U+001B)");
    one_fault("person", "beneficiary_no,given_name\nA,Andr\xe9\n",
              "f.csv:2:2 given_name: is not UTF-8; save the file as \"CSV "
              "UTF-8\"");
    one_fault("person", "person_id,beneficiary_no\n\"a\nb\",A\n",
              "f.csv:2:1 person_id: a key has no tabs and no line breaks");
}

static void an_empty_field_that_must_not_be_is_named(void **state)
{
    (void)state;
    one_fault("person", "beneficiary_no,given_name\nA,x\n,y\n",
              "f.csv:3:1 beneficiary_no: is empty, and must not be");
}

static void a_row_with_other_fields_than_the_header_is_named(void **state)
{
    (void)state;
    one_fault("person", "beneficiary_no,given_name\nA,x,y\n",
              "f.csv:2: has 3 fields, the header has 2");
    one_fault("person", "beneficiary_no,given_name\nA\n",
              "f.csv:2: has 1 field, the header has 2");
}

static void a_value_the_table_does_not_know_is_named_with_its_rule(void **state)
{
    (void)state;
    one_fault("person", "beneficiary_no,sex\nA,male\nB,mail\n",
              "f.csv:3:2 sex: breaks the rule sex IN ('male', 'female', "
              "'other', 'unknown')");
}

static void a_guard_is_quoted(void **state)
{
    (void)state;
    struct outcome o = import_text(
        "person", "beneficiary_no,origin_site\nA,PB-LDH-P01\n", ONLY_WHOLE);
    assert_int_equal(o.state.faults, 1);
    assert_non_null(strstr(o.state.first[0], "f.csv:2: person.origin_site"));
}

static void a_key_twice_in_the_file_names_the_first_line(void **state)
{
    (void)state;
    one_fault("person", "person_id,beneficiary_no\np-1,A\np-2,B\np-1,C\n",
              "f.csv:4:1 person_id: 'p-1' is the key of line 2 already");
    one_fault("dose_event",
              "dose_id,person_id,kind,verified_by,dispensed_by\n"
              "d-1,p,missed,none,Nurse Misal\n"
              "d-1,p,missed,none,Nurse Misal\n",
              "f.csv:3:1 dose_id: 'd-1' is the key of line 2 already");
}

static void a_file_imported_twice_is_there_already(void **state)
{
    static const char text[] = "person_id,beneficiary_no\np-1,A\n";
    (void)state;
    assert_int_equal(import_text("person", text, ONLY_WHOLE).state.good, 1);
    struct outcome o = import_text("person", text, ONLY_WHOLE);
    assert_int_equal(o.state.good, 0);
    assert_int_equal(o.state.bad, 0);
    assert_int_equal(o.state.there, 1);
    assert_int_equal(number("SELECT count(*) FROM person"), 1);
}

static void a_record_that_says_something_else_is_noted_and_left(void **state)
{
    (void)state;
    scratch_run(replica,
                "INSERT INTO person(person_id, beneficiary_no, given_name)"
                " VALUES ('p-1', 'A', 'Misal')");
    struct outcome o = import_text(
        "person", "person_id,beneficiary_no,given_name\np-1,A,Namoona\n",
        ONLY_WHOLE);
    assert_int_equal(o.state.bad, 0);
    assert_int_equal(o.state.there, 1);
    assert_int_equal(o.state.differing, 1);
    assert_string_equal(after_folder(o.state.noted[0]),
                        "f.csv:2:3 given_name: the row is in person already "
                        "with 'Misal' here; it was left as it is");
    assert_int_equal(
        number("SELECT count(*) FROM person WHERE given_name = 'Misal'"), 1);
}

static void an_event_that_says_something_else_is_a_fault(void **state)
{
    (void)state;
    struct outcome o =
        import_text("dose_event",
                    "dose_id,person_id,kind,verified_by,dispensed_by\n"
                    "d-1,p,missed,none,Nurse Misal\n",
                    ONLY_WHOLE);
    assert_int_equal(o.state.good, 1);
    one_fault("dose_event",
              "dose_id,person_id,kind,verified_by,dispensed_by\n"
              "d-1,p,refused,none,Nurse Misal\n",
              "f.csv:2:3 kind: the row is in dose_event already with 'missed' "
              "here, and what was recorded never changes: correct it by a row "
              "that reverses or supersedes it");
}

/* --- all or nothing ------------------------------------------------------- */

static const char mixed[] = "person_id,beneficiary_no,birth_date\n"
                            "p-1,A,1990-01-01\n"
                            "p-2,B,yesterday\n"
                            "p-3,,1990-01-01\n"
                            "p-4,D,1990-01-01\n";

static void one_bad_row_keeps_the_whole_file_out(void **state)
{
    (void)state;
    struct outcome o = import_text("person", mixed, ONLY_WHOLE);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(o.state.bad, 2);
    assert_int_equal(number("SELECT count(*) FROM person"), 0);
    assert_int_equal(number("SELECT count(*) FROM local_import_row"), 0);
}

static void the_good_rows_can_be_kept(void **state)
{
    (void)state;
    struct outcome o = import_text("person", mixed, KEEP_GOOD);
    assert_int_equal(o.state.bad, 2);
    assert_int_equal(number("SELECT count(*) FROM person"
                            " WHERE person_id IN ('p-1', 'p-4')"),
                     2);
    assert_int_equal(number("SELECT count(*) FROM person"), 2);
    assert_int_equal(number("SELECT count(*) FROM local_import_row"), 2);
}

static void a_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct outcome o = import_text("person", "beneficiary_no\nA\nB\n", DRY_RUN);
    assert_int_equal(o.state.good, 2);
    assert_int_equal(number("SELECT count(*) FROM person"), 0);
    assert_int_equal(number("SELECT count(*) FROM local_import_row"), 0);
    assert_int_equal(number("SELECT count(*) FROM sync_pending"), 0);
}

static void broken_quoting_keeps_even_the_good_rows_out(void **state)
{
    (void)state;
    struct outcome o = import_text(
        "person", "beneficiary_no,given_name\nA,x\nB,\"y\nC,z\nD,w\n",
        KEEP_GOOD);
    assert_int_equal(o.rc, 0);
    assert_true(o.state.broken);
    assert_string_equal(
        after_folder(o.state.first[0]),
        "f.csv:3:2: the quote that opens this field is never closed");
    assert_int_equal(number("SELECT count(*) FROM person"), 0);
}

static void all_faults_are_counted_and_the_first_kept(void **state)
{
    enum { ROWS = 50 };
    char text[32 + ROWS * 8] = "beneficiary_no,birth_year\n";
    size_t used = strlen(text);
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "A%d,x\n", i);
    }
    struct outcome o = import_text("person", text, ONLY_WHOLE);
    assert_int_equal(o.state.faults, ROWS);
    assert_int_equal(o.state.bad, ROWS);
    assert_non_null(
        strstr(o.state.first[IMPORT_FAULTS_KEPT - 1], "f.csv:21:2 "));
}

#define test(name, where)                                                      \
    cmocka_unit_test_setup_teardown(name, set_up_##where, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_good_file_is_imported_and_every_row_noted, clinic),
        test(rows_are_captured_as_any_program_s, clinic),
        test(an_empty_field_takes_the_default_of_its_column, clinic),
        test(an_instant_is_stored_with_milliseconds, clinic),
        test(a_key_of_two_columns_is_noted_joined, root),
        test(the_sample_registers_import_whole, clinic),
        test(a_header_that_does_not_fit_is_refused_with_its_place, clinic),
        test(tables_of_the_node_are_refused, clinic),
        test(a_day_that_does_not_exist_is_named, clinic),
        test(an_instant_without_its_zone_is_refused, clinic),
        test(a_number_is_a_number, clinic),
        test(control_characters_are_refused, clinic),
        test(an_empty_field_that_must_not_be_is_named, clinic),
        test(a_row_with_other_fields_than_the_header_is_named, clinic),
        test(a_value_the_table_does_not_know_is_named_with_its_rule, clinic),
        test(a_guard_is_quoted, clinic),
        test(a_key_twice_in_the_file_names_the_first_line, clinic),
        test(a_file_imported_twice_is_there_already, clinic),
        test(a_record_that_says_something_else_is_noted_and_left, clinic),
        test(an_event_that_says_something_else_is_a_fault, clinic),
        test(one_bad_row_keeps_the_whole_file_out, clinic),
        test(the_good_rows_can_be_kept, clinic),
        test(a_dry_run_changes_nothing, clinic),
        test(broken_quoting_keeps_even_the_good_rows_out, clinic),
        test(all_faults_are_counted_and_the_first_kept, clinic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
