/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Projection: writing merged rows into the tables that people read. It can
 * fail where merging cannot (a CHECK, a type); then the row keeps its last
 * good form, and the caller marks it. Of a broken table (store/manifest.h) no
 * row is there, and none is written.
 */
#ifndef SANGAM_PROJECT_H
#define SANGAM_PROJECT_H

#include "store/manifest.h"

struct projector;

struct projector *projector_new(struct database *db);
/* Reads which rows programs want to hear of (feed.h); at the start of each
 * transaction. */
int projector_start(struct projector *p, struct err *e);
/* A program wrote this row, and the node signs it. */
int projector_note(struct projector *p, const struct table *t,
                   const struct value *key, struct err *e);
void projector_destroy(struct projector **p);

enum project_verb {
    PROJECT_INSERT, /* nothing happens to a key that exists */
    PROJECT_UPSERT,
    PROJECT_UPDATE,
};

/* Some cells of one row, ascending by column. */
struct projection {
    const struct table *table;
    const struct value *key;
    size_t count;
    const struct column *columns[COLUMNS_MAX];
    const struct value *values[COLUMNS_MAX];
};

/* *ret_written: a row was touched. ERR_INPUT: the table does not take it, and
 * `e` says why; nothing happened. */
int projector_write(struct projector *p, enum project_verb verb,
                    const struct projection *row, bool *ret_written,
                    struct err *e);
int projector_delete(struct projector *p, const struct table *t,
                     const struct value *key, struct err *e);
/* The cells of a row by index of table->columns, borrowed until the next call:
 * 1 there, 0 not. */
int projector_read(struct projector *p, const struct table *t,
                   const struct value *key, struct value cells[COLUMNS_MAX],
                   struct err *e);

#endif
