/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Written: days, times and numbers as people write them into registers, as the
 * tables want them. Digits may be Devanagari or Gurmukhi.
 *
 *   days      5-4-2025, 05/04/25, 5.4.2025, 5 Apr 2025, 05-April-25; 2025-04-05
 *             is understood whatever the order
 *   times     14:30, 14.30, 14:30:05, 2:30 pm, 2 PM
 *   numbers   4, 4.5, -3, 4 mg
 *   ages      34, 34 y, 34 yrs, 34 साल
 *
 * Every error is what a person should read after the value: "'31-02-1990' is
 * not a day (dd-mm-yyyy)".
 */
#ifndef SANGAM_WRITTEN_H
#define SANGAM_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/err.h"

enum written_order {
    WRITTEN_DAY_MONTH_YEAR, /* dd-mm-yyyy: India */
    WRITTEN_MONTH_DAY_YEAR, /* mm-dd-yyyy: the United States */
    WRITTEN_YEAR_MONTH_DAY, /* yyyy-mm-dd */
};

/* How days are written in one column. */
struct written_days {
    enum written_order order;
    int century; /* 1930: years of two digits are 1930 to 2029; 0: refused */
};

enum {
    WRITTEN_TEXT_BYTES_MAX = 63, /* no day, time or number is longer */
    WRITTEN_DIGITS_MAX = 18,     /* of a number: it fits 64 bits */
};

/* A decimal number: digits * 10^-places. */
struct written_number {
    int64_t digits;
    int places; /* never negative */
};

/* "dd-mm-yyyy" and so on; false: it is none of them. */
bool written_order_named(const char *text, enum written_order *ret);

/* Days since 1970. ERR_INPUT. */
int written_day(const char *text, const struct written_days *how,
                int64_t *ret_day, struct err *e);

/* Seconds since midnight. ERR_INPUT. */
int written_time(const char *text, int32_t *ret_s, struct err *e);

/* A day, and a time where there is one (else -1), parted by blanks or a 'T'. */
int written_day_and_time(const char *text, const struct written_days *how,
                         int64_t *ret_day, int32_t *ret_s, struct err *e);

/* A number, and after it `unit` or nothing where `unit` is not NULL (letters of
 * either case). ERR_INPUT. */
int written_number(const char *text, const char *unit,
                   struct written_number *ret, struct err *e);

/* Years, of which nobody has more than AGE_YEARS_MAX. ERR_INPUT. */
int written_age(const char *text, int *ret_years, struct err *e);

/* The year in which somebody who was so old that day was most likely born. */
int written_birth_year(int64_t day, int years);

/* Their product without trailing zeros. ERR_LIMIT when it has too many
 * digits. */
int written_times(struct written_number a, struct written_number b,
                  struct written_number *ret, struct err *e);

/* "4.5". */
enum { WRITTEN_NUMBER_BYTES = 48 };
void written_print(struct written_number n, char ret[WRITTEN_NUMBER_BYTES]);

#endif
