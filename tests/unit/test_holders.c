/* SPDX-License-Identifier: Apache-2.0 */
#include "node/holders.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Another program at work: it runs the SQL, says so, and keeps what it holds
 * until it is killed. */
struct program {
    pid_t pid;
};

static int keep(void *context, int columns, char **values, char **names)
{
    int said = *(int *)context;
    (void)columns;
    (void)values;
    (void)names;
    if (write(said, "x", 1) == 1) {
        (void)pause(); /* in the middle of a SELECT */
    }
    return 1;
}

static void run_program(const char *replica, const char *sql, int said)
{
    sqlite3 *db = NULL;
    (void)prctl(PR_SET_NAME, "long report");
    (void)alarm(60);
    if (sqlite3_open(replica, &db) == SQLITE_OK) {
        (void)sqlite3_exec(db, sql, keep, &said, NULL);
    }
    _exit(1);
}

/* Forks: no connection may be open in this process. */
static struct program start(const char *replica, const char *sql)
{
    int pipes[2];
    char byte;
    assert_int_equal(pipe(pipes), 0);
    struct program p = {.pid = fork()};
    assert_true(p.pid >= 0);
    if (p.pid == 0) {
        run_program(replica, sql, pipes[1]);
    }
    (void)close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    (void)close(pipes[0]);
    return p;
}

static void end(struct program *p)
{
    int status;
    assert_int_equal(kill(p->pid, SIGKILL), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
}

struct fixture {
    char *folder;
    char *replica;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->folder = scratch_folder();
    f->replica = scratch_replica_of_root(f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scratch_remove(&f->folder);
    free(f->replica);
    free(f);
    return 0;
}

static void who_holds_a_snapshot_is_named(void **state)
{
    struct fixture *f = *state;
    struct holders h;
    char wanted[HOLDERS_TEXT_BYTES];
    char text[HOLDERS_TEXT_BYTES];
    struct program p = start(f->replica, "SELECT * FROM sync_table");
    holders_find(f->replica, HOLDERS_SNAPSHOT, 0, &h);
    assert_int_equal(h.source, HOLDERS_LOCKS);
    assert_int_equal(h.count, 1);
    (void)snprintf(wanted, sizeof wanted, "process %d (long report) holds",
                   (int)p.pid);
    assert_string_equal(holders_say(&h, text), wanted);
    holders_find(f->replica, HOLDERS_WRITE, 0, &h);
    assert_int_equal(h.count, 0);
    assert_string_equal(holders_say(&h, text), "nobody now holds");
    holders_find(f->replica, HOLDERS_SNAPSHOT, p.pid, &h);
    assert_int_equal(h.count, 0);
    end(&p);
}

static void who_holds_the_write_lock_is_named(void **state)
{
    struct fixture *f = *state;
    struct holders h;
    struct program p =
        start(f->replica, "BEGIN IMMEDIATE; SELECT * FROM sync_table");
    holders_find(f->replica, HOLDERS_WRITE, 0, &h);
    assert_int_equal(h.source, HOLDERS_LOCKS);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.items[0].pid, p.pid);
    end(&p);
}

static void several_are_named_each_once(void **state)
{
    enum { PROGRAMS = HOLDERS_MAX + 2 };
    struct fixture *f = *state;
    struct program programs[PROGRAMS];
    struct holders h;
    char text[HOLDERS_TEXT_BYTES];
    for (int i = 0; i < PROGRAMS; i++) {
        programs[i] = start(f->replica, "SELECT * FROM sync_table");
    }
    holders_find(f->replica, HOLDERS_SNAPSHOT, 0, &h);
    assert_int_equal(h.count, PROGRAMS);
    assert_non_null(strstr(holders_say(&h, text), "(long report) and 2 more"));
    for (int i = 0; i < PROGRAMS; i++) {
        end(&programs[i]);
    }
}

/* As where the kernel does not list them: here because the file was made anew
 * under its name. The log still shows who has it open. */
static void where_locks_are_not_listed_the_open_file_tells(void **state)
{
    struct fixture *f = *state;
    struct holders h;
    char wanted[HOLDERS_TEXT_BYTES];
    char text[HOLDERS_TEXT_BYTES];
    struct program p = start(f->replica, "SELECT * FROM sync_table");
    char *shm = scratch_path(f->folder, "replica.db-shm");
    assert_int_equal(unlink(shm), 0);
    free(shm);
    free(scratch_file(f->folder, "replica.db-shm", ""));
    holders_find(f->replica, HOLDERS_SNAPSHOT, 0, &h);
    assert_int_equal(h.source, HOLDERS_FILES);
    (void)snprintf(wanted, sizeof wanted,
                   "process %d (long report) or another that has the file "
                   "open holds",
                   (int)p.pid);
    assert_string_equal(holders_say(&h, text), wanted);
    end(&p);
}

static void what_cannot_be_seen_is_said_to_be_unknown(void **state)
{
    struct fixture *f = *state;
    struct holders h;
    char text[HOLDERS_TEXT_BYTES];
    holders_find(f->replica, HOLDERS_SNAPSHOT, 0, &h);
    assert_int_equal(h.source, HOLDERS_UNKNOWN);
    assert_string_equal(holders_say(&h, text),
                        "a program that cannot be seen from here holds");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_holds_a_snapshot_is_named),
        TEST(who_holds_the_write_lock_is_named),
        TEST(several_are_named_each_once),
        TEST(where_locks_are_not_listed_the_open_file_tells),
        TEST(what_cannot_be_seen_is_said_to_be_unknown),
    };
    return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
