/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "store/replica.h"

#include <inttypes.h>
#include <stdio.h>

/* The home is locked: the daemon must not apply meanwhile. */
static int rebuild(struct home *home, struct err *e)
{
    struct keys keys;
    struct replica *replica = NULL;
    struct verified verified = {0};
    uint64_t leaves = 0;

    int rc = home_keys_read(home, &keys, e);
    if (rc != 0) {
        return rc;
    }
    const struct replica_start start = {
        .schema = &schema_embedded,
        .now_ms = clock_wall_ms(),
    };
    rc = replica_open(home->replica, &keys, &start, &replica, e);
    keys_wipe(&keys);
    if (rc == 0) {
        rc = replica_rebuild(replica, clock_wall_ms(), &leaves, e);
    }
    if (rc == 0) {
        rc = replica_verify(replica, &verified, e);
    }
    replica_close(&replica);
    if (rc != 0) {
        return rc;
    }
    printf("rebuilt from %" PRIu64 " signed changes: %" PRIu64 " rows\n",
           leaves, verified.rows);
    if (verified.differ > 0) {
        return err_set(e, ERR_CORRUPT,
                       "%" PRIu64 " rows still differ from the journal; the "
                       "first is %s",
                       verified.differ, verified.first);
    }
    return 0;
}

int cmd_rebuild(const struct cli *cli, int argc, char **argv)
{
    struct err e = {0};
    struct home *home = NULL;

    int code = cli_arguments(cli, argc, argv, NULL, 0);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = home_lock(home, &e);
        if (rc == ERR_BUSY) {
            (void)err_wrap(&e, "stop the node first");
        }
    }
    if (rc == 0) {
        rc = rebuild(home, &e);
    }
    home_close(&home);
    return rc != 0 ? cli_fail(cli, &e) : CLI_DONE;
}
