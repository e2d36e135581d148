/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Clock: the only place where the program asks what time it is.
 */
#ifndef SANGAM_CLOCK_H
#define SANGAM_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, UTC; jumps when somebody sets the clock. */
int64_t clock_wall_ms(void);
/* Milliseconds from any start; never jumps. For waiting. */
int64_t clock_mono_ms(void);

/* The parent said what time it is there. */
void clock_learn(int64_t parent_ms);
/* What to add to clock_wall_ms() so that it says the parent's time: 0 unless
 * the two differ by more than CLOCK_TRUST_MS, or before anything was learnt. It
 * holds when somebody sets the wall clock meanwhile. */
int64_t clock_correction_ms(void);

#endif
