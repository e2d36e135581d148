/* SPDX-License-Identifier: Apache-2.0 */
#include "node/csv.h"

#include <assert.h>
#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/bytes.h"

enum { BLOCK_BYTES = 64 * 1024 };

struct csv {
    FILE *file;
    char *path;
    struct csv_parser parser;
    uint8_t *block; /* owned, BLOCK_BYTES */
    size_t at, len; /* of the block */
    uint64_t taken; /* bytes of the file so far */
    uint64_t size;  /* of the file, 0: not known */
    uint64_t line;  /* the one `at` is in */
    bool ended;     /* the last row was given */

    /* The row being put together. */
    struct bytes text; /* its fields, a NUL after each */
    struct csv_field fields[COLUMNS_MAX];
    size_t offsets[COLUMNS_MAX]; /* of their data in `text` */
    size_t count;
    uint64_t row_line;
    uint64_t field_line; /* where the field after the last one begins */
    size_t row_bytes;
    bool row_open;
    bool row_done;
};

/* --- opening -------------------------------------------------------------- */

static int never_space(unsigned char c)
{
    (void)c;
    return 0;
}

/* Fills the block; false at the end of the file. */
static bool fill(struct csv *c)
{
    c->at = 0;
    c->len = fread(c->block, 1, BLOCK_BYTES, c->file);
    c->taken += c->len;
    return c->len > 0;
}

static bool begins_with(const struct csv *c, const char *bytes, size_t len)
{
    return c->len >= len && memcmp(c->block, bytes, len) == 0;
}

/* Looks at the first bytes: skips a byte order mark, knows what people send by
 * mistake. */
static int check_beginning(struct csv *c, struct err *e)
{
    if (!fill(c)) {
        return ferror(c->file) != 0
                   ? err_set(e, ERR_IO, "%s: cannot be read", c->path)
                   : err_set(e, ERR_INPUT, "%s: is empty", c->path);
    }
    if (begins_with(c, "\xff\xfe", 2) || begins_with(c, "\xfe\xff", 2)) {
        return err_set(e, ERR_INPUT, "%s: is UTF-16; save it as \"CSV UTF-8\"",
                       c->path);
    }
    if (begins_with(c, "PK\x03\x04", 4) || begins_with(c, "\xd0\xcf\x11", 3)) {
        return err_set(e, ERR_INPUT,
                       "%s: is a spreadsheet; save it as \"CSV UTF-8\"",
                       c->path);
    }
    if (begins_with(c, "\xef\xbb\xbf", 3)) {
        c->at = 3;
    }
    return 0;
}

int csv_open(const char *path, struct csv **ret, struct err *e)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    }

    struct csv *c = calloc(1, sizeof *c);
    if (c == NULL || (c->path = strdup(path)) == NULL ||
        (c->block = malloc(BLOCK_BYTES)) == NULL ||
        csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        abort();
    }
    csv_set_space_func(&c->parser, never_space);
    c->file = file;
    c->line = 1;

    struct stat st;
    if (fstat(fileno(file), &st) == 0 && st.st_size > 0) {
        c->size = (uint64_t)st.st_size;
    }
    int rc = check_beginning(c, e);
    if (rc == 0) {
        *ret = c;
    } else {
        csv_destroy(&c);
    }
    return rc;
}

void csv_destroy(struct csv **c_p)
{
    struct csv *c = *c_p;

    *c_p = NULL;
    if (c == NULL) {
        return;
    }
    csv_free(&c->parser);
    bytes_free(&c->text);
    (void)fclose(c->file);
    free(c->block);
    free(c->path);
    free(c);
}

int csv_percent(const struct csv *c)
{
    uint64_t done = c->taken - (c->len - c->at);
    return done >= c->size ? 100 : (int)(done * 100 / c->size);
}

/* --- separators ------------------------------------------------------------ */

/* The bytes of a line of the first block, without its end; false: it has no
 * such line. */
static bool find_line(const struct csv *c, int line, struct slice *ret)
{
    size_t at = c->at;
    for (; line > 1; line--) {
        const uint8_t *lf = memchr(c->block + at, '\n', c->len - at);
        if (lf == NULL) {
            return false;
        }
        at = (size_t)(lf - c->block) + 1;
    }
    const uint8_t *lf = memchr(c->block + at, '\n', c->len - at);
    bool whole = lf != NULL || c->len < BLOCK_BYTES;
    size_t end = lf != NULL ? (size_t)(lf - c->block) : c->len;
    *ret = (struct slice){c->block + at, end - at};
    return whole;
}

int csv_separate(struct csv *c, char separator, int line, struct err *e)
{
    struct slice header;
    bool quoted = false;
    bool seen[UINT8_MAX + 1] = {false};

    if (separator == '\0') {
        if (!find_line(c, line, &header)) {
            return err_set(e, ERR_INPUT,
                           "%s: has no line %d to name its columns", c->path,
                           line);
        }
        for (size_t i = 0; i < header.len; i++) {
            quoted = header.data[i] == '"' ? !quoted : quoted;
            seen[header.data[i]] = seen[header.data[i]] || !quoted;
        }
        if (!seen['\t'] && seen[','] && seen[';']) {
            return err_set(e, ERR_INPUT,
                           "%s:%d: commas or semicolons could part the "
                           "columns: say which in the mapping file (separator "
                           "= comma)",
                           c->path, line);
        }
        separator = seen['\t'] ? '\t' : seen[';'] ? ';' : ',';
    }
    csv_set_delim(&c->parser, (unsigned char)separator);
    return 0;
}

/* --- reading -------------------------------------------------------------- */

/* libcsv's callback: a field is complete. */
static void take_field(void *data, size_t len, void *user)
{
    struct csv *c = user;

    if (c->count < COLUMNS_MAX) {
        c->offsets[c->count] = c->text.len;
        c->fields[c->count].len = len;
        c->fields[c->count].line = c->field_line;
        if (len > 0) {
            bytes_put(&c->text, data, len);
        }
        bytes_put_u8(&c->text, 0);
    }
    c->count++;
    c->field_line = c->line;
}

/* libcsv's callback: a row is complete. */
static void take_row(int end, void *user)
{
    struct csv *c = user;

    (void)end;
    c->row_done = true;
    c->row_open = false;
}

static void begin_row(struct csv *c)
{
    bytes_clear(&c->text);
    c->count = 0;
    c->row_bytes = 0;
    c->row_open = true;
    c->row_line = c->line;
    c->field_line = c->line;
}

static int fail_at_field(const struct csv *c, uint64_t line, const char *what,
                         struct err *e)
{
    return err_set(e, ERR_INPUT, "%s:%llu:%zu: %s", c->path,
                   (unsigned long long)line, c->count + 1, what);
}

/* The part of the block up to the end of the line, or of the block. */
static size_t rest_of_line(const struct csv *c)
{
    const uint8_t *from = c->block + c->at;
    const uint8_t *lf = memchr(from, '\n', c->len - c->at);
    return lf != NULL ? (size_t)(lf - from) + 1 : c->len - c->at;
}

/* A lone CR would end a row for libcsv, and no line for us. */
static int check_line_end(struct csv *c, size_t part, struct err *e)
{
    const uint8_t *from = c->block + c->at;
    const uint8_t *cr = memchr(from, '\r', part);
    if (cr == NULL) {
        return 0;
    }

    size_t next = (size_t)(cr - from) + 1;
    int follows = 0;
    if (next < part) {
        follows = from[next];
    } else if ((follows = getc(c->file)) != EOF) {
        (void)ungetc(follows, c->file);
    }
    if (follows == '\n' || (follows == EOF && ferror(c->file) == 0)) {
        return 0;
    }
    return fail_at_field(c, c->line,
                         "has a carriage return without a line feed; save "
                         "the file with Unix or Windows line ends",
                         e);
}

static bool is_blank(const uint8_t *data, size_t len)
{
    return len == 1 ? data[0] == '\n' || data[0] == '\r'
                    : len == 2 && data[0] == '\r' && data[1] == '\n';
}

/* Says where libcsv stopped. */
static int fail_parse(struct csv *c, struct err *e)
{
    if (csv_error(&c->parser) != CSV_EPARSE) {
        abort(); /* out of memory */
    }
    if (c->field_line == c->line) {
        return fail_at_field(c, c->line,
                             "has a quote that neither begins nor ends the "
                             "field (inside a quoted field it is doubled)",
                             e);
    }
    char what[128];
    (void)snprintf(what, sizeof what,
                   "the quoted field that begins here goes on to line %llu: "
                   "its closing quote is missing or misplaced",
                   (unsigned long long)c->line);
    return fail_at_field(c, c->field_line, what, e);
}

/* Gives libcsv the rest of a line. */
static int feed(struct csv *c, struct err *e)
{
    size_t part = rest_of_line(c);
    const uint8_t *from = c->block + c->at;

    if (!c->row_open && !is_blank(from, part)) {
        begin_row(c);
    }
    int rc = check_line_end(c, part, e);
    if (rc != 0) {
        return rc;
    }
    c->row_bytes += part;
    if (c->row_bytes > CSV_ROW_BYTES_MAX) {
        return err_set(e, ERR_INPUT,
                       "%s:%llu:1: the row that begins here is longer than "
                       "%d bytes; is a quote in it not closed?",
                       c->path, (unsigned long long)c->row_line,
                       (int)CSV_ROW_BYTES_MAX);
    }
    if (csv_parse(&c->parser, from, part, take_field, take_row, c) != part) {
        return fail_parse(c, e);
    }
    c->at += part;
    if (from[part - 1] == '\n') {
        c->line++;
    }
    return 0;
}

/* The last line need not end with a line feed. */
static int finish(struct csv *c, struct err *e)
{
    if (ferror(c->file) != 0) {
        return err_set(e, ERR_IO, "%s: cannot be read", c->path);
    }
    c->ended = true;
    if (csv_fini(&c->parser, take_field, take_row, c) != 0) {
        return fail_at_field(c, c->field_line,
                             "the quote that opens this field is never closed",
                             e);
    }
    return 0;
}

static void give_row(struct csv *c, struct csv_row *ret)
{
    size_t kept = c->count < COLUMNS_MAX ? c->count : COLUMNS_MAX;

    for (size_t i = 0; i < kept; i++) {
        c->fields[i].data = (const char *)c->text.data + c->offsets[i];
    }
    *ret = (struct csv_row){
        .fields = c->fields,
        .kept = kept,
        .count = c->count,
        .line = c->row_line,
    };
    c->row_done = false;
}

int csv_read(struct csv *c, struct csv_row *ret, struct err *e)
{
    while (!c->row_done && !c->ended) {
        int rc = c->at < c->len || fill(c) ? feed(c, e) : finish(c, e);
        if (rc != 0) {
            c->ended = true;
            return rc;
        }
    }
    if (!c->row_done) {
        return 0;
    }
    give_row(c, ret);
    return 1;
}

/* --- writing --------------------------------------------------------------- */

void csv_put(FILE *out, const char *text, bool last)
{
    if (strpbrk(text, ",\"\r\n") != NULL) {
        (void)csv_fwrite(out, text, strlen(text));
    } else {
        (void)fputs(text, out);
    }
    (void)fputc(last ? '\n' : ',', out);
}
