/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* What every other node will ask of it, asked first. */
static int check(struct replica *r, const struct revocation *v, struct err *e)
{
    const struct registry *registry = r->merger.registry;
    const struct certificate *own =
        registry_in_force(registry, &r->self.node, r->self.certificate);
    const struct certificate *theirs = registry_current(registry, &v->node);
    if (theirs == NULL) {
        return err_set(e, ERR_UNKNOWN, "no node of this name is known here");
    }
    if (hash_equal(&v->node, &r->self.node)) {
        uint64_t next = replica_own_origin(r)->head_seq + 1;
        return v->retires && v->after >= next
                   ? 0
                   : err_set(e, ERR_FORBIDDEN,
                             "a node ends itself by retiring, and its last "
                             "number is %llu or later",
                             (unsigned long long)next);
    }
    if (!own->may_enrol || !standing_is_above(registry_standing(registry),
                                              &r->self.node, &v->node)) {
        return err_set(e, ERR_FORBIDDEN,
                       "site %s is not below this node, which may not revoke "
                       "it; ask the node that enrolled it",
                       theirs->site);
    }
    return 0;
}

static int sign(struct replica *r, const struct revocation *v, int64_t now_ms,
                struct err *e)
{
    struct drained drained = {.more = true};
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    while (rc == 0 && drained.more) { /* rows will be folded */
        rc = replica_drain_some(r, now_ms, &drained, e);
    }
    if (rc == 0) {
        rc = check(r, v, e);
    }
    if (rc == 0) {
        revocation_leaf(v, &memory, leaf);
        rc = replica_sign_control(r, leaf, now_ms, now_ms, e);
    }
    free(leaf);
    bytes_free(&memory);
    return rc;
}

int replica_revoke(struct replica *r, const struct revocation *v,
                   int64_t now_ms, struct err *e)
{
    int rc = replica_begin(r, e);
    return rc == 0 ? replica_end(r, sign(r, v, now_ms, e), e) : rc;
}
