/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parked: values that programs wrote here and that do not show, for a person to
 * look at (`sangam parked`): never signed, never lost.
 */
#ifndef SANGAM_PARKED_H
#define SANGAM_PARKED_H

#include "store/database.h"

/* A value of a row, or with column 0 what became of the whole row. The table may
 * be one that there is not. */
struct parked {
    int64_t table_id;
    struct slice key; /* of row_key() */
    int64_t column_id;
    struct value value;
    int64_t at_ms;    /* when it was written, since 1970 */
    const char *says; /* why it is here */
};

int parked_add(struct database *db, const struct parked *p, struct err *e);

#endif
