/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a row takes in the file, journal and all, at the node that wrote it
 * and at one that received it, against a plain file of the same rows.
 */
#include "cost.h"

#include "branch.h"
#include "figure.h"
#include "writer.h"

struct question {
    enum uuid_version keys;
    size_t rows;
    size_t each; /* rows a transaction and a drain */
    enum figure origin;
    enum figure receiver;
};

static void measure(const struct question *q, size_t persons)
{
    const struct workload_shape shape = {
        .doses = q->rows,
        .persons = persons,
        .keys = q->keys,
    };
    const struct stretch all = {0, q->rows, 1000};
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    double rows = (double)q->rows;
    writer_write_once(w, ROWS_DOSES, b->plain, &all);
    struct writer *writer = writer_new(w, ROWS_DOSES, b->clients[CLINIC]);
    for (size_t done = 0; done < q->rows; done += q->each) {
        size_t left = q->rows - done;
        struct stretch part = {done, q->each < left ? q->each : left, q->each};
        writer_write(writer, &part);
        branch_drain(b, CLINIC);
    }
    writer_destroy(&writer);
    (void)branch_ship(b, CLINIC, OFFICE);
    double plain = (double)branch_plain_bytes(b) / rows;
    figure_add(q->origin, plain, (double)branch_file_bytes(b, CLINIC) / rows);
    figure_add(q->receiver, plain, (double)branch_file_bytes(b, OFFICE) / rows);
    branch_destroy(&b);
    workload_destroy(&w);
}

void file_cost_measure(const struct sizes *sizes)
{
    const struct question questions[] = {
        {UUID_V4, sizes->doses, 1000, FIGURE_FILE_ORIGIN_V4,
         FIGURE_FILE_RECEIVER_V4},
        {UUID_V7, sizes->doses, 1000, FIGURE_FILE_ORIGIN_V7,
         FIGURE_FILE_RECEIVER_V7},
        {UUID_V4, sizes->doses / 10, 1, FIGURE_FILE_LONE_ORIGIN_V4,
         FIGURE_FILE_LONE_RECEIVER_V4},
        {UUID_V7, sizes->doses / 10, 1, FIGURE_FILE_LONE_ORIGIN_V7,
         FIGURE_FILE_LONE_RECEIVER_V7},
    };
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        measure(&questions[i], sizes->persons);
    }
}
