/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cases of rules: tests/data/rules/cases.sql, rows as sites would write them, and
 * what is found of them.
 */
#ifndef SANGAM_TESTS_CASES_H
#define SANGAM_TESTS_CASES_H

#include "tree.h"

enum { CASES_MAX = 90 };

struct rule_case {
    char name[80];
    char finds[40]; /* the rules broken: "01 07" */
};

/* SQL that makes the temporary views which cases are written with; for each
 * client that writes some. */
extern const char cases_short_forms[];

/* The file; free it. */
char *cases_text(void);
/* Writes the cases, each at the node of its site (`site_of`, by index, NULL at
 * its end), and returns how many there are. Keys of case n end in -n. */
int cases_run(struct tree *t, const char *const *site_of, const char *text,
              struct rule_case cases[CASES_MAX]);

#endif
