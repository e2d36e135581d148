/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Strangers: the connections to a listening socket, from which libzmq drops
 * without a word whoever is not let in: silence, garbage, HTTP, keys that nobody
 * knows; and whoever was let in and then sends what is no frame.
 */
#ifndef SANGAM_STRANGERS_H
#define SANGAM_STRANGERS_H

#include <czmq.h>

#include "node/route.h"

enum { STRANGER_FROM_BYTES = 64 };

/* Why a connection ended before anybody was let in. */
enum stranger {
    STRANGER_SILENT,  /* it did not finish its greeting in time, or hung up */
    STRANGER_FOREIGN, /* what it said is no greeting of ours */
    STRANGER_UNKNOWN, /* nobody knows its key */
    STRANGER_KINDS,
};

struct knocks {
    struct knock {
        uint64_t count; /* connections that ended so */
        /* one of them, the last known; "" none is */
        char from[STRANGER_FROM_BYTES];
    } of[STRANGER_KINDS];
    uint64_t not_accepted; /* no room: mostly no descriptor is left */
    int why;               /* errno of the last of those */
};

struct strangers;

/* Watches a libzmq socket, before it listens. */
struct strangers *strangers_watch(void *socket);
/* Before the socket is closed. */
void strangers_destroy(struct strangers **s);

/* To poll for input. */
zsock_t *strangers_monitor(struct strangers *s);
/* The door did not know the key of a connection from this address. libzmq ends it
 * at once, or when the time for greetings is over. */
void strangers_refused(struct strangers *s, const char *from);
/* A message came by this connection, whose sender was let in. */
void strangers_know(struct strangers *s, int fd, const struct route *route);
/* What was seen since the last call is added to `ret`. */
void strangers_take(struct strangers *s, struct knocks *ret);
/* The next connection that ended although its sender had been let in; false:
 * there is none now. Of very many at once some are not told. */
bool strangers_left(struct strangers *s, struct route *ret);

#endif
