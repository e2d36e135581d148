/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/parts.h"

/* A first hop turns away what is stamped ahead of its clock (docs/semantics.md
 * section 4). It remembers that, because the child must learn of it even if the
 * ack is lost, and because what builds on it comes in later messages. */

int replica_refused_hash(struct replica *r, const struct origin *o,
                         uint64_t seq, uint64_t incarnation, struct hash *ret,
                         struct err *e)
{
    static const char sql[] =
        "SELECT hash FROM sync_refused WHERE origin_no = ?1 AND seq = ?2"
        " AND incarnation = ?3 AND length(hash) = 32";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    rc = database_step(r->db, stmt, e);
    if (rc == 1) {
        memcpy(ret->bytes, sqlite3_column_blob(stmt, 0), HASH_BYTES);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

static int note(struct replica *r, const struct offered *offered,
                const struct refusal *refusal, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_refused(origin_no, seq, incarnation, journal,"
        " position, code, says, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET journal = excluded.journal,"
        " position = excluded.position, code = excluded.code,"
        " says = excluded.says, hash = excluded.hash";
    const struct changeset_header *t = offered->header;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, offered->origin->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)t->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)t->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)offered->journal);
    sqlite3_bind_int64(stmt, 5, (int64_t)refusal->position);
    sqlite3_bind_int(stmt, 6, refusal->code);
    sqlite3_bind_text(stmt, 7, refusal->sentence, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 8, offered->hash->bytes, HASH_BYTES, SQLITE_STATIC);
    return database_done(r->db, stmt, e);
}

/* "3 days", for a person who is to set a clock. */
static void print_span(int64_t ms, char *out, size_t out_bytes)
{
    static const struct unit {
        const char *word;
        int64_t ms;
    } units[] = {{"days", INT64_C(86400000)},
                 {"hours", INT64_C(3600000)},
                 {"minutes", INT64_C(60000)},
                 {"seconds", INT64_C(1000)}};
    size_t i = 0;
    while (i < 3 && ms < 2 * units[i].ms) {
        i++;
    }
    (void)snprintf(out, out_bytes, "%lld %s", (long long)(ms / units[i].ms),
                   units[i].word);
}

int replica_turn_away(struct replica *r, const struct offered *offered,
                      int64_t now_ms, struct refusal *ret, struct err *e)
{
    const struct changeset_header *t = offered->header;
    const struct origin *o = offered->origin;
    int64_t ahead_ms = hlc_ms(t->hlc) - replica_now(r, now_ms);
    bool future = ahead_ms > FUTURE_MS_MAX;
    char span[40];
    struct hash before;
    int rc =
        replica_refused_hash(r, o, t->seq - 1, t->prev_incarnation, &before, e);
    bool builds = rc == 1 && hash_equal(&before, &t->prev);
    if (rc < 0 || (!builds && !future)) {
        return rc < 0 ? rc : 0;
    }
    *ret = (struct refusal){.position = offered->position, .code = ERR_FUTURE};
    print_span(ahead_ms, span, sizeof span);
    if (future) {
        (void)snprintf(ret->sentence, sizeof ret->sentence,
                       "stamped %s ahead of the clock here; site %s signs it "
                       "anew, set its clock",
                       span, offered->site);
    } else {
        (void)snprintf(ret->sentence, sizeof ret->sentence,
                       "it builds on a changeset that was stamped ahead of "
                       "the clock here");
    }
    rc = note(r, offered, ret, e);
    return rc == 0 ? 1 : rc;
}

int replica_forget_refused(struct replica *r, const struct origin *o,
                           uint64_t seq, uint64_t incarnation, struct err *e)
{
    static const char sql[] = "DELETE FROM sync_refused WHERE origin_no = ?1"
                              " AND seq = ?2 AND incarnation = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    return database_done(r->db, stmt, e);
}

/* 1: it is the next one in *h, by number; what was turned away has no time here,
 * and is later than any void of it. */
static int next_refused(struct replica *r, const struct origin *o,
                        struct changeset_header *h, struct err *e)
{
    static const char sql[] =
        "SELECT seq, incarnation FROM sync_refused WHERE origin_no = ?1"
        " AND (seq, incarnation) > (?2, ?3) ORDER BY seq, incarnation LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)h->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)h->incarnation);
    rc = database_step(r->db, stmt, e);
    if (rc == 1) {
        h->seq = (uint64_t)sqlite3_column_int64(stmt, 0);
        h->incarnation = (uint64_t)sqlite3_column_int64(stmt, 1);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

int replica_forget_void(struct replica *r, const struct origin *o,
                        struct err *e)
{
    struct standing *standing = registry_standing(r->merger.registry);
    struct changeset_header h = {.origin = o->node, .hlc = UINT64_MAX};
    int rc;
    while ((rc = next_refused(r, o, &h, e)) == 1) {
        if (standing_of(standing, &h) == STAND_VOID) {
            rc = replica_forget_refused(r, o, h.seq, h.incarnation, e);
        }
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

int replica_forget_branch(struct replica *r, const struct peer *from,
                          struct err *e)
{
    static const char *const sql[] = {
        "DELETE FROM sync_refused WHERE origin_no ="
        " (SELECT origin_no FROM sync_origin WHERE node = ?1)"
        " AND EXISTS(SELECT 1 FROM sync_peer WHERE node = ?1 AND start <> ?2)",
        "DELETE FROM sync_barred WHERE node = ?1"
        " AND EXISTS(SELECT 1 FROM sync_peer WHERE node = ?1 AND start <> ?2)",
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof sql / sizeof sql[0]; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, sql[i], &stmt, e);
        if (rc == 0) {
            sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES,
                              SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 2, (int64_t)from->have.start);
            rc = database_done(r->db, stmt, e);
        }
    }
    return rc;
}

int replica_refusals(struct replica *r, const struct peer *from,
                     struct refusal *ret, size_t cap, size_t *ret_count,
                     struct err *e)
{
    static const char sql[] =
        "SELECT position, code, says FROM (SELECT *, min(late) FROM"
        " (SELECT position, code, says, 0 AS late FROM sync_barred"
        "   WHERE node = ?1 AND journal = ?2 UNION ALL"
        "  SELECT s.position, s.code, s.says, 1 FROM sync_refused AS s"
        "   JOIN sync_origin AS o USING(origin_no) WHERE o.node = ?1"
        "    AND s.journal = ?2) WHERE position <= ?3 GROUP BY position"
        "  ORDER BY late, position LIMIT ?4) ORDER BY position";
    sqlite3_stmt *stmt;
    *ret_count = 0;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->have.journal);
    sqlite3_bind_int64(stmt, 3, (int64_t)(from->have.position - from->again));
    sqlite3_bind_int64(stmt, 4, (int64_t)cap);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        struct refusal *refusal = &ret[(*ret_count)++];
        refusal->position = (uint64_t)sqlite3_column_int64(stmt, 0);
        refusal->code = sqlite3_column_int(stmt, 1);
        (void)snprintf(refusal->sentence, sizeof refusal->sentence, "%s",
                       (const char *)sqlite3_column_text(stmt, 2));
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}
