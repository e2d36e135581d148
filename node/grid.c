/* SPDX-License-Identifier: Apache-2.0 */
#include "node/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_TEXT_BYTES = 512 };

struct grid {
    const char *const *titles;
    size_t columns;
    char **cells; /* owned, row by row */
    size_t count;
};

struct grid *grid_new(const char *const *titles, size_t columns)
{
    struct grid *g = calloc(1, sizeof *g);
    if (g == NULL) {
        abort();
    }
    g->titles = titles;
    g->columns = columns;
    return g;
}

void grid_destroy(struct grid **g)
{
    struct grid *old = *g;
    *g = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->count; i++) {
        free(old->cells[i]);
    }
    free(old->cells);
    free(old);
}

void grid_put(struct grid *g, const char *format, ...)
{
    char text[CELL_TEXT_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    g->cells = realloc(g->cells, (g->count + 1) * sizeof *g->cells);
    if (g->cells == NULL || (g->cells[g->count] = strdup(text)) == NULL) {
        abort();
    }
    g->count++;
}

/* Characters, as far as UTF-8 tells. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void print_cell(const struct grid *g, size_t column, size_t width,
                       const char *text)
{
    bool last = column + 1 == g->columns;
    size_t pad = last ? 0 : width + 2 - width_of(text);
    printf("%s%*s%s", text, (int)pad, "", last ? "\n" : "");
}

void grid_print(const struct grid *g)
{
    size_t *widths = calloc(g->columns, sizeof *widths);
    assert(g->count % g->columns == 0);
    if (widths == NULL) {
        abort();
    }
    for (size_t i = 0; i < g->columns; i++) {
        widths[i] = width_of(g->titles[i]);
    }
    for (size_t i = 0; i < g->count; i++) {
        size_t width = width_of(g->cells[i]);
        size_t *widest = &widths[i % g->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < g->columns; i++) {
        print_cell(g, i, widths[i], g->titles[i]);
    }
    for (size_t i = 0; i < g->count; i++) {
        print_cell(g, i % g->columns, widths[i % g->columns], g->cells[i]);
    }
    free(widths);
}
