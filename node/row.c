/* SPDX-License-Identifier: Apache-2.0 */
#include "node/row.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *row_text(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text == NULL ? "" : text;
}

const char *row_real(double number, char out[ROW_REAL_BYTES])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, ROW_REAL_BYTES, "%.*g", digits, number);
        if (strtod(out, NULL) == number) {
            break;
        }
    }
    return out;
}

const char *row_exact(sqlite3_stmt *stmt, int at, char real[ROW_REAL_BYTES])
{
    return sqlite3_column_type(stmt, at) == SQLITE_FLOAT
               ? row_real(sqlite3_column_double(stmt, at), real)
               : row_text(stmt, at);
}

/* cJSON has doubles only: what must be exact is raw. */
static cJSON *json_cell(sqlite3_stmt *stmt, int at)
{
    char text[ROW_REAL_BYTES];
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_NULL:
        return cJSON_CreateNull();
    case SQLITE_INTEGER:
        (void)snprintf(text, sizeof text, "%" PRId64,
                       (int64_t)sqlite3_column_int64(stmt, at));
        return cJSON_CreateRaw(text);
    case SQLITE_FLOAT:
        return cJSON_CreateRaw(row_real(sqlite3_column_double(stmt, at), text));
    default:
        return cJSON_CreateString(row_text(stmt, at));
    }
}

struct cJSON *row_json(sqlite3_stmt *stmt)
{
    cJSON *object = cJSON_CreateObject();
    for (int at = 0; at < sqlite3_column_count(stmt); at++) {
        (void)cJSON_AddItemToObject(object, sqlite3_column_name(stmt, at),
                                    json_cell(stmt, at));
    }
    return object;
}
