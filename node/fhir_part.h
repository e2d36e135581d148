/* SPDX-License-Identifier: Apache-2.0 */

/*
 * FHIR part: what the resources of fhir_map.h are made of, as functions of SQL.
 * Each gives NULL where there is nothing to say.
 *
 *   fhir_text(text)          the text, unless it is blank
 *   fhir_day(day)            'YYYY-MM-DD', if it is a day
 *   fhir_at(instant)         the same instant in the time zone of this site:
 *                            '2026-11-22T19:58:10.123+05:30'
 *   fhir_id(key)             the key of a row as an id: itself, or "x-" and a
 *                            hash of it where FHIR does not take it
 *   fhir_urn(list)           the URI of a list of codes or numbers
 *   fhir_identifier(list, value)
 *   fhir_code(list, code, display)  a CodeableConcept; what cannot be a code is
 *                            its text
 *   fhir_period(first, last) two days; where they contradict each other the
 *                            last counts
 *   fhir_quantity(value, unit, ucum)
 *   fhir_ref(type, list, key, here, display)  a Reference: to a resource where
 *                            `here` is not NULL; else by its identifier in
 *                            `list`, or NULL without one
 *
 * A list that the schema fixes ("programme") is "urn:sangam:programme"; one that
 * headquarters keeps or numbers, written with a colon (":item"), is
 * "urn:sangam:NETWORK:item" with sixteen digits of the network's id: its numbers
 * and codes mean nothing elsewhere.
 */
#ifndef SANGAM_FHIR_PART_H
#define SANGAM_FHIR_PART_H

#include "node/zone.h"
#include "protocol/keys.h"
#include "store/database.h"

struct cJSON;

struct fhir_parts {
    struct hash network;
    struct zone zone; /* owned by whoever made it */
};

/* Makes them known to a connection. `parts` outlives it. ERR_IO. */
int fhir_part_install(struct database *db, const struct fhir_parts *parts,
                      struct err *e);

/* Leaves out of a value whatever FHIR has no place for: null, numbers that are
 * none, blank text, control characters (as '?'), an extension without a value,
 * and what is empty then. True: nothing is left, and the caller deletes it. */
bool fhir_part_prune(struct cJSON *value);

#endif
