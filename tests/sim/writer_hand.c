/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <string.h>

/* Rows that change hands, and the rows by which they are offered. */
struct handed {
    int table;
    int offer;
    const char *name; /* as writer_tables has it, and its key: */
    const char *key;
    const char *offers;
    const char *offer_key;
};

static const struct handed handed[] = {
    {ENROLMENT, REFERRAL, "enrolment", "enrolment_id", "referral",
     "referral_id"},
    {PAPER, PAPER_OFFER, "paper", "paper_id", "paper_offer", "offer_id"},
};

static const struct handed *draw_handed(struct world *w)
{
    return &handed[writer_below(w, 2)];
}

/* --- what a site may do ------------------------------------------------------ */

static void where_mine(const struct machine *m, char out[WRITER_SQL_BYTES])
{
    (void)snprintf(out, WRITER_SQL_BYTES, "owner_site = '%s'", m->site);
}

/* As semantics.md, section 4, has it: by its owner, under its epoch, to us. */
static void where_offered(const struct handed *h, const struct machine *m,
                          char out[WRITER_SQL_BYTES])
{
    (void)snprintf(out, WRITER_SQL_BYTES,
                   "owner_site <> '%s' AND EXISTS(SELECT 1 FROM %s o"
                   " WHERE o.%s = %s.%s AND o.to_site = '%s'"
                   " AND o.offered_epoch = %s.owner_epoch"
                   " AND o.origin_site = %s.owner_site)",
                   m->site, h->offers, h->key, h->name, h->key, m->site,
                   h->name, h->name);
}

static bool is_so(struct machine *m, const struct handed *h, const char *key,
                  const char *where)
{
    char sql[2 * WRITER_SQL_BYTES];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM %s WHERE %s = '%s' AND %s", h->name,
                   h->key, key, where);
    return machine_number(m, sql) > 0;
}

/* The guards let through what the page allows and refuse the rest, with a
 * sentence that says what to do. */
static void check_guard(const struct machine *m, const char *sql, int rc,
                        bool may, const char *sentence)
{
    if (may && rc == SQLITE_CONSTRAINT) {
        sim_fail("a guard of %s refused what the site may write: %s: %s",
                 m->site, sql, sqlite3_errmsg(m->client));
    }
    if (!may && rc == SQLITE_OK) {
        sim_fail("no guard of %s refused what belongs to another site: %s",
                 m->site, sql);
    }
    if (!may && rc == SQLITE_CONSTRAINT &&
        strstr(sqlite3_errmsg(m->client), sentence) == NULL) {
        sim_fail("a guard of %s does not say that it %s: %s", m->site, sentence,
                 sqlite3_errmsg(m->client));
    }
}

static void note_deleted(struct world *w, const struct machine *m, int table,
                         const char *key)
{
    if (w->deleted_count < DELETED_MAX) {
        struct deleted *d = &w->deleted[w->deleted_count++];
        *d = (struct deleted){.machine = (uint16_t)m->index,
                              .table = (uint16_t)table};
        (void)snprintf(d->key, sizeof d->key, "%.*s", (int)sizeof d->key - 1,
                       key);
    }
}

/* --- rows -------------------------------------------------------------------- */

static void write_enrolment(struct world *w, struct machine *m, bool past)
{
    char key[256], sql[WRITER_SQL_BYTES];
    unsigned number = writer_draw_number(w);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO enrolment(enrolment_id, person_id, programme,"
                   " status, named_worker) VALUES('E%u', '%s', 'OOAT',"
                   " 'active', 'worker %zu')",
                   number, writer_pick(w, m, PERSON, "1", key),
                   writer_below(w, 1000));
    writer_insert(w, m, ENROLMENT, past, number, sql);
}

static void say_paper(struct world *w, struct machine *m, const char *name,
                      char sql[WRITER_SQL_BYTES])
{
    char person[256];
    writer_pick(w, m, PERSON, "1", person);
    (void)snprintf(sql, WRITER_SQL_BYTES,
                   "INSERT INTO paper(paper_id, person_id, place, status)"
                   " VALUES('%s', '%s', 'place %zu', 'open')",
                   name, person, writer_below(w, 1000));
}

static void say_note(struct world *w, struct machine *m, const char *name,
                     char sql[WRITER_SQL_BYTES])
{
    char person[256];
    writer_pick(w, m, PERSON, "1", person);
    (void)snprintf(sql, WRITER_SQL_BYTES,
                   "INSERT INTO note(note_id, person_id, says, pages, mood,"
                   " tags) VALUES('%s', '%s', 'note %zu', %zu, 'mood %zu',"
                   " '[\"a\"]')",
                   name, person, writer_below(w, 1000), writer_below(w, 9),
                   writer_below(w, 3));
}

static void write_deletable(struct world *w, struct machine *m, int table,
                            bool past)
{
    char key[WRITER_KEY_BYTES], sql[WRITER_SQL_BYTES];
    unsigned number = writer_draw_number(w);
    writer_key((size_t)table, number, key);
    if (table == PAPER) {
        say_paper(w, m, key, sql);
    } else {
        say_note(w, m, key, sql);
    }
    writer_insert(w, m, table, past, number, sql);
}

/* Of somebody; a site that knows nobody yet meets somebody first. */
static void write_new(struct world *w, struct machine *m, bool past)
{
    size_t die = writer_below(w, 4);
    if (machine_number(m, "SELECT count(*) FROM person") == 0) {
        writer_person(w, m, past);
    } else if (die < 2) {
        write_enrolment(w, m, past);
    } else {
        write_deletable(w, m, die == 2 ? PAPER : NOTE, past);
    }
}

/* --- from hand to hand -------------------------------------------------------- */

/* A site that has the row, or headquarters, which has all. */
static const struct machine *draw_site(struct world *w, const struct machine *m)
{
    const struct machine *to = &w->machines[0];
    size_t start = writer_below(w, (size_t)w->count);
    for (size_t i = 0; i < (size_t)w->count; i++) {
        const struct machine *other =
            &w->machines[(start + i) % (size_t)w->count];
        if (other != m && strcmp(other->district, m->district) == 0) {
            to = other;
        }
    }
    return to;
}

static void offer_to(struct world *w, struct machine *m, const struct handed *h,
                     const char *key, const struct machine *to)
{
    char sql[WRITER_SQL_BYTES];
    unsigned number = ++w->numbers;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO %s(%s, person_id, %s, kind, to_site,"
                   " offered_epoch) SELECT '%c%u', person_id, %s,"
                   " 'transfer_of_care', '%s', owner_epoch + %d FROM %s"
                   " WHERE %s = '%s'",
                   h->offers, h->offer_key, h->key,
                   writer_tables[h->offer].letter, number, h->key, to->site,
                   writer_below(w, 12) == 0, h->name, h->key, key);
    writer_insert(w, m, h->offer, false, number, sql);
}

/* Mostly what is its own; often to two, or to one twice. What was not its own
 * counts for nothing. */
static void offer(struct world *w, struct machine *m)
{
    const struct handed *h = draw_handed(w);
    char key[256], mine[WRITER_SQL_BYTES];
    where_mine(m, mine);
    writer_pick(w, m, h->table, writer_below(w, 8) == 0 ? "1" : mine, key);
    if (key[0] == '\0') {
        write_new(w, m, false);
    }
    for (size_t i = 1 + writer_below(w, 3); key[0] != '\0' && i > 0; i--) {
        const struct machine *to =
            writer_below(w, 4) == 0 ? &w->machines[0] : draw_site(w, m);
        offer_to(w, m, h, key, to);
    }
}

static void take(struct world *w, struct machine *m, const struct handed *h,
                 const char *key)
{
    char sql[WRITER_SQL_BYTES], mine[WRITER_SQL_BYTES];
    char offered[WRITER_SQL_BYTES];
    static const char *const more[] = {"", ", owner_epoch = owner_epoch + 1",
                                       ", status = 'completed'",
                                       ", ended_on = '2026-03-04'"};
    size_t die = writer_below(w, 4);
    where_mine(m, mine);
    where_offered(h, m, offered);
    bool has = is_so(m, h, key, mine); /* its epoch is not a program's to say */
    bool may = has || is_so(m, h, key, offered);
    die = has ? 0 : die;
    (void)snprintf(sql, sizeof sql,
                   "UPDATE %s SET owner_site = '%s'%s WHERE %s = '%s'", h->name,
                   m->site, more[die], h->key, key);
    check_guard(m, sql, writer_run(w, m, sql), may,
                die == 0 ? "has not offered it to this one"
                         : "belongs to another site");
}

/* What belongs to the owner: alone, and of a group. */
static void change(struct world *w, struct machine *m, const struct handed *h,
                   const char *key, bool past)
{
    static const char *const states[] = {"active", "on_hold", "completed"};
    char sql[WRITER_SQL_BYTES], mine[WRITER_SQL_BYTES];
    where_mine(m, mine);
    bool may = is_so(m, h, key, mine);
    if (writer_below(w, 2) == 0) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE %s SET %s = 'changed %u' WHERE %s = '%s'",
                       h->name, h->table == PAPER ? "place" : "named_worker",
                       ++w->numbers, h->key, key);
    } else {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE %s SET status = '%s', ended_on ="
                       " '%u-01-01' WHERE %s = '%s'",
                       h->name, states[writer_below(w, 3)], ++w->numbers,
                       h->key, key);
    }
    int rc = writer_run(w, m, sql);
    if (!past) {
        check_guard(m, sql, rc, may, "belongs to another site");
    }
}

/* Anybody may mark a paper, whoever has it. */
static void mark(struct world *w, struct machine *m)
{
    static const char *const columns[] = {"mark", "stamp",
                                          "mark = 'too', stamp"};
    char key[256], sql[WRITER_SQL_BYTES];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE paper SET %s = 'mark %zu' WHERE paper_id = '%s'",
                   columns[writer_below(w, 3)], writer_below(w, 1000),
                   writer_pick(w, m, PAPER, "1", key));
    check_guard(m, sql, writer_run(w, m, sql), true, "");
}

/* The whole row anew, as REPLACE does; a paper in two steps too. What is left
 * out has its default, an epoch too, and that is not what was meant. */
static void replace(struct world *w, struct machine *m)
{
    const struct handed *h = draw_handed(w);
    char key[256], sql[2 * WRITER_SQL_BYTES], mine[WRITER_SQL_BYTES];
    bool two_steps = h->table == PAPER && writer_below(w, 2) == 0;
    where_mine(m, mine);
    writer_pick(w, m, h->table, writer_below(w, 4) == 0 ? "1" : mine, key);
    bool may = key[0] == '\0' || is_so(m, h, key, mine);
    if (two_steps && may) {
        (void)snprintf(sql, sizeof sql,
                       "BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM paper"
                       " WHERE paper_id = '%s'; DELETE FROM paper"
                       " WHERE paper_id = '%s'; INSERT INTO paper(paper_id,"
                       " person_id, place) SELECT paper_id, person_id,"
                       " 'again %zu' FROM kept; DROP TABLE kept; COMMIT",
                       key, key, writer_below(w, 1000));
        note_deleted(w, m, PAPER, key);
    } else {
        (void)snprintf(sql, sizeof sql,
                       "INSERT OR REPLACE INTO %s(%s, person_id, status%s)"
                       " SELECT %s, person_id, 'on_hold'%s FROM %s"
                       " WHERE %s = '%s'",
                       h->name, h->key, h->table == PAPER ? "" : ", programme",
                       h->key, h->table == PAPER ? "" : ", programme", h->name,
                       h->key, key);
    }
    int rc = writer_run(w, m, sql);
    if (rc != SQLITE_OK && sqlite3_get_autocommit(m->client) == 0) {
        (void)machine_sql(m, "ROLLBACK");
    }
    check_guard(m, sql, rc, may, "belongs to another site");
}

static void change_one(struct world *w, struct machine *m, bool past)
{
    const struct handed *h = draw_handed(w);
    char key[256], mine[WRITER_SQL_BYTES];
    where_mine(m, mine);
    writer_pick(w, m, h->table, writer_below(w, 4) == 0 ? "1" : mine, key);
    if (key[0] != '\0') {
        change(w, m, h, key, past);
    }
}

/* --- lives --------------------------------------------------------------------- */

static void delete_row(struct world *w, struct machine *m, int table,
                       const char *key, bool past)
{
    const struct writer_table *t = &writer_tables[table];
    char sql[WRITER_SQL_BYTES], mine[WRITER_SQL_BYTES];
    where_mine(m, mine);
    bool may = table == NOTE || is_so(m, &handed[1], key, mine);
    (void)snprintf(sql, sizeof sql, "DELETE FROM %s WHERE %s = '%s'", t->name,
                   t->key, key);
    int rc = writer_run(w, m, sql);
    if (rc != SQLITE_CONSTRAINT) {
        note_deleted(w, m, table, key);
    }
    if (!past) {
        check_guard(m, sql, rc, may, "belongs to another site");
    }
}

static void delete_one(struct world *w, struct machine *m, bool past)
{
    int table = writer_below(w, 2) == 0 ? NOTE : PAPER;
    char key[256], mine[WRITER_SQL_BYTES];
    where_mine(m, mine);
    bool any = table == NOTE || writer_below(w, 4) == 0;
    writer_pick(w, m, table, any ? "1" : mine, key);
    if (key[0] != '\0') {
        delete_row(w, m, table, key, past);
    }
}

/* A row that somebody deleted, here or elsewhere, is written anew: the name may
 * still be taken here. */
static void write_again(struct world *w, struct machine *m)
{
    char sql[WRITER_SQL_BYTES];
    if (w->deleted_count == 0 ||
        machine_number(m, "SELECT count(*) FROM person") == 0) {
        return;
    }
    const struct deleted *d = &w->deleted[writer_below(w, w->deleted_count)];
    if (d->table == PAPER) {
        say_paper(w, m, d->key, sql);
    } else {
        say_note(w, m, d->key, sql);
    }
    (void)writer_run(w, m, sql);
}

static void change_note(struct world *w, struct machine *m)
{
    static const char *const sets[][2] = {
        {"says = 'says ", "'"},
        {"pages = ", ""},
        {"mood = 'mood ", "'"},
        {"tags = json_insert(coalesce(tags, '[]'), '$[#]', ", ")"},
    };
    char key[256], sql[WRITER_SQL_BYTES];
    size_t which = writer_below(w, 4);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE note SET %s%zu%s WHERE note_id = '%s'",
                   sets[which][0], writer_below(w, 9), sets[which][1],
                   writer_pick(w, m, NOTE, "1", key));
    (void)writer_run(w, m, sql);
}

/* --- at once ------------------------------------------------------------------- */

/* Everybody who may does something with one row before anybody hears of it: who
 * was offered it takes it, who has it changes or deletes it. */
static void meet_over_row(struct world *w, const struct handed *h,
                          const char *key)
{
    char mine[WRITER_SQL_BYTES], offered[WRITER_SQL_BYTES];
    for (int i = 0; i < w->count; i++) {
        struct machine *m = &w->machines[i];
        if (!m->on || disk_is_dead(m->disk)) {
            continue;
        }
        where_mine(m, mine);
        where_offered(h, m, offered);
        size_t die = writer_below(w, 6);
        if (is_so(m, h, key, offered)) {
            if (die < 4) {
                take(w, m, h, key);
            }
        } else if (is_so(m, h, key, mine) && die < 2) {
            change(w, m, h, key, false);
        } else if (is_so(m, h, key, mine) && h->table == PAPER && die < 3) {
            delete_row(w, m, PAPER, key, false);
        }
    }
}

/* Over one that waits to be taken, if any does. */
static void meet(struct world *w)
{
    const struct handed *h = draw_handed(w);
    size_t start = writer_below(w, (size_t)w->count);
    for (size_t i = 0; i < (size_t)w->count; i++) {
        struct machine *m = &w->machines[(start + i) % (size_t)w->count];
        char key[256], offered[WRITER_SQL_BYTES];
        where_offered(h, m, offered);
        if (m->on && !disk_is_dead(m->disk) &&
            writer_pick(w, m, h->table, offered, key)[0] != '\0') {
            meet_over_row(w, h, key);
            return;
        }
    }
}

/* What nobody offered it, whoever has it. */
static void take_any(struct world *w, struct machine *m)
{
    const struct handed *h = draw_handed(w);
    char key[256];
    if (writer_pick(w, m, h->table, "1", key)[0] != '\0') {
        take(w, m, h, key);
    }
}

/* --- any of it ----------------------------------------------------------------- */

static void hand_past(struct world *w, struct machine *m)
{
    switch (writer_below(w, 3)) {
    case 0:
        write_new(w, m, true);
        break;
    case 1:
        change_one(w, m, true);
        break;
    default:
        delete_one(w, m, true);
        break;
    }
}

static void hand_one(struct world *w, struct machine *m)
{
    size_t die = writer_below(w, 21);
    if (die < 3) {
        write_new(w, m, false);
    } else if (die < 7) {
        offer(w, m);
    } else if (die < 12) {
        meet(w);
    } else if (die < 13) {
        take_any(w, m);
    } else if (die < 15) {
        change_one(w, m, false);
    } else if (die < 16) {
        replace(w, m);
    } else if (die < 17) {
        mark(w, m);
    } else if (die < 18) {
        change_note(w, m);
    } else if (die < 19) {
        delete_one(w, m, false);
    } else {
        write_again(w, m);
    }
}

void writer_hand(struct world *w, struct machine *m, bool past)
{
    if (past) {
        hand_past(w, m);
        return;
    }
    for (size_t i = 1 + writer_below(w, 4); i > 0; i--) {
        if (!disk_is_dead(m->disk)) {
            hand_one(w, m);
        }
    }
}
