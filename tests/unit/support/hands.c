/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hands.h"

#include "district.h"
#include "store/parts.h"

#include <string.h>

struct walked hands_walk(struct tree *t, int from, int to)
{
    struct walked w;
    struct err e;
    struct peer there = tree_peer(t, from, to);
    struct peer here = tree_peer(t, to, from);
    assert_int_equal(replica_walk(t->nodes[from].replica, &there,
                                  here.have.position, SIZE_MAX, &w, &e),
                     0);
    assert_true(w.end);
    return w;
}

int hands_give(struct tree *t, int from, int to, struct travelling *items,
               size_t count, uint64_t position, struct stored *stored,
               struct err *e)
{
    struct peer here = tree_peer(t, to, from);
    struct changesets stretch = {
        .items = items, .count = count, .position = position};
    /* on a link of its own, a long time after the one before */
    t->now_ms += INT64_C(365) * 86400000;
    assert_int_equal(
        replica_ask_again(t->nodes[to].replica, &here, t->now_ms, e), 0);
    *e = (struct err){0};
    int rc = replica_store(t->nodes[to].replica, &here, &stretch, t->now_ms,
                           stored, e);
    rc = rc == 0 ? tree_refused(stored, e) : rc;
    assert_int_equal(rc, e->code);
    return rc;
}

void hands_refused_after(struct tree *t, int from, int to,
                         struct travelling *items, size_t count, size_t good,
                         int code, const char *part)
{
    struct stored stored;
    struct err e;
    int rc = hands_give(t, from, to, items, count, items[count - 1].position,
                        &stored, &e);
    if (rc != code || strstr(e.text, part) == NULL) {
        fail_msg("expected %s (%s), got %s: %s", err_word(code), part,
                 err_word(rc), e.text);
    }
    assert_int_equal(stored.changesets, good);
    assert_int_equal(stored.refusal_count, 1);
    assert_int_equal(stored.refusals[0].position, items[good].position);
}

void hands_refused(struct tree *t, int from, int to, struct travelling *items,
                   size_t count, int code, const char *part)
{
    struct hash before = tree_photograph(t, to);
    uint64_t head = replica_self(t->nodes[to].replica)->head;
    hands_refused_after(t, from, to, items, count, 0, code, part);
    struct hash after = tree_photograph(t, to);
    assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    assert_int_equal(replica_self(t->nodes[to].replica)->head, head);
}

size_t hands_find(struct tree *t, const struct walked *w, int node, size_t at)
{
    while (at < w->count &&
           !hash_equal(&w->items[at].origin, tree_name(t, node))) {
        at++;
    }
    assert_true(at < w->count);
    return at;
}

struct changeset *hands_unpack(struct tree *t, const struct travelling *item)
{
    struct packer *packer = packer_new();
    struct changeset_header header =
        travelling_header(item, &replica_self(t->nodes[HQ].replica)->network);
    struct changeset *cs;
    struct err e;
    assert_int_equal(packer_unpack(packer, &header, item->leaves, &cs, &e), 0);
    memcpy(cs->signature, item->signature, SIGNATURE_BYTES);
    packer_destroy(&packer);
    return cs;
}

void hands_pack(struct travelling *item, const struct changeset *cs,
                struct bytes *memory)
{
    struct packer *packer = packer_new();
    bytes_clear(memory);
    packer_pack(packer, cs, memory);
    item->leaves = slice_of(memory);
    item->leaf_count = cs->header.leaf_count;
    memcpy(item->signature, cs->signature, SIGNATURE_BYTES);
    packer_destroy(&packer);
}

struct walked hands_three(struct tree *t)
{
    for (int n = 1; n <= 3; n++) {
        district_add_persons(t, LDH_C, n, n + 1);
        tree_drain(t, LDH_C);
    }
    struct walked w = hands_walk(t, LDH_C, LDH_H);
    assert_int_equal(w.count, 3);
    return w;
}

uint64_t hands_held(struct tree *t, int at, int origin)
{
    return registry_origin(t->nodes[at].replica->merger.registry,
                           tree_name(t, origin))
        ->held.leaves;
}
