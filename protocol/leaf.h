/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Leaf: one change, what happened to the columns of one class of one row in
 * one changeset, and its canonical bytes (docs/semantics.md section 2).
 *
 *   leaf  = head, body
 *   head  = u16 class, scope, u64 prior
 *   scope = u8 kind, u32 length, identifier
 *   body  = u32 table, key, u8 op, u32 cl,
 *           u16 count, count x u16 column (strictly ascending),
 *           count x value, contexts
 *   key   = u8 count, count x value
 *   contexts = u8 what follows (1 owner, 2 name),
 *              [owner: site u32 length, bytes; u32 epoch; 32 bytes hash of
 *              the offer's leaf, zero under epoch 1],
 *              [name: u64 incarnation, u64 seq],
 *              u16 contexts, each as context.h says
 *
 * A decoded leaf borrows from the bytes it was decoded from.
 */
#ifndef SANGAM_LEAF_H
#define SANGAM_LEAF_H

#include "err.h"
#include "limits.h"
#include "value.h"

enum { HASH_BYTES = 32 };

enum scope_kind {
    SCOPE_ALL = 0,
    SCOPE_SITE = 1,
    SCOPE_DISTRICT_OF = 2, /* the district of the site named */
    SCOPE_PERSON = 3,
};

struct scope {
    enum scope_kind kind;
    struct slice id; /* empty for SCOPE_ALL */
};

enum leaf_op {
    LEAF_INSERT = 1,
    LEAF_UPDATE = 2,
    LEAF_DELETE = 3,
};

struct leaf_cell {
    uint16_t column;
    struct value value;
};

/* What the writer of an owned row claims: to be its owner under an epoch. */
struct leaf_owner {
    struct slice site;
    uint32_t epoch;
    uint8_t offer[HASH_BYTES];
};

/* By which a context covers a write of this leaf: of a leaf that was signed
 * anew the first it had, which those who saw it then know. Any other has that of
 * its changeset. */
struct leaf_name {
    uint64_t incarnation;
    uint64_t seq;
};

struct leaf {
    uint16_t class_id;
    struct scope scope;
    uint64_t prior; /* seq of the origin's last change of (scope, class) */
    uint32_t table;
    uint8_t key_count;
    struct value key[KEY_COLUMNS_MAX];
    enum leaf_op op;
    uint32_t cl; /* causal length: odd alive, even deleted */
    uint16_t cell_count;
    struct leaf_cell cells[COLUMNS_MAX];
    bool owned; /* `owner` is set */
    struct leaf_owner owner;
    bool named; /* `name` is set */
    struct leaf_name name;
    uint16_t context_count; /* of `review` and `union` columns */
    struct slice contexts;  /* their canonical bytes (context.h) */
    /* Of a decoded leaf: the canonical bytes these parts came from. */
    struct slice scope_bytes;
    struct slice key_bytes;
};

/* Has every part the form and size that leaf_decode() asks for? Contexts
 * are left to leaf_decode(). */
bool leaf_is_sound(const struct leaf *leaf);

/* Appends the head, then the body. A leaf that leaf_decode() would refuse is
 * our own mistake and asserts. */
void leaf_encode_head(const struct leaf *leaf, struct bytes *out);
void leaf_encode_body(const struct leaf *leaf, struct bytes *out);
void leaf_encode_key(const struct leaf *leaf, struct bytes *out);

/* Is this the body of a leaf of the row with this canonical key, if it decodes
 * at all? Looks at its first bytes only. */
bool leaf_is_of_row(struct slice body, uint32_t table, struct slice key);

/* Decode exactly these bytes or fail with ERR_FORMAT or ERR_LIMIT. The head
 * alone is what a sealed leaf shows. */
int leaf_decode_head(struct slice head, struct leaf *ret, struct err *e);
int leaf_decode(struct slice head, struct slice body, struct leaf *ret,
                struct err *e);

/* Order within a changeset: scope, class, table, key. Decoded leaves only; 0
 * means the same class of the same row. */
int leaf_compare(const struct leaf *a, const struct leaf *b);

/* The cell of a column, or NULL. */
const struct value *leaf_cell(const struct leaf *leaf, uint16_t column);

/* "person:0198..." for logs and people; always terminated. */
void scope_print(const struct scope *scope, char *out, size_t out_bytes);

#endif
