/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Clause: the CHECK clauses of a table, read from the SQL that made it, because
 * SQLite does not say which columns a CHECK names.
 */
#ifndef SANGAM_CLAUSE_H
#define SANGAM_CLAUSE_H

#include "protocol/bytes.h"

/* The length of the comment, literal, quoted name or word that `sql` starts
 * with, or 1. One that is not closed reaches to the end, and SQLite will say
 * so. */
size_t clause_token(const char *sql);

/* Finds the next CHECK at or after *at and moves *at behind it; *ret is what
 * stands in its parentheses. */
bool clause_next(const char **at, struct slice *ret);

/* Does the clause name this column (quoted or not, in any case)? */
bool clause_names(struct slice clause, const char *column);

#endif
