/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/called.h"
#include "node/grid.h"
#include "node/home.h"
#include "node/person_link.h"
#include "node/row.h"
#include "node/tokens.h"
#include "protocol/name.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who somebody is, and which records are one human being. */
struct request {
    const char *action;
    const char *a; /* a name, a number, a person_id */
    const char *b;
    const char *reason;
    const char *by;
    bool json;
    const struct home *home;
    struct database *db;
};

/* More than these are no answer to who somebody is. */
enum { PEOPLE_SHOWN_MAX = 100 };

/* --- find ----------------------------------------------------------------- */

#define PERSON                                                                 \
    "SELECT p.person_id, p.beneficiary_no,"                                    \
    " trim(coalesce(p.given_name, '') || ' ' || coalesce(p.family_name, ''))"  \
    " AS name, p.parent_name, p.sex, p.birth_year, p.origin_site,"             \
    " p.vital_status, p.record_status,"                                        \
    " coalesce(c.canon_id, p.person_id) AS canon_id, p.alias_names"            \
    " FROM person p LEFT JOIN sync_person_canon c ON c.person_id = p.person_id"

enum { NAME_AT = 2, ALIASES_AT = 10, CALLED_BYTES = 4096 };

static const char called_sql[] =
    PERSON " WHERE p.person_id IN (SELECT person_id FROM person"
           " WHERE person_id = ?1 UNION SELECT person_id FROM person"
           " WHERE beneficiary_no IN (?1, ?2, ?3)) ORDER BY p.person_id";
static const char named_sql[] =
    PERSON " WHERE p.given_name IS NOT NULL OR p.family_name IS NOT NULL"
           " ORDER BY name, p.person_id";

struct found {
    struct grid *grid;
    cJSON *list;
    size_t count;
};

static void add_found(struct found *f, sqlite3_stmt *stmt)
{
    f->count++;
    if (f->count > PEOPLE_SHOWN_MAX) {
        return;
    }
    (void)cJSON_AddItemToArray(f->list, row_json(stmt));
    for (int i = 0; i <= 6; i++) {
        grid_put(f->grid, "%s", row_text(stmt, i));
    }
    bool counts = strcmp(row_text(stmt, 8), "active") == 0;
    bool linked = strcmp(row_text(stmt, 9), row_text(stmt, 0)) != 0;
    grid_put(f->grid, "%s", counts ? row_text(stmt, 7) : row_text(stmt, 8));
    grid_put(f->grid, "%s", linked ? row_text(stmt, 9) : "");
}

static int find_called(struct request *r, const struct called *called,
                       struct found *f, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, called_sql, &stmt, e);
    if (rc == 0) {
        called_bind(stmt, called);
    }
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        add_found(f, stmt);
        rc = 0;
    }
    return rc;
}

/* Of everybody: how a name sounds is in no index, and a hundred thousand names
 * are heard in less than a second. */
static int find_named(struct request *r, struct found *f, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, named_sql, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        char name[CALLED_BYTES];
        (void)snprintf(name, sizeof name, "%s %s", row_text(stmt, NAME_AT),
                       row_text(stmt, ALIASES_AT));
        if (name_sounds_like(name, r->a)) {
            add_found(f, stmt);
        }
        rc = 0;
    }
    return rc;
}

static int nobody(const struct request *r, const struct called *called,
                  struct err *e)
{
    if (called->number[0] != '\0') {
        return err_set(e, ERR_UNKNOWN,
                       "%s is well formed, but nobody here has it",
                       called->number);
    }
    if (strpbrk(r->a, "0123456789") != NULL) {
        return err_set(e, ERR_UNKNOWN, "nobody is known here as '%s'; %s", r->a,
                       called->why.text);
    }
    return err_set(e, ERR_UNKNOWN,
                   "nobody is known here whose name sounds like '%s', or no "
                   "names are held here",
                   r->a);
}

static void print_found(struct request *r, struct found *f)
{
    if (r->json) {
        cli_print_json(&f->list);
        return;
    }
    grid_print(f->grid);
    if (f->count > PEOPLE_SHOWN_MAX) {
        printf("and %zu more: write more of the name\n",
               f->count - PEOPLE_SHOWN_MAX);
    }
}

static int find(struct request *r, struct err *e)
{
    static const char *const titles[] = {"person", "number", "name",
                                         "parent", "sex",    "born",
                                         "site",   "status", "one with"};
    struct called called;
    struct found f = {.grid = grid_new(titles, 9), .list = cJSON_CreateArray()};
    called_read(r->a, &called);
    int rc = find_called(r, &called, &f, e);
    if (rc == 0 && f.count == 0) {
        rc = find_named(r, &f, e);
    }
    if (rc == 0 && f.count == 0) {
        rc = nobody(r, &called, e);
    }
    if (rc == 0) {
        print_found(r, &f);
    }
    cJSON_Delete(f.list);
    grid_destroy(&f.grid);
    return rc;
}

/* --- link, unlink ---------------------------------------------------------- */

static int decide(struct request *r, const char *decision, struct err *e)
{
    char a[KEY_BYTES_MAX + 1];
    char b[KEY_BYTES_MAX + 1];
    bool one = false;
    int rc = called_person(r->db, r->a, a, e);
    if (rc == 0) {
        rc = called_person(r->db, r->b, b, e);
    }
    if (rc == 0 && strcmp(a, b) == 0) {
        rc = err_set(e, ERR_INPUT, "'%s' and '%s' are one record, %s", r->a,
                     r->b, a);
    }
    if (rc == 0) {
        rc = person_link_check_reason(r->db, r->reason, e);
    }
    if (rc == 0 && (r->by == NULL || r->by[0] == '\0')) {
        rc = err_set(e, ERR_INPUT, "who are you? Say so with --by NAME");
    }
    if (rc == 0) {
        const struct person_link said = {a, b, decision, r->reason, r->by};
        rc = person_link_write(r->db, &said, &one, e);
    }
    if (rc == 0) {
        bool through = one && strcmp(decision, "different") == 0;
        printf("%s and %s: %s; the node signs it and tells all sites%s\n", a, b,
               strcmp(decision, "same") == 0 ? "one person" : "two people",
               through ? "\nstill one through links with others, which is an "
                         "alert (rule 19): unlink those too"
                       : "");
    }
    return rc;
}

static int link_people(struct request *r, struct err *e)
{
    return decide(r, "same", e);
}

static int unlink_people(struct request *r, struct err *e)
{
    return decide(r, "different", e);
}

/* --- duplicates ------------------------------------------------------------ */

static const char duplicates_sql[] =
    "SELECT d.person_a, a.beneficiary_no AS number_a,"
    " trim(coalesce(a.given_name, '') || ' ' || coalesce(a.family_name, ''))"
    " AS name_a, a.birth_year AS birth_year_a, d.person_b,"
    " b.beneficiary_no AS number_b,"
    " trim(coalesce(b.given_name, '') || ' ' || coalesce(b.family_name, ''))"
    " AS name_b, b.birth_year AS birth_year_b, d.same_number, d.same_token,"
    " d.found_at, d.weight, d.found_by FROM v_duplicate d"
    " LEFT JOIN person a ON a.person_id = d.person_a"
    " LEFT JOIN person b ON b.person_id = d.person_b"
    " ORDER BY d.weight DESC, d.found_at, d.person_a, d.person_b";
enum { WEIGHT_AT = 11, FOUND_BY_AT = 12 };

static void add_pair(struct grid *grid, sqlite3_stmt *stmt)
{
    for (int i = 0; i < 8; i++) {
        grid_put(grid, "%s", row_text(stmt, i));
    }
    grid_put(grid, "%s", row_text(stmt, WEIGHT_AT));
    grid_put(grid, "%s", row_text(stmt, FOUND_BY_AT));
}

/* Does this site take part in finding people by name? */
static int any_token(struct request *r, bool *ret, struct err *e)
{
    static const char sql[] =
        "SELECT EXISTS(SELECT 1 FROM person_identifier WHERE kind = 'name_key'"
        " AND origin_site = (SELECT site_id FROM sync_self))";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    *ret = sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    return 0;
}

static void print_pairs(const struct grid *grid, size_t count, bool tokens)
{
    if (count == 0) {
        printf("no two records wait to be found one or two\n");
    } else {
        grid_print(grid);
        printf("sangam people link or unlink PERSON OTHER --reason CODE "
               "settles one\n");
    }
    if (!tokens) {
        printf("people of this site are not found by name: no match tokens are "
               "written (sangam people tokens)\n");
    }
}

static int duplicates(struct request *r, struct err *e)
{
    static const char *const titles[] = {"person", "number", "name", "born",
                                         "other",  "number", "name", "born",
                                         "weight", "same"};
    struct grid *grid = grid_new(titles, 10);
    cJSON *list = cJSON_CreateArray();
    size_t count = 0;
    bool tokens = false;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, duplicates_sql, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        add_pair(grid, stmt);
        (void)cJSON_AddItemToArray(list, row_json(stmt));
        count++;
        rc = 0;
    }
    if (rc == 0) {
        rc = any_token(r, &tokens, e);
    }
    if (rc == 0 && r->json) {
        cli_print_json(&list);
    } else if (rc == 0) {
        print_pairs(grid, count, tokens);
    }
    cJSON_Delete(list);
    grid_destroy(&grid);
    return rc;
}

/* --- tokens --------------------------------------------------------------- */

static void print_tokens(const struct request *r, const struct tokens *t)
{
    if (r->json) {
        cJSON *json = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(json, "people", (double)t->people);
        (void)cJSON_AddNumberToObject(json, "keyless", (double)t->keyless);
        (void)cJSON_AddNumberToObject(json, "written", (double)t->written);
        (void)cJSON_AddNumberToObject(json, "replaced", (double)t->replaced);
        cli_print_json(&json);
        return;
    }
    printf("%" PRIu64 " token%s written for %" PRIu64 " people of this site, "
           "%" PRIu64 " replaced\n",
           t->written, cli_plural(t->written), t->people, t->replaced);
    if (t->keyless > 0) {
        printf("%" PRIu64
               " cannot be found by their whole name: a name, parent, "
               "birth year or sex is missing\n",
               t->keyless);
    }
}

static int write_tokens(struct request *r, struct err *e)
{
    uint8_t key[MATCH_KEY_BYTES];
    struct tokens t = {0};
    int rc = home_programme_key(r->home, key, e);
    if (rc == 0) {
        rc = tokens_write(r->db, key, &t, e);
    }
    sodium_memzero(key, sizeof key);
    if (rc == 0) {
        print_tokens(r, &t);
    }
    return rc;
}

/* --- the command ---------------------------------------------------------- */

static const struct action {
    const char *name;
    enum database_use use;
    int people; /* how many it takes */
    int (*run)(struct request *r, struct err *e);
} actions[] = {
    {"find", DATABASE_READER, 1, find},
    {"link", DATABASE_TOOL, 2, link_people},
    {"unlink", DATABASE_TOOL, 2, unlink_people},
    {"duplicates", DATABASE_READER, 0, duplicates},
    {"tokens", DATABASE_TOOL, 0, write_tokens},
};

static const struct action *action_of(const struct request *r)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, r->action) == 0) {
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
        r->home = home;
        rc = action->run(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

static int misused(const struct cli *cli, const struct request *r,
                   const struct action *action)
{
    if (action == NULL) {
        return cli_misused(cli,
                           "'%s' is none of find, link, unlink, duplicates, "
                           "tokens",
                           r->action);
    }
    int given = (r->a != NULL) + (r->b != NULL);
    if (given != action->people) {
        static const char *const wanted[] = {
            "nobody", "one: a name, a number or a person_id",
            "two: numbers or person_ids"};
        return cli_misused(cli, "%s takes %s", action->name,
                           wanted[action->people]);
    }
    return CLI_GO_ON;
}

int cmd_people(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.by = getenv("USER")};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPERAND,
         .name = "ACTION",
         .help = "find; link (are one), unlink (are two); duplicates; tokens",
         .ret_value = &r.action},
        {.kind = CLI_OPTIONAL,
         .name = "PERSON",
         .help = "a number in any form, a person_id; find: or a name",
         .ret_value = &r.a},
        {.kind = CLI_OPTIONAL,
         .name = "OTHER",
         .help = "of whom it is said",
         .ret_value = &r.b},
        {.kind = CLI_OPTION,
         .name = "reason",
         .takes = "CODE",
         .help = "link, unlink: what shows it; a code, it goes everywhere",
         .ret_value = &r.reason},
        {.kind = CLI_OPTION,
         .name = "by",
         .takes = "NAME",
         .help = "who answers for it; $USER if not given",
         .ret_value = &r.by},
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
    code = misused(cli, &r, action);
    if (code != CLI_GO_ON) {
        return code;
    }
    return open_and_run(&r, action, cli, &e) == 0 ? CLI_DONE
                                                  : cli_fail(cli, &e);
}
