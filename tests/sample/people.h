/* SPDX-License-Identifier: Apache-2.0 */

/*
 * People: who is registered where, under which name and number. Names are put
 * together from words that mean "sample" and "imaginary"; whoever is called so is
 * nobody.
 */
#ifndef SANGAM_SAMPLE_PEOPLE_H
#define SANGAM_SAMPLE_PEOPLE_H

#include "world.h"

enum { NAME_BYTES = 40, CARD_BYTES = 12 };

/* Where a name sounds at home. */
enum accent { ACCENT_PUNJAB, ACCENT_MIZORAM, ACCENT_SPANISH, ACCENTS };

struct person {
    struct key key;
    char card[CARD_BYTES];
    char given[NAME_BYTES];
    char family[NAME_BYTES];
    char parent[NAME_BYTES];
    char phone[NAME_BYTES]; /* empty: none */
    enum accent accent;
    bool woman;
    int birth_year;
    const char *locality;
    int since;
    int died; /* day; 0: alive */
};

void person_draw(struct person *p, struct dice *d, enum accent accent,
                 bool woman, int since);
/* A name as a second clerk writes it down: it looks different and sounds the
 * same. */
void person_misspell(struct person *p, struct dice *d);
/* The number on the next card of a site; `site` tells the sites apart. */
void person_card(struct person *p, uint64_t seed, uint32_t site, uint32_t card);
void person_write(struct sheets *s, const char *site, const char *district,
                  const struct person *p);
void name_draw(struct dice *d, enum accent accent, bool woman,
               char out[NAME_BYTES]);

#endif
