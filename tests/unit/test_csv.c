/* SPDX-License-Identifier: Apache-2.0 */
#include "node/csv.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = scratch_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(&folder);
    return 0;
}

static struct csv *open_bytes(const void *data, size_t len)
{
    struct csv *c = NULL;
    struct err e = {0};
    char *path = scratch_bytes(folder, "f.csv", data, len);
    int rc = csv_open(path, &c, &e);
    free(path);
    if (rc != 0) {
        fail_msg("%s", e.text);
    }
    return c;
}

static struct csv *open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

/* The next row is this one: fields joined by '|', on this line. */
static void row_is(struct csv *c, uint64_t line, const char *fields)
{
    struct csv_row row;
    struct err e = {0};
    char joined[512] = "";
    size_t used = 0;

    if (csv_read(c, &row, &e) != 1) {
        fail_msg("no row: %s", e.text);
    }
    for (size_t i = 0; i < row.kept; i++) {
        int len = snprintf(joined + used, sizeof joined - used, "%s%s",
                           i > 0 ? "|" : "", row.fields[i].data);
        used += (size_t)len;
    }
    assert_string_equal(joined, fields);
    assert_int_equal(row.line, line);
}

static void ends(struct csv *c)
{
    struct csv_row row;
    struct err e = {0};
    assert_int_equal(csv_read(c, &row, &e), 0);
    assert_int_equal(csv_read(c, &row, &e), 0); /* and stays so */
    csv_destroy(&c);
}

/* The next row cannot be read, and the file ends there. */
static void broken(struct csv *c, const char *says)
{
    struct csv_row row;
    struct err e = {0};
    assert_int_equal(csv_read(c, &row, &e), ERR_INPUT);
    const char *name = strstr(e.text, "f.csv");
    assert_non_null(name);
    assert_string_equal(name, says);
    ends(c);
}

static void rows_come_with_their_lines(void **state)
{
    (void)state;
    struct csv *c = open_text("a,b\n1,2\n3,4\n");
    row_is(c, 1, "a|b");
    row_is(c, 2, "1|2");
    row_is(c, 3, "3|4");
    ends(c);
}

static void a_line_break_inside_quotes_counts_as_a_line(void **state)
{
    (void)state;
    struct csv *c = open_text("a,b\n\"x\ny\",2\n\n3,\"4\n\"\n5,6");
    row_is(c, 1, "a|b");
    row_is(c, 2, "x\ny|2");
    row_is(c, 5, "3|4\n");
    row_is(c, 7, "5|6");
    ends(c);
}

static void a_field_knows_the_line_it_begins_in(void **state)
{
    (void)state;
    struct csv_row row;
    struct err e;
    struct csv *c = open_text("\"x\ny\",2,\"z\n\"\n");
    assert_int_equal(csv_read(c, &row, &e), 1);
    assert_int_equal(row.fields[0].line, 1);
    assert_int_equal(row.fields[1].line, 2);
    assert_int_equal(row.fields[2].line, 2);
    ends(c);
}

static void windows_line_ends_and_a_byte_order_mark_are_fine(void **state)
{
    (void)state;
    struct csv *c = open_text("\xef\xbb\xbf"
                              "a,b\r\n1,2\r\n\r\n3,\"4\r\n5\"\r\n");
    row_is(c, 1, "a|b");
    row_is(c, 2, "1|2");
    row_is(c, 4, "3|4\r\n5");
    ends(c);
}

static void spaces_are_kept(void **state)
{
    (void)state;
    struct csv *c = open_text(" a ,\" b \",\n");
    row_is(c, 1, " a | b |");
    ends(c);
}

static void a_doubled_quote_is_a_quote(void **state)
{
    (void)state;
    struct csv *c = open_text("\"say \"\"yes\"\"\",\"\"\n");
    row_is(c, 1, "say \"yes\"|");
    ends(c);
}

static void a_nul_character_stays_in_its_field(void **state)
{
    (void)state;
    struct csv_row row;
    struct err e;
    struct csv *c = open_bytes("a\0b,c\n", 6);
    assert_int_equal(csv_read(c, &row, &e), 1);
    assert_int_equal(row.fields[0].len, 3);
    assert_memory_equal(row.fields[0].data, "a\0b", 4);
    ends(c);
}

static void a_quote_never_closed_is_found_where_it_opens(void **state)
{
    (void)state;
    struct csv *c = open_text("a,b\n1,2\n3,\"4\n5,6\n7,8\n");
    row_is(c, 1, "a|b");
    row_is(c, 2, "1|2");
    broken(c, "f.csv:3:2: the quote that opens this field is never closed");
}

static void a_quote_closed_lines_later_is_found_where_it_opens(void **state)
{
    (void)state;
    struct csv *c = open_text("1,\"2\n3,\"4\"\n5,6\n");
    broken(c, "f.csv:1:2: the quoted field that begins here goes on to line "
              "2: its closing quote is missing or misplaced");
}

static void a_quote_inside_a_plain_field_is_refused(void **state)
{
    (void)state;
    struct csv *c = open_text("1,2\n3,5\"\n");
    row_is(c, 1, "1|2");
    broken(c, "f.csv:2:2: has a quote that neither begins nor ends the field "
              "(inside a quoted field it is doubled)");
}

static void a_lone_carriage_return_is_refused(void **state)
{
    (void)state;
    broken(open_text("a,b\r1,2\r"),
           "f.csv:1:1: has a carriage return without a line feed; save the "
           "file with Unix or Windows line ends");
}

static void a_row_without_end_is_refused_before_it_fills_the_memory(
    void **state)
{
    (void)state;
    size_t len = (size_t)CSV_ROW_BYTES_MAX * 4;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, "1,2\n\"", 5);
    struct csv *c = open_bytes(text, len);
    free(text);
    row_is(c, 1, "1|2");
    struct csv_row row;
    struct err e;
    assert_int_equal(csv_read(c, &row, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "f.csv:2:1: the row that begins here"));
    ends(c);
}

static void a_row_of_too_many_fields_is_counted_and_not_kept(void **state)
{
    enum { FIELDS = 1000 };
    char text[FIELDS + 1];
    struct csv_row row;
    struct err e;
    (void)state;
    memset(text, ',', FIELDS);
    text[FIELDS - 1] = '\n';
    text[FIELDS] = '\0';
    struct csv *c = open_text(text);
    assert_int_equal(csv_read(c, &row, &e), 1);
    assert_int_equal(row.count, FIELDS);
    assert_int_equal(row.kept, COLUMNS_MAX);
    ends(c);
}

/* Whatever falls on the border of two blocks reads the same. */
static void a_file_of_many_blocks_reads_like_a_small_one(void **state)
{
    enum { ROWS = 30000, ROW_BYTES = 16 };
    char *text = malloc((size_t)ROWS * ROW_BYTES + 1);
    char expected[32];
    size_t used = 0;
    (void)state;
    assert_non_null(text);
    for (int i = 0; i < ROWS; i++) {
        used +=
            (size_t)snprintf(text + used, ROW_BYTES + 1, "%d,\"a\r\n\"\r\n", i);
    }
    struct csv *c = open_bytes(text, used);
    free(text);
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(expected, sizeof expected, "%d|a\r\n", i);
        row_is(c, 1 + 2 * (uint64_t)i, expected);
    }
    assert_int_equal(csv_percent(c), 100);
    ends(c);
}

static void other_kinds_of_file_are_named(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        const char *says;
    } kinds[] = {
        {"", 0, "is empty"},
        {"\xff\xfe"
         "a\0",
         4, "is UTF-16"},
        {"PK\x03\x04zip", 7, "is a spreadsheet"},
        {"\xd0\xcf\x11\xe0", 4, "is a spreadsheet"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct csv *c = NULL;
        struct err e;
        char *path =
            scratch_bytes(folder, "f.csv", kinds[i].data, kinds[i].len);
        assert_int_equal(csv_open(path, &c, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, kinds[i].says));
        free(path);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(rows_come_with_their_lines),
        test(a_line_break_inside_quotes_counts_as_a_line),
        test(a_field_knows_the_line_it_begins_in),
        test(windows_line_ends_and_a_byte_order_mark_are_fine),
        test(spaces_are_kept),
        test(a_doubled_quote_is_a_quote),
        test(a_nul_character_stays_in_its_field),
        test(a_quote_never_closed_is_found_where_it_opens),
        test(a_quote_closed_lines_later_is_found_where_it_opens),
        test(a_quote_inside_a_plain_field_is_refused),
        test(a_lone_carriage_return_is_refused),
        test(a_row_without_end_is_refused_before_it_fills_the_memory),
        test(a_row_of_too_many_fields_is_counted_and_not_kept),
        test(a_file_of_many_blocks_reads_like_a_small_one),
        test(other_kinds_of_file_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
