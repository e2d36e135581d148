/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evidence.h"

#include <stdlib.h>

#include "protocol/limits.h"

bool evidence_is(uint32_t table)
{
    return table == TABLE_REVOCATION || table == TABLE_VOID ||
           table == TABLE_FORK;
}

/* --- who may say it ------------------------------------------------------ */

static int told_too_much(const struct certificate *origin, struct err *e)
{
    return err_set(e, ERR_LIMIT,
                   "site %s has said more than %d things against nodes",
                   origin->site, EVIDENCE_MAX);
}

static int admit_revocation(struct registry *r,
                            const struct certificate *origin,
                            const struct changeset_header *header,
                            const struct leaf *leaf, struct err *e)
{
    struct revocation v;
    struct standing *s = registry_standing(r);
    int rc = revocation_of_leaf(leaf, &v, e);
    if (rc != 0) {
        return rc;
    }
    const struct certificate *named =
        registry_certificate(r, &header->origin, header->certificate);
    bool may_enrol = (named == NULL ? origin : named)->may_enrol;
    if (!standing_add_revocation(s, &v, header, may_enrol)) {
        return told_too_much(origin, e);
    }
    if (hash_equal(&v.node, &header->origin)) {
        return standing_counts_revocation(s, &v, header)
                   ? 0
                   : err_set(e, ERR_FORBIDDEN,
                             "site %s ends itself before it says so, or may "
                             "not say so any more",
                             origin->site);
    }
    if (!standing_is_above(s, &header->origin, &v.node) || !origin->may_enrol) {
        bool known = registry_current(r, &v.node) != NULL;
        return err_set(e, known ? ERR_FORBIDDEN : ERR_UNKNOWN,
                       known ? "site %s may not revoke this node: it did not "
                               "enrol it, nor anyone above it"
                             : "site %s revokes a node whose certificate is "
                               "not held",
                       origin->site);
    }
    return 0;
}

static int admit_voiding(struct registry *r, const struct certificate *origin,
                         const struct changeset_header *header,
                         const struct leaf *leaf, struct err *e)
{
    struct voiding v;
    int rc = voiding_of_leaf(leaf, &v, e);
    if (rc != 0) {
        return rc;
    }
    if (!hash_equal(&v.node, &header->origin)) {
        return err_set(e, ERR_FORBIDDEN,
                       "site %s takes back what another node said",
                       origin->site);
    }
    return standing_add_voiding(registry_standing(r), &v, header)
               ? 0
               : told_too_much(origin, e);
}

static int verify_header(struct registry *r, const struct signed_header *h,
                         struct err *e)
{
    const struct certificate *c =
        registry_certificate(r, &h->header.origin, h->header.certificate);
    if (c == NULL) {
        return err_set(e, ERR_UNKNOWN,
                       "it accuses a node whose certificate is not held");
    }
    return changeset_header_verify(&h->header, h->signature, c->sign_public, e);
}

static int admit_fork(struct registry *r, const struct certificate *origin,
                      const struct changeset_header *header,
                      const struct leaf *leaf, struct err *e)
{
    struct fork_proof p;
    struct standing *s = registry_standing(r);
    int rc = fork_proof_of_leaf(leaf, &p, e);
    if (rc == 0 && !standing_add_fork(s, &p, header, false)) {
        rc = told_too_much(origin, e);
    }
    if (rc == 0) {
        rc = verify_header(r, &p.first, e);
    }
    if (rc == 0) {
        rc = verify_header(r, &p.second, e);
    }
    if (rc == 0 && p.kind == PROOF_CLONE) {
        rc = verify_header(r, &p.third, e);
    }
    if (rc == 0) {
        (void)standing_add_fork(s, &p, header, true);
    }
    return rc;
}

int evidence_admit(struct registry *r, const struct certificate *origin,
                   const struct changeset_header *header,
                   const struct leaf *leaf, struct err *e)
{
    switch (leaf->table) {
    case TABLE_REVOCATION:
        return admit_revocation(r, origin, header, leaf, e);
    case TABLE_VOID:
        return admit_voiding(r, origin, header, leaf, e);
    case TABLE_FORK:
        return admit_fork(r, origin, header, leaf, e);
    default:
        abort();
    }
}

/* --- what follows -------------------------------------------------------- */

int evidence_verdict(struct registry *r, const struct changeset_header *header,
                     struct err *e)
{
    enum stand stand = standing_of(registry_standing(r), header);
    if (stand == STAND_COUNTS) {
        return 0;
    }
    const struct certificate *c =
        registry_certificate(r, &header->origin, header->certificate);
    const char *site = c == NULL ? "(unknown)" : c->site;
    switch (stand) {
    case STAND_COUNTS:
        break;
    case STAND_CUT_OFF:
        return err_set(e, ERR_FORBIDDEN,
                       "it comes after the end of this node of site %s, which "
                       "was revoked or retired",
                       site);
    case STAND_VOID:
        return err_set(e, ERR_FUTURE,
                       "site %s took it back, because its clock was ahead, and "
                       "signed it anew",
                       site);
    case STAND_FORKED:
        return err_set(e, ERR_FORK,
                       "this node of site %s ran twice (a copied disk, or a "
                       "backup put back); a person must say which of the two "
                       "counts",
                       site);
    }
    abort();
}
