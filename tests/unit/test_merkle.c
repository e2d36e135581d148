/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/merkle.h"

#include "support/dice.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { COUNT_MAX = 40, SUBSET_COUNT_MAX = 10 };

/* --- the tree of RFC 6962, once more and simply -------------------------- */

static struct hash plain_root(const struct hash *leaves, size_t count)
{
    if (count == 1) {
        return leaves[0];
    }
    size_t split = 1;
    while (split << 1 < count) {
        split <<= 1;
    }
    struct hash left = plain_root(leaves, split);
    struct hash right = plain_root(leaves + split, count - split);
    uint8_t joined[1 + 2 * HASH_BYTES] = {0x01};
    memcpy(joined + 1, left.bytes, HASH_BYTES);
    memcpy(joined + 1 + HASH_BYTES, right.bytes, HASH_BYTES);
    struct hash root;
    crypto_generichash(root.bytes, HASH_BYTES, joined, sizeof joined, NULL, 0);
    return root;
}

/* Is a leaf of the range in the set? */
static bool meets(unsigned set, size_t from, size_t count)
{
    return ((set >> from) & ((1u << count) - 1)) != 0;
}

/* How many whole subtrees without a leaf of `set` lie in none such. */
static size_t plain_cover_count(unsigned set, size_t from, size_t count)
{
    if (!meets(set, from, count)) {
        return 1;
    }
    size_t split = 1;
    while (split << 1 < count) {
        split <<= 1;
    }
    return count == 1 ? 0
                      : plain_cover_count(set, from, split) +
                            plain_cover_count(set, from + split, count - split);
}

struct forest {
    struct hash leaves[COUNT_MAX];
    bool all[COUNT_MAX];
};

static struct forest forest_grow(void)
{
    struct forest f;
    struct dice d = dice_seeded();
    dice_fill(&d, f.leaves, sizeof f.leaves);
    for (size_t i = 0; i < COUNT_MAX; i++) {
        f.all[i] = true;
    }
    return f;
}

static struct merkle whole(const struct forest *f, size_t count)
{
    return (struct merkle){
        .leaves = f->leaves, .shown = f->all, .count = count};
}

static void spread(unsigned set, size_t count, bool *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (set >> i & 1) != 0;
    }
}

/* --- roots --------------------------------------------------------------- */

static void the_root_is_that_of_rfc_6962(void **state)
{
    (void)state;
    struct forest f = forest_grow();
    for (size_t count = 1; count <= COUNT_MAX; count++) {
        struct merkle tree = whole(&f, count);
        struct hash expected = plain_root(f.leaves, count);
        struct hash root;
        assert_int_equal(merkle_root(&tree, &root, NULL), 0);
        assert_true(hash_equal(&root, &expected));
        assert_int_equal(merkle_cover_count(f.all, count), 0);
    }
}

static void the_root_binds_every_leaf_to_its_place(void **state)
{
    (void)state;
    struct forest f = forest_grow();
    struct hash root = plain_root(f.leaves, 13);
    for (size_t i = 0; i < 12; i++) {
        struct forest other = f;
        other.leaves[i] = f.leaves[i + 1];
        other.leaves[i + 1] = f.leaves[i];
        struct merkle tree = whole(&other, 13);
        struct hash changed;
        assert_int_equal(merkle_root(&tree, &changed, NULL), 0);
        assert_false(hash_equal(&root, &changed));
    }
}

/* --- covers -------------------------------------------------------------- */

static void check_wrong_lengths(const struct merkle *shown)
{
    struct hash more[COUNT_MAX + 1] = {0};
    struct hash root;
    struct merkle wrong = *shown;
    memcpy(more, shown->cover, shown->cover_count * sizeof *more);
    wrong.cover = more;
    wrong.cover_count = shown->cover_count + 1;
    assert_int_equal(merkle_root(&wrong, &root, NULL), ERR_FORMAT);
    if (shown->cover_count > 0) {
        struct err e;
        wrong.cover_count = shown->cover_count - 1;
        assert_int_equal(merkle_root(&wrong, &root, &e), ERR_FORMAT);
        assert_int_equal(e.code, ERR_FORMAT);
    }
}

/* Each subset shown, then each subset of that. */
static void check_subsets(const struct forest *f, size_t count, unsigned set)
{
    struct merkle tree = whole(f, count);
    struct hash expected = plain_root(f->leaves, count);
    struct hash cover[COUNT_MAX];
    struct hash root;
    struct hash leaves[COUNT_MAX] = {0}; /* what is not shown is not known */
    bool keep[COUNT_MAX];
    size_t cover_count = 0;
    spread(set, count, keep);
    for (size_t i = 0; i < count; i++) {
        if (keep[i]) {
            leaves[i] = f->leaves[i];
        }
    }
    assert_int_equal(merkle_cover(&tree, keep, cover, &cover_count, NULL), 0);
    assert_int_equal(cover_count, merkle_cover_count(keep, count));
    assert_int_equal(cover_count, plain_cover_count(set, 0, count));
    struct merkle shown = {.leaves = leaves,
                           .shown = keep,
                           .count = count,
                           .cover = cover,
                           .cover_count = cover_count};
    assert_int_equal(merkle_root(&shown, &root, NULL), 0);
    assert_true(hash_equal(&root, &expected));
    check_wrong_lengths(&shown);

    for (unsigned less = set;; less = (less - 1) & set) {
        bool fewer[COUNT_MAX];
        struct hash direct[COUNT_MAX];
        struct hash again[COUNT_MAX];
        size_t direct_count = 0;
        size_t again_count = 0;
        spread(less, count, fewer);
        assert_int_equal(
            merkle_cover(&tree, fewer, direct, &direct_count, NULL), 0);
        assert_int_equal(merkle_cover(&shown, fewer, again, &again_count, NULL),
                         0);
        assert_int_equal(direct_count, again_count);
        assert_memory_equal(direct, again, direct_count * sizeof *direct);
        if (less == 0) {
            break;
        }
    }
}

static void any_leaves_may_be_withheld_and_more_later(void **state)
{
    (void)state;
    struct forest f = forest_grow();
    for (size_t count = 1; count <= SUBSET_COUNT_MAX; count++) {
        for (unsigned set = 0; set < 1u << count; set++) {
            check_subsets(&f, count, set);
        }
    }
}

static void a_cover_that_was_altered_gives_another_root(void **state)
{
    (void)state;
    struct forest f = forest_grow();
    bool keep[COUNT_MAX] = {[5] = true, [17] = true};
    struct merkle tree = whole(&f, COUNT_MAX);
    struct merkle shown = {
        .leaves = f.leaves, .shown = keep, .count = COUNT_MAX};
    struct hash expected = plain_root(f.leaves, COUNT_MAX);
    struct hash cover[COUNT_MAX];
    struct hash root;
    assert_int_equal(merkle_cover(&tree, keep, cover, &shown.cover_count, NULL),
                     0);
    shown.cover = cover;
    for (size_t i = 0; i < shown.cover_count; i++) {
        cover[i].bytes[i % HASH_BYTES] ^= 0x10;
        assert_int_equal(merkle_root(&shown, &root, NULL), 0);
        assert_false(hash_equal(&root, &expected));
        cover[i].bytes[i % HASH_BYTES] ^= 0x10;
    }
    assert_int_equal(merkle_root(&shown, &root, NULL), 0);
    assert_true(hash_equal(&root, &expected));
}

/* --- published ----------------------------------------------------------- */

static void salts_are_as_published(void **state)
{
    (void)state;
    static const uint32_t indexes[] = {0, 1, 255, 256, 999, 65536};
    uint8_t seed[SEED_BYTES];
    vectors_read_into("salt.txt", "seed", seed, sizeof seed);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        uint8_t salt[SALT_BYTES];
        char name[32];
        merkle_salt(seed, indexes[i], salt);
        (void)snprintf(name, sizeof name, "salt_%u", (unsigned)indexes[i]);
        vectors_check("salt.txt", name, salt, sizeof salt);
    }
}

static void roots_are_as_published(void **state)
{
    (void)state;
    struct forest f = forest_grow();
    for (size_t i = 0; i < 9; i++) {
        struct bytes head = {0};
        struct bytes body = {0};
        uint8_t salt[SALT_BYTES];
        char name[32];
        vectors_read("merkle.txt", "head", &head);
        (void)snprintf(name, sizeof name, "salt_%zu", i);
        vectors_read_into("merkle.txt", name, salt, sizeof salt);
        (void)snprintf(name, sizeof name, "body_%zu", i);
        vectors_read("merkle.txt", name, &body);
        struct hash body_hash = merkle_body(salt, slice_of(&body));
        f.leaves[i] = merkle_leaf(slice_of(&head), &body_hash);
        (void)snprintf(name, sizeof name, "leaf_%zu", i);
        vectors_check("merkle.txt", name, f.leaves[i].bytes, HASH_BYTES);
        struct merkle tree = whole(&f, i + 1);
        struct hash root;
        assert_int_equal(merkle_root(&tree, &root, NULL), 0);
        (void)snprintf(name, sizeof name, "root_%zu", i + 1);
        vectors_check("merkle.txt", name, root.bytes, HASH_BYTES);
        bytes_free(&head);
        bytes_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_is_that_of_rfc_6962),
        cmocka_unit_test(the_root_binds_every_leaf_to_its_place),
        cmocka_unit_test(any_leaves_may_be_withheld_and_more_later),
        cmocka_unit_test(a_cover_that_was_altered_gives_another_root),
        cmocka_unit_test(salts_are_as_published),
        cmocka_unit_test(roots_are_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
