/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *name;
    const char *help; /* one line */
    int (*run)(const struct cli *cli, int argc, char **argv);
};

static const struct command commands[] = {
    {"init", "create the root node of a new network", cmd_init},
    {"invite", "write the invite file for one new node below this one",
     cmd_invite},
    {"join", "create a node from an invite and enrol it", cmd_join},
    {"run", "run the node, in the foreground", cmd_run},
    {"status", "is all well, what waits, what is safe at the hub", cmd_status},
    {"import", "read a register from a CSV file into a table", cmd_import},
    {"export", "write a table as CSV or JSON, or all as FHIR", cmd_export},
    {"number", "take beneficiary numbers for new cards, or check one",
     cmd_number},
    {"why", "say where each value of a row came from", cmd_why},
    {"dose-check", "may this person be dosed here today?", cmd_dose_check},
    {"alerts", "rules that the merged data breaks: list, show, ack, resolve",
     cmd_alerts},
    {"report", "indicators: what programmes are judged by", cmd_report},
    {"people", "who is who: find, link, unlink, duplicates, tokens",
     cmd_people},
    {"reviews", "values that wait for a person: list, show, settle",
     cmd_reviews},
    {"parked", "what is not shown in the tables, and why", cmd_parked},
    {"verify", "compare every row with the signed journal", cmd_verify},
    {"rebuild", "compute every table again from the signed journal",
     cmd_rebuild},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const char home_default[] = "/var/lib/sangam";

/* --- help ----------------------------------------------------------------- */

static void print_help(void)
{
    printf("usage: sangam [-C HOME] COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-9s %s\n", commands[i].name, commands[i].help);
    }
    printf("\n"
           "  -C HOME    folder of the node; else SANGAM_HOME, else %s\n"
           "  --help     this text; after a command, the help of that command\n"
           "  --version  the version of this program\n"
           "\n"
           "Exit codes: 0 done, 1 failed, 2 usage, 78 configuration.\n",
           home_default);
}

static void print_command_names(FILE *to)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "%s%s", i > 0 ? ", " : "", commands[i].name);
    }
}

static bool is_operand(const struct cli_argument *a)
{
    return a->kind == CLI_OPERAND || a->kind == CLI_OPTIONAL;
}

static void print_usage_part(const struct cli_argument *a)
{
    switch (a->kind) {
    case CLI_FLAG:
        printf(" [--%s]", a->name);
        break;
    case CLI_OPTION:
        printf(" [--%s %s]", a->name, a->takes);
        break;
    case CLI_OPERAND:
        printf(" %s", a->name);
        break;
    case CLI_OPTIONAL:
        printf(" [%s]", a->name);
        break;
    }
}

static void print_command_help(const struct cli *cli,
                               const struct cli_argument *arguments,
                               size_t count)
{
    enum { LEFT_BYTES = 64 };
    char left[LEFT_BYTES];

    printf("sangam %s: %s\n\nusage: sangam [-C HOME] %s", cli->command,
           cli->help, cli->command);
    for (size_t i = 0; i < count; i++) {
        print_usage_part(&arguments[i]);
    }
    printf("\n\n");
    for (size_t i = 0; i < count; i++) {
        const struct cli_argument *a = &arguments[i];
        (void)snprintf(left, sizeof left, "%s%s%s%s", is_operand(a) ? "" : "--",
                       a->name, a->takes != NULL ? " " : "",
                       a->takes != NULL ? a->takes : "");
        printf("  %-18s %s\n", left, a->help);
    }
    printf("  %-18s %s\n", "--help", "this text");
}

/* --- saying --------------------------------------------------------------- */

int cli_fail(const struct cli *cli, const struct err *e)
{
    (void)fflush(stdout);
    fprintf(stderr, "sangam %s: %s\n", cli->command, e->text);
    bool config = e->code == ERR_CONFIG || e->code == ERR_VERSION;
    return config ? CLI_CONFIG : CLI_FAILED;
}

int cli_misused(const struct cli *cli, const char *format, ...)
{
    va_list list;

    fprintf(stderr, "sangam %s: ", cli->command);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, " (see sangam %s --help)\n", cli->command);
    return CLI_USAGE;
}

void cli_print_json(struct cJSON **json_p)
{
    char *text = cJSON_Print(*json_p);
    if (text == NULL) {
        abort();
    }
    printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(*json_p);
    *json_p = NULL;
}

const char *cli_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

char *cli_home_path(const struct cli *cli, const char *name)
{
    size_t size = strlen(cli->home) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path == NULL) {
        abort();
    }
    (void)snprintf(path, size, "%s/%s", cli->home, name);
    return path;
}

/* --- arguments of a command ----------------------------------------------- */

/* getopt_long gives back the place in the table, past every character. */
enum { ARGUMENTS_MAX = 16, OPTION_BASE = 256, OPTION_HELP = 1024 };

static void options_of(const struct cli_argument *arguments, size_t count,
                       struct option out[ARGUMENTS_MAX + 2])
{
    size_t n = 0;

    assert(count <= ARGUMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct cli_argument *a = &arguments[i];
        if (is_operand(a)) {
            continue;
        }
        out[n].name = a->name;
        out[n].has_arg =
            a->kind == CLI_OPTION ? required_argument : no_argument;
        out[n].flag = NULL;
        out[n].val = OPTION_BASE + (int)i;
        n++;
    }
    out[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    out[n] = (struct option){NULL, 0, NULL, 0};
}

/* Says what getopt_long did not like. */
static int option_misused(const struct cli *cli, char **argv,
                          const struct cli_argument *arguments, bool missing)
{
    if (optopt == OPTION_HELP) {
        return cli_misused(cli, "--help takes no value");
    }
    if (optopt >= OPTION_BASE) {
        const struct cli_argument *a = &arguments[optopt - OPTION_BASE];
        if (missing) {
            return cli_misused(cli, "--%s needs a value: %s", a->name,
                               a->takes);
        }
        return cli_misused(cli, "--%s takes no value", a->name);
    }
    if (optopt == 'C') {
        return cli_misused(cli, "-C HOME goes before the command");
    }
    if (optopt != 0) {
        return cli_misused(cli, "unknown option '-%c'", optopt);
    }
    return cli_misused(cli, "unknown option '%s'", argv[optind - 1]);
}

static int take_operands(const struct cli *cli, int argc, char **argv,
                         const struct cli_argument *arguments, size_t count)
{
    int at = optind;

    for (size_t i = 0; i < count; i++) {
        const struct cli_argument *a = &arguments[i];
        if (!is_operand(a)) {
            continue;
        }
        if (at < argc) {
            *a->ret_value = argv[at++];
        } else if (a->kind == CLI_OPERAND) {
            return cli_misused(cli, "%s is missing", a->name);
        }
    }
    if (at < argc) {
        return cli_misused(cli, "'%s' is one argument too many", argv[at]);
    }
    return CLI_GO_ON;
}

int cli_arguments(const struct cli *cli, int argc, char **argv,
                  const struct cli_argument *arguments, size_t count)
{
    struct option options[ARGUMENTS_MAX + 2];
    int got;

    options_of(arguments, count, options);
    opterr = 0;
    optind = 0; /* getopt(3): starts a new scan */
    while ((got = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (got == OPTION_HELP) {
            print_command_help(cli, arguments, count);
            return CLI_DONE;
        }
        if (got == '?' || got == ':') {
            return option_misused(cli, argv, arguments, got == ':');
        }
        const struct cli_argument *a = &arguments[got - OPTION_BASE];
        if (a->kind == CLI_FLAG) {
            *a->ret_flag = true;
        } else {
            *a->ret_value = optarg;
        }
    }
    return take_operands(cli, argc, argv, arguments, count);
}

/* --- the whole ------------------------------------------------------------ */

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static const char *home_of_environment(void)
{
    const char *home = getenv("SANGAM_HOME");
    return home != NULL && home[0] != '\0' ? home : home_default;
}

/* What stands before the command; CLI_GO_ON with optind at the command. */
static int global_options(int argc, char **argv, const char **ret_home)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int got;

    opterr = 0;
    while ((got = getopt_long(argc, argv, "+:C:", options, NULL)) != -1) {
        switch (got) {
        case 'C':
            *ret_home = optarg;
            break;
        case 'h':
            print_help();
            return CLI_DONE;
        case 'v':
            printf("sangam %s\n", SANGAM_VERSION);
            return CLI_DONE;
        case ':':
            fprintf(stderr, "sangam: -C needs a value: HOME\n");
            return CLI_USAGE;
        default:
            fprintf(stderr,
                    "sangam: unknown option '%s' before the command; known: "
                    "-C HOME, --help, --version\n",
                    argv[optind > 1 ? optind - 1 : 1]);
            return CLI_USAGE;
        }
    }
    return CLI_GO_ON;
}

static int run_command(int argc, char **argv)
{
    struct cli cli = {.home = home_of_environment()};
    int code = global_options(argc, argv, &cli.home);
    if (code != CLI_GO_ON) {
        return code;
    }

    if (optind == argc) {
        fprintf(stderr, "sangam: which command? One of: ");
        print_command_names(stderr);
        fprintf(stderr, " (sangam --help says what each does)\n");
        return CLI_USAGE;
    }
    const struct command *command = command_named(argv[optind]);
    if (command == NULL) {
        fprintf(stderr, "sangam: unknown command '%s'; known: ", argv[optind]);
        print_command_names(stderr);
        fprintf(stderr, "\n");
        return CLI_USAGE;
    }
    cli.command = command->name;
    cli.help = command->help;
    return command->run(&cli, argc - optind, argv + optind);
}

int cli_main(int argc, char **argv)
{
    int code = run_command(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "sangam: cannot write to standard output\n");
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
