/* SPDX-License-Identifier: Apache-2.0 */
#include "hlc.h"

enum { COUNTER_BITS = 16 };

static const int64_t ms_max = INT64_MAX >> (COUNTER_BITS - 1);

uint64_t hlc_of_ms(int64_t ms)
{
    int64_t fits = ms > ms_max ? ms_max : ms;
    return fits <= 0 ? 0 : (uint64_t)fits << COUNTER_BITS;
}

int64_t hlc_ms(uint64_t hlc)
{
    return (int64_t)(hlc >> COUNTER_BITS);
}

uint64_t hlc_next(uint64_t last, int64_t captured_ms, int64_t now_ms)
{
    uint64_t wall = hlc_of_ms(captured_ms < now_ms ? captured_ms : now_ms);
    return wall > last ? wall : last + 1;
}
