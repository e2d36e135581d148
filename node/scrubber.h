/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Scrubber: runs `sangam verify --scrub` beside the daemon, so that a replay of
 * the whole journal does not hold up the loop. One child process at a time, at
 * work half of the time; it ends with the daemon, and after SCRUBBER_MS at the
 * latest. What it found it leaves in the replica and says in the log.
 */
#ifndef SANGAM_SCRUBBER_H
#define SANGAM_SCRUBBER_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/err.h"

struct scrubber;

struct scrubber *scrubber_new(const char *home);
/* Kills the child. */
void scrubber_destroy(struct scrubber **s);

/* ERR_IO when no process can be started. None may be running. */
int scrubber_start(struct scrubber *s, int64_t now_ms, struct err *e);
/* Is it still at work? To be asked now and then: it reaps. */
bool scrubber_runs(struct scrubber *s, int64_t now_ms);

/* Sleeps as long as the process worked since it last did. Not by a lower
 * priority: where the machine is busy such a process would hardly run, the
 * write lock of the replica in its hands, and every program would wait for it.
 */
void scrubber_rest(void);

/* Was this process started by the daemon as its scrubber? Then it ends with the
 * daemon and leaves all signing to it: should it take the home's lock as the
 * daemon dies, the next daemon would not start. */
bool scrubber_is_child(void);

#endif
