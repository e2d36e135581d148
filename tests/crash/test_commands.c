/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite refuses any one call that a command makes of it: the command says so
 * in words and with its exit code, and the file is as it was before; asked
 * again, it does what it was asked for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/acts.h"
#include "crash/calls.h"
#include "node/cli.h"
#include "node/conf.h"
#include "node/file.h"
#include "node/home.h"
#include "support/scratch.h"

enum { HQ, HUB, CLINIC, PRISON, WORDS_MAX = 16, LINE_BYTES = 400 };

struct command {
    int node;
    const char *line;
    const char *last; /* a query that gives the last argument, or NULL */
    const char *done; /* words of a failure by when something was done; "": it
                         signs what waits first */
    int exits;        /* when nothing fails; 1 also says "look" or "no" */
};

#define ALERT "SELECT min(breach_id) FROM v_breach"
#define PARKED "SELECT min(parked_id) FROM sync_parked"

static const struct command commands[] = {
    {HUB, "status", NULL, NULL, CLI_FAILED},
    {HUB, "status --json", NULL, NULL, CLI_FAILED},
    {HQ, "status", NULL, NULL, CLI_FAILED},
    {HUB, "verify --json", NULL, NULL, CLI_DONE},
    {HUB, "why person p1", NULL, NULL, CLI_DONE},
    {HUB, "why person p1 --json", NULL, NULL, CLI_DONE},
    {CLINIC, "parked", NULL, NULL, CLI_DONE},
    {CLINIC, "parked --json", NULL, NULL, CLI_DONE},
    {CLINIC, "parked dismiss", PARKED, NULL, CLI_DONE},
    {HUB, "reviews", NULL, NULL, CLI_DONE},
    {HUB, "reviews --json", NULL, NULL, CLI_DONE},
    {HUB, "reviews show person p1 birth_year", NULL, NULL, CLI_DONE},
    {HUB, "reviews show person p1 birth_year --json", NULL, NULL, CLI_DONE},
    {HUB, "reviews settle person p1 birth_year 1", NULL, NULL, CLI_DONE},
    {HUB, "alerts", NULL, NULL, CLI_DONE},
    {HUB, "alerts list --all --json", NULL, NULL, CLI_DONE},
    {HUB, "alerts show", ALERT, NULL, CLI_DONE},
    {HUB, "alerts show --json", ALERT, NULL, CLI_DONE},
    {HUB, "alerts ack --by me --note seen", ALERT, NULL, CLI_DONE},
    {HUB, "alerts resolve --by me --note done", ALERT, NULL, CLI_DONE},
    {HUB, "dose-check p1", NULL, NULL, CLI_FAILED},
    {HUB, "dose-check p1 --json", NULL, NULL, CLI_FAILED},
    {HUB, "export person", NULL, NULL, CLI_DONE},
    {HUB, "export person --json", NULL, NULL, CLI_DONE},
    {HUB, "report", NULL, NULL, CLI_DONE},
    {HUB, "report K05 --period 2026", NULL, NULL, CLI_DONE},
    {HUB, "report K05 --period 2026 --json", NULL, NULL, CLI_DONE},
    {HUB, "report K01 --public --csv", NULL, NULL, CLI_DONE},
    {HUB, "number --count 2 --by me", NULL, NULL, CLI_DONE},
    {HQ, "number --renew LDH-C", NULL, NULL, CLI_DONE},
    {HUB, "people find Testa", NULL, NULL, CLI_DONE},
    {HUB, "people find N-1 --json", NULL, NULL, CLI_DONE},
    {HUB, "people duplicates", NULL, NULL, CLI_DONE},
    {HUB, "people link p1 p2 --by me --reason same_number", NULL, NULL,
     CLI_DONE},
    {HUB, "people unlink p1 p2 --by me --reason two_people", NULL, NULL,
     CLI_DONE},
    {HUB, "people tokens", NULL, NULL, CLI_DONE},
    {CLINIC, "import person people.csv --dry-run", NULL, NULL, CLI_DONE},
    {CLINIC, "import person people.csv", NULL, NULL, CLI_DONE},
    {CLINIC, "rebuild", NULL, "", CLI_DONE},
    {HUB, "invite LDH-C --out clinic.invite", NULL, "is written, but",
     CLI_DONE},
};

static struct tree *tree;
static char *homes[TREE_NODES_MAX];
static char said[4096]; /* on standard error, by the last command */

/* --- homes ---------------------------------------------------------------- */

static const char match_key[] =
    "match_key = "
    "00000000000000000000000000000000000000000000000000000000000000aa\n";

/* A home whose replica is that of a node of the tree. */
static char *home_of(int node)
{
    char name[16];
    bool shared = false;
    struct conf conf;
    struct home *h = NULL;
    (void)snprintf(name, sizeof name, "home%d", node);
    char *path = scratch_path(tree->folder, name);
    const struct slice text = {(const uint8_t *)match_key,
                               sizeof match_key - 1};
    struct tree_node *n = &tree->nodes[node];
    conf_defaults(&conf);
    (void)conf_set(&conf, "listen", "tcp://127.0.0.1:7447", NULL);
    assert_int_equal(home_create(path, &h, &shared, NULL), 0);
    assert_int_equal(home_keys_write(h, &n->keys, NULL), 0);
    assert_int_equal(conf_write(h->conf, &conf, NULL), 0);
    assert_int_equal(file_write_new(h->programme_file, text, 0600, NULL), 0);
    sqlite3_close(n->client);
    n->client = NULL;
    replica_close(&n->replica);
    assert_int_equal(rename(n->path, h->replica), 0);
    (void)snprintf(n->path, sizeof n->path, "%s", h->replica);
    home_close(&h);
    tree_restart(tree, node);
    return path;
}

static const char people[] =
    "INSERT INTO person(person_id, beneficiary_no, given_name, birth_year)"
    " VALUES('p1', 'N-1', 'Testa', 1980), ('p2', 'N-1', 'Testa', 1980);"
    "INSERT INTO dose_event(dose_id, person_id, service_date, occurred_at,"
    " recorded_at, kind, item_code, amount_mcg, days_covered, verified_by,"
    " dispensed_by) SELECT 'd' || i, 'p1', '2026-09-21',"
    " '2026-09-21T0' || i || ':00:00.000Z', '2026-09-21T09:30:00.000Z',"
    " 'observed', 'BUP-NAL-2', 8000, 1, 'photo_card', 'nurse 4'"
    " FROM (SELECT 3 AS i UNION SELECT 4)";

/* Two doses in a day, two who may be one, a year of birth that two sites differ
 * about, and a write that is none. */
static void write_what_is_shown(void)
{
    tree_sql(tree, CLINIC, people);
    tree_sync(tree);
    tree_sql(tree, CLINIC, "UPDATE person SET birth_year = 1981");
    tree_sql(tree, PRISON, "UPDATE person SET birth_year = 1982");
    tree_sql(tree, CLINIC,
             "INSERT INTO sync_pending(table_id, what, k1, at_ms)"
             " VALUES(20, 99, 'k', 0)");
    tree_sync(tree);
}

static void keep_up(int node)
{
    struct numbered numbered;
    struct replica *r = tree->nodes[node].replica;
    assert_int_equal(replica_numbers(r, tree->now_ms, &numbered, NULL), 0);
    tree_drain(tree, node);
    (void)tree_judge(tree, node);
}

static int begin(void **state)
{
    (void)state;
    tree = tree_new();
    assert_int_equal(chdir(tree->folder), 0); /* files that commands make */
    assert_int_equal(tree_add(tree, HQ, "LDH-H"), HUB);
    tree_sync(tree);
    assert_int_equal(tree_add(tree, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(tree, HUB, "LDH-P"), PRISON);
    tree_sync(tree);
    write_what_is_shown();
    keep_up(HQ);
    tree_sync(tree);
    keep_up(HUB);
    for (int i = HQ; i <= CLINIC; i++) {
        homes[i] = home_of(i);
    }
    free(scratch_file(tree->folder, "people.csv",
                      "person_id,beneficiary_no\np7,N-7\np8,N-8\n"));
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = HQ; i <= CLINIC; i++) {
        free(homes[i]);
    }
    tree_free(tree);
    return 0;
}

/* --- running -------------------------------------------------------------- */

/* Standard output goes nowhere, what is said as an error is kept. */
static int run(int argc, char **argv)
{
    char *heard = scratch_path(tree->folder, "said");
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int kept = open(heard, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(out >= 0 && err >= 0 && nowhere >= 0 && kept >= 0);
    (void)fflush(stdout);
    (void)dup2(nowhere, STDOUT_FILENO);
    (void)dup2(kept, STDERR_FILENO);
    optind = 0; /* getopt(3): a new scan */
    int code = cli_main(argc, argv);
    (void)fflush(stdout);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)close(out);
    (void)close(err);
    (void)close(nowhere);
    (void)close(kept);
    char *text = scratch_read(heard);
    (void)snprintf(said, sizeof said, "%s", text);
    free(text);
    free(heard);
    return code;
}

static int sangam(const struct command *c, const char *last)
{
    char line[LINE_BYTES];
    char program[] = "sangam";
    char home[] = "-C";
    char *rest = line;
    char *argv[WORDS_MAX] = {program, home, homes[c->node]};
    int argc = 3;
    int len = snprintf(line, sizeof line, "%s %s", c->line, last);
    assert_true(len > 0 && (size_t)len < sizeof line);
    while ((argv[argc] = strtok_r(rest, " ", &rest)) != NULL) {
        argc++;
        assert_true(argc < WORDS_MAX);
    }
    return run(argc, argv);
}

static struct file_digest look(int node)
{
    return file_digest(tree->nodes[node].client);
}

/* At each place where a call of its own may fail. */
static size_t refuse_everywhere(const struct command *c)
{
    const char *last = c->last == NULL ? "" : tree_get(tree, c->node, c->last);
    assert_true(c->last == NULL || last[0] != '\0');
    for (size_t count = 0;; count++) {
        struct file_digest before = look(c->node);
        (void)unlink("clinic.invite"); /* of the time before */
        calls_fail();
        int code = sangam(c, last);
        if (!calls_heal()) {
            if (code != c->exits) {
                fail_msg("%s: exits with %d: %s", c->line, code, said);
            }
            return count;
        }
        struct file_digest after = look(c->node);
        if (code != CLI_FAILED || said[0] == '\0') {
            fail_msg("%s: exits with %d, though a call at 0x%zx failed: '%s'",
                     c->line, code, calls_place(), said);
        }
        bool told = c->done != NULL && strstr(said, c->done) != NULL;
        if (!told && !file_digest_equal(&before, &after)) {
            fail_msg("%s: failed and has changed something: %s", c->line, said);
        }
    }
}

static void what_is_refused_is_said_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t count = refuse_everywhere(&commands[i]);
        print_message("[  FAULTS  ] sangam %s: %zu\n", commands[i].line, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_refused_is_said_and_changes_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
