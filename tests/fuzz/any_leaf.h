/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any leaf: what bytes make of the tables of a replica. It is mostly of a table
 * that there is and of one of its classes, and may be unsound.
 */
#ifndef SANGAM_TESTS_ANY_LEAF_H
#define SANGAM_TESTS_ANY_LEAF_H

#include "fuzz.h"
#include "protocol/certificate.h"
#include "protocol/changeset.h"
#include "store/manifest.h"

/* What it may speak of. */
struct any_world {
    const struct manifest *manifest;
    const struct certificate *certificates; /* of some nodes */
    size_t certificate_count;
};

/* Takes its bytes from `in`. `of` is the header of the changeset that it is to
 * be in; `memory` is cleared, and keeps what the leaf borrows. `prior` is the
 * caller's. */
void any_leaf(struct slice *in, const struct any_world *world,
              const struct changeset_header *of, struct bytes *memory,
              struct leaf *ret);

#endif
