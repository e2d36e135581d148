/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/grid.h"
#include "node/home.h"
#include "protocol/instant.h"
#include "store/database.h"
#include "store/state.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What does not show in the tables, and why: local writes that this node may
 * not make, merged rows that a table does not take, and leaves that wait or
 * were refused. */
struct request {
    const char *action;
    const char *number;
    bool json;
    struct database *db;
    struct grid *grid;
    cJSON *list;
    uint64_t count;
};

static const char *const titles[] = {"what", "number", "when (UTC)", "table",
                                     "key",  "column", "value",      "why"};
enum { COLUMN_COUNT = sizeof titles / sizeof titles[0] };

/* One query for each kind; all give number, milliseconds, table, key, column,
 * value and why. */
static const struct kind {
    const char *name;
    const char *sql;
} kinds[] = {
    {"local write",
     "SELECT p.parked_id, p.at_ms, coalesce(t.name, p.table_id), p.key,"
     " coalesce(c.name, p.column_id), quote(p.value), p.says"
     " FROM sync_parked AS p LEFT JOIN sync_table AS t USING(table_id)"
     " LEFT JOIN sync_column AS c ON c.table_id = p.table_id"
     " AND c.column_id = p.column_id"
     " WHERE p.dismissed_ms IS NULL ORDER BY p.parked_id"},
    {"row not shown",
     "SELECT NULL, NULL, coalesce(t.name, u.table_id), u.key, NULL, NULL,"
     " u.says FROM sync_unprojected AS u LEFT JOIN sync_table AS t"
     " USING(table_id) ORDER BY u.table_id, u.key"},
    {"change of a site",
     "SELECT v.position, NULL, coalesce(t.name, v.table_id), v.key,"
     " v.verdict, NULL, v.says FROM sync_verdict AS v"
     " LEFT JOIN sync_table AS t USING(table_id)"
     " ORDER BY v.position, v.leaf"},
};

static void text_of(sqlite3_stmt *stmt, int at, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);
    (void)snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

static void add_row(struct request *r, const char *kind, sqlite3_stmt *stmt)
{
    char cells[COLUMN_COUNT][400];
    cJSON *item = cJSON_CreateObject();
    (void)snprintf(cells[0], sizeof cells[0], "%s", kind);
    for (int i = 0; i < COLUMN_COUNT - 1; i++) {
        text_of(stmt, i, cells[i + 1], sizeof cells[0]);
    }
    if (sqlite3_column_type(stmt, 1) != SQLITE_NULL) {
        char when[INSTANT_TEXT_BYTES];
        instant_print(sqlite3_column_int64(stmt, 1), when);
        (void)snprintf(cells[2], sizeof cells[2], "%s", when);
    }
    row_key_print(database_column(stmt, 3).bytes, cells[4], sizeof cells[4]);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        grid_put(r->grid, "%s", cells[i]);
        (void)cJSON_AddStringToObject(item, titles[i], cells[i]);
    }
    (void)cJSON_AddItemToArray(r->list, item);
    r->count++;
}

static int list(struct request *r, struct err *e)
{
    int rc = 0;
    r->grid = grid_new(titles, COLUMN_COUNT);
    r->list = cJSON_CreateArray();
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, kinds[i].sql, &stmt, e);
        while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
            add_row(r, kinds[i].name, stmt);
            rc = 0;
        }
    }
    if (rc == 0 && r->json) {
        cli_print_json(&r->list);
    } else if (rc == 0 && r->count == 0) {
        printf("nothing is parked\n");
    } else if (rc == 0) {
        grid_print(r->grid);
        printf("sangam parked dismiss NUMBER puts a local write aside, once it "
               "is entered where it belongs\n");
    }
    cJSON_Delete(r->list);
    grid_destroy(&r->grid);
    return rc;
}

static int dismiss(struct request *r, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_parked SET dismissed_ms = ?2 WHERE parked_id = ?1"
        " AND dismissed_ms IS NULL";
    char *end = NULL;
    sqlite3_stmt *stmt;
    long long number = strtoll(r->number, &end, 10);
    if (*end != '\0') {
        return err_set(e, ERR_INPUT, "'%s' is not a number", r->number);
    }
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, number);
    sqlite3_bind_int64(stmt, 2, clock_wall_ms());
    rc = database_done(r->db, stmt, e);
    if (rc == 0 && sqlite3_changes(database_handle(r->db)) == 0) {
        rc = err_set(e, ERR_UNKNOWN,
                     "there is no local write %lld; sangam parked lists them",
                     number);
    }
    return rc;
}

static const struct action {
    const char *name;
    enum database_use use; /* the node's own tables are closed to tools */
    bool numbered;
    int (*run)(struct request *r, struct err *e);
} actions[] = {
    {"list", DATABASE_READER, false, list},
    {"dismiss", DATABASE_NODE, true, dismiss},
};

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

int cmd_parked(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.action = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTIONAL,
         .name = "ACTION",
         .help = "list (as without), dismiss",
         .ret_value = &r.action},
        {.kind = CLI_OPTIONAL,
         .name = "NUMBER",
         .help = "dismiss: the number of the local write",
         .ret_value = &r.number},
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &r.json},
    };
    const struct action *action = NULL;
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    for (size_t i = 0; action == NULL && i < 2; i++) {
        if (r.action == NULL || strcmp(actions[i].name, r.action) == 0) {
            action = &actions[i];
        }
    }
    if (action == NULL) {
        return cli_misused(cli, "unknown action '%s'; known: list, dismiss",
                           r.action);
    }
    if (action->numbered != (r.number != NULL)) {
        return cli_misused(cli, "dismiss takes a number, list takes none");
    }
    return open_and_run(&r, action, cli, &e) == 0 ? CLI_DONE
                                                  : cli_fail(cli, &e);
}
