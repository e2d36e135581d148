/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Zone: the offsets of an IANA time zone from UTC, for the business day of a
 * site (store/schema.h). They are read from the system's tz database, when a
 * home is made and at each start of the daemon: SQLite has none.
 */
#ifndef SANGAM_ZONE_H
#define SANGAM_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/schema.h"

struct zone {
    struct zone_offset *offsets; /* owned; ascending, at least one */
    size_t count;
};

/* Offsets from 2020 until 15 years after `now_ms`. ERR_INPUT for a name the tz
 * database does not know. Sets TZ while it works and puts it back. */
int zone_load(const char *name, int64_t now_ms, struct zone *ret,
              struct err *e);
/* The same from another second on: 0 is 1970. */
int zone_load_since(const char *name, int64_t since_s, int64_t now_ms,
                    struct zone *ret, struct err *e);
/* When the clock on the wall showed so: `local_s` as seconds since 1970 of a
 * clock that is never set. Of an hour that was there twice, the first; false
 * for one that was not (clocks were put forward), and before the zone begins. */
bool zone_instant(const struct zone *z, int64_t local_s, int64_t *ret_s);
/* Of the zone that a replica says. */
int zone_of_replica(const char *path, int64_t now_ms, struct zone *ret,
                    struct err *e);
void zone_clear(struct zone *z);

#endif
