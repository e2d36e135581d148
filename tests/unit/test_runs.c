/* SPDX-License-Identifier: Apache-2.0 */
#include "store/runs.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"
#include "store/journal.h"
#include "store/parts.h"
#include "store/schema.h"
#include "support/dice.h"
#include "support/scratch.h"
#include "support/tree.h"

/* A journal in a file, and what was put into it. */
enum { DELIVERIES_MAX = 320 * 1024, POOL = 3000 };

struct fixture {
    char *folder;
    char *path;
    struct database *db;
    struct bytes scopes[DELIVERIES_MAX]; /* of position i + 1 */
    size_t count;
    uint8_t pool[POOL][JOURNAL_MARK_BYTES];
    struct dice dice;
};

static void ready(int code, const struct err *e)
{
    if (code < 0) {
        print_error("%s\n", e->text);
    }
    assert_true(code >= 0);
}

static void run(struct fixture *f, const char *sql)
{
    struct err e = {0};
    ready(database_run(f->db, sql, &e), &e);
}

static int64_t number(struct fixture *f, const char *sql)
{
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    ready(database_statement(f->db, sql, &stmt, &e), &e);
    assert_int_equal(database_step(f->db, stmt, &e), 1);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return number;
}

/* All deliveries are of one changeset: only their marks matter here. */
static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};
    const struct schema_site site = {.site_id = "LDH-C", .today = "('')"};
    assert_non_null(f);
    f->folder = scratch_folder();
    f->path = scratch_path(f->folder, "replica.db");
    ready(database_open(f->path, DATABASE_NODE, DATABASE_CREATE, &f->db, &e),
          &e);
    ready(database_begin(f->db, &e), &e);
    ready(schema_upgrade(f->db, &schema_embedded, &site, &e), &e);
    run(f, "INSERT INTO sync_changeset VALUES(1, 1, 7, 0, 1, 0, 1, 1, NULL,"
           " NULL, zeroblob(32), zeroblob(64), 0)");
    ready(database_commit(f->db, &e), &e);
    f->dice = dice_seeded();
    dice_fill(&f->dice, f->pool, sizeof f->pool);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->count; i++) {
        bytes_free(&f->scopes[i]);
    }
    database_close(&f->db);
    free(f->path);
    scratch_remove(&f->folder);
    free(f);
    return 0;
}

/* --- the journal --------------------------------------------------------- */

static int compare_marks(const void *a, const void *b)
{
    return memcmp(a, b, JOURNAL_MARK_BYTES);
}

/* Some are in many deliveries, most in few. */
static const uint8_t *a_mark(struct fixture *f)
{
    return f->pool[dice_below(&f->dice, 1 + dice_below(&f->dice, POOL))];
}

/* Hashes collide: a list may have a mark twice. The first of the pool is in
 * half of the deliveries, as that of a site's own scope is. */
static void append(struct fixture *f, size_t marks)
{
    struct err e = {0};
    sqlite3_stmt *stmt = NULL;
    assert_true(f->count < DELIVERIES_MAX);
    struct bytes *scopes = &f->scopes[f->count++];
    for (size_t i = 0; i < marks; i++) {
        bool common = i == 0 && dice_even(&f->dice);
        bytes_put(scopes, common ? f->pool[0] : a_mark(f), JOURNAL_MARK_BYTES);
    }
    if (marks > 0) {
        qsort(scopes->data, marks, JOURNAL_MARK_BYTES, compare_marks);
    }
    ready(database_statement(f->db,
                             "INSERT INTO sync_delivery(origin_no, seq,"
                             " incarnation, from_no, reach, scopes, leaves)"
                             " VALUES(1, 1, 7, 1, 2, ?1, x'00')",
                             &stmt, &e),
          &e);
    sqlite3_bind_blob(stmt, 1, marks == 0 ? (void *)"" : scopes->data,
                      (int)scopes->len, SQLITE_STATIC);
    ready(database_done(f->db, stmt, &e), &e);
}

static void append_many(struct fixture *f, size_t deliveries, size_t marks_max)
{
    struct err e = {0};
    ready(database_begin(f->db, &e), &e);
    for (size_t i = 0; i < deliveries; i++) {
        append(f, dice_below(&f->dice, marks_max + 1));
    }
    ready(database_commit(f->db, &e), &e);
}

static uint64_t plain_next(const struct fixture *f, uint64_t after,
                           struct slice marks)
{
    for (size_t at = after; at < f->count; at++) {
        const struct bytes *scopes = &f->scopes[at];
        for (size_t i = 0; scopes->len > 0 && i < marks.len;
             i += JOURNAL_MARK_BYTES) {
            if (bsearch(marks.data + i, scopes->data,
                        scopes->len / JOURNAL_MARK_BYTES, JOURNAL_MARK_BYTES,
                        compare_marks) != NULL) {
                return at + 1;
            }
        }
    }
    return 0;
}

static uint64_t next(struct fixture *f, uint64_t after, struct slice marks)
{
    struct delivery d;
    struct err e = {0};
    int rc = journal_next_of_marks(f->db, f->db, after, marks, &d, &e);
    ready(rc, &e);
    return rc == 1 ? d.position : 0;
}

/* From a place in the journal on, up to some hundred answers. */
static void check(struct fixture *f)
{
    struct bytes marks = {0};
    size_t count = 1 + dice_below(&f->dice, 8);
    bool near_end = dice_even(&f->dice);
    for (size_t i = 0; i < count; i++) {
        bytes_put(&marks, a_mark(f), JOURNAL_MARK_BYTES);
    }
    uint64_t at = near_end && f->count > 2000
                      ? f->count - dice_below(&f->dice, 2000)
                      : dice_below(&f->dice, f->count + 1);
    at = dice_below(&f->dice, 4) == 0 ? 0 : at;
    for (int i = 0; i < 300; i++) {
        uint64_t wanted = plain_next(f, at, slice_of(&marks));
        assert_int_equal(next(f, at, slice_of(&marks)), wanted);
        if (wanted == 0) {
            break;
        }
        at = wanted;
    }
    bytes_free(&marks);
}

/* --- growing ------------------------------------------------------------- */

static bool grow(struct fixture *f)
{
    struct err e = {0};
    bool more = false;
    int before = sqlite3_total_changes(database_handle(f->db));
    bool due = false;
    ready(runs_due(f->db, f->db, &due, &e), &e);
    assert_int_equal(sqlite3_total_changes(database_handle(f->db)), before);
    ready(runs_grow(f->db, f->db, &more, &e), &e);
    assert_int_equal(more, due);
    int changes = sqlite3_total_changes(database_handle(f->db)) - before;
    /* the last delivery may have many, and runs are noted too */
    assert_in_range(changes, 0, RUN_PIECE_MARKS + LEAVES_MAX + RUN_FANOUT + 2);
    return more;
}

static bool grow_and(struct fixture *f, const char *end)
{
    struct err e = {0};
    ready(database_begin(f->db, &e), &e);
    bool more = grow(f);
    if (strcmp(end, "ROLLBACK") == 0) {
        database_rollback(f->db);
    } else {
        ready(database_commit(f->db, &e), &e);
    }
    return more;
}

/* Until nothing is left to do, in one transaction: a commit takes longer than
 * a piece. */
static void grow_whole(struct fixture *f)
{
    struct err e = {0};
    int pieces = 0;
    ready(database_begin(f->db, &e), &e);
    while (grow(f)) {
        assert_true(++pieces < 10000);
    }
    ready(database_commit(f->db, &e), &e);
}

static void step(struct fixture *f)
{
    switch (dice_below(&f->dice, 12)) {
    case 0:
    case 1:
        append_many(f, dice_below(&f->dice, 1500), 3);
        break;
    case 2:
    case 3: /* a dozen such fill a run */
        append_many(f, dice_below(&f->dice, 40), LEAVES_MAX);
        break;
    case 4:
        (void)grow_and(f, "ROLLBACK"); /* as a crash does */
        break;
    case 5:
        if (dice_below(&f->dice, 20) == 0) {
            run(f, "DELETE FROM sync_run");
        }
        break;
    default:
        for (size_t i = dice_below(&f->dice, 12); i > 0; i--) {
            (void)grow_and(f, "COMMIT");
        }
        break;
    }
}

/* --- what a lookup gives ------------------------------------------------- */

static void a_journal_without_runs_is_scanned(void **state)
{
    struct fixture *f = *state;
    check(f);
    append_many(f, RUN_TAIL_DELIVERIES, 3);
    assert_false(grow_and(f, "COMMIT"));
    assert_int_equal(number(f, "SELECT count(*) FROM sync_run"), 0);
    for (int i = 0; i < 50; i++) {
        check(f);
    }
}

static void whatever_is_indexed_answers_are_those_of_a_scan(void **state)
{
    struct fixture *f = *state;
    int rounds = getenv("SANGAM_LONG") != NULL ? 2000 : 120;
    /* enough for merges of every kind from the first round on */
    append_many(f, 20000, 3);
    for (int i = 0; i < rounds && f->count + 1500 < DELIVERIES_MAX; i++) {
        step(f);
        check(f);
        check(f);
    }
    while (grow_and(f, "COMMIT")) {
        check(f);
    }
    for (int i = 0; i < 50; i++) {
        check(f);
    }
}

/* Every state that a power cut can leave between two pieces. */
static void between_any_two_pieces_answers_are_those_of_a_scan(void **state)
{
    struct fixture *f = *state;
    int pieces = 0;
    append_many(f, 20000, 6);
    do {
        (void)grow_and(f, "ROLLBACK");
        check(f);
        check(f);
        pieces++;
    } while (grow_and(f, "COMMIT"));
    assert_true(pieces > 2 * RUN_FANOUT);
}

/* --- what runs are ------------------------------------------------------- */

/* Entries of the deliveries up to a position, each mark once. */
static int64_t entries_up_to(const struct fixture *f, size_t position)
{
    int64_t count = 0;
    for (size_t at = 0; at < position; at++) {
        const struct bytes *s = &f->scopes[at];
        for (size_t i = 0; i < s->len; i += JOURNAL_MARK_BYTES) {
            count +=
                i == 0 || memcmp(s->data + i, s->data + i - JOURNAL_MARK_BYTES,
                                 JOURNAL_MARK_BYTES) != 0;
        }
    }
    return count;
}

static void assert_in_order(struct fixture *f)
{
    int64_t last = number(f, "SELECT coalesce(max(last), 0) FROM sync_run");
    assert_true((int64_t)f->count - last <= RUN_TAIL_DELIVERIES);
    assert_int_equal(number(f, "SELECT count(*) FROM sync_mark"),
                     entries_up_to(f, (size_t)last));
    assert_int_equal(number(f, "SELECT count(*) FROM sync_run WHERE whole = 0"),
                     0);
    assert_true(number(f, "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS"
                          " n FROM sync_run GROUP BY level)") < RUN_FANOUT);
}

static void runs_stay_few_and_list_each_mark_once(void **state)
{
    struct fixture *f = *state;
    const size_t deliveries =
        (RUN_FANOUT + 1) * RUN_FANOUT * RUN_TAIL_DELIVERIES;
    while (f->count < deliveries) {
        append_many(f, (size_t)RUN_FANOUT * RUN_TAIL_DELIVERIES / 4, 1);
        grow_whole(f);
    }
    assert_in_order(f);
    assert_int_equal(number(f, "SELECT max(level) FROM sync_run"), 2);
    append_many(f, 600, LEAVES_MAX);
    append_many(f, RUN_TAIL_DELIVERIES, 1);
    grow_whole(f);
    assert_in_order(f);
    check(f);
}

static void forgotten_runs_are_cleared_away_and_made_again(void **state)
{
    struct fixture *f = *state;
    append_many(f, 20000, 5);
    for (int i = 0; i < RUN_FANOUT + 2; i++) { /* a merge has begun */
        assert_true(grow_and(f, "COMMIT"));
    }
    assert_int_equal(number(f, "SELECT count(*) FROM sync_run WHERE whole = 0"),
                     1);
    run(f, "DELETE FROM sync_run");
    check(f);
    while (grow_and(f, "COMMIT")) {
        check(f);
    }
    assert_in_order(f);
}

/* --- replays ------------------------------------------------------------- */

enum { HQ, HUB };

static void add_dose(struct tree *t, int node, int units)
{
    char sql[320];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
                   " units, verified_by, dispensed_by) VALUES('d1',"
                   " '01900000-0000-7000-8000-000000000001', 'observed',"
                   " 'BUP-2', %d, 'photo_card', 'nurse 4')",
                   units);
    tree_sql(t, node, sql);
    tree_drain(t, node);
    t->now_ms += 1000;
}

static void replays_do_not_trust_the_runs_they_find(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct verified verified;
    uint64_t leaves;
    struct err e = {0};
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    add_dose(t, HUB, 3); /* one key, two contents: the row must be folded */
    add_dose(t, HQ, 4);
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT units FROM dose_event"), "3");
    struct replica *r = t->nodes[HQ].replica;
    ready(database_run(r->db,
                       "INSERT INTO sync_run(level, last, whole)"
                       " SELECT 0, max(position), 1 FROM sync_delivery",
                       &e),
          &e);
    ready(replica_verify(r, &verified, &e), &e);
    assert_int_equal(verified.differ, 0);
    ready(replica_rebuild(r, t->now_ms, &leaves, &e), &e);
    assert_string_equal(tree_get(t, HQ, "SELECT units FROM dose_event"), "3");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_run"), "0");
    tree_check(t, HQ);
    tree_free(t);
}

/* A program that holds the write lock holds up nobody who has nothing to do. */
static void the_node_indexes_what_came_and_then_waits_for_no_lock(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct replica *r = t->nodes[HQ].replica;
    struct err e = {0};
    bool more = true;
    int pieces = 0;
    ready(database_run(r->db,
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                       " SELECT i + 1 FROM n WHERE i < 3000)"
                       " INSERT INTO sync_delivery(origin_no, seq, incarnation,"
                       " from_no, reach, scopes, leaves) SELECT origin_no, seq,"
                       " incarnation, from_no, reach, scopes, leaves FROM n,"
                       " (SELECT * FROM sync_delivery ORDER BY position DESC"
                       " LIMIT 1)",
                       &e),
          &e);
    for (; more; pieces++) {
        ready(replica_index(r, &more, &e), &e);
    }
    assert_int_equal(pieces, 3);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_run"), "2");
    tree_sql(t, HQ, "BEGIN IMMEDIATE");
    ready(replica_index(r, &more, &e), &e);
    assert_false(more);
    tree_sql(t, HQ, "COMMIT");
    tree_check(t, HQ);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_journal_without_runs_is_scanned,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            whatever_is_indexed_answers_are_those_of_a_scan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            between_any_two_pieces_answers_are_those_of_a_scan, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(runs_stay_few_and_list_each_mark_once,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            forgotten_runs_are_cleared_away_and_made_again, set_up, tear_down),
        cmocka_unit_test(replays_do_not_trust_the_runs_they_find),
        cmocka_unit_test(the_node_indexes_what_came_and_then_waits_for_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
