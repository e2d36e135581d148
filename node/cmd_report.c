/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/csv.h"
#include "node/grid.h"
#include "node/home.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Indicators as v_indicator and pub_indicator count them
 * (store/schema/0010_indicators.sql), each with how complete the data is that it
 * rests on. */
struct request {
    const char *indicator; /* NULL: the list */
    const char *period;    /* NULL: the last that is over */
    bool is_public;
    bool csv;
    bool json;
    struct database *db;
};

/* One of v_indicator_list. */
struct indicator {
    char id[8];
    char title[64];
    char num_is[64];
    char den_is[64];
    char place_is[32];
    char periods[32];
    double per; /* 0: a count, no rate */
};

enum { PERIOD_BYTES = 16, DAY_BYTES = 16, BEHIND_SHOWN = 5 };

struct period {
    char name[PERIOD_BYTES];
    char last_day[DAY_BYTES]; /* that has passed: yesterday at most */
};

/* Of how many sites all is here through the last day. */
struct complete {
    int64_t sites;
    int64_t complete;
    char behind[256]; /* "PB-X 2026-09-03, PB-Y never", the worst first */
};

static void copy_text(sqlite3_stmt *stmt, int at, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* --- what is asked -------------------------------------------------------- */

static int find_indicator(struct request *r, struct indicator *ret,
                          struct err *e)
{
    static const char sql[] =
        "SELECT indicator, title, num_is, den_is, place_is, periods, per"
        " FROM v_indicator_list WHERE indicator = upper(?1)";
    const struct value id = value_text(r->indicator);
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &id);
    rc = database_step(r->db, stmt, e);
    if (rc == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "there is no indicator '%s'; sangam report lists them",
                       r->indicator);
    }
    if (rc == 1) {
        copy_text(stmt, 0, ret->id, sizeof ret->id);
        copy_text(stmt, 1, ret->title, sizeof ret->title);
        copy_text(stmt, 2, ret->num_is, sizeof ret->num_is);
        copy_text(stmt, 3, ret->den_is, sizeof ret->den_is);
        copy_text(stmt, 4, ret->place_is, sizeof ret->place_is);
        copy_text(stmt, 5, ret->periods, sizeof ret->periods);
        ret->per = sqlite3_column_double(stmt, 6);
        (void)sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

/* The period asked for, or the last of the shortest kind that is over. What is
 * of now has none. */
static int find_period(struct request *r, const struct indicator *i,
                       struct period *ret, struct err *e)
{
    static const char sql[] =
        "SELECT p.period, min(p.last_day, t.yesterday)"
        " FROM v_today t CROSS JOIN v_period p"
        " WHERE instr(?2, p.kind) > 0 AND CASE WHEN ?1 IS NULL"
        " THEN p.last_day <= t.yesterday ELSE p.period = upper(?1) END"
        " ORDER BY julianday(p.last_day) - julianday(p.first_day) > 32,"
        " p.last_day DESC LIMIT 1";
    const struct value asked = r->period == NULL
                                   ? (struct value){.type = VALUE_NULL}
                                   : value_text(r->period);
    const struct value kinds = value_text(i->periods);
    sqlite3_stmt *stmt;
    bool now = strcmp(i->periods, "now") == 0;
    if (now && r->period != NULL) {
        return err_set(e, ERR_INPUT, "%s is of now: it has no period", i->id);
    }
    int rc = database_statement(
        r->db, now ? "SELECT 'now', yesterday FROM v_today" : sql, &stmt, e);
    if (rc == 0 && !now) {
        database_bind_at(stmt, 1, &asked);
        database_bind_at(stmt, 2, &kinds);
    }
    rc = rc == 0 ? database_step(r->db, stmt, e) : rc;
    if (rc == 0) {
        return err_set(e, ERR_INPUT,
                       "%s is counted by %s, as 2026-09, 2026-Q3 or 2026; "
                       "'%s' is none of them",
                       i->id, i->periods, r->period);
    }
    if (rc == 1) {
        copy_text(stmt, 0, ret->name, sizeof ret->name);
        copy_text(stmt, 1, ret->last_day, sizeof ret->last_day);
        (void)sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

/* --- completeness --------------------------------------------------------- */

static void add_behind(struct complete *c, sqlite3_stmt *stmt)
{
    size_t used = strlen(c->behind);
    const char *through = (const char *)sqlite3_column_text(stmt, 1);
    (void)snprintf(c->behind + used, sizeof c->behind - used, "%s%s %s",
                   used == 0 ? "" : ", ",
                   (const char *)sqlite3_column_text(stmt, 0),
                   through == NULL ? "never" : through);
}

static int read_complete(struct request *r, const struct period *p,
                         struct complete *ret, struct err *e)
{
    static const char sql[] =
        "SELECT s.site_id, h.complete_through, coalesce(h.complete_through, '')"
        " >= ?1 FROM ref_site s LEFT JOIN v_site_complete h USING(site_id)"
        " WHERE s.valid_from <= ?1 AND coalesce(s.valid_to, '9999') >= ?1"
        " ORDER BY 2, 1";
    const struct value day = value_text(p->last_day);
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    *ret = (struct complete){.sites = 0};
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &day);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        bool complete = sqlite3_column_int(stmt, 2) != 0;
        if (!complete && ret->sites - ret->complete < BEHIND_SHOWN) {
            add_behind(ret, stmt);
        }
        ret->sites++;
        ret->complete += complete;
    }
    return rc;
}

static void print_complete(const struct complete *c, const struct period *p)
{
    long long more = (long long)(c->sites - c->complete) - BEHIND_SHOWN;
    printf("data complete through %s for %lld of %lld sites", p->last_day,
           (long long)c->complete, (long long)c->sites);
    if (c->behind[0] != '\0') {
        printf("; behind: %s", c->behind);
    }
    if (more > 0) {
        printf(" and %lld more", more);
    }
    printf("\n");
}

/* --- the figures ---------------------------------------------------------- */

/* NULL where it is hidden, or is no rate. */
static const char *rate(const struct indicator *i, sqlite3_stmt *stmt,
                        char out[32])
{
    double den = sqlite3_column_double(stmt, 3);
    if (i->per <= 0 || den <= 0 ||
        sqlite3_column_type(stmt, 2) == SQLITE_NULL) {
        return NULL;
    }
    (void)snprintf(out, 32, "%.1f",
                   i->per * sqlite3_column_double(stmt, 2) / den);
    return out;
}

static const char *shown(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text != NULL                       ? text
           : sqlite3_column_int(stmt, 4) != 0 ? "hidden"
                                              : "";
}

typedef void print_row(void *out, const struct indicator *i,
                       const struct period *p, const struct complete *c,
                       sqlite3_stmt *stmt);

static int for_each_row(struct request *r, const struct indicator *i,
                        const struct period *p, const struct complete *c,
                        print_row *print, void *out, struct err *e)
{
    static const char counted[] =
        "SELECT place, split, num, den, 0 FROM v_indicator"
        " WHERE indicator = ?1 AND period = ?2 ORDER BY 1, 2";
    static const char published[] =
        "SELECT place, split, num, den, hidden FROM pub_indicator"
        " WHERE indicator = ?1 AND period = ?2 ORDER BY 1, 2";
    const struct value id = value_text(i->id);
    const struct value period = value_text(p->name);
    sqlite3_stmt *stmt;
    int rc =
        database_statement(r->db, r->is_public ? published : counted, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &id);
    database_bind_at(stmt, 2, &period);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        print(out, i, p, c, stmt);
    }
    return rc;
}

static void put_grid(void *out, const struct indicator *i,
                     const struct period *p, const struct complete *c,
                     sqlite3_stmt *stmt)
{
    char text[32];
    const char *share = rate(i, stmt, text);
    (void)p;
    (void)c;
    grid_put(out, "%s", shown(stmt, 0));
    grid_put(out, "%s", shown(stmt, 1));
    grid_put(out, "%s", shown(stmt, 2));
    grid_put(out, "%s", shown(stmt, 3));
    grid_put(out, "%s", share == NULL ? "" : share);
}

static int print_grid(struct request *r, const struct indicator *i,
                      const struct period *p, const struct complete *c,
                      struct err *e)
{
    static const char *const titles[] = {"place", "split", "num", "den",
                                         "rate"};
    char per[32];
    struct grid *grid = grid_new(titles, sizeof titles / sizeof titles[0]);
    int rc = for_each_row(r, i, p, c, put_grid, grid, e);
    if (rc == 0) {
        (void)snprintf(per, sizeof per, "%g", i->per);
        printf("%s %s, %s%s\n", i->id, i->title, p->name,
               r->is_public ? ", for the public" : "");
        grid_print(grid);
        printf("place: %s; num: %s%s%s%s%s\n", i->place_is, i->num_is,
               i->den_is[0] == '\0' ? "" : "; den: ", i->den_is,
               i->per > 0 ? "; rate: num / den x " : "", i->per > 0 ? per : "");
        print_complete(c, p);
    }
    grid_destroy(&grid);
    return rc;
}

static void put_csv(void *out, const struct indicator *i,
                    const struct period *p, const struct complete *c,
                    sqlite3_stmt *stmt)
{
    char text[32];
    const char *share = rate(i, stmt, text);
    (void)out;
    printf("%s,%s,", i->id, p->name);
    for (int at = 0; at < 4; at++) {
        csv_put(stdout, shown(stmt, at), false);
    }
    printf("%s,%lld,%lld,%s\n", share == NULL ? "" : share,
           (long long)c->complete, (long long)c->sites, p->last_day);
}

static int print_csv(struct request *r, const struct indicator *i,
                     const struct period *p, const struct complete *c,
                     struct err *e)
{
    printf("indicator,period,place,split,num,den,rate,sites_complete,sites,"
           "complete_through\n");
    return for_each_row(r, i, p, c, put_csv, NULL, e);
}

static void add_number(cJSON *item, const char *name, sqlite3_stmt *stmt,
                       int at)
{
    if (sqlite3_column_type(stmt, at) == SQLITE_NULL) {
        (void)cJSON_AddNullToObject(item, name);
    } else {
        (void)cJSON_AddNumberToObject(item, name,
                                      sqlite3_column_double(stmt, at));
    }
}

static void put_json(void *out, const struct indicator *i,
                     const struct period *p, const struct complete *c,
                     sqlite3_stmt *stmt)
{
    cJSON *item = cJSON_CreateObject();
    (void)i;
    (void)p;
    (void)c;
    (void)cJSON_AddStringToObject(item, "place", shown(stmt, 0));
    (void)cJSON_AddStringToObject(item, "split", shown(stmt, 1));
    add_number(item, "num", stmt, 2);
    add_number(item, "den", stmt, 3);
    (void)cJSON_AddBoolToObject(item, "hidden", sqlite3_column_int(stmt, 4));
    (void)cJSON_AddItemToArray(out, item);
}

static int print_json(struct request *r, const struct indicator *i,
                      const struct period *p, const struct complete *c,
                      struct err *e)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "indicator", i->id);
    (void)cJSON_AddStringToObject(json, "title", i->title);
    (void)cJSON_AddStringToObject(json, "period", p->name);
    (void)cJSON_AddBoolToObject(json, "public", r->is_public);
    (void)cJSON_AddStringToObject(json, "num_is", i->num_is);
    (void)cJSON_AddStringToObject(json, "den_is", i->den_is);
    (void)cJSON_AddNumberToObject(json, "per", i->per);
    (void)cJSON_AddNumberToObject(json, "sites", (double)c->sites);
    (void)cJSON_AddNumberToObject(json, "sites_complete", (double)c->complete);
    (void)cJSON_AddStringToObject(json, "complete_through", p->last_day);
    (void)cJSON_AddStringToObject(json, "behind", c->behind);
    cJSON *rows = cJSON_AddArrayToObject(json, "rows");
    int rc = for_each_row(r, i, p, c, put_json, rows, e);
    if (rc == 0) {
        cli_print_json(&json);
    }
    cJSON_Delete(json);
    return rc;
}

/* One moment for all that is printed. */
static int report(struct request *r, struct err *e)
{
    struct indicator i = {.per = 0};
    struct period p = {.name = ""};
    struct complete c;
    int rc = find_indicator(r, &i, e);
    if (rc == 0) {
        rc = find_period(r, &i, &p, e);
    }
    if (rc == 0) {
        rc = read_complete(r, &p, &c, e);
    }
    if (rc != 0) {
        return rc;
    }
    return r->json  ? print_json(r, &i, &p, &c, e)
           : r->csv ? print_csv(r, &i, &p, &c, e)
                    : print_grid(r, &i, &p, &c, e);
}

/* --- the list ------------------------------------------------------------- */

static int list(struct request *r, struct err *e)
{
    static const char *const titles[] = {"indicator", "what", "counted by",
                                         "place"};
    struct grid *grid = grid_new(titles, sizeof titles / sizeof titles[0]);
    cJSON *json = cJSON_CreateArray();
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db,
                                "SELECT indicator, title, periods, place_is"
                                " FROM v_indicator_list ORDER BY 1",
                                &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        cJSON *item = cJSON_CreateObject();
        for (int at = 0; at < 4; at++) {
            const char *text = (const char *)sqlite3_column_text(stmt, at);
            grid_put(grid, "%s", text);
            (void)cJSON_AddStringToObject(item, sqlite3_column_name(stmt, at),
                                          text);
        }
        (void)cJSON_AddItemToArray(json, item);
        rc = 0;
    }
    if (rc == 0 && r->json) {
        cli_print_json(&json);
    } else if (rc == 0) {
        grid_print(grid);
    }
    cJSON_Delete(json);
    grid_destroy(&grid);
    return rc;
}

/* --- the command ---------------------------------------------------------- */

static int open_and_run(struct request *r, const struct cli *cli, struct err *e)
{
    struct home *home = NULL;
    int rc = home_open_replica(cli->home, DATABASE_READER, &home, &r->db, e);
    if (rc == 0) {
        rc = database_run(r->db, "BEGIN", e);
    }
    if (rc == 0) {
        rc = r->indicator == NULL ? list(r, e) : report(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

int cmd_report(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.indicator = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTIONAL,
         .name = "INDICATOR",
         .help = "K05; without: the list of them",
         .ret_value = &r.indicator},
        {.kind = CLI_OPTION,
         .name = "period",
         .takes = "PERIOD",
         .help = "2026-09, 2026-Q3 or 2026; the last that is over if not given",
         .ret_value = &r.period},
        {.kind = CLI_FLAG,
         .name = "public",
         .help = "small cells hidden, so that nobody can be found in them",
         .ret_flag = &r.is_public},
        {.kind = CLI_FLAG,
         .name = "csv",
         .help = "for spreadsheets",
         .ret_flag = &r.csv},
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &r.json},
    };
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (r.indicator == NULL && (r.period != NULL || r.is_public || r.csv)) {
        return cli_misused(cli, "which indicator? sangam report lists them");
    }
    if (r.csv && r.json) {
        return cli_misused(cli, "--csv or --json, not both");
    }
    return open_and_run(&r, cli, &e) == 0 ? CLI_DONE : cli_fail(cli, &e);
}
