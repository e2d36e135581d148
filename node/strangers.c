/* SPDX-License-Identifier: Apache-2.0 */
#include "node/strangers.h"

#include "node/monitor.h"
#include "protocol/limits.h"

#include <netdb.h>
#include <sys/socket.h>

enum {
    ROOM = 64, /* for connections, to begin with */
    /* Connections that ended between two looks; of more the silence tells. */
    LEFT_MAX = 256,
};

enum stage {
    STAGE_NONE,
    STAGE_GREETING, /* nobody has been let in by it yet */
    STAGE_KNOWN,
};

struct connection {
    enum stage stage;
    struct route route; /* of one that is known */
    char from[STRANGER_FROM_BYTES];
};

struct strangers {
    void *socket;
    zsock_t *monitor;
    struct connection *connections; /* owned; by descriptor */
    size_t room;
    /* Of the connection that ends next: libzmq says why just before, in the one
     * thread that has all of them (transport.c), and names none. */
    enum stranger why;
    struct knocks knocks;
    struct route left[LEFT_MAX]; /* a ring */
    size_t left_first;
    size_t left_count;
};

struct strangers *strangers_watch(void *socket)
{
    static const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED |
                              ZMQ_EVENT_DISCONNECTED |
                              ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    struct strangers *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    s->socket = socket;
    s->why = STRANGER_FOREIGN;
    s->monitor = monitor_open(socket, events);
    return s;
}

void strangers_destroy(struct strangers **s)
{
    struct strangers *old = *s;
    *s = NULL;
    if (old != NULL) {
        monitor_close(old->socket, &old->monitor);
        free(old->connections);
        free(old);
    }
}

/* --- connections --------------------------------------------------------- */

/* NULL: there are more than can be, and they are not counted. */
static struct connection *connection_of(struct strangers *s, int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS_WANTED) {
        return NULL;
    }
    size_t room = s->room > 0 ? s->room : ROOM;
    while (room <= (size_t)fd) {
        room *= 2;
    }
    if (room > s->room) {
        s->connections = realloc(s->connections, room * sizeof *s->connections);
        if (s->connections == NULL) {
            abort();
        }
        memset(s->connections + s->room, 0,
               (room - s->room) * sizeof *s->connections);
        s->room = room;
    }
    return &s->connections[fd];
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

/* --- events -------------------------------------------------------------- */

static void begin(struct connection *c, int fd)
{
    c->stage = STAGE_GREETING;
    read_address(fd, c->from);
}

static void count(struct strangers *s, enum stranger kind, const char *from)
{
    struct knock *k = &s->knocks.of[kind];
    k->count++;
    if (from[0] != '\0') {
        (void)snprintf(k->from, sizeof k->from, "%s", from);
    }
}

static void leave(struct strangers *s, const struct connection *c)
{
    if (s->left_count < LEFT_MAX) {
        s->left[(s->left_first + s->left_count++) % LEFT_MAX] = c->route;
    }
}

static void end(struct strangers *s, struct connection *c)
{
    if (c->stage == STAGE_GREETING) {
        count(s, s->why, c->from);
    } else if (c->stage == STAGE_KNOWN) {
        leave(s, c);
    }
    c->stage = STAGE_NONE;
}

/* Who has shaken hands libzmq does not tell here: strangers_know() does. */
static void note(struct strangers *s, const struct monitor_event *event)
{
    int value = (int)event->value;
    struct connection *c = NULL;
    switch (event->number) {
    case ZMQ_EVENT_ACCEPT_FAILED:
        s->knocks.not_accepted++;
        s->knocks.why = value;
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        s->why = STRANGER_SILENT;
        return;
    default:
        break;
    }
    c = connection_of(s, value);
    if (event->number == ZMQ_EVENT_ACCEPTED && c != NULL) {
        begin(c, value);
    } else if (event->number == ZMQ_EVENT_DISCONNECTED) {
        if (c != NULL) {
            end(s, c);
        }
        s->why = STRANGER_FOREIGN; /* where nothing is said */
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

/* Of several from there any: what counts is how many. */
void strangers_refused(struct strangers *s, const char *from)
{
    drain(s); /* that it was accepted was told before */
    for (size_t i = 0; i < s->room; i++) {
        struct connection *c = &s->connections[i];
        if (c->stage == STAGE_GREETING && strcmp(c->from, from) == 0) {
            c->stage = STAGE_NONE; /* it is counted */
            break;
        }
    }
    count(s, STRANGER_UNKNOWN, from);
}

void strangers_know(struct strangers *s, int fd, const struct route *route)
{
    drain(s); /* that it was accepted was told before */
    struct connection *c = connection_of(s, fd);
    if (c != NULL && c->stage == STAGE_GREETING) {
        c->stage = STAGE_KNOWN;
        c->route = *route;
    }
}

/* --- what is told -------------------------------------------------------- */

static void add(const struct knock *more, struct knock *ret)
{
    ret->count += more->count;
    if (more->from[0] != '\0') {
        memcpy(ret->from, more->from, sizeof ret->from);
    }
}

void strangers_take(struct strangers *s, struct knocks *ret)
{
    drain(s);
    for (size_t i = 0; i < STRANGER_KINDS; i++) {
        add(&s->knocks.of[i], &ret->of[i]);
    }
    if (s->knocks.not_accepted > 0) {
        ret->not_accepted += s->knocks.not_accepted;
        ret->why = s->knocks.why;
    }
    s->knocks = (struct knocks){0};
}

bool strangers_left(struct strangers *s, struct route *ret)
{
    drain(s);
    if (s->left_count == 0) {
        return false;
    }
    *ret = s->left[s->left_first];
    s->left_first = (s->left_first + 1) % LEFT_MAX;
    s->left_count--;
    return true;
}
