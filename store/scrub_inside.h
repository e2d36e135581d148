/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The inside of the scrub, for the files that make it: scrub.c (a replay
 * beside the replica, kept up with its journal), compare.c (which rows differ)
 * and mend.c (what is done about them).
 *
 * The scratch file holds, beside the tables of the replay:
 *   scrub_found    the rows that differ
 *   scrub_pending  the rows that programs wrote and nobody signed yet
 */
#ifndef SANGAM_SCRUB_INSIDE_H
#define SANGAM_SCRUB_INSIDE_H

#include "store/parts.h"

/* What becomes of a row that differs, as in local_scrub_finding. */
enum did {
    DID_SIGN,
    DID_RESTORE,
    DID_HOLD,
    DID_COUNT,
};

/* What was found in one table. */
struct scrubbed {
    const char *name;
    uint64_t rows;
    uint64_t differ;
    bool held;
    uint64_t did[DID_COUNT]; /* rows */
    char says[DID_COUNT][256];
};

struct scrub {
    struct replica *r;
    const struct scrub_order *order;
    struct database *scratch;
    struct merger beside; /* of the scratch; owns its registry and projector */
    int64_t known[2];     /* what the registry was read from */
    uint64_t position;    /* replayed so far */
    struct scrubbed *tables; /* by index in the manifest, and one more: */
    size_t table_count;      /* row states */
    struct verified *ret;
};

/* Brings the replay and the list of pending rows up to the transaction that is
 * open on the replica. */
int scrub_catch_up(struct scrub *s, struct err *e);
/* Counts, and keeps the first sentence. */
void scrub_note(struct scrubbed *table, enum did did, const char *key,
                const char *what);
/* Does a row wait for its signature? 1 it does, 0 not. */
int scrub_is_pending(struct scrub *s, const struct table *t,
                     const struct value *key, struct err *e);

/* Compares every table and the row states, in the caller's transaction, and
 * fills scrub_found. */
int scrub_compare(struct scrub *s, struct err *e);

/* Writes captures for what was found, in transactions of its own. */
int scrub_mend(struct scrub *s, struct err *e);

#endif
