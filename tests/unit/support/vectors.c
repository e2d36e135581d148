/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_file(const char *file)
{
    char path[4096];
    const char *source = getenv("SANGAM_SOURCE");
    (void)snprintf(path, sizeof path, "%s/tests/data/vectors/%s",
                   source == NULL ? "." : source, file);
    FILE *stream = fopen(path, "r");
    if (stream == NULL) {
        fail_msg("cannot read %s: is SANGAM_SOURCE the source tree?", path);
    }
    return stream;
}

/* The value if the line is "name = value", else NULL. */
static char *value_of(char *line, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(line, name, len) != 0 || strncmp(line + len, " = ", 3) != 0) {
        return NULL;
    }
    char *value = line + len + 3;
    value[strcspn(value, "\n")] = '\0';
    return value;
}

static void put_hex(struct bytes *out, const char *hex)
{
    size_t digits = strlen(hex);
    bytes_reserve(out, digits / 2 + 1);
    assert_int_equal(digits % 2, 0);
    assert_int_equal(sodium_hex2bin(out->data + out->len, digits / 2, hex,
                                    digits, NULL, NULL, NULL),
                     0);
    out->len += digits / 2;
}

void vectors_read(const char *file, const char *name, struct bytes *ret)
{
    FILE *stream = open_file(file);
    char *line = NULL;
    size_t cap = 0;
    bool found = false;
    while (!found && getline(&line, &cap, stream) >= 0) {
        const char *value = value_of(line, name);
        if (value != NULL) {
            put_hex(ret, value);
            found = true;
        }
    }
    free(line);
    (void)fclose(stream);
    if (!found) {
        fail_msg("%s has no \"%s\"", file, name);
    }
}

void vectors_read_into(const char *file, const char *name, void *ret,
                       size_t len)
{
    struct bytes b = {0};
    vectors_read(file, name, &b);
    assert_int_equal(b.len, len);
    memcpy(ret, b.data, len);
    bytes_free(&b);
}

void vectors_check(const char *file, const char *name, const void *data,
                   size_t len)
{
    struct bytes b = {0};
    vectors_read(file, name, &b);
    if (!slice_equal(slice_of(&b), (struct slice){data, len})) {
        print_error("computed: %s = ", name);
        for (size_t i = 0; i < len; i++) {
            print_error("%02x", ((const uint8_t *)data)[i]);
        }
        print_error("\n");
        fail_msg("%s: \"%s\" is published as something else", file, name);
    }
    bytes_free(&b);
}
