/* SPDX-License-Identifier: Apache-2.0 */
#include "node/birth.h"

#include "node/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int get_keys(struct birth *b, struct err *e)
{
    b->resumed = home_has_keys(b->home);
    if (b->resumed) {
        return home_keys_read(b->home, &b->keys, e);
    }
    keys_generate(&b->keys);
    return home_keys_write(b->home, &b->keys, e);
}

int birth_begin(const char *folder, const char *time_zone, struct birth *ret,
                struct err *e)
{
    memset(ret, 0, sizeof *ret);
    ret->time_zone = time_zone;
    home_set_umask();
    int rc = zone_load(time_zone, clock_wall_ms(), &ret->zone, e);
    if (rc == 0) {
        rc = home_create(folder, &ret->home, &ret->shared, e);
    }
    if (rc == 0 && database_is_made(ret->home->replica)) {
        rc = err_set(e, ERR_INPUT,
                     "%s is a node already; choose another folder with -C",
                     folder);
    }
    if (rc == 0) {
        rc = home_lock(ret->home, e);
    }
    return rc == 0 ? get_keys(ret, e) : rc;
}

int birth_finish(struct birth *b, const struct birth_place *place,
                 const struct conf *conf, const struct grant *grant,
                 struct err *e)
{
    int rc = 0;
    struct replica_birth birth = {
        .network = *place->network,
        .time_zone = b->time_zone,
        .site_id = place->site,
        .offsets = b->zone.offsets,
        .offset_count = b->zone.count,
        .has_parent = place->parent != NULL,
        .parent_address = place->parent_address,
    };
    if (birth.has_parent) {
        birth.parent = *place->parent;
    }
    if (access(b->home->conf, F_OK) != 0) {
        rc = conf_write(b->home->conf, conf, e);
    }
    if (rc == 0) {
        rc = replica_create(b->home->replica, &birth, &b->keys, grant,
                            clock_wall_ms(), e);
    }
    return rc;
}

void birth_clear(struct birth *b)
{
    keys_wipe(&b->keys);
    zone_clear(&b->zone);
    home_close(&b->home);
}

void birth_tell(const struct birth *b)
{
    if (b->resumed) {
        printf("It has the keys of an earlier attempt.\n");
    }
    if (!b->shared) {
        printf("There is no group 'sangam' here, or it does not have this "
               "folder: only\nyour own group can use the replica.\n");
    }
}
