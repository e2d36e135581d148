/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/instant.h"
#include "store/parts.h"

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* --- certificates -------------------------------------------------------- */

void replica_certificate_for(const struct replica *r, const struct keys *keys,
                             const char *site, struct certificate *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->node = keys_node(keys->sign_public);
    memcpy(ret->sign_public, keys->sign_public, KEY_PUBLIC_BYTES);
    memcpy(ret->box_public, keys->box_public, KEY_PUBLIC_BYTES);
    memcpy(ret->curve_public, keys->curve_public, KEY_PUBLIC_BYTES);
    ret->parent = r->self.node;
    memcpy(ret->site, site, strlen(site) + 1);
    ret->all_tables = true;
    for (size_t i = 0; i < r->manifest->class_count; i++) {
        ret->may_read.numbers[i] = r->manifest->classes[i];
        ret->may_grant.numbers[i] = r->manifest->classes[i];
    }
    ret->may_read.count = r->manifest->class_count;
    ret->may_grant.count = r->manifest->class_count;
}

int replica_sign_certificate(struct replica *r, const struct certificate *c,
                             int64_t now_ms, struct err *e)
{
    static const uint8_t all[] = {SCOPE_ALL, 0, 0, 0, 0};
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct bytes key = {0};
    struct bytes body = {0};
    struct tally tally = {0};
    if (leaf == NULL) {
        abort();
    }
    certificate_leaf(c, &memory, leaf);
    leaf_encode_key(leaf, &key);
    leaf_encode_body(leaf, &body);
    struct draft draft = {
        .class_id = CLASS_CONTROL,
        .scope = {.kind = SCOPE_ALL},
        .scope_bytes = {.data = all, .len = sizeof all},
        .table = TABLE_CERTIFICATE,
        .key = slice_of(&key),
        .body = slice_of(&body),
    };
    int rc = replica_sign(r, &draft, 1, now_ms, now_ms, e);
    if (rc > 0) {
        rc = batch_merge(r->batch, &r->merger, &tally, e);
    }
    free(leaf);
    bytes_free(&memory);
    bytes_free(&key);
    bytes_free(&body);
    return rc;
}

/* --- the chain that a grant carries -------------------------------------- */

struct chain {
    struct replica *r;
    struct message *message;
    struct leaf leaf;
};

/* The leaf of a certificate in a changeset, or -1. */
static int leaf_of(struct chain *chain, const struct changeset *cs,
                   const struct certificate *c)
{
    uint8_t serial[8];
    be64_put(serial, c->serial);
    struct value key = value_blob(serial, sizeof serial);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_VISIBLE &&
            leaf_decode(slot->head, slot->body, &chain->leaf, NULL) == 0 &&
            chain->leaf.table == TABLE_CERTIFICATE &&
            value_equal(&chain->leaf.key[0], &key)) {
            return (int)i;
        }
    }
    return -1;
}

/* Appends the changeset with only that leaf shown. */
static int append(struct chain *chain, const struct changeset *cs, int leaf,
                  const struct delivery *d, const struct hash *origin,
                  struct err *e)
{
    bool keep[LEAVES_MAX] = {false};
    struct changeset *fewer = NULL;
    struct grant *grant = &chain->message->as.grant;
    keep[leaf] = true;
    int rc = changeset_withhold(cs, keep, &fewer, e);
    if (rc != 0) {
        return rc;
    }
    struct travelling *t = &grant->chain[grant->count++];
    travelling_of(d, origin, t);
    size_t before = chain->message->memory.len;
    packer_pack(chain->r->merger.packer, fewer, &chain->message->memory);
    /* by offset until the memory has stopped moving */
    t->leaves = (struct slice){
        .data = NULL,
        .len = chain->message->memory.len - before,
    };
    changeset_destroy(&fewer);
    return 0;
}

/* Finds the delivery that carries a certificate and appends it. */
static int append_certificate(struct chain *chain, const struct certificate *c,
                              struct err *e)
{
    struct replica *r = chain->r;
    struct delivery d = {0};
    bool found = false;
    int rc;
    while (!found &&
           (rc = journal_next(r->db, d.position, REACH_CONTROL, &d, e)) == 1) {
        const struct origin *o =
            registry_origin_no(r->merger.registry, d.origin_no);
        struct changeset *cs = NULL;
        if (o == NULL || !hash_equal(&o->node, &c->parent)) {
            continue;
        }
        rc = journal_open(r->merger.packer, &r->self.network, &o->node, &d, &cs,
                          e);
        if (rc != 0) {
            return rc;
        }
        int leaf = leaf_of(chain, cs, c);
        found = leaf >= 0;
        rc = found ? append(chain, cs, leaf, &d, &o->node, e) : 0;
        changeset_destroy(&cs);
        if (rc != 0) {
            return rc;
        }
    }
    if (found) {
        return 0;
    }
    return rc < 0 ? rc
                  : err_set(e, ERR_BUSY,
                            "the certificate of site %s has not come down "
                            "yet; try again when this node has synced",
                            c->site);
}

static void settle(struct message *m)
{
    size_t at = 0;
    for (size_t i = 0; i < m->as.grant.count; i++) {
        m->as.grant.chain[i].leaves.data = m->memory.data + at;
        at += m->as.grant.chain[i].leaves.len;
    }
}

/* Certificates from the root down to `c`. */
static int make_grant(struct replica *r, const struct certificate *c,
                      struct message *ret, struct err *e)
{
    const struct certificate *path[TREE_DEPTH_MAX + 1] = {c};
    const struct registry *registry = r->merger.registry;
    size_t count = 1;
    while (!registry_is_root(registry, &path[count - 1]->node)) {
        assert(count <= TREE_DEPTH_MAX); /* it was admitted */
        path[count] = registry_current(registry, &path[count - 1]->parent);
        assert(path[count] != NULL);
        count++;
    }
    *ret = (struct message){.kind = MESSAGE_GRANT};
    ret->as.grant = (struct grant){
        .parent = r->self.node,
        .certificate = c->serial,
        .schema_version = r->self.schema_version,
        .chain = calloc(count, sizeof *ret->as.grant.chain),
    };
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL || ret->as.grant.chain == NULL) {
        abort();
    }
    chain->r = r;
    chain->message = ret;
    int rc = 0;
    for (size_t i = count; rc == 0 && i > 0; i--) {
        rc = append_certificate(chain, path[i - 1], e);
    }
    free(chain);
    if (rc != 0) {
        message_clear(ret);
        return rc;
    }
    settle(ret);
    return 0;
}

/* --- invites ------------------------------------------------------------- */

struct invite_row {
    char site[SITE_BYTES_MAX + 1];
    bool may_enrol;
    int64_t expires_ms;
    char state[16];
    bool spent_by_someone;
    struct hash spent_by;
    uint64_t certificate;
};

static int find_invite(struct replica *r, const uint8_t *curve,
                       struct invite_row *ret, struct err *e)
{
    static const char sql[] =
        "SELECT site_id, may_enrol, expires_ms, state, node, certificate"
        " FROM local_invite WHERE curve_public = ?1";
    sqlite3_stmt *stmt;
    *ret = (struct invite_row){0};
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, curve, KEY_PUBLIC_BYTES, SQLITE_STATIC);
    rc = database_step(r->db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc : err_set(e, ERR_UNKNOWN, "there is no such invite");
    }
    struct value site = database_column(stmt, 0);
    struct value state = database_column(stmt, 3);
    struct value node = database_column(stmt, 4);
    bool sound =
        site.bytes.len <= SITE_BYTES_MAX && state.bytes.len < sizeof ret->state;
    if (sound) {
        memcpy(ret->site, site.bytes.data, site.bytes.len);
        memcpy(ret->state, state.bytes.data, state.bytes.len);
    }
    ret->may_enrol = sqlite3_column_int(stmt, 1) != 0;
    ret->expires_ms = sqlite3_column_int64(stmt, 2);
    ret->certificate = (uint64_t)sqlite3_column_int64(stmt, 5);
    if (node.bytes.len == HASH_BYTES) {
        ret->spent_by_someone = true;
        memcpy(ret->spent_by.bytes, node.bytes.data, HASH_BYTES);
    }
    sqlite3_reset(stmt);
    return sound ? 0 : err_set(e, ERR_INPUT, "the invite is not well formed");
}

static int spend(struct replica *r, const struct enrol_request *request,
                 const struct certificate *c, struct err *e)
{
    static const char sql[] =
        "UPDATE local_invite SET state = 'spent', node = ?2, certificate = ?3"
        " WHERE curve_public = ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, request->invite_curve, KEY_PUBLIC_BYTES,
                      SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, c->node.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (int64_t)c->serial);
    return database_done(r->db, stmt, e);
}

/* The keys of a request as a key set with no secrets. */
static struct keys keys_of(const struct enrol_request *request)
{
    struct keys keys = {0};
    memcpy(keys.sign_public, request->sign_public, KEY_PUBLIC_BYTES);
    memcpy(keys.box_public, request->box_public, KEY_PUBLIC_BYTES);
    memcpy(keys.curve_public, request->curve_public, KEY_PUBLIC_BYTES);
    return keys;
}

/* The keys of another node are public; they open nothing here. */
static int check_keys_are_new(const struct replica *r, const struct keys *keys,
                              struct err *e)
{
    struct hash node = keys_node(keys->sign_public);
    const struct certificate *holder =
        registry_of_curve(r->merger.registry, keys->curve_public);
    bool taken = holder != NULL && !hash_equal(&holder->node, &node);
    if (taken || registry_current(r->merger.registry, &node) != NULL) {
        return err_set(e, ERR_FORBIDDEN,
                       "another node of the network has one of these keys; "
                       "join with new ones");
    }
    return 0;
}

/* Spends the invite: the certificate and the mark, in one transaction. */
static int issue(struct replica *r, const struct enrol_request *request,
                 const struct invite_row *invite, int64_t now_ms,
                 uint64_t *ret_serial, struct err *e)
{
    struct keys keys = keys_of(request);
    struct certificate c;
    replica_certificate_for(r, &keys, invite->site, &c);
    while (c.serial == 0) {
        randombytes_buf(&c.serial, sizeof c.serial);
    }
    c.may_enrol = invite->may_enrol;
    if (!c.may_enrol) {
        c.may_grant.count = 0;
    }
    *ret_serial = c.serial;
    int rc = check_keys_are_new(r, &keys, e);
    if (rc == 0) {
        rc = registry_admit(r->merger.registry, &r->self.node, &c, e);
    }
    if (rc == 0) {
        rc = replica_sign_certificate(r, &c, now_ms, e);
    }
    return rc == 0 ? spend(r, request, &c, e) : rc;
}

static int say_expired(const struct invite_row *invite, int64_t now_ms,
                       struct err *e)
{
    char expires[INSTANT_TEXT_BYTES];
    char now[INSTANT_TEXT_BYTES];
    instant_print(invite->expires_ms, expires);
    instant_print(now_ms, now);
    return err_set(e, ERR_EXPIRED,
                   "the invite for site %s expired at %s and the clock here "
                   "says %s; ask for another",
                   invite->site, expires, now);
}

/* A second request is the first one come again, or someone else. */
static int check_invite(const struct invite_row *invite,
                        const struct hash *node, int64_t now_ms, struct err *e)
{
    if (strcmp(invite->state, "spent") == 0) {
        bool again =
            invite->spent_by_someone && hash_equal(&invite->spent_by, node);
        return again ? 0
                     : err_set(e, ERR_SPENT,
                               "the invite for site %s was used already; ask "
                               "for another",
                               invite->site);
    }
    if (invite->expires_ms <= now_ms || strcmp(invite->state, "expired") == 0) {
        return say_expired(invite, now_ms, e);
    }
    if (strcmp(invite->state, "open") != 0) {
        return err_set(e, ERR_STATE, "the invite for site %s is not open",
                       invite->site);
    }
    return 0;
}

static int check_request(const struct replica *r,
                         const struct enrol_request *request, struct err *e)
{
    if (!hash_equal(&request->network, &r->self.network)) {
        return err_set(e, ERR_NETWORK, "the invite is of another network");
    }
    return enrol_request_verify(request, e);
}

int replica_enrol(struct replica *r, const struct enrol_request *request,
                  int64_t now_ms, struct message *ret, struct err *e)
{
    struct invite_row invite;
    struct hash node = keys_node(request->sign_public);
    int rc = check_request(r, request, e);
    if (rc == 0) {
        rc = replica_begin(r, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = find_invite(r, request->invite_curve, &invite, e);
    if (rc == 0) {
        rc = check_invite(&invite, &node, now_ms, e);
    }
    uint64_t serial = invite.certificate;
    if (rc == 0 && strcmp(invite.state, "spent") != 0) {
        rc = issue(r, request, &invite, now_ms, &serial, e);
    }
    const struct certificate *c =
        rc == 0 ? registry_certificate(r->merger.registry, &node, serial)
                : NULL;
    if (rc == 0) {
        rc = c == NULL ? err_set(e, ERR_UNKNOWN,
                                 "the certificate of the invite is lost")
                       : make_grant(r, c, ret, e);
    }
    bool made = rc == 0;
    rc = replica_end(r, rc, e);
    if (rc != 0 && made) {
        message_clear(ret);
    }
    return rc;
}

/* --- opening ------------------------------------------------------------- */

/* Who may be invited: a site of the register, by a node that may enrol. */
static int open_invites(struct replica *r, int64_t now_ms, struct err *e)
{
    static const char expire[] =
        "UPDATE local_invite SET state = 'expired'"
        " WHERE state IN ('asked', 'open') AND expires_ms <= ?1";
    static const char refuse[] = "UPDATE local_invite SET state = 'refused',"
                                 " says = 'this node may not enrol others'"
                                 " WHERE state = 'asked' AND ?1 = 0";
    static const char unknown[] =
        "UPDATE local_invite SET state = 'refused',"
        " says = 'there is no such site in ref_site'"
        " WHERE state = 'asked' AND length(curve_public) = 32"
        " AND NOT EXISTS(SELECT 1 FROM ref_site"
        "  WHERE ref_site.site_id = local_invite.site_id)";
    static const char open[] =
        "UPDATE local_invite SET state = 'open'"
        " WHERE state = 'asked' AND length(curve_public) = 32";
    const struct certificate *own = registry_certificate(
        r->merger.registry, &r->self.node, r->self.certificate);
    const struct step {
        const char *sql;
        int64_t number;
    } steps[] = {
        {expire, now_ms}, {refuse, own->may_enrol}, {unknown, 0}, {open, 0}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof steps[0]; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, steps[i].sql, &stmt, e);
        if (rc == 0) {
            (void)sqlite3_bind_int64(stmt, 1, steps[i].number);
            rc = database_done(r->db, stmt, e);
        }
    }
    return rc;
}

static int read_invites(struct replica *r, int64_t now_ms,
                        uint8_t (**ret)[KEY_PUBLIC_BYTES], size_t *ret_count,
                        struct err *e)
{
    /* spent ones too: the answer may have been lost on the way; and those
     * that are past, for a while, because a door that stays shut says nothing.
     * What opens is asked first, should there be too many. */
    static const char sql[] =
        "SELECT curve_public FROM local_invite"
        " WHERE state IN ('open', 'spent', 'expired') AND expires_ms > ?1"
        " ORDER BY state = 'open' DESC, expires_ms DESC";
    uint8_t(*keys)[KEY_PUBLIC_BYTES] = NULL;
    size_t count = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, now_ms - INVITE_GRACE_DAYS * day_ms);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        struct value key = database_column(stmt, 0);
        if (key.bytes.len != KEY_PUBLIC_BYTES || count >= NODES_MAX) {
            continue;
        }
        keys = realloc(keys, (count + 1) * sizeof *keys);
        if (keys == NULL) {
            abort();
        }
        memcpy(keys[count++], key.bytes.data, KEY_PUBLIC_BYTES);
    }
    if (rc < 0) {
        free(keys);
        return rc;
    }
    *ret = keys;
    *ret_count = count;
    return 0;
}

static int any_asked(struct replica *r, int64_t now_ms, bool *ret,
                     struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM local_invite WHERE state = 'asked'"
        " OR (state = 'open' AND expires_ms <= ?1) LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, now_ms);
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1;
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

int replica_invites(struct replica *r, int64_t now_ms,
                    uint8_t (**ret)[KEY_PUBLIC_BYTES], size_t *ret_count,
                    struct err *e)
{
    bool asked = false;
    int rc = any_asked(r, now_ms, &asked, e);
    if (rc == 0 && asked) {
        rc = replica_begin(r, e);
        if (rc == 0) {
            rc = replica_end(r, open_invites(r, now_ms, e), e);
        }
    }
    return rc == 0 ? read_invites(r, now_ms, ret, ret_count, e) : rc;
}
