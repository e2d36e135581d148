/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Row: what a statement stands on, for people and for programs.
 */
#ifndef SANGAM_ROW_H
#define SANGAM_ROW_H

#include <sqlite3.h>

struct cJSON;

enum { ROW_REAL_BYTES = 40 };

/* "" where it is NULL. Borrowed until the statement moves. */
const char *row_text(sqlite3_stmt *stmt, int at);

/* The same, and of a REAL the shortest digits that are read as the same number
 * again; those are in `real`. */
const char *row_exact(sqlite3_stmt *stmt, int at, char real[ROW_REAL_BYTES]);

/* The shortest digits that are read as the same number again. */
const char *row_real(double number, char out[ROW_REAL_BYTES]);

/* An object: every column by its name, numbers exact, NULL as null. The
 * caller's. */
struct cJSON *row_json(sqlite3_stmt *stmt);

#endif
