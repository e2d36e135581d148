/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Called: which record is meant by what a person typed or a register says: a
 * person_id, or a beneficiary number in any form (protocol/number.h). A number
 * that is none of ours (an older card) is compared as it is.
 */
#ifndef SANGAM_CALLED_H
#define SANGAM_CALLED_H

#include "protocol/limits.h"
#include "protocol/number.h"
#include "store/database.h"

/* What a record may have that is called so: itself, and as a number with its
 * dashes and without. */
struct called {
    char number[NUMBER_TEXT_BYTES]; /* "" when it is none */
    char bare[NUMBER_TEXT_BYTES];
    struct err why; /* it is none */
};

void called_read(const char *text, struct called *ret);

/* A statement whose ?1 is the text and ?2 and ?3 are the number, or NULL. */
int called_statement(struct database *db, const char *sql, const char *text,
                     const struct called *called, sqlite3_stmt **ret,
                     struct err *e);

/* The one record that is called so. ERR_UNKNOWN: there is none; ERR_INPUT:
 * several have the number. */
int called_person(struct database *db, const char *text,
                  char ret[KEY_BYTES_MAX + 1], struct err *e);

#endif
