/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Target: a table as an import sees it: its columns, what each takes and
 * which field of the file it comes from, the values of the row at hand, and
 * the statement that inserts them.
 *
 * An empty field of a column that has a default is left out of the statement,
 * so that the default applies.
 */
#ifndef SANGAM_TARGET_H
#define SANGAM_TARGET_H

#include <stdbool.h>

#include "node/cell.h"
#include "store/database.h"

enum {
    TARGET_NO_FIELD = -1,
    /* A key as local_import_row has it: its columns, and what joins them. */
    TARGET_KEY_BYTES = KEY_COLUMNS_MAX * (KEY_BYTES_MAX + 1),
};

struct target_column {
    char *name; /* owned */
    enum cell_form form;
    bool required; /* not NULL, and no default */
    bool has_default;
    int key_place;    /* from 1; 0: not of the key */
    int field;        /* in the file, from 0, or TARGET_NO_FIELD */
    char *shown;      /* owned; its name in errors */
    bool used;        /* something gives it values */
    struct cell cell; /* of the row at hand */
    bool given;       /* it is in the statement */
    bool differs;     /* target_there(): from the row that is there, in which */
    struct bytes stands; /* this stands, as cell_print() has it */
    bool changes;        /* target_update() writes it */
};

/* A condition of target_find(). */
struct target_match {
    const struct target_column *column;
    struct value value;
};
enum { TARGET_MATCHES_MAX = 8 };

struct target {
    struct database *db; /* borrowed */
    char *table;         /* owned */
    struct target_column columns[COLUMNS_MAX];
    size_t count;
    char *insert; /* owned; the last statement */
    char *there;  /* owned; what target_there() asks, of the same columns */
    char *find;   /* owned; what target_find() asked last, */
    const struct target_column *finds[TARGET_MATCHES_MAX]; /* of these */
    size_t find_count;
};

/* ERR_INPUT when `table` is not one for registers: unknown, or the node's own.
 */
int target_open(struct database *db, const char *table, struct target **ret,
                struct err *e);
void target_destroy(struct target **t);

/* May this site write into it? ERR_INPUT with the reason when it may not. */
int target_may_write(const struct target *t, struct err *e);

/* NULL: there is none. */
struct target_column *target_column_named(struct target *t, const char *name);
const struct target_column *target_first_of_key(const struct target *t);

/* The statement that inserts the row at hand, ready to be stepped: it gives
 * the key of the new row as text, columns joined by '/'. */
int target_insert(struct target *t, sqlite3_stmt **ret, struct err *e);

/* Is a row with this key there, or (NULL) with the key of the row at hand? Then
 * the columns learn whether they differ, and what stands there. Columns that
 * are not in the statement are not compared, and neither is a required one that
 * the row at hand says nothing of. */
int target_there(struct target *t, const struct value *key, bool *ret_there,
                 struct err *e);
/* After target_there(): is the column compared with the row that is there? */
bool target_compares(const struct target_column *c);
/* After target_there(): the first column that differs, NULL: none does. */
const struct target_column *target_difference(const struct target *t);

/* The statement that gives the row with this key, or (NULL) with the key of the
 * row at hand, the values at hand of the columns marked `changes`, of which
 * there is one at least. Ready to be stepped. */
int target_update(struct target *t, const struct value *key, sqlite3_stmt **ret,
                  struct err *e);

/* The key of rows that match all conditions, with an end, when there is exactly
 * one; *ret_count is 2 for several. Of tables with a key of one column. */
int target_find(struct target *t, const struct target_match *matches,
                size_t count, struct bytes *ret_key, int *ret_count,
                struct err *e);

/* The key of the row at hand in the same form, after target_insert(); false
 * when part of it is left to a default. */
bool target_key(const struct target *t, char out[TARGET_KEY_BYTES]);

#endif
