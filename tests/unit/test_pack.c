/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/pack.h"

#include "protocol/uuid.h"
#include "support/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

struct desk {
    struct sample sample;
    struct packer *packer;
};

static int begin(void **state)
{
    struct desk *d = malloc(sizeof *d);
    assert_non_null(d);
    sample_start(&d->sample);
    d->packer = packer_new();
    *state = d;
    return 0;
}

static int end(void **state)
{
    struct desk *d = *state;
    sample_free(&d->sample);
    packer_destroy(&d->packer);
    assert_null(d->packer);
    free(d);
    return 0;
}

/* --- round trips --------------------------------------------------------- */

/* As a receiver does: no root is known before. */
static int unpack(struct desk *d, const struct changeset *of,
                  struct slice packed, struct changeset **ret)
{
    struct changeset_header header = of->header;
    struct err e = {0};
    memset(&header.root, 0xee, sizeof header.root);
    int rc = packer_unpack(d->packer, &header, packed, ret, &e);
    if (rc == 0) {
        memcpy((*ret)->signature, of->signature, SIGNATURE_BYTES);
    } else {
        assert_int_equal(e.code, rc);
        assert_true(rc == ERR_FORMAT || rc == ERR_LIMIT);
    }
    return rc;
}

/* It comes back as it was, form by form, and packs to the same bytes. */
static size_t check_round_trip(struct desk *d, const struct changeset *cs)
{
    struct bytes packed = {0};
    struct bytes again = {0};
    struct changeset *got = NULL;
    bytes_put_u8(&packed, 0x5a); /* what stands before is left alone */
    packer_pack(d->packer, cs, &packed);
    assert_int_equal(packed.data[0], 0x5a);
    struct slice leaves = {packed.data + 1, packed.len - 1};
    assert_true(leaves.len <= PACKED_BYTES_MAX);
    assert_int_equal(unpack(d, cs, leaves, &got), 0);
    assert_int_equal(changeset_verify(got, d->sample.keys.sign_public, NULL),
                     0);
    assert_int_equal(got->whole, cs->whole);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        assert_int_equal(got->slots[i].form, cs->slots[i].form);
    }
    sample_assert_same(cs, got);
    packer_pack(d->packer, got, &again);
    assert_true(slice_equal(slice_of(&again), leaves));
    changeset_destroy(&got);
    bytes_free(&packed);
    bytes_free(&again);
    return leaves.len;
}

static size_t check_signed(struct desk *d)
{
    struct changeset *cs = sample_sign(&d->sample);
    size_t len = check_round_trip(d, cs);
    changeset_destroy(&cs);
    return len;
}

static void random_leaves_come_back_as_they_were(void **state)
{
    struct desk *d = *state;
    for (size_t round = 0; round < 300; round++) {
        sample_add_random(&d->sample, 1 + dice_below(&d->sample.dice, 60));
        (void)check_signed(d);
    }
}

/* Withholds and seals at random. */
static struct changeset *hide(struct desk *d, const struct changeset *cs)
{
    struct dice *dice = &d->sample.dice;
    uint8_t key[CLASS_KEY_BYTES];
    uint8_t nonce[SEAL_NONCE_BYTES];
    bool keep[LEAVES_MAX];
    struct changeset *fewer = NULL;
    size_t sides = 1 + dice_below(dice, 6);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        keep[i] = dice_below(dice, sides) == 0;
    }
    assert_int_equal(changeset_withhold(cs, keep, &fewer, NULL), 0);
    dice_fill(dice, key, sizeof key);
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        if (keep[i] && dice_below(dice, 3) == 0) {
            dice_fill(dice, nonce, sizeof nonce);
            changeset_seal(fewer, i, key, nonce);
        }
    }
    return fewer;
}

static void hidden_leaves_come_back_hidden(void **state)
{
    struct desk *d = *state;
    for (size_t round = 0; round < 200; round++) {
        sample_add_random(&d->sample, 1 + dice_below(&d->sample.dice, 60));
        struct changeset *cs = sample_sign(&d->sample);
        struct changeset *fewer = hide(d, cs);
        (void)check_round_trip(d, fewer);
        changeset_destroy(&fewer);
        changeset_destroy(&cs);
    }
}

static struct leaf small_leaf(const char *key)
{
    return (struct leaf){
        .class_id = 2,
        .scope = {SCOPE_PERSON, slice_text("person-0001")},
        .prior = 41,
        .table = 103,
        .key_count = 1,
        .key = {value_text(key)},
        .op = LEAF_INSERT,
        .cl = 1,
    };
}

static void add_shapes(struct desk *d, unsigned shapes, unsigned leaves)
{
    char key[32];
    for (unsigned i = 0; i < shapes * leaves; i++) {
        (void)snprintf(key, sizeof key, "%03u-%u", i / leaves, i % leaves);
        struct leaf leaf = small_leaf(key);
        leaf.cell_count = 1;
        leaf.cells[0].column = (uint16_t)(300 + i / leaves);
        leaf.cells[0].value = value_integer(1);
        sample_add(&d->sample, &leaf);
    }
}

static void more_shapes_than_are_remembered_come_back(void **state)
{
    add_shapes(*state, 200, 3);
    (void)check_signed(*state);
}

static size_t unfolded_bytes(struct desk *d)
{
    struct bytes packed = {0};
    struct bytes plain = {0};
    struct changeset *cs = sample_sign(&d->sample);
    packer_pack(d->packer, cs, &packed);
    sample_unfold(slice_of(&packed), &plain);
    size_t len = plain.len;
    changeset_destroy(&cs);
    bytes_free(&packed);
    bytes_free(&plain);
    return len;
}

static void the_first_64_shapes_are_remembered(void **state)
{
    size_t last = 0;
    size_t step = 0;
    for (unsigned shapes = 62; shapes <= 66; shapes++) {
        add_shapes(*state, shapes, 2);
        size_t bytes = unfolded_bytes(*state);
        if (shapes == 64) {
            assert_true(bytes - last == step);
        } else if (shapes == 65) { /* its second leaf spells it out again */
            assert_true(bytes - last > step);
        }
        step = bytes - last;
        last = bytes;
    }
}

static void a_thousand_leaves_of_one_shape_are_small(void **state)
{
    struct desk *d = *state;
    char key[16];
    for (unsigned i = 0; i < LEAVES_MAX; i++) {
        (void)snprintf(key, sizeof key, "dose-%04u", i);
        struct leaf leaf = small_leaf(key);
        sample_add(&d->sample, &leaf);
    }
    size_t canonical = d->sample.store.len;
    size_t packed = check_signed(d);
    assert_true(packed * 10 < canonical);
}

static void cells_as_large_as_they_may_be_come_back(void **state)
{
    struct desk *d = *state;
    static uint8_t data[CELL_BYTES_MAX];
    for (int random = 0; random <= 1; random++) {
        for (int blob = 0; blob <= 1; blob++) {
            struct leaf leaf = small_leaf("large");
            memset(data, 'x', sizeof data);
            if (random == 1) {
                dice_fill(&d->sample.dice, data, sizeof data);
            }
            leaf.cell_count = 1;
            leaf.cells[0].column = 1;
            leaf.cells[0].value = value_blob(data, sizeof data);
            leaf.cells[0].value.type = blob == 1 ? VALUE_BLOB : VALUE_TEXT;
            sample_add(&d->sample, &leaf);
            (void)check_signed(d);
        }
    }
}

static void a_changeset_full_of_noise_fits(void **state)
{
    struct desk *d = *state;
    static uint8_t data[64];
    char key[16];
    size_t i = 0;
    for (; d->sample.store.len < CHANGESET_BYTES_MAX - 160; i++) {
        (void)snprintf(key, sizeof key, "%04zu", i);
        struct leaf leaf = small_leaf(key);
        dice_fill(&d->sample.dice, data, sizeof data);
        leaf.cell_count = 3;
        for (uint16_t c = 0; c < 3; c++) {
            leaf.cells[c].column = c;
            leaf.cells[c].value =
                value_integer((int64_t)(dice_u64(&d->sample.dice) | 1U << 30));
        }
        leaf.cells[2].value = value_blob(data, sizeof data);
        leaf.cells[2].value.type = VALUE_TEXT;
        sample_add(&d->sample, &leaf);
    }
    struct changeset *cs = sample_sign(&d->sample);
    (void)check_round_trip(d, cs);
    bool keep[LEAVES_MAX];
    for (size_t k = 0; k < cs->header.leaf_count; k++) {
        keep[k] = k % 2 == 0; /* the most salts and hashes */
    }
    struct changeset *fewer = NULL;
    assert_int_equal(changeset_withhold(cs, keep, &fewer, NULL), 0);
    (void)check_round_trip(d, fewer);
    changeset_destroy(&fewer);
    changeset_destroy(&cs);
}

/* --- altered bytes ------------------------------------------------------- */

/* Another changeset of the same header is found out by its signature; one that
 * verifies shows nothing but what was signed, and can be passed on. */
static void check_altered(struct desk *d, const struct changeset *cs,
                          struct slice packed)
{
    struct changeset *got = NULL;
    struct bytes again = {0};
    if (unpack(d, cs, packed, &got) != 0) {
        assert_null(got);
        return;
    }
    if (changeset_verify(got, d->sample.keys.sign_public, NULL) == 0) {
        for (size_t i = 0; i < cs->header.leaf_count; i++) {
            if (got->slots[i].form == SLOT_SEALED) { /* any ciphertext will */
                got->slots[i].sealed = cs->slots[i].sealed;
            }
        }
        sample_assert_same(cs, got);
    }
    for (size_t i = 0; got->whole && i < cs->header.leaf_count; i++) {
        assert_int_equal(got->slots[i].form, SLOT_VISIBLE);
    }
    packer_pack(d->packer, got, &again);
    bytes_free(&again);
    changeset_destroy(&got);
}

static void packed_leaves_cut_short_are_refused(void **state)
{
    struct desk *d = *state;
    for (size_t round = 0; round < 8; round++) {
        struct bytes packed = {0};
        struct changeset *got = NULL;
        sample_add_random(&d->sample, 1 + 3 * round);
        struct changeset *signed_cs = sample_sign(&d->sample);
        struct changeset *cs = hide(d, signed_cs);
        packer_pack(d->packer, round % 2 == 0 ? signed_cs : cs, &packed);
        for (size_t len = 0; len < packed.len; len++) {
            /* its own allocation: a read beyond is found */
            uint8_t *cut = malloc(len + 1);
            assert_non_null(cut);
            memcpy(cut, packed.data, len);
            cut = realloc(cut, len == 0 ? 1 : len);
            assert_int_not_equal(unpack(d, cs, (struct slice){cut, len}, &got),
                                 0);
            free(cut);
        }
        bytes_put_u8(&packed, 0);
        assert_int_not_equal(unpack(d, cs, slice_of(&packed), &got), 0);
        changeset_destroy(&cs);
        changeset_destroy(&signed_cs);
        bytes_free(&packed);
    }
}

/* Changes a few bytes: to anything, to their neighbours, away, or in twice. */
static void mutate(struct dice *dice, struct bytes *b)
{
    size_t times = 1 + dice_below(dice, 3);
    for (size_t i = 0; i < times && b->len > 0; i++) {
        size_t at = dice_below(dice, b->len);
        size_t len = 1 + dice_below(dice, 4);
        len = len > b->len - at ? b->len - at : len;
        switch (dice_below(dice, 5)) {
        case 0:
            b->data[at] ^= (uint8_t)(1 << dice_below(dice, 8));
            break;
        case 1:
            b->data[at] = (uint8_t)dice_u64(dice);
            break;
        case 2:
            b->data[at] = (uint8_t)(b->data[at] + (dice_even(dice) ? 1 : -1));
            break;
        case 3:
            memmove(b->data + at, b->data + at + len, b->len - at - len);
            b->len -= len;
            break;
        default:
            bytes_reserve(b, len);
            memmove(b->data + at + len, b->data + at, b->len - at);
            b->len += len;
            break;
        }
    }
}

static void altered_packed_leaves_are_refused_or_found_out(void **state)
{
    enum { MUTATIONS = 20000, EACH = 50 };
    struct desk *d = *state;
    struct dice *dice = &d->sample.dice;
    for (size_t round = 0; round < MUTATIONS / EACH; round++) {
        struct bytes packed = {0};
        struct bytes plain = {0};
        struct bytes altered = {0};
        sample_add_random(&d->sample, 1 + dice_below(dice, 8));
        struct changeset *cs = sample_sign(&d->sample);
        if (dice_even(dice)) {
            struct changeset *fewer = hide(d, cs);
            changeset_destroy(&cs);
            cs = fewer;
        }
        packer_pack(d->packer, cs, &packed);
        sample_unfold(slice_of(&packed), &plain);
        for (size_t i = 0; i < EACH; i++) {
            /* mostly what zstd would have caught */
            bool folded = dice_below(dice, 5) == 0;
            bytes_clear(&altered);
            bytes_put(&altered, folded ? packed.data : plain.data,
                      folded ? packed.len : plain.len);
            mutate(dice, &altered);
            check_altered(d, cs, slice_of(&altered));
        }
        changeset_destroy(&cs);
        bytes_free(&altered);
        bytes_free(&plain);
        bytes_free(&packed);
    }
}

/* --- tokens that no packer writes ---------------------------------------- */

/* Packed leaves by hand: a header, and bytes for both streams. */
struct script {
    struct changeset_header header;
    bool whole;
    struct bytes tokens;
    struct bytes raw;
};

static struct script script_of(const struct desk *d, uint32_t leaf_count)
{
    struct script s = {.header = sample_header(&d->sample)};
    s.header.leaf_count = leaf_count;
    return s;
}

/* Unpacks and forgets the script. */
static int play(struct desk *d, struct script *s)
{
    static const uint8_t seed[SEED_BYTES];
    struct bytes packed = {0};
    struct changeset *got = NULL;
    bytes_put_u8(&packed, s->whole ? 1 : 0);
    bytes_put(&packed, seed, s->whole ? sizeof seed : 0);
    bytes_put_varint(&packed, s->raw.len);
    bytes_put(&packed, s->raw.data, s->raw.len);
    bytes_put(&packed, s->tokens.data, s->tokens.len);
    int rc =
        packer_unpack(d->packer, &s->header, slice_of(&packed), &got, NULL);
    assert_true((rc == 0) == (got != NULL));
    changeset_destroy(&got);
    bytes_free(&packed);
    bytes_free(&s->tokens);
    bytes_free(&s->raw);
    return rc;
}

static void put_text(struct script *s, const char *value)
{
    bytes_put_u8(&s->tokens, (uint8_t)(16 + strlen(value)));
    bytes_put(&s->tokens, value, strlen(value));
}

/* What of a leaf a forger may get wrong. Sound as it stands. */
struct forgery {
    uint64_t class_id;
    uint64_t table;
    uint64_t cl;
    uint64_t cell_count;
    uint64_t columns[2];
    const char *scope;
    uint64_t back;
    size_t key_len;
    uint64_t real_bits;
    size_t cell_len;
    const char *site;
    uint64_t epoch;
    uint64_t reviews;
    uint64_t review_bytes;
    uint8_t scope_kind;
    uint8_t key_count;
    uint8_t op;
    uint8_t flags;
    uint8_t key_tag; /* 3: a text of key_len */
    uint8_t offer;   /* every byte of it */
};

static const struct forgery sound = {
    .class_id = 2,
    .scope_kind = SCOPE_PERSON,
    .table = 103,
    .key_count = 1,
    .op = LEAF_UPDATE,
    .cl = 1,
    .flags = 3,
    .cell_count = 2,
    .columns = {3, 4},
    .scope = "person-0001",
    .back = 1,
    .key_tag = 3,
    .key_len = 6,
    .real_bits = 0x3ff0000000000000,
    .cell_len = 5,
    .site = "PB-LDH-C01",
    .epoch = 2,
    .offer = 0x11,
    .reviews = 1,
    .review_bytes = 4,
};

static void put_filler(struct bytes *out, uint8_t byte, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes_put_u8(out, byte);
    }
}

static void put_long_text(struct script *s, size_t len)
{
    bytes_put_u8(&s->tokens, 3);
    bytes_put_varint(&s->tokens, len);
    put_filler(&s->tokens, 'x', len);
}

/* A count that is a lie is followed by two. */
static size_t cells_of(const struct forgery *f)
{
    return f->cell_count > COLUMNS_MAX + 1 ? 2 : (size_t)f->cell_count;
}

static void put_shape(struct script *s, const struct forgery *f)
{
    struct bytes *out = &s->tokens;
    bytes_put_varint(out, 2);
    bytes_put_varint(out, f->class_id);
    bytes_put_u8(out, f->scope_kind);
    bytes_put_varint(out, f->table);
    bytes_put_u8(out, f->key_count);
    bytes_put_u8(out, f->op);
    bytes_put_varint(out, f->cl);
    bytes_put_u8(out, f->flags);
    bytes_put_varint(out, f->cell_count);
    for (size_t i = 0; i < cells_of(f); i++) {
        bytes_put_varint(out, i < 2 ? f->columns[i] : i + 10);
    }
}

static void put_contexts(struct script *s, const struct forgery *f)
{
    struct bytes *out = &s->tokens;
    if ((f->flags & 1) != 0) {
        put_text(s, f->site);
        bytes_put_varint(out, f->epoch);
        put_filler(&s->raw, f->offer, f->epoch > 1 ? HASH_BYTES : 0);
    }
    if ((f->flags & 2) != 0) {
        bytes_put_varint(out, f->reviews);
        bytes_put_varint(out, f->review_bytes);
        put_filler(&s->raw, 0, f->review_bytes);
    }
}

static void put_leaf(struct script *s, const struct forgery *f)
{
    struct bytes *out = &s->tokens;
    put_shape(s, f);
    if (f->scope_kind != SCOPE_ALL) {
        put_text(s, f->scope);
    }
    bytes_put_varint(out, f->back);
    for (size_t i = 0; i < f->key_count; i++) {
        if (f->key_tag == 3) {
            put_long_text(s, f->key_len);
        } else {
            bytes_put_u8(out, f->key_tag);
        }
    }
    for (size_t i = 0; i < cells_of(f); i++) {
        if (i == 0) {
            bytes_put_u8(out, 2);
            bytes_put_u64(out, f->real_bits);
        } else if (i == 1) {
            put_long_text(s, f->cell_len);
        } else {
            bytes_put_u8(out, 0);
        }
    }
    put_contexts(s, f);
    put_filler(&s->raw, 0x77, SALT_BYTES);
}

static int judge(struct desk *d, const struct forgery *f)
{
    struct script s = script_of(d, 1);
    put_leaf(&s, f);
    return play(d, &s);
}

#define ACCEPTED(...) judged_with(0, __VA_ARGS__)
#define REFUSED(...) judged_with(ERR_FORMAT, __VA_ARGS__)
#define judged_with(rc, ...)                                                   \
    do {                                                                       \
        struct forgery f = sound;                                              \
        __VA_ARGS__;                                                           \
        assert_int_equal(judge(d, &f), rc);                                    \
    } while (0)

static void tokens_of_an_unsound_leaf_are_refused(void **state)
{
    struct desk *d = *state;
    ACCEPTED((void)f);
    REFUSED(f.class_id = 65536);
    REFUSED(f.scope_kind = SCOPE_PERSON + 1);
    REFUSED(f.scope = "");
    REFUSED(f.table = (uint64_t)UINT32_MAX + 1);
    REFUSED(f.op = 0);
    REFUSED(f.op = LEAF_DELETE + 1);
    REFUSED(f.op = LEAF_DELETE);
    REFUSED(f.cl = 2);
    REFUSED(f.cl = 0);
    REFUSED(f.cl = (uint64_t)UINT32_MAX + 2);
    REFUSED(f.flags = 4);
    REFUSED(f.flags = 255);
    ACCEPTED(f.back = 42);
    REFUSED(f.back = 43);
    REFUSED(f.back = UINT64_MAX);
}

static void tokens_of_unsound_keys_and_cells_are_refused(void **state)
{
    struct desk *d = *state;
    REFUSED(f.key_count = 0);
    ACCEPTED(f.key_count = KEY_COLUMNS_MAX);
    REFUSED(f.key_count = KEY_COLUMNS_MAX + 1);
    REFUSED(f.key_tag = 0);
    ACCEPTED(f.key_len = KEY_BYTES_MAX);
    REFUSED(f.key_len = KEY_BYTES_MAX + 1);
    ACCEPTED(f.cell_count = COLUMNS_MAX);
    REFUSED(f.cell_count = COLUMNS_MAX + 1);
    REFUSED(f.cell_count = UINT64_MAX);
    REFUSED(f.columns[0] = 4);
    REFUSED(f.columns[0] = 5);
    REFUSED(f.columns[1] = 65536);
    REFUSED(f.real_bits = 0x7ff8000000000000);
    REFUSED(f.real_bits = 0xfff0000000000001);
    ACCEPTED(f.real_bits = 0x7ff0000000000000);
    ACCEPTED(f.real_bits = 0x8000000000000000); /* written as nought */
    ACCEPTED(f.cell_len = CELL_BYTES_MAX);
    REFUSED(f.cell_len = CELL_BYTES_MAX + 1);
}

static void tokens_of_unsound_contexts_are_refused(void **state)
{
    struct desk *d = *state;
    ACCEPTED(f.epoch = 1);
    REFUSED(f.epoch = 0);
    REFUSED(f.offer = 0);
    REFUSED(f.epoch = (uint64_t)UINT32_MAX + 1);
    REFUSED(f.site = "");
    ACCEPTED(f.flags = 0);
    ACCEPTED(f.flags = 1);
    ACCEPTED(f.flags = 2);
    ACCEPTED(f.reviews = 0; f.review_bytes = 0);
    REFUSED(f.reviews = 0);
    REFUSED(f.reviews = 2);
    REFUSED(f.reviews = CONTEXTS_MAX + 1);
    REFUSED(f.review_bytes = 3);
    REFUSED(f.review_bytes = 5);
}

static void a_site_that_is_no_text_of_a_site_is_refused(void **state)
{
    struct desk *d = *state;
    char site[SITE_BYTES_MAX + 2];
    memset(site, 'x', sizeof site);
    site[SITE_BYTES_MAX + 1] = '\0';
    REFUSED(f.site = site);
    site[SITE_BYTES_MAX] = '\0';
    ACCEPTED(f.site = site);
}

/* --- forms --------------------------------------------------------------- */

static void put_bytes(struct bytes *out, const char *data, size_t len)
{
    bytes_put(out, data, len);
}

static void hidden_leaves_beside_a_seed_are_refused(void **state)
{
    struct desk *d = *state;
    for (int whole = 0; whole <= 1; whole++) {
        struct script s = script_of(d, 2);
        s.whole = whole == 1;
        put_bytes(&s.tokens, "\0\2", 2);
        put_filler(&s.raw, 1, HASH_BYTES);
        assert_int_equal(play(d, &s), whole == 1 ? ERR_FORMAT : 0);
        s = script_of(d, 1);
        s.whole = whole == 1;
        put_bytes(&s.tokens, "\1\17\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\3", 18);
        put_filler(&s.raw, 1, HASH_BYTES + 3);
        assert_int_equal(play(d, &s), whole == 1 ? ERR_FORMAT : 0);
    }
}

static void runs_and_covers_must_fit(void **state)
{
    struct desk *d = *state;
    static const struct {
        const char *tokens;
        size_t len, hashes;
        int rc;
    } cases[] = {
        {"\0\4", 2, 1, 0},
        {"\0\1\0\3", 4, 1, 0}, /* two runs that are one */
        {"\0\4", 2, 0, ERR_FORMAT},
        {"\0\4", 2, 2, ERR_FORMAT},
        {"\0\0", 2, 1, ERR_FORMAT},
        {"\0\5", 2, 1, ERR_FORMAT},
        {"\0\3", 2, 1, ERR_FORMAT},
        {"\0\4\0", 3, 1, ERR_FORMAT},
        {"\0\377\377\377\377\377\377\377\377\377\1", 11, 1, ERR_FORMAT},
        {"", 0, 1, ERR_FORMAT},
        {"\3", 1, 1, ERR_FORMAT}, /* a shape never seen */
        {"\377\377\377\377\377\377\377\377\377\1", 10, 1, ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script s = script_of(d, 4);
        put_bytes(&s.tokens, cases[i].tokens, cases[i].len);
        put_filler(&s.raw, 1, cases[i].hashes * HASH_BYTES);
        assert_int_equal(play(d, &s), cases[i].rc);
    }
    struct script s = script_of(d, 4);
    put_bytes(&s.tokens, "\0\4", 2);
    put_filler(&s.raw, 1, HASH_BYTES + 1);
    assert_int_equal(play(d, &s), ERR_FORMAT);
    s = script_of(d, 4);
    put_bytes(&s.tokens, "\0\4", 2);
    put_filler(&s.raw, 1, (COVER_HASHES_MAX + 1) * HASH_BYTES);
    assert_int_equal(play(d, &s), ERR_FORMAT);
}

static void a_sealed_leaf_shows_a_sound_head(void **state)
{
    struct desk *d = *state;
    static const struct {
        const char *tokens;
        size_t len, raw;
        int rc;
    } cases[] = {
        {"\1\17\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\50", 18, 72, 0},
        {"\1\17\0\2\4\0\0\0\0\0\0\0\0\0\0\0\0\50", 18, 72, ERR_FORMAT},
        {"\1\16\0\2\0\0\0\0\0\0\0\0\0\0\0\0\50", 17, 72, ERR_FORMAT},
        {"\1\0\50", 3, 72, ERR_FORMAT},
        {"\1\0\0", 3, 32, ERR_FORMAT}, /* nothing at all */
        {"\1\17\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\51", 18, 72, ERR_FORMAT},
        /* names itself as the one before */
        {"\1\17\0\2\0\0\0\0\0\0\0\0\0\0\0\0\52\50", 18, 72, ERR_FORMAT},
        {"\1\377\377\377\377\377\377\377\377\377\1", 11, 72, ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script s = script_of(d, 1);
        put_bytes(&s.tokens, cases[i].tokens, cases[i].len);
        put_filler(&s.raw, 1, cases[i].raw);
        assert_int_equal(play(d, &s), cases[i].rc);
    }
}

/* --- bombs --------------------------------------------------------------- */

static int unpack_bytes(struct desk *d, uint32_t leaf_count,
                        const struct bytes *packed)
{
    struct changeset_header header = sample_header(&d->sample);
    struct changeset *got = NULL;
    header.leaf_count = leaf_count;
    int rc = packer_unpack(d->packer, &header, slice_of(packed), &got, NULL);
    changeset_destroy(&got);
    return rc;
}

static void leaves_beyond_the_limit_are_refused_before_a_look(void **state)
{
    struct desk *d = *state;
    struct bytes packed = {0};
    bytes_put_u8(&packed, 0);
    assert_int_equal(unpack_bytes(d, 0, &packed), ERR_LIMIT);
    assert_int_equal(unpack_bytes(d, LEAVES_MAX + 1, &packed), ERR_LIMIT);
    assert_int_equal(unpack_bytes(d, UINT32_MAX, &packed), ERR_LIMIT);
    put_filler(&packed, 0, PACKED_BYTES_MAX);
    assert_int_equal(unpack_bytes(d, 1, &packed), ERR_LIMIT);
    bytes_free(&packed);
}

static void a_length_that_is_not_there_is_refused(void **state)
{
    struct desk *d = *state;
    static const uint64_t lengths[] = {
        1, PACKED_BYTES_MAX, PACKED_BYTES_MAX + 1, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct bytes packed = {0};
        bytes_put_u8(&packed, 0);
        bytes_put_varint(&packed, lengths[i]);
        assert_int_equal(unpack_bytes(d, 1, &packed), ERR_FORMAT);
        bytes_free(&packed);
    }
    for (unsigned flags = 4; flags < 256; flags *= 2) {
        struct bytes packed = {0};
        put_filler(&packed, 0, 40);
        packed.data[0] = (uint8_t)flags;
        assert_int_equal(unpack_bytes(d, 1, &packed), ERR_FORMAT);
        bytes_free(&packed);
    }
}

/* No raw, and one zstd frame of `tokens` said to have `claimed` bytes. */
static void fold(const struct bytes *tokens, size_t claimed, struct bytes *out)
{
    size_t room = ZSTD_compressBound(tokens->len);
    bytes_clear(out);
    bytes_put_u8(out, 2);
    bytes_put_varint(out, 0);
    bytes_put_varint(out, claimed);
    bytes_reserve(out, room);
    size_t len = ZSTD_compress(out->data + out->len, room, tokens->data,
                               tokens->len, 19);
    assert_false(ZSTD_isError(len));
    out->len += len;
}

static void a_frame_of_another_length_is_refused(void **state)
{
    struct desk *d = *state;
    struct bytes tokens = {0};
    struct bytes packed = {0};
    bytes_put_u8(&tokens, 0);
    put_filler(&tokens, 0, 999);
    for (size_t claimed = 998; claimed <= 1002; claimed++) {
        fold(&tokens, claimed, &packed);
        assert_int_equal(unpack_bytes(d, 4, &packed), ERR_FORMAT);
    }
    bytes_clear(&tokens);
    put_filler(&tokens, 0, (size_t)16 * 1024 * 1024);
    fold(&tokens, UNPACKED_BYTES_MAX, &packed); /* 16 MiB of noughts */
    assert_true(packed.len < 4096);
    assert_int_equal(unpack_bytes(d, 4, &packed), ERR_FORMAT);
    fold(&tokens, tokens.len, &packed);
    assert_int_equal(unpack_bytes(d, 4, &packed), ERR_LIMIT);
    fold(&tokens, SIZE_MAX, &packed);
    assert_int_equal(unpack_bytes(d, 4, &packed), ERR_LIMIT);
    bytes_free(&tokens);
    bytes_free(&packed);
}

/* `leaves` leaves of 128 cells, each a reference of two bytes to one UUID. */
static void put_references(struct script *s, size_t leaves)
{
    struct forgery f = sound;
    f.flags = 0;
    f.scope_kind = SCOPE_ALL;
    f.cell_count = COLUMNS_MAX;
    f.columns[0] = 1;
    f.columns[1] = 2;
    put_shape(s, &f);
    for (size_t i = 0; i < leaves; i++) {
        if (i > 0) {
            bytes_put_u8(&s->tokens, 3);
        }
        bytes_put_u8(&s->tokens, 0); /* prior */
        bytes_put_u8(&s->tokens, 1); /* key: an integer */
        bytes_put_varint(&s->tokens, 2 * i);
        put_bytes(&s->tokens, i == 0 ? "\7\0" : "\6\1", 2);
        for (size_t cell = 1; cell < COLUMNS_MAX; cell++) {
            put_bytes(&s->tokens, "\6\1", 2);
        }
    }
    put_filler(&s->raw, 0x70, UUID_BYTES - 6 + leaves * SALT_BYTES);
}

/* Resident bytes that `bomb` adds, in a process of its own. */
static size_t peak_of(struct desk *d, uint32_t leaves, const struct bytes *bomb,
                      int expected)
{
    int ends[2];
    size_t grown = SIZE_MAX;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rusage before;
        struct rusage after;
        (void)getrusage(RUSAGE_SELF, &before);
        int rc = unpack_bytes(d, leaves, bomb);
        (void)getrusage(RUSAGE_SELF, &after);
        grown = rc == expected
                    ? (size_t)(after.ru_maxrss - before.ru_maxrss) * 1024
                    : SIZE_MAX;
        ssize_t wrote = write(ends[1], &grown, sizeof grown);
        _exit(wrote == (ssize_t)sizeof grown ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &grown, sizeof grown), sizeof grown);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return grown;
}

static void references_that_unfold_to_megabytes_are_refused(void **state)
{
    enum { LEAVES = 990 };
    struct desk *d = *state;
    struct script s = script_of(d, LEAVES);
    struct bytes packed = {0};
    put_references(&s, LEAVES);
    assert_true(s.tokens.len <= UNPACKED_BYTES_MAX);
    size_t room = ZSTD_compressBound(s.tokens.len);
    bytes_put_u8(&packed, 2);
    bytes_put_varint(&packed, s.raw.len);
    bytes_put(&packed, s.raw.data, s.raw.len);
    bytes_put_varint(&packed, s.tokens.len);
    bytes_reserve(&packed, room);
    packed.len += ZSTD_compress(packed.data + packed.len, room, s.tokens.data,
                                s.tokens.len, 19);
    assert_true(packed.len < 20000); /* for five megabytes */
    assert_int_equal(unpack_bytes(d, LEAVES, &packed), ERR_LIMIT);
    assert_true(peak_of(d, LEAVES, &packed, ERR_LIMIT) < 4u << 20);
    bytes_free(&packed);
    bytes_free(&s.tokens);
    bytes_free(&s.raw);
}

static void references_beyond_a_changeset_are_refused(void **state)
{
    enum { LEAF_BYTES = 15 + 4 + 10 + 5 + 2 + COLUMNS_MAX * 43 + 3 };
    struct desk *d = *state;
    for (uint32_t leaves = 20; leaves <= 40; leaves++) {
        struct script s = script_of(d, leaves);
        put_references(&s, leaves);
        bool fits = leaves * LEAF_BYTES <= CHANGESET_BYTES_MAX;
        assert_int_equal(play(d, &s), fits ? 0 : ERR_LIMIT);
    }
}

#define AT_DESK(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_DESK(references_that_unfold_to_megabytes_are_refused),
        AT_DESK(references_beyond_a_changeset_are_refused),
        AT_DESK(random_leaves_come_back_as_they_were),
        AT_DESK(hidden_leaves_come_back_hidden),
        AT_DESK(more_shapes_than_are_remembered_come_back),
        AT_DESK(the_first_64_shapes_are_remembered),
        AT_DESK(a_thousand_leaves_of_one_shape_are_small),
        AT_DESK(cells_as_large_as_they_may_be_come_back),
        AT_DESK(a_changeset_full_of_noise_fits),
        AT_DESK(packed_leaves_cut_short_are_refused),
        AT_DESK(altered_packed_leaves_are_refused_or_found_out),
        AT_DESK(tokens_of_an_unsound_leaf_are_refused),
        AT_DESK(tokens_of_unsound_keys_and_cells_are_refused),
        AT_DESK(tokens_of_unsound_contexts_are_refused),
        AT_DESK(a_site_that_is_no_text_of_a_site_is_refused),
        AT_DESK(hidden_leaves_beside_a_seed_are_refused),
        AT_DESK(runs_and_covers_must_fit),
        AT_DESK(a_sealed_leaf_shows_a_sound_head),
        AT_DESK(leaves_beyond_the_limit_are_refused_before_a_look),
        AT_DESK(a_length_that_is_not_there_is_refused),
        AT_DESK(a_frame_of_another_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
