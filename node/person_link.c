/* SPDX-License-Identifier: Apache-2.0 */
#include "node/person_link.h"

#include "node/row.h"

#include <string.h>

int person_link_check_reason(struct database *db, const char *reason,
                             struct err *e)
{
    static const char sql[] =
        "SELECT group_concat(code, ', '), max(code = ?1) FROM ref_code"
        " WHERE code_system = 'link_basis' AND active = 1";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    enum { REASON_BYTES_MAX = 32 };
    const struct value code = value_text(reason);
    sqlite3_stmt *stmt;
    size_t len = reason == NULL ? 0 : strlen(reason);
    if (len == 0 || len > REASON_BYTES_MAX || strspn(reason, letters) != len) {
        return err_set(e, ERR_INPUT,
                       "why? Say so with --reason CODE, a code such as "
                       "abha or same_card in small letters: it goes to every "
                       "site, so it names nobody");
    }
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &code);
    rc = database_step(db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    rc = 0;
    if (row_text(stmt, 0)[0] != '\0' && sqlite3_column_int(stmt, 1) == 0) {
        rc = err_set(e, ERR_INPUT,
                     "'%s' is not in headquarters' list of reasons "
                     "(link_basis): %s",
                     reason, row_text(stmt, 0));
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

#define LIVE(l)                                                                \
    " NOT EXISTS(SELECT 1 FROM person_link s WHERE s.supersedes_id = " l       \
    ".link_id)"
#define PAIR(l) l ".person_a = min(?1, ?2) AND " l ".person_b = max(?1, ?2) AND"

/* First each decision to the contrary is taken back; where there is none, it is
 * the first about the two, unless somebody said the same. */
static const char *const decide_sql[] = {
    "INSERT INTO person_link(person_a, person_b, decision, basis,"
    " supersedes_id, decided_by) SELECT l.person_a, l.person_b, ?3, ?4,"
    " l.link_id, ?5 FROM person_link l WHERE " PAIR("l") " l.decision <> ?3"
                                                         " AND" LIVE("l"),
    "INSERT INTO person_link(person_a, person_b, decision, basis, decided_by)"
    " SELECT min(?1, ?2), max(?1, ?2), ?3, ?4, ?5 WHERE NOT EXISTS(SELECT 1"
    " FROM person_link l WHERE " PAIR("l") " l.decision = ?3 AND" LIVE("l") ")",
};

/* 1: written, 0: it has been said before. */
static int write_decision(struct database *db, const struct value said[5],
                          struct err *e)
{
    int rc = 0;
    int written = 0;
    for (size_t i = 0; rc == 0 && written == 0 && i < 2; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(db, decide_sql[i], &stmt, e);
        for (int at = 0; rc == 0 && at < 5; at++) {
            database_bind_at(stmt, at + 1, &said[at]);
        }
        if (rc == 0) {
            rc = database_done(db, stmt, e);
        }
        written = rc == 0 ? sqlite3_changes(database_handle(db)) : 0;
    }
    return rc == 0 ? written > 0 : rc;
}

/* Are the two one, through whichever links? */
static int are_one(struct database *db, const char *a, const char *b, bool *ret,
                   struct err *e)
{
    static const char sql[] =
        "WITH RECURSIVE one(id) AS (SELECT ?1 UNION SELECT CASE l.person_a"
        " WHEN o.id THEN l.person_b ELSE l.person_a END FROM one o"
        " CROSS JOIN v_link_live l ON l.person_a = o.id OR l.person_b = o.id)"
        " SELECT EXISTS(SELECT 1 FROM one WHERE id = ?2)";
    const struct value ends[] = {value_text(a), value_text(b)};
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &ends[0]);
    database_bind_at(stmt, 2, &ends[1]);
    rc = database_step(db, stmt, e);
    *ret = rc == 1 && sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* What may be asked is asked before it is written for good: who is told of a
 * failure finds nothing changed. */
int person_link_write(struct database *db, const struct person_link *l,
                      bool *ret_one, struct err *e)
{
    const struct value said[] = {value_text(l->a), value_text(l->b),
                                 value_text(l->decision), value_text(l->reason),
                                 value_text(l->by)};
    int rc = database_begin(db, e);
    if (rc == 0) {
        rc = write_decision(db, said, e);
    }
    if (rc == 0) {
        rc = err_set(e, ERR_STATE, "that has been said of %s and %s before",
                     l->a, l->b);
    }
    if (rc == 1) {
        rc = are_one(db, l->a, l->b, ret_one, e);
    }
    if (rc == 0) {
        rc = database_commit(db, e);
    }
    database_rollback(db);
    return rc;
}
