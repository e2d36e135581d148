/* SPDX-License-Identifier: Apache-2.0 */
#include "node/refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- a key that is there already ------------------------------------------ */

/* Where the row with this key came from: a line of this file, else a line of
 * an earlier import. `out` is empty when no import brought it. */
static int find_import_of_key(const struct target *t, const char *import_id,
                              const char *key, char *out, size_t size,
                              struct err *e)
{
    struct value id = value_text(import_id);
    struct value table = value_text(t->table);
    struct value key_value = value_text(key);
    sqlite3_stmt *stmt = NULL;

    out[0] = '\0';
    int rc = database_statement(
        t->db,
        "SELECT import_id = :id, import_id, file_line FROM local_import_row"
        " WHERE table_name = :table AND key = :key"
        " ORDER BY 1 DESC, imported_at DESC LIMIT 1",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":id", &id);
    database_bind(stmt, ":table", &table);
    database_bind(stmt, ":key", &key_value);
    rc = database_step(t->db, stmt, e);
    if (rc != 1) {
        return rc;
    }
    if (sqlite3_column_int(stmt, 0) == 1) {
        (void)snprintf(out, size, "is the key of line %lld already",
                       (long long)sqlite3_column_int64(stmt, 2));
    } else {
        (void)snprintf(out, size,
                       "is in %s already, from line %lld of import %s",
                       t->table, (long long)sqlite3_column_int64(stmt, 2),
                       (const char *)sqlite3_column_text(stmt, 1));
    }
    (void)sqlite3_reset(stmt);
    return 0;
}

/* 1: the row at hand has a key that is there, as an import knows, or as the
 * table itself says (`known`). */
static int read_key(const struct target *t, const char *import_id,
                    const char *known, struct refusal *ret, struct err *e)
{
    char key[TARGET_KEY_BYTES] = "";
    char where[256] = "";

    int rc = target_key(t, key)
                 ? find_import_of_key(t, import_id, key, where, sizeof where, e)
                 : 0;
    if (rc < 0) {
        return rc;
    }
    if (where[0] == '\0' && known == NULL) {
        return 0;
    }
    ret->column = target_first_of_key(t);
    (void)snprintf(ret->text, sizeof ret->text, "'%.80s' %s", key,
                   where[0] != '\0' ? where : known);
    return 1;
}

/* --- rules ---------------------------------------------------------------- */

/* The column a broken CHECK is about: the first name in it, as the schema
 * writes checks of one column. */
static const struct target_column *column_of_check(const struct target *t,
                                                   const char *check)
{
    const struct target_column *found = NULL;
    size_t found_at = SIZE_MAX;

    for (size_t n = 0; n < t->count; n++) {
        const struct target_column *c = &t->columns[n];
        size_t len = strlen(c->name);
        const char *at = strstr(check, c->name);
        bool whole = at != NULL && (at == check || strchr(" (", at[-1])) &&
                     strchr(" ,)=<>", at[len]) != NULL;
        if (whole && (size_t)(at - check) < found_at) {
            found = c;
            found_at = (size_t)(at - check);
        }
    }
    return found;
}

/* "CHECK constraint failed: kind IN ('a',\n   'b')" in one line. */
static void read_check(const struct target *t, const char *says,
                       struct refusal *ret)
{
    static const char begins[] = "breaks the rule ";
    const char *colon = strstr(says, ": ");
    const char *check = colon != NULL ? colon + 2 : says;
    size_t used = sizeof begins - 1;

    ret->column = column_of_check(t, check);
    memcpy(ret->text, begins, sizeof begins);
    for (const char *c = check; *c != '\0' && used < sizeof ret->text - 1;
         c++) {
        bool space = isspace((unsigned char)*c) != 0;
        if (!space || ret->text[used - 1] != ' ') {
            ret->text[used++] = space ? ' ' : *c;
        }
    }
    ret->text[used] = '\0';
}

/* --- the whole ------------------------------------------------------------ */

bool refusal_happened(const struct target *t)
{
    int code = sqlite3_extended_errcode(database_handle(t->db));
    return (code & 0xff) == SQLITE_CONSTRAINT;
}

int refusal_read(const struct target *t, const char *import_id,
                 struct refusal *ret, struct err *e)
{
    sqlite3 *handle = database_handle(t->db);
    char says[ERR_TEXT_BYTES];
    char there[160];
    int rc = 0;

    *ret = (struct refusal){.column = NULL};
    (void)snprintf(says, sizeof says, "%s", sqlite3_errmsg(handle));
    (void)snprintf(there, sizeof there, "is in %s already", t->table);
    switch (sqlite3_extended_errcode(handle)) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE:
        rc = read_key(t, import_id, there, ret, e);
        break;
    case SQLITE_CONSTRAINT_TRIGGER:
        /* A guard may have refused the key before the table could. */
        rc = read_key(t, import_id, NULL, ret, e);
        break;
    case SQLITE_CONSTRAINT_CHECK:
        read_check(t, says, ret);
        break;
    default:
        break;
    }
    if (rc == 0 && ret->text[0] == '\0') {
        (void)snprintf(ret->text, sizeof ret->text, "%s", says);
    }
    return rc < 0 ? rc : 0;
}
