/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/control.h"

/* An origin as it is, first, and as it was at the mark. */
struct entry {
    struct origin now;
    struct origin marked;
};

/* What the root addressed to one site. */
struct said {
    struct leaf_sum held;
    uint64_t from; /* registry_repeat_addressed() */
};
struct addressed {
    char site[SITE_BYTES_MAX + 1];
    struct said now;
    struct said marked;
    bool changed; /* since the mark */
};

struct member {
    struct hash node;
    struct hash parent;
    size_t certificates;
};

struct registry {
    struct hash network;
    struct entry **origins; /* each allocated alone: stamps point at them */
    size_t origin_count;
    size_t origin_cap;
    struct certificate **certificates; /* in order of arrival */
    size_t certificate_count;
    size_t certificate_cap;
    struct member *members; /* those that have one; owned */
    size_t member_count;
    size_t member_cap;
    struct addressed **addressed;
    size_t addressed_count;
    size_t addressed_cap;
    /* at the mark; what came later stands behind it */
    size_t marked_origins;
    size_t marked_certificates;
    size_t marked_addressed;
    struct standing *standing;
};

/* Room for one more in a list of pointers. */
static void *grow(void *list, size_t count, size_t *cap)
{
    if (count < *cap) {
        return list;
    }
    *cap = *cap == 0 ? 16 : *cap * 2;
    void *grown = realloc(list, *cap * sizeof(void *));
    if (grown == NULL) {
        abort();
    }
    return grown;
}

static struct member *member_of(const struct registry *r,
                                const struct hash *node)
{
    for (size_t i = 0; i < r->member_count; i++) {
        if (hash_equal(&r->members[i].node, node)) {
            return &r->members[i];
        }
    }
    return NULL;
}

static struct member *new_member(struct registry *r)
{
    if (r->member_count == r->member_cap) {
        r->member_cap = r->member_cap == 0 ? 16 : r->member_cap * 2;
        r->members = realloc(r->members, r->member_cap * sizeof r->members[0]);
        if (r->members == NULL) {
            abort();
        }
    }
    return &r->members[r->member_count++];
}

void registry_destroy(struct registry **r)
{
    if (*r == NULL) {
        return;
    }
    for (size_t i = 0; i < (*r)->origin_count; i++) {
        free((*r)->origins[i]);
    }
    for (size_t i = 0; i < (*r)->certificate_count; i++) {
        free((*r)->certificates[i]);
    }
    for (size_t i = 0; i < (*r)->addressed_count; i++) {
        free((*r)->addressed[i]);
    }
    free((*r)->origins);
    free((*r)->certificates);
    free((*r)->members);
    free((*r)->addressed);
    standing_destroy(&(*r)->standing);
    free(*r);
    *r = NULL;
}

/* --- origins ------------------------------------------------------------- */

struct origin *registry_origin(const struct registry *r,
                               const struct hash *node)
{
    for (size_t i = 0; i < r->origin_count; i++) {
        if (hash_equal(&r->origins[i]->now.node, node)) {
            return &r->origins[i]->now;
        }
    }
    return NULL;
}

struct origin *registry_origin_no(const struct registry *r, uint32_t no)
{
    /* numbers are given in order from 1 */
    if (no == 0 || no > r->origin_count) {
        return NULL;
    }
    return &r->origins[no - 1]->now;
}

size_t registry_origin_count(const struct registry *r)
{
    return r->origin_count;
}

struct origin *registry_origin_at(const struct registry *r, size_t index)
{
    return &r->origins[index]->now;
}

static struct origin *append_origin(struct registry *r)
{
    struct entry *added = calloc(1, sizeof *added);
    if (added == NULL) {
        abort();
    }
    r->origins = grow(r->origins, r->origin_count, &r->origin_cap);
    r->origins[r->origin_count++] = added;
    added->now.no = (uint32_t)r->origin_count;
    return &added->now;
}

static int insert_origin(struct database *db, const struct origin *o,
                         struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_origin(origin_no, node, sum, all_sum)"
        " VALUES(?1, ?2, zeroblob(32), zeroblob(32))";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_blob(stmt, 2, o->node.bytes, HASH_BYTES, SQLITE_STATIC);
    return database_done(db, stmt, e);
}

int registry_add_origin(struct registry *r, struct database *db,
                        const struct hash *node, struct origin **ret,
                        struct err *e)
{
    struct origin *o = registry_origin(r, node);
    int rc = 0;
    if (o == NULL) {
        if (r->origin_count >= NODES_MAX) {
            return err_set(e, ERR_LIMIT, "more than %d nodes", NODES_MAX);
        }
        o = append_origin(r);
        o->node = *node;
        rc = insert_origin(db, o, e);
    }
    if (rc == 0) {
        *ret = o;
    }
    return rc;
}

static int save_origin(struct database *db, const struct origin *o,
                       struct err *e)
{
    static const char sql[] =
        "UPDATE sync_origin SET head_seq = ?2, head_incarnation = ?3,"
        " head_hash = ?4, head_hlc = ?5, leaves = ?6, sum = ?7,"
        " all_leaves = ?8, all_sum = ?9 WHERE origin_no = ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)o->head_seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)o->head_incarnation);
    sqlite3_bind_blob(stmt, 4, o->head_hash.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, (int64_t)o->head_hlc);
    sqlite3_bind_int64(stmt, 6, (int64_t)o->held.leaves);
    sqlite3_bind_blob(stmt, 7, o->held.sum.bytes, HASH_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 8, (int64_t)o->all.leaves);
    sqlite3_bind_blob(stmt, 9, o->all.sum.bytes, HASH_BYTES, SQLITE_STATIC);
    return database_done(db, stmt, e);
}

static int save_addressed(struct database *db, const struct addressed *a,
                          struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_addressed(site, leaves, sum, repeated)"
        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(site) DO UPDATE"
        " SET leaves = ?2, sum = ?3, repeated = ?4";
    const struct value site = value_text(a->site);
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &site);
    sqlite3_bind_int64(stmt, 2, (int64_t)a->now.held.leaves);
    sqlite3_bind_blob(stmt, 3, a->now.held.sum.bytes, HASH_BYTES,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, (int64_t)a->now.from);
    return database_done(db, stmt, e);
}

int registry_save(struct registry *r, struct database *db, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->origin_count; i++) {
        if (r->origins[i]->now.changed) {
            rc = save_origin(db, &r->origins[i]->now, e);
        }
    }
    for (size_t i = 0; rc == 0 && i < r->addressed_count; i++) {
        if (r->addressed[i]->changed) {
            rc = save_addressed(db, r->addressed[i], e);
        }
    }
    return rc;
}

/* --- the mark ------------------------------------------------------------ */

/* The last that came. Members stand in the order of their first ones. */
static void forget_certificate(struct registry *r)
{
    struct certificate *c = r->certificates[--r->certificate_count];
    r->member_count -= --member_of(r, &c->node)->certificates == 0;
    free(c);
}

void registry_mark(struct registry *r)
{
    for (size_t i = 0; i < r->origin_count; i++) {
        struct entry *entry = r->origins[i];
        if (entry->now.changed || i >= r->marked_origins) {
            entry->now.changed = false;
            entry->marked = entry->now;
        }
    }
    for (size_t i = 0; i < r->addressed_count; i++) {
        r->addressed[i]->changed = false;
        r->addressed[i]->marked = r->addressed[i]->now;
    }
    r->marked_origins = r->origin_count;
    r->marked_certificates = r->certificate_count;
    r->marked_addressed = r->addressed_count;
    standing_mark(r->standing);
}

void registry_return(struct registry *r)
{
    while (r->certificate_count > r->marked_certificates) {
        forget_certificate(r);
    }
    while (r->origin_count > r->marked_origins) {
        free(r->origins[--r->origin_count]);
    }
    while (r->addressed_count > r->marked_addressed) {
        free(r->addressed[--r->addressed_count]);
    }
    for (size_t i = 0; i < r->origin_count; i++) {
        if (r->origins[i]->now.changed) {
            r->origins[i]->now = r->origins[i]->marked;
        }
    }
    for (size_t i = 0; i < r->addressed_count; i++) {
        r->addressed[i]->changed = false;
        r->addressed[i]->now = r->addressed[i]->marked;
    }
    standing_return(r->standing);
}

/* --- certificates -------------------------------------------------------- */

const struct certificate *registry_certificate(const struct registry *r,
                                               const struct hash *node,
                                               uint64_t serial)
{
    for (size_t i = 0; i < r->certificate_count; i++) {
        const struct certificate *c = r->certificates[i];
        if (c->serial == serial && hash_equal(&c->node, node)) {
            return c;
        }
    }
    return NULL;
}

/* Not by what came first, but the same at every node. */
static bool is_wider(const struct certificate *a, const struct certificate *b)
{
    return a->may_read.count != b->may_read.count
               ? a->may_read.count > b->may_read.count
               : a->serial > b->serial;
}

const struct certificate *registry_in_force(const struct registry *r,
                                            const struct hash *node,
                                            uint64_t serial)
{
    const struct certificate *named = registry_certificate(r, node, serial);
    const struct certificate *best = NULL;
    if (named == NULL ||
        standing_counts_certificate(r->standing, node, serial)) {
        return named;
    }
    for (size_t i = 0; i < r->certificate_count; i++) {
        const struct certificate *c = r->certificates[i];
        if (hash_equal(&c->node, node) &&
            standing_counts_certificate(r->standing, node, c->serial) &&
            (best == NULL || is_wider(c, best))) {
            best = c;
        }
    }
    return best == NULL ? named : best;
}

/* A renewal only adds classes, so that which one is in force does not hang on
 * what came first: a grant brings the newest, the journal then the older. */
static const struct certificate *wider(const struct certificate *held,
                                       const struct certificate *c)
{
    return held == NULL || c->may_read.count >= held->may_read.count ? c : held;
}

const struct certificate *registry_current(const struct registry *r,
                                           const struct hash *node)
{
    const struct certificate *current = NULL;
    for (size_t i = 0; i < r->certificate_count; i++) {
        if (hash_equal(&r->certificates[i]->node, node)) {
            current = wider(current, r->certificates[i]);
        }
    }
    return current;
}

const struct certificate *registry_of_curve(
    const struct registry *r, const uint8_t curve[KEY_PUBLIC_BYTES])
{
    const struct certificate *current = NULL;
    for (size_t i = 0; i < r->certificate_count; i++) {
        const struct certificate *c = r->certificates[i];
        if (memcmp(c->curve_public, curve, KEY_PUBLIC_BYTES) == 0) {
            current = wider(current, c);
        }
    }
    return current;
}

size_t registry_certificate_count(const struct registry *r)
{
    return r->certificate_count;
}

const struct certificate *registry_certificate_at(const struct registry *r,
                                                  size_t index)
{
    return r->certificates[index];
}

struct standing *registry_standing(const struct registry *r)
{
    return r->standing;
}

bool registry_is_root(const struct registry *r, const struct hash *node)
{
    return hash_equal(&r->network, node);
}

/* The certificates from `node` up to the root; 0 when one is missing. */
static size_t path_of(const struct registry *r, const struct hash *node,
                      const struct certificate *path[TREE_DEPTH_MAX])
{
    size_t count = 0;
    const struct hash *at = node;
    while (count < TREE_DEPTH_MAX) {
        const struct certificate *c = registry_current(r, at);
        if (c == NULL) {
            return 0;
        }
        path[count++] = c;
        if (registry_is_root(r, at)) {
            return count;
        }
        at = &c->parent;
    }
    return 0;
}

static bool number_list_equal(const struct number_list *a,
                              const struct number_list *b)
{
    return a->count == b->count &&
           memcmp(a->numbers, b->numbers, a->count * sizeof a->numbers[0]) == 0;
}

static bool certificate_equal(const struct certificate *a,
                              const struct certificate *b)
{
    return memcmp(a->sign_public, b->sign_public, KEY_PUBLIC_BYTES) == 0 &&
           memcmp(a->box_public, b->box_public, KEY_PUBLIC_BYTES) == 0 &&
           memcmp(a->curve_public, b->curve_public, KEY_PUBLIC_BYTES) == 0 &&
           hash_equal(&a->parent, &b->parent) &&
           strcmp(a->site, b->site) == 0 && a->all_tables == b->all_tables &&
           a->may_enrol == b->may_enrol &&
           number_list_equal(&a->tables, &b->tables) &&
           number_list_equal(&a->may_read, &b->may_read) &&
           number_list_equal(&a->may_grant, &b->may_grant);
}

/* Nobody takes a node over from its parent; moving it is a later change. */
static int check_parent(const struct registry *r, const struct certificate *c,
                        struct err *e)
{
    const struct certificate *held = registry_current(r, &c->node);
    if (held != NULL && !hash_equal(&held->parent, &c->parent)) {
        return err_set(e, ERR_FORBIDDEN,
                       "site %s has a certificate from another parent",
                       held->site);
    }
    return 0;
}

/* The root speaks for itself; anyone else needs a way to the root. */
static int check_issuer(const struct registry *r, const struct hash *issuer,
                        const struct certificate *c, struct err *e)
{
    const struct certificate *path[TREE_DEPTH_MAX];
    if (!hash_equal(issuer, &c->parent)) {
        return err_set(e, ERR_FORBIDDEN,
                       "the certificate of site %s names another parent than "
                       "the node that made it",
                       c->site);
    }
    if (registry_is_root(r, &c->node) && hash_equal(issuer, &c->node)) {
        const struct certificate *self[] = {c};
        return certificate_may_issue(self, 1, c, e);
    }
    size_t count = path_of(r, issuer, path);
    if (count == 0) {
        return err_set(e, ERR_UNKNOWN,
                       "the certificate of site %s was made by a node that "
                       "has none",
                       c->site);
    }
    return certificate_may_issue(path, count, c, e);
}

static size_t count_children(const struct registry *r,
                             const struct hash *parent)
{
    size_t count = 0;
    for (size_t i = 0; i < r->member_count; i++) {
        count += hash_equal(&r->members[i].parent, parent);
    }
    return count;
}

/* Whoever enrols or renews without end uses up nobody else's room. */
static int check_room(const struct registry *r, const struct certificate *c,
                      struct err *e)
{
    const struct member *held = member_of(r, &c->node);
    if (held != NULL) {
        return held->certificates < NODE_CERTIFICATES_MAX
                   ? 0
                   : err_set(e, ERR_LIMIT,
                             "a node of site %s has had %d certificates",
                             c->site, NODE_CERTIFICATES_MAX);
    }
    if (count_children(r, &c->parent) >= CHILDREN_MAX) {
        return err_set(e, ERR_LIMIT,
                       "a node of site %s comes after %d that the same node "
                       "enrolled",
                       c->site, CHILDREN_MAX);
    }
    return r->member_count < NODES_MAX
               ? 0
               : err_set(e, ERR_LIMIT, "more than %d nodes", NODES_MAX);
}

static void add_certificate(struct registry *r, const struct certificate *c)
{
    struct member *member = member_of(r, &c->node);
    struct certificate *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        abort();
    }
    *copy = *c;
    r->certificates =
        grow(r->certificates, r->certificate_count, &r->certificate_cap);
    r->certificates[r->certificate_count++] = copy;
    if (member == NULL) {
        member = new_member(r);
        *member = (struct member){.node = c->node, .parent = c->parent};
    }
    member->certificates++;
}

int registry_admit(struct registry *r, const struct hash *issuer,
                   const struct certificate *c, struct err *e)
{
    const struct certificate *known =
        registry_certificate(r, &c->node, c->serial);
    if (known != NULL) {
        return certificate_equal(known, c)
                   ? 0
                   : err_set(e, ERR_FORK,
                             "two certificates of site %s have one serial",
                             c->site);
    }
    int rc = check_issuer(r, issuer, c, e);
    if (rc == 0) {
        rc = check_parent(r, c, e);
    }
    if (rc == 0) {
        rc = check_room(r, c, e);
    }
    if (rc != 0) {
        return rc;
    }
    add_certificate(r, c);
    return 0;
}

/* --- the tree ------------------------------------------------------------ */

const struct hash *registry_district(const struct registry *r,
                                     const struct hash *node)
{
    const struct certificate *path[TREE_DEPTH_MAX];
    size_t count = path_of(r, node, path);
    if (count == 0) {
        return NULL;
    }
    return count == 1 ? &path[0]->node : &path[count - 2]->node;
}

bool registry_below(const struct registry *r, const struct hash *node,
                    const struct hash *above)
{
    const struct certificate *path[TREE_DEPTH_MAX];
    size_t count = path_of(r, node, path);
    for (size_t i = 0; i < count; i++) {
        if (hash_equal(&path[i]->node, above)) {
            return true;
        }
    }
    return false;
}

const struct hash *registry_meet(const struct registry *r, const struct hash *a,
                                 const struct hash *b)
{
    const struct certificate *above[TREE_DEPTH_MAX];
    size_t count = path_of(r, a, above);
    for (size_t i = 0; i < count; i++) {
        if (registry_below(r, b, &above[i]->node)) {
            return &above[i]->node;
        }
    }
    return NULL;
}

static bool is_named(const char *name, struct slice site)
{
    return strlen(name) == site.len && memcmp(name, site.data, site.len) == 0;
}

const struct hash *registry_node_of(const struct registry *r, struct slice site)
{
    for (size_t i = 0; i < r->certificate_count; i++) {
        if (is_named(r->certificates[i]->site, site)) {
            return &r->certificates[i]->node;
        }
    }
    return NULL;
}

bool registry_leads(const struct registry *r, struct slice site,
                    const struct hash *node)
{
    const struct hash *parent = NULL; /* of the first */
    for (size_t i = 0; i < r->certificate_count; i++) {
        const struct certificate *c = r->certificates[i];
        if (!is_named(c->site, site) ||
            (parent != NULL && !hash_equal(&c->parent, parent))) {
            continue;
        }
        parent = &c->parent;
        if (registry_below(r, &c->node, node)) {
            return true;
        }
    }
    return false;
}

/* --- leaves of the root for one site ------------------------------------- */

static struct addressed *find_addressed(const struct registry *r,
                                        struct slice site)
{
    for (size_t i = 0; i < r->addressed_count; i++) {
        if (is_named(r->addressed[i]->site, site)) {
            return r->addressed[i];
        }
    }
    return NULL;
}

static struct addressed *addressed_of(struct registry *r, struct slice site)
{
    struct addressed *held = find_addressed(r, site);
    if (held != NULL) {
        return held;
    }
    struct addressed *added = calloc(1, sizeof *added);
    if (added == NULL) {
        abort();
    }
    assert(site.len <= SITE_BYTES_MAX);
    memcpy(added->site, site.data, site.len);
    r->addressed = grow(r->addressed, r->addressed_count, &r->addressed_cap);
    r->addressed[r->addressed_count++] = added;
    return added;
}

void registry_count_addressed(struct registry *r, struct slice site,
                              const struct hash *leaf, bool removed)
{
    struct addressed *a = addressed_of(r, site);
    (removed ? leaf_sum_remove : leaf_sum_add)(&a->now.held, leaf);
    a->changed = true;
}

bool registry_has_addressed(const struct registry *r, struct slice site)
{
    const struct addressed *a = find_addressed(r, site);
    return a != NULL && a->now.held.leaves > 0;
}

void registry_repeat_addressed(struct registry *r, struct slice site,
                               uint64_t position)
{
    struct addressed *a = addressed_of(r, site);
    a->now.from = position;
    a->changed = true;
}

uint64_t registry_addressed_from(const struct registry *r, struct slice site)
{
    const struct addressed *a = find_addressed(r, site);
    return a == NULL ? 0 : a->now.from;
}

struct leaf_sum registry_addressed_elsewhere(const struct registry *r,
                                             const struct hash *node)
{
    struct leaf_sum sum = {0};
    for (size_t i = 0; i < r->addressed_count; i++) {
        const struct addressed *a = r->addressed[i];
        const struct value site = value_text(a->site);
        if (!registry_leads(r, site.bytes, node)) {
            leaf_sum_add(&sum, &a->now.held.sum);
            sum.leaves += a->now.held.leaves - 1;
        }
    }
    return sum;
}

/* --- loading ------------------------------------------------------------- */

static bool copy_hash(sqlite3_stmt *stmt, int at, struct hash *ret)
{
    const void *blob = sqlite3_column_blob(stmt, at);
    if (blob == NULL || sqlite3_column_bytes(stmt, at) != HASH_BYTES) {
        return false;
    }
    memcpy(ret->bytes, blob, HASH_BYTES);
    return true;
}

static int load_origins(struct registry *r, struct database *db, struct err *e)
{
    static const char sql[] =
        "SELECT origin_no, node, head_seq, head_incarnation, head_hash,"
        " head_hlc, leaves, sum, all_leaves, all_sum FROM sync_origin"
        " ORDER BY origin_no";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bool sound = true;
    while (sound && (rc = database_step(db, stmt, e)) == 1) {
        struct origin *o = append_origin(r);
        o->head_seq = (uint64_t)sqlite3_column_int64(stmt, 2);
        o->head_incarnation = (uint64_t)sqlite3_column_int64(stmt, 3);
        o->head_hlc = (uint64_t)sqlite3_column_int64(stmt, 5);
        o->held.leaves = (uint64_t)sqlite3_column_int64(stmt, 6);
        o->all.leaves = (uint64_t)sqlite3_column_int64(stmt, 8);
        sound = sqlite3_column_int64(stmt, 0) == o->no &&
                copy_hash(stmt, 1, &o->node) &&
                (o->head_seq == 0 || copy_hash(stmt, 4, &o->head_hash)) &&
                copy_hash(stmt, 7, &o->held.sum) &&
                copy_hash(stmt, 9, &o->all.sum);
    }
    sqlite3_reset(stmt);
    if (!sound) {
        return err_set(e, ERR_CORRUPT, "the list of origins is damaged");
    }
    return rc;
}

static int load_addressed(struct registry *r, struct database *db,
                          struct err *e)
{
    static const char sql[] =
        "SELECT site, leaves, sum, repeated FROM sync_addressed";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    bool sound = true;
    while (sound && (rc = database_step(db, stmt, e)) == 1) {
        const struct value site = database_column(stmt, 0);
        sound = site.bytes.len <= SITE_BYTES_MAX;
        if (sound) {
            struct addressed *a = addressed_of(r, site.bytes);
            a->now.held.leaves = (uint64_t)sqlite3_column_int64(stmt, 1);
            sound = copy_hash(stmt, 2, &a->now.held.sum);
            a->now.from = (uint64_t)sqlite3_column_int64(stmt, 3);
        }
    }
    sqlite3_reset(stmt);
    return sound ? rc
                 : err_set(e, ERR_CORRUPT,
                           "the sums of what goes to one site are damaged");
}

struct registry *registry_new(const struct hash *network)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r == NULL) {
        abort();
    }
    r->network = *network;
    r->standing = standing_new();
    return r;
}

int registry_load(struct database *db, struct packer *packer,
                  const struct hash *network, const struct grant *grant,
                  struct registry **ret, struct err *e)
{
    struct registry *r = registry_new(network);
    int rc = load_origins(r, db, e);
    if (rc == 0) {
        rc = load_addressed(r, db, e);
    }
    if (rc == 0) {
        rc = control_load(r, db, packer, network, grant, e);
    }
    if (rc != 0) {
        registry_destroy(&r);
        return rc;
    }
    standing_settled(r->standing);
    registry_mark(r);
    *ret = r;
    return 0;
}
