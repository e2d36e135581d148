/* SPDX-License-Identifier: Apache-2.0 */
#include "store/scrub_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/capture.h"
#include "store/runs.h"

/* --- keeping up ----------------------------------------------------------- */

/* The registry is read again when there may be origins or certificates that it
 * lacks. */
static int catch_up_registry(struct scrub *s, struct err *e)
{
    static const char sql[] =
        "SELECT (SELECT coalesce(max(origin_no), 0) FROM sync_origin),"
        " (SELECT coalesce(max(position), 0) FROM sync_delivery"
        "  WHERE reach & 4)";
    struct replica *r = s->r;
    struct registry *again = NULL;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    int64_t known[2] = {sqlite3_column_int64(stmt, 0),
                        sqlite3_column_int64(stmt, 1)};
    sqlite3_reset(stmt);
    if (s->beside.registry != NULL &&
        memcmp(known, s->known, sizeof known) == 0) {
        return 0;
    }
    rc = registry_load(r->db, r->merger.packer, &r->self.network,
                       r->enrolled ? &r->grant.as.grant : NULL, &again, e);
    if (rc == 0) {
        registry_destroy(&s->beside.registry);
        s->beside.registry = again;
        memcpy(s->known, known, sizeof known);
    }
    return rc;
}

/* 1: there is more to replay. */
static int replay_some(struct scrub *s, struct err *e)
{
    struct tally tally = {0};
    int rc = catch_up_registry(s, e);
    return rc == 0 ? replica_replay(s->r, &s->beside, &s->position, &tally, e)
                   : rc;
}

static int copy_pending(struct scrub *s, struct err *e)
{
    sqlite3_stmt *from;
    sqlite3_stmt *to;
    int rc = database_run(s->scratch, "DELETE FROM scrub_pending", e);
    if (rc == 0) {
        rc = database_statement(s->r->db,
                                "SELECT table_id, k1, k2, k3 FROM sync_pending"
                                " ORDER BY pending_id",
                                &from, e);
    }
    while (rc == 0 && (rc = database_step(s->r->db, from, e)) == 1) {
        rc = database_statement(s->scratch,
                                "INSERT INTO scrub_pending"
                                " VALUES(?1, ?2, ?3, ?4)",
                                &to, e);
        for (int i = 0; rc == 0 && i < 4; i++) {
            struct value v = database_column(from, i);
            database_bind_at(to, i + 1, &v);
        }
        rc = rc == 0 ? database_done(s->scratch, to, e) : rc;
    }
    return rc;
}

int scrub_catch_up(struct scrub *s, struct err *e)
{
    int rc;
    while ((rc = replay_some(s, e)) == 1) {
    }
    return rc == 0 ? copy_pending(s, e) : rc;
}

int scrub_is_pending(struct scrub *s, const struct table *t,
                     const struct value *key, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM scrub_pending WHERE table_id = ?1"
                              " AND k1 IS ?2 AND k2 IS ?3 AND k3 IS ?4";
    sqlite3_stmt *stmt;
    int rc = database_statement(s->scratch, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, t->id);
    for (size_t i = 0; i < t->key_count; i++) {
        database_bind_at(stmt, (int)i + 2, &key[i]);
    }
    rc = database_step(s->scratch, stmt, e);
    sqlite3_reset(stmt);
    return rc;
}

/* --- the scratch ---------------------------------------------------------- */

static int fill_scratch(struct scrub *s, struct err *e)
{
    static const char own[] =
        "CREATE TABLE scrub_found(table_id INTEGER NOT NULL, key BLOB NOT NULL,"
        " PRIMARY KEY(table_id, key)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE scrub_pending(table_id INTEGER, k1 ANY, k2 ANY, k3 ANY)"
        " STRICT;"
        "CREATE INDEX scrub_pending_row ON scrub_pending(table_id, k1, k2, k3)";
    const struct schema_site site = {
        .site_id = s->r->self.site,
        .today = "(date('now'))", /* signed rows say their days */
    };
    int rc = schema_upgrade(s->scratch, s->r->schema, &site, e);
    if (rc == 0) {
        enum database_schema was =
            database_schema(s->scratch, DATABASE_SCHEMA_OPEN);
        rc = database_run(s->scratch, own, e);
        (void)database_schema(s->scratch, was);
    }
    if (rc == 0) {
        rc = runs_renew(s->scratch, s->r->db, e);
    }
    return rc == 0 ? merger_start(&s->beside, e) : rc;
}

/* Replays what is in the journal, with short reads: the daemon's checkpoints
 * wait for a long one. A reader sees one moment as it is. */
static int replay_all(struct scrub *s, struct err *e)
{
    int rc = s->r->reader ? 0 : 1;
    while (rc == 1) {
        rc = database_begin_read(s->r->db, e);
        if (rc == 0) {
            rc = replay_some(s, e);
            database_rollback(s->r->db);
        }
        if (s->order != NULL && s->order->rest != NULL) {
            s->order->rest();
        }
    }
    return rc;
}

static int compare(struct scrub *s, struct err *e)
{
    int rc = s->r->reader ? 0 : database_begin_read(s->r->db, e);
    if (rc == 0) {
        rc = scrub_catch_up(s, e);
    }
    if (rc == 0) {
        rc = scrub_compare(s, e);
    }
    if (!s->r->reader) {
        database_rollback(s->r->db);
    }
    return rc;
}

/* --- what came of it ------------------------------------------------------ */

void scrub_note(struct scrubbed *table, enum did did, const char *key,
                const char *what)
{
    if (table->did[did]++ == 0) {
        (void)snprintf(table->says[did], sizeof table->says[did], "%s: %s", key,
                       what);
    }
}

static void add_up(struct scrub *s)
{
    struct verified *v = s->ret;
    for (size_t i = 0; i < s->table_count; i++) {
        const struct scrubbed *t = &s->tables[i];
        v->rows += t->rows;
        v->differ += t->differ;
        v->signed_rows += t->did[DID_SIGN];
        v->restored += t->did[DID_RESTORE];
        v->held += t->did[DID_HOLD];
    }
}

static int save_finding(struct scrub *s, const struct scrubbed *t, enum did did,
                        struct err *e)
{
    static const char *const words[] = {
        [DID_SIGN] = "signed",
        [DID_RESTORE] = "restored",
        [DID_HOLD] = "held",
    };
    sqlite3_stmt *stmt;
    if (t->did[did] == 0) {
        return 0;
    }
    int rc = database_statement(
        s->r->db,
        "INSERT INTO local_scrub_finding(table_name, did, row_count, at_ms,"
        " says) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(table_name, did)"
        " DO UPDATE SET row_count = row_count + excluded.row_count,"
        " at_ms = excluded.at_ms, says = excluded.says",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, words[did], -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (int64_t)t->did[did]);
    sqlite3_bind_int64(stmt, 4, s->order->now_ms);
    sqlite3_bind_text(stmt, 5, t->says[did], -1, SQLITE_STATIC);
    return database_done(s->r->db, stmt, e);
}

static int save_scrub(struct scrub *s, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        s->r->db,
        "INSERT INTO local_scrub(one, ended_ms, clean_ms, row_count, differing)"
        " VALUES(1, ?1, iif(?3 = 0, ?1, NULL), ?2, ?3) ON CONFLICT(one)"
        " DO UPDATE SET ended_ms = excluded.ended_ms,"
        " clean_ms = coalesce(excluded.clean_ms, clean_ms),"
        " row_count = excluded.row_count, differing = excluded.differing",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, s->order->now_ms);
    sqlite3_bind_int64(stmt, 2, (int64_t)s->ret->rows);
    sqlite3_bind_int64(stmt, 3, (int64_t)(s->ret->differ + s->ret->held));
    return database_done(s->r->db, stmt, e);
}

/* What was put back stays until a person has seen it; the rest is of the last
 * scrub alone. */
static int save_result(struct scrub *s, struct err *e)
{
    int rc = database_begin(s->r->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = database_run(
        s->r->db, "DELETE FROM local_scrub_finding WHERE did <> 'restored'", e);
    for (size_t i = 0; rc == 0 && i < s->table_count; i++) {
        for (enum did did = 0; rc == 0 && did < DID_COUNT; did++) {
            rc = save_finding(s, &s->tables[i], did, e);
        }
    }
    if (rc == 0) {
        rc = save_scrub(s, e);
    }
    if (rc == 0) {
        rc = database_commit(s->r->db, e);
    }
    database_rollback(s->r->db); /* also when it cannot be committed */
    return rc;
}

/* --- the whole ------------------------------------------------------------ */

static int run(struct scrub *s, struct err *e)
{
    int rc = database_begin(s->scratch, e);
    if (rc == 0) {
        rc = fill_scratch(s, e);
    }
    if (rc == 0) {
        rc = replay_all(s, e);
    }
    if (rc == 0) {
        rc = compare(s, e);
    }
    if (rc == 0 && s->order != NULL) {
        rc = scrub_mend(s, e);
    }
    if (rc == 0) {
        add_up(s);
    }
    if (rc == 0 && s->order != NULL) {
        rc = save_result(s, e);
    }
    database_rollback(s->scratch); /* nothing of it is wanted on disk */
    return rc;
}

static void start(struct scrub *s)
{
    const struct manifest *m = s->r->manifest;
    s->beside = s->r->merger;
    s->beside.db = s->scratch;
    s->beside.registry = NULL;
    s->beside.projector = projector_new(s->scratch);
    s->table_count = m->table_count + 1;
    s->tables = calloc(s->table_count, sizeof *s->tables);
    if (s->tables == NULL) {
        abort();
    }
    for (size_t i = 0; i < m->table_count; i++) {
        s->tables[i].name = m->tables[i].name;
    }
    s->tables[m->table_count].name = "sync_row";
}

/* `order` NULL: only looks. */
static int scrub(struct replica *r, const struct scrub_order *order,
                 struct verified *ret, struct err *e)
{
    struct scrub s = {.r = r, .order = order, .ret = ret};
    assert(r->scratch != NULL);
    *ret = (struct verified){0};
    replica_remove(r->scratch); /* what a killed run left behind */
    int rc = database_open(r->scratch, DATABASE_NODE, DATABASE_CREATE,
                           &s.scratch, e);
    if (rc == 0) {
        start(&s);
        rc = run(&s, e);
        registry_destroy(&s.beside.registry);
        projector_destroy(&s.beside.projector);
        free(s.tables);
    }
    database_close(&s.scratch);
    replica_remove(r->scratch);
    return rc;
}

int replica_verify(struct replica *r, struct verified *ret, struct err *e)
{
    return scrub(r, NULL, ret, e);
}

static int check_name(const struct replica *r, const char *name, struct err *e)
{
    if (name == NULL) {
        return 0;
    }
    const struct table *t = manifest_table_named(r->manifest, name);
    if (t == NULL || t->kind == TABLE_CONTROL) {
        return err_set(e, ERR_INPUT,
                       "%s is not a replicated table; 'sangam status' names "
                       "those that are held",
                       name);
    }
    return t->broken == NULL ? 0 : err_set(e, ERR_CONFIG, "%s", t->broken);
}

/* Triggers that are gone come back first. Not by replica_begin(): beside a
 * daemon this process is no writer of the journal. */
static int shape(struct replica *r, struct err *e)
{
    bool altered = false;
    int rc = replica_altered(r, &altered, e);
    if (rc == 0 && altered) {
        rc = database_begin(r->db, e);
    }
    if (rc != 0 || !altered) {
        return rc;
    }
    rc = replica_shape_again(r, e);
    if (rc == 0) {
        rc = database_commit(r->db, e);
    }
    if (rc != 0) {
        r->cookie = -1;
        database_rollback(r->db);
    }
    return rc;
}

int replica_scrub(struct replica *r, const struct scrub_order *order,
                  struct verified *ret, struct err *e)
{
    int rc = shape(r, e);
    if (rc == 0) {
        rc = check_name(r, order->accept, e);
    }
    if (rc == 0) {
        rc = check_name(r, order->restore, e);
    }
    return rc == 0 ? scrub(r, order, ret, e) : rc;
}
