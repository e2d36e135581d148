/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/addressed.h"
#include "store/parts.h"

enum { LOOK_MAX = 4096 }; /* deliveries looked at in one walk, due or not */

/* What of a delivery is due to the receiver. */
enum due {
    DUE_NOTHING,
    DUE_ALL_SCOPE,     /* leaves of scope `all` */
    DUE_NOT_ELSEWHERE, /* all but what is addressed to others */
    DUE_WHOLE,
};

struct walking {
    struct replica *r;
    const struct peer *to;
    const struct origin *peer; /* NULL: nothing of it was ever held */
    struct walked *ret;
    size_t cap;
};

void walked_clear(struct walked *w)
{
    free(w->items);
    bytes_free(&w->memory);
    *w = (struct walked){0};
}

void travelling_of(const struct delivery *d, const struct hash *origin,
                   struct travelling *ret)
{
    *ret = (struct travelling){
        .has_origin = true,
        .origin = *origin,
        .incarnation = d->incarnation,
        .seq = d->seq,
        .has_prev = true,
        .prev_incarnation = d->prev_incarnation,
        .prev = d->prev,
        .hlc = d->hlc,
        .schema_version = d->schema_version,
        .certificate = d->certificate,
        .leaf_count = d->leaf_count,
        .leaves = d->leaves,
        .position = d->position,
    };
    memcpy(ret->signature, d->signature, SIGNATURE_BYTES);
}

/* It came from the receiver. */
static bool is_back(const struct walking *w, const struct delivery *d)
{
    return w->peer != NULL && d->from_no == w->peer->no;
}

/* What this node took back it does not send up while that is ahead of time, or it
 * would be turned away; later it does, and at once where something that counts was
 * signed on top of it. Nor does it give that back of a sibling, from whom alone the
 * parent takes what is ahead, and who has signed it anew. A relay passes on even that,
 * because a copy of its node may have built on it; so may this node have, on what it
 * lost and a neighbour gave back, and children get it at once. */
static bool is_held_back(const struct walking *w, const struct delivery *d,
                         const struct origin *origin)
{
    bool ahead = d->hlc > w->r->last_hlc && d->hlc > origin->head_hlc;
    bool own = hash_equal(&origin->node, &w->r->self.node);
    bool of_receiver = hash_equal(&origin->node, &w->to->node);
    return w->to->neighbour == NEIGHBOUR_PARENT && d->voided && ahead &&
           (own || (is_back(w, d) && !of_receiver));
}

/* Up goes everything but what came from there. Down go headquarters' leaves but for
 * those it addressed elsewhere, those of the receiver's district, and of the rest
 * what is for all; nothing that came from there. A neighbour that was put back from
 * a copy asks also for what came from it; up then goes what is of headquarters and
 * of the district. */
static enum due due_of(const struct walking *w, const struct delivery *d,
                       const struct origin *origin)
{
    const struct registry *registry = w->r->merger.registry;
    bool back = is_back(w, d);
    bool up = w->to->neighbour == NEIGHBOUR_PARENT;
    if (is_held_back(w, d, origin) ||
        (back && d->position > w->to->return_until)) {
        return DUE_NOTHING;
    }
    if (up && !back) {
        return DUE_WHOLE;
    }
    if (registry_is_root(registry, &origin->node)) {
        bool elsewhere = !up && (d->reach & REACH_SITE) != 0;
        return elsewhere ? DUE_NOT_ELSEWHERE : DUE_WHOLE;
    }
    const struct hash *lower = up ? &w->r->self.node : &w->to->node;
    const struct hash *here = registry_district(registry, lower);
    const struct hash *there = registry_district(registry, &origin->node);
    if (here != NULL && there != NULL && hash_equal(here, there)) {
        return DUE_WHOLE;
    }
    return (d->reach & REACH_ALL) != 0 && !up ? DUE_ALL_SCOPE : DUE_NOTHING;
}

static bool is_due(const struct walking *w, const struct delivery *d,
                   const struct slot *slot, const struct origin *origin,
                   enum due due)
{
    const struct registry *registry = w->r->merger.registry;
    struct slice site;
    if (slot->form == SLOT_WITHHELD) {
        return false;
    }
    if (due == DUE_ALL_SCOPE) {
        return slot_is_of_all(slot);
    }
    return !addressed_to(registry, &origin->node, slot, &site) ||
           (d->position >= registry_addressed_from(registry, site) &&
            registry_leads(registry, site, &w->to->node));
}

/* Packs anew with only the leaves that are due. */
static int pack_due(struct walking *w, const struct delivery *d,
                    const struct origin *origin, enum due due,
                    struct bytes *packed, struct err *e)
{
    struct replica *r = w->r;
    struct changeset *cs = NULL;
    struct changeset *fewer = NULL;
    bool keep[LEAVES_MAX] = {false};
    int rc = journal_open(r->merger.packer, &r->self.network, &origin->node, d,
                          &cs, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        keep[i] = is_due(w, d, &cs->slots[i], origin, due);
    }
    rc = changeset_withhold(cs, keep, &fewer, e);
    if (rc == 0) {
        packer_pack(r->merger.packer, fewer, packed);
    }
    changeset_destroy(&cs);
    changeset_destroy(&fewer);
    return rc;
}

static void append(struct walking *w, const struct delivery *d,
                   const struct origin *origin, struct slice leaves)
{
    struct walked *ret = w->ret;
    if (ret->count == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        ret->items = realloc(ret->items, w->cap * sizeof *ret->items);
        if (ret->items == NULL) {
            abort();
        }
    }
    struct travelling *t = &ret->items[ret->count++];
    travelling_of(d, &origin->node, t);
    t->leaves = (struct slice){.data = NULL, .len = leaves.len};
    bytes_put(&ret->memory, leaves.data, leaves.len);
}

/* Adds what is due of one delivery; 1 when it must wait for the next walk. */
static int walk_delivery(struct walking *w, const struct delivery *d,
                         size_t budget, struct err *e)
{
    const struct origin *origin =
        registry_origin_no(w->r->merger.registry, d->origin_no);
    struct bytes packed = {0};
    struct slice leaves = d->leaves;
    int rc = 0;
    if (origin == NULL) {
        return err_set(e, ERR_CORRUPT, "delivery %llu has no origin",
                       (unsigned long long)d->position);
    }
    enum due due = due_of(w, d, origin);
    if (due == DUE_NOTHING) {
        return 0;
    }
    if (due == DUE_NOT_ELSEWHERE ||
        (due == DUE_ALL_SCOPE && (d->reach & REACH_SOME) != 0)) {
        rc = pack_due(w, d, origin, due, &packed, e);
        leaves = slice_of(&packed);
    }
    bool full =
        w->ret->count > 0 && (w->ret->memory.len + leaves.len > budget ||
                              w->ret->count == MESSAGE_CHANGESETS_MAX);
    if (rc == 0 && full) {
        rc = 1;
    } else if (rc == 0) {
        append(w, d, origin, leaves);
    }
    bytes_free(&packed);
    return rc;
}

/* The memory has stopped moving. */
static void point_leaves(struct walked *w)
{
    size_t at = 0;
    for (size_t i = 0; i < w->count; i++) {
        w->items[i].leaves.data = w->memory.data + at;
        at += w->items[i].leaves.len;
    }
}

int replica_walk(struct replica *r, const struct peer *to, uint64_t from,
                 size_t budget, struct walked *ret, struct err *e)
{
    struct walking w = {
        .r = r,
        .to = to,
        .peer = registry_origin(r->merger.registry, &to->node),
        .ret = ret,
    };
    struct delivery d = {.position = from};
    *ret = (struct walked){.position = from};
    int rc = 1;
    for (size_t looked = 0; rc == 1 && looked < LOOK_MAX; looked++) {
        rc = journal_next(r->db, ret->position, 0, &d, e);
        if (rc != 1) {
            ret->end = rc == 0;
            break;
        }
        rc = walk_delivery(&w, &d, budget, e);
        if (rc != 0) {
            break;
        }
        ret->position = d.position;
        rc = 1;
    }
    database_rest(r->db); /* what is walked has been copied */
    if (rc < 0) {
        walked_clear(ret);
        return rc;
    }
    point_leaves(ret);
    return 0;
}
