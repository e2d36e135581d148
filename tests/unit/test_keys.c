/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/keys.h"

#include "protocol/fields.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

/* X25519 ignores five bits of a secret: what counts is the public half. */
static void assert_same_keys(const struct keys *a, const struct keys *b)
{
    uint8_t box[KEY_PUBLIC_BYTES];
    uint8_t curve[KEY_PUBLIC_BYTES];
    crypto_scalarmult_base(box, b->box_secret);
    crypto_scalarmult_base(curve, b->curve_secret);
    assert_memory_equal(a->sign_secret, b->sign_secret, SIGN_SECRET_BYTES);
    assert_memory_equal(a->sign_public, b->sign_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->box_public, box, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->box_public, b->box_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->curve_public, curve, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->curve_public, b->curve_public, KEY_PUBLIC_BYTES);
}

static void every_node_draws_other_keys(void **state)
{
    (void)state;
    struct keys a;
    struct keys b;
    keys_generate(&a);
    keys_generate(&b);
    assert_memory_not_equal(a.sign_secret, b.sign_secret, SIGN_SECRET_BYTES);
    assert_memory_not_equal(a.box_secret, b.box_secret, KEY_SECRET_BYTES);
    assert_memory_not_equal(a.curve_secret, b.curve_secret, KEY_SECRET_BYTES);
    assert_memory_not_equal(a.box_secret, a.curve_secret, KEY_SECRET_BYTES);
    assert_memory_not_equal(a.box_secret, a.sign_secret, KEY_SECRET_BYTES);
}

static void wiped_keys_are_zero(void **state)
{
    (void)state;
    struct keys k;
    keys_generate(&k);
    keys_wipe(&k);
    assert_true(sodium_is_zero((const uint8_t *)&k, sizeof k));
}

static void a_key_file_gives_back_the_keys(void **state)
{
    (void)state;
    struct keys k;
    struct keys back;
    struct bytes file = {0};
    keys_generate(&k);
    keys_print(&k, &file);
    assert_true(file.len <= KEYS_TEXT_BYTES_MAX);
    assert_int_equal(keys_parse(slice_of(&file), &back, NULL), 0);
    assert_memory_equal(&k, &back, sizeof k);

    uint8_t signature[SIGNATURE_BYTES];
    crypto_sign_detached(signature, NULL, (const uint8_t *)"dose", 4,
                         back.sign_secret);
    assert_int_equal(crypto_sign_verify_detached(
                         signature, (const uint8_t *)"dose", 4, k.sign_public),
                     0);
    bytes_free(&file);
}

static void a_damaged_key_file_never_gives_other_keys(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x02, 0x08, 0x20, 0x80};
    struct keys k;
    struct bytes file = {0};
    keys_generate(&k);
    keys_print(&k, &file);
    for (size_t i = 0; i < file.len; i++) {
        for (size_t flip = 0; flip < sizeof flips; flip++) {
            struct keys back;
            file.data[i] ^= flips[flip];
            if (keys_parse(slice_of(&file), &back, NULL) == 0) {
                assert_same_keys(&k, &back);
            }
            file.data[i] ^= flips[flip];
        }
    }
    bytes_free(&file);
}

static void a_key_file_cut_short_never_gives_other_keys(void **state)
{
    (void)state;
    struct keys k;
    struct bytes file = {0};
    keys_generate(&k);
    keys_print(&k, &file);
    for (size_t cut = 0; cut < file.len; cut++) {
        struct bytes exact = {0};
        struct keys back;
        bytes_put(&exact, file.data, cut);
        int rc = keys_parse(slice_of(&exact), &back, NULL);
        if (cut == file.len - 1) { /* only the last newline */
            assert_int_equal(rc, 0);
            assert_same_keys(&k, &back);
        } else {
            assert_int_equal(rc, ERR_INPUT);
        }
        bytes_free(&exact);
    }
    bytes_free(&file);
}

static void damage_to_a_secret_is_called_damage(void **state)
{
    (void)state;
    struct keys k;
    struct keys back = {0};
    struct bytes file = {0};
    struct err e;
    keys_generate(&k);
    k.curve_public[7] ^= 1;
    keys_print(&k, &file);
    assert_int_equal(keys_parse(slice_of(&file), &back, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "\"curve_public\" does not belong"));
    assert_true(sodium_is_zero((const uint8_t *)&back, sizeof back));
    bytes_free(&file);
}

/* --- the form of fields -------------------------------------------------- */

static int parse_two(const char *lines, size_t len, struct field fields[2],
                     struct err *e)
{
    fields[0] = (struct field){.name = "site"};
    fields[1] = (struct field){.name = "parent"};
    return fields_parse((struct slice){(const uint8_t *)lines, len}, 64, fields,
                        2, e);
}

static void fields_are_found_in_any_order_and_spacing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "site = A\nparent = b = c\n",
        "parent=b = c\nsite=A",
        "# two lines\r\n\r\n  site\t=  A \t\r\nparent = b = c\r\n",
        "\n\n#site = B\n # parent\nsite = A\n\nparent = b = c\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct field fields[2];
        int rc = parse_two(texts[i], strlen(texts[i]), fields, NULL);
        assert_int_equal(rc, 0);
        assert_true(slice_equal(fields[0].value, slice_text("A")));
        assert_true(slice_equal(fields[1].value, slice_text("b = c")));
    }
}

static void fields_of_another_form_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *sentence;
    } cases[] = {
        {"site = A\n", "the line \"parent = ...\" is missing"},
        {"", "the line \"site = ...\" is missing"},
        {"site = A\nparent = b\nsite = A\n",
         "line 3: \"site\" stands in line 1 already"},
        {"site = A\n\nport = 1\n", "line 3: unknown name \"port\""},
        {"Site = A\n", "line 1 is not of the form \"name = value\""},
        {"site A\n", "line 1 is not of the form \"name = value\""},
        {"= A\n", "line 1 is not of the form \"name = value\""},
        {"#\nsi\x1bte = A\n", "line 2 is not of the form \"name = value\""},
        {"sit = A\n", "line 1: unknown name \"sit\""},
        {"site = \t\n", "line 1: \"site\" has no value"},
        {"a_name_of_more_than_32_characters = A\n",
         "line 1 is not of the form \"name = value\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct field fields[2];
        struct err e;
        int rc = parse_two(cases[i].text, strlen(cases[i].text), fields, &e);
        assert_int_equal(rc, ERR_INPUT);
        assert_string_equal(e.text, cases[i].sentence);
    }
}

static void a_nul_or_a_text_too_long_is_refused(void **state)
{
    (void)state;
    struct field fields[2];
    char lines[66] = "site = A\nparent = b\n#";
    size_t len = strlen(lines);
    assert_int_equal(parse_two(lines, len + 1, fields, NULL), ERR_INPUT);
    memset(lines + len, 'x', sizeof lines - len);
    assert_int_equal(parse_two(lines, 64, fields, NULL), 0);
    assert_int_equal(parse_two(lines, 65, fields, NULL), ERR_LIMIT);
}

static void an_error_never_repeats_a_value(void **state)
{
    (void)state;
    struct field fields[2];
    struct err e;
    uint8_t out[4];
    static const char lines[] = "site = 0badc0de77\nparent = 0badc0dx\n";
    assert_int_equal(parse_two(lines, strlen(lines), fields, NULL), 0);
    assert_int_equal(fields_hex(&fields[0], out, 4, &e), ERR_INPUT);
    assert_string_equal(e.text,
                        "line 1: \"site\" must be 8 hexadecimal digits");
    assert_int_equal(fields_hex(&fields[1], out, 4, &e), ERR_INPUT);
    assert_string_equal(e.text,
                        "line 2: \"parent\" must be 8 hexadecimal digits");
}

/* --- hashes -------------------------------------------------------------- */

static void a_hash_is_printed_in_lower_case_and_read_in_either(void **state)
{
    (void)state;
    struct hash h;
    struct hash back;
    char out[HASH_HEX_BYTES];
    char brief[HASH_SHORT_BYTES];
    for (size_t i = 0; i < HASH_BYTES; i++) {
        h.bytes[i] = (uint8_t)(0xab + 0x11 * i);
    }
    hash_print(&h, out);
    hash_print_short(&h, brief);
    assert_int_equal(strlen(out), 64);
    assert_string_equal(brief, "abbccdde");
    assert_memory_equal(out, "abbccddeef00", 12);
    assert_int_equal(hash_parse(slice_text(out), &back, NULL), 0);
    assert_true(hash_equal(&h, &back));
    memcpy(out, "ABBCCDDEEF", 10);
    assert_int_equal(hash_parse(slice_text(out), &back, NULL), 0);
    assert_true(hash_equal(&h, &back));
}

static void what_is_not_64_digits_is_no_hash(void **state)
{
    (void)state;
    struct hash h = {0};
    char out[HASH_HEX_BYTES + 1];
    memset(out, 'a', sizeof out);
    for (size_t len = 0; len <= sizeof out; len++) {
        struct slice digits = {(const uint8_t *)out, len};
        assert_int_equal(hash_parse(digits, &h, NULL),
                         len == 64 ? 0 : ERR_FORMAT);
    }
    memset(&h, 0, sizeof h);
    for (size_t i = 0; i < 64; i++) {
        static const char wrong[] = {'g', ' ', '\0', ':', '/', '@', '`'};
        for (size_t w = 0; w < sizeof wrong; w++) {
            struct slice digits = {(const uint8_t *)out, 64};
            out[i] = wrong[w];
            assert_int_equal(hash_parse(digits, &h, NULL), ERR_FORMAT);
            assert_true(sodium_is_zero(h.bytes, HASH_BYTES));
        }
        out[i] = 'a';
    }
}

/* --- published ----------------------------------------------------------- */

/* The file holds the secrets of RFC 8032 section 7.1 test 1 and RFC 7748
 * section 6.1 with the public halves those documents give. */
static void keys_are_as_published(void **state)
{
    (void)state;
    static const char *const names[] = {
        "sign_public", "sign_secret",  "box_public",
        "box_secret",  "curve_public", "curve_secret",
    };
    struct bytes file = {0};
    struct keys k;
    for (size_t i = 0; i < 6; i++) {
        uint8_t raw[KEY_SECRET_BYTES];
        vectors_read_into("keys.txt", names[i], raw, sizeof raw);
        fields_put_hex(&file, names[i], raw, sizeof raw);
    }
    assert_int_equal(keys_parse(slice_of(&file), &k, NULL), 0);
    struct hash node = keys_node(k.sign_public);
    vectors_check("keys.txt", "node", node.bytes, HASH_BYTES);
    bytes_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_draws_other_keys),
        cmocka_unit_test(wiped_keys_are_zero),
        cmocka_unit_test(a_key_file_gives_back_the_keys),
        cmocka_unit_test(a_damaged_key_file_never_gives_other_keys),
        cmocka_unit_test(a_key_file_cut_short_never_gives_other_keys),
        cmocka_unit_test(damage_to_a_secret_is_called_damage),
        cmocka_unit_test(fields_are_found_in_any_order_and_spacing),
        cmocka_unit_test(fields_of_another_form_are_refused_with_their_line),
        cmocka_unit_test(a_nul_or_a_text_too_long_is_refused),
        cmocka_unit_test(an_error_never_repeats_a_value),
        cmocka_unit_test(a_hash_is_printed_in_lower_case_and_read_in_either),
        cmocka_unit_test(what_is_not_64_digits_is_no_hash),
        cmocka_unit_test(keys_are_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
