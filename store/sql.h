/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SQL: the one file in which statements are put together from pieces, the
 * names of tables and columns coming from a checked manifest. Identifiers are
 * quoted. All append to `out` and terminate it with NUL (not counted in len).
 */
#ifndef SANGAM_SQL_H
#define SANGAM_SQL_H

#include "protocol/bytes.h"
#include "store/manifest.h"

/* SELECT every column of `t` in order of id, by key (?1..). */
void sql_select_row(const struct table *t, struct bytes *out);
/* SELECT every column of every row, ordered by the key. */
void sql_select_rows(const struct table *t, struct bytes *out);
/* INSERT key (?1..) and the given columns, DO NOTHING on a key that exists. */
void sql_insert(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out);
/* The same, setting those columns on a key that exists. */
void sql_upsert(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out);
/* UPDATE the given columns, one at least, (after the key's parameters) by key
 * (?1..). The columns given to these three are not of the key. */
void sql_update(const struct table *t, const struct column *const *columns,
                size_t count, struct bytes *out);
void sql_delete_row(const struct table *t, struct bytes *out);
void sql_delete_rows(const struct table *t, struct bytes *out);

/* The capture triggers and guards of a table (docs/design.md section 5): one
 * CREATE TRIGGER after the other, named sync_<table>_*, each followed by
 * ";\n". capture_install() drops what was there. */
struct sql_site {
    const char *site_id; /* who writes here */
    bool root;           /* whether this node is the root */
};
void sql_triggers(const struct table *t, const struct sql_site *site,
                  struct bytes *out);

/* The guards of a table of the node's own (sync_*): clients may not write
 * it. They may append to sync_pending: that is what capture does for them. */
void sql_node_guards(const char *table_name, struct bytes *out);

#endif
