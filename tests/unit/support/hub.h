/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hub: a listening transport with its door, and the connections of a test to
 * it, all in this process. The keys the hub lets in are those the test named.
 */
#ifndef SANGAM_TESTS_HUB_H
#define SANGAM_TESTS_HUB_H

#include "node/auth.h"
#include "node/transport.h"

enum { HUB_KEYS_MAX = 8, HUB_HEARD_MAX = 64, HUB_CALLS_MAX = 8 };

struct heard {
    enum transport_sender sender;
    uint8_t curve[KEY_PUBLIC_BYTES];
    struct route route;
    struct bytes frame;
};

struct hub {
    struct keys keys;
    struct auth *auth; /* NULL: the test took the door away */
    struct transport *server;
    char address[64];
    uint8_t admitted[HUB_KEYS_MAX][KEY_PUBLIC_BYTES];
    size_t admitted_count;
    unsigned refused;
    struct heard heard[HUB_HEARD_MAX];
    size_t heard_count;
    /* serviced while the hub is: borrowed */
    void *calls[HUB_CALLS_MAX];
    size_t call_count;
};

enum hub_door { HUB_WITH_DOOR, HUB_WITHOUT_DOOR };

void hub_start(struct hub *h, enum hub_door door);
void hub_stop(struct hub *h);
void hub_admit(struct hub *h, const struct keys *keys);

/* A call with these keys; hub_stop() or hub_hang_up() ends it. */
struct transport *hub_call(struct hub *h, const struct keys *keys);
void hub_hang_up(struct hub *h, struct transport **t);
/* A raw libzmq DEALER with these keys, before it connects, for what a
 * transport would not do. */
zsock_t *hub_raw(struct hub *h, const struct keys *keys);
void hub_raw_connect(struct hub *h, zsock_t *raw);
void hub_raw_close(struct hub *h, zsock_t **raw);

/* Judges and hears for so long. */
void hub_pump(struct hub *h, int ms);
/* The same until `count` frames were heard; false after five seconds. */
bool hub_hears(struct hub *h, size_t count);
/* The same until the call is up; false after five seconds. */
bool hub_is_up(struct hub *h, struct transport *t);
void hub_forget_heard(struct hub *h);

/* Both ways works: the call's frame is heard as its key's, and answered. */
bool hub_serves(struct hub *h, struct transport *t, const struct keys *keys);

#endif
