/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* Two successors of one changeset, in two incarnations: the node was put back
 * from a copy, if one branch had ended when the other began; else two of it ran
 * at one time (docs/semantics.md section 4). Whoever holds the whole chain sees
 * it, proves it with three headers, and so tells those who do not. */

enum { SIBLINGS_MAX = 8 }; /* looked at; a ninth is found with its own */

/* The place of a changeset in the chain. */
struct place {
    uint64_t seq;
    uint64_t incarnation;
    uint64_t prev_incarnation;
    uint64_t hlc;
};

struct looking {
    struct replica *r;
    const struct origin *o;
    struct place siblings[SIBLINGS_MAX];
    size_t count;
};

static bool is_later(const struct place *a, const struct place *b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    return a->hlc != b->hlc ? a->hlc > b->hlc : a->incarnation > b->incarnation;
}

/* --- headers ------------------------------------------------------------- */

static int read_header(struct replica *r, const struct origin *o, uint64_t seq,
                       uint64_t incarnation, struct signed_header *ret,
                       struct err *e)
{
    struct delivery d;
    struct changeset *cs = NULL;
    int rc =
        journal_next_of_changeset(r->db, o->no, seq, incarnation, 0, &d, e);
    if (rc == 0) {
        return err_set(e, ERR_CORRUPT, "changeset %llu has no delivery",
                       (unsigned long long)seq);
    }
    rc = rc < 0 ? rc
                : journal_open(r->merger.packer, &r->self.network, &o->node, &d,
                               &cs, e);
    if (rc == 0) {
        ret->header = cs->header;
        memcpy(ret->signature, cs->signature, SIGNATURE_BYTES);
        changeset_destroy(&cs);
    }
    return rc;
}

int replica_prove_fork(struct replica *r, const struct origin *o,
                       const struct signed_header *other,
                       struct fork_proof *ret, struct err *e)
{
    *ret = (struct fork_proof){.second = *other};
    int rc = read_header(r, o, other->header.seq, other->header.incarnation,
                         &ret->first, e);
    return rc == 0 ? fork_proof_holds(ret) : rc;
}

int replica_sign_proof(struct replica *r, const struct fork_proof *p,
                       int64_t now_ms, struct err *e)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    if (leaf == NULL) {
        abort();
    }
    fork_proof_leaf(p, &memory, leaf);
    int rc = replica_sign_control(r, leaf, now_ms, now_ms, e);
    free(leaf);
    bytes_free(&memory);
    return rc;
}

/* --- places -------------------------------------------------------------- */

static void read_place(sqlite3_stmt *stmt, struct place *ret)
{
    *ret = (struct place){
        .seq = (uint64_t)sqlite3_column_int64(stmt, 0),
        .incarnation = (uint64_t)sqlite3_column_int64(stmt, 1),
        .prev_incarnation = (uint64_t)sqlite3_column_int64(stmt, 2),
        .hlc = (uint64_t)sqlite3_column_int64(stmt, 3),
    };
}

#define PLACE                                                                  \
    "SELECT seq, incarnation, CASE seq WHEN 1 THEN 0 ELSE"                     \
    " coalesce(prev_incarnation, incarnation) END AS came_from, hlc"           \
    " FROM sync_changeset WHERE origin_no = ?1 AND NOT voided"

static int find_place(struct looking *l, uint64_t seq, uint64_t incarnation,
                      struct place *ret, struct err *e)
{
    static const char sql[] = PLACE " AND seq = ?2 AND incarnation = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(l->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, l->o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    rc = database_step(l->r->db, stmt, e);
    if (rc == 1) {
        read_place(stmt, ret);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

static int find_siblings(struct looking *l, const struct place *of,
                         struct err *e)
{
    static const char sql[] =
        PLACE " AND seq = ?2 AND incarnation <> ?3 AND came_from = ?4";
    sqlite3_stmt *stmt;
    l->count = 0;
    int rc = database_statement(l->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, l->o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)of->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)of->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)of->prev_incarnation);
    while (l->count < SIBLINGS_MAX &&
           (rc = database_step(l->r->db, stmt, e)) == 1) {
        read_place(stmt, &l->siblings[l->count++]);
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* The last that an incarnation wrote, from a place of it on. */
static int find_last(struct looking *l, const struct place *from,
                     struct place *ret, struct err *e)
{
    static const char sql[] = PLACE " AND seq >= ?2 AND incarnation = ?3"
                                    " ORDER BY hlc DESC LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(l->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, l->o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)from->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)from->incarnation);
    rc = database_step(l->r->db, stmt, e);
    if (rc == 1) {
        read_place(stmt, ret);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* --- judging ------------------------------------------------------------- */

/* Did the older branch go on after the younger had begun? 1: it is proved. */
static int judge(struct looking *l, const struct place *a,
                 const struct place *b, int64_t now_ms, struct err *e)
{
    const struct place *older = is_later(a, b) ? b : a;
    const struct place *younger = older == a ? b : a;
    struct fork_proof p = {.clone = true};
    struct place last = {.hlc = 0};
    int rc = find_last(l, older, &last, e);
    if (rc != 1 || !is_later(&last, younger)) {
        return rc < 0 ? rc : 0;
    }
    rc = read_header(l->r, l->o, older->seq, older->incarnation, &p.first, e);
    if (rc == 0) {
        rc = read_header(l->r, l->o, younger->seq, younger->incarnation,
                         &p.second, e);
    }
    if (rc == 0) {
        rc = read_header(l->r, l->o, last.seq, last.incarnation, &p.third, e);
    }
    if (rc != 0 || !fork_proof_holds(&p) ||
        standing_is_forked(registry_standing(l->r->merger.registry),
                           fork_proof_from(&p))) {
        return rc; /* known already */
    }
    rc = replica_sign_proof(l->r, &p, now_ms, e);
    return rc == 0 ? 1 : rc;
}

static int judge_siblings(struct looking *l, const struct place *at,
                          int64_t now_ms, struct err *e)
{
    int rc = find_siblings(l, at, e);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        rc = judge(l, at, &l->siblings[i], now_ms, e);
    }
    return rc;
}

/* Back along the incarnation, to where it left the other branch. */
int replica_look_for_clone(struct replica *r, const struct origin *o,
                           const struct changeset_header *h, int64_t now_ms,
                           struct err *e)
{
    struct looking l = {.r = r, .o = o};
    struct place at = {.hlc = 0};
    int rc = 0;
    uint64_t incarnation = h->incarnation;
    for (uint64_t seq = h->seq; rc == 0 && seq > 0; seq--) {
        rc = find_place(&l, seq, incarnation, &at, e);
        if (rc != 1) {
            break; /* taken back, or the incarnation began further on */
        }
        rc = judge_siblings(&l, &at, now_ms, e);
        if (at.prev_incarnation != incarnation) {
            break;
        }
    }
    return rc;
}
