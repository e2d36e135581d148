/* SPDX-License-Identifier: Apache-2.0 */
#include "store/late.h"

#include <stdlib.h>
#include <string.h>

#include "store/addressed.h"
#include "store/fold.h"
#include "store/runs.h"

/* Rows gathered before they are folded: leaves of one row mostly come close
 * together, and 16,000 of them are a few megabytes. */
enum {
    ROWS_MAX = 16 * 1024,
    INDEX_ROWS = 16, /* for fewer, what is not indexed yet is scanned */
};

/* A row that is to be folded; its bytes stand in the memory, in turn. */
struct touched_row {
    const struct table *table;
    struct slice key;
    struct slice scope;
};

struct applying {
    struct merger *m;
    uint64_t *positions; /* of deliveries whose standing changed */
    size_t position_count;
    size_t position_cap;
    struct touched_row rows[ROWS_MAX];
    size_t row_count;
    struct bytes memory;
    struct leaf leaf;
    uint64_t *ret_rows;
};

/* --- which changesets ---------------------------------------------------- */

static void append_position(struct applying *a, uint64_t position)
{
    if (a->position_count == a->position_cap) {
        a->position_cap = a->position_cap == 0 ? 256 : a->position_cap * 2;
        a->positions =
            realloc(a->positions, a->position_cap * sizeof *a->positions);
        if (a->positions == NULL) {
            abort();
        }
    }
    a->positions[a->position_count++] = position;
}

static int append_deliveries(struct applying *a,
                             const struct changeset_header *h,
                             const struct origin *o, struct err *e)
{
    static const char sql[] =
        "SELECT position FROM sync_delivery WHERE origin_no = ?1 AND seq = ?2"
        " AND incarnation = ?3 ORDER BY position";
    sqlite3_stmt *stmt;
    int rc = database_statement(a->m->journal, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)h->seq);
    sqlite3_bind_int64(stmt, 3, (int64_t)h->incarnation);
    while ((rc = database_step(a->m->journal, stmt, e)) == 1) {
        append_position(a, (uint64_t)sqlite3_column_int64(stmt, 0));
    }
    return rc;
}

/* All that an origin has signed, and nothing else: who sends evidence without
 * end holds nobody up with what others wrote. */
static int find_changed_of(struct applying *a, const struct origin *o,
                           struct err *e)
{
    static const char sql[] =
        "SELECT seq, incarnation, hlc, certificate FROM sync_changeset"
        " WHERE origin_no = ?1 ORDER BY seq, incarnation";
    struct standing *s = registry_standing(a->m->registry);
    sqlite3_stmt *stmt;
    int rc = database_statement(a->m->journal, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    while ((rc = database_step(a->m->journal, stmt, e)) == 1) {
        const struct changeset_header h = {
            .origin = o->node,
            .seq = (uint64_t)sqlite3_column_int64(stmt, 0),
            .incarnation = (uint64_t)sqlite3_column_int64(stmt, 1),
            .hlc = (uint64_t)sqlite3_column_int64(stmt, 2),
            .certificate = (uint64_t)sqlite3_column_int64(stmt, 3),
        };
        rc = standing_turned(s, &h) ? append_deliveries(a, &h, o, e) : 0;
        if (rc != 0) {
            (void)sqlite3_reset(stmt);
            break;
        }
    }
    return rc;
}

static int find_changed(struct applying *a, struct err *e)
{
    struct registry *r = a->m->registry;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < registry_origin_count(r); i++) {
        const struct origin *o = registry_origin_at(r, i);
        if (standing_concerns(registry_standing(r), &o->node)) {
            rc = find_changed_of(a, o, e);
        }
    }
    return rc;
}

/* --- their rows ---------------------------------------------------------- */

/* A leaf whose key no row can have is refused for that, whatever it says. */
static void note_row(struct applying *a)
{
    const struct leaf *leaf = &a->leaf;
    const struct table *t = manifest_table(a->m->manifest, leaf->table);
    struct value key[KEY_COLUMNS_MAX];
    if (t == NULL || row_key_of(t, leaf->key_bytes, key, NULL) != 0) {
        return;
    }
    a->rows[a->row_count++] = (struct touched_row){
        .table = t,
        .key = {.len = leaf->key_bytes.len},
        .scope = {.len = leaf->scope_bytes.len},
    };
    bytes_put(&a->memory, leaf->key_bytes.data, leaf->key_bytes.len);
    bytes_put(&a->memory, leaf->scope_bytes.data, leaf->scope_bytes.len);
}

static int compare_rows(const void *a, const void *b)
{
    const struct touched_row *x = a;
    const struct touched_row *y = b;
    if (x->table != y->table) {
        return x->table->id > y->table->id ? 1 : -1;
    }
    int order = slice_compare(x->key, y->key);
    return order != 0 ? order : slice_compare(x->scope, y->scope);
}

/* The memory stands still by now. */
static void point(struct applying *a)
{
    const uint8_t *at = a->memory.data;
    for (size_t i = 0; i < a->row_count; i++) {
        struct touched_row *row = &a->rows[i];
        row->key.data = at;
        row->scope.data = at + row->key.len;
        at += row->key.len + row->scope.len;
    }
}

static int fold_gathered(struct applying *a, struct err *e)
{
    int rc = a->row_count < INDEX_ROWS
                 ? 0
                 : runs_grow_all(a->m->db, a->m->journal, e);
    point(a);
    if (a->row_count > 0) {
        qsort(a->rows, a->row_count, sizeof *a->rows, compare_rows);
    }
    for (size_t i = 0; rc == 0 && i < a->row_count; i++) {
        const struct touched_row *row = &a->rows[i];
        if (i == 0 || compare_rows(row, row - 1) != 0) {
            ++*a->ret_rows;
            rc = fold_apply(a->m, row->table, row->key, row->scope, e);
        }
    }
    a->row_count = 0;
    bytes_clear(&a->memory);
    return rc;
}

/* --- sums and heads ------------------------------------------------------ */

static void count_leaf(struct registry *registry, struct origin *o,
                       const struct changeset *cs, size_t i, bool voided)
{
    struct slice site;
    struct hash hash = changeset_leaf_hash(cs, i);
    bool of_all = cs->slots[i].head.data[2] == SCOPE_ALL;
    (voided ? leaf_sum_remove : leaf_sum_add)(&o->held, &hash);
    if (of_all) {
        (voided ? leaf_sum_remove : leaf_sum_add)(&o->all, &hash);
    } else if (addressed_to(registry, &o->node, &cs->slots[i], &site)) {
        registry_count_addressed(registry, site, &hash, voided);
    }
    o->changed = true;
}

/* What was taken back is in no digest and is not sent; the chain goes on from
 * what was not. */
static int move_head(struct applying *a, struct origin *o, struct err *e)
{
    struct changeset_header tip = {.seq = 0};
    struct hash hash = {0};
    int rc = journal_tip(a->m->journal, o->no, INT64_MAX, &tip, &hash, e);
    if (rc < 0) {
        return rc;
    }
    o->head_seq = tip.seq;
    o->head_incarnation = tip.incarnation;
    o->head_hlc = tip.hlc;
    o->head_hash = hash;
    o->changed = true;
    return 0;
}

static int apply_delivery(struct applying *a, const struct delivery *d,
                          struct origin *o, struct err *e)
{
    struct changeset *cs = NULL;
    struct merger *m = a->m;
    if ((d->reach & REACH_REPEAT) != 0) {
        return 0; /* counted where they stand first */
    }
    int rc = journal_open(m->packer, m->network, &o->node, d, &cs, e);
    if (rc != 0) {
        return rc;
    }
    bool voided =
        standing_of(registry_standing(m->registry), &cs->header) == STAND_VOID;
    bool turned = voided != d->voided;
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form != SLOT_VISIBLE ||
            leaf_decode(slot->head, slot->body, &a->leaf, NULL) != 0) {
            continue;
        }
        if (turned) {
            count_leaf(a->m->registry, o, cs, i, voided);
        }
        note_row(a);
        rc = a->row_count == ROWS_MAX ? fold_gathered(a, e) : 0;
    }
    changeset_destroy(&cs);
    return rc;
}

static int apply_deliveries(struct applying *a, struct err *e)
{
    struct database *journal = a->m->journal;
    struct delivery d;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->position_count; i++) {
        rc = journal_next(journal, a->positions[i] - 1, 0, &d, e);
        if (rc == 1) {
            rc = apply_delivery(
                a, &d, registry_origin_no(a->m->registry, d.origin_no), e);
        }
    }
    return rc == 0 ? fold_gathered(a, e) : rc;
}

/* After all of a changeset's deliveries were looked at. */
static int mark_voided(struct applying *a, struct err *e)
{
    struct registry *r = a->m->registry;
    struct origin *turned = NULL; /* they come origin by origin */
    struct delivery d;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->position_count; i++) {
        rc = journal_next(a->m->journal, a->positions[i] - 1, 0, &d, e);
        if (rc != 1) {
            break;
        }
        struct origin *o = registry_origin_no(r, d.origin_no);
        const struct changeset_header h = {
            .origin = o->node,
            .seq = d.seq,
            .incarnation = d.incarnation,
            .hlc = d.hlc,
            .certificate = d.certificate,
        };
        bool voided = standing_of(registry_standing(r), &h) == STAND_VOID;
        if (turned != NULL && turned != o) {
            rc = move_head(a, turned, e);
            turned = NULL;
        } else {
            rc = 0;
        }
        if (rc == 0 && voided != d.voided) {
            rc = journal_set_voided(a->m->journal, &d, voided, e);
            turned = o;
        }
    }
    return rc == 0 && turned != NULL ? move_head(a, turned, e) : rc;
}

/* --- control leaves that waited ------------------------------------------ */

/* A row of a control table that waits; those keys have no UUIDs. */
static void note_waiting(struct applying *a, const struct value *table,
                         struct slice key)
{
    static const uint8_t all[] = {SCOPE_ALL, 0, 0, 0, 0};
    const struct table *t =
        manifest_table(a->m->manifest, (uint32_t)table->integer);
    if (t == NULL || key.len < 2 || key.data[0] != 'k') {
        return;
    }
    a->rows[a->row_count++] = (struct touched_row){
        .table = t,
        .key = {.len = key.len - 1},
        .scope = {.len = sizeof all},
    };
    bytes_put(&a->memory, key.data + 1, key.len - 1);
    bytes_put(&a->memory, all, sizeof all);
}

/* Of those behind `table` and `key` as many as there is room for. 1: there may
 * be more, behind what `table` and `key` are now. */
static int gather_waiting(struct applying *a, struct value *table,
                          struct bytes *key, struct err *e)
{
    static const char sql[] =
        "SELECT DISTINCT table_id, key FROM sync_verdict"
        " WHERE (table_id, key) > (?1, ?2) AND table_id <= 9"
        " AND verdict = 'waiting' ORDER BY table_id, key";
    const struct value behind = value_blob(key->data, key->len);
    sqlite3_stmt *stmt;
    int rc = database_statement(a->m->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, table);
    database_bind_at(stmt, 2, &behind);
    while (a->row_count < ROWS_MAX &&
           (rc = database_step(a->m->db, stmt, e)) == 1) {
        *table = database_column(stmt, 0);
        const struct slice name = database_column(stmt, 1).bytes;
        note_waiting(a, table, name);
        if (a->row_count == ROWS_MAX) {
            bytes_clear(key);
            bytes_put(key, name.data, name.len);
        }
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

/* Evidence may wait for the certificate of whom it speaks of. */
static int fold_waiting(struct applying *a, struct err *e)
{
    struct value table = value_integer(0);
    struct bytes key = {0};
    int more = 1;
    int rc = 0;
    while (rc == 0 && more == 1) {
        more = gather_waiting(a, &table, &key, e);
        rc = more < 0 ? more : fold_gathered(a, e);
    }
    bytes_free(&key);
    return rc;
}

/* --- the whole ----------------------------------------------------------- */

static int apply_once(struct applying *a, struct err *e)
{
    struct registry *r = a->m->registry;
    a->position_count = 0;
    int rc = find_changed(a, e);
    if (rc == 0) {
        rc = apply_deliveries(a, e);
    }
    if (rc == 0) {
        rc = mark_voided(a, e);
    }
    bool enrolled = standing_enrolled(registry_standing(r));
    standing_settled(registry_standing(r));
    return rc == 0 && enrolled && a->m->waiting ? fold_waiting(a, e) : rc;
}

int late_apply(struct merger *m, uint64_t *ret_rows, struct err *e)
{
    struct standing *s = registry_standing(m->registry);
    int rc = 0;
    if (!standing_changed(s)) {
        return 0;
    }
    struct applying *a = calloc(1, sizeof *a);
    if (a == NULL) {
        abort();
    }
    a->m = m;
    a->ret_rows = ret_rows;
    while (rc == 0 && standing_changed(s)) {
        rc = apply_once(a, e);
    }
    free(a->positions);
    bytes_free(&a->memory);
    free(a);
    return rc;
}
