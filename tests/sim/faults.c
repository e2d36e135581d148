/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include "changed.h"
#include "holding.h"
#include "network.h"
#include "node/clock.h"
#include "store/parts.h"
#include "support/later.h"
#include "writer.h"

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
};

const char *const fault_names[FAULT_KINDS] = {
    "delay", "drop",   "repeat",  "reorder", "damage", "cut",  "weeks",
    "night", "off",    "kill",    "power",   "full",   "sync", "clock",
    "past",  "schema", "revoked", "restore", "clone",
};

int64_t faults_draw_ms(struct world *w, int64_t most_ms)
{
    int64_t ms = most_ms;
    for (size_t halvings = dice_below(&w->dice, 16); halvings > 0; halvings--) {
        ms /= 2;
    }
    return 1 + (int64_t)dice_below(&w->dice, (size_t)ms + 1);
}

static unsigned draw_share(struct world *w)
{
    static const unsigned shares[] = {2, 20, 200};
    return shares[dice_below(&w->dice, 3)];
}

enum { CLOCK_SEEDS = 3 };

bool faults_of_clocks(const struct world *w)
{
    return w->plan.seed % CLOCK_SEEDS == 0;
}

static void night(struct world *w, int64_t ms)
{
    for (int i = 0; i < w->count; i++) {
        if (w->machines[i].on) {
            machine_stop(&w->machines[i]);
        }
    }
    world_run(w, MINUTE_MS);
    sim.now_ms += ms;
    sim_say("a night of %lld s", (long long)(ms / 1000));
    for (int i = 0; i < w->count; i++) {
        if (!w->machines[i].on) {
            world_start(w, &w->machines[i]);
        }
    }
}

/* Headquarters' clock is off by minutes at most: stamps follow it, and nobody
 * can call back what is stamped far ahead. */
static void set_clock(struct world *w, struct machine *m)
{
    static const int64_t years_ms = INT64_C(31557600) * 1000;
    static const int64_t ways[] = {0, 0, -56, 73, -1, 1};
    static const int64_t ahead[] = {0, 0, 1, 73, 1, 1};
    size_t way = dice_below(&w->dice, 6);
    int64_t years = faults_of_clocks(w) ? ahead[way] : ways[way];
    int64_t some_ms =
        faults_draw_ms(w, HOUR_MS * 12) * (dice_even(&w->dice) ? 1 : -1);
    int64_t drift_ms = (int64_t)dice_below(&w->dice, 4000) - 2000;
    m->drift_since_ms = sim.now_ms;
    m->drift_ms = m->parent < 0 ? 0 : drift_ms;
    m->ahead_ms =
        m->parent < 0 ? some_ms % (4 * MINUTE_MS) : years * years_ms + some_ms;
    w->clock = m->index;
    sim_say("the clock of %s is %lld s ahead", m->site,
            (long long)(m->ahead_ms / 1000));
}

/* A clock that is set while a node runs is not believed: it counts from what it
 * has learnt. Who starts and hears nobody believes it, and so do the nodes below. */
static void start_alone(struct world *w, struct machine *m)
{
    struct line *line = network_line(m->index);
    if (m->on) {
        machine_stop(m);
    }
    line->cut[WAY_UP] = true;
    line->cut[WAY_DOWN] = true;
    world_start(w, m);
}

static void cut(struct world *w, struct line *line)
{
    size_t ways = dice_below(&w->dice, 3);
    line->cut[WAY_UP] = ways != 1;
    line->cut[WAY_DOWN] = ways != 0;
}

/* A site is cut off for up to sixty days, and people work on both sides. Nothing
 * happens in the nights between. */
static void live_apart(struct world *w, struct line *line)
{
    static const int64_t day_ms = INT64_C(24) * HOUR_MS;
    line->cut[WAY_UP] = true;
    line->cut[WAY_DOWN] = true;
    for (size_t looks = 2 + dice_below(&w->dice, 4); looks > 0; looks--) {
        night(w, faults_draw_ms(w, 12 * day_ms));
        for (int i = 0; i < w->count; i++) {
            world_write(w);
        }
        world_run(w, faults_draw_ms(w, MINUTE_MS));
    }
}

/* A program of tomorrow starts in the place of today's. */
static bool upgrade(struct world *w, struct machine *m)
{
    if (m->schema != sim.schema) {
        return false;
    }
    if (m->on) {
        machine_stop(m);
    }
    m->schema = later_schema(sim.schema, LATER_COLUMNS);
    world_start(w, m);
    return true;
}

static bool has_children(const struct world *w, const struct machine *m)
{
    for (int i = 0; i < w->count; i++) {
        if (w->machines[i].parent == m->index) {
            return true;
        }
    }
    return false;
}

/* A site that was stolen, say: found out after it has said some more. */
static bool end_node(struct world *w, struct machine *m)
{
    struct machine *up = &w->machines[m->parent < 0 ? 0 : m->parent];
    struct err e = {0};
    size_t back = dice_below(&w->dice, 4);
    if (m->parent < 0 || m->ended || !up->on || up->ended ||
        has_children(w, m)) {
        return false;
    }
    sim.running = up;
    struct revocation v = {.node = keys_node(m->keys.sign_public)};
    const struct origin *o =
        registry_origin(up->replica->merger.registry, &v.node);
    v.after = o->head_seq > back ? o->head_seq - back : 0;
    int rc = replica_revoke(up->replica, &v, clock_wall_ms(), &e);
    sim.running = NULL;
    if (rc == 0) {
        m->ended = true;
        up->look_ms = sim.now_ms;
        sim_say("%s is ended after %llu", m->site, (unsigned long long)v.after);
    } else if (disk_is_dead(up->disk)) {
        world_fall(w, up);
    } else if (!world_may_fail(up, rc)) {
        sim_fail("%s is not revoked: %s", m->site, e.text);
    }
    return rc == 0;
}

/* What was written since the copy is gone, unless somebody else holds it. */
static void put_back(struct world *w, struct machine *m, bool swaps)
{
    if (m->on) {
        machine_kill(m, false, &w->disks);
    }
    changed_forget(w, m);
    if (swaps) {
        disk_swap(m->disk);
        holding_swap(w, m);
    } else {
        disk_put_back(m->disk);
        holding_put_back(w, m);
    }
    sim_say("%s is as it was when its disk was copied", m->site);
    world_start(w, m);
}

/* Of two that run from one disk the parent hears whoever called last; here they
 * take turns. True: the other disk runs now. */
static bool copy_or_put_back(struct world *w, struct machine *m, bool swaps)
{
    if (m->copied && (swaps || dice_even(&w->dice))) {
        put_back(w, m, swaps);
        return true;
    }
    disk_copy(m->disk);
    holding_copy(w, m);
    m->copied = true;
    return false;
}

/* A machine that is put back and whose clock goes back too is to everybody else
 * a clone: a person has to tell. Not every seed is to end so. */
static bool may_happen(const struct world *w, enum fault fault)
{
    bool copies = fault == FAULT_RESTORE || fault == FAULT_CLONE;
    bool copied = w->faults[FAULT_RESTORE] + w->faults[FAULT_CLONE] > 0;
    return (w->plan.without & 1U << fault) == 0 &&
           (faults_of_clocks(w) || fault != FAULT_CLOCK || !copied) &&
           (faults_of_clocks(w) || !copies || w->faults[FAULT_CLOCK] == 0);
}

/* True: it happened. */
static bool begin(struct world *w, enum fault fault, struct machine *m)
{
    struct line *line = network_line(m->index);
    bool was_on = m->on;
    switch (fault) {
    case FAULT_DELAY:
        line->delay_ms = faults_draw_ms(w, 20 * SECOND_MS);
        return true;
    case FAULT_DROP:
        line->drop = draw_share(w);
        return true;
    case FAULT_REPEAT:
        line->repeat = draw_share(w);
        return true;
    case FAULT_REORDER:
        line->reorder = draw_share(w);
        return true;
    case FAULT_DAMAGE:
        line->damage = draw_share(w);
        return true;
    case FAULT_CUT:
        cut(w, line);
        return true;
    case FAULT_WEEKS:
        live_apart(w, line);
        return true;
    case FAULT_NIGHT:
        night(w, faults_draw_ms(w, 12 * HOUR_MS));
        return true;
    case FAULT_OFF:
        if (was_on) {
            machine_stop(m);
        }
        return was_on;
    case FAULT_KILL:
        disk_kill_after(m->disk, dice_below(&w->dice, 60));
        return true;
    case FAULT_POWER:
        if (was_on) { /* while it rests, not while it writes */
            machine_kill(m, true, &w->disks);
        }
        return was_on;
    case FAULT_FULL:
        disk_set_full(m->disk, true);
        return true;
    case FAULT_SYNC:
        disk_fail_sync(m->disk);
        return true;
    case FAULT_CLOCK:
        set_clock(w, m);
        if (faults_of_clocks(w) && m->parent >= 0 && dice_even(&w->dice)) {
            start_alone(w, m);
        }
        return true;
    case FAULT_PAST:
        if (was_on) {
            writer_act(w, m, true);
        }
        return was_on;
    case FAULT_SCHEMA:
        return upgrade(w, m);
    case FAULT_REVOKED:
        return end_node(w, m);
    case FAULT_RESTORE:
        return copy_or_put_back(w, m, false);
    case FAULT_CLONE:
        return copy_or_put_back(w, m, true);
    case FAULT_KINDS:
        break;
    }
    return false;
}

/* While its links are up, also those by which it told others the time. */
static void set_clock_right(struct world *w, struct machine *m)
{
    if ((m->ahead_ms != 0 || m->drift_ms != 0) && dice_even(&w->dice)) {
        m->ahead_ms = 0;
        m->drift_ms = 0;
        sim_say("the clock of %s is set right", m->site);
    }
}

void faults_end(struct world *w, struct machine *m)
{
    set_clock_right(w, m);
    network_mend(m->index);
    disk_set_full(m->disk, false);
    if (!m->on) {
        world_start(w, m);
    }
}

static enum fault draw_fault(struct world *w)
{
    enum fault fault = (enum fault)dice_below(&w->dice, FAULT_KINDS);
    return faults_of_clocks(w) && dice_below(&w->dice, 3) == 0 ? FAULT_CLOCK
                                                               : fault;
}

static bool is_rare(enum fault fault)
{
    return fault == FAULT_NIGHT || fault == FAULT_WEEKS ||
           fault == FAULT_REVOKED;
}

/* A disk of which there is a copy is put back more often than others are copied,
 * and so back and forth. */
static struct machine *draw_victim(struct world *w, enum fault fault)
{
    struct machine *m = world_draw(w, &w->dice);
    if ((fault == FAULT_RESTORE || fault == FAULT_CLONE) &&
        dice_below(&w->dice, 3) != 0) {
        for (int i = 0; i < w->count; i++) {
            struct machine *next = &w->machines[(m->index + i) % w->count];
            if (next->copied) {
                return next;
            }
        }
    }
    return m;
}

void faults_begin(struct world *w)
{
    enum fault fault = draw_fault(w);
    struct machine *m = draw_victim(w, fault);
    if (!may_happen(w, fault) || (is_rare(fault) && dice_below(&w->dice, 4))) {
        return;
    }
    sim_say("%s: %s", m->site, fault_names[fault]);
    w->faults[fault] += begin(w, fault, m);
}
