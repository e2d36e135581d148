/* SPDX-License-Identifier: Apache-2.0 */
#include "node/health.h"

#include "node/cli.h"
#include "protocol/instant.h"
#include "store/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    /* The daemon signs within a second; so long means that it does not. */
    PENDING_MS_MAX = 60 * 1000,
    /* A clock this wrong is worth a person's look; stamps are refused at
     * FUTURE_MS_MAX. */
    OFFSET_MS_MAX = FUTURE_MS_MAX / 2,
    /* The node truncates the log at CHECKPOINT_FRAMES, about 1.6 MB. Five times
     * that, and somebody keeps a snapshot: worth a line; forty times, and it
     * reads without an end. */
    WAL_BYTES_NOTED = 8 * 1024 * 1024,
    WAL_BYTES_MAX = 64 * 1024 * 1024,
};

/* Room for a month of doses of a busy clinic, many times over. */
static const uint64_t disk_free_bytes_min = UINT64_C(500) * 1000 * 1000;

/* --- words ---------------------------------------------------------------- */

enum { TIME_BYTES = 32 }; /* of a time or a size */

static int64_t local_ms(const struct health *h, int64_t ms)
{
    int32_t offset_s = h->zone.count > 0 ? h->zone.offsets[0].offset_s : 0;
    for (size_t i = 1; i < h->zone.count; i++) {
        if (h->zone.offsets[i].from_s <= ms / 1000) {
            offset_s = h->zone.offsets[i].offset_s;
        }
    }
    return ms + (int64_t)offset_s * 1000;
}

/* "14:02" of today, else "2026-11-21 14:02", as the site's clock shows it. */
static const char *print_time(const struct health *h, int64_t ms,
                              char out[TIME_BYTES])
{
    char text[INSTANT_TEXT_BYTES];
    int64_t local = local_ms(h, ms);

    instant_print(local, text);
    bool today =
        instant_day_of_ms(local) == instant_day_of_ms(local_ms(h, h->now_ms));
    if (today) {
        (void)snprintf(out, TIME_BYTES, "%.5s", text + 11);
    } else {
        (void)snprintf(out, TIME_BYTES, "%.10s %.5s", text, text + 11);
    }
    return out;
}

/* "442 kB", "3.1 GB" */
static const char *print_size(uint64_t bytes, char out[TIME_BYTES])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes / 1000;
    size_t unit = 0;

    while (size >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        size /= 1000;
        unit++;
    }
    (void)snprintf(out, TIME_BYTES, unit < 2 ? "%.0f %s" : "%.1f %s", size,
                   units[unit]);
    return out;
}

static void remark(struct health *h, const char *subject, bool needs_someone,
                   const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void remark(struct health *h, const char *subject, bool needs_someone,
                   const char *format, ...)
{
    va_list list;

    h->remarks =
        realloc(h->remarks, (h->remark_count + 1) * sizeof *h->remarks);
    if (h->remarks == NULL) {
        abort();
    }
    struct health_remark *new = &h->remarks[h->remark_count++];
    new->subject = subject;
    new->needs_someone = needs_someone;
    va_start(list, format);
    (void)vsnprintf(new->text, sizeof new->text, format, list);
    va_end(list);
    h->needs_someone = h->needs_someone || needs_someone;
}

/* --- what it means -------------------------------------------------------- */

static void judge_daemon(struct health *h)
{
    if (h->holder > 0) {
        remark(h, "node", false, "running, process %d", h->holder);
    } else if (h->holder < 0) {
        remark(h, "node", false, "running");
    } else {
        remark(h, "node", true,
               "not running: nothing is signed or sent; start it "
               "(sangam run)");
    }
    if (h->conf_wrong.code != 0) {
        remark(h, "configuration", true, "%s", h->conf_wrong.text);
    }
}

/* Since when something of this node is not safe above it; 0: all is. Of what is
 * signed that is when it was signed, which a backlog may be long after it was
 * written. */
int64_t health_unsafe_since_ms(const struct status *s)
{
    int64_t since = s->parent.since_ms;
    if (s->pending > 0 && (since == 0 || s->pending_since_ms < since)) {
        since = s->pending_since_ms;
    }
    return since;
}

/* The daemon upgrades at its start; one that runs is of the file's schema. */
static void judge_schema(struct health *h)
{
    uint32_t ours = schema_version(&schema_embedded);
    uint32_t theirs = h->status.schema;
    if (theirs != ours) {
        remark(h, "schema", true,
               "the replica has %" PRIu32 " and this program %" PRIu32 "; %s",
               theirs, ours,
               theirs < ours ? "start the node anew with it"
                             : "install a newer sangam");
    }
}

static void judge_safety(struct health *h)
{
    char time[TIME_BYTES];
    const struct status *s = &h->status;
    int64_t since = health_unsafe_since_ms(s);

    if (!s->has_parent) {
        remark(h, "safety", false,
               "this is the root: nothing above it keeps a copy");
    } else if (s->parent.behind == 0) {
        remark(h, "safety", false, "everything up to %s is safe at %s",
               print_time(h, since == 0 ? h->now_ms : since, time),
               s->parent.site);
    } else {
        remark(h, "safety", false,
               "everything signed before %s is safe at %s; %" PRIu64
               " changeset%s since then %s not",
               print_time(h, since, time), s->parent.site, s->parent.behind,
               cli_plural(s->parent.behind),
               s->parent.behind == 1 ? "is" : "are");
    }
    if (s->pending > 0) {
        bool late =
            h->holder != 0 && h->now_ms - s->pending_since_ms > PENDING_MS_MAX;
        remark(h, "writes", late,
               "%" PRIu64 " write%s not signed yet, the first of %s%s",
               s->pending, cli_plural(s->pending),
               print_time(h, s->pending_since_ms, time),
               late ? ", though the node is running: look at its log" : "");
    }
}

static void judge_peer(struct health *h, const struct status_peer *p,
                       const char *subject)
{
    char heard[TIME_BYTES] = "";
    char synced[TIME_BYTES] = "";
    const char *site = p->site;

    if (p->heard_ms == 0) {
        remark(h, subject, true, "%s: never heard", site);
    } else {
        bool silent = h->now_ms - p->heard_ms > DAY_MS;
        /* a child compares digests; what comes of it stays with the child */
        bool ever = p->synced_ms != 0;
        remark(h, subject, silent,
               "%s: heard %s%s%s, %" PRIu64 " changeset%s behind%s", site,
               print_time(h, p->heard_ms, heard), ever ? ", in step " : "",
               ever ? print_time(h, p->synced_ms, synced) : "", p->behind,
               cli_plural(p->behind), silent ? "; silent for over a day" : "");
    }
    if (p->offset_ms > OFFSET_MS_MAX || p->offset_ms < -OFFSET_MS_MAX) {
        remark(h, subject, true,
               "%s: its clock and ours differ by %" PRId64
               " seconds; set the wrong one",
               site, p->offset_ms / 1000);
    }
    if (p->says[0] != '\0') {
        remark(h, subject, true, "%s: %s", site, p->says);
    }
}

static void judge_counts(struct health *h)
{
    const struct status *s = &h->status;

    if (s->parked.count > 0) {
        remark(
            h, "parked", true,
            "%" PRIu64 " value%s written here that this node may not "
            "write (%s); sangam parked lists them, enter them where they belong",
            s->parked.count, cli_plural(s->parked.count), s->parked.says);
    }
    if (s->reviews.count > 0) {
        remark(h, "reviews", false,
               "%" PRIu64 " value%s wait%s for a person, the first is of %s; "
               "sangam reviews lists them",
               s->reviews.count, cli_plural(s->reviews.count),
               s->reviews.count == 1 ? "s" : "", s->reviews.says);
    }
    if (s->alerts.count > 0) {
        bool urgent = s->critical.count > 0;
        remark(h, "alerts", urgent,
               "%" PRIu64 " open, %" PRIu64 " of them critical (%s); sangam "
               "alerts lists them and says who must act",
               s->alerts.count, s->critical.count,
               urgent ? s->critical.says : s->alerts.says);
    }
    if (s->waiting.count > 0) {
        remark(h, "waiting", false,
               "%" PRIu64 " change%s for something that has not come yet (%s)",
               s->waiting.count, s->waiting.count == 1 ? " waits" : "s wait",
               s->waiting.says);
    }
    if (s->newer > 0) {
        bool one = s->newer == 1;
        remark(h, "newer", false,
               "%" PRIu64 " change%s of a newer sangam %s kept and passed on; "
               "to show %s, install that version",
               s->newer, one ? "" : "s", one ? "is" : "are",
               one ? "it" : "them");
    }
    if (s->refused.count > 0) {
        remark(h, "refused", true,
               "%" PRIu64 " change%s refused (%s); `sangam why` names the "
               "node that made it",
               s->refused.count, s->refused.count == 1 ? " is" : "s are",
               s->refused.says);
    }
    if (s->voided.count > 0) {
        remark(h, "clocks", false,
               "%" PRIu64 " change%s stamped ahead of time, taken back and "
               "signed anew by %s writer%s",
               s->voided.count, s->voided.count == 1 ? " was" : "s were",
               s->voided.count == 1 ? "its" : "their",
               cli_plural(s->voided.count));
    }
    if (s->barred.count > 0) {
        remark(h, "writers", true,
               "nothing more is taken of %" PRIu64
               " writer%s (%s); it is asked "
               "for again by itself",
               s->barred.count, cli_plural(s->barred.count), s->barred.says);
    }
    if (s->barred_there.count > 0) {
        remark(h, "writers", true,
               "a neighbour refuses what %" PRIu64 " writer%s wrote (%s); it "
               "stays here until that is mended",
               s->barred_there.count, cli_plural(s->barred_there.count),
               s->barred_there.says);
    }
    if (s->forks.count > 0) {
        remark(h, "copies", true,
               "%s ran twice, from a copied disk or a backup put back: stop "
               "the copy, revoke the node and enrol its machine anew; of what "
               "it wrote since only events are shown",
               s->forks.says);
    }
    if (s->ended) {
        remark(h, "node", true,
               "it was revoked or retired: nothing written here since is "
               "signed; enrol this machine anew");
    }
    if (s->unprojected.count > 0) {
        remark(h, "rows", true,
               "%" PRIu64 " row%s the last good state, because the merged one "
               "does not fit the table (%s)",
               s->unprojected.count,
               s->unprojected.count == 1 ? " shows" : "s show",
               s->unprojected.says);
    }
}

static void judge_finding(struct health *h, const struct status_finding *f)
{
    const char *s = cli_plural(f->rows);
    const char *table = f->table;
    if (strcmp(f->did, "signed") == 0) {
        remark(h, "scrub", false,
               "%s: %" PRIu64 " row%s written past the triggers, signed after "
               "all (%s)",
               table, f->rows, s, f->says);
    } else if (strcmp(f->did, "restored") == 0) {
        remark(h, "scrub", true,
               "%s: %" PRIu64 " row%s altered past the triggers, put back as "
               "signed (%s); find the program, then sangam verify --seen",
               table, f->rows, s, f->says);
    } else {
        remark(h, "scrub", true,
               "%s: %" PRIu64 " row%s not as signed, and nothing was done "
               "(%s); sangam verify --accept %s when the table is right, "
               "--restore %s when the journal is",
               table, f->rows, s, f->says, table, table);
    }
}

static void judge_scrub(struct health *h)
{
    char ended[TIME_BYTES];
    char clean[TIME_BYTES] = "never";
    const struct status *s = &h->status;
    if (s->clean_ms != 0) {
        print_time(h, s->clean_ms, clean);
    }
    if (s->scrub_ms == 0) {
        remark(h, "scrub", false, "tables not compared with the journal yet");
    } else if (s->scrub_ms == s->clean_ms) {
        remark(h, "scrub", false, "last clean %s", clean);
    } else {
        remark(h, "scrub", false, "found something %s; last clean %s",
               print_time(h, s->scrub_ms, ended), clean);
    }
    for (size_t i = 0; i < s->finding_count; i++) {
        judge_finding(h, &s->findings[i]);
    }
    if (s->broken[0] != '\0') {
        remark(h, "tables", true,
               "%s. Nothing of it is signed or shown meanwhile", s->broken);
    }
    if (s->extra[0] != '\0') {
        remark(h, "tables", false,
               "column %s is of this replica only, and does not travel",
               s->extra);
    }
}

static void judge_disk(struct health *h)
{
    char free_size[TIME_BYTES];
    char size[TIME_BYTES];

    remark(h, "disk", h->free_bytes < disk_free_bytes_min,
           "%s free; the replica has %s", print_size(h->free_bytes, free_size),
           print_size(h->replica_bytes + h->wal_bytes, size));
    if (h->wal_bytes > WAL_BYTES_NOTED) {
        char who[HOLDERS_TEXT_BYTES];
        bool needed = h->wal_bytes > WAL_BYTES_MAX;
        remark(h, "disk", needed, "the write-ahead log has %s: %s a snapshot%s",
               print_size(h->wal_bytes, size), holders_say(&h->readers, who),
               needed ? "; close or restart it" : "");
    }
}

static void judge(struct health *h)
{
    judge_daemon(h);
    judge_schema(h);
    judge_safety(h);
    if (h->status.has_parent) {
        judge_peer(h, &h->status.parent, "parent");
    }
    for (size_t i = 0; i < h->status.child_count; i++) {
        judge_peer(h, &h->status.children[i], "child");
    }
    judge_counts(h);
    judge_scrub(h);
    judge_disk(h);
}

/* --- gathering ------------------------------------------------------------ */

static uint64_t size_of_file(const char *path, const char *end)
{
    char name[4096];
    struct stat st;
    int len = snprintf(name, sizeof name, "%s%s", path, end);
    bool there = (size_t)len < sizeof name && stat(name, &st) == 0;
    return there ? (uint64_t)st.st_size : 0;
}

static void look_at_disk(const struct home *home, struct health *h)
{
    struct statvfs fs;
    if (statvfs(home->folder, &fs) == 0) {
        h->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    }
    h->replica_bytes = size_of_file(home->replica, "");
    h->wal_bytes = size_of_file(home->replica, "-wal");
    /* the daemon ends what it reads */
    holders_find(home->replica, HOLDERS_SNAPSHOT, h->holder, &h->readers);
}

int health_look(const struct home *home, int64_t now_ms, struct health *ret,
                struct err *e)
{
    struct health h = {.now_ms = now_ms, .holder = home_holder(home, e)};
    struct database *db = NULL;

    if (h.holder < -1) { /* -1: held, and does not say by whom */
        return h.holder;
    }
    int rc = database_open(home->replica, DATABASE_READER, DATABASE_EXISTING,
                           &db, e);
    if (rc == 0) {
        rc = status_read(db, &h.status, e);
    }
    database_close(&db);
    if (rc != 0) {
        return rc;
    }
    look_at_disk(home, &h);
    conf_defaults(&h.conf);
    (void)conf_read(home->conf, &h.conf, &h.conf_wrong);
    (void)zone_load(h.status.time_zone, now_ms, &h.zone, NULL);
    judge(&h);
    *ret = h;
    return 0;
}

void health_clear(struct health *h)
{
    status_clear(&h->status);
    zone_clear(&h->zone);
    free(h->remarks);
    h->remarks = NULL;
}
