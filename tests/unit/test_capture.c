/* SPDX-License-Identifier: Apache-2.0 */
/* Capture triggers and guards, seen by a program that knows nothing of us. */
#include "store/capture.h"

#include "store/schema.h"
#include "support/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define SITE "PB-LDH-C01"
#define OTHER "PB-ASR-C02"

#define TABLE                                                                  \
    "INSERT INTO sync_table(table_id, name, kind, base_class, route,"          \
    " owner_column) VALUES"
#define COLUMN                                                                 \
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"     \
    " VALUES"

struct fixture {
    char *folder;
    char *path;
    struct database *db;
    struct manifest *m;
    sqlite3 *client;
};

/* ---- scaffolding ---------------------------------------------------------- */

/* A record with collations and a column of any type, and two key columns. */
static const char odd_sql[] =
    "CREATE TABLE odd(k TEXT NOT NULL, n INTEGER NOT NULL,"
    " nocase TEXT COLLATE NOCASE, rtrim TEXT COLLATE RTRIM, thing ANY,"
    " \"it's \"\"odd\"\"\" TEXT, said TEXT NOT NULL DEFAULT 'x',"
    " PRIMARY KEY(k, n)) STRICT;" TABLE
    "(60, 'odd', 'record', 2, 'all', NULL);" COLUMN "(60, 1, 'k', 2, 'key'),"
    " (60, 2, 'n', 2, 'key'), (60, 3, 'nocase', 2, 'lww'),"
    " (60, 4, 'rtrim', 2, 'lww'), (60, 5, 'thing', 2, 'lww'),"
    " (60, 6, 'it''s \"odd\"', 2, 'lww'), (60, 7, 'said', 2, 'lww');";

static const char rows_sql[] =
    "INSERT INTO person(person_id, beneficiary_no, given_name, birth_year,"
    " origin_site) VALUES"
    " ('p1', 'B-1', 'Asha', 1990, '" SITE "'),"
    " ('p2', 'B-2', 'Balbir', 1980, '" OTHER "');"
    "INSERT INTO enrolment(enrolment_id, person_id, programme, owner_site,"
    " status, origin_site) VALUES"
    " ('e1', 'p1', 'OOAT', '" SITE "', 'active', '" SITE "'),"
    " ('e2', 'p2', 'OOAT', '" OTHER "', 'active', '" OTHER "');"
    "INSERT INTO dose_event(dose_id, person_id, kind, units, verified_by,"
    " dispensed_by, origin_site, site_id, service_date) VALUES"
    " ('d1', 'p1', 'observed', 2, 'known_to_staff', 'nurse', '" SITE "',"
    "  '" SITE "', '2025-03-01'),"
    " ('d2', 'p2', 'observed', 2, 'known_to_staff', 'nurse', '" OTHER "',"
    "  '" OTHER "', '2025-03-01');"
    "INSERT INTO ref_item(item_code, kind, name, unit)"
    " VALUES('BUP-2', 'medicine', 'Buprenorphine', 'tablet');";

static void ready(int code, const struct err *e)
{
    if (code < 0) {
        print_error("%s\n", e->text);
    }
    assert_true(code >= 0);
}

/* As the node: no trigger fires. */
static void node_run(struct fixture *f, const char *sql)
{
    struct err e = {0};
    ready(database_run(f->db, sql, &e), &e);
}

static void install(struct fixture *f, const char *site_id, bool root)
{
    const struct sql_site site = {.site_id = site_id, .root = root};
    struct err e = {0};
    ready(database_begin(f->db, &e), &e);
    struct bytes names = {0};
    ready(capture_install(f->db, f->m, &site, &names, &e), &e);
    bytes_free(&names);
    ready(database_commit(f->db, &e), &e);
}

static int set_up(void **state)
{
    const struct schema_site site = {.site_id = SITE,
                                     .today = "(date('now','+05:30'))"};
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};
    assert_non_null(f);
    f->folder = scratch_folder();
    f->path = scratch_path(f->folder, "replica.db");
    ready(database_open(f->path, DATABASE_NODE, DATABASE_CREATE, &f->db, &e),
          &e);
    ready(database_begin(f->db, &e), &e);
    ready(schema_upgrade(f->db, &schema_embedded, &site, &e), &e);
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    node_run(f, odd_sql);
    (void)database_schema(f->db, DATABASE_SCHEMA_FIXED);
    ready(manifest_load(f->db, &f->m, &e), &e);
    node_run(f, rows_sql);
    ready(database_commit(f->db, &e), &e);
    install(f, SITE, false);
    assert_int_equal(sqlite3_open(f->path, &f->client), SQLITE_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sqlite3_close(f->client), SQLITE_OK);
    manifest_destroy(&f->m);
    database_close(&f->db);
    free(f->path);
    scratch_remove(&f->folder);
    free(f);
    return 0;
}

/* ---- what a client does and sees ------------------------------------------ */

static void runs(struct fixture *f, const char *sql)
{
    if (sqlite3_exec(f->client, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(f->client));
    }
}

/* Fails with exactly this sentence. */
static void refused(struct fixture *f, const char *sql, const char *sentence)
{
    if (sqlite3_exec(f->client, sql, NULL, NULL, NULL) != SQLITE_CONSTRAINT) {
        fail_msg("not refused: %s", sql);
    }
    assert_string_equal(sqlite3_errmsg(f->client), sentence);
}

/* One text. */
static void shows(struct fixture *f, const char *sql, const char *wanted)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(f->client, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(f->client));
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    assert_string_equal(text == NULL ? "" : text, wanted);
    (void)sqlite3_finalize(stmt);
}

/* What was captured since the last look: "table/what/key/old" each, sorted:
 * triggers fire in no promised order. */
static void captured(struct fixture *f, const char *wanted)
{
    shows(f,
          "SELECT coalesce(group_concat(p, ' '), '') FROM (SELECT table_id ||"
          " '/' || what || '/' || k1 || coalesce('+' || k2, '') || '/' ||"
          " quote(old) AS p FROM sync_pending ORDER BY table_id, what, k1, k2,"
          " pending_id)",
          wanted);
    node_run(f, "DELETE FROM sync_pending");
}

/* ---- capture -------------------------------------------------------------- */

static void an_insert_is_captured(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO person(person_id, beneficiary_no) VALUES('p9','B-9')");
    shows(f,
          "SELECT abs(at_ms - (julianday('now') - 2440587.5) * 86400000) < 9e4"
          " FROM sync_pending",
          "1");
    captured(f, "20/0/p9/NULL");
    runs(f, "INSERT INTO dose_event(dose_id, person_id, kind, verified_by,"
            " dispensed_by) VALUES('d9', 'p1', 'missed', 'none', 'nurse')");
    captured(f, "32/0/d9/NULL");
}

static void every_row_of_a_statement_is_captured(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1), ('a', 2), ('b', 1)");
    captured(f, "60/0/a+1/NULL 60/0/a+2/NULL 60/0/b+1/NULL");
    runs(f, "UPDATE odd SET thing = n");
    captured(f, "60/5/a+1/NULL 60/5/a+2/NULL 60/5/b+1/NULL");
}

static void a_key_made_by_a_default_is_captured_as_stored(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO person(beneficiary_no) VALUES('B-9')");
    shows(f,
          "SELECT count(*) FROM person JOIN sync_pending ON k1 = person_id"
          " WHERE beneficiary_no = 'B-9' AND length(k1) = 36",
          "1");
}

static void each_changed_column_is_captured_with_its_old_value(void **state)
{
    struct fixture *f = *state;
    runs(f, "UPDATE person SET given_name = 'Usha', birth_year = 1990,"
            " phone = '98' WHERE person_id = 'p1'");
    captured(f, "20/3/p1/'Asha' 20/13/p1/NULL");
    runs(f, "UPDATE person SET birth_year = NULL WHERE person_id = 'p1'");
    captured(f, "20/8/p1/1990");
}

static void an_update_that_changes_nothing_is_not_captured(void **state)
{
    struct fixture *f = *state;
    runs(f, "UPDATE person SET person_id = person_id, given_name = given_name,"
            " beneficiary_no = beneficiary_no, phone = NULL");
    captured(f, "");
}

static void a_change_of_case_or_trailing_blanks_is_a_change(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n, nocase, rtrim) VALUES('a', 1, 'bob', 'x')");
    captured(f, "60/0/a+1/NULL");
    runs(f, "UPDATE odd SET nocase = 'Bob', rtrim = 'x  '");
    captured(f, "60/3/a+1/'bob' 60/4/a+1/'x'");
    runs(f, "UPDATE odd SET nocase = 'Bob', rtrim = 'x  '");
    captured(f, "");
}

static void a_change_of_type_is_a_change(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n, thing) VALUES('a', 1, 1)");
    captured(f, "60/0/a+1/NULL");
    runs(f, "UPDATE odd SET thing = 1.0");
    captured(f, "60/5/a+1/1");
    runs(f, "UPDATE odd SET thing = '1'");
    captured(f, "60/5/a+1/1.0");
    runs(f, "UPDATE odd SET thing = x'31'");
    captured(f, "60/5/a+1/'1'");
    runs(f, "UPDATE odd SET thing = x'31'");
    captured(f, "");
}

static void names_with_quotes_are_captured(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n) VALUES('it''s', 1);"
            "UPDATE odd SET \"it's \"\"odd\"\"\" = 'y'");
    captured(f, "60/0/it's+1/NULL 60/6/it's+1/NULL");
}

static void an_upsert_is_captured_as_what_it_did(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n, thing) VALUES('a', 1, 5)"
            " ON CONFLICT(k, n) DO UPDATE SET thing = excluded.thing");
    captured(f, "60/0/a+1/NULL");
    runs(f, "INSERT INTO odd(k, n, thing) VALUES('a', 1, 6)"
            " ON CONFLICT(k, n) DO UPDATE SET thing = excluded.thing");
    captured(f, "60/5/a+1/5");
    runs(f, "INSERT INTO odd(k, n, thing) VALUES('a', 1, 7)"
            " ON CONFLICT DO NOTHING");
    captured(f, "");
    runs(f, "INSERT INTO person(person_id, beneficiary_no, given_name)"
            " VALUES('p2', 'B-2', 'Bela') ON CONFLICT(person_id)"
            " DO UPDATE SET given_name = excluded.given_name");
    captured(f, "20/3/p2/'Balbir'");
}

static void or_ignore_is_captured_only_where_a_row_was_new(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT OR IGNORE INTO odd(k, n) VALUES('a', 1), ('a', 1)");
    captured(f, "60/0/a+1/NULL");
    runs(f, "INSERT OR IGNORE INTO person(person_id, beneficiary_no)"
            " VALUES('p1', 'B-1')");
    captured(f, "");
    runs(f, "UPDATE OR IGNORE odd SET thing = 1");
    captured(f, "60/5/a+1/NULL");
}

static void or_replace_is_captured_as_an_insert(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT OR REPLACE INTO odd(k, n, thing) VALUES('a', 1, 1);"
            "REPLACE INTO odd(k, n, thing) VALUES('a', 1, 2)");
    captured(f, "60/0/a+1/NULL 60/0/a+1/NULL");
    runs(f, "REPLACE INTO enrolment(enrolment_id, person_id, programme,"
            " status) VALUES('e1', 'p1', 'OOAT', 'on_hold')");
    captured(f, "30/0/e1/NULL");
    runs(f, "UPDATE OR REPLACE odd SET thing = 3");
    captured(f, "60/5/a+1/2");
}

static void a_rolled_back_savepoint_leaves_no_capture(void **state)
{
    struct fixture *f = *state;
    runs(f, "BEGIN; INSERT INTO odd(k, n) VALUES('a', 1); SAVEPOINT s;"
            "INSERT INTO odd(k, n) VALUES('b', 1);"
            "UPDATE odd SET thing = 1; ROLLBACK TO s; COMMIT");
    captured(f, "60/0/a+1/NULL");
}

static void a_failed_statement_leaves_no_capture(void **state)
{
    struct fixture *f = *state;
    assert_int_not_equal(
        sqlite3_exec(f->client,
                     "INSERT INTO odd(k, n) VALUES('a', 1), ('a', 1)", NULL,
                     NULL, NULL),
        SQLITE_OK);
    captured(f, "");
}

static void what_clients_ask_of_their_last_statement_is_theirs(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1), ('b', 1), ('c', 1)");
    runs(f, "INSERT INTO odd(rowid, k, n) VALUES(77, 'd', 1)");
    assert_int_equal(sqlite3_changes(f->client), 1);
    assert_int_equal(sqlite3_last_insert_rowid(f->client), 77);
}

static void strict_settings_of_a_client_change_nothing(void **state)
{
    struct fixture *f = *state;
    runs(f, "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;"
            "PRAGMA recursive_triggers = ON");
    assert_int_equal(
        sqlite3_db_config(f->client, SQLITE_DBCONFIG_DQS_DML, 0, NULL),
        SQLITE_OK);
    assert_int_equal(
        sqlite3_db_config(f->client, SQLITE_DBCONFIG_DQS_DDL, 0, NULL),
        SQLITE_OK);
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1);"
            "INSERT OR IGNORE INTO odd(k, n) VALUES('a', 1);"
            "INSERT INTO odd(k, n) VALUES('a', 1)"
            " ON CONFLICT(k, n) DO UPDATE SET thing = 1;"
            "REPLACE INTO odd(k, n) VALUES('b', 1)");
    captured(f, "60/0/a+1/NULL 60/0/b+1/NULL 60/5/a+1/NULL");
    refused(f, "REPLACE INTO odd(k, n) VALUES('a', 1)",
            "odd: rows are never deleted, nor replaced while "
            "recursive_triggers is on; mark the row as entered in error, or "
            "use INSERT ... ON CONFLICT DO UPDATE");
    captured(f, "");
}

static void the_sqlite3_shell_is_captured_and_guarded(void **state)
{
    struct fixture *f = *state;
    char command[512];
    char said[512] = "";
    if (system("command -v sqlite3 >/dev/null") != 0) {
        skip();
    }
    (void)snprintf(command, sizeof command,
                   "sqlite3 '%s' \"UPDATE person SET phone = '1' WHERE "
                   "person_id = 'p1'; DELETE FROM dose_event\" 2>&1",
                   f->path);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    size_t len = fread(said, 1, sizeof said - 1, shell);
    said[len] = '\0';
    assert_int_not_equal(pclose(shell), 0);
    assert_non_null(strstr(said, "dose_event is a register: rows are never "
                                 "changed or deleted; write a correcting "
                                 "row"));
    captured(f, "20/13/p1/NULL");
}

/* [I-5] */
static void what_the_node_applies_is_not_captured(void **state)
{
    struct fixture *f = *state;
    node_run(f, "INSERT INTO person(person_id, beneficiary_no, origin_site)"
                " VALUES('p8', 'B-8', '" OTHER "');"
                "UPDATE person SET given_name = 'Z', beneficiary_no = 'B-88';"
                "UPDATE dose_event SET units = 3;"
                "DELETE FROM dose_event WHERE dose_id = 'd2';"
                "UPDATE ref_item SET name = 'B';"
                "INSERT INTO sync_prior VALUES(x'00', 1, 1)");
    captured(f, "");
}

/* ---- guards of registers -------------------------------------------------- */

#define DOSE                                                                   \
    "dose_event(dose_id, person_id, kind, units, verified_by,"                 \
    " dispensed_by, service_date"
#define D1 "'d1', 'p1', 'observed', 2, 'known_to_staff', 'nurse', '2025-03-01'"
#define REGISTER "dose_event is a register: "

static void a_register_row_is_never_changed_or_deleted(void **state)
{
    static const char sentence[] = REGISTER "rows are never changed or "
                                            "deleted; write a correcting row";
    struct fixture *f = *state;
    refused(f, "UPDATE dose_event SET units = 3", sentence);
    refused(f, "DELETE FROM dose_event WHERE dose_id = 'd1'", sentence);
    refused(f,
            "INSERT INTO " DOSE ") VALUES(" D1 ")"
            " ON CONFLICT(dose_id) DO UPDATE SET units = 9",
            sentence);
    refused(f, "UPDATE OR IGNORE dose_event SET units = 3", sentence);
    captured(f, "");
}

static void a_register_takes_rows_of_this_site_only(void **state)
{
    static const char sentence[] = "dose_event.origin_site names the site "
                                   "that writes the row; here that is " SITE;
    struct fixture *f = *state;
    refused(f,
            "INSERT INTO " DOSE ", origin_site) VALUES('d9', 'p1', 'missed',"
            " 0, 'none', 'nurse', '2025-03-01', '" OTHER "')",
            sentence);
    refused(f,
            "INSERT OR IGNORE INTO " DOSE ", origin_site) VALUES('d9', 'p1',"
            " 'missed', 0, 'none', 'nurse', '2025-03-01', '" OTHER "')",
            sentence);
    shows(f, "SELECT count(*) FROM dose_event", "2");
}

static void the_same_register_row_again_is_ignored_when_asked(void **state)
{
    struct fixture *f = *state;
    /* left out: occurred_at and recorded_at, which are made anew each time */
    runs(f, "INSERT OR IGNORE INTO " DOSE ") VALUES(" D1 ")");
    runs(f, "INSERT OR IGNORE INTO dose_event SELECT * FROM dose_event");
    runs(f, "INSERT INTO " DOSE ") VALUES(" D1 ") ON CONFLICT DO NOTHING");
    /* the node looks whether the row is still what it was */
    captured(f, "32/65535/d1/NULL 32/65535/d1/NULL 32/65535/d1/NULL"
                " 32/65535/d2/NULL");
    shows(f, "SELECT count(*) FROM dose_event", "2");
}

static void a_register_row_with_other_content_is_refused(void **state)
{
    static const char sentence[] =
        REGISTER "a row with this key is there with other content; write a "
                 "correcting row";
    static const char *const ways[] = {"REPLACE", "INSERT OR IGNORE",
                                       "INSERT OR REPLACE", "INSERT"};
    struct fixture *f = *state;
    char sql[512];
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        (void)snprintf(sql, sizeof sql,
                       "%s INTO " DOSE ") VALUES('d1', 'p1', 'observed', 4,"
                       " 'known_to_staff', 'nurse', '2025-03-01')",
                       ways[i]);
        refused(f, sql, sentence);
        /* an explicit other day counts, though the column has a default */
        (void)snprintf(sql, sizeof sql,
                       "%s INTO " DOSE ") VALUES('d1', 'p1', 'observed', 2,"
                       " 'known_to_staff', 'nurse', '2025-03-02')",
                       ways[i]);
        refused(f, sql, sentence);
        /* another site's row, taken over */
        (void)snprintf(sql, sizeof sql,
                       "%s INTO " DOSE ") VALUES('d2', 'p2', 'observed', 2,"
                       " 'known_to_staff', 'nurse', '2025-03-01')",
                       ways[i]);
        refused(f, sql, sentence);
    }
    shows(f, "SELECT group_concat(units || origin_site) FROM dose_event",
          "2" SITE ",2" OTHER);
    captured(f, "");
}

/* ---- guards of records ---------------------------------------------------- */

static void a_record_is_never_deleted(void **state)
{
    struct fixture *f = *state;
    refused(f, "DELETE FROM person",
            "person: rows are never deleted, nor replaced while "
            "recursive_triggers is on; mark the row as entered in error, or "
            "use INSERT ... ON CONFLICT DO UPDATE");
}

static void what_is_written_once_stays(void **state)
{
    struct fixture *f = *state;
    refused(f, "UPDATE person SET person_id = 'p7' WHERE person_id = 'p1'",
            "person.person_id is written once; put it right with a new row");
    refused(f, "UPDATE person SET given_name = 'x', beneficiary_no = 'B-7'",
            "person.beneficiary_no is written once; put it right with a new "
            "row");
    refused(f, "UPDATE person SET origin_site = 'X'",
            "person.origin_site is written once; put it right with a new "
            "row");
    refused(f,
            "UPDATE enrolment SET owner_site = '" SITE "'"
            " WHERE enrolment_id = 'e2'",
            "enrolment: this row belongs to another site, which has not "
            "offered it to this one; ask there for an offer in referral");
    refused(f,
            "UPDATE enrolment SET owner_site = '" OTHER "'"
            " WHERE enrolment_id = 'e1'",
            "enrolment: a row goes to another site by an offer in referral, "
            "which that site takes by writing itself into owner_site");
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1), ('b', 1)");
    refused(f, "UPDATE OR REPLACE odd SET k = 'b' WHERE k = 'a'",
            "odd.k is written once; put it right with a new row");
}

static void what_is_written_once_stays_under_replace_and_upsert(void **state)
{
    static const char sentence[] =
        "person.beneficiary_no is written once; put it right with a new row";
    struct fixture *f = *state;
    refused(f,
            "REPLACE INTO person(person_id, beneficiary_no)"
            " VALUES('p1', 'B-7')",
            sentence);
    refused(f,
            "INSERT INTO person(person_id, beneficiary_no)"
            " VALUES('p1', 'B-7') ON CONFLICT(person_id) DO UPDATE"
            " SET beneficiary_no = excluded.beneficiary_no",
            sentence);
    captured(f, "");
    shows(f, "SELECT given_name FROM person WHERE person_id = 'p1'", "Asha");
}

static void what_an_upsert_leaves_out_is_not_rewritten(void **state)
{
    struct fixture *f = *state;
    node_run(f, "UPDATE person SET recorded_by = 'nurse', origin_site = '" OTHER
                "', recorded_at = '2025-01-01T00:00:00.000Z';"
                "UPDATE enrolment SET owner_epoch = 3");
    runs(f, "INSERT INTO person(person_id, beneficiary_no, given_name)"
            " VALUES('p1', 'B-1', 'Usha') ON CONFLICT(person_id)"
            " DO UPDATE SET given_name = excluded.given_name");
    runs(f, "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
            " VALUES('e1', 'p1', 'OOAT', 'on_hold') ON CONFLICT(enrolment_id)"
            " DO UPDATE SET status = excluded.status");
    captured(f, "20/3/p1/'Asha' 30/6/e1/'active'");
    shows(f, "SELECT recorded_by || origin_site FROM person", "nurse" OTHER);
}

static void a_new_record_is_of_this_site(void **state)
{
    struct fixture *f = *state;
    refused(f,
            "INSERT INTO person(person_id, beneficiary_no, origin_site)"
            " VALUES('p9', 'B-9', '" OTHER "')",
            "person.origin_site names the site that writes the row; here "
            "that is " SITE);
    refused(f,
            "INSERT INTO enrolment(enrolment_id, person_id, programme,"
            " owner_site, status) VALUES('e9', 'p1', 'OOAT', '" OTHER "',"
            " 'active')",
            "enrolment.owner_site names the site that writes the row; here "
            "that is " SITE);
    refused(f,
            "REPLACE INTO enrolment(enrolment_id, person_id, programme,"
            " owner_site, status) VALUES('e1', 'p1', 'OOAT', '" OTHER "',"
            " 'active')",
            "enrolment.owner_site names the site that writes the row; here "
            "that is " SITE);
}

static void the_owner_alone_changes_an_owned_row(void **state)
{
    static const char sentence[] =
        "enrolment: this row belongs to another site; only the site in "
        "owner_site may change it";
    struct fixture *f = *state;
    refused(f, "UPDATE enrolment SET status = 'ceased'", sentence);
    refused(f,
            "REPLACE INTO enrolment(enrolment_id, person_id, programme,"
            " status) VALUES('e2', 'p2', 'OOAT', 'active')",
            sentence);
    refused(f,
            "REPLACE INTO enrolment(enrolment_id, person_id, programme,"
            " owner_site, status, origin_site)"
            " VALUES('e2', 'p2', 'OOAT', '" OTHER "', 'ceased',"
            " '" OTHER "')",
            sentence);
    refused(f,
            "INSERT INTO enrolment(enrolment_id, person_id, programme,"
            " status) VALUES('e2', 'p2', 'OOAT', 'ceased')"
            " ON CONFLICT(enrolment_id) DO UPDATE"
            " SET status = excluded.status",
            sentence);
    captured(f, "");
    runs(f, "UPDATE enrolment SET status = 'ceased'"
            " WHERE enrolment_id = 'e1'");
    captured(f, "30/6/e1/'active'");
}

static void the_same_row_of_another_owner_is_ignored_when_asked(void **state)
{
    struct fixture *f = *state;
    runs(f, "INSERT OR IGNORE INTO enrolment SELECT * FROM enrolment;"
            "UPDATE enrolment SET status = 'active';"
            "UPDATE person SET given_name = 'Bela' WHERE person_id = 'p2'");
    captured(f, "20/3/p2/'Balbir'");
}

/* ---- guards of reference lists and of the node ---------------------------- */

static void reference_lists_are_written_at_headquarters(void **state)
{
    static const char sentence[] = "ref_item is written at headquarters, not "
                                   "here; ask there for the change";
    struct fixture *f = *state;
    refused(f,
            "INSERT INTO ref_item(item_code, kind, name, unit)"
            " VALUES('X', 'medicine', 'X', 'ml')",
            sentence);
    refused(f, "UPDATE ref_item SET name = 'X'", sentence);
    refused(f, "DELETE FROM ref_item", sentence);

    install(f, SITE, true);
    runs(f, "INSERT INTO ref_item(item_code, kind, name, unit)"
            " VALUES('X', 'medicine', 'X', 'ml');"
            "UPDATE ref_item SET name = 'Y' WHERE item_code = 'X'");
    captured(f, "12/0/X/NULL 12/3/X/'X'");
    refused(f, "DELETE FROM ref_item",
            "ref_item: rows are never deleted, nor replaced while "
            "recursive_triggers is on; mark the row as entered in error, or "
            "use INSERT ... ON CONFLICT DO UPDATE");
}

static void clients_do_not_write_the_tables_of_the_node(void **state)
{
    struct fixture *f = *state;
    node_run(f, "INSERT INTO sync_certificate(serial) VALUES(x'01');"
                "INSERT INTO sync_origin(node, sum, all_sum)"
                " VALUES(x'01', x'', x'')");
    refused(f, "INSERT INTO sync_certificate(serial) VALUES(x'02')",
            "sync_certificate belongs to the node: read it, never write it");
    refused(f, "UPDATE sync_certificate SET site = 'X'",
            "sync_certificate belongs to the node: read it, never write it");
    refused(f, "DELETE FROM sync_certificate",
            "sync_certificate belongs to the node: read it, never write it");
    refused(f, "UPDATE sync_origin SET head_seq = 9",
            "sync_origin belongs to the node: read it, never write it");
    refused(f, "INSERT INTO sync_row DEFAULT VALUES",
            "sync_row belongs to the node: read it, never write it");
    refused(f, "DELETE FROM sync_column",
            "sync_column belongs to the node: read it, never write it");
    refused(f, "INSERT INTO sync_changeset DEFAULT VALUES",
            "sync_changeset belongs to the node: read it, never write it");
    refused(f, "INSERT INTO sync_delivery DEFAULT VALUES",
            "sync_delivery belongs to the node: read it, never write it");
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1)");
    refused(f, "DELETE FROM sync_pending",
            "sync_pending belongs to the node: read it, never write it");
    refused(f, "UPDATE sync_pending SET at_ms = 0",
            "sync_pending belongs to the node: read it, never write it");
}

/* ---- sizes ---------------------------------------------------------------- */

static void a_value_over_the_limit_is_refused(void **state)
{
    static const char sentence[] = "odd.thing: a value has at most 65536 "
                                   "bytes";
    struct fixture *f = *state;
    runs(f, "INSERT INTO odd(k, n, thing) VALUES('a', 1, zeroblob(65536))");
    refused(f, "INSERT INTO odd(k, n, thing) VALUES('b', 1, zeroblob(65537))",
            sentence);
    refused(f,
            "INSERT OR IGNORE INTO odd(k, n, thing)"
            " VALUES('b', 1, zeroblob(65537))",
            sentence);
    refused(f, "UPDATE odd SET thing = zeroblob(65537)", sentence);
    /* bytes count, not characters, nor what comes before a NUL */
    refused(f, "UPDATE odd SET thing = printf('%.*c', 32769, char(0x0a3e))",
            sentence);
    refused(f, "UPDATE odd SET thing = char(0) || printf('%.*c', 65536, 'x')",
            sentence);
    captured(f, "60/0/a+1/NULL");
}

static void a_row_over_the_limit_is_refused(void **state)
{
    static const char sentence[] =
        "odd: the values of a row have at most 96449 bytes in all";
    struct fixture *f = *state;
    refused(f,
            "INSERT INTO odd(k, n, nocase, thing) VALUES('a', 1,"
            " printf('%.*c', 40000, 'x'), zeroblob(60000))",
            sentence);
    runs(f, "INSERT INTO odd(k, n, nocase, thing) VALUES('a', 1,"
            " printf('%.*c', 30000, 'x'), zeroblob(60000))");
    refused(f, "UPDATE odd SET rtrim = printf('%.*c', 7000, 'x')", sentence);
    runs(f, "UPDATE odd SET rtrim = printf('%.*c', 256, 'x')");
    captured(f, "60/0/a+1/NULL 60/4/a+1/NULL");
}

static void keys_and_scopes_are_bounded(void **state)
{
    struct fixture *f = *state;
    refused(f, "INSERT INTO odd(k, n) VALUES(printf('%.*c', 256, 'x'), 1)",
            "odd.k: a key has 1 to 255 bytes");
    refused(f, "INSERT INTO odd(k, n) VALUES('', 1)",
            "odd.k: a key has 1 to 255 bytes");
    refused(f,
            "INSERT INTO custody_event(person_id, kind)"
            " VALUES('', 'admitted')",
            "custody_event.person_id: a key has 1 to 255 bytes");
    runs(f, "INSERT INTO odd(k, n) VALUES(printf('%.*c', 255, 'x'), 1)");
}

/* ---- installing ----------------------------------------------------------- */

static void installing_again_writes_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t before = 0;
    uint32_t after = 0;
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    ready(database_statement(f->db, "PRAGMA schema_version", &stmt, &e), &e);
    ready(database_step(f->db, stmt, &e), &e);
    before = (uint32_t)sqlite3_column_int(stmt, 0);
    (void)sqlite3_reset(stmt);
    install(f, SITE, false);
    ready(database_step(f->db, stmt, &e), &e);
    after = (uint32_t)sqlite3_column_int(stmt, 0);
    (void)sqlite3_reset(stmt);
    assert_int_equal(before, after);
    install(f, OTHER, false);
    shows(f,
          "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"
          " AND sql GLOB '*here that is " SITE "*'",
          "0");
}

static void a_table_that_lost_its_triggers_gets_them_back(void **state)
{
    struct fixture *f = *state;
    runs(f, "DROP TRIGGER sync_odd_insert; DROP TRIGGER sync_odd_update_5;"
            "CREATE TRIGGER sync_odd_update_99 AFTER UPDATE ON odd"
            " BEGIN SELECT 1; END;"
            "CREATE TRIGGER theirs AFTER UPDATE ON odd BEGIN SELECT 1; END");
    install(f, SITE, false);
    shows(f,
          "SELECT group_concat(name) FROM sqlite_schema WHERE type ="
          " 'trigger' AND tbl_name = 'odd' AND name IN ('theirs',"
          " 'sync_odd_update_99', 'sync_odd_insert', 'sync_odd_update_5')",
          "theirs,sync_odd_insert,sync_odd_update_5");
    runs(f, "INSERT INTO odd(k, n) VALUES('a', 1)");
    captured(f, "60/0/a+1/NULL");
}

/* ---- reading -------------------------------------------------------------- */

static struct capture_list *read_list(struct fixture *f)
{
    struct capture_list *list = NULL;
    struct err e = {0};
    ready(capture_read(f->db, f->m, DRAIN_ROWS_MAX, &list, &e), &e);
    return list;
}

static void pending_row(struct fixture *f, int table, int what, const char *key,
                        const char *old, int64_t at_ms)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
                   " VALUES(%d, %d, '%s', %s, %lld)",
                   table, what, key, old, (long long)at_ms);
    node_run(f, sql);
}

static bool is_capture(const struct capture *c, const char *table,
                       const char *key, int column, const char *old,
                       int64_t at_ms)
{
    const struct value k = value_text(key);
    const struct value o = value_text(old);
    return strcmp(c->table->name, table) == 0 && value_equal(&c->key[0], &k) &&
           c->column == column && value_equal(&c->old, &o) && c->at_ms == at_ms;
}

static void nothing_pending_is_an_empty_list(void **state)
{
    struct fixture *f = *state;
    struct capture_list *list = read_list(f);
    size_t count = 1;
    struct err e = {0};
    (void)capture_list_items(list, &count);
    assert_int_equal(count, 0);
    ready(capture_forget(f->db, list, &e), &e);
    capture_list_destroy(&list);
    assert_null(list);
    capture_list_destroy(&list);
}

static void a_list_has_each_cell_once_in_order_of_table_and_key(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    pending_row(f, 20, 3, "p2", "'first'", 1000);
    pending_row(f, 32, 0, "d1", "NULL", 2000);
    pending_row(f, 20, 3, "p1", "'other'", 3000);
    pending_row(f, 20, 3, "p2", "'second'", 9000);
    pending_row(f, 20, 0, "p2", "NULL", 5000);
    struct capture_list *list = read_list(f);
    const struct capture *items = capture_list_items(list, &count);
    assert_int_equal(count, 4);
    assert_true(is_capture(&items[0], "person", "p1", 3, "other", 3000));
    assert_true(is_capture(&items[1], "person", "p2", 0, NULL, 5000));
    assert_true(is_capture(&items[2], "person", "p2", 3, "first", 9000));
    assert_true(is_capture(&items[3], "dose_event", "d1", 0, NULL, 2000));
    assert_int_equal(capture_list_at_ms(list), 9000);
    capture_list_destroy(&list);
}

static void forgetting_leaves_what_came_later(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int64_t pending = 0;
    pending_row(f, 20, 3, "p1", "'a'", 1000);
    pending_row(f, 20, 3, "p1", "'b'", 1001);
    struct capture_list *list = read_list(f);
    runs(f, "UPDATE person SET given_name = 'x' WHERE person_id = 'p1'");
    ready(capture_pending(f->db, &pending, &e), &e);
    assert_int_equal(pending, 3);
    ready(capture_forget(f->db, list, &e), &e);
    capture_list_destroy(&list);
    captured(f, "20/3/p1/'Asha'");
}

static void a_pause_of_a_minute_ends_a_list(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    size_t count = 0;
    pending_row(f, 20, 3, "p1", "NULL", 1000000);
    pending_row(f, 20, 4, "p1", "NULL", 1060000); /* just a minute */
    pending_row(f, 20, 5, "p1", "NULL", 1120001);
    pending_row(f, 20, 6, "p1", "NULL", 1000); /* the clock was set back */
    for (size_t wanted = 2; wanted > 0; wanted--) {
        struct capture_list *list = read_list(f);
        (void)capture_list_items(list, &count);
        assert_int_equal(count, wanted);
        ready(capture_forget(f->db, list, &e), &e);
        capture_list_destroy(&list);
    }
    captured(f, "20/6/p1/NULL");
}

static void a_list_is_bounded_in_rows(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    size_t count = 0;
    int64_t left = 0;
    node_run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                " FROM n WHERE i < 1024 + 5) INSERT INTO sync_pending"
                "(table_id, what, k1, at_ms) SELECT 20, 0, 'k' || i, 0 FROM n");
    struct capture_list *list = read_list(f);
    (void)capture_list_items(list, &count);
    assert_int_equal(count, DRAIN_ROWS_MAX);
    ready(capture_forget(f->db, list, &e), &e);
    capture_list_destroy(&list);
    ready(capture_pending(f->db, &left, &e), &e);
    assert_int_equal(left, 5);
}

static void a_list_is_bounded_in_rows_to_put_back(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    node_run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                " FROM n WHERE i < 20) INSERT INTO sync_pending"
                "(table_id, what, k1, at_ms) SELECT 20, 65533, 'k' || i, 0"
                " FROM n");
    struct capture_list *list = read_list(f);
    (void)capture_list_items(list, &count);
    assert_int_equal(count, 8);
    assert_true(capture_list_rows(list) > DRAIN_ROWS_MAX);
    capture_list_destroy(&list);
}

static void a_list_is_bounded_in_bytes(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    node_run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                " FROM n WHERE i < 200) INSERT INTO sync_pending"
                "(table_id, what, k1, old, at_ms)"
                " SELECT 20, 3, 'k' || i, zeroblob(65536), 0 FROM n");
    struct capture_list *list = read_list(f);
    (void)capture_list_items(list, &count);
    assert_int_equal(count, 128); /* 8 MiB */
    capture_list_destroy(&list);
}

/* [I-7] */
static void nonsense_is_set_aside_with_what_it_said(void **state)
{
    static const char *const rows[] = {
        "77, 0, 'x', NULL, NULL, 'old', 0",     /* no such table */
        "-20, 0, 'x', NULL, NULL, NULL, 0",     /* nor this */
        "1, 0, x'00', NULL, NULL, NULL, 0",     /* a control table */
        "2, 0, 'x', NULL, NULL, NULL, 0",       /* a local one */
        "4294967316, 0, 'x', NULL, NULL, 1, 0", /* 20 + 2^32 */
        "20, 99, 'x', NULL, NULL, 1, 0",        /* no such column */
        "20, -3, 'x', NULL, NULL, 1, 0",        /* nor this */
        "20, 65539, 'x', NULL, NULL, 1.5, 0",   /* settles, and is unknown */
        "20, 131075, 'x', NULL, NULL, 1, 0",    /* 3 + 2 * 65536 */
        "20, 3, NULL, NULL, NULL, 'old', 0",    /* keys that none can be */
        "20, 3, 7, NULL, NULL, 'old', 0",       /* */
        "20, 3, 1.5, NULL, NULL, 'old', 0",     /* */
        "20, 3, x'7031', NULL, NULL, 'old', 0", /* */
        "20, 3, 'p1', 'p1', NULL, 'old', 0",    /* */
        "60, 3, 'a', NULL, NULL, 'old', 0",     /* half a key */
        "20, 3, 'p1', NULL, NULL, 'old', -7",
    };
    const size_t count = sizeof rows / sizeof rows[0];
    struct fixture *f = *state;
    struct err e = {0};
    size_t captures = 0;
    uint64_t parked = 0;
    char sql[256];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO sync_pending(table_id, what, k1, k2, k3,"
                       " old, at_ms) VALUES(%s)",
                       rows[i]);
        runs(f, sql);
    }
    runs(f, "INSERT INTO sync_pending VALUES(-9223372036854775808, 78, 0,"
            " 'x', NULL, NULL, NULL, 0)");
    struct capture_list *list = read_list(f);
    const struct capture *items = capture_list_items(list, &captures);
    assert_int_equal(captures, 2); /* 'x' and 'p1' */
    assert_int_equal(items[0].column, 3);
    assert_int_equal(capture_list_rows(list), count + 1);
    ready(capture_set_aside(f->db, list, &parked, &e), &e);
    ready(capture_forget(f->db, list, &e), &e);
    capture_list_destroy(&list);
    assert_int_equal(parked, count - 1);
    captured(f, "");
    shows(f,
          "SELECT group_concat(table_id || '/' || column_id || '/' ||"
          " quote(value), ' ') FROM sync_parked WHERE says ="
          " 'sync_pending named a column that the table has not'",
          "20/99/1 20/-3/1 20/131075/1");
    shows(f,
          "SELECT count(*) FROM sync_parked WHERE says ="
          " 'sync_pending named a key that no row of the table can have'",
          "5");
    shows(f,
          "SELECT hex(substr(key, 2)) FROM sync_parked WHERE says GLOB"
          " '*more columns*'",
          "020300000002703103000000027031");
    shows(f,
          "SELECT count(*) FROM sync_parked WHERE says ="
          " 'sync_pending named a table that is not captured'",
          "6");
}

static void what_is_too_large_to_be_read_stops_nothing(void **state)
{
    struct fixture *f = *state;
    size_t captures = 0;
    uint64_t parked = 0;
    struct err e = {0};
    runs(f, "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
            " VALUES(20, 3, 'p1', 'a', 0),"
            " (20, 3, 'p2', printf('%.*c', 2000000, 'x'), 0),"
            " (20, 3, zeroblob(1100000), NULL, 0), (20, 4, 'p1', 'b', 0)");
    struct capture_list *list = read_list(f);
    (void)capture_list_items(list, &captures);
    assert_int_equal(captures, 2);
    ready(capture_set_aside(f->db, list, &parked, &e), &e);
    ready(capture_forget(f->db, list, &e), &e);
    capture_list_destroy(&list);
    assert_int_equal(parked, 2);
    captured(f, "");
    shows(f,
          "SELECT count(*) FROM sync_parked WHERE table_id = 20 AND value"
          " IS NULL AND says GLOB '*larger than can be read*'",
          "2");
}

/* ---- statements for the node ---------------------------------------------- */

static void statements_from_pieces_prepare_and_do_what_they_say(void **state)
{
    struct fixture *f = *state;
    const struct table *t = manifest_table_named(f->m, "odd");
    const struct column *columns[] = {table_column(t, 5), table_column(t, 6)};
    struct bytes sql = {0};
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    static void (*const writes[])(
        const struct table *, const struct column *const *, size_t,
        struct bytes *) = {sql_insert, sql_upsert, sql_update};
    static const char *const says[] = {"0", "1", "2"};
    for (size_t i = 0; i < 3; i++) {
        const struct value values[] = {value_text("a"), value_integer(1),
                                       value_integer((int64_t)i),
                                       value_text("text")};
        bytes_clear(&sql);
        writes[i](t, columns, 2, &sql);
        assert_int_equal(sql.data[sql.len], 0);
        ready(database_statement(f->db, (const char *)sql.data, &stmt, &e), &e);
        for (int at = 0; at < 4; at++) {
            database_bind_at(stmt, at + 1, &values[at]);
        }
        ready(database_done(f->db, stmt, &e), &e);
        shows(f, "SELECT thing FROM odd WHERE k = 'a' AND n = 1", says[i]);
    }
    bytes_clear(&sql);
    sql_select_row(t, &sql);
    assert_string_equal((const char *)sql.data,
                        "SELECT \"k\", \"n\", \"nocase\", \"rtrim\", "
                        "\"thing\", \"it's \"\"odd\"\"\", \"said\" FROM "
                        "\"odd\" WHERE \"k\" = ?1 AND \"n\" = ?2");
    bytes_clear(&sql);
    sql_select_rows(t, &sql);
    ready(database_statement(f->db, (const char *)sql.data, &stmt, &e), &e);
    assert_int_equal(database_step(f->db, stmt, &e), 1);
    assert_int_equal(sqlite3_column_count(stmt), 7);
    assert_int_equal(database_step(f->db, stmt, &e), 0);
    bytes_clear(&sql);
    sql_upsert(t, columns, 0, &sql);
    assert_string_equal((const char *)sql.data,
                        "INSERT INTO \"odd\"(\"k\", \"n\") VALUES(?1, ?2) ON "
                        "CONFLICT(\"k\", \"n\") DO NOTHING");
    bytes_clear(&sql);
    sql_delete_row(t, &sql);
    assert_string_equal((const char *)sql.data,
                        "DELETE FROM \"odd\" WHERE \"k\" = ?1 AND \"n\" = ?2");
    bytes_clear(&sql);
    sql_delete_rows(t, &sql);
    ready(database_statement(f->db, (const char *)sql.data, &stmt, &e), &e);
    ready(database_done(f->db, stmt, &e), &e);
    shows(f, "SELECT count(*) FROM odd", "0");
    bytes_free(&sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_insert_is_captured),
        TEST(every_row_of_a_statement_is_captured),
        TEST(a_key_made_by_a_default_is_captured_as_stored),
        TEST(each_changed_column_is_captured_with_its_old_value),
        TEST(an_update_that_changes_nothing_is_not_captured),
        TEST(a_change_of_case_or_trailing_blanks_is_a_change),
        TEST(a_change_of_type_is_a_change),
        TEST(names_with_quotes_are_captured),
        TEST(an_upsert_is_captured_as_what_it_did),
        TEST(or_ignore_is_captured_only_where_a_row_was_new),
        TEST(or_replace_is_captured_as_an_insert),
        TEST(a_rolled_back_savepoint_leaves_no_capture),
        TEST(a_failed_statement_leaves_no_capture),
        TEST(what_clients_ask_of_their_last_statement_is_theirs),
        TEST(strict_settings_of_a_client_change_nothing),
        TEST(the_sqlite3_shell_is_captured_and_guarded),
        TEST(what_the_node_applies_is_not_captured),
        TEST(a_register_row_is_never_changed_or_deleted),
        TEST(a_register_takes_rows_of_this_site_only),
        TEST(the_same_register_row_again_is_ignored_when_asked),
        TEST(a_register_row_with_other_content_is_refused),
        TEST(a_record_is_never_deleted),
        TEST(what_is_written_once_stays),
        TEST(what_is_written_once_stays_under_replace_and_upsert),
        TEST(what_an_upsert_leaves_out_is_not_rewritten),
        TEST(a_new_record_is_of_this_site),
        TEST(the_owner_alone_changes_an_owned_row),
        TEST(the_same_row_of_another_owner_is_ignored_when_asked),
        TEST(reference_lists_are_written_at_headquarters),
        TEST(clients_do_not_write_the_tables_of_the_node),
        TEST(a_value_over_the_limit_is_refused),
        TEST(a_row_over_the_limit_is_refused),
        TEST(keys_and_scopes_are_bounded),
        TEST(installing_again_writes_nothing),
        TEST(a_table_that_lost_its_triggers_gets_them_back),
        TEST(nothing_pending_is_an_empty_list),
        TEST(a_list_has_each_cell_once_in_order_of_table_and_key),
        TEST(forgetting_leaves_what_came_later),
        TEST(a_pause_of_a_minute_ends_a_list),
        TEST(a_list_is_bounded_in_rows),
        TEST(a_list_is_bounded_in_rows_to_put_back),
        TEST(a_list_is_bounded_in_bytes),
        TEST(nonsense_is_set_aside_with_what_it_said),
        TEST(what_is_too_large_to_be_read_stops_nothing),
        TEST(statements_from_pieces_prepare_and_do_what_they_say),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
