/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* Two successors of one changeset, in two incarnations: the node was put back
 * from a copy, if one branch had ended when the other began; else two of it ran
 * (docs/semantics.md section 4, decision 32). Whoever holds the whole chain sees
 * it, proves it with three headers, and so tells those who do not. */

enum { LOOKED_AT_MAX = 8 }; /* branches of one node, at a time */

/* The place of a changeset in the chain. */
struct place {
    uint64_t seq;
    uint64_t incarnation;
    uint64_t prev_incarnation;
    uint64_t hlc;
};

/* Two branches: the first of each, or one that continues another. */
struct pair {
    struct place older;
    struct place younger;
};

struct looking {
    struct replica *r;
    const struct origin *o;
    int64_t now_ms;
    struct pair pairs[LOOKED_AT_MAX];
    size_t count;
    bool proved;
};

static bool is_later(const struct place *a, const struct place *b)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    return a->hlc != b->hlc ? a->hlc > b->hlc : a->incarnation > b->incarnation;
}

/* What a program wrote before a disk was copied both copies sign, by one stamp: it
 * tells nothing of what ran when. */
static bool is_between(const struct place *before, const struct place *it,
                       const struct place *after)
{
    return before->hlc < it->hlc && it->hlc < after->hlc;
}

static bool begins(const struct place *p)
{
    return p->seq == 1 || p->prev_incarnation != p->incarnation;
}

static struct place place_of(const struct changeset_header *h)
{
    return (struct place){h->seq, h->incarnation, h->prev_incarnation, h->hlc};
}

/* As what is said of it is looked up. */
static struct changeset_header header_of(const struct looking *l,
                                         const struct place *p)
{
    return (struct changeset_header){.origin = l->o->node,
                                     .seq = p->seq,
                                     .incarnation = p->incarnation,
                                     .prev_incarnation = p->prev_incarnation};
}

static bool is_of_clone(const struct looking *l, uint64_t seq,
                        uint64_t incarnation)
{
    const struct place at = {.seq = seq, .incarnation = incarnation};
    const struct changeset_header h = header_of(l, &at);
    return standing_is_of_clone(registry_standing(l->r->merger.registry), &h);
}

/* May what goes on here prove anything? */
static bool shows(const struct looking *l, const struct place *before,
                  const struct place *p)
{
    const struct changeset_header first = header_of(l, before);
    const struct changeset_header third = header_of(l, p);
    return fork_proof_may_rest_on(&first, &third);
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
    *ret = (struct fork_proof){.kind = PROOF_FORK, .second = *other};
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

/* --- places ------------------------------------------------------------- */

static struct place read_place(sqlite3_stmt *stmt, int at)
{
    return (struct place){
        .seq = (uint64_t)sqlite3_column_int64(stmt, at),
        .incarnation = (uint64_t)sqlite3_column_int64(stmt, at + 1),
        .prev_incarnation = (uint64_t)sqlite3_column_int64(stmt, at + 2),
        .hlc = (uint64_t)sqlite3_column_int64(stmt, at + 3),
    };
}

/* Columns of a place; before the first changeset there is no incarnation. */
#define CAME_FROM(of)                                                          \
    "CASE " of ".seq WHEN 1 THEN 0 ELSE"                                       \
    " coalesce(" of ".prev_incarnation, " of ".incarnation) END"
#define PLACE(of) of ".seq, " of ".incarnation, " CAME_FROM(of) ", " of ".hlc"

/* Few: SQLite would rather look through all lower numbers. */
#define STARTS " INDEXED BY sync_changeset_start"

static int ask(struct looking *l, const char *sql, uint64_t a, uint64_t b,
               uint64_t c, sqlite3_stmt **ret, struct err *e)
{
    int rc = database_statement(l->r->db, sql, ret, e);
    if (rc == 0) {
        sqlite3_bind_int64(*ret, 1, l->o->no);
        sqlite3_bind_int64(*ret, 2, (int64_t)a);
        sqlite3_bind_int64(*ret, 3, (int64_t)b);
        sqlite3_bind_int64(*ret, 4, (int64_t)c);
    }
    return rc;
}

/* The one place that is asked for: 1 if there is any. */
static int read_one(struct looking *l, sqlite3_stmt *stmt, struct place *ret,
                    struct err *e)
{
    int rc = database_step(l->r->db, stmt, e);
    if (rc == 1) {
        *ret = read_place(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* 1: it is there, and not taken back. */
static int find_place(struct looking *l, uint64_t seq, uint64_t incarnation,
                      struct place *ret, struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_changeset AS c WHERE origin_no = ?1"
                             " AND seq = ?2 AND incarnation = ?3"
                             " AND NOT voided";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, seq, incarnation, 0, &stmt, e);
    return rc == 0 ? read_one(l, stmt, ret, e) : rc;
}

/* Where the incarnation of *at began: 0 if it is the node's first one. */
static int find_start(struct looking *l, const struct place *at,
                      struct place *ret, struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_changeset AS c" STARTS
                             " WHERE origin_no = ?1"
                             " AND incarnation = ?2 AND seq <= ?3"
                             " AND prev_incarnation IS NOT NULL"
                             " ORDER BY seq DESC LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, at->incarnation, at->seq, 0, &stmt, e);
    return rc == 0 ? read_one(l, stmt, ret, e) : rc;
}

/* Is it before *at in the chain, or *at itself? */
static int is_before(struct looking *l, const struct place *it,
                     const struct place *at, struct err *e)
{
    struct place on = *at;
    struct place start = {.seq = 0};
    int rc = 1;
    while (rc == 1 && on.seq >= it->seq) {
        if ((rc = find_start(l, &on, &start, e)) < 0) {
            return rc;
        }
        if (rc == 0 || start.seq <= it->seq) {
            return on.incarnation == it->incarnation;
        }
        on = (struct place){.seq = start.seq - 1,
                            .incarnation = start.prev_incarnation};
    }
    return 0;
}

/* --- proofs -------------------------------------------------------------- */

static int sign_clone(struct looking *l, const struct place *before,
                      const struct place *younger, const struct place *after,
                      struct err *e)
{
    struct fork_proof p = {.kind = PROOF_CLONE};
    int rc =
        read_header(l->r, l->o, before->seq, before->incarnation, &p.first, e);
    if (rc == 0) {
        rc = read_header(l->r, l->o, younger->seq, younger->incarnation,
                         &p.second, e);
    }
    if (rc == 0) {
        rc = read_header(l->r, l->o, after->seq, after->incarnation, &p.third,
                         e);
    }
    if (rc != 0 || !fork_proof_holds(&p)) {
        return rc;
    }
    l->proved = true;
    return replica_sign_proof(l->r, &p, l->now_ms, e);
}

static int sign_sequel(struct looking *l, const struct place *start,
                       struct err *e)
{
    struct fork_proof p = {.kind = PROOF_SEQUEL};
    int rc = read_header(l->r, l->o, start->seq - 1, start->prev_incarnation,
                         &p.first, e);
    if (rc == 0) {
        rc = read_header(l->r, l->o, start->seq, start->incarnation, &p.second,
                         e);
    }
    return rc == 0 && fork_proof_holds(&p)
               ? replica_sign_proof(l->r, &p, l->now_ms, e)
               : rc;
}

/* Does it begin where something waits, and that is not told yet? */
static bool hangs(const struct looking *l, const struct place *p)
{
    return p->seq > 1 && begins(p) &&
           is_of_clone(l, p->seq - 1, p->prev_incarnation) &&
           !is_of_clone(l, p->seq, p->incarnation);
}

/* The next incarnation, by number, that hangs on what waits; from *ret on. */
static int find_sequel(struct looking *l, struct place *ret, struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_changeset AS c" STARTS
                             " WHERE origin_no = ?1"
                             " AND prev_incarnation IS NOT NULL AND NOT voided"
                             " AND (seq, incarnation) > (?2, ?3)"
                             " ORDER BY seq, incarnation";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, ret->seq, ret->incarnation, 0, &stmt, e);
    while (rc == 0 && (rc = database_step(l->r->db, stmt, e)) == 1) {
        *ret = read_place(stmt, 0);
        rc = hangs(l, ret);
    }
    if (rc >= 0) {
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* What began on the younger branch meanwhile. */
static int sign_sequels(struct looking *l, struct err *e)
{
    struct place start = {.seq = 0};
    int rc;
    while ((rc = find_sequel(l, &start, e)) == 1) {
        rc = sign_sequel(l, &start, e);
        if (rc != 0) {
            break;
        }
    }
    return rc;
}

/* --- looking ------------------------------------------------------------- */

static void add_pair(struct looking *l, const struct place *a,
                     const struct place *b)
{
    const bool swaps = is_later(a, b);
    const struct pair pair = {swaps ? *b : *a, swaps ? *a : *b};
    if (l->count < LOOKED_AT_MAX &&
        !is_of_clone(l, pair.younger.seq, pair.younger.incarnation)) {
        l->pairs[l->count++] = pair;
    }
}

static int read_pairs(struct looking *l, sqlite3_stmt *stmt, struct err *e)
{
    int rc;
    l->count = 0;
    while ((rc = database_step(l->r->db, stmt, e)) == 1) {
        const struct place a = read_place(stmt, 0);
        const struct place b = read_place(stmt, 4);
        add_pair(l, &a, &b);
    }
    return rc;
}

/* Where branches part of which the younger began between the two. */
static int find_parting(struct looking *l, const struct place *before,
                        const struct place *after, struct err *e)
{
    static const char sql[] = "SELECT " PLACE("s") ", " PLACE(
        "o") " FROM sync_changeset AS s" STARTS
             " CROSS JOIN sync_changeset AS o"
             "  ON o.origin_no = s.origin_no AND o.seq = s.seq"
             "  AND o.incarnation <> s.incarnation"
             "  AND " CAME_FROM("o") " = " CAME_FROM(
                 "s") " WHERE s.origin_no = ?1 AND s.prev_incarnation IS NOT NULL"
                      /* two that both begin an incarnation are a pair once */
                      "  AND (o.prev_incarnation IS NULL OR s.incarnation < o.incarnation)"
                      "  AND +s.seq <= ?2 AND max(s.hlc, o.hlc) BETWEEN ?3 AND ?4"
                      "  AND NOT s.voided AND NOT o.voided"
                      " UNION ALL SELECT " PLACE("s") ", " PLACE(
                          "o") " FROM sync_changeset AS s CROSS JOIN sync_changeset AS o"
                               "  ON o.origin_no = s.origin_no AND o.seq = 1"
                               "  AND o.incarnation <> s.incarnation"
                               " WHERE s.origin_no = ?1 AND s.seq = 1"
                               "  AND max(s.hlc, o.hlc) BETWEEN ?3 AND ?4"
                               "  AND NOT s.voided AND NOT o.voided";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, before->seq, before->hlc, after->hlc, &stmt, e);
    return rc == 0 ? read_pairs(l, stmt, e) : rc;
}

/* It goes on where another branch had begun meanwhile. */
static int judge_sequence(struct looking *l, const struct place *at,
                          struct err *e)
{
    struct place before = {.seq = 0};
    if (at->seq == 1) {
        return 0;
    }
    int rc = find_place(l, at->seq - 1, at->prev_incarnation, &before, e);
    if (rc != 1 || !shows(l, &before, at)) {
        return rc < 0 ? rc : 0; /* taken back, or it says nothing */
    }
    rc = find_parting(l, &before, at, e);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        const struct pair *p = &l->pairs[i];
        if (is_between(&before, &p->younger, at) &&
            !is_of_clone(l, p->younger.seq, p->younger.incarnation) &&
            (rc = is_before(l, &p->older, &before, e)) == 1) {
            rc = sign_clone(l, &before, &p->younger, at, e);
        }
    }
    return rc;
}

/* Of a changeset that is younger than another of the same place: what went on
 * meanwhile on other branches. */
static int find_going_on(struct looking *l, const struct place *at,
                         struct err *e)
{
    static const char sql[] = "SELECT " PLACE("b") ", " PLACE(
        "a") " FROM sync_changeset AS a CROSS JOIN sync_changeset AS b"
             "  ON b.origin_no = a.origin_no AND b.seq = a.seq - 1"
             "  AND b.incarnation = coalesce(a.prev_incarnation, a.incarnation)"
             " WHERE a.origin_no = ?1 AND a.seq > ?2 AND a.hlc >= ?3"
             "  AND b.hlc <= ?3 AND NOT a.voided AND NOT b.voided";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, at->seq, at->hlc, 0, &stmt, e);
    l->count = 0;
    while (rc == 0 && (rc = database_step(l->r->db, stmt, e)) == 1) {
        const struct pair goes = {read_place(stmt, 0), read_place(stmt, 4)};
        if (l->count < LOOKED_AT_MAX && shows(l, &goes.older, &goes.younger) &&
            is_between(&goes.older, at, &goes.younger)) {
            l->pairs[l->count++] = goes;
        }
        rc = 0;
    }
    return rc;
}

/* The branches that left where it does, the older ones. */
static int find_older(struct looking *l, const struct place *at,
                      struct place older[LOOKED_AT_MAX], size_t *ret_count,
                      struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_changeset AS c WHERE origin_no = ?1"
                             " AND seq = ?2 AND incarnation <> ?3"
                             " AND " CAME_FROM("c") " = ?4 AND NOT voided";
    sqlite3_stmt *stmt;
    int rc =
        ask(l, sql, at->seq, at->incarnation, at->prev_incarnation, &stmt, e);
    *ret_count = 0;
    while (rc == 0 && (rc = database_step(l->r->db, stmt, e)) == 1) {
        const struct place p = read_place(stmt, 0);
        if (*ret_count < LOOKED_AT_MAX && is_later(at, &p)) {
            older[(*ret_count)++] = p;
        }
        rc = 0;
    }
    return rc;
}

/* It began a branch while an older one went on. */
static int judge_start(struct looking *l, const struct place *at, struct err *e)
{
    struct place older[LOOKED_AT_MAX];
    size_t count = 0;
    int rc = find_older(l, at, older, &count, e);
    if (rc == 0 && count > 0) {
        rc = find_going_on(l, at, e);
    }
    for (size_t i = 0; rc == 0 && !l->proved && i < l->count; i++) {
        const struct pair *goes = &l->pairs[i];
        for (size_t k = 0; rc == 0 && k < count; k++) {
            rc = is_before(l, &older[k], &goes->older, e);
        }
        rc = rc == 1 ? sign_clone(l, &goes->older, at, &goes->younger, e) : rc;
    }
    return rc;
}

/* Half of what may be said is for what a person says. */
static bool has_room(const struct replica *r)
{
    return standing_told(registry_standing(r->merger.registry), &r->self.node) <
           EVIDENCE_MAX / 2;
}

int replica_look_for_clone(struct replica *r, const struct origin *o,
                           const struct changeset_header *h, int64_t now_ms,
                           struct err *e)
{
    struct looking l = {.r = r, .o = o, .now_ms = now_ms};
    const struct place at = place_of(h);
    int rc = 0;
    if (!has_room(r)) {
        return 0;
    }
    if (hangs(&l, &at)) {
        rc = sign_sequel(&l, &at, e);
    }
    if (rc == 0 && !is_of_clone(&l, at.seq, at.incarnation)) {
        rc = judge_start(&l, &at, e);
    }
    l.count = 0;
    if (rc == 0) {
        rc = judge_sequence(&l, &at, e);
    }
    if (rc == 0 && l.proved) {
        rc = sign_sequels(&l, e);
    }
    return rc == 0 ? l.proved : rc;
}

/* --- this node's own chain ------------------------------------------------ */

/* Does it wait, or hang on what does? Others may not have told yet. */
static int waits(struct looking *l, uint64_t seq, uint64_t incarnation,
                 struct err *e)
{
    struct place on = {.seq = seq, .incarnation = incarnation};
    struct place start = {.seq = 0};
    int rc = 1;
    while (rc == 1 && !is_of_clone(l, on.seq, on.incarnation)) {
        rc = find_start(l, &on, &start, e);
        on = (struct place){.seq = start.seq - 1,
                            .incarnation = start.prev_incarnation};
    }
    return rc;
}

/* What this machine itself signed last, not taken back: 1. Not on top of what came
 * back, which may be the other's. */
static int find_last_signed_here(struct looking *l, struct place *ret,
                                 struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_delivery AS d CROSS JOIN"
                             " sync_changeset AS c"
                             "  ON c.origin_no = d.origin_no"
                             "  AND c.seq = d.seq"
                             "  AND c.incarnation = d.incarnation"
                             " WHERE +d.origin_no = ?1 AND d.from_no = ?1"
                             "  AND NOT d.reach & 32 AND NOT c.voided"
                             "  AND c.incarnation & 1 = 0"
                             " ORDER BY d.position DESC LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, 0, 0, 0, &stmt, e);
    return rc == 0 ? read_one(l, stmt, ret, e) : rc;
}

/* The last in time that hangs on *from, and waits or does not. */
static int find_tip(struct looking *l, const struct place *from, int waiting,
                    struct place *ret, struct err *e)
{
    static const char sql[] =
        "SELECT " PLACE("c") " FROM sync_changeset AS c WHERE origin_no = ?1"
                             " AND NOT voided AND seq >= ?2 ORDER BY hlc DESC";
    sqlite3_stmt *stmt;
    int rc = ask(l, sql, from->seq, 0, 0, &stmt, e);
    bool found = false;
    while (rc == 0 && !found && (rc = database_step(l->r->db, stmt, e)) == 1) {
        *ret = read_place(stmt, 0);
        int is = waits(l, ret->seq, ret->incarnation, e);
        rc = is < 0 ? is : is == waiting ? is_before(l, from, ret, e) : 0;
        found = rc == 1;
        rc = rc < 0 ? rc : 0;
    }
    if (found || rc < 0) {
        (void)sqlite3_reset(stmt);
    }
    return found ? 1 : rc;
}

/* No incarnation is on two branches. */
static int lead(struct replica *r, const struct place *to, struct err *e)
{
    struct origin *own = replica_own_origin(r);
    struct held held = {.hlc = 0};
    int rc = journal_held(r->db, own->no, to->seq, to->incarnation, &held, e);
    if (rc != 1) {
        return rc;
    }
    own->head_seq = to->seq;
    own->head_incarnation = to->incarnation;
    own->head_hash = held.hash;
    own->head_hlc = held.hlc;
    own->changed = true;
    return replica_draw_incarnation(r, e);
}

static bool ran_twice(struct replica *r)
{
    return standing_ran_twice(registry_standing(r->merger.registry),
                              &r->self.node);
}

int replica_go_on_where_it_signed(struct replica *r, struct err *e)
{
    const struct origin *own = replica_own_origin(r);
    struct looking l = {.r = r, .o = own};
    struct place last = {.seq = 0};
    int rc = ran_twice(r) ? find_last_signed_here(&l, &last, e) : 0;
    if (rc != 1) {
        return rc;
    }
    int here = waits(&l, last.seq, last.incarnation, e);
    int now =
        here < 0 ? here : waits(&l, own->head_seq, own->head_incarnation, e);
    if (now < 0 || now == here) {
        return now < 0 ? now : 0;
    }
    struct place tip = {.seq = 0};
    rc = find_tip(&l, &last, here, &tip, e);
    return rc == 1 ? lead(r, &tip, e) : rc;
}
