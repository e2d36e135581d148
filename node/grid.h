/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Grid: a table for people on standard output, each column as wide as its
 * widest cell.
 */
#ifndef SANGAM_GRID_H
#define SANGAM_GRID_H

#include <stddef.h>

struct grid;

/* The titles are borrowed and outlive the grid. */
struct grid *grid_new(const char *const *titles, size_t columns);
void grid_destroy(struct grid **g);

/* The next cell, row by row; control characters become '?'. */
void grid_put(struct grid *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints titles and rows. */
void grid_print(const struct grid *g);

#endif
