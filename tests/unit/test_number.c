/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/number.h"

#include "support/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 20000 };

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* A network whose id is 0, 1, 2, ... */
static void key_of_test(uint8_t ret[NUMBER_KEY_BYTES])
{
    struct hash network;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        network.bytes[i] = (uint8_t)i;
    }
    number_key(&network, ret);
}

static void draw(struct dice *d, const uint8_t *key,
                 char ret[NUMBER_TEXT_BYTES])
{
    uint16_t node = (uint16_t)dice_u64(d);
    while (!number_print(
        key, node, (uint32_t)dice_below(d, NUMBER_COUNTER_MAX + 1), ret)) {
    }
}

static bool is_taken(const char *text)
{
    char number[NUMBER_TEXT_BYTES];
    struct err e = {0};
    return number_parse(text, number, &e) == 0;
}

/* --- the check ------------------------------------------------------------ */

/* The first two are in the test suites of other implementations, the third is a
 * donation number of ISBT 128. */
static void the_check_is_that_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(number_check("1234ABCD", 8), 'V');
    assert_int_equal(number_check("G123489654321", 13), 'Y');
    assert_int_equal(number_check("ABCDE27000069", 13), 'C');
    assert_int_equal(number_check("0TM6DS2V", 8), 'X');
}

static void every_wrong_character_is_found(void **state)
{
    (void)state;
    uint8_t key[NUMBER_KEY_BYTES];
    struct dice d = dice_seeded();
    key_of_test(key);
    for (int i = 0; i < SAMPLES / 10; i++) {
        char number[NUMBER_TEXT_BYTES];
        draw(&d, key, number);
        assert_true(is_taken(number));
        for (size_t at = 0; number[at] != '\0'; at++) {
            char was = number[at];
            for (const char *c = letters; was != '-' && *c != '\0'; c++) {
                number[at] = *c;
                assert_int_equal(is_taken(number), *c == was);
            }
            number[at] = was;
        }
    }
}

/* Also over a dash, and with one character between: abc for cba. */
static void swaps_are_found(void **state)
{
    (void)state;
    uint8_t key[NUMBER_KEY_BYTES];
    struct dice d = dice_seeded();
    key_of_test(key);
    for (int i = 0; i < SAMPLES; i++) {
        char number[NUMBER_TEXT_BYTES];
        char bare[NUMBER_TEXT_BYTES] = "";
        draw(&d, key, number);
        (void)snprintf(bare, sizeof bare, "%.3s%.3s%.3s", number, number + 4,
                       number + 8);
        size_t apart = 1 + dice_below(&d, 2);
        size_t at = dice_below(&d, 9 - apart);
        bool same = bare[at] == bare[at + apart];
        char was = bare[at];
        bare[at] = bare[at + apart];
        bare[at + apart] = was;
        assert_int_equal(is_taken(bare), same);
    }
}

/* --- the bijection -------------------------------------------------------- */

/* Computed by another program from the description. */
static void numbers_are_what_they_always_were(void **state)
{
    (void)state;
    static const struct {
        uint16_t node;
        uint32_t counter;
        const char *number;
    } known[] = {
        {1, 0, "EYW-F2S-JPX"},
        {1, 1, "23F-7K8-S55"},
        {1, 2, "NSB-3RR-Z7R"},
        {740, 12345, "DF5-0TX-K98"},
        {NUMBER_NODE_MAX, NUMBER_COUNTER_MAX, "TEP-SG5-ASX"},
    };
    uint8_t key[NUMBER_KEY_BYTES];
    key_of_test(key);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char number[NUMBER_TEXT_BYTES];
        assert_true(number_print(key, known[i].node, known[i].counter, number));
        assert_string_equal(number, known[i].number);
    }
}

static void a_number_says_whose_it_is_to_who_has_the_key(void **state)
{
    (void)state;
    uint8_t key[NUMBER_KEY_BYTES];
    struct dice d = dice_seeded();
    key_of_test(key);
    for (int i = 0; i < SAMPLES; i++) {
        char number[NUMBER_TEXT_BYTES];
        uint16_t node = (uint16_t)dice_u64(&d);
        uint32_t counter = (uint32_t)dice_below(&d, NUMBER_COUNTER_MAX + 1);
        if (number_print(key, node, counter, number)) {
            uint16_t its_node = 0;
            uint32_t its_counter = 0;
            number_open(key, number, &its_node, &its_counter);
            assert_int_equal(its_node, node);
            assert_int_equal(its_counter, counter);
        }
    }
}

static int compare_numbers(const void *a, const void *b)
{
    return memcmp(a, b, NUMBER_TEXT_BYTES);
}

/* 300 counters of each of 740 nodes: as many people as the programme has. */
static void no_two_counters_have_one_number(void **state)
{
    (void)state;
    enum { NODES = 740, COUNTERS = 300, ALL = NODES * COUNTERS };
    uint8_t key[NUMBER_KEY_BYTES];
    char(*numbers)[NUMBER_TEXT_BYTES] = calloc(ALL, sizeof *numbers);
    size_t count = 0;
    assert_non_null(numbers);
    key_of_test(key);
    for (int node = 1; node <= NODES; node++) {
        for (uint32_t counter = 0; counter < COUNTERS; counter++) {
            count += number_print(key, (uint16_t)node, counter, numbers[count]);
        }
    }
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < count; i++) {
        assert_int_not_equal(compare_numbers(numbers[i - 1], numbers[i]), 0);
    }
    /* 5 of the 37 checks are not printed */
    double skipped = 1.0 - (double)count / ALL;
    assert_true(skipped > 0.130 && skipped < 0.140);
    free(numbers);
}

/* The next number, and the same of the next node, look like any other: three
 * characters in a hundred agree by chance. */
static void a_number_shows_neither_node_nor_order(void **state)
{
    (void)state;
    uint8_t key[NUMBER_KEY_BYTES];
    int same = 0;
    int seen = 0;
    key_of_test(key);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        char one[NUMBER_TEXT_BYTES];
        char next[NUMBER_TEXT_BYTES];
        uint16_t node = (uint16_t)(1 + i % 2);
        if (!number_print(key, 1, i, one) ||
            !number_print(key, node, node == 1 ? i + 1 : i, next)) {
            continue;
        }
        for (size_t at = 0; at < 10; at++) {
            seen += one[at] != '-';
            same += one[at] != '-' && one[at] == next[at];
        }
    }
    assert_true(same * 100 > seen * 2 && same * 100 < seen * 4);
}

static void another_network_has_other_numbers(void **state)
{
    (void)state;
    uint8_t key[NUMBER_KEY_BYTES];
    uint8_t other[NUMBER_KEY_BYTES];
    struct hash network = {{1}};
    char one[NUMBER_TEXT_BYTES] = "";
    char two[NUMBER_TEXT_BYTES] = "";
    key_of_test(key);
    number_key(&network, other);
    for (uint32_t i = 0; i < 100; i++) {
        if (number_print(key, 1, i, one) && number_print(other, 1, i, two)) {
            assert_string_not_equal(one, two);
        }
    }
    assert_true(one[0] != '\0' && two[0] != '\0');
}

/* --- what people type ------------------------------------------------------ */

static void what_a_person_types_is_understood(void **state)
{
    (void)state;
    static const char *const typed[] = {
        "0TM-6DS-2VX", "0tm-6ds-2vx",   "0TM6DS2VX",        "otm 6ds 2vx",
        "OTM-6DS-2VX", " 0TM 6DS 2VX ", "0T-M6\tDS--2V X\n"};
    struct err e = {0};
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        char number[NUMBER_TEXT_BYTES] = "";
        assert_int_equal(number_parse(typed[i], number, &e), 0);
        assert_string_equal(number, "0TM-6DS-2VX");
    }
}

static void i_and_l_are_ones(void **state)
{
    (void)state;
    char number[NUMBER_TEXT_BYTES];
    char typed[NUMBER_TEXT_BYTES + 1] = "11111111";
    struct err e = {0};
    typed[8] = number_check(typed, 8);
    assert_int_equal(number_parse(typed, number, &e), 0);
    memcpy(typed, "iIlL1iIl", 8);
    assert_int_equal(number_parse(typed, number, &e), 0);
    assert_memory_equal(number, "111-111-11", 10);
}

static void what_is_no_number_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *says;
    } cases[] = {
        {"", "it has 0 characters and should have 9"},
        {"0TM-6DS-2V", "it has 8 characters"},
        {"0TM-6DS-2VX-0", "it has 10 characters"},
        {"0TM-6DS-2V*", "a character that none has"},
        {"0TM-6DS-2VU", "a character that none has"},
        {"0TM-6DS-2V\xc3\xa9", "a character that none has"},
        {"0tm-6ds-v2x", "0TM-6DS-V2X is mistyped: its last character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char number[NUMBER_TEXT_BYTES] = "as it was";
        struct err e = {0};
        assert_int_equal(number_parse(cases[i].typed, number, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, cases[i].says));
        assert_string_equal(number, "as it was");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_is_that_of_the_standard),
        cmocka_unit_test(every_wrong_character_is_found),
        cmocka_unit_test(swaps_are_found),
        cmocka_unit_test(numbers_are_what_they_always_were),
        cmocka_unit_test(a_number_says_whose_it_is_to_who_has_the_key),
        cmocka_unit_test(no_two_counters_have_one_number),
        cmocka_unit_test(a_number_shows_neither_node_nor_order),
        cmocka_unit_test(another_network_has_other_numbers),
        cmocka_unit_test(what_a_person_types_is_understood),
        cmocka_unit_test(i_and_l_are_ones),
        cmocka_unit_test(what_is_no_number_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
