/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import_inside.h"

#include "node/refusal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- faults --------------------------------------------------------------- */

/* "FILE:LINE:FIELD NAME: what", or about a whole row (column NULL). */
static void place(const struct import *i, uint64_t line,
                  const struct target_column *c, const char *what,
                  char out[ERR_TEXT_BYTES])
{
    if (c == NULL) {
        (void)snprintf(out, ERR_TEXT_BYTES, "%s:%llu: %s", i->order.path,
                       (unsigned long long)line, what);
    } else if (c->field == TARGET_NO_FIELD) {
        (void)snprintf(out, ERR_TEXT_BYTES, "%s:%llu: %s: %s", i->order.path,
                       (unsigned long long)line, c->shown, what);
    } else {
        (void)snprintf(out, ERR_TEXT_BYTES, "%s:%llu:%d %s: %s", i->order.path,
                       (unsigned long long)line, c->field + 1, c->shown, what);
    }
}

void import_fault(struct import *i, uint64_t line,
                  const struct target_column *c, const char *what)
{
    uint64_t n = i->state.faults++;
    if (n < IMPORT_FAULTS_KEPT) {
        place(i, line, c, what, i->state.first[n]);
    }
}

void import_note(struct import *i, uint64_t line, const struct target_column *c,
                 const char *what)
{
    uint64_t n = i->state.notes++;
    if (n < IMPORT_NOTES_KEPT) {
        place(i, line, c, what, i->state.noted[n]);
    }
}

void import_change(struct import *i, uint64_t line,
                   const struct target_column *c, const char *what)
{
    uint64_t n = i->state.cells++;
    if (n < IMPORT_NOTES_KEPT) {
        place(i, line, c, what, i->state.becomes[n]);
    }
}

void import_bad_row(struct import *i, uint64_t line,
                    const struct target_column *c, const char *format, ...)
{
    char what[ERR_TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    import_fault(i, line, c, what);
    i->state.bad++;
}

/* --- what is noted ---------------------------------------------------------- */

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

uint64_t import_line_of_key(const struct import *i, const char *key)
{
    return (uint64_t)(uintptr_t)zhash_lookup(i->seen, key);
}

static void see(struct import *i, const char *key, uint64_t line)
{
    /* refused where it is there: the first counts */
    (void)zhash_insert(i->seen, key, (void *)(uintptr_t)line);
}

const char *import_entry(const struct import *i)
{
    return i->entry.len > 1 ? (const char *)i->entry.data : "";
}

/* --- rows that are there ---------------------------------------------------- */

/* An event says something else than it did. */
static void refuse_event(struct import *i, uint64_t line,
                         const struct target_column *differs)
{
    const struct bytes *stands = &differs->stands;
    import_bad_row(i, line, differs,
                   "the row is in %s already with '%.60s' here, and what was "
                   "recorded never changes: correct it by a row that reverses "
                   "or supersedes it",
                   i->target->table,
                   stands->len > 0 ? (const char *)stands->data : "");
}

int import_there(struct import *i, uint64_t line, const struct value *key,
                 const char *key_text, struct err *e)
{
    const struct target_column *differs = target_difference(i->target);
    see(i, key_text, line);
    if (!i->events) {
        return import_again(i, line, key, key_text, e);
    }
    if (differs != NULL) {
        refuse_event(i, line, differs);
        return 0;
    }
    i->state.there++;
    i->state.same++;
    return 0;
}

/* Two lines of this file are one row. */
static void take_twice(struct import *i, uint64_t line, uint64_t first)
{
    char key[TARGET_KEY_BYTES] = "";
    if (i->made == NULL) {
        (void)target_key(i->target, key);
        import_bad_row(i, line, target_first_of_key(i->target),
                       "'%.80s' is the key of line %llu already", key,
                       (unsigned long long)first);
    } else if (import_entry(i)[0] != '\0') {
        import_bad_row(i, line, NULL, "'%.80s' is the key of line %llu already",
                       import_entry(i), (unsigned long long)first);
    } else {
        import_bad_row(
            i, line, NULL,
            "says the same as line %llu; if it happened twice, name what "
            "tells the lines apart (key = in a mapping file)",
            (unsigned long long)first);
    }
}

/* Whether a row with the key at hand is there: then 1, and it is dealt with.
 * Asked before the insert, because a refused one is undone page by page. */
static int take_known_key(struct import *i, uint64_t line, struct err *e)
{
    char key[TARGET_KEY_BYTES];
    bool there = false;
    int rc = target_there(i->target, NULL, &there, e);
    if (rc != 0 || !there || !target_key(i->target, key)) {
        return rc;
    }
    uint64_t first = import_line_of_key(i, key);
    if (first != 0) {
        take_twice(i, line, first);
        return 1;
    }
    rc = import_there(i, line, NULL, key, e);
    return rc < 0 ? rc : 1;
}

/* The table did not take the row. */
static int take_refusal(struct import *i, uint64_t line, struct err *e)
{
    struct row_refusal refusal;

    if (!refusal_happened(i->target)) {
        return database_error(i->db, e, i->order.path);
    }
    refusal_read(i->target, &refusal);
    import_fault(i, line, refusal.column, refusal.text);
    i->state.bad++;
    return 0;
}

int import_insert(struct import *i, uint64_t line,
                  char ret_key[TARGET_KEY_BYTES], struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int known = take_known_key(i, line, e);
    if (known != 0) {
        return known < 0 ? known : 0;
    }
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
    (void)snprintf(ret_key, TARGET_KEY_BYTES, "%.*s", (int)key.bytes.len,
                   (const char *)key.bytes.data);
    rc = note_row(i, &key, line, e);
    (void)sqlite3_reset(stmt);
    if (rc == 0 && !i->events) {
        rc = import_first(i, ret_key, e);
    }
    see(i, ret_key, line);
    i->state.good += rc == 0;
    return rc == 0 ? 1 : rc;
}
