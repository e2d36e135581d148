/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fuzz: what the fuzzers share. Each fuzz_NAME.c has one entry, which libFuzzer
 * and AFL++ call with bytes; what must hold of any bytes at all is asserted.
 */
#ifndef SANGAM_TESTS_FUZZ_H
#define SANGAM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that holds these bytes; its name is good until the next. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Takes bytes from the front; zeros when there are no more. */
uint8_t fuzz_u8(struct slice *in);
uint16_t fuzz_u16(struct slice *in);
uint64_t fuzz_u64(struct slice *in);
/* Up to `max` bytes, as many as the next byte says. */
struct slice fuzz_slice(struct slice *in, size_t max);
/* As many bytes as the next two say. */
struct slice fuzz_long_slice(struct slice *in);

#endif
