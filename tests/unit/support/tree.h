/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tree: real replicas in a temporary folder, enrolled from the root down, and
 * links between them without a network: a walk at one end, a store at the
 * other. Time is a number that the test moves.
 */
#ifndef SANGAM_TESTS_TREE_H
#define SANGAM_TESTS_TREE_H

#include <sqlite3.h>

#include "store/replica.h"

enum {
    TREE_NODES_MAX = 40,
    TREE_INVITE_MS = 24 * 60 * 60 * 1000, /* how long an invite is good */
};

struct tree_node {
    char path[256];
    struct keys keys;
    struct replica *replica;
    sqlite3 *client;             /* an ordinary program's connection */
    int parent;                  /* index, -1 for the root */
    const struct schema *schema; /* what its program knows */
    int64_t ahead_ms;            /* of its clock, of the tree's time */
    int64_t correction_ms;       /* what it was told since it opened */
    uint64_t refused;            /* its parent turned away this position */
};

struct tree {
    char *folder;                /* owned */
    const struct schema *schema; /* of nodes added from now on */
    int64_t now_ms;
    struct tree_node nodes[TREE_NODES_MAX];
    int count;
};

/* Starts with the root, site PB-HQ, and its register of sites. */
struct tree *tree_new(void);
/* Where programs know this schema. */
struct tree *tree_new_knowing(const struct schema *schema);
void tree_free(struct tree *t);

/* Enrols a node for a site of the register; returns its index. Its parent
 * must have synced. */
int tree_add(struct tree *t, int parent, const char *site);

/* The same in steps: its parent enrols it, its replica is made; to open it is
 * tree_restart(). `ret` is to be cleared. */
int tree_enrol(struct tree *t, int parent, const char *site,
               struct message *ret);
int tree_create(struct tree *t, int node, const char *site,
                const struct grant *grant, struct err *e);
/* Its parent enrols a node that is there, by another invite (`join --again`). */
int tree_enrol_again(struct tree *t, int node, const char *site,
                     struct message *ret, struct err *e);

/* Asks for an invite with this one-time key, as `sangam invite` does; a hub
 * may enrol. */
void tree_ask(struct tree *t, int parent, const char *site,
              const uint8_t curve[KEY_PUBLIC_BYTES]);

/* SQL as an ordinary client; the test fails if it fails. */
void tree_sql(struct tree *t, int node, const char *sql);
/* SQL that must fail, with `part` in its message. */
void tree_sql_fails(struct tree *t, int node, const char *sql,
                    const char *part);
/* One value as text, "" for NULL or no row; from a few buffers in turn. */
const char *tree_get(struct tree *t, int node, const char *sql);

/* What a node is called in what it signs. */
const struct hash *tree_name(struct tree *t, int node);
/* What its clock says. */
int64_t tree_clock(const struct tree *t, int node);
/* The greeting of a child: it learns its parent's time. */
void tree_greet(struct tree *t, int child);

/* Programs wrote by the node's own clock, if that is not the tree's. */
void tree_drain(struct tree *t, int node);
/* Moves everything due from one neighbour to the other. What a parent turns
 * away the child takes back at once, as node/link.c does. */
void tree_send(struct tree *t, int from, int to);
/* The same, but an error is expected: its code comes back, or that of the first
 * that was refused; 0 if none. */
int tree_send_try(struct tree *t, int from, int to, struct err *e);
/* One message of one changeset that is due, and no ack; 0: nothing is. */
size_t tree_send_one(struct tree *t, int from, int to);
/* A neighbour's greeting says that the node was put back; then the link breaks. */
void tree_tell_lost(struct tree *t, int node, int neighbour);
/* From now on no commit of the node succeeds, or each does again. */
void tree_refuse_commits(struct tree *t, int node, bool refuse);
/* The code of the first that was refused for another reason than its stamp, and
 * its sentence; 0 if none. */
int tree_refused(const struct stored *stored, struct err *e);
/* All links in both directions until nothing moves. */
void tree_sync(struct tree *t);
/* The rules look at whom they have to, as the daemon has them when it has nothing
 * else to do; how many persons, workers and sites. */
uint64_t tree_judge(struct tree *t, int node);

/* `to` as `from` sees it. */
struct peer tree_peer(struct tree *t, int at, int other);
/* Closes and opens a node, as a restart does. */
void tree_restart(struct tree *t, int node);
/* The same, but another program starts; its code comes back. After an error
 * the node is closed. */
int tree_upgrade_try(struct tree *t, int node, const struct schema *schema,
                     struct err *e);
void tree_upgrade(struct tree *t, int node, const struct schema *schema);
/* A copy of a node's disk, as it is now, that runs beside it; returns its
 * index. tree_sync() is not for trees with one. */
int tree_clone(struct tree *t, int node);
/* A copy of a node's disk, as it is now, into the tree's folder; and a node
 * that is put back from one, its journal and all. */
void tree_back_up(struct tree *t, int node, const char *name);
void tree_put_back(struct tree *t, int node, const char *name);
/* The same in steps, of which the last is tree_restart(). */
void tree_close(struct tree *t, int node);
void tree_put_file(struct tree *t, int node, const char *name);

/* Replays the journal beside the replica and folds each row: nothing differs
 * [I-10], [I-2]. */
void tree_check(struct tree *t, int node);
/* What its parent says that a child should hold, it holds, and no more. */
void tree_check_in_step(struct tree *t, int child);
/* All verdicts of a node as one text, in an order of the leaves and not of their
 * arrival; but of what is void, which may be forgotten. */
void tree_verdicts(struct tree *t, int node, struct bytes *out);
/* They are the same at both. */
void tree_check_verdicts(struct tree *t, int a, int b);
/* All of a node's file but that something was refused, of whom, and what is asked
 * for. */
struct hash tree_photograph(struct tree *t, int node);

#endif
