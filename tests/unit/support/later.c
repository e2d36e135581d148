/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "later.h"

#include <string.h>

#define COLUMN(table, id, name, class, policy)                                 \
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"     \
    " VALUES(" #table ", " #id ", '" name "', " #class ", '" policy "');"

static const char columns[] =
    "ALTER TABLE person ADD COLUMN guardian TEXT;"
    "ALTER TABLE person ADD COLUMN consent TEXT NOT NULL DEFAULT 'unasked';"
    "ALTER TABLE person ADD COLUMN seen_at TEXT;"
    "ALTER TABLE enrolment ADD COLUMN bed TEXT;" COLUMN(
        20, 22, "guardian", 4,
        "lww") COLUMN(20, 23, "consent", 3,
                      "lww") COLUMN(20, 24, "seen_at", 3,
                                    "fixed") COLUMN(30, 20, "bed", 5, "owner")

        "CREATE TABLE visit(visit_id TEXT PRIMARY KEY NOT NULL,"
        " person_id TEXT NOT NULL, day TEXT NOT NULL DEFAULT '@today',"
        " place TEXT, origin_site TEXT NOT NULL DEFAULT '@site') STRICT;"
        "INSERT INTO sync_table(table_id, name, kind, base_class, route)"
        " VALUES(9100, 'visit', 'record', 5, 'person:person_id');" COLUMN(
            9100, 1, "visit_id", 5,
            "key") COLUMN(9100, 2, "person_id", 5,
                          "fixed") COLUMN(9100, 3, "day", 5,
                                          "fixed") COLUMN(9100, 4, "place", 5,
                                                          "lww") COLUMN(9100, 5,
                                                                        "origin_site",
                                                                        5,
                                                                        "origin")

            "CREATE TABLE test_event(test_id TEXT PRIMARY KEY NOT NULL,"
            " person_id TEXT NOT NULL, result TEXT,"
            " origin_site TEXT NOT NULL DEFAULT '@site') STRICT;"
            "INSERT INTO sync_table(table_id, name, kind, base_class, route)"
            " VALUES(9101, 'test_event', 'event', 6, 'person:person_id');" COLUMN(
                9101, 1, "test_id",
                6, "key") COLUMN(9101, 2, "person_id", 6,
                                 "fixed") COLUMN(9101, 3, "result", 6, "fixed")
                COLUMN(9101, 4, "origin_site", 6, "origin")

                    "CREATE TABLE ref_holiday(day TEXT PRIMARY KEY NOT NULL, name TEXT) STRICT;"
                    "INSERT INTO sync_table(table_id, name, kind, base_class, route)"
                    " VALUES(9102, 'ref_holiday', 'reference', 2, 'all');" COLUMN(
                        9102, 1, "day", 2, "key")
                        COLUMN(9102, 2, "name", 2, "lww")

    /* ref_code without what `active` may be; no view names it */
    "CREATE TABLE code_again(code_system TEXT NOT NULL, code TEXT NOT NULL,"
    " label_en TEXT NOT NULL, label_local TEXT, external_map TEXT,"
    " active INTEGER NOT NULL DEFAULT 1, PRIMARY KEY(code_system, code)) STRICT;"
    "INSERT INTO code_again SELECT * FROM ref_code; DROP TABLE ref_code;"
    "ALTER TABLE code_again RENAME TO ref_code;";

static const char class[] =
    "INSERT INTO sync_class(class_id, name, says)"
    " VALUES(90, 'legal', 'What courts said.');"
    "ALTER TABLE person ADD COLUMN court TEXT;" COLUMN(
        20, 30, "court", 90,
        "lww") "CREATE TABLE hearing(hearing_id TEXT PRIMARY KEY NOT NULL,"
               " person_id TEXT NOT NULL, outcome TEXT) STRICT;"
               "INSERT INTO sync_table(table_id, name, kind, base_class, route)"
               " VALUES(9200, 'hearing', 'record', 90, 'person:person_id');" COLUMN(
                   9200, 1, "hearing_id", 90, "key")
                   COLUMN(9200, 2, "person_id", 90, "fixed")
                       COLUMN(9200, 3, "outcome", 90, "lww");

static const char wrong[] = "CREATE TABLE half(x TEXT) STRICT;"
                            "CREATE TABLE half(x TEXT) STRICT;";

enum { FILES_MAX = 64 };

static const struct schema_file later[] = {
    {"9001_columns.sql", columns},
    {"9002_class.sql", class},
    {"9003_wrong.sql", wrong},
};

enum { LATER = sizeof later / sizeof later[0] };

const struct schema *later_schema(const struct schema *today,
                                  enum later version)
{
    static struct schema_file files[FILES_MAX];
    static struct schema schemas[LATER];
    static const struct schema *base;
    size_t count = today->count;
    size_t steps = (size_t)version - LATER_COLUMNS + 1;
    assert_true(base == NULL || base == today);
    assert_true(count + LATER <= FILES_MAX && steps <= LATER);
    base = today;
    memcpy(files, today->files, count * sizeof files[0]);
    memcpy(files + count, later, sizeof later);
    schemas[steps - 1] =
        (struct schema){.files = files, .count = count + steps};
    return &schemas[steps - 1];
}
