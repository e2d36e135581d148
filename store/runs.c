/* SPDX-License-Identifier: Apache-2.0 */
#include "store/runs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"
#include "store/journal.h"

/* --- looking up ---------------------------------------------------------- */

/* As a signed number: four bytes in the file, whatever the mark. */
static int64_t mark_number(const uint8_t *mark)
{
    return (int32_t)((uint32_t)mark[0] << 24 | (uint32_t)mark[1] << 16 |
                     (uint32_t)mark[2] << 8 | (uint32_t)mark[3]);
}

/* The first position of a mark in a run, after `after`; 1 found. */
static int next_in_run(struct database *db, int64_t run, int64_t mark,
                       uint64_t after, uint64_t *ret, struct err *e)
{
    static const char sql[] =
        "SELECT position FROM sync_mark WHERE run = ?1 AND mark = ?2"
        " AND position > ?3 ORDER BY position LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, mark);
    sqlite3_bind_int64(stmt, 3, (int64_t)after);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return rc;
}

static int first_of_marks(struct database *db, int64_t run, struct slice marks,
                          uint64_t after, uint64_t *ret, struct err *e)
{
    bool any = false;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < marks.len; i += JOURNAL_MARK_BYTES) {
        uint64_t position = 0;
        rc = next_in_run(db, run, mark_number(marks.data + i), after, &position,
                         e);
        if (rc == 1 && (!any || position < *ret)) {
            *ret = position;
            any = true;
        }
    }
    return rc < 0 ? rc : any;
}

int runs_next(struct database *db, uint64_t after, struct slice marks,
              uint64_t *ret_position, uint64_t *ret_covered, struct err *e)
{
    static const char sql[] = "SELECT run, last FROM sync_run"
                              " WHERE whole = 1 AND last > ?1 ORDER BY last";
    sqlite3_stmt *stmt;
    int found = 0;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    *ret_covered = 0;
    sqlite3_bind_int64(stmt, 1, (int64_t)after);
    while (found == 0 && (rc = database_step(db, stmt, e)) == 1) {
        *ret_covered = (uint64_t)sqlite3_column_int64(stmt, 1);
        found = first_of_marks(db, sqlite3_column_int64(stmt, 0), marks, after,
                               ret_position, e);
    }
    sqlite3_reset(stmt);
    return rc < 0 ? rc : found;
}

/* --- entries ------------------------------------------------------------- */

struct entry {
    int64_t mark;
    uint64_t position;
};

struct entries {
    struct entry *items;
    size_t count;
    size_t cap;
};

static void add(struct entries *list, struct entry entry)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 1024 : list->cap * 2;
        list->items = realloc(list->items, list->cap * sizeof *list->items);
        if (list->items == NULL) {
            abort();
        }
    }
    list->items[list->count++] = entry;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int order = (x->mark > y->mark) - (x->mark < y->mark);
    return order != 0
               ? order
               : (x->position > y->position) - (x->position < y->position);
}

static void sort(struct entries *list)
{
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof *list->items, compare_entries);
    }
}

/* Appends to a run what does not lie beyond `end`. */
static int write_entries(struct database *db, int64_t run,
                         const struct entries *list, const struct entry *end,
                         struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_mark(run, mark, position) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    for (size_t i = 0; rc == 0 && i < list->count &&
                       compare_entries(&list->items[i], end) <= 0;
         i++) {
        sqlite3_bind_int64(stmt, 1, run);
        sqlite3_bind_int64(stmt, 2, list->items[i].mark);
        sqlite3_bind_int64(stmt, 3, (int64_t)list->items[i].position);
        rc = database_done(db, stmt, e);
    }
    return rc;
}

static const struct entry last_entry = {INT64_MAX, UINT64_MAX};

/* --- runs ---------------------------------------------------------------- */

struct run {
    int64_t run;
    int64_t level;
    uint64_t last;
};

/* The first row of a statement without parameters, or with one: 1 found. */
static int find_run(struct database *db, const char *sql, int64_t parameter,
                    struct run *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    if (sqlite3_bind_parameter_count(stmt) > 0) {
        sqlite3_bind_int64(stmt, 1, parameter);
    }
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        ret->run = sqlite3_column_int64(stmt, 0);
        ret->level = sqlite3_column_int64(stmt, 1);
        ret->last = (uint64_t)sqlite3_column_int64(stmt, 2);
        sqlite3_reset(stmt);
    }
    return rc;
}

/* Its number is above all others: what is written next is written at the end
 * of the table. */
static int add_run(struct database *db, struct run *run, bool whole,
                   struct err *e)
{
    static const char sql[] =
        "INSERT INTO sync_run(level, last, whole) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, run->level);
    sqlite3_bind_int64(stmt, 2, (int64_t)run->last);
    sqlite3_bind_int64(stmt, 3, whole);
    rc = database_done(db, stmt, e);
    run->run = sqlite3_last_insert_rowid(database_handle(db));
    return rc;
}

/* --- dropping ------------------------------------------------------------ */

/* Entries of a run that is not there (any more). */
static int find_spent(struct database *db, struct run *ret, struct err *e)
{
    static const char sql[] =
        "WITH RECURSIVE held(run) AS (SELECT min(run) FROM sync_mark"
        " UNION ALL SELECT (SELECT min(run) FROM sync_mark"
        "  WHERE run > held.run) FROM held WHERE held.run IS NOT NULL)"
        " SELECT run, 0, 0 FROM held WHERE run IS NOT NULL"
        " AND run NOT IN (SELECT run FROM sync_run) LIMIT 1";
    return find_run(db, sql, 0, ret, e);
}

/* The entry of a run behind `skip` others, in the order of the statement; *ret
 * stays as it is where there is none. */
static int find_entry(struct database *db, const char *sql, int64_t run,
                      int skip, struct entry *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int(stmt, 2, skip);
    rc = database_step(db, stmt, e);
    if (rc == 1) {
        ret->mark = sqlite3_column_int64(stmt, 0);
        ret->position = (uint64_t)sqlite3_column_int64(stmt, 1);
        sqlite3_reset(stmt);
    }
    return rc < 0 ? rc : 0;
}

/* Where the first piece of a run ends; the end of all where it has no more. */
static int find_piece(struct database *db, int64_t run, struct entry *ret,
                      struct err *e)
{
    static const char sql[] =
        "SELECT mark, position FROM sync_mark WHERE run = ?1"
        " ORDER BY mark, position LIMIT 1 OFFSET ?2";
    *ret = (struct entry){INT64_MAX, 0};
    return find_entry(db, sql, run, RUN_PIECE_MARKS, ret, e);
}

static int drop_piece(struct database *db, struct err *e)
{
    static const char sql[] = "DELETE FROM sync_mark WHERE run = ?1"
                              " AND (mark, position) < (?2, ?3)";
    sqlite3_stmt *stmt;
    struct run spent = {0};
    struct entry end;
    int rc = find_spent(db, &spent, e);
    if (rc != 1) {
        return rc;
    }
    rc = find_piece(db, spent.run, &end, e);
    if (rc == 0) {
        rc = database_statement(db, sql, &stmt, e);
    }
    if (rc == 0) {
        sqlite3_bind_int64(stmt, 1, spent.run);
        sqlite3_bind_int64(stmt, 2, end.mark);
        sqlite3_bind_int64(stmt, 3, (int64_t)end.position);
        rc = database_done(db, stmt, e);
    }
    return rc == 0 ? 1 : rc;
}

/* --- merging ------------------------------------------------------------- */

/* The run that is being merged, or one to begin with, of number 0. */
static int find_merge(struct database *db, struct run *ret, struct err *e)
{
    static const char begun[] =
        "SELECT run, level, last FROM sync_run WHERE whole = 0";
    static const char due[] =
        "SELECT 0, level + 1, max(last) FROM sync_run WHERE whole = 1"
        " GROUP BY level HAVING count(*) >= ?1 ORDER BY level LIMIT 1";
    int rc = find_run(db, begun, 0, ret, e);
    return rc == 0 ? find_run(db, due, RUN_FANOUT, ret, e) : rc;
}

/* How far a merge has come: the last entry of its run. */
static int find_written(struct database *db, int64_t run, struct entry *ret,
                        struct err *e)
{
    static const char sql[] =
        "SELECT mark, position FROM sync_mark WHERE run = ?1"
        " ORDER BY mark DESC, position DESC LIMIT 1 OFFSET ?2";
    *ret = (struct entry){INT64_MIN, 0};
    return find_entry(db, sql, run, 0, ret, e);
}

/* Reads a source from `from` on. Where it has more than its share of the
 * piece, *end moves to the last that was read of it. */
static int read_source(struct database *db, int64_t run,
                       const struct entry *from, struct entries *list,
                       struct entry *end, struct err *e)
{
    static const char sql[] =
        "SELECT mark, position FROM sync_mark WHERE run = ?1"
        " AND (mark, position) > (?2, ?3) ORDER BY mark, position LIMIT ?4";
    enum { SHARE = RUN_PIECE_MARKS / RUN_FANOUT };
    sqlite3_stmt *stmt;
    struct entry entry = {0};
    int count = 0;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, from->mark);
    sqlite3_bind_int64(stmt, 3, (int64_t)from->position);
    sqlite3_bind_int64(stmt, 4, SHARE);
    while ((rc = database_step(db, stmt, e)) == 1) {
        entry.mark = sqlite3_column_int64(stmt, 0);
        entry.position = (uint64_t)sqlite3_column_int64(stmt, 1);
        add(list, entry);
        count++;
    }
    if (count == SHARE && compare_entries(&entry, end) < 0) {
        *end = entry;
    }
    return rc;
}

static int read_sources(struct database *db, const struct run *target,
                        struct entries *list, struct entry *end, struct err *e)
{
    static const char sql[] =
        "SELECT run FROM sync_run WHERE whole = 1 AND level = ?1"
        " AND last <= ?2 ORDER BY last";
    struct entry from;
    sqlite3_stmt *stmt;
    int rc = find_written(db, target->run, &from, e);
    if (rc == 0) {
        rc = database_statement(db, sql, &stmt, e);
    }
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, target->level - 1);
    sqlite3_bind_int64(stmt, 2, (int64_t)target->last);
    while ((rc = database_step(db, stmt, e)) == 1) {
        rc =
            read_source(db, sqlite3_column_int64(stmt, 0), &from, list, end, e);
        if (rc != 0) {
            break;
        }
    }
    sqlite3_reset(stmt);
    return rc;
}

/* The merged run is whole and stands for its sources; their entries are
 * dropped later. */
static int end_merge(struct database *db, const struct run *target,
                     struct err *e)
{
    static const char forget[] = "DELETE FROM sync_run WHERE whole = 1"
                                 " AND level = ?1 AND last <= ?2";
    static const char finish[] = "UPDATE sync_run SET whole = 1 WHERE run = ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(db, forget, &stmt, e);
    if (rc == 0) {
        sqlite3_bind_int64(stmt, 1, target->level - 1);
        sqlite3_bind_int64(stmt, 2, (int64_t)target->last);
        rc = database_done(db, stmt, e);
    }
    if (rc == 0) {
        rc = database_statement(db, finish, &stmt, e);
    }
    if (rc == 0) {
        sqlite3_bind_int64(stmt, 1, target->run);
        rc = database_done(db, stmt, e);
    }
    return rc;
}

static int merge_piece(struct database *db, struct err *e)
{
    struct run target = {0};
    struct entries list = {0};
    struct entry end = last_entry;
    int rc = find_merge(db, &target, e);
    if (rc != 1) {
        return rc;
    }
    rc = target.run == 0 ? add_run(db, &target, false, e) : 0;
    if (rc == 0) {
        rc = read_sources(db, &target, &list, &end, e);
    }
    if (rc == 0) {
        sort(&list);
        rc = list.count > 0 ? write_entries(db, target.run, &list, &end, e)
                            : end_merge(db, &target, e);
    }
    free(list.items);
    return rc == 0 ? 1 : rc;
}

/* --- the tail ------------------------------------------------------------ */

static int find_tail(struct database *db, struct database *journal,
                     uint64_t *ret, struct err *e)
{
    static const char sql[] = "SELECT 0, 0, coalesce(max(last), 0)"
                              " FROM sync_run WHERE whole = 1";
    struct run covered = {0};
    uint64_t head = 0;
    int rc = find_run(db, sql, 0, &covered, e);
    if (rc == 1) {
        rc = journal_head(journal, &head, e);
    }
    *ret = covered.last;
    return rc < 0 ? rc : head > covered.last + RUN_TAIL_DELIVERIES;
}

static void add_delivery(struct entries *list, uint64_t position,
                         struct slice marks)
{
    int64_t last = INT64_MAX;
    for (size_t i = 0; i + JOURNAL_MARK_BYTES <= marks.len;
         i += JOURNAL_MARK_BYTES) {
        struct entry entry = {mark_number(marks.data + i), position};
        if (entry.mark != last) { /* they are sorted */
            add(list, entry);
        }
        last = entry.mark;
    }
}

/* Reads deliveries until they are enough for a run; *last is the last. */
static int read_tail(struct database *journal, uint64_t *last,
                     struct entries *list, struct err *e)
{
    static const char sql[] = "SELECT position, scopes FROM sync_delivery"
                              " WHERE position > ?1 ORDER BY position";
    sqlite3_stmt *stmt;
    int count = 0;
    int rc = database_statement(journal, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)*last);
    while (count < RUN_TAIL_DELIVERIES && list->count < RUN_PIECE_MARKS &&
           (rc = database_step(journal, stmt, e)) == 1) {
        *last = (uint64_t)sqlite3_column_int64(stmt, 0);
        add_delivery(list, *last, database_column(stmt, 1).bytes);
        count++;
    }
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int tail_piece(struct database *db, struct database *journal,
                      struct err *e)
{
    struct run run = {0};
    struct entries list = {0};
    int rc = find_tail(db, journal, &run.last, e);
    if (rc != 1) {
        return rc;
    }
    rc = read_tail(journal, &run.last, &list, e);
    if (rc == 0) {
        rc = add_run(db, &run, true, e);
    }
    if (rc == 0) {
        sort(&list);
        rc = write_entries(db, run.run, &list, &last_entry, e);
    }
    free(list.items);
    return rc == 0 ? 1 : rc;
}

/* --- growing ------------------------------------------------------------- */

int runs_due(struct database *db, struct database *journal, bool *ret,
             struct err *e)
{
    struct run run = {0};
    uint64_t covered;
    int rc = find_spent(db, &run, e);
    if (rc == 0) {
        rc = find_merge(db, &run, e);
    }
    if (rc == 0) {
        rc = find_tail(db, journal, &covered, e);
    }
    *ret = rc == 1;
    return rc < 0 ? rc : 0;
}

/* One thing at a time, and what makes room first: so that whatever is written
 * goes to the end of the table. */
int runs_grow(struct database *db, struct database *journal, bool *ret_more,
              struct err *e)
{
    int rc = drop_piece(db, e);
    if (rc == 0) {
        rc = merge_piece(db, e);
    }
    if (rc == 0) {
        rc = tail_piece(db, journal, e);
    }
    *ret_more = rc == 1;
    return rc < 0 ? rc : 0;
}

int runs_grow_all(struct database *db, struct database *journal, struct err *e)
{
    bool more = true;
    int rc = 0;
    while (rc == 0 && more) {
        rc = runs_grow(db, journal, &more, e);
    }
    return rc;
}

int runs_renew(struct database *db, struct database *journal, struct err *e)
{
    int rc = database_run(db, "DELETE FROM sync_run; DELETE FROM sync_mark", e);
    return rc == 0 ? runs_grow_all(db, journal, e) : rc;
}
