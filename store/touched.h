/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Touched: whom the rules have to look at again, because a row about them was
 * written here or came in. Noted in the transaction that merged the row, so
 * that a crash forgets nobody; read by judge.h at its own pace.
 */
#ifndef SANGAM_TOUCHED_H
#define SANGAM_TOUCHED_H

#include "store/rows.h"

/* A row of the domain was merged: the person of its scope, or, of a table whose
 * scope is none and which a rule reads, the row itself. `scope` is canonical; a
 * replay into another file notes nothing. */
int touched_note(struct merger *m, const struct table *t,
                 const struct value *key, struct slice scope, struct err *e);

#endif
