/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Network: stands in for node/transport.c and node/auth.c: connections between
 * simulated machines, over lines that delay, lose, repeat, reorder and damage
 * frames, or are cut, one way or both, with or without either end noticing.
 *
 * A line leads from a machine to its parent. The address "sim:N" is machine N.
 */
#ifndef SANGAM_SIM_NETWORK_H
#define SANGAM_SIM_NETWORK_H

#include "node/auth.h"
#include "node/transport.h"
#include "sim.h"

/* The two ways of a line. */
enum way { WAY_UP, WAY_DOWN, WAYS };

struct line {
    bool cut[WAYS];
    int64_t delay_ms; /* at least 1 */
    /* Of a thousand frames, how many meet this. */
    unsigned drop, repeat, reorder, damage;
};

/* Lines are well to begin with. */
struct line *network_line(int machine);
void network_mend(int machine);
void network_seed(uint64_t seed);

/* A machine is gone: with its programs (the system says goodbye for them), or
 * without a word. Before its transports are destroyed. */
void network_leave(int machine, bool says_goodbye);

/* Brings what is due; true if anything came. */
bool network_step(void);
/* When the next thing arrives; INT64_MAX: nothing is on its way. */
int64_t network_due_ms(void);
/* Does something wait to be taken by this machine? */
bool network_waits(int machine);

/* For the machine that is running. */
struct auth *network_door(void);
void network_door_free(struct auth *a);

struct network_counts {
    uint64_t frames, dropped, repeated, reordered, damaged, cut;
};
extern struct network_counts network_counts;

#endif
