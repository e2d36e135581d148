/* SPDX-License-Identifier: Apache-2.0 */
#include "node/map.h"

#include "node/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char register_section[] = "register";

static char *copy(const char *text, size_t len)
{
    char *copied = strndup(text, len);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

/* --- folding -------------------------------------------------------------- */

/* Bytes of a blank that begins here: a space, a line break, or the space that
 * spreadsheets do not break at (U+00A0). */
static size_t blank(const uint8_t *at, size_t left)
{
    if (left >= 2 && at[0] == 0xc2 && at[1] == 0xa0) {
        return 2; /* U+00A0 */
    }
    return left >= 1 && (at[0] == ' ' || (at[0] >= '\t' && at[0] <= '\r'));
}

struct slice map_trim(struct slice text)
{
    size_t skip = 0;
    while ((skip = blank(text.data, text.len)) > 0) {
        text.data += skip;
        text.len -= skip;
    }
    while (text.len > 0) {
        const uint8_t *end = text.data + text.len;
        size_t last = text.len >= 2 ? blank(end - 2, 2) : 0;
        last = last == 2 ? 2 : blank(end - 1, 1);
        if (last == 0) {
            break;
        }
        text.len -= last;
    }
    return text;
}

void map_fold(struct slice text, struct bytes *out)
{
    bool parted = false;

    bytes_clear(out);
    for (size_t i = 0; i < text.len;) {
        size_t skip = blank(text.data + i, text.len - i);
        if (skip > 0) {
            parted = out->len > 0;
            i += skip;
            continue;
        }
        if (parted) {
            bytes_put_u8(out, ' ');
            parted = false;
        }
        uint8_t c = text.data[i++];
        bytes_put_u8(out, c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c);
    }
    bytes_put_u8(out, '\0');
}

static char *folded(const char *text, size_t len)
{
    struct bytes out = {0};
    map_fold((struct slice){(const uint8_t *)text, len}, &out);
    return (char *)out.data;
}

/* --- values --------------------------------------------------------------- */

/* A place for one text that may be given once. */
static int set_once(char **place, const char *value, struct err *e)
{
    if (*place != NULL) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    *place = copy(value, strlen(value));
    return 0;
}

static int add_name(struct map_name *names, size_t *count, size_t max,
                    const char *value, struct err *e)
{
    char *fold = folded(value, strlen(value));
    if (fold[0] == '\0') {
        free(fold);
        return err_set(e, ERR_INPUT, "names no column of the register");
    }
    if (*count == max) {
        free(fold);
        return err_set(e, ERR_LIMIT, "is given more than %zu times", max);
    }
    names[(*count)++] = (struct map_name){copy(value, strlen(value)), fold};
    return 0;
}

static int set_dates(struct written_days *days, const char *value,
                     struct err *e)
{
    return written_order_named(value, &days->order)
               ? 0
               : err_set(e, ERR_INPUT,
                         "'%s' is none of dd-mm-yyyy, mm-dd-yyyy, yyyy-mm-dd",
                         value);
}

static int set_century(struct written_days *days, const char *value,
                       struct err *e)
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

/* Cuts "left: right" at the first colon; both without blanks around. */
static bool cut(const char *value, char **ret_left, const char **ret_right)
{
    const char *colon = strchr(value, ':');
    if (colon == NULL) {
        return false;
    }
    size_t len = (size_t)(colon - value);
    while (len > 0 && value[len - 1] == ' ') {
        len--;
    }
    *ret_left = copy(value, len);
    *ret_right = colon + 1 + strspn(colon + 1, " \t");
    return true;
}

/* --- [register] ----------------------------------------------------------- */

static int take_table(struct map *m, const char *value, struct err *e)
{
    return set_once(&m->table, value, e);
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
    return set_once(&m->name, value, e);
}

static int take_key(struct map *m, const char *value, struct err *e)
{
    return add_name(m->key, &m->key_count, MAP_FROM_MAX, value, e);
}

static int take_ignore(struct map *m, const char *value, struct err *e)
{
    return add_name(m->ignored, &m->ignored_count, COLUMNS_MAX, value, e);
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
    return set_dates(&m->days, value, e);
}

static int take_century(struct map *m, const char *value, struct err *e)
{
    return set_century(&m->days, value, e);
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

/* --- [COLUMN] ------------------------------------------------------------- */

static int take_from(struct map_column *c, const char *value, struct err *e)
{
    return add_name(c->from, &c->from_count, MAP_FROM_MAX, value, e);
}

static int take_value(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->value, value, e);
}

static int take_empty(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->empty, value, e);
}

static int add_code(struct map_column *c, const char *ours, const char *theirs,
                    size_t len, struct err *e)
{
    char *fold = folded(theirs, len);
    for (size_t i = 0; i < c->code_count; i++) {
        if (strcmp(c->codes[i].theirs, fold) == 0) {
            free(fold);
            return err_set(e, ERR_INPUT, "'%.*s' stands for '%.60s' already",
                           (int)len, theirs, c->codes[i].ours);
        }
    }
    if (fold[0] == '\0' || c->code_count == REGISTER_CODES_MAX) {
        int rc = fold[0] == '\0'
                     ? err_set(e, ERR_INPUT,
                               "has an empty code; what an empty field stands "
                               "for is said by empty =")
                     : err_set(e, ERR_LIMIT, "more than %d codes",
                               (int)REGISTER_CODES_MAX);
        free(fold);
        return rc;
    }
    c->codes = reallocarray(c->codes, c->code_count + 1, sizeof *c->codes);
    if (c->codes == NULL) {
        abort();
    }
    c->codes[c->code_count++] =
        (struct map_code){copy(ours, strlen(ours)), fold, copy(theirs, len)};
    return 0;
}

/* "male: M | Male | पुरुष" */
static int take_code(struct map_column *c, const char *value, struct err *e)
{
    char *ours = NULL;
    const char *rest = NULL;
    int rc = 0;
    if (!cut(value, &ours, &rest)) {
        return err_set(e, ERR_INPUT,
                       "'%s' is not OURS: THEIRS | THEIRS, such as male: M | "
                       "Male",
                       value);
    }
    while (rc == 0 && rest != NULL) {
        const char *bar = strchr(rest, '|');
        size_t len = bar != NULL ? (size_t)(bar - rest) : strlen(rest);
        while (len > 0 && rest[len - 1] == ' ') {
            len--;
        }
        rc = add_code(c, ours, rest, len, e);
        rest = bar != NULL ? bar + 1 + strspn(bar + 1, " \t") : NULL;
    }
    free(ours);
    return rc;
}

static int take_list(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->list, value, e);
}

static int take_person(struct map_column *c, const char *value, struct err *e)
{
    static const char word[] = "register ";
    if (c->person != MAP_NO_PERSON) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    if (strcmp(value, "number") == 0) {
        c->person = MAP_PERSON_NUMBER;
        return 0;
    }
    const char *name = value + strlen(word);
    if (strncmp(value, word, strlen(word)) != 0 || name[0] == '\0') {
        return err_set(e, ERR_INPUT, "'%s' is neither number nor register NAME",
                       value);
    }
    c->person = MAP_PERSON_REGISTER;
    return set_once(&c->person_register, name, e);
}

static int take_find(struct map_column *c, const char *value, struct err *e)
{
    const char *dot = strchr(value, '.');
    if (c->find_table != NULL) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    if (dot == NULL || dot == value || dot[1] == '\0') {
        return err_set(e, ERR_INPUT,
                       "'%s' is not TABLE.COLUMN, such as peer_group.name",
                       value);
    }
    c->find_table = copy(value, (size_t)(dot - value));
    c->find_column = copy(dot + 1, strlen(dot + 1));
    return 0;
}

static int take_of(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->of, value, e);
}

static int take_where(struct map_column *c, const char *value, struct err *e)
{
    char *left = NULL;
    const char *right = NULL;
    if (c->where_count == MAP_WHERE_MAX) {
        return err_set(e, ERR_LIMIT, "is given more than %d times",
                       (int)MAP_WHERE_MAX);
    }
    if (!cut(value, &left, &right)) {
        return err_set(e, ERR_INPUT,
                       "'%s' is not COLUMN: VALUE, such as programme: OOAT",
                       value);
    }
    c->where[c->where_count++] =
        (struct map_where){left, copy(right, strlen(right))};
    return 0;
}

static int take_times(struct map_column *c, const char *value, struct err *e)
{
    if (c->has_times) {
        return err_set(e, ERR_INPUT, "is given already");
    }
    c->has_times = true;
    return written_number(value, NULL, &c->times, e);
}

static int take_unit(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->unit, value, e);
}

static int take_time(struct map_column *c, const char *value, struct err *e)
{
    return written_time(value, &c->time_s, e);
}

static int take_new(struct map_column *c, const char *value, struct err *e)
{
    c->takes_number = strcmp(value, "number") == 0;
    return c->takes_number ? 0
                           : err_set(e, ERR_INPUT, "'%s' is not number", value);
}

static int take_part(struct map_column *c, const char *value, struct err *e)
{
    static const char *const parts[] = {
        [MAP_YEAR] = "year", [MAP_AGE] = "age", [MAP_PRECISION] = "precision"};
    for (enum map_part i = MAP_YEAR; i <= MAP_PRECISION; i++) {
        if (strcmp(parts[i], value) == 0) {
            c->part = i;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "'%s' is none of year, age, precision", value);
}

static int take_on(struct map_column *c, const char *value, struct err *e)
{
    size_t count = c->on.text != NULL;
    return add_name(&c->on, &count, 1, value, e);
}

/* Read when it is known how days are written. */
static int take_on_day(struct map_column *c, const char *value, struct err *e)
{
    return set_once(&c->on_day, value, e);
}

static int take_own_dates(struct map_column *c, const char *value,
                          struct err *e)
{
    c->has_order = true;
    return set_dates(&c->days, value, e);
}

static int take_own_century(struct map_column *c, const char *value,
                            struct err *e)
{
    c->has_century = true;
    return set_century(&c->days, value, e);
}

static const struct column_key {
    const char *name;
    int (*take)(struct map_column *c, const char *value, struct err *e);
} column_keys[] = {
    {"from", take_from},       {"value", take_value},
    {"empty", take_empty},     {"code", take_code},
    {"list", take_list},       {"person", take_person},
    {"find", take_find},       {"of", take_of},
    {"where", take_where},     {"times", take_times},
    {"unit", take_unit},       {"time", take_time},
    {"new", take_new},         {"part", take_part},
    {"on", take_on},           {"on_day", take_on_day},
    {"dates", take_own_dates}, {"century", take_own_century},
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
        .name = copy(line->section, strlen(line->section)),
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
    if (c == NULL) {
        return err_set(e, ERR_LIMIT, "is of a section too many");
    }
    for (size_t i = 0; i < sizeof column_keys / sizeof column_keys[0]; i++) {
        if (strcmp(column_keys[i].name, line->key) == 0) {
            return column_keys[i].take(c, line->value, e);
        }
    }
    return err_set(
        e, ERR_INPUT,
        "is unknown; known for a column are from, value, empty, "
        "code, list, person, find, of, where, times, unit, part, on, "
        "on_day, time, new, dates, century");
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

/* --- what belongs together ------------------------------------------------- */

/* What is wrong with a section as a whole; NULL: nothing. */
static const char *misfit(const struct map_column *c)
{
    int sources = (c->from_count > 0) + (c->value != NULL) + (c->of != NULL);
    int lookups = (c->person != MAP_NO_PERSON) + (c->find_table != NULL) +
                  (c->list != NULL);
    if (sources == 0 && !c->takes_number) {
        return "says neither from = (a column of the register) nor value = "
               "(for all rows)";
    }
    if (sources > 1) {
        return "takes one of from, value and of";
    }
    if (lookups > 1) {
        return "takes one of person, find and list";
    }
    if (c->find_table == NULL && (c->of != NULL || c->where_count > 0)) {
        return "of and where belong to find = TABLE.COLUMN";
    }
    if (c->value != NULL && (c->code_count > 0 || c->has_times ||
                             c->empty != NULL || c->takes_number)) {
        return "a value for all rows is written as the table wants it";
    }
    if ((lookups > 0 || c->part != MAP_ALL) && c->has_times) {
        return "times is for numbers, and not for what is looked up or a year";
    }
    if ((c->part == MAP_AGE) != ((c->on.text != NULL) != (c->on_day != NULL))) {
        return "part = age and one of on = (a column that says when the age "
               "was written) and on_day = (a day) belong together";
    }
    return NULL;
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
        const char *what = misfit(c);
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
    m->path = copy(path, strlen(path));
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

static void free_names(struct map_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i].text);
        free(names[i].folded);
    }
}

static void free_column(struct map_column *c)
{
    free_names(c->from, c->from_count);
    free_names(&c->on, c->on.text != NULL);
    free(c->on_day);
    for (size_t i = 0; i < c->code_count; i++) {
        free(c->codes[i].ours);
        free(c->codes[i].theirs);
        free(c->codes[i].shown);
    }
    for (size_t i = 0; i < c->where_count; i++) {
        free(c->where[i].column);
        free(c->where[i].value);
    }
    free(c->codes);
    free(c->name);
    free(c->value);
    free(c->empty);
    free(c->list);
    free(c->person_register);
    free(c->find_table);
    free(c->find_column);
    free(c->of);
    free(c->unit);
}

void map_destroy(struct map **m_p)
{
    struct map *m = *m_p;

    *m_p = NULL;
    if (m == NULL) {
        return;
    }
    free_names(m->key, m->key_count);
    free_names(m->ignored, m->ignored_count);
    for (size_t i = 0; i < m->column_count; i++) {
        free_column(&m->columns[i]);
    }
    free(m->columns);
    free(m->path);
    free(m->table);
    free(m->name);
    free(m);
}
