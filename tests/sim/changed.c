/* SPDX-License-Identifier: Apache-2.0 */
#include "changed.h"

#include <string.h>

static bool is_of(const struct changed *c, const struct machine *m, int table,
                  const char *column)
{
    return c->machine == m->index && c->table == table &&
           strcmp(c->column, column) == 0;
}

static void say(struct changed *c, const char *text)
{
    (void)snprintf(c->text, sizeof c->text, "%s", text);
}

static struct changed *find(struct world *w, const struct machine *m, int table,
                            const char *key, const char *column)
{
    for (size_t i = 0; i < w->changed_count; i++) {
        struct changed *c = &w->changed[i];
        if (is_of(c, m, table, column) && strcmp(c->key, key) == 0) {
            return c;
        }
    }
    return NULL;
}

void changed_note(struct world *w, const struct machine *m, int table,
                  const char *key, const char *column, const char *text)
{
    struct changed *c = find(w, m, table, key, column);
    if (c == NULL && w->changed_count < CHANGED_MAX) {
        c = &w->changed[w->changed_count++];
        c->machine = (uint16_t)m->index;
        c->table = (uint16_t)table;
        (void)snprintf(c->key, sizeof c->key, "%s", key);
        (void)snprintf(c->column, sizeof c->column, "%s", column);
    }
    if (c != NULL) {
        say(c, text);
    }
}

static bool shows(struct machine *m, const struct changed *c, const char *text)
{
    const struct writer_table *t = &writer_tables[c->table];
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM %s WHERE %s = '%s' AND %s = '%s'",
                   t->name, t->key, c->key, c->column, text);
    return machine_number(m, sql) > 0;
}

void changed_note_all(struct world *w, struct machine *m, int table,
                      const char *column, const char *text)
{
    for (size_t i = 0; i < w->changed_count; i++) {
        struct changed *c = &w->changed[i];
        if (is_of(c, m, table, column) && shows(m, c, text)) {
            say(c, text);
        }
    }
}

void changed_forget(struct world *w, const struct machine *m)
{
    size_t left = 0;
    for (size_t i = 0; i < w->changed_count; i++) {
        if (w->changed[i].machine != m->index) {
            w->changed[left++] = w->changed[i];
        }
    }
    w->changed_count = left;
}
