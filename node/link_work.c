/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The work of a link: what takes long, a piece at a time.
 */
#include "node/link_inside.h"

#include "node/clock.h"
#include "node/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void tell_stored(const struct link *l, const struct stored *s)
{
    if (s->refused > 0) {
        log_warning(l->peer.site,
                    "%" PRIu64 " leaves refused, the first because %s -> kept, "
                    "not shown; 'sangam parked' lists them",
                    s->refused, s->refused_says);
    }
    for (size_t i = 0; i < s->refusal_count; i++) {
        if (s->refusals[i].code != ERR_FUTURE) {
            log_error(l->peer.site,
                      "%s -> refused, with what follows of its "
                      "writer; others go on",
                      s->refusals[i].sentence);
        } else if (i == 0 || s->refusals[i - 1].code != ERR_FUTURE) {
            log_warning(l->peer.site, "turned away: %s",
                        s->refusals[i].sentence);
        }
    }
    if (s->lifted > 0) {
        log_info(l->peer.site,
                 "what was refused of %" PRIu64 " writers -> taken now",
                 s->lifted);
    }
    if (s->folded > 0) {
        log_warning(l->peer.site,
                    "evidence came late: %" PRIu64 " rows were folded again",
                    s->folded);
    }
    if (s->cloned[0] != '\0') {
        log_error(l->peer.site,
                  "the node of site %s ran twice, from a copied disk -> stop "
                  "the copy",
                  s->cloned);
    }
    if (s->changesets > 0) {
        log_debug(l->peer.site,
                  "%" PRIu64 " changesets, %" PRIu64 " leaves, %" PRIu64
                  " of them waiting -> durable, acknowledged",
                  s->changesets, s->leaves, s->waiting);
    }
}

/* What was turned away of the pieces so far is told with the last. */
static void keep_refusals(struct link *l, const struct stored *s)
{
    size_t count = l->refusal_count + s->refusal_count;
    if (s->refusal_count == 0) {
        return;
    }
    l->refusals = realloc(l->refusals, count * sizeof *l->refusals);
    if (l->refusals == NULL) {
        abort();
    }
    memcpy(l->refusals + l->refusal_count, s->refusals,
           s->refusal_count * sizeof *l->refusals);
    l->refusal_count = count;
}

static int stored_all(struct link *l, struct err *e)
{
    struct session_event event = {
        .kind = SESSION_STORED,
        .as.stored = {l->refusals, l->refusal_count},
    };
    l->peer.have.position = l->storing->position;
    l->storing = NULL;
    l->stored = 0;
    int rc = link_step(l, &event, e);
    l->refusal_count = 0;
    return rc;
}

/* Stores one piece of what came. */
static int store(struct link *l, struct err *e)
{
    struct stored *s = malloc(sizeof *s); /* 260 KiB, much for a stack */
    if (s == NULL) {
        abort();
    }
    struct changesets left = *l->storing;
    if (l->stored > 0) { /* there may be no items at all */
        left.items += l->stored;
        left.count -= l->stored;
    }
    int64_t began_ms = clock_mono_ms();
    replica_limit(l->replica, hold_rows(l->hold));
    int rc = replica_store(l->replica, &l->peer, &left, clock_wall_ms(), s, e);
    if (rc != 0) {
        rc = link_failed(l, e, e);
    } else {
        hold_end(l->hold);
        hold_used(l->hold, began_ms, clock_mono_ms(),
                  s->leaves + s->taken * CHANGESET_ROWS);
        tell_stored(l, s);
        l->stored += s->taken;
        keep_refusals(l, s);
        if (s->refusal_count > 0) {
            link_plan_asking(l);
        }
        rc = s->end ? stored_all(l, e) : 0;
    }
    free(s);
    return rc;
}

static int walk(struct link *l, struct err *e)
{
    struct session_event event = {.kind = SESSION_WALKED};
    struct walked w = {0};
    int rc = replica_walk(l->replica, &l->peer, l->walk_from,
                          MESSAGE_TARGET_BYTES, &w, e);
    if (rc != 0) {
        return link_failed(l, e, e);
    }
    l->walking = false;
    event.as.walked.items = w.items;
    event.as.walked.count = w.count;
    event.as.walked.position = w.position;
    event.as.walked.end = w.end;
    rc = link_step(l, &event, e);
    walked_clear(&w);
    return rc;
}

/* A journal that grew since is not settled: it will be again, and asks then. */
static int say_digest(struct link *l, struct err *e)
{
    struct digest digest = {0};
    struct peer_note n = {0};
    struct session_event event = {.kind = SESSION_DIGEST, .as.digest = &digest};
    l->digest_ms = INT64_MAX;
    if (replica_self(l->replica)->head != l->settled_head) {
        return 0;
    }
    int rc = replica_digest(l->replica, &l->peer, &digest, e);
    if (rc != 0) {
        return link_failed(l, e, e);
    }
    l->digest_said_ms = clock_mono_ms();
    rc = link_step(l, &event, e);
    free(digest.origins);
    return rc == 0 && !l->closed ? link_note(l, &n, e) : rc;
}

static int note_acked(struct link *l, struct err *e)
{
    int64_t began_ms = clock_mono_ms();
    int rc = replica_acked(l->replica, &l->peer.node, l->acked, e);
    if (rc != 0) {
        return link_failed(l, e, e);
    }
    hold_end(l->hold);
    hold_used(l->hold, began_ms, clock_mono_ms(), 0);
    l->acked_ms = INT64_MAX;
    l->acked_noted_ms = clock_mono_ms();
    return 0;
}

/* The parent told its time when the link opened, and its clock was set since:
 * whatever is signed by that time is turned away. */
static int ask_the_time_anew(struct link *l, struct err *e)
{
    struct err why = {0};
    (void)err_set(&why, ERR_FUTURE,
                  "turned away again after it was signed anew: the clock there "
                  "was set since it told the time");
    return link_failed(l, &why, e);
}

/* What was lost comes back first: it may have been taken back before, and written
 * over since. */
static bool may_take_back(const struct link *l)
{
    return l->take_back != 0 && !peer_owes(&l->peer, l->head);
}

/* What the parent turned away was stamped ahead of its clock. */
static int take_back(struct link *l, struct err *e)
{
    struct taken_back taken;
    int64_t began_ms = clock_mono_ms();
    int rc =
        replica_take_back(l->replica, l->take_back, clock_wall_ms(), &taken, e);
    if (rc != 0) {
        return link_failed(l, e, e);
    }
    hold_end(l->hold);
    hold_used(l->hold, began_ms, clock_mono_ms(), 0);
    l->take_back = 0;
    if (taken.changesets > 0) {
        log_warning("local changes",
                    "%" PRIu64 " changesets were stamped %" PRId64
                    " seconds ahead -> taken back and signed anew; set this "
                    "machine's clock",
                    taken.changesets, taken.ahead_ms / 1000);
        if (l->took_back) {
            return ask_the_time_anew(l, e);
        }
        l->took_back = true;
    }
    return 0;
}

/* A child may have brought it, or the words that take it back; what was said of it
 * since, above all by this node, the parent knows. */
static bool may_sign_returned(const struct link *l)
{
    bool met =
        l->opened_ms != 0 && !l->closed && l->peer.have.position >= l->head;
    return l->peer.neighbour == NEIGHBOUR_PARENT && met && l->storing == NULL &&
           replica_returned(l->replica);
}

/* What came back when it had been taken back already. */
static int sign_returned(struct link *l, struct err *e)
{
    struct signed_anew anew;
    int64_t began_ms = clock_mono_ms();
    replica_limit(l->replica, hold_rows(l->hold));
    int rc = replica_sign_returned(l->replica, clock_wall_ms(), &anew, e);
    if (rc != 0) {
        return link_failed(l, e, e);
    }
    hold_end(l->hold);
    hold_used(l->hold, began_ms, clock_mono_ms(), anew.leaves);
    if (anew.rows > 0) {
        log_warning("local changes",
                    "%" PRIu64 " rows that were lost came back after their "
                    "time was taken back -> signed anew",
                    anew.rows);
    }
    if (anew.parked > 0) {
        log_warning("local changes",
                    "%" PRIu64 " values came back so, of rows that may have "
                    "been written since -> parked, see 'sangam parked'",
                    anew.parked);
    }
    return 0;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* A replica that is locked or full can be read all the same. */
static int64_t write_due_ms(const struct link *l)
{
    bool now = l->storing != NULL || may_take_back(l) || may_sign_returned(l);
    return later(now ? 0 : l->acked_ms, l->hold->until_ms);
}

static int64_t read_due_ms(const struct link *l)
{
    return l->walking ? 0 : l->digest_ms;
}

int64_t link_due_ms(const struct link *l)
{
    if (!outbox_is_empty(l->outbox)) {
        return outbox_due_ms(l->outbox);
    }
    int64_t read_ms = read_due_ms(l);
    int64_t write_ms = write_due_ms(l);
    return read_ms < write_ms ? read_ms : write_ms;
}

static int flush(struct link *l, struct err *e)
{
    struct err cause;
    if (outbox_flush(l->outbox, &cause) == 0 || l->closed) {
        return 0;
    }
    return link_close(l, cause.text, e);
}

int link_work(struct link *l, struct err *e)
{
    int64_t now_ms = clock_mono_ms();
    if (link_due_ms(l) > now_ms) {
        return 0;
    }
    if (!outbox_is_empty(l->outbox)) {
        return flush(l, e);
    }
    if (write_due_ms(l) <= now_ms) {
        if (may_take_back(l)) {
            return take_back(l, e);
        }
        if (may_sign_returned(l)) {
            return sign_returned(l, e);
        }
        return l->acked_ms <= now_ms ? note_acked(l, e) : store(l, e);
    }
    return l->walking ? walk(l, e) : say_digest(l, e);
}
