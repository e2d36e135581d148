/* SPDX-License-Identifier: Apache-2.0 */
#include "node/refusal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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
                       struct row_refusal *ret)
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

void refusal_read(const struct target *t, struct row_refusal *ret)
{
    sqlite3 *handle = database_handle(t->db);
    const char *says = sqlite3_errmsg(handle);

    *ret = (struct row_refusal){.column = NULL};
    ret->guard = sqlite3_extended_errcode(handle) == SQLITE_CONSTRAINT_TRIGGER;
    if (sqlite3_extended_errcode(handle) == SQLITE_CONSTRAINT_CHECK) {
        read_check(t, says, ret);
    } else {
        (void)snprintf(ret->text, sizeof ret->text, "%s", says);
    }
}
