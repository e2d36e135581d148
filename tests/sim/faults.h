/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Faults: what goes wrong in a world, one after the other and at once, and what
 * ends by itself or by people. enum fault (world.h) says what there is.
 */
#ifndef SANGAM_SIM_FAULTS_H
#define SANGAM_SIM_FAULTS_H

#include "world.h"

/* One that is drawn begins, if it may and can. */
void faults_begin(struct world *w);
/* What goes by itself, and what people do at a machine; the rest of its faults
 * lasts until here. */
void faults_end(struct world *w, struct machine *m);

/* A time of at most so much; short ones are as likely as long ones. */
int64_t faults_draw_ms(struct world *w, int64_t most_ms);
/* Of all faults clocks are few: one seed in so many has most of them, ahead, so
 * that what was stamped is taken back. */
bool faults_of_clocks(const struct world *w);

#endif
