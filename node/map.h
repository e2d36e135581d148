/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Map: the mapping file of a register: which columns of a facility's own
 * spreadsheet go into which columns of a table, and how what they say is to be
 * read. A file of sections (sections.h); docs/registers.md is its manual.
 *
 *   [register]          table, name, key..., ignore..., header, separator,
 *                       dates, century
 *   [COLUMN]            of the table: from..., value, empty, code..., list,
 *                       person, find, of, where..., times, unit, part, on,
 *                       on_day, time, new, dates, century
 *
 * Names of their columns and their codes are compared folded: without regard
 * to case and with every run of blanks as one. An unknown section key, a key
 * given twice that may stand once, and a bad value are errors with file and
 * line. Whether the names fit table and register is for plan.h to say.
 */
#ifndef SANGAM_MAP_H
#define SANGAM_MAP_H

#include "node/written.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"

enum {
    MAP_FROM_MAX = 8,  /* columns that make one value, or the key */
    MAP_WHERE_MAX = 4, /* further conditions of `find` */
    MAP_NO_TIME = -1,
};

enum map_person {
    MAP_NO_PERSON,
    MAP_PERSON_NUMBER,   /* a beneficiary number */
    MAP_PERSON_REGISTER, /* a number in a register of this site */
};

/* What is taken of a birth. */
enum map_part {
    MAP_ALL,
    MAP_YEAR,      /* of a day, or the year itself */
    MAP_AGE,       /* the same, or the year of birth of an age */
    MAP_PRECISION, /* how well that is known */
};

/* The text of a `from` or `key`: as it is written, and folded. */
struct map_name {
    char *text; /* owned, like the other */
    char *folded;
};

struct map_code {
    char *ours;   /* owned; "": nothing */
    char *theirs; /* owned, folded */
    char *shown;  /* owned; as it is written */
};

struct map_where {
    char *column; /* owned */
    char *value;  /* owned */
};

struct map_column {
    char *name; /* owned, like all text; of the table */
    int line;   /* of its section's first key */
    struct map_name from[MAP_FROM_MAX];
    size_t from_count;
    char *value; /* NULL: not a constant */
    char *empty; /* what an empty field stands for; NULL: nothing */
    struct map_code *codes;
    size_t code_count;
    char *list; /* ref_code.code_system; NULL: none */
    enum map_person person;
    char *person_register;
    char *find_table; /* NULL: nothing is looked up */
    char *find_column;
    char *of; /* NULL: what is looked up is the field */
    struct map_where where[MAP_WHERE_MAX];
    size_t where_count;
    struct written_number times;
    bool has_times;
    char *unit;
    int32_t time_s; /* of a day without one; MAP_NO_TIME: refused */
    bool takes_number;
    enum map_part part;
    struct map_name on; /* says when an age was written; .text NULL: on_day */
    char *on_day;       /* the same for all rows; NULL: `on` */
    int64_t on_day_number;
    struct written_days days;
    bool has_order; /* of its own */
    bool has_century;
};

struct map {
    char *path; /* owned, like all text; for errors */
    char *table;
    char *name;
    struct map_name key[MAP_FROM_MAX];
    size_t key_count;
    struct map_name ignored[COLUMNS_MAX];
    size_t ignored_count;
    int header;     /* line of the column names, from 1 */
    char separator; /* '\0': seen from the file */
    struct written_days days;
    struct map_column *columns;
    size_t column_count;
};

/* ERR_INPUT with "FILE:LINE: what is wrong". */
int map_read(const char *path, struct map **ret, struct err *e);
void map_destroy(struct map **m);

#endif
