/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "fields.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static_assert(crypto_sign_SECRETKEYBYTES == SIGN_SECRET_BYTES, "Ed25519");
static_assert(crypto_sign_BYTES == SIGNATURE_BYTES, "Ed25519");
static_assert(crypto_sign_SEEDBYTES == KEY_SECRET_BYTES, "Ed25519");
static_assert(crypto_box_SECRETKEYBYTES == KEY_SECRET_BYTES, "X25519");
static_assert(crypto_box_PUBLICKEYBYTES == KEY_PUBLIC_BYTES, "X25519");

void keys_generate(struct keys *ret)
{
    if (sodium_init() < 0) {
        abort(); /* no generator: nothing made here could be trusted */
    }
    crypto_sign_keypair(ret->sign_public, ret->sign_secret);
    crypto_box_keypair(ret->box_public, ret->box_secret);
    crypto_box_keypair(ret->curve_public, ret->curve_secret);
}

void keys_wipe(struct keys *k)
{
    sodium_memzero(k, sizeof *k);
}

struct hash keys_node(const uint8_t sign_public[KEY_PUBLIC_BYTES])
{
    struct hash node;
    crypto_generichash(node.bytes, HASH_BYTES, sign_public, KEY_PUBLIC_BYTES,
                       NULL, 0);
    return node;
}

/* --- the key file -------------------------------------------------------- */

enum key_field {
    SIGN_PUBLIC,
    SIGN_SECRET,
    BOX_PUBLIC,
    BOX_SECRET,
    CURVE_PUBLIC,
    CURVE_SECRET,
    KEY_FIELDS,
};

static const char *const key_names[KEY_FIELDS] = {
    [SIGN_PUBLIC] = "sign_public",   [SIGN_SECRET] = "sign_secret",
    [BOX_PUBLIC] = "box_public",     [BOX_SECRET] = "box_secret",
    [CURVE_PUBLIC] = "curve_public", [CURVE_SECRET] = "curve_secret",
};

void keys_print(const struct keys *k, struct bytes *out)
{
    static const char warning[] =
        "# The secret keys of one Sangam node. Whoever has them is that node:\n"
        "# never copied, mailed or printed.\n";
    uint8_t seed[KEY_SECRET_BYTES];
    crypto_sign_ed25519_sk_to_seed(seed, k->sign_secret);
    /* a buffer that grows leaves a copy of the secrets behind */
    bytes_reserve(out, KEYS_TEXT_BYTES_MAX);
    bytes_put(out, warning, strlen(warning));
    const uint8_t *values[KEY_FIELDS] = {
        [SIGN_PUBLIC] = k->sign_public,   [SIGN_SECRET] = seed,
        [BOX_PUBLIC] = k->box_public,     [BOX_SECRET] = k->box_secret,
        [CURVE_PUBLIC] = k->curve_public, [CURVE_SECRET] = k->curve_secret,
    };
    for (size_t i = 0; i < KEY_FIELDS; i++) {
        fields_put_hex(out, key_names[i], values[i], KEY_SECRET_BYTES);
    }
    sodium_memzero(seed, sizeof seed);
}

/* The public half that stands in the file must be the one computed. */
static int check_public(const struct field *field,
                        const uint8_t computed[KEY_PUBLIC_BYTES], struct err *e)
{
    uint8_t given[KEY_PUBLIC_BYTES];
    int rc = fields_hex(field, given, sizeof given, e);
    if (rc == 0 && memcmp(given, computed, sizeof given) != 0) {
        return err_set(e, ERR_CORRUPT,
                       "line %zu: \"%s\" does not belong to its secret: the "
                       "file is damaged, take it from a backup",
                       field->line, field->name);
    }
    return rc;
}

static int parse_sign(const struct field *fields, struct keys *k, struct err *e)
{
    uint8_t seed[KEY_SECRET_BYTES];
    int rc = fields_hex(&fields[SIGN_SECRET], seed, sizeof seed, e);
    if (rc == 0) {
        crypto_sign_seed_keypair(k->sign_public, k->sign_secret, seed);
        rc = check_public(&fields[SIGN_PUBLIC], k->sign_public, e);
    }
    sodium_memzero(seed, sizeof seed);
    return rc;
}

static int parse_pair(const struct field *public_field,
                      const struct field *secret_field,
                      uint8_t public_key[KEY_PUBLIC_BYTES],
                      uint8_t secret_key[KEY_SECRET_BYTES], struct err *e)
{
    int rc = fields_hex(secret_field, secret_key, KEY_SECRET_BYTES, e);
    if (rc == 0) {
        crypto_scalarmult_base(public_key, secret_key);
        rc = check_public(public_field, public_key, e);
    }
    return rc;
}

int keys_parse(struct slice text, struct keys *ret, struct err *e)
{
    struct field fields[KEY_FIELDS] = {0};
    struct keys k = {0};
    for (size_t i = 0; i < KEY_FIELDS; i++) {
        fields[i].name = key_names[i];
    }
    int rc = fields_parse(text, KEYS_TEXT_BYTES_MAX, fields, KEY_FIELDS, e);
    if (rc == 0) {
        rc = parse_sign(fields, &k, e);
    }
    if (rc == 0) {
        rc = parse_pair(&fields[BOX_PUBLIC], &fields[BOX_SECRET], k.box_public,
                        k.box_secret, e);
    }
    if (rc == 0) {
        rc = parse_pair(&fields[CURVE_PUBLIC], &fields[CURVE_SECRET],
                        k.curve_public, k.curve_secret, e);
    }
    if (rc == 0) {
        *ret = k;
    }
    keys_wipe(&k);
    return rc;
}

/* --- hashes as text ------------------------------------------------------ */

void hash_print(const struct hash *h, char out[HASH_HEX_BYTES])
{
    sodium_bin2hex(out, HASH_HEX_BYTES, h->bytes, HASH_BYTES);
}

void hash_print_short(const struct hash *h, char out[HASH_SHORT_BYTES])
{
    sodium_bin2hex(out, HASH_SHORT_BYTES, h->bytes, (HASH_SHORT_BYTES - 1) / 2);
}

int hash_parse(struct slice text, struct hash *ret, struct err *e)
{
    struct hash h;
    if (text.len != HASH_HEX_BYTES - 1 ||
        sodium_hex2bin(h.bytes, HASH_BYTES, (const char *)text.data, text.len,
                       NULL, NULL, NULL) != 0) {
        return err_set(e, ERR_FORMAT, "a hash must be %d hexadecimal digits",
                       HASH_HEX_BYTES - 1);
    }
    *ret = h;
    return 0;
}
