/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/invite.h"

#include "protocol/fields.h"
#include "protocol/instant.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static struct invite invite_made(void)
{
    struct invite invite = {
        .parent_address = "tcp://hub.example:7447",
        .site = "PB-LDH-C01",
        .expires_ms = INT64_C(1796551200000), /* 2026-12-06T10:00:00Z */
    };
    memset(invite.network.bytes, 0x5a, HASH_BYTES);
    memset(invite.parent_curve, 0xc3, KEY_PUBLIC_BYTES);
    crypto_box_keypair(invite.curve_public, invite.curve_secret);
    return invite;
}

static void assert_same_invite(const struct invite *a, const struct invite *b)
{
    assert_true(hash_equal(&a->network, &b->network));
    assert_string_equal(a->parent_address, b->parent_address);
    assert_memory_equal(a->parent_curve, b->parent_curve, KEY_PUBLIC_BYTES);
    assert_string_equal(a->site, b->site);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_memory_equal(a->curve_public, b->curve_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->curve_secret, b->curve_secret, KEY_SECRET_BYTES);
}

static void an_invite_comes_back_as_it_was(void **state)
{
    (void)state;
    struct invite invite = invite_made();
    struct invite back;
    struct bytes file = {0};
    invite_print(&invite, &file);
    assert_int_equal(invite_parse(slice_of(&file), &back, NULL), 0);
    assert_same_invite(&invite, &back);
    bytes_free(&file);
}

static void the_longest_invite_fits_its_limit(void **state)
{
    (void)state;
    struct invite invite = invite_made();
    struct invite back;
    struct bytes file = {0};
    memset(invite.parent_address + 6, 'h', ADDRESS_BYTES_MAX - 6 - 6);
    (void)snprintf(invite.parent_address + ADDRESS_BYTES_MAX - 6, 7, ":65535");
    memset(invite.site, 'S', SITE_BYTES_MAX);
    invite_print(&invite, &file);
    assert_true(file.len <= INVITE_BYTES_MAX);
    assert_int_equal(invite_parse(slice_of(&file), &back, NULL), 0);
    assert_same_invite(&invite, &back);
    bytes_free(&file);
}

/* A network, site or date with another letter may be another good one; then
 * it is one that prints and parses as itself. The pair of keys never changes. */
static void check_altered(const struct invite *invite, struct slice file)
{
    struct invite altered;
    struct invite back;
    struct bytes printed = {0};
    if (invite_parse(file, &altered, NULL) != 0) {
        return;
    }
    assert_memory_equal(invite->curve_public, altered.curve_public,
                        KEY_PUBLIC_BYTES);
    invite_print(&altered, &printed);
    assert_int_equal(invite_parse(slice_of(&printed), &back, NULL), 0);
    assert_same_invite(&altered, &back);
    bytes_free(&printed);
}

static void an_altered_invite_is_refused_or_another_good_one(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x02, 0x08, 0x10, 0x20, 0x80};
    struct invite invite = invite_made();
    struct bytes file = {0};
    invite_print(&invite, &file);
    for (size_t i = 0; i < file.len; i++) {
        for (size_t flip = 0; flip < sizeof flips; flip++) {
            file.data[i] ^= flips[flip];
            check_altered(&invite, slice_of(&file));
            file.data[i] ^= flips[flip];
        }
    }
    bytes_free(&file);
}

static void an_invite_cut_short_is_refused(void **state)
{
    (void)state;
    struct invite invite = invite_made();
    struct bytes file = {0};
    invite_print(&invite, &file);
    for (size_t cut = 0; cut < file.len - 1; cut++) { /* but its newline */
        struct bytes exact = {0};
        struct invite back;
        bytes_put(&exact, file.data, cut);
        assert_int_equal(invite_parse(slice_of(&exact), &back, NULL),
                         ERR_INPUT);
        bytes_free(&exact);
    }
    bytes_free(&file);
}

/* --- single lines -------------------------------------------------------- */

/* Parses a good invite in which one field says something else; NULL leaves
 * the line out. */
static int parse_with(const char *name, const char *value, struct invite *ret,
                      struct err *e)
{
    struct invite invite = invite_made();
    struct bytes file = {0};
    struct bytes changed = {0};
    invite_print(&invite, &file);
    bytes_put_u8(&file, '\0');
    char *line = (char *)file.data;
    while (*line != '\0') {
        char *end = strchr(line, '\n');
        size_t len = strlen(name);
        bool ours = strncmp(line, name, len) == 0 && line[len] == ' ';
        if (!ours) {
            bytes_put(&changed, line, (size_t)(end + 1 - line));
        } else if (value != NULL) {
            fields_put(&changed, name, value);
        }
        line = end + 1;
    }
    int rc = invite_parse(slice_of(&changed), ret, e);
    bytes_free(&file);
    bytes_free(&changed);
    return rc;
}

static void every_line_of_an_invite_is_needed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "version", "network", "parent",       "parent_curve",
        "site",    "expires", "curve_public", "curve_secret",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct invite invite;
        struct err e;
        char expected[64];
        assert_int_equal(parse_with(names[i], NULL, &invite, &e), ERR_INPUT);
        (void)snprintf(expected, sizeof expected,
                       "the line \"%s = ...\" is missing", names[i]);
        assert_string_equal(e.text, expected);
    }
}

static void an_invite_of_another_version_says_so(void **state)
{
    (void)state;
    struct invite invite;
    struct err e;
    assert_int_equal(parse_with("version", "2", &invite, &e), ERR_VERSION);
    assert_non_null(strstr(e.text, "line 3: "));
    assert_int_equal(parse_with("version", "01", &invite, &e), ERR_VERSION);
}

static void a_network_of_zeros_is_refused(void **state)
{
    (void)state;
    struct invite invite;
    char zeros[65] = {0};
    memset(zeros, '0', 64);
    assert_int_equal(parse_with("network", zeros, &invite, NULL), ERR_INPUT);
    zeros[63] = '1';
    assert_int_equal(parse_with("network", zeros, &invite, NULL), 0);
}

static void keys_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    struct invite invite = {0};
    struct err e;
    char other[65] = {0};
    memset(other, '7', 64);
    assert_int_equal(parse_with("curve_public", other, &invite, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "does not belong to"));
    assert_int_equal(parse_with("curve_secret", other, &invite, &e), ERR_INPUT);
    assert_null(strstr(e.text, other)); /* a secret is never repeated */
    assert_true(sodium_is_zero((const uint8_t *)&invite, sizeof invite));
}

static void an_address_is_tcp_host_and_port(void **state)
{
    (void)state;
    static const char *const good[] = {
        "tcp://hub.example:7447",
        "tcp://hub:1",
        "tcp://10.0.0.7:65535",
        "tcp://[2001:db8::1]:7447",
        "tcp://[::1]:7447",
        "tcp://Hub-2.example.:7447",
        "tcp://[::ffff:10.0.0.7]:7447",
    };
    static const char *const bad[] = {
        "hub.example:7447",
        "tcp://",
        "tcp://:7447",
        "tcp://hub.example",
        "tcp://hub.example:",
        "tcp://hub.example:0",
        "tcp://hub.example:07447",
        "tcp://hub.example:65536",
        "tcp://hub.example:7447x",
        "tcp://hub.example:7447/",
        "tcp://hub example:7447",
        "tcp://hub:7447:7447",
        "tcp://*:7447",
        "tcp://-hub:7447",
        "tcp://.hub:7447",
        "udp://hub.example:7447",
        "tcp://[]:7447",
        "tcp://[::1:7447",
        "tcp://[::1]7447",
        "tcp://[hub]:7447",
        "tcp://::1:7447",
        "TCP://hub.example:7447",
        "tcp://eth0;hub:7447",
        "tcp://h\xc3\xbc:7447",
        "tcp://[::1]",
        "tcp://[",
        "tcp://hub.example:+7447",
        "tcp://hub.example:123456",
    };
    struct invite invite;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse_with("parent", good[i], &invite, NULL), 0);
        assert_string_equal(invite.parent_address, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;
        assert_int_equal(parse_with("parent", bad[i], &invite, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "line 5: \"parent\" must look like"));
    }
    char address[ADDRESS_BYTES_MAX + 2] = "tcp://";
    memset(address + 6, 'h', ADDRESS_BYTES_MAX - 10);
    (void)snprintf(address + ADDRESS_BYTES_MAX - 4, 6, ":7447");
    assert_int_equal(strlen(address), ADDRESS_BYTES_MAX + 1);
    assert_int_equal(parse_with("parent", address, &invite, NULL), ERR_INPUT);
}

static void a_site_has_few_characters_and_not_many_of_them(void **state)
{
    (void)state;
    static const char *const good[] = {"PB-LDH-C01", "a", "0.9_Z-"};
    static const char *const bad[] = {"PB LDH", "PB/LDH", "PB\\LDH", "\"PB\"",
                                      "PB,LDH", "PB:1",   "\xc3\xa9"};
    struct invite invite;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse_with("site", good[i], &invite, NULL), 0);
        assert_string_equal(invite.site, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_with("site", bad[i], &invite, NULL), ERR_INPUT);
    }
    char name[SITE_BYTES_MAX + 2] = {0};
    memset(name, 'S', SITE_BYTES_MAX);
    assert_int_equal(parse_with("site", name, &invite, NULL), 0);
    name[SITE_BYTES_MAX] = 'S';
    assert_int_equal(parse_with("site", name, &invite, NULL), ERR_INPUT);
}

/* --- dates --------------------------------------------------------------- */

static void dates_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2026-02-29T10:00:00Z",  "2100-02-29T00:00:00Z",
        "2026-13-01T10:00:00Z",  "2026-00-01T10:00:00Z",
        "2026-04-31T10:00:00Z",  "2026-12-00T10:00:00Z",
        "2026-12-32T10:00:00Z",  "2026-12-99T10:00:00Z",
        "2026-12-06T24:00:00Z",  "2026-12-06T10:60:00Z",
        "2026-12-06T10:00:60Z",  "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",  "2026-12-06T10:00:00",
        "2026-12-06 10:00:00Z",  "2026-12-06T10:00:00z",
        "2026-12-06T10:00:00.0", "12026-12-06T10:00:0Z",
        "+026-12-06T10:00:00Z",  "2026-12-06T10:00:00+00:00",
        "2026-1-06T10:00:00ZZ",  "tomorrow",
    };
    struct invite invite;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;
        assert_int_equal(parse_with("expires", bad[i], &invite, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "line 8: "));
    }
}

static void known_dates_have_their_known_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } known[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2001-09-09T01:46:40Z", INT64_C(1000000000000)},
        {"2026-12-06T10:00:00Z", INT64_C(1796551200000)},
        {"2038-01-19T03:14:08Z", INT64_C(2147483648000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int64_t ms = -1;
        char out[INSTANT_TEXT_BYTES];
        assert_int_equal(instant_parse(slice_text(known[i].text), &ms, NULL),
                         0);
        assert_int_equal(ms, known[i].ms);
        instant_print(ms + 999, out);
        assert_string_equal(out, known[i].text);
    }
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Leafs through a calendar, a full cycle of 400 years and the last years. */
static void every_day_has_its_number(void **state)
{
    (void)state;
    int64_t ms = 0;
    for (unsigned year = 1970; year <= 9999; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            for (unsigned day = 1; day <= month_days(year, month); day++) {
                if (year < 2400 || year > 9990) {
                    char expected[64];
                    char out[INSTANT_TEXT_BYTES];
                    int64_t parsed = -1;
                    (void)snprintf(expected, sizeof expected,
                                   "%04u-%02u-%02uT00:00:00Z", year, month,
                                   day);
                    instant_print(ms, out);
                    assert_string_equal(out, expected);
                    (void)instant_parse(slice_text(out), &parsed, NULL);
                    assert_true(parsed == ms);
                }
                ms += INT64_C(24) * 3600 * 1000;
            }
        }
    }
}

/* --- enrolment ----------------------------------------------------------- */

static void a_request_to_enrol_is_signed_by_its_key(void **state)
{
    (void)state;
    struct keys keys;
    struct enrol_request request = {0};
    keys_generate(&keys);
    memset(request.network.bytes, 0x5a, HASH_BYTES);
    memset(request.invite_curve, 0xc3, KEY_PUBLIC_BYTES);
    enrol_request_sign(&request, &keys);
    assert_memory_equal(request.sign_public, keys.sign_public,
                        KEY_PUBLIC_BYTES);
    assert_memory_equal(request.box_public, keys.box_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(request.curve_public, keys.curve_public,
                        KEY_PUBLIC_BYTES);
    assert_int_equal(enrol_request_verify(&request, NULL), 0);
    keys_wipe(&keys);
}

static void a_request_with_any_byte_altered_is_refused(void **state)
{
    (void)state;
    struct keys keys;
    struct enrol_request request = {0};
    keys_generate(&keys);
    enrol_request_sign(&request, &keys);
    uint8_t *raw = (uint8_t *)&request; /* bytes alone: no padding */
    assert_int_equal(sizeof request,
                     HASH_BYTES + 4 * KEY_PUBLIC_BYTES + SIGNATURE_BYTES);
    for (size_t i = 0; i < sizeof request; i++) {
        struct err e;
        raw[i] ^= 0x04;
        assert_int_equal(enrol_request_verify(&request, &e), ERR_SIGNATURE);
        raw[i] ^= 0x04;
    }
    assert_int_equal(enrol_request_verify(&request, NULL), 0);
    keys_wipe(&keys);
}

static void a_request_to_enrol_is_signed_as_published(void **state)
{
    (void)state;
    struct keys keys = {0};
    struct enrol_request request = {0};
    uint8_t seed[KEY_SECRET_BYTES];
    vectors_read_into("keys.txt", "sign_secret", seed, sizeof seed);
    crypto_sign_seed_keypair(keys.sign_public, keys.sign_secret, seed);
    vectors_read_into("keys.txt", "box_public", keys.box_public,
                      KEY_PUBLIC_BYTES);
    vectors_read_into("keys.txt", "curve_public", keys.curve_public,
                      KEY_PUBLIC_BYTES);
    vectors_read_into("enrol.txt", "network", request.network.bytes,
                      HASH_BYTES);
    vectors_read_into("enrol.txt", "invite_curve", request.invite_curve,
                      KEY_PUBLIC_BYTES);
    enrol_request_sign(&request, &keys);
    vectors_check("enrol.txt", "sign_public", request.sign_public,
                  KEY_PUBLIC_BYTES);
    vectors_check("enrol.txt", "box_public", request.box_public,
                  KEY_PUBLIC_BYTES);
    vectors_check("enrol.txt", "curve_public", request.curve_public,
                  KEY_PUBLIC_BYTES);
    vectors_check("enrol.txt", "signature", request.signature, SIGNATURE_BYTES);

    struct bytes message = {0};
    vectors_read("enrol.txt", "message", &message);
    assert_int_equal(crypto_sign_verify_detached(request.signature,
                                                 message.data, message.len,
                                                 request.sign_public),
                     0);
    bytes_free(&message);
}

/* --- the parent's record -------------------------------------------------- */

static struct invite_row published_row(struct keys *ret_keys)
{
    struct invite_row row = {
        .site = "PB-LDH-C01",
        .may_enrol = true,
        .expires_ms = INT64_C(1796810400000),
    };
    uint8_t seed[KEY_SECRET_BYTES];
    vectors_read_into("keys.txt", "sign_secret", seed, sizeof seed);
    crypto_sign_seed_keypair(ret_keys->sign_public, ret_keys->sign_secret,
                             seed);
    vectors_read_into("invite_row.txt", "network", row.network.bytes,
                      HASH_BYTES);
    vectors_read_into("invite_row.txt", "curve_public", row.curve_public,
                      KEY_PUBLIC_BYTES);
    return row;
}

static void the_record_of_an_invite_is_signed_as_published(void **state)
{
    (void)state;
    struct keys keys;
    struct invite_row row = published_row(&keys);
    uint8_t proof[SIGNATURE_BYTES];
    struct bytes message = {0};
    invite_row_sign(&row, &keys, proof);
    vectors_check("invite_row.txt", "proof", proof, sizeof proof);
    vectors_read("invite_row.txt", "message", &message);
    assert_int_equal(crypto_sign_verify_detached(proof, message.data,
                                                 message.len, keys.sign_public),
                     0);
    bytes_free(&message);
}

static void the_record_of_an_invite_is_proved_whole(void **state)
{
    (void)state;
    struct keys keys;
    struct invite_row row = published_row(&keys);
    uint8_t proof[SIGNATURE_BYTES];
    uint8_t *parts[] = {row.network.bytes,
                        row.curve_public,
                        (uint8_t *)row.site,
                        (uint8_t *)&row.expires_ms,
                        proof,
                        keys.sign_public};
    invite_row_sign(&row, &keys, proof);
    assert_true(invite_row_verify(&row, keys.sign_public, proof));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        parts[i][3] ^= 1;
        assert_false(invite_row_verify(&row, keys.sign_public, proof));
        parts[i][3] ^= 1;
    }
    row.may_enrol = false;
    assert_false(invite_row_verify(&row, keys.sign_public, proof));
    row.may_enrol = true;
    row.site[9] = '\0';
    assert_false(invite_row_verify(&row, keys.sign_public, proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invite_comes_back_as_it_was),
        cmocka_unit_test(the_longest_invite_fits_its_limit),
        cmocka_unit_test(an_altered_invite_is_refused_or_another_good_one),
        cmocka_unit_test(an_invite_cut_short_is_refused),
        cmocka_unit_test(every_line_of_an_invite_is_needed),
        cmocka_unit_test(an_invite_of_another_version_says_so),
        cmocka_unit_test(a_network_of_zeros_is_refused),
        cmocka_unit_test(keys_that_do_not_belong_together_are_refused),
        cmocka_unit_test(an_address_is_tcp_host_and_port),
        cmocka_unit_test(a_site_has_few_characters_and_not_many_of_them),
        cmocka_unit_test(dates_that_do_not_exist_are_refused),
        cmocka_unit_test(known_dates_have_their_known_number),
        cmocka_unit_test(every_day_has_its_number),
        cmocka_unit_test(a_request_to_enrol_is_signed_by_its_key),
        cmocka_unit_test(a_request_with_any_byte_altered_is_refused),
        cmocka_unit_test(a_request_to_enrol_is_signed_as_published),
        cmocka_unit_test(the_record_of_an_invite_is_signed_as_published),
        cmocka_unit_test(the_record_of_an_invite_is_proved_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
