/* SPDX-License-Identifier: Apache-2.0 */
/* The disk fails, or memory, at any one operation of what a node does, once or
 * until somebody helps: the call says so, the file holds what it held before
 * one of the calls or after it, and when the disk is well again the node goes
 * on, the same process or a new one, and comes to the same end [I-1], [I-7].
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

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/acts.h"
#include "crash/calls.h"
#include "crash/disk.h"
#include "support/dice.h"

enum { STATES_MAX = 256 };

static const char *only_failure;
static const char *only_act;

struct scene {
    struct stage stage; /* the first: `returned` gets it */
    const struct act *act;
    struct file_digest states[STATES_MAX]; /* where nothing failed */
    size_t state_count;
    struct file_digest end; /* what is shown */
    int64_t now_ms;         /* when the act begins */
    char image[256];
};

/* How one operation fails. */
struct failure {
    const char *name;
    void (*begin)(const char *path, size_t after, bool lasting);
    bool (*end)(void);
    bool ends_process; /* as every shortage of memory does here */
    bool each;         /* once at each place of the program that can fail */
};

/* Of all operations those at `number`, `number` + `of` and so on; of 0: few. */
struct part {
    size_t number;
    size_t of;
};

/* --- chance -------------------------------------------------------------- */

/* The same each time, so that the same calls leave the same file. */
static struct dice chance;

static const char *x_name(void)
{
    return "dice";
}

static uint32_t x_random(void)
{
    return (uint32_t)dice_u64(&chance);
}

static void x_fill(void *out, size_t len)
{
    dice_fill(&chance, out, len);
}

static struct randombytes_implementation fixed = {
    .implementation_name = x_name,
    .random = x_random,
    .buf = x_fill,
};

/* --- memory -------------------------------------------------------------- */

static struct {
    sqlite3_mem_methods below;
    bool fails;
    size_t after;
    bool lasting;
    bool failed;
} memory;

static bool memory_fails(void)
{
    if (!memory.fails) {
        return false;
    }
    if (memory.after > 0) {
        memory.after--;
        return false;
    }
    memory.failed = true;
    memory.fails = memory.lasting;
    return true;
}

static void *x_malloc(int bytes)
{
    return memory_fails() ? NULL : memory.below.xMalloc(bytes);
}

static void *x_realloc(void *p, int bytes)
{
    return memory_fails() ? NULL : memory.below.xRealloc(p, bytes);
}

static void memory_install(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.below);
    sqlite3_mem_methods ours = memory.below;
    ours.xMalloc = x_malloc;
    ours.xRealloc = x_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

static void memory_begin(const char *path, size_t after, bool lasting)
{
    (void)path;
    memory.fails = true;
    memory.after = after;
    memory.lasting = lasting;
    memory.failed = false;
}

static bool memory_end(void)
{
    memory.fails = false;
    return memory.failed;
}

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
    {"the disk is full", full, disk_heal, false, false},
    {"a write fails", unwritable, disk_heal, false, false},
    {"a sync fails", unsynced, disk_heal, false, false},
    {"a read fails", unreadable, disk_heal, false, false},
    {"a truncation fails", unshortened, disk_heal, false, false},
    {"an open fails", unopened, disk_heal, false, false},
    {"a deletion fails", undeleted, disk_heal, false, false},
    {"memory is short", memory_begin, memory_end, true, false},
    {"a statement fails", unanswered, calls_heal, false, true},
};

/* --- one act ------------------------------------------------------------- */

static struct tree_node *node_of(const struct scene *s)
{
    return &s->stage.tree->nodes[s->stage.node];
}

static struct file_digest look(const struct scene *s)
{
    return file_digest_at(node_of(s)->path);
}

static void note_state(struct stage *stage)
{
    struct scene *s = (struct scene *)stage;
    assert_true(s->state_count < STATES_MAX);
    s->states[s->state_count++] = look(s);
}

static void note_commit(void *stage)
{
    note_state(stage);
}

static bool is_state(const struct scene *s, const struct file_digest *d)
{
    for (size_t i = 0; i < s->state_count; i++) {
        if (file_digest_equal(&s->states[i], d)) {
            return true;
        }
    }
    return false;
}

static void play_well(struct scene *s, const char *when)
{
    struct err e = {0};
    if (s->act->play(&s->stage, &e) != 0) {
        fail_msg("%s, %s (the last call was at 0x%zx): %s", s->act->name, when,
                 calls_place(), e.text);
    }
}

/* The file as it was before, under another name, and the node on it. */
static void start_anew(struct scene *s)
{
    struct tree_node *n = node_of(s);
    tree_close(s->stage.tree, s->stage.node);
    disk_image(0, CUT_KEPT, NULL, s->image);
    memcpy(n->path, s->image, sizeof n->path);
    n->schema = s->stage.tree->schema;
    s->stage.tree->now_ms = s->now_ms;
    chance = (struct dice){.state = 1};
    acts_start(&s->stage);
}

static void check_end(struct scene *s, const char *when)
{
    play_well(s, when);
    struct file_digest d = file_digest_shown(node_of(s)->client);
    if (!file_digest_equal(&d, &s->end)) {
        fail_msg("%s, %s: the tables came to be others", s->act->name, when);
    }
}

static int play_failing(struct scene *s, const struct failure *f, size_t after,
                        bool lasting, bool *ret_failed)
{
    struct err e = {0};
    f->begin(s->image, after, lasting);
    int rc = s->act->play(&s->stage, &e);
    *ret_failed = f->end();
    if (rc != 0 && e.text[0] == '\0') {
        fail_msg("%s, %s: no word of it", s->act->name, f->name);
    }
    if (rc != 0 && !*ret_failed) {
        fail_msg("%s: %s", s->act->name, e.text);
    }
    if (rc == 0 && *ret_failed && f->each) {
        fail_msg("%s: nobody hears that the call at 0x%zx failed", s->act->name,
                 calls_place());
    }
    return rc;
}

/* In a process that may end of it. */
static void play_in_child(struct scene *s, const struct failure *f,
                          size_t after, bool lasting, bool *ret_failed)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)play_failing(s, f, after, lasting, ret_failed);
        _exit(*ret_failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    bool ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    assert_true(ended || WIFEXITED(status));
    *ret_failed = ended || WEXITSTATUS(status) != EXIT_SUCCESS;
    for (int i = 0; i < s->stage.tree->count; i++) {
        if (i != s->stage.node) {
            tree_restart(s->stage.tree, i); /* what we knew is stale */
        }
    }
    acts_restart(&s->stage);
}

/* False: the act has no such operation any more. */
static bool fail_at(struct scene *s, const struct failure *f, size_t after,
                    bool lasting)
{
    char when[160];
    bool failed = false;
    start_anew(s);
    if (f->ends_process) {
        play_in_child(s, f, after, lasting, &failed);
    } else {
        (void)play_failing(s, f, after, lasting, &failed);
    }
    (void)snprintf(when, sizeof when, "%s at operation %zu%s", f->name, after,
                   lasting ? " and on" : "");
    struct file_digest d = look(s);
    if (!is_state(s, &d)) {
        fail_msg("%s, %s: half of something is there", s->act->name, when);
    }
    if (lasting) {
        acts_restart(&s->stage);
    }
    check_end(s, when);
    return failed;
}

/* SANGAM_PART: 3/20 is the fourth of twenty parts of all operations. */
static struct part the_part(void)
{
    struct part p = {.of = getenv("SANGAM_LONG") != NULL ? 1 : 0};
    const char *asked = getenv("SANGAM_PART");
    if (asked != NULL &&
        (sscanf(asked, "%zu/%zu", &p.number, &p.of) != 2 || p.number >= p.of)) {
        fail_msg("SANGAM_PART=%s is no part; 3/20 is one", asked);
    }
    return p;
}

/* The first operations one by one, those behind them less and less often; all
 * of them where there is time. */
static size_t fail_everywhere(struct scene *s, const struct failure *f)
{
    struct part part = the_part();
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
    return the_part().of > 0 || only_act[0] != '\0';
}

static size_t play_act(const struct act *act)
{
    struct scene *s = calloc(1, sizeof *s);
    size_t count = 0;
    assert_non_null(s);
    s->act = act;
    chance.state = 2; /* other keys than those drawn from 1 on */
    s->stage = acts_stage(act);
    (void)snprintf(s->image, sizeof s->image, "%s/image.db",
                   s->stage.tree->folder);
    disk_record(node_of(s)->path);
    disk_stop();
    s->now_ms = s->stage.tree->now_ms;
    start_anew(s);
    note_state(&s->stage);
    s->stage.returned = note_state;
    calls_hear(note_commit, &s->stage);
    play_well(s, "where nothing fails");
    calls_hear(NULL, NULL);
    s->stage.returned = NULL;
    s->end = file_digest_shown(node_of(s)->client);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (strstr(failures[i].name, only_failure) == NULL ||
            (act->at_length && !failures[i].each && !has_time()) ||
            (failures[i].each && the_part().number > 0)) {
            continue;
        }
        size_t here = fail_everywhere(s, &failures[i]);
        print_message("[  FAULTS  ] %s: %s %zu times\n", act->name,
                      failures[i].name, here);
        count += here;
    }
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
    (void)randombytes_set_implementation(&fixed);
    memory_install();
    disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
