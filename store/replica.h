/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replica: a node's SQLite file as the rest of the program sees it. One law
 * holds: table rows = project(fold(admitted leaves held)), whatever the order
 * of arrival (docs/semantics.md).
 *
 * Every function that changes the replica is one write transaction: it is
 * done and durable, or nothing happened. No clock: `now_ms` is wall time since
 * 1970 as the caller knows it. No log: what is worth saying comes back.
 */
#ifndef SANGAM_REPLICA_H
#define SANGAM_REPLICA_H

#include "protocol/evidence.h"
#include "protocol/lineage.h"
#include "protocol/message.h"
#include "store/manifest.h"
#include "store/numbers.h"
#include "store/schema.h"

struct replica;

/* --- birth ---------------------------------------------------------------- */

struct replica_birth {
    struct hash network;   /* the root: hash of its own identity key */
    const char *time_zone; /* IANA name, for people */
    const char *site_id;
    const struct zone_offset *offsets; /* of the time zone, at least one */
    size_t offset_count;
    const struct schema *schema; /* NULL: what is compiled in */
    bool has_parent;
    struct hash parent;
    const char *parent_address; /* NULL at the root */
};

/* Makes a new file. Draws a journal id. At the root (no parent) signs the
 * certificate that founds the network; below, takes the grant that enrolment
 * brought and verifies its chain from the root down. Leaves no file behind on
 * failure. ERR_INPUT if `path` exists. */
int replica_create(const char *path, const struct replica_birth *facts,
                   const struct keys *keys, const struct grant *grant,
                   int64_t now_ms, struct err *e);

/* --- open ----------------------------------------------------------------- */

/* What a start needs to know. */
struct replica_start {
    const struct schema *schema; /* &schema_embedded, but for tests */
    bool as_tool;                /* opens as without: for tests of `schema` */
    int64_t now_ms;
    /* Of the time zone, as its rules are now. None: the business days of the
     * tables stay as they are. */
    const struct zone_offset *offsets;
    size_t offset_count;
};

/* Opens: checks the manifest, verifies every certificate in the journal from
 * the root down, and draws a new incarnation. ERR_CONFIG when the keys are
 * another node's.
 *
 * With `start` (whoever holds the home for itself) an older file is brought to
 * the schema first, and the capture triggers are installed, in one transaction:
 * a crash leaves the one or the other. Before that the file is copied to
 * "PATH.before-N", where N is the schema it is about to have; the copy stays
 * until the next upgrade. A newer file is ERR_VERSION, untouched.
 *
 * Without (a tool; the daemon may run) a file of any other schema than the
 * program's is ERR_VERSION, and nothing is changed. */
int replica_open(const char *path, const struct keys *keys,
                 const struct replica_start *start, struct replica **ret,
                 struct err *e);
void replica_close(struct replica **r);

/* Opens for looking at, beside a daemon or without one, as anyone who can read
 * the file: takes no lock for writing, needs no keys, changes nothing, and sees
 * one moment until it is closed. Only what says so below takes such a replica:
 * replica_why(), replica_verify(), which replays into a new file `scratch`
 * (NULL: will not be asked), and what reads memory. ERR_VERSION when the schema is not this program's. */
int replica_open_reader(const char *path, const char *scratch,
                        struct replica **ret, struct err *e);

struct replica_self {
    struct hash network;
    struct hash node;
    char site[SITE_BYTES_MAX + 1];
    char time_zone[64];
    uint64_t certificate; /* serial */
    bool has_parent;
    struct hash parent;
    char parent_address[ADDRESS_BYTES_MAX + 1];
    uint64_t journal;
    struct lineage lineage; /* of it; empty where the file is only looked at */
    uint64_t incarnation;
    uint32_t schema_version;
    uint64_t head; /* last position of the journal */
};

const struct replica_self *replica_self(const struct replica *r);

/* --- neighbours ----------------------------------------------------------- */

enum neighbour {
    NEIGHBOUR_NONE,
    NEIGHBOUR_PARENT,
    NEIGHBOUR_CHILD, /* enrolled by this node, not superseded */
};

struct peer {
    enum neighbour neighbour;
    struct hash node;
    char site[SITE_BYTES_MAX + 1]; /* name in logs */
    uint8_t curve_public[KEY_PUBLIC_BYTES];
    struct token
        have;       /* what we hold of its journal, but for what we refused: */
    uint64_t again; /* the last so many positions are to come again */
    uint64_t acked; /* what it holds of ours */
    /* We were put back from a copy: before this position of its journal may be
     * what we lost. */
    uint64_t lost_until;
    uint64_t lost_start; /* drawn when that was found out */
    /* It was: up to this position of ours also what came from it is due. The
     * caller's, from the greeting. */
    uint64_t return_until;
};

/* Up to where the neighbour is to give back what we lost; 0: nothing. */
uint64_t peer_give_back(const struct peer *p);
/* Is some of it still to come, of a journal that goes up to `head`? Until then
 * this node does not know what it took back itself. */
bool peer_owes(const struct peer *p, uint64_t head);

/* Who holds a CURVE key. NEIGHBOUR_NONE: nobody we link with. ERR_CLASS, with
 * the sentence, when it is a neighbour that lacks a class of this network. */
int replica_peer_of_curve(struct replica *r,
                          const uint8_t curve[KEY_PUBLIC_BYTES],
                          struct peer *ret, struct err *e);
int replica_parent(struct replica *r, struct peer *ret, struct err *e);

/* Site of a node as its certificate says, "unknown node" otherwise. */
const char *replica_site_of(const struct replica *r, const struct hash *node);

/* --- writing -------------------------------------------------------------- */

/* True when another program has committed since the last call. */
int replica_disturbed(struct replica *r, bool *ret, struct err *e);

/* What tools did to the tables: found and seen to in the next transaction. */
struct shaped {
    bool changed;
    char triggers[256]; /* tables that had lost ours, and have them again */
    char broken[512];   /* the first table that cannot be replicated, and why:
                           nothing of it is signed or shown meanwhile */
    char extra[256];    /* the first column that is of this replica only */
};
/* True when there is something that was not told yet. */
bool replica_shaped(struct replica *r, struct shaped *ret);

struct drained {
    uint64_t changesets;
    uint64_t leaves;
    uint64_t parked; /* local writes this node may not make, and nonsense */
    bool more;       /* call again: the backlog was larger than one drain */
};

/* How many rows one transaction drains or stores from now on, so that it holds
 * the write lock no longer than it should: DRAIN_ROWS_MAX and APPLY_ROWS_MAX
 * until told, and at most. A changeset is never parted. */
void replica_limit(struct replica *r, size_t rows);

/* What is to be added to the wall clock of this machine, captures included, so
 * that stamps follow the parent's time: 0 until told. Kept in memory alone: by
 * the next start the clock may have been set. */
void replica_correct(struct replica *r, int64_t correction_ms);

/* Signs what programs wrote since the last drain. */
int replica_drain(struct replica *r, int64_t now_ms, struct drained *ret,
                  struct err *e);

/* --- links ---------------------------------------------------------------- */

struct stored {
    size_t taken;        /* the first so many of the stretch are durable */
    bool end;            /* all of it is, and the token is at its position */
    uint64_t changesets; /* new to the journal */
    uint64_t leaves;
    uint64_t waiting;
    uint64_t refused;
    char refused_says[ERR_TEXT_BYTES]; /* why the first of those was */
    uint64_t folded; /* rows folded again: evidence came late */
    uint64_t lifted; /* origins that were barred, and are not any more */
    /* A node that ran twice, which this proves: its site; "" none. */
    char cloned[SITE_BYTES_MAX + 1];
    /* For the ack. Stamped ahead of our clock by the child itself, or built on
     * such: turned away (ERR_FUTURE). What may not come in: the first of its
     * origin, and nothing of it comes in after that. */
    size_t refusal_count;
    struct refusal refusals[MESSAGE_CHANGESETS_MAX]; /* set up to there */
};

/* Verifies, journals and applies the first piece of a stretch of a neighbour's
 * journal, about APPLY_ROWS_MAX leaves, after a drain in the same transaction,
 * and moves the token, which is of the journal and start that from->have names.
 * Until `end` call again with what is left of the stretch. Where programs have
 * written more than one drain takes, it signs a part of that and takes nothing
 * yet.
 *
 * What a hop may not take (a signature, a gap, a fork, an unknown origin) is
 * refused with all that comes of its origin on this link until it is asked for
 * again; of more than BARRED_MAX origins the piece fails, and the link should be
 * closed with the error. */
int replica_store(struct replica *r, const struct peer *from,
                  const struct changesets *stretch, int64_t now_ms,
                  struct stored *ret, struct err *e);

/* What of the neighbour's journal is refused, or was turned away and not signed
 * anew yet, for the opening of a session: at most `cap`, by position. */
int replica_refusals(struct replica *r, const struct peer *from,
                     struct refusal *ret, size_t cap, size_t *ret_count,
                     struct err *e);

/* When is what was refused of this neighbour to be asked for again? *ret: time
 * since 1970 in ms, INT64_MAX never. */
int replica_asks_at(struct replica *r, const struct peer *from, int64_t now_ms,
                    int64_t *ret, struct err *e);
/* If it is time, or the neighbour's own changes are refused, before a session
 * begins: moves the token, and from->have, back to before it. */
int replica_ask_again(struct replica *r, struct peer *from, int64_t now_ms,
                      struct err *e);
/* A neighbour refuses of what this node sends the changeset that the refusal
 * names, for another reason than its stamp, and its origin from there on. Before
 * replica_acked(), which forgets it where less is acknowledged. */
int replica_barred_there(struct replica *r, const struct hash *peer,
                         const struct refusal *refusal, struct err *e);

/* The parent turned away what we signed at this position: it was stamped ahead
 * of its clock. From there on this node takes back what it signed and signs the
 * same again, as a new incarnation, by the corrected clock. Told again, it does
 * nothing: no changesets. */
struct taken_back {
    uint64_t changesets;
    int64_t ahead_ms; /* the first of them, of the time it is now */
};
int replica_take_back(struct replica *r, uint64_t position, int64_t now_ms,
                      struct taken_back *ret, struct err *e);

/* Of what this node signed and has taken back without having it at hand (a disk was
 * put back, and neighbours gave back what was lost, or the words that take it back),
 * rows that nobody has otherwise are signed anew, values of others parked; about
 * APPLY_ROWS_MAX leaves at once. To be called when all has come that the parent had,
 * which may know what was said of them since, until there is no more; only a look
 * where there is nothing. */
struct signed_anew {
    uint64_t leaves; /* looked at */
    uint64_t rows;
    uint64_t parked; /* values */
    bool more;
};
int replica_sign_returned(struct replica *r, int64_t now_ms,
                          struct signed_anew *ret, struct err *e);
/* May there be any? */
bool replica_returned(const struct replica *r);

/* What is due to a neighbour after `from`, about `budget` bytes of it. */
struct walked {
    struct travelling *items; /* their bytes are in `memory` */
    size_t count;
    uint64_t position;
    bool end;
    struct bytes memory;
};

int replica_walk(struct replica *r, const struct peer *to, uint64_t from,
                 size_t budget, struct walked *ret, struct err *e);
void walked_clear(struct walked *w);

/* The neighbour holds of our journal what is not in it: this replica was put
 * back from a copy. Remembers that it is to give back what we lost, which is
 * before position `until` of its journal, and takes another start (lineage.h). */
int replica_put_back(struct replica *r, const struct hash *peer, uint64_t until,
                     struct err *e);

/* The neighbour holds our journal up to `position`, but for what it refuses. */
int replica_acked(struct replica *r, const struct hash *peer, uint64_t position,
                  struct err *e);

/* What this child should hold, at the head of our journal. The origins are
 * malloc'ed; free(ret->origins). */
int replica_digest(struct replica *r, const struct peer *child,
                   struct digest *ret, struct err *e);

struct compared {
    bool equal;
    bool incomplete;    /* some of our own leaves are not at the parent yet */
    struct hash origin; /* the first that differs */
    uint64_t ours, theirs; /* leaves of it */
};

/* Compares a parent's digest with what is held. */
int replica_compare(struct replica *r, const struct digest *digest,
                    struct compared *ret, struct err *e);

/* Notes for `status`: heard from, clock offset, in step, or what is wrong. */
struct peer_note {
    int64_t now_ms;
    bool greeted;
    int64_t offset_ms; /* when greeted */
    bool synced;
    const char *says; /* NULL clears */
};
int replica_note_peer(struct replica *r, const struct hash *peer,
                      const struct peer_note *note, struct err *e);

/* --- invites -------------------------------------------------------------- */

/* The one-time keys to admit now: of open invites, and for INVITE_GRACE_DAYS
 * past their date of spent and expired ones, which replica_enrol() answers with
 * the reason. */
struct invites {
    uint8_t (*keys)[KEY_PUBLIC_BYTES]; /* malloc'ed */
    size_t count;
    uint64_t unproved; /* refused now: rows our key did not sign */
};

/* Opens invites that were asked for, refuses those that whoever wrote them
 * could not prove, and expires old ones. */
int replica_invites(struct replica *r, int64_t now_ms, struct invites *ret,
                    struct err *e);

/* Answers a request. Believes of a row of local_invite only what its proof
 * covers: that an invite was used shows in the journal, where the certificate's
 * serial is the beginning of the invite's key. Marks the invite spent and signs the certificate in one
 * transaction. The same request again gets the same answer. ERR_SPENT,
 * ERR_EXPIRED, ERR_FORBIDDEN, ERR_UNKNOWN, ERR_NETWORK, ERR_SIGNATURE. The message is a
 * grant; message_clear() it. */
int replica_enrol(struct replica *r, const struct enrol_request *request,
                  int64_t now_ms, struct message *ret, struct err *e);

/* Ends a node: what it signed after its changeset `after` does not count, here
 * and everywhere. For a node above it; retiring also for the node itself, not
 * before its own words. ERR_FORBIDDEN, ERR_UNKNOWN. */
int replica_revoke(struct replica *r, const struct revocation *v,
                   int64_t now_ms, struct err *e);

/* --- care ----------------------------------------------------------------- */

/* Checkpoints when the WAL is long; *ret_busy: a reader was in the way. */
int replica_checkpoint(struct replica *r, bool *ret_busy, struct err *e);

/* Indexes what has come into a large journal, so that folding a row need not
 * look at all of it. A short piece at a time; *ret_more: call again. Nothing
 * but speed depends on it. */
int replica_index(struct replica *r, bool *ret_more, struct err *e);

/* Looks with the rules of the schema (0008_rules.sql) at people, workers and
 * sites whose rows were touched since, about JUDGE_PEOPLE_MAX of them in one
 * transaction, and keeps what is found in sync_breach, which v_breach shows. */
struct judged {
    uint64_t subjects; /* looked at */
    uint64_t found;    /* breaches that were not known here */
    uint64_t critical; /* of them */
    uint64_t gave_up;  /* subjects with more rows than JUDGE_STEPS_MAX gets
                          through: of them more may be broken than is shown */
    bool more;         /* call again */
};
int replica_judge(struct replica *r, int64_t now_ms, struct judged *ret,
                  struct err *e);
/* May there be somebody to look at? */
bool replica_touched(const struct replica *r);

/* Writes, for the next drain to sign, what this node says of rows that others do
 * not hold: at headquarters, alerts to sites that cannot see both sides
 * (breach_carried); at the hub of a district, registry cards. About
 * TELL_SUBJECTS_MAX persons, workers and sites, and TELL_ROWS_MAX rows in one
 * transaction. A day that begins may change something too. */
struct told {
    uint64_t rows; /* written */
    bool more;     /* call again */
};
int replica_tell(struct replica *r, int64_t now_ms, struct told *ret,
                 struct err *e);
/* May there be something to say, because the rules found something? */
bool replica_owes(const struct replica *r);

/* At the root: gives a number to every node that has none, at most
 * NUMBER_NODES_ISSUED of them, for the next drain to sign. Everywhere: keeps
 * NUMBER_POOL beneficiary numbers in local_number, once the node has a number.
 * With a newer one those that nobody took are made anew. */
int replica_numbers(struct replica *r, int64_t now_ms, struct numbered *ret,
                    struct err *e);

/* Signs what is pending, then empties every replicated table and the row
 * states and replays the journal [I-10]. Positions, tokens and the journal
 * stay. All or nothing; the caller holds the home for itself. */
int replica_rebuild(struct replica *r, int64_t now_ms, uint64_t *ret_leaves,
                    struct err *e);

/* Folds one row again from the journal. */
int replica_reproject(struct replica *r, const struct table *t,
                      const struct value *key, struct err *e);

/* Compares every row and row state with a replay of the journal into an empty
 * replica (a reader's: at its scratch file, which is gone afterwards), and
 * changes nothing. Rows that wait for their signature are left out. */
struct verified {
    uint64_t rows;
    uint64_t differ;
    uint64_t signed_rows; /* by a scrub: the drain will sign them */
    uint64_t restored;    /* the drain will put them back as they were signed */
    uint64_t held;        /* nothing was done about them */
    char first[256];      /* "person 0198...: column phone" */
};
int replica_verify(struct replica *r, struct verified *ret, struct err *e);

/* The same, and what triggers could not see is written to sync_pending as a
 * trigger would have: the daemon's drain signs it, or puts the row back where
 * this node may not say it. Of a table of which more differs than
 * SCRUB_PERCENT_MAX nothing is done, but for the one named. The result is in
 * local_scrub and local_scrub_finding. May run beside the daemon. */
struct scrub_order {
    int64_t now_ms;
    const char *accept;  /* a table whose rows are right as they are, or NULL */
    const char *restore; /* a table that is to be as the journal has it */
    void (*rest)(void);  /* called now and then while nothing is locked, so that
                            others get on with their work; NULL: none needed */
};
int replica_scrub(struct replica *r, const struct scrub_order *order,
                  struct verified *ret, struct err *e);

const struct manifest *replica_manifest(const struct replica *r);

/* --- why ------------------------------------------------------------------ */

/* One leaf of a row: where it came from and what became of it. */
struct why_leaf {
    struct hash origin;
    char site[SITE_BYTES_MAX + 1]; /* as the origin's certificate says */
    uint64_t seq;
    uint64_t incarnation;
    uint64_t hlc;
    uint64_t position;
    char from[SITE_BYTES_MAX + 1]; /* site of the neighbour it came through */
    bool verified;                 /* the signature, checked now */
    char verdict[16];              /* admitted, superseded, waiting, refused */
    char says[160];                /* why; or a warning though it counts */
    enum leaf_op op;
    char class_name[32];
    char columns[512]; /* "status, phase" of this leaf that show */
};

struct why {
    struct why_leaf *leaves; /* by stamp */
    size_t count;
};

/* A reader will do. */
int replica_why(struct replica *r, const struct table *t,
                const struct value *key, struct why *ret, struct err *e);
void why_clear(struct why *w);

#endif
