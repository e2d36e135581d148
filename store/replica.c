/* SPDX-License-Identifier: Apache-2.0 */
#include "store/replica.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/hlc.h"
#include "store/addressed.h"
#include "store/parts.h"

/* --- transactions -------------------------------------------------------- */

int replica_begin(struct replica *r, struct err *e)
{
    assert(!r->reader);
    int rc = database_begin(r->db, e);
    if (rc != 0) {
        return rc;
    }
    r->began_cookie = r->cookie;
    rc = replica_shape_again(r, e);
    if (rc == 0) {
        rc = merger_start(&r->merger, e);
    }
    if (rc != 0) {
        r->cookie = -1;
        database_rollback(r->db);
    }
    return rc;
}

static int save_self(struct replica *r, struct err *e)
{
    static const char sql[] =
        "UPDATE sync_self SET last_hlc = ?1 WHERE last_hlc <> ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)r->last_hlc);
    return database_done(r->db, stmt, e);
}

static int load_changing(struct replica *r, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        r->db, "SELECT last_hlc, certificate FROM sync_self", &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc == 1) {
        r->last_hlc = (uint64_t)sqlite3_column_int64(stmt, 0);
        r->self.certificate = (uint64_t)sqlite3_column_int64(stmt, 1);
        sqlite3_reset(stmt);
        rc = journal_head(r->db, &r->self.head, e);
    }
    return rc;
}

/* After a rollback, memory must not know more than the file. The batch goes
 * first: its stamps point at origins. */
static int forget(struct replica *r, struct err *e)
{
    r->jumped = false;
    if (r->cookie != r->began_cookie) {
        r->cookie = -1; /* triggers put back are gone again */
    }
    batch_destroy(&r->batch);
    r->batch = batch_new();
    registry_return(r->merger.registry);
    return load_changing(r, e);
}

int replica_commit(struct replica *r, struct err *e)
{
    int rc = registry_save(r->merger.registry, r->db, e);
    if (rc == 0) {
        rc = save_self(r, e);
    }
    if (rc == 0) {
        rc = journal_head(r->db, &r->self.head, e);
    }
    return rc == 0 ? database_commit(r->db, e) : rc;
}

int replica_end(struct replica *r, int rc, struct err *e)
{
    if (rc >= 0) {
        rc = replica_commit(r, e);
    }
    if (rc != 0) {
        struct err second;
        database_rollback(r->db);
        if (forget(r, &second) != 0) {
            return err_set(e, second.code, "%s", second.text);
        }
        return rc;
    }
    registry_mark(r->merger.registry);
    return 0;
}

struct origin *replica_own_origin(struct replica *r)
{
    struct origin *own = registry_origin(r->merger.registry, &r->self.node);
    assert(own != NULL);
    return own;
}

int64_t replica_now(const struct replica *r, int64_t now_ms)
{
    return now_ms + r->correction_ms;
}

void replica_limit(struct replica *r, size_t rows)
{
    r->rows_max = rows < APPLY_ROWS_MAX ? rows : APPLY_ROWS_MAX;
}

void replica_correct(struct replica *r, int64_t correction_ms)
{
    r->correction_ms = correction_ms;
}

void replica_floor(struct replica *r, uint64_t hlc, int64_t now_ms)
{
    if (hlc > r->last_hlc &&
        hlc_ms(hlc) <= replica_now(r, now_ms) + FUTURE_MS_MAX) {
        r->last_hlc = hlc;
    }
}

/* --- taking a changeset -------------------------------------------------- */

bool slot_is_of_all(const struct slot *slot)
{
    /* head: u16 class, u8 scope kind */
    return slot->head.len > 2 && slot->head.data[2] == SCOPE_ALL;
}

static void count_leaves(struct registry *registry, struct origin *o,
                         const struct changeset *cs)
{
    struct slice site;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form != SLOT_VISIBLE) {
            continue;
        }
        struct hash leaf = changeset_leaf_hash(cs, i);
        leaf_sum_add(&o->held, &leaf);
        if (slot_is_of_all(&cs->slots[i])) {
            leaf_sum_add(&o->all, &leaf);
        } else if (addressed_to(registry, &o->node, &cs->slots[i], &site)) {
            registry_count_addressed(registry, site, &leaf, false);
        }
    }
    o->changed = true;
}

void replica_advance(struct origin *o, const struct changeset_header *h,
                     const struct hash *hash)
{
    if (o->head_seq != 0 && h->hlc <= o->head_hlc) {
        return;
    }
    o->head_seq = h->seq;
    o->head_incarnation = h->incarnation;
    o->head_hash = *hash;
    o->head_hlc = h->hlc;
    o->changed = true;
}

int replica_take(struct replica *r, struct incoming *in, struct err *e)
{
    const struct changeset_header *h = &in->changeset->header;
    const struct arrival arrival = {
        .changeset = in->changeset,
        .packed = in->packed,
        .hash = changeset_hash(h),
        .origin_no = in->origin->no,
        .from_no = in->from_no,
        .again = in->again,
        .voided =
            standing_of(registry_standing(r->merger.registry), h) == STAND_VOID,
    };
    uint64_t position = 0;
    int rc = journal_append(r->db, &arrival, &position, e);
    if (rc != 0) {
        changeset_destroy(&in->changeset);
        return rc;
    }
    if (!arrival.voided) {
        count_leaves(r->merger.registry, in->origin, in->changeset);
        replica_advance(in->origin, h, &arrival.hash);
    }
    batch_add(r->batch, &r->merger, &in->changeset, position, in->source);
    return 0;
}

/* --- open and close ------------------------------------------------------ */

void replica_close(struct replica **r_p)
{
    struct replica *r = *r_p;
    if (r == NULL) {
        return;
    }
    batch_destroy(&r->batch);
    registry_destroy(&r->merger.registry);
    projector_destroy(&r->merger.projector);
    packer_destroy(&r->merger.packer);
    manifest_destroy(&r->manifest);
    database_close(&r->rules); /* the node's is the last to close the file */
    database_close(&r->db);
    if (r->enrolled) {
        message_clear(&r->grant);
    }
    keys_wipe(&r->keys);
    free(r->path);
    free(r->scratch);
    free(r->starts);
    free(r);
    *r_p = NULL;
}

static bool blob_hash(sqlite3_stmt *stmt, int at, struct hash *ret)
{
    if (sqlite3_column_bytes(stmt, at) != HASH_BYTES) {
        return false;
    }
    memcpy(ret->bytes, sqlite3_column_blob(stmt, at), HASH_BYTES);
    return true;
}

static void copy_text(sqlite3_stmt *stmt, int at, char *out, size_t out_bytes)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);
    size_t len = text == NULL ? 0 : (size_t)sqlite3_column_bytes(stmt, at);
    len = len < out_bytes ? len : out_bytes - 1;
    memcpy(out, text == NULL ? (const unsigned char *)"" : text, len);
    out[len] = '\0';
}

int replica_load_self(struct replica *r, struct err *e)
{
    static const char sql[] =
        "SELECT network, node, site_id, time_zone, certificate, parent,"
        " parent_address, journal, enrolment FROM sync_self";
    struct replica_self *self = &r->self;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc != 1) {
        return rc < 0 ? rc
                      : err_set(e, ERR_CORRUPT,
                                "sync_self is empty; the home "
                                "was not made to the end");
    }
    bool sound =
        blob_hash(stmt, 0, &self->network) && blob_hash(stmt, 1, &self->node);
    copy_text(stmt, 2, self->site, sizeof self->site);
    copy_text(stmt, 3, self->time_zone, sizeof self->time_zone);
    self->certificate = (uint64_t)sqlite3_column_int64(stmt, 4);
    self->has_parent = sqlite3_column_type(stmt, 5) != SQLITE_NULL;
    sound = sound && (!self->has_parent || blob_hash(stmt, 5, &self->parent));
    copy_text(stmt, 6, self->parent_address, sizeof self->parent_address);
    self->journal = (uint64_t)sqlite3_column_int64(stmt, 7);
    if (sqlite3_column_type(stmt, 8) != SQLITE_NULL) {
        r->enrolled = message_decode(database_column(stmt, 8).bytes, &r->grant,
                                     NULL) == 0;
        sound = sound && r->enrolled && r->grant.kind == MESSAGE_GRANT;
    }
    sqlite3_reset(stmt);
    return sound ? load_changing(r, e)
                 : err_set(e, ERR_CORRUPT, "sync_self is damaged");
}

int replica_check_keys(const struct replica *r, struct err *e)
{
    struct hash node = keys_node(r->keys.sign_public);
    if (!hash_equal(&node, &r->self.node)) {
        char name[HASH_SHORT_BYTES];
        hash_print_short(&r->self.node, name);
        return err_set(e, ERR_CONFIG,
                       "the replica belongs to node %s and the keys to "
                       "another; put back the keys of this home",
                       name);
    }
    return 0;
}

int replica_open_parts(struct replica *r, struct err *e)
{
    r->merger = (struct merger){
        .db = r->db,
        .journal = r->db,
        .manifest = r->manifest,
        .packer = packer_new(),
        .projector = projector_new(r->db),
        .network = &r->self.network,
        .touched = true, /* as far as is known before the first look */
    };
    r->batch = batch_new();
    r->returned = true; /* as far as is known before the first look */
    r->self.schema_version = schema_version(r->schema);
    int rc = registry_load(r->db, r->merger.packer, &r->self.network,
                           r->enrolled ? &r->grant.as.grant : NULL,
                           &r->merger.registry, e);
    return rc == 0 ? replica_draw_incarnation(r, e) : rc;
}

static char *scratch_beside(const char *path)
{
    static const char end[] = ".scrub";
    size_t len = strlen(path);
    char *scratch = malloc(len + sizeof end);
    if (scratch == NULL) {
        abort();
    }
    memcpy(scratch, path, len);
    memcpy(scratch + len, end, sizeof end);
    return scratch;
}

int replica_check_certificate(const struct replica *r, struct err *e)
{
    return registry_certificate(r->merger.registry, &r->self.node,
                                r->self.certificate) != NULL
               ? 0
               : err_set(e, ERR_CORRUPT,
                         "the journal lacks this node's own certificate");
}

/* What a tool needs: the daemon alone upgrades, because another one may run. */
static int look(struct replica *r, struct err *e)
{
    uint32_t version = 0;
    int rc = schema_of(r->db, r->schema, &version, e);
    if (rc == 0 && version != schema_version(r->schema)) {
        rc = err_set(e, ERR_VERSION,
                     "the replica has schema %u and this program %u; start "
                     "the node with this program once, which upgrades it",
                     (unsigned)version, (unsigned)schema_version(r->schema));
    }
    if (rc == 0) {
        rc = replica_load_self(r, e);
    }
    if (rc == 0 && !r->reader) {
        rc = replica_check_keys(r, e);
    }
    if (rc == 0) {
        rc = manifest_load_lived_in(r->db, &r->manifest, e);
    }
    if (rc == 0) {
        rc = replica_open_parts(r, e);
    }
    return rc == 0 ? replica_check_certificate(r, e) : rc;
}

int replica_open(const char *path, const struct keys *keys,
                 const struct replica_start *start, struct replica **ret,
                 struct err *e)
{
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) {
        abort();
    }
    r->keys = *keys;
    r->rows_max = APPLY_ROWS_MAX;
    r->scratch = scratch_beside(path);
    r->path = strdup(path);
    r->schema = start != NULL ? start->schema : &schema_embedded;
    int rc = database_open(path, DATABASE_NODE, DATABASE_EXISTING, &r->db, e);
    if (rc == 0) {
        rc = start != NULL && !start->as_tool ? replica_start(r, start, e)
                                              : look(r, e);
    }
    if (rc != 0) {
        replica_close(&r);
        return rc;
    }
    *ret = r;
    return 0;
}

int replica_open_reader(const char *path, const char *scratch,
                        struct replica **ret, struct err *e)
{
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) {
        abort();
    }
    r->reader = true;
    r->scratch = scratch == NULL ? NULL : strdup(scratch);
    r->schema = &schema_embedded;
    int rc = database_open(path, DATABASE_READER, DATABASE_EXISTING, &r->db, e);
    if (rc == 0) {
        rc = database_begin_read(r->db, e);
    }
    if (rc == 0) {
        rc = look(r, e);
    }
    if (rc != 0) {
        replica_close(&r);
        return rc;
    }
    *ret = r;
    return 0;
}

const struct replica_self *replica_self(const struct replica *r)
{
    return &r->self;
}

const struct manifest *replica_manifest(const struct replica *r)
{
    return r->manifest;
}

int replica_disturbed(struct replica *r, bool *ret, struct err *e)
{
    uint32_t version = 0;
    int rc = database_data_version(r->db, &version, e);
    if (rc == 0) {
        *ret = version != r->data_version;
        r->data_version = version;
    }
    return rc;
}

int replica_checkpoint(struct replica *r, bool *ret_busy, struct err *e)
{
    return database_checkpoint(r->db, ret_busy, e);
}

/* --- neighbours ---------------------------------------------------------- */

const char *replica_site_of(const struct replica *r, const struct hash *node)
{
    const struct certificate *c = registry_current(r->merger.registry, node);
    return c == NULL ? "unknown node" : c->site;
}

static int load_peer(struct replica *r, struct peer *peer, struct err *e)
{
    static const char sql[] =
        "SELECT journal, position, acked, start, lost_until, lost_start,"
        " position - coalesce(again, position)"
        " FROM sync_peer WHERE node = ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, peer->node.bytes, HASH_BYTES, SQLITE_STATIC);
    rc = database_step(r->db, stmt, e);
    if (rc == 1) {
        peer->have.journal = (uint64_t)sqlite3_column_int64(stmt, 0);
        peer->have.position = (uint64_t)sqlite3_column_int64(stmt, 1);
        peer->acked = (uint64_t)sqlite3_column_int64(stmt, 2);
        peer->have.start = (uint64_t)sqlite3_column_int64(stmt, 3);
        peer->lost_until = (uint64_t)sqlite3_column_int64(stmt, 4);
        peer->lost_start = (uint64_t)sqlite3_column_int64(stmt, 5);
        peer->again = (uint64_t)sqlite3_column_int64(stmt, 6);
        sqlite3_reset(stmt);
        rc = 0;
    }
    return rc;
}

/* Until class keys exist every neighbour must be cleared for every class that
 * this node is, because nothing could be sealed for it. A class that came with
 * an upgrade is nobody's until certificates have it (renew.c). */
static int check_classes(const struct replica *r, const struct certificate *c,
                         struct err *e)
{
    const struct certificate *own =
        registry_current(r->merger.registry, &r->self.node);
    for (size_t i = 0; i < own->may_read.count; i++) {
        uint16_t class_id = own->may_read.numbers[i];
        if (!number_list_has(&c->may_read, class_id)) {
            return err_set(e, ERR_CLASS,
                           "site %s may not read class %u and this version "
                           "cannot seal it; give it a certificate that reads "
                           "every class",
                           c->site, (unsigned)class_id);
        }
    }
    return 0;
}

static enum neighbour neighbour_of(const struct replica *r,
                                   const struct certificate *c)
{
    if (hash_equal(&c->node, &r->self.node)) {
        return NEIGHBOUR_NONE;
    }
    if (r->self.has_parent && hash_equal(&c->node, &r->self.parent)) {
        return NEIGHBOUR_PARENT;
    }
    return hash_equal(&c->parent, &r->self.node) ? NEIGHBOUR_CHILD
                                                 : NEIGHBOUR_NONE;
}

static int peer_of(struct replica *r, const struct certificate *c,
                   struct peer *ret, struct err *e)
{
    *ret = (struct peer){.neighbour = NEIGHBOUR_NONE};
    if (c == NULL) {
        return 0;
    }
    ret->neighbour = neighbour_of(r, c);
    ret->node = c->node;
    memcpy(ret->site, c->site, sizeof ret->site);
    memcpy(ret->curve_public, c->curve_public, KEY_PUBLIC_BYTES);
    if (ret->neighbour == NEIGHBOUR_NONE) {
        return 0;
    }
    int rc = check_classes(r, c, e);
    return rc == 0 ? load_peer(r, ret, e) : rc;
}

int replica_peer_of_curve(struct replica *r,
                          const uint8_t curve[KEY_PUBLIC_BYTES],
                          struct peer *ret, struct err *e)
{
    return peer_of(r, registry_of_curve(r->merger.registry, curve), ret, e);
}

int replica_parent(struct replica *r, struct peer *ret, struct err *e)
{
    if (!r->self.has_parent) {
        return err_set(e, ERR_STATE, "the root has no parent");
    }
    return peer_of(r, registry_current(r->merger.registry, &r->self.parent),
                   ret, e);
}

int replica_acked(struct replica *r, const struct hash *peer, uint64_t position,
                  struct err *e)
{
    static const char *const sql[] = {
        "INSERT INTO sync_peer(node, acked) VALUES(?1, ?2)"
        " ON CONFLICT(node) DO UPDATE SET acked = excluded.acked"
        " WHERE acked <> excluded.acked",
        "DELETE FROM sync_barred_there WHERE node = ?1 AND position > ?2",
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof sql / sizeof sql[0]; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, sql[i], &stmt, e);
        if (rc == 0) {
            sqlite3_bind_blob(stmt, 1, peer->bytes, HASH_BYTES, SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 2, (int64_t)position);
            rc = database_done(r->db, stmt, e);
        }
    }
    return rc;
}

int replica_note_peer(struct replica *r, const struct hash *peer,
                      const struct peer_note *note, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_peer(node, heard_ms, synced_ms, offset_ms, says)"
        " VALUES(:node, :now, iif(:synced, :now, NULL),"
        " iif(:greeted, :offset, NULL), :says)"
        " ON CONFLICT(node) DO UPDATE SET heard_ms = :now,"
        " synced_ms = iif(:synced, :now, synced_ms),"
        " offset_ms = iif(:greeted, :offset, offset_ms), says = :says";
    struct value node = value_blob(peer->bytes, HASH_BYTES);
    struct value now = value_integer(note->now_ms);
    struct value synced = value_integer(note->synced);
    struct value greeted = value_integer(note->greeted);
    struct value offset = value_integer(note->offset_ms);
    struct value says = value_text(note->says);
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":node", &node);
    database_bind(stmt, ":now", &now);
    database_bind(stmt, ":synced", &synced);
    database_bind(stmt, ":greeted", &greeted);
    database_bind(stmt, ":offset", &offset);
    database_bind(stmt, ":says", &says);
    return database_done(r->db, stmt, e);
}
