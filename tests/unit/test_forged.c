/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"
#include "support/district.h"
#include "support/forged.h"
#include "support/hands.h"

/* What became of a leaf at a node: "refused forbidden", "waiting unknown", ""
 * where nothing is said of it. */
static const char *verdict(struct tree *t, int node, const char *key)
{
    static char out[8][64];
    static size_t next;
    char *at = out[next++ % 8];
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT code || ' ' || verdict FROM sync_verdict"
                   " WHERE instr(key, CAST('%s' AS BLOB)) > 0",
                   key);
    char *word = NULL;
    const char *found = tree_get(t, node, sql);
    int code = (int)strtol(found, &word, 10);
    (void)snprintf(at, 64, "%s%s%s", word[0] == ' ' ? word + 1 : word,
                   code == 0 ? "" : " ", code == 0 ? "" : err_word(code));
    return at;
}

/* --- what a writer may not write ----------------------------------------- */

static const char p1[] = "p1";
static const char p2[] = "p2";

/* The clinic's work: two persons, an enrolment and a dose. */
static void clinic_works(struct tree *t)
{
    district_add_persons(t, LDH_C, 1, 9);
    tree_sql(t, LDH_C,
             "INSERT INTO enrolment(enrolment_id, person_id, programme,"
             " status, named_worker) VALUES"
             "('e1','p1','OOAT','active',"
             "'nurse 4'),"
             "('e2','p1','OOAT','active',"
             "'nurse 4')");
    tree_sql(t, LDH_C,
             "INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
             " units, verified_by, dispensed_by) VALUES"
             "('d1','p1','observed',"
             "'BUP-2',3,'photo_card','nurse 4')");
    tree_drain(t, LDH_C);
}

struct forgery {
    const char *key; /* of which row, as verdict() finds it */
    const char *verdict;
    struct leaf *leaf;
};

/* Everything the prison may not say, signed with its own key. */
static size_t forgeries(struct forgery out[32])
{
    size_t n = 0;
    struct leaf *l;

    l = forged_leaf((struct forged_about){CLASS_REFERENCE, SCOPE_ALL, NULL,
                                          REF_ITEM, "BUP-9", LEAF_INSERT});
    forged_cell(l, 2, value_text("medicine"));
    forged_cell(l, 3, value_text("forged"));
    forged_cell(l, 6, value_text("tablet"));
    forged_cell(l, 7, value_integer(0));
    forged_cell(l, 8, value_integer(0));
    out[n++] = (struct forgery){"BUP-9", "refused forbidden", l};

    /* what the clinic owns */
    l = forged_enrolment_update("e1", p1, "LDH-P", 1);
    out[n++] = (struct forgery){"e1", "refused forbidden", l};
    l = forged_enrolment_update("e2", p1, "LDH-C", 1);
    out[n++] = (struct forgery){"e2", "refused forbidden", l};
    l = forged_enrolment("e3", p1, "LDH-C", "LDH-P");
    out[n++] = (struct forgery){"e3", "refused forbidden", l};
    l = forged_enrolment("e4", p1, "LDH-P", "LDH-P");
    l->owned = false;
    out[n++] = (struct forgery){"e4", "refused forbidden", l};

    /* in the clinic's name */
    l = forged_dose("d2", p1, p1, "LDH-C");
    out[n++] = (struct forgery){"d2", "refused forbidden", l};

    /* an event is never changed */
    l = forged_leaf((struct forged_about){CLASS_MEDICATION, SCOPE_PERSON, p1,
                                          DOSE, "d3", LEAF_UPDATE});
    forged_cell(l, 10, value_integer(99));
    out[n++] = (struct forgery){"d3", "refused forbidden", l};

    /* scopes that do not fit the row */
    l = forged_dose("d4", p2, p1, "LDH-P");
    out[n++] = (struct forgery){"d4", "refused format", l};
    l = forged_dose("d5", p1, p1, "LDH-P");
    l->scope.kind = SCOPE_SITE;
    out[n++] = (struct forgery){"d5", "refused format", l};
    l = forged_dose("d6", p1, p1, "LDH-P");
    l->scope = (struct scope){.kind = SCOPE_ALL};
    out[n++] = (struct forgery){"d6", "refused format", l};

    /* keys that no row of the table has */
    l = forged_dose("d7", p1, p1, "LDH-P");
    l->key_count = 2;
    l->key[1] = value_text("d7");
    out[n++] = (struct forgery){"d7", "refused format", l};

    /* columns of another class */
    l = forged_dose("d8", p1, p1, "LDH-P");
    l->class_id = CLASS_CARE;
    out[n++] = (struct forgery){"d8", "refused format", l};
    l = forged_dose("d9", p1, p1, "LDH-P");
    l->class_id = 60;
    out[n++] = (struct forgery){"d9", "refused forbidden", l};

    /* a second life of the clinic's row, which would make it the prison's */
    l = forged_enrolment("ea", p1, "LDH-P", "LDH-P");
    l->cl = 3;
    out[n++] = (struct forgery){"ea", "refused forbidden", l};
    l = forged_leaf((struct forged_about){CLASS_CARE, SCOPE_PERSON, p1,
                                          ENROLMENT, "eb", LEAF_DELETE});
    out[n++] = (struct forgery){"eb", "refused forbidden", l};

    /* columns that no table can have */
    l = forged_dose("dc", p1, p1, "LDH-P");
    forged_cell(l, COLUMNS_MAX + 1, value_integer(1));
    out[n++] = (struct forgery){"dc", "refused limit", l};

    /* a row is made under the first epoch */
    l = forged_enrolment("ed", p1, "LDH-P", "LDH-P");
    forged_own(l, "LDH-P", 2);
    out[n++] = (struct forgery){"ed", "refused forbidden", l};

    /* a class that this version does not know of the table */
    l = forged_leaf((struct forged_about){CLASS_CARE, SCOPE_PERSON, p1, DOSE,
                                          "de", LEAF_INSERT});
    forged_cell(l, 100, value_integer(1));
    out[n++] = (struct forgery){"de", "waiting version", l};
    return n;
}

/* The prison signs them all, between two rows that are sound. */
static size_t prison_forges(struct tree *t, struct forgery list[32])
{
    size_t count = forgeries(list);
    forged_sign_one(t, LDH_P, forged_person(district_person(100), "LDH-P"));
    for (size_t i = 0; i < count; i++) {
        forged_sign_one(t, LDH_P, list[i].leaf);
    }
    forged_sign_one(t, LDH_P, forged_dose("sound", p1, p1, "LDH-P"));
    return count;
}

static void assert_forgeries_found(struct tree *t, int node,
                                   const struct forgery *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = verdict(t, node, list[i].key);
        if (strcmp(found, list[i].verdict) != 0) {
            fail_msg("node %d: %s: expected '%s', got '%s'", node, list[i].key,
                     list[i].verdict, found);
        }
    }
    assert_string_equal(
        tree_get(t, node,
                 "SELECT group_concat(enrolment_id || named_worker) FROM"
                 " (SELECT * FROM enrolment ORDER BY enrolment_id)"),
        "e1nurse 4,e2nurse 4");
    assert_string_equal(
        tree_get(t, node,
                 "SELECT group_concat(dose_id) FROM"
                 " (SELECT * FROM dose_event ORDER BY dose_id)"),
        "d1,sound");
    assert_string_equal(tree_get(t, node, "SELECT count(*) FROM ref_item"),
                        "0");
    assert_string_equal(tree_get(t, node, "SELECT count(*) FROM person"), "9");
}

static void what_a_site_may_not_write_changes_no_row_anywhere(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct forgery list[32];
    clinic_works(t);
    size_t count = prison_forges(t, list);
    /* the hub hears the prison first, the others the clinic */
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_forgeries_found(t, i, list, count);
    }
    district_check(t);
    tree_free(t);
}

static void a_leaf_that_is_refused_does_not_stop_its_neighbours(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct leaf *all = calloc(3, sizeof *all);
    struct leaf *made[] = {
        forged_person(district_person(1), "LDH-P"),
        forged_dose("dx", district_person(1), district_person(1), "LDH-C"),
        forged_person(district_person(2), "LDH-P")};
    assert_non_null(all);
    for (size_t i = 0; i < 3; i++) {
        all[i] = *made[i];
        free(made[i]);
    }
    forged_sign(t, LDH_P, all, 3);
    free(all);
    struct walked w = hands_walk(t, LDH_P, LDH_H);
    assert_int_equal(w.count, 1);
    struct stored stored;
    struct err e;
    assert_int_equal(
        hands_give(t, LDH_P, LDH_H, w.items, 1, w.position, &stored, &e), 0);
    assert_int_equal(stored.leaves, 3);
    assert_int_equal(stored.refused, 1);
    assert_string_equal(stored.refused_says,
                        "site LDH-P writes a row of dose_event in another "
                        "site's name");
    walked_clear(&w);
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM person"), "2");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM dose_event"),
                        "0");
    district_check(t);
    tree_free(t);
}

static void a_claim_is_judged_alike_before_and_after_its_row(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_persons(t, LDH_C, 1, 9);
    tree_drain(t, LDH_C);
    /* the prison has not heard of these persons */
    forged_sign_one(t, LDH_P, forged_person_update(CLASS_IDENTITY, p1, p2, 13));
    forged_sign_one(t, LDH_P, forged_person_update(CLASS_ROUTING, p2, p2, 2));
    forged_sign_one(t, LDH_P,
                    forged_person_update(CLASS_IDENTITY, district_person(3),
                                         district_person(3), 13));
    forged_sign_one(t, LDH_P,
                    forged_person_update(CLASS_ROUTING, district_person(4),
                                         district_person(4), 13));
    struct leaf *newer = forged_person_update(CLASS_ROUTING, district_person(5),
                                              district_person(5), 90);
    forged_sign_one(t, LDH_P, newer);
    tree_send(t, LDH_P, LDH_H);
    assert_string_equal(tree_get(t, LDH_H,
                                 "SELECT count(*) FROM sync_verdict"
                                 " WHERE verdict = 'waiting'"),
                        "3");
    /* which can be asked about */
    const struct table *persons = manifest_table_named(
        replica_manifest(t->nodes[LDH_H].replica), "person");
    struct value key = value_text(district_person(3));
    struct why why;
    struct err e;
    assert_int_equal(
        replica_why(t->nodes[LDH_H].replica, persons, &key, &why, &e), 0);
    assert_int_equal(why.count, 1);
    assert_string_equal(why.leaves[0].verdict, "waiting");
    assert_string_equal(why.leaves[0].site, "LDH-P");
    why_clear(&why);
    key = value_text("nobody");
    assert_int_equal(
        replica_why(t->nodes[LDH_H].replica, persons, &key, &why, &e),
        ERR_UNKNOWN);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        /* another scope, a column written once, a column of another class */
        assert_string_equal(
            tree_get(t, i, "SELECT group_concat(verdict) FROM sync_verdict"),
            "refused,refused,refused");
        assert_string_equal(
            tree_get(t, i,
                     "SELECT group_concat(phone) FROM (SELECT phone FROM"
                     " person ORDER BY person_id LIMIT 5)"),
            "55501,55502,forged,55504,55505");
    }
    district_check(t);
    tree_free(t);
}

/* The columns of newer versions have room in a state, and no more. */
static void columns_of_newer_versions_are_kept(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_persons(t, LDH_C, 1, 2);
    tree_sync(t);
    for (int from = 22; from <= COLUMNS_MAX; from += 60) {
        struct leaf *l = forged_leaf((struct forged_about){
            CLASS_ROUTING, SCOPE_PERSON, p1, PERSON, p1, LEAF_UPDATE});
        for (int c = from; c < from + 60 && c <= COLUMNS_MAX; c++) {
            forged_cell(l, (uint16_t)c, value_integer(c));
        }
        forged_sign_one(t, LDH_P, l);
    }
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_verdict"),
                        "0");
    tree_sql(t, LDH_P, "UPDATE person SET phone = 'still'");
    tree_sync(t);
    assert_string_equal(tree_get(t, HQ, "SELECT phone FROM person"), "still");
    district_check(t);
    tree_free(t);
}

static void a_table_of_a_newer_version_is_kept_and_relayed(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct leaf *l = forged_leaf((struct forged_about){
        CLASS_CARE, SCOPE_PERSON, p1, 77, "new", LEAF_INSERT});
    forged_cell(l, 2, value_text("something"));
    forged_sign_one(t, LDH_P, l);
    tree_sync(t);
    assert_int_equal(hands_held(t, HQ, LDH_P), 1);
    assert_int_equal(hands_held(t, LDH_C, LDH_P), 1);
    district_check(t);
    tree_free(t);
}

/* --- one key, two rows --------------------------------------------------- */

static void a_dose_is_not_overwritten_under_its_own_key(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    clinic_works(t);
    forged_sign_one(t, LDH_P, forged_dose("d1", p1, p1, "LDH-P"));
    forged_sign_one(t, LDH_P,
                    forged_dose("d1", p2, p2, "LDH-P")); /* of another */
    forged_sign_one(t, LDH_P,
                    forged_dose("d1", p1, p1, "LDH-P")); /* told twice */
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i,
                     "SELECT group_concat(origin_site || units) FROM"
                     " dose_event"),
            "LDH-C3");
        assert_string_equal(tree_get(t, i,
                                     "SELECT group_concat(verdict || code) FROM"
                                     " sync_verdict"),
                            "refused-10,refused-10,refused-10");
    }
    district_check(t);
    tree_free(t);
}

static void the_first_of_two_doses_under_one_key_is_shown(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    /* the prison's has the lower stamp and comes last to hub and clinic */
    forged_sign_one(t, LDH_P, forged_dose("d1", p2, p2, "LDH-P"));
    clinic_works(t);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i, "SELECT origin_site || units FROM dose_event"),
            "LDH-P9");
    }
    district_check(t);
    tree_free(t);
}

static void the_first_of_two_lives_under_one_key_decides(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    /* first in time, last to arrive; of another person */
    forged_sign_one(t, LDH_P, forged_enrolment("e1", p2, "LDH-P", "LDH-P"));
    clinic_works(t);
    tree_sql(t, LDH_C, "UPDATE enrolment SET phase = 'induction'");
    tree_drain(t, LDH_C);
    tree_send(t, LDH_C, LDH_H);
    tree_send(t, LDH_H, HQ);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i,
                     "SELECT owner_site || person_id || ifnull(phase, '')"
                     " FROM enrolment WHERE enrolment_id = 'e1'"),
            "LDH-Pp2");
        assert_string_equal(verdict(t, i, "e1"), "refused forbidden");
    }
    district_check(t);
    tree_free(t);
}

static void a_refused_leaf_does_not_mislead_a_fold(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_persons(t, LDH_C, 1, 2);
    tree_drain(t, LDH_C);
    /* these wait for the clinic's row, and sort before it */
    struct leaf *l = forged_person(p1, "LDH-P");
    l->scope = (struct scope){.kind = SCOPE_SITE, .id = slice_text("LDH-P")};
    forged_sign_one(t, LDH_P, l);
    forged_sign_one(t, LDH_P, forged_person_update(CLASS_IDENTITY, p1, p1, 12));
    tree_send(t, LDH_P, LDH_H);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(
            tree_get(t, i, "SELECT phone || home_locality FROM person"),
            "55501forged");
    }
    district_check(t);
    tree_free(t);
}

/* A row has one person; the others it is claimed for are refused, and are not
 * kept with it, to be looked for at each fold. */
static void a_row_claimed_for_many_persons_stays_small(void **state)
{
    (void)state;
    static const char size[] = "SELECT max(length(state)) FROM sync_row"
                               " WHERE table_id = 30";
    struct tree *t = district_new(LDH_C);
    char small[16];
    forged_sign_one(t, LDH_C, forged_enrolment("e", "p", "LDH-C", "LDH-C"));
    tree_send(t, LDH_C, LDH_H);
    (void)snprintf(small, sizeof small, "%s", tree_get(t, LDH_H, size));
    for (int i = 0; i < 20; i++) {
        char other[] = {'q', (char)('a' + i), '\0'};
        forged_sign_one(t, LDH_C,
                        forged_enrolment("e", other, "LDH-C", "LDH-C"));
    }
    tree_send(t, LDH_C, LDH_H);
    assert_string_equal(tree_get(t, LDH_H, size), small);
    assert_string_equal(tree_get(t, LDH_H, "SELECT person_id FROM enrolment"),
                        "p");
    tree_check(t, LDH_H);
    assert_string_equal(tree_get(t, LDH_H, size), small);
    tree_free(t);
}

/* --- rows that a table does not take ------------------------------------- */

static void a_row_that_cannot_be_shown_is_marked_until_it_can(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    district_add_persons(t, LDH_C, 1, 2);
    tree_sync(t);
    forged_sign_one(t, LDH_P,
                    forged_person_update(CLASS_IDENTITY, p1, p1, 7)); /* sex */
    tree_sync(t);
    tree_sql(t, LDH_C, "UPDATE person SET phone = '777'");
    tree_sync(t);
    /* the other column merged, but the row is not whole */
    assert_string_equal(
        tree_get(t, HQ, "SELECT says FROM sync_unprojected"),
        tree_get(t, LDH_H, "SELECT says FROM sync_unprojected"));
    assert_string_not_equal(
        tree_get(t, HQ, "SELECT says FROM sync_unprojected"), "");
    tree_sql(t, LDH_C, "UPDATE person SET sex = 'female'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        assert_string_equal(tree_get(t, i, "SELECT sex || phone FROM person"),
                            "female777");
        assert_string_equal(
            tree_get(t, i, "SELECT count(*) FROM sync_unprojected"), "0");
    }
    district_check(t);
    tree_free(t);
}

/* --- programs that get past the guards ----------------------------------- */

static void drop_guards(struct tree *t, int node, const char *table)
{
    char next[200];
    (void)snprintf(next, sizeof next,
                   "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE"
                   " type = 'trigger' AND name GLOB 'sync_%s_guard*' LIMIT 1",
                   table);
    while (tree_get(t, node, next)[0] != '\0') {
        tree_sql(t, node, tree_get(t, node, next));
    }
}

/* Without its life no part of a row is worth anything to anyone. */
static void an_insert_that_is_parked_is_parked_whole(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    drop_guards(t, LDH_P, "person");
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no, given_name,"
             " origin_site) VALUES('p', 'N-1', 'Testa', 'LDH-C')");
    tree_sync(t);
    assert_string_equal(tree_get(t, LDH_P, "SELECT count(*) FROM person"), "0");
    assert_string_equal(
        tree_get(t, LDH_P,
                 "SELECT count(*) || ' ' || count(DISTINCT says) FROM"
                 " sync_parked WHERE value IN ('N-1', 'Testa', 'LDH-C')"),
        "3 1");
    assert_string_equal(tree_get(t, HQ, "SELECT count(*) FROM sync_verdict"),
                        "0");
    assert_int_equal(registry_origin(t->nodes[LDH_P].replica->merger.registry,
                                     tree_name(t, LDH_P))
                         ->head_seq,
                     0);
    district_check(t);
    tree_free(t);
}

static void a_row_keeps_the_scope_it_was_born_with(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    clinic_works(t);
    tree_sync(t);
    drop_guards(t, LDH_C, "enrolment");
    tree_sql(t, LDH_C,
             "UPDATE enrolment SET status = 'ceased', person_id ="
             " 'p2'");
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        if (i != LDH_C) {
            assert_string_equal(
                tree_get(t, i,
                         "SELECT count(*) FROM enrolment WHERE status ="
                         " 'ceased' AND person_id ="
                         " 'p1'"),
                "2");
            assert_string_equal(
                tree_get(t, i, "SELECT count(*) FROM sync_verdict"), "0");
        }
    }
    tree_free(t);
}

static void a_row_too_large_to_travel_is_parked(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    sqlite3 *client = t->nodes[LDH_P].client;
    district_add_persons(t, LDH_P, 1, 3);
    tree_drain(t, LDH_P);
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    tree_sql(t, LDH_P,
             "UPDATE person SET phone = hex(zeroblob(40000)) WHERE"
             " person_id GLOB '*1'");
    tree_sql(t, LDH_P,
             "INSERT INTO person(person_id, beneficiary_no)"
             " VALUES(hex(zeroblob(200)), 'N-long')");
    tree_sql(t, LDH_P,
             "INSERT INTO sync_pending(table_id, what, k1, old, at_ms)"
             " SELECT 20, 13, person_id, '55501', 1790000000000 FROM person"
             " WHERE person_id GLOB '*1'");
    tree_sql(t, LDH_P,
             "INSERT INTO sync_pending(table_id, what, k1, at_ms)"
             " VALUES(20, 0, hex(zeroblob(200)), 1790000000000)");
    sqlite3_db_config(client, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    tree_sql(t, LDH_P,
             "UPDATE person SET phone = 'fine' WHERE person_id GLOB"
             " '*2'");
    tree_sync(t);
    assert_string_equal(
        tree_get(t, LDH_P,
                 "SELECT group_concat(phone) FROM (SELECT phone FROM person"
                 " ORDER BY person_id)"),
        "55501,fine");
    assert_string_equal(tree_get(t, LDH_P,
                                 "SELECT group_concat(DISTINCT says) FROM"
                                 " sync_parked"),
                        "the row is larger than can travel");
    assert_string_equal(
        tree_get(t, HQ,
                 "SELECT group_concat(phone) FROM (SELECT phone FROM person"
                 " ORDER BY person_id)"),
        "55501,fine");
    district_check(t);
    tree_free(t);
}

/* --- certificates -------------------------------------------------------- */

static void a_site_that_may_not_enrol_cannot_make_a_node(void **state)
{
    (void)state;
    struct tree *t = district_new(LDH_P);
    struct keys keys;
    struct certificate c;
    struct bytes memory = {0};
    struct leaf *leaf = calloc(1, sizeof *leaf);
    assert_non_null(leaf);
    keys_generate(&keys);
    replica_certificate_for(t->nodes[LDH_C].replica, &keys, "ASR-P", &c);
    c.serial = 99;
    c.may_grant.count = 0;
    certificate_leaf(&c, &memory, leaf);
    forged_sign_one(t, LDH_C, leaf);
    bytes_free(&memory);
    tree_sync(t);
    for (int i = 0; i < t->count; i++) {
        const struct registry *r = t->nodes[i].replica->merger.registry;
        struct peer peer;
        struct err e;
        assert_null(registry_certificate(r, &c.node, c.serial));
        assert_string_equal(
            tree_get(t, i,
                     "SELECT count(*) FROM sync_certificate WHERE"
                     " site = 'ASR-P'"),
            "0");
        assert_string_equal(
            tree_get(t, i, "SELECT verdict || code FROM sync_verdict"),
            "refused-8");
        assert_int_equal(replica_peer_of_curve(t->nodes[i].replica,
                                               keys.curve_public, &peer, &e),
                         0);
        assert_int_equal(peer.neighbour, NEIGHBOUR_NONE);
        tree_restart(t, i); /* nor when the journal is read again */
        assert_null(registry_certificate(t->nodes[i].replica->merger.registry,
                                         &c.node, c.serial));
    }
    district_check(t);
    tree_free(t);
}

static void a_neighbour_that_lacks_a_class_is_told_so(void **state)
{
    (void)state;
    struct tree *t = tree_new();
    struct replica *r = t->nodes[HQ].replica;
    struct keys keys;
    struct certificate c;
    struct peer peer;
    struct err e;
    char says[160];
    keys_generate(&keys);
    replica_certificate_for(r, &keys, "LDH-H", &c);
    c.serial = 99;
    c.may_read.count--; /* all but the last class */
    (void)snprintf(says, sizeof says,
                   "site LDH-H may not read class %u and this version cannot "
                   "seal it; give it a certificate that reads every class",
                   (unsigned)c.may_read.numbers[c.may_read.count]);
    c.may_grant.count = 0;
    assert_int_equal(replica_begin(r, &e), 0);
    int rc = registry_admit(r->merger.registry, &r->self.node, &c, &e);
    if (rc == 0) {
        rc = replica_sign_certificate(r, &c, t->now_ms, &e);
    }
    assert_int_equal(replica_end(r, rc, &e), 0);
    assert_int_equal(replica_peer_of_curve(r, keys.curve_public, &peer, &e),
                     ERR_CLASS);
    assert_string_equal(e.text, says);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_claimed_for_many_persons_stays_small),
        cmocka_unit_test(what_a_site_may_not_write_changes_no_row_anywhere),
        cmocka_unit_test(a_leaf_that_is_refused_does_not_stop_its_neighbours),
        cmocka_unit_test(a_claim_is_judged_alike_before_and_after_its_row),
        cmocka_unit_test(columns_of_newer_versions_are_kept),
        cmocka_unit_test(a_table_of_a_newer_version_is_kept_and_relayed),
        cmocka_unit_test(a_dose_is_not_overwritten_under_its_own_key),
        cmocka_unit_test(the_first_of_two_doses_under_one_key_is_shown),
        cmocka_unit_test(the_first_of_two_lives_under_one_key_decides),
        cmocka_unit_test(a_refused_leaf_does_not_mislead_a_fold),
        cmocka_unit_test(a_row_that_cannot_be_shown_is_marked_until_it_can),
        cmocka_unit_test(an_insert_that_is_parked_is_parked_whole),
        cmocka_unit_test(a_row_keeps_the_scope_it_was_born_with),
        cmocka_unit_test(a_row_too_large_to_travel_is_parked),
        cmocka_unit_test(a_site_that_may_not_enrol_cannot_make_a_node),
        cmocka_unit_test(a_neighbour_that_lacks_a_class_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
