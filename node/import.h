/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Import: the rows of a CSV file as rows of one table, in one transaction.
 *
 * The header line names columns of the table, or of the facility's own register
 * with a mapping file (map.h) that says which goes where. A field is converted
 * as its column declares (node/cell.h); an empty one is NULL, or the column's
 * default where it has one. Rows are inserted as any program would insert them:
 * the table's rules and the guards apply, and the node captures them.
 *
 * What is wrong is a fault: "FILE:LINE:FIELD NAME: what". A faulty row is not
 * inserted and the file is read on, so that one run finds all faults; but
 * after broken quoting nobody can say where the next row begins, and no row of
 * such a file should be kept.
 *
 * A register can be imported again: a row that has no id gets one that its line
 * always has (rowkey.h), people are known by their number in the register
 * (local_register), their beneficiary number, and their name (twins.h). What is
 * there and says the same is counted and left. An event that says something
 * else is a fault, because events never change. Of a record, cells that were
 * changed in the register since it was imported last (said.h) are changed;
 * cells that were changed here since are noted and left (decision 0022).
 *
 * Every row that was inserted is noted in local_import_row under the name of
 * the import, with its key and its line.
 */
#ifndef SANGAM_IMPORT_H
#define SANGAM_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "node/map.h"
#include "store/database.h"

struct import;

enum {
    IMPORT_FAULTS_KEPT = 20,
    IMPORT_NOTES_KEPT = 200, /* a month's corrections of a clinic's list */
    IMPORT_ID_BYTES = 24,    /* 20261122T142810Z-9c41f0, with its end */
};

/* What is imported, and how. All borrowed until the import is destroyed. */
struct import_order {
    const char *table;
    const char *path;
    const struct map *map; /* NULL: the header names columns of the table */
    const uint8_t *key;    /* the programme's (protocol/match.h); NULL: people
                               are not compared by match token */
    bool takes_duplicates; /* people who seem to be known come in too */
};

/* What tells that a line was imported before. */
enum import_known {
    IMPORT_KNOWN_BY_KEY,    /* ids, card numbers, or the register's own key */
    IMPORT_KNOWN_BY_ALL,    /* all it says: a corrected line is another row */
    IMPORT_KNOWN_BY_PERSON, /* of people: card number, or all it says */
};

struct import_state {
    char id[IMPORT_ID_BYTES];
    uint64_t good;       /* rows inserted */
    uint64_t there;      /* rows that were there already */
    uint64_t same;       /* of them: they say the same */
    uint64_t changed;    /* of them: cells became what the register says now */
    uint64_t differing;  /* of them: cells that differ were left; noted */
    uint64_t duplicates; /* of the good: people who seem to be known; noted */
    uint64_t remembered; /* what is to be remembered of a row that was there */
    uint64_t bad;        /* rows with faults */
    uint64_t faults;     /* in all; the first are kept */
    char first[IMPORT_FAULTS_KEPT][ERR_TEXT_BYTES];
    uint64_t notes; /* in all; the first are kept */
    char noted[IMPORT_NOTES_KEPT][ERR_TEXT_BYTES];
    uint64_t cells; /* that were changed; the first are kept */
    char becomes[IMPORT_NOTES_KEPT][ERR_TEXT_BYTES];
    bool compares_names; /* of people without ids of their own */
    bool broken;         /* the rest of the file could not be read */
    enum import_known known;
    int percent; /* of the file */
};

/* Opens the file, begins the transaction and reads the header. `db` is a
 * tool's connection. ERR_INPUT when table, file, mapping or header will not do,
 * with the place; ERR_BUSY. */
int import_open(struct database *db, const struct import_order *order,
                int64_t now_ms, struct import **ret, struct err *e);
/* Without import_commit(), undoes everything. */
void import_destroy(struct import **i);

/* Inserts some rows more. ERR_*: of the database or the disk, or ERR_STATE when
 * there are no numbers for new people; faults of the file are no errors. */
int import_step(struct import *i, bool *ret_more, struct err *e);

const struct import_state *import_state(const struct import *i);

/* Makes the good rows stay. Asserts that the file is not broken. */
int import_commit(struct import *i, struct err *e);

#endif
