/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/hlc.h"

#include "support/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t noon_ms = INT64_C(1765022400000); /* 2025-12-06T12:00Z */

static void stamps_follow_a_clock_that_moves(void **state)
{
    (void)state;
    uint64_t last = hlc_of_ms(noon_ms);
    uint64_t next = hlc_next(last, noon_ms + 5, noon_ms + 5);
    assert_true(next == hlc_of_ms(noon_ms + 5));
    assert_int_equal(hlc_ms(next), noon_ms + 5);
}

static void stamps_grow_while_the_clock_stands(void **state)
{
    (void)state;
    uint64_t last = hlc_next(0, noon_ms, noon_ms);
    for (int i = 0; i < 100000; i++) { /* more than the counter has room for */
        uint64_t next = hlc_next(last, noon_ms, noon_ms);
        assert_true(next == last + 1);
        last = next;
    }
    assert_int_equal(hlc_ms(last), noon_ms + 1);
}

static void stamps_grow_when_the_clock_jumps_back(void **state)
{
    (void)state;
    uint64_t last = hlc_of_ms(noon_ms);
    int64_t battery_died_ms = 0;
    assert_true(hlc_next(last, battery_died_ms, battery_died_ms) == last + 1);
    assert_true(hlc_next(last, -1, INT64_MIN) == last + 1);
}

static void a_capture_from_a_clock_ahead_is_stamped_now(void **state)
{
    (void)state;
    int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;
    uint64_t next = hlc_next(0, noon_ms + year_ms, noon_ms);
    assert_true(next == hlc_of_ms(noon_ms));
}

static void a_capture_before_now_keeps_its_time(void **state)
{
    (void)state;
    uint64_t next = hlc_next(0, noon_ms - 60000, noon_ms);
    assert_int_equal(hlc_ms(next), noon_ms - 60000);
}

static void times_that_do_not_fit_are_taken_as_the_nearest(void **state)
{
    (void)state;
    int64_t last_ms = (INT64_C(1) << 48) - 1;
    assert_true(hlc_of_ms(-1) == 0);
    assert_true(hlc_of_ms(INT64_MIN) == 0);
    assert_int_equal(hlc_ms(hlc_of_ms(last_ms)), last_ms);
    assert_int_equal(hlc_ms(hlc_of_ms(last_ms + 1)), last_ms);
    assert_int_equal(hlc_ms(hlc_of_ms(INT64_MAX)), last_ms);
}

static void stamps_strictly_grow_whatever_the_clock_does(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    uint64_t last = 0;
    for (int i = 0; i < 200000; i++) {
        int64_t now = noon_ms + (int64_t)dice_below(&d, 1000000) - 500000;
        int64_t captured = now + (int64_t)dice_below(&d, 2000) - 1000;
        uint64_t next = hlc_next(last, captured, now);
        assert_true(next > last);
        assert_true(next == last + 1 || hlc_ms(next) <= now);
        last = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_follow_a_clock_that_moves),
        cmocka_unit_test(stamps_grow_while_the_clock_stands),
        cmocka_unit_test(stamps_grow_when_the_clock_jumps_back),
        cmocka_unit_test(a_capture_from_a_clock_ahead_is_stamped_now),
        cmocka_unit_test(a_capture_before_now_keeps_its_time),
        cmocka_unit_test(times_that_do_not_fit_are_taken_as_the_nearest),
        cmocka_unit_test(stamps_strictly_grow_whatever_the_clock_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
