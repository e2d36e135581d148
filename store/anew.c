/* SPDX-License-Identifier: Apache-2.0 */
#include "store/anew.h"

#include <assert.h>

/* Is it one that others may cover? */
static bool has_heads(const struct anew *a, const struct replica *r)
{
    const struct table *table = manifest_table(r->manifest, a->leaf.table);
    bool has = false;
    for (size_t i = 0; table != NULL && i < a->leaf.cell_count; i++) {
        const struct column *c = table_column(table, a->leaf.cells[i].column);
        has = has || (c != NULL && (c->policy == POLICY_REVIEW ||
                                    c->policy == POLICY_UNION));
    }
    return has;
}

/* Who has seen a write covers it by the name that it had then. */
static void keep_name(struct anew *a, const struct changeset_header *h)
{
    if (!a->leaf.named) {
        a->leaf.named = true;
        a->leaf.name = (struct leaf_name){h->incarnation, h->seq};
    }
}

static void leave_out(struct leaf *leaf, const bool *left_out)
{
    uint16_t kept = 0;
    for (size_t i = 0; i < leaf->cell_count; i++) {
        if (!left_out[i]) {
            leaf->cells[kept++] = leaf->cells[i];
        }
    }
    leaf->cell_count = kept;
}

/* `left_out`: NULL, nothing is. */
static void draft_leaf(struct anew *a, const struct replica *r, size_t i,
                       const struct changeset *cs, const struct slot *slot,
                       const bool *left_out)
{
    struct draft *draft = &a->drafts[i];
    int rc = leaf_decode(slot->head, slot->body, &a->leaf, NULL);
    assert(rc == 0); /* our own */
    (void)rc;
    *draft = (struct draft){
        .class_id = a->leaf.class_id,
        .scope = a->leaf.scope,
        .scope_bytes = a->leaf.scope_bytes,
        .table = a->leaf.table,
        .key = a->leaf.key_bytes,
        .body = slot->body,
    };
    a->bodies[i] = 0;
    bool heads = has_heads(a, r);
    if (left_out != NULL) {
        leave_out(&a->leaf, left_out);
    }
    if (heads) {
        keep_name(a, &cs->header);
    }
    if (heads || left_out != NULL) {
        size_t at = a->memory.len;
        leaf_encode_body(&a->leaf, &a->memory);
        a->bodies[i] = at + 1;
        draft->body.len = a->memory.len - at;
    }
}

static int sign_drafts(struct anew *a, struct replica *r, size_t count,
                       int64_t now_ms, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (a->bodies[i] != 0) { /* the memory stands still by now */
            a->drafts[i].body.data = a->memory.data + a->bodies[i] - 1;
        }
    }
    int rc =
        count == 0 ? 0 : replica_sign(r, a->drafts, count, now_ms, now_ms, e);
    batch_drop(r->batch);
    return rc < 0 ? rc : 0;
}

int anew_sign(struct anew *a, struct replica *r, const struct changeset *cs,
              int64_t now_ms, struct err *e)
{
    size_t count = 0;
    bytes_clear(&a->memory);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        /* of what came back after a loss others may not have held all */
        if (cs->slots[i].form == SLOT_VISIBLE) {
            draft_leaf(a, r, count++, cs, &cs->slots[i], NULL);
        }
    }
    return sign_drafts(a, r, count, now_ms, e);
}

int anew_sign_leaf(struct anew *a, struct replica *r,
                   const struct changeset *cs, size_t index,
                   const bool left_out[COLUMNS_MAX], int64_t now_ms,
                   struct err *e)
{
    bytes_clear(&a->memory);
    draft_leaf(a, r, 0, cs, &cs->slots[index], left_out);
    bool nothing = a->leaf.op == LEAF_UPDATE && a->leaf.cell_count == 0;
    return nothing ? 0 : sign_drafts(a, r, 1, now_ms, e);
}

void anew_clear(struct anew *a)
{
    bytes_free(&a->memory);
}
