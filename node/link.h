/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Link: one connection to a neighbour. It drives a session
 * (protocol/session.h): frames go in, and what the session wants done is done
 * to the replica and the transport.
 *
 * What takes long, storing and walking, is not done when a frame comes in but
 * in link_work(), a piece at a time, so that links take turns. A link that
 * cannot send keeps at most a few frames and does no such work until they are
 * gone.
 *
 * A fault of the peer closes the link, and only this one [I-7]. A replica that
 * is busy or full makes all links wait, and other programs have their turn at
 * the write lock (hold.h). Every function that can fail fails only with what
 * must stop the node (FAULT_FATAL).
 */
#ifndef SANGAM_LINK_H
#define SANGAM_LINK_H

#include "node/hold.h"
#include "node/transport.h"
#include "protocol/session.h"
#include "store/replica.h"

struct link;

/* `to` is NULL towards the parent. Borrows the replica, the hold and the
 * transport. */
struct link *link_new(struct replica *r, struct hold *hold,
                      const struct peer *peer, struct transport *t,
                      const struct route *to);
void link_destroy(struct link **l);

/* Towards the parent: the connection is up. */
int link_up(struct link *l, struct err *e);
int link_frame(struct link *l, struct slice frame, struct err *e);
/* About every second. */
int link_tick(struct link *l, struct err *e);
/* Our journal grew to `head`. */
int link_news(struct link *l, uint64_t head, struct err *e);
/* Does one piece of what is to be done, if it is due. */
int link_work(struct link *l, struct err *e);
/* When link_work() has something to do, monotonic; 0: now; INT64_MAX: not
 * before something happens. */
int64_t link_due_ms(const struct link *l);

/* Does nothing any more, and can be destroyed. */
bool link_is_closed(const struct link *l);
/* Got everything through at least once, or has been open for a minute: the
 * next call need not wait long. */
bool link_was_good(const struct link *l);
/* When the peer was last heard, monotonic; 0: not yet. */
int64_t link_heard_ms(const struct link *l);
const struct peer *link_peer(const struct link *l);
const struct route *link_route(const struct link *l);
enum session_state link_state(const struct link *l);

#endif
