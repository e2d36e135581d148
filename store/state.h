/* SPDX-License-Identifier: Apache-2.0 */

/*
 * State: what is remembered of a row of a `record` or `reference` table beside
 * its values: its life, who owned it when, and which write shows in each column
 * (docs/semantics.md section 5). A column without a stamp was never written.
 *
 * Stored small, because this is the first thing a merge pays for:
 *   varint stamps, each: u64 hlc, varint origin_no, u64 incarnation,
 *                        varint seq
 *   varint cl; if cl > 0: varint stamp of the life, scope (canonical bytes),
 *     varint owners, each: varint length and bytes of the site; from the
 *     second on: varint stamp, 32 bytes hash of the offer, u8 contested
 *   varint columns' runs, each: varint first column, varint count,
 *                        varint stamp, varint epoch
 *   then each: varint column, memory (memory.h)
 *   if lives lie elsewhere: varint 0, varint length and bytes of their scopes
 */
#ifndef SANGAM_STATE_H
#define SANGAM_STATE_H

#include "protocol/changeset.h"
#include "store/memory.h"

struct column_state {
    uint16_t column;
    uint32_t epoch; /* of the owner who wrote it; 0: not owned */
    struct stamp stamp;
    struct memory *memory; /* owned; NULL: the stamp says all */
};

/* Who owned a row from which epoch on; the first is the one who made it. */
struct owner {
    char site[SITE_BYTES_MAX + 1];
    struct stamp stamp;        /* of the first acceptance */
    uint8_t offer[HASH_BYTES]; /* hash of the offer's leaf */
    bool contested;            /* another site took the row as well */
};

struct row_state {
    uint32_t cl; /* 0: no life known; odd: alive; even: deleted */
    struct stamp life;
    uint8_t scope[SCOPE_ID_BYTES_MAX + 5]; /* canonical */
    size_t scope_len;
    struct bytes scopes;  /* owned; others that lives of it were said to lie in,
                             canonical, ascending, no two equal */
    struct owner *owners; /* owned; [epoch - 1] */
    size_t owner_count;   /* 0: nothing is owned */
    size_t column_count;
    struct column_state columns[COLUMNS_MAX]; /* ascending */
};

/* Back to a row never heard of. A zeroed state is one. */
void state_clear(struct row_state *s);

/* Another life, in which nothing is written or owned yet. The scope of the last
 * is remembered: what a fold of the row is made of lies there too. */
void state_begin_life(struct row_state *s, uint32_t cl,
                      const struct stamp *stamp, struct slice scope);
/* Remembers the scope of a life that is over, or did not win; false when it is
 * the row's own, or remembered. */
bool state_note_scope(struct row_state *s, struct slice scope);
/* The next of canonical scopes that follow each other, as those remembered do. */
struct slice state_next_scope(struct cursor *c);

/* The write that shows in a column, or NULL: never written. */
const struct column_state *state_column(const struct row_state *s,
                                        uint16_t column);
/* The same, made if it is not there. */
struct column_state *state_set_column(struct row_state *s, uint16_t column,
                                      const struct stamp *stamp);
/* False when it was not there. */
bool state_forget_column(struct row_state *s, uint16_t column);

/* The owner under an epoch, or NULL. */
const struct owner *state_owner(const struct row_state *s, uint32_t epoch);
/* The last owner, or NULL where nothing is owned. */
const struct owner *state_last_owner(const struct row_state *s);
void state_put_owner(struct row_state *s, uint32_t epoch,
                     const struct owner *owner);

/* How many of its columns wait for a person. The owner counts as one, where two
 * sites took the row under the last epoch: the next hand-over settles it. */
size_t state_reviews(const struct row_state *s);

void state_encode(const struct row_state *s, struct bytes *out);
/* Replaces *ret, which is a state. ERR_CORRUPT: the bytes are ours. */
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
