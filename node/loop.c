/* SPDX-License-Identifier: Apache-2.0 */
#include "node/loop.h"

#include "node/auth.h"
#include "node/children.h"
#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"
#include "node/service.h"
#include "node/upkeep.h"
#include "node/uplink.h"

#include <assert.h>
#include <signal.h>
#include <sys/signalfd.h>

enum { TICK_MS = 1000 };

struct loop {
    struct replica *replica;
    struct hold hold;
    struct auth *auth;
    struct upkeep *upkeep;
    struct children *children; /* NULL: takes none */
    struct uplink *uplink;     /* NULL: the root */
    int signal_fd;
    bool stopping;
    uint64_t head; /* told to the links */
    int64_t tick_ms;
    int64_t alive_ms;
    int64_t alive_every_ms;
    char status[128];
};

/* --- links --------------------------------------------------------------- */

/* Tells the links once when the journal has grown, whatever made it grow. */
static int spread_news(struct loop *l, struct err *e)
{
    int rc = 0;
    uint64_t head = replica_self(l->replica)->head;
    if (head == l->head) {
        return 0;
    }
    l->head = head;
    if (l->children != NULL) {
        rc = children_news(l->children, head, e);
    }
    if (rc == 0 && l->uplink != NULL) {
        rc = uplink_news(l->uplink, head, e);
    }
    return rc == 0 ? upkeep_checkpoint(l->upkeep, e) : rc;
}

static int work_of_children(struct loop *l, struct err *e)
{
    return l->children != NULL ? children_work(l->children, e) : 0;
}

static int work_of_uplink(struct loop *l, struct err *e)
{
    return l->uplink != NULL ? uplink_work(l->uplink, e) : 0;
}

/* The first may use up the turn at the write lock (hold.h): every second turn
 * is the parent's. */
static int work_of_links(struct loop *l, struct err *e)
{
    bool parent_first = l->hold.turns % 2 == 1;
    int rc = parent_first ? work_of_uplink(l, e) : work_of_children(l, e);
    if (rc != 0) {
        return rc;
    }
    return parent_first ? work_of_children(l, e) : work_of_uplink(l, e);
}

/* --- time ---------------------------------------------------------------- */

static void tell_status(struct loop *l)
{
    char text[sizeof l->status];
    const char *parent = "no parent";
    if (l->uplink != NULL) {
        parent = uplink_is_open(l->uplink) ? "parent connected"
                                           : "parent not connected";
    }
    (void)snprintf(text, sizeof text, "%s, %zu children connected", parent,
                   l->children != NULL ? children_open(l->children) : 0);
    if (strcmp(text, l->status) != 0) {
        (void)snprintf(l->status, sizeof l->status, "%s", text);
        service_status(text);
    }
}

static int tick(struct loop *l, struct err *e)
{
    int rc = upkeep_checkpoint(l->upkeep, e);
    l->tick_ms = clock_mono_ms() + TICK_MS;
    if (rc == 0 && l->children != NULL) {
        rc = children_tick(l->children, e);
    }
    if (rc == 0 && l->uplink != NULL) {
        rc = uplink_tick(l->uplink, e);
    }
    tell_status(l);
    return rc;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t due_ms(const struct loop *l)
{
    int64_t due_ms = earlier(l->tick_ms, l->alive_ms);
    due_ms = earlier(due_ms, upkeep_due_ms(l->upkeep));
    if (l->children != NULL) {
        due_ms = earlier(due_ms, children_due_ms(l->children));
    }
    if (l->uplink != NULL) {
        due_ms = earlier(due_ms, uplink_due_ms(l->uplink));
    }
    return due_ms;
}

static void tell_alive(struct loop *l)
{
    if (l->alive_ms <= clock_mono_ms()) {
        service_alive();
        l->alive_ms = clock_mono_ms() + l->alive_every_ms;
    }
}

/* Does what is due by the clock, and a round of work. */
static int work(struct loop *l, struct err *e)
{
    replica_correct(l->replica, clock_correction_ms());
    int rc = upkeep_work(l->upkeep, e);
    if (rc == 0 && l->tick_ms <= clock_mono_ms()) {
        rc = tick(l, e);
    }
    if (rc == 0) {
        rc = work_of_links(l, e);
    }
    if (rc == 0) {
        rc = spread_news(l, e);
    }
    tell_alive(l);
    return rc;
}

/* --- the poll ------------------------------------------------------------ */

enum source {
    FROM_SIGNALS,
    FROM_DOOR,
    FROM_CHILDREN,
    FROM_CHILDREN_MONITOR,
    FROM_PARENT,
    FROM_PARENT_MONITOR,
    FROM_PROGRAMS,
    SOURCES,
};

/* A source that is not there has descriptor -1, which poll(2) ignores. */
static zmq_pollitem_t source_of_socket(zsock_t *socket)
{
    zmq_pollitem_t item = {.fd = -1, .events = ZMQ_POLLIN};
    if (socket != NULL) {
        item.socket = zsock_resolve(socket);
    }
    return item;
}

static zmq_pollitem_t source_of_fd(int fd)
{
    return (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
}

static void wait_for_sources(struct loop *l, zmq_pollitem_t items[SOURCES])
{
    bool has_children = l->children != NULL;
    bool has_parent = l->uplink != NULL;
    int64_t wait_ms = due_ms(l) - clock_mono_ms();
    items[FROM_SIGNALS] = source_of_fd(l->signal_fd);
    items[FROM_DOOR] = source_of_socket(auth_socket(l->auth));
    items[FROM_CHILDREN] =
        source_of_socket(has_children ? children_socket(l->children) : NULL);
    items[FROM_CHILDREN_MONITOR] =
        source_of_socket(has_children ? children_monitor(l->children) : NULL);
    items[FROM_PARENT] =
        source_of_socket(has_parent ? uplink_socket(l->uplink) : NULL);
    items[FROM_PARENT_MONITOR] =
        source_of_socket(has_parent ? uplink_monitor(l->uplink) : NULL);
    items[FROM_PROGRAMS] = source_of_fd(upkeep_fd(l->upkeep));
    (void)zmq_poll(items, SOURCES, wait_ms > 0 ? (long)wait_ms : 0);
}

static void take_signal(struct loop *l)
{
    struct signalfd_siginfo info;
    if (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        log_info("node", "%s -> stopping", strsignal((int)info.ssi_signo));
        l->stopping = true;
    }
}

/* Without children there is nobody to admit. */
static int take_requests(struct loop *l, struct err *e)
{
    struct auth_user user;
    if (l->children != NULL) {
        return children_judge(l->children, l->auth, e);
    }
    while (auth_next(l->auth, &user)) {
        auth_refuse(l->auth);
    }
    return 0;
}

static int take_what_came(struct loop *l, const zmq_pollitem_t items[SOURCES],
                          struct err *e)
{
    int rc = 0;
    if (items[FROM_SIGNALS].revents != 0) {
        take_signal(l);
    }
    if (items[FROM_PROGRAMS].revents != 0) {
        upkeep_read(l->upkeep);
    }
    if (items[FROM_DOOR].revents != 0) {
        rc = take_requests(l, e);
    }
    if (rc == 0 && (items[FROM_CHILDREN].revents != 0 ||
                    items[FROM_CHILDREN_MONITOR].revents != 0)) {
        rc = children_receive(l->children, e);
    }
    if (rc == 0 && (items[FROM_PARENT].revents != 0 ||
                    items[FROM_PARENT_MONITOR].revents != 0)) {
        rc = uplink_receive(l->uplink, e);
    }
    return rc;
}

/* --- life ---------------------------------------------------------------- */

/* Signals become readable; the threads of libzmq take none. */
static int open_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    int rc = sigprocmask(SIG_BLOCK, &set, NULL);
    assert(rc == 0);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    assert(fd >= 0);
    return fd;
}

/* In this order: nobody may connect before strangers are kept out. */
static int open_door(struct loop *l, const struct conf *c,
                     const struct keys *keys, struct err *e)
{
    l->auth = auth_new();
    if (c->listen[0] == '\0') {
        return 0;
    }
    int rc = auth_self_test(l->auth, e);
    if (rc == 0) {
        rc = children_new(l->replica, &l->hold, keys, c->listen, &l->children,
                          e);
    }
    if (rc == 0) {
        log_info("children", "listening at %s", c->listen);
    }
    return rc;
}

static int open_loop(struct loop *l, const struct home *h, const struct conf *c,
                     const struct keys *keys, struct err *e)
{
    const struct replica_self *self = replica_self(l->replica);
    l->signal_fd = open_signals();
    /* czmq would take the signals itself */
    zsys_handler_set(NULL);
    (void)zsys_init();
    /* one for the children, one for the parent (transport.c) */
    zsys_set_io_threads(2);
    l->head = self->head;
    l->tick_ms = clock_mono_ms() + TICK_MS;
    l->alive_every_ms = service_alive_ms();
    l->alive_ms = l->alive_every_ms == INT64_MAX ? INT64_MAX : 0;
    int rc = open_door(l, c, keys, e);
    if (rc == 0) {
        l->upkeep = upkeep_new(h, l->replica, &l->hold,
                               l->children != NULL ? l->auth : NULL);
    }
    if (rc == 0 && self->has_parent) {
        l->uplink = uplink_new(l->replica, &l->hold, keys);
    }
    return rc;
}

static void close_loop(struct loop *l)
{
    children_destroy(&l->children);
    uplink_destroy(&l->uplink);
    auth_destroy(&l->auth);
    upkeep_destroy(&l->upkeep);
    (void)close(l->signal_fd);
    zsys_shutdown();
}

int loop_run(const struct home *h, const struct conf *c,
             const struct keys *keys, struct replica *r, struct err *e)
{
    struct loop l = {.replica = r, .hold.replica = h->replica};
    zmq_pollitem_t items[SOURCES];
    int rc = open_loop(&l, h, c, keys, e);
    if (rc == 0) {
        log_info("node", "%s is running", replica_self(r)->site);
        service_ready();
    }
    while (rc == 0 && !l.stopping) {
        wait_for_sources(&l, items);
        rc = take_what_came(&l, items, e);
        if (rc == 0) {
            rc = work(&l, e);
        }
    }
    service_stopping();
    close_loop(&l);
    return rc;
}
