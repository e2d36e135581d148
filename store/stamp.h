/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stamp: when and by whom, one for each changeset.
 */
#ifndef SANGAM_STAMP_H
#define SANGAM_STAMP_H

#include "protocol/context.h"
#include "protocol/leaf.h"
#include "store/registry.h"

struct stamp {
    uint64_t hlc;
    const struct origin *origin; /* in the registry */
    uint64_t incarnation;
    uint64_t seq;
};

/* hlc, then origin, incarnation, seq: a total order. */
int stamp_compare(const struct stamp *a, const struct stamp *b);

/* The write alone, without its time, as others cover it: by the name its leaf
 * says, if it says one. */
struct context_entry stamp_name(const struct stamp *s, const struct leaf *leaf);

void stamp_encode(const struct stamp *s, struct bytes *out);
/* Marks the cursor bad when the origin is not known. */
struct stamp stamp_decode(struct cursor *c, const struct registry *r);

#endif
