/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Anew: leaves that this node signed once, signed again by the time it has
 * learnt, because what they stood in was taken back (docs/semantics.md section
 * 4, "Future stamp").
 */
#ifndef SANGAM_ANEW_H
#define SANGAM_ANEW_H

#include "store/parts.h"

/* Memory for one changeset; begins as zeros. */
struct anew {
    struct leaf leaf;
    struct bytes memory; /* of the drafts, */
    struct draft drafts[LEAVES_MAX];
    size_t bodies[LEAVES_MAX]; /* and where a body in it begins, plus 1 */
};

/* Signs a leaf of a changeset of this node's, or all that are not withheld, in
 * the caller's transaction, the one leaf without these of its cells. Journalled and
 * not merged: the rows they touch are to be folded. */
int anew_sign(struct anew *a, struct replica *r, const struct changeset *cs,
              int64_t now_ms, struct err *e);
int anew_sign_leaf(struct anew *a, struct replica *r,
                   const struct changeset *cs, size_t index,
                   const bool left_out[COLUMNS_MAX], int64_t now_ms,
                   struct err *e);
void anew_clear(struct anew *a);

#endif
