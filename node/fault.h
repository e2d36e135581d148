/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fault: what the daemon does about an error of the replica.
 */
#ifndef SANGAM_FAULT_H
#define SANGAM_FAULT_H

#include "protocol/err.h"

enum fault {
    FAULT_WAIT,  /* another program, or a full disk: try again (hold.h) */
    FAULT_FATAL, /* the disk or the file cannot be trusted: stop. What a failed
                    sync left behind nobody knows, so it is never repeated;
                    the next start recovers from what is on the disk */
    FAULT_OTHER, /* the peer's or the request's: refuse it and go on [I-7] */
};

enum fault fault_of(int code);
#endif
