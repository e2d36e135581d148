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
 * allocates itself it does not go on without: abort() stands beside it.)
 *
 *     test_shortage [ACT]
 *
 * plays only acts with this in their names. Few allocations fail, all of them
 * with SANGAM_LONG, and a part of all with SANGAM_PART. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "crash/scene.h"
#include "sim/files.h"

enum {
    FEW = 1499, /* one of so many fails where there is no time for all */
    HANGS_S = 100,
    IMAGES_MAX = 1 << 16,
    IMAGE_BYTES_MAX = 64 << 20,
    /* How a copy ends; a test that failed in it ends with less. */
    LEFT_KNOWN = 100,
    LEFT_NEW,
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
    size_t image_len; /* whether it says that all is done; names and contents */
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
    struct part part;
    uint64_t right_at; /* the files were right after so many changes */
    bool is_copy;
    uint64_t began_at; /* changes when the copy began */
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

static void take_image(void)
{
    const uint8_t *at = common->image + sizeof(bool);
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

/* The copy has ended itself, or has played to the end: well, if it is `done`. */
static noreturn void end_copy(bool ended, bool done)
{
    /* what asked for no more is both: once, and for ever */
    size_t count = player.shortage == SHORTAGE_BEGUN ? 2 : 1;
    common->failed_count += count;
    common->ended_count += ended ? count : 0;
    common->untouched = files_changes() == player.began_at;
    if (common->untouched && !done && player.right_at == player.began_at) {
        _exit(LEFT_KNOWN);
    }
    common->image_len = 0;
    put(&done, sizeof done);
    files_each(put_file, NULL);
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
    }
}

/* True in a copy of this process, and false in this one once that has ended. */
static bool copy_fails(enum shortage shortage)
{
    (void)fflush(NULL);
    pid_t copy = fork();
    assert_true(copy >= 0);
    if (copy != 0) {
        wait_for(copy);
        return false;
    }
    player.shortage = shortage;
    (void)alarm(HANGS_S);
    return true;
}

static bool first_fails(size_t at)
{
    (void)snprintf(common->when, sizeof common->when,
                   "memory is short at allocation %zu", at);
    if (!copy_fails(SHORTAGE_BEGUN)) {
        return false;
    }
    player.forks = false;
    player.is_copy = true;
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
    return at % player.part.of == player.part.number && first_fails(at);
}

static void *x_malloc(int bytes)
{
    return memory_fails() ? NULL : player.below.xMalloc(bytes);
}

static void *x_realloc(void *p, int bytes)
{
    return memory_fails() ? NULL : player.below.xRealloc(p, bytes);
}

static void memory_install(void)
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
    player.forks = true;
    int rc = s->act->play(&s->stage, &e);
    player.forks = false;
    player.shortage =
        player.shortage == SHORTAGE_LASTS ? SHORTAGE_OVER : player.shortage;
    if (rc != 0 && (e.text[0] == '\0' || !player.is_copy)) {
        fail_msg("%s, %s: it says '%s'", s->act->name, common->when, e.text);
    }
    if (player.is_copy) {
        end_copy(false, rc == 0);
    }
    _exit(EXIT_SUCCESS);
}

/* All programs start anew on the files that were left. */
static noreturn void check_image(struct scene *s)
{
    struct tree *t = s->stage.tree;
    for (int i = 0; i < t->count; i++) {
        tree_close(t, i);
    }
    take_image();
    scene_check_whole(s, common->when);
    if (common->image[0] != 0) {
        scene_check_done(s, common->when);
    }
    for (int i = 0; i < t->count; i++) {
        if (i != s->stage.node) {
            tree_restart(t, i);
        }
    }
    acts_restart(&s->stage);
    scene_check_end(s, common->when);
    _exit(EXIT_SUCCESS);
}

static noreturn void rehearse(struct scene *s)
{
    scene_rehearse(s);
    _exit(EXIT_SUCCESS);
}

/* In a copy of this process as it is. */
static pid_t begin(void (*what)(struct scene *))
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
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
        assert_true(common->known_count < IMAGES_MAX);
        must_end_well(begin(check_image));
        common->known[common->known_count++] = image_hash();
        (void)kill(playing, SIGCONT);
        assert_int_equal(waitpid(playing, &status, WUNTRACED), playing);
    }
    assert_int_equal(status, 0);
}

static noreturn void play_act(const struct act *act)
{
    struct scene *s = &common->scene;
    s->act = act;
    scene_draw_again(2); /* other keys than those drawn from 1 on */
    s->stage = acts_stage(act);
    scene_draw_again(1);
    acts_start(&s->stage);
    must_end_well(begin(rehearse));
    watch(begin(play));
    print_message("[ SHORTAGE ] %s: %zu times; the program ended %zu times; "
                  "left were %zu different files\n",
                  act->name, common->failed_count, common->ended_count,
                  common->known_count);
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
    player.part.of = player.part.of == 0 ? FEW : player.part.of;
    for (size_t i = 0; i < act_count; i++) {
        if (strstr(acts[i].name, only_act) == NULL) {
            continue;
        }
        common = new_common();
        (void)fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            play_act(&acts[i]);
        }
        must_end_well(child);
        count += common->failed_count;
        assert_int_equal(munmap(common, sizeof *common), 0);
    }
    assert_true(count > 0);
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
    if (player.is_copy) {
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

/* sim/memory.h's, for the files alone. */
void *memory_piece(void *piece, size_t bytes);
void memory_free(void *piece);

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
    memory_install();
    vfs = files_vfs();
    vfs.zName = "files";
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
