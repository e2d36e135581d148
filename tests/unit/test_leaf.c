/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/leaf.h"

#include "protocol/merkle.h"
#include "support/dice.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct encoded {
    struct bytes head;
    struct bytes body;
};

static void encode(const struct leaf *leaf, struct encoded *out)
{
    bytes_clear(&out->head);
    bytes_clear(&out->body);
    leaf_encode_head(leaf, &out->head);
    leaf_encode_body(leaf, &out->body);
}

static int decode(const struct encoded *in, struct leaf *ret)
{
    return leaf_decode(slice_of(&in->head), slice_of(&in->body), ret, NULL);
}

static void encoded_free(struct encoded *x)
{
    bytes_free(&x->head);
    bytes_free(&x->body);
}

static void assert_same_bytes(const struct encoded *a, const struct encoded *b)
{
    assert_true(slice_equal(slice_of(&a->head), slice_of(&b->head)));
    assert_true(slice_equal(slice_of(&a->body), slice_of(&b->body)));
}

static struct value real(double number)
{
    return (struct value){.type = VALUE_REAL, .real = number};
}

/* --- random leaves ------------------------------------------------------- */

/* Borrowed by the leaves made from it, so it must not grow. */
static struct slice random_bytes(struct dice *d, struct bytes *memory,
                                 size_t len)
{
    assert_true(memory->cap - memory->len >= len);
    uint8_t *at = memory->data + memory->len;
    dice_fill(d, at, len);
    memory->len += len;
    return (struct slice){at, len};
}

static struct value random_value(struct dice *d, struct bytes *memory,
                                 size_t types)
{
    static const double reals[] = {0.0, 1.0, -2.5, 1e300, 5e-324, INFINITY};
    struct value v = {.type =
                          (enum value_type)(VALUE_BLOB - dice_below(d, types))};
    switch (v.type) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        v.integer = (int64_t)dice_u64(d);
        break;
    case VALUE_REAL:
        v.real = reals[dice_below(d, sizeof reals / sizeof *reals)];
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        v.bytes = random_bytes(d, memory, dice_below(d, 40));
        break;
    }
    return v;
}

static struct slice random_reviews(struct dice *d, struct bytes *memory,
                                   uint16_t count)
{
    size_t from = memory->len;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t entries = (uint16_t)dice_below(d, 4);
        bytes_put_u16(memory, (uint16_t)(3 * i + 1));
        bytes_put_u16(memory, entries);
        for (uint16_t entry = 0; entry < entries; entry++) {
            bytes_put_u8(memory, (uint8_t)entry); /* ascending origins */
            (void)random_bytes(d, memory, HASH_BYTES - 1 + 8 + 8);
        }
    }
    return (struct slice){memory->data + from, memory->len - from};
}

static void random_head(struct dice *d, struct bytes *memory, struct leaf *leaf)
{
    leaf->class_id = (uint16_t)dice_below(d, 3);
    leaf->scope.kind = (enum scope_kind)dice_below(d, 4);
    if (leaf->scope.kind != SCOPE_ALL) {
        leaf->scope.id = random_bytes(d, memory, 1 + dice_below(d, 3));
    }
    leaf->prior = dice_below(d, 1000);
}

static void random_leaf(struct dice *d, struct bytes *memory, struct leaf *leaf)
{
    bytes_clear(memory);
    bytes_reserve(memory, 64 * 1024);
    *leaf = (struct leaf){.table = (uint32_t)dice_below(d, 3)};
    random_head(d, memory, leaf);
    leaf->key_count = (uint8_t)(1 + dice_below(d, KEY_COLUMNS_MAX));
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = random_value(d, memory, 4);
    }
    leaf->op = (enum leaf_op)(LEAF_INSERT + dice_below(d, 3));
    leaf->cl = (uint32_t)(2 * dice_below(d, 5) + 1);
    if (leaf->op == LEAF_DELETE) {
        leaf->cl++;
    } else {
        leaf->cell_count = (uint16_t)dice_below(d, COLUMNS_MAX + 1);
    }
    for (size_t i = 0; i < leaf->cell_count; i++) {
        leaf->cells[i].column = (uint16_t)(i == 0 ? dice_below(d, 9)
                                                  : leaf->cells[i - 1].column +
                                                        1u + dice_below(d, 9));
        leaf->cells[i].value = random_value(d, memory, 5);
    }
    leaf->owned = dice_even(d);
    if (leaf->owned) {
        leaf->owner.site = random_bytes(d, memory, 1 + dice_below(d, 64));
        leaf->owner.epoch = (uint32_t)(1 + dice_below(d, 3));
        if (leaf->owner.epoch > 1) {
            dice_fill(d, leaf->owner.offer, HASH_BYTES);
        }
    }
    leaf->named = dice_even(d);
    leaf->name = (struct leaf_name){dice_u64(d), dice_u64(d)};
    leaf->context_count = (uint16_t)dice_below(d, 4);
    leaf->contexts = random_reviews(d, memory, leaf->context_count);
}

static void assert_same_content(const struct leaf *a, const struct leaf *b)
{
    assert_int_equal(a->class_id, b->class_id);
    assert_int_equal(a->scope.kind, b->scope.kind);
    assert_true(slice_equal(a->scope.id, b->scope.id));
    assert_true(a->prior == b->prior);
    assert_int_equal(a->table, b->table);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->cl, b->cl);
    assert_int_equal(a->key_count, b->key_count);
    for (size_t i = 0; i < a->key_count; i++) {
        assert_true(value_equal(&a->key[i], &b->key[i]));
    }
    assert_int_equal(a->cell_count, b->cell_count);
    for (size_t i = 0; i < a->cell_count; i++) {
        const struct value *v = leaf_cell(b, a->cells[i].column);
        assert_non_null(v);
        assert_true(value_equal(&a->cells[i].value, v));
    }
    assert_int_equal(a->owned, b->owned);
    if (a->owned) {
        assert_true(slice_equal(a->owner.site, b->owner.site));
        assert_int_equal(a->owner.epoch, b->owner.epoch);
        assert_memory_equal(a->owner.offer, b->owner.offer, HASH_BYTES);
    }
    assert_int_equal(a->named, b->named);
    assert_true(!a->named || (a->name.incarnation == b->name.incarnation &&
                              a->name.seq == b->name.seq));
    assert_int_equal(a->context_count, b->context_count);
    assert_true(slice_equal(a->contexts, b->contexts));
}

static void a_leaf_comes_back_as_it_was(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct bytes memory = {0};
    struct encoded first = {0};
    struct encoded second = {0};
    for (int i = 0; i < 2000; i++) {
        struct leaf leaf;
        struct leaf back;
        random_leaf(&d, &memory, &leaf);
        encode(&leaf, &first);
        assert_int_equal(decode(&first, &back), 0);
        assert_same_content(&leaf, &back);
        encode(&back, &second);
        assert_same_bytes(&first, &second);
        struct leaf head;
        assert_int_equal(leaf_decode_head(slice_of(&first.head), &head, NULL),
                         0);
        assert_true(slice_equal(head.scope_bytes, back.scope_bytes));
    }
    bytes_free(&memory);
    encoded_free(&first);
    encoded_free(&second);
}

/* What still decodes after a byte was altered is another leaf, in the one
 * form that leaf has: nothing has two encodings. */
static void check_altered(const struct encoded *original, struct bytes *part,
                          size_t at, uint8_t byte, struct encoded *scratch)
{
    struct leaf leaf;
    uint8_t was = part->data[at];
    part->data[at] = byte;
    if (decode(original, &leaf) == 0) {
        encode(&leaf, scratch);
        assert_same_bytes(original, scratch);
    }
    part->data[at] = was;
}

static void an_altered_leaf_is_refused_or_another_leaf(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct bytes memory = {0};
    struct encoded x = {0};
    struct encoded scratch = {0};
    for (int i = 0; i < 15; i++) {
        struct leaf leaf;
        random_leaf(&d, &memory, &leaf);
        encode(&leaf, &x);
        for (size_t at = 0; at < x.head.len + x.body.len; at++) {
            struct bytes *part = at < x.head.len ? &x.head : &x.body;
            size_t place = at < x.head.len ? at : at - x.head.len;
            for (int bit = 0; bit < 8; bit++) {
                uint8_t byte = (uint8_t)(part->data[place] ^ (1u << bit));
                check_altered(&x, part, place, byte, &scratch);
            }
            check_altered(&x, part, place, 0xff, &scratch);
            check_altered(&x, part, place, 0x00, &scratch);
        }
    }
    bytes_free(&memory);
    encoded_free(&x);
    encoded_free(&scratch);
}

/* Copies to the byte, so that ASan sees a read beyond. */
static int decode_cut(struct slice head, struct slice body)
{
    struct bytes exact_head = {0};
    struct bytes exact_body = {0};
    struct leaf leaf;
    bytes_put(&exact_head, head.data, head.len);
    bytes_put(&exact_body, body.data, body.len);
    exact_head.data = realloc(exact_head.data, head.len + (head.len == 0));
    exact_body.data = realloc(exact_body.data, body.len + (body.len == 0));
    int rc =
        leaf_decode(slice_of(&exact_head), slice_of(&exact_body), &leaf, NULL);
    bytes_free(&exact_head);
    bytes_free(&exact_body);
    return rc;
}

/* Two leaves are of one row exactly when their first bytes say so. */
static void the_row_of_a_leaf_shows_in_its_first_bytes(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct bytes memory = {0};
    struct encoded one = {0};
    for (int i = 0; i < 2000; i++) {
        struct leaf leaf;
        struct leaf other;
        struct leaf back;
        random_leaf(&d, &memory, &leaf);
        encode(&leaf, &one);
        random_leaf(&d, &memory, &other); /* `leaf` borrowed the memory */
        assert_int_equal(decode(&one, &back), 0);
        struct slice body = slice_of(&one.body);
        assert_true(leaf_is_of_row(body, leaf.table, back.key_bytes));
        assert_false(leaf_is_of_row(body, leaf.table + 1, back.key_bytes));
        struct bytes key = {0};
        leaf_encode_key(&other, &key);
        assert_int_equal(leaf_is_of_row(body, leaf.table, slice_of(&key)),
                         slice_equal(back.key_bytes, slice_of(&key)));
        bytes_free(&key);
        body.len = 4 + back.key_bytes.len - 1;
        assert_false(leaf_is_of_row(body, leaf.table, back.key_bytes));
    }
    bytes_free(&memory);
    encoded_free(&one);
}

static void a_leaf_cut_short_or_too_long_is_refused(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct bytes memory = {0};
    struct encoded x = {0};
    for (int i = 0; i < 8; i++) {
        struct leaf leaf;
        random_leaf(&d, &memory, &leaf);
        encode(&leaf, &x);
        struct slice head = slice_of(&x.head);
        struct slice body = slice_of(&x.body);
        assert_int_equal(decode_cut(head, body), 0);
        for (size_t cut = 0; cut < head.len; cut++) {
            assert_int_equal(decode_cut((struct slice){head.data, cut}, body),
                             ERR_FORMAT);
        }
        for (size_t cut = 0; cut < body.len; cut++) {
            assert_int_equal(decode_cut(head, (struct slice){body.data, cut}),
                             ERR_FORMAT);
        }
        bytes_put_u8(&x.body, 0);
        assert_int_equal(decode_cut(head, slice_of(&x.body)), ERR_FORMAT);
        x.body.len--;
        bytes_put_u8(&x.head, 0);
        assert_int_equal(decode_cut(slice_of(&x.head), body), ERR_FORMAT);
    }
    bytes_free(&memory);
    encoded_free(&x);
}

static void leaves_of_a_changeset_have_one_order(void **state)
{
    (void)state;
    enum { LEAVES = 60 };
    struct dice d = dice_seeded();
    static struct encoded encoded[LEAVES];
    static struct leaf leaves[LEAVES];
    struct bytes memory = {0};
    for (size_t i = 0; i < LEAVES; i++) {
        struct leaf leaf;
        random_leaf(&d, &memory, &leaf);
        leaf.key_count = 1;
        leaf.key[0] = value_integer((int64_t)dice_below(&d, 3));
        if (leaf.scope.kind != SCOPE_ALL) {
            leaf.scope.id = slice_text(dice_even(&d) ? "PB-LDH-C01" : "PB-LDH");
        }
        encode(&leaf, &encoded[i]);
        assert_int_equal(decode(&encoded[i], &leaves[i]), 0);
    }
    for (size_t i = 0; i < LEAVES; i++) {
        for (size_t j = 0; j < LEAVES; j++) {
            const struct leaf *a = &leaves[i];
            const struct leaf *b = &leaves[j];
            int order = leaf_compare(a, b);
            int back = leaf_compare(b, a);
            bool same = slice_equal(a->scope_bytes, b->scope_bytes) &&
                        a->class_id == b->class_id && a->table == b->table &&
                        slice_equal(a->key_bytes, b->key_bytes);
            assert_int_equal(order == 0, same);
            assert_int_equal(order > 0, back < 0);
            for (size_t k = 0; k < LEAVES && order <= 0; k++) {
                if (leaf_compare(b, &leaves[k]) <= 0) {
                    assert_true(leaf_compare(a, &leaves[k]) <= 0);
                }
            }
        }
    }
    for (size_t i = 0; i < LEAVES; i++) {
        encoded_free(&encoded[i]);
    }
    bytes_free(&memory);
}

/* --- values -------------------------------------------------------------- */

static void one_and_one_point_nought_are_different_values(void **state)
{
    (void)state;
    struct value integer = value_integer(1);
    struct value number = real(1.0);
    struct value as_text = value_text("1");
    struct value as_blob = value_blob("1", 1);
    assert_false(value_equal(&integer, &number));
    assert_false(value_equal(&as_text, &as_blob));
    assert_false(value_equal(&integer, &as_text));
    assert_true(value_equal(&integer, &integer));
    assert_int_equal(value_text(NULL).type, VALUE_NULL);
    struct value null = value_text(NULL);
    assert_true(value_equal(&null, &null));
    assert_false(value_equal(&null, &integer));
}

static void minus_nought_is_written_as_nought(void **state)
{
    (void)state;
    struct bytes plus = {0};
    struct bytes minus = {0};
    struct value a = real(0.0);
    struct value b = real(-0.0);
    value_encode(&a, &plus);
    value_encode(&b, &minus);
    assert_true(value_equal(&a, &b));
    assert_true(slice_equal(slice_of(&plus), slice_of(&minus)));
    bytes_free(&plus);
    bytes_free(&minus);
}

static void a_value_over_its_limit_is_refused(void **state)
{
    (void)state;
    struct bytes b = {0};
    struct value v = value_text("methadone");
    value_encode(&v, &b);
    struct cursor c = cursor_of(slice_of(&b));
    struct value back = value_decode(&c, 9);
    assert_true(cursor_done(&c));
    assert_true(value_equal(&v, &back));
    c = cursor_of(slice_of(&b));
    (void)value_decode(&c, 8);
    assert_true(c.bad);
    bytes_free(&b);
}

/* --- forgeries ----------------------------------------------------------- */

/* A leaf as bytes, with what a forger may get wrong. Sound as it stands. */
struct forgery {
    uint8_t scope_kind;
    size_t scope_len;
    uint8_t key_count;
    uint8_t key_type;
    size_t key_len;
    uint8_t op;
    uint32_t cl;
    uint16_t cell_count;
    uint16_t columns[2];
    uint64_t real_bits;
    uint8_t cell_type; /* of every cell after the first */
    size_t cell_len;
    uint8_t says; /* 1: owner, 2: name */
    size_t site_len;
    uint32_t epoch;
    uint8_t offer; /* every byte of it */
    size_t name_len;
    uint16_t context_count;
    uint16_t review_columns[2];
    uint16_t review_entries;
    uint8_t entries[2]; /* first byte of the origins */
};

static const struct forgery sound = {
    .scope_kind = SCOPE_PERSON,
    .scope_len = 4,
    .key_count = 1,
    .key_type = VALUE_TEXT,
    .key_len = 6,
    .op = LEAF_UPDATE,
    .cl = 1,
    .cell_count = 2,
    .columns = {3, 4},
    .real_bits = 0x3ff0000000000000,
    .cell_type = VALUE_TEXT,
    .cell_len = 5,
    .says = 3,
    .site_len = 10,
    .epoch = 2,
    .offer = 0x11,
    .name_len = 16,
    .context_count = 2,
    .review_columns = {3, 4},
    .review_entries = 2,
    .entries = {1, 2},
};

static void put_filler(struct bytes *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes_put_u8(out, 'x');
    }
}

static void put_sized(struct bytes *out, size_t len)
{
    bytes_put_u32(out, (uint32_t)len);
    put_filler(out, len);
}

static void put_typed(struct bytes *out, uint8_t type, size_t len)
{
    bytes_put_u8(out, type);
    if (type == VALUE_INTEGER) {
        bytes_put_u64(out, 7);
    } else if (type != VALUE_NULL) {
        put_sized(out, len);
    }
}

static void forge_contexts(const struct forgery *f, struct bytes *out)
{
    bytes_put_u8(out, f->says);
    if ((f->says & 1) != 0) {
        put_sized(out, f->site_len);
        bytes_put_u32(out, f->epoch);
        for (int i = 0; i < HASH_BYTES; i++) {
            bytes_put_u8(out, f->offer);
        }
    }
    if ((f->says & 2) != 0) {
        put_filler(out, f->name_len);
    }
    bytes_put_u16(out, f->context_count);
    for (size_t i = 0; i < f->context_count; i++) {
        bytes_put_u16(out, i < 2 ? f->review_columns[i] : (uint16_t)(i + 10));
        bytes_put_u16(out, f->review_entries);
        for (size_t entry = 0; entry < f->review_entries; entry++) {
            bytes_put_u8(out, entry < 2 ? f->entries[entry] : 3);
            bytes_put_u64(out, entry); /* keeps the later ones ascending */
            put_filler(out, HASH_BYTES - 1 - 8 + 8 + 8);
        }
    }
}

static void forge(const struct forgery *f, struct encoded *out)
{
    bytes_clear(&out->head);
    bytes_clear(&out->body);
    bytes_put_u16(&out->head, 2);
    bytes_put_u8(&out->head, f->scope_kind);
    put_sized(&out->head, f->scope_len);
    bytes_put_u64(&out->head, 41);

    struct bytes *body = &out->body;
    bytes_put_u32(body, 103);
    bytes_put_u8(body, f->key_count);
    for (size_t i = 0; i < f->key_count; i++) {
        put_typed(body, f->key_type, f->key_len);
    }
    bytes_put_u8(body, f->op);
    bytes_put_u32(body, f->cl);
    bytes_put_u16(body, f->cell_count);
    for (size_t i = 0; i < f->cell_count; i++) {
        bytes_put_u16(body, i < 2 ? f->columns[i] : (uint16_t)(i + 10));
    }
    for (size_t i = 0; i < f->cell_count; i++) {
        if (i == 0) {
            bytes_put_u8(body, VALUE_REAL);
            bytes_put_u64(body, f->real_bits);
        } else {
            put_typed(body, f->cell_type, f->cell_len);
        }
    }
    forge_contexts(f, body);
}

static int judge(const struct forgery *f)
{
    struct encoded x = {0};
    struct leaf leaf;
    forge(f, &x);
    int rc = decode(&x, &leaf);
    encoded_free(&x);
    return rc;
}

#define ACCEPTED(...) judged_with(0, __VA_ARGS__)
#define REFUSED(...) judged_with(ERR_FORMAT, __VA_ARGS__)
#define judged_with(rc, ...)                                                   \
    do {                                                                       \
        struct forgery f = sound;                                              \
        __VA_ARGS__;                                                           \
        assert_int_equal(judge(&f), rc);                                       \
    } while (0)

static void a_head_of_another_form_is_refused(void **state)
{
    (void)state;
    ACCEPTED((void)f);
    ACCEPTED(f.scope_kind = SCOPE_ALL; f.scope_len = 0);
    REFUSED(f.scope_kind = SCOPE_ALL);
    REFUSED(f.scope_len = 0);
    REFUSED(f.scope_kind = SCOPE_PERSON + 1);
    REFUSED(f.scope_kind = 0xff);
    ACCEPTED(f.scope_len = SCOPE_ID_BYTES_MAX);
    REFUSED(f.scope_len = SCOPE_ID_BYTES_MAX + 1);
}

static void a_key_of_another_form_is_refused(void **state)
{
    (void)state;
    ACCEPTED(f.key_count = KEY_COLUMNS_MAX);
    REFUSED(f.key_count = 0);
    REFUSED(f.key_count = KEY_COLUMNS_MAX + 1);
    ACCEPTED(f.key_type = VALUE_INTEGER);
    REFUSED(f.key_type = VALUE_NULL);
    REFUSED(f.key_type = VALUE_BLOB + 1);
    ACCEPTED(f.key_len = KEY_BYTES_MAX);
    REFUSED(f.key_len = KEY_BYTES_MAX + 1);
}

static void columns_out_of_order_or_too_many_are_refused(void **state)
{
    (void)state;
    REFUSED(f.columns[0] = 4);
    REFUSED(f.columns[0] = 5);
    ACCEPTED(f.cell_count = 0);
    ACCEPTED(f.cell_count = COLUMNS_MAX);
    REFUSED(f.cell_count = COLUMNS_MAX + 1);
    ACCEPTED(f.cell_len = CELL_BYTES_MAX);
    REFUSED(f.cell_len = CELL_BYTES_MAX + 1);
    REFUSED(f.cell_type = VALUE_BLOB + 1);
    ACCEPTED(f.cell_type = VALUE_NULL);
}

static void minus_nought_and_not_a_number_are_refused(void **state)
{
    (void)state;
    ACCEPTED(f.real_bits = 0);
    REFUSED(f.real_bits = 0x8000000000000000);
    REFUSED(f.real_bits = 0x7ff8000000000000);
    REFUSED(f.real_bits = 0xfff0000000000001);
    ACCEPTED(f.real_bits = 0x7ff0000000000000); /* infinity SQLite can hold */
}

static void a_life_that_contradicts_the_operation_is_refused(void **state)
{
    (void)state;
    ACCEPTED(f.op = LEAF_INSERT);
    REFUSED(f.op = LEAF_INSERT; f.cl = 2);
    REFUSED(f.op = LEAF_INSERT; f.cl = 0);
    REFUSED(f.op = LEAF_UPDATE; f.cl = 2);
    ACCEPTED(f.op = LEAF_DELETE; f.cl = 2; f.cell_count = 0);
    REFUSED(f.op = LEAF_DELETE; f.cl = 2); /* with cells */
    REFUSED(f.op = LEAF_DELETE; f.cl = 1; f.cell_count = 0);
    REFUSED(f.op = LEAF_DELETE; f.cl = 0; f.cell_count = 0);
    REFUSED(f.op = 0);
    REFUSED(f.op = LEAF_DELETE + 1; f.cl = 2; f.cell_count = 0);
}

static void an_owner_without_a_true_claim_is_refused(void **state)
{
    (void)state;
    ACCEPTED(f.epoch = 1; f.offer = 0);
    REFUSED(f.epoch = 1); /* the first owner was offered nothing */
    REFUSED(f.offer = 0); /* every later one was */
    REFUSED(f.epoch = 0; f.offer = 0);
    REFUSED(f.site_len = 0);
    ACCEPTED(f.site_len = SITE_BYTES_MAX);
    REFUSED(f.site_len = SITE_BYTES_MAX + 1);
    ACCEPTED(f.says = 2);
    REFUSED(f.says = 7);
}

static void a_name_of_another_form_is_refused(void **state)
{
    (void)state;
    ACCEPTED(f.says = 1);
    ACCEPTED(f.says = 0);
    REFUSED(f.name_len = 15);
    REFUSED(f.name_len = 0; f.context_count = 0);
    REFUSED(f.says = 4);
    REFUSED(f.says = 0x80 | 3);
}

static void review_contexts_of_another_form_are_refused(void **state)
{
    (void)state;
    ACCEPTED(f.context_count = 0);
    REFUSED(f.review_columns[1] = 3);
    REFUSED(f.review_columns[1] = 2);
    REFUSED(f.entries[1] = 0);
    ACCEPTED(f.entries[1] = 1); /* the same origin's next incarnation */
    ACCEPTED(f.review_entries = CONTEXT_ENTRIES_MAX);
    REFUSED(f.review_entries = CONTEXT_ENTRIES_MAX + 1);
    ACCEPTED(f.context_count = CONTEXTS_MAX);
    REFUSED(f.context_count = CONTEXTS_MAX + 1);
}

static void a_writer_stands_once_in_a_review_context(void **state)
{
    (void)state;
    struct encoded x = {0};
    struct leaf leaf;
    struct forgery f = sound;
    f.context_count = 1;
    forge(&f, &x);
    assert_int_equal(decode(&x, &leaf), 0);
    size_t entry = HASH_BYTES + 8 + 8;
    uint8_t *last = x.body.data + x.body.len - entry;
    memcpy(last, last - entry, entry); /* origin and incarnation repeat */
    last[entry - 1]++;                 /* with another number */
    assert_int_equal(decode(&x, &leaf), ERR_FORMAT);
    encoded_free(&x);
}

static void a_leaf_over_the_size_of_a_row_is_refused(void **state)
{
    (void)state;
    struct forgery f = sound;
    f.cell_count = 4;
    f.cell_len = CELL_BYTES_MAX;
    assert_int_equal(judge(&f), ERR_LIMIT);
}

/* What no bytes can say and a program can: leaf_encode_*() would assert. */
static void a_leaf_of_another_form_is_not_sound(void **state)
{
    (void)state;
    static const char long_id[SCOPE_ID_BYTES_MAX + 1] = "";
    static struct leaf right;
    static struct leaf leaf;
    const struct slice too_long = {(const uint8_t *)long_id, sizeof long_id};
    right = (struct leaf){
        .class_id = 2,
        .scope = {SCOPE_PERSON, slice_text("p")},
        .table = 103,
        .key_count = 1,
        .key = {value_text("k")},
        .op = LEAF_INSERT,
        .cl = 1,
        .owned = true,
        .owner = {.site = slice_text("LDH-C"), .epoch = 1},
    };
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        right.cells[i].column = (uint16_t)(i + 1);
    }
    right.cell_count = COLUMNS_MAX;
    assert_true(leaf_is_sound(&right));

#define UNSOUND(change)                                                        \
    do {                                                                       \
        leaf = right;                                                          \
        change;                                                                \
        assert_false(leaf_is_sound(&leaf));                                    \
    } while (0)
    UNSOUND(leaf.scope.id = too_long);
    UNSOUND(leaf.scope.id.len = 0);
    UNSOUND(leaf.scope.kind = SCOPE_ALL);
    UNSOUND(leaf.scope.kind = (enum scope_kind)(SCOPE_PERSON + 1));
    UNSOUND(leaf.key_count = 0);
    UNSOUND(leaf.key_count = KEY_COLUMNS_MAX + 1;
            for (size_t i = 0; i < KEY_COLUMNS_MAX;
                 i++) { leaf.key[i] = value_text("k"); });
    UNSOUND(leaf.key[0].type = VALUE_NULL);
    UNSOUND(leaf.cell_count = COLUMNS_MAX + 1);
    UNSOUND(leaf.cells[1].column = 1);
    UNSOUND(leaf.cells[0].value = real(NAN));
    UNSOUND(leaf.cl = 2);
    UNSOUND(leaf.op = LEAF_DELETE);
    UNSOUND(leaf.op = (enum leaf_op)9);
    UNSOUND(leaf.owner.site.len = 0);
    UNSOUND(leaf.owner.site = too_long);
    UNSOUND(leaf.owner.epoch = 0);
    UNSOUND(leaf.owner.epoch = 2); /* of no offer */
    UNSOUND(leaf.owner.offer[0] = 1);
    UNSOUND(leaf.context_count = CONTEXTS_MAX + 1);
#undef UNSOUND
}

static void a_scope_is_printed_for_people(void **state)
{
    (void)state;
    char out[32];
    struct scope scope = {.kind = SCOPE_ALL};
    scope_print(&scope, out, sizeof out);
    assert_string_equal(out, "all");
    scope = (struct scope){SCOPE_DISTRICT_OF, slice_text("PB-LDH-C01")};
    scope_print(&scope, out, sizeof out);
    assert_string_equal(out, "district-of:PB-LDH-C01");
    scope_print(&scope, out, 10);
    assert_string_equal(out, "district-");
}

/* --- published ----------------------------------------------------------- */

static void publish(const char *name, const struct leaf *leaf)
{
    static const uint8_t seed[SEED_BYTES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                             8, 9, 10, 11, 12, 13, 14, 15};
    struct encoded x = {0};
    uint8_t salt[SALT_BYTES];
    char field[64];
    encode(leaf, &x);
    merkle_salt(seed, 0, salt);
    struct hash body = merkle_body(salt, slice_of(&x.body));
    struct hash hash = merkle_leaf(slice_of(&x.head), &body);
    (void)snprintf(field, sizeof field, "%s_head", name);
    vectors_check("leaf.txt", field, x.head.data, x.head.len);
    (void)snprintf(field, sizeof field, "%s_body", name);
    vectors_check("leaf.txt", field, x.body.data, x.body.len);
    (void)snprintf(field, sizeof field, "%s_body_hash", name);
    vectors_check("leaf.txt", field, body.bytes, HASH_BYTES);
    (void)snprintf(field, sizeof field, "%s_leaf_hash", name);
    vectors_check("leaf.txt", field, hash.bytes, HASH_BYTES);
    vectors_check("leaf.txt", "seed", seed, sizeof seed);
    vectors_check("leaf.txt", "salt", salt, sizeof salt);
    encoded_free(&x);
}

static void a_dose_is_encoded_as_published(void **state)
{
    (void)state;
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
                {3, real(2.5)},
                {4, {.type = VALUE_NULL}},
                {7, value_blob("\x00\xff", 2)},
            },
    };
    publish("dose", &dose);
}

static void a_deletion_is_encoded_as_published(void **state)
{
    (void)state;
    struct leaf deletion = {
        .class_id = 3,
        .scope = {SCOPE_SITE, slice_text("PB-LDH-C01")},
        .table = 104,
        .key_count = 2,
        .key = {value_text("group-1"), value_integer(7)},
        .op = LEAF_DELETE,
        .cl = 2,
    };
    publish("deletion", &deletion);
}

static void a_takeover_is_encoded_as_published(void **state)
{
    (void)state;
    struct bytes reviews = {0};
    struct leaf takeover = {
        .class_id = 4,
        .scope = {SCOPE_DISTRICT_OF, slice_text("PB-ASR-P01")},
        .prior = 0x0102030405060708,
        .table = 105,
        .key_count = 1,
        .key = {value_text("order-1")},
        .op = LEAF_UPDATE,
        .cl = 3,
        .cell_count = 1,
        .cells = {{9, value_text("")}},
        .owned = true,
        .owner = {.site = slice_text("PB-ASR-P01"), .epoch = 2},
        .context_count = 1,
    };
    memset(takeover.owner.offer, 0x0f, HASH_BYTES);
    bytes_put_u16(&reviews, 9);
    bytes_put_u16(&reviews, 2);
    for (uint8_t origin = 0xa1; origin <= 0xa2; origin++) {
        for (int i = 0; i < HASH_BYTES; i++) {
            bytes_put_u8(&reviews, origin);
        }
        bytes_put_u64(&reviews, 5);
        bytes_put_u64(&reviews, 12);
    }
    takeover.contexts = slice_of(&reviews);
    publish("takeover", &takeover);
    bytes_free(&reviews);
}

static void a_leaf_signed_anew_is_encoded_as_published(void **state)
{
    (void)state;
    struct leaf leaf = {
        .class_id = 4,
        .scope = {SCOPE_ALL, {NULL, 0}},
        .prior = 0,
        .table = 105,
        .key_count = 1,
        .key = {value_text("order-1")},
        .op = LEAF_UPDATE,
        .cl = 1,
        .cell_count = 1,
        .cells = {{9, value_integer(12000)}},
        .named = true,
        .name = {.incarnation = 5, .seq = 12},
    };
    publish("anew", &leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_comes_back_as_it_was),
        cmocka_unit_test(the_row_of_a_leaf_shows_in_its_first_bytes),
        cmocka_unit_test(an_altered_leaf_is_refused_or_another_leaf),
        cmocka_unit_test(a_leaf_cut_short_or_too_long_is_refused),
        cmocka_unit_test(leaves_of_a_changeset_have_one_order),
        cmocka_unit_test(one_and_one_point_nought_are_different_values),
        cmocka_unit_test(minus_nought_is_written_as_nought),
        cmocka_unit_test(a_value_over_its_limit_is_refused),
        cmocka_unit_test(a_head_of_another_form_is_refused),
        cmocka_unit_test(a_key_of_another_form_is_refused),
        cmocka_unit_test(columns_out_of_order_or_too_many_are_refused),
        cmocka_unit_test(minus_nought_and_not_a_number_are_refused),
        cmocka_unit_test(a_life_that_contradicts_the_operation_is_refused),
        cmocka_unit_test(an_owner_without_a_true_claim_is_refused),
        cmocka_unit_test(a_name_of_another_form_is_refused),
        cmocka_unit_test(review_contexts_of_another_form_are_refused),
        cmocka_unit_test(a_writer_stands_once_in_a_review_context),
        cmocka_unit_test(a_leaf_over_the_size_of_a_row_is_refused),
        cmocka_unit_test(a_leaf_of_another_form_is_not_sound),
        cmocka_unit_test(a_scope_is_printed_for_people),
        cmocka_unit_test(a_dose_is_encoded_as_published),
        cmocka_unit_test(a_deletion_is_encoded_as_published),
        cmocka_unit_test(a_takeover_is_encoded_as_published),
        cmocka_unit_test(a_leaf_signed_anew_is_encoded_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
