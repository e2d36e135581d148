/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sparing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };

static void what_goes_on_is_told_ever_more_seldom(void **state)
{
    (void)state;
    static const int64_t wanted_s[] = {0, 1, 3, 7, 15, 31, 63, 123, 183};
    struct sparing s = {0};
    size_t told = 0;
    for (int64_t second = 0; second < 200; second++) {
        if (sparing_may(&s, HOUR_MS + second * SECOND_MS)) {
            assert_int_equal(second, wanted_s[told]);
            told++;
        }
    }
    assert_int_equal(told, sizeof wanted_s / sizeof wanted_s[0]);
}

static void after_a_quiet_minute_it_is_told_at_once(void **state)
{
    (void)state;
    struct sparing s = {0};
    for (int64_t second = 0; second < 600; second++) {
        (void)sparing_may(&s, second * SECOND_MS);
    }
    int64_t late_ms = 600 * SECOND_MS + 2 * MINUTE_MS;
    assert_true(sparing_may(&s, late_ms));
    assert_false(sparing_may(&s, late_ms + SECOND_MS - 1));
    assert_true(sparing_may(&s, late_ms + SECOND_MS));
}

static void the_first_is_told_however_young_the_clock(void **state)
{
    (void)state;
    struct sparing s = {0};
    assert_true(sparing_may(&s, 0));
    assert_false(sparing_may(&s, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_on_is_told_ever_more_seldom),
        cmocka_unit_test(after_a_quiet_minute_it_is_told_at_once),
        cmocka_unit_test(the_first_is_told_however_young_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
