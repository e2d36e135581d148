/* SPDX-License-Identifier: Apache-2.0 */
#include "node/transport.h"

#include "node/auth.h"
#include "node/monitor.h"

#include <assert.h>
#include <sodium.h>

const char transport_domain[] = "sangam";

enum {
    /* zmq.h hides it behind the draft API; it works in 4.3.4 (tried) and
     * later. */
    OPTION_ZAP_ENFORCE_DOMAIN = 93,
    /* "\7MESSAGE", nonce, authenticator, flags (rfc.zeromq.org/spec/26) */
    CURVE_BYTES = 8 + 8 + 16 + 1,
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    /* Everything a session has in flight at once, and as much again for acks
     * and greetings; what is beyond waits in the link. */
    SEND_FRAMES = 2 * CREDIT_MESSAGES,
    /* TCP holds the rest back. */
    RECEIVE_FRAMES = 8,
};

struct transport {
    zsock_t *socket;
    void *handle; /* libzmq's, of `socket` */
    bool listens;
    int port;
    struct strangers *strangers; /* of one that listens */
    /* of a call */
    zsock_t *monitor;
    enum transport_state state;
    const char *says;
    zmq_msg_t frames[2]; /* of the message given last */
    uint64_t dropped;
};

/* --- options ------------------------------------------------------------- */

struct option {
    int name;
    int value;
};

static const struct option options_of_both[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_SNDHWM, SEND_FRAMES},
    {ZMQ_RCVHWM, RECEIVE_FRAMES},
    /* a satellite link takes seconds to shake hands */
    {ZMQ_HANDSHAKE_IVL, 10 * SECOND_MS},
    {ZMQ_HEARTBEAT_IVL, 20 * SECOND_MS},
    {ZMQ_HEARTBEAT_TIMEOUT, MINUTE_MS},
    {ZMQ_HEARTBEAT_TTL, MINUTE_MS},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_MAXRT, 2 * MINUTE_MS},
};

static const struct option options_of_listen[] = {
    {ZMQ_CURVE_SERVER, 1},
    /* fail closed: without it a missing ZAP handler lets everybody in */
    {OPTION_ZAP_ENFORCE_DOMAIN, 1},
    {ZMQ_ROUTER_MANDATORY, 1},
    /* a routing id is nobody's name: never hand one over */
    {ZMQ_ROUTER_HANDOVER, 0},
    {ZMQ_BACKLOG, 256},
};

static const struct option options_of_call[] = {
    {ZMQ_IMMEDIATE, 1},
    /* tells the parent of each new connection */
    {ZMQ_PROBE_ROUTER, 1},
    {ZMQ_RECONNECT_IVL, SECOND_MS},
    {ZMQ_RECONNECT_IVL_MAX, 5 * MINUTE_MS},
};

static void set(struct transport *t, int name, const void *value, size_t len)
{
    int rc = zmq_setsockopt(t->handle, name, value, len);
    assert(rc == 0);
}

static void set_all(struct transport *t, const struct option *options,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        set(t, options[i].name, &options[i].value, sizeof options[i].value);
    }
}

static struct transport *transport_new(int type, const char *address,
                                       const struct transport_keys *keys)
{
    /* what libzmq limits is the frame as CURVE sends it */
    static const int64_t frame_bytes_max = FRAME_BYTES_MAX + CURVE_BYTES;
    struct transport *t = calloc(1, sizeof *t);
    if (t == NULL) {
        abort();
    }
    t->socket = zsock_new(type);
    assert(t->socket != NULL);
    t->handle = zsock_resolve(t->socket);
    t->listens = type == ZMQ_ROUTER;
    (void)zmq_msg_init(&t->frames[0]);
    (void)zmq_msg_init(&t->frames[1]);
    set_all(t, options_of_both, sizeof options_of_both / sizeof(struct option));
    /* A name is looked up as IPv4: libzmq takes the first address it gets, and
     * where IPv6 is there but leads nowhere never tries another. */
    int is_ipv6 = strchr(address, '[') != NULL;
    set(t, ZMQ_IPV6, &is_ipv6, sizeof is_ipv6);
    set(t, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    set(t, ZMQ_CURVE_PUBLICKEY, keys->curve_public, KEY_PUBLIC_BYTES);
    set(t, ZMQ_CURVE_SECRETKEY, keys->curve_secret, KEY_SECRET_BYTES);
    return t;
}

void transport_destroy(struct transport **t)
{
    struct transport *old = *t;
    *t = NULL;
    if (old == NULL) {
        return;
    }
    (void)zmq_msg_close(&old->frames[0]);
    (void)zmq_msg_close(&old->frames[1]);
    strangers_destroy(&old->strangers);
    if (old->monitor != NULL) {
        monitor_close(old->handle, &old->monitor);
    }
    zsock_destroy(&old->socket);
    free(old);
}

/* --- listening ----------------------------------------------------------- */

int transport_listen(const char *address, const struct transport_keys *keys,
                     struct transport **ret, struct err *e)
{
    /* All children in the first thread: the call to the parent then gets the
     * other (loop.c), where looking up its name may block for long. */
    static const uint64_t first_thread = 1;
    struct transport *t = transport_new(ZMQ_ROUTER, address, keys);
    set(t, ZMQ_AFFINITY, &first_thread, sizeof first_thread);
    set_all(t, options_of_listen,
            sizeof options_of_listen / sizeof(struct option));
    set(t, ZMQ_ZAP_DOMAIN, transport_domain, strlen(transport_domain));
    t->strangers = strangers_watch(t->handle);
    t->port = zsock_bind(t->socket, "%s", address);
    if (t->port < 0) {
        int rc = err_set(e, ERR_CONFIG, "cannot listen at %s: %s", address,
                         zmq_strerror(errno));
        transport_destroy(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

int transport_port(const struct transport *t)
{
    assert(t->listens);
    return t->port;
}

/* --- calling ------------------------------------------------------------- */

static const int events_of_call =
    ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
    ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

int transport_call(const char *address,
                   const uint8_t server_public[KEY_PUBLIC_BYTES],
                   const struct transport_keys *keys, struct transport **ret,
                   struct err *e)
{
    struct transport *t = transport_new(ZMQ_DEALER, address, keys);
    set_all(t, options_of_call, sizeof options_of_call / sizeof(struct option));
    set(t, ZMQ_CURVE_SERVERKEY, server_public, KEY_PUBLIC_BYTES);
    t->monitor = monitor_open(t->handle, events_of_call);
    if (zsock_connect(t->socket, "%s", address) != 0) {
        int rc = err_set(e, ERR_CONFIG, "cannot call %s: %s", address,
                         zmq_strerror(errno));
        transport_destroy(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

/* libzmq tries again by itself only while no TCP connection comes up, which
 * raises no event here, and after some handshakes; after others it gives up
 * without a word. So what was connected once is over. */
static void note_event(struct transport *t, int event)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        if (t->state == TRANSPORT_CALLING) {
            t->state = TRANSPORT_UP;
        }
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        t->says = "no handshake: it hangs, does not admit our key, or has "
                  "another key than we know";
        break;
    default:
        break;
    }
    if (t->says == NULL) {
        t->says = t->state == TRANSPORT_UP
                      ? "the connection ended"
                      : "what answers there is no sangam node";
    }
    t->state = TRANSPORT_LOST;
}

zsock_t *transport_monitor(struct transport *t)
{
    return t->listens ? strangers_monitor(t->strangers) : t->monitor;
}

void transport_knocks(struct transport *t, struct knocks *ret)
{
    assert(t->listens);
    strangers_take(t->strangers, ret);
}

void transport_refused(struct transport *t, const char *from)
{
    assert(t->listens);
    strangers_refused(t->strangers, from);
}

bool transport_left(struct transport *t, struct route *ret)
{
    assert(t->listens);
    return strangers_left(t->strangers, ret);
}

enum transport_state transport_state(struct transport *t, const char **ret_says)
{
    struct monitor_event event;
    assert(!t->listens);
    while (monitor_take(t->monitor, &event)) {
        note_event(t, event.number);
    }
    if (ret_says != NULL) {
        *ret_says = t->says;
    }
    return t->state;
}

zsock_t *transport_socket(struct transport *t)
{
    return t->socket;
}

/* --- receiving ----------------------------------------------------------- */

/* Takes one whole message off the socket; returns its frames, 0 when there is
 * no message. The first two are kept: of a message of more, which is dropped,
 * every further frame takes the place of the second. */
static size_t take_message(struct transport *t)
{
    size_t count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t *m = &t->frames[count == 0 ? 0 : 1];
        if (zmq_msg_recv(m, t->handle, ZMQ_DONTWAIT) < 0) {
            return 0;
        }
        more = zmq_msg_more(m) != 0;
        count++;
    }
    return count;
}

/* False if a peer chose the id itself. */
static bool take_route(zmq_msg_t *id, struct route *ret)
{
    const uint8_t *bytes = zmq_msg_data(id);
    if (zmq_msg_size(id) != ROUTE_BYTES || bytes[0] != 0) {
        return false;
    }
    memcpy(ret->bytes, bytes, ROUTE_BYTES);
    return true;
}

/* Whom auth.h let in. libzmq 4.3.4 may leave the property off the id frame
 * (fixed in 74529d97), so the payload is asked. */
static bool take_sender(struct transport *t, zmq_msg_t *payload,
                        struct inbound *ret)
{
    struct auth_user user;
    const char *text = zmq_msg_gets(payload, "User-Id");
    if (text == NULL || !auth_user_parse(text, &user)) {
        return false;
    }
    strangers_know(t->strangers, zmq_msg_get(payload, ZMQ_SRCFD), &ret->route);
    ret->sender = user.invite ? SENDER_INVITE : SENDER_PEER;
    memcpy(ret->curve, user.curve, sizeof ret->curve);
    return true;
}

static bool take_inbound(struct transport *t, size_t frames,
                         struct inbound *ret)
{
    zmq_msg_t *payload = &t->frames[t->listens ? 1 : 0];
    memset(ret, 0, sizeof *ret);
    if (frames != (t->listens ? 2 : 1)) {
        return false;
    }
    if (t->listens && (!take_route(&t->frames[0], &ret->route) ||
                       !take_sender(t, payload, ret))) {
        return false;
    }
    ret->frame.data = zmq_msg_data(payload);
    ret->frame.len = zmq_msg_size(payload);
    return true;
}

bool transport_receive(struct transport *t, struct inbound *ret)
{
    size_t frames;
    while ((frames = take_message(t)) > 0) {
        if (take_inbound(t, frames, ret)) {
            return true;
        }
        t->dropped++;
    }
    return false;
}

uint64_t transport_dropped(const struct transport *t)
{
    return t->dropped;
}

/* --- sending ------------------------------------------------------------- */

static int send_failed(struct err *e)
{
    switch (errno) {
    case EAGAIN:
        return err_set(e, ERR_BUSY, "the connection takes nothing more now");
    case EHOSTUNREACH:
        return err_set(e, ERR_UNKNOWN, "the connection is gone");
    default:
        return err_set(e, ERR_UNKNOWN, "cannot send: %s", zmq_strerror(errno));
    }
}

int transport_send(struct transport *t, const struct route *to,
                   struct slice frame, struct err *e)
{
    assert(t->listens == (to != NULL));
    if (frame.len > FRAME_BYTES_MAX) {
        return err_set(e, ERR_LIMIT, "a frame of %zu bytes, more than %d",
                       frame.len, FRAME_BYTES_MAX);
    }
    /* the id decides whether there is room; what follows it goes with it */
    if (to != NULL && zmq_send(t->handle, to->bytes, sizeof to->bytes,
                               ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return send_failed(e);
    }
    if (zmq_send(t->handle, frame.data, frame.len, ZMQ_DONTWAIT) < 0) {
        return send_failed(e);
    }
    return 0;
}
