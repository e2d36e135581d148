/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asked: what a replica has for people to look at, as rows beside its tables:
 * reviews with their values, and writes that it set aside.
 */
#ifndef SANGAM_SIM_ASKED_H
#define SANGAM_SIM_ASKED_H

#include "gather.h"

/* Fills asks, kept and parked of one machine. */
void asked_put(struct gathered *c, struct machine *m);

#endif
