/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lineage: which journals a journal goes on from. A node that is put back from
 * a copy, or that runs twice from a copied disk, has a journal of the id that
 * others know and with other things at the same positions. So each start of a
 * node has an id of its own, kept in the journal's file with the position it
 * began at, and a token names the start under which it was learnt: of a start
 * that this journal did not live through, or of a position beyond where that
 * start had come to when it was copied, the journal knows that it is not the
 * one that was heard (docs/semantics.md section 3).
 *
 * A node that finds out so that it was put back takes a start more, and goes on:
 * what is heard of it from then on tells it from a copy that was made before,
 * which asked for nothing that it lost. Links to others stay open, so that the
 * starts of one run are heard up to where the run ended.
 */
#ifndef SANGAM_LINEAGE_H
#define SANGAM_LINEAGE_H

#include "message.h"

struct start {
    uint64_t id;       /* random, never 0 */
    uint64_t position; /* of the journal, when it began */
    bool goes_on;      /* the run of the one before does */
};

/* Starts ascend by position; the last is the one that runs. */
struct lineage {
    const struct start *starts;
    size_t count;
};

/* The id of the one that runs. */
uint64_t lineage_start(const struct lineage *l);
/* Is it of the run that goes on? */
bool lineage_runs(const struct lineage *l, uint64_t start);

/* Does this journal, of this id and length, have all that the token says was
 * heard of it? */
bool lineage_has(const struct lineage *l, uint64_t journal, uint64_t head,
                 const struct token *t);

#endif
