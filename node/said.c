/* SPDX-License-Identifier: Apache-2.0 */
#include "node/said.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

struct said {
    char *register_name; /* owned, like the others */
    char *table;
    char *key;
    cJSON *columns;
    char *before; /* the JSON that was read; NULL: none */
};

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

void said_new(const char *register_name, const char *table, const char *key,
              struct said **ret)
{
    struct said *s = calloc(1, sizeof *s);
    if (s == NULL || (s->columns = cJSON_CreateObject()) == NULL) {
        abort();
    }
    s->register_name = copy(register_name);
    s->table = copy(table);
    s->key = copy(key);
    *ret = s;
}

void said_destroy(struct said **s_p)
{
    struct said *s = *s_p;

    *s_p = NULL;
    if (s == NULL) {
        return;
    }
    cJSON_Delete(s->columns);
    free(s->register_name);
    free(s->table);
    free(s->key);
    free(s->before);
    free(s);
}

static void bind(const struct said *s, sqlite3_stmt *stmt)
{
    struct value named = value_text(s->register_name);
    struct value table = value_text(s->table);
    struct value key = value_text(s->key);
    database_bind(stmt, ":register", &named);
    database_bind(stmt, ":table", &table);
    database_bind(stmt, ":key", &key);
}

/* What stands in the table was written by an import, or by a tool that should
 * not have. */
static int parse(struct said *s, const char *text, struct err *e)
{
    cJSON *columns = cJSON_Parse(text);
    if (!cJSON_IsObject(columns)) {
        cJSON_Delete(columns);
        return err_set(e, ERR_CORRUPT,
                       "local_register_row.said of %s %s is no JSON object: "
                       "delete that row, and import the register again",
                       s->table, s->key);
    }
    cJSON_Delete(s->columns);
    s->columns = columns;
    s->before = copy(text);
    return 0;
}

int said_read(struct database *db, const char *register_name, const char *table,
              const char *key, struct said **ret, struct err *e)
{
    struct said *s = NULL;
    sqlite3_stmt *stmt;
    said_new(register_name, table, key, &s);
    int rc = database_statement(db,
                                "SELECT said FROM local_register_row"
                                " WHERE register = :register"
                                " AND table_name = :table AND key = :key",
                                &stmt, e);
    if (rc == 0) {
        bind(s, stmt);
        rc = database_step(db, stmt, e);
    }
    if (rc == 1) {
        rc = parse(s, (const char *)sqlite3_column_text(stmt, 0), e);
        (void)sqlite3_reset(stmt);
    }
    if (rc != 0) {
        said_destroy(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

bool said_any(const struct said *s)
{
    return s->before != NULL;
}

bool said_column(const struct said *s, const char *column,
                 const char **ret_text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(s->columns, column);
    *ret_text = cJSON_GetStringValue(item);
    return item != NULL;
}

void said_put(struct said *s, const char *column, const char *text)
{
    cJSON *item = text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
    if (item == NULL) {
        abort();
    }
    if (cJSON_GetObjectItemCaseSensitive(s->columns, column) == NULL) {
        (void)cJSON_AddItemToObject(s->columns, column, item);
    } else {
        (void)cJSON_ReplaceItemInObjectCaseSensitive(s->columns, column, item);
    }
}

static int write(struct said *s, struct database *db, const char *text,
                 struct err *e)
{
    struct value said = value_text(text);
    sqlite3_stmt *stmt;
    int rc = database_statement(
        db,
        "INSERT INTO local_register_row(register, table_name, key, said)"
        " VALUES (:register, :table, :key, :said)"
        " ON CONFLICT DO UPDATE SET said = excluded.said,"
        " noted_at = excluded.noted_at",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bind(s, stmt);
    database_bind(stmt, ":said", &said);
    return database_done(db, stmt, e);
}

int said_keep(struct said *s, struct database *db, struct err *e)
{
    char *text = cJSON_PrintUnformatted(s->columns);
    if (text == NULL) {
        abort();
    }
    bool same = s->before != NULL && strcmp(s->before, text) == 0;
    int rc = same ? 0 : write(s, db, text, e);
    free(text);
    return rc != 0 ? rc : same ? 0 : 1;
}
