/* SPDX-License-Identifier: Apache-2.0 */
#include "node/tokens.h"

#include "protocol/limits.h"
#include "protocol/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A person, and what its token is. */
struct marked {
    char person[KEY_BYTES_MAX + 1];
    char token[MATCH_TOKEN_BYTES]; /* "": it has none */
};

static const char *text_at(sqlite3_stmt *stmt, int at)
{
    return (const char *)sqlite3_column_text(stmt, at);
}

/* --- reading -------------------------------------------------------------- */

static void mark(sqlite3_stmt *stmt, const uint8_t *key, struct marked *ret)
{
    const struct name_facts facts = {
        .given = text_at(stmt, 1),
        .family = text_at(stmt, 2),
        .parent = text_at(stmt, 3),
        .sex = text_at(stmt, 4),
        .birth_year = sqlite3_column_int64(stmt, 5),
    };
    struct bytes name = {0};
    (void)snprintf(ret->person, sizeof ret->person, "%s", text_at(stmt, 0));
    ret->token[0] = '\0';
    if (name_key(&facts, &name)) {
        match_token(key, "name_key", slice_of(&name), ret->token);
    }
    bytes_free(&name);
}

/* The next people after `after`. */
static int read_people(struct database *db, const char *after,
                       const uint8_t *key, struct marked *ret,
                       size_t *ret_count, struct err *e)
{
    static const char sql[] =
        "SELECT person_id, given_name, family_name, parent_name, sex,"
        " birth_year FROM person WHERE person_id > ?1"
        " AND origin_site = (SELECT site_id FROM sync_self)"
        " AND record_status = 'active' ORDER BY person_id LIMIT ?2";
    const struct value from = value_text(after);
    sqlite3_stmt *stmt;
    *ret_count = 0;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &from);
    sqlite3_bind_int(stmt, 2, TOKENS_PEOPLE_MAX);
    while ((rc = database_step(db, stmt, e)) == 1) {
        mark(stmt, key, &ret[(*ret_count)++]);
    }
    return rc;
}

/* --- writing -------------------------------------------------------------- */

/* Runs one of the two below; adds how many rows it wrote. */
static int run(struct database *db, const char *sql, const struct marked *m,
               uint64_t *count, struct err *e)
{
    const struct value person = value_text(m->person);
    const struct value token = value_text(m->token);
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &person);
    database_bind_at(stmt, 2, &token);
    rc = database_done(db, stmt, e);
    if (rc == 0) {
        *count += (uint64_t)sqlite3_changes(database_handle(db));
    }
    return rc;
}

/* A name of before still finds its person: `old` tokens match too. */
static int write_token(struct database *db, const struct marked *m,
                       struct tokens *ret, struct err *e)
{
    static const char replace_sql[] =
        "UPDATE person_identifier SET status = 'old' WHERE person_id = ?1"
        " AND kind = 'name_key' AND status = 'current' AND match_token <> ?2"
        " AND origin_site = (SELECT site_id FROM sync_self)";
    static const char write_sql[] =
        "INSERT INTO person_identifier(person_id, kind, match_token)"
        " SELECT ?1, 'name_key', ?2 WHERE ?2 <> '' AND NOT EXISTS(SELECT 1"
        " FROM person_identifier WHERE person_id = ?1 AND kind = 'name_key'"
        " AND match_token = ?2 AND status IN ('current', 'old'))";
    int rc = run(db, replace_sql, m, &ret->replaced, e);
    ret->people++;
    ret->keyless += m->token[0] == '\0';
    return rc == 0 ? run(db, write_sql, m, &ret->written, e) : rc;
}

/* One transaction; *ret_count people were looked at. */
static int write_some(struct database *db, const char *after,
                      const uint8_t *key, struct marked *people,
                      size_t *ret_count, struct tokens *ret, struct err *e)
{
    const struct tokens before = *ret;
    int rc = database_begin(db, e);
    if (rc == 0) {
        rc = read_people(db, after, key, people, ret_count, e);
    }
    for (size_t i = 0; rc == 0 && i < *ret_count; i++) {
        rc = write_token(db, &people[i], ret, e);
    }
    if (rc == 0) {
        rc = database_commit(db, e);
    }
    database_rollback(db);
    if (rc != 0) {
        *ret = before;
    }
    return rc;
}

int tokens_write(struct database *db, const uint8_t key[MATCH_KEY_BYTES],
                 struct tokens *ret, struct err *e)
{
    struct marked *people = calloc(TOKENS_PEOPLE_MAX, sizeof *people);
    char after[KEY_BYTES_MAX + 1] = "";
    size_t count = TOKENS_PEOPLE_MAX;
    int rc = 0;
    if (people == NULL) {
        abort();
    }
    *ret = (struct tokens){0};
    while (rc == 0 && count == TOKENS_PEOPLE_MAX) {
        rc = write_some(db, after, key, people, &count, ret, e);
        if (rc == 0 && count > 0) {
            memcpy(after, people[count - 1].person, sizeof after);
        }
    }
    free(people);
    return rc;
}
