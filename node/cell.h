/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cell: a field of a CSV file as a value of a column.
 *
 * What a column takes is read from its declared type and, for days and
 * instants, which SQLite keeps as TEXT, from its name: *_on, *_date,
 * valid_from, valid_to and covers_from are days, *_at are instants.
 */
#ifndef SANGAM_CELL_H
#define SANGAM_CELL_H

#include "node/csv.h"
#include "protocol/bytes.h"
#include "protocol/value.h"

enum cell_form {
    CELL_TEXT,    /* UTF-8; tabs and line breaks are its only controls */
    CELL_KEY,     /* text of a key: no line breaks, KEY_BYTES_MAX */
    CELL_DAY,     /* 2026-11-22 */
    CELL_INSTANT, /* 2026-11-22T14:28:10.123Z; milliseconds may be left out */
    CELL_INTEGER,
    CELL_REAL,
    CELL_NONE, /* nothing a text file can hold */
};

enum { CELL_INSTANT_BYTES = 24 };

struct cell {
    struct value value;                  /* text borrows from the field, */
    uint8_t instant[CELL_INSTANT_BYTES]; /* or from here */
};

enum cell_form cell_form_of(const char *column, const char *type, bool is_key);

/* An empty field is NULL. ERR_INPUT with "'31-02-1990' is not a day
 * (YYYY-MM-DD)". */
int cell_parse(enum cell_form form, const struct csv_field *field,
               struct cell *ret, struct err *e);

/* The value as text that cell_parse() reads as the same value, with an end.
 * Replaces the content of `out`; without any bytes it is NULL. */
void cell_print(const struct value *v, struct bytes *out);

#endif
