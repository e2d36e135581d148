/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>
#include <string.h>

/* The domain's tables as a tool meets them: a row typed with its facts alone is
 * taken, signed, and the same at headquarters and at another site. */

enum { HQ, HUB, CLINIC, PRISON };

#define P1 "01900000-0000-7000-8000-000000000001"
#define P2 "01900000-0000-7000-8000-000000000002"
#define W1 "01900000-0000-7000-8000-0000000000a1"
#define E1 "01900000-0000-7000-8000-0000000000e1"

struct row {
    const char *table;
    const char *sql; /* after INSERT INTO and the table */
};

static const struct row of_headquarters[] = {
    {"ref_code", "(code_system, code, label_en) VALUES('substance', 'heroin',"
                 " 'Heroin')"},
    {"ref_item", "(item_code, kind, name, unit) VALUES('BUP-NAL-2',"
                 " 'medicine', 'Buprenorphine', 'tablet')"},
    {"ref_parameter", "(parameter_id, key, scope_kind, value_num, authority)"
                      " VALUES('t', 'take_home_max_days', 'all', 7, 'order')"},
    {"ref_course", "(course_id, kind, title, hours) VALUES('PEER-40', 'peer',"
                   " 'Peer training', 40)"},
    {"ref_node_number", "(node, number) VALUES('f00d', 1)"},
};

static const struct row of_the_clinic[] = {
    {"person", "(person_id, beneficiary_no, given_name) VALUES('" P1
               "', '0TM-6DS-2VX', 'Namuna')"},
    {"person_identifier",
     "(person_id, kind, match_token) VALUES('" P1 "', 'abha', 'f00d')"},
    {"person_link",
     "(person_a, person_b, decision, basis, decided_by) VALUES('" P1 "', '" P2
     "', 'same', 'abha', 'dr 1')"},
    {"consent", "(person_id, purpose, data_class, decision, evidence,"
                " recorded_by) VALUES('" P1
                "', 'treatment', 'clinical', 'given', 'signature', 'n')"},
    {"worker", "(worker_id, kind, display_name, person_id) VALUES('" W1
               "', 'mentor', 'M.', '" P2 "')"},
    {"enrolment", "(enrolment_id, person_id, programme, status) VALUES('" E1
                  "', '" P1 "', 'OOAT', 'active')"},
    {"assessment", "(person_id, instrument, total_score, recorded_by)"
                   " VALUES('" P1 "', 'COWS', 13.5, 'n')"},
    {"treatment_order", "(enrolment_id, person_id, item_code, daily_dose_mcg,"
                        " mode, status, prescriber) VALUES('" E1 "', '" P1
                        "', 'BUP-NAL-2', 8000, 'observed', 'active', 'dr 1')"},
    {"dose_event", "(person_id, kind, item_code, units, verified_by,"
                   " dispensed_by) VALUES('" P1
                   "', 'observed', 'BUP-NAL-2', 4, 'photo_card', 'n')"},
    {"stock_event", "(item_code, kind, qty, counted_by) VALUES('BUP-NAL-2',"
                    " 'receipt', 1000, 'n')"},
    {"referral",
     "(person_id, kind, to_site) VALUES('" P1 "', 'counselling', 'LDH-P')"},
    {"peer_group", "(name, model, led_by) VALUES('Sanjh', 'NA_HI', 'mixed')"},
    {"peer_session", "(group_id, outcome, headcount) VALUES('g', 'held', 12)"},
    {"session_attendance",
     "(session_id, person_id, consent_id) VALUES('s', '" P1 "', 'c')"},
    {"training_record",
     "(worker_id, course_id, sessions_held,"
     " sessions_attended) VALUES('" W1 "', 'PEER-40', 10, 9)"},
    {"worker_credential", "(worker_id, kind, issuer, status) VALUES('" W1
                          "', 'mentor_cert', 'board', 'active')"},
    {"mentor_assignment",
     "(worker_id, person_id, status) VALUES('" W1 "', '" P1 "', 'active')"},
    {"placement", "(person_id, kind, department, status) VALUES('" P1
                  "', 'job', 'labour', 'placed')"},
    {"followup",
     "(person_id, due_on, result, use_30d, rearrest, department)"
     " VALUES('" P1 "', '2026-11-20', 'contacted', 'none', 0, 'health')"},
    {"disclosure_log", "(person_id, data_class, purpose, recipient,"
                       " recorded_by) VALUES('" P1
                       "', 'clinical', 'court_report', 'court 4', 'n')"},
    {"breach_act", "(breach_id, person_id, act, recorded_by) VALUES('01:a:b',"
                   " '" P1 "', 'acknowledged', 'n')"},
    {"site_breach_act", "(breach_id, act, recorded_by) VALUES('13:a',"
                        " 'resolved', 'n')"},
};

static const struct row of_the_prison[] = {
    {"custody_event", "(person_id, kind) VALUES('" P1 "', 'admitted')"},
};

static const struct row of_the_hub[] = {
    {"registry_card", "(person_id, owner_site, owner_epoch, programme, status,"
                      " data_through) VALUES('" P1
                      "', 'LDH-C', 1, 'OOAT', 'active', '2026-11-24')"},
    {"breach_carried", "(breach_id, to_site, rule, kind, day, since, row_a,"
                       " provisional, ended) VALUES('01:a:b', 'LDH-P', '01',"
                       " 'person', '2026-11-24', '2026-11-24', 'a', 0, 0)"},
};

static const struct writer {
    int node;
    const struct row *rows;
    size_t count;
} writers[] = {
    {HQ, of_headquarters, sizeof of_headquarters / sizeof of_headquarters[0]},
    {CLINIC, of_the_clinic, sizeof of_the_clinic / sizeof of_the_clinic[0]},
    {PRISON, of_the_prison, sizeof of_the_prison / sizeof of_the_prison[0]},
    {HUB, of_the_hub, sizeof of_the_hub / sizeof of_the_hub[0]},
};

enum { WRITERS = sizeof writers / sizeof writers[0] };

static struct tree *tree_of_ludhiana(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, HUB, "LDH-P"), PRISON);
    tree_sync(t);
    return t;
}

static void write_all(struct tree *t)
{
    for (size_t w = 0; w < WRITERS; w++) {
        for (size_t i = 0; i < writers[w].count; i++) {
            char sql[600];
            const struct row *r = &writers[w].rows[i];
            (void)snprintf(sql, sizeof sql, "INSERT INTO %s%s", r->table,
                           r->sql);
            tree_sql(t, writers[w].node, sql);
        }
    }
}

static bool has_a_row(const char *table)
{
    for (size_t w = 0; w < WRITERS; w++) {
        for (size_t i = 0; i < writers[w].count; i++) {
            if (strcmp(writers[w].rows[i].table, table) == 0) {
                return true;
            }
        }
    }
    return strcmp(table, "ref_site") == 0; /* written by the tree */
}

/* Every column of every row, as one text. */
static const char *content(struct tree *t, int node, const struct table *table)
{
    char sql[4000] = "SELECT group_concat(";
    for (size_t i = 0; i < table->column_count; i++) {
        size_t used = strlen(sql);
        (void)snprintf(sql + used, sizeof sql - used, "%squote(%s)",
                       i == 0 ? "" : "||'|'||", table->columns[i].name);
    }
    size_t used = strlen(sql);
    (void)snprintf(sql + used, sizeof sql - used,
                   ") FROM (SELECT * FROM %s ORDER BY 1, 2)", table->name);
    return tree_get(t, node, sql);
}

static void a_row_of_every_table_travels(void **state)
{
    (void)state;
    struct tree *t = tree_of_ludhiana();
    const struct manifest *m = replica_manifest(t->nodes[HQ].replica);
    write_all(t);
    tree_sync(t);
    for (size_t i = 0; i < m->table_count; i++) {
        const struct table *table = &m->tables[i];
        if (table->kind == TABLE_CONTROL) {
            continue;
        }
        if (!has_a_row(table->name)) {
            fail_msg("no row of %s is in this test", table->name);
        }
        const char *at_hq = content(t, HQ, table);
        if (at_hq[0] == '\0') {
            fail_msg("%s: nothing came to headquarters", table->name);
        }
        for (int node = HUB; node <= PRISON; node++) {
            assert_string_equal(content(t, node, table), at_hq);
        }
    }
    for (int node = HQ; node <= PRISON; node++) {
        assert_string_equal(
            tree_get(t, node,
                     "SELECT (SELECT count(*) FROM sync_parked)"
                     " + (SELECT count(*) FROM sync_verdict)"
                     " + (SELECT count(*) FROM sync_unprojected)"),
            "0");
        tree_check(t, node);
    }
    tree_free(t);
}

static void what_must_be_sealed_stays_here(void **state)
{
    (void)state;
    static const char *const tables[] = {"counselling_note", "bbv_result",
                                         "safety_flag", "local_identifier",
                                         "local_biometric"};
    struct tree *t = tree_new();
    const struct manifest *m = replica_manifest(t->nodes[HQ].replica);
    tree_sql(t, HQ,
             "INSERT INTO counselling_note(person_id, kind, note, recorded_by)"
             " VALUES('p', 'counselling', 'secret', 'n');"
             "INSERT INTO bbv_result(person_id, test, result, recorded_by)"
             " VALUES('p', 'HIV', 'negative', 'n');"
             "INSERT INTO safety_flag(person_id, kind, recorded_by)"
             " VALUES('p', 'informant', 'n');");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_pending"),
                        "0");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[100];
        assert_null(manifest_table_named(m, tables[i]));
        (void)snprintf(sql, sizeof sql,
                       "SELECT kind FROM sync_table WHERE name = '%s'",
                       tables[i]);
        assert_string_equal(tree_get(t, HQ, sql), "local");
    }
    tree_free(t);
}

static void every_view_can_be_read(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    char sql[200];
    int views = 0;
    for (;; views++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT name FROM sqlite_schema WHERE type = 'view'"
                       " ORDER BY name LIMIT 1 OFFSET %d",
                       views);
        const char *name = tree_get(t, HQ, sql);
        if (name[0] == '\0') {
            break;
        }
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", name);
        assert_string_not_equal(tree_get(t, HQ, sql), "");
    }
    assert_true(views >= 6);
    tree_free(t);
}

static void only_the_owner_writes_what_it_owns(void **state)
{
    (void)state;
    static const char *const others[] = {
        "UPDATE worker SET status = 'left'",
        "UPDATE worker SET person_id = NULL",
        "UPDATE worker_credential SET status = 'revoked'",
        "UPDATE mentor_assignment SET status = 'ended'",
        "UPDATE placement SET status = 'ended'",
        "UPDATE registry_card SET status = 'died'",
    };
    struct tree *t = tree_of_ludhiana();
    write_all(t);
    tree_sync(t);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        tree_sql_fails(t, PRISON, others[i], "belongs to another site");
    }
    tree_sql(t, CLINIC, "UPDATE worker SET status = 'paused'");
    tree_sql(t, CLINIC, "UPDATE worker SET status = 'active'");
    tree_sql_fails(t, PRISON,
                   "INSERT INTO ref_course(course_id, kind, title,"
                   " hours) VALUES('X', 'peer', 'X', 1)",
                   "written at headquarters");
    tree_sql_fails(t, CLINIC, "UPDATE stock_event SET qty = 1", "register");
    tree_sql_fails(t, CLINIC, "DELETE FROM consent", "register");
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_every_table_travels),
        cmocka_unit_test(what_must_be_sealed_stays_here),
        cmocka_unit_test(every_view_can_be_read),
        cmocka_unit_test(only_the_owner_writes_what_it_owns),
    };
    return cmocka_run_group_tests_name("domain", tests, NULL, NULL);
}
