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

/* Notes what is not wrong with a row, and that somebody should look at. */
void import_note(struct import *i, uint64_t line, const struct target_column *c,
                 const char *what)
{
    uint64_t n = i->state.notes++;
    if (n < IMPORT_FAULTS_KEPT) {
        place(i, line, c, what, i->state.noted[n]);
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

/* The line of this file that brought the row with this key, 0: none. */
int import_line_of_key(struct import *i, const char *key, uint64_t *ret,
                       struct err *e)
{
    struct value id = value_text(i->state.id);
    struct value table = value_text(i->target->table);
    sqlite3_stmt *stmt = NULL;
    *ret = 0;
    struct value said = value_text(key);
    int rc = database_statement(
        i->db,
        "SELECT file_line FROM local_import_row WHERE import_id = :id"
        " AND table_name = :table AND key = :key",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":id", &id);
    database_bind(stmt, ":table", &table);
    database_bind(stmt, ":key", &said);
    rc = database_step(i->db, stmt, e);
    if (rc == 1) {
        *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

const char *import_entry(const struct import *i)
{
    return i->entry.len > 1 ? (const char *)i->entry.data : "";
}

/* --- rows that are there ---------------------------------------------------- */

/* The row is there, and differs in a column or (NULL) in none. */
void import_there(struct import *i, uint64_t line,
                  const struct target_column *differs)
{
    char what[ERR_TEXT_BYTES];
    if (differs == NULL) {
        i->state.there++;
        return;
    }
    if (i->events) {
        import_bad_row(
            i, line, differs,
            "the row is in %s already with '%.60s' here, and what was "
            "recorded never changes: correct it by a row that reverses or "
            "supersedes it",
            i->target->table, (const char *)i->stands.data);
        return;
    }
    (void)snprintf(what, sizeof what,
                   "the row is in %s already with '%.60s' here; it was left "
                   "as it is",
                   i->target->table, (const char *)i->stands.data);
    import_note(i, line, differs, what);
    i->state.there++;
    i->state.differing++;
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
    const struct target_column *differs = NULL;
    char key[TARGET_KEY_BYTES];
    bool there = false;
    uint64_t first = 0;
    int rc = target_there(i->target, NULL, &there, &differs, &i->stands, e);
    if (rc != 0 || !there || !target_key(i->target, key)) {
        return rc;
    }
    rc = import_line_of_key(i, key, &first, e);
    if (rc != 0) {
        return rc;
    }
    bool all_said = i->made != NULL && import_entry(i)[0] == '\0';
    if (first != 0) {
        take_twice(i, line, first);
    } else {
        import_there(i, line, all_said ? NULL : differs);
    }
    return 1;
}

/* The table did not take the row. */
static int take_refusal(struct import *i, uint64_t line, struct err *e)
{
    struct refusal refusal;

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
    i->state.good += rc == 0;
    return rc == 0 ? 1 : rc;
}
