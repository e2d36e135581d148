/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Liar: a node with valid keys that says what it may not.
 *
 *   liar HOME LIE
 *
 * HOME is of a node that does not run, whose chain its parent has. The liar calls
 * the parent as that node, says LIE, and prints what it is told. tests/cluster/
 * hostile.py looks at what came of it.
 */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include <zstd.h>

#include "node/clock.h"
#include "node/home.h"
#include "node/transport.h"
#include "protocol/pack.h"
#include "store/parts.h"

enum {
    UP_MS = 10 * 1000,
    ANSWER_MS = 5 * 1000,
    FLOOD = 200 * 1000,
    BOMB_BYTES = 512 * 1024 * 1024,
    GIANT_BYTES = 64 * 1024 * 1024,
    YEAR_DAYS = 365,
};

struct liar {
    struct keys keys;
    struct replica *replica;
    struct peer parent;
    struct transport *link;
    struct packer *packer;
    struct welcome welcome;
    struct bytes packed;
    struct bytes body;
};

static void give_up(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "liar: %s: %s\n", what, e != NULL ? e->text : "");
    exit(2);
}

#define must(call)                                                             \
    do {                                                                       \
        struct err must_err = {0};                                             \
        struct err *said = &must_err;                                          \
        if ((call) < 0) {                                                      \
            give_up(#call, said);                                              \
        }                                                                      \
    } while (0)

/* --- the line ------------------------------------------------------------ */

static int send_frame(struct liar *l, struct slice frame)
{
    struct err e = {0};
    int rc = ERR_BUSY;
    for (int tries = 0; rc == ERR_BUSY && tries < 1000; tries++) {
        rc = transport_send(l->link, NULL, frame, &e);
        if (rc == ERR_BUSY) {
            (void)poll(NULL, 0, 1);
        }
    }
    return rc;
}

static void say(struct liar *l, const struct message *m)
{
    struct bytes frame = {0};
    message_encode(m, &frame);
    if (send_frame(l, slice_of(&frame)) != 0) {
        printf("not sent\n");
    }
    bytes_free(&frame);
}

static void print_heard(const struct message *m)
{
    if (m->kind == MESSAGE_ERROR) {
        printf("error: %s\n", m->as.error.sentence);
    }
    for (size_t i = 0; m->kind == MESSAGE_ACK && i < m->as.ack.refusal_count;
         i++) {
        printf("refused: %s\n", m->as.ack.refusals[i].sentence);
    }
    if (m->kind == MESSAGE_ACK) {
        printf("acknowledged to %llu\n",
               (unsigned long long)m->as.ack.token.position);
    }
}

/* What it is told, until a message of this kind, an error, or the end. */
static bool hear(struct liar *l, enum message_kind kind, struct message *ret)
{
    struct err e = {0};
    int64_t end_ms = clock_mono_ms() + ANSWER_MS;
    while (clock_mono_ms() < end_ms) {
        struct inbound in;
        const char *says = NULL;
        if (transport_state(l->link, &says) == TRANSPORT_LOST) {
            printf("lost: %s\n", says);
            return false;
        }
        if (!transport_receive(l->link, &in)) {
            (void)poll(NULL, 0, 5);
            continue;
        }
        if (in.frame.len == 0 || message_decode(in.frame, ret, &e) != 0) {
            continue;
        }
        print_heard(ret);
        if (ret->kind == kind) {
            return true;
        }
        bool over = ret->kind == MESSAGE_ERROR;
        message_clear(ret);
        if (over) {
            return false;
        }
    }
    printf("no answer\n");
    return false;
}

/* From where the hub listens: what was refused it asks for again. */
static uint64_t start_of(const struct liar *l)
{
    return l->welcome.have.position - l->welcome.again;
}

/* Not what is told again of what was refused before. */
static void hear_answer(struct liar *l)
{
    struct message m;
    bool ours = false;
    while (!ours && hear(l, MESSAGE_ACK, &m)) {
        ours = m.as.ack.token.position > start_of(l);
        message_clear(&m);
    }
}

static void call(struct liar *l)
{
    const struct transport_keys keys = {l->keys.curve_public,
                                        l->keys.curve_secret};
    int64_t end_ms = clock_mono_ms() + UP_MS;
    must(transport_call(replica_self(l->replica)->parent_address,
                        l->parent.curve_public, &keys, &l->link, said));
    while (transport_state(l->link, NULL) != TRANSPORT_UP) {
        if (clock_mono_ms() >= end_ms) {
            printf("not let in\n");
            exit(0);
        }
        (void)poll(NULL, 0, 5);
    }
}

static struct message hello(struct liar *l)
{
    const struct replica_self *self = replica_self(l->replica);
    return (struct message){.kind = MESSAGE_HELLO,
                            .as.hello = {.protocol = PROTOCOL_VERSION,
                                         .network = self->network,
                                         .node = self->node,
                                         .certificate = self->certificate,
                                         .schema_version = self->schema_version,
                                         .time_ms = clock_wall_ms(),
                                         .journal = self->journal,
                                         .have = l->parent.have,
                                         .start = lineage_start(&self->lineage),
                                         .head = self->head,
                                         .credit = 8}};
}

static void greet(struct liar *l)
{
    struct message m = hello(l);
    say(l, &m);
    if (!hear(l, MESSAGE_WELCOME, &m)) {
        give_up("no welcome", NULL);
    }
    l->welcome = m.as.welcome;
    message_clear(&m);
}

/* --- what it signs ------------------------------------------------------- */

/* The header of its next changeset. */
static struct changeset_header next_header(struct liar *l)
{
    const struct replica_self *self = replica_self(l->replica);
    const struct origin *own = replica_own_origin(l->replica);
    return (struct changeset_header){
        .network = self->network,
        .origin = self->node,
        .incarnation = own->head_incarnation,
        .seq = own->head_seq + 1,
        .prev_incarnation = own->head_incarnation,
        .prev = own->head_hash,
        .hlc = (uint64_t)clock_wall_ms() << 16,
        .schema_version = self->schema_version,
        .certificate = self->certificate,
    };
}

/* A dose of its own that it wrote before, with another key and note. */
static struct changeset *sign_dose(struct liar *l,
                                   const struct changeset_header *header,
                                   struct slice from, struct slice to)
{
    static const uint8_t seed[SEED_BYTES] = {7};
    struct walked w;
    struct changeset *cs = NULL;
    must(replica_walk(l->replica, &l->parent, 0, 1024 * 1024, &w, said));
    const struct travelling *t = &w.items[w.count - 1];
    struct changeset_header old = travelling_header(t, &header->network);
    must(packer_unpack(l->packer, &old, t->leaves, &cs, said));
    const struct slot *slot = &cs->slots[cs->header.leaf_count - 1];
    bytes_clear(&l->body);
    bytes_put(&l->body, slot->body.data, slot->body.len);
    for (size_t i = 0; from.len > 0 && i + from.len <= l->body.len; i++) {
        if (memcmp(l->body.data + i, from.data, from.len) == 0) {
            memcpy(l->body.data + i, to.data, to.len);
        }
    }
    const struct leaf_bytes leaf = {slot->head, slice_of(&l->body)};
    struct changeset *ret = changeset_sign(header, &leaf, 1, seed, &l->keys);
    changeset_destroy(&cs);
    walked_clear(&w);
    return ret;
}

static struct travelling travel(struct liar *l, const struct changeset *cs)
{
    const struct changeset_header *h = &cs->header;
    struct travelling t = {
        .has_origin = true,
        .has_prev = true,
        .origin = h->origin,
        .prev = h->prev,
        .incarnation = h->incarnation,
        .seq = h->seq,
        .prev_incarnation = h->prev_incarnation,
        .hlc = h->hlc,
        .certificate = h->certificate,
        .schema_version = h->schema_version,
        .leaf_count = h->leaf_count,
        .position = start_of(l) + 1,
    };
    bytes_clear(&l->packed);
    packer_pack(l->packer, cs, &l->packed);
    memcpy(t.signature, cs->signature, sizeof t.signature);
    t.leaves = slice_of(&l->packed);
    return t;
}

static void say_changesets(struct liar *l, struct travelling *items,
                           size_t count)
{
    const struct message m = {.kind = MESSAGE_CHANGESETS,
                              .as.changesets = {.items = items,
                                                .count = count,
                                                .position = start_of(l) + count,
                                                .from = start_of(l)}};
    say(l, &m);
}

static void say_dose(struct liar *l, const struct changeset_header *h,
                     const char *from, const char *to)
{
    struct changeset *cs = sign_dose(l, h, slice_text(from), slice_text(to));
    struct travelling t = travel(l, cs);
    say_changesets(l, &t, 1);
    hear_answer(l);
    changeset_destroy(&cs);
}

/* --- lies ---------------------------------------------------------------- */

/* A dose that the prison gave, by the clinic. */
static void lie_foreign(struct liar *l)
{
    struct changeset_header h = next_header(l);
    greet(l);
    say_dose(l, &h, "PB-LDH-C01", "PB-LDH-P01");
}

/* The number that `foreign` has used, for something else. */
static void lie_reused(struct liar *l)
{
    struct changeset_header h = next_header(l);
    greet(l);
    say_dose(l, &h, "dose-of-clinic", "dose-of-nobody");
}

/* In the name of its parent. */
static void lie_forged(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.origin = l->parent.node;
    greet(l);
    say_dose(l, &h, "", "");
}

static void lie_gap(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.seq += 5;
    greet(l);
    say_dose(l, &h, "", "");
}

static void lie_broken_chain(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.prev.bytes[0] ^= 1;
    greet(l);
    say_dose(l, &h, "", "");
}

static void lie_future(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.hlc += (uint64_t)YEAR_DAYS * 86400 * 1000 << 16;
    greet(l);
    say_dose(l, &h, "", "");
}

/* More leaves than a changeset may have: what message_encode() would not say. */
static void lie_count(struct liar *l)
{
    static const uint8_t most[] = {0x48, 0xe8, 0x07}; /* leaf_count = 1000 */
    static const uint8_t lots[] = {0x48, 0xff, 0x7f}; /* 16383 */
    struct changeset_header h = next_header(l);
    struct bytes frame = {0};
    greet(l);
    struct changeset *cs = sign_dose(l, &h, slice_text(""), slice_text(""));
    struct travelling t = travel(l, cs);
    t.leaf_count = LEAVES_MAX;
    const struct message m = {.kind = MESSAGE_CHANGESETS,
                              .as.changesets = {.items = &t,
                                                .count = 1,
                                                .position = start_of(l) + 1,
                                                .from = start_of(l)}};
    message_encode(&m, &frame);
    for (size_t i = 0; i + sizeof most <= frame.len; i++) {
        if (memcmp(frame.data + i, most, sizeof most) == 0) {
            memcpy(frame.data + i, lots, sizeof lots);
        }
    }
    (void)send_frame(l, slice_of(&frame));
    hear_answer(l);
    bytes_free(&frame);
    changeset_destroy(&cs);
}

/* Half a gigabyte of zeros, compressed, for leaves. */
static void lie_bomb(struct liar *l)
{
    struct changeset_header h = next_header(l);
    greet(l);
    struct changeset *cs = sign_dose(l, &h, slice_text(""), slice_text(""));
    struct travelling t = travel(l, cs);
    uint8_t *zeros = calloc(1, BOMB_BYTES);
    size_t room = ZSTD_compressBound(BOMB_BYTES);
    uint8_t *small = malloc(room);
    size_t len = ZSTD_compress(small, room, zeros, BOMB_BYTES, 3);
    bytes_clear(&l->packed);
    bytes_put_u8(&l->packed, 3); /* whole, compressed */
    bytes_put(&l->packed, zeros, SEED_BYTES);
    bytes_put_varint(&l->packed, 0);
    bytes_put_varint(&l->packed, BOMB_BYTES);
    bytes_put(&l->packed, small, len);
    t.leaves = slice_of(&l->packed);
    say_changesets(l, &t, 1);
    hear_answer(l);
    free(zeros);
    free(small);
    changeset_destroy(&cs);
}

static void lie_other_node(struct liar *l)
{
    struct message m = hello(l);
    m.as.hello.node.bytes[0] ^= 1;
    say(l, &m);
    hear_answer(l);
}

static void lie_other_network(struct liar *l)
{
    struct message m = hello(l);
    m.as.hello.network.bytes[0] ^= 1;
    say(l, &m);
    hear_answer(l);
}

/* Speaks before it has greeted. */
static void lie_early(struct liar *l)
{
    struct changeset_header h = next_header(l);
    say_dose(l, &h, "", "");
}

static void lie_garbage(struct liar *l)
{
    uint8_t noise[1000];
    greet(l);
    for (int i = 0; i < 100; i++) {
        randombytes_buf(noise, sizeof noise);
        (void)send_frame(l, (struct slice){noise, sizeof noise});
    }
    hear_answer(l);
}

static void lie_giant(struct liar *l)
{
    uint8_t *noise = calloc(1, GIANT_BYTES);
    greet(l);
    void *raw = zsock_resolve(transport_socket(l->link));
    (void)zmq_send(raw, noise, GIANT_BYTES, 0);
    hear_answer(l);
    free(noise);
}

/* Says far more than it was given credit for, and reads nothing. */
static void lie_flood(struct liar *l)
{
    struct changeset_header h = next_header(l);
    greet(l);
    h.seq += 5;
    struct changeset *cs = sign_dose(l, &h, slice_text(""), slice_text(""));
    struct travelling t = travel(l, cs);
    const struct message m = {.kind = MESSAGE_CHANGESETS,
                              .as.changesets = {.items = &t,
                                                .count = 1,
                                                .position = start_of(l) + 1,
                                                .from = start_of(l)}};
    struct bytes frame = {0};
    message_encode(&m, &frame);
    int sent = 0;
    while (sent < FLOOD && send_frame(l, slice_of(&frame)) == 0) {
        sent++;
    }
    printf("flooded with %d messages\n", sent);
    hear_answer(l);
    bytes_free(&frame);
    changeset_destroy(&cs);
}

/* Nothing but greetings of the right form, without end. */
static void lie_chatter(struct liar *l)
{
    struct message m = {.kind = MESSAGE_HEARTBEAT};
    greet(l);
    for (int i = 0; i < FLOOD; i++) {
        m.as.heartbeat.time_ms = clock_wall_ms();
        say(l, &m);
    }
    hear_answer(l);
}

static const struct {
    const char *name;
    void (*tell)(struct liar *l);
} lies[] = {
    {"forged", lie_forged},
    {"gap", lie_gap},
    {"broken-chain", lie_broken_chain},
    {"future", lie_future},
    {"count", lie_count},
    {"bomb", lie_bomb},
    {"other-node", lie_other_node},
    {"other-network", lie_other_network},
    {"early", lie_early},
    {"garbage", lie_garbage},
    {"giant", lie_giant},
    {"flood", lie_flood},
    {"chatter", lie_chatter},
    {"foreign", lie_foreign},
    {"reused", lie_reused},
};

/* --- the whole ----------------------------------------------------------- */

static void open_home(struct liar *l, const char *folder)
{
    struct home *home = NULL;
    const struct replica_start start = {.schema = &schema_embedded,
                                        .now_ms = clock_wall_ms()};
    must(home_open(folder, &home, said));
    must(home_keys_read(home, &l->keys, said));
    must(replica_open(home->replica, &l->keys, &start, &l->replica, said));
    must(replica_parent(l->replica, &l->parent, said));
    home_close(&home);
    l->packer = packer_new();
}

int main(int argc, char **argv)
{
    static struct liar l;
    if (argc != 3 || sodium_init() < 0) {
        (void)fprintf(stderr, "usage: liar HOME LIE\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        if (strcmp(lies[i].name, argv[2]) == 0) {
            open_home(&l, argv[1]);
            call(&l);
            lies[i].tell(&l);
            transport_destroy(&l.link);
            replica_close(&l.replica);
            packer_destroy(&l.packer);
            bytes_free(&l.packed);
            bytes_free(&l.body);
            keys_wipe(&l.keys);
            return 0;
        }
    }
    (void)fprintf(stderr, "liar: no such lie: %s\n", argv[2]);
    return 2;
}
