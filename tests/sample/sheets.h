/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sheets: where the rows of all sites go. Either into files, FOLDER/SITE/TABLE.csv
 * as `sangam import` takes them and FOLDER/SITE/answers.sql; or into an SQLite
 * file, by plain SQL as any program writes, in one transaction.
 *
 * `answers` is what a site wrote later to rows that others began: it takes a
 * referral, and the treatment with it. It can be said once those rows have come.
 */
#ifndef SANGAM_SAMPLE_SHEETS_H
#define SANGAM_SAMPLE_SHEETS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheet {
    SHEET_REF_SITE,
    SHEET_REF_CODE,
    SHEET_REF_ITEM,
    SHEET_REF_PARAMETER,
    SHEET_REF_COURSE,
    SHEET_PERSON,
    SHEET_CONSENT,
    SHEET_WORKER,
    SHEET_ENROLMENT,
    SHEET_ASSESSMENT,
    SHEET_ORDER,
    SHEET_DOSE,
    SHEET_STOCK,
    SHEET_REFERRAL,
    SHEET_CUSTODY,
    SHEET_GROUP,
    SHEET_SESSION,
    SHEET_ATTENDANCE,
    SHEET_TRAINING,
    SHEET_CREDENTIAL,
    SHEET_MENTOR,
    SHEET_PLACEMENT,
    SHEET_FOLLOWUP,
    SHEET_DISCLOSURE,
    SHEET_NOTE, /* these two stay at the machine of their site */
    SHEET_BLOOD,
    SHEETS
};

struct field {
    enum { FIELD_NONE, FIELD_TEXT, FIELD_NUMBER } kind;
    const char *text;
    int64_t number;
};

/* NULL is no text. */
struct field field_text(const char *text);
struct field field_number(int64_t number);
#define NOTHING ((struct field){.kind = FIELD_NONE})

struct sheets;

/* Files below the folder, which is made. Ends the program with a sentence when
 * the disk will not do; so do all below. */
struct sheets *sheets_in_folder(const char *folder);
/* Rows of one site into a database that the caller closes; or (NULL) of all, as
 * headquarters holds them: without those that stay at their site. What is
 * written stays with sheets_close(). With `answers`, these and no rows. */
struct sheets *sheets_in_database(sqlite3 *db, const char *only_site,
                                  bool answers);
void sheets_close(struct sheets **s);

/* A row, a field for each column that sheet_columns() names. */
void sheets_put(struct sheets *s, const char *site, enum sheet sheet,
                const struct field *fields, size_t count);
#define PUT(s, site, sheet, ...)                                               \
    sheets_put(s, site, sheet, (const struct field[]){__VA_ARGS__},            \
               sizeof((const struct field[]){__VA_ARGS__}) /                   \
                   sizeof(struct field))
/* A statement that the site says later, with its semicolon. */
void sheets_answer(struct sheets *s, const char *site, const char *sql);

const char *sheet_table(enum sheet sheet);
uint64_t sheets_rows(const struct sheets *s, enum sheet sheet);

#endif
