/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/parts.h"
#include "support/later.h"
#include "support/tree.h"

enum { HQ, HUB, CLINIC, PRISON };

#define shows(t, node, sql, wanted)                                            \
    assert_string_equal(tree_get(t, node, sql), wanted)

/* --- fixtures ------------------------------------------------------------- */

/* Headquarters, a hub, a clinic and a prison, with a person of the clinic. */
static struct tree *tree_of_ludhiana(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, phone)"
             " VALUES('p', 'N-1', '1');"
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'p', 'OOAT', 'active')");
    tree_sync(t);
    return t;
}

static void upgrade(struct tree *t, int node)
{
    tree_upgrade(t, node, later_schema(&schema_embedded, LATER_COLUMNS));
}

/* What a program of the later version writes. */
static void write_later(struct tree *t, int node)
{
    tree_sql(t, node,
             "UPDATE person SET guardian = 'G', consent = 'given';"
             "INSERT INTO visit(visit_id, person_id, place)"
             " VALUES('v', 'p', 'home');"
             "UPDATE visit SET place = 'court';"
             "INSERT INTO test_event(test_id, person_id, result)"
             " VALUES('t', 'p', 'clear');"
             "INSERT INTO person(person_id, beneficiary_no, guardian, seen_at)"
             " VALUES('q', 'N-2', 'H', 'gate')");
    if (node == CLINIC) {
        tree_sql(t, node, "UPDATE enrolment SET bed = 'B-1'");
    }
}

static void shows_later(struct tree *t, int node)
{
    shows(t, node, "SELECT guardian || consent FROM person WHERE phone = '1'",
          "Ggiven");
    shows(t, node, "SELECT place FROM visit", "court");
    shows(t, node, "SELECT result FROM test_event", "clear");
    shows(t, node,
          "SELECT guardian || consent || seen_at FROM person"
          " WHERE person_id = 'q'",
          "Hunaskedgate");
    shows(t, node, "SELECT coalesce(sum(leaves), 0) FROM sync_newer", "0");
}

static void check_all(struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
}

/* --- mixed trees ---------------------------------------------------------- */

static void an_older_hub_relays_what_it_does_not_know(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    upgrade(t, HQ);
    write_later(t, CLINIC);
    tree_sync(t);
    shows_later(t, HQ);
    shows(t, HQ, "SELECT bed FROM enrolment", "B-1");
    shows(t, HUB, "SELECT count(*) FROM person", "2");
    shows(t, HUB, "SELECT sum(leaves) > 4 FROM sync_newer", "1");
    check_all(t);
    upgrade(t, HUB);
    shows_later(t, HUB);
    shows(t, HUB, "SELECT bed FROM enrolment", "B-1");
    upgrade(t, PRISON);
    shows_later(t, PRISON);
    check_all(t);
    tree_free(t);
}

static void an_older_site_keeps_what_a_newer_hub_brings(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, HQ);
    upgrade(t, HUB);
    tree_sql(t, HQ, "INSERT INTO ref_holiday VALUES('2026-08-15', 'Freedom')");
    write_later(t, HUB);
    tree_sync(t);
    tree_sql(t, CLINIC, "UPDATE enrolment SET named_worker = 'W'");
    tree_sync(t);
    shows(t, HUB, "SELECT named_worker FROM enrolment", "W");
    check_all(t);
    tree_restart(t, CLINIC);
    shows(t, CLINIC, "SELECT count(*) FROM person", "2");
    upgrade(t, CLINIC);
    shows_later(t, CLINIC);
    shows(t, CLINIC, "SELECT name FROM ref_holiday", "Freedom");
    check_all(t);
    tree_free(t);
}

/* Whatever it does to the row: what it cannot see is not its to change. */
static void what_an_older_node_edits_keeps_what_it_cannot_see(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    upgrade(t, HQ);
    write_later(t, CLINIC);
    tree_sync(t);
    tree_sql(t, HUB, "UPDATE person SET phone = '2' WHERE person_id = 'p'");
    tree_sync(t);
    tree_sql(t, PRISON,
             "INSERT OR REPLACE INTO person(person_id, beneficiary_no, phone,"
             " alias_names, origin_site, recorded_at) SELECT person_id,"
             " beneficiary_no, '1', 'A', origin_site, recorded_at FROM person"
             " WHERE person_id = 'p'");
    tree_sync(t);
    for (int i = HQ; i <= PRISON; i++) {
        upgrade(t, i);
        shows_later(t, i);
        shows(t, i, "SELECT alias_names FROM person WHERE phone = '1'", "A");
    }
    /* and nothing was said anew by the upgrades */
    tree_sync(t);
    check_all(t);
    tree_free(t);
}

static void a_row_made_by_two_versions_has_the_columns_of_both(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    tree_sql(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no, given_name)"
             " VALUES('two', 'N-3', 'old')");
    tree_drain(t, PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, guardian)"
             " VALUES('two', 'N-3', 'new')");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON,
             "UPDATE person SET given_name = 'older'"
             " WHERE person_id = 'two'");
    tree_sync(t);
    for (int i = HQ; i <= PRISON; i++) {
        upgrade(t, i);
        shows(t, i,
              "SELECT given_name || guardian || consent FROM person"
              " WHERE person_id = 'two'",
              "oldernewunasked");
    }
    check_all(t);
    tree_free(t);
}

/* The second insert came through a node that did not know that the column is
 * written once. */
static void a_column_written_once_is_the_first_writers_after_all(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    upgrade(t, PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, seen_at)"
             " VALUES('two', 'N-3', 'first')");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no, seen_at)"
             " VALUES('two', 'N-3', 'second')");
    tree_drain(t, PRISON);
    tree_sync(t);
    upgrade(t, HUB);
    upgrade(t, HQ);
    for (int i = HQ; i <= PRISON; i++) {
        shows(t, i, "SELECT seen_at FROM person WHERE person_id = 'two'",
              "first");
    }
    check_all(t);
    tree_free(t);
}

static void an_added_column_was_never_written(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    uint64_t head = replica_self(t->nodes[CLINIC].replica)->head;
    for (int i = HQ; i <= PRISON; i++) {
        upgrade(t, i);
        shows(t, i, "SELECT consent FROM person", "unasked");
        shows(t, i, "SELECT guardian FROM person", "");
    }
    tree_sync(t);
    assert_int_equal(replica_self(t->nodes[CLINIC].replica)->head, head);
    tree_sql(t, CLINIC, "UPDATE person SET guardian = 'G'");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON, "UPDATE person SET consent = 'given'");
    tree_sync(t);
    for (int i = HQ; i <= PRISON; i++) {
        shows(t, i, "SELECT guardian || consent FROM person", "Ggiven");
    }
    /* one leaf each, of one cell */
    struct value key = value_text("p");
    struct why why;
    struct err e;
    struct replica *r = t->nodes[HQ].replica;
    assert_int_equal(
        replica_why(r, manifest_table_named(replica_manifest(r), "person"),
                    &key, &why, &e),
        0);
    assert_string_equal(why.leaves[why.count - 1].columns, "consent");
    assert_string_equal(why.leaves[why.count - 2].columns, "guardian");
    why_clear(&why);
    check_all(t);
    tree_free(t);
}

static void a_row_that_did_not_fit_is_tried_again(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, HQ);
    tree_sql(t, HQ,
             "INSERT INTO ref_code(code_system, code, label_en, active)"
             " VALUES('bicycle', 'B', 'Hero', 2)");
    tree_sync(t);
    shows(t, CLINIC, "SELECT count(*) FROM sync_unprojected", "1");
    shows(t, CLINIC, "SELECT count(*) FROM ref_code", "0");
    upgrade(t, CLINIC);
    shows(t, CLINIC, "SELECT count(*) FROM sync_unprojected", "0");
    shows(t, CLINIC, "SELECT label_en FROM ref_code", "Hero");
    tree_check(t, CLINIC);
    tree_free(t);
}

static void a_rebuild_remembers_what_is_newer(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    uint64_t leaves;
    struct err e;
    upgrade(t, CLINIC);
    write_later(t, CLINIC);
    tree_sync(t);
    const char *before = tree_get(t, HUB, "SELECT sum(leaves) FROM sync_newer");
    /* a program that got past the guards */
    (void)sqlite3_db_config(t->nodes[HUB].client,
                            SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, HUB, "INSERT INTO sync_newer VALUES(999999, 1)");
    assert_int_equal(
        replica_rebuild(t->nodes[HUB].replica, t->now_ms, &leaves, &e), 0);
    shows(t, HUB, "SELECT sum(leaves) FROM sync_newer", before);
    upgrade(t, HUB);
    shows_later(t, HUB);
    assert_int_equal(
        replica_rebuild(t->nodes[HUB].replica, t->now_ms, &leaves, &e), 0);
    shows_later(t, HUB);
    tree_check(t, HUB);
    tree_free(t);
}

/* Signs, past everything that would refuse it, a change of a later column under
 * a key that no person has. */
static void sign_odd_person(struct tree *t, int node)
{
    static const uint8_t p[] = {'5'};
    struct replica *r = t->nodes[node].replica;
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes scope = {0};
    struct bytes key = {0};
    struct bytes body = {0};
    struct tally tally = {0};
    struct err e;
    assert_non_null(leaf);
    leaf->table = 20;
    leaf->key_count = 1;
    leaf->key[0] = value_integer(5);
    leaf->op = LEAF_UPDATE;
    leaf->cl = 1;
    leaf->cells[0] = (struct leaf_cell){22, value_text("G")};
    leaf->cell_count = 1;
    leaf_encode_key(leaf, &key);
    leaf_encode_body(leaf, &body);
    bytes_put_u8(&scope, SCOPE_PERSON);
    bytes_put_slice(&scope, (struct slice){p, sizeof p});
    struct draft draft = {
        .class_id = 4,
        .scope = {.kind = SCOPE_PERSON, .id = {p, sizeof p}},
        .scope_bytes = slice_of(&scope),
        .table = 20,
        .key = slice_of(&key),
        .body = slice_of(&body),
    };
    assert_int_equal(replica_begin(r, &e), 0);
    assert_int_equal(replica_sign(r, &draft, 1, t->now_ms, t->now_ms, &e), 1);
    assert_int_equal(batch_merge(r->batch, &r->merger, &tally, &e), 0);
    assert_int_equal(replica_end(r, 0, &e), 0);
    bytes_free(&scope);
    bytes_free(&key);
    bytes_free(&body);
    free(leaf);
}

/* SQLite would take the number 5 for the text '5'. */
static void a_newer_leaf_that_is_wrong_is_refused_after_the_upgrade(
    void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('5', 'N')");
    tree_sync(t);
    upgrade(t, CLINIC);
    sign_odd_person(t, CLINIC);
    tree_sync(t);
    shows(t, HUB, "SELECT sum(leaves) FROM sync_newer", "1");
    upgrade(t, HUB);
    shows(t, HUB, "SELECT beneficiary_no FROM person WHERE person_id = '5'",
          "N");
    shows(t, HUB, "SELECT verdict FROM sync_verdict", "refused");
    tree_check(t, HUB);
    tree_free(t);
}

/* Of two rows under one key the first counts, whatever scope it is in. */
static void newer_rows_of_one_key_in_two_scopes_are_one_row(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    upgrade(t, PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO visit(visit_id, person_id, place)"
             " VALUES('v', 'p', 'first')");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON,
             "INSERT INTO visit(visit_id, person_id, place)"
             " VALUES('v', 'q', 'second')");
    tree_drain(t, PRISON);
    tree_send(t, PRISON, HUB);
    tree_sync(t);
    upgrade(t, HUB);
    shows(t, HUB, "SELECT person_id || place FROM visit", "pfirst");
    shows(t, CLINIC, "SELECT person_id || place FROM visit", "pfirst");
    for (int i = HUB; i <= CLINIC; i++) { /* the other is told of */
        shows(t, i, "SELECT verdict FROM sync_verdict", "refused");
    }
    upgrade(t, HQ);
    check_all(t);
    tree_free(t);
}

/* --- a new class ---------------------------------------------------------- */

static void upgrade_class(struct tree *t, int node)
{
    tree_upgrade(t, node, later_schema(&schema_embedded, LATER_CLASS));
}

static void write_class(struct tree *t, int node, const char *value)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO hearing(hearing_id, person_id, outcome)"
                   " VALUES('%s', 'p', '%s'); UPDATE person SET court = '%s'"
                   " WHERE person_id = 'p'",
                   value, value, value);
    tree_sql(t, node, sql);
}

static void shows_class(struct tree *t, int node, const char *value)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql,
                   "SELECT outcome || (SELECT court FROM person) FROM hearing"
                   " WHERE hearing_id = '%s'",
                   value);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "%s%s", value, value);
    shows(t, node, sql, wanted);
}

static const char readers_of_90[] =
    "SELECT count(DISTINCT node) FROM sync_certificate"
    " WHERE ',' || may_read || ',' LIKE '%,90,%'";

static void a_new_class_comes_down_the_tree_through_older_nodes(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade_class(t, HQ);
    tree_sync(t);
    /* none of them has the class in its schema, and all may read it */
    for (int i = HQ; i <= PRISON; i++) {
        shows(t, i, readers_of_90, "4");
    }
    upgrade_class(t, CLINIC);
    write_class(t, CLINIC, "bail");
    tree_sync(t);
    shows(t, CLINIC, "SELECT count(*) FROM sync_parked", "0");
    shows_class(t, HQ, "bail");
    check_all(t);
    /* one version is not the other */
    shows(t, HUB, "SELECT sum(leaves) FROM sync_newer", "2");
    upgrade(t, HUB);
    shows(t, HUB, "SELECT sum(leaves) FROM sync_newer", "2");
    tree_check(t, HUB);
    upgrade_class(t, HUB);
    shows(t, HUB, "SELECT count(*) FROM sync_newer", "0");
    shows(t, HUB, "SELECT count(*) FROM sync_verdict", "0");
    shows_class(t, HUB, "bail");
    tree_restart(t, HUB);
    tree_sync(t);
    upgrade_class(t, PRISON);
    shows_class(t, PRISON, "bail");
    shows(t, HQ, "SELECT count(*) FROM sync_certificate", "8");
    check_all(t);
    tree_free(t);
}

/* Headquarters first, docs/operations.md says; else this happens. */
static void a_new_class_at_a_site_alone_stops_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade_class(t, CLINIC);
    upgrade_class(t, HUB);
    write_class(t, CLINIC, "bail");
    tree_sql(t, CLINIC, "UPDATE person SET phone = '2'");
    tree_sync(t);
    shows(t, HQ, "SELECT phone FROM person", "2");
    shows(t, CLINIC, "SELECT count(*) FROM hearing", "0");
    shows(t, CLINIC,
          "SELECT count(*) FROM sync_parked"
          " WHERE says LIKE '%may not write class 90%'",
          "3"); /* cells */
    upgrade_class(t, HQ);
    tree_sync(t);
    write_class(t, CLINIC, "fine");
    tree_sync(t);
    for (int i = HQ; i <= CLINIC; i++) {
        shows_class(t, i, "fine");
    }
    check_all(t);
    tree_free(t);
}

static void who_joins_after_a_new_class_has_it(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    /* newer than headquarters, a hub enrols as it may */
    upgrade_class(t, HUB);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    tree_sync(t);
    upgrade_class(t, HQ);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sync(t);
    tree_restart(t, PRISON); /* reads the chain of its grant first */
    tree_sync(t);
    upgrade_class(t, CLINIC);
    upgrade_class(t, PRISON);
    tree_sql(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('p', 'N')");
    write_class(t, PRISON, "bail");
    tree_sync(t);
    for (int i = HQ; i <= PRISON; i++) {
        shows_class(t, i, "bail");
    }
    check_all(t);
    tree_free(t);
}

/* What failed did not change the certificate either. */
static void a_renewal_is_undone_with_its_stretch(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct replica *hub = t->nodes[HUB].replica;
    uint64_t before = replica_self(hub)->certificate;
    upgrade_class(t, HQ);
    struct peer there = tree_peer(t, HQ, HUB);
    struct peer here = tree_peer(t, HUB, HQ);
    struct walked walked;
    struct stored stored;
    struct err e;
    assert_int_equal(replica_walk(t->nodes[HQ].replica, &there,
                                  here.have.position, MESSAGE_TARGET_BYTES,
                                  &walked, &e),
                     0);
    struct changesets stretch = {.items = walked.items,
                                 .count = walked.count,
                                 .position = walked.position};
    tree_refuse_commits(t, HUB, true);
    assert_true(replica_store(hub, &here, &stretch, t->now_ms, &stored, &e) <
                0);
    tree_refuse_commits(t, HUB, false);
    assert_int_equal(replica_self(hub)->certificate, before);
    tree_sql(t, HUB, "UPDATE person SET phone = '2'");
    tree_drain(t, HUB); /* signs under the one it has */
    walked_clear(&walked);
    tree_sync(t);
    assert_int_not_equal(replica_self(hub)->certificate, before);
    tree_free(t);
}

/* --- the file ------------------------------------------------------------- */

static void what_was_written_before_the_upgrade_is_signed(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    upgrade(t, CLINIC);
    tree_sql(t, CLINIC, "UPDATE person SET guardian = 'G', phone = '2'");
    tree_sync(t);
    /* the row will be folded, and this is not in the journal yet */
    tree_sql(t, HUB, "UPDATE person SET alias_names = 'A'");
    upgrade(t, HUB);
    shows(t, HUB, "SELECT alias_names || phone || guardian FROM person", "A2G");
    tree_sync(t);
    shows(t, CLINIC, "SELECT alias_names || phone || guardian FROM person",
          "A2G");
    tree_free(t);
}

static long long size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static char *copy_of(const struct tree_node *n, unsigned schema)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s.before-%u", n->path, schema);
    return path;
}

static void a_newer_file_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct tree_node *n = &t->nodes[CLINIC];
    struct replica *r = NULL;
    struct err e;
    upgrade(t, CLINIC);
    tree_sql(t, CLINIC, "PRAGMA wal_checkpoint(TRUNCATE)");
    long long size = size_of(n->path);
    assert_int_equal(tree_upgrade_try(t, CLINIC, &schema_embedded, &e),
                     ERR_VERSION);
    assert_non_null(strstr(e.text, "the replica has schema 9001"));
    assert_non_null(strstr(e.text, "install a newer sangam"));
    assert_int_equal(size_of(n->path), size);
    assert_int_equal(size_of(copy_of(n, schema_version(&schema_embedded))), -1);
    assert_int_equal(replica_open(n->path, &n->keys, NULL, &r, &e),
                     ERR_VERSION);
    upgrade(t, CLINIC);
    shows(t, CLINIC, "PRAGMA user_version", "9001");
    tree_check(t, CLINIC);
    tree_free(t);
}

/* A daemon of the version before may still run. */
static void a_tool_does_not_upgrade_a_file(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct tree_node *n = &t->nodes[CLINIC];
    struct replica *r = NULL;
    struct err e;
    assert_int_equal(replica_open(n->path, &n->keys, NULL, &r, &e), 0);
    replica_close(&r);
    tree_sql(t, CLINIC, "PRAGMA user_version = 1");
    assert_int_equal(replica_open(n->path, &n->keys, NULL, &r, &e),
                     ERR_VERSION);
    assert_non_null(strstr(e.text, "start the node"));
    shows(t, CLINIC, "PRAGMA user_version", "1");
    tree_free(t);
}

static void the_file_is_copied_before_and_until_the_next_upgrade(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct tree_node *n = &t->nodes[CLINIC];
    struct stat ours;
    struct stat theirs;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt;
    assert_int_equal(chmod(n->path, 0660), 0);
    tree_restart(t, CLINIC); /* no step, no copy */
    assert_int_equal(size_of(copy_of(n, schema_version(&schema_embedded))), -1);
    tree_sql(t, CLINIC, "UPDATE person SET phone = 'still in the WAL'");
    upgrade(t, CLINIC);
    assert_int_equal(stat(n->path, &ours), 0);
    assert_int_equal(stat(copy_of(n, 9001), &theirs), 0);
    assert_int_equal(ours.st_mode, theirs.st_mode);
    assert_int_equal(sqlite3_open(copy_of(n, 9001), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT phone, (SELECT count(*) FROM"
                           " pragma_table_info('person') WHERE name ="
                           " 'guardian') FROM person",
                           -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0),
                        "still in the WAL");
    assert_int_equal(sqlite3_column_int(stmt, 1), 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    tree_upgrade(t, CLINIC, later_schema(&schema_embedded, LATER_CLASS));
    assert_int_equal(size_of(copy_of(n, 9001)), -1);
    assert_true(size_of(copy_of(n, 9002)) > 0);
    tree_free(t);
}

static void assert_as_before(struct tree *t, int node, const char *version)
{
    struct tree_node *n = &t->nodes[node];
    char command[600];
    assert_int_equal(size_of(copy_of(n, 9001)), -1);
    assert_int_equal(size_of(copy_of(n, 9003)), -1);
    (void)snprintf(command, sizeof command, "ls '%s'.before-*.part* 2>&-",
                   n->path);
    assert_int_not_equal(system(command), 0);
    tree_upgrade(t, node, &schema_embedded);
    shows(t, node, "PRAGMA user_version", version);
    shows(t, node, "SELECT phone FROM person", "1");
    tree_check(t, node);
}

static void a_step_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct err e;
    const char *version = tree_get(t, CLINIC, "PRAGMA user_version");
    assert_true(tree_upgrade_try(t, CLINIC,
                                 later_schema(&schema_embedded, LATER_WRONG),
                                 &e) < 0);
    assert_non_null(strstr(e.text, "schema step 9003_wrong.sql"));
    assert_as_before(t, CLINIC, version);
    tree_free(t);
}

static void without_room_for_the_copy_there_is_no_upgrade(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct err e;
    struct rlimit before;
    const char *version = tree_get(t, CLINIC, "PRAGMA user_version");
    tree_sql(t, CLINIC, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit little = {.rlim_cur = 64 * 1024, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    int rc = tree_upgrade_try(
        t, CLINIC, later_schema(&schema_embedded, LATER_COLUMNS), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_true(rc == ERR_FULL || rc == ERR_IO);
    assert_non_null(strstr(e.text, "make room"));
    assert_as_before(t, CLINIC, version);
    tree_free(t);
}

/* Upgrades in a process that is killed after so many microseconds; true when
 * it was done by then. */
static bool killed_upgrade(struct tree *t, int node, unsigned after_us)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct tree_node *n = &t->nodes[node];
        const struct replica_start start = {
            .schema = later_schema(&schema_embedded, LATER_COLUMNS),
            .now_ms = t->now_ms,
        };
        struct replica *r = NULL;
        struct err e;
        _exit(replica_open(n->path, &n->keys, &start, &r, &e) == 0 ? 0 : 1);
    }
    (void)usleep(after_us);
    (void)kill(pid, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

static void a_killed_upgrade_leaves_the_old_file_or_the_new(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    struct tree_node *n = &t->nodes[HUB];
    bool done = false;
    upgrade(t, CLINIC);
    write_later(t, CLINIC);
    tree_sync(t);
    sqlite3_close(n->client);
    n->client = NULL;
    replica_close(&n->replica);
    for (unsigned us = 500; !done; us += us / 2) {
        done = killed_upgrade(t, HUB, us);
        struct err e;
        struct database *db = NULL;
        uint32_t version = 0;
        assert_int_equal(
            database_open(n->path, DATABASE_READER, DATABASE_EXISTING, &db, &e),
            0);
        assert_int_equal(
            schema_of(db, later_schema(&schema_embedded, LATER_COLUMNS),
                      &version, &e),
            0);
        database_close(&db);
        assert_true(version == 9001 ||
                    version == schema_version(&schema_embedded));
        done = done || version == 9001;
    }
    upgrade(t, HUB);
    shows_later(t, HUB);
    tree_sync(t);
    check_all(t);
    tree_free(t);
}

/* --- business days -------------------------------------------------------- */

static void start_in(struct tree *t, int node, const struct zone_offset *offset)
{
    struct tree_node *n = &t->nodes[node];
    const struct replica_start start = {
        .schema = &schema_embedded,
        .now_ms = t->now_ms,
        .offsets = offset,
        .offset_count = 1,
    };
    struct err e;
    replica_close(&n->replica);
    assert_int_equal(replica_open(n->path, &n->keys, &start, &n->replica, &e),
                     0);
}

static void the_business_day_follows_the_rules_of_the_zone(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    const struct zone_offset west = {.offset_s = -12 * 3600};
    const struct zone_offset east = {.offset_s = 14 * 3600};
    static const char dose[] =
        "INSERT INTO dose_event(dose_id, person_id, kind, verified_by,"
        " dispensed_by) VALUES('%s', 'p', 'missed', 'none', 'n')";
    char sql[256];
    start_in(t, CLINIC, &west);
    /* a program that was connected all the while */
    (void)snprintf(sql, sizeof sql, dose, "w");
    tree_sql(t, CLINIC, sql);
    start_in(t, CLINIC, &east);
    (void)snprintf(sql, sizeof sql, dose, "e");
    tree_sql(t, CLINIC, sql);
    shows(t, CLINIC,
          "SELECT (SELECT service_date FROM dose_event WHERE dose_id = 'e') >"
          " (SELECT service_date FROM dose_event WHERE dose_id = 'w')",
          "1");
    shows(t, CLINIC,
          "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%+05:30%'"
          " OR sql LIKE '%-12:00%'",
          "0");
    shows(t, CLINIC, "PRAGMA integrity_check", "ok");
    tree_sync(t);
    shows(t, HQ, "SELECT count(*) FROM dose_event", "2");
    /* and so do the tables of a later step */
    struct err e;
    assert_int_equal(
        tree_upgrade_try(t, CLINIC,
                         later_schema(&schema_embedded, LATER_COLUMNS), &e),
        0);
    shows(t, CLINIC,
          "SELECT dflt_value FROM pragma_table_info('visit')"
          " WHERE name = 'day'",
          "date('now','+05:30')");
    tree_check(t, CLINIC);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_hub_relays_what_it_does_not_know),
        cmocka_unit_test(an_older_site_keeps_what_a_newer_hub_brings),
        cmocka_unit_test(what_an_older_node_edits_keeps_what_it_cannot_see),
        cmocka_unit_test(a_row_made_by_two_versions_has_the_columns_of_both),
        cmocka_unit_test(a_column_written_once_is_the_first_writers_after_all),
        cmocka_unit_test(an_added_column_was_never_written),
        cmocka_unit_test(a_row_that_did_not_fit_is_tried_again),
        cmocka_unit_test(a_rebuild_remembers_what_is_newer),
        cmocka_unit_test(
            a_newer_leaf_that_is_wrong_is_refused_after_the_upgrade),
        cmocka_unit_test(newer_rows_of_one_key_in_two_scopes_are_one_row),
        cmocka_unit_test(a_new_class_comes_down_the_tree_through_older_nodes),
        cmocka_unit_test(a_new_class_at_a_site_alone_stops_nothing),
        cmocka_unit_test(who_joins_after_a_new_class_has_it),
        cmocka_unit_test(a_renewal_is_undone_with_its_stretch),
        cmocka_unit_test(what_was_written_before_the_upgrade_is_signed),
        cmocka_unit_test(a_newer_file_is_refused_and_left_alone),
        cmocka_unit_test(a_tool_does_not_upgrade_a_file),
        cmocka_unit_test(the_file_is_copied_before_and_until_the_next_upgrade),
        cmocka_unit_test(a_step_that_fails_changes_nothing),
        cmocka_unit_test(without_room_for_the_copy_there_is_no_upgrade),
        cmocka_unit_test(a_killed_upgrade_leaves_the_old_file_or_the_new),
        cmocka_unit_test(the_business_day_follows_the_rules_of_the_zone),
    };
    return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
