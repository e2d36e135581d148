/* SPDX-License-Identifier: Apache-2.0 */
#include "node/enrolment.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"

enum {
    ASK_TRIES = 3,
    ASK_MS = 20 * 1000, /* a handshake and a signature, over a satellite */
    POLL_MS = 100,
};

/* --- parent -------------------------------------------------------------- */

static void say_error(const struct err *cause, struct message *ret)
{
    *ret = (struct message){.kind = MESSAGE_ERROR};
    ret->as.error.code = cause->code;
    message_sentence(cause->text, ret->as.error.sentence);
}

/* A grant, or the error that says why not. */
static int answer_to(struct replica *r, const struct inbound *in,
                     struct message *ret, struct err *e)
{
    struct message asked;
    int rc = message_decode(in->frame, &asked, e);
    if (rc != 0) {
        return rc;
    }
    if (asked.kind != MESSAGE_ENROL) {
        rc = err_set(e, ERR_STATE, "an invite's key is for enrolment only");
    } else if (memcmp(asked.as.enrol.invite_curve, in->curve,
                      sizeof in->curve) != 0) {
        rc = err_set(e, ERR_FORBIDDEN,
                     "the request names another invite than the link's key");
    } else {
        rc = replica_enrol(r, &asked.as.enrol, clock_wall_ms(), ret, e);
    }
    message_clear(&asked);
    return rc;
}

int enrolment_answer(struct replica *r, const struct inbound *in,
                     struct bytes *ret_frame, struct err *e)
{
    struct message reply = {.kind = MESSAGE_ERROR};
    int rc = answer_to(r, in, &reply, e);
    if (rc != 0 && fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (rc != 0) {
        log_warning("enrolment", "%s -> not enrolled", e->text);
        say_error(e, &reply);
    } else {
        log_info("enrolment", "certificate %016llx granted -> new child",
                 (unsigned long long)reply.as.grant.certificate);
    }
    message_encode(&reply, ret_frame);
    message_clear(&reply);
    return 0;
}

/* --- new node ------------------------------------------------------------ */

static void encode_request(const struct invite *invite, const struct keys *keys,
                           struct bytes *out)
{
    struct message m = {.kind = MESSAGE_ENROL};
    m.as.enrol.network = invite->network;
    memcpy(m.as.enrol.invite_curve, invite->curve_public,
           sizeof m.as.enrol.invite_curve);
    enrol_request_sign(&m.as.enrol, keys);
    message_encode(&m, out);
}

static void wait_for(struct transport *t)
{
    zmq_pollitem_t items[] = {
        {zsock_resolve(transport_socket(t)), 0, ZMQ_POLLIN, 0},
        {zsock_resolve(transport_monitor(t)), 0, ZMQ_POLLIN, 0},
    };
    (void)zmq_poll(items, sizeof items / sizeof items[0], POLL_MS);
}

static int wait_until_up(struct transport *t, int64_t end_ms, struct err *e)
{
    const char *says = NULL;
    enum transport_state state = TRANSPORT_CALLING;
    while (state == TRANSPORT_CALLING && clock_mono_ms() < end_ms) {
        wait_for(t);
        state = transport_state(t, &says);
    }
    if (state == TRANSPORT_UP) {
        return 0;
    }
    return err_set(e, ERR_TIMEOUT, "%s",
                   says != NULL ? says : "nobody answers there");
}

/* ERR_TIMEOUT and ERR_BUSY are worth another try. */
static int read_answer(struct slice frame, struct message *ret, struct err *e)
{
    int rc = message_decode(frame, ret, e);
    if (rc != 0) {
        return err_wrap(e, "the parent's answer");
    }
    if (ret->kind == MESSAGE_GRANT) {
        return 0;
    }
    if (ret->kind == MESSAGE_ERROR) {
        rc = err_set(e, ret->as.error.code, "the parent says: %s",
                     ret->as.error.sentence);
    } else {
        rc = err_set(e, ERR_STATE, "the parent answers with a %s",
                     message_word(ret->kind));
    }
    message_clear(ret);
    return rc != 0 ? rc : ERR_STATE; /* a code of 0 is no grant either */
}

static int wait_for_answer(struct transport *t, int64_t end_ms,
                           struct message *ret, struct err *e)
{
    struct inbound in;
    while (clock_mono_ms() < end_ms) {
        wait_for(t);
        if (transport_receive(t, &in)) {
            return read_answer(in.frame, ret, e);
        }
        if (transport_state(t, NULL) == TRANSPORT_LOST) {
            return err_set(e, ERR_TIMEOUT,
                           "the connection ended before the answer came");
        }
    }
    return err_set(e, ERR_TIMEOUT, "the parent did not answer");
}

static int ask_once(const struct invite *invite, struct slice request,
                    struct message *ret, struct err *e)
{
    struct transport *t = NULL;
    struct transport_keys one_time = {invite->curve_public,
                                      invite->curve_secret};
    int64_t end_ms = clock_mono_ms() + ASK_MS;
    int rc = transport_call(invite->parent_address, invite->parent_curve,
                            &one_time, &t, e);
    if (rc == 0) {
        rc = wait_until_up(t, end_ms, e);
    }
    if (rc == 0) {
        rc = transport_send(t, NULL, request, e);
    }
    if (rc == 0) {
        rc = wait_for_answer(t, end_ms, ret, e);
    }
    transport_destroy(&t);
    return rc;
}

int enrolment_ask(const struct invite *invite, const struct keys *keys,
                  struct message *ret_grant, struct err *e)
{
    struct bytes request = {0};
    int rc = ERR_TIMEOUT;
    encode_request(invite, keys, &request);
    for (int i = 0; i < ASK_TRIES && (rc == ERR_TIMEOUT || rc == ERR_BUSY);
         i++) {
        rc = ask_once(invite, slice_of(&request), ret_grant, e);
    }
    bytes_free(&request);
    return rc == 0 ? 0 : err_wrap(e, "parent at %s", invite->parent_address);
}
