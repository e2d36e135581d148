/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include <sodium.h>
#include <string.h>
#include <zmq.h>
#include <zstd.h>

#include "node/clock.h"

enum {
    BOMB_BYTES = 256 * 1024 * 1024,
    GIANT_BYTES = 64 * 1024 * 1024,
    GARBAGE_FRAMES = 100,
    YEAR_DAYS = 365,
    STAMP_MS = 1 << 16, /* a millisecond in a stamp */
};

static const char *own_site(const struct liar *l)
{
    return replica_self(l->replica)->site;
}

static const struct hash *prison(const struct liar *l)
{
    const struct hash *node =
        registry_node_of(l->replica->merger.registry, slice_text(PRISON));
    if (node == NULL) {
        give_up("the prison has no node", NULL);
    }
    return node;
}

/* --- chains -------------------------------------------------------------- */

/* After what is held of the prison, in its name. */
static struct changeset_header prison_header(struct liar *l)
{
    const struct registry *registry = l->replica->merger.registry;
    const struct origin *o = registry_origin(registry, prison(l));
    struct changeset_header h = next_header(l);
    h.origin = *prison(l);
    h.seq = o->head_seq + 1;
    h.prev = o->head_hash;
    h.prev_incarnation = o->head_incarnation;
    h.certificate = registry_current(registry, prison(l))->serial;
    return h;
}

static void tell_dose(struct liar *l, const struct changeset_header *h,
                      const char *id, const char *site)
{
    struct changeset *cs = sign_leaf(l, h, dose(id, site));
    greet(l);
    tell(l, &cs, 1);
}

/* As the prison, with another key than it has; */
static void lie_forged(struct liar *l)
{
    struct changeset_header h = prison_header(l);
    tell_dose(l, &h, "dose-forged", PRISON);
}

/* as its parent, under a certificate that goes with the key. */
static void lie_borrowed(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.origin = l->parent.node;
    tell_dose(l, &h, "dose-borrowed", own_site(l));
}

static void lie_gap(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.seq += 5;
    tell_dose(l, &h, "dose-gap", own_site(l));
}

static void lie_broken_chain(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.prev.bytes[0] ^= 1;
    tell_dose(l, &h, "dose-broken-chain", own_site(l));
}

static void lie_future(struct liar *l)
{
    struct changeset_header h = next_header(l);
    h.hlc += (uint64_t)YEAR_DAYS * 86400 * 1000 * STAMP_MS;
    tell_dose(l, &h, "dose-future", own_site(l));
}

/* One number for two doses. */
static void lie_reused(struct liar *l)
{
    struct changeset_header h = next_header(l);
    struct changeset *both[] = {
        sign_leaf(l, &h, dose("dose-reused", own_site(l))),
        sign_leaf(l, &h, dose("dose-reused-again", own_site(l))),
    };
    greet(l);
    tell(l, both, 2);
}

/* The header of the liar's last changeset, as far as it says what is before. */
static struct changeset_header last_header(struct liar *l)
{
    const struct origin *own = replica_own_origin(l->replica);
    struct changeset_header ret = {.seq = 0};
    struct walked w;
    must(replica_walk(l->replica, &l->parent, 0, 1024 * 1024, &w, said));
    for (size_t i = 0; i < w.count; i++) {
        const struct travelling *t = &w.items[i];
        if (t->seq == own->head_seq && hash_equal(&t->origin, &own->node)) {
            ret = travelling_header(t, &replica_self(l->replica)->network);
        }
    }
    walked_clear(&w);
    if (ret.seq == 0) {
        give_up("it has signed nothing", NULL);
    }
    return ret;
}

/* From the changeset before its last another branch, with a person and a dose;
 * then the one there was goes on. */
static void lie_fork(struct liar *l)
{
    struct changeset_header last = last_header(l);
    struct changeset_header old = next_header(l);
    struct changeset_header other = old;
    old.incarnation = last.incarnation;
    other.seq = last.seq;
    other.prev = last.prev;
    other.prev_incarnation = last.prev_incarnation;
    struct changeset *all[SEVERAL];
    all[0] = sign_leaf(l, &other, person("person-of-fork", own_site(l)));
    other.prev = changeset_hash(&all[0]->header);
    other.prev_incarnation = other.incarnation;
    other.seq++;
    other.hlc += STAMP_MS;
    all[1] = sign_leaf(l, &other, dose("dose-fork-new", own_site(l)));
    old.hlc += 2 * STAMP_MS;
    all[2] = sign_leaf(l, &old, dose("dose-fork-old", own_site(l)));
    greet(l);
    tell(l, all, SEVERAL);
}

/* --- what belongs to others ----------------------------------------------- */

static void lie_foreign_dose(struct liar *l)
{
    greet(l);
    tell_leaf(l, dose("dose-foreign", PRISON));
}

static void lie_foreign_event(struct liar *l)
{
    greet(l);
    tell_leaf(l, dose_update(DOSE_OF_PRISON));
}

static void lie_foreign_owner(struct liar *l)
{
    greet(l);
    tell_leaf(l, enrolment_update(PRISON));
}

static void lie_claimed_owner(struct liar *l)
{
    greet(l);
    tell_leaf(l, enrolment_update(own_site(l)));
}

static void lie_foreign_person(struct liar *l)
{
    greet(l);
    tell_leaf(l, person("person-foreign", PRISON));
}

static void lie_foreign_worker(struct liar *l)
{
    greet(l);
    tell_leaf(l, worker("worker-foreign", PRISON, own_site(l)));
}

static void lie_reference(struct liar *l)
{
    greet(l);
    tell_leaf(l, item_update());
}

/* --- what only others may say of nodes ------------------------------------ */

static struct leaf *new_leaf(void)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    return leaf;
}

/* For a second node of the prison. */
static void lie_certificate(struct liar *l)
{
    static struct certificate c;
    static struct keys keys;
    struct bytes memory = {0};
    struct leaf *leaf = new_leaf();
    keys_generate(&keys);
    replica_certificate_for(l->replica, &keys, PRISON, &c);
    c.serial = 1;
    certificate_leaf(&c, &memory, leaf);
    greet(l);
    tell_leaf(l, leaf);
    bytes_free(&memory);
}

static void lie_revocation(struct liar *l)
{
    const struct revocation v = {.node = *prison(l)};
    struct bytes memory = {0};
    struct leaf *leaf = new_leaf();
    revocation_leaf(&v, &memory, leaf);
    greet(l);
    tell_leaf(l, leaf);
    bytes_free(&memory);
}

static void lie_void(struct liar *l)
{
    const struct origin *o =
        registry_origin(l->replica->merger.registry, prison(l));
    const struct voiding v = {.node = o->node,
                              .incarnation = o->head_incarnation};
    struct bytes memory = {0};
    struct leaf *leaf = new_leaf();
    voiding_leaf(&v, &memory, leaf);
    greet(l);
    tell_leaf(l, leaf);
    bytes_free(&memory);
}

/* --- who it is ------------------------------------------------------------ */

static void say_hello(struct liar *l, const struct message *m)
{
    if (call(l)) {
        say(l, m);
        hear_answer(l);
    }
}

static void lie_other_node(struct liar *l)
{
    struct message m = hello(l);
    m.as.hello.node = *prison(l);
    m.as.hello.certificate =
        registry_current(l->replica->merger.registry, prison(l))->serial;
    say_hello(l, &m);
}

static void lie_other_network(struct liar *l)
{
    struct message m = hello(l);
    m.as.hello.network.bytes[0] ^= 1;
    say_hello(l, &m);
}

/* Speaks before it has greeted. */
static void lie_early(struct liar *l)
{
    struct changeset_header h = next_header(l);
    struct changeset *cs = sign_leaf(l, &h, dose("dose-early", own_site(l)));
    if (call(l)) {
        tell(l, &cs, 1);
    }
    changeset_destroy(&cs);
}

/* Keys of nobody. */
static void lie_unknown_key(struct liar *l)
{
    keys_generate(&l->keys);
    knock(l);
}

/* --- bytes ---------------------------------------------------------------- */

/* More leaves than a changeset may have: what message_encode() would not say. */
static void lie_count(struct liar *l)
{
    static const uint8_t most[] = {0x48, 0xe8, 0x07}; /* leaf_count = 1000 */
    static const uint8_t lots[] = {0x48, 0xff, 0x7f}; /* 16383 */
    struct changeset_header h = next_header(l);
    struct changeset *cs = sign_leaf(l, &h, dose("dose-count", own_site(l)));
    struct bytes packed = {0};
    struct bytes frame = {0};
    greet(l);
    struct travelling t = travel(l, cs, 0, &packed);
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
    bytes_free(&packed);
    bytes_free(&frame);
    changeset_destroy(&cs);
}

/* A quarter of a gigabyte of zeros, compressed, for leaves. */
static void pack_bomb(struct bytes *out)
{
    uint8_t *zeros = calloc(1, BOMB_BYTES);
    size_t room = ZSTD_compressBound(BOMB_BYTES);
    uint8_t *small = malloc(room);
    if (zeros == NULL || small == NULL) {
        abort();
    }
    size_t len = ZSTD_compress(small, room, zeros, BOMB_BYTES, 3);
    bytes_put_u8(out, 3); /* whole, compressed */
    bytes_put(out, zeros, SEED_BYTES);
    bytes_put_varint(out, 0);
    bytes_put_varint(out, BOMB_BYTES);
    bytes_put(out, small, len);
    free(zeros);
    free(small);
}

static void lie_bomb(struct liar *l)
{
    struct changeset_header h = next_header(l);
    struct changeset *cs = sign_leaf(l, &h, dose("dose-bomb", own_site(l)));
    struct bytes packed = {0};
    struct bytes bomb = {0};
    pack_bomb(&bomb);
    do {
        greet(l);
        struct travelling t = travel(l, cs, 0, &packed);
        t.leaves = slice_of(&bomb);
        const struct message m = {.kind = MESSAGE_CHANGESETS,
                                  .as.changesets = {.items = &t,
                                                    .count = 1,
                                                    .position = start_of(l) + 1,
                                                    .from = start_of(l)}};
        say(l, &m);
        hear_answer(l);
        bytes_clear(&packed);
    } while (goes_on());
    bytes_free(&packed);
    bytes_free(&bomb);
    changeset_destroy(&cs);
}

static void lie_garbage(struct liar *l)
{
    uint8_t noise[1000];
    greet(l);
    for (int i = 0; i < GARBAGE_FRAMES; i++) {
        randombytes_buf(noise, sizeof noise);
        (void)send_frame(l, (struct slice){noise, sizeof noise});
    }
    hear_answer(l);
}

static void lie_giant(struct liar *l)
{
    uint8_t *noise = calloc(1, GIANT_BYTES);
    do {
        greet(l);
        void *raw = zsock_resolve(transport_socket(l->link));
        (void)zmq_send(raw, noise, GIANT_BYTES, 0);
        hear_answer(l);
    } while (goes_on());
    free(noise);
}

/* --- without end ---------------------------------------------------------- */

/* Says far more than it was given credit for, and reads nothing. */
static void lie_flood(struct liar *l)
{
    struct changeset_header h = next_header(l);
    struct changeset *cs = sign_leaf(l, &h, dose("dose-flood", own_site(l)));
    struct bytes packed = {0};
    uint64_t count = 0;
    greet(l);
    struct travelling t = travel(l, cs, 0, &packed);
    do {
        t.position = start_of(l) + count + 1;
        t.seq = h.seq + count + 5; /* nothing that could be taken */
        const struct message m = {.kind = MESSAGE_CHANGESETS,
                                  .as.changesets = {.items = &t,
                                                    .count = 1,
                                                    .position = t.position,
                                                    .from = t.position - 1}};
        say(l, &m);
        count++;
    } while (goes_on());
    printf("flooded with %llu messages\n", (unsigned long long)count);
    hear_answer(l);
    bytes_free(&packed);
    changeset_destroy(&cs);
}

/* Nothing but what has the right form and says nothing. */
static void lie_chatter(struct liar *l)
{
    struct message heartbeat = {.kind = MESSAGE_HEARTBEAT};
    struct message ack = {.kind = MESSAGE_ACK};
    uint64_t count = 0;
    greet(l);
    ack.as.ack.journal = replica_self(l->replica)->journal;
    ack.as.ack.token = l->parent.have;
    do {
        heartbeat.as.heartbeat.time_ms = clock_wall_ms();
        say(l, count++ % 2 == 0 ? &heartbeat : &ack);
    } while (goes_on());
    printf("chattered with %llu messages\n", (unsigned long long)count);
    hear_answer(l);
}

/* --- all ------------------------------------------------------------------ */

static const struct {
    const char *name;
    lie_function *tell;
} lies[] = {
    {"forged", lie_forged},
    {"borrowed", lie_borrowed},
    {"gap", lie_gap},
    {"broken-chain", lie_broken_chain},
    {"future", lie_future},
    {"reused", lie_reused},
    {"fork", lie_fork},
    {"foreign-dose", lie_foreign_dose},
    {"foreign-event", lie_foreign_event},
    {"foreign-owner", lie_foreign_owner},
    {"claimed-owner", lie_claimed_owner},
    {"foreign-person", lie_foreign_person},
    {"foreign-worker", lie_foreign_worker},
    {"reference", lie_reference},
    {"certificate", lie_certificate},
    {"revocation", lie_revocation},
    {"void", lie_void},
    {"other-node", lie_other_node},
    {"other-network", lie_other_network},
    {"early", lie_early},
    {"unknown-key", lie_unknown_key},
    {"count", lie_count},
    {"bomb", lie_bomb},
    {"garbage", lie_garbage},
    {"giant", lie_giant},
    {"flood", lie_flood},
    {"chatter", lie_chatter},
};

lie_function *lie_named(const char *name)
{
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        if (strcmp(lies[i].name, name) == 0) {
            return lies[i].tell;
        }
    }
    return NULL;
}
