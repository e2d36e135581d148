/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/message.h"
#include "tests/unit/support/dice.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct hash hash_of(uint8_t byte)
{
    struct hash h;
    memset(h.bytes, byte, sizeof h.bytes);
    return h;
}

static struct travelling sample_item(uint64_t seq, uint64_t position)
{
    static const uint8_t leaves[] = "packed leaves";
    struct travelling item = {
        .has_origin = true,
        .origin = hash_of(7),
        .incarnation = 0x1122334455667788,
        .seq = seq,
        .has_prev = true,
        .prev_incarnation = seq == 1 ? 0 : 0x99,
        .prev = hash_of(seq == 1 ? 0 : 8),
        .hlc = 0x0198000000000001,
        .schema_version = 2,
        .certificate = 77,
        .leaf_count = 3,
        .leaves = {.data = leaves, .len = sizeof leaves},
        .position = position,
    };
    memset(item.signature, 9, sizeof item.signature);
    return item;
}

/* A message of every kind with every field set; borrows static memory. */
static struct message sample(enum message_kind kind)
{
    static struct travelling items[3];
    static struct refusal refusals[2];
    static struct origin_digest origins[2];
    struct message m = {.kind = kind};
    items[0] = sample_item(1, 10);
    items[1] = sample_item(41, 11);
    items[1].has_origin = false;
    items[2] = sample_item(42, 13);
    items[2].has_prev = false;
    items[2].prev_incarnation = items[2].incarnation;
    refusals[0] = (struct refusal){3, ERR_FUTURE, "stamped ahead"};
    refusals[1] = (struct refusal){5, ERR_FORK, "two contents"};
    origins[0] = (struct origin_digest){hash_of(1), 5, 6, hash_of(2)};
    origins[1] = (struct origin_digest){hash_of(3), 7, 8, hash_of(4)};
    switch (kind) {
    case MESSAGE_HELLO:
        m.as.hello =
            (struct hello){1,         hash_of(1), hash_of(2), 3,  4,  5, 6,
                           {7, 8, 9}, 16,         17,         18, 19, 7};
        break;
    case MESSAGE_WELCOME:
        m.as.welcome = (struct welcome){1,  hash_of(1), 2,  3,  4, {5, 6, 7},
                                        16, 17,         18, 19, 6};
        break;
    case MESSAGE_CHANGESETS:
        m.as.changesets = (struct changesets){items, 3, 14, 9};
        break;
    case MESSAGE_ACK:
        m.as.ack = (struct ack){1, {2, 5, 0}, refusals, 2};
        break;
    case MESSAGE_DIGEST:
        m.as.digest = (struct digest){9, origins, 2};
        break;
    case MESSAGE_HEARTBEAT:
        m.as.heartbeat.time_ms = 1234567890123;
        break;
    case MESSAGE_ERROR:
        m.as.error = (struct said_error){ERR_BUSY, "come back later"};
        break;
    case MESSAGE_ENROL:
        m.as.enrol.network = hash_of(1);
        memset(m.as.enrol.invite_curve, 2, KEY_PUBLIC_BYTES);
        memset(m.as.enrol.sign_public, 3, KEY_PUBLIC_BYTES);
        memset(m.as.enrol.box_public, 4, KEY_PUBLIC_BYTES);
        memset(m.as.enrol.curve_public, 5, KEY_PUBLIC_BYTES);
        memset(m.as.enrol.signature, 6, SIGNATURE_BYTES);
        break;
    case MESSAGE_GRANT:
        items[1] = sample_item(41, 0);
        m.as.grant = (struct grant){hash_of(1), 2, 3, items, 2};
        break;
    }
    return m;
}

static int decode(const struct bytes *frame, struct message *ret, struct err *e)
{
    /* of exactly its size, so that ASan sees a byte too far */
    uint8_t *copy = malloc(frame->len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, frame->data, frame->len);
    int rc = message_decode((struct slice){copy + 1, frame->len}, ret, e);
    free(copy); /* the message owns what it needs */
    return rc;
}

/* The message is refused with `code` and a sentence. */
static void assert_refused(const struct message *m, int code)
{
    struct bytes frame = {0};
    struct message back;
    struct err e = {0};
    message_encode(m, &frame);
    assert_int_equal(decode(&frame, &back, &e), code);
    assert_int_equal(e.code, code);
    assert_true(strlen(e.text) > 0);
    bytes_free(&frame);
}

/* --- round trips --------------------------------------------------------- */

static void what_was_encoded_is_decoded(void **state)
{
    (void)state;
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_GRANT; kind++) {
        struct message m = sample((enum message_kind)kind);
        struct bytes frame = {0};
        struct bytes again = {0};
        struct message back;
        struct err e = {0};
        message_encode(&m, &frame);
        assert_int_equal(decode(&frame, &back, &e), 0);
        assert_int_equal(back.kind, kind);
        message_encode(&back, &again);
        assert_true(slice_equal(slice_of(&frame), slice_of(&again)));
        message_clear(&back);
        bytes_free(&frame);
        bytes_free(&again);
    }
}

static void every_field_of_a_changeset_arrives(void **state)
{
    (void)state;
    struct message m = sample(MESSAGE_CHANGESETS);
    struct bytes frame = {0};
    struct message back;
    message_encode(&m, &frame);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    const struct travelling *want = &m.as.changesets.items[1];
    const struct travelling *got = &back.as.changesets.items[1];
    assert_int_equal(back.as.changesets.count, 3);
    assert_int_equal(back.as.changesets.position, 14);
    assert_int_equal(back.as.changesets.from, 9);
    assert_false(got->has_origin);
    assert_int_equal(got->incarnation, want->incarnation);
    assert_int_equal(got->seq, want->seq);
    assert_true(got->has_prev);
    assert_int_equal(got->prev_incarnation, want->prev_incarnation);
    assert_memory_equal(&got->prev, &want->prev, sizeof got->prev);
    assert_int_equal(got->hlc, want->hlc);
    assert_int_equal(got->schema_version, want->schema_version);
    assert_int_equal(got->certificate, want->certificate);
    assert_int_equal(got->leaf_count, want->leaf_count);
    assert_memory_equal(got->signature, want->signature, SIGNATURE_BYTES);
    assert_true(slice_equal(got->leaves, want->leaves));
    assert_int_equal(got->position, want->position);
    /* the third leaves out what the receiver computes */
    assert_false(got[1].has_prev);
    assert_int_equal(got[1].prev_incarnation, got[1].incarnation);
    /* the first of a chain follows nothing */
    assert_true(got[-1].has_prev);
    assert_int_equal(got[-1].prev_incarnation, 0);
    message_clear(&back);
    bytes_free(&frame);
}

static void every_field_of_a_greeting_arrives(void **state)
{
    (void)state;
    struct message m = sample(MESSAGE_HELLO);
    struct bytes frame = {0};
    struct message back;
    message_encode(&m, &frame);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    const struct hello *hello = &back.as.hello;
    assert_int_equal(hello->protocol, 1);
    assert_true(hello->network.bytes[31] == 1 && hello->node.bytes[31] == 2);
    assert_int_equal(hello->certificate, 3);
    assert_int_equal(hello->schema_version, 4);
    assert_int_equal(hello->time_ms, 5);
    assert_int_equal(hello->journal, 6);
    assert_int_equal(hello->have.journal, 7);
    assert_int_equal(hello->have.position, 8);
    assert_int_equal(hello->have.start, 9);
    assert_int_equal(hello->credit, 16);
    assert_int_equal(hello->start, 17);
    assert_int_equal(hello->head, 18);
    assert_int_equal(hello->give_back, 19);
    assert_int_equal(hello->again, 7);
    message_clear(&back);
    bytes_free(&frame);
}

/* A dose and its ack fit in 400 bytes (design, section 10); the envelope is
 * the session's share of it. */
static void the_envelope_of_a_lone_changeset_is_small(void **state)
{
    (void)state;
    struct travelling item = sample_item(40000, 70000);
    item.has_origin = false;
    item.has_prev = false;
    item.prev_incarnation = item.incarnation;
    struct message m = {.kind = MESSAGE_CHANGESETS};
    m.as.changesets = (struct changesets){&item, 1, 70000, 0};
    struct message ack = {.kind = MESSAGE_ACK};
    ack.as.ack = (struct ack){~0ULL, {~0ULL, 70000, 0}, NULL, 0};
    struct bytes frame = {0};
    message_encode(&m, &frame);
    message_encode(&ack, &frame);
    assert_in_range(frame.len - item.leaves.len, 1, 160);
    bytes_free(&frame);
}

static void the_largest_messages_fit(void **state)
{
    (void)state;
    static struct origin_digest origins[DIGEST_ORIGINS_MAX];
    static struct travelling items[MESSAGE_CHANGESETS_MAX];
    struct bytes frame = {0};
    struct message back;
    for (size_t i = 0; i < DIGEST_ORIGINS_MAX; i++) {
        origins[i] =
            (struct origin_digest){hash_of(1), 1 << 20, 1 << 20, hash_of(2)};
    }
    struct message m = {.kind = MESSAGE_DIGEST};
    m.as.digest = (struct digest){1, origins, DIGEST_ORIGINS_MAX};
    message_encode(&m, &frame);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    message_clear(&back);

    static const uint8_t leaves[MESSAGE_TARGET_BYTES / MESSAGE_CHANGESETS_MAX];
    for (size_t i = 0; i < MESSAGE_CHANGESETS_MAX; i++) {
        items[i] = sample_item(i + 2, i + 1);
        items[i].leaves = (struct slice){leaves, sizeof leaves};
    }
    bytes_clear(&frame);
    m.kind = MESSAGE_CHANGESETS;
    m.as.changesets =
        (struct changesets){items, MESSAGE_CHANGESETS_MAX, 9999, 0};
    message_encode(&m, &frame);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    message_clear(&back);

    static const uint8_t large[PACKED_BYTES_MAX];
    items[0].leaves = (struct slice){large, sizeof large};
    bytes_clear(&frame);
    m.as.changesets = (struct changesets){items, 1, 9999, 0};
    message_encode(&m, &frame);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    assert_int_equal(back.as.changesets.items[0].leaves.len, sizeof large);
    message_clear(&back);
    bytes_free(&frame);
}

/* --- refusals ------------------------------------------------------------ */

static void a_frame_beyond_the_limit_is_not_looked_at(void **state)
{
    (void)state;
    struct bytes frame = {0};
    struct message back;
    struct err e = {0};
    uint8_t *zeros = calloc(1, FRAME_BYTES_MAX + 1);
    bytes_put(&frame, zeros, FRAME_BYTES_MAX + 1);
    assert_int_equal(decode(&frame, &back, &e), ERR_LIMIT);
    free(zeros);
    bytes_free(&frame);
}

/* `count` items of field `inner` in the message of field `outer`, each of
 * `item` bytes. */
static struct bytes wrapped(uint8_t outer, const char *item, size_t item_len,
                            size_t count)
{
    struct bytes frame = {0};
    bytes_put_u8(&frame, (uint8_t)(outer << 3 | 2));
    bytes_put_varint(&frame, item_len * count);
    for (size_t i = 0; i < count; i++) {
        bytes_put(&frame, item, item_len);
    }
    return frame;
}

static void a_bomb_of_empty_submessages_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        const char *item;
    } bombs[] = {
        {MESSAGE_CHANGESETS, "\x0a\x00"}, /* changesets */
        {MESSAGE_ACK, "\x1a\x00"},        /* refusals */
        {MESSAGE_DIGEST, "\x12\x00"},     /* origins */
        {MESSAGE_GRANT, "\x1a\x00"},      /* chain */
        {MESSAGE_HELLO, "\x42\x00"},      /* have, again and again */
        {MESSAGE_HEARTBEAT, "\x7a\x00"},  /* unknown fields */
    };
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct bytes frame =
            wrapped(bombs[i].kind, bombs[i].item, 2, (FRAME_BYTES_MAX - 8) / 2);
        struct message back;
        struct err e = {0};
        assert_true(frame.len <= FRAME_BYTES_MAX);
        assert_int_equal(decode(&frame, &back, &e), ERR_LIMIT);
        assert_non_null(strstr(e.text, "unfolds"));
        bytes_free(&frame);
    }
}

static void counts_over_the_limit_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        const char *item;
        size_t max;
    } lists[] = {
        {MESSAGE_CHANGESETS, "\x0a\x00", MESSAGE_CHANGESETS_MAX},
        {MESSAGE_DIGEST, "\x12\x00", DIGEST_ORIGINS_MAX},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct message back;
        struct err e = {0};
        struct bytes frame =
            wrapped(lists[i].kind, lists[i].item, 2, lists[i].max + 1);
        assert_int_equal(decode(&frame, &back, &e), ERR_LIMIT);
        assert_non_null(strstr(e.text, "at most"));
        bytes_free(&frame);
        frame = wrapped(lists[i].kind, lists[i].item, 2, lists[i].max);
        assert_int_equal(decode(&frame, &back, &e), ERR_FORMAT);
        bytes_free(&frame);
    }
    /* journal 1, token {1, 1}, then refusals */
    static const char ack[] = "\x09\x01\0\0\0\0\0\0\0\x12\x02\x10\x01";
    struct message back;
    struct err e = {0};
    struct bytes body = {0};
    struct bytes frame = {0};
    bytes_put(&body, ack, 9);
    bytes_put(&body, "\x12\x0b\x09\x01\0\0\0\0\0\0\0\x10\x01", 13);
    for (size_t i = 0; i <= ACK_REFUSED_MAX; i++) {
        bytes_put(&body, "\x1a\x00", 2);
    }
    bytes_put_u8(&frame, MESSAGE_ACK << 3 | 2);
    bytes_put_varint(&frame, body.len);
    bytes_put(&frame, body.data, body.len);
    assert_int_equal(decode(&frame, &back, &e), ERR_LIMIT);
    bytes_free(&body);
    bytes_free(&frame);
}

static void a_hash_has_exactly_its_bytes(void **state)
{
    (void)state;
    static const uint8_t zeros[2 * HASH_BYTES];
    for (size_t len = 0; len < 2 * HASH_BYTES; len++) {
        struct bytes frame = {0};
        struct message back;
        struct err e = {0};
        /* digest { origins { origin of `len` bytes, sum } } */
        size_t inner = 2 + len + 2 + HASH_BYTES;
        bytes_put_u8(&frame, MESSAGE_DIGEST << 3 | 2);
        bytes_put_varint(&frame, 2 + inner);
        bytes_put_u8(&frame, 0x12);
        bytes_put_varint(&frame, inner);
        bytes_put_u8(&frame, 0x0a);
        bytes_put_varint(&frame, len);
        bytes_put(&frame, zeros, len);
        bytes_put_u8(&frame, 0x22);
        bytes_put_varint(&frame, HASH_BYTES);
        bytes_put(&frame, zeros, HASH_BYTES);
        int want = len == HASH_BYTES ? 0 : ERR_FORMAT;
        assert_int_equal(decode(&frame, &back, &e), want);
        if (want == 0) {
            message_clear(&back);
        }
        bytes_free(&frame);
    }
}

static void a_kind_from_a_newer_program_is_named_so(void **state)
{
    (void)state;
    struct bytes frame = {0};
    struct message back;
    struct err e = {0};
    bytes_put(&frame, "\x52\x00", 2); /* field 10 */
    assert_int_equal(decode(&frame, &back, &e), ERR_VERSION);
    bytes_clear(&frame);
    assert_int_equal(decode(&frame, &back, &e), ERR_FORMAT); /* nothing */
    bytes_free(&frame);
}

static void a_field_from_a_newer_program_is_ignored(void **state)
{
    (void)state;
    struct bytes frame = {0};
    struct message back;
    bytes_put(&frame, "\x32\x07\x08\x2a\x7a\x03new", 9);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    assert_int_equal(back.kind, MESSAGE_HEARTBEAT);
    assert_int_equal(back.as.heartbeat.time_ms, 42);
    message_clear(&back);
    bytes_free(&frame);
}

static void positions_ascend_or_are_refused(void **state)
{
    (void)state;
    struct message m = sample(MESSAGE_CHANGESETS);
    m.as.changesets.items[1].position = 10; /* as the one before */
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets.position = 12; /* before its last item */
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets.items[0].position = 0;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets.from = m.as.changesets.items[0].position;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets = (struct changesets){NULL, 0, 5, 5};
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets.position = 1ULL << 63;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_CHANGESETS);
    m.as.changesets = (struct changesets){NULL, 0, 0, 0};
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_ACK);
    m.as.ack.refusals[1].position = 3;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_ACK);
    m.as.ack.refusals[1].position = 6; /* not covered by the token */
    assert_refused(&m, ERR_FORMAT);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct message m = sample(MESSAGE_HELLO);
    m.as.hello.journal = 0;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_HELLO);
    m.as.hello.have.journal = 0; /* but position 8 */
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_HELLO);
    m.as.hello.have = (struct token){.start = 9};
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_HELLO);
    m.as.hello.credit = 0;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_HELLO);
    m.as.hello.start = 0;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_WELCOME);
    m.as.welcome.head = 1ULL << 63;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_WELCOME);
    m.as.welcome.give_back = 1ULL << 63;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_WELCOME);
    m.as.welcome.again = 7; /* of six positions */
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_HELLO);
    m.as.hello.again = 9;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_WELCOME);
    m.as.welcome.have.position = 1ULL << 63;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_ACK);
    m.as.ack.journal = 0;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_GRANT);
    m.as.grant.chain[1].has_prev = false;
    assert_refused(&m, ERR_FORMAT);
    m = sample(MESSAGE_GRANT);
    m.as.grant.chain[0].has_origin = false;
    assert_refused(&m, ERR_FORMAT);
}

/* Cuts one byte out of, or doubles one byte in, every place of every kind. */
static void bytes_lost_or_doubled_are_survived(void **state)
{
    (void)state;
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_GRANT; kind++) {
        struct message m = sample((enum message_kind)kind);
        struct bytes whole = {0};
        struct bytes frame = {0};
        message_encode(&m, &whole);
        for (size_t i = 0; i < whole.len; i++) {
            struct message back;
            for (size_t skip = 0; skip < 3; skip += 2) {
                bytes_clear(&frame);
                bytes_put(&frame, whole.data, i + 1);
                size_t from = i + skip < whole.len ? i + skip : whole.len;
                bytes_put(&frame, whole.data + from, whole.len - from);
                if (decode(&frame, &back, NULL) == 0) {
                    message_clear(&back);
                }
            }
            bytes_clear(&frame);
            bytes_put(&frame, whole.data, i); /* cut off: whole or nothing */
            assert_true(decode(&frame, &back, NULL) < 0);
        }
        bytes_free(&whole);
        bytes_free(&frame);
    }
}

static void bits_turned_in_any_message_are_survived(void **state)
{
    (void)state;
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_GRANT; kind++) {
        struct message m = sample((enum message_kind)kind);
        struct bytes frame = {0};
        message_encode(&m, &frame);
        for (size_t bit = 0; bit < frame.len * 8; bit++) {
            struct message back;
            struct err e = {0};
            frame.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            int rc = decode(&frame, &back, &e);
            if (rc == 0) {
                struct bytes again = {0};
                message_encode(&back, &again); /* keeps every limit */
                bytes_free(&again);
                message_clear(&back);
            } else {
                assert_int_equal(rc, e.code);
            }
            frame.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        bytes_free(&frame);
    }
}

static void random_frames_are_survived(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (int round = 0; round < 20000; round++) {
        struct message m = sample((enum message_kind)(1 + round % 9));
        struct bytes frame = {0};
        struct message back;
        message_encode(&m, &frame);
        for (int turn = 0; turn < 1 + round % 7; turn++) {
            dice_fill(&d, frame.data + dice_below(&d, frame.len), 1);
        }
        if (decode(&frame, &back, NULL) == 0) {
            message_clear(&back);
        }
        bytes_free(&frame);
    }
}

/* --- sentences ----------------------------------------------------------- */

static void a_sentence_cannot_forge_a_line_of_the_log(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *heard;
    } cases[] = {
        {"a plain sentence", "a plain sentence"},
        {"two\nlines\r", "two?lines?"},
        {"\x1b[31mred\x7f", "?[31mred?"},
        {"ਲੁਧਿਆਣਾ, 5 µg, 😀", "ਲੁਧਿਆਣਾ, 5 µg, 😀"},
        {"\xc2\x85", "??"},           /* next line, C1 */
        {"\xe2\x80\xa8", "???"},      /* line separator */
        {"\xe2\x80\xae", "???"},      /* right-to-left override */
        {"\xc0\x8a", "??"},           /* overlong newline */
        {"\xe0\x80\x8a", "???"},      /* overlong newline */
        {"\xed\xa0\x80", "???"},      /* surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
        {"\xff\xfe", "??"},
        {"cut \xe0\xa8", "cut ??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SENTENCE_BYTES_MAX + 1];
        message_sentence(cases[i].said, out);
        assert_string_equal(out, cases[i].heard);
    }
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    char said[3 * SENTENCE_BYTES_MAX + 1] = "";
    char out[SENTENCE_BYTES_MAX + 1];
    for (size_t i = 0; i < SENTENCE_BYTES_MAX; i++) {
        memcpy(said + 3 * i, "ਲ", 4);
    }
    message_sentence(said, out);
    assert_int_equal(strlen(out), SENTENCE_BYTES_MAX / 3 * 3);
    assert_memory_equal(out, said, strlen(out));
}

static void a_sentence_from_a_peer_is_cleaned(void **state)
{
    (void)state;
    struct message back;
    struct bytes frame = {0};
    /* error {code -13, sentence "a\nb\0c"}; what follows the NUL is lost */
    bytes_put(&frame,
              "\x3a\x09\x08\x19\x12\x05"
              "a\nb\0c",
              11);
    assert_int_equal(decode(&frame, &back, NULL), 0);
    assert_int_equal(back.as.error.code, ERR_BUSY);
    assert_string_equal(back.as.error.sentence, "a?b");
    message_clear(&back);
    bytes_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(every_field_of_a_changeset_arrives),
        cmocka_unit_test(every_field_of_a_greeting_arrives),
        cmocka_unit_test(the_envelope_of_a_lone_changeset_is_small),
        cmocka_unit_test(the_largest_messages_fit),
        cmocka_unit_test(a_frame_beyond_the_limit_is_not_looked_at),
        cmocka_unit_test(a_bomb_of_empty_submessages_is_refused),
        cmocka_unit_test(counts_over_the_limit_are_refused),
        cmocka_unit_test(a_hash_has_exactly_its_bytes),
        cmocka_unit_test(a_kind_from_a_newer_program_is_named_so),
        cmocka_unit_test(a_field_from_a_newer_program_is_ignored),
        cmocka_unit_test(positions_ascend_or_are_refused),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(bytes_lost_or_doubled_are_survived),
        cmocka_unit_test(bits_turned_in_any_message_are_survived),
        cmocka_unit_test(random_frames_are_survived),
        cmocka_unit_test(a_sentence_cannot_forge_a_line_of_the_log),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(a_sentence_from_a_peer_is_cleaned),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
