/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/parts.h"
#include "support/district.h"
#include "support/hands.h"

static void alter_hub(struct tree *t, const char *sql)
{
    sqlite3 *db = t->nodes[LDH_H].client;
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, LDH_H, sql);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
}

/* The hub's disk damages a changeset of a site, */
static void damage_one(struct tree *t, const char *site, int seq)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TEMP TABLE IF NOT EXISTS whole(origin_no, seq,"
                   " signature);"
                   "INSERT INTO whole SELECT origin_no, seq, signature"
                   " FROM sync_changeset JOIN sync_origin USING(origin_no)"
                   " JOIN sync_certificate USING(node) WHERE site = '%s'"
                   "  AND seq = %d;"
                   "UPDATE sync_changeset SET signature = zeroblob(64)"
                   " WHERE (origin_no, seq) IN"
                   " (SELECT origin_no, seq FROM whole)",
                   site, seq);
    alter_hub(t, sql);
}

static void damage(struct tree *t)
{
    damage_one(t, "LDH-C", 2);
}

/* and somebody mends it. */
static void mend(struct tree *t)
{
    alter_hub(t, "UPDATE sync_changeset SET signature = w.signature"
                 " FROM whole w WHERE w.origin_no = sync_changeset.origin_no"
                 " AND w.seq = sync_changeset.seq;"
                 "DROP TABLE whole");
}

/* Three changesets of the clinic and one of the prison, at their hub. */
static struct tree *tree_with_damage(void)
{
    struct tree *t = district_new(LDH_P);
    struct walked w = hands_three(t);
    walked_clear(&w);
    district_add_persons(t, LDH_P, 10, 11);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_P, LDH_H);
    return t;
}

static void assert_persons(struct tree *t, const char *wanted)
{
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), wanted);
}

static void one_writer_that_is_refused_stops_nobody(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    assert_non_null(strstr(e.text, "changeset 2 of site LDH-C: "));
    assert_persons(t, "2"); /* its first, and the prison's */
    assert_string_equal(tree_get(t, LDH_H,
                                 "SELECT count(*) || ' ' ||"
                                 " min(code) FROM"
                                 " sync_barred_there"),
                        "1 -3");
    /* of the prison everything goes on coming, of the clinic nothing */
    district_add_persons(t, LDH_C, 4, 5);
    district_add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_C);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3");
    mend(t);
    tree_send(t, LDH_H, HQ); /* it is too early to ask */
    assert_persons(t, "3");
    t->now_ms += ASK_AGAIN_MIN_MS;
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "6");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_barred"),
                        "0");
    assert_string_equal(
        tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred_there"), "0");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        tree_check(t, i);
    }
    tree_free(t);
}

/* What comes again with it has to travel: each time it waits twice as long. */
static void what_stays_refused_is_asked_for_less_and_less(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    for (int minutes = 1; minutes < 64; minutes *= 2) {
        t->now_ms += minutes * INT64_C(60000) - 1000;
        tree_send(t, LDH_H, HQ);
        t->now_ms += 1000;
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    /* by a clock that was years ahead meanwhile nothing is put off */
    t->nodes[HQ].ahead_ms = 10 * INT64_C(365) * 86400000;
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    t->nodes[HQ].ahead_ms = 0;
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    mend(t);
    t->now_ms += INT64_C(365) * 86400000;
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "4");
    tree_free(t);
}

/* What comes again for the first goes past what was good of the second. */
static void two_that_stay_refused_are_asked_for_less_and_less(void **state)
{
    (void)state;
    static const char tries[] =
        "SELECT group_concat(tries) FROM sync_barred ORDER BY position";
    struct tree *t = tree_with_damage();
    struct err e;
    for (int n = 11; n < 14; n++) {
        district_add_persons(t, LDH_P, n, n + 1);
        tree_drain(t, LDH_P);
    }
    tree_send(t, LDH_P, LDH_H);
    damage(t);
    damage_one(t, "LDH-P", 4);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    assert_string_equal(tree_get(t, HQ, tries), "1,1");
    for (int minutes = 1; minutes < 8; minutes *= 2) {
        t->now_ms += minutes * INT64_C(60000) - 1000;
        tree_send(t, LDH_H, HQ);
        t->now_ms += 1000;
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    assert_string_equal(tree_get(t, HQ, tries), "4,4");
    mend(t);
    t->now_ms += 8 * INT64_C(60000);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "7");
    tree_free(t);
}

/* On each new link, which is no reason to wait longer. */
static void what_a_neighbour_says_itself_is_asked_for_each_time(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    district_add_persons(t, LDH_H, 20, 21);
    tree_drain(t, LDH_H);
    damage(t);
    damage_one(t, "LDH-H",
               (int)replica_own_origin(t->nodes[LDH_H].replica)->head_seq);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    }
    assert_string_equal(tree_get(t, HQ, "SELECT max(tries) FROM sync_barred"),
                        "1");
    mend(t);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3"); /* the clinic's waits its time */
    tree_free(t);
}

static void who_is_put_back_is_heard_from_the_start(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    tree_back_up(t, LDH_H, "copy");
    district_add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_P, LDH_H);
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    tree_put_back(t, LDH_H, "copy");
    tree_sync(t);
    assert_persons(t, "5");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_barred"),
                        "0");
    tree_free(t);
}

/* A copy of the token tells of it also while something is asked for again. */
static void asking_again_hides_no_loss(void **state)
{
    (void)state;
    struct tree *t = tree_with_damage();
    struct err e;
    damage(t);
    assert_int_equal(tree_send_try(t, LDH_H, HQ, &e), ERR_SIGNATURE);
    mend(t);
    tree_back_up(t, LDH_H, "copy");
    district_add_persons(t, LDH_P, 11, 12);
    tree_drain(t, LDH_P);
    tree_send(t, LDH_P, LDH_H);
    tree_send(t, LDH_H, HQ);
    assert_persons(t, "3");
    t->now_ms += ASK_AGAIN_MIN_MS;
    struct peer here = tree_peer(t, HQ, LDH_H);
    uint64_t position = here.have.position;
    assert_int_equal(
        replica_ask_again(t->nodes[HQ].replica, &here, t->now_ms, &e), 0);
    assert_true(here.again > 0);
    tree_put_back(t, LDH_H, "copy");
    assert_int_equal(tree_peer(t, HQ, LDH_H).have.position, position);
    tree_sync(t);
    assert_persons(t, "5");
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM person"), "5");
    tree_free(t);
}

/* The neighbour gave up what it said: nothing is asked for for ever. */
static void what_does_not_come_again_is_forgotten(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct stored stored;
    struct err e;
    struct walked w = hands_three(t);
    struct travelling stranger = w.items[0];
    stranger.origin.bytes[0] ^= 1;
    assert_int_equal(hands_give(t, LDH_C, LDH_H, &stranger, 1,
                                stranger.position, &stored, &e),
                     ERR_UNKNOWN);
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "1");
    assert_int_equal(
        hands_give(t, LDH_C, LDH_H, w.items, w.count, w.position, &stored, &e),
        0);
    assert_int_equal(stored.changesets, 3);
    assert_string_equal(tree_get(t, LDH_H, "SELECT count(*) FROM sync_barred"),
                        "0");
    walked_clear(&w);
    tree_free(t);
}

static void a_way_that_brings_too_much_of_it_is_closed(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_C);
    struct travelling strangers[BARRED_MAX + 1];
    struct stored stored;
    struct err e;
    struct walked w = hands_three(t);
    struct peer here = tree_peer(t, LDH_H, LDH_C);
    for (size_t i = 0; i <= BARRED_MAX; i++) {
        strangers[i] = w.items[0];
        strangers[i].origin.bytes[i / 255] ^= (uint8_t)(1 + i % 255);
        strangers[i].position += i;
    }
    struct changesets stretch = {.items = strangers,
                                 .count = BARRED_MAX + 1,
                                 .position = w.position + BARRED_MAX};
    int rc = 0;
    while (rc == 0 && stretch.count > 0) {
        rc = replica_store(t->nodes[LDH_H].replica, &here, &stretch, t->now_ms,
                           &stored, &e);
        stretch.items += rc == 0 ? stored.taken : 0;
        stretch.count -= rc == 0 ? stored.taken : 0;
    }
    assert_int_equal(rc, ERR_UNKNOWN);
    assert_non_null(strstr(e.text, "certificates go first"));
    walked_clear(&w);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_writer_that_is_refused_stops_nobody),
        cmocka_unit_test(what_stays_refused_is_asked_for_less_and_less),
        cmocka_unit_test(two_that_stay_refused_are_asked_for_less_and_less),
        cmocka_unit_test(what_a_neighbour_says_itself_is_asked_for_each_time),
        cmocka_unit_test(who_is_put_back_is_heard_from_the_start),
        cmocka_unit_test(asking_again_hides_no_loss),
        cmocka_unit_test(what_does_not_come_again_is_forgotten),
        cmocka_unit_test(a_way_that_brings_too_much_of_it_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
