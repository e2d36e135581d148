/* SPDX-License-Identifier: Apache-2.0 */
#include "node/tokens.h"

#include "node/row.h"
#include "protocol/limits.h"
#include "protocol/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what tokens are made (person_identifier.kind). */
enum { NAME_KEY, NAME_KEY2, PHONE, ABHA, KINDS };
static const char *const kinds[KINDS] = {"name_key", "name_key2", "phone",
                                         "abha"};

/* A person, and what its tokens are. */
struct marked {
    char person[KEY_BYTES_MAX + 1];
    char tokens[KINDS][MATCH_TOKEN_BYTES]; /* "": it has none */
};

/* --- reading -------------------------------------------------------------- */

static bool write_out(int kind, sqlite3_stmt *stmt, struct bytes *out)
{
    const struct name_facts facts = {
        .given = row_text(stmt, 1),
        .family = row_text(stmt, 2),
        .parent = row_text(stmt, 3),
        .sex = row_text(stmt, 4),
        .birth_year = sqlite3_column_int64(stmt, 5),
    };
    switch (kind) {
    case NAME_KEY:
        return name_key(&facts, out);
    case NAME_KEY2:
        return name_key2(&facts, out);
    case PHONE:
        return match_phone(row_text(stmt, 6), out);
    default:
        return match_abha(row_text(stmt, 7), out);
    }
}

static void mark(sqlite3_stmt *stmt, const uint8_t *key, struct marked *ret)
{
    (void)snprintf(ret->person, sizeof ret->person, "%s", row_text(stmt, 0));
    for (int kind = 0; kind < KINDS; kind++) {
        struct bytes value = {0};
        ret->tokens[kind][0] = '\0';
        if (write_out(kind, stmt, &value)) {
            match_token(key, kinds[kind], slice_of(&value), ret->tokens[kind]);
        }
        bytes_free(&value);
    }
}

/* The next people after `after`. */
static int read_people(struct database *db, const char *after,
                       const uint8_t *key, struct marked *ret,
                       size_t *ret_count, struct err *e)
{
    static const char sql[] =
        "SELECT person_id, given_name, family_name, parent_name, sex,"
        " birth_year, phone, (SELECT i.value FROM local_identifier i"
        " WHERE i.person_id = person.person_id AND i.kind = 'abha'"
        " ORDER BY i.identifier_id DESC LIMIT 1)"
        " FROM person WHERE person_id > ?1 AND origin_site = (SELECT site_id FROM sync_self)"
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
               int kind, uint64_t *count, struct err *e)
{
    const struct value bound[] = {value_text(m->person),
                                  value_text(kinds[kind]),
                                  value_text(m->tokens[kind])};
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; i < 3; i++) {
        database_bind_at(stmt, i + 1, &bound[i]);
    }
    rc = database_done(db, stmt, e);
    if (rc == 0) {
        *count += (uint64_t)sqlite3_changes(database_handle(db));
    }
    return rc;
}

/* A name or number of before still finds its person: `old` tokens match too. The
 * token of an ABHA number that is not in local_identifier is another program's
 * and left alone. */
static int write_token(struct database *db, const struct marked *m, int kind,
                       struct tokens *ret, struct err *e)
{
    static const char replace_sql[] =
        "UPDATE person_identifier SET status = 'old' WHERE person_id = ?1"
        " AND kind = ?2 AND status = 'current' AND match_token <> ?3"
        " AND origin_site = (SELECT site_id FROM sync_self)";
    static const char write_sql[] =
        "INSERT INTO person_identifier(person_id, kind, match_token)"
        " SELECT ?1, ?2, ?3 WHERE NOT EXISTS(SELECT 1"
        " FROM person_identifier WHERE person_id = ?1 AND kind = ?2"
        " AND match_token = ?3 AND status IN ('current', 'old'))";
    bool known = m->tokens[kind][0] != '\0';
    int rc = 0;
    if (known || kind != ABHA) {
        rc = run(db, replace_sql, m, kind, &ret->replaced, e);
    }
    if (rc == 0 && known) {
        rc = run(db, write_sql, m, kind, &ret->written, e);
    }
    return rc;
}

static int write_tokens(struct database *db, const struct marked *m,
                        struct tokens *ret, struct err *e)
{
    int rc = 0;
    ret->people++;
    ret->keyless += m->tokens[NAME_KEY][0] == '\0';
    for (int kind = 0; rc == 0 && kind < KINDS; kind++) {
        rc = write_token(db, m, kind, ret, e);
    }
    return rc;
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
        rc = write_tokens(db, &people[i], ret, e);
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
