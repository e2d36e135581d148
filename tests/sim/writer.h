/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writer: what people at a site do, in the SQL of their programs. What goes from
 * hand to hand, and what may be deleted, is in writer_hand.c.
 */
#ifndef SANGAM_SIM_WRITER_H
#define SANGAM_SIM_WRITER_H

#include "world.h"

enum { WRITER_SQL_BYTES = 1024 };

/* Indexes of writer_tables. */
enum {
    PERSON,
    DOSE,
    ORDER,
    ITEM,
    CODE,
    ENROLMENT,
    REFERRAL,
    NOTE,
    PAPER,
    PAPER_OFFER,
    VISIT, /* a newer program alone has it */
};

size_t writer_below(struct world *w, size_t sides);

/* Any row that this site has of which `where` is so; "" if there is none. */
const char *writer_pick(struct world *w, struct machine *m, int table,
                        const char *where, char out[256]);

/* The result code of SQLite; m->client has the sentence. */
int writer_run(struct world *w, struct machine *m, const char *sql);

/* A row that is new; where it was written, what the program was told is kept. */
void writer_insert(struct world *w, struct machine *m, int table, bool past,
                   unsigned number, const char *sql);

/* A number for a key. Mostly nobody else's; some are, as where two sites enter
 * one paper form. */
unsigned writer_draw_number(struct world *w);

/* A new person. */
void writer_person(struct world *w, struct machine *m, bool past);

/* Somebody hands a row over, takes one, changes, deletes or writes anew what
 * belongs to a site. `past`: with the triggers off. */
void writer_hand(struct world *w, struct machine *m, bool past);

#endif
