/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cell.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/row.h"
#include "protocol/instant.h"

/* --- forms ---------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static enum cell_form form_of_text(const char *column)
{
    static const struct {
        const char *end;
        enum cell_form form;
    } ends[] = {
        {"_on", CELL_DAY},         {"_date", CELL_DAY},
        {"valid_from", CELL_DAY},  {"valid_to", CELL_DAY},
        {"covers_from", CELL_DAY}, {"_at", CELL_INSTANT},
    };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends_with(column, ends[i].end)) {
            return ends[i].form;
        }
    }
    return CELL_TEXT;
}

enum cell_form cell_form_of(const char *column, const char *type, bool is_key)
{
    if (strcasecmp(type, "TEXT") == 0) {
        return is_key ? CELL_KEY : form_of_text(column);
    }
    if (strcasecmp(type, "INTEGER") == 0 || strcasecmp(type, "INT") == 0) {
        return CELL_INTEGER;
    }
    return strcasecmp(type, "REAL") == 0 ? CELL_REAL : CELL_NONE;
}

/* --- text ----------------------------------------------------------------- */

/* Bytes of the UTF-8 character at the beginning (RFC 3629), 0 if it is none,
 * and its number. The text ends with a NUL, so that a cut character is found
 * without looking past the end. */
static size_t character(const unsigned char *s, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc0 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                               : 4;
    if (len == 0 || s[0] > 0xf4) {
        return 0;
    }
    uint32_t code = len == 1 ? s[0] : s[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3fU);
    }
    *ret = code;
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[len] || code > 0x10ffff || surrogate ? 0 : len;
}

/* A carriage return stands before a line feed, or the file was refused. */
static bool is_layout(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r';
}

static int check_text(const struct csv_field *field, struct err *e)
{
    const unsigned char *s = (const unsigned char *)field->data;
    uint32_t code = 0;

    for (size_t i = 0; i < field->len;) {
        size_t len = character(s + i, &code);
        if (len == 0) {
            return err_set(e, ERR_INPUT,
                           "is not UTF-8; save the file as \"CSV UTF-8\"");
        }
        if (code == 0) {
            return err_set(e, ERR_INPUT, "has a NUL character");
        }
        if ((code < 0x20 && !is_layout(code)) ||
            (code >= 0x7f && code < 0xa0)) {
            return err_set(e, ERR_INPUT, "has a control character (U+%04X)",
                           (unsigned)code);
        }
        i += len;
    }
    return 0;
}

/* As much of a text as an error shows, without half a character. */
static int shown(const struct csv_field *field)
{
    enum { SHOWN_BYTES = 60 };
    size_t len = strcspn(field->data, "\r\n");

    if (len > SHOWN_BYTES) {
        len = SHOWN_BYTES;
        while (len > 0 && ((unsigned char)field->data[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    return (int)len;
}

static int is_not(const struct csv_field *field, const char *what,
                  struct err *e)
{
    return err_set(e, ERR_INPUT, "'%.*s' is not %s", shown(field), field->data,
                   what);
}

/* --- values --------------------------------------------------------------- */

static struct slice text_of(const struct csv_field *field)
{
    return (struct slice){(const uint8_t *)field->data, field->len};
}

static int parse_text(const struct csv_field *field, struct cell *ret)
{
    ret->value.type = VALUE_TEXT;
    ret->value.bytes = text_of(field);
    return 0;
}

static int parse_key(const struct csv_field *field, struct cell *ret,
                     struct err *e)
{
    if (field->len > KEY_BYTES_MAX) {
        return err_set(e, ERR_LIMIT, "has %zu bytes; a key has at most %d",
                       field->len, (int)KEY_BYTES_MAX);
    }
    if (strcspn(field->data, "\t\r\n") != field->len) {
        return err_set(e, ERR_INPUT, "a key has no tabs and no line breaks");
    }
    return parse_text(field, ret);
}

static int parse_day(const struct csv_field *field, struct cell *ret,
                     struct err *e)
{
    int64_t day = 0;
    if (!instant_parse_day(text_of(field), &day)) {
        return is_not(field, "a day (YYYY-MM-DD)", e);
    }
    return parse_text(field, ret);
}

/* Both spellings are stored as the domain writes instants, so that they sort
 * as text. */
static int parse_instant(const struct csv_field *field, struct cell *ret,
                         struct err *e)
{
    int64_t ms = 0;
    struct bytes out = {0};
    struct slice text = text_of(field);

    if (!instant_parse_ms(text, &ms) && instant_parse(text, &ms, NULL) != 0) {
        return is_not(field, "an instant in UTC (YYYY-MM-DDThh:mm:ss.sssZ)", e);
    }
    if (!instant_print_ms(ms, &out) || out.len != CELL_INSTANT_BYTES) {
        abort(); /* it was parsed a moment ago */
    }
    memcpy(ret->instant, out.data, CELL_INSTANT_BYTES);
    bytes_free(&out);
    ret->value.type = VALUE_TEXT;
    ret->value.bytes = (struct slice){ret->instant, CELL_INSTANT_BYTES};
    return 0;
}

static int parse_integer(const struct csv_field *field, struct cell *ret,
                         struct err *e)
{
    size_t sign = field->data[0] == '-' ? 1 : 0;
    size_t digits = strspn(field->data + sign, "0123456789");
    if (digits == 0 || sign + digits != field->len) {
        return is_not(field, "a whole number", e);
    }

    errno = 0;
    long long number = strtoll(field->data, NULL, 10);
    if (errno != 0) {
        return is_not(field, "a number that can be stored", e);
    }
    ret->value.type = VALUE_INTEGER;
    ret->value.integer = number;
    return 0;
}

static int parse_real(const struct csv_field *field, struct cell *ret,
                      struct err *e)
{
    char *end = NULL;
    bool plain = strspn(field->data, "0123456789+-.eE") == field->len;
    double number = plain ? strtod(field->data, &end) : 0;

    if (!plain || end != field->data + field->len || !isfinite(number)) {
        return is_not(field, "a number", e);
    }
    ret->value.type = VALUE_REAL;
    ret->value.real = number;
    return 0;
}

int cell_parse(enum cell_form form, const struct csv_field *field,
               struct cell *ret, struct err *e)
{
    *ret = (struct cell){.value = {.type = VALUE_NULL}};
    if (field->len == 0) {
        return 0;
    }
    if (field->len > CELL_BYTES_MAX) {
        return err_set(e, ERR_LIMIT, "has %zu bytes; a value has at most %d",
                       field->len, (int)CELL_BYTES_MAX);
    }
    int rc = check_text(field, e);
    if (rc != 0) {
        return rc;
    }
    switch (form) {
    case CELL_TEXT:
        return parse_text(field, ret);
    case CELL_KEY:
        return parse_key(field, ret, e);
    case CELL_DAY:
        return parse_day(field, ret, e);
    case CELL_INSTANT:
        return parse_instant(field, ret, e);
    case CELL_INTEGER:
        return parse_integer(field, ret, e);
    case CELL_REAL:
        return parse_real(field, ret, e);
    case CELL_NONE:
        break;
    }
    return err_set(e, ERR_INPUT, "cannot be given in a text file");
}

void cell_print(const struct value *v, struct bytes *out)
{
    char number[ROW_REAL_BYTES];

    assert(v->type != VALUE_BLOB); /* no text file gives one */
    bytes_clear(out);
    if (v->type == VALUE_NULL) {
        return;
    }
    if (v->type == VALUE_TEXT) {
        bytes_put(out, v->bytes.data, v->bytes.len);
    } else if (v->type == VALUE_INTEGER) {
        int len = snprintf(number, sizeof number, "%" PRId64, v->integer);
        bytes_put(out, number, (size_t)len);
    } else {
        (void)row_real(v->real, number);
        bytes_put(out, number, strlen(number));
    }
    bytes_put_u8(out, '\0');
}
