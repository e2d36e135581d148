/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tell: what a node says of rows that others do not hold, in rows of its own
 * (own.h). Whom it has to look at stands in sync_owed, noted in the transaction
 * in which the rules have looked at them; replica_tell() compares what is to be
 * said with what was said, and writes what differs. So nothing is forgotten by a
 * crash, and nothing is said twice.
 */
#ifndef SANGAM_TELL_H
#define SANGAM_TELL_H

#include "protocol/instant.h"
#include "store/parts.h"

/* What is gathered before anything is written. */
struct telling {
    struct replica *r;
    struct database *rules; /* to read */
    int64_t now_ms;
    char now[INSTANT_TEXT_BYTES];
    struct bytes rows; /* u32 table, u16 columns, so many values; each a row */
    size_t row_count;
    struct value tomorrow; /* a day */
};

/* Somebody who is looked at, and when again. */
struct owed {
    struct bytes what;
    struct bytes kind;
    struct bytes id;
    struct bytes again; /* a day; empty: when the rules have looked */
    bool more;          /* not all was gathered: at once */
};

/* The rules have looked at somebody, and something is found of them, or was
 * (`finds`); in the caller's transaction. */
int tell_note(struct replica *r, const char *kind, const struct value *id,
              bool finds, struct err *e);

/* What a statement of the rules' connection gives for ?1 and ?2, one value after
 * the other; at most TELL_READ_MAX rows. */
int tell_read(struct telling *t, const char *sql, const struct value *a,
              const struct value *b, struct bytes *ret, size_t *ret_count,
              struct err *e);
/* A row to be written, unless it is said already: `said` as tell_read() gives
 * its columns. */
void tell_row(struct telling *t, uint32_t table, const struct bytes *row,
              uint16_t columns, const struct bytes *said);
/* Not later than this day. */
void tell_again(struct owed *o, const struct value *day);

/* carry.c: the alerts about somebody, to the sites they concern. */
int carry_gather(struct telling *t, struct owed *o, struct err *e);
/* card.c: the registry cards of a person. */
int card_gather(struct telling *t, struct owed *o, struct err *e);

#endif
