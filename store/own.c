/* SPDX-License-Identifier: Apache-2.0 */
#include "store/own.h"

#include "store/capture.h"

/* The row as it is to be. */
struct own {
    struct replica *r;
    const struct table *table;
    const struct value *cells;
    size_t count;
    struct value key[KEY_COLUMNS_MAX];
    int64_t now_ms;
};

static void add(struct projection *row, const struct own *own, size_t at)
{
    row->columns[row->count] = &own->table->columns[at];
    row->values[row->count] = &own->cells[at];
    row->count++;
}

static int insert(const struct own *own, struct err *e)
{
    struct projection row = {.table = own->table, .key = own->key};
    bool written = false;
    for (size_t i = 0; i < own->count; i++) {
        if (own->table->columns[i].policy != POLICY_KEY) {
            add(&row, own, i);
        }
    }
    int rc = projector_write(own->r->merger.projector, PROJECT_INSERT, &row,
                             &written, e);
    return rc == 0 ? capture_append(own->r->db, own->table, CAPTURE_INSERT,
                                    own->key, NULL, own->now_ms, e)
                   : rc;
}

/* A capture has the value before, as a trigger's does. */
static int update(const struct own *own, const struct value *held,
                  bool *ret_written, struct err *e)
{
    struct projection row = {.table = own->table, .key = own->key};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < own->count; i++) {
        const struct column *c = &own->table->columns[i];
        if (c->policy == POLICY_KEY || value_equal(&held[i], &own->cells[i])) {
            continue;
        }
        add(&row, own, i);
        rc = capture_append(own->r->db, own->table, c->id, own->key, &held[i],
                            own->now_ms, e);
    }
    *ret_written = row.count > 0;
    bool written = false;
    return rc == 0 && row.count > 0
               ? projector_write(own->r->merger.projector, PROJECT_UPDATE, &row,
                                 &written, e)
               : rc;
}

int own_write(struct replica *r, const struct table *t,
              const struct value *cells, size_t count, int64_t now_ms,
              bool *ret_written, struct err *e)
{
    struct own own = {
        .r = r, .table = t, .cells = cells, .count = count, .now_ms = now_ms};
    struct value held[COLUMNS_MAX];
    *ret_written = false;
    if (t == NULL || t->broken != NULL) {
        return 0;
    }
    for (size_t i = 0; i < t->key_count; i++) {
        own.key[i] = cells[(size_t)(t->key[i] - t->columns)];
    }
    int rc = projector_read(r->merger.projector, t, own.key, held, e);
    if (rc == 1) {
        return update(&own, held, ret_written, e);
    }
    *ret_written = rc == 0;
    return rc == 0 ? insert(&own, e) : rc;
}
