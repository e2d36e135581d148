/* SPDX-License-Identifier: Apache-2.0 */
#include "node/children.h"

#include "node/clock.h"
#include "node/enrolment.h"
#include "node/fault.h"
#include "node/log.h"
#include "node/sparing.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    /* Judged or taken before the loop looks at anything else. */
    TURN_REQUESTS = 64,
    TURN_FRAMES = 64,
};

struct children {
    struct replica *replica;
    struct hold *hold;
    struct transport *transport;
    struct link **links; /* in no order */
    size_t count;
    size_t capacity;
    /* Not let in, and not told of yet. Strangers of one kind are told of
     * together: scanners of the network are many, and knock all day. */
    struct knocks knocks;
    struct sparing told[STRANGER_KINDS];
    struct sparing told_not_accepted;
};

/* --- life ---------------------------------------------------------------- */

int children_new(struct replica *r, struct hold *hold, const struct keys *keys,
                 const char *address, struct children **ret, struct err *e)
{
    struct transport_keys curve = {keys->curve_public, keys->curve_secret};
    struct children *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    c->replica = r;
    c->hold = hold;
    int rc = transport_listen(address, &curve, &c->transport, e);
    if (rc != 0) {
        children_destroy(&c);
        return rc;
    }
    *ret = c;
    return 0;
}

void children_destroy(struct children **c)
{
    struct children *old = *c;
    *c = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->count; i++) {
        link_destroy(&old->links[i]);
    }
    transport_destroy(&old->transport);
    free(old->links);
    free(old);
}

zsock_t *children_socket(struct children *c)
{
    return transport_socket(c->transport);
}

zsock_t *children_monitor(struct children *c)
{
    return transport_monitor(c->transport);
}

/* --- links --------------------------------------------------------------- */

/* The place of the link of a key; `count` if there is none. */
static size_t place_of(const struct children *c,
                       const uint8_t curve[KEY_PUBLIC_BYTES])
{
    size_t i = 0;
    while (i < c->count && memcmp(link_peer(c->links[i])->curve_public, curve,
                                  KEY_PUBLIC_BYTES) != 0) {
        i++;
    }
    return i;
}

static void add(struct children *c, struct link *l)
{
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 16 : 2 * c->capacity;
        struct link **links =
            realloc(c->links, capacity * sizeof(struct link *));
        if (links == NULL) {
            abort();
        }
        c->links = links;
        c->capacity = capacity;
    }
    c->links[c->count++] = l;
}

static void remove_at(struct children *c, size_t place)
{
    link_destroy(&c->links[place]);
    c->links[place] = c->links[--c->count];
}

size_t children_open(const struct children *c)
{
    size_t open = 0;
    for (size_t i = 0; i < c->count; i++) {
        open += link_state(c->links[i]) == SESSION_OPEN &&
                !link_is_closed(c->links[i]);
    }
    return open;
}

/* --- the door ------------------------------------------------------------ */

/* Is the key a child's? Fails only with what must stop the node. */
static int find_child(struct children *c, const uint8_t curve[KEY_PUBLIC_BYTES],
                      struct peer *ret, bool *ret_found, struct err *e)
{
    int rc = replica_peer_of_curve(c->replica, curve, ret, e);
    *ret_found = rc == 0 && ret->neighbour == NEIGHBOUR_CHILD;
    if (rc == 0 || fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    log_warning("children", "%s -> not let in", e->text);
    return 0;
}

static int judge(struct children *c, struct auth *a,
                 const struct auth_user *user, struct err *e)
{
    struct peer peer;
    bool found = user->invite;
    int rc = 0;
    if (!found) {
        rc = find_child(c, user->curve, &peer, &found, e);
    }
    if (found) {
        auth_admit(a, user);
    } else {
        auth_refuse(a);
        transport_refused(c->transport, user->address);
    }
    return rc;
}

int children_judge(struct children *c, struct auth *a, struct err *e)
{
    struct auth_user user;
    int rc = 0;
    for (int i = 0; rc == 0 && i < TURN_REQUESTS && auth_next(a, &user); i++) {
        rc = judge(c, a, &user, e);
    }
    return rc;
}

static const char *const stranger_says[STRANGER_KINDS] = {
    [STRANGER_SILENT] = "they did not finish a greeting",
    [STRANGER_FOREIGN] = "what they said is no greeting",
    [STRANGER_UNKNOWN] = "nobody here knows their key",
};

static void tell_strangers(struct children *c)
{
    for (size_t i = 0; i < STRANGER_KINDS; i++) {
        struct knock *k = &c->knocks.of[i];
        if (k->count > 0 && sparing_may(&c->told[i], clock_mono_ms())) {
            log_info("children",
                     "%" PRIu64
                     " connections of no node of ours, one from %s: %s -> "
                     "ended",
                     k->count,
                     k->from[0] != '\0' ? k->from : "an address not known",
                     stranger_says[i]);
            *k = (struct knock){0};
        }
    }
}

static void tell_not_accepted(struct children *c)
{
    struct knocks *k = &c->knocks;
    if (k->not_accepted > 0 &&
        sparing_may(&c->told_not_accepted, clock_mono_ms())) {
        log_error("children",
                  "%" PRIu64
                  " connections could not be accepted: %s -> see who "
                  "connects to this port",
                  k->not_accepted, strerror(k->why));
        k->not_accepted = 0;
    }
}

/* --- frames -------------------------------------------------------------- */

static int came_up(struct children *c, const struct inbound *in, struct err *e)
{
    struct peer peer;
    bool found = false;
    size_t place = place_of(c, in->curve);
    if (place < c->count &&
        !route_follows(&in->route, link_route(c->links[place]))) {
        return 0;
    }
    int rc = find_child(c, in->curve, &peer, &found, e);
    if (rc != 0 || !found) {
        return rc;
    }
    if (place < c->count) {
        log_debug(peer.site, "connected anew -> the link before is closed");
        remove_at(c, place);
    }
    add(c, link_new(c->replica, c->hold, &peer, c->transport, &in->route));
    return 0;
}

static int take_of_peer(struct children *c, const struct inbound *in,
                        struct err *e)
{
    if (in->frame.len == 0) {
        return came_up(c, in, e);
    }
    size_t place = place_of(c, in->curve);
    if (place == c->count ||
        !route_equal(&in->route, link_route(c->links[place]))) {
        return 0; /* by a connection that no longer counts */
    }
    return link_frame(c->links[place], in->frame, e);
}

static int take_of_invite(struct children *c, const struct inbound *in,
                          struct err *e)
{
    struct bytes reply = {0};
    struct err ignored;
    if (in->frame.len == 0) {
        return 0;
    }
    int rc = enrolment_answer(c->replica, in, &reply, e);
    if (rc == 0) {
        /* one that does not arrive is asked for again */
        (void)transport_send(c->transport, &in->route, slice_of(&reply),
                             &ignored);
    }
    bytes_free(&reply);
    return rc;
}

/* libzmq ends a connection for a frame that is too large, or no frame of CURVE,
 * as it does when the peer hangs up: it does not say which. */
static void tell_left(struct children *c)
{
    struct route left;
    while (transport_left(c->transport, &left)) {
        for (size_t i = 0; i < c->count; i++) {
            if (route_equal(&left, link_route(c->links[i])) &&
                !link_is_closed(c->links[i])) {
                log_info(link_peer(c->links[i])->site,
                         "its connection ended: it hung up, the line broke, or "
                         "it sent what is no frame, or one of over %d bytes",
                         FRAME_BYTES_MAX);
            }
        }
    }
}

int children_receive(struct children *c, struct err *e)
{
    struct inbound in;
    int rc = 0;
    transport_knocks(c->transport, &c->knocks);
    tell_left(c);
    for (int i = 0;
         rc == 0 && i < TURN_FRAMES && transport_receive(c->transport, &in);
         i++) {
        rc = in.sender == SENDER_INVITE ? take_of_invite(c, &in, e)
                                        : take_of_peer(c, &in, e);
    }
    return rc;
}

/* --- time and work ------------------------------------------------------- */

/* A closed link stays until its last frame has gone, or the next second. */
static void reap(struct children *c)
{
    for (size_t i = c->count; i > 0; i--) {
        if (link_is_closed(c->links[i - 1])) {
            remove_at(c, i - 1);
        }
    }
}

int children_tick(struct children *c, struct err *e)
{
    int rc = 0;
    reap(c);
    transport_knocks(c->transport, &c->knocks);
    tell_strangers(c);
    tell_not_accepted(c);
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        rc = link_tick(c->links[i], e);
    }
    return rc;
}

int children_news(struct children *c, uint64_t head, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        rc = link_news(c->links[i], head, e);
    }
    return rc;
}

/* The first may use up the turn at the write lock, so another begins in each
 * of those that are not the parent's (loop.c). */
int children_work(struct children *c, struct err *e)
{
    size_t first = c->hold->turns / 2;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        rc = link_work(c->links[(first + i) % c->count], e);
    }
    return rc;
}

int64_t children_due_ms(const struct children *c)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < c->count; i++) {
        int64_t link_ms = link_due_ms(c->links[i]);
        due_ms = link_ms < due_ms ? link_ms : due_ms;
    }
    return due_ms;
}
