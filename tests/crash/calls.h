/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Calls: what this process asks of store/database.h passes here (the linker's
 * --wrap). One call may be made to fail as if SQLite had, wherever the data
 * lies and whatever is cached; and each commit is heard of.
 */
#ifndef SANGAM_TESTS_CALLS_H
#define SANGAM_TESTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* The next call from a place in the program whose call never failed before
 * fails. Each place fails once in the life of the process. */
void calls_fail(void);
/* Calls go well again. Returns whether one had failed. */
bool calls_heal(void);
/* Where the call that failed last was made: addr2line -e THE_TEST says which
 * line that is. */
size_t calls_place(void);

/* `heard` is called with `of` after each commit of any connection; NULL: no
 * more. */
void calls_hear(void (*heard)(void *of), void *of);

#endif
