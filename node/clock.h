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

#endif
