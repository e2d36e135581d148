/* SPDX-License-Identifier: Apache-2.0 */
#include "node/strangers.h"

#include "node/monitor.h"

#include <netdb.h>
#include <sys/socket.h>

/* More that greet at one time are not counted. */
enum { GREETING_MAX = 256 };

/* A connection by which nobody has been let in yet. */
struct greeting {
    int fd; /* -1: free */
    char from[STRANGER_FROM_BYTES];
};

struct strangers {
    void *socket;
    zsock_t *monitor;
    struct greeting greeting[GREETING_MAX];
    struct knocks knocks;
};

struct strangers *strangers_watch(void *socket)
{
    static const int events =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED;
    struct strangers *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    for (size_t i = 0; i < GREETING_MAX; i++) {
        s->greeting[i].fd = -1;
    }
    s->socket = socket;
    s->monitor = monitor_open(socket, events);
    return s;
}

void strangers_destroy(struct strangers **s)
{
    struct strangers *old = *s;
    *s = NULL;
    if (old != NULL) {
        monitor_close(old->socket, &old->monitor);
        free(old);
    }
}

static struct greeting *find(struct strangers *s, int fd)
{
    for (size_t i = 0; i < GREETING_MAX; i++) {
        if (s->greeting[i].fd == fd) {
            return &s->greeting[i];
        }
    }
    return NULL;
}

/* The descriptor is libzmq's, and may be gone already: then "". */
static void read_address(int fd, char from[STRANGER_FROM_BYTES])
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    from[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) {
        (void)getnameinfo((struct sockaddr *)&address, len, from,
                          STRANGER_FROM_BYTES, NULL, 0, NI_NUMERICHOST);
    }
}

static void begin(struct strangers *s, int fd)
{
    struct greeting *g = find(s, fd); /* its end was not told */
    g = g != NULL ? g : find(s, -1);
    if (g != NULL) {
        g->fd = fd;
        read_address(fd, g->from);
    }
}

/* Who has shaken hands libzmq does not tell here: strangers_know() does. */
static void note(struct strangers *s, const struct monitor_event *event)
{
    struct knocks *k = &s->knocks;
    int fd = (int)event->value;
    struct greeting *g = find(s, fd);
    if (event->number == ZMQ_EVENT_ACCEPTED) {
        begin(s, fd);
    } else if (event->number == ZMQ_EVENT_ACCEPT_FAILED) {
        k->not_accepted++;
        k->why = fd;
    } else if (g != NULL) {
        g->fd = -1;
        k->strangers++;
        if (g->from[0] != '\0') {
            memcpy(k->from, g->from, sizeof k->from);
        }
    }
}

zsock_t *strangers_monitor(struct strangers *s)
{
    return s->monitor;
}

static void drain(struct strangers *s)
{
    struct monitor_event event;
    while (monitor_take(s->monitor, &event)) {
        note(s, &event);
    }
}

void strangers_know(struct strangers *s, int fd)
{
    drain(s); /* that it was accepted was told before */
    struct greeting *g = find(s, fd);
    if (g != NULL) {
        g->fd = -1;
    }
}

void strangers_take(struct strangers *s, struct knocks *ret)
{
    drain(s);
    ret->strangers += s->knocks.strangers;
    if (s->knocks.from[0] != '\0') {
        memcpy(ret->from, s->knocks.from, sizeof ret->from);
    }
    if (s->knocks.not_accepted > 0) {
        ret->not_accepted += s->knocks.not_accepted;
        ret->why = s->knocks.why;
    }
    s->knocks = (struct knocks){0};
}
