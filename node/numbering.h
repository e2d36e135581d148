/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbering: keeps beneficiary numbers ready to be taken, and at the root gives
 * nodes their numbers (replica_numbers()); says what it did, and once a day that
 * there are no more.
 */
#ifndef SANGAM_NUMBERING_H
#define SANGAM_NUMBERING_H

#include "node/hold.h"
#include "store/replica.h"

/* All zero: due at once. Monotonic. */
struct numbering {
    int64_t due_ms;  /* when to look again */
    int64_t told_ms; /* that there are no more; not before */
};

/* Looks, and writes what is missing. `*ret_to_sign` becomes true where rows wait
 * to be signed now, and is left alone otherwise. Fails only with what must stop
 * the node (fault.h). */
int numbering_work(struct numbering *n, struct replica *r, struct hold *hold,
                   bool *ret_to_sign, struct err *e);

#endif
