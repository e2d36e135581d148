/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Folded: how names of columns, codes and keys of registers are compared:
 * without regard to case and with every run of blanks as one.
 */
#ifndef SANGAM_FOLDED_H
#define SANGAM_FOLDED_H

#include "protocol/bytes.h"

/* Without blanks around it; U+00A0 is one. */
struct slice folded_trim(struct slice text);

/* Replaces the content of `out` by the text folded, with an end. */
void folded_text(struct slice text, struct bytes *out);

#endif
