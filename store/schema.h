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

#include "protocol/bytes.h"
#include "protocol/err.h"
#include "store/database.h"

struct schema_file {
    const char *name; /* "0001_sync.sql" */
    const char *text;
};

/* Steps, in order of name; the first makes a new file. */
struct schema {
    const struct schema_file *files;
    size_t count;
};

/* What is compiled into the program; generated at build time. Tests put steps
 * of their own behind it, to be a newer program. */
extern const struct schema schema_embedded;

/* Offsets from UTC of a time zone: `offset_s` holds from `from_s` (seconds
 * since 1970) until the next. The first also holds before. */
struct zone_offset {
    int64_t from_s;
    int32_t offset_s;
};

/* The expression for '@today' that a zone gives: "(date('now','+05:30'))". At
 * least one offset, ascending. */
void schema_today(const struct zone_offset *offsets, size_t count,
                  struct bytes *out);

/* What is put into the files. */
struct schema_site {
    const char *site_id;
    const char *today; /* of schema_today() */
};

uint32_t schema_version(const struct schema *s); /* of its last step */

/* The version of a replica. ERR_VERSION if it is newer than `s`. */
int schema_of(struct database *db, const struct schema *s, uint32_t *ret,
              struct err *e);

/* Applies the steps of `s` a replica lacks, in the caller's transaction.
 * ERR_VERSION if the replica is newer. */
int schema_upgrade(struct database *db, const struct schema *s,
                   const struct schema_site *site, struct err *e);

/* Puts another expression for '@today' into the defaults of tables that are
 * there, in the caller's transaction. */
int schema_set_today(struct database *db, const char *was, const char *today,
                     struct err *e);

#endif
