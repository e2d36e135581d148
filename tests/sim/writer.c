/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writers: what people at a site do, in the SQL of their programs.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES = 1024 };

enum {
    PERSON,
    DOSE,
    ORDER,
    ITEM,
};

const struct writer_table writer_tables[] = {
    [PERSON] = {"person", "person_id", 'P'},
    [DOSE] = {"dose_event", "dose_id", 'D'},
    [ORDER] = {"treatment_order", "order_id", 'O'},
    [ITEM] = {"ref_item", "item_code", 'I'},
};
const size_t writer_table_count = sizeof writer_tables / sizeof *writer_tables;

static size_t below(struct world *w, size_t sides)
{
    return dice_below(&w->writers, sides);
}

/* Any row that this site has; "" if there is none. */
static const char *any_key(struct world *w, struct machine *m, int table,
                           char out[256])
{
    char sql[SQL_BYTES];
    const struct writer_table *t = &writer_tables[table];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", t->name);
    int64_t count = machine_number(m, sql);
    size_t at = below(w, 1000);
    if (count == 0) {
        out[0] = '\0';
        return out;
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET %lld", t->key,
                   t->name, (long long)((int64_t)at % count));
    return machine_text(m, sql, out);
}

/* A program that is told of success relies on it. */
static void run(struct world *w, struct machine *m, const char *sql)
{
    int rc = machine_sql(m, sql);
    sim_say("%s ran %s: %s", m->site, sql,
            rc == SQLITE_OK ? "done" : sqlite3_errmsg(m->client));
    w->sql_refused += rc != SQLITE_OK;
    if (rc != SQLITE_OK && sqlite3_get_autocommit(m->client) == 0) {
        (void)machine_sql(m, "ROLLBACK");
    }
}

/* Mostly nobody else's; some are, as where two sites enter one paper form. */
static unsigned draw_number(struct world *w)
{
    return below(w, 8) == 0 ? 100000 + (unsigned)below(w, 4) : ++w->numbers;
}

static void insert(struct world *w, struct machine *m, int table, bool past,
                   unsigned number, const char *sql)
{
    int rc = machine_sql(m, sql);
    sim_say("%s ran %s: %s", m->site, sql,
            rc == SQLITE_OK ? "done" : sqlite3_errmsg(m->client));
    if (rc != SQLITE_OK) {
        w->sql_refused++;
        return;
    }
    if (w->written_count < WRITES_MAX) {
        w->written[w->written_count++] =
            (struct written){.machine = (uint16_t)m->index,
                             .table = (uint16_t)table,
                             .number = number,
                             .past = past};
    }
}

/* --- what is written ------------------------------------------------------------ */

static void write_person(struct world *w, struct machine *m, bool past)
{
    char sql[SQL_BYTES];
    unsigned number = draw_number(w);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, given_name,"
                   " recorded_by) VALUES('P%u', 'B%zu', 'name %zu', 'sim')",
                   number, below(w, 1000), below(w, 1000));
    insert(w, m, PERSON, past, number, sql);
}

static void change_person(struct world *w, struct machine *m)
{
    static const char *const columns[] = {
        "phone", "given_name", "home_locality", "preferred_language"};
    char key[256], sql[SQL_BYTES];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE person SET %s = 'text %zu' WHERE person_id = '%s'",
                   columns[below(w, 4)], below(w, 1000),
                   any_key(w, m, PERSON, key));
    run(w, m, sql);
}

static void replace_person(struct world *w, struct machine *m)
{
    char key[256], sql[SQL_BYTES];
    if (any_key(w, m, PERSON, key)[0] == '\0') {
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO person SELECT person_id,"
                   " beneficiary_no, 'again %zu', family_name, parent_name,"
                   " alias_names, sex, birth_year, birth_date,"
                   " birth_precision, home_district, home_locality, phone,"
                   " preferred_language, alerts, death_date, vital_status,"
                   " record_status, origin_site, recorded_at, recorded_by"
                   " FROM (SELECT * FROM person WHERE person_id = '%s')",
                   below(w, 1000), key);
    run(w, m, sql);
}

static void write_dose(struct world *w, struct machine *m, bool past)
{
    char key[256], sql[SQL_BYTES];
    unsigned number = draw_number(w);
    any_key(w, m, PERSON, key);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
                   " units, verified_by, dispensed_by) VALUES('D%u', '%s',"
                   " 'observed', 'I1', %zu, 'photo_card', 'sim')",
                   number, key, below(w, 9));
    insert(w, m, DOSE, past, number, sql);
}

static void write_order(struct world *w, struct machine *m)
{
    char key[256], sql[SQL_BYTES];
    any_key(w, m, PERSON, key);
    w->numbers++;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO treatment_order(order_id, enrolment_id,"
                   " person_id, item_code, daily_dose_mcg, mode,"
                   " max_take_home_days, status, prescriber) VALUES('O%u',"
                   " 'E1', '%s', 'I1', %zu, 'mixed', 7, 'draft', 'sim')",
                   w->numbers, key, 2000 + 1000 * below(w, 9));
    insert(w, m, ORDER, false, w->numbers, sql);
}

static void change_order(struct world *w, struct machine *m)
{
    static const char *const states[] = {"active", "superseded", "stopped"};
    char key[256], sql[SQL_BYTES];
    any_key(w, m, ORDER, key);
    switch (below(w, 4)) {
    case 0:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET status = '%s'"
                       " WHERE order_id = '%s'",
                       states[below(w, 3)], key);
        break;
    case 1:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET daily_dose_mcg = %zu"
                       " WHERE order_id = '%s'",
                       2000 + 1000 * below(w, 9), key);
        break;
    case 2:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET max_take_home_days = %zu"
                       " WHERE order_id = '%s'",
                       below(w, 9), key);
        break;
    default:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET reason = 'reason %zu'"
                       " WHERE order_id = '%s'",
                       below(w, 1000), key);
        break;
    }
    run(w, m, sql);
}

static void write_item(struct world *w, struct machine *m)
{
    char key[256], sql[SQL_BYTES];
    any_key(w, m, ITEM, key);
    if (key[0] == '\0' || below(w, 3) == 0) {
        w->numbers++;
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO ref_item(item_code, kind, name, unit)"
                       " VALUES('I%u', 'medicine', 'name', 'tablet')",
                       w->numbers);
        insert(w, m, ITEM, false, w->numbers, sql);
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "UPDATE ref_item SET name = 'name %zu'"
                   " WHERE item_code = '%s'",
                   below(w, 1000), key);
    run(w, m, sql);
}

/* Several rows at once, and sometimes none after all. */
static void write_many(struct world *w, struct machine *m)
{
    char sql[SQL_BYTES];
    (void)snprintf(sql, sizeof sql,
                   "BEGIN IMMEDIATE;"
                   "UPDATE person SET phone = 'many %zu';"
                   "UPDATE treatment_order SET reason = 'many'"
                   " WHERE site_id = '%s'; %s",
                   below(w, 1000), m->site,
                   below(w, 3) == 0 ? "ROLLBACK" : "COMMIT");
    run(w, m, sql);
}

/* What is not this site's to write: refused with a sentence. */
static void write_wrong(struct world *w, struct machine *m)
{
    static const char *const wrong[] = {
        "DELETE FROM person",
        "DELETE FROM dose_event",
        "UPDATE dose_event SET units = 99",
        "UPDATE person SET person_id = 'x'",
        "INSERT INTO person(person_id) VALUES('x')",
    };
    run(w, m, wrong[below(w, sizeof wrong / sizeof *wrong)]);
}

static void set_triggers(struct machine *m, int on)
{
    (void)sqlite3_db_config(m->client, SQLITE_DBCONFIG_ENABLE_TRIGGER, on,
                            NULL);
}

static void write_past(struct world *w, struct machine *m)
{
    set_triggers(m, 0);
    switch (below(w, 3)) {
    case 0:
        write_person(w, m, true);
        break;
    case 1:
        write_dose(w, m, true);
        break;
    default:
        change_person(w, m);
        break;
    }
    set_triggers(m, 1);
}

void writer_act(struct world *w, struct machine *m, bool past)
{
    size_t die = below(w, 20);
    if (past) {
        write_past(w, m);
    } else if (m->parent < 0 && die < 5) {
        write_item(w, m);
    } else if (die < 4) {
        write_person(w, m, false);
    } else if (die < 9) {
        change_person(w, m);
    } else if (die < 13) {
        write_dose(w, m, false);
    } else if (die < 14) {
        write_order(w, m);
    } else if (die < 16) {
        change_order(w, m);
    } else if (die < 17) {
        replace_person(w, m);
    } else if (die < 18) {
        write_many(w, m);
    } else {
        write_wrong(w, m);
    }
}
