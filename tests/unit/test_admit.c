/* SPDX-License-Identifier: Apache-2.0 */
/* What admission says of a leaf of one site, column by column: each case takes a
 * leaf that counts and changes one thing. Tables are made by hand, so that what
 * the schema of today has not is there too: a key of two columns, one of a
 * number, a group, a safe order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "protocol/context.h"
#include "protocol/elements.h"
#include "protocol/evidence.h"
#include "store/admit.h"

enum {
    CLASS = 2,
    OVERLAY = 3,
    OTHER_CLASS = 9,
    RECORD = 20,
    EVENT = 21,
    REFERENCE = 22,
    PLAIN = 23,
    NUMBERED = 24,
};

/* Columns of all tables here, by id. */
enum {
    KEY = 1,
    PERSON,
    ORIGIN,
    OWNER,
    EPOCH,
    NOTE,
    STATE,
    LEAST,
    MOST,
    WORDS,
    SAFE,
    LEAD,
    FOLLOWS,
    FIXED,
    LATER, /* of the overlay class */
    COLUMNS = LATER,
};

static char *ranks[] = {"low", "high"};
static struct column columns[] = {
    {.id = KEY, .policy = POLICY_KEY, .name = "key", .varies = true},
    {.id = PERSON, .policy = POLICY_FIXED, .name = "person", .varies = true},
    {.id = ORIGIN, .policy = POLICY_ORIGIN, .name = "origin"},
    {.id = OWNER, .policy = POLICY_OWNER, .name = "owner"},
    {.id = EPOCH, .policy = POLICY_OWNER, .name = "epoch"},
    {.id = NOTE, .policy = POLICY_LWW, .name = "note", .type = VALUE_TEXT},
    {.id = STATE,
     .policy = POLICY_RANK,
     .name = "state",
     .type = VALUE_TEXT,
     .list = ranks,
     .list_count = 2},
    {.id = LEAST, .policy = POLICY_MIN, .name = "least", .type = VALUE_INTEGER},
    {.id = MOST, .policy = POLICY_MAX, .name = "most", .type = VALUE_INTEGER},
    {.id = WORDS, .policy = POLICY_UNION, .name = "words", .type = VALUE_TEXT},
    {.id = SAFE,
     .policy = POLICY_REVIEW,
     .safe = SAFE_MIN,
     .name = "safe",
     .type = VALUE_INTEGER},
    {.id = LEAD, .policy = POLICY_MAX, .name = "lead", .type = VALUE_INTEGER},
    {.id = FOLLOWS,
     .policy = POLICY_MAX,
     .name = "follows",
     .type = VALUE_INTEGER,
     .lead = &columns[LEAD - 1]},
    {.id = FIXED, .policy = POLICY_FIXED, .name = "fixed"},
    {.id = LATER, .policy = POLICY_LWW, .name = "later", .class_id = OVERLAY},
};
static struct column number = {.id = 1, .policy = POLICY_KEY, .name = "number"};
static struct column said = {.id = 2, .policy = POLICY_LWW, .name = "said"};

static const struct column *column(int id)
{
    return &columns[id - 1];
}

static struct table tables[] = {
    {.id = RECORD, .kind = TABLE_RECORD, .name = "record", .deletes = true},
    {.id = EVENT, .kind = TABLE_EVENT, .name = "event"},
    {.id = REFERENCE, .kind = TABLE_REFERENCE, .name = "reference"},
    {.id = PLAIN, .kind = TABLE_RECORD, .name = "plain"},
    {.id = NUMBERED, .kind = TABLE_RECORD, .name = "numbered"},
};
static struct manifest manifest = {
    .tables = tables, .table_count = sizeof tables / sizeof tables[0]};

static struct registry *registry;
static struct certificate clinic;
static struct leaf leaf;
static struct changeset_header header;
static struct bytes memory;

/* --- what counts --------------------------------------------------------- */

static void complete(struct table *t)
{
    t->base_class = CLASS;
    t->route = SCOPE_PERSON;
    t->route_column = column(PERSON);
    t->key[0] = column(KEY);
    t->key_count = 1;
    t->columns = columns;
    t->column_count = COLUMNS;
}

static int begin(void **state)
{
    (void)state;
    const struct hash network = {{7}};
    for (size_t i = 0; i < COLUMNS; i++) {
        columns[i].class_id =
            columns[i].class_id == 0 ? CLASS : columns[i].class_id;
    }
    for (size_t i = 0; i < manifest.table_count; i++) {
        complete(&tables[i]);
    }
    tables[0].owner_column = column(OWNER);
    tables[0].epoch_column = column(EPOCH);
    tables[0].origin_column = column(ORIGIN);
    tables[1].origin_column = column(ORIGIN);
    tables[1].key[1] = column(PERSON);
    tables[1].key_count = 2;
    tables[2].route = SCOPE_ALL;
    tables[2].route_column = NULL;
    number.class_id = CLASS;
    said.class_id = CLASS;
    tables[4] = (struct table){.id = NUMBERED,
                               .kind = TABLE_RECORD,
                               .name = "numbered",
                               .base_class = CLASS,
                               .route = SCOPE_ALL,
                               .key = {&number},
                               .key_count = 1,
                               .columns = &number,
                               .column_count = 1};
    registry = registry_new(&network);
    clinic = (struct certificate){
        .site = "LDH-C",
        .node = {{9}},
        .all_tables = true,
        .may_read = {.count = 3, .numbers = {CLASS, OVERLAY, OTHER_CLASS}},
    };
    header = (struct changeset_header){
        .origin = clinic.node, .incarnation = 5, .seq = 10};
    return 0;
}

static int end(void **state)
{
    (void)state;
    registry_destroy(&registry);
    bytes_free(&memory);
    return 0;
}

static void put(int id, struct value v)
{
    leaf.cells[leaf.cell_count++] = (struct leaf_cell){(uint16_t)id, v};
}

/* A row of a table that the clinic makes. */
static void birth(uint32_t table)
{
    leaf = (struct leaf){
        .class_id = CLASS,
        .scope = {SCOPE_PERSON, slice_text("p")},
        .table = table,
        .key_count = 1,
        .key = {value_text("k")},
        .op = LEAF_INSERT,
        .cl = 1,
    };
    put(PERSON, value_text("p"));
    put(ORIGIN, value_text("LDH-C"));
    if (table == RECORD) {
        put(OWNER, value_text("LDH-C"));
        put(EPOCH, value_integer(1));
        leaf.owned = true;
        leaf.owner =
            (struct leaf_owner){.site = slice_text("LDH-C"), .epoch = 1};
    }
    if (table == EVENT) {
        leaf.key_count = 2;
        leaf.key[1] = value_text("p");
        memmove(leaf.cells, leaf.cells + 1, sizeof leaf.cells[0]);
        leaf.cell_count--; /* the person is part of the key */
    }
}

/* Another column of a row that is there. */
static void update(uint32_t table, int id, struct value v)
{
    birth(table);
    leaf.op = LEAF_UPDATE;
    leaf.cell_count = 0;
    leaf.owned = false;
    put(id, v);
}

static void counts(void)
{
    struct err e = {0};
    enum admission got =
        admit_leaf(&manifest, registry, &clinic, NULL, &leaf, &e);
    if (got != ADMISSION_YES) {
        fail_msg("it does not count: %s", e.text);
    }
}

static void refused(const char *why)
{
    struct err e = {0};
    assert_int_equal(admit_leaf(&manifest, registry, &clinic, NULL, &leaf, &e),
                     ADMISSION_REFUSED);
    if (strstr(e.text, why) == NULL) {
        fail_msg("not for that: %s", e.text);
    }
}

/* --- cases --------------------------------------------------------------- */

static void what_a_site_may_write_counts(void **state)
{
    (void)state;
    birth(RECORD);
    counts();
    birth(EVENT);
    counts();
    birth(PLAIN);
    counts();
    update(RECORD, NOTE, value_text("n"));
    counts();
    update(RECORD, COLUMNS_MAX, value_text("of a newer version"));
    counts();
    clinic.all_tables = false;
    clinic.tables = (struct number_list){.count = 1, .numbers = {PLAIN}};
    birth(PLAIN);
    counts();
    birth(EVENT);
    refused("site LDH-C may not write table event");
}

static void what_is_newer_is_kept(void **state)
{
    (void)state;
    struct err e;
    birth(RECORD);
    leaf.table = 99;
    assert_int_equal(admit_leaf(&manifest, registry, &clinic, NULL, &leaf, &e),
                     ADMISSION_UNKNOWN);
    update(PLAIN, COLUMNS_MAX, value_text("x"));
    leaf.class_id = OTHER_CLASS;
    assert_int_equal(admit_leaf(&manifest, registry, &clinic, NULL, &leaf, &e),
                     ADMISSION_UNKNOWN);
    leaf.class_id = CLASS_CONTROL;
    leaf.table = TABLE_CONTROL_MAX; /* no such table of control leaves yet */
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_UNKNOWN);
}

static void a_class_one_may_not_read_one_may_not_write(void **state)
{
    (void)state;
    birth(PLAIN);
    leaf.class_id = 8;
    refused("site LDH-C may not write class 8");
}

static void a_key_of_another_form_is_refused(void **state)
{
    (void)state;
    birth(EVENT);
    leaf.key_count = 1;
    refused("event has no such key");
    birth(EVENT);
    leaf.key[0] = value_integer(1);
    refused("event has no such key");
    birth(EVENT);
    leaf.key[0] = value_blob((const uint8_t *)"k", 1);
    counts();
    leaf = (struct leaf){.class_id = CLASS,
                         .table = NUMBERED,
                         .key_count = 1,
                         .key = {value_integer(1)},
                         .op = LEAF_INSERT,
                         .cl = 1};
    counts();
    leaf.key[0] = value_text("1");
    refused("numbered has no such key");
}

static void a_scope_that_the_row_does_not_say_is_refused(void **state)
{
    (void)state;
    birth(PLAIN);
    leaf.scope = (struct scope){.kind = SCOPE_ALL};
    refused("the scope is not what plain routes by");
    birth(PLAIN);
    leaf.scope.id = slice_text("q");
    refused("the scope is not what plain routes by");
    birth(PLAIN);
    leaf.cells[0].value = value_integer(1);
    refused("the scope is not what plain routes by");
    birth(PLAIN);
    memmove(leaf.cells, leaf.cells + 1, sizeof leaf.cells[0]);
    leaf.cell_count = 1;
    refused("the scope is not what plain routes by");
    birth(EVENT);
    leaf.key[1] = value_text("q");
    refused("the scope is not what event routes by");
    update(PLAIN, NOTE, value_text("n")); /* says no person: its life does */
    counts();
}

static void columns_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    update(PLAIN, 0, value_text("x"));
    refused("plain cannot have a column 0");
    update(PLAIN, COLUMNS_MAX + 1, value_text("x"));
    refused("plain cannot have a column");
    update(PLAIN, LATER, value_text("x"));
    refused("column plain.later is not of class 2");
    update(PLAIN, KEY, value_text("x"));
    refused("column plain.key is not of class 2");
    update(PLAIN, FIXED, value_text("x"));
    refused("column plain.fixed is written once");
    update(PLAIN, FOLLOWS, value_integer(1));
    refused("column plain.follows comes without lead");
    update(PLAIN, LEAD, value_integer(1));
    put(FOLLOWS, value_text("of another type: the lead decides"));
    counts();
}

static void a_value_that_decides_has_the_type_of_its_column(void **state)
{
    (void)state;
    static const int numbers[] = {LEAST, MOST, SAFE, LEAD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        update(PLAIN, numbers[i], value_integer(1));
        counts();
        update(PLAIN, numbers[i], value_text("z"));
        refused("cannot hold such a value");
        update(PLAIN, numbers[i], (struct value){.type = VALUE_NULL});
        counts();
    }
    update(PLAIN, STATE, value_integer(1));
    refused("column plain.state cannot hold such a value");
    const struct value word = value_text("a");
    bytes_clear(&memory);
    elements_encode(&word, 1, NULL, 0, &memory);
    update(PLAIN, WORDS, value_blob(memory.data, memory.len));
    counts();
    update(PLAIN, WORDS, value_blob(memory.data, memory.len - 1));
    refused("column plain.words cannot hold such a value");
    update(PLAIN, NOTE, value_integer(1)); /* may be shown or not: no matter */
    counts();
}

static void nobody_covers_what_is_not_written_yet(void **state)
{
    (void)state;
    struct context_entry covers[] = {
        {.incarnation = 5, .seq = 9},
        {.incarnation = 5, .seq = 10},
        {.incarnation = 4, .seq = 99}, /* of another start */
        {.incarnation = 5, .seq = 99}, /* of another node */
    };
    static const bool sound[] = {true, false, true, true};
    static const bool sound_named[] = {true, false, false, true};
    for (size_t i = 0; i < sizeof covers / sizeof covers[0]; i++) {
        struct err e = {0};
        memcpy(covers[i].origin, header.origin.bytes, HASH_BYTES);
        covers[i].origin[0] ^= i == 3 ? 1 : 0;
        update(PLAIN, SAFE, value_integer(1));
        bytes_clear(&memory);
        context_put(SAFE, &covers[i], 1, &memory);
        leaf.context_count = 1;
        leaf.contexts = slice_of(&memory);
        enum admission got =
            admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e);
        assert_int_equal(strstr(e.text, "covers what came after it") == NULL,
                         sound[i]);
        assert_int_equal(got == ADMISSION_REFUSED, !sound[i]);
        leaf.named = true; /* it was of that start first */
        leaf.name = (struct leaf_name){.incarnation = 4, .seq = 99};
        got = admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e);
        assert_int_equal(got == ADMISSION_REFUSED, !sound_named[i]);
        leaf.name.seq = 100;
        got = admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e);
        assert_int_equal(got == ADMISSION_REFUSED, !sound[i]);
        leaf.named = false;
    }
}

static void a_deletion_is_of_the_base_class_and_where_it_may_be(void **state)
{
    (void)state;
    birth(RECORD);
    leaf.op = LEAF_DELETE;
    leaf.cl = 2;
    leaf.cell_count = 0;
    counts();
    leaf.class_id = OVERLAY;
    refused("a row of record ends in its base class");
    leaf.class_id = CLASS;
    leaf.owned = false;
    refused("without being the owner it claims");
    birth(PLAIN);
    leaf.cl = 3;
    refused("rows of plain are not deleted");
}

static void an_event_is_written_once_by_its_own_site(void **state)
{
    (void)state;
    update(EVENT, NOTE, value_text("n"));
    refused("rows of event are never changed");
    birth(EVENT);
    tables[1].deletes = true;
    leaf.cl = 3;
    refused("rows of event are never changed");
    tables[1].deletes = false;
    birth(EVENT);
    leaf.cells[0].value = value_text("LDH-D");
    refused("in another site's name");
    birth(EVENT);
    leaf.cells[0].value = value_text("LDH-CC");
    refused("in another site's name");
    birth(EVENT);
    leaf.cells[0].value = value_blob((const uint8_t *)"LDH-C", 5);
    refused("in another site's name");
    birth(EVENT);
    leaf.cell_count = 0;
    refused("in another site's name");
}

static void a_list_is_written_at_headquarters(void **state)
{
    (void)state;
    const struct hash root = {{7}};
    birth(REFERENCE);
    leaf.scope = (struct scope){.kind = SCOPE_ALL};
    refused("reference is written at headquarters, not by site LDH-C");
    clinic.node = root;
    counts();
}

static void who_makes_a_row_owns_it_first(void **state)
{
    (void)state;
    birth(RECORD);
    leaf.owned = false;
    refused("without being the owner it claims");
    birth(RECORD);
    leaf.owner.site = slice_text("LDH-D");
    refused("without being the owner it claims");
    birth(RECORD);
    leaf.cells[2].value = value_text("LDH-D");
    refused("that another site owns");
    birth(RECORD);
    leaf.owner.epoch = 2;
    refused("without taking it over");
    birth(RECORD);
    leaf.cells[3].value = value_integer(2);
    refused("without taking it over");
    birth(RECORD);
    leaf.cells[3].value = value_text("1");
    refused("without taking it over");
    birth(RECORD);
    leaf.cell_count = 3; /* no epoch */
    refused("without taking it over");
    tables[0].epoch_column = NULL;
    counts();
    tables[0].epoch_column = column(EPOCH);
    /* where no column that is written is the owner's, nobody claims */
    columns[OWNER - 1].policy = POLICY_LWW;
    columns[EPOCH - 1].policy = POLICY_LWW;
    birth(RECORD);
    leaf.owned = false;
    counts();
    columns[OWNER - 1].policy = POLICY_OWNER;
    columns[EPOCH - 1].policy = POLICY_OWNER;
}

/* A row that is there, taken over under epoch 2. */
static void take_over(void)
{
    update(RECORD, OWNER, value_text("LDH-C"));
    put(EPOCH, value_integer(2));
    leaf.owned = true;
    leaf.owner = (struct leaf_owner){.site = slice_text("LDH-C"), .epoch = 2};
}

static void who_takes_a_row_over_says_both(void **state)
{
    (void)state;
    take_over();
    counts();
    take_over();
    leaf.owner.epoch = 1;
    refused("without taking it over");
    take_over();
    leaf.cell_count = 1;
    refused("without taking it over");
    take_over();
    leaf.cells[0] = leaf.cells[1];
    leaf.cell_count = 1;
    refused("without taking it over");
    take_over();
    leaf.cells[0].value = value_text("LDH-D");
    refused("without taking it over");
    take_over();
    leaf.cells[1].value = value_integer(3);
    refused("without taking it over");
}

static void a_word_that_says_nothing_is_refused(void **state)
{
    (void)state;
    struct err e;
    leaf = (struct leaf){.class_id = CLASS_CONTROL,
                         .table = TABLE_CERTIFICATE,
                         .key_count = 1,
                         .key = {value_text("none")},
                         .op = LEAF_INSERT,
                         .cl = 1};
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_REFUSED);
    leaf.table = TABLE_REVOCATION;
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_REFUSED);
    /* of the one and not of the other: neither is a row */
    leaf.class_id = CLASS;
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_REFUSED);
    leaf.class_id = CLASS_CONTROL;
    leaf.table = RECORD;
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_UNKNOWN);
}

/* Whatever a manifest says of them, tables up to that number are no rows. */
static void a_control_table_holds_no_rows(void **state)
{
    (void)state;
    struct err e = {0};
    struct table plain = tables[3];
    const struct manifest only = {.tables = &plain, .table_count = 1};
    birth(PLAIN);
    assert_int_equal(admit_leaf(&only, registry, &clinic, NULL, &leaf, &e),
                     ADMISSION_YES);
    plain.id = TABLE_CONTROL_MAX;
    leaf.table = TABLE_CONTROL_MAX;
    assert_int_equal(admit_leaf(&only, registry, &clinic, NULL, &leaf, &e),
                     ADMISSION_UNKNOWN);
}

/* Not so a certificate: who passed it on had to know who made it. */
static void a_certificate_by_a_node_nobody_knows_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct certificate c = clinic;
    memset(c.sign_public, 5, sizeof c.sign_public);
    c.node = keys_node(c.sign_public);
    c.parent = clinic.node;
    c.serial = 1;
    certificate_leaf(&c, &memory, &leaf);
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_REFUSED);
    assert_non_null(strstr(e.text, "made by a node that has none"));
}

/* Two contents of one name, by a node whose certificate is not held: it may be on
 * its way, and then the proof is looked at again. */
static void a_proof_against_a_node_nobody_knows_waits(void **state)
{
    (void)state;
    struct err e = {0};
    struct fork_proof p = {.kind = PROOF_FORK};
    p.first.header = (struct changeset_header){
        .origin = {{3}}, .incarnation = 1, .seq = 4, .leaf_count = 1};
    p.second.header = p.first.header;
    p.second.header.hlc = 1;
    assert_true(fork_proof_holds(&p));
    fork_proof_leaf(&p, &memory, &leaf);
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_WAITING);
    assert_non_null(strstr(e.text, "certificate is not held"));
}

/* The clinic is enrolled, and is proved to have signed two contents under the
 * number of `header`. */
static void fork_it(void)
{
    struct standing *s = registry_standing(registry);
    const struct hash root = {{1}};
    const struct certificate of_root = {
        .node = root, .parent = root, .serial = 1};
    const struct changeset_header by_root = {.origin = root, .seq = 1};
    struct fork_proof p = {.kind = PROOF_FORK};
    clinic.parent = root;
    clinic.serial = 1;
    standing_add_certificate(s, &of_root, &by_root);
    standing_add_certificate(s, &clinic, &by_root);
    p.first.header = header;
    p.second.header = header;
    assert_true(standing_add_fork(s, &p, &by_root, true));
}

static void of_a_fork_only_events_count(void **state)
{
    (void)state;
    struct err e = {0};
    fork_it();
    birth(EVENT);
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_YES);
    birth(PLAIN);
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_WAITING);
    assert_non_null(strstr(e.text, "ran twice"));
    header.seq--; /* before it forked */
    assert_int_equal(
        admit_leaf(&manifest, registry, &clinic, &header, &leaf, &e),
        ADMISSION_YES);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_site_may_write_counts),
        CASE(what_is_newer_is_kept),
        CASE(a_class_one_may_not_read_one_may_not_write),
        CASE(a_key_of_another_form_is_refused),
        CASE(a_scope_that_the_row_does_not_say_is_refused),
        CASE(columns_that_do_not_fit_are_refused),
        CASE(a_value_that_decides_has_the_type_of_its_column),
        CASE(nobody_covers_what_is_not_written_yet),
        CASE(a_deletion_is_of_the_base_class_and_where_it_may_be),
        CASE(an_event_is_written_once_by_its_own_site),
        CASE(a_list_is_written_at_headquarters),
        CASE(who_makes_a_row_owns_it_first),
        CASE(who_takes_a_row_over_says_both),
        CASE(a_word_that_says_nothing_is_refused),
        CASE(a_control_table_holds_no_rows),
        CASE(a_certificate_by_a_node_nobody_knows_is_refused),
        CASE(a_proof_against_a_node_nobody_knows_waits),
        CASE(of_a_fork_only_events_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
