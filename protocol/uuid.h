/* SPDX-License-Identifier: Apache-2.0 */

/*
 * UUIDs as text and as 16 bytes (RFC 9562). Only the canonical text is taken:
 * lower case, dashes, 36 characters, so that bytes give back the same text.
 */
#ifndef SANGAM_UUID_H
#define SANGAM_UUID_H

#include "bytes.h"

enum { UUID_BYTES = 16, UUID_TEXT_BYTES = 36 };

bool uuid_parse(struct slice text, uint8_t ret[UUID_BYTES]);
void uuid_print(const uint8_t uuid[UUID_BYTES], struct bytes *out);

#endif
