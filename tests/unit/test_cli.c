/* SPDX-License-Identifier: Apache-2.0 */

/* The program as people call it: SANGAM_BINARY is run, and what it says and
 * how it exits is compared. */
#include "node/cli.h"

#include "support/scratch.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *folder; /* is the home too */

static int set_up(void **state)
{
    (void)state;
    folder = scratch_folder();
    (void)setenv("SANGAM_HOME", folder, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(&folder);
    return 0;
}

/* --- running -------------------------------------------------------------- */

enum { ARGUMENTS_MAX = 12 };

struct run {
    int code;
    char *out;
    char *err;
};

/* Runs the program with these arguments, up to NULL. */
static struct run run(const char *first, ...)
{
    char *argv[ARGUMENTS_MAX + 2] = {NULL};
    size_t count = 0;
    pid_t pid = 0;
    int status = 0;
    char *out = scratch_path(folder, "out");
    char *err = scratch_path(folder, "err");
    posix_spawn_file_actions_t actions;
    va_list list;

    argv[count++] = getenv("SANGAM_BINARY");
    if (argv[0] == NULL) {
        skip();
        abort(); /* skip() does not come back */
    }
    va_start(list, first);
    for (const char *a = first; a != NULL; a = va_arg(list, const char *)) {
        assert_true(count <= ARGUMENTS_MAX);
        argv[count] = strdup(a);
        assert_non_null(argv[count++]);
    }
    va_end(list);

    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(
                         &actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                     0);
    assert_int_equal(posix_spawn_file_actions_addopen(
                         &actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                     0);
    assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ),
                     0);
    (void)posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    for (size_t i = 1; i < count; i++) {
        free(argv[i]);
    }
    struct run r = {
        .code = WEXITSTATUS(status),
        .out = scratch_read(out),
        .err = scratch_read(err),
    };
    free(out);
    free(err);
    return r;
}

/* The exit code, and parts of what was said on either side; NULL: nothing. */
static void said(struct run r, int code, const char *out, const char *err)
{
    const struct {
        const char *text;
        const char *part;
    } sides[] = {{r.out, out}, {r.err, err}};

    for (size_t i = 0; i < 2; i++) {
        bool as_said = sides[i].part == NULL
                           ? sides[i].text[0] == '\0'
                           : strstr(sides[i].text, sides[i].part) != NULL;
        if (!as_said) {
            fail_msg("'%s' instead of '%s'", sides[i].text,
                     sides[i].part != NULL ? sides[i].part : "");
        }
    }
    assert_int_equal(r.code, code);
    free(r.out);
    free(r.err);
}

/* --- usage ---------------------------------------------------------------- */

static void the_version_is_one_line(void **state)
{
    (void)state;
    said(run("--version", NULL), CLI_DONE, "sangam 0.", NULL);
}

static void help_names_every_command(void **state)
{
    (void)state;
    said(run("--help", NULL), CLI_DONE, "usage: sangam [-C HOME] COMMAND",
         NULL);
    said(run("--help", NULL), CLI_DONE, "  rebuild   compute", NULL);
}

static void help_of_a_command_comes_from_its_arguments(void **state)
{
    (void)state;
    said(run("import", "--help", NULL), CLI_DONE,
         "usage: sangam [-C HOME] import TABLE FILE.csv [--map FILE.map] "
         "[--dry-run] [--keep-good] [--duplicates]\n",
         NULL);
    said(run("why", "--help", NULL), CLI_DONE, "why TABLE KEY [KEY2]", NULL);
}

static void an_error_of_usage_is_specific(void **state)
{
    (void)state;
    said(run(NULL), CLI_USAGE, NULL, "sangam: which command? One of: init, ");
    said(run("statsu", NULL), CLI_USAGE, NULL,
         "sangam: unknown command 'statsu'; known: init, invite, join, run, "
         "status");
    said(run("--home", "x", NULL), CLI_USAGE, NULL,
         "sangam: unknown option '--home' before the command");
    said(run("-C", NULL), CLI_USAGE, NULL, "sangam: -C needs a value: HOME");
    said(run("status", "--jsno", NULL), CLI_USAGE, NULL,
         "sangam status: unknown option '--jsno' (see sangam status --help)\n");
    said(run("status", "-x", NULL), CLI_USAGE, NULL,
         "sangam status: unknown option '-x'");
    said(run("status", "--json=yes", NULL), CLI_USAGE, NULL,
         "sangam status: --json takes no value");
    said(run("status", "-C", "x", NULL), CLI_USAGE, NULL,
         "sangam status: -C HOME goes before the command");
    said(run("status", "x", NULL), CLI_USAGE, NULL,
         "sangam status: 'x' is one argument too many");
    said(run("import", NULL), CLI_USAGE, NULL,
         "sangam import: TABLE is missing");
    said(run("import", "person", NULL), CLI_USAGE, NULL,
         "sangam import: FILE.csv is missing");
}

/* Anybody can check a card, on any machine. */
static void a_number_is_checked_without_a_home(void **state)
{
    (void)state;
    said(run("-C", "/nonexistent/home", "number", "--check", "0tm 6ds 2vx",
             NULL),
         CLI_DONE, "0TM-6DS-2VX is well formed\n", NULL);
    said(run("number", "--check", "OTM6DS2VX", "--json", NULL), CLI_DONE,
         "\"0TM-6DS-2VX\"", NULL);
    said(run("number", "--check", "0TM-6DS-V2X", NULL), CLI_FAILED, NULL,
         "sangam number: 0TM-6DS-V2X is mistyped");
    said(run("number", "--check", "1", "--count", "2", NULL), CLI_USAGE, NULL,
         "exclude each other");
    said(run("-C", "/nonexistent/home", "number", NULL), CLI_CONFIG, NULL,
         "/nonexistent/home");
}

static void a_node_without_a_number_says_where_it_comes_from(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    said(run("number", NULL), CLI_FAILED, NULL,
         "this node has no number of its own yet");
    said(run("number", "--count", "0", NULL), CLI_FAILED, NULL,
         "'0' is no count of numbers from 1 to 200");
    free(replica);
}

static void a_missing_home_is_a_configuration_error(void **state)
{
    (void)state;
    said(run("-C", "/nonexistent/home", "status", NULL), CLI_CONFIG, NULL,
         "sangam status: /nonexistent/home/replica.db: ");
    said(run("import", "person", "f.csv", NULL), CLI_CONFIG, NULL,
         "make a node with 'sangam init' or 'sangam join'");
}

/* --- status --------------------------------------------------------------- */

static void status_says_what_needs_someone_and_exits_1(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    scratch_run(replica, "INSERT INTO person(beneficiary_no) VALUES ('A')");
    said(run("status", NULL), CLI_FAILED,
         "! node      not running: nothing is signed or sent; start it", NULL);
    said(run("status", NULL), CLI_FAILED,
         "  writes    1 write not signed yet, the first of ", NULL);
    free(replica);
}

static void status_is_json_for_programs(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    free(scratch_file(folder, "sangam.conf", "[node]\nlog_level = debug\n"));
    struct run r = run("status", "--json", NULL);
    cJSON *json = cJSON_Parse(r.out);
    assert_non_null(json);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "site")),
                        "PB-LDH-C01");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "running")));
    assert_true(cJSON_IsNull(
        cJSON_GetObjectItem(cJSON_GetObjectItem(json, "parent"), "heard_at")));
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetObjectItem(
            cJSON_GetObjectItem(json, "configuration"), "log_level")),
        "debug");
    cJSON_Delete(json);
    said(r, CLI_FAILED, "\"well\":", NULL);
    free(replica);
}

static void status_names_the_line_of_a_configuration_error(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    free(scratch_file(folder, "sangam.conf", "[node]\n\ncolour = red\n"));
    said(run("status", NULL), CLI_FAILED, "sangam.conf:3: unknown key 'colour'",
         NULL);
    free(replica);
}

/* Past the guards. */
static void run_as_node(const char *replica, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(replica, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_replica_of_a_newer_program_is_a_configuration_error(void **state)
{
    static const char *const commands[] = {"run", "verify", "rebuild"};
    (void)state;
    char *replica = scratch_path(folder, "replica.db");
    said(run("init", "--site", "PB-HQ", "--address", "tcp://127.0.0.1:1", NULL),
         CLI_DONE, "is the root of a new network", NULL);
    run_as_node(replica, "PRAGMA user_version = 9999");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        said(run(commands[i], NULL), CLI_CONFIG, NULL,
             "the replica has schema 9999, this program knows up to ");
    }
    said(run("status", NULL), CLI_FAILED,
         "! schema    the replica has 9999 and this program ", NULL);
    assert_int_equal(scratch_number(replica, "PRAGMA user_version"), 9999);
    free(replica);
}

static void status_counts_what_is_newer(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    run_as_node(replica,
                "INSERT INTO sync_newer VALUES(1, 2), (5, 1);"
                "INSERT INTO sync_verdict VALUES"
                "(1, 0, 20, x'00', 'waiting', -6, 'it is newer'),"
                "(2, 0, 20, x'00', 'waiting', -7, 'the insert is not held')");
    said(run("status", NULL), CLI_FAILED,
         "  newer     3 changes of a newer sangam are kept and passed on",
         NULL);
    said(run("status", NULL), CLI_FAILED,
         "  waiting   1 change waits for something that has not come yet (the "
         "insert is not held)",
         NULL);
    free(replica);
}

/* --- import --------------------------------------------------------------- */

static void import_says_how_many_rows_and_under_which_name(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    char *file = scratch_file(folder, "f.csv", "beneficiary_no\nA\nB\n");
    said(run("import", "person", file, "--dry-run", NULL), CLI_DONE,
         "nothing was (--dry-run)", NULL);
    assert_int_equal(scratch_number(replica, "SELECT count(*) FROM person"), 0);
    said(run("import", "person", file, NULL), CLI_DONE,
         "person: 2 rows imported from ", NULL);
    assert_int_equal(scratch_number(replica, "SELECT count(*) FROM person"), 2);
    said(run("import", "person", file, NULL), CLI_DONE,
         "is new\n2 rows were already there\n", NULL);
    free(file);
    free(replica);
}

static void import_by_a_mapping_says_what_it_could_not_compare(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    char *map = scratch_file(folder, "f.map",
                             "[register]\ntable = person\nname = r\n"
                             "[beneficiary_no]\nfrom = No\n"
                             "[given_name]\nfrom = Name\n"
                             "[parent_name]\nfrom = Father\n"
                             "[birth_year]\nfrom = Born\n"
                             "[sex]\nvalue = male\n");
    char *file = scratch_file(folder, "f.csv",
                              "No,Name,Father,Born\n1,Misal,Aarzi,1980\n");
    said(run("import", "person", file, "--map", map, NULL), CLI_DONE,
         "person: 1 row imported from ",
         "people were compared with those held here, and not by match token "
         "with others of the district: no match tokens are made here");
    char *twice = scratch_file(folder, "g.csv",
                               "No,Name,Father,Born\n2,Missal,Arzi,1980\n");
    said(run("import", "person", twice, "--map", map, NULL), CLI_FAILED, NULL,
         "g.csv:2: has the name, parent, birth year and sex of ");
    said(run("import", "person", twice, "--map", map, "--duplicates", NULL),
         CLI_DONE, "1 of them may be known already",
         "g.csv:2: has the name, parent, birth year and sex of ");
    said(run("import", "person", file, "--map", "/nonexistent.map", NULL),
         CLI_FAILED, NULL,
         "sangam import: /nonexistent.map: No such file or directory\n");
    free(twice);
    free(map);
    free(file);
    free(replica);
}

static void import_of_a_bad_file_exits_1_and_names_the_fault(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    char *file = scratch_file(folder, "f.csv",
                              "beneficiary_no,birth_date\nA,1990-13-01\nB,\n");
    said(run("import", "person", file, NULL), CLI_FAILED, NULL,
         "f.csv:2:2 birth_date: '1990-13-01' is not a day (YYYY-MM-DD)\n"
         "sangam import: 1 of 2 rows bad; nothing was imported (--keep-good "
         "imports the others)\n");
    assert_int_equal(scratch_number(replica, "SELECT count(*) FROM person"), 0);
    said(run("import", "person", file, "--keep-good", NULL), CLI_FAILED,
         "person: 1 row imported from",
         "1 of 2 rows bad; the others were imported\n");
    assert_int_equal(scratch_number(replica, "SELECT count(*) FROM person"), 1);
    free(file);
    free(replica);
}

static void import_of_a_bad_header_or_no_file_exits_1(void **state)
{
    (void)state;
    char *replica = scratch_replica_of_clinic(folder);
    char *file = scratch_file(folder, "f.csv", "beneficiary_no,colour\n");
    said(run("import", "person", file, NULL), CLI_FAILED, NULL,
         "f.csv:1:2: 'colour' is no column of person\n");
    said(run("import", "person", "/nonexistent.csv", NULL), CLI_FAILED, NULL,
         "sangam import: /nonexistent.csv: No such file or directory\n");
    said(run("import", "persons", file, NULL), CLI_FAILED, NULL,
         "'persons' is not a table for registers; those are ref_site, ");
    free(file);
    free(replica);
}

static void import_stops_at_twenty_faults_and_counts_the_rest(void **state)
{
    char text[1024] = "beneficiary_no,birth_year\n";
    size_t used = strlen(text);
    (void)state;
    for (int i = 0; i < 25; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "A,x\n");
    }
    char *replica = scratch_replica_of_clinic(folder);
    char *file = scratch_file(folder, "f.csv", text);
    said(run("import", "person", file, NULL), CLI_FAILED, NULL,
         "... and 5 more\nsangam import: 25 of 25 rows bad; nothing was "
         "imported\n");
    free(file);
    free(replica);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_version_is_one_line),
        test(help_names_every_command),
        test(help_of_a_command_comes_from_its_arguments),
        test(an_error_of_usage_is_specific),
        test(a_number_is_checked_without_a_home),
        test(a_node_without_a_number_says_where_it_comes_from),
        test(a_missing_home_is_a_configuration_error),
        test(status_says_what_needs_someone_and_exits_1),
        test(status_is_json_for_programs),
        test(status_names_the_line_of_a_configuration_error),
        test(a_replica_of_a_newer_program_is_a_configuration_error),
        test(status_counts_what_is_newer),
        test(import_says_how_many_rows_and_under_which_name),
        test(import_by_a_mapping_says_what_it_could_not_compare),
        test(import_of_a_bad_file_exits_1_and_names_the_fault),
        test(import_of_a_bad_header_or_no_file_exits_1),
        test(import_stops_at_twenty_faults_and_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
