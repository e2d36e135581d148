/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <stdlib.h>

struct writer {
    const struct workload *workload;
    enum rows rows;
    sqlite3 *client;
    sqlite3_stmt *stmts[UPDATE_COLUMNS]; /* of updates; the others use one */
};

static const char *const texts[][UPDATE_COLUMNS] = {
    [ROWS_PERSONS] =
        {"INSERT INTO person(person_id, beneficiary_no, given_name,"
         " family_name, parent_name, sex, birth_year, birth_precision,"
         " home_district, home_locality, phone, preferred_language) VALUES"
         "(?1, ?2, ?3, ?4, ?5, 'male', ?6, 'year', 'LDH', ?7, ?8, 'pa')"},
    [ROWS_DOSES] =
        {"INSERT INTO dose_event(dose_id, person_id, enrolment_id, order_id,"
         " service_date, occurred_at, kind, item_code, units, amount_mcg,"
         " days_covered, batch_no, verified_by, dispensed_by, recorded_at)"
         " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
         " ?14, ?15)"},
    [ROWS_UPDATES] =
        {"UPDATE person SET phone = ?2 WHERE person_id = ?1",
         "UPDATE person SET home_locality = ?2 WHERE person_id = ?1",
         "UPDATE person SET preferred_language = ?2 WHERE person_id = ?1",
         "UPDATE person SET alias_names = ?2 WHERE person_id = ?1"},
    [ROWS_CLINIC_EDITS] = {"UPDATE person SET phone = ?2, home_locality = ?3"
                           " WHERE person_id = ?1"},
    [ROWS_OFFICE_EDITS] =
        {"UPDATE person SET phone = ?2, preferred_language = ?3"
         " WHERE person_id = ?1"},
};

struct writer *writer_new(const struct workload *w, enum rows rows,
                          sqlite3 *client)
{
    struct writer *writer = workload_array(1, sizeof *writer);
    writer->workload = w;
    writer->rows = rows;
    writer->client = client;
    for (size_t i = 0; i < UPDATE_COLUMNS && texts[rows][i] != NULL; i++) {
        writer->stmts[i] = client_prepare(client, texts[rows][i]);
    }
    return writer;
}

void writer_destroy(struct writer **writer)
{
    for (size_t i = 0; i < UPDATE_COLUMNS; i++) {
        (void)sqlite3_finalize((*writer)->stmts[i]);
    }
    free(*writer);
    *writer = NULL;
}

/* --- rows ---------------------------------------------------------------- */

static void text(sqlite3_stmt *stmt, int at, const char *value)
{
    (void)sqlite3_bind_text(stmt, at, value, -1, SQLITE_STATIC);
}

static void write_person(sqlite3_stmt *stmt, const struct person *p)
{
    text(stmt, 1, p->id);
    text(stmt, 2, p->number);
    text(stmt, 3, p->given);
    text(stmt, 4, p->family);
    text(stmt, 5, p->parent);
    (void)sqlite3_bind_int(stmt, 6, p->birth_year);
    text(stmt, 7, p->locality);
    text(stmt, 8, p->phone);
    client_done(stmt);
}

static void write_dose(const struct writer *writer, const struct dose *d)
{
    sqlite3_stmt *stmt = writer->stmts[0];
    bool wide = writer->workload->shape.wide;
    text(stmt, 1, d->id);
    text(stmt, 2, d->person->id);
    text(stmt, 3, wide ? d->person->enrolment : NULL);
    text(stmt, 4, wide ? d->person->order : NULL);
    text(stmt, 5, d->day);
    text(stmt, 6, d->at);
    text(stmt, 7, d->kind);
    text(stmt, 8, d->item);
    (void)sqlite3_bind_int(stmt, 9, d->units);
    (void)sqlite3_bind_int(stmt, 10, d->mcg);
    (void)sqlite3_bind_int(stmt, 11, d->days);
    text(stmt, 12, d->batch);
    text(stmt, 13, d->verified);
    text(stmt, 14, d->by);
    text(stmt, 15, d->recorded);
    client_done(stmt);
}

static void write_update(const struct writer *writer, const struct update *u)
{
    sqlite3_stmt *stmt = writer->stmts[u->column];
    text(stmt, 1, writer->workload->persons[u->person].id);
    text(stmt, 2, u->value);
    client_done(stmt);
}

static void write_edit(const struct writer *writer, size_t person,
                       enum editor editor)
{
    sqlite3_stmt *stmt = writer->stmts[0];
    struct edit edit = workload_edit(editor, person);
    text(stmt, 1, writer->workload->persons[person].id);
    text(stmt, 2, edit.phone);
    text(stmt, 3, edit.other);
    client_done(stmt);
}

static void write_row(const struct writer *writer, size_t row)
{
    switch (writer->rows) {
    case ROWS_PERSONS:
        write_person(writer->stmts[0], &writer->workload->persons[row]);
        break;
    case ROWS_DOSES:
        write_dose(writer, &writer->workload->doses[row]);
        break;
    case ROWS_UPDATES:
        write_update(writer, &writer->workload->updates[row]);
        break;
    case ROWS_CLINIC_EDITS:
        write_edit(writer, row, EDITOR_CLINIC);
        break;
    case ROWS_OFFICE_EDITS:
        write_edit(writer, row, EDITOR_OFFICE);
        break;
    }
}

void writer_write(struct writer *writer, const struct stretch *s)
{
    size_t open = 0; /* rows in the transaction */
    for (size_t i = 0; i < s->count; i++) {
        if (open == 0 && s->per_transaction > 1) {
            client_sql(writer->client, "BEGIN");
        }
        write_row(writer, s->from + i);
        open++;
        if (open == s->per_transaction || i + 1 == s->count) {
            if (s->per_transaction > 1) {
                client_sql(writer->client, "COMMIT");
            }
            open = 0;
        }
    }
}

void writer_write_once(const struct workload *w, enum rows rows,
                       sqlite3 *client, const struct stretch *s)
{
    struct writer *writer = writer_new(w, rows, client);
    writer_write(writer, s);
    writer_destroy(&writer);
}
