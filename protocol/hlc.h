/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hybrid logical clock: 48 bits of milliseconds since 1970 and a 16-bit
 * counter in one u64. It follows wall time where that moves forward and counts
 * where it does not, so the stamps of one origin strictly grow whatever its
 * clock does (Kulkarni et al., "Logical Physical Clocks", 2014; the rule for a
 * new stamp is docs/semantics.md section 6).
 */
#ifndef SANGAM_HLC_H
#define SANGAM_HLC_H

#include <stdint.h>

/* The first instant of a millisecond. Times before 1970 count as 1970, times
 * beyond 48 bits (the year 10889) as the last that fits. */
uint64_t hlc_of_ms(int64_t ms);
int64_t hlc_ms(uint64_t hlc);

/* A new stamp: max(last + 1, min(captured, now)). A change captured while the
 * clock stood ahead is not stamped ahead of the clock now. `last` never comes
 * from the far future (FUTURE_MS_MAX), so last + 1 does not wrap. */
uint64_t hlc_next(uint64_t last, int64_t captured_ms, int64_t now_ms);

#endif
