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
    const char *time_zone; /* NULL: Asia/Kolkata */
    bool again;
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
                const struct invite *invite, struct birth *b, struct err *e)
{
    struct conf conf;
    int rc = conf_of(w, &conf, e);
    if (rc == 0) {
        rc = birth_begin(cli->home,
                         w->time_zone == NULL ? "Asia/Kolkata" : w->time_zone,
                         b, e);
    }
    return rc == 0 ? enrol(invite, b, &conf, e) : rc;
}

/* --- a node that its parent has forgotten ---------------------------------- */

/* Another parent would enrol it a second time, which headquarters refuses. */
static int check_own(struct database *db, const struct invite *invite,
                     struct err *e)
{
    static const char sql[] =
        "SELECT s.network = ?1, s.site_id = ?2, s.site_id, s.parent IS NOT NULL,"
        " EXISTS(SELECT 1 FROM sync_certificate c WHERE c.node = s.parent"
        "  AND c.curve_public = ?3) FROM sync_self s";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, invite->network.bytes, HASH_BYTES,
                      SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, invite->site, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 3, invite->parent_curve,
                      sizeof invite->parent_curve, SQLITE_STATIC);
    rc = database_step(db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc : err_set(e, ERR_CORRUPT, "sync_self is empty");
    }
    rc = 0;
    if (sqlite3_column_int(stmt, 3) == 0) {
        rc = err_set(e, ERR_INPUT,
                     "this node is the root of its network, "
                     "which nobody enrols");
    } else if (sqlite3_column_int(stmt, 0) == 0) {
        rc = err_set(e, ERR_NETWORK,
                     "the invite is of another network than this home");
    } else if (sqlite3_column_int(stmt, 1) == 0) {
        rc = err_set(e, ERR_INPUT,
                     "the invite is for site %s and this home is of %s; ask "
                     "for one of its own",
                     invite->site, (const char *)sqlite3_column_text(stmt, 2));
    } else if (sqlite3_column_int(stmt, 4) == 0) {
        rc = err_set(e, ERR_FORBIDDEN,
                     "the invite is of another node than the parent of this "
                     "home; ask that one");
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

/* Its parent was put back from a copy of before it joined: the same keys once
 * more. Nothing is written here; what the parent lost it gets back on the link. */
static int enrol_again(const struct cli *cli, const struct wish *w,
                       const struct invite *invite, struct err *e)
{
    struct home *home = NULL;
    struct database *db = NULL;
    struct keys keys = {0};
    struct message m;
    int rc = w->listen != NULL || w->address != NULL || w->time_zone != NULL
                 ? err_set(e, ERR_INPUT,
                           "--again changes nothing of the home; "
                           "it takes no other option")
                 : home_open_replica(cli->home, DATABASE_READER, &home, &db, e);
    if (rc == 0) {
        rc = check_own(db, invite, e);
    }
    if (rc == 0) {
        rc = home_keys_read(home, &keys, e);
    }
    if (rc == 0) {
        rc = enrolment_ask(invite, &keys, &m, e);
    }
    if (rc == 0) {
        message_clear(&m);
    }
    sodium_memzero(&keys, sizeof keys);
    database_close(&db);
    home_close(&home);
    return rc;
}

static void tell_joined(const struct cli *cli, const struct wish *w,
                        const struct invite *invite, const struct birth *b)
{
    if (w->again) {
        printf("%s is enrolled again. Its daemon connects by itself, and gives "
               "back what its\nparent has lost.\n",
               invite->site);
    } else {
        printf("%s has joined the network.\n  home    %s\n  parent  %s\n",
               invite->site, cli->home, invite->parent_address);
        birth_tell(b);
        printf("Next: 'sangam run'. ");
    }
    printf("The invite is spent: delete %s.\n", w->file);
}

int cmd_join(const struct cli *cli, int argc, char **argv)
{
    struct wish w = {.file = NULL};
    const struct cli_argument arguments[] = {
        {CLI_OPERAND, "FILE", NULL, "the invite", NULL, &w.file},
        {CLI_OPTION, "listen", "ADDRESS",
         "where children connect; none if not given", NULL, &w.listen},
        {CLI_OPTION, "address", "ADDRESS",
         "the same as children see it: tcp://hub.example:7447", NULL,
         &w.address},
        {CLI_OPTION, "time-zone", "ZONE",
         "of its business days; Asia/Kolkata if not given", NULL, &w.time_zone},
        {CLI_FLAG, "again", NULL,
         "of a node whose parent was put back to before it joined", &w.again,
         NULL},
    };
    struct invite invite = {0};
    struct birth b = {0};
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = read_invite(w.file, &invite, &e);
    if (rc == 0) {
        rc = check_date(&invite, &e);
    }
    if (rc == 0) {
        rc = w.again ? enrol_again(cli, &w, &invite, &e)
                     : join(cli, &w, &invite, &b, &e);
    }
    if (rc == 0) {
        tell_joined(cli, &w, &invite, &b);
        code = CLI_DONE;
    } else {
        code = cli_fail(cli, &e);
    }
    birth_clear(&b);
    sodium_memzero(&invite, sizeof invite);
    return code;
}
