/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Transport: one CURVE socket over TCP. A parent listens (ROUTER), a child
 * calls (DEALER). A frame is a message (protocol/message.h).
 *
 * Who sent a frame is what auth.h said of the key of its connection: the key,
 * never the routing id, which a peer could choose. A frame of no key, and a
 * message of more than one frame, are dropped. The routing id only says which
 * of the connections of a key it came by; the newest counts (route_follows()).
 *
 * libzmq gives up on a peer for good after some failures, and takes one up
 * again under the old socket after others; so a caller that lost its link
 * destroys its transport and makes a new one: one socket, one connection, one
 * session.
 */
#ifndef SANGAM_TRANSPORT_H
#define SANGAM_TRANSPORT_H

#include <czmq.h>

#include "node/route.h"
#include "node/strangers.h"
#include "protocol/keys.h"

/* The ZAP domain of every listening socket. */
extern const char transport_domain[];

struct transport;

struct transport_keys {
    const uint8_t *curve_public;
    const uint8_t *curve_secret;
};

/* ERR_CONFIG if the address cannot be bound. The ZAP handler (auth.h) must be
 * there already: without one libzmq lets everybody in, which ENFORCE_DOMAIN
 * forbids, so nobody would be let in. */
int transport_listen(const char *address, const struct transport_keys *keys,
                     struct transport **ret, struct err *e);
/* ERR_CONFIG if the address is none. Returns at once; transport_state() tells
 * what came of it. */
int transport_call(const char *address,
                   const uint8_t server_public[KEY_PUBLIC_BYTES],
                   const struct transport_keys *keys, struct transport **ret,
                   struct err *e);
void transport_destroy(struct transport **t);

/* To poll for input. */
zsock_t *transport_socket(struct transport *t);
/* To poll for input: what transport_knocks() and transport_state() read. */
zsock_t *transport_monitor(struct transport *t);

/* --- listening ------------------------------------------------------------- */

/* The port it has. */
int transport_port(const struct transport *t);
/* Adds who knocked since the last call and was not let in. */
void transport_knocks(struct transport *t, struct knocks *ret);
/* The door (auth.h) refused a key that calls from this address. */
void transport_refused(struct transport *t, const char *from);
/* The next connection that ended although its sender had been let in; false:
 * there is none now. Frames that came by it may be received still. */
bool transport_left(struct transport *t, struct route *ret);

/* --- a call's connection --------------------------------------------------- */

enum transport_state {
    TRANSPORT_CALLING, /* not yet; tried on until somebody answers */
    TRANSPORT_UP,      /* both sides know each other's key */
    TRANSPORT_LOST,    /* the connection ended, up or not: for good */
};

/* Takes what the monitor has. With TRANSPORT_LOST `*ret_says` (may be NULL)
 * says why; static. NULL otherwise. */
enum transport_state transport_state(struct transport *t,
                                     const char **ret_says);

/* --- frames ---------------------------------------------------------------- */

enum transport_sender {
    SENDER_PARENT, /* of a call: who else */
    SENDER_PEER,   /* `curve` is the key of an enrolled node */
    SENDER_INVITE, /* `curve` is the one-time key of an invite */
};

struct inbound {
    enum transport_sender sender;
    uint8_t curve[KEY_PUBLIC_BYTES]; /* not of SENDER_PARENT */
    struct route route;              /* not of SENDER_PARENT */
    struct slice frame; /* empty: a connection came up. Valid until the next
                           transport_receive() */
};

/* True and a frame, or false when none is there now. What must be dropped is
 * dropped, and counted. */
bool transport_receive(struct transport *t, struct inbound *ret);
uint64_t transport_dropped(const struct transport *t);

/* `to` is NULL in a call. ERR_BUSY: no room now, try later. ERR_UNKNOWN: that
 * connection is gone. ERR_LIMIT: larger than a frame may be. */
int transport_send(struct transport *t, const struct route *to,
                   struct slice frame, struct err *e);

#endif
