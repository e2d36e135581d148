/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Number: the beneficiary number on a person's card, such as 0TM-6DS-2VX, and
 * how a node makes numbers that no other node makes, without asking anybody.
 *
 *   payload   40 bits: 16 of the node's number, which headquarters issues and
 *             never issues twice, and 24 of a counter of that node
 *   bijection the payload through a keyed Feistel network, so that a number
 *             shows neither its site nor whose came first: a card must not say
 *             "prison". It hides them from whoever does not have the key, and
 *             no more than that
 *   letters   eight of the 32 that are no I, L, O or U, five bits each
 *   check     one character of ISO/IEC 7064 MOD 37-2 over them, which finds
 *             every wrong character and every two that changed places
 *
 * A counter whose check would be *, I, L, O or U has no number: it is skipped,
 * about one in seven, so that the standard is kept whole and only letters that
 * nobody misreads are printed.
 */
#ifndef SANGAM_NUMBER_H
#define SANGAM_NUMBER_H

#include "keys.h"

enum {
    NUMBER_KEY_BYTES = 32,
    NUMBER_TEXT_BYTES = 12,       /* XXX-XXX-XXC, with its end */
    NUMBER_NODE_MAX = UINT16_MAX, /* node numbers begin with 1 */
    NUMBER_COUNTER_MAX = (1 << 24) - 1,
};

/* The key of a network: BLAKE2b-256 of a fixed text and its id. Everybody who
 * knows the network's id has it. */
void number_key(const struct hash *network, uint8_t ret[NUMBER_KEY_BYTES]);

/* The number of a counter. False: it has none, take the next. A counter over
 * NUMBER_COUNTER_MAX asserts. */
bool number_print(const uint8_t key[NUMBER_KEY_BYTES], uint16_t node,
                  uint32_t counter, char ret[NUMBER_TEXT_BYTES]);

/* What a person typed, in the form that is printed: small letters, blanks,
 * dashes or none, O for 0, I and L for 1. ERR_INPUT with the sentence to show.
 */
int number_parse(const char *text, char ret[NUMBER_TEXT_BYTES], struct err *e);

/* Whose it is: the inverse of number_print(), for what number_parse() gave. */
void number_open(const uint8_t key[NUMBER_KEY_BYTES],
                 const char text[NUMBER_TEXT_BYTES], uint16_t *ret_node,
                 uint32_t *ret_counter);

/* The check character of ISO/IEC 7064 MOD 37-2 for `len` of 0-9 and A-Z. */
char number_check(const char *text, size_t len);

#endif
