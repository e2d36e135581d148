/* SPDX-License-Identifier: Apache-2.0 */
/* What a write covers, and what it does to a list, as bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/context.h"
#include "protocol/elements.h"
#include "protocol/limits.h"
#include "store/clause.h"
#include "support/dice.h"
#include "support/vectors.h"

/* --- contexts -------------------------------------------------------------- */

static struct context_entry entry_of(uint8_t origin, uint64_t incarnation,
                                     uint64_t seq)
{
    struct context_entry e = {.incarnation = incarnation, .seq = seq};
    memset(e.origin, origin, sizeof e.origin);
    return e;
}

static bool are_sound(const struct bytes *b, size_t count)
{
    struct cursor c = cursor_of(slice_of(b));
    return contexts_are_sound(&c, count) && cursor_done(&c);
}

static void the_context_of_a_column_comes_back(void **state)
{
    (void)state;
    const struct context_entry first[] = {entry_of(1, 5, 7), entry_of(1, 6, 2),
                                          entry_of(2, 0, UINT64_MAX)};
    const struct context_entry second[] = {entry_of(9, 1, 1)};
    struct bytes b = {0};
    struct context_entry got;
    context_put(3, first, 3, &b);
    context_put(4, NULL, 0, &b);
    context_put(900, second, 1, &b);
    assert_true(are_sound(&b, 3));
    assert_false(are_sound(&b, 2)); /* something after it */
    struct context c = context_of(slice_of(&b), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(context_next(&c, &got));
        assert_int_equal(context_entry_compare(&got, &first[i]), 0);
        assert_int_equal(got.seq, first[i].seq);
    }
    assert_false(context_next(&c, &got));
    c = context_of(slice_of(&b), 900);
    assert_true(context_next(&c, &got));
    assert_int_equal(got.seq, 1);
    c = context_of(slice_of(&b), 4);
    assert_false(context_next(&c, &got));
    c = context_of(slice_of(&b), 5);
    assert_false(context_next(&c, &got));
    bytes_free(&b);
}

static void a_context_out_of_order_or_cut_is_unsound(void **state)
{
    (void)state;
    const struct context_entry sound[] = {entry_of(1, 5, 7), entry_of(2, 6, 2)};
    struct bytes b = {0};
    context_put(3, sound, 2, &b);
    for (size_t len = 0; len < b.len; len++) {
        struct bytes cut = {.data = b.data, .len = len};
        assert_false(are_sound(&cut, 1));
    }
    /* the second writer's name below the first's, then the same */
    memset(b.data + 4 + 48, 0, 32);
    assert_false(are_sound(&b, 1));
    memcpy(b.data + 4 + 48, b.data + 4, 40);
    assert_false(are_sound(&b, 1));
    bytes_clear(&b);
    context_put(3, sound, 2, &b);
    context_put(3, sound, 1, &b);
    assert_false(are_sound(&b, 2)); /* a column twice */
    bytes_free(&b);
}

/* --- elements -------------------------------------------------------------- */

static void what_a_list_gained_and_lost_comes_back(void **state)
{
    (void)state;
    const struct value added[] = {value_integer(7), value_integer(-3),
                                  value_text("b"), value_text("aa")};
    const struct value removed[] = {value_text("")};
    struct bytes b = {0};
    struct elements e;
    elements_encode(added, 4, removed, 1, &b);
    struct value cell = value_blob(b.data, b.len);
    assert_true(elements_decode(&cell, &e));
    assert_int_equal(e.added_count, 4);
    assert_int_equal(e.removed_count, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_true(value_equal(&e.added[i], &added[i]));
    }
    assert_true(value_equal(&e.removed[0], &removed[0]));
    elements_clear(&e);
    vectors_check("elements.txt", "cell", b.data, b.len);
    bytes_free(&b);
}

static bool decodes(const void *data, size_t len)
{
    struct value cell = value_blob(data, len);
    struct elements e;
    bool sound = elements_decode(&cell, &e);
    elements_clear(&e);
    return sound;
}

static void what_is_no_such_cell_is_refused(void **state)
{
    (void)state;
    static const uint8_t empty[] = {0, 0, 0, 0};
    static const uint8_t twice[] = {0, 2, 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0};
    static const uint8_t null[] = {0, 1, 0, 0, 0};
    static const uint8_t many[] = {0xff, 0xff, 0, 0};
    static const uint8_t more[] = {0, 0, 0, 0, 0};
    struct value text = value_text("[]");
    struct elements e;
    assert_true(decodes(empty, sizeof empty));
    assert_false(decodes(twice, sizeof twice));
    assert_false(decodes(null, sizeof null));
    assert_false(decodes(many, sizeof many));
    assert_false(decodes(more, sizeof more));
    assert_false(decodes(empty, 3));
    assert_false(elements_decode(&text, &e));
    struct bytes large = {0};
    bytes_put_u16(&large, 1);
    bytes_put_u8(&large, VALUE_TEXT);
    bytes_put_u32(&large, ELEMENT_BYTES_MAX + 1);
    for (size_t i = 0; i <= ELEMENT_BYTES_MAX; i++) {
        bytes_put_u8(&large, 'x');
    }
    bytes_put_u16(&large, 0);
    assert_false(decodes(large.data, large.len));
    bytes_free(&large);
}

static void any_bytes_are_read_within_bounds(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (size_t round = 0; round < 50000; round++) {
        uint8_t bytes[64];
        size_t len = dice_below(&d, sizeof bytes + 1);
        dice_fill(&d, bytes, len);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = dice_below(&d, 3) == 0 ? bytes[i] : bytes[i] % 4;
        }
        (void)decodes(bytes, len);
        struct cursor c = cursor_of((struct slice){bytes, len});
        (void)contexts_are_sound(&c, dice_below(&d, 4));
    }
}

/* --- clauses --------------------------------------------------------------- */

static void the_columns_of_each_check_are_found(void **state)
{
    (void)state;
    static const char sql[] =
        "CREATE TABLE t(a TEXT CHECK (a <> 'b' /* c */), \"b c\" TEXT, -- CHECK"
        "(x)\n c TEXT DEFAULT 'CHECK(a)', [d] INTEGER check\n((D > 1) AND"
        " \"b C\" > ')'), checked INT, CHECK(abc = 1 or `c` = 2)) STRICT";
    const char *at = sql;
    struct slice clause;
    assert_true(clause_next(&at, &clause));
    assert_true(clause_names(clause, "a"));
    assert_true(clause_names(clause, "A"));
    assert_false(clause_names(clause, "b"));
    assert_false(clause_names(clause, "c"));
    assert_true(clause_next(&at, &clause));
    assert_true(clause_names(clause, "d"));
    assert_true(clause_names(clause, "b c"));
    assert_false(clause_names(clause, "c"));
    assert_true(clause_next(&at, &clause));
    assert_true(clause_names(clause, "c"));
    assert_true(clause_names(clause, "abc"));
    assert_false(clause_names(clause, "a"));
    assert_false(clause_next(&at, &clause));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_context_of_a_column_comes_back),
        cmocka_unit_test(a_context_out_of_order_or_cut_is_unsound),
        cmocka_unit_test(what_a_list_gained_and_lost_comes_back),
        cmocka_unit_test(what_is_no_such_cell_is_refused),
        cmocka_unit_test(any_bytes_are_read_within_bounds),
        cmocka_unit_test(the_columns_of_each_check_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
