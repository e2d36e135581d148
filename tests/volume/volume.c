/* SPDX-License-Identifier: Apache-2.0 */

/*
 * volume [DOSES]: headquarters of a state with so many rows of doses (10 million:
 * a year of Punjab), made by sangam-sample's registers past the triggers. All
 * indicators of one period are counted, and the rules look at people. Times of
 * the processor are printed; what is held is that the work grows with the rows
 * asked for, not with those that are there. Run by tests/run --long.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sample/site.h"
#include "support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HQ = 0, PUNJAB_CLINICS = 706, PUNJAB_PRISONS = 25, DISTRICTS = 23 };
#define PUNJAB_DOSES INT64_C(10000000)

static int64_t doses_wanted = PUNJAB_DOSES;
static int64_t doses; /* that are there */
static struct tree *state_tree;

/* Of the processor: whoever else uses the machine does not count. */
static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t count_of(const char *sql)
{
    return strtoll(tree_get(state_tree, HQ, sql), NULL, 10);
}

/* --- a state -------------------------------------------------------------- */

/* Places of a transaction. Keys are random: each transaction writes most pages of
 * their index again, so that few are faster, and one would double the disk. */
enum { PLACES_AT_ONCE = 64 };

static void write_places(struct world *w, sqlite3 *db,
                         void (*write)(struct world *, struct place *))
{
    for (size_t i = 0; i < w->count; i += PLACES_AT_ONCE) {
        w->sheets = sheets_in_database(db, NULL, false);
        for (size_t k = i; k < w->count && k < i + PLACES_AT_ONCE; k++) {
            if (w->places[k].used != NULL) {
                write(w, &w->places[k]);
            }
        }
        sheets_close(&w->sheets);
    }
}

static void write_people(struct world *w, struct place *p)
{
    site_write_groups(w, p);
    site_write_people(w, p);
}

static void write_state(sqlite3 *db)
{
    int64_t clinics = PUNJAB_CLINICS * doses_wanted / PUNJAB_DOSES;
    struct plan plan = {.districts = DISTRICTS,
                        .prisons = PUNJAB_PRISONS,
                        .clinics = clinics > 0 ? (int)clinics : 1,
                        .slots = 240,
                        .varied = true,
                        .inmates = 120,
                        .days = 365};
    int last = (int)(time(NULL) / 86400);
    struct world w = {.seed = 1, .first = last - plan.days + 1, .last = last};
    w.tally.times = 1;
    world_make(&w, &plan);
    w.sheets = sheets_in_database(db, NULL, false);
    world_write_lists(&w);
    sheets_close(&w.sheets);
    write_places(&w, db, write_people);
    write_places(&w, db, site_write_shelf);
    write_places(&w, db, site_write_store);
    world_free(&w);
}

/* What the node computes of them by and by: who is known, whom it heard of. */
static const char computed[] =
    "INSERT INTO sync_person_canon SELECT person_id, person_id FROM person;"
    "DELETE FROM sync_touched;"
    "INSERT INTO sync_certificate(serial, node, site) SELECT"
    " CAST('s' || site_id AS BLOB), CAST('n' || site_id AS BLOB), site_id"
    " FROM ref_site;"
    "INSERT INTO sync_origin(node, head_seq, head_hlc, sum, all_sum) SELECT"
    " CAST('n' || site_id AS BLOB), 1,"
    " CAST(unixepoch('now') AS INTEGER) * 1000 << 16, x'', x'' FROM ref_site";

/* Indexes of the register are made after the rows, which is faster. */
static const char *const late[] = {"dose_person_day", "dose_site_day",
                                   "dose_reversal", "dose_returned"};
enum { LATE = sizeof late / sizeof late[0], INDEX_BYTES = 300 };

static void take_indexes(char ret_made_by[LATE][INDEX_BYTES])
{
    char sql[200];
    for (int i = 0; i < LATE; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT sql FROM sqlite_master WHERE name = '%s'",
                       late[i]);
        (void)snprintf(ret_made_by[i], INDEX_BYTES, "%s",
                       tree_get(state_tree, HQ, sql));
        (void)snprintf(sql, sizeof sql, "DROP INDEX %s", late[i]);
        tree_sql(state_tree, HQ, sql);
    }
}

static int make_state(void **test_state)
{
    char made_by[LATE][INDEX_BYTES];
    (void)test_state;
    double from = seconds();
    state_tree = tree_new();
    sqlite3 *db = state_tree->nodes[HQ].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(state_tree, HQ,
             "PRAGMA cache_size = -2000000; PRAGMA synchronous = OFF;"
             "PRAGMA wal_autocheckpoint = 20000; DELETE FROM ref_site");
    take_indexes(made_by);
    write_state(db);
    for (int i = 0; i < LATE; i++) {
        tree_sql(state_tree, HQ, made_by[i]);
    }
    tree_sql(state_tree, HQ, computed);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    doses = count_of("SELECT count(*) FROM dose_event");
    printf("%lld doses of %s people at %s sites, %.1f GB, made in %.0f s\n",
           (long long)doses,
           tree_get(state_tree, HQ, "SELECT count(*) FROM person"),
           tree_get(state_tree, HQ, "SELECT count(*) FROM ref_site"),
           (double)count_of("SELECT page_count * page_size FROM"
                            " pragma_page_count, pragma_page_size") /
               1e9,
           seconds() - from);
    return 0;
}

static int drop_state(void **test_state)
{
    (void)test_state;
    tree_free(state_tree);
    return 0;
}

/* Live doses that an indicator of a month may look at: those that may still
 * cover its first day, and its own. */
static int64_t doses_of_window(void)
{
    return count_of("SELECT count(*) FROM dose_event WHERE service_date BETWEEN"
                    " date('now', 'start of month', '-1 month', '-62 days')"
                    " AND date('now', 'start of month', '-1 day')");
}

/* --- asking --------------------------------------------------------------- */

struct cost {
    double seconds;
    int64_t steps;
    int64_t scanned;
    int64_t rows;
};

static struct cost ask(const char *sql)
{
    struct cost c = {.seconds = seconds()};
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(state_tree->nodes[HQ].client, sql, -1, &stmt, NULL),
        SQLITE_OK);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        c.rows++;
    }
    assert_int_equal(rc, SQLITE_DONE);
    c.steps = (uint32_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 0);
    c.scanned = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
    sqlite3_finalize(stmt);
    c.seconds = seconds() - c.seconds;
    return c;
}

/* The last month that is over; of some a quarter, or now. */
static const char *period_of(int k)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "SELECT CASE WHEN i.periods = 'now' THEN 'now' ELSE"
                   " (SELECT period FROM v_period p, v_today WHERE last_day <"
                   " today AND instr(i.periods, p.kind) ORDER BY p.kind <>"
                   " 'month', last_day DESC LIMIT 1) END"
                   " FROM v_indicator_list i WHERE indicator = 'K%02d'",
                   k);
    return tree_get(state_tree, HQ, sql);
}

/* Work for the doses of some weeks, for people and for sites; none for what is
 * only there. Reading the register whole takes more. */
static void all_indicators_of_a_period(void **test_state)
{
    (void)test_state;
    double all = 0;
    int64_t people = count_of("SELECT count(*) FROM person");
    int64_t sites = count_of("SELECT count(*) FROM ref_site");
    int64_t steps_max = 100 * doses_of_window() + 200 * people + 5000 * sites;
    int64_t scanned_max = 3 * people + 200 * sites;
    for (int k = 1; k <= 20; k++) {
        char sql[200];
        const char *period = period_of(k);
        (void)snprintf(sql, sizeof sql,
                       "SELECT * FROM v_indicator WHERE indicator = 'K%02d' AND"
                       " period = '%s'",
                       k, period);
        struct cost c = ask(sql);
        printf("K%02d %-8s %8.2f s %12lld steps %9lld scanned %5lld rows\n", k,
               period, c.seconds, (long long)c.steps, (long long)c.scanned,
               (long long)c.rows);
        (void)fflush(stdout);
        all += c.seconds;
        assert_true(c.steps < steps_max);
        assert_true(c.scanned < scanned_max);
    }
    printf("all of them   %8.2f s; %lld steps and %lld scanned are allowed\n",
           all, (long long)steps_max, (long long)scanned_max);
}

/* --- the rules ------------------------------------------------------------ */

enum { LOOKED_AT = 200 };

/* Everybody in turn, so that all kinds of lives are among them. */
static void touch_some(int64_t people)
{
    char sql[300];
    sqlite3 *db = state_tree->nodes[HQ].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO sync_touched(about, id) SELECT 'person',"
        " person_id FROM (SELECT person_id, row_number() OVER () AS n"
        " FROM person) WHERE n %% %lld = 0 LIMIT %d",
        (long long)(people / LOOKED_AT), LOOKED_AT);
    tree_sql(state_tree, HQ, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* What the rules are asked, for each person that was touched. */
static struct cost ask_rules(const char *person)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM v_found_person WHERE about = '%s'", person);
    return ask(sql);
}

static void the_rules_look_at_those_who_were_touched(void **test_state)
{
    (void)test_state;
    /* some hundred for a dose as a rule; of somebody who left prison and in the
     * books did not, each dose is held against stays and referrals */
    enum { STEPS_EACH = 10 * 1000, STEPS_AT_LEAST = 20 * 1000 };
    char person[64];
    char sql[200];
    int64_t most = 0;
    touch_some(count_of("SELECT count(*) FROM person"));
    for (int i = 0; i < LOOKED_AT; i++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT id FROM sync_touched ORDER BY id LIMIT 1"
                       " OFFSET %d",
                       i);
        (void)snprintf(person, sizeof person, "%s",
                       tree_get(state_tree, HQ, sql));
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM dose_event WHERE person_id = '%s'",
                       person);
        int64_t rows = count_of(sql);
        struct cost c = ask_rules(person);
        most = c.steps > most ? c.steps : most;
        if (c.steps >= STEPS_AT_LEAST + STEPS_EACH * rows) {
            fail_msg("%s: %lld steps for %lld doses", person,
                     (long long)c.steps, (long long)rows);
        }
    }
    double from = seconds();
    uint64_t looked_at = tree_judge(state_tree, HQ);
    printf("the rules %.2f ms for a person among %lld doses; %lld steps at"
           " most\n",
           (seconds() - from) * 1e3 / (double)looked_at, (long long)doses,
           (long long)most);
    /* a person leads to a mentor */
    assert_true(looked_at >= LOOKED_AT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_indicators_of_a_period),
        cmocka_unit_test(the_rules_look_at_those_who_were_touched),
    };
    doses_wanted = argc > 1 ? strtoll(argv[1], NULL, 10) : doses_wanted;
    return cmocka_run_group_tests_name("volume", tests, make_state, drop_state);
}
