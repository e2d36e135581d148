/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Token: a value as pack.c writes it, lossless and short. Random bytes go to
 * the raw stream, where zstd does not stumble over them; texts that are UUIDs,
 * instants or days are written as the numbers they stand for, when that gives
 * back the same text to the letter. docs/protocol.md lists the tags.
 */
#ifndef SANGAM_TOKEN_H
#define SANGAM_TOKEN_H

#include "uuid.h"
#include "value.h"

enum { TOKEN_TEXT_BYTES = 40 };

/* What reader and writer both remember of what went before. */
struct token_memory {
    uint8_t (*uuids)[UUID_BYTES]; /* in order of appearance */
    size_t uuid_count;
    size_t uuid_cap;
    uint32_t *slots; /* hash of UUID -> index + 1; writer only */
    int64_t last_ms;
    int64_t last_day;
};

void token_memory_start(struct token_memory *m, int64_t ms);
void token_memory_free(struct token_memory *m);

void token_write(struct token_memory *m, const struct value *v,
                 struct bytes *tokens, struct bytes *raw);

/* Reads one value. Texts that must be spelled out are written to `text`, which
 * has at least TOKEN_TEXT_BYTES of room reserved, so slices stay put. */
struct value token_read(struct token_memory *m, struct cursor *tokens,
                        struct cursor *raw, struct bytes *text);

#endif
