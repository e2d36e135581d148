/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Called: which record is meant by what a person typed or a register says: a
 * person_id, or the number on the card in whatever form they write it
 * (protocol/number.h). A number that is none of ours (an older card) is compared
 * as it is.
 */
#ifndef SANGAM_CALLED_H
#define SANGAM_CALLED_H

#include "protocol/limits.h"
#include "protocol/number.h"
#include "store/database.h"

struct called {
    const char *text;               /* borrowed: as it was typed */
    char number[NUMBER_TEXT_BYTES]; /* as it is printed; "": it is none */
    char bare[NUMBER_TEXT_BYTES]; /* without its dashes, as tools may keep it */
    struct err why;               /* it is none */
};

void called_read(const char *text, struct called *ret);

/* Binds ?1 to the text, ?2 and ?3 to the number in its two forms: NULL where it
 * is none, which is not the number of who has an empty one. */
void called_bind(sqlite3_stmt *stmt, const struct called *called);

/* How many records are called so, and the id of one of them: by person_id any,
 * by number those that count. `*ret_count` 0: nobody, and the id is "". */
int called_find(struct database *db, const struct called *called,
                char ret[KEY_BYTES_MAX + 1], int *ret_count, struct err *e);

/* The one record that is called so. ERR_UNKNOWN: there is none; ERR_INPUT:
 * several have the number. */
int called_person(struct database *db, const char *text,
                  char ret[KEY_BYTES_MAX + 1], struct err *e);

#endif
