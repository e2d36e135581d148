/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* One stretch of a neighbour's journal on its way in. */
struct receiving {
    struct replica *r;
    const struct peer *from;
    uint32_t from_no;
    int64_t now_ms;
    struct stored *ret;
};

/* One changeset of it. */
struct checked {
    const struct travelling *travelling;
    struct origin *origin;
    const struct certificate *certificate;
    bool whole_chain; /* its origin's changesets all come here */
    struct changeset *changeset;
    struct hash hash;
    bool held; /* its header is in the journal already */
    uint32_t held_leaves;
};

/* --- who sends what ------------------------------------------------------ */

static int name(struct err *e, const struct checked *c,
                const struct receiving *in)
{
    return err_wrap(e, "changeset %llu of site %s",
                    (unsigned long long)c->travelling->seq,
                    replica_site_of(in->r, &c->travelling->origin));
}

/* A child brings what is made below it, and nothing else. */
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
    bool child = in->from->neighbour == NEIGHBOUR_CHILD;
    if (child && !registry_below(registry, &t->origin, &in->from->node)) {
        return err_set(e, ERR_FORBIDDEN, "its origin is not below site %s",
                       in->from->site);
    }
    const struct hash *here = registry_district(registry, &in->r->self.node);
    const struct hash *there = registry_district(registry, &t->origin);
    c->whole_chain = child || registry_is_root(registry, &t->origin) ||
                     (here != NULL && there != NULL && hash_equal(here, there));
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
    return rc < 0 ? rc : err_set(e, ERR_CHAIN, "the one before it is not held");
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
        return err_set(e, ERR_FORK,
                       "another content has this name; a clone of the node "
                       "may be running");
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
        c->hash = changeset_hash(&c->changeset->header);
        rc = find_held(in, c, e);
    }
    return rc;
}

/* --- gaps ---------------------------------------------------------------- */

/* Is a leaf left out that is due here? On a whole chain all are; elsewhere
 * those of scope `all`, which stand first. */
static bool hides(const struct checked *c)
{
    bool hidden = false;
    for (size_t i = 0; i < c->changeset->header.leaf_count; i++) {
        const struct slot *slot = &c->changeset->slots[i];
        if (slot->form == SLOT_WITHHELD) {
            hidden = true;
        } else if (hidden && slot_is_of_all(slot)) {
            return true;
        }
    }
    return hidden && c->whole_chain;
}

static int check_shown(const struct checked *c, struct err *e)
{
    for (size_t i = 0; i < c->changeset->header.leaf_count; i++) {
        if (c->changeset->slots[i].form == SLOT_SEALED) {
            return err_set(e, ERR_CLASS,
                           "a leaf of it is sealed, and this version cannot "
                           "open it");
        }
    }
    return hides(c) ? err_set(e, ERR_CHAIN,
                              "leaves of it are left out; something on the "
                              "way lost or hides them")
                    : 0;
}

static int fork_of(const struct checked *c, struct err *e)
{
    return err_set(e, ERR_FORK,
                   "its chain is held further on, and without it; the node "
                   "was restored or cloned (held up to %llu)",
                   (unsigned long long)c->origin->head_seq);
}

/* The whole chain comes here: it continues at the head, in time too. */
static int check_chain(const struct checked *c, struct err *e)
{
    const struct changeset_header *h = &c->changeset->header;
    const struct origin *o = c->origin;
    if (h->seq <= o->head_seq) {
        return c->held ? 0 : fork_of(c, e);
    }
    if (h->seq != o->head_seq + 1) {
        return err_set(e, ERR_CHAIN,
                       "number %llu is missing before it; something on the "
                       "way lost or hides it",
                       (unsigned long long)o->head_seq + 1);
    }
    bool continues =
        h->seq == 1 || (hash_equal(&h->prev, &o->head_hash) &&
                        h->prev_incarnation == o->head_incarnation);
    if (!continues) {
        return err_set(e, ERR_CHAIN, "it does not continue what is held");
    }
    if (h->hlc <= o->head_hlc) {
        return err_set(e, ERR_CHAIN, "its stamp is not above the one before");
    }
    return 0;
}

static int all_prior(struct replica *r, const struct origin *o,
                     uint16_t class_id, uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT seq FROM sync_all_prior WHERE origin_no = ?1"
        " AND class_id = ?2";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int(stmt, 2, class_id);
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int all_prior_save(struct replica *r, const struct origin *o,
                          uint16_t class_id, uint64_t seq, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_all_prior(origin_no, class_id, seq)"
        " VALUES(?1, ?2, ?3) ON CONFLICT(origin_no, class_id)"
        " DO UPDATE SET seq = excluded.seq";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int(stmt, 2, class_id);
    sqlite3_bind_int64(stmt, 3, (int64_t)seq);
    return database_done(r->db, stmt, e);
}

/* Only leaves of scope `all` come here: `prior` shows a gap among them. */
static int check_prior(struct receiving *in, const struct checked *c,
                       struct err *e)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    uint16_t last_class = 0;
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    assert(c->changeset != NULL);
    for (size_t i = 0; rc == 0 && i < c->changeset->header.leaf_count; i++) {
        const struct slot *slot = &c->changeset->slots[i];
        uint64_t seq = c->changeset->header.seq;
        uint64_t seen = 0;
        if (slot->form == SLOT_WITHHELD ||
            leaf_decode_head(slot->head, leaf, NULL) != 0 ||
            leaf->scope.kind != SCOPE_ALL || leaf->class_id == last_class) {
            continue;
        }
        last_class = leaf->class_id;
        rc = all_prior(in->r, c->origin, leaf->class_id, &seen, e);
        if (rc == 0 && seq <= seen && !c->held) {
            rc = fork_of(c, e);
        }
        if (rc == 0 && seq > seen && leaf->prior != seen) {
            rc = err_set(e, ERR_CHAIN,
                         "number %llu with leaves for all of class %u is "
                         "missing before it; something on the way hides it",
                         (unsigned long long)leaf->prior,
                         (unsigned)leaf->class_id);
        }
        if (rc == 0 && seq > seen) {
            rc = all_prior_save(in->r, c->origin, leaf->class_id, seq, e);
        }
    }
    free(leaf);
    return rc;
}

/* --- more of what is held ------------------------------------------------ */

/* Which leaves of a changeset the journal holds, from all its deliveries. Rare
 * (more of a changeset comes later), so a scan is good enough. */
static int mark_held(struct receiving *in, const struct checked *c,
                     bool held[LEAVES_MAX], struct err *e)
{
    struct replica *r = in->r;
    struct delivery d = {0};
    int rc;
    while ((rc = journal_next(r->db, d.position, 0, &d, e)) == 1) {
        struct changeset *cs = NULL;
        if (d.origin_no != c->origin->no || d.seq != c->travelling->seq ||
            d.incarnation != c->travelling->incarnation) {
            continue;
        }
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

/* A changeset whose certificates came ahead of the walk is in its place now. */
static void advance_head(struct checked *c)
{
    assert(c->changeset != NULL);
    const struct changeset_header *h = &c->changeset->header;
    if (h->seq > c->origin->head_seq) {
        c->origin->head_seq = h->seq;
        c->origin->head_incarnation = h->incarnation;
        c->origin->head_hash = c->hash;
        c->origin->head_hlc = h->hlc;
        c->origin->changed = true;
    }
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
        .moves_head = true,
        .source = BATCH_REMOTE,
    };
    bool any = true;
    int rc = 0;
    advance_head(c);
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
        replica_floor(in->r, c->changeset->header.hlc, in->now_ms);
        in->ret->changesets++;
        incoming.changeset = c->changeset;
        c->changeset = NULL;
        rc = replica_take(in->r, &incoming, e);
    }
    bytes_free(&packed);
    return rc;
}

static int receive(struct receiving *in, const struct travelling *travelling,
                   struct err *e)
{
    struct checked c = {.travelling = travelling};
    int rc = check_origin(in, &c, e);
    if (rc == 0) {
        rc = open_and_verify(in, &c, e);
    }
    if (rc == 0) {
        rc = check_shown(&c, e);
    }
    if (rc == 0) {
        rc = c.whole_chain ? check_chain(&c, e) : check_prior(in, &c, e);
    }
    if (rc == 0) {
        rc = take(in, &c, e);
    }
    if (rc != 0) {
        (void)name(e, &c, in);
    }
    changeset_destroy(&c.changeset);
    return rc;
}

static int save_token(struct receiving *in, uint64_t journal, uint64_t position,
                      struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_peer(node, journal, position, heard_ms)"
        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(node) DO UPDATE SET"
        " journal = excluded.journal, position = excluded.position,"
        " heard_ms = excluded.heard_ms";
    sqlite3_stmt *stmt;
    int rc = database_statement(in->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, in->from->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)journal);
    sqlite3_bind_int64(stmt, 3, (int64_t)position);
    sqlite3_bind_int64(stmt, 4, in->now_ms);
    return database_done(in->r->db, stmt, e);
}

/* How many changesets, the first ones, one transaction takes: at least one. */
static size_t piece_of(const struct changesets *stretch)
{
    size_t rows = 0;
    size_t count = 0;
    for (; count < stretch->count; count++) {
        rows += stretch->items[count].leaf_count + CHANGESET_ROWS;
        if (count > 0 && rows > APPLY_ROWS_MAX) {
            break;
        }
    }
    return count;
}

static int receive_piece(struct receiving *in, const struct changesets *stretch,
                         uint64_t from_journal, struct err *e)
{
    struct tally tally = {0};
    struct origin *from = NULL;
    size_t certificates = registry_certificate_count(in->r->merger.registry);
    size_t count = piece_of(stretch);
    bool end = count == stretch->count;
    uint64_t position =
        end ? stretch->position : stretch->items[count - 1].position;
    int rc = registry_add_origin(in->r->merger.registry, in->r->db,
                                 &in->from->node, &from, e);
    in->from_no = from == NULL ? 0 : from->no;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = receive(in, &stretch->items[i], e);
    }
    if (rc == 0) {
        rc = batch_merge(in->r->batch, &in->r->merger, &tally, e);
    }
    if (rc == 0 &&
        registry_certificate_count(in->r->merger.registry) > certificates) {
        rc = replica_renew(in->r, in->now_ms, e);
    }
    in->ret->leaves = tally.leaves;
    in->ret->waiting = tally.waiting;
    in->ret->refused = tally.refused;
    in->ret->taken = count;
    in->ret->end = end;
    return rc == 0 ? save_token(in, from_journal, position, e) : rc;
}

/* What programs wrote goes first. Of a long backlog this transaction signs a
 * part and does nothing else: more in it would keep programs waiting. */
static int drain_and_receive(struct receiving *in,
                             const struct changesets *stretch,
                             uint64_t from_journal, struct err *e)
{
    struct drained drained = {0};
    int rc = replica_drain_some(in->r, in->now_ms, &drained, e);
    return rc == 0 && !drained.more
               ? receive_piece(in, stretch, from_journal, e)
               : rc;
}

int replica_store(struct replica *r, const struct peer *from,
                  uint64_t from_journal, const struct changesets *stretch,
                  int64_t now_ms, struct stored *ret, struct err *e)
{
    struct receiving in = {.r = r, .from = from, .now_ms = now_ms, .ret = ret};
    *ret = (struct stored){0};
    assert(from->neighbour != NEIGHBOUR_NONE);
    int rc = replica_begin(r, e);
    return rc == 0 ? replica_end(
                         r, drain_and_receive(&in, stretch, from_journal, e), e)
                   : rc;
}
