/* SPDX-License-Identifier: Apache-2.0 */
#include "uuid.h"

static bool dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(struct slice text, uint8_t ret[UUID_BYTES])
{
    if (text.len != UUID_TEXT_BYTES) {
        return false;
    }
    size_t digits = 0;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        int half = digit(text.data[i]);
        if (dash_at(i) ? text.data[i] != '-' : half < 0) {
            return false;
        }
        if (!dash_at(i)) {
            uint8_t *byte = &ret[digits / 2];
            *byte = (uint8_t)(digits % 2 == 0 ? half << 4 : *byte | half);
            digits++;
        }
    }
    return true;
}

void uuid_print(const uint8_t uuid[UUID_BYTES], struct bytes *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        if (dash_at(i)) {
            bytes_put_u8(out, '-');
            continue;
        }
        uint8_t half = at % 2 == 0 ? uuid[at / 2] >> 4 : uuid[at / 2] & 15;
        bytes_put_u8(out, (uint8_t)digits[half]);
        at++;
    }
}
