/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Gauge: what a stretch of work took, in wall time and in CPU of this process.
 */
#ifndef SANGAM_BENCH_GAUGE_H
#define SANGAM_BENCH_GAUGE_H

#include <stdint.h>

struct gauge {
    int64_t wall_ns;
    int64_t cpu_ns; /* user and system */
};

struct gauge gauge_now(void);
/* Adds what has passed since `from` to *sum. */
void gauge_add(struct gauge *sum, const struct gauge *from);

#endif
