/* SPDX-License-Identifier: Apache-2.0 */

/* What a broken or hostile peer, a bad link or our own driver may do to a
 * session, and what must come of it. */
#include "tests/unit/support/dice.h"
#include "tests/unit/support/pair.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static int fresh_pair(void **state)
{
    *state = pair_new();
    return 0;
}

static int free_pair(void **state)
{
    pair_free(*state);
    return 0;
}

/* A message of a kind, sound in itself; borrows static memory. */
static struct message sound(enum message_kind kind)
{
    static const uint8_t leaves[] = {'l'};
    static struct travelling item;
    struct message m = {.kind = kind};
    item = (struct travelling){
        .has_origin = true,
        .origin = pair_hash('x'),
        .incarnation = 5,
        .seq = 1,
        .has_prev = true,
        .leaf_count = 1,
        .leaves = {.data = leaves, .len = sizeof leaves},
        .position = 1,
    };
    switch (kind) {
    case MESSAGE_HELLO:
        m.as.hello = (struct hello){1,
                                    pair_hash('n'),
                                    pair_hash('c'),
                                    3,
                                    2,
                                    4,
                                    'c',
                                    {0, 0, 0},
                                    16,
                                    's',
                                    0,
                                    0,
                                    0};
        break;
    case MESSAGE_WELCOME:
        m.as.welcome = (struct welcome){
            1, pair_hash('p'), 2, 3, 'p', {'c', 0, 0}, 16, 's', 0, 0, 0};
        break;
    case MESSAGE_CHANGESETS:
        m.as.changesets = (struct changesets){&item, 1, 1, 0};
        break;
    case MESSAGE_ACK:
        m.as.ack = (struct ack){'c', {'p', 0, 'p'}, NULL, 0};
        break;
    case MESSAGE_DIGEST:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_ENROL:
        break;
    case MESSAGE_ERROR:
        m.as.error = (struct said_error){ERR_FULL, "no room on the disk"};
        break;
    case MESSAGE_GRANT:
        item.position = 0;
        m.as.grant = (struct grant){pair_hash('p'), 1, 2, &item, 1};
        break;
    }
    return m;
}

/* --- states and turns ---------------------------------------------------- */

/* Brings a fresh pair to where `who` is in `state`. */
static void bring_to(struct pair *p, enum who who, enum session_state state)
{
    struct pair_node *child = &p->nodes[CHILD];
    pair_cut(p);
    if (state == SESSION_START) {
        child->session = session_new(&child->facts);
    } else {
        pair_link(p);
    }
    if (state == SESSION_OPEN || state == SESSION_CLOSED) {
        pair_run(p);
    }
    if (state == SESSION_CLOSED) {
        pair_tick(p, SILENCE_MS);
    }
    p->nodes[who].closed = 0;
    (void)pair_story(p);
    assert_int_equal(session_state(p->nodes[who].session), state);
}

static const struct {
    enum who who;
    enum session_state state;
    unsigned takes; /* bits of message kinds */
} turns[] = {
    {CHILD, SESSION_START, 0},
    {CHILD, SESSION_GREETING, 1U << MESSAGE_WELCOME | 1U << MESSAGE_ERROR},
    {PARENT, SESSION_WAITING, 1U << MESSAGE_HELLO | 1U << MESSAGE_ERROR},
    {CHILD, SESSION_OPEN,
     1U << MESSAGE_CHANGESETS | 1U << MESSAGE_DIGEST | 1U << MESSAGE_HEARTBEAT |
         1U << MESSAGE_ERROR},
    {PARENT, SESSION_OPEN,
     1U << MESSAGE_CHANGESETS | 1U << MESSAGE_ACK | 1U << MESSAGE_HEARTBEAT |
         1U << MESSAGE_ERROR},
};

static void a_message_out_of_turn_closes(void **state)
{
    struct pair *p = *state;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        for (int kind = MESSAGE_HELLO; kind <= MESSAGE_GRANT; kind++) {
            struct message m = sound((enum message_kind)kind);
            struct pair_node *node = &p->nodes[turns[i].who];
            bring_to(p, turns[i].who, turns[i].state);
            pair_say(p, turns[i].who, &m);
            int want = turns[i].takes >> kind & 1 ? 0 : ERR_STATE;
            if (kind == MESSAGE_ERROR && want == 0) {
                want = ERR_FULL;
            }
            assert_int_equal(node->closed, want);
            const char *story = pair_story(p);
            assert_int_equal(want == ERR_STATE,
                             strstr(story, "says error: ") != NULL);
        }
    }
}

static void an_error_closes_with_what_was_said(void **state)
{
    struct pair *p = *state;
    struct message m = sound(MESSAGE_ERROR);
    bring_to(p, PARENT, SESSION_OPEN);
    pair_say(p, PARENT, &m);
    assert_string_equal(
        pair_story(p),
        "parent: closed: the other side says: no room on the disk\n");
}

/* Runs the event in another process: does it abort there? */
static bool aborts(struct pair *p, enum who who, struct session_event event)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        pair_give(p, who, event);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Every cell of the table that is empty, and those the state of the halves
 * forbids. */
static void a_mistake_of_the_driver_aborts(void **state)
{
    struct pair *p = *state;
    static const struct {
        enum who who;
        enum session_state state;
        unsigned events; /* bits of those forbidden */
    } cells[] = {
        {CHILD, SESSION_START,
         1U << SESSION_STORED | 1U << SESSION_WALKED | 1U << SESSION_DIGEST},
        {CHILD, SESSION_GREETING,
         1U << SESSION_UP | 1U << SESSION_STORED | 1U << SESSION_WALKED |
             1U << SESSION_DIGEST},
        {PARENT, SESSION_WAITING,
         1U << SESSION_UP | 1U << SESSION_STORED | 1U << SESSION_WALKED |
             1U << SESSION_DIGEST},
        {PARENT, SESSION_OPEN,
         1U << SESSION_UP | 1U << SESSION_STORED | 1U << SESSION_WALKED},
        {CHILD, SESSION_OPEN, /* a child has no digest to give */
         1U << SESSION_UP | 1U << SESSION_STORED | 1U << SESSION_WALKED |
             1U << SESSION_DIGEST},
        {CHILD, SESSION_CLOSED, 0},
    };
    struct digest digest = {.position = 1};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        for (int kind = SESSION_UP; kind <= SESSION_TICK; kind++) {
            struct session_event event = {.kind =
                                              (enum session_event_kind)kind};
            if (kind == SESSION_DIGEST) {
                event.as.digest = &digest;
            }
            bring_to(p, cells[i].who, cells[i].state);
            bool forbidden = cells[i].events >> kind & 1;
            assert_int_equal(aborts(p, cells[i].who, event), forbidden);
        }
    }
}

/* --- broken frames ------------------------------------------------------- */

static void a_broken_frame_closes_with_its_reason(void **state)
{
    struct pair *p = *state;
    static const uint8_t large[FRAME_BYTES_MAX + 1];
    static uint8_t bomb[FRAME_BYTES_MAX];
    bomb[0] = MESSAGE_CHANGESETS << 3 | 2; /* with 131070 empty items */
    memcpy(bomb + 1, "\xfc\xff\x0f", 3);
    for (size_t i = 4; i < sizeof bomb; i += 2) {
        bomb[i] = 0x0a;
    }
    const struct {
        struct slice frame;
        int code;
    } cases[] = {
        {{large, sizeof large}, ERR_LIMIT},
        {{bomb, sizeof bomb}, ERR_LIMIT},
        {{large, 0}, ERR_FORMAT},
        {{large, 7}, ERR_FORMAT},
        {{(const uint8_t *)"\x52\x00", 2}, ERR_VERSION},
        {{(const uint8_t *)"\x1a\x7f\x0a", 3}, ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            struct pair_node *node = &p->nodes[turns[i].who];
            bring_to(p, turns[i].who, turns[i].state);
            pair_say_raw(p, turns[i].who, cases[k].frame);
            assert_int_equal(node->closed, cases[k].code);
            assert_ptr_equal(strstr(node->sentence, "what the other side sent"),
                             node->sentence);
        }
    }
}

static void a_truncated_frame_closes(void **state)
{
    struct pair *p = *state;
    struct message m = sound(MESSAGE_CHANGESETS);
    struct bytes frame = {0};
    message_encode(&m, &frame);
    for (size_t len = 0; len < frame.len; len++) {
        bring_to(p, PARENT, SESSION_OPEN);
        pair_say_raw(p, PARENT, (struct slice){frame.data, len});
        assert_int_equal(p->nodes[PARENT].closed, ERR_FORMAT);
        assert_false(p->nodes[PARENT].store_waits);
    }
    bytes_free(&frame);
}

/* --- lies ---------------------------------------------------------------- */

/* Both open; the child's journal reaches to 3 and is sent, 2 of it acked. */
static void open_with_flight(struct pair *p)
{
    pair_write(p, CHILD, 'c', 2, true);
    pair_link(p);
    pair_run(p);
    p->nodes[PARENT].holds_store = true;
    pair_write(p, CHILD, 'c', 1, true);
    pair_news(p, CHILD);
    pair_run(p);
    assert_int_equal(session_acked(p->nodes[CHILD].session), 2);
}

static void an_ack_of_what_was_never_sent_closes(void **state)
{
    struct pair *p = *state;
    struct message m = {.kind = MESSAGE_ACK};
    open_with_flight(p);
    m.as.ack = (struct ack){'p', {'c', 4, 'c'}, NULL, 0};
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].closed, ERR_STATE);
    assert_int_equal(session_acked(p->nodes[CHILD].session), 2);
}

static void an_ack_that_goes_back_closes(void **state)
{
    struct pair *p = *state;
    struct message m = {.kind = MESSAGE_ACK};
    open_with_flight(p);
    m.as.ack = (struct ack){'p', {'c', 1, 'c'}, NULL, 0};
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].closed, ERR_STATE);
}

static void an_ack_of_other_journals_closes(void **state)
{
    struct pair *p = *state;
    struct message m = {.kind = MESSAGE_ACK};
    open_with_flight(p);
    m.as.ack = (struct ack){'q', {'c', 3, 'c'}, NULL, 0};
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].closed, ERR_STATE);

    pair_link(p);
    pair_run(p);
    m.as.ack = (struct ack){'p', {'d', 3, 'd'}, NULL, 0};
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].closed, ERR_STATE);
}

static void an_ack_may_cover_half_of_a_stretch(void **state)
{
    struct pair *p = *state;
    struct message m = {.kind = MESSAGE_ACK};
    pair_write(p, CHILD, 'c', 4, true);
    p->nodes[PARENT].holds_store = true;
    pair_link(p);
    pair_run(p);
    m.as.ack = (struct ack){'p', {'c', 2, 'c'}, NULL, 0};
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].settled, 0); /* still in flight */
    m.as.ack.token.position = 4;
    pair_say(p, CHILD, &m);
    assert_int_equal(p->nodes[CHILD].settled, 1);
}

/* Lost before it, or said twice: the token would go past what is missing. */
static void a_stretch_that_does_not_follow_closes(void **state)
{
    struct pair *p = *state;
    for (int way = 0; way < 4; way++) {
        struct message m = sound(MESSAGE_CHANGESETS);
        bring_to(p, PARENT, SESSION_OPEN);
        uint64_t from = p->nodes[PARENT].facts.have.position;
        m.as.changesets.from = from;
        m.as.changesets.items[0].position = from + 1;
        m.as.changesets.position = from + 5;
        pair_say(p, PARENT, &m);
        assert_int_equal(p->nodes[PARENT].closed, 0);
        m.as.changesets.from = way < 2 ? from + 4 : from + 6;
        m.as.changesets.items[0].position = from + 7;
        m.as.changesets.position = from + 7;
        m.as.changesets.count = way % 2 == 0 ? 0 : 1;
        pair_say(p, PARENT, &m);
        assert_int_equal(p->nodes[PARENT].closed, ERR_STATE);
    }
}

static void more_than_the_credit_closes(void **state)
{
    struct pair *p = *state;
    p->nodes[PARENT].holds_store = true;
    bring_to(p, PARENT, SESSION_OPEN);
    for (uint64_t i = 1; i <= CREDIT_MESSAGES + 1; i++) {
        struct message m = sound(MESSAGE_CHANGESETS);
        assert_int_equal(p->nodes[PARENT].closed, 0);
        m.as.changesets.items[0].position = i;
        m.as.changesets.position = i;
        m.as.changesets.from = i - 1;
        pair_say(p, PARENT, &m);
    }
    assert_int_equal(p->nodes[PARENT].closed, ERR_LIMIT);
}

static void an_omitted_origin_is_the_senders_own(void **state)
{
    struct pair *p = *state;
    struct message m = sound(MESSAGE_CHANGESETS);
    p->nodes[CHILD].holds_store = true;
    bring_to(p, CHILD, SESSION_OPEN);
    m.as.changesets.items[0].has_origin = false;
    pair_say(p, CHILD, &m);
    const struct travelling *item = &p->nodes[CHILD].to_store->items[0];
    assert_true(item->has_origin);
    assert_memory_equal(&item->origin, &p->nodes[PARENT].facts.node,
                        sizeof item->origin);
}

/* --- idle talk ------------------------------------------------------------ */

static void say_idle(struct pair *p, enum message_kind kind, int count)
{
    struct message m = sound(kind);
    for (int i = 0; i < count; i++) {
        pair_say(p, PARENT, &m);
    }
}

static void who_talks_and_moves_nothing_is_not_listened_to(void **state)
{
    struct pair *p = *state;
    static const enum message_kind kinds[] = {MESSAGE_HEARTBEAT, MESSAGE_ACK};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bring_to(p, PARENT, SESSION_OPEN);
        say_idle(p, kinds[i], IDLE_MESSAGES_MAX);
        assert_int_equal(p->nodes[PARENT].closed, 0);
        say_idle(p, kinds[i], 1);
        assert_int_equal(p->nodes[PARENT].closed, ERR_LIMIT);
        assert_string_equal(p->nodes[PARENT].sentence,
                            "more than 60 messages in a minute move nothing");
    }
}

static void who_says_so_much_in_an_hour_is(void **state)
{
    struct pair *p = *state;
    bring_to(p, PARENT, SESSION_OPEN);
    for (int i = 0; i < 60; i++) {
        say_idle(p, MESSAGE_HEARTBEAT, IDLE_MESSAGES_MAX / 2);
        pair_tick(p, SILENCE_MS / 2);
        pair_run(p);
        pair_tick(p, SILENCE_MS / 2);
        pair_run(p);
        assert_int_equal(p->nodes[PARENT].closed, 0);
    }
}

/* --- bits ---------------------------------------------------------------- */

/* Everything a session says: greeting, both journals, news, a filtered
 * stretch, a refusal, a digest, heartbeats. */
static void play(struct pair *p)
{
    pair_write(p, CHILD, 'c', 3, true);
    pair_write(p, PARENT, 'p', 1, true);
    pair_write(p, PARENT, 'x', 2, true);
    pair_write(p, PARENT, 'y', 1, false);
    p->nodes[PARENT].batch = 2;
    p->nodes[PARENT].refuse[0] = (struct refusal){2, ERR_FUTURE, "ahead"};
    p->nodes[PARENT].refuse_count = 1;
    pair_link(p);
    pair_run(p);
    pair_write(p, CHILD, 'c', 1, true);
    pair_news(p, CHILD);
    pair_run(p);
    if (session_state(p->nodes[PARENT].session) == SESSION_OPEN) {
        pair_digest(p, 4);
    }
    pair_run(p);
    pair_tick(p, HEARTBEAT_MS);
    pair_run(p);
}

/* A flipped bit closes with a reason, or passes as another message that keeps
 * every rule; whether it says what its origin signed is the store's to find
 * out. Nothing is stored twice, and nothing that was not sent. */
static void any_bit_of_a_session_may_flip(void **state)
{
    (void)state;
    size_t closed = 0;
    size_t passed = 0;
    size_t bit = 0;
    for (size_t frame = 1;;) {
        struct pair *p = pair_new();
        p->flip_frame = frame;
        p->flip_bit = bit;
        play(p);
        size_t bits = p->delivered_bits;
        assert_true(p->nodes[PARENT].stored <= 3);
        assert_true(p->nodes[CHILD].stored <= 3);
        for (int i = 0; p->flipped && i < 2; i++) {
            closed += p->nodes[i].closed != 0;
            passed += p->nodes[i].closed == 0;
            assert_true(p->nodes[i].closed <= 0);
        }
        pair_free(p);
        if (bits == 0) {
            break; /* past the last frame */
        }
        bit++;
        if (bit == bits) {
            bit = 0;
            frame++;
        }
    }
    print_message("%zu sides closed, %zu went on\n", closed, passed);
    assert_true(closed > 1000 && passed > 1000);
}

/* --- chance -------------------------------------------------------------- */

static bool is_open(const struct pair *p, enum who who)
{
    return p->nodes[who].session != NULL &&
           session_state(p->nodes[who].session) == SESSION_OPEN;
}

/* One thing that may happen to a link, drawn. */
static void something_happens(struct pair *p, struct dice *d)
{
    enum who who = dice_even(d) ? CHILD : PARENT;
    struct pair_node *node = &p->nodes[who];
    size_t what = dice_below(d, 100);
    if (what < 10) {
        uint8_t origin = dice_even(d) ? node->facts.node.bytes[0] : 'x';
        pair_write(p, who, who == CHILD ? 'c' : origin, 1 + dice_below(d, 3),
                   dice_below(d, 3) != 0);
        pair_news(p, who);
    } else if (what < 60) {
        (void)pair_deliver(p, who);
    } else if (what < 75) {
        if (node->walk_waits) {
            node->batch = 1 + dice_below(d, 4);
            node->stride = 1 + dice_below(d, 8);
            pair_walked(p, who);
        }
    } else if (what < 90) {
        if (node->store_waits) {
            pair_store(p, who);
        }
    } else if (what < 97) {
        pair_tick(p, (int64_t)dice_below(d, 400));
    } else if (what < 98) {
        if (is_open(p, PARENT)) {
            pair_digest(p, dice_below(d, 50));
        }
    } else if (dice_below(d, 4) == 0) {
        pair_link(p); /* cut and made anew */
    }
}

static uint64_t due_in(const struct pair_node *node)
{
    uint64_t due = 0;
    for (uint64_t i = 0; i < node->head; i++) {
        due += node->journal[i].due;
    }
    return due;
}

/* The campaign has more time. */
static int rounds_of(int quick)
{
    return getenv("SANGAM_LONG") == NULL ? quick : 10 * quick;
}

static void whatever_happens_all_arrives_once(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    int rounds = rounds_of(60);
    for (int round = 0; round < rounds; round++) {
        struct pair *p = pair_new();
        for (int i = 0; i < 2; i++) {
            p->nodes[i].holds_walk = true;
            p->nodes[i].holds_store = true;
        }
        pair_link(p);
        for (int i = 0; i < 1500; i++) {
            something_happens(p, &d);
            for (int k = 0; k < 2; k++) {
                int closed = p->nodes[k].closed;
                assert_true(closed == 0 || closed == ERR_TIMEOUT);
            }
            pair_story(p);
        }
        for (int i = 0; i < 2; i++) {
            p->nodes[i].holds_walk = false;
            p->nodes[i].holds_store = false;
        }
        pair_link(p); /* faults end [I-13] */
        pair_run(p);
        pair_tick(p, ADVANCE_MS);
        pair_run(p);
        for (int i = 0; i < 2; i++) {
            struct pair_node *node = &p->nodes[i];
            assert_int_equal(p->nodes[1 - i].stored, due_in(node));
            assert_int_equal(session_acked(node->session), node->head);
            assert_int_equal(p->nodes[1 - i].facts.have.position, node->head);
        }
        pair_free(p);
    }
}

/* As above, but frames break on the way and the peer invents messages. */
static void whatever_a_peer_says_the_contract_holds(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    int rounds = rounds_of(120);
    for (int round = 0; round < rounds; round++) {
        struct pair *p = pair_new();
        for (int i = 0; i < 2; i++) {
            p->nodes[i].holds_walk = true;
            p->nodes[i].holds_store = true;
        }
        pair_link(p);
        for (int i = 0; i < 400; i++) {
            enum who who = dice_even(&d) ? CHILD : PARENT;
            something_happens(p, &d);
            if (dice_below(&d, 8) == 0) {
                struct message m =
                    sound((enum message_kind)(1 + dice_below(&d, 9)));
                if (m.kind == MESSAGE_CHANGESETS) {
                    m.as.changesets.items[0].position = 1 + dice_below(&d, 60);
                    m.as.changesets.position = 60 + dice_below(&d, 9);
                } else if (m.kind == MESSAGE_ACK) {
                    m.as.ack.journal = who == CHILD ? 'p' : 'c';
                    m.as.ack.token.journal = who == CHILD ? 'c' : 'p';
                    m.as.ack.token.position = dice_below(&d, 60);
                }
                pair_say(p, who, &m);
            } else if (dice_below(&d, 16) == 0) {
                p->flip_frame = p->delivered + 1;
                p->flip_bit = dice_below(&d, 2000);
            }
            if (p->nodes[CHILD].closed || p->nodes[PARENT].closed) {
                pair_link(p);
            }
            pair_story(p);
        }
        pair_free(p);
    }
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, fresh_pair, free_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_message_out_of_turn_closes),
        STORY(an_error_closes_with_what_was_said),
        STORY(a_mistake_of_the_driver_aborts),
        STORY(a_broken_frame_closes_with_its_reason),
        STORY(a_truncated_frame_closes),
        STORY(an_ack_of_what_was_never_sent_closes),
        STORY(an_ack_that_goes_back_closes),
        STORY(an_ack_of_other_journals_closes),
        STORY(an_ack_may_cover_half_of_a_stretch),
        STORY(a_stretch_that_does_not_follow_closes),
        STORY(more_than_the_credit_closes),
        STORY(an_omitted_origin_is_the_senders_own),
        STORY(who_talks_and_moves_nothing_is_not_listened_to),
        STORY(who_says_so_much_in_an_hour_is),
        cmocka_unit_test(any_bit_of_a_session_may_flip),
        cmocka_unit_test(whatever_happens_all_arrives_once),
        cmocka_unit_test(whatever_a_peer_says_the_contract_holds),
    };
    return cmocka_run_group_tests_name("session_hostile", tests, NULL, NULL);
}
