/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Evidence: control leaves against changesets, on their way into the registry
 * (protocol/evidence.h says what they look like, standing.h what follows).
 */
#ifndef SANGAM_STORE_EVIDENCE_H
#define SANGAM_STORE_EVIDENCE_H

#include "store/registry.h"

/* Is this a table of evidence? */
bool evidence_is(uint32_t table);

/* Notes what a leaf of a table of evidence says, of the verified changeset
 * `header` signed under the certificate `origin`. 0: its form and its signer
 * are right; ERR_UNKNOWN: it speaks of a node whose certificate is not held,
 * look again when it is; else ERR_*, and it says nothing. */
int evidence_admit(struct registry *r, const struct certificate *origin,
                   const struct changeset_header *header,
                   const struct leaf *leaf, struct err *e);

/* The verdict that a changeset's standing means for its leaves: 0 where it
 * counts, ERR_FORK where a person must decide, ERR_FUTURE where its writer
 * takes it back, ERR_FORBIDDEN where it is cut off; with a sentence that is the
 * same at every node. */
int evidence_verdict(struct registry *r, const struct changeset_header *header,
                     struct err *e);

#endif
