/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "store/replica.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is pending ------------------------------------------------------ */

static int drain(const struct home *home, const struct keys *keys,
                 struct err *e)
{
    struct replica *replica = NULL;
    struct drained drained = {.more = true};
    int rc = replica_open(home->replica, keys, NULL, &replica, e);
    while (rc == 0 && drained.more) {
        rc = replica_drain(replica, clock_wall_ms(), &drained, e);
    }
    replica_close(&replica);
    return rc;
}

/* Writes that wait for their signature would count as differences. While the
 * daemon holds the home it signs them itself; otherwise only who has the keys
 * can. */
static int sign_pending(struct home *home, struct err *e)
{
    struct keys keys;
    if (home_keys_read(home, &keys, e) != 0) {
        if (home_holder(home, e) == 0) {
            (void)fprintf(stderr, "the node does not run and its keys are not "
                                  "readable here: what was written since it "
                                  "stopped counts as different\n");
        }
        return 0;
    }
    int rc = home_lock(home, e);
    if (rc == 0) {
        rc = drain(home, &keys, e);
    }
    keys_wipe(&keys);
    return rc == ERR_BUSY ? 0 : rc;
}

/* --- where to replay ------------------------------------------------------ */

/* A new file beside the replica, where there is room for another; for those who
 * cannot write there, in a folder of its own for temporary files. */
struct scratch {
    char folder[PATH_MAX]; /* to be removed; "" for none */
    char file[PATH_MAX];
};

static int scratch_make(const struct home *home, struct scratch *ret,
                        struct err *e)
{
    const char *temporary = getenv("TMPDIR");
    int n;
    *ret = (struct scratch){.folder = ""};
    if (access(home->folder, W_OK) == 0) {
        n = snprintf(ret->file, sizeof ret->file, "%s.verify", home->replica);
    } else {
        (void)snprintf(ret->folder, sizeof ret->folder, "%s/sangam-XXXXXX",
                       temporary != NULL ? temporary : "/tmp");
        if (mkdtemp(ret->folder) == NULL) {
            int rc = err_set(e, ERR_IO, "cannot make a folder %s: %s",
                             ret->folder, strerror(errno));
            ret->folder[0] = '\0';
            return rc;
        }
        n = snprintf(ret->file, sizeof ret->file, "%s/replica.db", ret->folder);
    }
    return n > 0 && (size_t)n < sizeof ret->file
               ? 0
               : err_set(e, ERR_LIMIT, "the name of the home is too long");
}

static void scratch_remove(const struct scratch *s)
{
    if (s->folder[0] != '\0') {
        (void)rmdir(s->folder);
    }
}

/* --- the command ---------------------------------------------------------- */

static int verify(struct home *home, struct verified *ret, struct err *e)
{
    struct replica *replica = NULL;
    struct scratch scratch;
    int rc = sign_pending(home, e);
    if (rc != 0) {
        return rc;
    }
    rc = scratch_make(home, &scratch, e);
    if (rc == 0) {
        rc = replica_open_reader(home->replica, scratch.file, &replica, e);
    }
    if (rc == 0) {
        rc = replica_verify(replica, ret, e);
    }
    replica_close(&replica);
    scratch_remove(&scratch);
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
