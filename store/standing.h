/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Standing: does what a changeset says count? Control leaves speak for it (the
 * certificate it was signed under) or against it (revocations, voids, fork
 * proofs), and evidence lies in changesets itself, so it is weighed from the
 * root down (docs/decisions/0010-late-evidence.md). The answer is a function
 * of the set of control leaves held: neither order nor time of arrival is an
 * argument of it.
 *
 * In memory, inside the registry, which loads it from the journal. It remembers
 * what it answered before the last evidence came, until the rows say so too
 * (late.h).
 */
#ifndef SANGAM_STANDING_H
#define SANGAM_STANDING_H

#include "protocol/evidence.h"

struct standing;

enum stand {
    STAND_COUNTS,
    STAND_CUT_OFF, /* beyond the cut-off of its origin, or its certificate is */
    STAND_VOID,    /* its origin takes it back */
    STAND_FORKED,  /* of a name with two contents, or after it */
};

struct standing *standing_new(void);
void standing_destroy(struct standing **s);

/* Each notes what a control leaf of the changeset `in` says; twice is once. Of
 * evidence, false: its signer has told EVIDENCE_MAX things before, and this one
 * is not noted. */
void standing_add_certificate(struct standing *s, const struct certificate *c,
                              const struct changeset_header *in);
/* `may_enrol`: the certificate it is signed under allows it to enrol. */
bool standing_add_revocation(struct standing *s, const struct revocation *v,
                             const struct changeset_header *in, bool may_enrol);
bool standing_add_voiding(struct standing *s, const struct voiding *v,
                          const struct changeset_header *in);
/* A proof speaks for itself, whoever tells it, once its signatures verify. It
 * is noted as told before (`verifies` false), because they can verify at one
 * node sooner than at another. */
bool standing_add_fork(struct standing *s, const struct fork_proof *p,
                       const struct changeset_header *in, bool verifies);

enum stand standing_of(struct standing *s, const struct changeset_header *h);
/* Does this control leaf, which was added, count where it lies? */
bool standing_counts_revocation(struct standing *s, const struct revocation *v,
                                const struct changeset_header *in);
/* Does the certificate of a node with this serial? One that nobody told does. */
bool standing_counts_certificate(struct standing *s, const struct hash *node,
                                 uint64_t serial);
/* Is `above` above `node` in the tree, not the same? */
bool standing_is_above(const struct standing *s, const struct hash *above,
                       const struct hash *node);
/* Is a fork of this incarnation proved, from this number or an earlier one? */
bool standing_is_forked(struct standing *s, const struct changeset_header *h);
/* Is it of the younger branch of a clone? */
bool standing_is_of_clone(struct standing *s, const struct changeset_header *h);
/* Pieces of evidence it has told, of EVIDENCE_MAX. */
size_t standing_told(const struct standing *s, const struct hash *node);
/* Is a clone of this node proved? */
bool standing_ran_twice(struct standing *s, const struct hash *node);
/* Is it beyond the end of its origin, taken back or not? */
bool standing_is_cut_off(struct standing *s, const struct changeset_header *h);

/* Has evidence come since standing_settled()? */
bool standing_changed(const struct standing *s);
/* Is a certificate among it, for which other evidence may have waited? */
bool standing_enrolled(const struct standing *s);
/* Can it have changed the standing of this node's changesets? */
bool standing_concerns(const struct standing *s, const struct hash *node);
/* Is an answer about it another than at the last standing_settled()? */
bool standing_turned(struct standing *s, const struct changeset_header *h);
void standing_settled(struct standing *s);

/* Remembers what is said now; everything is settled. */
void standing_mark(struct standing *s);
/* Back to the mark: what was said since, in a transaction that was rolled back,
 * is forgotten. */
void standing_return(struct standing *s);

#endif
