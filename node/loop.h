/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Loop: the daemon. One thread, one poll over the door (auth.h), the children,
 * the parent, what other programs do to the replica, and signals; between
 * polls every link does one piece of work.
 *
 * SIGTERM and SIGINT end it cleanly, at any time: everything that was
 * acknowledged is durable, and the rest is sent again.
 */
#ifndef SANGAM_LOOP_H
#define SANGAM_LOOP_H

#include "node/conf.h"
#include "node/home.h"
#include "protocol/keys.h"
#include "store/replica.h"

/* Runs until a signal asks it to end; 0 then. Otherwise what must stop the
 * node: ERR_CONFIG (an address), ERR_STATE (the self-test of the access
 * control), ERR_IO, ERR_CORRUPT. */
int loop_run(const struct home *h, const struct conf *c,
             const struct keys *keys, struct replica *r, struct err *e);

#endif
