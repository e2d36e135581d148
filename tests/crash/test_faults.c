/* SPDX-License-Identifier: Apache-2.0 */
/* The disk fails at any one operation of what a node does, once or until somebody
 * helps: the call says so, the file holds what it held before one of the calls or
 * after it, and when the disk is well again the node goes on, the same process or
 * a new one, and comes to the same end [I-1], [I-7].
 *
 *     test_faults [FAILURE [ACT]]
 *
 * plays only those with these words in their names. Few operations fail, all of
 * them with SANGAM_LONG, and a part of all with SANGAM_PART. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/acts.h"
#include "crash/calls.h"
#include "crash/disk.h"
#include "crash/scene.h"

static const char *only_failure;
static const char *only_act;
static char image[256]; /* the file from which each act is played anew */
static int64_t begin_ms;

/* How one operation fails. */
struct failure {
    const char *name;
    void (*begin)(const char *path, size_t after, bool lasting);
    bool (*end)(void);
    bool each; /* once at each place of the program that can fail */
};

/* --- the disk ------------------------------------------------------------ */

static void full(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_FULL, after, lasting);
}

static void unwritable(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_WRITE, after, lasting);
}

static void unsynced(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_SYNC, after, lasting);
}

static void unreadable(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_READ, after, lasting);
}

static void unshortened(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_TRUNCATE, after, lasting);
}

static void unopened(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_OPEN, after, lasting);
}

static void undeleted(const char *path, size_t after, bool lasting)
{
    disk_fail(path, FAULT_DELETE, after, lasting);
}

static void unanswered(const char *path, size_t after, bool lasting)
{
    (void)path;
    (void)after;
    (void)lasting;
    calls_fail();
}

static const struct failure failures[] = {
    {"the disk is full", full, disk_heal, false},
    {"a write fails", unwritable, disk_heal, false},
    {"a sync fails", unsynced, disk_heal, false},
    {"a read fails", unreadable, disk_heal, false},
    {"a truncation fails", unshortened, disk_heal, false},
    {"an open fails", unopened, disk_heal, false},
    {"a deletion fails", undeleted, disk_heal, false},
    {"a statement fails", unanswered, calls_heal, true},
};

/* --- one act ------------------------------------------------------------- */

/* The file as it was before, under another name, and the node on it. */
static void start_anew(struct scene *s)
{
    struct tree_node *n = scene_node(s);
    tree_close(s->stage.tree, s->stage.node);
    disk_image(0, CUT_KEPT, NULL, image);
    memcpy(n->path, image, sizeof n->path);
    n->schema = s->stage.tree->schema;
    s->stage.tree->now_ms = begin_ms;
    scene_draw_again(1);
    acts_start(&s->stage);
}

static bool play_failing(struct scene *s, const struct failure *f, size_t after,
                         bool lasting)
{
    struct err e = {0};
    scene_count(s);
    f->begin(image, after, lasting);
    int rc = s->act->play(&s->stage, &e);
    bool failed = f->end();
    s->stage.returned = NULL;
    s->returned = rc == 0 ? SIZE_MAX : s->returned; /* it says all is done */
    if (rc != 0 && e.text[0] == '\0') {
        fail_msg("%s, %s: no word of it", s->act->name, f->name);
    }
    if (rc != 0 && !failed) {
        fail_msg("%s: %s", s->act->name, e.text);
    }
    if (rc == 0 && failed && f->each) {
        fail_msg("%s: nobody hears that the call at 0x%zx failed", s->act->name,
                 calls_place());
    }
    return failed;
}

/* False: the act has no such operation any more. */
static bool fail_at(struct scene *s, const struct failure *f, size_t after,
                    bool lasting)
{
    char when[160];
    start_anew(s);
    bool failed = play_failing(s, f, after, lasting);
    (void)snprintf(when, sizeof when, "%s at operation %zu%s", f->name, after,
                   lasting ? " and on" : "");
    scene_check_whole(s, when);
    if (lasting) {
        acts_restart(&s->stage);
    }
    scene_check_end(s, when);
    return failed;
}

/* The first operations one by one, those behind them less and less often; all
 * of them where there is time. */
static size_t fail_everywhere(struct scene *s, const struct failure *f)
{
    struct part part = part_asked_for();
    size_t step = f->each ? 1 : part.of;
    size_t count = 0;
    for (size_t at = f->each ? 0 : part.number; fail_at(s, f, at, false);
         at += step > 0 ? step : 2 + at) {
        count++;
        if (!f->each) {
            (void)fail_at(s, f, at, true);
            count++;
        }
    }
    return count;
}

static bool has_time(void)
{
    return part_asked_for().of > 0 || only_act[0] != '\0';
}

static size_t play_act(const struct act *act)
{
    struct scene *s = calloc(1, sizeof *s);
    size_t count = 0;
    assert_non_null(s);
    s->act = act;
    scene_draw_again(2); /* other keys than those drawn from 1 on */
    s->stage = acts_stage(act);
    (void)snprintf(image, sizeof image, "%s/image.db", s->stage.tree->folder);
    disk_record(scene_node(s)->path);
    disk_stop();
    begin_ms = s->stage.tree->now_ms;
    start_anew(s);
    scene_rehearse(s);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (strstr(failures[i].name, only_failure) == NULL ||
            (act->at_length && !failures[i].each && !has_time()) ||
            (failures[i].each && part_asked_for().number > 0)) {
            continue;
        }
        size_t here = fail_everywhere(s, &failures[i]);
        print_message("[  FAULTS  ] %s: %s %zu times\n", act->name,
                      failures[i].name, here);
        count += here;
    }
    /* an act of which nothing can fail is none */
    assert_true(count > 0 || (act->at_length && !has_time()) ||
                part_asked_for().number > 0 || only_failure[0] != '\0');
    tree_free(s->stage.tree);
    free(s);
    return count;
}

static void whatever_fails_nothing_is_half_done(void **state)
{
    (void)state;
    size_t count = 0;
    for (size_t i = 0; i < act_count; i++) {
        if (strstr(acts[i].name, only_act) != NULL) {
            count += play_act(&acts[i]);
        }
    }
    assert_true(count > 0);
    print_message("[  FAULTS  ] %zu in all\n", count);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_nothing_is_half_done),
    };
    only_failure = argc > 1 ? argv[1] : "";
    only_act = argc > 2 ? argv[2] : "";
    scene_draw_the_same();
    disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
