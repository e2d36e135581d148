/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Holders: the processes that hold a lock on a replica's write-ahead log: a
 * snapshot, which keeps the node from truncating it, or the write lock.
 *
 * The locks are POSIX locks on bytes of replica.db-shm
 * (sqlite.org/walformat.html section 2.3), and /proc/locks names who holds
 * them. It is not asked with fcntl(F_GETLK): closing another descriptor of that
 * file would drop the locks of our own connection
 * (sqlite.org/howtocorrupt.html section 2.2).
 *
 * Where the kernel does not list these locks, all that is left is who has the
 * log open, as far as this user may look; and where that shows nobody it is
 * said so. This process itself is never listed.
 */
#ifndef SANGAM_HOLDERS_H
#define SANGAM_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /* More are counted, not named. */
    HOLDERS_MAX = 8,
    /* More may be counted twice: the kernel's list can name one again when locks
     * come and go while it is read. */
    HOLDERS_SEEN_MAX = 64,
    /* TASK_COMM_LEN of the kernel. */
    HOLDERS_COMMAND_BYTES = 16,
    HOLDERS_TEXT_BYTES = 400,
};

enum holders_lock {
    HOLDERS_SNAPSHOT,
    HOLDERS_WRITE,
};

enum holders_source {
    HOLDERS_UNKNOWN, /* nothing could be seen */
    HOLDERS_LOCKS,   /* they hold the lock; none listed: nobody does */
    HOLDERS_FILES,   /* they have the log open; one of them may hold it */
};

struct holder {
    int pid;
    char command[HOLDERS_COMMAND_BYTES]; /* "": not to be seen */
};

struct holders {
    int left_out;
    enum holders_source source;
    struct holder items[HOLDERS_MAX];
    size_t count; /* of all; the first HOLDERS_MAX are in `items` */
    int seen[HOLDERS_SEEN_MAX]; /* the first of all */
};

/* `left_out`: a process whose locks do not count, 0 for none. Never fails:
 * what cannot be seen is unknown. */
void holders_find(const char *replica, enum holders_lock lock, int left_out,
                  struct holders *ret);

/* The beginning of a sentence about the lock: "process 4711 (sqlite3) holds",
 * "processes 17 (R), 4711 (sqlite3) and 3 more hold", "process 17 (R) or
 * another that has the file open holds", "a program that cannot be seen from
 * here holds", "nobody now holds". Returns `out`. */
const char *holders_say(const struct holders *h, char out[HOLDERS_TEXT_BYTES]);

#endif
