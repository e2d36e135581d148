/* SPDX-License-Identifier: Apache-2.0 */
#include "figure.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = 16 };

/* What is compared with "least" and "target", and which way is better. */
enum judged {
    JUDGED_SPEED, /* ratio of rates: more is better */
    JUDGED_COST,  /* ratio of costs: less is better */
    JUDGED_BYTES, /* our bytes themselves: less is better */
};

/* `least` and `target` as /docs/performance.md derives them; 0: none. */
struct line {
    const char *what;
    const char *unit;
    enum judged judged;
    double least;
    double target;
};

struct samples {
    double floors[SAMPLES_MAX];
    double ours[SAMPLES_MAX];
    double ratios[SAMPLES_MAX];
    int count;
};

static struct samples all[FIGURES];

static const char per_s[] = "rows/s";
static const char cpu[] = "us CPU/row";
static const char bytes[] = "B/row";
static const char file[] = "B/row in file";

static const struct line lines[FIGURES] = {
    /* local writes with capture against the same tables without triggers */
    [FIGURE_CAPTURE_DOSE_V4] = {"write 1,000 doses a txn, UUIDv4", per_s,
                                JUDGED_SPEED, 0.30, 0.85},
    [FIGURE_CAPTURE_DOSE_V7] = {"write 1,000 doses a txn, UUIDv7", per_s,
                                JUDGED_SPEED, 0.30, 0.85},
    [FIGURE_CAPTURE_UPDATE] = {"write 1,000 column updates a txn", per_s,
                               JUDGED_SPEED, 0.35, 0.70},
    [FIGURE_CAPTURE_LONE_DOSE_V4] = {"write 1 dose a txn, UUIDv4", per_s,
                                     JUDGED_SPEED, 0.40, 0.75},
    [FIGURE_CAPTURE_LONE_DOSE_V7] = {"write 1 dose a txn, UUIDv7", per_s,
                                     JUDGED_SPEED, 0.40, 0.75},
    [FIGURE_CAPTURE_LONE_UPDATE] = {"write 1 column update a txn", per_s,
                                    JUDGED_SPEED, 0.40, 0.75},
    [FIGURE_CAPTURE_OPEN] = {"open, write 1 dose, close", per_s, JUDGED_SPEED,
                             0, 0},
    /* a register in one transaction, parsing included, against the rows bound
     * into the same tables without triggers */
    [FIGURE_IMPORT_PLAIN] = {"import, table's own columns", cpu, JUDGED_COST, 0,
                             0},
    [FIGURE_IMPORT_MAP] = {"import, a clinic's register by a map", cpu,
                           JUDGED_COST, 0, 0},
    [FIGURE_IMPORT_AGAIN] = {"import, the same register again", cpu,
                             JUDGED_COST, 0, 0},
    /* writes and what the node does to sign and journal them */
    [FIGURE_DRAIN_DOSE_V4] = {"write + drain, backlog, UUIDv4", cpu,
                              JUDGED_COST, 0, 2.0},
    [FIGURE_DRAIN_DOSE_V7] = {"write + drain, backlog, UUIDv7", cpu,
                              JUDGED_COST, 0, 3.0},
    [FIGURE_DRAIN_UPDATE] = {"write + drain, backlog, updates", cpu,
                             JUDGED_COST, 0, 0},
    [FIGURE_DRAIN_LIVE_DOSE_V4] = {"write + drain, each 250, UUIDv4", cpu,
                                   JUDGED_COST, 0, 2.0},
    [FIGURE_DRAIN_LIVE_DOSE_V7] = {"write + drain, each 250, UUIDv7", cpu,
                                   JUDGED_COST, 0, 3.0},
    [FIGURE_DRAIN_LIVE_UPDATE] = {"write + drain, each 250, updates", cpu,
                                  JUDGED_COST, 0, 0},
    [FIGURE_DRAIN_LONE_DOSE_V7] = {"write + drain, each dose, UUIDv7", cpu,
                                   JUDGED_COST, 0, 0},
    /* applying what another node wrote */
    [FIGURE_APPLY_DOSE_V4_SORTED] = {"apply doses v4 / sorted upserts", per_s,
                                     JUDGED_SPEED, 0, 0.8},
    [FIGURE_APPLY_DOSE_V4_UNSORTED] = {"apply doses v4 / unsorted upserts",
                                       per_s, JUDGED_SPEED, 1.5, 1.5},
    [FIGURE_APPLY_DOSE_V7_SORTED] = {"apply doses v7 / sorted upserts", per_s,
                                     JUDGED_SPEED, 0, 0.8},
    [FIGURE_APPLY_LONE_DOSE_V7] = {"apply lone doses v7 / sorted upserts",
                                   per_s, JUDGED_SPEED, 0, 0},
    [FIGURE_APPLY_UPDATE] = {"apply updates, backlog / upserts", per_s,
                             JUDGED_SPEED, 0.24, 0.5},
    [FIGURE_APPLY_LIVE_UPDATE] = {"apply updates, live history / upserts",
                                  per_s, JUDGED_SPEED, 0, 0.25},
    [FIGURE_MERGE] = {"merge both ways / raw updates", per_s, JUDGED_SPEED,
                      0.34, 0.5},
    /* frames as they are encoded; the floor is zstd-3 of the bare values */
    [FIGURE_WIRE_DOSE_1] = {"frame, 1 dose, UUIDv4", bytes, JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_DOSE_20] = {"frame, 20 doses, UUIDv4", bytes, JUDGED_BYTES, 0,
                             0},
    [FIGURE_WIRE_DOSE_256] = {"frame, 256 doses, UUIDv4", bytes, JUDGED_BYTES,
                              0, 0},
    [FIGURE_WIRE_DOSE_1000] = {"frames, 1,000 doses, UUIDv4", bytes,
                               JUDGED_BYTES, 75, 62},
    [FIGURE_WIRE_DOSE_V7_1000] = {"frames, 1,000 doses, UUIDv7", bytes,
                                  JUDGED_BYTES, 75, 62},
    [FIGURE_WIRE_WIDE_DOSE_V7_1000] = {"frames, 1,000 doses of 4 UUIDv7", bytes,
                                       JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_DOSE_AND_ACK] = {"1 dose and its ack, UUIDv7", bytes,
                                  JUDGED_BYTES, 0, 400},
    [FIGURE_WIRE_DOSE_AND_ACK_CURVE] = {"the same under CURVE and ZMTP", bytes,
                                        JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_UPDATE_1] = {"frame, 1 column update", bytes, JUDGED_BYTES, 0,
                              0},
    [FIGURE_WIRE_UPDATE_20] = {"frame, 20 column updates", bytes, JUDGED_BYTES,
                               0, 0},
    [FIGURE_WIRE_UPDATE_256] = {"frame, 256 column updates", bytes,
                                JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_UPDATE_1000] = {"frames, 1,000 column updates", bytes,
                                 JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_HISTORY] = {"frames, updates, backlog, a person", bytes,
                             JUDGED_BYTES, 50, 32},
    [FIGURE_WIRE_LIVE_HISTORY] = {"frames, updates, live, a person", bytes,
                                  JUDGED_BYTES, 0, 0},
    [FIGURE_WIRE_MERGE] = {"frames, 2 columns of each person", bytes,
                           JUDGED_BYTES, 35, 21},
    /* the file after a checkpoint against a plain file of the same rows */
    [FIGURE_FILE_ORIGIN_V4] = {"origin, batches, UUIDv4", file, JUDGED_COST,
                               2.0, 1.35},
    [FIGURE_FILE_RECEIVER_V4] = {"receiver, batches, UUIDv4", file, JUDGED_COST,
                                 2.0, 1.35},
    [FIGURE_FILE_ORIGIN_V7] = {"origin, batches, UUIDv7", file, JUDGED_COST,
                               2.0, 1.35},
    [FIGURE_FILE_RECEIVER_V7] = {"receiver, batches, UUIDv7", file, JUDGED_COST,
                                 2.0, 1.35},
    [FIGURE_FILE_LONE_ORIGIN_V4] = {"origin, one at a time, UUIDv4", file,
                                    JUDGED_COST, 2.0, 1.45},
    [FIGURE_FILE_LONE_RECEIVER_V4] = {"receiver, one at a time, UUIDv4", file,
                                      JUDGED_COST, 2.0, 1.45},
    [FIGURE_FILE_LONE_ORIGIN_V7] = {"origin, one at a time, UUIDv7", file,
                                    JUDGED_COST, 2.0, 1.45},
    [FIGURE_FILE_LONE_RECEIVER_V7] = {"receiver, one at a time, UUIDv7", file,
                                      JUDGED_COST, 2.0, 1.45},
    /* one row of a long journal, by the index against a scan; the index
     * against the deliveries: the file before it, their appending */
    [FIGURE_FOLD_PERSON] = {"fold of one row, a person", "ms", JUDGED_COST, 0,
                            0},
    [FIGURE_FOLD_DOSE] = {"fold of one row, 1 of 1,000 doses", "ms",
                          JUDGED_COST, 0, 0},
    [FIGURE_INDEX_FILE] = {"index, in the file", "B/delivery", JUDGED_COST, 0,
                           0},
    [FIGURE_INDEX_CPU] = {"index, making it", "us CPU/delivery", JUDGED_COST, 0,
                          0},
    [FIGURE_INDEX_PAGES] = {"index, written to the log", "B/delivery",
                            JUDGED_COST, 0, 0},
};

/* --- samples ------------------------------------------------------------- */

void figure_add(enum figure figure, double floor_value, double ours)
{
    struct samples *s = &all[figure];
    assert(s->count < SAMPLES_MAX);
    s->floors[s->count] = floor_value;
    s->ours[s->count] = ours;
    s->ratios[s->count] = floor_value > 0 ? ours / floor_value : 0;
    s->count++;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof *numbers, compare_numbers);
    double high = numbers[count / 2];
    return count % 2 == 1 ? high : (high + numbers[count / 2 - 1]) / 2;
}

/* --- printing ------------------------------------------------------------ */

/* Three digits that count, without an exponent. */
static void print_number(double number)
{
    printf("\t%.*f", number >= 100 ? 0 : number >= 10 ? 1 : 2, number);
}

static void print_bound(double bound)
{
    if (bound > 0) {
        printf("\t%g", bound);
    } else {
        printf("\t-");
    }
}

static bool meets(const struct line *l, double value, double bound)
{
    return l->judged == JUDGED_SPEED ? value >= bound : value <= bound;
}

static const char *verdict(const struct line *l, double value)
{
    if (l->target > 0 && meets(l, value, l->target)) {
        return "target";
    }
    if (l->least > 0 && meets(l, value, l->least)) {
        return "least";
    }
    return l->least > 0 || l->target > 0 ? "missed" : "-";
}

static void print_line(const struct line *l, struct samples *s)
{
    double ours = median(s->ours, s->count);
    double ratio = median(s->ratios, s->count);
    printf("%s\t%s", l->what, l->unit);
    print_number(median(s->floors, s->count));
    print_number(ours);
    print_number(ratio);
    printf("\t%.2f-%.2f", s->ratios[0], s->ratios[s->count - 1]);
    print_bound(l->least);
    print_bound(l->target);
    printf("\t%s\n", verdict(l, l->judged == JUDGED_BYTES ? ours : ratio));
}

void figure_print(void)
{
    printf("what\tunit\tfloor\tours\tratio\tmin-max\tleast\ttarget\tmeets\n");
    for (int i = 0; i < FIGURES; i++) {
        if (all[i].count > 0) {
            print_line(&lines[i], &all[i]);
        }
    }
}

bool figure_complete(void)
{
    bool complete = true;
    for (int i = 0; i < FIGURES; i++) {
        if (all[i].count == 0) {
            (void)fprintf(stderr, "bench: not measured: %s\n", lines[i].what);
            complete = false;
        }
    }
    return complete;
}
