/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbers for people, beyond those the daemon keeps ready
 * (replica_numbers()): an import of a register needs thousands at once.
 */
#ifndef SANGAM_NUMBERS_H
#define SANGAM_NUMBERS_H

#include "protocol/keys.h"
#include "store/database.h"

struct numbered {
    uint64_t issued;  /* numbers of nodes */
    uint64_t added;   /* numbers for people */
    uint16_t node_no; /* as which; 0: this node has none, or nothing was due */
    bool used_up;     /* its counters: it needs another number */
    bool nodes_used_up; /* at the root: there is no number for the next node */
};

/* Makes numbers until `wanted` can be taken from v_number_free, in the caller's
 * write transaction, on any connection: the tables are local and have no
 * triggers. Nothing is made as long as the node has no number of its own
 * (node_no 0), nor when its counters are used up. `*ret` is zeroed before. */
int numbers_fill(struct database *db, const struct hash *network,
                 int64_t wanted, struct numbered *ret, struct err *e);

/* The node was put back from a copy: what it has ready was perhaps given out by
 * then. Nothing of it is left, and the next are far ahead; in the caller's write
 * transaction. */
int numbers_jump(struct database *db, struct err *e);

#endif
