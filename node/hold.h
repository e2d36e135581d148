/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hold: when the node may write to its replica. One for the whole daemon.
 *
 * While the replica is locked by another program, or the disk is full, all
 * wait: each try waits for the lock inside SQLite, so if every link tried for
 * itself the loop would stand still for minutes. Meanwhile nothing is
 * acknowledged, so nothing is lost.
 *
 * And the node leaves the write lock alone in time, so that programs which wait
 * get in. SQLite has no queue: a program that waits looks again after 1, 2, 5,
 * 10, 15, 20, 25, 25, 25, 50, 50 and then each 100 ms, and gives up if the node
 * happens to hold the lock each time. So
 *
 *   - a pause lasts longer than 100 ms: no program that waits can miss it;
 *   - it comes after the node has used the lock for twice that: whoever waits
 *     gets in within half a second, and a node that is alone and has much to
 *     write is slowed down by a third at most;
 *   - time in which the node does not use the lock pays for twice as much use,
 *     so that a node with less to write never pauses.
 *
 * Time spent waiting for the lock counts as used, because it cannot be told
 * apart; the pause is no longer for it.
 *
 * On a slow machine a row costs more: how many one transaction may have follows
 * from what those before it cost.
 */
#ifndef SANGAM_HOLD_H
#define SANGAM_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/err.h"

/* All zero but the replica: nothing to wait for. */
struct hold {
    const char *replica; /* its path, borrowed */
    int64_t until_ms;    /* monotonic: write again then */
    int code;            /* ERR_* said in the log, 0: it works */
    int64_t used_ms;     /* of the lock, and not paid for by leaving it alone */
    int64_t ended_ms;    /* until when it was used */
    /* Pauses so far. Who writes first after a pause changes with it, or else
     * the first of them would be the only one. */
    size_t turns;
    int64_t row_us; /* what a row has cost, of late; 0: nothing known yet */
};

/* The replica said ERR_BUSY or ERR_FULL (FAULT_WAIT). Logs when that is news. */
void hold_begin(struct hold *h, const struct err *cause);
/* A write went through. */
void hold_end(struct hold *h);
/* Is there something in the way, for which it is not worth to wait? Not so in
 * a pause. */
bool hold_blocks(const struct hold *h, int64_t now_ms);

/* The node used the write lock from then to now, monotonic, for so many rows (0:
 * for something else): a pause may follow. */
void hold_used(struct hold *h, int64_t began_ms, int64_t now_ms, uint64_t rows);
/* How many rows the next transaction should have at most. */
size_t hold_rows(const struct hold *h);

#endif
