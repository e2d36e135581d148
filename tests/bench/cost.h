/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Costs: each function measures one repetition of a group of figures, floor
 * and ours in turn, and adds the samples.
 */
#ifndef SANGAM_BENCH_COST_H
#define SANGAM_BENCH_COST_H

#include <stddef.h>

struct sizes {
    int repetitions;
    size_t doses;
    size_t persons;
    size_t updates;
    size_t lone;    /* rows written one a transaction */
    size_t batches; /* sent of each size; of the largest, one */
};

void write_cost_measure(const struct sizes *sizes);
void drain_cost_measure(const struct sizes *sizes);
void apply_cost_measure(const struct sizes *sizes);
void merge_cost_measure(const struct sizes *sizes);
void wire_cost_measure(const struct sizes *sizes);
void file_cost_measure(const struct sizes *sizes);
void fold_cost_measure(const struct sizes *sizes);
void import_cost_measure(const struct sizes *sizes);

#endif
