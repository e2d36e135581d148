/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold.h"
#include "store/parts.h"

void why_clear(struct why *w)
{
    free(w->leaves);
    *w = (struct why){0};
}

static void copy(char *out, size_t out_bytes, const char *text)
{
    (void)snprintf(out, out_bytes, "%s", text);
}

/* Names of the columns of a leaf that show in the row. */
static void list_columns(const struct fold *f, const struct folded_leaf *l,
                         const struct leaf *leaf, char *out, size_t out_bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < leaf->cell_count && used < out_bytes; i++) {
        uint16_t id = leaf->cells[i].column;
        const struct column *c = table_column(f->table, id);
        if (!fold_shows(f, l, leaf, id)) {
            continue;
        }
        int n = snprintf(out + used, out_bytes - used, "%s%s",
                         used == 0 ? "" : ", ",
                         c == NULL ? "(newer than this node)" : c->name);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* What is not in the list has its number for a name. */
static int name_class(struct replica *r, uint16_t class_id, char *out,
                      size_t out_bytes, struct err *e)
{
    sqlite3_stmt *stmt;
    (void)snprintf(out, out_bytes, "%u", (unsigned)class_id);
    int rc = database_statement(
        r->db, "SELECT name FROM sync_class WHERE class_id = ?1", &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int(stmt, 1, class_id);
    rc = database_step(r->db, stmt, e);
    if (rc == 1) {
        copy(out, out_bytes, (const char *)sqlite3_column_text(stmt, 0));
        sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

static int describe(struct replica *r, const struct fold *f,
                    const struct folded_leaf *l, struct leaf *leaf,
                    struct why_leaf *ret, struct err *e)
{
    const struct changeset_header *h = &l->changeset->header;
    const struct registry *registry = r->merger.registry;
    const struct certificate *c =
        registry_certificate(registry, &h->origin, h->certificate);
    const struct origin *from = registry_origin_no(registry, l->from_no);
    const struct slot *slot = &l->changeset->slots[l->index];
    int rc = leaf_decode(slot->head, slot->body, leaf, e);
    if (rc != 0) {
        return rc;
    }
    ret->origin = h->origin;
    copy(ret->site, sizeof ret->site, c == NULL ? "unknown node" : c->site);
    ret->seq = h->seq;
    ret->incarnation = h->incarnation;
    ret->hlc = h->hlc;
    ret->position = l->position;
    copy(ret->from, sizeof ret->from,
         from == NULL ? "unknown node" : replica_site_of(r, &from->node));
    ret->verified =
        c != NULL && changeset_verify(l->changeset, c->sign_public, NULL) == 0;
    copy(ret->verdict, sizeof ret->verdict, l->verdict);
    if (l->code != 0) {
        copy(ret->says, sizeof ret->says, l->says);
    } else if (standing_is_forked(registry_standing(registry), h)) {
        copy(ret->says, sizeof ret->says,
             "its node ran twice; events of both are shown");
    }
    ret->op = leaf->op;
    list_columns(f, l, leaf, ret->columns, sizeof ret->columns);
    return name_class(r, leaf->class_id, ret->class_name,
                      sizeof ret->class_name, e);
}

static int describe_all(struct replica *r, const struct fold *f,
                        struct why *ret, struct err *e)
{
    int rc = 0;
    struct leaf *leaf = malloc(sizeof *leaf);
    ret->leaves = calloc(f->leaf_count + 1, sizeof *ret->leaves);
    if (leaf == NULL || ret->leaves == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < f->leaf_count; i++) {
        rc = describe(r, f, &f->leaves[i], leaf, &ret->leaves[i], e);
    }
    ret->count = f->leaf_count;
    free(leaf);
    return rc;
}

int replica_why(struct replica *r, const struct table *t,
                const struct value *key, struct why *ret, struct err *e)
{
    struct bytes scope = {0};
    struct bytes canonical = {0};
    struct fold f = {0};
    *ret = (struct why){0};
    key_bytes(t, key, &canonical);
    int rc = replica_scope_of(r, t, key, &scope, e);
    if (rc >= 0) { /* without a row, leaves may be waiting for it */
        rc = fold_row(&r->merger, t, slice_of(&canonical), slice_of(&scope), &f,
                      e);
    }
    if (rc == 0) {
        rc = f.leaf_count > 0
                 ? describe_all(r, &f, ret, e)
                 : err_set(e, ERR_UNKNOWN, "%s has no such row here", t->name);
        fold_clear(&f);
    }
    if (rc != 0) {
        why_clear(ret);
    }
    bytes_free(&scope);
    bytes_free(&canonical);
    return rc;
}
