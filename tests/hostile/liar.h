/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Liar: a node with valid keys that says what it may not. line.c has how it calls
 * its parent and what it hears, words.c what it signs, lies.c the lies, liar.c
 * the whole. No function fails: what cannot be done ends the program.
 */
#ifndef SANGAM_TESTS_LIAR_H
#define SANGAM_TESTS_LIAR_H

#include <stdio.h>
#include <stdlib.h>

#include "node/transport.h"
#include "protocol/pack.h"
#include "store/parts.h"

/* What cluster/hostile.py wrote, by whom it wrote it, and what the lies say. */
#define PRISON "PB-LDH-P01"
#define PERSON "person-of-prison"
#define ENROLMENT "enrolment-of-prison"
#define DOSE_OF_PRISON "dose-of-prison"
#define ITEM "BUP-NAL-2"
enum { LIED_UNITS = 9, SEVERAL = 3 };

struct liar {
    struct keys keys;
    struct replica *replica;
    struct peer parent;
    struct transport *link;
    struct packer *packer;
    struct welcome welcome;
};

void give_up(const char *what, const struct err *e);

#define must(call)                                                             \
    do {                                                                       \
        struct err must_err = {0};                                             \
        struct err *said = &must_err;                                          \
        if ((call) < 0) {                                                      \
            give_up(#call, said);                                              \
        }                                                                      \
    } while (0)

/* --- line.c --- */

/* Connects for a moment, whatever comes of it. */
void knock(struct liar *l);
/* False: it was not let in. Ends the connection that there was. */
bool call(struct liar *l);
struct message hello(struct liar *l);
void greet(struct liar *l);
/* 0, or why it cannot be sent. */
int send_frame(struct liar *l, struct slice frame);
void say(struct liar *l, const struct message *m);
/* What it is told until something new is acknowledged, an error, or the end. */
void hear_answer(struct liar *l);
/* From where the hub listens: what was refused it asks for again. */
uint64_t start_of(const struct liar *l);
/* A lie that lasts has begun; does whoever runs the program want its end? That is
 * when nothing more comes on the standard input. */
bool goes_on(void);

/* --- words.c --- */

/* The header of a changeset after the liar's last, under a new incarnation: as
 * of a node that was put back from a copy, which may be told any number of
 * times. */
struct changeset_header next_header(struct liar *l);
/* A changeset of one leaf; freed by changeset_destroy(). The leaf is taken. */
struct changeset *sign_leaf(struct liar *l, const struct changeset_header *h,
                            struct leaf *leaf);
/* Its way to the parent, as the so-and-so-many'th of a message, from 0. */
struct travelling travel(struct liar *l, const struct changeset *cs,
                         size_t index, struct bytes *packed);
/* Says some of them in one message, and hears what comes of it. */
void tell(struct liar *l, struct changeset **changesets, size_t count);
void tell_leaf(struct liar *l, struct leaf *leaf);

/* Malloc'ed; each is sound. A dose by this site; */
struct leaf *dose(const char *id, const char *site);
/* another content of a dose that is there; */
struct leaf *dose_update(const char *id);
struct leaf *person(const char *id, const char *site);
struct leaf *worker(const char *id, const char *owner, const char *origin);
/* an owned column of the prison's enrolment, by who claims to own it; */
struct leaf *enrolment_update(const char *owner);
/* a medicine is twice as strong. */
struct leaf *item_update(void);

/* --- lies.c --- */

typedef void lie_function(struct liar *l);
/* NULL: there is none of that name. */
lie_function *lie_named(const char *name);

#endif
