/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *format, ...)
{
    if (e == NULL) {
        return code;
    }
    va_list args;
    va_start(args, format);
    e->code = code;
    (void)vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return code;
}

int err_wrap(struct err *e, const char *format, ...)
{
    if (e == NULL) {
        return ERR_STATE; /* a failure must not turn into success */
    }
    char prefix[ERR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    size_t used = strlen(prefix);
    size_t room = sizeof e->text - used - sizeof ": ";
    size_t kept = strlen(e->text);
    kept = kept < room ? kept : room;
    memmove(e->text + used + 2, e->text, kept);
    memcpy(e->text, prefix, used);
    memcpy(e->text + used, ": ", 2);
    e->text[used + 2 + kept] = '\0';
    return e->code;
}

const char *err_word(int code)
{
    switch (code) {
    case 0:
        return "ok";
#define ERR_WORD(name, number, word)                                           \
    case name:                                                                 \
        return word;
        ERR_TABLE(ERR_WORD)
#undef ERR_WORD
    default:
        return "unknown code";
    }
}
