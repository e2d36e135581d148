/* SPDX-License-Identifier: Apache-2.0 */
#include "node/map_inside.h"

#include "node/folded.h"
#include "node/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char register_section[] = "register";

/* --- values --------------------------------------------------------------- */

char *map_copy(const char *text, size_t len)
{
    char *copied = strndup(text, len);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

char *map_folded(const char *text, size_t len)
{
    struct bytes out = {0};
    folded_text((struct slice){(const uint8_t *)text, len}, &out);
    return (char *)out.data;
}

int map_set_once(char **place, const char *value, struct err *e)
{
    if (*place != NULL) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    *place = map_copy(value, strlen(value));
    return 0;
}

int map_add_name(struct map_name *names, size_t *count, size_t max,
                 const char *value, struct err *e)
{
    char *fold = map_folded(value, strlen(value));
    if (fold[0] == '\0') {
        free(fold);
        return err_set(e, ERR_INPUT, "names no column of the register");
    }
    if (*count == max) {
        free(fold);
        return err_set(e, ERR_LIMIT, "is given more than %zu times", max);
    }
    names[(*count)++] = (struct map_name){map_copy(value, strlen(value)), fold};
    return 0;
}

int map_set_dates(struct written_days *days, const char *value, struct err *e)
{
    return written_order_named(value, &days->order)
               ? 0
               : err_set(e, ERR_INPUT,
                         "'%s' is none of dd-mm-yyyy, mm-dd-yyyy, yyyy-mm-dd",
                         value);
}

int map_set_century(struct written_days *days, const char *value, struct err *e)
{
    if (strlen(value) != 4 || strspn(value, "0123456789") != 4 ||
        value[0] == '0') {
        return err_set(e, ERR_INPUT,
                       "'%s' is no first year of a hundred, such as 1930",
                       value);
    }
    days->century = (int)strtol(value, NULL, 10);
    return 0;
}

bool map_cut(const char *value, char **ret_left, const char **ret_right)
{
    const char *colon = strchr(value, ':');
    if (colon == NULL) {
        return false;
    }
    size_t len = (size_t)(colon - value);
    while (len > 0 && value[len - 1] == ' ') {
        len--;
    }
    *ret_left = map_copy(value, len);
    *ret_right = colon + 1 + strspn(colon + 1, " \t");
    return true;
}

void map_free_names(struct map_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i].text);
        free(names[i].folded);
    }
}

/* --- [register] ----------------------------------------------------------- */

static int take_table(struct map *m, const char *value, struct err *e)
{
    return map_set_once(&m->table, value, e);
}

static int take_name(struct map *m, const char *value, struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t len = strlen(value);
    if (len == 0 || len > SITE_BYTES_MAX || strspn(value, letters) != len) {
        return err_set(e, ERR_INPUT,
                       "'%s' is no name of small letters, digits and dashes",
                       value);
    }
    return map_set_once(&m->name, value, e);
}

static int take_key(struct map *m, const char *value, struct err *e)
{
    return map_add_name(m->key, &m->key_count, MAP_FROM_MAX, value, e);
}

static int take_ignore(struct map *m, const char *value, struct err *e)
{
    return map_add_name(m->ignored, &m->ignored_count, COLUMNS_MAX, value, e);
}

static int take_header(struct map *m, const char *value, struct err *e)
{
    size_t len = strlen(value);
    if (m->header != 0) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    if (len == 0 || len > 3 || strspn(value, "0123456789") != len ||
        (m->header = (int)strtol(value, NULL, 10)) == 0) {
        return err_set(e, ERR_INPUT, "'%s' is no line from 1 to 999", value);
    }
    return 0;
}

static int take_separator(struct map *m, const char *value, struct err *e)
{
    static const struct {
        const char *word;
        char separator;
    } words[] = {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}};

    if (m->separator != '\0') {
        return err_set(e, ERR_INPUT, "is given already");
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, value) == 0) {
            m->separator = words[i].separator;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "'%s' is none of comma, semicolon, tab",
                   value);
}

static int take_dates(struct map *m, const char *value, struct err *e)
{
    return map_set_dates(&m->days, value, e);
}

static int take_century(struct map *m, const char *value, struct err *e)
{
    return map_set_century(&m->days, value, e);
}

static const struct register_key {
    const char *name;
    int (*take)(struct map *m, const char *value, struct err *e);
} register_keys[] = {
    {"table", take_table},   {"name", take_name},
    {"key", take_key},       {"ignore", take_ignore},
    {"header", take_header}, {"separator", take_separator},
    {"dates", take_dates},   {"century", take_century},
};

/* --- reading -------------------------------------------------------------- */

static struct map_column *column_of(struct map *m,
                                    const struct section_line *line)
{
    for (size_t i = 0; i < m->column_count; i++) {
        if (strcmp(m->columns[i].name, line->section) == 0) {
            return &m->columns[i];
        }
    }
    if (m->column_count == COLUMNS_MAX) {
        return NULL;
    }
    m->columns =
        reallocarray(m->columns, m->column_count + 1, sizeof *m->columns);
    if (m->columns == NULL) {
        abort();
    }
    struct map_column *c = &m->columns[m->column_count++];
    *c = (struct map_column){
        .name = map_copy(line->section, strlen(line->section)),
        .line = line->line,
        .time_s = MAP_NO_TIME,
    };
    return c;
}

static int take_of_register(struct map *m, const struct section_line *line,
                            struct err *e)
{
    for (size_t i = 0; i < sizeof register_keys / sizeof register_keys[0];
         i++) {
        if (strcmp(register_keys[i].name, line->key) == 0) {
            return register_keys[i].take(m, line->value, e);
        }
    }
    return err_set(e, ERR_INPUT,
                   "is unknown; known in [register] are table, name, key, "
                   "ignore, header, separator, dates, century");
}

static int take_of_column(struct map *m, const struct section_line *line,
                          struct err *e)
{
    struct map_column *c = column_of(m, line);
    return c == NULL ? err_set(e, ERR_LIMIT, "is of a section too many")
                     : map_column_take(c, line->key, line->value, e);
}

static int take_line(struct map *m, const struct section_line *line,
                     struct err *e)
{
    int rc = line->section[0] == '\0'
                 ? err_set(e, ERR_INPUT,
                           "stands before the first section, [register]")
             : strcmp(line->section, register_section) == 0
                 ? take_of_register(m, line, e)
                 : take_of_column(m, line, e);
    if (rc == 0) {
        return 0;
    }
    struct err what = *e;
    return err_set(e, ERR_INPUT, "%s:%d: %.40s: %s", m->path, line->line,
                   line->key, what.text);
}

static int check_map(struct map *m, struct err *e)
{
    if (m->table == NULL || m->name == NULL) {
        return err_set(e, ERR_INPUT, "%s: [register] says %s; write %s",
                       m->path, m->table == NULL ? "no table" : "no name",
                       m->table == NULL
                           ? "table = TABLE"
                           : "name = what this register is called here");
    }
    for (size_t i = 0; i < m->column_count; i++) {
        struct map_column *c = &m->columns[i];
        const char *what = map_column_misfit(c);
        if (what != NULL) {
            return err_set(e, ERR_INPUT, "%s:%d: [%s] %s", m->path, c->line,
                           c->name, what);
        }
        if (!c->has_order) {
            c->days.order = m->days.order;
        }
        if (!c->has_century) {
            c->days.century = m->days.century;
        }
        if (c->on_day != NULL &&
            written_day(c->on_day, &c->days, &c->on_day_number, e) != 0) {
            return err_wrap(e, "%s:%d: [%s] on_day", m->path, c->line, c->name);
        }
    }
    return 0;
}

int map_read(const char *path, struct map **ret, struct err *e)
{
    struct sections s;
    struct map *m = calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    m->path = map_copy(path, strlen(path));
    int rc = sections_read(path, ERR_INPUT, &s, e);
    if (rc != 0) {
        map_destroy(&m);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < s.count; i++) {
        rc = take_line(m, &s.lines[i], e);
    }
    if (rc == 0 && s.wrong_at != 0) {
        rc = err_set(e, ERR_INPUT, "%s:%d: %s", path, s.wrong_at, s.wrong.text);
    }
    sections_free(&s);
    if (rc == 0) {
        rc = check_map(m, e);
    }
    if (rc != 0) {
        map_destroy(&m);
        return rc;
    }
    m->header = m->header == 0 ? 1 : m->header;
    *ret = m;
    return 0;
}

/* --- the end --------------------------------------------------------------- */

void map_destroy(struct map **m_p)
{
    struct map *m = *m_p;

    *m_p = NULL;
    if (m == NULL) {
        return;
    }
    map_free_names(m->key, m->key_count);
    map_free_names(m->ignored, m->ignored_count);
    for (size_t i = 0; i < m->column_count; i++) {
        map_column_free(&m->columns[i]);
    }
    free(m->columns);
    free(m->path);
    free(m->table);
    free(m->name);
    free(m);
}
