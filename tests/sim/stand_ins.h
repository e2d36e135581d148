/* SPDX-License-Identifier: Apache-2.0 */

/* Stand-ins: see stand_ins.c. */
#ifndef SANGAM_SIM_STAND_INS_H
#define SANGAM_SIM_STAND_INS_H

/* From here on every key, nonce and salt comes from sim.chance. */
void stand_in_for_chance(void);

#endif
