/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sending half: walks our journal, a message at a time, never more in
 * flight than the peer gave credit for.
 */
#include "session_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void session_send_open(struct session *s, uint64_t from, uint32_t credit)
{
    struct session_send *send = &s->send;
    send->walked = from;
    send->sent = from;
    send->acked = from;
    send->due = send->head > from;
    send->credit = credit < CREDIT_MESSAGES ? credit : CREDIT_MESSAGES;
    session_send_next(s);
}

/* --- messages ------------------------------------------------------------ */

/* Does the receiver know the hash of what comes before `item`, because it was
 * the last we sent of this origin? Notes `item` as the last. */
static bool follows_last_sent(struct session_send *send,
                              const struct travelling *item)
{
    uint64_t place = be64_get(item->origin.bytes) % SENT_ORIGINS;
    struct sent *last = &send->last[place];
    bool follows = last->seq != 0 && last->seq + 1 == item->seq &&
                   last->incarnation == item->prev_incarnation &&
                   hash_equal(&last->origin, &item->origin);
    last->origin = item->origin;
    last->incarnation = item->incarnation;
    last->seq = item->seq;
    return follows;
}

/* Sends the stretch up to `position`; leaves out of `items` what the receiver
 * can compute. */
static void say_changesets(struct session *s, struct travelling *items,
                           size_t count, uint64_t position)
{
    struct session_send *send = &s->send;
    const struct hash *origin = &s->facts.node;
    for (size_t i = 0; i < count; i++) {
        items[i].has_origin = !hash_equal(&items[i].origin, origin);
        items[i].has_prev = !follows_last_sent(send, &items[i]);
        origin = &items[i].origin;
    }
    struct message m = {.kind = MESSAGE_CHANGESETS};
    m.as.changesets.items = items;
    m.as.changesets.count = count;
    m.as.changesets.position = position;
    m.as.changesets.from = send->sent;
    session_say(s, &m);

    assert(send->flight_count < send->credit && position > send->sent);
    size_t end = (send->flight_first + send->flight_count) % CREDIT_MESSAGES;
    if (send->flight_count == 0) {
        send->moved_ms = s->now_ms;
    }
    send->flight[end] = position;
    send->flight_count++;
    send->sent = position;
    send->settled = false;
}

/* Nothing in the stretch walked was for the peer, and nothing else carries the
 * position. */
static void advance(struct session *s)
{
    struct session_send *send = &s->send;
    if (send->advanced && s->now_ms - send->advanced_ms < ADVANCE_MS) {
        return; /* a tick comes back to it */
    }
    send->advanced = true;
    send->advanced_ms = s->now_ms;
    say_changesets(s, NULL, 0, send->walked);
}

void session_send_next(struct session *s)
{
    struct session_send *send = &s->send;
    if (send->walking) {
        return;
    }
    if (send->due) {
        if (send->flight_count < send->credit) {
            send->walking = true;
            session_act(s, SESSION_WALK)->as.walk.position = send->walked;
        }
        return;
    }
    if (send->flight_count > 0) {
        return;
    }
    if (send->walked > send->sent) {
        advance(s);
    } else if (!send->settled) {
        send->settled = true;
        (void)session_act(s, SESSION_SETTLED);
    }
}

/* --- events -------------------------------------------------------------- */

void session_send_walked(struct session *s, const struct session_event *event)
{
    struct session_send *send = &s->send;
    const struct travelling *items = event->as.walked.items;
    size_t count = event->as.walked.count;
    uint64_t position = event->as.walked.position;
    assert(send->walking);
    assert(position > send->walked || event->as.walked.end);
    assert(position >= send->walked);
    assert(count <= MESSAGE_CHANGESETS_MAX);
    assert(count == 0 || (items[0].position > send->walked &&
                          items[count - 1].position <= position));
    send->walking = false;
    send->walked = position;
    send->head = position > send->head ? position : send->head;
    send->due = !event->as.walked.end || send->head > position;
    if (count > 0) {
        struct travelling *copy = malloc(count * sizeof *copy);
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, items, count * sizeof *copy);
        say_changesets(s, copy, count, position);
        free(copy);
    }
    session_send_next(s);
}

void session_send_news(struct session *s, uint64_t position)
{
    struct session_send *send = &s->send;
    if (position > send->head) {
        send->head = position;
        send->due = send->due || position > send->walked;
    }
    session_send_next(s);
}

void session_send_acked(struct session *s, const struct ack *ack)
{
    struct session_send *send = &s->send;
    if (ack->journal != s->peer_journal ||
        ack->token.journal != s->facts.journal) {
        session_refuse(s, ERR_STATE, "the ack is of other journals");
        return;
    }
    /* Repeated from before this node was put back: of another branch. */
    if (ack->token.start != lineage_start(s->facts.lineage) &&
        !lineage_has(s->facts.lineage, s->facts.journal, send->head,
                     &ack->token)) {
        (void)session_heard_idle(s);
        return;
    }
    if (ack->token.position < send->acked || ack->token.position > send->sent) {
        session_refuse(s, ERR_STATE,
                       "the ack is of position %llu, but %llu was acknowledged "
                       "and %llu sent",
                       (unsigned long long)ack->token.position,
                       (unsigned long long)send->acked,
                       (unsigned long long)send->sent);
        return;
    }
    if (ack->token.position == send->acked && !session_heard_idle(s)) {
        return;
    }
    send->acked = ack->token.position;
    while (send->flight_count > 0 &&
           send->flight[send->flight_first] <= send->acked) {
        send->flight_first = (send->flight_first + 1) % CREDIT_MESSAGES;
        send->flight_count--;
        send->moved_ms = s->now_ms;
    }
    struct session_action *action = session_act(s, SESSION_ACKED);
    action->as.acked.position = send->acked;
    action->as.acked.refusals = ack->refusals;
    action->as.acked.refusal_count = ack->refusal_count;
    session_send_next(s);
}

/* The last message of a stretch, or its ack, can be lost on a link on which both
 * go on hearing each other, and nothing that follows shows the gap. */
bool session_send_is_stuck(struct session *s)
{
    const struct session_send *send = &s->send;
    if (send->flight_count == 0 || s->now_ms - send->moved_ms < UNACKED_MS) {
        return false;
    }
    session_refuse(s, ERR_TIMEOUT,
                   "nothing after position %llu was acknowledged for %lld "
                   "seconds",
                   (unsigned long long)send->acked,
                   (long long)((s->now_ms - send->moved_ms) / 1000));
    return true;
}
