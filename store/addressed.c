/* SPDX-License-Identifier: Apache-2.0 */
#include "store/addressed.h"

#include <string.h>

bool addressed_to(const struct registry *r, const struct hash *origin,
                  const struct slot *slot, struct slice *ret)
{
    struct cursor c = cursor_of(slot->head);
    (void)cursor_u16(&c); /* class */
    if (cursor_u8(&c) != SCOPE_SITE || !registry_is_root(r, origin)) {
        return false;
    }
    const struct certificate *root = registry_current(r, origin);
    *ret = cursor_slice(&c, SCOPE_ID_BYTES_MAX);
    return root != NULL && ret->len <= SITE_BYTES_MAX &&
           !(strlen(root->site) == ret->len &&
             memcmp(root->site, ret->data, ret->len) == 0);
}
