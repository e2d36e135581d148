/* SPDX-License-Identifier: Apache-2.0 */
#include "node/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/manifest.h"

/* --- columns -------------------------------------------------------------- */

static void take_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

/* False when there is none. */
static bool take_hash(sqlite3_stmt *stmt, int column, struct hash *ret)
{
    const void *data = sqlite3_column_blob(stmt, column);
    if (data == NULL || sqlite3_column_bytes(stmt, column) != HASH_BYTES) {
        return false;
    }
    memcpy(ret->bytes, data, HASH_BYTES);
    return true;
}

/* The one row of a statement without parameters. */
static int one_row(struct database *db, const char *sql, sqlite3_stmt **ret,
                   struct err *e)
{
    int rc = database_statement(db, sql, ret, e);
    if (rc == 0) {
        rc = database_step(db, *ret, e);
    }
    if (rc == 0) {
        return err_set(e, ERR_CORRUPT, "no row where there is always one: %s",
                       sql);
    }
    return rc < 0 ? rc : 0;
}

/* --- this node ------------------------------------------------------------ */

static int read_self(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = one_row(db,
                     "SELECT site_id, node, network, time_zone, parent,"
                     " parent_address,"
                     " (SELECT coalesce(max(position), 0) FROM sync_delivery),"
                     " (SELECT count(*) FROM sync_pending),"
                     " (SELECT coalesce(min(at_ms), 0) FROM sync_pending)"
                     " FROM sync_self",
                     &stmt, e);
    if (rc != 0) {
        return rc;
    }
    take_text(stmt, 0, s->site, sizeof s->site);
    (void)take_hash(stmt, 1, &s->node);
    (void)take_hash(stmt, 2, &s->network);
    take_text(stmt, 3, s->time_zone, sizeof s->time_zone);
    s->has_parent = take_hash(stmt, 4, &s->parent.node);
    take_text(stmt, 5, s->parent_address, sizeof s->parent_address);
    s->head = (uint64_t)sqlite3_column_int64(stmt, 6);
    s->pending = (uint64_t)sqlite3_column_int64(stmt, 7);
    s->pending_since_ms = sqlite3_column_int64(stmt, 8);
    (void)sqlite3_reset(stmt);

    rc = one_row(db, "PRAGMA user_version", &stmt, e);
    if (rc == 0) {
        s->schema = (uint32_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* --- neighbours ----------------------------------------------------------- */

/* What a neighbour has not acknowledged, or refuses. What came from the neighbour
 * itself is not due to it. */
static int read_behind(struct database *db, struct status_peer *p,
                       struct err *e)
{
    struct value node = value_blob(p->node.bytes, HASH_BYTES);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        db,
        "WITH end(acked) AS (SELECT coalesce((SELECT acked FROM sync_peer"
        "  WHERE node = :node), 0)),"
        " first(at) AS (SELECT min(acked, coalesce((SELECT min(position) - 1"
        "  FROM sync_barred_there WHERE node = :node), acked)) FROM end)"
        "SELECT count(*), min(c.hlc)"
        " FROM sync_delivery d"
        " JOIN sync_origin o ON o.origin_no = d.from_no"
        " JOIN sync_changeset c ON c.origin_no = d.origin_no"
        "  AND c.seq = d.seq AND c.incarnation = d.incarnation"
        " WHERE d.position > (SELECT at FROM first) AND o.node <> :node"
        " AND (d.position > (SELECT acked FROM end)"
        "  OR EXISTS(SELECT 1 FROM sync_barred_there b WHERE b.node = :node"
        "   AND b.origin_no = d.origin_no AND b.position <= d.position))",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":node", &node);
    rc = database_step(db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    p->behind = (uint64_t)sqlite3_column_int64(stmt, 0);
    p->since_ms =
        p->behind > 0 ? hlc_ms((uint64_t)sqlite3_column_int64(stmt, 1)) : 0;
    (void)sqlite3_reset(stmt);
    return 0;
}

/* site, heard, synced, offset, says, as both statements below select them */
static void take_peer(sqlite3_stmt *stmt, struct status_peer *p)
{
    char node[HASH_SHORT_BYTES];

    take_text(stmt, 1, p->site, sizeof p->site);
    if (p->site[0] == '\0') { /* its certificate has not come yet */
        hash_print_short(&p->node, node);
        (void)snprintf(p->site, sizeof p->site, "node %s", node);
    }
    p->heard_ms = sqlite3_column_int64(stmt, 2);
    p->synced_ms = sqlite3_column_int64(stmt, 3);
    p->offset_ms = sqlite3_column_int64(stmt, 4);
    take_text(stmt, 5, p->says, sizeof p->says);
}

static int read_parent(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        db,
        "SELECT s.parent,"
        " (SELECT c.site FROM sync_certificate c WHERE c.node = s.parent),"
        " p.heard_ms, p.synced_ms, p.offset_ms, p.says"
        " FROM sync_self s LEFT JOIN sync_peer p ON p.node = s.parent",
        &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc != 1) {
        return rc;
    }
    take_peer(stmt, &s->parent);
    (void)sqlite3_reset(stmt);
    return read_behind(db, &s->parent, e);
}

static int read_child_rows(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        db,
        "SELECT DISTINCT c.node, c.site,"
        " p.heard_ms, p.synced_ms, p.offset_ms, p.says"
        " FROM sync_certificate c JOIN sync_self s ON c.parent = s.node"
        " LEFT JOIN sync_peer p ON p.node = c.node"
        " WHERE c.node <> s.node ORDER BY c.site, c.node",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    while ((rc = database_step(db, stmt, e)) == 1) {
        if (s->child_count == NODES_MAX) {
            (void)sqlite3_reset(stmt);
            return err_set(e, ERR_LIMIT, "more than %d children",
                           (int)NODES_MAX);
        }
        s->children =
            realloc(s->children, (s->child_count + 1) * sizeof *s->children);
        if (s->children == NULL) {
            abort();
        }
        struct status_peer *p = &s->children[s->child_count++];
        *p = (struct status_peer){0};
        (void)take_hash(stmt, 0, &p->node);
        take_peer(stmt, p);
    }
    return rc;
}

static int read_children(struct database *db, struct status *s, struct err *e)
{
    int rc = read_child_rows(db, s, e);
    for (size_t i = 0; rc == 0 && i < s->child_count; i++) {
        rc = read_behind(db, &s->children[i], e);
    }
    return rc;
}

/* --- what is left over ---------------------------------------------------- */

static int read_count(struct database *db, const char *sql,
                      struct status_count *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = one_row(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    ret->count = (uint64_t)sqlite3_column_int64(stmt, 0);
    take_text(stmt, 1, ret->says, sizeof ret->says);
    (void)sqlite3_reset(stmt);
    return 0;
}

/* ERR_FUTURE: taken back by its writer. */
#define FUTURE "-11"

static int read_ended(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = one_row(db,
                     "SELECT EXISTS(SELECT 1 FROM sync_revocation r JOIN"
                     " sync_self s ON r.node = s.node)",
                     &stmt, e);
    if (rc == 0) {
        s->ended = sqlite3_column_int(stmt, 0) != 0;
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* The neighbour's site and why, of the first. */
#define BARRED_FROM(table)                                                     \
    "SELECT count(*), coalesce((SELECT max(c.site) FROM sync_certificate c"    \
    " WHERE c.node = b.node), '?') || ': ' || says, min(position)"             \
    " FROM " table " b"

static int read_barred(struct database *db, struct status *s, struct err *e)
{
    int rc = read_count(db, BARRED_FROM("sync_barred"), &s->barred, e);
    return rc != 0 ? rc
                   : read_count(db, BARRED_FROM("sync_barred_there"),
                                &s->barred_there, e);
}

static int read_counts(struct database *db, struct status *s, struct err *e)
{
    _Static_assert(ERR_VERSION == -6, "these are counted apart, below");
    /* SQLite takes the bare column from the row of the min(). */
    int rc = read_count(db,
                        "SELECT count(*), says, min(parked_id)"
                        " FROM sync_parked WHERE dismissed_ms IS NULL",
                        &s->parked, e);
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(*), says, min(position)"
                        " FROM sync_verdict WHERE verdict = 'waiting'"
                        " AND code <> -6",
                        &s->waiting, e);
    }
    if (rc == 0) {
        struct status_count newer;
        rc = read_count(db,
                        "SELECT coalesce(sum(leaves), 0), NULL FROM sync_newer",
                        &newer, e);
        s->newer = rc == 0 ? newer.count : 0;
    }
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(*), says, min(position)"
                        " FROM sync_verdict WHERE verdict = 'refused'"
                        " AND code <> " FUTURE,
                        &s->refused, e);
    }
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(*), says, min(position)"
                        " FROM sync_verdict WHERE code = " FUTURE,
                        &s->voided, e);
    }
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(DISTINCT f.node),"
                        " group_concat(DISTINCT (SELECT c.site FROM"
                        " sync_certificate c WHERE c.node = f.node)) FROM"
                        " sync_fork f",
                        &s->forks, e);
    }
    if (rc == 0) {
        rc = read_barred(db, s, e);
    }
    if (rc == 0) {
        rc = read_ended(db, s, e);
    }
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(*), t.name || ': ' || u.says,"
                        " min(u.table_id) FROM sync_unprojected u"
                        " LEFT JOIN sync_table t USING (table_id)",
                        &s->unprojected, e);
    }
    if (rc == 0) {
        rc = read_count(db,
                        "SELECT count(*), t.name || '.' || c.name,"
                        " min(r.table_id) FROM sync_review r"
                        " LEFT JOIN sync_table t USING (table_id)"
                        " LEFT JOIN sync_column c USING (table_id, column_id)",
                        &s->reviews, e);
    }
    return rc;
}

/* --- alerts --------------------------------------------------------------- */

/* A file that was not upgraded yet has no rules. */
static int read_alerts(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = one_row(db,
                     "SELECT EXISTS(SELECT 1 FROM sqlite_schema"
                     " WHERE type = 'view' AND name = 'v_breach')",
                     &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bool ruled = sqlite3_column_int(stmt, 0) != 0;
    (void)sqlite3_reset(stmt);
    if (ruled) {
        rc = read_count(db,
                        "SELECT count(*), title, min(found_at) FROM v_breach"
                        " WHERE status = 'open'",
                        &s->alerts, e);
    }
    if (rc == 0 && ruled) {
        rc = read_count(db,
                        "SELECT count(*), title, min(found_at) FROM v_breach"
                        " WHERE status = 'open' AND severity = 'critical'"
                        " AND NOT provisional",
                        &s->critical, e);
    }
    return rc;
}

/* --- the scrub, and tables that tools altered ----------------------------- */

static int read_findings(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(db,
                                "SELECT table_name, did, row_count, says FROM"
                                " local_scrub_finding ORDER BY did, table_name",
                                &stmt, e);
    while (rc == 0 && (rc = database_step(db, stmt, e)) == 1) {
        s->findings =
            realloc(s->findings, (s->finding_count + 1) * sizeof *s->findings);
        if (s->findings == NULL) {
            abort();
        }
        struct status_finding *f = &s->findings[s->finding_count++];
        take_text(stmt, 0, f->table, sizeof f->table);
        take_text(stmt, 1, f->did, sizeof f->did);
        f->rows = (uint64_t)sqlite3_column_int64(stmt, 2);
        take_text(stmt, 3, f->says, sizeof f->says);
        rc = 0;
    }
    return rc;
}

static int read_scrub(struct database *db, struct status *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = one_row(db,
                     "SELECT coalesce(max(ended_ms), 0),"
                     " coalesce(max(clean_ms), 0) FROM local_scrub",
                     &stmt, e);
    if (rc != 0) {
        return rc;
    }
    s->scrub_ms = sqlite3_column_int64(stmt, 0);
    s->clean_ms = sqlite3_column_int64(stmt, 1);
    (void)sqlite3_reset(stmt);
    return read_findings(db, s, e);
}

/* As they are now, whoever runs. */
static int read_shape(struct database *db, struct status *s, struct err *e)
{
    struct manifest *m = NULL;
    int rc = manifest_load_lived_in(db, &m, e);
    for (size_t i = 0; rc == 0 && i < m->table_count; i++) {
        const struct table *t = &m->tables[i];
        if (t->broken != NULL && s->broken[0] == '\0') {
            (void)snprintf(s->broken, sizeof s->broken, "%s", t->broken);
        }
        if (t->extra != NULL && s->extra[0] == '\0') {
            (void)snprintf(s->extra, sizeof s->extra, "%s.%s", t->name,
                           t->extra);
        }
    }
    manifest_destroy(&m);
    return rc;
}

/* --- the whole ------------------------------------------------------------ */

int status_read(struct database *db, struct status *ret, struct err *e)
{
    struct status s = {.has_parent = false};
    int rc = database_begin_read(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = read_self(db, &s, e);
    if (rc == 0 && s.has_parent) {
        rc = read_parent(db, &s, e);
    }
    if (rc == 0) {
        rc = read_children(db, &s, e);
    }
    if (rc == 0) {
        rc = read_counts(db, &s, e);
    }
    if (rc == 0) {
        rc = read_alerts(db, &s, e);
    }
    if (rc == 0) {
        rc = read_scrub(db, &s, e);
    }
    if (rc == 0) {
        rc = read_shape(db, &s, e);
    }
    database_rollback(db);
    if (rc != 0) {
        status_clear(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

void status_clear(struct status *s)
{
    free(s->findings);
    s->findings = NULL;
    s->finding_count = 0;
    free(s->children);
    s->children = NULL;
    s->child_count = 0;
}
