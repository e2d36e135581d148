/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Copies: disks of a tree's nodes that run beside their originals (tree_clone()).
 * They stand last among the nodes, and have no link.
 */
#ifndef SANGAM_TESTS_COPIES_H
#define SANGAM_TESTS_COPIES_H

#include "tree.h"

/* The last position in the journal of a node. */
uint64_t copies_journal_end(struct tree *t, int node);
/* Brings what a copy signed after a position, as if its journal were another. The
 * result of replica_store(), or why something was refused. */
int copies_bring(struct tree *t, int copy, int to, uint64_t after,
                 struct err *e);
/* tree_sync() of all but the last `copies`. */
void copies_sync_others(struct tree *t, int copies);

#endif
