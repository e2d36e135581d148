/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.data[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* What a name may look like, so that a stray byte never reaches a log. */
static bool is_name(struct slice s)
{
    if (s.len == 0 || s.len > FIELDS_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') {
            return false;
        }
    }
    return true;
}

static struct field *field_named(struct field *fields, size_t count,
                                 struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        struct slice known = {
            .data = (const uint8_t *)fields[i].name,
            .len = strlen(fields[i].name),
        };
        if (slice_equal(known, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static int parse_line(struct slice line, size_t number, struct field *fields,
                      size_t count, struct err *e)
{
    line = trim(line);
    if (line.len == 0 || line.data[0] == '#') {
        return 0;
    }
    const uint8_t *equals = memchr(line.data, '=', line.len);
    size_t before = equals == NULL ? 0 : (size_t)(equals - line.data);
    struct slice name = trim((struct slice){line.data, before});
    if (!is_name(name)) {
        return err_set(e, ERR_INPUT,
                       "line %zu is not of the form \"name = value\"", number);
    }
    struct field *field = field_named(fields, count, name);
    if (field == NULL) {
        return err_set(e, ERR_INPUT, "line %zu: unknown name \"%.*s\"", number,
                       (int)name.len, (const char *)name.data);
    }
    if (field->line != 0) {
        return err_set(e, ERR_INPUT,
                       "line %zu: \"%s\" stands in line %zu already", number,
                       field->name, field->line);
    }
    field->line = number;
    field->value = trim((struct slice){equals + 1, line.len - before - 1});
    if (field->value.len == 0) {
        return err_set(e, ERR_INPUT, "line %zu: \"%s\" has no value", number,
                       field->name);
    }
    return 0;
}

static int parse_lines(struct slice text, struct field *fields, size_t count,
                       struct err *e)
{
    size_t number = 0;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        int rc = parse_line((struct slice){text.data, len}, ++number, fields,
                            count, e);
        if (rc != 0) {
            return rc;
        }
        size_t used = end == NULL ? len : len + 1;
        text.data += used;
        text.len -= used;
    }
    return 0;
}

int fields_parse(struct slice text, size_t bytes_max, struct field *fields,
                 size_t count, struct err *e)
{
    if (text.len > bytes_max) {
        return err_set(e, ERR_LIMIT,
                       "%zu bytes of text, where at most %zu are expected",
                       text.len, bytes_max);
    }
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL) {
        return err_set(e, ERR_INPUT, "the text holds a NUL byte");
    }
    for (size_t i = 0; i < count; i++) {
        fields[i].line = 0;
    }
    int rc = parse_lines(text, fields, count, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].line == 0) {
            return err_set(e, ERR_INPUT, "the line \"%s = ...\" is missing",
                           fields[i].name);
        }
    }
    return 0;
}

int fields_hex(const struct field *field, uint8_t *ret, size_t bytes,
               struct err *e)
{
    if (field->value.len != 2 * bytes ||
        sodium_hex2bin(ret, bytes, (const char *)field->value.data, 2 * bytes,
                       NULL, NULL, NULL) != 0) {
        return err_set(e, ERR_INPUT,
                       "line %zu: \"%s\" must be %zu hexadecimal digits",
                       field->line, field->name, 2 * bytes);
    }
    return 0;
}

void fields_put(struct bytes *out, const char *name, const char *value)
{
    bytes_put(out, name, strlen(name));
    bytes_put(out, " = ", 3);
    bytes_put(out, value, strlen(value));
    bytes_put(out, "\n", 1);
}

void fields_put_hex(struct bytes *out, const char *name, const uint8_t *data,
                    size_t bytes)
{
    char hex[2 * FIELDS_HEX_BYTES_MAX + 1];
    assert(bytes <= FIELDS_HEX_BYTES_MAX);
    sodium_bin2hex(hex, sizeof hex, data, bytes);
    fields_put(out, name, hex);
    sodium_memzero(hex, sizeof hex); /* it may be a secret */
}
