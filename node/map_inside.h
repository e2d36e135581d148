/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Inside a map, for the files that implement map.h:
 *
 *   map.c         the file, and its section [register]
 *   map_column.c  a section [COLUMN]
 */
#ifndef SANGAM_MAP_INSIDE_H
#define SANGAM_MAP_INSIDE_H

#include "node/map.h"

/* --- a section [COLUMN] --- */

/* A line of it. ERR_INPUT, ERR_LIMIT: what is wrong with the value. */
int map_column_take(struct map_column *c, const char *key, const char *value,
                    struct err *e);
/* What is wrong with the section as a whole; NULL: nothing. */
const char *map_column_misfit(const struct map_column *c);
/* What the section owns. */
void map_column_free(struct map_column *c);

/* --- values of either section; texts that are given are the caller's --- */

char *map_copy(const char *text, size_t len);
char *map_folded(const char *text, size_t len);
/* A place for one text that may be given once. */
int map_set_once(char **place, const char *value, struct err *e);
/* One more of `max` names of their columns. */
int map_add_name(struct map_name *names, size_t *count, size_t max,
                 const char *value, struct err *e);
void map_free_names(struct map_name *names, size_t count);
int map_set_dates(struct written_days *days, const char *value, struct err *e);
int map_set_century(struct written_days *days, const char *value,
                    struct err *e);
/* Cuts "left: right" at the first colon; both without blanks around. The right
 * part borrows from the value. */
bool map_cut(const char *value, char **ret_left, const char **ret_right);

#endif
