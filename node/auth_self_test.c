/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The self-test of auth: libzmq lets everybody in where its options are not
 * all as they must be, and says nothing. So the node tries it at every start.
 */
#include "node/auth.h"

#include "node/clock.h"
#include "node/transport.h"

#include <sodium.h>

enum {
    TRIAL_MS_MAX = 5000,
    /* After its refusal a stranger has so long to be heard nevertheless. */
    REFUSED_MS = 100,
    POLL_MS = 10,
};

struct trial {
    struct auth *auth;
    struct transport *server;
    struct transport *known_call;
    struct transport *stranger_call;
    struct keys known;
    struct keys stranger;
    bool known_heard;
    bool stranger_heard;
    int64_t refused_ms; /* 0: not asked about yet */
};

static int call(const char *address, const struct keys *server,
                const struct keys *own, struct transport **ret, struct err *e)
{
    struct transport_keys keys = {own->curve_public, own->curve_secret};
    return transport_call(address, server->curve_public, &keys, ret, e);
}

static int start(struct trial *t, struct err *e)
{
    struct keys server;
    char address[64];
    keys_generate(&server);
    keys_generate(&t->known);
    keys_generate(&t->stranger);
    struct transport_keys keys = {server.curve_public, server.curve_secret};
    int rc = transport_listen("tcp://127.0.0.1:*", &keys, &t->server, e);
    if (rc == 0) {
        (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%d",
                       transport_port(t->server));
        rc = call(address, &server, &t->known, &t->known_call, e);
    }
    if (rc == 0) {
        rc = call(address, &server, &t->stranger, &t->stranger_call, e);
    }
    keys_wipe(&server);
    return rc;
}

static void judge(struct trial *t)
{
    struct auth_user user;
    while (auth_next(t->auth, &user)) {
        if (!user.invite &&
            memcmp(user.curve, t->known.curve_public, sizeof user.curve) == 0) {
            auth_admit(t->auth, &user);
        } else {
            auth_refuse(t->auth);
            t->refused_ms = clock_mono_ms();
        }
    }
}

/* A connection that comes up sends an empty frame. */
static void hear(struct trial *t)
{
    struct inbound in;
    while (transport_receive(t->server, &in)) {
        bool known =
            in.sender == SENDER_PEER &&
            memcmp(in.curve, t->known.curve_public, sizeof in.curve) == 0;
        t->known_heard |= known;
        t->stranger_heard |= !known;
    }
}

static void pump(struct trial *t)
{
    zmq_pollitem_t items[] = {
        {zsock_resolve(auth_socket(t->auth)), 0, ZMQ_POLLIN, 0},
        {zsock_resolve(transport_socket(t->server)), 0, ZMQ_POLLIN, 0},
        {zsock_resolve(transport_socket(t->known_call)), 0, ZMQ_POLLIN, 0},
        {zsock_resolve(transport_socket(t->stranger_call)), 0, ZMQ_POLLIN, 0},
    };
    (void)zmq_poll(items, sizeof items / sizeof items[0], POLL_MS);
    judge(t);
    hear(t);
}

static int run(struct trial *t, struct err *e)
{
    int64_t end_ms = clock_mono_ms() + TRIAL_MS_MAX;
    int64_t now_ms = 0;
    while ((now_ms = clock_mono_ms()) < end_ms) {
        pump(t);
        /* frames of no key are dropped, and nobody else sends any */
        if (t->stranger_heard || transport_dropped(t->server) > 0) {
            return err_set(e, ERR_STATE,
                           "a connection with an unknown key was let in; this "
                           "libzmq does not keep strangers out");
        }
        if (t->known_heard && t->refused_ms != 0 &&
            now_ms - t->refused_ms >= REFUSED_MS) {
            return 0;
        }
    }
    return err_set(e, ERR_STATE,
                   t->known_heard ? "nobody asked whether an unknown key may "
                                    "connect"
                                  : "a connection with an admitted key was "
                                    "not let in");
}

int auth_self_test(struct auth *a, struct err *e)
{
    struct trial t = {.auth = a};
    int rc = start(&t, e);
    if (rc == 0) {
        rc = run(&t, e);
    }
    transport_destroy(&t.known_call);
    transport_destroy(&t.stranger_call);
    transport_destroy(&t.server);
    keys_wipe(&t.known);
    keys_wipe(&t.stranger);
    return rc == 0 ? 0 : err_wrap(e, "self-test of the access control");
}
