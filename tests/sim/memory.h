/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Memory: one arena for what SQLite allocates and for what the files of the
 * simulation hold, most of what a world is. Pieces of some two hundred sizes, each
 * with a list of those that are free: a fifth of a seed's time was malloc().
 *
 * A process that goes on where another one is gets a copy of its arena at once:
 * page after page, as fork() has it, a copy costs more than the world does.
 */
#ifndef SANGAM_SIM_MEMORY_H
#define SANGAM_SIM_MEMORY_H

#include <stddef.h>

/* For the whole process, before SQLite is used. */
void memory_install(void);

/* In the child, after fork() and before anything else: its own from here on. */
void memory_own(void);

struct machine;

/* What SQLite has now; and what it had at most of what a machine took, in its turns
 * and for the programs beside it. */
size_t memory_used(void);
size_t memory_most(const struct machine *m);

/* A piece of at least so many bytes, or a larger one with what is in it, which
 * may have moved (NULL: a new one). They end with the process. */
void *memory_piece(void *piece, size_t bytes);
void memory_free(void *piece);

#endif
