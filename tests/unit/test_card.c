/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/cases.h"

#include <stdio.h>
#include <string.h>

/* Cards that the hub of a district keeps of who is treated in it, and what a
 * dispensing desk makes of them. */
enum { HQ, LDH_H, LDH_C, LDH_P, ASR_H, ASR_C, NODES };

/* An instant of the business day here, whatever UTC's is. */
#define TODAY "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+05:30')"

static const char item[] =
    "INSERT INTO ref_item(item_code, kind, name, unit, opioid_agonist) VALUES"
    "('BUP-NAL-2', 'medicine', 'Buprenorphine and naloxone', 'tablet', 1)";

static struct tree *two_districts(void)
{
    static const struct {
        int parent;
        const char *site;
    } nodes[NODES] = {
        [LDH_H] = {HQ, "LDH-H"},    [LDH_C] = {LDH_H, "LDH-C"},
        [LDH_P] = {LDH_H, "LDH-P"}, [ASR_H] = {HQ, "ASR-H"},
        [ASR_C] = {ASR_H, "ASR-C"},
    };
    struct tree *t = tree_new();
    tree_sql(t, HQ, item);
    tree_drain(t, HQ);
    for (int node = LDH_H; node < NODES; node++) {
        (void)tree_add(t, nodes[node].parent, nodes[node].site);
        tree_sync(t);
    }
    for (int node = HQ; node < NODES; node++) {
        tree_sql(t, node, cases_short_forms);
    }
    return t;
}

static void meet(struct tree *t)
{
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        (void)tree_judge(t, node);
    }
    tree_sync(t);
}

static const char card[] =
    "SELECT group_concat(owner_site || ' ' || owner_epoch || ' ' || programme ||"
    " ' ' || status || ' ' || coalesce(daily_dose_mcg || ' of ' || item_code,"
    " 'no order') || ' ' || (last_dose_on IS date('now', '+05:30')) || ' ' ||"
    " coalesce(held_at_site, 'free') || ' ' || vital_status)"
    " FROM registry_card WHERE person_id = 'a'";

static void check_card(struct tree *t, const char *says)
{
    meet(t);
    static const int held[] = {HQ, LDH_H, LDH_C, LDH_P};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        assert_string_equal(tree_get(t, held[i], card), says);
    }
    for (int node = ASR_H; node <= ASR_C; node++) {
        assert_string_equal(tree_get(t, node, card), "");
    }
}

static struct tree *treated(void)
{
    struct tree *t = two_districts();
    tree_sql(t, LDH_C, "INSERT INTO treated VALUES('a')");
    check_card(t, "LDH-C 1 OOAT active 8000 of BUP-NAL-2 0 free alive");
    return t;
}

/* --- the card ---------------------------------------------------------------- */

static void a_card_follows_what_happens(void **state)
{
    (void)state;
    struct tree *t = treated();
    tree_sql(t, LDH_C,
             "INSERT INTO dose VALUES('d', 'a', " TODAY
             ", 'observed', 8000, 1)");
    check_card(t, "LDH-C 1 OOAT active 8000 of BUP-NAL-2 1 free alive");
    tree_sql(t, LDH_C,
             "INSERT INTO dose_event(dose_id, person_id, kind, reverses_id,"
             " verified_by, dispensed_by) VALUES('x', 'a', 'reversal', 'd',"
             " 'none', 'n')");
    check_card(t, "LDH-C 1 OOAT active 8000 of BUP-NAL-2 0 free alive");
    tree_sql(
        t, LDH_P,
        "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
        " item_code, daily_dose_mcg, mode, status, prescriber, valid_from)"
        " VALUES('o2', 'e_a', 'a', 'BUP-NAL-2', 4000, 'observed', 'active',"
        " 'dr 2', '2025-01-01');"
        "INSERT INTO custody VALUES('k', 'a', " TODAY ", 'admitted')");
    check_card(t, "LDH-C 1 OOAT active 4000 of BUP-NAL-2 0 LDH-P alive");
    tree_sql(t, LDH_C,
             "UPDATE enrolment SET status = 'on_hold' WHERE person_id = 'a'");
    check_card(t, "LDH-C 1 OOAT on_hold no order 0 LDH-P alive");
    tree_sql(t, LDH_C,
             "UPDATE person SET vital_status = 'dead' WHERE person_id = 'a'");
    check_card(t, "LDH-C 1 OOAT on_hold no order 0 LDH-P dead");
    tree_check(t, LDH_P);
    tree_free(t);
}

/* Whoever was entered by mistake has no card, and may have one again. */
static void a_card_is_withdrawn(void **state)
{
    (void)state;
    static const char status[] =
        "SELECT status FROM registry_card WHERE person_id = 'a'";
    struct tree *t = treated();
    tree_sql(t, LDH_C,
             "UPDATE enrolment SET status = 'entered_in_error'"
             " WHERE person_id = 'a'");
    meet(t);
    assert_string_equal(tree_get(t, LDH_P, status), "entered_in_error");
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(person_id, programme, status)"
             " VALUES('a', 'OST', 'active')");
    meet(t);
    assert_string_equal(tree_get(t, LDH_P, status), "active");
    tree_free(t);
}

/* Both records have one, with the facts of both, until the link is undone. */
static void linked_records_say_what_is_known_of_both(void **state)
{
    (void)state;
    static const char both[] =
        "SELECT group_concat(person_id || ' ' || coalesce(merged_into, '-') ||"
        " ' ' || coalesce(last_dose_on, '-')) FROM (SELECT * FROM registry_card"
        " ORDER BY person_id)";
    struct tree *t = treated();
    tree_sql(t, LDH_P,
             "INSERT INTO treated VALUES('b');"
             "INSERT INTO dose VALUES('d', 'b', '2025-03-01T09:00:00.000Z',"
             " 'observed', 8000, 1)");
    meet(t);
    assert_string_equal(tree_get(t, LDH_C, both), "a - -,b - 2025-03-01");
    tree_sql(t, LDH_H,
             "INSERT INTO person_link(link_id, person_a, person_b, decision,"
             " basis, decided_by) VALUES('l', 'a', 'b', 'same', 'x', 'r')");
    meet(t);
    assert_string_equal(tree_get(t, LDH_C, both),
                        "a - 2025-03-01,b a 2025-03-01");
    tree_sql(
        t, LDH_H,
        "INSERT INTO person_link(person_a, person_b, decision, basis,"
        " supersedes_id, decided_by) VALUES('a', 'b', 'different', 'x', 'l',"
        " 'r')");
    meet(t);
    assert_string_equal(tree_get(t, LDH_C, both), "a - -,b - 2025-03-01");
    tree_free(t);
}

/* An order that begins or ends changes the card on that day, though nothing came
 * in; and nothing is written for nothing. */
static void a_card_is_looked_at_again_when_a_day_changes_it(void **state)
{
    (void)state;
    struct tree *t = treated();
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_owed"),
                        "0");
    tree_sql(
        t, LDH_C,
        "UPDATE treatment_order SET valid_to = date('now', '+05:30', '+20 days')"
        " WHERE person_id = 'a'");
    meet(t);
    assert_string_equal(
        tree_get(t, LDH_H,
                 "SELECT what || ' ' || id || ' ' ||"
                 " (day = date('now', '+05:30', '+21 days')) FROM sync_owed"),
        "card a 1");
    uint64_t head = replica_self(t->nodes[LDH_H].replica)->head;
    struct err e = {0};
    assert_int_equal(database_run(t->nodes[LDH_H].replica->db,
                                  "UPDATE sync_owed SET day = '';"
                                  "INSERT INTO sync_touched(about, id)"
                                  " VALUES('everyone', '')",
                                  &e),
                     0);
    tree_restart(t, LDH_H);
    meet(t);
    assert_int_equal(replica_self(t->nodes[LDH_H].replica)->head, head);
    assert_string_equal(
        tree_get(t, LDH_H, "SELECT count(*) FROM sync_owed WHERE day > ''"),
        "1");
    tree_free(t);
}

/* --- the desk ----------------------------------------------------------------- */

static const char asked[] =
    "SELECT answer || ' ' || reasons FROM v_dose_check WHERE person_id = 'a'";

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", text, part);
    }
}

/* Registered in another district, treated here: of the record nothing is held
 * here. */
static struct tree *without_record(void)
{
    struct tree *t = two_districts();
    tree_sql(t, ASR_C,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('a', 'N')");
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
             " VALUES('e', 'a', 'OOAT', 'active');"
             "INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
             " item_code, daily_dose_mcg, mode, status, prescriber, valid_from)"
             " VALUES('o', 'e', 'a', 'BUP-NAL-2', 8000, 'observed', 'active',"
             " 'dr 2', '2025-01-01')");
    meet(t);
    return t;
}

static void a_card_answers_where_the_record_is_not_held(void **state)
{
    (void)state;
    struct tree *t = without_record();
    assert_string_equal(tree_get(t, LDH_P, "SELECT count(*) FROM person"), "0");
    has(tree_get(t, LDH_P, asked),
        "incomplete only a card is here, and not the record: ring LDH-C; the"
        " registry card of LDH-H says: OOAT at LDH-C active, 8000 mcg of"
        " BUP-NAL-2, never dosed");
    tree_sql(t, LDH_C,
             "INSERT INTO dose VALUES('d', 'a', " TODAY
             ", 'take_home', 24000, 3)");
    meet(t);
    has(tree_get(t, LDH_P, asked), "already_dosed only a card is here");
    assert_string_equal(
        tree_get(t, LDH_P,
                 "SELECT covered_until = date('now', '+05:30', '+2 days')"
                 " AND owner_sites = 'LDH-C' AND dose_ceiling_mcg = 8000"
                 " AND take_home_days = 0 FROM v_dose_check"
                 " WHERE person_id = 'a'"),
        "1");
    /* nobody asks of who was withdrawn */
    tree_sql(t, LDH_C,
             "UPDATE enrolment SET status = 'entered_in_error'"
             " WHERE person_id = 'a'");
    meet(t);
    assert_string_equal(tree_get(t, LDH_P, asked), "");
    tree_free(t);
}

static void a_record_that_is_held_goes_before_its_card(void **state)
{
    (void)state;
    struct tree *t = treated();
    assert_string_equal(tree_get(t, LDH_C,
                                 "SELECT count(*) || answer FROM v_dose_check"
                                 " WHERE person_id = 'a'"),
                        "1incomplete");
    assert_null(strstr(tree_get(t, LDH_C, asked), "card"));
    tree_free(t);
}

/* A record that is here, linked to one that has only a card here. */
static void the_card_of_a_linked_record_is_told(void **state)
{
    (void)state;
    struct tree *t = without_record();
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no) VALUES('b', 'M');"
             "INSERT INTO person_link(person_a, person_b, decision, basis,"
             " decided_by) VALUES('a', 'b', 'same', 'x', 'r')");
    meet(t);
    has(tree_get(t, LDH_P,
                 "SELECT reasons FROM v_dose_check WHERE person_id = 'b'"),
        "1 linked records are not here");
    has(tree_get(t, LDH_P,
                 "SELECT reasons FROM v_dose_check WHERE person_id = 'b'"),
        "; the registry card of LDH-H says: OOAT at LDH-C active");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_follows_what_happens),
        cmocka_unit_test(a_card_is_withdrawn),
        cmocka_unit_test(linked_records_say_what_is_known_of_both),
        cmocka_unit_test(a_card_is_looked_at_again_when_a_day_changes_it),
        cmocka_unit_test(a_card_answers_where_the_record_is_not_held),
        cmocka_unit_test(a_record_that_is_held_goes_before_its_card),
        cmocka_unit_test(the_card_of_a_linked_record_is_told),
    };
    return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
