/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "forged.h"

#include "store/fold.h"
#include "store/parts.h"

#include <stdlib.h>
#include <string.h>

/* No program wrote the row: the journal alone knows it. */
static int show_row(struct replica *r, const struct draft *draft, struct err *e)
{
    const struct table *t = manifest_table(r->manifest, draft->table);
    struct value key[KEY_COLUMNS_MAX];
    if (t == NULL || row_key_of(t, draft->key, key, e) != 0) {
        return 0;
    }
    return fold_apply(&r->merger, t, draft->key, draft->scope_bytes, e);
}

void forged_sign(struct tree *t, int node, struct leaf *leaves, size_t count)
{
    struct replica *r = t->nodes[node].replica;
    struct bytes memory[16][3] = {0};
    struct draft drafts[16] = {0};
    struct tally tally = {0};
    struct err e;
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        const struct leaf *leaf = &leaves[i];
        bytes_put_u8(&memory[i][0], (uint8_t)leaf->scope.kind);
        bytes_put_slice(&memory[i][0], leaf->scope.id);
        leaf_encode_key(leaf, &memory[i][1]);
        leaf_encode_body(leaf, &memory[i][2]);
        drafts[i] = (struct draft){
            .class_id = leaf->class_id,
            .scope = leaf->scope,
            .scope_bytes = slice_of(&memory[i][0]),
            .table = leaf->table,
            .key = slice_of(&memory[i][1]),
            .body = slice_of(&memory[i][2]),
        };
    }
    t->now_ms += 1000;
    assert_int_equal(replica_begin(r, &e), 0);
    int rc = replica_sign(r, drafts, count, t->now_ms, t->now_ms, &e);
    if (rc > 0) {
        rc = batch_merge(r->batch, &r->merger, &tally, &e);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = show_row(r, &drafts[i], &e);
    }
    if (replica_end(r, rc, &e) != 0) {
        fail_msg("%s", e.text);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 3; k++) {
            bytes_free(&memory[i][k]);
        }
    }
}

struct leaf *forged_leaf(struct forged_about a)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    leaf->class_id = a.class_id;
    leaf->scope.kind = a.scope;
    leaf->scope.id = slice_text(a.scope_id == NULL ? "" : a.scope_id);
    leaf->table = a.table;
    leaf->key_count = 1;
    leaf->key[0] = value_text(a.key);
    leaf->op = a.op;
    leaf->cl = a.op == LEAF_DELETE ? 2 : 1;
    return leaf;
}

void forged_cell(struct leaf *leaf, uint16_t column, struct value v)
{
    leaf->cells[leaf->cell_count++] =
        (struct leaf_cell){.column = column, .value = v};
}

void forged_own(struct leaf *leaf, const char *site, uint32_t epoch)
{
    leaf->owned = true;
    leaf->owner.site = slice_text(site);
    leaf->owner.epoch = epoch;
    memset(leaf->owner.offer, epoch > 1 ? 7 : 0, HASH_BYTES);
}

void forged_sign_one(struct tree *t, int node, struct leaf *leaf)
{
    forged_sign(t, node, leaf, 1);
    free(leaf);
}

struct leaf *forged_person(const char *id, const char *site)
{
    struct leaf *leaf = forged_leaf((struct forged_about){
        CLASS_ROUTING, SCOPE_PERSON, id, PERSON, id, LEAF_INSERT});
    forged_cell(leaf, 2, value_text("N-forged"));
    forged_cell(leaf, 17, value_text("alive"));
    forged_cell(leaf, 18, value_text("active"));
    forged_cell(leaf, 19, value_text(site));
    forged_cell(leaf, 20, value_text("2026-01-01T00:00:00.000Z"));
    return leaf;
}

struct leaf *forged_person_update(uint16_t class_id, const char *id,
                                  const char *scope, uint16_t column)
{
    struct leaf *leaf = forged_leaf((struct forged_about){
        class_id, SCOPE_PERSON, scope, PERSON, id, LEAF_UPDATE});
    forged_cell(leaf, column, value_text("forged"));
    return leaf;
}

struct leaf *forged_dose(const char *id, const char *scope,
                         const char *person_id, const char *site)
{
    struct leaf *leaf = forged_leaf((struct forged_about){
        CLASS_MEDICATION, SCOPE_PERSON, scope, DOSE, id, LEAF_INSERT});
    forged_cell(leaf, 2, value_text(person_id));
    forged_cell(leaf, 5, value_text(site));
    forged_cell(leaf, 6, value_text("2026-01-01"));
    forged_cell(leaf, 7, value_text("2026-01-01T04:00:00.000Z"));
    forged_cell(leaf, 8, value_text("observed"));
    forged_cell(leaf, 10, value_integer(9));
    forged_cell(leaf, 11, value_integer(0));
    forged_cell(leaf, 12, value_integer(1));
    forged_cell(leaf, 15, value_text("none"));
    forged_cell(leaf, 16, value_text("forged"));
    forged_cell(leaf, 21, value_text(site));
    forged_cell(leaf, 22, value_text("2026-01-01T04:00:00.000Z"));
    return leaf;
}

struct leaf *forged_enrolment(const char *id, const char *person_id,
                              const char *owner, const char *site)
{
    struct leaf *leaf = forged_leaf((struct forged_about){
        CLASS_CARE, SCOPE_PERSON, person_id, ENROLMENT, id, LEAF_INSERT});
    forged_cell(leaf, 2, value_text(person_id));
    forged_cell(leaf, 3, value_text("OOAT"));
    forged_cell(leaf, 4, value_text(owner));
    forged_cell(leaf, 5, value_integer(1));
    forged_cell(leaf, 6, value_text("active"));
    forged_cell(leaf, 16, value_text(site));
    forged_cell(leaf, 17, value_text("2026-01-01T00:00:00.000Z"));
    forged_own(leaf, owner, 1);
    return leaf;
}

struct leaf *forged_enrolment_update(const char *id, const char *person_id,
                                     const char *owner, uint32_t epoch)
{
    struct leaf *leaf = forged_leaf((struct forged_about){
        CLASS_CARE, SCOPE_PERSON, person_id, ENROLMENT, id, LEAF_UPDATE});
    forged_cell(leaf, 15, value_text("forged"));
    forged_own(leaf, owner, epoch);
    return leaf;
}

struct leaf *forged_control(const char *key)
{
    return forged_leaf((struct forged_about){CLASS_CONTROL, SCOPE_ALL, NULL, 9,
                                             key, LEAF_INSERT});
}

void forged_go_back(struct tree *t, int node, const struct origin *was,
                    uint64_t incarnation)
{
    struct replica *r = t->nodes[node].replica;
    struct origin *own = replica_own_origin(r);
    own->head_seq = was->head_seq;
    own->head_incarnation = was->head_incarnation;
    own->head_hash = was->head_hash;
    own->head_hlc = was->head_hlc;
    own->changed = true;
    r->last_hlc = was->head_hlc;
    r->self.incarnation = incarnation;
    registry_mark(r->merger.registry);
}
