/* SPDX-License-Identifier: Apache-2.0 */
#include "node/zone.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_BYTES_MAX = 63, /* struct replica_self keeps it */
    /* No zone has changed its offset twice within a day. */
    STEP_S = 24 * 60 * 60,
    /* 15 years of a zone with summer time are 42; 1,000 is no zone. */
    OFFSETS_MAX = 1000,
};

static const int64_t ahead_s = INT64_C(15) * 366 * 24 * 60 * 60;

/* glibc takes a name it does not know for UTC, and a POSIX rule for a name:
 * both would give wrong business days, silently. */
static bool zone_is_known(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789_+-/";
    char path[NAME_BYTES_MAX + 32];
    char magic[4];
    size_t len = strlen(name);
    if (len == 0 || len > NAME_BYTES_MAX || name[0] == '/' ||
        strspn(name, letters) != len) {
        return false;
    }
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool known = fread(magic, 1, sizeof magic, file) == sizeof magic &&
                 memcmp(magic, "TZif", sizeof magic) == 0;
    (void)fclose(file);
    return known;
}

static int32_t offset_at(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm local;
    struct tm *ok = localtime_r(&at, &local);
    assert(ok != NULL);
    return (int32_t)local.tm_gmtoff;
}

/* The first second after `from_s` with another offset, up to `until_s`, where
 * it is known to be another. */
static int64_t change_between(int64_t from_s, int64_t until_s)
{
    int32_t before = offset_at(from_s);
    while (until_s - from_s > 1) {
        int64_t middle = from_s + (until_s - from_s) / 2;
        if (offset_at(middle) == before) {
            from_s = middle;
        } else {
            until_s = middle;
        }
    }
    return until_s;
}

static void add(struct zone *z, int64_t from_s)
{
    assert(z->count < OFFSETS_MAX);
    z->offsets[z->count].from_s = from_s;
    z->offsets[z->count].offset_s = offset_at(from_s);
    z->count++;
}

static void scan(int64_t since_s, int64_t until_s, struct zone *z)
{
    add(z, since_s);
    for (int64_t at = since_s; at < until_s; at += STEP_S) {
        if (offset_at(at) != offset_at(at + STEP_S) && z->count < OFFSETS_MAX) {
            add(z, change_between(at, at + STEP_S));
        }
    }
}

int zone_load_since(const char *name, int64_t since_s, int64_t now_ms,
                    struct zone *ret, struct err *e)
{
    if (!zone_is_known(name)) {
        return err_set(e, ERR_INPUT,
                       "time zone '%s' is not known; use a name such as "
                       "Asia/Kolkata (package tzdata)",
                       name);
    }
    const char *given = getenv("TZ");
    char *before = given != NULL ? strdup(given) : NULL;
    ret->count = 0;
    ret->offsets = calloc(OFFSETS_MAX, sizeof *ret->offsets);
    if (ret->offsets == NULL || (given != NULL && before == NULL) ||
        setenv("TZ", name, 1) != 0) {
        abort();
    }
    tzset();
    scan(since_s, now_ms / 1000 + ahead_s, ret);
    if (before != NULL) {
        (void)setenv("TZ", before, 1);
    } else {
        (void)unsetenv("TZ");
    }
    tzset();
    free(before);
    return 0;
}

int zone_load(const char *name, int64_t now_ms, struct zone *ret, struct err *e)
{
    static const int64_t business_s = 1577836800; /* 2020-01-01T00:00:00Z */
    return zone_load_since(name, business_s, now_ms, ret, e);
}

bool zone_instant(const struct zone *z, int64_t local_s, int64_t *ret_s)
{
    for (size_t i = 0; i < z->count; i++) {
        int64_t at_s = local_s - z->offsets[i].offset_s;
        bool began = at_s >= z->offsets[i].from_s;
        bool ended = i + 1 < z->count && at_s >= z->offsets[i + 1].from_s;
        if (began && !ended) {
            *ret_s = at_s;
            return true;
        }
    }
    return false;
}

int zone_of_replica(const char *path, int64_t now_ms, struct zone *ret,
                    struct err *e)
{
    char name[NAME_BYTES_MAX + 1] = "";
    struct database *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = database_open(path, DATABASE_READER, DATABASE_EXISTING, &db, e);
    if (rc == 0) {
        rc =
            database_statement(db, "SELECT time_zone FROM sync_self", &stmt, e);
    }
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc == 1) {
        (void)snprintf(name, sizeof name, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
    }
    database_close(&db);
    return rc < 0 ? rc : zone_load(name, now_ms, ret, e);
}

void zone_clear(struct zone *z)
{
    free(z->offsets);
    *z = (struct zone){0};
}
