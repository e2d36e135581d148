/* SPDX-License-Identifier: Apache-2.0 */
#include "store/touched.h"

#include <string.h>

/* v_touched_next (0012) says whom their rows are about. */
static const char *const read_by_rules[] = {
    "person_link",   "person_identifier", "worker",         "worker_credential",
    "peer_session",  "stock_event",       "ref_item",       "ref_site",
    "ref_parameter", "breach_carried",    "site_breach_act"};

static bool is_read_by_rules(const struct table *t)
{
    size_t count = sizeof read_by_rules / sizeof read_by_rules[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(read_by_rules[i], t->name) == 0) {
            return true;
        }
    }
    return false;
}

static int note(struct merger *m, const char *about, const struct value *id,
                struct err *e)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO sync_touched(about, id) VALUES(?1, ?2)";
    const struct value what = value_text(about);
    sqlite3_stmt *stmt;
    int rc = database_statement(m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &what);
    database_bind_at(stmt, 2, id);
    m->touched = true;
    return database_done(m->db, stmt, e);
}

int touched_note(struct merger *m, const struct table *t,
                 const struct value *key, struct slice scope, struct err *e)
{
    if (m->db != m->journal || t->kind == TABLE_CONTROL || scope.len == 0) {
        return 0;
    }
    struct cursor c = cursor_of(scope);
    if (cursor_u8(&c) == SCOPE_PERSON) {
        struct value person = {.type = VALUE_TEXT};
        person.bytes = cursor_slice(&c, SCOPE_ID_BYTES_MAX);
        return note(m, "person", &person, e);
    }
    return is_read_by_rules(t) && key[0].type == VALUE_TEXT
               ? note(m, t->name, &key[0], e)
               : 0;
}
