/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/parts.h"

/* Leaves of one changeset being put together. */
struct cut {
    struct draft *drafts;
    size_t count;
};

static int compare_drafts(const void *a, const void *b)
{
    const struct draft *x = a;
    const struct draft *y = b;
    int order = slice_compare(x->scope_bytes, y->scope_bytes);
    if (order == 0) {
        order = (x->class_id > y->class_id) - (x->class_id < y->class_id);
    }
    if (order == 0) {
        order = (x->table > y->table) - (x->table < y->table);
    }
    return order != 0 ? order : slice_compare(x->key, y->key);
}

static size_t draft_bytes(const struct draft *d)
{
    return d->scope_bytes.len + sizeof(uint16_t) + sizeof(uint64_t) +
           d->body.len;
}

/* How many drafts from the first go into one changeset: full ones, cut where
 * the scope changes if that is possible. */
static size_t cut_length(const struct draft *drafts, size_t count)
{
    size_t bytes = 0;
    size_t n = 0;
    while (n < count && n < LEAVES_MAX) {
        bytes += draft_bytes(&drafts[n]);
        if (n > 0 && bytes > CHANGESET_BYTES_MAX) {
            break;
        }
        bool new_scope = n > 0 && !slice_equal(drafts[n].scope_bytes,
                                               drafts[n - 1].scope_bytes);
        if (n >= LEAVES_TARGET && new_scope) {
            break;
        }
        n++;
    }
    return n;
}

/* --- prior --------------------------------------------------------------- */

/* What this node stamped from here on is being taken back. */
static int64_t tail_from(const struct replica *r)
{
    return r->tail_hlc == 0 ? INT64_MAX : (int64_t)r->tail_hlc;
}

/* The last number before `seq` with such a leaf, from the journal: what was
 * remembered is on a branch that goes further than the chain does now, of a node
 * that took back what it had signed, or got back what it had lost. */
static int prior_before(struct replica *r, const struct draft *d, uint64_t seq,
                        uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT max(d.seq) FROM sync_delivery AS d JOIN sync_changeset AS c"
        " ON c.origin_no = d.origin_no AND c.seq = d.seq"
        " AND c.incarnation = d.incarnation WHERE d.origin_no = ?1"
        " AND d.seq < ?2 AND instr(d.scopes, ?3) % 4 = 1 AND NOT c.voided"
        " AND c.hlc < ?4";
    uint8_t mark[JOURNAL_MARK_BYTES];
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    journal_mark(d->scope_bytes, d->class_id, mark);
    sqlite3_bind_int64(stmt, 1, replica_own_origin(r)->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_blob(stmt, 3, mark, sizeof mark, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, tail_from(r));
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int prior_of(struct replica *r, const struct draft *d, uint64_t seq,
                    uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT seq FROM sync_prior WHERE scope = ?1 AND class_id = ?2";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, d->scope_bytes.data, (int)d->scope_bytes.len,
                      SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, d->class_id);
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    if (rc >= 0 && *ret >= seq) {
        return prior_before(r, d, seq, ret, e);
    }
    return rc < 0 ? rc : 0;
}

static int prior_save(struct replica *r, const struct draft *d, uint64_t seq,
                      struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_prior(scope, class_id, seq) VALUES(?1, ?2, ?3)"
        " ON CONFLICT(scope, class_id) DO UPDATE SET seq = excluded.seq";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, d->scope_bytes.data, (int)d->scope_bytes.len,
                      SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, d->class_id);
    sqlite3_bind_int64(stmt, 3, (int64_t)seq);
    return database_done(r->db, stmt, e);
}

int replica_forget_priors(struct replica *r, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_prior SET seq = ?1 WHERE EXISTS(SELECT 1 FROM"
        " sync_changeset AS c WHERE c.origin_no = ?2"
        " AND c.seq = sync_prior.seq AND (c.voided OR c.hlc >= ?3))";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, INT64_MAX); /* prior_of(): beyond the chain */
    sqlite3_bind_int64(stmt, 2, replica_own_origin(r)->no);
    sqlite3_bind_int64(stmt, 3, tail_from(r));
    return database_done(r->db, stmt, e);
}

/* Is this the first leaf of its (scope, class) in the cut? They stand
 * together. */
static bool starts_scope(const struct cut *cut, size_t i)
{
    return i == 0 || cut->drafts[i].class_id != cut->drafts[i - 1].class_id ||
           !slice_equal(cut->drafts[i].scope_bytes,
                        cut->drafts[i - 1].scope_bytes);
}

/* --- signing ------------------------------------------------------------- */

/* Encodes the heads and remembers this changeset as the next ones' prior. */
static int encode_heads(struct replica *r, const struct cut *cut, uint64_t seq,
                        struct bytes *heads, size_t *ends, struct err *e)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    uint64_t prior = 0;
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < cut->count; i++) {
        const struct draft *d = &cut->drafts[i];
        if (starts_scope(cut, i)) {
            rc = prior_of(r, d, seq, &prior, e);
            if (rc == 0) {
                rc = prior_save(r, d, seq, e);
            }
        }
        leaf->class_id = d->class_id;
        leaf->scope = d->scope;
        leaf->prior = prior;
        leaf_encode_head(leaf, heads);
        ends[i] = heads->len;
    }
    free(leaf);
    return rc;
}

static struct changeset_header next_header(struct replica *r,
                                           int64_t captured_ms, int64_t now_ms)
{
    const struct origin *own = replica_own_origin(r);
    /* What came back after a loss may be ahead of all that time has reached. */
    uint64_t last = r->last_hlc > own->head_hlc ? r->last_hlc : own->head_hlc;
    return (struct changeset_header){
        .network = r->self.network,
        .origin = r->self.node,
        .incarnation = r->self.incarnation,
        .seq = own->head_seq + 1,
        .prev_incarnation = own->head_seq == 0 ? 0 : own->head_incarnation,
        .prev = own->head_hash,
        /* programs and this node read one clock */
        .hlc =
            hlc_next(last, replica_now(r, captured_ms), replica_now(r, now_ms)),
        .schema_version = r->self.schema_version,
        .certificate = r->self.certificate,
    };
}

static int sign_cut(struct replica *r, const struct cut *cut,
                    int64_t captured_ms, int64_t now_ms, struct err *e)
{
    struct changeset_header header = next_header(r, captured_ms, now_ms);
    struct leaf_bytes leaves[LEAVES_MAX];
    size_t ends[LEAVES_MAX];
    struct bytes heads = {0};
    struct bytes packed = {0};
    uint8_t seed[SEED_BYTES];
    int rc = encode_heads(r, cut, header.seq, &heads, ends, e);
    if (rc != 0) {
        bytes_free(&heads);
        return rc;
    }
    for (size_t i = 0; i < cut->count; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        leaves[i].head = (struct slice){heads.data + from, ends[i] - from};
        leaves[i].body = cut->drafts[i].body;
    }
    randombytes_buf(seed, sizeof seed);
    struct incoming in = {
        .changeset =
            changeset_sign(&header, leaves, cut->count, seed, &r->keys),
        .origin = replica_own_origin(r),
        .from_no = replica_own_origin(r)->no,
        .source = BATCH_LOCAL,
    };
    packer_pack(r->merger.packer, in.changeset, &packed);
    in.packed = slice_of(&packed);
    r->last_hlc = header.hlc;
    rc = replica_take(r, &in, e);
    bytes_free(&heads);
    bytes_free(&packed);
    return rc;
}

int replica_sign(struct replica *r, struct draft *drafts, size_t count,
                 int64_t captured_ms, int64_t now_ms, struct err *e)
{
    int signed_count = 0;
    if (count > 0) {
        qsort(drafts, count, sizeof *drafts, compare_drafts);
    }
    for (size_t at = 0; at < count;) {
        struct cut cut = {
            .drafts = drafts + at,
            .count = cut_length(drafts + at, count - at),
        };
        assert(cut.count > 0);
        int rc = sign_cut(r, &cut, captured_ms, now_ms, e);
        if (rc != 0) {
            return rc;
        }
        at += cut.count;
        signed_count++;
    }
    return signed_count;
}

int replica_sign_control(struct replica *r, const struct leaf *leaf,
                         int64_t captured_ms, int64_t now_ms, struct err *e)
{
    static const uint8_t all[] = {SCOPE_ALL, 0, 0, 0, 0};
    struct bytes key = {0};
    struct bytes body = {0};
    struct tally tally = {0};
    leaf_encode_key(leaf, &key);
    leaf_encode_body(leaf, &body);
    struct draft draft = {
        .class_id = CLASS_CONTROL,
        .scope = {.kind = SCOPE_ALL},
        .scope_bytes = {.data = all, .len = sizeof all},
        .table = leaf->table,
        .key = slice_of(&key),
        .body = slice_of(&body),
    };
    int rc = replica_sign(r, &draft, 1, captured_ms, now_ms, e);
    if (rc > 0) {
        rc = batch_merge(r->batch, &r->merger, &tally, e);
    }
    bytes_free(&key);
    bytes_free(&body);
    return rc;
}
