/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fault.h"

#include <assert.h>

enum {
    /* The replica has waited for the lock BUSY_MS already. */
    BUSY_WAIT_MS = 1000,
    /* Somebody has to make room first. */
    FULL_WAIT_MS = 30 * 1000,
};

enum fault fault_of(int code)
{
    switch (code) {
    case ERR_BUSY:
    case ERR_FULL:
        return FAULT_WAIT;
    case ERR_IO:
    case ERR_CORRUPT:
        return FAULT_FATAL;
    default:
        return FAULT_OTHER;
    }
}

int64_t fault_wait_ms(int code)
{
    assert(fault_of(code) == FAULT_WAIT);
    return code == ERR_FULL ? FULL_WAIT_MS : BUSY_WAIT_MS;
}
