/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Storage: the disks of the simulated machines. A VFS over that of files.h
 * that knows, of each file, what was written since it was last synced, so that
 * a power cut can take any of it away; and that tells SQLite the time and the
 * random numbers of the simulation.
 *
 * A disk is a folder. Every connection of the process goes through here.
 */
#ifndef SANGAM_SIM_STORAGE_H
#define SANGAM_SIM_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/dice.h"

struct disk;

/* For the whole process, before the first connection. */
void storage_install(void);

/* The disk of this folder, below FILES_ROOT. */
struct disk *storage_disk(const char *folder);

/* How often anything of it was changed. */
uint64_t disk_changed(const struct disk *d);

/* --- faults -------------------------------------------------------------- */

/* The machine goes down at its `after`th write, sync or deletion from now on:
 * from there everything fails until disk_revive(). */
void disk_kill_after(struct disk *d, size_t after);
void disk_kill(struct disk *d);
bool disk_is_dead(const struct disk *d);
/* The power went too: of what was not synced nothing, all, or any sectors are
 * left. All files are closed, the disk is dead. */
void disk_cut_power(struct disk *d, struct dice *dice);
void disk_revive(struct disk *d);

/* Keeps a copy of what the disk holds at this moment, as a backup or an image of
 * it; and puts it back, with all files closed. */
void disk_copy(struct disk *d);
void disk_put_back(struct disk *d);
/* The same, and keeps what the disk held as the copy. */
void disk_swap(struct disk *d);

/* Writes have no room. */
void disk_set_full(struct disk *d, bool full);
/* The next sync fails, if it comes before disk_revive(). */
void disk_fail_sync(struct disk *d);

#endif
