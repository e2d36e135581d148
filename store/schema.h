/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Schema: the numbered SQL files of store/schema, compiled into the program,
 * and the step from one version of a replica to the next. The version of a
 * replica is PRAGMA user_version: the number of the last file applied.
 *
 * In a file, the literal '@site' stands for the site this node writes for and
 * the literal '@today' for an expression that gives the local business day;
 * defaults need literals, so both are put in when the file is applied.
 */
#ifndef SANGAM_SCHEMA_H
#define SANGAM_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/err.h"
#include "store/database.h"

struct schema_file {
    const char *name; /* "0001_sync.sql" */
    const char *text;
};

/* Generated at build time, in order of name. */
extern const struct schema_file schema_files[];
extern const size_t schema_file_count;

/* Offsets from UTC of a time zone: `offset_s` holds from `from_s` (seconds
 * since 1970) until the next. The first also holds before. */
struct zone_offset {
    int64_t from_s;
    int32_t offset_s;
};

struct schema_site {
    const char *site_id;
    const struct zone_offset *offsets; /* at least one, ascending */
    size_t offset_count;
};

uint32_t schema_version(void); /* that this program knows */

/* ERR_VERSION, with what to do, unless the replica has this version. */
int schema_check(struct database *db, struct err *e);

/* Applies the files a replica lacks, in the caller's transaction. ERR_VERSION
 * if the replica is newer than the program. */
int schema_upgrade(struct database *db, const struct schema_site *site,
                   struct err *e);

#endif
