/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/birth.h"
#include "protocol/site.h"

#include <stdio.h>
#include <string.h>

struct wish {
    const char *site;
    const char *listen;
    const char *address;
    const char *time_zone;
};

static int conf_of(const struct wish *w, struct conf *ret, struct err *e)
{
    conf_defaults(ret);
    int rc = conf_set(ret, "listen", w->listen, e);
    if (rc == 0 && w->address != NULL) {
        rc = conf_set(ret, "address", w->address, e);
    }
    return rc;
}

static int found(const struct cli *cli, const struct wish *w, struct birth *b,
                 struct err *e)
{
    struct conf conf;
    struct hash network;
    struct birth_place place = {.site = w->site, .network = &network};
    int rc = conf_of(w, &conf, e);
    if (rc == 0) {
        rc = birth_begin(cli->home, w->time_zone, b, e);
    }
    if (rc == 0) {
        network = keys_node(b->keys.sign_public);
        rc = birth_finish(b, &place, &conf, NULL, e);
    }
    return rc;
}

static void tell(const struct cli *cli, const struct wish *w,
                 const struct birth *b)
{
    char fingerprint[HASH_HEX_BYTES];
    struct hash network = keys_node(b->keys.sign_public);
    hash_print(&network, fingerprint);
    printf("%s is the root of a new network.\n"
           "  home         %s\n"
           "  fingerprint  %s\n",
           w->site, cli->home, fingerprint);
    birth_tell(b);
    printf("Next: 'sangam run', and 'sangam import ref_site FILE.csv'.\n");
}

int cmd_init(const struct cli *cli, int argc, char **argv)
{
    struct wish w = {.listen = "tcp://0.0.0.0:7447",
                     .time_zone = "Asia/Kolkata"};
    const struct cli_argument arguments[] = {
        {CLI_OPTION, "site", "SITE", "the site this node writes for: PB-HQ",
         NULL, &w.site},
        {CLI_OPTION, "listen", "ADDRESS",
         "where children connect; tcp://0.0.0.0:7447 if not given", NULL,
         &w.listen},
        {CLI_OPTION, "address", "ADDRESS",
         "the same as children see it: tcp://hub.example:7447", NULL,
         &w.address},
        {CLI_OPTION, "time-zone", "ZONE",
         "of its business days; Asia/Kolkata if not given", NULL, &w.time_zone},
    };
    struct birth b = {0};
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (w.site == NULL) {
        return cli_misused(cli, "--site is missing");
    }
    if (!site_name_is_valid((struct slice){.data = (const uint8_t *)w.site,
                                           .len = strlen(w.site)})) {
        return cli_misused(cli,
                           "'%s' is not the name of a site: letters, digits, "
                           "'.', '_' and '-' only",
                           w.site);
    }
    if (found(cli, &w, &b, &e) == 0) {
        tell(cli, &w, &b);
        code = CLI_DONE;
    } else {
        code = cli_fail(cli, &e);
    }
    birth_clear(&b);
    return code;
}
