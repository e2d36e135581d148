/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Plan: how the fields of one register become the columns of one table: a
 * mapping file (map.h), or none when the header line names the columns of the
 * table themselves, held against the header line and the table (plan.c); and what
 * each row says by it (plan_row.c).
 */
#ifndef SANGAM_PLAN_H
#define SANGAM_PLAN_H

#include "node/csv.h"
#include "node/finder.h"
#include "node/target.h"
#include "node/zone.h"

struct plan_column {
    struct target_column *to;
    const struct map_column *map; /* borrowed; NULL: the field as it is */
    int fields[MAP_FROM_MAX];
    size_t field_count;
    int on;                   /* field that says when an age was written */
    struct target_column *of; /* NULL: what is looked up is the field */
    struct bytes text;        /* what the cell borrows */
};

struct plan {
    struct target *target; /* borrowed, like the others */
    const struct map *map; /* NULL: none */
    struct finder *finder;
    const struct zone *zone;
    const struct target_column *number; /* of a card, or NULL */
    struct plan_column columns[COLUMNS_MAX];
    size_t count;
    size_t field_count;
    bool nameless[COLUMNS_MAX]; /* fields whose column has no name */
    int key[MAP_FROM_MAX];      /* fields of the register's own key */
    const struct target_column *key_day[MAP_FROM_MAX]; /* the day it is, or
                                                          NULL */
};

/* Binds; the columns of the target learn where they come from. ERR_INPUT with
 * "FILE:LINE: what", of the register or of the mapping file. */
int plan_bind(struct plan *p, const char *path, const struct csv_row *header,
              struct err *e);
void plan_clear(struct plan *p);

/* The row has nothing in it. With a mapping such rows are left out: spreadsheets
 * end with hundreds of them. */
bool plan_is_blank(const struct plan *p, const struct csv_row *row);

/* Converts column `n` of the row into its cell: 1 done, 0 what is wrong is
 * `ret_why`; ERR_* of the database. In order: later columns look at earlier. */
int plan_convert(struct plan *p, size_t n, const struct csv_row *row,
                 struct err *ret_why, struct err *e);

/* The register's own key of the row at hand, which is converted: folded, days
 * as days however they are written, joined by '/', with an end; empty when it
 * has none or its fields are empty. */
void plan_key(const struct plan *p, const struct csv_row *row,
              struct bytes *out);

#endif
