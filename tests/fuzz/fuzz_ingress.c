/* SPDX-License-Identifier: Apache-2.0 */
/* From received bytes to applied rows: a clinic with valid keys says anything.
 * Its hub verifies, admits, merges and shows what it may, and refuses the rest;
 * the transaction is then undone, so that each input meets the same hub. */
#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/context.h"
#include "protocol/pack.h"
#include "store/manifest.h"
#include "store/parts.h"
#include "support/tree.h"

enum { HQ, HUB, CLINIC };

enum {
    LEAVES = 8,     /* of a changeset */
    CHANGESETS = 3, /* of an input */
    PRIORS = LEAVES * CHANGESETS,
};

/* What was said of a scope and class within this input. */
struct prior {
    struct bytes scope;
    uint16_t class_id;
    uint64_t seq;
};

struct wire {
    struct tree *tree;
    struct packer *packer;
    uint64_t first; /* number of the clinic's next changeset */
    struct changeset_header last;
    struct slice in;
    struct prior priors[PRIORS];
    size_t prior_count;
    struct travelling items[CHANGESETS];
    struct bytes packed[CHANGESETS];
    size_t count;
};

static struct leaf leaves[LEAVES];
static struct bytes contexts[LEAVES];

/* --- the district -------------------------------------------------------- */

static int undo(void *unused)
{
    (void)unused;
    return 1; /* every COMMIT becomes a ROLLBACK */
}

static void fill(struct tree *t)
{
    tree_sql(
        t, CLINIC,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('p1', 'N-1');"
        "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
        " VALUES('e1', 'p1', 'OOAT', 'active');"
        "INSERT INTO dose_event(dose_id, person_id, kind, item_code, units,"
        " verified_by, dispensed_by) VALUES('d1', 'p1', 'observed',"
        " 'BUP-2', 4, 'photo_card', 'nurse 4')");
    tree_sql(
        t, HUB,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('p2', 'N-2')");
    tree_sync(t);
}

static struct wire *begin(void)
{
    struct wire *w = calloc(1, sizeof *w);
    if (w == NULL) {
        abort();
    }
    w->tree = tree_new();
    (void)tree_add(w->tree, HQ, "LDH-H");
    tree_sync(w->tree);
    (void)tree_add(w->tree, HUB, "LDH-C");
    fill(w->tree);
    w->packer = packer_new();
    sqlite3 *hub = database_handle(w->tree->nodes[HUB].replica->db);
    (void)sqlite3_commit_hook(hub, undo, NULL);
    return w;
}

/* The end of the clinic's chain. */
static void find_end(struct wire *w)
{
    struct replica *r = w->tree->nodes[CLINIC].replica;
    const struct origin *own = replica_own_origin(r);
    w->last = (struct changeset_header){
        .network = r->self.network,
        .origin = r->self.node,
        .incarnation = own->head_incarnation,
        .seq = own->head_seq + 1,
        .prev_incarnation = own->head_incarnation,
        .prev = own->head_hash,
        .hlc = (uint64_t)w->tree->now_ms << 16,
        .schema_version = schema_version(&schema_embedded),
        .certificate = r->self.certificate,
    };
}

/* --- leaves -------------------------------------------------------------- */

static struct slice word(struct wire *w)
{
    static const char *const words[] = {
        "p1",    "p2",     "p9",         "e1",      "o1",   "d1",   "LDH-C",
        "LDH-H", "LDH-P",  "active",     "alive",   "dead", "male", "observed",
        "BUP-2", "closed", "2026-09-02", "[\"x\"]", "ooat", "",
    };
    size_t i = fuzz_u8(&w->in);
    if (i < sizeof words / sizeof words[0]) {
        return (struct slice){(const uint8_t *)words[i], strlen(words[i])};
    }
    return fuzz_slice(&w->in, 40);
}

static struct value a_value(struct wire *w)
{
    struct slice s;
    switch (fuzz_u8(&w->in) % 8) {
    case 0:
        return (struct value){.type = VALUE_NULL};
    case 1:
        return value_integer((int64_t)fuzz_u64(&w->in));
    case 2:
        return value_integer(fuzz_u8(&w->in));
    case 3:
        s = fuzz_slice(&w->in, 60);
        return value_blob(s.data, s.len);
    default:
        return (struct value){.type = VALUE_TEXT, .bytes = word(w)};
    }
}

static const struct table *a_table(struct wire *w)
{
    const struct manifest *m = replica_manifest(w->tree->nodes[HUB].replica);
    return &m->tables[fuzz_u8(&w->in) % m->table_count];
}

static void put_cells(struct wire *w, struct leaf *leaf, const struct table *t,
                      uint64_t which)
{
    for (size_t i = 0; t != NULL && i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        bool ours = c->class_id == leaf->class_id && c->policy != POLICY_KEY &&
                    (which >> i % 64 & 1) != 0;
        if (ours && leaf->cell_count < COLUMNS_MAX) {
            leaf->cells[leaf->cell_count++] =
                (struct leaf_cell){.column = c->id, .value = a_value(w)};
        }
    }
}

static void put_contexts(struct wire *w, struct leaf *leaf, struct bytes *out)
{
    bytes_clear(out);
    leaf->context_count = 0;
    for (size_t i = 0; i < leaf->cell_count && fuzz_u8(&w->in) % 2 == 1; i++) {
        struct context_entry entry = {
            .incarnation = w->last.incarnation,
            .seq = 1 + fuzz_u8(&w->in) % (w->last.seq + 1),
        };
        memcpy(entry.origin, w->last.origin.bytes, sizeof entry.origin);
        context_put(leaf->cells[i].column, &entry, 1, out);
        leaf->context_count++;
    }
    leaf->contexts = slice_of(out);
}

static void put_claims(struct wire *w, struct leaf *leaf)
{
    uint8_t says = fuzz_u8(&w->in);
    leaf->owned = (says & 1) != 0;
    leaf->named = (says & 2) != 0;
    leaf->name = (struct leaf_name){
        .incarnation = w->last.incarnation,
        .seq = 1 + (says >> 2) % (w->last.seq + 1),
    };
    if (leaf->owned) {
        leaf->owner.site = word(w);
        leaf->owner.epoch = 1 + fuzz_u8(&w->in) % 3;
        memset(leaf->owner.offer, leaf->owner.epoch > 1 ? 7 : 0, HASH_BYTES);
    }
}

static uint64_t prior_of(struct wire *w, const struct leaf *leaf)
{
    struct bytes scope = {0};
    uint64_t seq = 0;
    bytes_put_u8(&scope, (uint8_t)leaf->scope.kind);
    bytes_put_slice(&scope, leaf->scope.id);
    for (size_t i = 0; i < w->prior_count; i++) {
        const struct prior *p = &w->priors[i];
        if (p->class_id == leaf->class_id &&
            slice_equal(slice_of(&p->scope), slice_of(&scope))) {
            seq = p->seq;
        }
    }
    struct err e = {0};
    struct replica *clinic = w->tree->nodes[CLINIC].replica;
    sqlite3_stmt *stmt;
    if (seq == 0 &&
        database_statement(clinic->db,
                           "SELECT seq FROM sync_prior WHERE scope = ?1"
                           " AND class_id = ?2",
                           &stmt, &e) == 0) {
        const struct value v = value_blob(scope.data, scope.len);
        database_bind_at(stmt, 1, &v);
        sqlite3_bind_int64(stmt, 2, leaf->class_id);
        seq = database_step(clinic->db, stmt, &e) == 1
                  ? (uint64_t)sqlite3_column_int64(stmt, 0)
                  : 0;
        sqlite3_reset(stmt);
    }
    bytes_free(&scope);
    return seq;
}

static void note_prior(struct wire *w, const struct leaf *leaf)
{
    struct prior *p = &w->priors[w->prior_count++];
    bytes_clear(&p->scope);
    bytes_put_u8(&p->scope, (uint8_t)leaf->scope.kind);
    bytes_put_slice(&p->scope, leaf->scope.id);
    p->class_id = leaf->class_id;
    p->seq = w->last.seq;
}

/* Mostly of a table that there is, and of one of its classes. */
static bool make_leaf(struct wire *w, struct leaf *leaf, struct bytes *memory)
{
    const struct table *t = a_table(w);
    uint8_t how = fuzz_u8(&w->in);
    *leaf = (struct leaf){
        .table = how % 16 == 0 ? fuzz_u8(&w->in) : t->id,
        .class_id =
            how % 32 == 1
                ? fuzz_u8(&w->in)
                : t->columns[fuzz_u8(&w->in) % t->column_count].class_id,
        .op = (enum leaf_op)(LEAF_INSERT + fuzz_u8(&w->in) % 3),
        .cl = 1 + fuzz_u8(&w->in) % 4,
        .key_count =
            (uint8_t)(how % 32 == 2 ? 1 + fuzz_u8(&w->in) % 3 : t->key_count),
    };
    leaf->scope.kind = (enum scope_kind)(fuzz_u8(&w->in) % 4);
    if (leaf->scope.kind != SCOPE_ALL) {
        leaf->scope.id = word(w);
    }
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = (struct value){.type = VALUE_TEXT, .bytes = word(w)};
    }
    put_cells(w, leaf, t, fuzz_u64(&w->in));
    put_claims(w, leaf);
    put_contexts(w, leaf, memory);
    leaf->prior = prior_of(w, leaf);
    if (how % 64 == 3) {
        leaf->prior = fuzz_u8(&w->in) % w->last.seq;
    }
    return leaf_is_sound(leaf);
}

/* --- changesets ---------------------------------------------------------- */

struct encoded {
    struct bytes head;
    struct bytes body;
    struct leaf leaf; /* decoded again */
};

static struct encoded encoded[LEAVES];
static size_t encoded_count;

static int compare_encoded(const void *a, const void *b)
{
    return leaf_compare(&((const struct encoded *)a)->leaf,
                        &((const struct encoded *)b)->leaf);
}

static void encode(const struct leaf *leaf)
{
    struct encoded *to = &encoded[encoded_count];
    bytes_clear(&to->head);
    bytes_clear(&to->body);
    leaf_encode_head(leaf, &to->head);
    leaf_encode_body(leaf, &to->body);
    if (leaf_decode(slice_of(&to->head), slice_of(&to->body), &to->leaf,
                    NULL) == 0) {
        encoded_count++;
    }
}

static void sign(struct wire *w, size_t count)
{
    static const uint8_t seed[SEED_BYTES] = {9};
    struct leaf_bytes bytes[LEAVES];
    struct travelling *item = &w->items[w->count];
    for (size_t i = 0; i < count; i++) {
        bytes[i].head = slice_of(&encoded[i].head);
        bytes[i].body = slice_of(&encoded[i].body);
        note_prior(w, &encoded[i].leaf);
    }
    struct changeset *cs = changeset_sign(&w->last, bytes, count, seed,
                                          &w->tree->nodes[CLINIC].keys);
    bytes_clear(&w->packed[w->count]);
    packer_pack(w->packer, cs, &w->packed[w->count]);
    *item = (struct travelling){
        .has_origin = true,
        .has_prev = true,
        .origin = cs->header.origin,
        .prev = cs->header.prev,
        .incarnation = cs->header.incarnation,
        .seq = cs->header.seq,
        .prev_incarnation = cs->header.prev_incarnation,
        .hlc = cs->header.hlc,
        .certificate = cs->header.certificate,
        .schema_version = cs->header.schema_version,
        .leaf_count = cs->header.leaf_count,
        .leaves = slice_of(&w->packed[w->count]),
        .position = 1000 + w->count,
    };
    memcpy(item->signature, cs->signature, SIGNATURE_BYTES);
    w->last.prev = changeset_hash(&cs->header);
    w->last.prev_incarnation = w->last.incarnation;
    w->last.seq++;
    w->last.hlc++;
    w->count++;
    changeset_destroy(&cs);
}

static void make_changeset(struct wire *w)
{
    size_t count = 1 + fuzz_u8(&w->in) % LEAVES;
    encoded_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (make_leaf(w, &leaves[i], &contexts[i])) {
            encode(&leaves[i]);
        }
    }
    if (encoded_count == 0) {
        return;
    }
    qsort(encoded, encoded_count, sizeof encoded[0], compare_encoded);
    size_t kept = 1;
    for (size_t i = 1; i < encoded_count; i++) {
        if (compare_encoded(&encoded[kept - 1], &encoded[i]) != 0) {
            struct encoded swapped = encoded[kept];
            encoded[kept++] = encoded[i];
            encoded[i] = swapped;
        }
    }
    sign(w, kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire *w;
    static struct stored stored;
    struct err e = {0};
    if (w == NULL) {
        w = begin();
    }
    w->in = (struct slice){data, size};
    w->count = 0;
    w->prior_count = 0;
    find_end(w);
    for (size_t i = 0; i < CHANGESETS && w->in.len > 0; i++) {
        make_changeset(w);
    }
    if (w->count == 0) {
        return 0;
    }
    struct peer here = tree_peer(w->tree, HUB, CLINIC);
    struct changesets stretch = {w->items, w->count, 1000 + w->count, 0};
    uint64_t head = replica_self(w->tree->nodes[HUB].replica)->head;
    int rc = replica_store(w->tree->nodes[HUB].replica, &here, &stretch,
                           w->tree->now_ms, &stored, &e);
    assert(rc != 0 && e.text[0] != '\0'); /* at the latest it was undone */
    assert(replica_self(w->tree->nodes[HUB].replica)->head == head);
    (void)rc;
    (void)head;
    return 0;
}
