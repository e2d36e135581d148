/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hub.h"

#include "node/clock.h"

#include <assert.h>
#include <string.h>

enum { PATIENCE_MS = 5000, POLL_MS = 5 };

void hub_start(struct hub *h, enum hub_door door)
{
    struct err e = {0};
    memset(h, 0, sizeof *h);
    zsys_handler_set(NULL);
    keys_generate(&h->keys);
    if (door == HUB_WITH_DOOR) {
        h->auth = auth_new();
    }
    struct transport_keys keys = {h->keys.curve_public, h->keys.curve_secret};
    int rc = transport_listen("tcp://127.0.0.1:*", &keys, &h->server, &e);
    assert(rc == 0);
    (void)snprintf(h->address, sizeof h->address, "tcp://127.0.0.1:%d",
                   transport_port(h->server));
}

void hub_forget_heard(struct hub *h)
{
    for (size_t i = 0; i < h->heard_count; i++) {
        bytes_free(&h->heard[i].frame);
    }
    h->heard_count = 0;
}

void hub_stop(struct hub *h)
{
    assert(h->call_count == 0);
    hub_forget_heard(h);
    transport_destroy(&h->server);
    auth_destroy(&h->auth);
}

void hub_admit(struct hub *h, const struct keys *keys)
{
    assert(h->admitted_count < HUB_KEYS_MAX);
    memcpy(h->admitted[h->admitted_count++], keys->curve_public,
           KEY_PUBLIC_BYTES);
}

/* --- calls --------------------------------------------------------------- */

static void add_call(struct hub *h, void *socket)
{
    assert(h->call_count < HUB_CALLS_MAX);
    h->calls[h->call_count++] = socket;
}

static void remove_call(struct hub *h, const void *socket)
{
    size_t i = 0;
    while (i < h->call_count && h->calls[i] != socket) {
        i++;
    }
    assert(i < h->call_count);
    h->calls[i] = h->calls[--h->call_count];
}

struct transport *hub_call(struct hub *h, const struct keys *keys)
{
    struct transport *t = NULL;
    struct err e = {0};
    struct transport_keys own = {keys->curve_public, keys->curve_secret};
    int rc = transport_call(h->address, h->keys.curve_public, &own, &t, &e);
    assert(rc == 0);
    add_call(h, zsock_resolve(transport_socket(t)));
    return t;
}

void hub_hang_up(struct hub *h, struct transport **t)
{
    remove_call(h, zsock_resolve(transport_socket(*t)));
    transport_destroy(t);
}

zsock_t *hub_raw(struct hub *h, const struct keys *keys)
{
    zsock_t *raw = zsock_new(ZMQ_DEALER);
    assert(raw != NULL);
    zsock_set_linger(raw, 0);
    zsock_set_curve_serverkey_bin(raw, h->keys.curve_public);
    zsock_set_curve_publickey_bin(raw, keys->curve_public);
    zsock_set_curve_secretkey_bin(raw, keys->curve_secret);
    add_call(h, zsock_resolve(raw));
    return raw;
}

void hub_raw_connect(struct hub *h, zsock_t *raw)
{
    int rc = zsock_connect(raw, "%s", h->address);
    assert(rc == 0);
}

void hub_raw_close(struct hub *h, zsock_t **raw)
{
    remove_call(h, zsock_resolve(*raw));
    zsock_destroy(raw);
}

/* --- pumping ------------------------------------------------------------- */

static bool is_admitted(const struct hub *h, const struct auth_user *user)
{
    bool found = user->invite;
    for (size_t i = 0; i < h->admitted_count; i++) {
        found |= memcmp(h->admitted[i], user->curve, KEY_PUBLIC_BYTES) == 0;
    }
    return found;
}

static void judge(struct hub *h)
{
    struct auth_user user;
    while (h->auth != NULL && auth_next(h->auth, &user)) {
        if (is_admitted(h, &user)) {
            auth_admit(h->auth, &user);
        } else {
            auth_refuse(h->auth);
            transport_refused(h->server, user.address);
            h->refused++;
        }
    }
}

static void hear(struct hub *h)
{
    struct inbound in;
    while (transport_receive(h->server, &in)) {
        assert(h->heard_count < HUB_HEARD_MAX);
        struct heard *heard = &h->heard[h->heard_count++];
        memset(heard, 0, sizeof *heard);
        heard->sender = in.sender;
        memcpy(heard->curve, in.curve, sizeof heard->curve);
        heard->route = in.route;
        bytes_put(&heard->frame, in.frame.data, in.frame.len);
    }
}

static void pump_once(struct hub *h)
{
    zmq_pollitem_t items[2 + HUB_CALLS_MAX] = {
        {zsock_resolve(transport_socket(h->server)), 0, ZMQ_POLLIN, 0},
        {NULL, -1, ZMQ_POLLIN, 0},
    };
    if (h->auth != NULL) {
        items[1].socket = zsock_resolve(auth_socket(h->auth));
    }
    for (size_t i = 0; i < h->call_count; i++) {
        items[2 + i] = (zmq_pollitem_t){h->calls[i], 0, ZMQ_POLLIN, 0};
    }
    (void)zmq_poll(items, (int)(2 + h->call_count), POLL_MS);
    judge(h);
    hear(h);
}

void hub_pump(struct hub *h, int ms)
{
    int64_t end_ms = clock_mono_ms() + ms;
    while (clock_mono_ms() < end_ms) {
        pump_once(h);
    }
}

bool hub_hears(struct hub *h, size_t count)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (h->heard_count < count && clock_mono_ms() < end_ms) {
        pump_once(h);
    }
    return h->heard_count >= count;
}

bool hub_is_up(struct hub *h, struct transport *t)
{
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    while (transport_state(t, NULL) == TRANSPORT_CALLING &&
           clock_mono_ms() < end_ms) {
        pump_once(h);
    }
    return transport_state(t, NULL) == TRANSPORT_UP;
}

/* --- both ways ----------------------------------------------------------- */

static struct slice slice_of_text(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .len = strlen(text)};
}

/* The last frame heard is this one, from these keys. */
static bool heard_last(const struct hub *h, const struct keys *keys,
                       struct slice frame)
{
    const struct heard *last = &h->heard[h->heard_count - 1];
    return h->heard_count > 0 && slice_equal(slice_of(&last->frame), frame) &&
           memcmp(last->curve, keys->curve_public, KEY_PUBLIC_BYTES) == 0;
}

bool hub_serves(struct hub *h, struct transport *t, const struct keys *keys)
{
    struct slice question = slice_of_text("is anybody there?");
    struct slice answer = slice_of_text("yes");
    struct inbound in = {0};
    int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    hub_forget_heard(h);
    if (!hub_is_up(h, t) || transport_send(t, NULL, question, NULL) != 0) {
        return false;
    }
    while ((h->heard_count == 0 || !heard_last(h, keys, question)) &&
           clock_mono_ms() < end_ms) {
        pump_once(h);
    }
    if (h->heard_count == 0 || !heard_last(h, keys, question) ||
        transport_send(h->server, &h->heard[h->heard_count - 1].route, answer,
                       NULL) != 0) {
        return false;
    }
    while (in.frame.len == 0 && clock_mono_ms() < end_ms) {
        pump_once(h);
        (void)transport_receive(t, &in);
    }
    return slice_equal(in.frame, answer);
}
