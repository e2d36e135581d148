/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Client: an ordinary program's connection to an SQLite file, with the
 * settings that floors and candidates share: WAL, FULL, a cache of 16 MB. What
 * fails ends the program with a sentence: a benchmark has nobody to report to.
 */
#ifndef SANGAM_BENCH_CLIENT_H
#define SANGAM_BENCH_CLIENT_H

#include <sqlite3.h>
#include <stdint.h>

/* After how many frames a commit of the client checkpoints. */
enum client_checkpoints {
    CLIENT_CHECKPOINTS_NEVER = 0, /* somebody else does: the node */
    CLIENT_CHECKPOINTS = 1000,    /* SQLite's own default */
};

sqlite3 *client_open(const char *path, enum client_checkpoints checkpoints);
void client_close(sqlite3 **client);

void client_sql(sqlite3 *client, const char *sql);
sqlite3_stmt *client_prepare(sqlite3 *client, const char *sql);
/* Runs a statement that gives no row, and resets it. */
void client_done(sqlite3_stmt *stmt);
/* Steps; 1 a row, 0 no more, and then it is reset. */
int client_row(sqlite3_stmt *stmt);
/* The first number of the first row. */
int64_t client_number(sqlite3 *client, const char *sql);

/* Makes a plain file with the tables and indexes of `like` that a benchmark
 * writes, without triggers. */
sqlite3 *client_new_plain(const char *path, sqlite3 *like);

#endif
