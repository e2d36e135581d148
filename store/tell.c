/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tell.h"

#include <string.h>

#include "store/own.h"

/* Only headquarters holds what sites cannot see of each other: below it all
 * nodes of a district hold what any of them wrote. */
static bool carries(const struct replica *r)
{
    return !r->self.has_parent;
}

/* The hub of a district is the highest node in it that others are below. */
static bool keeps_cards(const struct replica *r)
{
    const struct registry *registry = r->merger.registry;
    const struct certificate *own =
        registry_in_force(registry, &r->self.node, r->self.certificate);
    return r->self.has_parent && own != NULL && own->may_enrol &&
           registry_is_root(registry, &r->self.parent);
}

static int note(struct replica *r, const char *what, const char *kind,
                const struct value *id, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_owed(what, kind, id, day) VALUES(?1, ?2, ?3, '')"
        " ON CONFLICT(what, kind, id) DO UPDATE SET day = ''";
    const struct value w = value_text(what);
    const struct value k = value_text(kind);
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &w);
    database_bind_at(stmt, 2, &k);
    database_bind_at(stmt, 3, id);
    r->owes = true;
    return database_done(r->db, stmt, e);
}

int tell_note(struct replica *r, const char *kind, const struct value *id,
              bool finds, struct err *e)
{
    int rc = 0;
    if (finds && carries(r)) {
        rc = note(r, "carry", kind, id, e);
    }
    if (rc == 0 && strcmp(kind, "person") == 0 && keeps_cards(r)) {
        rc = note(r, "card", kind, id, e);
    }
    return rc;
}

/* --- reading --------------------------------------------------------------- */

int tell_read(struct telling *t, const char *sql, const struct value *a,
              const struct value *b, struct bytes *ret, size_t *ret_count,
              struct err *e)
{
    sqlite3_stmt *stmt;
    *ret_count = 0;
    int rc = database_statement(t->rules, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    int columns = sqlite3_column_count(stmt);
    if (a != NULL) {
        database_bind_at(stmt, 1, a);
    }
    if (b != NULL) {
        database_bind_at(stmt, 2, b);
    }
    while (*ret_count < TELL_READ_MAX &&
           (rc = database_step(t->rules, stmt, e)) == 1) {
        for (int i = 0; i < columns; i++) {
            const struct value v = database_column(stmt, i);
            value_encode(&v, ret);
        }
        *ret_count += 1;
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

void tell_row(struct telling *t, uint32_t table, const struct bytes *row,
              uint16_t columns, const struct bytes *said)
{
    if (row->len == said->len && memcmp(row->data, said->data, row->len) == 0) {
        return;
    }
    bytes_put_u32(&t->rows, table);
    bytes_put_u16(&t->rows, columns);
    bytes_put(&t->rows, row->data, row->len);
    t->row_count++;
}

void tell_again(struct owed *o, const struct value *day)
{
    const struct value held = {.type = VALUE_TEXT,
                               .bytes = slice_of(&o->again)};
    size_t len =
        day->bytes.len < held.bytes.len ? day->bytes.len : held.bytes.len;
    if (held.bytes.len == 0 ||
        memcmp(day->bytes.data, held.bytes.data, len) < 0) {
        bytes_clear(&o->again);
        bytes_put(&o->again, day->bytes.data, day->bytes.len);
    }
}

static void take(struct cursor *c, struct bytes *ret)
{
    const struct value v = value_decode(c, SIZE_MAX); /* we wrote it */
    bytes_put(ret, v.bytes.data, v.bytes.len);
}

static bool is_word(const struct bytes *b, const char *word)
{
    return b->len == strlen(word) && memcmp(b->data, word, b->len) == 0;
}

/* Whom to look at now. */
static int gather(struct telling *t, struct owed owed[TELL_SUBJECTS_MAX],
                  size_t *ret_count, struct err *e)
{
    static const char sql[] =
        "SELECT what, kind, id, tomorrow FROM v_owed LIMIT ?1";
    const struct value max = value_integer(TELL_SUBJECTS_MAX);
    struct bytes list = {0};
    int rc = tell_read(t, sql, &max, NULL, &list, ret_count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc == 0 && i < *ret_count; i++) {
        struct owed *o = &owed[i];
        take(&c, &o->what);
        take(&c, &o->kind);
        take(&c, &o->id);
        t->tomorrow = value_decode(&c, SIZE_MAX);
        bool card = is_word(&o->what, "card");
        rc = card ? card_gather(t, o, e) : carry_gather(t, o, e);
        o->more = o->more || t->row_count >= TELL_ROWS_MAX;
    }
    bytes_free(&list);
    return rc;
}

/* --- writing --------------------------------------------------------------- */

static int write_rows(struct telling *t, struct told *ret, struct err *e)
{
    struct cursor c = cursor_of(slice_of(&t->rows));
    struct value cells[COLUMNS_MAX];
    int rc = 0;
    while (rc == 0 && cursor_left(&c) > 0) {
        const struct table *table =
            manifest_table(t->r->manifest, cursor_u32(&c));
        uint16_t count = cursor_u16(&c);
        bool written = false;
        for (size_t i = 0; i < count; i++) {
            cells[i] = value_decode(&c, SIZE_MAX);
        }
        rc = own_write(t->r, table, cells, count, t->now_ms, &written, e);
        ret->rows += rc == 0 && written;
    }
    return rc;
}

static int settle(struct telling *t, const struct owed *o, struct err *e)
{
    static const char done_sql[] =
        "DELETE FROM sync_owed WHERE what = ?1 AND kind = ?2 AND id = ?3";
    static const char later_sql[] =
        "UPDATE sync_owed SET day = ?4"
        " WHERE what = ?1 AND kind = ?2 AND id = ?3";
    const struct bytes *values[] = {&o->what, &o->kind, &o->id, &o->again};
    bool later = o->again.len > 0;
    sqlite3_stmt *stmt;
    if (o->more) {
        return 0;
    }
    int rc =
        database_statement(t->r->db, later ? later_sql : done_sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; i < (later ? 4 : 3); i++) {
        const struct value v = {.type = VALUE_TEXT,
                                .bytes = slice_of(values[i])};
        database_bind_at(stmt, i + 1, &v);
    }
    return database_done(t->r->db, stmt, e);
}

static int write_all(struct telling *t, const struct owed *owed, size_t count,
                     struct told *ret, struct err *e)
{
    int rc = write_rows(t, ret, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = settle(t, &owed[i], e);
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------- */

bool replica_owes(const struct replica *r)
{
    return r->owes;
}

static int tell_some(struct telling *t, struct told *ret, struct err *e)
{
    struct owed owed[TELL_SUBJECTS_MAX] = {0};
    size_t count = 0;
    int rc = gather(t, owed, &count, e);
    database_rest(t->rules);
    if (rc == 0 && count > 0) {
        rc = replica_begin(t->r, e);
        rc = rc == 0 ? replica_end(t->r, write_all(t, owed, count, ret, e), e)
                     : rc;
    }
    ret->more = rc == 0 && count > 0;
    for (size_t i = 0; i < count; i++) {
        bytes_free(&owed[i].what);
        bytes_free(&owed[i].kind);
        bytes_free(&owed[i].id);
        bytes_free(&owed[i].again);
    }
    return rc;
}

int replica_tell(struct replica *r, int64_t now_ms, struct told *ret,
                 struct err *e)
{
    *ret = (struct told){0};
    bool tells = carries(r) || keeps_cards(r);
    int rc = tells ? replica_rules(r, e) : 0;
    if (rc == 0 && tells) {
        struct telling t = {.r = r, .rules = r->rules, .now_ms = now_ms};
        instant_print(replica_now(r, now_ms), t.now);
        rc = tell_some(&t, ret, e);
        bytes_free(&t.rows);
    }
    r->owes = rc != 0 || ret->more;
    if (rc != 0) {
        *ret = (struct told){0};
    }
    return rc;
}
