/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/zone.h"
#include "protocol/limits.h"

#include <sys/resource.h>

/* Keys must not end up in a core file. */
static void forbid_core_files(void)
{
    static const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* One for each child; who only connects and is silent must not keep the
 * honest out. Many systems allow 1,024 unless asked. */
static void allow_descriptors(void)
{
    struct rlimit most;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0 &&
        most.rlim_cur < DESCRIPTORS_WANTED) {
        most.rlim_cur = most.rlim_max < DESCRIPTORS_WANTED
                            ? most.rlim_max
                            : (rlim_t)DESCRIPTORS_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &most);
    }
}

/* The business day follows the rules of the zone as they are now. Where the tz
 * database is gone, it stays as it was. */
static int open_replica(const struct home *h, const struct keys *keys,
                        struct replica **ret, struct err *e)
{
    struct zone zone = {0};
    struct err says = {0};
    struct replica_start start = {
        .schema = &schema_embedded,
        .now_ms = clock_wall_ms(),
    };
    if (zone_of_replica(h->replica, start.now_ms, &zone, &says) != 0) {
        log_warning("node", "%s -> business days stay as they are", says.text);
    }
    start.offsets = zone.offsets;
    start.offset_count = zone.count;
    int rc = replica_open(h->replica, keys, &start, ret, e);
    zone_clear(&zone);
    return rc;
}

static int run_home(struct home *h, struct err *e)
{
    struct conf conf;
    struct keys keys;
    struct replica *r = NULL;
    int rc = conf_read(h->conf, &conf, e);
    if (rc != 0) {
        return rc;
    }
    log_threshold(conf.log_level);
    rc = home_lock(h, e);
    if (rc == 0) {
        rc = home_keys_read(h, &keys, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = open_replica(h, &keys, &r, e);
    if (rc == 0) {
        rc = loop_run(h, &conf, &keys, r, e);
    }
    replica_close(&r);
    keys_wipe(&keys);
    return rc;
}

int cmd_run(const struct cli *cli, int argc, char **argv)
{
    struct home *h = NULL;
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, NULL, 0);
    if (code != CLI_GO_ON) {
        return code;
    }
    forbid_core_files();
    allow_descriptors();
    home_set_umask();
    int rc = home_open(cli->home, &h, &e);
    if (rc == 0) {
        rc = run_home(h, &e);
    }
    home_close(&h);
    if (rc == 0) {
        return CLI_DONE;
    }
    log_error("node", "%s -> not running", e.text);
    /* a file of a newer program does not become older by trying again */
    return rc == ERR_CONFIG || rc == ERR_VERSION ? CLI_CONFIG : CLI_FAILED;
}
