/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    /* When SQLite's busy handler looks again: delays[] in sqliteDefaultBusy-
     * Callback(), the last one for ever. */
    LOOKS = 12,
    TIMEOUT_MS = 5000,
};
static const int delays[LOOKS] = {1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100};

/* A node with more to write than it can: transaction after transaction of this
 * length, when it may. `begins` moves: when the next one begins. */
struct writer {
    struct hold hold;
    int64_t length_ms;
    int64_t begins_ms;
};

static void write_one(struct writer *w)
{
    int64_t ends_ms = w->begins_ms + w->length_ms;
    hold_used(&w->hold, w->begins_ms, ends_ms, 0);
    w->begins_ms = w->hold.until_ms > ends_ms ? w->hold.until_ms : ends_ms;
}

/* How long a program waits that first looks at `at_ms`. */
static int64_t wait_from(struct writer w, int64_t at_ms)
{
    int64_t look_ms = at_ms;
    for (int i = 0; look_ms - at_ms <= TIMEOUT_MS; i++) {
        while (w.begins_ms <= look_ms) {
            write_one(&w);
        }
        if (look_ms >= w.hold.ended_ms) {
            return look_ms - at_ms;
        }
        look_ms += delays[i < LOOKS ? i : LOOKS - 1];
    }
    return INT64_MAX;
}

static int64_t longest_wait(int64_t length_ms)
{
    int64_t longest_ms = 0;
    struct writer w = {.length_ms = length_ms, .begins_ms = 1000};
    for (int i = 0; i < 50; i++) {
        write_one(&w);
    }
    for (int64_t at_ms = w.begins_ms; at_ms < w.begins_ms + 1000; at_ms++) {
        int64_t wait_ms = wait_from(w, at_ms);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
    }
    return longest_ms;
}

static void a_program_that_waits_gets_in_within_half_a_second(void **state)
{
    (void)state;
    for (int64_t length_ms = 1; length_ms <= 100; length_ms++) {
        assert_in_range(longest_wait(length_ms), 0, 500);
    }
}

/* Where a transaction lasts longer than programs wait between looks. */
static void a_slow_machine_lets_programs_in_as_well(void **state)
{
    (void)state;
    for (int64_t length_ms = 101; length_ms <= 1000; length_ms++) {
        assert_in_range(longest_wait(length_ms), 0, length_ms + 400);
    }
}

static void a_node_alone_keeps_two_thirds_of_the_time(void **state)
{
    (void)state;
    for (int64_t length_ms = 1; length_ms <= 500; length_ms++) {
        struct writer w = {.length_ms = length_ms, .begins_ms = 1000};
        int64_t writes = 0;
        for (; w.begins_ms < 1000 * 1000; writes++) {
            write_one(&w);
        }
        assert_true(3 * writes * length_ms >= 2 * (w.begins_ms - 1000) - 500);
    }
}

static void a_node_with_less_to_write_never_pauses(void **state)
{
    (void)state;
    struct hold h = {0};
    for (int64_t at_ms = 1000; at_ms < 20000; at_ms += 30) {
        hold_used(&h, at_ms, at_ms + 20, 0);
        assert_int_equal(h.until_ms, 0);
    }
}

static void many_short_writes_end_in_one_pause(void **state)
{
    (void)state;
    struct hold h = {0};
    int64_t at_ms = 1000;
    for (; h.until_ms == 0; at_ms += 2) {
        hold_used(&h, at_ms, at_ms + 2, 0);
    }
    assert_int_equal(at_ms, 1240);
    assert_int_equal(h.until_ms, 1240 + 120);
    size_t turns = h.turns;
    /* a checkpoint at once after it moves the pause, and is of the same turn */
    hold_used(&h, 1240, 1260, 0);
    assert_int_equal(h.until_ms, 1260 + 120);
    assert_int_equal(h.turns, turns);
    hold_used(&h, 1380, 1385, 0);
    assert_int_equal(h.until_ms, 1260 + 120);
    assert_int_equal(h.turns, turns + 1);
}

static void a_pause_blocks_no_note_and_a_lock_does(void **state)
{
    (void)state;
    struct hold h = {.until_ms = 2000};
    assert_false(hold_blocks(&h, 1000));
    h.code = ERR_BUSY;
    assert_true(hold_blocks(&h, 1999));
    assert_false(hold_blocks(&h, 2000));
}

/* --- how much at once ------------------------------------------------------- */

/* How long the last of some transactions takes where a row takes so long. */
static int64_t settles_at(struct hold *h, int64_t row_us)
{
    int64_t took_ms = 0;
    for (int64_t at_ms = 0, i = 0; i < 20; i++) {
        size_t rows = hold_rows(h);
        took_ms = (int64_t)rows * row_us / 1000;
        hold_used(h, at_ms, at_ms + took_ms, rows);
        at_ms += took_ms + 1000;
    }
    return took_ms;
}

static void a_transaction_is_as_short_on_a_slow_machine(void **state)
{
    (void)state;
    for (int64_t row_us = 20; row_us <= 1500; row_us += 10) {
        struct hold h = {0};
        assert_in_range(settles_at(&h, row_us), 50, 110);
        assert_in_range(settles_at(&h, 20), 50, 110); /* fast again */
    }
}

static void a_transaction_is_worth_its_sync(void **state)
{
    (void)state;
    struct hold h = {0};
    (void)settles_at(&h, 20 * 1000);
    assert_in_range(hold_rows(&h), 50, 100);
}

/* A lone row that waited for the disk says nothing of what rows cost. */
static void few_rows_teach_nothing(void **state)
{
    (void)state;
    struct hold h = {0};
    (void)settles_at(&h, 50);
    size_t rows = hold_rows(&h);
    hold_used(&h, 100000, 101000, 1);
    assert_int_equal(hold_rows(&h), rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_waits_gets_in_within_half_a_second),
        cmocka_unit_test(a_slow_machine_lets_programs_in_as_well),
        cmocka_unit_test(a_node_alone_keeps_two_thirds_of_the_time),
        cmocka_unit_test(a_node_with_less_to_write_never_pauses),
        cmocka_unit_test(many_short_writes_end_in_one_pause),
        cmocka_unit_test(a_pause_blocks_no_note_and_a_lock_does),
        cmocka_unit_test(a_transaction_is_as_short_on_a_slow_machine),
        cmocka_unit_test(a_transaction_is_worth_its_sync),
        cmocka_unit_test(few_rows_teach_nothing),
    };
    return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
