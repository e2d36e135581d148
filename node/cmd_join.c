/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/birth.h"
#include "node/clock.h"
#include "node/enrolment.h"
#include "node/file.h"
#include "protocol/instant.h"

#include <sodium.h>
#include <stdio.h>

struct wish {
    const char *file;
    const char *listen;
    const char *address;
    const char *time_zone;
};

static int read_invite(const char *file, struct invite *ret, struct err *e)
{
    struct bytes text = {0};
    int rc = file_read(file, INVITE_BYTES_MAX, &text, e);
    if (rc == 0) {
        rc = invite_parse(slice_of(&text), ret, e);
        if (rc != 0) {
            rc = err_wrap(e, "%s", file);
        }
    }
    if (text.data != NULL) {
        sodium_memzero(text.data, text.cap);
    }
    bytes_free(&text);
    return rc;
}

/* The parent decides; this saves a minute of trying. A clock that is a little
 * off must not keep anybody out. */
static int check_date(const struct invite *invite, struct err *e)
{
    char expires[INSTANT_TEXT_BYTES];
    char now[INSTANT_TEXT_BYTES];
    int64_t now_ms = clock_wall_ms();
    if (now_ms - FUTURE_MS_MAX < invite->expires_ms) {
        return 0;
    }
    instant_print(invite->expires_ms, expires);
    instant_print(now_ms, now);
    return err_set(e, ERR_EXPIRED,
                   "the invite expired at %s and this machine's clock says "
                   "%s; if the clock is right, ask for another invite; if it "
                   "is wrong, set it",
                   expires, now);
}

static int conf_of(const struct wish *w, struct conf *ret, struct err *e)
{
    int rc = 0;
    conf_defaults(ret);
    if (w->listen != NULL) {
        rc = conf_set(ret, "listen", w->listen, e);
    }
    if (rc == 0 && w->address != NULL) {
        rc = conf_set(ret, "address", w->address, e);
    }
    return rc;
}

static int enrol(const struct invite *invite, struct birth *b,
                 const struct conf *conf, struct err *e)
{
    struct message m;
    struct birth_place place = {
        .site = invite->site,
        .network = &invite->network,
        .parent_address = invite->parent_address,
    };
    printf("Asking %s for a certificate of %s ...\n", invite->parent_address,
           invite->site);
    (void)fflush(stdout);
    int rc = enrolment_ask(invite, &b->keys, &m, e);
    if (rc != 0) {
        return rc;
    }
    place.parent = &m.as.grant.parent;
    rc = birth_finish(b, &place, conf, &m.as.grant, e);
    message_clear(&m);
    return rc;
}

static int join(const struct cli *cli, const struct wish *w,
                struct invite *invite, struct birth *b, struct err *e)
{
    struct conf conf;
    int rc = conf_of(w, &conf, e);
    if (rc == 0) {
        rc = read_invite(w->file, invite, e);
    }
    if (rc == 0) {
        rc = check_date(invite, e);
    }
    if (rc == 0) {
        rc = birth_begin(cli->home, w->time_zone, b, e);
    }
    return rc == 0 ? enrol(invite, b, &conf, e) : rc;
}

int cmd_join(const struct cli *cli, int argc, char **argv)
{
    struct wish w = {.time_zone = "Asia/Kolkata"};
    const struct cli_argument arguments[] = {
        {CLI_OPERAND, "FILE", NULL, "the invite", NULL, &w.file},
        {CLI_OPTION, "listen", "ADDRESS",
         "where children connect; none if not given", NULL, &w.listen},
        {CLI_OPTION, "address", "ADDRESS",
         "the same as children see it: tcp://hub.example:7447", NULL,
         &w.address},
        {CLI_OPTION, "time-zone", "ZONE",
         "of its business days; Asia/Kolkata if not given", NULL, &w.time_zone},
    };
    struct invite invite = {0};
    struct birth b = {0};
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (join(cli, &w, &invite, &b, &e) == 0) {
        printf("%s has joined the network.\n  home    %s\n  parent  %s\n",
               invite.site, cli->home, invite.parent_address);
        birth_tell(&b);
        printf("Next: 'sangam run'. The invite is spent: delete %s.\n", w.file);
        code = CLI_DONE;
    } else {
        code = cli_fail(cli, &e);
    }
    birth_clear(&b);
    sodium_memzero(&invite, sizeof invite);
    return code;
}
