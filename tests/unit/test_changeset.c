/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/changeset.h"

#include "protocol/pack.h"
#include "support/sample.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSETS_OF = 8 };

static int begin(void **state)
{
    struct sample *s = malloc(sizeof *s);
    assert_non_null(s);
    sample_start(s);
    *state = s;
    return 0;
}

static int end(void **state)
{
    sample_free(*state);
    free(*state);
    return 0;
}

/* --- what the tests do again and again ----------------------------------- */

/* Root and signature, as a receiver checks them. */
static int check(const struct sample *s, struct changeset *cs)
{
    int rc = changeset_compute_root(cs, NULL);
    return rc == 0 ? changeset_verify(cs, s->keys.sign_public, NULL) : rc;
}

/* Packs it and unpacks it elsewhere. */
static struct changeset *send_over(const struct changeset *cs)
{
    struct packer *p = packer_new();
    struct bytes packed = {0};
    struct changeset *got = NULL;
    struct err e;
    packer_pack(p, cs, &packed);
    struct changeset_header header = cs->header;
    memset(&header.root, 0, sizeof header.root);
    if (packer_unpack(p, &header, slice_of(&packed), &got, &e) != 0) {
        fail_msg("%s", e.text);
    }
    memcpy(got->signature, cs->signature, SIGNATURE_BYTES);
    packer_destroy(&p);
    bytes_free(&packed);
    return got;
}

static struct changeset *withhold(const struct changeset *cs, const bool *keep)
{
    struct changeset *fewer = NULL;
    assert_int_equal(changeset_withhold(cs, keep, &fewer, NULL), 0);
    return fewer;
}

static struct changeset *signed_of(struct sample *s, size_t count)
{
    struct changeset *cs = NULL;
    do { /* a row may be drawn twice */
        changeset_destroy(&cs);
        sample_add_random(s, count);
        cs = sample_sign(s);
    } while (cs->header.leaf_count != count);
    return cs;
}

/* A leaf of one class of one row. */
static struct leaf leaf_of(uint16_t class_id, const char *person,
                           const char *key)
{
    return (struct leaf){
        .class_id = class_id,
        .scope = {SCOPE_PERSON, slice_text(person)},
        .prior = 3,
        .table = 103,
        .key_count = 1,
        .key = {value_text(key)},
        .op = LEAF_INSERT,
        .cl = 1,
        .cell_count = 1,
        .cells = {{1, value_text("positive")}},
    };
}

static void add(struct sample *s, uint16_t class_id, const char *person,
                const char *key)
{
    struct leaf leaf = leaf_of(class_id, person, key);
    sample_add(s, &leaf);
}

/* --- signing ------------------------------------------------------------- */

static void a_changeset_verifies_with_the_key_of_its_origin_only(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 12);
    assert_true(cs->whole);
    assert_int_equal(check(s, cs), 0);
    struct keys other;
    struct err e;
    keys_generate(&other);
    assert_int_equal(changeset_verify(cs, other.sign_public, &e),
                     ERR_SIGNATURE);
    assert_int_equal(e.code, ERR_SIGNATURE);
    changeset_destroy(&cs);
}

static struct hash cursor_hash(struct cursor *c)
{
    struct hash h;
    memcpy(h.bytes, cursor_take(c, HASH_BYTES), HASH_BYTES);
    return h;
}

static struct changeset_header header_decode(const uint8_t *bytes)
{
    struct cursor c = cursor_of((struct slice){bytes, CHANGESET_HEADER_BYTES});
    struct changeset_header h;
    h.network = cursor_hash(&c);
    h.origin = cursor_hash(&c);
    h.incarnation = cursor_u64(&c);
    h.seq = cursor_u64(&c);
    h.prev_incarnation = cursor_u64(&c);
    h.prev = cursor_hash(&c);
    h.hlc = cursor_u64(&c);
    h.schema_version = cursor_u32(&c);
    h.certificate = cursor_u64(&c);
    h.leaf_count = cursor_u32(&c);
    h.root = cursor_hash(&c);
    assert_true(cursor_done(&c));
    return h;
}

static void a_bit_flipped_in_the_header_is_found_out(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 3);
    struct changeset_header before = cs->header;
    struct hash name = changeset_hash(&before);
    uint8_t bytes[CHANGESET_HEADER_BYTES];
    changeset_header_encode(&before, bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cs->header = header_decode(bytes);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct hash other = changeset_hash(&cs->header);
        assert_int_equal(changeset_verify(cs, s->keys.sign_public, NULL),
                         ERR_SIGNATURE);
        assert_false(hash_equal(&name, &other));
    }
    cs->header = before;
    assert_int_equal(check(s, cs), 0);
    changeset_destroy(&cs);
}

static void a_bit_flipped_in_the_signature_is_found_out(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 3);
    for (size_t bit = 0; bit < (size_t)SIGNATURE_BYTES * 8; bit++) {
        cs->signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(check(s, cs), ERR_SIGNATURE);
        cs->signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(check(s, cs), 0);
    changeset_destroy(&cs);
}

/* Flips each bit of `len` bytes inside the memory of `cs`. */
static void flip_each(const struct sample *s, struct changeset *cs,
                      struct slot *slot, const uint8_t *part, size_t len)
{
    uint8_t *at = cs->memory.data + (part - cs->memory.data);
    for (size_t bit = 0; bit < len * 8; bit++) {
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        slot->body_hash = merkle_body(slot->salt, slot->body);
        assert_int_not_equal(check(s, cs), 0);
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    slot->body_hash = merkle_body(slot->salt, slot->body);
}

static void a_bit_flipped_in_a_leaf_is_found_out(void **state)
{
    struct sample *s = *state;
    add(s, 2, "person-0001", "dose-0001");
    add(s, 2, "person-0001", "dose-0002");
    add(s, 3, "person-0001", "dose-0002");
    struct changeset *cs = sample_sign(s);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        struct slot *slot = &cs->slots[i];
        flip_each(s, cs, slot, slot->head.data, slot->head.len);
        flip_each(s, cs, slot, slot->body.data, slot->body.len);
        for (size_t bit = 0; bit < (size_t)SALT_BYTES * 8; bit++) {
            slot->salt[bit / 8] ^= (uint8_t)(1 << bit % 8);
            slot->body_hash = merkle_body(slot->salt, slot->body);
            assert_int_equal(check(s, cs), ERR_SIGNATURE);
            slot->salt[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        slot->body_hash = merkle_body(slot->salt, slot->body);
    }
    assert_int_equal(check(s, cs), 0);
    changeset_destroy(&cs);
}

static void the_signature_of_the_last_binds_all_before_it(void **state)
{
    struct sample *s = *state;
    struct changeset_header header = sample_header(s);
    struct leaf leaf = leaf_of(2, "person-0001", "dose-0001");
    struct bytes head = {0};
    struct bytes body = {0};
    struct changeset *chain[3];
    static const uint8_t seed[SEED_BYTES] = {1};
    leaf.prior = 0;
    leaf_encode_head(&leaf, &head);
    leaf_encode_body(&leaf, &body);
    struct leaf_bytes leaves = {slice_of(&head), slice_of(&body)};
    memset(&header.prev, 0, sizeof header.prev);
    header.prev_incarnation = 0;
    header.seq = 1;
    for (size_t i = 0; i < 3; i++) {
        chain[i] = changeset_sign(&header, &leaves, 1, seed, &s->keys);
        header.prev = changeset_hash(&chain[i]->header);
        header.prev_incarnation = header.incarnation;
        header.seq++;
        header.hlc++;
    }
    for (size_t i = 2; i > 0; i--) {
        struct hash before = changeset_hash(&chain[i - 1]->header);
        assert_true(hash_equal(&before, &chain[i]->header.prev));
        chain[i - 1]->header.hlc--; /* an earlier one is altered */
        before = changeset_hash(&chain[i - 1]->header);
        assert_false(hash_equal(&before, &chain[i]->header.prev));
        chain[i - 1]->header.hlc++;
    }
    for (size_t i = 0; i < 3; i++) {
        changeset_destroy(&chain[i]);
    }
    bytes_free(&head);
    bytes_free(&body);
}

/* --- form and order ------------------------------------------------------ */

static void leaves_out_of_order_or_twice_are_refused(void **state)
{
    struct sample *s = *state;
    static const struct {
        const char *first, *second;
        int rc;
    } pairs[] = {
        {"a", "b", 0},
        {"b", "a", ERR_FORMAT},
        {"a", "a", ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        add(s, 2, "person-0001", pairs[i].first);
        add(s, 2, "person-0001", pairs[i].second);
        struct changeset *cs = sample_forge(s);
        assert_int_equal(check(s, cs), pairs[i].rc);
        changeset_destroy(&cs);
    }
    add(s, 3, "person-0001", "a"); /* class before key */
    add(s, 2, "person-0001", "b");
    struct changeset *cs = sample_forge(s);
    assert_int_equal(check(s, cs), ERR_FORMAT);
    changeset_destroy(&cs);
    add(s, 2, "person-0002", "a"); /* scope before class */
    add(s, 3, "person-0001", "a");
    cs = sample_forge(s);
    assert_int_equal(check(s, cs), ERR_FORMAT);
    changeset_destroy(&cs);
}

/* A row that one changeset changes twice would have two states of one stamp. */
static void what_is_withheld_between_them_hides_no_double_leaf(void **state)
{
    struct sample *s = *state;
    static const bool keep[] = {true, false, true};
    add(s, 2, "person-0001", "b");
    add(s, 2, "person-0001", "c");
    add(s, 2, "person-0001", "b");
    struct changeset *cs = sample_forge(s);
    struct changeset *fewer = withhold(cs, keep);
    assert_int_equal(check(s, fewer), ERR_FORMAT);
    changeset_destroy(&fewer);
    changeset_destroy(&cs);
}

static void a_sealed_leaf_stands_in_its_place_too(void **state)
{
    struct sample *s = *state;
    static const uint8_t key[CLASS_KEY_BYTES] = {1};
    static const uint8_t nonce[SEAL_NONCE_BYTES] = {2};
    for (uint16_t class_id = 2; class_id <= 4; class_id++) {
        add(s, 3, "person-0001", "a");
        add(s, class_id, "person-0001", "b");
        struct changeset *cs = sample_forge(s);
        changeset_seal(cs, 1, key, nonce);
        assert_int_equal(check(s, cs), class_id < 3 ? ERR_FORMAT : 0);
        changeset_destroy(&cs);
    }
}

static void a_leaf_that_names_one_before_which_is_not_is_refused(void **state)
{
    struct sample *s = *state;
    struct leaf leaf = leaf_of(2, "person-0001", "a");
    uint64_t seq = sample_header(s).seq;
    for (uint64_t prior = seq - 1; prior <= seq + 1; prior++) {
        leaf.prior = prior;
        sample_add(s, &leaf);
        struct changeset *cs = sample_forge(s);
        assert_int_equal(check(s, cs), prior < seq ? 0 : ERR_FORMAT);
        changeset_destroy(&cs);
    }
}

static void a_changeset_of_none_or_too_many_leaves_is_refused(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 2);
    cs->header.leaf_count = 0;
    assert_int_equal(changeset_compute_root(cs, NULL), ERR_LIMIT);
    cs->header.leaf_count = LEAVES_MAX + 1;
    assert_int_equal(changeset_compute_root(cs, NULL), ERR_LIMIT);
    cs->header.leaf_count = 2;
    changeset_destroy(&cs);
}

static void add_large(struct sample *s, const char *key, size_t len)
{
    struct leaf leaf = leaf_of(2, "person-0001", key);
    uint8_t *data = calloc(len, 1);
    assert_non_null(data);
    leaf.cells[0].value = value_blob(data, len);
    sample_add(s, &leaf);
    free(data);
}

static void leaves_over_the_limit_together_are_refused_sealed_or_not(
    void **state)
{
    struct sample *s = *state;
    static const uint8_t key[CLASS_KEY_BYTES] = {1};
    static const uint8_t nonce[SEAL_NONCE_BYTES] = {2};
    size_t fixed = 0;
    for (size_t more = 0; more <= 1; more++) {
        add_large(s, "a", CELL_BYTES_MAX);
        size_t one = s->store.len;
        add_large(s, "b",
                  CHANGESET_BYTES_MAX - 2 * one + CELL_BYTES_MAX + more);
        fixed = s->store.len;
        struct changeset *cs = sample_forge(s);
        assert_int_equal(fixed, CHANGESET_BYTES_MAX + more);
        assert_int_equal(check(s, cs), more == 0 ? 0 : ERR_LIMIT);
        changeset_seal(cs, 0, key, nonce);
        assert_int_equal(check(s, cs), more == 0 ? 0 : ERR_LIMIT);
        changeset_destroy(&cs);
    }
}

/* --- withholding --------------------------------------------------------- */

static void check_withheld(const struct sample *s, const struct changeset *cs,
                           const bool *keep)
{
    struct changeset *fewer = withhold(cs, keep);
    struct changeset *got = send_over(fewer);
    bool all = true;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        assert_int_equal(got->slots[i].form,
                         keep[i] ? SLOT_VISIBLE : SLOT_WITHHELD);
        all = all && keep[i];
    }
    assert_int_equal(got->whole, all);
    assert_int_equal(check(s, fewer), 0);
    assert_int_equal(check(s, got), 0);
    sample_assert_same(cs, fewer);
    sample_assert_same(cs, got);
    changeset_destroy(&got);
    changeset_destroy(&fewer);
}

static void any_leaves_may_be_withheld_and_the_signature_holds(void **state)
{
    struct sample *s = *state;
    for (size_t count = 1; count <= SUBSETS_OF; count++) {
        struct changeset *cs = signed_of(s, count);
        for (unsigned set = 0; set < 1u << count; set++) {
            bool keep[SUBSETS_OF];
            for (size_t i = 0; i < count; i++) {
                keep[i] = (set >> i & 1) != 0;
            }
            check_withheld(s, cs, keep);
        }
        changeset_destroy(&cs);
    }
}

static void random_keep(struct dice *d, bool *keep, size_t count)
{
    size_t sides = 2 + dice_below(d, 10);
    for (size_t i = 0; i < count; i++) {
        keep[i] = dice_below(d, sides) == 0;
    }
}

static void many_leaves_may_be_withheld_too(void **state)
{
    struct sample *s = *state;
    bool keep[LEAVES_MAX];
    for (size_t round = 0; round < 40; round++) {
        size_t count = 9 + dice_below(&s->dice, 120);
        sample_add_random(s, count);
        struct changeset *cs = sample_sign(s);
        random_keep(&s->dice, keep, cs->header.leaf_count);
        check_withheld(s, cs, keep);
        changeset_destroy(&cs);
    }
}

static void packed_of(const struct changeset *cs, struct bytes *out)
{
    struct packer *p = packer_new();
    packer_pack(p, cs, out);
    packer_destroy(&p);
}

static void withholding_twice_is_withholding_once(void **state)
{
    struct sample *s = *state;
    bool first[LEAVES_MAX];
    bool second[LEAVES_MAX];
    bool both[LEAVES_MAX];
    for (size_t round = 0; round < 100; round++) {
        struct bytes once_packed = {0};
        struct bytes twice_packed = {0};
        sample_add_random(s, 2 + dice_below(&s->dice, 40));
        struct changeset *cs = sample_sign(s);
        size_t count = cs->header.leaf_count;
        random_keep(&s->dice, first, count);
        random_keep(&s->dice, second, count);
        for (size_t i = 0; i < count; i++) {
            both[i] = first[i] && second[i];
        }
        struct changeset *fewer = withhold(cs, first);
        struct changeset *twice = withhold(fewer, second);
        struct changeset *once = withhold(cs, both);
        packed_of(once, &once_packed);
        packed_of(twice, &twice_packed);
        assert_true(
            slice_equal(slice_of(&once_packed), slice_of(&twice_packed)));
        changeset_destroy(&once);
        changeset_destroy(&twice);
        changeset_destroy(&fewer);
        changeset_destroy(&cs);
        bytes_free(&once_packed);
        bytes_free(&twice_packed);
    }
}

/* --- what withheld leaves give away -------------------------------------- */

static bool found_in(struct slice hay, const void *needle, size_t len)
{
    return memmem(hay.data, hay.len, needle, len) != NULL;
}

static void salts_differ(void **state)
{
    struct sample *s = *state;
    sample_add_random(s, 200);
    struct changeset *cs = sample_sign(s);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(cs->slots[i].salt, cs->slots[j].salt,
                                    SALT_BYTES);
        }
    }
    changeset_destroy(&cs);
}

static void the_seed_never_travels_when_a_leaf_is_hidden(void **state)
{
    struct sample *s = *state;
    uint8_t key[CLASS_KEY_BYTES];
    uint8_t nonce[SEAL_NONCE_BYTES];
    dice_fill(&s->dice, key, sizeof key);
    for (size_t round = 0; round < 100; round++) {
        struct bytes packed = {0};
        struct bytes plain = {0};
        struct changeset *cs = signed_of(s, 2 + dice_below(&s->dice, 9));
        size_t count = cs->header.leaf_count;
        size_t hidden = dice_below(&s->dice, count);
        uint8_t seed[SEED_BYTES];
        uint8_t salt[SALT_BYTES];
        memcpy(seed, cs->seed, sizeof seed);
        memcpy(salt, cs->slots[hidden].salt, sizeof salt);
        packed_of(cs, &packed);
        assert_true(found_in(slice_of(&packed), seed, sizeof seed));
        bytes_clear(&packed);
        if (dice_even(&s->dice)) {
            dice_fill(&s->dice, nonce, sizeof nonce);
            changeset_seal(cs, hidden, key, nonce);
            assert_memory_not_equal(cs->slots[hidden].salt, salt, sizeof salt);
        } else {
            bool keep[LEAVES_MAX];
            for (size_t i = 0; i < count; i++) {
                keep[i] = i != hidden;
            }
            struct changeset *fewer = withhold(cs, keep);
            changeset_destroy(&cs);
            cs = fewer;
        }
        assert_false(cs->whole);
        packed_of(cs, &packed);
        sample_unfold(slice_of(&packed), &plain);
        assert_false(found_in(slice_of(&packed), seed, sizeof seed));
        assert_false(found_in(slice_of(&plain), seed, sizeof seed));
        assert_false(found_in(slice_of(&plain), salt, sizeof salt));
        assert_false(
            found_in((struct slice){cs->seed, SEED_BYTES}, seed, sizeof seed));
        changeset_destroy(&cs);
        bytes_free(&packed);
        bytes_free(&plain);
    }
}

/* Is there a place in `sent` that this body and this salt hash to? */
static bool confirms(struct slice sent, struct slice head, struct slice body,
                     const uint8_t salt[SALT_BYTES])
{
    struct hash hashed = merkle_body(salt, body);
    struct hash leaf = merkle_leaf(head, &hashed);
    return found_in(sent, hashed.bytes, HASH_BYTES) ||
           found_in(sent, leaf.bytes, HASH_BYTES);
}

/* Whoever knows that a withheld cell is "positive" or "negative" tries both
 * with everything that travels; only the true salt, which does not, tells. */
static void a_withheld_body_of_two_choices_cannot_be_confirmed(void **state)
{
    struct sample *s = *state;
    static const bool keep[] = {true, false};
    struct bytes packed = {0};
    struct bytes sent = {0};
    add(s, 2, "person-0001", "test-0001");
    add(s, 3, "person-0001", "test-0001"); /* "positive" */
    struct changeset *cs = sample_sign(s);
    struct slot *hidden = &cs->slots[1];
    struct changeset *fewer = withhold(cs, keep);
    packed_of(fewer, &packed);
    sample_unfold(slice_of(&packed), &sent);
    assert_true(
        confirms(slice_of(&sent), hidden->head, hidden->body, hidden->salt));
    for (size_t i = 0; i + SALT_BYTES <= sent.len; i++) {
        assert_false(confirms(slice_of(&sent), hidden->head, hidden->body,
                              sent.data + i));
    }
    uint8_t guess[SALT_BYTES];
    for (uint32_t index = 0; index < 4; index++) { /* a seed that is a salt */
        merkle_salt(fewer->slots[0].salt, index, guess);
        assert_false(
            confirms(slice_of(&sent), hidden->head, hidden->body, guess));
    }
    changeset_destroy(&fewer);
    changeset_destroy(&cs);
    bytes_free(&packed);
    bytes_free(&sent);
}

/* --- sealing ------------------------------------------------------------- */

struct sealing {
    uint8_t key[CLASS_KEY_BYTES];
    uint8_t nonce[SEAL_NONCE_BYTES];
};

static struct sealing sealing_new(struct sample *s)
{
    struct sealing x;
    dice_fill(&s->dice, &x, sizeof x);
    return x;
}

static void a_sealed_leaf_passes_a_relay_and_opens_to_the_same(void **state)
{
    struct sample *s = *state;
    for (size_t round = 0; round < 100; round++) {
        struct changeset *cs = signed_of(s, 1 + dice_below(&s->dice, 12));
        bool all[LEAVES_MAX];
        size_t index = dice_below(&s->dice, cs->header.leaf_count);
        struct sealing x = sealing_new(s);
        memset(all, true, sizeof all);
        struct changeset *sealed = withhold(cs, all);
        changeset_seal(sealed, index, x.key, x.nonce);
        assert_false(found_in(slice_of(&sealed->memory), cs->seed, SEED_BYTES));
        struct changeset *relay = send_over(sealed);
        assert_int_equal(check(s, relay), 0);
        assert_false(found_in(slice_of(&relay->memory),
                              cs->slots[index].body.data,
                              cs->slots[index].body.len));
        bool keep[LEAVES_MAX];
        random_keep(&s->dice, keep, cs->header.leaf_count);
        keep[index] = true;
        struct changeset *fewer = withhold(relay, keep);
        struct changeset *reader = send_over(fewer);
        assert_int_equal(reader->slots[index].form, SLOT_SEALED);
        assert_int_equal(check(s, reader), 0);
        assert_int_equal(changeset_open(reader, index, x.key, NULL), 0);
        assert_int_equal(reader->slots[index].form, SLOT_VISIBLE);
        assert_int_equal(check(s, reader), 0);
        sample_assert_same(cs, reader);
        struct changeset *onward = send_over(reader);
        assert_int_equal(check(s, onward), 0);
        sample_assert_same(cs, onward);
        changeset_destroy(&onward);
        changeset_destroy(&reader);
        changeset_destroy(&fewer);
        changeset_destroy(&relay);
        changeset_destroy(&sealed);
        changeset_destroy(&cs);
    }
}

/* Refused with ERR_HASH, and nothing about the changeset is other. */
static void stays_shut(const struct sample *s, struct changeset *cs,
                       size_t index, const uint8_t *key, int code)
{
    struct slot before = cs->slots[index];
    struct bytes kept = {0};
    struct bytes after = {0};
    struct err e;
    packed_of(cs, &kept);
    assert_int_equal(changeset_open(cs, index, key, &e), code);
    assert_int_equal(e.code, code);
    assert_memory_equal(&before, &cs->slots[index], sizeof before);
    packed_of(cs, &after);
    assert_true(slice_equal(slice_of(&kept), slice_of(&after)));
    assert_int_equal(check(s, cs), 0);
    bytes_free(&kept);
    bytes_free(&after);
}

static void a_wrong_key_opens_nothing(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 5);
    struct sealing x = sealing_new(s);
    changeset_seal(cs, 2, x.key, x.nonce);
    for (size_t bit = 0; bit < sizeof x.key * 8; bit++) {
        x.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        stays_shut(s, cs, 2, x.key, ERR_HASH);
        x.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(changeset_open(cs, 2, x.key, NULL), 0);
    changeset_destroy(&cs);
}

static void an_altered_ciphertext_does_not_open(void **state)
{
    struct sample *s = *state;
    add(s, 2, "person-0001", "dose-0001");
    struct changeset *cs = sample_sign(s);
    struct sealing x = sealing_new(s);
    changeset_seal(cs, 0, x.key, x.nonce);
    struct slice sealed = cs->slots[0].sealed;
    uint8_t *at = cs->memory.data + (sealed.data - cs->memory.data);
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        stays_shut(s, cs, 0, x.key, ERR_HASH);
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < sealed.len; len++) {
        cs->slots[0].sealed.len = len;
        stays_shut(s, cs, 0, x.key, ERR_HASH);
    }
    cs->slots[0].sealed.len = sealed.len;
    assert_int_equal(changeset_open(cs, 0, x.key, NULL), 0);
    changeset_destroy(&cs);
}

static void ciphertexts_cannot_change_places(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 4);
    struct sealing x = sealing_new(s);
    changeset_seal(cs, 1, x.key, x.nonce);
    x.nonce[0]++;
    changeset_seal(cs, 3, x.key, x.nonce);
    struct slice first = cs->slots[1].sealed;
    cs->slots[1].sealed = cs->slots[3].sealed;
    cs->slots[3].sealed = first;
    stays_shut(s, cs, 1, x.key, ERR_HASH);
    stays_shut(s, cs, 3, x.key, ERR_HASH);
    changeset_destroy(&cs);
}

/* Who has the class key can seal any body well; the hash still says no. */
static void another_body_under_the_right_key_does_not_open(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 3);
    struct sealing x = sealing_new(s);
    changeset_seal(cs, 1, x.key, x.nonce);
    struct hash hash = changeset_leaf_hash(cs, 1);
    uint8_t plain[SALT_BYTES + 40];
    uint8_t box[SEAL_NONCE_BYTES + sizeof plain + 16];
    dice_fill(&s->dice, plain, sizeof plain);
    memcpy(box, x.nonce, sizeof x.nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + SEAL_NONCE_BYTES, NULL,
                                               plain, sizeof plain, hash.bytes,
                                               HASH_BYTES, NULL, box, x.key);
    cs->slots[1].sealed = (struct slice){box, sizeof box};
    stays_shut(s, cs, 1, x.key, ERR_HASH);
    changeset_destroy(&cs);
}

static void a_body_that_is_no_leaf_does_not_open_though_it_is_signed(
    void **state)
{
    struct sample *s = *state;
    struct sealing x = sealing_new(s);
    add(s, 2, "person-0001", "dose-0001");
    s->store.data[s->bodies[0] + 4] = 0xee; /* so many columns in its key */
    struct changeset *cs = sample_forge(s);
    changeset_seal(cs, 0, x.key, x.nonce);
    stays_shut(s, cs, 0, x.key, ERR_FORMAT);
    changeset_destroy(&cs);
}

static void a_leaf_does_not_open_beside_what_is_none(void **state)
{
    struct sample *s = *state;
    struct sealing x = sealing_new(s);
    add(s, 2, "person-0001", "dose-0001");
    add(s, 2, "person-0001", "dose-0002");
    s->store.data[s->bodies[0] + 4] = 0xee; /* so many columns in its key */
    struct changeset *cs = sample_forge(s);
    changeset_seal(cs, 1, x.key, x.nonce);
    assert_int_equal(changeset_open(cs, 1, x.key, NULL), ERR_FORMAT);
    assert_int_equal(cs->slots[1].form, SLOT_SEALED);
    changeset_destroy(&cs);
}

static void with_too_few_hashes_nothing_more_is_withheld(void **state)
{
    struct sample *s = *state;
    struct changeset *cs = signed_of(s, 10);
    bool keep[LEAVES_MAX] = {true};
    struct changeset *fewer = withhold(cs, keep);
    struct changeset *none = NULL;
    struct err e;
    assert_true(fewer->cover_count > 1);
    fewer->cover_count--;
    assert_int_equal(changeset_withhold(fewer, keep, &none, &e), ERR_FORMAT);
    assert_non_null(strstr(e.text, "another number of hashes"));
    assert_null(none);
    fewer->cover_count++;
    changeset_destroy(&fewer);
    changeset_destroy(&cs);
}

static void a_header_of_another_form_is_refused(void **state)
{
    struct sample *s = *state;
    static const struct {
        size_t at;    /* of a byte in the header, */
        uint8_t is;   /* what it becomes, */
        size_t zeros; /* and how many after it become zero */
    } wrong[] = {
        {64, 0, 8},     /* no incarnation */
        {72, 0, 8},     /* no number */
        {72, 0x80, 0},  /* more than SQLite counts */
        {120, 0x80, 0}, /* a time past all */
    };
    struct changeset_header h = sample_header(s);
    struct changeset_header got;
    uint8_t bytes[CHANGESET_HEADER_BYTES];
    h.leaf_count = 1;
    changeset_header_encode(&h, bytes);
    struct slice whole = {bytes, sizeof bytes};
    struct slice less = {bytes, sizeof bytes - 1};
    assert_int_equal(changeset_header_decode(whole, &got, NULL), 0);
    assert_int_equal(got.seq, h.seq);
    assert_int_equal(changeset_header_decode(less, &got, NULL), ERR_FORMAT);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        changeset_header_encode(&h, bytes);
        bytes[wrong[i].at] = wrong[i].is;
        memset(bytes + wrong[i].at, 0, wrong[i].zeros);
        assert_int_equal(changeset_header_decode(whole, &got, NULL),
                         ERR_FORMAT);
    }
}

static void a_body_out_of_order_does_not_open_though_it_is_signed(void **state)
{
    struct sample *s = *state;
    struct sealing x = sealing_new(s);
    static const struct {
        const char *keys[3];
        bool sound;
    } rows[] = {
        {{"b", "a", "c"}, false}, {{"b", "b", "c"}, false},
        {{"a", "b", "c"}, true},  {{"a", "c", "c"}, false},
        {{"a", "d", "c"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 3; k++) {
            add(s, 2, "person-0001", rows[i].keys[k]);
        }
        struct changeset *cs = sample_forge(s);
        changeset_seal(cs, 1, x.key, x.nonce);
        assert_int_equal(check(s, cs), 0);
        if (rows[i].sound) {
            assert_int_equal(changeset_open(cs, 1, x.key, NULL), 0);
        } else {
            stays_shut(s, cs, 1, x.key, ERR_FORMAT);
        }
        changeset_destroy(&cs);
    }
}

static void sealed_leaves_open_in_any_order(void **state)
{
    struct sample *s = *state;
    for (size_t round = 0; round < 20; round++) {
        struct changeset *cs = signed_of(s, 10);
        bool all[LEAVES_MAX];
        memset(all, true, sizeof all);
        struct changeset *sealed = withhold(cs, all);
        struct sealing x = sealing_new(s);
        for (size_t i = 0; i < 10; i++) {
            x.nonce[0] = (uint8_t)i;
            changeset_seal(sealed, i, x.key, x.nonce);
        }
        struct changeset *got = send_over(sealed);
        size_t first = dice_below(&s->dice, 10);
        for (size_t i = 0; i < 10; i++) {
            size_t index = (first + 3 * i) % 10;
            assert_int_equal(changeset_open(got, index, x.key, NULL), 0);
            assert_int_equal(check(s, got), 0);
        }
        sample_assert_same(cs, got);
        changeset_destroy(&got);
        changeset_destroy(&sealed);
        changeset_destroy(&cs);
    }
}

/* --- published ----------------------------------------------------------- */

static void add_published(struct sample *s)
{
    struct leaf dose = {
        .class_id = 2,
        .scope = {SCOPE_PERSON, slice_text("person-0001")},
        .prior = 41,
        .table = 103,
        .key_count = 1,
        .key = {value_text("dose-0001")},
        .op = LEAF_INSERT,
        .cl = 1,
        .cell_count = 5,
        .cells =
            {
                {1, value_text("PB-LDH-C01")},
                {2, value_integer(-1)},
                {3, {.type = VALUE_REAL, .real = 2.5}},
                {4, {.type = VALUE_NULL}},
                {7, value_blob("\x00\xff", 2)},
            },
    };
    struct leaf deletion = {
        .class_id = 3,
        .scope = {SCOPE_SITE, slice_text("PB-LDH-C01")},
        .table = 104,
        .key_count = 2,
        .key = {value_text("group-1"), value_integer(7)},
        .op = LEAF_DELETE,
        .cl = 2,
    };
    struct leaf visit = {
        .class_id = 2,
        .scope = {SCOPE_PERSON, slice_text("person-0001")},
        .prior = 41,
        .table = 106,
        .key_count = 1,
        .key = {value_text("0199aa3c-5b00-7abc-8def-0123456789ab")},
        .op = LEAF_UPDATE,
        .cl = 1,
        .cell_count = 4,
        .cells =
            {
                {2, value_text("2026-11-22T14:28:10.123Z")},
                {3, value_text("2026-11-29")},
                {5, value_text("0199aa3c-5b00-7abc-8def-0123456789ab")},
                {6, value_text("5f3a1c9e-2d4b-4a6f-9c8e-7b6d5a4f3e2d")},
            },
        .owned = true,
        .owner = {.site = slice_text("PB-LDH-C01"), .epoch = 1},
    };
    sample_add(s, &dose);
    sample_add(s, &visit);
    sample_add(s, &deletion);
}

static struct changeset *published(struct sample *s)
{
    struct changeset_header header = sample_header(s);
    struct changeset *sorted = NULL;
    struct leaf_bytes leaves[3];
    uint8_t seed[SEED_BYTES];
    vectors_read_into("changeset.txt", "seed", seed, sizeof seed);
    add_published(s);
    sorted = sample_sign(s); /* for the order of its leaves */
    for (size_t i = 0; i < 3; i++) {
        leaves[i].head = sorted->slots[i].head;
        leaves[i].body = sorted->slots[i].body;
    }
    struct changeset *cs = changeset_sign(&header, leaves, 3, seed, &s->keys);
    changeset_destroy(&sorted);
    return cs;
}

static void check_slice(const char *file, const char *name, struct slice data)
{
    vectors_check(file, name, data.data, data.len);
}

static void a_changeset_is_signed_as_published(void **state)
{
    static const char file[] = "changeset.txt";
    static const char *const names[][4] = {
        {"head_0", "body_0", "salt_0", "leaf_hash_0"},
        {"head_1", "body_1", "salt_1", "leaf_hash_1"},
        {"head_2", "body_2", "salt_2", "leaf_hash_2"},
    };
    struct changeset *cs = published(*state);
    for (size_t i = 0; i < 3; i++) {
        struct hash hash = changeset_leaf_hash(cs, i);
        check_slice(file, names[i][0], cs->slots[i].head);
        check_slice(file, names[i][1], cs->slots[i].body);
        vectors_check(file, names[i][2], cs->slots[i].salt, SALT_BYTES);
        vectors_check(file, names[i][3], hash.bytes, HASH_BYTES);
    }
    uint8_t header[CHANGESET_HEADER_BYTES];
    struct hash hash = changeset_hash(&cs->header);
    changeset_header_encode(&cs->header, header);
    vectors_check(file, "header", header, sizeof header);
    vectors_check(file, "hash", hash.bytes, HASH_BYTES);
    vectors_check(file, "signature", cs->signature, SIGNATURE_BYTES);
    changeset_destroy(&cs);
}

/* What is packed may be compressed by any zstd; unfolded it is as published,
 * and as published it unpacks. */
static void check_packed(const char *name, const struct changeset *cs)
{
    struct bytes packed = {0};
    struct bytes plain = {0};
    struct bytes given = {0};
    struct packer *p = packer_new();
    struct changeset *got = NULL;
    packer_pack(p, cs, &packed);
    sample_unfold(slice_of(&packed), &plain);
    check_slice("packed.txt", name, slice_of(&plain));
    vectors_read("packed.txt", name, &given);
    assert_int_equal(
        packer_unpack(p, &cs->header, slice_of(&given), &got, NULL), 0);
    memcpy(got->signature, cs->signature, SIGNATURE_BYTES);
    sample_assert_same(cs, got);
    changeset_destroy(&got);
    packer_destroy(&p);
    bytes_free(&given);
    bytes_free(&plain);
    bytes_free(&packed);
}

static void a_changeset_is_packed_as_published(void **state)
{
    struct changeset *cs = published(*state);
    check_packed("whole", cs);
    changeset_destroy(&cs);
}

static void leaves_are_withheld_as_published(void **state)
{
    static const bool keep[] = {false, false, true};
    struct changeset *cs = published(*state);
    struct changeset *fewer = withhold(cs, keep);
    assert_int_equal(fewer->cover_count, 1);
    vectors_check("changeset.txt", "cover", fewer->cover, HASH_BYTES);
    check_packed("withheld", fewer);
    changeset_destroy(&fewer);
    changeset_destroy(&cs);
}

static void a_leaf_is_sealed_as_published(void **state)
{
    struct changeset *cs = published(*state);
    struct sealing x;
    vectors_read_into("sealed.txt", "class_key", x.key, sizeof x.key);
    vectors_read_into("sealed.txt", "nonce", x.nonce, sizeof x.nonce);
    struct hash hash = changeset_leaf_hash(cs, 1);
    struct bytes plain = {0};
    bytes_put(&plain, cs->slots[1].salt, SALT_BYTES);
    bytes_put(&plain, cs->slots[1].body.data, cs->slots[1].body.len);
    check_slice("sealed.txt", "plain", slice_of(&plain));
    vectors_check("sealed.txt", "leaf_hash", hash.bytes, HASH_BYTES);
    changeset_seal(cs, 1, x.key, x.nonce);
    check_slice("sealed.txt", "sealed", cs->slots[1].sealed);
    check_packed("sealed", cs);
    bytes_free(&plain);
    changeset_destroy(&cs);
}

#define SAMPLED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAMPLED(a_changeset_verifies_with_the_key_of_its_origin_only),
        SAMPLED(a_bit_flipped_in_the_header_is_found_out),
        SAMPLED(a_bit_flipped_in_the_signature_is_found_out),
        SAMPLED(a_bit_flipped_in_a_leaf_is_found_out),
        SAMPLED(the_signature_of_the_last_binds_all_before_it),
        SAMPLED(leaves_out_of_order_or_twice_are_refused),
        SAMPLED(what_is_withheld_between_them_hides_no_double_leaf),
        SAMPLED(a_sealed_leaf_stands_in_its_place_too),
        SAMPLED(a_leaf_that_names_one_before_which_is_not_is_refused),
        SAMPLED(a_changeset_of_none_or_too_many_leaves_is_refused),
        SAMPLED(leaves_over_the_limit_together_are_refused_sealed_or_not),
        SAMPLED(any_leaves_may_be_withheld_and_the_signature_holds),
        SAMPLED(many_leaves_may_be_withheld_too),
        SAMPLED(withholding_twice_is_withholding_once),
        SAMPLED(salts_differ),
        SAMPLED(the_seed_never_travels_when_a_leaf_is_hidden),
        SAMPLED(a_withheld_body_of_two_choices_cannot_be_confirmed),
        SAMPLED(a_sealed_leaf_passes_a_relay_and_opens_to_the_same),
        SAMPLED(a_wrong_key_opens_nothing),
        SAMPLED(an_altered_ciphertext_does_not_open),
        SAMPLED(ciphertexts_cannot_change_places),
        SAMPLED(another_body_under_the_right_key_does_not_open),
        SAMPLED(a_body_that_is_no_leaf_does_not_open_though_it_is_signed),
        SAMPLED(a_leaf_does_not_open_beside_what_is_none),
        SAMPLED(with_too_few_hashes_nothing_more_is_withheld),
        SAMPLED(a_header_of_another_form_is_refused),
        SAMPLED(a_body_out_of_order_does_not_open_though_it_is_signed),
        SAMPLED(sealed_leaves_open_in_any_order),
        SAMPLED(a_changeset_is_signed_as_published),
        SAMPLED(a_changeset_is_packed_as_published),
        SAMPLED(leaves_are_withheld_as_published),
        SAMPLED(a_leaf_is_sealed_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
