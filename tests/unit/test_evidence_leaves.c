/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/evidence.h"
#include "support/vectors.h"

static const char file[] = "evidence.txt";

static struct hash own_node(void)
{
    struct hash node;
    vectors_read_into("keys.txt", "node", node.bytes, HASH_BYTES);
    return node;
}

static void check_body(const char *name, const struct leaf *leaf)
{
    struct bytes head = {0};
    struct bytes body = {0};
    leaf_encode_head(leaf, &head);
    leaf_encode_body(leaf, &body);
    vectors_check(file, "head", head.data, head.len);
    vectors_check(file, name, body.data, body.len);
    bytes_free(&head);
    bytes_free(&body);
}

/* The published leaf, decoded; its bytes are in `memory`. */
static void read_leaf(const char *name, struct bytes memory[2],
                      struct leaf *ret)
{
    vectors_read(file, "head", &memory[0]);
    vectors_read(file, name, &memory[1]);
    assert_int_equal(
        leaf_decode(slice_of(&memory[0]), slice_of(&memory[1]), ret, NULL), 0);
}

static void forget(struct bytes memory[2])
{
    bytes_free(&memory[0]);
    bytes_free(&memory[1]);
}

static void a_revocation_has_the_published_bytes(void **state)
{
    (void)state;
    struct leaf leaf;
    struct bytes memory = {0};
    struct bytes read[2] = {0};
    struct revocation back;
    struct revocation v = {.node = own_node(), .after = 41};
    revocation_leaf(&v, &memory, &leaf);
    check_body("revocation", &leaf);
    v.retires = true;
    revocation_leaf(&v, &memory, &leaf);
    check_body("retirement", &leaf);
    read_leaf("retirement", read, &leaf);
    assert_int_equal(revocation_of_leaf(&leaf, &back, NULL), 0);
    assert_true(hash_equal(&back.node, &v.node));
    assert_int_equal(back.after, 41);
    assert_true(back.retires);
    leaf.key[2] = value_text("pardon");
    assert_int_equal(revocation_of_leaf(&leaf, &back, NULL), ERR_FORMAT);
    leaf.key[2] = value_text("revoke");
    leaf.key[1] = value_integer(-1);
    assert_int_equal(revocation_of_leaf(&leaf, &back, NULL), ERR_FORMAT);
    forget(read);
    bytes_free(&memory);
}

static void a_void_has_the_published_bytes(void **state)
{
    (void)state;
    struct leaf leaf;
    struct bytes memory = {0};
    struct bytes read[2] = {0};
    struct voiding back;
    const struct voiding v = {
        .node = own_node(),
        .incarnation = UINT64_C(0x1112131415161718),
        .after = 41,
    };
    voiding_leaf(&v, &memory, &leaf);
    check_body("void", &leaf);
    read_leaf("void", read, &leaf);
    assert_int_equal(voiding_of_leaf(&leaf, &back, NULL), 0);
    assert_true(back.incarnation == v.incarnation && back.after == 41);
    leaf.op = LEAF_UPDATE;
    assert_int_equal(voiding_of_leaf(&leaf, &back, NULL), ERR_FORMAT);
    forget(read);
    bytes_free(&memory);
}

static void read_header(const char *header, const char *signature,
                        struct signed_header *ret)
{
    struct bytes bytes = {0};
    uint8_t again[CHANGESET_HEADER_BYTES];
    uint8_t key[KEY_PUBLIC_BYTES];
    vectors_read(file, header, &bytes);
    vectors_read_into(file, signature, ret->signature, SIGNATURE_BYTES);
    vectors_read_into("keys.txt", "sign_public", key, sizeof key);
    assert_int_equal(
        changeset_header_decode(slice_of(&bytes), &ret->header, NULL), 0);
    changeset_header_encode(&ret->header, again);
    assert_memory_equal(again, bytes.data, bytes.len);
    assert_int_equal(
        changeset_header_verify(&ret->header, ret->signature, key, NULL), 0);
    bytes.len--;
    assert_int_equal(
        changeset_header_decode(slice_of(&bytes), &ret->header, NULL),
        ERR_FORMAT);
    bytes_free(&bytes);
}

static void a_fork_proof_has_the_published_bytes(void **state)
{
    (void)state;
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct bytes read[2] = {0};
    struct fork_proof p = {.kind = PROOF_FORK};
    struct fork_proof back;
    assert_non_null(leaf);
    /* in either order: the smaller hash comes first */
    read_header("header_2", "signature_2", &p.first);
    read_header("header_1", "signature_1", &p.second);
    assert_true(fork_proof_holds(&p));
    fork_proof_leaf(&p, &memory, leaf);
    check_body("fork", leaf);
    read_leaf("fork", read, leaf);
    assert_int_equal(fork_proof_of_leaf(leaf, &back, NULL), 0);
    assert_int_equal(fork_proof_from(&back)->seq, 42);
    leaf->cells[2].value =
        value_integer(41); /* it accuses more than it shows */
    assert_int_equal(fork_proof_of_leaf(leaf, &back, NULL), ERR_FORMAT);
    forget(read);
    bytes_free(&memory);
    free(leaf);
}

/* Number 42 and what continues it; between them another 42 was written. */
static struct fork_proof clone_of(void)
{
    struct fork_proof p = {.kind = PROOF_CLONE};
    struct changeset_header h = {
        .origin = own_node(),
        .incarnation = 4,
        .seq = 42,
        .prev_incarnation = 4,
        .prev = own_node(),
        .hlc = 1000,
    };
    p.first.header = h;
    h.prev = changeset_hash(&h);
    h.hlc = 3000;
    h.seq = 43;
    p.third.header = h;
    h = p.first.header;
    h.incarnation = 6;
    h.hlc = 2000;
    p.second.header = h;
    return p;
}

static void what_proves_a_clone_is_that_it_went_on_as_if_it_did_not_know(
    void **state)
{
    (void)state;
    struct fork_proof p = clone_of();
    assert_true(fork_proof_holds(&p));
    assert_int_equal(fork_proof_from(&p)->incarnation, 6);
    p.third.header.hlc = 1999; /* it had ended: a restore */
    assert_false(fork_proof_holds(&p));
    p.third.header.hlc = 2000; /* both signed what was written before */
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.second.header.hlc = 999; /* it was there before */
    assert_false(fork_proof_holds(&p));
    p.second.header.hlc = 1000;
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.second.header.seq = 43; /* it may have come after the first */
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.second.header.seq = 7; /* of a branch further back */
    assert_true(fork_proof_holds(&p));
    p = clone_of();
    p.second.header.incarnation = 4; /* no other branch */
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.third.header.seq = 44; /* it continues something else */
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.third.header.prev.bytes[0] ^= 1;
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.third.header.origin.bytes[0] ^= 1;
    assert_false(fork_proof_holds(&p));
}

/* A new start may go on from where the node had been, one that got back what it
 * lost from where it never was. */
static void who_goes_on_from_what_came_back_proves_nothing(void **state)
{
    (void)state;
    struct fork_proof p = clone_of();
    p.third.header.incarnation = 8;
    assert_true(fork_proof_holds(&p));
    p.third.header.incarnation = 9;
    assert_false(fork_proof_holds(&p));
    p = clone_of();
    p.first.header.incarnation = 5;
    p.third.header.incarnation = 5;
    p.third.header.prev_incarnation = 5;
    p.third.header.prev = changeset_hash(&p.first.header);
    assert_true(fork_proof_holds(&p)); /* it goes on from its own */
}

/* The first of a start may be stamped by what a program wrote before it. */
static void what_waited_for_a_start_proves_nothing(void **state)
{
    (void)state;
    struct fork_proof p = clone_of();
    p.first.header.incarnation = 2;
    p.third.header.incarnation = 2;
    p.third.header.prev_incarnation = 2;
    p.third.header.prev = changeset_hash(&p.first.header);
    assert_false(fork_proof_holds(&p));
    p.first.header.prev_incarnation = 2; /* not the first of it */
    p.third.header.prev = changeset_hash(&p.first.header);
    assert_true(fork_proof_holds(&p));
}

static void a_sequel_continues_in_another_incarnation(void **state)
{
    (void)state;
    struct fork_proof p = clone_of();
    p.kind = PROOF_SEQUEL;
    p.second = p.third;
    assert_false(fork_proof_holds(&p));
    p.second.header.incarnation = 9;
    assert_true(fork_proof_holds(&p));
    assert_int_equal(fork_proof_from(&p)->incarnation, 9);
    p.second.header.prev.bytes[0] ^= 1;
    assert_false(fork_proof_holds(&p));
}

/* All three are told apart, and come back as they were written. */
static void a_proof_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct leaf *leaf = calloc(1, sizeof *leaf);
    struct bytes memory = {0};
    struct fork_proof all[3] = {clone_of(), clone_of(), clone_of()};
    struct fork_proof back;
    assert_non_null(leaf);
    all[1].kind = PROOF_SEQUEL;
    all[1].second = all[1].third;
    all[1].second.header.incarnation = 9;
    all[2].kind = PROOF_FORK;
    all[2].second = all[2].first;
    all[2].second.header.hlc++;
    for (size_t i = 0; i < 3; i++) {
        assert_true(fork_proof_holds(&all[i]));
        bytes_clear(&memory);
        fork_proof_leaf(&all[i], &memory, leaf);
        assert_int_equal(fork_proof_of_leaf(leaf, &back, NULL), 0);
        assert_int_equal(back.kind, all[i].kind);
        assert_int_equal(fork_proof_from(&back)->hlc,
                         fork_proof_from(&all[i])->hlc);
    }
    bytes_free(&memory);
    free(leaf);
}

static void one_content_proves_no_fork(void **state)
{
    (void)state;
    struct fork_proof p = clone_of();
    p.kind = PROOF_FORK;
    assert_false(fork_proof_holds(&p)); /* two names */
    p.second = p.first;
    assert_false(fork_proof_holds(&p)); /* one content */
    p.second.header.hlc++;
    assert_true(fork_proof_holds(&p));
    p.second.header.network.bytes[0] ^= 1;
    assert_false(fork_proof_holds(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revocation_has_the_published_bytes),
        cmocka_unit_test(a_void_has_the_published_bytes),
        cmocka_unit_test(a_fork_proof_has_the_published_bytes),
        cmocka_unit_test(
            what_proves_a_clone_is_that_it_went_on_as_if_it_did_not_know),
        cmocka_unit_test(who_goes_on_from_what_came_back_proves_nothing),
        cmocka_unit_test(what_waited_for_a_start_proves_nothing),
        cmocka_unit_test(a_sequel_continues_in_another_incarnation),
        cmocka_unit_test(a_proof_is_read_as_it_was_written),
        cmocka_unit_test(one_content_proves_no_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
