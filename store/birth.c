/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* Everything a new replica is made from. */
struct birth {
    const struct replica_birth *facts;
    const struct keys *keys;
    const struct grant *grant; /* NULL at the root */
    int64_t now_ms;
    struct bytes today; /* text of the local day */
    struct replica *r;
};

static void bind_optional(sqlite3_stmt *stmt, const char *name,
                          const struct value *v, bool there)
{
    struct value none = {.type = VALUE_NULL};
    database_bind(stmt, name, there ? v : &none);
}

static void encode_grant(const struct grant *grant, struct bytes *out)
{
    struct message m = {.kind = MESSAGE_GRANT, .as = {.grant = *grant}};
    message_encode(&m, out);
}

static int insert_self(const struct birth *b, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_self(one, network, node, site_id, time_zone, today,"
        " certificate, parent, parent_address, enrolment, journal, last_hlc)"
        " VALUES(1, :network, :node, :site, :zone, :today, :certificate,"
        " :parent, :address, :enrolment, :journal, 0)";
    const struct replica_birth *facts = b->facts;
    struct hash node = keys_node(b->keys->sign_public);
    struct bytes grant = {0};
    uint64_t journal = 0;
    uint64_t serial = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(b->r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    while (journal == 0 || serial == 0) { /* 0 means "none" on the wire */
        randombytes_buf(&journal, sizeof journal);
        randombytes_buf(&serial, sizeof serial);
    }
    if (b->grant != NULL) {
        encode_grant(b->grant, &grant);
        serial = b->grant->certificate;
    }
    const struct value values[] = {
        value_blob(facts->network.bytes, HASH_BYTES),
        value_blob(node.bytes, HASH_BYTES),
        value_text(facts->site_id),
        value_text(facts->time_zone),
        value_integer((int64_t)serial),
        value_blob(facts->parent.bytes, HASH_BYTES),
        value_text(facts->parent_address),
        value_blob(grant.data, grant.len),
        value_integer((int64_t)journal),
        value_text((const char *)b->today.data),
    };
    database_bind(stmt, ":network", &values[0]);
    database_bind(stmt, ":node", &values[1]);
    database_bind(stmt, ":site", &values[2]);
    database_bind(stmt, ":zone", &values[3]);
    database_bind(stmt, ":certificate", &values[4]);
    bind_optional(stmt, ":parent", &values[5], facts->has_parent);
    database_bind(stmt, ":address", &values[6]);
    bind_optional(stmt, ":enrolment", &values[7], b->grant != NULL);
    database_bind(stmt, ":journal", &values[8]);
    database_bind(stmt, ":today", &values[9]);
    rc = database_done(b->r->db, stmt, e);
    bytes_free(&grant);
    return rc;
}

/* The root's first changeset: the certificate that founds the network. */
static int found(const struct birth *b, struct err *e)
{
    struct replica *r = b->r;
    struct certificate c;
    replica_certificate_for(r, b->keys, r->self.site, &c);
    c.serial = r->self.certificate;
    c.may_enrol = true;
    int rc = registry_admit(r->merger.registry, &r->self.node, &c, e);
    if (rc == 0) {
        rc = replica_sign_certificate(r, &c, b->now_ms, e);
    }
    return rc;
}

/* The grant must name us: our keys, our site, a chain up to the network's
 * root. registry_load() verified the chain. */
static int check_grant(const struct birth *b, struct err *e)
{
    const struct replica *r = b->r;
    const struct certificate *c = registry_certificate(
        r->merger.registry, &r->self.node, r->self.certificate);
    bool ours =
        c != NULL &&
        memcmp(c->box_public, b->keys->box_public, KEY_PUBLIC_BYTES) == 0 &&
        memcmp(c->curve_public, b->keys->curve_public, KEY_PUBLIC_BYTES) == 0 &&
        hash_equal(&c->parent, &r->self.parent) &&
        strcmp(c->site, r->self.site) == 0;
    return ours ? 0
                : err_set(e, ERR_FORBIDDEN,
                          "the grant is not for these keys and site %s",
                          r->self.site);
}

static int fill(const struct birth *b, struct err *e)
{
    struct replica *r = b->r;
    struct origin *own = NULL;
    const struct schema_site site = {
        .site_id = b->facts->site_id,
        .today = (const char *)b->today.data,
    };
    int rc = schema_upgrade(r->db, r->schema, &site, e);
    if (rc == 0) {
        rc = insert_self(b, e);
    }
    if (rc == 0) {
        rc = replica_load_self(r, e);
    }
    if (rc == 0) {
        rc = manifest_load(r->db, &r->manifest, e);
    }
    if (rc == 0) {
        rc = replica_open_parts(r, e);
    }
    if (rc == 0) {
        rc = registry_add_origin(r->merger.registry, r->db, &r->self.node, &own,
                                 e);
    }
    if (rc == 0) {
        rc = b->grant == NULL ? found(b, e) : check_grant(b, e);
    }
    if (rc == 0) {
        struct bytes names = {0};
        rc = replica_install_capture(r, r->manifest, &names, e);
        bytes_free(&names);
    }
    return rc;
}

void replica_remove(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[4096];
        int n = snprintf(name, sizeof name, "%s%s", path, ends[i]);
        if (n > 0 && (size_t)n < sizeof name) {
            (void)remove(name);
        }
    }
}

int replica_create(const char *path, const struct replica_birth *facts,
                   const struct keys *keys, const struct grant *grant,
                   int64_t now_ms, struct err *e)
{
    struct birth b = {
        .facts = facts,
        .keys = keys,
        .grant = grant,
        .now_ms = now_ms,
        .r = calloc(1, sizeof *b.r),
    };
    if (b.r == NULL) {
        abort();
    }
    b.r->keys = *keys;
    b.r->schema = facts->schema != NULL ? facts->schema : &schema_embedded;
    int rc = database_open(path, DATABASE_NODE, DATABASE_CREATE, &b.r->db, e);
    if (rc != 0) {
        replica_close(&b.r);
        return rc; /* the file was there before, or never came to be */
    }
    schema_today(facts->offsets, facts->offset_count, &b.today);
    rc = database_begin(b.r->db, e);
    if (rc == 0) {
        rc = fill(&b, e);
    }
    if (rc == 0) {
        rc = replica_commit(b.r, e);
    }
    if (rc != 0) {
        database_rollback(b.r->db);
    }
    replica_close(&b.r);
    bytes_free(&b.today);
    if (rc != 0) {
        replica_remove(path);
    }
    return rc;
}
