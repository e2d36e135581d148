/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Model: one row of a table that has a column of each policy and a group of
 * each that may have one, and random leaves and offers of it as sites might
 * sign them, honest or not. Whatever is here admission lets through
 * (test_model.c asks it), and numbers are small, so that ties are common.
 */
#ifndef SANGAM_TESTS_MODEL_H
#define SANGAM_TESTS_MODEL_H

#include "dice.h"
#include "store/merge.h"

enum {
    MODEL_SITES = 4,
    MODEL_NODES = 6, /* two sites have a second node */
    MODEL_LEAVES = 48,
    MODEL_OFFERS = 10,
    MODEL_ELEMENTS = 5,
};

/* Columns. A group's name ends in A for the first, which decides. */
enum {
    M_KEY = 1,
    M_ORIGIN,
    M_PERSON, /* the route column */
    M_OWNER,
    M_EPOCH,
    M_FIXED,
    M_LWW,
    M_OWNED,
    M_MAX,
    M_MIN,
    M_RANK,
    M_UNION,
    M_REVIEW,
    M_REVIEW_MIN,
    M_REVIEW_MAX,
    M_REVIEW_LISTED,
    M_LWW_A,
    M_LWW_B,
    M_OWNED_A,
    M_OWNED_B,
    M_MAX_A,
    M_MAX_B,
    M_MIN_A,
    M_MIN_B,
    M_RANK_A,
    M_RANK_B,
    M_REVIEW_A,
    M_REVIEW_B,
    M_REVIEW_C,
    M_LISTED_A,
    M_LISTED_B,
    M_NAME, /* of the overlay class, from here on */
    M_NAME_FIXED,
    M_NAME_REVIEW,
    M_NAME_UNION,
    M_NAME_OWNED,
    M_COLUMNS = M_NAME_OWNED,
    M_NEWER, /* two columns that this version lacks */
    M_NAME_NEWER,
    M_IDS,
};

enum { M_BASE = 3, M_OVERLAY = 4 };

struct sample {
    struct leaf leaf;
    struct stamp stamp;
    struct bytes memory; /* owned; contexts and cells of lists */
};

struct model_offer {
    struct offer offer;
    uint8_t hash[HASH_BYTES];
};

struct model {
    const struct table *table;
    const struct origin *nodes[MODEL_NODES];
    bool writes[M_IDS]; /* columns that leaves are about */
    size_t most;        /* leaves of one set */
    struct sample leaves[MODEL_LEAVES];
    size_t count;
    struct model_offer offers[MODEL_OFFERS];
    size_t offer_count;
};

/* A model without leaves; its nodes are made here. */
struct model *model_new(struct dice *d);
void model_free(struct model *m);

/* Another table, other columns and offers, no leaves. */
void model_begin(struct model *m, struct dice *d);
/* A leaf more, anything at all. */
struct sample *model_add_random(struct model *m, struct dice *d);
/* An empty leaf more of a node, for a test to fill. */
struct sample *model_add(struct model *m, size_t node, size_t scope);
void sample_put(struct sample *s, uint16_t column, struct value value);
/* What a `union` cell adds and takes away: bits of the elements. */
void sample_put_elements(struct sample *s, uint16_t column, unsigned added,
                         unsigned removed);
/* Columns ascend from one call to the next. */
void sample_put_context(struct sample *s, uint16_t column,
                        const struct context_entry *entries, size_t count);

const char *model_site(size_t node);
struct value model_element(size_t i);
/* A value such as a column of the model may hold. */
struct value model_value(struct dice *d, uint16_t column);
/* Is it written by a leaf of this class? */
bool model_in_class(uint16_t column, uint16_t class_id);
/* The three tables: owners by epoch, an owner for good, no owner. */
const struct table *model_table(size_t which);
/* The offer an owned leaf names, or NULL. */
const struct model_offer *model_offer_of(const struct model *m,
                                         const struct leaf *leaf);
/* How often to do something: SANGAM_LONG, or an optimised build, for which
 * tests/run sets SANGAM_MODEL, or a build with sanitizers. */
size_t model_rounds(size_t quick, size_t optimised, size_t hours);

#endif
