/* SPDX-License-Identifier: Apache-2.0 */

/* Monitor: what libzmq tells of the connections of a socket. */
#ifndef SANGAM_MONITOR_H
#define SANGAM_MONITOR_H

#include <czmq.h>

struct monitor_event {
    int number;     /* ZMQ_EVENT_... */
    uint32_t value; /* mostly a descriptor, or an errno */
};

/* Before the socket is connected or bound. The first of a libzmq socket only. */
zsock_t *monitor_open(void *socket, int events);
/* Before the socket is closed: libzmq's thread must not write to a monitor
 * nobody reads. */
void monitor_close(void *socket, zsock_t **monitor);

/* False when there is none now. */
bool monitor_take(zsock_t *monitor, struct monitor_event *ret);

#endif
