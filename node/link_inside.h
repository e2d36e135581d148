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
    size_t stored;                    /* of those, the first so many */
    struct refusal *refusals;         /* owned; of the pieces that are stored */
    size_t refusal_count;
    bool walking;
    uint64_t walk_from;
    int64_t digest_ms;      /* when one is due; INT64_MAX: none is */
    int64_t digest_said_ms; /* 0: not yet */
    uint64_t settled_head;  /* of our journal, when nothing was due */
    int64_t acked_ms;       /* when `acked` is to be noted; INT64_MAX: it is */
    int64_t acked_noted_ms; /* 0: not yet */
    uint64_t acked;
    uint64_t head;      /* of the peer's journal, as the link opened */
    uint64_t take_back; /* the parent turned away this position; 0: none */
    bool took_back;     /* since the link is open */
    int64_t ask_ms;     /* when what was refused is; INT64_MAX: nothing was */
    int64_t heard_ms;   /* 0: not yet */
    int64_t noted_ms;
};

/* Gives the session an event and does what it says, in its order. */
int link_step(struct link *l, struct session_event *event, struct err *e);

/* Notes for `status`. Fails only with what must stop the node. */
int link_note(struct link *l, struct peer_note *n, struct err *e);

/* After something was refused: when a new link is to ask for it again. */
void link_plan_asking(struct link *l);

/* Nothing more comes of this link; what waits to be sent still may. */
int link_close(struct link *l, const char *sentence, struct err *e);

/* What an error of the replica means for this link; 0 unless it must stop the
 * node. `cause` and `e` may be one. */
int link_failed(struct link *l, const struct err *cause, struct err *e);

#endif
