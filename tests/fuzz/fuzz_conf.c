/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration from any bytes: an error names the line; what is read has
 * values that would be accepted one by one. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "node/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf;
    struct conf again;
    struct err e = {0};
    if (conf_read(fuzz_file(data, size), &conf, &e) != 0) {
        assert(e.code == ERR_CONFIG && e.text[0] != '\0');
        return 0;
    }
    conf_defaults(&again);
    for (size_t i = 0; conf_key(i) != NULL; i++) {
        const char *value = conf_value(&conf, i);
        int rc =
            value[0] == '\0' ? 0 : conf_set(&again, conf_key(i), value, &e);
        assert(rc == 0);
        (void)rc;
    }
    return 0;
}
