/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { ZSTD_LEVEL = 3 };

static void put(struct bytes *out, const char *value)
{
    bytes_put(out, value, strlen(value));
    bytes_put_u8(out, '\t');
}

static void put_dose(const struct dose *d, bool wide, struct bytes *out)
{
    char numbers[64];
    put(out, d->id);
    put(out, d->person->id);
    if (wide) {
        put(out, d->person->enrolment);
        put(out, d->person->order);
    }
    put(out, "LDH-C");
    put(out, d->day);
    put(out, d->at);
    put(out, d->kind);
    put(out, d->item);
    (void)snprintf(numbers, sizeof numbers, "%d\t%d\t%d", d->units, d->mcg,
                   d->days);
    put(out, numbers);
    put(out, d->batch);
    put(out, d->verified);
    put(out, d->by);
    put(out, "LDH-C");
    put(out, d->recorded);
    bytes_put_u8(out, '\n');
}

static void put_updates(const struct workload *w, const struct stretch *s,
                        struct bytes *out)
{
    size_t end = s->from + s->count;
    size_t *last =
        workload_array(w->shape.persons * UPDATE_COLUMNS, sizeof *last);
    for (size_t i = s->from; i < end; i++) {
        const struct update *u = &w->updates[i];
        last[u->person * UPDATE_COLUMNS + u->column] = i;
    }
    for (size_t i = s->from; i < end; i++) {
        const struct update *u = &w->updates[i];
        if (last[u->person * UPDATE_COLUMNS + u->column] == i) {
            put(out, w->persons[u->person].id);
            put(out, workload_columns[u->column]);
            put(out, u->value);
            bytes_put_u8(out, '\n');
        }
    }
    free(last);
}

static void put_edit(const struct workload *w, size_t person, struct bytes *out)
{
    struct edit edit = workload_edit(EDITOR_CLINIC, person);
    put(out, w->persons[person].id);
    put(out, edit.phone);
    put(out, edit.other);
    bytes_put_u8(out, '\n');
}

static size_t compressed(const struct bytes *text)
{
    size_t cap = ZSTD_compressBound(text->len);
    void *out = workload_array(cap, 1);
    size_t len = ZSTD_compress(out, cap, text->data, text->len, ZSTD_LEVEL);
    free(out);
    if (ZSTD_isError(len)) {
        abort();
    }
    return len;
}

size_t bare_bytes(const struct workload *w, enum rows rows,
                  const struct stretch *s)
{
    struct bytes text = {0};
    if (rows == ROWS_UPDATES) {
        put_updates(w, s, &text);
    }
    for (size_t i = s->from; i < s->from + s->count; i++) {
        if (rows == ROWS_DOSES) {
            put_dose(&w->doses[i], w->shape.wide, &text);
        } else if (rows == ROWS_CLINIC_EDITS) {
            put_edit(w, i, &text);
        }
    }
    size_t len = compressed(&text);
    bytes_free(&text);
    return len;
}
