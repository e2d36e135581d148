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
    struct cell cell; /* of the row at hand */
    bool given;       /* it is in the statement */
};

struct target {
    struct database *db; /* borrowed */
    char *table;         /* owned */
    struct target_column columns[COLUMNS_MAX];
    size_t count;
    char *insert; /* owned; the last statement */
};

/* ERR_INPUT when `table` is not one for registers: not replicated, or of the
 * node itself. */
int target_open(struct database *db, const char *table, struct target **ret,
                struct err *e);
void target_destroy(struct target **t);

/* NULL: there is none. */
struct target_column *target_column_named(struct target *t, const char *name);
const struct target_column *target_first_of_key(const struct target *t);

/* The statement that inserts the row at hand, ready to be stepped: it gives
 * the key of the new row as text, columns joined by '/'. */
int target_insert(struct target *t, sqlite3_stmt **ret, struct err *e);

/* The key of the row at hand in the same form, after target_insert(); false
 * when part of it is left to a default. */
bool target_key(const struct target *t, char out[TARGET_KEY_BYTES]);

#endif
