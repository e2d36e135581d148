/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What it costs to fold one row again in a long journal, with the index of
 * marks against a scan, and what the index costs. One person has 1,000 doses in
 * 300 changesets of 50 leaves; between them stand deliveries of other scopes,
 * as long as a lone dose's and never opened.
 */
#include "cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "branch.h"
#include "figure.h"
#include "store/fold.h"
#include "store/parts.h"
#include "writer.h"

enum {
    CHANGESETS = 300,
    LEAVES = 50, /* of each; every fifteenth is of the person */
    PER_TRANSACTION = 1000,
    PERSON_TABLE = 20,
    DOSE_TABLE = 32,
};

static void must(int rc, const struct err *e)
{
    if (rc < 0) {
        (void)fprintf(stderr, "bench: %s\n", e->text);
        exit(EXIT_FAILURE);
    }
}

/* What has been done, in pages written to the log and in CPU. */
struct effort {
    int pages;
    struct gauge took;
};

static int pages_written(struct replica *r)
{
    int now = 0;
    int most = 0;
    (void)sqlite3_db_status(database_handle(r->db), SQLITE_DBSTATUS_CACHE_WRITE,
                            &now, &most, 0);
    return now;
}

/* --- the journal --------------------------------------------------------- */

static struct workload *workload_of_one_person(void)
{
    const struct workload_shape shape = {
        .doses = (size_t)CHANGESETS * LEAVES,
        .persons = 4000,
        .keys = UUID_V7,
    };
    struct workload *w = workload_new(&shape);
    for (size_t i = 0; i < shape.doses; i++) {
        bool theirs = i % 15 == 0;
        if (theirs || w->doses[i].person == &w->persons[0]) {
            w->doses[i].person = &w->persons[theirs ? 0 : 1 + i % 3999];
        }
    }
    return w;
}

static void fill_once(struct replica *r, size_t count)
{
    static const char sql[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < ?1) INSERT INTO sync_delivery(origin_no, seq, incarnation,"
        " from_no, reach, scopes, leaves) SELECT origin_no, seq, incarnation,"
        " from_no, 2, randomblob(4), randomblob(220) FROM n, (SELECT * FROM"
        " sync_delivery ORDER BY position DESC LIMIT 1)";
    struct err e;
    sqlite3_stmt *stmt;
    must(database_begin(r->db, &e), &e);
    must(database_statement(r->db, sql, &stmt, &e), &e);
    sqlite3_bind_int64(stmt, 1, (int64_t)count);
    must(database_done(r->db, stmt, &e), &e);
    must(database_commit(r->db, &e), &e);
}

static void fill(struct branch *b, size_t count, struct effort *effort)
{
    struct replica *r = b->tree->nodes[CLINIC].replica;
    bool busy;
    struct err e;
    while (count > 0) {
        size_t part = count < PER_TRANSACTION ? count : PER_TRANSACTION;
        int pages = pages_written(r);
        struct gauge before = gauge_now();
        fill_once(r, part);
        gauge_add(&effort->took, &before);
        effort->pages += pages_written(r) - pages;
        must(replica_checkpoint(r, &busy, &e), &e);
        count -= part;
    }
}

/* About `deliveries`, the person's spread over them. */
static struct effort make_journal(const struct workload *w, struct branch *b,
                                  size_t deliveries)
{
    const struct stretch persons = {0, 1, 1};
    struct effort effort = {0};
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], &persons);
    branch_drain(b, CLINIC);
    for (size_t i = 0; i < CHANGESETS; i++) {
        const struct stretch s = {i * LEAVES, LEAVES, LEAVES};
        writer_write_once(w, ROWS_DOSES, b->clients[CLINIC], &s);
        branch_drain(b, CLINIC);
        fill(b, deliveries / CHANGESETS, &effort);
    }
    return effort;
}

static struct effort index_all(struct branch *b)
{
    struct replica *r = b->tree->nodes[CLINIC].replica;
    struct effort effort = {0};
    bool busy;
    bool more = true;
    struct err e;
    while (more) {
        int pages = pages_written(r);
        struct gauge before = gauge_now();
        must(replica_index(r, &more, &e), &e);
        gauge_add(&effort.took, &before);
        effort.pages += pages_written(r) - pages;
        must(replica_checkpoint(r, &busy, &e), &e);
    }
    return effort;
}

/* --- folding ------------------------------------------------------------- */

static double fold_ms(struct branch *b, uint32_t table, const char *id)
{
    struct replica *r = b->tree->nodes[CLINIC].replica;
    const struct table *t = manifest_table(r->manifest, table);
    const struct value key = value_text(id);
    struct bytes canonical = {0};
    struct bytes scope = {0};
    struct gauge took = {0};
    struct fold f;
    struct err e;
    key_bytes(t, &key, &canonical);
    must(database_begin_read(r->db, &e), &e);
    must(replica_scope_of(r, t, &key, &scope, &e), &e);
    struct gauge before = gauge_now();
    must(
        fold_row(&r->merger, t, slice_of(&canonical), slice_of(&scope), &f, &e),
        &e);
    gauge_add(&took, &before);
    database_rollback(r->db);
    if (f.leaf_count == 0) {
        (void)fprintf(stderr, "bench: the fold found nothing\n");
        exit(EXIT_FAILURE);
    }
    fold_clear(&f);
    bytes_free(&canonical);
    bytes_free(&scope);
    return (double)took.wall_ns / 1e6;
}

struct folds {
    double person;
    double dose;
};

/* The second of two: the first reads the file. */
static struct folds measure_folds(struct branch *b, const struct workload *w)
{
    struct folds folds;
    for (int i = 0; i < 2; i++) {
        folds.person = fold_ms(b, PERSON_TABLE, w->persons[0].id);
        folds.dose = fold_ms(b, DOSE_TABLE, w->doses[15 * 100].id);
    }
    return folds;
}

void fold_cost_measure(const struct sizes *sizes)
{
    struct workload *w = workload_of_one_person();
    struct branch *b = branch_new(CLIENT_CHECKPOINTS_NEVER);
    struct effort append = make_journal(w, b, 2 * sizes->doses);
    double count = (double)replica_self(b->tree->nodes[CLINIC].replica)->head;
    struct folds scan = measure_folds(b, w);
    double before = (double)branch_file_bytes(b, CLINIC);
    struct effort index = index_all(b);
    double after = (double)branch_file_bytes(b, CLINIC);
    struct folds with = measure_folds(b, w);
    (void)fprintf(stderr, "bench: a journal of %.0f deliveries\n", count);
    figure_add(FIGURE_FOLD_PERSON, scan.person, with.person);
    figure_add(FIGURE_FOLD_DOSE, scan.dose, with.dose);
    figure_add(FIGURE_INDEX_FILE, before / count, (after - before) / count);
    figure_add(FIGURE_INDEX_CPU, (double)append.took.cpu_ns / 1e3 / count,
               (double)index.took.cpu_ns / 1e3 / count);
    figure_add(FIGURE_INDEX_PAGES, append.pages * 4096.0 / count,
               index.pages * 4096.0 / count);
    branch_destroy(&b);
    workload_destroy(&w);
}
