/* SPDX-License-Identifier: Apache-2.0 */
#include "node/uplink.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"

#include <assert.h>
#include <sodium.h>

enum {
    REST_MS_MIN = 1000,
    REST_MS_MAX = 10 * 60 * 1000,
    TURN_FRAMES = 16, /* before the loop looks at anything else */
};

enum uplink_state {
    RESTING,
    CALLING,
    LINKED,
};

struct uplink {
    struct replica *replica;
    struct hold *hold;
    const struct keys *keys;
    enum uplink_state state;
    int64_t until_ms; /* RESTING: then call; CALLING: then give up */
    int64_t rest_ms;  /* the next rest */
    int64_t heard_ms; /* the parent, monotonic; 0: not since the start */
    bool told;        /* the log knows that there is no connection */
    struct transport *transport;
    struct link *link;
};

/* --- states -------------------------------------------------------------- */

static const unsigned may_follow[] = {
    [RESTING] = 1U << CALLING | 1U << RESTING,
    [CALLING] = 1U << LINKED | 1U << RESTING,
    [LINKED] = 1U << RESTING,
};

static void enter(struct uplink *u, enum uplink_state state, int64_t until_ms)
{
    assert((may_follow[u->state] & 1U << state) != 0);
    u->state = state;
    u->until_ms = until_ms;
}

struct uplink *uplink_new(struct replica *r, struct hold *hold,
                          const struct keys *keys)
{
    struct uplink *u = calloc(1, sizeof *u);
    if (u == NULL) {
        abort();
    }
    assert(replica_self(r)->has_parent);
    u->replica = r;
    u->hold = hold;
    u->keys = keys;
    u->rest_ms = REST_MS_MIN;
    return u;
}

static void hang_up(struct uplink *u)
{
    if (u->link != NULL && link_heard_ms(u->link) != 0) {
        u->heard_ms = link_heard_ms(u->link);
    }
    if (u->link != NULL && link_was_good(u->link)) {
        u->rest_ms = REST_MS_MIN;
    }
    link_destroy(&u->link);
    transport_destroy(&u->transport);
}

void uplink_destroy(struct uplink **u)
{
    struct uplink *old = *u;
    *u = NULL;
    if (old == NULL) {
        return;
    }
    hang_up(old);
    free(old);
}

/* Half of the time is certain, half is chance. */
static void rest(struct uplink *u)
{
    hang_up(u);
    int64_t half_ms = u->rest_ms / 2;
    int64_t rest_ms = half_ms + randombytes_uniform((uint32_t)half_ms + 1);
    enter(u, RESTING, clock_mono_ms() + rest_ms);
    u->rest_ms =
        2 * u->rest_ms < REST_MS_MAX ? 2 * u->rest_ms : (int64_t)REST_MS_MAX;
}

/* --- calling ------------------------------------------------------------- */

/* For `status`. A note says too when the parent was heard; where that is not
 * known, what an earlier run noted stays. */
static int note_failure(struct uplink *u, const char *says, struct err *e)
{
    int64_t now_ms = clock_mono_ms();
    struct peer_note n = {
        .now_ms = clock_wall_ms() - (now_ms - u->heard_ms),
        .says = says,
    };
    if (u->heard_ms == 0 || hold_blocks(u->hold, now_ms)) {
        return 0;
    }
    int rc =
        replica_note_peer(u->replica, &replica_self(u->replica)->parent, &n, e);
    return rc != 0 && fault_of(rc) == FAULT_FATAL ? rc : 0;
}

/* Says once per outage that there is no connection. */
static int fail_call(struct uplink *u, const char *why, struct err *e)
{
    char says[ERR_TEXT_BYTES];
    int rc = 0;
    (void)snprintf(says, sizeof says, "no connection to %s: %s",
                   replica_self(u->replica)->parent_address, why);
    if (!u->told) {
        u->told = true;
        log_warning("parent", "%s -> trying on", says);
        rc = note_failure(u, says, e);
    } else {
        log_debug("parent", "%s", says);
    }
    rest(u);
    return rc;
}

static int call(struct uplink *u, struct err *e)
{
    const struct replica_self *self = replica_self(u->replica);
    struct transport_keys curve = {u->keys->curve_public,
                                   u->keys->curve_secret};
    struct peer parent;
    int rc = replica_parent(u->replica, &parent, e);
    if (rc == 0) {
        rc = transport_call(self->parent_address, parent.curve_public, &curve,
                            &u->transport, e);
    }
    if (rc == 0) {
        enter(u, CALLING, clock_mono_ms() + SILENCE_MS);
        return 0;
    }
    if (fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    struct err cause = *e;
    return fail_call(u, cause.text, e);
}

static int come_up(struct uplink *u, struct err *e)
{
    struct peer parent;
    int rc = replica_parent(u->replica, &parent, e);
    if (rc != 0) {
        struct err cause = *e;
        return fault_of(rc) == FAULT_FATAL ? rc : fail_call(u, cause.text, e);
    }
    u->told = false;
    u->link = link_new(u->replica, u->hold, &parent, u->transport, NULL);
    enter(u, LINKED, INT64_MAX);
    return link_up(u->link, e);
}

/* What the connection has become. */
static int look(struct uplink *u, struct err *e)
{
    const char *says = NULL;
    enum transport_state state = transport_state(u->transport, &says);
    if (u->state == CALLING && state == TRANSPORT_UP) {
        return come_up(u, e);
    }
    if (u->state == CALLING &&
        (state == TRANSPORT_LOST || clock_mono_ms() >= u->until_ms)) {
        return fail_call(u, says != NULL ? says : "nobody answers", e);
    }
    if (u->state == LINKED && state == TRANSPORT_LOST) {
        log_info(link_peer(u->link)->site, "%s -> calling again", says);
        rest(u);
    }
    return 0;
}

/* --- events -------------------------------------------------------------- */

zsock_t *uplink_socket(struct uplink *u)
{
    return u->transport != NULL ? transport_socket(u->transport) : NULL;
}

zsock_t *uplink_monitor(struct uplink *u)
{
    return u->transport != NULL ? transport_monitor(u->transport) : NULL;
}

bool uplink_is_open(const struct uplink *u)
{
    return u->link != NULL && !link_is_closed(u->link) &&
           link_state(u->link) == SESSION_OPEN;
}

/* A session that is over rests; what it still had to say has had its chance
 * since the last tick. */
static void drop_closed(struct uplink *u)
{
    if (u->link != NULL && link_is_closed(u->link)) {
        rest(u);
    }
}

int uplink_receive(struct uplink *u, struct err *e)
{
    struct inbound in;
    int rc = 0;
    for (int i = 0; rc == 0 && i < TURN_FRAMES && u->link != NULL &&
                    transport_receive(u->transport, &in);
         i++) {
        rc = link_frame(u->link, in.frame, e);
    }
    return rc == 0 && u->transport != NULL ? look(u, e) : rc;
}

int uplink_tick(struct uplink *u, struct err *e)
{
    drop_closed(u);
    if (u->transport != NULL) {
        int rc = look(u, e);
        if (rc != 0) {
            return rc;
        }
    }
    return u->link != NULL ? link_tick(u->link, e) : 0;
}

int uplink_news(struct uplink *u, uint64_t head, struct err *e)
{
    return u->link != NULL ? link_news(u->link, head, e) : 0;
}

int uplink_work(struct uplink *u, struct err *e)
{
    if (u->state == RESTING && clock_mono_ms() >= u->until_ms) {
        return call(u, e);
    }
    return u->link != NULL ? link_work(u->link, e) : 0;
}

int64_t uplink_due_ms(const struct uplink *u)
{
    if (u->state == RESTING) {
        return u->until_ms;
    }
    return u->link != NULL ? link_due_ms(u->link) : INT64_MAX;
}
