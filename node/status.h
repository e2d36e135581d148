/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Status: what a replica says about itself and its links, read in one
 * transaction through a reader's connection. Numbers and names only; what they
 * mean for people is said in cmd_status.c.
 */
#ifndef SANGAM_STATUS_H
#define SANGAM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/keys.h"
#include "protocol/limits.h"
#include "store/database.h"

enum { STATUS_TEXT_BYTES = 256 };

/* A neighbour, and what it has not acknowledged. */
struct status_peer {
    struct hash node;
    char site[SITE_BYTES_MAX + 1]; /* "node 3f2a9c01": not known yet */
    int64_t heard_ms;              /* 0: never */
    int64_t synced_ms;             /* 0: never */
    int64_t offset_ms;             /* its clock minus ours */
    uint64_t behind;  /* deliveries after the acknowledged one that did not
                          come from this neighbour */
    int64_t since_ms; /* stamp of the oldest of them, 0: none */
    char says[STATUS_TEXT_BYTES]; /* "": well */
};

/* How many, and the first sentence that says why. */
struct status_count {
    uint64_t count;
    char says[STATUS_TEXT_BYTES];
};

/* Of the last scrub: what it did in one table. */
struct status_finding {
    char table[64];
    char did[16]; /* signed, restored, held */
    uint64_t rows;
    char says[STATUS_TEXT_BYTES]; /* the first of them */
};

struct status {
    char site[SITE_BYTES_MAX + 1];
    struct hash node;
    struct hash network;
    char time_zone[64];
    uint32_t schema;
    uint64_t head; /* last position of the journal */
    bool has_parent;
    char parent_address[ADDRESS_BYTES_MAX + 1];
    struct status_peer parent;
    struct status_peer *children; /* owned; by site */
    size_t child_count;
    uint64_t pending;         /* writes not signed yet */
    int64_t pending_since_ms; /* 0: none */
    struct status_count parked;
    uint64_t newer; /* changes of tables, classes or columns not known here */
    struct status_count waiting; /* for anything else */
    struct status_count refused;
    struct status_count unprojected;
    struct status_count reviews;  /* wait for a person */
    struct status_count alerts;   /* open, */
    struct status_count critical; /* and those that wait for no missing row */
    struct status_count voided;   /* what writers took back and signed anew */
    struct status_count forks;    /* nodes that ran twice; their sites */
    struct status_count barred;   /* writers, by neighbour, of whom nothing is
                                     taken in; and what neighbours take of none */
    struct status_count barred_there;
    bool ended;                      /* this node was revoked or retired */
    int64_t scrub_ms;                /* the last scrub, 0: none yet */
    int64_t clean_ms;                /* the last that found nothing, 0: never */
    struct status_finding *findings; /* owned */
    size_t finding_count;
    char broken[512]; /* the first table that a tool altered, and how; "": none
                       */
    char extra[STATUS_TEXT_BYTES]; /* "table.column" of this replica only */
};

int status_read(struct database *db, struct status *ret, struct err *e);
void status_clear(struct status *s);

#endif
