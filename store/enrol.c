/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/instant.h"
#include "store/parts.h"

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
    const struct certificate *own =
        registry_current(r->merger.registry, &r->self.node);
    if (own != NULL) {
        ret->may_grant = own->may_grant;
    } else { /* the root founds the network */
        ret->may_grant.count = r->manifest->class_count;
        memcpy(ret->may_grant.numbers, r->manifest->classes,
               ret->may_grant.count * sizeof ret->may_grant.numbers[0]);
    }
    ret->may_read = ret->may_grant;
}

int replica_sign_certificate(struct replica *r, const struct certificate *c,
                             int64_t now_ms, struct err *e)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    if (leaf == NULL) {
        abort();
    }
    certificate_leaf(c, &memory, leaf);
    int rc = replica_sign_control(r, leaf, now_ms, now_ms, e);
    free(leaf);
    bytes_free(&memory);
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
    if (grant->count == GRANT_CERTIFICATES_MAX) {
        return err_set(e, ERR_LIMIT, "a grant carries at most %d certificates",
                       GRANT_CERTIFICATES_MAX);
    }
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

/* All that a node ever had, because what it signed names one of them. */
static int append_node(struct chain *chain, const struct hash *node,
                       struct err *e)
{
    const struct registry *registry = chain->r->merger.registry;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < registry_certificate_count(registry);
         i++) {
        const struct certificate *c = registry_certificate_at(registry, i);
        if (hash_equal(&c->node, node)) {
            rc = append_certificate(chain, c, e);
        }
    }
    return rc;
}

/* Certificates from the root down to the node above `c`, and `c`. */
static int append_path(struct chain *chain, const struct certificate *c,
                       struct err *e)
{
    const struct hash *path[TREE_DEPTH_MAX + 1] = {&c->parent};
    const struct registry *registry = chain->r->merger.registry;
    size_t count = 1;
    int rc = 0;
    while (!registry_is_root(registry, path[count - 1])) {
        assert(count <= TREE_DEPTH_MAX); /* it was admitted */
        path[count] = &registry_current(registry, path[count - 1])->parent;
        count++;
    }
    for (size_t i = count; rc == 0 && i > 0; i--) {
        rc = append_node(chain, path[i - 1], e);
    }
    return rc == 0 ? append_certificate(chain, c, e) : rc;
}

static int make_grant(struct replica *r, const struct certificate *c,
                      struct message *ret, struct err *e)
{
    *ret = (struct message){.kind = MESSAGE_GRANT};
    ret->as.grant = (struct grant){
        .parent = r->self.node,
        .certificate = c->serial,
        .schema_version = r->self.schema_version,
        .chain = calloc(GRANT_CERTIFICATES_MAX, sizeof *ret->as.grant.chain),
    };
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL || ret->as.grant.chain == NULL) {
        abort();
    }
    chain->r = r;
    chain->message = ret;
    int rc = append_path(chain, c, e);
    free(chain);
    if (rc != 0) {
        message_clear(ret);
        return rc;
    }
    settle(ret);
    return 0;
}

/* --- invites ------------------------------------------------------------- */

/* The certificate that an invite was spent for has its serial from the
 * invite's key, which is as random as a serial must be: that it was spent is
 * in the journal, signed, and no edited row makes an invite fresh again. */
static uint64_t serial_of(const struct invite_row *row)
{
    return be64_get(row->curve_public);
}

static const struct certificate *certificate_of(const struct replica *r,
                                                const struct invite_row *row)
{
    const struct registry *registry = r->merger.registry;
    for (size_t i = 0; i < registry_certificate_count(registry); i++) {
        const struct certificate *c = registry_certificate_at(registry, i);
        if (c->serial == serial_of(row) &&
            hash_equal(&c->parent, &r->self.node)) {
            return c;
        }
    }
    return NULL;
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
    if (holder != NULL && !hash_equal(&holder->node, &node)) {
        return err_set(e, ERR_FORBIDDEN,
                       "another node of the network has one of these keys; "
                       "join with new ones");
    }
    if (registry_current(r->merger.registry, &node) != NULL) {
        return err_set(e, ERR_FORBIDDEN,
                       "the node with these keys is enrolled already; if it "
                       "has not joined, use the invite that enrolled it");
    }
    return 0;
}

/* Spends the invite: the certificate and the mark, in one transaction. */
static int issue(struct replica *r, const struct enrol_request *request,
                 const struct invite_row *invite, int64_t now_ms, struct err *e)
{
    struct keys keys = keys_of(request);
    struct certificate c;
    replica_certificate_for(r, &keys, invite->site, &c);
    c.serial = serial_of(invite);
    c.may_enrol = invite->may_enrol;
    if (!c.may_enrol) {
        c.may_grant.count = 0;
    }
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

/* May a node that has no certificate yet have one for this invite? */
static int check_fresh(const struct invitation *invite, int64_t now_ms,
                       struct err *e)
{
    if (invite->row.expires_ms <= now_ms ||
        strcmp(invite->state, "expired") == 0) {
        return say_expired(&invite->row, now_ms, e);
    }
    if (strcmp(invite->state, "open") != 0 || serial_of(&invite->row) == 0) {
        return err_set(e, ERR_STATE,
                       "the invite for site %s is not open; ask for another",
                       invite->row.site);
    }
    return 0;
}

/* The certificate of the invite for this node, signed now if the invite is
 * fresh. A second request is the first one come again, or someone else. */
static int certify(struct replica *r, const struct enrol_request *request,
                   const struct invitation *invite, int64_t now_ms,
                   const struct certificate **ret, struct err *e)
{
    struct hash node = keys_node(request->sign_public);
    const struct certificate *c = certificate_of(r, &invite->row);
    if (!invite->proved) {
        return err_set(e, ERR_FORBIDDEN,
                       "the invite was not made by this node, or was altered "
                       "since; ask for another");
    }
    if (c != NULL && !hash_equal(&c->node, &node)) {
        return err_set(e, ERR_SPENT,
                       "the invite for site %s was used already; ask for "
                       "another",
                       invite->row.site);
    }
    int rc = 0;
    if (c == NULL) {
        rc = check_fresh(invite, now_ms, e);
        if (rc == 0) {
            rc = issue(r, request, &invite->row, now_ms, e);
        }
        c = certificate_of(r, &invite->row);
    }
    *ret = c;
    return rc;
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
    struct invitation invite;
    const struct certificate *c = NULL;
    int rc = check_request(r, request, e);
    if (rc == 0) {
        rc = replica_begin(r, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = invitation_find(r, request->invite_curve, &invite, e);
    if (rc == 0) {
        rc = certify(r, request, &invite, now_ms, &c, e);
    }
    if (rc == 0) {
        assert(c != NULL); /* it was signed just now, if not before */
        rc = make_grant(r, c, ret, e);
    }
    bool made = rc == 0;
    rc = replica_end(r, rc, e);
    if (rc != 0 && made) {
        message_clear(ret);
    }
    return rc;
}
