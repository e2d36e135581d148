/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Command line: `sangam [-C HOME] COMMAND [ARGUMENT...]`.
 *
 * One table of commands (cli.c) and, in each command, one table of its
 * arguments: it parses them, and writes the command's usage line and --help.
 * Errors are specific and one line long, never the whole help.
 *
 * Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (sysexits.h).
 */
#ifndef SANGAM_CLI_H
#define SANGAM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/err.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_CONFIG = 78,
};

/* What a command is told about its surroundings. */
struct cli {
    const char *home;    /* -C, SANGAM_HOME, or /var/lib/sangam */
    const char *command; /* its name, for messages */
    const char *help;    /* what it does, one line */
};

/* --- commands ------------------------------------------------------------- */

/* Each returns an exit code; argv[0] is the command's name. */
int cmd_init(const struct cli *cli, int argc, char **argv);
int cmd_invite(const struct cli *cli, int argc, char **argv);
int cmd_join(const struct cli *cli, int argc, char **argv);
int cmd_run(const struct cli *cli, int argc, char **argv);
int cmd_status(const struct cli *cli, int argc, char **argv);
int cmd_import(const struct cli *cli, int argc, char **argv);
int cmd_number(const struct cli *cli, int argc, char **argv);
int cmd_why(const struct cli *cli, int argc, char **argv);
int cmd_dose_check(const struct cli *cli, int argc, char **argv);
int cmd_alerts(const struct cli *cli, int argc, char **argv);
int cmd_export(const struct cli *cli, int argc, char **argv);
int cmd_report(const struct cli *cli, int argc, char **argv);
int cmd_people(const struct cli *cli, int argc, char **argv);
int cmd_reviews(const struct cli *cli, int argc, char **argv);
int cmd_parked(const struct cli *cli, int argc, char **argv);
int cmd_verify(const struct cli *cli, int argc, char **argv);
int cmd_rebuild(const struct cli *cli, int argc, char **argv);

/* The whole program; returns its exit code. */
int cli_main(int argc, char **argv);

/* --- arguments of a command ----------------------------------------------- */

enum cli_kind {
    CLI_FLAG,     /* --name */
    CLI_OPTION,   /* --name TAKES or --name=TAKES */
    CLI_OPERAND,  /* NAME, required */
    CLI_OPTIONAL, /* NAME, after the required ones */
};

struct cli_argument {
    enum cli_kind kind;
    const char *name;  /* "dry-run" without dashes; "FILE.csv" of an operand */
    const char *takes; /* what the value of an option is: "DAYS" */
    const char *help;  /* one line */
    bool *ret_flag;    /* CLI_FLAG: becomes true when given */
    const char **ret_value; /* the others: borrowed from argv, untouched when
                               not given */
};

/* Parses the arguments of a command by its table; `--help` is known to all.
 * Returns CLI_GO_ON, or the exit code to return at once: what there was to
 * say has been said.
 *
 *     int code = cli_arguments(cli, argc, argv, arguments, count);
 *     if (code != CLI_GO_ON)
 *         return code;
 */
enum { CLI_GO_ON = -1 };
int cli_arguments(const struct cli *cli, int argc, char **argv,
                  const struct cli_argument *arguments, size_t count);

/* --- saying --------------------------------------------------------------- */

/* Says the error on stderr ("sangam import: ...") and returns its exit code:
 * ERR_CONFIG is CLI_CONFIG, everything else CLI_FAILED. */
int cli_fail(const struct cli *cli, const struct err *e);

/* Says that a command was used wrongly, and where its help is; returns
 * CLI_USAGE. For what the table of arguments cannot say: "--request and
 * --grant exclude each other". */
int cli_misused(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the value on stdout and frees it. */
struct cJSON;
void cli_print_json(struct cJSON **json_p);

/* "s", or "" for one. */
const char *cli_plural(uint64_t count);

/* "HOME/name", malloc'ed. */
char *cli_home_path(const struct cli *cli, const char *name);

#endif
