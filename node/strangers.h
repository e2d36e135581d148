/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Strangers: connections to a listening socket that ended before anybody was
 * let in: silence, garbage, HTTP, keys that nobody knows. libzmq drops them
 * without a word.
 */
#ifndef SANGAM_STRANGERS_H
#define SANGAM_STRANGERS_H

#include <czmq.h>

enum { STRANGER_FROM_BYTES = 64 };

struct knocks {
    uint64_t strangers; /* connections that ended so */
    char
        from[STRANGER_FROM_BYTES]; /* one of them, the last known; "" none is */
    uint64_t not_accepted;         /* no room: mostly no descriptor is left */
    int why;                       /* errno of the last of those */
};

struct strangers;

/* Watches a libzmq socket, before it listens. */
struct strangers *strangers_watch(void *socket);
/* Before the socket is closed. */
void strangers_destroy(struct strangers **s);

/* To poll for input. */
zsock_t *strangers_monitor(struct strangers *s);
/* A message came by this connection, whose sender was let in. */
void strangers_know(struct strangers *s, int fd);
/* What was seen since the last call is added to `ret`. */
void strangers_take(struct strangers *s, struct knocks *ret);

#endif
