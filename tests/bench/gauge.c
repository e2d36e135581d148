/* SPDX-License-Identifier: Apache-2.0 */
#include "gauge.h"

#include <sys/resource.h>
#include <time.h>

static const int64_t ns_per_s = 1000 * 1000 * 1000;

static int64_t ns_of(const struct timeval *t)
{
    return t->tv_sec * ns_per_s + t->tv_usec * 1000;
}

struct gauge gauge_now(void)
{
    struct timespec wall;
    struct rusage used;
    (void)clock_gettime(CLOCK_MONOTONIC, &wall);
    (void)getrusage(RUSAGE_SELF, &used);
    return (struct gauge){
        .wall_ns = wall.tv_sec * ns_per_s + wall.tv_nsec,
        .cpu_ns = ns_of(&used.ru_utime) + ns_of(&used.ru_stime),
    };
}

void gauge_add(struct gauge *sum, const struct gauge *from)
{
    struct gauge now = gauge_now();
    sum->wall_ns += now.wall_ns - from->wall_ns;
    sum->cpu_ns += now.cpu_ns - from->cpu_ns;
}
