/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/health.h"
#include "protocol/instant.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- for people ----------------------------------------------------------- */

static void print_health(const struct health *h)
{
    char node[HASH_SHORT_BYTES];
    char network[HASH_SHORT_BYTES];
    const struct status *s = &h->status;
    size_t needs = 0;

    hash_print_short(&s->node, node);
    hash_print_short(&s->network, network);
    if (s->has_parent) {
        printf("%s, node %s of network %s, below %s at %s\n", s->site, node,
               network, s->parent.site, s->parent_address);
    } else {
        printf("%s, node %s, root of network %s\n", s->site, node, network);
    }
    for (size_t i = 0; i < h->remark_count; i++) {
        const struct health_remark *m = &h->remarks[i];
        printf("%c %-9s %s\n", m->needs_someone ? '!' : ' ', m->subject,
               m->text);
        needs += m->needs_someone;
    }
    if (needs == 0) {
        printf("All is well.\n");
    } else {
        printf("%zu line%s marked ! need%s someone.\n", needs,
               cli_plural(needs), needs == 1 ? "s" : "");
    }
}

/* --- for programs --------------------------------------------------------- */

static void add_number(cJSON *to, const char *name, uint64_t number)
{
    (void)cJSON_AddNumberToObject(to, name, (double)number);
}

static void add_instant(cJSON *to, const char *name, int64_t ms)
{
    char text[INSTANT_TEXT_BYTES];

    if (ms == 0) {
        (void)cJSON_AddNullToObject(to, name);
        return;
    }
    instant_print(ms, text);
    (void)cJSON_AddStringToObject(to, name, text);
}

static void add_hash(cJSON *to, const char *name, const struct hash *hash)
{
    char text[HASH_HEX_BYTES];
    hash_print(hash, text);
    (void)cJSON_AddStringToObject(to, name, text);
}

static cJSON *json_of_peer(const struct status_peer *p)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "site", p->site);
    add_hash(json, "node", &p->node);
    add_instant(json, "heard_at", p->heard_ms);
    add_instant(json, "in_step_at", p->synced_ms);
    (void)cJSON_AddNumberToObject(json, "clock_offset_ms",
                                  (double)p->offset_ms);
    add_number(json, "changesets_behind", p->behind);
    add_instant(json, "behind_since", p->since_ms);
    if (p->says[0] != '\0') {
        (void)cJSON_AddStringToObject(json, "says", p->says);
    } else {
        (void)cJSON_AddNullToObject(json, "says");
    }
    return json;
}

static void add_node(cJSON *json, const struct health *h)
{
    const struct status *s = &h->status;

    (void)cJSON_AddStringToObject(json, "site", s->site);
    add_hash(json, "node", &s->node);
    add_hash(json, "network", &s->network);
    (void)cJSON_AddStringToObject(json, "time_zone", s->time_zone);
    add_number(json, "schema", s->schema);
    (void)cJSON_AddBoolToObject(json, "running", h->holder != 0);
    if (h->holder > 0) {
        add_number(json, "process", (uint64_t)h->holder);
    } else {
        (void)cJSON_AddNullToObject(json, "process");
    }
    add_number(json, "journal_head", s->head);
    add_number(json, "writes_pending", s->pending);
    int64_t since = health_unsafe_since_ms(s);
    add_instant(json, "safe_until",
                !s->has_parent ? 0
                : since == 0   ? h->now_ms
                               : since);
}

static void add_peers(cJSON *json, const struct status *s)
{
    if (s->has_parent) {
        cJSON *parent = json_of_peer(&s->parent);
        (void)cJSON_AddStringToObject(parent, "address", s->parent_address);
        (void)cJSON_AddItemToObject(json, "parent", parent);
    } else {
        (void)cJSON_AddNullToObject(json, "parent");
    }
    cJSON *children = cJSON_AddArrayToObject(json, "children");
    for (size_t i = 0; i < s->child_count; i++) {
        (void)cJSON_AddItemToArray(children, json_of_peer(&s->children[i]));
    }
}

static void add_scrub(cJSON *json, const struct status *s)
{
    cJSON *scrub = cJSON_AddObjectToObject(json, "scrub");
    add_instant(scrub, "ended_at", s->scrub_ms);
    add_instant(scrub, "clean_at", s->clean_ms);
    cJSON *list = cJSON_AddArrayToObject(scrub, "findings");
    for (size_t i = 0; i < s->finding_count; i++) {
        const struct status_finding *f = &s->findings[i];
        cJSON *finding = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(finding, "table", f->table);
        (void)cJSON_AddStringToObject(finding, "did", f->did);
        add_number(finding, "rows", f->rows);
        (void)cJSON_AddStringToObject(finding, "says", f->says);
        (void)cJSON_AddItemToArray(list, finding);
    }
    (void)cJSON_AddStringToObject(json, "altered_table", s->broken);
    (void)cJSON_AddStringToObject(json, "local_column", s->extra);
}

static void add_readers(cJSON *json, const struct holders *readers)
{
    cJSON *list = cJSON_AddArrayToObject(json, "snapshots_held_by");
    for (size_t i = 0; i < readers->count && i < HOLDERS_MAX; i++) {
        cJSON *reader = cJSON_CreateObject();
        add_number(reader, "process", (uint64_t)readers->items[i].pid);
        (void)cJSON_AddStringToObject(reader, "command",
                                      readers->items[i].command);
        (void)cJSON_AddItemToArray(list, reader);
    }
}

static void add_rest(cJSON *json, const struct health *h)
{
    const struct status *s = &h->status;
    const char *key = NULL;

    add_number(json, "reviews", s->reviews.count);
    add_number(json, "alerts", s->alerts.count);
    add_number(json, "critical_alerts", s->critical.count);
    add_number(json, "parked", s->parked.count);
    add_number(json, "waiting", s->waiting.count);
    add_number(json, "newer", s->newer);
    add_number(json, "refused", s->refused.count);
    add_number(json, "writers_refused", s->barred.count);
    add_number(json, "writers_refused_there", s->barred_there.count);
    add_number(json, "unprojected", s->unprojected.count);
    add_number(json, "taken_back", s->voided.count);
    add_number(json, "nodes_that_ran_twice", s->forks.count);
    (void)cJSON_AddBoolToObject(json, "ended", s->ended);
    add_number(json, "disk_free_bytes", h->free_bytes);
    add_number(json, "replica_bytes", h->replica_bytes);
    add_number(json, "wal_bytes", h->wal_bytes);
    add_readers(json, &h->readers);
    add_scrub(json, s);

    cJSON *conf = cJSON_AddObjectToObject(json, "configuration");
    for (size_t i = 0; (key = conf_key(i)) != NULL; i++) {
        (void)cJSON_AddStringToObject(conf, key, conf_value(&h->conf, i));
    }
    cJSON *needs = cJSON_AddArrayToObject(json, "needs_someone");
    for (size_t i = 0; i < h->remark_count; i++) {
        const struct health_remark *m = &h->remarks[i];
        char line[HEALTH_LINE_BYTES + 16];
        (void)snprintf(line, sizeof line, "%s: %s", m->subject, m->text);
        if (m->needs_someone) {
            (void)cJSON_AddItemToArray(needs, cJSON_CreateString(line));
        }
    }
}

static void print_json(const struct health *h)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddBoolToObject(json, "well", !h->needs_someone);
    add_node(json, h);
    add_peers(json, &h->status);
    add_rest(json, h);
    cli_print_json(&json);
}

/* --- the command ---------------------------------------------------------- */

int cmd_status(const struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_argument arguments[] = {
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "for programs; times are UTC",
         .ret_flag = &json},
    };
    struct err e = {0};
    struct home *home = NULL;
    struct health health = {.now_ms = 0};

    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    int rc = home_open(cli->home, &home, &e);
    if (rc == 0) {
        rc = health_look(home, clock_wall_ms(), &health, &e);
    }
    home_close(&home);
    if (rc != 0) {
        return cli_fail(cli, &e);
    }
    if (json) {
        print_json(&health);
    } else {
        print_health(&health);
    }
    code = health.needs_someone ? CLI_FAILED : CLI_DONE;
    health_clear(&health);
    return code;
}
