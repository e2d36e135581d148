/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parked.h"

int parked_add(struct database *db, const struct parked *p, struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_parked(table_id, key, column_id, value, at_ms, says)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    const struct value key = value_blob(p->key.data, p->key.len);
    sqlite3_bind_int64(stmt, 1, p->table_id);
    database_bind_at(stmt, 2, &key);
    sqlite3_bind_int64(stmt, 3, p->column_id);
    database_bind_at(stmt, 4, &p->value);
    sqlite3_bind_int64(stmt, 5, p->at_ms);
    sqlite3_bind_text(stmt, 6, p->says, -1, SQLITE_STATIC);
    return database_done(db, stmt, e);
}
