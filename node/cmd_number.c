/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/home.h"
#include "protocol/limits.h"
#include "protocol/number.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Beneficiary numbers: an example for authors of tools, which take them from the
 * same table (store/schema/0011_identity.sql). */
struct request {
    const char *count;
    const char *by;
    const char *check;
    const char *renew; /* a site */
    bool json;
    struct database *db;
};

/* --- taking --------------------------------------------------------------- */

static int count_of(const struct request *r, long *ret, struct err *e)
{
    char *end = NULL;
    *ret = 1;
    if (r->count == NULL) {
        return 0;
    }
    errno = 0;
    *ret = strtol(r->count, &end, 10);
    if (errno != 0 || end == r->count || *end != '\0' || *ret < 1 ||
        *ret > NUMBER_POOL) {
        return err_set(e, ERR_INPUT, "'%s' is no count of numbers from 1 to %d",
                       r->count, NUMBER_POOL);
    }
    return 0;
}

/* Why there are none. */
static int none_left(struct request *r, struct err *e)
{
    static const char sql[] =
        "SELECT EXISTS(SELECT 1 FROM ref_node_number n, sync_self s"
        " WHERE n.node = lower(hex(s.node)))";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    bool has_number = sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    return has_number
               ? err_set(e, ERR_STATE,
                         "no more numbers are ready, and none was taken: the "
                         "node makes others within seconds while 'sangam run' "
                         "runs")
               : err_set(e, ERR_STATE,
                         "this node has no number of its own yet, which goes "
                         "into those it makes: headquarters' node issues it, "
                         "and it comes by itself while 'sangam run' runs here "
                         "and the parent is reached");
}

static int take_one(struct request *r, cJSON *to, struct err *e)
{
    static const char sql[] =
        "UPDATE local_number"
        " SET taken_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), taken_by = ?1"
        " WHERE number = (SELECT number FROM v_number_free LIMIT 1)"
        " RETURNING number";
    const struct value by = value_text(r->by);
    bool taken = false;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &by);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        const char *number = (const char *)sqlite3_column_text(stmt, 0);
        (void)cJSON_AddItemToArray(to, cJSON_CreateString(number));
        taken = true;
    }
    return rc == 0 && !taken ? none_left(r, e) : rc;
}

/* All of them or none. */
static int take_all(struct request *r, long count, cJSON *to, struct err *e)
{
    int rc = database_begin(r->db, e);
    for (long i = 0; rc == 0 && i < count; i++) {
        rc = take_one(r, to, e);
    }
    if (rc == 0) {
        rc = database_commit(r->db, e);
    }
    database_rollback(r->db);
    return rc;
}

static int take(struct request *r, struct err *e)
{
    cJSON *numbers = cJSON_CreateArray();
    const cJSON *number;
    long count = 0;
    int rc = count_of(r, &count, e);
    if (rc == 0) {
        rc = take_all(r, count, numbers, e);
    }
    if (rc == 0 && r->json) {
        cli_print_json(&numbers);
    } else if (rc == 0) {
        cJSON_ArrayForEach(number, numbers)
        {
            printf("%s\n", cJSON_GetStringValue(number));
        }
    }
    cJSON_Delete(numbers);
    return rc;
}

/* --- another node number --------------------------------------------------- */

/* The node of a site is the one that got its number last. */
static int renew(struct request *r, struct err *e)
{
    static const char sql[] =
        "INSERT INTO ref_node_number(node, number)"
        " SELECT n.node, (SELECT max(number) + 1 FROM ref_node_number)"
        " FROM ref_node_number n WHERE EXISTS(SELECT 1 FROM sync_certificate c"
        " WHERE c.site = ?1 AND lower(hex(c.node)) = n.node)"
        " ORDER BY n.number DESC LIMIT 1 RETURNING number";
    const struct value site = value_text(r->renew);
    int number = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &site);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        number = sqlite3_column_int(stmt, 0);
    }
    if (rc == 0 && number == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "no node of %s has a number here: is the site's name "
                       "right, and has its node joined?",
                       r->renew);
    }
    if (rc == 0) {
        printf("%s: its node gets number %d, and makes all numbers anew when "
               "it hears of it\n",
               r->renew, number);
    }
    return rc;
}

/* --- checking ------------------------------------------------------------- */

/* Needs no home. */
static int check(struct request *r, struct err *e)
{
    char number[NUMBER_TEXT_BYTES];
    int rc = number_parse(r->check, number, e);
    if (rc != 0 || !r->json) {
        if (rc == 0) {
            printf("%s is well formed\n", number);
        }
        return rc;
    }
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "number", number);
    (void)cJSON_AddBoolToObject(json, "well_formed", true);
    cli_print_json(&json);
    return 0;
}

/* --- the command ---------------------------------------------------------- */

static int open_and_run(struct request *r, const struct cli *cli, struct err *e)
{
    struct home *home = NULL;
    int rc = home_open_replica(cli->home, DATABASE_TOOL, &home, &r->db, e);
    if (rc == 0) {
        rc = r->renew != NULL ? renew(r, e) : take(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

int cmd_number(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.by = getenv("USER")};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTION,
         .name = "count",
         .takes = "N",
         .help = "take so many; one if not given",
         .ret_value = &r.count},
        {.kind = CLI_OPTION,
         .name = "by",
         .takes = "NAME",
         .help = "who takes them; $USER if not given",
         .ret_value = &r.by},
        {.kind = CLI_OPTION,
         .name = "check",
         .takes = "NUMBER",
         .help = "take none: is this one well formed, however it is typed?",
         .ret_value = &r.check},
        {.kind = CLI_OPTION,
         .name = "renew",
         .takes = "SITE",
         .help = "at headquarters: another node number, after a restore there",
         .ret_value = &r.renew},
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
    if ((r.check != NULL) + (r.renew != NULL) + (r.count != NULL) > 1) {
        return cli_misused(cli, "--count, --check and --renew exclude each "
                                "other");
    }
    int rc = r.check != NULL ? check(&r, &e) : open_and_run(&r, cli, &e);
    return rc == 0 ? CLI_DONE : cli_fail(cli, &e);
}
