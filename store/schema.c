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
void schema_today(const struct zone_offset *offsets, size_t count,
                  struct bytes *out)
{
    char text[96];
    assert(count > 0);
    size_t last = count - 1;
    put_text(out, last == 0 ? "(" : "(CASE");
    for (size_t i = 0; i < last; i++) {
        (void)snprintf(text, sizeof text,
                       " WHEN CAST(strftime('%%s','now') AS INTEGER) < %" PRId64
                       " THEN ",
                       offsets[i + 1].from_s);
        put_text(out, text);
        put_date(out, offsets[i].offset_s);
    }
    put_text(out, last == 0 ? "" : " ELSE ");
    put_date(out, offsets[last].offset_s);
    put_text(out, last == 0 ? ")" : " END)");
    bytes_put_u8(out, '\0');
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
            put_text(out, site->today);
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

uint32_t schema_version(const struct schema *s)
{
    assert(s->count > 0);
    return number_of(&s->files[s->count - 1]);
}

int schema_of(struct database *db, const struct schema *s, uint32_t *ret,
              struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(db, "PRAGMA user_version", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    uint32_t version = (uint32_t)sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    if (version > schema_version(s)) {
        return err_set(e, ERR_VERSION,
                       "the replica has schema %" PRIu32
                       ", this program knows up to %" PRIu32
                       "; install a newer sangam",
                       version, schema_version(s));
    }
    *ret = version;
    return 0;
}

static int apply(struct database *db, const struct schema_file *file,
                 bool first, const struct schema_site *site, struct err *e)
{
    char pragma[64];
    struct bytes sql = {0};
    if (first) {
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

static int apply_from(struct database *db, const struct schema *s,
                      uint32_t version, const struct schema_site *site,
                      struct err *e)
{
    for (size_t i = 0; i < s->count; i++) {
        if (number_of(&s->files[i]) <= version) {
            continue;
        }
        int code = apply(db, &s->files[i], i == 0, site, e);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

int schema_upgrade(struct database *db, const struct schema *s,
                   const struct schema_site *site, struct err *e)
{
    uint32_t version = 0;
    assert(sqlite3_get_autocommit(database_handle(db)) == 0);
    int code = schema_of(db, s, &version, e);
    if (code != 0) {
        return code;
    }
    code = database_run(db, "SAVEPOINT schema_upgrade", e);
    if (code != 0) {
        return code;
    }
    /* ALTER TABLE ... RENAME reads every view, to see whether it still fits. */
    int views = 0;
    sqlite3 *handle = database_handle(db);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, -1, &views);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 1, NULL);
    enum database_schema was = database_schema(db, DATABASE_SCHEMA_OPEN);
    code = apply_from(db, s, version, site, e);
    (void)database_schema(db, was);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, views, NULL);
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

/* ---- other business days --------------------------------------------------- */

/* A DEFAULT is changed as sqlite.org/lang_altertable.html (section 7, the
 * second procedure) says: in the text of the table, with a new schema_version,
 * by which every connection reads it anew. */
static int rewrite(struct database *db, const char *was, const char *today,
                   struct err *e)
{
    static const char again[] = "PRAGMA schema_version = %lld;"
                                "PRAGMA writable_schema = OFF";
    const struct value texts[] = {value_text(was), value_text(today)};
    char pragmas[96];
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(db, "PRAGMA schema_version", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    (void)snprintf(pragmas, sizeof pragmas, again,
                   (long long)sqlite3_column_int64(stmt, 0) + 1);
    (void)sqlite3_reset(stmt);
    code = database_run(db, "PRAGMA writable_schema = ON", e);
    if (code == 0) {
        code = database_statement(
            db,
            "UPDATE sqlite_schema SET sql = replace(sql, :was, :today)"
            " WHERE type IN ('table', 'view')",
            &stmt, e);
    }
    if (code == 0) {
        database_bind(stmt, ":was", &texts[0]);
        database_bind(stmt, ":today", &texts[1]);
        code = database_done(db, stmt, e);
    }
    int after = database_run(db, pragmas, code == 0 ? e : NULL);
    return code != 0 ? code : after;
}

int schema_set_today(struct database *db, const char *was, const char *today,
                     struct err *e)
{
    sqlite3 *handle = database_handle(db);
    enum database_schema before = database_schema(db, DATABASE_SCHEMA_OPEN);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    int code = rewrite(db, was, today, e);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)database_schema(db, before);
    return code;
}
