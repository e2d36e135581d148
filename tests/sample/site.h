/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Site: what a site writes beside its people: its workers, groups and shelf; and
 * the people one after the other.
 */
#ifndef SANGAM_SAMPLE_SITE_H
#define SANGAM_SAMPLE_SITE_H

#include "world.h"

/* Workers with their papers, groups and meetings. Before the people, who come to
 * these meetings. */
void site_write_groups(struct world *w, struct place *p);
/* Whoever is under care there in the world's days. */
void site_write_people(struct world *w, struct place *p);
/* What came from the district's store and counts, by what was handed over. After
 * all people. */
void site_write_shelf(struct world *w, struct place *p);
/* The store of a hub: receipts and counts, by what was sent. After all shelves. */
void site_write_store(struct world *w, struct place *p);

/* All that all sites of a world write. */
void site_write_all(struct world *w);

#endif
