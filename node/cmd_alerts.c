/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/grid.h"
#include "node/home.h"
#include "node/row.h"
#include "store/database.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Breaches of rules, as v_breach shows them, and what people do about them. */
struct request {
    const char *action;
    const char *id; /* the beginning of it, as long as only one begins so */
    const char *note;
    const char *by;
    bool all;
    bool json;
    struct database *db;
};

enum { ID_SHOWN_MIN = 12, ID_BYTES = 512 };

/* --- columns of v_breach -------------------------------------------------- */

/* For programs every column has its name; 0 and 1 are what they are. */
static cJSON *json_of(sqlite3_stmt *stmt)
{
    cJSON *item = cJSON_CreateObject();
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const char *name = sqlite3_column_name(stmt, i);
        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_NULL:
            (void)cJSON_AddNullToObject(item, name);
            break;
        case SQLITE_INTEGER:
            (void)cJSON_AddBoolToObject(item, name,
                                        sqlite3_column_int(stmt, i) != 0);
            break;
        default:
            (void)cJSON_AddStringToObject(item, name, row_text(stmt, i));
            break;
        }
    }
    return item;
}

/* --- list ----------------------------------------------------------------- */

struct listed {
    char id[ID_BYTES];
    size_t shown; /* characters that tell it from its neighbours */
};

static size_t common(const char *a, const char *b)
{
    size_t len = 0;
    while (a[len] != '\0' && a[len] == b[len]) {
        len++;
    }
    return len;
}

static int compare_ids(const void *a, const void *b)
{
    const struct listed *x = a;
    const struct listed *y = b;
    return strcmp(x->id, y->id);
}

/* As short as an id can be said among all there are. */
static void shorten(struct listed *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++) {
        size_t left = i > 0 ? common(ids[i - 1].id, ids[i].id) : 0;
        size_t right = i + 1 < count ? common(ids[i].id, ids[i + 1].id) : 0;
        size_t shown = (left > right ? left : right) + 1;
        ids[i].shown = shown < ID_SHOWN_MIN ? ID_SHOWN_MIN : shown;
    }
}

static int read_ids(struct request *r, struct listed **ret, size_t *ret_count,
                    struct err *e)
{
    sqlite3_stmt *stmt;
    struct listed *ids = NULL;
    size_t count = 0;
    int rc = database_statement(r->db, "SELECT breach_id FROM sync_breach",
                                &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        ids = realloc(ids, (count + 1) * sizeof *ids);
        if (ids == NULL) {
            abort();
        }
        (void)snprintf(ids[count++].id, ID_BYTES, "%s", row_text(stmt, 0));
        rc = 0;
    }
    if (rc != 0) {
        free(ids);
        return rc;
    }
    if (count > 0) {
        shorten(ids, count);
    }
    *ret = ids;
    *ret_count = count;
    return 0;
}

static void put_id(struct grid *grid, const char *id, const struct listed *ids,
                   size_t count)
{
    struct listed key = {.shown = 0};
    (void)snprintf(key.id, sizeof key.id, "%s", id);
    const struct listed *found =
        count == 0 ? NULL : bsearch(&key, ids, count, sizeof *ids, compare_ids);
    grid_put(grid, "%.*s", found == NULL ? ID_BYTES : (int)found->shown, id);
}

static const char list_sql[] =
    "SELECT breach_id, rule, severity, title, says, day, since, site_a, site_b,"
    " person_a, person_b, row_a, row_b, who, todo, provisional, status,"
    " found_at FROM v_breach"
    " WHERE ?1 OR status IN ('open', 'acknowledged')"
    " ORDER BY instr('critical high normal', severity), day DESC, breach_id";

static void add_row(struct grid *grid, sqlite3_stmt *stmt,
                    const struct listed *ids, size_t count)
{
    put_id(grid, row_text(stmt, 0), ids, count);
    grid_put(grid, "%s%s", row_text(stmt, 2),
             sqlite3_column_int(stmt, 15) != 0 ? ", provisional" : "");
    grid_put(grid, "%s", row_text(stmt, 16));
    grid_put(grid, "%s", row_text(stmt, 5));
    grid_put(grid, "%s", row_text(stmt, 3));
    grid_put(grid, "%s", row_text(stmt, 4));
}

static int print_list(struct request *r, const struct listed *ids, size_t count,
                      struct err *e)
{
    static const char *const titles[] = {"alert", "severity", "status",
                                         "day",   "rule",     "what"};
    const struct value all = value_integer(r->all);
    struct grid *grid = grid_new(titles, 6);
    cJSON *list = cJSON_CreateArray();
    uint64_t rows = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, list_sql, &stmt, e);
    if (rc == 0) {
        database_bind_at(stmt, 1, &all);
    }
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        add_row(grid, stmt, ids, count);
        (void)cJSON_AddItemToArray(list, json_of(stmt));
        rows++;
        rc = 0;
    }
    if (rc == 0 && r->json) {
        cli_print_json(&list);
    } else if (rc == 0 && rows == 0) {
        printf("no alerts%s\n", r->all ? "" : " are open");
    } else if (rc == 0) {
        grid_print(grid);
        printf("sangam alerts show ALERT says who must act, and how\n");
    }
    cJSON_Delete(list);
    grid_destroy(&grid);
    return rc;
}

static int list(struct request *r, struct err *e)
{
    struct listed *ids = NULL;
    size_t count = 0;
    int rc = read_ids(r, &ids, &count, e);
    if (rc == 0) {
        rc = print_list(r, ids, count, e);
    }
    free(ids);
    return rc;
}

/* --- one ------------------------------------------------------------------ */

/* The whole id of the one alert that begins so. */
static int find(struct request *r, char ret[ID_BYTES], struct err *e)
{
    static const char sql[] = "SELECT min(breach_id), count(*) FROM v_breach"
                              " WHERE substr(breach_id, 1, length(?1)) = ?1";
    const struct value begin = value_text(r->id);
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &begin);
    rc = database_step(r->db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    assert(rc == 1);
    int count = sqlite3_column_int(stmt, 1);
    (void)snprintf(ret, ID_BYTES, "%s", row_text(stmt, 0));
    (void)sqlite3_reset(stmt);
    if (count == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "no alert begins with '%s'; sangam alerts lists them",
                       r->id);
    }
    return count == 1 ? 0
                      : err_set(e, ERR_INPUT,
                                "%d alerts begin with '%s'; write more of it",
                                count, r->id);
}

static int statement_of(struct request *r, const char *sql, const char *id,
                        sqlite3_stmt **ret, struct err *e)
{
    const struct value value = value_text(id);
    int rc = database_statement(r->db, sql, ret, e);
    if (rc == 0) {
        database_bind_at(*ret, 1, &value);
    }
    return rc;
}

static const char acts_sql[] =
    "SELECT DISTINCT act, recorded_at, origin_site, recorded_by, note"
    " FROM v_breach_act WHERE breach_id = ?1 ORDER BY recorded_at, act";

static int print_acts(struct request *r, const char *id, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = statement_of(r, acts_sql, id, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        printf("  %s by %s at %s, %s%s%s\n", row_text(stmt, 0),
               row_text(stmt, 3), row_text(stmt, 2), row_text(stmt, 1),
               row_text(stmt, 4)[0] == '\0' ? "" : ": ", row_text(stmt, 4));
        rc = 0;
    }
    return rc;
}

static int add_acts(struct request *r, const char *id, cJSON *to, struct err *e)
{
    cJSON *acts = cJSON_AddArrayToObject(to, "acts");
    sqlite3_stmt *stmt;
    int rc = statement_of(r, acts_sql, id, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        (void)cJSON_AddItemToArray(acts, json_of(stmt));
        rc = 0;
    }
    return rc;
}

static void print_pair(const char *label, const char *a, const char *b)
{
    if (a[0] != '\0') {
        printf("  %-9s %s%s%s\n", label, a, b[0] == '\0' ? "" : ", ", b);
    }
}

static void print_breach(sqlite3_stmt *stmt)
{
    printf("%s: %s (rule %s, %s%s)\n", row_text(stmt, 3), row_text(stmt, 4),
           row_text(stmt, 1), row_text(stmt, 2),
           sqlite3_column_int(stmt, 15) != 0
               ? ", provisional: a row that is missing may still come"
               : "");
    print_pair("alert", row_text(stmt, 0), "");
    print_pair("status", row_text(stmt, 16), "");
    print_pair("sites", row_text(stmt, 7), row_text(stmt, 8));
    print_pair("persons", row_text(stmt, 9), row_text(stmt, 10));
    print_pair("rows", row_text(stmt, 11), row_text(stmt, 12));
    print_pair("since", row_text(stmt, 6), "");
    print_pair("found", row_text(stmt, 17), "");
    print_pair("who", row_text(stmt, 13), "");
    print_pair("do", row_text(stmt, 14), "");
}

static int show(struct request *r, struct err *e)
{
    static const char sql[] =
        "SELECT breach_id, rule, severity, title, says, day, since, site_a,"
        " site_b, person_a, person_b, row_a, row_b, who, todo, provisional,"
        " status, found_at FROM v_breach WHERE breach_id = ?1";
    char id[ID_BYTES];
    cJSON *json = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = find(r, id, e);
    if (rc == 0) {
        rc = statement_of(r, sql, id, &stmt, e);
    }
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc != 1) {
        return rc;
    }
    if (r->json) {
        json = json_of(stmt);
    } else {
        print_breach(stmt);
    }
    (void)sqlite3_reset(stmt);
    rc = r->json ? add_acts(r, id, json, e) : print_acts(r, id, e);
    if (rc == 0 && r->json) {
        cli_print_json(&json);
    }
    cJSON_Delete(json);
    return rc;
}

/* --- acts ----------------------------------------------------------------- */

/* With each person it names, or with its first site. */
static const char *const act_sql[] = {
    "INSERT INTO breach_act(breach_id, person_id, act, note, recorded_by)"
    " SELECT breach_id, person_a, ?2, ?3, ?4 FROM v_breach"
    " WHERE breach_id = ?1 AND person_a IS NOT NULL"
    " UNION SELECT breach_id, person_b, ?2, ?3, ?4 FROM v_breach"
    " WHERE breach_id = ?1 AND person_b IS NOT NULL",
    "INSERT INTO site_breach_act(breach_id, site_id, act, note, recorded_by)"
    " SELECT breach_id, site_a, ?2, ?3, ?4 FROM v_breach"
    " WHERE breach_id = ?1 AND person_a IS NULL",
};

static int write_act(struct request *r, const char *id, const char *act,
                     struct err *e)
{
    const struct value said[] = {value_text(id), value_text(act),
                                 value_text(r->note), value_text(r->by)};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, act_sql[i], &stmt, e);
        for (int at = 0; rc == 0 && at < 4; at++) {
            database_bind_at(stmt, at + 1, &said[at]);
        }
        if (rc == 0) {
            rc = database_done(r->db, stmt, e);
        }
    }
    return rc;
}

static int do_act(struct request *r, const char *act, struct err *e)
{
    char id[ID_BYTES];
    int rc = find(r, id, e);
    if (rc == 0 && (r->by == NULL || r->by[0] == '\0')) {
        rc = err_set(e, ERR_INPUT, "who are you? Say so with --by NAME");
    }
    if (rc == 0) {
        rc = database_begin(r->db, e);
    }
    if (rc == 0) {
        rc = write_act(r, id, act, e);
        rc = rc == 0 ? database_commit(r->db, e) : rc;
        database_rollback(r->db);
    }
    if (rc == 0) {
        printf("%s: %s; the node signs it and tells the other sites\n", id,
               act);
    }
    return rc;
}

static int acknowledge(struct request *r, struct err *e)
{
    return do_act(r, "acknowledged", e);
}

static int resolve(struct request *r, struct err *e)
{
    return do_act(r, "resolved", e);
}

static int dismiss(struct request *r, struct err *e)
{
    return do_act(r, "not_a_problem", e);
}

/* --- the command ---------------------------------------------------------- */

static const struct action {
    const char *name;
    enum database_use use;
    bool named; /* takes an alert */
    int (*run)(struct request *r, struct err *e);
} actions[] = {
    {"list", DATABASE_READER, false, list},
    {"show", DATABASE_READER, true, show},
    {"ack", DATABASE_TOOL, true, acknowledge},
    {"resolve", DATABASE_TOOL, true, resolve},
    {"dismiss", DATABASE_TOOL, true, dismiss},
};

static const struct action *action_of(const struct request *r)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (r->action == NULL || strcmp(actions[i].name, r->action) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

static int open_and_run(struct request *r, const struct action *action,
                        const struct cli *cli, struct err *e)
{
    struct home *home = NULL;
    int rc = home_open_replica(cli->home, action->use, &home, &r->db, e);
    if (rc == 0) {
        rc = action->run(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

int cmd_alerts(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.by = getenv("USER")};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTIONAL,
         .name = "ACTION",
         .help = "list (as without), show, ack, resolve, dismiss (no problem)",
         .ret_value = &r.action},
        {.kind = CLI_OPTIONAL,
         .name = "ALERT",
         .help = "which, as list shows it",
         .ret_value = &r.id},
        {.kind = CLI_OPTION,
         .name = "note",
         .takes = "TEXT",
         .help = "what was found, for the other sites",
         .ret_value = &r.note},
        {.kind = CLI_OPTION,
         .name = "by",
         .takes = "NAME",
         .help = "who acts; $USER if not given",
         .ret_value = &r.by},
        {.kind = CLI_FLAG,
         .name = "all",
         .help = "list: those that are settled too",
         .ret_flag = &r.all},
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
    const struct action *action = action_of(&r);
    if (action == NULL) {
        return cli_misused(
            cli,
            "unknown action '%s'; known: list, show, ack, resolve, dismiss",
            r.action);
    }
    if ((r.id != NULL) != action->named) {
        return cli_misused(
            cli, action->named ? "%s takes an ALERT" : "%s takes no ALERT",
            action->name);
    }
    return open_and_run(&r, action, cli, &e) == 0 ? CLI_DONE
                                                  : cli_fail(cli, &e);
}
