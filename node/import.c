/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import.h"

#include "node/refusal.h"
#include "node/target.h"
#include "protocol/instant.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_ROWS = 1000, /* between two looks of whoever shows progress */
    ID_TAIL_BYTES = 3,
};

struct import {
    struct database *db; /* borrowed */
    struct csv *csv;
    struct target *target;
    char *path;
    struct target_column *of_field[COLUMNS_MAX];
    size_t field_count;
    struct import_state state;
};

/* --- faults --------------------------------------------------------------- */

/* Notes what is wrong with a field, or with a whole row (column NULL). */
static void fault(struct import *i, uint64_t line,
                  const struct target_column *c, const char *what)
{
    uint64_t n = i->state.faults++;
    if (n >= IMPORT_FAULTS_KEPT) {
        return;
    }
    if (c == NULL || c->field == TARGET_NO_FIELD) {
        (void)snprintf(i->state.first[n], ERR_TEXT_BYTES, "%s:%llu: %s",
                       i->path, (unsigned long long)line, what);
    } else {
        (void)snprintf(i->state.first[n], ERR_TEXT_BYTES, "%s:%llu:%d %s: %s",
                       i->path, (unsigned long long)line, c->field + 1, c->name,
                       what);
    }
}

/* --- the header ----------------------------------------------------------- */

static int fail_header(const struct import *i, const struct csv_row *row,
                       size_t field, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s:%llu:%zu: '%.60s' %s", i->path,
                   (unsigned long long)row->line, field + 1,
                   row->fields[field].data, what);
}

static int take_header_field(struct import *i, const struct csv_row *row,
                             size_t field, struct err *e)
{
    char what[128];
    struct cell ignored;
    struct err wrong;

    if (row->fields[field].len == 0) {
        return fail_header(i, row, field, "names no column", e);
    }
    if (cell_parse(CELL_KEY, &row->fields[field], &ignored, &wrong) != 0) {
        return err_set(e, ERR_INPUT, "%s:%llu:%zu: %s", i->path,
                       (unsigned long long)row->line, field + 1, wrong.text);
    }
    struct target_column *c =
        target_column_named(i->target, row->fields[field].data);
    if (c == NULL) {
        (void)snprintf(what, sizeof what, "is no column of %s",
                       i->target->table);
        return fail_header(i, row, field, what, e);
    }
    if (c->field != TARGET_NO_FIELD) {
        (void)snprintf(what, sizeof what, "is the name of field %d already",
                       c->field + 1);
        return fail_header(i, row, field, what, e);
    }
    if (c->form == CELL_NONE) {
        return fail_header(i, row, field, "cannot be given in a text file", e);
    }
    c->field = (int)field;
    i->of_field[field] = c;
    return 0;
}

static int read_header(struct import *i, struct err *e)
{
    struct csv_row row;
    int rc = csv_read(i->csv, &row, e);
    if (rc == 0) {
        return err_set(e, ERR_INPUT, "%s: has no header line", i->path);
    }
    if (rc < 0) {
        return rc;
    }
    if (row.count > COLUMNS_MAX) {
        return err_set(e, ERR_INPUT, "%s:%llu: has %zu columns, %s has %zu",
                       i->path, (unsigned long long)row.line, row.count,
                       i->target->table, i->target->count);
    }
    i->field_count = row.count;
    for (size_t n = 0; n < row.count; n++) {
        rc = take_header_field(i, &row, n, e);
        if (rc != 0) {
            return rc;
        }
    }
    for (size_t n = 0; n < i->target->count; n++) {
        const struct target_column *c = &i->target->columns[n];
        if (c->required && c->field == TARGET_NO_FIELD) {
            return err_set(e, ERR_INPUT,
                           "%s:%llu: column %s is missing; %s cannot do "
                           "without it",
                           i->path, (unsigned long long)row.line, c->name,
                           i->target->table);
        }
    }
    return 0;
}

/* --- opening -------------------------------------------------------------- */

/* When, and three random bytes for two imports within a second. */
static void draw_id(int64_t now_ms, char out[IMPORT_ID_BYTES])
{
    char when[INSTANT_TEXT_BYTES];
    uint8_t tail[ID_TAIL_BYTES];
    size_t n = 0;

    instant_print(now_ms, when);
    for (const char *c = when; *c != '\0'; c++) {
        if (*c != '-' && *c != ':') {
            out[n++] = *c;
        }
    }
    randombytes_buf(tail, sizeof tail);
    (void)snprintf(out + n, IMPORT_ID_BYTES - n, "-%02x%02x%02x", tail[0],
                   tail[1], tail[2]);
}

int import_open(struct database *db, const char *table, const char *path,
                int64_t now_ms, struct import **ret, struct err *e)
{
    struct import *i = calloc(1, sizeof *i);
    if (i == NULL || (i->path = strdup(path)) == NULL) {
        abort();
    }
    i->db = db;
    draw_id(now_ms, i->state.id);

    int rc = csv_open(path, &i->csv, e);
    if (rc == 0) {
        rc = database_begin(db, e);
    }
    if (rc == 0) {
        rc = target_open(db, table, &i->target, e);
    }
    if (rc == 0) {
        rc = read_header(i, e);
    }
    if (rc != 0) {
        import_destroy(&i);
        return rc;
    }
    *ret = i;
    return 0;
}

void import_destroy(struct import **i_p)
{
    struct import *i = *i_p;

    *i_p = NULL;
    if (i == NULL) {
        return;
    }
    database_rollback(i->db);
    csv_destroy(&i->csv);
    target_destroy(&i->target);
    free(i->path);
    free(i);
}

/* --- rows ----------------------------------------------------------------- */

static int note_row(struct import *i, const struct value *key, uint64_t line,
                    struct err *e)
{
    struct value id = value_text(i->state.id);
    struct value table = value_text(i->target->table);
    struct value line_value = value_integer((int64_t)line);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        i->db,
        "INSERT INTO local_import_row(import_id, table_name, key, file_line)"
        " VALUES (:id, :table, :key, :line)",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":id", &id);
    database_bind(stmt, ":table", &table);
    database_bind(stmt, ":key", key);
    database_bind(stmt, ":line", &line_value);
    return database_done(i->db, stmt, e);
}

/* The table did not take the row. Faults beyond those kept are only counted:
 * to look for a key among all imports takes time. */
static int take_refusal(struct import *i, uint64_t line, struct err *e)
{
    struct refusal refusal;

    if (!refusal_happened(i->target)) {
        return database_error(i->db, e, i->path);
    }
    i->state.bad++;
    if (i->state.faults >= IMPORT_FAULTS_KEPT) {
        i->state.faults++;
        return 0;
    }
    int rc = refusal_read(i->target, i->state.id, &refusal, e);
    if (rc == 0) {
        fault(i, line, refusal.column, refusal.text);
    }
    return rc;
}

static int insert_row(struct import *i, uint64_t line, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = target_insert(i->target, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    rc = database_step(i->db, stmt, e);
    if (rc < 0) {
        return take_refusal(i, line, e);
    }
    assert(rc == 1);
    struct value key = database_column(stmt, 0);
    rc = note_row(i, &key, line, e);
    (void)sqlite3_reset(stmt);
    i->state.good += rc == 0;
    return rc;
}

/* Converts the fields of a row; false when one is faulty. */
static bool convert_row(struct import *i, const struct csv_row *row)
{
    struct err wrong;
    uint64_t before = i->state.faults;
    size_t bytes = 0;

    for (size_t n = 0; n < i->field_count; n++) {
        struct target_column *c = i->of_field[n];
        const struct csv_field *field = &row->fields[n];
        bytes += field->len;
        if (cell_parse(c->form, field, &c->cell, &wrong) != 0) {
            fault(i, field->line, c, wrong.text);
        } else if (field->len == 0 && c->required) {
            fault(i, field->line, c, "is empty, and must not be");
        }
    }
    if (bytes > ROW_BYTES_MAX) {
        fault(i, row->line, NULL, "the values of this row are too long in all");
    }
    return i->state.faults == before;
}

static int take_row(struct import *i, const struct csv_row *row, struct err *e)
{
    if (row->count != i->field_count) {
        char what[96];
        (void)snprintf(what, sizeof what, "has %zu field%s, the header has %zu",
                       row->count, row->count == 1 ? "" : "s", i->field_count);
        fault(i, row->line, NULL, what);
        i->state.bad++;
        return 0;
    }
    if (!convert_row(i, row)) {
        i->state.bad++;
        return 0;
    }
    return insert_row(i, row->line, e);
}

int import_step(struct import *i, bool *ret_more, struct err *e)
{
    struct csv_row row;
    struct err wrong;
    int rc = 0;

    for (int n = 0; n < STEP_ROWS && rc == 0; n++) {
        int got = csv_read(i->csv, &row, &wrong);
        if (got == ERR_INPUT) {
            i->state.broken = true;
            i->state.bad++;
            if (i->state.faults++ < IMPORT_FAULTS_KEPT) {
                (void)snprintf(i->state.first[i->state.faults - 1],
                               ERR_TEXT_BYTES, "%s", wrong.text);
            }
        }
        if (got != 1) {
            *ret_more = false;
            return got == 0 || got == ERR_INPUT
                       ? 0
                       : err_set(e, got, "%s", wrong.text);
        }
        rc = take_row(i, &row, e);
        i->state.percent = csv_percent(i->csv);
    }
    *ret_more = true;
    return rc;
}

const struct import_state *import_state(const struct import *i)
{
    return &i->state;
}

int import_commit(struct import *i, struct err *e)
{
    assert(!i->state.broken);
    return database_commit(i->db, e);
}
