/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static void key_of_test(uint8_t ret[MATCH_KEY_BYTES])
{
    for (size_t i = 0; i < MATCH_KEY_BYTES; i++) {
        ret[i] = (uint8_t)i;
    }
}

/* Computed by another program from the description: a token of last year must
 * be found with this program. */
static void tokens_are_what_they_always_were(void **state)
{
    (void)state;
    uint8_t key[MATCH_KEY_BYTES];
    char token[MATCH_TOKEN_BYTES];
    key_of_test(key);
    match_token(key, "name_key", slice_text("grprt snd|blvndr|1990|female"),
                token);
    assert_string_equal(token, "ed003bf81276c4b351c64d2176af5c84");
    match_token(key, "name_key2", slice_text("grprt|1990"), token);
    assert_string_equal(token, "027d45ca4d2b2ee955496c372a6fde28");
}

static void key_kind_and_value_all_count(void **state)
{
    (void)state;
    uint8_t key[MATCH_KEY_BYTES];
    char token[MATCH_TOKEN_BYTES];
    char other[MATCH_TOKEN_BYTES];
    key_of_test(key);
    match_token(key, "phone", slice_text("12"), token);
    match_token(key, "phone", slice_text("13"), other);
    assert_string_not_equal(token, other);
    match_token(key, "abha", slice_text("12"), other);
    assert_string_not_equal(token, other);
    match_token(key, "phone1", slice_text("2"), other);
    assert_string_not_equal(token, other);
    key[31]++;
    match_token(key, "phone", slice_text("12"), other);
    assert_string_not_equal(token, other);
}

/* What each text is as a number; NULL: it is none. */
static void expect_forms(bool (*form)(const char *text, struct bytes *out),
                         const char *const pairs[][2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes out = {0};
        bytes_put(&out, "x", 1);
        const char *wanted = pairs[i][1] == NULL ? "" : pairs[i][1];
        assert_int_equal(form(pairs[i][0], &out), pairs[i][1] != NULL);
        bytes_put_u8(&out, '\0');
        assert_string_equal((const char *)out.data + 1, wanted);
        bytes_free(&out);
    }
}

static void a_phone_is_its_last_ten_digits(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"9876543210", "9876543210"},
        {"+91 98765-43210", "9876543210"},
        {"(0) 98765.43210", "9876543210"},
        {" 0091 98765 43210 ", "9876543210"},
        {"919876543210", "9876543210"},
        {"543210", NULL},                  /* of which town? */
        {"9876543210 / 9876543211", NULL}, /* of two: which? */
        {"98765 43210 ext 4", NULL},
        {"0000000000", NULL}, /* written where there is none */
        {"+91 99999 99999", NULL},
        {"12345678901234567", NULL},
        {"\xe0\xa9\xa7\xe0\xa9\xa7", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    expect_forms(match_phone, pairs, sizeof pairs / sizeof pairs[0]);
}

static void an_abha_number_is_its_fourteen_digits(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"12-3456-7890-1234", "12345678901234"},
        {" 12 3456 7890 1234", "12345678901234"},
        {"12345678901234", "12345678901234"},
        {"1234567890123", NULL},
        {"123456789012345", NULL},
        {"name@abdm", NULL}, /* an address, which changes */
        {"00-0000-0000-0000", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    expect_forms(match_abha, pairs, sizeof pairs / sizeof pairs[0]);
}

static void a_key_file_is_one_line(void **state)
{
    (void)state;
    static const char good[] = "# from headquarters\n"
                               "match_key = 000102030405060708090a0b0c0d0e0f"
                               "101112131415161718191A1B1C1D1E1F\n";
    static const char bare[] =
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    static const char no_digit[] =
        "match_key = "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n";
    static const char *const bad[] = {
        "", "match_key =\n", "match_key = 00\n", "key = 00\n", bare, no_digit};
    uint8_t key[MATCH_KEY_BYTES];
    uint8_t wanted[MATCH_KEY_BYTES];
    struct err e = {0};
    key_of_test(wanted);
    assert_int_equal(match_key_parse(slice_text(good), key, &e), 0);
    assert_memory_equal(key, wanted, sizeof key);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(match_key_parse(slice_text(bad[i]), key, &e),
                         ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_what_they_always_were),
        cmocka_unit_test(key_kind_and_value_all_count),
        cmocka_unit_test(a_phone_is_its_last_ten_digits),
        cmocka_unit_test(an_abha_number_is_its_fourteen_digits),
        cmocka_unit_test(a_key_file_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
