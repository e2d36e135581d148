/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "instant.h"
#include "uuid.h"

enum tag {
    TAG_NULL = 0,
    TAG_INTEGER = 1,   /* zigzag varint */
    TAG_REAL = 2,      /* 8 bytes */
    TAG_TEXT = 3,      /* varint length, bytes */
    TAG_BLOB = 4,      /* varint length; bytes raw */
    TAG_UUID = 5,      /* 16 bytes raw */
    TAG_UUID_REF = 6,  /* varint distance back among the UUIDs seen */
    TAG_UUID_TIME = 7, /* version 7: zigzag ms since the last, 10 bytes raw */
    TAG_INSTANT = 8,   /* zigzag ms since the last */
    TAG_DAY = 9,       /* zigzag days since the last */
    TAG_SHORT = 16,    /* text of tag - 16 bytes */
};

enum {
    SHORT_MAX = 255 - TAG_SHORT,
    SLOTS = 8192, /* a power of two above the UUIDs of a changeset */
    UUID_TIME_BYTES = 6,
};

void token_memory_start(struct token_memory *m, int64_t ms)
{
    m->uuid_count = 0;
    m->last_ms = ms;
    m->last_day = instant_day_of_ms(ms);
    if (m->slots != NULL) {
        memset(m->slots, 0, SLOTS * sizeof *m->slots);
    }
}

void token_memory_free(struct token_memory *m)
{
    free(m->uuids);
    free(m->slots);
    *m = (struct token_memory){0};
}

/* --- numbers ------------------------------------------------------------- */

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

/* Differences wrap: any two numbers have one. */
static void put_delta(struct bytes *tokens, int64_t v, int64_t *last)
{
    bytes_put_varint(tokens, zigzag((int64_t)((uint64_t)v - (uint64_t)*last)));
    *last = v;
}

static int64_t read_delta(struct cursor *tokens, int64_t *last)
{
    *last =
        (int64_t)((uint64_t)*last + (uint64_t)unzigzag(cursor_varint(tokens)));
    return *last;
}

/* --- UUIDs --------------------------------------------------------------- */

static int64_t uuid_ms(const uint8_t uuid[UUID_BYTES])
{
    uint8_t wide[8] = {0};
    memcpy(wide + 2, uuid, UUID_TIME_BYTES);
    return (int64_t)be64_get(wide);
}

static void remember(struct token_memory *m, const uint8_t uuid[UUID_BYTES])
{
    if (m->uuid_count == m->uuid_cap) {
        m->uuid_cap = m->uuid_cap == 0 ? 256 : m->uuid_cap * 2;
        m->uuids = realloc(m->uuids, m->uuid_cap * sizeof *m->uuids);
        if (m->uuids == NULL) {
            abort();
        }
    }
    memcpy(m->uuids[m->uuid_count++], uuid, UUID_BYTES);
}

/* The place of a UUID in the table: found, or where it goes. */
static uint32_t *slot_of(struct token_memory *m, const uint8_t *uuid)
{
    uint64_t h = be64_get(uuid) * 0x9e3779b97f4a7c15U ^ be64_get(uuid + 8);
    size_t at = (size_t)(h * 0x9e3779b97f4a7c15U >> 32) % SLOTS;
    while (m->slots[at] != 0 &&
           memcmp(m->uuids[m->slots[at] - 1], uuid, UUID_BYTES) != 0) {
        at = (at + 1) % SLOTS;
    }
    return &m->slots[at];
}

static void write_uuid(struct token_memory *m, const uint8_t uuid[UUID_BYTES],
                       struct bytes *tokens, struct bytes *raw)
{
    if (m->slots == NULL) {
        m->slots = calloc(SLOTS, sizeof *m->slots);
        if (m->slots == NULL) {
            abort();
        }
    }
    uint32_t *slot = slot_of(m, uuid);
    if (*slot != 0) {
        bytes_put_u8(tokens, TAG_UUID_REF);
        bytes_put_varint(tokens, m->uuid_count - (*slot - 1));
        return;
    }
    remember(m, uuid);
    if (m->uuid_count < SLOTS / 2) { /* beyond that it is written in full */
        *slot = (uint32_t)m->uuid_count;
    }
    if (uuid[UUID_TIME_BYTES] >> 4 == 7) {
        bytes_put_u8(tokens, TAG_UUID_TIME);
        put_delta(tokens, uuid_ms(uuid), &m->last_ms);
        bytes_put(raw, uuid + UUID_TIME_BYTES, UUID_BYTES - UUID_TIME_BYTES);
    } else {
        bytes_put_u8(tokens, TAG_UUID);
        bytes_put(raw, uuid, UUID_BYTES);
    }
}

static bool read_uuid(struct token_memory *m, uint8_t tag,
                      struct cursor *tokens, struct cursor *raw,
                      uint8_t uuid[UUID_BYTES])
{
    if (tag == TAG_UUID_REF) {
        uint64_t back = cursor_varint(tokens);
        if (back == 0 || back > m->uuid_count) {
            return false;
        }
        memcpy(uuid, m->uuids[m->uuid_count - back], UUID_BYTES);
        return true;
    }
    size_t time_bytes = tag == TAG_UUID_TIME ? UUID_TIME_BYTES : 0;
    if (tag == TAG_UUID_TIME) {
        uint8_t wide[8];
        be64_put(wide, (uint64_t)read_delta(tokens, &m->last_ms));
        memcpy(uuid, wide + 2, UUID_TIME_BYTES);
    }
    const uint8_t *rest = cursor_take(raw, UUID_BYTES - time_bytes);
    if (rest == NULL || tokens->bad) {
        return false;
    }
    memcpy(uuid + time_bytes, rest, UUID_BYTES - time_bytes);
    remember(m, uuid);
    return true;
}

/* --- values -------------------------------------------------------------- */

static void write_text(struct token_memory *m, struct slice text,
                       struct bytes *tokens, struct bytes *raw)
{
    uint8_t uuid[UUID_BYTES];
    int64_t number;
    if (uuid_parse(text, uuid)) {
        write_uuid(m, uuid, tokens, raw);
    } else if (instant_parse_ms(text, &number)) {
        bytes_put_u8(tokens, TAG_INSTANT);
        put_delta(tokens, number, &m->last_ms);
    } else if (instant_parse_day(text, &number)) {
        bytes_put_u8(tokens, TAG_DAY);
        put_delta(tokens, number, &m->last_day);
    } else if (text.len <= SHORT_MAX) {
        bytes_put_u8(tokens, (uint8_t)(TAG_SHORT + text.len));
        bytes_put(tokens, text.data, text.len);
    } else {
        bytes_put_u8(tokens, TAG_TEXT);
        bytes_put_varint(tokens, text.len);
        bytes_put(tokens, text.data, text.len);
    }
}

void token_write(struct token_memory *m, const struct value *v,
                 struct bytes *tokens, struct bytes *raw)
{
    switch (v->type) {
    case VALUE_NULL:
        bytes_put_u8(tokens, TAG_NULL);
        break;
    case VALUE_INTEGER:
        bytes_put_u8(tokens, TAG_INTEGER);
        bytes_put_varint(tokens, zigzag(v->integer));
        break;
    case VALUE_REAL: {
        uint64_t bits;
        double real = v->real == 0 ? 0 : v->real;
        memcpy(&bits, &real, sizeof bits);
        bytes_put_u8(tokens, TAG_REAL);
        bytes_put_u64(tokens, bits);
        break;
    }
    case VALUE_TEXT:
        write_text(m, v->bytes, tokens, raw);
        break;
    case VALUE_BLOB:
        bytes_put_u8(tokens, TAG_BLOB);
        bytes_put_varint(tokens, v->bytes.len);
        bytes_put(raw, v->bytes.data, v->bytes.len);
        break;
    }
}

static struct slice take(struct cursor *c, uint64_t len)
{
    if (len > cursor_left(c)) {
        c->bad = true;
        return (struct slice){0};
    }
    return (struct slice){.data = cursor_take(c, (size_t)len),
                          .len = (size_t)len};
}

/* Text that is spelled out from a number. */
static struct value spelled(struct token_memory *m, uint8_t tag,
                            struct cursor *tokens, struct cursor *raw,
                            struct bytes *text)
{
    size_t at = text->len;
    bool ok = true;
    assert(text->cap - text->len >= TOKEN_TEXT_BYTES);
    if (tag == TAG_INSTANT) {
        ok = instant_print_ms(read_delta(tokens, &m->last_ms), text);
    } else if (tag == TAG_DAY) {
        ok = instant_print_day(read_delta(tokens, &m->last_day), text);
    } else {
        uint8_t uuid[UUID_BYTES];
        ok = read_uuid(m, tag, tokens, raw, uuid);
        if (ok) {
            uuid_print(uuid, text);
        }
    }
    if (!ok) {
        tokens->bad = true;
    }
    return (struct value){
        .type = VALUE_TEXT,
        .bytes = {.data = text->data + at, .len = text->len - at},
    };
}

struct value token_read(struct token_memory *m, struct cursor *tokens,
                        struct cursor *raw, struct bytes *text)
{
    struct value v = {.type = VALUE_NULL};
    uint8_t tag = cursor_u8(tokens);
    switch (tag) {
    case TAG_NULL:
        return v;
    case TAG_INTEGER:
        return value_integer(unzigzag(cursor_varint(tokens)));
    case TAG_REAL: {
        uint64_t bits = cursor_u64(tokens);
        v.type = VALUE_REAL;
        memcpy(&v.real, &bits, sizeof bits);
        return v;
    }
    case TAG_TEXT:
        v.type = VALUE_TEXT;
        v.bytes = take(tokens, cursor_varint(tokens));
        return v;
    case TAG_BLOB:
        v.type = VALUE_BLOB;
        v.bytes = take(raw, cursor_varint(tokens));
        tokens->bad = tokens->bad || raw->bad;
        return v;
    case TAG_UUID:
    case TAG_UUID_REF:
    case TAG_UUID_TIME:
    case TAG_INSTANT:
    case TAG_DAY:
        return spelled(m, tag, tokens, raw, text);
    default:
        if (tag < TAG_SHORT) {
            tokens->bad = true;
            return v;
        }
        v.type = VALUE_TEXT;
        v.bytes = take(tokens, tag - TAG_SHORT);
        return v;
    }
}
