/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hold: what everybody waits for while the replica is locked by another
 * program, or the disk is full. One for the whole daemon: each try waits for
 * the lock inside SQLite, so if every link tried for itself the loop would
 * stand still for minutes.
 *
 * Meanwhile nothing is acknowledged, so nothing is lost.
 */
#ifndef SANGAM_HOLD_H
#define SANGAM_HOLD_H

#include <stdint.h>

#include "protocol/err.h"

/* All zero: nothing to wait for. */
struct hold {
    int64_t until_ms; /* monotonic: try again then */
    int code;         /* ERR_* said in the log, 0: it works */
};

/* The replica said ERR_BUSY or ERR_FULL (FAULT_WAIT). Logs when that is news. */
void hold_begin(struct hold *h, const struct err *cause);
/* A write went through. */
void hold_end(struct hold *h);

#endif
