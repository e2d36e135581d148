/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scene.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "crash/calls.h"
#include "support/dice.h"

/* --- chance -------------------------------------------------------------- */

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

void scene_draw_the_same(void)
{
    (void)randombytes_set_implementation(&fixed);
}

void scene_draw_again(unsigned beginning)
{
    chance.state = beginning;
}

/* --- what may be left ---------------------------------------------------- */

struct tree_node *scene_node(const struct scene *s)
{
    return &s->stage.tree->nodes[s->stage.node];
}

static void note_commit(void *stage)
{
    struct scene *s = stage;
    assert_true(s->state_count < SCENE_STATES_MAX);
    s->states[s->state_count++] = file_digest_at(scene_node(s)->path);
}

static void note_return(struct stage *stage)
{
    struct scene *s = (struct scene *)stage;
    note_commit(stage);
    assert_true(s->promised_count < SCENE_STATES_MAX);
    s->promised[s->promised_count++] = s->state_count - 1;
}

static void count_return(struct stage *stage)
{
    struct scene *s = (struct scene *)stage;
    s->returned++;
}

void scene_count(struct scene *s)
{
    s->returned = 0;
    s->stage.returned = count_return;
}

void scene_play_well(struct scene *s, const char *when)
{
    struct err e = {0};
    if (s->act->play(&s->stage, &e) != 0) {
        fail_msg("%s, %s (the last call was at 0x%zx): %s", s->act->name, when,
                 calls_place(), e.text);
    }
}

static struct file_digest look(const struct scene *s, int node)
{
    return file_digest_at(s->stage.tree->nodes[node].path);
}

void scene_rehearse(struct scene *s)
{
    note_commit(s);
    s->stage.returned = note_return;
    calls_hear(note_commit, &s->stage);
    scene_play_well(s, "where nothing fails");
    calls_hear(NULL, NULL);
    s->stage.returned = NULL;
    for (int i = 0; i < s->stage.tree->count; i++) {
        s->ends[i] = look(s, i);
    }
    s->end = file_digest_shown(scene_node(s)->client);
}

/* Of the states the first that the file may be in. */
static size_t first_allowed(const struct scene *s)
{
    size_t n =
        s->returned < s->promised_count ? s->returned : s->promised_count;
    return n == 0 ? 0 : s->promised[n - 1];
}

void scene_check_whole(const struct scene *s, const char *when)
{
    struct file_digest d = look(s, s->stage.node);
    bool older = false;
    for (size_t i = 0; i < s->state_count; i++) {
        bool same = file_digest_equal(&s->states[i], &d);
        if (same && i >= first_allowed(s)) {
            return;
        }
        older = older || same;
    }
    fail_msg("%s, %s: %s", s->act->name, when,
             older ? "what was promised is gone"
                   : "half of something is there");
}

void scene_check_done(const struct scene *s, const char *when)
{
    for (int i = 0; i < s->stage.tree->count; i++) {
        struct file_digest d = look(s, i);
        if (!file_digest_equal(&s->ends[i], &d)) {
            fail_msg("%s, %s: it said that all was done, and node %d lacks it",
                     s->act->name, when, i);
        }
    }
}

void scene_check_end(struct scene *s, const char *when)
{
    scene_play_well(s, when);
    struct file_digest d = file_digest_shown(scene_node(s)->client);
    if (!file_digest_equal(&d, &s->end)) {
        fail_msg("%s, %s: the tables came to be others", s->act->name, when);
    }
}

/* --- how many of them ---------------------------------------------------- */

struct part part_asked_for(void)
{
    struct part p = {.of = getenv("SANGAM_LONG") != NULL ? 1 : 0};
    const char *asked = getenv("SANGAM_PART");
    char *end = NULL;
    if (asked == NULL) {
        return p;
    }
    p.number = strtoul(asked, &end, 10);
    p.of = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
    if (*end != '\0' || p.number >= p.of) {
        fail_msg("SANGAM_PART=%s is no part; 3/20 is one", asked);
    }
    return p;
}
