/* SPDX-License-Identifier: Apache-2.0 */
#include "node/link_inside.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* `status` says when a neighbour was last heard: to five minutes. More
     * often would write to the disk of an idle node. */
    HEARD_NOTE_MS = 5 * 60 * 1000,
    /* A clock this far off is worth a line. */
    CLOCK_OFF_MS = FUTURE_MS_MAX / 2,
};

/* --- life ---------------------------------------------------------------- */

static struct session *session_of(struct replica *r, const struct peer *peer)
{
    const struct replica_self *self = replica_self(r);
    struct session *session;
    struct refusal *refusals = calloc(ACK_REFUSED_MAX, sizeof *refusals);
    size_t refusal_count = 0;
    struct err e = {0};
    if (refusals == NULL) {
        abort();
    }
    /* one that cannot be read now is told when it comes again */
    if (replica_refusals(r, peer, refusals, ACK_REFUSED_MAX, &refusal_count,
                         &e) != 0) {
        log_warning(peer->site, "%s -> it is not told what was refused",
                    e.text);
        refusal_count = 0;
    }
    struct session_facts facts = {
        .role = peer->neighbour == NEIGHBOUR_PARENT ? SESSION_CHILD
                                                    : SESSION_PARENT,
        .network = self->network,
        .node = self->node,
        .certificate = self->certificate,
        .schema_version = self->schema_version,
        .journal = self->journal,
        .lineage = &self->lineage,
        .head = self->head,
        .peer = peer->node,
        .have = peer->have,
        .again = peer->again,
        .give_back = peer_give_back(peer),
        .knows_loss = lineage_runs(&self->lineage, peer->lost_start),
        .refusals = refusals,
        .refusal_count = refusal_count,
    };
    session = session_new(&facts);
    free(refusals);
    return session;
}

struct link *link_new(struct replica *r, struct hold *hold,
                      const struct peer *peer, struct transport *t,
                      const struct route *to)
{
    assert(peer->neighbour != NEIGHBOUR_NONE);
    assert((peer->neighbour == NEIGHBOUR_PARENT) == (to == NULL));
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        abort();
    }
    l->replica = r;
    l->hold = hold;
    l->peer = *peer;
    /* one that cannot be moved now is the next time */
    struct err e = {0};
    if (replica_ask_again(r, &l->peer, clock_wall_ms(), &e) != 0) {
        log_warning(peer->site, "%s -> what was refused is not asked for again",
                    e.text);
    }
    l->session = session_of(r, &l->peer);
    if (to != NULL) {
        l->route = *to;
    }
    l->outbox = outbox_new(t, to != NULL ? &l->route : NULL);
    l->noted_ms = clock_mono_ms();
    l->digest_ms = INT64_MAX;
    l->acked_ms = INT64_MAX;
    link_plan_asking(l);
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
    free(old->refusals);
    outbox_destroy(&old->outbox);
    free(old);
}

bool link_is_closed(const struct link *l)
{
    return l->closed;
}

bool link_was_good(const struct link *l)
{
    return l->settled ||
           (l->opened_ms != 0 && clock_mono_ms() - l->opened_ms >= SILENCE_MS);
}

int64_t link_heard_ms(const struct link *l)
{
    return l->heard_ms;
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

/* A note says when the peer was heard. One that cannot be written now is not
 * worth waiting for. */
int link_note(struct link *l, struct peer_note *n, struct err *e)
{
    l->noted_ms = clock_mono_ms();
    n->now_ms = clock_wall_ms() - (l->noted_ms - l->heard_ms);
    if (l->heard_ms == 0 || hold_blocks(l->hold, l->noted_ms)) {
        return 0;
    }
    int rc = replica_note_peer(l->replica, &l->peer.node, n, e);
    if (rc != 0 && fault_of(rc) == FAULT_WAIT) {
        hold_begin(l->hold, e);
    }
    return rc != 0 && fault_of(rc) == FAULT_FATAL ? rc : 0;
}

/* --- what was refused ----------------------------------------------------- */

void link_plan_asking(struct link *l)
{
    struct err e = {0};
    int64_t now_ms = clock_wall_ms();
    int64_t at_ms = INT64_MAX;
    if (replica_asks_at(l->replica, &l->peer, now_ms, &at_ms, &e) != 0) {
        log_warning(l->peer.site,
                    "%s -> what was refused is asked for again "
                    "on the next link only",
                    e.text);
    }
    l->ask_ms =
        at_ms == INT64_MAX ? INT64_MAX : clock_mono_ms() + (at_ms - now_ms);
}

/* --- closing ------------------------------------------------------------- */

int link_close(struct link *l, const char *sentence, struct err *e)
{
    struct peer_note n = {.says = sentence};
    assert(!l->closed);
    log_warning(l->peer.site, "%s -> link closed", sentence);
    l->closed = true;
    l->acked_ms = INT64_MAX;
    l->take_back = 0;
    l->storing = NULL;
    l->walking = false;
    l->digest_ms = INT64_MAX;
    return link_note(l, &n, e);
}

static int send_frame(struct link *l, struct slice frame, struct err *e)
{
    struct err cause;
    if (outbox_send(l->outbox, frame, &cause) == 0) {
        return 0;
    }
    return l->closed ? 0 : link_close(l, cause.text, e);
}

/* Tells the peer why, and closes. */
static int refuse(struct link *l, const struct err *cause, struct err *e)
{
    struct message m = {.kind = MESSAGE_ERROR};
    struct bytes frame = {0};
    m.as.error.code = cause->code;
    message_sentence(cause->text, m.as.error.sentence);
    message_encode(&m, &frame);
    int rc = link_close(l, cause->text, e);
    if (rc == 0) {
        rc = send_frame(l, slice_of(&frame), e);
    }
    bytes_free(&frame);
    return rc;
}

int link_failed(struct link *l, const struct err *cause, struct err *e)
{
    struct err copy = *cause;
    switch (fault_of(copy.code)) {
    case FAULT_WAIT:
        hold_begin(l->hold, &copy);
        return 0;
    case FAULT_OTHER:
        return refuse(l, &copy, e);
    case FAULT_FATAL:
        break;
    }
    *e = copy;
    return e->code;
}

/* --- what need not be at once --------------------------------------------- */

/* Now, or SETTLED_MS after the last time. */
static int64_t not_before_ms(int64_t last_ms)
{
    int64_t now_ms = clock_mono_ms();
    bool wait = last_ms != 0 && now_ms - last_ms < SETTLED_MS;
    return wait ? last_ms + SETTLED_MS : now_ms;
}

/* A person waits to read that the parent has a change; what a child has is
 * told again when it greets. */
static void acked_to(struct link *l, uint64_t position)
{
    bool child = l->peer.neighbour == NEIGHBOUR_CHILD;
    l->acked = position;
    l->acked_ms = child ? not_before_ms(l->acked_noted_ms) : 0;
}

/* --- actions of the session ---------------------------------------------- */

/* Children learn the time from us, as our parent tells it; the parent learns
 * how wrong our own clock is. */
static int64_t time_for(const struct link *l)
{
    return clock_wall_ms() +
           (l->peer.neighbour == NEIGHBOUR_CHILD ? clock_correction_ms() : 0);
}

/* What the peer said cannot be written down now, and must be: the next link says
 * it again. */
static int not_noted(struct link *l, struct err *e)
{
    struct err cause = *e;
    return fault_of(cause.code) == FAULT_FATAL ? cause.code
                                               : link_close(l, cause.text, e);
}

/* At once: what it refused is known to be refused until this is written. */
static int acknowledged_less(struct link *l, struct err *e)
{
    l->acked = session_acked(l->session);
    int rc = replica_acked(l->replica, &l->peer.node, l->acked, e);
    return rc == 0 ? 0 : not_noted(l, e);
}

static int opened(struct link *l, const struct session_action *action,
                  struct err *e)
{
    bool parent = l->peer.neighbour == NEIGHBOUR_PARENT;
    if (parent) {
        clock_learn(action->as.opened.time_ms);
        replica_correct(l->replica, clock_correction_ms());
    }
    int64_t offset_ms = action->as.opened.time_ms - time_for(l);
    struct peer_note n = {.greeted = true, .offset_ms = offset_ms};
    /* its greeting may acknowledge what an ack was lost for, */
    if (session_acked(l->session) > l->peer.acked) {
        acked_to(l, session_acked(l->session));
    }
    /* of a journal with another id nothing is held */
    if (l->peer.have.journal != action->as.opened.journal) {
        l->peer.have = (struct token){.journal = action->as.opened.journal};
    }
    l->peer.have.start = action->as.opened.start;
    l->peer.return_until = action->as.opened.give_back;
    l->head = action->as.opened.head;
    l->opened_ms = clock_mono_ms();
    log_info(l->peer.site, "link open, schema %" PRIu32 " there",
             action->as.opened.schema_version);
    if (offset_ms > CLOCK_OFF_MS || offset_ms < -CLOCK_OFF_MS) {
        log_warning(l->peer.site,
                    "its clock is %" PRId64 " seconds %s ours -> set the wrong "
                    "one; %s",
                    (offset_ms < 0 ? -offset_ms : offset_ms) / 1000,
                    offset_ms < 0 ? "behind" : "ahead of",
                    parent ? "stamps follow the parent's meanwhile"
                           : "its stamps follow ours meanwhile");
    }
    int rc = link_note(l, &n, e);
    /* or less than before: it was put back, or asks again for what it refused */
    return rc == 0 && !l->closed && session_acked(l->session) < l->peer.acked
               ? acknowledged_less(l, e)
               : rc;
}

/* Nobody else can say so: the copy knows nothing of what came after it. */
static int put_back(struct link *l, const struct session_action *action,
                    struct err *e)
{
    log_error(l->peer.site,
              "it holds more of this node than the replica here: this was put "
              "back from a copy, or runs twice -> what was lost is asked back "
              "from there; what had not left is gone");
    int rc = replica_put_back(l->replica, &l->peer.node,
                              action->as.put_back.position, e);
    return rc == 0 ? 0 : link_failed(l, e, e);
}

/* What it refuses of an origin is no more there for being acknowledged. */
static int barred(struct link *l, const struct refusal *refusal, struct err *e)
{
    log_warning(l->peer.site,
                "changeset at position %" PRIu64 " was refused there (%s): %s "
                "-> it stays here, with what follows of its writer, until it "
                "is asked for again",
                refusal->position, err_word(refusal->code), refusal->sentence);
    int rc = replica_barred_there(l->replica, &l->peer.node, refusal, e);
    return rc == 0 ? 0 : not_noted(l, e);
}

static int acked(struct link *l, const struct session_action *action,
                 struct err *e)
{
    int rc = 0;
    acked_to(l, action->as.acked.position);
    for (size_t i = 0;
         rc == 0 && !l->closed && i < action->as.acked.refusal_count; i++) {
        const struct refusal *refusal = &action->as.acked.refusals[i];
        if (refusal->code != ERR_FUTURE) {
            rc = barred(l, refusal, e);
        } else if (l->peer.neighbour == NEIGHBOUR_PARENT && l->take_back == 0) {
            l->take_back = refusal->position;
            log_warning(l->peer.site,
                        "changeset at position %" PRIu64 " was refused there: "
                        "%s -> it and what follows are signed anew",
                        refusal->position, refusal->sentence);
        }
    }
    return rc;
}

static void settled(struct link *l)
{
    log_debug(l->peer.site, "nothing due, nothing in flight");
    l->settled = true;
    if (l->peer.neighbour == NEIGHBOUR_CHILD) {
        l->settled_head = replica_self(l->replica)->head;
        l->digest_ms = not_before_ms(l->digest_said_ms);
    }
}

static int differs(struct link *l, const struct compared *c, struct err *e)
{
    char says[ERR_TEXT_BYTES];
    struct peer_note n = {.says = says};
    (void)snprintf(says, sizeof says,
                   "digests differ: of %s it says %" PRIu64
                   " leaves are for us, we hold %" PRIu64,
                   replica_site_of(l->replica, &c->origin), c->theirs, c->ours);
    log_error(l->peer.site, "%s -> run 'sangam verify'", says);
    return link_note(l, &n, e);
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
        return fault_of(rc) == FAULT_WAIT ? 0 : link_failed(l, e, e);
    }
    if (!c.equal) {
        return differs(l, &c, e);
    }
    n.synced = !c.incomplete;
    log_debug(l->peer.site, "digests agree%s",
              c.incomplete ? ", some of ours are not there yet" : "");
    return link_note(l, &n, e);
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
    case SESSION_PUT_BACK:
        return put_back(l, action, e);
    case SESSION_ACKED:
        return acked(l, action, e);
    case SESSION_SETTLED:
        settled(l);
        return 0;
    case SESSION_COMPARE:
        return compare(l, action, e);
    case SESSION_CLOSE:
        return l->closed ? 0 : link_close(l, action->as.close.sentence, e);
    }
    abort();
}

int link_step(struct link *l, struct session_event *event, struct err *e)
{
    struct session_actions actions;
    int rc = 0;
    if (l->closed) {
        return 0;
    }
    event->now_ms = clock_mono_ms();
    event->time_ms = time_for(l);
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
    return link_step(l, &event, e);
}

int link_frame(struct link *l, struct slice frame, struct err *e)
{
    struct session_event event = {.kind = SESSION_FRAME, .as.frame = frame};
    l->heard_ms = clock_mono_ms();
    return link_step(l, &event, e);
}

/* A greeting says from where; so both ends are to begin anew. */
static int ask_again(struct link *l, struct err *e)
{
    struct err why = {0};
    (void)err_set(&why, ERR_STATE, "what was refused is asked for again");
    return refuse(l, &why, e);
}

int link_tick(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_TICK};
    struct peer_note n = {0};
    int rc = link_step(l, &event, e);
    if (rc == 0 && !l->closed && link_state(l) == SESSION_OPEN &&
        l->heard_ms - l->noted_ms >= HEARD_NOTE_MS) {
        rc = link_note(l, &n, e);
    }
    if (rc == 0 && !l->closed && l->ask_ms <= clock_mono_ms()) {
        rc = ask_again(l, e);
    }
    return rc;
}

int link_news(struct link *l, uint64_t head, struct err *e)
{
    struct session_event event = {.kind = SESSION_NEWS, .as.position = head};
    return link_step(l, &event, e);
}
