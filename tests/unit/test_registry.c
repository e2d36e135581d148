/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/later.h"
#include "support/tree.h"

#include <sodium.h>
#include <string.h>

enum { HQ, HUB, CLINIC };

static struct registry *registry_at(struct tree *t, int node)
{
    return t->nodes[node].replica->merger.registry;
}

/* --- two registries ------------------------------------------------------- */

static void sums_are_equal(const struct leaf_sum *a, const struct leaf_sum *b)
{
    assert_int_equal(a->leaves, b->leaves);
    assert_memory_equal(&a->sum, &b->sum, sizeof a->sum);
}

static void origins_are_equal(const struct origin *a, const struct origin *b)
{
    assert_int_equal(a->no, b->no);
    assert_memory_equal(&a->node, &b->node, sizeof a->node);
    assert_int_equal(a->head_seq, b->head_seq);
    assert_int_equal(a->head_incarnation, b->head_incarnation);
    assert_memory_equal(&a->head_hash, &b->head_hash, sizeof a->head_hash);
    assert_int_equal(a->head_hlc, b->head_hlc);
    sums_are_equal(&a->held, &b->held);
    sums_are_equal(&a->all, &b->all);
    assert_false(a->changed);
}

/* What is in memory is what would be loaded from the file. */
static void memory_is_as_the_file(struct tree *t, int node)
{
    struct replica *r = t->nodes[node].replica;
    const struct registry *held = r->merger.registry;
    struct registry *loaded = NULL;
    struct err e;
    assert_int_equal(registry_load(r->db, r->merger.packer, &r->self.network,
                                   r->enrolled ? &r->grant.as.grant : NULL,
                                   &loaded, &e),
                     0);
    size_t origins = registry_origin_count(loaded);
    size_t certificates = registry_certificate_count(loaded);
    assert_int_equal(registry_origin_count(held), origins);
    assert_int_equal(registry_certificate_count(held), certificates);
    for (size_t i = 0; i < origins; i++) {
        origins_are_equal(registry_origin_at(held, i),
                          registry_origin_at(loaded, i));
    }
    for (size_t i = 0; i < certificates; i++) {
        const struct certificate *c = registry_certificate_at(held, i);
        assert_int_equal(c->serial, registry_certificate_at(loaded, i)->serial);
        /* one that is known must be the same to the letter */
        assert_int_equal(registry_admit(loaded, &c->parent, c, &e), 0);
    }
    assert_int_equal(registry_certificate_count(loaded), certificates);
    registry_destroy(&loaded);
}

/* --- a stretch that cannot be kept ----------------------------------------- */

static struct tree *tree_with_news(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    assert_int_equal(tree_add(t, HUB, "LDH-C"), CLINIC);
    for (int i = 0; i < 2; i++) {
        tree_sql(t, CLINIC,
                 "INSERT INTO person(beneficiary_no, given_name)"
                 " VALUES(random(), 'A')");
        tree_drain(t, CLINIC);
    }
    tree_send(t, CLINIC, HUB);
    return t;
}

/* Stores at headquarters all that the hub has for it, but cannot commit it. */
static void store_in_vain(struct tree *t)
{
    struct peer to = tree_peer(t, HUB, HQ);
    struct peer from = tree_peer(t, HQ, HUB);
    struct walked walked = {.end = false};
    struct stored stored;
    struct err e;
    assert_int_equal(replica_walk(t->nodes[HUB].replica, &to,
                                  from.have.position, MESSAGE_TARGET_BYTES,
                                  &walked, &e),
                     0);
    assert_true(walked.count >= 3); /* a certificate, and of a new origin */
    struct changesets stretch = {
        .items = walked.items,
        .count = walked.count,
        .position = walked.position,
    };
    tree_refuse_commits(t, HQ, true);
    assert_true(replica_store(t->nodes[HQ].replica, &from, &stretch, t->now_ms,
                              &stored, &e) < 0);
    tree_refuse_commits(t, HQ, false);
    walked_clear(&walked);
}

static void after_a_lost_stretch_the_registry_is_as_the_file(void **state)
{
    (void)state;
    struct tree *t = tree_with_news();
    size_t origins = registry_origin_count(registry_at(t, HQ));
    store_in_vain(t);
    memory_is_as_the_file(t, HQ);
    assert_int_equal(registry_origin_count(registry_at(t, HQ)), origins);
    store_in_vain(t);
    memory_is_as_the_file(t, HQ);
    tree_sync(t); /* the same */
    assert_int_equal(registry_origin_count(registry_at(t, HQ)), origins + 1);
    for (int i = 0; i < t->count; i++) {
        memory_is_as_the_file(t, i);
        tree_check(t, i);
    }
    tree_free(t);
}

static void after_a_refused_enrolment_the_registry_is_as_the_file(void **state)
{
    (void)state;
    struct tree *t = tree_with_news();
    struct enrol_request request = {
        .network = replica_self(t->nodes[HQ].replica)->network};
    struct message grant;
    struct err e;
    enrol_request_sign(&request, &t->nodes[CLINIC].keys);
    assert_int_equal(
        replica_enrol(t->nodes[HQ].replica, &request, t->now_ms, &grant, &e),
        ERR_UNKNOWN);
    memory_is_as_the_file(t, HQ);
    tree_free(t);
}

/* --- what it costs -------------------------------------------------------- */

struct count {
    size_t steps;   /* rows that statements gave */
    size_t journal; /* of these, rows of the journal */
    bool undone;    /* the transaction cannot be committed: count from here */
};

static int count_row(unsigned event, void *context, void *stmt, void *unused)
{
    struct count *c = context;
    const char *sql = sqlite3_sql(stmt);
    (void)unused;
    if (event == SQLITE_TRACE_STMT) {
        c->undone |= strstr(sql, "COMMIT") != NULL;
    } else if (c->undone) {
        c->steps++;
        c->journal += strstr(sql, "sync_delivery") != NULL;
    }
    return 0;
}

static void a_rollback_does_not_read_the_journal_again(void **state)
{
    (void)state;
    struct tree *t = tree_with_news();
    struct count c = {0};
    sqlite3 *handle = database_handle(t->nodes[HQ].replica->db);
    (void)sqlite3_trace_v2(handle, SQLITE_TRACE_STMT | SQLITE_TRACE_ROW,
                           count_row, &c);
    store_in_vain(t);
    (void)sqlite3_trace_v2(handle, 0, NULL, NULL);
    assert_true(c.undone);
    assert_true(c.steps > 0);
    assert_int_equal(c.journal, 1); /* its last position, and nothing else */
    tree_free(t);
}

/* --- who enrols without end -------------------------------------------------- */

/* Its own registry takes it or not; it says so all the same. */
static int enrol(struct tree *t, int parent)
{
    struct replica *r = t->nodes[parent].replica;
    struct keys keys = {0};
    struct certificate c;
    struct err e;
    randombytes_buf(keys.sign_public, sizeof keys.sign_public);
    randombytes_buf(keys.box_public, sizeof keys.box_public);
    randombytes_buf(keys.curve_public, sizeof keys.curve_public);
    replica_certificate_for(r, &keys, "LDH-C", &c);
    randombytes_buf(&c.serial, sizeof c.serial);
    int rc = registry_admit(r->merger.registry, &r->self.node, &c, &e);
    assert_int_equal(replica_sign_certificate(r, &c, t->now_ms, &e), 0);
    return rc;
}

/* A hub that lies enrols whom it likes; headquarters is upgraded to one class more,
 * and enrols another hub [I-7]. What was rolled back takes no room. */
static void who_enrols_without_end_uses_up_its_own_room(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct err e;
    assert_int_equal(tree_add(t, HQ, "LDH-H"), HUB);
    tree_sync(t);
    struct replica *r = t->nodes[HUB].replica;
    assert_int_equal(replica_begin(r, &e), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(enrol(t, HUB), 0);
    }
    assert_int_equal(replica_end(r, ERR_INPUT, &e), ERR_INPUT);
    assert_int_equal(replica_begin(r, &e), 0);
    for (int i = 0; i < CHILDREN_MAX + 10; i++) {
        assert_int_equal(enrol(t, HUB), i < CHILDREN_MAX ? 0 : ERR_LIMIT);
    }
    assert_int_equal(replica_end(r, 0, &e), 0);
    tree_send(t, HUB, HQ);
    assert_int_equal(registry_certificate_count(registry_at(t, HQ)),
                     2 + CHILDREN_MAX);
    tree_upgrade(t, HQ, later_schema(&schema_embedded, LATER_CLASS));
    assert_int_equal(tree_add(t, HQ, "ASR-H"), CLINIC);
    tree_restart(t, HQ);
    memory_is_as_the_file(t, HQ);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_lost_stretch_the_registry_is_as_the_file),
        cmocka_unit_test(after_a_refused_enrolment_the_registry_is_as_the_file),
        cmocka_unit_test(a_rollback_does_not_read_the_journal_again),
        cmocka_unit_test(who_enrols_without_end_uses_up_its_own_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
