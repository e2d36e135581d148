/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sparing.h"

enum {
    FIRST_MS = 1000,
    LAST_MS = 60 * 1000,
};

bool sparing_may(struct sparing *s, int64_t now_ms)
{
    if (s->wait_ms != 0 && now_ms < s->next_ms) {
        return false;
    }
    bool quiet = s->wait_ms == 0 || now_ms - s->next_ms >= LAST_MS;
    int64_t wait_ms = quiet ? FIRST_MS : 2 * s->wait_ms;
    s->wait_ms = wait_ms < LAST_MS ? wait_ms : LAST_MS;
    s->next_ms = now_ms + s->wait_ms;
    return true;
}
