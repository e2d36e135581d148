/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Changeset: the signed batch of leaves of one origin (docs/semantics.md
 * section 2). Once signed its bytes never change; a relay may leave single
 * leaves out (withhold) or encrypt them (seal), and the origin's signature
 * still verifies, because only hashes of leaves are under it.
 *
 * The signed header, 176 bytes, integers big-endian:
 *   network 32, origin 32, incarnation 8, seq 8, previous incarnation 8,
 *   previous header hash 32, hlc 8, schema version 4, certificate serial 8,
 *   leaf count 4, Merkle root 32
 * signature = Ed25519("sangam-changeset-1" ‖ header)
 * hash      = BLAKE2b-256("sangam-changeset-1" ‖ header)
 */
#ifndef SANGAM_CHANGESET_H
#define SANGAM_CHANGESET_H

#include "keys.h"
#include "leaf.h"
#include "merkle.h"

enum {
    CHANGESET_HEADER_BYTES = 176,
    CLASS_KEY_BYTES = 32,
    SEAL_NONCE_BYTES = 24,
};

struct changeset_header {
    struct hash network;
    struct hash origin;
    uint64_t incarnation;
    uint64_t seq;              /* from 1 */
    uint64_t prev_incarnation; /* 0 for the first */
    struct hash prev;          /* zeros for the first */
    uint64_t hlc;
    uint32_t schema_version;
    uint64_t certificate; /* serial of the origin's certificate */
    uint32_t leaf_count;
    struct hash root;
};

/* How one leaf is present. */
enum slot_form {
    SLOT_VISIBLE = 0,
    SLOT_SEALED = 1,   /* head, hash of the body, ciphertext */
    SLOT_WITHHELD = 2, /* under a hash of the cover */
};

struct slot {
    enum slot_form form;
    struct slice head;        /* visible, sealed */
    struct slice body;        /* visible */
    uint8_t salt[SALT_BYTES]; /* visible */
    struct hash body_hash;    /* visible, sealed */
    struct slice sealed;      /* nonce and ciphertext */
};

struct changeset {
    struct changeset_header header;
    uint8_t signature[SIGNATURE_BYTES];
    bool whole; /* every leaf is visible and the seed is known */
    uint8_t seed[SEED_BYTES];
    struct slot *slots; /* header.leaf_count of them */
    struct hash *cover;
    size_t cover_count;
    struct bytes memory; /* what the slices point into */
};

void changeset_destroy(struct changeset **cs);

/* --- signing --- */

/* Canonical bytes of one leaf to be signed. */
struct leaf_bytes {
    struct slice head;
    struct slice body;
};

/* Signs `count` leaves, already in order and within limits.h (asserted).
 * `header` gives everything but leaf count and root. The changeset copies the
 * leaves. */
struct changeset *changeset_sign(const struct changeset_header *header,
                                 const struct leaf_bytes *leaves, size_t count,
                                 const uint8_t seed[SEED_BYTES],
                                 const struct keys *keys);

/* --- verifying --- */

/* Computes the root from what is present and sets header.root. Form, order and
 * size of what is not withheld are checked: ERR_FORMAT, ERR_LIMIT. */
int changeset_compute_root(struct changeset *cs, struct err *e);

/* The signature over the header as it stands. ERR_SIGNATURE. Call after
 * changeset_compute_root(); together they prove every visible leaf. */
int changeset_verify(const struct changeset *cs,
                     const uint8_t sign_public[KEY_PUBLIC_BYTES],
                     struct err *e);

void changeset_header_encode(const struct changeset_header *header,
                             uint8_t out[CHANGESET_HEADER_BYTES]);
/* A header alone, as evidence carries it; the form is checked and no more.
 * ERR_FORMAT. */
int changeset_header_decode(struct slice bytes, struct changeset_header *ret,
                            struct err *e);
/* ERR_SIGNATURE. */
int changeset_header_verify(const struct changeset_header *header,
                            const uint8_t signature[SIGNATURE_BYTES],
                            const uint8_t sign_public[KEY_PUBLIC_BYTES],
                            struct err *e);
struct hash changeset_hash(const struct changeset_header *header);

/* The hash of the leaf in a slot that is not withheld. */
struct hash changeset_leaf_hash(const struct changeset *cs, size_t index);

/* --- hiding --- */

/* A copy that shows only the slots with keep[i]; the rest is withheld. A slot
 * withheld already stays so. */
int changeset_withhold(const struct changeset *cs, const bool *keep,
                       struct changeset **ret, struct err *e);

/* Seals one visible leaf under a class key: XChaCha20-Poly1305 over salt and
 * body, the leaf hash as associated data. The nonce is random and used once. */
void changeset_seal(struct changeset *cs, size_t index,
                    const uint8_t key[CLASS_KEY_BYTES],
                    const uint8_t nonce[SEAL_NONCE_BYTES]);
/* Opens a sealed leaf. ERR_HASH when it does not open, or opens to another
 * body than the origin signed; ERR_FORMAT or ERR_LIMIT when the origin signed
 * what is no leaf or is out of order. The slot is then unchanged. */
int changeset_open(struct changeset *cs, size_t index,
                   const uint8_t key[CLASS_KEY_BYTES], struct err *e);

#endif
