/* SPDX-License-Identifier: Apache-2.0 */
#include "node/outbox.h"

#include "node/clock.h"

enum {
    /* A session sends at most its credit of changesets unasked; acks answer
     * frames. A peer that lets more wait does not read. */
    FRAMES_MAX = 2 * CREDIT_MESSAGES,
    /* A listening socket cannot be polled for one peer's room (ROUTER says
     * always that it is writable), so the outbox looks again. */
    FLUSH_MS = 20,
};

struct outbox {
    struct transport *transport;
    const struct route *to;
    struct bytes frames[FRAMES_MAX]; /* a ring */
    size_t first;
    size_t count;
    int64_t due_ms;
};

struct outbox *outbox_new(struct transport *t, const struct route *to)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL) {
        abort();
    }
    o->transport = t;
    o->to = to;
    return o;
}

void outbox_destroy(struct outbox **o)
{
    struct outbox *old = *o;
    *o = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        bytes_free(&old->frames[i]);
    }
    free(old);
}

static void clear(struct outbox *o)
{
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        bytes_free(&o->frames[i]);
    }
    o->count = 0;
}

static int keep(struct outbox *o, struct slice frame, struct err *e)
{
    if (o->count == FRAMES_MAX) {
        clear(o);
        return err_set(e, ERR_LIMIT, "%d frames wait and it reads none",
                       FRAMES_MAX);
    }
    struct bytes *slot = &o->frames[(o->first + o->count) % FRAMES_MAX];
    bytes_put(slot, frame.data, frame.len);
    o->count++;
    o->due_ms = clock_mono_ms() + FLUSH_MS;
    return 0;
}

int outbox_send(struct outbox *o, struct slice frame, struct err *e)
{
    int rc = ERR_BUSY;
    if (o->count == 0) {
        rc = transport_send(o->transport, o->to, frame, e);
    }
    return rc == ERR_BUSY ? keep(o, frame, e) : rc;
}

int outbox_flush(struct outbox *o, struct err *e)
{
    while (o->count > 0) {
        struct bytes *slot = &o->frames[o->first];
        int rc = transport_send(o->transport, o->to, slice_of(slot), e);
        if (rc == ERR_BUSY) {
            o->due_ms = clock_mono_ms() + FLUSH_MS;
            return 0;
        }
        if (rc != 0) {
            clear(o);
            return rc;
        }
        bytes_free(slot);
        o->first = (o->first + 1) % FRAMES_MAX;
        o->count--;
    }
    return 0;
}

bool outbox_is_empty(const struct outbox *o)
{
    return o->count == 0;
}

int64_t outbox_due_ms(const struct outbox *o)
{
    return o->due_ms;
}
