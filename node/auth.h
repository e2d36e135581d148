/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Auth: decides whose CURVE key may connect, as the one ZAP handler of the
 * process (rfc.zeromq.org/spec/27), inside the one loop.
 *
 * It answers 200 or 300 only: after 400 or 500 a libzmq client never comes
 * back by itself, and a node that is enrolled a minute later must. Whatever is
 * not exactly a request of ours (version, domain, mechanism, length of the
 * key) gets 300. Nobody is let in while nobody answers.
 *
 * It knows the keys of invites; whether a key belongs to a neighbour is
 * for the caller to say (replica_peer_of_curve()):
 *
 *     while (auth_next(a, &user)) {
 *         if (user.invite || caller knows user.curve)
 *             auth_admit(a, &user);
 *         else
 *             auth_refuse(a);
 *     }
 *
 * What it admits, every frame of that connection says: the User-Id is the key
 * in hexadecimal, with "invite:" before it if the key is an invite's and good
 * for enrolment only.
 */
#ifndef SANGAM_AUTH_H
#define SANGAM_AUTH_H

#include <czmq.h>

#include "protocol/keys.h"

struct auth;

/* Before any socket listens. Asserts that there is no other handler. */
struct auth *auth_new(void);
void auth_destroy(struct auth **a);

/* To poll for input. */
zsock_t *auth_socket(struct auth *a);

/* The one-time keys that may ask now, instead of those before. That an invite
 * is expired or used is for the answer to its request to say. */
void auth_set_invites(struct auth *a, const uint8_t (*keys)[KEY_PUBLIC_BYTES],
                      size_t count);

enum { AUTH_ADDRESS_BYTES = 64 };
struct auth_user {
    bool invite;
    uint8_t curve[KEY_PUBLIC_BYTES];
    char address[AUTH_ADDRESS_BYTES]; /* of a request: who asks */
};

/* Takes the next request. True: answer it before the next, with one of the two
 * below. False: there is none now. Malformed ones are refused inside. */
bool auth_next(struct auth *a, struct auth_user *ret);
void auth_admit(struct auth *a, const struct auth_user *user);
void auth_refuse(struct auth *a);

/* Reads a User-Id; false if it is none of ours. */
bool auth_user_parse(const char *text, struct auth_user *ret);

/* Listens on the loopback as the node does, and requires that a key drawn for
 * the purpose is refused and another admitted. ERR_STATE if not: the node must
 * not run then. Takes a fraction of a second. */
int auth_self_test(struct auth *a, struct err *e);

#endif
