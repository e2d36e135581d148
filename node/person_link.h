/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Person link: what somebody decides of two records: that they are one human
 * being, or two. As any tool writes it (person_link); each decision supersedes
 * what was said of the two before.
 */
#ifndef SANGAM_PERSON_LINK_H
#define SANGAM_PERSON_LINK_H

#include "store/database.h"

struct person_link {
    const char *a; /* person_ids, in any order */
    const char *b;
    const char *decision; /* "same", "different" */
    const char *reason;   /* a code; NULL: not said */
    const char *by;       /* who answers for it */
};

/* It travels everywhere: ERR_INPUT unless it is of headquarters' list, or, where
 * there is none, at least no sentence. */
int person_link_check_reason(struct database *db, const char *reason,
                             struct err *e);

/* In a transaction of its own, through a tool's connection. *ret_one: the two are
 * one then, through whichever links. ERR_STATE: that has been said of the two
 * before. */
int person_link_write(struct database *db, const struct person_link *l,
                      bool *ret_one, struct err *e);

#endif
