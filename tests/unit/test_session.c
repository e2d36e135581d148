/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/support/pair.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

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

static struct pair_node *child_of(struct pair *p)
{
    return &p->nodes[CHILD];
}

static struct pair_node *parent_of(struct pair *p)
{
    return &p->nodes[PARENT];
}

/* --- stories ------------------------------------------------------------- */

/* c and p write, x is another site's. "5+" sends the hash of what comes
 * before 5, "c5" names the origin; the rest the receiver computes. */
static void a_first_sync_carries_both_journals(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 2, true);
    pair_write(p, PARENT, 'p', 1, true);
    pair_write(p, PARENT, 'x', 2, true);
    pair_link(p);
    pair_run(p);
    assert_string_equal(pair_story(p),
                        "child says hello, has 0 of journal 0\n"
                        "parent says welcome, has 0 of journal 99\n"
                        "parent: opened\n"
                        "child: opened\n"
                        "child says [ 1+ 2 ] to 2\n"
                        "parent says [ 1+ x1+ 2 ] to 3\n"
                        "child stores [ p1+ x1+ x2 ] to 3\n"
                        "child says ack 3, refuses 0\n"
                        "parent stores [ c1+ c2 ] to 2\n"
                        "parent says ack 2, refuses 0\n"
                        "child: acked 2\n"
                        "child: settled\n"
                        "parent: acked 3\n"
                        "parent: settled\n");
}

static void a_resumed_sync_sends_only_what_is_new(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 5, true);
    pair_write(p, PARENT, 'p', 5, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    pair_write(p, CHILD, 'c', 1, true);
    pair_write(p, PARENT, 'p', 2, true);
    (void)pair_story(p);
    pair_link(p);
    pair_run(p);
    assert_string_equal(pair_story(p),
                        "child says hello, has 5 of journal 112\n"
                        "parent says welcome, has 5 of journal 99\n"
                        "parent: opened\n"
                        "child: opened\n"
                        "child says [ 6+ ] to 6\n"
                        "parent says [ 6+ 7 ] to 7\n"
                        "child stores [ p6+ p7 ] to 7\n"
                        "child says ack 7, refuses 0\n"
                        "parent stores [ c6+ ] to 6\n"
                        "parent says ack 6, refuses 0\n"
                        "child: acked 6\n"
                        "child: settled\n"
                        "parent: acked 7\n"
                        "parent: settled\n");
    assert_int_equal(parent_of(p)->stored, 6);
    assert_int_equal(child_of(p)->stored, 7);
}

static void a_cut_before_the_ack_sends_nothing_twice(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    child_of(p)->batch = 1;
    pair_link(p);
    while (parent_of(p)->stored < 2) {
        pair_deliver(p, CHILD);
        pair_deliver(p, PARENT);
        for (enum who who = CHILD; who <= PARENT; who++) {
            if (p->nodes[who].walk_waits) {
                pair_walked(p, who);
            }
            if (p->nodes[who].store_waits) {
                pair_store(p, who);
            }
        }
    }
    pair_cut(p); /* the last ack is lost */
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->stored, 3);
    assert_int_equal(session_acked(child_of(p)->session), 3);
}

static void an_unknown_journal_is_walked_from_the_start(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    pair_write(p, PARENT, 'p', 2, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    parent_of(p)->facts.journal = 1234; /* `sangam restore` on the parent */
    (void)pair_story(p);
    pair_link(p);
    pair_run(p);
    const char *story = pair_story(p);
    assert_non_null(strstr(story, "parent says [ 1+ 2 ] to 2\n"));
    assert_non_null(strstr(story, "parent: acked 2\n"));
    assert_int_equal(child_of(p)->facts.have.journal, 1234);
    assert_int_equal(parent_of(p)->stored, 3); /* of the child, nothing anew */

    pair_cut(p);
    child_of(p)->facts.journal = 777;
    pair_link(p);
    pair_run(p);
    assert_non_null(strstr(pair_story(p), "child says [ 1+ 2 3 ] to 3\n"));
    assert_int_equal(parent_of(p)->facts.have.journal, 777);
}

/* The child goes on from a copy of its journal as it was at `position`. */
static void put_back(struct pair_node *node, uint64_t position)
{
    struct lineage *l = &node->lineage;
    node->starts[l->count] = (struct start){'x', position, false};
    l->count++;
    node->head = position;
    node->acked = 0;
    node->facts.knows_loss = false; /* that was another start */
}

static void a_journal_that_was_put_back_asks_for_what_it_lost(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    pair_write(p, PARENT, 'p', 2, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    put_back(child_of(p), 2);
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->closed, ERR_STATE);
    assert_int_equal(parent_of(p)->closed, ERR_STATE);
    assert_int_equal(child_of(p)->facts.give_back, 2);
    assert_int_equal(child_of(p)->returns, 0);

    pair_cut(p);
    (void)pair_story(p);
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->returns, 2);
    assert_non_null(strstr(pair_story(p), "child says [ 1+ 2 ] to 2\n"));
    assert_int_equal(parent_of(p)->facts.have.start, 'x');
    assert_int_equal(parent_of(p)->facts.have.position, 2);

    pair_cut(p); /* what is known now needs no further asking */
    child_of(p)->facts.give_back = 0;
    child_of(p)->facts.knows_loss = false;
    pair_link(p);
    pair_run(p);
    assert_int_equal(session_state(child_of(p)->session), SESSION_OPEN);
    assert_int_equal(parent_of(p)->returns, 0);
}

/* The copy has grown beyond what was heard of the other: only its start tells
 * that it is not the one. */
static void a_branch_that_is_longer_is_known_as_another(void **state)
{
    struct pair *p = *state;
    pair_write(p, PARENT, 'p', 3, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    put_back(parent_of(p), 2);
    pair_write(p, PARENT, 'p', 4, true);
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->closed, ERR_STATE);
    pair_cut(p);
    parent_of(p)->facts.give_back = 1; /* the child has nothing */
    (void)pair_story(p);
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->returns, 1);
    assert_non_null(strstr(pair_story(p), "parent says [ 1+ 2 3 4 ] to 4\n"));
    assert_int_equal(child_of(p)->facts.have.position, 6);
}

/* It was copied while it asked for what it had lost the first time. */
static void who_is_put_back_again_finds_out_again(void **state)
{
    struct pair *p = *state;
    pair_write(p, PARENT, 'p', 3, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    put_back(parent_of(p), 2);
    pair_write(p, CHILD, 'c', 4, true);
    parent_of(p)->facts.give_back = 1;
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->closed, ERR_STATE);
    assert_int_equal(parent_of(p)->facts.give_back, 4);
}

/* What was turned away of the branch it lost says nothing of this one. */
static void an_ack_of_another_branch_is_not_heard(void **state)
{
    struct pair *p = *state;
    struct refusal refusal = {2, ERR_FUTURE, "stamped 11 minutes ahead"};
    pair_write(p, CHILD, 'c', 3, true);
    parent_of(p)->facts.have = (struct token){'c', 3, 'q'};
    parent_of(p)->facts.refusals = &refusal;
    parent_of(p)->facts.refusal_count = 1;
    child_of(p)->facts.knows_loss = true;
    child_of(p)->facts.give_back = 1;
    pair_link(p);
    pair_run(p);
    assert_int_equal(session_state(child_of(p)->session), SESSION_OPEN);
    assert_int_equal(child_of(p)->refused, 0);
    assert_int_equal(child_of(p)->acked, 3);
}

static void a_token_from_before_the_copy_is_good(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    pair_link(p);
    pair_run(p);
    pair_cut(p);
    put_back(child_of(p), 3);
    pair_write(p, CHILD, 'c', 1, true);
    (void)pair_story(p);
    pair_link(p);
    pair_run(p);
    assert_non_null(strstr(pair_story(p), "child says [ 4+ ] to 4\n"));
}

/* [I-1] */
static void an_ack_waits_for_the_commit(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 2, true);
    parent_of(p)->holds_store = true;
    pair_link(p);
    pair_run(p);
    pair_tick(p, 5000);
    pair_run(p);
    assert_null(strstr(pair_story(p), "ack"));
    assert_int_equal(session_acked(child_of(p)->session), 0);
    pair_store(p, PARENT);
    pair_run(p);
    assert_string_equal(pair_story(p), "parent stores [ c1+ c2 ] to 2\n"
                                       "parent says ack 2, refuses 0\n"
                                       "child: acked 2\n"
                                       "child: settled\n");
    assert_int_equal(session_acked(child_of(p)->session), 2);
}

static void messages_queue_and_are_stored_one_at_a_time(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    child_of(p)->batch = 1;
    parent_of(p)->holds_store = true;
    pair_link(p);
    pair_run(p);
    (void)pair_story(p);
    pair_store(p, PARENT); /* asserts that the next STORE comes only now */
    pair_store(p, PARENT);
    pair_store(p, PARENT);
    assert_string_equal(pair_story(p), "parent stores [ c1+ ] to 1\n"
                                       "parent says ack 1, refuses 0\n"
                                       "parent stores [ c2 ] to 2\n"
                                       "parent says ack 2, refuses 0\n"
                                       "parent stores [ c3 ] to 3\n"
                                       "parent says ack 3, refuses 0\n");
    assert_false(parent_of(p)->store_waits);
}

static void no_more_is_in_flight_than_the_credit(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 100, true);
    child_of(p)->batch = 1;
    parent_of(p)->holds_store = true;
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->sends, 1 + CREDIT_MESSAGES);
    pair_store(p, PARENT);
    pair_run(p);
    assert_int_equal(child_of(p)->sends, 2 + CREDIT_MESSAGES);
    parent_of(p)->holds_store = false;
    pair_run(p);
    assert_int_equal(parent_of(p)->stored, 100);
    assert_int_equal(child_of(p)->closed, 0);
}

static struct message hello(void)
{
    struct message m = {.kind = MESSAGE_HELLO};
    m.as.hello = (struct hello){
        .protocol = PROTOCOL_VERSION,
        .network = pair_hash('n'),
        .node = pair_hash('c'),
        .certificate = 'c',
        .schema_version = 2,
        .journal = 'c',
        .credit = CREDIT_MESSAGES,
        .start = 's',
    };
    return m;
}

static void a_peer_may_give_less_credit(void **state)
{
    struct pair *p = *state;
    struct message m = hello();
    pair_write(p, PARENT, 'p', 20, true);
    parent_of(p)->batch = 1;
    pair_link(p);
    child_of(p)->inbox_count = 0;
    parent_of(p)->inbox_count = 0;
    m.as.hello.credit = 2;
    pair_say(p, PARENT, &m);
    while (parent_of(p)->walk_waits) {
        pair_walked(p, PARENT);
    }
    assert_int_equal(parent_of(p)->sends, 1 + 2);
}

static void a_settled_link_carries_news_at_once(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    (void)pair_story(p);
    pair_write(p, CHILD, 'c', 1, true);
    pair_news(p, CHILD);
    pair_run(p);
    assert_string_equal(pair_story(p), "child says [ 1+ ] to 1\n"
                                       "parent stores [ c1+ ] to 1\n"
                                       "parent says ack 1, refuses 0\n"
                                       "child: acked 1\n"
                                       "child: settled\n");
    pair_news(p, CHILD); /* nothing new: nothing happens */
    pair_run(p);
    assert_string_equal(pair_story(p), "");
}

static void news_during_a_walk_is_walked_after_it(void **state)
{
    struct pair *p = *state;
    child_of(p)->holds_walk = true;
    pair_write(p, CHILD, 'c', 1, true);
    pair_link(p);
    pair_run(p);
    struct pair_node *child = child_of(p);
    struct session_event walked = {.kind = SESSION_WALKED};
    walked.as.walked.items = &child->journal[0].item;
    walked.as.walked.count = 1;
    walked.as.walked.position = 1;
    walked.as.walked.end = true; /* it was, when the walk looked */
    pair_write(p, CHILD, 'c', 1, true);
    pair_news(p, CHILD);
    child->walk_waits = false;
    pair_give(p, CHILD, walked);
    assert_true(child->walk_waits);
    assert_int_equal(child->walk_from, 1);
    child->holds_walk = false;
    pair_run(p);
    assert_int_equal(parent_of(p)->stored, 2);
}

static void a_filtered_stretch_advances_the_token(void **state)
{
    struct pair *p = *state;
    pair_write(p, PARENT, 'p', 1, true);
    pair_write(p, PARENT, 'x', 30, false);
    parent_of(p)->stride = 7;
    pair_link(p);
    pair_run(p);
    const char *story = pair_story(p);
    assert_non_null(strstr(story, "parent says [ 1+ ] to 7\n"));
    assert_non_null(strstr(story, "parent says [ ] to 31\n"));
    assert_non_null(strstr(story, "child stores [ ] to 31\n"));
    assert_non_null(strstr(story, "child says ack 31, refuses 0\n"));
    assert_int_equal(child_of(p)->facts.have.position, 31);
    assert_int_equal(parent_of(p)->settled, 1);
}

static void a_busy_hub_tells_a_quiet_child_once_a_second(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    size_t before = parent_of(p)->sends;
    for (int i = 0; i < 100; i++) { /* ten seconds */
        pair_write(p, PARENT, 'x', 3, false);
        pair_news(p, PARENT);
        pair_run(p);
        pair_tick(p, 100);
        pair_run(p);
    }
    assert_in_range(parent_of(p)->sends - before, 9, 11);
    pair_tick(p, ADVANCE_MS);
    pair_run(p);
    assert_int_equal(child_of(p)->facts.have.position, 300);
}

static void a_second_is_a_whole_second(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    pair_write(p, PARENT, 'x', 3, false);
    pair_news(p, PARENT);
    pair_run(p);
    size_t before = parent_of(p)->sends;
    pair_write(p, PARENT, 'x', 3, false);
    pair_news(p, PARENT);
    pair_tick(p, ADVANCE_MS - 1);
    pair_run(p);
    assert_int_equal(parent_of(p)->sends, before);
    pair_tick(p, 1);
    pair_run(p);
    assert_int_equal(parent_of(p)->sends, before + 1);
}

/* A clock that has run for long is no silence. */
static void silence_counts_from_the_first_event(void **state)
{
    struct pair *p = *state;
    p->now_ms += 10 * SILENCE_MS;
    pair_link(p);
    pair_tick(p, 1000);
    pair_run(p);
    assert_int_equal(parent_of(p)->closed, 0);
    assert_int_equal(child_of(p)->closed, 0);
    assert_int_equal(parent_of(p)->settled, 1);
}

static void a_link_settles_once_each_time(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    for (int i = 0; i < 5; i++) {
        pair_tick(p, 1000);
        pair_run(p);
    }
    assert_int_equal(child_of(p)->settled, 1);
    pair_write(p, CHILD, 'c', 9, true);
    pair_news(p, CHILD);
    pair_run(p);
    assert_int_equal(child_of(p)->settled, 2);
}

static void a_refused_changeset_is_named_and_blocks_nothing(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 3, true);
    parent_of(p)->refuse[0] =
        (struct refusal){2, ERR_FUTURE, "stamped 11 minutes ahead"};
    parent_of(p)->refuse_count = 1;
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->acked, 3);
    assert_int_equal(child_of(p)->refused, 1);
    assert_int_equal(parent_of(p)->stored, 2);
}

static void refusals_lost_with_the_link_are_told_again(void **state)
{
    struct pair *p = *state;
    struct refusal refusal = {2, ERR_FUTURE, "stamped 11 minutes ahead"};
    pair_write(p, CHILD, 'c', 3, true);
    parent_of(p)->facts.have = (struct token){'c', 3, 'c'};
    parent_of(p)->facts.refusals = &refusal;
    parent_of(p)->facts.refusal_count = 1;
    pair_link(p);
    pair_run(p);
    assert_string_equal(pair_story(p),
                        "child says hello, has 0 of journal 0\n"
                        "parent says welcome, has 3 of journal 99\n"
                        "parent: opened\n"
                        "parent says ack 3, refuses 1\n"
                        "parent: settled\n"
                        "child: opened\n"
                        "child: settled\n"
                        "child: acked 3\n");
    assert_int_equal(child_of(p)->refused, 1);
}

static void refusals_of_another_journal_are_not_told(void **state)
{
    struct pair *p = *state;
    struct refusal refusal = {2, ERR_FUTURE, "stamped 11 minutes ahead"};
    parent_of(p)->facts.have = (struct token){42, 3, 'c'};
    parent_of(p)->facts.refusals = &refusal;
    parent_of(p)->facts.refusal_count = 1;
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->closed, 0);
    assert_int_equal(child_of(p)->refused, 0);
}

/* The token stays where it was, for it is what tells of a copy put back. */
static void what_was_refused_is_asked_for_again(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', 5, true);
    pair_write(p, PARENT, 'p', 1, true);
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->facts.have.position, 5);
    pair_cut(p);
    (void)pair_story(p);
    parent_of(p)->facts.again = 3;
    pair_link(p);
    pair_run(p);
    assert_non_null(strstr(pair_story(p), "child says [ 3+ 4 5 ] to 5\n"));
    assert_int_equal(session_state(child_of(p)->session), SESSION_OPEN);
    assert_int_equal(child_of(p)->acked, 5);
    /* of a copy that was put back to position 4 it is no question */
    pair_cut(p);
    put_back(child_of(p), 4);
    parent_of(p)->facts.again = 3;
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->closed, ERR_STATE);
    assert_int_equal(child_of(p)->facts.give_back, 1);
}

static void a_message_refused_whole_is_named_whole(void **state)
{
    struct pair *p = *state;
    pair_write(p, CHILD, 'c', MESSAGE_CHANGESETS_MAX, true);
    child_of(p)->batch = MESSAGE_CHANGESETS_MAX;
    for (size_t i = 0; i < MESSAGE_CHANGESETS_MAX; i++) {
        parent_of(p)->refuse[i] = (struct refusal){i + 1, ERR_FORK, "forked"};
    }
    parent_of(p)->refuse_count = MESSAGE_CHANGESETS_MAX;
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->refused, MESSAGE_CHANGESETS_MAX);
    assert_int_equal(child_of(p)->acked, MESSAGE_CHANGESETS_MAX);
    assert_int_equal(parent_of(p)->sends, /* welcome and acks */
                     1 + MESSAGE_CHANGESETS_MAX / ACK_REFUSED_MAX);
    /* each ack covers the last it names, and no more */
    const char *story = pair_story(p);
    for (size_t i = ACK_REFUSED_MAX; i <= MESSAGE_CHANGESETS_MAX;
         i += ACK_REFUSED_MAX) {
        char line[80];
        (void)snprintf(line, sizeof line, "parent says ack %zu, refuses %d\n",
                       i, ACK_REFUSED_MAX);
        assert_non_null(strstr(story, line));
    }
}

static void a_digest_is_compared_where_it_was_taken(void **state)
{
    struct pair *p = *state;
    pair_write(p, PARENT, 'p', 2, true);
    pair_link(p);
    pair_run(p);
    pair_digest(p, 2);
    pair_run(p);
    assert_true(child_of(p)->compared && child_of(p)->current);
    pair_digest(p, 3); /* the parent's journal has moved on */
    pair_run(p);
    assert_false(child_of(p)->current);
}

static void what_can_be_computed_is_left_out(void **state)
{
    struct pair *p = *state;
    pair_write(p, PARENT, 'p', 2, true);
    pair_write(p, PARENT, 'x', 2, true);
    pair_write(p, PARENT, 'p', 1, true);
    pair_write(p, PARENT, 'x', 1, false); /* not sent, so x4 has a gap */
    pair_write(p, PARENT, 'x', 1, true);
    /* p4 follows p3 across incarnations; p5 names another p4 before it */
    pair_write(p, PARENT, 'p', 2, true);
    parent_of(p)->journal[7].item.incarnation = 6;
    parent_of(p)->journal[8].item.incarnation = 6;
    parent_of(p)->batch = 100;
    pair_link(p);
    pair_run(p);
    const char *story = pair_story(p);
    assert_non_null(
        strstr(story, "parent says [ 1+ 2 x1+ 2 p3 x4+ p4 5+ ] to 9\n"));
    assert_non_null(
        strstr(story, "child stores [ p1+ p2 x1+ x2 p3 x4+ p4 p5+ ] to 9\n"));
}

/* --- who may speak ------------------------------------------------------- */

static void a_peer_that_claims_another_node_is_refused(void **state)
{
    struct pair *p = *state;
    child_of(p)->facts.node = pair_hash('z');
    pair_link(p);
    pair_run(p);
    assert_int_equal(parent_of(p)->closed, ERR_FORBIDDEN);
    assert_int_equal(child_of(p)->closed, ERR_FORBIDDEN);

    child_of(p)->facts.node = pair_hash('c');
    parent_of(p)->facts.node = pair_hash('z');
    pair_link(p);
    pair_run(p);
    assert_int_equal(child_of(p)->closed, ERR_FORBIDDEN);
    assert_int_equal(parent_of(p)->closed, ERR_FORBIDDEN);
}

static void a_child_of_another_network_is_refused(void **state)
{
    struct pair *p = *state;
    child_of(p)->facts.network = pair_hash('m');
    pair_link(p);
    pair_run(p);
    assert_string_equal(
        pair_story(p),
        "child says hello, has 0 of journal 0\n"
        "parent says error: the child belongs to another network\n"
        "parent: closed: the child belongs to another network\n"
        "child: closed: the other side says: the child belongs to another "
        "network\n");
    assert_int_equal(parent_of(p)->closed, ERR_NETWORK);
    assert_int_equal(child_of(p)->closed, ERR_NETWORK);
}

static void another_protocol_version_is_refused(void **state)
{
    struct pair *p = *state;
    struct message m = hello();
    pair_link(p);
    m.as.hello.protocol = PROTOCOL_VERSION + 1;
    pair_say(p, PARENT, &m);
    assert_int_equal(parent_of(p)->closed, ERR_VERSION);

    pair_link(p);
    m = (struct message){.kind = MESSAGE_WELCOME};
    m.as.welcome = (struct welcome){.protocol = PROTOCOL_VERSION + 1,
                                    .node = pair_hash('p'),
                                    .journal = 'p',
                                    .credit = 16,
                                    .start = 'p'};
    pair_say(p, CHILD, &m);
    assert_int_equal(child_of(p)->closed, ERR_VERSION);
}

/* --- time ---------------------------------------------------------------- */

static void an_idle_link_says_it_is_still_here(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    (void)pair_story(p);
    pair_tick(p, HEARTBEAT_MS - 1);
    pair_run(p);
    assert_string_equal(pair_story(p), "");
    pair_tick(p, 1);
    pair_run(p);
    assert_string_equal(pair_story(p),
                        "child says heartbeat\nparent says heartbeat\n");
    for (int i = 0; i < 600; i++) {
        pair_tick(p, 1000);
        pair_run(p);
    }
    assert_int_equal(child_of(p)->closed, 0);
    assert_int_equal(parent_of(p)->closed, 0);
}

static void silence_closes_in_every_state(void **state)
{
    struct pair *p = *state;
    pair_link(p); /* greeting; the parent hears nothing */
    pair_tick(p, 1000);
    pair_tick(p, SILENCE_MS - 1001);
    assert_int_equal(child_of(p)->closed, 0);
    pair_tick(p, 1001); /* the parent's time began with its first event */
    assert_int_equal(child_of(p)->closed, ERR_TIMEOUT);
    assert_string_equal(child_of(p)->sentence, "nothing heard for 61 seconds");
    assert_int_equal(parent_of(p)->closed, ERR_TIMEOUT);

    pair_link(p);
    pair_run(p);
    pair_tick(p, SILENCE_MS);
    assert_int_equal(child_of(p)->closed, ERR_TIMEOUT);
    assert_int_equal(parent_of(p)->closed, ERR_TIMEOUT);
    assert_int_equal(session_state(child_of(p)->session), SESSION_CLOSED);
}

/* So long passes, and both hear each other. */
static void pass(struct pair *p, int64_t ms)
{
    for (; ms > 0; ms -= HEARTBEAT_MS) {
        pair_tick(p, HEARTBEAT_MS);
        pair_run(p);
    }
}

static void a_lost_last_message_is_sent_again_on_a_new_link(void **state)
{
    struct pair *p = *state;
    struct pair_node *child = child_of(p);
    struct pair_node *parent = parent_of(p);
    pair_link(p);
    pair_run(p);
    pass(p, 2 * UNACKED_MS); /* of nothing sent nobody waits for an ack */
    assert_int_equal(child->closed, 0);
    parent->holds_store = true; /* as if it, or its ack, had not come */
    pair_write(p, CHILD, 'c', 2, true);
    pair_news(p, CHILD);
    pair_run(p);
    pass(p, UNACKED_MS - HEARTBEAT_MS);
    assert_int_equal(child->closed, 0);
    pass(p, HEARTBEAT_MS);
    assert_int_equal(child->closed, ERR_TIMEOUT);
    assert_string_equal(
        child->sentence,
        "nothing after position 0 was acknowledged for 600 seconds");
    assert_int_equal(parent->closed, ERR_TIMEOUT);
    parent->holds_store = false;
    pair_link(p);
    pair_run(p);
    assert_int_equal(session_acked(child->session), 2);
}

static void who_acknowledges_slowly_is_waited_for(void **state)
{
    struct pair *p = *state;
    struct pair_node *parent = parent_of(p);
    pair_link(p);
    pair_run(p);
    parent->holds_store = true;
    for (int i = 0; i < 3; i++) { /* one message each */
        pair_write(p, CHILD, 'c', 1, true);
        pair_news(p, CHILD);
        pair_run(p);
    }
    for (int i = 0; i < 3; i++) {
        pass(p, UNACKED_MS - HEARTBEAT_MS);
        pair_store(p, PARENT);
        pair_run(p);
    }
    assert_int_equal(child_of(p)->closed, 0);
    assert_int_equal(session_acked(child_of(p)->session), 3);
}

static void a_child_waits_for_its_link_as_long_as_it_takes(void **state)
{
    struct pair *p = *state;
    struct pair_node *child = child_of(p);
    child->session = session_new(&child->facts);
    for (int i = 0; i < 10; i++) {
        p->now_ms += SILENCE_MS;
        pair_give(p, CHILD, (struct session_event){.kind = SESSION_TICK});
    }
    assert_int_equal(session_state(child->session), SESSION_START);
    pair_give(p, CHILD, (struct session_event){.kind = SESSION_UP});
    pair_give(p, CHILD, (struct session_event){.kind = SESSION_TICK});
    assert_int_equal(session_state(child->session), SESSION_GREETING);
}

static void news_before_the_greeting_is_walked_after_it(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_write(p, CHILD, 'c', 1, true);
    pair_write(p, PARENT, 'p', 1, true);
    pair_news(p, CHILD);
    pair_news(p, PARENT);
    pair_run(p);
    assert_int_equal(child_of(p)->stored, 1);
    assert_int_equal(parent_of(p)->stored, 1);

    struct pair_node *child = child_of(p);
    pair_cut(p);
    child->session = session_new(&child->facts);
    pair_news(p, CHILD); /* before the link is up */
    assert_int_equal(session_state(child->session), SESSION_START);
}

static void a_closed_session_does_nothing_more(void **state)
{
    struct pair *p = *state;
    pair_link(p);
    pair_run(p);
    pair_tick(p, SILENCE_MS);
    (void)pair_story(p);
    struct message m = hello();
    pair_say(p, CHILD, &m);
    pair_say(p, PARENT, &m);
    for (int kind = SESSION_UP; kind <= SESSION_TICK; kind++) {
        if (kind != SESSION_FRAME) {
            pair_give(
                p, PARENT,
                (struct session_event){.kind = (enum session_event_kind)kind});
        }
    }
    assert_string_equal(pair_story(p), "");
}

static void states_have_words(void **state)
{
    (void)state;
    assert_string_equal(session_state_word(SESSION_START), "start");
    assert_string_equal(session_state_word(SESSION_GREETING), "greeting");
    assert_string_equal(session_state_word(SESSION_WAITING), "waiting");
    assert_string_equal(session_state_word(SESSION_OPEN), "open");
    assert_string_equal(session_state_word(SESSION_CLOSED), "closed");
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, fresh_pair, free_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_first_sync_carries_both_journals),
        STORY(a_resumed_sync_sends_only_what_is_new),
        STORY(a_cut_before_the_ack_sends_nothing_twice),
        STORY(an_unknown_journal_is_walked_from_the_start),
        STORY(a_journal_that_was_put_back_asks_for_what_it_lost),
        STORY(a_branch_that_is_longer_is_known_as_another),
        STORY(a_token_from_before_the_copy_is_good),
        STORY(who_is_put_back_again_finds_out_again),
        STORY(an_ack_of_another_branch_is_not_heard),
        STORY(an_ack_waits_for_the_commit),
        STORY(messages_queue_and_are_stored_one_at_a_time),
        STORY(no_more_is_in_flight_than_the_credit),
        STORY(a_peer_may_give_less_credit),
        STORY(a_settled_link_carries_news_at_once),
        STORY(news_during_a_walk_is_walked_after_it),
        STORY(a_filtered_stretch_advances_the_token),
        STORY(a_busy_hub_tells_a_quiet_child_once_a_second),
        STORY(a_second_is_a_whole_second),
        STORY(silence_counts_from_the_first_event),
        STORY(a_link_settles_once_each_time),
        STORY(a_refused_changeset_is_named_and_blocks_nothing),
        STORY(refusals_lost_with_the_link_are_told_again),
        STORY(refusals_of_another_journal_are_not_told),
        STORY(what_was_refused_is_asked_for_again),
        STORY(a_message_refused_whole_is_named_whole),
        STORY(a_digest_is_compared_where_it_was_taken),
        STORY(what_can_be_computed_is_left_out),
        STORY(a_peer_that_claims_another_node_is_refused),
        STORY(a_child_of_another_network_is_refused),
        STORY(another_protocol_version_is_refused),
        STORY(an_idle_link_says_it_is_still_here),
        STORY(silence_closes_in_every_state),
        STORY(a_lost_last_message_is_sent_again_on_a_new_link),
        STORY(who_acknowledges_slowly_is_waited_for),
        STORY(a_child_waits_for_its_link_as_long_as_it_takes),
        STORY(news_before_the_greeting_is_walked_after_it),
        STORY(a_closed_session_does_nothing_more),
        cmocka_unit_test(states_have_words),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
