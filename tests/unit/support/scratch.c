/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "store/capture.h"
#include "store/schema.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- files ---------------------------------------------------------------- */

char *scratch_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = scratch_path(base != NULL ? base : "/tmp", "sangam-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int what,
                      struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

void scratch_remove(char **folder_p)
{
    assert_int_equal(nftw(*folder_p, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(*folder_p);
    *folder_p = NULL;
}

char *scratch_path(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    assert_non_null(path);
    (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

char *scratch_bytes(const char *folder, const char *name, const void *data,
                    size_t len)
{
    char *path = scratch_path(folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return path;
}

char *scratch_file(const char *folder, const char *name, const char *text)
{
    return scratch_bytes(folder, name, text, strlen(text));
}

char *scratch_read(const char *path)
{
    enum { READ_BYTES_MAX = 64 * 1024 };
    char *text = calloc(1, READ_BYTES_MAX);
    FILE *file = fopen(path, "re");
    assert_non_null(text);
    assert_non_null(file);
    size_t len = fread(text, 1, READ_BYTES_MAX - 1, file);
    text[len] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

/* --- replicas ------------------------------------------------------------- */

static void ok(int rc, const struct err *e)
{
    if (rc != 0) {
        fail_msg("%s", e->text);
    }
}

static const char self_of_clinic[] =
    "INSERT INTO sync_self(one, network, node, site_id, time_zone, today,"
    " certificate, parent, parent_address, journal, last_hlc)"
    " VALUES (1, zeroblob(32), randomblob(32), 'PB-LDH-C01', 'Asia/Kolkata', '',"
    " 1, randomblob(32), 'tcp://hub.example:7447', 1, 0)";

static const char self_of_root[] =
    "INSERT INTO sync_self(one, network, node, site_id, time_zone, today,"
    " certificate, parent, parent_address, journal, last_hlc)"
    " VALUES (1, zeroblob(32), randomblob(32), 'PB-HQ', 'Asia/Kolkata', '',"
    " 1, NULL, NULL, 1, 0)";

static char *make_replica(const char *folder, const struct sql_site *site,
                          const char *self)
{
    const struct schema_site schema_site = {.site_id = site->site_id,
                                            .today = "(date('now','+05:30'))"};
    char *path = scratch_path(folder, "replica.db");
    struct database *db = NULL;
    struct manifest *manifest = NULL;
    struct err e = {0};

    ok(database_open(path, DATABASE_NODE, DATABASE_CREATE, &db, &e), &e);
    ok(database_begin(db, &e), &e);
    ok(schema_upgrade(db, &schema_embedded, &schema_site, &e), &e);
    ok(manifest_load(db, &manifest, &e), &e);
    struct bytes names = {0};
    ok(capture_install(db, manifest, site, &names, &e), &e);
    bytes_free(&names);
    ok(database_run(db, self, &e), &e);
    ok(database_commit(db, &e), &e);
    manifest_destroy(&manifest);
    database_close(&db);
    return path;
}

char *scratch_replica_of_clinic(const char *folder)
{
    const struct sql_site site = {.site_id = "PB-LDH-C01", .root = false};
    return make_replica(folder, &site, self_of_clinic);
}

char *scratch_replica_of_root(const char *folder)
{
    const struct sql_site site = {.site_id = "PB-HQ", .root = true};
    return make_replica(folder, &site, self_of_root);
}

int64_t scratch_number(const char *replica, const char *sql)
{
    struct database *db = NULL;
    sqlite3_stmt *stmt = NULL;
    struct err e = {0};

    ok(database_open(replica, DATABASE_READER, DATABASE_EXISTING, &db, &e), &e);
    ok(database_statement(db, sql, &stmt, &e), &e);
    assert_int_equal(database_step(db, stmt, &e), 1);
    int64_t number = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    database_close(&db);
    return number;
}

void scratch_run(const char *replica, const char *sql)
{
    struct database *db = NULL;
    struct err e = {0};

    ok(database_open(replica, DATABASE_TOOL, DATABASE_EXISTING, &db, &e), &e);
    ok(database_run(db, sql, &e), &e);
    database_close(&db);
}
