/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/grid.h"
#include "node/home.h"
#include "protocol/hlc.h"
#include "protocol/instant.h"
#include "store/review.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was asked. */
struct request {
    const char *action; /* list, show, settle */
    const char *table;
    const char *key; /* its columns with ", " between, as `list` shows it */
    const char *column;
    const char *number; /* of a value, as `show` shows it */
    bool json;
    struct home *home;
    struct replica *replica;
};

/* "0198..., X": the columns of a key, apart again. */
struct key {
    char text[512];
    struct value values[KEY_COLUMNS_MAX];
};

/* --- what is said --------------------------------------------------------- */

static void print_value(const struct value *v, char *out, size_t size)
{
    switch (v->type) {
    case VALUE_NULL:
        (void)snprintf(out, size, "(nothing)");
        break;
    case VALUE_INTEGER:
        (void)snprintf(out, size, "%" PRId64, v->integer);
        break;
    case VALUE_REAL:
        (void)snprintf(out, size, "%.15g", v->real);
        break;
    case VALUE_TEXT:
        (void)snprintf(out, size, "%.*s", (int)v->bytes.len,
                       (const char *)v->bytes.data);
        break;
    case VALUE_BLOB:
        (void)snprintf(out, size, "(%zu bytes)", v->bytes.len);
        break;
    }
}

/* "daily_dose_mcg = 4000" or "birth_year = 1980, birth_date = (nothing)" */
static void print_said(const struct review_value *v, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < v->count && used < size; i++) {
        char value[200];
        print_value(&v->values[i], value, sizeof value);
        int n = snprintf(out + used, size - used, "%s%s = %s",
                         i == 0 ? "" : ", ", v->columns[i]->name, value);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* --- list ----------------------------------------------------------------- */

static int list(struct request *r, struct err *e)
{
    static const char *const titles[] = {"table", "key", "column"};
    struct review_name *names = NULL;
    size_t count = 0;
    int rc = review_list(r->replica, &names, &count, e);
    if (rc != 0) {
        return rc;
    }
    cJSON *json = r->json ? cJSON_CreateArray() : NULL;
    struct grid *grid = grid_new(titles, 3);
    for (size_t i = 0; i < count; i++) {
        const struct review_name *n = &names[i];
        grid_put(grid, "%s", n->table->name);
        grid_put(grid, "%s", n->key);
        grid_put(grid, "%s%s", n->column->name,
                 n->column == n->table->owner_column ? " (critical)" : "");
        if (json != NULL) {
            cJSON *item = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(item, "table", n->table->name);
            (void)cJSON_AddStringToObject(item, "key", n->key);
            (void)cJSON_AddStringToObject(item, "column", n->column->name);
            (void)cJSON_AddBoolToObject(item, "critical",
                                        n->column == n->table->owner_column);
            (void)cJSON_AddItemToArray(json, item);
        }
    }
    if (json != NULL) {
        cli_print_json(&json);
    } else if (count == 0) {
        printf("nothing waits for a person\n");
    } else {
        grid_print(grid);
        printf("sangam reviews show TABLE KEY COLUMN says who wrote what\n");
    }
    grid_destroy(&grid);
    free(names);
    return 0;
}

/* --- one ------------------------------------------------------------------ */

static int read_key(const struct request *r, const struct table *t,
                    struct key *ret, struct err *e)
{
    size_t count = 0;
    (void)snprintf(ret->text, sizeof ret->text, "%s", r->key);
    for (char *at = ret->text; at != NULL && count < KEY_COLUMNS_MAX;) {
        char *comma = t->key_count > 1 ? strstr(at, ", ") : NULL;
        if (comma != NULL) {
            *comma = '\0';
        }
        ret->values[count] = value_text(at);
        if (count < t->key_count && t->key[count]->type == VALUE_INTEGER) {
            ret->values[count] = value_integer(strtoll(at, NULL, 10));
        }
        count++;
        at = comma == NULL ? NULL : comma + 2;
    }
    return count == t->key_count
               ? 0
               : err_set(e, ERR_INPUT,
                         "the key of %s has %zu columns; write them with "
                         "', ' between, as sangam reviews list does",
                         t->name, t->key_count);
}

static int find(struct request *r, struct key *ret_key, struct review **ret,
                struct err *e)
{
    const struct table *t =
        manifest_table_named(replica_manifest(r->replica), r->table);
    if (t == NULL) {
        return err_set(e, ERR_INPUT, "'%s' is not a table that is shared",
                       r->table);
    }
    const struct column *c = table_column_named(t, r->column);
    if (c == NULL) {
        return err_set(e, ERR_INPUT, "%s has no column '%s'", t->name,
                       r->column);
    }
    int rc = read_key(r, t, ret_key, e);
    return rc == 0 ? review_open(r->replica, t, ret_key->values, c, ret, e)
                   : rc;
}

static void show_grid(const struct review *review)
{
    static const char *const titles[] = {"", "shown", "when (UTC)", "site",
                                         "what it says"};
    struct grid *grid = grid_new(titles, 5);
    for (size_t i = 0; i < review->count; i++) {
        const struct review_value *v = &review->values[i];
        char when[INSTANT_TEXT_BYTES];
        char said[400];
        instant_print(hlc_ms(v->hlc), when);
        print_said(v, said, sizeof said);
        grid_put(grid, "%zu", i + 1);
        grid_put(grid, "%s", v->shown ? "shown" : "");
        grid_put(grid, "%s", when);
        grid_put(grid, "%s", v->site);
        grid_put(grid, "%s", said);
    }
    grid_print(grid);
    grid_destroy(&grid);
    if (review->owner) {
        printf("two sites took the row; the one shown counts. It hands the row "
               "over again, and that settles it\n");
    } else {
        printf("sangam reviews settle TABLE KEY COLUMN NUMBER takes one for "
               "good\n");
    }
}

static void show_json(const struct review *review)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < review->count; i++) {
        const struct review_value *v = &review->values[i];
        char when[INSTANT_TEXT_BYTES];
        cJSON *item = cJSON_CreateObject();
        cJSON *says = cJSON_AddObjectToObject(item, "says");
        instant_print(hlc_ms(v->hlc), when);
        (void)cJSON_AddNumberToObject(item, "number", (double)(i + 1));
        (void)cJSON_AddBoolToObject(item, "shown", v->shown);
        (void)cJSON_AddStringToObject(item, "at", when);
        (void)cJSON_AddStringToObject(item, "site", v->site);
        (void)cJSON_AddNumberToObject(item, "seq", (double)v->seq);
        for (size_t k = 0; k < v->count; k++) {
            char value[400];
            const char *name = v->columns[k]->name;
            print_value(&v->values[k], value, sizeof value);
            if (v->values[k].type == VALUE_NULL) {
                (void)cJSON_AddNullToObject(says, name);
            } else if (v->values[k].type == VALUE_INTEGER) {
                (void)cJSON_AddRawToObject(says, name, value);
            } else {
                (void)cJSON_AddStringToObject(says, name, value);
            }
        }
        (void)cJSON_AddItemToArray(json, item);
    }
    cli_print_json(&json);
}

static int show(struct request *r, struct err *e)
{
    struct review *review = NULL;
    struct key key;
    int rc = find(r, &key, &review, e);
    if (rc != 0) {
        return rc;
    }
    assert(review != NULL);
    if (r->json) {
        show_json(review);
    } else {
        show_grid(review);
    }
    review_close(&review);
    return 0;
}

static int write_settled(struct request *r, const struct review *review,
                         const struct key *key, size_t which, struct err *e)
{
    struct database *tool = NULL;
    char said[400];
    int rc = database_open(r->home->replica, DATABASE_TOOL, DATABASE_EXISTING,
                           &tool, e);
    if (rc == 0) {
        rc =
            review_settle(tool, review, key->values, which, clock_wall_ms(), e);
    }
    database_close(&tool);
    if (rc == 0) {
        print_said(&review->values[which], said, sizeof said);
        printf("settled: %s; the node signs it and tells the other sites\n",
               said);
    }
    return rc;
}

static int settle(struct request *r, struct err *e)
{
    struct review *review = NULL;
    struct key key;
    char *end = NULL;
    int rc = find(r, &key, &review, e);
    if (rc != 0) {
        return rc;
    }
    assert(review != NULL);
    unsigned long number = strtoul(r->number, &end, 10);
    if (*end != '\0' || number < 1 || number > review->count) {
        rc = err_set(e, ERR_INPUT,
                     "there is no value %s; sangam reviews show lists 1 to %zu",
                     r->number, review->count);
    } else {
        rc = write_settled(r, review, &key, (size_t)number - 1, e);
    }
    review_close(&review);
    return rc;
}

/* --- the command ---------------------------------------------------------- */

static const struct action {
    const char *name;
    size_t operands; /* after its name */
    int (*run)(struct request *r, struct err *e);
} actions[] = {{"list", 0, list}, {"show", 3, show}, {"settle", 4, settle}};

static const struct action *action_of(const struct request *r)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (r->action == NULL || strcmp(actions[i].name, r->action) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

static size_t operands_of(const struct request *r)
{
    const char *const given[] = {r->table, r->key, r->column, r->number};
    size_t count = 0;
    while (count < 4 && given[count] != NULL) {
        count++;
    }
    return count;
}

static int open_and_run(struct request *r, const struct action *action,
                        const struct cli *cli, struct err *e)
{
    int rc = home_open(cli->home, &r->home, e);
    if (rc == 0) {
        rc = replica_open_reader(r->home->replica, NULL, &r->replica, e);
    }
    if (rc == 0) {
        rc = action->run(r, e);
    }
    replica_close(&r->replica);
    home_close(&r->home);
    return rc;
}

int cmd_reviews(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.action = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTIONAL,
         .name = "ACTION",
         .help = "list (as without), show, settle",
         .ret_value = &r.action},
        {.kind = CLI_OPTIONAL,
         .name = "TABLE",
         .help = "the table the row is in",
         .ret_value = &r.table},
        {.kind = CLI_OPTIONAL,
         .name = "KEY",
         .help = "its key, as list shows it",
         .ret_value = &r.key},
        {.kind = CLI_OPTIONAL,
         .name = "COLUMN",
         .help = "the column",
         .ret_value = &r.column},
        {.kind = CLI_OPTIONAL,
         .name = "NUMBER",
         .help = "settle: the value that is right, as show numbers them",
         .ret_value = &r.number},
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
            cli, "unknown action '%s'; known: list, show, settle", r.action);
    }
    if (operands_of(&r) != action->operands) {
        return cli_misused(cli, "%s takes %zu more arguments", action->name,
                           action->operands);
    }
    return open_and_run(&r, action, cli, &e) == 0 ? CLI_DONE
                                                  : cli_fail(cli, &e);
}
