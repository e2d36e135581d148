/* SPDX-License-Identifier: Apache-2.0 */
#include "node/twins.h"

#include "node/called.h"

#include <czmq.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known {
    uint64_t line;
    char person[]; /* with its end */
};

struct twins {
    struct database *db; /* borrowed */
    zhash_t *numbers;    /* as printed -> struct known */
    zhash_t *names;      /* name_key -> struct known */
    bool has_key;
    uint8_t key[MATCH_KEY_BYTES];
};

/* The form of a number that all spellings share; of one that is not ours,
 * itself. */
static void number_form(const char *number, char out[KEY_BYTES_MAX + 1])
{
    struct called called;
    called_read(number, &called);
    (void)snprintf(out, KEY_BYTES_MAX + 1, "%s",
                   called.number[0] != '\0' ? called.number : number);
}

/* The first counts. */
static void remember(zhash_t *hash, const char *name, const char *person,
                     uint64_t line)
{
    size_t len = strlen(person) + 1;
    if (name[0] == '\0' || zhash_lookup(hash, name) != NULL) {
        return;
    }
    struct known *known = malloc(sizeof *known + len);
    if (known == NULL) {
        abort();
    }
    known->line = line;
    memcpy(known->person, person, len);
    if (zhash_insert(hash, name, known) != 0) {
        abort();
    }
    (void)zhash_freefn(hash, name, free);
}

/* With an end; false when the facts are too few. */
static bool key_of(const struct name_facts *facts, struct bytes *out)
{
    bytes_clear(out);
    if (facts == NULL || !name_key(facts, out)) {
        return false;
    }
    bytes_put_u8(out, '\0');
    return true;
}

void twins_add(struct twins *t, const char *number,
               const struct name_facts *facts, const char *person,
               uint64_t line)
{
    char form[KEY_BYTES_MAX + 1];
    struct bytes key = {0};
    if (number != NULL) {
        number_form(number, form);
        remember(t->numbers, form, person, line);
    }
    if (key_of(facts, &key)) {
        remember(t->names, (const char *)key.data, person, line);
    }
    bytes_free(&key);
}

static int read_people(struct twins *t, struct err *e)
{
    static const char sql[] =
        "SELECT person_id, beneficiary_no, given_name, family_name,"
        " parent_name, sex, birth_year FROM person"
        " WHERE record_status = 'active' ORDER BY person_id";
    sqlite3_stmt *stmt;
    int rc = database_statement(t->db, sql, &stmt, e);
    while (rc == 0 && (rc = database_step(t->db, stmt, e)) == 1) {
        const struct name_facts facts = {
            .given = (const char *)sqlite3_column_text(stmt, 2),
            .family = (const char *)sqlite3_column_text(stmt, 3),
            .parent = (const char *)sqlite3_column_text(stmt, 4),
            .sex = (const char *)sqlite3_column_text(stmt, 5),
            .birth_year = sqlite3_column_int64(stmt, 6),
        };
        twins_add(t, (const char *)sqlite3_column_text(stmt, 1), &facts,
                  (const char *)sqlite3_column_text(stmt, 0), 0);
        rc = 0;
    }
    return rc;
}

int twins_open(struct database *db, const uint8_t *key, struct twins **ret,
               struct err *e)
{
    struct twins *t = calloc(1, sizeof *t);
    if (t == NULL || (t->numbers = zhash_new()) == NULL ||
        (t->names = zhash_new()) == NULL) {
        abort();
    }
    t->db = db;
    t->has_key = key != NULL;
    if (key != NULL) {
        memcpy(t->key, key, sizeof t->key);
    }
    int rc = read_people(t, e);
    if (rc != 0) {
        twins_destroy(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

void twins_destroy(struct twins **t_p)
{
    struct twins *t = *t_p;

    *t_p = NULL;
    if (t == NULL) {
        return;
    }
    zhash_destroy(&t->numbers);
    zhash_destroy(&t->names);
    sodium_memzero(t->key, sizeof t->key);
    free(t);
}

/* --- finding ---------------------------------------------------------------- */

static bool look(zhash_t *hash, const char *name, enum twin_sign sign,
                 struct twin *ret)
{
    const struct known *known = zhash_lookup(hash, name);
    if (known == NULL) {
        return false;
    }
    ret->sign = sign;
    ret->line = known->line;
    (void)snprintf(ret->person, sizeof ret->person, "%s", known->person);
    return true;
}

static int look_for_token(struct twins *t, const struct bytes *key,
                          struct twin *ret, struct err *e)
{
    static const char sql[] =
        "SELECT person_id FROM person_identifier WHERE kind = 'name_key'"
        " AND match_token = :token AND status IN ('current', 'old') LIMIT 1";
    char token[MATCH_TOKEN_BYTES];
    const struct slice text = {key->data, key->len - 1};
    sqlite3_stmt *stmt;
    match_token(t->key, "name_key", text, token);
    const struct value said = value_text(token);
    int rc = database_statement(t->db, sql, &stmt, e);
    if (rc == 0) {
        database_bind(stmt, ":token", &said);
        rc = database_step(t->db, stmt, e);
    }
    if (rc == 1) {
        ret->sign = TWIN_TOKEN;
        (void)snprintf(ret->person, sizeof ret->person, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_reset(stmt);
        rc = 0;
    }
    return rc;
}

int twins_find(struct twins *t, const char *number,
               const struct name_facts *facts, struct twin *ret, struct err *e)
{
    char form[KEY_BYTES_MAX + 1];
    struct bytes key = {0};
    int rc = 0;
    *ret = (struct twin){.sign = TWIN_NONE};
    if (number != NULL) {
        number_form(number, form);
        if (look(t->numbers, form, TWIN_NUMBER, ret)) {
            return 0;
        }
    }
    ret->named = key_of(facts, &key);
    if (ret->named && !look(t->names, (const char *)key.data, TWIN_NAME, ret) &&
        t->has_key) {
        rc = look_for_token(t, &key, ret, e);
    }
    bytes_free(&key);
    return rc;
}
