/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Inside an import, for the files that implement import.h:
 *
 *   import.c         opening, reading, converting
 *   import_rows.c    inserting; which rows are there already; faults
 *   import_again.c   rows that are there: what the register changed in them
 *   import_people.c  people: known ones, duplicates, numbers
 */
#ifndef SANGAM_IMPORT_INSIDE_H
#define SANGAM_IMPORT_INSIDE_H

#include <czmq.h>

#include "node/import.h"
#include "node/plan.h"
#include "node/rowkey.h"
#include "protocol/number.h"
#include "store/manifest.h"

struct twins;

struct import {
    struct database *db;       /* borrowed */
    struct import_order order; /* `path` is owned */
    struct csv *csv;
    struct target *target;
    struct plan plan;
    struct finder *finder;
    struct zone zone;
    struct twins *twins; /* of people only */
    char site[SITE_BYTES_MAX + 1];
    struct hash network;
    bool events; /* its rows never change */
    struct manifest *manifest;
    zhash_t *seen; /* keys of rows that lines of this file are */

    struct target_column *made; /* the id that is made, NULL: none is */
    char made_text[ROWKEY_BYTES];
    char number[NUMBER_TEXT_BYTES]; /* taken for the person at hand */
    struct bytes entry; /* the register's own key of the row at hand */
    struct import_state state;
};

/* Notes what is wrong with a field, or with a whole row (column NULL). */
void import_fault(struct import *i, uint64_t line,
                  const struct target_column *c, const char *what);
/* The same, and counts the row as bad. */
void import_bad_row(struct import *i, uint64_t line,
                    const struct target_column *c, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Notes what is not wrong with a row, and that somebody should look at. */
void import_note(struct import *i, uint64_t line, const struct target_column *c,
                 const char *what);
/* Notes a cell that was changed. */
void import_change(struct import *i, uint64_t line,
                   const struct target_column *c, const char *what);

/* The register's own key of the row at hand; "": none. */
const char *import_entry(const struct import *i);
/* The line of this file that is the row with this key, 0: none so far. */
uint64_t import_line_of_key(const struct import *i, const char *key);

/* Inserts the row at hand: 1, with its key in `ret_key`; 0 when the table did
 * not take it, which is noted. */
int import_insert(struct import *i, uint64_t line,
                  char ret_key[TARGET_KEY_BYTES], struct err *e);
/* After target_there(): the row with this key (NULL: that of the row at hand) is
 * there already. */
int import_there(struct import *i, uint64_t line, const struct value *key,
                 const char *key_text, struct err *e);

/* The same of a record: what the register changed since is changed here too,
 * and what was changed here is left, and said. */
int import_again(struct import *i, uint64_t line, const struct value *key,
                 const char *key_text, struct err *e);
/* Remembers what the register says of a row that is new. */
int import_first(struct import *i, const char *key_text, struct err *e);
/* Did this register ever say anything of the row? */
int import_is_ours(struct import *i, const char *key_text, bool *ret,
                   struct err *e);

/* The row at hand is a person: it is known, a duplicate, or inserted. */
int import_person(struct import *i, uint64_t line, struct err *e);

#endif
