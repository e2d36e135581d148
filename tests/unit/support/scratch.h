/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Scratch: a folder for one test, files in it, and a replica that has the
 * schema, the triggers and an identity, but no keys and no journal.
 */
#ifndef SANGAM_TESTS_SCRATCH_H
#define SANGAM_TESTS_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* A new folder; scratch_remove() takes all of it away and frees the name. */
char *scratch_folder(void);
void scratch_remove(char **folder_p);

/* "folder/name", malloc'ed. */
char *scratch_path(const char *folder, const char *name);
/* Writes a file; returns its path, malloc'ed. */
char *scratch_file(const char *folder, const char *name, const char *text);
char *scratch_bytes(const char *folder, const char *name, const void *data,
                    size_t len);
/* A whole file as text, malloc'ed. */
char *scratch_read(const char *path);

/* folder/replica.db of a clinic, PB-LDH-C01, or of headquarters, PB-HQ;
 * returns its path, malloc'ed. */
char *scratch_replica_of_clinic(const char *folder);
char *scratch_replica_of_root(const char *folder);

/* The integer that a query gives, on a connection of its own. */
int64_t scratch_number(const char *replica, const char *sql);
/* Runs SQL as a program of the site would. */
void scratch_run(const char *replica, const char *sql);

#endif
