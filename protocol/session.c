/* SPDX-License-Identifier: Apache-2.0 */
#include "session_inside.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATES = SESSION_CLOSED + 1,
    EVENTS = SESSION_TICK + 1,
    KINDS = MESSAGE_GRANT + 1,
};

/* --- states -------------------------------------------------------------- */

struct state {
    const char *word;
    unsigned next; /* bits of the states that may follow */
};

static const struct state states[STATES] = {
    [SESSION_START] = {"start", 1U << SESSION_GREETING | 1U << SESSION_CLOSED},
    [SESSION_GREETING] = {"greeting",
                          1U << SESSION_OPEN | 1U << SESSION_CLOSED},
    [SESSION_WAITING] = {"waiting", 1U << SESSION_OPEN | 1U << SESSION_CLOSED},
    [SESSION_OPEN] = {"open", 1U << SESSION_CLOSED},
    [SESSION_CLOSED] = {"closed", 0},
};

void session_enter(struct session *s, enum session_state state)
{
    assert(states[s->state].next & 1U << state);
    s->state = state;
}

const char *session_state_word(enum session_state state)
{
    assert((size_t)state < STATES);
    return states[state].word;
}

enum session_state session_state(const struct session *s)
{
    return s->state;
}

uint64_t session_acked(const struct session *s)
{
    return s->send.acked;
}

/* --- actions ------------------------------------------------------------- */

struct session_action *session_act(struct session *s,
                                   enum session_action_kind kind)
{
    assert(s->state != SESSION_CLOSED); /* CLOSE is last */
    assert(s->actions->count < SESSION_ACTIONS_MAX);
    struct session_action *action = &s->actions->items[s->actions->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

void session_say(struct session *s, const struct message *m)
{
    struct bytes *frame = &s->frames[s->actions->count];
    struct session_action *action = session_act(s, SESSION_SEND);
    bytes_clear(frame);
    message_encode(m, frame);
    action->as.frame = slice_of(frame);
    s->spoke_ms = s->now_ms;
}

static void leave(struct session *s, int code, const char *sentence)
{
    struct session_action *action = session_act(s, SESSION_CLOSE);
    action->as.close.code = code;
    message_sentence(sentence, action->as.close.sentence);
    session_enter(s, SESSION_CLOSED);
}

void session_refuse(struct session *s, int code, const char *format, ...)
{
    struct message m = {.kind = MESSAGE_ERROR};
    char text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    m.as.error.code = code;
    message_sentence(text, m.as.error.sentence);
    session_say(s, &m);
    leave(s, code, text);
}

/* --- frames -------------------------------------------------------------- */

static void hear_ack(struct session *s)
{
    session_send_acked(s, &s->heard.as.ack);
}

bool session_heard_idle(struct session *s)
{
    if (s->idle == 0 || s->now_ms - s->idle_ms >= SILENCE_MS) {
        s->idle = 0;
        s->idle_ms = s->now_ms;
    }
    s->idle++;
    if (s->idle > IDLE_MESSAGES_MAX) {
        session_refuse(s, ERR_LIMIT,
                       "more than %d messages in a minute move nothing",
                       IDLE_MESSAGES_MAX);
        return false;
    }
    return true;
}

static void hear_heartbeat(struct session *s)
{
    (void)session_heard_idle(s);
}

static void hear_error(struct session *s)
{
    char text[SENTENCE_BYTES_MAX + 64];
    (void)snprintf(text, sizeof text, "the other side says: %s",
                   s->heard.as.error.sentence);
    leave(s, s->heard.as.error.code, text);
}

typedef void hear_function(struct session *s);

/* NULL: out of turn. A parent alone sends digests; see hear(). */
static hear_function *const hearers[STATES][KINDS] = {
    [SESSION_GREETING] =
        {
            [MESSAGE_WELCOME] = session_hear_welcome,
            [MESSAGE_ERROR] = hear_error,
        },
    [SESSION_WAITING] =
        {
            [MESSAGE_HELLO] = session_hear_hello,
            [MESSAGE_ERROR] = hear_error,
        },
    [SESSION_OPEN] =
        {
            [MESSAGE_CHANGESETS] = session_receive_changesets,
            [MESSAGE_ACK] = hear_ack,
            [MESSAGE_DIGEST] = session_receive_digest,
            [MESSAGE_HEARTBEAT] = hear_heartbeat,
            [MESSAGE_ERROR] = hear_error,
        },
};

static void hear(struct session *s, const struct session_event *event)
{
    struct err e = {0};
    if (message_decode(event->as.frame, &s->heard, &e) != 0) {
        session_refuse(s, e.code, "what the other side sent: %s", e.text);
        return;
    }
    s->heard_ms = s->now_ms;
    hear_function *hearer = hearers[s->state][s->heard.kind];
    bool upward = s->facts.role == SESSION_PARENT;
    if (hearer == NULL || (upward && s->heard.kind == MESSAGE_DIGEST)) {
        session_refuse(s, ERR_STATE, "%s is out of turn in state %s",
                       message_word(s->heard.kind), states[s->state].word);
        return;
    }
    hearer(s);
}

/* --- other events -------------------------------------------------------- */

static void ignore(struct session *s, const struct session_event *event)
{
    (void)s;
    (void)event;
}

static void up(struct session *s, const struct session_event *event)
{
    (void)event;
    session_say_hello(s);
}

/* A session greets with the head the journal has then. */
static void note_news(struct session *s, const struct session_event *event)
{
    if (event->as.position > s->send.head) {
        s->send.head = event->as.position;
    }
}

static void news(struct session *s, const struct session_event *event)
{
    session_send_news(s, event->as.position);
}

static void say_digest(struct session *s, const struct session_event *event)
{
    assert(s->facts.role == SESSION_PARENT);
    struct message m = {.kind = MESSAGE_DIGEST, .as.digest = *event->as.digest};
    session_say(s, &m);
}

static bool is_silent(struct session *s)
{
    if (s->now_ms - s->heard_ms < SILENCE_MS) {
        return false;
    }
    char text[ERR_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "nothing heard for %lld seconds",
                   (long long)((s->now_ms - s->heard_ms) / 1000));
    leave(s, ERR_TIMEOUT, text);
    return true;
}

static void tick_greeting(struct session *s, const struct session_event *event)
{
    (void)event;
    (void)is_silent(s);
}

static void tick_open(struct session *s, const struct session_event *event)
{
    (void)event;
    if (is_silent(s) || session_send_is_stuck(s)) {
        return;
    }
    session_send_next(s);
    if (s->now_ms - s->spoke_ms >= HEARTBEAT_MS) {
        struct message m = {.kind = MESSAGE_HEARTBEAT};
        m.as.heartbeat.time_ms = s->time_ms;
        session_say(s, &m);
    }
}

/* --- the step ------------------------------------------------------------ */

typedef void handle_function(struct session *s,
                             const struct session_event *event);

/* NULL: the driver may not give this event in this state. */
static handle_function *const handlers[STATES][EVENTS] = {
    [SESSION_START] =
        {
            [SESSION_UP] = up,
            [SESSION_FRAME] = hear,
            [SESSION_NEWS] = note_news,
            [SESSION_TICK] = ignore,
        },
    [SESSION_GREETING] =
        {
            [SESSION_FRAME] = hear,
            [SESSION_NEWS] = note_news,
            [SESSION_TICK] = tick_greeting,
        },
    [SESSION_WAITING] =
        {
            [SESSION_FRAME] = hear,
            [SESSION_NEWS] = note_news,
            [SESSION_TICK] = tick_greeting,
        },
    [SESSION_OPEN] =
        {
            [SESSION_FRAME] = hear,
            [SESSION_STORED] = session_receive_stored,
            [SESSION_WALKED] = session_send_walked,
            [SESSION_NEWS] = news,
            [SESSION_DIGEST] = say_digest,
            [SESSION_TICK] = tick_open,
        },
    [SESSION_CLOSED] =
        {
            [SESSION_UP] = ignore,
            [SESSION_FRAME] = ignore,
            [SESSION_STORED] = ignore,
            [SESSION_WALKED] = ignore,
            [SESSION_NEWS] = ignore,
            [SESSION_DIGEST] = ignore,
            [SESSION_TICK] = ignore,
        },
};

void session_step(struct session *s, const struct session_event *event,
                  struct session_actions *ret)
{
    assert((size_t)event->kind < EVENTS);
    handle_function *handler = handlers[s->state][event->kind];
    assert(handler != NULL);
    ret->count = 0;
    s->actions = ret;
    message_clear(&s->heard);
    s->now_ms = event->now_ms;
    s->time_ms = event->time_ms;
    /* A child waits for its link as long as it takes; silence counts from
     * when the link is up. */
    if (!s->began || event->kind == SESSION_UP) {
        s->began = true;
        s->heard_ms = s->now_ms;
        s->spoke_ms = s->now_ms;
    }
    handler(s, event);
    s->actions = NULL;
}

/* --- life ---------------------------------------------------------------- */

struct session *session_new(const struct session_facts *facts)
{
    assert(facts->journal != 0 && facts->lineage->count > 0);
    assert(facts->refusal_count <= ACK_REFUSED_MAX);
    struct session *s = calloc(1, sizeof *s);
    struct refusal *refusals =
        calloc(facts->refusal_count + 1, sizeof *refusals);
    if (s == NULL || refusals == NULL) {
        abort();
    }
    for (size_t i = 0; i < facts->refusal_count; i++) {
        refusals[i] = facts->refusals[i];
    }
    s->facts = *facts;
    s->facts.refusals = refusals;
    s->refusals = refusals;
    s->send.head = facts->head;
    s->state = facts->role == SESSION_CHILD ? SESSION_START : SESSION_WAITING;
    return s;
}

void session_destroy(struct session **s)
{
    struct session *old = *s;
    *s = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < SESSION_ACTIONS_MAX; i++) {
        bytes_free(&old->frames[i]);
    }
    message_clear(&old->heard);
    session_receive_clear(old);
    free(old->refusals);
    free(old);
}
