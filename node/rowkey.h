/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Row key: the id of a row that a register gives none, so that the same line
 * has the same id each time the register is imported, here or at a machine that
 * was enrolled anew.
 *
 * It is a UUIDv8 (RFC 9562): BLAKE2b-128 over the table, the site and the
 * register, and either the register's own key of the line and the person it is
 * about, or, where the mapping names no key, all that the line says. Ids of
 * people are never made so: whoever knows a person's id could try the numbers
 * of every clinic until one fits. Other ids give nothing away that their row
 * does not say, and the id of a person in them is one that nobody guesses.
 */
#ifndef SANGAM_ROWKEY_H
#define SANGAM_ROWKEY_H

#include "node/target.h"
#include "protocol/uuid.h"

enum { ROWKEY_BYTES = UUID_TEXT_BYTES + 1 };

/* The column that takes it: the key of the table, when it is one column with a
 * default that nothing fills. NULL: there is none. */
struct target_column *rowkey_column(struct target *t);

/* Of the row at hand. `entry` is the register's own key, "" for none. */
void rowkey_make(const struct target *t, const char *site,
                 const char *register_name, const char *entry,
                 char ret[ROWKEY_BYTES]);

#endif
