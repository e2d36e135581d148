/* SPDX-License-Identifier: Apache-2.0 */
#include "match.h"

#include "fields.h"

#include <sodium.h>
#include <string.h>

int match_key_parse(struct slice text, uint8_t ret[MATCH_KEY_BYTES],
                    struct err *e)
{
    struct field field = {.name = "match_key"};
    int rc = fields_parse(text, MATCH_KEY_TEXT_BYTES_MAX, &field, 1, e);
    return rc == 0 ? fields_hex(&field, ret, MATCH_KEY_BYTES, e) : rc;
}

/* The digits of a number that is written with nothing else but `between`. 0:
 * it is none, or longer. */
static size_t digits_of(const char *text, const char *between, char *out,
                        size_t max)
{
    size_t count = 0;
    for (const char *c = text == NULL ? "" : text; *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9' && count < max) {
            out[count++] = *c;
        } else if (strchr(between, *c) == NULL) {
            return 0;
        }
    }
    return count;
}

static bool put_digits(const char *digits, size_t len, struct bytes *out)
{
    bool differ = false;
    for (size_t i = 1; i < len; i++) {
        differ = differ || digits[i] != digits[0];
    }
    if (differ) {
        bytes_put(out, digits, len);
    }
    return differ;
}

bool match_phone(const char *text, struct bytes *out)
{
    enum { NATIONAL = 10, WHOLE_MAX = 15 }; /* ITU-T E.164 */
    char digits[WHOLE_MAX];
    size_t len = digits_of(text, " .-()+", digits, sizeof digits);
    return len >= NATIONAL &&
           put_digits(digits + len - NATIONAL, NATIONAL, out);
}

bool match_abha(const char *text, struct bytes *out)
{
    enum { DIGITS = 14 };
    char digits[DIGITS];
    size_t len = digits_of(text, " -", digits, sizeof digits);
    return len == DIGITS && put_digits(digits, len, out);
}

void match_token(const uint8_t key[MATCH_KEY_BYTES], const char *kind,
                 struct slice value, char ret[MATCH_TOKEN_BYTES])
{
    uint8_t hash[(MATCH_TOKEN_BYTES - 1) / 2];
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, MATCH_KEY_BYTES, sizeof hash);
    crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind) + 1);
    crypto_generichash_update(&state, value.data, value.len);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(ret, MATCH_TOKEN_BYTES, hash, sizeof hash);
    sodium_memzero(&state, sizeof state);
}
