/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/uuid.h"

/* Stamps of a state: one a column, one a change of hands and the life's. */
struct stamps {
    struct stamp *items; /* owned */
    size_t count;
};

static void clear_life(struct row_state *s)
{
    for (size_t i = 0; i < s->column_count; i++) {
        memory_destroy(&s->columns[i].memory);
    }
    free(s->owners);
    s->owners = NULL;
    s->owner_count = 0;
    s->column_count = 0;
    s->scope_len = 0;
    s->cl = 0;
}

void state_clear(struct row_state *s)
{
    clear_life(s);
    bytes_free(&s->scopes);
}

/* --- lives --------------------------------------------------------------- */

struct slice state_next_scope(struct cursor *c)
{
    const uint8_t *at = c->at;
    (void)cursor_u8(c);
    (void)cursor_slice(c, SCOPE_ID_BYTES_MAX);
    return (struct slice){.data = at, .len = c->bad ? 0 : (size_t)(c->at - at)};
}

/* The remembered scopes without `gone`, and with `more` where it belongs; either
 * may be empty. */
static void change_scopes(struct row_state *s, struct slice gone,
                          struct slice more)
{
    struct bytes changed = {0};
    struct cursor c = cursor_of(slice_of(&s->scopes));
    while (cursor_left(&c) > 0) {
        struct slice scope = state_next_scope(&c);
        int order = more.len == 0 ? -1 : slice_compare(scope, more);
        if (order >= 0) {
            bytes_put(&changed, more.data, more.len);
            more.len = 0;
        }
        if (order != 0 && !slice_equal(scope, gone)) {
            bytes_put(&changed, scope.data, scope.len);
        }
    }
    bytes_put(&changed, more.data, more.len);
    bytes_free(&s->scopes);
    s->scopes = changed;
}

bool state_note_scope(struct row_state *s, struct slice scope)
{
    const struct slice own = {.data = s->scope, .len = s->scope_len};
    size_t before = s->scopes.len;
    if (s->cl > 0 && slice_equal(own, scope)) {
        return false;
    }
    change_scopes(s, (struct slice){0}, scope);
    return s->scopes.len != before;
}

void state_begin_life(struct row_state *s, uint32_t cl,
                      const struct stamp *stamp, struct slice scope)
{
    const struct slice before = {.data = s->scope, .len = s->scope_len};
    if (s->cl > 0) {
        change_scopes(s, scope, before);
    }
    change_scopes(s, scope, (struct slice){0});
    clear_life(s);
    s->cl = cl;
    s->life = *stamp;
    s->scope_len = scope.len;
    memcpy(s->scope, scope.data, scope.len);
}

/* --- columns ------------------------------------------------------------- */

/* The place of a column: found, or where it belongs. */
static size_t place_of(const struct row_state *s, uint16_t column)
{
    size_t at = 0;
    while (at < s->column_count && s->columns[at].column < column) {
        at++;
    }
    return at;
}

const struct column_state *state_column(const struct row_state *s,
                                        uint16_t column)
{
    size_t at = place_of(s, column);
    bool found = at < s->column_count && s->columns[at].column == column;
    return found ? &s->columns[at] : NULL;
}

struct column_state *state_set_column(struct row_state *s, uint16_t column,
                                      const struct stamp *stamp)
{
    size_t at = place_of(s, column);
    if (at == s->column_count || s->columns[at].column != column) {
        assert(s->column_count < COLUMNS_MAX);
        memmove(&s->columns[at + 1], &s->columns[at],
                (s->column_count - at) * sizeof s->columns[0]);
        s->column_count++;
        s->columns[at] = (struct column_state){.column = column};
    }
    s->columns[at].stamp = *stamp;
    return &s->columns[at];
}

bool state_forget_column(struct row_state *s, uint16_t column)
{
    size_t at = place_of(s, column);
    if (at == s->column_count || s->columns[at].column != column) {
        return false;
    }
    memory_destroy(&s->columns[at].memory);
    s->column_count--;
    memmove(&s->columns[at], &s->columns[at + 1],
            (s->column_count - at) * sizeof s->columns[0]);
    return true;
}

/* --- owners -------------------------------------------------------------- */

const struct owner *state_owner(const struct row_state *s, uint32_t epoch)
{
    return epoch >= 1 && epoch <= s->owner_count ? &s->owners[epoch - 1] : NULL;
}

const struct owner *state_last_owner(const struct row_state *s)
{
    return state_owner(s, (uint32_t)s->owner_count);
}

void state_put_owner(struct row_state *s, uint32_t epoch,
                     const struct owner *owner)
{
    assert(epoch >= 1 && epoch <= s->owner_count + 1);
    if (epoch > s->owner_count) {
        s->owners = realloc(s->owners, epoch * sizeof *s->owners);
        if (s->owners == NULL) {
            abort();
        }
        s->owner_count = epoch;
    }
    s->owners[epoch - 1] = *owner;
}

size_t state_reviews(const struct row_state *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->column_count; i++) {
        const struct memory *m = s->columns[i].memory;
        count += m != NULL && memory_disputes(m);
    }
    const struct owner *last = state_last_owner(s);
    count += last != NULL && last->contested;
    return count;
}

/* --- bytes: out ---------------------------------------------------------- */

static size_t stamp_index(struct stamps *stamps, const struct stamp *stamp)
{
    size_t i = 0;
    while (i < stamps->count && stamp_compare(&stamps->items[i], stamp) != 0) {
        i++;
    }
    if (i == stamps->count) {
        stamps->items[stamps->count++] = *stamp;
    }
    return i;
}

static void encode_owners(const struct row_state *s, struct stamps *stamps,
                          struct bytes *out)
{
    bytes_put_varint(out, s->owner_count);
    for (size_t i = 0; i < s->owner_count; i++) {
        const struct owner *owner = &s->owners[i];
        size_t len = strlen(owner->site);
        bytes_put_varint(out, len);
        bytes_put(out, owner->site, len);
        if (i > 0) {
            bytes_put_varint(out, stamp_index(stamps, &owner->stamp));
            bytes_put(out, owner->offer, HASH_BYTES);
            bytes_put_u8(out, owner->contested);
        }
    }
}

/* Do neighbouring columns share a run? */
static bool run_on(const struct row_state *s, size_t at)
{
    const struct column_state *a = &s->columns[at - 1];
    const struct column_state *b = &s->columns[at];
    return b->column == a->column + 1 && b->epoch == a->epoch &&
           stamp_compare(&a->stamp, &b->stamp) == 0;
}

static void encode_runs(const struct row_state *s, struct stamps *stamps,
                        struct bytes *out)
{
    size_t runs = s->column_count > 0 ? 1 : 0;
    for (size_t i = 1; i < s->column_count; i++) {
        runs += run_on(s, i) ? 0 : 1;
    }
    bytes_put_varint(out, runs);
    for (size_t at = 0, end; at < s->column_count; at = end) {
        const struct column_state *first = &s->columns[at];
        end = at + 1;
        while (end < s->column_count && run_on(s, end)) {
            end++;
        }
        bytes_put_varint(out, first->column);
        bytes_put_varint(out, end - at);
        bytes_put_varint(out, stamp_index(stamps, &first->stamp));
        bytes_put_varint(out, first->epoch);
    }
}

void state_encode(const struct row_state *s, struct bytes *out)
{
    struct stamps stamps = {0};
    struct bytes rest = {0};
    stamps.items =
        malloc((s->column_count + s->owner_count + 1) * sizeof *stamps.items);
    if (stamps.items == NULL) {
        abort();
    }
    bytes_put_varint(&rest, s->cl);
    if (s->cl > 0) {
        bytes_put_varint(&rest, stamp_index(&stamps, &s->life));
        bytes_put(&rest, s->scope, s->scope_len);
        encode_owners(s, &stamps, &rest);
    }
    encode_runs(s, &stamps, &rest);
    for (size_t i = 0; i < s->column_count; i++) {
        if (s->columns[i].memory != NULL) {
            bytes_put_varint(&rest, s->columns[i].column);
            memory_encode(s->columns[i].memory, &rest);
        }
    }
    if (s->cl > 0 && s->scopes.len > 0) {
        bytes_put_varint(&rest, 0); /* no column has this id */
        bytes_put_varint(&rest, s->scopes.len);
        bytes_put(&rest, s->scopes.data, s->scopes.len);
    }
    bytes_put_varint(out, stamps.count);
    for (size_t i = 0; i < stamps.count; i++) {
        stamp_encode(&stamps.items[i], out);
    }
    bytes_put(out, rest.data, rest.len);
    bytes_free(&rest);
    free(stamps.items);
}

/* --- bytes: in ----------------------------------------------------------- */

static void decode_stamps(struct cursor *c, const struct registry *r,
                          struct stamps *ret)
{
    uint64_t count = cursor_varint(c);
    if (count > cursor_left(c)) {
        c->bad = true;
        return;
    }
    ret->items = calloc((size_t)count + 1, sizeof *ret->items);
    if (ret->items == NULL) {
        abort();
    }
    while (ret->count < count && !c->bad) {
        ret->items[ret->count++] = stamp_decode(c, r);
    }
}

static struct stamp stamp_at(struct cursor *c, const struct stamps *stamps)
{
    uint64_t at = cursor_varint(c);
    if (c->bad || at >= stamps->count) {
        c->bad = true;
        return (struct stamp){.hlc = 0};
    }
    return stamps->items[at];
}

static void decode_owner(struct cursor *c, const struct stamps *stamps,
                         struct row_state *s)
{
    struct owner owner = {.stamp = s->life};
    uint64_t len = cursor_varint(c);
    const uint8_t *site =
        len <= SITE_BYTES_MAX ? cursor_take(c, (size_t)len) : NULL;
    if (site == NULL) {
        c->bad = true;
        return;
    }
    memcpy(owner.site, site, (size_t)len);
    if (s->owner_count > 0) {
        owner.stamp = stamp_at(c, stamps);
        const uint8_t *offer = cursor_take(c, HASH_BYTES);
        owner.contested = cursor_u8(c) != 0;
        if (offer == NULL) {
            return;
        }
        memcpy(owner.offer, offer, HASH_BYTES);
    }
    state_put_owner(s, (uint32_t)s->owner_count + 1, &owner);
}

static void decode_life(struct cursor *c, const struct stamps *stamps,
                        struct row_state *s)
{
    s->life = stamp_at(c, stamps);
    struct slice scope = state_next_scope(c);
    if (c->bad) {
        return;
    }
    s->scope_len = scope.len;
    memcpy(s->scope, scope.data, scope.len);
    uint64_t owners = cursor_varint(c);
    for (uint64_t i = 0; i < owners && !c->bad; i++) {
        decode_owner(c, stamps, s);
    }
}

static void decode_run(struct cursor *c, const struct stamps *stamps,
                       struct row_state *s)
{
    uint64_t column = cursor_varint(c);
    uint64_t length = cursor_varint(c);
    struct stamp stamp = stamp_at(c, stamps);
    uint64_t epoch = cursor_varint(c);
    if (c->bad || length == 0 || length > COLUMNS_MAX - s->column_count ||
        column > UINT16_MAX || epoch > UINT32_MAX) {
        c->bad = true;
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        s->columns[s->column_count++] = (struct column_state){
            .column = (uint16_t)(column + i),
            .epoch = (uint32_t)epoch,
            .stamp = stamp,
        };
    }
}

static void decode_scopes(struct cursor *c, struct row_state *s)
{
    uint64_t len = cursor_varint(c);
    const uint8_t *scopes =
        len <= cursor_left(c) ? cursor_take(c, (size_t)len) : NULL;
    if (scopes == NULL || len == 0 || s->scopes.len > 0) {
        c->bad = true;
        return;
    }
    struct cursor each = {.at = scopes, .end = scopes + len};
    while (cursor_left(&each) > 0 && !each.bad) {
        (void)state_next_scope(&each);
    }
    c->bad = c->bad || each.bad;
    bytes_put(&s->scopes, scopes, (size_t)len);
}

static void decode_memory(struct cursor *c, const struct registry *r,
                          struct row_state *s)
{
    uint64_t column = cursor_varint(c);
    if (column == 0) {
        decode_scopes(c, s);
        return;
    }
    size_t at = place_of(s, (uint16_t)column);
    bool found = column <= UINT16_MAX && at < s->column_count &&
                 s->columns[at].column == column;
    if (c->bad || !found || s->columns[at].memory != NULL) {
        c->bad = true;
        return;
    }
    s->columns[at].memory = memory_decode(c, r);
}

int state_decode(struct slice bytes, const struct registry *registry,
                 struct row_state *ret, struct err *e)
{
    struct stamps stamps = {0};
    struct cursor c = cursor_of(bytes);
    state_clear(ret);
    decode_stamps(&c, registry, &stamps);
    ret->cl = (uint32_t)cursor_varint(&c);
    if (ret->cl > 0 && !c.bad) {
        decode_life(&c, &stamps, ret);
    }
    uint64_t runs = cursor_varint(&c);
    for (uint64_t i = 0; i < runs && !c.bad; i++) {
        decode_run(&c, &stamps, ret);
    }
    while (!c.bad && cursor_left(&c) > 0) {
        decode_memory(&c, registry, ret);
    }
    free(stamps.items);
    if (c.bad) {
        state_clear(ret);
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
