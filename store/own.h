/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Own: rows that a node writes by itself into tables that are replicated, from
 * what it holds. They are written as a program would write them, are captured,
 * and are signed by the next drain.
 */
#ifndef SANGAM_OWN_H
#define SANGAM_OWN_H

#include "store/parts.h"

/* Writes the first `count` columns of a row of `t`, its key among them, in the
 * order of the manifest; of a row that is there those that differ. In the
 * caller's transaction. *ret_written: there was something to write. ERR_INPUT:
 * the table does not take it. Of a broken table nothing is written. */
int own_write(struct replica *r, const struct table *t,
              const struct value *cells, size_t count, int64_t now_ms,
              bool *ret_written, struct err *e);

#endif
