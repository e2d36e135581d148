/* SPDX-License-Identifier: Apache-2.0 */
#include "node/written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct written_days indian = {WRITTEN_DAY_MONTH_YEAR, 1930};
static const struct written_days strict = {WRITTEN_DAY_MONTH_YEAR, 0};
static const struct written_days american = {WRITTEN_MONTH_DAY_YEAR, 0};

/* 2025-04-05, days since 1970. */
enum { APRIL_5 = 20183 };

static int64_t day(const char *text, const struct written_days *how)
{
    struct err e = {0};
    int64_t got = 0;
    if (written_day(text, how, &got, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return got;
}

static void no_day(const char *text, const struct written_days *how,
                   const char *says)
{
    struct err e = {0};
    int64_t got = 0;
    assert_int_equal(written_day(text, how, &got, &e), ERR_INPUT);
    assert_string_equal(e.text, says);
}

static void days_are_understood_as_india_writes_them(void **state)
{
    static const char *const texts[] = {
        "05-04-2025",    "5-4-2025",   "05/04/2025", "5.4.2025",
        " 05-04-2025 ",  "05-04-25",   "5 Apr 2025", "05-April-25",
        "5 april, 2025", "2025-04-05", "2025/4/5",   "05-APR-2025",
        "०५-०४-२०२५",    "੦੫/੦੪/੨੦੨੫",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(day(texts[i], &indian), APRIL_5);
    }
}

static void the_order_decides_what_is_the_month(void **state)
{
    (void)state;
    assert_int_equal(day("04-05-2025", &american), APRIL_5);
    assert_int_equal(day("Apr 5, 2025", &indian), APRIL_5);
    assert_int_equal(day("5-Apr-2025", &american), APRIL_5);
    assert_int_equal(day("2025-04-05", &american), APRIL_5);
    no_day("25-04-2025", &american, "'25-04-2025' is not a day (mm-dd-yyyy)");
}

static void years_of_two_digits_need_a_century(void **state)
{
    (void)state;
    assert_int_equal(day("05-04-30", &indian), day("05-04-1930", &indian));
    assert_int_equal(day("05-04-29", &indian), day("05-04-2029", &indian));
    assert_int_equal(day("05-04-00", &indian), day("05-04-2000", &indian));
    no_day("05-04-25", &strict,
           "'05-04-25' has a year of two digits: say in the mapping file which "
           "they are (century = 1930 is 1930 to 2029)");
    no_day("05-04-125", &indian,
           "'05-04-125' is not a day: its year has neither two nor four "
           "digits");
}

static void what_is_no_day_is_refused(void **state)
{
    static const char *const texts[] = {
        "31-02-2025",
        "29-02-2025",
        "00-04-2025",
        "05-13-2025",
        "05-04/2025",
        "05-04",
        "yesterday",
        "",
        "5 Foo 2025",
        "05-04-2025x",
        "99999999999999999999-1-1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char says[128];
        (void)snprintf(says, sizeof says, "'%s' is not a day (dd-mm-yyyy)",
                       texts[i]);
        no_day(texts[i], &indian, says);
    }
    assert_int_equal(day("29-02-2024", &indian), 19782);
    no_day("45752", &indian,
           "'45752' is a spreadsheet's number of a day: format the column as a "
           "date and save it again");
}

static void times_have_twelve_or_twenty_four_hours(void **state)
{
    static const struct {
        const char *text;
        int32_t s; /* -1: none */
    } cases[] = {
        {"14:30", 52200},      {"2:30 pm", 52200}, {"2.30 PM", 52200},
        {"02:30 p.m.", 52200}, {"2pm", 50400},     {"12:00 am", 0},
        {"12:00 pm", 43200},   {"0:05", 300},      {"14:30:09", 52209},
        {"੧੪:੩੦", 52200},      {"13:00 pm", -1},   {"0:30 am", -1},
        {"24:00", -1},         {"14:60", -1},      {"14", -1},
        {"half past two", -1}, {"14:30 xm", -1},   {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        int32_t s = -1;
        int rc = written_time(cases[i].text, &s, &e);
        if ((rc == 0) != (cases[i].s >= 0) || s != cases[i].s) {
            fail_msg("'%s' is %d", cases[i].text, s);
        }
    }
}

static void a_day_and_its_time_stand_in_one_field(void **state)
{
    static const struct {
        const char *text;
        int32_t s;
    } cases[] = {
        {"05-04-2025 2:30 pm", 52200},  {"5 Apr 2025 14:30", 52200},
        {"2025-04-05T14:30:00", 52200}, {"05/04/2025", -1},
        {"5 April 2025", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        int64_t got = 0;
        int32_t s = 0;
        assert_int_equal(
            written_day_and_time(cases[i].text, &indian, &got, &s, &e), 0);
        assert_int_equal(got, APRIL_5);
        assert_int_equal(s, cases[i].s);
    }
    struct err e = {0};
    int64_t got = 0;
    int32_t s = 0;
    assert_int_equal(
        written_day_and_time("05-04-2025 noon", &indian, &got, &s, &e),
        ERR_INPUT);
    assert_string_equal(e.text,
                        "'noon' is not a time of day (14:30 or 2:30 pm)");
    assert_int_equal(
        written_day_and_time("31-02-2025 9:00", &indian, &got, &s, &e),
        ERR_INPUT);
    assert_string_equal(e.text, "'31-02-2025' is not a day (dd-mm-yyyy)");
}

static void times(const char *text, const char *unit, const char *factor,
                  const char *says)
{
    char out[WRITTEN_NUMBER_BYTES];
    struct written_number a;
    struct written_number b;
    struct err e = {0};
    assert_int_equal(written_number(text, unit, &a, &e), 0);
    assert_int_equal(written_number(factor, NULL, &b, &e), 0);
    assert_int_equal(written_times(a, b, &a, &e), 0);
    written_print(a, out);
    assert_string_equal(out, says);
}

static void numbers_are_exact(void **state)
{
    (void)state;
    times("4", "mg", "1000", "4000");
    times("0.4 mg", "mg", "1000", "400");
    times("0.4MG", "mg", "1000", "400");
    times("2.75", NULL, "1", "2.75");
    times("-0.5", NULL, "0.5", "-0.25");
    times("३.५", NULL, "2", "7");
    times(".5", NULL, "10", "5");
    times("000000000000000000004", NULL, "1", "4");
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "mg",
                                        "4,5",
                                        "1,000",
                                        "4 tab",
                                        "4-5",
                                        "4 4",
                                        "1e3",
                                        "--4",
                                        "1234567890123456789",
                                        "0.0000000000000000001"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err e = {0};
        struct written_number n;
        char says[128];
        (void)snprintf(says, sizeof says, "'%s' is not a number (mg)",
                       texts[i]);
        assert_int_equal(written_number(texts[i], "mg", &n, &e), ERR_INPUT);
        assert_string_equal(e.text, says);
    }
    struct written_number large = {INT64_C(999999999999999999), 0};
    struct written_number n;
    struct err e = {0};
    assert_int_equal(written_times(large, large, &n, &e), ERR_LIMIT);
}

static int born(const char *day, const char *age)
{
    static const struct written_days how = {.order = WRITTEN_DAY_MONTH_YEAR};
    struct err e;
    int64_t number = 0;
    int years = 0;
    assert_int_equal(written_day(day, &how, &number, &e), 0);
    assert_int_equal(written_age(age, &years, &e), 0);
    return written_birth_year(number, years);
}

static void an_age_is_a_year_of_birth_more_or_less(void **state)
{
    static const char *const no_ages[] = {"34 m", "123",  "-3", "34.5",
                                          "M",    "1984", "",   "34/M"};
    struct err e;
    int years = 0;
    (void)state;
    /* who is 34 in spring was born before the spring, most likely */
    assert_int_equal(born("1-3-2025", "34"), 1990);
    assert_int_equal(born("30-6-2025", "34 y"), 1990);
    assert_int_equal(born("1-7-2025", "34yrs"), 1991);
    assert_int_equal(born("31-12-2025", "34 Years"), 1991);
    assert_int_equal(born("31-12-2025", "34 साल"), 1991);
    assert_int_equal(born("31-12-2025", "\xe0\xa9\xa9\xe0\xa9\xaa ਸਾਲ"), 1991);
    assert_int_equal(born("1-1-2025", "122"), 1902);
    assert_int_equal(born("1-12-2025", "0"), 2025);
    for (size_t i = 0; i < sizeof no_ages / sizeof no_ages[0]; i++) {
        assert_int_equal(written_age(no_ages[i], &years, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "is not an age in years"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_understood_as_india_writes_them),
        cmocka_unit_test(the_order_decides_what_is_the_month),
        cmocka_unit_test(years_of_two_digits_need_a_century),
        cmocka_unit_test(what_is_no_day_is_refused),
        cmocka_unit_test(times_have_twelve_or_twenty_four_hours),
        cmocka_unit_test(a_day_and_its_time_stand_in_one_field),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(an_age_is_a_year_of_birth_more_or_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
