/* SPDX-License-Identifier: Apache-2.0 */
#include "node/watch.h"

#include "support/scratch.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HOT_MS = 20, COLD_LOOK_MS = 500 };

static bool readable(const struct watch *w)
{
    struct pollfd item = {.fd = watch_fd(w), .events = POLLIN};
    return poll(&item, 1, 1000) == 1;
}

static void a_write_beside_the_replica_makes_the_node_look_often(void **state)
{
    (void)state;
    char *folder = scratch_folder();
    struct err why = {.code = 1};
    struct watch *w = watch_new(folder, "replica.db", &why);
    assert_int_equal(why.code, 0);
    watch_looked(w, 1000);
    assert_int_equal(watch_due_ms(w), 1000 + COLD_LOOK_MS);

    free(scratch_file(folder, "replica.db-wal", "a frame"));
    assert_true(readable(w));
    watch_read(w, 1100);
    for (int64_t now_ms = 1100; now_ms < 1100 + HOT_MS; now_ms++) {
        watch_looked(w, now_ms);
        assert_int_equal(watch_due_ms(w), now_ms + 1);
    }
    watch_looked(w, 1100 + HOT_MS);
    assert_int_equal(watch_due_ms(w), 1100 + HOT_MS + COLD_LOOK_MS);
    watch_destroy(&w);
    scratch_remove(&folder);
}

static void a_write_to_another_file_lets_the_node_sleep(void **state)
{
    (void)state;
    char *folder = scratch_folder();
    struct watch *w = watch_new(folder, "replica.db", NULL);
    watch_looked(w, 1000);
    free(scratch_file(folder, "sangam.conf", "[node]"));
    assert_true(readable(w));
    watch_read(w, 1001);
    assert_int_equal(watch_due_ms(w), 1000 + COLD_LOOK_MS);
    watch_destroy(&w);
    scratch_remove(&folder);
}

static void without_inotify_the_node_still_looks_now_and_then(void **state)
{
    (void)state;
    struct err why = {0};
    struct watch *w = watch_new("/nowhere/at/all", "replica.db", &why);
    assert_int_equal(why.code, ERR_IO);
    assert_int_equal(watch_fd(w), -1);
    watch_read(w, 5);
    watch_looked(w, 10);
    assert_int_equal(watch_due_ms(w), 10 + COLD_LOOK_MS);
    watch_destroy(&w);
}

static void the_first_look_is_at_once(void **state)
{
    (void)state;
    char *folder = scratch_folder();
    struct watch *w = watch_new(folder, "replica.db", NULL);
    assert_true(watch_due_ms(w) <= COLD_LOOK_MS); /* since the machine began */
    watch_destroy(&w);
    scratch_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_beside_the_replica_makes_the_node_look_often),
        cmocka_unit_test(a_write_to_another_file_lets_the_node_sleep),
        cmocka_unit_test(without_inotify_the_node_still_looks_now_and_then),
        cmocka_unit_test(the_first_look_is_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
