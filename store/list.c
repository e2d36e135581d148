/* SPDX-License-Identifier: Apache-2.0 */
#include "store/list.h"

#include <stdlib.h>
#include <string.h>

static int put_quoted(struct database *db, const struct value *v,
                      struct bytes *out, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, "SELECT json_quote(?1)", &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, v);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        struct value quoted = database_column(stmt, 0);
        bytes_put(out, quoted.bytes.data, quoted.bytes.len);
        (void)sqlite3_reset(stmt);
        rc = 0;
    }
    return rc;
}

int list_of(struct database *db, const struct column *c, const struct memory *m,
            struct bytes *text, struct value *ret, struct err *e)
{
    size_t count = 0;
    int rc = 0;
    bytes_clear(text);
    for (size_t i = 0; rc == 0 && i < m->element_count; i++) {
        if (!element_is_there(&m->elements[i])) {
            continue;
        }
        struct value v = memory_value(&m->elements[i].value);
        bytes_put_u8(text, count++ == 0 ? '[' : ',');
        rc = put_quoted(db, &v, text, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (count == 0 && !c->not_null) {
        *ret = (struct value){.type = VALUE_NULL};
        return 0;
    }
    bytes_put(text, count == 0 ? "[]" : "]", count == 0 ? 2 : 1);
    *ret = (struct value){.type = VALUE_TEXT, .bytes = slice_of(text)};
    return 0;
}

/* --- reading ------------------------------------------------------------- */

static int compare_elements(const void *a, const void *b)
{
    return element_compare(a, b);
}

static int refuse(struct err *e)
{
    return err_set(e, ERR_INPUT,
                   "it is no JSON list of at most %d texts and whole numbers, "
                   "each of at most %d bytes",
                   (int)ELEMENTS_MAX, (int)ELEMENT_BYTES_MAX);
}

/* Takes one element; its bytes stay by offset while `memory` moves. */
static bool take(sqlite3_stmt *stmt, struct bytes *memory, struct value *ret)
{
    struct value type = database_column(stmt, 0);
    *ret = database_column(stmt, 1);
    bool plain = ret->type == VALUE_INTEGER || ret->type == VALUE_TEXT;
    /* true is 1 to SQLite, and a list in a list its text */
    bool said =
        slice_equal(type.bytes, (struct slice){(const uint8_t *)"text", 4}) ||
        slice_equal(type.bytes, (struct slice){(const uint8_t *)"integer", 7});
    bytes_put(memory, ret->bytes.data, ret->bytes.len);
    return plain && said && element_is_sound(ret);
}

static void settle(struct value list[], size_t *count,
                   const struct bytes *memory)
{
    const uint8_t *at = memory->data;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        list[i].bytes.data = at;
        at += list[i].bytes.len;
    }
    qsort(list, *count, sizeof *list, compare_elements);
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || element_compare(&list[kept - 1], &list[i]) != 0) {
            list[kept++] = list[i];
        }
    }
    *count = kept;
}

static int is_array(struct database *db, const struct value *cell,
                    struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        db,
        "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'array'"
        " ELSE 0 END",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, cell);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        rc = sqlite3_column_int(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

int list_read(struct database *db, const struct value *cell,
              struct bytes *memory, struct value ret[], size_t *ret_count,
              struct err *e)
{
    sqlite3_stmt *stmt;
    *ret_count = 0;
    bytes_clear(memory);
    if (cell->type == VALUE_NULL) {
        return 0;
    }
    int rc = cell->type == VALUE_TEXT ? is_array(db, cell, e) : 0;
    if (rc != 1) {
        return rc == 0 ? refuse(e) : rc;
    }
    rc = database_statement(db, "SELECT type, value FROM json_each(?1)", &stmt,
                            e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, cell);
    while ((rc = database_step(db, stmt, e)) == 1) {
        if (*ret_count == ELEMENTS_MAX ||
            !take(stmt, memory, &ret[*ret_count])) {
            (void)sqlite3_reset(stmt);
            return refuse(e);
        }
        ++*ret_count;
    }
    settle(ret, ret_count, memory);
    return rc;
}
