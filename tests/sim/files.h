/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files: what the disks of the simulation hold, in the memory of the process. A
 * VFS for SQLite that makes no system call, with the locks and the shared memory
 * of the connections of one process; and, by name, what store/ asks of the
 * system: access(), open(), stat(), unlink(), remove() and rename() come here for
 * names below FILES_ROOT (tests/CMakeLists.txt has the linker do that). What
 * fails, and when, is storage.h's.
 */
#ifndef SANGAM_SIM_FILES_H
#define SANGAM_SIM_FILES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_ROOT "/sim/"

/* Like the system's own, but for its files. Not registered. */
sqlite3_vfs files_vfs(void);

/* The bytes of a file, borrowed until it is next changed; false: there is none.
 * An empty one has a place too. */
bool files_read(const char *name, const uint8_t **ret, size_t *ret_len);
/* All of it anew; makes the file where there is none. */
void files_write(const char *name, const uint8_t *data, size_t len);
/* False: there was none. Who has it open keeps it. */
bool files_remove(const char *name);

/* Each that has a name. */
void files_each(void (*each)(const char *name, const uint8_t *data, size_t len,
                             void *of),
                void *of);
/* How often any of them was changed, made or removed. */
uint64_t files_changes(void);

/* Whoever makes a file of this name with open() finds these bytes in it (taken,
 * of sqlite3_malloc()); what was said of the name before no longer holds. */
void files_begin_with(const char *name, uint8_t *data, size_t len);

#endif
