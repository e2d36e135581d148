/* SPDX-License-Identifier: Apache-2.0 */
/* A beneficiary number from any text: what is read is in its printed form, and
 * is some node's. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[NUMBER_KEY_BYTES] = {1};
    char *text = calloc(size + 1, 1);
    char number[NUMBER_TEXT_BYTES];
    char again[NUMBER_TEXT_BYTES];
    uint16_t node = 0;
    uint32_t counter = 0;
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    if (number_parse(text, number, NULL) == 0) {
        int rc = number_parse(number, again, NULL);
        assert(rc == 0 && strcmp(number, again) == 0);
        number_open(key, number, &node, &counter);
        bool printed = number_print(key, node, counter, again);
        assert(printed && strcmp(number, again) == 0);
        (void)rc;
        (void)printed;
    }
    free(text);
    return 0;
}
