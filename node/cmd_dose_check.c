/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/called.h"
#include "node/home.h"
#include "node/row.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* What a dispensing desk asks: an example for authors of tools, which ask the
 * same view (store/schema/0009_dose_check.sql) of the same file. */
static const char check_sql[] =
    "SELECT answer, reasons, person_id, beneficiary_no, records, site_id, today,"
    " last_dose_on, last_site, covered_until, missed_days, dose_ceiling_mcg,"
    " dose_ceiling_units, unit, item_codes, take_home_days, prison_now,"
    " owner_sites, vital_status, open_critical, open_reviews, data_through,"
    " sites_behind, in_step_at FROM v_dose_check WHERE person_id = ?1";

/* What is shown to people of it, in this order. */
static const struct shown {
    const char *label;
    const char *column;
} shown[] = {
    {"person", "person_id"},
    {"number", "beneficiary_no"},
    {"last dose", "last_dose_on"},
    {"at", "last_site"},
    {"covered until", "covered_until"},
    {"days missed", "missed_days"},
    {"order, mcg a day", "dose_ceiling_mcg"},
    {"of", "item_codes"},
    {"take home, days", "take_home_days"},
    {"treated by", "owner_sites"},
    {"held in", "prison_now"},
    {"data through", "data_through"},
    {"not all of", "sites_behind"},
    {"in step at", "in_step_at"},
};

/* --- who is meant --------------------------------------------------------- */

/* Of whom there is no record here the district's hub may keep a card: 1. */
static int has_card(struct database *db, const char *named,
                    char ret[KEY_BYTES_MAX + 1], struct err *e)
{
    static const char sql[] =
        "SELECT person_id FROM registry_card WHERE person_id = ?1 LIMIT 1";
    const struct value v = value_text(named);
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &v);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        (void)snprintf(ret, KEY_BYTES_MAX + 1, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* By id, or by the number on the card as long as one record has it. */
static int find(struct database *db, const char *named,
                char ret[KEY_BYTES_MAX + 1], struct err *e)
{
    struct called called;
    int count;
    called_read(named, &called);
    int rc = called_find(db, &called, ret, &count, e);
    if (rc == 0 && count == 0) {
        count = has_card(db, named, ret, e);
        rc = count < 0 ? count : 0;
    }
    if (rc != 0) {
        return rc;
    }
    if (count == 0) {
        return err_set(e, ERR_INPUT,
                       "nobody is known here as '%s': ask at the site that "
                       "treats the person",
                       named);
    }
    if (count > 1) {
        return err_set(e, ERR_INPUT,
                       "%d records have the number %s: name one by its "
                       "person_id, and tell a registrar",
                       count, named);
    }
    return 0;
}

/* --- the answer ----------------------------------------------------------- */

static int column_of(sqlite3_stmt *stmt, const char *name)
{
    int at = 0;
    while (strcmp(sqlite3_column_name(stmt, at), name) != 0) {
        at++;
    }
    return at;
}

static void print(sqlite3_stmt *stmt)
{
    printf("%s\n", (const char *)sqlite3_column_text(stmt, 0));
    if (sqlite3_column_bytes(stmt, 1) > 0) {
        printf("  %s\n", (const char *)sqlite3_column_text(stmt, 1));
    }
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        int at = column_of(stmt, shown[i].column);
        const char *text = (const char *)sqlite3_column_text(stmt, at);
        if (text != NULL) {
            printf("  %-18s%s\n", shown[i].label, text);
        }
    }
}

static void print_json(sqlite3_stmt *stmt)
{
    cJSON *json = row_json(stmt);
    cli_print_json(&json);
}

/* 1: ok, 0: not before somebody has looked. */
static int check(struct database *db, const char *person, bool json,
                 struct err *e)
{
    const struct value v = value_text(person);
    sqlite3_stmt *stmt;
    int rc = database_statement(db, check_sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &v);
    rc = database_step(db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc
                      : err_set(e, ERR_STATE,
                                "%s was here a moment ago and is gone: ask "
                                "again",
                                person);
    }
    bool ok = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    if (json) {
        print_json(stmt);
    } else {
        print(stmt);
    }
    (void)sqlite3_reset(stmt);
    return ok ? 1 : 0;
}

/* --- the command ---------------------------------------------------------- */

int cmd_dose_check(const struct cli *cli, int argc, char **argv)
{
    const char *named = NULL;
    bool json = false;
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPERAND,
         .name = "PERSON",
         .help = "person_id, or the number on the card in any form",
         .ret_value = &named},
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &json},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct database *db = NULL;
    char person[KEY_BYTES_MAX + 1];
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open_replica(cli->home, DATABASE_READER, &home, &db, &e);
    if (rc == 0) {
        rc = find(db, named, person, &e);
    }
    if (rc == 0) {
        rc = check(db, person, json, &e);
    }
    database_close(&db);
    home_close(&home);
    if (rc < 0) {
        return cli_fail(cli, &e);
    }
    return rc == 1 ? CLI_DONE : CLI_FAILED;
}
