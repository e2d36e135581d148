/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/instant.h"
#include "store/parts.h"

/* The rules are views of the schema; this file asks each of them about those
 * who were touched, and keeps the answers. */

enum { STEPS_BETWEEN = 10000 };

struct judging {
    struct replica *r;
    struct value now; /* as text */
    struct judged *ret;
    bool looking;   /* a rule is being asked: it may be stopped, which would */
    uint64_t steps; /* undo all else; how many more it may take */
};

/* What a kind of subject is looked at with. ?1 is the subject: of a person, who
 * stands for it. */
struct kind {
    const char *name;
    const char *sites; /* JSON array: of whom more may come; NULL: of nobody */
    const char *mark;  /* what was found before */
    const char *look;  /* LOOK() */
    const char *next;  /* whom it leads to; NULL: nobody */
    const char *done;
};

/* What a view says of ?1; a day that is none lets it show at once. */
#define LOOK(view)                                                             \
    "SELECT rule || ':' || row_a || coalesce(':' || row_b, ''), rule, about,"  \
    " coalesce(day, ''), coalesce(since, ''), site_a, site_b, person_a,"       \
    " person_b, row_a, row_b, coalesce(says, '') FROM " view                   \
    " WHERE about = ?1"

enum { LOOK_COLUMNS = 12 };

/* A breach keeps its id and when it was first found. */
static const char keep_sql[] =
    "INSERT INTO sync_breach(breach_id, rule, about, day, since, site_a,"
    " site_b, person_a, person_b, row_a, row_b, says, kind, sites, found_at,"
    " found) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
    " ?14, ?15, 1) ON CONFLICT(breach_id) DO UPDATE SET"
    " about = excluded.about, day = excluded.day, since = excluded.since,"
    " site_a = excluded.site_a, site_b = excluded.site_b,"
    " person_a = excluded.person_a, person_b = excluded.person_b,"
    " says = excluded.says, sites = excluded.sites, found = 1"
    " RETURNING found_at = ?15,"
    " rule IN (SELECT rule FROM v_rule WHERE severity = 'critical')";

#define MARK(kind)                                                             \
    "UPDATE sync_breach SET found = 0 WHERE kind = '" kind "' AND about = ?1"
#define DONE(kind)                                                             \
    "DELETE FROM sync_touched WHERE about = '" kind "' AND id = ?1"

static const struct kind person = {
    .name = "person",
    .sites = "SELECT json_group_array(site_id) FROM (SELECT DISTINCT site_id"
             " FROM v_person_site WHERE canon_id = ?1 ORDER BY site_id)",
    .mark = "UPDATE sync_breach SET found = 0 WHERE kind = 'person' AND"
            " (person_a IN (SELECT person_id FROM sync_person_canon"
            " WHERE canon_id = ?1) OR person_b IN (SELECT person_id"
            " FROM sync_person_canon WHERE canon_id = ?1))",
    .look = LOOK("v_found_person"),
    .next = "INSERT OR IGNORE INTO sync_touched(about, id)"
            " SELECT 'worker', m.worker_id FROM sync_person_canon k"
            " CROSS JOIN mentor_assignment m ON m.person_id = k.person_id"
            " WHERE k.canon_id = ?1",
    .done = "DELETE FROM sync_touched WHERE about = 'person' AND id IN"
            " (SELECT person_id FROM sync_person_canon WHERE canon_id = ?1)",
};
static const struct kind worker = {
    .name = "worker",
    .mark = MARK("worker"),
    .look = LOOK("v_found_worker"),
    .done = DONE("worker"),
};
static const struct kind site = {
    .name = "site",
    .mark = MARK("site"),
    .look = LOOK("v_found_site"),
    .done = DONE("site"),
};

/* --- statements ----------------------------------------------------------- */

static int statement(struct judging *j, const char *sql,
                     const struct value *about, sqlite3_stmt **ret,
                     struct err *e)
{
    int rc = database_statement(j->r->db, sql, ret, e);
    if (rc == 0 && about != NULL) {
        database_bind_at(*ret, 1, about);
    }
    return rc;
}

static int run(struct judging *j, const char *sql, const struct value *about,
               struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = statement(j, sql, about, &stmt, e);
    return rc == 0 ? database_done(j->r->db, stmt, e) : rc;
}

/* One text, copied: 1 there, 0 not. */
static int ask(struct judging *j, const char *sql, const struct value *about,
               struct bytes *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = statement(j, sql, about, &stmt, e);
    if (rc == 0) {
        rc = database_step(j->r->db, stmt, e);
    }
    if (rc == 1) {
        struct value text = database_column(stmt, 0);
        bytes_clear(ret);
        bytes_put(ret, text.bytes.data, text.bytes.len);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

static struct value text_of(const struct bytes *b)
{
    return (struct value){.type = VALUE_TEXT, .bytes = slice_of(b)};
}

/* --- one subject ---------------------------------------------------------- */

static int keep(struct judging *j, const struct kind *k, sqlite3_stmt *found,
                const struct value *sites, struct err *e)
{
    const struct value kind = value_text(k->name);
    const struct value *rest[] = {&kind, sites, &j->now};
    sqlite3_stmt *stmt;
    int rc = database_statement(j->r->db, keep_sql, &stmt, e);
    for (int i = 0; rc == 0 && i < LOOK_COLUMNS; i++) {
        const struct value v = database_column(found, i);
        database_bind_at(stmt, i + 1, &v);
    }
    for (int i = 0; rc == 0 && i < 3; i++) {
        database_bind_at(stmt, LOOK_COLUMNS + i + 1, rest[i]);
    }
    while (rc == 0 && (rc = database_step(j->r->db, stmt, e)) == 1) {
        bool is_new = sqlite3_column_int(stmt, 0) != 0;
        j->ret->found += is_new;
        j->ret->critical += is_new && sqlite3_column_int(stmt, 1) != 0;
        rc = 0;
    }
    return rc;
}

static int look_on(struct judging *j, sqlite3_stmt *stmt, struct err *e)
{
    j->looking = true;
    int rc = database_step(j->r->db, stmt, e);
    j->looking = false;
    return rc;
}

/* Somebody with more rows than the rules get through keeps what was found
 * before, and is in nobody's way [I-7]. */
static int give_up(struct judging *j, struct err *e)
{
    j->ret->gave_up++;
    return run(j, "UPDATE sync_breach SET found = 1 WHERE found = 0", NULL, e);
}

static int look(struct judging *j, const struct kind *k,
                const struct value *about, const struct value *sites,
                struct err *e)
{
    sqlite3_stmt *stmt;
    size_t count = 0;
    int rc = statement(j, k->look, about, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    j->steps = JUDGE_STEPS_MAX;
    while (rc == 0 && count < JUDGE_FOUND_MAX &&
           (rc = look_on(j, stmt, e)) == 1) {
        rc = keep(j, k, stmt, sites, e);
        count++;
    }
    bool stopped = rc < 0 && sqlite3_errcode(database_handle(j->r->db)) ==
                                 SQLITE_INTERRUPT;
    (void)sqlite3_reset(stmt);
    return stopped || count == JUDGE_FOUND_MAX ? give_up(j, e) : rc;
}

static int judge(struct judging *j, const struct kind *k,
                 const struct value *about, struct err *e)
{
    struct bytes sites = {0};
    struct value listed = value_text("[]");
    int rc = run(j, k->mark, about, e);
    if (rc == 0 && k->sites != NULL) {
        rc = ask(j, k->sites, about, &sites, e);
        listed = text_of(&sites);
    }
    if (rc >= 0) {
        rc = look(j, k, about, &listed, e);
    }
    if (rc == 0) {
        rc = run(j, "DELETE FROM sync_breach WHERE found = 0", NULL, e);
    }
    if (rc == 0 && k->next != NULL) {
        rc = run(j, k->next, about, e);
    }
    if (rc == 0) {
        rc = run(j, k->done, about, e);
    }
    bytes_free(&sites);
    j->ret->subjects++;
    return rc;
}

/* A person is looked at with all who are the same. */
static int judge_person(struct judging *j, const struct value *id,
                        struct err *e)
{
    struct bytes canon = {0};
    int rc = run(j,
                 "INSERT OR IGNORE INTO sync_person_canon(person_id, canon_id)"
                 " VALUES(?1, ?1)",
                 id, e);
    if (rc == 0) {
        rc = ask(j,
                 "SELECT canon_id FROM sync_person_canon WHERE person_id = ?1",
                 id, &canon, e);
    }
    if (rc == 1) {
        struct value about = text_of(&canon);
        rc = judge(j, &person, &about, e);
    }
    bytes_free(&canon);
    return rc;
}

/* --- who is next ---------------------------------------------------------- */

/* Of links, the whole groups; of other rows, whom they are about. */
static int follow_rows(struct judging *j, struct err *e)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO sync_person_canon(person_id, canon_id)"
        " SELECT person_id, person_id FROM v_touched_linked;"
        "INSERT OR IGNORE INTO sync_touched(about, id)"
        " SELECT 'person', person_id FROM v_touched_linked;"
        "UPDATE sync_person_canon SET canon_id = (WITH RECURSIVE one(id) AS"
        " (SELECT sync_person_canon.person_id UNION"
        " SELECT CASE l.person_a WHEN o.id THEN l.person_b ELSE l.person_a END"
        " FROM one o CROSS JOIN v_link_live l"
        " ON l.person_a = o.id OR l.person_b = o.id) SELECT min(id) FROM one)"
        " WHERE person_id IN (SELECT person_id FROM v_touched_linked);"
        "INSERT OR IGNORE INTO sync_touched(about, id)"
        " SELECT about, id FROM v_touched_next;"
        /* everybody anew: who was on the way begins again */
        "DELETE FROM sync_touched WHERE about = 'everyone' AND id <> '' AND"
        " EXISTS(SELECT 1 FROM sync_touched"
        " WHERE about = 'everyone' AND id = '');"
        "DELETE FROM sync_touched"
        " WHERE about NOT IN ('person', 'worker', 'site', 'everyone')";
    return database_run(j->r->db, sql, e);
}

/* The next of everybody, in order of their ids; with the first of them every
 * worker and site. *cursor is where the last look ended. */
static int follow_everyone(struct judging *j, const struct value *cursor,
                           struct err *e)
{
    struct bytes last = {0};
    int rc = run(j,
                 "INSERT OR IGNORE INTO sync_touched(about, id)"
                 " SELECT 'worker', worker_id FROM worker WHERE ?1 = ''"
                 " UNION ALL SELECT 'site', site_id FROM ref_site"
                 " WHERE ?1 = ''",
                 cursor, e);
    if (rc == 0) {
        rc = run(j,
                 "INSERT OR IGNORE INTO sync_touched(about, id)"
                 " SELECT 'person', person_id FROM person"
                 " WHERE person_id > ?1 ORDER BY person_id LIMIT 200",
                 cursor, e);
    }
    if (rc == 0) {
        rc = ask(j,
                 "SELECT max(person_id) FROM (SELECT person_id FROM person"
                 " WHERE person_id > ?1 ORDER BY person_id LIMIT 200)"
                 " HAVING count(*) > 0",
                 cursor, &last, e);
    }
    if (rc >= 0) {
        bool ended = rc == 0;
        rc = run(j,
                 "DELETE FROM sync_touched WHERE about = 'everyone'"
                 " AND id = ?1",
                 cursor, e);
        if (rc == 0 && !ended) {
            struct value next = text_of(&last);
            rc = run(j,
                     "INSERT OR IGNORE INTO sync_touched(about, id)"
                     " VALUES('everyone', ?1)",
                     &next, e);
        }
    }
    bytes_free(&last);
    return rc;
}

/* The next of a kind: 1 with its id, 0 nobody. */
static int next_of(struct judging *j, const char *about, struct bytes *ret,
                   struct err *e)
{
    const struct value what = value_text(about);
    return ask(j, "SELECT id FROM sync_touched WHERE about = ?1 LIMIT 1", &what,
               ret, e);
}

/* 1: somebody was looked at, 0: nobody is left. */
static int judge_next(struct judging *j, struct err *e)
{
    static const struct kind *const kinds[] = {&person, &worker, &site};
    struct bytes id = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        rc = next_of(j, kinds[i]->name, &id, e);
        if (rc == 1) {
            struct value about = text_of(&id);
            rc = kinds[i] == &person ? judge_person(j, &about, e)
                                     : judge(j, kinds[i], &about, e);
            rc = rc == 0 ? 1 : rc;
        }
    }
    if (rc == 0 && (rc = next_of(j, "everyone", &id, e)) == 1) {
        struct value cursor = text_of(&id);
        rc = follow_everyone(j, &cursor, e);
        rc = rc == 0 ? 1 : rc;
    }
    bytes_free(&id);
    return rc;
}

static int judge_some(struct judging *j, struct err *e)
{
    int rc = follow_rows(j, e);
    rc = rc == 0 ? 1 : rc;
    for (size_t i = 0; rc == 1 && i < JUDGE_PEOPLE_MAX; i++) {
        rc = judge_next(j, e);
    }
    j->ret->more = rc == 1;
    return rc < 0 ? rc : 0;
}

/* --- the whole ------------------------------------------------------------ */

bool replica_touched(const struct replica *r)
{
    return r->merger.touched;
}

static int anybody(struct replica *r, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, "SELECT 1 FROM sync_touched LIMIT 1",
                                &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* Called every STEPS_BETWEEN steps of SQLite; anything but 0 stops it. */
static int count_steps(void *context)
{
    struct judging *j = context;
    if (!j->looking) {
        return 0;
    }
    j->steps -= j->steps < STEPS_BETWEEN ? j->steps : STEPS_BETWEEN;
    return j->steps == 0;
}

/* Views are off on this connection but for the rules (database.h). One that a
 * tool took away is no damage to the file, and stops nothing else. */
static int judge_with_views(struct judging *j, struct err *e)
{
    struct err why = {0};
    sqlite3 *handle = database_handle(j->r->db);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 1, NULL);
    sqlite3_progress_handler(handle, STEPS_BETWEEN, count_steps, j);
    int rc = judge_some(j, &why);
    if (rc < 0 && sqlite3_errcode(handle) == SQLITE_ERROR) {
        rc = err_set(e, ERR_CONFIG,
                     "the rules cannot be read, a tool altered their views: %s",
                     why.text);
    } else if (rc < 0) {
        rc = err_set(e, why.code, "%s", why.text);
    }
    sqlite3_progress_handler(handle, 0, NULL, NULL);
    (void)sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return rc;
}

int replica_judge(struct replica *r, int64_t now_ms, struct judged *ret,
                  struct err *e)
{
    char now[INSTANT_TEXT_BYTES];
    *ret = (struct judged){0};
    int rc = anybody(r, e);
    if (rc != 1) {
        r->merger.touched = rc != 0;
        return rc;
    }
    instant_print(replica_now(r, now_ms), now);
    struct judging j = {.r = r, .now = value_text(now), .ret = ret};
    rc = replica_begin(r, e);
    if (rc == 0) {
        rc = replica_end(r, judge_with_views(&j, e), e);
    }
    r->merger.touched = rc != 0 || ret->more;
    return rc;
}
