/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include "asked.h"
#include "protocol/context.h"
#include "protocol/elements.h"
#include "store/parts.h"
#include "told.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers say that they are: else no index would serve where they are
 * compared with one that does. */
static const char tables[] =
    "CREATE TABLE machine(machine INTEGER PRIMARY KEY, node TEXT,"
    " district TEXT, parent INTEGER, root INTEGER, ended INTEGER, site TEXT,"
    " put_back INTEGER, wrote_past INTEGER, scrub_held INTEGER);"
    "CREATE TABLE held(machine INTEGER, node, incarnation, seq INTEGER, hash,"
    " signature, voided, prev_incarnation, hlc);"
    "CREATE TABLE leaf(leaf INTEGER PRIMARY KEY, machine INTEGER, node,"
    " incarnation, seq INTEGER, hlc, class, scope, tbl INTEGER, key, op, cl,"
    " counts, scope_id, hash,"
    /* by which others cover it: that of its changeset, or the first it had */
    " name_incarnation, name_seq INTEGER,"
    /* what an owned leaf claims; the offer is the hash of a leaf */
    " claims, epoch, offer, to_site AS (iif(scope = 1, scope_id, NULL)));"
    "CREATE TABLE cell(leaf INTEGER, col INTEGER, value BLOB,"
    " PRIMARY KEY(leaf, col)) WITHOUT ROWID;"
    /* what a write covers, and what it does to a list */
    "CREATE TABLE covers(leaf INTEGER, col INTEGER, node, incarnation,"
    " seq INTEGER);"
    "CREATE TABLE element(leaf INTEGER, col INTEGER, adds, value BLOB);"
    /* base: the class of the key; nth: place in the key, from 0; lead: the
     * first column of its group */
    "CREATE TABLE col(tbl INTEGER, col INTEGER, name, policy, kind, missing,"
    " base, nth, lead INTEGER);"
    /* reviews that a replica lists, and the values it keeps of each */
    "CREATE TABLE asks(machine INTEGER, tbl INTEGER, key, col INTEGER);"
    "CREATE TABLE kept(machine INTEGER, tbl INTEGER, key, col INTEGER, hlc,"
    " seq INTEGER, shows);"
    /* tables and columns that a machine's program knows */
    "CREATE TABLE knows(machine INTEGER, tbl INTEGER, col INTEGER,"
    " PRIMARY KEY(machine, tbl, col)) WITHOUT ROWID;"
    "CREATE TABLE shown(machine INTEGER, tbl INTEGER, key, col INTEGER,"
    " value BLOB);"
    "CREATE TABLE wrote(machine INTEGER, tbl INTEGER, key, past, lost);"
    /* what was written and is not signed */
    "CREATE TABLE parked(machine INTEGER, tbl INTEGER, col INTEGER, value,"
    " says);"
    /* the last text of a cell that a program was told is written */
    "CREATE TABLE changed(machine INTEGER, tbl INTEGER, key, col INTEGER,"
    " value);"
    /* values that a person saw and settled, rows that one deleted */
    "CREATE TABLE settled(machine INTEGER, tbl INTEGER, key, col INTEGER, hlc,"
    " seq INTEGER, site);"
    "CREATE TABLE deleted(machine INTEGER, tbl INTEGER, key);"
    /* tables whose rows have an owner; and where they change hands, by which
     * rows of which table they are offered */
    "CREATE TABLE hand(tbl INTEGER, owner INTEGER, epoch, offers INTEGER,"
    " row INTEGER, to_site INTEGER, offered INTEGER);";

void gathered_run(struct gathered *c, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(c->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        sim_fail("check: %s: %s", sql, message);
    }
}

sqlite3_stmt *gathered_ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        sim_fail("check: %s: %s", sql, sqlite3_errmsg(db));
    }
    return stmt;
}

sqlite3_stmt *gathered_put(struct gathered *c, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    while ((stmt = sqlite3_next_stmt(c->db, stmt)) != NULL) {
        if (strcmp(sqlite3_sql(stmt), sql) == 0) {
            return stmt;
        }
    }
    return gathered_ask(c->db, sql);
}

void gathered_done(struct gathered *c, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        sim_fail("check: %s", sqlite3_errmsg(c->db));
    }
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

void gathered_close(struct gathered *c)
{
    sqlite3_stmt *stmt;
    while ((stmt = sqlite3_next_stmt(c->db, NULL)) != NULL) {
        sqlite3_finalize(stmt);
    }
    sqlite3_close(c->db);
}

/* --- journals --------------------------------------------------------------------- */

static void hex64(uint64_t n, char out[17])
{
    (void)snprintf(out, 17, "%016llx", (unsigned long long)n);
}

static void bind_hex(sqlite3_stmt *stmt, int at, const void *bytes, size_t len)
{
    char hex[2 * SIGNATURE_BYTES + 1];
    (void)sodium_bin2hex(hex, sizeof hex, bytes, len);
    sqlite3_bind_text(stmt, at, hex, -1, SQLITE_TRANSIENT);
}

void gathered_bind_hex64(sqlite3_stmt *stmt, int at, uint64_t n)
{
    char hex[17];
    hex64(n, hex);
    sqlite3_bind_text(stmt, at, hex, -1, SQLITE_TRANSIENT);
}

static void bind_value(sqlite3_stmt *stmt, int at, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        sqlite3_bind_null(stmt, at);
        break;
    case VALUE_INTEGER:
        sqlite3_bind_int64(stmt, at, v->integer);
        break;
    case VALUE_REAL:
        sqlite3_bind_double(stmt, at, v->real);
        break;
    case VALUE_TEXT:
        sqlite3_bind_text(stmt, at, (const char *)v->bytes.data,
                          (int)v->bytes.len, SQLITE_TRANSIENT);
        break;
    case VALUE_BLOB:
        sqlite3_bind_blob(stmt, at, v->bytes.data, (int)v->bytes.len,
                          SQLITE_TRANSIENT);
        break;
    }
}

/* The bytes of the key where not all of its columns are texts: control. */
static void bind_key(sqlite3_stmt *stmt, int at, const struct leaf *leaf)
{
    struct bytes key = {0};
    bool texts = true;
    for (size_t i = 0; i < leaf->key_count; i++) {
        texts = texts && leaf->key[i].type == VALUE_TEXT;
        if (i > 0) {
            bytes_put_u8(&key, '/');
        }
        bytes_put(&key, leaf->key[i].bytes.data, leaf->key[i].bytes.len);
    }
    if (leaf->key_count == 1) {
        bind_value(stmt, at, &leaf->key[0]);
    } else if (texts) {
        sqlite3_bind_text(stmt, at, (const char *)key.data, (int)key.len,
                          SQLITE_TRANSIENT);
    } else {
        bytes_clear(&key);
        leaf_encode_key(leaf, &key);
        sqlite3_bind_blob(stmt, at, key.data, (int)key.len, SQLITE_TRANSIENT);
    }
    bytes_free(&key);
}

/* One cell of a leaf, or (column 0 and on, negative) of its key. */
static void put_cell(struct gathered *c, int column, const struct value *v)
{
    sqlite3_stmt *stmt = gathered_put(c, "INSERT INTO cell VALUES(?1, ?2, ?3)");
    sqlite3_bind_int64(stmt, 1, c->leaf);
    sqlite3_bind_int(stmt, 2, column);
    bind_value(stmt, 3, v);
    gathered_done(c, stmt);
}

static void put_covered(struct gathered *c, const struct leaf *leaf, int column)
{
    struct context context = context_of(leaf->contexts, (uint16_t)column);
    struct context_entry entry;
    while (context_next(&context, &entry)) {
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO covers VALUES(?1, ?2, ?3, ?4, ?5)");
        sqlite3_bind_int64(stmt, 1, c->leaf);
        sqlite3_bind_int(stmt, 2, column);
        bind_hex(stmt, 3, entry.origin, sizeof entry.origin);
        gathered_bind_hex64(stmt, 4, entry.incarnation);
        sqlite3_bind_int64(stmt, 5, (int64_t)entry.seq);
        gathered_done(c, stmt);
    }
}

static void put_element(struct gathered *c, int column, bool adds,
                        const struct value *v)
{
    sqlite3_stmt *stmt =
        gathered_put(c, "INSERT INTO element VALUES(?1, ?2, ?3, ?4)");
    sqlite3_bind_int64(stmt, 1, c->leaf);
    sqlite3_bind_int(stmt, 2, column);
    sqlite3_bind_int(stmt, 3, adds);
    bind_value(stmt, 4, v);
    gathered_done(c, stmt);
}

/* What a cell does to a list, if it is one of a list. */
static void put_elements(struct gathered *c, const struct table *t,
                         const struct leaf_cell *cell)
{
    const struct column *column =
        t == NULL ? NULL : table_column(t, cell->column);
    struct elements elements;
    if (column == NULL || column->policy != POLICY_UNION) {
        return;
    }
    if (!elements_decode(&cell->value, &elements)) {
        sim_fail("check: a list that is none, in %s.%s", t->name, column->name);
    }
    for (size_t i = 0; i < elements.added_count; i++) {
        put_element(c, cell->column, true, &elements.added[i]);
    }
    for (size_t i = 0; i < elements.removed_count; i++) {
        put_element(c, cell->column, false, &elements.removed[i]);
    }
    elements_clear(&elements);
}

static void put_cells(struct gathered *c, const struct table *t,
                      const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->key_count; i++) {
        put_cell(c, -(int)i, &leaf->key[i]);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        put_cell(c, leaf->cells[i].column, &leaf->cells[i].value);
        put_covered(c, leaf, leaf->cells[i].column);
        put_elements(c, t, &leaf->cells[i]);
    }
}

static bool counts(struct machine *m, const struct delivery *d, size_t index)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM sync_verdict"
                   " WHERE position = %llu AND leaf = %zu",
                   (unsigned long long)d->position, index);
    return machine_number(m, sql) == 0;
}

static void put_claim(struct gathered *c, const struct leaf *leaf)
{
    const struct value site = {.type = VALUE_TEXT, .bytes = leaf->owner.site};
    sqlite3_stmt *stmt =
        gathered_put(c, "UPDATE leaf SET claims = ?2, epoch = ?3,"
                        " offer = ?4 WHERE leaf = ?1");
    sqlite3_bind_int64(stmt, 1, c->leaf);
    bind_value(stmt, 2, &site);
    sqlite3_bind_int64(stmt, 3, leaf->owner.epoch);
    bind_hex(stmt, 4, leaf->owner.offer, HASH_BYTES);
    gathered_done(c, stmt);
}

static void put_leaf(struct gathered *c, struct machine *m,
                     const struct delivery *d, const struct hash *node,
                     const struct leaf *leaf, const struct changeset *cs,
                     size_t index)
{
    sqlite3_stmt *stmt = gathered_put(
        c, "INSERT INTO leaf VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
           " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, NULL, NULL, NULL)");
    const struct value scope = {.type = VALUE_TEXT, .bytes = leaf->scope.id};
    const struct hash hash = changeset_leaf_hash(cs, index);
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, node->bytes, HASH_BYTES);
    gathered_bind_hex64(stmt, 3, d->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)d->seq);
    gathered_bind_hex64(stmt, 5, d->hlc);
    sqlite3_bind_int(stmt, 6, leaf->class_id);
    sqlite3_bind_int(stmt, 7, leaf->scope.kind);
    sqlite3_bind_int64(stmt, 8, leaf->table);
    bind_key(stmt, 9, leaf);
    sqlite3_bind_int(stmt, 10, leaf->op);
    sqlite3_bind_int64(stmt, 11, leaf->cl);
    sqlite3_bind_int(stmt, 12, counts(m, d, index));
    bind_value(stmt, 13, &scope);
    bind_hex(stmt, 14, hash.bytes, HASH_BYTES);
    gathered_bind_hex64(stmt, 15,
                        leaf->named ? leaf->name.incarnation : d->incarnation);
    sqlite3_bind_int64(stmt, 16,
                       (int64_t)(leaf->named ? leaf->name.seq : d->seq));
    gathered_done(c, stmt);
    c->leaf = sqlite3_last_insert_rowid(c->db);
    if (leaf->owned) {
        put_claim(c, leaf);
    }
    put_cells(c, manifest_table(replica_manifest(m->replica), leaf->table),
              leaf);
}

static void put_leaves(struct gathered *c, struct machine *m,
                       const struct delivery *d, const struct hash *node)
{
    struct changeset *cs = NULL;
    struct leaf *leaf = malloc(sizeof *leaf);
    sim_must(journal_open(m->replica->merger.packer, &m->replica->self.network,
                          node, d, &cs, said));
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_VISIBLE) {
            sim_must(leaf_decode(slot->head, slot->body, leaf, said));
            put_leaf(c, m, d, node, leaf, cs, i);
        }
    }
    free(leaf);
    changeset_destroy(&cs);
}

static void put_held(struct gathered *c, struct machine *m,
                     const struct delivery *d, const struct hash *node)
{
    sqlite3_stmt *stmt =
        gathered_put(c, "INSERT INTO held VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                        " ?8, ?9)");
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, node->bytes, HASH_BYTES);
    gathered_bind_hex64(stmt, 3, d->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)d->seq);
    bind_hex(stmt, 5, d->hash.bytes, HASH_BYTES);
    bind_hex(stmt, 6, d->signature, SIGNATURE_BYTES);
    sqlite3_bind_int(stmt, 7, d->voided);
    gathered_bind_hex64(stmt, 8, d->prev_incarnation);
    gathered_bind_hex64(stmt, 9, d->hlc);
    gathered_done(c, stmt);
}

static void put_journal(struct gathered *c, struct machine *m)
{
    struct replica *r = m->replica;
    struct delivery d = {.position = 0};
    struct err e = {0};
    int rc;
    while ((rc = journal_next(r->db, d.position, 0, &d, &e)) == 1) {
        const struct origin *o =
            registry_origin_no(r->merger.registry, d.origin_no);
        put_held(c, m, &d, &o->node);
        put_leaves(c, m, &d, &o->node);
    }
    if (rc < 0) {
        sim_fail("%s: %s", m->site, e.text);
    }
}

/* --- tables ------------------------------------------------------------------------- */

static void put_columns(struct gathered *c, const struct manifest *m)
{
    static const char *const kinds[] = {
        [TABLE_CONTROL] = "control",
        [TABLE_EVENT] = "event",
        [TABLE_RECORD] = "record",
        [TABLE_REFERENCE] = "reference",
    };
    for (size_t i = 0; i < m->table_count; i++) {
        const struct table *t = &m->tables[i];
        for (size_t k = 0; k < t->column_count; k++) {
            sqlite3_stmt *stmt =
                gathered_put(c, "INSERT INTO col(tbl, col, name, kind)"
                                " VALUES(?1, ?2, ?3, ?4)");
            sqlite3_bind_int64(stmt, 1, t->id);
            sqlite3_bind_int(stmt, 2, t->columns[k].id);
            sqlite3_bind_text(stmt, 3, t->columns[k].name, -1, SQLITE_STATIC);
            sqlite3_bind_text(stmt, 4, kinds[t->kind], -1, SQLITE_STATIC);
            gathered_done(c, stmt);
        }
    }
}

/* What the schema's own rows say of columns, and its tables of keys. */
static void put_policies(struct gathered *c, struct machine *m)
{
    sqlite3_stmt *from = gathered_ask(
        m->client,
        "SELECT c.table_id, c.column_id, c.policy, t.base_class,"
        " nullif(p.pk, 0) - 1, min(f.column_id)"
        " FROM sync_column c JOIN sync_table t USING(table_id)"
        " JOIN pragma_table_info(t.name) p ON p.name = c.name"
        " JOIN sync_column f ON f.table_id = c.table_id"
        "  AND (f.column_id = c.column_id OR f.group_name = c.group_name)"
        " GROUP BY c.table_id, c.column_id");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt = gathered_put(
            c, "UPDATE col SET policy = ?3, base = ?4, nth = ?5, lead = ?6"
               " WHERE tbl = ?1 AND col = ?2");
        for (int i = 0; i < 6; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        gathered_done(c, stmt);
    }
    sqlite3_finalize(from);
}

static void put_hands(struct gathered *c, struct machine *m)
{
    sqlite3_stmt *from = gathered_ask(
        m->client,
        "SELECT t.table_id, o.column_id, e.column_id, f.table_id, r.column_id,"
        " s.column_id, n.column_id FROM sync_table t JOIN sync_column o"
        "  ON o.table_id = t.table_id AND o.name = t.owner_column"
        " LEFT JOIN sync_handover h ON h.table_id = t.table_id"
        " LEFT JOIN sync_table f ON f.name = h.offer_table"
        " LEFT JOIN sync_column e"
        "  ON e.table_id = t.table_id AND e.name = h.epoch_column"
        " LEFT JOIN sync_column r"
        "  ON r.table_id = f.table_id AND r.name = h.row_column"
        " LEFT JOIN sync_column s"
        "  ON s.table_id = f.table_id AND s.name = h.to_column"
        " LEFT JOIN sync_column n"
        "  ON n.table_id = f.table_id AND n.name = h.offer_epoch");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt = gathered_put(
            c, "INSERT INTO hand VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        for (int i = 0; i < 7; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        gathered_done(c, stmt);
    }
    sqlite3_finalize(from);
}

/* A column that was added later shows its default until it is written. */
static void put_defaults(struct gathered *c, struct machine *m)
{
    sqlite3_stmt *from = gathered_ask(
        m->client, "SELECT s.table_id, p.name, trim(p.dflt_value, '''')"
                   " FROM sync_table s JOIN pragma_table_info(s.name) p"
                   " WHERE p.dflt_value GLOB '''*'''");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt = gathered_put(
            c, "UPDATE col SET missing = ?3 WHERE tbl = ?1 AND name = ?2");
        for (int i = 0; i < 3; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        gathered_done(c, stmt);
    }
    sqlite3_finalize(from);
}

static void put_row(struct gathered *c, struct machine *m,
                    const struct table *t, sqlite3_stmt *row)
{
    for (size_t k = 0; k < t->column_count; k++) {
        if (sqlite3_column_type(row, (int)k + 1) == SQLITE_NULL) {
            continue;
        }
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO shown VALUES(?1, ?2, ?3, ?4, ?5)");
        sqlite3_bind_int(stmt, 1, m->index);
        sqlite3_bind_int64(stmt, 2, t->id);
        sqlite3_bind_value(stmt, 3, sqlite3_column_value(row, 0));
        sqlite3_bind_int(stmt, 4, t->columns[k].id);
        sqlite3_bind_value(stmt, 5, sqlite3_column_value(row, (int)k + 1));
        gathered_done(c, stmt);
    }
}

static void put_known(struct gathered *c, struct machine *m,
                      const struct table *t)
{
    for (size_t k = 0; k < t->column_count; k++) {
        sqlite3_stmt *stmt =
            gathered_put(c, "INSERT INTO knows VALUES(?1, ?2, ?3)");
        sqlite3_bind_int(stmt, 1, m->index);
        sqlite3_bind_int64(stmt, 2, t->id);
        sqlite3_bind_int(stmt, 3, t->columns[k].id);
        gathered_done(c, stmt);
    }
}

static void put_table(struct gathered *c, struct machine *m,
                      const struct table *t)
{
    char sql[4096];
    size_t len =
        (size_t)snprintf(sql, sizeof sql, "SELECT %s", t->key[0]->name);
    for (size_t k = 1; k < t->key_count; k++) {
        len += (size_t)snprintf(sql + len, sizeof sql - len, " || '/' || %s",
                                t->key[k]->name);
    }
    for (size_t k = 0; k < t->column_count; k++) {
        len += (size_t)snprintf(sql + len, sizeof sql - len, ", %s",
                                t->columns[k].name);
    }
    (void)snprintf(sql + len, sizeof sql - len, " FROM %s", t->name);
    sqlite3_stmt *row = gathered_ask(m->client, sql);
    while (sqlite3_step(row) == SQLITE_ROW) {
        put_row(c, m, t, row);
    }
    sqlite3_finalize(row);
}

static void put_tables(struct gathered *c, struct machine *m)
{
    const struct manifest *own = replica_manifest(m->replica);
    for (size_t i = 0; i < own->table_count; i++) {
        const struct table *t = &own->tables[i];
        put_known(c, m, t);
        if (t->kind != TABLE_CONTROL) {
            put_table(c, m, t);
        }
    }
}

/* --- who is there -------------------------------------------------------------------- */

static const char *district_of(const struct world *w, const struct machine *m)
{
    const struct machine *top = m;
    while (top->parent > 0) {
        top = &w->machines[top->parent];
    }
    return top->site;
}

static void put_machine(struct gathered *c, struct machine *m)
{
    sqlite3_stmt *stmt = gathered_ask(
        c->db,
        "INSERT INTO machine VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, replica_self(m->replica)->node.bytes, HASH_BYTES);
    sqlite3_bind_text(stmt, 3, district_of(c->world, m), -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, m->parent);
    sqlite3_bind_int(stmt, 5, m->parent < 0);
    sqlite3_bind_int(stmt, 6, m->ended);
    sqlite3_bind_text(stmt, 7, m->site, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 8, m->was_put_back);
    sqlite3_bind_int(stmt, 9, m->wrote_past);
    sqlite3_bind_int(stmt, 10, m->scrub_held);
    gathered_done(c, stmt);
}

/* Whose program knows all that any program of the world knows. */
static struct machine *newest(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        if (w->machines[i].schema != sim.schema) {
            return &w->machines[i];
        }
    }
    return &w->machines[0];
}

void gather(struct world *w, struct gathered *ret)
{
    struct machine *of = newest(w);
    *ret = (struct gathered){.world = w};
    if (sqlite3_open(":memory:", &ret->db) != SQLITE_OK) {
        sim_fail("check: no memory");
    }
    gathered_run(ret, tables);
    gathered_run(ret, "BEGIN");
    put_columns(ret, replica_manifest(of->replica));
    put_policies(ret, of);
    put_defaults(ret, of);
    put_hands(ret, of);
    told_put(ret);
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        sim.running = m;
        put_machine(ret, m);
        put_journal(ret, m);
        put_tables(ret, m);
        asked_put(ret, m);
    }
    sim.running = NULL;
    gathered_run(ret, "CREATE INDEX leaf_row ON leaf(machine, tbl, key);"
                      "CREATE INDEX leaf_name"
                      " ON leaf(machine, node, incarnation, seq);"
                      "CREATE INDEX covers_leaf ON covers(leaf, col);"
                      "CREATE INDEX element_leaf ON element(leaf, col);"
                      "CREATE INDEX held_name ON held(node, incarnation, seq)");
}
