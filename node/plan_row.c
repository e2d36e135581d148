/* SPDX-License-Identifier: Apache-2.0 */
#include "node/plan.h"

#include "node/folded.h"
#include "protocol/instant.h"
#include "protocol/number.h"

#include <stdio.h>
#include <string.h>

/* --- fields ----------------------------------------------------------------- */

static void put_text(struct bytes *out, const char *text)
{
    bytes_clear(out);
    bytes_put(out, text, strlen(text) + 1);
}

static struct slice trimmed(const struct csv_field *field)
{
    return folded_trim(
        (struct slice){(const uint8_t *)field->data, field->len});
}

bool plan_is_blank(const struct plan *p, const struct csv_row *row)
{
    for (size_t i = 0; i < row->kept; i++) {
        if (p->map == NULL || trimmed(&row->fields[i]).len > 0) {
            return false;
        }
    }
    return true;
}

/* The fields without blanks around them, joined by one. 0: a field is no text;
 * `ret_why` says why. */
static int gather(struct plan_column *pc, const struct csv_row *row,
                  struct err *ret_why)
{
    struct cell ignored;

    bytes_clear(&pc->text);
    for (size_t i = 0; i < pc->field_count; i++) {
        const struct csv_field *field = &row->fields[pc->fields[i]];
        if (cell_parse(CELL_TEXT, field, &ignored, ret_why) != 0) {
            return 0;
        }
        struct slice text = trimmed(field);
        if (text.len > 0 && pc->text.len > 0) {
            bytes_put_u8(&pc->text, ' ');
        }
        if (text.len > 0) {
            bytes_put(&pc->text, text.data, text.len);
        }
    }
    bytes_put_u8(&pc->text, '\0');
    return 1;
}

void plan_key(const struct plan *p, const struct csv_row *row,
              struct bytes *out)
{
    struct bytes part = {0};
    bool any = false;

    bytes_clear(out);
    for (size_t i = 0; p->map != NULL && i < p->map->key_count; i++) {
        const struct csv_field *field = &row->fields[p->key[i]];
        const struct slice text = {(const uint8_t *)field->data, field->len};
        const struct target_column *day = p->key_day[i];
        bool is_day = day != NULL && day->cell.value.type == VALUE_TEXT;
        folded_text(is_day ? day->cell.value.bytes : text, &part);
        if (i > 0) {
            bytes_put_u8(out, '/');
        }
        bytes_put(out, part.data, part.len - 1);
        any = any || part.len > 1;
    }
    if (!any) {
        bytes_clear(out);
    }
    bytes_put_u8(out, '\0');
    bytes_free(&part);
}

/* --- codes ------------------------------------------------------------------ */

static int no_code(const struct map_column *c, const char *text,
                   struct err *ret_why)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < c->code_count && used < sizeof known; i++) {
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 used > 0 ? ", " : "", c->codes[i].shown);
    }
    (void)err_set(ret_why, ERR_INPUT, "'%.60s' is none of %s", text, known);
    return 0;
}

/* What theirs stands for; what is ours already stays. NULL: nothing known. */
static const char *ours_of(const struct map_column *c, const char *theirs,
                           const char *text)
{
    for (size_t i = 0; i < c->code_count; i++) {
        if (strcmp(c->codes[i].theirs, theirs) == 0) {
            return c->codes[i].ours;
        }
    }
    for (size_t i = 0; i < c->code_count; i++) {
        if (strcmp(c->codes[i].ours, text) == 0) {
            return c->codes[i].ours;
        }
    }
    return NULL;
}

static int apply_codes(struct plan_column *pc, struct err *ret_why)
{
    const char *text = (const char *)pc->text.data;
    struct bytes fold = {0};

    folded_text((struct slice){pc->text.data, strlen(text)}, &fold);
    const char *ours = ours_of(pc->map, (const char *)fold.data, text);
    bytes_free(&fold);
    if (ours == NULL && pc->map->list == NULL) {
        return no_code(pc->map, text, ret_why);
    }
    if (ours != NULL) {
        put_text(&pc->text, ours);
    }
    return 1;
}

/* --- days, instants, numbers ------------------------------------------------ */

static int put_instant(struct plan *p, struct plan_column *pc, int64_t day,
                       int32_t time_s, struct err *ret_why)
{
    int64_t at_s = 0;
    const char *text = (const char *)pc->text.data;

    time_s = time_s < 0 ? pc->map->time_s : time_s;
    if (time_s < 0) {
        return err_set(ret_why, ERR_INPUT,
                       "'%.60s' says no time of day: add a column that does "
                       "(from =), or write time = 09:00 for all",
                       text);
    }
    if (!zone_instant(p->zone, day * 86400 + time_s, &at_s)) {
        return err_set(ret_why, ERR_INPUT,
                       "'%.60s' was not: before 1970, or the clocks were put "
                       "forward then",
                       text);
    }
    bytes_clear(&pc->text);
    (void)instant_print_ms(at_s * 1000, &pc->text);
    bytes_put_u8(&pc->text, '\0');
    return 0;
}

static int put_day(struct plan *p, struct plan_column *pc, struct err *ret_why)
{
    const char *text = (const char *)pc->text.data;
    int64_t day = 0;
    int64_t ms = 0;
    int32_t time_s = -1;

    if (pc->to->form == CELL_INSTANT &&
        instant_parse_ms((struct slice){pc->text.data, strlen(text)}, &ms)) {
        return 0;
    }
    int rc = written_day_and_time(text, &pc->map->days, &day, &time_s, ret_why);
    if (rc == 0 && pc->to->form == CELL_INSTANT) {
        return put_instant(p, pc, day, time_s, ret_why);
    }
    if (rc == 0) {
        bytes_clear(&pc->text);
        (void)instant_print_day(day, &pc->text);
        bytes_put_u8(&pc->text, '\0');
    }
    return rc;
}

static int put_number(struct plan_column *pc, struct err *ret_why)
{
    static const struct written_number one = {1, 0};
    char number[WRITTEN_NUMBER_BYTES];
    struct written_number n;
    const struct map_column *c = pc->map;
    const char *text = (const char *)pc->text.data;

    int rc = written_number(text, c->unit, &n, ret_why);
    if (rc == 0) {
        rc = written_times(n, c->has_times ? c->times : one, &n, ret_why);
    }
    if (rc != 0) {
        return rc;
    }
    if (pc->to->form == CELL_INTEGER && n.places > 0) {
        written_print(n, number);
        return err_set(ret_why, ERR_INPUT, "'%.60s' is %s, not a whole number",
                       text, number);
    }
    written_print(n, number);
    put_text(&pc->text, number);
    return 0;
}

/* The year of a day, or one that stands alone. */
static int put_year(struct plan_column *pc, struct err *ret_why)
{
    struct bytes day_text = {0};
    struct written_number n;
    struct err ignored;
    int years = 0;
    const char *text = (const char *)pc->text.data;
    int64_t day = 0;

    if (written_number(text, NULL, &n, ret_why) == 0 && n.digits >= 1000 &&
        n.digits <= 9999 && n.places == 0) {
        return put_number(pc, ret_why);
    }
    int rc = written_day(text, &pc->map->days, &day, ret_why);
    if (rc != 0 && pc->map->part == MAP_YEAR &&
        written_age(text, &years, &ignored) == 0) {
        return err_set(ret_why, ERR_INPUT,
                       "'%.60s' is an age: write part = age, and on = the "
                       "column that says when it was written",
                       text);
    }
    if (rc == 0 && instant_print_day(day, &day_text)) {
        bytes_clear(&pc->text);
        bytes_put(&pc->text, day_text.data, 4);
        bytes_put_u8(&pc->text, '\0');
    }
    bytes_free(&day_text);
    return rc;
}

/* The day on which the age of this row was written. */
static int day_of_age(struct plan_column *pc, const struct csv_row *row,
                      int64_t *ret, struct err *ret_why)
{
    struct bytes day = {0};
    if (pc->on == TARGET_NO_FIELD) {
        *ret = pc->map->on_day_number;
        return 0;
    }
    struct slice text = trimmed(&row->fields[pc->on]);
    bytes_put(&day, text.data, text.len);
    bytes_put_u8(&day, '\0');
    int rc = text.len > 0 ? written_day((const char *)day.data, &pc->map->days,
                                        ret, ret_why)
                          : err_set(ret_why, ERR_INPUT, "it is empty");
    bytes_free(&day);
    return rc == 0 ? 0
                   : err_wrap(ret_why,
                              "'%.60s' is an age, and '%.60s' does not say "
                              "when it was written",
                              (const char *)pc->text.data, pc->map->on.text);
}

/* The year of a birth, written as an age, a year or a day. */
static int put_aged(struct plan_column *pc, const struct csv_row *row,
                    struct err *ret_why)
{
    char year[16];
    int years = 0;
    int64_t day = 0;
    if (written_age((const char *)pc->text.data, &years, ret_why) != 0) {
        return put_year(pc, ret_why);
    }
    int rc = day_of_age(pc, row, &day, ret_why);
    if (rc == 0) {
        (void)snprintf(year, sizeof year, "%d", written_birth_year(day, years));
        put_text(&pc->text, year);
    }
    return rc;
}

/* How well a birth is known of which the year is taken: person.birth_precision.
 */
static int put_precision(struct plan_column *pc)
{
    struct err ignored;
    int years = 0;
    bool aged = written_age((const char *)pc->text.data, &years, &ignored) == 0;
    put_text(&pc->text, aged ? "estimated" : "year");
    return 0;
}

static int put_form(struct plan *p, struct plan_column *pc,
                    const struct csv_row *row, struct err *ret_why)
{
    switch (pc->to->form) {
    case CELL_DAY:
    case CELL_INSTANT:
        return put_day(p, pc, ret_why);
    case CELL_INTEGER:
    case CELL_REAL:
        return pc->map->part == MAP_YEAR  ? put_year(pc, ret_why)
               : pc->map->part == MAP_AGE ? put_aged(pc, row, ret_why)
                                          : put_number(pc, ret_why);
    case CELL_TEXT:
        return pc->map->part == MAP_PRECISION ? put_precision(pc) : 0;
    case CELL_KEY:
    case CELL_NONE:
        break;
    }
    return 0;
}

/* --- converting -------------------------------------------------------------- */

/* What the row says, in `pc->text`: 1, or 0 with the reason. */
static int read_text(struct plan_column *pc, const struct csv_row *row,
                     struct err *ret_why)
{
    if (pc->map->value != NULL) {
        put_text(&pc->text, pc->map->value);
        return 1;
    }
    if (pc->of != NULL) {
        const struct value *v = &pc->of->cell.value;
        bytes_clear(&pc->text);
        if (v->type == VALUE_TEXT) {
            bytes_put(&pc->text, v->bytes.data, v->bytes.len);
        }
        bytes_put_u8(&pc->text, '\0');
        return 1;
    }
    if (gather(pc, row, ret_why) == 0) {
        return 0;
    }
    bool empty = pc->text.len == 1;
    if (empty && pc->map->empty != NULL) {
        put_text(&pc->text, pc->map->empty);
        return 1;
    }
    return empty || pc->map->code_count == 0 ? 1 : apply_codes(pc, ret_why);
}

/* 1: what is looked up was found. */
static int look_up(struct plan *p, struct plan_column *pc, struct err *ret_why,
                   struct err *e)
{
    const char *key = NULL;
    int rc = finder_find(p->finder, pc->map, (const char *)pc->text.data, &key,
                         ret_why, e);
    if (rc == 1) {
        put_text(&pc->text, key);
    }
    return rc;
}

/* A number of ours is stored as it is printed, or it would not be found by it;
 * one that looks like ours and is mistyped is refused. Others are cards of
 * before, and stay. */
static int put_card(struct plan_column *pc, struct err *ret_why)
{
    char number[NUMBER_TEXT_BYTES];
    const char *text = (const char *)pc->text.data;
    if (number_parse(text, number, ret_why) == 0) {
        put_text(&pc->text, number);
        return 1;
    }
    bool ours = strlen(text) == NUMBER_TEXT_BYTES - 1 && text[3] == '-' &&
                text[7] == '-';
    return ours ? 0 : 1;
}

static int convert_mapped(struct plan *p, struct plan_column *pc,
                          const struct csv_row *row, struct err *ret_why,
                          struct err *e)
{
    const struct map_column *c = pc->map;
    bool looked_up =
        c->person != MAP_NO_PERSON || c->find_table != NULL || c->list != NULL;
    pc->to->cell = (struct cell){.value = {.type = VALUE_NULL}};
    if (read_text(pc, row, ret_why) == 0) {
        return 0;
    }
    bool empty = pc->text.len == 1;
    if (!empty && looked_up) {
        int rc = look_up(p, pc, ret_why, e);
        if (rc != 1) {
            return rc;
        }
    }
    if (!empty && !looked_up && c->value == NULL &&
        put_form(p, pc, row, ret_why) != 0) {
        return 0;
    }
    if (!empty && p->number == pc->to && put_card(pc, ret_why) == 0) {
        return 0;
    }
    const struct csv_field field = {(const char *)pc->text.data,
                                    pc->text.len - 1, row->line};
    if (cell_parse(pc->to->form, &field, &pc->to->cell, ret_why) != 0) {
        return 0;
    }
    if (empty && pc->to->required && !c->takes_number) {
        (void)err_set(ret_why, ERR_INPUT, "is empty, and must not be");
        return 0;
    }
    return 1;
}

int plan_convert(struct plan *p, size_t n, const struct csv_row *row,
                 struct err *ret_why, struct err *e)
{
    struct plan_column *pc = &p->columns[n];
    if (pc->map != NULL) {
        return convert_mapped(p, pc, row, ret_why, e);
    }
    const struct csv_field *field = &row->fields[pc->fields[0]];
    if (cell_parse(pc->to->form, field, &pc->to->cell, ret_why) != 0) {
        return 0;
    }
    if (field->len == 0 && pc->to->required) {
        (void)err_set(ret_why, ERR_INPUT, "is empty, and must not be");
        return 0;
    }
    return 1;
}
