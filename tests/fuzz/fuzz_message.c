/* SPDX-License-Identifier: Apache-2.0 */
/* A frame from any bytes: what decodes is written as a frame that decodes. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    struct message m;
    struct message again;
    struct bytes frame = {0};
    if (message_decode(in, &m, NULL) != 0) {
        return 0;
    }
    message_encode(&m, &frame);
    int rc = message_decode(slice_of(&frame), &again, NULL);
    assert(rc == 0 && again.kind == m.kind);
    (void)rc;
    message_clear(&again);
    message_clear(&m);
    bytes_free(&frame);
    return 0;
}
