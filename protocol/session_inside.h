/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The inside of a session, for the files that make it: session.c (states, the
 * step, time), session_greeting.c, session_send.c (our journal to the peer) and
 * session_receive.c (the peer's journal to us). The two halves share nothing
 * but the facts.
 */
#ifndef SANGAM_SESSION_INSIDE_H
#define SANGAM_SESSION_INSIDE_H

#include "session.h"

/* Origins whose last sent changeset is remembered. Forgetting one costs the
 * 34 bytes of a prev that could have been left out; 24 KiB a session let a hub
 * of 700 children stay small. */
enum { SENT_ORIGINS = 512 };

/* The last changeset of an origin sent in this session. */
struct sent {
    struct hash origin;
    uint64_t incarnation;
    uint64_t seq; /* 0: none */
};

/* Positions of our journal. acked <= sent <= walked. */
struct session_send {
    uint64_t head;   /* the journal reaches at least here */
    uint64_t walked; /* looked at */
    uint64_t sent;   /* covered by messages sent */
    uint64_t acked;  /* durable at the peer */
    bool due;        /* there is more to walk */
    bool walking;    /* WALK was asked, WALKED not yet given */
    bool settled;    /* SETTLED was said and nothing was sent since */
    bool advanced;   /* an empty message was sent, last at advanced_ms */
    int64_t advanced_ms;
    size_t credit;
    /* Ends of the messages in flight, a ring. */
    uint64_t flight[CREDIT_MESSAGES];
    size_t flight_first;
    size_t flight_count;
    int64_t moved_ms; /* the first of them was sent, or became the first */
    struct sent last[SENT_ORIGINS]; /* a slot an origin, by its hash */
};

struct session_receive {
    struct token token; /* durable here */
    uint64_t received;  /* the last position heard, stored or queued */
    bool heard;         /* a message of this session */
    /* Messages not yet stored, a ring; STORE was asked for the first. */
    struct message queue[CREDIT_MESSAGES];
    size_t queue_first;
    size_t queue_count;
};

struct session {
    struct session_facts facts;
    struct refusal *refusals; /* the facts' own copy */
    enum session_state state;
    uint64_t peer_journal;
    uint64_t peer_start;
    int64_t now_ms;  /* of the event in hand */
    int64_t time_ms; /* of the event in hand */
    bool began;      /* an event was taken, so heard_ms and spoke_ms count */
    int64_t heard_ms;
    int64_t spoke_ms;
    /* Messages that moved nothing, since idle_ms. */
    unsigned idle;
    int64_t idle_ms;
    struct session_actions *actions; /* of the step in hand */
    /* What actions point into, a buffer an action. */
    struct bytes frames[SESSION_ACTIONS_MAX];
    struct message heard;
    struct session_send send;
    struct session_receive receive;
};

/* --- session.c --- */

/* The only way from state to state. */
void session_enter(struct session *s, enum session_state state);
/* Adds an action; the caller fills it in. */
struct session_action *session_act(struct session *s,
                                   enum session_action_kind kind);
/* SEND of a message. */
void session_say(struct session *s, const struct message *m);
/* SEND of an error, CLOSE. The caller does nothing more. */
void session_refuse(struct session *s, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The message that was heard moved nothing. False: there are too many of them, and
 * the session is closed. */
bool session_heard_idle(struct session *s);

/* --- session_greeting.c --- */

void session_say_hello(struct session *s);
void session_hear_hello(struct session *s);
void session_hear_welcome(struct session *s);

/* --- session_send.c --- */

/* The peer holds our journal up to `from` and takes `credit` messages. */
void session_send_open(struct session *s, uint64_t from, uint32_t credit);
/* Does what comes next: WALK, an empty message, SETTLED, or nothing. */
void session_send_next(struct session *s);
void session_send_walked(struct session *s, const struct session_event *event);
void session_send_news(struct session *s, uint64_t position);
void session_send_acked(struct session *s, const struct ack *ack);
/* Refuses a peer that has not acknowledged anything for too long; true then. */
bool session_send_is_stuck(struct session *s);

/* --- session_receive.c --- */

/* Starts from what we hold of the peer's journal; repeats what of it was
 * refused. */
void session_receive_open(struct session *s);
/* Takes the changesets out of s->heard. */
void session_receive_changesets(struct session *s);
void session_receive_stored(struct session *s,
                            const struct session_event *event);
void session_receive_digest(struct session *s);
void session_receive_clear(struct session *s);

#endif
