/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/tree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char p1[] = "01900000-0000-7000-8000-000000000001";

/* A root with one person, and someone who looks at it. */
struct looked {
    struct tree *t;
    struct replica *reader;
    char scratch[300];
    struct err e;
};

static void open_reader(struct looked *l)
{
    if (replica_open_reader(l->t->nodes[0].path, l->scratch, &l->reader,
                            &l->e) != 0) {
        fail_msg("%s", l->e.text);
    }
}

static struct looked look(void)
{
    struct looked l = {.t = tree_new()};
    (void)snprintf(l.scratch, sizeof l.scratch, "%s/scratch", l.t->folder);
    tree_sql(l.t, 0,
             "INSERT INTO person(person_id, beneficiary_no, given_name)"
             " VALUES('01900000-0000-7000-8000-000000000001', 'N', 'A')");
    tree_drain(l.t, 0);
    return l;
}

static void end(struct looked *l)
{
    replica_close(&l->reader);
    tree_free(l->t);
}

static size_t leaves_of_person(struct looked *l)
{
    const struct value key = value_text(p1);
    const struct table *t =
        manifest_table_named(replica_manifest(l->reader), "person");
    struct why why;
    assert_int_equal(replica_why(l->reader, t, &key, &why, &l->e), 0);
    size_t count = why.count;
    for (size_t i = 0; i < count; i++) {
        assert_true(why.leaves[i].verified);
        assert_string_equal(why.leaves[i].site, "PB-HQ");
    }
    why_clear(&why);
    return count;
}

static void a_reader_says_why_and_verifies_without_keys(void **state)
{
    (void)state;
    struct looked l = look();
    struct verified verified;
    open_reader(&l);
    assert_int_equal(sqlite3_db_readonly(database_handle(l.reader->db), "main"),
                     1);
    assert_int_equal(leaves_of_person(&l), 2);
    assert_int_equal(replica_verify(l.reader, &verified, &l.e), 0);
    assert_int_equal(verified.differ, 0);
    assert_true(verified.rows > 0);
    assert_int_not_equal(access(l.scratch, F_OK), 0);
    end(&l);
}

static void a_reader_finds_what_was_altered(void **state)
{
    (void)state;
    struct looked l = look();
    struct verified verified;
    struct database *past_the_guards = NULL;
    assert_int_equal(database_open(l.t->nodes[0].path, DATABASE_NODE,
                                   DATABASE_EXISTING, &past_the_guards, &l.e),
                     0);
    assert_int_equal(database_run(past_the_guards,
                                  "UPDATE person SET given_name = 'B'", &l.e),
                     0);
    database_close(&past_the_guards);
    open_reader(&l);
    assert_int_equal(replica_verify(l.reader, &verified, &l.e), 0);
    assert_int_equal(verified.differ, 1);
    assert_non_null(strstr(verified.first, "given_name"));
    end(&l);
}

static void a_reader_sees_one_moment_and_disturbs_nobody(void **state)
{
    (void)state;
    struct looked l = look();
    struct verified verified;
    bool disturbed = false;
    struct replica *node = l.t->nodes[0].replica;
    assert_int_equal(replica_disturbed(node, &disturbed, &l.e), 0);
    open_reader(&l);
    /* a new origin and its certificate come in meanwhile, and a write */
    tree_add(l.t, 0, "LDH-H");
    tree_sync(l.t);
    tree_sql(l.t, 0, "UPDATE person SET given_name = 'C'");
    tree_drain(l.t, 0);
    assert_int_equal(leaves_of_person(&l), 2);
    assert_int_equal(replica_verify(l.reader, &verified, &l.e), 0);
    assert_int_equal(verified.differ, 0);
    replica_close(&l.reader);
    /* our own client has committed; after this nobody has */
    assert_int_equal(replica_disturbed(node, &disturbed, &l.e), 0);
    open_reader(&l);
    assert_int_equal(leaves_of_person(&l), 3);
    assert_int_equal(replica_verify(l.reader, &verified, &l.e), 0);
    assert_int_equal(replica_disturbed(node, &disturbed, &l.e), 0);
    assert_false(disturbed);
    end(&l);
}

static void a_reader_upgrades_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *says;
    } others[] = {
        {"PRAGMA user_version = 1", "start the node with this program once"},
        {"PRAGMA user_version = 999", "install a newer sangam"},
    };
    struct looked l = look();
    for (size_t i = 0; i < 2; i++) {
        tree_sql(l.t, 0, others[i].sql);
        assert_int_equal(
            replica_open_reader(l.t->nodes[0].path, l.scratch, &l.reader, &l.e),
            ERR_VERSION);
        assert_non_null(strstr(l.e.text, others[i].says));
    }
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_says_why_and_verifies_without_keys),
        cmocka_unit_test(a_reader_finds_what_was_altered),
        cmocka_unit_test(a_reader_sees_one_moment_and_disturbs_nobody),
        cmocka_unit_test(a_reader_upgrades_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
