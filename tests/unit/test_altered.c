/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "support/district.h"

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
    struct tree *t = district_new(LDH_H);
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
        cmocka_unit_test(an_altered_certificate_on_disk_is_found_at_start),
        cmocka_unit_test(a_replica_opens_with_its_own_keys_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
