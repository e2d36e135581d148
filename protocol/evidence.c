/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    INCARNATION_BYTES = 8,
    /* columns of a fork proof; those before are its key */
    FORK_NODE = 2,
    FORK_INCARNATION,
    FORK_SEQ,
    FORK_HEADERS, /* header and signature in turn */
    FORK_CELLS = 9,
};

static const char revokes[] = "revoke";
static const char retires[] = "retire";

/* --- leaves -------------------------------------------------------------- */

static void start(struct leaf *leaf, uint32_t table, uint8_t keys)
{
    *leaf = (struct leaf){
        .class_id = CLASS_CONTROL,
        .scope = {.kind = SCOPE_ALL},
        .table = table,
        .key_count = keys,
        .op = LEAF_INSERT,
        .cl = 1,
    };
}

static bool is_control(const struct leaf *leaf, uint32_t table, uint8_t keys,
                       size_t cells)
{
    return leaf->class_id == CLASS_CONTROL && leaf->scope.kind == SCOPE_ALL &&
           leaf->table == table && leaf->op == LEAF_INSERT && leaf->cl == 1 &&
           !leaf->owned && !leaf->named && leaf->context_count == 0 &&
           leaf->key_count == keys && leaf->cell_count == cells;
}

/* What is appended to memory stands still only at the end. */
static struct value blob_at(const struct bytes *memory, size_t at, size_t len)
{
    return value_blob(memory->data + at, len);
}

static bool read_blob(const struct value *v, void *out, size_t bytes)
{
    if (v->type != VALUE_BLOB || v->bytes.len != bytes) {
        return false;
    }
    memcpy(out, v->bytes.data, bytes);
    return true;
}

static bool read_number(const struct value *v, uint64_t *ret)
{
    *ret = (uint64_t)v->integer;
    return v->type == VALUE_INTEGER && v->integer >= 0;
}

static bool read_incarnation(const struct value *v, uint64_t *ret)
{
    uint8_t bytes[INCARNATION_BYTES];
    if (!read_blob(v, bytes, sizeof bytes)) {
        return false;
    }
    *ret = be64_get(bytes);
    return *ret != 0;
}

/* --- revocation ---------------------------------------------------------- */

void revocation_leaf(const struct revocation *v, struct bytes *memory,
                     struct leaf *ret)
{
    size_t at = memory->len;
    bytes_put(memory, v->node.bytes, HASH_BYTES);
    start(ret, TABLE_REVOCATION, 3);
    ret->key[0] = blob_at(memory, at, HASH_BYTES);
    ret->key[1] = value_integer((int64_t)v->after);
    ret->key[2] = value_text(v->retires ? retires : revokes);
}

int revocation_of_leaf(const struct leaf *leaf, struct revocation *ret,
                       struct err *e)
{
    struct value revoke = value_text(revokes);
    struct value retire = value_text(retires);
    struct revocation v;
    bool sound = is_control(leaf, TABLE_REVOCATION, 3, 0) &&
                 read_blob(&leaf->key[0], v.node.bytes, HASH_BYTES) &&
                 read_number(&leaf->key[1], &v.after);
    v.retires = sound && value_equal(&leaf->key[2], &retire);
    if (!sound || (!v.retires && !value_equal(&leaf->key[2], &revoke))) {
        return err_set(e, ERR_FORMAT, "a leaf is not a revocation's row");
    }
    *ret = v;
    return 0;
}

/* --- void ---------------------------------------------------------------- */

void voiding_leaf(const struct voiding *v, struct bytes *memory,
                  struct leaf *ret)
{
    size_t at = memory->len;
    bytes_put(memory, v->node.bytes, HASH_BYTES);
    bytes_put_u64(memory, v->incarnation);
    start(ret, TABLE_VOID, 3);
    ret->key[0] = blob_at(memory, at, HASH_BYTES);
    ret->key[1] = blob_at(memory, at + HASH_BYTES, INCARNATION_BYTES);
    ret->key[2] = value_integer((int64_t)v->after);
}

int voiding_of_leaf(const struct leaf *leaf, struct voiding *ret, struct err *e)
{
    struct voiding v;
    bool sound = is_control(leaf, TABLE_VOID, 3, 0) &&
                 read_blob(&leaf->key[0], v.node.bytes, HASH_BYTES) &&
                 read_incarnation(&leaf->key[1], &v.incarnation) &&
                 read_number(&leaf->key[2], &v.after);
    if (!sound) {
        return err_set(e, ERR_FORMAT, "a leaf is not a void's row");
    }
    *ret = v;
    return 0;
}

/* --- what a fork proof proves -------------------------------------------- */

const struct changeset_header *fork_proof_from(const struct fork_proof *p)
{
    return &p->second.header;
}

static void swap(struct fork_proof *p)
{
    struct signed_header first = p->first;
    p->first = p->second;
    p->second = first;
}

static bool proves_fork(struct fork_proof *p)
{
    struct hash first = changeset_hash(&p->first.header);
    struct hash second = changeset_hash(&p->second.header);
    int order = memcmp(first.bytes, second.bytes, HASH_BYTES);
    if (order > 0) {
        swap(p);
    }
    return order != 0 && p->first.header.seq == p->second.header.seq &&
           p->first.header.incarnation == p->second.header.incarnation;
}

static bool continues(const struct changeset_header *next,
                      const struct changeset_header *h)
{
    struct hash hash = changeset_hash(h);
    return next->seq == h->seq + 1 &&
           next->prev_incarnation == h->incarnation &&
           hash_equal(&next->prev, &hash);
}

static bool is_same_writer(const struct changeset_header *a,
                           const struct changeset_header *b)
{
    return hash_equal(&a->origin, &b->origin) &&
           hash_equal(&a->network, &b->network);
}

static bool begins(const struct changeset_header *h)
{
    return h->seq == 1 || h->prev_incarnation != h->incarnation;
}

bool fork_proof_may_rest_on(const struct changeset_header *first,
                            const struct changeset_header *third)
{
    bool waited =
        begins(first) && (first->incarnation & INCARNATION_WAITED) != 0;
    bool came_back =
        begins(third) && (third->incarnation & INCARNATION_CAME_BACK) != 0;
    return !waited && !came_back;
}

/* What is before something in a chain has a lower number. What a program wrote before
 * a disk was copied both copies sign, at the time it was written: by one stamp. */
static bool proves_clone(const struct fork_proof *p)
{
    const struct changeset_header *a = &p->first.header;
    const struct changeset_header *b = &p->second.header;
    const struct changeset_header *c = &p->third.header;
    return is_same_writer(a, c) && continues(c, a) &&
           fork_proof_may_rest_on(a, c) && b->incarnation != a->incarnation &&
           b->incarnation != c->incarnation && b->seq <= a->seq &&
           a->hlc < b->hlc && b->hlc < c->hlc;
}

static bool proves_sequel(const struct fork_proof *p)
{
    return continues(&p->second.header, &p->first.header) &&
           p->second.header.incarnation != p->first.header.incarnation;
}

bool fork_proof_holds(struct fork_proof *p)
{
    if (!is_same_writer(&p->first.header, &p->second.header)) {
        return false;
    }
    switch (p->kind) {
    case PROOF_FORK:
        return proves_fork(p);
    case PROOF_CLONE:
        return proves_clone(p);
    case PROOF_SEQUEL:
        return proves_sequel(p);
    }
    abort();
}

/* --- fork proof ---------------------------------------------------------- */

static void put_header(const struct signed_header *h, struct bytes *memory)
{
    uint8_t bytes[CHANGESET_HEADER_BYTES];
    changeset_header_encode(&h->header, bytes);
    bytes_put(memory, bytes, sizeof bytes);
    bytes_put(memory, h->signature, SIGNATURE_BYTES);
}

/* The cells of the headers that stand in memory from `at` on. */
static void set_headers(struct leaf *leaf, const struct bytes *memory,
                        size_t at, size_t count)
{
    for (size_t i = 0; i < 3; i++) {
        struct leaf_cell *cell = &leaf->cells[FORK_HEADERS - FORK_NODE + 2 * i];
        cell[0].value = (struct value){.type = VALUE_NULL};
        cell[1].value = (struct value){.type = VALUE_NULL};
        if (i < count) {
            cell[0].value = blob_at(memory, at, CHANGESET_HEADER_BYTES);
            at += CHANGESET_HEADER_BYTES;
            cell[1].value = blob_at(memory, at, SIGNATURE_BYTES);
            at += SIGNATURE_BYTES;
        }
    }
}

void fork_proof_leaf(const struct fork_proof *p, struct bytes *memory,
                     struct leaf *ret)
{
    const struct changeset_header *from = fork_proof_from(p);
    struct hash hashes[] = {changeset_hash(&p->first.header),
                            changeset_hash(&p->second.header)};
    size_t at = memory->len;
    bytes_put(memory, hashes[0].bytes, HASH_BYTES);
    bytes_put(memory, hashes[1].bytes, HASH_BYTES);
    bytes_put(memory, from->origin.bytes, HASH_BYTES);
    bytes_put_u64(memory, from->incarnation);
    size_t headers = memory->len;
    put_header(&p->first, memory);
    put_header(&p->second, memory);
    if (p->kind == PROOF_CLONE) {
        put_header(&p->third, memory);
    }
    start(ret, TABLE_FORK, 2);
    ret->key[0] = blob_at(memory, at, HASH_BYTES);
    ret->key[1] = blob_at(memory, at + HASH_BYTES, HASH_BYTES);
    ret->cell_count = FORK_CELLS;
    for (size_t i = 0; i < FORK_CELLS; i++) {
        ret->cells[i].column = (uint16_t)(FORK_NODE + i);
    }
    ret->cells[0].value =
        blob_at(memory, at + (size_t)2 * HASH_BYTES, HASH_BYTES);
    ret->cells[FORK_INCARNATION - FORK_NODE].value =
        blob_at(memory, at + (size_t)3 * HASH_BYTES, INCARNATION_BYTES);
    ret->cells[FORK_SEQ - FORK_NODE].value = value_integer((int64_t)from->seq);
    set_headers(ret, memory, headers, p->kind == PROOF_CLONE ? 3 : 2);
}

static bool read_header(const struct leaf *leaf, size_t which,
                        struct signed_header *ret)
{
    const struct leaf_cell *cell =
        &leaf->cells[FORK_HEADERS - FORK_NODE + 2 * which];
    return cell[0].value.type == VALUE_BLOB &&
           changeset_header_decode(cell[0].value.bytes, &ret->header, NULL) ==
               0 &&
           read_blob(&cell[1].value, ret->signature, SIGNATURE_BYTES);
}

static bool read_proof(const struct leaf *leaf, struct fork_proof *p)
{
    const struct value *third =
        &leaf->cells[FORK_HEADERS - FORK_NODE + 4].value;
    for (size_t i = 0; i < FORK_CELLS; i++) {
        if (leaf->cells[i].column != FORK_NODE + i) {
            return false;
        }
    }
    if (!read_header(leaf, 0, &p->first) || !read_header(leaf, 1, &p->second)) {
        return false;
    }
    if (third->type != VALUE_NULL) {
        p->kind = PROOF_CLONE;
        return read_header(leaf, 2, &p->third);
    }
    p->kind =
        p->first.header.seq == p->second.header.seq ? PROOF_FORK : PROOF_SEQUEL;
    return true;
}

/* A leaf has one form: what a proof says again is what it would write. */
static bool is_written_so(const struct leaf *leaf, const struct fork_proof *p)
{
    struct bytes memory = {0};
    struct leaf again;
    fork_proof_leaf(p, &memory, &again);
    bool same = value_equal(&again.key[0], &leaf->key[0]) &&
                value_equal(&again.key[1], &leaf->key[1]);
    for (size_t i = 0; same && i < FORK_CELLS; i++) {
        same = value_equal(&again.cells[i].value, &leaf->cells[i].value);
    }
    bytes_free(&memory);
    return same;
}

int fork_proof_of_leaf(const struct leaf *leaf, struct fork_proof *ret,
                       struct err *e)
{
    struct fork_proof p = {.kind = PROOF_FORK};
    if (!is_control(leaf, TABLE_FORK, 2, FORK_CELLS) || !read_proof(leaf, &p)) {
        return err_set(e, ERR_FORMAT, "a leaf is not a fork proof's row");
    }
    if (!fork_proof_holds(&p) || !is_written_so(leaf, &p)) {
        return err_set(e, ERR_FORMAT,
                       "the headers of a fork proof prove nothing");
    }
    *ret = p;
    return 0;
}
