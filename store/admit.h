/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Admission: does a leaf count? Judged only on the leaf, its header, the
 * origin's certificate and other leaves as positive evidence; never on
 * absence, order of arrival, the tables, or a clock (docs/semantics.md section
 * 4). What needs the row (its life, its owner, its scope) is judged by merge.h.
 */
#ifndef SANGAM_ADMIT_H
#define SANGAM_ADMIT_H

#include "store/manifest.h"
#include "store/registry.h"

/* What is said of a leaf of unknown admission. */
extern const char admit_newer[];

enum admission {
    ADMISSION_YES,
    ADMISSION_UNKNOWN, /* of a table or class of it that this version lacks:
                          kept and relayed */
    ADMISSION_WAITING, /* for what may still come: a person's word on a fork, a
                          certificate */
    ADMISSION_REFUSED,
};

/* `header` is that of its changeset, NULL before it is signed. `says` gets the
 * reason when it is not admitted. What a control leaf says that is admitted is
 * known to the registry from now on. */
enum admission admit_leaf(const struct manifest *m, struct registry *r,
                          const struct certificate *origin,
                          const struct changeset_header *header,
                          const struct leaf *leaf, struct err *says);

/* Can a row of the table have this key? It is part of admit_leaf(). */
bool admit_key(const struct table *table, const struct leaf *leaf,
               struct err *says);

#endif
