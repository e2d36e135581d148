/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The inside of the manifest, for the files that make it: manifest.c (reading
 * it) and manifest_check.c (holding it against the tables themselves).
 */
#ifndef SANGAM_MANIFEST_INSIDE_H
#define SANGAM_MANIFEST_INSIDE_H

#include "store/manifest.h"

/* ERR_CONFIG, "table X: ...": what is wrong, then what to do. */
int manifest_refuse(struct err *e, const struct table *t, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

/* A statement about one table, bound to its name. */
int manifest_ask(struct database *db, const char *sql, const char *name,
                 sqlite3_stmt **ret, struct err *e);
/* The text of a column of a result; "" for NULL. Borrowed. */
const char *manifest_text(sqlite3_stmt *stmt, int at);
char *manifest_copy(sqlite3_stmt *stmt, int at); /* owned by the caller */
bool manifest_null(sqlite3_stmt *stmt, int at);
/* Ends a walk over a result with what it came to. */
int manifest_finish(sqlite3_stmt *stmt, int code);

const char *policy_word(enum policy policy);

/* Fills in what the table declares of each column, and refuses what merging
 * cannot live with. */
int manifest_check_table(struct database *db, struct table *t, struct err *e);
/* The same of a table whose rows change hands, once all are loaded. */
int manifest_check_handover(const struct table *t, struct err *e);

#endif
