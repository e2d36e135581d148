/* SPDX-License-Identifier: Apache-2.0 */

/*
 * FHIR map: which rows are which resources of HL7 FHIR R4 (4.0.1), as SQL that
 * makes one JSON object of a row with the functions of fhir_part.h.
 * docs/fhir.md shows the map as a table.
 *
 * A NULL, a blank text and an extension without a value are left out afterwards
 * (fhir.h), with whatever holds nothing else.
 */
#ifndef SANGAM_FHIR_MAP_H
#define SANGAM_FHIR_MAP_H

struct fhir_type {
    const char *name; /* of the resource: "Patient" */
    const char *sql;  /* one column; in order of the key of the row */
};

enum { FHIR_TYPES = 7 };
extern const struct fhir_type fhir_types[FHIR_TYPES];

/* NULL: none is called so, or it is not written here. */
const struct fhir_type *fhir_type_of(const char *name);

#endif
