/* SPDX-License-Identifier: Apache-2.0 */
#include "merkle.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_BYTES) == 0;
}

void merkle_salt(const uint8_t seed[SEED_BYTES], uint32_t index,
                 uint8_t out[SALT_BYTES])
{
    uint8_t number[4] = {
        (uint8_t)(index >> 24),
        (uint8_t)(index >> 16),
        (uint8_t)(index >> 8),
        (uint8_t)index,
    };
    crypto_generichash(out, SALT_BYTES, number, sizeof number, seed,
                       SEED_BYTES);
}

struct hash merkle_body(const uint8_t salt[SALT_BYTES], struct slice body)
{
    struct hash out;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    crypto_generichash_update(&state, salt, SALT_BYTES);
    crypto_generichash_update(&state, body.data, body.len);
    crypto_generichash_final(&state, out.bytes, HASH_BYTES);
    return out;
}

static struct hash tagged(uint8_t tag, struct slice left, struct slice right)
{
    struct hash out;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    crypto_generichash_update(&state, &tag, 1);
    crypto_generichash_update(&state, left.data, left.len);
    crypto_generichash_update(&state, right.data, right.len);
    crypto_generichash_final(&state, out.bytes, HASH_BYTES);
    return out;
}

static struct slice hash_slice(const struct hash *h)
{
    return (struct slice){.data = h->bytes, .len = HASH_BYTES};
}

struct hash merkle_leaf(struct slice head, const struct hash *body)
{
    return tagged(0x00, head, hash_slice(body));
}

/* RFC 6962: the left subtree holds the largest power of two below `count`. */
static size_t left_count(size_t count)
{
    size_t left = 1;
    while (left * 2 < count) {
        left *= 2;
    }
    return left;
}

static bool any(const bool *set, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        if (set[i]) {
            return true;
        }
    }
    return false;
}

size_t merkle_cover_count(const bool *shown, size_t count)
{
    if (!any(shown, 0, count)) {
        return 1;
    }
    if (count == 1) {
        return 0;
    }
    size_t left = left_count(count);
    return merkle_cover_count(shown, left) +
           merkle_cover_count(shown + left, count - left);
}

struct walk {
    const struct merkle *tree;
    size_t cover_used;
    const bool *keep; /* NULL: no cover is wanted */
    struct hash *cover;
    size_t cover_count;
    bool short_cover;
};

/* The hash of one subtree. `inside` says that an ancestor already stands in
 * the new cover for it. */
static struct hash walk(struct walk *w, size_t from, size_t count, bool inside)
{
    const struct merkle *tree = w->tree;
    bool covers = w->keep != NULL && !inside && !any(w->keep, from, count);
    struct hash h = {0};
    if (!any(tree->shown, from, count)) {
        if (w->cover_used == tree->cover_count) {
            w->short_cover = true;
            return h;
        }
        h = tree->cover[w->cover_used++];
    } else if (count == 1) {
        h = tree->leaves[from];
    } else {
        size_t split = left_count(count);
        struct hash left = walk(w, from, split, inside || covers);
        struct hash right =
            walk(w, from + split, count - split, inside || covers);
        h = tagged(0x01, hash_slice(&left), hash_slice(&right));
    }
    if (covers) {
        w->cover[w->cover_count++] = h;
    }
    return h;
}

static int walk_tree(struct walk *w, struct hash *ret_root, struct err *e)
{
    assert(w->tree->count > 0);
    struct hash root = walk(w, 0, w->tree->count, false);
    if (w->short_cover || w->cover_used != w->tree->cover_count) {
        return err_set(e, ERR_FORMAT,
                       "withheld leaves need another number of hashes "
                       "than the %zu given",
                       w->tree->cover_count);
    }
    *ret_root = root;
    return 0;
}

int merkle_root(const struct merkle *tree, struct hash *ret, struct err *e)
{
    struct walk w = {.tree = tree};
    return walk_tree(&w, ret, e);
}

int merkle_cover(const struct merkle *tree, const bool *keep, struct hash *ret,
                 size_t *ret_count, struct err *e)
{
    struct walk w = {.tree = tree, .keep = keep, .cover = ret};
    struct hash root;
    int rc = walk_tree(&w, &root, e);
    if (rc == 0) {
        *ret_count = w.cover_count;
    }
    return rc;
}
