/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/tree.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* A root that was asked for an invite. */
struct asked {
    struct tree *t;
    struct replica *root;
    uint8_t curve[KEY_PUBLIC_BYTES];
    struct keys joiner;
    struct err e;
};

static struct asked ask(const char *site)
{
    struct asked a = {.t = tree_new()};
    a.root = a.t->nodes[0].replica;
    randombytes_buf(a.curve, sizeof a.curve);
    keys_generate(&a.joiner);
    tree_ask(a.t, 0, site, a.curve);
    return a;
}

/* How many keys the door admits now. */
static size_t admitted(struct asked *a)
{
    uint8_t(*keys)[KEY_PUBLIC_BYTES] = NULL;
    size_t count = 0;
    assert_int_equal(
        replica_invites(a->root, a->t->now_ms, &keys, &count, &a->e), 0);
    free(keys);
    return count;
}

/* The code of the answer to a request with these keys. */
static int enrol(struct asked *a, const struct keys *keys)
{
    struct message grant;
    struct enrol_request request = {.network = replica_self(a->root)->network};
    memcpy(request.invite_curve, a->curve, sizeof a->curve);
    enrol_request_sign(&request, keys);
    int rc = replica_enrol(a->root, &request, a->t->now_ms, &grant, &a->e);
    if (rc == 0) {
        message_clear(&grant);
    }
    return rc;
}

static void an_expired_invite_is_refused_in_words(void **state)
{
    (void)state;
    struct asked a = ask("LDH-H");
    assert_int_equal(admitted(&a), 1);
    a.t->now_ms += TREE_INVITE_MS;
    assert_int_equal(enrol(&a, &a.joiner), ERR_EXPIRED);
    /* whether or not the daemon has marked it meanwhile */
    assert_int_equal(admitted(&a), 1);
    assert_int_equal(enrol(&a, &a.joiner), ERR_EXPIRED);
    assert_non_null(strstr(a.e.text, "LDH-H"));
    assert_non_null(strstr(a.e.text, "expired at 2026-09-22T"));
    assert_non_null(strstr(a.e.text, "the clock here says 2026-09-22T"));
    tree_free(a.t);
}

static void the_door_opens_to_an_expired_invite_for_some_days(void **state)
{
    (void)state;
    struct asked a = ask("LDH-H");
    assert_int_equal(admitted(&a), 1);
    a.t->now_ms += TREE_INVITE_MS + INVITE_GRACE_DAYS * day_ms - 10000;
    assert_int_equal(admitted(&a), 1);
    a.t->now_ms += 10000;
    assert_int_equal(admitted(&a), 0);
    tree_free(a.t);
}

static void a_spent_invite_is_answered_after_its_date_too(void **state)
{
    (void)state;
    struct asked a = ask("LDH-H");
    struct keys other;
    keys_generate(&other);
    assert_int_equal(admitted(&a), 1);
    assert_int_equal(enrol(&a, &a.joiner), 0);
    a.t->now_ms += TREE_INVITE_MS + day_ms;
    assert_int_equal(admitted(&a), 1);
    assert_int_equal(enrol(&a, &other), ERR_SPENT);
    assert_int_equal(enrol(&a, &a.joiner), 0); /* its answer was lost */
    tree_free(a.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expired_invite_is_refused_in_words),
        cmocka_unit_test(the_door_opens_to_an_expired_invite_for_some_days),
        cmocka_unit_test(a_spent_invite_is_answered_after_its_date_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
