/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in other systems, as their users reported it, played here.
 * Each test names the report and, in a line, what happened there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"
#include "store/review.h"
#include "support/later.h"
#include "support/tree.h"

enum { HQ, HUB, CLINIC, PRISON };

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

/* --- scaffolding ---------------------------------------------------------- */

/* A table whose rows may be deleted. */
static const char note_table[] =
    "CREATE TABLE note(k TEXT PRIMARY KEY NOT NULL, person_id TEXT NOT NULL,"
    " says TEXT, many INTEGER) STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route, deletes)"
    " VALUES(70, 'note', 'record', 5, 'person:person_id', 1);"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"
    " VALUES(70, 1, 'k', 5, 'key'), (70, 2, 'person_id', 5, 'fixed'),"
    " (70, 3, 'says', 5, 'lww'), (70, 4, 'many', 5, 'lww');";

static void without_triggers(struct tree *t, int node, const char *sql)
{
    sqlite3 *db = t->nodes[node].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* Headquarters, a hub, and under it a clinic and a prison; one person. */
static struct tree *district(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no, phone)"
             " VALUES('p', 'N-1', '0')");
    tree_sync(t);
    return t;
}

static struct tree *district_with_notes(void)
{
    struct tree *t = district();
    for (int i = 0; i < t->count; i++) {
        without_triggers(t, i, note_table);
        tree_restart(t, i);
    }
    tree_sql(t, CLINIC, "INSERT INTO note VALUES('n', 'p', 'first', 1)");
    tree_sync(t);
    return t;
}

static void assert_everywhere(struct tree *t, const char *sql,
                              const char *wanted)
{
    for (int i = 0; i < t->count; i++) {
        const char *got = tree_get(t, i, sql);
        if (strcmp(got, wanted) != 0) {
            fail_msg("node %d: %s: '%s', not '%s'", i, sql, got, wanted);
        }
    }
}

static void write_at(struct tree *t, int node, const char *sql)
{
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

static void assert_why(struct tree *t, int node, const char *table,
                       const char *key_text, struct why *ret)
{
    struct replica *r = t->nodes[node].replica;
    struct value key = value_text(key_text);
    struct err e = {0};
    const struct table *found =
        manifest_table_named(replica_manifest(r), table);
    if (replica_why(r, found, &key, ret, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static void end(struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    tree_free(t);
}

static const char phone[] = "SELECT phone FROM person WHERE person_id = 'p'";
static const char note[] =
    "SELECT says || ' ' || coalesce(many, '-') FROM note";
static const char notes[] = "SELECT count(*) FROM note";

/* --- relays and order ----------------------------------------------------- */

/* vlcn-io/cr-sqlite #413: two nodes held equal values, so a merge was taken for
 * no change, the relay did not pass it on, and the third node stayed empty. */
static void cr_sqlite_413_equal_values_reach_the_third_node(void **state)
{
    (void)state;
    struct tree *t = district();
    struct why why;
    write_at(t, CLINIC, "UPDATE person SET phone = 'same'");
    write_at(t, HUB, "UPDATE person SET phone = 'same'");
    tree_send(t, CLINIC, HUB);
    tree_send(t, HUB, HQ);
    assert_string_equal(tree_get(t, HQ, phone), "same");
    assert_why(t, HQ, "person", "p", &why);
    assert_int_equal(why.count, 4); /* the birth in two classes, both writes */
    why_clear(&why);
    tree_sync(t);
    assert_everywhere(t, phone, "same");
    end(t);
}

/* Plays deletion and revival at the clinic against a change at the prison;
 * one or the other is heard of first at the hub. */
static void merge_lives(bool prison_first, char *ret, size_t ret_bytes)
{
    struct tree *t = district_with_notes();
    write_at(t, PRISON, "UPDATE note SET many = 7");
    write_at(t, CLINIC, "DELETE FROM note");
    write_at(t, CLINIC,
             "INSERT INTO note(k, person_id, says) VALUES('n', 'p', 'new')");
    tree_send(t, prison_first ? PRISON : CLINIC, HUB);
    tree_send(t, prison_first ? CLINIC : PRISON, HUB);
    tree_sync(t);
    (void)snprintf(ret, ret_bytes, "%s", tree_get(t, HQ, note));
    assert_everywhere(t, note, ret);
    tree_free(t);
}

/* vlcn-io/cr-sqlite #299: the first merge by causal length was not commutative:
 * deletion, revival and change out of order left different rows. */
static void cr_sqlite_299_lives_merge_in_any_order(void **state)
{
    (void)state;
    char one[64];
    char other[64];
    merge_lives(true, one, sizeof one);
    merge_lives(false, other, sizeof other);
    assert_string_equal(one, "new -");
    assert_string_equal(other, one);
}

/* vlcn-io/cr-sqlite #30, #98, #114: a relay gave what it passed on a version
 * of its own, or compared it with its own site, and nodes drifted apart. */
static void cr_sqlite_98_a_relay_passes_on_what_it_got(void **state)
{
    (void)state;
    struct tree *t = district();
    struct why here;
    struct why there;
    write_at(t, CLINIC, "UPDATE person SET phone = '1'");
    write_at(t, HUB, "UPDATE person SET alias_names = 'busy'");
    tree_sync(t);
    assert_why(t, CLINIC, "person", "p", &here);
    assert_why(t, PRISON, "person", "p", &there);
    assert_int_equal(here.count, there.count);
    for (size_t i = 0; i < here.count; i++) {
        const struct why_leaf *a = &here.leaves[i];
        const struct why_leaf *b = &there.leaves[i];
        assert_true(hash_equal(&a->origin, &b->origin));
        assert_true(a->hlc == b->hlc && a->incarnation == b->incarnation &&
                    a->seq == b->seq);
        assert_string_equal(a->columns, b->columns);
        assert_true(b->verified);
    }
    why_clear(&here);
    why_clear(&there);
    end(t);
}

/* vlcn-io/cr-sqlite #386, undone in #405: with one counter for the database as
 * clock of each cell a busy node won everywhere, though it had seen nothing. */
static void cr_sqlite_405_who_wrote_much_does_not_win_by_it(void **state)
{
    (void)state;
    struct tree *t = district();
    for (int i = 0; i < 10; i++) {
        write_at(t, PRISON,
                 "UPDATE person SET alias_names = alias_names || 'x',"
                 " phone = 'busy' || hex(randomblob(4))");
    }
    write_at(t, CLINIC, "UPDATE person SET phone = 'later'");
    tree_sync(t);
    assert_everywhere(t, phone, "later");
    end(t);
}

/* The clinic writes, then the prison; one or the other syncs first, twice. */
static void sync_in_turn(int first, int second, char *ret, size_t ret_bytes)
{
    struct tree *t = district();
    write_at(t, CLINIC, "UPDATE person SET phone = 'A'");
    write_at(t, PRISON, "UPDATE person SET phone = 'B'");
    for (int i = 0; i < 2; i++) {
        tree_send(t, first, HUB);
        tree_send(t, HUB, first);
        tree_send(t, second, HUB);
        tree_send(t, HUB, second);
    }
    (void)snprintf(ret, ret_bytes, "%s", tree_get(t, HUB, phone));
    tree_sync(t);
    assert_everywhere(t, phone, ret);
    tree_free(t);
}

/* Tangerine-Community/Tangerine #2484: of two tablets with a conflict the one
 * that synced first, or more often, won. */
static void tangerine_2484_who_syncs_first_does_not_matter(void **state)
{
    (void)state;
    char one[64];
    char other[64];
    sync_in_turn(CLINIC, PRISON, one, sizeof one);
    sync_in_turn(PRISON, CLINIC, other, sizeof other);
    assert_string_equal(one, "B");
    assert_string_equal(other, "B");
}

/* JumpMind/symmetric-ds (configuration/table-triggers.ad) warns of changes
 * that go round between tiers: what sync_on_incoming_batch
 * captured when it was applied was sent again. */
static void symmetric_ds_what_is_applied_is_not_captured(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    uint64_t heads[TREE_NODES_MAX] = {0};
    for (int i = 0; i < t->count; i++) {
        heads[i] = replica_self(t->nodes[i].replica)->head;
    }
    /* one change: one delivery more in each journal, and no second */
    write_at(t, PRISON, "UPDATE note SET many = 2");
    for (int i = 0; i < 3; i++) {
        tree_sync(t);
    }
    for (int i = 0; i < t->count; i++) {
        assert_int_equal(replica_self(t->nodes[i].replica)->head - heads[i], 1);
        assert_string_equal(tree_get(t, i, "SELECT count(*) FROM sync_pending"),
                            "0");
    }
    tree_free(t);
}

/* --- deletion ------------------------------------------------------------- */

/* superfly/corrosion #352, superfly/cr-sqlite #5: one row deleted at two nodes:
 * neither won, and the third node kept it. */
static void corrosion_352_a_row_deleted_twice_is_gone_at_the_third(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    write_at(t, CLINIC, "DELETE FROM note");
    write_at(t, PRISON, "DELETE FROM note");
    tree_send(t, PRISON, HUB);
    tree_send(t, CLINIC, HUB);
    tree_send(t, HUB, HQ);
    assert_string_equal(tree_get(t, HQ, notes), "0");
    tree_sync(t);
    assert_everywhere(t, notes, "0");
    tree_free(t);
}

/* couchbase/sync_gateway #2622: a client that was away longer than deletions
 * were kept never heard of one, and brought the record back. */
static void sync_gateway_2622_who_was_away_a_year_brings_nothing_back(
    void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    write_at(t, CLINIC, "DELETE FROM note");
    for (int i = HUB; i <= CLINIC; i++) {
        tree_send(t, i, t->nodes[i].parent);
    }
    t->now_ms += 400 * DAY_MS;
    write_at(t, PRISON, "UPDATE note SET says = 'of the old life'");
    tree_sync(t);
    assert_everywhere(t, notes, "0");
    tree_free(t);
}

/* getditto: a document deleted here and changed there was left as a husk with
 * some of its fields (their documentation advises to mark instead of delete). */
static void ditto_a_deletion_beside_a_change_leaves_no_husk(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    write_at(t, PRISON, "DELETE FROM note");
    write_at(t, CLINIC, "UPDATE note SET many = 9"); /* and later */
    tree_sync(t);
    assert_everywhere(t, notes, "0");
    write_at(t, HUB,
             "INSERT INTO note(k, person_id, says) VALUES('n', 'p', 'whole')");
    tree_sync(t);
    assert_everywhere(t, note, "whole -");
    tree_free(t);
}

/* pointfreeco/sqlite-data #418, #421: a row deleted and made again under its
 * key: only the deletion came through. */
static void sqlite_data_418_deleted_and_made_again_is_there(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    tree_sql(t, CLINIC,
             "BEGIN; DELETE FROM note;"
             "INSERT INTO note VALUES('n', 'p', 'again', 2); COMMIT");
    tree_sync(t);
    assert_everywhere(t, note, "again 2");
    write_at(t, CLINIC, "DELETE FROM note");
    write_at(t, CLINIC, "INSERT INTO note VALUES('n', 'p', 'third', 3)");
    tree_sync(t);
    assert_everywhere(t, note, "third 3");
    tree_free(t);
}

/* Mimetis/Dotmim.Sync #175: a row inserted, deleted and inserted again between
 * two syncs was not synced. */
static void dotmim_175_inserted_deleted_inserted_is_there(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    write_at(t, PRISON, "INSERT INTO note VALUES('m', 'p', 'one', 1)");
    write_at(t, PRISON, "DELETE FROM note WHERE k = 'm'");
    write_at(t, PRISON, "INSERT INTO note VALUES('m', 'p', 'two', 2)");
    tree_sync(t);
    assert_everywhere(t, "SELECT says FROM note WHERE k = 'm'", "two");
    tree_free(t);
}

/* --- REPLACE, keys, foreign keys ------------------------------------------ */

/* powersync-ja/powersync.dart #414: rows were applied with INSERT OR REPLACE,
 * which deletes first, and ON DELETE CASCADE took the children with them. */
static void powersync_dart_414_applying_a_row_keeps_its_children(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, PRISON,
             "PRAGMA foreign_keys = ON;"
             "CREATE TABLE local_card(id INTEGER PRIMARY KEY, person_id TEXT"
             " REFERENCES person ON DELETE CASCADE ON UPDATE CASCADE);"
             "INSERT INTO local_card VALUES(1, 'p')");
    tree_sql(t, CLINIC, "UPDATE person SET phone = 'new', sex = 'male'");
    tree_sync(t);
    write_at(t, PRISON, "UPDATE person SET sex = 'female'");
    write_at(t, CLINIC, "UPDATE person SET sex = 'other', birth_year = 1980");
    tree_sync(t); /* the row is folded: written from nothing */
    assert_string_equal(tree_get(t, PRISON, phone), "new");
    assert_string_equal(tree_get(t, PRISON, "SELECT person_id FROM local_card"),
                        "p");
    assert_int_equal(replica_rebuild(t->nodes[PRISON].replica, t->now_ms,
                                     &(uint64_t){0}, &(struct err){0}),
                     0);
    assert_string_equal(tree_get(t, PRISON, "SELECT person_id FROM local_card"),
                        "p");
    end(t);
}

/* sqliteai/sqlite-sync #68, Mimetis/Dotmim.Sync #460: a program's INSERT OR
 * REPLACE fires no DELETE trigger, and what it dropped stayed elsewhere. */
static void sqlite_sync_68_a_replaced_row_is_the_same_everywhere(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    tree_sql(t, CLINIC,
             "INSERT OR REPLACE INTO note(k, person_id, says)"
             " VALUES('n', 'p', 'replaced')");
    tree_sync(t);
    assert_everywhere(t, note, "replaced -");
    tree_free(t);
}

/* superfly/corrosion #318: a change of a primary key moved no version, and
 * peers missed the cells; in Marmot the old row stayed at the others. */
static void corrosion_318_a_key_is_not_changed(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    tree_sql_fails(t, CLINIC, "UPDATE person SET person_id = 'q'", "person_id");
    tree_sql_fails(t, CLINIC, "UPDATE note SET k = 'm'", "note.k");
    tree_sync(t);
    assert_everywhere(t, "SELECT person_id FROM person", "p");
    assert_everywhere(t, "SELECT k FROM note", "n");
    tree_free(t);
}

/* electric-sql/electric #609, #242: changes were applied under foreign keys
 * that others had made, and failed. */
static void electric_609_a_foreign_key_here_stops_nothing(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    tree_sql(t, PRISON,
             "PRAGMA foreign_keys = ON;"
             "CREATE TABLE local_mark(k TEXT REFERENCES note);"
             "INSERT INTO local_mark VALUES('n')");
    write_at(t, CLINIC, "DELETE FROM note");
    write_at(t, CLINIC, "UPDATE person SET phone = 'after'");
    tree_sync(t);
    assert_everywhere(t, notes, "0");
    assert_everywhere(t, phone, "after");
    tree_free(t);
}

/* pointfreeco/sqlite-data #424, #547: a child whose parent had not arrived was
 * dropped. */
static void sqlite_data_424_a_child_may_come_before_its_parent(void **state)
{
    (void)state;
    struct tree *t = district();
    write_at(t, CLINIC,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'later', 'OOAT', 'active')");
    tree_sync(t);
    assert_everywhere(t, "SELECT person_id FROM enrolment", "later");
    write_at(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES('later', 'N-2')");
    tree_sync(t);
    assert_everywhere(t,
                      "SELECT beneficiary_no FROM enrolment"
                      " JOIN person USING(person_id)",
                      "N-2");
    end(t);
}

/* --- one bad row ---------------------------------------------------------- */

/* The prison's own table takes no row with the number N-1, until it does. */
static void alter_people(struct tree *t, const char *from, const char *to,
                         const char *cookie)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA writable_schema = ON; UPDATE sqlite_schema"
                   " SET sql = replace(sql, '%s', '%s') WHERE name = 'person';"
                   "%s; PRAGMA writable_schema = RESET",
                   from, to, cookie);
    tree_sql(t, PRISON, sql);
}

static const char lax[] = "beneficiary_no     TEXT";
static const char strict[] =
    "beneficiary_no TEXT CHECK(beneficiary_no <> ''N-1'')";

static struct tree *with_a_row_that_does_not_fit(void)
{
    struct tree *t = district();
    alter_people(t, lax, strict, "CREATE TABLE local_strict(a)");
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', 'N-2'),"
             " ('b', 'N-1'), ('c', 'N-3')");
    tree_sync(t);
    return t;
}

static void let_it_fit(struct tree *t)
{
    alter_people(t, strict, lax, "DROP TABLE local_strict");
}

static const char people[] =
    "SELECT group_concat(person_id, '') FROM"
    " (SELECT person_id FROM person ORDER BY person_id)";

/* sqliteai/sqlite-sync, src/cloudsync.c:2174: a row in the middle of a payload
 * failed, was printed and skipped, the cursor moved past it, and it was lost. */
static void sqlite_sync_2174_a_row_that_fails_is_kept_and_listed(void **state)
{
    (void)state;
    struct tree *t = with_a_row_that_does_not_fit();
    assert_string_equal(tree_get(t, PRISON, people), "acp");
    assert_string_equal(
        tree_get(t, PRISON, "SELECT count(*) FROM sync_unprojected"), "1");
    assert_string_equal(tree_get(t, HQ, people), "abcp");
    let_it_fit(t);
    write_at(t, CLINIC, "UPDATE person SET phone = '1' WHERE person_id = 'b'");
    tree_sync(t); /* it is tried again, whole, with the next change of it */
    assert_everywhere(t, people, "abcp");
    assert_string_equal(tree_get(t, PRISON,
                                 "SELECT beneficiary_no || phone FROM person"
                                 " WHERE person_id = 'b'"),
                        "N-11");
    assert_string_equal(
        tree_get(t, PRISON, "SELECT count(*) FROM sync_unprojected"), "0");
    end(t);
}

/* arul28/ADE #404: one row that could not be applied, in a batch of all or
 * nothing, made the link break and start again for ever. */
static void ade_404_a_row_that_fails_stops_no_other(void **state)
{
    (void)state;
    struct tree *t = with_a_row_that_does_not_fit();
    struct err e;
    for (int i = 0; i < 3; i++) {
        write_at(t, CLINIC,
                 "UPDATE person SET phone = phone || '+'"
                 " WHERE person_id <> 'b'");
        tree_send(t, CLINIC, HUB);
        assert_int_equal(tree_send_try(t, HUB, PRISON, &e), 0);
    }
    assert_string_equal(tree_get(t, PRISON, phone), "0+++");
    struct peer hub = tree_peer(t, PRISON, HUB);
    assert_int_equal(hub.have.journal,
                     replica_self(t->nodes[HUB].replica)->journal);
    let_it_fit(t);
    tree_free(t);
}

/* couchbase/sync_gateway #3375: one document that was rejected stopped the
 * whole replication between two gateways. */
static void sync_gateway_3375_what_is_refused_stops_nothing(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'p', 'OOAT', 'active')");
    tree_sync(t);
    tree_sql(t, CLINIC,
             "INSERT INTO referral(person_id, enrolment_id, kind, to_site,"
             " offered_epoch) VALUES('p', 'e', 'transfer_of_care', 'LDH-P', 1),"
             " ('p', 'e', 'transfer_of_care', 'LDH-H', 1)");
    tree_sync(t);
    write_at(t, PRISON, "UPDATE enrolment SET owner_site = 'LDH-P'");
    write_at(t, HUB, "UPDATE enrolment SET owner_site = 'LDH-H'");
    write_at(t, HUB, "UPDATE person SET phone = 'after'");
    tree_sync(t);
    assert_everywhere(t, "SELECT owner_site FROM enrolment", "LDH-P");
    assert_everywhere(t, phone, "after");
    assert_everywhere(
        t, "SELECT count(*) FROM sync_verdict WHERE verdict = 'refused'", "1");
    end(t);
}

/* learningequality/kolibri #14648: two sites gave one unique number, and the
 * second learner never appeared, without a word. symmetric-ds, by default
 * (auto.resolve.unique.index.violation), deletes the row in the way. */
static void kolibri_14648_of_two_with_one_number_both_are_there(void **state)
{
    (void)state;
    struct tree *t = district();
    write_at(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', 'N')");
    write_at(t, PRISON,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('b', 'N')");
    tree_sync(t);
    assert_everywhere(t, people, "abp");
    end(t);
}

/* sqliteai/sqlite-sync, src/cloudsync.c:1356: rows that only grow were written
 * column by column as they came; two contents of one key never agreed. */
static void sqlite_sync_1356_two_events_of_one_key_agree_and_are_told(
    void **state)
{
    (void)state;
    static const char dose[] =
        "INSERT INTO dose_event(dose_id, person_id, kind, units, verified_by,"
        " dispensed_by) VALUES('d', 'p', 'observed', %d, 'manual', 'nurse')";
    struct tree *t = district();
    char sql[256];
    (void)snprintf(sql, sizeof sql, dose, 1);
    write_at(t, CLINIC, sql);
    (void)snprintf(sql, sizeof sql, dose, 2);
    write_at(t, PRISON, sql);
    tree_sync(t);
    assert_everywhere(
        t, "SELECT group_concat(units || site_id) FROM dose_event", "1LDH-C");
    assert_everywhere(t, "SELECT count(*) FROM sync_verdict", "1");
    end(t);
}

/* --- clocks and cursors --------------------------------------------------- */

/* actualbudget/actual #3786: a clock that was an hour off stopped syncing,
 * without a message. evoluhq/evolu #709: an honest fast device went on writing
 * and every peer rejected it. */
static void actual_3786_a_clock_an_hour_off_stops_nothing(void **state)
{
    (void)state;
    struct tree *t = district();
    t->now_ms += 60 * 60 * 1000;
    write_at(t, PRISON, "UPDATE person SET phone = 'fast', alias_names = 'f'");
    tree_send(t, PRISON, HUB);
    t->now_ms -= 2 * 60 * 60 * 1000;
    write_at(t, CLINIC, "UPDATE person SET given_name = 'slow'");
    tree_sync(t);
    assert_everywhere(t, phone, "fast");
    assert_everywhere(t, "SELECT given_name FROM person", "slow");
    end(t);
}

/* Avni, "Sync gotchas": a row last modified in the future was never synced.
 * Mimetis/Dotmim.Sync #300: with time as cursor a change that was committed
 * late was missed. */
static void dotmim_300_a_change_of_an_earlier_time_is_not_missed(void **state)
{
    (void)state;
    struct tree *t = district_with_notes();
    t->now_ms += 30 * DAY_MS;
    write_at(t, CLINIC, "INSERT INTO note VALUES('a', 'p', 'future', 1)");
    tree_sync(t);
    t->now_ms -= 60 * DAY_MS;
    write_at(t, CLINIC, "INSERT INTO note VALUES('b', 'p', 'past', 1)");
    write_at(t, PRISON, "INSERT INTO note VALUES('c', 'p', 'past', 1)");
    tree_sync(t);
    assert_everywhere(
        t, "SELECT group_concat(k, '') FROM (SELECT k FROM note ORDER BY k)",
        "abcn");
    tree_free(t);
}

/* JumpMind/symmetric-ds, NEWER_WINS (DefaultDatabaseWriterConflictResolver):
 * the journal that says who wrote when is purged after two hours, and then an
 * older edit that comes late wins. */
static void symmetric_ds_an_older_edit_that_comes_late_loses(void **state)
{
    (void)state;
    struct tree *t = district();
    write_at(t, PRISON, "UPDATE person SET phone = 'older'");
    write_at(t, CLINIC, "UPDATE person SET phone = 'newer'");
    tree_send(t, CLINIC, HUB);
    tree_send(t, HUB, HQ);
    t->now_ms += 60 * DAY_MS;
    tree_restart(t, HUB);
    tree_sync(t); /* the prison is on line again */
    assert_everywhere(t, phone, "newer");
    end(t);
}

/* dhis2/dhis2-android-sdk #1620, #1098: a download wrote over local data that
 * was not sent yet. */
static void dhis2_android_1620_what_is_not_sent_is_not_overwritten(void **state)
{
    (void)state;
    struct tree *t = district();
    write_at(t, PRISON, "UPDATE person SET phone = 'theirs'");
    tree_send(t, PRISON, HUB);
    tree_sql(t, CLINIC, "UPDATE person SET phone = 'ours'"); /* no drain yet */
    t->now_ms += 1000;
    tree_send(t, HUB, CLINIC);
    assert_string_equal(tree_get(t, CLINIC, phone), "ours");
    tree_sync(t);
    assert_everywhere(t, phone, "ours");
    end(t);
}

/* --- what people see ------------------------------------------------------ */

/* ohs-foundation/android-fhir #472: nobody could see how many conflicts there
 * were, or what was dropped. Tangerine-Community/Tangerine #2722: a record was
 * lost and no conflict listed. */
static void android_fhir_472_who_lost_is_shown(void **state)
{
    (void)state;
    struct tree *t = district();
    struct why why;
    write_at(t, CLINIC, "UPDATE person SET phone = 'A', sex = 'male'");
    write_at(t, PRISON, "UPDATE person SET phone = 'B', sex = 'female'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_why(t, i, "person", "p", &why);
        assert_int_equal(why.count, 4);
        assert_string_equal(why.leaves[2].site, "LDH-C"); /* phone and sex */
        assert_string_equal(why.leaves[2].columns, "");   /* lost */
        assert_string_equal(why.leaves[3].columns, "sex, phone");
        why_clear(&why);
    }
    /* what tells one person from another waits for a person to look */
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "1");
    end(t);
}

static void settle_sex(struct tree *t, int node)
{
    struct replica *r = t->nodes[node].replica;
    const struct table *person =
        manifest_table_named(replica_manifest(r), "person");
    struct value key = value_text("p");
    struct review *review = NULL;
    struct database *tool = NULL;
    struct err e;
    assert_int_equal(review_open(r, person, &key,
                                 table_column_named(person, "sex"), &review,
                                 &e),
                     0);
    assert_int_equal(review->count, 2);
    assert_int_equal(database_open(t->nodes[node].path, DATABASE_TOOL,
                                   DATABASE_EXISTING, &tool, &e),
                     0);
    assert_int_equal(review_settle(tool, review, &key, 0, t->now_ms, &e), 0);
    database_close(&tool);
    review_close(&review);
}

/* apache/couchdb #1507: conflicting leaves piled up until each update took
 * minutes. */
static void couchdb_1507_conflicts_that_were_settled_do_not_pile_up(
    void **state)
{
    (void)state;
    struct tree *t = district();
    long size = 0;
    for (int i = 0; i < 12; i++) {
        char one[64];
        (void)snprintf(one, sizeof one, "UPDATE person SET sex = '%s'",
                       i % 2 == 0 ? "male" : "unknown");
        write_at(t, CLINIC, one);
        write_at(t, PRISON,
                 i % 2 == 0 ? "UPDATE person SET sex = 'female'"
                            : "UPDATE person SET sex = 'other'");
        tree_sync(t);
        settle_sex(t, i % 3);
        tree_sync(t);
        assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
        long now = strtol(tree_get(t, HQ,
                                   "SELECT max(length(state)) FROM sync_row"
                                   " WHERE table_id = 20"),
                          NULL, 10);
        size = i == 4 ? now : size;
        assert_true(i < 4 || now <= size + 8); /* numbers grow, lists do not */
    }
    end(t);
}

/* --- programs and schemas ------------------------------------------------- */

/* superfly/corrosion #366: a write past the agent left a gap in the versions
 * that others waited for, for ever. */
static void corrosion_366_a_write_past_the_triggers_leaves_no_gap(void **state)
{
    (void)state;
    struct tree *t = district();
    struct verified verified;
    struct err e;
    without_triggers(t, CLINIC, "UPDATE person SET phone = 'nobody hears'");
    write_at(t, CLINIC, "UPDATE person SET alias_names = 'heard'");
    tree_sync(t);
    assert_string_equal(
        tree_get(t, HQ, "SELECT phone || alias_names FROM person"), "0heard");
    assert_int_equal(replica_verify(t->nodes[CLINIC].replica, &verified, &e),
                     0);
    assert_int_equal(verified.differ, 1); /* and it is found out */
    assert_non_null(strstr(verified.first, "person"));
    tree_free(t);
}

/* vlcn-io/cr-sqlite #445 and Fly's post of 2025 on Corrosion: a new column that
 * may be NULL was filled in for each row, and the fleet was flooded. */
static void cr_sqlite_445_a_new_column_is_not_sent_for_each_row(void **state)
{
    (void)state;
    struct tree *t = district();
    struct drained drained;
    struct err e;
    for (int i = 0; i < t->count; i++) {
        tree_upgrade(t, i, later_schema(&schema_embedded, LATER_COLUMNS));
        assert_int_equal(
            replica_drain(t->nodes[i].replica, t->now_ms, &drained, &e), 0);
        assert_int_equal(drained.leaves, 0);
    }
    assert_everywhere(t, "SELECT guardian IS NULL FROM person", "1");
    end(t);
}

/* vlcn-io/cr-sqlite #186, #378: peers of different schemas, with no word about
 * it on the wire, lost what the older did not know. */
static void cr_sqlite_378_an_older_relay_loses_nothing_newer(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_upgrade(t, CLINIC, later_schema(&schema_embedded, LATER_COLUMNS));
    tree_upgrade(t, PRISON, later_schema(&schema_embedded, LATER_COLUMNS));
    write_at(t, CLINIC, "UPDATE person SET guardian = 'aunt', phone = '1'");
    tree_sync(t); /* through a hub that has no such column */
    assert_everywhere(t, phone, "1");
    static const char guardian[] = "SELECT guardian FROM person";
    assert_string_equal(tree_get(t, PRISON, guardian), "aunt");
    tree_upgrade(t, HUB, later_schema(&schema_embedded, LATER_COLUMNS));
    tree_upgrade(t, HQ, later_schema(&schema_embedded, LATER_COLUMNS));
    assert_everywhere(t, guardian, "aunt");
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr_sqlite_413_equal_values_reach_the_third_node),
        cmocka_unit_test(cr_sqlite_299_lives_merge_in_any_order),
        cmocka_unit_test(cr_sqlite_98_a_relay_passes_on_what_it_got),
        cmocka_unit_test(cr_sqlite_405_who_wrote_much_does_not_win_by_it),
        cmocka_unit_test(tangerine_2484_who_syncs_first_does_not_matter),
        cmocka_unit_test(symmetric_ds_what_is_applied_is_not_captured),
        cmocka_unit_test(
            corrosion_352_a_row_deleted_twice_is_gone_at_the_third),
        cmocka_unit_test(
            sync_gateway_2622_who_was_away_a_year_brings_nothing_back),
        cmocka_unit_test(ditto_a_deletion_beside_a_change_leaves_no_husk),
        cmocka_unit_test(sqlite_data_418_deleted_and_made_again_is_there),
        cmocka_unit_test(dotmim_175_inserted_deleted_inserted_is_there),
        cmocka_unit_test(powersync_dart_414_applying_a_row_keeps_its_children),
        cmocka_unit_test(sqlite_sync_68_a_replaced_row_is_the_same_everywhere),
        cmocka_unit_test(corrosion_318_a_key_is_not_changed),
        cmocka_unit_test(electric_609_a_foreign_key_here_stops_nothing),
        cmocka_unit_test(sqlite_data_424_a_child_may_come_before_its_parent),
        cmocka_unit_test(sqlite_sync_2174_a_row_that_fails_is_kept_and_listed),
        cmocka_unit_test(ade_404_a_row_that_fails_stops_no_other),
        cmocka_unit_test(sync_gateway_3375_what_is_refused_stops_nothing),
        cmocka_unit_test(kolibri_14648_of_two_with_one_number_both_are_there),
        cmocka_unit_test(
            sqlite_sync_1356_two_events_of_one_key_agree_and_are_told),
        cmocka_unit_test(actual_3786_a_clock_an_hour_off_stops_nothing),
        cmocka_unit_test(dotmim_300_a_change_of_an_earlier_time_is_not_missed),
        cmocka_unit_test(symmetric_ds_an_older_edit_that_comes_late_loses),
        cmocka_unit_test(
            dhis2_android_1620_what_is_not_sent_is_not_overwritten),
        cmocka_unit_test(android_fhir_472_who_lost_is_shown),
        cmocka_unit_test(
            couchdb_1507_conflicts_that_were_settled_do_not_pile_up),
        cmocka_unit_test(corrosion_366_a_write_past_the_triggers_leaves_no_gap),
        cmocka_unit_test(cr_sqlite_445_a_new_column_is_not_sent_for_each_row),
        cmocka_unit_test(cr_sqlite_378_an_older_relay_loses_nothing_newer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
