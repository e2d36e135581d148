/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Late: evidence that came after what it speaks of (docs/semantics.md section
 * 4). The set of leaves that count has become another, mostly smaller; every
 * row that a leaf touches whose standing changed is folded again, sums and
 * heads no longer count what was taken back, all in the transaction that
 * brought the evidence.
 */
#ifndef SANGAM_LATE_H
#define SANGAM_LATE_H

#include "store/rows.h"

/* Applies what the registry learnt since it was last applied; `ret_rows` counts
 * up by the rows folded. Does nothing, at no cost, where nothing came. */
int late_apply(struct merger *m, uint64_t *ret_rows, struct err *e);

#endif
