/* SPDX-License-Identifier: Apache-2.0 */
#include "store/draft_inside.h"

#include <stdlib.h>
#include <string.h>

#include "store/evidence.h"
#include "store/offers.h"
#include "store/parked.h"

/* A draft while its memory still moves. */
struct placed {
    struct draft draft;
    size_t scope, key, body;
    size_t scope_len, key_len, body_len;
};

/* --- drafts -------------------------------------------------------------- */

static struct placed *new_placed(struct drafting *d)
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
static void place_leaf(struct drafting *d)
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

struct draft *drafting_drafts(struct drafting *d, size_t *ret_count)
{
    *ret_count = d->placed_count;
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
static struct scope scope_of(const struct drafting *d, const struct table *t)
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

static void start_leaf(struct drafting *d, const struct touched *row,
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
    leaf->named = false;
    leaf->context_count = 0;
    leaf->contexts = (struct slice){0};
    bytes_clear(&d->contexts);
}

void draft_claim(struct drafting *d, enum leaf_op op)
{
    const char *site = d->r->self.site;
    const struct owner *last =
        op == LEAF_INSERT ? NULL : state_last_owner(&d->state);
    struct leaf_owner *claim = &d->leaf.owner;
    if (d->leaf.owned) {
        return; /* it takes the row over */
    }
    d->leaf.owned = true;
    *claim = (struct leaf_owner){
        .site = {.data = (const uint8_t *)site, .len = strlen(site)},
        .epoch = 1,
    };
    if (last != NULL && d->state.owner_count > 1) {
        claim->epoch = (uint32_t)d->state.owner_count;
        memcpy(claim->offer, last->offer, HASH_BYTES);
    }
}

int draft_park(struct drafting *d, const struct touched *row,
               const struct leaf_cell *cell, const char *says, struct err *e)
{
    const struct parked parked = {
        .table_id = row->name.table,
        .key = row->name.key,
        .column_id = cell->column,
        .value = cell->value,
        .at_ms = d->at_ms,
        .says = says,
    };
    return parked_add(d->r->db, &parked, e);
}

/* Parks every cell of the leaf, as programs wrote them; column 0 stands for
 * the row where it was deleted. */
static int park(struct drafting *d, const struct touched *row, const char *says,
                struct err *e)
{
    const struct leaf *leaf = &d->leaf;
    struct leaf_cell cell = {.column = 0};
    int rc = 0;
    if (leaf->cell_count == 0) {
        rc = draft_park(d, row, &cell, says, e);
    }
    for (size_t i = 0; rc == 0 && i < leaf->cell_count; i++) {
        const struct column *c =
            table_column(row->table, leaf->cells[i].column);
        cell.column = c->id;
        cell.value = d->cells[(size_t)(c - row->table->columns)];
        rc = draft_park(d, row, &cell, says, e);
    }
    d->ret->parked++;
    return rc;
}

void draft_undo(struct drafting *d)
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

/* Owned cells may be written only by the owner, or by a site that takes the
 * row over. */
static bool owns(const struct drafting *d, const struct leaf *leaf,
                 struct err *says)
{
    const struct owner *last = state_last_owner(&d->state);
    bool taken = last != NULL && leaf->owner.epoch > d->state.owner_count;
    if (leaf->owned && leaf->op != LEAF_INSERT && !taken &&
        (last == NULL || strcmp(last->site, d->r->self.site) != 0)) {
        (void)err_set(says, ERR_FORBIDDEN, "the row belongs to site %s",
                      last == NULL ? "(unknown)" : last->site);
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

/* A node that knows of its end signs nothing after it. What waits for a
 * person's word on a fork is signed: it may count yet. */
static bool is_alive(const struct drafting *d, struct err *says)
{
    struct replica *r = d->r;
    const struct changeset_header next = {
        .origin = r->self.node,
        .incarnation = r->self.incarnation,
        .seq = replica_own_origin(r)->head_seq + 1,
        .hlc = r->last_hlc + 1,
        .certificate = r->self.certificate,
    };
    return evidence_verdict(r->merger.registry, &next, says) != ERR_FORBIDDEN;
}

/* Our own admission: what others would refuse is not signed but parked. An
 * insert of which the first leaf, the life, is parked is parked whole. */
static int finish_leaf(struct drafting *d, const struct touched *row,
                       struct err *e)
{
    struct replica *r = d->r;
    const struct certificate *own = registry_in_force(
        r->merger.registry, &r->self.node, r->self.certificate);
    struct err *says = &d->says;
    d->leaf.contexts = slice_of(&d->contexts);
    bool parked = d->leaf.op == LEAF_INSERT && says->code != 0;
    if (parked || !is_routed(row, &d->leaf, says) ||
        !sizes_fit(&d->leaf, says) || !owns(d, &d->leaf, says) ||
        !is_alive(d, says) ||
        admit_leaf(r->manifest, r->merger.registry, own, NULL, &d->leaf,
                   says) != ADMISSION_YES) {
        draft_undo(d);
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

/* --- inserts ------------------------------------------------------------- */

/* A full row: one leaf per class, with every column of it. */
static int draft_insert(struct drafting *d, const struct touched *row,
                        struct err *e)
{
    const struct table *t = row->table;
    int rc = 0;
    d->says.code = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        d->says_cell[i] = t->columns[i].policy != POLICY_KEY;
    }
    for (size_t k = 0; rc == 0 && k < t->column_count; k++) {
        if (class_before(t, k)) {
            continue;
        }
        start_leaf(d, row, LEAF_INSERT, t->columns[k].class_id);
        d->leaf.cl = d->state.cl + 1;
        rc = draft_say_class(d, row, d->leaf.class_id, e);
        if (rc == 0) {
            rc = finish_leaf(d, row, e);
        }
    }
    return rc;
}

/* --- updates ------------------------------------------------------------- */

static bool differs(const struct drafting *d, const struct fold_values *old,
                    size_t at)
{
    return old->set[at] && !value_equal(&old->values[at], &d->cells[at]);
}

/* A unit is said whole when any column of it differs from what is shown, or
 * when it settles a review. True when a column written once differs. */
static bool choose_cells(struct drafting *d, const struct table *t,
                         const struct fold_values *old)
{
    bool chosen[COLUMNS_MAX] = {false};
    bool once = false;
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *lead = column_lead(&t->columns[i]);
        size_t at = (size_t)(lead - t->columns);
        if (!policy_is_fixed(lead->policy)) {
            chosen[at] = chosen[at] || differs(d, old, i) || d->settles[i];
            d->settles[at] = d->settles[at] || d->settles[i];
        } else {
            once = once || differs(d, old, i);
        }
    }
    for (size_t i = 0; i < t->column_count; i++) {
        d->says_cell[i] =
            chosen[(size_t)(column_lead(&t->columns[i]) - t->columns)];
    }
    return once;
}

/* Does the row change hands to this site? Then its owner and epoch are said,
 * and the offer that allows it. */
static int take_over(struct drafting *d, const struct touched *row,
                     struct err *e)
{
    const struct table *t = row->table;
    const struct owner *last = state_last_owner(&d->state);
    if (t->epoch_column == NULL || last == NULL) {
        return 0;
    }
    size_t owner_at = (size_t)(t->owner_column - t->columns);
    size_t epoch_at = (size_t)(t->epoch_column - t->columns);
    const struct value mine = value_text(d->r->self.site);
    bool taken = d->says_cell[owner_at] &&
                 value_equal(&d->cells[owner_at], &mine) &&
                 strcmp(last->site, d->r->self.site) != 0;
    if (!taken) {
        return 0;
    }
    struct bytes key = {0};
    struct leaf_owner *claim = &d->leaf.owner;
    uint32_t epoch = (uint32_t)d->state.owner_count;
    key_bytes(t, row->captures->key, &key);
    int rc = offers_to(&d->r->merger, t, slice_of(&key), last, epoch,
                       d->r->self.site, claim->offer, e);
    bytes_free(&key);
    if (rc == 1) {
        d->leaf.owned = true;
        claim->site = mine.bytes;
        claim->epoch = epoch + 1;
        d->says_cell[epoch_at] = true;
        d->cells[epoch_at] = value_integer((int64_t)epoch + 1);
        draft_undo(d); /* a program need not know the epoch */
    }
    return rc < 0 ? rc : 0; /* without an offer the leaf is parked */
}

/* Cells that differ from what is shown: one leaf per class. `old` by index of
 * table->columns; a cell not `set` is not looked at. A column that is written
 * once is not said again: REPLACE gives it a new default, and the row goes
 * back. */
static int draft_update(struct drafting *d, const struct touched *row,
                        const struct fold_values *old, struct err *e)
{
    const struct table *t = row->table;
    bool once = choose_cells(d, t, old);
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < t->column_count; k++) {
        if (class_before(t, k)) {
            continue;
        }
        start_leaf(d, row, LEAF_UPDATE, t->columns[k].class_id);
        d->leaf.cl = d->state.cl;
        if (d->leaf.class_id == t->base_class) {
            rc = take_over(d, row, e);
        }
        if (rc == 0) {
            rc = draft_say_class(d, row, d->leaf.class_id, e);
        }
        if (rc == 0 && d->leaf.cell_count > 0) {
            rc = finish_leaf(d, row, e);
        }
    }
    if (once) {
        draft_undo(d);
    }
    return rc;
}

static int draft_delete(struct drafting *d, const struct touched *row,
                        struct err *e)
{
    d->says.code = 0;
    start_leaf(d, row, LEAF_DELETE, row->table->base_class);
    d->leaf.cl = d->state.cl + 1;
    if (row->table->owner_column != NULL) {
        draft_claim(d, LEAF_DELETE);
    }
    return finish_leaf(d, row, e);
}

/* What the triggers said the columns held before. */
static void captured_values(const struct touched *row, struct fold_values *ret)
{
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

/* REPLACE gives an epoch that it leaves out its default. The owner has not
 * changed by that, and the row goes back to the epoch it has. */
static void keep_epoch(struct drafting *d, const struct table *t,
                       struct fold_values *held)
{
    const struct owner *last = state_last_owner(&d->state);
    bool ours = t->epoch_column != NULL && last != NULL &&
                strcmp(last->site, d->r->self.site) == 0;
    size_t at = ours ? (size_t)(t->epoch_column - t->columns) : 0;
    if (ours && differs(d, held, at)) {
        held->set[at] = false;
        draft_undo(d);
    }
}

/* A row that was there was written whole again (REPLACE): compare with a
 * fold. */
static int draft_replaced(struct drafting *d, const struct touched *row,
                          struct err *e)
{
    struct fold fold;
    struct fold_values *values = NULL;
    struct bytes key = {0};
    struct slice scope = {.data = d->state.scope, .len = d->state.scope_len};
    start_leaf(d, row, LEAF_UPDATE, 0);
    leaf_encode_key(&d->leaf, &key);
    int rc =
        fold_row(&d->r->merger, row->table, slice_of(&key), scope, &fold, e);
    bytes_free(&key);
    if (rc != 0) {
        return rc;
    }
    rc = fold_values(&d->r->merger, &fold, &values, e);
    if (rc == 0) {
        keep_epoch(d, row->table, values);
        rc = draft_update(d, row, values, e);
    }
    fold_values_destroy(&values);
    fold_clear(&fold);
    return rc;
}

static int draft_record(struct drafting *d, const struct touched *row,
                        struct err *e)
{
    int rc;
    if (d->state.cl % 2 == 0) {
        return draft_insert(d, row, e);
    }
    if (row->inserted) {
        return draft_replaced(d, row, e);
    }
    struct fold_values *old = calloc(1, sizeof *old);
    if (old == NULL) {
        abort();
    }
    captured_values(row, old);
    rc = draft_update(d, row, old, e);
    fold_values_destroy(&old);
    return rc;
}

/* Reads the row and keeps it: a fold may read it again meanwhile. */
static int read_cells(struct drafting *d, const struct touched *row,
                      struct err *e)
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
static int draft_event(struct drafting *d, const struct touched *row,
                       struct err *e)
{
    struct fold fold;
    struct bytes key = {0};
    struct bytes scope = {0};
    if (!row->again && row->inserted) {
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
        draft_undo(d);
        return 0;
    }
    return row->inserted ? draft_insert(d, row, e) : 0;
}

/* The row is gone. Deleted and written anew within one drain it was changed;
 * made and deleted, nothing was said. */
static int draft_gone(struct drafting *d, const struct touched *row,
                      struct err *e)
{
    if (d->state.cl % 2 == 0 || !row->deleted) {
        return 0;
    }
    return draft_delete(d, row, e);
}

/* --- what the scrub found ------------------------------------------------- */

static void undo_in(struct drafting *d, const struct touched *row,
                    struct slice scope)
{
    struct bytes key = {0};
    key_bytes(row->table, row->captures->key, &key);
    bytes_put_u32(&d->undo, row->table->id);
    bytes_put_slice(&d->undo, slice_of(&key));
    bytes_put_slice(&d->undo, scope);
    bytes_free(&key);
}

/* Parks the cells that are not as the journal has them. */
static int park_differing(struct drafting *d, const struct touched *row,
                          const struct fold_values *wanted, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < row->table->column_count; i++) {
        const struct column *c = &row->table->columns[i];
        const struct leaf_cell cell = {.column = c->id, .value = d->cells[i]};
        bool same =
            c->policy == POLICY_KEY ||
            (wanted->set[i] && value_equal(&wanted->values[i], &d->cells[i])) ||
            (!wanted->set[i] && d->cells[i].type == VALUE_NULL);
        if (!same) {
            rc = draft_park(d, row, &cell,
                            "the scrub put the row back as it was signed", e);
            d->ret->parked++;
        }
    }
    return rc;
}

/* The row goes back to what the journal says, if that is nothing too; what was
 * written instead is parked. */
static int draft_put_back(struct drafting *d, const struct touched *row,
                          bool there, struct err *e)
{
    struct fold fold;
    struct fold_values *values = NULL;
    struct bytes key = {0};
    const struct value *old = &row->put_back->old;
    struct slice scope = {0};
    int waits = capture_waits(d->r->db, d->list, row->put_back, e);
    if (waits < 0) {
        return waits;
    }
    if (waits > WAITS_NOTHING) { /* what is in the row is not judged yet */
        return capture_append(d->r->db, row->table, CAPTURE_PUT_BACK,
                              row->put_back->key, old, d->at_ms, e);
    }
    if (old->type == VALUE_BLOB) {
        scope = old->bytes;
    }
    undo_in(d, row, scope);
    if (!there) {
        return 0;
    }
    key_bytes(row->table, row->captures->key, &key);
    int rc =
        fold_row(&d->r->merger, row->table, slice_of(&key), scope, &fold, e);
    bytes_free(&key);
    if (rc != 0) {
        return rc;
    }
    rc = fold_values(&d->r->merger, &fold, &values, e);
    if (rc == 0) {
        rc = park_differing(d, row, values, e);
    }
    fold_values_destroy(&values);
    fold_clear(&fold);
    return rc;
}

/* A row so large that it is not even read stays where it is, unsigned. */
static int park_unread(struct drafting *d, const struct touched *row,
                       struct err *e)
{
    const struct leaf_cell none = {.column = 0};
    d->ret->parked++;
    return draft_park(d, row, &none,
                      "a value of the row is larger than can be read; the row "
                      "is of this replica only",
                      e);
}

/* --- a row ---------------------------------------------------------------- */

/* What a person settled holds however the row was written beside it. */
static void look_what_settles(struct drafting *d, const struct touched *row)
{
    memset(d->settles, 0, sizeof d->settles);
    for (size_t i = 0; i < row->count; i++) {
        const struct column *c =
            table_column(row->table, row->captures[i].column);
        if (c != NULL) {
            d->settles[c - row->table->columns] = row->captures[i].settles;
        }
    }
}

static void look_at(struct drafting *d, struct touched *row)
{
    struct bytes key = {0};
    look_what_settles(d, row);
    for (size_t i = 0; i < row->count; i++) {
        uint16_t what = row->captures[i].column;
        row->inserted = row->inserted || what == CAPTURE_INSERT;
        row->deleted = row->deleted || what == CAPTURE_DELETE;
        row->again = row->again || what == CAPTURE_AGAIN;
        row->put_back =
            what == CAPTURE_PUT_BACK ? &row->captures[i] : row->put_back;
    }
    key_bytes(row->table, row->captures->key, &key);
    bytes_clear(&d->name);
    row_key(slice_of(&key), &d->name);
    row->name = (struct row_name){
        .table = row->table->id,
        .key = slice_of(&d->name),
    };
    bytes_free(&key);
}

int drafting_row(struct drafting *d, const struct capture *captures,
                 size_t count, struct err *e)
{
    struct touched row = {
        .table = captures->table,
        .captures = captures,
        .count = count,
    };
    bool record =
        row.table->kind == TABLE_RECORD || row.table->kind == TABLE_REFERENCE;
    look_at(d, &row);
    state_clear(&d->state);
    int rc = read_cells(d, &row, e);
    bool there = rc == 1;
    if (rc == ERR_LIMIT) {
        return park_unread(d, &row, e);
    }
    if (rc >= 0 && record) {
        rc = row_state_load(&d->r->merger, &row.name, &d->state, e);
    }
    if (rc < 0) {
        return rc;
    }
    if (row.put_back != NULL) {
        return draft_put_back(d, &row, there, e);
    }
    if (!there) {
        return record ? draft_gone(d, &row, e) : 0;
    }
    return record ? draft_record(d, &row, e) : draft_event(d, &row, e);
}

/* --- life ---------------------------------------------------------------- */

struct drafting *drafting_new(struct replica *r,
                              const struct capture_list *list,
                              struct drained *ret)
{
    struct drafting *d = calloc(1, sizeof *d);
    if (d == NULL) {
        abort();
    }
    d->r = r;
    d->ret = ret;
    d->list = list;
    d->at_ms = capture_list_at_ms(list);
    return d;
}

void drafting_destroy(struct drafting **d_p)
{
    struct drafting *d = *d_p;
    *d_p = NULL;
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        bytes_free(&d->deltas[i]);
    }
    bytes_free(&d->memory);
    bytes_free(&d->undo);
    bytes_free(&d->name);
    bytes_free(&d->cell_memory);
    bytes_free(&d->contexts);
    state_clear(&d->state);
    free(d->placed);
    free(d);
}

struct slice drafting_undone(const struct drafting *d)
{
    return slice_of(&d->undo);
}
