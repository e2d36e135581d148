/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What it costs headquarters to take in what a clinic wrote, against plain
 * upserts of the rows that result: verifying, journaling, merging and the
 * node's checkpoints count. Each is one transaction of about 96 KiB against
 * one of 1,000 rows. Bytes of the same stretches as frames come with it.
 */
#include "cost.h"

#include "bare.h"
#include "branch.h"
#include "copy.h"
#include "figure.h"

static double per_s(size_t rows, const struct gauge *took)
{
    return (double)rows * 1e9 / (double)took->wall_ns;
}

/* Writes with a drain after each `each` rows. */
static void write_live(const struct workload *w, enum rows rows,
                       struct branch *b, const struct stretch *s, size_t each)
{
    struct writer *writer = writer_new(w, rows, b->clients[CLINIC]);
    for (size_t done = 0; done < s->count; done += each) {
        struct stretch part = {s->from + done, each, s->per_transaction};
        size_t left = s->count - done;
        part.count = each < left ? each : left;
        writer_write(writer, &part);
        branch_drain(b, CLINIC);
    }
    writer_destroy(&writer);
}

static void measure_doses(const struct sizes *sizes, enum uuid_version keys)
{
    const struct stretch bulk = {0, sizes->doses, 1000};
    const struct workload_shape shape = {
        .doses = sizes->doses,
        .persons = sizes->persons,
        .keys = keys,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    writer_write_once(w, ROWS_DOSES, b->clients[CLINIC], &bulk);
    branch_drain(b, CLINIC);
    struct gauge sorted =
        copy_rows(b->clients[CLINIC], b->plain, "dose_event", COPY_SORTED);
    struct shipped shipped = branch_ship(b, CLINIC, OFFICE);
    copy_check(b->clients[CLINIC], b->clients[OFFICE], "dose_event");
    double ours = per_s(bulk.count, &shipped.store);
    if (keys == UUID_V7) {
        figure_add(FIGURE_APPLY_DOSE_V7_SORTED, per_s(bulk.count, &sorted),
                   ours);
    } else {
        client_sql(b->plain, "DELETE FROM dose_event; VACUUM");
        client_sql(b->plain, "PRAGMA wal_checkpoint(TRUNCATE)");
        struct gauge unsorted = copy_rows(b->clients[CLINIC], b->plain,
                                          "dose_event", COPY_AS_WRITTEN);
        figure_add(FIGURE_APPLY_DOSE_V4_SORTED, per_s(bulk.count, &sorted),
                   ours);
        figure_add(FIGURE_APPLY_DOSE_V4_UNSORTED, per_s(bulk.count, &unsorted),
                   ours);
    }
    branch_destroy(&b);
    workload_destroy(&w);
}

static void measure_lone_doses(const struct sizes *sizes)
{
    const struct stretch lone = {0, sizes->lone, 1};
    const struct workload_shape shape = {
        .doses = sizes->lone,
        .persons = sizes->persons,
        .keys = UUID_V7,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    write_live(w, ROWS_DOSES, b, &lone, 1);
    struct gauge sorted =
        copy_rows(b->clients[CLINIC], b->plain, "dose_event", COPY_SORTED);
    struct shipped shipped = branch_ship(b, CLINIC, OFFICE);
    figure_add(FIGURE_APPLY_LONE_DOSE_V7, per_s(lone.count, &sorted),
               per_s(lone.count, &shipped.store));
    branch_destroy(&b);
    workload_destroy(&w);
}

/* Every person there on both sides and in the plain file. */
static struct branch *branch_with_persons(const struct workload *w,
                                          const struct sizes *sizes)
{
    const struct stretch persons = {0, sizes->persons, 1000};
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], &persons);
    branch_drain(b, CLINIC);
    (void)branch_ship(b, CLINIC, OFFICE);
    (void)copy_rows(b->clients[CLINIC], b->plain, "person", COPY_SORTED);
    return b;
}

/* The floor writes each person once, as it is in the end. */
static void measure_updates(const struct sizes *sizes, size_t each,
                            enum figure apply, enum figure wire)
{
    const struct stretch bulk = {0, sizes->updates, each < 1000 ? each : 1000};
    const struct workload_shape shape = {
        .persons = sizes->persons,
        .updates = sizes->updates,
        .keys = UUID_V4,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_with_persons(w, sizes);
    write_live(w, ROWS_UPDATES, b, &bulk, each);
    struct gauge plain =
        copy_rows(b->clients[CLINIC], b->plain, "person", COPY_SORTED);
    struct shipped shipped = branch_ship(b, CLINIC, OFFICE);
    copy_check(b->clients[CLINIC], b->clients[OFFICE], "person");
    figure_add(apply, per_s(sizes->persons, &plain),
               per_s(sizes->persons, &shipped.store));
    figure_add(wire,
               (double)bare_bytes(w, ROWS_UPDATES, &bulk) /
                   (double)sizes->persons,
               (double)shipped.frame_bytes / (double)sizes->persons);
    branch_destroy(&b);
    workload_destroy(&w);
}

void apply_cost_measure(const struct sizes *sizes)
{
    measure_doses(sizes, UUID_V4);
    measure_doses(sizes, UUID_V7);
    measure_lone_doses(sizes);
    measure_updates(sizes, sizes->updates, FIGURE_APPLY_UPDATE,
                    FIGURE_WIRE_HISTORY);
    measure_updates(sizes, 250, FIGURE_APPLY_LIVE_UPDATE,
                    FIGURE_WIRE_LIVE_HISTORY);
}

/* --- both sides wrote ---------------------------------------------------- */

/* The floor: each side's file takes the other's values by plain UPDATE. */
static struct gauge raw_updates(const struct workload *w, sqlite3 *plain,
                                const struct stretch *s)
{
    struct gauge took = {0};
    struct gauge before = gauge_now();
    writer_write_once(w, ROWS_OFFICE_EDITS, plain, s);
    writer_write_once(w, ROWS_CLINIC_EDITS, plain, s);
    gauge_add(&took, &before);
    return took;
}

void merge_cost_measure(const struct sizes *sizes)
{
    const struct stretch all = {0, sizes->persons, 1000};
    const struct workload_shape shape = {
        .persons = sizes->persons,
        .keys = UUID_V4,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_with_persons(w, sizes);
    writer_write_once(w, ROWS_CLINIC_EDITS, b->clients[CLINIC], &all);
    writer_write_once(w, ROWS_OFFICE_EDITS, b->clients[OFFICE], &all);
    branch_drain(b, CLINIC);
    branch_drain(b, OFFICE);
    struct gauge plain = raw_updates(w, b->plain, &all);
    struct shipped up = branch_ship(b, CLINIC, OFFICE);
    struct shipped down = branch_ship(b, OFFICE, CLINIC);
    copy_check(b->clients[CLINIC], b->clients[OFFICE], "person");
    struct gauge both = {.wall_ns = up.store.wall_ns + down.store.wall_ns};
    figure_add(FIGURE_MERGE, per_s(2 * all.count, &plain),
               per_s(2 * all.count, &both));
    figure_add(FIGURE_WIRE_MERGE,
               (double)bare_bytes(w, ROWS_CLINIC_EDITS, &all) /
                   (double)all.count,
               (double)up.frame_bytes / (double)all.count);
    branch_destroy(&b);
    workload_destroy(&w);
}
