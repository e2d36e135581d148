/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tokens: writes the match tokens of the people whom this site registered
 * (person_identifier), as any tool would, so that who was registered twice in the
 * district is found (rule 17, v_match_weight): of name_key, name_key2 and the
 * telephone of `person`, and of an ABHA number in `local_identifier`.
 */
#ifndef SANGAM_TOKENS_H
#define SANGAM_TOKENS_H

#include "protocol/match.h"
#include "store/database.h"

struct tokens {
    uint64_t people;   /* of this site, that count */
    uint64_t keyless;  /* without name_key: a name, parent, birth year or sex
                          is missing */
    uint64_t written;  /* tokens */
    uint64_t replaced; /* that were current: the name or the key is another */
};

/* Through a tool's connection, TOKENS_PEOPLE_MAX people in one transaction. Done
 * twice, the second time writes nothing. */
int tokens_write(struct database *db, const uint8_t key[MATCH_KEY_BYTES],
                 struct tokens *ret, struct err *e);

#endif
