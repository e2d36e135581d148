/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bare: what must travel at the least: the values of rows as text, a line
 * each with tabs between, in one zstd frame at level 3.
 */
#ifndef SANGAM_BENCH_BARE_H
#define SANGAM_BENCH_BARE_H

#include "writer.h"

/* Bytes of a stretch of rows as ROWS_DOSES, ROWS_UPDATES (the last of each
 * cell, with key and column) or ROWS_CLINIC_EDITS. */
size_t bare_bytes(const struct workload *w, enum rows rows,
                  const struct stretch *s);

#endif
