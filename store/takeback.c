/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/anew.h"
#include "store/fold.h"
#include "store/late.h"
#include "store/parts.h"

/* A first hop turned away what this node signed, because its clock was ahead
 * (docs/semantics.md section 4, "Future stamp"): the node says that it takes
 * back what it signed from there on, and signs the same rows anew, under a new
 * incarnation and by the time it has learnt. */

/* One changeset of the tail that is taken back. */
struct taken {
    uint64_t seq;
    uint64_t incarnation;
    uint64_t hlc;
    struct hash hash;
    size_t first; /* index of the first of its incarnation */
    bool beside;  /* of that one: what stays does not lead to it */
    bool since;   /* of that one: it is younger than all that came back */
};

/* A delivery of one of the tail. */
struct place {
    uint64_t position;
    uint64_t began; /* stamp of the first of its incarnation in the tail */
    bool since;     /* as the first of its incarnation is */
    const struct taken *at;
};

struct tail {
    struct replica *r;
    int64_t now_ms;
    uint64_t from_hlc;   /* what this node stamped from here on goes */
    struct taken good;   /* the last that stays; seq 0: none does */
    struct taken *taken; /* owned; ascending by incarnation and number */
    size_t count;
    struct place *places; /* owned; of all of them, branch by branch */
    size_t place_count;
    size_t place_cap;
    struct leaf leaf;
    struct bytes memory; /* of the leaf */
    struct anew anew;
};

/* --- where it begins ----------------------------------------------------- */

/* From what was turned away on, and all that is stamped ahead: a parent whose
 * own clock was ahead too may have taken some of it, and what follows could not
 * be stamped below that. Whole milliseconds go, so that there is room before them
 * for the words that take them back. Of what is taken back already a copy that was
 * put back may have gone on, ahead too. */
static void set_from(struct tail *t, const struct delivery *refused)
{
    int64_t limit_ms = replica_now(t->r, t->now_ms) + FUTURE_MS_MAX;
    int64_t refused_ms = hlc_ms(refused->hlc);
    bool all = refused_ms <= limit_ms && !refused->voided;
    t->from_hlc = hlc_of_ms(all ? refused_ms : limit_ms + 1);
}

/* What was turned away is void here by now. The parent takes nothing that builds on
 * it, however little ahead that is when this node hears of it. */
static int set_from_on_top(struct tail *t, const struct delivery *refused,
                           struct err *e)
{
    static const char sql[] =
        "SELECT b.hlc FROM sync_changeset AS b JOIN sync_changeset AS a"
        "  ON a.origin_no = b.origin_no AND a.seq = b.seq - 1"
        "  AND a.incarnation = coalesce(b.prev_incarnation, b.incarnation)"
        " WHERE b.origin_no = ?1 AND b.hlc > ?2 AND NOT b.voided AND a.voided"
        " ORDER BY b.hlc LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(t->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, replica_own_origin(t->r)->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)refused->hlc);
    rc = database_step(t->r->db, stmt, e);
    if (rc == 1) {
        uint64_t hlc = (uint64_t)sqlite3_column_int64(stmt, 0);
        uint64_t from = hlc_of_ms(hlc_ms(hlc));
        t->from_hlc = from < t->from_hlc ? from : t->from_hlc;
        (void)sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

/* The last that was signed before: mostly the one below the first that goes, but
 * a node that was put back or copied has branches. */
static int find_good(struct tail *t, struct err *e)
{
    struct changeset_header tip = {.seq = 0};
    struct taken *good = &t->good;
    int rc = journal_tip(t->r->db, replica_own_origin(t->r)->no, t->from_hlc,
                         &tip, &good->hash, e);
    good->seq = tip.seq;
    good->incarnation = tip.incarnation;
    good->hlc = tip.hlc;
    return rc < 0 ? rc : 0;
}

static void append(struct tail *t, size_t *cap, const struct taken *at)
{
    if (t->count == *cap) {
        *cap = *cap == 0 ? 64 : *cap * 2;
        t->taken = realloc(t->taken, *cap * sizeof *t->taken);
        if (t->taken == NULL) {
            abort();
        }
    }
    const struct taken *before = t->count == 0 ? NULL : &t->taken[t->count - 1];
    struct taken *added = &t->taken[t->count];
    *added = *at;
    added->first = before != NULL && before->incarnation == at->incarnation
                       ? before->first
                       : t->count;
    t->count++;
}

/* On every branch: what came back of one that was lost may be ahead too. */
static int find_tail(struct tail *t, struct err *e)
{
    static const char sql[] =
        "SELECT seq, incarnation, hlc"
        " FROM sync_changeset WHERE origin_no = ?1 AND hlc >= ?2"
        " AND NOT voided ORDER BY incarnation, seq";
    size_t cap = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(t->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, replica_own_origin(t->r)->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)t->from_hlc);
    while ((rc = database_step(t->r->db, stmt, e)) == 1) {
        const struct taken at = {
            .seq = (uint64_t)sqlite3_column_int64(stmt, 0),
            .incarnation = (uint64_t)sqlite3_column_int64(stmt, 1),
            .hlc = (uint64_t)sqlite3_column_int64(stmt, 2),
        };
        append(t, &cap, &at);
    }
    return rc;
}

static int compare_taken(const void *a, const void *b)
{
    const struct taken *x = a;
    const struct taken *y = b;
    int64_t i = (int64_t)x->incarnation; /* in the order of SQLite */
    int64_t k = (int64_t)y->incarnation;
    return i != k ? (i > k ? 1 : -1) : (x->seq > y->seq) - (x->seq < y->seq);
}

/* The place of one of the tail, or NULL. */
static struct taken *taken_of(const struct tail *t, uint64_t seq,
                              uint64_t incarnation)
{
    const struct taken at = {.seq = seq, .incarnation = incarnation};
    return t->count == 0
               ? NULL
               : bsearch(&at, t->taken, t->count, sizeof at, compare_taken);
}

/* --- beside what stays ---------------------------------------------------- */

/* The one before, of a chain of this node: 1 with *at, 0 there is none, or it is
 * not held. */
static int step_back(const struct tail *t, struct taken *at, bool *ret_stays,
                     struct err *e)
{
    static const char sql[] =
        "SELECT b.incarnation, NOT b.voided AND b.hlc < ?4"
        " FROM sync_changeset AS a JOIN sync_changeset AS b"
        "  ON b.origin_no = a.origin_no AND b.seq = a.seq - 1"
        "  AND b.incarnation = coalesce(a.prev_incarnation, a.incarnation)"
        " WHERE a.origin_no = ?1 AND a.seq = ?2 AND a.incarnation = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(t->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, replica_own_origin(t->r)->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)at->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)at->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)t->from_hlc);
    rc = database_step(t->r->db, stmt, e);
    if (rc == 1) {
        at->seq--;
        at->incarnation = (uint64_t)sqlite3_column_int64(stmt, 0);
        *ret_stays = sqlite3_column_int(stmt, 1) != 0;
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* Does the chain of the first of an incarnation come from the last that stays? If
 * not, that was written since, on another branch. */
static int find_beside(struct tail *t, struct taken *first, struct err *e)
{
    struct taken at = *first;
    bool stays = false;
    int rc = 1;
    while (!stays && (rc = step_back(t, &at, &stays, e)) == 1) {
        const struct taken *gone = taken_of(t, at.seq, at.incarnation);
        if (gone != NULL) { /* the others of its incarnation go too */
            at = t->taken[gone->first];
        }
    }
    first->beside =
        stays ? at.seq != t->good.seq || at.incarnation != t->good.incarnation
              : t->good.seq != 0;
    return rc < 0 ? rc : 0;
}

/* Was it signed here since the disk was last found to have been put back? Then all
 * that a neighbour gave back since is older. */
static int is_since(const struct tail *t, const struct taken *first,
                    struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM sync_delivery WHERE origin_no = ?1 AND seq = ?2"
        " AND incarnation = ?3 AND from_no = ?1 AND position > coalesce("
        "  (SELECT position FROM sync_start WHERE NOT goes_on AND number <"
        "   (SELECT max(number) FROM sync_start WHERE goes_on)"
        "   ORDER BY number DESC LIMIT 1), 0)";
    sqlite3_stmt *stmt;
    int rc = database_statement(t->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, replica_own_origin(t->r)->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)first->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)first->incarnation);
    rc = database_step(t->r->db, stmt, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

static int find_all_beside(struct tail *t, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        struct taken *first = &t->taken[i];
        if (first->first != i) {
            continue;
        }
        rc = find_beside(t, first, e);
        if (rc == 0) {
            rc = is_since(t, first, e);
            first->since = rc == 1;
            first->beside = first->beside && rc == 0;
            rc = rc < 0 ? rc : 0;
        }
    }
    return rc;
}

static bool is_beside(const struct tail *t, const struct taken *at)
{
    return t->taken[at->first].beside;
}

/* --- its changesets one by one ------------------------------------------- */

static void append_place(struct tail *t, const struct place *place)
{
    if (t->place_count == t->place_cap) {
        t->place_cap = t->place_cap == 0 ? 64 : t->place_cap * 2;
        t->places = realloc(t->places, t->place_cap * sizeof *t->places);
        if (t->places == NULL) {
            abort();
        }
    }
    t->places[t->place_count++] = *place;
}

/* Branch by branch as they began, each in the order of its chain: what came back
 * of one that was lost is older than what was written since, and stays so, however
 * far ahead its stamps are. */
static int compare_places(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->since != y->since) {
        return x->since ? 1 : -1;
    }
    if (x->began != y->began) {
        return x->began > y->began ? 1 : -1;
    }
    int order = compare_taken(x->at, y->at);
    return order != 0
               ? order
               : (x->position > y->position) - (x->position < y->position);
}

static int find_places_of(struct tail *t, const struct taken *at, struct err *e)
{
    const struct taken *first = &t->taken[at->first];
    struct delivery d = {0};
    int rc;
    while ((rc = journal_next_of_changeset(
                t->r->db, replica_own_origin(t->r)->no, at->seq,
                at->incarnation, d.position, &d, e)) == 1) {
        append_place(t,
                     &(struct place){d.position, first->hlc, first->since, at});
    }
    return rc;
}

/* Where they are in the journal. */
static int find_places(struct tail *t, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        rc = find_places_of(t, &t->taken[i], e);
    }
    if (t->place_count > 0) {
        qsort(t->places, t->place_count, sizeof *t->places, compare_places);
    }
    return rc;
}

typedef int each_function(struct tail *t, const struct changeset *cs,
                          struct err *e);

/* In their order, or from the last to the first. */
static int for_each(struct tail *t, bool back, each_function *each,
                    struct err *e)
{
    struct replica *r = t->r;
    const struct origin *own = replica_own_origin(r);
    struct delivery d = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->place_count; i++) {
        struct changeset *cs = NULL;
        const struct place *p = &t->places[back ? t->place_count - 1 - i : i];
        rc = journal_next(r->db, p->position - 1, 0, &d, e);
        assert(rc != 0); /* it was there, in this transaction */
        if (rc == 1) {
            rc = journal_open(r->merger.packer, &r->self.network, &own->node,
                              &d, &cs, e);
        }
        if (rc == 0 && cs != NULL) {
            rc = each(t, cs, e);
        }
        changeset_destroy(&cs);
    }
    return rc;
}

/* Of what came back after a loss there may be leaves that others did not hold:
 * they are gone. */
static void decode(struct tail *t, const struct slot *slot)
{
    int rc = leaf_decode(slot->head, slot->body, &t->leaf, NULL);
    assert(rc == 0); /* our own */
    (void)rc;
}

/* The first of the tail in a (scope, class) names what was before it. Numbers tell
 * nothing of what is on which branch, so that they are followed one by one. */
static int give_back_prior(struct tail *t, const struct changeset *cs,
                           struct err *e)
{
    static const char sql[] =
        "UPDATE sync_prior SET seq = ?3 WHERE scope = ?1 AND class_id = ?2"
        " AND seq = ?4";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        sqlite3_stmt *stmt;
        if (cs->slots[i].form != SLOT_VISIBLE) {
            continue;
        }
        decode(t, &cs->slots[i]);
        rc = database_statement(t->r->db, sql, &stmt, e);
        if (rc != 0) {
            break;
        }
        sqlite3_bind_blob(stmt, 1, t->leaf.scope_bytes.data,
                          (int)t->leaf.scope_bytes.len, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 2, t->leaf.class_id);
        sqlite3_bind_int64(stmt, 3, (int64_t)t->leaf.prior);
        sqlite3_bind_int64(stmt, 4, (int64_t)cs->header.seq);
        rc = database_done(t->r->db, stmt, e);
    }
    return rc;
}

/* --- signing anew -------------------------------------------------------- */

/* The rows they touch are folded when all is signed, not merged. What came back
 * beside what stays would be signed over it: it is looked at row by row
 * (returned.c). */
static int sign_anew(struct tail *t, const struct changeset *cs, struct err *e)
{
    const struct taken *at =
        taken_of(t, cs->header.seq, cs->header.incarnation);
    return is_beside(t, at) ? 0 : anew_sign(&t->anew, t->r, cs, t->now_ms, e);
}

/* --- the words that take it back ----------------------------------------- */

/* The first of the n-th incarnation of the tail, or NULL. */
static const struct taken *nth_incarnation(const struct tail *t, size_t n)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->taken[i].first == i && n-- == 0) {
            return &t->taken[i];
        }
    }
    return NULL;
}

static struct voiding voiding_of(const struct tail *t,
                                 const struct taken *first)
{
    return (struct voiding){
        .node = t->r->self.node,
        .incarnation = first->incarnation,
        .after = first->seq - 1,
    };
}

/* One leaf for each incarnation, each in a changeset of its own; all stamped
 * before what they take back, however late this node learnt of it. */
static int sign_voids(struct tail *t, struct err *e)
{
    struct replica *r = t->r;
    const struct taken *at;
    int64_t before_ms = hlc_ms(t->from_hlc) - 1 - r->correction_ms;
    int64_t at_ms = before_ms < t->now_ms ? before_ms : t->now_ms;
    int rc = 0;
    for (size_t n = 0; rc == 0 && (at = nth_incarnation(t, n)) != NULL; n++) {
        struct voiding v = voiding_of(t, at);
        struct bytes key = {0};
        struct bytes body = {0};
        static const uint8_t all[] = {SCOPE_ALL, 0, 0, 0, 0};
        bytes_clear(&t->memory);
        voiding_leaf(&v, &t->memory, &t->leaf);
        leaf_encode_key(&t->leaf, &key);
        leaf_encode_body(&t->leaf, &body);
        struct draft draft = {
            .class_id = CLASS_CONTROL,
            .scope = {.kind = SCOPE_ALL},
            .scope_bytes = {.data = all, .len = sizeof all},
            .table = TABLE_VOID,
            .key = slice_of(&key),
            .body = slice_of(&body),
        };
        rc = replica_sign(r, &draft, 1, at_ms, t->now_ms, e);
        rc = rc > 0 ? 0 : rc;
        batch_drop(r->batch);
        bytes_free(&key);
        bytes_free(&body);
    }
    if (rc == 0 && replica_own_origin(r)->head_hlc >= t->from_hlc) {
        return err_set(e, ERR_FUTURE,
                       "changeset %llu cannot be taken back: there is no time "
                       "between it and the one before",
                       (unsigned long long)t->good.seq + 1);
    }
    return rc;
}

static int show_voids(struct tail *t, struct err *e)
{
    static const uint8_t all[] = {SCOPE_ALL, 0, 0, 0, 0};
    const struct table *table = manifest_table(t->r->manifest, TABLE_VOID);
    const struct taken *at;
    int rc = 0;
    for (size_t n = 0; rc == 0 && (at = nth_incarnation(t, n)) != NULL; n++) {
        struct voiding v = voiding_of(t, at);
        struct bytes key = {0};
        bytes_clear(&t->memory);
        voiding_leaf(&v, &t->memory, &t->leaf);
        leaf_encode_key(&t->leaf, &key);
        rc = fold_apply(&t->r->merger, table, slice_of(&key),
                        (struct slice){.data = all, .len = sizeof all}, e);
        bytes_free(&key);
    }
    return rc;
}

/* --- the whole ----------------------------------------------------------- */

/* The highest stamp held that time has reached, but for the tail's. */
static int find_floor(struct tail *t, uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT max(hlc) FROM sync_changeset WHERE hlc <= ?1"
        " AND (origin_no <> ?2 OR hlc < ?3)";
    int64_t limit_ms = replica_now(t->r, t->now_ms) + FUTURE_MS_MAX;
    sqlite3_stmt *stmt;
    int rc = database_statement(t->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)hlc_of_ms(limit_ms));
    sqlite3_bind_int64(stmt, 2, replica_own_origin(t->r)->no);
    sqlite3_bind_int64(stmt, 3, (int64_t)t->from_hlc);
    rc = database_step(t->r->db, stmt, e);
    if (rc == 1) {
        *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

/* The chain goes on from the last that stays. */
static int go_back(struct tail *t, struct err *e)
{
    struct replica *r = t->r;
    struct origin *own = replica_own_origin(r);
    own->head_seq = t->good.seq;
    own->head_incarnation = t->good.incarnation;
    own->head_hash = t->good.hash;
    own->head_hlc = t->good.hlc;
    own->changed = true;
    r->last_hlc = t->good.hlc;
    return replica_draw_incarnation(r, e);
}

/* Nothing of what was signed anew is left to be. */
static int settle_tail(struct tail *t, struct err *e)
{
    struct replica *r = t->r;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < t->count; i++) {
        const struct taken *at = &t->taken[i];
        rc = is_beside(t, at)
                 ? 0
                 : journal_settle_voided(r->db, replica_own_origin(r)->no,
                                         at->seq, at->incarnation, e);
    }
    return rc;
}

static int sign_tail(struct tail *t, struct err *e)
{
    struct replica *r = t->r;
    uint64_t rows = 0;
    uint64_t floor = 0;
    r->tail_hlc = t->from_hlc;
    int rc = for_each(t, true, give_back_prior, e);
    if (rc == 0) { /* that may be of what was taken back before */
        rc = replica_forget_priors(r, e);
    }
    if (rc == 0) {
        rc = find_floor(t, &floor, e);
    }
    if (rc == 0) {
        rc = go_back(t, e);
    }
    if (rc == 0) {
        rc = sign_voids(t, e);
    }
    r->last_hlc = r->last_hlc > floor ? r->last_hlc : floor;
    if (rc == 0) {
        rc = for_each(t, false, sign_anew, e);
    }
    if (rc == 0) {
        rc = late_apply(&r->merger, &rows, e);
    }
    if (rc == 0) {
        rc = settle_tail(t, e);
    }
    return rc == 0 ? show_voids(t, e) : rc;
}

/* Then it counts nowhere, and what would take it back might not either. */
static bool is_cut_off(struct replica *r, const struct delivery *d)
{
    const struct changeset_header h = {
        .origin = r->self.node,
        .seq = d->seq,
        .incarnation = d->incarnation,
        .hlc = d->hlc,
        .certificate = d->certificate,
    };
    return standing_is_cut_off(registry_standing(r->merger.registry), &h);
}

static int take_back(struct tail *t, uint64_t position, struct taken_back *ret,
                     struct err *e)
{
    struct replica *r = t->r;
    struct drained drained = {.more = true};
    struct delivery d = {0};
    int rc = 0;
    while (rc == 0 && drained.more) { /* it would be signed ahead as well */
        rc = replica_drain_some(r, t->now_ms, &drained, e);
    }
    if (rc == 0) {
        rc = journal_next(r->db, position - 1, 0, &d, e);
    }
    bool ours = rc == 1 && d.position == position &&
                d.origin_no == replica_own_origin(r)->no;
    if (rc < 0 || !ours || is_cut_off(r, &d)) {
        return rc < 0 ? rc : 0;
    }
    set_from(t, &d);
    rc = d.voided ? set_from_on_top(t, &d, e) : 0;
    if (rc == 0) {
        rc = find_good(t, e);
    }
    if (rc == 0) {
        rc = find_tail(t, e);
    }
    if (rc < 0 || t->count == 0) {
        return rc;
    }
    rc = find_all_beside(t, e);
    if (rc == 0) {
        rc = find_places(t, e);
    }
    if (rc == 0) {
        ret->ahead_ms = hlc_ms(t->from_hlc) - replica_now(r, t->now_ms);
        rc = sign_tail(t, e);
    }
    ret->changesets = t->count;
    return rc;
}

int replica_take_back(struct replica *r, uint64_t position, int64_t now_ms,
                      struct taken_back *ret, struct err *e)
{
    uint64_t incarnation = r->self.incarnation;
    *ret = (struct taken_back){0};
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    struct tail *t = calloc(1, sizeof *t);
    if (t == NULL) {
        abort();
    }
    t->r = r;
    t->now_ms = now_ms;
    rc = take_back(t, position, ret, e);
    r->tail_hlc = 0;
    r->returned = true; /* what is beside what stays */
    rc = replica_end(r, rc, e);
    if (rc != 0) {
        r->self.incarnation = incarnation;
    }
    free(t->taken);
    free(t->places);
    bytes_free(&t->memory);
    anew_clear(&t->anew);
    free(t);
    return rc;
}
