/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sangam-sample: the registers of invented places, as each of them would have
 * entered them. It is no part of the program: a register that is signed and sent
 * must not be filled with people who do not exist.
 */
#include "programmes.h"
#include "site.h"

#include "protocol/instant.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct profile {
    const char *name;
    const char *says;
    struct plan plan;
} profiles[] = {
    {"clinic",
     "a clinic, some 60 dose events a day",
     {.districts = 1, .clinics = 1, .slots = 420, .days = 365}},
    {"busy-clinic",
     "a clinic of 600 patients a day",
     {.districts = 1, .clinics = 1, .slots = 4200, .days = 365}},
    {"district",
     "a prison and 31 clinics",
     {.districts = 1,
      .prisons = 1,
      .clinics = 31,
      .slots = 240,
      .varied = true,
      .inmates = 120,
      .days = 365}},
    {"punjab",
     "25 prisons and 706 clinics in 23 districts, 10 million doses a year",
     {.districts = 23,
      .prisons = 25,
      .clinics = 706,
      .slots = 240,
      .varied = true,
      .inmates = 120,
      .days = 365}},
};
enum { PROFILES = sizeof profiles / sizeof profiles[0] };

struct request {
    uint64_t seed;
    int last;              /* day */
    struct plan plan;      /* what is 0 is the profile's */
    const char *only_site; /* with `into` */
    const char *into;      /* an SQLite file; NULL: a folder */
    bool answers;
    int mistakes; /* so many times as often as their rates */
    const char *profile;
    const char *folder;
};

/* --- what is asked -------------------------------------------------------- */

static void usage(FILE *f)
{
    (void)fputs(
        "usage: sangam-sample [OPTION...] PROFILE FOLDER\n"
        "       sangam-sample [OPTION...] PROFILE --into FILE [--site SITE]\n"
        "Invented registers: FOLDER/SITE/TABLE.csv for `sangam import`, or rows\n"
        "written into a replica. FOLDER/SITE/answers.sql is what a site says\n"
        "later of rows that another began. FOLDER/summary.csv counts the\n"
        "mistakes that were made, and the breaches that follow.\n\n",
        f);
    for (int i = 0; i < PROFILES; i++) {
        (void)fprintf(f, "  %-12s  %s\n", profiles[i].name, profiles[i].says);
    }
    (void)fputs(
        "  programmes    what seven programmes publish, with their sites\n\n"
        "  --seed N      the same seed and last day give the same bytes (1)\n"
        "  --until DAY   the last day (today in India)\n"
        "  --days N, --clinics N, --prisons N, --slots N (people in treatment\n"
        "                at a clinic), --inmates N: other than the profile\n"
        "  --mistakes N  so many times as often as usual; 0: none (1)\n"
        "  --answers     with --into: what is said later, and not the rows\n",
        f);
}

static int fail_usage(const char *what, const char *which)
{
    (void)fprintf(stderr, "sangam-sample: %s '%s'; --help says more\n", what,
                  which);
    exit(2);
}

static int number_of(const char *text)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < 0 || n > 100000) {
        (void)fail_usage("no number from 0 to 100000:", text);
    }
    return (int)n;
}

static int today(void)
{
    enum { INDIA_S = 19800, DAY_S = 86400 };
    return (int)((time(NULL) + INDIA_S) / DAY_S);
}

static int day_of(const char *text)
{
    int64_t day;
    struct slice given = {.data = (const uint8_t *)text, .len = strlen(text)};
    if (!instant_parse_day(given, &day)) {
        (void)fail_usage("no day as 2026-11-29:", text);
    }
    return (int)day;
}

static void take_option(struct request *q, int option)
{
    switch (option) {
    case 's':
        q->seed = strtoull(optarg, NULL, 10);
        break;
    case 'u':
        q->last = day_of(optarg);
        break;
    case 'd':
        q->plan.days = number_of(optarg);
        break;
    case 'c':
        q->plan.clinics = number_of(optarg);
        break;
    case 'p':
        q->plan.prisons = number_of(optarg);
        break;
    case 'n':
        q->plan.slots = number_of(optarg);
        break;
    case 'i':
        q->plan.inmates = number_of(optarg);
        break;
    case 'S':
        q->only_site = optarg;
        break;
    case 'I':
        q->into = optarg;
        break;
    case 'A':
        q->answers = true;
        break;
    case 'm':
        q->mistakes = number_of(optarg);
        break;
    case 'h':
        usage(stdout);
        exit(0);
    default:
        exit(2); /* getopt_long() has said why */
    }
}

static void parse(int argc, char **argv, struct request *q)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"until", required_argument, NULL, 'u'},
        {"days", required_argument, NULL, 'd'},
        {"clinics", required_argument, NULL, 'c'},
        {"prisons", required_argument, NULL, 'p'},
        {"slots", required_argument, NULL, 'n'},
        {"inmates", required_argument, NULL, 'i'},
        {"site", required_argument, NULL, 'S'},
        {"into", required_argument, NULL, 'I'},
        {"answers", no_argument, NULL, 'A'},
        {"mistakes", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        take_option(q, option);
    }
    if (argc - optind != (q->into == NULL ? 2 : 1)) {
        usage(stderr);
        exit(2);
    }
    q->profile = argv[optind];
    q->folder = q->into == NULL ? argv[optind + 1] : NULL;
}

/* The profile's plan, with what was asked otherwise. */
static struct plan plan_of(const struct request *q, const struct profile *p)
{
    struct plan plan = p->plan;
    plan.days = q->plan.days > 0 ? q->plan.days : plan.days;
    plan.slots = q->plan.slots > 0 ? q->plan.slots : plan.slots;
    plan.clinics = q->plan.clinics >= 0 ? q->plan.clinics : plan.clinics;
    plan.prisons = q->plan.prisons >= 0 ? q->plan.prisons : plan.prisons;
    plan.inmates = q->plan.inmates >= 0 ? q->plan.inmates : plan.inmates;
    return plan;
}

/* --- writing -------------------------------------------------------------- */

static void write_summary(const struct request *q, const struct world *w)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/summary.csv", q->folder);
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    tally_print(&w->tally, f);
    if (fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_profile(const struct request *q, struct sheets *sheets)
{
    struct world w = {.seed = q->seed, .last = q->last, .sheets = sheets};
    w.tally.times = q->mistakes;
    if (strcmp(q->profile, "programmes") == 0) {
        programmes_write(&w);
    } else {
        int i = 0;
        while (i < PROFILES && strcmp(profiles[i].name, q->profile) != 0) {
            i++;
        }
        if (i == PROFILES) {
            (void)fail_usage("no profile", q->profile);
        }
        struct plan plan = plan_of(q, &profiles[i]);
        w.first = w.last - plan.days + 1;
        world_make(&w, &plan);
        site_write_all(&w);
    }
    if (q->folder != NULL) {
        write_summary(q, &w);
    }
    world_free(&w);
}

static void tell(const struct sheets *s)
{
    for (int i = 0; i < SHEETS; i++) {
        if (sheets_rows(s, (enum sheet)i) > 0) {
            printf("%-20s %10llu\n", sheet_table((enum sheet)i),
                   (unsigned long long)sheets_rows(s, (enum sheet)i));
        }
    }
}

int main(int argc, char **argv)
{
    struct request q = {.seed = 1,
                        .mistakes = 1,
                        .last = today(),
                        .plan = {.clinics = -1, .prisons = -1, .inmates = -1}};
    sqlite3 *db = NULL;
    struct sheets *sheets;
    parse(argc, argv, &q);
    if (q.into == NULL) {
        sheets = sheets_in_folder(q.folder);
    } else if (sqlite3_open_v2(q.into, &db, SQLITE_OPEN_READWRITE, NULL) ==
               SQLITE_OK) {
        sheets = sheets_in_database(db, q.only_site, q.answers);
    } else {
        (void)fprintf(stderr, "sangam-sample: %s: %s\n", q.into,
                      sqlite3_errmsg(db));
        return 1;
    }
    write_profile(&q, sheets);
    tell(sheets);
    sheets_close(&sheets);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
