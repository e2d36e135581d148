/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Batch: the leaves of some verified changesets on their way into rows. They
 * are sorted by table and key first, because writing rows in key order is
 * several times cheaper, and each row's state is read and written once.
 */
#ifndef SANGAM_BATCH_H
#define SANGAM_BATCH_H

#include "store/admit.h"
#include "store/rows.h"

struct tally {
    uint64_t leaves;
    uint64_t won;
    uint64_t superseded;
    uint64_t waiting;
    uint64_t refused;
    char refused_says[ERR_TEXT_BYTES]; /* of the first of those */
    uint64_t unknown;                  /* of tables this version lacks */
    uint64_t folded; /* rows folded again, because evidence came late */
};

struct batch;

struct batch *batch_new(void);
void batch_destroy(struct batch **b);

enum batch_source {
    BATCH_REMOTE, /* rows must be written */
    BATCH_LOCAL,  /* programs wrote the rows; write only what they lost */
    BATCH_NEWER,  /* merged before this version knew all of it: fold the rows */
};

/* Admits every visible leaf of a changeset and keeps it for batch_merge(). */
void batch_add(struct batch *b, struct merger *m, struct changeset **cs_p,
               uint64_t position, enum batch_source source);

/* Forgets them: their rows will be folded. */
void batch_drop(struct batch *b);

/* Merges all leaves into states and rows, and empties the batch. Evidence among
 * them takes effect on what was merged before (late.h). */
int batch_merge(struct batch *b, struct merger *m, struct tally *tally,
                struct err *e);

#endif
