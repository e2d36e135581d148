/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What comes in does so in short transactions, and what programs wrote goes
 * first.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "store/parts.h"
#include "support/tree.h"

enum { HQ, HUB };

static struct tree *two_nodes(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    return t;
}

static void write_persons(struct tree *t, int node, int count)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                   " FROM n WHERE i < %d) INSERT INTO person(beneficiary_no,"
                   " given_name) SELECT 'N-' || i, 'Testa' FROM n",
                   count);
    tree_sql(t, node, sql);
}

static long number(struct tree *t, int node, const char *sql)
{
    return strtol(tree_get(t, node, sql), NULL, 10);
}

static long pending(struct tree *t, int node)
{
    return number(t, node, "SELECT count(*) FROM sync_pending");
}

static const char token[] = "SELECT position FROM sync_peer WHERE node ="
                            " (SELECT node FROM sync_certificate WHERE"
                            " site = 'LDH-H')";

/* What the hub has for headquarters, in one stretch however long. */
static struct walked all_of_hub(struct tree *t)
{
    struct walked w;
    struct err e;
    struct peer there = tree_peer(t, HUB, HQ);
    struct peer here = tree_peer(t, HQ, HUB);
    assert_int_equal(replica_walk(t->nodes[HUB].replica, &there,
                                  here.have.position, SIZE_MAX, &w, &e),
                     0);
    assert_true(w.end);
    return w;
}

static struct stored store(struct tree *t, const struct changesets *stretch)
{
    struct stored stored;
    struct err e;
    struct peer here = tree_peer(t, HQ, HUB);
    if (replica_store(t->nodes[HQ].replica, &here, stretch, t->now_ms, &stored,
                      &e) != 0) {
        fail_msg("%s", e.text);
    }
    return stored;
}

static void a_long_stretch_is_stored_in_pieces_and_the_token_follows(void **s)
{
    (void)s;
    struct tree *t = two_nodes();
    write_persons(t, HUB, 3 * APPLY_ROWS_MAX / 2); /* two leaves each */
    tree_drain(t, HUB);
    struct walked w = all_of_hub(t);
    struct changesets left = {w.items, w.count, w.position, 0};
    struct stored stored = {0};
    int pieces = 0;
    for (; !stored.end; pieces++) {
        stored = store(t, &left);
        assert_in_range(stored.taken, 1, left.count);
        assert_true(stored.leaves + stored.taken * CHANGESET_ROWS <=
                    APPLY_ROWS_MAX);
        left.items += stored.taken;
        left.count -= stored.taken;
        assert_int_equal(number(t, HQ, token),
                         stored.end ? (long)w.position
                                    : (long)left.items[-1].position);
    }
    assert_in_range(pieces, 2, 4);
    assert_int_equal(number(t, HQ, "SELECT count(*) FROM person"),
                     3 * APPLY_ROWS_MAX / 2);
    walked_clear(&w);
    tree_free(t);
}

static void many_small_changesets_are_stored_in_pieces_too(void **s)
{
    enum { CHANGESETS = 400 };
    (void)s;
    struct tree *t = two_nodes();
    for (int i = 0; i < CHANGESETS; i++) {
        write_persons(t, HUB, 1);
        tree_drain(t, HUB);
    }
    struct walked w = all_of_hub(t);
    struct changesets stretch = {w.items, w.count, w.position, 0};
    struct stored stored = store(t, &stretch);
    assert_false(stored.end);
    assert_in_range(stored.taken, CHANGESETS / 4, CHANGESETS / 2);
    walked_clear(&w);
    tree_free(t);
}

static void a_long_backlog_is_drained_before_a_stretch_is_taken(void **s)
{
    (void)s;
    struct tree *t = two_nodes();
    write_persons(t, HUB, 1);
    tree_drain(t, HUB);
    write_persons(t, HQ, 2 * DRAIN_ROWS_MAX + 10);
    struct walked w = all_of_hub(t);
    struct changesets stretch = {w.items, w.count, w.position, 0};
    long before = number(t, HQ, token);
    for (int left = DRAIN_ROWS_MAX + 10; left > 0; left -= DRAIN_ROWS_MAX) {
        struct stored stored = store(t, &stretch);
        assert_false(stored.end);
        assert_int_equal(stored.taken, 0);
        assert_int_equal(pending(t, HQ), left);
        assert_int_equal(number(t, HQ, token), before);
    }
    struct stored stored = store(t, &stretch);
    assert_true(stored.end);
    assert_int_equal(stored.taken, 1);
    assert_int_equal(pending(t, HQ), 0);
    assert_int_equal(number(t, HQ, token), (long)w.position);
    walked_clear(&w);
    tree_free(t);
}

/* A week of lone doses has many pauses; each is not a transaction. */
static void pauses_in_the_captures_do_not_make_a_drain_long_or_short(void **s)
{
    enum { DOSES = 400, PAUSE_MS = 100 * 1000 };
    (void)s;
    struct tree *t = two_nodes();
    struct drained drained;
    struct err e;
    char sql[160];
    write_persons(t, HQ, DOSES);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE sync_pending SET at_ms = at_ms + pending_id * %d",
                   PAUSE_MS);
    assert_int_equal(database_run(t->nodes[HQ].replica->db, sql, &e), 0);
    long before = pending(t, HQ);
    assert_int_equal(
        replica_drain(t->nodes[HQ].replica, t->now_ms, &drained, &e), 0);
    assert_true(drained.more);
    assert_in_range(drained.changesets, 30, DRAIN_ROWS_MAX / CHANGESET_ROWS);
    assert_int_equal(pending(t, HQ), before - (long)drained.changesets);
    tree_free(t);
}

static const char rubbish[] =
    "SELECT count(*) FROM person WHERE alerts = 'no list'";

/* A row is put back because of one column while the log still holds a later
 * write of another: that write is in the table alone. */
static void a_row_that_is_put_back_keeps_what_waits_its_turn(void **s)
{
    (void)s;
    struct tree *t = two_nodes();
    tree_sql(t, HUB,
             "INSERT INTO person(person_id, beneficiary_no, phone)"
             " VALUES('p1', 'N-1', '1')");
    tree_drain(t, HUB);
    tree_sql(t, HUB,
             "UPDATE person SET alerts = 'no list' WHERE"
             " person_id = 'p1'");
    write_persons(t, HUB, 2 * DRAIN_ROWS_MAX);
    tree_sql(t, HUB, "UPDATE person SET phone = '777' WHERE person_id = 'p1'");
    tree_drain(t, HUB);
    assert_string_equal(
        tree_get(t, HUB,
                 "SELECT phone || coalesce(alerts, '-') FROM person"
                 " WHERE person_id = 'p1'"),
        "777-");
    assert_int_equal(number(t, HUB, "SELECT count(*) FROM sync_parked"), 1);
    tree_check(t, HUB);
    tree_free(t);
}

/* Rows that are folded one by one take their time: few at once, or programs
 * would wait for the lock. */
static void rubbish_is_put_back_a_few_rows_at_a_time(void **s)
{
    (void)s;
    struct tree *t = two_nodes();
    struct drained drained = {.more = true};
    struct err e;
    int drains = 0;
    write_persons(t, HUB, 200);
    tree_drain(t, HUB);
    tree_sql(t, HUB, "UPDATE person SET alerts = 'no list', phone = '777'");
    for (; drained.more; drains++) {
        long before = number(t, HUB, rubbish);
        assert_int_equal(
            replica_drain(t->nodes[HUB].replica, t->now_ms, &drained, &e), 0);
        assert_in_range(before - number(t, HUB, rubbish), 0, 8);
    }
    assert_true(drains > 200 / 8);
    assert_int_equal(number(t, HUB, rubbish), 0);
    assert_int_equal(number(t, HUB,
                            "SELECT count(*) FROM person"
                            " WHERE phone = '777'"),
                     200);
    assert_int_equal(number(t, HUB, "SELECT count(*) FROM sync_parked"), 200);
    tree_check(t, HUB);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_long_stretch_is_stored_in_pieces_and_the_token_follows),
        cmocka_unit_test(many_small_changesets_are_stored_in_pieces_too),
        cmocka_unit_test(a_long_backlog_is_drained_before_a_stretch_is_taken),
        cmocka_unit_test(
            pauses_in_the_captures_do_not_make_a_drain_long_or_short),
        cmocka_unit_test(a_row_that_is_put_back_keeps_what_waits_its_turn),
        cmocka_unit_test(rubbish_is_put_back_a_few_rows_at_a_time),
    };
    return cmocka_run_group_tests_name("receive", tests, NULL, NULL);
}
