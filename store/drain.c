/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/capture.h"
#include "store/fold.h"
#include "store/parts.h"

/* One drain: captures in, drafts of leaves out, and rows that must go back to
 * what the journal says. */
struct drain {
    struct replica *r;
    struct drained *ret;
    int64_t at_ms;       /* of the latest capture */
    struct bytes memory; /* what drafts point into, by offset until the end */
    struct placed *placed;
    size_t placed_count;
    size_t placed_cap;
    struct bytes undo; /* row by row: u32 table, slice key, slice scope */
    struct leaf leaf;
    struct err says;                 /* why leaves of this insert are parked */
    struct value cells[COLUMNS_MAX]; /* the row as programs left it, */
    struct bytes cell_memory;        /* and what they point into */
    struct row_state state;
};

/* A draft while its memory still moves. */
struct placed {
    struct draft draft;
    size_t scope, key, body;
    size_t scope_len, key_len, body_len;
};

/* One row's captures. */
struct touched {
    const struct table *table;
    const struct capture *captures;
    size_t count;
    bool inserted;
    bool again; /* CAPTURE_AGAIN is among them */
    struct bytes name_bytes;
    struct row_name name;
};

/* --- drafts -------------------------------------------------------------- */

static struct placed *new_placed(struct drain *d)
{
    if (d->placed_count == d->placed_cap) {
        d->placed_cap = d->placed_cap == 0 ? 1024 : d->placed_cap * 2;
        d->placed = realloc(d->placed, d->placed_cap * sizeof *d->placed);
        if (d->placed == NULL) {
            abort();
        }
    }
    struct placed *placed = &d->placed[d->placed_count++];
    *placed = (struct placed){0};
    return placed;
}

static void put_scope(const struct scope *scope, struct bytes *out)
{
    bytes_put_u8(out, (uint8_t)scope->kind);
    bytes_put_slice(out, scope->id);
}

/* Appends the leaf in d->leaf as a draft. */
static void place_leaf(struct drain *d)
{
    const struct leaf *leaf = &d->leaf;
    struct placed *p = new_placed(d);
    p->draft.class_id = leaf->class_id;
    p->draft.scope.kind = leaf->scope.kind;
    p->draft.table = leaf->table;
    p->scope = d->memory.len;
    put_scope(&leaf->scope, &d->memory);
    p->scope_len = d->memory.len - p->scope;
    p->key = d->memory.len;
    leaf_encode_key(leaf, &d->memory);
    p->key_len = d->memory.len - p->key;
    p->body = d->memory.len;
    leaf_encode_body(leaf, &d->memory);
    p->body_len = d->memory.len - p->body;
}

static struct draft *settle(struct drain *d)
{
    struct draft *drafts = calloc(d->placed_count + 1, sizeof *drafts);
    if (drafts == NULL) {
        abort();
    }
    const uint8_t *base = d->memory.data;
    for (size_t i = 0; i < d->placed_count; i++) {
        const struct placed *p = &d->placed[i];
        drafts[i] = p->draft;
        drafts[i].scope_bytes = (struct slice){base + p->scope, p->scope_len};
        drafts[i].key = (struct slice){base + p->key, p->key_len};
        drafts[i].body = (struct slice){base + p->body, p->body_len};
        size_t head = sizeof(uint8_t) + sizeof(uint32_t);
        drafts[i].scope.id =
            (struct slice){base + p->scope + head, p->scope_len - head};
    }
    return drafts;
}

/* --- one row ------------------------------------------------------------- */

/* The scope belongs to the life; a new life takes it from its row. */
static struct scope scope_of(const struct drain *d, const struct table *t)
{
    struct scope scope = {.kind = t->route};
    if (d->state.cl % 2 == 1) {
        size_t head = sizeof(uint8_t) + sizeof(uint32_t);
        scope.id.data = d->state.scope + head;
        scope.id.len = d->state.scope_len - head;
    } else if (t->route_column != NULL) {
        const struct value *v =
            &d->cells[(size_t)(t->route_column - t->columns)];
        scope.id = v->bytes;
    }
    return scope;
}

static void start_leaf(struct drain *d, const struct touched *row,
                       enum leaf_op op, uint16_t class_id)
{
    struct leaf *leaf = &d->leaf;
    leaf->class_id = class_id;
    leaf->scope = scope_of(d, row->table);
    leaf->table = row->table->id;
    leaf->key_count = (uint8_t)row->table->key_count;
    for (size_t i = 0; i < row->table->key_count; i++) {
        leaf->key[i] = row->captures->key[i];
    }
    leaf->op = op;
    leaf->cell_count = 0;
    leaf->owned = false;
    leaf->review_count = 0;
    leaf->reviews = (struct slice){0};
}

static void add_cell(struct drain *d, const struct column *c,
                     const struct value *v)
{
    struct leaf *leaf = &d->leaf;
    leaf->cells[leaf->cell_count++] =
        (struct leaf_cell){.column = c->id, .value = *v};
    if (c->policy == POLICY_OWNER) {
        const char *site = d->r->self.site;
        leaf->owned = true;
        leaf->owner = (struct leaf_owner){
            .site = {.data = (const uint8_t *)site, .len = strlen(site)},
            .epoch = 1,
        };
    }
}

static int park(struct drain *d, const struct touched *row, const char *says,
                struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_parked(table_id, key, column_id, value, at_ms, says)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    const struct leaf *leaf = &d->leaf;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < leaf->cell_count; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(d->r->db, sql, &stmt, e);
        if (rc != 0) {
            break;
        }
        sqlite3_bind_int64(stmt, 1, row->name.table);
        sqlite3_bind_blob(stmt, 2, row->name.key.data, (int)row->name.key.len,
                          SQLITE_STATIC);
        sqlite3_bind_int(stmt, 3, leaf->cells[i].column);
        database_bind_at(stmt, 4, &leaf->cells[i].value);
        sqlite3_bind_int64(stmt, 5, d->at_ms);
        sqlite3_bind_text(stmt, 6, says, -1, SQLITE_STATIC);
        rc = database_done(d->r->db, stmt, e);
    }
    d->ret->parked++;
    return rc;
}

/* The row goes back to what the journal says, once the drafts are signed. */
static void undo(struct drain *d)
{
    struct bytes key = {0};
    struct bytes scope = {0};
    const struct table *t = manifest_table(d->r->manifest, d->leaf.table);
    key_bytes(t, d->leaf.key, &key);
    put_scope(&d->leaf.scope, &scope);
    bytes_put_u32(&d->undo, d->leaf.table);
    bytes_put_slice(&d->undo, slice_of(&key));
    bytes_put_slice(&d->undo, slice_of(&scope));
    bytes_free(&key);
    bytes_free(&scope);
}

/* Owned cells may be written only where the life says this site owns them. */
static bool owns(const struct drain *d, const struct leaf *leaf,
                 struct err *says)
{
    if (leaf->owned && leaf->op == LEAF_UPDATE &&
        strcmp(d->state.owner, d->r->self.site) != 0) {
        (void)err_set(says, ERR_FORBIDDEN, "the row belongs to site %s",
                      d->state.owner);
        return false;
    }
    return true;
}

/* Sizes that the guards refuse, for a program that got past them. */
static bool sizes_fit(const struct leaf *leaf, struct err *says)
{
    bool fits = leaf->scope.id.len <= SCOPE_ID_BYTES_MAX;
    size_t bytes = 0;
    for (size_t i = 0; i < leaf->key_count; i++) {
        fits = fits && leaf->key[i].bytes.len <= KEY_BYTES_MAX;
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        size_t len = leaf->cells[i].value.bytes.len;
        fits = fits && len <= CELL_BYTES_MAX;
        bytes += len;
    }
    if (!fits || bytes > ROW_BYTES_MAX) {
        (void)err_set(says, ERR_LIMIT, "the row is larger than can travel");
        return false;
    }
    return true;
}

static bool is_routed(const struct touched *row, const struct leaf *leaf,
                      struct err *says)
{
    if (leaf->scope.kind != SCOPE_ALL && leaf->scope.id.len == 0) {
        (void)err_set(says, ERR_INPUT, "the row names no %s to route by",
                      row->table->route_column->name);
        return false;
    }
    return true;
}

/* Our own admission: what others would refuse is not signed but parked. An
 * insert of which the first leaf, the life, is parked is parked whole. */
static int finish_leaf(struct drain *d, const struct touched *row,
                       struct err *e)
{
    struct replica *r = d->r;
    const struct certificate *own = registry_certificate(
        r->merger.registry, &r->self.node, r->self.certificate);
    struct err *says = &d->says;
    bool parked = d->leaf.op == LEAF_INSERT && says->code != 0;
    if (parked || !is_routed(row, &d->leaf, says) ||
        !sizes_fit(&d->leaf, says) || !owns(d, &d->leaf, says) ||
        admit_leaf(r->manifest, r->merger.registry, own, &d->leaf, says) !=
            ADMISSION_YES) {
        undo(d);
        return park(d, row, says->text, e);
    }
    place_leaf(d);
    d->ret->leaves++;
    return 0;
}

static bool class_before(const struct table *t, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (t->columns[i].class_id == t->columns[at].class_id) {
            return true;
        }
    }
    return false;
}

/* A full row: one leaf per class, with every column of it. */
static int draft_insert(struct drain *d, const struct touched *row,
                        struct err *e)
{
    const struct table *t = row->table;
    int rc = 0;
    d->says.code = 0;
    for (size_t k = 0; rc == 0 && k < t->column_count; k++) {
        if (class_before(t, k)) {
            continue;
        }
        start_leaf(d, row, LEAF_INSERT, t->columns[k].class_id);
        d->leaf.cl = d->state.cl + 1;
        for (size_t i = k; i < t->column_count; i++) {
            const struct column *c = &t->columns[i];
            if (c->class_id == d->leaf.class_id && c->policy != POLICY_KEY) {
                add_cell(d, c, &d->cells[i]);
            }
        }
        rc = finish_leaf(d, row, e);
    }
    return rc;
}

/* Cells that differ from what is shown: one leaf per class. `old` by index of
 * table->columns; a cell not `set` is not looked at. A column that is written
 * once is not said again: REPLACE gives it a new default, and the row goes
 * back. */
static int draft_update(struct drain *d, const struct touched *row,
                        const struct fold_values *old, struct err *e)
{
    const struct table *t = row->table;
    bool once = false;
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < t->column_count; k++) {
        if (class_before(t, k)) {
            continue;
        }
        start_leaf(d, row, LEAF_UPDATE, t->columns[k].class_id);
        d->leaf.cl = d->state.cl;
        for (size_t i = k; i < t->column_count; i++) {
            const struct column *c = &t->columns[i];
            if (c->class_id != d->leaf.class_id || !old->set[i] ||
                value_equal(&old->values[i], &d->cells[i])) {
                continue;
            }
            if (policy_is_fixed(c->policy)) {
                once = true;
            } else {
                add_cell(d, c, &d->cells[i]);
            }
        }
        if (d->leaf.cell_count > 0) {
            rc = finish_leaf(d, row, e);
        }
    }
    if (once) {
        undo(d);
    }
    return rc;
}

/* What the triggers said the columns held before. */
static void captured_values(const struct touched *row, struct fold_values *ret)
{
    memset(ret->set, 0, sizeof ret->set);
    for (size_t i = 0; i < row->count; i++) {
        const struct column *c =
            table_column(row->table, row->captures[i].column);
        if (c != NULL) {
            size_t at = (size_t)(c - row->table->columns);
            ret->set[at] = true;
            ret->values[at] = row->captures[i].old;
        }
    }
}

/* A row that was there was written whole again (REPLACE): compare with a
 * fold. */
static int draft_replaced(struct drain *d, const struct touched *row,
                          struct err *e)
{
    struct fold fold;
    struct fold_values *values = malloc(sizeof *values);
    struct bytes key = {0};
    struct slice scope = {.data = d->state.scope, .len = d->state.scope_len};
    if (values == NULL) {
        abort();
    }
    start_leaf(d, row, LEAF_UPDATE, 0);
    leaf_encode_key(&d->leaf, &key);
    int rc =
        fold_row(&d->r->merger, row->table, slice_of(&key), scope, &fold, e);
    if (rc == 0) {
        fold_values(&fold, values);
        rc = draft_update(d, row, values, e);
        fold_clear(&fold);
    }
    bytes_free(&key);
    free(values);
    return rc;
}

static int draft_record(struct drain *d, const struct touched *row,
                        struct err *e)
{
    int rc = row_state_load(&d->r->merger, &row->name, &d->state, e);
    if (rc != 0) {
        return rc;
    }
    if (d->state.cl % 2 == 0) {
        return draft_insert(d, row, e);
    }
    if (row->inserted) {
        return draft_replaced(d, row, e);
    }
    struct fold_values *old = malloc(sizeof *old);
    if (old == NULL) {
        abort();
    }
    captured_values(row, old);
    rc = draft_update(d, row, old, e);
    free(old);
    return rc;
}

/* Reads the row and keeps it: a fold may read it again meanwhile. */
static int read_cells(struct drain *d, const struct touched *row, struct err *e)
{
    int rc = projector_read(d->r->merger.projector, row->table,
                            row->captures->key, d->cells, e);
    size_t bytes = 0;
    for (size_t i = 0; rc == 1 && i < row->table->column_count; i++) {
        bytes += d->cells[i].bytes.len;
    }
    bytes_clear(&d->cell_memory);
    bytes_reserve(&d->cell_memory, bytes);
    for (size_t i = 0; rc == 1 && i < row->table->column_count; i++) {
        struct slice *cell = &d->cells[i].bytes;
        size_t at = d->cell_memory.len;
        bytes_put(&d->cell_memory, cell->data, cell->len);
        cell->data = d->cell_memory.data + at;
    }
    return rc;
}

/* A key of the register was met again. Signed before: the row goes back to
 * what was signed, should REPLACE have touched it. Else it is new. */
static int draft_event(struct drain *d, const struct touched *row,
                       struct err *e)
{
    struct fold fold;
    struct bytes key = {0};
    struct bytes scope = {0};
    if (!row->again) {
        return draft_insert(d, row, e);
    }
    start_leaf(d, row, LEAF_INSERT, row->table->base_class);
    key_bytes(row->table, row->captures->key, &key);
    put_scope(&d->leaf.scope, &scope);
    int rc = fold_row(&d->r->merger, row->table, slice_of(&key),
                      slice_of(&scope), &fold, e);
    bytes_free(&key);
    bytes_free(&scope);
    if (rc != 0) {
        return rc;
    }
    bool known = fold.state.cl > 0;
    fold_clear(&fold);
    if (known) {
        undo(d);
        return 0;
    }
    return row->inserted ? draft_insert(d, row, e) : 0;
}

static int draft_row(struct drain *d, struct touched *row, struct err *e)
{
    struct bytes key = {0};
    int rc = read_cells(d, row, e);
    if (rc <= 0) {
        return rc; /* gone again: nothing was said, nothing is signed */
    }
    key_bytes(row->table, row->captures->key, &key);
    bytes_clear(&row->name_bytes);
    row_key(slice_of(&key), &row->name_bytes);
    row->name = (struct row_name){
        .table = row->table->id,
        .key = slice_of(&row->name_bytes),
    };
    bytes_free(&key);
    d->state.cl = 0;
    return row->table->kind == TABLE_EVENT ? draft_event(d, row, e)
                                           : draft_record(d, row, e);
}

/* --- the drain ----------------------------------------------------------- */

static bool same_row(const struct capture *a, const struct capture *b)
{
    if (a->table != b->table) {
        return false;
    }
    for (size_t i = 0; i < a->table->key_count; i++) {
        if (!value_equal(&a->key[i], &b->key[i])) {
            return false;
        }
    }
    return true;
}

static int draft_rows(struct drain *d, const struct capture *items,
                      size_t count, struct err *e)
{
    struct touched row = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i += row.count) {
        row.table = items[i].table;
        row.captures = &items[i];
        row.inserted = items[i].column == CAPTURE_INSERT;
        row.count = 1;
        while (i + row.count < count &&
               same_row(&items[i], &items[i + row.count])) {
            row.count++;
        }
        /* sorted by column, and CAPTURE_AGAIN is the highest */
        row.again = items[i + row.count - 1].column == CAPTURE_AGAIN;
        rc = draft_row(d, &row, e);
    }
    bytes_free(&row.name_bytes);
    return rc;
}

static int undo_rows(struct drain *d, struct err *e)
{
    struct cursor c = cursor_of(slice_of(&d->undo));
    int rc = 0;
    while (rc == 0 && cursor_left(&c) > 0) {
        const struct table *t = manifest_table(d->r->manifest, cursor_u32(&c));
        struct slice key = cursor_slice(&c, UINT32_MAX);
        struct slice scope = cursor_slice(&c, UINT32_MAX);
        rc = fold_apply(&d->r->merger, t, key, scope, e);
    }
    return rc;
}

static int drain_list(struct drain *d, const struct capture_list *list,
                      int64_t now_ms, struct err *e)
{
    size_t count;
    const struct capture *items = capture_list_items(list, &count);
    struct tally tally = {0};
    d->at_ms = capture_list_at_ms(list);
    int rc = draft_rows(d, items, count, e);
    if (rc != 0) {
        return rc;
    }
    struct draft *drafts = settle(d);
    rc = replica_sign(d->r, drafts, d->placed_count, d->at_ms, now_ms, e);
    free(drafts);
    if (rc >= 0) {
        d->ret->changesets += (uint64_t)rc;
        rc = batch_merge(d->r->batch, &d->r->merger, &tally, e);
    }
    if (rc == 0) {
        rc = undo_rows(d, e);
    }
    return rc == 0 ? capture_forget(d->r->db, list, e) : rc;
}

int replica_drain_once(struct replica *r, int64_t now_ms, struct drained *ret,
                       struct err *e)
{
    struct capture_list *list = NULL;
    size_t count = 0;
    ret->more = false;
    int rc = capture_read(r->db, r->manifest, &list, e);
    if (rc == 0) {
        (void)capture_list_items(list, &count);
    }
    if (count > 0) {
        struct drain *d = calloc(1, sizeof *d);
        if (d == NULL) {
            abort();
        }
        d->r = r;
        d->ret = ret;
        rc = drain_list(d, list, now_ms, e);
        ret->more = rc == 0;
        bytes_free(&d->memory);
        bytes_free(&d->undo);
        bytes_free(&d->cell_memory);
        free(d->placed);
        free(d);
    }
    capture_list_destroy(&list);
    return rc;
}

int replica_drain(struct replica *r, int64_t now_ms, struct drained *ret,
                  struct err *e)
{
    int64_t pending = 0;
    *ret = (struct drained){0};
    int rc = capture_pending(r->db, &pending, e);
    if (rc != 0 || pending == 0) {
        return rc;
    }
    rc = replica_begin(r, e);
    return rc == 0 ? replica_end(r, replica_drain_once(r, now_ms, ret, e), e)
                   : rc;
}
