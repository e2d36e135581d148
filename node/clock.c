/* SPDX-License-Identifier: Apache-2.0 */
#include "node/clock.h"

#include "protocol/limits.h"

#include <assert.h>
#include <stdbool.h>
#include <time.h>

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    int rc = clock_gettime(clock, &now);
    assert(rc == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

/* --- the parent's time --------------------------------------------------- */

/* One process has one clock and one parent. CLOCK_BOOTTIME goes on while a
 * laptop sleeps, and does not step when somebody sets the wall clock. */
static bool parent_is_known;
static int64_t parent_minus_boot_ms;

void clock_learn(int64_t parent_ms)
{
    parent_is_known = true;
    parent_minus_boot_ms = parent_ms - read_ms(CLOCK_BOOTTIME);
}

int64_t clock_correction_ms(void)
{
    if (!parent_is_known) {
        return 0;
    }
    int64_t parent_ms = parent_minus_boot_ms + read_ms(CLOCK_BOOTTIME);
    int64_t off_ms = parent_ms - clock_wall_ms();
    bool trusted = off_ms >= -CLOCK_TRUST_MS && off_ms <= CLOCK_TRUST_MS;
    return trusted ? 0 : off_ms;
}
