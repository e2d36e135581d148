/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Journal: what arrived, in order of arrival, never changed and never deleted
 * (docs/semantics.md section 3). The only source for sending, and for folding
 * rows again.
 */
#ifndef SANGAM_JOURNAL_H
#define SANGAM_JOURNAL_H

#include "protocol/certificate.h"
#include "protocol/pack.h"
#include "store/database.h"

/* What a delivery reaches (sync_delivery.reach). */
enum {
    REACH_ALL = 1,     /* has leaves of scope `all` */
    REACH_SOME = 2,    /* has leaves of other scopes */
    REACH_CONTROL = 4, /* has control leaves */
    REACH_PART = 8,    /* some leaves of the changeset did not come with it */
    REACH_SITE = 16,   /* has leaves of scope `site` (addressed.h) */
    REACH_REPEAT = 32, /* its leaves stand in an earlier one too (repeat.c) */
};

/* One arrival with the header of its changeset. */
struct delivery {
    uint64_t position;
    uint32_t origin_no;
    uint32_t from_no;
    int reach;
    uint64_t seq;
    uint64_t incarnation;
    uint64_t hlc;
    uint32_t schema_version;
    uint64_t certificate;
    uint32_t leaf_count;
    uint64_t prev_incarnation;
    struct hash prev;
    struct hash hash;
    uint8_t signature[SIGNATURE_BYTES];
    bool voided;         /* its origin took it back */
    struct slice leaves; /* packed; borrowed from the statement */
};

/* The first delivery after `after` that has all of `reach` (0: any). Returns 1
 * with *ret, 0 when there is none, negative ERR_*. What it borrows is good
 * until the next call. */
int journal_next(struct database *db, uint64_t after, int reach,
                 struct delivery *ret, struct err *e);

/* A mark stands for a (scope, class): a hash of JOURNAL_MARK_BYTES. */
enum { JOURNAL_MARK_BYTES = 4 };
void journal_mark(struct slice scope, uint16_t class_id,
                  uint8_t ret[JOURNAL_MARK_BYTES]);
/* The first delivery after `after` that has leaves of one of the marks, as far
 * as hashes can say: look at the leaves. `runs` holds the runs of this journal,
 * as far as they go (runs.h). */
int journal_next_of_marks(struct database *db, struct database *runs,
                          uint64_t after, struct slice marks,
                          struct delivery *ret, struct err *e);
/* The first delivery after `after` that brought a part of this changeset. */
int journal_next_part(struct database *db, const struct changeset_header *of,
                      uint32_t origin_no, uint64_t after, struct delivery *ret,
                      struct err *e);

/* Rebuilds the header and the leaves. ERR_CORRUPT when they do not give the
 * hash that was stored. */
int journal_open(struct packer *packer, const struct hash *network,
                 const struct hash *origin, const struct delivery *d,
                 struct changeset **ret, struct err *e);

/* A changeset that is held: 1 with its hash and how many of its leaves are held
 * in clear, 0 not held. */
struct held {
    struct hash hash;
    uint32_t leaves;
    uint64_t hlc;
};
int journal_held(struct database *db, uint32_t origin_no, uint64_t seq,
                 uint64_t incarnation, struct held *ret, struct err *e);

/* Appends a verified changeset (or, with `again`, more leaves of one that is
 * held; or, with `repeat`, leaves that are held already) with its packed
 * leaves. */
struct arrival {
    const struct changeset *changeset;
    struct slice packed;
    struct hash hash;
    uint32_t origin_no;
    uint32_t from_no;
    bool again;
    bool repeat;
    bool voided;
};
int journal_append(struct database *db, const struct arrival *arrival,
                   uint64_t *ret_position, struct err *e);

/* Marks a changeset that is held as taken back, or not. */
int journal_set_voided(struct database *db, const struct delivery *d,
                       bool voided, struct err *e);
/* This node has signed anew what is to be of a changeset that it took back. */
int journal_settle_voided(struct database *db, uint32_t origin_no, uint64_t seq,
                          uint64_t incarnation, struct err *e);
/* The first of an origin that is taken back and not settled: 1, 0 there is none. */
int journal_unsettled(struct database *db, uint32_t origin_no,
                      uint64_t *ret_seq, uint64_t *ret_incarnation,
                      struct err *e);
/* The next delivery of a changeset behind a position that does not repeat others:
 * 1 with *ret, 0 there is none. */
int journal_next_of_changeset(struct database *db, uint32_t origin_no,
                              uint64_t seq, uint64_t incarnation,
                              uint64_t after, struct delivery *ret,
                              struct err *e);
/* The last changeset of an origin in time that was not taken back, of those
 * stamped before `before_hlc` (INT64_MAX: of all): 1, with its header but for
 * leaves and root in *ret, and its hash; 0 none. */
int journal_tip(struct database *db, uint32_t origin_no, uint64_t before_hlc,
                struct changeset_header *ret, struct hash *ret_hash,
                struct err *e);

int journal_head(struct database *db, uint64_t *ret, struct err *e);

#endif
