/* SPDX-License-Identifier: Apache-2.0 */
#include "lineage.h"

#include <assert.h>

uint64_t lineage_start(const struct lineage *l)
{
    assert(l->count > 0);
    return l->starts[l->count - 1].id;
}

bool lineage_has(const struct lineage *l, uint64_t journal, uint64_t head,
                 const struct token *t)
{
    if (t->position == 0) {
        return true; /* nothing was heard */
    }
    for (size_t i = 0; t->journal == journal && i < l->count; i++) {
        if (l->starts[i].id == t->start) {
            bool last = i + 1 == l->count;
            return t->position <= (last ? head : l->starts[i + 1].position);
        }
    }
    return false;
}
