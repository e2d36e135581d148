/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Refusal: why a table did not take a row, as a sentence for the person who
 * made the file.
 */
#ifndef SANGAM_REFUSAL_H
#define SANGAM_REFUSAL_H

#include "node/target.h"

struct row_refusal {
    bool guard; /* a guard refused: who may write, and what (store/sql.h) */
    const struct target_column *column; /* NULL: it is about the whole row */
    char text[ERR_TEXT_BYTES];
};

/* Whether the statement that just failed broke a rule of the table; anything else
 * is an error of the database. */
bool refusal_happened(const struct target *t);

/* Reads it, at once after the failed statement: CHECKs with their column, guards
 * and the rest in the words of SQLite. */
void refusal_read(const struct target *t, struct row_refusal *ret);

#endif
