/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Life: one person under care, from the first day at a clinic or in a prison to
 * the last, as the sites on the way write it down. One treatment may pass from
 * site to site: the one that has the person offers it, the other takes it.
 */
#ifndef SANGAM_SAMPLE_LIFE_H
#define SANGAM_SAMPLE_LIFE_H

#include "people.h"

enum blood_test { BLOOD_HIV, BLOOD_HCV, BLOOD_HBV, BLOOD_TESTS };

struct life {
    struct world *w;
    struct dice d;
    struct person person;
    struct place *home; /* where the person was registered */

    /* The treatment; `owner` has it, `writer` wrote its row. */
    struct key enrolment;
    struct place *owner;
    struct place *writer;
    int enrolled_on;
    /* The order in force. */
    struct key order;
    struct key replaces; /* empty: the first */
    int daily_mcg;
    int ordered_on;

    int covered; /* last day covered by what was handed over; 0: nothing yet */
    const struct place
        *strayed_to;    /* dosed there without a word; NULL: nowhere */
    bool held_in_books; /* released, and the prison never wrote it */
    /* Agreed to be named at meetings; `agreed.text` empty: did not. */
    struct key agreed;
    int agreed_on;
    struct key treats; /* agreed to be treated, which others may be told */
    bool infected[BLOOD_TESTS]; /* with what is looked for */
};

/* --- what sites write (record.c) --- */

void life_register(struct life *l, struct place *where, int day);
void life_enrol(struct life *l, struct place *where, int day);
/* The enrolment ends; the row, or what the owner answers. */
void life_end(struct life *l, const char *status, const char *reason, int day);
void life_order(struct life *l, int mcg, int day);
void life_stop_order(struct life *l, const char *status, int day);
void life_assess(struct life *l, const struct place *where,
                 const char *instrument, int day, bool clears);
/* Offers the treatment: the row of a referral. */
struct key life_offer(struct life *l, struct place *to, const char *kind,
                      int day, int due);
/* Sends the person for guest doses: the row of a referral. */
struct key life_send_guest(struct life *l, struct place *host, int day,
                           int until);
/* The other site says that the person came. */
void life_receive(struct life *l, const struct place *where,
                  struct key referral, int day);
/* The other site takes it; from now on it is the owner. */
void life_take(struct life *l, struct place *to, struct key referral, int day);
void life_custody(struct life *l, const struct place *prison, const char *kind,
                  int day, int minute);

/* --- doses (doses.c) --- */

enum { MCG_EACH = 2000 }; /* one tablet */

void life_observed(struct life *l, struct place *where, int day);
void life_not_dosed(struct life *l, struct place *where, int day,
                    const char *kind, const char *reason);
/* So many days to take home, with the mistakes that are made of it. */
void life_take_home(struct life *l, struct place *where, int day, int days);

void life_guest_dose(struct life *l, struct place *host, int day);

/* --- what is not for everybody (notes.c) --- */

/* Draws what the blood would show. */
void life_draw_blood(struct life *l);
/* Talks and blood tests of a stretch of treatment, up to its last day. */
void life_talk(struct life *l, const struct place *where, int day, int until);
void life_test_blood(struct life *l, const struct place *where, int day,
                     int until);
/* Somebody was told something. `consent` NULL: on the legal basis. */
struct disclosure {
    const char *data_class;
    const char *purpose;
    const char *recipient;
    const char *consent;
    const char *basis;
    const char *emergency; /* NULL: none */
};
void life_disclose(struct life *l, const struct place *where, int day,
                   const struct disclosure *what);

/* --- lives (life.c) --- */

/* Lives a life that begins there, as far as the world's days go. Returns the day
 * after its last one. */
int life_at_clinic(struct life *l, struct place *clinic, int day);
int life_in_prison(struct life *l, struct place *prison, int day);

#endif
