/* SPDX-License-Identifier: Apache-2.0 */
#include "store/project.h"

#include <stdlib.h>
#include <string.h>

#include "store/feed.h"
#include "store/sql.h"

enum { VERB_DELETE = PROJECT_UPDATE + 1, VERB_READ, TEXTS_MAX = 256 };

/* A statement for one set of columns: rows of one writer look alike, so there
 * are few. */
struct text {
    uint32_t table;
    int verb;
    size_t count;
    uint16_t columns[COLUMNS_MAX];
    struct bytes sql;
};

struct projector {
    struct database *db;
    struct feed *feed; /* owned */
    struct text texts[TEXTS_MAX];
    size_t text_count;
    size_t next; /* whose place goes to the next, once all are taken */
};

struct projector *projector_new(struct database *db)
{
    struct projector *p = calloc(1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    p->db = db;
    p->feed = feed_new(db);
    return p;
}

int projector_start(struct projector *p, struct err *e)
{
    return feed_start(p->feed, e);
}

int projector_note(struct projector *p, const struct table *t,
                   const struct value *key, struct err *e)
{
    return feed_note(p->feed, t, key, e);
}

void projector_destroy(struct projector **p)
{
    if (*p == NULL) {
        return;
    }
    for (size_t i = 0; i < (*p)->text_count; i++) {
        bytes_free(&(*p)->texts[i].sql);
    }
    feed_destroy(&(*p)->feed);
    free(*p);
    *p = NULL;
}

/* --- statements ---------------------------------------------------------- */

static bool is_for(const struct text *text, int verb, const struct table *t,
                   const struct column *const *columns, size_t count)
{
    if (text->table != t->id || text->verb != verb || text->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (text->columns[i] != columns[i]->id) {
            return false;
        }
    }
    return true;
}

static void write_text(struct text *text, const struct table *t,
                       const struct column *const *columns)
{
    bytes_clear(&text->sql);
    switch (text->verb) {
    case PROJECT_INSERT:
        sql_insert(t, columns, text->count, &text->sql);
        break;
    case PROJECT_UPSERT:
        sql_upsert(t, columns, text->count, &text->sql);
        break;
    case PROJECT_UPDATE:
        sql_update(t, columns, text->count, &text->sql);
        break;
    case VERB_DELETE:
        sql_delete_row(t, &text->sql);
        break;
    default:
        sql_select_row(t, &text->sql);
        break;
    }
}

static struct text *place(struct projector *p)
{
    if (p->text_count < TEXTS_MAX) {
        return &p->texts[p->text_count++];
    }
    struct text *taken = &p->texts[p->next];
    p->next = (p->next + 1) % TEXTS_MAX;
    return taken;
}

static const char *text_of(struct projector *p, int verb, const struct table *t,
                           const struct column *const *columns, size_t count)
{
    for (size_t i = 0; i < p->text_count; i++) {
        if (is_for(&p->texts[i], verb, t, columns, count)) {
            return (const char *)p->texts[i].sql.data;
        }
    }
    struct text *text = place(p);
    text->table = t->id;
    text->verb = verb;
    text->count = count;
    for (size_t i = 0; i < count; i++) {
        text->columns[i] = columns[i]->id;
    }
    write_text(text, t, columns);
    return (const char *)text->sql.data;
}

static int statement(struct projector *p, int verb, const struct table *t,
                     const struct value *key, sqlite3_stmt **ret, struct err *e)
{
    int rc = database_statement(p->db, text_of(p, verb, t, NULL, 0), ret, e);
    for (size_t i = 0; rc == 0 && i < t->key_count; i++) {
        database_bind_at(*ret, (int)i + 1, &key[i]);
    }
    return rc;
}

/* --- rows ---------------------------------------------------------------- */

int projector_write(struct projector *p, enum project_verb verb,
                    const struct projection *row, bool *ret_written,
                    struct err *e)
{
    sqlite3_stmt *stmt;
    const struct table *t = row->table;
    if (t->broken != NULL) {
        return err_set(e, ERR_INPUT, "%s", t->broken);
    }
    const char *sql = text_of(p, (int)verb, t, row->columns, row->count);
    int rc = database_statement(p->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    int at = 1;
    for (size_t i = 0; i < t->key_count; i++) {
        database_bind_at(stmt, at++, &row->key[i]);
    }
    for (size_t i = 0; i < row->count; i++) {
        database_bind_at(stmt, at++, row->values[i]);
    }
    rc = database_done(p->db, stmt, e);
    if (rc == 0) {
        *ret_written = sqlite3_changes(database_handle(p->db)) > 0;
    }
    return rc == 0 && *ret_written ? feed_note(p->feed, t, row->key, e) : rc;
}

int projector_delete(struct projector *p, const struct table *t,
                     const struct value *key, struct err *e)
{
    sqlite3_stmt *stmt;
    if (t->broken != NULL) {
        return 0;
    }
    int rc = statement(p, VERB_DELETE, t, key, &stmt, e);
    rc = rc == 0 ? database_done(p->db, stmt, e) : rc;
    bool deleted = sqlite3_changes(database_handle(p->db)) > 0;
    return rc == 0 && deleted ? feed_note(p->feed, t, key, e) : rc;
}

int projector_read(struct projector *p, const struct table *t,
                   const struct value *key, struct value cells[COLUMNS_MAX],
                   struct err *e)
{
    sqlite3_stmt *stmt;
    if (t->broken != NULL) {
        return 0;
    }
    int rc = statement(p, VERB_READ, t, key, &stmt, e);
    if (rc == 0) {
        rc = database_step(p->db, stmt, e);
    }
    for (size_t i = 0; rc == 1 && i < t->column_count; i++) {
        cells[i] = database_column(stmt, (int)i);
    }
    return rc;
}
