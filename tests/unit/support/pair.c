/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/support/pair.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(struct pair *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct pair *p, const char *format, ...)
{
    char line[SENTENCE_BYTES_MAX + 200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    bytes_put(&p->story, line, strlen(line));
    bytes_put(&p->story, "\n", 1);
}

const char *pair_story(struct pair *p)
{
    bytes_put_u8(&p->story, 0);
    p->story.len = 0;
    return (const char *)p->story.data;
}

struct hash pair_hash(uint8_t byte)
{
    struct hash h;
    memset(h.bytes, byte, sizeof h.bytes);
    return h;
}

/* --- life ---------------------------------------------------------------- */

static void node_init(struct pair_node *node, const char *name,
                      enum session_role role)
{
    uint8_t mine = role == SESSION_CHILD ? 'c' : 'p';
    node->name = name;
    node->batch = 4;
    node->stride = PAIR_ENTRIES;
    node->journal = calloc(PAIR_ENTRIES, sizeof *node->journal);
    assert(node->journal != NULL);
    node->starts[0] = (struct start){.id = mine};
    node->lineage = (struct lineage){node->starts, 1};
    node->facts = (struct session_facts){
        .role = role,
        .network = pair_hash('n'),
        .node = pair_hash(mine),
        .certificate = mine,
        .schema_version = 2,
        .journal = mine,
        .lineage = &node->lineage,
        .peer = pair_hash(role == SESSION_CHILD ? 'p' : 'c'),
    };
}

struct pair *pair_new(void)
{
    struct pair *p = calloc(1, sizeof *p);
    assert(p != NULL);
    node_init(&p->nodes[CHILD], "child", SESSION_CHILD);
    node_init(&p->nodes[PARENT], "parent", SESSION_PARENT);
    p->now_ms = 1000000;
    return p;
}

void pair_cut(struct pair *p)
{
    for (size_t i = 0; i < 2; i++) {
        struct pair_node *node = &p->nodes[i];
        session_destroy(&node->session);
        for (size_t k = 0; k < PAIR_FRAMES; k++) {
            bytes_free(&node->inbox[k]);
        }
        node->inbox_count = 0;
        node->store_waits = false;
        node->walk_waits = false;
    }
}

void pair_free(struct pair *p)
{
    pair_cut(p);
    free(p->nodes[CHILD].journal);
    free(p->nodes[PARENT].journal);
    bytes_free(&p->story);
    free(p);
}

/* --- journals ------------------------------------------------------------ */

void pair_write(struct pair *p, enum who who, uint8_t origin, size_t count,
                bool due)
{
    static const uint8_t leaves[] = {'l'};
    struct pair_node *node = &p->nodes[who];
    uint64_t seq = 0;
    for (uint64_t i = 0; i < node->head; i++) {
        if (node->journal[i].item.origin.bytes[0] == origin) {
            seq = node->journal[i].item.seq;
        }
    }
    for (size_t i = 0; i < count; i++) {
        assert(node->head < PAIR_ENTRIES);
        struct entry *entry = &node->journal[node->head++];
        seq++;
        entry->due = due;
        entry->item = (struct travelling){
            .has_origin = true,
            .origin = pair_hash(origin),
            .incarnation = 5,
            .seq = seq,
            .has_prev = true,
            .prev_incarnation = seq == 1 ? 0 : 5,
            .prev = pair_hash(seq == 1 ? 0 : (uint8_t)seq),
            .leaf_count = 1,
            .leaves = {.data = leaves, .len = sizeof leaves},
            .position = node->head,
        };
    }
}

/* --- the driver ---------------------------------------------------------- */

static void tell_items(struct pair *p, const char *name, const char *verb,
                       const struct changesets *changesets)
{
    char text[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < changesets->count && used < 200; i++) {
        const struct travelling *item = &changesets->items[i];
        char origin[4] = "";
        if (item->has_origin) {
            (void)snprintf(origin, sizeof origin, "%c", item->origin.bytes[0]);
        }
        int n =
            snprintf(text + used, sizeof text - used, " %s%llu%s", origin,
                     (unsigned long long)item->seq, item->has_prev ? "+" : "");
        used += (size_t)n;
    }
    tell(p, "%s %s [%s ] to %llu", name, verb, text,
         (unsigned long long)changesets->position);
}

static void tell_frame(struct pair *p, const struct pair_node *node,
                       const struct message *m)
{
    const char *word = message_word(m->kind);
    if (m->kind == MESSAGE_HELLO || m->kind == MESSAGE_WELCOME) {
        struct token have =
            m->kind == MESSAGE_HELLO ? m->as.hello.have : m->as.welcome.have;
        tell(p, "%s says %s, has %llu of journal %llu", node->name, word,
             (unsigned long long)have.position,
             (unsigned long long)have.journal);
    } else if (m->kind == MESSAGE_CHANGESETS) {
        tell_items(p, node->name, "says", &m->as.changesets);
    } else if (m->kind == MESSAGE_ACK) {
        tell(p, "%s says ack %llu, refuses %zu", node->name,
             (unsigned long long)m->as.ack.token.position,
             m->as.ack.refusal_count);
    } else if (m->kind == MESSAGE_ERROR) {
        tell(p, "%s says error: %s", node->name, m->as.error.sentence);
    } else {
        tell(p, "%s says %s", node->name, word);
    }
}

static void do_send(struct pair *p, enum who who, struct slice frame,
                    enum session_event_kind cause)
{
    struct pair_node *node = &p->nodes[who];
    struct pair_node *other = &p->nodes[1 - who];
    struct message m;
    struct err e;
    int rc = message_decode(frame, &m, &e);
    assert(rc == 0); /* what we send, we would take */
    /* [I-1]: an ack of something new is the answer to a commit alone */
    assert(m.kind != MESSAGE_ACK || cause == SESSION_STORED ||
           m.as.ack.token.position <= node->facts.have.position);
    tell_frame(p, node, &m);
    message_clear(&m);
    node->sends++;
    if (other->session == NULL) {
        return;
    }
    assert(other->inbox_count < PAIR_FRAMES);
    size_t end = (other->inbox_first + other->inbox_count++) % PAIR_FRAMES;
    bytes_clear(&other->inbox[end]);
    bytes_put(&other->inbox[end], frame.data, frame.len);
}

static void do_action(struct pair *p, enum who who,
                      const struct session_action *action,
                      enum session_event_kind cause)
{
    struct pair_node *node = &p->nodes[who];
    switch (action->kind) {
    case SESSION_SEND:
        do_send(p, who, action->as.frame, cause);
        break;
    case SESSION_STORE:
        assert(!node->store_waits);
        node->store_waits = true;
        node->to_store = action->as.changesets;
        break;
    case SESSION_WALK:
        assert(!node->walk_waits);
        node->walk_waits = true;
        node->walk_from = action->as.walk.position;
        break;
    case SESSION_OPENED:
        if (node->facts.have.journal != action->as.opened.journal) {
            node->facts.have =
                (struct token){.journal = action->as.opened.journal};
        }
        node->facts.have.start = action->as.opened.start;
        node->returns = action->as.opened.give_back;
        tell(p, "%s: opened", node->name);
        break;
    case SESSION_PUT_BACK:
        node->facts.give_back = action->as.put_back.position;
        node->facts.knows_loss = true;
        tell(p, "%s: was put back, asks up to %llu", node->name,
             (unsigned long long)node->facts.give_back);
        break;
    case SESSION_ACKED:
        assert(action->as.acked.position >= node->acked);
        node->acked = action->as.acked.position;
        node->refused += action->as.acked.refusal_count;
        tell(p, "%s: acked %llu", node->name, (unsigned long long)node->acked);
        break;
    case SESSION_SETTLED:
        node->settled++;
        tell(p, "%s: settled", node->name);
        break;
    case SESSION_COMPARE:
        node->compared = true;
        node->current = action->as.compare.current;
        tell(p, "%s: compares, %s", node->name,
             node->current ? "current" : "not current");
        break;
    case SESSION_CLOSE:
        assert(action->as.close.code < 0);
        node->closed = action->as.close.code;
        memcpy(node->sentence, action->as.close.sentence,
               sizeof node->sentence);
        tell(p, "%s: closed: %s", node->name, node->sentence);
        break;
    }
}

void pair_give(struct pair *p, enum who to, struct session_event event)
{
    struct pair_node *node = &p->nodes[to];
    struct session_actions actions;
    event.now_ms = p->now_ms;
    event.time_ms = 1700000000000 + p->now_ms;
    bool was_closed = session_state(node->session) == SESSION_CLOSED;
    session_step(node->session, &event, &actions);
    assert(actions.count <= SESSION_ACTIONS_MAX);
    assert(!was_closed || actions.count == 0);
    bool closes = false;
    for (size_t i = 0; i < actions.count; i++) {
        assert(!closes);
        closes = actions.items[i].kind == SESSION_CLOSE;
        do_action(p, to, &actions.items[i], event.kind);
    }
    bool is_closed = session_state(node->session) == SESSION_CLOSED;
    assert(closes == (is_closed && !was_closed));
}

void pair_store(struct pair *p, enum who who)
{
    struct pair_node *node = &p->nodes[who];
    const struct changesets *changesets = node->to_store;
    struct session_event event = {.kind = SESSION_STORED};
    struct refusal refusals[MESSAGE_CHANGESETS_MAX];
    assert(node->store_waits);
    node->store_waits = false;
    tell_items(p, node->name, "stores", changesets);
    for (size_t i = 0; i < changesets->count; i++) {
        assert(changesets->items[i].has_origin);
        bool refused = false;
        for (size_t k = 0; k < node->refuse_count; k++) {
            if (node->refuse[k].position == changesets->items[i].position) {
                refusals[event.as.stored.refusal_count++] = node->refuse[k];
                refused = true;
            }
        }
        node->stored += refused ? 0 : 1;
    }
    node->facts.have.position = changesets->position;
    event.as.stored.refusals = refusals;
    pair_give(p, who, event);
}

void pair_walked(struct pair *p, enum who who)
{
    struct pair_node *node = &p->nodes[who];
    struct session_event event = {.kind = SESSION_WALKED};
    struct travelling items[MESSAGE_CHANGESETS_MAX];
    size_t count = 0;
    uint64_t position = node->walk_from;
    assert(node->walk_waits);
    node->walk_waits = false;
    while (position < node->head && count < node->batch &&
           position < node->walk_from + node->stride) {
        const struct entry *entry = &node->journal[position++];
        if (entry->due) {
            items[count++] = entry->item;
        }
    }
    event.as.walked.items = items;
    event.as.walked.count = count;
    event.as.walked.position = position;
    event.as.walked.end = position == node->head;
    pair_give(p, who, event);
}

void pair_news(struct pair *p, enum who who)
{
    pair_give(p, who,
              (struct session_event){.kind = SESSION_NEWS,
                                     .as.position = p->nodes[who].head});
}

void pair_digest(struct pair *p, uint64_t position)
{
    struct origin_digest origin = {.origin = pair_hash('c'), .head = 1};
    struct digest digest = {
        .position = position, .origins = &origin, .count = 1};
    pair_give(
        p, PARENT,
        (struct session_event){.kind = SESSION_DIGEST, .as.digest = &digest});
}

void pair_link(struct pair *p)
{
    pair_cut(p);
    for (size_t i = 0; i < 2; i++) {
        struct pair_node *node = &p->nodes[i];
        node->facts.head = node->head;
        node->closed = 0;
        node->acked = 0;
        node->session = session_new(&node->facts);
    }
    pair_give(p, CHILD, (struct session_event){.kind = SESSION_UP});
}

/* --- delivery ------------------------------------------------------------ */

bool pair_deliver(struct pair *p, enum who to)
{
    struct pair_node *node = &p->nodes[to];
    if (node->inbox_count == 0) {
        return false;
    }
    struct bytes frame = node->inbox[node->inbox_first];
    node->inbox[node->inbox_first] = (struct bytes){0};
    node->inbox_first = (node->inbox_first + 1) % PAIR_FRAMES;
    node->inbox_count--;
    p->delivered++;
    if (p->delivered == p->flip_frame) {
        p->delivered_bits = frame.len * 8;
        if (p->flip_bit < frame.len * 8) {
            frame.data[p->flip_bit / 8] ^= (uint8_t)(1U << p->flip_bit % 8);
            p->flipped = true;
        }
    }
    pair_say_raw(p, to, slice_of(&frame));
    bytes_free(&frame);
    return true;
}

static bool pair_work(struct pair *p, enum who who)
{
    struct pair_node *node = &p->nodes[who];
    if (node->walk_waits && !node->holds_walk) {
        pair_walked(p, who);
        return true;
    }
    if (node->store_waits && !node->holds_store) {
        pair_store(p, who);
        return true;
    }
    return pair_deliver(p, who);
}

void pair_run(struct pair *p)
{
    size_t steps = 0;
    while (pair_work(p, CHILD) || pair_work(p, PARENT)) {
        assert(++steps < 100000);
    }
}

void pair_tick(struct pair *p, int64_t ms)
{
    p->now_ms += ms;
    pair_give(p, CHILD, (struct session_event){.kind = SESSION_TICK});
    pair_give(p, PARENT, (struct session_event){.kind = SESSION_TICK});
}

void pair_say_raw(struct pair *p, enum who to, struct slice frame)
{
    /* of exactly its size, so that ASan sees a byte too far */
    uint8_t *copy = malloc(frame.len == 0 ? 1 : frame.len);
    assert(copy != NULL);
    if (frame.len > 0) {
        memcpy(copy, frame.data, frame.len);
    }
    pair_give(p, to,
              (struct session_event){.kind = SESSION_FRAME,
                                     .as.frame = {copy, frame.len}});
    free(copy); /* the session keeps what it needs */
}

void pair_say(struct pair *p, enum who to, const struct message *m)
{
    struct bytes frame = {0};
    message_encode(m, &frame);
    pair_say_raw(p, to, slice_of(&frame));
    bytes_free(&frame);
}
