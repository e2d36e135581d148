/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/instant.h"
#include "store/tell.h"

/* The rules are views of the schema; this file asks each of them about those
 * who were touched, and keeps the answers.
 *
 * They are asked on a connection of their own, which only reads: local writers
 * do not wait for a rule, one that takes too long can be stopped with nothing
 * to undo, views stay off where anything is written (database.h), and the
 * statements, which take some ten milliseconds to prepare, stay prepared. */

enum { STEPS_BETWEEN = 10000 };

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

/* Somebody who was looked at, and what the rules said. */
struct subject {
    const struct kind *kind;
    struct bytes about;
    struct bytes sites;
    struct bytes found; /* `count` times what LOOK() gives */
    size_t count;
    bool gave_up;
};

/* A row that was touched, and whom it is about: pairs of a kind and an id. */
struct row {
    struct bytes table;
    struct bytes id;
    struct bytes about;
    bool gave_up; /* about more than can be told apart: about everyone */
};

struct judging {
    struct replica *r;
    struct database *rules; /* to read */
    struct value now;       /* as text */
    struct judged *ret;
    uint64_t steps; /* how many more the rules may take now */
    struct row rows[JUDGE_ROWS_MAX];
    size_t row_count;
    struct subject subjects[JUDGE_PEOPLE_MAX];
    size_t subject_count;
    size_t kept_count; /* of them */
};

/* What a view says of ?1; a day that is none lets it show at once. */
#define LOOK(view)                                                              \
    "SELECT rule || ':' || row_a || coalesce(':' || row_b, ''), rule, about,"   \
    " coalesce(day, ''), coalesce(since, ''), site_a, site_b, person_a,"        \
    " person_b, row_a, row_b, coalesce(says, ''),"                              \
    " rule IN (SELECT rule FROM v_rule WHERE severity = 'critical') FROM " view \
    " WHERE about = ?1"

/* Those that are kept; whether it is critical follows. */
enum { LOOK_COLUMNS = 12 };

/* A breach keeps its id and when it was first found. */
static const char keep_sql[] =
    "INSERT INTO sync_breach(breach_id, rule, about, day, since, site_a,"
    " site_b, person_a, person_b, row_a, row_b, says, kind, sites, found_at,"
    " found) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
    " ?14, ?15, 2) ON CONFLICT(breach_id) DO UPDATE SET"
    " about = excluded.about, day = excluded.day, since = excluded.since,"
    " site_a = excluded.site_a, site_b = excluded.site_b,"
    " person_a = excluded.person_a, person_b = excluded.person_b,"
    " says = excluded.says, sites = excluded.sites, found = 1"
    " RETURNING found = 2";

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

static const struct kind *const kinds[] = {&person, &worker, &site};
enum { KINDS = 3 };

/* --- statements ----------------------------------------------------------- */

static int bound(struct database *db, const char *sql, const struct value *a,
                 const struct value *b, sqlite3_stmt **ret, struct err *e)
{
    int rc = database_statement(db, sql, ret, e);
    if (rc == 0 && a != NULL) {
        database_bind_at(*ret, 1, a);
    }
    if (rc == 0 && b != NULL) {
        database_bind_at(*ret, 2, b);
    }
    return rc;
}

static int run(struct judging *j, const char *sql, const struct value *a,
               const struct value *b, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = bound(j->r->db, sql, a, b, &stmt, e);
    return rc == 0 ? database_done(j->r->db, stmt, e) : rc;
}

static struct value value_of(const struct bytes *b)
{
    return (struct value){.type = VALUE_TEXT, .bytes = slice_of(b)};
}

static void copy(struct value v, struct bytes *ret)
{
    bytes_clear(ret);
    bytes_put(ret, v.bytes.data, v.bytes.len);
}

static bool was_stopped(const struct judging *j)
{
    return sqlite3_errcode(database_handle(j->rules)) == SQLITE_INTERRUPT;
}

/* What a statement of the rules' connection gives for `a` and `b`, one value
 * after the other, as far as the limits allow, which each asking has to itself:
 * 0 all, 1 there is more. */
static int ask(struct judging *j, const char *sql, const struct value *a,
               const struct value *b, struct bytes *ret, size_t *ret_count,
               struct err *e)
{
    struct err why = {0};
    sqlite3_stmt *stmt;
    int rc = bound(j->rules, sql, a, b, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    int columns = sqlite3_column_count(stmt);
    rc = 1;
    j->steps = JUDGE_STEPS_MAX;
    while (rc == 1 && *ret_count < JUDGE_FOUND_MAX &&
           ret->len < JUDGE_FOUND_BYTES_MAX &&
           (rc = database_step(j->rules, stmt, &why)) == 1) {
        for (int i = 0; i < columns; i++) {
            const struct value v = database_column(stmt, i);
            value_encode(&v, ret);
        }
        *ret_count += 1;
    }
    if (rc < 0) {
        rc = was_stopped(j) ? 1 : err_set(e, why.code, "%s", why.text);
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

static struct value next_value(struct cursor *c)
{
    return value_decode(c, SIZE_MAX); /* we wrote it */
}

/* One text: 1 there, 0 not, or not within the limits. */
static int ask_text(struct judging *j, const char *sql, const struct value *a,
                    const struct value *b, struct bytes *ret, struct err *e)
{
    struct bytes list = {0};
    size_t count = 0;
    int rc = ask(j, sql, a, b, &list, &count, e);
    if (rc >= 0 && count > 0) {
        struct cursor c = cursor_of(slice_of(&list));
        copy(next_value(&c), ret);
    }
    bytes_free(&list);
    return rc < 0 ? rc : count > 0;
}

/* --- rows: whom they are about --------------------------------------------- */

/* Of a link, everybody who is or was linked with its two, whatever became of
 * the links: all for whom somebody else may stand now. The third value is who.
 */
static const char linked_sql[] =
    "WITH RECURSIVE near(id) AS (SELECT person_a FROM person_link"
    " WHERE link_id = ?1 UNION SELECT person_b FROM person_link"
    " WHERE link_id = ?1 UNION SELECT CASE l.person_a WHEN n.id THEN l.person_b"
    " ELSE l.person_a END FROM near n CROSS JOIN person_link l"
    " ON l.person_a = n.id OR l.person_b = n.id)"
    " SELECT 'person', n.id, (WITH RECURSIVE one(id) AS (SELECT n.id UNION"
    " SELECT CASE l.person_a WHEN o.id THEN l.person_b ELSE l.person_a END"
    " FROM one o CROSS JOIN v_link_live l"
    " ON l.person_a = o.id OR l.person_b = o.id) SELECT min(id) FROM one)"
    " FROM near n";

/* Two ranges: between them lie the people, of whom there may be many. */
static const char rows_sql[] =
    "SELECT about, id FROM (SELECT about, id FROM sync_touched"
    " WHERE about < 'person' UNION ALL SELECT about, id FROM sync_touched"
    " WHERE about > 'person') WHERE about NOT IN ('everyone', 'site', 'worker')"
    " LIMIT ?1";

static int follow(struct judging *j, struct row *row, struct err *e)
{
    static const char next_sql[] =
        "SELECT about, id, NULL FROM v_touched_next WHERE of_table = ?2"
        " AND of_id = ?1";
    const struct value table = value_of(&row->table);
    const struct value id = value_of(&row->id);
    const struct value link = value_text("person_link");
    size_t count = 0;
    int rc = value_equal(&table, &link)
                 ? ask(j, linked_sql, &id, NULL, &row->about, &count, e)
                 : ask(j, next_sql, &id, &table, &row->about, &count, e);
    row->gave_up = rc == 1;
    return rc < 0 ? rc : 0;
}

static int look_at_rows(struct judging *j, struct err *e)
{
    const struct value max = value_integer(JUDGE_ROWS_MAX);
    struct bytes list = {0};
    size_t count = 0;
    int rc = ask(j, rows_sql, &max, NULL, &list, &count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc >= 0 && i < count; i++) {
        struct row *row = &j->rows[j->row_count++];
        copy(next_value(&c), &row->table);
        copy(next_value(&c), &row->id);
        rc = follow(j, row, e);
    }
    bytes_free(&list);
    return rc < 0 ? rc : 0;
}

static int keep_next(struct judging *j, const struct value *about,
                     const struct value *id, const struct value *canon,
                     struct err *e)
{
    int rc = run(j,
                 "INSERT OR IGNORE INTO sync_touched(about, id)"
                 " VALUES(?1, ?2)",
                 about, id, e);
    if (rc == 0 && canon->type == VALUE_TEXT) {
        rc = run(j,
                 "INSERT INTO sync_person_canon(person_id, canon_id)"
                 " VALUES(?1, ?2) ON CONFLICT DO UPDATE"
                 " SET canon_id = excluded.canon_id",
                 id, canon, e);
    }
    return rc;
}

/* Of whom it is about, all are looked at when it is about too many to tell:
 * nobody is forgotten. */
static int keep_row(struct judging *j, const struct row *row, struct err *e)
{
    const struct value table = value_of(&row->table);
    const struct value id = value_of(&row->id);
    const struct value none = {.type = VALUE_NULL};
    const struct value everyone = value_text("everyone");
    const struct value from_the_first = value_text("");
    struct cursor c = cursor_of(slice_of(&row->about));
    int rc = run(j, "DELETE FROM sync_touched WHERE about = ?1 AND id = ?2",
                 &table, &id, e);
    while (rc == 0 && cursor_left(&c) > 0) {
        const struct value about = next_value(&c);
        const struct value whom = next_value(&c);
        const struct value canon = next_value(&c);
        rc = keep_next(j, &about, &whom, &canon, e);
    }
    if (rc == 0 && row->gave_up) {
        rc = keep_next(j, &everyone, &from_the_first, &none, e);
    }
    return rc;
}

/* Every person has somebody who stands for them before they are looked at. */
static const char next_people_sql[] =
    "INSERT OR IGNORE INTO sync_person_canon(person_id, canon_id)"
    " SELECT id, id FROM (SELECT id FROM sync_touched WHERE about = 'person'"
    " LIMIT ?1)";

/* 1: there is somebody among the next people of whom nothing is known. */
static int news_of_people(struct judging *j, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM (SELECT id FROM sync_touched WHERE about = 'person'"
        " LIMIT ?1) WHERE id NOT IN (SELECT person_id FROM sync_person_canon)";
    const struct value max = value_integer(JUDGE_PEOPLE_MAX);
    struct bytes list = {0};
    size_t count = 0;
    int rc = ask(j, sql, &max, NULL, &list, &count, e);
    bytes_free(&list);
    return rc < 0 ? rc : count > 0;
}

static int keep_rows(struct judging *j, struct err *e)
{
    const struct value max = value_integer(JUDGE_PEOPLE_MAX);
    /* everybody anew: who was on the way begins again */
    static const char again_sql[] =
        "DELETE FROM sync_touched WHERE about = 'everyone' AND id <> '' AND"
        " EXISTS(SELECT 1 FROM sync_touched"
        " WHERE about = 'everyone' AND id = '')";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < j->row_count; i++) {
        rc = keep_row(j, &j->rows[i], e);
    }
    if (rc == 0) {
        rc = run(j, again_sql, NULL, NULL, e);
    }
    return rc == 0 ? run(j, next_people_sql, &max, NULL, e) : rc;
}

/* --- subjects: what the rules say of them --------------------------------- */

/* 1: there is one, *ret is who; of a person, who stands for it. */
static int next_of(struct judging *j, const struct kind *k, size_t skip,
                   struct bytes *ret, struct err *e)
{
    static const char sql[] =
        "SELECT coalesce(c.canon_id, t.id) FROM (SELECT about, id"
        " FROM sync_touched WHERE about = ?1 LIMIT 1 OFFSET ?2) t"
        " LEFT JOIN sync_person_canon c"
        " ON t.about = 'person' AND c.person_id = t.id";
    const struct value about = value_text(k->name);
    const struct value at = value_integer((int64_t)skip);
    return ask_text(j, sql, &about, &at, ret, e);
}

/* Whoever has too many rows for either has given up. */
static int look_at(struct judging *j, struct subject *s, struct err *e)
{
    const struct value about = value_of(&s->about);
    int rc = 1;
    if (s->kind->sites == NULL) {
        copy(value_text("[]"), &s->sites);
    } else {
        rc = ask_text(j, s->kind->sites, &about, NULL, &s->sites, e);
    }
    s->gave_up = rc == 0;
    if (rc == 1) {
        rc = ask(j, s->kind->look, &about, NULL, &s->found, &s->count, e);
        s->gave_up = rc == 1;
    }
    return rc < 0 ? rc : 0;
}

static int look_at_subjects(struct judging *j, struct err *e)
{
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < KINDS; k++) {
        size_t skip = 0;
        rc = 1;
        while (rc == 1 && j->subject_count < JUDGE_PEOPLE_MAX) {
            struct subject *s = &j->subjects[j->subject_count];
            s->kind = kinds[k];
            rc = next_of(j, kinds[k], skip++, &s->about, e);
            if (rc == 1) {
                j->subject_count++;
                rc = look_at(j, s, e);
                rc = rc == 0 ? 1 : rc;
            }
        }
        rc = rc < 0 ? rc : 0;
    }
    return rc;
}

static int keep_breach(struct judging *j, const struct subject *s,
                       struct cursor *found, struct err *e)
{
    const struct value kind = value_text(s->kind->name);
    const struct value sites = value_of(&s->sites);
    sqlite3_stmt *stmt;
    int rc = database_statement(j->r->db, keep_sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    for (int i = 1; i <= LOOK_COLUMNS; i++) {
        const struct value v = next_value(found);
        database_bind_at(stmt, i, &v);
    }
    const struct value critical = next_value(found);
    database_bind_at(stmt, LOOK_COLUMNS + 1, &kind);
    database_bind_at(stmt, LOOK_COLUMNS + 2, &sites);
    database_bind_at(stmt, LOOK_COLUMNS + 3, &j->now);
    while ((rc = database_step(j->r->db, stmt, e)) == 1) {
        bool is_new = sqlite3_column_int(stmt, 0) != 0;
        j->ret->found += is_new;
        j->ret->critical += is_new && critical.integer != 0;
    }
    return rc;
}

/* Somebody with more rows than the rules get through keeps what was found
 * before, and is in nobody's way [I-7]. */
static int keep_subject(struct judging *j, const struct subject *s,
                        struct err *e)
{
    const struct value about = value_of(&s->about);
    struct cursor found = cursor_of(slice_of(&s->found));
    int rc = s->gave_up ? 0 : run(j, s->kind->mark, &about, NULL, e);
    bool finds = s->count > 0 || sqlite3_changes(database_handle(j->r->db)) > 0;
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        rc = keep_breach(j, s, &found, e);
    }
    if (rc == 0 && !s->gave_up) {
        rc = run(j, "DELETE FROM sync_breach WHERE found = 0", NULL, NULL, e);
    }
    if (rc == 0) {
        rc = tell_note(j->r, s->kind->name, &about, finds, e);
    }
    if (rc == 0 && s->kind->next != NULL) {
        rc = run(j, s->kind->next, &about, NULL, e);
    }
    if (rc == 0) {
        rc = run(j, s->kind->done, &about, NULL, e);
    }
    j->ret->subjects++;
    j->ret->gave_up += s->gave_up;
    return rc;
}

/* --- everybody ------------------------------------------------------------- */

/* The next of everybody, in order of their ids; with the first of them every
 * worker and site. `cursor` is where the last look ended. */
static int keep_some_of_everyone(struct judging *j, const struct value *cursor,
                                 struct err *e)
{
    static const char others_sql[] =
        "INSERT OR IGNORE INTO sync_touched(about, id)"
        " SELECT 'worker', worker_id FROM worker WHERE ?1 = ''"
        " UNION ALL SELECT 'site', site_id FROM ref_site WHERE ?1 = ''";
    static const char people_sql[] =
        "INSERT OR IGNORE INTO sync_touched(about, id)"
        " SELECT 'person', person_id FROM person"
        " WHERE person_id > ?1 ORDER BY person_id LIMIT 200";
    static const char next_sql[] =
        "INSERT OR IGNORE INTO sync_touched(about, id)"
        " SELECT 'everyone', max(person_id) FROM (SELECT person_id FROM person"
        " WHERE person_id > ?1 ORDER BY person_id LIMIT 200)"
        " HAVING count(*) > 0";
    static const char done_sql[] =
        "DELETE FROM sync_touched WHERE about = 'everyone' AND id = ?1";
    static const char *const all[] = {others_sql, people_sql, next_sql,
                                      done_sql};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof all[0]; i++) {
        rc = run(j, all[i], cursor, NULL, e);
    }
    return rc;
}

/* 1: there were some, 0: nobody is left. */
static int everyone(struct judging *j, struct err *e)
{
    struct bytes id = {0};
    sqlite3_stmt *stmt;
    int rc = bound(j->r->db,
                   "SELECT id FROM sync_touched WHERE about = 'everyone'"
                   " LIMIT 1",
                   NULL, NULL, &stmt, e);
    if (rc == 0 && (rc = database_step(j->r->db, stmt, e)) == 1) {
        copy(database_column(stmt, 0), &id);
        (void)sqlite3_reset(stmt);
        const struct value cursor = value_of(&id);
        rc = keep_some_of_everyone(j, &cursor, e);
        rc = rc == 0 ? 1 : rc;
    }
    bytes_free(&id);
    return rc;
}

/* --- the whole ------------------------------------------------------------ */

bool replica_touched(const struct replica *r)
{
    return r->merger.touched;
}

/* Called every STEPS_BETWEEN steps of SQLite; anything but 0 stops it. */
static int count_steps(void *context)
{
    struct judging *j = context;
    j->steps -= j->steps < STEPS_BETWEEN ? j->steps : STEPS_BETWEEN;
    return j->steps == 0;
}

static int judge_rows(struct judging *j, struct err *e)
{
    int rc = look_at_rows(j, e);
    if (rc == 0 && j->row_count == 0) {
        rc = news_of_people(j, e);
        if (rc != 1) {
            return rc;
        }
    }
    if (rc >= 0) {
        rc = replica_begin(j->r, e);
    }
    return rc == 0 ? replica_end(j->r, keep_rows(j, e), e) : rc;
}

/* So many of those who are left that whoever writes meanwhile waits no longer
 * than for one who has the most. */
static int keep_some(struct judging *j, struct err *e)
{
    sqlite3 *handle = database_handle(j->r->db);
    int before = sqlite3_total_changes(handle);
    int rc = 0;
    while (rc == 0 && j->kept_count < j->subject_count &&
           sqlite3_total_changes(handle) - before < JUDGE_WRITES_MAX) {
        rc = keep_subject(j, &j->subjects[j->kept_count++], e);
    }
    if (rc == 0 && j->kept_count == j->subject_count &&
        j->subject_count < JUDGE_PEOPLE_MAX) {
        rc = everyone(j, e);
    }
    j->ret->more = rc == 1 || j->row_count > 0 || j->subject_count > 0;
    return rc < 0 ? rc : 0;
}

/* What is rolled back was not found. */
static int judge_subjects(struct judging *j, struct err *e)
{
    struct judged before;
    int rc = look_at_subjects(j, e);
    do {
        before = *j->ret;
        if (rc == 0) {
            rc = replica_begin(j->r, e);
        }
        rc = rc == 0 ? replica_end(j->r, keep_some(j, e), e) : rc;
    } while (rc == 0 && j->kept_count < j->subject_count);
    if (rc < 0) {
        *j->ret = before;
    }
    return rc;
}

static int judge_some(struct judging *j, struct err *e)
{
    struct err why = {0};
    sqlite3 *handle = database_handle(j->rules);
    sqlite3_progress_handler(handle, STEPS_BETWEEN, count_steps, j);
    int rc = judge_rows(j, &why);
    if (rc == 0) {
        rc = judge_subjects(j, &why);
    }
    if (rc < 0 && sqlite3_errcode(handle) == SQLITE_ERROR) {
        rc = err_set(e, ERR_CONFIG,
                     "the rules cannot be read, a tool altered their views: %s",
                     why.text);
    } else if (rc < 0) {
        rc = err_set(e, why.code, "%s", why.text);
    }
    sqlite3_progress_handler(handle, 0, NULL, NULL);
    return rc;
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

static void free_judging(struct judging *j)
{
    for (size_t i = 0; i < JUDGE_ROWS_MAX; i++) {
        bytes_free(&j->rows[i].table);
        bytes_free(&j->rows[i].id);
        bytes_free(&j->rows[i].about);
    }
    for (size_t i = 0; i < JUDGE_PEOPLE_MAX; i++) {
        bytes_free(&j->subjects[i].about);
        bytes_free(&j->subjects[i].sites);
        bytes_free(&j->subjects[i].found);
    }
}

int replica_rules(struct replica *r, struct err *e)
{
    return r->rules != NULL ? 0
                            : database_open(r->path, DATABASE_READER,
                                            DATABASE_EXISTING, &r->rules, e);
}

int replica_judge(struct replica *r, int64_t now_ms, struct judged *ret,
                  struct err *e)
{
    char now[INSTANT_TEXT_BYTES];
    *ret = (struct judged){0};
    int rc = anybody(r, e);
    if (rc == 1) {
        rc = replica_rules(r, e);
        rc = rc == 0 ? 1 : rc;
    }
    if (rc == 1) {
        instant_print(replica_now(r, now_ms), now);
        struct judging j = {
            .r = r, .rules = r->rules, .now = value_text(now), .ret = ret};
        rc = judge_some(&j, e);
        database_rest(r->rules);
        free_judging(&j);
    }
    r->merger.touched = rc != 0 || ret->more;
    return rc;
}
