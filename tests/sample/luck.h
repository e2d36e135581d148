/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Luck: what the dice say about a life, a day, a key. Every slot of every site
 * has dice of its own, made of the seed, so that one site can be written without
 * the others and comes out the same.
 */
#ifndef SANGAM_SAMPLE_LUCK_H
#define SANGAM_SAMPLE_LUCK_H

#include "support/dice.h"

enum { KEY_TEXT_BYTES = 37, DAY_TEXT_BYTES = 11, MOMENT_TEXT_BYTES = 25 };

/* A UUIDv7 as text, with its end. */
struct key {
    char text[KEY_TEXT_BYTES];
};

/* A day as text, with its end. */
struct day_text {
    char text[DAY_TEXT_BYTES];
};

/* An instant as text, with its end. */
struct moment {
    char text[MOMENT_TEXT_BYTES];
};

/* Dice for one thing of the seed: a slot of a site, say. */
struct dice luck_of(uint64_t seed, uint64_t what, uint64_t which);
/* Does what happens `often` in ten thousand times happen? */
bool luck_in_10000(struct dice *d, int often);
/* From `low` to `high`, both included. */
int luck_between(struct dice *d, int low, int high);

/* Days count from 1970-01-01; minutes of a day are those of a clock in India. */
struct day_text day_text(int day);
int day_year(int day);
int day_month(int day); /* 1 to 12 */
struct moment moment_at(int day, int minute);
/* A key that was made then. */
struct key key_at(struct dice *d, int day, int minute);

#endif
