/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include "store/capture.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* An updated cell up to this size needs no look at the whole row... */
    SMALL_CELL_BYTES = 256,
    /* ...because the limit the guards enforce leaves room for one in each
     * column, which is also room for keys and names of sites. A number, or a
     * value's type and length, takes up to 9. */
    ROOM_BYTES = SMALL_CELL_BYTES + 9,
};

/* Formats as sqlite3_mprintf() does: "%w" doubles the quotes in a name, %Q
 * quotes a literal, %q doubles the quotes in one. */
static void put(struct bytes *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    if (text == NULL) {
        abort();
    }
    size_t len = strlen(text);
    bytes_put(out, text, len + 1);
    out->len--; /* the NUL is there, and not counted */
    sqlite3_free(text);
}

/* ---- statements ----------------------------------------------------------- */

/* "k1", "k2" */
static void put_key_names(const struct table *t, struct bytes *out)
{
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, "%s\"%w\"", i == 0 ? "" : ", ", t->key[i]->name);
    }
}

/*  WHERE "k1" = ?1 AND "k2" = ?2 */
static void put_where_key(const struct table *t, struct bytes *out)
{
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, " %s \"%w\" = ?%d", i == 0 ? "WHERE" : "AND", t->key[i]->name,
            (int)i + 1);
    }
}

static void put_select(const struct table *t, struct bytes *out)
{
    for (size_t i = 0; i < t->column_count; i++) {
        put(out, "%s\"%w\"", i == 0 ? "SELECT " : ", ", t->columns[i].name);
    }
    put(out, " FROM \"%w\"", t->name);
}

void sql_select_row(const struct table *t, struct bytes *out)
{
    put_select(t, out);
    put_where_key(t, out);
}

void sql_select_rows(const struct table *t, struct bytes *out)
{
    put_select(t, out);
    put(out, " ORDER BY ");
    put_key_names(t, out);
}

/* INSERT INTO ... ON CONFLICT("k1") DO */
static void put_insert(const struct table *t,
                       const struct column *const *columns, size_t count,
                       struct bytes *out)
{
    put(out, "INSERT INTO \"%w\"(", t->name);
    put_key_names(t, out);
    for (size_t i = 0; i < count; i++) {
        assert(columns[i]->policy != POLICY_KEY);
        put(out, ", \"%w\"", columns[i]->name);
    }
    put(out, ") VALUES(");
    for (size_t i = 0; i < t->key_count + count; i++) {
        put(out, "%s?%d", i == 0 ? "" : ", ", (int)i + 1);
    }
    put(out, ") ON CONFLICT(");
    put_key_names(t, out);
    put(out, ") DO ");
}

void sql_insert(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out)
{
    put_insert(t, columns, count, out);
    put(out, "NOTHING");
}

void sql_upsert(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out)
{
    put_insert(t, columns, count, out);
    put(out, count == 0 ? "NOTHING" : "UPDATE SET ");
    for (size_t i = 0; i < count; i++) {
        put(out, "%s\"%w\" = excluded.\"%w\"", i == 0 ? "" : ", ",
            columns[i]->name, columns[i]->name);
    }
}

void sql_update(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out)
{
    assert(count > 0);
    put(out, "UPDATE \"%w\" SET ", t->name);
    for (size_t i = 0; i < count; i++) {
        assert(columns[i]->policy != POLICY_KEY);
        put(out, "%s\"%w\" = ?%d", i == 0 ? "" : ", ", columns[i]->name,
            (int)(t->key_count + i + 1));
    }
    put_where_key(t, out);
}

void sql_delete_row(const struct table *t, struct bytes *out)
{
    put(out, "DELETE FROM \"%w\"", t->name);
    put_where_key(t, out);
}

void sql_delete_rows(const struct table *t, struct bytes *out)
{
    put(out, "DELETE FROM \"%w\"", t->name);
}

/* ---- triggers: expressions ------------------------------------------------ */

/* "held"."k1" = NEW."k1" AND ... */
static void put_same_key(const struct table *t, struct bytes *out)
{
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, "%sheld.\"%w\" = NEW.\"%w\"", i == 0 ? "" : " AND ",
            t->key[i]->name, t->key[i]->name);
    }
}

/* Two values of a column are not the same as stored: whatever its collation,
 * and 1 is not 1.0, which only ANY can tell apart in a STRICT table. */
static void put_differs(const struct column *c, const char *other,
                        struct bytes *out)
{
    put(out, "%s%s.\"%w\" IS NOT NEW.\"%w\" COLLATE BINARY", c->any ? "(" : "",
        other, c->name, c->name);
    if (c->any) {
        put(out, " OR typeof(%s.\"%w\") <> typeof(NEW.\"%w\"))", other, c->name,
            c->name);
    }
}

/* length() of a text counts characters, up to a NUL. */
static void put_size(const struct column *c, struct bytes *out)
{
    put(out, "length(CAST(NEW.\"%w\" AS BLOB))", c->name);
}

/* Are the bytes of a column for a size guard to bound? Keys, routes and the
 * names of sites have bounds of their own. */
static bool is_sized(const struct table *t, const struct column *c)
{
    return c->varies && c->policy != POLICY_KEY && c != t->route_column &&
           c != t->owner_column && c != t->origin_column;
}

static bool has_sizes(const struct table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (is_sized(t, &t->columns[i])) {
            return true;
        }
    }
    return false;
}

/* The quickest sum: for every INSERT. Only after it, NOT NULL holds. */
static void put_row_size(const struct table *t, struct bytes *out)
{
    const char *glue = "";
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (is_sized(t, c)) {
            put(out, "%s%s", glue, c->not_null ? "" : "ifnull(");
            put_size(c, out);
            put(out, c->not_null ? "" : ", 0)");
            glue = " + ";
        }
    }
}

/* The shortest text, for where it is hardly ever computed: every program that
 * opens the replica reads all triggers. */
static void put_row_size_short(const struct table *t, struct bytes *out)
{
    const char *glue = "length(CAST(";
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (is_sized(t, c)) {
            put(out, c->not_null ? "%sNEW.\"%w\"" : "%sifnull(NEW.\"%w\", '')",
                glue, c->name);
            glue = " || ";
        }
    }
    put(out, " AS BLOB))");
}

static int row_bytes_max(const struct table *t)
{
    return ROW_BYTES_MAX - ROOM_BYTES * (int)t->column_count;
}

/* ---- triggers: refusals --------------------------------------------------- */

/* RAISE takes one literal, so sentences name tables and columns, not rows. */

static void put_refuse_owner(const struct table *t, struct bytes *out)
{
    put(out,
        " THEN RAISE(ABORT, '%q: this row belongs to another site; only the "
        "site in %q may change it')\n",
        t->name, t->owner_column->name);
}

static void put_refuse_handover(const struct table *t, struct bytes *out)
{
    put(out,
        " THEN RAISE(ABORT, '%q: a row goes to another site by an offer in %q, "
        "which that site takes by writing itself into %q')\n",
        t->name, t->handover.offers->name, t->owner_column->name);
}

/* This site takes the row: its owner offered it here, under the epoch that the
 * row has. */
static void put_taken(const struct table *t, const struct sql_site *site,
                      struct bytes *out)
{
    const struct handover *h = &t->handover;
    put(out,
        "(NEW.\"%w\" IS %Q AND EXISTS(SELECT 1 FROM \"%w\" AS offer WHERE"
        " offer.\"%w\" = OLD.\"%w\" AND offer.\"%w\" = %Q"
        " AND offer.\"%w\" = OLD.\"%w\" AND offer.\"%w\" = OLD.\"%w\"))",
        t->owner_column->name, site->site_id, h->offers->name, h->row->name,
        t->key[0]->name, h->to->name, site->site_id, h->epoch->name,
        t->epoch_column->name, h->offers->origin_column->name,
        t->owner_column->name);
}

/* The owner writes what is the owner's; another site, while it takes the row
 * over. Owner and epoch change only so. */
static void put_when_not_owner(const struct table *t, const struct column *c,
                               const struct sql_site *site, struct bytes *out)
{
    put(out, "    WHEN OLD.\"%w\" IS NOT %Q", t->owner_column->name,
        site->site_id);
    if (t->epoch_column != NULL) {
        put(out, " AND NOT ");
        put_taken(t, site, out);
    }
    if (t->epoch_column != NULL && c == t->owner_column) {
        put(out,
            " THEN RAISE(ABORT, '%q: this row belongs to another site, which "
            "has not offered it to this one; ask there for an offer in %q')\n",
            t->name, t->handover.offers->name);
    } else {
        put_refuse_owner(t, out);
    }
    if (t->epoch_column != NULL &&
        (c == t->owner_column || c == t->epoch_column)) {
        put(out, "    WHEN OLD.\"%w\" IS %Q", t->owner_column->name,
            site->site_id);
        put_refuse_handover(t, out);
    }
}

static void put_refuse_fixed(const struct table *t, const struct column *c,
                             struct bytes *out)
{
    put(out,
        " THEN RAISE(ABORT, '%q.%q is written once; put it right "
        "with a new row')\n",
        t->name, c->name);
}

static void put_refuse_cell(const struct table *t, const struct column *c,
                            struct bytes *out)
{
    put(out, " THEN RAISE(ABORT, '%q.%q: a value has at most %d bytes')\n",
        t->name, c->name, (int)CELL_BYTES_MAX);
}

static void put_refuse_row(const struct table *t, struct bytes *out)
{
    put(out,
        " THEN RAISE(ABORT, '%q: the values of a row have at most %d bytes in "
        "all')\n",
        t->name, row_bytes_max(t));
}

/* The writer's name in a new row is this site's. A row that is there already
 * has been judged; INSERT OR IGNORE and UPSERT may name it. */
static void put_when_foreign(const struct table *t, const struct column *c,
                             const struct sql_site *site, struct bytes *out)
{
    put(out,
        "    WHEN NEW.\"%w\" IS NOT %Q AND NOT EXISTS(SELECT 1 FROM \"%w\" AS "
        "held WHERE ",
        c->name, site->site_id, t->name);
    put_same_key(t, out);
    if (c == t->owner_column) {
        put(out, " AND held.\"%w\" IS NEW.\"%w\"", c->name, c->name);
    }
    put(out,
        ")\n      THEN RAISE(ABORT, '%q.%q names the site that writes the "
        "row; here that is %q')\n",
        t->name, c->name, site->site_id);
}

/* Keys and scopes have 1 to KEY_BYTES_MAX bytes. */
static void put_when_key_size(const struct table *t, const struct column *c,
                              struct bytes *out)
{
    if (!c->varies) {
        return;
    }
    put(out, "    WHEN ");
    put_size(c, out);
    put(out,
        " NOT BETWEEN 1 AND %d\n      THEN RAISE(ABORT, '%q.%q: a key has 1 "
        "to %d bytes')\n",
        (int)KEY_BYTES_MAX, t->name, c->name, (int)KEY_BYTES_MAX);
}

/* One sum settles nearly every row: a row within the limit of one cell has no
 * larger cell. */
static void put_when_large(const struct table *t, struct bytes *out)
{
    int row_max = row_bytes_max(t);
    if (!has_sizes(t)) {
        return;
    }
    put(out, "    WHEN ");
    put_row_size(t, out);
    put(out, " > %d THEN CASE\n",
        row_max < CELL_BYTES_MAX ? row_max : (int)CELL_BYTES_MAX);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (is_sized(t, c)) {
            put(out, "      WHEN ");
            put_size(c, out);
            put(out, " > %d", (int)CELL_BYTES_MAX);
            put_refuse_cell(t, c, out);
        }
    }
    put(out, "      WHEN ");
    put_row_size_short(t, out);
    put(out, " > %d", row_max);
    put_refuse_row(t, out);
    put(out, "    END\n");
}

/* An explicit other value for what is written once. A value that is the
 * default, or NULL where there is none, was hardly meant: it comes with every
 * INSERT that leaves the column out ('now' stands still within a statement). */
static void put_rewrites(const struct column *c, struct bytes *out)
{
    put(out, "(");
    put_differs(c, "held", out);
    if (c->default_sql != NULL) {
        put(out, " AND NEW.\"%w\" IS NOT (%s)", c->name, c->default_sql);
    } else if (!c->not_null) {
        put(out, " AND NEW.\"%w\" IS NOT NULL", c->name);
    }
    put(out, ")");
}

/* The same key with other content. Computed defaults (recorded_at) differ
 * each time; they do not count when left out. */
static void put_when_other_event(const struct table *t, struct bytes *out)
{
    const char *glue = "    WHEN ";
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->policy == POLICY_KEY) {
            continue;
        }
        put(out, "%s", glue);
        if (c->minted) {
            put_rewrites(c, out);
        } else {
            put_differs(c, "held", out);
        }
        glue = "\n      OR ";
    }
    put(out,
        "\n      THEN RAISE(ABORT, '%q is a register: a row with this key is "
        "there with other content; write a correcting row')\n",
        t->name);
}

/* REPLACE and UPSERT over a row of another site, with any change to what is
 * the owner's. */
static void put_when_other_owner(const struct table *t,
                                 const struct sql_site *site, struct bytes *out)
{
    put(out, "    WHEN held.\"%w\" IS NOT %Q AND (", t->owner_column->name,
        site->site_id);
    put_differs(t->owner_column, "held", out);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->policy == POLICY_OWNER) {
            put(out, "\n      OR ");
            put_differs(c, "held", out);
        }
    }
    put(out, ")\n     ");
    put_refuse_owner(t, out);
}

static void put_when_rewritten(const struct table *t, struct bytes *out)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (c->policy == POLICY_FIXED) {
            put(out, "    WHEN ");
            put_rewrites(c, out);
            put_refuse_fixed(t, c, out);
        }
    }
}

/* Has put_row_there() anything to say? */
static bool has_row_rules(const struct table *t)
{
    bool rules = t->owner_column != NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        rules =
            rules ||
            (t->columns[i].policy != POLICY_KEY && t->kind == TABLE_EVENT) ||
            t->columns[i].policy == POLICY_FIXED;
    }
    return rules;
}

/* ---- triggers ------------------------------------------------------------- */

static void put_refuse_all(const char *name, const char *event,
                           const char *sentence, struct bytes *out)
{
    put(out,
        "CREATE TRIGGER \"sync_%w_guard_%s\" BEFORE %s ON \"%w\"\nBEGIN\n"
        "  SELECT RAISE(ABORT, '%q%q');\nEND;\n",
        name, event, event, name, name, sentence);
}

#define NOW_MS "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"

/* All but the last value of a capture of the row that is there. */
static void put_again(const struct table *t, struct bytes *out)
{
    put(out, "  INSERT INTO sync_pending(table_id");
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, ", k%d", (int)i + 1);
    }
    put(out, ", at_ms, what)\n  SELECT %u", t->id);
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, ", held.\"%w\"", t->key[i]->name);
    }
    put(out, ", " NOW_MS ", ");
}

/* The rules about a row of the same key that is there already, which only a
 * BEFORE trigger can see: REPLACE removes it, and fires nothing else. It fires
 * for OR IGNORE and UPSERT too, so that what is captured here, that the key of
 * an event was met again, says nothing about what then happened. */
static void put_row_there(const struct table *t, const struct sql_site *site,
                          struct bytes *out)
{
    if (t->kind == TABLE_EVENT) {
        put_again(t, out);
        put(out, "CASE\n");
        put_when_other_event(t, out);
        put(out, "    ELSE %d\n", CAPTURE_AGAIN);
    } else {
        put(out, "  SELECT CASE\n");
        if (t->owner_column != NULL) {
            put_when_other_owner(t, site, out);
        }
        put_when_rewritten(t, out);
    }
    put(out, "  END FROM \"%w\" AS held WHERE ", t->name);
    put_same_key(t, out);
    put(out, ";\n");
}

static void put_insert_guard(const struct table *t, const struct sql_site *site,
                             struct bytes *out)
{
    bool named = t->owner_column != NULL || t->origin_column != NULL;
    if (!named && !has_row_rules(t)) {
        return;
    }
    put(out,
        "CREATE TRIGGER \"sync_%w_guard_insert\" BEFORE INSERT ON \"%w\"\n"
        "BEGIN\n",
        t->name, t->name);
    if (named) {
        put(out, "  SELECT CASE\n");
        if (t->owner_column != NULL) {
            put_when_foreign(t, t->owner_column, site, out);
        }
        if (t->origin_column != NULL) {
            put_when_foreign(t, t->origin_column, site, out);
        }
        put(out, "  END;\n");
    }
    if (has_row_rules(t)) {
        put_row_there(t, site, out);
    }
    put(out, "END;\n");
}

static void put_fixed_guard(const struct table *t, struct bytes *out)
{
    const char *glue = " BEFORE UPDATE OF ";
    put(out, "CREATE TRIGGER \"sync_%w_guard_update\"", t->name);
    for (size_t i = 0; i < t->column_count; i++) {
        if (policy_is_fixed(t->columns[i].policy)) {
            put(out, "%s\"%w\"", glue, t->columns[i].name);
            glue = ", ";
        }
    }
    put(out, " ON \"%w\"\nBEGIN\n  SELECT CASE\n", t->name);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (policy_is_fixed(c->policy)) {
            put(out, "    WHEN ");
            put_differs(c, "OLD", out);
            put_refuse_fixed(t, c, out);
        }
    }
    put(out, "  END;\nEND;\n");
}

/* One row of sync_pending, with the value before of an updated column. A plain INSERT into a table without UNIQUE: the
 * client's OR IGNORE or OR REPLACE reaches into triggers. */
static void put_pending(const struct table *t, int what, const struct column *c,
                        struct bytes *out)
{
    const char *row = what == CAPTURE_DELETE ? "OLD" : "NEW";
    put(out, "  INSERT INTO sync_pending(table_id, what");
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, ", k%d", (int)i + 1);
    }
    put(out, "%s, at_ms)\n  VALUES(%u, %d", c == NULL ? "" : ", old", t->id,
        what);
    for (size_t i = 0; i < t->key_count; i++) {
        put(out, ", %s.\"%w\"", row, t->key[i]->name);
    }
    if (c != NULL) {
        put(out, ", OLD.\"%w\"", c->name);
    }
    put(out, ", " NOW_MS ");\n");
}

/* Sizes are judged afterwards: only then is what a default put for a NULL
 * there. RAISE undoes the whole statement. */
static void put_insert_sizes(const struct table *t, struct bytes *out)
{
    bool routed = t->route_column != NULL && t->route_column->varies &&
                  t->route_column->policy != POLICY_KEY;
    bool any = routed || has_sizes(t);
    for (size_t i = 0; i < t->key_count; i++) {
        any = any || t->key[i]->varies;
    }
    if (!any) {
        return;
    }
    put(out, "  SELECT CASE\n");
    for (size_t i = 0; i < t->key_count; i++) {
        put_when_key_size(t, t->key[i], out);
    }
    if (routed) {
        put_when_key_size(t, t->route_column, out);
    }
    put_when_large(t, out);
    put(out, "  END;\n");
}

static void put_insert_capture(const struct table *t, struct bytes *out)
{
    put(out,
        "CREATE TRIGGER \"sync_%w_insert\" AFTER INSERT ON \"%w\"\nBEGIN\n",
        t->name, t->name);
    put_insert_sizes(t, out);
    put_pending(t, CAPTURE_INSERT, NULL, out);
    put(out, "END;\n");
}

/* What may not be written is refused here too, so that a client that writes
 * one column runs one trigger; RAISE undoes the whole statement. */
static void put_update_capture(const struct table *t, const struct column *c,
                               const struct sql_site *site, struct bytes *out)
{
    bool owned = c->policy == POLICY_OWNER;
    bool sized = is_sized(t, c);
    put(out,
        "CREATE TRIGGER \"sync_%w_update_%d\" AFTER UPDATE OF \"%w\" ON "
        "\"%w\"\nWHEN ",
        t->name, c->id, c->name, t->name);
    put_differs(c, "OLD", out);
    put(out, "\nBEGIN\n");
    if (owned || sized) {
        put(out, "  SELECT CASE\n");
    }
    if (owned) {
        put_when_not_owner(t, c, site, out);
    }
    if (sized) {
        put(out, "    WHEN ");
        put_size(c, out);
        put(out, " > %d THEN CASE\n      WHEN ", (int)SMALL_CELL_BYTES);
        put_size(c, out);
        put(out, " > %d", (int)CELL_BYTES_MAX);
        put_refuse_cell(t, c, out);
        put(out, "      WHEN ");
        put_row_size_short(t, out);
        put(out, " > %d", row_bytes_max(t));
        put_refuse_row(t, out);
        put(out, "    END\n");
    }
    if (owned || sized) {
        put(out, "  END;\n");
    }
    put_pending(t, c->id, c, out);
    put(out, "END;\n");
}

void sql_node_guards(const char *table_name, struct bytes *out)
{
    static const char sentence[] = " belongs to the node: read it, never "
                                   "write it";
    if (strcmp(table_name, "sync_pending") != 0) {
        put_refuse_all(table_name, "insert", sentence, out);
    }
    put_refuse_all(table_name, "update", sentence, out);
    put_refuse_all(table_name, "delete", sentence, out);
}

static void put_event_triggers(const struct table *t,
                               const struct sql_site *site, struct bytes *out)
{
    static const char sentence[] = " is a register: rows are never changed or "
                                   "deleted; write a correcting row";
    put_insert_guard(t, site, out);
    put_refuse_all(t->name, "update", sentence, out);
    put_refuse_all(t->name, "delete", sentence, out);
    put_insert_capture(t, out);
}

/* REPLACE deletes too, and fires these where a client has turned
 * recursive_triggers on; the drain takes both together for a change. */
static void put_delete_triggers(const struct table *t,
                                const struct sql_site *site, struct bytes *out)
{
    if (!t->deletes) {
        put_refuse_all(t->name, "delete",
                       ": rows are never deleted, nor replaced while "
                       "recursive_triggers is on; mark the row as entered in "
                       "error, or use INSERT ... ON CONFLICT DO UPDATE",
                       out);
        return;
    }
    put(out,
        "CREATE TRIGGER \"sync_%w_delete\" AFTER DELETE ON \"%w\"\nBEGIN\n",
        t->name, t->name);
    if (t->owner_column != NULL) {
        put(out, "  SELECT CASE\n    WHEN OLD.\"%w\" IS NOT %Q",
            t->owner_column->name, site->site_id);
        put_refuse_owner(t, out);
        put(out, "  END;\n");
    }
    put_pending(t, CAPTURE_DELETE, NULL, out);
    put(out, "END;\n");
}

static void put_record_triggers(const struct table *t,
                                const struct sql_site *site, struct bytes *out)
{
    put_insert_guard(t, site, out);
    put_fixed_guard(t, out);
    put_delete_triggers(t, site, out);
    put_insert_capture(t, out);
    for (size_t i = 0; i < t->column_count; i++) {
        if (!policy_is_fixed(t->columns[i].policy)) {
            put_update_capture(t, &t->columns[i], site, out);
        }
    }
}

void sql_triggers(const struct table *t, const struct sql_site *site,
                  struct bytes *out)
{
    static const char sentence[] = " is written at headquarters, not here; "
                                   "ask there for the change";
    switch (t->kind) {
    case TABLE_CONTROL:
        sql_node_guards(t->name, out);
        break;
    case TABLE_EVENT:
        put_event_triggers(t, site, out);
        break;
    case TABLE_RECORD:
        put_record_triggers(t, site, out);
        break;
    case TABLE_REFERENCE:
        if (site->root) {
            put_record_triggers(t, site, out);
        } else {
            put_refuse_all(t->name, "insert", sentence, out);
            put_refuse_all(t->name, "update", sentence, out);
            put_refuse_all(t->name, "delete", sentence, out);
        }
        break;
    }
}
