/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "protocol/uuid.h"

enum { STAMPS_MAX = COLUMNS_MAX + 1 };

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

/* The place of a column: found, or where it belongs. */
static size_t place_of(const struct row_state *s, uint16_t column)
{
    size_t at = 0;
    while (at < s->column_count && s->columns[at].column < column) {
        at++;
    }
    return at;
}

const struct stamp *state_column(const struct row_state *s, uint16_t column)
{
    size_t at = place_of(s, column);
    bool found = at < s->column_count && s->columns[at].column == column;
    return found ? &s->columns[at].stamp : NULL;
}

void state_set_column(struct row_state *s, uint16_t column,
                      const struct stamp *stamp)
{
    size_t at = place_of(s, column);
    if (at == s->column_count || s->columns[at].column != column) {
        assert(s->column_count < COLUMNS_MAX);
        memmove(&s->columns[at + 1], &s->columns[at],
                (s->column_count - at) * sizeof s->columns[0]);
        s->column_count++;
    }
    s->columns[at].column = column;
    s->columns[at].stamp = *stamp;
}

/* --- bytes --------------------------------------------------------------- */

static size_t stamp_index(struct stamp *stamps, size_t *count,
                          const struct stamp *stamp)
{
    size_t i = 0;
    while (i < *count && stamp_compare(&stamps[i], stamp) != 0) {
        i++;
    }
    if (i == *count) {
        stamps[(*count)++] = *stamp;
    }
    return i;
}

static void encode_runs(const struct row_state *s, const size_t *indexes,
                        struct bytes *out)
{
    size_t at = 0;
    while (at < s->column_count) {
        size_t end = at + 1;
        while (end < s->column_count && indexes[end] == indexes[at] &&
               s->columns[end].column == s->columns[end - 1].column + 1) {
            end++;
        }
        bytes_put_varint(out, s->columns[at].column);
        bytes_put_varint(out, end - at);
        bytes_put_varint(out, indexes[at]);
        at = end;
    }
}

void state_encode(const struct row_state *s, struct bytes *out)
{
    struct stamp stamps[STAMPS_MAX];
    size_t indexes[COLUMNS_MAX];
    size_t count = 0;
    size_t life = s->cl > 0 ? stamp_index(stamps, &count, &s->life) : 0;
    for (size_t i = 0; i < s->column_count; i++) {
        indexes[i] = stamp_index(stamps, &count, &s->columns[i].stamp);
    }
    bytes_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        bytes_put_u64(out, stamps[i].hlc);
        bytes_put_varint(out, stamps[i].origin->no);
        bytes_put_u64(out, stamps[i].incarnation);
        bytes_put_varint(out, stamps[i].seq);
    }
    bytes_put_varint(out, s->cl);
    if (s->cl > 0) {
        bytes_put_varint(out, life);
        bytes_put(out, s->scope, s->scope_len);
        size_t owner_len = strlen(s->owner);
        bytes_put_varint(out, owner_len);
        bytes_put(out, s->owner, owner_len);
    }
    encode_runs(s, indexes, out);
}

static struct stamp decode_stamp(struct cursor *c, const struct registry *r)
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

static void decode_life(struct cursor *c, const struct stamp *stamps,
                        size_t count, struct row_state *s)
{
    size_t life = (size_t)cursor_varint(c);
    if (life >= count) {
        c->bad = true;
        return;
    }
    s->life = stamps[life];
    const uint8_t *scope = c->at;
    (void)cursor_u8(c);
    (void)cursor_slice(c, SCOPE_ID_BYTES_MAX);
    size_t owner_len = 0;
    if (!c->bad) {
        s->scope_len = (size_t)(c->at - scope);
        memcpy(s->scope, scope, s->scope_len);
        owner_len = (size_t)cursor_varint(c);
    }
    const uint8_t *owner =
        owner_len <= SITE_BYTES_MAX ? cursor_take(c, owner_len) : NULL;
    if (owner == NULL) {
        c->bad = true;
        return;
    }
    memcpy(s->owner, owner, owner_len);
}

static void decode_run(struct cursor *c, const struct stamp *stamps,
                       size_t count, struct row_state *s)
{
    uint64_t column = cursor_varint(c);
    uint64_t length = cursor_varint(c);
    uint64_t stamp = cursor_varint(c);
    if (c->bad || stamp >= count || length == 0 ||
        length > COLUMNS_MAX - s->column_count || column > UINT16_MAX) {
        c->bad = true;
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        s->columns[s->column_count++] = (struct column_stamp){
            .column = (uint16_t)(column + i), .stamp = stamps[stamp]};
    }
}

int state_decode(struct slice bytes, const struct registry *registry,
                 struct row_state *ret, struct err *e)
{
    struct stamp stamps[STAMPS_MAX];
    struct cursor c = cursor_of(bytes);
    ret->cl = 0;
    ret->scope_len = 0;
    ret->column_count = 0;
    memset(ret->owner, 0, sizeof ret->owner);
    uint64_t count = cursor_varint(&c);
    if (count > STAMPS_MAX) {
        c.bad = true;
    }
    for (size_t i = 0; i < count && !c.bad; i++) {
        stamps[i] = decode_stamp(&c, registry);
    }
    ret->cl = (uint32_t)cursor_varint(&c);
    if (ret->cl > 0 && !c.bad) {
        decode_life(&c, stamps, (size_t)count, ret);
    }
    while (cursor_left(&c) > 0) {
        decode_run(&c, stamps, (size_t)count, ret);
    }
    if (c.bad) {
        return err_set(e, ERR_CORRUPT,
                       "the state of a row is damaged; run 'sangam rebuild'");
    }
    return 0;
}

/* --- keys ---------------------------------------------------------------- */

enum { TAG_UUID = 'u', TAG_KEY = 'k' };

void row_key(struct slice canonical_key, struct bytes *out)
{
    struct cursor c = cursor_of(canonical_key);
    uint8_t raw[UUID_BYTES];
    if (cursor_u8(&c) == 1) {
        struct value v = value_decode(&c, KEY_BYTES_MAX);
        if (v.type == VALUE_TEXT && uuid_parse(v.bytes, raw)) {
            bytes_put_u8(out, TAG_UUID);
            bytes_put(out, raw, UUID_BYTES);
            return;
        }
    }
    bytes_put_u8(out, TAG_KEY);
    bytes_put(out, canonical_key.data, canonical_key.len);
}

int row_key_values(struct slice key, struct bytes *memory,
                   struct value ret[KEY_COLUMNS_MAX], size_t *ret_count,
                   struct err *e)
{
    if (key.len == 1 + UUID_BYTES && key.data[0] == TAG_UUID) {
        bytes_clear(memory);
        uuid_print(key.data + 1, memory);
        ret[0] = (struct value){.type = VALUE_TEXT, .bytes = slice_of(memory)};
        *ret_count = 1;
        return 0;
    }
    struct cursor c = cursor_of(key);
    bool tagged = cursor_u8(&c) == TAG_KEY;
    size_t count = cursor_u8(&c);
    for (size_t i = 0; tagged && i < count && i < KEY_COLUMNS_MAX; i++) {
        ret[i] = value_decode(&c, KEY_BYTES_MAX);
    }
    if (!tagged || !cursor_done(&c)) {
        return err_set(e, ERR_CORRUPT, "the key of a row is damaged");
    }
    *ret_count = count;
    return 0;
}

void row_key_print(struct slice key, char *out, size_t out_bytes)
{
    struct bytes memory = {0};
    struct value values[KEY_COLUMNS_MAX];
    size_t count = 0;
    size_t used = 0;
    out[0] = '\0';
    if (row_key_values(key, &memory, values, &count, NULL) != 0) {
        (void)snprintf(out, out_bytes, "(damaged key)");
    }
    for (size_t i = 0; i < count && used < out_bytes; i++) {
        const char *comma = i == 0 ? "" : ", ";
        int n;
        if (values[i].type == VALUE_INTEGER) {
            n = snprintf(out + used, out_bytes - used, "%s%lld", comma,
                         (long long)values[i].integer);
        } else {
            n = snprintf(out + used, out_bytes - used, "%s%.*s", comma,
                         (int)values[i].bytes.len,
                         (const char *)values[i].bytes.data);
        }
        used += n > 0 ? (size_t)n : 0;
    }
    bytes_free(&memory);
}
