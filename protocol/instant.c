/* SPDX-License-Identifier: Apache-2.0 */
#include "instant.h"

#include <string.h>

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    DAY_CHARS = 10,      /* 2026-11-22 */
    SECOND_CHARS = 20,   /* 2026-11-22T14:28:10Z */
    INSTANT_CHARS = 24,  /* 2026-11-22T14:28:10.123Z */
    ERA_DAYS = 146097,   /* the calendar repeats every 400 years */
    EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
    DAY_MIN = -719528,   /* 0000-01-01 */
    DAY_MAX = 2932896,   /* 9999-12-31 */
};

struct civil {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* from 1 */
};

/* Years are counted from 1 March, so that a leap day ends its year (Howard
 * Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t day_of_civil(struct civil date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = (date.month + 9) % 12; /* March is 0 */
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 -
           year_of_era / 100 + day_of_year - EPOCH_DAYS;
}

static struct civil civil_of_day(int64_t day)
{
    int64_t since = day + EPOCH_DAYS;
    int64_t era = (since >= 0 ? since : since - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t day_of_era = since - era * ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march = (5 * day_of_year + 2) / 153;
    struct civil date = {
        .year = year_of_era + era * 400,
        .month = march < 10 ? march + 3 : march - 9,
        .day = day_of_year - (153 * march + 2) / 5 + 1,
    };
    date.year += date.month <= 2;
    return date;
}

/* --- parse --------------------------------------------------------------- */

static bool digits(const uint8_t *at, size_t count, int64_t max, int64_t *ret)
{
    int64_t v = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return false;
        }
        v = v * 10 + (at[i] - '0');
    }
    *ret = v;
    return v <= max;
}

static bool parse_day(const uint8_t *at, int64_t *ret)
{
    struct civil date;
    if (!digits(at, 4, 9999, &date.year) || at[4] != '-' ||
        !digits(at + 5, 2, 12, &date.month) || at[7] != '-' ||
        !digits(at + 8, 2, 31, &date.day) || date.month < 1 || date.day < 1) {
        return false;
    }
    *ret = day_of_civil(date);
    /* 31 April would have moved on into May */
    return civil_of_day(*ret).month == date.month;
}

/* The day and "Thh:mm:ss". */
static bool parse_second(const uint8_t *at, int64_t *ret_ms)
{
    int64_t day, hour, minute, second;
    if (!parse_day(at, &day) || at[10] != 'T' ||
        !digits(at + 11, 2, 23, &hour) || at[13] != ':' ||
        !digits(at + 14, 2, 59, &minute) || at[16] != ':' ||
        !digits(at + 17, 2, 59, &second)) {
        return false;
    }
    *ret_ms = day * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
    return true;
}

bool instant_parse_day(struct slice text, int64_t *ret_day)
{
    return text.len == DAY_CHARS && parse_day(text.data, ret_day);
}

bool instant_parse_ms(struct slice text, int64_t *ret_ms)
{
    const uint8_t *at = text.data;
    int64_t ms;
    if (text.len != INSTANT_CHARS || !parse_second(at, ret_ms) ||
        at[19] != '.' || !digits(at + 20, 3, 999, &ms) || at[23] != 'Z') {
        return false;
    }
    *ret_ms += ms;
    return true;
}

int instant_parse(struct slice text, int64_t *ret_ms, struct err *e)
{
    int64_t ms;
    if (text.len != SECOND_CHARS || text.data[SECOND_CHARS - 1] != 'Z' ||
        !parse_second(text.data, &ms) || ms < 0) {
        return err_set(e, ERR_INPUT,
                       "'%.*s' is not an instant such as "
                       "2026-12-06T10:00:00Z",
                       (int)(text.len < 40 ? text.len : 40),
                       text.len == 0 ? "" : (const char *)text.data);
    }
    *ret_ms = ms;
    return 0;
}

/* --- print --------------------------------------------------------------- */

int64_t instant_day_of_ms(int64_t ms)
{
    int64_t day = ms / DAY_MS;
    return day * DAY_MS > ms ? day - 1 : day;
}

static void put_number(struct bytes *out, int64_t v, size_t count)
{
    uint8_t text[4];
    for (size_t i = count; i > 0; i--) {
        text[i - 1] = (uint8_t)('0' + v % 10);
        v /= 10;
    }
    bytes_put(out, text, count);
}

bool instant_print_day(int64_t day, struct bytes *out)
{
    if (day < DAY_MIN || day > DAY_MAX) {
        return false;
    }
    struct civil date = civil_of_day(day);
    put_number(out, date.year, 4);
    bytes_put_u8(out, '-');
    put_number(out, date.month, 2);
    bytes_put_u8(out, '-');
    put_number(out, date.day, 2);
    return true;
}

static bool print_second(int64_t ms, struct bytes *out)
{
    int64_t day = instant_day_of_ms(ms);
    if (!instant_print_day(day, out)) {
        return false;
    }
    int64_t second = (ms - day * DAY_MS) / 1000;
    bytes_put_u8(out, 'T');
    put_number(out, second / 3600, 2);
    bytes_put_u8(out, ':');
    put_number(out, second / 60 % 60, 2);
    bytes_put_u8(out, ':');
    put_number(out, second % 60, 2);
    return true;
}

bool instant_print_ms(int64_t ms, struct bytes *out)
{
    if (!print_second(ms, out)) {
        return false;
    }
    bytes_put_u8(out, '.');
    put_number(out, (ms - instant_day_of_ms(ms) * DAY_MS) % 1000, 3);
    bytes_put_u8(out, 'Z');
    return true;
}

void instant_print(int64_t ms, char out[INSTANT_TEXT_BYTES])
{
    struct bytes text = {0};
    if (!print_second(ms, &text)) {
        bytes_put(&text, "0000-00-00T00:00:00", SECOND_CHARS - 1);
    }
    memcpy(out, text.data, SECOND_CHARS - 1);
    memcpy(out + SECOND_CHARS - 1, "Z", 2);
    bytes_free(&text);
}
