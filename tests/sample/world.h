/* SPDX-License-Identifier: Apache-2.0 */

/*
 * World: the places that write and the days they have written for.
 */
#ifndef SANGAM_SAMPLE_WORLD_H
#define SANGAM_SAMPLE_WORLD_H

#include "sheets.h"
#include "tally.h"

enum { SITE_ID_BYTES = 16, DISTRICT_BYTES = 8 };

enum place_kind { PLACE_HQ, PLACE_HUB, PLACE_CLINIC, PLACE_PRISON };

/* A meeting that was held, for whoever came to it. */
struct meeting {
    int day;
    struct key key;
};

struct place {
    char id[SITE_ID_BYTES];
    char district[DISTRICT_BYTES];
    enum place_kind kind;
    uint32_t number; /* among all, for its dice */
    uint32_t cards;  /* that were given out */
    int slots;       /* people under care at once */
    int *used;       /* units handed over, or sent, by day; NULL: no shelf */
    struct meeting *meetings;
    size_t meeting_count;
    struct key mentor;
    int mentees;     /* at most */
    int mentees_now; /* matched so far */
};

/* How large, how long. */
struct plan {
    int districts;
    int prisons; /* in all */
    int clinics; /* in all */
    int slots;   /* people in treatment at a clinic */
    bool varied; /* clinics of two thirds to four thirds of that */
    int inmates; /* whom a prison takes down, of 100 in treatment 40 */
    int days;
};

struct world {
    uint64_t seed;
    int first; /* day */
    int last;
    struct plan plan;
    struct place *places; /* headquarters, then district by district: hub,
                             prisons, clinics */
    size_t count;
    uint32_t cards;        /* that programmes gave out */
    struct sheets *sheets; /* borrowed */
    struct tally tally;
};

/* The places of a plan; asserts that it has no more districts than Punjab. */
void world_make(struct world *w, const struct plan *plan);
void world_free(struct world *w);

/* Another place of the kind in the district, or NULL. */
struct place *world_other(struct world *w, struct dice *d,
                          const struct place *not_this, enum place_kind kind);

/* The hub of its district, whose store its shelf is filled from. */
struct place *world_hub(struct world *w, const struct place *of);

/* Sites, codes, items, limits and courses, as headquarters writes them. */
void world_write_lists(struct world *w);

#endif
