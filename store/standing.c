/* SPDX-License-Identifier: Apache-2.0 */
#include "store/standing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"

/* In the order in which the evidence of one signer is weighed: what comes
 * first does not depend on what comes after it. */
enum kind {
    KIND_FORK,
    KIND_RETIREMENT, /* by the node itself */
    KIND_VOIDING,
    KIND_CLONE,
    KIND_SEQUEL,     /* by its number: one may hang on another */
    KIND_REVOCATION, /* by a node above */
    KIND_CERTIFICATE,
};

/* One thing that one changeset says of one node. */
struct item {
    enum kind kind;
    struct subject *about;
    struct subject *by;         /* who signed it */
    struct subject *told_by;    /* whose EVIDENCE_MAX it takes of, or NULL */
    struct changeset_header in; /* the changeset that says it */
    bool fit; /* its signer's certificate allows it; of a fork: it verifies */
    uint64_t incarnation;             /* that it speaks of; 0: every one */
    uint64_t after;                   /* the last number it says nothing of */
    uint64_t serial;                  /* KIND_CERTIFICATE */
    bool enrols;                      /* it lets its node enrol and revoke */
    struct changeset_header sides[2]; /* KIND_CLONE: the second, the third;
                                       * KIND_SEQUEL: what it continues */
    bool counts;
    bool counted; /* when the rows were last in step */
    bool settled; /* it was here then */
};

/* A node that something is said of. */
struct subject {
    struct hash node;
    struct subject *parent; /* NULL: the root, or no certificate yet */
    bool concerned;         /* something new is said of it */
    size_t told;            /* items of evidence it has signed */
    struct item **about;    /* owned list */
    size_t count;
    size_t cap;
};

struct standing {
    struct subject **subjects; /* owned */
    size_t subject_count;
    size_t subject_cap;
    struct item **items; /* owned; in order of arrival */
    size_t item_count;
    size_t item_cap;
    size_t against; /* items that are no certificates */
    size_t marked;  /* items at the mark */
    bool weighed;   /* `counts` of every item is right */
    bool enrolled;  /* a certificate is new */
};

enum moment { NOW, BEFORE };

static void *grow(void *list, size_t count, size_t *cap)
{
    if (count < *cap) {
        return list;
    }
    *cap = *cap == 0 ? 4 : *cap * 2;
    void *grown = realloc(list, *cap * sizeof(void *));
    if (grown == NULL) {
        abort();
    }
    return grown;
}

/* --- life ---------------------------------------------------------------- */

struct standing *standing_new(void)
{
    struct standing *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    s->weighed = true;
    return s;
}

void standing_destroy(struct standing **s_p)
{
    struct standing *s = *s_p;
    *s_p = NULL;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->subject_count; i++) {
        free(s->subjects[i]->about);
        free(s->subjects[i]);
    }
    for (size_t i = 0; i < s->item_count; i++) {
        free(s->items[i]);
    }
    free(s->subjects);
    free(s->items);
    free(s);
}

/* --- nodes --------------------------------------------------------------- */

static struct subject *find(const struct standing *s, const struct hash *node)
{
    for (size_t i = 0; i < s->subject_count; i++) {
        if (hash_equal(&s->subjects[i]->node, node)) {
            return s->subjects[i];
        }
    }
    return NULL;
}

static struct subject *subject_of(struct standing *s, const struct hash *node)
{
    struct subject *subject = find(s, node);
    if (subject != NULL) {
        return subject;
    }
    subject = calloc(1, sizeof *subject);
    if (subject == NULL) {
        abort();
    }
    subject->node = *node;
    s->subjects = grow(s->subjects, s->subject_count, &s->subject_cap);
    s->subjects[s->subject_count++] = subject;
    return subject;
}

/* Certificates form no ring: registry_admit() sees to that. */
static size_t depth_of(const struct subject *subject)
{
    size_t depth = 0;
    while (subject->parent != NULL && depth <= TREE_DEPTH_MAX) {
        subject = subject->parent;
        depth++;
    }
    return depth;
}

static bool is_above(const struct subject *above, const struct subject *node)
{
    size_t steps = 0;
    while (node->parent != NULL && steps++ <= TREE_DEPTH_MAX) {
        node = node->parent;
        if (node == above) {
            return true;
        }
    }
    return false;
}

bool standing_is_above(const struct standing *s, const struct hash *above,
                       const struct hash *node)
{
    const struct subject *a = find(s, above);
    const struct subject *b = find(s, node);
    return a != NULL && b != NULL && is_above(a, b);
}

/* --- adding -------------------------------------------------------------- */

static bool is_proof(const struct item *item)
{
    return item->kind == KIND_FORK || item->kind == KIND_CLONE ||
           item->kind == KIND_SEQUEL;
}

static bool same_name(const struct changeset_header *a,
                      const struct changeset_header *b)
{
    return a->seq == b->seq && a->incarnation == b->incarnation &&
           a->hlc == b->hlc;
}

static bool same_item(const struct item *a, const struct item *b)
{
    return a->kind == b->kind && a->by == b->by &&
           (!is_proof(a) || a->fit == b->fit) && a->after == b->after &&
           a->incarnation == b->incarnation && a->serial == b->serial &&
           a->in.seq == b->in.seq && a->in.incarnation == b->in.incarnation &&
           a->in.hlc == b->in.hlc && a->in.certificate == b->in.certificate &&
           hash_equal(&a->in.origin, &b->in.origin) &&
           same_name(&a->sides[0], &b->sides[0]) &&
           same_name(&a->sides[1], &b->sides[1]);
}

static const struct item *find_item(const struct subject *subject,
                                    const struct item *wanted)
{
    for (size_t i = 0; i < subject->count; i++) {
        if (same_item(subject->about[i], wanted)) {
            return subject->about[i];
        }
    }
    return NULL;
}

/* Whether what counts may be another thing for it. Who is not above yet may be
 * when a certificate comes, which concerns its own node and all below. */
static bool concerns(const struct item *item)
{
    if (item->kind == KIND_REVOCATION) {
        return item->fit && is_above(item->by, item->about);
    }
    return item->fit || !is_proof(item);
}

static bool add(struct standing *s, const struct item *item)
{
    struct subject *about = item->about;
    if (find_item(about, item) != NULL) {
        return true;
    }
    if (item->told_by != NULL) {
        if (item->told_by->told == EVIDENCE_MAX) {
            return false;
        }
        item->told_by->told++;
    }
    struct item *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        abort();
    }
    *copy = *item;
    s->items = grow(s->items, s->item_count, &s->item_cap);
    s->items[s->item_count++] = copy;
    about->about = grow(about->about, about->count, &about->cap);
    about->about[about->count++] = copy;
    about->concerned = about->concerned || concerns(copy);
    s->against += item->kind != KIND_CERTIFICATE;
    s->enrolled = s->enrolled || item->kind == KIND_CERTIFICATE;
    s->weighed = false;
    return true;
}

void standing_add_certificate(struct standing *s, const struct certificate *c,
                              const struct changeset_header *in)
{
    struct item item = {
        .kind = KIND_CERTIFICATE,
        .about = subject_of(s, &c->node),
        .by = subject_of(s, &c->parent),
        .in = *in,
        .serial = c->serial,
        .enrols = c->may_enrol,
    };
    if (item.by != item.about) {
        item.about->parent = item.by;
    }
    (void)add(s, &item);
}

static struct item revocation_item(struct standing *s,
                                   const struct revocation *v,
                                   const struct changeset_header *in)
{
    bool own = hash_equal(&v->node, &in->origin);
    struct subject *by = subject_of(s, &in->origin);
    return (struct item){
        .kind = own ? KIND_RETIREMENT : KIND_REVOCATION,
        .about = subject_of(s, &v->node),
        .by = by,
        .told_by = by,
        .in = *in,
        .after = v->after,
    };
}

/* Nobody retires before the words that say so. */
bool standing_add_revocation(struct standing *s, const struct revocation *v,
                             const struct changeset_header *in, bool may_enrol)
{
    struct item item = revocation_item(s, v, in);
    bool own = item.kind == KIND_RETIREMENT;
    item.fit = own ? v->retires && v->after >= in->seq : may_enrol;
    return add(s, &item);
}

bool standing_add_voiding(struct standing *s, const struct voiding *v,
                          const struct changeset_header *in)
{
    struct item item = {
        .kind = KIND_VOIDING,
        .about = subject_of(s, &v->node),
        .by = subject_of(s, &in->origin),
        .in = *in,
        .incarnation = v->incarnation,
        .after = v->after,
    };
    item.fit = item.about == item.by;
    item.told_by = item.by;
    return add(s, &item);
}

/* What was told and what verifies are two items: only the first takes of what
 * its signer may tell, and does so at every node at the same place in its
 * chain, whenever the certificates come that the proof is verified with. */
bool standing_add_fork(struct standing *s, const struct fork_proof *p,
                       const struct changeset_header *in, bool verifies)
{
    const struct changeset_header *from = fork_proof_from(p);
    struct subject *about = subject_of(s, &from->origin);
    static const enum kind kinds[] = {
        [PROOF_FORK] = KIND_FORK,
        [PROOF_CLONE] = KIND_CLONE,
        [PROOF_SEQUEL] = KIND_SEQUEL,
    };
    struct item item = {
        .kind = kinds[p->kind],
        .about = about,
        .by = about,
        .told_by = verifies ? NULL : subject_of(s, &in->origin),
        .fit = verifies,
        .incarnation = from->incarnation,
        .after = from->seq - 1,
    };
    if (p->kind == PROOF_CLONE) {
        item.sides[0] = p->second.header;
        item.sides[1] = p->third.header;
    } else if (p->kind == PROOF_SEQUEL) {
        item.sides[0] = p->first.header;
    }
    return add(s, &item);
}

/* --- what is said of a changeset ----------------------------------------- */

static bool counts_then(const struct item *item, enum moment when)
{
    return when == NOW ? item->counts : item->counted;
}

static bool speaks_of(const struct item *item, enum kind kind, enum moment when,
                      const struct changeset_header *h)
{
    return item->kind == kind && counts_then(item, when) &&
           h->seq > item->after &&
           (item->incarnation == 0 || item->incarnation == h->incarnation);
}

static bool is_said(const struct subject *o, enum kind kind, enum moment when,
                    const struct changeset_header *h)
{
    for (size_t i = 0; i < o->count; i++) {
        if (speaks_of(o->about[i], kind, when, h)) {
            return true;
        }
    }
    return false;
}

/* A void says nothing of what was stamped before it. */
static bool is_void(const struct subject *o, enum moment when,
                    const struct changeset_header *h)
{
    for (size_t i = 0; i < o->count; i++) {
        if (speaks_of(o->about[i], KIND_VOIDING, when, h) &&
            o->about[i]->in.hlc < h->hlc) {
            return true;
        }
    }
    return false;
}

/* Of the younger branch of a clone. */
static bool is_of_clone(const struct subject *o, enum moment when,
                        const struct changeset_header *h)
{
    return is_said(o, KIND_CLONE, when, h) || is_said(o, KIND_SEQUEL, when, h);
}

static enum stand stand_of(const struct subject *o, enum moment when,
                           const struct changeset_header *h);

static bool is_certificate(const struct item *item, uint64_t serial)
{
    return item->kind == KIND_CERTIFICATE && item->serial == serial;
}

/* Of the certificate that it is signed under. Where that does not count another of
 * its node may (registry_in_force()). One that lies in no changeset yet is just being
 * signed; with one that the younger of two copies gave it waits. */
static enum stand stand_by_certificate(const struct subject *o,
                                       enum moment when,
                                       const struct changeset_header *h)
{
    enum stand stand = STAND_CUT_OFF;
    bool known = false;
    for (size_t i = 0; i < o->count; i++) {
        const struct item *item = o->about[i];
        if (item->kind != KIND_CERTIFICATE) {
            continue;
        }
        if (counts_then(item, when)) {
            return STAND_COUNTS;
        }
        if (is_certificate(item, h->certificate)) {
            known = known || when == NOW || item->settled;
            if (item->by != item->about &&
                stand_of(item->by, when, &item->in) == STAND_FORKED) {
                stand = STAND_FORKED;
            }
        }
    }
    return known ? stand : STAND_COUNTS;
}

/* Or is it not known? */
static bool counts_serial(const struct subject *o, enum moment when,
                          uint64_t serial)
{
    bool known = false;
    for (size_t i = 0; i < o->count; i++) {
        const struct item *item = o->about[i];
        if (is_certificate(item, serial)) {
            if (counts_then(item, when)) {
                return true;
            }
            known = known || when == NOW || item->settled;
        }
    }
    return !known;
}

static bool is_cut_off_above(const struct subject *o, enum moment when,
                             const struct changeset_header *h)
{
    return is_said(o, KIND_REVOCATION, when, h) ||
           stand_by_certificate(o, when, h) == STAND_CUT_OFF;
}

static bool is_cut_off(const struct subject *o, enum moment when,
                       const struct changeset_header *h)
{
    return is_cut_off_above(o, when, h) || is_said(o, KIND_RETIREMENT, when, h);
}

/* What was taken back stays so when its node is cut off: it is at no other
 * node, so that it may be in no digest. */
static enum stand stand_of(const struct subject *o, enum moment when,
                           const struct changeset_header *h)
{
    if (is_void(o, when, h)) {
        return STAND_VOID;
    }
    if (is_cut_off(o, when, h)) {
        return STAND_CUT_OFF;
    }
    return is_said(o, KIND_FORK, when, h) || is_of_clone(o, when, h) ||
                   stand_by_certificate(o, when, h) == STAND_FORKED
               ? STAND_FORKED
               : STAND_COUNTS;
}

/* --- weighing ------------------------------------------------------------ */

/* Enrols it, under the certificate that counts for what it signed there? By the one
 * that it names it was asked before. */
static bool enrols(const struct subject *o, const struct changeset_header *in)
{
    bool may = counts_serial(o, NOW, in->certificate);
    for (size_t i = 0; !may && i < o->count; i++) {
        const struct item *item = o->about[i];
        may = item->kind == KIND_CERTIFICATE && item->counts && item->enrols;
    }
    return may;
}

/* A certificate that was taken back is signed anew, with its serial: until that
 * comes its node goes on, and nobody ends one by a stamp of long ago. */
static bool counts_certificate(const struct item *item)
{
    if (item->by == item->about) {
        return true;
    }
    switch (stand_of(item->by, NOW, &item->in)) {
    case STAND_COUNTS:
        return enrols(item->by, &item->in);
    case STAND_VOID:
        return !is_cut_off(item->by, NOW, &item->in) &&
               enrols(item->by, &item->in);
    case STAND_CUT_OFF:
    case STAND_FORKED:
        return false;
    }
    abort();
}

/* Looks only at what was weighed before it (compare_items). */
static bool weigh(const struct item *item)
{
    const struct subject *by = item->by;
    const struct changeset_header *in = &item->in;
    switch (item->kind) {
    case KIND_FORK:
        return item->fit;
    case KIND_RETIREMENT:
        return item->fit && !is_cut_off_above(by, NOW, in) &&
               !is_said(by, KIND_FORK, NOW, in);
    case KIND_VOIDING:
        return item->fit && !is_cut_off_above(by, NOW, in) &&
               !is_said(by, KIND_RETIREMENT, NOW, in) &&
               !is_said(by, KIND_FORK, NOW, in); /* void itself or not */
    case KIND_CLONE:
        return item->fit && !is_void(by, NOW, &item->sides[0]) &&
               !is_void(by, NOW, &item->sides[1]);
    case KIND_SEQUEL:
        return item->fit && is_of_clone(by, NOW, &item->sides[0]);
    case KIND_REVOCATION:
        return item->fit && is_above(by, item->about) &&
               stand_of(by, NOW, in) == STAND_COUNTS && enrols(by, in);
    case KIND_CERTIFICATE:
        return counts_certificate(item);
    }
    abort();
}

/* An item in the order of weighing. */
struct ranked {
    struct item *item;
    size_t depth; /* of its signer, from 1; 0: it founds the network */
    size_t place; /* so that the order is one */
};

/* From the root down; of one signer by kind, sequels by number. */
static int compare_items(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->depth != y->depth) {
        return x->depth > y->depth ? 1 : -1;
    }
    if (x->item->kind != y->item->kind) {
        return x->item->kind > y->item->kind ? 1 : -1;
    }
    if (x->item->kind == KIND_SEQUEL && x->item->after != y->item->after) {
        return x->item->after > y->item->after ? 1 : -1;
    }
    return (x->place > y->place) - (x->place < y->place);
}

static void weigh_all(struct standing *s)
{
    if (s->weighed) {
        return;
    }
    struct ranked *order = calloc(s->item_count, sizeof *order);
    if (order == NULL) {
        abort();
    }
    for (size_t i = 0; i < s->item_count; i++) {
        struct item *item = s->items[i];
        bool founds = item->kind == KIND_CERTIFICATE && item->by == item->about;
        order[i] =
            (struct ranked){item, founds ? 0 : depth_of(item->by) + 1, i};
    }
    if (s->against > 0) {
        qsort(order, s->item_count, sizeof *order, compare_items);
    }
    for (size_t i = 0; i < s->item_count; i++) {
        order[i].item->counts = s->against == 0 || weigh(order[i].item);
    }
    free(order);
    s->weighed = true;
}

enum stand standing_of(struct standing *s, const struct changeset_header *h)
{
    const struct subject *o = s->against == 0 ? NULL : find(s, &h->origin);
    weigh_all(s);
    return o == NULL ? STAND_COUNTS : stand_of(o, NOW, h);
}

bool standing_counts_revocation(struct standing *s, const struct revocation *v,
                                const struct changeset_header *in)
{
    struct item wanted = revocation_item(s, v, in);
    weigh_all(s);
    const struct item *item = find_item(wanted.about, &wanted);
    return item != NULL && item->counts;
}

bool standing_counts_certificate(struct standing *s, const struct hash *node,
                                 uint64_t serial)
{
    const struct subject *o = s->against == 0 ? NULL : find(s, node);
    weigh_all(s);
    return o == NULL || counts_serial(o, NOW, serial);
}

bool standing_is_forked(struct standing *s, const struct changeset_header *h)
{
    const struct subject *o = find(s, &h->origin);
    weigh_all(s);
    return o != NULL &&
           (is_said(o, KIND_FORK, NOW, h) || is_of_clone(o, NOW, h));
}

bool standing_is_of_clone(struct standing *s, const struct changeset_header *h)
{
    const struct subject *o = s->against == 0 ? NULL : find(s, &h->origin);
    weigh_all(s);
    return o != NULL && is_of_clone(o, NOW, h);
}

size_t standing_told(const struct standing *s, const struct hash *node)
{
    const struct subject *o = find(s, node);
    return o == NULL ? 0 : o->told;
}

bool standing_ran_twice(struct standing *s, const struct hash *node)
{
    const struct subject *o = s->against == 0 ? NULL : find(s, node);
    weigh_all(s);
    for (size_t i = 0; o != NULL && i < o->count; i++) {
        if (o->about[i]->kind == KIND_CLONE && o->about[i]->counts) {
            return true;
        }
    }
    return false;
}

bool standing_is_cut_off(struct standing *s, const struct changeset_header *h)
{
    const struct subject *o = find(s, &h->origin);
    weigh_all(s);
    return o != NULL && is_cut_off(o, NOW, h);
}

/* --- change -------------------------------------------------------------- */

bool standing_changed(const struct standing *s)
{
    for (size_t i = 0; i < s->subject_count; i++) {
        if (s->subjects[i]->concerned) {
            return true;
        }
    }
    return false;
}

bool standing_enrolled(const struct standing *s)
{
    return s->enrolled;
}

bool standing_concerns(const struct standing *s, const struct hash *node)
{
    const struct subject *o = s->against == 0 ? NULL : find(s, node);
    size_t steps = 0;
    while (o != NULL && !o->concerned && steps++ <= TREE_DEPTH_MAX) {
        o = o->parent;
    }
    return o != NULL && o->concerned;
}

/* Another certificate may be in force for what it signed under this one. */
static bool turned_serial(const struct subject *o, uint64_t serial)
{
    bool counts = counts_serial(o, NOW, serial);
    bool turned = counts != counts_serial(o, BEFORE, serial);
    for (size_t i = 0; !counts && !turned && i < o->count; i++) {
        const struct item *item = o->about[i];
        turned =
            item->kind == KIND_CERTIFICATE && item->counts != item->counted;
    }
    return turned;
}

bool standing_turned(struct standing *s, const struct changeset_header *h)
{
    const struct subject *o = find(s, &h->origin);
    weigh_all(s);
    return o != NULL && (stand_of(o, NOW, h) != stand_of(o, BEFORE, h) ||
                         is_cut_off(o, NOW, h) != is_cut_off(o, BEFORE, h) ||
                         turned_serial(o, h->certificate));
}

void standing_settled(struct standing *s)
{
    weigh_all(s);
    for (size_t i = 0; i < s->item_count; i++) {
        s->items[i]->counted = s->items[i]->counts;
        s->items[i]->settled = true;
    }
    for (size_t i = 0; i < s->subject_count; i++) {
        s->subjects[i]->concerned = false;
    }
    s->enrolled = false;
}

/* --- back to a mark ------------------------------------------------------- */

void standing_mark(struct standing *s)
{
    s->marked = s->item_count;
}

/* The parent that the last certificate of a node names. */
static struct subject *parent_of(const struct subject *subject)
{
    for (size_t i = subject->count; i > 0; i--) {
        const struct item *item = subject->about[i - 1];
        if (item->kind == KIND_CERTIFICATE && item->by != subject) {
            return item->by;
        }
    }
    return NULL;
}

/* Items and what each is about stand in the order of their coming. */
static void forget_last(struct standing *s)
{
    struct item *item = s->items[--s->item_count];
    struct subject *about = item->about;
    assert(about->about[about->count - 1] == item);
    about->count--;
    about->parent = parent_of(about);
    s->against -= item->kind != KIND_CERTIFICATE;
    if (item->told_by != NULL) {
        item->told_by->told--;
    }
    free(item);
}

void standing_return(struct standing *s)
{
    if (s->item_count == s->marked) {
        return;
    }
    while (s->item_count > s->marked) {
        forget_last(s);
    }
    s->weighed = false;
    standing_settled(s);
}
