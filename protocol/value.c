/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <assert.h>
#include <string.h>

struct value value_text(const char *text)
{
    if (text == NULL) {
        return (struct value){.type = VALUE_NULL};
    }
    return (struct value){
        .type = VALUE_TEXT,
        .bytes = {.data = (const uint8_t *)text, .len = strlen(text)},
    };
}

struct value value_integer(int64_t integer)
{
    return (struct value){.type = VALUE_INTEGER, .integer = integer};
}

struct value value_blob(const void *data, size_t len)
{
    return (struct value){
        .type = VALUE_BLOB,
        .bytes = {.data = data, .len = len},
    };
}

static bool is_nan(double real)
{
    return real != real;
}

static uint64_t real_bits(double real)
{
    uint64_t bits;
    if (real == 0) {
        real = 0; /* -0.0 has another pattern and the same meaning */
    }
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_INTEGER:
        return a->integer == b->integer;
    case VALUE_REAL:
        return real_bits(a->real) == real_bits(b->real);
    case VALUE_TEXT:
    case VALUE_BLOB:
        return slice_equal(a->bytes, b->bytes);
    }
    return false;
}

void value_encode(const struct value *v, struct bytes *out)
{
    bytes_put_u8(out, (uint8_t)v->type);
    switch (v->type) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        bytes_put_u64(out, (uint64_t)v->integer);
        break;
    case VALUE_REAL:
        assert(!is_nan(v->real));
        bytes_put_u64(out, real_bits(v->real));
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        bytes_put_slice(out, v->bytes);
        break;
    }
}

static double real_decode(struct cursor *c)
{
    uint64_t bits = cursor_u64(c);
    double real;
    memcpy(&real, &bits, sizeof real);
    bool negative_zero = real == 0 && bits != 0;
    if (is_nan(real) || negative_zero) {
        c->bad = true;
        return 0;
    }
    return real;
}

struct value value_decode(struct cursor *c, size_t max)
{
    struct value v = {.type = (enum value_type)cursor_u8(c)};
    switch (v.type) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        v.integer = (int64_t)cursor_u64(c);
        break;
    case VALUE_REAL:
        v.real = real_decode(c);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        v.bytes = cursor_slice(c, max);
        break;
    default:
        c->bad = true;
        v.type = VALUE_NULL;
        break;
    }
    return v;
}
