/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Backup: the copy of a replica that is made before its schema is upgraded.
 * It is beside the replica, named "PATH.before-N" after the schema that comes;
 * whole and on the disk when it has that name, of the replica's mode.
 */
#ifndef SANGAM_BACKUP_H
#define SANGAM_BACKUP_H

#include <stdint.h>

#include "protocol/err.h"

/* Copies what is committed. The caller holds the write lock, so that nobody
 * adds to it. ERR_FULL, ERR_IO: there is no copy. */
int backup_make(const char *path, uint32_t schema, struct err *e);
/* Removes the copy, if there is one. */
void backup_remove(const char *path, uint32_t schema);

#endif
