/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Session: what two nodes say to each other, as a function. An event goes in,
 * with the time in it; actions come out, in the order in which they must be
 * done. No socket, no clock, no file: the daemon, the simulator and a parcel
 * drive the same code.
 *
 *        child                                     parent
 *   START ----> GREETING ----hello---->  WAITING
 *                  |                        | (checks, may refuse)
 *                  |     <---welcome----    v
 *                  v                       OPEN
 *                OPEN  <--- changesets, ack, digest, heartbeat --->
 *                  |                        |
 *               CLOSED <------- error, silence, our own mistake
 *
 * Either side in OPEN walks its own journal from the token the other holds and
 * sends what is due, at most `credit` messages beyond the last ack.
 *
 * Either side in OPEN also queues what it receives, at most CREDIT_MESSAGES,
 * and has it stored one message at a time.
 *
 * A side whose journal the peer holds further than it reaches, or another of
 * the same id, was put back from a copy: it says PUT_BACK and closes, and the
 * next session asks for what was lost (`give_back`).
 *
 * The order of actions is part of the contract:
 *   - SEND of an ack comes only out of a STORED event, which the driver gives
 *     after its durable commit [I-1]; what was acknowledged before may be
 *     repeated when the session opens;
 *   - WALK is asked for one at a time and answered by one WALKED;
 *   - STORE is asked for one at a time and answered by one STORED; the token
 *     {opened.journal, changesets.position} belongs into the same commit, also
 *     when there are no items;
 *   - PUT_BACK is to be durable before the next session is made;
 *   - CLOSE is always last; the session does nothing afterwards.
 *
 * Frames, refused or not, are the peer's doing and end at worst in CLOSE. An
 * event that the driver may not give in a state (STORED without a STORE,
 * a digest from a child, UP twice) is our own mistake and asserts. A link that
 * is made anew gets a new session.
 */
#ifndef SANGAM_SESSION_H
#define SANGAM_SESSION_H

#include "lineage.h"
#include "message.h"

enum session_role {
    SESSION_CHILD,
    SESSION_PARENT,
};

enum session_state {
    SESSION_START,    /* child, before the link is up */
    SESSION_GREETING, /* child: hello sent */
    SESSION_WAITING,  /* parent: nothing heard yet */
    SESSION_OPEN,
    SESSION_CLOSED,
};

/* What this node is, and what it knows of the other from its certificate. */
struct session_facts {
    enum session_role role;
    struct hash network;
    struct hash node;
    uint64_t certificate;
    uint32_t schema_version;
    uint64_t journal;
    const struct lineage *lineage; /* of it; borrowed, and may grow */
    uint64_t head;                 /* last position of our journal */
    struct hash peer;              /* whom the CURVE key names */
    struct token have;             /* what we hold of the peer's journal; */
    uint64_t again; /* of it, so many positions are to come again */
    /* Of what this node lost when it was put back, some is still at the peer:
     * up to this position of its journal it is to send also what came from us.
     * 0: nothing was lost. */
    uint64_t give_back;
    /* In this run it was found out already; a copy that is put back brings what
     * it asked then along, and not that. */
    bool knows_loss;
    /* What of have.journal was refused, up to where it begins, ascending, at
     * most ACK_REFUSED_MAX: told again when the session opens, because an ack
     * may have been lost with the link. Borrowed for session_new(). */
    const struct refusal *refusals;
    size_t refusal_count;
};

enum session_event_kind {
    SESSION_UP,     /* child: the link is up */
    SESSION_FRAME,  /* bytes from the peer */
    SESSION_STORED, /* the changesets of the last STORE are durable */
    SESSION_WALKED, /* the answer to WALK */
    SESSION_NEWS,   /* our journal grew to `position` */
    SESSION_DIGEST, /* the driver's digest for this child, parent only */
    SESSION_TICK,   /* time passed; give one about every second */
};

struct session_event {
    enum session_event_kind kind;
    int64_t now_ms;  /* monotonic, from any start; for silence and heartbeats */
    int64_t time_ms; /* wall clock; only ever told to the peer */
    union {
        struct slice frame;
        struct {
            /* Borrowed; positions ascend and are of that STORE. */
            const struct refusal *refusals;
            size_t refusal_count;
        } stored;
        struct {
            /* What is due, in full: the session decides which origin and prev
             * to leave out. At most MESSAGE_CHANGESETS_MAX, and gathered up to
             * MESSAGE_TARGET_BYTES of leaves, or a single larger one. None and
             * a position at the head of the journal: nothing due. */
            const struct travelling *items; /* borrowed */
            size_t count;
            uint64_t position; /* walked so far */
            bool end;          /* the journal's end was reached */
        } walked;
        uint64_t position;
        const struct digest *digest;
    } as;
};

enum session_action_kind {
    SESSION_SEND,     /* `frame` */
    SESSION_STORE,    /* `changesets`, then give SESSION_STORED; this one is
                        valid until then */
    SESSION_WALK,     /* from `position`, then give SESSION_WALKED */
    SESSION_OPENED,   /* greeting accepted */
    SESSION_PUT_BACK, /* `position` of the peer's journal: what we lost is
                        before it, as far as it is there */
    SESSION_ACKED,    /* `position` of our journal is durable at the peer;
                        `refusals` among it were not taken */
    SESSION_SETTLED,  /* nothing due, nothing in flight, said once after each
                        time there was: a parent may answer with
                        SESSION_DIGEST */
    SESSION_COMPARE,  /* `digest`: what the parent says we should hold */
    SESSION_CLOSE,    /* `code` and `sentence`; drop the link */
};

struct session_action {
    enum session_action_kind kind;
    union {
        struct slice frame;
        const struct changesets *changesets; /* origin and prev as they came,
                                                 origin filled in */
        struct {
            uint64_t position;
        } walk;
        struct {
            uint64_t position;
        } put_back;
        struct {
            uint32_t schema_version;
            int64_t time_ms;    /* the peer's wall clock */
            uint64_t journal;   /* the peer's */
            uint64_t start;     /* the peer's */
            uint64_t head;      /* the last position of its journal */
            uint64_t give_back; /* up to here of our journal also what came
                                   from it is due */
        } opened;
        struct {
            uint64_t position;
            const struct refusal *refusals;
            size_t refusal_count;
        } acked;
        struct {
            const struct digest *digest;
            bool current; /* we hold the parent's journal up to its position */
        } compare;
        struct {
            int code;
            char sentence[SENTENCE_BYTES_MAX + 1];
        } close;
    } as;
};

/* The most come out of STORED: a message refused whole takes
 * MESSAGE_CHANGESETS_MAX / ACK_REFUSED_MAX acks; then the next STORE. */
enum { SESSION_ACTIONS_MAX = 12 };

/* Borrow from the session: valid until the next step. */
struct session_actions {
    struct session_action items[SESSION_ACTIONS_MAX];
    size_t count;
};

struct session;

struct session *session_new(const struct session_facts *facts);
void session_destroy(struct session **s);

/* Takes one event. Never fails: what is wrong with a peer ends in SESSION_CLOSE
 * (with an error frame before it where the peer can use one). */
void session_step(struct session *s, const struct session_event *event,
                  struct session_actions *ret);

enum session_state session_state(const struct session *s);
/* Our journal up to here is durable at the peer (0: nothing known). */
uint64_t session_acked(const struct session *s);

const char *session_state_word(enum session_state state);

#endif
