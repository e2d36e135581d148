/* SPDX-License-Identifier: Apache-2.0 */
/* What programs at several sites see of each policy. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/parts.h"
#include "store/review.h"
#include "support/tree.h"

enum { HQ, HUB, CLINIC, PRISON };

/* --- scaffolding ---------------------------------------------------------- */

/* A table that the domain has not: rows may be deleted, with an owner and
 * without. */
static const char more_tables[] =
    "CREATE TABLE note(k TEXT PRIMARY KEY NOT NULL, person_id TEXT NOT NULL,"
    " says TEXT, many INTEGER, tags TEXT) STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route, deletes)"
    " VALUES(70, 'note', 'record', 5, 'person:person_id', 1);"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"
    " VALUES(70, 1, 'k', 5, 'key'), (70, 2, 'person_id', 5, 'fixed'),"
    " (70, 3, 'says', 5, 'lww'), (70, 4, 'many', 5, 'max'),"
    " (70, 5, 'tags', 4, 'union');"
    "CREATE TABLE ours(k TEXT PRIMARY KEY NOT NULL, person_id TEXT NOT NULL,"
    " site TEXT NOT NULL, says TEXT) STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route,"
    " owner_column, deletes)"
    " VALUES(71, 'ours', 'record', 5, 'person:person_id', 'site', 1);"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"
    " VALUES(71, 1, 'k', 5, 'key'), (71, 2, 'person_id', 5, 'fixed'),"
    " (71, 3, 'site', 5, 'fixed'), (71, 4, 'says', 5, 'owner');";

/* As a schema step would. */
static void widen(struct tree *t, int node)
{
    sqlite3 *db = t->nodes[node].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, more_tables);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    tree_restart(t, node);
}

static struct tree *ludhiana(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES('p', 'N-1');"
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'p', 'OOAT', 'active');"
             "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
             " item_code, daily_dose_mcg, mode, status, prescriber)"
             " VALUES('o', 'e', 'p', 'BUP', 8000, 'observed', 'active', 'Dr')");
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

static void end(struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    tree_free(t);
}

/* The tables of these tests are in no schema step, so that a replica beside
 * this one would lack them: the journal is replayed here. */
static void end_wide(struct tree *t)
{
    static const char all[] =
        "SELECT (SELECT group_concat(quote(k) || quote(says) || quote(many) ||"
        " quote(tags)) FROM (SELECT * FROM note ORDER BY k)) || '/' ||"
        " coalesce((SELECT group_concat(quote(k) || quote(site) ||"
        " quote(says)) FROM (SELECT * FROM ours ORDER BY k)), '') || '/' ||"
        " (SELECT group_concat(hex(state)) FROM (SELECT * FROM sync_row"
        " WHERE table_id >= 70 ORDER BY table_id, key))";
    for (int i = 0; i < t->count; i++) {
        char before[1024];
        uint64_t leaves;
        struct err e;
        (void)snprintf(before, sizeof before, "%s", tree_get(t, i, all));
        assert_int_equal(
            replica_rebuild(t->nodes[i].replica, t->now_ms, &leaves, &e), 0);
        assert_string_equal(tree_get(t, i, all), before);
    }
    tree_free(t);
}

/* Both write before either hears of the other. */
static void write_apart(struct tree *t, const char *at_clinic,
                        const char *at_prison)
{
    tree_sql(t, CLINIC, at_clinic);
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON, at_prison);
    tree_drain(t, PRISON);
    tree_sync(t);
}

static struct review *review_of(struct tree *t, int node, const char *table,
                                const char *key_text, const char *column)
{
    struct replica *r = t->nodes[node].replica;
    const struct table *found =
        manifest_table_named(replica_manifest(r), table);
    struct value key = value_text(key_text);
    struct review *review = NULL;
    struct err e = {0};
    if (review_open(r, found, &key, table_column_named(found, column), &review,
                    &e) != 0) {
        fail_msg("%s", e.text);
    }
    return review;
}

static void settle_at(struct tree *t, int node, const char *table,
                      const char *key_text, const char *column, size_t which,
                      int64_t now_ms)
{
    struct review *review = review_of(t, node, table, key_text, column);
    struct database *tool = NULL;
    struct value key = value_text(key_text);
    struct err e = {0};
    assert_int_equal(database_open(t->nodes[node].path, DATABASE_TOOL,
                                   DATABASE_EXISTING, &tool, &e),
                     0);
    if (review_settle(tool, review, &key, which, now_ms, &e) != 0) {
        fail_msg("%s", e.text);
    }
    database_close(&tool);
    review_close(&review);
}

static void settle(struct tree *t, int node, const char *table,
                   const char *key_text, const char *column, size_t which)
{
    settle_at(t, node, table, key_text, column, which, t->now_ms);
}

/* --- review --------------------------------------------------------------- */

static void two_that_did_not_know_of_each_other_wait_for_a_person(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET sex = 'male'",
                "UPDATE person SET sex = 'female'");
    assert_everywhere(t, "SELECT sex FROM person", "female");
    assert_everywhere(t,
                      "SELECT group_concat(table_id || '.' || column_id)"
                      " FROM sync_review",
                      "20.7");
    struct review *review = review_of(t, HQ, "person", "p", "sex");
    assert_int_equal(review->count, 2);
    assert_string_equal(review->values[0].site, "LDH-C");
    assert_false(review->values[0].shown);
    assert_string_equal(review->values[1].site, "LDH-P");
    assert_true(review->values[1].shown);
    review_close(&review);
    end(t);
}

static void who_saw_the_value_changes_it_without_a_review(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    tree_sql(t, CLINIC, "UPDATE person SET sex = 'male'");
    tree_sync(t);
    tree_sql(t, PRISON, "UPDATE person SET sex = 'female'");
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "female");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

static void the_same_value_twice_is_no_review(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET sex = 'male'",
                "UPDATE person SET sex = 'male'");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

static void an_ordinary_write_covers_what_was_shown_and_no_more(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET sex = 'male'",
                "UPDATE person SET sex = 'female'");
    tree_sql(t, HUB, "UPDATE person SET sex = 'other'");
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "other");
    struct review *review = review_of(t, CLINIC, "person", "p", "sex");
    assert_int_equal(review->count, 2); /* male was never seen */
    assert_string_equal(review->values[0].site, "LDH-C");
    assert_string_equal(review->values[1].site, "LDH-H");
    review_close(&review);
    end(t);
}

static void settling_covers_all_and_takes_the_one_that_was_chosen(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET sex = 'male'",
                "UPDATE person SET sex = 'female'");
    settle(t, PRISON, "person", "p", "sex", 0);
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "male");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    /* also the one that is shown already */
    write_apart(t, "UPDATE person SET sex = 'other'",
                "UPDATE person SET sex = 'unknown'");
    settle(t, CLINIC, "person", "p", "sex", 1);
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "unknown");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

/* A form writes its row whole, within the same drain (seed 135376). */
static void settling_counts_though_the_row_is_replaced(void **state)
{
    (void)state;
    static const char replace[] =
        "REPLACE INTO person SELECT * FROM (SELECT * FROM person)";
    /* the triggers' clock: a gap between two writes ends a drain */
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET sex = 'male'",
                "UPDATE person SET sex = 'female'");
    tree_sql(t, PRISON, replace);
    settle_at(t, PRISON, "person", "p", "sex", 1, now_ms);
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "female");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    write_apart(t, "UPDATE person SET sex = 'other'",
                "UPDATE person SET sex = 'unknown'");
    settle_at(t, CLINIC, "person", "p", "sex", 0, now_ms);
    tree_sql(t, CLINIC, replace);
    tree_sync(t);
    assert_everywhere(t, "SELECT sex FROM person", "other");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

static void the_smaller_dose_is_shown_until_a_person_has_looked(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE treatment_order SET daily_dose_mcg = 4000",
                "UPDATE treatment_order SET daily_dose_mcg = 12000");
    assert_everywhere(t, "SELECT daily_dose_mcg FROM treatment_order", "4000");
    settle(t, HUB, "treatment_order", "o", "daily_dose_mcg", 1);
    tree_sync(t);
    assert_everywhere(t, "SELECT daily_dose_mcg FROM treatment_order", "12000");
    end(t);
}

static void a_group_under_review_shows_what_one_site_wrote(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t,
                "UPDATE person SET birth_year = 1980,"
                " birth_precision = 'year'",
                "UPDATE person SET birth_year = 1981,"
                " birth_date = '1981-02-03'");
    static const char birth[] =
        "SELECT birth_year || ' ' || coalesce(birth_date, '-') || ' ' ||"
        " coalesce(birth_precision, '-') FROM person";
    assert_everywhere(t, birth, "1981 1981-02-03 -");
    settle(t, HQ, "person", "p", "birth_date", 0);
    tree_sync(t);
    assert_everywhere(t, birth, "1980 - year");
    end(t);
}

/* --- rank, min, max ------------------------------------------------------- */

static void what_only_goes_forward_goes_back_nowhere(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE treatment_order SET status = 'stopped'",
                "UPDATE treatment_order SET status = 'superseded'");
    assert_everywhere(t, "SELECT status FROM treatment_order", "stopped");
    tree_sql(t, PRISON, "UPDATE treatment_order SET status = 'active'");
    tree_drain(t, PRISON); /* here too */
    assert_string_equal(tree_get(t, PRISON,
                                 "SELECT status FROM"
                                 " treatment_order"),
                        "stopped");
    write_apart(t, "UPDATE treatment_order SET valid_to = '2026-03-01'",
                "UPDATE treatment_order SET valid_to = '2026-02-01'");
    tree_sql(t, CLINIC, "UPDATE treatment_order SET valid_to = NULL");
    tree_sync(t);
    assert_everywhere(t, "SELECT valid_to FROM treatment_order", "2026-02-01");
    end(t);
}

/* --- union ---------------------------------------------------------------- */

static void of_two_lists_nothing_is_lost(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    write_apart(t, "UPDATE person SET alerts = '[\"allergy\"]'",
                "UPDATE person SET alerts = '[\"pregnancy\", \"allergy\"]'");
    assert_everywhere(t, "SELECT alerts FROM person",
                      "[\"allergy\",\"pregnancy\"]");
    /* one takes away what the other adds to */
    write_apart(t, "UPDATE person SET alerts = '[\"pregnancy\"]'",
                "UPDATE person SET alerts ="
                " '[\"allergy\",\"pregnancy\",\"hbv\"]'");
    assert_everywhere(t, "SELECT alerts FROM person",
                      "[\"hbv\",\"pregnancy\"]");
    /* an addition that the removal did not know of stays */
    write_apart(t, "UPDATE person SET alerts = '[\"hbv\"]'",
                "UPDATE person SET alerts = '[\"hbv\"]'");
    write_apart(t, "UPDATE person SET alerts = '[\"hbv\", \"allergy\"]'",
                "UPDATE person SET alerts = '[]'");
    assert_everywhere(t, "SELECT alerts FROM person", "[\"allergy\"]");
    tree_sql(t, HUB, "UPDATE person SET alerts = NULL");
    tree_sync(t);
    assert_everywhere(t, "SELECT alerts FROM person", "");
    end(t);
}

static void a_list_that_is_none_is_parked(void **state)
{
    (void)state;
    static const char *const wrong[] = {"allergy", "{\"a\": 1}", "[[1]]",
                                        "[true]",  "[1.5]",      "[\"a\""};
    struct tree *t = ludhiana();
    tree_sql(t, CLINIC, "UPDATE person SET alerts = '[\"allergy\"]'");
    tree_sync(t);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql,
                       "UPDATE person SET alerts = '%s', phone = '%zu'",
                       wrong[i], i);
        tree_sql(t, CLINIC, sql);
        tree_sync(t);
        (void)snprintf(sql, sizeof sql, "SELECT phone = '%zu' FROM person", i);
        assert_everywhere(t, sql, "1"); /* the rest of the write counts */
        assert_everywhere(t, "SELECT alerts FROM person", "[\"allergy\"]");
        assert_string_equal(tree_get(t, CLINIC,
                                     "SELECT value FROM sync_parked"
                                     " ORDER BY parked_id DESC"),
                            wrong[i]);
    }
    end(t);
}

/* --- groups --------------------------------------------------------------- */

static void a_group_is_never_mixed(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    tree_sql(t, CLINIC,
             "UPDATE enrolment SET status = 'completed',"
             " ended_on = '2026-01-05', end_reason = 'done'");
    tree_drain(t, CLINIC);
    tree_sql(t, CLINIC,
             "UPDATE enrolment SET status = 'active',"
             " ended_on = NULL, end_reason = NULL");
    tree_sync(t);
    assert_everywhere(t,
                      "SELECT status || coalesce(ended_on, '') ||"
                      " coalesce(end_reason, '') FROM enrolment",
                      "active");
    struct why why;
    struct err e;
    struct value key = value_text("e");
    struct replica *r = t->nodes[HQ].replica;
    assert_int_equal(
        replica_why(r, manifest_table_named(replica_manifest(r), "enrolment"),
                    &key, &why, &e),
        0);
    assert_string_equal(why.leaves[why.count - 1].columns,
                        "status, phase, started_on, ended_on, end_reason");
    why_clear(&why);
    end(t);
}

/* --- hand-over ------------------------------------------------------------ */

static void offer(struct tree *t, int from, const char *to)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO referral(person_id, enrolment_id, kind,"
                   " to_site, offered_epoch) SELECT person_id, enrolment_id,"
                   " 'transfer_of_care', '%s', owner_epoch FROM enrolment",
                   to);
    tree_sql(t, from, sql);
    tree_sync(t);
}

static const char owner[] = "SELECT owner_site || ' ' || owner_epoch || ' ' ||"
                            " coalesce(named_worker, '-') FROM enrolment";

static void a_row_goes_to_the_site_it_is_offered_to(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    tree_sql_fails(t, PRISON, "UPDATE enrolment SET owner_site = 'LDH-P'",
                   "has not offered it to this one");
    offer(t, CLINIC, "LDH-P");
    tree_sql_fails(t, HUB, "UPDATE enrolment SET owner_site = 'LDH-H'",
                   "has not offered it to this one");
    tree_sql_fails(t, CLINIC, "UPDATE enrolment SET owner_site = 'LDH-P'",
                   "by an offer in referral");
    tree_sql_fails(t, PRISON, "UPDATE enrolment SET named_worker = 'x'",
                   "belongs to another site");
    tree_sql(t, PRISON,
             "UPDATE enrolment SET owner_site = 'LDH-P', named_worker = 'W'");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-P 2 W");
    tree_sql_fails(t, CLINIC, "UPDATE enrolment SET named_worker = 'x'",
                   "belongs to another site");
    tree_sql(t, PRISON, "UPDATE enrolment SET named_worker = 'W2'");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-P 2 W2");
    /* and back again */
    offer(t, PRISON, "LDH-C");
    tree_sql(t, CLINIC, "UPDATE enrolment SET owner_site = 'LDH-C'");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-C 3 W2");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

static void the_next_owner_may_write_the_row_whole(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    offer(t, CLINIC, "LDH-P");
    tree_sql(t, PRISON, "UPDATE enrolment SET owner_site = 'LDH-P'");
    tree_sync(t);
    /* the epoch is left out, and becomes its default */
    tree_sql(t, PRISON,
             "INSERT OR REPLACE INTO enrolment(enrolment_id, person_id,"
             " programme, status, named_worker) VALUES('e', 'p', 'OOAT',"
             " 'on_hold', 'W')");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-P 2 W");
    assert_everywhere(t, "SELECT status FROM enrolment", "on_hold");
    assert_everywhere(t, "SELECT count(*) FROM sync_parked", "0");
    end(t);
}

static void who_no_longer_owns_a_row_loses_where_the_next_wrote(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    offer(t, CLINIC, "LDH-P");
    write_apart(
        t,
        "UPDATE enrolment SET named_worker = 'late', phase ="
        " 'tapering'",
        "UPDATE enrolment SET owner_site = 'LDH-P', named_worker = 'W'");
    tree_sql(t, PRISON, "UPDATE enrolment SET route = 'oral'");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-P 2 W");
    assert_everywhere(t, "SELECT phase FROM enrolment", "tapering");
    end(t);
}

static void of_two_that_took_a_row_the_first_owns_it(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    offer(t, CLINIC, "LDH-P");
    offer(t, CLINIC, "LDH-H");
    tree_sql(t, PRISON,
             "UPDATE enrolment SET owner_site = 'LDH-P', named_worker = 'P'");
    tree_drain(t, PRISON);
    tree_sql(t, HUB,
             "UPDATE enrolment SET owner_site = 'LDH-H', named_worker = 'H'");
    tree_drain(t, HUB);
    tree_send(t, HUB, HQ); /* the second is heard of first */
    assert_string_equal(tree_get(t, HQ, owner), "LDH-H 2 H");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-P 2 P");
    assert_everywhere(t, "SELECT column_id FROM sync_review", "4");
    struct review *review = review_of(t, HQ, "enrolment", "e", "owner_site");
    assert_true(review->owner);
    assert_int_equal(review->count, 2);
    assert_true(review->values[0].shown);
    review_close(&review);
    tree_sql_fails(t, HUB, "UPDATE enrolment SET named_worker = 'x'",
                   "belongs to another site");
    /* the next hand-over settles it */
    offer(t, PRISON, "LDH-H");
    tree_sql(t, HUB, "UPDATE enrolment SET owner_site = 'LDH-H'");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-H 3 P");
    assert_everywhere(t, "SELECT count(*) FROM sync_review", "0");
    end(t);
}

/* The second site's clock was ahead: it took the row, took that back, and says it
 * anew. */
static void a_taking_that_was_taken_back_is_not_asked_about(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    offer(t, CLINIC, "LDH-P");
    offer(t, CLINIC, "LDH-H");
    tree_sql(t, HUB, "UPDATE enrolment SET owner_site = 'LDH-H'");
    tree_drain(t, HUB);
    t->nodes[PRISON].ahead_ms = 365 * INT64_C(86400000);
    tree_sql(t, PRISON, "UPDATE enrolment SET owner_site = 'LDH-P'");
    tree_drain(t, PRISON);
    t->nodes[PRISON].ahead_ms = 0;
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        struct review *review = review_of(t, i, "enrolment", "e", "owner_site");
        assert_int_equal(review->count, 2);
        assert_string_equal(review->values[0].site, "LDH-H");
        assert_string_equal(review->values[1].site, "LDH-P");
        review_close(&review);
    }
    end(t);
}

static void only_the_owner_can_offer_a_row(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    offer(t, PRISON, "LDH-P"); /* to itself, what is not its own */
    tree_sql_fails(t, PRISON, "UPDATE enrolment SET owner_site = 'LDH-P'",
                   "has not offered it to this one");
    /* and past the guard it is parked */
    (void)sqlite3_db_config(t->nodes[PRISON].client,
                            SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, PRISON,
             "UPDATE enrolment SET owner_site = 'LDH-P';"
             "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
             " VALUES(30, 4, 'e', 'LDH-C', 0)");
    tree_sync(t);
    assert_everywhere(t, owner, "LDH-C 1 -");
    assert_string_equal(
        tree_get(t, PRISON, "SELECT value || ': ' || says FROM sync_parked"),
        "LDH-P: the row belongs to site LDH-C");
    end(t);
}

/* --- life ----------------------------------------------------------------- */

static struct tree *wide_ludhiana(void)
{
    struct tree *t = ludhiana();
    for (int i = 0; i < t->count; i++) {
        widen(t, i);
    }
    tree_sql(t, CLINIC,
             "INSERT INTO note VALUES('n', 'p', 'first', 1, '[\"a\"]');"
             "INSERT INTO ours VALUES('m', 'p', 'LDH-C', 'ours')");
    tree_sync(t);
    assert_everywhere(t, "SELECT says || many || tags FROM note",
                      "first1[\"a\"]");
    return t;
}

static void a_deleted_row_stays_deleted(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    tree_sql(t, CLINIC, "DELETE FROM note");
    tree_drain(t, CLINIC);
    /* the prison was away and went on writing */
    tree_sql(t, PRISON, "UPDATE note SET says = 'late', many = 9");
    tree_sync(t);
    assert_everywhere(t, "SELECT count(*) FROM note", "0");
    end_wide(t);
}

static void a_row_written_anew_is_whole(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    tree_sql(t, CLINIC, "DELETE FROM note");
    tree_drain(t, CLINIC);
    tree_sql(t, CLINIC,
             "INSERT INTO note(k, person_id, says) VALUES('n', 'p', 'again')");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON, "UPDATE note SET many = 9, tags = '[\"b\"]'");
    tree_sync(t);
    assert_everywhere(t,
                      "SELECT says || coalesce(many, '-') ||"
                      " coalesce(tags, '-') FROM note",
                      "again--");
    end_wide(t);
}

static void deleted_and_written_within_one_drain_is_a_change(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    tree_sql(t, CLINIC,
             "DELETE FROM note;"
             "INSERT INTO note VALUES('n', 'p', 'second', 1, '[\"a\"]')");
    tree_drain(t, CLINIC);
    tree_sql(t, PRISON, "UPDATE note SET many = 9");
    tree_sync(t);
    assert_everywhere(t, "SELECT says || many FROM note", "second9");
    /* made and deleted: nobody hears of it */
    struct drained drained;
    struct err e;
    tree_sql(t, CLINIC,
             "INSERT INTO note(k, person_id) VALUES('x', 'p');"
             "DELETE FROM note WHERE k = 'x'");
    assert_int_equal(
        replica_drain(t->nodes[CLINIC].replica, t->now_ms, &drained, &e), 0);
    assert_int_equal(drained.leaves, 0);
    end_wide(t);
}

static void the_same_row_may_be_deleted_twice(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    write_apart(t, "DELETE FROM note", "DELETE FROM note");
    assert_everywhere(t, "SELECT count(*) FROM note", "0");
    tree_sql(t, HUB,
             "INSERT INTO note(k, person_id, says) VALUES('n', 'p', 'third')");
    tree_sync(t);
    assert_everywhere(t, "SELECT says FROM note", "third");
    end_wide(t);
}

static void only_the_owner_deletes_a_row(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    tree_sql_fails(t, PRISON, "DELETE FROM ours", "belongs to another site");
    tree_sql(t, CLINIC, "DELETE FROM ours");
    tree_sync(t);
    assert_everywhere(t, "SELECT count(*) FROM ours", "0");
    /* the name is free, also for another */
    tree_sql(t, PRISON, "INSERT INTO ours VALUES('m', 'p', 'LDH-P', 'new')");
    tree_sync(t);
    assert_everywhere(t, "SELECT site || says FROM ours", "LDH-Pnew");
    end_wide(t);
}

static void a_row_may_live_again_elsewhere(void **state)
{
    (void)state;
    struct tree *t = wide_ludhiana();
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES('q', 'N-2');"
             "DELETE FROM ours; DELETE FROM note");
    tree_sync(t);
    tree_sql(t, PRISON,
             "INSERT INTO ours VALUES('m', 'q', 'LDH-P', 'new');"
             "INSERT INTO note(k, person_id, says) VALUES('n', 'q', 'new')");
    tree_sync(t);
    /* REPLACE is compared with a fold, which has to know the life before */
    tree_sql(t, PRISON,
             "INSERT OR REPLACE INTO ours VALUES('m', 'q', 'LDH-P', 'newer')");
    tree_sync(t);
    assert_everywhere(t, "SELECT person_id || says FROM ours", "qnewer");
    /* and when that life is over too, what it covered stays over */
    tree_sql(t, PRISON, "DELETE FROM ours; DELETE FROM note");
    tree_sync(t);
    tree_sql(t, CLINIC,
             "INSERT INTO ours VALUES('m', 'p', 'LDH-C', 'back');"
             "INSERT INTO note(k, person_id, says) VALUES('n', 'p', 'back')");
    tree_sync(t);
    tree_sql(t, CLINIC,
             "INSERT OR REPLACE INTO ours VALUES('m', 'p', 'LDH-C', 'here')");
    tree_sync(t);
    assert_everywhere(t, "SELECT person_id || says FROM ours", "phere");
    assert_everywhere(t, "SELECT person_id || says FROM note", "pback");
    end_wide(t);
}

static void a_table_that_forbids_it_keeps_its_rows(void **state)
{
    (void)state;
    struct tree *t = ludhiana();
    tree_sql_fails(t, CLINIC, "DELETE FROM person", "never deleted");
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_did_not_know_of_each_other_wait_for_a_person),
        cmocka_unit_test(who_saw_the_value_changes_it_without_a_review),
        cmocka_unit_test(the_same_value_twice_is_no_review),
        cmocka_unit_test(an_ordinary_write_covers_what_was_shown_and_no_more),
        cmocka_unit_test(settling_covers_all_and_takes_the_one_that_was_chosen),
        cmocka_unit_test(settling_counts_though_the_row_is_replaced),
        cmocka_unit_test(the_smaller_dose_is_shown_until_a_person_has_looked),
        cmocka_unit_test(a_group_under_review_shows_what_one_site_wrote),
        cmocka_unit_test(what_only_goes_forward_goes_back_nowhere),
        cmocka_unit_test(of_two_lists_nothing_is_lost),
        cmocka_unit_test(a_list_that_is_none_is_parked),
        cmocka_unit_test(a_group_is_never_mixed),
        cmocka_unit_test(a_row_goes_to_the_site_it_is_offered_to),
        cmocka_unit_test(the_next_owner_may_write_the_row_whole),
        cmocka_unit_test(who_no_longer_owns_a_row_loses_where_the_next_wrote),
        cmocka_unit_test(of_two_that_took_a_row_the_first_owns_it),
        cmocka_unit_test(a_taking_that_was_taken_back_is_not_asked_about),
        cmocka_unit_test(only_the_owner_can_offer_a_row),
        cmocka_unit_test(a_deleted_row_stays_deleted),
        cmocka_unit_test(a_row_written_anew_is_whole),
        cmocka_unit_test(deleted_and_written_within_one_drain_is_a_change),
        cmocka_unit_test(the_same_row_may_be_deleted_twice),
        cmocka_unit_test(only_the_owner_deletes_a_row),
        cmocka_unit_test(a_row_may_live_again_elsewhere),
        cmocka_unit_test(a_table_that_forbids_it_keeps_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
