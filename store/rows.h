/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows: the merger and the tables beside the domain's own in which it keeps
 * what it knows of a row: its state, verdicts on leaves, and rows that could
 * not be shown.
 */
#ifndef SANGAM_ROWS_H
#define SANGAM_ROWS_H

#include "store/journal.h"
#include "store/project.h"
#include "store/state.h"

/* What merging works on. */
struct merger {
    struct database *db;      /* rows, states, runs */
    struct database *journal; /* deliveries: the same, but for a replay */
    const struct manifest *manifest;
    struct registry *registry;
    struct packer *packer;
    struct projector *projector;
    const struct hash *network;
    /* While a drain merges: its captures' time. Rows are folded later then, as
     * programs may have written to them since (CAPTURE_FOLD). 0: at once. */
    int64_t drains_ms;
    bool waiting;     /* some leaf held waits */
    bool unprojected; /* some row could not be shown */
    bool reviews;     /* some column waits for a person */
    bool touched;     /* the rules may have somebody to look at (touched.h) */
};

/* Reads the flags; at the start of each transaction. */
int merger_start(struct merger *m, struct err *e);

/* The stamp of a changeset of a known origin. */
struct stamp merger_stamp(const struct merger *m, const struct changeset *cs);

/* A row's own name in these tables. */
struct row_name {
    uint32_t table;
    struct slice key; /* of row_key() */
};

/* Replaces *ret, which is a state. Without one it is that of a row never heard
 * of. */
int row_state_load(struct merger *m, const struct row_name *row,
                   struct row_state *ret, struct err *e);
int row_state_save(struct merger *m, const struct row_name *row,
                   const struct row_state *state, struct err *e);
int row_state_forget(struct merger *m, const struct row_name *row,
                     struct err *e);

/* The canonical bytes of the scope of a row that is held: from its state, or
 * from the row of an event. 1 found, 0 no such row. `key` is canonical. */
int row_scope(struct merger *m, const struct table *t, struct slice key,
              struct bytes *ret, struct err *e);
/* The values of a canonical key of `t`, which borrow from it. ERR_INPUT when
 * it is no key of `t`. */
int row_key_of(const struct table *t, struct slice key,
               struct value ret[KEY_COLUMNS_MAX], struct err *e);

/* Appends, as slices, the scopes in which leaves of a row may lie: its own, as
 * row_scope() has it, and those of its other lives. */
int row_scopes(struct merger *m, const struct table *t, struct slice key,
               struct bytes *ret, struct err *e);

struct verdict {
    uint64_t position;
    uint32_t leaf;
    const char *word; /* "waiting", "refused"; NULL: it counts */
    int code;
    const char *says;
};
int verdict_save(struct merger *m, const struct row_name *row,
                 const struct verdict *v, struct err *e);
/* The first position after `after` with a verdict on a leaf of the row: 1 with
 * *ret, 0 none. */
int verdict_next(struct merger *m, const struct row_name *row, uint64_t after,
                 uint64_t *ret, struct err *e);
/* 1 when a leaf of the row waits. */
int verdict_waits(struct merger *m, const struct row_name *row, struct err *e);

/* Notes that so many leaves of a delivery are newer than this version. */
int newer_save(struct merger *m, uint64_t position, uint32_t leaves,
               struct err *e);

/* 1 when the row could not be shown. */
int unprojected_has(struct merger *m, const struct row_name *row,
                    struct err *e);
/* Notes that a row could not be shown (`says`), or was (NULL). */
int unprojected_save(struct merger *m, const struct row_name *row,
                     const char *says, struct err *e);

#endif
