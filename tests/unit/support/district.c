/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "district.h"

#include <stdio.h>

struct tree *district_new(int last)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    tree_sync(t);
    if (last >= LDH_C) {
        assert_int_equal(tree_add(t, LDH_H, "LDH-C"), LDH_C);
    }
    if (last >= LDH_P) {
        assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P);
    }
    if (last >= ASR_H) {
        assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR_H);
    }
    tree_sync(t);
    return t;
}

const char *district_person(int n)
{
    static char ids[4][40];
    static int next;
    char *id = ids[next++ % 4];
    (void)snprintf(id, 40, "p%d", n);
    return id;
}

void district_add_persons(struct tree *t, int node, int from, int to)
{
    for (int n = from; n < to; n++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO person(person_id, beneficiary_no,"
                       " given_name, phone) VALUES('%s', 'N-%d', 'Testa',"
                       " '5550%d')",
                       district_person(n), n, n);
        tree_sql(t, node, sql);
    }
}

void district_add_person(struct tree *t, int node, int n)
{
    district_add_persons(t, node, n, n + 1);
    tree_drain(t, node);
}

void district_add_dose(struct tree *t, int node, int n)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
                   " units, verified_by, dispensed_by) VALUES('d%d', 'p1',"
                   " 'observed', 'BUP-2', %d, 'photo_card', 'nurse 4')",
                   n, n);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

void district_call(struct tree *t, int node, int n, const char *phone)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE person SET phone = '%s' WHERE person_id = 'p%d'",
                   phone, n);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

const char *district_doses(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(dose_id) FROM (SELECT dose_id FROM"
                    " dose_event ORDER BY dose_id)");
}

const char *district_phones(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(phone) FROM (SELECT phone FROM person"
                    " ORDER BY person_id)");
}

const char *district_parked(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(value) FROM (SELECT value FROM"
                    " sync_parked ORDER BY at_ms, parked_id)");
}

static void check_verdicts(struct tree *t)
{
    tree_check_verdicts(t, HQ, LDH_H);
    tree_check_verdicts(t, LDH_C, LDH_H);
    tree_check_verdicts(t, LDH_P, LDH_H);
}

void district_check(struct tree *t)
{
    check_verdicts(t);
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    check_verdicts(t); /* also after each row was folded */
}

void district_sync_days(struct tree *t, int days)
{
    struct err e;
    for (int i = 0; i < days; i++) {
        t->now_ms += INT64_C(24) * 3600 * 1000;
        for (int n = 0; n < t->count; n++) {
            tree_drain(t, n);
        }
        for (int n = 1; n < t->count; n++) {
            (void)tree_send_try(t, n, t->nodes[n].parent, &e);
            (void)tree_send_try(t, t->nodes[n].parent, n, &e);
        }
    }
}
