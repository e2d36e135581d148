/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Claims: which life each row has and who owned it when, by sections 4 and 5 of
 * docs/semantics.md, of each machine by the leaves that it holds. Put together in
 * SQL from the page; nothing of the merge code has a say.
 */
#ifndef SANGAM_SIM_CLAIMS_H
#define SANGAM_SIM_CLAIMS_H

#include "gather.h"

/* From `leaf` and `taken` (check.c) makes
 *
 *   sound  leaves of rows that nobody took back: by whom, when, what they claim
 *   owner  who owned a row under which epoch of which life, and by which leaf
 *   now    the life that each row has: causal length, scope
 *   barred leaves that wait or are refused, though their row is known
 *   rival  leaves of those that took a row under its last epoch, and disagree */
void claims_find(struct gathered *c);

/* Each leaf counts, or does not, as the page says. */
void claims_check(struct gathered *c);

#endif
