/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Papers: tables of the simulator, whose rows may be deleted and written again;
 * no domain table's may. A `note` is anybody's; a `paper` has an owner and goes
 * from site to site by a `paper_offer`, as an enrolment does by a referral.
 */
#ifndef SANGAM_SIM_PAPERS_H
#define SANGAM_SIM_PAPERS_H

#include "store/schema.h"

/* The steps of `today` and one more. One `today` in a process. */
const struct schema *papers_schema(const struct schema *today);

#endif
