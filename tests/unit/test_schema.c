/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "support/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

struct fixture {
    char *folder;
    char *path;
    struct database *db;
};

static const struct zone_offset india[] = {{.offset_s = 19800}};

/* Summer time in Berlin in 2025, and local mean time before anything. */
static const struct zone_offset berlin[] = {
    {.from_s = INT64_MIN, .offset_s = 3208},
    {.from_s = -2422054408, .offset_s = 3600},
    {.from_s = 1743296400, .offset_s = 7200},
    {.from_s = 1761440400, .offset_s = 3600},
};
static const struct zone_offset new_york[] = {{.offset_s = -18000},
                                              {1741503600, -14400}};

static void ready(int code, const struct err *e)
{
    if (code < 0) {
        print_error("%s\n", e->text);
    }
    assert_true(code >= 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};
    assert_non_null(f);
    f->folder = scratch_folder();
    f->path = scratch_path(f->folder, "replica.db");
    ready(database_open(f->path, DATABASE_NODE, DATABASE_CREATE, &f->db, &e),
          &e);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    database_close(&f->db);
    free(f->path);
    scratch_remove(&f->folder);
    free(f);
    return 0;
}

static int upgrade(struct fixture *f, const char *site_id,
                   const struct zone_offset *offsets, size_t count,
                   struct err *e)
{
    struct bytes today = {0};
    schema_today(offsets, count, &today);
    const struct schema_site site = {.site_id = site_id,
                                     .today = (const char *)today.data};
    ready(database_begin(f->db, e), e);
    int code = schema_upgrade(f->db, &schema_embedded, &site, e);
    bytes_free(&today);
    struct err committed = {0};
    ready(database_commit(f->db, &committed), &committed);
    return code;
}

/* One value as text; copied into `out`. */
static void ask(struct fixture *f, const char *sql, char *out, size_t size)
{
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    ready(database_statement(f->db, sql, &stmt, &e), &e);
    assert_int_equal(database_step(f->db, stmt, &e), 1);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
    (void)sqlite3_reset(stmt);
}

static void answers(struct fixture *f, const char *sql, const char *wanted)
{
    char text[2048];
    ask(f, sql, text, sizeof text);
    assert_string_equal(text, wanted);
}

/* What the default of a business day gives when now is `instant`. */
static void day_at(struct fixture *f, const char *instant, const char *day)
{
    char expression[2048];
    char sql[4096] = "SELECT ";
    ask(f,
        "SELECT dflt_value FROM pragma_table_xinfo('dose_event')"
        " WHERE name = 'service_date'",
        expression, sizeof expression);
    const char *at = expression;
    for (const char *now = NULL; (now = strstr(at, "'now'")) != NULL;) {
        size_t used = strlen(sql);
        (void)snprintf(sql + used, sizeof sql - used, "%.*s'%s'",
                       (int)(now - at), at, instant);
        at = now + strlen("'now'");
    }
    size_t used = strlen(sql);
    (void)snprintf(sql + used, sizeof sql - used, "%s", at);
    answers(f, sql, day);
}

static void a_new_replica_gets_every_step(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char version[16];
    ready(upgrade(f, "PB-LDH-C01", india, 1, &e), &e);
    (void)snprintf(version, sizeof version, "%u",
                   (unsigned)schema_version(&schema_embedded));
    answers(f, "PRAGMA user_version", version);
    answers(f, "PRAGMA application_id", "1398894183");
    answers(f, "SELECT count(*) > 10 FROM sync_table", "1");
    assert_true(schema_version(&schema_embedded) >= 2);
    /* and is a replica now */
    database_close(&f->db);
    ready(database_open(f->path, DATABASE_TOOL, DATABASE_EXISTING, &f->db, &e),
          &e);
    ready(database_run(f->db,
                       "INSERT INTO dose_event(person_id, kind, verified_by,"
                       " dispensed_by) VALUES('p', 'missed', 'none', 'n')",
                       &e),
          &e);
    answers(f, "SELECT site_id FROM dose_event", "PB-LDH-C01");
    answers(f, "SELECT service_date = date('now', '+05:30') FROM dose_event",
            "1");
}

static void upgrading_twice_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char before[16];
    ready(upgrade(f, "PB-LDH-C01", india, 1, &e), &e);
    ask(f, "PRAGMA schema_version", before, sizeof before);
    ready(upgrade(f, "PB-OTHER", india, 1, &e), &e);
    answers(f, "PRAGMA schema_version", before);
}

static void a_newer_replica_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    ready(upgrade(f, "PB-LDH-C01", india, 1, &e), &e);
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    ready(database_run(f->db, "PRAGMA user_version = 9999", &e), &e);
    (void)database_schema(f->db, DATABASE_SCHEMA_FIXED);
    assert_int_equal(upgrade(f, "PB-LDH-C01", india, 1, &e), ERR_VERSION);
    assert_non_null(strstr(e.text, "the replica has schema 9999"));
    assert_non_null(strstr(e.text, "install a newer sangam"));
}

static void a_failed_step_leaves_the_replica_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    ready(database_run(f->db, "CREATE TABLE custody_event(x)", &e), &e);
    (void)database_schema(f->db, DATABASE_SCHEMA_FIXED);
    assert_true(upgrade(f, "PB-LDH-C01", india, 1, &e) < 0);
    assert_non_null(strstr(e.text, "schema step 0004_care.sql: "));
    assert_non_null(strstr(e.text, "custody_event already exists"));
    answers(f, "SELECT group_concat(name) FROM sqlite_schema", "custody_event");
    answers(f, "PRAGMA user_version", "0");
    answers(f, "PRAGMA application_id", "0");
    /* and what may be prepared is as it was */
    assert_true(database_run(f->db, "CREATE TABLE x(y)", &e) < 0);
}

static void the_site_is_quoted_and_comments_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    ready(upgrade(f, "it's", india, 1, &e), &e);
    answers(f,
            "SELECT dflt_value FROM pragma_table_xinfo('person')"
            " WHERE name = 'origin_site'",
            "'it''s'");
    answers(f,
            "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%''@site''%'"
            " OR sql LIKE '%''@today''%'",
            "0");
}

static void a_zone_of_one_offset_is_one_date(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    ready(upgrade(f, "PB-LDH-C01", india, 1, &e), &e);
    answers(f,
            "SELECT dflt_value FROM pragma_table_xinfo('dose_event')"
            " WHERE name = 'service_date'",
            "date('now','+05:30')");
    day_at(f, "2025-03-01 18:29:59", "2025-03-01");
    day_at(f, "2025-03-01 18:30:00", "2025-03-02");
}

static void a_zone_with_summer_time_gives_the_right_day(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    ready(upgrade(f, "DE-B-C01", berlin, sizeof berlin / sizeof berlin[0], &e),
          &e);
    day_at(f, "1890-01-01 23:06:31", "1890-01-01");
    day_at(f, "1890-01-01 23:06:32", "1890-01-02");
    day_at(f, "2025-01-15 22:59:59", "2025-01-15");
    day_at(f, "2025-01-15 23:00:00", "2025-01-16");
    day_at(f, "2025-03-30 00:59:59", "2025-03-30");
    day_at(f, "2025-07-01 21:59:59", "2025-07-01");
    day_at(f, "2025-07-01 22:00:00", "2025-07-02");
    day_at(f, "2025-10-25 22:00:00", "2025-10-26");
    day_at(f, "2025-10-26 22:30:00", "2025-10-26");
    day_at(f, "2025-10-26 23:00:00", "2025-10-27");
    /* SQLite takes it as the default of new rows, and as a DEFAULT of old */
    ready(database_run(f->db,
                       "INSERT INTO dose_event(person_id, kind, verified_by,"
                       " dispensed_by) VALUES('p', 'missed', 'none', 'n')",
                       &e),
          &e);
    answers(f, "SELECT service_date >= '2025' FROM dose_event", "1");
}

static void a_zone_west_of_greenwich_gives_the_right_day(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    ready(upgrade(f, "US-NY-C01", new_york, 2, &e), &e);
    day_at(f, "2025-01-15 04:59:59", "2025-01-14");
    day_at(f, "2025-01-15 05:00:00", "2025-01-15");
    day_at(f, "2025-07-01 03:59:59", "2025-06-30");
    day_at(f, "2025-07-01 04:00:00", "2025-07-01");
}

/* The default of a business day changes under a program that is connected. */
static void other_rules_of_the_zone_are_put_into_the_tables(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    struct bytes was = {0};
    struct bytes today = {0};
    sqlite3 *client = NULL;
    sqlite3_stmt *stmt = NULL;
    ready(upgrade(f, "DE-B-C01", india, 1, &e), &e);
    assert_int_equal(sqlite3_open(f->path, &client), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(client,
                                        "SELECT dflt_value FROM"
                                        " pragma_table_info('dose_event')"
                                        " WHERE name = 'service_date'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    (void)sqlite3_reset(stmt);
    schema_today(india, 1, &was);
    schema_today(berlin, sizeof berlin / sizeof berlin[0], &today);
    ready(database_begin(f->db, &e), &e);
    ready(schema_set_today(f->db, (const char *)was.data,
                           (const char *)today.data, &e),
          &e);
    ready(database_commit(f->db, &e), &e);
    day_at(f, "2025-07-01 21:59:59", "2025-07-01");
    day_at(f, "2025-07-01 22:00:00", "2025-07-02");
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_non_null(
        strstr((const char *)sqlite3_column_text(stmt, 0), "CASE WHEN"));
    (void)sqlite3_finalize(stmt);
    sqlite3_close(client);
    /* and the authorizer is what it was */
    assert_true(database_run(f->db, "PRAGMA writable_schema = ON", &e) < 0);
    assert_true(database_run(f->db, "PRAGMA schema_version = 1", &e) < 0);
    answers(f, "PRAGMA integrity_check", "ok");
    bytes_free(&was);
    bytes_free(&today);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_replica_gets_every_step),
        TEST(upgrading_twice_changes_nothing),
        TEST(a_newer_replica_is_refused),
        TEST(a_failed_step_leaves_the_replica_as_it_was),
        TEST(the_site_is_quoted_and_comments_are_left_alone),
        TEST(a_zone_of_one_offset_is_one_date),
        TEST(a_zone_with_summer_time_gives_the_right_day),
        TEST(other_rules_of_the_zone_are_put_into_the_tables),
        TEST(a_zone_west_of_greenwich_gives_the_right_day),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
