/* SPDX-License-Identifier: Apache-2.0 */
/* Memory is short at any one allocation of what a node does, once or from then
 * on: the program ends itself and nothing else, or says so, or has done without;
 * its files hold what they held before one of the calls or after it, and a new
 * process goes on and comes to the same end [I-1], [I-7].
 *
 * An act is played once. At each allocation of SQLite's a copy of the process
 * plays on where it fails; the files are in memory (sim/files.h), so that each
 * has its own. What it leaves is checked where nothing like it was left before:
 * most leave what is there between one write and the next. (What the program
 * allocates itself it does not go on without: abort() stands beside it, and any
 * abort() of the program's is taken for that.)
 *
 *     test_shortage [ACT]
 *
 * plays only acts with this in their names. The first allocations fail one by one
 * and those behind them less and less often; all of them with SANGAM_LONG, and a
 * part of all with SANGAM_PART. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/scene.h"
#include "sim/files.h"
#include "sim/memory.h"

enum {
    FEW =
        4, /* the next is a quarter further on, where there is no time for all */
    HANGS_S = 300,
    IMAGES_MAX = 1 << 16,
    IMAGE_BYTES_MAX = 64 << 20,
    /* How a copy ends; a test that failed in it ends with less. */
    LEFT_KNOWN = 100,
    LEFT_NEW,
};

/* What the copy had said of its act when it ended. */
struct said {
    size_t returned; /* calls */
    bool done;
};

struct image_hash {
    uint8_t bytes[16];
};

/* What all processes of an act have in common. */
struct common {
    struct scene scene;
    struct image_hash known[IMAGES_MAX]; /* what was left and is right */
    size_t known_count;
    bool untouched; /* the last copy changed no file */
    size_t failed_count;
    size_t ended_count; /* of them the program ended itself */
    char when[100];
    size_t image_len; /* what it said; names and contents */
    uint8_t image[IMAGE_BYTES_MAX];
};

static struct common *common;
static const char *only_act;

enum shortage {
    SHORTAGE_NONE,
    SHORTAGE_BEGUN, /* one has failed; until the next, it may be only one */
    SHORTAGE_OVER,
    SHORTAGE_LASTS,
};

/* The process that plays, and the copies of it. */
static struct {
    sqlite3_mem_methods below;
    bool forks;
    size_t count;
    size_t next; /* fails */
    struct part part;
    uint64_t right_at;     /* the files were right after so many changes, */
    size_t right_returned; /* and so many calls */
    uint64_t began_at;     /* changes when the copy began */
    enum shortage shortage;
} player;

/* --- what a copy leaves -------------------------------------------------- */

static void put(const void *data, size_t len)
{
    assert_true(common->image_len + len <= IMAGE_BYTES_MAX);
    if (len > 0) {
        memcpy(common->image + common->image_len, data, len);
    }
    common->image_len += len;
}

static void put_file(const char *name, const uint8_t *data, size_t len,
                     void *of)
{
    size_t name_len = strlen(name) + 1;
    (void)of;
    put(&name_len, sizeof name_len);
    put(name, name_len);
    put(&len, sizeof len);
    put(data, len);
}

static const uint8_t *next(const uint8_t **at, size_t len)
{
    const uint8_t *here = *at;
    *at += len;
    return here;
}

static size_t next_len(const uint8_t **at)
{
    size_t len;
    memcpy(&len, next(at, sizeof len), sizeof len);
    return len;
}

static void remove_file(const char *name, const uint8_t *data, size_t len,
                        void *of)
{
    (void)data;
    (void)len;
    (void)of;
    (void)files_remove(name);
}

static struct said image_said(void)
{
    struct said said;
    memcpy(&said, common->image, sizeof said);
    return said;
}

static void take_image(void)
{
    const uint8_t *at = common->image + sizeof(struct said);
    files_each(remove_file, NULL);
    while (at < common->image + common->image_len) {
        const char *name = (const char *)next(&at, next_len(&at));
        size_t len = next_len(&at);
        files_write(name, next(&at, len), len);
    }
}

static bool is_known(const struct image_hash *h)
{
    for (size_t i = 0; i < common->known_count; i++) {
        if (memcmp(&common->known[i], h, sizeof *h) == 0) {
            return true;
        }
    }
    return false;
}

static struct image_hash image_hash(void)
{
    struct image_hash h;
    (void)crypto_generichash(h.bytes, sizeof h.bytes, common->image,
                             common->image_len, NULL, 0);
    return h;
}

static void make_image(const struct said *said)
{
    common->image_len = 0;
    put(said, sizeof *said);
    files_each(put_file, NULL);
}

/* The copy has ended itself, or has played to the end: well, if it is `done`. */
static noreturn void end_copy(bool ended, bool done)
{
    /* what asked for no more is both: once, and for ever */
    size_t count = player.shortage == SHORTAGE_BEGUN ? 2 : 1;
    struct said said;
    memset(&said, 0, sizeof said); /* all of it is hashed */
    said.returned = common->scene.returned;
    said.done = done;
    common->failed_count += count;
    common->ended_count += ended ? count : 0;
    common->untouched = files_changes() == player.began_at && !done;
    if (common->untouched && player.right_at == player.began_at &&
        player.right_returned == said.returned) {
        _exit(LEFT_KNOWN);
    }
    make_image(&said);
    struct image_hash h = image_hash();
    _exit(is_known(&h) ? LEFT_KNOWN : LEFT_NEW);
}

/* --- an allocation ------------------------------------------------------- */

/* Whoever is above checks what was left. */
static void have_it_checked(void)
{
    (void)raise(SIGSTOP);
}

static void wait_for(pid_t copy)
{
    int status = 0;
    assert_int_equal(waitpid(copy, &status, WUNTRACED), copy);
    while (WIFSTOPPED(status)) {
        have_it_checked();
        (void)kill(copy, SIGCONT);
        assert_int_equal(waitpid(copy, &status, WUNTRACED), copy);
    }
    if (WIFSIGNALED(status)) {
        fail_msg("%s, %s: ended by signal %d", common->scene.act->name,
                 common->when, WTERMSIG(status));
    }
    if (WEXITSTATUS(status) < LEFT_KNOWN) {
        fail_msg("%s, %s: see above", common->scene.act->name, common->when);
    }
    if (WEXITSTATUS(status) == LEFT_NEW) {
        have_it_checked();
    }
    if (common->untouched) {
        player.right_at = files_changes();
        player.right_returned = common->scene.returned;
    }
}

/* A process that does not outlive this one. */
static pid_t begin(void)
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)alarm(HANGS_S);
    }
    return child;
}

/* True in a copy of this process, and false in this one once that has ended. */
static bool copy_fails(enum shortage shortage)
{
    size_t returned = common->scene.returned;
    (void)alarm(0); /* the copy has its own */
    pid_t copy = begin();
    if (copy == 0) {
        player.shortage = shortage;
        return true;
    }
    wait_for(copy);
    common->scene.returned = returned;
    (void)alarm(HANGS_S);
    return false;
}

static bool first_fails(size_t at)
{
    (void)snprintf(common->when, sizeof common->when,
                   "memory is short at allocation %zu", at);
    if (!copy_fails(SHORTAGE_BEGUN)) {
        return false;
    }
    player.forks = false;
    player.began_at = files_changes();
    return true;
}

static bool next_fails(void)
{
    player.shortage = SHORTAGE_OVER;
    return copy_fails(SHORTAGE_LASTS);
}

static bool memory_fails(void)
{
    if (player.shortage == SHORTAGE_BEGUN) {
        return next_fails();
    }
    if (!player.forks) {
        return player.shortage == SHORTAGE_LASTS;
    }
    size_t at = player.count++;
    if (at != player.next) {
        return false;
    }
    player.next += player.part.of > 0 ? player.part.of : 1 + at / FEW;
    return first_fails(at);
}

static void *x_malloc(int bytes)
{
    return memory_fails() ? NULL : player.below.xMalloc(bytes);
}

static void *x_realloc(void *p, int bytes)
{
    return memory_fails() ? NULL : player.below.xRealloc(p, bytes);
}

static void shortage_install(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &player.below);
    sqlite3_mem_methods ours = player.below;
    ours.xMalloc = x_malloc;
    ours.xRealloc = x_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

/* --- an act -------------------------------------------------------------- */

static noreturn void play(struct scene *s)
{
    struct err e = {0};
    scene_count(s);
    player.next = player.part.number;
    player.forks = true;
    int rc = s->act->play(&s->stage, &e);
    if (player.shortage == SHORTAGE_NONE) {
        if (rc != 0) {
            fail_msg("%s, where nothing fails: %s", s->act->name, e.text);
        }
        _exit(EXIT_SUCCESS);
    }
    if (rc != 0 && e.text[0] == '\0') {
        fail_msg("%s, %s: no word of it", s->act->name, common->when);
    }
    end_copy(false, rc == 0);
}

/* All programs end, and the files are those of the image. */
static void be_at_image(struct scene *s)
{
    for (int i = 0; i < s->stage.tree->count; i++) {
        tree_close(s->stage.tree, i);
    }
    take_image();
}

static void start_others(struct scene *s)
{
    for (int i = 0; i < s->stage.tree->count; i++) {
        if (i != s->stage.node) {
            tree_restart(s->stage.tree, i);
        }
    }
}

static noreturn void check_image(struct scene *s)
{
    struct said said = image_said();
    s->returned = said.returned;
    be_at_image(s);
    scene_check_whole(s, common->when);
    if (said.done) {
        scene_check_done(s, common->when);
    }
    start_others(s);
    acts_restart(&s->stage);
    scene_check_end(s, common->when);
    _exit(EXIT_SUCCESS);
}

static noreturn void rehearse(struct scene *s)
{
    scene_rehearse(s);
    _exit(EXIT_SUCCESS);
}

static pid_t begin_it(void (*what)(struct scene *))
{
    pid_t child = begin();
    if (child == 0) {
        what(&common->scene);
    }
    return child;
}

static void must_end_well(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Checks whatever the copies leave, until all have. */
static void watch(pid_t playing)
{
    int status = 0;
    assert_int_equal(waitpid(playing, &status, WUNTRACED), playing);
    while (WIFSTOPPED(status)) {
        size_t returned = common->scene.returned;
        assert_true(common->known_count < IMAGES_MAX);
        must_end_well(begin_it(check_image));
        common->scene.returned = returned;
        common->known[common->known_count++] = image_hash();
        (void)kill(playing, SIGCONT);
        assert_int_equal(waitpid(playing, &status, WUNTRACED), playing);
    }
    assert_int_equal(status, 0);
}

/* A program that has just started, on files as they were: closing the last
 * connection has emptied the log. What another program asks (acts.c) is asked once
 * before, so that hardly any allocation is its own. */
static void start_cold(struct scene *s)
{
    const struct said nothing = {0};
    make_image(&nothing);
    be_at_image(s);
    start_others(s);
    acts_start(&s->stage);
    sqlite3 *client = scene_node(s)->client;
    if (client != NULL) {
        assert_int_equal(sqlite3_exec(client, "SELECT * FROM sqlite_schema",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
    }
}

static noreturn void play_act(const struct act *act)
{
    struct scene *s = &common->scene;
    s->act = act;
    scene_draw_again(2); /* other keys than those drawn from 1 on */
    s->stage = acts_stage(act);
    scene_draw_again(1);
    start_cold(s);
    must_end_well(begin_it(rehearse));
    watch(begin_it(play));
    print_message("[ SHORTAGE ] %s: %zu times; the program ended %zu times; "
                  "%zu different ends\n",
                  act->name, common->failed_count, common->ended_count,
                  common->known_count);
    assert_true(common->failed_count > 0 || player.part.number > 0);
    (void)fflush(NULL);
    _exit(EXIT_SUCCESS);
}

static struct common *new_common(void)
{
    void *all = mmap(NULL, sizeof(struct common), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    return all;
}

static void without_memory_nothing_is_half_done(void **state)
{
    (void)state;
    size_t count = 0;
    player.part = part_asked_for();
    for (size_t i = 0; i < act_count; i++) {
        if (strstr(acts[i].name, only_act) == NULL) {
            continue;
        }
        common = new_common();
        pid_t child = begin();
        if (child == 0) {
            (void)alarm(0); /* its children have theirs */
            play_act(&acts[i]);
        }
        must_end_well(child);
        count += common->failed_count;
        assert_int_equal(munmap(common, sizeof *common), 0);
    }
    assert_true(count > 0 || player.part.number > 0);
    print_message("[ SHORTAGE ] %zu in all\n", count);
}

/* --- in place of the system's -------------------------------------------- */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the
 * linker makes these names. */
noreturn void __real_abort(void);
noreturn void __wrap_abort(void);
char *__wrap_mkdtemp(char *name);

/* The program's; that of a failed assert(), or the library's own, does not come
 * here. */
noreturn void __wrap_abort(void)
{
    if (player.shortage != SHORTAGE_NONE) {
        end_copy(true, false);
    }
    __real_abort();
}

/* There are no folders in memory. */
char *__wrap_mkdtemp(char *name)
{
    return name;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* For the files alone. */
void *memory_piece(void *piece, size_t bytes)
{
    void *larger = realloc(piece, bytes);
    assert_non_null(larger);
    return larger;
}

void memory_free(void *piece)
{
    free(piece);
}

int main(int argc, char **argv)
{
    static sqlite3_vfs vfs;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_half_done),
    };
    only_act = argc > 1 ? argv[1] : "";
    (void)setenv("TMPDIR", "/sim", 1);
    /* a mutex is not the copy's */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    scene_draw_the_same();
    shortage_install();
    vfs = files_vfs();
    vfs.zName = "files";
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
