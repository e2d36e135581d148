/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Changed: the last text that programs of a machine were told is written into a
 * cell. Each is written once, so that whoever signs it, or sets it aside, can be
 * found.
 */
#ifndef SANGAM_SIM_CHANGED_H
#define SANGAM_SIM_CHANGED_H

#include "world.h"

/* `table` as in writer.h. */
void changed_note(struct world *w, const struct machine *m, int table,
                  const char *key, const char *column, const char *text);
/* The same of each row of which something is noted, and which shows it: what was
 * withdrawn meanwhile is there no more. */
void changed_note_all(struct world *w, struct machine *m, int table,
                      const char *column, const char *text);
/* Its disk is another: who knows what of this was on it. */
void changed_forget(struct world *w, const struct machine *m);

#endif
