/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hold.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"

#include <assert.h>

enum {
    /* The replica has waited for the lock BUSY_MS already. */
    BUSY_WAIT_MS = 1000,
    /* Somebody has to make room first. */
    FULL_WAIT_MS = 30 * 1000,
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
        log_warning("replica", "%s -> nothing is taken in until it is free",
                    cause->text);
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
