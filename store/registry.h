/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Registry: every node this replica knows, its certificates, and how far its
 * chain is held. In memory, because every changeset asks; the certificates
 * come from the journal, verified from the root down, never from a table that
 * other programs can write.
 *
 * Heads and sums are written back by registry_save() in the transaction that
 * changed them. What a commit made durable is marked; a rollback goes back to
 * the mark without reading the journal, so that what a peer has refused costs
 * no more than its own bytes.
 */
#ifndef SANGAM_REGISTRY_H
#define SANGAM_REGISTRY_H

#include "protocol/certificate.h"
#include "protocol/message.h"
#include "protocol/pack.h"
#include "store/database.h"
#include "store/leaf_sum.h"
#include "store/standing.h"

struct origin {
    uint32_t no;
    struct hash node;
    uint64_t head_seq; /* 0: nothing held */
    uint64_t head_incarnation;
    struct hash head_hash;
    uint64_t head_hlc;
    struct leaf_sum held; /* visible leaves */
    struct leaf_sum all;  /* those of scope `all` */
    bool changed;         /* since the mark: whoever changes one says so */
};

struct registry;

/* Knows nobody yet. */
struct registry *registry_new(const struct hash *network);
/* Reads sync_origin, the certificates that enrolment brought (`grant`, NULL at
 * the root) and the control deliveries of the journal, evidence included.
 * ERR_CORRUPT when a certificate does not verify: the file was damaged or
 * tampered with. */
int registry_load(struct database *db, struct packer *packer,
                  const struct hash *network, const struct grant *grant,
                  struct registry **ret, struct err *e);
void registry_destroy(struct registry **r);

struct origin *registry_origin(const struct registry *r,
                               const struct hash *node);
struct origin *registry_origin_no(const struct registry *r, uint32_t no);
/* The origin of a node, made if it is new. */
int registry_add_origin(struct registry *r, struct database *db,
                        const struct hash *node, struct origin **ret,
                        struct err *e);
size_t registry_origin_count(const struct registry *r);
struct origin *registry_origin_at(const struct registry *r, size_t index);
int registry_save(struct registry *r, struct database *db, struct err *e);

/* What the registry holds now is what the file holds: after loading, and after
 * a commit. */
void registry_mark(struct registry *r);
/* As it was at the mark: after a rollback. Origins and certificates that came
 * since are gone, and nothing may point at them any more. */
void registry_return(struct registry *r);

/* The certificate of a node with this serial, or NULL. */
const struct certificate *registry_certificate(const struct registry *r,
                                               const struct hash *node,
                                               uint64_t serial);
/* The certificate that what a node signed under this serial is judged by: that one,
 * or where it does not count (its issuer was revoked before it, or was the younger of
 * two copies) the widest of the
 * node that does. NULL: it is not held. */
const struct certificate *registry_in_force(const struct registry *r,
                                            const struct hash *node,
                                            uint64_t serial);
/* The last certificate of a node that came in, or NULL. */
const struct certificate *registry_current(const struct registry *r,
                                           const struct hash *node);
const struct certificate *registry_of_curve(
    const struct registry *r, const uint8_t curve[KEY_PUBLIC_BYTES]);
size_t registry_certificate_count(const struct registry *r);
const struct certificate *registry_certificate_at(const struct registry *r,
                                                  size_t index);

/* May `issuer` have made this certificate? Then it is known from now on.
 * ERR_FORBIDDEN with a sentence. One known already is fine. */
int registry_admit(struct registry *r, const struct hash *issuer,
                   const struct certificate *c, struct err *e);

/* What control leaves say for and against changesets. */
struct standing *registry_standing(const struct registry *r);

bool registry_is_root(const struct registry *r, const struct hash *node);
/* The node just below the root on the way to `node` (itself when there, or
 * the root): whose district it is in. NULL if its certificate is unknown. */
const struct hash *registry_district(const struct registry *r,
                                     const struct hash *node);
/* Is `node` below `above` in the tree, or the same? */
bool registry_below(const struct registry *r, const struct hash *node,
                    const struct hash *above);
/* The lowest node that both are below, or are. NULL if a certificate on the way
 * is unknown. */
const struct hash *registry_meet(const struct registry *r, const struct hash *a,
                                 const struct hash *b);
/* The node of a site: of several the first whose certificate came in, so that
 * it stays the same. NULL: it has none. */
const struct hash *registry_node_of(const struct registry *r,
                                    struct slice site);
/* Does the way from the root to a site lead to `node`? To the first node of the
 * site, and to those that took its place under the same parent: so that it is
 * always the same for every node on the way. */
bool registry_leads(const struct registry *r, struct slice site,
                    const struct hash *node);

/* --- leaves of the root for one site (addressed.h) --- */

void registry_count_addressed(struct registry *r, struct slice site,
                              const struct hash *leaf, bool removed);
/* Is any held for this site? */
bool registry_has_addressed(const struct registry *r, struct slice site);
/* From this position of the journal on they stand there a second time (repeat.c):
 * before it they lead nowhere. */
void registry_repeat_addressed(struct registry *r, struct slice site,
                               uint64_t position);
/* That position; 0: there is none. */
uint64_t registry_addressed_from(const struct registry *r, struct slice site);
/* Those held that do not go to or through `node`. */
struct leaf_sum registry_addressed_elsewhere(const struct registry *r,
                                             const struct hash *node);

#endif
