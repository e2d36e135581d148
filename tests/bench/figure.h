/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Figure: one line of the table. A sample is a floor and what we did, measured
 * one after the other; the line shows the medians of both, the median of the
 * samples' ratios with the least and the greatest, and whether "least" and
 * "target" are met. Only ratios to a floor of the same run and sizes in bytes
 * are judged, never absolute times.
 */
#ifndef SANGAM_BENCH_FIGURE_H
#define SANGAM_BENCH_FIGURE_H

#include <stdbool.h>

enum figure {
    FIGURE_CAPTURE_DOSE_V4,
    FIGURE_CAPTURE_DOSE_V7,
    FIGURE_CAPTURE_UPDATE,
    FIGURE_CAPTURE_LONE_DOSE_V4,
    FIGURE_CAPTURE_LONE_DOSE_V7,
    FIGURE_CAPTURE_LONE_UPDATE,
    FIGURE_CAPTURE_OPEN,
    FIGURE_IMPORT_PLAIN,
    FIGURE_IMPORT_MAP,
    FIGURE_IMPORT_AGAIN,
    FIGURE_DRAIN_DOSE_V4,
    FIGURE_DRAIN_DOSE_V7,
    FIGURE_DRAIN_UPDATE,
    FIGURE_DRAIN_LIVE_DOSE_V4,
    FIGURE_DRAIN_LIVE_DOSE_V7,
    FIGURE_DRAIN_LIVE_UPDATE,
    FIGURE_DRAIN_LONE_DOSE_V7,
    FIGURE_APPLY_DOSE_V4_SORTED,
    FIGURE_APPLY_DOSE_V4_UNSORTED,
    FIGURE_APPLY_DOSE_V7_SORTED,
    FIGURE_APPLY_LONE_DOSE_V7,
    FIGURE_APPLY_UPDATE,
    FIGURE_APPLY_LIVE_UPDATE,
    FIGURE_MERGE,
    FIGURE_WIRE_DOSE_1,
    FIGURE_WIRE_DOSE_20,
    FIGURE_WIRE_DOSE_256,
    FIGURE_WIRE_DOSE_1000,
    FIGURE_WIRE_DOSE_V7_1000,
    FIGURE_WIRE_WIDE_DOSE_V7_1000,
    FIGURE_WIRE_DOSE_AND_ACK,
    FIGURE_WIRE_DOSE_AND_ACK_CURVE,
    FIGURE_WIRE_UPDATE_1,
    FIGURE_WIRE_UPDATE_20,
    FIGURE_WIRE_UPDATE_256,
    FIGURE_WIRE_UPDATE_1000,
    FIGURE_WIRE_HISTORY,
    FIGURE_WIRE_LIVE_HISTORY,
    FIGURE_WIRE_MERGE,
    FIGURE_FILE_ORIGIN_V4,
    FIGURE_FILE_RECEIVER_V4,
    FIGURE_FILE_ORIGIN_V7,
    FIGURE_FILE_RECEIVER_V7,
    FIGURE_FILE_LONE_ORIGIN_V4,
    FIGURE_FILE_LONE_RECEIVER_V4,
    FIGURE_FILE_LONE_ORIGIN_V7,
    FIGURE_FILE_LONE_RECEIVER_V7,
    FIGURE_FOLD_PERSON,
    FIGURE_FOLD_DOSE,
    FIGURE_INDEX_FILE,
    FIGURE_INDEX_CPU,
    FIGURE_INDEX_PAGES,
    FIGURES,
};

/* In the figure's unit. A floor of 0: there is none. */
void figure_add(enum figure figure, double floor_value, double ours);

/* Prints what was measured, a line each, columns separated by tabs. */
void figure_print(void);
/* Names on stderr what was not measured; true when nothing is missing. */
bool figure_complete(void);

#endif
