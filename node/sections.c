/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sections.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What inih is told to read from. */
struct reading {
    FILE *file;
    char *line; /* owned; getline's */
    size_t cap;
    int line_no;
    struct sections found;
};

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (copied == NULL) {
        abort();
    }
    return copied;
}

/* The first thing that is wrong counts; inih reads on. */
static void wrong(struct reading *r, int line, const char *what)
{
    if (r->found.wrong_at == 0) {
        r->found.wrong_at = line;
        (void)err_set(&r->found.wrong, ERR_CONFIG, "%s", what);
    }
}

/* An ini_reader. Spaces before a line mean nothing: inih would take such a
 * line for the rest of the one before. */
static char *read_line(char *out, int size, void *user)
{
    struct reading *r = user;
    char what[64];
    ssize_t len = getline(&r->line, &r->cap, r->file);
    if (len < 0) {
        return NULL;
    }
    r->line_no++;

    size_t skip = strspn(r->line, " \t");
    size_t left = (size_t)len - skip;
    if (strlen(r->line) != (size_t)len) {
        wrong(r, r->line_no, "has a NUL character");
        left = 0;
    } else if (left >= (size_t)size) {
        (void)snprintf(what, sizeof what, "longer than %d characters",
                       size - 1);
        wrong(r, r->line_no, what);
        left = 0;
    }
    memcpy(out, r->line + skip, left);
    out[left] = '\0';
    return out;
}

/* An ini_handler. */
static int take_line(void *user, const char *section, const char *name,
                     const char *value)
{
    struct reading *r = user;
    struct sections *s = &r->found;

    if (s->wrong_at != 0) {
        return 1;
    }
    s->lines = reallocarray(s->lines, s->count + 1, sizeof *s->lines);
    if (s->lines == NULL) {
        abort();
    }
    s->lines[s->count++] = (struct section_line){copy(section), copy(name),
                                                 copy(value), r->line_no};
    return 1;
}

/* Drops what inih gave of lines after the one it could not take: it tells of
 * that one at the end. */
static void cut(struct sections *s, int line)
{
    while (s->count > 0 && s->lines[s->count - 1].line > line) {
        struct section_line *last = &s->lines[--s->count];
        free(last->section);
        free(last->key);
        free(last->value);
    }
}

int sections_read(const char *path, int code, struct sections *ret,
                  struct err *e)
{
    struct reading r = {.file = fopen(path, "re")};
    if (r.file == NULL) {
        return err_set(e, code, "%s: %s", path, strerror(errno));
    }

    int line = ini_parse_stream(read_line, &r, take_line, &r);
    int rc =
        ferror(r.file) != 0 ? err_set(e, code, "%s: cannot be read", path) : 0;
    if (line > 0 && (r.found.wrong_at == 0 || line < r.found.wrong_at)) {
        r.found.wrong_at = 0;
        wrong(&r, line, "neither [section], KEY = VALUE nor a comment");
        cut(&r.found, line);
    } else if (line < 0) {
        abort(); /* out of memory */
    }
    free(r.line);
    (void)fclose(r.file);
    if (rc == 0) {
        *ret = r.found;
    } else {
        sections_free(&r.found);
    }
    return rc;
}

void sections_free(struct sections *s)
{
    cut(s, 0);
    free(s->lines);
    *s = (struct sections){.count = 0};
}
