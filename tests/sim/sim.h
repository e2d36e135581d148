/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sim: one simulated network in one process: the real node/, store/ and
 * protocol/ on simulated machines (machine.h), disks (storage.h), lines
 * (network.h) and clocks. Whatever happens follows from one seed.
 */
#ifndef SANGAM_SIM_H
#define SANGAM_SIM_H

#include <stdint.h>
#include <stdnoreturn.h>

#include "support/dice.h"

enum {
    SIM_MACHINES_MAX = 40,
    SIM_PATH_BYTES = 200,
};

struct machine;
struct schema;

struct sim {
    int64_t now_ms;          /* true time since 1970; only ever grows */
    struct machine *running; /* whose turn it is; NULL: nobody's */
    struct dice chance;      /* keys, nonces, ids: what the program draws */
    /* What a program knows today: in most worlds no more than people write
     * here, and no rules (support/small.h). */
    const struct schema *schema;
    bool whole;     /* it is all of it, and the rules look */
    bool well;      /* the faults have ended */
    bool traces;    /* print each line of it */
    uint64_t trace; /* a digest of all lines so far */
};

extern struct sim sim;

/* What the clock of the machine that is running says. */
int64_t sim_wall_ms(void);

/* A line of the trace: what happened, when and where. */
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something that must never be is so: says what, and ends this seed. */
noreturn void sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Something must work. */
#define sim_must(call)                                                         \
    do {                                                                       \
        struct err must_err = {0};                                             \
        struct err *said = &must_err;                                          \
        if ((call) != 0) {                                                     \
            sim_fail("%s: %s", #call, must_err.text);                          \
        }                                                                      \
    } while (0)

#endif
