/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Value: one SQLite value, and its canonical bytes.
 *
 *   u8 type, then  NULL: nothing   integer: 8 bytes   real: 8 bytes IEEE 754
 *                  text, blob: u32 length and the bytes as stored
 *
 * One value has one form: -0.0 is written as 0.0, and NaN (which SQLite
 * stores as NULL) is refused.
 */
#ifndef SANGAM_VALUE_H
#define SANGAM_VALUE_H

#include "bytes.h"

enum value_type {
    VALUE_NULL = 0,
    VALUE_INTEGER = 1,
    VALUE_REAL = 2,
    VALUE_TEXT = 3,
    VALUE_BLOB = 4,
};

struct value {
    enum value_type type;
    int64_t integer;
    double real;
    struct slice bytes; /* text and blob; borrowed */
};

struct value value_text(const char *text); /* borrows; NULL becomes NULL */
struct value value_integer(int64_t integer);
struct value value_blob(const void *data, size_t len); /* borrows */

/* Equal as stored: same type, same bytes (1 and 1.0 differ). */
bool value_equal(const struct value *a, const struct value *b);

/* Asserts that a real is a number. */
void value_encode(const struct value *v, struct bytes *out);
/* Text and blob of at most `max` bytes; marks the cursor bad otherwise. The
 * value borrows from the cursor's bytes. */
struct value value_decode(struct cursor *c, size_t max);

#endif
