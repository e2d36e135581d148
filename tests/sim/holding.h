/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Holding: who holds each row that a program was told is written: the disks of
 * the machines whose journals have it, and the neighbour that acknowledged it
 * to its writer [I-1]. A disk that is put back holds what its copy held. What
 * any disk holds when all is well must be there at the end; the rest was lost,
 * and nobody can be blamed.
 */
#ifndef SANGAM_SIM_HOLDING_H
#define SANGAM_SIM_HOLDING_H

#include "world.h"

/* Notes what came since this machine, which is on, was last looked at. A
 * neighbour must hold what it has just acknowledged: sim_fail(). */
void holding_note(struct world *w, struct machine *m);

/* A program was told that the row is written: it is on this disk. */
void holding_write(struct written *row, int machine);

/* The disk was copied; was put back from its copy; or swapped with it. */
void holding_copy(struct world *w, struct machine *m);
void holding_put_back(struct world *w, struct machine *m);
void holding_swap(struct world *w, struct machine *m);

/* No disk holds it of a machine that may say so. */
bool holding_is_lost(const struct world *w, const struct written *row);

#endif
