/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Programmes: rows from which the figures that seven programmes publish can be
 * counted, each at sites of its own below a hub of its own; deploy/demo shows
 * them. Who is in it and what happened to whom is drawn; how many there are is
 * what was published.
 */
#ifndef SANGAM_SAMPLE_PROGRAMMES_H
#define SANGAM_SAMPLE_PROGRAMMES_H

#include "world.h"

/* Uses seed, last day and sheets of the world. Lists go to PB-HQ, without the
 * site PB-HQ itself. */
void programmes_write(struct world *w);

#endif
