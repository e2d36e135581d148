/* SPDX-License-Identifier: Apache-2.0 */
#include "node/written.h"

#include "protocol/bytes.h"
#include "protocol/instant.h"
#include "protocol/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char digits[] = "0123456789";

/* --- digits --------------------------------------------------------------- */

/* The value of a Devanagari (U+0966 on) or Gurmukhi (U+0A66 on) digit that
 * begins here, -1 if none does. Each takes three bytes. */
static int indian_digit(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    bool script = s[0] == 0xe0 && (s[1] == 0xa5 || s[1] == 0xa9);
    return script && s[2] >= 0xa6 && s[2] <= 0xaf ? s[2] - 0xa6 : -1;
}

/* The text with ASCII digits, and without blanks around it; false when it is
 * longer than anything that is written here. */
static bool fold(const char *text, char out[WRITTEN_TEXT_BYTES_MAX + 1])
{
    size_t n = 0;
    text += strspn(text, " \t");
    while (*text != '\0' && n < WRITTEN_TEXT_BYTES_MAX) {
        int digit = indian_digit(text);
        out[n++] = digit >= 0 ? digits[digit] : *text;
        text += digit >= 0 ? 3 : 1;
    }
    while (n > 0 && strchr(" \t", out[n - 1]) != NULL) {
        n--;
    }
    out[n] = '\0';
    return *text == '\0';
}

static int is_not(const char *text, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "'%.60s' is not %s", text, what);
}

/* --- days ----------------------------------------------------------------- */

static const char *const order_words[] = {
    [WRITTEN_DAY_MONTH_YEAR] = "dd-mm-yyyy",
    [WRITTEN_MONTH_DAY_YEAR] = "mm-dd-yyyy",
    [WRITTEN_YEAR_MONTH_DAY] = "yyyy-mm-dd",
};

bool written_order_named(const char *text, enum written_order *ret)
{
    for (size_t i = 0; i < sizeof order_words / sizeof order_words[0]; i++) {
        if (strcmp(order_words[i], text) == 0) {
            *ret = (enum written_order)i;
            return true;
        }
    }
    return false;
}

/* The month that a word of three letters or more begins, 0: none. */
static int month_named(const char *word, size_t len)
{
    static const char *const months[] = {
        "january", "february", "march",     "april",   "may",      "june",
        "july",    "august",   "september", "october", "november", "december"};

    for (int i = 0; len >= 3 && i < 12; i++) {
        if (len <= strlen(months[i]) &&
            strncasecmp(months[i], word, len) == 0) {
            return i + 1;
        }
    }
    return len == 4 && strncasecmp("sept", word, len) == 0 ? 9 : 0;
}

/* A day taken apart: three parts and what stands between them. */
struct parts {
    long number[3];
    size_t len[3];  /* digits of each */
    int month_name; /* the month that was written as a word; 0: none */
    int month_at;   /* which part */
};

/* False: not three parts, or not one separator. */
static bool take_apart(const char *text, struct parts *ret)
{
    static const char between[] = "-/. ,";
    char separator = '\0';

    *ret = (struct parts){.month_at = -1};
    for (int i = 0; i < 3; i++) {
        size_t len = strspn(text, digits);
        size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (letters > 0 && ret->month_at < 0) {
            ret->month_name = month_named(text, letters);
            ret->month_at = i;
        } else if (len == 0 || len > 4) {
            return false;
        }
        ret->number[i] = strtol(text, NULL, 10);
        ret->len[i] = len;
        text += len + (len == 0 ? letters : 0);
        size_t parted = i < 2 ? strspn(text, between) : 0;
        char stands = *text == ',' ? ' ' : *text;
        if (i < 2 && (parted == 0 || (i == 1 && stands != separator))) {
            return false;
        }
        separator = stands;
        text += parted;
    }
    return *text == '\0' && (ret->month_at < 0 || ret->month_name > 0);
}

/* Which part is the year, the month, the day. A year of four digits in front is
 * a year, and a month that was written as a word is a month. */
static bool choose(const struct parts *p, enum written_order order, int ret[3])
{
    static const int places[][3] = {
        [WRITTEN_DAY_MONTH_YEAR] = {2, 1, 0},
        [WRITTEN_MONTH_DAY_YEAR] = {2, 0, 1},
        [WRITTEN_YEAR_MONTH_DAY] = {0, 1, 2},
    };
    if (p->len[0] == 4) {
        order = WRITTEN_YEAR_MONTH_DAY;
    } else if (p->month_at == 0) {
        order = WRITTEN_MONTH_DAY_YEAR;
    } else if (p->month_at == 1 && order == WRITTEN_MONTH_DAY_YEAR) {
        order = WRITTEN_DAY_MONTH_YEAR;
    }
    memcpy(ret, places[order], sizeof places[order]);
    return p->month_at < 0 || p->month_at == ret[1];
}

static int year_of(const struct parts *p, int at, int century, const char *text,
                   long *ret, struct err *e)
{
    *ret = p->number[at];
    if (p->len[at] == 4) {
        return 0;
    }
    if (p->len[at] != 2) {
        return is_not(text, "a day: its year has neither two nor four digits",
                      e);
    }
    if (century == 0) {
        return err_set(e, ERR_INPUT,
                       "'%.60s' has a year of two digits: say in the mapping "
                       "file which they are (century = 1930 is 1930 to 2029)",
                       text);
    }
    *ret += century - century % 100;
    *ret += *ret < century ? 100 : 0;
    return 0;
}

/* Excel's own number of a day, where a cell was not formatted as one. */
static bool is_serial(const char *text)
{
    return strlen(text) == 5 && strspn(text, digits) == 5;
}

static int no_day(const char *text, enum written_order order, struct err *e)
{
    if (is_serial(text)) {
        return err_set(e, ERR_INPUT,
                       "'%s' is a spreadsheet's number of a day: format the "
                       "column as a date and save it again",
                       text);
    }
    return err_set(e, ERR_INPUT, "'%.60s' is not a day (%s)", text,
                   order_words[order]);
}

/* Of text that is folded. */
static int parse_day(const char *text, const struct written_days *how,
                     int64_t *ret_day, struct err *e)
{
    struct parts p;
    int at[3];
    long year = 0;
    char day[72];

    if (!take_apart(text, &p) || !choose(&p, how->order, at)) {
        return no_day(text, how->order, e);
    }
    int rc = year_of(&p, at[0], how->century, text, &year, e);
    if (rc != 0) {
        return rc;
    }
    long month = p.month_at >= 0 ? p.month_name : p.number[at[1]];
    if (month > 12 || p.number[at[2]] > 31) {
        return no_day(text, how->order, e);
    }
    (void)snprintf(day, sizeof day, "%04ld-%02ld-%02ld", year, month,
                   p.number[at[2]]);
    return instant_parse_day(slice_text(day), ret_day)
               ? 0
               : no_day(text, how->order, e);
}

int written_day(const char *text, const struct written_days *how,
                int64_t *ret_day, struct err *e)
{
    char folded[WRITTEN_TEXT_BYTES_MAX + 1];
    return fold(text, folded) ? parse_day(folded, how, ret_day, e)
                              : no_day(text, how->order, e);
}

/* --- times ---------------------------------------------------------------- */

/* am and pm, with or without dots: 0 none, 1 am, 2 pm, -1 something else. */
static int half_of_day(const char *text)
{
    char word[3] = "";
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text != '.' && *text != ' ') {
            if (n == 2) {
                return -1;
            }
            word[n++] = *text;
        }
    }
    word[n] = '\0';
    return n == 0                        ? 0
           : strcasecmp(word, "am") == 0 ? 1
           : strcasecmp(word, "pm") == 0 ? 2
                                         : -1;
}

/* Up to three numbers of two digits at most, with ':' or '.' between; moves
 * past them and returns how many there are, 0 when they are none. */
static int clock_parts(const char **text, long ret[3])
{
    int count = 0;
    do {
        size_t len = strspn(*text, digits);
        if (len == 0 || len > 2) {
            return 0;
        }
        ret[count++] = strtol(*text, NULL, 10);
        *text += len;
    } while (count < 3 && (**text == ':' || **text == '.') &&
             strspn(*text + 1, digits) > 0 && (*text)++ != NULL);
    return count;
}

int written_time(const char *text, int32_t *ret_s, struct err *e)
{
    static const char wanted[] = "a time of day (14:30 or 2:30 pm)";
    char folded[WRITTEN_TEXT_BYTES_MAX + 1];
    long part[3] = {0, 0, 0};

    if (!fold(text, folded)) {
        return is_not(text, wanted, e);
    }
    const char *rest = folded;
    int count = clock_parts(&rest, part);
    int half = half_of_day(rest);
    long last = half == 0 ? 23 : 12;
    if (count == 0 || half < 0 || (count == 1 && half == 0) || part[0] > last ||
        (half != 0 && part[0] == 0) || part[1] > 59 || part[2] > 59) {
        return is_not(text, wanted, e);
    }
    long hour = half == 0 ? part[0] : part[0] % 12 + (half == 2 ? 12 : 0);
    *ret_s = (int32_t)(hour * 3600 + part[1] * 60 + part[2]);
    return 0;
}

int written_day_and_time(const char *text, const struct written_days *how,
                         int64_t *ret_day, int32_t *ret_s, struct err *e)
{
    char folded[WRITTEN_TEXT_BYTES_MAX + 1];
    if (!fold(text, folded)) {
        return no_day(text, how->order, e);
    }
    *ret_s = -1;
    /* a day may have blanks of its own: the longest that is one counts */
    for (char *cut = folded + strlen(folded); cut > folded; cut--) {
        char kept = *cut;
        bool parted = kept == '\0' || kept == ' ' || kept == 'T';
        *cut = '\0';
        int rc = parted ? parse_day(folded, how, ret_day, e) : ERR_INPUT;
        *cut = kept;
        if (rc == 0) {
            return kept == '\0' ? 0 : written_time(cut + 1, ret_s, e);
        }
    }
    size_t day = strcspn(folded, " T");
    folded[day] = '\0';
    return parse_day(folded, how, ret_day, e);
}

/* --- numbers -------------------------------------------------------------- */

static bool is_unit(const char *text, const char *unit)
{
    text += strspn(text, " ");
    return *text == '\0' || (unit != NULL && strcasecmp(text, unit) == 0);
}

/* Appends the digits; false when they are too many. */
static bool add_digits(const char **text, struct written_number *n, int *count)
{
    for (; strchr(digits, **text) != NULL && **text != '\0'; (*text)++) {
        *count += *count > 0 || **text != '0';
        if (*count > WRITTEN_DIGITS_MAX) {
            return false;
        }
        n->digits = n->digits * 10 + (**text - '0');
    }
    return true;
}

int written_number(const char *text, const char *unit,
                   struct written_number *ret, struct err *e)
{
    char folded[WRITTEN_TEXT_BYTES_MAX + 1];
    char wanted[80] = "a number";
    struct written_number n = {0};
    int count = 0;

    if (unit != NULL) {
        (void)snprintf(wanted, sizeof wanted, "a number (%.60s)", unit);
    }
    if (!fold(text, folded)) {
        return is_not(text, wanted, e);
    }
    bool minus = folded[0] == '-';
    const char *at = folded + (minus ? 1 : 0);
    const char *whole = at;
    bool fits = add_digits(&at, &n, &count);
    bool has_digits = at > whole;
    if (fits && at[0] == '.' && strspn(at + 1, digits) > 0) {
        const char *part = ++at;
        fits = add_digits(&at, &n, &count);
        n.places = (int)(at - part);
        fits = fits && n.places <= WRITTEN_DIGITS_MAX;
        has_digits = true;
    }
    if (!has_digits || !fits || !is_unit(at, unit)) {
        return is_not(text, wanted, e);
    }
    n.digits = minus ? -n.digits : n.digits;
    *ret = n;
    return 0;
}

/* --- ages ----------------------------------------------------------------- */

int written_age(const char *text, int *ret_years, struct err *e)
{
    static const char *const words[] = {"y",    "yr",    "yrs", "yr.", "yrs.",
                                        "year", "years", "साल", "वर्ष", "ਸਾਲ"};
    struct written_number n = {.digits = -1};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (written_number(text, words[i], &n, e) == 0) {
            break;
        }
    }
    if (n.digits < 0 || n.digits > AGE_YEARS_MAX || n.places > 0) {
        return is_not(text, "an age in years", e);
    }
    *ret_years = (int)n.digits;
    return 0;
}

int written_birth_year(int64_t day, int years)
{
    struct bytes text = {0};

    if (!instant_print_day(day, &text)) {
        abort(); /* it was parsed */
    }
    bytes_put_u8(&text, '\0');
    int year = (int)strtol((const char *)text.data, NULL, 10);
    int month =
        (int)strtol((const char *)text.data + strlen("2025-"), NULL, 10);
    bytes_free(&text);
    /* the last birthday was half a year ago, more or less */
    return year - years - (month <= 6 ? 1 : 0);
}

/* --- products ------------------------------------------------------------- */

int written_times(struct written_number a, struct written_number b,
                  struct written_number *ret, struct err *e)
{
    struct written_number n = {.places = a.places + b.places};

    if (__builtin_mul_overflow(a.digits, b.digits, &n.digits)) {
        return err_set(e, ERR_LIMIT, "is too large a number");
    }
    while (n.places > 0 && n.digits % 10 == 0) {
        n.digits /= 10;
        n.places--;
    }
    *ret = n;
    return 0;
}

void written_print(struct written_number n, char ret[WRITTEN_NUMBER_BYTES])
{
    char text[WRITTEN_NUMBER_BYTES];
    uint64_t size =
        n.digits < 0 ? (uint64_t)0 - (uint64_t)n.digits : (uint64_t)n.digits;
    /* a zero before the point, and one for each place */
    int len = snprintf(text, sizeof text, "%0*llu", n.places + 1,
                       (unsigned long long)size);
    int whole = len - n.places;
    (void)snprintf(ret, WRITTEN_NUMBER_BYTES, "%s%.*s%s%s",
                   n.digits < 0 ? "-" : "", whole, text,
                   n.places > 0 ? "." : "", text + whole);
}
