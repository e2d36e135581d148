/* SPDX-License-Identifier: Apache-2.0 */
#include "node/route.h"

#include <string.h>

bool route_equal(const struct route *a, const struct route *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The counter begins anywhere and wraps (libzmq router.cpp). */
static uint32_t route_number(const struct route *r)
{
    return (uint32_t)r->bytes[1] << 24 | (uint32_t)r->bytes[2] << 16 |
           (uint32_t)r->bytes[3] << 8 | (uint32_t)r->bytes[4];
}

bool route_follows(const struct route *a, const struct route *b)
{
    uint32_t ahead = route_number(a) - route_number(b);
    return ahead != 0 && ahead < UINT32_MAX / 2;
}
