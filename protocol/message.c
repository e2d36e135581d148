/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "messages.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* --- sentences ----------------------------------------------------------- */

/* Characters that move the cursor, end the line or turn the direction of what
 * follows: a peer must not write our log for us. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
           (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Bytes of the character that `s` begins with, 0 if it is not UTF-8 (RFC 3629)
 * or not for a log. `s` ends with a zero byte. */
static size_t printable_bytes(const unsigned char *s)
{
    static const uint32_t least[] = {
        [1] = 0, [2] = 0x80, [3] = 0x800, [4] = 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len > 1 && (s[0] < 0xc2 || s[0] > 0xf4)) {
        return 0;
    }
    uint32_t code = len == 1 ? s[0] : s[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool bad = code < least[len] || code > 0x10ffff || surrogate;
    return bad || is_control(code) ? 0 : len;
}

void message_sentence(const char *text, char out[SENTENCE_BYTES_MAX + 1])
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;
    while (*s != 0) {
        size_t len = printable_bytes(s);
        if (used + (len == 0 ? 1 : len) > SENTENCE_BYTES_MAX) {
            break;
        }
        if (len == 0) {
            out[used++] = '?';
            s++;
            continue;
        }
        memcpy(out + used, s, len);
        used += len;
        s += len;
    }
    out[used] = 0;
}

/* --- encode -------------------------------------------------------------- */

/* Of a wire struct that is only read from; protobuf-c knows no const. */
static ProtobufCBinaryData borrow(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = len};
}

static ProtobufCBinaryData borrow_hash(const struct hash *h)
{
    return borrow(h->bytes, sizeof h->bytes);
}

static Sangam__Token wire_token(const struct token *token)
{
    Sangam__Token wire = SANGAM__TOKEN__INIT;
    wire.journal = token->journal;
    wire.position = token->position;
    wire.start = token->start;
    return wire;
}

/* A clock set before 1970 counts as 1970, as in a stamp. */
static uint64_t wire_time(int64_t ms)
{
    return ms < 0 ? 0 : (uint64_t)ms;
}

static void put(const Sangam__Message *wire, struct bytes *out)
{
    size_t len = sangam__message__get_packed_size(wire);
    assert(len <= FRAME_BYTES_MAX);
    bytes_reserve(out, len);
    out->len += sangam__message__pack(wire, out->data + out->len);
}

static void encode_hello(const struct message *m, struct bytes *out)
{
    const struct hello *hello = &m->as.hello;
    Sangam__Token have = wire_token(&hello->have);
    Sangam__Hello wire = SANGAM__HELLO__INIT;
    wire.protocol = hello->protocol;
    wire.network = borrow_hash(&hello->network);
    wire.node = borrow_hash(&hello->node);
    wire.certificate = hello->certificate;
    wire.schema_version = hello->schema_version;
    wire.time_ms = wire_time(hello->time_ms);
    wire.journal = hello->journal;
    wire.have = &have;
    wire.credit = hello->credit;
    wire.start = hello->start;
    wire.head = hello->head;
    wire.give_back = hello->give_back;
    wire.again = hello->again;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_HELLO;
    frame.hello = &wire;
    put(&frame, out);
}

static void encode_welcome(const struct message *m, struct bytes *out)
{
    const struct welcome *welcome = &m->as.welcome;
    Sangam__Token have = wire_token(&welcome->have);
    Sangam__Welcome wire = SANGAM__WELCOME__INIT;
    wire.protocol = welcome->protocol;
    wire.node = borrow_hash(&welcome->node);
    wire.schema_version = welcome->schema_version;
    wire.time_ms = wire_time(welcome->time_ms);
    wire.journal = welcome->journal;
    wire.have = &have;
    wire.credit = welcome->credit;
    wire.start = welcome->start;
    wire.head = welcome->head;
    wire.give_back = welcome->give_back;
    wire.again = welcome->again;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_WELCOME;
    frame.welcome = &wire;
    put(&frame, out);
}

static Sangam__Changeset wire_changeset(const struct travelling *item)
{
    static const struct hash zero;
    assert(item->incarnation != 0 && item->seq >= 1);
    assert(item->leaf_count >= 1 && item->leaf_count <= LEAVES_MAX);
    assert(item->leaves.len >= 1 && item->leaves.len <= PACKED_BYTES_MAX);
    Sangam__Changeset wire = SANGAM__CHANGESET__INIT;
    if (item->has_origin) {
        wire.origin = borrow_hash(&item->origin);
    }
    wire.incarnation = item->incarnation;
    wire.seq = item->seq;
    if (item->seq == 1) { /* nothing before: prev is known to be zeros */
        assert(item->prev_incarnation == 0);
        assert(!item->has_prev || memcmp(&item->prev, &zero, sizeof zero) == 0);
    } else {
        assert(item->prev_incarnation != 0);
        if (item->prev_incarnation != item->incarnation) {
            wire.prev_incarnation = item->prev_incarnation;
        }
        if (item->has_prev) {
            wire.prev = borrow_hash(&item->prev);
        }
    }
    wire.hlc = item->hlc;
    wire.schema_version = item->schema_version;
    wire.certificate = item->certificate;
    wire.leaf_count = item->leaf_count;
    wire.signature = borrow(item->signature, sizeof item->signature);
    wire.leaves = borrow(item->leaves.data, item->leaves.len);
    wire.position = item->position;
    return wire;
}

/* Wire structs of `count` items and the pointers to them that protobuf-c
 * wants; both are the caller's to free. */
static Sangam__Changeset *wire_changesets(const struct travelling *items,
                                          size_t count,
                                          Sangam__Changeset ***ret_pointers)
{
    Sangam__Changeset *wire = allocate(count, sizeof *wire);
    Sangam__Changeset **pointers = allocate(count, sizeof(Sangam__Changeset *));
    for (size_t i = 0; i < count; i++) {
        wire[i] = wire_changeset(&items[i]);
        pointers[i] = &wire[i];
    }
    *ret_pointers = pointers;
    return wire;
}

static void encode_changesets(const struct message *m, struct bytes *out)
{
    const struct changesets *changesets = &m->as.changesets;
    assert(changesets->count <= MESSAGE_CHANGESETS_MAX);
    Sangam__Changesets wire = SANGAM__CHANGESETS__INIT;
    Sangam__Changeset *items =
        wire_changesets(changesets->items, changesets->count, &wire.changesets);
    wire.n_changesets = changesets->count;
    wire.position = changesets->position;
    wire.from = changesets->from;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_CHANGESETS;
    frame.changesets = &wire;
    put(&frame, out);
    free(wire.changesets);
    free(items);
}

static void encode_ack(const struct message *m, struct bytes *out)
{
    const struct ack *ack = &m->as.ack;
    Sangam__Refusal refusals[ACK_REFUSED_MAX];
    Sangam__Refusal *pointers[ACK_REFUSED_MAX];
    assert(ack->refusal_count <= ACK_REFUSED_MAX);
    for (size_t i = 0; i < ack->refusal_count; i++) {
        const struct refusal *refusal = &ack->refusals[i];
        assert(refusal->code < 0);
        sangam__refusal__init(&refusals[i]);
        refusals[i].position = refusal->position;
        refusals[i].code = refusal->code;
        refusals[i].sentence = (char *)refusal->sentence;
        pointers[i] = &refusals[i];
    }
    Sangam__Token token = wire_token(&ack->token);
    Sangam__Ack wire = SANGAM__ACK__INIT;
    wire.journal = ack->journal;
    wire.token = &token;
    wire.n_refusals = ack->refusal_count;
    wire.refusals = pointers;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_ACK;
    frame.ack = &wire;
    put(&frame, out);
}

static void encode_digest(const struct message *m, struct bytes *out)
{
    const struct digest *digest = &m->as.digest;
    assert(digest->count <= DIGEST_ORIGINS_MAX);
    Sangam__OriginDigest *origins = allocate(digest->count, sizeof *origins);
    Sangam__OriginDigest **pointers =
        allocate(digest->count, sizeof(Sangam__OriginDigest *));
    for (size_t i = 0; i < digest->count; i++) {
        const struct origin_digest *origin = &digest->origins[i];
        sangam__origin_digest__init(&origins[i]);
        origins[i].origin = borrow_hash(&origin->origin);
        origins[i].head = origin->head;
        origins[i].leaves = origin->leaves;
        origins[i].sum = borrow_hash(&origin->sum);
        pointers[i] = &origins[i];
    }
    Sangam__Digest wire = SANGAM__DIGEST__INIT;
    wire.position = digest->position;
    wire.n_origins = digest->count;
    wire.origins = pointers;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_DIGEST;
    frame.digest = &wire;
    put(&frame, out);
    free(pointers);
    free(origins);
}

static void encode_heartbeat(const struct message *m, struct bytes *out)
{
    Sangam__Heartbeat wire = SANGAM__HEARTBEAT__INIT;
    wire.time_ms = wire_time(m->as.heartbeat.time_ms);
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_HEARTBEAT;
    frame.heartbeat = &wire;
    put(&frame, out);
}

static void encode_error(const struct message *m, struct bytes *out)
{
    assert(m->as.error.code < 0);
    Sangam__Error wire = SANGAM__ERROR__INIT;
    wire.code = m->as.error.code;
    wire.sentence = (char *)m->as.error.sentence;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_ERROR;
    frame.error = &wire;
    put(&frame, out);
}

static void encode_enrol(const struct message *m, struct bytes *out)
{
    const struct enrol_request *enrol = &m->as.enrol;
    Sangam__Enrol wire = SANGAM__ENROL__INIT;
    wire.network = borrow_hash(&enrol->network);
    wire.invite_curve = borrow(enrol->invite_curve, KEY_PUBLIC_BYTES);
    wire.sign_public = borrow(enrol->sign_public, KEY_PUBLIC_BYTES);
    wire.box_public = borrow(enrol->box_public, KEY_PUBLIC_BYTES);
    wire.curve_public = borrow(enrol->curve_public, KEY_PUBLIC_BYTES);
    wire.signature = borrow(enrol->signature, SIGNATURE_BYTES);
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_ENROL;
    frame.enrol = &wire;
    put(&frame, out);
}

static void encode_grant(const struct message *m, struct bytes *out)
{
    const struct grant *grant = &m->as.grant;
    assert(grant->count >= 1 && grant->count <= GRANT_CERTIFICATES_MAX);
    Sangam__Grant wire = SANGAM__GRANT__INIT;
    wire.parent = borrow_hash(&grant->parent);
    wire.certificate = grant->certificate;
    Sangam__Changeset *chain =
        wire_changesets(grant->chain, grant->count, &wire.chain);
    wire.n_chain = grant->count;
    wire.schema_version = grant->schema_version;
    Sangam__Message frame = SANGAM__MESSAGE__INIT;
    frame.kind_case = SANGAM__MESSAGE__KIND_GRANT;
    frame.grant = &wire;
    put(&frame, out);
    free(wire.chain);
    free(chain);
}

/* --- all kinds ----------------------------------------------------------- */

struct kind {
    const char *word;
    void (*encode)(const struct message *m, struct bytes *out);
};

/* The numbers are those of the oneof in messages.proto. */
static const struct kind kinds[] = {
    [MESSAGE_HELLO] = {"hello", encode_hello},
    [MESSAGE_WELCOME] = {"welcome", encode_welcome},
    [MESSAGE_CHANGESETS] = {"changesets", encode_changesets},
    [MESSAGE_ACK] = {"ack", encode_ack},
    [MESSAGE_DIGEST] = {"digest", encode_digest},
    [MESSAGE_HEARTBEAT] = {"heartbeat", encode_heartbeat},
    [MESSAGE_ERROR] = {"error", encode_error},
    [MESSAGE_ENROL] = {"enrol", encode_enrol},
    [MESSAGE_GRANT] = {"grant", encode_grant},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

_Static_assert((int)MESSAGE_HELLO == SANGAM__MESSAGE__KIND_HELLO &&
                   (int)MESSAGE_GRANT == SANGAM__MESSAGE__KIND_GRANT &&
                   KIND_COUNT == MESSAGE_GRANT + 1,
               "message kinds are the numbers of the oneof");

const char *message_word(enum message_kind kind)
{
    assert(kind >= MESSAGE_HELLO && (size_t)kind < KIND_COUNT);
    return kinds[kind].word;
}

void message_encode(const struct message *m, struct bytes *out)
{
    assert(m->kind >= MESSAGE_HELLO && (size_t)m->kind < KIND_COUNT);
    kinds[m->kind].encode(m, out);
}

/* Works on a message whose decoding stopped half-way, and on one of no kind. */
void message_clear(struct message *m)
{
    if (m->kind == MESSAGE_CHANGESETS) {
        free(m->as.changesets.items);
    } else if (m->kind == MESSAGE_ACK) {
        free(m->as.ack.refusals);
    } else if (m->kind == MESSAGE_DIGEST) {
        free(m->as.digest.origins);
    } else if (m->kind == MESSAGE_GRANT) {
        free(m->as.grant.chain);
    }
    bytes_free(&m->memory);
    *m = (struct message){0};
}

struct changeset_header travelling_header(const struct travelling *t,
                                          const struct hash *network)
{
    return (struct changeset_header){
        .network = *network,
        .origin = t->origin,
        .incarnation = t->incarnation,
        .seq = t->seq,
        .prev_incarnation = t->prev_incarnation,
        .prev = t->prev,
        .hlc = t->hlc,
        .schema_version = t->schema_version,
        .certificate = t->certificate,
        .leaf_count = t->leaf_count,
    };
}
