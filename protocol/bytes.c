/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

struct slice slice_of(const struct bytes *b)
{
    return (struct slice){.data = b->data, .len = b->len};
}

struct slice slice_text(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

void bytes_clear(struct bytes *b)
{
    b->len = 0;
}

void bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more) {
        return;
    }
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap - b->len < more) {
        cap *= 2;
    }
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) {
        abort();
    }
    b->data = data;
    b->cap = cap;
}

void bytes_put(struct bytes *b, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }
    bytes_reserve(b, len);
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put_be(struct bytes *b, uint64_t v, size_t width)
{
    uint8_t raw[8];
    be64_put(raw, v);
    bytes_put(b, raw + 8 - width, width);
}

void bytes_put_u8(struct bytes *b, uint8_t v)
{
    put_be(b, v, 1);
}

void bytes_put_u16(struct bytes *b, uint16_t v)
{
    put_be(b, v, 2);
}

void bytes_put_u32(struct bytes *b, uint32_t v)
{
    put_be(b, v, 4);
}

void bytes_put_u64(struct bytes *b, uint64_t v)
{
    put_be(b, v, 8);
}

void bytes_put_varint(struct bytes *b, uint64_t v)
{
    while (v >= 0x80) {
        bytes_put_u8(b, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    bytes_put_u8(b, (uint8_t)v);
}

void bytes_put_slice(struct bytes *b, struct slice s)
{
    bytes_put_u32(b, (uint32_t)s.len);
    bytes_put(b, s.data, s.len);
}

struct cursor cursor_of(struct slice s)
{
    static const uint8_t nothing;
    const uint8_t *at = s.data == NULL ? &nothing : s.data;
    return (struct cursor){.at = at, .end = at + s.len};
}

bool cursor_done(const struct cursor *c)
{
    return !c->bad && c->at == c->end;
}

size_t cursor_left(const struct cursor *c)
{
    return c->bad ? 0 : (size_t)(c->end - c->at);
}

const uint8_t *cursor_take(struct cursor *c, size_t len)
{
    if (cursor_left(c) < len) {
        c->bad = true;
    }
    if (c->bad) {
        return NULL;
    }
    const uint8_t *taken = c->at;
    c->at += len;
    return taken;
}

static uint64_t take_be(struct cursor *c, size_t width)
{
    const uint8_t *raw = cursor_take(c, width);
    uint64_t v = 0;
    for (size_t i = 0; raw != NULL && i < width; i++) {
        v = v << 8 | raw[i];
    }
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)take_be(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)take_be(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)take_be(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return take_be(c, 8);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cursor_u8(c);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            /* one number has one form: no trailing zero byte, no overflow */
            if ((shift > 0 && byte == 0) || (shift == 63 && byte > 1)) {
                c->bad = true;
            }
            return c->bad ? 0 : v;
        }
    }
    c->bad = true;
    return 0;
}

struct slice cursor_slice(struct cursor *c, size_t max)
{
    size_t len = cursor_u32(c);
    if (len > max) {
        c->bad = true;
    }
    const uint8_t *data = cursor_take(c, len);
    return (struct slice){.data = data, .len = data == NULL ? 0 : len};
}

void be64_put(uint8_t out[8], uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)v;
        v >>= 8;
    }
}

uint64_t be64_get(const uint8_t in[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | in[i];
    }
    return v;
}
