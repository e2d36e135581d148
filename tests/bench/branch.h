/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Branch: headquarters and one clinic, two real replicas without a network
 * between them, with an ordinary program's connection to each and a plain
 * file beside them.
 */
#ifndef SANGAM_BENCH_BRANCH_H
#define SANGAM_BENCH_BRANCH_H

#include "client.h"
#include "gauge.h"
#include "support/tree.h"

enum { OFFICE, CLINIC };

struct branch {
    struct tree *tree;
    sqlite3 *clients[2];
    sqlite3 *plain;
};

/* `checkpoints`: of the clients; with CLIENT_CHECKPOINTS_NEVER the node's own
 * after each drain are the only ones. */
struct branch *branch_new(enum client_checkpoints checkpoints);
void branch_destroy(struct branch **b);

/* The node's part of a local write: drains until nothing is pending, and
 * checkpoints when it is time. */
void branch_drain(struct branch *b, int node);

/* Everything due from one to the other. */
struct shipped {
    struct gauge store; /* verifying, journaling, applying; checkpoints too */
    size_t frame_bytes;
    size_t frames;
};
struct shipped branch_ship(struct branch *b, int from, int to);

/* Bytes of the frame that acknowledges the last position. */
size_t branch_ack_bytes(struct branch *b, int from, int to);

/* Bytes of a file after everything in its log went into it. */
size_t branch_file_bytes(struct branch *b, int node);
size_t branch_plain_bytes(struct branch *b);

#endif
