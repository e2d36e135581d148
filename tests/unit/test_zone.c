/* SPDX-License-Identifier: Apache-2.0 */
#include "node/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const int64_t now_ms = INT64_C(1765022400000); /* 2025-12-06T12:00Z */

static void punjab_has_one_offset(void **state)
{
    (void)state;
    struct zone z;
    assert_int_equal(zone_load("Asia/Kolkata", now_ms, &z, NULL), 0);
    assert_int_equal(z.count, 1);
    assert_int_equal(z.offsets[0].offset_s, 5 * 3600 + 1800);
    zone_clear(&z);
}

static void summer_time_changes_at_its_second(void **state)
{
    (void)state;
    struct zone z;
    bool found = false;
    assert_int_equal(zone_load("Europe/Berlin", now_ms, &z, NULL), 0);
    for (size_t i = 0; i < z.count; i++) {
        assert_true(i == 0 || z.offsets[i].from_s > z.offsets[i - 1].from_s);
        assert_true(i == 0 ||
                    z.offsets[i].offset_s != z.offsets[i - 1].offset_s);
        /* 2025-03-30T01:00:00Z */
        found |=
            z.offsets[i].from_s == 1743296400 && z.offsets[i].offset_s == 7200;
    }
    assert_true(found);
    /* two a year, 2020 to 2040 */
    assert_in_range(z.count, 40, 44);
    zone_clear(&z);
}

static void every_day_has_the_offset_the_system_gives_it(void **state)
{
    (void)state;
    struct zone z;
    assert_int_equal(zone_load("America/New_York", now_ms, &z, NULL), 0);
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    tzset();
    size_t at = 0;
    for (int64_t s = z.offsets[0].from_s; s < now_ms / 1000; s += 6 * 3600) {
        time_t t = (time_t)s;
        struct tm local;
        while (at + 1 < z.count && z.offsets[at + 1].from_s <= s) {
            at++;
        }
        assert_non_null(localtime_r(&t, &local));
        assert_int_equal(local.tm_gmtoff, z.offsets[at].offset_s);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    zone_clear(&z);
}

static int64_t instant(const struct zone *z, int64_t local_s)
{
    int64_t s = -1;
    assert_true(zone_instant(z, local_s, &s));
    return s;
}

static void what_a_clock_on_the_wall_showed_is_an_instant(void **state)
{
    (void)state;
    struct zone z;
    int64_t s = 0;
    assert_int_equal(zone_load_since("Asia/Kolkata", 0, now_ms, &z, NULL), 0);
    assert_int_equal(instant(&z, 19800), 0);
    assert_false(zone_instant(&z, 19799, &s)); /* before 1970 */
    zone_clear(&z);

    assert_int_equal(zone_load_since("America/New_York", 0, now_ms, &z, NULL),
                     0);
    /* 2015-03-08: 01:59:59 is followed by 03:00 */
    assert_int_equal(instant(&z, 1425779999), 1425779999 + 5 * 3600);
    assert_false(zone_instant(&z, 1425780000, &s));
    assert_int_equal(instant(&z, 1425783600), 1425783600 + 4 * 3600);
    /* 2015-11-01 01:30 twice: the first, of summer time */
    assert_int_equal(instant(&z, 1446341400), 1446341400 + 4 * 3600);
    zone_clear(&z);
}

static void what_is_no_zone_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "Asia/Amritsar",
        "IST-5:30",  "Asia/../Asia/Kolkata",
        "/etc/zone", "Asia",
        "zone.tab",  "Asia/Kolkata\n",
        "UTC0",      "Asia/Kolkata,M3.2.0",
        ":UTC",
    };
    struct zone z = {0};
    struct err e = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(zone_load(bad[i], now_ms, &z, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "Asia/Kolkata"));
    }
}

static void the_zone_of_the_process_stays(void **state)
{
    (void)state;
    struct zone z;
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    assert_int_equal(zone_load("Asia/Kolkata", now_ms, &z, NULL), 0);
    assert_string_equal(getenv("TZ"), "Europe/Berlin");
    zone_clear(&z);
    assert_int_equal(unsetenv("TZ"), 0);
    assert_int_equal(zone_load("Asia/Kolkata", now_ms, &z, NULL), 0);
    assert_null(getenv("TZ"));
    zone_clear(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(punjab_has_one_offset),
        cmocka_unit_test(summer_time_changes_at_its_second),
        cmocka_unit_test(every_day_has_the_offset_the_system_gives_it),
        cmocka_unit_test(what_a_clock_on_the_wall_showed_is_an_instant),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(the_zone_of_the_process_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
