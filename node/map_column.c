/* SPDX-License-Identifier: Apache-2.0 */
#include "node/map_inside.h"

#include <stdlib.h>
#include <string.h>

/* --- keys ----------------------------------------------------------------- */

static int take_from(struct map_column *c, const char *value, struct err *e)
{
    return map_add_name(c->from, &c->from_count, MAP_FROM_MAX, value, e);
}

static int take_value(struct map_column *c, const char *value, struct err *e)
{
    return map_set_once(&c->value, value, e);
}

static int take_empty(struct map_column *c, const char *value, struct err *e)
{
    return map_set_once(&c->empty, value, e);
}

static int add_code(struct map_column *c, const char *ours, const char *theirs,
                    size_t len, struct err *e)
{
    char *fold = map_folded(theirs, len);
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
    c->codes[c->code_count++] = (struct map_code){map_copy(ours, strlen(ours)),
                                                  fold, map_copy(theirs, len)};
    return 0;
}

/* "male: M | Male | पुरुष" */
static int take_code(struct map_column *c, const char *value, struct err *e)
{
    char *ours = NULL;
    const char *rest = NULL;
    int rc = 0;
    if (!map_cut(value, &ours, &rest)) {
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
    return map_set_once(&c->list, value, e);
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
    return map_set_once(&c->person_register, name, e);
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
    c->find_table = map_copy(value, (size_t)(dot - value));
    c->find_column = map_copy(dot + 1, strlen(dot + 1));
    return 0;
}

static int take_of(struct map_column *c, const char *value, struct err *e)
{
    return map_set_once(&c->of, value, e);
}

static int take_where(struct map_column *c, const char *value, struct err *e)
{
    char *left = NULL;
    const char *right = NULL;
    if (c->where_count == MAP_WHERE_MAX) {
        return err_set(e, ERR_LIMIT, "is given more than %d times",
                       (int)MAP_WHERE_MAX);
    }
    if (!map_cut(value, &left, &right)) {
        return err_set(e, ERR_INPUT,
                       "'%s' is not COLUMN: VALUE, such as programme: OOAT",
                       value);
    }
    c->where[c->where_count++] =
        (struct map_where){left, map_copy(right, strlen(right))};
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
    return map_set_once(&c->unit, value, e);
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
    return map_add_name(&c->on, &count, 1, value, e);
}

/* Read when it is known how days are written. */
static int take_on_day(struct map_column *c, const char *value, struct err *e)
{
    return map_set_once(&c->on_day, value, e);
}

static int take_own_dates(struct map_column *c, const char *value,
                          struct err *e)
{
    c->has_order = true;
    return map_set_dates(&c->days, value, e);
}

static int take_own_century(struct map_column *c, const char *value,
                            struct err *e)
{
    c->has_century = true;
    return map_set_century(&c->days, value, e);
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

int map_column_take(struct map_column *c, const char *key, const char *value,
                    struct err *e)
{
    for (size_t i = 0; i < sizeof column_keys / sizeof column_keys[0]; i++) {
        if (strcmp(column_keys[i].name, key) == 0) {
            return column_keys[i].take(c, value, e);
        }
    }
    return err_set(
        e, ERR_INPUT,
        "is unknown; known for a column are from, value, empty, "
        "code, list, person, find, of, where, times, unit, part, on, "
        "on_day, time, new, dates, century");
}

/* --- the whole section ------------------------------------------------------ */

const char *map_column_misfit(const struct map_column *c)
{
    int sources = (c->from_count > 0) + (c->value != NULL) + (c->of != NULL);
    int lookups = (c->person != MAP_NO_PERSON) + (c->find_table != NULL) +
                  (c->list != NULL);
    int days = (c->on.text != NULL) + (c->on_day != NULL);
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
    if (days != (c->part == MAP_AGE)) {
        return "part = age and one of on = (a column that says when the age "
               "was written) and on_day = (a day) belong together";
    }
    return NULL;
}

void map_column_free(struct map_column *c)
{
    map_free_names(c->from, c->from_count);
    map_free_names(&c->on, c->on.text != NULL);
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
