/* SPDX-License-Identifier: Apache-2.0 */
#include "node/loop.h"

#include "node/auth.h"
#include "node/children.h"
#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"
#include "node/service.h"
#include "node/uplink.h"
#include "node/watch.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/signalfd.h>

enum {
    TICK_MS = 1000,
    /* Invites expire by the day; new ones disturb the replica. */
    INVITES_MS = 60 * 1000,
    /* A reader that stood in the way of a checkpoint is given this long. */
    CHECKPOINT_BUSY_MS = 10 * 1000,
    CHECKPOINT_TOLD_MS = 10 * 60 * 1000,
    /* What cannot be signed now, for another reason than a lock. */
    DRAIN_FAILED_MS = 60 * 1000,
};

struct loop {
    struct replica *replica;
    struct auth *auth;
    struct children *children; /* NULL: takes none */
    struct uplink *uplink;     /* NULL: the root */
    struct watch *watch;
    int signal_fd;
    bool stopping;
    uint64_t head; /* told to the links */
    /* when to do what again, monotonic; INT64_MAX: not before asked for */
    int64_t tick_ms;
    int64_t drain_ms;
    int64_t invites_ms;
    int64_t checkpoint_ms;
    int64_t alive_ms;
    int64_t alive_every_ms;
    int64_t checkpoint_told_ms; /* 0: never */
    int drain_failed;           /* ERR_* said in the log, 0: works */
    char status[128];
};

/* --- the replica --------------------------------------------------------- */

static void tell_drained(const struct drained *d)
{
    if (d->changesets > 0) {
        log_debug("local changes",
                  "%" PRIu64 " leaves in %" PRIu64 " changesets -> signed",
                  d->leaves, d->changesets);
    }
    if (d->parked > 0) {
        log_warning("local changes",
                    "%" PRIu64 " that this node may not make -> parked, see "
                    "'sangam status'",
                    d->parked);
    }
}

/* Programs must be able to write on, whatever becomes of the signing; so only
 * what cannot be trusted stops the node. */
static int drain_failed(struct loop *l, struct err *e)
{
    int code = e->code;
    if (fault_of(code) == FAULT_FATAL) {
        return code;
    }
    if (l->drain_failed != code) {
        log_error("local changes", "%s -> not signed yet, tried again",
                  e->text);
    }
    l->drain_failed = code;
    l->drain_ms =
        clock_mono_ms() +
        (fault_of(code) == FAULT_WAIT ? fault_wait_ms(code) : DRAIN_FAILED_MS);
    return 0;
}

static int drain(struct loop *l, struct err *e)
{
    struct drained d = {0};
    if (replica_drain(l->replica, clock_wall_ms(), &d, e) != 0) {
        return drain_failed(l, e);
    }
    if (l->drain_failed != 0) {
        log_info("local changes", "signed again -> going on");
    }
    l->drain_failed = 0;
    tell_drained(&d);
    l->drain_ms = d.more ? 0 : INT64_MAX;
    return 0;
}

static int read_invites(struct loop *l, struct err *e)
{
    uint8_t(*keys)[KEY_PUBLIC_BYTES] = NULL;
    size_t count = 0;
    l->invites_ms = clock_mono_ms() + INVITES_MS;
    int rc = replica_invites(l->replica, clock_wall_ms(), &keys, &count, e);
    if (rc == 0) {
        auth_set_invites(l->auth, (const uint8_t(*)[KEY_PUBLIC_BYTES])keys,
                         count);
        free(keys);
        return 0;
    }
    if (fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    log_warning("invites", "%s -> read again later", e->text);
    l->invites_ms =
        clock_mono_ms() +
        (fault_of(rc) == FAULT_WAIT ? fault_wait_ms(rc) : (int64_t)INVITES_MS);
    return 0;
}

/* Has another program committed? */
static int look_at_replica(struct loop *l, struct err *e)
{
    bool disturbed = false;
    watch_looked(l->watch, clock_mono_ms());
    int rc = replica_disturbed(l->replica, &disturbed, e);
    if (rc != 0) {
        return fault_of(rc) == FAULT_FATAL ? rc : 0;
    }
    if (disturbed) {
        if (l->drain_ms == INT64_MAX) {
            l->drain_ms = 0;
        }
        l->invites_ms = l->children != NULL ? 0 : INT64_MAX;
    }
    return 0;
}

static void tell_reader(struct loop *l, int64_t now_ms)
{
    if (l->checkpoint_told_ms != 0 &&
        now_ms - l->checkpoint_told_ms < CHECKPOINT_TOLD_MS) {
        return;
    }
    l->checkpoint_told_ms = now_ms;
    log_warning("replica", "a program has been reading or writing for long -> "
                           "replica.db-wal grows until it ends");
}

static int checkpoint(struct loop *l, struct err *e)
{
    bool busy = false;
    int64_t now_ms = clock_mono_ms();
    if (now_ms < l->checkpoint_ms) {
        return 0;
    }
    int rc = replica_checkpoint(l->replica, &busy, e);
    if (rc != 0) {
        return fault_of(rc) == FAULT_FATAL ? rc : 0;
    }
    if (busy) {
        tell_reader(l, now_ms);
        l->checkpoint_ms = clock_mono_ms() + CHECKPOINT_BUSY_MS;
    }
    return 0;
}

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
    return rc == 0 ? checkpoint(l, e) : rc;
}

static int work_of_links(struct loop *l, struct err *e)
{
    int rc = 0;
    if (l->children != NULL) {
        rc = children_work(l->children, e);
    }
    if (rc == 0 && l->uplink != NULL) {
        rc = uplink_work(l->uplink, e);
    }
    return rc;
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
    int rc = checkpoint(l, e);
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
    int64_t due_ms = earlier(l->tick_ms, watch_due_ms(l->watch));
    due_ms = earlier(due_ms, earlier(l->drain_ms, l->invites_ms));
    due_ms = earlier(due_ms, l->alive_ms);
    if (l->children != NULL) {
        due_ms = earlier(due_ms, children_due_ms(l->children));
    }
    if (l->uplink != NULL) {
        due_ms = earlier(due_ms, uplink_due_ms(l->uplink));
    }
    return due_ms;
}

typedef int do_function(struct loop *l, struct err *e);

/* Does what is due by the clock, then a round of work. */
static int do_what_is_due(struct loop *l, struct err *e)
{
    int64_t now_ms = clock_mono_ms();
    struct {
        int64_t due_ms;
        do_function *what;
    } list[] = {
        {watch_due_ms(l->watch), look_at_replica},
        {l->drain_ms, drain},
        {l->invites_ms, read_invites},
        {l->tick_ms, tick},
        {0, work_of_links},
        {0, spread_news},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof list / sizeof list[0]; i++) {
        if (list[i].due_ms <= now_ms) {
            rc = list[i].what(l, e);
        }
    }
    if (l->alive_ms <= now_ms) {
        service_alive();
        l->alive_ms = now_ms + l->alive_every_ms;
    }
    return rc;
}

/* --- the poll ------------------------------------------------------------ */

enum source {
    FROM_SIGNALS,
    FROM_DOOR,
    FROM_CHILDREN,
    FROM_PARENT,
    FROM_PARENT_MONITOR,
    FROM_WATCH,
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
    items[FROM_PARENT] =
        source_of_socket(has_parent ? uplink_socket(l->uplink) : NULL);
    items[FROM_PARENT_MONITOR] =
        source_of_socket(has_parent ? uplink_monitor(l->uplink) : NULL);
    items[FROM_WATCH] = source_of_fd(watch_fd(l->watch));
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
    if (items[FROM_WATCH].revents != 0) {
        watch_read(l->watch, clock_mono_ms());
    }
    if (items[FROM_DOOR].revents != 0) {
        rc = take_requests(l, e);
    }
    if (rc == 0 && items[FROM_CHILDREN].revents != 0) {
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

static int open_door(struct loop *l, const struct conf *c,
                     const struct keys *keys, struct err *e)
{
    l->auth = auth_new();
    if (c->listen[0] == '\0') {
        return 0;
    }
    int rc = auth_self_test(l->auth, e);
    if (rc == 0) {
        rc = read_invites(l, e);
    }
    if (rc == 0) {
        rc = children_new(l->replica, keys, c->listen, &l->children, e);
    }
    if (rc == 0) {
        log_info("children", "listening at %s", c->listen);
    }
    return rc;
}

static void open_watch(struct loop *l, const struct home *h)
{
    struct err why;
    l->watch = watch_new(h->folder, "replica.db", &why);
    if (why.code != 0) {
        log_warning("replica",
                    "%s -> what other programs write is seen after half a "
                    "second",
                    why.text);
    }
}

static int open_loop(struct loop *l, const struct home *h, const struct conf *c,
                     const struct keys *keys, struct err *e)
{
    const struct replica_self *self = replica_self(l->replica);
    int64_t now_ms = clock_mono_ms();
    l->signal_fd = open_signals();
    /* czmq would take the signals itself */
    zsys_handler_set(NULL);
    (void)zsys_init();
    l->head = self->head;
    l->tick_ms = now_ms + TICK_MS;
    l->alive_every_ms = service_alive_ms();
    l->alive_ms = l->alive_every_ms == INT64_MAX ? INT64_MAX : now_ms;
    l->invites_ms = INT64_MAX;
    open_watch(l, h);
    if (self->has_parent) {
        l->uplink = uplink_new(l->replica, keys);
    }
    return open_door(l, c, keys, e);
}

static void close_loop(struct loop *l)
{
    children_destroy(&l->children);
    uplink_destroy(&l->uplink);
    auth_destroy(&l->auth);
    watch_destroy(&l->watch);
    (void)close(l->signal_fd);
    zsys_shutdown();
}

int loop_run(const struct home *h, const struct conf *c,
             const struct keys *keys, struct replica *r, struct err *e)
{
    struct loop l = {.replica = r};
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
            rc = do_what_is_due(&l, e);
        }
    }
    service_stopping();
    close_loop(&l);
    return rc;
}
