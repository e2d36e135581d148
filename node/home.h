/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Home: the folder of one node.
 *
 *   HOME/               2770, of the group `sangam` where there is one
 *     sangam.conf       configuration
 *     replica.db        0660, with -wal and -shm beside it
 *     keys/             0700
 *       node.key        0600
 *       programme.key   0600, where match tokens are made (protocol/match.h)
 *     lock              0660, holds the process id of the daemon
 *
 * Programs of the group read and write the replica; the keys are for the node
 * alone.
 */
#ifndef SANGAM_HOME_H
#define SANGAM_HOME_H

#include <stdbool.h>

#include "protocol/keys.h"
#include "protocol/match.h"
#include "store/database.h"

struct home {
    char *folder;
    char *conf;
    char *replica;
    char *key_folder;
    char *key_file;
    char *programme_file;
    char *lock_file;
    int lock_fd; /* -1: not held */
};

/* Makes what is missing of the folders. `*ret_shared` tells whether the group
 * `sangam` has it; otherwise the caller's group does. ERR_IO. */
int home_create(const char *folder, struct home **ret, bool *ret_shared,
                struct err *e);
/* Of a home that is there: replica and keys. ERR_CONFIG. */
int home_open(const char *folder, struct home **ret, struct err *e);
/* The same, and its replica. Both are to be closed whatever comes of it. */
int home_open_replica(const char *folder, enum database_use use,
                      struct home **ret, struct database **ret_db,
                      struct err *e);
/* Lets go of the lock. */
void home_close(struct home **h);

bool home_has_keys(const struct home *h);

/* Takes the lock for as long as the home is open. ERR_BUSY with "already
 * running, held by process N". */
int home_lock(struct home *h, struct err *e);
/* Process that holds the lock, 0 for none, -1 when it does not say. */
int home_holder(const struct home *h, struct err *e);

/* Never overwrites: ERR_INPUT if there are keys. The file is whole or not
 * there, also after a power cut. */
int home_keys_write(const struct home *h, const struct keys *keys,
                    struct err *e);
/* ERR_CONFIG if others may read the file, ERR_CORRUPT if it is damaged. */
int home_keys_read(const struct home *h, struct keys *ret, struct err *e);

/* The programme's key, which somebody put there. ERR_CONFIG if nobody has, if
 * others may read the file, or if it is none. */
int home_programme_key(const struct home *h, uint8_t ret[MATCH_KEY_BYTES],
                       struct err *e);

/* What this process makes from now on the group may read and write, others
 * nothing. */
void home_set_umask(void);

#endif
