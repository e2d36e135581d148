/* SPDX-License-Identifier: Apache-2.0 */
/* An invite file from any bytes: what is read is written and read as the same.
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    struct invite invite;
    struct invite again;
    struct bytes text = {0};
    if (invite_parse(in, &invite, NULL) != 0) {
        return 0;
    }
    invite_print(&invite, &text);
    int rc = invite_parse(slice_of(&text), &again, NULL);
    assert(rc == 0 && strcmp(invite.site, again.site) == 0);
    assert(invite.expires_ms == again.expires_ms);
    (void)rc;
    bytes_free(&text);
    return 0;
}
