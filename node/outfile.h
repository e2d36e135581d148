/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Outfile: what people take out of a replica, as a new file for its owner alone:
 * it holds what was told in confidence. It never takes the place of another, and
 * half of it is none.
 */
#ifndef SANGAM_OUTFILE_H
#define SANGAM_OUTFILE_H

#include <stdio.h>

#include "protocol/err.h"

/* `path` NULL: standard output. ERR_INPUT where there is one, ERR_IO. */
int outfile_open(const char *path, FILE **ret, struct err *e);
/* `rc` says how the writing went and is returned; if that is an error, or what
 * was written did not get to the disk (ERR_IO), the file is gone. */
int outfile_close(const char *path, FILE *file, int rc, struct err *e);

/* A new folder of such files, for its owner alone: `*ret_aside` (malloc'ed) is
 * where to put them. ERR_INPUT where `path` is there, ERR_IO. */
int outfile_folder_open(const char *path, char **ret_aside, struct err *e);
/* Gives the folder its name once all is on the disk, or removes it and the
 * files in it, as above. Takes `aside`. */
int outfile_folder_close(const char *path, char **aside_p, int rc,
                         struct err *e);

#endif
