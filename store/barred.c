/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "store/parts.h"

/* One origin never stops another [I-7]: what a neighbour brings of it and a hop
 * may not take is refused, with all that comes of it after that on this link. The
 * stretch goes on, the token with it, and the ack names the first. It is asked
 * for again by a token that goes back to it, each time after a longer while: what
 * was missing may have come, and what was damaged may be whole. */

bool barred_may(int code)
{
    switch (code) {
    case ERR_FORMAT:
    case ERR_LIMIT:
    case ERR_SIGNATURE:
    case ERR_HASH:
    case ERR_NETWORK:
    case ERR_VERSION:
    case ERR_UNKNOWN:
    case ERR_FORBIDDEN:
    case ERR_CHAIN:
    case ERR_FORK:
    case ERR_CLASS:
        return true;
    default: /* our disk, our memory */
        return false;
    }
}

int barred_load(struct replica *r, const struct peer *from, struct bars *ret,
                struct err *e)
{
    /* what is before the token is not on its way */
    static const char sql[] =
        "SELECT b.origin, b.position, b.tries,"
        " coalesce(p.again, p.position) < b.position FROM sync_barred b"
        " JOIN sync_peer p USING(node) WHERE b.node = ?1 AND b.journal = ?2";
    sqlite3_stmt *stmt;
    ret->count = 0;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->have.journal);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        assert(ret->count < BARRED_MAX);
        struct bar *bar = &ret->items[ret->count++];
        memcpy(bar->origin.bytes, sqlite3_column_blob(stmt, 0), HASH_BYTES);
        bar->position = (uint64_t)sqlite3_column_int64(stmt, 1);
        bar->tries = (uint32_t)sqlite3_column_int(stmt, 2);
        bar->asked = sqlite3_column_int(stmt, 3) != 0;
    }
    return rc;
}

struct bar *barred_find(struct bars *bars, const struct hash *origin)
{
    for (size_t i = 0; i < bars->count; i++) {
        if (hash_equal(&bars->items[i].origin, origin)) {
            return &bars->items[i];
        }
    }
    return NULL;
}

/* Up to a year. */
enum { TRIES_MAX = 20 };

static int64_t wait_ms(uint32_t tries)
{
    return (int64_t)ASK_AGAIN_MIN_MS << (tries - 1);
}

static int save(struct replica *r, const struct peer *from,
                const struct bar *bar, const struct refusal *refusal,
                int64_t now_ms, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_barred(node, origin, journal, position, code, says,"
        " tries, again_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET journal = excluded.journal,"
        " position = excluded.position, code = excluded.code,"
        " says = excluded.says, tries = excluded.tries,"
        " again_ms = excluded.again_ms";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, bar->origin.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (int64_t)from->have.journal);
    sqlite3_bind_int64(stmt, 4, (int64_t)bar->position);
    sqlite3_bind_int(stmt, 5, refusal->code);
    sqlite3_bind_text(stmt, 6, refusal->sentence, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 7, (int)bar->tries);
    sqlite3_bind_int64(stmt, 8, now_ms + wait_ms(bar->tries));
    return database_done(r->db, stmt, e);
}

int barred_put(struct replica *r, const struct peer *from, struct bars *bars,
               const struct travelling *t, int64_t now_ms, struct refusal *ret,
               struct err *e)
{
    struct bar *bar = barred_find(bars, &t->origin);
    if (bar == NULL && bars->count == BARRED_MAX) {
        return e->code; /* that many are no accident */
    }
    if (bar == NULL) {
        bar = &bars->items[bars->count++];
        *bar = (struct bar){.origin = t->origin};
    }
    bar->position = t->position;
    bar->tries += bar->tries < TRIES_MAX;
    bar->asked = false;
    *ret = (struct refusal){.position = t->position, .code = e->code};
    message_sentence(e->text, ret->sentence);
    return save(r, from, bar, ret, now_ms, e);
}

int barred_lift(struct replica *r, const struct peer *from, struct bars *bars,
                struct bar *bar, struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_barred WHERE node = ?1 AND origin = ?2";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, bar->origin.bytes, HASH_BYTES, SQLITE_STATIC);
    rc = database_done(r->db, stmt, e);
    *bar = bars->items[--bars->count];
    return rc;
}

int barred_passed(struct replica *r, const struct peer *from, struct bars *bars,
                  uint64_t position, struct err *e)
{
    int rc = 0;
    for (size_t i = bars->count; rc == 0 && i > 0; i--) {
        struct bar *bar = &bars->items[i - 1];
        if (bar->asked && bar->position <= position) {
            rc = barred_lift(r, from, bars, bar, e);
        }
    }
    return rc;
}

/* --- asking again --------------------------------------------------------- */

int replica_asks_at(struct replica *r, const struct peer *from, int64_t now_ms,
                    int64_t *ret, struct err *e)
{
    /* by a clock that was set back nothing would be asked for */
    static const char sql[] =
        "SELECT min(iif(b.again_ms > ?3 + ?4, ?3, b.again_ms))"
        " FROM sync_barred b JOIN sync_peer p USING(node) WHERE b.node = ?1"
        " AND b.journal = ?2 AND coalesce(p.again, p.position) >= b.position";
    sqlite3_stmt *stmt;
    *ret = INT64_MAX;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->have.journal);
    sqlite3_bind_int64(stmt, 3, now_ms);
    sqlite3_bind_int64(stmt, 4, wait_ms(TRIES_MAX));
    rc = database_step(r->db, stmt, e);
    if (rc == 1 && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *ret = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int go_back(struct replica *r, struct peer *from, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_peer SET again = min(coalesce(again, position),"
        " (SELECT min(position) - 1 FROM sync_barred WHERE node = ?1"
        "  AND journal = ?2)) WHERE node = ?1 AND journal = ?2"
        " RETURNING position - again";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->have.journal);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        from->again = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    return rc;
}

/* Is what the neighbour says itself refused? With another link it may not be the
 * same machine: of a node that runs twice one says what nobody may. */
static int is_itself(struct replica *r, const struct peer *from, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM sync_barred WHERE node = ?1 AND origin = ?1"
        " AND journal = ?2";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->have.journal);
    rc = database_step(r->db, stmt, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

int replica_ask_again(struct replica *r, struct peer *from, int64_t now_ms,
                      struct err *e)
{
    int64_t at_ms;
    int rc = replica_asks_at(r, from, now_ms, &at_ms, e);
    if (rc == 0 && at_ms > now_ms) {
        rc = is_itself(r, from, e);
        if (rc <= 0) {
            return rc;
        }
    }
    return rc < 0 ? rc : go_back(r, from, e);
}

/* --- what others refuse of ours -------------------------------------------- */

int replica_barred_there(struct replica *r, const struct hash *peer,
                         const struct refusal *refusal, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_barred_there(node, origin_no, position, code, says)"
        " SELECT ?1, origin_no, position, ?3, ?4 FROM sync_delivery"
        " WHERE position = ?2 ON CONFLICT DO UPDATE SET"
        " position = excluded.position, code = excluded.code,"
        " says = excluded.says";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, peer->bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)refusal->position);
    sqlite3_bind_int(stmt, 3, refusal->code);
    sqlite3_bind_text(stmt, 4, refusal->sentence, -1, SQLITE_STATIC);
    return database_done(r->db, stmt, e);
}
