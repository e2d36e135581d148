/* SPDX-License-Identifier: Apache-2.0 */
#include "changeset.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    /* what a sealed body is longer than the body */
    SEALED_MORE = SEAL_NONCE_BYTES + SALT_BYTES + TAG_BYTES,
};

_Static_assert((int)SEAL_NONCE_BYTES ==
                   (int)crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "the nonce of XChaCha20-Poly1305");

static const char domain[] = "sangam-changeset-1";
enum { DOMAIN_BYTES = sizeof domain - 1 };

/* --- memory -------------------------------------------------------------- */

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count == 0 ? 1 : count, size);
    if (p == NULL) {
        abort();
    }
    return p;
}

static struct changeset *new_like(const struct changeset_header *header)
{
    struct changeset *cs = allocate(1, sizeof *cs);
    cs->header = *header;
    cs->slots = allocate(header->leaf_count, sizeof *cs->slots);
    return cs;
}

void changeset_destroy(struct changeset **cs)
{
    if (*cs == NULL) {
        return;
    }
    free((*cs)->slots);
    free((*cs)->cover);
    bytes_free(&(*cs)->memory);
    free(*cs);
    *cs = NULL;
}

static void rebase(struct slice *s, const uint8_t *from, const uint8_t *to)
{
    if (s->data != NULL) {
        s->data = to + (s->data - from);
    }
}

/* Copies into the changeset's memory; slices already given move along. */
static struct slice keep(struct changeset *cs, struct slice s)
{
    const uint8_t *before = cs->memory.data;
    bytes_reserve(&cs->memory, s.len);
    if (before != NULL && before != cs->memory.data) {
        for (size_t i = 0; i < cs->header.leaf_count; i++) {
            rebase(&cs->slots[i].head, before, cs->memory.data);
            rebase(&cs->slots[i].body, before, cs->memory.data);
            rebase(&cs->slots[i].sealed, before, cs->memory.data);
        }
    }
    size_t at = cs->memory.len;
    bytes_put(&cs->memory, s.data, s.len);
    return (struct slice){.data = cs->memory.data + at, .len = s.len};
}

/* --- header -------------------------------------------------------------- */

void changeset_header_encode(const struct changeset_header *h,
                             uint8_t out[CHANGESET_HEADER_BYTES])
{
    struct bytes b = {.data = out, .cap = CHANGESET_HEADER_BYTES};
    bytes_put(&b, h->network.bytes, HASH_BYTES);
    bytes_put(&b, h->origin.bytes, HASH_BYTES);
    bytes_put_u64(&b, h->incarnation);
    bytes_put_u64(&b, h->seq);
    bytes_put_u64(&b, h->prev_incarnation);
    bytes_put(&b, h->prev.bytes, HASH_BYTES);
    bytes_put_u64(&b, h->hlc);
    bytes_put_u32(&b, h->schema_version);
    bytes_put_u64(&b, h->certificate);
    bytes_put_u32(&b, h->leaf_count);
    bytes_put(&b, h->root.bytes, HASH_BYTES);
    assert(b.len == CHANGESET_HEADER_BYTES && b.data == out);
}

static void take_hash(struct cursor *c, struct hash *ret)
{
    const uint8_t *bytes = cursor_take(c, HASH_BYTES);
    if (bytes != NULL) {
        memcpy(ret->bytes, bytes, HASH_BYTES);
    }
}

int changeset_header_decode(struct slice bytes, struct changeset_header *ret,
                            struct err *e)
{
    struct cursor c = cursor_of(bytes);
    struct changeset_header h = {.seq = 0};
    take_hash(&c, &h.network);
    take_hash(&c, &h.origin);
    h.incarnation = cursor_u64(&c);
    h.seq = cursor_u64(&c);
    h.prev_incarnation = cursor_u64(&c);
    take_hash(&c, &h.prev);
    h.hlc = cursor_u64(&c);
    h.schema_version = cursor_u32(&c);
    h.certificate = cursor_u64(&c);
    h.leaf_count = cursor_u32(&c);
    take_hash(&c, &h.root);
    if (!cursor_done(&c) || h.incarnation == 0 || h.seq == 0 ||
        h.seq > INT64_MAX || h.hlc > INT64_MAX) {
        return err_set(e, ERR_FORMAT, "these bytes are no changeset's header");
    }
    *ret = h;
    return 0;
}

/* The bytes under the signature. */
static void signed_bytes(const struct changeset_header *header,
                         uint8_t out[DOMAIN_BYTES + CHANGESET_HEADER_BYTES])
{
    memcpy(out, domain, DOMAIN_BYTES);
    changeset_header_encode(header, out + DOMAIN_BYTES);
}

struct hash changeset_hash(const struct changeset_header *header)
{
    uint8_t bytes[DOMAIN_BYTES + CHANGESET_HEADER_BYTES];
    struct hash h;
    signed_bytes(header, bytes);
    crypto_generichash(h.bytes, HASH_BYTES, bytes, sizeof bytes, NULL, 0);
    return h;
}

/* --- root ---------------------------------------------------------------- */

struct hash changeset_leaf_hash(const struct changeset *cs, size_t index)
{
    const struct slot *slot = &cs->slots[index];
    assert(slot->form != SLOT_WITHHELD);
    return merkle_leaf(slot->head, &slot->body_hash);
}

/* What is known of the tree; `leaves` and `shown` have leaf_count places. */
static struct merkle tree_of(const struct changeset *cs, struct hash *leaves,
                             bool *shown)
{
    size_t count = cs->header.leaf_count;
    for (size_t i = 0; i < count; i++) {
        shown[i] = cs->slots[i].form != SLOT_WITHHELD;
        if (shown[i]) {
            leaves[i] = changeset_leaf_hash(cs, i);
        }
    }
    return (struct merkle){
        .leaves = leaves,
        .shown = shown,
        .count = count,
        .cover = cs->cover,
        .cover_count = cs->cover_count,
    };
}

/* A walk over the leaves that are not withheld, in order. */
struct checking {
    uint64_t seq;
    const struct leaf *last; /* the last visible one */
    struct slice scope;      /* of the last one, sealed or visible */
    uint16_t class_id;
    size_t bytes;          /* canonical */
    struct leaf leaves[2]; /* in turn, so that the last one stays */
};

/* Scope and class ascend, and `prior` lies before. */
static int check_head(struct checking *c, const struct leaf *leaf, size_t index,
                      struct err *e)
{
    int order = slice_compare(c->scope, leaf->scope_bytes);
    if (order > 0 || (order == 0 && c->class_id > leaf->class_id)) {
        return err_set(e, ERR_FORMAT, "leaf %zu is out of order", index);
    }
    if (leaf->prior >= c->seq) {
        return err_set(e, ERR_FORMAT,
                       "leaf %zu names changeset %llu as one before", index,
                       (unsigned long long)leaf->prior);
    }
    c->scope = leaf->scope_bytes;
    c->class_id = leaf->class_id;
    return 0;
}

/* Of the leaf as signed; a sealed body is longer. */
static size_t canonical_bytes(const struct slot *slot)
{
    size_t sealed = slot->sealed.len;
    return slot->head.len + slot->body.len +
           (sealed > SEALED_MORE ? sealed - SEALED_MORE : 0);
}

static int check_slot(struct checking *c, const struct slot *slot, size_t index,
                      struct err *e)
{
    struct leaf *leaf = &c->leaves[c->last == &c->leaves[0] ? 1 : 0];
    bool visible = slot->form == SLOT_VISIBLE;
    c->bytes += canonical_bytes(slot);
    int rc = visible ? leaf_decode(slot->head, slot->body, leaf, e)
                     : leaf_decode_head(slot->head, leaf, e);
    if (rc == 0) {
        rc = check_head(c, leaf, index, e);
    }
    if (rc == 0 && visible && c->last != NULL &&
        leaf_compare(c->last, leaf) >= 0) {
        rc = err_set(e, ERR_FORMAT, "leaf %zu is out of order", index);
    }
    if (visible) {
        c->last = leaf;
    }
    return rc;
}

/* Leaves are well formed, ascend, and no two are of one class of one row; what
 * is withheld between two does not matter. */
static int check_leaves(const struct changeset *cs, struct err *e)
{
    struct checking *c = malloc(sizeof *c); /* 13 KB of leaves, set when read */
    int rc = 0;
    if (c == NULL) {
        abort();
    }
    memset(c, 0, offsetof(struct checking, leaves));
    c->seq = cs->header.seq;
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form != SLOT_WITHHELD) {
            rc = check_slot(c, &cs->slots[i], i, e);
        }
    }
    if (rc == 0 && c->bytes > CHANGESET_BYTES_MAX) {
        rc = err_set(e, ERR_LIMIT, "a changeset of %zu bytes is too large",
                     c->bytes);
    }
    free(c);
    return rc;
}

int changeset_compute_root(struct changeset *cs, struct err *e)
{
    size_t count = cs->header.leaf_count;
    struct hash leaves[LEAVES_MAX];
    bool shown[LEAVES_MAX];
    if (count == 0 || count > LEAVES_MAX) {
        return err_set(e, ERR_LIMIT, "a changeset of %zu leaves", count);
    }
    int rc = check_leaves(cs, e);
    if (rc != 0) {
        return rc;
    }
    struct merkle tree = tree_of(cs, leaves, shown);
    return merkle_root(&tree, &cs->header.root, e);
}

/* --- sign and verify ----------------------------------------------------- */

struct changeset *changeset_sign(const struct changeset_header *header,
                                 const struct leaf_bytes *leaves, size_t count,
                                 const uint8_t seed[SEED_BYTES],
                                 const struct keys *keys)
{
    assert(count > 0 && count <= LEAVES_MAX);
    struct changeset_header counted = *header;
    counted.leaf_count = (uint32_t)count;
    struct changeset *cs = new_like(&counted);
    cs->whole = true;
    memcpy(cs->seed, seed, SEED_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &cs->slots[i];
        slot->head = keep(cs, leaves[i].head);
        slot->body = keep(cs, leaves[i].body);
        merkle_salt(seed, (uint32_t)i, slot->salt);
        slot->body_hash = merkle_body(slot->salt, slot->body);
    }
    int rc = changeset_compute_root(cs, NULL);
    assert(rc == 0);
    (void)rc;
    uint8_t bytes[DOMAIN_BYTES + CHANGESET_HEADER_BYTES];
    signed_bytes(&cs->header, bytes);
    crypto_sign_detached(cs->signature, NULL, bytes, sizeof bytes,
                         keys->sign_secret);
    return cs;
}

int changeset_header_verify(const struct changeset_header *header,
                            const uint8_t signature[SIGNATURE_BYTES],
                            const uint8_t sign_public[KEY_PUBLIC_BYTES],
                            struct err *e)
{
    uint8_t bytes[DOMAIN_BYTES + CHANGESET_HEADER_BYTES];
    signed_bytes(header, bytes);
    if (crypto_sign_verify_detached(signature, bytes, sizeof bytes,
                                    sign_public) != 0) {
        char origin[HASH_SHORT_BYTES];
        hash_print_short(&header->origin, origin);
        return err_set(e, ERR_SIGNATURE,
                       "changeset %llu of node %s: the signature does not "
                       "verify",
                       (unsigned long long)header->seq, origin);
    }
    return 0;
}

int changeset_verify(const struct changeset *cs,
                     const uint8_t sign_public[KEY_PUBLIC_BYTES], struct err *e)
{
    return changeset_header_verify(&cs->header, cs->signature, sign_public, e);
}

/* --- withhold ------------------------------------------------------------ */

static void copy_slot(struct changeset *to, size_t i, const struct slot *slot)
{
    struct slot copy = *slot;
    copy.head = (struct slice){0};
    copy.body = (struct slice){0};
    copy.sealed = (struct slice){0};
    to->slots[i] = copy;
    to->slots[i].head = keep(to, slot->head);
    to->slots[i].body = keep(to, slot->body);
    to->slots[i].sealed = keep(to, slot->sealed);
}

int changeset_withhold(const struct changeset *cs, const bool *keep_slots,
                       struct changeset **ret, struct err *e)
{
    struct hash leaves[LEAVES_MAX];
    struct hash cover[LEAVES_MAX];
    bool shown[LEAVES_MAX];
    bool kept[LEAVES_MAX];
    size_t count = cs->header.leaf_count;
    size_t cover_count = 0;
    assert(count > 0 && count <= LEAVES_MAX);

    struct merkle tree = tree_of(cs, leaves, shown);
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        kept[i] = shown[i] && keep_slots[i];
        all = all && kept[i];
    }
    int rc = merkle_cover(&tree, kept, cover, &cover_count, e);
    if (rc != 0) {
        return rc;
    }
    struct changeset *copy = new_like(&cs->header);
    memcpy(copy->signature, cs->signature, SIGNATURE_BYTES);
    copy->whole = cs->whole && all;
    if (copy->whole) {
        memcpy(copy->seed, cs->seed, SEED_BYTES);
    }
    copy->cover = allocate(cover_count, sizeof *copy->cover);
    memcpy(copy->cover, cover, cover_count * sizeof *cover);
    copy->cover_count = cover_count;
    for (size_t i = 0; i < count; i++) {
        copy->slots[i].form = SLOT_WITHHELD;
        if (kept[i]) {
            copy_slot(copy, i, &cs->slots[i]);
        }
    }
    *ret = copy;
    return 0;
}

/* --- seal and open ------------------------------------------------------- */

void changeset_seal(struct changeset *cs, size_t index,
                    const uint8_t key[CLASS_KEY_BYTES],
                    const uint8_t nonce[SEAL_NONCE_BYTES])
{
    assert(index < cs->header.leaf_count);
    struct slot *slot = &cs->slots[index];
    assert(slot->form == SLOT_VISIBLE);
    struct hash hash = changeset_leaf_hash(cs, index);
    struct bytes plain = {0};
    bytes_put(&plain, slot->salt, SALT_BYTES);
    bytes_put(&plain, slot->body.data, slot->body.len);
    struct bytes box = {0};
    bytes_reserve(&box, SEAL_NONCE_BYTES + plain.len + TAG_BYTES);
    memcpy(box.data, nonce, SEAL_NONCE_BYTES);
    unsigned long long len = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        box.data + SEAL_NONCE_BYTES, &len, plain.data, plain.len, hash.bytes,
        HASH_BYTES, NULL, box.data, key);
    box.len = SEAL_NONCE_BYTES + (size_t)len;
    slot->sealed = keep(cs, slice_of(&box));
    slot->body = (struct slice){0};
    sodium_memzero(slot->salt, SALT_BYTES);
    slot->form = SLOT_SEALED;
    cs->whole = false;
    sodium_memzero(cs->seed, SEED_BYTES);
    bytes_free(&plain);
    bytes_free(&box);
}

static int refuse_opening(const struct changeset *cs, size_t index,
                          struct err *e)
{
    return err_set(e, ERR_HASH,
                   "leaf %zu of changeset %llu does not open to what its "
                   "origin signed",
                   index, (unsigned long long)cs->header.seq);
}

/* The nearest visible leaf before (step -1) or after (1), or NULL. */
static const struct slot *visible_beside(const struct changeset *cs,
                                         size_t index, int step)
{
    size_t i = index + (size_t)step;
    while (i < cs->header.leaf_count && cs->slots[i].form != SLOT_VISIBLE) {
        i += (size_t)step;
    }
    return i < cs->header.leaf_count ? &cs->slots[i] : NULL;
}

/* Does the body make a leaf that may stand in that place? An origin may have
 * signed anything, and nobody who passed it on could see it. */
static int check_opened(const struct changeset *cs, size_t index,
                        struct slice body, struct err *e)
{
    struct leaf *opened = allocate(1, sizeof *opened);
    struct leaf *beside = allocate(1, sizeof *beside);
    int rc = leaf_decode(cs->slots[index].head, body, opened, e);
    for (int step = -1; rc == 0 && step <= 1; step += 2) {
        const struct slot *slot = visible_beside(cs, index, step);
        if (slot == NULL) {
            continue;
        }
        rc = leaf_decode(slot->head, slot->body, beside, e);
        if (rc == 0 && leaf_compare(opened, beside) * step >= 0) {
            rc = err_set(e, ERR_FORMAT, "leaf %zu is out of order", index);
        }
    }
    free(beside);
    free(opened);
    return rc;
}

int changeset_open(struct changeset *cs, size_t index,
                   const uint8_t key[CLASS_KEY_BYTES], struct err *e)
{
    assert(index < cs->header.leaf_count);
    struct slot *slot = &cs->slots[index];
    assert(slot->form == SLOT_SEALED);
    if (slot->sealed.len < SEALED_MORE) {
        return refuse_opening(cs, index, e);
    }
    struct hash hash = changeset_leaf_hash(cs, index);
    size_t plain_len = slot->sealed.len - SEAL_NONCE_BYTES - TAG_BYTES;
    uint8_t *plain = allocate(plain_len, 1);
    int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, NULL, NULL, slot->sealed.data + SEAL_NONCE_BYTES,
        slot->sealed.len - SEAL_NONCE_BYTES, hash.bytes, HASH_BYTES,
        slot->sealed.data, key);
    struct slice body = {.data = plain + SALT_BYTES,
                         .len = plain_len - SALT_BYTES};
    struct hash found = merkle_body(plain, body);
    if (opened != 0 || !hash_equal(&found, &slot->body_hash)) {
        free(plain);
        return refuse_opening(cs, index, e);
    }
    int rc = check_opened(cs, index, body, e);
    if (rc == 0) {
        memcpy(slot->salt, plain, SALT_BYTES);
        slot->body = keep(cs, body);
        slot->sealed = (struct slice){0};
        slot->form = SLOT_VISIBLE;
    }
    free(plain);
    return rc;
}
