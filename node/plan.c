/* SPDX-License-Identifier: Apache-2.0 */
#include "node/plan.h"

#include "node/folded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- binding: without a mapping -------------------------------------------- */

static int fail_header(const char *path, const struct csv_row *row,
                       size_t field, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s:%llu:%zu: '%.60s' %s", path,
                   (unsigned long long)row->line, field + 1,
                   row->fields[field].data, what);
}

/* It is shown in errors: no control characters, and UTF-8. */
static int check_name(const char *path, const struct csv_row *row, size_t field,
                      struct err *e)
{
    struct cell ignored;
    struct err wrong;
    if (cell_parse(CELL_TEXT, &row->fields[field], &ignored, &wrong) != 0) {
        return err_set(e, ERR_INPUT, "%s:%llu:%zu: %s", path,
                       (unsigned long long)row->line, field + 1, wrong.text);
    }
    return 0;
}

static int bind_plain_field(struct plan *p, const char *path,
                            const struct csv_row *row, size_t field,
                            struct err *e)
{
    char what[128];

    if (row->fields[field].len == 0) {
        return fail_header(path, row, field, "names no column", e);
    }
    int rc = check_name(path, row, field, e);
    if (rc != 0) {
        return rc;
    }
    struct target_column *c =
        target_column_named(p->target, row->fields[field].data);
    if (c == NULL) {
        (void)snprintf(what, sizeof what, "is no column of %s",
                       p->target->table);
        return fail_header(path, row, field, what, e);
    }
    if (c->field != TARGET_NO_FIELD) {
        (void)snprintf(what, sizeof what, "is the name of field %d already",
                       c->field + 1);
        return fail_header(path, row, field, what, e);
    }
    if (c->form == CELL_NONE) {
        return fail_header(path, row, field, "cannot be given in a text file",
                           e);
    }
    c->field = (int)field;
    c->used = true;
    p->columns[p->count++] =
        (struct plan_column){.to = c, .fields = {(int)field}, .field_count = 1};
    return 0;
}

/* --- binding: with a mapping ------------------------------------------------ */

/* The header line, folded once. */
struct header {
    const char *path;
    const struct csv_row *row;
    char *names[COLUMNS_MAX]; /* owned */
    bool taken[COLUMNS_MAX];  /* something speaks of it */
};

static int fail_map(const struct plan *p, const struct map_column *c,
                    const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s:%d: [%s] %s", p->map->path, c->line,
                   c->name, what);
}

/* The field of a name: ERR_INPUT when there is none or there are two. */
static int field_of(const struct plan *p, struct header *h,
                    const struct map_name *name, int *ret, struct err *e)
{
    *ret = TARGET_NO_FIELD;
    for (size_t i = 0; i < p->field_count; i++) {
        if (strcmp(h->names[i], name->folded) != 0) {
            continue;
        }
        if (*ret != TARGET_NO_FIELD) {
            return err_set(e, ERR_INPUT,
                           "%s:%llu: columns %d and %zu are both called "
                           "'%.60s': rename one",
                           h->path, (unsigned long long)h->row->line, *ret + 1,
                           i + 1, name->text);
        }
        *ret = (int)i;
        h->taken[i] = true;
    }
    return *ret != TARGET_NO_FIELD
               ? 0
               : err_set(e, ERR_INPUT,
                         "%s:%llu: has no column '%.60s', which %s speaks of",
                         h->path, (unsigned long long)h->row->line, name->text,
                         p->map->path);
}

/* "'Dose (mg)' (daily_dose_mcg)": their name and ours. */
static void show_both(struct target_column *to, const char *theirs)
{
    char *shown = NULL;
    if (asprintf(&shown, "'%.80s' (%s)", theirs, to->name) < 0) {
        abort();
    }
    free(to->shown);
    to->shown = shown;
}

/* The column of beneficiary numbers; NULL: the table has none. */
static const struct target_column *number_of(struct target *t)
{
    return strcmp(t->table, "person") == 0
               ? target_column_named(t, "beneficiary_no")
               : NULL;
}

static int check_column(const struct plan *p, const struct map_column *c,
                        const struct target_column *to, struct err *e)
{
    char what[128];
    if (to == NULL) {
        (void)snprintf(what, sizeof what, "is no column of %s",
                       p->target->table);
        return fail_map(p, c, what, e);
    }
    if (to->form == CELL_NONE) {
        return fail_map(p, c, "cannot be given in a text file", e);
    }
    if (c->takes_number && to != p->number) {
        return fail_map(p, c, "new = number is for person.beneficiary_no", e);
    }
    if ((c->part == MAP_YEAR || c->part == MAP_AGE) &&
        to->form != CELL_INTEGER) {
        return fail_map(
            p, c, "part = year and part = age are for columns of whole numbers",
            e);
    }
    if (c->part == MAP_PRECISION && to->form != CELL_TEXT) {
        return fail_map(p, c, "part = precision is for columns of text", e);
    }
    if (c->has_times && to->form != CELL_INTEGER && to->form != CELL_REAL) {
        return fail_map(p, c, "times is for columns of numbers", e);
    }
    return 0;
}

static int bind_column(struct plan *p, struct header *h,
                       const struct map_column *c, struct err *e)
{
    struct plan_column *pc = &p->columns[p->count];
    struct target_column *to = target_column_named(p->target, c->name);
    int rc = check_column(p, c, to, e);
    if (rc == 0) {
        rc = finder_check(p->finder, c, e);
        if (rc != 0) {
            return err_wrap(e, "%s:%d", p->map->path, c->line);
        }
    }
    *pc = (struct plan_column){.to = to, .map = c, .on = TARGET_NO_FIELD};
    for (size_t i = 0; rc == 0 && i < c->from_count; i++) {
        rc = field_of(p, h, &c->from[i], &pc->fields[pc->field_count++], e);
    }
    if (rc == 0 && c->on.text != NULL) {
        rc = field_of(p, h, &c->on, &pc->on, e);
    }
    if (rc == 0 && c->of != NULL) {
        pc->of = target_column_named(p->target, c->of);
        rc = pc->of == NULL || !pc->of->used
                 ? fail_map(p, c, "of = names no column that is filled before",
                            e)
                 : 0;
    }
    if (rc != 0) {
        return rc;
    }
    if (pc->field_count > 0) {
        to->field = pc->fields[0];
        show_both(to, c->from[0].text);
    }
    to->used = true;
    p->count++;
    return 0;
}

/* Columns of the table that nothing fills yet, for the error. */
static void list_free(const struct target *t, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < t->count && used < size; i++) {
        if (!t->columns[i].used && t->columns[i].form != CELL_NONE) {
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     used > 0 ? ", " : "", t->columns[i].name);
        }
    }
}

/* Every column of the register is mapped or ignored, or the line says so. */
static int check_fields(struct plan *p, struct header *h, struct err *e)
{
    char could[256];
    for (size_t i = 0; i < p->map->ignored_count; i++) {
        for (size_t n = 0; n < p->field_count; n++) {
            h->taken[n] = h->taken[n] ||
                          strcmp(h->names[n], p->map->ignored[i].folded) == 0;
        }
    }
    for (size_t n = 0; n < p->field_count; n++) {
        p->nameless[n] = h->names[n][0] == '\0';
        if (h->taken[n] || p->nameless[n]) {
            continue;
        }
        list_free(p->target, could, sizeof could);
        return err_set(e, ERR_INPUT,
                       "%s:%llu:%zu: %s says nothing of '%.60s': write ignore "
                       "= %.60s, or from = %.60s in the section of one of: %s",
                       h->path, (unsigned long long)h->row->line, n + 1,
                       p->map->path, h->row->fields[n].data,
                       h->row->fields[n].data, h->row->fields[n].data, could);
    }
    return 0;
}

/* The column that has this field, and no other, as a day. */
static const struct target_column *day_of_field(const struct plan *p, int field)
{
    for (size_t n = 0; n < p->count; n++) {
        const struct plan_column *pc = &p->columns[n];
        if (pc->field_count == 1 && pc->fields[0] == field &&
            pc->to->form == CELL_DAY) {
            return pc->to;
        }
    }
    return NULL;
}

static int bind_map(struct plan *p, struct header *h, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->field_count; i++) {
        const struct csv_field *field = &h->row->fields[i];
        struct bytes name = {0};
        rc = check_name(h->path, h->row, i, e);
        folded_text((struct slice){(const uint8_t *)field->data, field->len},
                    &name);
        h->names[i] = (char *)name.data;
    }
    /* what is looked up by another column comes after it */
    for (int later = 0; later < 2; later++) {
        for (size_t i = 0; rc == 0 && i < p->map->column_count; i++) {
            const struct map_column *c = &p->map->columns[i];
            if ((c->of != NULL) == (later == 1)) {
                rc = bind_column(p, h, c, e);
            }
        }
    }
    for (size_t i = 0; rc == 0 && i < p->map->key_count; i++) {
        rc = field_of(p, h, &p->map->key[i], &p->key[i], e);
        p->key_day[i] = day_of_field(p, p->key[i]);
    }
    return rc == 0 ? check_fields(p, h, e) : rc;
}

/* --- binding ---------------------------------------------------------------- */

static int check_required(const struct plan *p, const char *path,
                          const struct csv_row *header, struct err *e)
{
    for (size_t n = 0; n < p->target->count; n++) {
        const struct target_column *c = &p->target->columns[n];
        if (!c->required || c->used) {
            continue;
        }
        if (p->map != NULL) {
            return err_set(e, ERR_INPUT,
                           "%s: a section [%s] is missing; %s cannot do "
                           "without it",
                           p->map->path, c->name, p->target->table);
        }
        return err_set(e, ERR_INPUT,
                       "%s:%llu: column %s is missing; %s cannot do without it",
                       path, (unsigned long long)header->line, c->name,
                       p->target->table);
    }
    return 0;
}

int plan_bind(struct plan *p, const char *path, const struct csv_row *header,
              struct err *e)
{
    struct header h = {.path = path, .row = header};
    int rc = 0;

    if (header->count > COLUMNS_MAX ||
        (p->map == NULL && header->count > p->target->count)) {
        return err_set(e, ERR_INPUT, "%s:%llu: has %zu columns, %s has %zu",
                       path, (unsigned long long)header->line, header->count,
                       p->target->table, p->target->count);
    }
    p->field_count = header->count;
    if (p->map != NULL) {
        p->number = number_of(p->target);
        rc = bind_map(p, &h, e);
    }
    for (size_t n = 0; p->map == NULL && rc == 0 && n < header->count; n++) {
        rc = bind_plain_field(p, path, header, n, e);
    }
    for (size_t n = 0; n < COLUMNS_MAX; n++) {
        free(h.names[n]);
    }
    return rc == 0 ? check_required(p, path, header, e) : rc;
}

void plan_clear(struct plan *p)
{
    for (size_t n = 0; n < p->count; n++) {
        bytes_free(&p->columns[n].text);
    }
    p->count = 0;
}
