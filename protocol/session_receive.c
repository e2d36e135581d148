/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The receiving half: queues the peer's messages, has them stored one by one,
 * and acknowledges what is durable [I-1].
 */
#include "session_inside.h"

#include <assert.h>

/* Of what was heard under this start of the peer. */
static void say_ack(struct session *s, uint64_t start, uint64_t position,
                    const struct refusal *refusals, size_t count)
{
    struct message m = {.kind = MESSAGE_ACK};
    m.as.ack.journal = s->facts.journal;
    m.as.ack.token.journal = s->peer_journal;
    m.as.ack.token.position = position;
    m.as.ack.token.start = start;
    m.as.ack.refusals = (struct refusal *)refusals; /* only read */
    m.as.ack.refusal_count = count;
    session_say(s, &m);
}

void session_receive_open(struct session *s)
{
    struct session_receive *receive = &s->receive;
    receive->token = s->facts.have;
    receive->token.position -= s->facts.again;
    receive->received = receive->token.position;
    if (s->facts.refusal_count > 0) {
        say_ack(s, receive->token.start, receive->token.position,
                s->facts.refusals, s->facts.refusal_count);
    }
}

static void store_first(struct session *s)
{
    struct session_receive *receive = &s->receive;
    struct message *first = &receive->queue[receive->queue_first];
    session_act(s, SESSION_STORE)->as.changesets = &first->as.changesets;
}

/* The origin of an item that leaves it out is that of the one before. */
static void fill_in_origins(struct session *s, struct changesets *changesets)
{
    const struct hash *origin = &s->facts.peer;
    for (size_t i = 0; i < changesets->count; i++) {
        struct travelling *item = &changesets->items[i];
        if (!item->has_origin) {
            item->origin = *origin;
            item->has_origin = true;
        }
        origin = &item->origin;
    }
}

void session_receive_changesets(struct session *s)
{
    struct session_receive *receive = &s->receive;
    struct changesets *changesets = &s->heard.as.changesets;
    /* The sender was put back and does not know the token. */
    if (!receive->heard && changesets->from == 0) {
        receive->received = 0;
        receive->token.position = 0;
    }
    receive->heard = true;
    /* A token that went past what was lost would never come back to it. */
    if (changesets->from != receive->received) {
        session_refuse(s, ERR_STATE,
                       "changesets from position %llu on come after position "
                       "%llu: something on the way lost or repeated a message",
                       (unsigned long long)changesets->from,
                       (unsigned long long)receive->received);
        return;
    }
    if (receive->queue_count == CREDIT_MESSAGES) {
        session_refuse(s, ERR_LIMIT,
                       "more than the %d messages of the credit are in flight",
                       CREDIT_MESSAGES);
        return;
    }
    fill_in_origins(s, changesets);
    receive->received = changesets->position;
    size_t end =
        (receive->queue_first + receive->queue_count) % CREDIT_MESSAGES;
    receive->queue[end] = s->heard; /* which owns nothing any more */
    s->heard = (struct message){0};
    receive->queue_count++;
    if (receive->queue_count == 1) {
        store_first(s);
    }
}

/* More refusals than an ack may name go in several, each of which covers the
 * last it names. */
static void acknowledge(struct session *s, const struct refusal *refusals,
                        size_t count)
{
    while (count > ACK_REFUSED_MAX) {
        say_ack(s, s->peer_start, refusals[ACK_REFUSED_MAX - 1].position,
                refusals, ACK_REFUSED_MAX);
        refusals += ACK_REFUSED_MAX;
        count -= ACK_REFUSED_MAX;
    }
    say_ack(s, s->peer_start, s->receive.token.position, refusals, count);
}

void session_receive_stored(struct session *s,
                            const struct session_event *event)
{
    struct session_receive *receive = &s->receive;
    const struct refusal *refusals = event->as.stored.refusals;
    size_t count = event->as.stored.refusal_count;
    assert(receive->queue_count > 0);
    struct message *first = &receive->queue[receive->queue_first];
    assert(count <= first->as.changesets.count);
    assert(count == 0 ||
           (refusals[0].position > receive->token.position &&
            refusals[count - 1].position <= first->as.changesets.position));
    receive->token.position = first->as.changesets.position;
    acknowledge(s, refusals, count);
    message_clear(first);
    receive->queue_first = (receive->queue_first + 1) % CREDIT_MESSAGES;
    receive->queue_count--;
    if (receive->queue_count > 0) {
        store_first(s);
    }
}

void session_receive_digest(struct session *s)
{
    const struct digest *digest = &s->heard.as.digest;
    struct session_action *action = session_act(s, SESSION_COMPARE);
    action->as.compare.digest = digest;
    action->as.compare.current = s->receive.token.position >= digest->position;
}

void session_receive_clear(struct session *s)
{
    for (size_t i = 0; i < CREDIT_MESSAGES; i++) {
        message_clear(&s->receive.queue[i]);
    }
}
