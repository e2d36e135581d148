/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tree.h"

#include "store/parts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 2000 }; /* of a table, folded one by one */

/* --- as its journal says ------------------------------------------------- */

static void fold_rows(struct tree *t, int node, const struct table *table)
{
    char sql[256];
    struct replica *r = t->nodes[node].replica;
    sqlite3_stmt *stmt;
    struct err e = {0};
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table->name);
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL), 0);
    size_t count = 0;
    static char keys[ROWS_MAX][KEY_COLUMNS_MAX][64];
    while (sqlite3_step(stmt) == SQLITE_ROW && count < ROWS_MAX) {
        for (size_t i = 0; i < table->key_count; i++) {
            /* keys stand first in every table of the domain */
            (void)snprintf(keys[count][i], 64, "%s",
                           (const char *)sqlite3_column_text(stmt, (int)i));
        }
        count++;
    }
    sqlite3_finalize(stmt);
    for (size_t k = 0; k < count; k++) {
        struct value key[KEY_COLUMNS_MAX];
        for (size_t i = 0; i < table->key_count; i++) {
            key[i] = table->key[i]->type == VALUE_INTEGER
                         ? value_integer(strtoll(keys[k][i], NULL, 10))
                         : value_text(keys[k][i]);
        }
        if (replica_reproject(r, table, key, &e) != 0) {
            fail_msg("node %d: %s", node, e.text);
        }
    }
}

static void verify(struct tree *t, int node, const char *how)
{
    struct verified verified;
    struct err e = {0};
    if (replica_verify(t->nodes[node].replica, &verified, &e) != 0) {
        fail_msg("node %d: %s", node, e.text);
    }
    if (verified.differ != 0) {
        fail_msg("node %d: %llu rows %s, first: %s", node,
                 (unsigned long long)verified.differ, how, verified.first);
    }
}

void tree_check(struct tree *t, int node)
{
    const struct manifest *m = replica_manifest(t->nodes[node].replica);
    verify(t, node, "differ from a replay");
    for (size_t i = 0; i < m->table_count; i++) {
        if (m->tables[i].kind != TABLE_CONTROL) {
            fold_rows(t, node, &m->tables[i]);
        }
    }
    verify(t, node, "were changed by folding");
}

/* --- as its neighbours --------------------------------------------------- */

void tree_check_in_step(struct tree *t, int child)
{
    struct digest digest;
    struct compared compared;
    struct err e = {0};
    int parent = t->nodes[child].parent;
    struct peer peer = tree_peer(t, parent, child);
    assert_int_equal(
        replica_digest(t->nodes[parent].replica, &peer, &digest, &e), 0);
    assert_int_equal(
        replica_compare(t->nodes[child].replica, &digest, &compared, &e), 0);
    free(digest.origins);
    if (!compared.equal || compared.incomplete) {
        fail_msg("node %d is not in step: holds %llu, should hold %llu", child,
                 (unsigned long long)compared.ours,
                 (unsigned long long)compared.theirs);
    }
}

/* What is void is forgotten where it never came. */
void tree_verdicts(struct tree *t, int node, struct bytes *out)
{
    static const char sql[] =
        "SELECT hex(o.node), d.seq, d.incarnation, v.leaf, v.verdict, v.code,"
        " v.says FROM sync_verdict v JOIN sync_delivery d USING(position)"
        " JOIN sync_origin o USING(origin_no) JOIN sync_changeset c"
        " ON c.origin_no = d.origin_no AND c.seq = d.seq AND c.incarnation ="
        " d.incarnation WHERE NOT c.voided ORDER BY 1, 2, 3, 4";
    sqlite3_stmt *stmt;
    assert_int_equal(
        sqlite3_prepare_v2(t->nodes[node].client, sql, -1, &stmt, NULL), 0);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < 7; i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            bytes_put(out, text, strlen(text));
            bytes_put_u8(out, ' ');
        }
        bytes_put_u8(out, '\n');
    }
    sqlite3_finalize(stmt);
    bytes_put_u8(out, '\0');
}

void tree_check_verdicts(struct tree *t, int a, int b)
{
    struct bytes ours = {0};
    struct bytes theirs = {0};
    tree_verdicts(t, a, &ours);
    tree_verdicts(t, b, &theirs);
    assert_string_equal((const char *)ours.data, (const char *)theirs.data);
    bytes_free(&ours);
    bytes_free(&theirs);
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

struct hash tree_photograph(struct tree *t, int node)
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
