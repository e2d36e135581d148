/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Message: one frame of a link, as plain C. messages.proto gives the bytes;
 * this file checks every size against limits.h and unpacks through an
 * allocator that refuses to grow past them.
 */
#ifndef SANGAM_MESSAGE_H
#define SANGAM_MESSAGE_H

#include "changeset.h"
#include "invite.h"

enum { PROTOCOL_VERSION = 1 };

/* How far a journal is held. All 0: nothing of it. */
struct token {
    uint64_t journal;
    uint64_t position;
    uint64_t start; /* of the journal's node, when it was learnt: lineage.h */
};

struct hello {
    uint32_t protocol;
    struct hash network;
    struct hash node;
    uint64_t certificate;
    uint32_t schema_version;
    int64_t time_ms;
    uint64_t journal;
    struct token have;
    uint32_t credit;
    uint64_t start;
    uint64_t head;
    uint64_t give_back;
    uint64_t again; /* at most have.position */
};

struct welcome {
    uint32_t protocol;
    struct hash node;
    uint32_t schema_version;
    int64_t time_ms;
    uint64_t journal;
    struct token have;
    uint32_t credit;
    uint64_t start;
    uint64_t head;
    uint64_t give_back;
    uint64_t again; /* at most have.position */
};

/* One changeset as it travels. With has_origin or has_prev false the receiver
 * computes it; see messages.proto. */
struct travelling {
    bool has_origin;
    bool has_prev; /* with seq 1 always decoded as true: prev is zeros */
    struct hash origin;
    struct hash prev;
    uint64_t incarnation;
    uint64_t seq;
    uint64_t prev_incarnation; /* always set, 0 with seq 1 only */
    uint64_t hlc;
    uint64_t certificate;
    uint32_t schema_version;
    uint32_t leaf_count;
    uint8_t signature[SIGNATURE_BYTES];
    struct slice leaves; /* packed; borrowed from the message */
    uint64_t position;
};

/* The header it stands for, without the root; `prev` as given. */
struct changeset_header travelling_header(const struct travelling *t,
                                          const struct hash *network);

struct changesets {
    struct travelling *items; /* owned by the message */
    size_t count;
    uint64_t position;
    uint64_t from; /* the stretch begins after this */
};

struct refusal {
    uint64_t position;
    int code;
    char sentence[SENTENCE_BYTES_MAX + 1];
};

struct ack {
    uint64_t journal;
    struct token token;
    struct refusal *refusals; /* owned by the message */
    size_t refusal_count;
};

struct origin_digest {
    struct hash origin;
    uint64_t head;
    uint64_t leaves;
    struct hash sum;
};

struct digest {
    uint64_t position;
    struct origin_digest *origins; /* owned by the message */
    size_t count;
};

struct heartbeat {
    int64_t time_ms;
};

struct said_error {
    int code;
    char sentence[SENTENCE_BYTES_MAX + 1];
};

struct grant {
    struct hash parent;
    uint64_t certificate;
    uint32_t schema_version;
    struct travelling *chain; /* owned by the message; all fields present */
    size_t count;
};

enum message_kind {
    MESSAGE_HELLO = 1,
    MESSAGE_WELCOME,
    MESSAGE_CHANGESETS,
    MESSAGE_ACK,
    MESSAGE_DIGEST,
    MESSAGE_HEARTBEAT,
    MESSAGE_ERROR,
    MESSAGE_ENROL,
    MESSAGE_GRANT,
};

struct message {
    enum message_kind kind;
    union {
        struct hello hello;
        struct welcome welcome;
        struct changesets changesets;
        struct ack ack;
        struct digest digest;
        struct heartbeat heartbeat;
        struct said_error error;
        struct enrol_request enrol;
        struct grant grant;
    } as;
    struct bytes memory; /* decoded bytes that slices point into */
};

/* Appends the frame. The caller keeps within limits.h (asserted). */
void message_encode(const struct message *m, struct bytes *out);

/* ERR_FORMAT, ERR_LIMIT. Unknown fields and kinds from a newer peer: fields
 * are ignored, a kind is ERR_VERSION. On success the caller must
 * message_clear() it. */
int message_decode(struct slice frame, struct message *ret, struct err *e);
void message_clear(struct message *m);

/* Copies a sentence that is to travel or that travelled: cut between
 * characters, what is not UTF-8 and what would break or forge a line of a log
 * (control and direction characters) replaced by '?'. */
void message_sentence(const char *text, char out[SENTENCE_BYTES_MAX + 1]);

/* "hello", for logs. */
const char *message_word(enum message_kind kind);

#endif
