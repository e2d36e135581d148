/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest.h"

#include "store/schema.h"
#include "support/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define TABLE                                                                  \
    "INSERT INTO sync_table(table_id, name, kind, base_class, route,"          \
    " owner_column) VALUES"
#define COLUMN                                                                 \
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"     \
    " VALUES"

struct fixture {
    char *folder;
    char *path;
    struct database *db;
};

static void ready(int code, const struct err *e)
{
    if (code < 0) {
        print_error("%s\n", e->text);
    }
    assert_true(code >= 0);
}

static int set_up(void **state)
{
    const struct schema_site site = {.site_id = "PB-LDH-C01",
                                     .today = "(date('now','+05:30'))"};
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};
    assert_non_null(f);
    f->folder = scratch_folder();
    f->path = scratch_path(f->folder, "replica.db");
    ready(database_open(f->path, DATABASE_NODE, DATABASE_CREATE, &f->db, &e),
          &e);
    ready(database_begin(f->db, &e), &e);
    ready(schema_upgrade(f->db, &schema_embedded, &site, &e), &e);
    ready(database_commit(f->db, &e), &e);
    (void)database_schema(f->db, DATABASE_SCHEMA_OPEN);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    database_close(&f->db);
    free(f->path);
    scratch_remove(&f->folder);
    free(f);
    return 0;
}

static void the_shipped_manifest_loads(void **state)
{
    struct fixture *f = *state;
    struct manifest *m = NULL;
    struct err e = {0};
    ready(manifest_load(f->db, &m, &e), &e);
    assert_null(manifest_table_named(m, "local_invite"));
    assert_null(manifest_table(m, 2));

    const struct table *t = manifest_table_named(m, "sync_certificate");
    assert_int_equal(t->kind, TABLE_CONTROL);
    assert_int_equal(t->key[0]->id, 0);

    t = manifest_table(m, 31);
    assert_string_equal(t->name, "treatment_order");
    assert_int_equal(t->kind, TABLE_RECORD);
    assert_int_equal(t->base_class, 6);
    assert_int_equal(t->route, SCOPE_PERSON);
    assert_string_equal(t->route_column->name, "person_id");
    assert_string_equal(t->owner_column->name, "site_id");
    assert_string_equal(t->origin_column->name, "origin_site");
    assert_int_equal(t->key_count, 1);
    assert_string_equal(t->key[0]->name, "order_id");
    const struct column *c = table_column(t, 7);
    assert_string_equal(c->name, "max_take_home_days");
    assert_int_equal(c->policy, POLICY_MIN);
    assert_false(c->varies || c->minted);
    assert_string_equal(c->default_sql, "0");
    assert_true(table_column_named(t, "valid_from")->minted);
    assert_true(table_column_named(t, "reason")->varies);
    assert_false(table_column_named(t, "reason")->not_null);
    assert_false(table_column_named(t, "site_id")->minted);
    c = table_column_named(t, "daily_dose_mcg");
    assert_int_equal(c->policy, POLICY_REVIEW);
    assert_int_equal(c->safe, SAFE_MIN);
    c = table_column_named(t, "status");
    assert_int_equal(c->policy, POLICY_RANK);
    assert_int_equal(c->list_count, 5);
    const struct value active = value_text("active");
    const struct value other = value_text("activ");
    assert_int_equal(column_rank(c, &active), 2);
    assert_int_equal(column_rank(c, &other), 0);
    assert_null(table_column(t, 17));
    assert_null(table_column(t, 0));
    assert_null(table_column_named(t, "nothing"));

    t = manifest_table_named(m, "enrolment");
    assert_string_equal(t->epoch_column->name, "owner_epoch");
    assert_string_equal(t->handover.offers->name, "referral");
    assert_string_equal(t->handover.to->name, "to_site");
    assert_ptr_equal(t->handover.offers->offered, t);
    c = table_column_named(t, "ended_on");
    assert_string_equal(column_lead(c)->name, "status");
    assert_ptr_equal(column_lead(column_lead(c)), column_lead(c));

    t = manifest_table_named(m, "ref_code");
    assert_int_equal(t->key_count, 2);
    assert_string_equal(t->key[1]->name, "code");
    assert_int_equal(t->route, SCOPE_ALL);
    assert_null(t->route_column);
    for (size_t i = 1; i < m->table_count; i++) {
        assert_true(m->tables[i - 1].id < m->tables[i].id);
        assert_ptr_equal(manifest_table(m, m->tables[i].id), &m->tables[i]);
    }
    manifest_destroy(&m);
    assert_null(m);
    manifest_destroy(&m);
}

/* A table that is right, which each case makes wrong in one way by replacing
 * `from` in the script by `to`. */
static const char right[] =
    "CREATE TABLE w(k TEXT NOT NULL, o TEXT NOT NULL, f TEXT NOT NULL,"
    " a TEXT, v INTEGER DEFAULT 1, g INTEGER AS (v + 1),"
    " PRIMARY KEY(k)) STRICT;" TABLE
    "(60, 'w', 'record', 3, 'site:f', 'f');" COLUMN "(60, 1, 'k', 3, 'key'),"
    "(60, 2, 'o', 3, 'origin'), (60, 3, 'f', 3, 'fixed'),"
    "(60, 4, 'a', 4, 'lww'), (60, 5, 'v', 3, 'owner');";

struct wrong {
    const char *from;
    const char *to;
    const char *sentence;
};

static const struct wrong wrongs[] = {
    {"CREATE TABLE w(", "CREATE TABLE ww(",
     "table w: there is no such table; create it, or take it out of "
     "sync_table"},
    {") STRICT", ")",
     "table w: is not STRICT, so that two sites could store one value in two "
     "types; create it as STRICT"},
    {", PRIMARY KEY(k)", "",
     "table w: has no primary key; declare one, or its rows have no name at "
     "other sites"},
    {"PRIMARY KEY(k)", "PRIMARY KEY(k, f)",
     "table w: the primary key is not its columns of policy key in order of "
     "their ids; make them the same"},
    {"'f', 3, 'fixed'", "'f', 3, 'key'",
     "table w: the primary key is not its columns of policy key in order of "
     "their ids; make them the same"},
    {"k TEXT NOT NULL", "k REAL NOT NULL",
     "table w: key column k is REAL, in which two values can be equal and "
     "not the same; use TEXT, INTEGER or BLOB"},
    {"k TEXT NOT NULL", "k ANY NOT NULL",
     "table w: key column k is ANY, in which two values can be equal and not "
     "the same; use TEXT, INTEGER or BLOB"},
    {"k TEXT NOT NULL", "k INTEGER NOT NULL",
     "table w: key k is INTEGER PRIMARY KEY (with or without AUTOINCREMENT), "
     "which two sites hand out twice; use a UUID as TEXT"},
    {"k TEXT NOT NULL", "k TEXT COLLATE NOCASE NOT NULL",
     "table w: key column k has the collation NOCASE, under which two keys "
     "of two sites are one row; leave the collation out"},
    {"a TEXT,", "a TEXT UNIQUE,",
     "table w: sqlite_autoindex_w_1 is UNIQUE beside the key, which two sites "
     "that are offline can break; make it an ordinary index and report the "
     "doubles"},
    {"INSERT INTO sync_table(",
     "CREATE UNIQUE INDEX u ON w(a); INSERT INTO sync_table(",
     "table w: u is UNIQUE beside the key, which two sites that are offline "
     "can break; make it an ordinary index and report the doubles"},
    {"a TEXT,", "a TEXT REFERENCES person ON DELETE CASCADE,",
     "table w: the foreign key of a to person has an action, which would "
     "change rows that nobody wrote; leave ON DELETE and ON UPDATE out"},
    {"a TEXT,", "a TEXT REFERENCES person ON UPDATE SET NULL,",
     "table w: the foreign key of a to person has an action, which would "
     "change rows that nobody wrote; leave ON DELETE and ON UPDATE out"},
    {"a TEXT,", "a TEXT, more TEXT,",
     "table w: column more is not in sync_column; give it an id, a class and "
     "a policy there"},
    {"a TEXT,", "",
     "table w: sync_column has column a, which the table has not; add it to "
     "the table"},
    {"(60, 5, 'v', 3, 'owner')",
     "(60, 5, 'v', 3, 'owner'),"
     "(60, 6, 'g', 3, 'lww')",
     "table w: column g is generated; take it out of sync_column"},
    {"a TEXT,", "a TEXT NOT NULL,",
     "table w: column a is NOT NULL, but nodes that may not read class 4 "
     "hold it as NULL; drop NOT NULL"},
    {"a TEXT,", "a TEXT DEFAULT 'x',",
     "table w: column a has a default, which nodes that may not read class 4 "
     "would show as written; drop it"},
    {"'k', 3, 'key'", "'k', 4, 'key'",
     "table w: key column k is not in the base class; put it there"},
    {"'o', 3, 'origin'", "'o', 4, 'origin'",
     "table w: origin column o is not in the base class; put it there"},
    {"o TEXT NOT NULL", "o TEXT",
     "table w: origin column o may be NULL; declare it NOT NULL"},
    {"f TEXT NOT NULL", "f TEXT",
     "table w: route column f may be NULL; declare it NOT NULL"},
    {"'f', 3, 'fixed'", "'f', 3, 'lww'",
     "table w: route column f may change; give it the policy fixed"},
    {"'site:f'", "'site:x'",
     "table w: the route names column x, which sync_column does not have; "
     "add it"},
    {"'site:f'", "NULL",
     "table w: the route '' is not known; use all, site:COLUMN, "
     "district-of:COLUMN or person:COLUMN"},
    {"'site:f', 'f'", "'site:f', 'x'",
     "table w: owner_column names x, which sync_column does not have; add it"},
    {"'site:f', 'f'", "'site:f', 'a'",
     "table w: owner column a may change; give it the policy fixed, or name "
     "its offers in sync_handover"},
    {"'site:f', 'f'", "'site:f', 'k'",
     "table w: owner_column names k, which is a key column, and a key is no "
     "value that can be judged; name another column"},
    {"'site:f', 'f'", "'site:f', NULL",
     "table w: column v has the policy owner, but the table has no "
     "owner_column; name it in sync_table"},
    {"'v', 3, 'owner'", "'v', 3, 'lww'",
     "table w: has an owner_column, but no column of policy owner; leave it "
     "out of sync_table"},
    {"'record', 3, 'site:f', 'f'", "'event', 3, 'site:f', NULL",
     "table w: column a has the policy lww, but events never change; use "
     "key, fixed or origin"},
    {"'record'", "'reference'",
     "table w: is written at the root alone; use no origin and no owner"},
    {"'f', 3, 'fixed'", "'f', 3, 'origin'",
     "table w: two columns have the policy origin; keep one"},
    {"'record', 3,", "'record', 99,",
     "table w: its base_class is not in sync_class; name the class of its "
     "key"},
    {"'record', 3,", "'record', NULL,",
     "table w: its base_class is not in sync_class; name the class of its "
     "key"},
    {"'a', 4,", "'a', 99,",
     "table w: column a has class 99, which is not in sync_class; add the "
     "class"},
    {"(60, 5, 'v'", "(60, 0, 'v'",
     "table w: column v has id 0; use 1 to 65535"},
    {"(60, 5, 'v'", "(60, 65536, 'v'",
     "table w: column v has id 65536; use 1 to 65535"},
    {"(60, 5, 'v', 3, 'owner')",
     "(60, 5, 'v', 3, 'owner'),"
     "(60, 6, 'v', 3, 'owner')",
     "table w: column v has two ids; keep the first"},
    {"'record', 3,", "'control', 3,",
     "table w: has id 60; a control table has 1 to 9"},
    {"INSERT INTO sync_column",
     TABLE "(61, 'w',"
           " 'record', 3, 'all', NULL); INSERT INTO sync_column",
     "table w: is in sync_table twice; keep the first"},
    {COLUMN, COLUMN "(77, 1, 'x', 3, 'key'),",
     "sync_column: column x belongs to table 77, which is not replicated; "
     "take it out, or add the table to sync_table"},
    {COLUMN, "INSERT INTO sync_class VALUES(70000, 'x', '');" COLUMN,
     "sync_class: class 70000 is out of range; use 1 to 65535"},
    {"'v', 3, 'owner'", "'v', 3, 'rank(a,,b)'",
     "table w: the list in the policy of column v is empty or has over 32 "
     "values; write rank(first,second,...)"},
    {"'v', 3, 'owner'", "'v', 3, 'rank(a)b)'",
     "table w: the policy of column v has no closing parenthesis at its end"},
    {"'v', 3, 'owner'", "'v', 3, 'rank(a,b)'",
     "table w: column v has the policy rank, which needs the type TEXT"},
    {"'v', 3, 'owner'", "'v', 3, 'union'",
     "table w: column v has the policy union, which needs the type TEXT, a "
     "JSON list"},
    {"a TEXT,", "a TEXT CHECK(a <> o),",
     "table w: a CHECK names o and a of two classes, of which a node may hold "
     "one; split it"},
    {"a TEXT, v INTEGER", "a TEXT, v INTEGER CHECK(v > length(o))",
     "table w: a CHECK names o and v, which merge one by one; put both into "
     "one group, or make the rule a view"},
};

/* The script of a case. */
static void make_wrong(const struct wrong *w, char *out, size_t size)
{
    const char *at = strstr(right, w->from);
    assert_non_null(at);
    (void)snprintf(out, size, "%.*s%s%s", (int)(at - right), right, w->to,
                   at + strlen(w->from));
}

static void a_table_that_is_right_loads(void **state)
{
    struct fixture *f = *state;
    struct manifest *m = NULL;
    struct err e = {0};
    ready(database_run(f->db, right, &e), &e);
    ready(manifest_load(f->db, &m, &e), &e);
    assert_int_equal(manifest_table(m, 60)->column_count, 5);
    manifest_destroy(&m);
}

static void a_table_that_breaks_merging_is_refused_with_the_repair(void **state)
{
    struct fixture *f = *state;
    char sql[2048];
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct manifest *m = NULL;
        struct err e = {0};
        make_wrong(&wrongs[i], sql, sizeof sql);
        ready(database_begin(f->db, &e), &e);
        ready(database_run(f->db, sql, &e), &e);
        int code = manifest_load(f->db, &m, &e);
        assert_string_equal(e.text, wrongs[i].sentence);
        assert_int_equal(code, ERR_CONFIG);
        assert_null(m);
        database_rollback(f->db);
    }
}

static void a_key_in_another_order_is_refused(void **state)
{
    struct fixture *f = *state;
    struct manifest *m = NULL;
    struct err e = {0};
    ready(database_run(f->db,
                       "CREATE TABLE w(a TEXT NOT NULL, b TEXT NOT NULL,"
                       " PRIMARY KEY(b, a)) STRICT, WITHOUT ROWID;" TABLE
                       "(60, 'w', 'record', 3,"
                       " 'all', NULL);" COLUMN "(60, 1, 'a', 3, 'key'),"
                       " (60, 2, 'b', 3, 'key')",
                       &e),
          &e);
    assert_int_equal(manifest_load(f->db, &m, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "in order of their ids"));
    ready(database_run(f->db,
                       "UPDATE sync_column SET column_id = 3"
                       " WHERE table_id = 60 AND name = 'a'",
                       &e),
          &e);
    ready(manifest_load(f->db, &m, &e), &e);
    assert_string_equal(manifest_table(m, 60)->key[0]->name, "b");
    manifest_destroy(&m);
}

static void a_key_that_counts_is_refused(void **state)
{
    struct fixture *f = *state;
    struct manifest *m = NULL;
    struct err e = {0};
    ready(database_run(f->db,
                       "CREATE TABLE w(k INTEGER PRIMARY KEY AUTOINCREMENT)"
                       " STRICT;" TABLE "(60, 'w', 'record', 3,"
                       " 'all', NULL);" COLUMN "(60, 1, 'k', 3, 'key')",
                       &e),
          &e);
    assert_int_equal(manifest_load(f->db, &m, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "which two sites hand out twice"));
}

static void counts_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct manifest *m = NULL;
    struct err e = {0};
    ready(database_begin(f->db, &e), &e);
    ready(database_run(f->db,
                       "WITH RECURSIVE n(i) AS (SELECT 50 UNION ALL SELECT"
                       " i + 1 FROM n WHERE i < 200) INSERT INTO sync_column"
                       "(table_id, column_id, name, class_id, policy)"
                       " SELECT 20, i, 'c' || i, 3, 'lww' FROM n",
                       &e),
          &e);
    assert_int_equal(manifest_load(f->db, &m, &e), ERR_CONFIG);
    assert_string_equal(e.text,
                        "table person: more than 128 columns; split it");
    database_rollback(f->db);
    ready(database_begin(f->db, &e), &e);
    ready(database_run(f->db,
                       "WITH RECURSIVE n(i) AS (SELECT 50 UNION ALL SELECT"
                       " i + 1 FROM n WHERE i < 200) INSERT INTO sync_class"
                       " SELECT i, 'c' || i, '' FROM n",
                       &e),
          &e);
    assert_int_equal(manifest_load(f->db, &m, &e), ERR_CONFIG);
    assert_string_equal(e.text, "sync_class: more than 64 classes; use fewer");
    database_rollback(f->db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_shipped_manifest_loads),
        TEST(a_table_that_is_right_loads),
        TEST(a_table_that_breaks_merging_is_refused_with_the_repair),
        TEST(a_key_in_another_order_is_refused),
        TEST(a_key_that_counts_is_refused),
        TEST(counts_are_bounded),
    };
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
