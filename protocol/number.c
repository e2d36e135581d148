/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    COUNTER_BITS = 24,
    HALF_BITS = 20,
    HALF_MASK = (1 << HALF_BITS) - 1,
    /* Four are proved to be enough for halves much longer than these (Luby and
     * Rackoff, 1988); twice as many cost microseconds. */
    ROUNDS = 8,
    CHARACTER_BITS = 5,
    CHARACTERS = 8, /* without the check */
    GROUP = 3,      /* characters between dashes */
    MODULUS = 37,
};

/* Of ISO/IEC 7064, and those of them that are printed. */
static const char standard[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*";
static const char printed[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* --- the check ------------------------------------------------------------ */

static unsigned place_of(const char *alphabet, char c)
{
    const char *at = strchr(alphabet, c);
    assert(c != '\0' && at != NULL);
    return (unsigned)(at - alphabet);
}

/* A pure system of radix 2: the characters weigh 2, 4, 8, ... from the check
 * leftwards, and the sum with the check is 1. */
char number_check(const char *text, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (sum + place_of(standard, text[i])) * 2 % MODULUS;
    }
    return standard[(MODULUS + 1 - sum) % MODULUS];
}

/* --- the bijection -------------------------------------------------------- */

void number_key(const struct hash *network, uint8_t ret[NUMBER_KEY_BYTES])
{
    static const char domain[] = "sangam beneficiary number 1";
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, NUMBER_KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)domain, sizeof domain);
    crypto_generichash_update(&state, network->bytes, HASH_BYTES);
    crypto_generichash_final(&state, ret, NUMBER_KEY_BYTES);
}

static uint32_t mixed(const uint8_t *key, unsigned round, uint32_t half)
{
    const uint8_t in[] = {(uint8_t)round, (uint8_t)(half >> 16),
                          (uint8_t)(half >> 8), (uint8_t)half};
    uint8_t out[crypto_generichash_BYTES_MIN];
    crypto_generichash(out, sizeof out, in, sizeof in, key, NUMBER_KEY_BYTES);
    uint32_t bits =
        (uint32_t)out[0] << 16 | (uint32_t)out[1] << 8 | (uint32_t)out[2];
    return bits & HALF_MASK;
}

static uint64_t hide(const uint8_t *key, uint64_t payload)
{
    uint32_t left = (uint32_t)(payload >> HALF_BITS);
    uint32_t right = (uint32_t)payload & HALF_MASK;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t next = left ^ mixed(key, i, right);
        left = right;
        right = next;
    }
    return (uint64_t)left << HALF_BITS | right;
}

static uint64_t show(const uint8_t *key, uint64_t hidden)
{
    uint32_t left = (uint32_t)(hidden >> HALF_BITS);
    uint32_t right = (uint32_t)hidden & HALF_MASK;
    for (unsigned i = ROUNDS; i-- > 0;) {
        uint32_t before = right ^ mixed(key, i, left);
        right = left;
        left = before;
    }
    return (uint64_t)left << HALF_BITS | right;
}

/* --- text ----------------------------------------------------------------- */

/* Nine characters, in groups. */
static void print_groups(const char *characters, char ret[NUMBER_TEXT_BYTES])
{
    size_t at = 0;
    for (size_t i = 0; i <= CHARACTERS; i++) {
        if (i > 0 && i % GROUP == 0) {
            ret[at++] = '-';
        }
        ret[at++] = characters[i];
    }
    ret[at++] = '\0';
    assert(at == NUMBER_TEXT_BYTES);
}

bool number_print(const uint8_t key[NUMBER_KEY_BYTES], uint16_t node,
                  uint32_t counter, char ret[NUMBER_TEXT_BYTES])
{
    char characters[CHARACTERS + 1] = "";
    assert(counter <= NUMBER_COUNTER_MAX);
    uint64_t hidden = hide(key, (uint64_t)node << COUNTER_BITS | counter);
    for (size_t i = CHARACTERS; i-- > 0;) {
        characters[i] = printed[hidden % (1U << CHARACTER_BITS)];
        hidden >>= CHARACTER_BITS;
    }
    char check = number_check(characters, CHARACTERS);
    if (strchr(printed, check) == NULL) {
        return false;
    }
    characters[CHARACTERS] = check;
    print_groups(characters, ret);
    return true;
}

void number_open(const uint8_t key[NUMBER_KEY_BYTES],
                 const char text[NUMBER_TEXT_BYTES], uint16_t *ret_node,
                 uint32_t *ret_counter)
{
    uint64_t hidden = 0;
    for (size_t i = 0, taken = 0; taken < CHARACTERS; i++) {
        if (text[i] != '-') {
            hidden = hidden << CHARACTER_BITS | place_of(printed, text[i]);
            taken++;
        }
    }
    uint64_t payload = show(key, hidden);
    *ret_node = (uint16_t)(payload >> COUNTER_BITS);
    *ret_counter = (uint32_t)payload & NUMBER_COUNTER_MAX;
}

/* --- what people type ------------------------------------------------------ */

static bool is_between(char c)
{
    return c == ' ' || c == '-' || c == '\t' || c == '\n' || c == '\r';
}

/* The character that is meant; 0: none is. */
static char meant_by(char c)
{
    char large = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    if (large == 'O') {
        return '0';
    }
    if (large == 'I' || large == 'L') {
        return '1';
    }
    return large != '\0' && strchr(printed, large) != NULL ? large : '\0';
}

static int read_characters(const char *text, char ret[CHARACTERS + 1],
                           struct err *e)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        if (is_between(*text)) {
            continue;
        }
        char c = meant_by(*text);
        if (c == '\0') {
            return err_set(e, ERR_INPUT,
                           "this is no beneficiary number: it has a character "
                           "that none has; they are made of 0 to 9 and the "
                           "letters without I, L, O and U");
        }
        if (count <= CHARACTERS) {
            ret[count] = c;
        }
        count++;
    }
    if (count == CHARACTERS + 1) {
        return 0;
    }
    return err_set(e, ERR_INPUT,
                   "this is no beneficiary number: it has %zu characters and "
                   "should have %d, as in 0TM-6DS-2VX",
                   count, CHARACTERS + 1);
}

int number_parse(const char *text, char ret[NUMBER_TEXT_BYTES], struct err *e)
{
    char characters[CHARACTERS + 1] = "";
    char number[NUMBER_TEXT_BYTES];
    int rc = read_characters(text, characters, e);
    if (rc != 0) {
        return rc;
    }
    print_groups(characters, number);
    if (number_check(characters, CHARACTERS) != characters[CHARACTERS]) {
        return err_set(e, ERR_INPUT,
                       "%s is mistyped: its last character does not fit the "
                       "others; look at the card again",
                       number);
    }
    memcpy(ret, number, sizeof number);
    return 0;
}
