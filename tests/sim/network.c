/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include "machine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_FRAMES = 64,           /* on the way in one direction, then ERR_BUSY */
    WIRES_MAX = 1024,           /* there at once */
    REFUSED_MS = 50,            /* until a caller hears that it may not in */
    UNREACHABLE_MS = 20 * 1000, /* until it hears that nobody is there */
};

const char transport_domain[] = "sangam";
struct network_counts network_counts;

/* --- what is there -------------------------------------------------------- */

/* A connection, from its call to when both ends have forgotten it. */
struct wire {
    int child, parent;        /* machines */
    struct transport *caller; /* NULL: gone */
    struct transport *taker;  /* NULL: gone, or not let in yet */
    struct route route;       /* at the taker */
    uint8_t curve[KEY_PUBLIC_BYTES];
    int64_t last_ms[WAYS]; /* when the last frame of that way arrives */
    size_t on_way[WAYS];
    size_t queued; /* arrived and not taken */
    bool used;
};

enum thing_kind {
    THING_CALL, /* somebody asks to be let in */
    THING_LET_IN,
    THING_REFUSED,
    THING_FRAME,
    THING_GONE, /* the other end has closed */
};

struct thing {
    enum thing_kind kind;
    int64_t at_ms;
    uint64_t order; /* of things that arrive together */
    struct wire *wire;
    enum way way;
    struct bytes frame;
    struct thing *next;
};

/* What has arrived at a transport and was not taken yet. */
struct arrived {
    struct wire *wire;
    struct bytes frame; /* empty: it came up */
    struct arrived *next;
};

struct transport {
    int machine;
    bool listens;
    struct wire *wire; /* of a call */
    enum transport_state state;
    const char *says;
    struct arrived *first, **last;
    struct bytes current;
    struct transport *next;
};

struct auth {
    int machine;
    struct arrived *first, **last; /* who asks */
    struct wire *asked;            /* to be answered now */
};

static struct {
    struct line lines[SIM_MACHINES_MAX + 1];
    struct wire wires[WIRES_MAX];
    size_t wire_count;    /* behind these none was ever used */
    struct thing *things; /* in order of arrival */
    struct transport *listening;
    struct auth *doors[SIM_MACHINES_MAX + 1];
    uint64_t order;
    uint32_t routes;
    struct dice dice;
} net;

/* --- lines ---------------------------------------------------------------- */

struct line *network_line(int machine)
{
    return &net.lines[machine];
}

void network_mend(int machine)
{
    net.lines[machine] = (struct line){.delay_ms = 1};
}

void network_seed(uint64_t seed)
{
    net.dice.state = seed;
}

static bool happens(unsigned of_a_thousand)
{
    return of_a_thousand > 0 && dice_below(&net.dice, 1000) < of_a_thousand;
}

static bool is_cut(const struct wire *w, enum way way)
{
    return net.lines[w->child].cut[way];
}

/* --- things on the way ---------------------------------------------------- */

static void put_thing(struct thing *t)
{
    struct thing **at = &net.things;
    t->order = net.order++;
    while (*at != NULL && (*at)->at_ms <= t->at_ms) {
        at = &(*at)->next;
    }
    t->next = *at;
    *at = t;
}

static struct thing *send_thing(enum thing_kind kind, struct wire *w,
                                enum way way, int64_t at_ms)
{
    struct thing *t = calloc(1, sizeof *t);
    if (t == NULL) {
        abort();
    }
    t->kind = kind;
    t->wire = w;
    t->way = way;
    t->at_ms = at_ms;
    put_thing(t);
    return t;
}

/* Frames of a connection keep their order, but where the line reorders. */
static int64_t arrival_ms(struct wire *w, enum way way)
{
    int64_t delay_ms = net.lines[w->child].delay_ms;
    int64_t at_ms =
        sim.now_ms + 1 + (int64_t)dice_below(&net.dice, (size_t)delay_ms);
    if (happens(net.lines[w->child].reorder)) {
        network_counts.reordered++;
        return at_ms + (int64_t)dice_below(&net.dice, 5 * (size_t)delay_ms);
    }
    if (at_ms < w->last_ms[way]) {
        at_ms = w->last_ms[way];
    }
    w->last_ms[way] = at_ms;
    return at_ms;
}

/* Each frame is authenticated (CURVE): one that was altered ends the connection,
 * and is heard by nobody. What somebody with the right keys may say instead is
 * for tests/fuzz and the unit tests. */
static void damage(struct wire *w)
{
    network_counts.damaged++;
    for (enum way way = WAY_UP; way < WAYS; way++) {
        (void)send_thing(THING_GONE, w, way,
                         sim.now_ms + net.lines[w->child].delay_ms);
    }
}

static void send_frame(struct wire *w, enum way way, struct slice frame)
{
    const struct line *line = &net.lines[w->child];
    network_counts.frames++;
    if (is_cut(w, way) || happens(line->drop)) {
        network_counts.dropped++;
        return;
    }
    if (happens(line->damage)) {
        damage(w);
        return;
    }
    int copies = happens(line->repeat) ? 2 : 1;
    network_counts.repeated += copies == 2;
    for (int i = 0; i < copies; i++) {
        struct thing *t = send_thing(THING_FRAME, w, way, arrival_ms(w, way));
        bytes_put(&t->frame, frame.data, frame.len);
        w->on_way[way]++;
    }
}

/* --- ends of wires --------------------------------------------------------- */

static struct wire *new_wire(void)
{
    for (size_t i = 0; i < WIRES_MAX; i++) {
        if (!net.wires[i].used) {
            net.wires[i] = (struct wire){.used = true};
            net.wire_count = i < net.wire_count ? net.wire_count : i + 1;
            return &net.wires[i];
        }
    }
    sim_fail("the simulation has more than %d connections", WIRES_MAX);
}

static bool is_on_way(const struct wire *w)
{
    for (const struct thing *t = net.things; t != NULL; t = t->next) {
        if (t->wire == w) {
            return true;
        }
    }
    return false;
}

static void free_unused(struct wire *w)
{
    if (w->caller == NULL && w->taker == NULL && w->queued == 0 &&
        !is_on_way(w)) {
        w->used = false;
    }
}

/* One end is closed; the other hears of it, if the line lets it. */
static void close_end(struct wire *w, enum way to_other, bool says_goodbye)
{
    if (to_other == WAY_UP) {
        w->caller = NULL;
    } else {
        w->taker = NULL;
    }
    if (says_goodbye && !is_cut(w, to_other)) {
        (void)send_thing(THING_GONE, w, to_other,
                         sim.now_ms + net.lines[w->child].delay_ms);
    }
    free_unused(w);
}

static void lose(struct transport *t, const char *says)
{
    t->state = TRANSPORT_LOST;
    t->says = says;
}

/* --- queues ----------------------------------------------------------------- */

static void append(struct arrived ***last, struct wire *w, struct bytes *frame)
{
    struct arrived *a = calloc(1, sizeof *a);
    if (a == NULL) {
        abort();
    }
    a->wire = w;
    w->queued++;
    if (frame != NULL) {
        a->frame = *frame;
        *frame = (struct bytes){0};
    }
    **last = a;
    *last = &a->next;
}

static struct arrived *take_first(struct arrived **first,
                                  struct arrived ***last)
{
    struct arrived *a = *first;
    if (a != NULL) {
        *first = a->next;
        if (*first == NULL) {
            *last = first;
        }
        a->wire->queued--;
    }
    return a;
}

static void drop_all(struct arrived **first, struct arrived ***last)
{
    for (struct arrived *a = take_first(first, last); a != NULL;
         a = take_first(first, last)) {
        bytes_free(&a->frame);
        free_unused(a->wire);
        free(a);
    }
}

/* --- arrival ----------------------------------------------------------------- */

static struct transport *listener_of(int machine)
{
    struct transport *t = net.listening;
    while (t != NULL && t->machine != machine) {
        t = t->next;
    }
    return t;
}

static void take_call(struct wire *w)
{
    struct auth *door = net.doors[w->parent];
    bool reached = door != NULL && listener_of(w->parent) != NULL;
    if (!reached) {
        (void)send_thing(THING_REFUSED, w, WAY_DOWN,
                         sim.now_ms + UNREACHABLE_MS);
        return;
    }
    append(&door->last, w, NULL);
}

static void take_frame(struct thing *t)
{
    struct transport *to = t->way == WAY_UP ? t->wire->taker : t->wire->caller;
    t->wire->on_way[t->way]--;
    if (to != NULL && to->state != TRANSPORT_LOST) {
        append(&to->last, t->wire, &t->frame);
    }
}

static void arrive(struct thing *t)
{
    struct wire *w = t->wire;
    switch (t->kind) {
    case THING_CALL:
        take_call(w);
        break;
    case THING_LET_IN:
        if (w->caller != NULL) {
            w->caller->state = TRANSPORT_UP;
        }
        break;
    case THING_REFUSED:
        if (w->caller != NULL) {
            lose(w->caller, "refused");
        }
        break;
    case THING_FRAME:
        take_frame(t);
        break;
    case THING_GONE:
        if (t->way == WAY_DOWN && w->caller != NULL) {
            lose(w->caller, "the other side closed the connection");
        } else if (t->way == WAY_UP) {
            w->taker = NULL;
        }
        break;
    }
}

bool network_step(void)
{
    bool any = false;
    while (net.things != NULL && net.things->at_ms <= sim.now_ms) {
        struct thing *t = net.things;
        struct wire *w = t->wire;
        net.things = t->next;
        arrive(t);
        bytes_free(&t->frame);
        free(t);
        free_unused(w);
        any = true;
    }
    return any;
}

int64_t network_due_ms(void)
{
    return net.things != NULL ? net.things->at_ms : INT64_MAX;
}

bool network_waits(int machine)
{
    const struct transport *t = listener_of(machine);
    const struct auth *door = net.doors[machine];
    if ((t != NULL && t->first != NULL) ||
        (door != NULL && door->first != NULL)) {
        return true;
    }
    for (size_t i = 0; i < net.wire_count; i++) {
        const struct wire *w = &net.wires[i];
        if (w->used && w->caller != NULL && w->child == machine &&
            (w->caller->first != NULL || w->caller->state != TRANSPORT_UP)) {
            return w->caller->first != NULL ||
                   w->caller->state == TRANSPORT_LOST;
        }
    }
    return false;
}

/* A wire whose call was answered by nobody it could reach. */
static void forget_asking(int machine)
{
    struct auth *door = net.doors[machine];
    if (door != NULL) {
        drop_all(&door->first, &door->last);
    }
}

void network_leave(int machine, bool says_goodbye)
{
    forget_asking(machine);
    for (size_t i = 0; i < net.wire_count; i++) {
        struct wire *w = &net.wires[i];
        if (w->used && w->child == machine && w->caller != NULL) {
            w->caller->wire = NULL;
            close_end(w, WAY_UP, says_goodbye);
        }
        if (w->used && w->parent == machine && w->taker != NULL) {
            close_end(w, WAY_DOWN, says_goodbye);
        }
    }
}

/* --- node/transport.h -------------------------------------------------------- */

static struct route next_route(void)
{
    struct route r = {{0}};
    uint32_t n = ++net.routes;
    for (size_t i = ROUTE_BYTES; i > 1; i--) {
        r.bytes[i - 1] = (uint8_t)n;
        n >>= 8;
    }
    return r;
}

static struct transport *new_transport(void)
{
    struct transport *t = calloc(1, sizeof *t);
    if (t == NULL) {
        abort();
    }
    t->machine = machine_index(sim.running);
    t->last = &t->first;
    return t;
}

int transport_listen(const char *address, const struct transport_keys *keys,
                     struct transport **ret, struct err *e)
{
    (void)address;
    (void)keys;
    (void)e;
    struct transport *t = new_transport();
    t->listens = true;
    t->next = net.listening;
    net.listening = t;
    *ret = t;
    return 0;
}

int transport_call(const char *address,
                   const uint8_t server_public[KEY_PUBLIC_BYTES],
                   const struct transport_keys *keys, struct transport **ret,
                   struct err *e)
{
    int parent = (int)strtol(address + strlen("sim:"), NULL, 10);
    (void)e;
    (void)server_public;
    struct transport *t = new_transport();
    struct wire *w = new_wire();
    w->child = t->machine;
    w->parent = parent;
    w->caller = t;
    memcpy(w->curve, keys->curve_public, sizeof w->curve);
    t->wire = w;
    t->state = TRANSPORT_CALLING;
    if (!is_cut(w, WAY_UP) && !is_cut(w, WAY_DOWN)) {
        (void)send_thing(THING_CALL, w, WAY_UP,
                         sim.now_ms + net.lines[w->child].delay_ms);
    }
    *ret = t;
    return 0;
}

void transport_destroy(struct transport **t)
{
    struct transport *old = *t;
    *t = NULL;
    if (old == NULL) {
        return;
    }
    if (old->wire != NULL) {
        close_end(old->wire, WAY_UP, true);
    }
    for (struct transport **at = &net.listening; *at != NULL;
         at = &(*at)->next) {
        if (*at == old) {
            *at = old->next;
            break;
        }
    }
    drop_all(&old->first, &old->last);
    bytes_free(&old->current);
    free(old);
}

zsock_t *transport_socket(struct transport *t)
{
    (void)t;
    return NULL;
}

zsock_t *transport_monitor(struct transport *t)
{
    (void)t;
    return NULL;
}

int transport_port(const struct transport *t)
{
    (void)t;
    return 0;
}

void transport_knocks(struct transport *t, struct knocks *ret)
{
    (void)t;
    (void)ret;
}

void transport_refused(struct transport *t, const char *from)
{
    (void)t;
    (void)from;
}

bool transport_left(struct transport *t, struct route *ret)
{
    (void)t;
    (void)ret;
    return false;
}

uint64_t transport_dropped(const struct transport *t)
{
    (void)t;
    return 0;
}

enum transport_state transport_state(struct transport *t, const char **ret_says)
{
    if (ret_says != NULL) {
        *ret_says = t->state == TRANSPORT_LOST ? t->says : NULL;
    }
    return t->state;
}

bool transport_receive(struct transport *t, struct inbound *ret)
{
    struct arrived *a = take_first(&t->first, &t->last);
    if (a == NULL) {
        return false;
    }
    bytes_free(&t->current);
    t->current = a->frame;
    *ret = (struct inbound){.sender = SENDER_PARENT,
                            .frame = slice_of(&t->current)};
    if (t->listens) {
        ret->sender = SENDER_PEER;
        ret->route = a->wire->route;
        memcpy(ret->curve, a->wire->curve, sizeof ret->curve);
    }
    free_unused(a->wire);
    free(a);
    return true;
}

static struct wire *wire_of_route(const struct transport *t,
                                  const struct route *route)
{
    for (size_t i = 0; i < net.wire_count; i++) {
        struct wire *w = &net.wires[i];
        if (w->used && w->taker == t && route_equal(&w->route, route)) {
            return w;
        }
    }
    return NULL;
}

int transport_send(struct transport *t, const struct route *to,
                   struct slice frame, struct err *e)
{
    enum way way = to == NULL ? WAY_UP : WAY_DOWN;
    struct wire *w = to == NULL ? t->wire : wire_of_route(t, to);
    if (w == NULL || (to == NULL && t->state != TRANSPORT_UP)) {
        return err_set(e, ERR_UNKNOWN, "the connection is gone");
    }
    if (frame.len > FRAME_BYTES_MAX) {
        sim_fail("[I-12] a frame of %zu bytes", frame.len);
    }
    if (w->on_way[way] >= ROOM_FRAMES) {
        return err_set(e, ERR_BUSY, "no room for more frames");
    }
    send_frame(w, way, frame);
    return 0;
}

/* --- node/auth.h --------------------------------------------------------------- */

struct auth *network_door(void)
{
    struct auth *a = calloc(1, sizeof *a);
    if (a == NULL) {
        abort();
    }
    a->machine = machine_index(sim.running);
    a->last = &a->first;
    net.doors[a->machine] = a;
    return a;
}

void network_door_free(struct auth *a)
{
    drop_all(&a->first, &a->last);
    net.doors[a->machine] = NULL;
    free(a);
}

void auth_set_invites(struct auth *a, const uint8_t (*keys)[KEY_PUBLIC_BYTES],
                      size_t count)
{
    (void)a;
    (void)keys;
    (void)count;
}

bool auth_next(struct auth *a, struct auth_user *ret)
{
    struct arrived *first = take_first(&a->first, &a->last);
    if (first == NULL) {
        return false;
    }
    a->asked = first->wire;
    *ret = (struct auth_user){.invite = false};
    memcpy(ret->curve, first->wire->curve, sizeof ret->curve);
    free(first);
    return true;
}

void auth_admit(struct auth *a, const struct auth_user *user)
{
    struct wire *w = a->asked;
    struct transport *t = listener_of(a->machine);
    (void)user;
    if (w->caller == NULL || t == NULL) {
        return;
    }
    w->taker = t;
    w->route = next_route();
    append(&t->last, w, NULL);
    if (!is_cut(w, WAY_DOWN)) {
        (void)send_thing(THING_LET_IN, w, WAY_DOWN,
                         sim.now_ms + net.lines[w->child].delay_ms);
    }
}

void auth_refuse(struct auth *a)
{
    (void)send_thing(THING_REFUSED, a->asked, WAY_DOWN,
                     sim.now_ms + REFUSED_MS);
}
