/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* Certificates for classes that an upgrade brought. They start at the root when
 * its schema has a class that its own certificate lacks, and come down the
 * tree: a node that was given a class gives it to its children, whatever its
 * own schema, so that an older one in between stops nothing
 * (docs/decisions/0009-upgrade-in-place.md). */

static bool has_all(const struct number_list *list,
                    const struct number_list *wanted)
{
    bool all = true;
    for (size_t i = 0; i < wanted->count; i++) {
        all = all && number_list_has(list, wanted->numbers[i]);
    }
    return all;
}

static const struct certificate *own_certificate(const struct replica *r)
{
    return registry_current(r->merger.registry, &r->self.node);
}

/* The same node, place and rights, for these classes. */
static int issue(struct replica *r, const struct certificate *held,
                 const struct number_list *classes, int64_t now_ms,
                 struct err *e)
{
    struct certificate c = *held;
    c.may_read = *classes;
    c.may_grant = c.may_enrol ? *classes : (struct number_list){0};
    do {
        randombytes_buf(&c.serial, sizeof c.serial);
    } while (c.serial == 0);
    int rc = registry_admit(r->merger.registry, &r->self.node, &c, e);
    return rc == 0 ? replica_sign_certificate(r, &c, now_ms, e) : rc;
}

static int renew_root(struct replica *r, int64_t now_ms, struct err *e)
{
    struct number_list classes = {.count = r->manifest->class_count};
    const struct certificate *own = own_certificate(r);
    memcpy(classes.numbers, r->manifest->classes,
           classes.count * sizeof classes.numbers[0]);
    return has_all(&own->may_grant, &classes)
               ? 0
               : issue(r, own, &classes, now_ms, e);
}

/* From now on this node signs under the newest certificate it has. */
static int adopt(struct replica *r, struct err *e)
{
    static const char sql[] = "UPDATE sync_self SET certificate = ?1";
    uint64_t serial = own_certificate(r)->serial;
    sqlite3_stmt *stmt;
    if (serial == r->self.certificate) {
        return 0;
    }
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)serial);
    rc = database_done(r->db, stmt, e);
    if (rc == 0) {
        r->self.certificate = serial;
    }
    return rc;
}

static int renew_children(struct replica *r, int64_t now_ms, struct err *e)
{
    const struct registry *registry = r->merger.registry;
    const struct number_list classes = own_certificate(r)->may_grant;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < registry_certificate_count(registry);
         i++) {
        const struct certificate *c = registry_certificate_at(registry, i);
        bool child = hash_equal(&c->parent, &r->self.node) &&
                     !hash_equal(&c->node, &r->self.node) &&
                     registry_current(registry, &c->node) == c;
        if (child && !has_all(&c->may_read, &classes)) {
            rc = issue(r, c, &classes, now_ms, e);
        }
    }
    return rc;
}

int replica_renew(struct replica *r, int64_t now_ms, struct err *e)
{
    bool root = registry_is_root(r->merger.registry, &r->self.node);
    int rc = root ? renew_root(r, now_ms, e) : 0;
    if (rc == 0) {
        rc = adopt(r, e);
    }
    return rc == 0 ? renew_children(r, now_ms, e) : rc;
}
