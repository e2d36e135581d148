/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

static int exists(struct database *db, const char *sql, bool *ret,
                  struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    *ret = rc == 1;
    sqlite3_reset(stmt);
    return 0;
}

int merger_start(struct merger *m, struct err *e)
{
    int rc = exists(m->db,
                    "SELECT 1 FROM sync_verdict WHERE verdict = 'waiting'"
                    " LIMIT 1",
                    &m->waiting, e);
    if (rc == 0) {
        rc = exists(m->db, "SELECT 1 FROM sync_unprojected LIMIT 1",
                    &m->unprojected, e);
    }
    if (rc == 0) {
        rc = exists(m->db, "SELECT 1 FROM sync_review LIMIT 1", &m->reviews, e);
    }
    return rc == 0 ? projector_start(m->projector, e) : rc;
}

struct stamp merger_stamp(const struct merger *m, const struct changeset *cs)
{
    return (struct stamp){
        .hlc = cs->header.hlc,
        .origin = registry_origin(m->registry, &cs->header.origin),
        .incarnation = cs->header.incarnation,
        .seq = cs->header.seq,
    };
}

/* Prepares `sql` with the row as its first two parameters. */
static int row_statement(struct merger *m, const char *sql,
                         const struct row_name *row, sqlite3_stmt **ret,
                         struct err *e)
{
    int rc = database_statement(m->db, sql, ret, e);
    if (rc == 0) {
        sqlite3_bind_int64(*ret, 1, row->table);
        sqlite3_bind_blob(*ret, 2, row->key.data, (int)row->key.len,
                          SQLITE_STATIC);
    }
    return rc;
}

/* --- state --------------------------------------------------------------- */

int row_state_load(struct merger *m, const struct row_name *row,
                   struct row_state *ret, struct err *e)
{
    static const char sql[] =
        "SELECT state FROM sync_row WHERE table_id = ?1 AND key = ?2";
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc == 0) {
        rc = database_step(m->db, stmt, e);
    }
    state_clear(ret);
    if (rc == 1) {
        rc = state_decode(database_column(stmt, 0).bytes, m->registry, ret, e);
        sqlite3_reset(stmt);
    }
    return rc;
}

static int save_review(struct merger *m, const struct row_name *row,
                       uint16_t column, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_review(table_id, key, column_id) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int(stmt, 3, column);
    m->reviews = true;
    return database_done(m->db, stmt, e);
}

/* The reviews of a row are those of its state. */
static int save_reviews(struct merger *m, const struct row_name *row,
                        const struct row_state *state, struct err *e)
{
    static const char clear[] =
        "DELETE FROM sync_review WHERE table_id = ?1 AND key = ?2";
    const struct table *t = manifest_table(m->manifest, row->table);
    sqlite3_stmt *stmt;
    size_t count = state == NULL ? 0 : state_reviews(state);
    int rc = 0;
    if (m->reviews) {
        rc = row_statement(m, clear, row, &stmt, e);
        rc = rc == 0 ? database_done(m->db, stmt, e) : rc;
    }
    for (size_t i = 0; rc == 0 && count > 0 && i < state->column_count; i++) {
        const struct column_state *c = &state->columns[i];
        if (c->memory != NULL && memory_disputes(c->memory)) {
            rc = save_review(m, row, c->column, e);
            count--;
        }
    }
    if (rc == 0 && count > 0) {
        rc = save_review(m, row, t->owner_column->id, e);
    }
    return rc;
}

int row_state_save(struct merger *m, const struct row_name *row,
                   const struct row_state *state, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_row(table_id, key, state) VALUES(?1, ?2, ?3)"
        " ON CONFLICT(table_id, key) DO UPDATE SET state = excluded.state";
    struct bytes bytes = {0};
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc == 0) {
        state_encode(state, &bytes);
        sqlite3_bind_blob(stmt, 3, bytes.data, (int)bytes.len, SQLITE_STATIC);
        rc = database_done(m->db, stmt, e);
    }
    bytes_free(&bytes);
    return rc == 0 ? save_reviews(m, row, state, e) : rc;
}

int row_state_forget(struct merger *m, const struct row_name *row,
                     struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_row WHERE table_id = ?1 AND key = ?2";
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    rc = rc == 0 ? database_done(m->db, stmt, e) : rc;
    return rc == 0 ? save_reviews(m, row, NULL, e) : rc;
}

/* --- scope --------------------------------------------------------------- */

int row_key_of(const struct table *t, struct slice key,
               struct value ret[KEY_COLUMNS_MAX], struct err *e)
{
    struct cursor c = cursor_of(key);
    size_t count = cursor_u8(&c);
    for (size_t i = 0; i < count && i < KEY_COLUMNS_MAX; i++) {
        ret[i] = value_decode(&c, UINT32_MAX); /* large ones are parked */
    }
    if (!cursor_done(&c) || count != t->key_count) {
        return err_set(e, ERR_INPUT, "table %s has %zu key columns", t->name,
                       t->key_count);
    }
    return 0;
}

/* The route column of a row that is shown says it. */
static int scope_shown(struct merger *m, const struct table *t,
                       struct slice key, struct bytes *ret, struct err *e)
{
    struct value values[KEY_COLUMNS_MAX];
    struct value cells[COLUMNS_MAX];
    if (row_key_of(t, key, values, NULL) != 0) {
        return 0; /* some leaf claims a key that no row can have */
    }
    int rc = projector_read(m->projector, t, values, cells, e);
    if (rc == 1) {
        struct slice id = {0};
        if (t->route_column != NULL) {
            id = cells[(size_t)(t->route_column - t->columns)].bytes;
        }
        bytes_put_u8(ret, (uint8_t)t->route);
        bytes_put_slice(ret, id);
    }
    return rc;
}

/* The scope of a row, and those of its other lives. */
static int find_scopes(struct merger *m, const struct table *t,
                       struct slice key, struct bytes *ret,
                       struct bytes *ret_others, struct err *e)
{
    struct row_state *state = calloc(1, sizeof *state);
    struct bytes name_bytes = {0};
    if (state == NULL) {
        abort();
    }
    row_key(key, &name_bytes);
    const struct row_name name = {.table = t->id, .key = slice_of(&name_bytes)};
    int rc = row_state_load(m, &name, state, e);
    if (rc == 0 && state->cl > 0) {
        bytes_put(ret, state->scope, state->scope_len);
        bytes_put(ret_others, state->scopes.data, state->scopes.len);
        rc = 1;
    } else if (rc == 0) {
        rc = scope_shown(m, t, key, ret, e);
    }
    bytes_free(&name_bytes);
    state_clear(state);
    free(state);
    return rc;
}

int row_scope(struct merger *m, const struct table *t, struct slice key,
              struct bytes *ret, struct err *e)
{
    struct bytes others = {0};
    int rc = find_scopes(m, t, key, ret, &others, e);
    bytes_free(&others);
    return rc;
}

int row_scopes(struct merger *m, const struct table *t, struct slice key,
               struct bytes *ret, struct err *e)
{
    struct bytes own = {0};
    struct bytes others = {0};
    int rc = find_scopes(m, t, key, &own, &others, e);
    struct cursor c = cursor_of(slice_of(&others));
    if (own.len > 0) {
        bytes_put_slice(ret, slice_of(&own));
    }
    while (cursor_left(&c) > 0) {
        bytes_put_slice(ret, state_next_scope(&c));
    }
    bytes_free(&own);
    bytes_free(&others);
    return rc < 0 ? rc : 0;
}

/* --- verdicts ------------------------------------------------------------ */

static int verdict_forget(struct merger *m, const struct verdict *v,
                          struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_verdict WHERE position = ?1 AND leaf = ?2";
    sqlite3_stmt *stmt;
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)v->position);
    sqlite3_bind_int64(stmt, 2, v->leaf);
    return database_done(m->db, stmt, e);
}

int verdict_save(struct merger *m, const struct row_name *row,
                 const struct verdict *v, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_verdict(table_id, key, position, leaf, verdict,"
        " code, says) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT(position, leaf) DO UPDATE SET"
        " verdict = excluded.verdict, code = excluded.code,"
        " says = excluded.says";
    sqlite3_stmt *stmt;
    if (v->word == NULL) {
        return verdict_forget(m, v, e);
    }
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 3, (int64_t)v->position);
    sqlite3_bind_int64(stmt, 4, v->leaf);
    sqlite3_bind_text(stmt, 5, v->word, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 6, v->code);
    sqlite3_bind_text(stmt, 7, v->says, -1, SQLITE_STATIC);
    m->waiting = m->waiting || strcmp(v->word, "waiting") == 0;
    return database_done(m->db, stmt, e);
}

int verdict_next(struct merger *m, const struct row_name *row, uint64_t after,
                 uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT position FROM sync_verdict WHERE table_id = ?1 AND key = ?2"
        " AND position > ?3 ORDER BY position LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 3, (int64_t)after);
    rc = database_step(m->db, stmt, e);
    if (rc == 1) {
        *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return rc;
}

int verdict_waits(struct merger *m, const struct row_name *row, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM sync_verdict WHERE table_id = ?1 AND key = ?2"
        " AND verdict = 'waiting' LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc == 0) {
        rc = database_step(m->db, stmt, e);
        sqlite3_reset(stmt);
    }
    return rc;
}

/* --- what is newer than this version -------------------------------------- */

int newer_save(struct merger *m, uint64_t position, uint32_t leaves,
               struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_newer(position, leaves) VALUES(?1, ?2)"
        " ON CONFLICT(position) DO UPDATE SET leaves = excluded.leaves";
    sqlite3_stmt *stmt;
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)position);
    sqlite3_bind_int64(stmt, 2, leaves);
    return database_done(m->db, stmt, e);
}

/* --- rows that could not be shown ---------------------------------------- */

int unprojected_has(struct merger *m, const struct row_name *row, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM sync_unprojected WHERE table_id = ?1 AND key = ?2";
    sqlite3_stmt *stmt;
    if (!m->unprojected) {
        return 0;
    }
    int rc = row_statement(m, sql, row, &stmt, e);
    if (rc == 0) {
        rc = database_step(m->db, stmt, e);
        sqlite3_reset(stmt);
    }
    return rc;
}

int unprojected_save(struct merger *m, const struct row_name *row,
                     const char *says, struct err *e)
{
    static const char note[] =
        "INSERT INTO sync_unprojected(table_id, key, says)"
        " VALUES(?1, ?2, ?3)"
        " ON CONFLICT(table_id, key) DO UPDATE SET says = excluded.says";
    static const char clear[] =
        "DELETE FROM sync_unprojected WHERE table_id = ?1 AND key = ?2";
    sqlite3_stmt *stmt;
    if (says == NULL && !m->unprojected) {
        return 0;
    }
    int rc = row_statement(m, says == NULL ? clear : note, row, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    if (says != NULL) {
        sqlite3_bind_text(stmt, 3, says, -1, SQLITE_STATIC);
        m->unprojected = true;
    }
    return database_done(m->db, stmt, e);
}
