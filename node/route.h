/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Route: by which connection of a listening socket a frame came. The routing
 * ids that libzmq gives out by itself: a zero, and a counter.
 */
#ifndef SANGAM_ROUTE_H
#define SANGAM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

enum { ROUTE_BYTES = 5 };
struct route {
    uint8_t bytes[ROUTE_BYTES];
};

bool route_equal(const struct route *a, const struct route *b);
/* Was `a` given to a connection after `b`? */
bool route_follows(const struct route *a, const struct route *b);

#endif
