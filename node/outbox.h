/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Outbox: frames on their way to one peer. They go straight out while the
 * connection takes them, and wait in order, a bounded number of them, while it
 * does not.
 */
#ifndef SANGAM_OUTBOX_H
#define SANGAM_OUTBOX_H

#include "node/transport.h"

struct outbox;

/* Borrows both; `to` is NULL in a call. */
struct outbox *outbox_new(struct transport *t, const struct route *to);
void outbox_destroy(struct outbox **o);

/* Takes the frame. ERR_LIMIT: the peer has let too many wait; ERR_UNKNOWN: the
 * connection is gone. */
int outbox_send(struct outbox *o, struct slice frame, struct err *e);
/* Sends what waits, as far as the connection takes it. ERR_UNKNOWN. */
int outbox_flush(struct outbox *o, struct err *e);
bool outbox_is_empty(const struct outbox *o);
/* When to flush again, monotonic. */
int64_t outbox_due_ms(const struct outbox *o);

#endif
