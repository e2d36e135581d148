/* SPDX-License-Identifier: Apache-2.0 */
#include "node/transport.h"

#include "support/hub.h"

#include "node/clock.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A hub and an honest peer, who must be served whatever others do. */
struct scene {
    struct hub hub;
    struct keys honest;
    struct keys other; /* admitted too, not honest */
    struct transport *call;
};

static void scene_begin(struct scene *s)
{
    hub_start(&s->hub, HUB_WITH_DOOR);
    keys_generate(&s->honest);
    keys_generate(&s->other);
    hub_admit(&s->hub, &s->honest);
    hub_admit(&s->hub, &s->other);
    s->call = hub_call(&s->hub, &s->honest);
    assert_true(hub_serves(&s->hub, s->call, &s->honest));
}

static void scene_end(struct scene *s)
{
    assert_true(hub_serves(&s->hub, s->call, &s->honest));
    hub_hang_up(&s->hub, &s->call);
    hub_stop(&s->hub);
}

static bool is_from(const struct heard *heard, const struct keys *keys)
{
    return memcmp(heard->curve, keys->curve_public, KEY_PUBLIC_BYTES) == 0;
}

/* --- who is who ---------------------------------------------------------- */

static void a_connection_that_comes_up_says_so_with_an_empty_frame(void **state)
{
    (void)state;
    struct hub h;
    struct keys k;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&k);
    hub_admit(&h, &k);
    struct transport *t = hub_call(&h, &k);
    assert_true(hub_hears(&h, 1));
    assert_int_equal(h.heard[0].frame.len, 0);
    assert_int_equal(h.heard[0].sender, SENDER_PEER);
    assert_true(is_from(&h.heard[0], &k));
    hub_hang_up(&h, &t);
    hub_stop(&h);
}

static void peers_are_told_apart_by_their_keys(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s);
    struct transport *second = hub_call(&s.hub, &s.other);
    assert_true(hub_serves(&s.hub, second, &s.other));
    assert_true(hub_serves(&s.hub, s.call, &s.honest));
    hub_hang_up(&s.hub, &second);
    scene_end(&s);
}

static void a_peer_that_chooses_its_routing_id_is_not_heard(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s);
    hub_forget_heard(&s.hub);
    zsock_t *raw = hub_raw(&s.hub, &s.other);
    zsock_set_identity(raw, "PB-HQ");
    hub_raw_connect(&s.hub, raw);
    assert_int_equal(zstr_send(raw, "I am headquarters"), 0);
    hub_pump(&s.hub, 300);
    assert_int_equal(s.hub.heard_count, 0);
    assert_int_equal(transport_dropped(s.hub.server), 1);
    hub_raw_close(&s.hub, &raw);
    scene_end(&s);
}

static void a_later_connection_of_a_key_has_a_route_that_follows(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s);
    struct route first = s.hub.heard[0].route;
    struct transport *again = hub_call(&s.hub, &s.honest);
    assert_true(hub_serves(&s.hub, again, &s.honest));
    struct route second = s.hub.heard[s.hub.heard_count - 1].route;
    assert_true(route_follows(&second, &first));
    assert_false(route_follows(&first, &second));
    assert_false(route_equal(&first, &second));
    hub_hang_up(&s.hub, &again);
    scene_end(&s);
}

static void routes_are_in_order_when_their_counter_wraps(void **state)
{
    (void)state;
    struct route last = {{0, 0xff, 0xff, 0xff, 0xff}};
    struct route zero = {{0, 0, 0, 0, 0}};
    struct route one = {{0, 0, 0, 0, 1}};
    assert_true(route_follows(&zero, &last));
    assert_true(route_follows(&one, &last));
    assert_true(route_follows(&one, &zero));
    assert_false(route_follows(&last, &one));
    assert_false(route_follows(&one, &one));
}

/* --- hostile peers ------------------------------------------------------- */

static void a_message_of_other_than_one_frame_is_dropped_whole(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s);
    hub_forget_heard(&s.hub);
    zsock_t *raw = hub_raw(&s.hub, &s.other);
    hub_raw_connect(&s.hub, raw);
    zstr_sendx(raw, "one", "two", NULL);
    zstr_sendx(raw, "1", "2", "3", "4", "5", "6", "7", "8", NULL);
    zstr_sendx(raw, "", "", NULL);
    zstr_send(raw, "a frame");
    assert_true(hub_hears(&s.hub, 1));
    hub_pump(&s.hub, 100);
    assert_int_equal(s.hub.heard_count, 1);
    assert_int_equal(s.hub.heard[0].frame.len, strlen("a frame"));
    assert_int_equal(transport_dropped(s.hub.server), 3);
    hub_raw_close(&s.hub, &raw);
    scene_end(&s);
}

static void an_oversized_frame_ends_only_its_own_connection(void **state)
{
    (void)state;
    struct scene s;
    size_t size = FRAME_BYTES_MAX + 1;
    uint8_t *large = calloc(1, size);
    assert_non_null(large);
    scene_begin(&s);
    hub_forget_heard(&s.hub);
    zsock_t *raw = hub_raw(&s.hub, &s.other);
    zsock_set_reconnect_ivl(raw, -1);
    hub_raw_connect(&s.hub, raw);
    assert_true(zmq_send(zsock_resolve(raw), large, size, 0) >= 0);
    assert_true(zmq_send(zsock_resolve(raw), large, 10, 0) >= 0);
    hub_pump(&s.hub, 500);
    assert_int_equal(s.hub.heard_count, 0);
    hub_raw_close(&s.hub, &raw);
    scene_end(&s);
    free(large);
}

static void the_largest_frame_that_may_be_sent_arrives(void **state)
{
    (void)state;
    struct scene s;
    /* what CURVE adds counts against libzmq's limit too */
    size_t size = FRAME_BYTES_MAX;
    uint8_t *large = calloc(1, size + 1);
    assert_non_null(large);
    scene_begin(&s);
    hub_forget_heard(&s.hub);
    struct slice frame = {large, size};
    assert_int_equal(transport_send(s.call, NULL, frame, NULL), 0);
    assert_true(hub_hears(&s.hub, 1));
    assert_int_equal(s.hub.heard[0].frame.len, size);
    frame.len = size + 1;
    assert_int_equal(transport_send(s.call, NULL, frame, NULL), ERR_LIMIT);
    scene_end(&s);
    free(large);
}

static int tcp_to(const struct hub *h)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)transport_port(h->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void garbage_on_the_port_does_not_disturb_an_honest_peer(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
    /* ZMTP 3.0 greeting of mechanism NULL, then an 8 GiB frame */
    static const uint8_t zmtp[] = {0xff, 0, 0,   0,   0,   0,   0, 0, 1, 0x7f,
                                   3,    0, 'N', 'U', 'L', 'L', 0, 0, 0, 0};
    static const uint8_t huge[] = {2, 0, 0, 0, 2, 0, 0, 0, 0, 'x'};
    struct scene s;
    uint8_t noise[4096];
    scene_begin(&s);
    for (int round = 0; round < 20; round++) {
        int fds[3] = {tcp_to(&s.hub), tcp_to(&s.hub), tcp_to(&s.hub)};
        for (size_t i = 0; i < sizeof noise; i++) {
            noise[i] = (uint8_t)(i * 31 + (size_t)round * 7);
        }
        (void)send(fds[0], http, sizeof http, MSG_NOSIGNAL);
        (void)send(fds[1], zmtp, sizeof zmtp, MSG_NOSIGNAL);
        (void)send(fds[1], noise, 44, MSG_NOSIGNAL);
        (void)send(fds[1], huge, sizeof huge, MSG_NOSIGNAL);
        (void)send(fds[2], noise, sizeof noise, MSG_NOSIGNAL);
        hub_pump(&s.hub, 10);
        for (size_t i = 0; i < 3; i++) {
            (void)close(fds[i]);
        }
    }
    scene_end(&s);
}

/* --- what is known of strangers ------------------------------------------- */

/* Pumps until so many of a kind have been counted. */
static bool counts(struct hub *h, struct knocks *k, enum stranger kind,
                   uint64_t count)
{
    int64_t end_ms = clock_mono_ms() + 5000;
    while (k->of[kind].count < count && clock_mono_ms() < end_ms) {
        hub_pump(h, 10);
        transport_knocks(h->server, k);
    }
    return k->of[kind].count == count;
}

/* libzmq has no address of who has hung up already: it is asked for first. */
static int stranger_to(struct hub *h, struct knocks *k)
{
    int fd = tcp_to(h);
    hub_pump(h, 100);
    transport_knocks(h->server, k);
    return fd;
}

static void strangers_are_counted_by_what_they_did(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
    static const uint8_t half[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0};
    struct scene s;
    struct knocks k = {0};
    struct keys unknown;
    scene_begin(&s);
    int silent = stranger_to(&s.hub, &k);
    int greeting = stranger_to(&s.hub, &k);
    int browser = stranger_to(&s.hub, &k);
    (void)send(greeting, half, sizeof half, MSG_NOSIGNAL);
    (void)send(browser, http, sizeof http, MSG_NOSIGNAL);
    assert_true(counts(&s.hub, &k, STRANGER_FOREIGN, 1));
    (void)close(silent);
    (void)close(greeting);
    (void)close(browser);
    assert_true(counts(&s.hub, &k, STRANGER_SILENT, 2));
    keys_generate(&unknown);
    struct transport *t = hub_call(&s.hub, &unknown);
    assert_true(counts(&s.hub, &k, STRANGER_UNKNOWN, 1));
    hub_hang_up(&s.hub, &t);
    for (size_t i = 0; i < STRANGER_KINDS; i++) {
        assert_string_equal(k.of[i].from, "127.0.0.1");
    }
    assert_int_equal(k.of[STRANGER_FOREIGN].count, 1);
    scene_end(&s);
}

static void whose_connection_ended_is_told(void **state)
{
    (void)state;
    struct scene s;
    struct route left;
    scene_begin(&s);
    struct transport *t = hub_call(&s.hub, &s.other);
    assert_true(hub_serves(&s.hub, t, &s.other));
    struct route route = s.hub.heard[s.hub.heard_count - 1].route;
    assert_false(transport_left(s.hub.server, &left));
    hub_hang_up(&s.hub, &t);
    int64_t end_ms = clock_mono_ms() + 5000;
    bool told = false;
    while (!told && clock_mono_ms() < end_ms) {
        hub_pump(&s.hub, 10);
        told = transport_left(s.hub.server, &left);
    }
    assert_true(told);
    assert_true(route_equal(&left, &route));
    assert_false(transport_left(s.hub.server, &left));
    scene_end(&s);
}

/* --- sending ------------------------------------------------------------- */

static void a_peer_that_does_not_read_is_busy_and_others_are_not(void **state)
{
    (void)state;
    struct scene s;
    size_t size = FRAME_BYTES_MAX;
    uint8_t *large = calloc(1, size);
    assert_non_null(large);
    scene_begin(&s);
    struct transport *deaf = hub_call(&s.hub, &s.other);
    hub_forget_heard(&s.hub);
    assert_true(hub_hears(&s.hub, 1));
    struct route to = s.hub.heard[0].route;
    struct slice frame = {large, size};
    int rc = 0;
    int sent = 0;
    for (; rc == 0 && sent < 1000; sent++) {
        rc = transport_send(s.hub.server, &to, frame, NULL);
    }
    assert_int_equal(rc, ERR_BUSY);
    assert_true(hub_serves(&s.hub, s.call, &s.honest));
    hub_hang_up(&s.hub, &deaf);
    scene_end(&s);
    free(large);
}

static void a_connection_that_is_gone_is_unknown(void **state)
{
    (void)state;
    struct scene s;
    struct slice frame = {(const uint8_t *)"x", 1};
    scene_begin(&s);
    struct transport *brief = hub_call(&s.hub, &s.other);
    hub_forget_heard(&s.hub);
    assert_true(hub_hears(&s.hub, 1));
    struct route to = s.hub.heard[0].route;
    hub_hang_up(&s.hub, &brief);
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) {
        hub_pump(&s.hub, 20);
        rc = transport_send(s.hub.server, &to, frame, NULL);
    }
    assert_int_equal(rc, ERR_UNKNOWN);
    scene_end(&s);
}

/* --- calling ------------------------------------------------------------- */

static void a_call_that_lost_its_connection_is_lost_for_good(void **state)
{
    (void)state;
    struct hub h;
    struct keys k;
    const char *says = NULL;
    hub_start(&h, HUB_WITH_DOOR);
    keys_generate(&k);
    hub_admit(&h, &k);
    struct transport *t = hub_call(&h, &k);
    assert_true(hub_is_up(&h, t));
    transport_destroy(&h.server);
    auth_destroy(&h.auth); /* a connection ends when its door has let go */
    int64_t end_ms = clock_mono_ms() + 5000;
    while (transport_state(t, &says) == TRANSPORT_UP &&
           clock_mono_ms() < end_ms) {
        (void)usleep(10000);
    }
    assert_int_equal(transport_state(t, &says), TRANSPORT_LOST);
    assert_string_equal(says, "the connection ended");
    h.call_count = 0;
    transport_destroy(&t);
    hub_stop(&h);
}

/* A captive portal at the parent's address: libzmq gives up for good. */
static void an_answer_that_is_no_sangam_node_is_told(void **state)
{
    (void)state;
    static const char portal[] = "HTTP/1.1 302 Found\r\nLocation: /login\r\n"
                                 "Content-Length: 0\r\n\r\n"
                                 "................................";
    struct keys own;
    struct keys parent;
    struct transport *t = NULL;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    char address[64];
    const char *says = NULL;
    zsys_handler_set(NULL);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%d",
                   ntohs(at.sin_port));
    keys_generate(&own);
    keys_generate(&parent);
    struct transport_keys keys = {own.curve_public, own.curve_secret};
    assert_int_equal(
        transport_call(address, parent.curve_public, &keys, &t, NULL), 0);
    int peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0);
    assert_true(send(peer, portal, sizeof portal, MSG_NOSIGNAL) > 0);
    int64_t end_ms = clock_mono_ms() + 5000;
    while (transport_state(t, &says) == TRANSPORT_CALLING &&
           clock_mono_ms() < end_ms) {
        (void)usleep(10000);
    }
    assert_int_equal(transport_state(t, &says), TRANSPORT_LOST);
    assert_string_equal(says, "what answers there is no sangam node");
    transport_destroy(&t);
    (void)close(peer);
    (void)close(fd);
}

static void an_address_in_use_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct hub h;
    struct transport *t = NULL;
    struct err e = {0};
    hub_start(&h, HUB_WITH_DOOR);
    struct transport_keys keys = {h.keys.curve_public, h.keys.curve_secret};
    assert_int_equal(transport_listen(h.address, &keys, &t, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, h.address));
    assert_null(t);
    hub_stop(&h);
}

static void an_ipv6_address_works_like_any_other(void **state)
{
    (void)state;
    struct hub h;
    struct keys k;
    struct transport *t = NULL;
    struct err e = {0};
    hub_start(&h, HUB_WITH_DOOR);
    struct transport_keys server = {h.keys.curve_public, h.keys.curve_secret};
    if (transport_listen("tcp://[::1]:*", &server, &t, &e) != 0) {
        print_message("no IPv6 here: %s\n", e.text);
    } else {
        transport_destroy(&h.server);
        h.server = t;
        (void)snprintf(h.address, sizeof h.address, "tcp://[::1]:%d",
                       transport_port(t));
        keys_generate(&k);
        hub_admit(&h, &k);
        struct transport *call = hub_call(&h, &k);
        assert_true(hub_serves(&h, call, &k));
        hub_hang_up(&h, &call);
    }
    hub_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_connection_that_comes_up_says_so_with_an_empty_frame),
        cmocka_unit_test(peers_are_told_apart_by_their_keys),
        cmocka_unit_test(a_peer_that_chooses_its_routing_id_is_not_heard),
        cmocka_unit_test(a_later_connection_of_a_key_has_a_route_that_follows),
        cmocka_unit_test(routes_are_in_order_when_their_counter_wraps),
        cmocka_unit_test(a_message_of_other_than_one_frame_is_dropped_whole),
        cmocka_unit_test(an_oversized_frame_ends_only_its_own_connection),
        cmocka_unit_test(the_largest_frame_that_may_be_sent_arrives),
        cmocka_unit_test(garbage_on_the_port_does_not_disturb_an_honest_peer),
        cmocka_unit_test(strangers_are_counted_by_what_they_did),
        cmocka_unit_test(whose_connection_ended_is_told),
        cmocka_unit_test(a_peer_that_does_not_read_is_busy_and_others_are_not),
        cmocka_unit_test(a_connection_that_is_gone_is_unknown),
        cmocka_unit_test(a_call_that_lost_its_connection_is_lost_for_good),
        cmocka_unit_test(an_answer_that_is_no_sangam_node_is_told),
        cmocka_unit_test(an_address_in_use_is_refused_with_a_sentence),
        cmocka_unit_test(an_ipv6_address_works_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
