/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Disk: what a power cut may leave of a file, and a disk that fails.
 *
 * A VFS over the system's own, which every connection of the process uses once
 * it is installed. While it records, each opening, write, truncation, sync and deletion
 * of the files of one replica is noted. From the notes disk_image() makes what
 * a power cut at any moment may have left: of what was not synced nothing, all,
 * or any of its sectors. (Shared memory does not outlive a power cut: an image
 * has none.) Or it has one operation fail, once or from then on.
 */
#ifndef SANGAM_TESTS_DISK_H
#define SANGAM_TESTS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/dice.h"

/* For the whole process, before the first connection. */
void disk_install(void);

/* --- power cuts ---------------------------------------------------------- */

/* What becomes of writes that were not synced. */
enum cut {
    CUT_LOST,    /* none of them reached the disk */
    CUT_KEPT,    /* all of them did */
    CUT_TORN,    /* all, but of the last only its first sectors */
    CUT_SECTORS, /* any sectors of any of them */
    CUT_COUNT,
};

/* Notes what happens to `path` and the files beside it whose names begin with
 * it, from what they hold now on. One replica at a time. */
void disk_record(const char *path);
/* How many operations were noted so far: a moment in the recording. */
size_t disk_moment(void);
/* Ends the recording, which stays until the next. */
void disk_stop(void);

/* Writes under the name `to` what a power cut before the operation number
 * `moment` may have left. Files that would not be there are removed. */
void disk_image(size_t moment, enum cut cut, struct dice *dice, const char *to);

/* --- failures ------------------------------------------------------------ */

enum disk_fault {
    FAULT_FULL,     /* a write has no room */
    FAULT_WRITE,    /* a write fails */
    FAULT_SYNC,     /* a sync fails */
    FAULT_READ,     /* a read fails */
    FAULT_TRUNCATE, /* a file does not become shorter */
    FAULT_OPEN,     /* a file does not open */
    FAULT_DELETE,   /* a file does not go away */
    FAULT_COUNT,
};

/* Of the operations of that kind on `path` and the files beside it, the one
 * after `after` others fails; with `lasting` every one from then on. */
void disk_fail(const char *path, enum disk_fault fault, size_t after,
               bool lasting);
/* The disk is well again. Returns whether anything had failed. */
bool disk_heal(void);

#endif
