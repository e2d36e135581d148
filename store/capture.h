/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Capture: plain-SQL triggers through which any SQLite client's writes come to
 * be known, and guards that refuse, with a sentence, what this site may not
 * write (docs/design.md section 5).
 *
 * A capture is one row of sync_pending: an insert, or one updated column with
 * the value it had before. Pending rows of one (row, column) after the first
 * say nothing new about the value before.
 */
#ifndef SANGAM_CAPTURE_H
#define SANGAM_CAPTURE_H

#include "store/manifest.h"
#include "store/sql.h"

/* Installs the triggers of every table, in the caller's transaction, unless
 * they are there already exactly so; leaves those of a broken table as they
 * are. Appends the names of the tables that had not: "person, enrolment". */
int capture_install(struct database *db, const struct manifest *m,
                    const struct sql_site *site, struct bytes *ret_names,
                    struct err *e);

enum {
    CAPTURE_INSERT = 0,
    /* An INSERT met the key of an event that was there: the statement may have
     * been refused, ignored, or (REPLACE) have written the row anew. */
    CAPTURE_AGAIN = UINT16_MAX,
    /* The row was deleted. */
    CAPTURE_DELETE = UINT16_MAX - 1,
    /* The row is to be as the journal has it; `old` is its scope there, in
     * canonical bytes. The scrub says so, never a trigger. */
    CAPTURE_PUT_BACK = UINT16_MAX - 2,
    /* The row is to be folded, once nothing that was written to it waits: the
     * table alone has what waits. `old` as above. The drain says so. */
    CAPTURE_FOLD = UINT16_MAX - 3,
    /* Added to a column's id: a person has looked at all values of a `review`
     * column, and the one in the row settles them. */
    CAPTURE_SETTLES = 0x10000,
};

struct capture {
    int64_t id;
    const struct table *table;
    uint16_t column;                   /* CAPTURE_* or the column updated */
    bool settles;                      /* CAPTURE_SETTLES was said of it */
    struct value key[KEY_COLUMNS_MAX]; /* borrowed from the list */
    struct value old;
    int64_t at_ms;
};

/* A stretch of pending rows, sorted by table, key, column, id; the first of
 * each (row, column) only, with the at_ms of the last. */
struct capture_list;

/* Reads up to `rows_max` rows from the first on, and stops before a gap of over
 * CAPTURE_GAP_MS between captures, and after a few rows that are to be folded.
 * An empty list: nothing is pending. Any program may write to sync_pending: rows
 * that no trigger writes become no capture, and wait in the list for
 * capture_set_aside(). Captures of broken tables are left out. */
int capture_read(struct database *db, const struct manifest *m, size_t rows_max,
                 struct capture_list **ret, struct err *e);
void capture_list_destroy(struct capture_list **list);
const struct capture *capture_list_items(const struct capture_list *list,
                                         size_t *ret_count);
/* CAPTURE_FOLD, which are not among the items. */
const struct capture *capture_list_folds(const struct capture_list *list,
                                         size_t *ret_count);
int64_t capture_list_at_ms(const struct capture_list *list); /* the latest */
/* As how many rows it counts, at least those it was read from; 0: nothing is
 * pending. */
size_t capture_list_rows(const struct capture_list *list);

/* Appends a row to sync_pending, as the node. `old` may be NULL. */
int capture_append(struct database *db, const struct table *t, int64_t what,
                   const struct value *key, const struct value *old,
                   int64_t at_ms, struct err *e);
/* Appends CAPTURE_FOLD; key and scope are canonical. */
int capture_fold_later(struct database *db, const struct table *t,
                       struct slice key, struct slice scope, int64_t at_ms,
                       struct err *e);

/* What is pending of a row behind this list. Negative ERR_*. */
enum {
    WAITS_NOTHING,
    WAITS_WRITES,
    WAITS_FOLD, /* CAPTURE_FOLD is among it */
};
int capture_waits(struct database *db, const struct capture_list *list,
                  const struct capture *c, struct err *e);

/* Parks what the list was read from and cannot be a capture, with what it said
 * and the reason [I-7]. */
int capture_set_aside(struct database *db, const struct capture_list *list,
                      uint64_t *ret_count, struct err *e);

/* Deletes the rows a list was read from. */
int capture_forget(struct database *db, const struct capture_list *list,
                   struct err *e);

/* Is this a key that a row of the table can have, and that can travel? */
bool capture_key_fits(const struct table *t, const struct value *key);

/* How many rows are pending. */
int capture_pending(struct database *db, int64_t *ret, struct err *e);

#endif
