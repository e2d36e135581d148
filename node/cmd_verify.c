/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/home.h"
#include "node/log.h"
#include "node/scrubber.h"
#include "store/database.h"
#include "store/replica.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
    int rc = home->lock_fd >= 0 ? 0 : home_lock(home, e);
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

/* --- looking -------------------------------------------------------------- */

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

/* --- the scrub ------------------------------------------------------------ */

/* What was asked for besides looking. */
struct asked {
    bool json;
    bool scrub;
    bool seen;
    const char *accept;
    const char *restore;
};

static bool is_scrub(const struct asked *a)
{
    return a->scrub || a->accept != NULL || a->restore != NULL;
}

/* One at a time in a home: they share a scratch file. Lets go when the process
 * ends. */
static int lock_scrub(const struct home *home, struct err *e)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/scrub.lock", home->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0) {
        return err_set(e, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return err_set(e, ERR_BUSY,
                       "a scrub runs already; try again when it has ended");
    }
    return 0;
}

/* The replay takes as much room as the replica. */
static int check_room(const struct home *home, struct err *e)
{
    static const uint64_t rest_bytes = UINT64_C(256) * 1024 * 1024;
    struct stat replica;
    struct statvfs fs;
    if (stat(home->replica, &replica) != 0 || statvfs(home->folder, &fs) != 0) {
        return err_set(e, ERR_IO, "cannot look at %s: %s", home->replica,
                       strerror(errno));
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes < 2 * (uint64_t)replica.st_size + rest_bytes) {
        return err_set(e, ERR_FULL,
                       "too little room beside the replica to replay its "
                       "journal; make room for twice its size");
    }
    return 0;
}

static int scrub(struct home *home, const struct asked *asked, bool is_child,
                 struct verified *ret, struct err *e)
{
    struct keys keys;
    struct replica *replica = NULL;
    const struct scrub_order order = {
        .now_ms = clock_wall_ms(),
        .accept = asked->accept,
        .restore = asked->restore,
        .rest = is_child ? scrubber_rest : NULL,
    };
    int rc = home_keys_read(home, &keys, e);
    if (rc != 0) {
        return rc;
    }
    rc = replica_open(home->replica, &keys, NULL, &replica, e);
    keys_wipe(&keys);
    if (rc == 0) {
        rc = replica_scrub(replica, &order, ret, e);
    }
    replica_close(&replica);
    return rc;
}

static int scrub_home(struct home *home, const struct asked *asked,
                      struct verified *ret, struct err *e)
{
    bool is_child = scrubber_is_child();
    int rc = lock_scrub(home, e);
    if (rc == 0) {
        rc = check_room(home, e);
    }
    if (rc == 0 && !is_child) {
        rc = sign_pending(home, e);
    }
    if (rc == 0) {
        rc = scrub(home, asked, is_child, ret, e);
    }
    return rc == 0 && !is_child ? sign_pending(home, e) : rc;
}

/* The daemon has started it: the log is where it is heard. */
static void log_scrub(const struct verified *v)
{
    if (v->restored > 0) {
        log_error("scrub",
                  "%" PRIu64 " rows altered past the triggers -> put back as "
                  "they were signed, see 'sangam status'",
                  v->restored);
    }
    if (v->held > 0) {
        log_error("scrub",
                  "%" PRIu64 " rows not as they were signed -> nothing was "
                  "done, see 'sangam status'",
                  v->held);
    }
    if (v->signed_rows > 0) {
        log_warning("scrub",
                    "%" PRIu64 " rows written past the triggers -> signed "
                    "after all",
                    v->signed_rows);
    }
}

/* A person has seen what was put back. */
static int forget_restored(const struct home *home, struct err *e)
{
    struct database *db = NULL;
    int rc =
        database_open(home->replica, DATABASE_TOOL, DATABASE_EXISTING, &db, e);
    if (rc == 0) {
        rc = database_run(
            db, "DELETE FROM local_scrub_finding WHERE did = 'restored'", e);
    }
    database_close(&db);
    return rc;
}

/* --- the command ---------------------------------------------------------- */

static void print_json(const struct verified *v)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(json, "well", v->differ + v->held == 0);
    (void)cJSON_AddNumberToObject(json, "rows", (double)v->rows);
    (void)cJSON_AddNumberToObject(json, "differ", (double)v->differ);
    (void)cJSON_AddNumberToObject(json, "signed", (double)v->signed_rows);
    (void)cJSON_AddNumberToObject(json, "restored", (double)v->restored);
    (void)cJSON_AddNumberToObject(json, "held", (double)v->held);
    (void)cJSON_AddStringToObject(json, "first", v->first);
    cli_print_json(&json);
}

static void print_verified(const struct verified *v, const struct asked *a)
{
    if (v->differ + v->held == 0) {
        printf("%" PRIu64 " rows are as their signed changes say\n", v->rows);
        return;
    }
    printf("%" PRIu64 " of %" PRIu64 " rows differ from their signed changes; "
           "the first is %s\n",
           v->differ, v->rows, v->first);
    if (is_scrub(a)) {
        printf("%" PRIu64 " are signed after all, %" PRIu64 " put back, "
               "%" PRIu64 " left for you to decide (sangam status)\n",
               v->signed_rows, v->restored, v->held);
    } else {
        printf("`sangam verify --scrub` signs or puts back what it may\n");
    }
}

static int run(struct home *home, const struct asked *asked,
               struct verified *ret, struct err *e)
{
    if (asked->seen) {
        return forget_restored(home, e);
    }
    if (!is_scrub(asked)) {
        return verify(home, ret, e);
    }
    int rc = scrub_home(home, asked, ret, e);
    if (rc == 0) {
        log_scrub(ret);
    }
    return rc;
}

int cmd_verify(const struct cli *cli, int argc, char **argv)
{
    struct asked asked = {.json = false};
    const struct cli_argument arguments[] = {
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs",
         .ret_flag = &asked.json},
        {.kind = CLI_FLAG,
         .name = "scrub",
         .help = "sign what was written past the triggers, put back the rest",
         .ret_flag = &asked.scrub},
        {.kind = CLI_OPTION,
         .name = "accept",
         .takes = "TABLE",
         .help = "scrub; of this table much differs, and the table is right",
         .ret_value = &asked.accept},
        {.kind = CLI_OPTION,
         .name = "restore",
         .takes = "TABLE",
         .help = "scrub; this table becomes what its signed changes say",
         .ret_value = &asked.restore},
        {.kind = CLI_FLAG,
         .name = "seen",
         .help = "you have seen what was put back: status forgets it",
         .ret_flag = &asked.seen},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct verified verified = {0};

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (asked.seen && is_scrub(&asked)) {
        return cli_misused(cli, "--seen excludes a scrub");
    }
    if (is_scrub(&asked)) {
        home_set_umask();
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = run(home, &asked, &verified, &e);
    }
    home_close(&home);
    if (rc != 0) {
        return cli_fail(cli, &e);
    }
    if (asked.json) {
        print_json(&verified);
    } else if (!asked.seen) {
        print_verified(&verified, &asked);
    }
    return verified.differ + verified.held == 0 ? CLI_DONE : CLI_FAILED;
}
