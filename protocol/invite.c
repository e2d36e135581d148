/* SPDX-License-Identifier: Apache-2.0 */
#include "invite.h"

#include "fields.h"
#include "instant.h"
#include "site.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char invite_version[] = "1";

enum invite_field {
    VERSION,
    NETWORK,
    PARENT,
    PARENT_CURVE,
    SITE,
    EXPIRES,
    CURVE_PUBLIC,
    CURVE_SECRET,
    INVITE_FIELDS,
};

static const char *const invite_names[INVITE_FIELDS] = {
    [VERSION] = "version",
    [NETWORK] = "network",
    [PARENT] = "parent",
    [PARENT_CURVE] = "parent_curve",
    [SITE] = "site",
    [EXPIRES] = "expires",
    [CURVE_PUBLIC] = "curve_public",
    [CURVE_SECRET] = "curve_secret",
};

/* Does the text say exactly this time? */
static bool is_expiry(const char *expires, int64_t expires_ms)
{
    int64_t parsed_ms;
    return instant_parse(slice_text(expires), &parsed_ms, NULL) == 0 &&
           parsed_ms == expires_ms;
}

void invite_print(const struct invite *invite, struct bytes *out)
{
    static const char warning[] =
        "# Sangam: an invite for one node. Whoever has this file may join in\n"
        "# its place, once, until it expires: hand it over in person.\n";
    char expires[INSTANT_TEXT_BYTES];
    instant_print(invite->expires_ms, expires);
    assert(is_expiry(expires, invite->expires_ms));
    /* a buffer that grows leaves a copy of the secret behind */
    bytes_reserve(out, INVITE_BYTES_MAX);
    bytes_put(out, warning, strlen(warning));
    fields_put(out, invite_names[VERSION], invite_version);
    fields_put_hex(out, invite_names[NETWORK], invite->network.bytes,
                   HASH_BYTES);
    fields_put(out, invite_names[PARENT], invite->parent_address);
    fields_put_hex(out, invite_names[PARENT_CURVE], invite->parent_curve,
                   KEY_PUBLIC_BYTES);
    fields_put(out, invite_names[SITE], invite->site);
    fields_put(out, invite_names[EXPIRES], expires);
    fields_put_hex(out, invite_names[CURVE_PUBLIC], invite->curve_public,
                   KEY_PUBLIC_BYTES);
    fields_put_hex(out, invite_names[CURVE_SECRET], invite->curve_secret,
                   KEY_SECRET_BYTES);
}

/* --- parsing ------------------------------------------------------------- */

/* The length of the leading run of `set`. */
static size_t run_of(const char *set, struct slice s)
{
    size_t len = 0;
    while (len < s.len && s.data[len] != 0 &&
           strchr(set, s.data[len]) != NULL) {
        len++;
    }
    return len;
}

static struct slice after(struct slice s, size_t len)
{
    return (struct slice){.data = s.data + len, .len = s.len - len};
}

/* The length of a host name, an IPv4 or a bracketed IPv6 address; 0 if there
 * is none. Whether it exists is found out by connecting. */
static size_t host_len(struct slice s)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789.-";
    static const char ipv6[] = "ABCDEFabcdef0123456789:.";
    if (s.len > 0 && s.data[0] == '[') {
        size_t len = run_of(ipv6, after(s, 1));
        bool closed = len >= 2 && len + 1 < s.len && s.data[len + 1] == ']';
        return closed ? len + 2 : 0;
    }
    if (s.len > 0 && (s.data[0] == '.' || s.data[0] == '-')) {
        return 0;
    }
    return run_of(name, s);
}

static bool is_port(struct slice s)
{
    unsigned port = 0;
    if (s.len < 1 || s.len > 5 || run_of("0123456789", s) != s.len) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        port = port * 10 + (s.data[i] - (unsigned)'0');
    }
    return s.data[0] != '0' && port <= UINT16_MAX;
}

static bool is_address(struct slice s)
{
    static const char scheme[] = "tcp://";
    size_t scheme_len = sizeof scheme - 1;
    if (s.len > ADDRESS_BYTES_MAX || s.len < scheme_len ||
        memcmp(s.data, scheme, scheme_len) != 0) {
        return false;
    }
    struct slice host = after(s, scheme_len);
    size_t len = host_len(host);
    return len > 0 && len < host.len && host.data[len] == ':' &&
           is_port(after(host, len + 1));
}

/* The value is known to fit and to hold no NUL. */
static void copy_text(struct slice value, char *out, size_t out_bytes)
{
    assert(value.len < out_bytes);
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
}

static int parse_network(const struct field *field, struct hash *ret,
                         struct err *e)
{
    int rc = fields_hex(field, ret->bytes, HASH_BYTES, e);
    if (rc == 0 && sodium_is_zero(ret->bytes, HASH_BYTES)) {
        return err_set(e, ERR_INPUT, "line %zu: a network is never zero",
                       field->line);
    }
    return rc;
}

static int parse_texts(const struct field *fields, struct invite *invite,
                       struct err *e)
{
    const struct field *parent = &fields[PARENT];
    const struct field *site = &fields[SITE];
    if (!is_address(parent->value)) {
        return err_set(e, ERR_INPUT,
                       "line %zu: \"parent\" must look like "
                       "tcp://hub.example:7447",
                       parent->line);
    }
    if (!site_name_is_valid(site->value)) {
        return err_set(e, ERR_INPUT,
                       "line %zu: \"site\" must be at most %d letters, "
                       "digits, '.', '_' or '-'",
                       site->line, SITE_BYTES_MAX);
    }
    copy_text(parent->value, invite->parent_address,
              sizeof invite->parent_address);
    copy_text(site->value, invite->site, sizeof invite->site);
    int rc = instant_parse(fields[EXPIRES].value, &invite->expires_ms, e);
    if (rc != 0) {
        err_wrap(e, "line %zu", fields[EXPIRES].line);
    }
    return rc;
}

static int parse_curve(const struct field *fields, struct invite *invite,
                       struct err *e)
{
    uint8_t computed[KEY_PUBLIC_BYTES];
    int rc = fields_hex(&fields[CURVE_PUBLIC], invite->curve_public,
                        KEY_PUBLIC_BYTES, e);
    if (rc == 0) {
        rc = fields_hex(&fields[CURVE_SECRET], invite->curve_secret,
                        KEY_SECRET_BYTES, e);
    }
    if (rc == 0) {
        crypto_scalarmult_base(computed, invite->curve_secret);
        if (memcmp(computed, invite->curve_public, sizeof computed) != 0) {
            rc = err_set(e, ERR_INPUT,
                         "line %zu: \"curve_public\" does not belong to "
                         "\"curve_secret\": ask for a new invite",
                         fields[CURVE_PUBLIC].line);
        }
    }
    return rc;
}

static int parse_invite(const struct field *fields, struct invite *invite,
                        struct err *e)
{
    struct slice known = {(const uint8_t *)invite_version, 1};
    if (!slice_equal(fields[VERSION].value, known)) {
        return err_set(e, ERR_VERSION,
                       "line %zu: an invite of another version than %s: "
                       "install the program of the parent's version",
                       fields[VERSION].line, invite_version);
    }
    int rc = parse_network(&fields[NETWORK], &invite->network, e);
    if (rc == 0) {
        rc = fields_hex(&fields[PARENT_CURVE], invite->parent_curve,
                        KEY_PUBLIC_BYTES, e);
    }
    if (rc == 0) {
        rc = parse_texts(fields, invite, e);
    }
    if (rc == 0) {
        rc = parse_curve(fields, invite, e);
    }
    return rc;
}

int invite_parse(struct slice text, struct invite *ret, struct err *e)
{
    struct field fields[INVITE_FIELDS] = {0};
    struct invite invite = {0};
    for (size_t i = 0; i < INVITE_FIELDS; i++) {
        fields[i].name = invite_names[i];
    }
    int rc = fields_parse(text, INVITE_BYTES_MAX, fields, INVITE_FIELDS, e);
    if (rc == 0) {
        rc = parse_invite(fields, &invite, e);
    }
    if (rc == 0) {
        *ret = invite;
    }
    sodium_memzero(&invite, sizeof invite);
    return rc;
}

/* --- the parent's record ------------------------------------------------- */

static void row_signed_bytes(const struct invite_row *row, struct bytes *out)
{
    static const char domain[] = "sangam-invite-row-1"; /* without its 0 */
    uint32_t site_len = (uint32_t)strlen(row->site);
    bytes_put(out, domain, sizeof domain - 1);
    bytes_put(out, row->network.bytes, HASH_BYTES);
    bytes_put(out, row->curve_public, KEY_PUBLIC_BYTES);
    bytes_put_u32(out, site_len);
    bytes_put(out, row->site, site_len);
    bytes_put_u8(out, row->may_enrol ? 1 : 0);
    bytes_put_u64(out, (uint64_t)row->expires_ms);
}

void invite_row_sign(const struct invite_row *row, const struct keys *keys,
                     uint8_t ret_proof[SIGNATURE_BYTES])
{
    struct bytes message = {0};
    row_signed_bytes(row, &message);
    crypto_sign_detached(ret_proof, NULL, message.data, message.len,
                         keys->sign_secret);
    bytes_free(&message);
}

bool invite_row_verify(const struct invite_row *row,
                       const uint8_t sign_public[KEY_PUBLIC_BYTES],
                       const uint8_t proof[SIGNATURE_BYTES])
{
    struct bytes message = {0};
    row_signed_bytes(row, &message);
    bool good = crypto_sign_verify_detached(proof, message.data, message.len,
                                            sign_public) == 0;
    bytes_free(&message);
    return good;
}

/* --- enrolment ----------------------------------------------------------- */

static const char enrol_domain[] = "sangam-enrol-1"; /* signed without its 0 */

enum {
    ENROL_DOMAIN_BYTES = sizeof enrol_domain - 1,
    ENROL_SIGNED_BYTES = ENROL_DOMAIN_BYTES + HASH_BYTES + 4 * KEY_PUBLIC_BYTES,
};

static void enrol_signed_bytes(const struct enrol_request *request,
                               uint8_t out[ENROL_SIGNED_BYTES])
{
    const uint8_t *parts[] = {
        request->network.bytes, request->invite_curve, request->sign_public,
        request->box_public,    request->curve_public,
    };
    memcpy(out, enrol_domain, ENROL_DOMAIN_BYTES);
    out += ENROL_DOMAIN_BYTES;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(out, parts[i], KEY_PUBLIC_BYTES);
        out += KEY_PUBLIC_BYTES;
    }
}

void enrol_request_sign(struct enrol_request *request, const struct keys *keys)
{
    uint8_t message[ENROL_SIGNED_BYTES];
    memcpy(request->sign_public, keys->sign_public, KEY_PUBLIC_BYTES);
    memcpy(request->box_public, keys->box_public, KEY_PUBLIC_BYTES);
    memcpy(request->curve_public, keys->curve_public, KEY_PUBLIC_BYTES);
    enrol_signed_bytes(request, message);
    crypto_sign_detached(request->signature, NULL, message, sizeof message,
                         keys->sign_secret);
}

int enrol_request_verify(const struct enrol_request *request, struct err *e)
{
    uint8_t message[ENROL_SIGNED_BYTES];
    enrol_signed_bytes(request, message);
    if (crypto_sign_verify_detached(request->signature, message, sizeof message,
                                    request->sign_public) != 0) {
        return err_set(e, ERR_SIGNATURE,
                       "the request to enrol is not signed by its own key");
    }
    return 0;
}
