/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "check.h"
#include "faults.h"
#include "files.h"
#include "holding.h"
#include "memory.h"
#include "network.h"
#include "node/clock.h"
#include "protocol/limits.h"
#include "store/parts.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    /* Of a world that is well again: a caller rests ten minutes at most, then
     * everything is walked; [I-13] is meant within this. */
    HEAL_MS = 60 * MINUTE_MS,
    QUIET_MS = 2 * MINUTE_MS,
    LOOK_MS = 10 * SECOND_MS,
};

/* --- time --------------------------------------------------------------------- */

/* Down, and up again after a while, as systemd does. */
void world_fall(struct world *w, struct machine *m)
{
    bool power =
        dice_even(&w->disks) && (w->plan.without & 1U << FAULT_POWER) == 0;
    machine_kill(m, power, &w->disks);
}

bool world_may_fail(const struct machine *m, int code)
{
    /* the disk is full, or failed to sync: the program ends and starts anew */
    return disk_is_dead(m->disk) || code == ERR_FULL || code == ERR_IO;
}

void world_start(struct world *w, struct machine *m)
{
    struct err e = {0};
    if (machine_start(m, &e) == 0) {
        holding_note(w, m);
        return;
    }
    if (!world_may_fail(m, e.code)) {
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
    if (rc != 0 && !world_may_fail(m, rc)) {
        sim_fail("%s ended: %s", m->site, e.text);
    }
    if (disk_is_dead(m->disk)) {
        world_fall(w, m);
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

static bool all_are_on(const struct world *w)
{
    bool on = true;
    for (int i = 0; i < w->count; i++) {
        on = on && w->machines[i].on;
    }
    return on;
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
            if (all_are_on(w)) {
                check_names_at_any_time(w); /* that would be why */
            }
            sim_fail("[I-7] [I-13] not quiet after %d minutes",
                     HEAL_MS / MINUTE_MS);
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
        sim_fail("[I-5] something was signed that nobody wrote");
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
                world_start(w, m);
            }
        }
        if (depth == 0) {
            write_register(w);
        }
        world_run(w, MINUTE_MS);
    }
    w->began_ms = sim.now_ms;
}

/* --- writing ---------------------------------------------------------------------- */

struct machine *world_draw(struct world *w, struct dice *dice)
{
    return &w->machines[dice_below(dice, (size_t)w->count)];
}

void world_write(struct world *w)
{
    struct machine *m = world_draw(w, &w->writers);
    if (faults_of_clocks(w) && dice_even(&w->writers)) {
        m = &w->machines[w->clock];
    }
    if (m->on &&
        !disk_is_dead(m->disk)) { /* while another wrote to it, maybe */
        writer_act(w, m, false);
    }
    if (m->on && disk_is_dead(m->disk)) {
        world_fall(w, m);
    }
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
            world_write(w);
        } else if (die < 80) {
            faults_begin(w);
        } else {
            faults_end(w, world_draw(w, &w->dice));
        }
        world_run(w, faults_draw_ms(w, 4 * MINUTE_MS));
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
        faults_end(w, m);
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
