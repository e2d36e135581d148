/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/draft.h"
#include "store/fold.h"

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

static int draft_rows(struct drafting *d, const struct capture *items,
                      size_t count, struct err *e)
{
    int rc = 0;
    for (size_t i = 0, of_row; rc == 0 && i < count; i += of_row) {
        of_row = 1;
        while (i + of_row < count && same_row(&items[i], &items[i + of_row])) {
            of_row++;
        }
        rc = drafting_row(d, &items[i], of_row, e);
    }
    return rc;
}

/* What one program wrote is news to the others. */
static int note_rows(struct replica *r, const struct capture *items,
                     size_t count, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (i == 0 || !same_row(&items[i - 1], &items[i])) {
            rc = projector_note(r->merger.projector, items[i].table,
                                items[i].key, e);
        }
    }
    return rc;
}

static int undo_rows(struct replica *r, struct slice undone, int64_t at_ms,
                     struct err *e)
{
    struct cursor c = cursor_of(undone);
    int rc = 0;
    while (rc == 0 && cursor_left(&c) > 0) {
        const struct table *t = manifest_table(r->manifest, cursor_u32(&c));
        struct slice key = cursor_slice(&c, UINT32_MAX);
        struct slice scope = cursor_slice(&c, UINT32_MAX);
        rc = capture_fold_later(r->db, t, key, scope, at_ms, e);
    }
    return rc;
}

/* A row to which programs have written more is folded after that is signed; if
 * it is to be folded then anyhow, not twice. */
static int fold_row_of(struct replica *r, const struct capture_list *list,
                       const struct capture *c, struct err *e)
{
    struct bytes key = {0};
    struct slice scope = {0};
    int waits = capture_waits(r->db, list, c, e);
    if (waits == WAITS_WRITES) {
        return capture_append(r->db, c->table, CAPTURE_FOLD, c->key, &c->old,
                              c->at_ms, e);
    }
    if (waits != WAITS_NOTHING) {
        return waits < 0 ? waits : 0;
    }
    if (c->old.type == VALUE_BLOB) {
        scope = c->old.bytes;
    }
    key_bytes(c->table, c->key, &key);
    int rc = fold_apply(&r->merger, c->table, slice_of(&key), scope, e);
    bytes_free(&key);
    return rc;
}

static int fold_rows(struct replica *r, const struct capture_list *list,
                     struct err *e)
{
    size_t count;
    const struct capture *folds = capture_list_folds(list, &count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = fold_row_of(r, list, &folds[i], e);
    }
    return rc;
}

static int merge_signed(struct replica *r, int64_t at_ms, struct err *e)
{
    struct tally tally = {0};
    r->merger.drains_ms = at_ms > 0 ? at_ms : 1;
    int rc = batch_merge(r->batch, &r->merger, &tally, e);
    r->merger.drains_ms = 0;
    return rc;
}

static int drain_list(struct replica *r, const struct capture_list *list,
                      int64_t now_ms, struct drained *ret, struct err *e)
{
    size_t count;
    size_t draft_count;
    const struct capture *items = capture_list_items(list, &count);
    int64_t at_ms = capture_list_at_ms(list);
    struct drafting *d = drafting_new(r, list, ret);
    uint64_t strays = 0;
    int rc = capture_set_aside(r->db, list, &strays, e);
    ret->parked += strays;
    if (rc == 0) {
        rc = draft_rows(d, items, count, e);
    }
    if (rc == 0) {
        rc = note_rows(r, items, count, e);
    }
    if (rc == 0) {
        struct draft *drafts = drafting_drafts(d, &draft_count);
        rc = replica_sign(r, drafts, draft_count, at_ms, now_ms, e);
        free(drafts);
    }
    if (rc >= 0) {
        ret->changesets += (uint64_t)rc;
        rc = merge_signed(r, at_ms, e);
    }
    if (rc == 0) {
        rc = undo_rows(r, drafting_undone(d), at_ms, e);
    }
    if (rc == 0) {
        rc = fold_rows(r, list, e);
    }
    drafting_destroy(&d);
    return rc == 0 ? capture_forget(r->db, list, e) : rc;
}

static size_t rows_max(const struct replica *r)
{
    return r->rows_max < DRAIN_ROWS_MAX ? r->rows_max : DRAIN_ROWS_MAX;
}

/* One list of captures; *ret_count: how many rows of it. */
static int drain_once(struct replica *r, int64_t now_ms, struct drained *ret,
                      size_t *ret_count, struct err *e)
{
    struct capture_list *list = NULL;
    int rc = capture_read(r->db, r->manifest, rows_max(r), &list, e);
    *ret_count = rc == 0 ? capture_list_rows(list) : 0;
    if (*ret_count > 0) {
        rc = drain_list(r, list, now_ms, ret, e);
    }
    capture_list_destroy(&list);
    return rc;
}

/* A pause in the captures ends a list, so there may be many short ones; after
 * half of the rows no other list is begun, as it may be a whole one. */
int replica_drain_some(struct replica *r, int64_t now_ms, struct drained *ret,
                       struct err *e)
{
    size_t taken = 0;
    size_t count = 1;
    int rc = 0;
    while (rc == 0 && count > 0 && taken < rows_max(r) / 2) {
        rc = drain_once(r, now_ms, ret, &count, e);
        taken += count + CHANGESET_ROWS;
    }
    ret->more = count > 0;
    return rc;
}

int replica_drain(struct replica *r, int64_t now_ms, struct drained *ret,
                  struct err *e)
{
    int64_t pending = 0;
    bool altered = false;
    *ret = (struct drained){0};
    int rc = capture_pending(r->db, &pending, e);
    if (rc == 0) {
        rc = replica_altered(r, &altered, e);
    }
    if (rc != 0 || (pending == 0 && !altered)) {
        return rc;
    }
    rc = replica_begin(r, e);
    return rc == 0 ? replica_end(r, replica_drain_some(r, now_ms, ret, e), e)
                   : rc;
}
