/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Later: schemas of programs that do not exist yet: what is compiled in, and
 * steps of tests behind it.
 *
 *   LATER_COLUMNS  columns of every policy, tables of every kind, a CHECK that
 *                  is gone; no class that was not there
 *   LATER_CLASS    a class, with a column of person and a table of its own
 */
#ifndef SANGAM_TESTS_LATER_H
#define SANGAM_TESTS_LATER_H

#include "store/schema.h"

enum later {
    LATER_COLUMNS = 9001,
    LATER_CLASS = 9002,
    LATER_WRONG = 9003, /* fails half way */
};

/* The steps of `today` and those up to this one. One `today` in a process. */
const struct schema *later_schema(const struct schema *today,
                                  enum later version);

#endif
