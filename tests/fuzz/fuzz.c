/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char name[32];
    if (fd >= 0) {
        (void)close(fd);
    }
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}

uint8_t fuzz_u8(struct slice *in)
{
    return in->len == 0 ? 0 : (in->len--, *in->data++);
}

uint64_t fuzz_u64(struct slice *in)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | fuzz_u8(in);
    }
    return v;
}

struct slice fuzz_slice(struct slice *in, size_t max)
{
    size_t len = fuzz_u8(in);
    len = len < max ? len : max;
    len = len < in->len ? len : in->len;
    struct slice out = {in->data, len};
    in->data += len;
    in->len -= len;
    return out;
}
