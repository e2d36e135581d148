/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Evidence: what control leaves say against changesets that were signed
 * (docs/semantics.md section 4). Like a certificate each is a leaf of class
 * control, scope all, op insert, cl 1, prior as any, and never changes. What is
 * said is all in the key, or hangs on the hashes in it, so that two leaves of
 * one key say the same.
 *
 *   table 3 (sync_revocation)  key: node (blob of 32), the last number that
 *     still counts (integer), kind (text "revoke" or "retire"); no columns
 *   table 4 (sync_void)        key: node (the signer's), incarnation (blob of
 *     8), the last number of it that still counts (integer); no columns
 *   table 5 (sync_fork)        key: hashes of the first and the second header
 *     (blobs of 32); columns 2 node, 3 incarnation (blob of 8), 4 seq: what is
 *     not sure from here on; 5 to 8 the two headers, each as 176 bytes and its
 *     signature; 9 and 10 a third, or NULL and NULL
 *
 * A fork proof is one of three kinds, told apart by the numbers and the third header:
 *   fork    two contents of one name; the first has the smaller hash
 *   clone   the third continues the first, and the second is stamped between the
 *           two, of another incarnation than either, and does not build on the
 *           first (its number is no higher): its writer went on from the first
 *           as if it had not written the second. What incarnations say of
 *           themselves (below) may speak against it
 *   sequel  the second continues the first, in another incarnation: where the
 *           first waits as of a clone, so does the second
 */
#ifndef SANGAM_EVIDENCE_H
#define SANGAM_EVIDENCE_H

#include "certificate.h"
#include "changeset.h"

enum {
    TABLE_REVOCATION = 3,
    TABLE_VOID = 4,
    TABLE_FORK = 5,
};

struct revocation {
    struct hash node;
    uint64_t after; /* the last number that counts */
    bool retires;   /* of its own will; else revoked */
};

/* "Of this incarnation of mine nothing counts after this number." */
struct voiding {
    struct hash node;
    uint64_t incarnation;
    uint64_t after;
};

struct signed_header {
    struct changeset_header header;
    uint8_t signature[SIGNATURE_BYTES];
};

enum proof {
    PROOF_FORK,
    PROOF_CLONE, /* `third` is set */
    PROOF_SEQUEL,
};

struct fork_proof {
    enum proof kind;
    struct signed_header first;
    struct signed_header second;
    struct signed_header third;
};

/* What the lowest bits of an incarnation say of its first changeset. The others are
 * random. */
enum {
    /* What it continues came back to its node, which may never have been there
     * (docs/semantics.md section 4, "Branch"). */
    INCARNATION_CAME_BACK = 1,
    /* Programs had written before it began, and what they wrote is stamped by
     * that time: where the disk was copied meanwhile another signs it too. */
    INCARNATION_WAITED = 2,
};

/* May a changeset and the one that continues it prove a clone? Not where what their
 * incarnations say leaves open whether their writer was there at the time. */
bool fork_proof_may_rest_on(const struct changeset_header *first,
                            const struct changeset_header *third);

/* The first changeset that is not sure: of the second header. */
const struct changeset_header *fork_proof_from(const struct fork_proof *p);

/* Each appends the bytes its values need to `memory`; they borrow from it until
 * it grows again. Prior is 0. */
void revocation_leaf(const struct revocation *v, struct bytes *memory,
                     struct leaf *ret);
void voiding_leaf(const struct voiding *v, struct bytes *memory,
                  struct leaf *ret);
void fork_proof_leaf(const struct fork_proof *p, struct bytes *memory,
                     struct leaf *ret);

/* ERR_FORMAT when the leaf is not exactly of that form. A fork proof is checked
 * for what it says, but for its signatures. */
int revocation_of_leaf(const struct leaf *leaf, struct revocation *ret,
                       struct err *e);
int voiding_of_leaf(const struct leaf *leaf, struct voiding *ret,
                    struct err *e);
int fork_proof_of_leaf(const struct leaf *leaf, struct fork_proof *ret,
                       struct err *e);

/* Do these headers prove what they are to? Puts those of a fork in order. */
bool fork_proof_holds(struct fork_proof *p);

#endif
