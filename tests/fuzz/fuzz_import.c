/* SPDX-License-Identifier: Apache-2.0 */
/* From a register of any bytes, with a mapping or without, to rows of a clinic's
 * replica: what is counted as taken is there, what is not has words, and nothing
 * stays, so that each input meets the same clinic. */
#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "node/import.h"
#include "protocol/match.h"
#include "support/scratch.h"

static const int64_t now_ms = INT64_C(1795357690000); /* 2026-11-22T14:28:10Z */

static struct database *begin(void)
{
    struct database *db = NULL;
    struct err e = {0};
    char *folder = scratch_folder();
    char *path = scratch_replica_of_clinic(folder);
    scratch_run(path,
                "INSERT INTO person(person_id, beneficiary_no, given_name,"
                " birth_year) VALUES('p1', 'N-1', 'Testa', 1980);"
                "INSERT INTO local_register(register, entry, person_id)"
                " VALUES('r', '1', 'p1')");
    if (database_open(path, DATABASE_TOOL, DATABASE_EXISTING, &db, &e) != 0) {
        abort();
    }
    free(path);
    free(folder); /* it stays until the machine starts */
    return db;
}

/* Up to a NUL, which no text has, or all. */
static struct slice text_before_nul(struct slice *in)
{
    const uint8_t *end = memchr(in->data, 0, in->len);
    struct slice text = {in->data,
                         end == NULL ? in->len : (size_t)(end - in->data)};
    size_t taken = text.len + (end != NULL ? 1 : 0);
    in->data += taken;
    in->len -= taken;
    return text;
}

static uint64_t rows_noted(struct database *db)
{
    struct err e;
    sqlite3_stmt *stmt;
    int rc = database_statement(db, "SELECT count(*) FROM local_import_row",
                                &stmt, &e);
    assert(rc == 0);
    rc = database_step(db, stmt, &e);
    assert(rc == 1);
    (void)rc;
    uint64_t rows = (uint64_t)sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return rows;
}

static void check(struct database *db, const struct import_state *s,
                  uint64_t before)
{
    assert(rows_noted(db) - before == s->good);
    assert(s->same <= s->there && s->changed <= s->there);
    assert(s->differing <= s->there && s->duplicates <= s->good);
    assert(s->bad <= s->faults);
    for (uint64_t i = 0; i < s->faults && i < IMPORT_FAULTS_KEPT; i++) {
        assert(s->first[i][0] != '\0');
    }
    for (uint64_t i = 0; i < s->notes && i < IMPORT_NOTES_KEPT; i++) {
        assert(s->noted[i][0] != '\0');
    }
    (void)before;
}

static void import(struct database *db, const struct import_order *order)
{
    struct import *i = NULL;
    struct err e = {0};
    bool more = true;
    uint64_t before = rows_noted(db);
    int rc = import_open(db, order, now_ms, &i, &e);
    while (rc == 0 && more) {
        rc = import_step(i, &more, &e);
    }
    assert(rc == 0 || e.text[0] != '\0');
    if (rc == 0) {
        check(db, import_state(i), before);
    }
    import_destroy(&i);
    assert(rows_noted(db) == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const tables[] = {"person", "dose_event", "enrolment",
                                         "custody_event", "peer_session"};
    static const uint8_t key[MATCH_KEY_BYTES] = {5};
    static struct database *db;
    struct slice in = {data, size};
    struct map *map = NULL;
    struct err e = {0};
    if (db == NULL) {
        db = begin();
    }
    uint8_t how = fuzz_u8(&in);
    struct import_order order = {
        .table = tables[how / 8 % (sizeof tables / sizeof tables[0])],
        .key = (how & 2) != 0 ? key : NULL,
        .takes_duplicates = (how & 4) != 0,
    };
    if ((how & 1) != 0) {
        struct slice text = text_before_nul(&in);
        if (map_read(fuzz_file(text.data, text.len), &map, &e) != 0) {
            return 0;
        }
        order.map = map;
        order.table = map->table;
    }
    order.path = fuzz_file(in.data, in.len);
    import(db, &order);
    map_destroy(&map);
    return 0;
}
