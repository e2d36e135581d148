/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Machine: one node and the programs beside it, on a disk, a clock and a line
 * of their own. What node/loop.c does with poll(2) is done here in turns.
 */
#ifndef SANGAM_SIM_MACHINE_H
#define SANGAM_SIM_MACHINE_H

#include <sqlite3.h>

#include "node/children.h"
#include "node/home.h"
#include "node/upkeep.h"
#include "node/uplink.h"
#include "sim.h"
#include "storage.h"

struct machine {
    int index;
    int parent; /* -1: headquarters */
    int depth;
    char site[SITE_BYTES_MAX + 1];
    char district[16];
    char folder[SIM_PATH_BYTES];
    char path[SIM_PATH_BYTES + 16]; /* of the replica */
    struct home home;
    struct keys keys;
    struct disk *disk;
    const struct schema *schema; /* what its program knows */
    bool ended;                  /* revoked: what it says counts no more */
    bool copied;                 /* there is a copy of its disk */
    bool was_put_back;           /* to it */
    bool wrote_past;             /* a program, with the triggers off */
    bool scrub_held;             /* a scrub left that to a person */
    /* holding.h: how far its journal was looked at, that of the copy; and what
     * each neighbour has acknowledged of it */
    uint64_t holds_until;
    uint64_t copy_holds_until;
    uint64_t acked_by[SIM_MACHINES_MAX];
    uint64_t looked_at; /* disk_changed() then */
    /* the clock: what it is ahead of the true time, and gains an hour */
    int64_t ahead_ms;
    int64_t drift_ms;
    int64_t drift_since_ms;
    bool knows_parent_time;
    int64_t parent_ahead_ms;
    /* while it is on */
    bool on;
    sqlite3 *client;
    struct replica *replica;
    struct hold hold;
    struct auth *auth;
    struct children *children;
    struct uplink *uplink;
    struct upkeep *upkeep;
    uint64_t head;
    int64_t tick_ms;
    int64_t turn_ms; /* not before */
    int64_t look_ms; /* a program has written: look then */
    size_t starts;
    size_t scrubs;
    size_t turns; /* since something last came or was written */
};

int machine_index(const struct machine *m);

/* Makes the disk, and the replica of the root (parent NULL) or of a child that
 * its parent, which is on, enrols. The machine is off. */
void machine_make(struct machine *m, struct machine *parent);

/* Starts the program. An error is what the program would have ended with. */
int machine_start(struct machine *m, struct err *e);
/* Ends it, as SIGTERM does; or kills it and all programs beside it, with or
 * without the power. */
void machine_stop(struct machine *m);
void machine_kill(struct machine *m, bool power, struct dice *dice);

/* When it has something to do. */
int64_t machine_due_ms(const struct machine *m);
/* One turn of the loop. An error ends the program. */
int machine_turn(struct machine *m, struct err *e);

/* SQL of an ordinary program; the result code of SQLite. */
int machine_sql(struct machine *m, const char *sql);
/* A number that it reads; sim_fail() if it cannot. */
int64_t machine_number(struct machine *m, const char *sql);
/* Text, to `out`; "" for NULL or no row. */
const char *machine_text(struct machine *m, const char *sql, char out[256]);

#endif
