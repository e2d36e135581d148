/* SPDX-License-Identifier: Apache-2.0 */
#include "node/auth.h"

#include "support/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void an_unknown_key_is_refused(void **state)
{
    (void)state;
    struct hub h;
    struct keys stranger;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&stranger);
    struct transport *t = hub_call(&h, &stranger);
    hub_pump(&h, 500);
    assert_true(h.refused >= 1);
    assert_int_equal(h.heard_count, 0);
    assert_int_equal(transport_dropped(h.server), 0);
    assert_int_not_equal(transport_state(t, NULL), TRANSPORT_UP);
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

static void a_refused_key_may_call_again_once_it_is_admitted(void **state)
{
    (void)state;
    struct hub h;
    struct keys late;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&late);
    struct transport *t = hub_call(&h, &late);
    hub_pump(&h, 200);
    assert_true(h.refused >= 1);
    hub_hang_up(&h, &t);
    hub_admit(&h, &late);
    t = hub_call(&h, &late);
    assert_true(hub_serves(&h, t, &late));
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

/* libzmq never comes back after 400; after 300 it does, once the handshake has
 * timed out (ten seconds): a node of another make is not locked out either. */
static void a_refusal_does_not_make_libzmq_give_up(void **state)
{
    (void)state;
    struct hub h;
    struct keys late;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&late);
    zsock_t *raw = hub_raw(&h, &late);
    hub_raw_connect(&h, raw);
    zstr_send(raw, "at last");
    hub_pump(&h, 200);
    assert_true(h.refused >= 1);
    hub_admit(&h, &late);
    for (int i = 0; i < 30 && h.heard_count == 0; i++) {
        hub_pump(&h, 1000);
    }
    assert_int_equal(h.heard_count, 1);
    hub_raw_close(&h, &raw);
    hub_stop(&h);
}

static void without_a_door_nobody_comes_in(void **state)
{
    (void)state;
    struct hub h;
    struct keys k;
    hub_start(&h, HUB_WITHOUT_DOOR);
    keys_generate(&k);
    struct transport *t = hub_call(&h, &k);
    hub_pump(&h, 500);
    assert_int_equal(h.heard_count, 0);
    assert_int_equal(transport_dropped(h.server), 0);
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

static void an_invites_key_is_marked_as_one(void **state)
{
    (void)state;
    struct hub h;
    struct keys invited;
    uint8_t invites[2][KEY_PUBLIC_BYTES] = {{1}};
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&invited);
    memcpy(invites[1], invited.curve_public, KEY_PUBLIC_BYTES);
    auth_set_invites(h.auth, (const uint8_t(*)[KEY_PUBLIC_BYTES])invites, 2);
    struct transport *t = hub_call(&h, &invited);
    assert_true(hub_serves(&h, t, &invited));
    for (size_t i = 0; i < h.heard_count; i++) {
        assert_int_equal(h.heard[i].sender, SENDER_INVITE);
    }
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

static void an_invite_that_is_withdrawn_lets_nobody_in(void **state)
{
    (void)state;
    struct hub h;
    struct keys invited;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&invited);
    auth_set_invites(
        h.auth, (const uint8_t(*)[KEY_PUBLIC_BYTES])invited.curve_public, 1);
    auth_set_invites(h.auth, NULL, 0);
    struct transport *t = hub_call(&h, &invited);
    hub_pump(&h, 300);
    assert_true(h.refused >= 1);
    assert_int_equal(h.heard_count, 0);
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

/* --- malformed requests -------------------------------------------------- */

static const char key32[] = "0123456789abcdef0123456789abcdef";

struct request {
    const char *what;
    const char *frames[10]; /* NULL ends */
};

static const struct request malformed[] = {
    {"nothing but a version", {"1.0"}},
    {"an empty frame", {""}},
    {"another version", {"1.1", "1", "sangam", "::1", "", "CURVE", key32}},
    {"another domain", {"1.0", "1", "other", "::1", "", "CURVE", key32}},
    {"no domain", {"1.0", "1", "", "::1", "", "CURVE", key32}},
    {"no mechanism at all", {"1.0", "1", "sangam", "::1", "", "NULL"}},
    {"NULL with a key", {"1.0", "1", "sangam", "::1", "", "NULL", key32}},
    {"a password", {"1.0", "1", "sangam", "::1", "", "PLAIN", "u", "p"}},
    {"a short key", {"1.0", "1", "sangam", "::1", "", "CURVE", key32 + 1}},
    {"an empty key", {"1.0", "1", "sangam", "::1", "", "CURVE", ""}},
    {"no key", {"1.0", "1", "sangam", "::1", "", "CURVE"}},
    {"two keys", {"1.0", "1", "sangam", "::1", "", "CURVE", key32, key32}},
    {"an id that is too long",
     {"1.0",
      "12345678901234567890123456789012345678901234567890123456789012345",
      "sangam", "::1", "", "CURVE", key32}},
};

static void send_request(zsock_t *asker, const struct request *request)
{
    for (size_t i = 0; request->frames[i] != NULL; i++) {
        int more = request->frames[i + 1] != NULL ? ZMQ_SNDMORE : 0;
        assert_true(zmq_send(zsock_resolve(asker), request->frames[i],
                             strlen(request->frames[i]), more) >= 0);
    }
}

/* The status of the answer; it has six frames, whatever was asked. */
static void receive_status(zsock_t *asker, char out[4])
{
    char *frames[6] = {0};
    int rc = zstr_recvx(asker, &frames[0], &frames[1], &frames[2], &frames[3],
                        &frames[4], &frames[5], NULL);
    assert_int_equal(rc, 6);
    assert_string_equal(frames[0], "1.0");
    (void)snprintf(out, 4, "%s", frames[2]);
    if (strcmp(out, "200") != 0) {
        assert_string_equal(frames[4], "");
    }
    for (size_t i = 0; i < 6; i++) {
        zstr_free(&frames[i]);
    }
}

/* The door is in this thread: wait until the request is there. */
static bool next_within(struct auth *a, struct auth_user *user)
{
    zmq_pollitem_t item = {zsock_resolve(auth_socket(a)), 0, ZMQ_POLLIN, 0};
    (void)zmq_poll(&item, 1, 1000);
    return auth_next(a, user);
}

static void a_malformed_request_is_refused(void **state)
{
    (void)state;
    struct auth_user user;
    char status[4];
    zsys_handler_set(NULL);
    struct auth *a = auth_new();
    zsock_t *asker = zsock_new(ZMQ_REQ);
    assert_int_equal(zsock_connect(asker, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        send_request(asker, &malformed[i]);
        if (next_within(a, &user)) {
            fail_msg("%s was taken for a request", malformed[i].what);
        }
        receive_status(asker, status);
        assert_string_equal(status, "300");
    }
    /* and the door still works */
    const struct request good = {
        "good", {"1.0", "1", "sangam", "::1", "", "CURVE", key32}};
    send_request(asker, &good);
    assert_true(next_within(a, &user));
    assert_memory_equal(user.curve, key32, KEY_PUBLIC_BYTES);
    auth_admit(a, &user);
    receive_status(asker, status);
    assert_string_equal(status, "200");
    zsock_destroy(&asker);
    auth_destroy(&a);
}

/* --- user ids ------------------------------------------------------------ */

static const char hex32[] =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct user_id {
    const char *before;
    int digits; /* of hex32 */
    const char *after;
};

static void user_id_print(const struct user_id *id, char out[128])
{
    (void)snprintf(out, 128, "%s%.*s%s", id->before, id->digits, hex32,
                   id->after);
}

static void what_is_no_user_id_of_ours_names_nobody(void **state)
{
    (void)state;
    static const struct user_id bad[] = {
        {"", 0, ""},
        {"node-42", 0, ""},
        {"invite:", 0, ""},
        {"Invite:", 64, ""},
        {"", 64, "0"},
        {"", 64, "00"},
        {"", 62, "xx"},
        {"", 63, ""},
        {" ", 64, ""},
        {"", 64, " "},
        {"invite:invite:", 64, ""},
        {"invite:", 62, ""},
    };
    static const struct user_id node = {"", 64, ""};
    static const struct user_id invite = {"invite:", 64, ""};
    struct auth_user user;
    char text[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        user_id_print(&bad[i], text);
        if (auth_user_parse(text, &user)) {
            fail_msg("'%s' was taken for a user", text);
        }
    }
    user_id_print(&node, text);
    assert_true(auth_user_parse(text, &user));
    assert_false(user.invite);
    assert_int_equal(user.curve[1], 0x11);
    user_id_print(&invite, text);
    assert_true(auth_user_parse(text, &user));
    assert_true(user.invite);
}

static void the_self_test_finds_the_door_as_it_must_be(void **state)
{
    (void)state;
    struct err e = {0};
    zsys_handler_set(NULL);
    struct auth *a = auth_new();
    if (auth_self_test(a, &e) != 0) {
        fail_msg("%s", e.text);
    }
    auth_destroy(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_is_refused),
        cmocka_unit_test(a_refused_key_may_call_again_once_it_is_admitted),
        cmocka_unit_test(a_refusal_does_not_make_libzmq_give_up),
        cmocka_unit_test(without_a_door_nobody_comes_in),
        cmocka_unit_test(an_invites_key_is_marked_as_one),
        cmocka_unit_test(an_invite_that_is_withdrawn_lets_nobody_in),
        cmocka_unit_test(a_malformed_request_is_refused),
        cmocka_unit_test(what_is_no_user_id_of_ours_names_nobody),
        cmocka_unit_test(the_self_test_finds_the_door_as_it_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
