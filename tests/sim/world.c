/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "changed.h"
#include "files.h"
#include "holding.h"
#include "memory.h"
#include "network.h"
#include "node/clock.h"
#include "protocol/limits.h"
#include "store/parts.h"
#include "support/later.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    /* Of a world that is well again: a caller rests ten minutes at most, then
     * everything is walked; [I-13] is meant within this. */
    HEAL_MS = 60 * MINUTE_MS,
    QUIET_MS = 2 * MINUTE_MS,
    LOOK_MS = 10 * SECOND_MS,
};

const char *const fault_names[FAULT_KINDS] = {
    "delay", "drop",   "repeat",  "reorder", "damage", "cut",  "weeks",
    "night", "off",    "kill",    "power",   "full",   "sync", "clock",
    "past",  "schema", "revoked", "restore", "clone",
};

/* --- time --------------------------------------------------------------------- */

/* Down, and up again after a while, as systemd does. */
static void fall(struct world *w, struct machine *m)
{
    bool power =
        dice_even(&w->disks) && (w->plan.without & 1U << FAULT_POWER) == 0;
    machine_kill(m, power, &w->disks);
}

static bool may_fail(const struct machine *m, int code)
{
    /* the disk is full, or failed to sync: the program ends and starts anew */
    return disk_is_dead(m->disk) || code == ERR_FULL || code == ERR_IO;
}

static void start(struct world *w, struct machine *m)
{
    struct err e = {0};
    if (machine_start(m, &e) == 0) {
        holding_note(w, m);
        return;
    }
    if (!may_fail(m, e.code)) {
        sim_fail("%s does not start: %s", m->site, e.text);
    }
    sim_say("%s did not start: %s", m->site, e.text);
    if (disk_is_dead(m->disk)) {
        disk_revive(m->disk);
    }
}

/* It is emptied when it has so many frames, and programs here do not read for
 * long: what is this long is never emptied [I-12]. */
static void check_log(const struct machine *m)
{
    enum { FRAME_BYTES = 4096 + 24 };
    char path[SIM_PATH_BYTES + 32];
    struct stat log;
    (void)snprintf(path, sizeof path, "%s-wal", m->path);
    if (stat(path, &log) == 0 &&
        log.st_size > 2 * CHECKPOINT_FRAMES * (off_t)FRAME_BYTES) {
        sim_fail("[I-12] the log of %s has %lld bytes", m->site,
                 (long long)log.st_size);
    }
}

static void turn(struct world *w, struct machine *m)
{
    struct err e = {0};
    int rc = machine_turn(m, &e);
    if (rc == 0 && !disk_is_dead(m->disk) &&
        disk_changed(m->disk) != m->looked_at) {
        m->looked_at = disk_changed(m->disk);
        holding_note(w, m);
        check_log(m);
    }
    if (rc != 0 && !may_fail(m, rc)) {
        sim_fail("%s ended: %s", m->site, e.text);
    }
    if (disk_is_dead(m->disk)) {
        fall(w, m);
    } else if (rc != 0) {
        sim_say("%s ended: %s", m->site, e.text);
        machine_stop(m);
    }
}

/* The next moment in which anything happens, until `end_ms`. */
static int64_t next_ms(const struct world *w, int64_t end_ms)
{
    int64_t at_ms = network_due_ms() < end_ms ? network_due_ms() : end_ms;
    for (int i = 0; i < w->count; i++) {
        int64_t due_ms = machine_due_ms(&w->machines[i]);
        at_ms = due_ms < at_ms ? due_ms : at_ms;
    }
    return at_ms > sim.now_ms ? at_ms : sim.now_ms;
}

void world_run(struct world *w, int64_t ms)
{
    int64_t end_ms = sim.now_ms + ms;
    while (sim.now_ms < end_ms) {
        sim.now_ms = next_ms(w, end_ms);
        (void)network_step();
        for (int i = 0; i < w->count; i++) {
            struct machine *m = &w->machines[i];
            if (machine_due_ms(m) <= sim.now_ms) {
                turn(w, m);
            }
        }
    }
}

/* --- quiet ---------------------------------------------------------------------- */

static bool is_in_step(struct world *w, struct machine *m)
{
    struct machine *up = &w->machines[m->parent];
    struct peer above, below;
    if (!uplink_is_open(m->uplink)) {
        return false;
    }
    sim_must(replica_parent(m->replica, &above, said));
    sim_must(
        replica_peer_of_curve(up->replica, m->keys.curve_public, &below, said));
    return above.have.position == replica_self(up->replica)->head &&
           below.have.position == replica_self(m->replica)->head &&
           above.acked == replica_self(m->replica)->head &&
           below.acked == replica_self(up->replica)->head;
}

/* Who was ended is let in, and has nothing to wait for. */
static bool is_waited_for(struct world *w, struct machine *m)
{
    return m->ended ? !uplink_is_open(m->uplink) : !is_in_step(w, m);
}

static bool is_settled(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        if (!m->on || machine_number(m, "SELECT count(*) FROM sync_pending") ||
            (m->parent >= 0 && is_waited_for(w, m))) {
            return false;
        }
    }
    return true;
}

static uint64_t heads(const struct world *w)
{
    uint64_t sum = 0;
    for (int i = 0; i < w->count; i++) {
        sum += replica_self(w->machines[i].replica)->head;
    }
    return sum;
}

static void say_link(struct world *w, struct machine *m)
{
    struct machine *up = &w->machines[m->parent];
    struct peer above, below;
    sim_must(replica_parent(m->replica, &above, said));
    sim_must(
        replica_peer_of_curve(up->replica, m->keys.curve_public, &below, said));
    sim_say("%s has %llu of %llu of %s, which acknowledged %llu; it has %llu of"
            " %llu, %llu acknowledged; the link is %s",
            m->site, (unsigned long long)above.have.position,
            (unsigned long long)replica_self(up->replica)->head, up->site,
            (unsigned long long)above.acked,
            (unsigned long long)below.have.position,
            (unsigned long long)replica_self(m->replica)->head,
            (unsigned long long)below.acked,
            uplink_is_open(m->uplink) ? "open" : "closed");
}

static void say_unsettled(struct world *w)
{
    char says[256];
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        sim_say("%s on=%d pending=%lld in step=%d: %s", m->site, m->on,
                m->on ? (long long)machine_number(
                            m, "SELECT count(*) FROM sync_pending")
                      : -1,
                m->on && m->parent >= 0 ? is_in_step(w, m) : -1,
                m->on ? machine_text(m,
                                     "SELECT group_concat(says, '; ')"
                                     " FROM sync_peer",
                                     says)
                      : "");
        if (m->on && m->parent >= 0) {
            say_link(w, m);
        }
    }
}

static void check_bytes(const struct world *w, size_t all, size_t limit,
                        const char *what)
{
    size_t used = all / (size_t)w->count;
    if (used > limit) {
        sim_fail("[I-12] each machine uses %zu bytes of memory, %s", used,
                 what);
    }
}

/* At any time: a scrub has a third connection, and two more while it opens. */
static void check_most(const struct machine *m)
{
    enum { SMALL_BYTES = 12 * 1024 * 1024, WHOLE_BYTES = 36 * 1024 * 1024 };
    size_t most = memory_most(m);
    if (most > (size_t)(sim.whole ? WHOLE_BYTES : SMALL_BYTES)) {
        sim_fail("[I-12] %s used %zu bytes of memory at most, of SQLite's",
                 m->site, most);
    }
}

/* Of node and program SQLite uses most, half of it for what it knows of the schema,
 * once for each connection [I-12]; what else there is has the disk's files in it,
 * and the copies that are made of it: 1 to 3 MB, by what was written. */
static void check_memory(const struct world *w)
{
    enum {
        SQLITE_BYTES = 11 * 512 * 1024,
        SMALL_BYTES = 9 * 1024 * 1024,
        WHOLE_BYTES = 24 * 1024 * 1024,
    };
    struct mallinfo2 memory = mallinfo2();
    size_t sqlite = memory_used();
    size_t all = memory.uordblks + memory.hblkhd + sqlite;
    check_bytes(w, all, sim.whole ? WHOLE_BYTES : SMALL_BYTES, "of any kind");
    if (!sim.whole) {
        check_bytes(w, sqlite, SQLITE_BYTES, "of SQLite's");
    }
    for (int i = 0; i < w->count; i++) {
        check_most(&w->machines[i]);
    }
}

/* A nightly scrub may sign what was written past the triggers. */
static bool may_be_scrubbed(const struct world *w, bool anew)
{
    bool past = false;
    for (int i = 0; i < w->count; i++) {
        past = past || w->machines[i].wrote_past;
    }
    return past && !anew;
}

/* Until everybody has everything, and a while longer in which nothing may
 * happen: an echo would [I-5]. */
static void wait_for_quiet(struct world *w, bool anew)
{
    int64_t began_ms = sim.now_ms;
    world_run(w, MINUTE_MS); /* who has started scrubs once, soon after */
    while (!is_settled(w)) {
        if (sim.now_ms - began_ms > HEAL_MS) {
            say_unsettled(w);
            sim_fail("not quiet after %d minutes", HEAL_MS / MINUTE_MS);
        }
        world_run(w, LOOK_MS);
    }
    int64_t healed_ms = sim.now_ms - began_ms;
    w->healed_ms = healed_ms > w->healed_ms ? healed_ms : w->healed_ms;
    check_memory(w);
    uint64_t before = heads(w);
    world_run(w, QUIET_MS);
    if (!may_be_scrubbed(w, anew) && (!is_settled(w) || heads(w) != before)) {
        say_unsettled(w);
        sim_fail("something was signed that nobody wrote");
    }
}

/* --- making ---------------------------------------------------------------------- */

static int count_of(struct world *w, int machines)
{
    int drawn = 3 + (int)dice_below(&w->dice, 5);
    if (dice_below(&w->dice, 50) == 0) {
        drawn = 3 + (int)dice_below(&w->dice, SIM_MACHINES_MAX - 2);
    }
    return machines > 0 ? machines : drawn;
}

/* Headquarters, hubs, and sites under any of these. */
static void place(struct world *w, int i)
{
    struct machine *m = &w->machines[i];
    int hubs = 1 + (w->count - 1) / 5;
    m->index = i;
    m->parent = -1;
    if (i > hubs) {
        m->parent = (int)dice_below(&w->dice, (size_t)hubs + 1);
    } else if (i > 0) {
        m->parent = 0;
    }
    m->depth = i == 0 ? 0 : 1 + (m->parent > 0);
    (void)snprintf(m->folder, sizeof m->folder, FILES_ROOT "%d", i);
    (void)snprintf(m->site, sizeof m->site, "%s%d",
                   i == 0      ? "HQ"
                   : i <= hubs ? "HUB"
                               : "S",
                   i);
    (void)snprintf(m->district, sizeof m->district, "D%d",
                   m->parent > 0 ? m->parent : i);
    network_mend(i);
}

static void write_register(struct world *w)
{
    char sql[512];
    for (int i = 0; i < w->count; i++) {
        const struct machine *m = &w->machines[i];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO ref_site(site_id, name, kind, department,"
                       " district_code, parent_site_id)"
                       " VALUES('%s', '%s', '%s', 'health', '%s', %s%s%s)",
                       m->site, m->site,
                       i == 0          ? "hq"
                       : m->depth == 1 ? "district_hub"
                                       : "ooat_clinic",
                       m->district, i == 0 ? "NULL" : "'",
                       i == 0 ? "" : w->machines[m->parent].site,
                       i == 0 ? "" : "'");
        if (machine_sql(&w->machines[0], sql) != SQLITE_OK) {
            sim_fail("%s", sqlite3_errmsg(w->machines[0].client));
        }
    }
}

/* Whatever is drawn from here on. */
static void draw_from(struct world *w, uint64_t seed)
{
    sim.chance.state = seed;
    w->dice.state = seed ^ UINT64_C(0x706c616e);
    w->disks.state = seed ^ UINT64_C(0x6469736b);
    w->writers.state = seed ^ UINT64_C(0x77726974);
    network_seed(seed ^ UINT64_C(0x6e6574));
    sqlite3_randomness(
        0, NULL); /* it begins anew, with what x_randomness() says */
}

void world_make(struct world *w, uint64_t beginning, int machines)
{
    draw_from(w, ~beginning); /* else what it drew would be drawn again */
    w->count = count_of(w, machines);
    for (int i = 0; i < w->count; i++) {
        place(w, i);
    }
    for (int depth = 0; depth <= 2; depth++) {
        for (int i = 0; i < w->count; i++) {
            struct machine *m = &w->machines[i];
            if (m->depth == depth) {
                machine_make(m, i == 0 ? NULL : &w->machines[m->parent]);
                start(w, m);
            }
        }
        if (depth == 0) {
            write_register(w);
        }
        world_run(w, MINUTE_MS);
    }
    w->began_ms = sim.now_ms;
}

/* --- faults ----------------------------------------------------------------------- */

static int64_t draw_ms(struct world *w, int64_t most_ms)
{
    /* short ones are as likely as long ones */
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

/* Of all faults clocks are few: one seed in so many has most of them, ahead, so
 * that what was stamped is taken back. */
enum { CLOCK_SEEDS = 3 };

static bool is_of_clocks(const struct world *w)
{
    return w->plan.seed % CLOCK_SEEDS == 0;
}

static struct machine *draw_machine(struct world *w, struct dice *dice)
{
    return &w->machines[dice_below(dice, (size_t)w->count)];
}

static void write_something(struct world *w)
{
    struct machine *m = draw_machine(w, &w->writers);
    if (is_of_clocks(w) && dice_even(&w->writers)) {
        m = &w->machines[w->clock];
    }
    if (!m->on) {
        return;
    }
    writer_act(w, m, false);
    if (disk_is_dead(m->disk)) {
        fall(w, m);
    }
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
            start(w, &w->machines[i]);
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
    int64_t years = is_of_clocks(w) ? ahead[way] : ways[way];
    int64_t some_ms = draw_ms(w, HOUR_MS * 12) * (dice_even(&w->dice) ? 1 : -1);
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
    start(w, m);
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
        night(w, draw_ms(w, 12 * day_ms));
        for (int i = 0; i < w->count; i++) {
            write_something(w);
        }
        world_run(w, draw_ms(w, MINUTE_MS));
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
    start(w, m);
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
        fall(w, up);
    } else if (!may_fail(up, rc)) {
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
    start(w, m);
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
           (is_of_clocks(w) || fault != FAULT_CLOCK || !copied) &&
           (is_of_clocks(w) || !copies || w->faults[FAULT_CLOCK] == 0);
}

/* True: it happened. */
static bool begin(struct world *w, enum fault fault, struct machine *m)
{
    struct line *line = network_line(m->index);
    bool was_on = m->on;
    switch (fault) {
    case FAULT_DELAY:
        line->delay_ms = draw_ms(w, 20 * SECOND_MS);
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
        night(w, draw_ms(w, 12 * HOUR_MS));
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
        if (is_of_clocks(w) && m->parent >= 0 && dice_even(&w->dice)) {
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

/* What goes by itself, and what people do; the rest lasts until here. */
static void mend(struct world *w, struct machine *m)
{
    set_clock_right(w, m);
    network_mend(m->index);
    disk_set_full(m->disk, false);
    if (!m->on) {
        start(w, m);
    }
}

static enum fault draw_fault(struct world *w)
{
    enum fault fault = (enum fault)dice_below(&w->dice, FAULT_KINDS);
    return is_of_clocks(w) && dice_below(&w->dice, 3) == 0 ? FAULT_CLOCK
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
    struct machine *m = draw_machine(w, &w->dice);
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

static void go_wrong(struct world *w)
{
    enum fault fault = draw_fault(w);
    struct machine *m = draw_victim(w, fault);
    if (!may_happen(w, fault) || (is_rare(fault) && dice_below(&w->dice, 4))) {
        return;
    }
    sim_say("%s: %s", m->site, fault_names[fault]);
    w->faults[fault] += begin(w, fault, m);
}

/* --- life ------------------------------------------------------------------------- */

void world_live(struct world *w, const struct plan *plan)
{
    w->plan = *plan;
    draw_from(w, plan->seed);
    int drawn = 40 + (int)dice_below(&w->dice, 160);
    w->steps = w->plan.steps > 0 ? w->plan.steps : drawn;
    for (int i = 0; i < w->steps; i++) {
        size_t die = dice_below(&w->dice, 100);
        if (die < 60) {
            write_something(w);
        } else if (die < 80) {
            go_wrong(w);
        } else {
            mend(w, draw_machine(w, &w->dice));
        }
        world_run(w, draw_ms(w, 4 * MINUTE_MS));
    }
}

static void set_right(struct machine *m)
{
    m->ahead_ms = 0;
    m->drift_ms = 0;
    disk_revive(m->disk);
}

/* Who is off is switched on; `anew`: all programs start again. */
static void be_well(struct world *w, bool anew)
{
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        set_right(m);
        if (m->on && anew) {
            machine_stop(m);
        }
        mend(w, m);
        if (!m->on) {
            sim_fail("%s does not start though all is well", m->site);
        }
    }
}

/* In every second seed nobody starts again what runs before all is quiet: what a
 * program has got wrong in its memory it has to get over by itself [I-13]. */
void world_heal(struct world *w)
{
    sim_say("all is well from here on");
    sim.well = true;
    if (w->plan.seed % 2 == 0) {
        be_well(w, false);
        wait_for_quiet(w, false);
    }
    be_well(w, true);
    wait_for_quiet(w, true);
}
