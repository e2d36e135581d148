/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tokens: writes the match tokens of the people whom this site registered
 * (person_identifier, kind name_key), as any tool would, so that rule 17 finds
 * who was registered twice in the district.
 *
 * Of name_key2 none are written: a given name and a year fit dozens of people
 * of a district, and each pair would be an alert.
 */
#ifndef SANGAM_TOKENS_H
#define SANGAM_TOKENS_H

#include "protocol/match.h"
#include "store/database.h"

struct tokens {
    uint64_t people;   /* of this site, that count */
    uint64_t keyless;  /* of them: name, parent, birth year or sex is missing */
    uint64_t written;  /* tokens */
    uint64_t replaced; /* that were current: the name or the key is another */
};

/* Through a tool's connection, TOKENS_PEOPLE_MAX people in one transaction. Done
 * twice, the second time writes nothing. */
int tokens_write(struct database *db, const uint8_t key[MATCH_KEY_BYTES],
                 struct tokens *ret, struct err *e);

#endif
