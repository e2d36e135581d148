/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Merkle tree over the leaves of a changeset: the shape of RFC 6962 section
 * 2.1, BLAKE2b-256, salted leaf hashes (docs/semantics.md section 2).
 *
 *   body hash = H(salt, body)
 *   leaf hash = H(0x00, head, body hash)      inner = H(0x01, left, right)
 *
 * The shape follows from the number of leaves, which is signed, so the index
 * of a leaf is bound. One leaf: the root is its hash. Leaves that are not
 * shown are replaced by the hashes of the largest whole subtrees of such
 * leaves, left to right: their cover.
 */
#ifndef SANGAM_MERKLE_H
#define SANGAM_MERKLE_H

#include "bytes.h"
#include "err.h"
#include "leaf.h"

enum { SALT_BYTES = 16, SEED_BYTES = 16 };

struct hash {
    uint8_t bytes[HASH_BYTES];
};

bool hash_equal(const struct hash *a, const struct hash *b);

/* The salt of leaf `index`: BLAKE2b keyed with the changeset's seed. */
void merkle_salt(const uint8_t seed[SEED_BYTES], uint32_t index,
                 uint8_t out[SALT_BYTES]);
struct hash merkle_body(const uint8_t salt[SALT_BYTES], struct slice body);
struct hash merkle_leaf(struct slice head, const struct hash *body);

/* What is known of a tree of `count` leaves: `leaves[i]` where shown[i], and
 * `cover` for the rest. With everything shown the cover is empty. */
struct merkle {
    const struct hash *leaves;
    const bool *shown;
    size_t count;
    const struct hash *cover;
    size_t cover_count;
};

/* The root. ERR_FORMAT if the cover has too few or too many hashes. */
int merkle_root(const struct merkle *tree, struct hash *ret, struct err *e);

/* The cover for showing only `keep` (a subset of what is shown): `ret` has
 * room for tree->count hashes; sets *ret_count. Errors as merkle_root(). */
int merkle_cover(const struct merkle *tree, const bool *keep, struct hash *ret,
                 size_t *ret_count, struct err *e);

/* How many hashes cover the leaves not in `shown`. */
size_t merkle_cover_count(const bool *shown, size_t count);

#endif
