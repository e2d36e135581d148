/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store/parts.h"
#include "support/dice.h"
#include "support/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nodes that are put back from a copy of their disk: what any neighbour heard of
 * them they get back, whoever heard it [I-13]. */

enum { HQ, LDH, CLINIC, PRISON, ASR, NODES };

static struct tree *two_districts(void)
{
    struct tree *t = tree_new();
    assert_int_equal(tree_add(t, HQ, "LDH-H"), LDH);
    tree_sync(t);
    assert_int_equal(tree_add(t, LDH, "LDH-C"), CLINIC);
    assert_int_equal(tree_add(t, LDH, "LDH-P"), PRISON);
    assert_int_equal(tree_add(t, HQ, "ASR-H"), ASR);
    tree_sync(t);
    return t;
}

static void add_person(struct tree *t, int node, const char *id)
{
    char sql[300];
    t->now_ms += 1000;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, recorded_by)"
                   " VALUES('%s', 'n-%s', 'test')",
                   id, id);
    tree_sql(t, node, sql);
    tree_drain(t, node);
}

static void add_item(struct tree *t, const char *code)
{
    char sql[300];
    t->now_ms += 1000;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO ref_item(item_code, kind, name, unit)"
                   " VALUES('%s', 'medicine', 'm', 'tablet')",
                   code);
    tree_sql(t, HQ, sql);
    tree_drain(t, HQ);
}

static const char *people(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(person_id)"
                    " FROM (SELECT person_id FROM person ORDER BY 1)");
}

static const char *items(struct tree *t, int node)
{
    return tree_get(t, node,
                    "SELECT group_concat(item_code)"
                    " FROM (SELECT item_code FROM ref_item ORDER BY 1)");
}

/* One district sees all its people, headquarters everybody's. */
static void assert_people(struct tree *t, const char *ids)
{
    for (int node = HQ; node <= PRISON; node++) {
        assert_string_equal(people(t, node), ids);
        assert_string_equal(tree_get(t, node, "SELECT count(*) FROM sync_fork"),
                            "0");
        tree_check(t, node);
    }
}

/* A parent's digest is what its child holds. */
static void assert_in_step(struct tree *t)
{
    for (int node = LDH; node < NODES; node++) {
        tree_check_in_step(t, node);
    }
}

/* As its greeting does. */
static int find_out(struct tree *t, int node, int neighbour)
{
    struct err e;
    return replica_put_back(t->nodes[node].replica,
                            &replica_self(t->nodes[neighbour].replica)->node,
                            replica_self(t->nodes[neighbour].replica)->head,
                            &e);
}

/* --- who is put back ------------------------------------------------------ */

static void a_site_gets_back_what_its_hub_heard_of_it(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    add_person(t, CLINIC, "p1");
    add_person(t, PRISON, "p2");
    tree_sync(t);
    tree_back_up(t, CLINIC, "old");
    add_person(t, CLINIC, "p3");
    add_person(t, PRISON, "p4");
    tree_sync(t);
    add_person(t, CLINIC, "never-sent");
    tree_put_back(t, CLINIC, "old");
    assert_string_equal(people(t, CLINIC), "p1,p2");
    tree_sync(t);
    assert_people(t, "p1,p2,p3,p4");
    assert_string_equal(
        tree_get(t, CLINIC, "SELECT count(*) FROM sync_pending"), "0");
    add_person(t, CLINIC, "p5");
    tree_sync(t);
    assert_people(t, "p1,p2,p3,p4,p5");
    assert_in_step(t);
    tree_free(t);
}

/* Only the first of its own that its hub gives back, before the line is cut. */
static void get_first_back(struct tree *t, int node, int hub)
{
    static struct stored stored;
    struct walked w;
    struct err e;
    tree_tell_lost(t, node, hub);
    struct peer there = tree_peer(t, hub, node);
    struct peer here = tree_peer(t, node, hub);
    uint64_t at = here.have.position;
    there.return_until = peer_give_back(&here);
    assert_int_equal(
        replica_walk(t->nodes[hub].replica, &there, at, SIZE_MAX, &w, &e), 0);
    size_t first = 0;
    while (!hash_equal(&w.items[first].origin, tree_name(t, node))) {
        first++;
        assert_true(first < w.count);
    }
    struct changesets stretch = {w.items, first + 1, w.items[first].position,
                                 at};
    if (replica_store(t->nodes[node].replica, &here, &stretch,
                      tree_clock(t, node), &stored, &e) != 0) {
        fail_msg("%s", e.text);
    }
    walked_clear(&w);
}

/* It goes on from there as if it had not written what it wrote meanwhile, and that
 * it lost again: no clone does. Also when it starts again before it writes. */
static void who_gets_a_part_back_is_taken_for_no_clone(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        struct tree *t = two_districts();
        add_person(t, CLINIC, "p1");
        tree_sync(t);
        tree_back_up(t, CLINIC, "old");
        add_person(t, CLINIC, "p2");
        tree_sync(t);
        tree_put_back(t, CLINIC, "old");
        add_person(t, CLINIC, "p3");
        tree_send(t, CLINIC, LDH);
        tree_put_back(t, CLINIC, "old");
        get_first_back(t, CLINIC, LDH);
        assert_string_equal(people(t, CLINIC), "p1,p2");
        if (restarts) {
            tree_restart(t, CLINIC);
        }
        add_person(t, CLINIC, "p4");
        tree_sync(t);
        assert_people(t, "p1,p2,p3,p4");
        tree_restart(t, CLINIC);
        add_person(t, CLINIC, "p5");
        tree_sync(t);
        assert_people(t, "p1,p2,p3,p4,p5");
        assert_in_step(t);
        tree_free(t);
    }
}

/* As the time is now; tree_drain() would have it be written when it is signed. */
static void write_and_wait(struct tree *t, int node, const char *id)
{
    sqlite3 *client = t->nodes[node].client;
    char sql[200];
    t->now_ms += 1000;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO person(person_id, beneficiary_no, recorded_by)"
                   " VALUES('%s', 'n-%s', 'test')",
                   id, id);
    tree_sql(t, node, sql);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE sync_pending SET at_ms = %lld WHERE at_ms > %lld",
                   (long long)tree_clock(t, node),
                   (long long)tree_clock(t, node));
    (void)sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, node, sql);
    (void)sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

static void sign_what_waits(struct tree *t, int node)
{
    struct drained drained = {.more = true};
    struct err e;
    t->now_ms += 1000;
    while (drained.more) {
        assert_int_equal(replica_drain(t->nodes[node].replica,
                                       tree_clock(t, node), &drained, &e),
                         0);
    }
}

/* A write waits when the copy is made: it is signed twice, at the time it was written,
 * before what was signed after the copy. Which of the two has the higher incarnation
 * is chance. Or the one that is lost signed it together with another, by the time
 * of that. */
static void what_waited_in_the_copy_makes_no_clone(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct tree *t = two_districts();
        add_person(t, CLINIC, "p1");
        tree_sync(t);
        write_and_wait(t, CLINIC, "p2");
        tree_back_up(t, CLINIC, "old");
        if (i % 2 == 1) {
            write_and_wait(t, CLINIC, "p3");
        }
        sign_what_waits(t, CLINIC);
        add_person(t, CLINIC, i % 2 == 1 ? "p6" : "p3");
        tree_sync(t);
        tree_put_back(t, CLINIC, "old");
        sign_what_waits(t, CLINIC);
        add_person(t, CLINIC, "p4");
        tree_sync(t);
        add_person(t, CLINIC, "p5");
        tree_sync(t);
        assert_people(t, i % 2 == 1 ? "p1,p2,p3,p4,p5,p6" : "p1,p2,p3,p4,p5");
        assert_in_step(t);
        tree_free(t);
    }
}

/* Its journal is longer than what was heard, and another. */
static void what_it_wrote_before_it_found_out_counts_too(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    add_person(t, CLINIC, "p1");
    tree_sync(t);
    tree_back_up(t, CLINIC, "old");
    add_person(t, CLINIC, "p2");
    tree_sync(t);
    tree_put_back(t, CLINIC, "old");
    add_person(t, CLINIC, "p3");
    add_person(t, CLINIC, "p4");
    add_person(t, CLINIC, "p5");
    tree_sync(t);
    assert_people(t, "p1,p2,p3,p4,p5");
    assert_in_step(t);
    tree_free(t);
}

/* The copy was made while it asked for what it had lost before. */
static void who_is_put_back_again_gets_everything_back(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    add_person(t, CLINIC, "p1");
    tree_sync(t);
    tree_back_up(t, CLINIC, "old");
    add_person(t, CLINIC, "p2");
    tree_sync(t);
    tree_put_back(t, CLINIC, "old");
    assert_int_equal(find_out(t, CLINIC, LDH), 0);
    tree_back_up(t, CLINIC, "asking");
    tree_sync(t);
    add_person(t, CLINIC, "p3");
    add_person(t, CLINIC, "p4");
    tree_sync(t);
    tree_put_back(t, CLINIC, "asking");
    add_person(t, CLINIC, "p5");
    tree_sync(t);
    assert_people(t, "p1,p2,p3,p4,p5");
    assert_in_step(t);
    tree_free(t);
}

/* The copy was made before it found out, and is put back after. */
static void who_is_put_back_from_a_lost_branch_finds_out(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    tree_back_up(t, CLINIC, "first");
    add_person(t, CLINIC, "p1");
    tree_sync(t);
    tree_put_back(t, CLINIC, "first");
    add_person(t, CLINIC, "p2");
    tree_back_up(t, CLINIC, "second");
    tree_send(t, CLINIC, LDH);
    tree_put_back(t, CLINIC, "second");
    tree_sync(t);
    assert_people(t, "p1,p2");
    assert_in_step(t);
    tree_free(t);
}

/* The same of two neighbours: it found out at one, and the other has other
 * things that it lost. */
static void what_it_found_out_at_one_it_finds_out_at_the_other(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    tree_back_up(t, LDH, "first");
    add_person(t, LDH, "p1");
    tree_send(t, LDH, CLINIC);
    add_item(t, "i1");
    tree_send(t, HQ, LDH);
    tree_put_back(t, LDH, "first");
    add_person(t, LDH, "p2");
    tree_send(t, LDH, HQ);
    tree_back_up(t, LDH, "second");
    tree_send(t, LDH, CLINIC);
    tree_put_back(t, LDH, "second");
    tree_sync(t);
    assert_people(t, "p1,p2");
    assert_in_step(t);
    tree_free(t);
}

/* Links to others stay open meanwhile, and theirs is what it heard of them. */
static void what_others_heard_meanwhile_is_known(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    const struct replica_self *self;
    struct token heard;
    add_person(t, LDH, "p1");
    tree_back_up(t, LDH, "old");
    add_person(t, LDH, "p2");
    tree_sync(t);
    tree_put_back(t, LDH, "old");
    self = replica_self(t->nodes[LDH].replica);
    heard = (struct token){.journal = self->journal,
                           .start = lineage_start(&self->lineage)};
    assert_int_equal(find_out(t, LDH, HQ), 0);
    assert_int_not_equal(heard.start, lineage_start(&self->lineage));
    add_person(t, LDH, "p3");
    heard.position = self->head;
    assert_true(lineage_has(&self->lineage, self->journal, self->head, &heard));
    tree_restart(t, LDH);
    self = replica_self(t->nodes[LDH].replica);
    assert_true(lineage_has(&self->lineage, self->journal, self->head, &heard));
    add_person(t, LDH, "p4");
    heard.position = self->head;
    assert_false(
        lineage_has(&self->lineage, self->journal, self->head, &heard));
    tree_free(t);
}

static void a_hub_gets_back_what_headquarters_heard_of_it(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    add_person(t, LDH, "p1");
    tree_sync(t);
    tree_back_up(t, LDH, "old");
    add_person(t, LDH, "p2");
    add_person(t, CLINIC, "p3");
    tree_sync(t);
    add_person(t, CLINIC, "p4"); /* acknowledged, and not passed on */
    tree_send(t, CLINIC, LDH);
    tree_put_back(t, LDH, "old");
    assert_string_equal(people(t, LDH), "p1");
    tree_sync(t);
    assert_people(t, "p1,p2,p3,p4");
    assert_in_step(t);
    tree_free(t);
}

/* What a hub lost before headquarters had it, its sites may have. */
static void a_hub_gets_back_what_its_sites_alone_heard(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    tree_back_up(t, LDH, "old");
    tree_back_up(t, PRISON, "old-prison");
    add_person(t, LDH, "p1");
    add_person(t, PRISON, "p2");
    tree_send(t, PRISON, LDH);
    tree_send(t, LDH, CLINIC);
    tree_put_back(t, LDH, "old");
    tree_put_back(t, PRISON, "old-prison");
    tree_sync(t);
    assert_people(t, "p1,p2");
    assert_in_step(t);
    tree_free(t);
}

static void headquarters_gets_back_what_a_hub_heard(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    add_item(t, "I1");
    tree_sync(t);
    tree_back_up(t, HQ, "old");
    add_item(t, "I2");
    add_person(t, CLINIC, "p1");
    tree_sync(t);
    add_item(t, "gone");
    tree_put_back(t, HQ, "old");
    assert_string_equal(items(t, HQ), "I1");
    tree_sync(t);
    add_item(t, "I3");
    tree_sync(t);
    for (int node = HQ; node < NODES; node++) {
        assert_string_equal(items(t, node), "I1,I2,I3");
    }
    assert_people(t, "p1");
    assert_in_step(t);
    tree_free(t);
}

/* A node enrolled after the copy was made: its certificate was lost with it,
 * and comes back from whoever has it. */
static void a_certificate_that_was_lost_comes_back(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    tree_back_up(t, LDH, "old");
    tree_sql(t, HQ,
             "INSERT INTO ref_site(site_id, name, kind, department,"
             " district_code, parent_site_id) VALUES('LDH-C2', 'Camp',"
             " 'ooat_clinic', 'health', 'LDH', 'LDH-H')");
    tree_drain(t, HQ);
    tree_sync(t);
    int camp = tree_add(t, LDH, "LDH-C2");
    tree_sync(t);
    tree_put_back(t, LDH, "old");
    tree_sync(t);
    add_person(t, camp, "p1");
    tree_sync(t);
    assert_people(t, "p1");
    tree_free(t);
}

/* --- who may bring what ---------------------------------------------------- */

/* What a hub would not send down whole, a child cannot have from it. */
static void nobody_brings_what_is_held_in_part(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    struct walked walked;
    struct stored stored;
    struct err e = {0};
    add_person(t, ASR, "p1");
    tree_sync(t);
    struct peer above = tree_peer(t, ASR, HQ);
    struct peer other = tree_peer(t, LDH, CLINIC);
    assert_int_equal(
        replica_walk(t->nodes[ASR].replica, &above, 0, SIZE_MAX, &walked, &e),
        0);
    assert_true(walked.count > 0);
    struct changesets stretch = {.items = walked.items,
                                 .count = walked.count,
                                 .position = walked.position};
    assert_int_equal(replica_store(t->nodes[LDH].replica, &other, &stretch,
                                   t->now_ms, &stored, &e),
                     0);
    assert_int_equal(tree_refused(&stored, &e), ERR_FORBIDDEN);
    assert_int_equal(stored.changesets, 0);
    walked_clear(&walked);
    tree_free(t);
}

/* Else a node could have its stamps from the future brought by another. */
static void what_is_brought_for_others_is_not_of_the_future(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    struct walked walked;
    struct stored stored;
    struct err e = {0};
    tree_sync(t);
    t->nodes[PRISON].ahead_ms = 2 * FUTURE_MS_MAX;
    add_person(t, PRISON, "p1");
    struct peer above = tree_peer(t, PRISON, LDH);
    uint64_t at = tree_peer(t, LDH, PRISON).have.position;
    assert_int_equal(replica_walk(t->nodes[PRISON].replica, &above, at,
                                  SIZE_MAX, &walked, &e),
                     0);
    assert_int_equal(walked.count, 1);
    struct changesets stretch = {.items = walked.items,
                                 .count = walked.count,
                                 .position = walked.position};
    struct peer clinic = tree_peer(t, LDH, CLINIC);
    struct replica *hub = t->nodes[LDH].replica;
    assert_int_equal(
        replica_store(hub, &clinic, &stretch, t->now_ms, &stored, &e), 0);
    assert_int_equal(tree_refused(&stored, &e), ERR_FORBIDDEN);
    assert_int_equal(
        replica_ask_again(hub, &clinic, t->now_ms + 2 * FUTURE_MS_MAX, &e), 0);
    assert_int_equal(replica_store(hub, &clinic, &stretch,
                                   t->now_ms + 2 * FUTURE_MS_MAX, &stored, &e),
                     0);
    assert_int_equal(tree_refused(&stored, &e), 0);
    assert_int_equal(stored.changesets, 1);
    walked_clear(&walked);
    tree_free(t);
}

/* --- starts ---------------------------------------------------------------- */

static void of_starts_the_newest_are_kept(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    sqlite3 *db = database_handle(t->nodes[CLINIC].replica->db);
    assert_int_equal(
        sqlite3_exec(db,
                     "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1"
                     " FROM n WHERE i < 10500)"
                     " INSERT INTO sync_start SELECT i, i, 0, 0 FROM n",
                     NULL, NULL, NULL),
        SQLITE_OK);
    tree_restart(t, CLINIC);
    const struct lineage *l = &replica_self(t->nodes[CLINIC].replica)->lineage;
    assert_int_equal(l->count, STARTS_MAX);
    assert_int_equal(l->starts[STARTS_MAX - 2].id, 10500);
    assert_string_equal(tree_get(t, CLINIC, "SELECT count(*) FROM sync_start"),
                        "10000");
    /* who has not heard it since hears it all again */
    add_person(t, CLINIC, "p1");
    tree_sync(t);
    assert_people(t, "p1");
    assert_in_step(t);
    tree_free(t);
}

/* --- any order --------------------------------------------------------------- */

static void put_back_or_back_up(struct tree *t, struct dice *d, int node,
                                bool has_copy[NODES])
{
    char name[16];
    (void)snprintf(name, sizeof name, "copy-%d", node);
    if (has_copy[node] && dice_even(d)) {
        tree_put_back(t, node, name);
    } else {
        tree_back_up(t, node, name);
        has_copy[node] = true;
    }
}

static void act(struct tree *t, struct dice *d, bool has_copy[NODES])
{
    static unsigned number;
    char id[16];
    int node = (int)dice_below(d, NODES);
    int parent = t->nodes[node].parent;
    (void)snprintf(id, sizeof id, "r%u", ++number);
    t->now_ms += 1000;
    switch (dice_below(d, 8)) {
    case 0:
        put_back_or_back_up(t, d, node, has_copy);
        break;
    case 1:
        add_item(t, id);
        break;
    case 2:
    case 3:
    case 4:
        add_person(t, node, id);
        break;
    default:
        if (parent >= 0 && dice_even(d)) {
            tree_send(t, node, parent);
        } else if (parent >= 0) {
            tree_send(t, parent, node);
        }
        break;
    }
}

/* Whatever is anywhere in the end is everywhere where it belongs. */
static void assert_same(struct tree *t)
{
    static const char *const tables[] = {
        "SELECT group_concat(item_code || name) FROM"
        " (SELECT * FROM ref_item ORDER BY 1)",
        "SELECT sum(leaves) || ' ' || count(*) FROM sync_origin",
    };
    for (int node = LDH; node <= PRISON; node++) {
        assert_string_equal(people(t, node), people(t, LDH));
        assert_string_equal(tree_get(t, node, tables[0]),
                            tree_get(t, HQ, tables[0]));
    }
    for (int node = HQ; node < NODES; node++) {
        tree_check(t, node);
    }
    assert_in_step(t);
}

static void in_any_order_everybody_ends_with_the_same(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    size_t rounds = getenv("SANGAM_LONG") == NULL ? 3 : 200;
    for (size_t i = 0; i < rounds; i++) {
        struct tree *t = two_districts();
        bool has_copy[NODES] = {false};
        for (size_t k = 0; k < 60; k++) {
            act(t, &d, has_copy);
        }
        tree_sync(t);
        assert_same(t);
        tree_free(t);
    }
}

/* --- a hub of before it enrolled somebody ---------------------------------- */

static enum neighbour neighbour_at(struct tree *t, int at, int other)
{
    struct peer peer;
    struct err e;
    assert_int_equal(replica_peer_of_curve(t->nodes[at].replica,
                                           t->nodes[other].keys.curve_public,
                                           &peer, &e),
                     0);
    return peer.neighbour;
}

/* Without a line to headquarters it enrols a site; then a backup is put back. Who
 * calls with a key that nobody knows is shut out, and the site alone has the words
 * that enrolled it: another invite lets it in, and it gives them back [I-13]. */
static void who_was_enrolled_after_the_backup_is_let_in_again(void **state)
{
    (void)state;
    struct tree *t = two_districts();
    struct message grant;
    struct err e;
    enum { CAMP = NODES };
    tree_back_up(t, LDH, "before");
    assert_int_equal(tree_add(t, LDH, "LDH-C"), CAMP);
    tree_send(t, LDH, CAMP);
    add_person(t, CAMP, "p1");
    tree_send(t, CAMP, LDH);
    tree_put_back(t, LDH, "before");
    add_person(t, LDH, "p2");
    assert_int_equal(neighbour_at(t, LDH, CAMP), NEIGHBOUR_NONE);
    assert_int_equal(tree_enrol_again(t, CAMP, "LDH-C", &grant, &e), 0);
    message_clear(&grant);
    assert_int_equal(neighbour_at(t, LDH, CAMP), NEIGHBOUR_CHILD);
    add_person(t, CAMP, "p3");
    tree_sync(t);
    tree_sync(t);
    assert_people(t, "p1,p2,p3");
    assert_string_equal(people(t, CAMP), "p1,p2,p3");
    assert_in_step(t);
    tree_check_in_step(t, CAMP);
    /* who is known needs no invite */
    assert_int_equal(tree_enrol_again(t, CAMP, "LDH-C", &grant, &e),
                     ERR_FORBIDDEN);
    assert_non_null(strstr(e.text, "is enrolled already"));
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_gets_back_what_its_hub_heard_of_it),
        cmocka_unit_test(who_gets_a_part_back_is_taken_for_no_clone),
        cmocka_unit_test(what_waited_in_the_copy_makes_no_clone),
        cmocka_unit_test(what_it_wrote_before_it_found_out_counts_too),
        cmocka_unit_test(who_is_put_back_again_gets_everything_back),
        cmocka_unit_test(who_is_put_back_from_a_lost_branch_finds_out),
        cmocka_unit_test(what_it_found_out_at_one_it_finds_out_at_the_other),
        cmocka_unit_test(what_others_heard_meanwhile_is_known),
        cmocka_unit_test(a_hub_gets_back_what_headquarters_heard_of_it),
        cmocka_unit_test(a_hub_gets_back_what_its_sites_alone_heard),
        cmocka_unit_test(headquarters_gets_back_what_a_hub_heard),
        cmocka_unit_test(a_certificate_that_was_lost_comes_back),
        cmocka_unit_test(nobody_brings_what_is_held_in_part),
        cmocka_unit_test(what_is_brought_for_others_is_not_of_the_future),
        cmocka_unit_test(of_starts_the_newest_are_kept),
        cmocka_unit_test(in_any_order_everybody_ends_with_the_same),
        cmocka_unit_test(who_was_enrolled_after_the_backup_is_let_in_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
