/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Certificate: says what a node is and may do. It is not a document of its
 * own but a control leaf in its issuer's chain, so the signature of the
 * issuer's changeset signs it, and it reaches every node as rows do
 * (docs/semantics.md section 4).
 *
 *   table 1 (sync_certificate), class 1 (control), scope all, key = serial
 *   (8-byte blob), insert, cl 1, columns:
 *   1 node, 2 sign_public, 3 box_public, 4 curve_public, 5 parent (blobs of
 *   32 bytes; the root is its own parent), 6 site (text, see site.h), 7
 *   tables, 8 may_read, 9 may_grant (text: numbers from 1, strictly
 *   ascending, "1,2,5", or "" for none; tables also "all"), 10 may_enrol
 *   (0 or 1)
 */
#ifndef SANGAM_CERTIFICATE_H
#define SANGAM_CERTIFICATE_H

#include "keys.h"
#include "leaf.h"

enum {
    CLASS_CONTROL = 1,
    TABLE_CERTIFICATE = 1,
    TABLE_CONTROL_MAX = 9, /* table ids up to here are control tables */
    CERTIFICATE_COLUMNS = 10,
};

struct number_list {
    size_t count;
    uint16_t numbers[CERTIFICATE_TABLES_MAX]; /* strictly ascending */
};

struct certificate {
    uint64_t serial; /* 64 random bits */
    struct hash node;
    uint8_t sign_public[KEY_PUBLIC_BYTES];
    uint8_t box_public[KEY_PUBLIC_BYTES];
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    struct hash parent;
    char site[SITE_BYTES_MAX + 1];
    bool all_tables;
    struct number_list tables;
    struct number_list may_read;  /* classes */
    struct number_list may_grant; /* classes */
    bool may_enrol;
};

bool number_list_has(const struct number_list *list, uint16_t number);

/* The leaf of a certificate, prior 0. Values borrow from `c` and from `memory`,
 * to which their texts are appended: until `memory` grows again. Asserts the
 * form that certificate_of_leaf() asks for. */
void certificate_leaf(const struct certificate *c, struct bytes *memory,
                      struct leaf *ret);
/* ERR_FORMAT when the leaf is no certificate in exactly that form, or when
 * its node is not the hash of its identity key. */
int certificate_of_leaf(const struct leaf *leaf, struct certificate *ret,
                        struct err *e);

/* May `path[0]` (the issuer) issue `c`? `path` leads from the issuer to the
 * root, `path_count` >= 1. The issuer must be the parent named and may_enrol;
 * may_grant and may_enrol never exceed the issuer's; may_read is a subset of
 * what someone up the path may grant. `c` may not be for the issuer or a node
 * above it, which would bend the tree into a ring, nor lie deeper than
 * TREE_DEPTH_MAX certificates. The root (path_count 1, path[0] the same
 * certificate) may issue its own. ERR_FORBIDDEN with a sentence. */
int certificate_may_issue(const struct certificate *const *path,
                          size_t path_count, const struct certificate *c,
                          struct err *e);

#endif
