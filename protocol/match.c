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
