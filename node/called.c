/* SPDX-License-Identifier: Apache-2.0 */
#include "node/called.h"

#include <stdio.h>

void called_read(const char *text, struct called *ret)
{
    size_t len = 0;
    *ret = (struct called){.text = text};
    if (number_parse(text, ret->number, &ret->why) != 0) {
        return;
    }
    for (const char *c = ret->number; *c != '\0'; c++) {
        if (*c != '-') {
            ret->bare[len++] = *c;
        }
    }
}

void called_bind(sqlite3_stmt *stmt, const struct called *called)
{
    const struct value none = {.type = VALUE_NULL};
    const bool number = called->number[0] != '\0';
    const struct value forms[] = {value_text(called->text),
                                  number ? value_text(called->number) : none,
                                  number ? value_text(called->bare) : none};
    for (int i = 0; i < 3; i++) {
        database_bind_at(stmt, i + 1, &forms[i]);
    }
}

int called_find(struct database *db, const struct called *called,
                char ret[KEY_BYTES_MAX + 1], int *ret_count, struct err *e)
{
    static const char sql[] =
        "SELECT coalesce(min(person_id), ''), count(*) FROM"
        " (SELECT person_id FROM person"
        " WHERE person_id = ?1 UNION SELECT person_id FROM person"
        " WHERE beneficiary_no IN (?1, ?2, ?3) AND record_status = 'active')";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    called_bind(stmt, called);
    rc = database_step(db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    (void)snprintf(ret, KEY_BYTES_MAX + 1, "%s",
                   (const char *)sqlite3_column_text(stmt, 0));
    *ret_count = sqlite3_column_int(stmt, 1);
    (void)sqlite3_reset(stmt);
    return 0;
}

int called_person(struct database *db, const char *text,
                  char ret[KEY_BYTES_MAX + 1], struct err *e)
{
    struct called called;
    int count = 0;
    called_read(text, &called);
    int rc = called_find(db, &called, ret, &count, e);
    if (rc != 0) {
        return rc;
    }
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
