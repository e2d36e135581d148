/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Twins: whether a person of a register is known already: by beneficiary
 * number, by the key that name, parent, birth year and sex make
 * (protocol/name.h), or by its match token, which other sites of the district
 * wrote of people whose names are not held here.
 */
#ifndef SANGAM_TWINS_H
#define SANGAM_TWINS_H

#include <stdbool.h>

#include "protocol/limits.h"
#include "protocol/match.h"
#include "protocol/name.h"
#include "store/database.h"

struct twins;

enum twin_sign {
    TWIN_NONE,
    TWIN_NUMBER, /* the same beneficiary number */
    TWIN_NAME,   /* the same name, parent, birth year and sex */
    TWIN_TOKEN,  /* the same, said by a match token alone */
};

struct twin {
    enum twin_sign sign;
    char person[KEY_BYTES_MAX + 1];
    uint64_t line; /* of this file, where it brought the person; else 0 */
    bool named;    /* there was enough to compare names */
};

/* Reads numbers and names of everybody held here: a second for a hundred
 * thousand. `key` is the programme's, NULL: tokens are not compared. */
int twins_open(struct database *db, const uint8_t *key, struct twins **ret,
               struct err *e);
void twins_destroy(struct twins **t);

/* Who has this number (NULL: none), or these facts (NULL: not compared). */
int twins_find(struct twins *t, const char *number,
               const struct name_facts *facts, struct twin *ret, struct err *e);

/* This file brought a person. */
void twins_add(struct twins *t, const char *number,
               const struct name_facts *facts, const char *person,
               uint64_t line);

#endif
