/* SPDX-License-Identifier: Apache-2.0 */

/*
 * World: the machines of one seed, what people and programs do on them, and
 * what goes wrong. It is made, lives for a number of steps, and heals; then
 * check.h looks at it.
 */
#ifndef SANGAM_SIM_WORLD_H
#define SANGAM_SIM_WORLD_H

#include "machine.h"

/* What can go wrong. To add one: a line here, its name, and what begin() and
 * faults_end() in faults.c do; what that leaves, set_right() in world.c ends. */
enum fault {
    FAULT_DELAY,   /* a line is slow, up to 20 s a frame */
    FAULT_DROP,    /* it loses frames */
    FAULT_REPEAT,  /* frames come twice */
    FAULT_REORDER, /* frames overtake each other */
    FAULT_DAMAGE,  /* frames are truncated, or a bit of them is turned */
    FAULT_CUT,     /* a line is cut, one way or both */
    FAULT_WEEKS,   /* it is cut for up to 60 days, and people work on */
    FAULT_NIGHT,   /* every machine is off for hours */
    FAULT_OFF,     /* a machine is off for a while */
    FAULT_KILL,    /* a machine's programs die at any write */
    FAULT_POWER,   /* its power goes at any write */
    FAULT_FULL,    /* its disk has no room */
    FAULT_SYNC,    /* its disk fails to sync once */
    FAULT_CLOCK,   /* its clock says 1970, 2099, or drifts */
    FAULT_PAST,    /* a program writes with the triggers off */
    FAULT_SCHEMA,  /* its program is newer than others' */
    FAULT_REVOKED, /* its parent ends it, from a change of the past on */
    FAULT_RESTORE, /* its disk is put back from a copy */
    FAULT_CLONE,   /* its disk and a copy take turns, both written to */
    FAULT_KINDS,
};

extern const char *const fault_names[FAULT_KINDS];

enum {
    WRITES_MAX = 8192,
    CHANGED_MAX = 4096,
    SETTLED_MAX = 1024,
    DELETED_MAX = 1024,
};

/* A row that a program was told is written. */
struct written {
    uint16_t machine;
    uint16_t table; /* index in writer.c */
    uint32_t number;
    bool past; /* with the triggers off: the scrub is to find it */
    /* holding.h */
    uint64_t held;     /* bits of machines whose disk has it, */
    uint64_t copied;   /* or the copy of it */
    uint64_t position; /* in its writer's journal; 0: not yet */
    uint64_t copied_position;
};

/* changed.h */
struct changed {
    uint16_t machine;
    uint16_t table; /* index in writer.c */
    char key[32];
    char column[24];
    char text[24];
};

/* A value that a person saw, and settled. */
struct settled {
    uint16_t machine;
    uint16_t column;
    uint32_t table; /* its number in the schema */
    char key[32];
    char site[SITE_BYTES_MAX + 1]; /* whose value it is */
    uint64_t hlc;
    uint64_t seq;
};

/* A row that a person deleted. No guard refused it; that the program was told so
 * is not needed: its disk may have died meanwhile. */
struct deleted {
    uint16_t machine;
    uint16_t table; /* index in writer.c */
    char key[32];
};

struct plan {
    uint64_t seed;
    int machines;     /* 0: as the seed says */
    int steps;        /* the same */
    unsigned without; /* bits of faults that do not happen */
};

struct world {
    struct plan plan;
    struct machine machines[SIM_MACHINES_MAX];
    int count;
    struct dice dice;    /* of the plan */
    struct dice disks;   /* of what a power cut leaves */
    struct dice writers; /* of what people do */
    struct written written[WRITES_MAX];
    size_t written_count;
    struct changed changed[CHANGED_MAX];
    size_t changed_count;
    struct settled settled[SETTLED_MAX];
    size_t settled_count;
    struct deleted deleted[DELETED_MAX];
    size_t deleted_count;
    uint32_t numbers;
    int clock;                    /* the machine whose clock was set last */
    int steps;                    /* that it lives */
    uint64_t faults[FAULT_KINDS]; /* how often each has happened */
    uint64_t sql_refused;
    int64_t began_ms;
    int64_t healed_ms; /* how long it took to be quiet */
};

/* The machines, each enrolled and in step; `machines` 0: as many as is drawn. */
void world_make(struct world *w, uint64_t beginning, int machines);
/* What follows is drawn from the plan's seed alone. */
void world_live(struct world *w, const struct plan *plan);
/* Ends all faults; sim_fail() if it is not quiet in time [I-13]. */
void world_heal(struct world *w);

/* Lets so much time pass. */
void world_run(struct world *w, int64_t ms);
/* A machine is switched on; sim_fail() if it may not fail to start. */
void world_start(struct world *w, struct machine *m);
/* Its disk is dead: it is killed, or loses its power. */
void world_fall(struct world *w, struct machine *m);
/* May a program end with this, because of its disk? */
bool world_may_fail(const struct machine *m, int code);
/* Any machine. */
struct machine *world_draw(struct world *w, struct dice *dice);
/* Somebody writes something somewhere, if that is on. */
void world_write(struct world *w);

/* Somebody writes something on this machine, which is on. */
void writer_act(struct world *w, struct machine *m, bool past);
/* The tables it writes to, and what names their rows. */
struct writer_table {
    uint32_t id;
    const char *name;
    const char *key; /* as gather.h has it */
    char letter;     /* keys are this and a number */
};
extern const struct writer_table writer_tables[];
extern const size_t writer_table_count;

/* The key of row `number`, as gather.h has it. */
enum { WRITER_KEY_BYTES = 32 };
void writer_key(size_t table, unsigned number, char out[WRITER_KEY_BYTES]);

#endif
