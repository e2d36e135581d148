/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Dice: random input for tests, from a seed that is printed. SANGAM_SEED in
 * the environment replays a run.
 */
#ifndef SANGAM_TESTS_DICE_H
#define SANGAM_TESTS_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* Prints the seed. */
struct dice dice_seeded(void);
uint64_t dice_u64(struct dice *d);
/* 0 to sides - 1. */
size_t dice_below(struct dice *d, size_t sides);
bool dice_even(struct dice *d);
void dice_fill(struct dice *d, void *out, size_t len);

#endif
