/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include <poll.h>

#include "node/clock.h"

enum {
    KNOCK_MS = 500,
    UP_MS = 10 * 1000,
    ANSWER_MS = 5 * 1000,
};

/* --- saying -------------------------------------------------------------- */

int send_frame(struct liar *l, struct slice frame)
{
    struct err e = {0};
    int rc = ERR_BUSY;
    for (int tries = 0; rc == ERR_BUSY && tries < 1000; tries++) {
        rc = transport_send(l->link, NULL, frame, &e);
        if (rc == ERR_BUSY) {
            (void)poll(NULL, 0, 1);
        }
    }
    return rc;
}

void say(struct liar *l, const struct message *m)
{
    struct bytes frame = {0};
    message_encode(m, &frame);
    if (send_frame(l, slice_of(&frame)) != 0) {
        printf("not sent\n");
    }
    bytes_free(&frame);
}

/* --- hearing ------------------------------------------------------------- */

static void print_heard(const struct message *m)
{
    if (m->kind == MESSAGE_ERROR) {
        printf("error: %s\n", m->as.error.sentence);
    }
    for (size_t i = 0; m->kind == MESSAGE_ACK && i < m->as.ack.refusal_count;
         i++) {
        printf("refused: %s\n", m->as.ack.refusals[i].sentence);
    }
    if (m->kind == MESSAGE_ACK) {
        printf("acknowledged to %llu\n",
               (unsigned long long)m->as.ack.token.position);
    }
}

/* What it is told, until a message of this kind, an error, or the end. */
static bool hear(struct liar *l, enum message_kind kind, struct message *ret)
{
    struct err e = {0};
    int64_t end_ms = clock_mono_ms() + ANSWER_MS;
    while (clock_mono_ms() < end_ms) {
        struct inbound in;
        const char *says = NULL;
        if (transport_state(l->link, &says) == TRANSPORT_LOST) {
            printf("lost: %s\n", says);
            return false;
        }
        if (!transport_receive(l->link, &in)) {
            (void)poll(NULL, 0, 5);
            continue;
        }
        if (in.frame.len == 0 || message_decode(in.frame, ret, &e) != 0) {
            continue;
        }
        print_heard(ret);
        if (ret->kind == kind) {
            return true;
        }
        bool over = ret->kind == MESSAGE_ERROR;
        message_clear(ret);
        if (over) {
            return false;
        }
    }
    printf("no answer\n");
    return false;
}

uint64_t start_of(const struct liar *l)
{
    return l->welcome.have.position - l->welcome.again;
}

/* Not what is told again of what was refused before. */
void hear_answer(struct liar *l)
{
    struct message m;
    bool ours = false;
    while (!ours && hear(l, MESSAGE_ACK, &m)) {
        ours = m.as.ack.token.position > start_of(l);
        message_clear(&m);
    }
}

/* --- beginning ----------------------------------------------------------- */

static enum transport_state connect_for(struct liar *l, int64_t ms)
{
    const struct transport_keys keys = {l->keys.curve_public,
                                        l->keys.curve_secret};
    int64_t end_ms = clock_mono_ms() + ms;
    enum transport_state state = TRANSPORT_CALLING;
    transport_destroy(&l->link);
    must(transport_call(replica_self(l->replica)->parent_address,
                        l->parent.curve_public, &keys, &l->link, said));
    while (state == TRANSPORT_CALLING && clock_mono_ms() < end_ms) {
        (void)poll(NULL, 0, 5);
        state = transport_state(l->link, NULL);
    }
    if (state != TRANSPORT_UP) {
        printf("not let in\n");
    }
    return state;
}

void knock(struct liar *l)
{
    (void)connect_for(l, KNOCK_MS);
}

bool call(struct liar *l)
{
    return connect_for(l, UP_MS) == TRANSPORT_UP;
}

struct message hello(struct liar *l)
{
    const struct replica_self *self = replica_self(l->replica);
    return (struct message){.kind = MESSAGE_HELLO,
                            .as.hello = {.protocol = PROTOCOL_VERSION,
                                         .network = self->network,
                                         .node = self->node,
                                         .certificate = self->certificate,
                                         .schema_version = self->schema_version,
                                         .time_ms = clock_wall_ms(),
                                         .journal = self->journal,
                                         .have = l->parent.have,
                                         .start = lineage_start(&self->lineage),
                                         .head = self->head,
                                         .credit = 8}};
}

void greet(struct liar *l)
{
    struct message m = hello(l);
    if (!call(l)) {
        give_up("greet", NULL);
    }
    say(l, &m);
    if (!hear(l, MESSAGE_WELCOME, &m)) {
        give_up("no welcome", NULL);
    }
    l->welcome = m.as.welcome;
    message_clear(&m);
}

/* --- how long ------------------------------------------------------------ */

bool goes_on(void)
{
    static bool told;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (!told) {
        printf("it lasts\n");
        (void)fflush(stdout);
        told = true;
    }
    return poll(&input, 1, 0) == 0;
}
