/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/capture.h"
#include "store/fold.h"
#include "store/late.h"
#include "store/list.h"
#include "store/merge.h"
#include "store/offers.h"
#include "store/touched.h"

struct entry {
    const struct changeset *changeset;
    uint32_t index;
    uint64_t position;
    enum batch_source source;
    const struct table *table;
    struct slice key; /* canonical, in the changeset's memory */
    struct merge_rank rank;
    const char *word; /* its verdict from admission; NULL: it may count */
    int code;         /* of that verdict */
    char *says;       /* owned; the reason */
};

/* Leaves of one delivery that are newer than this version. */
struct newer {
    uint64_t position;
    uint32_t leaves;
};

struct batch {
    struct changeset **changesets; /* owned */
    size_t changeset_count;
    size_t changeset_cap;
    struct entry *entries;
    size_t entry_count;
    size_t entry_cap;
    uint64_t unknown;
    struct newer *newer;
    size_t newer_count;
    size_t newer_cap;
    struct leaf leaf;     /* the one being looked at */
    struct bytes offered; /* rows offered here: u32 table, slice key, scope */
    struct bytes memory;  /* of the offer a leaf names, */
    struct bytes key;     /* and of a key */
};

/* The merged cells of one row, by index of table->columns. */
struct row_cells {
    bool set[COLUMNS_MAX];
    struct value values[COLUMNS_MAX];
};

/* One row's stretch of the sorted entries. */
struct group {
    struct batch *batch;
    struct merger *m;
    struct entry *entries;
    size_t count;
    const struct table *table;
    struct bytes name_bytes;
    struct row_name name;
    struct tally *tally;
};

struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL) {
        abort();
    }
    return b;
}

void batch_drop(struct batch *b)
{
    for (size_t i = 0; i < b->changeset_count; i++) {
        changeset_destroy(&b->changesets[i]);
    }
    for (size_t i = 0; i < b->entry_count; i++) {
        free(b->entries[i].says);
    }
    b->changeset_count = 0;
    b->entry_count = 0;
    b->unknown = 0;
    bytes_clear(&b->offered);
    b->newer_count = 0;
}

void batch_destroy(struct batch **b)
{
    if (*b == NULL) {
        return;
    }
    batch_drop(*b);
    bytes_free(&(*b)->offered);
    bytes_free(&(*b)->memory);
    bytes_free(&(*b)->key);
    free((*b)->changesets);
    free((*b)->entries);
    free((*b)->newer);
    free(*b);
    *b = NULL;
}

/* --- adding -------------------------------------------------------------- */

static struct entry *new_entry(struct batch *b)
{
    if (b->entry_count == b->entry_cap) {
        b->entry_cap = b->entry_cap == 0 ? 1024 : b->entry_cap * 2;
        b->entries = realloc(b->entries, b->entry_cap * sizeof *b->entries);
        if (b->entries == NULL) {
            abort();
        }
    }
    struct entry *entry = &b->entries[b->entry_count++];
    *entry = (struct entry){0};
    return entry;
}

static void keep(struct batch *b, struct changeset *cs)
{
    if (b->changeset_count == b->changeset_cap) {
        b->changeset_cap = b->changeset_cap == 0 ? 64 : b->changeset_cap * 2;
        b->changesets = realloc(b->changesets,
                                b->changeset_cap * sizeof(struct changeset *));
        if (b->changesets == NULL) {
            abort();
        }
    }
    b->changesets[b->changeset_count++] = cs;
}

static void keep_newer(struct batch *b, uint64_t position, uint32_t leaves)
{
    if (leaves == 0) {
        return;
    }
    if (b->newer_count == b->newer_cap) {
        b->newer_cap = b->newer_cap == 0 ? 64 : b->newer_cap * 2;
        b->newer = realloc(b->newer, b->newer_cap * sizeof *b->newer);
        if (b->newer == NULL) {
            abort();
        }
    }
    b->newer[b->newer_count++] =
        (struct newer){.position = position, .leaves = leaves};
}

/* Does the leaf of a table say more than this version can show? */
static bool has_newer_columns(const struct table *t, const struct leaf *leaf)
{
    bool newer = false;
    for (size_t i = 0; i < leaf->cell_count; i++) {
        newer = newer || table_column(t, leaf->cells[i].column) == NULL;
    }
    return newer;
}

static void decode(struct batch *b, const struct slot *slot)
{
    int rc = leaf_decode(slot->head, slot->body, &b->leaf, NULL);
    assert(rc == 0); /* it was decoded when its root was computed */
    (void)rc;
}

void batch_add(struct batch *b, struct merger *m, struct changeset **cs_p,
               uint64_t position, enum batch_source source)
{
    struct changeset *cs = *cs_p;
    struct err says;
    const struct certificate *origin = registry_in_force(
        m->registry, &cs->header.origin, cs->header.certificate);
    struct stamp stamp = merger_stamp(m, cs);
    uint32_t newer = 0;
    assert(origin != NULL && stamp.origin != NULL);
    for (uint32_t i = 0; i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form != SLOT_VISIBLE) {
            continue;
        }
        decode(b, &cs->slots[i]);
        enum admission admission = admit_leaf(m->manifest, m->registry, origin,
                                              &cs->header, &b->leaf, &says);
        const struct table *table = manifest_table(m->manifest, b->leaf.table);
        newer += table == NULL || admission == ADMISSION_UNKNOWN ||
                 has_newer_columns(table, &b->leaf);
        if (table == NULL) {
            b->unknown++;
            continue;
        }
        struct entry *entry = new_entry(b);
        entry->changeset = cs;
        entry->index = i;
        entry->position = position;
        entry->source = source;
        entry->table = table;
        entry->key = b->leaf.key_bytes;
        entry->rank = merge_rank_of(table, &b->leaf, &stamp);
        if (admission == ADMISSION_REFUSED || admission == ADMISSION_WAITING) {
            entry->word =
                admission == ADMISSION_REFUSED ? "refused" : "waiting";
            entry->code = says.code;
            entry->says = strdup(says.text);
        } else if (admission == ADMISSION_UNKNOWN) {
            entry->word = "waiting";
            entry->code = ERR_VERSION;
            entry->says = strdup(admit_newer);
        }
    }
    keep(b, cs);
    keep_newer(b, position, newer);
    *cs_p = NULL;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->table != y->table) {
        return x->table->id > y->table->id ? 1 : -1;
    }
    int order = slice_compare(x->key, y->key);
    return order != 0 ? order : merge_rank_compare(&x->rank, &y->rank);
}

/* --- one row ------------------------------------------------------------- */

static void count_refused(struct tally *tally, const char *says)
{
    if (tally->refused == 0) {
        (void)snprintf(tally->refused_says, sizeof tally->refused_says, "%s",
                       says);
    }
    tally->refused++;
}

static int note(struct group *g, const struct entry *entry, const char *word,
                int code, const char *says, struct err *e)
{
    const struct verdict v = {
        .position = entry->position,
        .leaf = entry->index,
        .word = word,
        .code = code,
        .says = says,
    };
    return verdict_save(g->m, &g->name, &v, e);
}

static void decode_entry(struct group *g, const struct entry *entry)
{
    decode(g->batch, &entry->changeset->slots[entry->index]);
}

/* At once, or in its turn while a drain merges. */
static int fold_soon(struct merger *m, const struct table *t, struct slice key,
                     struct slice scope, struct err *e)
{
    return m->drains_ms != 0
               ? capture_fold_later(m->db, t, key, scope, m->drains_ms, e)
               : fold_apply(m, t, key, scope, e);
}

/* Folds the row from the journal, which holds these leaves already. Those
 * outside the row's scope have a verdict by now, so that the fold finds them. */
static int refold(struct group *g, struct slice scope, struct err *e)
{
    return fold_soon(g->m, g->table, g->entries[0].key, scope, e);
}

/* The fold that comes will judge the leaf. */
static int note_for_fold(struct group *g, const struct entry *entry,
                         struct err *e)
{
    return note(g, entry, "waiting", ERR_STATE, "the row is to be folded", e);
}

/* Writes cells of the row. A table that does not take them is no failure. */
static int show(struct group *g, enum project_verb verb,
                const struct row_cells *cells, bool *ret_written, struct err *e)
{
    const struct table *t = g->table;
    struct projection p = {.table = t, .key = g->batch->leaf.key};
    for (size_t i = 0; i < t->column_count; i++) {
        if (cells->set[i]) {
            p.columns[p.count] = &t->columns[i];
            p.values[p.count++] = &cells->values[i];
        }
    }
    if (verb == PROJECT_UPDATE && p.count == 0) {
        return 0; /* columns that are newer than this version, all of them */
    }
    struct err says;
    int rc = projector_write(g->m->projector, verb, &p, ret_written, &says);
    if (rc == ERR_INPUT) {
        *ret_written = true; /* the row is known; it just does not fit */
        return unprojected_save(g->m, &g->name, says.text, e);
    }
    if (rc != 0) {
        return err_set(e, rc, "%s", says.text);
    }
    return unprojected_save(g->m, &g->name, NULL, e);
}

/* An offer that counts: the row it offers may wait for it. */
static int note_offer(struct group *g, const struct entry *entry, struct err *e)
{
    struct batch *b = g->batch;
    int rc = offers_note(g->m, g->table, &b->leaf, entry->changeset,
                         entry->index, &b->key, e);
    if (rc == 1) {
        bytes_put_u32(&b->offered, g->table->offered->id);
        bytes_put_slice(&b->offered, slice_of(&b->key));
        bytes_put_slice(&b->offered, b->leaf.scope_bytes);
    }
    return rc < 0 ? rc : 0;
}

/* Takes the cells of the leaf being looked at for which `won` (NULL: all). */
static void take_cells(struct group *g, const bool *won,
                       struct row_cells *cells)
{
    const struct leaf *leaf = &g->batch->leaf;
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(g->table, leaf->cells[i].column);
        if (c == NULL || (won != NULL && !won[i])) {
            continue; /* unknown columns are kept in the journal */
        }
        size_t at = (size_t)(c - g->table->columns);
        cells->set[at] = true;
        cells->values[at] = leaf->cells[i].value;
    }
}

/* --- records ------------------------------------------------------------- */

struct record {
    struct row_state state;
    struct row_cells cells;
    struct merge_result result;
    bool born;
    bool opened;  /* leaves may have waited for this */
    bool changed; /* the state */
    bool remote;  /* someone else's cells are among the winners */
    bool refold;
    struct bytes texts[COLUMNS_MAX]; /* of `union` columns, by index */
};

static bool won_all(const struct leaf *leaf, const struct merge_result *result)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        if (!result->won[i]) {
            return false;
        }
    }
    return true;
}

/* The offer that a leaf of a later epoch names: *ret is NULL when it names
 * none or it is not held. */
static int find_offer(struct group *g, struct offer *offer,
                      const struct offer **ret, struct err *e)
{
    const struct leaf *leaf = &g->batch->leaf;
    *ret = NULL;
    if (!leaf->owned || leaf->owner.epoch == 1) {
        return 0;
    }
    int rc = offers_find(g->m, leaf->owner.offer, &g->batch->memory, offer, e);
    *ret = rc == 1 ? offer : NULL;
    return rc < 0 ? rc : 0;
}

static int merged(struct group *g, struct record *r, const struct entry *entry,
                  struct err *e)
{
    const struct leaf *leaf = &g->batch->leaf;
    bool local = entry->source == BATCH_LOCAL;
    switch (r->result.outcome) {
    case MERGE_WON:
        g->tally->won++;
        r->born = r->born || r->result.born;
        r->remote = r->remote || !local;
        r->refold = r->refold || r->result.died ||
                    (local && !won_all(leaf, &r->result));
        take_cells(g, r->result.won, &r->cells);
        return 0;
    case MERGE_SUPERSEDED:
        g->tally->superseded++;
        r->refold = r->refold || local;
        return 0;
    case MERGE_WAITING:
        g->tally->waiting++;
        return note(g, entry, "waiting", ERR_UNKNOWN, r->result.says, e);
    case MERGE_REFUSED:
        count_refused(g->tally, r->result.says);
        r->refold = r->refold || local;
        return note(g, entry, "refused", ERR_FORBIDDEN, r->result.says, e);
    case MERGE_REFOLD:
        r->refold = true;
        return note_for_fold(g, entry, e);
    }
    return 0;
}

static int merge_entry(struct group *g, struct record *r,
                       const struct entry *entry, struct err *e)
{
    const struct offer *named;
    struct offer offer;
    decode_entry(g, entry);
    int rc = find_offer(g, &offer, &named, e);
    if (rc != 0) {
        return rc;
    }
    merge_leaf(&r->state, g->table, &g->batch->leaf, &entry->rank.stamp, named,
               &r->result);
    r->changed = r->changed || r->result.changed;
    r->refold = r->refold || r->result.unshown;
    r->opened =
        r->opened || r->result.born || r->result.died || r->result.handed;
    rc = merged(g, r, entry, e);
    bool counts =
        r->result.outcome == MERGE_WON || r->result.outcome == MERGE_SUPERSEDED;
    return rc == 0 && counts && g->table->offered != NULL
               ? note_offer(g, entry, e)
               : rc;
}

/* A leaf that waited for this life, or a row that could not be shown whole,
 * needs more than the cells at hand. */
static int needs_fold(struct group *g, const struct record *r, struct err *e)
{
    int rc = r->refold;
    if (rc == 0 && r->opened && g->m->waiting) {
        rc = verdict_waits(g->m, &g->name, e);
    }
    return rc == 0 && r->changed ? unprojected_has(g->m, &g->name, e) : rc;
}

/* A `union` shows what its memory says. */
static int take_unions(struct group *g, struct record *r, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->table->column_count; i++) {
        const struct column *c = &g->table->columns[i];
        if (c->policy == POLICY_UNION && r->cells.set[i]) {
            rc = list_of(g->m->db, c, state_column(&r->state, c->id)->memory,
                         &r->texts[i], &r->cells.values[i], e);
        }
    }
    return rc;
}

static int finish_record(struct group *g, struct record *r, struct err *e)
{
    bool written;
    int rc = needs_fold(g, r, e);
    if (rc == 1) {
        struct slice scope = {.data = r->state.scope,
                              .len = r->state.scope_len};
        bool lasts = g->m->drains_ms != 0 || r->state.scopes.len > 0;
        rc = r->changed && lasts
                 ? row_state_save(g->m, &g->name, &r->state, e)
                 : 0; /* or the fold makes it, and needs nothing of it */
        return rc == 0 ? refold(g, scope, e) : rc;
    }
    if (rc != 0 || !r->changed) {
        return rc;
    }
    rc = row_state_save(g->m, &g->name, &r->state, e);
    if (rc == 0 && r->remote) {
        rc = take_unions(g, r, e);
    }
    if (rc == 0 && r->remote) {
        rc = show(g, r->born ? PROJECT_UPSERT : PROJECT_UPDATE, &r->cells,
                  &written, e);
    }
    return rc;
}

static int merge_record(struct group *g, struct err *e)
{
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL) {
        abort();
    }
    int rc = row_state_load(g->m, &g->name, &r->state, e);
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        if (g->entries[i].word == NULL) {
            rc = merge_entry(g, r, &g->entries[i], e);
        }
    }
    if (rc == 0) {
        rc = finish_record(g, r, e);
    }
    for (size_t i = 0; i < g->table->column_count; i++) {
        bytes_free(&r->texts[i]);
    }
    state_clear(&r->state);
    free(r);
    return rc;
}

/* --- events -------------------------------------------------------------- */

/* The leaf may not be alone under its key: the fold sees them all. */
static int fold_event(struct group *g, const struct entry *entry, struct err *e)
{
    decode_entry(g, entry);
    int rc = note_for_fold(g, entry, e);
    return rc == 0 ? refold(g, g->batch->leaf.scope_bytes, e) : rc;
}

/* No state: the row itself says that the leaf was here. A key that exists is
 * folded, which finds the same leaf again, or a second content. */
static int merge_event_entry(struct group *g, const struct entry *entry,
                             struct err *e)
{
    struct row_cells cells = {0};
    bool written = false;
    decode_entry(g, entry);
    if (g->batch->leaf.class_id != g->table->base_class) {
        return fold_event(g, entry, e);
    }
    take_cells(g, NULL, &cells);
    int rc = unprojected_has(g->m, &g->name, e);
    if (rc == 0) {
        rc = show(g, PROJECT_INSERT, &cells, &written, e);
    }
    if (rc < 0) {
        return rc;
    }
    if (!written) {
        return fold_event(g, entry, e);
    }
    g->tally->won++;
    rc = g->table->offered != NULL ? note_offer(g, entry, e) : 0;
    if (rc == 0 && g->m->waiting) {
        rc = verdict_waits(g->m, &g->name, e);
    }
    return rc == 1 ? fold_event(g, entry, e) : rc;
}

static int merge_event(struct group *g, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        const struct entry *entry = &g->entries[i];
        /* programs wrote their events; certificates are written here alone */
        bool there =
            entry->source == BATCH_LOCAL && g->table->kind != TABLE_CONTROL;
        if (entry->word == NULL && !there) {
            rc = merge_event_entry(g, entry, e);
        } else if (entry->word == NULL && g->table->offered != NULL) {
            decode_entry(g, entry);
            rc = note_offer(g, entry, e);
        }
    }
    return rc;
}

/* --- after an upgrade ---------------------------------------------------- */

/* The leaves told less when they came. A key that no row can have is refused,
 * and there is nothing to fold. */
static int fold_newer(struct group *g, struct err *e)
{
    int rc = 0;
    decode_entry(g, &g->entries[0]);
    if (!admit_key(g->table, &g->batch->leaf, NULL)) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        if (g->entries[i].word == NULL) {
            rc = note_for_fold(g, &g->entries[i], e);
        }
    }
    return rc == 0 ? refold(g, g->batch->leaf.scope_bytes, e) : rc;
}

/* --- the batch ----------------------------------------------------------- */

/* The verdicts that admission has given already. */
static int note_judged(struct group *g, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        const struct entry *entry = &g->entries[i];
        if (entry->word == NULL) {
            continue;
        }
        bool waits = strcmp(entry->word, "waiting") == 0;
        if (waits) {
            g->tally->waiting++;
        } else {
            count_refused(g->tally, entry->says);
        }
        rc = note(g, entry, entry->word, entry->code, entry->says, e);
        if (rc == 0 && g->table->offered != NULL &&
            offers_count(g->m->registry, &entry->changeset->header,
                         entry->code)) {
            decode_entry(g, entry);
            rc = note_offer(g, entry, e);
        }
    }
    return rc;
}

/* What a program wrote and its node signed does not count: the row goes back
 * to what does. */
static int undo_judged(struct group *g, struct err *e)
{
    struct value key[KEY_COLUMNS_MAX];
    for (size_t i = 0; i < g->count; i++) {
        const struct entry *entry = &g->entries[i];
        if (entry->word != NULL && entry->source == BATCH_LOCAL &&
            g->table->kind != TABLE_CONTROL &&
            row_key_of(g->table, entry->key, key, NULL) == 0) {
            decode_entry(g, entry);
            return refold(g, g->batch->leaf.scope_bytes, e);
        }
    }
    return 0;
}

/* The rules look again at whom the row is about. */
static int touch(struct group *g, struct err *e)
{
    decode_entry(g, &g->entries[0]);
    const struct leaf *leaf = &g->batch->leaf;
    return touched_note(g->m, g->table, leaf->key, leaf->scope_bytes, e);
}

static int merge_group(struct group *g, struct err *e)
{
    bytes_clear(&g->name_bytes);
    row_key(g->entries[0].key, &g->name_bytes);
    g->table = g->entries[0].table;
    g->name = (struct row_name){
        .table = g->table->id,
        .key = slice_of(&g->name_bytes),
    };
    int rc = note_judged(g, e);
    if (rc != 0) {
        return rc;
    }
    if (g->entries[0].source == BATCH_NEWER) {
        return fold_newer(g, e);
    }
    bool record =
        g->table->kind == TABLE_RECORD || g->table->kind == TABLE_REFERENCE;
    rc = record ? merge_record(g, e) : merge_event(g, e);
    if (rc == 0) {
        rc = undo_judged(g, e);
    }
    return rc == 0 ? touch(g, e) : rc;
}

static size_t group_length(const struct batch *b, size_t from)
{
    size_t end = from + 1;
    while (end < b->entry_count &&
           b->entries[end].table == b->entries[from].table &&
           slice_equal(b->entries[end].key, b->entries[from].key)) {
        end++;
    }
    return end - from;
}

/* Rows that wait for an offer that came. */
static int fold_offered(struct batch *b, struct merger *m, struct err *e)
{
    struct cursor c = cursor_of(slice_of(&b->offered));
    int rc = 0;
    while (rc == 0 && m->waiting && cursor_left(&c) > 0) {
        const struct table *t = manifest_table(m->manifest, cursor_u32(&c));
        struct slice key = cursor_slice(&c, UINT32_MAX);
        struct slice scope = cursor_slice(&c, UINT32_MAX);
        struct row_name name = {.table = t->id};
        bytes_clear(&b->key);
        row_key(key, &b->key);
        name.key = slice_of(&b->key);
        rc = verdict_waits(m, &name, e);
        if (rc == 1) {
            rc = fold_soon(m, t, key, scope, e);
        }
    }
    return rc;
}

int batch_merge(struct batch *b, struct merger *m, struct tally *tally,
                struct err *e)
{
    struct group g = {.batch = b, .m = m, .tally = tally};
    int rc = 0;
    if (b->entry_count > 0) {
        qsort(b->entries, b->entry_count, sizeof *b->entries, compare_entries);
    }
    tally->leaves += b->entry_count + b->unknown;
    tally->unknown += b->unknown;
    for (size_t i = 0; rc == 0 && i < b->entry_count; i += g.count) {
        g.entries = &b->entries[i];
        g.count = group_length(b, i);
        rc = merge_group(&g, e);
    }
    if (rc == 0) {
        rc = fold_offered(b, m, e);
    }
    for (size_t i = 0; rc == 0 && i < b->newer_count; i++) {
        rc = newer_save(m, b->newer[i].position, b->newer[i].leaves, e);
    }
    bytes_free(&g.name_bytes);
    batch_drop(b);
    return rc == 0 ? late_apply(m, &tally->folded, e) : rc;
}
