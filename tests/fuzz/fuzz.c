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

uint16_t fuzz_u16(struct slice *in)
{
    uint16_t high = fuzz_u8(in);
    return (uint16_t)(high << 8 | fuzz_u8(in));
}

uint64_t fuzz_u64(struct slice *in)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | fuzz_u8(in);
    }
    return v;
}

/* Or what there is. */
static struct slice take(struct slice *in, size_t len)
{
    struct slice out = {in->data, len < in->len ? len : in->len};
    in->data += out.len;
    in->len -= out.len;
    return out;
}

struct slice fuzz_slice(struct slice *in, size_t max)
{
    size_t len = fuzz_u8(in);
    return take(in, len < max ? len : max);
}

struct slice fuzz_long_slice(struct slice *in)
{
    return take(in, fuzz_u16(in));
}
