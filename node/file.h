/* SPDX-License-Identifier: Apache-2.0 */

/*
 * File: small files read and written whole.
 */
#ifndef SANGAM_FILE_H
#define SANGAM_FILE_H

#include <sys/types.h>

#include "protocol/bytes.h"
#include "protocol/err.h"

/* Writes a new file of exactly this mode: aside, to the disk, and only then
 * under its name, so that it is whole or not there. Refuses a file that exists
 * (ERR_INPUT); ERR_IO. */
int file_write_new(const char *path, struct slice content, mode_t mode,
                   struct err *e);

/* Appends at most `bytes_max` bytes of content; ERR_LIMIT beyond, ERR_IO,
 * ERR_UNKNOWN if there is no such file. `out` does not move while it grows by
 * no more than that, so that a secret is not left behind. */
int file_read(const char *path, size_t bytes_max, struct bytes *out,
              struct err *e);

#endif
