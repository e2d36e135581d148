/* SPDX-License-Identifier: Apache-2.0 */
/* What control leaves say for and against changesets, without a file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "protocol/limits.h"
#include "store/standing.h"

/* A root, a hub that it enrolled, and a site that the hub enrolled. */
static const struct hash root = {.bytes = {1}};
static const struct hash hub = {.bytes = {2}};
static const struct hash site = {.bytes = {3}};

static struct changeset_header said(const struct hash *origin, uint64_t seq)
{
    return (struct changeset_header){
        .origin = *origin,
        .incarnation = 7,
        .seq = seq,
        .hlc = seq << 16,
        .certificate = 1,
    };
}

static void enrol(struct standing *s, const struct hash *node,
                  const struct hash *by, uint64_t seq)
{
    const struct certificate c = {.node = *node, .parent = *by, .serial = 1};
    const struct changeset_header in = said(by, seq);
    standing_add_certificate(s, &c, &in);
}

static struct standing *of_three(void)
{
    struct standing *s = standing_new();
    enrol(s, &root, &root, 1);
    enrol(s, &hub, &root, 2);
    enrol(s, &site, &hub, 1);
    standing_settled(s);
    standing_mark(s);
    return s;
}

static bool revoke(struct standing *s, const struct hash *node, uint64_t after,
                   const struct hash *by, uint64_t seq)
{
    const struct revocation v = {.node = *node, .after = after};
    const struct changeset_header in = said(by, seq);
    return standing_add_revocation(s, &v, &in, true);
}

static enum stand stand(struct standing *s, const struct hash *origin,
                        uint64_t seq)
{
    const struct changeset_header h = said(origin, seq);
    return standing_of(s, &h);
}

/* --- back to the mark ------------------------------------------------------- */

static void what_was_rolled_back_was_never_said(void **state)
{
    (void)state;
    struct standing *s = of_three();
    const struct hash late = {.bytes = {4}};
    assert_true(revoke(s, &site, 5, &hub, 2));
    enrol(s, &late, &hub, 3);
    assert_int_equal(stand(s, &site, 6), STAND_CUT_OFF);
    assert_true(standing_changed(s));
    standing_return(s);
    assert_int_equal(stand(s, &site, 6), STAND_COUNTS);
    assert_false(standing_changed(s));
    assert_false(standing_is_above(s, &hub, &late));
    assert_true(standing_is_above(s, &hub, &site));
    standing_destroy(&s);
}

static void what_was_marked_stays(void **state)
{
    (void)state;
    struct standing *s = of_three();
    assert_true(revoke(s, &site, 5, &hub, 2));
    standing_settled(s);
    standing_mark(s);
    assert_true(revoke(s, &hub, 1, &root, 3)); /* before it said so */
    assert_int_equal(stand(s, &site, 6), STAND_COUNTS);
    standing_return(s);
    assert_int_equal(stand(s, &site, 6), STAND_CUT_OFF);
    assert_int_equal(stand(s, &site, 5), STAND_COUNTS);
    standing_destroy(&s);
}

/* A node that moved and moved back is under whom it was. */
static void a_parent_that_was_rolled_back_is_no_parent(void **state)
{
    (void)state;
    struct standing *s = of_three();
    const struct certificate c = {.node = site, .parent = root, .serial = 2};
    const struct changeset_header in = said(&root, 9);
    standing_add_certificate(s, &c, &in);
    assert_false(standing_is_above(s, &hub, &site));
    standing_return(s);
    assert_true(standing_is_above(s, &hub, &site));
    standing_destroy(&s);
}

/* --- proofs ------------------------------------------------------------------ */

static bool prove(struct standing *s, uint64_t seq, uint64_t told_in,
                  bool verifies)
{
    struct fork_proof p = {.kind = PROOF_FORK};
    const struct changeset_header in = said(&hub, told_in);
    p.first.header = said(&site, seq);
    p.second.header = said(&site, seq);
    return standing_add_fork(s, &p, &in, verifies);
}

static void a_proof_says_nothing_until_it_verifies(void **state)
{
    (void)state;
    struct standing *s = of_three();
    assert_true(prove(s, 5, 2, false));
    assert_int_equal(stand(s, &site, 6), STAND_COUNTS);
    assert_false(standing_changed(s));
    assert_true(prove(s, 5, 2, true));
    assert_true(standing_changed(s));
    assert_int_equal(stand(s, &site, 4), STAND_COUNTS);
    assert_int_equal(stand(s, &site, 5), STAND_FORKED);
    standing_destroy(&s);
}

/* --- what is looked at again ---------------------------------------------------- */

/* Else a clinic that revokes headquarters, and that again and again, has its hub
 * look at all that anybody signed. */
static void whom_a_node_may_not_revoke_nobody_looks_at(void **state)
{
    (void)state;
    struct standing *s = of_three();
    const struct changeset_header in = said(&hub, 2);
    const struct revocation v = {.node = site, .after = 5};
    assert_true(revoke(s, &root, 0, &site, 1));
    assert_true(revoke(s, &hub, 0, &site, 2));
    assert_true(standing_add_revocation(s, &v, &in, false));
    assert_false(standing_changed(s));
    assert_false(standing_concerns(s, &root));
    assert_true(revoke(s, &site, 5, &hub, 3));
    assert_true(standing_changed(s));
    assert_true(standing_concerns(s, &site));
    assert_false(standing_concerns(s, &hub));
    standing_destroy(&s);
}

/* The revocation of a node came before the certificate that its signer signed
 * for it, or for one that is above it. */
static void whom_a_certificate_puts_below_is_looked_at(void **state)
{
    (void)state;
    struct standing *s = standing_new();
    enrol(s, &root, &root, 1);
    enrol(s, &site, &hub, 1);
    assert_true(revoke(s, &site, 5, &root, 3));
    standing_settled(s);
    const struct changeset_header six = said(&site, 6);
    assert_false(standing_turned(s, &six));
    enrol(s, &hub, &root, 2);
    assert_true(standing_concerns(s, &site));
    assert_true(standing_turned(s, &six));
    assert_int_equal(standing_of(s, &six), STAND_CUT_OFF);
    standing_destroy(&s);
}

/* --- bounded [I-12] --------------------------------------------------------- */

static void nobody_is_heard_without_end(void **state)
{
    (void)state;
    struct standing *s = of_three();
    for (uint64_t i = 1; i <= EVIDENCE_MAX; i++) {
        assert_true(revoke(s, &site, 100 + i, &hub, 1 + i));
    }
    assert_false(revoke(s, &site, 5, &hub, EVIDENCE_MAX + 2));
    assert_true(revoke(s, &site, 101, &hub, 2)); /* again is no more */
    assert_true(revoke(s, &site, 50, &root, 3)); /* others are heard */
    assert_int_equal(stand(s, &site, 6), STAND_COUNTS);
    assert_int_equal(stand(s, &site, 51), STAND_CUT_OFF);
    standing_return(s);
    assert_true(revoke(s, &site, 5, &hub, 2)); /* nothing of it was said */
    assert_int_equal(stand(s, &site, 6), STAND_CUT_OFF);
    standing_destroy(&s);
}

/* Whose certificates came sooner is no argument of what is heard: what was told
 * before counts, verified or not. */
static void proofs_take_their_place_when_they_are_told(void **state)
{
    (void)state;
    struct standing *early = of_three();
    struct standing *late = of_three();
    assert_true(prove(early, 5, 2, false));
    assert_true(prove(early, 5, 2, true));
    assert_true(prove(late, 5, 2, false));
    for (uint64_t i = 2; i <= EVIDENCE_MAX; i++) {
        assert_true(revoke(early, &site, 100 + i, &hub, 1 + i));
        assert_true(revoke(late, &site, 100 + i, &hub, 1 + i));
    }
    assert_false(revoke(early, &site, 3, &hub, EVIDENCE_MAX + 2));
    assert_false(revoke(late, &site, 3, &hub, EVIDENCE_MAX + 2));
    assert_true(prove(late, 5, 2, true));
    assert_int_equal(stand(early, &site, 5), STAND_FORKED);
    assert_int_equal(stand(late, &site, 5), STAND_FORKED);
    standing_destroy(&early);
    standing_destroy(&late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_rolled_back_was_never_said),
        cmocka_unit_test(what_was_marked_stays),
        cmocka_unit_test(a_parent_that_was_rolled_back_is_no_parent),
        cmocka_unit_test(a_proof_says_nothing_until_it_verifies),
        cmocka_unit_test(whom_a_node_may_not_revoke_nobody_looks_at),
        cmocka_unit_test(whom_a_certificate_puts_below_is_looked_at),
        cmocka_unit_test(nobody_is_heard_without_end),
        cmocka_unit_test(proofs_take_their_place_when_they_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
