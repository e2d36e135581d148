/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include "protocol/limits.h"
#include "support/scratch.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <setjmp.h>
#include <cmocka.h>

struct fixture {
    char *folder;
    char *path;
    struct database *db; /* of the node; made, with one table */
};

static void ready(int code, const struct err *e)
{
    if (code < 0) {
        print_error("%s\n", e->text);
    }
    assert_true(code >= 0);
}

static struct database *open_as(struct fixture *f, enum database_use use)
{
    struct database *db = NULL;
    struct err e = {0};
    ready(database_open(f->path, use, DATABASE_EXISTING, &db, &e), &e);
    return db;
}

static void run(struct database *db, const char *sql)
{
    struct err e = {0};
    ready(database_run(db, sql, &e), &e);
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
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    run(f->db, "PRAGMA application_id = 0x53616e67;"
               "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v ANY) STRICT;"
               "CREATE TABLE fired(k TEXT) STRICT;"
               "CREATE TRIGGER t_fires AFTER INSERT ON t"
               " BEGIN INSERT INTO fired VALUES(NEW.k); END");
    (void)database_schema(f->db, DATABASE_SCHEMA_FIXED);
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

static int64_t number(struct database *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    struct err e = {0};
    ready(database_statement(db, sql, &stmt, &e), &e);
    assert_int_equal(database_step(db, stmt, &e), 1);
    int64_t n = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return n;
}

/* ---- opening -------------------------------------------------------------- */

static void what_is_created_is_there_and_not_made_twice(void **state)
{
    struct fixture *f = *state;
    struct database *db = NULL;
    struct err e = {0};
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0007, 0);
    assert_int_equal(
        database_open(f->path, DATABASE_NODE, DATABASE_CREATE, &db, &e),
        ERR_IO);
    assert_non_null(strstr(e.text, "File exists"));
    assert_null(db);
    assert_int_equal(number(f->db, "SELECT count(*) FROM t"), 0);
}

/* What a power cut leaves of one that was being made. */
static void what_was_never_committed_to_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct database *db = NULL;
    struct err e = {0};
    char *path = scratch_file(f->folder, "empty.db", "");
    assert_false(database_is_made(path));
    ready(database_open(path, DATABASE_NODE, DATABASE_CREATE, &db, &e), &e);
    database_close(&db);
    assert_false(database_is_made(path)); /* a page, and nothing in it */
    ready(database_open(path, DATABASE_NODE, DATABASE_CREATE, &db, &e), &e);
    (void)database_schema(db, DATABASE_SCHEMA_OPEN);
    run(db, "CREATE TABLE t(k TEXT)");
    database_close(&db);
    assert_true(database_is_made(path));
    free(path);
    path = scratch_file(f->folder, "text.db", "a text that somebody wrote");
    assert_true(database_is_made(path));
    free(path);
    path = scratch_path(f->folder, "nothing.db");
    assert_false(database_is_made(path));
    free(path);
}

static void what_is_not_there_is_not_made(void **state)
{
    struct fixture *f = *state;
    struct database *db = NULL;
    struct err e = {0};
    char *path = scratch_path(f->folder, "nothing.db");
    struct stat info;
    assert_int_equal(
        database_open(path, DATABASE_NODE, DATABASE_EXISTING, &db, &e), ERR_IO);
    assert_int_not_equal(stat(path, &info), 0);
    free(path);
}

static void another_programs_database_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    struct database *db = NULL;
    struct err e = {0};
    sqlite3 *other = NULL;
    char *path = scratch_path(f->folder, "other.db");
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE x(y)", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    char *before = scratch_read(path);
    assert_int_equal(
        database_open(path, DATABASE_NODE, DATABASE_EXISTING, &db, &e),
        ERR_INPUT);
    assert_non_null(strstr(e.text, "is not a sangam replica"));
    char *after = scratch_read(path);
    assert_memory_equal(before, after, 4096);
    free(before);
    free(after);
    free(path);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct database *db = NULL;
    struct err e = {0};
    char text[1024];
    memset(text, 'x', sizeof text);
    char *path = scratch_bytes(f->folder, "letter.txt", text, sizeof text);
    assert_int_equal(
        database_open(path, DATABASE_NODE, DATABASE_EXISTING, &db, &e),
        ERR_INPUT);
    assert_non_null(strstr(e.text, "no SQLite database"));
    free(path);
}

static void a_connection_has_the_settings_we_rely_on(void **state)
{
    static const struct {
        const char *sql;
        int64_t answer;
    } wanted[] = {
        {"PRAGMA foreign_keys", 0},
        {"PRAGMA synchronous", 2},
        {"PRAGMA cell_size_check", 1},
        {"PRAGMA trusted_schema", 0},
        {"PRAGMA cache_size", -16384},
        {"PRAGMA temp_store", 1},
        {"PRAGMA recursive_triggers", 0},
        {"PRAGMA wal_autocheckpoint", 0},
        {"PRAGMA mmap_size", 0},
        {"PRAGMA journal_size_limit", 16 * 1024 * 1024},
    };
    static const enum database_use uses[] = {DATABASE_NODE, DATABASE_TOOL};
    struct fixture *f = *state;
    database_close(&f->db);
    for (size_t u = 0; u < 2; u++) {
        struct database *db = open_as(f, uses[u]);
        (void)sqlite3_set_authorizer(database_handle(db), NULL, NULL);
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            assert_int_equal(number(db, wanted[i].sql), wanted[i].answer);
        }
        database_close(&db);
    }
}

static void triggers_fire_for_a_tool_and_not_for_the_node(void **state)
{
    struct fixture *f = *state;
    struct database *tool = open_as(f, DATABASE_TOOL);
    run(f->db, "INSERT INTO t VALUES('node', 1)");
    assert_int_equal(number(f->db, "SELECT count(*) FROM fired"), 0);
    run(tool, "INSERT INTO t VALUES('tool', 1)");
    assert_int_equal(number(f->db, "SELECT count(*) FROM fired"), 1);
    database_close(&tool);
}

static void a_reader_reads_and_does_not_write(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    run(f->db, "INSERT INTO t VALUES('a', 1)");
    struct database *reader = open_as(f, DATABASE_READER);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1);
    assert_int_equal(database_run(reader, "DELETE FROM t", &e), ERR_IO);
    database_close(&reader);
}

/* ---- what may be asked ---------------------------------------------------- */

static void nothing_is_defined_attached_or_set(void **state)
{
    static const char *const denied[] = {
        "CREATE TABLE x(y)",
        "CREATE TEMP TABLE x(y)",
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIEW x AS SELECT 1",
        "CREATE INDEX x ON t(v)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "DROP TABLE t",
        "DROP TRIGGER t_fires",
        "ALTER TABLE t ADD COLUMN w",
        "ATTACH ':memory:' AS x",
        "PRAGMA synchronous = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 9",
        "PRAGMA application_id = 9",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "SELECT load_extension('x')",
    };
    struct fixture *f = *state;
    struct err e = {0};
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        if (database_run(f->db, denied[i], &e) >= 0) {
            fail_msg("allowed: %s", denied[i]);
        }
    }
    run(f->db, "PRAGMA user_version; PRAGMA table_xinfo(t);"
               "PRAGMA integrity_check");
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    for (size_t i = 9; i <= 10; i++) {
        assert_true(database_run(f->db, denied[i], &e) < 0);
    }
    run(f->db, "CREATE TABLE x(y); DROP TABLE x; PRAGMA user_version = 9");
    assert_int_equal(database_schema(f->db, DATABASE_SCHEMA_FIXED),
                     DATABASE_SCHEMA_OPEN);
    assert_true(database_run(f->db, "CREATE TABLE x(y)", &e) < 0);
}

/* ---- transactions --------------------------------------------------------- */

static void a_write_transaction_that_finds_a_writer_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct database *tool = open_as(f, DATABASE_TOOL);
    struct err e = {0};
    (void)sqlite3_busy_timeout(database_handle(f->db), 1);
    ready(database_begin(tool, &e), &e);
    run(tool, "INSERT INTO t VALUES('a', 1)");
    assert_int_equal(database_begin(f->db, &e), ERR_BUSY);
    assert_int_equal(number(f->db, "SELECT count(*) FROM t"), 0);
    database_rollback(f->db);
    ready(database_commit(tool, &e), &e);
    ready(database_begin(f->db, &e), &e);
    run(f->db, "DELETE FROM t");
    database_rollback(f->db);
    database_rollback(f->db);
    assert_int_equal(number(f->db, "SELECT count(*) FROM t"), 1);
    database_close(&tool);
}

/* A program that writes without a pause to speak of. */
struct busy_program {
    const char *path;
    atomic_bool ending;
    atomic_int transactions;
};

static void *write_without_end(void *context)
{
    struct busy_program *p = context;
    sqlite3 *db = NULL;
    bool works = sqlite3_open(p->path, &db) == SQLITE_OK;
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    while (works && !atomic_load(&p->ending)) {
        works = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == 0;
        (void)sqlite3_sleep(30);
        works = works && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == 0;
        (void)sqlite3_sleep(3);
        (void)atomic_fetch_add(&p->transactions, 1);
    }
    (void)sqlite3_close(db);
    return works ? p : NULL;
}

/* SQLite's own handler needs about ten of the program's transactions. */
static void a_program_that_writes_without_a_pause_is_not_waited_for_long(
    void **state)
{
    enum { ROUNDS = 10, WAITED_MAX = 4 * ROUNDS };
    struct fixture *f = *state;
    struct busy_program p = {.path = f->path};
    struct err e = {0};
    pthread_t thread;
    void *worked = NULL;
    int waited = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_without_end, &p), 0);
    for (int i = 0; i < ROUNDS; i++) {
        (void)sqlite3_sleep(40);
        int before = atomic_load(&p.transactions);
        ready(database_begin(f->db, &e), &e);
        waited += atomic_load(&p.transactions) - before;
        database_rollback(f->db);
    }
    atomic_store(&p.ending, true);
    assert_int_equal(pthread_join(thread, &worked), 0);
    assert_ptr_equal(worked, &p);
    assert_true(waited <= WAITED_MAX);
}

static void a_read_transaction_sees_what_was_there_when_it_began(void **state)
{
    struct fixture *f = *state;
    struct database *reader = open_as(f, DATABASE_READER);
    struct err e = {0};
    ready(database_begin_read(reader, &e), &e);
    run(f->db, "INSERT INTO t VALUES('a', 1)");
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 0);
    ready(database_commit(reader, &e), &e);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1);
    database_close(&reader);
}

/* A statement left in the middle would hold what it sees. */
static void after_a_rollback_the_newest_is_read(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    run(f->db, "INSERT INTO t VALUES('a', 1), ('b', 2)");
    ready(database_begin(f->db, &e), &e);
    ready(database_statement(f->db, "SELECT k FROM t", &stmt, &e), &e);
    assert_int_equal(database_step(f->db, stmt, &e), 1);
    database_rollback(f->db);
    struct database *tool = open_as(f, DATABASE_TOOL);
    run(tool, "INSERT INTO t VALUES('c', 3)");
    assert_int_equal(number(f->db, "SELECT count(*) FROM t"), 3);
    database_close(&tool);
}

static void another_programs_commit_changes_the_data_version(void **state)
{
    struct fixture *f = *state;
    struct database *tool = open_as(f, DATABASE_TOOL);
    struct err e = {0};
    uint32_t before = 0;
    uint32_t after = 0;
    ready(database_data_version(f->db, &before, &e), &e);
    run(f->db, "INSERT INTO t VALUES('own', 1)");
    ready(database_data_version(f->db, &after, &e), &e);
    assert_int_equal(before, after);
    run(tool, "INSERT INTO t VALUES('other', 1)");
    ready(database_data_version(f->db, &after, &e), &e);
    assert_int_not_equal(before, after);
    database_close(&tool);
}

static off_t wal_bytes(const struct fixture *f)
{
    char path[512];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s-wal", f->path);
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void a_long_wal_is_checkpointed_and_a_short_one_left(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    bool busy = true;
    run(f->db, "INSERT INTO t VALUES('a', 1)");
    off_t before = wal_bytes(f);
    ready(database_checkpoint(f->db, &busy, &e), &e);
    assert_false(busy);
    assert_int_equal(wal_bytes(f), before);
    run(f->db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
               " WHERE i < 500) INSERT INTO t SELECT 'k' || i,"
               " zeroblob(4000) FROM n");
    struct database *reader = open_as(f, DATABASE_READER);
    ready(database_begin_read(reader, &e), &e);
    ready(database_checkpoint(f->db, &busy, &e), &e);
    assert_true(busy);
    database_close(&reader);
    ready(database_checkpoint(f->db, &busy, &e), &e);
    assert_false(busy);
    assert_int_equal(wal_bytes(f), 0);
}

/* ---- statements ----------------------------------------------------------- */

static void a_statement_is_prepared_once(void **state)
{
    static const char text[] = "SELECT :v";
    struct fixture *f = *state;
    char same[] = "SELECT :v";
    struct err e = {0};
    sqlite3_stmt *a = NULL;
    sqlite3_stmt *b = NULL;
    const struct value seven = value_integer(7);
    ready(database_statement(f->db, text, &a, &e), &e);
    database_bind(a, ":v", &seven);
    assert_int_equal(database_step(f->db, a, &e), 1);
    ready(database_statement(f->db, same, &b, &e), &e);
    assert_ptr_equal(a, b);
    /* and comes back empty */
    assert_int_equal(database_step(f->db, b, &e), 1);
    assert_int_equal(database_column(b, 0).type, VALUE_NULL);
    assert_int_equal(database_step(f->db, b, &e), 0);
}

static void a_text_written_anew_at_one_address_is_another(void **state)
{
    struct fixture *f = *state;
    char text[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof text, "SELECT %d", i % 10);
        assert_int_equal(number(f->db, text), i % 10);
    }
}

static void a_statement_in_use_outlives_a_flood_of_others(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char text[64];
    sqlite3_stmt *held = NULL;
    run(f->db, "INSERT INTO t VALUES('a', 1), ('b', 2)");
    ready(database_statement(f->db, "SELECT v FROM t ORDER BY k", &held, &e),
          &e);
    assert_int_equal(database_step(f->db, held, &e), 1);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "SELECT %d + 1", i);
        assert_int_equal(number(f->db, text), i + 1);
    }
    assert_int_equal(database_step(f->db, held, &e), 1);
    assert_int_equal(sqlite3_column_int(held, 0), 2);
    assert_int_equal(database_step(f->db, held, &e), 0);
    int statements = 0;
    for (sqlite3_stmt *s = NULL;
         (s = sqlite3_next_stmt(database_handle(f->db), s)) != NULL;) {
        statements++;
    }
    assert_int_equal(statements, 512);
}

static void a_statement_that_does_not_prepare_is_our_mistake(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(database_statement(f->db, "SELECT \"typo\"", &stmt, &e),
                     ERR_CORRUPT);
    assert_string_equal(e.text, "no such column: typo: in: SELECT \"typo\"");
    assert_null(stmt);
}

static void values_come_back_as_they_went_in(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    const struct value values[] = {
        {.type = VALUE_NULL},
        value_integer(INT64_MIN),
        {.type = VALUE_REAL, .real = 0.1},
        value_text("\xe0\xa8\xaa"),
        value_text(""),
        {.type = VALUE_TEXT, .bytes = {(const uint8_t *)"a\0b", 3}},
        value_blob("\0\xff", 2),
        {.type = VALUE_BLOB},
        {.type = VALUE_TEXT},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ready(database_statement(f->db, "SELECT ?1", &stmt, &e), &e);
        database_bind_at(stmt, 1, &values[i]);
        assert_int_equal(database_step(f->db, stmt, &e), 1);
        struct value back = database_column(stmt, 0);
        assert_true(value_equal(&back, &values[i]));
        assert_int_equal(database_step(f->db, stmt, &e), 0);
    }
}

static void what_sqlite_refuses_has_our_codes(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    run(f->db, "INSERT INTO t VALUES('a', 1)");
    assert_int_equal(database_run(f->db, "INSERT INTO t VALUES('a', 1)", &e),
                     ERR_INPUT);
    assert_string_equal(e.text, "SQLite: UNIQUE constraint failed: t.k");
    assert_int_equal(database_run(f->db,
                                  "INSERT INTO t VALUES('b',"
                                  " zeroblob(2000000))",
                                  &e),
                     ERR_LIMIT);
    sqlite3_set_authorizer(database_handle(f->db), NULL, NULL);
    run(f->db, "PRAGMA max_page_count = 20");
    assert_int_equal(database_run(f->db,
                                  "INSERT INTO t VALUES('b',"
                                  " zeroblob(200000))",
                                  &e),
                     ERR_FULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_created_is_there_and_not_made_twice),
        TEST(what_was_never_committed_to_is_made_again),
        TEST(what_is_not_there_is_not_made),
        TEST(another_programs_database_is_refused_untouched),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_connection_has_the_settings_we_rely_on),
        TEST(triggers_fire_for_a_tool_and_not_for_the_node),
        TEST(a_reader_reads_and_does_not_write),
        TEST(nothing_is_defined_attached_or_set),
        TEST(a_write_transaction_that_finds_a_writer_fails_alone),
        TEST(a_program_that_writes_without_a_pause_is_not_waited_for_long),
        TEST(a_read_transaction_sees_what_was_there_when_it_began),
        TEST(after_a_rollback_the_newest_is_read),
        TEST(another_programs_commit_changes_the_data_version),
        TEST(a_long_wal_is_checkpointed_and_a_short_one_left),
        TEST(a_statement_is_prepared_once),
        TEST(a_text_written_anew_at_one_address_is_another),
        TEST(a_statement_in_use_outlives_a_flood_of_others),
        TEST(a_statement_that_does_not_prepare_is_our_mistake),
        TEST(values_come_back_as_they_went_in),
        TEST(what_sqlite_refuses_has_our_codes),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
