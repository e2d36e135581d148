/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Machine: what of it explains figures: cores, libraries, and how long the
 * disk under /tmp takes to sync one page.
 */
#ifndef SANGAM_BENCH_MACHINE_H
#define SANGAM_BENCH_MACHINE_H

/* One line on stdout. */
void machine_print(void);

#endif
