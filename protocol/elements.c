/* SPDX-License-Identifier: Apache-2.0 */
#include "elements.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

int element_compare(const struct value *a, const struct value *b)
{
    struct bytes x = {0};
    struct bytes y = {0};
    value_encode(a, &x);
    value_encode(b, &y);
    int order = slice_compare(slice_of(&x), slice_of(&y));
    bytes_free(&x);
    bytes_free(&y);
    return order;
}

bool element_is_sound(const struct value *v)
{
    return v->type == VALUE_INTEGER ||
           (v->type == VALUE_TEXT && v->bytes.len <= ELEMENT_BYTES_MAX);
}

static void put_list(const struct value *list, size_t count, struct bytes *out)
{
    assert(count <= ELEMENTS_MAX);
    bytes_put_u16(out, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        assert(element_is_sound(&list[i]));
        assert(i == 0 || element_compare(&list[i - 1], &list[i]) < 0);
        value_encode(&list[i], out);
    }
}

void elements_encode(const struct value *added, size_t added_count,
                     const struct value *removed, size_t removed_count,
                     struct bytes *out)
{
    put_list(added, added_count, out);
    put_list(removed, removed_count, out);
}

static void read_list(struct cursor *c, struct value *list, size_t *ret_count)
{
    size_t count = cursor_u16(c);
    struct slice last = {0};
    if (count > ELEMENTS_MAX) {
        c->bad = true;
    }
    for (size_t i = 0; i < count && !c->bad; i++) {
        const uint8_t *from = c->at;
        list[i] = value_decode(c, ELEMENT_BYTES_MAX);
        struct slice bytes = {.data = from, .len = (size_t)(c->at - from)};
        if (!element_is_sound(&list[i]) ||
            (i > 0 && slice_compare(last, bytes) >= 0)) {
            c->bad = true;
        }
        last = bytes;
    }
    *ret_count = count;
}

bool elements_decode(const struct value *cell, struct elements *ret)
{
    *ret = (struct elements){0};
    if (cell->type != VALUE_BLOB) {
        return false;
    }
    struct cursor c = cursor_of(cell->bytes);
    ret->added = calloc((size_t)2 * ELEMENTS_MAX, sizeof *ret->added);
    if (ret->added == NULL) {
        abort();
    }
    ret->removed = ret->added + ELEMENTS_MAX;
    read_list(&c, ret->added, &ret->added_count);
    if (!c.bad) {
        read_list(&c, ret->removed, &ret->removed_count);
    }
    if (!cursor_done(&c)) {
        elements_clear(ret);
        return false;
    }
    return true;
}

void elements_clear(struct elements *e)
{
    free(e->added);
    *e = (struct elements){0};
}
