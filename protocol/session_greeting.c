/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The greeting: who speaks, which journals there are, and how far each side
 * holds the other's.
 */
#include "session_inside.h"

void session_say_hello(struct session *s)
{
    const struct session_facts *facts = &s->facts;
    struct message m = {.kind = MESSAGE_HELLO};
    m.as.hello = (struct hello){
        .protocol = PROTOCOL_VERSION,
        .network = facts->network,
        .node = facts->node,
        .certificate = facts->certificate,
        .schema_version = facts->schema_version,
        .time_ms = s->time_ms,
        .journal = facts->journal,
        .have = facts->have,
        .credit = CREDIT_MESSAGES,
        .start = lineage_start(s->facts.lineage),
        .head = s->send.head,
        .give_back = facts->give_back,
        .again = facts->again,
    };
    session_say(s, &m);
    session_enter(s, SESSION_GREETING);
}

static void say_welcome(struct session *s)
{
    const struct session_facts *facts = &s->facts;
    struct message m = {.kind = MESSAGE_WELCOME};
    m.as.welcome = (struct welcome){
        .protocol = PROTOCOL_VERSION,
        .node = facts->node,
        .schema_version = facts->schema_version,
        .time_ms = s->time_ms,
        .journal = facts->journal,
        .have = facts->have,
        .credit = CREDIT_MESSAGES,
        .start = lineage_start(s->facts.lineage),
        .head = s->send.head,
        .give_back = facts->give_back,
        .again = facts->again,
    };
    session_say(s, &m);
}

/* What both greetings say of their sender. */
struct greeting {
    uint32_t protocol;
    const struct hash *node;
    uint32_t schema_version;
    int64_t time_ms;
    uint64_t journal;
    const struct token *have; /* of our journal */
    uint32_t credit;
    uint64_t start;
    uint64_t head;
    uint64_t give_back;
    uint64_t again;
};

/* Does our journal have what the peer heard of it? */
static bool is_known(const struct session *s, const struct token *have)
{
    return lineage_has(s->facts.lineage, s->facts.journal, s->send.head, have);
}

/* Is this the peer that the link's key names, and can we speak to it? The
 * session is closed if not. */
static bool greeting_holds(struct session *s, const struct greeting *g)
{
    if (!hash_equal(g->node, &s->facts.peer)) {
        session_refuse(s, ERR_FORBIDDEN,
                       "the greeting names another node than the link's key");
        return false;
    }
    if (g->protocol != PROTOCOL_VERSION) {
        session_refuse(s, ERR_VERSION,
                       "protocol %u is spoken there and %u here: upgrade the "
                       "older program",
                       (unsigned)g->protocol, (unsigned)PROTOCOL_VERSION);
        return false;
    }
    /* Nothing leaves a node before it is durable there, so only a journal put
     * back from a copy lacks what was heard of it. Whoever found that out
     * goes on: the token is of the other branch until something was sent. */
    if (g->have->journal == s->facts.journal && !is_known(s, g->have) &&
        !s->facts.knows_loss) {
        session_act(s, SESSION_PUT_BACK)->as.put_back.position = g->head;
        session_refuse(s, ERR_STATE,
                       "this node's replica was put back from a copy; it asks "
                       "for what it lost");
        return false;
    }
    return true;
}

/* Which journal the peer has, we learn from its greeting: of any other than
 * the one we know, we hold nothing. */
static void learn_journal(struct session *s, uint64_t journal, uint64_t start)
{
    s->peer_journal = journal;
    s->peer_start = start;
    if (s->facts.have.journal != journal) {
        s->facts.have = (struct token){.journal = journal};
        s->facts.again = 0;
        s->facts.refusal_count = 0;
    }
}

static void open_session(struct session *s, const struct greeting *g)
{
    session_enter(s, SESSION_OPEN);
    struct session_action *action = session_act(s, SESSION_OPENED);
    action->as.opened.schema_version = g->schema_version;
    action->as.opened.time_ms = g->time_ms;
    action->as.opened.journal = g->journal;
    action->as.opened.start = g->start;
    action->as.opened.head = g->head;
    action->as.opened.give_back = g->give_back;
    session_receive_open(s);
    session_send_open(
        s, is_known(s, g->have) ? g->have->position - g->again : 0, g->credit);
}

void session_hear_hello(struct session *s)
{
    const struct hello *hello = &s->heard.as.hello;
    struct greeting g = {
        .protocol = hello->protocol,
        .node = &hello->node,
        .schema_version = hello->schema_version,
        .time_ms = hello->time_ms,
        .journal = hello->journal,
        .have = &hello->have,
        .credit = hello->credit,
        .start = hello->start,
        .head = hello->head,
        .give_back = hello->give_back,
        .again = hello->again,
    };
    if (!hash_equal(&hello->network, &s->facts.network)) {
        session_refuse(s, ERR_NETWORK, "the child belongs to another network");
        return;
    }
    if (!greeting_holds(s, &g)) {
        return;
    }
    learn_journal(s, hello->journal, hello->start);
    say_welcome(s);
    open_session(s, &g);
}

void session_hear_welcome(struct session *s)
{
    const struct welcome *welcome = &s->heard.as.welcome;
    struct greeting g = {
        .protocol = welcome->protocol,
        .node = &welcome->node,
        .schema_version = welcome->schema_version,
        .time_ms = welcome->time_ms,
        .journal = welcome->journal,
        .have = &welcome->have,
        .credit = welcome->credit,
        .start = welcome->start,
        .head = welcome->head,
        .give_back = welcome->give_back,
        .again = welcome->again,
    };
    if (!greeting_holds(s, &g)) {
        return;
    }
    learn_journal(s, welcome->journal, welcome->start);
    open_session(s, &g);
}
