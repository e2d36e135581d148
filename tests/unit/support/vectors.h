/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Vectors: the published examples in tests/data/vectors, "name = hexadecimal"
 * a line. tests/lint/lint-vectors checks the same files in another language.
 * SANGAM_SOURCE names the source tree; without it, it is the current folder.
 */
#ifndef SANGAM_TESTS_VECTORS_H
#define SANGAM_TESTS_VECTORS_H

#include "protocol/bytes.h"

/* The bytes of a name, appended; fails the test when there are none. */
void vectors_read(const char *file, const char *name, struct bytes *ret);
/* Exactly `len` bytes. */
void vectors_read_into(const char *file, const char *name, void *ret,
                       size_t len);
/* Fails the test unless the file says the same. */
void vectors_check(const char *file, const char *name, const void *data,
                   size_t len);

#endif
