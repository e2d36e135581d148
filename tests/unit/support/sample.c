/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { ROOM = 512 * 1024, SEQ = 42 };

/* --- values -------------------------------------------------------------- */

/* Texts that look like a UUID, an instant or a day, and some that do not. */
static const char *const texts[] = {
    "",
    "methadone",
    "ਲੁਧਿਆਣਾ",
    "2026-11-22T14:28:10.123Z",
    "2026-11-22T14:28:10.123z",
    "2026-11-22T25:00:00.000Z",
    "2026-11-22T23:59:60.000Z",
    "2026-11-22T14:28:10Z",
    "2026-11-22 14:28:10.123",
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "2026-11-22",
    "2026-02-29",
    "2024-02-29",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "0000-01-01",
    "9999-12-31",
    "20261122",
    "2026-1-22",
    "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a11",
    "0198F0A0-7C1E-7D3A-8B1F-3F9D3B7C2A11",
    "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a1g",
    "0198f0a07c1e7d3a8b1f3f9d3b7c2a110000",
    "0198f0a0-7c1e-7d3a-8b1f_3f9d3b7c2a11",
    "ffffffff-ffff-7fff-ffff-ffffffffffff",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "00000000-0000-0000-0000-000000000000",
    "\xff\xfe\xc3\x28",
};

static const int64_t integers[] = {
    0, 1, -1, 63, 64, -64, -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,
};

static const double reals[] = {
    0.0,     -0.0,   1.0,     -2.5,     DBL_MAX,   -DBL_MAX,
    DBL_MIN, 5e-324, -5e-324, INFINITY, -INFINITY, 0.1,
};

#define PICK(d, list) ((list)[dice_below((d), sizeof(list) / sizeof *(list))])

static struct slice random_bytes(struct sample *s, size_t len)
{
    assert_true(s->memory.cap - s->memory.len >= len);
    uint8_t *at = s->memory.data + s->memory.len;
    dice_fill(&s->dice, at, len);
    s->memory.len += len;
    return (struct slice){at, len};
}

static void random_uuid(struct dice *d, char out[37])
{
    static const char versions[] = "47771";
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    const char *digits = dice_below(d, 8) == 0 ? upper : lower;
    (void)snprintf(out, 37, "0198xxxx-xxxx-%cxxx-xxxx-xxxxxxxxxxxx",
                   versions[dice_below(d, sizeof versions - 1)]);
    for (size_t i = 0; i < 36; i++) {
        if (out[i] == 'x') {
            out[i] = digits[dice_below(d, 16)];
        }
    }
}

static struct value text_of(struct sample *s, const char *text)
{
    size_t from = s->memory.len;
    assert_true(s->memory.cap - from >= strlen(text));
    bytes_put(&s->memory, text, strlen(text));
    return (struct value){
        .type = VALUE_TEXT,
        .bytes = {s->memory.data + from, s->memory.len - from},
    };
}

static struct value random_text(struct sample *s)
{
    struct dice *d = &s->dice;
    char text[64];
    switch (dice_below(d, 6)) {
    case 0:
        random_uuid(d, text);
        return text_of(s, text);
    case 1:
        return text_of(s, PICK(d, s->uuids));
    case 2: /* of every length around where its form changes */
        return (struct value){
            .type = VALUE_TEXT,
            .bytes = random_bytes(s, 230 + dice_below(d, 30)),
        };
    case 3:
        (void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                       (unsigned)dice_below(d, 10000),
                       (unsigned)dice_below(d, 14), (unsigned)dice_below(d, 33),
                       (unsigned)dice_below(d, 26), (unsigned)dice_below(d, 62),
                       (unsigned)dice_below(d, 62),
                       (unsigned)dice_below(d, 1000));
        return text_of(s, text);
    default:
        return text_of(s, PICK(d, texts));
    }
}

struct value sample_value(struct sample *s)
{
    struct dice *d = &s->dice;
    struct value v = {.type = (enum value_type)dice_below(d, VALUE_BLOB + 1)};
    switch (v.type) {
    case VALUE_NULL:
        return v;
    case VALUE_INTEGER:
        return value_integer(dice_even(d)
                                 ? PICK(d, integers)
                                 : (int64_t)dice_u64(d) >> dice_below(d, 64));
    case VALUE_REAL:
        v.real = PICK(d, reals);
        return v;
    case VALUE_TEXT:
        return random_text(s);
    case VALUE_BLOB:
        v.bytes = random_bytes(s, dice_below(d, 40));
        return v;
    }
    return v;
}

/* --- leaves -------------------------------------------------------------- */

static void random_head(struct sample *s, struct leaf *leaf)
{
    struct dice *d = &s->dice;
    leaf->class_id = (uint16_t)(1 + dice_below(d, 3));
    leaf->scope.kind = (enum scope_kind)dice_below(d, 4);
    if (leaf->scope.kind != SCOPE_ALL) {
        struct value id = random_text(s);
        leaf->scope.id = id.bytes.len == 0 || id.bytes.len > SCOPE_ID_BYTES_MAX
                             ? text_of(s, "PB-LDH-C01").bytes
                             : id.bytes;
    }
    leaf->prior = dice_below(d, SEQ);
}

static void random_key(struct sample *s, struct leaf *leaf)
{
    leaf->key_count = (uint8_t)(1 + dice_below(&s->dice, KEY_COLUMNS_MAX));
    for (size_t i = 0; i < leaf->key_count; i++) {
        do {
            leaf->key[i] = sample_value(s);
        } while (leaf->key[i].type == VALUE_NULL ||
                 leaf->key[i].bytes.len > KEY_BYTES_MAX);
    }
}

static void random_cells(struct sample *s, struct leaf *leaf)
{
    struct dice *d = &s->dice;
    uint16_t column = 0;
    leaf->cell_count = (uint16_t)dice_below(d, dice_even(d) ? 6 : 40);
    for (size_t i = 0; i < leaf->cell_count; i++) {
        column = (uint16_t)(column + 1 + dice_below(d, 3));
        leaf->cells[i].column = column;
        leaf->cells[i].value = sample_value(s);
    }
}

static void random_reviews(struct sample *s, struct leaf *leaf)
{
    struct dice *d = &s->dice;
    size_t from = s->memory.len;
    leaf->context_count = (uint16_t)(1 + dice_below(d, 3));
    for (uint16_t i = 0; i < leaf->context_count; i++) {
        uint16_t entries = (uint16_t)dice_below(d, 4);
        bytes_put_u16(&s->memory, (uint16_t)(3 * i + 1));
        bytes_put_u16(&s->memory, entries);
        for (uint16_t entry = 0; entry < entries; entry++) {
            bytes_put_u8(&s->memory, (uint8_t)entry); /* ascending origins */
            (void)random_bytes(s, HASH_BYTES - 1 + 8 + 8);
        }
    }
    leaf->contexts =
        (struct slice){s->memory.data + from, s->memory.len - from};
}

static void random_contexts(struct sample *s, struct leaf *leaf)
{
    struct dice *d = &s->dice;
    leaf->owned = dice_below(d, 3) == 0;
    if (leaf->owned) {
        leaf->owner.site = text_of(s, "PB-LDH-C01").bytes;
        leaf->owner.epoch = (uint32_t)(1 + dice_below(d, 3));
        if (leaf->owner.epoch > 1) {
            dice_fill(d, leaf->owner.offer, HASH_BYTES);
        }
    }
    leaf->named = dice_below(d, 3) == 0;
    if (leaf->named) {
        leaf->name.incarnation = dice_u64(d);
        leaf->name.seq = dice_u64(d);
    }
    if (dice_below(d, 4) == 0) {
        random_reviews(s, leaf);
    }
}

void sample_leaf(struct sample *s, struct leaf *ret)
{
    struct dice *d = &s->dice;
    bytes_clear(&s->memory);
    *ret = (struct leaf){.table = (uint32_t)(100 + dice_below(d, 4))};
    if (dice_below(d, 20) == 0) {
        ret->table = UINT32_MAX;
    }
    random_head(s, ret);
    random_key(s, ret);
    ret->op = (enum leaf_op)(LEAF_INSERT + dice_below(d, 3));
    ret->cl = (uint32_t)(2 * dice_below(d, 3) + 1);
    if (ret->op == LEAF_DELETE) {
        ret->cl++;
    } else {
        random_cells(s, ret);
    }
    random_contexts(s, ret);
    assert_true(leaf_is_sound(ret));
}

/* --- changesets ---------------------------------------------------------- */

void sample_start(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->dice = dice_seeded();
    uint8_t secret[32];
    vectors_read_into("keys.txt", "sign_secret", secret, sizeof secret);
    crypto_sign_seed_keypair(s->keys.sign_public, s->keys.sign_secret, secret);
    bytes_reserve(&s->memory, ROOM);
    bytes_reserve(&s->store, ROOM);
    for (size_t i = 0; i < sizeof s->uuids / sizeof *s->uuids; i++) {
        random_uuid(&s->dice, s->uuids[i]);
    }
}

void sample_free(struct sample *s)
{
    bytes_free(&s->memory);
    bytes_free(&s->store);
}

void sample_add(struct sample *s, const struct leaf *leaf)
{
    assert_true(s->count < LEAVES_MAX);
    s->heads[s->count] = s->store.len;
    leaf_encode_head(leaf, &s->store);
    s->bodies[s->count] = s->store.len;
    leaf_encode_body(leaf, &s->store);
    s->heads[++s->count] = s->store.len;
}

void sample_add_random(struct sample *s, size_t count)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    assert_non_null(leaf);
    for (size_t i = 0; i < count && s->store.len < CHANGESET_BYTES_MAX * 3 / 4;
         i++) {
        sample_leaf(s, leaf);
        sample_add(s, leaf);
    }
    free(leaf);
}

struct changeset_header sample_header(const struct sample *s)
{
    struct changeset_header header = {
        .origin = keys_node(s->keys.sign_public),
        .incarnation = 0x1122334455667788,
        .seq = SEQ,
        .prev_incarnation = 0x99aabbccddeeff00,
        .hlc = (uint64_t)1795357690500 << 16 | 3, /* 2026-11-22 */
        .schema_version = 7,
        .certificate = 0x0102030405060708,
    };
    memset(header.network.bytes, 0x44, HASH_BYTES);
    memset(header.prev.bytes, 0x66, HASH_BYTES);
    return header;
}

static void leaves_of(const struct sample *s, struct leaf_bytes *out)
{
    for (size_t i = 0; i < s->count; i++) {
        out[i].head = (struct slice){s->store.data + s->heads[i],
                                     s->bodies[i] - s->heads[i]};
        out[i].body = (struct slice){s->store.data + s->bodies[i],
                                     s->heads[i + 1] - s->bodies[i]};
    }
}

static int compare_leaves(const void *a, const void *b)
{
    static struct leaf x, y;
    const struct leaf_bytes *p = a;
    const struct leaf_bytes *q = b;
    assert_int_equal(leaf_decode(p->head, p->body, &x, NULL), 0);
    assert_int_equal(leaf_decode(q->head, q->body, &y, NULL), 0);
    return leaf_compare(&x, &y);
}

static void begin_anew(struct sample *s)
{
    s->count = 0;
    bytes_clear(&s->store);
}

struct changeset *sample_sign(struct sample *s)
{
    static struct leaf_bytes leaves[LEAVES_MAX];
    struct changeset_header header = sample_header(s);
    uint8_t seed[SEED_BYTES];
    size_t kept = 1;
    assert_true(s->count > 0);
    leaves_of(s, leaves);
    qsort(leaves, s->count, sizeof *leaves, compare_leaves);
    for (size_t i = 1; i < s->count; i++) {
        if (compare_leaves(&leaves[kept - 1], &leaves[i]) != 0) {
            leaves[kept++] = leaves[i];
        }
    }
    dice_fill(&s->dice, seed, sizeof seed);
    struct changeset *cs =
        changeset_sign(&header, leaves, kept, seed, &s->keys);
    begin_anew(s);
    return cs;
}

/* Root, signature and seed as changeset_sign() makes them, but nothing is
 * checked. */
struct changeset *sample_forge(struct sample *s)
{
    static struct leaf_bytes leaves[LEAVES_MAX];
    struct hash hashes[LEAVES_MAX];
    bool shown[LEAVES_MAX];
    struct changeset *cs = calloc(1, sizeof *cs);
    assert_non_null(cs);
    leaves_of(s, leaves);
    cs->header = sample_header(s);
    cs->header.leaf_count = (uint32_t)s->count;
    cs->slots = calloc(s->count, sizeof *cs->slots);
    assert_non_null(cs->slots);
    cs->whole = true;
    bytes_put(&cs->memory, s->store.data, s->store.len);
    for (size_t i = 0; i < s->count; i++) {
        struct slot *slot = &cs->slots[i];
        slot->head =
            (struct slice){cs->memory.data + s->heads[i], leaves[i].head.len};
        slot->body =
            (struct slice){cs->memory.data + s->bodies[i], leaves[i].body.len};
        merkle_salt(cs->seed, (uint32_t)i, slot->salt);
        slot->body_hash = merkle_body(slot->salt, slot->body);
        hashes[i] = changeset_leaf_hash(cs, i);
        shown[i] = true;
    }
    struct merkle tree = {.leaves = hashes, .shown = shown, .count = s->count};
    assert_int_equal(merkle_root(&tree, &cs->header.root, NULL), 0);
    uint8_t bytes[18 + CHANGESET_HEADER_BYTES];
    memcpy(bytes, "sangam-changeset-1", 18);
    changeset_header_encode(&cs->header, bytes + 18);
    crypto_sign_detached(cs->signature, NULL, bytes, sizeof bytes,
                         s->keys.sign_secret);
    begin_anew(s);
    return cs;
}

void sample_assert_same(const struct changeset *a, const struct changeset *b)
{
    uint8_t x[CHANGESET_HEADER_BYTES];
    uint8_t y[CHANGESET_HEADER_BYTES];
    changeset_header_encode(&a->header, x);
    changeset_header_encode(&b->header, y);
    assert_memory_equal(x, y, sizeof x);
    assert_memory_equal(a->signature, b->signature, SIGNATURE_BYTES);
    for (size_t i = 0; i < a->header.leaf_count; i++) {
        const struct slot *p = &a->slots[i];
        const struct slot *q = &b->slots[i];
        if (p->form == SLOT_WITHHELD || q->form == SLOT_WITHHELD) {
            continue;
        }
        assert_true(slice_equal(p->head, q->head));
        assert_true(hash_equal(&p->body_hash, &q->body_hash));
        if (p->form == SLOT_VISIBLE && q->form == SLOT_VISIBLE) {
            assert_true(slice_equal(p->body, q->body));
            assert_memory_equal(p->salt, q->salt, SALT_BYTES);
        } else if (p->form == q->form) {
            assert_true(slice_equal(p->sealed, q->sealed));
        }
    }
}

void sample_unfold(struct slice packed, struct bytes *out)
{
    struct cursor c = cursor_of(packed);
    uint8_t flags = cursor_u8(&c);
    size_t seed_len = (flags & 1) != 0 ? SEED_BYTES : 0;
    const uint8_t *seed = cursor_take(&c, seed_len);
    size_t raw_len = (size_t)cursor_varint(&c);
    const uint8_t *raw = cursor_take(&c, raw_len);
    bytes_clear(out);
    bytes_put_u8(out, flags & 1);
    bytes_put(out, seed, seed_len);
    bytes_put_varint(out, raw_len);
    bytes_put(out, raw, raw_len);
    if ((flags & 2) == 0) {
        bytes_put(out, c.at, cursor_left(&c));
        return;
    }
    size_t len = (size_t)cursor_varint(&c);
    bytes_reserve(out, len);
    assert_int_equal(
        ZSTD_decompress(out->data + out->len, len, c.at, cursor_left(&c)), len);
    out->len += len;
}
