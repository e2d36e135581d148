/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Said: what a register said of one row when it was imported last
 * (local_register_row): column -> text as cell_print() has it. It is what tells
 * a line that was changed in the register from a row that was changed here.
 *
 * A column that is not in it is one of which nothing is known: it was not
 * imported, or the register and the row never said the same.
 */
#ifndef SANGAM_SAID_H
#define SANGAM_SAID_H

#include "store/database.h"

struct said;

/* Of the row with this key in the table; nothing is known where the register
 * never said anything. The caller's. */
int said_read(struct database *db, const char *register_name, const char *table,
              const char *key, struct said **ret, struct err *e);
/* The same of a row that is new: nothing is known. All texts are copied. */
void said_new(const char *register_name, const char *table, const char *key,
              struct said **ret);
void said_destroy(struct said **s);

/* Whether anything at all is known. */
bool said_any(const struct said *s);
/* Whether something is known of a column; *ret_text is it, NULL for an empty
 * field, borrowed until the column is put. */
bool said_column(const struct said *s, const char *column,
                 const char **ret_text);
/* The register says this now; NULL: nothing. */
void said_put(struct said *s, const char *column, const char *text);
/* Writes what was put, if it is anything else than what was read: 1, or 0. */
int said_keep(struct said *s, struct database *db, struct err *e);

#endif
