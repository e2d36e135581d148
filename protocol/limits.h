/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every bound in the program, each with its reason [I-12].
 *
 * A size that comes from outside is compared with one of these before
 * anything is allocated or read for it.
 */
#ifndef SANGAM_LIMITS_H
#define SANGAM_LIMITS_H

enum {
    /* --- rows ---------------------------------------------------------- */

    /* One value. A changeset must fit one frame with room to spare; guards
     * refuse larger cells when they are written, not weeks later. */
    CELL_BYTES_MAX = 64 * 1024,
    /* All values of one row: a row is never split over changesets, and a
     * changeset carries 128 KiB of leaves. */
    ROW_BYTES_MAX = 96 * 1024,
    /* Columns of a table. The widest domain table has about 30; triggers cost
     * time to prepare in proportion (0.1 ms for 8 columns, 0.4 ms for 32). */
    COLUMNS_MAX = 128,
    /* Key columns of a table: the domain has at most two. */
    KEY_COLUMNS_MAX = 3,
    /* One key value; keys are UUIDs or short codes. */
    KEY_BYTES_MAX = 255,
    /* A scope is a kind and an identifier (a key). */
    SCOPE_ID_BYTES_MAX = KEY_BYTES_MAX,
    /* Name of a site (ref_site.site_id). */
    SITE_BYTES_MAX = 64,
    /* Contexts of one leaf: one owner, or one per review column. */
    CONTEXTS_MAX = COLUMNS_MAX,
    /* Entries of one context: writers whose work one write covers. A row has
     * few writers; a column that has more must be settled first. */
    CONTEXT_ENTRIES_MAX = 256,
    /* Elements of a `union` column (alerts, other names), and one of them. */
    ELEMENTS_MAX = 256,
    ELEMENT_BYTES_MAX = 1024,
    /* Values in the list of a policy (`rank`, the safe order of a `review`). */
    POLICY_VALUES_MAX = 32,

    /* Parts of a person's name of which keys are made, and letters of one: a
     * name with all that a village adds to it has seven, and in another script
     * a letter takes three bytes. What is beyond is the same at every site. */
    NAME_PARTS_MAX = 16,
    NAME_PART_BYTES_MAX = 63,

    /* Codes of one column in the mapping of a register: each is looked for
     * one by one, and no list of a clinic has hundreds. */
    REGISTER_CODES_MAX = 512,
    /* A number in a register of a site, and what it is joined of. */
    REGISTER_ENTRY_BYTES_MAX = KEY_BYTES_MAX,

    /* Years of an age: the oldest person who is known had 122; more is a year or
     * another number in the wrong column. */
    AGE_YEARS_MAX = 122,

    /* --- changesets ---------------------------------------------------- */

    /* Leaves of one changeset (semantics, section 2). */
    LEAVES_MAX = 1000,
    /* Where the drain cuts when it may: beyond about 256 the bytes on the
     * wire hardly shrink (82 to 77 a row) while a lost frame costs more. */
    LEAVES_TARGET = 256,
    /* Canonical bytes of all leaves of one changeset. */
    CHANGESET_BYTES_MAX = 128 * 1024,
    /* Packed leaves: what zstd cannot shrink grows by salts (16 bytes a leaf)
     * when single leaves are left out, by 88 bytes a leaf when all are sealed;
     * and a frame holds it with its header. */
    PACKED_BYTES_MAX = CHANGESET_BYTES_MAX + 96 * 1024,
    /* What zstd may unfold one packed changeset to: canonical bytes and at
     * most four bytes of tokens a value. */
    UNPACKED_BYTES_MAX = 2 * CHANGESET_BYTES_MAX,
    /* Hashes that stand for withheld runs: two per level and run of visible
     * leaves never exceed the leaves themselves. */
    COVER_HASHES_MAX = LEAVES_MAX,

    /* --- messages ------------------------------------------------------ */

    /* One frame on a link: libzmq allocates this for a peer that has not yet
     * proved who it is (an unbounded default let one connection take 2 GB). */
    FRAME_BYTES_MAX = 256 * 1024,
    /* Changesets of one message are gathered up to this: lone doses share a
     * frame, and a full changeset still fits. */
    MESSAGE_TARGET_BYTES = 96 * 1024,
    MESSAGE_CHANGESETS_MAX = 512,
    /* protobuf-c unpacks 1 MiB of empty submessages to 75 MB; the allocator
     * it is given refuses beyond this. */
    UNPACK_BYTES_MAX = 1024 * 1024,
    UNPACK_ALLOCATIONS_MAX = 16 * 1024,
    /* Messages in flight towards a peer before it has acknowledged: at 96 KiB
     * each, 1.5 MB a peer, enough to fill a 2 Mbit line for six seconds. */
    CREDIT_MESSAGES = 16,
    /* Origins named in one digest: 76 bytes each stay under a frame. */
    DIGEST_ORIGINS_MAX = 3000,
    /* Refused changesets named in one ack, which a frame holds with the longest
     * sentences; more wait for the next. */
    ACK_REFUSED_MAX = 256,
    /* Origins of which a neighbour brings what is refused, such as all that a hub
     * enrolled before it met anybody: an ack names them all, beside as many stamped
     * ahead. A way that has more of them is not worth keeping open. */
    BARRED_MAX = ACK_REFUSED_MAX / 2,
    /* Certificates between a node and the root: tree depth. */
    TREE_DEPTH_MAX = 8,
    /* Certificates that a grant carries: of each node up to the root all it
     * ever had, and a class that comes with an upgrade renews them. */
    GRANT_CERTIFICATES_MAX = 64,
    /* Classes and tables a certificate may list. */
    CERTIFICATE_CLASSES_MAX = 64,
    CERTIFICATE_TABLES_MAX = 256,
    /* A network address such as tcp://hub.example:7447. */
    ADDRESS_BYTES_MAX = 255,
    /* An invite file is a dozen short lines. */
    INVITE_BYTES_MAX = 4096,
    /* A sentence that travels (error, refusal). */
    SENTENCE_BYTES_MAX = 500,

    /* --- time ---------------------------------------------------------- */

    /* A link that has said nothing for so long says "still here". */
    HEARTBEAT_MS = 20 * 1000,
    /* A peer not heard for three heartbeats is gone: the socket is made anew,
     * because libzmq never reconnects after some failures. */
    SILENCE_MS = 3 * HEARTBEAT_MS,
    /* Messages in that time that move nothing, heartbeats and acks of what was
     * acknowledged: three are due. Whoever says twenty times as many keeps us
     * busy for nothing; what lay on the line while this node stood still for
     * minutes is fewer. */
    IDLE_MESSAGES_MAX = 60,
    /* What was sent and is not acknowledged for so long was lost on the way, or
     * the ack was, and the link goes on: it is sent again on a new one. An old
     * machine stores one message (MESSAGE_TARGET_BYTES) in seconds, and
     * acknowledges each. */
    UNACKED_MS = 10 * 60 * 1000,
    /* A receiver learns of a stretch in which nothing was for it at most this
     * often: a busy hub passes many changes that are not for this child, and
     * the position is only worth a message when the link is otherwise idle. */
    ADVANCE_MS = 1000,
    /* A parent says a digest to a child, and notes what the child has, at most
     * this often, beyond the first time on a link: each is a commit with a sync
     * at either end, and of a trickle of lone doses to 25 children only the
     * last one matters. "In step" is late by so much at most. */
    SETTLED_MS = 3 * 1000,
    /* What was refused is asked for again after so long, then each time after
     * twice that: all that followed comes again with it, and so that is together
     * at most twice what came the first time. */
    ASK_AGAIN_MIN_MS = 60 * 1000,
    /* So often is that doubled: up to a year. */
    ASK_AGAIN_TRIES_MAX = 20,
    /* How far ahead of the receiver a stamp may lie at the first hop. */
    FUTURE_MS_MAX = 10 * 60 * 1000,
    /* So many days after its date the key of an invite still gets through the
     * door, to be told in words that it is expired or used: files that came by
     * post, or were tried late. A clinic that finds an older one in a drawer
     * asks for another anyway. */
    INVITE_GRACE_DAYS = 30,
    /* A clock this far off the parent's is corrected where stamps are made.
     * Less is what a slow line leaves unsure, and harms nobody. */
    CLOCK_TRUST_MS = 60 * 1000,
    /* A pause in capture times that splits a backlog into two changesets. */
    CAPTURE_GAP_MS = 60 * 1000,

    /* --- the replica --------------------------------------------------- */

    /* Pending captures one drain transaction takes, and leaves one apply
     * transaction: each holds the write lock for 15 to 60 ms where a row costs
     * 15 to 35 us, both together for less than 100 ms, so that a program that
     * waits is never in sight of its timeout (decision 0007). */
    DRAIN_ROWS_MAX = 1024,
    APPLY_ROWS_MAX = 2000,
    /* Rows of one table that a scrub signs or puts back without asking: more
     * than these and more than this share of the table is not a slip but a
     * tool that went through it, and a person says which side is right. A
     * hundred rows are a day's work that one script did with triggers off; a
     * twentieth keeps a clinic's register from turning over in a night. */
    SCRUB_ROWS_FREE = 100,
    SCRUB_PERCENT_MAX = 5,
    /* Rows one transaction of a scrub looks at while writers wait, at some
     * 50 us each. */
    SCRUB_ROWS_MAX = 1000,
    /* As how many rows a changeset counts besides its leaves: it is signed or
     * verified, and journaled, once: 150 us. */
    CHANGESET_ROWS = 8,
    /* Deliveries at the end of the journal that are looked at one by one (some
     * 0.2 us each when in memory), and the most that one new run of the index
     * covers. */
    RUN_TAIL_DELIVERIES = 1024,
    /* Entries of the index that one transaction writes or deletes: some ten
     * milliseconds in which local writers wait. */
    RUN_PIECE_MARKS = 16 * 1024,
    /* Runs of one level that are merged into one: with 8 the log took 155
     * bytes a delivery, with 16 and with 32 110; looking into an empty run
     * takes a microsecond or two. */
    RUN_FANOUT = 16,
    /* People whom the rules look at before the node does something else: some
     * three milliseconds each with 200 doses, thirty with 3650; */
    JUDGE_PEOPLE_MAX = 10,
    /* and rows that lead to people. */
    JUDGE_ROWS_MAX = 50,
    /* Steps of SQLite that the rules take for one of them, some tenths of a
     * second: a person with ten years of daily doses takes 1.4 million. */
    JUDGE_STEPS_MAX = 10 * 1000 * 1000,
    /* Breaches kept of one of them, and their bytes: nobody works off more; */
    JUDGE_FOUND_MAX = 1000,
    JUDGE_FOUND_BYTES_MAX = 512 * 1024,
    /* and rows written about them with which a transaction ends: some twenty
     * milliseconds in which local writers wait. */
    JUDGE_WRITES_MAX = 1000,
    /* Whom a node looks at for what it says of them (store/tell.h), before it
     * does something else, and rows that it then writes at once, as few as a
     * drain signs in some ten milliseconds; */
    TELL_SUBJECTS_MAX = 20,
    TELL_ROWS_MAX = 200,
    /* and rows that are read of one of them: each of its breaches. */
    TELL_READ_MAX = 2 * JUDGE_FOUND_MAX,
    /* Beneficiary numbers that wait to be taken: what the largest camp
     * registers in days without the daemon; */
    NUMBER_POOL = 200,
    /* and counters that are reserved for them at once, of which one in seven
     * has no number: some milliseconds. A node has 65,536 such blocks. */
    NUMBER_BLOCK = 256,
    /* Counters that a node leaves out when it was put back from a copy, at least:
     * more than any site gives out between two backups; and up to three times as
     * many more, by chance, so that two copies of one do not meet. A hundred times
     * in the life of a node number. */
    NUMBER_JUMP = 64 * 1024,
    /* People whose match tokens one transaction writes: some ten milliseconds
     * in which others wait. */
    TOKENS_PEOPLE_MAX = 200,
    /* Node numbers that the root issues in one transaction. */
    NUMBER_NODES_ISSUED = 100,
    /* Frames after which the node checkpoints; other programs do so at 1000,
     * and their kind of checkpoint must never run (sqlite.org/wal.html,
     * the WAL-reset bug before 3.51.3). */
    CHECKPOINT_FRAMES = 400,
    /* Rows named to local programs: some 6 MB, and more than a site writes and
     * gets in a month. A program that was away for longer reads its tables
     * whole, which is then as quick. */
    FEED_CHANGES_MAX = 100 * 1000,
    /* Starts of the node that are kept, to know its own journal by: five a day
     * for five years. Who heard the node last before that hears all of it
     * again. */
    STARTS_MAX = 10 * 1000,
    /* Nodes one replica can know: 700 clinics with room for successors. */
    NODES_MAX = 8192,
    /* Nodes that one node may enrol: all of a state below headquarters alone, with
     * room for successors; eight that lie fill NODES_MAX. */
    CHILDREN_MAX = 1024,
    /* Certificates of one node: each renewal brings a class. */
    NODE_CERTIFICATES_MAX = CERTIFICATE_CLASSES_MAX,
    /* What one node may say against nodes (revocations, voids, fork proofs) and
     * be heard: as if it ended every node there can be. Each takes 400 bytes of
     * memory at every node, and is compared with the others. */
    EVIDENCE_MAX = NODES_MAX,
    /* How long the node waits for another program's write lock. */
    BUSY_MS = 10 * 1000,
    /* Descriptors the daemon asks for: one connection of every node there can
     * be, and as many of strangers, who are gone after ten seconds. */
    DESCRIPTORS_WANTED = 2 * NODES_MAX,
};

#endif
