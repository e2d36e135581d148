/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Health: everything `status` knows, from replica, lock, disk and
 * configuration, and what it means for people, as remarks of one line each.
 * A remark that needs someone names what to do.
 */
#ifndef SANGAM_HEALTH_H
#define SANGAM_HEALTH_H

#include "node/conf.h"
#include "node/holders.h"
#include "node/home.h"
#include "node/status.h"
#include "node/zone.h"

enum { HEALTH_LINE_BYTES = 640 };

struct health_remark {
    const char *subject; /* one word */
    bool needs_someone;
    char text[HEALTH_LINE_BYTES];
};

struct health {
    int64_t now_ms;
    struct status status;
    struct zone zone; /* of the site; empty: times are shown in UTC */
    struct conf conf;
    struct err conf_wrong; /* code 0: the configuration is fine */
    int holder;            /* as home_holder() */
    uint64_t free_bytes, replica_bytes, wal_bytes;
    struct holders readers;        /* whoever holds a snapshot */
    struct health_remark *remarks; /* owned */
    size_t remark_count;
    bool needs_someone; /* one of the remarks does */
};

/* ERR_* when the replica cannot be read; everything else is a remark. */
int health_look(const struct home *home, int64_t now_ms, struct health *ret,
                struct err *e);
void health_clear(struct health *h);

/* Since when something of this node is not safe above it; 0: all is. */
int64_t health_unsafe_since_ms(const struct status *s);

#endif
