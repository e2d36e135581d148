/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "copies.h"

#include "store/parts.h"

uint64_t copies_journal_end(struct tree *t, int node)
{
    return replica_self(t->nodes[node].replica)->head;
}

int copies_bring(struct tree *t, int copy, int to, uint64_t after,
                 struct err *e)
{
    static struct stored stored;
    struct walked w;
    struct peer there = tree_peer(t, copy, to);
    struct peer here = tree_peer(t, to, copy);
    assert_int_equal(
        replica_walk(t->nodes[copy].replica, &there, after, SIZE_MAX, &w, e),
        0);
    struct changesets stretch = {w.items, w.count, here.have.position, 0};
    t->now_ms += 10;
    assert_int_equal(
        replica_ask_again(t->nodes[to].replica, &here, tree_clock(t, to), e),
        0);
    *e = (struct err){0};
    int rc = replica_store(t->nodes[to].replica, &here, &stretch,
                           tree_clock(t, to), &stored, e);
    walked_clear(&w);
    return rc == 0 ? tree_refused(&stored, e) : rc;
}

void copies_sync_others(struct tree *t, int copies)
{
    t->count -= copies;
    tree_sync(t);
    t->count += copies;
}
