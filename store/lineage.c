/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdlib.h>

#include "protocol/evidence.h"
#include "store/numbers.h"
#include "store/parts.h"

static struct start draw(const struct replica *r, bool goes_on)
{
    struct start start = {.position = r->self.head, .goes_on = goes_on};
    while (start.id == 0) { /* that is what was before there were starts */
        randombytes_buf(&start.id, sizeof start.id);
    }
    return start;
}

static int add(struct replica *r, const struct start *start, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_start(start, position, goes_on) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)start->id);
    sqlite3_bind_int64(stmt, 2, (int64_t)start->position);
    sqlite3_bind_int(stmt, 3, start->goes_on);
    return database_done(r->db, stmt, e);
}

static int drop_oldest(struct replica *r, struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_start"
        " WHERE number <= (SELECT max(number) FROM sync_start) - ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int(stmt, 1, STARTS_MAX);
    return database_done(r->db, stmt, e);
}

static void append(struct replica *r, const struct start *start)
{
    struct lineage *l = &r->self.lineage;
    r->starts = realloc(r->starts, (l->count + 1) * sizeof *r->starts);
    if (r->starts == NULL) {
        abort();
    }
    r->starts[l->count++] = *start;
    l->starts = r->starts;
}

static int load(struct replica *r, struct err *e)
{
    static const char sql[] =
        "SELECT start, position, goes_on FROM sync_start ORDER BY number";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    r->self.lineage.count = 0;
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        append(r, &(struct start){
                      .id = (uint64_t)sqlite3_column_int64(stmt, 0),
                      .position = (uint64_t)sqlite3_column_int64(stmt, 1),
                      .goes_on = sqlite3_column_int(stmt, 2) != 0,
                  });
    }
    return rc < 0 ? rc : 0;
}

int replica_begin_start(struct replica *r, struct err *e)
{
    const struct start start = draw(r, false);
    int rc = add(r, &start, e);
    if (rc == 0) {
        rc = drop_oldest(r, e);
    }
    return rc == 0 ? load(r, e) : rc;
}

uint64_t peer_give_back(const struct peer *p)
{
    return p->have.position < p->lost_until ? p->lost_until : 0;
}

bool peer_owes(const struct peer *p, uint64_t head)
{
    uint64_t until = peer_give_back(p);
    return p->have.position < (until < head ? until : head);
}

static int note_lost(struct replica *r, const struct hash *peer, uint64_t until,
                     uint64_t start, struct err *e)
{
    /* one more than we hold, so that it is asked for at all */
    static const char sql[] =
        "INSERT INTO sync_peer(node, lost_until, lost_start)"
        " VALUES(?1, max(?2, 1), ?3) ON CONFLICT(node) DO UPDATE SET"
        " lost_until = max(lost_until, ?2,"
        "  min(position, 9223372036854775806) + 1), lost_start = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, peer->bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)until);
    sqlite3_bind_int64(stmt, 3, (int64_t)start);
    return database_done(r->db, stmt, e);
}

int replica_forget_numbers(struct replica *r, struct err *e)
{
    int rc = r->jumped ? 0 : numbers_jump(r->db, e);
    r->jumped = rc == 0;
    return rc;
}

static int pends(struct replica *r, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM sync_pending LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    rc = database_step(r->db, stmt, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

static int draw_incarnation(struct replica *r, bool came_back, struct err *e)
{
    uint64_t bits = INCARNATION_CAME_BACK | INCARNATION_WAITED;
    uint64_t drawn;
    int waited = pends(r, e);
    randombytes_buf(&drawn, sizeof drawn);
    r->self.incarnation = (drawn & ~bits) |
                          (came_back ? INCARNATION_CAME_BACK : 0U) |
                          (waited == 1 ? INCARNATION_WAITED : 0U);
    return waited < 0 ? waited : 0;
}

/* Did this machine itself sign what it goes on from? */
static int is_signed_here(struct replica *r, const struct origin *own,
                          struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM sync_delivery WHERE origin_no = ?1 AND seq = ?2"
        " AND incarnation = ?3 AND from_no = ?1 LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, own->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)own->head_seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)own->head_incarnation);
    rc = database_step(r->db, stmt, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

int replica_draw_incarnation(struct replica *r, struct err *e)
{
    const struct origin *own =
        registry_origin(r->merger.registry, &r->self.node);
    int here =
        own == NULL || own->head_seq == 0 ? 1 : is_signed_here(r, own, e);
    return here < 0 ? here : draw_incarnation(r, here == 0, e);
}

int replica_got_back(struct replica *r, struct err *e)
{
    int rc = draw_incarnation(r, true, e);
    return rc == 0 ? replica_forget_numbers(r, e) : rc;
}

int replica_put_back(struct replica *r, const struct hash *peer, uint64_t until,
                     struct err *e)
{
    const struct start start = draw(r, true);
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    rc = add(r, &start, e);
    if (rc == 0) {
        rc = note_lost(r, peer, until, start.id, e);
    }
    if (rc == 0) {
        rc = replica_forget_numbers(r, e);
    }
    rc = replica_end(r, rc, e);
    if (rc == 0) {
        append(r, &start);
    }
    return rc;
}
