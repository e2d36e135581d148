/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "store/runs.h"

/* --- marks --------------------------------------------------------------- */

void journal_mark(struct slice scope, uint16_t class_id,
                  uint8_t ret[JOURNAL_MARK_BYTES])
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "sangam scope";
    uint8_t named[SCOPE_ID_BYTES_MAX + 8] = {(uint8_t)(class_id >> 8),
                                             (uint8_t)class_id};
    uint8_t hash[crypto_shorthash_BYTES];
    assert(scope.len + 2 <= sizeof named);
    memcpy(named + 2, scope.data, scope.len);
    crypto_shorthash(hash, named, scope.len + 2, key);
    memcpy(ret, hash, JOURNAL_MARK_BYTES);
}

static int compare_marks(const void *a, const void *b)
{
    return memcmp(a, b, JOURNAL_MARK_BYTES);
}

/* Sorted marks of the visible leaves, and what they reach. */
static int mark_leaves(const struct changeset *cs, struct bytes *marks)
{
    int reach = 0;
    struct slice last = {0};
    uint16_t last_class = 0;
    struct leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        reach |= cs->slots[i].form == SLOT_VISIBLE ? 0 : REACH_PART;
        if (cs->slots[i].form == SLOT_WITHHELD ||
            leaf_decode_head(cs->slots[i].head, leaf, NULL) != 0) {
            continue;
        }
        reach |= leaf->scope.kind == SCOPE_ALL ? REACH_ALL : REACH_SOME;
        reach |= leaf->scope.kind == SCOPE_SITE ? REACH_SITE : 0;
        reach |= leaf->class_id == CLASS_CONTROL ? REACH_CONTROL : 0;
        if (leaf->class_id == last_class &&
            slice_equal(leaf->scope_bytes, last)) {
            continue; /* leaves of one scope stand together */
        }
        uint8_t mark[JOURNAL_MARK_BYTES];
        journal_mark(leaf->scope_bytes, leaf->class_id, mark);
        bytes_put(marks, mark, JOURNAL_MARK_BYTES);
        last = leaf->scope_bytes;
        last_class = leaf->class_id;
    }
    free(leaf);
    if (marks->len > 0) {
        qsort(marks->data, marks->len / JOURNAL_MARK_BYTES, JOURNAL_MARK_BYTES,
              compare_marks);
    }
    return reach;
}

/* --- reading ------------------------------------------------------------- */

#define DELIVERY                                                               \
    "SELECT d.position, d.origin_no, d.from_no, d.reach, d.seq,"               \
    " d.incarnation, c.hlc, c.schema_version, c.certificate, c.leaf_count,"    \
    " c.prev_incarnation, coalesce(c.prev, p.hash), c.hash, c.signature,"      \
    " d.leaves, c.voided"                                                      \
    " FROM sync_delivery AS d"                                                 \
    " CROSS JOIN sync_changeset AS c"                                          \
    "  ON c.origin_no = d.origin_no AND c.seq = d.seq"                         \
    "  AND c.incarnation = d.incarnation"                                      \
    " LEFT JOIN sync_changeset AS p"                                           \
    "  ON p.origin_no = c.origin_no AND p.seq = c.seq - 1"                     \
    "  AND p.incarnation = coalesce(c.prev_incarnation, c.incarnation)"

static const char next_delivery[] =
    DELIVERY " WHERE d.position > :after ORDER BY d.position LIMIT 1";

static const char next_control[] = DELIVERY
    " WHERE d.position > :after AND d.reach & 4 ORDER BY d.position LIMIT 1";

static const char next_all[] = DELIVERY
    " WHERE d.position > :after AND d.reach & 1 ORDER BY d.position LIMIT 1";

static const char next_part[] = DELIVERY
    " WHERE d.position > :after AND d.reach & 8 AND d.origin_no = :origin"
    " AND d.seq = :seq AND d.incarnation = :incarnation"
    " ORDER BY d.position LIMIT 1";

static const char next_marks[] =
    "SELECT position, scopes FROM sync_delivery WHERE position > :after"
    " ORDER BY position";

static bool copy_blob(sqlite3_stmt *stmt, int at, void *out, size_t len)
{
    if (sqlite3_column_bytes(stmt, at) != (int)len) {
        return false;
    }
    memcpy(out, sqlite3_column_blob(stmt, at), len);
    return true;
}

static uint64_t column_u64(sqlite3_stmt *stmt, int at)
{
    return (uint64_t)sqlite3_column_int64(stmt, at);
}

static int read_delivery(sqlite3_stmt *stmt, struct delivery *ret,
                         struct err *e)
{
    *ret = (struct delivery){
        .position = column_u64(stmt, 0),
        .origin_no = (uint32_t)column_u64(stmt, 1),
        .from_no = (uint32_t)column_u64(stmt, 2),
        .reach = sqlite3_column_int(stmt, 3),
        .seq = column_u64(stmt, 4),
        .incarnation = column_u64(stmt, 5),
        .hlc = column_u64(stmt, 6),
        .schema_version = (uint32_t)column_u64(stmt, 7),
        .certificate = column_u64(stmt, 8),
        .leaf_count = (uint32_t)column_u64(stmt, 9),
        .prev_incarnation = column_u64(stmt, 10),
    };
    if (sqlite3_column_type(stmt, 10) == SQLITE_NULL) {
        ret->prev_incarnation = ret->incarnation;
    }
    struct value leaves = database_column(stmt, 14);
    ret->leaves = leaves.bytes;
    ret->voided = sqlite3_column_int(stmt, 15) != 0;
    bool first = ret->seq == 1;
    if ((!first && !copy_blob(stmt, 11, ret->prev.bytes, HASH_BYTES)) ||
        !copy_blob(stmt, 12, ret->hash.bytes, HASH_BYTES) ||
        !copy_blob(stmt, 13, ret->signature, SIGNATURE_BYTES)) {
        return err_set(e, ERR_CORRUPT,
                       "delivery %llu of the journal is damaged",
                       (unsigned long long)ret->position);
    }
    if (first) {
        ret->prev_incarnation = 0;
    }
    return 1;
}

static int next_of(struct database *db, const char *sql, uint64_t after,
                   struct delivery *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    struct value position = value_integer((int64_t)after);
    database_bind(stmt, ":after", &position);
    rc = database_step(db, stmt, e);
    return rc == 1 ? read_delivery(stmt, ret, e) : rc;
}

int journal_next(struct database *db, uint64_t after, int reach,
                 struct delivery *ret, struct err *e)
{
    const char *sql = next_delivery;
    if ((reach & REACH_CONTROL) != 0) {
        sql = next_control;
    } else if ((reach & REACH_ALL) != 0) {
        sql = next_all;
    }
    return next_of(db, sql, after, ret, e);
}

static bool has_mark(struct value list, struct slice marks)
{
    bool found = false;
    for (size_t i = 0; list.bytes.len > 0 && !found && i < marks.len;
         i += JOURNAL_MARK_BYTES) {
        found = bsearch(marks.data + i, list.bytes.data,
                        list.bytes.len / JOURNAL_MARK_BYTES, JOURNAL_MARK_BYTES,
                        compare_marks) != NULL;
    }
    return found;
}

int journal_next_part(struct database *db, const struct changeset_header *of,
                      uint32_t origin_no, uint64_t after, struct delivery *ret,
                      struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, next_part, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    struct value position = value_integer((int64_t)after);
    struct value origin = value_integer(origin_no);
    struct value seq = value_integer((int64_t)of->seq);
    struct value incarnation = value_integer((int64_t)of->incarnation);
    database_bind(stmt, ":after", &position);
    database_bind(stmt, ":origin", &origin);
    database_bind(stmt, ":seq", &seq);
    database_bind(stmt, ":incarnation", &incarnation);
    rc = database_step(db, stmt, e);
    return rc == 1 ? read_delivery(stmt, ret, e) : rc;
}

/* Looks at every delivery after `after`. */
static int scan_marks(struct database *db, uint64_t after, struct slice marks,
                      uint64_t *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, next_marks, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    struct value from = value_integer((int64_t)after);
    database_bind(stmt, ":after", &from);
    bool found = false;
    while (!found && (rc = database_step(db, stmt, e)) == 1) {
        found = has_mark(database_column(stmt, 1), marks);
        *ret = column_u64(stmt, 0);
    }
    sqlite3_reset(stmt);
    return rc;
}

int journal_next_of_marks(struct database *db, struct database *runs,
                          uint64_t after, struct slice marks,
                          struct delivery *ret, struct err *e)
{
    uint64_t found = 0;
    uint64_t covered = 0;
    int rc = runs_next(runs, after, marks, &found, &covered, e);
    if (rc == 0) {
        rc =
            scan_marks(db, covered > after ? covered : after, marks, &found, e);
    }
    return rc == 1 ? next_of(db, next_delivery, found - 1, ret, e) : rc;
}

int journal_open(struct packer *packer, const struct hash *network,
                 const struct hash *origin, const struct delivery *d,
                 struct changeset **ret, struct err *e)
{
    struct changeset_header header = {
        .network = *network,
        .origin = *origin,
        .incarnation = d->incarnation,
        .seq = d->seq,
        .prev_incarnation = d->prev_incarnation,
        .prev = d->prev,
        .hlc = d->hlc,
        .schema_version = d->schema_version,
        .certificate = d->certificate,
        .leaf_count = d->leaf_count,
    };
    struct changeset *cs = NULL;
    int rc = packer_unpack(packer, &header, d->leaves, &cs, e);
    if (rc == 0) {
        memcpy(cs->signature, d->signature, SIGNATURE_BYTES);
        struct hash hash = changeset_hash(&cs->header);
        if (!hash_equal(&hash, &d->hash)) {
            rc = err_set(e, ERR_CORRUPT, "its leaves do not give its hash");
        }
    }
    if (rc != 0) {
        changeset_destroy(&cs);
        (void)err_wrap(e, "delivery %llu of the journal is damaged",
                       (unsigned long long)d->position);
        return ERR_CORRUPT;
    }
    *ret = cs;
    return 0;
}

int journal_held(struct database *db, uint32_t origin_no, uint64_t seq,
                 uint64_t incarnation, struct held *ret, struct err *e)
{
    static const char sql[] =
        "SELECT hash, held, hlc FROM sync_changeset WHERE origin_no = ?1"
        " AND seq = ?2 AND incarnation = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    rc = database_step(db, stmt, e);
    if (rc == 1 && !copy_blob(stmt, 0, ret->hash.bytes, HASH_BYTES)) {
        rc = err_set(e, ERR_CORRUPT, "changeset %llu of the journal is damaged",
                     (unsigned long long)seq);
    }
    if (rc == 1) {
        ret->leaves = (uint32_t)column_u64(stmt, 1);
        ret->hlc = column_u64(stmt, 2);
        sqlite3_reset(stmt);
    }
    return rc;
}

int journal_set_voided(struct database *db, const struct delivery *d,
                       bool voided, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_changeset SET voided = ?4 WHERE origin_no = ?1"
        " AND seq = ?2 AND incarnation = ?3";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, d->origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)d->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)d->incarnation);
    sqlite3_bind_int(stmt, 4, voided);
    return database_done(db, stmt, e);
}

int journal_settle_voided(struct database *db, uint32_t origin_no, uint64_t seq,
                          uint64_t incarnation, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_changeset SET voided = 2 WHERE origin_no = ?1"
        " AND seq = ?2 AND incarnation = ?3 AND voided = 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    return database_done(db, stmt, e);
}

int journal_unsettled(struct database *db, uint32_t origin_no,
                      uint64_t *ret_seq, uint64_t *ret_incarnation,
                      struct err *e)
{
    static const char sql[] = "SELECT seq, incarnation FROM sync_changeset"
                              " WHERE origin_no = ?1 AND voided = 1 LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, origin_no);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        *ret_seq = column_u64(stmt, 0);
        *ret_incarnation = column_u64(stmt, 1);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

int journal_next_of_changeset(struct database *db, uint32_t origin_no,
                              uint64_t seq, uint64_t incarnation,
                              uint64_t after, struct delivery *ret,
                              struct err *e)
{
    static const char sql[] =
        "SELECT position FROM sync_delivery WHERE origin_no = ?1 AND seq = ?2"
        " AND incarnation = ?3 AND position > ?4 AND NOT reach & 32"
        " ORDER BY position LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)after);
    rc = database_step(db, stmt, e);
    if (rc != 1) {
        return rc;
    }
    uint64_t position = column_u64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return journal_next(db, position - 1, 0, ret, e);
}

int journal_tip(struct database *db, uint32_t origin_no, uint64_t before_hlc,
                struct changeset_header *ret, struct hash *ret_hash,
                struct err *e)
{
    static const char sql[] =
        "SELECT seq, incarnation, hlc, certificate, hash FROM sync_changeset"
        " WHERE origin_no = ?1 AND hlc < ?2 AND NOT voided"
        " ORDER BY hlc DESC LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)before_hlc);
    rc = database_step(db, stmt, e);
    if (rc != 1) {
        return rc;
    }
    *ret = (struct changeset_header){
        .seq = column_u64(stmt, 0),
        .incarnation = column_u64(stmt, 1),
        .hlc = column_u64(stmt, 2),
        .certificate = column_u64(stmt, 3),
    };
    bool sound = copy_blob(stmt, 4, ret_hash->bytes, HASH_BYTES);
    (void)sqlite3_reset(stmt);
    return sound ? 1
                 : err_set(e, ERR_CORRUPT,
                           "changeset %llu of the journal is damaged",
                           (unsigned long long)ret->seq);
}

int journal_head(struct database *db, uint64_t *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        db, "SELECT coalesce(max(position), 0) FROM sync_delivery", &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc == 1) {
        *ret = column_u64(stmt, 0);
        sqlite3_reset(stmt);
        rc = 0;
    }
    return rc;
}

/* --- appending ----------------------------------------------------------- */

static int64_t visible(const struct changeset *cs)
{
    int64_t count = 0;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        count += cs->slots[i].form == SLOT_VISIBLE;
    }
    return count;
}

/* `prev` is stored only where the changeset before is not held. */
static int prev_is_held(struct database *db, const struct arrival *a,
                        struct err *e)
{
    const struct changeset_header *h = &a->changeset->header;
    struct held before;
    if (h->seq == 1) {
        return 1;
    }
    int rc = journal_held(db, a->origin_no, h->seq - 1, h->prev_incarnation,
                          &before, e);
    return rc == 1 ? hash_equal(&before.hash, &h->prev) : rc;
}

static int append_header(struct database *db, const struct arrival *a,
                         struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_changeset(origin_no, seq, incarnation, hlc,"
        " schema_version, certificate, leaf_count, prev_incarnation, prev,"
        " hash, signature, held, voided) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7,"
        " ?8, ?9, ?10, ?11, ?12, ?13)";
    const struct changeset_header *h = &a->changeset->header;
    int held = prev_is_held(db, a, e);
    sqlite3_stmt *stmt;
    if (held < 0) {
        return held;
    }
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, a->origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)h->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)h->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)h->hlc);
    sqlite3_bind_int64(stmt, 5, h->schema_version);
    sqlite3_bind_int64(stmt, 6, (int64_t)h->certificate);
    sqlite3_bind_int64(stmt, 7, h->leaf_count);
    if (h->seq > 1 && h->prev_incarnation != h->incarnation) {
        sqlite3_bind_int64(stmt, 8, (int64_t)h->prev_incarnation);
    }
    if (held == 0) {
        sqlite3_bind_blob(stmt, 9, h->prev.bytes, HASH_BYTES, SQLITE_STATIC);
    }
    sqlite3_bind_blob(stmt, 10, a->hash.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 11, a->changeset->signature, SIGNATURE_BYTES,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 12, visible(a->changeset));
    sqlite3_bind_int(stmt, 13, a->voided);
    return database_done(db, stmt, e);
}

static int append_more(struct database *db, const struct arrival *a,
                       struct err *e)
{
    static const char sql[] =
        "UPDATE sync_changeset SET held = held + ?4 WHERE origin_no = ?1"
        " AND seq = ?2 AND incarnation = ?3";
    const struct changeset_header *h = &a->changeset->header;
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, a->origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)h->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)h->incarnation);
    sqlite3_bind_int64(stmt, 4, visible(a->changeset));
    return database_done(db, stmt, e);
}

int journal_append(struct database *db, const struct arrival *a,
                   uint64_t *ret_position, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_delivery(origin_no, seq, incarnation, from_no,"
        " reach, scopes, leaves) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const struct changeset_header *h = &a->changeset->header;
    struct bytes marks = {0};
    sqlite3_stmt *stmt;
    int rc = 0;
    if (!a->repeat) {
        rc = a->again ? append_more(db, a, e) : append_header(db, a, e);
    }
    if (rc == 0) {
        rc = database_statement(db, sql, &stmt, e);
    }
    if (rc != 0) {
        return rc;
    }
    int reach = mark_leaves(a->changeset, &marks);
    reach |= a->repeat ? REACH_REPEAT : 0;
    sqlite3_bind_int64(stmt, 1, a->origin_no);
    sqlite3_bind_int64(stmt, 2, (int64_t)h->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)h->incarnation);
    sqlite3_bind_int64(stmt, 4, a->from_no);
    sqlite3_bind_int(stmt, 5, reach);
    sqlite3_bind_blob(stmt, 6, marks.len == 0 ? (void *)"" : marks.data,
                      (int)marks.len, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 7, a->packed.data, (int)a->packed.len,
                      SQLITE_STATIC);
    rc = database_done(db, stmt, e);
    if (rc == 0) {
        *ret_position =
            (uint64_t)sqlite3_last_insert_rowid(database_handle(db));
    }
    bytes_free(&marks);
    return rc;
}
