/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold.h"
#include "store/parts.h"
#include "support/dice.h"
#include "support/tree.h"

enum { HQ, LDH_H, LDH_C, LDH_P, ASR_H };

/* Headquarters, a hub, its clinic and its prison, and the hub of another
 * district, up to `last`; all in step. */
static struct tree *tree_of(int last)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH_H);
    tree_sync(t);
    if (last >= LDH_C) {
        assert_int_equal(tree_add(t, LDH_H, "LDH-C"), LDH_C);
    }
    if (last >= LDH_P) {
        assert_int_equal(tree_add(t, LDH_H, "LDH-P"), LDH_P);
    }
    if (last >= ASR_H) {
        assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR_H);
    }
    tree_sync(t);
    return t;
}

static const char *person(int n)
{
    static char ids[4][40];
    static int next;
    char *id = ids[next++ % 4];
    (void)snprintf(id, 40, "01900000-0000-7000-8000-%012d", n);
    return id;
}

static void add_persons(struct tree *t, int node, int from, int to)
{
    for (int n = from; n < to; n++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO person(person_id, beneficiary_no,"
                       " given_name, phone) VALUES('%s', 'N-%d', 'Testa',"
                       " '5550%d')",
                       person(n), n, n);
        tree_sql(t, node, sql);
    }
}

/* --- everything in a file, as one hash ----------------------------------- */

static void photograph_table(struct tree *t, int node, const char *name,
                             struct bytes *out)
{
    char sql[160];
    sqlite3_stmt *stmt;
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL), 0);
    bytes_put(out, name, strlen(name));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            struct value v = database_column(stmt, i);
            value_encode(&v, out);
        }
    }
    sqlite3_finalize(stmt);
}

/* All of it but that something was refused, of whom, and what is asked for. */
static struct hash photograph(struct tree *t, int node)
{
    static const char tables[] =
        "SELECT iif(name = 'sync_origin', 'sync_origin WHERE leaves > 0',"
        " name) FROM sqlite_schema WHERE type = 'table'"
        " AND name NOT IN ('sync_barred', 'sync_peer') ORDER BY name";
    struct bytes all = {0};
    struct hash hash;
    sqlite3_stmt *stmt;
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, tables, -1, &stmt, NULL), 0);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        photograph_table(t, node, (const char *)sqlite3_column_text(stmt, 0),
                         &all);
    }
    sqlite3_finalize(stmt);
    crypto_generichash(hash.bytes, HASH_BYTES, all.data, all.len, NULL, 0);
    bytes_free(&all);
    return hash;
}

/* --- what a relay holds in its hands ------------------------------------- */

static struct walked walk(struct tree *t, int from, int to)
{
    struct walked w;
    struct err e;
    struct peer there = tree_peer(t, from, to);
    struct peer here = tree_peer(t, to, from);
    assert_int_equal(replica_walk(t->nodes[from].replica, &there,
                                  here.have.position, SIZE_MAX, &w, &e),
                     0);
    assert_true(w.end);
    return w;
}

/* Hands `count` changesets over; the result of replica_store(). */
static int hand(struct tree *t, int from, int to, struct travelling *items,
                size_t count, uint64_t position, struct stored *stored,
                struct err *e)
{
    struct peer here = tree_peer(t, to, from);
    struct changesets stretch = {
        .items = items, .count = count, .position = position};
    /* on a link of its own, a long time after the one before */
    t->now_ms += INT64_C(365) * 86400000;
    assert_int_equal(
        replica_ask_again(t->nodes[to].replica, &here, t->now_ms, e), 0);
    *e = (struct err){0};
    int rc = replica_store(t->nodes[to].replica, &here, &stretch, t->now_ms,
                           stored, e);
    rc = rc == 0 ? tree_refused(stored, e) : rc;
    assert_int_equal(rc, e->code);
    return rc;
}

/* So many of them are taken, the next is refused with this code, and nothing
 * else has changed. */
static void assert_refused_after(struct tree *t, int from, int to,
                                 struct travelling *items, size_t count,
                                 size_t good, int code, const char *part)
{
    struct stored stored;
    struct err e;
    int rc =
        hand(t, from, to, items, count, items[count - 1].position, &stored, &e);
    if (rc != code || strstr(e.text, part) == NULL) {
        fail_msg("expected %s (%s), got %s: %s", err_word(code), part,
                 err_word(rc), e.text);
    }
    assert_int_equal(stored.changesets, good);
    assert_int_equal(stored.refusal_count, 1);
    assert_int_equal(stored.refusals[0].position, items[good].position);
}

/* The first is refused with this code, and nothing at all has changed. */
static void assert_refused(struct tree *t, int from, int to,
                           struct travelling *items, size_t count, int code,
                           const char *part)
{
    struct hash before = photograph(t, to);
    uint64_t head = replica_self(t->nodes[to].replica)->head;
    assert_refused_after(t, from, to, items, count, 0, code, part);
    struct hash after = photograph(t, to);
    assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    assert_int_equal(replica_self(t->nodes[to].replica)->head, head);
}

static const struct hash *node_of(struct tree *t, int node)
{
    return &replica_self(t->nodes[node].replica)->node;
}

/* The place of the first changeset of a node, from `at` on. */
static size_t find(struct tree *t, const struct walked *w, int node, size_t at)
{
    while (at < w->count &&
           !hash_equal(&w->items[at].origin, node_of(t, node))) {
        at++;
    }
    assert_true(at < w->count);
    return at;
}

static struct changeset *unpack(struct tree *t, const struct travelling *item)
{
    struct packer *packer = packer_new();
    struct changeset_header header =
        travelling_header(item, &replica_self(t->nodes[HQ].replica)->network);
    struct changeset *cs;
    struct err e;
    assert_int_equal(packer_unpack(packer, &header, item->leaves, &cs, &e), 0);
    memcpy(cs->signature, item->signature, SIGNATURE_BYTES);
    packer_destroy(&packer);
    return cs;
}

/* Puts the leaves of a changeset, as they are now, into the item. */
static void pack(struct travelling *item, const struct changeset *cs,
                 struct bytes *memory)
{
    struct packer *packer = packer_new();
    bytes_clear(memory);
    packer_pack(packer, cs, memory);
    item->leaves = slice_of(memory);
    item->leaf_count = cs->header.leaf_count;
    memcpy(item->signature, cs->signature, SIGNATURE_BYTES);
    packer_destroy(&packer);
}

/* --- signing what a node should not -------------------------------------- */

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

/* Signs leaves with a node's own key, past every check of its own. */
static void sign_leaves(struct tree *t, int node, struct leaf *leaves,
                        size_t count)
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

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* What a leaf is about; the cells are added after. */
struct about {
    uint16_t class_id;
    enum scope_kind scope;
    const char *scope_id;
    uint32_t table;
    const char *key;
    enum leaf_op op;
};

static struct leaf *leaf_about(struct about a)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    leaf->class_id = a.class_id;
    leaf->scope.kind = a.scope;
    leaf->scope.id = text(a.scope_id == NULL ? "" : a.scope_id);
    leaf->table = a.table;
    leaf->key_count = 1;
    leaf->key[0] = value_text(a.key);
    leaf->op = a.op;
    leaf->cl = a.op == LEAF_DELETE ? 2 : 1;
    return leaf;
}

static void cell(struct leaf *leaf, uint16_t column, struct value v)
{
    leaf->cells[leaf->cell_count++] =
        (struct leaf_cell){.column = column, .value = v};
}

static void own(struct leaf *leaf, const char *site, uint32_t epoch)
{
    leaf->owned = true;
    leaf->owner.site = text(site);
    leaf->owner.epoch = epoch;
    memset(leaf->owner.offer, epoch > 1 ? 7 : 0, HASH_BYTES);
}

/* Signs the one leaf, in a changeset of its own, and frees it. */
static void sign_leaf(struct tree *t, int node, struct leaf *leaf)
{
    sign_leaves(t, node, leaf, 1);
    free(leaf);
}

enum {
    CLASS_REFERENCE = 2,
    CLASS_ROUTING,
    CLASS_IDENTITY,
    CLASS_CARE,
    CLASS_MEDICATION,
    REF_ITEM = 12,
    PERSON = 20,
    ENROLMENT = 30,
    DOSE = 32,
};

/* The base of a person's row, as site `site` writes it. */
static struct leaf *person_leaf(const char *id, const char *site)
{
    struct leaf *leaf = leaf_about((struct about){CLASS_ROUTING, SCOPE_PERSON,
                                                  id, PERSON, id, LEAF_INSERT});
    cell(leaf, 2, value_text("N-forged"));
    cell(leaf, 17, value_text("alive"));
    cell(leaf, 18, value_text("active"));
    cell(leaf, 19, value_text(site));
    cell(leaf, 20, value_text("2026-01-01T00:00:00.000Z"));
    return leaf;
}

/* A leaf that changes one text column of a person. */
static struct leaf *person_update(uint16_t class_id, const char *id,
                                  const char *scope, uint16_t column)
{
    struct leaf *leaf = leaf_about(
        (struct about){class_id, SCOPE_PERSON, scope, PERSON, id, LEAF_UPDATE});
    cell(leaf, column, value_text("forged"));
    return leaf;
}

static struct leaf *dose_leaf(const char *id, const char *scope,
                              const char *person_id, const char *site)
{
    struct leaf *leaf = leaf_about((struct about){
        CLASS_MEDICATION, SCOPE_PERSON, scope, DOSE, id, LEAF_INSERT});
    cell(leaf, 2, value_text(person_id));
    cell(leaf, 5, value_text(site));
    cell(leaf, 6, value_text("2026-01-01"));
    cell(leaf, 7, value_text("2026-01-01T04:00:00.000Z"));
    cell(leaf, 8, value_text("observed"));
    cell(leaf, 10, value_integer(9));
    cell(leaf, 11, value_integer(0));
    cell(leaf, 12, value_integer(1));
    cell(leaf, 15, value_text("none"));
    cell(leaf, 16, value_text("forged"));
    cell(leaf, 21, value_text(site));
    cell(leaf, 22, value_text("2026-01-01T04:00:00.000Z"));
    return leaf;
}

static struct leaf *enrolment_leaf(const char *id, const char *person_id,
                                   const char *owner, const char *site)
{
    struct leaf *leaf = leaf_about((struct about){
        CLASS_CARE, SCOPE_PERSON, person_id, ENROLMENT, id, LEAF_INSERT});
    cell(leaf, 2, value_text(person_id));
    cell(leaf, 3, value_text("OOAT"));
    cell(leaf, 4, value_text(owner));
    cell(leaf, 5, value_integer(1));
    cell(leaf, 6, value_text("active"));
    cell(leaf, 16, value_text(site));
    cell(leaf, 17, value_text("2026-01-01T00:00:00.000Z"));
    own(leaf, owner, 1);
    return leaf;
}

/* An owned column of an enrolment, by a writer that claims to own it. */
static struct leaf *enrolment_update(const char *id, const char *person_id,
                                     const char *owner, uint32_t epoch)
{
    struct leaf *leaf = leaf_about((struct about){
        CLASS_CARE, SCOPE_PERSON, person_id, ENROLMENT, id, LEAF_UPDATE});
    cell(leaf, 15, value_text("forged"));
    own(leaf, owner, epoch);
    return leaf;
}

/* A control leaf of a kind that this version does not know. */
static struct leaf *newer_control(const char *key)
{
    return leaf_about(
        (struct about){CLASS_CONTROL, SCOPE_ALL, NULL, 9, key, LEAF_INSERT});
}

/* --- verdicts ------------------------------------------------------------ */

/* What became of a leaf at a node: "refused forbidden", "waiting unknown", ""
 * where nothing is said of it. */
static const char *verdict(struct tree *t, int node, const char *key)
{
    static char out[8][64];
    static size_t next;
    char *at = out[next++ % 8];
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT code || ' ' || verdict FROM sync_verdict"
                   " WHERE instr(key, CAST('%s' AS BLOB)) > 0",
                   key);
    char *word = NULL;
    const char *found = tree_get(t, node, sql);
    int code = (int)strtol(found, &word, 10);
    (void)snprintf(at, 64, "%s%s%s", word[0] == ' ' ? word + 1 : word,
                   code == 0 ? "" : " ", code == 0 ? "" : err_word(code));
    return at;
}

/* All verdicts of a node, in an order of the leaves, not of arrival. */
static void list_verdicts(struct tree *t, int node, struct bytes *out)
{
    static const char sql[] =
        "SELECT hex(o.node), d.seq, v.leaf, v.verdict, v.code, v.says"
        " FROM sync_verdict v JOIN sync_delivery d USING(position)"
        " JOIN sync_origin o USING(origin_no) ORDER BY 1, 2, 3";
    sqlite3_stmt *stmt;
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL), 0);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < 6; i++) {
            const char *cell_text = (const char *)sqlite3_column_text(stmt, i);
            bytes_put(out, cell_text, strlen(cell_text));
            bytes_put_u8(out, ' ');
        }
        bytes_put_u8(out, '\n');
    }
    sqlite3_finalize(stmt);
    bytes_put_u8(out, '\0');
}

static void assert_same_verdicts(struct tree *t, int a, int b)
{
    struct bytes ours = {0};
    struct bytes theirs = {0};
    list_verdicts(t, a, &ours);
    list_verdicts(t, b, &theirs);
    assert_string_equal((const char *)ours.data, (const char *)theirs.data);
    bytes_free(&ours);
    bytes_free(&theirs);
}

static void check_district(struct tree *t)
{
    assert_same_verdicts(t, HQ, LDH_H);
    assert_same_verdicts(t, LDH_C, LDH_H);
    assert_same_verdicts(t, LDH_P, LDH_H);
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    assert_same_verdicts(t, HQ, LDH_H);
    assert_same_verdicts(t, LDH_C, LDH_H);
    assert_same_verdicts(t, LDH_P, LDH_H);
}

/* --- bits ---------------------------------------------------------------- */

static void flip(void *bytes, size_t len, struct dice *d)
{
    uint8_t *at = bytes;
    at[dice_below(d, len)] ^= (uint8_t)(1u << dice_below(d, 8));
}

/* Alters one bit of what is under the signature, or of the signature. */
static void flip_somewhere(struct travelling *item, struct bytes *leaves,
                           struct dice *d)
{
    bytes_clear(leaves);
    bytes_put(leaves, item->leaves.data, item->leaves.len);
    item->leaves = slice_of(leaves);
    switch (dice_below(d, 16)) {
    case 0:
        flip(&item->origin, sizeof item->origin, d);
        break;
    case 1:
        flip(&item->incarnation, sizeof item->incarnation, d);
        break;
    case 2:
        flip(&item->seq, sizeof item->seq, d);
        break;
    case 3:
        flip(&item->prev, sizeof item->prev, d);
        break;
    case 4:
        flip(&item->prev_incarnation, sizeof item->prev_incarnation, d);
        break;
    case 5:
        flip(&item->hlc, sizeof item->hlc, d);
        break;
    case 6:
        flip(&item->certificate, sizeof item->certificate, d);
        break;
    case 7:
        flip(&item->schema_version, sizeof item->schema_version, d);
        break;
    case 8: /* within what a decoded message can hold */
        item->leaf_count = 1 + (uint32_t)dice_below(d, LEAVES_MAX);
        break;
    case 9:
    case 10:
        flip(item->signature, sizeof item->signature, d);
        break;
    default:
        flip(leaves->data, leaves->len, d);
        break;
    }
}

/* What is signed of an item; zeros when it does not unpack. zstd can say one
 * thing in several ways, and what is said is signed, not how. */
static struct hash said(struct tree *t, const struct travelling *item)
{
    struct packer *packer = packer_new();
    struct changeset_header header =
        travelling_header(item, &replica_self(t->nodes[HQ].replica)->network);
    struct changeset *cs = NULL;
    struct hash hash = {{0}};
    if (packer_unpack(packer, &header, item->leaves, &cs, NULL) == 0) {
        hash = changeset_hash(&cs->header);
        changeset_destroy(&cs);
    }
    packer_destroy(&packer);
    return hash;
}

static bool says_the_same(struct tree *t, const struct travelling *a,
                          const struct travelling *b)
{
    struct hash x = said(t, a);
    struct hash y = said(t, b);
    return hash_equal(&x, &y) &&
           memcmp(a->signature, b->signature, SIGNATURE_BYTES) == 0;
}

static void a_relay_that_flips_one_bit_is_found_out(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct tree *t = tree_of(LDH_C);
    struct bytes leaves = {0};
    struct stored stored;
    struct err e;
    add_persons(t, LDH_C, 1, 4);
    tree_drain(t, LDH_C);
    tree_sql(t, LDH_C, "UPDATE person SET phone = phone || '1'");
    tree_drain(t, LDH_C);
    struct walked w = walk(t, LDH_C, LDH_H);
    assert_int_equal(w.count, 2);
    for (size_t turn = 0; turn < 250; turn++) {
        size_t which = turn / 125;
        if (turn == 125) { /* as it was */
            assert_int_equal(
                hand(t, LDH_C, LDH_H, w.items, 1, w.position, &stored, &e), 0);
            assert_int_equal(stored.changesets, 1);
        }
        struct travelling items[2] = {w.items[0], w.items[1]};
        struct hash before = photograph(t, LDH_H);
        flip_somewhere(&items[which], &leaves, &d);
        if (says_the_same(t, &items[which], &w.items[which])) {
            continue;
        }
        int rc = hand(t, LDH_C, LDH_H, items + which, 2 - which, w.position,
                      &stored, &e);
        if (rc == 0) {
            fail_msg("turn %zu: a flipped bit went through", turn);
        }
        assert_int_not_equal(rc, ERR_CORRUPT);
        struct hash after = photograph(t, LDH_H);
        assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    }
    assert_int_equal(
        hand(t, LDH_C, LDH_H, &w.items[1], 1, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 1);
    bytes_free(&leaves);
    walked_clear(&w);
    tree_free(t);
}

/* --- gaps ---------------------------------------------------------------- */

/* Three changesets of the clinic stand between it and its hub. */
static struct walked three_changesets(struct tree *t)
{
    for (int n = 1; n <= 3; n++) {
        add_persons(t, LDH_C, n, n + 1);
        tree_drain(t, LDH_C);
    }
    struct walked w = walk(t, LDH_C, LDH_H);
    assert_int_equal(w.count, 3);
    return w;
}

static void a_changeset_dropped_on_the_way_up_is_found_out(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct walked w = three_changesets(t);
    assert_refused(t, LDH_C, LDH_H, &w.items[1], 2, ERR_CHAIN,
                   "changeset 2 of site LDH-C: number 1 is missing");
    struct travelling hole[] = {w.items[0], w.items[2]};
    assert_refused_after(t, LDH_C, LDH_H, hole, 2, 1, ERR_CHAIN,
                         "number 2 is missing");
    walked_clear(&w);
    tree_free(t);
}

static void a_changeset_dropped_on_the_way_down_is_found_out(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    struct walked w = three_changesets(t);
    walked_clear(&w);
    tree_send(t, LDH_C, LDH_H);
    w = walk(t, LDH_H, LDH_P);
    size_t first = find(t, &w, LDH_C, 0);
    assert_refused(t, LDH_H, LDH_P, &w.items[first + 1], 1, ERR_CHAIN,
                   "number 1 is missing");
    walked_clear(&w);
    /* and of headquarters, two levels down */
    for (int i = 0; i < 2; i++) {
        tree_sql(t, HQ,
                 "UPDATE ref_site SET capacity = ifnull(capacity, 0) + 1"
                 " WHERE site_id = 'LDH-P'");
        tree_drain(t, HQ);
    }
    tree_send(t, HQ, LDH_H);
    w = walk(t, LDH_H, LDH_P);
    first = find(t, &w, HQ, 0);
    assert_refused(t, LDH_H, LDH_P, &w.items[first + 1], 1, ERR_CHAIN,
                   "is missing");
    walked_clear(&w);
    tree_free(t);
}

static void what_is_for_all_cannot_be_hidden_from_another_district(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    for (int i = 0; i < 3; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        sign_leaf(t, LDH_H, newer_control(key));
        add_persons(t, LDH_H, 10 + i, 11 + i); /* not for Amritsar */
        tree_drain(t, LDH_H);
    }
    tree_send(t, LDH_H, HQ);
    struct walked w = walk(t, HQ, ASR_H);
    assert_int_equal(w.count, 3);
    assert_refused(t, HQ, ASR_H, &w.items[1], 2, ERR_CHAIN, "hides it");
    struct travelling hole[] = {w.items[0], w.items[2]};
    struct travelling swapped[] = {w.items[1], w.items[0], w.items[2]};
    assert_refused(t, HQ, ASR_H, swapped, 3, ERR_CHAIN, "hides it");
    assert_refused_after(t, HQ, ASR_H, hole, 2, 1, ERR_CHAIN, "hides it");
    struct stored stored;
    struct err e;
    assert_int_equal(
        hand(t, HQ, ASR_H, w.items, w.count, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 2);
    walked_clear(&w);
    tree_free(t);
}

/* A site names, before a leaf for everybody, a number that others never get. */
static void a_site_that_names_a_wrong_number_stops_nobody_else(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    struct err e = {0};
    char sql[200];
    add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    tree_sync(t);
    struct replica *r = t->nodes[LDH_C].replica;
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO sync_prior(scope, class_id, seq)"
                   " VALUES(x'0000000000', %d, %llu)",
                   (int)CLASS_CONTROL,
                   (unsigned long long)replica_own_origin(r)->head_seq);
    assert_int_equal(database_run(r->db, sql, &e), 0);
    sign_leaf(t, LDH_C, newer_control("k"));
    assert_int_equal(tree_send_try(t, LDH_C, LDH_H, &e), ERR_CHAIN);
    assert_non_null(strstr(e.text, "has leaves for all, which it has not"));
    /* and knows that its hub has not what it acknowledges */
    assert_string_equal(
        tree_get(t, LDH_C,
                 "SELECT all_safe || not_at_parent FROM v_sync_status"),
        "01");
    /* everybody else goes on */
    add_persons(t, LDH_P, 5, 6);
    tree_drain(t, LDH_P);
    tree_sql(t, HQ,
             "INSERT INTO ref_item(item_code, kind, name, unit)"
             " VALUES('X', 'medicine', 'm', 'tablet')");
    tree_drain(t, HQ);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_send(t, HQ, ASR_H);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), "2");
    assert_string_equal(tree_get(t, ASR_H, "SELECT count(*) FROM ref_item"),
                        "1");
    tree_free(t);
}

/* --- what is refused stops nobody else [I-7] ------------------------------ */

static void alter_hub(struct tree *t, const char *sql)
{
    sqlite3 *db = t->nodes[LDH_H].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, LDH_H, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* The hub's disk damages a changeset of a site, */
static void damage_one(struct tree *t, const char *site, int seq)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TEMP TABLE IF NOT EXISTS whole(origin_no, seq,"
                   " signature);"
                   "INSERT INTO whole SELECT origin_no, seq, signature"
                   " FROM sync_changeset JOIN sync_origin USING(origin_no)"
                   " JOIN sync_certificate USING(node) WHERE site = '%s'"
                   "  AND seq = %d;"
                   "UPDATE sync_changeset SET signature = zeroblob(64)"
                   " WHERE (origin_no, seq) IN"
                   " (SELECT origin_no, seq FROM whole)",
                   site, seq);
    alter_hub(t, sql);
}

static void damage(struct tree *t)
{
    damage_one(t, "LDH-C", 2);
}

/* and somebody mends it. */
static void mend(struct tree *t)
{
    alter_hub(t, "UPDATE sync_changeset SET signature = w.signature"
                 " FROM whole w WHERE w.origin_no = sync_changeset.origin_no"
                 " AND w.seq = sync_changeset.seq;"
                 "DROP TABLE whole");
}

/* Three changesets of the clinic and one of the prison, at their hub. */
static struct tree *tree_with_damage(void)
{
    struct tree *t = tree_of(LDH_P);
    struct walked w = three_changesets(t);
    walked_clear(&w);
    add_persons(t, LDH_P, 10, 11);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_P, LDH_H);
    return t;
}

static void assert_persons(struct tree *t, const char *wanted)
{
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), wanted);
}

static void one_writer_that_is_refused_stops_nobody(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    assert_non_null(strstr(e.text, "changeset 2 of site LDH-C: "));
    assert_persons(t, "2"); /* its first, and the prison's */
    assert_string_equal(tree_get(t, LDH_H,
                                 "SELECT count(*) || ' ' ||"
                                 " min(code) FROM"
                                 " sync_barred_there"),
                        "1 -3");
    /* of the prison everything goes on coming, of the clinic nothing */
    add_persons(t, LDH_C, 4, 5);
    add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_C);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3");
    mend(t);
    tree_send(t, LDH_H, HQ); /* it is too early to ask */
    assert_persons(t, "3");
    t->now_ms += ASK_AGAIN_MIN_MS;
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "6");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_barred"),
                        "0");
    assert_string_equal(
        tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred_there"), "0");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    tree_free(t);
}

/* What comes again with it has to travel: each time it waits twice as long. */
static void what_stays_refused_is_asked_for_less_and_less(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    for (int minutes = 1; minutes < 64; minutes *= 2) {
        t->now_ms += minutes * INT64_C(60000) - 1000;
        tree_send(t, LDH_H, HQ);
        t->now_ms += 1000;
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    /* by a clock that was years ahead meanwhile nothing is put off */
    t->nodes[HQ].ahead_ms = 10 * INT64_C(365) * 86400000;
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    t->nodes[HQ].ahead_ms = 0;
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    mend(t);
    t->now_ms += INT64_C(365) * 86400000;
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "4");
    tree_free(t);
}

/* What comes again for the first goes past what was good of the second. */
static void two_that_stay_refused_are_asked_for_less_and_less(void **state)
{
    (void)state;
    static const char tries[] =
        "SELECT group_concat(tries) FROM sync_barred ORDER BY position";
    struct tree *t = tree_with_damage();
    struct err e;
    for (int n = 11; n < 14; n++) {
        add_persons(t, LDH_P, n, n + 1);
        tree_drain(t, LDH_P);
    }
    tree_send(t, LDH_P, LDH_H);
    damage(t);
    damage_one(t, "LDH-P", 4);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    assert_string_equal(tree_get(t, HQ, tries), "1,1");
    for (int minutes = 1; minutes < 8; minutes *= 2) {
        t->now_ms += minutes * INT64_C(60000) - 1000;
        tree_send(t, LDH_H, HQ);
        t->now_ms += 1000;
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    assert_string_equal(tree_get(t, HQ, tries), "4,4");
    mend(t);
    t->now_ms += 8 * INT64_C(60000);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "7");
    tree_free(t);
}

/* On each new link, which is no reason to wait longer. */
static void what_a_neighbour_says_itself_is_asked_for_each_time(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    add_persons(t, LDH_H, 20, 21);
    tree_drain(t, LDH_H);
    damage(t);
    damage_one(t, "LDH-H",
               (int)replica_own_origin(t->nodes[LDH_H].replica)->head_seq);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    assert_string_equal(tree_get(t, HQ, "SELECT max(tries) FROM sync_barred"),
                        "1");
    mend(t);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3"); /* the clinic's waits its time */
    tree_free(t);
}

static void who_is_put_back_is_heard_from_the_start(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    tree_back_up(t, LDH_H, "copy");
    add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_P, LDH_H);
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    tree_put_back(t, LDH_H, "copy");
    tree_sync(t);
    assert_persons(t, "5");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_barred"),
                        "0");
    tree_free(t);
}

/* A copy of the token tells of it also while something is asked for again. */
static void asking_again_hides_no_loss(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    mend(t);
    tree_back_up(t, LDH_H, "copy");
    add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3");
    t->now_ms += ASK_AGAIN_MIN_MS;
    struct peer here = tree_peer(t, HQ, LDH_H);
    uint64_t position = here.have.position;
    assert_int_equal(
        replica_ask_again(t->nodes[HQ].replica, &here, t->now_ms, &e), 0);
    assert_true(here.again > 0);
    tree_put_back(t, LDH_H, "copy");
    assert_int_equal(tree_peer(t, HQ, LDH_H).have.position, position);
    tree_sync(t);
    assert_persons(t, "5");
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM person"), "5");
    tree_free(t);
}

/* The neighbour gave up what it said: nothing is asked for for ever. */
static void what_does_not_come_again_is_forgotten(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct stored stored;
    struct err e;
    struct walked w = three_changesets(t);
    struct travelling stranger = w.items[0];
    stranger.origin.bytes[0] ^= 1;
    assert_int_equal(
        hand(t, LDH_C, LDH_H, &stranger, 1, stranger.position, &stored, &e),
        ERR_UNKNOWN);
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "1");
    assert_int_equal(
        hand(t, LDH_C, LDH_H, w.items, w.count, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 3);
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "0");
    walked_clear(&w);
    tree_free(t);
}

static void a_way_that_brings_too_much_of_it_is_closed(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct travelling strangers[BARRED_MAX + 1];
    struct stored stored;
    struct err e;
    struct walked w = three_changesets(t);
    struct peer here = tree_peer(t, LDH_H, LDH_C);
    for (size_t i = 0; i <= BARRED_MAX; i++) {
        strangers[i] = w.items[0];
        strangers[i].origin.bytes[0] ^= (uint8_t)(i + 1);
        strangers[i].position += i;
    }
    struct changesets stretch = {.items = strangers,
                                 .count = BARRED_MAX + 1,
                                 .position = w.position + BARRED_MAX};
    assert_int_equal(replica_store(t->nodes[LDH_H].replica, &here, &stretch,
                                   t->now_ms, &stored, &e),
                     ERR_UNKNOWN);
    assert_non_null(strstr(e.text, "certificates go first"));
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "0");
    walked_clear(&w);
    tree_free(t);
}

/* A row has one person; the others it is claimed for are refused, and are not
 * kept with it, to be looked for at each fold. */
static void a_row_claimed_for_many_persons_stays_small(void **state)
{
    (void)state;
    static const char size[] = "SELECT max(length(state)) FROM sync_row"
                               " WHERE table_id = 30";
    struct tree *t = tree_of(LDH_C);
    char small[16];
    sign_leaf(t, LDH_C, enrolment_leaf("e", "p", "LDH-C", "LDH-C"));
    tree_send(t, LDH_C, LDH_H);
    (void)snprintf(small, sizeof small, "%s", tree_get(t, LDH_H, size));
    for (int i = 0; i < 20; i++) {
        char other[] = {'q', (char)('a' + i), '\0'};
        sign_leaf(t, LDH_C, enrolment_leaf("e", other, "LDH-C", "LDH-C"));
    }
    tree_send(t, LDH_C, LDH_H);
    assert_string_equal(tree_get(t, LDH_H, size), small);
    assert_string_equal(tree_get(t, LDH_H, "SELECT person_id FROM enrolment"),
                        "p");
    tree_check(t, LDH_H);
    assert_string_equal(tree_get(t, LDH_H, size), small);
    tree_free(t);
}

static void changesets_in_another_order_are_refused(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct walked w = three_changesets(t);
    struct travelling swapped[] = {w.items[0], w.items[2], w.items[1]};
    assert_refused_after(t, LDH_C, LDH_H, swapped, 3, 1, ERR_CHAIN,
                         "is missing");
    walked_clear(&w);
    tree_free(t);
}

static void changesets_told_twice_do_no_harm(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct walked w = three_changesets(t);
    struct travelling twice[] = {w.items[0], w.items[1], w.items[0],
                                 w.items[1], w.items[2], w.items[2]};
    struct stored stored;
    struct err e;
    assert_int_equal(hand(t, LDH_C, LDH_H, twice, 6, w.position, &stored, &e),
                     0);
    assert_int_equal(stored.changesets, 3);
    assert_int_equal(stored.leaves, 6);
    struct hash before = photograph(t, LDH_H);
    assert_int_equal(
        hand(t, LDH_C, LDH_H, w.items, w.count, w.position, &stored, &e), 0);
    assert_int_equal(stored.changesets, 0);
    struct hash after = photograph(t, LDH_H);
    assert_memory_equal(before.bytes, after.bytes, HASH_BYTES);
    tree_check(t, LDH_H);
    walked_clear(&w);
    tree_free(t);
}

/* --- leaves left out ----------------------------------------------------- */

static void keep_leaves(struct tree *t, struct travelling *item,
                        const bool *keep, struct bytes *memory)
{
    struct changeset *cs = unpack(t, item);
    struct changeset *fewer;
    struct err e;
    assert_int_equal(changeset_withhold(cs, keep, &fewer, &e), 0);
    pack(item, fewer, memory);
    changeset_destroy(&cs);
    changeset_destroy(&fewer);
}

static void a_leaf_left_out_on_the_way_up_is_found_out(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct bytes memory = {0};
    add_persons(t, LDH_C, 1, 4);
    tree_drain(t, LDH_C);
    struct walked w = walk(t, LDH_C, LDH_H);
    assert_int_equal(w.items[0].leaf_count, 6);
    for (size_t hidden = 0; hidden < 6; hidden++) {
        bool keep[LEAVES_MAX];
        struct travelling item = w.items[0];
        for (size_t i = 0; i < 6; i++) {
            keep[i] = i != hidden;
        }
        keep_leaves(t, &item, keep, &memory);
        assert_refused(t, LDH_C, LDH_H, &item, 1, ERR_CHAIN, "left out");
    }
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void a_leaf_sealed_by_a_relay_is_refused(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct bytes memory = {0};
    const uint8_t key[CLASS_KEY_BYTES] = {1};
    const uint8_t nonce[SEAL_NONCE_BYTES] = {2};
    add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    struct walked w = walk(t, LDH_C, LDH_H);
    struct changeset *cs = unpack(t, &w.items[0]);
    changeset_seal(cs, 1, key, nonce);
    pack(&w.items[0], cs, &memory);
    assert_refused(t, LDH_C, LDH_H, w.items, 1, ERR_CLASS, "is sealed");
    changeset_destroy(&cs);
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

/* One changeset of the Ludhiana hub: two leaves for all, two for a person. */
static struct walked mixed_changeset(struct tree *t)
{
    struct leaf *leaves[] = {
        newer_control("a"), newer_control("b"), person_leaf(person(1), "LDH-H"),
        person_update(CLASS_IDENTITY, person(1), person(1), 3)};
    struct leaf *all = calloc(4, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < 4; i++) {
        all[i] = *leaves[i];
        free(leaves[i]);
    }
    sign_leaves(t, LDH_H, all, 4);
    free(all);
    struct walked w = walk(t, LDH_H, HQ);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.items[0].leaf_count, 4);
    tree_send(t, LDH_H, HQ);
    return w;
}

static void a_leaf_for_all_left_out_among_others_is_found_out(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    struct bytes memory = {0};
    const bool keep[LEAVES_MAX] = {false, true, false, false};
    struct walked w = mixed_changeset(t);
    keep_leaves(t, &w.items[0], keep, &memory);
    assert_refused(t, HQ, ASR_H, w.items, 1, ERR_CHAIN, "left out");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static uint64_t held_leaves(struct tree *t, int at, int origin)
{
    return registry_origin(t->nodes[at].replica->merger.registry,
                           node_of(t, origin))
        ->held.leaves;
}

static void the_rest_of_a_changeset_comes_later_and_counts_once(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    struct bytes memory = {0};
    struct stored stored;
    struct err e;
    struct walked w = mixed_changeset(t);
    tree_send(t, HQ, ASR_H);
    uint64_t before = held_leaves(t, ASR_H, LDH_H);
    assert_string_equal(tree_get(t, ASR_H, "SELECT count(*) FROM person"), "0");
    /* one leaf that is new, beside those that are held */
    struct travelling more = w.items[0];
    const bool keep[LEAVES_MAX] = {true, true, true, false};
    keep_leaves(t, &more, keep, &memory);
    assert_int_equal(hand(t, HQ, ASR_H, &more, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.leaves, 1);
    assert_int_equal(held_leaves(t, ASR_H, LDH_H), before + 1);
    /* as many leaves as are held, and one of them new */
    more = w.items[0];
    const bool other[LEAVES_MAX] = {true, true, false, true};
    keep_leaves(t, &more, other, &memory);
    assert_int_equal(hand(t, HQ, ASR_H, &more, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.leaves, 1);
    assert_int_equal(held_leaves(t, ASR_H, LDH_H), before + 2);
    /* the whole adds nothing */
    assert_int_equal(hand(t, HQ, ASR_H, w.items, 1, 900, &stored, &e), 0);
    assert_int_equal(stored.changesets, 0);
    assert_int_equal(held_leaves(t, ASR_H, LDH_H), before + 2);
    assert_string_equal(tree_get(t, ASR_H, "SELECT given_name FROM person"),
                        "forged");
    const struct origin *there = registry_origin(
        t->nodes[HQ].replica->merger.registry, node_of(t, LDH_H));
    const struct origin *here = registry_origin(
        t->nodes[ASR_H].replica->merger.registry, node_of(t, LDH_H));
    assert_int_equal(here->held.leaves, there->held.leaves);
    assert_true(hash_equal(&here->held.sum, &there->held.sum));
    assert_true(hash_equal(&here->all.sum, &there->all.sum));
    tree_check(t, ASR_H);
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

/* --- who may send what --------------------------------------------------- */

static void a_child_cannot_bring_what_was_made_elsewhere(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    add_persons(t, ASR_H, 1, 2);
    tree_drain(t, ASR_H);
    struct walked w = walk(t, ASR_H, HQ);
    assert_refused(t, LDH_H, HQ, w.items, w.count, ERR_FORBIDDEN,
                   "its origin is not below site LDH-H");
    walked_clear(&w);
    tree_free(t);
}

static void a_node_without_a_certificate_is_not_heard(void **state)
{
    (void)state;
    struct tree *t = tree_of(ASR_H);
    int added = tree_add(t, ASR_H, "ASR-C");
    tree_send(t, ASR_H, added);
    add_persons(t, added, 1, 2);
    tree_drain(t, added);
    tree_send(t, added, ASR_H);
    /* its changeset without the hub's before it, which has the certificate */
    struct walked w = walk(t, ASR_H, HQ);
    size_t at = find(t, &w, added, 0);
    assert_refused(t, ASR_H, HQ, &w.items[at], 1, ERR_UNKNOWN,
                   "certificate is not held");
    struct travelling stranger = w.items[at];
    stranger.origin.bytes[0] ^= 1;
    assert_refused(t, ASR_H, HQ, &stranger, 1, ERR_UNKNOWN,
                   "certificate is not held");
    walked_clear(&w);
    tree_free(t);
}

/* --- one name, two contents ---------------------------------------------- */

/* Signs the item anew with another phone number, under `incarnation`. */
static void sign_again(struct tree *t, int node, struct travelling *item,
                       struct bytes *memory)
{
    struct changeset *cs = unpack(t, item);
    struct leaf_bytes leaves[LEAVES_MAX] = {0};
    struct bytes altered = {0};
    const uint8_t seed[SEED_BYTES] = {3};
    cs->header.incarnation = item->incarnation;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        leaves[i].head = cs->slots[i].head;
        leaves[i].body = cs->slots[i].body;
    }
    size_t last = cs->header.leaf_count - 1;
    bytes_put(&altered, leaves[last].body.data, leaves[last].body.len);
    for (size_t i = 0; i + 5 < altered.len; i++) {
        if (memcmp(altered.data + i, "5550", 4) == 0) {
            altered.data[i] = '6';
        }
    }
    assert_memory_not_equal(altered.data, leaves[last].body.data, altered.len);
    leaves[last].body = slice_of(&altered);
    struct changeset *again = changeset_sign(
        &cs->header, leaves, cs->header.leaf_count, seed, &t->nodes[node].keys);
    pack(item, again, memory);
    changeset_destroy(&cs);
    changeset_destroy(&again);
    bytes_free(&altered);
}

static void one_name_with_two_contents_is_a_fork(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct bytes memory = {0};
    struct walked w = three_changesets(t);
    tree_send(t, LDH_C, LDH_H);
    struct travelling again = w.items[1];
    sign_again(t, LDH_C, &again, &memory);
    struct stored stored;
    struct err e;
    assert_int_equal(hand(t, LDH_C, LDH_H, &again, 1, 1000, &stored, &e),
                     ERR_FORK);
    assert_non_null(strstr(e.text, "another content has this name"));
    /* it is proved once, and again changes nothing */
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_fork"),
                        "1");
    assert_refused(t, LDH_C, LDH_H, &again, 1, ERR_FORK, "stop the copy");
    /* what is not of that name or after it goes on */
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ,
                                 "SELECT group_concat(phone) FROM"
                                 " person ORDER BY person_id"),
                        "55501");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void what_continues_nothing_held_is_refused(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct bytes memory = {0};
    struct walked w = three_changesets(t);
    tree_send(t, LDH_C, LDH_H);
    /* a branch of a branch that did not come here */
    struct travelling next = w.items[2];
    next.seq++;
    next.incarnation ^= 1;
    sign_again(t, LDH_C, &next, &memory);
    assert_refused(t, LDH_C, LDH_H, &next, 1, ERR_CHAIN,
                   "does not continue what is held");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

static void time_in_a_chain_goes_forward(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_C);
    struct bytes memory = {0};
    struct walked w = three_changesets(t);
    struct travelling items[] = {w.items[0], w.items[1]};
    items[1].hlc = items[0].hlc;
    sign_again(t, LDH_C, &items[1], &memory);
    assert_refused_after(t, LDH_C, LDH_H, items, 2, 1, ERR_CHAIN,
                         "its stamp is not above the one before");
    bytes_free(&memory);
    walked_clear(&w);
    tree_free(t);
}

/* --- what a writer may not write ----------------------------------------- */

static const char p1[] = "01900000-0000-7000-8000-000000000001";
static const char p2[] = "01900000-0000-7000-8000-000000000002";

/* The clinic's work: two persons, an enrolment and a dose. */
static void clinic_works(struct tree *t)
{
    add_persons(t, LDH_C, 1, 9);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status, named_worker) VALUES"
             "('e1','01900000-0000-7000-8000-000000000001','OOAT','active',"
             "'nurse 4'),"
             "('e2','01900000-0000-7000-8000-000000000001','OOAT','active',"
             "'nurse 4')");
    tree_sql(t, LDH_C,
             "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
             " units, verified_by, dispensed_by) VALUES"
             "('d1','01900000-0000-7000-8000-000000000001','observed',"
             "'BUP-2',3,'photo_card','nurse 4')");
    tree_drain(t, LDH_C);
}

struct forgery {
    const char *key; /* of which row, as verdict() finds it */
    const char *verdict;
    struct leaf *leaf;
};

/* Everything the prison may not say, signed with its own key. */
static size_t forgeries(struct forgery out[32])
{
    size_t n = 0;
    struct leaf *l;

    l = leaf_about((struct about){CLASS_REFERENCE, SCOPE_ALL, NULL, REF_ITEM,
                                  "BUP-9", LEAF_INSERT});
    cell(l, 2, value_text("medicine"));
    cell(l, 3, value_text("forged"));
    cell(l, 6, value_text("tablet"));
    cell(l, 7, value_integer(0));
    cell(l, 8, value_integer(0));
    out[n++] = (struct forgery){"BUP-9", "refused forbidden", l};

    /* what the clinic owns */
    l = enrolment_update("e1", p1, "LDH-P", 1);
    out[n++] = (struct forgery){"e1", "refused forbidden", l};
    l = enrolment_update("e2", p1, "LDH-C", 1);
    out[n++] = (struct forgery){"e2", "refused forbidden", l};
    l = enrolment_leaf("e3", p1, "LDH-C", "LDH-P");
    out[n++] = (struct forgery){"e3", "refused forbidden", l};
    l = enrolment_leaf("e4", p1, "LDH-P", "LDH-P");
    l->owned = false;
    out[n++] = (struct forgery){"e4", "refused forbidden", l};

    /* in the clinic's name */
    l = dose_leaf("d2", p1, p1, "LDH-C");
    out[n++] = (struct forgery){"d2", "refused forbidden", l};

    /* an event is never changed */
    l = leaf_about((struct about){CLASS_MEDICATION, SCOPE_PERSON, p1, DOSE,
                                  "d3", LEAF_UPDATE});
    cell(l, 10, value_integer(99));
    out[n++] = (struct forgery){"d3", "refused forbidden", l};

    /* scopes that do not fit the row */
    l = dose_leaf("d4", p2, p1, "LDH-P");
    out[n++] = (struct forgery){"d4", "refused format", l};
    l = dose_leaf("d5", p1, p1, "LDH-P");
    l->scope.kind = SCOPE_SITE;
    out[n++] = (struct forgery){"d5", "refused format", l};
    l = dose_leaf("d6", p1, p1, "LDH-P");
    l->scope = (struct scope){.kind = SCOPE_ALL};
    out[n++] = (struct forgery){"d6", "refused format", l};

    /* keys that no row of the table has */
    l = dose_leaf("d7", p1, p1, "LDH-P");
    l->key_count = 2;
    l->key[1] = value_text("d7");
    out[n++] = (struct forgery){"d7", "refused format", l};

    /* columns of another class */
    l = dose_leaf("d8", p1, p1, "LDH-P");
    l->class_id = CLASS_CARE;
    out[n++] = (struct forgery){"d8", "refused format", l};
    l = dose_leaf("d9", p1, p1, "LDH-P");
    l->class_id = 60;
    out[n++] = (struct forgery){"d9", "refused forbidden", l};

    /* a second life of the clinic's row, which would make it the prison's */
    l = enrolment_leaf("ea", p1, "LDH-P", "LDH-P");
    l->cl = 3;
    out[n++] = (struct forgery){"ea", "refused forbidden", l};
    l = leaf_about((struct about){CLASS_CARE, SCOPE_PERSON, p1, ENROLMENT, "eb",
                                  LEAF_DELETE});
    out[n++] = (struct forgery){"eb", "refused forbidden", l};

    /* columns that no table can have */
    l = dose_leaf("dc", p1, p1, "LDH-P");
    cell(l, COLUMNS_MAX + 1, value_integer(1));
    out[n++] = (struct forgery){"dc", "refused limit", l};

    /* a row is made under the first epoch */
    l = enrolment_leaf("ed", p1, "LDH-P", "LDH-P");
    own(l, "LDH-P", 2);
    out[n++] = (struct forgery){"ed", "refused forbidden", l};

    /* a class that this version does not know of the table */
    l = leaf_about(
        (struct about){CLASS_CARE, SCOPE_PERSON, p1, DOSE, "de", LEAF_INSERT});
    cell(l, 100, value_integer(1));
    out[n++] = (struct forgery){"de", "waiting version", l};
    return n;
}

/* The prison signs them all, between two rows that are sound. */
static size_t prison_forges(struct tree *t, struct forgery list[32])
{
    size_t count = forgeries(list);
    sign_leaf(t, LDH_P, person_leaf(person(100), "LDH-P"));
    for (size_t i = 0; i < count; i++) {
        sign_leaf(t, LDH_P, list[i].leaf);
    }
    sign_leaf(t, LDH_P, dose_leaf("sound", p1, p1, "LDH-P"));
    return count;
}

static void assert_forgeries_found(struct tree *t, int node,
                                   const struct forgery *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = verdict(t, node, list[i].key);
        if (strcmp(found, list[i].verdict) != 0) {
            fail_msg("node %d: %s: expected '%s', got '%s'", node, list[i].key,
                     list[i].verdict, found);
        }
    }
    assert_string_equal(
        tree_get(t, node,
                 "SELECT group_concat(enrolment_id || named_worker) FROM"
                 " (SELECT * FROM enrolment ORDER BY enrolment_id)"),
        "e1nurse 4,e2nurse 4");
    assert_string_equal(
        tree_get(t, node,
                 "SELECT group_concat(dose_id) FROM"
                 " (SELECT * FROM dose_event ORDER BY dose_id)"),
        "d1,sound");
    assert_string_equal(tree_get(t, node, "SELECT count(*) FROM ref_item"),
                        "0");
    assert_string_equal(tree_get(t, node, "SELECT count(*) FROM person"), "9");
}

static void what_a_site_may_not_write_changes_no_row_anywhere(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    struct forgery list[32];
    clinic_works(t);
    size_t count = prison_forges(t, list);
    /* the hub hears the prison first, the others the clinic */
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_forgeries_found(t, i, list, count);
    }
    check_district(t);
    tree_free(t);
}

static void a_leaf_that_is_refused_does_not_stop_its_neighbours(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    struct leaf *all = calloc(3, sizeof *all);
    struct leaf *made[] = {person_leaf(person(1), "LDH-P"),
                           dose_leaf("dx", person(1), person(1), "LDH-C"),
                           person_leaf(person(2), "LDH-P")};
    assert_non_null(all);
    for (size_t i = 0; i < 3; i++) {
        all[i] = *made[i];
        free(made[i]);
    }
    sign_leaves(t, LDH_P, all, 3);
    free(all);
    struct walked w = walk(t, LDH_P, LDH_H);
    assert_int_equal(w.count, 1);
    struct stored stored;
    struct err e;
    assert_int_equal(hand(t, LDH_P, LDH_H, w.items, 1, w.position, &stored, &e),
                     0);
    assert_int_equal(stored.leaves, 3);
    assert_int_equal(stored.refused, 1);
    walked_clear(&w);
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), "2");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM dose_event"),
                        "0");
    check_district(t);
    tree_free(t);
}

static void a_claim_is_judged_alike_before_and_after_its_row(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    add_persons(t, LDH_C, 1, 9);
    tree_drain(t, LDH_C);
    /* the prison has not heard of these persons */
    sign_leaf(t, LDH_P, person_update(CLASS_IDENTITY, p1, p2, 13));
    sign_leaf(t, LDH_P, person_update(CLASS_ROUTING, p2, p2, 2));
    sign_leaf(t, LDH_P,
              person_update(CLASS_IDENTITY, person(3), person(3), 13));
    sign_leaf(t, LDH_P, person_update(CLASS_ROUTING, person(4), person(4), 13));
    struct leaf *newer = person_update(CLASS_ROUTING, person(5), person(5), 90);
    sign_leaf(t, LDH_P, newer);
    tree_send(t, LDH_P, LDH_H);
    assert_string_equal(tree_get(t, LDH_H,
                                 "SELECT count(*) FROM sync_verdict"
                                 " WHERE verdict = 'waiting'"),
                        "3");
    /* which can be asked about */
    const struct table *persons = manifest_table_named(
        replica_manifest(t->nodes[LDH_H].replica), "person");
    struct value key = value_text(person(3));
    struct why why;
    struct err e;
    assert_int_equal(
        replica_why(t->nodes[LDH_H].replica, persons, &key, &why, &e), 0);
    assert_int_equal(why.count, 1);
    assert_string_equal(why.leaves[0].verdict, "waiting");
    assert_string_equal(why.leaves[0].site, "LDH-P");
    why_clear(&why);
    key = value_text("nobody");
    assert_int_equal(
        replica_why(t->nodes[LDH_H].replica, persons, &key, &why, &e),
        ERR_UNKNOWN);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        /* another scope, a column written once, a column of another class */
        assert_string_equal(
            tree_get(t, i, "SELECT group_concat(verdict) FROM sync_verdict"),
            "refused,refused,refused");
        assert_string_equal(
            tree_get(t, i,
                     "SELECT group_concat(phone) FROM (SELECT phone FROM"
                     " person ORDER BY person_id LIMIT 5)"),
            "55501,55502,forged,55504,55505");
    }
    check_district(t);
    tree_free(t);
}

/* The columns of newer versions have room in a state, and no more. */
static void columns_of_newer_versions_are_kept(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    add_persons(t, LDH_C, 1, 2);
    tree_sync(t);
    for (int from = 22; from <= COLUMNS_MAX; from += 60) {
        struct leaf *l = leaf_about((struct about){
            CLASS_ROUTING, SCOPE_PERSON, p1, PERSON, p1, LEAF_UPDATE});
        for (int c = from; c < from + 60 && c <= COLUMNS_MAX; c++) {
            cell(l, (uint16_t)c, value_integer(c));
        }
        sign_leaf(t, LDH_P, l);
    }
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_verdict"),
                        "0");
    tree_sql(t, LDH_P, "UPDATE person SET phone = 'still'");
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT phone FROM person"), "still");
    check_district(t);
    tree_free(t);
}

static void a_table_of_a_newer_version_is_kept_and_relayed(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    struct leaf *l = leaf_about(
        (struct about){CLASS_CARE, SCOPE_PERSON, p1, 77, "new", LEAF_INSERT});
    cell(l, 2, value_text("something"));
    sign_leaf(t, LDH_P, l);
    tree_sync(t);
    assert_int_equal(held_leaves(t, HQ, LDH_P), 1);
    assert_int_equal(held_leaves(t, LDH_C, LDH_P), 1);
    check_district(t);
    tree_free(t);
}

/* --- one key, two rows --------------------------------------------------- */

static void a_dose_is_not_overwritten_under_its_own_key(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    clinic_works(t);
    sign_leaf(t, LDH_P, dose_leaf("d1", p1, p1, "LDH-P"));
    sign_leaf(t, LDH_P, dose_leaf("d1", p2, p2, "LDH-P")); /* of another */
    sign_leaf(t, LDH_P, dose_leaf("d1", p1, p1, "LDH-P")); /* told twice */
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i,
                     "SELECT group_concat(origin_site || units) FROM"
                     " dose_event"),
            "LDH-C3");
        assert_string_equal(tree_get(t, i,
                                     "SELECT group_concat(verdict || code) FROM"
                                     " sync_verdict"),
                            "refused-10,refused-10,refused-10");
    }
    check_district(t);
    tree_free(t);
}

static void the_first_of_two_doses_under_one_key_is_shown(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    /* the prison's has the lower stamp and comes last to hub and clinic */
    sign_leaf(t, LDH_P, dose_leaf("d1", p2, p2, "LDH-P"));
    clinic_works(t);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i, "SELECT origin_site || units FROM dose_event"),
            "LDH-P9");
    }
    check_district(t);
    tree_free(t);
}

static void the_first_of_two_lives_under_one_key_decides(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    /* first in time, last to arrive; of another person */
    sign_leaf(t, LDH_P, enrolment_leaf("e1", p2, "LDH-P", "LDH-P"));
    clinic_works(t);
    tree_sql(t, LDH_C, "UPDATE enrolment SET phase = 'induction'");
    tree_drain(t, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i,
                     "SELECT owner_site || person_id || ifnull(phase, '')"
                     " FROM enrolment WHERE enrolment_id = 'e1'"),
            "LDH-P01900000-0000-7000-8000-000000000002");
        assert_string_equal(verdict(t, i, "e1"), "refused forbidden");
    }
    check_district(t);
    tree_free(t);
}

static void a_refused_leaf_does_not_mislead_a_fold(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    /* these wait for the clinic's row, and sort before it */
    struct leaf *l = person_leaf(p1, "LDH-P");
    l->scope = (struct scope){.kind = SCOPE_SITE, .id = text("LDH-P")};
    sign_leaf(t, LDH_P, l);
    sign_leaf(t, LDH_P, person_update(CLASS_IDENTITY, p1, p1, 12));
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i, "SELECT phone || home_locality FROM person"),
            "55501forged");
    }
    check_district(t);
    tree_free(t);
}

/* --- rows that a table does not take ------------------------------------- */

static void a_row_that_cannot_be_shown_is_marked_until_it_can(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    add_persons(t, LDH_C, 1, 2);
    tree_sync(t);
    sign_leaf(t, LDH_P, person_update(CLASS_IDENTITY, p1, p1, 7)); /* sex */
    tree_sync(t);
    tree_sql(t, LDH_C, "UPDATE person SET phone = '777'");
    tree_sync(t);
    /* the other column merged, but the row is not whole */
    assert_string_equal(
        tree_get(t, HQ, "SELECT says FROM sync_unprojected"),
        tree_get(t, LDH_H, "SELECT says FROM sync_unprojected"));
    assert_string_not_equal(
        tree_get(t, HQ, "SELECT says FROM sync_unprojected"), "");
    tree_sql(t, LDH_C, "UPDATE person SET sex = 'female'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT sex || phone FROM person"),
                            "female777");
        assert_string_equal(
            tree_get(t, i, "SELECT count(*) FROM sync_unprojected"), "0");
    }
    check_district(t);
    tree_free(t);
}

/* --- programs that get past the guards ----------------------------------- */

static void drop_guards(struct tree *t, int node, const char *table)
{
    char next[200];
    (void)snprintf(next, sizeof next,
                   "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE"
                   " type = 'trigger' AND name GLOB 'sync_%s_guard*' LIMIT 1",
                   table);
    while (tree_get(t, node, next)[0] != '\0') {
        tree_sql(t, node, tree_get(t, node, next));
    }
}

/* Without its life no part of a row is worth anything to anyone. */
static void an_insert_that_is_parked_is_parked_whole(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    drop_guards(t, LDH_P, "person");
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no, given_name,"
             " origin_site) VALUES('p', 'N-1', 'Testa', 'LDH-C')");
    tree_sync(t);
    assert_string_equal(tree_get(t, LDH_P, "SELECT count(*) FROM person"), "0");
    assert_string_equal(
        tree_get(t, LDH_P,
                 "SELECT count(*) || ' ' || count(DISTINCT says) FROM"
                 " sync_parked WHERE value IN ('N-1', 'Testa', 'LDH-C')"),
        "3 1");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_verdict"),
                        "0");
    assert_int_equal(registry_origin(t->nodes[LDH_P].replica->merger.registry,
                                     node_of(t, LDH_P))
                         ->head_seq,
                     0);
    check_district(t);
    tree_free(t);
}

static void a_row_keeps_the_scope_it_was_born_with(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    clinic_works(t);
    tree_sync(t);
    drop_guards(t, LDH_C, "enrolment");
    tree_sql(t, LDH_C,
             "UPDATE enrolment SET status = 'ceased', person_id ="
             " '01900000-0000-7000-8000-000000000002'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != LDH_C) {
            assert_string_equal(
                tree_get(t, i,
                         "SELECT count(*) FROM enrolment WHERE status ="
                         " 'ceased' AND person_id ="
                         " '01900000-0000-7000-8000-000000000001'"),
                "2");
            assert_string_equal(
                tree_get(t, i, "SELECT count(*) FROM sync_verdict"), "0");
        }
    }
    tree_free(t);
}

static void a_row_too_large_to_travel_is_parked(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    sqlite3 *client = t->nodes[LDH_P].client;
    add_persons(t, LDH_P, 1, 3);
    tree_drain(t, LDH_P);
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, LDH_P,
             "UPDATE person SET phone = hex(zeroblob(40000)) WHERE"
             " person_id GLOB '*1'");
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES(hex(zeroblob(200)), 'N-long')");
    tree_sql(t, LDH_P,
             "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
             " SELECT 20, 13, person_id, '55501', 1790000000000 FROM person"
             " WHERE person_id GLOB '*1'");
    tree_sql(t, LDH_P,
             "INSERT INTO sync_pending(table_id, what, k1, at_ms)"
             " VALUES(20, 0, hex(zeroblob(200)), 1790000000000)");
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    tree_sql(t, LDH_P,
             "UPDATE person SET phone = 'fine' WHERE person_id GLOB"
             " '*2'");
    tree_sync(t);
    assert_string_equal(
        tree_get(t, LDH_P,
                 "SELECT group_concat(phone) FROM (SELECT phone FROM person"
                 " ORDER BY person_id)"),
        "55501,fine");
    assert_string_equal(tree_get(t, LDH_P,
                                 "SELECT group_concat(DISTINCT says) FROM"
                                 " sync_parked"),
                        "the row is larger than can travel");
    assert_string_equal(
        tree_get(t, HQ,
                 "SELECT group_concat(phone) FROM (SELECT phone FROM person"
                 " ORDER BY person_id)"),
        "55501,fine");
    check_district(t);
    tree_free(t);
}

/* --- certificates -------------------------------------------------------- */

static void a_site_that_may_not_enrol_cannot_make_a_node(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_P);
    struct keys keys;
    struct certificate c;
    struct bytes memory = {0};
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    keys_generate(&keys);
    replica_certificate_for(t->nodes[LDH_C].replica, &keys, "ASR-P", &c);
    c.serial = 99;
    c.may_grant.count = 0;
    certificate_leaf(&c, &memory, leaf);
    sign_leaf(t, LDH_C, leaf);
    bytes_free(&memory);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        const struct registry *r = t->nodes[i].replica->merger.registry;
        struct peer peer;
        struct err e;
        assert_null(registry_certificate(r, &c.node, c.serial));
        assert_string_equal(
            tree_get(t, i,
                     "SELECT count(*) FROM sync_certificate WHERE"
                     " site = 'ASR-P'"),
            "0");
        assert_string_equal(
            tree_get(t, i, "SELECT verdict || code FROM sync_verdict"),
            "refused-8");
        assert_int_equal(replica_peer_of_curve(t->nodes[i].replica,
                                               keys.curve_public, &peer, &e),
                         0);
        assert_int_equal(peer.neighbour, NEIGHBOUR_NONE);
        tree_restart(t, i); /* nor when the journal is read again */
        assert_null(registry_certificate(t->nodes[i].replica->merger.registry,
                                         &c.node, c.serial));
    }
    check_district(t);
    tree_free(t);
}

static void a_neighbour_that_lacks_a_class_is_told_so(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct replica *r = t->nodes[HQ].replica;
    struct keys keys;
    struct certificate c;
    struct peer peer;
    struct err e;
    char says[160];
    keys_generate(&keys);
    replica_certificate_for(r, &keys, "LDH-H", &c);
    c.serial = 99;
    c.may_read.count--; /* all but the last class */
    (void)snprintf(says, sizeof says,
                   "site LDH-H may not read class %u and this version cannot "
                   "seal it; give it a certificate that reads every class",
                   (unsigned)c.may_read.numbers[c.may_read.count]);
    c.may_grant.count = 0;
    assert_int_equal(replica_begin(r, &e), 0);
    int rc = registry_admit(r->merger.registry, &r->self.node, &c, &e);
    if (rc == 0) {
        rc = replica_sign_certificate(r, &c, t->now_ms, &e);
    }
    assert_int_equal(replica_end(r, rc, &e), 0);
    assert_int_equal(replica_peer_of_curve(r, keys.curve_public, &peer, &e),
                     ERR_CLASS);
    assert_string_equal(e.text, says);
    tree_free(t);
}

/* --- a file that was altered --------------------------------------------- */

static void alter(struct tree *t, int node, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(t->nodes[node].path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != 0) {
        fail_msg("%s: %s", sql, message);
    }
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
}

/* Closes the node, alters its file, and cannot open it; puts it back. */
static void assert_altered_file_is_refused(struct tree *t, int node,
                                           const char *sql)
{
    struct tree_node *n = &t->nodes[node];
    char copy[1024];
    char back[1024];
    struct err e;
    sqlite3_close(n->client);
    replica_close(&n->replica);
    (void)snprintf(copy, sizeof copy, "cp '%s' '%s.kept'", n->path, n->path);
    (void)snprintf(back, sizeof back, "cp '%s.kept' '%s'", n->path, n->path);
    assert_int_equal(system(copy), 0);
    alter(t, node, sql);
    const struct replica_start start = {.schema = &schema_embedded};
    int rc = replica_open(n->path, &n->keys, &start, &n->replica, &e);
    if (rc != ERR_CORRUPT) {
        fail_msg("%s: expected corrupt, got %s: %s", sql, err_word(rc), e.text);
    }
    assert_int_equal(system(back), 0);
    assert_int_equal(sqlite3_open(n->path, &n->client), SQLITE_OK);
    assert_int_equal(replica_open(n->path, &n->keys, &start, &n->replica, &e),
                     0);
}

static void an_altered_certificate_on_disk_is_found_at_start(void **state)
{
    (void)state;
    struct tree *t = tree_of(LDH_H);
    static const char *const alterations[] = {
        "UPDATE sync_changeset SET signature = zeroblob(64)"
        " WHERE origin_no = (SELECT min(origin_no) FROM sync_delivery"
        " WHERE reach & 4)",
        "UPDATE sync_changeset SET signature ="
        " CAST(substr(signature, 1, 63) || x'00' AS BLOB)",
        "UPDATE sync_changeset SET hash = zeroblob(32)",
        "UPDATE sync_changeset SET hlc = hlc + 1",
        "UPDATE sync_changeset SET certificate = certificate + 1",
        "UPDATE sync_delivery SET leaves = CAST(substr(leaves, 1,"
        " length(leaves) - 1) AS BLOB) WHERE reach & 4",
        "UPDATE sync_delivery SET leaves = CAST(substr(leaves, 1,"
        " length(leaves) - 40) || x'6b1c'"
        " || substr(leaves, length(leaves) - 37) AS BLOB) WHERE reach & 4",
        "UPDATE sync_origin SET node = randomblob(32)",
        "UPDATE sync_self SET network = randomblob(32)",
    };
    for (size_t i = 0; i < sizeof alterations / sizeof alterations[0]; i++) {
        assert_altered_file_is_refused(t, LDH_H, alterations[i]);
    }
    tree_check(t, LDH_H);
    tree_free(t);
}

static void a_replica_opens_with_its_own_keys_alone(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct keys other;
    const struct replica_start start = {.schema = &schema_embedded};
    struct replica *r = NULL;
    struct err e;
    keys_generate(&other);
    assert_int_equal(replica_open(t->nodes[HQ].path, &other, &start, &r, &e),
                     ERR_CONFIG);
    assert_null(r);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relay_that_flips_one_bit_is_found_out),
        cmocka_unit_test(a_changeset_dropped_on_the_way_up_is_found_out),
        cmocka_unit_test(a_changeset_dropped_on_the_way_down_is_found_out),
        cmocka_unit_test(
            what_is_for_all_cannot_be_hidden_from_another_district),
        cmocka_unit_test(a_site_that_names_a_wrong_number_stops_nobody_else),
        cmocka_unit_test(one_writer_that_is_refused_stops_nobody),
        cmocka_unit_test(what_stays_refused_is_asked_for_less_and_less),
        cmocka_unit_test(two_that_stay_refused_are_asked_for_less_and_less),
        cmocka_unit_test(what_a_neighbour_says_itself_is_asked_for_each_time),
        cmocka_unit_test(who_is_put_back_is_heard_from_the_start),
        cmocka_unit_test(asking_again_hides_no_loss),
        cmocka_unit_test(what_does_not_come_again_is_forgotten),
        cmocka_unit_test(a_way_that_brings_too_much_of_it_is_closed),
        cmocka_unit_test(a_row_claimed_for_many_persons_stays_small),
        cmocka_unit_test(changesets_in_another_order_are_refused),
        cmocka_unit_test(changesets_told_twice_do_no_harm),
        cmocka_unit_test(a_leaf_left_out_on_the_way_up_is_found_out),
        cmocka_unit_test(a_leaf_sealed_by_a_relay_is_refused),
        cmocka_unit_test(a_leaf_for_all_left_out_among_others_is_found_out),
        cmocka_unit_test(the_rest_of_a_changeset_comes_later_and_counts_once),
        cmocka_unit_test(a_child_cannot_bring_what_was_made_elsewhere),
        cmocka_unit_test(a_node_without_a_certificate_is_not_heard),
        cmocka_unit_test(one_name_with_two_contents_is_a_fork),
        cmocka_unit_test(what_continues_nothing_held_is_refused),
        cmocka_unit_test(time_in_a_chain_goes_forward),
        cmocka_unit_test(what_a_site_may_not_write_changes_no_row_anywhere),
        cmocka_unit_test(a_leaf_that_is_refused_does_not_stop_its_neighbours),
        cmocka_unit_test(a_claim_is_judged_alike_before_and_after_its_row),
        cmocka_unit_test(columns_of_newer_versions_are_kept),
        cmocka_unit_test(a_table_of_a_newer_version_is_kept_and_relayed),
        cmocka_unit_test(a_dose_is_not_overwritten_under_its_own_key),
        cmocka_unit_test(the_first_of_two_doses_under_one_key_is_shown),
        cmocka_unit_test(the_first_of_two_lives_under_one_key_decides),
        cmocka_unit_test(a_refused_leaf_does_not_mislead_a_fold),
        cmocka_unit_test(a_row_that_cannot_be_shown_is_marked_until_it_can),
        cmocka_unit_test(an_insert_that_is_parked_is_parked_whole),
        cmocka_unit_test(a_row_keeps_the_scope_it_was_born_with),
        cmocka_unit_test(a_row_too_large_to_travel_is_parked),
        cmocka_unit_test(a_site_that_may_not_enrol_cannot_make_a_node),
        cmocka_unit_test(a_neighbour_that_lacks_a_class_is_told_so),
        cmocka_unit_test(an_altered_certificate_on_disk_is_found_at_start),
        cmocka_unit_test(a_replica_opens_with_its_own_keys_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
