/* SPDX-License-Identifier: Apache-2.0 */
/* Any frames at any time, to either end of a session: it asks for nothing that
 * makes no sense, and after it has closed it is silent. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/session.h"

enum { STEPS_MAX = 200 };

struct life {
    struct session *session;
    struct session_actions actions;
    uint64_t walk; /* asked for from here + 1; 0: not asked for */
    bool storing;
    bool closed;
};

static void check_sentence(const char *sentence)
{
    assert(memchr(sentence, '\0', SENTENCE_BYTES_MAX + 1) != NULL);
}

static void take(struct life *l, const struct session_action *a)
{
    assert(!l->closed);
    switch (a->kind) {
    case SESSION_SEND:
        assert(a->as.frame.len > 0 && a->as.frame.len <= FRAME_BYTES_MAX);
        break;
    case SESSION_STORE:
        assert(!l->storing);
        assert(a->as.changesets->count <= MESSAGE_CHANGESETS_MAX);
        l->storing = true;
        break;
    case SESSION_WALK:
        l->walk = a->as.walk.position + 1;
        break;
    case SESSION_CLOSE:
        check_sentence(a->as.close.sentence);
        l->closed = true;
        break;
    case SESSION_OPENED:
    case SESSION_PUT_BACK:
    case SESSION_ACKED:
    case SESSION_SETTLED:
    case SESSION_COMPARE:
        break;
    }
}

static void step(struct life *l, const struct session_event *event)
{
    session_step(l->session, event, &l->actions);
    assert(l->actions.count <= SESSION_ACTIONS_MAX);
    for (size_t i = 0; i < l->actions.count; i++) {
        take(l, &l->actions.items[i]);
    }
}

/* The driver answers what it was asked, or something happens. */
static void next(struct life *l, struct slice *in, int64_t now_ms)
{
    struct session_event event = {.now_ms = now_ms, .time_ms = now_ms};
    switch (fuzz_u8(in) % 8) {
    case 0:
        event.kind = SESSION_TICK;
        break;
    case 1:
        if (!l->storing) {
            return;
        }
        l->storing = false;
        event.kind = SESSION_STORED;
        break;
    case 2:
        if (l->walk == 0) {
            return;
        }
        event.kind = SESSION_WALKED;
        event.as.walked.position = l->walk - 1 + fuzz_u8(in) % 2;
        event.as.walked.end = true;
        l->walk = 0;
        break;
    case 3:
        event.kind = SESSION_NEWS;
        event.as.position = 100 + fuzz_u8(in);
        break;
    default:
        event.kind = SESSION_FRAME;
        event.as.frame = fuzz_long_slice(in);
        break;
    }
    step(l, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    static const struct start starts[] = {{7, 0, false}, {8, 60, false}};
    static const struct lineage lineage = {starts, 2};
    struct life l = {.closed = false};
    struct session_facts facts = {
        .role = fuzz_u8(&in) % 2 == 0 ? SESSION_PARENT : SESSION_CHILD,
        .schema_version = 2,
        .certificate = 1,
        .journal = 5,
        .lineage = &lineage,
        .head = 100,
        .have = {.journal = 6, .position = fuzz_u8(&in)},
    };
    facts.network.bytes[0] = 1;
    facts.node.bytes[0] = 2;
    facts.peer.bytes[0] = 3;
    l.session = session_new(&facts);
    if (facts.role == SESSION_CHILD) {
        const struct session_event up = {.kind = SESSION_UP};
        step(&l, &up);
    }
    for (int64_t i = 0; i < STEPS_MAX && in.len > 0; i++) {
        next(&l, &in, 1000 * i * (1 + fuzz_u8(&in) % 4));
    }
    session_destroy(&l.session);
    return 0;
}
