/* SPDX-License-Identifier: Apache-2.0 */
#include "node/monitor.h"

#include <assert.h>

zsock_t *monitor_open(void *socket, int events)
{
    static unsigned long count;
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://monitor-%lu", count++);
    int rc = zmq_socket_monitor(socket, name, events);
    assert(rc == 0);
    zsock_t *monitor = zsock_new(ZMQ_PAIR);
    assert(monitor != NULL);
    /* or libzmq's thread would wait for us, and all connections with it */
    zsock_set_rcvhwm(monitor, 0);
    rc = zsock_connect(monitor, "%s", name);
    assert(rc == 0);
    return monitor;
}

void monitor_close(void *socket, zsock_t **monitor)
{
    (void)zmq_socket_monitor(socket, NULL, 0);
    zsock_destroy(monitor);
}

/* An event is two frames: number and value, and the address. */
bool monitor_take(zsock_t *monitor, struct monitor_event *ret)
{
    uint16_t number = 0;
    bool taken = false;
    zmq_msg_t m;
    (void)zmq_msg_init(&m);
    if (zmq_msg_recv(&m, zsock_resolve(monitor), ZMQ_DONTWAIT) >= 0) {
        const uint8_t *bytes = zmq_msg_data(&m);
        assert(zmq_msg_size(&m) == sizeof number + sizeof ret->value);
        memcpy(&number, bytes, sizeof number);
        memcpy(&ret->value, bytes + sizeof number, sizeof ret->value);
        ret->number = number;
        taken = true;
        while (zmq_msg_more(&m) != 0) {
            (void)zmq_msg_recv(&m, zsock_resolve(monitor), 0);
        }
    }
    (void)zmq_msg_close(&m);
    return taken;
}
