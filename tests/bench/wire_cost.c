/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bytes on the wire: frames as a session sends them, for doses and column
 * updates that were written and drained in batches. The floor is zstd-3 of
 * the bare values of each batch.
 */
#include "cost.h"

#include "bare.h"
#include "branch.h"
#include "figure.h"

enum {
    BATCH_MAX = 1000,
    /* What a frame grows by on a link. CurveZMQ (rfc.zeromq.org/spec/26): the
     * command's name 8, short nonce 8, tag 16, flags 1; ZMTP 3.1 (spec 37):
     * flags and length, 2 bytes up to 255 and 9 beyond. */
    CURVE_BYTES = 33,
    SHORT_FRAME_MAX = 255,
    ZMTP_SHORT_BYTES = 2,
    ZMTP_LONG_BYTES = 9,
};

static size_t under_curve(size_t frame)
{
    size_t body = frame + CURVE_BYTES;
    return body + (body > SHORT_FRAME_MAX ? ZMTP_LONG_BYTES : ZMTP_SHORT_BYTES);
}

/* Writes, drains and ships `batches` of so many rows; returns the stretch
 * after them. */
static struct stretch measure_batches(struct branch *b,
                                      const struct workload *w, enum rows rows,
                                      struct stretch s, size_t batches,
                                      enum figure figure)
{
    size_t frames = 0;
    size_t bare = 0;
    for (size_t i = 0; i < batches; i++) {
        writer_write_once(w, rows, b->clients[CLINIC], &s);
        branch_drain(b, CLINIC);
        frames += branch_ship(b, CLINIC, OFFICE).frame_bytes;
        bare += bare_bytes(w, rows, &s);
        s.from += s.count;
    }
    double count = (double)(s.count * batches);
    figure_add(figure, (double)bare / count, (double)frames / count);
    return s;
}

static void measure_sizes(const struct sizes *sizes, enum rows rows,
                          const enum figure figures[4])
{
    static const size_t batch_rows[] = {1, 20, 256, BATCH_MAX};
    const struct stretch persons = {0, sizes->persons, 1000};
    const size_t all_rows = sizes->batches * (1 + 20 + 256) + BATCH_MAX;
    const struct workload_shape shape = {
        .doses = all_rows,
        .persons = sizes->persons,
        .updates = all_rows,
        .keys = UUID_V4,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    struct stretch s = {0, 0, 1};
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], &persons);
    branch_drain(b, CLINIC);
    (void)branch_ship(b, CLINIC, OFFICE);
    for (size_t i = 0; i < 4; i++) {
        s.count = batch_rows[i];
        s.per_transaction = s.count;
        s = measure_batches(b, w, rows, s,
                            s.count == BATCH_MAX ? 1 : sizes->batches,
                            figures[i]);
    }
    branch_destroy(&b);
    workload_destroy(&w);
}

static void measure_large(size_t persons, bool wide, enum figure figure)
{
    const struct workload_shape shape = {
        .doses = BATCH_MAX,
        .persons = persons,
        .keys = UUID_V7,
        .wide = wide,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    const struct stretch all = {0, BATCH_MAX, BATCH_MAX};
    (void)measure_batches(b, w, ROWS_DOSES, all, 1, figure);
    branch_destroy(&b);
    workload_destroy(&w);
}

/* Each dose alone, acknowledged alone. */
static void measure_lone(const struct sizes *sizes)
{
    const struct workload_shape shape = {
        .doses = sizes->batches,
        .persons = sizes->persons,
        .keys = UUID_V7,
    };
    struct workload *w = workload_new(&shape);
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    size_t frames = 0;
    size_t under = 0;
    size_t bare = 0;
    for (size_t i = 0; i < sizes->batches; i++) {
        struct stretch one = {i, 1, 1};
        writer_write_once(w, ROWS_DOSES, b->clients[CLINIC], &one);
        branch_drain(b, CLINIC);
        size_t frame = branch_ship(b, CLINIC, OFFICE).frame_bytes;
        size_t ack = branch_ack_bytes(b, CLINIC, OFFICE);
        frames += frame + ack;
        under += under_curve(frame) + under_curve(ack);
        bare += bare_bytes(w, ROWS_DOSES, &one);
    }
    double count = (double)sizes->batches;
    figure_add(FIGURE_WIRE_DOSE_AND_ACK, (double)bare / count,
               (double)frames / count);
    figure_add(FIGURE_WIRE_DOSE_AND_ACK_CURVE, (double)bare / count,
               (double)under / count);
    branch_destroy(&b);
    workload_destroy(&w);
}

void wire_cost_measure(const struct sizes *sizes)
{
    static const enum figure doses[] = {FIGURE_WIRE_DOSE_1, FIGURE_WIRE_DOSE_20,
                                        FIGURE_WIRE_DOSE_256,
                                        FIGURE_WIRE_DOSE_1000};
    static const enum figure updates[] = {
        FIGURE_WIRE_UPDATE_1, FIGURE_WIRE_UPDATE_20, FIGURE_WIRE_UPDATE_256,
        FIGURE_WIRE_UPDATE_1000};
    measure_sizes(sizes, ROWS_DOSES, doses);
    measure_sizes(sizes, ROWS_UPDATES, updates);
    measure_large(sizes->persons, false, FIGURE_WIRE_DOSE_V7_1000);
    measure_large(sizes->persons, true, FIGURE_WIRE_WIDE_DOSE_V7_1000);
    measure_lone(sizes);
}
