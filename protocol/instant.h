/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Instants and days as the domain writes them: '2026-11-22T14:28:10.123Z' and
 * '2026-11-22', UTC, and '2026-12-06T10:00:00Z' in files that people read.
 * Integer arithmetic on the proleptic Gregorian calendar: no clock, no time
 * zone, no locale.
 */
#ifndef SANGAM_INSTANT_H
#define SANGAM_INSTANT_H

#include "bytes.h"
#include "err.h"

enum { INSTANT_TEXT_BYTES = 21 }; /* of whole seconds, with its end */

/* True only for exactly that form and a day that exists, years 0000 to 9999;
 * milliseconds (days) since 1970. */
bool instant_parse_ms(struct slice text, int64_t *ret_ms);
bool instant_parse_day(struct slice text, int64_t *ret_day);

/* Appends 24 (10) characters; false, nothing appended, outside the years. */
bool instant_print_ms(int64_t ms, struct bytes *out);
bool instant_print_day(int64_t day, struct bytes *out);

int64_t instant_day_of_ms(int64_t ms);

/* Whole seconds. Milliseconds within one are cut off; outside the years prints
 * "0000-00-00T00:00:00Z". Parsing fails with ERR_INPUT, before 1970 too. */
void instant_print(int64_t ms, char out[INSTANT_TEXT_BYTES]);
int instant_parse(struct slice text, int64_t *ret_ms, struct err *e);

#endif
