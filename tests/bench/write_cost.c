/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What capture and its guards cost a program that writes: the same rows into
 * a replica and into the same tables without triggers. The node does not run.
 */
#include "cost.h"

#include "branch.h"
#include "figure.h"
#include "writer.h"

static double rows_per_s(const struct workload *w, enum rows rows,
                         sqlite3 *client, const struct stretch *s)
{
    struct writer *writer = writer_new(w, rows, client);
    struct gauge took = {0};
    struct gauge before = gauge_now();
    writer_write(writer, s);
    gauge_add(&took, &before);
    writer_destroy(&writer);
    return (double)s->count * 1e9 / (double)took.wall_ns;
}

static void compare(enum figure figure, const struct workload *w,
                    enum rows rows, struct branch *b, const struct stretch *s)
{
    double floor_value = rows_per_s(w, rows, b->plain, s);
    figure_add(figure, floor_value, rows_per_s(w, rows, b->clients[CLINIC], s));
}

/* A program that is started for one dose and ends. */
static double visits_per_s(const struct workload *w, const char *path,
                           const struct stretch *s)
{
    struct gauge took = {0};
    struct gauge before = gauge_now();
    for (size_t i = 0; i < s->count; i++) {
        struct stretch one = {s->from + i, 1, 1};
        sqlite3 *visitor = client_open(path, CLIENT_CHECKPOINTS);
        writer_write_once(w, ROWS_DOSES, visitor, &one);
        client_close(&visitor);
    }
    gauge_add(&took, &before);
    return (double)s->count * 1e9 / (double)took.wall_ns;
}

static void measure_visits(const struct workload *w, struct branch *b,
                           const struct stretch *s)
{
    double floor_value =
        visits_per_s(w, sqlite3_db_filename(b->plain, NULL), s);
    figure_add(FIGURE_CAPTURE_OPEN, floor_value,
               visits_per_s(w, b->tree->nodes[CLINIC].path, s));
}

static void measure_doses(const struct sizes *sizes, enum uuid_version keys)
{
    const struct stretch bulk = {0, sizes->doses, 1000};
    const struct stretch lone = {bulk.count, sizes->lone, 1};
    const struct stretch visits = {lone.from + lone.count, sizes->lone / 20 + 1,
                                   1};
    const struct workload_shape shape = {
        .doses = visits.from + visits.count,
        .persons = sizes->persons,
        .keys = keys,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    bool v4 = keys == UUID_V4;
    compare(v4 ? FIGURE_CAPTURE_DOSE_V4 : FIGURE_CAPTURE_DOSE_V7, w, ROWS_DOSES,
            b, &bulk);
    compare(v4 ? FIGURE_CAPTURE_LONE_DOSE_V4 : FIGURE_CAPTURE_LONE_DOSE_V7, w,
            ROWS_DOSES, b, &lone);
    if (!v4) {
        measure_visits(w, b, &visits);
    }
    branch_destroy(&b);
    workload_destroy(&w);
}

static void measure_updates(const struct sizes *sizes)
{
    const struct stretch persons = {0, sizes->persons, 1000};
    const struct stretch bulk = {0, sizes->updates, 1000};
    const struct stretch lone = {bulk.count, sizes->lone, 1};
    const struct workload_shape shape = {
        .persons = sizes->persons,
        .updates = bulk.count + lone.count,
        .keys = UUID_V4,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    writer_write_once(w, ROWS_PERSONS, b->plain, &persons);
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], &persons);
    branch_drain(b, CLINIC);
    compare(FIGURE_CAPTURE_UPDATE, w, ROWS_UPDATES, b, &bulk);
    compare(FIGURE_CAPTURE_LONE_UPDATE, w, ROWS_UPDATES, b, &lone);
    branch_destroy(&b);
    workload_destroy(&w);
}

void write_cost_measure(const struct sizes *sizes)
{
    measure_doses(sizes, UUID_V4);
    measure_doses(sizes, UUID_V7);
    measure_updates(sizes);
}
