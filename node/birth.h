/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Birth: how a home comes to be, for `init` and `join`. In order: the folder,
 * the keys, (the parent's grant,) the configuration, the replica. The replica
 * is last and makes it a home: whatever ended a birth before, the same command
 * again goes on with the same keys.
 */
#ifndef SANGAM_BIRTH_H
#define SANGAM_BIRTH_H

#include "node/conf.h"
#include "node/home.h"
#include "node/zone.h"
#include "store/replica.h"

struct birth {
    struct home *home;
    struct keys keys;
    struct zone zone;
    const char *time_zone; /* borrowed from the caller */
    bool shared;           /* with the group `sangam` */
    bool resumed;          /* the keys were there already */
};

/* The folder, the lock, the keys and the offsets of the zone. ERR_INPUT if a
 * node lives there, or for an unknown zone. birth_clear() it also on failure.
 */
int birth_begin(const char *folder, const char *time_zone, struct birth *ret,
                struct err *e);

/* Configuration, unless there is one, and replica. `parent`, `address` and
 * `grant` are NULL at the root. */
struct birth_place {
    const char *site;
    const struct hash *network;
    const struct hash *parent;
    const char *parent_address;
};
int birth_finish(struct birth *b, const struct birth_place *place,
                 const struct conf *conf, const struct grant *grant,
                 struct err *e);

/* Wipes the keys. */
void birth_clear(struct birth *b);

/* Says on standard output what a person may want to know of keys and folder. */
void birth_tell(const struct birth *b);

#endif
