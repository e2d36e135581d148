/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Watch: when to look whether another program has committed to the replica.
 *
 * The write-ahead log changes a little before a commit becomes visible (the
 * sync lies between, and what ends it raises no event), so after each event
 * the replica is looked at every millisecond for a while; measured, half of
 * all commits are then seen within 1.3 ms. Between events the node sleeps, but
 * for a look now and then in case an event was missed.
 *
 * Events are of the folder, because the log comes and goes. The node's own
 * commits raise them too.
 */
#ifndef SANGAM_WATCH_H
#define SANGAM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/err.h"

struct watch;

/* Watches the files in `folder` whose names begin with `prefix`. Never fails:
 * without inotify only the looks now and then are left, and `*ret_why` (may be
 * NULL) says why; it is a zeroed code otherwise. */
struct watch *watch_new(const char *folder, const char *prefix,
                        struct err *ret_why);
void watch_destroy(struct watch **w);

/* To poll for input; -1 without inotify. */
int watch_fd(const struct watch *w);
/* Takes the events that wait. */
void watch_read(struct watch *w, int64_t now_ms);
/* When to look next, monotonic. */
int64_t watch_due_ms(const struct watch *w);
/* The replica was looked at. */
void watch_looked(struct watch *w, int64_t now_ms);

#endif
