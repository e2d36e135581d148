/* SPDX-License-Identifier: Apache-2.0 */
#include "told.h"

#include "holding.h"

static void put_written(struct gathered *c)
{
    for (size_t i = 0; i < c->world->written_count; i++) {
        const struct written *w = &c->world->written[i];
        char key[WRITER_KEY_BYTES];
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO wrote VALUES(?1, ?2, ?3, ?4, ?5)");
        writer_key(w->table, w->number, key);
        sqlite3_bind_int(stmt, 1, w->machine);
        sqlite3_bind_int64(stmt, 2, writer_tables[w->table].id);
        sqlite3_bind_text(stmt, 3, key, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(stmt, 4, w->past);
        sqlite3_bind_int(stmt, 5, holding_is_lost(c->world, w));
        gathered_done(c, stmt);
    }
}

static void put_changed(struct gathered *c)
{
    for (size_t i = 0; i < c->world->changed_count; i++) {
        const struct changed *w = &c->world->changed[i];
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO changed VALUES(?1, ?2, ?3,"
                            " (SELECT col FROM col WHERE tbl = ?2 AND name ="
                            " ?4), ?5)");
        sqlite3_bind_int(stmt, 1, w->machine);
        sqlite3_bind_int64(stmt, 2, writer_tables[w->table].id);
        sqlite3_bind_text(stmt, 3, w->key, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, w->column, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 5, w->text, -1, SQLITE_STATIC);
        gathered_done(c, stmt);
    }
}

static void put_settled(struct gathered *c)
{
    for (size_t i = 0; i < c->world->settled_count; i++) {
        const struct settled *s = &c->world->settled[i];
        sqlite3_stmt *stmt = gathered_put(
            c, "INSERT INTO settled VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        sqlite3_bind_int(stmt, 1, s->machine);
        sqlite3_bind_int64(stmt, 2, s->table);
        sqlite3_bind_text(stmt, 3, s->key, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 4, s->column);
        gathered_bind_hex64(stmt, 5, s->hlc);
        sqlite3_bind_int64(stmt, 6, (int64_t)s->seq);
        sqlite3_bind_text(stmt, 7, s->site, -1, SQLITE_STATIC);
        gathered_done(c, stmt);
    }
}

static void put_deleted(struct gathered *c)
{
    for (size_t i = 0; i < c->world->deleted_count; i++) {
        const struct deleted *d = &c->world->deleted[i];
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO deleted VALUES(?1, ?2, ?3)");
        sqlite3_bind_int(stmt, 1, d->machine);
        sqlite3_bind_int64(stmt, 2, writer_tables[d->table].id);
        sqlite3_bind_text(stmt, 3, d->key, -1, SQLITE_STATIC);
        gathered_done(c, stmt);
    }
}

void told_put(struct gathered *c)
{
    put_written(c);
    put_changed(c);
    put_settled(c);
    put_deleted(c);
}
