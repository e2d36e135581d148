/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/grid.h"
#include "node/home.h"
#include "node/tokens.h"
#include "protocol/limits.h"
#include "protocol/name.h"
#include "protocol/number.h"
#include "store/database.h"

#include <assert.h>
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

static const char *text_at(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text == NULL ? "" : text;
}

/* For programs every column has its name. */
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
            (void)cJSON_AddNumberToObject(item, name,
                                          sqlite3_column_double(stmt, i));
            break;
        default:
            (void)cJSON_AddStringToObject(item, name, text_at(stmt, i));
            break;
        }
    }
    return item;
}

/* --- who is meant --------------------------------------------------------- */

/* What a record may have that is called so: itself, and as a number with its
 * dashes and without. */
struct called {
    char number[NUMBER_TEXT_BYTES]; /* "" when it is none */
    char bare[NUMBER_TEXT_BYTES];
    struct err why; /* it is none */
};

static void read_called(const char *text, struct called *ret)
{
    size_t len = 0;
    *ret = (struct called){.number = ""};
    if (number_parse(text, ret->number, &ret->why) != 0) {
        return;
    }
    for (const char *c = ret->number; *c != '\0'; c++) {
        if (*c != '-') {
            ret->bare[len++] = *c;
        }
    }
}

static int statement_of(struct request *r, const char *sql, const char *text,
                        const struct called *called, sqlite3_stmt **ret,
                        struct err *e)
{
    /* what is no number is nobody's, not that of who has an empty one */
    const struct value none = {.type = VALUE_NULL};
    const bool number = called->number[0] != '\0';
    const struct value forms[] = {value_text(text),
                                  number ? value_text(called->number) : none,
                                  number ? value_text(called->bare) : none};
    int rc = database_statement(r->db, sql, ret, e);
    for (int i = 0; rc == 0 && i < 3; i++) {
        database_bind_at(*ret, i + 1, &forms[i]);
    }
    return rc;
}

/* The one record that is called so. */
static int one_person(struct request *r, const char *text,
                      char ret[KEY_BYTES_MAX + 1], struct err *e)
{
    static const char sql[] =
        "SELECT min(person_id), count(*) FROM (SELECT person_id FROM person"
        " WHERE person_id = ?1 UNION SELECT person_id FROM person"
        " WHERE beneficiary_no IN (?1, ?2, ?3) AND record_status = 'active')";
    struct called called;
    sqlite3_stmt *stmt;
    read_called(text, &called);
    int rc = statement_of(r, sql, text, &called, &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    int count = sqlite3_column_int(stmt, 1);
    (void)snprintf(ret, KEY_BYTES_MAX + 1, "%s", text_at(stmt, 0));
    (void)sqlite3_reset(stmt);
    if (count == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "nobody is known here as '%s': write a person_id or a "
                       "number; sangam people find NAME shows them",
                       text);
    }
    return count == 1 ? 0
                      : err_set(e, ERR_INPUT,
                                "%d records have the number %s: name each by "
                                "its person_id, which sangam people find shows",
                                count, text);
}

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
    (void)cJSON_AddItemToArray(f->list, json_of(stmt));
    for (int i = 0; i <= 6; i++) {
        grid_put(f->grid, "%s", text_at(stmt, i));
    }
    bool counts = strcmp(text_at(stmt, 8), "active") == 0;
    bool linked = strcmp(text_at(stmt, 9), text_at(stmt, 0)) != 0;
    grid_put(f->grid, "%s", counts ? text_at(stmt, 7) : text_at(stmt, 8));
    grid_put(f->grid, "%s", linked ? text_at(stmt, 9) : "");
}

static int find_called(struct request *r, const struct called *called,
                       struct found *f, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = statement_of(r, called_sql, r->a, called, &stmt, e);
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
        (void)snprintf(name, sizeof name, "%s %s", text_at(stmt, NAME_AT),
                       text_at(stmt, ALIASES_AT));
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
    read_called(r->a, &called);
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

/* It travels everywhere: a list of headquarters, or at least no sentence. */
static int check_reason(struct request *r, struct err *e)
{
    static const char sql[] =
        "SELECT group_concat(code, ', '), max(code = ?1) FROM ref_code"
        " WHERE code_system = 'link_basis' AND active = 1";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    enum { REASON_BYTES_MAX = 32 };
    const struct value reason = value_text(r->reason);
    sqlite3_stmt *stmt;
    size_t len = r->reason == NULL ? 0 : strlen(r->reason);
    if (len == 0 || len > REASON_BYTES_MAX ||
        strspn(r->reason, letters) != len) {
        return err_set(e, ERR_INPUT,
                       "why? Say so with --reason CODE, a code such as "
                       "abha or same_card in small letters: it goes to every "
                       "site, so it names nobody");
    }
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &reason);
    rc = database_step(r->db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    rc = 0;
    if (text_at(stmt, 0)[0] != '\0' && sqlite3_column_int(stmt, 1) == 0) {
        rc = err_set(e, ERR_INPUT,
                     "'%s' is not in headquarters' list of reasons "
                     "(link_basis): %s",
                     r->reason, text_at(stmt, 0));
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

#define LIVE(l)                                                                \
    " NOT EXISTS(SELECT 1 FROM person_link s WHERE s.supersedes_id = " l       \
    ".link_id)"
#define PAIR(l) l ".person_a = min(?1, ?2) AND " l ".person_b = max(?1, ?2) AND"

/* First each decision to the contrary is taken back; where there is none, it is
 * the first about the two, unless somebody said the same. */
static const char *const decide_sql[] = {
    "INSERT INTO person_link(person_a, person_b, decision, basis,"
    " supersedes_id, decided_by) SELECT l.person_a, l.person_b, ?3, ?4,"
    " l.link_id, ?5 FROM person_link l WHERE " PAIR("l") " l.decision <> ?3"
                                                         " AND" LIVE("l"),
    "INSERT INTO person_link(person_a, person_b, decision, basis, decided_by)"
    " SELECT min(?1, ?2), max(?1, ?2), ?3, ?4, ?5 WHERE NOT EXISTS(SELECT 1"
    " FROM person_link l WHERE " PAIR("l") " l.decision = ?3 AND" LIVE("l") ")",
};

/* 1: written, 0: it has been said before. */
static int write_decision(struct request *r, const struct value said[5],
                          struct err *e)
{
    int rc = 0;
    int written = 0;
    for (size_t i = 0; rc == 0 && written == 0 && i < 2; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, decide_sql[i], &stmt, e);
        for (int at = 0; rc == 0 && at < 5; at++) {
            database_bind_at(stmt, at + 1, &said[at]);
        }
        if (rc == 0) {
            rc = database_done(r->db, stmt, e);
        }
        written = rc == 0 ? sqlite3_changes(database_handle(r->db)) : 0;
    }
    return rc == 0 ? written > 0 : rc;
}

/* Are the two one, through whichever links? */
static int are_one(struct request *r, const char *a, const char *b, bool *ret,
                   struct err *e)
{
    static const char sql[] =
        "WITH RECURSIVE one(id) AS (SELECT ?1 UNION SELECT CASE l.person_a"
        " WHEN o.id THEN l.person_b ELSE l.person_a END FROM one o"
        " CROSS JOIN v_link_live l ON l.person_a = o.id OR l.person_b = o.id)"
        " SELECT EXISTS(SELECT 1 FROM one WHERE id = ?2)";
    const struct value ends[] = {value_text(a), value_text(b)};
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &ends[0]);
    database_bind_at(stmt, 2, &ends[1]);
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1 && sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* What may be asked is asked before it is written for good: who is told of a
 * failure finds nothing changed. */
static int write_about(struct request *r, const char *decision, const char *a,
                       const char *b, bool *ret_one, struct err *e)
{
    const struct value said[] = {value_text(a), value_text(b),
                                 value_text(decision), value_text(r->reason),
                                 value_text(r->by)};
    int rc = database_begin(r->db, e);
    if (rc == 0) {
        rc = write_decision(r, said, e);
    }
    if (rc == 0) {
        rc = err_set(e, ERR_STATE, "that has been said of %s and %s before", a,
                     b);
    }
    if (rc == 1) {
        rc = are_one(r, a, b, ret_one, e);
    }
    if (rc == 0) {
        rc = database_commit(r->db, e);
    }
    database_rollback(r->db);
    return rc;
}

static int decide(struct request *r, const char *decision, struct err *e)
{
    char a[KEY_BYTES_MAX + 1];
    char b[KEY_BYTES_MAX + 1];
    bool one = false;
    int rc = one_person(r, r->a, a, e);
    if (rc == 0) {
        rc = one_person(r, r->b, b, e);
    }
    if (rc == 0 && strcmp(a, b) == 0) {
        rc = err_set(e, ERR_INPUT, "'%s' and '%s' are one record, %s", r->a,
                     r->b, a);
    }
    if (rc == 0) {
        rc = check_reason(r, e);
    }
    if (rc == 0 && (r->by == NULL || r->by[0] == '\0')) {
        rc = err_set(e, ERR_INPUT, "who are you? Say so with --by NAME");
    }
    if (rc == 0) {
        rc = write_about(r, decision, a, b, &one, e);
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
    " d.found_at FROM v_duplicate d"
    " LEFT JOIN person a ON a.person_id = d.person_a"
    " LEFT JOIN person b ON b.person_id = d.person_b"
    " ORDER BY d.same_number DESC, d.found_at, d.person_a, d.person_b";

static void add_pair(struct grid *grid, sqlite3_stmt *stmt)
{
    for (int i = 0; i < 8; i++) {
        grid_put(grid, "%s", text_at(stmt, i));
    }
    grid_put(grid, "%s%s%s", sqlite3_column_int(stmt, 8) != 0 ? "number" : "",
             sqlite3_column_int(stmt, 8) != 0 &&
                     sqlite3_column_int(stmt, 9) != 0
                 ? ", "
                 : "",
             sqlite3_column_int(stmt, 9) != 0 ? "token" : "");
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
    static const char *const titles[] = {"person", "number", "name",
                                         "born",   "other",  "number",
                                         "name",   "born",   "same"};
    struct grid *grid = grid_new(titles, 9);
    cJSON *list = cJSON_CreateArray();
    size_t count = 0;
    bool tokens = false;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, duplicates_sql, &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        add_pair(grid, stmt);
        (void)cJSON_AddItemToArray(list, json_of(stmt));
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
        printf("%" PRIu64 " have none: name, parent, birth year or sex is "
               "missing\n",
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
