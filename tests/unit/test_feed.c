/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "protocol/limits.h"
#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>

enum { HQ, HUB, CLINIC };

static const char p1[] = "01900000-0000-7000-8000-000000000001";

static struct tree *tree_of_three(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    tree_sync(t);
    return t;
}

static void ask_for(struct tree *t, int node, const char *table)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO local_feed(table_name, reader)"
                   " VALUES('%s', 'a tool')",
                   table);
    tree_sql(t, node, sql);
}

static void take_all(struct tree *t, int node)
{
    tree_sql(t, node,
             "UPDATE local_feed SET taken = (SELECT max(last) FROM v_sync_feed)"
             " WHERE reader = 'a tool'");
}

static void add_person(struct tree *t, int node, const char *id)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, phone)"
                   " VALUES('%s', 'N', '1')",
                   id);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

static void says(struct tree *t, int node, const char *sql, const char *wanted)
{
    assert_string_equal(tree_get(t, node, sql), wanted);
}

/* "start_over|changes" of the one reader */
static const char state_sql[] =
    "SELECT start_over || '|' || changes FROM v_sync_feed";

/* --- what is named ------------------------------------------------------- */

static void what_nobody_asked_for_is_not_named(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    add_person(t, CLINIC, p1);
    ask_for(t, HQ, "dose_event");
    tree_sync(t);
    says(t, HQ, "SELECT count(*) FROM person", "1");
    says(t, HQ, "SELECT count(*) FROM sync_change", "0");
    tree_free(t);
}

static void a_row_that_arrives_is_named(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    ask_for(t, HQ, "person");
    says(t, HQ, "SELECT start_over FROM v_sync_feed", "1");
    take_all(t, HQ);
    says(t, HQ, state_sql, "0|0");
    add_person(t, CLINIC, p1);
    tree_sync(t);
    says(t, HQ, state_sql, "0|1");
    says(t, HQ, "SELECT k1 FROM sync_change WHERE k2 IS NULL", p1);
    take_all(t, HQ);
    tree_sql(t, CLINIC, "UPDATE person SET phone = '2'");
    tree_sync(t);
    says(t, HQ, state_sql, "0|1");
    tree_free(t);
}

static void a_row_that_a_program_writes_is_named_once_it_is_signed(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    ask_for(t, CLINIC, "person");
    take_all(t, CLINIC);
    tree_sql(t, CLINIC,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', 'N')");
    tree_sql(t, CLINIC, "UPDATE person SET phone = '1', alias_names = 'x'");
    says(t, CLINIC, state_sql, "0|0");
    tree_drain(t, CLINIC);
    says(t, CLINIC, state_sql, "0|1");
    tree_free(t);
}

static void a_row_that_is_put_back_is_named(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    add_person(t, CLINIC, p1);
    ask_for(t, CLINIC, "person");
    take_all(t, CLINIC);
    tree_sql(t, CLINIC, "UPDATE person SET record_status = 'entered_in_error'");
    tree_drain(t, CLINIC);
    take_all(t, CLINIC);
    /* a rank never goes back, so the node writes the row again */
    tree_sql(t, CLINIC, "UPDATE person SET record_status = 'active'");
    tree_drain(t, CLINIC);
    says(t, CLINIC, "SELECT record_status FROM person", "entered_in_error");
    says(t, CLINIC, "SELECT changes > 1 FROM v_sync_feed", "1");
    tree_free(t);
}

static void keys_of_two_columns_are_named_whole(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    ask_for(t, CLINIC, "ref_code");
    take_all(t, CLINIC);
    tree_sql(t, HQ,
             "INSERT INTO ref_code(code_system, code, label_en)"
             " VALUES('route', 'oral', 'by mouth')");
    tree_sync(t);
    says(t, CLINIC, "SELECT k1 || '/' || k2 FROM sync_change", "route/oral");
    tree_free(t);
}

/* --- bounds -------------------------------------------------------------- */

/* As the node would; programs may not. */
static void append_as_node(struct tree *t, int node, long long id)
{
    char sql[128];
    struct err e = {0};
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO sync_change(change_id, table_id, k1)"
                   " VALUES(%lld, 20, 'x')",
                   id);
    assert_int_equal(database_run(t->nodes[node].replica->db, sql, &e), 0);
}

static void who_is_too_far_behind_starts_over(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    ask_for(t, CLINIC, "person");
    append_as_node(t, CLINIC, 1);
    append_as_node(t, CLINIC, 2);
    tree_sql(t, CLINIC, "UPDATE local_feed SET taken = 1");
    says(t, CLINIC, state_sql, "0|1");
    append_as_node(t, CLINIC, FEED_CHANGES_MAX + 1);
    add_person(t, CLINIC, p1); /* becomes FEED_CHANGES_MAX + 2 */
    says(t, CLINIC, "SELECT count(*) FROM sync_change", "2");
    says(t, CLINIC, "SELECT start_over FROM v_sync_feed", "1");
    take_all(t, CLINIC);
    says(t, CLINIC, state_sql, "0|0");
    tree_free(t);
}

static void after_a_rebuild_everybody_starts_over(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    struct err e = {0};
    uint64_t leaves = 0;
    ask_for(t, CLINIC, "person");
    take_all(t, CLINIC); /* nothing yet */
    tree_sql(t, CLINIC,
             "INSERT INTO local_feed(table_name, reader, taken)"
             " VALUES('person', 'b', 1)");
    add_person(t, CLINIC, p1);
    says(t, CLINIC, "SELECT sum(start_over) FROM v_sync_feed", "0");
    assert_int_equal(
        replica_rebuild(t->nodes[CLINIC].replica, t->now_ms, &leaves, &e), 0);
    says(t, CLINIC, "SELECT sum(start_over) FROM v_sync_feed", "2");
    /* one that had read before the rebuild and notes it now */
    tree_sql(t, CLINIC, "UPDATE local_feed SET taken = 1");
    says(t, CLINIC, "SELECT sum(start_over) FROM v_sync_feed", "2");
    take_all(t, CLINIC);
    says(t, CLINIC,
         "SELECT start_over FROM v_sync_feed WHERE reader = 'a tool'", "0");
    tree_free(t);
}

static void a_tool_can_neither_write_the_feed_nor_stop_the_node(void **state)
{
    (void)state;
    struct tree *t = tree_of_three();
    tree_sql_fails(t, HQ, "INSERT INTO sync_change VALUES(1, 20, 'x', 0, 0)",
                   "belongs to the node");
    tree_sql(t, HQ,
             "WITH n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 5000)"
             "INSERT INTO local_feed SELECT 'person', n, -1 FROM n UNION ALL"
             " SELECT n || '''); DROP TABLE person', 'x', 'y' + 9e15 FROM n");
    add_person(t, CLINIC, p1);
    tree_sync(t);
    says(t, HQ, "SELECT count(*) FROM sync_change", "1");
    tree_sql_fails(t, HQ, "DELETE FROM sync_change", "belongs to the node");
    tree_check(t, HQ);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_asked_for_is_not_named),
        cmocka_unit_test(a_row_that_arrives_is_named),
        cmocka_unit_test(
            a_row_that_a_program_writes_is_named_once_it_is_signed),
        cmocka_unit_test(a_row_that_is_put_back_is_named),
        cmocka_unit_test(keys_of_two_columns_are_named_whole),
        cmocka_unit_test(who_is_too_far_behind_starts_over),
        cmocka_unit_test(after_a_rebuild_everybody_starts_over),
        cmocka_unit_test(a_tool_can_neither_write_the_feed_nor_stop_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
