/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Told: what people and programs did, and were told of it, as rows beside those
 * that machines hold.
 */
#ifndef SANGAM_SIM_TOLD_H
#define SANGAM_SIM_TOLD_H

#include "gather.h"

/* Fills wrote, changed, settled and deleted. */
void told_put(struct gathered *c);

#endif
