/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import_inside.h"

#include "node/rowkey.h"
#include "node/twins.h"
#include "protocol/instant.h"

#include <assert.h>
#include <czmq.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_ROWS = 1000, /* between two looks of whoever shows progress */
    ID_TAIL_BYTES = 3,
};

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

/* The lines above the header are titles. */
static int read_header(struct import *i, struct err *e)
{
    struct csv_row row;
    uint64_t wanted = i->order.map == NULL ? 1 : (uint64_t)i->order.map->header;
    int rc = 0;
    do {
        rc = csv_read(i->csv, &row, e);
    } while (rc == 1 && row.line < wanted);
    if (rc == 0) {
        return err_set(e, ERR_INPUT, "%s: has no header line", i->order.path);
    }
    if (rc < 0) {
        return rc;
    }
    if (i->order.map != NULL && row.line != wanted) {
        return err_set(e, ERR_INPUT,
                       "%s: line %llu, which %s says names the columns, does "
                       "not begin a row",
                       i->order.path, (unsigned long long)wanted,
                       i->order.map->path);
    }
    return plan_bind(&i->plan, i->order.path, &row, e);
}

/* Site, network, time zone, and what kind of table it is. */
static int read_surroundings(struct import *i, int64_t now_ms, struct err *e)
{
    static const char sql[] =
        "SELECT s.site_id, s.network, s.time_zone, t.kind = 'event'"
        " FROM sync_self s, sync_table t WHERE t.name = :table";
    struct value table = value_text(i->order.table);
    sqlite3_stmt *stmt;
    int rc = database_statement(i->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":table", &table);
    rc = database_step(i->db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc
                      : err_set(e, ERR_CORRUPT, "the replica has no identity");
    }
    struct value network = database_column(stmt, 1);
    (void)snprintf(i->site, sizeof i->site, "%s",
                   (const char *)sqlite3_column_text(stmt, 0));
    if (network.bytes.len == sizeof i->network.bytes) {
        memcpy(i->network.bytes, network.bytes.data, network.bytes.len);
    }
    i->events = sqlite3_column_int(stmt, 3) != 0;
    rc = i->order.map == NULL
             ? 0
             : zone_load_since((const char *)sqlite3_column_text(stmt, 2), 0,
                               now_ms, &i->zone, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

static int check_order(const struct import_order *order, struct err *e)
{
    if (order->map != NULL && strcmp(order->map->table, order->table) != 0) {
        return err_set(e, ERR_INPUT, "%s is for the table %s, not %s",
                       order->map->path, order->map->table, order->table);
    }
    return 0;
}

static int open_table(struct import *i, struct err *e)
{
    int rc = target_open(i->db, i->order.table, &i->target, e);
    if (rc == 0) {
        rc = target_may_write(i->target, e);
    }
    i->plan = (struct plan){.target = i->target,
                            .map = i->order.map,
                            .finder = i->finder,
                            .zone = &i->zone};
    return rc;
}

/* Do people get numbers that their register does not have? */
static bool gives_numbers(const struct map *map)
{
    for (size_t n = 0; map != NULL && n < map->column_count; n++) {
        if (map->columns[n].takes_number) {
            return true;
        }
    }
    return false;
}

static enum import_known known_by(const struct import *i)
{
    if (i->order.map != NULL && i->order.map->key_count > 0) {
        return IMPORT_KNOWN_BY_KEY;
    }
    if (i->twins != NULL && gives_numbers(i->order.map)) {
        return IMPORT_KNOWN_BY_PERSON;
    }
    return i->made != NULL ? IMPORT_KNOWN_BY_ALL : IMPORT_KNOWN_BY_KEY;
}

/* What is left to be chosen once it is known which columns are filled. */
static int prepare_rows(struct import *i, struct err *e)
{
    i->made = rowkey_column(i->target);
    if (i->made != NULL) {
        i->made->used = true;
    }
    int rc = manifest_load_lived_in(i->db, &i->manifest, e);
    if (rc == 0 && strcmp(i->order.table, "person") == 0) {
        rc = twins_open(i->db, i->order.key, &i->twins, e);
    }
    i->state.known = known_by(i);
    return rc;
}

int import_open(struct database *db, const struct import_order *order,
                int64_t now_ms, struct import **ret, struct err *e)
{
    struct import *i = calloc(1, sizeof *i);
    if (i == NULL) {
        abort();
    }
    i->db = db;
    i->order = *order;
    i->order.path = strdup(order->path);
    if (i->order.path == NULL) {
        abort();
    }
    i->seen = zhash_new();
    if (i->seen == NULL) {
        abort();
    }
    draw_id(now_ms, i->state.id);
    finder_new(db, &i->finder);

    int rc = check_order(order, e);
    if (rc == 0) {
        rc = csv_open(order->path, &i->csv, e);
    }
    if (rc == 0) {
        const struct map *map = order->map;
        rc = csv_separate(i->csv, map != NULL ? map->separator : '\0',
                          map != NULL ? map->header : 1, e);
    }
    if (rc == 0) {
        rc = database_begin(db, e);
    }
    if (rc == 0) {
        rc = open_table(i, e);
    }
    if (rc == 0) {
        rc = read_surroundings(i, now_ms, e);
    }
    if (rc == 0) {
        rc = read_header(i, e);
    }
    if (rc == 0) {
        rc = prepare_rows(i, e);
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
    plan_clear(&i->plan);
    finder_destroy(&i->finder);
    twins_destroy(&i->twins);
    target_destroy(&i->target);
    zone_clear(&i->zone);
    bytes_free(&i->entry);
    manifest_destroy(&i->manifest);
    zhash_destroy(&i->seen);
    free((char *)i->order.path);
    free(i);
}

/* --- rows ----------------------------------------------------------------- */

static int take_other(struct import *i, uint64_t line, struct err *e)
{
    char key[TARGET_KEY_BYTES];
    if (i->made != NULL) {
        rowkey_make(i->target, i->site,
                    i->order.map != NULL ? i->order.map->name : "",
                    import_entry(i), i->made_text);
        i->made->cell.value = value_text(i->made_text);
    }
    int rc = import_insert(i, line, key, e);
    return rc < 0 ? rc : 0;
}

/* A value in a column that has no name is nobody's. */
static void check_nameless(struct import *i, const struct csv_row *row)
{
    for (size_t n = 0; n < i->plan.field_count; n++) {
        if (i->plan.nameless[n] && row->fields[n].len > 0) {
            char what[64];
            (void)snprintf(what, sizeof what,
                           "has a value in column %zu, which has no name",
                           n + 1);
            import_fault(i, row->fields[n].line, NULL, what);
        }
    }
}

/* Converts the fields of a row: 1, or 0 when one is faulty. */
static int convert_row(struct import *i, const struct csv_row *row,
                       struct err *e)
{
    struct err why;
    uint64_t before = i->state.faults;
    size_t bytes = 0;

    for (size_t n = 0; n < i->plan.count; n++) {
        const struct target_column *c = i->plan.columns[n].to;
        int rc = plan_convert(&i->plan, n, row, &why, e);
        if (rc < 0) {
            return rc;
        }
        if (rc == 0) {
            uint64_t line = c->field == TARGET_NO_FIELD
                                ? row->line
                                : row->fields[c->field].line;
            import_fault(i, line, c, why.text);
        }
        bytes += c->cell.value.type == VALUE_TEXT ? c->cell.value.bytes.len : 0;
    }
    check_nameless(i, row);
    if (bytes > ROW_BYTES_MAX) {
        import_fault(i, row->line, NULL,
                     "the values of this row are too long in all");
    }
    return i->state.faults == before ? 1 : 0;
}

static int take_row(struct import *i, const struct csv_row *row, struct err *e)
{
    if (row->count != i->plan.field_count) {
        import_bad_row(i, row->line, NULL,
                       "has %zu field%s, the header has %zu", row->count,
                       row->count == 1 ? "" : "s", i->plan.field_count);
        return 0;
    }
    if (plan_is_blank(&i->plan, row)) {
        return 0;
    }
    int rc = convert_row(i, row, e);
    if (rc != 1) {
        i->state.bad += rc == 0;
        return rc;
    }
    plan_key(&i->plan, row, &i->entry);
    if (i->entry.len > REGISTER_ENTRY_BYTES_MAX) {
        import_bad_row(i, row->line, NULL,
                       "the key of the row is longer than %d bytes",
                       (int)REGISTER_ENTRY_BYTES_MAX - 1);
        return 0;
    }
    if (i->order.map != NULL && i->order.map->key_count > 0 &&
        import_entry(i)[0] == '\0') {
        import_bad_row(i, row->line, NULL,
                       "the key of the row ('%.60s') is empty",
                       i->order.map->key[0].text);
        return 0;
    }
    return i->twins != NULL ? import_person(i, row->line, e)
                            : take_other(i, row->line, e);
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
