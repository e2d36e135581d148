/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fields: a text of "name = value" lines; invites and key files are such.
 *
 * Every name of the caller's table stands in the text exactly once, in any
 * order. Blank lines and lines that begin with '#' are skipped. Spaces and
 * tabs around names and values, and a carriage return before the newline, do
 * not count. Errors name the line and the field, never a value: some values
 * are secrets.
 */
#ifndef SANGAM_FIELDS_H
#define SANGAM_FIELDS_H

#include "bytes.h"
#include "err.h"

enum {
    FIELDS_HEX_BYTES_MAX = 64, /* the longest value written as hexadecimal */
    FIELDS_NAME_BYTES_MAX = 32,
};

struct field {
    const char *name;   /* of a-z, 0-9 and '_' */
    struct slice value; /* set by fields_parse(): borrows from the text */
    size_t line;        /* set by fields_parse(): from 1 */
};

/* Fills in the table. ERR_INPUT for a line of another form, a NUL byte, an
 * unknown, repeated or missing name, an empty value; ERR_LIMIT for a text of
 * more than `bytes_max`. */
int fields_parse(struct slice text, size_t bytes_max, struct field *fields,
                 size_t count, struct err *e);

/* The value as exactly `bytes` bytes, in hexadecimal of either case.
 * ERR_INPUT otherwise; `ret` is then undefined. */
int fields_hex(const struct field *field, uint8_t *ret, size_t bytes,
               struct err *e);

/* Appends one line. The hexadecimal is lower case. */
void fields_put(struct bytes *out, const char *name, const char *value);
void fields_put_hex(struct bytes *out, const char *name, const uint8_t *data,
                    size_t bytes);

#endif
