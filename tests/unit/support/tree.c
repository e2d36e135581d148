/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tree.h"

#include "scratch.h"
#include "store/parts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct zone_offset india = {.from_s = 0, .offset_s = 19800};

#define must(call)                                                             \
    do {                                                                       \
        struct err must_err = {0};                                             \
        struct err *said = &must_err;                                          \
        if ((call) != 0) {                                                     \
            fail_msg("%s: %s", #call, must_err.text);                          \
        }                                                                      \
    } while (0)

/* --- clients ------------------------------------------------------------- */

static int open_client(struct tree_node *n, struct err *e)
{
    if (sqlite3_open(n->path, &n->client) != SQLITE_OK) {
        (void)err_set(e, ERR_IO, "%s: %s", n->path, sqlite3_errmsg(n->client));
        sqlite3_close(n->client);
        n->client = NULL;
        return ERR_IO;
    }
    sqlite3_busy_timeout(n->client, 5000);
    (void)sqlite3_exec(n->client, "PRAGMA wal_autocheckpoint = 0", NULL, NULL,
                       NULL);
    return 0;
}

void tree_sql(struct tree *t, int node, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(t->nodes[node].client, sql, NULL, NULL, &message) != 0) {
        fail_msg("node %d: %s: %s", node, sql, message);
    }
}

void tree_sql_fails(struct tree *t, int node, const char *sql, const char *part)
{
    char *message = NULL;
    if (sqlite3_exec(t->nodes[node].client, sql, NULL, NULL, &message) == 0) {
        fail_msg("node %d: %s: was not refused", node, sql);
    }
    if (strstr(message, part) == NULL) {
        fail_msg("node %d: '%s' does not say '%s'", node, message, part);
    }
    sqlite3_free(message);
}

const char *tree_get(struct tree *t, int node, const char *sql)
{
    static char buffers[8][1024];
    static size_t next;
    char *out = buffers[next++ % 8];
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL) != 0) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(t->nodes[node].client));
    }
    out[0] = '\0';
    if (sqlite3_step(stmt) == SQLITE_ROW &&
        sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        (void)snprintf(out, 1024, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return out;
}

/* --- nodes --------------------------------------------------------------- */

static struct tree_node *new_node(struct tree *t, int parent)
{
    assert_true(t->count < TREE_NODES_MAX);
    struct tree_node *n = &t->nodes[t->count];
    n->parent = parent;
    n->schema = t->schema;
    keys_generate(&n->keys);
    (void)snprintf(n->path, sizeof n->path, "%s/%d.db", t->folder, t->count);
    t->count++;
    return n;
}

static int try_open(struct tree *t, struct tree_node *n, struct err *e)
{
    const struct replica_start start = {
        .schema = n->schema,
        .now_ms = t->now_ms,
        .offsets = &india,
        .offset_count = 1,
    };
    int rc = replica_open(n->path, &n->keys, &start, &n->replica, e);
    if (rc == 0) {
        rc = open_client(n, e);
    }
    if (rc != 0) {
        replica_close(&n->replica);
    }
    return rc;
}

static void open_node(struct tree *t, struct tree_node *n)
{
    must(try_open(t, n, said));
}

struct tree *tree_new(void)
{
    return tree_new_knowing(&schema_embedded);
}

struct tree *tree_new_knowing(const struct schema *schema)
{
    struct tree *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_true(sodium_init() >= 0);
    t->folder = scratch_folder();
    t->now_ms = INT64_C(1790000000000);
    t->schema = schema;
    struct tree_node *root = new_node(t, -1);
    struct replica_birth birth = {
        .network = keys_node(root->keys.sign_public),
        .time_zone = "Asia/Kolkata",
        .site_id = "PB-HQ",
        .offsets = &india,
        .offset_count = 1,
        .schema = t->schema,
    };
    must(
        replica_create(root->path, &birth, &root->keys, NULL, t->now_ms, said));
    open_node(t, root);
    tree_sql(t, 0,
             "INSERT INTO ref_site(site_id, name, kind, department,"
             " district_code, parent_site_id) VALUES"
             "('PB-HQ','Headquarters','hq','health','PB',NULL),"
             "('LDH-H','Ludhiana hub','district_hub','health','LDH','PB-HQ'),"
             "('ASR-H','Amritsar hub','district_hub','health','ASR','PB-HQ'),"
             "('LDH-C','Clinic','ooat_clinic','health','LDH','LDH-H'),"
             "('LDH-P','Prison','prison','jails','LDH','LDH-H'),"
             "('ASR-C','Clinic','ooat_clinic','health','ASR','ASR-H'),"
             "('ASR-P','Prison','prison','jails','ASR','ASR-H')");
    tree_drain(t, 0);
    return t;
}

void tree_free(struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        sqlite3_close(t->nodes[i].client);
        replica_close(&t->nodes[i].replica);
    }
    scratch_remove(&t->folder);
    free(t);
}

void tree_restart(struct tree *t, int node)
{
    struct tree_node *n = &t->nodes[node];
    tree_close(t, node);
    open_node(t, n);
    n->correction_ms = 0;
}

int tree_clone(struct tree *t, int node)
{
    char sql[400];
    struct tree_node *copy = new_node(t, t->nodes[node].parent);
    (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy->path);
    tree_sql(t, node, sql);
    copy->keys = t->nodes[node].keys;
    copy->ahead_ms = t->nodes[node].ahead_ms;
    copy->schema = t->nodes[node].schema;
    open_node(t, copy);
    return t->count - 1;
}

static void backup_path(const struct tree *t, const char *name, char out[300])
{
    (void)snprintf(out, 300, "%s/%s.db", t->folder, name);
}

void tree_back_up(struct tree *t, int node, const char *name)
{
    char path[300], sql[400];
    backup_path(t, name, path);
    (void)unlink(path);
    (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", path);
    tree_sql(t, node, sql);
}

void tree_close(struct tree *t, int node)
{
    struct tree_node *n = &t->nodes[node];
    sqlite3_close(n->client);
    n->client = NULL;
    replica_close(&n->replica);
}

void tree_put_file(struct tree *t, int node, const char *name)
{
    const struct tree_node *n = &t->nodes[node];
    sqlite3 *db;
    char path[300], sql[400];
    backup_path(t, name, path);
    assert_int_equal(unlink(n->path), 0); /* closed: no -wal beside it */
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", n->path);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

void tree_put_back(struct tree *t, int node, const char *name)
{
    tree_close(t, node);
    tree_put_file(t, node, name);
    t->nodes[node].refused = 0; /* a place in the journal that is gone */
    open_node(t, &t->nodes[node]);
}

int tree_upgrade_try(struct tree *t, int node, const struct schema *schema,
                     struct err *e)
{
    struct tree_node *n = &t->nodes[node];
    tree_close(t, node);
    n->schema = schema;
    return try_open(t, n, e);
}

void tree_upgrade(struct tree *t, int node, const struct schema *schema)
{
    must(tree_upgrade_try(t, node, schema, said));
}

void tree_ask(struct tree *t, int parent, const char *site,
              const uint8_t curve[KEY_PUBLIC_BYTES])
{
    struct invite_row row = {
        .network = replica_self(t->nodes[parent].replica)->network,
        .may_enrol = strstr(site, "-H") != NULL,
        .expires_ms = t->now_ms + TREE_INVITE_MS,
    };
    uint8_t proof[SIGNATURE_BYTES];
    memcpy(row.curve_public, curve, sizeof row.curve_public);
    (void)snprintf(row.site, sizeof row.site, "%s", site);
    invite_row_sign(&row, &t->nodes[parent].keys, proof);
    sqlite3_stmt *stmt;
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[parent].client,
                           "INSERT INTO local_invite(invite_id, site_id,"
                           " curve_public, may_enrol, expires_ms, proof)"
                           " VALUES(hex(?2), ?1, ?2, ?3, ?4, ?5)",
                           -1, &stmt, NULL),
        SQLITE_OK);
    sqlite3_bind_text(stmt, 1, site, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, curve, KEY_PUBLIC_BYTES, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 3, row.may_enrol);
    sqlite3_bind_int64(stmt, 4, row.expires_ms);
    sqlite3_bind_blob(stmt, 5, proof, sizeof proof, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

int tree_enrol_again(struct tree *t, int node, const char *site,
                     struct message *ret, struct err *e)
{
    uint8_t curve[KEY_PUBLIC_BYTES];
    struct invites open;
    const struct tree_node *n = &t->nodes[node];
    struct replica *above = t->nodes[n->parent].replica;
    randombytes_buf(curve, sizeof curve);
    tree_ask(t, n->parent, site, curve);
    must(replica_invites(above, t->now_ms, &open, said));
    free(open.keys);
    struct enrol_request request = {.network = replica_self(above)->network};
    memcpy(request.invite_curve, curve, sizeof curve);
    enrol_request_sign(&request, &n->keys);
    return replica_enrol(above, &request, t->now_ms, ret, e);
}

int tree_enrol(struct tree *t, int parent, const char *site,
               struct message *ret)
{
    (void)new_node(t, parent);
    must(tree_enrol_again(t, t->count - 1, site, ret, said));
    return t->count - 1;
}

int tree_create(struct tree *t, int node, const char *site,
                const struct grant *grant, struct err *e)
{
    const struct tree_node *n = &t->nodes[node];
    const struct replica_birth birth = {
        .network = replica_self(t->nodes[n->parent].replica)->network,
        .time_zone = "Asia/Kolkata",
        .site_id = site,
        .offsets = &india,
        .offset_count = 1,
        .schema = t->schema,
        .has_parent = true,
        .parent = grant->parent,
        .parent_address = "tcp://127.0.0.1:1",
    };
    return replica_create(n->path, &birth, &n->keys, grant, t->now_ms, e);
}

int tree_add(struct tree *t, int parent, const char *site)
{
    struct message grant;
    int node = tree_enrol(t, parent, site, &grant);
    must(tree_create(t, node, site, &grant.as.grant, said));
    message_clear(&grant);
    open_node(t, &t->nodes[node]);
    return node;
}

/* --- links --------------------------------------------------------------- */

const struct hash *tree_name(struct tree *t, int node)
{
    return &replica_self(t->nodes[node].replica)->node;
}

int64_t tree_clock(const struct tree *t, int node)
{
    return t->now_ms + t->nodes[node].ahead_ms;
}

void tree_greet(struct tree *t, int child)
{
    struct tree_node *n = &t->nodes[child];
    const struct tree_node *above = &t->nodes[n->parent];
    int64_t off_ms = above->ahead_ms + above->correction_ms - n->ahead_ms;
    bool trusted = off_ms <= CLOCK_TRUST_MS && off_ms >= -CLOCK_TRUST_MS;
    n->correction_ms = trusted ? 0 : off_ms;
    replica_correct(n->replica, n->correction_ms);
}

static void capture_by_clock(struct tree *t, int node)
{
    char sql[120];
    (void)snprintf(sql, sizeof sql, "UPDATE sync_pending SET at_ms = %lld",
                   (long long)tree_clock(t, node));
    sqlite3 *client = t->nodes[node].client;
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

void tree_drain(struct tree *t, int node)
{
    struct drained drained = {.more = true};
    t->now_ms += 1000;
    if (t->nodes[node].ahead_ms != 0) {
        capture_by_clock(t, node);
    }
    while (drained.more) {
        must(replica_drain(t->nodes[node].replica, tree_clock(t, node),
                           &drained, said));
    }
}

static void learn_journal(struct peer *peer, const struct replica_self *other)
{
    if (peer->have.journal != other->journal) {
        peer->have = (struct token){.journal = other->journal};
    }
    peer->have.start = lineage_start(&other->lineage);
}

struct peer tree_peer(struct tree *t, int at, int other)
{
    struct peer peer;
    must(replica_peer_of_curve(t->nodes[at].replica,
                               t->nodes[other].keys.curve_public, &peer, said));
    if (t->nodes[other].replica != NULL) {
        learn_journal(&peer, replica_self(t->nodes[other].replica));
    }
    return peer;
}

void tree_tell_lost(struct tree *t, int node, int neighbour)
{
    const struct replica_self *other =
        replica_self(t->nodes[neighbour].replica);
    must(replica_put_back(t->nodes[node].replica, &other->node, other->head,
                          said));
}

/* What the greeting of the link's other end says; whoever was put back finds
 * out and remembers what to ask for. */
static void find_put_back(struct tree *t, int from, int to)
{
    struct replica *sender = t->nodes[from].replica;
    struct replica *receiver = t->nodes[to].replica;
    const struct replica_self *self = replica_self(sender);
    struct peer here;
    struct peer there;
    must(replica_peer_of_curve(receiver, t->nodes[from].keys.curve_public,
                               &here, said));
    must(replica_peer_of_curve(sender, t->nodes[to].keys.curve_public, &there,
                               said));
    if (here.have.journal == self->journal &&
        !lineage_runs(&self->lineage, there.lost_start) &&
        !lineage_has(&self->lineage, self->journal, self->head, &here.have)) {
        tree_tell_lost(t, from, to);
    }
}

/* From where the sender walks. */
static uint64_t walk_from(struct tree *t, int from, int to)
{
    const struct replica_self *self = replica_self(t->nodes[from].replica);
    struct peer here;
    must(replica_peer_of_curve(t->nodes[to].replica,
                               t->nodes[from].keys.curve_public, &here, said));
    return lineage_has(&self->lineage, self->journal, self->head, &here.have)
               ? here.have.position - here.again
               : 0;
}

static void note_refused(struct tree *t, int node, const struct stored *stored)
{
    struct tree_node *n = &t->nodes[node];
    for (size_t i = 0; i < stored->refusal_count && n->refused == 0; i++) {
        const struct refusal *refusal = &stored->refusals[i];
        if (refusal->code == ERR_FUTURE) {
            n->refused = refusal->position;
        }
    }
}

/* When what it lost is back, as node/link_work.c does. */
static void take_back(struct tree *t, int node)
{
    struct tree_node *n = &t->nodes[node];
    struct taken_back taken;
    if (n->refused == 0) {
        return;
    }
    const struct peer above = tree_peer(t, node, n->parent);
    const struct replica *parent = t->nodes[n->parent].replica;
    if (!peer_owes(&above, replica_self(parent)->head)) {
        tree_greet(t, node);
        must(replica_take_back(n->replica, n->refused, tree_clock(t, node),
                               &taken, said));
        n->refused = 0;
    }
}

/* When all has come that its parent has. */
static void sign_returned(struct tree *t, int node)
{
    const struct tree_node *n = &t->nodes[node];
    const struct replica *parent = t->nodes[n->parent].replica;
    const struct peer above = tree_peer(t, node, n->parent);
    struct signed_anew anew = {
        .more = replica_returned(n->replica) &&
                above.have.position >= replica_self(parent)->head,
    };
    while (anew.more) {
        must(replica_sign_returned(n->replica, tree_clock(t, node), &anew,
                                   said));
    }
}

static int refuse_commit(void *context)
{
    (void)context;
    return 1;
}

void tree_refuse_commits(struct tree *t, int node, bool refuse)
{
    (void)sqlite3_commit_hook(database_handle(t->nodes[node].replica->db),
                              refuse ? refuse_commit : NULL, NULL);
}

int tree_refused(const struct stored *stored, struct err *e)
{
    for (size_t i = 0; i < stored->refusal_count; i++) {
        const struct refusal *refusal = &stored->refusals[i];
        if (refusal->code != ERR_FUTURE) {
            return err_set(e, refusal->code, "%s", refusal->sentence);
        }
    }
    return 0;
}

/* What the neighbour's ack says of it: the code of what is refused. */
static int hear(struct tree *t, int node, const struct hash *neighbour,
                const struct stored *stored, struct err *e)
{
    for (size_t i = 0; i < stored->refusal_count; i++) {
        const struct refusal *refusal = &stored->refusals[i];
        if (refusal->code != ERR_FUTURE) {
            must(replica_barred_there(t->nodes[node].replica, neighbour,
                                      refusal, said));
        }
    }
    return tree_refused(stored, e);
}

/* A session begins. */
static void ask_again(struct tree *t, int from, int to)
{
    struct peer here = tree_peer(t, to, from);
    must(replica_ask_again(t->nodes[to].replica, &here, tree_clock(t, to),
                           said));
    struct peer there = tree_peer(t, from, to);
    uint64_t at = walk_from(t, from, to);
    if (at < there.acked) {
        must(replica_acked(t->nodes[from].replica, &there.node, at, said));
    }
}

/* An ack may be lost: what was turned away is told again, and taken back. */
static void tell_again(struct tree *t, int from, int to)
{
    static struct stored stored;
    const struct peer here = tree_peer(t, to, from);
    if (walk_from(t, from, to) == 0 || t->nodes[from].parent != to) {
        return; /* nothing was, or it was of a branch that is lost */
    }
    must(replica_refusals(t->nodes[to].replica, &here, stored.refusals,
                          ACK_REFUSED_MAX, &stored.refusal_count, said));
    note_refused(t, from, &stored);
    take_back(t, from);
}

int tree_send_try(struct tree *t, int from, int to, struct err *e)
{
    struct replica *sender = t->nodes[from].replica;
    struct replica *receiver = t->nodes[to].replica;
    struct walked walked = {.end = false};
    int child = t->nodes[from].parent == to ? from : to;
    int refused = 0;
    int rc = 0;
    find_put_back(t, from, to);
    find_put_back(t, to, from);
    ask_again(t, from, to);
    tell_again(t, from, to);
    while (rc == 0 && !walked.end) {
        struct peer there = tree_peer(t, from, to);
        struct peer here = tree_peer(t, to, from);
        uint64_t at = walk_from(t, from, to);
        there.return_until = peer_give_back(&here);
        static struct stored stored;
        must(replica_walk(sender, &there, at, MESSAGE_TARGET_BYTES, &walked,
                          said));
        struct changesets stretch = {
            .items = walked.items,
            .count = walked.count,
            .position = walked.position,
            .from = at,
        };
        t->now_ms += 10;
        do {
            rc = replica_store(receiver, &here, &stretch, tree_clock(t, to),
                               &stored, e);
            struct err why;
            int code = rc == 0 ? hear(t, from, &there.node, &stored, &why) : 0;
            if (code != 0 && refused == 0) {
                refused = code;
                *e = why;
            }
            if (stored.taken > 0) {
                stretch.items += stored.taken;
                stretch.count -= stored.taken;
            }
        } while (rc == 0 && !stored.end);
        if (rc == 0) {
            must(replica_acked(sender, &there.node, walked.position, said));
        }
        if (rc == 0) {
            note_refused(t, from, &stored);
            take_back(t, child);
            sign_returned(t, child);
        }
        bool end = walked.end;
        walked_clear(&walked);
        walked.end = end;
    }
    return rc != 0 ? rc : refused;
}

void tree_send(struct tree *t, int from, int to)
{
    struct err e;
    if (tree_send_try(t, from, to, &e) != 0) {
        fail_msg("%d to %d: %s", from, to, e.text);
    }
}

size_t tree_send_one(struct tree *t, int from, int to)
{
    struct replica *receiver = t->nodes[to].replica;
    struct peer there = tree_peer(t, from, to);
    struct peer here = tree_peer(t, to, from);
    uint64_t at = walk_from(t, from, to);
    static struct stored stored;
    struct walked walked;
    there.return_until = peer_give_back(&here);
    must(replica_walk(t->nodes[from].replica, &there, at, 1, &walked, said));
    struct changesets stretch = {.items = walked.items,
                                 .count = walked.count,
                                 .position = walked.position,
                                 .from = at};
    size_t count = walked.count;
    must(replica_store(receiver, &here, &stretch, tree_clock(t, to), &stored,
                       said));
    walked_clear(&walked);
    return count;
}

void tree_sync(struct tree *t)
{
    uint64_t before = 0;
    uint64_t after = 1;
    while (before != after) {
        before = after;
        after = 0;
        for (int i = 0; i < t->count; i++) {
            tree_drain(t, i);
        }
        for (int i = 1; i < t->count; i++) {
            tree_send(t, i, t->nodes[i].parent);
            tree_send(t, t->nodes[i].parent, i);
        }
        for (int i = 0; i < t->count; i++) {
            after += replica_self(t->nodes[i].replica)->head;
        }
    }
}

static void tell(struct tree *t, int node)
{
    struct told told = {.more = true};
    while (told.more) {
        must(replica_tell(t->nodes[node].replica, t->now_ms, &told, said));
    }
}

uint64_t tree_judge(struct tree *t, int node)
{
    struct replica *r = t->nodes[node].replica;
    struct judged judged = {.more = true};
    struct err e = {0};
    uint64_t subjects = 0;
    while (judged.more) {
        if (replica_judge(r, t->now_ms, &judged, &e) != 0) {
            fail_msg("node %d: %s", node, e.text);
        }
        subjects += judged.subjects;
    }
    assert_false(replica_touched(r));
    tell(t, node);
    return subjects;
}
