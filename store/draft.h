/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Draft: what programs wrote to rows becomes leaves that are still to be
 * signed: only cells that differ from what is shown, judged as every other node
 * will judge them. What this node may not say is parked.
 */
#ifndef SANGAM_DRAFT_H
#define SANGAM_DRAFT_H

#include "store/capture.h"
#include "store/parts.h"

struct drafting;

/* For one list of captures, borrowed. `ret` counts. */
struct drafting *drafting_new(struct replica *r,
                              const struct capture_list *list,
                              struct drained *ret);
void drafting_destroy(struct drafting **d);

/* All captures of one row, sorted. */
int drafting_row(struct drafting *d, const struct capture *captures,
                 size_t count, struct err *e);

/* The drafts, malloc'ed; what they point into is the drafting's, and stands
 * still until the next row. */
struct draft *drafting_drafts(struct drafting *d, size_t *ret_count);

/* Rows that go back to what the journal says, once the drafts are signed: each
 * u32 table, slice key, slice scope. */
struct slice drafting_undone(const struct drafting *d);

#endif
