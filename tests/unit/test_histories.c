/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/context.h"
#include "protocol/elements.h"
#include "store/parts.h"
#include "support/dice.h"
#include "support/later.h"
#include "support/tree.h"

/* Random work at random nodes, over links that are there now and then. In the
 * end all who should hold the same do, and it is what the journal says, told
 * in other words: those of docs/semantics.md section 5, in SQL. */

enum {
    HISTORIES = 2,
    HISTORIES_LONG = 200,
    STEPS = 500,
    KEYS = 12, /* of each kind and district: sites mint the same ones */
};

enum { HQ, LDH_H, ASR_H, FIRST_SITE };

static const char *const sites[TREE_NODES_MAX] = {"PB-HQ", "LDH-H", "ASR-H"};

struct history {
    struct dice dice;
    struct tree *tree;
    const char *site_of[TREE_NODES_MAX];
    size_t added; /* sites, in order of later_sites */
    size_t written;
    size_t refused; /* by guards, or because the key was there */
    bool mixed;     /* nodes are upgraded on the way */
};

struct later_site {
    int parent;
    const char *site;
};

static const struct later_site later_sites[] = {
    {LDH_H, "LDH-C"}, {LDH_H, "LDH-P"}, {ASR_H, "ASR-C"}};

enum { LATER_SITES = sizeof later_sites / sizeof later_sites[0] };

/* --- writing ------------------------------------------------------------- */

/* The letters of the district: keys of two districts never clash. */
static const char *district_of(const struct history *h, int node)
{
    return node == HQ ? "PB" : h->site_of[node][0] == 'L' ? "LDH" : "ASR";
}

/* Who may be offered a row of a district. */
static const char *const *sites_of(const char *district)
{
    static const char *const ludhiana[] = {"LDH-H", "LDH-C", "LDH-P"};
    static const char *const amritsar[] = {"ASR-H", "ASR-C", "ASR-H"};
    /* what a district says of a row of headquarters stays in the district */
    static const char *const nobody[] = {"PB-HQ", "PB-HQ", "PB-HQ"};
    return district[0] == 'L'   ? ludhiana
           : district[0] == 'A' ? amritsar
                                : nobody;
}

/* SQL as a program at a node; a guard may refuse it. */
static void try_sql(struct history *h, int node, const char *sql)
{
    char *message = NULL;
    int rc =
        sqlite3_exec(h->tree->nodes[node].client, sql, NULL, NULL, &message);
    h->written += rc == SQLITE_OK;
    h->refused += rc != SQLITE_OK;
    if (rc != SQLITE_OK && rc != SQLITE_CONSTRAINT) {
        fail_msg("node %d: %s: %s", node, sql, message);
    }
    sqlite3_free(message);
}

struct slots {
    const char *district;
    size_t person;  /* number of a key */
    size_t key;     /* number of another */
    size_t pick;    /* which row to change */
    uint64_t value; /* something new to say */
};

typedef void writer(const struct slots *s, char *out, size_t out_bytes);

static void write_person(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO person(person_id, beneficiary_no, given_name)"
                   " VALUES('p-%s-%zu', 'N-%llu', 'G-%llu')",
                   s->district, s->person, (unsigned long long)s->value,
                   (unsigned long long)s->value);
}

static void write_person_again(const struct slots *s, char *out,
                               size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO person(person_id, beneficiary_no, family_name)"
                   " VALUES('p-%s-%zu', 'N-%llu', 'F-%llu')"
                   " ON CONFLICT(person_id) DO UPDATE SET"
                   " family_name = excluded.family_name",
                   s->district, s->person, (unsigned long long)s->value,
                   (unsigned long long)s->value);
}

static void replace_person(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT OR REPLACE INTO person(person_id, beneficiary_no,"
                   " given_name, origin_site, recorded_at, recorded_by)"
                   " SELECT person_id, beneficiary_no, 'R-%llu', origin_site,"
                   " recorded_at, recorded_by FROM person"
                   " WHERE person_id = 'p-%s-%zu'",
                   (unsigned long long)s->value, s->district, s->person);
}

/* `SET` a column of one of the rows of the district that are there. What a
 * site says of a person of headquarters does not reach the other districts, so
 * headquarters alone does; it changes all. */
static void change(char *out, size_t out_bytes, const char *table,
                   const char *key, const char *set, const struct slots *s)
{
    char value[32];
    (void)snprintf(value, sizeof value, "%llu", (unsigned long long)s->value);
    (void)snprintf(out, out_bytes,
                   "WITH mine(k) AS (SELECT %s FROM %s WHERE '%s' IN ('PB',"
                   " substr(%s, 3, 3))) UPDATE %s SET %s = '%s' WHERE %s ="
                   " (SELECT k FROM mine ORDER BY k LIMIT 1 OFFSET %zu %%"
                   " max(1, (SELECT count(*) FROM mine)))",
                   key, table, s->district, key, table, set, value, key,
                   s->pick);
}

static void change_phone(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "person", "person_id", "phone", s);
}

static void change_two_classes(const struct slots *s, char *out,
                               size_t out_bytes)
{
    change(out, out_bytes, "person", "person_id",
           s->value % 2 == 0 ? "vital_status = 'dead', alias_names"
                             : "vital_status = 'alive', alias_names",
           s);
}

static void change_and_change_back(const struct slots *s, char *out,
                                   size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "BEGIN; UPDATE person SET phone = phone || 'x',"
                   " home_locality = 'L-%llu' WHERE person_id = 'p-%s-%zu';"
                   " UPDATE person SET phone = substr(phone, 1,"
                   " length(phone) - 1) WHERE person_id = 'p-%s-%zu'; COMMIT",
                   (unsigned long long)s->value, s->district, s->person,
                   s->district, s->person);
}

static void write_enrolment(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO enrolment(enrolment_id, person_id, programme,"
                   " status) VALUES('e-%s-%zu', 'p-%s-%zu', 'OOAT', 'active')",
                   s->district, s->key, s->district, s->person);
}

static void change_enrolment(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "enrolment", "enrolment_id", "named_worker", s);
}

static void write_order(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO treatment_order(order_id, enrolment_id,"
                   " person_id, item_code, daily_dose_mcg, mode, status,"
                   " prescriber) VALUES('o-%s-%zu', 'e', 'p-%s-%zu', 'BUP',"
                   " %llu, 'observed', 'active', 'Dr T')",
                   s->district, s->key, s->district, s->person,
                   (unsigned long long)s->value % 100 + 1);
}

static void change_order(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "treatment_order", "order_id", "reason", s);
}

static void write_dose(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO dose_event(dose_id, person_id, kind, units,"
                   " verified_by, dispensed_by) VALUES('d-%s-%llu',"
                   " 'p-%s-%zu', 'observed', %llu, 'manual', 'nurse')",
                   s->district, (unsigned long long)s->value % (8 * KEYS),
                   s->district, s->person, (unsigned long long)s->value % 9);
}

static void write_dose_twice(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT OR REPLACE INTO dose_event SELECT * FROM dose_event"
                   " ORDER BY dose_id LIMIT 1 OFFSET %zu",
                   s->pick % 8);
}

static void change_sex(const struct slots *s, char *out, size_t out_bytes)
{
    static const char *const sexes[] = {
        "sex = 'male'", "sex = 'female', birth_year = 1980",
        "birth_year = 1981, birth_precision = 'year'",
        "birth_date = NULL, birth_year = 1982"};
    (void)snprintf(out, out_bytes,
                   "UPDATE person SET %s WHERE person_id = 'p-%s-%zu'",
                   sexes[s->value % 4], s->district, s->person);
}

static void change_alerts(const struct slots *s, char *out, size_t out_bytes)
{
    static const char *const lists[] = {"'[\"a\"]'", "'[ \"b\", \"a\" ]'",
                                        "'[]'", "'[\"c\",\"b\",7]'",
                                        "'[7,\"d\"]'"};
    (void)snprintf(out, out_bytes,
                   "UPDATE person SET alerts = %s WHERE person_id = 'p-%s-%zu'",
                   lists[s->value % 5], s->district, s->person);
}

/* Another site may change the dose and stop the order, and owns nothing. */
static void change_dose(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "UPDATE treatment_order SET daily_dose_mcg = %llu"
                   " WHERE order_id = 'o-%s-%zu'",
                   (unsigned long long)s->value % 50 + 1, s->district, s->key);
}

static void stop_order(const struct slots *s, char *out, size_t out_bytes)
{
    static const char *const words[] = {"draft", "active", "superseded",
                                        "stopped"};
    (void)snprintf(out, out_bytes,
                   "UPDATE treatment_order SET status = '%s',"
                   " valid_to = '2026-01-%02llu', max_take_home_days = %llu"
                   " WHERE order_id = 'o-%s-%zu'",
                   words[s->value % 4], (unsigned long long)s->value % 28 + 1,
                   (unsigned long long)s->value % 7, s->district, s->key);
}

static void offer_enrolment(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "WITH mine AS (SELECT * FROM enrolment WHERE owner_site ="
                   " (SELECT site_id FROM sync_self) AND enrolment_id LIKE"
                   " 'e-%s-%%') INSERT INTO referral(person_id, enrolment_id,"
                   " kind, to_site, offered_epoch) SELECT person_id,"
                   " enrolment_id, 'transfer_of_care', '%s', owner_epoch"
                   " FROM mine ORDER BY 2 LIMIT 1 OFFSET %zu %% max(1, (SELECT"
                   " count(*) FROM mine))",
                   s->district, sites_of(s->district)[s->value % 3], s->pick);
}

/* At a site that has no offer the guard refuses it. */
static void take_enrolment(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "UPDATE enrolment SET owner_site = (SELECT site_id FROM"
                   " sync_self), named_worker = 'W-%llu'"
                   " WHERE enrolment_id IN (SELECT r.enrolment_id FROM referral"
                   " AS r JOIN enrolment AS e USING(enrolment_id) WHERE"
                   " r.to_site = (SELECT site_id FROM sync_self) AND"
                   " r.offered_epoch = e.owner_epoch AND r.origin_site ="
                   " e.owner_site LIMIT 1)",
                   (unsigned long long)s->value);
}

static void answer_referral(const struct slots *s, char *out, size_t out_bytes)
{
    static const char *const words[] = {"accepted", "declined", "closed"};
    (void)snprintf(out, out_bytes,
                   "UPDATE referral SET receiver_status = '%s', receiver_on ="
                   " '2026-02-%02llu' WHERE referral_id = (SELECT referral_id"
                   " FROM referral WHERE '%s' IN ('PB', substr(enrolment_id, 3,"
                   " 3)) ORDER BY 1 LIMIT 1 OFFSET %zu)",
                   words[s->value % 3], (unsigned long long)s->value % 28 + 1,
                   s->district, s->pick % 4);
}

static void write_group(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO peer_group(group_id, name, model, led_by)"
                   " VALUES('g-%s-%zu', 'G', 'NA_HI', 'mixed')",
                   s->district, s->key);
}

static void change_group(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "peer_group", "group_id", "name", s);
}

static void write_sessions(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1"
                   " FROM n WHERE i < %zu) INSERT INTO peer_session("
                   "session_id, group_id, outcome, headcount) SELECT"
                   " 's-%s-%llu-' || i, 'g-%s-%zu', 'held', i FROM n",
                   s->pick % 20 + 1, s->district, (unsigned long long)s->value,
                   s->district, s->key);
}

static void write_item(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO ref_item(item_code, kind, name, unit)"
                   " VALUES('I-%zu', 'medicine', 'N-%llu', 'tablet')"
                   " ON CONFLICT(item_code) DO UPDATE SET"
                   " name = excluded.name",
                   s->key, (unsigned long long)s->value);
}

static void change_site(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "ref_site", "site_id", "capacity", s);
}

static writer *const writers[] = {
    write_person,     write_person,    write_person_again,
    replace_person,   change_phone,    change_phone,
    change_phone,     change_phone,    change_two_classes,
    write_enrolment,  write_order,     change_and_change_back,
    change_enrolment, change_order,    change_enrolment,
    write_dose,       write_dose,      write_dose_twice,
    write_group,      change_group,    write_sessions,
    write_item,       change_site,     change_sex,
    change_sex,       change_sex,      change_alerts,
    change_alerts,    change_dose,     change_dose,
    stop_order,       stop_order,      offer_enrolment,
    offer_enrolment,  take_enrolment,  take_enrolment,
    offer_enrolment,  take_enrolment,  offer_enrolment,
    offer_enrolment,  take_enrolment,  offer_enrolment,
    take_enrolment,   answer_referral, change_sex,
    change_sex,       change_dose,     take_enrolment,
};

enum { WRITERS = sizeof writers / sizeof writers[0] };

/* --- writing what the embedded schema does not have ----------------------- */

static void write_guarded_person(const struct slots *s, char *out,
                                 size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO person(person_id, beneficiary_no, guardian,"
                   " seen_at) VALUES('p-%s-%zu', 'N-%llu', 'G-%llu', 'S-%llu')",
                   s->district, s->person, (unsigned long long)s->value,
                   (unsigned long long)s->value, (unsigned long long)s->value);
}

static void change_guardian(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "person", "person_id", "guardian", s);
}

static void change_both(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "person", "person_id",
           "vital_status = 'alive', phone = 'both', consent", s);
}

static void change_bed(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "enrolment", "enrolment_id", "bed", s);
}

static void write_visit(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO visit(visit_id, person_id, place)"
                   " VALUES('v-%s-%zu', 'p-%s-%zu', 'P-%llu')",
                   s->district, s->key, s->district, s->person,
                   (unsigned long long)s->value);
}

static void change_visit(const struct slots *s, char *out, size_t out_bytes)
{
    change(out, out_bytes, "visit", "visit_id", "place", s);
}

static void write_test(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO test_event(test_id, person_id, result)"
                   " VALUES('t-%s-%zu', 'p-%s-%zu', '%llu')",
                   s->district, s->key, s->district, s->person,
                   (unsigned long long)s->value % 3);
}

static void write_holiday(const struct slots *s, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes,
                   "INSERT INTO ref_holiday(day, name) VALUES('D-%zu', '%llu')"
                   " ON CONFLICT(day) DO UPDATE SET name = excluded.name",
                   s->key, (unsigned long long)s->value);
}

static writer *const later_writers[] = {
    write_guarded_person, write_guarded_person, change_guardian,
    change_guardian,      change_both,          change_bed,
    change_bed,           write_visit,          change_visit,
    write_test,           write_holiday,
};

enum { LATER_WRITERS = sizeof later_writers / sizeof later_writers[0] };

static void write_something(struct history *h)
{
    struct dice *d = &h->dice;
    int node = (int)dice_below(d, (size_t)h->tree->count);
    size_t which = dice_below(d, WRITERS);
    const struct slots slots = {
        /* headquarters writes about its own persons and about theirs */
        .district = district_of(h, node), .person = dice_below(d, KEYS),
        .key = dice_below(d, KEYS),       .pick = dice_below(d, 1000),
        .value = dice_u64(d) >> 40,
    };
    char sql[1024];
    writer *write = writers[which];
    if (h->tree->nodes[node].schema != &schema_embedded && dice_even(d)) {
        write = later_writers[which % LATER_WRITERS];
    }
    write(&slots, sql, sizeof sql);
    try_sql(h, node, sql);
}

/* --- steps --------------------------------------------------------------- */

static void add_site(struct history *h)
{
    struct tree *t = h->tree;
    const struct later_site *later = &later_sites[h->added];
    tree_send(t, HQ, later->parent); /* its certificate and the register */
    int node = tree_add(t, later->parent, later->site);
    h->site_of[node] = later->site;
    h->added++;
}

static void send_one_link(struct history *h)
{
    int child = 1 + (int)dice_below(&h->dice, (size_t)h->tree->count - 1);
    int parent = h->tree->nodes[child].parent;
    if (dice_even(&h->dice)) {
        tree_send(h->tree, child, parent);
    } else {
        tree_send(h->tree, parent, child);
    }
}

static void move_clock(struct history *h)
{
    int64_t ms = (int64_t)dice_below(&h->dice, 20000);
    h->tree->now_ms += dice_even(&h->dice) ? ms : -ms;
}

/* What a site of one version enrols, any version may join. */
static void upgrade_one(struct history *h, int node)
{
    const struct schema *later = later_schema(&schema_embedded, LATER_COLUMNS);
    if (h->mixed && h->tree->nodes[node].schema != later) {
        tree_upgrade(h->tree, node, later);
    }
    if (h->mixed) {
        h->tree->schema = dice_even(&h->dice) ? later : &schema_embedded;
    }
}

static void take_step(struct history *h)
{
    int node = (int)dice_below(&h->dice, (size_t)h->tree->count);
    uint64_t leaves;
    struct err e;
    switch (dice_below(&h->dice, 32)) {
    case 0:
        tree_restart(h->tree, node);
        break;
    case 1:
        move_clock(h);
        break;
    case 2:
        if (h->added < LATER_SITES) {
            add_site(h);
        }
        break;
    case 3:
        if (dice_below(&h->dice, 3) == 0) {
            upgrade_one(h, node);
        }
        if (dice_below(&h->dice, 8) == 0) {
            assert_int_equal(replica_rebuild(h->tree->nodes[node].replica,
                                             h->tree->now_ms, &leaves, &e),
                             0);
        }
        break;
    case 4:
    case 5:
    case 6:
        tree_drain(h->tree, node);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
        send_one_link(h);
        break;
    default:
        write_something(h);
        break;
    }
}

/* --- who holds the same -------------------------------------------------- */

/* Rows of a table that are due at district `d`: those written there or at
 * headquarters. Every such row, column by column. */
static struct hash rows_of(struct tree *t, int node, const struct table *table,
                           const char *d)
{
    char sql[512];
    struct hash hash;
    struct bytes all = {0};
    sqlite3_stmt *stmt;
    bool placed = table->origin_column != NULL;
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM %s WHERE %s IN (SELECT site_id FROM ref_site"
                   " WHERE district_code IN ('PB', '%s')) OR %d"
                   " ORDER BY 1, 2",
                   table->name, placed ? "origin_site" : "''", d, !placed);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL), 0);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            struct value v = database_column(stmt, i);
            value_encode(&v, &all);
        }
    }
    sqlite3_finalize(stmt);
    crypto_generichash(hash.bytes, HASH_BYTES, all.data, all.len, NULL, 0);
    bytes_free(&all);
    return hash;
}

static void assert_same_rows(struct history *h, int a, int b, const char *d)
{
    const struct manifest *m = replica_manifest(h->tree->nodes[a].replica);
    for (size_t i = 0; i < m->table_count; i++) {
        const struct table *table = &m->tables[i];
        struct hash ours = rows_of(h->tree, a, table, d);
        struct hash theirs = rows_of(h->tree, b, table, d);
        if (!hash_equal(&ours, &theirs)) {
            fail_msg("%s of district %s differs between %s and %s", table->name,
                     d, h->site_of[a], h->site_of[b]);
        }
    }
}

static void assert_nodes_agree(struct history *h)
{
    for (int i = 1; i < h->tree->count; i++) {
        const char *d = district_of(h, i);
        assert_same_rows(h, i, HQ, d);
        for (int k = 1; k < i; k++) {
            if (strcmp(district_of(h, k), d) == 0) {
                assert_same_rows(h, i, k, d);
                tree_check_verdicts(h->tree, i, k);
            }
        }
    }
}

static void assert_digests_agree(struct history *h)
{
    for (int i = 1; i < h->tree->count; i++) {
        int parent = h->tree->nodes[i].parent;
        struct peer child = tree_peer(h->tree, parent, i);
        struct digest digest;
        struct compared compared;
        struct err e;
        assert_int_equal(
            replica_digest(h->tree->nodes[parent].replica, &child, &digest, &e),
            0);
        assert_int_equal(
            replica_compare(h->tree->nodes[i].replica, &digest, &compared, &e),
            0);
        assert_true(compared.equal);
        assert_false(compared.incomplete);
        free(digest.origins);
    }
}

/* [I-5], [I-6]: nothing pending, nothing parked, nothing to sign. */
static void assert_at_rest(struct history *h)
{
    for (int i = 0; i < h->tree->count; i++) {
        struct replica *r = h->tree->nodes[i].replica;
        struct drained drained;
        struct err e;
        uint64_t head = replica_self(r)->head;
        assert_string_equal(
            tree_get(h->tree, i, "SELECT count(*) FROM sync_pending"), "0");
        assert_string_equal(
            tree_get(h->tree, i, "SELECT count(*) FROM sync_parked"), "0");
        assert_string_equal(
            tree_get(h->tree, i, "SELECT count(*) FROM sync_unprojected"), "0");
        assert_int_equal(replica_drain(r, h->tree->now_ms, &drained, &e), 0);
        assert_int_equal(drained.leaves, 0);
        assert_int_equal(replica_self(r)->head, head);
    }
}

/* --- the oracle ---------------------------------------------------------- */

/* Every cell in the journal of a node, with all that decides about it. `score`
 * is the place of a value where values decide; `said`, of a `review`, what the
 * columns of its group say together. */
static const char oracle_schema[] =
    "CREATE TABLE cell(table_id, event, key, scope, col, policy, value, owner,"
    " epoch, offer, takes, birth, score, hash, hlc, node, incarnation, seq);"
    "CREATE TABLE covers(table_id, key, col, hlc, node, incarnation, seq,"
    " by_node, by_incarnation, by_seq);"
    "CREATE TABLE element(table_id, key, col, element, adds, node, incarnation,"
    " seq);"
    "CREATE TABLE offer(hash PRIMARY KEY, key, from_site, to_site, epoch);"
    "CREATE VIEW life AS SELECT * FROM (SELECT table_id, key, scope, owner,"
    "  hlc, node, incarnation, seq, row_number() OVER (PARTITION BY table_id,"
    "  key ORDER BY hlc, node, incarnation, seq) AS n"
    "  FROM cell WHERE birth) WHERE n = 1;"
    /* who owned a row from which epoch on: of those who took it the first */
    "CREATE TABLE owned(table_id, key, epoch, site,"
    "  PRIMARY KEY(table_id, key, epoch));"
    "CREATE VIEW counts AS SELECT c.* FROM cell c JOIN life l"
    "  ON l.table_id = c.table_id AND l.key = c.key AND l.scope = c.scope"
    "  AND (c.owner IS NULL OR EXISTS(SELECT 1 FROM owned o WHERE"
    "   o.table_id = c.table_id AND o.key = c.key AND o.epoch = c.epoch"
    "   AND o.site = c.owner))"
    "  AND (NOT c.event OR (c.hlc = l.hlc AND c.node = l.node"
    "   AND c.incarnation = l.incarnation AND c.seq = l.seq))"
    "  AND (c.policy <> 'review' OR NOT EXISTS(SELECT 1 FROM covers v WHERE"
    "   v.table_id = c.table_id AND v.key = c.key AND v.col = c.col"
    "   AND v.node = c.node AND v.incarnation = c.incarnation"
    "   AND v.seq >= c.seq));"
    "CREATE TABLE shows(table_id, key, col, value,"
    "  PRIMARY KEY(table_id, key, col));";

static const char oracle_first[] =
    "INSERT INTO owned SELECT table_id, key, 1, owner FROM life"
    " WHERE owner IS NOT NULL";

/* Run until nothing is added: each epoch after the one before. */
static const char oracle_next[] =
    "INSERT INTO owned SELECT table_id, key, epoch, owner FROM (SELECT c.*,"
    "  row_number() OVER (PARTITION BY c.table_id, c.key, c.epoch ORDER BY"
    "  c.hlc, c.node, c.incarnation, c.seq) AS n FROM cell c"
    "  JOIN owned o ON o.table_id = c.table_id AND o.key = c.key"
    "   AND o.epoch = c.epoch - 1"
    "  JOIN offer f ON f.hash = c.offer AND f.key = c.key"
    "   AND f.from_site = o.site AND f.to_site = c.owner"
    "   AND f.epoch = c.epoch - 1"
    "  JOIN life l ON l.table_id = c.table_id AND l.key = c.key"
    "   AND l.scope = c.scope"
    "  WHERE c.takes) WHERE n = 1 ON CONFLICT DO NOTHING";

static const char oracle_verdict[] =
    "INSERT INTO shows SELECT table_id, key, col, value FROM (SELECT *,"
    "  row_number() OVER (PARTITION BY table_id, key, col ORDER BY"
    "  iif(policy = 'owner', epoch, 0) DESC, score DESC, iif(policy = 'fixed', place, -place)) AS n"
    "  FROM (SELECT *, row_number() OVER"
    "  (ORDER BY hlc, node, incarnation, seq) AS place FROM counts))"
    " WHERE n = 1;"
    /* a union shows what was added and not taken away since */
    "UPDATE shows AS s SET value = (SELECT '[' || group_concat(text, ',') ||"
    "  ']' FROM (SELECT DISTINCT json_quote(e.element) AS text,"
    "   typeof(e.element) AS kind, length(e.element) AS len FROM element e"
    "   WHERE e.table_id = s.table_id AND e.key = s.key AND e.col = s.col"
    "   AND e.adds AND NOT EXISTS(SELECT 1 FROM element r WHERE NOT r.adds"
    "    AND r.table_id = e.table_id AND r.key = e.key AND r.col = e.col"
    "    AND r.element IS e.element AND r.node = e.node"
    "    AND r.incarnation = e.incarnation AND r.seq >= e.seq)"
    "   ORDER BY kind, len, text))"
    " WHERE EXISTS(SELECT 1 FROM cell c WHERE c.policy = 'union'"
    "  AND c.table_id = s.table_id AND c.col = s.col)";

static void bind_blob_u64(sqlite3_stmt *stmt, int at, uint64_t v)
{
    uint8_t bytes[8];
    be64_put(bytes, v);
    sqlite3_bind_blob(stmt, at, bytes, 8, SQLITE_TRANSIENT);
}

/* How a value is preferred where values decide, the same as a number or text
 * for SQLite: a rank, the smaller dose, the earlier day. */
static void bind_score(sqlite3_stmt *stmt, int at, const struct column *c,
                       const struct value *v)
{
    bool smaller = c->policy == POLICY_MIN || c->safe == SAFE_MIN;
    if (c->policy == POLICY_RANK && c->lead == NULL) {
        sqlite3_bind_int64(stmt, at, (int64_t)column_rank(c, v));
    } else if (!smaller) {
        sqlite3_bind_int64(stmt, at, 0);
    } else if (v->type == VALUE_INTEGER) {
        sqlite3_bind_int64(stmt, at, -v->integer);
    } else if (v->type == VALUE_TEXT) { /* 2026-01-07: the day decides */
        sqlite3_bind_int64(stmt, at,
                           -strtoll((const char *)v->bytes.data + 8, NULL, 10));
    } else {
        sqlite3_bind_int64(stmt, at, INT64_MIN);
    }
}

static const char *word_of(const struct column *c)
{
    return policy_is_fixed(c->policy)   ? "fixed"
           : c->policy == POLICY_REVIEW ? "review"
           : c->policy == POLICY_OWNER  ? "owner"
           : c->policy == POLICY_UNION  ? "union"
                                        : "last";
}

struct telling {
    sqlite3 *db;
    const struct table *table;
    const struct leaf *leaf;
    const struct changeset *changeset;
    uint32_t index;
};

static sqlite3_stmt *told(const struct telling *t, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(t->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
    }
    sqlite3_bind_int64(stmt, 1, t->table->id);
    sqlite3_bind_blob(stmt, 2, t->leaf->key_bytes.data,
                      (int)t->leaf->key_bytes.len, SQLITE_TRANSIENT);
    return stmt;
}

static void step(sqlite3_stmt *stmt)
{
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* The column whose value decides for this one. */
static const struct leaf_cell *lead_of(const struct telling *t,
                                       const struct column *c)
{
    for (size_t i = 0; i < t->leaf->cell_count; i++) {
        if (t->leaf->cells[i].column == column_lead(c)->id) {
            return &t->leaf->cells[i];
        }
    }
    fail_msg("%s.%s comes without its lead", t->table->name, c->name);
    return NULL;
}

static void tell_cell(const struct telling *t, size_t i)
{
    const struct leaf *leaf = t->leaf;
    const struct changeset_header *h = &t->changeset->header;
    const struct column *c = table_column(t->table, leaf->cells[i].column);
    bool birth =
        leaf->op == LEAF_INSERT && leaf->class_id == t->table->base_class;
    bool owned =
        c->policy == POLICY_OWNER || (leaf->owned && leaf->op == LEAF_INSERT);
    sqlite3_stmt *stmt = told(
        t, "INSERT INTO cell VALUES(?1, ?3, ?2, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
           " ?11, ?12, ?13, NULL, ?14, ?15, ?16, ?17)");
    sqlite3_bind_int(stmt, 3, t->table->kind == TABLE_EVENT);
    sqlite3_bind_blob(stmt, 4, leaf->scope_bytes.data,
                      (int)leaf->scope_bytes.len, SQLITE_TRANSIENT);
    sqlite3_bind_int(stmt, 5, c->id);
    sqlite3_bind_text(stmt, 6, word_of(c), -1, SQLITE_STATIC);
    database_bind_at(stmt, 7, &leaf->cells[i].value);
    if (owned) {
        sqlite3_bind_text(stmt, 8, (const char *)leaf->owner.site.data,
                          (int)leaf->owner.site.len, SQLITE_TRANSIENT);
        sqlite3_bind_blob(stmt, 10, leaf->owner.offer, HASH_BYTES,
                          SQLITE_TRANSIENT);
    }
    sqlite3_bind_int(stmt, 9, owned ? (int)leaf->owner.epoch : 0);
    sqlite3_bind_int(stmt, 11,
                     owned && leaf->op == LEAF_UPDATE &&
                         c == t->table->owner_column);
    sqlite3_bind_int(stmt, 12, birth);
    bind_score(stmt, 13, column_lead(c), &lead_of(t, c)->value);
    sqlite3_bind_int64(stmt, 14, (int64_t)h->hlc);
    sqlite3_bind_blob(stmt, 15, h->origin.bytes, HASH_BYTES, SQLITE_TRANSIENT);
    bind_blob_u64(stmt, 16, h->incarnation);
    sqlite3_bind_int64(stmt, 17, (int64_t)h->seq);
    step(stmt);
}

/* By which others cover it. */
static struct context_entry name_of(const struct telling *t)
{
    const struct changeset_header *h = &t->changeset->header;
    const struct leaf *leaf = t->leaf;
    struct context_entry name = {
        .incarnation = leaf->named ? leaf->name.incarnation : h->incarnation,
        .seq = leaf->named ? leaf->name.seq : h->seq,
    };
    memcpy(name.origin, h->origin.bytes, HASH_BYTES);
    return name;
}

/* What a write of a review covers, for every column of its group; and what the
 * removal of an element does. */
static void tell_context(const struct telling *t, size_t i)
{
    const struct column *c = table_column(t->table, t->leaf->cells[i].column);
    struct context context = context_of(t->leaf->contexts, column_lead(c)->id);
    struct context_entry entry;
    while (c->policy == POLICY_REVIEW && context_next(&context, &entry)) {
        sqlite3_stmt *stmt = told(
            t, "INSERT INTO covers(table_id, key, col, node, incarnation, seq)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
        sqlite3_bind_int(stmt, 3, c->id);
        sqlite3_bind_blob(stmt, 4, entry.origin, HASH_BYTES, SQLITE_TRANSIENT);
        bind_blob_u64(stmt, 5, entry.incarnation);
        sqlite3_bind_int64(stmt, 6, (int64_t)entry.seq);
        step(stmt);
    }
}

static void tell_element(const struct telling *t, uint16_t column,
                         const struct value *v, bool adds,
                         const struct context_entry *dot)
{
    sqlite3_stmt *stmt =
        told(t, "INSERT INTO element VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    sqlite3_bind_int(stmt, 3, column);
    database_bind_at(stmt, 4, v);
    sqlite3_bind_int(stmt, 5, adds);
    sqlite3_bind_blob(stmt, 6, dot->origin, HASH_BYTES, SQLITE_TRANSIENT);
    bind_blob_u64(stmt, 7, dot->incarnation);
    sqlite3_bind_int64(stmt, 8, (int64_t)dot->seq);
    step(stmt);
}

static void tell_elements(const struct telling *t, size_t i)
{
    const struct leaf_cell *cell = &t->leaf->cells[i];
    struct context_entry dot = name_of(t);
    struct context_entry entry;
    struct elements elements;
    if (table_column(t->table, cell->column)->policy != POLICY_UNION) {
        return;
    }
    assert_true(elements_decode(&cell->value, &elements));
    for (size_t k = 0; k < elements.added_count; k++) {
        tell_element(t, cell->column, &elements.added[k], true, &dot);
    }
    for (size_t k = 0; k < elements.removed_count; k++) {
        struct context c = context_of(t->leaf->contexts, cell->column);
        while (context_next(&c, &entry)) {
            tell_element(t, cell->column, &elements.removed[k], false, &entry);
        }
    }
    elements_clear(&elements);
}

static void tell_offer(const struct telling *t, const char *from)
{
    const struct table *offered = t->table->offered;
    struct hash hash = changeset_leaf_hash(t->changeset, t->index);
    struct bytes key = {0};
    if (offered == NULL || t->leaf->op != LEAF_INSERT) {
        return;
    }
    bytes_put_u8(&key, 1);
    value_encode(leaf_cell(t->leaf, offered->handover.row->id), &key);
    sqlite3_stmt *stmt = told(t, "INSERT OR IGNORE INTO offer VALUES(?3, ?4,"
                                 " ?5, ?6, ?7)");
    sqlite3_bind_blob(stmt, 3, hash.bytes, HASH_BYTES, SQLITE_TRANSIENT);
    sqlite3_bind_blob(stmt, 4, key.data, (int)key.len, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 5, from, -1, SQLITE_TRANSIENT);
    database_bind_at(stmt, 6, leaf_cell(t->leaf, offered->handover.to->id));
    database_bind_at(stmt, 7, leaf_cell(t->leaf, offered->handover.epoch->id));
    step(stmt);
    bytes_free(&key);
}

static void tell_changeset(sqlite3 *db, struct replica *r,
                           const struct changeset *cs)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    for (uint32_t i = 0; i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form != SLOT_VISIBLE) {
            continue;
        }
        assert_int_equal(
            leaf_decode(cs->slots[i].head, cs->slots[i].body, leaf, NULL), 0);
        const struct telling t = {db, manifest_table(r->manifest, leaf->table),
                                  leaf, cs, i};
        for (size_t k = 0;
             t.table->kind != TABLE_CONTROL && k < leaf->cell_count; k++) {
            tell_cell(&t, k);
            tell_context(&t, k);
            tell_elements(&t, k);
        }
        tell_offer(&t, replica_site_of(r, &cs->header.origin));
    }
    free(leaf);
}

static void run_oracle(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

/* An oracle that has heard all that a node holds. */
static sqlite3 *ask_oracle(struct replica *r)
{
    sqlite3 *db;
    struct delivery d = {0};
    struct err e;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    run_oracle(db, oracle_schema);
    while (journal_next(r->db, d.position, 0, &d, &e) == 1) {
        const struct origin *o =
            registry_origin_no(r->merger.registry, d.origin_no);
        struct changeset *cs;
        assert_int_equal(journal_open(r->merger.packer, &r->self.network,
                                      &o->node, &d, &cs, &e),
                         0);
        tell_changeset(db, r, cs);
        changeset_destroy(&cs);
    }
    run_oracle(db, "CREATE INDEX cell_row ON cell(table_id, key);"
                   "CREATE INDEX covers_row ON covers(table_id, key, col);"
                   "CREATE INDEX element_row ON element(table_id, key, col)");
    run_oracle(db, oracle_first);
    do {
        run_oracle(db, oracle_next);
    } while (sqlite3_changes(db) > 0);
    run_oracle(db, oracle_verdict);
    return db;
}

/* A column that came with an upgrade shows its default. */
static void assert_never_written(const struct column *c,
                                 const struct value *shown)
{
    static const struct value null = {.type = VALUE_NULL};
    const struct value unasked = value_text("unasked");
    bool has_default = strcmp(c->name, "consent") == 0;
    assert_true(has_default || strcmp(c->name, "guardian") == 0 ||
                strcmp(c->name, "seen_at") == 0 || strcmp(c->name, "bed") == 0);
    assert_true(value_equal(shown, has_default ? &unasked : &null));
}

/* Compares one row; what the oracle has not heard of is NULL or a default. */
static size_t compare_row(sqlite3_stmt *ask, const struct table *t,
                          sqlite3_stmt *row, const char *site)
{
    struct bytes key = {0};
    size_t cells = 0;
    bytes_put_u8(&key, (uint8_t)t->key_count);
    for (size_t i = 0; i < t->key_count; i++) {
        struct value v = database_column(row, (int)(t->key[i] - t->columns));
        value_encode(&v, &key);
    }
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].policy == POLICY_KEY) {
            continue;
        }
        sqlite3_bind_int64(ask, 1, t->id);
        sqlite3_bind_blob(ask, 2, key.data, (int)key.len, SQLITE_TRANSIENT);
        sqlite3_bind_int(ask, 3, t->columns[i].id);
        struct value shown = database_column(row, (int)i);
        if (sqlite3_step(ask) == SQLITE_DONE) {
            assert_never_written(&t->columns[i], &shown);
            sqlite3_reset(ask);
            continue;
        }
        struct value told = database_column(ask, 0);
        if (!value_equal(&told, &shown)) {
            fail_msg("%s: %s.%s shows '%s', and the journal says '%s'", site,
                     t->name, t->columns[i].name,
                     (const char *)sqlite3_column_text(row, (int)i),
                     (const char *)sqlite3_column_text(ask, 0));
        }
        sqlite3_reset(ask);
        cells++;
    }
    bytes_free(&key);
    return cells;
}

static void assert_oracle_agrees(struct history *h, int node)
{
    struct replica *r = h->tree->nodes[node].replica;
    sqlite3 *oracle = ask_oracle(r);
    sqlite3_stmt *ask;
    size_t cells = 0;
    assert_int_equal(
        sqlite3_prepare_v2(oracle,
                           "SELECT value FROM shows WHERE table_id = ?1 AND"
                           " key = ?2 AND col = ?3",
                           -1, &ask, NULL),
        SQLITE_OK);
    for (size_t i = 0; i < r->manifest->table_count; i++) {
        const struct table *t = &r->manifest->tables[i];
        char sql[128];
        sqlite3_stmt *rows;
        if (t->kind == TABLE_CONTROL) {
            continue;
        }
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", t->name);
        assert_int_equal(sqlite3_prepare_v2(h->tree->nodes[node].client, sql,
                                            -1, &rows, NULL),
                         SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW) {
            cells += compare_row(ask, t, rows, h->site_of[node]);
        }
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(ask);
    /* and no row is missing */
    assert_int_equal(sqlite3_prepare_v2(oracle, "SELECT count(*) FROM shows",
                                        -1, &ask, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(ask, 0), cells);
    sqlite3_finalize(ask);
    sqlite3_close(oracle);
}

/* --- provenance ---------------------------------------------------------- */

/* Each column is shown by one leaf, and every signature verifies [I-3]. */
static void assert_why(struct replica *r, const struct table *t,
                       const char *key_text)
{
    struct why why;
    struct err e;
    struct value key = value_text(key_text);
    char shown[COLUMNS_MAX][64];
    size_t count = 0;
    assert_int_equal(replica_why(r, t, &key, &why, &e), 0);
    for (size_t i = 0; i < why.count; i++) {
        char *rest = why.leaves[i].columns;
        assert_true(why.leaves[i].verified);
        for (char *name = strtok_r(rest, ", ", &rest); name != NULL;
             name = strtok_r(NULL, ", ", &rest)) {
            for (size_t k = 0; k < count; k++) {
                assert_string_not_equal(shown[k], name);
            }
            (void)snprintf(shown[count++], 64, "%s", name);
        }
    }
    /* all but the key, and those that came with an upgrade */
    assert_true(count + 1 >= t->column_count ||
                manifest_table(replica_manifest(r), 9100) != NULL);
    why_clear(&why);
}

static void assert_whys(struct history *h, int node, const char *table,
                        const char *key)
{
    struct replica *r = h->tree->nodes[node].replica;
    const struct table *t = manifest_table_named(replica_manifest(r), table);
    for (int i = 0; i < KEYS; i++) {
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET %d", key,
                       table, i);
        const char *found = tree_get(h->tree, node, sql);
        if (found[0] != '\0') {
            assert_why(r, t, found);
        }
    }
}

/* --- a history ----------------------------------------------------------- */

/* Histories that came across what they are for, */
struct seen {
    int handed;  /* in which rows changed hands, */
    int reviews; /* columns wait for a person, */
    int lists;   /* and lists hold something */
};

static void look(struct history *h, struct seen *seen)
{
    seen->handed += strcmp(tree_get(h->tree, HQ,
                                    "SELECT count(*) FROM enrolment"
                                    " WHERE owner_epoch > 1"),
                           "0") != 0;
    seen->reviews +=
        strcmp(tree_get(h->tree, HQ, "SELECT count(*) FROM sync_review"),
               "0") != 0;
    seen->lists += strcmp(tree_get(h->tree, HQ,
                                   "SELECT count(*) FROM person"
                                   " WHERE alerts > ''"),
                          "0") != 0;
}

/* All that each version holds is right; then all are of one. */
static void end_the_mixture(struct history *h)
{
    for (int i = 0; i < h->tree->count; i++) {
        tree_check(h->tree, i);
    }
    for (int i = 0; i < h->tree->count; i++) {
        upgrade_one(h, i);
        assert_string_equal(
            tree_get(h->tree, i, "SELECT count(*) FROM sync_newer"), "0");
    }
    tree_sync(h->tree);
}

static void live(struct history *h, struct seen *seen)
{
    h->tree = tree_new();
    memcpy(h->site_of, sites, sizeof h->site_of);
    assert_int_equal(tree_add(h->tree, HQ, "LDH-H"), LDH_H);
    assert_int_equal(tree_add(h->tree, HQ, "ASR-H"), ASR_H);
    while (h->added < 1 + dice_below(&h->dice, LATER_SITES)) {
        add_site(h);
    }
    for (size_t i = 0; i < STEPS; i++) {
        take_step(h);
    }
    tree_sync(h->tree);
    if (h->mixed) {
        assert_digests_agree(h);
        end_the_mixture(h);
    }
    look(h, seen);
    assert_at_rest(h);
    assert_nodes_agree(h);
    assert_digests_agree(h);
    for (int i = 0; i < h->tree->count; i++) {
        assert_oracle_agrees(h, i);
    }
    assert_whys(h, HQ, "person", "person_id");
    assert_whys(h, LDH_H, "enrolment", "enrolment_id");
    for (int i = 0; i < h->tree->count; i++) {
        tree_check(h->tree, i);
    }
    assert_nodes_agree(h);
    assert_at_rest(h);
    assert_true(h->written > STEPS / 4);
    tree_free(h->tree);
}

static void live_many(bool mixed)
{
    bool long_run = getenv("SANGAM_LONG") != NULL;
    struct seen seen = {0};
    for (int i = 0; i < (long_run ? HISTORIES_LONG : HISTORIES); i++) {
        struct history h = {.dice = dice_seeded(), .mixed = mixed};
        live(&h, &seen);
        if (getenv("SANGAM_SEED") != NULL) {
            return; /* that history again, and no other */
        }
    }
    if (long_run) { /* a few may miss something */
        assert_true(seen.handed > 0);
        assert_true(seen.reviews > 0);
        assert_true(seen.lists > 0);
    }
}

static void whatever_happens_all_nodes_come_to_agree(void **state)
{
    (void)state;
    live_many(false);
}

static void nodes_of_two_versions_come_to_agree_when_they_are_of_one(
    void **state)
{
    (void)state;
    live_many(true);
}

/* --- what a history alone would not tell --------------------------------- */

enum { A_CLINIC = 3, A_PRISON };

static struct tree *tree_of_ludhiana(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR_H);
    tree_sync(t);
    assert_int_equal(tree_add(t, LDH_H, "LDH-C"), A_CLINIC);
    assert_int_equal(tree_add(t, LDH_H, "LDH-P"), A_PRISON);
    tree_sql(t, A_CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, phone)"
             " VALUES('p', 'N-1', '1')");
    tree_sync(t);
    return t;
}

static void a_write_is_signed_before_others_come_in(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    tree_sql(t, A_PRISON, "UPDATE person SET phone = 'theirs'");
    tree_drain(t, A_PRISON);
    tree_send(t, A_PRISON, LDH_H);
    tree_sql(t, A_CLINIC, "UPDATE person SET phone = 'ours'");
    tree_send(t, LDH_H, A_CLINIC);
    assert_string_equal(tree_get(t, A_CLINIC, "SELECT phone FROM person"),
                        "ours");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != ASR_H) {
            assert_string_equal(tree_get(t, i, "SELECT phone FROM person"),
                                "ours");
        }
    }
    tree_free(t);
}

/* The prison and the hub have clocks that are ahead by so much; the clinic
 * hears of a new phone number. */
static void hear_from_ahead(struct tree *t, int64_t ms)
{
    t->now_ms += ms;
    tree_sql(t, A_PRISON, "UPDATE person SET phone = 'theirs'");
    tree_drain(t, A_PRISON);
    tree_send(t, A_PRISON, LDH_H);
    t->now_ms -= ms;
    tree_send(t, LDH_H, A_CLINIC);
    assert_string_equal(tree_get(t, A_CLINIC, "SELECT phone FROM person"),
                        "theirs");
}

static void who_wrote_after_reading_wins_though_their_clock_is_behind(
    void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    hear_from_ahead(t, FUTURE_MS_MAX / 2);
    tree_sql(t, A_CLINIC, "UPDATE person SET phone = 'ours'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != ASR_H) {
            assert_string_equal(tree_get(t, i, "SELECT phone FROM person"),
                                "ours");
        }
    }
    tree_free(t);
}

static void a_local_write_that_loses_is_put_back(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    hear_from_ahead(t, 6 * FUTURE_MS_MAX);
    /* of two columns one loses */
    tree_sql(t, A_CLINIC,
             "UPDATE person SET phone = 'ours', alias_names = 'A'");
    tree_drain(t, A_CLINIC);
    assert_string_equal(
        tree_get(t, A_CLINIC, "SELECT phone || alias_names FROM person"),
        "theirsA");
    /* the only one loses */
    tree_sql(t, A_CLINIC, "UPDATE person SET phone = 'ours again'");
    tree_drain(t, A_CLINIC);
    assert_string_equal(tree_get(t, A_CLINIC, "SELECT phone FROM person"),
                        "theirs");
    tree_sync(t);
    assert_string_equal(
        tree_get(t, HQ, "SELECT phone || alias_names FROM person"), "theirsA");
    tree_check(t, A_CLINIC);
    tree_free(t);
}

static void a_change_that_was_taken_back_is_not_signed(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct drained drained;
    struct err e;
    tree_sql(t, A_PRISON, "UPDATE person SET phone = '2', alias_names = 'A'");
    tree_sql(t, A_PRISON, "UPDATE person SET phone = '1'");
    assert_int_equal(
        replica_drain(t->nodes[A_PRISON].replica, t->now_ms, &drained, &e), 0);
    assert_int_equal(drained.leaves, 1);
    struct value key = value_text("p");
    struct why why;
    struct replica *r = t->nodes[A_PRISON].replica;
    assert_int_equal(
        replica_why(r, manifest_table_named(replica_manifest(r), "person"),
                    &key, &why, &e),
        0);
    assert_string_equal(why.leaves[why.count - 1].columns, "alias_names");
    why_clear(&why);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_signed_before_others_come_in),
        cmocka_unit_test(
            who_wrote_after_reading_wins_though_their_clock_is_behind),
        cmocka_unit_test(a_local_write_that_loses_is_put_back),
        cmocka_unit_test(a_change_that_was_taken_back_is_not_signed),
        cmocka_unit_test(whatever_happens_all_nodes_come_to_agree),
        cmocka_unit_test(
            nodes_of_two_versions_come_to_agree_when_they_are_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
