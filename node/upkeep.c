/* SPDX-License-Identifier: Apache-2.0 */
#include "node/upkeep.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/holders.h"
#include "node/log.h"
#include "node/numbering.h"
#include "node/scrubber.h"
#include "node/watch.h"
#include "node/zone.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Invites expire by the day; new ones disturb the replica. */
    INVITES_MS = 60 * 1000,
    /* A checkpoint that waits for a reader holds writers off meanwhile. So it
     * is tried again when nobody is seen to read, or after so long; */
    CHECKPOINT_BLOCKED_MS = 30 * 1000,
    CHECKPOINT_LOOK_MS = 1000,
    /* a reader is told of when it stays, */
    CHECKPOINT_TELL_MS = 10 * 1000,
    /* and again when it does not end. */
    CHECKPOINT_TOLD_MS = 10 * 60 * 1000,
    /* What cannot be signed now, for another reason than a lock. */
    DRAIN_FAILED_MS = 60 * 1000,
    /* A scrub: after the links are up again, */
    SCRUB_START_MS = 10 * 1000,
    /* when a tool has altered tables, and whatever else it does is done, */
    SCRUB_SOON_MS = 3 * 1000,
    /* and each night at three by the site's clock, when nobody dispenses. */
    SCRUB_HOUR_MS = 3 * 60 * 60 * 1000,
    DAY_MS = 24 * 60 * 60 * 1000,
    /* While it runs it is looked after, and it cannot start twice. */
    SCRUB_LOOK_MS = 1000,
    /* Between two pieces of the index, each of some ten milliseconds: links and
     * local writers come first. */
    INDEX_PAUSE_MS = 100,
    /* How soon what arrived since is looked at, when all was indexed. */
    INDEX_MS = 10 * 1000,
    INDEX_FAILED_MS = 10 * 60 * 1000,
    /* Between two looks of the rules: rows of one person that come together
     * are looked at once; while people wait, three times what the last look
     * took, so that the rules have no more than a quarter of the time. */
    JUDGE_PAUSE_MS = 200,
    JUDGE_PAUSE_TIMES = 3,
    JUDGE_FAILED_MS = 10 * 60 * 1000,
    /* Somebody with too many rows is told of so often. */
    JUDGE_TOLD_MS = 60 * 60 * 1000,
    /* What is said of others' rows: soon after the rules found something, and
     * once a minute, since a day that begins may change it too. */
    TELL_MS = 60 * 1000,
    TELL_FAILED_MS = 10 * 60 * 1000,
};

struct upkeep {
    struct replica *replica;
    struct hold *hold;
    struct auth *auth; /* NULL: no children, no invites */
    struct watch *watch;
    struct scrubber *scrubber;
    char *path; /* owned; of the replica */
    /* when to do what again, monotonic; INT64_MAX: not before asked for */
    int64_t drain_ms;
    int64_t invites_ms;
    int64_t scrub_ms;
    int64_t scrub_look_ms;
    int64_t look_ms;       /* blocked: look who is there, */
    int64_t checkpoint_ms; /* and try in any case */
    int64_t blocked_ms;    /* a checkpoint is, since then; 0: none */
    int64_t told_ms;       /* of who blocks it; 0: never */
    bool told;             /* since blocked_ms */
    int64_t index_ms;
    int64_t judge_ms;      /* not before */
    int64_t judge_told_ms; /* of too many rows; not before */
    struct judged judged;  /* not told yet */
    int64_t tell_ms;
    bool tell_failed; /* and waits until then */
    struct numbering numbering;
    int drain_failed; /* ERR_* said in the log, 0: works */
};

/* --- what tools do to the tables ------------------------------------------ */

/* The new tables of a schema get theirs too. */
static void tell_shape(struct upkeep *u)
{
    struct shaped s;
    if (!replica_shaped(u->replica, &s)) {
        return;
    }
    if (s.triggers[0] != '\0') {
        log_warning("tables", "triggers of %s were not there -> put back",
                    s.triggers);
    }
    if (s.broken[0] != '\0') {
        log_error("tables",
                  "%s -> nothing of it is signed or shown until it is put "
                  "right; everything else goes on",
                  s.broken);
    }
    if (s.extra[0] != '\0') {
        log_warning("tables",
                    "column %s is not known to the network -> it stays here",
                    s.extra);
    }
    int64_t soon_ms = clock_mono_ms() + SCRUB_SOON_MS;
    u->scrub_ms = soon_ms < u->scrub_ms ? soon_ms : u->scrub_ms;
}

/* --- the scrub ------------------------------------------------------------ */

static int32_t offset_now_s(const struct upkeep *u, int64_t now_ms)
{
    struct zone zone = {0};
    struct err e;
    int32_t offset_s = 0;
    if (zone_of_replica(u->path, now_ms, &zone, &e) != 0) {
        return 0; /* the scrub is as good at another hour */
    }
    for (size_t i = 0; i < zone.count; i++) {
        if (i == 0 || zone.offsets[i].from_s <= now_ms / 1000) {
            offset_s = zone.offsets[i].offset_s;
        }
    }
    zone_clear(&zone);
    return offset_s;
}

/* How long until the next night, at least half a day. */
static int64_t until_night_ms(const struct upkeep *u)
{
    int64_t now_ms = clock_wall_ms();
    int64_t local_ms = now_ms + (int64_t)offset_now_s(u, now_ms) * 1000;
    int64_t since_ms = (local_ms - SCRUB_HOUR_MS) % DAY_MS;
    int64_t wait_ms = DAY_MS - (since_ms < 0 ? since_ms + DAY_MS : since_ms);
    return wait_ms < DAY_MS / 2 ? wait_ms + DAY_MS : wait_ms;
}

static void scrub(struct upkeep *u)
{
    struct err e;
    int64_t now_ms = clock_mono_ms();
    if (scrubber_runs(u->scrubber, now_ms)) {
        u->scrub_look_ms = now_ms + SCRUB_LOOK_MS;
        return;
    }
    u->scrub_look_ms = INT64_MAX;
    if (u->scrub_ms > now_ms) {
        return;
    }
    u->scrub_ms = now_ms + until_night_ms(u);
    if (scrubber_start(u->scrubber, now_ms, &e) != 0) {
        log_warning("scrub", "%s -> tried again tomorrow", e.text);
        return;
    }
    u->scrub_look_ms = now_ms + SCRUB_LOOK_MS;
}

static int64_t scrub_due_ms(const struct upkeep *u)
{
    bool runs = u->scrub_look_ms != INT64_MAX;
    return runs ? u->scrub_look_ms : u->scrub_ms;
}

/* --- life ---------------------------------------------------------------- */

static struct watch *open_watch(const struct home *h)
{
    struct err why;
    struct watch *w = watch_new(h->folder, "replica.db", &why);
    if (why.code != 0) {
        log_warning("replica",
                    "%s -> what other programs write is seen after half a "
                    "second",
                    why.text);
    }
    return w;
}

struct upkeep *upkeep_new(const struct home *h, struct replica *r,
                          struct hold *hold, struct auth *auth)
{
    struct upkeep *u = calloc(1, sizeof *u);
    if (u == NULL) {
        abort();
    }
    u->replica = r;
    u->hold = hold;
    u->auth = auth;
    u->invites_ms = auth != NULL ? 0 : INT64_MAX;
    u->watch = open_watch(h);
    u->scrubber = scrubber_new(h->folder);
    u->path = strdup(h->replica);
    if (u->path == NULL) {
        abort();
    }
    u->scrub_ms = clock_mono_ms() + SCRUB_START_MS;
    u->scrub_look_ms = INT64_MAX;
    tell_shape(u);
    return u;
}

void upkeep_destroy(struct upkeep **u)
{
    struct upkeep *old = *u;
    *u = NULL;
    if (old == NULL) {
        return;
    }
    scrubber_destroy(&old->scrubber);
    watch_destroy(&old->watch);
    free(old->path);
    free(old);
}

int upkeep_fd(const struct upkeep *u)
{
    return watch_fd(u->watch);
}

void upkeep_read(struct upkeep *u)
{
    watch_read(u->watch, clock_mono_ms());
}

/* --- signing ------------------------------------------------------------- */

static void tell_drained(const struct drained *d)
{
    if (d->changesets > 0) {
        log_debug("local changes",
                  "%" PRIu64 " leaves in %" PRIu64 " changesets -> signed",
                  d->leaves, d->changesets);
    }
    if (d->parked > 0) {
        log_warning("local changes",
                    "%" PRIu64 " that this node may not make -> parked, see "
                    "'sangam status'",
                    d->parked);
    }
}

static int drain_failed(struct upkeep *u, struct err *e)
{
    int code = e->code;
    switch (fault_of(code)) {
    case FAULT_WAIT:
        hold_begin(u->hold, e);
        u->drain_ms = u->hold->until_ms;
        return 0;
    case FAULT_OTHER:
        if (u->drain_failed != code) {
            log_error("local changes", "%s -> not signed yet, tried again",
                      e->text);
        }
        u->drain_failed = code;
        u->drain_ms = clock_mono_ms() + DRAIN_FAILED_MS;
        return 0;
    case FAULT_FATAL:
        break;
    }
    return code;
}

static int drain(struct upkeep *u, struct err *e)
{
    struct drained d = {0};
    int64_t began_ms = clock_mono_ms();
    if (began_ms < u->hold->until_ms) {
        u->drain_ms = u->hold->until_ms;
        return 0;
    }
    replica_limit(u->replica, hold_rows(u->hold));
    if (replica_drain(u->replica, clock_wall_ms(), &d, e) != 0) {
        return drain_failed(u, e);
    }
    hold_end(u->hold);
    hold_used(u->hold, began_ms, clock_mono_ms(),
              d.leaves + d.changesets * CHANGESET_ROWS);
    if (u->drain_failed != 0) {
        log_info("local changes", "signed again -> going on");
    }
    u->drain_failed = 0;
    tell_drained(&d);
    u->drain_ms = d.more ? 0 : INT64_MAX;
    return 0;
}

/* --- invites ------------------------------------------------------------- */

static void tell_unproved(const struct invites *invites)
{
    if (invites->unproved > 0) {
        log_warning("invites",
                    "%" PRIu64 " asked for without this node's key -> refused; "
                    "find out who writes local_invite",
                    invites->unproved);
    }
}

static int read_invites(struct upkeep *u, struct err *e)
{
    struct invites invites;
    u->invites_ms = clock_mono_ms() + INVITES_MS;
    if (clock_mono_ms() < u->hold->until_ms) {
        u->invites_ms = u->hold->until_ms;
        return 0;
    }
    int rc = replica_invites(u->replica, clock_wall_ms(), &invites, e);
    if (rc == 0) {
        auth_set_invites(u->auth,
                         (const uint8_t(*)[KEY_PUBLIC_BYTES])invites.keys,
                         invites.count);
        free(invites.keys);
        tell_unproved(&invites);
        return 0;
    }
    if (fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (fault_of(rc) == FAULT_WAIT) {
        hold_begin(u->hold, e);
        u->invites_ms = u->hold->until_ms;
        return 0;
    }
    log_warning("invites", "%s -> read again later", e->text);
    return 0;
}

/* --- what other programs do ---------------------------------------------- */

/* Has another program committed? */
static int look_at_replica(struct upkeep *u, struct err *e)
{
    bool disturbed = false;
    watch_looked(u->watch, clock_mono_ms());
    int rc = replica_disturbed(u->replica, &disturbed, e);
    if (rc != 0) {
        return fault_of(rc) == FAULT_FATAL ? rc : 0;
    }
    if (disturbed) {
        if (u->drain_ms == INT64_MAX) {
            u->drain_ms = 0;
        }
        u->invites_ms = u->auth != NULL ? 0 : INT64_MAX;
    }
    return 0;
}

/* --- checkpoints --------------------------------------------------------- */

static void tell_blocked(struct upkeep *u, const struct holders *h,
                         int64_t now_ms)
{
    char who[HOLDERS_TEXT_BYTES];
    bool stays = now_ms - u->blocked_ms >= CHECKPOINT_TELL_MS;
    if (!stays ||
        (u->told_ms != 0 && now_ms - u->told_ms < CHECKPOINT_TOLD_MS)) {
        return;
    }
    u->told = true;
    u->told_ms = now_ms;
    log_warning("replica",
                "%s a snapshot, for %" PRId64 " s or longer -> replica.db-wal "
                "grows until it ends",
                holders_say(h, who), (now_ms - u->blocked_ms) / 1000);
}

/* Is there still somebody in the way of a checkpoint? */
static bool is_blocked(struct upkeep *u, int64_t now_ms)
{
    struct holders h;
    if (u->blocked_ms == 0 || now_ms < u->look_ms) {
        return u->blocked_ms != 0;
    }
    u->look_ms = now_ms + CHECKPOINT_LOOK_MS;
    holders_find(u->hold->replica, HOLDERS_SNAPSHOT, 0, &h);
    bool gone = h.source == HOLDERS_LOCKS && h.count == 0;
    if (!gone) {
        tell_blocked(u, &h, now_ms);
    }
    return !gone && now_ms < u->checkpoint_ms;
}

static void went_through(struct upkeep *u)
{
    if (u->told) {
        log_info("replica", "the snapshot ended -> replica.db-wal truncated");
    }
    u->told = false;
    u->blocked_ms = 0;
}

int upkeep_checkpoint(struct upkeep *u, struct err *e)
{
    bool busy = false;
    int64_t began_ms = clock_mono_ms();
    if (is_blocked(u, began_ms)) {
        return 0;
    }
    int rc = replica_checkpoint(u->replica, &busy, e);
    int64_t now_ms = clock_mono_ms();
    if (rc != 0) {
        return fault_of(rc) == FAULT_FATAL ? rc : 0;
    }
    hold_used(u->hold, began_ms, now_ms, 0);
    if (busy) {
        u->blocked_ms = u->blocked_ms == 0 ? now_ms : u->blocked_ms;
        u->look_ms = now_ms + CHECKPOINT_LOOK_MS;
        u->checkpoint_ms = now_ms + CHECKPOINT_BLOCKED_MS;
    } else {
        went_through(u);
    }
    return 0;
}

/* --- the index ----------------------------------------------------------- */

/* Folding is slower without, and nothing else: it may wait. */
static int grow_index(struct upkeep *u, struct err *e)
{
    bool more = false;
    if (clock_mono_ms() < u->hold->until_ms) {
        u->index_ms = u->hold->until_ms;
        return 0;
    }
    int rc = replica_index(u->replica, &more, e);
    int64_t pause_ms = more ? INDEX_PAUSE_MS : INDEX_MS;
    if (rc != 0 && fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (rc != 0 && fault_of(rc) == FAULT_OTHER) {
        log_warning("replica", "%s -> the journal is not indexed, tried again",
                    e->text);
        pause_ms = INDEX_FAILED_MS;
    }
    u->index_ms = clock_mono_ms() + pause_ms;
    return rc == 0 && more ? upkeep_checkpoint(u, e) : 0;
}

/* --- the rules ------------------------------------------------------------ */

static int64_t judge_due_ms(const struct upkeep *u)
{
    return replica_touched(u->replica) ? u->judge_ms : INT64_MAX;
}

/* Once the queue is empty: an import touches thousands. */
static void tell_judged(struct upkeep *u, const struct judged *j)
{
    u->judged.found += j->found;
    u->judged.critical += j->critical;
    if (j->gave_up > 0 && clock_mono_ms() >= u->judge_told_ms) {
        u->judge_told_ms = clock_mono_ms() + JUDGE_TOLD_MS;
        log_error("alerts",
                  "%" PRIu64
                  " persons, workers or sites have more rows than the "
                  "rules get through -> not all alerts about them are shown",
                  j->gave_up);
    }
    if (j->more) {
        return;
    }
    if (u->judged.critical > 0) {
        log_warning("alerts",
                    "%" PRIu64 " found, %" PRIu64 " of them critical -> see "
                    "'sangam alerts'",
                    u->judged.found, u->judged.critical);
    } else if (u->judged.found > 0) {
        log_info("alerts", "%" PRIu64 " found -> see 'sangam alerts'",
                 u->judged.found);
    }
    u->judged = (struct judged){0};
}

/* Whom the rules look at waits in the replica: a look that fails is made up
 * for. */
static int judge(struct upkeep *u, struct err *e)
{
    struct judged j = {0};
    int64_t began_ms = clock_mono_ms();
    int64_t pause_ms = 0;
    if (began_ms < u->hold->until_ms) {
        u->judge_ms = u->hold->until_ms;
        return 0;
    }
    int rc = replica_judge(u->replica, clock_wall_ms(), &j, e);
    if (rc != 0 && fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (rc != 0 && fault_of(rc) == FAULT_OTHER) {
        log_error("alerts", "%s -> nobody is alerted, tried again", e->text);
        pause_ms = JUDGE_FAILED_MS;
    }
    if (rc == 0) {
        tell_judged(u, &j);
        pause_ms = JUDGE_PAUSE_TIMES * (clock_mono_ms() - began_ms);
        pause_ms =
            j.more || pause_ms > JUDGE_PAUSE_MS ? pause_ms : JUDGE_PAUSE_MS;
    }
    u->judge_ms = clock_mono_ms() + pause_ms;
    return rc == 0 && j.more ? upkeep_checkpoint(u, e) : 0;
}

/* --- what is said of others' rows ----------------------------------------- */

static int64_t tell_due_ms(const struct upkeep *u)
{
    return replica_owes(u->replica) && !u->tell_failed ? u->hold->until_ms
                                                       : u->tell_ms;
}

/* Whom it is about stays in the replica until it is written. */
static int tell_others(struct upkeep *u, struct err *e)
{
    struct told told = {0};
    int64_t began_ms = clock_mono_ms();
    if (began_ms < u->hold->until_ms) {
        u->tell_ms = u->hold->until_ms;
        return 0;
    }
    u->tell_ms = began_ms + TELL_MS;
    u->tell_failed = false;
    int rc = replica_tell(u->replica, clock_wall_ms(), &told, e);
    if (rc == 0 && told.rows > 0) {
        log_debug("alerts", "%" PRIu64 " rows -> told to other sites",
                  told.rows);
        u->drain_ms = 0;
        hold_used(u->hold, began_ms, clock_mono_ms(), told.rows);
        return 0;
    }
    if (rc == 0 || fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (fault_of(rc) == FAULT_WAIT) {
        hold_begin(u->hold, e);
        u->tell_ms = u->hold->until_ms;
        return 0;
    }
    u->tell_failed = true;
    u->tell_ms = began_ms + TELL_FAILED_MS;
    log_error("alerts", "%s -> other sites are not told, tried again", e->text);
    return 0;
}

/* --- numbers -------------------------------------------------------------- */

static int keep_numbers(struct upkeep *u, struct err *e)
{
    bool wrote = false;
    int rc = numbering_work(&u->numbering, u->replica, u->hold, &wrote, e);
    u->drain_ms = wrote ? 0 : u->drain_ms;
    return rc;
}

/* --- time ---------------------------------------------------------------- */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

int64_t upkeep_due_ms(const struct upkeep *u)
{
    int64_t due_ms = earlier(u->drain_ms, u->invites_ms);
    due_ms = earlier(due_ms, earlier(scrub_due_ms(u), u->index_ms));
    due_ms = earlier(due_ms, earlier(judge_due_ms(u), u->numbering.due_ms));
    due_ms = earlier(due_ms, tell_due_ms(u));
    return earlier(watch_due_ms(u->watch), due_ms);
}

int upkeep_work(struct upkeep *u, struct err *e)
{
    int rc = 0;
    if (watch_due_ms(u->watch) <= clock_mono_ms()) {
        rc = look_at_replica(u, e);
    }
    if (rc == 0 && u->drain_ms <= clock_mono_ms()) {
        rc = drain(u, e);
    }
    if (rc == 0 && u->invites_ms <= clock_mono_ms()) {
        rc = read_invites(u, e);
    }
    tell_shape(u);
    if (rc == 0 && scrub_due_ms(u) <= clock_mono_ms()) {
        scrub(u);
    }
    if (rc == 0 && u->numbering.due_ms <= clock_mono_ms()) {
        rc = keep_numbers(u, e);
    }
    if (rc == 0 && u->index_ms <= clock_mono_ms()) {
        rc = grow_index(u, e);
    }
    if (rc == 0 && judge_due_ms(u) <= clock_mono_ms()) {
        rc = judge(u, e);
    }
    if (rc == 0 && tell_due_ms(u) <= clock_mono_ms()) {
        rc = tell_others(u, e);
    }
    return rc;
}
