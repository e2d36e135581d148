/* SPDX-License-Identifier: Apache-2.0 */

/*
 * State: what is remembered of a row of a `record` or `reference` table beside
 * its values: its life, and which stamp each column carries
 * (docs/semantics.md section 5). A column without a stamp was never written.
 *
 * Stored small, because this is the first thing a merge pays for:
 *   varint stamps, each: u64 hlc, varint origin_no, u64 incarnation,
 *                        varint seq
 *   varint cl; if cl > 0: varint stamp of the life, scope (canonical bytes),
 *                        varint length and bytes of the owner's site
 *   runs until the end: varint first column, varint count, varint stamp
 */
#ifndef SANGAM_STATE_H
#define SANGAM_STATE_H

#include "protocol/changeset.h"
#include "store/registry.h"

/* When and by whom: one per changeset. */
struct stamp {
    uint64_t hlc;
    const struct origin *origin; /* in the registry */
    uint64_t incarnation;
    uint64_t seq;
};

/* hlc, then origin, incarnation, seq: a total order. */
int stamp_compare(const struct stamp *a, const struct stamp *b);

struct column_stamp {
    uint16_t column;
    struct stamp stamp;
};

struct row_state {
    uint32_t cl; /* 0: no life known; odd: alive; even: deleted */
    struct stamp life;
    uint8_t scope[SCOPE_ID_BYTES_MAX + 5]; /* canonical */
    size_t scope_len;
    char owner[SITE_BYTES_MAX + 1]; /* "" where nothing is owned */
    size_t column_count;
    struct column_stamp columns[COLUMNS_MAX]; /* ascending */
};

/* The stamp of a column, or NULL: never written. */
const struct stamp *state_column(const struct row_state *s, uint16_t column);
void state_set_column(struct row_state *s, uint16_t column,
                      const struct stamp *stamp);

void state_encode(const struct row_state *s, struct bytes *out);
/* ERR_CORRUPT: the bytes are ours. */
int state_decode(struct slice bytes, const struct registry *registry,
                 struct row_state *ret, struct err *e);

/* The key of a row as sync_row and others store it: one UUID as 16 bytes
 * behind 'u', anything else as its canonical bytes behind 'k'. */
void row_key(struct slice canonical_key, struct bytes *out);
/* Back to values, which borrow from `memory`. */
int row_key_values(struct slice key, struct bytes *memory,
                   struct value ret[KEY_COLUMNS_MAX], size_t *ret_count,
                   struct err *e);
/* "0198..., X" for people. */
void row_key_print(struct slice key, char *out, size_t out_bytes);

#endif
