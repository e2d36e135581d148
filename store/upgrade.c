/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "store/backup.h"
#include "store/fold.h"
#include "store/parts.h"

/* A start. An older file is brought to this program's schema in the same
 * transaction: the steps, the triggers, and the rows of what was kept because
 * it was newer (docs/decisions/0009-upgrade-in-place.md). */

struct starting {
    struct replica *r;
    const struct replica_start *how;
    bool older;
    struct bytes site_id; /* as the file has them, text */
    struct bytes today;
};

/* --- steps --------------------------------------------------------------- */

/* What the steps need of the file, which is not of this schema yet. */
static int read_site(struct starting *s, struct err *e)
{
    sqlite3_stmt *stmt;
    struct database *db = s->r->db;
    int rc = database_statement(db, "SELECT site_id, today FROM sync_self",
                                &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc != 1) {
        return rc < 0 ? rc : err_set(e, ERR_CORRUPT, "sync_self is empty");
    }
    struct value site_id = database_column(stmt, 0);
    struct value today = database_column(stmt, 1);
    bytes_put(&s->site_id, site_id.bytes.data, site_id.bytes.len);
    bytes_put(&s->today, today.bytes.data, today.bytes.len);
    bytes_put_u8(&s->site_id, '\0');
    bytes_put_u8(&s->today, '\0');
    sqlite3_reset(stmt);
    return 0;
}

/* The rules of the zone may have changed since the tables were made. */
static int set_today(struct starting *s, struct err *e)
{
    struct bytes today = {0};
    struct database *db = s->r->db;
    sqlite3_stmt *stmt;
    if (s->how->offset_count == 0) {
        return 0;
    }
    schema_today(s->how->offsets, s->how->offset_count, &today);
    int rc = 0;
    if (!slice_equal(slice_of(&today), slice_of(&s->today))) {
        struct value text = value_text((const char *)today.data);
        rc = schema_set_today(db, (const char *)s->today.data,
                              (const char *)today.data, e);
        if (rc == 0) {
            rc = database_statement(db, "UPDATE sync_self SET today = :today",
                                    &stmt, e);
        }
        if (rc == 0) {
            database_bind(stmt, ":today", &text);
            rc = database_done(db, stmt, e);
        }
        bytes_clear(&s->today);
        bytes_put(&s->today, today.data, today.len);
    }
    bytes_free(&today);
    return rc;
}

static int upgrade(struct starting *s, struct err *e)
{
    struct replica *r = s->r;
    const struct schema_site site = {
        .site_id = (const char *)s->site_id.data,
        .today = (const char *)s->today.data,
    };
    int rc = backup_make(r->path, schema_version(r->schema), e);
    if (rc != 0) {
        (void)err_wrap(e, "the replica is not upgraded, because no copy of it "
                          "could be made; make room beside it");
        return rc;
    }
    return schema_upgrade(r->db, r->schema, &site, e);
}

/* --- what was newer ------------------------------------------------------ */

static int read_newer(struct replica *r, uint64_t **ret, size_t *ret_count,
                      struct err *e)
{
    sqlite3_stmt *stmt;
    size_t cap = 0;
    int rc = database_statement(
        r->db, "SELECT position FROM sync_newer ORDER BY position", &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        if (*ret_count == cap) {
            cap = cap == 0 ? 256 : cap * 2;
            *ret = realloc(*ret, cap * sizeof **ret);
            if (*ret == NULL) {
                abort();
            }
        }
        (*ret)[(*ret_count)++] = (uint64_t)sqlite3_column_int64(stmt, 0);
        rc = 0;
    }
    return rc;
}

static int add_delivery(struct replica *r, uint64_t position, size_t *leaves,
                        struct err *e)
{
    struct delivery d;
    struct changeset *cs = NULL;
    int rc = journal_next(r->db, position - 1, 0, &d, e);
    if (rc < 0) {
        return rc;
    }
    const struct origin *o =
        rc == 1 ? registry_origin_no(r->merger.registry, d.origin_no) : NULL;
    if (o == NULL || d.position != position) {
        return err_set(e, ERR_CORRUPT, "delivery %llu is not in the journal",
                       (unsigned long long)position);
    }
    rc = journal_open(r->merger.packer, &r->self.network, &o->node, &d, &cs, e);
    if (rc == 0) {
        assert(cs != NULL);
        *leaves += cs->header.leaf_count;
        batch_add(r->batch, &r->merger, &cs, position, BATCH_NEWER);
    }
    return rc;
}

/* Folds the rows of deliveries that held more than the version before knew.
 * What is still newer is noted again. */
static int fold_newer(struct replica *r, struct err *e)
{
    uint64_t *positions = NULL;
    size_t count = 0;
    size_t leaves = 0;
    struct tally tally = {0};
    int rc = read_newer(r, &positions, &count, e);
    if (rc == 0) {
        rc = database_run(r->db, "DELETE FROM sync_newer", e);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add_delivery(r, positions[i], &leaves, e);
        if (rc == 0 && (leaves >= REPLAY_LEAVES || i + 1 == count)) {
            rc = batch_merge(r->batch, &r->merger, &tally, e);
            leaves = 0;
        }
    }
    free(positions);
    return rc;
}

/* --- rows that did not fit ------------------------------------------------ */

/* A row may fit the tables of this version. `key` as sync_unprojected has it. */
static int retry_row(struct replica *r, const struct table *t, struct slice key,
                     struct err *e)
{
    struct bytes memory = {0};
    struct bytes canonical = {0};
    struct bytes scope = {0};
    struct value values[KEY_COLUMNS_MAX];
    size_t count = 0;
    int rc = row_key_values(key, &memory, values, &count, e);
    if (rc == 0) {
        key_bytes(t, values, &canonical);
        rc = row_scope(&r->merger, t, slice_of(&canonical), &scope, e);
    }
    if (rc >= 0) {
        rc = fold_apply(&r->merger, t, slice_of(&canonical), slice_of(&scope),
                        e);
    }
    bytes_free(&memory);
    bytes_free(&canonical);
    bytes_free(&scope);
    return rc;
}

static int retry_rows(struct replica *r, struct err *e)
{
    sqlite3_stmt *stmt;
    struct bytes rows = {0};
    int rc = database_statement(
        r->db, "SELECT table_id, key FROM sync_unprojected", &stmt, e);
    while (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        bytes_put_u32(&rows, (uint32_t)sqlite3_column_int64(stmt, 0));
        bytes_put_slice(&rows, database_column(stmt, 1).bytes);
        rc = 0;
    }
    struct cursor c = cursor_of(slice_of(&rows));
    while (rc == 0 && cursor_left(&c) > 0) {
        const struct table *t = manifest_table(r->manifest, cursor_u32(&c));
        struct slice key = cursor_slice(&c, UINT32_MAX);
        rc = t == NULL ? 0 : retry_row(r, t, key, e);
    }
    bytes_free(&rows);
    return rc;
}

/* --- the start ----------------------------------------------------------- */

/* Rows follow the schema. What programs wrote before is signed first, or the
 * folds would undo it. */
static int bring_rows(struct starting *s, struct err *e)
{
    struct drained drained = {.more = true};
    int rc = 0;
    while (rc == 0 && drained.more) {
        rc = replica_drain_some(s->r, s->how->now_ms, &drained, e);
    }
    if (rc == 0) {
        rc = fold_newer(s->r, e);
    }
    return rc == 0 ? retry_rows(s->r, e) : rc;
}

static int bring_file(struct starting *s, struct err *e)
{
    int rc = read_site(s, e);
    if (rc == 0) {
        rc = set_today(s, e);
    }
    return rc == 0 && s->older ? upgrade(s, e) : rc;
}

static int open_up(struct starting *s, struct err *e)
{
    struct replica *r = s->r;
    int rc = bring_file(s, e);
    if (rc == 0) {
        rc = replica_load_self(r, e);
    }
    if (rc == 0) {
        rc = replica_check_keys(r, e);
    }
    if (rc == 0) {
        rc = replica_shape(r, e);
    }
    if (rc == 0) {
        rc = replica_open_parts(r, e);
    }
    if (rc == 0) {
        rc = replica_check_certificate(r, e);
    }
    if (rc == 0) {
        rc = merger_start(&r->merger, e);
    }
    if (rc == 0 && s->older) {
        rc = bring_rows(s, e);
    }
    return rc == 0 ? replica_renew(r, s->how->now_ms, e) : rc;
}

/* Of an upgrade that came to be its copy is kept and no older one; of one that
 * did not, the file itself is what it was. */
static void remove_copies(const struct replica *r, bool done)
{
    uint32_t last = schema_version(r->schema);
    for (uint32_t n = done ? 1 : last; n < last + !done; n++) {
        backup_remove(r->path, n);
    }
}

int replica_start(struct replica *r, const struct replica_start *how,
                  struct err *e)
{
    struct starting s = {.r = r, .how = how};
    uint32_t version = 0;
    int rc = database_begin(r->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = schema_of(r->db, r->schema, &version, e);
    s.older = rc == 0 && version < schema_version(r->schema);
    if (rc == 0) {
        rc = open_up(&s, e);
    }
    if (rc == 0) {
        rc = replica_begin_start(r, e);
    }
    if (rc == 0) {
        rc = replica_end(r, 0, e);
    } else {
        database_rollback(r->db);
    }
    if (s.older) {
        remove_copies(r, rc == 0);
    }
    bytes_free(&s.site_id);
    bytes_free(&s.today);
    return rc;
}
