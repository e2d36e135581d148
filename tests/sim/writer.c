/* SPDX-License-Identifier: Apache-2.0 */

#include "writer.h"

#include "changed.h"
#include "holding.h"
#include "store/review.h"

#include <stdlib.h>
#include <string.h>

const struct writer_table writer_tables[] = {
    [PERSON] = {20, "person", "person_id", 'P'},
    [DOSE] = {32, "dose_event", "dose_id", 'D'},
    [ORDER] = {31, "treatment_order", "order_id", 'O'},
    [ITEM] = {12, "ref_item", "item_code", 'I'},
    [CODE] = {11, "ref_code", "code_system || '/' || code", 'C'},
    [ENROLMENT] = {30, "enrolment", "enrolment_id", 'E'},
    [REFERRAL] = {33, "referral", "referral_id", 'R'},
    [NOTE] = {8000, "note", "note_id", 'N'},
    [PAPER] = {8001, "paper", "paper_id", 'A'},
    [PAPER_OFFER] = {8002, "paper_offer", "offer_id", 'F'},
    [VISIT] = {9100, "visit", "visit_id", 'V'}, /* support/later.h */
};
const size_t writer_table_count = sizeof writer_tables / sizeof *writer_tables;

/* A code stands in two lists: neither column names the row alone. */
static const char *list_of(unsigned number)
{
    return number % 2 == 0 ? "even" : "odd";
}

void writer_key(size_t table, unsigned number, char out[WRITER_KEY_BYTES])
{
    if (table == CODE) {
        (void)snprintf(out, WRITER_KEY_BYTES, "%s/C%u", list_of(number),
                       number / 2);
    } else {
        (void)snprintf(out, WRITER_KEY_BYTES, "%c%u",
                       writer_tables[table].letter, number);
    }
}

size_t writer_below(struct world *w, size_t sides)
{
    return dice_below(&w->writers, sides);
}

const char *writer_pick(struct world *w, struct machine *m, int table,
                        const char *where, char out[256])
{
    char sql[WRITER_SQL_BYTES];
    const struct writer_table *t = &writer_tables[table];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE %s", t->name,
                   where);
    int64_t count = machine_number(m, sql);
    size_t at = writer_below(w, 1000);
    if (count == 0) {
        out[0] = '\0';
        return out;
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s FROM %s WHERE %s ORDER BY 1 LIMIT 1 OFFSET %lld",
                   t->key, t->name, where, (long long)((int64_t)at % count));
    return machine_text(m, sql, out);
}

/* Any row that this site has; "" if there is none. */
static const char *any_key(struct world *w, struct machine *m, int table,
                           char out[256])
{
    return writer_pick(w, m, table, "1", out);
}

/* A program that is told of success relies on it. The node does not hear of each
 * write at once: some it finds when it looks. */
int writer_run(struct world *w, struct machine *m, const char *sql)
{
    int64_t look_ms = m->look_ms;
    int rc = machine_sql(m, sql);
    if (writer_below(w, 3) == 0) {
        m->look_ms = look_ms;
    }
    sim_say("%s ran %s: %s", m->site, sql,
            rc == SQLITE_OK ? "done" : sqlite3_errmsg(m->client));
    w->sql_refused += rc != SQLITE_OK;
    return rc;
}

/* True: the program was told that it is done. */
static bool run(struct world *w, struct machine *m, const char *sql)
{
    int rc = writer_run(w, m, sql);
    if (rc != SQLITE_OK && sqlite3_get_autocommit(m->client) == 0) {
        (void)machine_sql(m, "ROLLBACK");
    }
    return rc == SQLITE_OK;
}

/* A text that nobody ever wrote. */
static void draw_text(struct world *w, char out[24])
{
    (void)snprintf(out, 24, "text %u", ++w->numbers);
}

/* Writes one into a column of a row, if this site has it. */
static void write_text(struct world *w, struct machine *m, int table,
                       const char *key, const char *column)
{
    const struct writer_table *t = &writer_tables[table];
    char sql[WRITER_SQL_BYTES], text[24];
    draw_text(w, text);
    (void)snprintf(sql, sizeof sql, "UPDATE %s SET %s = '%s' WHERE %s = '%s'",
                   t->name, column, text, t->key, key);
    if (run(w, m, sql) && sqlite3_changes(m->client) > 0) {
        changed_note(w, m, table, key, column, text);
    }
}

unsigned writer_draw_number(struct world *w)
{
    return writer_below(w, 8) == 0 ? 100000 + (unsigned)writer_below(w, 4)
                                   : ++w->numbers;
}

void writer_insert(struct world *w, struct machine *m, int table, bool past,
                   unsigned number, const char *sql)
{
    if (writer_run(w, m, sql) == SQLITE_OK && w->written_count < WRITES_MAX) {
        struct written *row = &w->written[w->written_count++];
        *row = (struct written){.machine = (uint16_t)m->index,
                                .table = (uint16_t)table,
                                .number = number,
                                .past = past};
        holding_write(row, m->index);
    }
}

/* --- what is written ------------------------------------------------------------ */

void writer_person(struct world *w, struct machine *m, bool past)
{
    char sql[WRITER_SQL_BYTES];
    unsigned number = writer_draw_number(w);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, given_name,"
                   " recorded_by) VALUES('P%u', 'B%zu', 'name %zu', 'sim')",
                   number, writer_below(w, 1000), writer_below(w, 1000));
    writer_insert(w, m, PERSON, past, number, sql);
}

static const char *const person_texts[] = {
    "phone", "given_name", "home_locality", "preferred_language"};

static void change_person(struct world *w, struct machine *m)
{
    char key[256];
    any_key(w, m, PERSON, key);
    write_text(w, m, PERSON, key, person_texts[writer_below(w, 4)]);
}

/* Who a person is: two that disagree are a review; a birth is said whole. */
static void draw_who(struct world *w, const char *key,
                     char sql[WRITER_SQL_BYTES])
{
    static const char *const sexes[] = {"'male'", "'female'", "'other'",
                                        "NULL"};
    size_t year = 1950 + writer_below(w, 3);
    if (writer_below(w, 2) == 0) {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET sex = %s WHERE person_id = '%s'",
                       sexes[writer_below(w, 4)], key);
    } else {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET birth_year = %zu, birth_date ="
                       " nullif('%zu-01-0%zu', '%zu-01-01'),"
                       " birth_precision = 'day' WHERE person_id = '%s'",
                       year, year, 1 + writer_below(w, 3), year, key);
    }
}

/* A list: something is added, taken away, or said anew; or it is none. */
static void draw_alerts(struct world *w, const char *key,
                        char sql[WRITER_SQL_BYTES])
{
    static const char *const alerts[] = {"'allergy'", "'hbv'", "'falls'",
                                         "'7'",       "7",     "70"};
    static const char *const wrong[] = {"allergy", "[[1]]", "{\"a\": 1}",
                                        "[1.5]"};
    /* one of them comes and goes */
    const char *one = alerts[writer_below(w, 2) == 0 ? 0 : writer_below(w, 6)];
    size_t die = writer_below(w, 8);
    if (die == 0) {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET alerts = json_array(%s, %s)"
                       " WHERE person_id = '%s'",
                       one, alerts[writer_below(w, 6)], key);
    } else if (die == 1) {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET alerts = '%s'"
                       " WHERE person_id = '%s'",
                       wrong[writer_below(w, 4)], key);
    } else if (die < 5) {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET alerts = (SELECT"
                       " json_group_array(value) FROM json_each(alerts)"
                       " WHERE value IS NOT %s) WHERE person_id = '%s'",
                       one, key);
    } else {
        (void)snprintf(sql, WRITER_SQL_BYTES,
                       "UPDATE person SET alerts = json_insert("
                       "coalesce(alerts, '[]'), '$[#]', %s)"
                       " WHERE person_id = '%s'",
                       one, key);
    }
}

static void draw_dose(struct world *w, const char *key,
                      char sql[WRITER_SQL_BYTES])
{
    (void)snprintf(sql, WRITER_SQL_BYTES,
                   "UPDATE treatment_order SET daily_dose_mcg = %zu"
                   " WHERE order_id = '%s'",
                   2000 + 1000 * writer_below(w, 9), key);
}

static void change_anew(struct world *w, struct machine *m, size_t what,
                        const char *key)
{
    char sql[WRITER_SQL_BYTES];
    if (what == 0) {
        draw_who(w, key, sql);
    } else if (what == 1) {
        draw_alerts(w, key, sql);
    } else {
        draw_dose(w, key, sql);
    }
    (void)run(w, m, sql);
}

/* Often two sites do so before either hears of the other. */
static void change_apart(struct world *w, struct machine *m)
{
    struct machine *other = &w->machines[writer_below(w, (size_t)w->count)];
    struct machine *both[] = {m, other};
    size_t what = writer_below(w, 4);
    size_t column = writer_below(w, 4);
    char key[256];
    any_key(w, m, what == 2 ? ORDER : PERSON, key);
    for (size_t i = 0; i < (other == m ? 1u : 2u); i++) {
        if (both[i]->on && what == 3) {
            write_text(w, both[i], PERSON, key, person_texts[column]);
        } else if (both[i]->on) {
            change_anew(w, both[i], what, key);
        }
    }
}

static void change_something(struct world *w, struct machine *m)
{
    if (writer_below(w, 2) == 0) {
        change_apart(w, m);
    } else {
        change_person(w, m);
    }
}

static void replace_person(struct world *w, struct machine *m)
{
    char key[256], sql[WRITER_SQL_BYTES], text[24];
    if (any_key(w, m, PERSON, key)[0] == '\0') {
        return;
    }
    draw_text(w, text);
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO person(person_id, beneficiary_no,"
                   " given_name, family_name, parent_name, alias_names, sex,"
                   " birth_year, birth_date, birth_precision, home_district,"
                   " home_locality, phone, preferred_language, alerts,"
                   " death_date, vital_status, record_status, origin_site,"
                   " recorded_at, recorded_by) SELECT person_id,"
                   " beneficiary_no, '%s', family_name, parent_name,"
                   " alias_names, sex, birth_year, birth_date,"
                   " birth_precision, home_district, home_locality, phone,"
                   " preferred_language, alerts, death_date, vital_status,"
                   " record_status, origin_site, recorded_at, recorded_by"
                   " FROM (SELECT * FROM person WHERE person_id = '%s')",
                   text, key);
    if (run(w, m, sql)) {
        changed_note(w, m, PERSON, key, "given_name", text);
    }
}

static void write_dose(struct world *w, struct machine *m, bool past)
{
    char key[256], sql[WRITER_SQL_BYTES];
    unsigned number = writer_draw_number(w);
    any_key(w, m, PERSON, key);
    if (key[0] == '\0' && m->wrote_past) { /* no guard may ask whose it is */
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
                   " units, verified_by, dispensed_by) VALUES('D%u', '%s',"
                   " 'observed', 'I1', %zu, 'photo_card', 'sim')",
                   number, key, writer_below(w, 9));
    writer_insert(w, m, DOSE, past, number, sql);
}

static void write_order(struct world *w, struct machine *m)
{
    char key[256], sql[WRITER_SQL_BYTES];
    any_key(w, m, PERSON, key);
    if (key[0] == '\0' && m->wrote_past) {
        return;
    }
    w->numbers++;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO treatment_order(order_id, enrolment_id,"
                   " person_id, item_code, daily_dose_mcg, mode,"
                   " max_take_home_days, status, prescriber) VALUES('O%u',"
                   " 'E1', '%s', 'I1', %zu, 'mixed', 7, 'draft', 'sim')",
                   w->numbers, key, 2000 + 1000 * writer_below(w, 9));
    writer_insert(w, m, ORDER, false, w->numbers, sql);
}

static void change_order(struct world *w, struct machine *m)
{
    static const char *const states[] = {"active", "superseded", "stopped"};
    char key[256], sql[WRITER_SQL_BYTES];
    any_key(w, m, ORDER, key);
    switch (writer_below(w, 4)) {
    case 0:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET status = '%s'"
                       " WHERE order_id = '%s'",
                       states[writer_below(w, 3)], key);
        break;
    case 1:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET daily_dose_mcg = %zu"
                       " WHERE order_id = '%s'",
                       2000 + 1000 * writer_below(w, 9), key);
        break;
    case 2:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE treatment_order SET max_take_home_days = %zu"
                       " WHERE order_id = '%s'",
                       writer_below(w, 9), key);
        break;
    default:
        write_text(w, m, ORDER, key, "reason");
        return;
    }
    run(w, m, sql);
}

static void write_item(struct world *w, struct machine *m)
{
    char key[256], sql[WRITER_SQL_BYTES];
    any_key(w, m, ITEM, key);
    if (key[0] == '\0' || writer_below(w, 3) == 0) {
        w->numbers++;
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO ref_item(item_code, kind, name, unit)"
                       " VALUES('I%u', 'medicine', 'name', 'tablet')",
                       w->numbers);
        writer_insert(w, m, ITEM, false, w->numbers, sql);
        return;
    }
    write_text(w, m, ITEM, key, "name");
}

/* Rows that two columns name. */
static void write_code(struct world *w, struct machine *m)
{
    char key[256], sql[WRITER_SQL_BYTES];
    any_key(w, m, CODE, key);
    if (key[0] == '\0' || writer_below(w, 3) == 0) {
        unsigned number = ++w->numbers;
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO ref_code(code_system, code, label_en)"
                       " VALUES('%s', 'C%u', 'label %zu')",
                       list_of(number), number / 2, writer_below(w, 1000));
        writer_insert(w, m, CODE, false, number, sql);
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "UPDATE ref_code SET label_local = 'label %zu', active = %zu"
                   " WHERE code_system || '/' || code = '%s'",
                   writer_below(w, 1000), writer_below(w, 2), key);
    run(w, m, sql);
}

/* Several rows at once, and sometimes none after all. */
static void write_many(struct world *w, struct machine *m)
{
    char sql[WRITER_SQL_BYTES], text[24];
    bool commits = writer_below(w, 3) > 0;
    draw_text(w, text);
    (void)snprintf(sql, sizeof sql,
                   "BEGIN IMMEDIATE;"
                   "UPDATE person SET phone = '%s';"
                   "UPDATE treatment_order SET reason = '%s'; %s",
                   text, text, commits ? "COMMIT" : "ROLLBACK");
    if (run(w, m, sql) && commits && !disk_is_dead(m->disk)) {
        changed_note_all(w, m, PERSON, "phone", text);
        changed_note_all(w, m, ORDER, "reason", text);
    }
}

static void note_settled(struct world *w, const struct machine *m,
                         const struct review_name *name,
                         const struct review *review)
{
    for (size_t i = 0; i < review->count; i++) {
        if (w->settled_count == SETTLED_MAX) {
            return;
        }
        struct settled *s = &w->settled[w->settled_count++];
        *s = (struct settled){.machine = (uint16_t)m->index,
                              .column = name->column->id,
                              .table = name->table->id,
                              .hlc = review->values[i].hlc,
                              .seq = review->values[i].seq};
        (void)snprintf(s->key, sizeof s->key, "%.*s", (int)sizeof s->key - 1,
                       name->key);
        (void)snprintf(s->site, sizeof s->site, "%s", review->values[i].site);
    }
}

/* As `sangam reviews settle` does. */
static void settle_one(struct world *w, struct machine *m,
                       const struct review_name *name)
{
    const struct value key = value_text(name->key);
    struct database *tool = NULL;
    struct review *review = NULL;
    struct err e = {0};
    int rc =
        review_open(m->replica, name->table, &key, name->column, &review, &e);
    if (rc == 0) {
        rc =
            database_open(m->path, DATABASE_TOOL, DATABASE_EXISTING, &tool, &e);
    }
    if (rc == 0) {
        size_t which = writer_below(w, review->count);
        rc = review_settle(tool, review, &key, which, sim_wall_ms(), &e);
    }
    database_close(&tool);
    sim_say("%s settled %s of %s: %s", m->site, name->column->name, name->key,
            rc == 0 ? "done" : e.text);
    if (rc == 0) {
        note_settled(w, m, name, review);
    }
    review_close(&review);
}

static void settle_review(struct world *w, struct machine *m)
{
    struct review_name *names = NULL;
    size_t count = 0;
    struct err e = {0};
    sim.running = m;
    if (review_list(m->replica, &names, &count, &e) == 0 && count > 0) {
        settle_one(w, m, &names[writer_below(w, count)]);
        m->look_ms = sim.now_ms;
    }
    free(names);
    sim.running = NULL;
}

/* What only a newer program knows: a table of its own, and columns of tables that
 * all have. The others keep it, pass it on, and show it when they know it too. */
static void write_later(struct world *w, struct machine *m)
{
    char key[256], person[256], sql[WRITER_SQL_BYTES];
    unsigned number = ++w->numbers;
    any_key(w, m, VISIT, key);
    any_key(w, m, PERSON, person);
    switch (writer_below(w, key[0] == '\0' ? 3 : 5)) {
    case 0:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE person SET %s = 'later %u'"
                       " WHERE person_id = '%s'",
                       writer_below(w, 2) == 0 ? "guardian" : "consent", number,
                       person);
        (void)run(w, m, sql);
        break;
    case 1:
        (void)snprintf(sql, sizeof sql,
                       "UPDATE enrolment SET bed = 'bed %u'"
                       " WHERE owner_site = '%s'",
                       number, m->site);
        (void)run(w, m, sql);
        break;
    case 2:
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO visit(visit_id, person_id, day)"
                       " VALUES('V%u', '%s', '2026-03-04')",
                       number, person);
        writer_insert(w, m, VISIT, false, number, sql);
        break;
    default:
        write_text(w, m, VISIT, key, "place");
        break;
    }
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
    run(w, m, wrong[writer_below(w, sizeof wrong / sizeof *wrong)]);
}

static void set_triggers(struct machine *m, int on)
{
    (void)sqlite3_db_config(m->client, SQLITE_DBCONFIG_ENABLE_TRIGGER, on,
                            NULL);
}

/* A tool makes a table anew with the same columns and rows, as one does to add a
 * constraint; triggers and indexes are gone with the old one. */
static void rebuild_table(struct world *w, struct machine *m)
{
    const struct writer_table *t =
        &writer_tables[writer_below(w, writer_table_count)];
    sqlite3_stmt *stmt;
    char *ask = sqlite3_mprintf("SELECT substr(sql, instr(sql, '('))"
                                " FROM sqlite_schema WHERE name = %Q",
                                t->name);
    if (sqlite3_prepare_v2(m->client, ask, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf(
            "PRAGMA legacy_alter_table = ON; BEGIN IMMEDIATE;"
            "CREATE TABLE again %s; INSERT INTO again SELECT * FROM %s;"
            "DROP TABLE %s; ALTER TABLE again RENAME TO %s; COMMIT",
            sqlite3_column_text(stmt, 0), t->name, t->name, t->name);
        sqlite3_reset(stmt);
        run(w, m, sql);
        sqlite3_free(sql);
    }
    sqlite3_finalize(stmt);
    sqlite3_free(ask);
}

static void write_past(struct world *w, struct machine *m)
{
    m->wrote_past = true;
    set_triggers(m, 0);
    switch (writer_below(w, 5)) {
    case 0:
        writer_person(w, m, true);
        break;
    case 1:
        write_dose(w, m, true);
        break;
    case 2:
        writer_hand(w, m, true);
        break;
    case 3:
        rebuild_table(w, m);
        break;
    default:
        change_something(w, m);
        break;
    }
    set_triggers(m, 1);
}

void writer_act(struct world *w, struct machine *m, bool past)
{
    size_t die = writer_below(w, 30);
    if (past) {
        write_past(w, m);
    } else if (m->schema != sim.schema && die % 4 == 0) {
        write_later(w, m);
    } else if (die >= 20) {
        writer_hand(w, m, false);
    } else if (m->parent < 0 && die < 3) {
        write_item(w, m);
    } else if (m->parent < 0 && die < 6) {
        write_code(w, m);
    } else if (die < 3) {
        writer_person(w, m, false);
    } else if (die < 10) {
        change_something(w, m);
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
    } else if (die < 19) {
        settle_review(w, m);
    } else {
        write_wrong(w, m);
    }
}
