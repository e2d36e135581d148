/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Scene: an act that is played again and again from the same beginning while
 * something fails: what it may leave, and what it must come to.
 */
#ifndef SANGAM_TESTS_SCENE_H
#define SANGAM_TESTS_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include "crash/acts.h"

enum { SCENE_STATES_MAX = 256 };

struct scene {
    /* the first: what is called back with it is the scene's */
    struct stage stage;
    const struct act *act;
    /* What the file held before the act and after each of its commits, where
     * nothing failed; which of them was the last when a call had returned; what all
     * files held, and people saw, in the end. */
    struct file_digest states[SCENE_STATES_MAX];
    size_t state_count;
    size_t promised[SCENE_STATES_MAX];
    size_t promised_count;
    struct file_digest ends[TREE_NODES_MAX];
    struct file_digest end;
    /* How many calls have returned since it was played last. */
    size_t returned;
};

/* Keys, nonces and ids are the same each time the same is played. For the whole
 * process; again from the beginning, which another number makes another one. */
void scene_draw_the_same(void);
void scene_draw_again(unsigned beginning);

/* The node whose file it is about. */
struct tree_node *scene_node(const struct scene *s);

/* Plays it where nothing fails, and notes all that. */
void scene_rehearse(struct scene *s);
/* Counts what returns, from here on. */
void scene_count(struct scene *s);
/* Plays it; what fails is the test's failure, and `when` says when. */
void scene_play_well(struct scene *s, const char *when);
/* The file holds what it held at a commit, nothing in between, and no less than when
 * the last call returned. */
void scene_check_whole(const struct scene *s, const char *when);
/* The act said that it was done, and is, at every node. */
void scene_check_done(const struct scene *s, const char *when);
/* Goes on, and comes to the same end. */
void scene_check_end(struct scene *s, const char *when);

/* Of all operations those at `number`, `number` + `of` and so on; of 0: few.
 * SANGAM_LONG: all of them; SANGAM_PART=3/20: the fourth of twenty parts. */
struct part {
    size_t number;
    size_t of;
};

struct part part_asked_for(void);

#endif
