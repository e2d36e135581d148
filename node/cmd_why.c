/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/home.h"
#include "protocol/hlc.h"
#include "protocol/instant.h"
#include "store/replica.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was asked, and the answer. */
struct question {
    const char *table;
    const char *keys[KEY_COLUMNS_MAX];
    bool json;
    struct why why;
    struct hash self;
};

static const char *word_of_op(enum leaf_op op)
{
    switch (op) {
    case LEAF_INSERT:
        return "insert";
    case LEAF_UPDATE:
        return "update";
    case LEAF_DELETE:
        return "delete";
    }
    return "unknown";
}

/* --- for people ----------------------------------------------------------- */

enum { COLUMN_COUNT = 8, CELL_TEXT_BYTES = 32 };

static const char *const titles[COLUMN_COUNT] = {
    "when (UTC)", "site",    "seq",       "through",
    "what",       "verdict", "signature", "columns that show",
};

static void print_cell(const struct question *q, const struct why_leaf *l,
                       size_t column, char *out, size_t size)
{
    char when[INSTANT_TEXT_BYTES];

    switch (column) {
    case 0:
        instant_print(hlc_ms(l->hlc), when);
        (void)snprintf(out, size, "%s", when);
        break;
    case 1:
        (void)snprintf(out, size, "%s", l->site);
        break;
    case 2:
        (void)snprintf(out, size, "%" PRIu64, l->seq);
        break;
    case 3:
        (void)snprintf(out, size, "%s",
                       hash_equal(&l->origin, &q->self) ? "written here"
                                                        : l->from);
        break;
    case 4:
        (void)snprintf(out, size, "%s %s", word_of_op(l->op), l->class_name);
        break;
    case 5:
        (void)snprintf(out, size, "%s", l->verdict);
        break;
    case 6:
        (void)snprintf(out, size, "%s", l->verified ? "ok" : "BAD");
        break;
    default:
        (void)snprintf(
            out, size, "%s%s%s",
            l->columns[0] != '\0' || l->says[0] != '\0' ? l->columns : "-",
            l->columns[0] != '\0' && l->says[0] != '\0' ? ": " : "", l->says);
        break;
    }
}

static void print_table(const struct question *q)
{
    char cell[sizeof q->why.leaves->columns + sizeof q->why.leaves->says + 2];
    int widths[COLUMN_COUNT];

    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        size_t widest = strlen(titles[c]);
        for (size_t i = 0; i < q->why.count; i++) {
            print_cell(q, &q->why.leaves[i], c, cell, sizeof cell);
            widest = strlen(cell) > widest ? strlen(cell) : widest;
        }
        /* nothing follows the last column */
        widths[c] = c + 1 < COLUMN_COUNT ? (int)widest : 0;
        printf("%-*s%s", widths[c], titles[c],
               c + 1 < COLUMN_COUNT ? "  " : "\n");
    }
    for (size_t i = 0; i < q->why.count; i++) {
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            print_cell(q, &q->why.leaves[i], c, cell, sizeof cell);
            printf("%-*s%s", widths[c], cell,
                   c + 1 < COLUMN_COUNT ? "  " : "\n");
        }
    }
}

/* --- for programs --------------------------------------------------------- */

static cJSON *json_of_leaf(const struct why_leaf *l)
{
    char origin[HASH_HEX_BYTES];
    char incarnation[2 * sizeof l->incarnation + 1];
    char when[INSTANT_TEXT_BYTES];
    cJSON *json = cJSON_CreateObject();

    hash_print(&l->origin, origin);
    (void)snprintf(incarnation, sizeof incarnation, "%016" PRIx64,
                   l->incarnation);
    instant_print(hlc_ms(l->hlc), when);
    (void)cJSON_AddStringToObject(json, "at", when);
    (void)cJSON_AddStringToObject(json, "site", l->site);
    (void)cJSON_AddStringToObject(json, "origin", origin);
    (void)cJSON_AddStringToObject(json, "incarnation", incarnation);
    (void)cJSON_AddNumberToObject(json, "seq", (double)l->seq);
    (void)cJSON_AddNumberToObject(json, "position", (double)l->position);
    (void)cJSON_AddStringToObject(json, "through", l->from);
    (void)cJSON_AddStringToObject(json, "what", word_of_op(l->op));
    (void)cJSON_AddStringToObject(json, "class", l->class_name);
    (void)cJSON_AddStringToObject(json, "verdict", l->verdict);
    (void)cJSON_AddStringToObject(json, "says", l->says);
    (void)cJSON_AddBoolToObject(json, "signature_verifies", l->verified);
    (void)cJSON_AddStringToObject(json, "columns_that_show", l->columns);
    return json;
}

static void print_json(const struct question *q)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < q->why.count; i++) {
        (void)cJSON_AddItemToArray(json, json_of_leaf(&q->why.leaves[i]));
    }
    cli_print_json(&json);
}

/* --- the command ---------------------------------------------------------- */

static int check_key(const struct question *q, const struct table *t,
                     struct err *e)
{
    size_t given = 0;
    while (given < KEY_COLUMNS_MAX && q->keys[given] != NULL) {
        given++;
    }
    if (given < t->key_count) {
        return err_set(e, ERR_INPUT,
                       "the key of %s goes on with %s, which is "
                       "missing",
                       t->name, t->key[given]->name);
    }
    if (given > t->key_count) {
        return err_set(e, ERR_INPUT, "the key of %s is %s%s; '%s' is too much",
                       t->name, t->key[0]->name,
                       t->key_count > 1 ? " and others" : " alone",
                       q->keys[t->key_count]);
    }
    return 0;
}

static int ask(struct question *q, struct replica *replica, struct err *e)
{
    struct value key[KEY_COLUMNS_MAX];
    const struct table *t =
        manifest_table_named(replica_manifest(replica), q->table);

    if (t == NULL) {
        return err_set(e, ERR_INPUT, "'%s' is not a table that is shared",
                       q->table);
    }
    int rc = check_key(q, t, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < t->key_count; i++) {
        key[i] = value_text(q->keys[i]);
    }
    q->self = replica_self(replica)->node;
    rc = replica_why(replica, t, key, &q->why, e);
    if (rc == 0 && q->why.count == 0) {
        rc = err_set(e, ERR_INPUT, "nothing is known here of %s %s", q->table,
                     q->keys[0]);
    }
    return rc;
}

static int open_and_ask(struct question *q, const struct home *home,
                        struct err *e)
{
    struct replica *replica = NULL;

    int rc = replica_open_reader(home->replica, NULL, &replica, e);
    if (rc == 0) {
        rc = ask(q, replica, e);
    }
    replica_close(&replica);
    return rc;
}

int cmd_why(const struct cli *cli, int argc, char **argv)
{
    struct question q = {.table = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPERAND,
         .name = "TABLE",
         .help = "the table the row is in",
         .ret_value = &q.table},
        {.kind = CLI_OPERAND,
         .name = "KEY",
         .help = "its key",
         .ret_value = &q.keys[0]},
        {.kind = CLI_OPTIONAL,
         .name = "KEY2",
         .help = "the second column of the key, where it has two",
         .ret_value = &q.keys[1]},
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &q.json},
    };
    struct err e = {0};
    struct home *home = NULL;

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = open_and_ask(&q, home, &e);
    }
    home_close(&home);
    if (rc != 0) {
        code = cli_fail(cli, &e);
    } else if (q.json) {
        print_json(&q);
        code = CLI_DONE;
    } else {
        print_table(&q);
        code = CLI_DONE;
    }
    why_clear(&q.why);
    return code;
}
