/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct dice dice_seeded(void)
{
    struct dice d;
    const char *given = getenv("SANGAM_SEED");
    if (given != NULL) {
        d.state = strtoull(given, NULL, 10);
    } else {
        randombytes_buf(&d.state, sizeof d.state);
    }
    (void)fprintf(stderr, "[   SEED   ] SANGAM_SEED=%" PRIu64 "\n", d.state);
    return d;
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do. */
uint64_t dice_u64(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

size_t dice_below(struct dice *d, size_t sides)
{
    return (size_t)(dice_u64(d) % sides);
}

bool dice_even(struct dice *d)
{
    return dice_below(d, 2) == 0;
}

void dice_fill(struct dice *d, void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)dice_u64(d);
    }
}
