/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hold.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/holders.h"
#include "node/log.h"

#include <assert.h>

enum {
    /* The replica has waited for the lock BUSY_MS already. */
    BUSY_WAIT_MS = 1000,
    /* Somebody has to make room first. */
    FULL_WAIT_MS = 30 * 1000,
    /* A pause (hold.h): longer than the 100 ms in which SQLite looks again,
     * with room for a program that wakes up late; after how much use; and how
     * much use is remembered, should one transaction take longer still. */
    PAUSE_MS = 120,
    USED_MS_PAUSE = 2 * PAUSE_MS,
    USED_MS_MAX = 2 * USED_MS_PAUSE,
    /* How long a transaction should use the lock, on any machine; */
    TARGET_US = 100 * 1000,
    /* the fewest rows for which syncing the disk is worth it; */
    ROWS_MIN = 64,
    /* and how many it has while nothing is known of the machine. */
    ROWS_FIRST = 256,
};

void hold_begin(struct hold *h, const struct err *cause)
{
    assert(fault_of(cause->code) == FAULT_WAIT);
    h->until_ms = clock_mono_ms() +
                  (cause->code == ERR_FULL ? FULL_WAIT_MS : BUSY_WAIT_MS);
    if (h->code == cause->code) {
        return;
    }
    h->code = cause->code;
    if (cause->code == ERR_FULL) {
        log_error("replica", "%s -> nothing is taken in until there is room",
                  cause->text);
    } else {
        struct holders holders;
        char who[HOLDERS_TEXT_BYTES];
        holders_find(h->replica, HOLDERS_WRITE, 0, &holders);
        log_warning("replica",
                    "%s; %s the write lock -> nothing is taken in until it is "
                    "free",
                    cause->text, holders_say(&holders, who));
    }
}

void hold_end(struct hold *h)
{
    if (h->code != 0) {
        log_info("replica", "it can be written again -> going on");
    }
    h->code = 0;
    h->until_ms = 0;
}

bool hold_blocks(const struct hold *h, int64_t now_ms)
{
    return h->code != 0 && now_ms < h->until_ms;
}

/* What has become slow is believed at once, what has become fast in time. */
static void learn(struct hold *h, int64_t took_us, uint64_t rows)
{
    int64_t row_us = took_us / (int64_t)rows;
    h->row_us = row_us > h->row_us ? row_us : (3 * h->row_us + row_us) / 4;
}

size_t hold_rows(const struct hold *h)
{
    if (h->row_us == 0) {
        return ROWS_FIRST;
    }
    int64_t rows = TARGET_US / h->row_us;
    return (size_t)(rows > ROWS_MIN ? rows : ROWS_MIN);
}

void hold_used(struct hold *h, int64_t began_ms, int64_t now_ms, uint64_t rows)
{
    int64_t left_alone_ms = began_ms - h->ended_ms;
    int64_t paid_ms = 2 * left_alone_ms;
    if (now_ms == began_ms) {
        return;
    }
    if (rows >= ROWS_MIN / 4) { /* else it was the disk that took time */
        learn(h, (now_ms - began_ms) * 1000, rows);
    }
    h->turns += left_alone_ms >= PAUSE_MS;
    h->used_ms = h->used_ms > paid_ms ? h->used_ms - paid_ms : 0;
    h->used_ms += now_ms - began_ms;
    h->used_ms = h->used_ms < USED_MS_MAX ? h->used_ms : (int64_t)USED_MS_MAX;
    h->ended_ms = now_ms;
    if (h->used_ms >= USED_MS_PAUSE) {
        h->until_ms = now_ms + PAUSE_MS;
    }
}
