/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "store/parts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 2 * HASH_BYTES + 1 };

struct check {
    struct world *world;
    sqlite3 *db;  /* in memory */
    int64_t leaf; /* the last id */
};

/* Numbers that are unsigned, and hashes, stand as hex: they compare as text. */
static const char tables[] =
    "CREATE TABLE machine(machine INTEGER PRIMARY KEY, node TEXT, district TEXT,"
    " parent INTEGER, root INTEGER, ended INTEGER, site TEXT);"
    "CREATE TABLE held(machine, node, incarnation, seq, hash, signature,"
    " voided);"
    "CREATE TABLE leaf(leaf INTEGER PRIMARY KEY, machine, node, incarnation,"
    " seq, hlc, class, scope, tbl, key, op, cl, owned, counts, to_site);"
    "CREATE TABLE cell(leaf, col, value ANY);"
    "CREATE TABLE col(tbl, col, name, policy, kind, missing);"
    "CREATE TABLE shown(machine, tbl, key, col, value ANY);"
    "CREATE TABLE wrote(machine, tbl, key, past, lost);"
    "CREATE TABLE parked(machine, tbl);";

static void run(struct check *c, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(c->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        sim_fail("check: %s: %s", sql, message);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        sim_fail("check: %s: %s", sql, sqlite3_errmsg(db));
    }
    return stmt;
}

static void done(struct check *c, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        sim_fail("check: %s", sqlite3_errmsg(c->db));
    }
    sqlite3_finalize(stmt);
}

/* No row may come of it: the first says what is wrong. */
static void expect_none(struct check *c, const char *invariant, const char *sql)
{
    sqlite3_stmt *stmt = prepare(c->db, sql);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        sim_fail("%s: %s", invariant,
                 (const char *)sqlite3_column_text(stmt, 0));
    }
    if (rc != SQLITE_DONE) {
        sim_fail("check: %s: %s", sql, sqlite3_errmsg(c->db));
    }
    sqlite3_finalize(stmt);
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

static void bind_hex64(sqlite3_stmt *stmt, int at, uint64_t n)
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

/* One cell of a leaf, or (column 0 and on, negative) of its key. */
static void put_cell(struct check *c, int column, const struct value *v)
{
    sqlite3_stmt *stmt = prepare(c->db, "INSERT INTO cell VALUES(?1, ?2, ?3)");
    sqlite3_bind_int64(stmt, 1, c->leaf);
    sqlite3_bind_int(stmt, 2, column);
    bind_value(stmt, 3, v);
    done(c, stmt);
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

static void put_leaf(struct check *c, struct machine *m,
                     const struct delivery *d, const struct hash *node,
                     const struct leaf *leaf, size_t index)
{
    sqlite3_stmt *stmt = prepare(
        c->db, "INSERT INTO leaf VALUES(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
               " ?9, ?10, ?11, ?12, ?13, ?14)");
    const struct value to = {.type = VALUE_TEXT, .bytes = leaf->scope.id};
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, node->bytes, HASH_BYTES);
    bind_hex64(stmt, 3, d->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)d->seq);
    bind_hex64(stmt, 5, d->hlc);
    sqlite3_bind_int(stmt, 6, leaf->class_id);
    sqlite3_bind_int(stmt, 7, leaf->scope.kind);
    sqlite3_bind_int64(stmt, 8, leaf->table);
    bind_value(stmt, 9, &leaf->key[0]);
    sqlite3_bind_int(stmt, 10, leaf->op);
    sqlite3_bind_int64(stmt, 11, leaf->cl);
    sqlite3_bind_int(stmt, 12, leaf->owned);
    sqlite3_bind_int(stmt, 13, counts(m, d, index));
    if (leaf->scope.kind == SCOPE_SITE) {
        bind_value(stmt, 14, &to);
    }
    done(c, stmt);
    c->leaf = sqlite3_last_insert_rowid(c->db);
    for (size_t i = 0; i < leaf->key_count; i++) {
        put_cell(c, -(int)i, &leaf->key[i]);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        put_cell(c, leaf->cells[i].column, &leaf->cells[i].value);
    }
}

static void put_leaves(struct check *c, struct machine *m,
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
            put_leaf(c, m, d, node, leaf, i);
        }
    }
    free(leaf);
    changeset_destroy(&cs);
}

static void put_held(struct check *c, struct machine *m,
                     const struct delivery *d, const struct hash *node)
{
    sqlite3_stmt *stmt =
        prepare(c->db, "INSERT INTO held VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, node->bytes, HASH_BYTES);
    bind_hex64(stmt, 3, d->incarnation);
    sqlite3_bind_int64(stmt, 4, (int64_t)d->seq);
    bind_hex(stmt, 5, d->hash.bytes, HASH_BYTES);
    bind_hex(stmt, 6, d->signature, SIGNATURE_BYTES);
    sqlite3_bind_int(stmt, 7, d->voided);
    done(c, stmt);
}

static void put_journal(struct check *c, struct machine *m)
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

static void put_columns(struct check *c, const struct manifest *m)
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
            sqlite3_stmt *stmt = prepare(
                c->db, "INSERT INTO col VALUES(?1, ?2, ?3, ?4, ?5, NULL)");
            sqlite3_bind_int64(stmt, 1, t->id);
            sqlite3_bind_int(stmt, 2, t->columns[k].id);
            sqlite3_bind_text(stmt, 3, t->columns[k].name, -1, SQLITE_STATIC);
            sqlite3_bind_text(stmt, 5, kinds[t->kind], -1, SQLITE_STATIC);
            done(c, stmt);
        }
    }
}

/* Policies as the schema's own rows have them. */
static void put_policies(struct check *c, struct machine *m)
{
    sqlite3_stmt *from = prepare(
        m->client, "SELECT table_id, column_id, policy FROM sync_column");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt = prepare(
            c->db, "UPDATE col SET policy = ?3 WHERE tbl = ?1 AND col = ?2");
        for (int i = 0; i < 3; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        done(c, stmt);
    }
    sqlite3_finalize(from);
}

/* A column that was added later shows its default until it is written. */
static void put_defaults(struct check *c, struct machine *m)
{
    sqlite3_stmt *from =
        prepare(m->client, "SELECT s.table_id, p.name, trim(p.dflt_value, '''')"
                           " FROM sync_table s JOIN pragma_table_info(s.name) p"
                           " WHERE p.dflt_value GLOB '''*'''");
    while (sqlite3_step(from) == SQLITE_ROW) {
        sqlite3_stmt *stmt = prepare(
            c->db, "UPDATE col SET missing = ?3 WHERE tbl = ?1 AND name = ?2");
        for (int i = 0; i < 3; i++) {
            sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(from, i));
        }
        done(c, stmt);
    }
    sqlite3_finalize(from);
}

static void put_row(struct check *c, struct machine *m, const struct table *t,
                    sqlite3_stmt *row)
{
    for (size_t k = 0; k < t->column_count; k++) {
        if (sqlite3_column_type(row, (int)k + 1) == SQLITE_NULL) {
            continue;
        }
        sqlite3_stmt *stmt =
            prepare(c->db, "INSERT INTO shown VALUES(?1, ?2, ?3, ?4, ?5)");
        sqlite3_bind_int(stmt, 1, m->index);
        sqlite3_bind_int64(stmt, 2, t->id);
        sqlite3_bind_value(stmt, 3, sqlite3_column_value(row, 0));
        sqlite3_bind_int(stmt, 4, t->columns[k].id);
        sqlite3_bind_value(stmt, 5, sqlite3_column_value(row, (int)k + 1));
        done(c, stmt);
    }
}

/* The columns that every program of the world knows. */
static void put_table(struct check *c, struct machine *m, const struct table *t)
{
    char sql[4096];
    size_t len =
        (size_t)snprintf(sql, sizeof sql, "SELECT %s", t->key[0]->name);
    for (size_t k = 0; k < t->column_count; k++) {
        len += (size_t)snprintf(sql + len, sizeof sql - len, ", %s",
                                t->columns[k].name);
    }
    (void)snprintf(sql + len, sizeof sql - len, " FROM %s", t->name);
    sqlite3_stmt *row = prepare(m->client, sql);
    while (sqlite3_step(row) == SQLITE_ROW) {
        put_row(c, m, t, row);
    }
    sqlite3_finalize(row);
}

static void put_tables(struct check *c, struct machine *m,
                       const struct manifest *known)
{
    for (size_t i = 0; i < known->table_count; i++) {
        const struct table *t = &known->tables[i];
        if (t->kind != TABLE_CONTROL && t->key_count == 1) {
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

static void put_machine(struct check *c, struct machine *m)
{
    sqlite3_stmt *stmt = prepare(
        c->db, "INSERT INTO machine VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    sqlite3_bind_int(stmt, 1, m->index);
    bind_hex(stmt, 2, replica_self(m->replica)->node.bytes, HASH_BYTES);
    sqlite3_bind_text(stmt, 3, district_of(c->world, m), -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, m->parent);
    sqlite3_bind_int(stmt, 5, m->parent < 0);
    sqlite3_bind_int(stmt, 6, m->ended);
    sqlite3_bind_text(stmt, 7, m->site, -1, SQLITE_STATIC);
    done(c, stmt);
}

static void put_written(struct check *c)
{
    for (size_t i = 0; i < c->world->written_count; i++) {
        const struct written *w = &c->world->written[i];
        char key[32];
        sqlite3_stmt *stmt =
            prepare(c->db, "INSERT INTO wrote VALUES(?1, ?2, ?3, ?4, ?5)");
        (void)snprintf(key, sizeof key, "%c%u", writer_tables[w->table].letter,
                       w->number);
        sqlite3_bind_int(stmt, 1, w->machine);
        sqlite3_bind_text(stmt, 2, writer_tables[w->table].name, -1,
                          SQLITE_STATIC);
        sqlite3_bind_text(stmt, 3, key, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(stmt, 4, w->past);
        sqlite3_bind_int(stmt, 5, w->lost);
        done(c, stmt);
    }
}

/* A manifest that no program of the world lacks anything of. */
static struct machine *oldest(struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        if (w->machines[i].schema == &schema_embedded) {
            return &w->machines[i];
        }
    }
    return &w->machines[0];
}

/* --- what must be true ------------------------------------------------------------------ */

static void check_names(struct check *c)
{
    expect_none(c, "[I-4] one name has two contents",
                "SELECT node || ' ' || seq FROM held"
                " GROUP BY node, incarnation, seq"
                " HAVING count(DISTINCT hash) > 1");
    expect_none(c, "[I-3] a signature is not the same everywhere",
                "SELECT node || ' ' || seq FROM held"
                " GROUP BY node, incarnation, seq"
                " HAVING count(DISTINCT signature) > 1");
}

/* Headquarters has everything that anybody has, and everybody what routing says:
 * who was put back has its own from the others. */
static void check_holdings(struct check *c)
{
    run(c, "CREATE INDEX held_name ON held(node, incarnation, seq)");
    run(c, "CREATE TABLE due AS SELECT DISTINCT l.node, l.incarnation, l.seq,"
           " l.class, l.scope, l.tbl, l.key, o.root, o.district, o.ended,"
           " iif(o.root AND l.to_site <> o.site, l.to_site, NULL) AS to_site"
           " FROM leaf l JOIN machine o USING(node)"
           " JOIN held h ON h.machine = l.machine AND h.node = l.node"
           " AND h.incarnation = l.incarnation AND h.seq = l.seq"
           " WHERE NOT EXISTS(SELECT 1 FROM held v WHERE v.node = l.node"
           "  AND v.incarnation = l.incarnation AND v.seq = l.seq"
           "  AND v.voided)");
    run(c, "CREATE INDEX leaf_name ON leaf(machine, node, incarnation, seq)");
    /* what headquarters addresses to a site goes to it and to those above */
    run(c, "CREATE TABLE leads AS WITH RECURSIVE up(machine, site) AS ("
           " SELECT machine, site FROM machine UNION"
           " SELECT m.parent, up.site FROM up JOIN machine m USING(machine)"
           " WHERE m.parent >= 0) SELECT * FROM up");
    expect_none(c, "[I-1] [I-13] a change is not where it should be",
                "SELECT format('machine %d lacks table %d key %s of %s %d',"
                "  m.machine, d.tbl, d.key, d.node, d.seq)"
                " FROM due d, machine m"
                " WHERE NOT m.ended AND NOT d.ended"
                "   AND (m.root OR (d.root AND d.to_site IS NULL)"
                "        OR d.scope = 0"
                "        OR (d.to_site IS NULL AND d.district = m.district)"
                "        OR EXISTS(SELECT 1 FROM leads s"
                "            WHERE s.machine = m.machine"
                "              AND s.site = d.to_site))"
                "   AND NOT EXISTS(SELECT 1 FROM leaf l"
                "    WHERE l.machine = m.machine AND l.node = d.node"
                "      AND l.incarnation = d.incarnation AND l.seq = d.seq"
                "      AND l.class = d.class AND l.tbl = d.tbl"
                "      AND l.key IS d.key)");
    expect_none(c, "a change is where it should not be",
                "SELECT format('machine %d has table %d key %s of %s %d',"
                "  m.machine, l.tbl, l.key, l.node, l.seq)"
                " FROM leaf l JOIN machine m USING(machine)"
                " JOIN machine o ON o.node = l.node"
                " WHERE NOT (m.root OR l.scope = 0"
                "  OR (NOT o.root AND o.district = m.district)"
                "  OR (o.root AND (l.to_site IS NULL OR l.to_site = o.site))"
                "  OR EXISTS(SELECT 1 FROM leads s"
                "      WHERE s.machine = m.machine AND s.site = l.to_site))");
}

/* For who looks at a failure with --trace: all that was said of the first row
 * that is not as expected. */
static void say_first_difference(struct check *c)
{
    sqlite3_stmt *stmt = prepare(
        c->db,
        "SELECT format('machine %d: %s cl %d op %d class %d seq %d of %.8s %s"
        " hlc %s%s: %s', l.machine, l.key, l.cl, l.op, l.class, l.seq, l.node,"
        "  l.incarnation, l.hlc, iif(l.counts, '', ', does not count'),"
        "  (SELECT group_concat(col || '=' || quote(value), ' ') FROM cell"
        "    WHERE cell.leaf = l.leaf))"
        " FROM leaf l JOIN (SELECT machine, tbl, key FROM"
        "  (SELECT * FROM shown EXCEPT SELECT * FROM expected"
        "   UNION SELECT * FROM expected EXCEPT SELECT * FROM shown) LIMIT 1)"
        "  USING(machine, tbl, key) ORDER BY l.hlc");
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        sim_say("%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
}

/* Rows by the page: semantics.md, section 5, for what people write here. */
static void check_rows(struct check *c)
{
    run(c,
        "CREATE TABLE taken AS SELECT l.leaf FROM leaf l"
        " WHERE EXISTS(SELECT 1 FROM leaf v"
        "  JOIN cell n ON n.leaf = v.leaf AND n.col = 0"
        "  JOIN cell i ON i.leaf = v.leaf AND i.col = -1"
        "  JOIN cell a ON a.leaf = v.leaf AND a.col = -2"
        "  WHERE v.tbl = 4 AND v.machine = l.machine AND v.node = l.node"
        "    AND lower(hex(n.value)) = l.node"
        "    AND lower(hex(i.value)) = l.incarnation AND l.seq > a.value)"
        " OR EXISTS(SELECT 1 FROM leaf v"
        "  JOIN cell n ON n.leaf = v.leaf AND n.col = 0"
        "  JOIN cell a ON a.leaf = v.leaf AND a.col = -1"
        "  WHERE v.tbl = 3 AND v.machine = l.machine"
        "    AND lower(hex(n.value)) = l.node AND l.seq > a.value)"
        /* of a clone events count, and nothing else */
        " OR l.tbl NOT IN (SELECT tbl FROM col WHERE kind IN ('event', 'control'))"
        "  AND EXISTS(SELECT 1 FROM leaf v"
        "  JOIN cell n ON n.leaf = v.leaf AND n.col = 2"
        "  JOIN cell i ON i.leaf = v.leaf AND i.col = 3"
        "  JOIN cell a ON a.leaf = v.leaf AND a.col = 4"
        "  WHERE v.tbl = 5 AND v.machine = l.machine"
        "    AND lower(hex(n.value)) = l.node"
        "    AND lower(hex(i.value)) = l.incarnation AND l.seq >= a.value)");
    run(c, "CREATE INDEX taken_leaf ON taken(leaf)");
    run(c, "CREATE TABLE life AS SELECT DISTINCT machine, tbl, key FROM leaf l"
           " WHERE op = 1 AND cl = 1 AND tbl >= 10"
           "   AND (SELECT count(*) FROM col WHERE col.tbl = l.tbl"
           "     AND policy = 'key') = 1"
           "   AND class = (SELECT min(class) FROM leaf b WHERE b.tbl = l.tbl"
           "     AND b.key = l.key AND b.op = 1 AND b.machine = l.machine)"
           "   AND l.leaf NOT IN (SELECT leaf FROM taken)");
    run(c, "CREATE INDEX life_row ON life(machine, tbl, key)");
    run(c,
        "CREATE TABLE expected AS"
        " SELECT machine, tbl, key, col, value FROM ("
        "  SELECT l.machine, l.tbl, l.key, c.col, c.value, row_number() OVER ("
        "   PARTITION BY l.machine, l.tbl, l.key, c.col ORDER BY"
        "    CASE WHEN k.policy = 'max' THEN -c.value"
        "         WHEN k.policy = 'min' THEN c.value"
        "         WHEN k.policy GLOB 'rank*'"
        "           THEN -instr(replace(replace(k.policy, '(', ','), ')', ','),"
        "                       ',' || c.value || ',')"
        "         ELSE 0 END,"
        /* who wrote first: stamps of one millisecond go by the node */
        "    CASE WHEN k.kind = 'event' OR k.policy IN ('fixed', 'origin')"
        "         THEN l.hlc || l.node || l.incarnation END,"
        "    l.hlc DESC, l.node DESC, l.incarnation DESC, l.seq DESC) AS nth"
        "   FROM leaf l JOIN cell c USING(leaf)"
        "   JOIN col k ON k.tbl = l.tbl AND k.col = c.col"
        "   JOIN life USING(machine, tbl, key)"
        "  WHERE l.cl = 1 AND k.policy IS NOT NULL"
        "    AND k.policy NOT GLOB 'review*' AND k.policy <> 'union'"
        "    AND l.leaf NOT IN (SELECT leaf FROM taken))"
        " WHERE nth = 1 AND value IS NOT NULL"
        " UNION ALL SELECT life.machine, k.tbl, life.key, k.col, k.missing"
        "  FROM life JOIN col k ON k.tbl = life.tbl"
        "  WHERE k.missing IS NOT NULL AND NOT EXISTS(SELECT 1 FROM leaf l"
        "   JOIN cell c USING(leaf) WHERE l.machine = life.machine"
        "   AND l.tbl = k.tbl AND l.key = life.key AND c.col = k.col"
        "   AND l.leaf NOT IN (SELECT leaf FROM taken))"
        " UNION ALL SELECT machine, tbl, key, (SELECT col FROM col"
        "   WHERE col.tbl = life.tbl AND policy = 'key'), key FROM life");
    run(c, "DELETE FROM shown WHERE EXISTS(SELECT 1 FROM col k WHERE"
           " k.tbl = shown.tbl AND k.col = shown.col"
           " AND (k.policy GLOB 'review*' OR k.policy = 'union'))");
    if (sim.traces) {
        say_first_difference(c);
    }
    expect_none(c, "[I-2] a row shows what its changes do not say",
                "SELECT format('machine %d table %d key %s column %d shows %s',"
                " machine, tbl, key, col, quote(value)) FROM"
                " (SELECT * FROM shown EXCEPT SELECT * FROM expected)");
    expect_none(c, "[I-2] a row does not show what its changes say",
                "SELECT format('machine %d table %d key %s column %d lacks %s',"
                " machine, tbl, key, col, quote(value)) FROM"
                " (SELECT * FROM expected EXCEPT SELECT * FROM shown)");
}

static void check_written(struct check *c)
{
    expect_none(c, "[I-6] a row that a program wrote is not at headquarters",
                "SELECT format('%s %s of machine %d', tbl, key, machine)"
                " FROM wrote JOIN machine USING(machine)"
                " WHERE NOT past AND NOT lost AND NOT ended AND key NOT IN"
                "  (SELECT key FROM shown WHERE machine = 0)"
                /* of a clone it waits for a person */
                " AND NOT (key IN (SELECT key FROM leaf JOIN taken USING(leaf)"
                "   WHERE leaf.machine = 0)"
                "  AND EXISTS(SELECT 1 FROM leaf v"
                "   JOIN cell n ON n.leaf = v.leaf AND n.col = 2"
                "   WHERE v.tbl = 5 AND v.machine = 0"
                "     AND lower(hex(n.value)) = machine.node))");
    expect_none(c, "[I-8] a deletion that nobody made",
                "SELECT format('table %d key %s of %s %d', tbl, key, node, seq)"
                " FROM leaf WHERE op = 3");
    expect_none(c, "[I-6] a change waits though its row is here, or is refused",
                "SELECT format('machine %d table %d key %s of %s %d', machine,"
                " tbl, key, node, seq) FROM leaf JOIN life"
                /* of an event that two wrote the first counts */
                " USING(machine, tbl, key) WHERE NOT counts"
                " AND NOT EXISTS(SELECT 1 FROM leaf f JOIN col k USING(tbl)"
                "  WHERE k.kind = 'event' AND f.machine = leaf.machine"
                "   AND f.tbl = leaf.tbl AND f.key IS leaf.key"
                "   AND (f.hlc, f.node, f.incarnation, f.seq) <"
                "       (leaf.hlc, leaf.node, leaf.incarnation, leaf.seq))"
                " AND leaf.leaf NOT IN (SELECT leaf FROM taken)");
}

static void check_replay(struct machine *m)
{
    struct verified v = {0};
    sim_must(replica_verify(m->replica, &v, said));
    if (v.differ != 0) {
        sim_fail("[I-10] %s: %llu rows are not as a replay makes them: %s",
                 m->site, (unsigned long long)v.differ, v.first);
    }
}

void check_world(struct world *w)
{
    struct check c = {.world = w};
    struct machine *old = oldest(w);
    if (sqlite3_open(":memory:", &c.db) != SQLITE_OK) {
        sim_fail("check: no memory");
    }
    run(&c, tables);
    run(&c, "BEGIN");
    put_columns(&c, replica_manifest(old->replica));
    put_policies(&c, old);
    put_defaults(&c, old);
    put_written(&c);
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        sim.running = m;
        put_machine(&c, m);
        put_journal(&c, m);
        put_tables(&c, m, replica_manifest(old->replica));
        check_replay(m);
    }
    sim.running = NULL;
    run(&c, "CREATE INDEX leaf_row ON leaf(machine, tbl, key)");
    run(&c, "CREATE INDEX cell_leaf ON cell(leaf)");
    check_names(&c);
    check_holdings(&c);
    check_rows(&c);
    check_written(&c);
    sqlite3_close(c.db);
}
