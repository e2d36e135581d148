/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What it costs, in CPU, to write rows and have them signed and journaled,
 * against writing them: as a backlog that one drain after the other takes up
 * to DRAIN_ROWS_MAX of, and live, with a drain after each transaction. The
 * node's checkpoints count, and SQLite's own count for the plain file.
 */
#include "cost.h"

#include "branch.h"
#include "figure.h"
#include "writer.h"

static double us_per_row(const struct gauge *took, size_t rows)
{
    return (double)took->cpu_ns / 1000.0 / (double)rows;
}

static double plain_cost(const struct workload *w, enum rows rows,
                         struct branch *b, const struct stretch *s)
{
    struct writer *writer = writer_new(w, rows, b->plain);
    struct gauge took = {0};
    struct gauge before = gauge_now();
    writer_write(writer, s);
    gauge_add(&took, &before);
    writer_destroy(&writer);
    return us_per_row(&took, s->count);
}

static double backlog_cost(const struct workload *w, enum rows rows,
                           struct branch *b, const struct stretch *s)
{
    struct writer *writer = writer_new(w, rows, b->clients[CLINIC]);
    struct gauge took = {0};
    struct gauge before = gauge_now();
    writer_write(writer, s);
    branch_drain(b, CLINIC);
    gauge_add(&took, &before);
    writer_destroy(&writer);
    return us_per_row(&took, s->count);
}

static double live_cost(const struct workload *w, enum rows rows,
                        struct branch *b, const struct stretch *s)
{
    struct writer *writer = writer_new(w, rows, b->clients[CLINIC]);
    struct gauge took = {0};
    struct gauge before = gauge_now();
    for (size_t done = 0; done < s->count; done += s->per_transaction) {
        struct stretch one = {s->from + done, s->per_transaction,
                              s->per_transaction};
        one.count = one.count < s->count - done ? one.count : s->count - done;
        writer_write(writer, &one);
        branch_drain(b, CLINIC);
    }
    gauge_add(&took, &before);
    writer_destroy(&writer);
    return us_per_row(&took, s->count);
}

static void measure_doses(const struct sizes *sizes, enum uuid_version keys)
{
    const struct stretch bulk = {0, sizes->doses, 1000};
    const struct stretch live = {0, sizes->doses, 250};
    const struct stretch lone = {sizes->doses, sizes->lone, 1};
    const struct workload_shape shape = {
        .doses = sizes->doses + sizes->lone,
        .persons = sizes->persons,
        .keys = keys,
    };
    bool v4 = keys == UUID_V4;
    struct workload *w = workload_new(&shape);

    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    double floor_value = plain_cost(w, ROWS_DOSES, b, &bulk);
    figure_add(v4 ? FIGURE_DRAIN_DOSE_V4 : FIGURE_DRAIN_DOSE_V7, floor_value,
               backlog_cost(w, ROWS_DOSES, b, &bulk));
    branch_destroy(&b);

    b = branch_new(CLIENT_CHECKPOINTS_NEVER);
    floor_value = plain_cost(w, ROWS_DOSES, b, &live);
    figure_add(v4 ? FIGURE_DRAIN_LIVE_DOSE_V4 : FIGURE_DRAIN_LIVE_DOSE_V7,
               floor_value, live_cost(w, ROWS_DOSES, b, &live));
    if (!v4) {
        floor_value = plain_cost(w, ROWS_DOSES, b, &lone);
        figure_add(FIGURE_DRAIN_LONE_DOSE_V7, floor_value,
                   live_cost(w, ROWS_DOSES, b, &lone));
    }
    branch_destroy(&b);
    workload_destroy(&w);
}

static struct branch *branch_with_persons(const struct workload *w,
                                          enum client_checkpoints checkpoints,
                                          const struct stretch *persons)
{
    struct branch *b = branch_new(checkpoints);
    writer_write_once(w, ROWS_PERSONS, b->plain, persons);
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], persons);
    branch_drain(b, CLINIC);
    return b;
}

static void measure_updates(const struct sizes *sizes)
{
    const struct stretch persons = {0, sizes->persons, 1000};
    const struct stretch bulk = {0, sizes->updates, 1000};
    const struct stretch live = {0, sizes->updates, 250};
    const struct workload_shape shape = {
        .persons = sizes->persons,
        .updates = sizes->updates,
        .keys = UUID_V4,
    };
    struct workload *w = workload_new(&shape);

    struct branch *b = branch_with_persons(w, CLIENT_CHECKPOINTS, &persons);
    double floor_value = plain_cost(w, ROWS_UPDATES, b, &bulk);
    figure_add(FIGURE_DRAIN_UPDATE, floor_value,
               backlog_cost(w, ROWS_UPDATES, b, &bulk));
    branch_destroy(&b);

    b = branch_with_persons(w, CLIENT_CHECKPOINTS_NEVER, &persons);
    floor_value = plain_cost(w, ROWS_UPDATES, b, &live);
    figure_add(FIGURE_DRAIN_LIVE_UPDATE, floor_value,
               live_cost(w, ROWS_UPDATES, b, &live));
    branch_destroy(&b);
    workload_destroy(&w);
}

void drain_cost_measure(const struct sizes *sizes)
{
    measure_doses(sizes, UUID_V4);
    measure_doses(sizes, UUID_V7);
    measure_updates(sizes);
}
