/* SPDX-License-Identifier: Apache-2.0 */
/* The power goes at any moment of what a node does: what is left of its file is
 * what the file held before one of its transactions or after it, and nothing
 * older than what a call that returned has promised [I-1]. The node goes on
 * from there and all agree.
 *
 * Every moment is cut in each way; SANGAM_CUTS says in how many random ones,
 * SANGAM_SEED replays them.
 *
 *     test_power [ACT]
 *
 * plays only those with these words in their names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash/acts.h"
#include "crash/calls.h"
#include "crash/disk.h"
#include "support/dice.h"

enum {
    STATES_MAX = 256,
    SECTOR_CUTS = 2, /* random cuts of each moment */
};

static const char *only_act;

/* A file as a call left it that returned. */
struct state {
    struct file_digest digest;
    size_t moment; /* from here on it is promised */
};

/* An image that was gone on from. What holds the same may lie in other files: all
 * in one or some in the log, or nothing in an empty file or in none. */
struct seen {
    struct file_digest digest;
    unsigned files;
};

struct scene {
    struct stage stage; /* the first: `returned` gets it */
    const struct act *act;
    struct state states[STATES_MAX];
    size_t state_count;
    struct seen seen[STATES_MAX];
    size_t seen_count;
    struct file_digest end; /* what is shown */
    char image[256];
    uint64_t images;
};

static struct tree_node *node_of(const struct scene *s)
{
    return &s->stage.tree->nodes[s->stage.node];
}

/* A call has returned: what it did is durable. */
static void note_state(struct stage *stage)
{
    struct scene *s = (struct scene *)stage;
    const struct tree_node *n = node_of(s);
    assert_true(s->state_count < STATES_MAX);
    s->states[s->state_count++] = (struct state){
        .digest = n->client != NULL ? file_digest(n->client)
                                    : file_digest_at(n->path),
        .moment = disk_moment(),
    };
}

/* While a node opens there is nobody to look: the call that returns tells. */
static void note_commit(void *stage)
{
    if (node_of(stage)->client != NULL) {
        note_state(stage);
    }
}

/* --- what is left -------------------------------------------------------- */

/* The state that the file is in, which must be one of those promised last or
 * later. */
static void check_state(struct scene *s, const struct file_digest *d,
                        size_t moment, enum cut cut)
{
    size_t first = 0;
    for (size_t i = 0; i < s->state_count; i++) {
        first = s->states[i].moment <= moment ? i : first;
    }
    for (size_t i = first; i < s->state_count; i++) {
        if (file_digest_equal(&s->states[i].digest, d)) {
            return;
        }
    }
    bool older = false;
    for (size_t i = 0; i < first; i++) {
        older = older || file_digest_equal(&s->states[i].digest, d);
    }
    fail_msg("%s, power cut before operation %zu, way %d: %s", s->act->name,
             moment, (int)cut,
             older ? "what was promised is gone"
                   : "half of something is there");
}

/* Which files the image has, empty or not. */
static unsigned files_of(const struct scene *s)
{
    static const char *const ends[] = {"", "-wal", "-journal"};
    unsigned files = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[300];
        struct stat st;
        (void)snprintf(name, sizeof name, "%s%s", s->image, ends[i]);
        bool there = stat(name, &st) == 0;
        files = 3 * files + (!there ? 0U : st.st_size == 0 ? 1U : 2U);
    }
    return files;
}

static bool is_news(struct scene *s, const struct seen *image)
{
    for (size_t i = 0; i < s->seen_count; i++) {
        if (s->seen[i].files == image->files &&
            file_digest_equal(&s->seen[i].digest, &image->digest)) {
            return false;
        }
    }
    assert_true(s->seen_count < STATES_MAX);
    s->seen[s->seen_count++] = *image;
    return true;
}

/* The node starts from the image, does it again, and shows what it should. */
static void go_on(struct scene *s)
{
    struct tree_node *n = node_of(s);
    struct err e = {0};
    char path[sizeof n->path];
    memcpy(path, n->path, sizeof path);
    memcpy(n->path, s->image, sizeof n->path);
    acts_start(&s->stage);
    if (s->act->play(&s->stage, &e) != 0) {
        fail_msg("%s, again after a power cut: %s", s->act->name, e.text);
    }
    struct file_digest d = file_digest_shown(n->client);
    if (!file_digest_equal(&d, &s->end)) {
        fail_msg("%s: after a power cut the tables came to be others",
                 s->act->name);
    }
    tree_check(s->stage.tree, s->stage.node);
    memcpy(n->path, path, sizeof path);
    acts_start(&s->stage);
}

static void check_sound(sqlite3 *db, const struct scene *s, size_t moment)
{
    sqlite3_stmt *stmt;
    assert_int_equal(
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *says = (const char *)sqlite3_column_text(stmt, 0);
    if (strcmp(says, "ok") != 0) {
        fail_msg("%s, before operation %zu: %s", s->act->name, moment, says);
    }
    sqlite3_finalize(stmt);
}

static struct file_digest look(const struct scene *s, size_t moment)
{
    sqlite3 *db;
    if (access(s->image, F_OK) != 0) {
        return file_digest_at(s->image);
    }
    assert_int_equal(sqlite3_open(s->image, &db), SQLITE_OK);
    check_sound(db, s, moment);
    struct file_digest d = file_digest(db);
    sqlite3_close(db);
    return d;
}

static void cut_power(struct scene *s, size_t moment, enum cut cut,
                      struct dice *dice)
{
    struct dice same = *dice;
    disk_image(moment, cut, dice, s->image);
    struct seen image = {.files = files_of(s)};
    image.digest = look(s, moment);
    s->images++;
    check_state(s, &image.digest, moment, cut);
    if (is_news(s, &image)) {
        /* Once more: what looked at it has recovered it. */
        disk_image(moment, cut, &same, s->image);
        go_on(s);
    }
}

static size_t sector_cuts(void)
{
    const char *asked = getenv("SANGAM_CUTS");
    return asked != NULL ? strtoul(asked, NULL, 10) : SECTOR_CUTS;
}

static uint64_t cut_act(const struct act *act, struct dice *dice)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e = {0};
    size_t ways = sector_cuts();
    assert_non_null(s);
    s->act = act;
    s->stage = acts_stage(act);
    (void)snprintf(s->image, sizeof s->image, "%s/image.db",
                   s->stage.tree->folder);
    disk_record(node_of(s)->path);
    note_state(&s->stage); /* what was there before */
    s->stage.returned = note_state;
    calls_hear(note_commit, &s->stage);
    if (act->play(&s->stage, &e) != 0) {
        fail_msg("%s: %s", act->name, e.text);
    }
    calls_hear(NULL, NULL);
    s->stage.returned = NULL;
    size_t end = disk_moment();
    disk_stop();
    s->end = file_digest_shown(node_of(s)->client);
    assert_true(end > 0);
    for (size_t moment = 0; moment <= end; moment++) {
        cut_power(s, moment, CUT_LOST, dice);
        cut_power(s, moment, CUT_KEPT, dice);
        cut_power(s, moment, CUT_TORN, dice);
        for (size_t i = 0; i < ways; i++) {
            cut_power(s, moment, CUT_SECTORS, dice);
        }
    }
    uint64_t images = s->images;
    print_message("[  IMAGES  ] %s: %zu operations, %llu images, %zu states\n",
                  act->name, end, (unsigned long long)images, s->seen_count);
    tree_free(s->stage.tree);
    free(s);
    return images;
}

static bool has_time(void)
{
    return getenv("SANGAM_CUTS") != NULL || getenv("SANGAM_LONG") != NULL ||
           only_act[0] != '\0';
}

static void a_power_cut_leaves_one_transaction_or_the_next(void **state)
{
    (void)state;
    struct dice dice = dice_seeded();
    uint64_t images = 0;
    for (size_t i = 0; i < act_count; i++) {
        if (strstr(acts[i].name, only_act) != NULL &&
            (!acts[i].at_length || has_time())) {
            images += cut_act(&acts[i], &dice);
        }
    }
    print_message("[  IMAGES  ] %llu in all\n", (unsigned long long)images);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_leaves_one_transaction_or_the_next),
    };
    only_act = argc > 1 ? argv[1] : "";
    /* Locks and sums that nobody needs here, a tenth of the time. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
