/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Uplink: the connection to the parent, kept up for as long as the node runs.
 *
 *   RESTING --time--> CALLING --both keys known--> LINKED
 *      ^                 |                            |
 *      +---- no answer --+---- lost, silent, refused -+
 *
 * Every call is a new socket and every link a new session: libzmq gives up for
 * good after some failures. Between calls it rests, from a second to ten
 * minutes, twice as long each time and never exactly as long as the
 * neighbours, so that a hub that comes back is not overrun. After a link that
 * was good it begins at a second again.
 *
 * Functions fail only with what must stop the node (fault.h).
 */
#ifndef SANGAM_UPLINK_H
#define SANGAM_UPLINK_H

#include "node/link.h"

struct uplink;

/* Borrows replica, hold and keys. The node must have a parent. */
struct uplink *uplink_new(struct replica *r, struct hold *hold,
                          const struct keys *keys);
void uplink_destroy(struct uplink **u);

/* To poll for input; NULL while resting. */
zsock_t *uplink_socket(struct uplink *u);
zsock_t *uplink_monitor(struct uplink *u);

/* Takes what has happened to the connection, and frames. */
int uplink_receive(struct uplink *u, struct err *e);
int uplink_tick(struct uplink *u, struct err *e);
int uplink_news(struct uplink *u, uint64_t head, struct err *e);
int uplink_work(struct uplink *u, struct err *e);
int64_t uplink_due_ms(const struct uplink *u);
bool uplink_is_open(const struct uplink *u);

#endif
