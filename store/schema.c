/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "protocol/bytes.h"
#include "store/clause.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is put into a file ---------------------------------------------- */

static void put_text(struct bytes *out, const char *text)
{
    bytes_put(out, text, strlen(text));
}

static void put_quoted(struct bytes *out, const char *text)
{
    char *quoted = sqlite3_mprintf("%Q", text);
    if (quoted == NULL) {
        abort();
    }
    put_text(out, quoted);
    sqlite3_free(quoted);
}

/* date('now','+05:30') */
static void put_date(struct bytes *out, int32_t offset_s)
{
    char text[64];
    int32_t s = offset_s < 0 ? -offset_s : offset_s;
    int used =
        snprintf(text, sizeof text, "date('now','%c%02" PRId32 ":%02" PRId32,
                 offset_s < 0 ? '-' : '+', s / 3600, s / 60 % 60);
    assert(used > 0 && (size_t)used < sizeof text);
    put_text(out, text);
    if (s % 60 != 0) { /* local mean time, before there were zones */
        (void)snprintf(text, sizeof text, ":%02" PRId32, s % 60);
        put_text(out, text);
    }
    put_text(out, "')");
}

/* A DEFAULT may be an expression in parentheses without a sub-select. Seconds
 * are asked of strftime(): unixepoch() is not in SQLite 3.37. */
static void put_today(struct bytes *out, const struct schema_site *site)
{
    char text[96];
    size_t last = site->offset_count - 1;
    put_text(out, last == 0 ? "(" : "(CASE");
    for (size_t i = 0; i < last; i++) {
        (void)snprintf(text, sizeof text,
                       " WHEN CAST(strftime('%%s','now') AS INTEGER) < %" PRId64
                       " THEN ",
                       site->offsets[i + 1].from_s);
        put_text(out, text);
        put_date(out, site->offsets[i].offset_s);
    }
    put_text(out, last == 0 ? "" : " ELSE ");
    put_date(out, site->offsets[last].offset_s);
    put_text(out, last == 0 ? ")" : " END)");
}

static void put_file(struct bytes *out, const char *text,
                     const struct schema_site *site)
{
    static const char site_literal[] = "'@site'";
    static const char today_literal[] = "'@today'";
    while (*text != '\0') {
        size_t len = clause_token(text);
        if (len == sizeof site_literal - 1 &&
            memcmp(text, site_literal, len) == 0) {
            put_quoted(out, site->site_id);
        } else if (len == sizeof today_literal - 1 &&
                   memcmp(text, today_literal, len) == 0) {
            put_today(out, site);
        } else {
            bytes_put(out, text, len);
        }
        text += len;
    }
}

/* ---- steps ---------------------------------------------------------------- */

static uint32_t number_of(const struct schema_file *file)
{
    return (uint32_t)strtoul(file->name, NULL, 10);
}

uint32_t schema_version(void)
{
    assert(schema_file_count > 0);
    return number_of(&schema_files[schema_file_count - 1]);
}

static int read_version(struct database *db, uint32_t *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(db, "PRAGMA user_version", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    *ret = (uint32_t)sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return 0;
}

static int apply(struct database *db, const struct schema_file *file,
                 const struct schema_site *site, struct err *e)
{
    char pragma[64];
    struct bytes sql = {0};
    assert(site->offset_count > 0);
    if (file == &schema_files[0]) {
        (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d;\n",
                       (int)SANGAM_APPLICATION_ID);
        put_text(&sql, pragma);
    }
    put_file(&sql, file->text, site);
    (void)snprintf(pragma, sizeof pragma, "\nPRAGMA user_version = %" PRIu32,
                   number_of(file));
    bytes_put(&sql, pragma, strlen(pragma) + 1);
    int code = database_run(db, (const char *)sql.data, e);
    if (code != 0) {
        (void)err_wrap(e, "schema step %s", file->name);
    }
    bytes_free(&sql);
    return code;
}

static int apply_from(struct database *db, uint32_t version,
                      const struct schema_site *site, struct err *e)
{
    for (size_t i = 0; i < schema_file_count; i++) {
        if (number_of(&schema_files[i]) <= version) {
            continue;
        }
        int code = apply(db, &schema_files[i], site, e);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

static int say_newer(uint32_t version, struct err *e)
{
    return err_set(e, ERR_VERSION,
                   "the replica has schema %" PRIu32
                   ", this program knows up to %" PRIu32
                   "; install a newer sangam",
                   version, schema_version());
}

int schema_check(struct database *db, struct err *e)
{
    uint32_t version = 0;
    int code = read_version(db, &version, e);
    if (code == 0 && version > schema_version()) {
        code = say_newer(version, e);
    }
    if (code == 0 && version < schema_version()) {
        code = err_set(e, ERR_VERSION,
                       "the replica has schema %" PRIu32
                       ", this program needs %" PRIu32
                       "; 'sangam run' of this program upgrades it",
                       version, schema_version());
    }
    return code;
}

int schema_upgrade(struct database *db, const struct schema_site *site,
                   struct err *e)
{
    uint32_t version = 0;
    assert(sqlite3_get_autocommit(database_handle(db)) == 0);
    int code = read_version(db, &version, e);
    if (code != 0) {
        return code;
    }
    if (version > schema_version()) {
        return say_newer(version, e);
    }
    code = database_run(db, "SAVEPOINT schema_upgrade", e);
    if (code != 0) {
        return code;
    }
    enum database_schema was = database_schema(db, DATABASE_SCHEMA_OPEN);
    code = apply_from(db, version, site, e);
    (void)database_schema(db, was);
    /* After a full disk or an I/O error SQLite has undone everything. */
    bool open = sqlite3_get_autocommit(database_handle(db)) == 0;
    if (code != 0 && open) {
        (void)database_run(db, "ROLLBACK TO schema_upgrade", NULL);
    }
    int released =
        open ? database_run(db, "RELEASE schema_upgrade", code == 0 ? e : NULL)
             : 0;
    return code != 0 ? code : released;
}
