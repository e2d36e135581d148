/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bytes: a growing buffer to write into, a cursor to read from, and a slice
 * to point with. All integers are big-endian, lengths are u32
 * (docs/semantics.md section 2).
 *
 * A buffer that runs out of memory aborts: sizes are checked before. A cursor
 * never reads past its end; the first short read makes it `bad` and every
 * later read returns zero, so a parser checks once, at the end.
 */
#ifndef SANGAM_BYTES_H
#define SANGAM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const uint8_t *data; /* borrowed */
    size_t len;
};

struct bytes {
    uint8_t *data; /* owned */
    size_t len;
    size_t cap;
};

struct cursor {
    const uint8_t *at; /* borrowed */
    const uint8_t *end;
    bool bad;
};

struct slice slice_of(const struct bytes *b);
struct slice slice_text(const char *text); /* without its end */
bool slice_equal(struct slice a, struct slice b);
/* memcmp order, the shorter first when one is a prefix of the other. */
int slice_compare(struct slice a, struct slice b);

void bytes_free(struct bytes *b); /* leaves an empty, usable buffer */
void bytes_clear(struct bytes *b);
void bytes_reserve(struct bytes *b, size_t more);
void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_put_u8(struct bytes *b, uint8_t v);
void bytes_put_u16(struct bytes *b, uint16_t v);
void bytes_put_u32(struct bytes *b, uint32_t v);
void bytes_put_u64(struct bytes *b, uint64_t v);
void bytes_put_varint(struct bytes *b, uint64_t v);    /* LEB128 */
void bytes_put_slice(struct bytes *b, struct slice s); /* u32 length first */

struct cursor cursor_of(struct slice s);
bool cursor_done(const struct cursor *c); /* whole, and nothing left */
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
/* `len` bytes, or NULL. */
const uint8_t *cursor_take(struct cursor *c, size_t len);
/* A u32 length of at most `max`, and that many bytes. */
struct slice cursor_slice(struct cursor *c, size_t max);

/* Big-endian integers at fixed places. */
void be64_put(uint8_t out[8], uint64_t v);
uint64_t be64_get(const uint8_t in[8]);

#endif
