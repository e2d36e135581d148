/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/tree.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* A root that was asked for an invite. */
struct asked {
    struct tree *t;
    struct replica *root;
    uint8_t curve[KEY_PUBLIC_BYTES];
    struct keys joiner;
    uint64_t unproved; /* when last looked */
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
    struct invites invites;
    assert_int_equal(replica_invites(a->root, a->t->now_ms, &invites, &a->e),
                     0);
    free(invites.keys);
    a->unproved = invites.unproved;
    return invites.count;
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

/* --- who may invite ------------------------------------------------------- */

/* What can be edited of a row before and after the daemon opens it. */
static const char *const edits[] = {
    "site_id = 'ASR-H'",           "may_enrol = 1 - may_enrol",
    "expires_ms = expires_ms + 1", "proof = NULL",
    "proof = zeroblob(64)",        "proof = substr(proof, 1, 63)",
};

static void edit(struct asked *a, const char *what)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "UPDATE local_invite SET %s", what);
    tree_sql(a->t, 0, sql);
}

static void a_row_that_the_nodes_key_did_not_sign_opens_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct asked a = ask("LDH-H");
        edit(&a, edits[i]);
        assert_int_equal(admitted(&a), 0);
        assert_int_equal(a.unproved, 1);
        assert_string_equal(tree_get(a.t, 0, "SELECT state FROM local_invite"),
                            "refused");
        assert_non_null(
            strstr(tree_get(a.t, 0, "SELECT says FROM local_invite"),
                   "not signed with this node's key"));
        assert_int_not_equal(enrol(&a, &a.joiner), 0);
        tree_free(a.t);
    }
}

static void an_open_row_that_is_altered_enrols_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct asked a = ask("LDH-H");
        assert_int_equal(admitted(&a), 1);
        assert_int_equal(a.unproved, 0);
        edit(&a, edits[i]);
        assert_int_equal(enrol(&a, &a.joiner), ERR_FORBIDDEN);
        tree_free(a.t);
    }
}

static void a_row_signed_by_another_node_opens_nothing(void **state)
{
    (void)state;
    struct asked a = ask("LDH-H");
    int hub = tree_add(a.t, 0, "ASR-H");
    struct keys own = a.t->nodes[0].keys;
    a.t->nodes[0].keys = a.t->nodes[hub].keys; /* signs what is asked now */
    randombytes_buf(a.curve, sizeof a.curve);
    tree_ask(a.t, 0, "LDH-H", a.curve);
    a.t->nodes[0].keys = own;
    assert_int_equal(admitted(&a), 2); /* of the first and of the hub */
    assert_int_equal(a.unproved, 1);
    tree_free(a.t);
}

static void no_row_makes_a_spent_invite_fresh_again(void **state)
{
    (void)state;
    struct asked a = ask("LDH-H");
    struct keys other;
    keys_generate(&other);
    assert_int_equal(admitted(&a), 1);
    assert_int_equal(enrol(&a, &a.joiner), 0);
    edit(&a, "state = 'open', node = NULL, certificate = NULL");
    assert_int_equal(enrol(&a, &other), ERR_SPENT);
    tree_restart(a.t, 0);
    a.root = a.t->nodes[0].replica;
    assert_int_equal(enrol(&a, &other), ERR_SPENT);
    assert_int_equal(enrol(&a, &a.joiner), 0);
    tree_free(a.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expired_invite_is_refused_in_words),
        cmocka_unit_test(the_door_opens_to_an_expired_invite_for_some_days),
        cmocka_unit_test(a_spent_invite_is_answered_after_its_date_too),
        cmocka_unit_test(a_row_that_the_nodes_key_did_not_sign_opens_nothing),
        cmocka_unit_test(an_open_row_that_is_altered_enrols_nobody),
        cmocka_unit_test(a_row_signed_by_another_node_opens_nothing),
        cmocka_unit_test(no_row_makes_a_spent_invite_fresh_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
