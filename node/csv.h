/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CSV: a register file, row by row, as RFC 4180 has it and stricter: UTF-8
 * (a byte order mark is skipped), commas (or what csv_separate() finds), line ends LF or CR LF, a quote only
 * around a whole field and doubled inside. Blank lines are skipped. Text is
 * kept as it is: spaces are not trimmed.
 *
 * Every error says "FILE:LINE:FIELD: what", lines and fields counted from 1.
 * After broken quoting nobody can say where the next row begins, so an error
 * ends the file.
 */
#ifndef SANGAM_CSV_H
#define SANGAM_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/err.h"
#include "protocol/limits.h"

enum {
    /* One row as text: its values with every quote doubled, and commas. A
     * quote that is never closed is found out here. */
    CSV_ROW_BYTES_MAX = 2 * ROW_BYTES_MAX + 4 * COLUMNS_MAX,
};

struct csv_field {
    const char *data; /* ends with NUL, and may hold others */
    size_t len;       /* 0: empty, quoted or not */
    uint64_t line;    /* where it begins */
};

struct csv_row {
    const struct csv_field *fields; /* borrowed until the next read */
    size_t kept;                    /* of them are there: COLUMNS_MAX at most */
    size_t count;                   /* the row has */
    uint64_t line;                  /* where it begins */
};

struct csv;

/* ERR_INPUT when the file cannot be opened, or begins like a spreadsheet or
 * UTF-16 instead of text. `path` is kept as the name in errors. */
int csv_open(const char *path, struct csv **ret, struct err *e);
void csv_destroy(struct csv **c);

/* Before the first row: what parts the fields, ',', ';' or a tab; or '\0', to be
 * seen from line `line`, that of the column names: a tab where one stands
 * outside quotes, else a comma or a semicolon. ERR_INPUT when both stand there,
 * or the line is not within the first 64 KiB. */
int csv_separate(struct csv *c, char separator, int line, struct err *e);

/* 1: a row; 0: the end of the file; ERR_INPUT, ERR_IO. */
int csv_read(struct csv *c, struct csv_row *ret, struct err *e);

/* How much of the file has been read; 100 when its size is not known. */
int csv_percent(const struct csv *c);

/* The next field of a row to be read again: quoted where it must be. Whether it
 * was written stdio remembers. */
void csv_put(FILE *out, const char *text, bool last);

#endif
