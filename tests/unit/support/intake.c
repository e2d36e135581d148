/* SPDX-License-Identifier: Apache-2.0 */
#include "support/intake.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now_ms = INT64_C(1795357690000); /* 2026-11-22T14:28:10Z */

char *intake_folder;
char *intake_replica;

int intake_set_up(void **state)
{
    (void)state;
    intake_folder = scratch_folder();
    intake_replica = scratch_replica_of_clinic(intake_folder);
    return 0;
}

int intake_tear_down(void **state)
{
    (void)state;
    free(intake_replica);
    scratch_remove(&intake_folder);
    return 0;
}

/* Runs SQL past the guards, as what headquarters sent would be written. */
void intake_as_node(const char *sql)
{
    struct database *db = NULL;
    struct err e = {0};
    if (database_open(intake_replica, DATABASE_NODE, DATABASE_EXISTING, &db,
                      &e) != 0 ||
        database_run(db, sql, &e) != 0) {
        fail_msg("%s", e.text);
    }
    database_close(&db);
}

void intake_give_number(void)
{
    intake_as_node("INSERT INTO ref_node_number(number, node)"
                   " SELECT 7, lower(hex(node)) FROM sync_self");
}

/* --- running -------------------------------------------------------------- */

struct intake intake_run(struct import_order *order, const char *map,
                         const char *csv)
{
    struct intake o = {.rc = 0};
    struct database *db = NULL;
    struct import *import = NULL;
    struct map *m = NULL;
    bool more = true;
    char *map_path =
        map != NULL ? scratch_file(intake_folder, "r.map", map) : NULL;
    char *path = scratch_file(intake_folder, "r.csv", csv);

    o.rc = database_open(intake_replica, DATABASE_TOOL, DATABASE_EXISTING, &db,
                         &o.e);
    if (o.rc == 0 && map != NULL) {
        o.rc = map_read(map_path, &m, &o.e);
    }
    order->path = path;
    order->map = m;
    if (o.rc == 0) {
        o.rc = import_open(db, order, now_ms, &import, &o.e);
    }
    while (o.rc == 0 && more) {
        o.rc = import_step(import, &more, &o.e);
    }
    if (o.rc == 0) {
        o.state = *import_state(import);
        if (o.state.bad == 0 && !o.state.broken) {
            o.rc = import_commit(import, &o.e);
        }
    }
    import_destroy(&import);
    map_destroy(&m);
    database_close(&db);
    free(map_path);
    free(path);
    return o;
}

struct intake intake_import(const char *table, const char *map, const char *csv)
{
    struct import_order order = {.table = table};
    return intake_run(&order, map, csv);
}

const char *intake_after_folder(const char *text)
{
    const char *name = strstr(text, "/r.");
    assert_non_null(name);
    return name + 1;
}

/* All rows come in. */
void intake_taken(struct intake o, uint64_t rows)
{
    if (o.rc != 0) {
        fail_msg("%s", o.e.text);
    }
    if (o.state.faults > 0) {
        fail_msg("%s", o.state.first[0]);
    }
    assert_int_equal(o.state.good, rows);
}

void intake_refused(struct intake o, const char *says)
{
    assert_int_equal(o.rc, ERR_INPUT);
    assert_string_equal(intake_after_folder(o.e.text), says);
}

void intake_one_fault(struct intake o, const char *says)
{
    if (o.rc != 0) {
        fail_msg("%s", o.e.text);
    }
    assert_int_equal(o.state.faults, 1);
    assert_int_equal(o.state.bad, 1);
    assert_string_equal(intake_after_folder(o.state.first[0]), says);
}

int64_t intake_number(const char *sql)
{
    return scratch_number(intake_replica, sql);
}
