/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The inside of a link, for the files that make it: link.c (the session's
 * events and actions) and link_work.c (what takes long).
 */
#ifndef SANGAM_LINK_INSIDE_H
#define SANGAM_LINK_INSIDE_H

#include "node/link.h"
#include "node/outbox.h"

struct link {
    struct replica *replica;
    struct hold *hold;
    struct peer peer;
    struct session *session;
    struct outbox *outbox;
    struct route route;
    bool closed;
    bool settled;
    int64_t opened_ms; /* 0: not yet */
    /* what the session asked for and has not got yet */
    const struct changesets *storing; /* NULL: nothing */
    bool walking;
    uint64_t walk_from;
    bool digest_due;
    bool acked_due;
    uint64_t acked;
    int64_t heard_ms; /* 0: not yet */
    int64_t noted_ms;
};

/* Gives the session an event and does what it says, in its order. */
int link_step(struct link *l, struct session_event *event, struct err *e);

/* Nothing more comes of this link; what waits to be sent still may. */
int link_close(struct link *l, const char *sentence, struct err *e);

/* What an error of the replica means for this link; 0 unless it must stop the
 * node. `cause` and `e` may be one. */
int link_failed(struct link *l, const struct err *cause, struct err *e);

#endif
