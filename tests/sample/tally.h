/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tally: the errors that real registers have, how often each is made here, how
 * often it was, and how many breaches of which rules follow from it, so that a
 * test can hold what the rules find against what was done.
 */
#ifndef SANGAM_SAMPLE_TALLY_H
#define SANGAM_SAMPLE_TALLY_H

#include "luck.h"

#include <stdio.h>

enum mistake {
    MISTAKE_DOUBLE_ENTRY,
    MISTAKE_TWO_SITES,
    MISTAKE_TAKE_HOME,
    MISTAKE_ABOVE_ORDER,
    MISTAKE_AFTER_DEATH,
    MISTAKE_NO_DISCHARGE,
    MISTAKE_GAP,
    MISTAKE_NOT_PICKED_UP,
    MISTAKE_CONSENT,
    MISTAKE_CLEARANCE,
    MISTAKE_CASELOAD,
    MISTAKE_STOCK,
    MISTAKE_LATE_ENTRY,
    MISTAKE_WRONG_DATE,
    MISTAKE_FOLLOWUP,
    MISTAKE_TWICE,
    MISTAKE_REVERSED,
    MISTAKE_SHIPMENT,
    MISTAKE_GUEST,
    MISTAKE_NOTE,
    MISTAKE_RESULT,
    MISTAKE_DISCLOSURE,
    MISTAKES
};

enum { RULES = 24 }; /* one more than there are: they count from 1 */

struct tally {
    uint64_t occasions[MISTAKES]; /* how often it could have been made */
    uint64_t made[MISTAKES];
    uint64_t breaches[RULES];
    int times; /* as often as their rates say; 0: never */
};

/* Is it made now? Where its rate says so; the caller then makes it. */
bool tally_made(struct tally *t, struct dice *d, enum mistake mistake);
void tally_breach(struct tally *t, int rule, uint64_t count);
/* CSV: what, of what, rate in 10,000, made, rules; then rule, breaches. */
void tally_print(const struct tally *t, FILE *f);

#endif
