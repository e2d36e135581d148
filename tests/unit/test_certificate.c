/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/certificate.h"

#include "support/dice.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { OPERATIONAL = 2, CLINICAL = 3, IDENTITY = 4 };

static void list(struct number_list *out, size_t count, const uint16_t *numbers)
{
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->numbers[i] = numbers[i];
    }
}

#define LIST(out, ...)                                                         \
    list(&(out), sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),         \
         (uint16_t[]){__VA_ARGS__})

/* The keys of a node are its number, over and over. */
static struct certificate certificate_of(uint8_t number, const char *site,
                                         const struct certificate *parent)
{
    struct certificate c = {.serial = UINT64_C(0xc0ffee00) + number};
    memset(c.sign_public, number, KEY_PUBLIC_BYTES);
    memset(c.box_public, number + 100, KEY_PUBLIC_BYTES);
    memset(c.curve_public, number + 150, KEY_PUBLIC_BYTES);
    c.node = keys_node(c.sign_public);
    c.parent = parent == NULL ? c.node : parent->node;
    (void)snprintf(c.site, sizeof c.site, "%s", site);
    return c;
}

/* Headquarters grants identity without reading it; the hub may not grant it;
 * the clinic reads it. */
struct tree {
    struct certificate hq;
    struct certificate hub;
    struct certificate clinic;
};

static struct tree tree_grow(void)
{
    struct tree t;
    t.hq = certificate_of(1, "PB-HQ", NULL);
    t.hq.all_tables = true;
    t.hq.may_enrol = true;
    LIST(t.hq.may_read, OPERATIONAL, CLINICAL);
    LIST(t.hq.may_grant, OPERATIONAL, CLINICAL, IDENTITY);
    t.hub = certificate_of(2, "PB-LDH", &t.hq);
    t.hub.may_enrol = true;
    LIST(t.hub.may_read, OPERATIONAL);
    LIST(t.hub.may_grant, OPERATIONAL, CLINICAL);
    t.clinic = certificate_of(3, "PB-LDH-C01", &t.hub);
    LIST(t.clinic.tables, 103, 104);
    LIST(t.clinic.may_read, OPERATIONAL, CLINICAL, IDENTITY);
    return t;
}

static void assert_same_list(const struct number_list *a,
                             const struct number_list *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->numbers, b->numbers, a->count * sizeof *a->numbers);
}

static void assert_same_certificate(const struct certificate *a,
                                    const struct certificate *b)
{
    assert_true(a->serial == b->serial);
    assert_true(hash_equal(&a->node, &b->node));
    assert_memory_equal(a->sign_public, b->sign_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->box_public, b->box_public, KEY_PUBLIC_BYTES);
    assert_memory_equal(a->curve_public, b->curve_public, KEY_PUBLIC_BYTES);
    assert_true(hash_equal(&a->parent, &b->parent));
    assert_string_equal(a->site, b->site);
    assert_int_equal(a->all_tables, b->all_tables);
    assert_same_list(&a->tables, &b->tables);
    assert_same_list(&a->may_read, &b->may_read);
    assert_same_list(&a->may_grant, &b->may_grant);
    assert_int_equal(a->may_enrol, b->may_enrol);
}

/* --- as a leaf ----------------------------------------------------------- */

struct written {
    struct bytes memory;
    struct bytes head;
    struct bytes body;
    struct leaf leaf;
};

static void write_down(const struct certificate *c, struct written *w)
{
    bytes_clear(&w->memory);
    bytes_clear(&w->head);
    bytes_clear(&w->body);
    certificate_leaf(c, &w->memory, &w->leaf);
    leaf_encode_head(&w->leaf, &w->head);
    leaf_encode_body(&w->leaf, &w->body);
}

static int read_back(const struct written *w, struct certificate *ret)
{
    struct leaf leaf;
    int rc = leaf_decode(slice_of(&w->head), slice_of(&w->body), &leaf, NULL);
    return rc != 0 ? rc : certificate_of_leaf(&leaf, ret, NULL);
}

static void written_free(struct written *w)
{
    bytes_free(&w->memory);
    bytes_free(&w->head);
    bytes_free(&w->body);
}

static void check_round_trip(const struct certificate *c, struct written *w)
{
    struct certificate back = {0};
    write_down(c, w);
    assert_int_equal(read_back(w, &back), 0);
    assert_same_certificate(c, &back);
}

static void a_certificate_comes_back_from_its_leaf(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct written w = {0};
    bytes_put(&w.memory, "x", 1); /* what else was written there stays */
    check_round_trip(&t.hq, &w);
    check_round_trip(&t.hub, &w);
    check_round_trip(&t.clinic, &w);
    t.clinic.serial = UINT64_MAX;
    memset(t.clinic.site, 's', SITE_BYTES_MAX);
    t.clinic.tables.count = CERTIFICATE_TABLES_MAX;
    t.clinic.may_grant.count = CERTIFICATE_CLASSES_MAX;
    for (size_t i = 0; i < CERTIFICATE_TABLES_MAX; i++) {
        t.clinic.tables.numbers[i] =
            (uint16_t)(UINT16_MAX - CERTIFICATE_TABLES_MAX + 1 + i);
        t.clinic.may_grant.numbers[i] = (uint16_t)(i + 1);
    }
    check_round_trip(&t.clinic, &w);
    written_free(&w);
}

static void random_list(struct dice *d, size_t max, struct number_list *out)
{
    size_t number = 0;
    out->count = dice_below(d, max + 1);
    for (size_t i = 0; i < out->count; i++) {
        number += 1 + dice_below(d, 200);
        out->numbers[i] = (uint16_t)number;
    }
}

static void any_certificate_comes_back_from_its_leaf(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct written w = {0};
    for (int i = 0; i < 500; i++) {
        struct certificate c = certificate_of((uint8_t)i, "PB-LDH-C01", NULL);
        c.serial = dice_u64(&d) | 1;
        dice_fill(&d, c.parent.bytes, HASH_BYTES);
        c.all_tables = dice_even(&d);
        c.may_enrol = dice_even(&d);
        if (!c.all_tables) {
            random_list(&d, CERTIFICATE_TABLES_MAX, &c.tables);
        }
        random_list(&d, CERTIFICATE_CLASSES_MAX, &c.may_read);
        random_list(&d, CERTIFICATE_CLASSES_MAX, &c.may_grant);
        check_round_trip(&c, &w);
    }
    written_free(&w);
}

static void an_altered_certificate_is_refused_or_another_one(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct written w = {0};
    struct written again = {0};
    write_down(&t.clinic, &w);
    for (size_t i = 0; i < w.body.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct certificate c = {0};
            w.body.data[i] ^= (uint8_t)(1u << bit);
            if (read_back(&w, &c) == 0) {
                write_down(&c, &again);
                assert_true(
                    slice_equal(slice_of(&w.body), slice_of(&again.body)));
                assert_memory_equal(c.node.bytes, t.clinic.node.bytes,
                                    HASH_BYTES);
            }
            w.body.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    written_free(&w);
    written_free(&again);
}

#define REFUSED(...)                                                           \
    do {                                                                       \
        struct certificate c;                                                  \
        struct err e;                                                          \
        struct leaf leaf = w.leaf;                                             \
        __VA_ARGS__;                                                           \
        assert_int_equal(certificate_of_leaf(&leaf, &c, &e), ERR_FORMAT);      \
    } while (0)

static void a_leaf_of_another_row_is_no_certificate(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct written w = {0};
    write_down(&t.clinic, &w);
    REFUSED(leaf.class_id = 2);
    REFUSED(leaf.scope.kind = SCOPE_SITE);
    REFUSED(leaf.table = 2);
    REFUSED(leaf.op = LEAF_UPDATE);
    REFUSED(leaf.cl = 3);
    REFUSED(leaf.owned = true);
    REFUSED(leaf.named = true);
    REFUSED(leaf.context_count = 1);
    REFUSED(leaf.key_count = 2);
    REFUSED(leaf.cell_count = 9);
    REFUSED(leaf.cell_count = 11; leaf.cells[10].column = 11);
    REFUSED(leaf.cells[9].column = 11);
    REFUSED(leaf.key[0] = value_integer(7));
    REFUSED(leaf.key[0] = value_blob("\0\0\0\0\0\0\0\0", 8));
    REFUSED(leaf.key[0] = value_blob("1234567", 7));
    REFUSED(leaf.key[0] = value_text("12345678"));
    written_free(&w);
}

static void columns_of_another_form_are_refused(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct written w = {0};
    uint8_t other[HASH_BYTES] = {0};
    write_down(&t.clinic, &w);
    for (size_t column = 1; column <= 5; column++) { /* the blobs */
        REFUSED(leaf.cells[column - 1].value.bytes.len = 31);
        REFUSED(leaf.cells[column - 1].value.type = VALUE_TEXT);
        REFUSED(leaf.cells[column - 1].value = value_text(NULL));
    }
    for (size_t column = 6; column <= 9; column++) { /* the texts */
        REFUSED(leaf.cells[column - 1].value.type = VALUE_BLOB);
        REFUSED(leaf.cells[column - 1].value = value_text(NULL));
        REFUSED(leaf.cells[column - 1].value = value_integer(1));
    }
    REFUSED(leaf.cells[0].value = value_blob(other, sizeof other));
    REFUSED(leaf.cells[1].value = value_blob(other, sizeof other));
    REFUSED(leaf.cells[5].value = value_text(""));
    REFUSED(leaf.cells[5].value = value_text("PB LDH"));
    char longer[SITE_BYTES_MAX + 2] = {0};
    memset(longer, 's', SITE_BYTES_MAX + 1);
    REFUSED(leaf.cells[5].value = value_text(longer));
    REFUSED(leaf.cells[9].value = value_integer(2));
    REFUSED(leaf.cells[9].value = value_integer(-1));
    REFUSED(leaf.cells[9].value = value_text("1"));
    written_free(&w);
}

static void lists_of_another_form_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0",    "01",    "1,",  ",1",     "1,,2",       "2,1",   "1,1",
        "1, 2", " 1",    "1 ",  "-1",     "+1",         "65536", "99999999999",
        "1;2",  "all,1", "ALL", "al",     "4294967297", "1,a",   ",",
        "1,02", "0,1",   "1.0", "allall",
    };
    struct tree t = tree_grow();
    struct written w = {0};
    write_down(&t.clinic, &w);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t column = 7; column <= 9; column++) {
            REFUSED(leaf.cells[column - 1].value = value_text(bad[i]));
        }
    }
    REFUSED(leaf.cells[7].value = value_text("all")); /* classes have none */
    REFUSED(leaf.cells[8].value = value_text("all"));
    written_free(&w);
}

static void lists_over_their_limit_are_refused(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct written w = {0};
    char numbers[2000] = "1";
    size_t len = 1;
    write_down(&t.clinic, &w);
    for (int n = 2; n <= CERTIFICATE_TABLES_MAX + 1; n++) {
        struct value v = value_text(numbers);
        struct certificate c;
        struct leaf leaf = w.leaf;
        leaf.cells[6].value = v;
        assert_int_equal(certificate_of_leaf(&leaf, &c, NULL), 0);
        leaf.cells[7].value = v;
        bool fits = n - 1 <= CERTIFICATE_CLASSES_MAX;
        assert_int_equal(certificate_of_leaf(&leaf, &c, NULL),
                         fits ? 0 : ERR_FORMAT);
        len += (size_t)snprintf(numbers + len, sizeof numbers - len, ",%d", n);
    }
    REFUSED(leaf.cells[6].value = value_text(numbers));
    written_free(&w);
}

/* --- who may issue what -------------------------------------------------- */

static int judge(const struct certificate *issuer,
                 const struct certificate *above, const struct certificate *c)
{
    const struct certificate *path[] = {issuer, above};
    struct err e = {0};
    int rc = certificate_may_issue(path, above == NULL ? 1 : 2, c, &e);
    assert_int_equal(e.code, rc);
    assert_int_equal(e.text[0] != '\0', rc != 0);
    return rc;
}

static void the_root_issues_its_own_certificate(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    assert_int_equal(judge(&t.hq, NULL, &t.hq), 0);
    t.hq.may_enrol = false; /* a network of one */
    assert_int_equal(judge(&t.hq, NULL, &t.hq), 0);
    t.hq.parent = t.hub.node; /* the root is its own parent */
    assert_int_equal(judge(&t.hq, NULL, &t.hq), ERR_FORBIDDEN);
}

static void the_root_renews_its_certificate_within_its_rights(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct certificate next = t.hq;
    next.serial++;
    assert_int_equal(judge(&t.hq, NULL, &next), 0);
    LIST(next.may_grant, OPERATIONAL, 9);
    assert_int_equal(judge(&t.hq, NULL, &next), ERR_FORBIDDEN);
}

static void a_parent_issues_for_its_children(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    assert_int_equal(judge(&t.hq, NULL, &t.hub), 0);
    t.clinic.may_read.count = 2;
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), 0);
}

static void only_the_parent_named_may_issue(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    assert_int_equal(judge(&t.hq, NULL, &t.clinic), ERR_FORBIDDEN);
    t.hub.parent = t.clinic.node;
    assert_int_equal(judge(&t.hq, NULL, &t.hub), ERR_FORBIDDEN);
}

static void an_issuer_without_may_enrol_is_refused(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct certificate below = certificate_of(4, "PB-LDH-C02", &t.clinic);
    const struct certificate *path[] = {&t.clinic, &t.hub, &t.hq};
    struct err e;
    assert_int_equal(certificate_may_issue(path, 3, &below, &e), ERR_FORBIDDEN);
    assert_string_equal(e.text, "certificate of PB-LDH-C02: its issuer "
                                "PB-LDH-C01 may not enrol nodes");
    t.clinic.may_enrol = true;
    assert_int_equal(certificate_may_issue(path, 3, &below, NULL), 0);
}

static void nobody_passes_on_more_than_the_issuer_may_grant(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    LIST(t.clinic.may_grant, CLINICAL);
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), 0);
    LIST(t.clinic.may_grant, CLINICAL, IDENTITY); /* only headquarters may */
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), ERR_FORBIDDEN);
}

static void a_class_granted_further_up_may_be_read(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    assert_false(number_list_has(&t.hub.may_grant, IDENTITY));
    assert_true(number_list_has(&t.clinic.may_read, IDENTITY));
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), 0);
}

static void a_class_nobody_may_grant_is_not_read(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    LIST(t.hq.may_grant, OPERATIONAL, CLINICAL);
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), ERR_FORBIDDEN);
    LIST(t.hq.may_read, IDENTITY); /* to read is not to grant */
    assert_int_equal(judge(&t.hub, &t.hq, &t.clinic), ERR_FORBIDDEN);
}

static void a_hub_cannot_place_those_above_it_below(void **state)
{
    (void)state;
    struct tree t = tree_grow();
    struct certificate ring = t.hq;
    ring.serial++;
    ring.parent = t.hub.node;
    assert_int_equal(judge(&t.hub, &t.hq, &ring), ERR_FORBIDDEN);
    ring = t.hub;
    ring.serial++;
    ring.parent = t.hub.node; /* its own parent: only the root is */
    assert_int_equal(judge(&t.hub, &t.hq, &ring), ERR_FORBIDDEN);
}

static void the_tree_has_a_greatest_depth(void **state)
{
    (void)state;
    struct certificate nodes[TREE_DEPTH_MAX + 1];
    for (size_t i = 0; i <= TREE_DEPTH_MAX; i++) {
        nodes[i] = certificate_of((uint8_t)(i + 1), "PB",
                                  i == 0 ? NULL : &nodes[i - 1]);
        nodes[i].may_enrol = true;
    }
    for (size_t depth = 1; depth <= TREE_DEPTH_MAX; depth++) {
        const struct certificate *path[TREE_DEPTH_MAX];
        for (size_t i = 0; i < depth; i++) {
            path[i] = &nodes[depth - 1 - i];
        }
        int rc = certificate_may_issue(path, depth, &nodes[depth], NULL);
        assert_int_equal(rc, depth < TREE_DEPTH_MAX ? 0 : ERR_FORBIDDEN);
    }
}

/* --- published ----------------------------------------------------------- */

static void a_certificate_is_encoded_as_published(void **state)
{
    (void)state;
    static const char file[] = "certificate.txt";
    struct written w = {0};
    struct certificate c = {.serial = 0x0102030405060708, .site = "PB-LDH-C01"};
    uint8_t salt[SALT_BYTES];
    vectors_read_into("keys.txt", "sign_public", c.sign_public,
                      KEY_PUBLIC_BYTES);
    vectors_read_into("keys.txt", "box_public", c.box_public, KEY_PUBLIC_BYTES);
    vectors_read_into("keys.txt", "curve_public", c.curve_public,
                      KEY_PUBLIC_BYTES);
    vectors_read_into(file, "parent", c.parent.bytes, HASH_BYTES);
    vectors_read_into(file, "salt", salt, sizeof salt);
    c.node = keys_node(c.sign_public);
    LIST(c.tables, 103, 104);
    LIST(c.may_read, OPERATIONAL, CLINICAL);
    write_down(&c, &w);
    struct hash body = merkle_body(salt, slice_of(&w.body));
    struct hash leaf = merkle_leaf(slice_of(&w.head), &body);
    vectors_check(file, "head", w.head.data, w.head.len);
    vectors_check(file, "body", w.body.data, w.body.len);
    vectors_check(file, "body_hash", body.bytes, HASH_BYTES);
    vectors_check(file, "leaf_hash", leaf.bytes, HASH_BYTES);
    written_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_comes_back_from_its_leaf),
        cmocka_unit_test(any_certificate_comes_back_from_its_leaf),
        cmocka_unit_test(an_altered_certificate_is_refused_or_another_one),
        cmocka_unit_test(a_leaf_of_another_row_is_no_certificate),
        cmocka_unit_test(columns_of_another_form_are_refused),
        cmocka_unit_test(lists_of_another_form_are_refused),
        cmocka_unit_test(lists_over_their_limit_are_refused),
        cmocka_unit_test(the_root_issues_its_own_certificate),
        cmocka_unit_test(the_root_renews_its_certificate_within_its_rights),
        cmocka_unit_test(a_parent_issues_for_its_children),
        cmocka_unit_test(only_the_parent_named_may_issue),
        cmocka_unit_test(an_issuer_without_may_enrol_is_refused),
        cmocka_unit_test(nobody_passes_on_more_than_the_issuer_may_grant),
        cmocka_unit_test(a_class_granted_further_up_may_be_read),
        cmocka_unit_test(a_class_nobody_may_grant_is_not_read),
        cmocka_unit_test(a_hub_cannot_place_those_above_it_below),
        cmocka_unit_test(the_tree_has_a_greatest_depth),
        cmocka_unit_test(a_certificate_is_encoded_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
