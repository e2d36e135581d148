/* SPDX-License-Identifier: Apache-2.0 */
#include "store/control.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/evidence.h"
#include "store/journal.h"

struct loading {
    struct registry *r;
    struct database *db;
    struct packer *packer;
    const struct hash *network;
    bool evidence_held; /* the journal has some */
};

/* Whose key signs this changeset: its origin's certificate, or, for the first
 * of the root, the certificate inside, which the network's name vouches for. */
static const uint8_t *signer(const struct registry *r,
                             const struct changeset *cs,
                             struct certificate *own)
{
    const struct certificate *c =
        registry_certificate(r, &cs->header.origin, cs->header.certificate);
    if (c != NULL) {
        return c->sign_public;
    }
    return registry_is_root(r, &own->node) &&
                   hash_equal(&own->node, &cs->header.origin)
               ? own->sign_public
               : NULL;
}

/* Admits the certificates in one verified-again changeset of the journal. */
static int load_certificates(struct loading *l, const struct changeset *cs,
                             struct err *e)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    struct certificate c;
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    bool verified = false;
    assert(cs != NULL);
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        bool sound = slot->form == SLOT_VISIBLE &&
                     leaf_decode(slot->head, slot->body, leaf, NULL) == 0;
        l->evidence_held =
            l->evidence_held || (sound && evidence_is(leaf->table));
        if (!sound || leaf->table != TABLE_CERTIFICATE ||
            certificate_of_leaf(leaf, &c, NULL) != 0) {
            continue; /* refused when it came in, and still */
        }
        const uint8_t *key = signer(l->r, cs, &c);
        if (!verified) {
            rc = key == NULL ? err_set(e, ERR_UNKNOWN, "its signer is unknown")
                             : changeset_verify(cs, key, e);
            verified = rc == 0;
        }
        if (rc == 0 &&
            registry_admit(l->r, &cs->header.origin, &c, NULL) == 0) {
            standing_add_certificate(registry_standing(l->r), &c, &cs->header);
        }
    }
    free(leaf);
    return rc;
}

/* Notes the evidence in one changeset of the journal. */
static int load_evidence(struct loading *l, const struct changeset *cs,
                         struct err *e)
{
    assert(cs != NULL);
    struct leaf *leaf = malloc(sizeof *leaf);
    const struct certificate *origin =
        registry_certificate(l->r, &cs->header.origin, cs->header.certificate);
    bool verified = false;
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form != SLOT_VISIBLE || origin == NULL ||
            leaf_decode(slot->head, slot->body, leaf, NULL) != 0 ||
            leaf->class_id != CLASS_CONTROL || !evidence_is(leaf->table)) {
            continue;
        }
        if (!verified) {
            rc = changeset_verify(cs, origin->sign_public, e);
            verified = rc == 0;
        }
        if (rc == 0) {
            (void)evidence_admit(l->r, origin, &cs->header, leaf, NULL);
        }
    }
    free(leaf);
    return rc;
}

typedef int load_function(struct loading *l, const struct changeset *cs,
                          struct err *e);

static int load_journal(struct loading *l, load_function *load, struct err *e)
{
    struct delivery d = {0};
    int rc;
    while ((rc = journal_next(l->db, d.position, REACH_CONTROL, &d, e)) == 1) {
        const struct origin *o = registry_origin_no(l->r, d.origin_no);
        struct changeset *cs = NULL;
        rc = o == NULL
                 ? err_set(e, ERR_CORRUPT, "an origin is missing")
                 : journal_open(l->packer, l->network, &o->node, &d, &cs, e);
        if (rc == 0) {
            rc = load(l, cs, e);
        }
        changeset_destroy(&cs);
        if (rc != 0) {
            (void)err_wrap(e,
                           "control leaves of delivery %llu do not verify; the "
                           "file was damaged or altered, restore it",
                           (unsigned long long)d.position);
            return ERR_CORRUPT;
        }
    }
    return rc;
}

/* The chain of certificates as the parent sent it, root first. */
static int load_grant(struct loading *l, const struct grant *grant,
                      struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < grant->count; i++) {
        const struct travelling *t = &grant->chain[i];
        struct changeset_header header = travelling_header(t, l->network);
        struct changeset *cs = NULL;
        rc = packer_unpack(l->packer, &header, t->leaves, &cs, e);
        if (rc == 0) {
            memcpy(cs->signature, t->signature, SIGNATURE_BYTES);
            rc = load_certificates(l, cs, e);
        }
        changeset_destroy(&cs);
    }
    if (rc != 0) {
        (void)err_wrap(e, "the certificates that enrolment brought do not "
                          "verify");
        return ERR_CORRUPT;
    }
    return 0;
}

int control_load(struct registry *r, struct database *db, struct packer *packer,
                 const struct hash *network, const struct grant *grant,
                 struct err *e)
{
    struct loading l = {
        .r = r,
        .db = db,
        .packer = packer,
        .network = network,
    };
    int rc = grant == NULL ? 0 : load_grant(&l, grant, e);
    if (rc == 0) {
        rc = load_journal(&l, load_certificates, e);
    }
    if (rc == 0 && l.evidence_held) {
        /* it may speak of nodes whose certificate came after it */
        rc = load_journal(&l, load_evidence, e);
    }
    return rc;
}
