/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "node/import.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What was asked. */
struct request {
    const char *table;
    const char *file;
    const char *map_file;
    bool dry_run;
    bool keep_good;
    bool duplicates;
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
    fprintf(stderr, "\r%3d%%  %" PRIu64 " rows", s->percent,
            s->good + s->there + s->bad);
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

static void print_lines(const char lines[][ERR_TEXT_BYTES], uint64_t count,
                        uint64_t room)
{
    uint64_t kept = count < room ? count : room;

    for (uint64_t i = 0; i < kept; i++) {
        fprintf(stderr, "%s\n", lines[i]);
    }
    if (count > kept) {
        fprintf(stderr, "... and %" PRIu64 " more\n", count - kept);
    }
}

static void print_there(const struct import_state *s)
{
    if (s->there > 0) {
        printf("%" PRIu64 " row%s already there", s->there,
               s->there == 1 ? " was" : "s were");
        if (s->same < s->there) {
            printf(": %" PRIu64 " the same, %" PRIu64
                   " changed to what the file says now, %" PRIu64
                   " left where they differ",
                   s->same, s->changed, s->differing);
        }
        printf("\n");
    }
    if (s->duplicates > 0) {
        printf("%" PRIu64 " of them may be known already: 'sangam people "
               "tokens', then 'sangam people duplicates' list them\n",
               s->duplicates);
    }
}

static void print_done(const struct request *q, const struct import_state *s)
{
    if (s->good == 0) {
        printf("%s: no row of %s is new\n", q->table, q->file);
    } else if (q->dry_run) {
        printf("%s: %" PRIu64 " row%s of %s can be imported; nothing was "
               "(--dry-run)\n",
               q->table, s->good, cli_plural(s->good), q->file);
    } else {
        printf("%s: %" PRIu64 " row%s imported from %s, import %s\n", q->table,
               s->good, cli_plural(s->good), q->file, s->id);
    }
    print_there(s);
}

/* Once: who imports a register for the first time can still name a key. */
static void print_known(const struct request *q, const struct import_state *s)
{
    static const char *const will[] = {
        [IMPORT_KNOWN_BY_ALL] = "a line that is corrected later will come in "
                                "as another row beside this one",
        [IMPORT_KNOWN_BY_PERSON] =
            "people will be known again by the number on the card, or else "
            "only while all that is said of them stays the same",
    };
    if (s->good > 0 && s->known != IMPORT_KNOWN_BY_KEY) {
        fprintf(stderr,
                "nothing says which column tells the lines of %s apart: %s; "
                "key = in a mapping file says it (docs/registers.md)\n",
                q->file, will[s->known]);
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
            cli->command, s->bad, s->good + s->there + s->bad,
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
    return !q->dry_run && !s->broken &&
           s->good + s->changed + s->remembered > 0 &&
           (s->bad == 0 || q->keep_good);
}

static void say(const struct cli *cli, const struct request *q,
                const struct import_state *s, bool applied)
{
    if (q->dry_run) {
        print_lines(s->becomes, s->cells, IMPORT_NOTES_KEPT);
    }
    print_lines(s->noted, s->notes, IMPORT_NOTES_KEPT);
    print_lines(s->first, s->faults, IMPORT_FAULTS_KEPT);
    if (s->bad == 0 || applied) {
        print_done(q, s);
        print_known(q, s);
    }
    if (s->bad > 0) {
        print_bad(cli, q, s, applied);
    }
}

static int import_file(const struct cli *cli, const struct request *q,
                       struct database *db, const struct import_order *order,
                       const struct err *keyless, struct err *e)
{
    struct import *import = NULL;
    int rc = import_open(db, order, clock_wall_ms(), &import, e);
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
        say(cli, q, s, applied);
        if (s->compares_names && order->key == NULL) {
            fprintf(stderr,
                    "people were compared with those held here, and not by "
                    "match token with others of the district: %s\n",
                    keyless->text);
        }
        rc = s->bad > 0 ? CLI_FAILED : 0;
    }
    import_destroy(&import);
    return rc;
}

/* The programme's key is for people, and for who may read it. */
static const uint8_t *read_key(const struct request *q, const struct home *home,
                               uint8_t key[MATCH_KEY_BYTES],
                               struct err *ret_why)
{
    return strcmp(q->table, "person") == 0 &&
                   home_programme_key(home, key, ret_why) == 0
               ? key
               : NULL;
}

static int import_with(const struct cli *cli, const struct request *q,
                       const struct home *home, struct database *db,
                       struct err *e)
{
    uint8_t key[MATCH_KEY_BYTES];
    struct map *map = NULL;
    struct err keyless = {0};
    int rc = q->map_file != NULL ? map_read(q->map_file, &map, e) : 0;
    if (rc == 0) {
        const struct import_order order = {
            .table = q->table,
            .path = q->file,
            .map = map,
            .key = read_key(q, home, key, &keyless),
            .takes_duplicates = q->duplicates,
        };
        rc = import_file(cli, q, db, &order, &keyless, e);
    }
    sodium_memzero(key, sizeof key);
    map_destroy(&map);
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
         .help = "its first line names columns of the table, or of --map",
         .ret_value = &q.file},
        {.kind = CLI_OPTION,
         .name = "map",
         .takes = "FILE.map",
         .help = "which column of the file goes where (docs/registers.md)",
         .ret_value = &q.map_file},
        {.kind = CLI_FLAG,
         .name = "dry-run",
         .help = "check the whole file, change nothing",
         .ret_flag = &q.dry_run},
        {.kind = CLI_FLAG,
         .name = "keep-good",
         .help = "import the good rows although others are bad",
         .ret_flag = &q.keep_good},
        {.kind = CLI_FLAG,
         .name = "duplicates",
         .help = "import people who seem to be known, for people duplicates",
         .ret_flag = &q.duplicates},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct database *db = NULL;

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open_replica(cli->home, DATABASE_TOOL, &home, &db, &e);
    if (rc == 0) {
        rc = import_with(cli, &q, home, db, &e);
    }
    database_close(&db);
    home_close(&home);
    return rc < 0 ? cli_fail(cli, &e) : rc;
}
