/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/feed.h"
#include "store/fold.h"
#include "store/parts.h"
#include "store/runs.h"
#include "store/sql.h"

/* --- replay -------------------------------------------------------------- */

int replica_replay(struct replica *r, struct merger *into, uint64_t *position,
                   struct tally *tally, struct err *e)
{
    struct batch *batch = batch_new();
    struct delivery d = {.position = *position};
    size_t leaves = 0;
    int rc = 1;
    while (leaves < REPLAY_LEAVES &&
           (rc = journal_next(r->db, d.position, 0, &d, e)) == 1) {
        *position = d.position;
        if ((d.reach & REACH_REPEAT) != 0) {
            continue;
        }
        const struct origin *o =
            registry_origin_no(into->registry, d.origin_no);
        struct changeset *cs = NULL;
        rc = o == NULL ? err_set(e, ERR_CORRUPT, "an origin is missing")
                       : journal_open(r->merger.packer, &r->self.network,
                                      &o->node, &d, &cs, e);
        if (rc != 0) {
            break;
        }
        assert(cs != NULL);
        leaves += cs->header.leaf_count;
        batch_add(batch, into, &cs, d.position, BATCH_REMOTE);
        rc = 1;
    }
    if (rc >= 0) {
        int merged = batch_merge(batch, into, tally, e);
        rc = merged == 0 ? rc : merged;
    }
    batch_destroy(&batch);
    return rc;
}

/* A table that some tool altered takes no rows; emptying it would lose what it
 * has. */
static int check_whole(const struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->manifest->table_count; i++) {
        const char *broken = r->manifest->tables[i].broken;
        if (broken != NULL) {
            return err_set(e, ERR_CONFIG, "%s", broken);
        }
    }
    return 0;
}

static int empty_tables(struct replica *r, struct err *e)
{
    static const char own[] = "DELETE FROM sync_row; DELETE FROM sync_verdict;"
                              "DELETE FROM sync_unprojected;"
                              "DELETE FROM sync_review;"
                              "DELETE FROM sync_offer;"
                              "DELETE FROM sync_newer;";
    struct bytes sql = {0};
    int rc = database_run(r->db, own, e);
    if (rc == 0) {
        rc = feed_break(r->db, e);
    }
    for (size_t i = 0; rc == 0 && i < r->manifest->table_count; i++) {
        bytes_clear(&sql);
        sql_delete_rows(&r->manifest->tables[i], &sql);
        rc = database_run(r->db, (const char *)sql.data, e);
    }
    bytes_free(&sql);
    return rc;
}

int replica_rebuild(struct replica *r, int64_t now_ms, uint64_t *ret_leaves,
                    struct err *e)
{
    struct drained drained = {.more = true};
    struct tally tally = {0};
    uint64_t position = 0;
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    rc = check_whole(r, e);
    while (rc == 0 && drained.more) {
        rc = replica_drain_some(r, now_ms, &drained, e);
    }
    if (rc == 0) {
        rc = empty_tables(r, e);
    }
    if (rc == 0) {
        rc = runs_renew(r->db, r->db, e);
    }
    if (rc == 0) {
        rc = merger_start(&r->merger, e);
    }
    for (int more = 1; rc == 0 && more == 1;) {
        more = replica_replay(r, &r->merger, &position, &tally, e);
        rc = more < 0 ? more : 0;
    }
    rc = replica_end(r, rc, e);
    if (rc == 0) {
        *ret_leaves = tally.leaves;
    }
    return rc;
}

/* --- one row ------------------------------------------------------------- */

void key_bytes(const struct table *t, const struct value *key,
               struct bytes *out)
{
    bytes_put_u8(out, (uint8_t)t->key_count);
    for (size_t i = 0; i < t->key_count; i++) {
        value_encode(&key[i], out);
    }
}

int replica_scope_of(struct replica *r, const struct table *t,
                     const struct value *key, struct bytes *ret, struct err *e)
{
    struct bytes canonical = {0};
    key_bytes(t, key, &canonical);
    int rc = row_scope(&r->merger, t, slice_of(&canonical), ret, e);
    bytes_free(&canonical);
    return rc;
}

int replica_index(struct replica *r, bool *ret_more, struct err *e)
{
    *ret_more = false; /* who has nothing to do waits for nobody's lock */
    int rc = runs_due(r->db, r->db, ret_more, e);
    if (rc == 0 && *ret_more) {
        rc = replica_begin(r, e);
        rc = rc == 0 ? replica_end(r, runs_grow(r->db, r->db, ret_more, e), e)
                     : rc;
    }
    return rc;
}

int replica_reproject(struct replica *r, const struct table *t,
                      const struct value *key, struct err *e)
{
    struct bytes scope = {0};
    struct bytes canonical = {0};
    int rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    key_bytes(t, key, &canonical);
    rc = replica_scope_of(r, t, key, &scope, e);
    if (rc == 1) {
        rc = fold_apply(&r->merger, t, slice_of(&canonical), slice_of(&scope),
                        e);
    }
    bytes_free(&scope);
    bytes_free(&canonical);
    return replica_end(r, rc, e);
}
