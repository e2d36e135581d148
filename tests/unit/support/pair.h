/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pair: a child and its parent, two sessions against each other over queues in
 * memory, with journals that only pretend. What happens is written down as
 * lines, so that a test reads as a story. The contract of session.h is asserted
 * at every step.
 */
#ifndef SANGAM_TEST_PAIR_H
#define SANGAM_TEST_PAIR_H

#include "protocol/session.h"

enum who { CHILD, PARENT };

enum {
    PAIR_ENTRIES = 4096,
    PAIR_FRAMES = 256,
};

/* A delivery in a journal; its position is its index + 1. */
struct entry {
    bool due; /* to the other side */
    struct travelling item;
};

struct pair_node {
    const char *name;
    struct session *session; /* NULL: no link */
    struct session_facts facts;
    struct start starts[4];
    struct lineage lineage; /* of them */
    struct entry *journal;
    uint64_t head;
    size_t batch;  /* items of one walk */
    size_t stride; /* positions one walk looks at */

    /* --- what the session asked for --- */
    bool holds_store; /* STORE waits for pair_store() */
    bool store_waits;
    const struct changesets *to_store;
    bool holds_walk;
    bool walk_waits;
    uint64_t walk_from;

    /* --- what it came to --- */
    uint64_t stored; /* changesets taken over */
    uint64_t acked;
    size_t refused;
    size_t settled;
    uint64_t returns; /* up to here what came from the peer too */
    size_t sends;
    bool compared;
    bool current;
    int closed; /* code */
    char sentence[SENTENCE_BYTES_MAX + 1];

    /* Refuses deliveries at these positions of the peer's journal. */
    struct refusal refuse[MESSAGE_CHANGESETS_MAX];
    size_t refuse_count;

    /* --- frames on the way to this node --- */
    struct bytes inbox[PAIR_FRAMES];
    size_t inbox_first;
    size_t inbox_count;
};

struct pair {
    struct pair_node nodes[2];
    int64_t now_ms;
    struct bytes story;
    /* Turns bit `flip_bit` of the flip_frame'th frame delivered, from 1. */
    size_t flip_frame;
    size_t flip_bit;
    bool flipped;
    size_t delivered;
    size_t delivered_bits; /* of the last frame */
};

struct pair *pair_new(void);
void pair_free(struct pair *p);

struct hash pair_hash(uint8_t byte);

/* `count` new changesets of `origin` (a byte) in the journal of `who`. */
void pair_write(struct pair *p, enum who who, uint8_t origin, size_t count,
                bool due);
void pair_news(struct pair *p, enum who who);

/* New sessions; the child's link is up. pair_run() delivers. */
void pair_link(struct pair *p);
void pair_cut(struct pair *p);                  /* frames on the way are lost */
bool pair_deliver(struct pair *p, enum who to); /* false: nothing there */
void pair_run(struct pair *p);                 /* until nothing is on the way */
void pair_store(struct pair *p, enum who who); /* answers a held STORE */
void pair_walked(struct pair *p, enum who who); /* answers a held WALK */
void pair_digest(struct pair *p, uint64_t position);
void pair_tick(struct pair *p, int64_t ms); /* time passes; both are told */

/* An event, or a message out of nowhere, to one side. */
void pair_give(struct pair *p, enum who to, struct session_event event);
void pair_say(struct pair *p, enum who to, const struct message *m);
void pair_say_raw(struct pair *p, enum who to, struct slice frame);

/* The lines since the last pair_story(); valid until the next call. */
const char *pair_story(struct pair *p);

#endif
