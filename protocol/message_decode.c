/* SPDX-License-Identifier: Apache-2.0 */

/*
 * message_decode(): unpack through an allocator with an allowance, then take
 * field by field what limits.h and messages.proto allow.
 */
#include "message.h"

#include "messages.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* --- memory -------------------------------------------------------------- */

/* Memory of `count` things, zeroed. Counts were compared with limits.h. */
static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* What one unpacking may still take. Memory given back does not count anew:
 * the work is bounded, too. */
struct allowance {
    size_t bytes;
    size_t allocations;
    bool spent; /* something was refused */
};

static void *allowance_take(void *data, size_t size)
{
    struct allowance *left = data;
    if (size > left->bytes || left->allocations == 0) {
        left->spent = true;
        return NULL;
    }
    left->bytes -= size;
    left->allocations--;
    return allocate(1, size == 0 ? 1 : size);
}

static void allowance_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

/* --- decode: fields ------------------------------------------------------ */

static int want_bytes(const ProtobufCBinaryData *field, void *ret, size_t len,
                      const char *what, struct err *e)
{
    if (field->len != len) {
        return err_set(e, ERR_FORMAT, "%s has %zu bytes, not %zu", what,
                       field->len, len);
    }
    memcpy(ret, field->data, len);
    return 0;
}

static int want_hash(const ProtobufCBinaryData *field, struct hash *ret,
                     const char *what, struct err *e)
{
    return want_bytes(field, ret->bytes, HASH_BYTES, what, e);
}

/* A hash that may be left out; `ret_has` says whether it was there. */
static int want_hash_or_none(const ProtobufCBinaryData *field, bool *ret_has,
                             struct hash *ret, const char *what, struct err *e)
{
    *ret_has = field->len != 0;
    return *ret_has ? want_hash(field, ret, what, e) : 0;
}

static int want_count(size_t count, size_t max, const char *what, struct err *e)
{
    if (count > max) {
        return err_set(e, ERR_LIMIT, "%zu %s, at most %zu are allowed", count,
                       what, max);
    }
    return 0;
}

static int want_time(uint64_t ms, int64_t *ret, struct err *e)
{
    if (ms > INT64_MAX) {
        return err_set(e, ERR_FORMAT, "the time is not a time");
    }
    *ret = (int64_t)ms;
    return 0;
}

/* Positions and counts: what an int64 column of SQLite holds. */
static int want_number(uint64_t number, uint64_t *ret, const char *what,
                       struct err *e)
{
    if (number > INT64_MAX) {
        return err_set(e, ERR_FORMAT, "the %s is beyond all numbers", what);
    }
    *ret = number;
    return 0;
}

static int want_id(uint64_t id, uint64_t *ret, const char *what, struct err *e)
{
    if (id == 0) {
        return err_set(e, ERR_FORMAT, "a %s has the id 0", what);
    }
    *ret = id;
    return 0;
}

static int want_token(const Sangam__Token *wire, struct token *ret,
                      struct err *e)
{
    if (wire == NULL) {
        return err_set(e, ERR_FORMAT, "the token is missing");
    }
    if (wire->journal == 0 && (wire->position != 0 || wire->start != 0)) {
        return err_set(e, ERR_FORMAT, "a token has a position in no journal");
    }
    ret->journal = wire->journal;
    ret->start = wire->start;
    return want_number(wire->position, &ret->position, "token", e);
}

static int want_again(uint64_t again, const struct token *have, uint64_t *ret,
                      struct err *e)
{
    if (again > have->position) {
        return err_set(e, ERR_FORMAT, "it asks for more again than it has had");
    }
    *ret = again;
    return 0;
}

static int want_credit(uint32_t credit, uint32_t *ret, struct err *e)
{
    if (credit == 0) {
        return err_set(e, ERR_FORMAT, "a credit of 0 takes no message, ever");
    }
    *ret = credit;
    return 0;
}

static int want_code(int32_t code, int *ret, struct err *e)
{
    if (code >= 0) {
        return err_set(e, ERR_FORMAT, "%d is not the code of an error",
                       (int)code);
    }
    *ret = code;
    return 0;
}

/* --- decode: kinds ------------------------------------------------------- */

static int decode_hello(const Sangam__Message *frame, struct message *m,
                        struct err *e)
{
    const Sangam__Hello *wire = frame->hello;
    struct hello *hello = &m->as.hello;
    hello->protocol = wire->protocol;
    hello->certificate = wire->certificate;
    hello->schema_version = wire->schema_version;
    int rc = want_hash(&wire->network, &hello->network, "network", e);
    if (rc == 0) {
        rc = want_hash(&wire->node, &hello->node, "node", e);
    }
    if (rc == 0) {
        rc = want_time(wire->time_ms, &hello->time_ms, e);
    }
    if (rc == 0) {
        rc = want_id(wire->journal, &hello->journal, "journal", e);
    }
    if (rc == 0) {
        rc = want_token(wire->have, &hello->have, e);
    }
    if (rc == 0) {
        rc = want_credit(wire->credit, &hello->credit, e);
    }
    if (rc == 0) {
        rc = want_id(wire->start, &hello->start, "start", e);
    }
    if (rc == 0) {
        rc = want_number(wire->head, &hello->head, "end of a journal", e);
    }
    if (rc == 0) {
        rc = want_number(wire->give_back, &hello->give_back,
                         "end of what is to be given back", e);
    }
    if (rc == 0) {
        rc = want_again(wire->again, &hello->have, &hello->again, e);
    }
    return rc;
}

static int decode_welcome(const Sangam__Message *frame, struct message *m,
                          struct err *e)
{
    const Sangam__Welcome *wire = frame->welcome;
    struct welcome *welcome = &m->as.welcome;
    welcome->protocol = wire->protocol;
    welcome->schema_version = wire->schema_version;
    int rc = want_hash(&wire->node, &welcome->node, "node", e);
    if (rc == 0) {
        rc = want_time(wire->time_ms, &welcome->time_ms, e);
    }
    if (rc == 0) {
        rc = want_id(wire->journal, &welcome->journal, "journal", e);
    }
    if (rc == 0) {
        rc = want_token(wire->have, &welcome->have, e);
    }
    if (rc == 0) {
        rc = want_credit(wire->credit, &welcome->credit, e);
    }
    if (rc == 0) {
        rc = want_id(wire->start, &welcome->start, "start", e);
    }
    if (rc == 0) {
        rc = want_number(wire->head, &welcome->head, "end of a journal", e);
    }
    if (rc == 0) {
        rc = want_number(wire->give_back, &welcome->give_back,
                         "end of what is to be given back", e);
    }
    if (rc == 0) {
        rc = want_again(wire->again, &welcome->have, &welcome->again, e);
    }
    return rc;
}

/* What precedes the changeset in its chain, as far as it was sent. */
static int decode_prev(const Sangam__Changeset *wire, struct travelling *item,
                       struct err *e)
{
    if (item->seq == 1) {
        if (wire->prev.len != 0 || wire->prev_incarnation != 0) {
            return err_set(e, ERR_FORMAT,
                           "the first of a chain names one before it");
        }
        item->has_prev = true; /* zeros */
        return 0;
    }
    item->prev_incarnation = wire->prev_incarnation == 0
                                 ? wire->incarnation
                                 : wire->prev_incarnation;
    return want_hash_or_none(&wire->prev, &item->has_prev, &item->prev, "prev",
                             e);
}

/* `memory` has room for the leaves: it must not move under other items. */
static int decode_changeset(const Sangam__Changeset *wire,
                            struct travelling *item, struct bytes *memory,
                            struct err *e)
{
    item->incarnation = wire->incarnation;
    item->hlc = wire->hlc;
    item->schema_version = wire->schema_version;
    item->certificate = wire->certificate;
    item->leaf_count = wire->leaf_count;
    item->position = wire->position;
    if (wire->seq == 0 || wire->incarnation == 0) {
        return err_set(e, ERR_FORMAT, "a changeset without a name");
    }
    if (item->leaf_count == 0 || wire->leaves.len == 0) {
        return err_set(e, ERR_FORMAT, "a changeset without leaves");
    }
    int rc = want_number(wire->seq, &item->seq, "seq", e);
    if (rc == 0) {
        rc = want_count(item->leaf_count, LEAVES_MAX, "leaves", e);
    }
    if (rc == 0) {
        rc = want_count(wire->leaves.len, PACKED_BYTES_MAX,
                        "bytes of packed leaves", e);
    }
    if (rc == 0) {
        rc = want_bytes(&wire->signature, item->signature, SIGNATURE_BYTES,
                        "signature", e);
    }
    if (rc == 0) {
        rc = want_hash_or_none(&wire->origin, &item->has_origin, &item->origin,
                               "origin", e);
    }
    if (rc == 0) {
        rc = decode_prev(wire, item, e);
    }
    if (rc == 0) {
        item->leaves.data = memory->data + memory->len;
        item->leaves.len = wire->leaves.len;
        bytes_put(memory, wire->leaves.data, wire->leaves.len);
    }
    return rc;
}

/* Sets *ret_items, which message_clear() frees, before it can fail. */
static int decode_items(Sangam__Changeset *const *wire, size_t count,
                        struct travelling **ret_items, struct bytes *memory,
                        struct err *e)
{
    size_t leaves_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        leaves_bytes += wire[i]->leaves.len;
    }
    bytes_reserve(memory, leaves_bytes);
    struct travelling *items = allocate(count, sizeof *items);
    *ret_items = items;
    for (size_t i = 0; i < count; i++) {
        if (decode_changeset(wire[i], &items[i], memory, e) != 0) {
            return err_wrap(e, "changeset %zu of %zu", i + 1, count);
        }
    }
    return 0;
}

static int decode_changesets(const Sangam__Message *frame, struct message *m,
                             struct err *e)
{
    const Sangam__Changesets *wire = frame->changesets;
    struct changesets *changesets = &m->as.changesets;
    int rc =
        want_count(wire->n_changesets, MESSAGE_CHANGESETS_MAX, "changesets", e);
    if (rc == 0) {
        rc = decode_items(wire->changesets, wire->n_changesets,
                          &changesets->items, &m->memory, e);
    }
    if (rc == 0) {
        rc = want_number(wire->position, &changesets->position, "position", e);
    }
    if (rc == 0) {
        rc = want_number(wire->from, &changesets->from, "from", e);
    }
    if (rc != 0) {
        return rc;
    }
    changesets->count = wire->n_changesets;
    uint64_t last = changesets->from;
    for (size_t i = 0; i < changesets->count; i++) {
        if (changesets->items[i].position <= last) {
            return err_set(e, ERR_FORMAT, "the positions do not ascend");
        }
        last = changesets->items[i].position;
    }
    if (wire->position < last || wire->position <= wire->from) {
        return err_set(e, ERR_FORMAT, "the stretch ends before its last item");
    }
    return 0;
}

static int decode_refusals(const Sangam__Ack *wire, struct ack *ack,
                           struct err *e)
{
    uint64_t last = 0;
    ack->refusals = allocate(wire->n_refusals, sizeof *ack->refusals);
    ack->refusal_count = wire->n_refusals;
    for (size_t i = 0; i < wire->n_refusals; i++) {
        struct refusal *refusal = &ack->refusals[i];
        refusal->position = wire->refusals[i]->position;
        message_sentence(wire->refusals[i]->sentence, refusal->sentence);
        int rc = want_code(wire->refusals[i]->code, &refusal->code, e);
        if (rc != 0) {
            return rc;
        }
        if (refusal->position <= last ||
            refusal->position > ack->token.position) {
            return err_set(e, ERR_FORMAT,
                           "the positions refused do not ascend to the token");
        }
        last = refusal->position;
    }
    return 0;
}

static int decode_ack(const Sangam__Message *frame, struct message *m,
                      struct err *e)
{
    const Sangam__Ack *wire = frame->ack;
    struct ack *ack = &m->as.ack;
    int rc = want_id(wire->journal, &ack->journal, "journal", e);
    if (rc == 0) {
        rc = want_token(wire->token, &ack->token, e);
    }
    if (rc == 0) {
        rc = want_count(wire->n_refusals, ACK_REFUSED_MAX, "refusals", e);
    }
    return rc == 0 ? decode_refusals(wire, ack, e) : rc;
}

static int decode_origin_digest(const Sangam__OriginDigest *wire,
                                struct origin_digest *origin, struct err *e)
{
    int rc = want_hash(&wire->origin, &origin->origin, "origin", e);
    if (rc == 0) {
        rc = want_hash(&wire->sum, &origin->sum, "sum", e);
    }
    if (rc == 0) {
        rc = want_number(wire->head, &origin->head, "head", e);
    }
    if (rc == 0) {
        rc = want_number(wire->leaves, &origin->leaves, "count", e);
    }
    return rc;
}

static int decode_digest(const Sangam__Message *frame, struct message *m,
                         struct err *e)
{
    const Sangam__Digest *wire = frame->digest;
    struct digest *digest = &m->as.digest;
    int rc = want_count(wire->n_origins, DIGEST_ORIGINS_MAX, "origins", e);
    if (rc == 0) {
        rc = want_number(wire->position, &digest->position, "position", e);
    }
    if (rc != 0) {
        return rc;
    }
    digest->origins = allocate(wire->n_origins, sizeof *digest->origins);
    digest->count = wire->n_origins;
    for (size_t i = 0; rc == 0 && i < wire->n_origins; i++) {
        rc = decode_origin_digest(wire->origins[i], &digest->origins[i], e);
    }
    return rc;
}

static int decode_heartbeat(const Sangam__Message *frame, struct message *m,
                            struct err *e)
{
    return want_time(frame->heartbeat->time_ms, &m->as.heartbeat.time_ms, e);
}

static int decode_error(const Sangam__Message *frame, struct message *m,
                        struct err *e)
{
    message_sentence(frame->error->sentence, m->as.error.sentence);
    return want_code(frame->error->code, &m->as.error.code, e);
}

static int decode_enrol(const Sangam__Message *frame, struct message *m,
                        struct err *e)
{
    const Sangam__Enrol *wire = frame->enrol;
    struct enrol_request *enrol = &m->as.enrol;
    int rc = want_hash(&wire->network, &enrol->network, "network", e);
    if (rc == 0) {
        rc = want_bytes(&wire->invite_curve, enrol->invite_curve,
                        KEY_PUBLIC_BYTES, "invite_curve", e);
    }
    if (rc == 0) {
        rc = want_bytes(&wire->sign_public, enrol->sign_public,
                        KEY_PUBLIC_BYTES, "sign_public", e);
    }
    if (rc == 0) {
        rc = want_bytes(&wire->box_public, enrol->box_public, KEY_PUBLIC_BYTES,
                        "box_public", e);
    }
    if (rc == 0) {
        rc = want_bytes(&wire->curve_public, enrol->curve_public,
                        KEY_PUBLIC_BYTES, "curve_public", e);
    }
    if (rc == 0) {
        rc = want_bytes(&wire->signature, enrol->signature, SIGNATURE_BYTES,
                        "signature", e);
    }
    return rc;
}

static int decode_grant(const Sangam__Message *frame, struct message *m,
                        struct err *e)
{
    const Sangam__Grant *wire = frame->grant;
    struct grant *grant = &m->as.grant;
    grant->certificate = wire->certificate;
    grant->schema_version = wire->schema_version;
    int rc = want_hash(&wire->parent, &grant->parent, "parent", e);
    if (rc == 0) {
        rc = want_count(wire->n_chain, GRANT_CERTIFICATES_MAX, "certificates",
                        e);
    }
    if (rc == 0) {
        rc = decode_items(wire->chain, wire->n_chain, &grant->chain, &m->memory,
                          e);
    }
    if (rc != 0) {
        return rc;
    }
    grant->count = wire->n_chain;
    if (grant->count == 0) {
        return err_set(e, ERR_FORMAT, "a grant without certificates");
    }
    for (size_t i = 0; i < grant->count; i++) {
        if (!grant->chain[i].has_origin || !grant->chain[i].has_prev) {
            return err_set(e, ERR_FORMAT,
                           "certificate %zu of the grant leaves out what "
                           "nobody can compute",
                           i + 1);
        }
    }
    return 0;
}

/* --- the frame ----------------------------------------------------------- */

typedef int decoder(const Sangam__Message *frame, struct message *m,
                    struct err *e);

static decoder *const decoders[] = {
    [MESSAGE_HELLO] = decode_hello,
    [MESSAGE_WELCOME] = decode_welcome,
    [MESSAGE_CHANGESETS] = decode_changesets,
    [MESSAGE_ACK] = decode_ack,
    [MESSAGE_DIGEST] = decode_digest,
    [MESSAGE_HEARTBEAT] = decode_heartbeat,
    [MESSAGE_ERROR] = decode_error,
    [MESSAGE_ENROL] = decode_enrol,
    [MESSAGE_GRANT] = decode_grant,
};

static int decode_kind(const Sangam__Message *wire, struct message *m,
                       struct err *e)
{
    if (wire->kind_case == SANGAM__MESSAGE__KIND__NOT_SET) {
        return wire->base.n_unknown_fields == 0
                   ? err_set(e, ERR_FORMAT, "a message of no kind")
                   : err_set(e, ERR_VERSION,
                             "a kind of message this program does not know");
    }
    m->kind = (enum message_kind)wire->kind_case;
    if (decoders[m->kind](wire, m, e) != 0) {
        return err_wrap(e, "%s", message_word(m->kind));
    }
    return 0;
}

int message_decode(struct slice frame, struct message *ret, struct err *e)
{
    struct err local;
    e = e == NULL ? &local : e; /* err_wrap() needs the code */
    if (frame.len > FRAME_BYTES_MAX) {
        return err_set(e, ERR_LIMIT, "a frame of %zu bytes is too large",
                       frame.len);
    }
    struct allowance allowance = {.bytes = UNPACK_BYTES_MAX,
                                  .allocations = UNPACK_ALLOCATIONS_MAX};
    ProtobufCAllocator allocator = {.alloc = allowance_take,
                                    .free = allowance_free,
                                    .allocator_data = &allowance};
    const uint8_t *data = frame.len == 0 ? (const uint8_t *)"" : frame.data;
    Sangam__Message *wire =
        sangam__message__unpack(&allocator, frame.len, data);
    if (wire == NULL) {
        return allowance.spent
                   ? err_set(e, ERR_LIMIT, "a frame unfolds to too much")
                   : err_set(e, ERR_FORMAT, "a frame is not a message");
    }
    struct message m = {0};
    int rc = decode_kind(wire, &m, e);
    sangam__message__free_unpacked(wire, &allocator);
    if (rc != 0) {
        message_clear(&m);
        return rc;
    }
    *ret = m;
    return 0;
}
