/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "hlc.h"
#include "token.h"

enum {
    FLAG_WHOLE = 1,
    FLAG_COMPRESSED = 2,
    LEVEL = 3,          /* -9 saves 2 % and costs ten times the time */
    COMPRESS_FROM = 96, /* zstd's frame costs more than it saves below */
    SHAPES_MAX = 64,
};

/* What a leaf token may be; above, shapes seen before. */
enum {
    LEAF_RUN = 0, /* varint count of withheld leaves */
    LEAF_BOX = 1, /* sealed */
    LEAF_SHAPE = 2,
    LEAF_KNOWN = 3,
};

/* Everything of a leaf that is alike from row to row. */
struct shape {
    uint16_t class_id;
    uint8_t scope_kind;
    uint32_t table;
    uint8_t key_count;
    uint8_t op;
    uint32_t cl;
    bool owned;
    bool reviewed;
    bool named;
    uint16_t cell_count;
    uint16_t columns[COLUMNS_MAX];
};

struct packer {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
    struct token_memory memory;
    struct bytes tokens;
    struct bytes raw;
    struct bytes text;
    struct leaf leaf;
    struct shape shape;
    struct shape shapes[SHAPES_MAX];
    size_t shape_count;
};

struct packer *packer_new(void)
{
    struct packer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    p->compress = ZSTD_createCCtx();
    p->decompress = ZSTD_createDCtx();
    if (p->compress == NULL || p->decompress == NULL) {
        abort();
    }
    (void)ZSTD_CCtx_setParameter(p->compress, ZSTD_c_compressionLevel, LEVEL);
    /* the length stands before the frame */
    (void)ZSTD_CCtx_setParameter(p->compress, ZSTD_c_contentSizeFlag, 0);
    return p;
}

void packer_destroy(struct packer **p)
{
    if (*p == NULL) {
        return;
    }
    ZSTD_freeCCtx((*p)->compress);
    ZSTD_freeDCtx((*p)->decompress);
    token_memory_free(&(*p)->memory);
    bytes_free(&(*p)->tokens);
    bytes_free(&(*p)->raw);
    bytes_free(&(*p)->text);
    free(*p);
    *p = NULL;
}

static void start(struct packer *p, const struct changeset_header *header)
{
    token_memory_start(&p->memory, hlc_ms(header->hlc));
    p->shape_count = 0;
}

/* --- shapes -------------------------------------------------------------- */

static void shape_of(const struct leaf *leaf, struct shape *shape)
{
    shape->class_id = leaf->class_id;
    shape->scope_kind = (uint8_t)leaf->scope.kind;
    shape->table = leaf->table;
    shape->key_count = leaf->key_count;
    shape->op = (uint8_t)leaf->op;
    shape->cl = leaf->cl;
    shape->owned = leaf->owned;
    shape->reviewed = leaf->context_count > 0;
    shape->named = leaf->named;
    shape->cell_count = leaf->cell_count;
    for (size_t i = 0; i < leaf->cell_count; i++) {
        shape->columns[i] = leaf->cells[i].column;
    }
}

static bool same_shape(const struct shape *a, const struct shape *b)
{
    return a->class_id == b->class_id && a->scope_kind == b->scope_kind &&
           a->table == b->table && a->key_count == b->key_count &&
           a->op == b->op && a->cl == b->cl && a->owned == b->owned &&
           a->reviewed == b->reviewed && a->named == b->named &&
           a->cell_count == b->cell_count &&
           memcmp(a->columns, b->columns, a->cell_count * sizeof *a->columns) ==
               0;
}

static void remember_shape(struct packer *p, const struct shape *shape)
{
    if (p->shape_count < SHAPES_MAX) {
        p->shapes[p->shape_count++] = *shape;
    }
}

static void write_shape(struct packer *p, const struct shape *shape)
{
    for (size_t i = 0; i < p->shape_count; i++) {
        if (same_shape(&p->shapes[i], shape)) {
            bytes_put_varint(&p->tokens, LEAF_KNOWN + i);
            return;
        }
    }
    bytes_put_varint(&p->tokens, LEAF_SHAPE);
    bytes_put_varint(&p->tokens, shape->class_id);
    bytes_put_u8(&p->tokens, shape->scope_kind);
    bytes_put_varint(&p->tokens, shape->table);
    bytes_put_u8(&p->tokens, shape->key_count);
    bytes_put_u8(&p->tokens, shape->op);
    bytes_put_varint(&p->tokens, shape->cl);
    bytes_put_u8(&p->tokens, (uint8_t)(shape->owned | shape->reviewed << 1 |
                                       shape->named << 2));
    bytes_put_varint(&p->tokens, shape->cell_count);
    for (size_t i = 0; i < shape->cell_count; i++) {
        bytes_put_varint(&p->tokens, shape->columns[i]);
    }
    remember_shape(p, shape);
}

/* A number that must fit; anything larger spoils the cursor. */
static uint64_t limited(struct cursor *c, uint64_t max)
{
    uint64_t v = cursor_varint(c);
    if (v > max) {
        c->bad = true;
        return 0;
    }
    return v;
}

/* Fills in what the shape says of a leaf; whether it is sound is asked when
 * the leaf is whole. */
static void leaf_of_shape(const struct shape *shape, struct leaf *leaf)
{
    leaf->class_id = shape->class_id;
    leaf->scope.kind = (enum scope_kind)shape->scope_kind;
    leaf->table = shape->table;
    leaf->key_count = shape->key_count;
    leaf->op = (enum leaf_op)shape->op;
    leaf->cl = shape->cl;
    leaf->owned = shape->owned;
    leaf->named = shape->named;
    leaf->cell_count = shape->cell_count;
    for (size_t i = 0; i < shape->cell_count; i++) {
        leaf->cells[i].column = shape->columns[i];
    }
}

static void read_shape(struct packer *p, struct cursor *c)
{
    struct shape *shape = &p->shape;
    memset(shape, 0, sizeof *shape);
    shape->class_id = (uint16_t)limited(c, UINT16_MAX);
    shape->scope_kind = cursor_u8(c);
    shape->table = (uint32_t)limited(c, UINT32_MAX);
    shape->key_count = cursor_u8(c);
    shape->op = cursor_u8(c);
    shape->cl = (uint32_t)limited(c, UINT32_MAX);
    uint8_t flags = cursor_u8(c);
    shape->owned = (flags & 1) != 0;
    shape->reviewed = (flags & 2) != 0;
    shape->named = (flags & 4) != 0;
    shape->cell_count = (uint16_t)limited(c, COLUMNS_MAX);
    for (size_t i = 0; i < shape->cell_count; i++) {
        shape->columns[i] = (uint16_t)limited(c, UINT16_MAX);
        if (i > 0 && shape->columns[i] <= shape->columns[i - 1]) {
            c->bad = true;
        }
    }
    if (flags > 7 || shape->scope_kind > SCOPE_PERSON || shape->key_count < 1 ||
        shape->key_count > KEY_COLUMNS_MAX) {
        c->bad = true;
    }
    if (!c->bad) {
        remember_shape(p, shape);
    }
}

/* --- leaves out ---------------------------------------------------------- */

static void write_value(struct packer *p, const struct value *v)
{
    token_write(&p->memory, v, &p->tokens, &p->raw);
}

static void write_scope(struct packer *p, const struct scope *scope)
{
    if (scope->kind != SCOPE_ALL) {
        struct value id = {.type = VALUE_TEXT, .bytes = scope->id};
        write_value(p, &id);
    }
}

/* Mostly the changeset before, so the distance is small; 0 is "none". */
static void write_prior(struct packer *p, uint64_t seq, uint64_t prior)
{
    bytes_put_varint(&p->tokens, prior == 0 ? 0 : seq - prior);
}

static void write_visible(struct packer *p, const struct changeset *cs,
                          const struct slot *slot)
{
    struct leaf *leaf = &p->leaf;
    int rc = leaf_decode(slot->head, slot->body, leaf, NULL);
    assert(rc == 0); /* it was decoded when it was signed or verified */
    (void)rc;
    shape_of(leaf, &p->shape);
    write_shape(p, &p->shape);
    write_scope(p, &leaf->scope);
    write_prior(p, cs->header.seq, leaf->prior);
    for (size_t i = 0; i < leaf->key_count; i++) {
        write_value(p, &leaf->key[i]);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        write_value(p, &leaf->cells[i].value);
    }
    if (leaf->owned) {
        struct value site = {.type = VALUE_TEXT, .bytes = leaf->owner.site};
        write_value(p, &site);
        bytes_put_varint(&p->tokens, leaf->owner.epoch);
        bytes_put(&p->raw, leaf->owner.offer,
                  leaf->owner.epoch > 1 ? HASH_BYTES : 0);
    }
    if (leaf->named) {
        bytes_put_u64(&p->raw, leaf->name.incarnation);
        bytes_put_varint(&p->tokens, leaf->name.seq);
    }
    if (leaf->context_count > 0) {
        bytes_put_varint(&p->tokens, leaf->context_count);
        bytes_put_varint(&p->tokens, leaf->contexts.len);
        bytes_put(&p->raw, leaf->contexts.data, leaf->contexts.len);
    }
    if (!cs->whole) {
        bytes_put(&p->raw, slot->salt, SALT_BYTES);
    }
}

static void write_sealed(struct packer *p, const struct slot *slot)
{
    bytes_put_varint(&p->tokens, LEAF_BOX);
    bytes_put_varint(&p->tokens, slot->head.len);
    bytes_put(&p->tokens, slot->head.data, slot->head.len);
    bytes_put(&p->raw, slot->body_hash.bytes, HASH_BYTES);
    bytes_put_varint(&p->tokens, slot->sealed.len);
    bytes_put(&p->raw, slot->sealed.data, slot->sealed.len);
}

static size_t run_of_withheld(const struct changeset *cs, size_t from)
{
    size_t i = from;
    while (i < cs->header.leaf_count && cs->slots[i].form == SLOT_WITHHELD) {
        i++;
    }
    return i - from;
}

static void write_slots(struct packer *p, const struct changeset *cs)
{
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        size_t run = run_of_withheld(cs, i);
        if (run > 0) {
            bytes_put_varint(&p->tokens, LEAF_RUN);
            bytes_put_varint(&p->tokens, run);
            i += run - 1;
        } else if (slot->form == SLOT_SEALED) {
            write_sealed(p, slot);
        } else {
            write_visible(p, cs, slot);
        }
    }
    for (size_t i = 0; i < cs->cover_count; i++) {
        bytes_put(&p->raw, cs->cover[i].bytes, HASH_BYTES);
    }
}

/* Tokens behind the flag, compressed if that is shorter. */
static void put_tokens(struct packer *p, size_t flags_at, struct bytes *out)
{
    size_t room = ZSTD_compressBound(p->tokens.len);
    size_t start_at = out->len;
    if (p->tokens.len >= COMPRESS_FROM) {
        bytes_put_varint(out, p->tokens.len);
        bytes_reserve(out, room);
        size_t len = ZSTD_compress2(p->compress, out->data + out->len, room,
                                    p->tokens.data, p->tokens.len);
        size_t used = out->len - start_at;
        if (!ZSTD_isError(len) && used + len < p->tokens.len) {
            out->len += len;
            out->data[flags_at] |= FLAG_COMPRESSED;
            return;
        }
        out->len = start_at;
    }
    bytes_put(out, p->tokens.data, p->tokens.len);
}

void packer_pack(struct packer *p, const struct changeset *cs,
                 struct bytes *out)
{
    start(p, &cs->header);
    bytes_clear(&p->tokens);
    bytes_clear(&p->raw);
    write_slots(p, cs);
    size_t flags_at = out->len;
    bytes_put_u8(out, cs->whole ? FLAG_WHOLE : 0);
    if (cs->whole) {
        bytes_put(out, cs->seed, SEED_BYTES);
    }
    bytes_put_varint(out, p->raw.len);
    bytes_put(out, p->raw.data, p->raw.len);
    put_tokens(p, flags_at, out);
}

/* --- leaves in ----------------------------------------------------------- */

/* Where a slot's bytes stand in the changeset's memory, until it stops
 * growing. */
struct place {
    size_t head, head_len, body, body_len, sealed, sealed_len;
};

struct unpacking {
    struct packer *p;
    struct changeset *cs;
    struct cursor tokens;
    struct cursor raw;
    struct place places[]; /* header.leaf_count of them */
};

static struct value read_value(struct unpacking *u)
{
    return token_read(&u->p->memory, &u->tokens, &u->raw, &u->p->text);
}

static struct slice read_text(struct unpacking *u, size_t max)
{
    struct value v = read_value(u);
    if (v.type != VALUE_TEXT || v.bytes.len == 0 || v.bytes.len > max) {
        u->tokens.bad = true;
        return (struct slice){0};
    }
    return v.bytes;
}

static void read_owner(struct unpacking *u, struct leaf_owner *owner)
{
    memset(owner, 0, sizeof *owner);
    owner->site = read_text(u, SITE_BYTES_MAX);
    owner->epoch = (uint32_t)limited(&u->tokens, UINT32_MAX);
    if (owner->epoch > 1) {
        const uint8_t *offer = cursor_take(&u->raw, HASH_BYTES);
        if (offer != NULL) {
            memcpy(owner->offer, offer, HASH_BYTES);
        }
    }
}

static void read_reviews(struct unpacking *u, struct leaf *leaf)
{
    leaf->context_count = (uint16_t)limited(&u->tokens, CONTEXTS_MAX);
    size_t len = (size_t)limited(&u->tokens, CHANGESET_BYTES_MAX);
    const uint8_t *data = cursor_take(&u->raw, len);
    leaf->contexts =
        (struct slice){.data = data, .len = data == NULL ? 0 : len};
}

static bool spoiled(const struct unpacking *u)
{
    return u->tokens.bad || u->raw.bad;
}

static void read_fields(struct unpacking *u, struct leaf *leaf)
{
    const struct shape *shape = &u->p->shape;
    leaf_of_shape(shape, leaf);
    leaf->scope.id = (struct slice){0};
    leaf->context_count = 0;
    leaf->contexts = (struct slice){0};
    if (shape->scope_kind != SCOPE_ALL) {
        leaf->scope.id = read_text(u, SCOPE_ID_BYTES_MAX);
    }
    uint64_t seq = u->cs->header.seq;
    uint64_t back = limited(&u->tokens, seq);
    leaf->prior = back == 0 ? 0 : seq - back;
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = read_value(u);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        leaf->cells[i].value = read_value(u);
    }
    if (shape->owned) {
        read_owner(u, &leaf->owner);
    }
    if (shape->named) {
        leaf->name.incarnation = cursor_u64(&u->raw);
        leaf->name.seq = cursor_varint(&u->tokens);
    }
    if (shape->reviewed) {
        read_reviews(u, leaf);
    }
}

static void read_visible(struct unpacking *u, size_t index)
{
    struct leaf *leaf = &u->p->leaf;
    struct place *place = &u->places[index];
    struct slot *slot = &u->cs->slots[index];
    bytes_clear(&u->p->text);
    read_fields(u, leaf);
    if (!u->cs->whole) {
        const uint8_t *salt = cursor_take(&u->raw, SALT_BYTES);
        if (salt != NULL) {
            memcpy(slot->salt, salt, SALT_BYTES);
        }
    }
    if (spoiled(u) || !leaf_is_sound(leaf)) {
        u->tokens.bad = true;
        return;
    }
    struct bytes *memory = &u->cs->memory;
    place->head = memory->len;
    leaf_encode_head(leaf, memory);
    place->head_len = memory->len - place->head;
    place->body = memory->len;
    leaf_encode_body(leaf, memory);
    place->body_len = memory->len - place->body;
}

static void read_sealed(struct unpacking *u, size_t index)
{
    struct place *place = &u->places[index];
    struct slot *slot = &u->cs->slots[index];
    struct bytes *memory = &u->cs->memory;
    slot->form = SLOT_SEALED;
    place->head_len = (size_t)limited(&u->tokens, CHANGESET_BYTES_MAX);
    const uint8_t *head = cursor_take(&u->tokens, place->head_len);
    const uint8_t *hash = cursor_take(&u->raw, HASH_BYTES);
    place->sealed_len = (size_t)limited(&u->tokens, CHANGESET_BYTES_MAX);
    const uint8_t *sealed = cursor_take(&u->raw, place->sealed_len);
    if (spoiled(u)) {
        return;
    }
    memcpy(slot->body_hash.bytes, hash, HASH_BYTES);
    place->head = memory->len;
    bytes_put(memory, head, place->head_len);
    place->sealed = memory->len;
    bytes_put(memory, sealed, place->sealed_len);
}

/* A run of withheld leaves from `index`; returns how many. */
static size_t read_run(struct unpacking *u, size_t index)
{
    size_t left = u->cs->header.leaf_count - index;
    size_t run = (size_t)limited(&u->tokens, left);
    for (size_t i = 0; i < run; i++) {
        u->cs->slots[index + i].form = SLOT_WITHHELD;
    }
    if (run == 0) {
        u->tokens.bad = true;
    }
    return run;
}

static int read_slots(struct unpacking *u, struct err *e)
{
    size_t i = 0;
    while (i < u->cs->header.leaf_count && !spoiled(u)) {
        uint64_t token = cursor_varint(&u->tokens);
        if (u->cs->whole && (token == LEAF_RUN || token == LEAF_BOX)) {
            return err_set(
                e, ERR_FORMAT,
                "a changeset with hidden leaves gives its seed away");
        }
        if (token == LEAF_RUN) {
            i += read_run(u, i);
            continue;
        }
        if (token == LEAF_BOX) {
            read_sealed(u, i++);
            continue;
        }
        if (token == LEAF_SHAPE) {
            read_shape(u->p, &u->tokens);
        } else if (token - LEAF_KNOWN < u->p->shape_count) {
            u->p->shape = u->p->shapes[token - LEAF_KNOWN];
        } else {
            u->tokens.bad = true;
        }
        if (!spoiled(u)) {
            read_visible(u, i++);
        }
        if (u->cs->memory.len > PACKED_BYTES_MAX) {
            return err_set(e, ERR_LIMIT, "a changeset unpacks to over %d bytes",
                           PACKED_BYTES_MAX);
        }
    }
    return 0;
}

static void read_cover(struct unpacking *u)
{
    struct changeset *cs = u->cs;
    size_t left = cursor_left(&u->raw);
    if (left % HASH_BYTES != 0 || left / HASH_BYTES > COVER_HASHES_MAX) {
        u->raw.bad = true;
        return;
    }
    cs->cover_count = left / HASH_BYTES;
    cs->cover = calloc(cs->cover_count + 1, sizeof *cs->cover);
    const uint8_t *hashes = cursor_take(&u->raw, left);
    if (cs->cover == NULL) {
        abort();
    }
    if (hashes != NULL) {
        memcpy(cs->cover, hashes, left);
    }
}

/* The memory has its final place: point the slots into it. */
static void settle(struct unpacking *u)
{
    struct changeset *cs = u->cs;
    bytes_reserve(&cs->memory, 1); /* sealed leaves may all be empty */
    const uint8_t *base = cs->memory.data;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        struct slot *slot = &cs->slots[i];
        const struct place *at = &u->places[i];
        if (slot->form == SLOT_WITHHELD) {
            continue;
        }
        slot->head = (struct slice){base + at->head, at->head_len};
        if (slot->form == SLOT_SEALED) {
            slot->sealed = (struct slice){base + at->sealed, at->sealed_len};
            continue;
        }
        slot->body = (struct slice){base + at->body, at->body_len};
        if (cs->whole) {
            merkle_salt(cs->seed, (uint32_t)i, slot->salt);
        }
        slot->body_hash = merkle_body(slot->salt, slot->body);
    }
}

/* Splits the packed bytes; unfolds the tokens into p->tokens if needed. */
static int open_streams(struct unpacking *u, struct slice packed, struct err *e)
{
    struct cursor c = cursor_of(packed);
    uint8_t flags = cursor_u8(&c);
    u->cs->whole = (flags & FLAG_WHOLE) != 0;
    if (u->cs->whole) {
        const uint8_t *seed = cursor_take(&c, SEED_BYTES);
        if (seed != NULL) {
            memcpy(u->cs->seed, seed, SEED_BYTES);
        }
    }
    size_t raw_len = (size_t)limited(&c, PACKED_BYTES_MAX);
    const uint8_t *raw = cursor_take(&c, raw_len);
    if (c.bad || flags > (FLAG_WHOLE | FLAG_COMPRESSED)) {
        return err_set(e, ERR_FORMAT, "packed leaves are cut short");
    }
    u->raw = cursor_of((struct slice){.data = raw, .len = raw_len});
    if ((flags & FLAG_COMPRESSED) == 0) {
        u->tokens = c;
        return 0;
    }
    size_t len = (size_t)limited(&c, UNPACKED_BYTES_MAX);
    if (c.bad) {
        return err_set(e, ERR_LIMIT, "packed leaves unfold to over %d bytes",
                       UNPACKED_BYTES_MAX);
    }
    struct bytes *out = &u->p->tokens;
    bytes_clear(out);
    bytes_reserve(out, len + 1);
    size_t got = ZSTD_decompressDCtx(u->p->decompress, out->data, len, c.at,
                                     cursor_left(&c));
    if (ZSTD_isError(got) || got != len) {
        return err_set(e, ERR_FORMAT, "packed leaves do not unfold");
    }
    out->len = len;
    u->tokens = cursor_of(slice_of(out));
    return 0;
}

static int unpack(struct unpacking *u, struct slice packed, struct err *e)
{
    int rc = open_streams(u, packed, e);
    if (rc == 0) {
        rc = read_slots(u, e);
    }
    if (rc != 0) {
        return rc;
    }
    read_cover(u);
    if (!cursor_done(&u->tokens) || !cursor_done(&u->raw)) {
        return err_set(e, ERR_FORMAT, "packed leaves are not well formed");
    }
    settle(u);
    return changeset_compute_root(u->cs, e);
}

int packer_unpack(struct packer *p, const struct changeset_header *header,
                  struct slice packed, struct changeset **ret, struct err *e)
{
    if (header->leaf_count == 0 || header->leaf_count > LEAVES_MAX ||
        packed.len > PACKED_BYTES_MAX) {
        return err_set(e, ERR_LIMIT,
                       "a changeset of %u leaves in %zu bytes is too large",
                       (unsigned)header->leaf_count, packed.len);
    }
    struct unpacking *u =
        calloc(1, sizeof *u + header->leaf_count * sizeof u->places[0]);
    struct changeset *cs = calloc(1, sizeof *cs);
    if (u == NULL || cs == NULL) {
        abort();
    }
    cs->header = *header;
    cs->slots = calloc(header->leaf_count, sizeof *cs->slots);
    if (cs->slots == NULL) {
        abort();
    }
    u->p = p;
    u->cs = cs;
    start(p, header);
    bytes_reserve(&p->text,
                  (COLUMNS_MAX + KEY_COLUMNS_MAX + 2) * TOKEN_TEXT_BYTES);
    int rc = unpack(u, packed, e);
    free(u);
    if (rc != 0) {
        changeset_destroy(&cs);
        return rc;
    }
    *ret = cs;
    return 0;
}
