/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/parts.h"

/* Digests: does a child hold what its parent thinks it should? Counted by
 * origin, because until scopes route, the origin decides what is due
 * (docs/decisions/0003-digests-by-origin.md). */

static struct leaf_sum due_sum(const struct registry *registry,
                               const struct origin *o, const struct hash *child)
{
    const struct hash *here = registry_district(registry, child);
    const struct hash *there = registry_district(registry, &o->node);
    if (registry_is_root(registry, &o->node)) {
        struct leaf_sum sum = o->held;
        const struct leaf_sum others =
            registry_addressed_elsewhere(registry, child);
        leaf_sum_without(&sum, &others);
        return sum;
    }
    bool whole = here != NULL && there != NULL && hash_equal(here, there);
    return whole ? o->held : o->all;
}

int replica_digest(struct replica *r, const struct peer *child,
                   struct digest *ret, struct err *e)
{
    const struct registry *registry = r->merger.registry;
    size_t count = registry_origin_count(registry);
    *ret = (struct digest){
        .position = r->self.head,
        .origins = calloc(count + 1, sizeof *ret->origins),
    };
    if (ret->origins == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        const struct origin *o = registry_origin_at(registry, i);
        struct leaf_sum sum = due_sum(registry, o, &child->node);
        if (sum.leaves == 0) {
            continue;
        }
        if (ret->count == DIGEST_ORIGINS_MAX) {
            free(ret->origins);
            *ret = (struct digest){0};
            return err_set(e, ERR_LIMIT, "a digest names at most %d origins",
                           DIGEST_ORIGINS_MAX);
        }
        ret->origins[ret->count++] = (struct origin_digest){
            .origin = o->node,
            .head = o->head_seq,
            .leaves = sum.leaves,
            .sum = sum.sum,
        };
    }
    return 0;
}

static const struct origin_digest *digest_of(const struct digest *digest,
                                             const struct hash *node)
{
    for (size_t i = 0; i < digest->count; i++) {
        if (hash_equal(&digest->origins[i].origin, node)) {
            return &digest->origins[i];
        }
    }
    return NULL;
}

static void differs(struct compared *ret, const struct hash *origin,
                    uint64_t ours, uint64_t theirs)
{
    if (ret->equal) {
        ret->equal = false;
        ret->origin = *origin;
        ret->ours = ours;
        ret->theirs = theirs;
    }
}

/* One origin: what we hold of it against what the parent says. Our own and
 * those below us may be ahead; then there is nothing to compare yet. Where a
 * chain has branches the number of its last does not tell, but that there are
 * more leaves and not all is acknowledged. */
static void compare_origin(const struct replica *r, const struct origin *o,
                           const struct origin_digest *said, bool all_sent,
                           struct compared *ret)
{
    bool ours_to_send =
        registry_below(r->merger.registry, &o->node, &r->self.node);
    uint64_t head = said == NULL ? 0 : said->head;
    uint64_t leaves = said == NULL ? 0 : said->leaves;
    bool ahead = o->head_seq > head || (o->held.leaves > leaves && !all_sent);
    if (ours_to_send && ahead) {
        ret->incomplete = true;
        return;
    }
    bool same = leaves == o->held.leaves &&
                (said == NULL || hash_equal(&said->sum, &o->held.sum));
    if (!same) {
        differs(ret, &o->node, o->held.leaves, leaves);
    }
}

int replica_compare(struct replica *r, const struct digest *digest,
                    struct compared *ret, struct err *e)
{
    const struct registry *registry = r->merger.registry;
    struct peer parent;
    int rc = replica_parent(r, &parent, e);
    if (rc != 0) {
        return rc;
    }
    bool all_sent = parent.acked >= r->self.head;
    *ret = (struct compared){.equal = true};
    for (size_t i = 0; i < registry_origin_count(registry); i++) {
        const struct origin *o = registry_origin_at(registry, i);
        compare_origin(r, o, digest_of(digest, &o->node), all_sent, ret);
    }
    for (size_t i = 0; i < digest->count; i++) {
        const struct origin_digest *said = &digest->origins[i];
        if (registry_origin(registry, &said->origin) == NULL) {
            differs(ret, &said->origin, 0, said->leaves);
        }
    }
    return 0;
}
