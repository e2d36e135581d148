/* SPDX-License-Identifier: Apache-2.0 */

/*
 * FHIR: the rows of a replica as resources of HL7 FHIR R4 (4.0.1), one a line
 * (NDJSON), as files of a Bulk Data export have them. A row is read, written and
 * forgotten: memory does not grow with the replica.
 *
 * What this node may not read is absent, and so is what must not leave it
 * (results of blood tests, notes, numbers in clear).
 */
#ifndef SANGAM_FHIR_H
#define SANGAM_FHIR_H

#include <stdio.h>

#include "node/fhir_map.h"
#include "store/database.h"

struct fhir;

/* Of a reader's connection, to be kept open, and read in one transaction when
 * the types are to be of one moment. `now_ms` bounds the time zone's years.
 * ERR_INPUT for a time zone that is not known here. */
int fhir_open(struct database *db, int64_t now_ms, struct fhir **ret,
              struct err *e);
void fhir_close(struct fhir **f);

/* Begins with the resources of a type. */
int fhir_begin(struct fhir *f, const struct fhir_type *type, struct err *e);
/* Writes the next, as a line. 1: written, 0: there are no more, or ERR_*.
 * Whether it was written stdio remembers. */
int fhir_next(struct fhir *f, FILE *out, struct err *e);

#endif
