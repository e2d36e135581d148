/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/parts.h"

/* One origin never stops another [I-7]: what a neighbour brings of it and a hop
 * may not take is refused, with all that comes of it after that on this link. The
 * stretch goes on, the token with it, and the ack names the first. It is asked
 * for again by a walk from there, each time after a longer while: what was missing
 * may have come, and what was damaged may be whole. */

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

/* A statement about what this neighbour brings: ?1 is its node, ?2 the id of its
 * journal. */
static int about(struct replica *r, const struct peer *from, const char *sql,
                 sqlite3_stmt **stmt, struct err *e)
{
    int rc = database_statement(r->db, sql, stmt, e);
    if (rc == 0) {
        sqlite3_bind_blob(*stmt, 1, from->node.bytes, HASH_BYTES,
                          SQLITE_STATIC);
        sqlite3_bind_int64(*stmt, 2, (int64_t)from->have.journal);
    }
    return rc;
}

int barred_load(struct replica *r, const struct peer *from, struct bars *ret,
                struct err *e)
{
    /* what is before the token is not on its way */
    static const char sql[] =
        "SELECT b.origin, b.position, b.tries, b.again_ms,"
        " coalesce(p.again, p.position) < b.position FROM sync_barred b"
        " JOIN sync_peer p USING(node) WHERE b.node = ?1 AND b.journal = ?2"
        " LIMIT ?3";
    sqlite3_stmt *stmt;
    ret->count = 0;
    int rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int(stmt, 3, BARRED_MAX);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        struct bar *bar = &ret->items[ret->count++];
        memcpy(bar->origin.bytes, sqlite3_column_blob(stmt, 0), HASH_BYTES);
        bar->position = (uint64_t)sqlite3_column_int64(stmt, 1);
        bar->tries = (uint32_t)sqlite3_column_int(stmt, 2);
        bar->again_ms = sqlite3_column_int64(stmt, 3);
        bar->asked = sqlite3_column_int(stmt, 4) != 0;
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

static int64_t wait_ms(uint32_t tries)
{
    return (int64_t)ASK_AGAIN_MIN_MS << (tries - 1);
}

/* What comes before its time, with something else or on a new link, has not had
 * to wait longer. By a clock that was set back nothing would ever be due. */
static void put_off(struct bar *bar, int64_t now_ms)
{
    bool early = bar->again_ms > now_ms &&
                 bar->again_ms <= now_ms + wait_ms(ASK_AGAIN_TRIES_MAX);
    if (!early) {
        bar->tries += bar->tries < ASK_AGAIN_TRIES_MAX;
        bar->again_ms = now_ms + wait_ms(bar->tries);
    }
}

static int save(struct replica *r, const struct peer *from,
                const struct bar *bar, const struct refusal *refusal,
                struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_barred(node, journal, origin, position, code, says,"
        " tries, again_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET journal = excluded.journal,"
        " position = excluded.position, code = excluded.code,"
        " says = excluded.says, tries = excluded.tries,"
        " again_ms = excluded.again_ms";
    sqlite3_stmt *stmt;
    int rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 3, bar->origin.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, (int64_t)bar->position);
    sqlite3_bind_int(stmt, 5, refusal->code);
    sqlite3_bind_text(stmt, 6, refusal->sentence, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 7, (int)bar->tries);
    sqlite3_bind_int64(stmt, 8, bar->again_ms);
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
    bar->asked = false;
    put_off(bar, now_ms);
    *ret = (struct refusal){.position = t->position, .code = e->code};
    message_sentence(e->text, ret->sentence);
    return save(r, from, bar, ret, e);
}

int barred_lift(struct replica *r, const struct peer *from, struct bars *bars,
                struct bar *bar, struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_barred WHERE node = ?1 AND journal = ?2"
        " AND origin = ?3";
    sqlite3_stmt *stmt;
    int rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 3, bar->origin.bytes, HASH_BYTES, SQLITE_STATIC);
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
    static const char sql[] =
        "SELECT min(iif(b.again_ms > ?3 + ?4, ?3, b.again_ms))"
        " FROM sync_barred b JOIN sync_peer p USING(node) WHERE b.node = ?1"
        " AND b.journal = ?2 AND coalesce(p.again, p.position) >= b.position";
    sqlite3_stmt *stmt;
    *ret = INT64_MAX;
    int rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 3, now_ms);
    sqlite3_bind_int64(stmt, 4, wait_ms(ASK_AGAIN_TRIES_MAX));
    rc = database_step(r->db, stmt, e);
    if (rc == 1 && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *ret = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* The first position that is to come again, 0: none is. What the neighbour says
 * itself is, on each link: it may not be the same machine, and of a node that runs
 * twice one says what nobody may. */
static int first_due(struct replica *r, const struct peer *from, int64_t now_ms,
                     uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT min(position) FROM sync_barred WHERE node = ?1 AND journal = ?2"
        " AND (again_ms <= ?3 OR again_ms > ?3 + ?4 OR origin = node)";
    sqlite3_stmt *stmt;
    int rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 3, now_ms);
    sqlite3_bind_int64(stmt, 4, wait_ms(ASK_AGAIN_TRIES_MAX));
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

int replica_ask_again(struct replica *r, struct peer *from, int64_t now_ms,
                      struct err *e)
{
    static const char sql[] =
        "UPDATE sync_peer SET again = min(coalesce(again, position), ?3 - 1)"
        " WHERE node = ?1 AND journal = ?2 RETURNING position - again";
    sqlite3_stmt *stmt;
    uint64_t first;
    int rc = first_due(r, from, now_ms, &first, e);
    if (rc != 0 || first == 0) {
        return rc;
    }
    rc = about(r, from, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 3, (int64_t)first);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        from->again = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    return rc;
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
