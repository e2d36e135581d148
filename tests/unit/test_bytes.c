/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/bytes.h"

#include "support/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static void integers_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 2,  3,  4,  5,  6,  7, 8,
                                       9, 10, 11, 12, 13, 14, 15};
    struct bytes b = {0};
    bytes_put_u8(&b, 0x01);
    bytes_put_u16(&b, 0x0203);
    bytes_put_u32(&b, 0x04050607);
    bytes_put_u64(&b, 0x08090a0b0c0d0e0f);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.data, expected, sizeof expected);
    assert_true(be64_get(expected + 7) == 0x08090a0b0c0d0e0f);

    struct cursor c = cursor_of(slice_of(&b));
    assert_int_equal(cursor_u8(&c), 0x01);
    assert_int_equal(cursor_u16(&c), 0x0203);
    assert_int_equal(cursor_u32(&c), 0x04050607);
    assert_false(cursor_done(&c));
    assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
    assert_true(cursor_done(&c));
    bytes_free(&b);
}

static void a_buffer_grows_and_keeps_what_it_holds(void **state)
{
    (void)state;
    struct bytes b = {0};
    for (size_t i = 0; i < 100000; i++) {
        bytes_put_u8(&b, (uint8_t)(i * 7));
    }
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal(b.data[i], (uint8_t)(i * 7));
    }
    bytes_clear(&b);
    assert_int_equal(b.len, 0);
    bytes_put(&b, NULL, 0);
    assert_int_equal(b.len, 0);
    bytes_free(&b);
    assert_null(b.data);
    bytes_put_u8(&b, 1); /* still usable */
    assert_int_equal(b.len, 1);
    bytes_free(&b);
}

static void after_a_short_read_everything_is_zero(void **state)
{
    (void)state;
    static const uint8_t raw[] = {1, 2, 3, 4, 5};
    struct cursor c = cursor_of((struct slice){raw, sizeof raw});
    assert_int_equal(cursor_u16(&c), 0x0102);
    assert_int_equal(cursor_u32(&c), 0);
    assert_true(c.bad);
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(cursor_u8(&c), 0);
    assert_null(cursor_take(&c, 0));
    assert_int_equal(cursor_slice(&c, 100).len, 0);
    assert_false(cursor_done(&c));
}

static void an_empty_slice_reads_as_nothing(void **state)
{
    (void)state;
    struct cursor c = cursor_of((struct slice){NULL, 0});
    assert_true(cursor_done(&c));
    assert_non_null(cursor_take(&c, 0));
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(c.bad);
}

static void a_slice_longer_than_allowed_is_refused(void **state)
{
    (void)state;
    struct bytes b = {0};
    bytes_put_slice(&b, slice_text("dose"));
    struct cursor c = cursor_of(slice_of(&b));
    assert_true(slice_equal(cursor_slice(&c, 4), slice_text("dose")));
    assert_true(cursor_done(&c));
    c = cursor_of(slice_of(&b));
    assert_int_equal(cursor_slice(&c, 3).len, 0);
    assert_true(c.bad);
    b.data[3] = 5; /* one more than there is */
    c = cursor_of(slice_of(&b));
    assert_int_equal(cursor_slice(&c, 100).len, 0);
    assert_true(c.bad);
    memset(b.data, 0xff, 4);
    c = cursor_of(slice_of(&b));
    assert_int_equal(cursor_slice(&c, SIZE_MAX).len, 0);
    assert_true(c.bad);
    bytes_free(&b);
}

static void slices_order_by_bytes_then_length(void **state)
{
    (void)state;
    static const char *const ascending[] = {"", "a", "aa", "ab", "b", "\x80"};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            struct slice a = slice_text(ascending[i]);
            struct slice b = slice_text(ascending[j]);
            int order = slice_compare(a, b);
            assert_int_equal(order < 0, i < j);
            assert_int_equal(order > 0, i > j);
            assert_int_equal(slice_equal(a, b), i == j);
        }
    }
    struct slice none = {NULL, 0};
    assert_true(slice_equal(none, slice_text("")));
    assert_int_equal(slice_compare(none, slice_text("")), 0);
}

/* --- varint -------------------------------------------------------------- */

static void check_varint(uint64_t v)
{
    struct bytes b = {0};
    size_t expected = 1;
    for (uint64_t rest = v >> 7; rest != 0; rest >>= 7) {
        expected++;
    }
    bytes_put_varint(&b, v);
    assert_int_equal(b.len, expected);
    struct cursor c = cursor_of(slice_of(&b));
    assert_true(cursor_varint(&c) == v);
    assert_true(cursor_done(&c));
    for (size_t cut = 0; cut < b.len; cut++) {
        c = cursor_of((struct slice){b.data, cut});
        assert_true(cursor_varint(&c) == 0);
        assert_true(c.bad);
    }
    bytes_free(&b);
}

static void a_varint_gives_back_its_number(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        check_varint(UINT64_C(1) << shift);
        check_varint((UINT64_C(1) << shift) - 1);
        check_varint(UINT64_MAX >> shift);
    }
    struct dice d = dice_seeded();
    for (int i = 0; i < 10000; i++) {
        check_varint(dice_u64(&d) >> dice_below(&d, 64));
    }
}

/* Whatever reads as a number is written the same way again. */
static void a_varint_has_one_form(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (int i = 0; i < 200000; i++) {
        uint8_t raw[12];
        for (size_t at = 0; at < sizeof raw; at++) {
            static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
            raw[at] = edges[dice_below(&d, sizeof edges)];
        }
        struct cursor c = cursor_of((struct slice){raw, sizeof raw});
        uint64_t v = cursor_varint(&c);
        if (c.bad) {
            continue;
        }
        struct bytes b = {0};
        bytes_put_varint(&b, v);
        assert_int_equal(b.len, c.at - raw);
        assert_memory_equal(b.data, raw, b.len);
        bytes_free(&b);
    }
}

static void other_forms_of_a_varint_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        size_t len;
    } forms[] = {
        {"\x80\x00", 2},                                  /* 0, padded */
        {"\xff\x00", 2},                                  /* 127, padded */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* 65 bits */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct cursor c = cursor_of(
            (struct slice){(const uint8_t *)forms[i].raw, forms[i].len});
        assert_true(cursor_varint(&c) == 0);
        assert_true(c.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_buffer_grows_and_keeps_what_it_holds),
        cmocka_unit_test(after_a_short_read_everything_is_zero),
        cmocka_unit_test(an_empty_slice_reads_as_nothing),
        cmocka_unit_test(a_slice_longer_than_allowed_is_refused),
        cmocka_unit_test(slices_order_by_bytes_then_length),
        cmocka_unit_test(a_varint_gives_back_its_number),
        cmocka_unit_test(a_varint_has_one_form),
        cmocka_unit_test(other_forms_of_a_varint_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
