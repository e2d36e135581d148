/* SPDX-License-Identifier: Apache-2.0 */
#include "node/conf.h"

#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char *folder;
};

static int set_up(void **state)
{
    static struct fixture f;
    f.folder = scratch_folder();
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scratch_remove(&f->folder);
    return 0;
}

static int read_text(struct fixture *f, const char *text, struct conf *ret,
                     struct err *e)
{
    char *path = scratch_file(f->folder, "sangam.conf", text);
    int rc = conf_read(path, ret, e);
    free(path);
    return rc;
}

/* The error ends with `says`, after the folder's name. */
static void refused(void **state, const char *text, const char *says)
{
    struct conf c;
    struct err e = {0};
    assert_int_equal(read_text(*state, text, &c, &e), ERR_CONFIG);
    const char *name = strstr(e.text, "sangam.conf");
    assert_non_null(name);
    assert_string_equal(name, says);
}

static void an_empty_file_means_the_defaults(void **state)
{
    struct conf c;
    struct err e;
    assert_int_equal(read_text(*state, "", &c, &e), 0);
    assert_string_equal(c.listen, "");
    assert_string_equal(c.address, "");
    assert_int_equal(c.log_level, CONF_INFO);
}

static void every_key_is_read(void **state)
{
    struct conf c;
    struct err e;
    assert_int_equal(read_text(*state,
                               "\xef\xbb\xbf# a comment\n"
                               "[node]\r\n"
                               "  listen = tcp://*:7447\n"
                               "\taddress=tcp://hub.example:7447\n"
                               "log_level = debug",
                               &c, &e),
                     0);
    assert_string_equal(c.listen, "tcp://*:7447");
    assert_string_equal(c.address, "tcp://hub.example:7447");
    assert_int_equal(c.log_level, CONF_DEBUG);
}

static void an_unknown_key_is_named_with_file_and_line(void **state)
{
    refused(state, "[node]\n\nlisten =\nlog_levle = info\n",
            "sangam.conf:4: unknown key 'log_levle'");
}

static void an_unknown_section_is_named_with_file_and_line(void **state)
{
    refused(state, "[nodes]\nlog_level = info\n",
            "sangam.conf:2: unknown section [nodes]; known: [node]");
}

static void a_key_before_any_section_is_refused(void **state)
{
    refused(state, "log_level = info\n",
            "sangam.conf:1: key before the first section; the section is "
            "[node]");
}

static void a_key_given_twice_is_refused(void **state)
{
    refused(state, "[node]\nlog_level = info\nlog_level = info\n",
            "sangam.conf:3: log_level was given in line 2 already");
}

static void an_indented_key_is_not_the_rest_of_the_line_before(void **state)
{
    struct conf c;
    struct err e;
    assert_int_equal(
        read_text(*state, "[node]\nlisten =\n  log_level = error\n", &c, &e),
        0);
    assert_int_equal(c.log_level, CONF_ERROR);
}

static void a_bad_value_is_refused_with_its_line(void **state)
{
    refused(state, "[node]\nlog_level = loud\n",
            "sangam.conf:2: log_level: 'loud' is none of error, warning, "
            "info, debug");
    refused(state, "[node]\nlisten = 7447\n",
            "sangam.conf:2: listen: '7447' is not tcp://HOST:PORT");
    refused(state, "[node]\nlisten = tcp://hub.example:70000\n",
            "sangam.conf:2: listen: 'tcp://hub.example:70000' is not "
            "tcp://HOST:PORT");
    refused(state, "[node]\nlisten = tcp://hub example:7447\n",
            "sangam.conf:2: listen: 'hub example' in 'tcp://hub example:7447' "
            "is not a host");
    refused(state, "[node]\naddress = tcp://*:7447\n",
            "sangam.conf:2: address: 'tcp://*:7447' is every address of this "
            "machine; children need one they can reach");
}

static void a_line_that_says_nothing_is_refused(void **state)
{
    refused(state, "[node]\nlog_level\n",
            "sangam.conf:2: neither [section], KEY = VALUE nor a comment");
}

static void the_first_of_two_errors_is_named(void **state)
{
    refused(state, "[node]\nnonsense\nunknown = 1\n",
            "sangam.conf:2: neither [section], KEY = VALUE nor a comment");
    refused(state, "[node]\nunknown = 1\nnonsense\n",
            "sangam.conf:2: unknown key 'unknown'");
}

static void a_line_without_end_is_refused(void **state)
{
    char text[600] = "[node]\nlisten = tcp://";
    size_t len = strlen(text);
    struct conf c;
    struct err e;
    memset(text + len, 'a', sizeof text - len - 1);
    assert_int_equal(read_text(*state, text, &c, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "sangam.conf:2: longer than"));
}

static void a_missing_file_is_a_configuration_error(void **state)
{
    struct conf c;
    struct err e;
    (void)state;
    assert_int_equal(conf_read("/nonexistent/sangam.conf", &c, &e), ERR_CONFIG);
}

static void the_file_that_is_written_reads_back_and_explains_itself(
    void **state)
{
    struct fixture *f = *state;
    char *path = scratch_path(f->folder, "written.conf");
    struct conf c;
    struct conf back;
    struct err e;

    conf_defaults(&c);
    assert_int_equal(conf_set(&c, "listen", "tcp://[::1]:7447", &e), 0);
    assert_int_equal(conf_set(&c, "log_level", "warning", &e), 0);
    assert_int_equal(conf_write(path, &c, &e), 0);
    assert_int_equal(conf_read(path, &back, &e), 0);
    for (size_t i = 0; conf_key(i) != NULL; i++) {
        assert_string_equal(conf_value(&c, i), conf_value(&back, i));
    }
    char *text = scratch_read(path);
    assert_non_null(strstr(text, "# How much to log"));
    free(text);
    assert_int_equal(conf_write(path, &c, &e), ERR_INPUT); /* it is there */
    free(path);
}

static void a_setting_from_the_command_line_is_checked_alike(void **state)
{
    struct conf c;
    struct err e;
    (void)state;
    conf_defaults(&c);
    assert_int_equal(conf_set(&c, "listen", "tcp://hub.example", &e),
                     ERR_INPUT);
    assert_string_equal(e.text,
                        "listen: 'tcp://hub.example' is not tcp://HOST:PORT");
    assert_int_equal(conf_set(&c, "colour", "red", &e), ERR_INPUT);
    assert_string_equal(e.text, "unknown key 'colour'");
    assert_string_equal(c.listen, "");
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_empty_file_means_the_defaults),
        test(every_key_is_read),
        test(an_unknown_key_is_named_with_file_and_line),
        test(an_unknown_section_is_named_with_file_and_line),
        test(a_key_before_any_section_is_refused),
        test(a_key_given_twice_is_refused),
        test(an_indented_key_is_not_the_rest_of_the_line_before),
        test(a_bad_value_is_refused_with_its_line),
        test(a_line_that_says_nothing_is_refused),
        test(the_first_of_two_errors_is_named),
        test(a_line_without_end_is_refused),
        test(a_missing_file_is_a_configuration_error),
        test(the_file_that_is_written_reads_back_and_explains_itself),
        test(a_setting_from_the_command_line_is_checked_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
