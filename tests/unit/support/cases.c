/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cases.h"

#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cases_short_forms[] =
    "CREATE TEMP VIEW treated AS SELECT person_id FROM person;"
    "CREATE TEMP TRIGGER treat INSTEAD OF INSERT ON treated BEGIN"
    " INSERT INTO person(person_id, beneficiary_no)"
    " VALUES(NEW.person_id, NEW.person_id);"
    " INSERT INTO enrolment(enrolment_id, person_id, programme, status,"
    " started_on) VALUES('e_' || NEW.person_id, NEW.person_id, 'OOAT',"
    " 'active', date('now', '-60 days'));"
    " INSERT INTO treatment_order(order_id, enrolment_id, person_id,"
    " item_code, daily_dose_mcg, mode, status, prescriber, valid_from)"
    " VALUES('o_' || NEW.person_id, 'e_' || NEW.person_id, NEW.person_id,"
    " 'BUP-NAL-2', 8000, 'mixed', 'active', 'dr 1',"
    " date('now', '-60 days'));"
    "END;"
    "CREATE TEMP VIEW dose AS SELECT dose_id, person_id, occurred_at AS at,"
    " kind, amount_mcg AS mcg, days_covered AS days FROM dose_event;"
    "CREATE TEMP TRIGGER hand_over INSTEAD OF INSERT ON dose BEGIN"
    " INSERT INTO dose_event(dose_id, person_id, service_date, occurred_at,"
    " recorded_at, kind, item_code, amount_mcg, days_covered, verified_by,"
    " dispensed_by) VALUES(NEW.dose_id, NEW.person_id, substr(NEW.at, 1, 10),"
    " NEW.at, NEW.at, NEW.kind, 'BUP-NAL-2', NEW.mcg, NEW.days,"
    " 'photo_card', 'nurse 4');"
    "END;"
    "CREATE TEMP VIEW custody AS SELECT custody_id, person_id,"
    " occurred_at AS at, kind FROM custody_event;"
    "CREATE TEMP TRIGGER hold INSTEAD OF INSERT ON custody BEGIN"
    " INSERT INTO custody_event(custody_id, person_id, occurred_at, kind)"
    " VALUES(NEW.custody_id, NEW.person_id, NEW.at, NEW.kind);"
    "END;"
    "CREATE TEMP VIEW session AS SELECT session_id, recorded_at AS at,"
    " lead_worker FROM peer_session;"
    "CREATE TEMP TRIGGER meet INSTEAD OF INSERT ON session BEGIN"
    " INSERT INTO peer_session(session_id, group_id, held_on, recorded_at,"
    " outcome, lead_worker, led_by) VALUES(NEW.session_id, 'g',"
    " substr(NEW.at, 1, 10), NEW.at, 'held', NEW.lead_worker,"
    " 'outside_volunteers');"
    "END";

/* Writes what stands for "{...}" or "$..." and returns where it ends. */
static const char *put_day(struct tree *t, const char *at, char *out,
                           size_t size)
{
    char *end = NULL;
    char sql[100];
    long days = strtol(at + 1, &end, 10);
    (void)snprintf(sql, sizeof sql, "SELECT date('now', '%ld days')", days);
    const char *day = tree_get(t, 0, sql);
    if (*end == ' ') {
        (void)snprintf(out, size, "'%sT%.5s:00.000Z'", day, end + 1);
        end += 6;
    } else {
        (void)snprintf(out, size, "'%s'", day);
    }
    assert_int_equal(*end, '}');
    return end + 1;
}

static const char *put_key(int number, const char *at, char *out, size_t size)
{
    size_t len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
    (void)snprintf(out, size, "'%.*s-%02d'", (int)len, at + 1, number);
    return at + 1 + len;
}

static void run_as(struct tree *t, int node, int number, const char *from,
                   const char *to)
{
    char sql[4000];
    size_t used = 0;
    while (from < to) {
        assert_true(used + 40 < sizeof sql);
        if (*from == '{') {
            from = put_day(t, from, sql + used, sizeof sql - used);
        } else if (*from == '$') {
            from = put_key(number, from, sql + used, sizeof sql - used);
        } else {
            sql[used] = *from++;
            sql[used + 1] = '\0';
        }
        used += strlen(sql + used);
    }
    if (used > 0) {
        tree_sql(t, node, sql);
    }
}

static int node_named(const char *const *site_of, const char *line)
{
    for (int node = 0; site_of[node] != NULL; node++) {
        if (strncmp(line, site_of[node], strlen(site_of[node])) == 0) {
            return node;
        }
    }
    fail_msg("no site: %.20s", line);
    return 0;
}

static void take_line(char *out, size_t size, const char *from)
{
    (void)snprintf(out, size, "%.*s", (int)strcspn(from, "\n"), from);
}

int cases_run(struct tree *t, const char *const *site_of, const char *text,
              struct rule_case cases[CASES_MAX])
{
    int count = 0;
    int node = 0;
    const char *at = strstr(text, "\n-- case ");
    assert_non_null(at);
    for (at++; *at != '\0';) {
        const char *body = at + strcspn(at, "\n") + 1;
        const char *next = strstr(body - 1, "\n-- ");
        next = next == NULL ? body + strlen(body) : next + 1;
        if (strncmp(at, "-- case ", 8) == 0) {
            assert_true(count < CASES_MAX);
            take_line(cases[count].name, sizeof cases->name, at + 8);
            count++;
        } else if (strncmp(at, "-- at ", 6) == 0) {
            node = node_named(site_of, at + 6);
            run_as(t, node, count, body, next);
            tree_drain(t, node);
        } else if (strncmp(at, "-- sync", 7) == 0) {
            tree_sync(t);
        } else if (strncmp(at, "-- finds", 8) == 0) {
            take_line(cases[count - 1].finds, sizeof cases->finds,
                      at + 8 + (at[8] == ' '));
        } else {
            fail_msg("not understood: %.40s", at);
        }
        at = next;
    }
    return count;
}

char *cases_text(void)
{
    char path[400];
    const char *source = getenv("SANGAM_SOURCE");
    (void)snprintf(path, sizeof path, "%s/tests/data/rules/cases.sql",
                   source == NULL ? "." : source);
    return scratch_read(path);
}
