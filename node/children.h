/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Children: the nodes below this one. One listening socket, a link for each
 * child that is connected, and the door where their keys are judged.
 *
 * A connection that comes up says so with an empty frame: that makes a new
 * link, in place of the one the child had. Only the newest connection of a key
 * counts; what still comes by an older one is dropped.
 *
 * Functions fail only with what must stop the node (fault.h).
 */
#ifndef SANGAM_CHILDREN_H
#define SANGAM_CHILDREN_H

#include "node/auth.h"
#include "node/link.h"

struct children;

/* Borrows replica, hold and keys. ERR_CONFIG when the address cannot be bound.
 */
int children_new(struct replica *r, struct hold *hold, const struct keys *keys,
                 const char *address, struct children **ret, struct err *e);
void children_destroy(struct children **c);

/* To poll for input. */
zsock_t *children_socket(struct children *c);
zsock_t *children_monitor(struct children *c);

/* Answers the requests that wait at the door. */
int children_judge(struct children *c, struct auth *a, struct err *e);
/* Takes frames, a bounded number of them. */
int children_receive(struct children *c, struct err *e);
int children_tick(struct children *c, struct err *e);
int children_news(struct children *c, uint64_t head, struct err *e);
/* A piece of work for each link that has some. */
int children_work(struct children *c, struct err *e);
/* As link_due_ms(), of all. */
int64_t children_due_ms(const struct children *c);
/* Links that are open. */
size_t children_open(const struct children *c);

#endif
