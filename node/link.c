/* SPDX-License-Identifier: Apache-2.0 */
#include "node/link.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"
#include "node/outbox.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* `status` says when a neighbour was last heard: to five minutes. More
     * often would write to the disk of an idle node. */
    HEARD_NOTE_MS = 5 * 60 * 1000,
    /* A clock this far off is worth a line; FUTURE_MS_MAX refuses. */
    CLOCK_OFF_MS = FUTURE_MS_MAX / 2,
};

struct link {
    struct replica *replica;
    struct peer peer;
    struct session *session;
    struct outbox *outbox;
    struct route route;
    bool closed;
    bool settled;
    /* what the session asked for and has not got yet */
    const struct changesets *storing; /* NULL: nothing */
    bool walking;
    uint64_t walk_from;
    bool digest_due;
    bool acked_due;
    uint64_t acked;
    /* a replica that is busy or full */
    int64_t retry_ms;
    int waiting_for; /* ERR_* said in the log, 0: not waiting */
    int64_t heard_ms;
    int64_t noted_ms;
};

static const char *name_of(const struct link *l)
{
    return l->peer.site;
}

/* --- life ---------------------------------------------------------------- */

static struct session *session_of(const struct replica *r,
                                  const struct peer *peer)
{
    const struct replica_self *self = replica_self(r);
    struct session_facts facts = {
        .role = peer->neighbour == NEIGHBOUR_PARENT ? SESSION_CHILD
                                                    : SESSION_PARENT,
        .network = self->network,
        .node = self->node,
        .certificate = self->certificate,
        .schema_version = self->schema_version,
        .journal = self->journal,
        .head = self->head,
        .peer = peer->node,
        .have = peer->have,
    };
    return session_new(&facts);
}

struct link *link_new(struct replica *r, const struct peer *peer,
                      struct transport *t, const struct route *to)
{
    assert(peer->neighbour != NEIGHBOUR_NONE);
    assert((peer->neighbour == NEIGHBOUR_PARENT) == (to == NULL));
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        abort();
    }
    l->replica = r;
    l->peer = *peer;
    l->session = session_of(r, peer);
    if (to != NULL) {
        l->route = *to;
    }
    l->outbox = outbox_new(t, to != NULL ? &l->route : NULL);
    l->heard_ms = clock_mono_ms();
    l->noted_ms = l->heard_ms;
    return l;
}

void link_destroy(struct link **l)
{
    struct link *old = *l;
    *l = NULL;
    if (old == NULL) {
        return;
    }
    session_destroy(&old->session);
    outbox_destroy(&old->outbox);
    free(old);
}

bool link_is_closed(const struct link *l)
{
    return l->closed;
}

bool link_has_settled(const struct link *l)
{
    return l->settled;
}

const struct peer *link_peer(const struct link *l)
{
    return &l->peer;
}

const struct route *link_route(const struct link *l)
{
    return &l->route;
}

enum session_state link_state(const struct link *l)
{
    return session_state(l->session);
}

/* --- notes for status ---------------------------------------------------- */

/* A note that cannot be written now is not worth waiting for. */
static int note(struct link *l, struct peer_note *n, struct err *e)
{
    n->now_ms = clock_wall_ms();
    l->noted_ms = clock_mono_ms();
    int rc = replica_note_peer(l->replica, &l->peer.node, n, e);
    return rc != 0 && fault_of(rc) == FAULT_FATAL ? rc : 0;
}

/* --- closing ------------------------------------------------------------- */

/* Nothing more comes of this link; what waits to be sent still may. */
static int close_link(struct link *l, const char *sentence, struct err *e)
{
    struct peer_note n = {.says = sentence};
    assert(!l->closed);
    log_warning(name_of(l), "%s -> link closed", sentence);
    l->closed = true;
    l->storing = NULL;
    l->walking = false;
    l->digest_due = false;
    return note(l, &n, e);
}

static int send_frame(struct link *l, struct slice frame, struct err *e)
{
    struct err cause;
    if (outbox_send(l->outbox, frame, &cause) == 0) {
        return 0;
    }
    return l->closed ? 0 : close_link(l, cause.text, e);
}

/* Tells the peer why, and closes. */
static int refuse(struct link *l, const struct err *cause, struct err *e)
{
    struct message m = {.kind = MESSAGE_ERROR};
    struct bytes frame = {0};
    m.as.error.code = cause->code;
    message_sentence(cause->text, m.as.error.sentence);
    message_encode(&m, &frame);
    int rc = close_link(l, cause->text, e);
    if (rc == 0) {
        rc = send_frame(l, slice_of(&frame), e);
    }
    bytes_free(&frame);
    return rc;
}

/* What an error of the replica means for this link; 0 unless it must stop the
 * node. `cause` and `e` may be one. */
static int failed(struct link *l, const struct err *cause, struct err *e)
{
    struct err copy = *cause;
    switch (fault_of(copy.code)) {
    case FAULT_WAIT:
        l->retry_ms = clock_mono_ms() + fault_wait_ms(copy.code);
        if (l->waiting_for != copy.code) {
            l->waiting_for = copy.code;
            log_warning(name_of(l),
                        "%s -> nothing is taken in or given out until it "
                        "works again",
                        copy.text);
        }
        return 0;
    case FAULT_OTHER:
        return refuse(l, &copy, e);
    case FAULT_FATAL:
        break;
    }
    *e = copy;
    return e->code;
}

static void worked(struct link *l)
{
    if (l->waiting_for != 0) {
        l->waiting_for = 0;
        log_info(name_of(l), "the replica works again -> going on");
    }
}

/* --- actions of the session ---------------------------------------------- */

static int opened(struct link *l, const struct session_action *action,
                  struct err *e)
{
    int64_t offset_ms = action->as.opened.time_ms - clock_wall_ms();
    struct peer_note n = {.greeted = true, .offset_ms = offset_ms};
    /* of a journal with another id nothing is held */
    if (l->peer.have.journal != action->as.opened.journal) {
        l->peer.have = (struct token){.journal = action->as.opened.journal};
    }
    log_info(name_of(l), "link open, schema %" PRIu32 " there",
             action->as.opened.schema_version);
    if (offset_ms > CLOCK_OFF_MS || offset_ms < -CLOCK_OFF_MS) {
        log_warning(name_of(l),
                    "its clock is %" PRId64 " seconds %s ours -> set the wrong "
                    "one; what is stamped more than %d seconds ahead is not "
                    "taken",
                    (offset_ms < 0 ? -offset_ms : offset_ms) / 1000,
                    offset_ms < 0 ? "behind" : "ahead of",
                    FUTURE_MS_MAX / 1000);
    }
    return note(l, &n, e);
}

static void acked(struct link *l, const struct session_action *action)
{
    l->acked = action->as.acked.position;
    l->acked_due = true;
    for (size_t i = 0; i < action->as.acked.refusal_count; i++) {
        const struct refusal *refusal = &action->as.acked.refusals[i];
        log_warning(name_of(l),
                    "changeset at position %" PRIu64 " was refused there (%s): "
                    "%s -> it stays here",
                    refusal->position, err_word(refusal->code),
                    refusal->sentence);
    }
}

static int settled(struct link *l, struct err *e)
{
    struct peer_note n = {0};
    log_debug(name_of(l), "nothing due, nothing in flight");
    l->settled = true;
    if (l->peer.neighbour == NEIGHBOUR_CHILD) {
        l->digest_due = true;
        return note(l, &n, e);
    }
    return 0;
}

static int differs(struct link *l, const struct compared *c, struct err *e)
{
    char says[ERR_TEXT_BYTES];
    struct peer_note n = {.says = says};
    (void)snprintf(says, sizeof says,
                   "digests differ: of %s it says %" PRIu64
                   " leaves are for us, we hold %" PRIu64,
                   replica_site_of(l->replica, &c->origin), c->theirs, c->ours);
    log_error(name_of(l), "%s -> run 'sangam verify'", says);
    return note(l, &n, e);
}

static int compare(struct link *l, const struct session_action *action,
                   struct err *e)
{
    struct compared c = {0};
    struct peer_note n = {0};
    if (!action->as.compare.current) {
        return 0; /* more is on its way, and another digest after it */
    }
    int rc = replica_compare(l->replica, action->as.compare.digest, &c, e);
    if (rc != 0) {
        return fault_of(rc) == FAULT_WAIT ? 0 : failed(l, e, e);
    }
    if (!c.equal) {
        return differs(l, &c, e);
    }
    n.synced = !c.incomplete;
    log_debug(name_of(l), "digests agree%s",
              c.incomplete ? ", some of ours are not there yet" : "");
    return note(l, &n, e);
}

static int act(struct link *l, const struct session_action *action,
               struct err *e)
{
    switch (action->kind) {
    case SESSION_SEND:
        return send_frame(l, action->as.frame, e);
    case SESSION_STORE:
        assert(l->storing == NULL);
        l->storing = action->as.changesets;
        return 0;
    case SESSION_WALK:
        assert(!l->walking);
        l->walking = true;
        l->walk_from = action->as.walk.position;
        return 0;
    case SESSION_OPENED:
        return opened(l, action, e);
    case SESSION_ACKED:
        acked(l, action);
        return 0;
    case SESSION_SETTLED:
        return settled(l, e);
    case SESSION_COMPARE:
        return compare(l, action, e);
    case SESSION_CLOSE:
        return l->closed ? 0 : close_link(l, action->as.close.sentence, e);
    }
    abort();
}

/* Gives the session an event and does what it says, in its order. */
static int step(struct link *l, struct session_event *event, struct err *e)
{
    struct session_actions actions;
    int rc = 0;
    if (l->closed) {
        return 0;
    }
    event->now_ms = clock_mono_ms();
    event->time_ms = clock_wall_ms();
    session_step(l->session, event, &actions);
    for (size_t i = 0; rc == 0 && i < actions.count && !l->closed; i++) {
        rc = act(l, &actions.items[i], e);
    }
    return rc;
}

/* --- events -------------------------------------------------------------- */

int link_up(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_UP};
    return step(l, &event, e);
}

int link_frame(struct link *l, struct slice frame, struct err *e)
{
    struct session_event event = {.kind = SESSION_FRAME, .as.frame = frame};
    l->heard_ms = clock_mono_ms();
    return step(l, &event, e);
}

int link_tick(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_TICK};
    struct peer_note n = {0};
    int rc = step(l, &event, e);
    if (rc == 0 && !l->closed && link_state(l) == SESSION_OPEN &&
        l->heard_ms - l->noted_ms >= HEARD_NOTE_MS) {
        rc = note(l, &n, e);
    }
    return rc;
}

int link_news(struct link *l, uint64_t head, struct err *e)
{
    struct session_event event = {.kind = SESSION_NEWS, .as.position = head};
    return step(l, &event, e);
}

/* --- work ---------------------------------------------------------------- */

static void tell_stored(const struct link *l, const struct stored *s)
{
    if (s->refused > 0) {
        log_warning(name_of(l),
                    "%" PRIu64 " leaves refused: %s -> kept, not "
                    "shown; 'sangam status' counts them",
                    s->refused,
                    s->refusal_count > 0 ? s->refusals[0].sentence : "see why");
    }
    if (s->changesets > 0) {
        log_debug(name_of(l),
                  "%" PRIu64 " changesets, %" PRIu64 " leaves, %" PRIu64
                  " of them waiting -> durable, acknowledged",
                  s->changesets, s->leaves, s->waiting);
    }
}

static int store(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_STORED};
    struct stored *s = calloc(1, sizeof *s); /* 33 KiB, much for a stack */
    if (s == NULL) {
        abort();
    }
    int rc = replica_store(l->replica, &l->peer, l->peer.have.journal,
                           l->storing, clock_wall_ms(), s, e);
    if (rc == 0) {
        worked(l);
        tell_stored(l, s);
        l->peer.have.position = l->storing->position;
        l->storing = NULL;
        event.as.stored.refusals = s->refusals;
        event.as.stored.refusal_count = s->refusal_count;
        rc = step(l, &event, e);
    } else {
        rc = failed(l, e, e);
    }
    free(s);
    return rc;
}

static int walk(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_WALKED};
    struct walked w = {0};
    int rc = replica_walk(l->replica, &l->peer, l->walk_from,
                          MESSAGE_TARGET_BYTES, &w, e);
    if (rc != 0) {
        return failed(l, e, e);
    }
    worked(l);
    l->walking = false;
    event.as.walked.items = w.items;
    event.as.walked.count = w.count;
    event.as.walked.position = w.position;
    event.as.walked.end = w.end;
    rc = step(l, &event, e);
    walked_clear(&w);
    return rc;
}

static int say_digest(struct link *l, struct err *e)
{
    struct digest digest = {0};
    struct session_event event = {.kind = SESSION_DIGEST, .as.digest = &digest};
    int rc = replica_digest(l->replica, &l->peer, &digest, e);
    if (rc != 0) {
        return failed(l, e, e);
    }
    worked(l);
    l->digest_due = false;
    rc = step(l, &event, e);
    free(digest.origins);
    return rc;
}

static int note_acked(struct link *l, struct err *e)
{
    int rc = replica_acked(l->replica, &l->peer.node, l->acked, e);
    if (rc != 0) {
        return failed(l, e, e);
    }
    worked(l);
    l->acked_due = false;
    return 0;
}

static bool has_work(const struct link *l)
{
    return l->acked_due || l->storing != NULL || l->walking || l->digest_due;
}

int64_t link_due_ms(const struct link *l)
{
    if (!outbox_is_empty(l->outbox)) {
        return outbox_due_ms(l->outbox);
    }
    if (l->closed || !has_work(l)) {
        return INT64_MAX;
    }
    return l->retry_ms;
}

int link_work(struct link *l, struct err *e)
{
    struct err cause;
    int64_t due_ms = link_due_ms(l);
    if (due_ms == INT64_MAX || due_ms > clock_mono_ms()) {
        return 0;
    }
    if (!outbox_is_empty(l->outbox)) {
        int rc = outbox_flush(l->outbox, &cause);
        return rc == 0 || l->closed ? 0 : close_link(l, cause.text, e);
    }
    if (l->acked_due) {
        return note_acked(l, e);
    }
    if (l->storing != NULL) {
        return store(l, e);
    }
    return l->walking ? walk(l, e) : say_digest(l, e);
}
