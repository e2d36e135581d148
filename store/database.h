/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Database: one SQLite connection with the settings this program relies on,
 * transactions, and statements prepared once.
 *
 * The node's connection: WAL, synchronous=FULL (nothing leaves the node before
 * a durable commit of its own, [I-1]), triggers and foreign keys off, views
 * off, DEFENSIVE, trusted_schema off, no extension, limits on what SQL may
 * ask, no automatic checkpoint: the node alone checkpoints, with TRUNCATE,
 * because any other kind can meet the WAL-reset bug of SQLite before 3.51.3
 * (sqlite.org/wal.html#walresetbug).
 *
 * A tool's connection (import, the invite command) is what any client has:
 * triggers fire.
 */
#ifndef SANGAM_DATABASE_H
#define SANGAM_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "protocol/err.h"
#include "protocol/value.h"

enum database_use {
    DATABASE_NODE,   /* applies and drains: triggers off */
    DATABASE_TOOL,   /* writes as any client: triggers on */
    DATABASE_READER, /* read only */
};

struct database;

/* Opens, and with DATABASE_CREATE makes, the file: readable and writable by
 * owner and group as far as the process's umask lets it be (node/ sets that);
 * SQLite gives the files beside it the same mode. ERR_IO, ERR_BUSY,
 * ERR_CORRUPT, ERR_VERSION (an SQLite library before 3.37), or ERR_INPUT when
 * the file is no SQLite database or not a sangam replica (application_id). */
enum { SANGAM_APPLICATION_ID = 0x53616e67 }; /* "Sang" */
enum database_mode {
    DATABASE_EXISTING,
    DATABASE_CREATE, /* refuses one that is made */
};
/* Is there a file to which anything was ever committed? A power cut leaves
 * one without, empty or with a first page, of one that was being made. */
bool database_is_made(const char *path);
int database_open(const char *path, enum database_use use,
                  enum database_mode mode, struct database **ret,
                  struct err *e);
void database_close(struct database **db);

sqlite3 *database_handle(struct database *db);

/* Runs SQL that returns nothing: schema steps. */
int database_run(struct database *db, const char *sql, struct err *e);

/* What an authorizer lets any connection of ours prepare. FIXED, as every
 * connection starts: no CREATE, ALTER or DROP (TEMP included), no ATTACH, and
 * of the pragmas only those that read. OPEN, while a schema step or the
 * installation of triggers runs: the definitions of tables, indexes, triggers
 * and views too, and PRAGMA user_version and application_id. Returns what was
 * in force, to be put back. */
enum database_schema {
    DATABASE_SCHEMA_FIXED,
    DATABASE_SCHEMA_OPEN,
};
enum database_schema database_schema(struct database *db,
                                     enum database_schema schema);

/* Resets every statement that still stands on a row: it holds a snapshot, in
 * which a later write would fail at once. */
void database_rest(struct database *db);

/* Write transactions are IMMEDIATE: they wait for another writer for BUSY_MS
 * and then fail with ERR_BUSY, having done nothing. Beginning and committing
 * reset every statement that still stands on a row. */
int database_begin(struct database *db, struct err *e);
int database_begin_read(struct database *db, struct err *e);
int database_commit(struct database *db, struct err *e);
void database_rollback(struct database *db); /* fine when none is open */

/* A statement, prepared once for each `sql` (found by its address, then by its
 * content), reset and without bindings when it is returned. Borrowed from the
 * database; valid until the next database_statement() of the same text, or,
 * when it is not being stepped, until 512 other texts were asked for. The text
 * is literal or from sql.c and need not outlive the call. Fails with
 * ERR_CORRUPT if it does not prepare. */
int database_statement(struct database *db, const char *sql, sqlite3_stmt **ret,
                       struct err *e);

/* Steps: 1 a row, 0 done, negative ERR_*. The statement is reset unless there
 * is a row. */
int database_step(struct database *db, sqlite3_stmt *stmt, struct err *e);
/* Steps a statement that gives no row. */
int database_done(struct database *db, sqlite3_stmt *stmt, struct err *e);

/* The error of the last call on this connection as ours: "what: SQLite's
 * words". SQLITE_CONSTRAINT is ERR_INPUT, SQLITE_TOOBIG ERR_LIMIT, SQLITE_FULL
 * ERR_FULL, SQLITE_BUSY ERR_BUSY, SQLITE_CORRUPT and SQLITE_NOTADB ERR_CORRUPT,
 * the rest ERR_IO. */
int database_error(struct database *db, struct err *e, const char *what);

/* By ":name" or by place, from 1. Text and blobs are borrowed until the
 * statement has been stepped to its end. A name the statement does not have
 * asserts. */
void database_bind(sqlite3_stmt *stmt, const char *name, const struct value *v);
void database_bind_at(sqlite3_stmt *stmt, int at, const struct value *v);
/* Borrowed from the statement until it moves. */
struct value database_column(sqlite3_stmt *stmt, int column);

/* Changes when another connection committed (PRAGMA data_version). */
int database_data_version(struct database *db, uint32_t *ret, struct err *e);

/* Checkpoints (TRUNCATE) if the WAL holds CHECKPOINT_FRAMES or more; outside a
 * transaction. A reader or writer in the way is no error: *ret_busy tells. It
 * holds local writers off for up to half a second then, so the caller lets
 * some seconds pass before it tries again. */
int database_checkpoint(struct database *db, bool *ret_busy, struct err *e);

#endif
