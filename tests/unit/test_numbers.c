/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "protocol/number.h"
#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of nodes, and those for people that nodes keep ready. */

enum { HQ, HUB, CLINIC, PRISON, NODES };

#define FREE "SELECT count(*) FROM v_number_free"
/* As the reader contract says. */
#define TAKE                                                                   \
    "UPDATE local_number SET taken_at = '2026-11-25T10:00:00.000Z',"           \
    " taken_by = 'desk' WHERE number = (SELECT number FROM v_number_free"      \
    " LIMIT 1) RETURNING number"

static struct numbered keep(struct tree *t, int node)
{
    struct numbered n;
    struct err e = {0};
    if (replica_numbers(t->nodes[node].replica, t->now_ms, &n, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return n;
}

/* Every node has its number and others ready. */
static struct tree *district(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sync(t);
    assert_int_equal(keep(t, HQ).issued, NODES);
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        (void)keep(t, node);
    }
    return t;
}

static int number_of(struct tree *t, const char *sql, int node)
{
    return (int)strtol(tree_get(t, node, sql), NULL, 10);
}

/* Takes one, and gives it to a person. */
static const char *register_one(struct tree *t, int node)
{
    char sql[200];
    const char *number = tree_get(t, node, TAKE);
    assert_int_equal(strlen(number), NUMBER_TEXT_BYTES - 1);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(beneficiary_no) VALUES('%s')", number);
    tree_sql(t, node, sql);
    return number;
}

/* --- numbers of nodes ------------------------------------------------------ */

static void headquarters_gives_every_node_a_number_of_its_own(void **state)
{
    (void)state;
    struct tree *t = district();
    assert_string_equal(
        tree_get(t, CLINIC,
                 "SELECT count(DISTINCT node) || ' ' || count(DISTINCT number)"
                 " || ' ' || max(number) FROM ref_node_number"),
        "4 4 4");
    assert_int_equal(keep(t, HQ).issued, 0);
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        tree_check(t, node); /* it was signed as if a program had written it */
        assert_string_equal(
            tree_get(t, node,
                     "SELECT group_concat(number) FROM (SELECT number"
                     " FROM ref_node_number ORDER BY number)"),
            "1,2,3,4");
    }
    tree_sql_fails(t, CLINIC,
                   "INSERT INTO ref_node_number(node, number)"
                   " VALUES('f00d', 9)",
                   "is written at headquarters");
    tree_free(t);
}

static void a_node_without_a_number_makes_none(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    struct numbered n = keep(t, HUB);
    assert_int_equal(n.node_no, 0);
    assert_int_equal(n.added, 0);
    assert_string_equal(tree_get(t, HUB, "SELECT count(*) FROM local_number"),
                        "0");
    tree_free(t);
}

static void the_last_node_number_is_issued_and_no_other(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    tree_sql(t, HQ,
             "INSERT INTO ref_node_number(node, number)"
             " VALUES('f00d', 65534)");
    tree_sql_fails(t, HQ,
                   "INSERT INTO ref_node_number(node, number)"
                   " VALUES('f00d', 65536)",
                   "CHECK");
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    struct numbered n = keep(t, HQ);
    assert_int_equal(n.issued, 1);
    assert_true(n.nodes_used_up);
    assert_string_equal(
        tree_get(t, HQ, "SELECT max(number) FROM ref_node_number"), "65535");
    tree_free(t);
}

/* --- numbers for people ---------------------------------------------------- */

static void what_is_ready_is_of_this_node_and_of_no_other(void **state)
{
    (void)state;
    struct tree *t = district();
    uint8_t key[NUMBER_KEY_BYTES];
    number_key(&replica_self(t->nodes[HQ].replica)->network, key);
    for (int node = HQ; node < NODES; node++) {
        int ready = number_of(t, FREE, node);
        assert_true(ready >= NUMBER_POOL && ready <= 2 * NUMBER_BLOCK);
        for (int i = 0; i < ready; i++) {
            char sql[100];
            char number[NUMBER_TEXT_BYTES];
            uint16_t node_no = 0;
            uint32_t counter = 0;
            struct err e = {0};
            (void)snprintf(sql, sizeof sql,
                           "SELECT number FROM local_number LIMIT 1 OFFSET %d",
                           i);
            const char *text = tree_get(t, node, sql);
            assert_int_equal(number_parse(text, number, &e), 0);
            assert_string_equal(number, text);
            number_open(key, number, &node_no, &counter);
            assert_int_equal(
                node_no,
                number_of(t,
                          "SELECT n.number FROM ref_node_number n, sync_self s"
                          " WHERE n.node = lower(hex(s.node))",
                          node));
            assert_true(counter < (uint32_t)number_of(t,
                                                      "SELECT reserved_to FROM"
                                                      " local_counter",
                                                      node));
        }
    }
    tree_free(t);
}

static void a_number_is_taken_once_whatever_happens(void **state)
{
    (void)state;
    struct tree *t = district();
    int taken = 0;
    for (; taken < 3 * NUMBER_POOL; taken++) {
        const char *number = register_one(t, CLINIC);
        char sql[200];
        (void)snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM person WHERE beneficiary_no = '%s'", number);
        assert_string_equal(tree_get(t, CLINIC, sql), "1");
        if (taken % 50 == 0) {
            (void)keep(t, CLINIC);
        }
        if (taken % 200 == 0) {
            tree_restart(t, CLINIC);
        }
    }
    (void)keep(t, CLINIC);
    assert_true(number_of(t, FREE, CLINIC) >= NUMBER_POOL);
    assert_int_equal(number_of(t,
                               "SELECT count(*) FROM local_number"
                               " WHERE taken_by = 'desk'",
                               CLINIC),
                     taken);
    assert_int_equal(keep(t, CLINIC).added, 0);
    tree_free(t);
}

static void without_the_daemon_they_end(void **state)
{
    (void)state;
    struct tree *t = district();
    int ready = number_of(t, FREE, CLINIC);
    for (int i = 0; i < ready; i++) {
        (void)register_one(t, CLINIC);
    }
    assert_string_equal(tree_get(t, CLINIC, TAKE), "");
    assert_true(keep(t, CLINIC).added >= NUMBER_POOL);
    (void)register_one(t, CLINIC);
    tree_free(t);
}

/* A tool that gives one out and does not say so. */
static void a_number_that_a_person_has_is_not_free(void **state)
{
    (void)state;
    struct tree *t = district();
    int ready = number_of(t, FREE, CLINIC);
    tree_sql(t, CLINIC,
             "INSERT INTO person(beneficiary_no) SELECT number"
             " FROM v_number_free LIMIT 50");
    assert_int_equal(number_of(t, FREE, CLINIC), ready - 50);
    (void)keep(t, CLINIC);
    assert_true(number_of(t, FREE, CLINIC) >= NUMBER_POOL);
    tree_free(t);
}

/* The copy of a disk goes on with the counter of then. */
static void after_a_restore_a_new_node_number_gives_new_numbers(void **state)
{
    (void)state;
    struct tree *t = district();
    int copy = tree_clone(t, CLINIC);
    char sql[1024];
    char given[60][NUMBER_TEXT_BYTES];
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(given[i], sizeof given[i], "%s",
                       register_one(t, CLINIC));
    }
    /* what there was to fear */
    assert_string_equal(tree_get(t, copy, "SELECT number FROM v_number_free"),
                        given[0]);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO ref_node_number(node, number) VALUES('%s', 5)",
                   tree_get(t, copy, "SELECT lower(hex(node)) FROM sync_self"));
    tree_sql(t, HQ, sql);
    tree_drain(t, HQ);
    tree_send(t, HQ, HUB);
    tree_send(t, HUB, copy);
    assert_string_equal(
        tree_get(t, copy,
                 "SELECT max(n.number) FROM ref_node_number n, sync_self s"
                 " WHERE n.node = lower(hex(s.node))"),
        "5");
    assert_int_equal(keep(t, copy).node_no, 5);
    assert_string_equal(
        tree_get(t, copy,
                 "SELECT count(*) FROM local_number WHERE node_no <> 5"),
        "0");
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM local_number WHERE number = '%s'",
                       given[i]);
        assert_string_equal(tree_get(t, copy, sql), "0");
    }
    assert_true(number_of(t, FREE, copy) >= NUMBER_POOL);
    tree_free(t);
}

/* It finds out at the first greeting; what it gave out before then nobody can
 * take back. */
static void who_was_put_back_goes_on_far_ahead(void **state)
{
    (void)state;
    struct tree *t = district();
    char sql[1024];
    char given[60][NUMBER_TEXT_BYTES];
    tree_back_up(t, CLINIC, "old");
    int64_t before =
        number_of(t, "SELECT reserved_to FROM local_counter", CLINIC);
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(given[i], sizeof given[i], "%s",
                       register_one(t, CLINIC));
    }
    tree_drain(t, CLINIC);
    tree_sync(t);
    tree_put_back(t, CLINIC, "old");
    tree_sync(t);
    assert_int_equal(number_of(t, FREE, CLINIC), 0);
    assert_int_equal(keep(t, CLINIC).node_no,
                     number_of(t, "SELECT node_no FROM local_counter", CLINIC));
    assert_true(number_of(t, FREE, CLINIC) >= NUMBER_POOL);
    assert_true(number_of(t, "SELECT reserved_to FROM local_counter", CLINIC) >=
                before + NUMBER_JUMP);
    for (size_t i = 0; i < 60; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM local_number WHERE number = '%s'",
                       given[i]);
        assert_string_equal(tree_get(t, CLINIC, sql), "0");
    }
    tree_free(t);
}

static void a_counter_at_its_end_says_so(void **state)
{
    (void)state;
    struct tree *t = district();
    tree_sql(t, CLINIC,
             "UPDATE local_counter SET next_value = 16777200,"
             " reserved_to = 16777200;"
             "UPDATE local_number SET taken_at = '2026-11-25'");
    struct numbered n = keep(t, CLINIC);
    assert_true(n.used_up);
    assert_true(n.added > 0 && n.added <= 16);
    assert_string_equal(tree_get(t, CLINIC,
                                 "SELECT reserved_to FROM"
                                 " local_counter"),
                        "16777216");
    n = keep(t, CLINIC);
    assert_true(n.used_up);
    assert_int_equal(n.added, 0);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headquarters_gives_every_node_a_number_of_its_own),
        cmocka_unit_test(a_node_without_a_number_makes_none),
        cmocka_unit_test(the_last_node_number_is_issued_and_no_other),
        cmocka_unit_test(what_is_ready_is_of_this_node_and_of_no_other),
        cmocka_unit_test(a_number_is_taken_once_whatever_happens),
        cmocka_unit_test(without_the_daemon_they_end),
        cmocka_unit_test(a_number_that_a_person_has_is_not_free),
        cmocka_unit_test(after_a_restore_a_new_node_number_gives_new_numbers),
        cmocka_unit_test(who_was_put_back_goes_on_far_ahead),
        cmocka_unit_test(a_counter_at_its_end_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
