/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sparing: when to tell again what somebody outside makes happen as often as
 * they like. It is told at once, then after a second, and each time after twice
 * as long, up to a minute; after a quiet minute at once again. So the log names
 * an attack while it lasts, and is not filled by it.
 */
#ifndef SANGAM_SPARING_H
#define SANGAM_SPARING_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was told yet. */
struct sparing {
    int64_t next_ms;
    int64_t wait_ms;
};

/* May it be told now, on a monotonic clock? True counts as told. */
bool sparing_may(struct sparing *s, int64_t now_ms);

#endif
