/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/instant.h"

#include "support/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* --- a calendar, once more and simply ------------------------------------ */

struct date {
    int year, month, day;
};

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2 ? 1 : 0);
}

static void next_day(struct date *date)
{
    if (++date->day <= month_days(date->year, date->month)) {
        return;
    }
    date->day = 1;
    if (++date->month > 12) {
        date->month = 1;
        date->year++;
    }
}

/* --- days ---------------------------------------------------------------- */

static void assert_day(int64_t day, const char *expected)
{
    struct bytes out = {0};
    int64_t back;
    assert_true(instant_print_day(day, &out));
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, expected, 10);
    assert_true(instant_parse_day(slice_of(&out), &back));
    assert_true(back == day);
    bytes_free(&out);
}

static void every_day_of_ten_thousand_years_has_its_number(void **state)
{
    (void)state;
    struct date date = {0, 1, 1};
    char expected[40];
    for (int64_t day = -719528; date.year < 10000; day++, next_day(&date)) {
        /* all of four centuries, and the ends of the months elsewhere */
        if ((date.year >= 1800 && date.year < 2200) || date.day == 1 ||
            date.day >= 28) {
            (void)snprintf(expected, sizeof expected, "%04d-%02d-%02d",
                           date.year, date.month, date.day);
            assert_day(day, expected);
        }
    }
}

static void the_first_of_1970_is_day_nought(void **state)
{
    (void)state;
    assert_day(0, "1970-01-01");
    assert_day(-1, "1969-12-31");
    assert_day(20779, "2026-11-22");
    assert_true(instant_day_of_ms(0) == 0);
    assert_true(instant_day_of_ms(DAY_MS - 1) == 0);
    assert_true(instant_day_of_ms(-1) == -1);
    assert_true(instant_day_of_ms(-DAY_MS) == -1);
    assert_true(instant_day_of_ms(-DAY_MS - 1) == -2);
}

static void a_day_outside_the_years_is_not_printed(void **state)
{
    (void)state;
    static const int64_t days[] = {-719529, 2932897, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct bytes out = {0};
        assert_false(instant_print_day(days[i], &out));
        assert_int_equal(out.len, 0);
        bytes_free(&out);
    }
}

static void what_is_no_day_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",           "2026-02-29",  "2026-02-30", "2100-02-29",  "2026-04-31",
        "2026-13-01", "2026-00-01",  "2026-01-00", "2026-01-32",  "2026-1-01",
        "2026-01-1",  "02026-01-01", "2026/01/01", "2026-01-01 ", " 2026-01-01",
        "-026-01-01", "+026-01-01",  "2026-01-0x", "20260101",    "2026-01-1 ",
    };
    int64_t day;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(instant_parse_day(slice_text(none[i]), &day));
    }
    assert_true(instant_parse_day(slice_text("2000-02-29"), &day));
    assert_true(instant_parse_day(slice_text("2024-02-29"), &day));
}

/* --- instants ------------------------------------------------------------ */

static void an_instant_comes_back_as_it_was(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (size_t i = 0; i < 200000; i++) {
        int64_t day = (int64_t)dice_below(&d, 719528 + 2932897) - 719528;
        int64_t ms = day * DAY_MS + (int64_t)dice_below(&d, DAY_MS);
        struct bytes out = {0};
        int64_t back;
        assert_true(instant_print_ms(ms, &out));
        assert_int_equal(out.len, 24);
        assert_true(instant_parse_ms(slice_of(&out), &back));
        assert_true(back == ms);
        bytes_free(&out);
    }
}

static void assert_ms(int64_t ms, const char *expected)
{
    struct bytes out = {0};
    int64_t back;
    assert_true(instant_print_ms(ms, &out));
    assert_true(slice_equal(slice_of(&out), slice_text(expected)));
    assert_true(instant_parse_ms(slice_of(&out), &back));
    assert_true(back == ms);
    bytes_free(&out);
}

static void instants_are_printed_to_the_millisecond(void **state)
{
    (void)state;
    assert_ms(0, "1970-01-01T00:00:00.000Z");
    assert_ms(-1, "1969-12-31T23:59:59.999Z");
    assert_ms(1795357690123, "2026-11-22T14:28:10.123Z");
    assert_ms((int64_t)-719528 * DAY_MS, "0000-01-01T00:00:00.000Z");
    assert_ms((int64_t)2932897 * DAY_MS - 1, "9999-12-31T23:59:59.999Z");
}

static void an_instant_outside_the_years_is_not_printed(void **state)
{
    (void)state;
    static const int64_t times[] = {
        (int64_t)-719528 * DAY_MS - 1,
        (int64_t)2932897 * DAY_MS,
        INT64_MIN,
        INT64_MAX,
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct bytes out = {0};
        char line[INSTANT_TEXT_BYTES];
        assert_false(instant_print_ms(times[i], &out));
        assert_int_equal(out.len, 0);
        instant_print(times[i], line);
        assert_string_equal(line, "0000-00-00T00:00:00Z");
        bytes_free(&out);
    }
}

static void what_is_no_instant_is_not_taken_for_one(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "2026-11-22",
        "2026-11-22T14:28:10Z",
        "2026-11-22T14:28:10.123z",
        "2026-11-22t14:28:10.123Z",
        "2026-11-22 14:28:10.123Z",
        "2026-11-22T24:00:00.000Z",
        "2026-11-22T25:00:00.000Z",
        "2026-11-22T23:60:00.000Z",
        "2026-11-22T23:59:60.000Z",
        "2026-02-30T12:00:00.000Z",
        "2026-11-22T14:28:10.12Z",
        "2026-11-22T14:28:10.1234Z",
        "2026-11-22T14:28:10,123Z",
        "2026-11-22T14:28:10.123+00:00",
        "2026-11-22T14-28-10.123Z",
        "2026-11-22T1a:28:10.123Z",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(instant_parse_ms(slice_text(none[i]), &ms));
    }
}

/* What is taken prints as it was: else packing would lose a letter. */
static void one_letter_changed_is_refused_or_another_instant(void **state)
{
    (void)state;
    static const char sound[] = "2026-11-22T14:28:10.123Z";
    for (size_t i = 0; i < sizeof sound - 1; i++) {
        for (unsigned c = 0; c < 256; c++) {
            char other[sizeof sound];
            int64_t ms;
            memcpy(other, sound, sizeof sound);
            other[i] = (char)c;
            struct slice given = {(const uint8_t *)other, sizeof sound - 1};
            struct bytes out = {0};
            if (instant_parse_ms(given, &ms)) {
                assert_true(instant_print_ms(ms, &out));
                assert_true(slice_equal(slice_of(&out), given));
            }
            bytes_free(&out);
        }
    }
}

/* --- for people ---------------------------------------------------------- */

static void an_instant_in_a_file_has_whole_seconds(void **state)
{
    (void)state;
    char out[INSTANT_TEXT_BYTES];
    int64_t ms;
    struct err e;
    instant_print(1795357690999, out);
    assert_string_equal(out, "2026-11-22T14:28:10Z");
    assert_int_equal(instant_parse(slice_text(out), &ms, &e), 0);
    assert_true(ms == 1795357690000);
    static const char *const none[] = {
        "",
        "2026-11-22T14:28:10",
        "2026-11-22T14:28:10z",
        "2026-11-22T14:28:10.123Z",
        "2026-02-30T14:28:10Z",
        "1969-12-31T23:59:59Z",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(instant_parse(slice_text(none[i]), &ms, &e),
                         ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_ten_thousand_years_has_its_number),
        cmocka_unit_test(the_first_of_1970_is_day_nought),
        cmocka_unit_test(a_day_outside_the_years_is_not_printed),
        cmocka_unit_test(what_is_no_day_is_not_taken_for_one),
        cmocka_unit_test(an_instant_comes_back_as_it_was),
        cmocka_unit_test(instants_are_printed_to_the_millisecond),
        cmocka_unit_test(an_instant_outside_the_years_is_not_printed),
        cmocka_unit_test(what_is_no_instant_is_not_taken_for_one),
        cmocka_unit_test(one_letter_changed_is_refused_or_another_instant),
        cmocka_unit_test(an_instant_in_a_file_has_whole_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
