/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pack: the leaves of a changeset as they travel and as they are kept,
 * lossless and small. What a receiver can compute is left out; what zstd
 * cannot shrink (UUIDs, hashes, salts) goes beside it. The canonical bytes are
 * rebuilt on unpacking, and the signature proves that they came out right.
 *
 *   packed = u8 flags (1: whole, 2: compressed),
 *            seed if whole, varint length of raw, raw,
 *            tokens (as they are, or varint length and one zstd frame)
 *
 * docs/protocol.md gives the tokens.
 */
#ifndef SANGAM_PACK_H
#define SANGAM_PACK_H

#include "changeset.h"

/* Compression contexts and scratch memory, reused from call to call. */
struct packer;

struct packer *packer_new(void);
void packer_destroy(struct packer **p);

/* Appends the packed leaves of `cs`. */
void packer_pack(struct packer *p, const struct changeset *cs,
                 struct bytes *out);

/* Makes a changeset of `header` (leaf_count and hlc are used) and packed
 * leaves; header.root is computed, the signature is zero. ERR_FORMAT or
 * ERR_LIMIT; nothing is allocated beyond limits.h. */
int packer_unpack(struct packer *p, const struct changeset_header *header,
                  struct slice packed, struct changeset **ret, struct err *e);

#endif
