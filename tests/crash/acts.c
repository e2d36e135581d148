/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "acts.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/later.h"
#include "support/scratch.h"
#include "support/small.h"

enum { HQ, HUB, CLINIC, NEWCOMER, DAY_MS = 24 * 60 * 60 * 1000 };

/* --- what a file holds --------------------------------------------------- */

static void add_value(crypto_generichash_state *h, sqlite3_stmt *stmt, int i)
{
    int type = sqlite3_column_type(stmt, i);
    const void *data = sqlite3_column_blob(stmt, i);
    int len = sqlite3_column_bytes(stmt, i);
    crypto_generichash_update(h, (const uint8_t *)&type, sizeof type);
    crypto_generichash_update(h, (const uint8_t *)&len, sizeof len);
    if (data != NULL) {
        crypto_generichash_update(h, data, (unsigned long long)len);
    }
}

static void add_rows(crypto_generichash_state *h, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            add_value(h, stmt, i);
        }
    }
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* Of sync_peer. */
static const char but_starts[] = "node, journal, position, acked, heard_ms,"
                                 " synced_ms, offset_ms, says, lost_until";

/* Of the tables that `which` names. */
static struct file_digest digest(sqlite3 *db, const char *which)
{
    struct file_digest d;
    crypto_generichash_state h;
    sqlite3_stmt *stmt;
    (void)crypto_generichash_init(&h, NULL, 0, sizeof d.bytes);
    assert_int_equal(sqlite3_prepare_v2(db, which, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        char sql[128];
        (void)snprintf(sql, sizeof sql, "SELECT %s FROM \"%s\"",
                       strcmp(name, "sync_peer") == 0 ? but_starts : "*", name);
        add_rows(&h, db, sql);
    }
    sqlite3_finalize(stmt);
    (void)crypto_generichash_final(&h, d.bytes, sizeof d.bytes);
    return d;
}

/* But which starts there were, of it and of its neighbours. */
static const char everything[] =
    "SELECT name FROM sqlite_schema WHERE type = 'table'"
    " AND name NOT GLOB 'sqlite_stat*' AND name <> 'sync_start'"
    " UNION ALL SELECT 'sqlite_schema'"
    " ORDER BY 1";
/* What people see. */
static const char domain[] =
    "SELECT name FROM sync_table WHERE kind IN ('record', 'event', 'reference')"
    " ORDER BY 1";

struct file_digest file_digest(sqlite3 *db)
{
    return digest(db, everything);
}

struct file_digest file_digest_shown(sqlite3 *db)
{
    return digest(db, domain);
}

struct file_digest file_digest_at(const char *path)
{
    sqlite3 *db;
    bool made = database_is_made(path);
    assert_int_equal(sqlite3_open_v2(made ? path : ":memory:", &db,
                                     SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    struct file_digest d = file_digest(db);
    sqlite3_close(db);
    return d;
}

bool file_digest_equal(const struct file_digest *a, const struct file_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* --- calls --------------------------------------------------------------- */

static void done(struct stage *s)
{
    if (s->returned != NULL) {
        s->returned(s);
    }
}

static struct replica *own(const struct stage *s)
{
    return s->tree->nodes[s->node].replica;
}

static int drain(struct stage *s, struct err *e)
{
    struct drained drained = {.more = true};
    int rc = 0;
    s->tree->now_ms += 1000;
    while (rc == 0 && drained.more) {
        rc = replica_drain(own(s), s->tree->now_ms, &drained, e);
        if (rc == 0) {
            done(s);
        }
    }
    return rc;
}

static int store_all(struct stage *s, const struct peer *from,
                     const struct walked *walked, int to, struct err *e)
{
    static struct stored stored;
    struct changesets stretch = {
        .items = walked->items,
        .count = walked->count,
        .position = walked->position,
    };
    int rc;
    do {
        rc = replica_store(s->tree->nodes[to].replica, from, &stretch,
                           s->tree->now_ms, &stored, e);
        if (rc == 0) {
            done(s);
            stretch.items += stored.taken;
            stretch.count -= stored.taken;
        }
    } while (rc == 0 && !stored.end);
    return rc;
}

static int send_one(struct stage *s, int from, int to, struct err *e)
{
    struct tree *t = s->tree;
    struct replica *sender = t->nodes[from].replica;
    struct walked walked = {.end = false};
    struct peer there;
    struct peer here;
    int rc = replica_peer_of_curve(sender, t->nodes[to].keys.curve_public,
                                   &there, e);
    if (rc == 0) {
        rc = replica_peer_of_curve(t->nodes[to].replica,
                                   t->nodes[from].keys.curve_public, &here, e);
    }
    if (rc != 0) {
        return rc;
    }
    here.have.journal = replica_self(sender)->journal;
    here.have.start = lineage_start(&replica_self(sender)->lineage);
    there.return_until = peer_give_back(&here);
    rc = replica_walk(sender, &there, here.have.position, MESSAGE_TARGET_BYTES,
                      &walked, e);
    if (rc == 0) {
        rc = store_all(s, &here, &walked, to, e);
    }
    if (rc == 0) {
        rc = replica_acked(sender, &there.node, walked.position, e);
    }
    if (rc == 0) {
        done(s);
    }
    walked_clear(&walked);
    return rc;
}

/* --- acts ---------------------------------------------------------------- */

static void write_rows(struct tree *t, int node, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char sql[600];
        (void)snprintf(
            sql, sizeof sql,
            "BEGIN IMMEDIATE;"
            "INSERT INTO person(person_id, beneficiary_no, phone)"
            " VALUES('p%d', 'N-%d', '%d');"
            "INSERT INTO dose_event(dose_id, person_id, kind, item_code, units,"
            " verified_by, dispensed_by) VALUES('d%d', 'p%d', 'observed',"
            " 'BUP-2', 4, 'photo_card', 'nurse 4');"
            "UPDATE person SET phone = 'x', home_locality = 'y'"
            " WHERE person_id = 'p%d'; COMMIT",
            i, i, i, i, i, i - 1);
        tree_sql(t, node, sql);
    }
}

static void write_at_clinic(struct tree *t)
{
    write_rows(t, CLINIC, 10, 12);
}

static void sign_at_clinic(struct tree *t)
{
    for (int i = 0; i < 3; i++) {
        write_rows(t, CLINIC, 20 + 5 * i, 5);
        tree_drain(t, CLINIC);
    }
}

static void sign_at_hq(struct tree *t)
{
    tree_sql(t, HQ,
             "INSERT INTO ref_code(code_system, code, label_en)"
             " VALUES('route', 'oral', 'by mouth')");
    tree_drain(t, HQ);
}

static int send_up(struct stage *s, struct err *e)
{
    return send_one(s, CLINIC, HUB, e);
}

static int send_down(struct stage *s, struct err *e)
{
    return send_one(s, HQ, HUB, e);
}

/* Both at once: what programs wrote is signed in the transaction that stores
 * what came. */
static void sign_both(struct tree *t)
{
    sign_at_clinic(t);
    write_rows(t, HUB, 60, 3);
}

static int checkpoint(struct stage *s, struct err *e)
{
    bool busy;
    int rc = replica_checkpoint(own(s), &busy, e);
    if (rc == 0) {
        done(s);
    }
    return rc;
}

static void fill_log(struct tree *t)
{
    for (int i = 0; i < 30; i++) {
        write_rows(t, HUB, 100 + 6 * i, 6);
        tree_drain(t, HUB);
    }
}

static int rebuild(struct stage *s, struct err *e)
{
    uint64_t leaves;
    int rc = replica_rebuild(own(s), s->tree->now_ms, &leaves, e);
    if (rc == 0) {
        done(s);
    }
    return rc;
}

static const uint8_t invited[KEY_PUBLIC_BYTES] = {7};

static void ask(struct tree *t)
{
    tree_ask(t, HUB, "LDH-P", invited);
}

static int knock(struct stage *s, struct err *e)
{
    struct keys keys;
    struct message grant = {0};
    struct enrol_request request = {.network = replica_self(own(s))->network};
    memcpy(request.invite_curve, invited, KEY_PUBLIC_BYTES);
    keys_generate(&keys);
    enrol_request_sign(&request, &keys);
    int rc = replica_enrol(own(s), &request, s->tree->now_ms, &grant, e);
    if (rc == 0) {
        done(s);
        message_clear(&grant);
    }
    return rc;
}

/* What a program asks of the node's file: the first number, 0 if there is none.
 * Its own opening and reading may fail, too. */
static int ask_number(struct stage *s, const char *sql, uint64_t *ret,
                      struct err *e)
{
    sqlite3 *db = s->tree->nodes[s->node].client;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    *ret = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? 0
               : err_set(e, ERR_IO, "cannot ask: %s", sqlite3_errmsg(db));
}

/* The node opens the door and lets in who knocks. */
static int enrol(struct stage *s, struct err *e)
{
    struct invites open = {0};
    uint64_t let_in = 0;
    int rc = ask_number(
        s, "SELECT 1 FROM sync_certificate WHERE site = 'LDH-P'", &let_in, e);
    if (rc != 0 || let_in != 0) {
        return rc;
    }
    rc = replica_invites(own(s), s->tree->now_ms, &open, e);
    if (rc == 0) {
        done(s);
        free(open.keys);
        rc = knock(s, e);
    }
    return rc;
}

static int upgrade(struct stage *s, struct err *e)
{
    int rc = tree_upgrade_try(s->tree, s->node,
                              later_schema(s->tree->schema, LATER_COLUMNS), e);
    if (rc == 0) {
        done(s);
    }
    return rc;
}

static void write_doses(struct tree *t)
{
    tree_sql(t, CLINIC,
             "INSERT INTO dose_event(dose_id, person_id, service_date,"
             " occurred_at, recorded_at, kind, item_code, amount_mcg,"
             " days_covered, verified_by, dispensed_by)"
             " SELECT 'e' || i, 'p1', '2026-09-21',"
             " '2026-09-21T0' || i || ':00:00.000Z',"
             " '2026-09-21T09:30:00.000Z', 'observed', 'BUP-NAL-2', 8000, 1,"
             " 'photo_card', 'nurse 4' FROM (SELECT 3 AS i UNION SELECT 4)");
    tree_drain(t, CLINIC);
}

static int judge(struct stage *s, struct err *e)
{
    struct judged judged = {.more = true};
    int rc = 0;
    while (rc == 0 && judged.more) {
        rc = replica_judge(own(s), s->tree->now_ms, &judged, e);
    }
    return rc;
}

/* Rows changed, made and deleted past the triggers. */
static void wound(struct tree *t)
{
    sqlite3 *client = t->nodes[CLINIC].client;
    write_at_clinic(t);
    tree_drain(t, CLINIC);
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, CLINIC,
             "UPDATE person SET phone = 'z' WHERE person_id IN ('p1', 'p2');"
             "UPDATE dose_event SET units = 9 WHERE dose_id = 'd2';"
             "DELETE FROM person WHERE person_id = 'p12';"
             "INSERT INTO person(person_id, beneficiary_no) VALUES('w', 'W')");
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

static int scrub(struct stage *s, struct err *e)
{
    const struct scrub_order order = {.now_ms = s->tree->now_ms};
    struct verified verified;
    int rc = replica_scrub(own(s), &order, &verified, e);
    return rc == 0 ? drain(s, e) : rc;
}

static int end_node(struct stage *s, struct err *e)
{
    const struct tree_node *clinic = &s->tree->nodes[CLINIC];
    const struct revocation v = {
        .node = keys_node(clinic->keys.sign_public),
        .after = 1,
    };
    s->tree->now_ms += 1000;
    return replica_revoke(own(s), &v, s->tree->now_ms, e);
}

static int restart(struct stage *s, struct err *e)
{
    int rc = tree_upgrade_try(s->tree, s->node, s->tree->schema, e);
    if (rc == 0) {
        done(s);
    }
    return rc;
}

/* The node starts on the file it has, and says what a child should hold; the
 * child looks whether it does. */
static int start(struct stage *s, struct err *e)
{
    struct digest digest;
    struct compared compared;
    struct peer child;
    const struct tree_node *below = &s->tree->nodes[CLINIC];
    int rc = restart(s, e);
    if (rc == 0) {
        rc = replica_peer_of_curve(own(s), below->keys.curve_public, &child, e);
    }
    if (rc == 0) {
        rc = replica_digest(own(s), &child, &digest, e);
    }
    if (rc == 0) {
        rc = replica_compare(below->replica, &digest, &compared, e);
        free(digest.origins);
    }
    return rc;
}

/* The clinic signs while its clock is a day ahead. */
static void sign_ahead(struct tree *t)
{
    write_rows(t, CLINIC, 40, 3);
    t->now_ms += DAY_MS;
    tree_drain(t, CLINIC);
    t->now_ms -= DAY_MS;
}

/* Its parent turned that away: taken back, and signed anew. */
static int take_back(struct stage *s, struct err *e)
{
    struct taken_back taken;
    uint64_t at;
    int rc = ask_number(
        s,
        "SELECT min(d.position) FROM sync_delivery d JOIN sync_changeset c"
        " ON c.origin_no = d.origin_no AND c.seq = d.seq"
        " AND c.incarnation = d.incarnation"
        " WHERE c.hlc > (SELECT min(hlc) FROM sync_changeset)"
        " + (12 * 60 * 60 * 1000 << 16)",
        &at, e);
    if (rc == 0) {
        rc = replica_take_back(own(s), at, s->tree->now_ms, &taken, e);
    }
    return rc == 0 ? drain(s, e) : rc;
}

/* What the clinic signed and its hub heard is lost with the disk; a backup takes
 * its place, and people go on. */
static void lose(struct tree *t)
{
    tree_back_up(t, CLINIC, "before");
    sign_at_clinic(t);
    tree_send(t, CLINIC, HUB);
    tree_put_back(t, CLINIC, "before");
    write_rows(t, CLINIC, 80, 3);
}

/* A neighbour's greeting tells the node, which asks for what it lost. */
static int come_back_from(struct stage *s, int giver, struct err *e)
{
    const struct tree_node *n = &s->tree->nodes[s->node];
    struct replica *other = s->tree->nodes[giver].replica;
    const struct replica_self *there = replica_self(other);
    const struct replica_self *self = replica_self(own(s));
    struct peer here;
    int rc = replica_peer_of_curve(other, n->keys.curve_public, &here, e);
    if (rc == 0 &&
        !lineage_has(&self->lineage, self->journal, self->head, &here.have)) {
        rc = replica_put_back(own(s), &there->node, there->head, e);
    }
    if (rc != 0) {
        return rc;
    }
    done(s);
    return send_one(s, giver, s->node, e);
}

static int come_back(struct stage *s, struct err *e)
{
    return come_back_from(s, HUB, e);
}

/* The hub signs while its clock is a day ahead, its disk is put back to the midst
 * of that, and it takes back what it has: only its clinic has all. */
static void lose_ahead(struct tree *t)
{
    t->now_ms += DAY_MS;
    write_rows(t, HUB, 90, 3);
    tree_drain(t, HUB);
    tree_back_up(t, HUB, "before");
    write_rows(t, HUB, 100, 3);
    tree_drain(t, HUB);
    tree_send(t, HUB, CLINIC);
    tree_put_back(t, HUB, "before");
    t->now_ms -= DAY_MS;
    tree_send(t, HUB, HQ);
}

static int come_back_late(struct stage *s, struct err *e)
{
    struct signed_anew anew = {.more = true};
    int rc = come_back_from(s, CLINIC, e);
    while (rc == 0 && anew.more) {
        done(s);
        rc = replica_sign_returned(own(s), s->tree->now_ms, &anew, e);
    }
    return rc;
}

/* The file is that of a backup, and no node has opened it. */
static void put_back(struct tree *t)
{
    tree_back_up(t, CLINIC, "before");
    sign_at_clinic(t);
    tree_send(t, CLINIC, HUB);
    tree_close(t, CLINIC);
    tree_put_file(t, CLINIC, "before");
}

/* Who is enrolled, and has begun to make its replica: the power was cut. */
static struct message grant;

static void be_enrolled(struct tree *t)
{
    message_clear(&grant);
    assert_int_equal(tree_enrol(t, HUB, "LDH-P", &grant), NEWCOMER);
    int fd =
        open(t->nodes[NEWCOMER].path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static int create(struct stage *s, struct err *e)
{
    const struct tree_node *n = &s->tree->nodes[s->node];
    int rc = 0;
    if (!database_is_made(n->path)) {
        rc = tree_create(s->tree, s->node, "LDH-P", &grant.as.grant, e);
        if (rc == 0) {
            done(s);
        }
    }
    return rc == 0 ? restart(s, e) : rc;
}

const struct act acts[] = {
    {"a drain", CLINIC, write_at_clinic, drain, false},
    {"storing what a child sent", HUB, sign_at_clinic, send_up, false},
    {"a child's word that it is stored", CLINIC, sign_at_clinic, send_up,
     false},
    {"storing what the parent sent", HUB, sign_at_hq, send_down, false},
    {"storing and signing at once", HUB, sign_both, send_up, false},
    {"a checkpoint", HUB, fill_log, checkpoint, false},
    {"a rebuild", HUB, sign_both, rebuild, false},
    {"an enrolment", HUB, ask, enrol, false},
    {"an upgrade", CLINIC, write_at_clinic, upgrade, false},
    {"a start", HUB, sign_both, start, true},
    {"a start on a file that was put back", CLINIC, put_back, restart, true},
    {"a node is created", NEWCOMER, be_enrolled, create, true},
    {"a look of the rules", CLINIC, write_doses, judge, true},
    {"a scrub", CLINIC, wound, scrub, true},
    {"an end of a node", HUB, sign_at_clinic, end_node, true},
    {"a taking back", CLINIC, sign_ahead, take_back, true},
    {"a return of what was lost", CLINIC, lose, come_back, true},
    {"a return of what is void", HUB, lose_ahead, come_back_late, true},
};
const size_t act_count = sizeof acts / sizeof acts[0];

/* Rules need what they read; nothing else does, and it takes its time. */
static struct tree *district(const struct act *act)
{
    struct tree *t = tree_new_knowing(act->play == judge ? &schema_embedded
                                                         : small_schema());
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    write_rows(t, CLINIC, 1, 3);
    tree_sync(t);
    return t;
}

struct stage acts_stage(const struct act *act)
{
    struct stage s = {.tree = district(act), .node = act->node};
    if (act->prepare != NULL) {
        act->prepare(s.tree);
    }
    return s;
}

/* To ask a file whether it is made empties its log. */
void acts_start(struct stage *s)
{
    if (s->node != NEWCOMER || database_is_made(s->tree->nodes[s->node].path)) {
        tree_restart(s->tree, s->node);
    } else {
        tree_close(s->tree, s->node);
    }
}

void acts_restart(struct stage *s)
{
    struct tree_node *n = &s->tree->nodes[s->node];
    bool later =
        database_is_made(n->path) &&
        scratch_number(n->path, "PRAGMA user_version") == LATER_COLUMNS;
    n->schema =
        later ? later_schema(s->tree->schema, LATER_COLUMNS) : s->tree->schema;
    acts_start(s);
}
