/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <assert.h>
#include <string.h>

#include "limits.h"

enum { ENTRY_BYTES = CONTEXT_ORIGIN_BYTES + 8 + 8 };

int context_entry_compare(const struct context_entry *a,
                          const struct context_entry *b)
{
    int order = memcmp(a->origin, b->origin, CONTEXT_ORIGIN_BYTES);
    if (order == 0) {
        order = (a->incarnation > b->incarnation) -
                (a->incarnation < b->incarnation);
    }
    return order;
}

void context_put(uint16_t column, const struct context_entry *entries,
                 size_t count, struct bytes *out)
{
    assert(count <= CONTEXT_ENTRIES_MAX);
    bytes_put_u16(out, column);
    bytes_put_u16(out, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 ||
               context_entry_compare(&entries[i - 1], &entries[i]) < 0);
        bytes_put(out, entries[i].origin, CONTEXT_ORIGIN_BYTES);
        bytes_put_u64(out, entries[i].incarnation);
        bytes_put_u64(out, entries[i].seq);
    }
}

static bool read_entry(struct cursor *c, struct context_entry *ret)
{
    const uint8_t *origin = cursor_take(c, CONTEXT_ORIGIN_BYTES);
    ret->incarnation = cursor_u64(c);
    ret->seq = cursor_u64(c);
    if (c->bad) {
        return false;
    }
    memcpy(ret->origin, origin, CONTEXT_ORIGIN_BYTES);
    return true;
}

/* One place a writer. */
static bool entries_are_sound(struct cursor *c)
{
    struct context_entry last;
    struct context_entry entry;
    uint16_t count = cursor_u16(c);
    if (count > CONTEXT_ENTRIES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_entry(c, &entry) ||
            (i > 0 && context_entry_compare(&last, &entry) >= 0)) {
            return false;
        }
        last = entry;
    }
    return true;
}

bool contexts_are_sound(struct cursor *c, size_t count)
{
    uint16_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t column = cursor_u16(c);
        if ((i > 0 && column <= last) || !entries_are_sound(c)) {
            return false;
        }
        last = column;
    }
    return !c->bad;
}

struct context context_of(struct slice contexts, uint16_t column)
{
    struct cursor c = cursor_of(contexts);
    while (cursor_left(&c) > 0) {
        bool found = cursor_u16(&c) == column;
        size_t count = cursor_u16(&c);
        if (found) {
            return (struct context){.cursor = c, .left = count};
        }
        (void)cursor_take(&c, count * ENTRY_BYTES);
    }
    return (struct context){.left = 0};
}

bool context_next(struct context *c, struct context_entry *ret)
{
    if (c->left == 0) {
        return false;
    }
    c->left--;
    return read_entry(&c->cursor, ret);
}
