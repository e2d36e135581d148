/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys: the three independent pairs of a node (docs/design.md section 8).
 * Ed25519 signs and is the identity, X25519 opens boxes, CURVE carries the
 * link. They are never derived from one another.
 *
 * A node's name is the hash of its identity key; a network's name is the name
 * of its root.
 */
#ifndef SANGAM_KEYS_H
#define SANGAM_KEYS_H

#include "err.h"
#include "merkle.h"

enum {
    KEY_PUBLIC_BYTES = 32,
    SIGN_SECRET_BYTES = 64,
    KEY_SECRET_BYTES = 32,
    SIGNATURE_BYTES = 64,
    HASH_HEX_BYTES = 2 * HASH_BYTES + 1,
    HASH_SHORT_BYTES = 9, /* eight digits: enough to tell nodes apart in logs */
    KEYS_TEXT_BYTES_MAX = 2048,
};

struct keys {
    uint8_t sign_public[KEY_PUBLIC_BYTES];
    uint8_t sign_secret[SIGN_SECRET_BYTES];
    uint8_t box_public[KEY_PUBLIC_BYTES];
    uint8_t box_secret[KEY_SECRET_BYTES];
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    uint8_t curve_secret[KEY_SECRET_BYTES];
};

/* Draws three new pairs from the system's generator. */
void keys_generate(struct keys *ret);
/* Overwrites the secrets. */
void keys_wipe(struct keys *k);
/* BLAKE2b-256 of the identity key. */
struct hash keys_node(const uint8_t sign_public[KEY_PUBLIC_BYTES]);

/* The key file: text, one "name = hexadecimal" a line: sign_public,
 * sign_secret, box_public, box_secret, curve_public, curve_secret, 64 digits
 * each (sign_secret is the 32-byte secret of RFC 8032). keys_parse() computes
 * the public halves and compares, so that damage to a secret is found at once
 * (ERR_CORRUPT); it refuses other forms as fields.h says. The text is wiped
 * by its owner. */
void keys_print(const struct keys *k, struct bytes *out);
int keys_parse(struct slice text, struct keys *ret, struct err *e);

void hash_print(const struct hash *h, char out[HASH_HEX_BYTES]);
void hash_print_short(const struct hash *h, char out[HASH_SHORT_BYTES]);
/* 64 hexadecimal digits. ERR_FORMAT otherwise. */
int hash_parse(struct slice text, struct hash *ret, struct err *e);

#endif
