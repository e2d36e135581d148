/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Match: the tokens by which two sites find that they know one person, without
 * telling each other who: a keyed hash of a value in its normal form
 * (name.h, and below). The key is the programme's: headquarters hands it to
 * every site that registers people, outside of the network. Without it a token
 * says nothing; whoever has it can try names until one fits.
 */
#ifndef SANGAM_MATCH_H
#define SANGAM_MATCH_H

#include "bytes.h"
#include "err.h"

enum {
    MATCH_KEY_BYTES = 32,
    MATCH_KEY_TEXT_BYTES_MAX = 1024, /* a line, and what one writes above it */
    MATCH_TOKEN_BYTES = 33,          /* 32 hexadecimal digits, with their end */
};

/* The key file: "match_key = " and 64 hexadecimal digits, in the form of
 * fields.h. ERR_INPUT, ERR_LIMIT. */
int match_key_parse(struct slice text, uint8_t ret[MATCH_KEY_BYTES],
                    struct err *e);

/* The token of a value of a kind (person_identifier.kind): keyed BLAKE2b of
 * both, so that one value of two kinds has two tokens. */
void match_token(const uint8_t key[MATCH_KEY_BYTES], const char *kind,
                 struct slice value, char ret[MATCH_TOKEN_BYTES]);

/* Appends the normal form of a telephone number: its last ten digits, which tell
 * apart all of India, however the rest is written (0, +91). False, and nothing,
 * for what is not one number of ten to fifteen digits with blanks, dots, dashes,
 * brackets or a plus, or is one digit all along, as people write where there is
 * none. NULL is none. */
bool match_phone(const char *text, struct bytes *out);

/* Appends the normal form of an ABHA number: its fourteen digits. False, and
 * nothing, for what is not that many with dashes and blanks, or is one digit all
 * along. That its last digit is a check is not known from a primary source. */
bool match_abha(const char *text, struct bytes *out);

#endif
