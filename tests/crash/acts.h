/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Acts: what a node does to its file, one of each kind, played on a small tree
 * while power goes, the disk fails or memory is short. An act may be played again from whatever
 * is left of the file, and comes to the same end.
 */
#ifndef SANGAM_TESTS_ACTS_H
#define SANGAM_TESTS_ACTS_H

#include "support/tree.h"

/* Where it is played. */
struct stage {
    struct tree *tree;
    int node;                         /* whose file it is about */
    void (*returned)(struct stage *); /* a call is done, and durable; or NULL */
};

struct act {
    const char *name;
    int node;
    void (*prepare)(struct tree *); /* or NULL */
    int (*play)(struct stage *, struct err *e);
    bool at_length; /* where there is no time, only its statements fail */
};

extern const struct act acts[];
extern const size_t act_count;

/* Headquarters, a hub and a clinic in step, prepared for the act. */
struct stage acts_stage(const struct act *act);
/* Starts the node anew, unless its file is still to be made. */
void acts_start(struct stage *s);
/* The same, with a program that knows the schema of its file. */
void acts_restart(struct stage *s);

/* --- what a file holds --------------------------------------------------- */

struct file_digest {
    uint8_t bytes[16];
};

/* Of all tables and of the schema. */
struct file_digest file_digest(sqlite3 *db);
/* Of the file of this name; where there is none, nothing. */
struct file_digest file_digest_at(const char *path);
/* Of the tables that people read. */
struct file_digest file_digest_shown(sqlite3 *db);
bool file_digest_equal(const struct file_digest *a,
                       const struct file_digest *b);

#endif
