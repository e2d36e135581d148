/* SPDX-License-Identifier: Apache-2.0 */
#include "node/auth.h"

#include "node/transport.h"

#include <assert.h>
#include <sodium.h>

static const char zap_endpoint[] = "inproc://zeromq.zap.01"; /* RFC 27 */
static const char invite_prefix[] = "invite:";

enum {
    PREFIX_BYTES = sizeof invite_prefix - 1,
    HEX_BYTES = 2 * KEY_PUBLIC_BYTES,
    USER_ID_BYTES = PREFIX_BYTES + HEX_BYTES + 1,
    /* The id by which libzmq finds its request again; ours are "1". */
    REQUEST_ID_BYTES_MAX = 64,
};

struct auth {
    zsock_t *socket; /* REP */
    uint8_t (*invites)[KEY_PUBLIC_BYTES];
    size_t invite_count;
    bool asked; /* a request waits for its answer */
    uint8_t request_id[REQUEST_ID_BYTES_MAX];
    size_t request_id_len;
};

/* --- life ---------------------------------------------------------------- */

struct auth *auth_new(void)
{
    struct auth *a = calloc(1, sizeof *a);
    if (a == NULL) {
        abort();
    }
    a->socket = zsock_new(ZMQ_REP);
    assert(a->socket != NULL);
    zsock_set_linger(a->socket, 0);
    int rc = zsock_bind(a->socket, "%s", zap_endpoint);
    assert(rc == 0);
    return a;
}

void auth_destroy(struct auth **a)
{
    struct auth *old = *a;
    *a = NULL;
    if (old == NULL) {
        return;
    }
    /* frees the name at once; closing does so some time later */
    (void)zsock_unbind(old->socket, "%s", zap_endpoint);
    zsock_destroy(&old->socket);
    free(old->invites);
    free(old);
}

zsock_t *auth_socket(struct auth *a)
{
    return a->socket;
}

/* --- users --------------------------------------------------------------- */

void auth_set_invites(struct auth *a, const uint8_t (*keys)[KEY_PUBLIC_BYTES],
                      size_t count)
{
    free(a->invites);
    a->invites = calloc(count + 1, sizeof *a->invites);
    if (a->invites == NULL) {
        abort();
    }
    if (count > 0) {
        memcpy(a->invites, keys, count * sizeof *a->invites);
    }
    a->invite_count = count;
}

/* Compares with every key, so that the time tells nothing. */
static bool is_invite(const struct auth *a,
                      const uint8_t curve[KEY_PUBLIC_BYTES])
{
    bool found = false;
    for (size_t i = 0; i < a->invite_count; i++) {
        found |= crypto_verify_32(a->invites[i], curve) == 0;
    }
    return found;
}

static void user_print(const struct auth_user *user, char out[USER_ID_BYTES])
{
    size_t at = 0;
    if (user->invite) {
        memcpy(out, invite_prefix, PREFIX_BYTES);
        at = PREFIX_BYTES;
    }
    sodium_bin2hex(out + at, HEX_BYTES + 1, user->curve, KEY_PUBLIC_BYTES);
}

bool auth_user_parse(const char *text, struct auth_user *ret)
{
    size_t len = 0;
    ret->invite = strncmp(text, invite_prefix, PREFIX_BYTES) == 0;
    if (ret->invite) {
        text += PREFIX_BYTES;
    }
    return strlen(text) == HEX_BYTES &&
           sodium_hex2bin(ret->curve, sizeof ret->curve, text, HEX_BYTES, NULL,
                          &len, NULL) == 0 &&
           len == sizeof ret->curve;
}

/* --- requests ------------------------------------------------------------ */

/* The frames of a request (RFC 27). CURVE adds one credential, the key. */
enum request_frame {
    REQUEST_VERSION,
    REQUEST_ID,
    REQUEST_DOMAIN,
    REQUEST_ADDRESS,
    REQUEST_IDENTITY,
    REQUEST_MECHANISM,
    REQUEST_KEY,
    REQUEST_FRAMES,
};

/* Takes one whole message off the socket; returns its frames, 0 when there is
 * none. What is beyond a request is received and forgotten. */
static size_t take_request(struct auth *a, zmq_msg_t frames[REQUEST_FRAMES])
{
    size_t count = 0;
    bool more = true;
    while (more) {
        size_t at = count < REQUEST_FRAMES ? count : REQUEST_FRAMES - 1;
        if (zmq_msg_recv(&frames[at], zsock_resolve(a->socket), ZMQ_DONTWAIT) <
            0) {
            return 0;
        }
        more = zmq_msg_more(&frames[at]) != 0;
        count++;
    }
    return count;
}

static bool frame_is(zmq_msg_t *frame, const char *text)
{
    size_t len = strlen(text);
    return zmq_msg_size(frame) == len &&
           memcmp(zmq_msg_data(frame), text, len) == 0;
}

/* Keeps the id for the answer; an id that is too long stays empty. */
static void keep_request_id(struct auth *a, zmq_msg_t *frame)
{
    a->request_id_len = 0;
    if (zmq_msg_size(frame) <= sizeof a->request_id) {
        a->request_id_len = zmq_msg_size(frame);
        memcpy(a->request_id, zmq_msg_data(frame), a->request_id_len);
    }
}

/* One that is too long for an address stays empty. */
static void read_address(zmq_msg_t *frame, char ret[AUTH_ADDRESS_BYTES])
{
    size_t len = zmq_msg_size(frame);
    ret[0] = '\0';
    if (len < AUTH_ADDRESS_BYTES) {
        memcpy(ret, zmq_msg_data(frame), len);
        ret[len] = '\0';
    }
}

static bool is_request(zmq_msg_t frames[REQUEST_FRAMES], size_t count)
{
    return count == REQUEST_FRAMES &&
           frame_is(&frames[REQUEST_VERSION], "1.0") &&
           frame_is(&frames[REQUEST_DOMAIN], transport_domain) &&
           frame_is(&frames[REQUEST_MECHANISM], "CURVE") &&
           zmq_msg_size(&frames[REQUEST_KEY]) == KEY_PUBLIC_BYTES &&
           zmq_msg_size(&frames[REQUEST_ID]) <= REQUEST_ID_BYTES_MAX;
}

static void send_frame(struct auth *a, const void *data, size_t len, int flags)
{
    /* A client that went away meanwhile is no error of ours. */
    (void)zmq_send(zsock_resolve(a->socket), data, len, flags | ZMQ_DONTWAIT);
}

static void answer(struct auth *a, const char *status, const char *text,
                   const char *user_id)
{
    send_frame(a, "1.0", 3, ZMQ_SNDMORE);
    send_frame(a, a->request_id, a->request_id_len, ZMQ_SNDMORE);
    send_frame(a, status, strlen(status), ZMQ_SNDMORE);
    send_frame(a, text, strlen(text), ZMQ_SNDMORE);
    send_frame(a, user_id, strlen(user_id), ZMQ_SNDMORE);
    send_frame(a, "", 0, 0); /* no metadata */
    a->asked = false;
}

void auth_admit(struct auth *a, const struct auth_user *user)
{
    char user_id[USER_ID_BYTES];
    assert(a->asked);
    user_print(user, user_id);
    answer(a, "200", "welcome", user_id);
}

void auth_refuse(struct auth *a)
{
    assert(a->asked);
    answer(a, "300", "not admitted", "");
}

/* One request: true if it waits for an answer; *ret_any: there was one. */
static bool next_request(struct auth *a, struct auth_user *ret, bool *ret_any)
{
    zmq_msg_t frames[REQUEST_FRAMES];
    for (size_t i = 0; i < REQUEST_FRAMES; i++) {
        (void)zmq_msg_init(&frames[i]);
    }
    size_t count = take_request(a, frames);
    bool good = is_request(frames, count);
    *ret_any = count > 0;
    if (count > 0) {
        keep_request_id(a, &frames[REQUEST_ID]);
        a->asked = true;
    }
    if (good) {
        memcpy(ret->curve, zmq_msg_data(&frames[REQUEST_KEY]),
               sizeof ret->curve);
        ret->invite = is_invite(a, ret->curve);
        read_address(&frames[REQUEST_ADDRESS], ret->address);
    } else if (count > 0) {
        auth_refuse(a);
    }
    for (size_t i = 0; i < REQUEST_FRAMES; i++) {
        (void)zmq_msg_close(&frames[i]);
    }
    return good;
}

bool auth_next(struct auth *a, struct auth_user *ret)
{
    bool any = true;
    assert(!a->asked);
    while (any) {
        if (next_request(a, ret, &any)) {
            return true;
        }
    }
    return false;
}
