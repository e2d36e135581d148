/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sample: random leaves of every kind of value, and changesets of them, signed
 * with the key of tests/data/vectors/keys.txt.
 */
#ifndef SANGAM_TESTS_SAMPLE_H
#define SANGAM_TESTS_SAMPLE_H

#include "dice.h"
#include "protocol/changeset.h"

/* What the values of a leaf are drawn from and what they point into. */
struct sample {
    struct dice dice;
    struct keys keys;
    struct bytes memory; /* of the leaf drawn last */
    struct bytes store;  /* canonical bytes of leaves added */
    size_t heads[LEAVES_MAX + 1];
    size_t bodies[LEAVES_MAX];
    size_t count;
    char uuids[16][37]; /* used again and again */
};

/* Prints the seed. */
void sample_start(struct sample *s);
void sample_free(struct sample *s);

/* A value of any kind; borrows from the sample until the next leaf. */
struct value sample_value(struct sample *s);
/* A random sound leaf; borrows from the sample until the next. */
void sample_leaf(struct sample *s, struct leaf *ret);

/* Adds a leaf to the next changeset. */
void sample_add(struct sample *s, const struct leaf *leaf);
/* `count` random ones, fewer if they are too large together. */
void sample_add_random(struct sample *s, size_t count);

/* Header of changeset 42, everything set but count and root. */
struct changeset_header sample_header(const struct sample *s);
/* Sorts what was added, keeps one leaf of a class of a row, signs, and begins
 * anew. */
struct changeset *sample_sign(struct sample *s);
/* Signs what was added as it stands, whatever the order and the form: an
 * origin that does not keep to the rules. */
struct changeset *sample_forge(struct sample *s);

/* All heads and bodies that both show are the same; header and signature, too.
 */
void sample_assert_same(const struct changeset *a, const struct changeset *b);

/* Replaces `out` by the packed leaves without compression. */
void sample_unfold(struct slice packed, struct bytes *out);

#endif
