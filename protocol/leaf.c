/* SPDX-License-Identifier: Apache-2.0 */
#include "leaf.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "context.h"

/* --- form ---------------------------------------------------------------- */

static bool scope_is_sound(const struct scope *scope)
{
    bool all = scope->kind == SCOPE_ALL;
    return scope->kind <= SCOPE_PERSON && all == (scope->id.len == 0) &&
           scope->id.len <= SCOPE_ID_BYTES_MAX;
}

/* Life and content agree: alive inserts and updates, dead deletes without
 * cells. */
static bool life_is_sound(const struct leaf *leaf)
{
    switch (leaf->op) {
    case LEAF_INSERT:
    case LEAF_UPDATE:
        return leaf->cl % 2 == 1;
    case LEAF_DELETE:
        return leaf->cl > 0 && leaf->cl % 2 == 0 && leaf->cell_count == 0;
    }
    return false;
}

/* The first owner has no offer, every later one has. */
static bool owner_is_sound(const struct leaf_owner *owner)
{
    static const uint8_t zero[HASH_BYTES];
    bool offered = memcmp(owner->offer, zero, HASH_BYTES) != 0;
    return owner->site.len > 0 && owner->site.len <= SITE_BYTES_MAX &&
           owner->epoch > 0 && offered == (owner->epoch > 1);
}

static bool value_is_sound(const struct value *v, size_t bytes_max)
{
    return v->bytes.len <= bytes_max &&
           !(v->type == VALUE_REAL && isnan(v->real));
}

static bool key_is_sound(const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->key_count && i < KEY_COLUMNS_MAX; i++) {
        if (leaf->key[i].type == VALUE_NULL ||
            !value_is_sound(&leaf->key[i], KEY_BYTES_MAX)) {
            return false;
        }
    }
    return leaf->key_count >= 1 && leaf->key_count <= KEY_COLUMNS_MAX;
}

static bool cells_are_sound(const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->cell_count && i < COLUMNS_MAX; i++) {
        if ((i > 0 && leaf->cells[i - 1].column >= leaf->cells[i].column) ||
            !value_is_sound(&leaf->cells[i].value, CELL_BYTES_MAX)) {
            return false;
        }
    }
    return leaf->cell_count <= COLUMNS_MAX;
}

bool leaf_is_sound(const struct leaf *leaf)
{
    return scope_is_sound(&leaf->scope) && key_is_sound(leaf) &&
           cells_are_sound(leaf) && life_is_sound(leaf) &&
           (!leaf->owned || owner_is_sound(&leaf->owner)) &&
           leaf->context_count <= CONTEXTS_MAX;
}

/* --- encode -------------------------------------------------------------- */

void leaf_encode_head(const struct leaf *leaf, struct bytes *out)
{
    assert(scope_is_sound(&leaf->scope));
    bytes_put_u16(out, leaf->class_id);
    bytes_put_u8(out, (uint8_t)leaf->scope.kind);
    bytes_put_slice(out, leaf->scope.id);
    bytes_put_u64(out, leaf->prior);
}

void leaf_encode_key(const struct leaf *leaf, struct bytes *out)
{
    assert(key_is_sound(leaf));
    bytes_put_u8(out, leaf->key_count);
    for (size_t i = 0; i < leaf->key_count; i++) {
        value_encode(&leaf->key[i], out);
    }
}

enum { SAYS_OWNER = 1, SAYS_NAME = 2 };

static void encode_contexts(const struct leaf *leaf, struct bytes *out)
{
    bytes_put_u8(out, (uint8_t)((leaf->owned ? SAYS_OWNER : 0) |
                                (leaf->named ? SAYS_NAME : 0)));
    if (leaf->owned) {
        assert(owner_is_sound(&leaf->owner));
        bytes_put_slice(out, leaf->owner.site);
        bytes_put_u32(out, leaf->owner.epoch);
        bytes_put(out, leaf->owner.offer, HASH_BYTES);
    }
    if (leaf->named) {
        bytes_put_u64(out, leaf->name.incarnation);
        bytes_put_u64(out, leaf->name.seq);
    }
    assert(leaf->context_count <= CONTEXTS_MAX);
    bytes_put_u16(out, leaf->context_count);
    bytes_put(out, leaf->contexts.data, leaf->contexts.len);
}

void leaf_encode_body(const struct leaf *leaf, struct bytes *out)
{
    assert(cells_are_sound(leaf) && life_is_sound(leaf));
    bytes_put_u32(out, leaf->table);
    leaf_encode_key(leaf, out);
    bytes_put_u8(out, (uint8_t)leaf->op);
    bytes_put_u32(out, leaf->cl);
    bytes_put_u16(out, leaf->cell_count);
    for (size_t i = 0; i < leaf->cell_count; i++) {
        bytes_put_u16(out, leaf->cells[i].column);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        value_encode(&leaf->cells[i].value, out);
    }
    encode_contexts(leaf, out);
}

/* --- decode -------------------------------------------------------------- */

static void decode_head(struct cursor *c, struct leaf *leaf)
{
    leaf->class_id = cursor_u16(c);
    const uint8_t *scope = c->at;
    leaf->scope.kind = (enum scope_kind)cursor_u8(c);
    leaf->scope.id = cursor_slice(c, SCOPE_ID_BYTES_MAX);
    if (!c->bad) {
        leaf->scope_bytes =
            (struct slice){.data = scope, .len = (size_t)(c->at - scope)};
    }
    leaf->prior = cursor_u64(c);
    if (!scope_is_sound(&leaf->scope)) {
        c->bad = true;
    }
}

static void decode_key(struct cursor *c, struct leaf *leaf)
{
    const uint8_t *key = c->at;
    leaf->key_count = cursor_u8(c);
    if (leaf->key_count < 1 || leaf->key_count > KEY_COLUMNS_MAX) {
        c->bad = true;
        leaf->key_count = 0;
    }
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = value_decode(c, KEY_BYTES_MAX);
        if (leaf->key[i].type == VALUE_NULL) {
            c->bad = true; /* a key column is never NULL */
        }
    }
    if (!c->bad) {
        leaf->key_bytes =
            (struct slice){.data = key, .len = (size_t)(c->at - key)};
    }
}

static void decode_cells(struct cursor *c, struct leaf *leaf)
{
    leaf->cell_count = cursor_u16(c);
    if (leaf->cell_count > COLUMNS_MAX) {
        c->bad = true;
        leaf->cell_count = 0;
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        leaf->cells[i].column = cursor_u16(c);
        if (i > 0 && leaf->cells[i].column <= leaf->cells[i - 1].column) {
            c->bad = true;
        }
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        leaf->cells[i].value = value_decode(c, CELL_BYTES_MAX);
    }
}

static void decode_owner(struct cursor *c, struct leaf *leaf)
{
    leaf->owner.site = cursor_slice(c, SITE_BYTES_MAX);
    leaf->owner.epoch = cursor_u32(c);
    const uint8_t *offer = cursor_take(c, HASH_BYTES);
    if (offer == NULL) {
        return;
    }
    memcpy(leaf->owner.offer, offer, HASH_BYTES);
    if (!owner_is_sound(&leaf->owner)) {
        c->bad = true;
    }
}

static void decode_contexts(struct cursor *c, struct leaf *leaf)
{
    uint8_t says = cursor_u8(c);
    leaf->owned = (says & SAYS_OWNER) != 0;
    leaf->named = (says & SAYS_NAME) != 0;
    if (says > (SAYS_OWNER | SAYS_NAME)) {
        c->bad = true;
    }
    if (leaf->owned) {
        decode_owner(c, leaf);
    }
    if (leaf->named) {
        leaf->name.incarnation = cursor_u64(c);
        leaf->name.seq = cursor_u64(c);
    }
    leaf->context_count = cursor_u16(c);
    if (leaf->context_count > CONTEXTS_MAX) {
        c->bad = true;
    }
    const uint8_t *contexts = c->at;
    if (!c->bad && !contexts_are_sound(c, leaf->context_count)) {
        c->bad = true;
    }
    if (!c->bad) {
        leaf->contexts =
            (struct slice){.data = contexts, .len = (size_t)(c->at - contexts)};
    }
}

int leaf_decode_head(struct slice head, struct leaf *ret, struct err *e)
{
    struct cursor c = cursor_of(head);
    decode_head(&c, ret);
    if (!cursor_done(&c)) {
        return err_set(e, ERR_FORMAT, "the head of a leaf is not well formed");
    }
    return 0;
}

/* No key begins with another: values say how long they are. */
bool leaf_is_of_row(struct slice body, uint32_t table, struct slice key)
{
    struct cursor c = cursor_of(body);
    return cursor_u32(&c) == table && cursor_left(&c) >= key.len &&
           memcmp(c.at, key.data, key.len) == 0;
}

int leaf_decode(struct slice head, struct slice body, struct leaf *ret,
                struct err *e)
{
    int rc = leaf_decode_head(head, ret, e);
    if (rc != 0) {
        return rc;
    }
    if (body.len > ROW_BYTES_MAX + CELL_BYTES_MAX) {
        return err_set(e, ERR_LIMIT, "a leaf of %zu bytes is too large",
                       body.len);
    }
    struct cursor c = cursor_of(body);
    ret->table = cursor_u32(&c);
    decode_key(&c, ret);
    ret->op = (enum leaf_op)cursor_u8(&c);
    ret->cl = cursor_u32(&c);
    decode_cells(&c, ret);
    decode_contexts(&c, ret);
    if (!cursor_done(&c) || !life_is_sound(ret)) {
        return err_set(e, ERR_FORMAT,
                       "the body of a leaf of table %u is not well formed",
                       (unsigned)ret->table);
    }
    return 0;
}

/* --- order and access ---------------------------------------------------- */

int leaf_compare(const struct leaf *a, const struct leaf *b)
{
    int order = slice_compare(a->scope_bytes, b->scope_bytes);
    if (order == 0) {
        order = (a->class_id > b->class_id) - (a->class_id < b->class_id);
    }
    if (order == 0) {
        order = (a->table > b->table) - (a->table < b->table);
    }
    if (order == 0) {
        order = slice_compare(a->key_bytes, b->key_bytes);
    }
    return order;
}

const struct value *leaf_cell(const struct leaf *leaf, uint16_t column)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        if (leaf->cells[i].column == column) {
            return &leaf->cells[i].value;
        }
    }
    return NULL;
}

void scope_print(const struct scope *scope, char *out, size_t out_bytes)
{
    static const char *const words[] = {
        [SCOPE_ALL] = "all",
        [SCOPE_SITE] = "site:",
        [SCOPE_DISTRICT_OF] = "district-of:",
        [SCOPE_PERSON] = "person:",
    };
    (void)snprintf(out, out_bytes, "%s%.*s", words[scope->kind],
                   (int)scope->id.len,
                   scope->id.len == 0 ? "" : (const char *)scope->id.data);
}
