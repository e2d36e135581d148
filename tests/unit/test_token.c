/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens, and UUIDs, which they are mostly about. */
#include "protocol/token.h"

#include "support/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t now_ms = 1795357690500;

/* What was written, and a reader of it. */
struct tape {
    struct token_memory writer;
    struct token_memory reader;
    struct bytes tokens;
    struct bytes raw;
    struct cursor token_cursor;
    struct cursor raw_cursor;
    struct bytes text;
};

static void tape_start(struct tape *t)
{
    memset(t, 0, sizeof *t);
    token_memory_start(&t->writer, now_ms);
    token_memory_start(&t->reader, now_ms);
    bytes_reserve(&t->text, TOKEN_TEXT_BYTES);
}

static void tape_free(struct tape *t)
{
    token_memory_free(&t->writer);
    token_memory_free(&t->reader);
    bytes_free(&t->tokens);
    bytes_free(&t->raw);
    bytes_free(&t->text);
}

/* Bytes it took, in both streams. */
static size_t put(struct tape *t, struct value v)
{
    size_t before = t->tokens.len + t->raw.len;
    token_write(&t->writer, &v, &t->tokens, &t->raw);
    return t->tokens.len + t->raw.len - before;
}

static void rewind_tape(struct tape *t)
{
    t->token_cursor = cursor_of(slice_of(&t->tokens));
    t->raw_cursor = cursor_of(slice_of(&t->raw));
}

/* Borrows until the next. */
static struct value get(struct tape *t)
{
    bytes_clear(&t->text);
    return token_read(&t->reader, &t->token_cursor, &t->raw_cursor, &t->text);
}

static void assert_next(struct tape *t, struct value v)
{
    struct value back = get(t);
    assert_false(t->token_cursor.bad || t->raw_cursor.bad);
    assert_true(value_equal(&v, &back));
}

static void assert_all_read(const struct tape *t)
{
    assert_true(cursor_done(&t->token_cursor) && cursor_done(&t->raw_cursor));
}

/* --- round trips --------------------------------------------------------- */

static void a_value_of_any_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    enum { VALUES = 5000 };
    struct sample s;
    struct tape t;
    struct value *values = calloc(VALUES, sizeof *values);
    assert_non_null(values);
    sample_start(&s);
    tape_start(&t);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = sample_value(&s);
        (void)put(&t, values[i]);
    }
    rewind_tape(&t);
    for (size_t i = 0; i < VALUES; i++) {
        assert_next(&t, values[i]);
    }
    assert_all_read(&t);
    free(values);
    tape_free(&t);
    sample_free(&s);
}

static void instants_far_apart_come_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0000-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "ffffffff-ffff-7fff-bfff-ffffffffffff", /* a UUID of the year 10889 */
        "0000-01-01T00:00:00.000Z",
        "00000000-0000-7000-8000-000000000000",
        "9999-12-31",
        "0000-01-01",
        "9999-12-31",
    };
    struct tape t;
    tape_start(&t);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        (void)put(&t, value_text(texts[i]));
    }
    rewind_tape(&t);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_next(&t, value_text(texts[i]));
    }
    assert_all_read(&t);
    tape_free(&t);
}

/* --- sizes --------------------------------------------------------------- */

static void what_is_a_number_is_written_as_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } cases[] = {
        {"2026-11-22T14:28:10.501Z", 2},
        {"2026-11-22", 2},
        {"5f3a1c9e-2d4b-4a6f-9c8e-7b6d5a4f3e2d", 17},
        {"5f3a1c9e-2d4b-4a6f-9c8e-7b6d5a4f3e2d", 2},  /* again */
        {"01a203a8-4a85-7abc-8def-0123456789ab", 12}, /* of that instant */
        {"5F3A1C9E-2D4B-4A6F-9C8E-7B6D5A4F3E2D", 37}, /* not canonical */
        {"5f3a1c9e-2d4b-4a6f-9c8e-7b6d5a4f3e2", 36},
        {"2026-02-30", 11},
        {"2026-11-22T14:28:10.501z", 25},
        {"2026-11-22T25:28:10.501Z", 25},
        {"", 1},
    };
    struct tape t;
    tape_start(&t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(put(&t, value_text(cases[i].text)), cases[i].bytes);
    }
    tape_free(&t);
}

static void a_text_of_up_to_239_bytes_has_its_length_in_the_tag(void **state)
{
    (void)state;
    uint8_t data[300];
    struct tape t;
    memset(data, 'x', sizeof data);
    tape_start(&t);
    for (size_t len = 0; len < sizeof data; len++) {
        struct value v = {.type = VALUE_TEXT, .bytes = {data, len}};
        assert_int_equal(put(&t, v), len + (len <= 239 ? 1 : 3));
    }
    rewind_tape(&t);
    for (size_t len = 0; len < sizeof data; len++) {
        assert_next(&t,
                    (struct value){.type = VALUE_TEXT, .bytes = {data, len}});
    }
    tape_free(&t);
}

static void minus_nought_is_written_as_nought(void **state)
{
    (void)state;
    struct tape t;
    tape_start(&t);
    (void)put(&t, (struct value){.type = VALUE_REAL, .real = 0.0});
    size_t len = put(&t, (struct value){.type = VALUE_REAL, .real = -0.0});
    assert_int_equal(len, 9);
    assert_memory_equal(t.tokens.data, t.tokens.data + len, len);
    tape_free(&t);
}

/* --- many UUIDs ---------------------------------------------------------- */

static void uuid_number(size_t i, char out[37])
{
    (void)snprintf(out, 37, "5f3a1c9e-2d4b-%c%03x-9c8e-%012zx",
                   i % 2 == 0 ? '4' : '7', (unsigned)(i % 4096), i);
}

/* The writer's table is for 4096; later ones are written in full again. */
static void more_uuids_than_the_table_takes_still_come_back(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct tape t;
    char out[37];
    tape_start(&t);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            uuid_number(i, out);
            size_t bytes = put(&t, value_text(out));
            assert_true((bytes <= 4) == (round == 1 && i < 4095));
        }
    }
    rewind_tape(&t);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            uuid_number(i, out);
            assert_next(&t, value_text(out));
        }
    }
    assert_all_read(&t);
    tape_free(&t);
}

static void the_memory_forgets_when_it_starts_again(void **state)
{
    (void)state;
    static const char uuid[] = "5f3a1c9e-2d4b-4a6f-9c8e-7b6d5a4f3e2d";
    struct tape t;
    tape_start(&t);
    size_t first = put(&t, value_text(uuid));
    token_memory_start(&t.writer, now_ms);
    assert_int_equal(put(&t, value_text(uuid)), first);
    tape_free(&t);
}

/* --- hostile ------------------------------------------------------------- */

static bool reads(const uint8_t *tokens, size_t len, size_t raw_len)
{
    static const uint8_t raw[64];
    struct tape t;
    tape_start(&t);
    t.token_cursor = cursor_of((struct slice){tokens, len});
    t.raw_cursor = cursor_of((struct slice){raw, raw_len});
    (void)get(&t);
    bool good = cursor_done(&t.token_cursor) && !t.raw_cursor.bad;
    tape_free(&t);
    return good;
}

static void a_token_that_means_nothing_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t tokens[11];
        bool good;
        size_t len;
    } cases[] = {
        {{0}, true, 1},
        {{1, 2}, true, 2},
        {{1}, false, 1},
        {{1, 0x80, 0}, false, 3}, /* a number has one form */
        {{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, true, 11},
        {{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, false, 11},
        {{2, 0, 0, 0, 0, 0, 0, 0}, false, 8},
        {{3, 1, 'x'}, true, 3},
        {{3, 2, 'x'}, false, 3},
        {{3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, false, 11},
        {{4, 64}, true, 2},
        {{4, 65}, false, 2},
        {{4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, false, 11},
        {{5}, true, 1},
        {{6, 0}, false, 2}, /* no UUID was seen */
        {{6, 1}, false, 2},
        {{7, 0}, true, 2},
        {{8, 0}, true, 2},
        {{8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, false, 11},
        {{9, 0}, true, 2},
        {{9, 255, 255, 255, 255, 15}, false, 6}, /* before the year 0 */
        {{10}, false, 1},
        {{15}, false, 1},
        {{16}, true, 1},
        {{17}, false, 1},
        {{255, 'x'}, false, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(reads(cases[i].tokens, cases[i].len, 64),
                         cases[i].good);
    }
    assert_false(reads((const uint8_t *)"\5", 1, 15));
    assert_false(reads((const uint8_t *)"\7\0", 2, 9));
}

static void random_tokens_are_read_without_harm(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    uint8_t tokens[64];
    uint8_t raw[64];
    for (size_t round = 0; round < 20000; round++) {
        struct tape t;
        dice_fill(&d, tokens, sizeof tokens);
        dice_fill(&d, raw, sizeof raw);
        for (size_t i = 0; i < sizeof tokens; i += 2) {
            tokens[i] %= 12;
        }
        tape_start(&t);
        t.token_cursor =
            cursor_of((struct slice){tokens, dice_below(&d, sizeof tokens)});
        t.raw_cursor =
            cursor_of((struct slice){raw, dice_below(&d, sizeof raw)});
        while (!t.token_cursor.bad && cursor_left(&t.token_cursor) > 0) {
            struct value v = get(&t);
            assert_true(v.bytes.len <= 64);
        }
        tape_free(&t);
    }
}

/* --- UUIDs --------------------------------------------------------------- */

static void a_uuid_is_taken_in_its_canonical_form_only(void **state)
{
    (void)state;
    static const char sound[] = "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a11";
    static const char *const none[] = {
        "",
        "0198F0A0-7c1e-7d3a-8b1f-3f9d3b7c2a11",
        "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a1",
        "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a111",
        "{198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a1}",
        "0198f0a07c1e7d3a8b1f3f9d3b7c2a11",
        "0198f0a0-7c1e7-d3a-8b1f-3f9d3b7c2a11",
        "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a1g",
        "0198f0a0_7c1e_7d3a_8b1f_3f9d3b7c2a11",
    };
    uint8_t uuid[UUID_BYTES];
    struct bytes out = {0};
    assert_true(uuid_parse(slice_text(sound), uuid));
    assert_memory_equal(uuid,
                        "\x01\x98\xf0\xa0\x7c\x1e\x7d\x3a"
                        "\x8b\x1f\x3f\x9d\x3b\x7c\x2a\x11",
                        UUID_BYTES);
    uuid_print(uuid, &out);
    assert_true(slice_equal(slice_of(&out), slice_text(sound)));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(uuid_parse(slice_text(none[i]), uuid));
    }
    bytes_free(&out);
}

static void any_sixteen_bytes_have_a_text_and_come_back(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (size_t i = 0; i < 20000; i++) {
        uint8_t uuid[UUID_BYTES];
        uint8_t back[UUID_BYTES];
        struct bytes out = {0};
        dice_fill(&d, uuid, sizeof uuid);
        uuid_print(uuid, &out);
        assert_int_equal(out.len, UUID_TEXT_BYTES);
        assert_true(uuid_parse(slice_of(&out), back));
        assert_memory_equal(uuid, back, UUID_BYTES);
        bytes_free(&out);
    }
}

static void one_letter_changed_is_refused_or_another_uuid(void **state)
{
    (void)state;
    static const char sound[] = "0198f0a0-7c1e-7d3a-8b1f-3f9d3b7c2a11";
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        for (unsigned c = 0; c < 256; c++) {
            char other[sizeof sound];
            uint8_t uuid[UUID_BYTES];
            struct bytes out = {0};
            memcpy(other, sound, sizeof sound);
            other[i] = (char)c;
            struct slice given = {(const uint8_t *)other, UUID_TEXT_BYTES};
            if (uuid_parse(given, uuid)) {
                uuid_print(uuid, &out);
                assert_true(slice_equal(slice_of(&out), given));
            }
            bytes_free(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_any_kind_comes_back_as_it_was),
        cmocka_unit_test(instants_far_apart_come_back),
        cmocka_unit_test(what_is_a_number_is_written_as_one),
        cmocka_unit_test(a_text_of_up_to_239_bytes_has_its_length_in_the_tag),
        cmocka_unit_test(minus_nought_is_written_as_nought),
        cmocka_unit_test(more_uuids_than_the_table_takes_still_come_back),
        cmocka_unit_test(the_memory_forgets_when_it_starts_again),
        cmocka_unit_test(a_token_that_means_nothing_is_refused),
        cmocka_unit_test(random_tokens_are_read_without_harm),
        cmocka_unit_test(a_uuid_is_taken_in_its_canonical_form_only),
        cmocka_unit_test(any_sixteen_bytes_have_a_text_and_come_back),
        cmocka_unit_test(one_letter_changed_is_refused_or_another_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
