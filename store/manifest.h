/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Manifest: what is replicated and how, as the tables sync_class, sync_table
 * and sync_column say it, checked against the tables themselves when it is
 * loaded. A table that breaks what merging needs is refused with the reason
 * and the repair.
 */
#ifndef SANGAM_MANIFEST_H
#define SANGAM_MANIFEST_H

#include "protocol/leaf.h"
#include "store/database.h"

enum table_kind {
    TABLE_CONTROL,
    TABLE_EVENT,
    TABLE_RECORD,
    TABLE_REFERENCE,
};

enum policy {
    POLICY_KEY,
    POLICY_ORIGIN, /* the writing site, written once */
    POLICY_FIXED,  /* written once */
    POLICY_LWW,
    POLICY_OWNER,
    POLICY_MAX,
    POLICY_MIN,
    POLICY_RANK,
    POLICY_UNION,
    POLICY_REVIEW,
};

/* Which of several unreconciled values of a `review` column is shown. */
enum safe {
    SAFE_LATEST,
    SAFE_MIN,
    SAFE_MAX,
    SAFE_LISTED, /* the one that stands first in the list */
};

struct column {
    uint16_t id;
    uint16_t class_id;
    enum policy policy;
    enum safe safe;
    char *name; /* owned */
    /* The first column of its group, which decides for all of it; NULL: the
     * column stands alone, or is the first. */
    const struct column *lead;
    char *group; /* owned; the group's name, NULL: alone */
    char **list; /* owned; values of a rank or a safe order, ascending */
    size_t list_count;
    enum value_type type; /* as declared; VALUE_NULL: ANY */
    /* As the table declares it: */
    bool not_null;
    bool varies;       /* TEXT, BLOB or ANY: its size is for a guard to bound */
    bool any;          /* ANY: its values have types of their own */
    bool minted;       /* the default is computed anew for each insert */
    char *default_sql; /* owned; NULL: none */
};

/* How rows of a table change hands. */
struct handover {
    const struct table *offers; /* the table of offers, and of its columns */
    const struct column *row;   /* the key of the row offered */
    const struct column *to;
    const struct column *epoch;
};

struct table {
    uint32_t id;
    enum table_kind kind;
    bool deletes; /* rows may be deleted */
    char *name;   /* owned */
    char *sql;    /* owned; that made it; NULL: there is no such table */
    uint16_t base_class;
    enum scope_kind route;
    const struct column *route_column; /* NULL for SCOPE_ALL */
    const struct column *owner_column; /* NULL: no policy is owner */
    const struct column *epoch_column; /* NULL: no handover */
    struct handover handover;          /* .offers NULL: none */
    const struct table *offered; /* whose rows this table offers, or NULL */
    const struct column *origin_column;        /* NULL: none */
    const struct column *key[KEY_COLUMNS_MAX]; /* in order of the key */
    size_t key_count;
    struct column *columns; /* by id, keys included */
    size_t column_count;
    /* Of a table that some tool altered (manifest_load_lived_in()): */
    char *broken; /* owned; why it cannot be replicated now; NULL: it can */
    char *extra; /* owned; a column not in the manifest: of this replica only */
};

struct manifest {
    struct table *tables; /* by id; `local` tables are not in it */
    size_t table_count;
    uint16_t classes[CERTIFICATE_CLASSES_MAX]; /* ascending */
    size_t class_count;
};

/* ERR_CONFIG with "table X: what is wrong; what to do". */
int manifest_load(struct database *db, struct manifest **ret, struct err *e);
/* The same of a replica that people and their tools live in: a table that does
 * not fit its manifest is `broken`, and stops no other [I-7]; a column of which
 * the manifest does not know is `extra`, and does no harm. */
int manifest_load_lived_in(struct database *db, struct manifest **ret,
                           struct err *e);
void manifest_destroy(struct manifest **m);

const struct table *manifest_table(const struct manifest *m, uint32_t id);
const struct table *manifest_table_named(const struct manifest *m,
                                         const char *name);
const struct column *table_column(const struct table *t, uint16_t id);
const struct column *table_column_named(const struct table *t,
                                        const char *name);
bool policy_is_fixed(enum policy policy); /* key, origin, fixed */
/* The column that decides for this one: the first of its group, or itself. */
const struct column *column_lead(const struct column *c);
/* The place of a value in a column's list, from 1; 0: not in it. */
size_t column_rank(const struct column *c, const struct value *v);

#endif
