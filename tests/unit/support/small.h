/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Small: the embedded schema without what only programmes need. SQLite reads the
 * whole schema of a file whenever somebody opens it, which was most of the time
 * of tests that do little else; here it has some sixty tables and a dozen views
 * fewer to read. What is left is word for word what the files say.
 */
#ifndef SANGAM_TESTS_SMALL_H
#define SANGAM_TESTS_SMALL_H

#include "store/schema.h"

/* One step with the number of the last embedded one: all sync and local tables;
 * of people person, enrolment, referral, treatment_order, dose_event; of lists
 * ref_site, ref_item, ref_code, ref_parameter. No rules, cards, numbers or indicators: a
 * node that has it must not be asked for these. */
const struct schema *small_schema(void);

#endif
