/* SPDX-License-Identifier: Apache-2.0 */
#include "node/called.h"

#include <stdio.h>

void called_read(const char *text, struct called *ret)
{
    size_t len = 0;
    *ret = (struct called){.number = ""};
    if (number_parse(text, ret->number, &ret->why) != 0) {
        return;
    }
    for (const char *c = ret->number; *c != '\0'; c++) {
        if (*c != '-') {
            ret->bare[len++] = *c;
        }
    }
}

int called_statement(struct database *db, const char *sql, const char *text,
                     const struct called *called, sqlite3_stmt **ret,
                     struct err *e)
{
    /* what is no number is nobody's, not that of who has an empty one */
    const struct value none = {.type = VALUE_NULL};
    const bool number = called->number[0] != '\0';
    const struct value forms[] = {value_text(text),
                                  number ? value_text(called->number) : none,
                                  number ? value_text(called->bare) : none};
    int rc = database_statement(db, sql, ret, e);
    for (int i = 0; rc == 0 && i < 3; i++) {
        database_bind_at(*ret, i + 1, &forms[i]);
    }
    return rc;
}

int called_person(struct database *db, const char *text,
                  char ret[KEY_BYTES_MAX + 1], struct err *e)
{
    static const char sql[] =
        "SELECT min(person_id), count(*) FROM (SELECT person_id FROM person"
        " WHERE person_id = ?1 UNION SELECT person_id FROM person"
        " WHERE beneficiary_no IN (?1, ?2, ?3) AND record_status = 'active')";
    struct called called;
    sqlite3_stmt *stmt;
    called_read(text, &called);
    int rc = called_statement(db, sql, text, &called, &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    int count = sqlite3_column_int(stmt, 1);
    const char *person = (const char *)sqlite3_column_text(stmt, 0);
    (void)snprintf(ret, KEY_BYTES_MAX + 1, "%s", person != NULL ? person : "");
    (void)sqlite3_reset(stmt);
    if (count == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "nobody is known here as '%s': write a person_id or a "
                       "number; sangam people find NAME shows them",
                       text);
    }
    return count == 1 ? 0
                      : err_set(e, ERR_INPUT,
                                "%d records have the number %s: name each by "
                                "its person_id, which sangam people find shows",
                                count, text);
}
