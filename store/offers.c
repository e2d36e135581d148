/* SPDX-License-Identifier: Apache-2.0 */
#include "store/offers.h"

#include <string.h>

static void bind_slice(sqlite3_stmt *stmt, const char *name, struct slice s)
{
    const struct value v = {.type = VALUE_BLOB, .bytes = s};
    database_bind(stmt, name, &v);
}

static void bind_text(sqlite3_stmt *stmt, const char *name, struct slice s)
{
    const struct value v = {.type = VALUE_TEXT, .bytes = s};
    database_bind(stmt, name, &v);
}

static void bind_integer(sqlite3_stmt *stmt, const char *name, int64_t integer)
{
    const struct value v = value_integer(integer);
    database_bind(stmt, name, &v);
}

static struct slice slice_of_text(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .len = strlen(text)};
}

/* What a leaf offers; false when it offers nothing. */
static bool read_offer(const struct table *offers, const struct leaf *leaf,
                       const char *from, struct bytes *key, struct offer *ret)
{
    const struct table *t = offers->offered;
    if (t == NULL || leaf->op != LEAF_INSERT ||
        leaf->class_id != offers->base_class) {
        return false;
    }
    const struct value *row = leaf_cell(leaf, t->handover.row->id);
    const struct value *to = leaf_cell(leaf, t->handover.to->id);
    const struct value *epoch = leaf_cell(leaf, t->handover.epoch->id);
    bool offered = row != NULL && row->type != VALUE_NULL && to != NULL &&
                   to->type == VALUE_TEXT && epoch != NULL &&
                   epoch->type == VALUE_INTEGER && epoch->integer >= 1 &&
                   epoch->integer < UINT32_MAX;
    if (!offered) {
        return false;
    }
    bytes_put_u8(key, 1);
    value_encode(row, key);
    *ret = (struct offer){
        .table = t->id,
        .key = slice_of(key),
        .scope = leaf->scope_bytes,
        .from = slice_of_text(from),
        .to = to->bytes,
        .epoch = (uint32_t)epoch->integer,
    };
    return true;
}

bool offers_count(struct registry *r, const struct changeset_header *in,
                  int code)
{
    return code == 0 || (code == ERR_FUTURE &&
                         !standing_is_cut_off(registry_standing(r), in));
}

int offers_note(struct merger *m, const struct table *offers,
                const struct leaf *leaf, const struct changeset *cs,
                uint32_t index, struct bytes *ret_key, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_offer(hash, table_id, key, scope, from_site,"
        " to_site, epoch, offer_key, origin_no, seq, incarnation) VALUES(:hash,"
        " :table, :key, :scope, :from, :to, :epoch, :offer, :origin, :seq,"
        " :incarnation) ON CONFLICT(hash) DO NOTHING";
    const struct certificate *origin = registry_in_force(
        m->registry, &cs->header.origin, cs->header.certificate);
    struct offer offer;
    sqlite3_stmt *stmt;
    bytes_clear(ret_key);
    if (!read_offer(offers, leaf, origin->site, ret_key, &offer)) {
        return 0;
    }
    struct hash hash = changeset_leaf_hash(cs, index);
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bind_slice(stmt, ":hash",
               (struct slice){.data = hash.bytes, .len = HASH_BYTES});
    bind_integer(stmt, ":table", offer.table);
    bind_slice(stmt, ":key", offer.key);
    bind_slice(stmt, ":scope", offer.scope);
    bind_text(stmt, ":from", offer.from);
    bind_text(stmt, ":to", offer.to);
    bind_integer(stmt, ":epoch", offer.epoch);
    bind_slice(stmt, ":offer", leaf->key_bytes);
    bind_integer(stmt, ":origin",
                 registry_origin(m->registry, &cs->header.origin)->no);
    bind_integer(stmt, ":seq", (int64_t)cs->header.seq);
    bind_integer(stmt, ":incarnation", (int64_t)cs->header.incarnation);
    rc = database_done(m->db, stmt, e);
    return rc == 0 ? sqlite3_changes(database_handle(m->db)) > 0 : rc;
}

/* Appends the bytes of a column; the slice is set once they stand still. */
static size_t keep(sqlite3_stmt *stmt, int at, struct bytes *memory)
{
    struct value v = database_column(stmt, at);
    bytes_put(memory, v.bytes.data, v.bytes.len);
    return v.bytes.len;
}

int offers_find(struct merger *m, const uint8_t hash[HASH_BYTES],
                struct bytes *memory, struct offer *ret, struct err *e)
{
    static const char sql[] =
        "SELECT key, scope, from_site, to_site, table_id, epoch"
        " FROM sync_offer WHERE hash = ?1";
    size_t lens[4];
    sqlite3_stmt *stmt;
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, hash, HASH_BYTES, SQLITE_STATIC);
    rc = database_step(m->db, stmt, e);
    if (rc != 1) {
        return rc;
    }
    bytes_clear(memory);
    for (int i = 0; i < 4; i++) {
        lens[i] = keep(stmt, i, memory);
    }
    struct slice *parts[] = {&ret->key, &ret->scope, &ret->from, &ret->to};
    const uint8_t *at = memory->data;
    for (int i = 0; i < 4; i++) {
        *parts[i] = (struct slice){.data = at, .len = lens[i]};
        at += lens[i];
    }
    ret->table = (uint32_t)sqlite3_column_int64(stmt, 4);
    ret->epoch = (uint32_t)sqlite3_column_int64(stmt, 5);
    (void)sqlite3_reset(stmt);
    return 1;
}

int offers_forget(struct merger *m, const struct table *offers,
                  struct slice offer_key, struct bytes *ret_keys, struct err *e)
{
    static const char sql[] =
        "DELETE FROM sync_offer WHERE table_id = ?1 AND offer_key = ?2"
        " RETURNING key";
    sqlite3_stmt *stmt;
    if (offers->offered == NULL) {
        return 0;
    }
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, offers->offered->id);
    sqlite3_bind_blob(stmt, 2, offer_key.data, (int)offer_key.len,
                      SQLITE_STATIC);
    while ((rc = database_step(m->db, stmt, e)) == 1) {
        bytes_put_slice(ret_keys, database_column(stmt, 0).bytes);
    }
    return rc;
}

int offers_to(struct merger *m, const struct table *t, struct slice key,
              const struct owner *owner, uint32_t epoch, const char *site,
              uint8_t ret_hash[HASH_BYTES], struct err *e)
{
    static const char sql[] =
        "SELECT o.hash FROM sync_offer o LEFT JOIN sync_changeset c"
        " USING(origin_no, seq, incarnation) WHERE table_id = :table"
        " AND key = :key AND from_site = :from AND to_site = :to"
        " AND epoch = :epoch ORDER BY coalesce(c.voided, 0) > 0, o.hash"
        " LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bind_integer(stmt, ":table", t->id);
    bind_slice(stmt, ":key", key);
    bind_text(stmt, ":from", slice_of_text(owner->site));
    bind_text(stmt, ":to", slice_of_text(site));
    bind_integer(stmt, ":epoch", epoch);
    rc = database_step(m->db, stmt, e);
    if (rc == 1) {
        memcpy(ret_hash, sqlite3_column_blob(stmt, 0), HASH_BYTES);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}
