/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parts: what a replica is made of, for the files that implement replica.h:
 *
 *   replica.c   opening, transactions, neighbours      birth.c   making one
 *   drain.c     local writes become signed changesets  care.c    rebuild, verify
 *   draft.c     what a leaf of them says
 *   receive.c   changesets of others come in           why.c     provenance
 *   walk.c      what is due goes out                   sums.c    digests
 *   enrol.c     requests and certificates     invitations.c  invites
 *   renew.c     certificates for new classes  upgrade.c    older files
 *   revoke.c    ends of nodes                 clone.c      branches
 *   refused.c   what a first hop turns away   takeback.c   and is signed anew
 *   returned.c  also when it came back late
 *   scrub.c     what triggers did not see     shape.c      altered tables
 *   judge.c     what the rules find           numbers.c  for cards, of nodes
 *   tell.c      what it says of others' rows  carry.c    alerts to other sites
 *   own.c       rows it writes by itself      card.c     registry cards
 *   repeat.c    what a site missed            barred.c   what is refused
 */
#ifndef SANGAM_PARTS_H
#define SANGAM_PARTS_H

#include "store/batch.h"
#include "store/replica.h"

enum { REPLAY_LEAVES = 4096 }; /* merged at once: some 8 MB of changesets */

struct replica {
    struct database *db;
    struct database *rules;      /* judge.c; NULL until they are first asked */
    const struct schema *schema; /* what this program knows */
    struct manifest *manifest;
    struct merger
        merger; /* borrows the others; owns registry, packer, projector */
    struct batch *batch;
    struct replica_self self;
    struct keys keys;
    char *path;    /* owned; NULL for a reader */
    char *scratch; /* owned; where replica_verify() replays */
    bool reader;   /* in one read transaction from open to close */
    uint64_t last_hlc;
    uint64_t tail_hlc;     /* it is taking back what it stamped from here on */
    uint32_t data_version; /* when last looked */
    int64_t correction_ms; /* replica_correct() */
    int64_t cookie;        /* PRAGMA schema_version of what is in `manifest` */
    int64_t began_cookie;  /* the same when the transaction began */
    size_t rows_max;       /* replica_limit() */
    struct shaped shaped;  /* not told yet */
    bool owes;             /* tell.h: there may be something to say */
    bool returned;         /* replica_returned() */
    struct message grant;  /* the enrolment; cleared at the root */
    bool enrolled;         /* `grant` is set */
    struct start *starts;  /* owned; of self.lineage */
    bool jumped;           /* replica_forget_numbers(), in this start */
};

/* Opens r->rules, on which views may be asked, unless it is. */
int replica_rules(struct replica *r, struct err *e);

/* What is behind a file that is open: manifest, registry and the rest.
 * replica_close() takes it all apart again, whole or not. */
int replica_open_parts(struct replica *r, struct err *e);
/* Fills in r->self from the file. */
int replica_load_self(struct replica *r, struct err *e);
/* ERR_CONFIG when the file is another node's. */
int replica_check_keys(const struct replica *r, struct err *e);
/* ERR_CORRUPT when its own certificate is not known. */
int replica_check_certificate(const struct replica *r, struct err *e);
/* The triggers of this version, in the caller's transaction; appends the names
 * of the tables that had not had them. */
int replica_install_capture(struct replica *r, const struct manifest *m,
                            struct bytes *ret_names, struct err *e);
/* Opens what is behind the file for the daemon, in one transaction: upgrades
 * the schema where it is older, installs triggers. */
int replica_start(struct replica *r, const struct replica_start *how,
                  struct err *e);
/* Writes down that the node starts, in the caller's transaction; fills in
 * r->self.lineage. */
int replica_begin_start(struct replica *r, struct err *e);
/* What this node has ready of numbers was perhaps given out by the branch that
 * it was put back from: once in each start, in the caller's transaction. */
int replica_forget_numbers(struct replica *r, struct err *e);

/* What this node signed and lost has come back: the chain may go on from there,
 * and no incarnation may be on two branches. */
int replica_got_back(struct replica *r, struct err *e);
/* The incarnation of what is signed from here on, by where the head came from. */
int replica_draw_incarnation(struct replica *r, struct err *e);

/* One write transaction. replica_end() commits when `rc` is 0; otherwise it
 * rolls back, forgets what was only in memory and returns `rc`. A new replica,
 * which has nothing to go back to, is committed alone and dropped on failure.
 */
int replica_begin(struct replica *r, struct err *e);
int replica_commit(struct replica *r, struct err *e);
int replica_end(struct replica *r, int rc, struct err *e);

/* Loads the manifest and installs the triggers, in a write transaction. */
int replica_shape(struct replica *r, struct err *e);
/* The same once more if any program has altered the schema since. Nothing that
 * names a table of the old manifest may be held then. */
int replica_shape_again(struct replica *r, struct err *e);
/* Has any? Needs no transaction. */
int replica_altered(struct replica *r, bool *ret, struct err *e);

struct origin *replica_own_origin(struct replica *r);

/* Journals a changeset (taken), counts its leaves and puts it into the
 * batch. */
struct incoming {
    struct changeset *changeset;
    struct slice packed;
    struct origin *origin;
    uint32_t from_no;
    bool again;
    enum batch_source source;
};
int replica_take(struct replica *r, struct incoming *in, struct err *e);
/* Journals once more, in the caller's transaction, the leaves held that
 * headquarters addressed to sites whose first certificate is among those from
 * index `from` on (registry_certificate_at()). Hubs hear of a site before they are
 * sent any, so that it is headquarters that does this. */
int replica_repeat(struct replica *r, size_t from, struct err *e);
/* The head of an origin is the last held in time of what it did not take
 * back. */
void replica_advance(struct origin *o, const struct changeset_header *h,
                     const struct hash *hash);

/* Is a leaf that is not withheld of scope `all`? */
bool slot_is_of_all(const struct slot *slot);

/* The caller's time as the parent would tell it. */
int64_t replica_now(const struct replica *r, int64_t now_ms);

/* Remembers a stamp as a floor for our own, unless it lies so far ahead that
 * it would stop our clock. */
void replica_floor(struct replica *r, uint64_t hlc, int64_t now_ms);

/* A leaf still without its `prior`, which is known when it is signed. */
struct draft {
    uint16_t class_id;
    struct scope scope;
    struct slice scope_bytes; /* canonical */
    uint32_t table;
    struct slice key; /* canonical */
    struct slice body;
};

/* The next leaf of a (scope, class) whose last number is of a changeset that is
 * void, or being taken back, looks in the journal for what was before it: of a
 * branch that it lost and took back, a copy that is put back remembers numbers
 * that nobody has. */
int replica_forget_priors(struct replica *r, struct err *e);

/* Sorts the drafts, cuts them into changesets, signs, journals and batches
 * them. `captured_ms` is when they were written. Returns how many changesets,
 * or negative ERR_*. */
int replica_sign(struct replica *r, struct draft *drafts, size_t count,
                 int64_t captured_ms, int64_t now_ms, struct err *e);

/* --- first hop: refused.c --- */

/* The neighbour begins anew under another start: it was put back, and what was
 * turned away was of a branch that it does not know. */
int replica_forget_branch(struct replica *r, const struct peer *from,
                          struct err *e);

/* A changeset that a child brings of its own, verified. */
struct offered {
    const struct changeset_header *header;
    const struct hash *hash;
    uint64_t position;
    const struct origin *origin;
    const char *site;
    uint64_t journal; /* of the child */
};
/* 1: it is stamped too far ahead of the clock, or builds on one that was; it
 * is noted, and *ret says so. */
int replica_turn_away(struct replica *r, const struct offered *offered,
                      int64_t now_ms, struct refusal *ret, struct err *e);
/* The hash of one that was turned away: 1, 0 not known. */
int replica_refused_hash(struct replica *r, const struct origin *o,
                         uint64_t seq, uint64_t incarnation, struct hash *ret,
                         struct err *e);
/* It has come after all. */
int replica_forget_refused(struct replica *r, const struct origin *o,
                           uint64_t seq, uint64_t incarnation, struct err *e);
/* Of an origin, all that its writer has said to be void. */
int replica_forget_void(struct replica *r, const struct origin *o,
                        struct err *e);

/* --- what a neighbour may not bring: barred.c --- */

/* From this position of its journal on, all of an origin. */
struct bar {
    struct hash origin;
    uint64_t position;
    uint32_t tries;
    int64_t again_ms; /* when it is asked for again */
    bool asked;       /* it comes again: the first of it is looked at */
};
struct bars {
    struct bar items[BARRED_MAX];
    size_t count;
};
/* Is the code one of what came, and not of this machine? */
bool barred_may(int code);
int barred_load(struct replica *r, const struct peer *from, struct bars *ret,
                struct err *e);
struct bar *barred_find(struct bars *bars, const struct hash *origin);
/* `t` is refused for what `e` says, and what comes of its origin after it; for
 * the ack *ret says so. Where too many origins are, the code of `e`. */
int barred_put(struct replica *r, const struct peer *from, struct bars *bars,
               const struct travelling *t, int64_t now_ms, struct refusal *ret,
               struct err *e);
int barred_lift(struct replica *r, const struct peer *from, struct bars *bars,
                struct bar *bar, struct err *e);
/* The token moves to `position`: what was asked for again and did not come the
 * neighbour does not send any more. */
int barred_passed(struct replica *r, const struct peer *from, struct bars *bars,
                  uint64_t position, struct err *e);

/* --- branches: clone.c --- */

/* The proof that a name has this content too: 1, 0 when the two do not. */
int replica_prove_fork(struct replica *r, const struct origin *o,
                       const struct signed_header *other,
                       struct fork_proof *ret, struct err *e);
/* A changeset that began a branch or continues one is held now. Does it show
 * that the node ran twice? Then the proof is signed: 1. Where it begins an
 * incarnation on a branch that waits, that is signed too. */
int replica_look_for_clone(struct replica *r, const struct origin *o,
                           const struct changeset_header *h, int64_t now_ms,
                           struct err *e);
int replica_sign_proof(struct replica *r, const struct fork_proof *p,
                       int64_t now_ms, struct err *e);
/* Of two copies of this node each goes on where it signed itself: what came back
 * leads nobody from a branch that counts to one that waits, nor from there. */
int replica_go_on_where_it_signed(struct replica *r, struct err *e);

/* Signs one control leaf as a changeset of its own, and applies it. */
int replica_sign_control(struct replica *r, const struct leaf *leaf,
                         int64_t captured_ms, int64_t now_ms, struct err *e);
/* Merges the journal after *position into the rows of `into`, some thousand
 * leaves at once, and moves *position: 1 when there may be more, 0 at its end.
 * Every origin and certificate of them must be in the registry of `into`. */
int replica_replay(struct replica *r, struct merger *into, uint64_t *position,
                   struct tally *tally, struct err *e);

/* Drains inside the caller's transaction, about DRAIN_ROWS_MAX captures: adds
 * to the counts and says whether there may be more. */
int replica_drain_some(struct replica *r, int64_t now_ms, struct drained *ret,
                       struct err *e);

/* Fills in a journal delivery as it travels, with every field; the leaves are
 * borrowed from `d`. */
void travelling_of(const struct delivery *d, const struct hash *origin,
                   struct travelling *ret);
/* A certificate for these public keys and site, by this node: every table and
 * every class it may grant, no right to enrol, serial 0. */
void replica_certificate_for(const struct replica *r, const struct keys *keys,
                             const char *site, struct certificate *ret);
/* Takes up a certificate of our own that came, and gives classes that it has to
 * children that lack them, in the caller's transaction. */
int replica_renew(struct replica *r, int64_t now_ms, struct err *e);
/* Signs a certificate, known to the registry, as a changeset of its own. */
int replica_sign_certificate(struct replica *r, const struct certificate *c,
                             int64_t now_ms, struct err *e);

/* A row of local_invite. Programs of the group write that table: nothing in it
 * counts unless `proved`, and `state` never says more than "not now". */
struct invitation {
    struct invite_row row;
    char state[16];
    bool proved;
};
/* The invite with this key. ERR_UNKNOWN. */
int invitation_find(struct replica *r, const uint8_t *curve,
                    struct invitation *ret, struct err *e);

/* The scope of a row that is held, as canonical bytes: from its state, or from
 * the row of an event. 1 found, 0 no such row. */
int replica_scope_of(struct replica *r, const struct table *t,
                     const struct value *key, struct bytes *ret, struct err *e);
/* The canonical bytes of a key of `t`. */
void key_bytes(const struct table *t, const struct value *key,
               struct bytes *out);

/* Removes a replica's files, as far as they are there. */
void replica_remove(const char *path);

#endif
