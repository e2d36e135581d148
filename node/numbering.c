/* SPDX-License-Identifier: Apache-2.0 */
#include "node/numbering.h"

#include "node/clock.h"
#include "node/fault.h"
#include "node/log.h"

#include <inttypes.h>

enum {
    /* Numbers for cards are made so long before they are missed that it does
     * not matter when; a node that joined waits for its own so long. */
    NUMBERS_MS = 5 * 1000,
    NUMBERS_FAILED_MS = 10 * 60 * 1000,
    /* That there are no more is told so often. */
    NUMBERS_TOLD_MS = 24 * 60 * 60 * 1000,
};

static void tell_used_up(struct numbering *n, const struct numbered *found)
{
    if ((!found->used_up && !found->nodes_used_up) ||
        clock_mono_ms() < n->told_ms) {
        return;
    }
    n->told_ms = clock_mono_ms() + NUMBERS_TOLD_MS;
    if (found->used_up) {
        log_error("numbers",
                  "node number %u has made all numbers it can -> soon nobody "
                  "can be registered here; ask headquarters for another "
                  "(sangam number --renew SITE)",
                  (unsigned)found->node_no);
    }
    if (found->nodes_used_up) {
        log_error("numbers", "all 65535 numbers of nodes are issued -> the "
                             "next node makes no numbers for people");
    }
}

static void tell(struct numbering *n, const struct numbered *found)
{
    if (found->issued > 0) {
        log_info("numbers", "%" PRIu64 " node%s had no number -> issued",
                 found->issued, found->issued == 1 ? "" : "s");
    }
    if (found->added > 0) {
        log_debug("numbers", "%" PRIu64 " for people -> ready to be taken",
                  found->added);
    }
    tell_used_up(n, found);
}

int numbering_work(struct numbering *n, struct replica *r, struct hold *hold,
                   bool *ret_to_sign, struct err *e)
{
    struct numbered found = {0};
    int64_t began_ms = clock_mono_ms();
    if (began_ms < hold->until_ms) {
        n->due_ms = hold->until_ms;
        return 0;
    }
    n->due_ms = began_ms + NUMBERS_MS;
    int rc = replica_numbers(r, clock_wall_ms(), &found, e);
    if (rc == 0) {
        tell(n, &found);
        *ret_to_sign = *ret_to_sign || found.issued > 0;
        if (found.issued > 0 || found.added > 0) {
            hold_used(hold, began_ms, clock_mono_ms(), 0);
        }
        return 0;
    }
    if (fault_of(rc) == FAULT_FATAL) {
        return rc;
    }
    if (fault_of(rc) == FAULT_WAIT) {
        hold_begin(hold, e);
        n->due_ms = hold->until_ms;
        return 0;
    }
    n->due_ms = began_ms + NUMBERS_FAILED_MS;
    log_error("numbers", "%s -> none are made, tried again", e->text);
    return 0;
}
