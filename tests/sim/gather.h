/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Gather: all that the machines of a world hold, in one database in memory:
 * the leaves of their journals as they say, the rows of their tables as they
 * show, and what programs were told. check.c asks of it in SQL; nothing here
 * merges.
 *
 * Numbers that are unsigned, and hashes, stand as hex: they compare as text.
 * The key of a row stands as one text, with '/' between its columns.
 */
#ifndef SANGAM_SIM_GATHER_H
#define SANGAM_SIM_GATHER_H

#include "world.h"

struct gathered {
    struct world *world;
    sqlite3 *db;  /* in memory */
    int64_t leaf; /* the last id */
};

/* Opens the database and puts all of it in. All machines are on. */
void gather(struct world *w, struct gathered *ret);
void gathered_close(struct gathered *c);

/* SQL that must work: without and with rows. */
void gathered_run(struct gathered *c, const char *sql);
sqlite3_stmt *gathered_ask(sqlite3 *db, const char *sql);
/* A statement that has no rows, prepared once; and, when it is bound, its end. */
sqlite3_stmt *gathered_put(struct gathered *c, const char *sql);
void gathered_done(struct gathered *c, sqlite3_stmt *stmt);
void gathered_bind_hex64(sqlite3_stmt *stmt, int at, uint64_t n);

#endif
