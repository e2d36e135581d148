/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "network.h"
#include "node/clock.h"
#include "store/replica.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 5 * 1000, /* the real loop's is one second: these are slow */
    BIRTH_MS = 1000,
};

static const struct zone_offset india = {.from_s = 0, .offset_s = 19800};

int machine_index(const struct machine *m)
{
    assert(m != NULL);
    return m->index;
}

/* --- birth ----------------------------------------------------------------- */

static void make_home(struct machine *m)
{
    (void)snprintf(m->path, sizeof m->path, "%s/replica.db", m->folder);
    m->home =
        (struct home){.folder = m->folder, .replica = m->path, .lock_fd = -1};
    m->disk = storage_disk(m->folder);
    keys_generate(&m->keys);
    m->schema = sim.schema;
}

static struct replica_birth birth_of(const struct machine *m)
{
    return (struct replica_birth){
        .time_zone = "Asia/Kolkata",
        .site_id = m->site,
        .offsets = &india,
        .offset_count = 1,
        .schema = m->schema,
    };
}

/* As `sangam invite` and `sangam join` do. */
static void enrol(struct machine *m, struct machine *parent,
                  struct message *ret)
{
    struct replica *above = parent->replica;
    struct invites open;
    struct invite_row row = {
        .network = replica_self(above)->network,
        .may_enrol = m->depth == 1,
        .expires_ms = sim.now_ms + INT64_C(86400000),
    };
    uint8_t proof[SIGNATURE_BYTES];
    char curve[2 * KEY_PUBLIC_BYTES + 1];
    char signature[2 * SIGNATURE_BYTES + 1];
    char sql[1024];
    struct enrol_request request = {.network = row.network};
    randombytes_buf(row.curve_public, sizeof row.curve_public);
    (void)snprintf(row.site, sizeof row.site, "%s", m->site);
    invite_row_sign(&row, &parent->keys, proof);
    (void)sodium_bin2hex(curve, sizeof curve, row.curve_public,
                         sizeof row.curve_public);
    (void)sodium_bin2hex(signature, sizeof signature, proof, sizeof proof);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO local_invite(invite_id, site_id, curve_public,"
                   " may_enrol, expires_ms, proof)"
                   " VALUES('%s', '%s', x'%s', %d, %lld, x'%s')",
                   curve, m->site, curve, row.may_enrol,
                   (long long)row.expires_ms, signature);
    if (machine_sql(parent, sql) != SQLITE_OK) {
        sim_fail("no invite: %s", sqlite3_errmsg(parent->client));
    }
    sim_must(replica_invites(above, sim.now_ms, &open, said));
    free(open.keys);
    memcpy(request.invite_curve, row.curve_public, sizeof request.invite_curve);
    enrol_request_sign(&request, &m->keys);
    sim_must(replica_enrol(above, &request, sim.now_ms, ret, said));
}

static void be_root(struct machine *m)
{
    struct replica_birth birth = birth_of(m);
    birth.network = keys_node(m->keys.sign_public);
    sim_must(replica_create(m->path, &birth, &m->keys, NULL, sim.now_ms, said));
}

static void be_child(struct machine *m, struct machine *parent)
{
    struct replica_birth birth = birth_of(m);
    struct message grant;
    char address[32];
    sim.running = parent;
    enrol(m, parent, &grant);
    sim.running = m;
    (void)snprintf(address, sizeof address, "sim:%d", parent->index);
    birth.network = replica_self(parent->replica)->network;
    birth.has_parent = true;
    birth.parent = grant.as.grant.parent;
    birth.parent_address = address;
    sim_must(replica_create(m->path, &birth, &m->keys, &grant.as.grant,
                            sim.now_ms, said));
    message_clear(&grant);
}

void machine_make(struct machine *m, struct machine *parent)
{
    sim.running = m;
    make_home(m);
    if (parent == NULL) {
        be_root(m);
    } else {
        be_child(m, parent);
    }
    sim.running = NULL;
    sim.now_ms += BIRTH_MS;
}

/* --- on and off -------------------------------------------------------------- */

static int open_client(struct machine *m, struct err *e)
{
    if (sqlite3_open(m->path, &m->client) != SQLITE_OK ||
        sqlite3_exec(m->client, "PRAGMA wal_autocheckpoint = 0", NULL, NULL,
                     NULL) != SQLITE_OK) {
        int rc = err_set(e, ERR_IO, "a program cannot open the replica: %s",
                         sqlite3_errmsg(m->client));
        sqlite3_close(m->client);
        m->client = NULL;
        return rc;
    }
    return 0;
}

static int start_program(struct machine *m, struct err *e)
{
    const struct replica_start start = {
        .schema = m->schema,
        .now_ms = clock_wall_ms(),
        .offsets = &india,
        .offset_count = 1,
    };
    int rc = replica_open(m->path, &m->keys, &start, &m->replica, e);
    if (rc == 0) {
        m->auth = network_door();
        rc = children_new(m->replica, &m->hold, &m->keys, "sim", &m->children,
                          e);
    }
    if (rc == 0) {
        m->upkeep = upkeep_new(&m->home, m->replica, &m->hold, m->auth);
        m->head = replica_self(m->replica)->head;
        if (replica_self(m->replica)->has_parent) {
            m->uplink = uplink_new(m->replica, &m->hold, &m->keys);
        }
    }
    return rc;
}

static void end_programs(struct machine *m)
{
    sqlite3_close(m->client);
    m->client = NULL;
    children_destroy(&m->children);
    uplink_destroy(&m->uplink);
    if (m->auth != NULL) {
        network_door_free(m->auth);
        m->auth = NULL;
    }
    upkeep_destroy(&m->upkeep);
    replica_close(&m->replica);
    m->on = false;
    sim.running = NULL;
}

int machine_start(struct machine *m, struct err *e)
{
    assert(!m->on);
    sim.running = m;
    m->hold = (struct hold){.replica = m->path};
    m->tick_ms = sim.now_ms + TICK_MS;
    m->turn_ms = sim.now_ms;
    m->look_ms = sim.now_ms;
    m->knows_parent_time = false;
    m->starts++;
    int rc = start_program(m, e);
    if (rc == 0) {
        rc = open_client(m, e);
    }
    if (rc != 0) {
        network_leave(m->index, true);
        end_programs(m);
        return rc;
    }
    m->on = true;
    sim.running = NULL;
    sim_say("%s is on", m->site);
    return 0;
}

void machine_stop(struct machine *m)
{
    sim.running = m;
    network_leave(m->index, true);
    end_programs(m);
    sim_say("%s is off", m->site);
}

void machine_kill(struct machine *m, bool power, struct dice *dice)
{
    sim.running = m;
    disk_kill(m->disk);
    network_leave(m->index, !power);
    end_programs(m);
    if (power) {
        disk_cut_power(m->disk, dice);
    }
    disk_revive(m->disk);
    sim_say("%s is %s", m->site, power ? "without power" : "killed");
}

/* --- turns ------------------------------------------------------------------- */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

int64_t machine_due_ms(const struct machine *m)
{
    if (!m->on) {
        return INT64_MAX;
    }
    int64_t due_ms = earlier(m->tick_ms, m->look_ms);
    due_ms = earlier(due_ms, upkeep_due_ms(m->upkeep));
    due_ms = earlier(due_ms, children_due_ms(m->children));
    if (m->uplink != NULL) {
        due_ms = earlier(due_ms, uplink_due_ms(m->uplink));
    }
    if (network_waits(m->index)) {
        due_ms = 0;
    }
    return later(due_ms, m->turn_ms);
}

static int take_what_came(struct machine *m, struct err *e)
{
    int rc = children_judge(m->children, m->auth, e);
    if (rc == 0) {
        rc = children_receive(m->children, e);
    }
    return rc == 0 && m->uplink != NULL ? uplink_receive(m->uplink, e) : rc;
}

static int tick(struct machine *m, struct err *e)
{
    m->tick_ms = sim.now_ms + TICK_MS;
    int rc = upkeep_checkpoint(m->upkeep, e);
    if (rc == 0) {
        rc = children_tick(m->children, e);
    }
    return rc == 0 && m->uplink != NULL ? uplink_tick(m->uplink, e) : rc;
}

static int work_of_links(struct machine *m, struct err *e)
{
    int rc = children_work(m->children, e);
    return rc == 0 && m->uplink != NULL ? uplink_work(m->uplink, e) : rc;
}

static int spread_news(struct machine *m, struct err *e)
{
    uint64_t head = replica_self(m->replica)->head;
    if (head == m->head) {
        return 0;
    }
    m->head = head;
    int rc = children_news(m->children, head, e);
    if (rc == 0 && m->uplink != NULL) {
        rc = uplink_news(m->uplink, head, e);
    }
    return rc == 0 ? upkeep_checkpoint(m->upkeep, e) : rc;
}

int machine_turn(struct machine *m, struct err *e)
{
    sim.running = m;
    m->turn_ms = sim.now_ms + 1;
    int rc = take_what_came(m, e);
    if (rc == 0) {
        replica_correct(m->replica, clock_correction_ms());
        rc = upkeep_work(m->upkeep, e);
    }
    if (rc == 0 && m->tick_ms <= sim.now_ms) {
        rc = tick(m, e);
    }
    if (rc == 0) {
        rc = work_of_links(m, e);
    }
    if (rc == 0) {
        rc = spread_news(m, e);
    }
    sim.running = NULL;
    return rc;
}

/* --- programs beside it -------------------------------------------------------- */

int machine_sql(struct machine *m, const char *sql)
{
    struct machine *before = sim.running;
    sim.running = m;
    int rc = sqlite3_exec(m->client, sql, NULL, NULL, NULL);
    sim.running = before;
    m->look_ms = sim.now_ms;
    return rc;
}

static sqlite3_stmt *ask(struct machine *m, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(m->client, sql, -1, &stmt, NULL) != SQLITE_OK) {
        sim_fail("%s: %s: %s", m->site, sql, sqlite3_errmsg(m->client));
    }
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        sim_fail("%s: %s: %s", m->site, sql, sqlite3_errmsg(m->client));
    }
    return stmt;
}

int64_t machine_number(struct machine *m, const char *sql)
{
    sqlite3_stmt *stmt = ask(m, sql);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

const char *machine_text(struct machine *m, const char *sql, char out[256])
{
    sqlite3_stmt *stmt = ask(m, sql);
    const unsigned char *text = sqlite3_column_text(stmt, 0);
    (void)snprintf(out, 256, "%s", text == NULL ? "" : (const char *)text);
    sqlite3_finalize(stmt);
    return out;
}
