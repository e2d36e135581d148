/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/conf.h"
#include "node/home.h"
#include "node/invitation.h"
#include "protocol/instant.h"
#include "protocol/site.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DAYS_DEFAULT = 14,
    DAYS_MAX = 366,
    /* The daemon opens an invite within a second; so long means it does not. */
    OPEN_MS_MAX = 10 * 1000,
    OPEN_LOOK_US = 50 * 1000,
};

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

struct wish {
    const char *site;
    const char *file;
    const char *days;
    const char *may_enrol;
};

/* What it takes: everything is released in the end, whatever failed. */
struct work {
    struct home *home;
    struct conf conf;
    struct database *db;
    struct keys keys; /* sign the row: who can read them may invite */
    struct invite invite;
    bool may_enrol;
    char file[SITE_BYTES_MAX + sizeof ".invite"];
};

/* --- the invite ---------------------------------------------------------- */

/* Where children find this node. */
static int address_of(const struct conf *conf, char *out, struct err *e)
{
    struct conf copy = *conf;
    if (conf->listen[0] == '\0') {
        return err_set(e, ERR_CONFIG,
                       "this node takes no children: set listen in "
                       "sangam.conf and restart it");
    }
    if (copy.address[0] == '\0' &&
        conf_set(&copy, "address", conf->listen, NULL) != 0) {
        return err_set(e, ERR_CONFIG,
                       "nodes below must know where this one is: set address "
                       "in sangam.conf, such as tcp://hub.example:7447");
    }
    (void)snprintf(out, ADDRESS_BYTES_MAX + 1, "%s", copy.address);
    return 0;
}

static int days_of(const struct wish *w, int64_t *ret, struct err *e)
{
    char *end = NULL;
    *ret = DAYS_DEFAULT;
    if (w->days == NULL) {
        return 0;
    }
    errno = 0;
    *ret = strtol(w->days, &end, 10);
    if (errno != 0 || end == w->days || *end != '\0' || *ret < 1 ||
        *ret > DAYS_MAX) {
        return err_set(e, ERR_INPUT, "'%s' is no number of days from 1 to %d",
                       w->days, DAYS_MAX);
    }
    return 0;
}

static int may_enrol_of(const struct wish *w,
                        const struct invitation_facts *facts, bool *ret,
                        struct err *e)
{
    *ret = facts->is_hub;
    if (w->may_enrol == NULL) {
        return 0;
    }
    *ret = strcmp(w->may_enrol, "yes") == 0;
    if (!*ret && strcmp(w->may_enrol, "no") != 0) {
        return err_set(e, ERR_INPUT, "--may-enrol is 'yes' or 'no', not '%s'",
                       w->may_enrol);
    }
    return 0;
}

static int draw_invite(const struct wish *w, struct work *k, struct err *e)
{
    struct invitation_facts facts;
    struct keys one_time;
    int64_t days = 0;
    int rc = days_of(w, &days, e);
    if (rc == 0) {
        rc = address_of(&k->conf, k->invite.parent_address, e);
    }
    if (rc == 0) {
        rc = invitation_facts(k->db, w->site, &facts, e);
    }
    if (rc == 0) {
        rc = may_enrol_of(w, &facts, &k->may_enrol, e);
    }
    if (rc != 0) {
        return rc;
    }
    keys_generate(&one_time);
    k->invite.network = facts.network;
    memcpy(k->invite.parent_curve, facts.curve, KEY_PUBLIC_BYTES);
    memcpy(k->invite.curve_public, one_time.curve_public, KEY_PUBLIC_BYTES);
    memcpy(k->invite.curve_secret, one_time.curve_secret, KEY_SECRET_BYTES);
    (void)snprintf(k->invite.site, sizeof k->invite.site, "%s", w->site);
    k->invite.expires_ms = (clock_wall_ms() + days * day_ms) / 1000 * 1000;
    keys_wipe(&one_time);
    return 0;
}

/* --- the daemon ---------------------------------------------------------- */

static int wait_for_daemon(struct work *k, enum invitation_state *ret,
                           struct err *e)
{
    int64_t end_ms = clock_mono_ms() + OPEN_MS_MAX;
    int rc = invitation_state(k->db, &k->invite, ret, e);
    while (rc == 0 && *ret == INVITATION_ASKED && clock_mono_ms() < end_ms &&
           home_holder(k->home, e) != 0) {
        (void)usleep(OPEN_LOOK_US);
        rc = invitation_state(k->db, &k->invite, ret, e);
    }
    return rc;
}

static void tell(const struct work *k, const char *file,
                 enum invitation_state state)
{
    char expires[INSTANT_TEXT_BYTES];
    instant_print(k->invite.expires_ms, expires);
    printf("%s: invite for one node of %s, good until %s%s.\n", file,
           k->invite.site, expires,
           k->may_enrol ? ", which may enrol nodes below it" : "");
    if (state == INVITATION_ASKED) {
        printf("The node does not run here, or is busy: the invite opens when "
               "'sangam run' has\nstarted.\n");
    }
    printf("Whoever has the file can join in this site's place: hand it over "
           "in person.\n");
}

static int invite(const struct cli *cli, const struct wish *w, struct work *k,
                  struct err *e)
{
    enum invitation_state state = INVITATION_ASKED;
    const char *file = w->file != NULL ? w->file : k->file;
    int rc = home_open(cli->home, &k->home, e);
    if (rc == 0) {
        rc = home_keys_read(k->home, &k->keys, e);
    }
    if (rc == 0) {
        rc = conf_read(k->home->conf, &k->conf, e);
    }
    if (rc == 0) {
        rc = database_open(k->home->replica, DATABASE_TOOL, DATABASE_EXISTING,
                           &k->db, e);
    }
    if (rc == 0) {
        rc = draw_invite(w, k, e);
    }
    if (rc == 0) {
        rc = invitation_ask(k->db, &k->invite, k->may_enrol, &k->keys, file, e);
    }
    if (rc == 0) {
        rc = wait_for_daemon(k, &state, e);
        if (rc != 0) {
            return err_wrap(e, "%s is written, but whether it opens is unknown",
                            file);
        }
    }
    if (rc == 0 && state == INVITATION_REFUSED) {
        (void)unlink(file);
        return e->code;
    }
    if (rc == 0) {
        tell(k, file, state);
    }
    return rc;
}

int cmd_invite(const struct cli *cli, int argc, char **argv)
{
    struct wish w = {0};
    const struct cli_argument arguments[] = {
        {CLI_OPERAND, "SITE", NULL, "whom it is for, of ref_site", NULL,
         &w.site},
        {CLI_OPTION, "out", "FILE", "SITE.invite if not given", NULL, &w.file},
        {CLI_OPTION, "expires", "DAYS", "14 if not given", NULL, &w.days},
        {CLI_OPTION, "may-enrol", "yes|no",
         "may it have nodes below it; yes for a hub if not given", NULL,
         &w.may_enrol},
    };
    struct work k = {0};
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (!site_name_is_valid((struct slice){.data = (const uint8_t *)w.site,
                                           .len = strlen(w.site)})) {
        return cli_misused(cli, "'%s' is not the name of a site", w.site);
    }
    (void)snprintf(k.file, sizeof k.file, "%s.invite", w.site);
    code = invite(cli, &w, &k, &e) == 0 ? CLI_DONE : cli_fail(cli, &e);
    database_close(&k.db);
    home_close(&k.home);
    keys_wipe(&k.keys);
    sodium_memzero(&k.invite, sizeof k.invite);
    return code;
}
