/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "store/replica.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes that wait for their signature would count as differences. While the
 * daemon holds the home it signs them itself. */
static int sign_pending(struct home *home, struct replica *replica,
                        struct err *e)
{
    struct drained drained = {.more = true};
    int rc = home_lock(home, e);
    if (rc == ERR_BUSY) {
        return 0;
    }
    while (rc == 0 && drained.more) {
        rc = replica_drain(replica, clock_wall_ms(), &drained, e);
    }
    return rc;
}

static int verify(struct home *home, struct verified *ret, struct err *e)
{
    struct keys keys;
    struct replica *replica = NULL;

    int rc = home_keys_read(home, &keys, e);
    if (rc != 0) {
        return rc;
    }
    rc = replica_open(home->replica, &keys, &replica, e);
    keys_wipe(&keys);
    if (rc == 0) {
        rc = sign_pending(home, replica, e);
    }
    if (rc == 0) {
        rc = replica_verify(replica, ret, e);
    }
    replica_close(&replica);
    return rc;
}

static void print_json(const struct verified *v)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(json, "well", v->differ == 0);
    (void)cJSON_AddNumberToObject(json, "rows", (double)v->rows);
    (void)cJSON_AddNumberToObject(json, "differ", (double)v->differ);
    (void)cJSON_AddStringToObject(json, "first", v->first);
    cli_print_json(&json);
}

static void print_verified(const struct verified *v)
{
    if (v->differ == 0) {
        printf("%" PRIu64 " rows are as their signed changes say\n", v->rows);
        return;
    }
    printf("%" PRIu64 " of %" PRIu64 " rows differ from their signed changes; "
           "the first is %s\n"
           "`sangam rebuild` computes the tables again\n",
           v->differ, v->rows, v->first);
}

int cmd_verify(const struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_argument arguments[] = {
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &json},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct verified verified = {0};

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = verify(home, &verified, &e);
    }
    home_close(&home);
    if (rc != 0) {
        return cli_fail(cli, &e);
    }
    if (json) {
        print_json(&verified);
    } else {
        print_verified(&verified);
    }
    return verified.differ == 0 ? CLI_DONE : CLI_FAILED;
}
