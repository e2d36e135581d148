/* SPDX-License-Identifier: Apache-2.0 */

/*
 * District: the tree of most tests, and what its programs write.
 */
#ifndef SANGAM_TESTS_DISTRICT_H
#define SANGAM_TESTS_DISTRICT_H

#include "tree.h"

/* Headquarters, the hub of Ludhiana, its clinic and its prison, and the hub of
 * another district. */
enum { HQ, LDH_H, LDH_C, LDH_P, ASR_H };

/* All of them up to `last`, in step. */
struct tree *district_new(int last);

/* The id of the n-th person; one of a few buffers in turn. */
const char *district_person(int n);
/* Registers persons from `from` on before `to`; the node has not drained them. */
void district_add_persons(struct tree *t, int node, int from, int to);
/* These the node has drained: the n-th person; of the first, a dose of n units. */
void district_add_person(struct tree *t, int node, int n);
void district_add_dose(struct tree *t, int node, int n);
/* The n-th person has another number, and the node has drained it. */
void district_call(struct tree *t, int node, int n, const char *phone);

/* So many times a day passes, and everybody drains and meets its parent; what is
 * turned away is not looked at. */
void district_sync_days(struct tree *t, int days);

/* All of a node, with commas: ids of doses, numbers by person, values parked in
 * the order of when they were written. */
const char *district_doses(struct tree *t, int node);
const char *district_phones(struct tree *t, int node);
const char *district_parked(struct tree *t, int node);

/* Each node is as its journal says, and those of Ludhiana and headquarters judge
 * alike. */
void district_check(struct tree *t);

#endif
