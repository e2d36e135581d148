/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Intake: a register as text, imported with a mapping file as text into a
 * clinic's replica, and what came of it.
 */
#ifndef SANGAM_TESTS_INTAKE_H
#define SANGAM_TESTS_INTAKE_H

#include "node/import.h"

extern char *intake_folder;
extern char *intake_replica;

/* For cmocka: a folder and a replica for each test. */
int intake_set_up(void **state);
int intake_tear_down(void **state);

/* Runs SQL past the guards, as what headquarters sent would be written. */
void intake_as_node(const char *sql);
/* The node can make beneficiary numbers. */
void intake_give_number(void);
/* The integer that a query gives. */
int64_t intake_number(const char *sql);

/* What came of an import; its state is a copy. */
struct intake {
    int rc;
    struct err e;
    struct import_state state;
};

/* Imports FOLDER/r.csv with FOLDER/r.map (NULL: none), which are made of the
 * texts; keeps the rows when none is bad. */
struct intake intake_run(struct import_order *order, const char *map,
                         const char *csv);
struct intake intake_import(const char *table, const char *map,
                            const char *csv);

/* What an error says after the folder's name. */
const char *intake_after_folder(const char *text);
/* All rows came in, so many of them new. */
void intake_taken(struct intake o, uint64_t rows);
/* The register was refused as a whole, or one row was. */
void intake_refused(struct intake o, const char *says);
void intake_one_fault(struct intake o, const char *says);

#endif
