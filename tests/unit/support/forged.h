/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Forged: leaves that no program wrote, signed with a node's own key past every
 * check of its own.
 */
#ifndef SANGAM_TESTS_FORGED_H
#define SANGAM_TESTS_FORGED_H

#include "protocol/leaf.h"
#include "tree.h"

enum {
    CLASS_REFERENCE = 2,
    CLASS_ROUTING,
    CLASS_IDENTITY,
    CLASS_CARE,
    CLASS_MEDICATION,
    REF_ITEM = 12,
    PERSON = 20,
    ENROLMENT = 30,
    DOSE = 32,
};

/* What a leaf is about; the cells are added after. */
struct forged_about {
    uint16_t class_id;
    enum scope_kind scope;
    const char *scope_id;
    uint32_t table;
    const char *key;
    enum leaf_op op;
};

/* In one changeset, a second after what was before. */
void forged_sign(struct tree *t, int node, struct leaf *leaves, size_t count);

/* The caller frees it, or forged_sign_one() does; so also those below. */
struct leaf *forged_leaf(struct forged_about a);

void forged_cell(struct leaf *leaf, uint16_t column, struct value v);

/* The writer claims to own the row, since `epoch`. */
void forged_own(struct leaf *leaf, const char *site, uint32_t epoch);

/* Signs the one leaf, in a changeset of its own, and frees it. */
void forged_sign_one(struct tree *t, int node, struct leaf *leaf);

/* The base of a person's row, as site `site` writes it. */
struct leaf *forged_person(const char *id, const char *site);

/* A leaf that changes one text column of a person. */
struct leaf *forged_person_update(uint16_t class_id, const char *id,
                                  const char *scope, uint16_t column);

/* A dose of nine units; an enrolment in its first epoch. */
struct leaf *forged_dose(const char *id, const char *scope,
                         const char *person_id, const char *site);

struct leaf *forged_enrolment(const char *id, const char *person_id,
                              const char *owner, const char *site);

/* An owned column of an enrolment, by a writer that claims to own it. */
struct leaf *forged_enrolment_update(const char *id, const char *person_id,
                                     const char *owner, uint32_t epoch);

/* A control leaf of a kind that this version does not know. */
struct leaf *forged_control(const char *key);

struct origin;

/* What the node signs next continues the changeset that `was` has as its head, in
 * that incarnation. */
void forged_go_back(struct tree *t, int node, const struct origin *was,
                    uint64_t incarnation);

#endif
