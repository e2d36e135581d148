/* SPDX-License-Identifier: Apache-2.0 */
#include "node/home.h"

#include "node/file.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char *folder; /* the test's */
    char *path;   /* of the home, inside */
    struct home *home;
};

static void place_begin(struct place *p)
{
    bool shared = false;
    struct err e = {0};
    p->folder = scratch_folder();
    p->path = scratch_path(p->folder, "home");
    home_set_umask();
    if (home_create(p->path, &p->home, &shared, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static void place_end(struct place *p)
{
    home_close(&p->home);
    free(p->path);
    scratch_remove(&p->folder);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void a_home_is_for_its_group_and_its_keys_for_the_node(void **state)
{
    (void)state;
    struct place p;
    struct keys k;
    place_begin(&p);
    keys_generate(&k);
    assert_int_equal(home_keys_write(p.home, &k, NULL), 0);
    assert_int_equal(home_lock(p.home, NULL), 0);
    assert_int_equal(mode_of(p.home->folder), 02770);
    assert_int_equal(mode_of(p.home->key_folder) & 0777, 0700);
    assert_int_equal(mode_of(p.home->key_file), 0600);
    assert_int_equal(mode_of(p.home->lock_file), 0660);
    place_end(&p);
}

static void keys_come_back_as_they_were_written(void **state)
{
    (void)state;
    struct place p;
    struct keys k;
    struct keys back;
    place_begin(&p);
    assert_false(home_has_keys(p.home));
    keys_generate(&k);
    assert_int_equal(home_keys_write(p.home, &k, NULL), 0);
    assert_true(home_has_keys(p.home));
    assert_int_equal(home_keys_read(p.home, &back, NULL), 0);
    assert_memory_equal(&k, &back, sizeof k);
    place_end(&p);
}

static void keys_are_never_overwritten(void **state)
{
    (void)state;
    struct place p;
    struct keys first;
    struct keys second;
    struct keys back;
    struct err e = {0};
    place_begin(&p);
    keys_generate(&first);
    keys_generate(&second);
    assert_int_equal(home_keys_write(p.home, &first, NULL), 0);
    assert_int_equal(home_keys_write(p.home, &second, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, p.home->key_file));
    assert_int_equal(home_keys_read(p.home, &back, NULL), 0);
    assert_memory_equal(&first, &back, sizeof first);
    place_end(&p);
}

static void a_key_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    static const mode_t bad[] = {0640, 0604, 0660, 0602, 0610};
    struct place p;
    struct keys k;
    struct keys back;
    struct err e = {0};
    place_begin(&p);
    keys_generate(&k);
    assert_int_equal(home_keys_write(p.home, &k, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod(p.home->key_file, bad[i]), 0);
        assert_int_equal(home_keys_read(p.home, &back, &e), ERR_CONFIG);
        assert_non_null(strstr(e.text, "chmod 600"));
    }
    place_end(&p);
}

static void a_damaged_key_file_is_told_with_its_name(void **state)
{
    (void)state;
    struct place p;
    struct keys k;
    struct keys back;
    struct err e = {0};
    struct slice text = {(const uint8_t *)"sign_public = 00\n", 17};
    place_begin(&p);
    assert_int_equal(file_write_new(p.home->key_file, text, 0600, NULL), 0);
    assert_int_not_equal(home_keys_read(p.home, &back, &e), 0);
    assert_non_null(strstr(e.text, p.home->key_file));
    keys_generate(&k);
    place_end(&p);
}

/* --- lock ---------------------------------------------------------------- */

static void the_lock_names_its_holder(void **state)
{
    (void)state;
    struct place p;
    struct home *second = NULL;
    struct err e = {0};
    char pid[32];
    bool shared = false;
    place_begin(&p);
    assert_int_equal(home_holder(p.home, NULL), 0);
    assert_int_equal(home_lock(p.home, NULL), 0);
    assert_int_equal(home_create(p.path, &second, &shared, NULL), 0);
    assert_int_equal(home_lock(second, &e), ERR_BUSY);
    (void)snprintf(pid, sizeof pid, "held by process %d", (int)getpid());
    assert_non_null(strstr(e.text, "already running"));
    assert_non_null(strstr(e.text, pid));
    assert_int_equal(home_holder(second, NULL), (int)getpid());
    home_close(&second);
    place_end(&p);
}

static void a_lock_ends_with_the_process_that_held_it(void **state)
{
    (void)state;
    struct place p;
    int status = 0;
    place_begin(&p);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(home_lock(p.home, NULL) == 0 ? 0 : 1); /* as if killed */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(home_holder(p.home, NULL), 0);
    assert_int_equal(home_lock(p.home, NULL), 0);
    place_end(&p);
}

static void a_folder_without_a_replica_is_no_home(void **state)
{
    (void)state;
    struct place p;
    struct home *h = NULL;
    struct err e = {0};
    place_begin(&p);
    assert_int_equal(home_open(p.path, &h, &e), ERR_CONFIG);
    assert_null(h);
    assert_non_null(strstr(e.text, "sangam init"));
    place_end(&p);
}

/* As a user who is neither owner nor of the group, also when root runs it. */
static void the_home_of_someone_else_is_told_apart(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    struct place p;
    int status = 0;
    place_begin(&p);
    assert_int_equal(chmod(p.path, 0), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct home *h = NULL;
        struct err e = {0};
        bool other = geteuid() != 0 || setuid(NOBODY) == 0;
        bool told = other && home_open(p.path, &h, &e) == ERR_CONFIG &&
                    strstr(e.text, "for its owner and the group") != NULL &&
                    strstr(e.text, "sangam init") == NULL;
        _exit(told ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(p.path, 0700), 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    place_end(&p);
}

/* --- files --------------------------------------------------------------- */

static void a_file_that_is_too_long_is_not_read(void **state)
{
    (void)state;
    struct place p;
    struct bytes out = {0};
    struct slice text = {(const uint8_t *)"0123456789", 10};
    place_begin(&p);
    char *path = scratch_path(p.folder, "file");
    assert_int_equal(file_write_new(path, text, 0600, NULL), 0);
    assert_int_equal(file_read(path, 9, &out, NULL), ERR_LIMIT);
    bytes_clear(&out);
    assert_int_equal(file_read(path, 10, &out, NULL), 0);
    assert_true(slice_equal(slice_of(&out), text));
    bytes_free(&out);
    free(path);
    place_end(&p);
}

static void writing_leaves_nothing_beside_the_file(void **state)
{
    (void)state;
    struct place p;
    struct slice text = {(const uint8_t *)"x", 1};
    place_begin(&p);
    char *inside = scratch_path(p.folder, "inside");
    char *path = scratch_path(inside, "file");
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(file_write_new(path, text, 0600, NULL), 0);
    assert_int_equal(file_write_new(path, text, 0600, NULL), ERR_INPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(inside), 0); /* it is empty */
    free(path);
    free(inside);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_home_is_for_its_group_and_its_keys_for_the_node),
        cmocka_unit_test(keys_come_back_as_they_were_written),
        cmocka_unit_test(keys_are_never_overwritten),
        cmocka_unit_test(a_key_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_damaged_key_file_is_told_with_its_name),
        cmocka_unit_test(the_lock_names_its_holder),
        cmocka_unit_test(a_lock_ends_with_the_process_that_held_it),
        cmocka_unit_test(a_folder_without_a_replica_is_no_home),
        cmocka_unit_test(the_home_of_someone_else_is_told_apart),
        cmocka_unit_test(a_file_that_is_too_long_is_not_read),
        cmocka_unit_test(writing_leaves_nothing_beside_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
