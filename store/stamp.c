/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stamp.h"

#include <string.h>

int stamp_compare(const struct stamp *a, const struct stamp *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc > b->hlc ? 1 : -1;
    }
    if (a->origin != b->origin) {
        return memcmp(a->origin->node.bytes, b->origin->node.bytes, HASH_BYTES);
    }
    if (a->incarnation != b->incarnation) {
        return a->incarnation > b->incarnation ? 1 : -1;
    }
    return (a->seq > b->seq) - (a->seq < b->seq);
}

struct context_entry stamp_name(const struct stamp *s, const struct leaf *leaf)
{
    struct context_entry name = {
        .incarnation = leaf->named ? leaf->name.incarnation : s->incarnation,
        .seq = leaf->named ? leaf->name.seq : s->seq,
    };
    memcpy(name.origin, s->origin->node.bytes, HASH_BYTES);
    return name;
}

void stamp_encode(const struct stamp *s, struct bytes *out)
{
    bytes_put_u64(out, s->hlc);
    bytes_put_varint(out, s->origin->no);
    bytes_put_u64(out, s->incarnation);
    bytes_put_varint(out, s->seq);
}

struct stamp stamp_decode(struct cursor *c, const struct registry *r)
{
    struct stamp stamp = {.hlc = cursor_u64(c)};
    stamp.origin = registry_origin_no(r, (uint32_t)cursor_varint(c));
    stamp.incarnation = cursor_u64(c);
    stamp.seq = cursor_varint(c);
    if (stamp.origin == NULL) {
        c->bad = true;
    }
    return stamp;
}
