/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fault.h"

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
