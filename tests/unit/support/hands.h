/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hands: what a relay holds of what travels, and may drop, alter or bring again
 * before it hands it on, past the network and the session.
 */
#ifndef SANGAM_TESTS_HANDS_H
#define SANGAM_TESTS_HANDS_H

#include "protocol/changeset.h"
#include "store/replica.h"
#include "tree.h"

/* All that is due from one neighbour to the other; walked_clear() it. */
struct walked hands_walk(struct tree *t, int from, int to);

/* Hands `count` changesets over, on a link of its own, a year after the one before;
 * the result of replica_store(), or of the first that was refused. */
int hands_give(struct tree *t, int from, int to, struct travelling *items,
               size_t count, uint64_t position, struct stored *stored,
               struct err *e);

/* So many of them are taken, the next is refused with this code, and nothing
 * else has changed. */
void hands_refused_after(struct tree *t, int from, int to,
                         struct travelling *items, size_t count, size_t good,
                         int code, const char *part);

/* The first is refused with this code, and nothing at all has changed. */
void hands_refused(struct tree *t, int from, int to, struct travelling *items,
                   size_t count, int code, const char *part);

/* The place of the first changeset of a node, from `at` on. */
size_t hands_find(struct tree *t, const struct walked *w, int node, size_t at);

/* The caller destroys it. */
struct changeset *hands_unpack(struct tree *t, const struct travelling *item);

/* Puts the leaves of a changeset, as they are now, into the item; they lie in
 * `memory`. */
void hands_pack(struct travelling *item, const struct changeset *cs,
                struct bytes *memory);

/* Three changesets of the clinic, a person in each, that its hub has not. */
struct walked hands_three(struct tree *t);

/* How many leaves of a node another holds. */
uint64_t hands_held(struct tree *t, int at, int origin);

#endif
