/* SPDX-License-Identifier: Apache-2.0 */
#include "lineage.h"

#include <assert.h>

uint64_t lineage_start(const struct lineage *l)
{
    assert(l->count > 0);
    return l->starts[l->count - 1].id;
}

bool lineage_runs(const struct lineage *l, uint64_t start)
{
    for (size_t i = l->count; i > 0; i--) {
        if (l->starts[i - 1].id == start) {
            return true;
        }
        if (!l->starts[i - 1].goes_on) {
            break;
        }
    }
    return false;
}

/* Where the run of a start ended. */
static uint64_t end_of(const struct lineage *l, size_t at, uint64_t head)
{
    for (size_t i = at + 1; i < l->count; i++) {
        if (!l->starts[i].goes_on) {
            return l->starts[i].position;
        }
    }
    return head;
}

bool lineage_has(const struct lineage *l, uint64_t journal, uint64_t head,
                 const struct token *t)
{
    if (t->position == 0) {
        return true; /* nothing was heard */
    }
    for (size_t i = 0; t->journal == journal && i < l->count; i++) {
        if (l->starts[i].id == t->start) {
            return t->position <= end_of(l, i, head);
        }
    }
    return false;
}
