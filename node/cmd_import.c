/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "node/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* What was asked. */
struct request {
    const char *table;
    const char *file;
    bool dry_run;
    bool keep_good;
};

/* --- progress ------------------------------------------------------------- */

enum { QUIET_MS = 1000 };

/* On a terminal, after a second; the line is wiped at the end. */
static void show_progress(const struct import_state *s, int64_t since_ms,
                          bool *shown)
{
    if (isatty(STDERR_FILENO) == 0 || clock_mono_ms() - since_ms < QUIET_MS) {
        return;
    }
    fprintf(stderr, "\r%3d%%  %" PRIu64 " rows", s->percent, s->good + s->bad);
    (void)fflush(stderr);
    *shown = true;
}

static int read_all(struct import *import, struct err *e)
{
    int64_t since_ms = clock_mono_ms();
    bool shown = false;
    bool more = true;
    int rc = 0;

    while (rc == 0 && more) {
        rc = import_step(import, &more, e);
        show_progress(import_state(import), since_ms, &shown);
    }
    if (shown) {
        fprintf(stderr, "\r%40s\r", "");
    }
    return rc;
}

/* --- saying --------------------------------------------------------------- */

static void print_faults(const struct import_state *s)
{
    uint64_t kept =
        s->faults < IMPORT_FAULTS_KEPT ? s->faults : IMPORT_FAULTS_KEPT;

    for (uint64_t i = 0; i < kept; i++) {
        fprintf(stderr, "%s\n", s->first[i]);
    }
    if (s->faults > kept) {
        fprintf(stderr, "... and %" PRIu64 " more\n", s->faults - kept);
    }
}

static void print_done(const struct request *q, const struct import_state *s)
{
    if (q->dry_run) {
        printf("%s: %" PRIu64 " row%s of %s can be imported; nothing was "
               "(--dry-run)\n",
               q->table, s->good, cli_plural(s->good), q->file);
    } else {
        printf("%s: %" PRIu64 " row%s imported from %s, import %s\n", q->table,
               s->good, cli_plural(s->good), q->file, s->id);
    }
}

static void print_bad(const struct cli *cli, const struct request *q,
                      const struct import_state *s, bool applied)
{
    if (s->broken) {
        fprintf(stderr,
                "sangam %s: %s cannot be read to its end; nothing was "
                "imported\n",
                cli->command, q->file);
        return;
    }
    fprintf(stderr, "sangam %s: %" PRIu64 " of %" PRIu64 " rows bad; %s\n",
            cli->command, s->bad, s->good + s->bad,
            applied        ? "the others were imported"
            : q->dry_run   ? "nothing was imported (--dry-run)"
            : s->good == 0 ? "nothing was imported"
                           : "nothing was imported (--keep-good imports the "
                             "others)");
}

/* --- the command ---------------------------------------------------------- */

/* Whether the good rows are to stay. */
static bool is_wanted(const struct request *q, const struct import_state *s)
{
    return !q->dry_run && !s->broken && s->good > 0 &&
           (s->bad == 0 || q->keep_good);
}

static int import_file(const struct cli *cli, const struct request *q,
                       struct database *db, struct err *e)
{
    struct import *import = NULL;
    int rc = import_open(db, q->table, q->file, clock_wall_ms(), &import, e);
    if (rc == 0) {
        rc = read_all(import, e);
    }
    if (rc != 0) {
        import_destroy(&import);
        return rc;
    }
    const struct import_state *s = import_state(import);
    bool applied = is_wanted(q, s);
    if (applied) {
        rc = import_commit(import, e);
    }
    if (rc == 0) {
        print_faults(s);
        if (s->bad == 0 || applied) {
            print_done(q, s);
        }
        if (s->bad > 0) {
            print_bad(cli, q, s, applied);
            rc = CLI_FAILED;
        }
    }
    import_destroy(&import);
    return rc;
}

int cmd_import(const struct cli *cli, int argc, char **argv)
{
    struct request q = {.table = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPERAND,
         .name = "TABLE",
         .help = "the table that takes the rows",
         .ret_value = &q.table},
        {.kind = CLI_OPERAND,
         .name = "FILE.csv",
         .help = "its first line names columns of the table",
         .ret_value = &q.file},
        {.kind = CLI_FLAG,
         .name = "dry-run",
         .help = "check the whole file, change nothing",
         .ret_flag = &q.dry_run},
        {.kind = CLI_FLAG,
         .name = "keep-good",
         .help = "import the good rows although others are bad",
         .ret_flag = &q.keep_good},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct database *db = NULL;

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = database_open(home->replica, DATABASE_TOOL, DATABASE_EXISTING, &db,
                           &e);
    }
    if (rc == 0) {
        rc = import_file(cli, &q, db, &e);
    }
    database_close(&db);
    home_close(&home);
    return rc < 0 ? cli_fail(cli, &e) : rc;
}
