/* SPDX-License-Identifier: Apache-2.0 */
#include "node/folded.h"

/* Bytes of a blank that begins here: a space, a line break, or the space that
 * spreadsheets do not break at (U+00A0). */
static size_t blank(const uint8_t *at, size_t left)
{
    if (left >= 2 && at[0] == 0xc2 && at[1] == 0xa0) {
        return 2; /* U+00A0 */
    }
    return left >= 1 && (at[0] == ' ' || (at[0] >= '\t' && at[0] <= '\r'));
}

struct slice folded_trim(struct slice text)
{
    size_t skip = 0;
    while ((skip = blank(text.data, text.len)) > 0) {
        text.data += skip;
        text.len -= skip;
    }
    while (text.len > 0) {
        const uint8_t *end = text.data + text.len;
        size_t last = text.len >= 2 ? blank(end - 2, 2) : 0;
        last = last == 2 ? 2 : blank(end - 1, 1);
        if (last == 0) {
            break;
        }
        text.len -= last;
    }
    return text;
}

void folded_text(struct slice text, struct bytes *out)
{
    bool parted = false;

    bytes_clear(out);
    for (size_t i = 0; i < text.len;) {
        size_t skip = blank(text.data + i, text.len - i);
        if (skip > 0) {
            parted = out->len > 0;
            i += skip;
            continue;
        }
        if (parted) {
            bytes_put_u8(out, ' ');
            parted = false;
        }
        uint8_t c = text.data[i++];
        bytes_put_u8(out, c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c);
    }
    bytes_put_u8(out, '\0');
}
