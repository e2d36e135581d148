/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/gaps.h"
#include "store/parts.h"

/* One stretch of a neighbour's journal on its way in. */
struct receiving {
    struct replica *r;
    const struct peer *from;
    uint32_t from_no;
    int64_t now_ms;
    struct tally tally;
    struct stored *ret;
    struct bars bars; /* origins of which nothing comes in */
    bool proves_fork; /* `proof` is set */
    struct fork_proof proof;
};

/* One changeset of it. */
struct checked {
    const struct travelling *travelling;
    struct origin *origin;
    const struct certificate *certificate;
    bool whole_chain; /* its origin's changesets all come here */
    struct changeset *changeset;
    struct changeset_header header; /* of it, when it was verified */
    struct hash hash;
    bool held; /* its header is in the journal already */
    uint32_t held_leaves;
    bool branches; /* it continues something else than the head, or begins */
    bool turned_away;
};

/* --- who sends what ------------------------------------------------------ */

static int name(struct err *e, const struct checked *c,
                const struct receiving *in)
{
    return err_wrap(e, "changeset %llu of site %s",
                    (unsigned long long)c->travelling->seq,
                    replica_site_of(in->r, &c->travelling->origin));
}

/* A child brings what is made below it; else only what we sent it, or would have,
 * and lost when we were put back from a copy. */
static bool may_bring(const struct receiving *in, const struct checked *c)
{
    const struct registry *registry = in->r->merger.registry;
    const struct travelling *t = c->travelling;
    const struct hash *child = registry_district(registry, &in->from->node);
    const struct hash *there = registry_district(registry, &t->origin);
    if (registry_below(registry, &t->origin, &in->from->node)) {
        return true;
    }
    return registry_is_root(registry, &t->origin) ||
           (child != NULL && there != NULL && hash_equal(child, there));
}

/* What a child brings of a sibling passed our clock when it came from there. A
 * node may not have its stamps of the future brought by another, but gets back its
 * own, to sign them anew. */
static int check_brought(const struct receiving *in, const struct checked *c,
                         struct err *e)
{
    const struct registry *registry = in->r->merger.registry;
    const struct travelling *t = c->travelling;
    if (c->held || in->from->neighbour != NEIGHBOUR_CHILD ||
        registry_is_root(registry, &t->origin) ||
        registry_below(registry, &t->origin, &in->from->node) ||
        hash_equal(&t->origin, &in->r->self.node) ||
        hlc_ms(t->hlc) <= replica_now(in->r, in->now_ms) + FUTURE_MS_MAX) {
        return 0;
    }
    return err_set(e, ERR_FORBIDDEN,
                   "it is stamped ahead of the clock here, and not brought by "
                   "its own node");
}

static int check_origin(struct receiving *in, struct checked *c, struct err *e)
{
    struct registry *registry = in->r->merger.registry;
    const struct travelling *t = c->travelling;
    c->certificate = registry_certificate(registry, &t->origin, t->certificate);
    if (c->certificate == NULL) {
        return err_set(e, ERR_UNKNOWN,
                       "its certificate is not held, and certificates go "
                       "first");
    }
    const struct hash *here = registry_district(registry, &in->r->self.node);
    const struct hash *there = registry_district(registry, &t->origin);
    c->whole_chain = registry_below(registry, &t->origin, &in->r->self.node) ||
                     registry_is_root(registry, &t->origin) ||
                     (here != NULL && there != NULL && hash_equal(here, there));
    if (in->from->neighbour == NEIGHBOUR_CHILD && !may_bring(in, c)) {
        return err_set(e, ERR_FORBIDDEN,
                       "its origin is not below site %s, nor is it given back",
                       in->from->site);
    }
    return registry_add_origin(registry, in->r->db, &t->origin, &c->origin, e);
}

/* --- bytes and signature ------------------------------------------------- */

static int find_prev(struct receiving *in, struct checked *c,
                     struct changeset_header *header, struct err *e)
{
    struct held before;
    assert(c->origin != NULL);
    if (c->travelling->has_prev) {
        return 0;
    }
    int rc = journal_held(in->r->db, c->origin->no, header->seq - 1,
                          header->prev_incarnation, &before, e);
    if (rc == 1) {
        header->prev = before.hash;
        return 0;
    }
    if (rc == 0) {
        rc = replica_refused_hash(in->r, c->origin, header->seq - 1,
                                  header->prev_incarnation, &header->prev, e);
    }
    return rc == 0  ? err_set(e, ERR_CHAIN, "the one before it is not held")
           : rc < 0 ? rc
                    : 0;
}

/* Two contents of one name, both signed: nobody but their writer could make
 * them. The proof is signed when nothing of the stretch is left. */
static int found_fork(struct receiving *in, struct checked *c, struct err *e)
{
    struct registry *registry = in->r->merger.registry;
    int rc = 0;
    if (!standing_is_forked(registry_standing(registry), &c->header)) {
        struct signed_header other = {.header = c->header};
        memcpy(other.signature, c->changeset->signature, SIGNATURE_BYTES);
        rc = replica_prove_fork(in->r, c->origin, &other, &in->proof, e);
        in->proves_fork = rc == 1;
    }
    return rc < 0 ? rc
                  : err_set(e, ERR_FORK,
                            "another content has this name; a clone of the "
                            "node runs: stop the copy");
}

static int find_held(struct receiving *in, struct checked *c, struct err *e)
{
    const struct travelling *t = c->travelling;
    struct held held;
    int rc = journal_held(in->r->db, c->origin->no, t->seq, t->incarnation,
                          &held, e);
    if (rc <= 0) {
        return rc;
    }
    if (!hash_equal(&held.hash, &c->hash)) {
        return found_fork(in, c, e);
    }
    c->held = true;
    c->held_leaves = held.leaves;
    return 0;
}

static int open_and_verify(struct receiving *in, struct checked *c,
                           struct err *e)
{
    struct replica *r = in->r;
    struct changeset_header header =
        travelling_header(c->travelling, &r->self.network);
    if (header.hlc > INT64_MAX) {
        return err_set(e, ERR_FORMAT, "its stamp is no time");
    }
    int rc = find_prev(in, c, &header, e);
    if (rc == 0) {
        rc = packer_unpack(r->merger.packer, &header, c->travelling->leaves,
                           &c->changeset, e);
    }
    if (rc != 0) {
        return rc;
    }
    memcpy(c->changeset->signature, c->travelling->signature, SIGNATURE_BYTES);
    rc = changeset_verify(c->changeset, c->certificate->sign_public, e);
    if (rc == 0) {
        c->header = c->changeset->header;
        c->hash = changeset_hash(&c->header);
        rc = find_held(in, c, e);
    }
    return rc;
}

/* --- gaps ---------------------------------------------------------------- */

/* What continues something else than the head is a branch: of a node that took
 * back what it said, that was restored, or that was cloned (clone.c). What begins
 * an incarnation may go on from one. */
static int check_chain(struct receiving *in, struct checked *c, struct err *e)
{
    const struct changeset_header *h = &c->header;
    const struct origin *o = c->origin;
    if (c->held && h->hlc <= o->head_hlc) {
        return 0;
    }
    c->branches = h->seq != o->head_seq + 1 ||
                  (h->seq > 1 && (h->prev_incarnation != o->head_incarnation ||
                                  h->prev_incarnation != h->incarnation));
    return gaps_check_chain(in->r->db, o, h, e);
}

static int check_gaps(struct receiving *in, struct checked *c, struct err *e)
{
    const struct registry *registry = in->r->merger.registry;
    bool of_root = registry_is_root(registry, &c->travelling->origin);
    int rc = gaps_check_shown(c->changeset, c->whole_chain && !of_root, e);
    /* What its writer has taken back leads to nothing that counts, and what is
     * before it may have been turned away here, and never come. */
    if (rc == 0 &&
        standing_of(registry_standing(registry), &c->header) == STAND_VOID) {
        return 0;
    }
    if (rc == 0) {
        rc = c->whole_chain ? check_chain(in, c, e) : 0;
    }
    if (rc == 0) {
        rc = of_root
                 ? gaps_check_root_prior(in->r->db, c->origin, c->changeset, e)
                 : gaps_check_prior(in->r->db, c->origin, c->changeset,
                                    c->whole_chain, e);
    }
    return rc;
}

/* --- more of what is held ------------------------------------------------ */

/* Which leaves of a changeset the journal holds, from all that brought a part
 * of it: not all of them are held. */
static int mark_held(struct receiving *in, const struct checked *c,
                     bool held[LEAVES_MAX], struct err *e)
{
    struct replica *r = in->r;
    struct delivery d = {0};
    int rc;
    while ((rc = journal_next_part(r->db, &c->changeset->header, c->origin->no,
                                   d.position, &d, e)) == 1) {
        struct changeset *cs = NULL;
        rc = journal_open(r->merger.packer, &r->self.network, &c->origin->node,
                          &d, &cs, e);
        if (rc != 0) {
            break;
        }
        for (size_t i = 0; i < cs->header.leaf_count; i++) {
            held[i] = held[i] || cs->slots[i].form == SLOT_VISIBLE;
        }
        changeset_destroy(&cs);
    }
    return rc;
}

/* Leaves only what is new of a changeset; *ret_any: is anything? */
static int keep_new(struct receiving *in, struct checked *c, bool *ret_any,
                    struct err *e)
{
    bool held[LEAVES_MAX] = {false};
    bool keep[LEAVES_MAX] = {false};
    struct changeset *fewer = NULL;
    *ret_any = false;
    int rc = mark_held(in, c, held, e);
    for (size_t i = 0; rc == 0 && i < c->changeset->header.leaf_count; i++) {
        keep[i] = !held[i] && c->changeset->slots[i].form == SLOT_VISIBLE;
        *ret_any = *ret_any || keep[i];
    }
    if (rc == 0 && *ret_any) {
        rc = changeset_withhold(c->changeset, keep, &fewer, e);
    }
    if (rc == 0 && fewer != NULL) {
        changeset_destroy(&c->changeset);
        c->changeset = fewer;
    }
    return rc;
}

/* --- in ------------------------------------------------------------------ */

static int take(struct receiving *in, struct checked *c, struct err *e)
{
    struct bytes packed = {0};
    struct incoming incoming = {
        .packed = c->travelling->leaves,
        .origin = c->origin,
        .from_no = in->from_no,
        .again = c->held,
        .source = BATCH_REMOTE,
    };
    bool any = true;
    int rc = 0;
    const struct registry *registry = in->r->merger.registry;
    /* Certificates come ahead of the walk; what was taken back leads nowhere. */
    if (c->held &&
        standing_of(registry_standing(registry), &c->header) != STAND_VOID) {
        replica_advance(c->origin, &c->header, &c->hash);
    }
    if (c->held && c->held_leaves == c->changeset->header.leaf_count) {
        return 0; /* all of it is here */
    }
    if (c->held) {
        rc = keep_new(in, c, &any, e);
        if (rc == 0 && any) {
            packer_pack(in->r->merger.packer, c->changeset, &packed);
            incoming.packed = slice_of(&packed);
        }
    }
    if (rc == 0 && any) {
        replica_floor(in->r, c->header.hlc, in->now_ms);
        in->ret->changesets++;
        incoming.changeset = c->changeset;
        c->changeset = NULL;
        rc = replica_take(in->r, &incoming, e);
    }
    bytes_free(&packed);
    return rc;
}

/* Who is above it sees all that counts, and a child what its parent said to it alone;
 * all others would say the same once more. */
static bool may_prove(const struct receiving *in, const struct checked *c)
{
    const struct replica *r = in->r;
    const struct hash *origin = &c->header.origin;
    return registry_below(r->merger.registry, origin, &r->self.node) ||
           (r->self.has_parent && hash_equal(origin, &r->self.parent));
}

/* Evidence about its own origin takes effect before the next changeset, which
 * may build on it. */
static int settle(struct receiving *in, const struct checked *c, struct err *e)
{
    struct replica *r = in->r;
    bool evidence = standing_concerns(registry_standing(r->merger.registry),
                                      &c->header.origin);
    bool own = hash_equal(&c->header.origin, &r->self.node);
    bool was_lost = own && !c->held;
    int rc = was_lost ? replica_got_back(r, e) : 0;
    r->returned = r->returned || was_lost || (own && evidence);
    if (rc == 0 && evidence) {
        rc = batch_merge(r->batch, &r->merger, &in->tally, e);
        rc = rc == 0 && was_lost ? replica_forget_priors(r, e) : rc;
        rc = rc == 0 ? replica_forget_void(r, c->origin, e) : rc;
    }
    /* Of what comes back the words that take it back may still be to come. Who
     * gives it has it, and gets what was signed here: there it is found out. */
    if (rc == 0 && c->branches && !c->held && !was_lost && may_prove(in, c)) {
        rc = replica_look_for_clone(r, c->origin, &c->header, in->now_ms, e);
        if (rc == 1) {
            (void)snprintf(in->ret->cloned, sizeof in->ret->cloned, "%s",
                           c->certificate->site);
        }
    }
    return rc < 0 ? rc : 0;
}

/* A child's own changeset that is taken after all: its time has come. */
static int forget_refused(struct receiving *in, const struct checked *c,
                          struct err *e)
{
    bool own = in->from->neighbour == NEIGHBOUR_CHILD &&
               hash_equal(&c->header.origin, &in->from->node);
    return own && !c->held
               ? replica_forget_refused(in->r, c->origin, c->header.seq,
                                        c->header.incarnation, e)
               : 0;
}

/* The first hop alone judges a stamp by its clock. */
static int turn_away(struct receiving *in, struct checked *c, struct err *e)
{
    struct stored *ret = in->ret;
    bool first_hop = in->from->neighbour == NEIGHBOUR_CHILD &&
                     hash_equal(&c->travelling->origin, &in->from->node);
    if (!first_hop) {
        return 0;
    }
    const struct offered offered = {
        .header = &c->header,
        .hash = &c->hash,
        .position = c->travelling->position,
        .origin = c->origin,
        .site = in->from->site,
        .journal = in->from->have.journal,
    };
    int rc = replica_turn_away(in->r, &offered, in->now_ms,
                               &ret->refusals[ret->refusal_count], e);
    c->turned_away = rc == 1;
    ret->refusal_count += c->turned_away;
    return rc < 0 ? rc : 0;
}

/* All that is asked of it before anything of it is written. */
static int check(struct receiving *in, struct checked *c, struct err *e)
{
    int rc = check_origin(in, c, e);
    if (rc == 0) {
        rc = open_and_verify(in, c, e);
    }
    if (rc == 0) {
        rc = check_brought(in, c, e);
    }
    if (rc == 0 && !c->held) { /* what was taken stays */
        rc = turn_away(in, c, e);
    }
    if (rc == 0 && !c->turned_away) {
        rc = check_gaps(in, c, e);
    }
    return rc == 0 ? 0 : name(e, c, in);
}

static int receive_sound(struct receiving *in, struct checked *c, struct err *e)
{
    int rc = forget_refused(in, c, e);
    if (rc == 0) {
        rc = take(in, c, e);
    }
    if (rc == 0) {
        rc = settle(in, c, e);
    }
    return rc == 0 ? 0 : name(e, c, in);
}

static int let_in(struct receiving *in, struct checked *c, struct bar *bar,
                  struct err *e)
{
    int rc = 0;
    if (bar != NULL) {
        in->ret->lifted++;
        rc = barred_lift(in->r, in->from, &in->bars, bar, e);
    }
    return rc == 0 && !c->turned_away ? receive_sound(in, c, e) : rc;
}

/* It and what follows it on this link; others' go on [I-7]. */
static int refuse(struct receiving *in, const struct travelling *travelling,
                  struct err *e)
{
    struct stored *ret = in->ret;
    return barred_put(in->r, in->from, &in->bars, travelling, in->now_ms,
                      &ret->refusals[ret->refusal_count++], e);
}

static int receive(struct receiving *in, const struct travelling *travelling,
                   struct err *e)
{
    struct checked c = {.travelling = travelling};
    struct bar *bar = barred_find(&in->bars, &travelling->origin);
    if (bar != NULL && !bar->asked) {
        return 0;
    }
    if (bar != NULL && travelling->position < bar->position) {
        bar = NULL; /* on the way there, because of another one */
    }
    int rc = check(in, &c, e);
    if (rc == 0) {
        rc = let_in(in, &c, bar, e);
    } else if (barred_may(rc)) {
        rc = refuse(in, travelling, e);
    }
    changeset_destroy(&c.changeset);
    return rc;
}

/* What comes again does not move it back: by it the neighbour would find out that
 * it was put back from a copy. */
static int save_token(struct receiving *in, uint64_t position, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_peer(node, journal, position, heard_ms, start)"
        " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(node) DO UPDATE SET"
        " again = iif(again IS NOT NULL AND journal = ?2 AND start = ?5"
        "  AND position > ?3, ?3, NULL), position = iif(again IS NOT NULL"
        "  AND journal = ?2 AND start = ?5 AND position > ?3, position, ?3),"
        " journal = ?2, heard_ms = ?4, start = ?5";
    const struct token *of = &in->from->have;
    sqlite3_stmt *stmt;
    int rc = database_statement(in->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, in->from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)of->journal);
    sqlite3_bind_int64(stmt, 3, (int64_t)position);
    sqlite3_bind_int64(stmt, 4, in->now_ms);
    sqlite3_bind_int64(stmt, 5, (int64_t)of->start);
    return database_done(in->r->db, stmt, e);
}

/* How many changesets, the first ones, one transaction takes: at least one. */
static size_t piece_of(const struct changesets *stretch, size_t rows_max)
{
    size_t rows = 0;
    size_t count = 0;
    for (; count < stretch->count; count++) {
        rows += stretch->items[count].leaf_count + CHANGESET_ROWS;
        if (count > 0 && rows > rows_max) {
            break;
        }
    }
    return count;
}

static int receive_piece(struct receiving *in, const struct changesets *stretch,
                         struct err *e)
{
    struct origin *from = NULL;
    size_t certificates = registry_certificate_count(in->r->merger.registry);
    size_t count = piece_of(stretch, in->r->rows_max);
    bool end = count == stretch->count;
    uint64_t position =
        end ? stretch->position : stretch->items[count - 1].position;
    int rc = registry_add_origin(in->r->merger.registry, in->r->db,
                                 &in->from->node, &from, e);
    in->from_no = from == NULL ? 0 : from->no;
    if (rc == 0 && stretch->from == 0) {
        rc = replica_forget_branch(in->r, in->from, e);
    }
    if (rc == 0) {
        rc = barred_load(in->r, in->from, &in->bars, e);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = receive(in, &stretch->items[i], e);
    }
    if (rc == 0) {
        rc = batch_merge(in->r->batch, &in->r->merger, &in->tally, e);
    }
    if (rc == 0) {
        rc = replica_go_on_where_it_signed(in->r, e);
    }
    if (rc == 0 &&
        registry_certificate_count(in->r->merger.registry) > certificates) {
        rc = replica_repeat(in->r, certificates, e);
        rc = rc == 0 ? replica_renew(in->r, in->now_ms, e) : rc;
    }
    in->ret->leaves = in->tally.leaves;
    in->ret->waiting = in->tally.waiting;
    in->ret->refused = in->tally.refused;
    memcpy(in->ret->refused_says, in->tally.refused_says,
           sizeof in->ret->refused_says);
    in->ret->folded = in->tally.folded;
    in->ret->taken = count;
    in->ret->end = end;
    if (rc == 0) {
        rc = barred_passed(in->r, in->from, &in->bars, position, e);
    }
    return rc == 0 ? save_token(in, position, e) : rc;
}

/* What programs wrote goes first. Of a long backlog this transaction signs a
 * part and does nothing else: more in it would keep programs waiting. */
static int drain_and_receive(struct receiving *in,
                             const struct changesets *stretch, struct err *e)
{
    struct drained drained = {0};
    int rc = replica_drain_some(in->r, in->now_ms, &drained, e);
    return rc == 0 && !drained.more ? receive_piece(in, stretch, e) : rc;
}

static int drain_all(struct receiving *in, struct err *e)
{
    struct drained drained = {.more = true};
    int rc = 0;
    while (rc == 0 && drained.more) {
        rc = replica_drain_some(in->r, in->now_ms, &drained, e);
    }
    return rc;
}

/* What was refused proves a fork: everybody is to know [I-4]. It is asked for
 * again until that is told, should telling fail now. */
static void tell_fork(struct receiving *in)
{
    struct err ignored;
    struct replica *r = in->r;
    if (replica_begin(r, &ignored) == 0) {
        int rc = drain_all(in, &ignored); /* rows will be folded */
        if (rc == 0) {
            rc = replica_sign_proof(r, &in->proof, in->now_ms, &ignored);
        }
        (void)replica_end(r, rc, &ignored);
    }
}

int replica_store(struct replica *r, const struct peer *from,
                  const struct changesets *stretch, int64_t now_ms,
                  struct stored *ret, struct err *e)
{
    struct receiving in = {
        .r = r,
        .from = from,
        .now_ms = now_ms,
        .ret = ret,
    };
    memset(ret, 0, offsetof(struct stored, refusals));
    assert(from->neighbour != NEIGHBOUR_NONE);
    assert(stretch->count <= MESSAGE_CHANGESETS_MAX);
    int rc = replica_begin(r, e);
    if (rc == 0) {
        rc = replica_end(r, drain_and_receive(&in, stretch, e), e);
    }
    if (rc == 0 && in.proves_fork) {
        tell_fork(&in);
    }
    return rc;
}
