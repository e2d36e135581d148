/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

#include "store/parts.h"
#include "store/review.h"

#include <stdlib.h>

static void put_values(struct gathered *c, struct machine *m,
                       const struct review_name *name)
{
    const struct value key = value_text(name->key);
    struct review *review = NULL;
    sim_must(review_open(m->replica, name->table, &key, name->column, &review,
                         said));
    for (size_t i = 0; i < review->count; i++) {
        const struct review_value *v = &review->values[i];
        sqlite3_stmt *stmt = gathered_put(
            c, "INSERT INTO kept VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        sqlite3_bind_int(stmt, 1, m->index);
        sqlite3_bind_int64(stmt, 2, name->table->id);
        sqlite3_bind_text(stmt, 3, name->key, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 4, name->column->id);
        gathered_bind_hex64(stmt, 5, v->hlc);
        sqlite3_bind_int64(stmt, 6, (int64_t)v->seq);
        sqlite3_bind_int(stmt, 7, v->shown);
        gathered_done(c, stmt);
    }
    review_close(&review);
}

/* What its table of reviews has, and what a person is shown of each. */
static void put_reviews(struct gathered *c, struct machine *m)
{
    struct review_name *names = NULL;
    size_t count = 0;
    sqlite3_stmt *from = gathered_ask(
        m->client, "SELECT table_id, row_key, column_id FROM sync_review");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO asks VALUES(?4, ?1, ?2, ?3)");
        for (int i = 0; i < 3; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        sqlite3_bind_int(stmt, 4, m->index);
        gathered_done(c, stmt);
    }
    sqlite3_finalize(from);
    sim_must(review_list(m->replica, &names, &count, said));
    for (size_t i = 0; i < count; i++) {
        put_values(c, m, &names[i]);
    }
    free(names);
}

static void put_parked(struct gathered *c, struct machine *m)
{
    sqlite3_stmt *from = gathered_ask(
        m->client, "SELECT table_id, column_id, value, says FROM sync_parked");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO parked VALUES(?5, ?1, ?2, ?3, ?4)");
        for (int i = 0; i < 4; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        sqlite3_bind_int(stmt, 5, m->index);
        gathered_done(c, stmt);
    }
    sqlite3_finalize(from);
}

void asked_put(struct gathered *c, struct machine *m)
{
    put_reviews(c, m);
    put_parked(c, m);
}
