/* SPDX-License-Identifier: Apache-2.0 */
/* From received bytes to applied rows: who has valid keys says anything, to the
 * hub of a clinic: the clinic, another district's clinic by way of headquarters,
 * or headquarters. Of a changeset leaves are left out, sealed or altered before
 * it is signed, and the frame is altered that carries it. The hub decodes,
 * verifies, admits, merges and shows what it may, and refuses the rest; the
 * transaction is then undone, so that each input meets the same hub. */
#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "any_leaf.h"
#include "fuzz.h"
#include "protocol/pack.h"
#include "protocol/session.h"
#include "store/parts.h"
#include "support/sample.h"
#include "support/tree.h"

enum { HQ, HUB, CLINIC, FAR_HUB, FAR_CLINIC, NODES };

enum {
    LEAVES = 8,     /* of a changeset */
    CHANGESETS = 3, /* of an input */
    PRIORS = LEAVES * CHANGESETS,
    ALTERED_MAX = 3, /* bytes of one thing */
};

/* What was said of a scope and class within this input. */
struct prior {
    struct bytes scope;
    uint16_t class_id;
    uint64_t seq;
};

/* A leaf to be signed. */
struct encoded {
    struct bytes head;
    struct bytes body;
    struct leaf leaf; /* decoded again */
};

struct wire {
    struct tree *tree;
    struct packer *packer;
    struct certificate certificates[NODES + 1]; /* the last is not said yet */
    int writer;
    int neighbour;                /* of the hub, over which it comes */
    struct changeset_header last; /* the next changeset of the writer */
    struct slice in;
    struct prior priors[PRIORS];
    size_t prior_count;
    struct encoded encoded[LEAVES];
    size_t encoded_count;
    struct travelling items[CHANGESETS];
    struct bytes packed[CHANGESETS];
    size_t count;
    struct bytes frame;
    struct session_actions actions;
    struct stored stored;
};

/* --- the districts ------------------------------------------------------- */

static int undo(void *unused)
{
    (void)unused;
    return 1; /* every COMMIT becomes a ROLLBACK */
}

static void fill(struct tree *t)
{
    tree_sql(
        t, CLINIC,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('p1', 'N-1');"
        "INSERT INTO enrolment(enrolment_id, person_id, programme, status)"
        " VALUES('e1', 'p1', 'OOAT', 'active');"
        "INSERT INTO dose_event(dose_id, person_id, kind, item_code, units,"
        " verified_by, dispensed_by) VALUES('d1', 'p1', 'observed',"
        " 'BUP-2', 4, 'photo_card', 'nurse 4')");
    tree_sql(
        t, HUB,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('p2', 'N-2')");
    tree_sql(
        t, FAR_CLINIC,
        "INSERT INTO person(person_id, beneficiary_no) VALUES('p3', 'N-3')");
    tree_sync(t);
}

static struct tree *districts(void)
{
    struct tree *t = tree_new();
    (void)tree_add(t, HQ, "LDH-H");
    tree_sync(t);
    (void)tree_add(t, HUB, "LDH-C");
    (void)tree_add(t, HQ, "ASR-H");
    tree_sync(t);
    (void)tree_add(t, FAR_HUB, "ASR-C");
    tree_sync(t);
    fill(t);
    return t;
}

/* What headquarters might issue to a prison. */
static struct certificate newcomer(struct wire *w)
{
    struct keys keys;
    struct certificate c = w->certificates[CLINIC];
    keys_generate(&keys);
    c.node = keys_node(keys.sign_public);
    memcpy(c.sign_public, keys.sign_public, sizeof c.sign_public);
    memcpy(c.box_public, keys.box_public, sizeof c.box_public);
    memcpy(c.curve_public, keys.curve_public, sizeof c.curve_public);
    c.parent = *tree_name(w->tree, HQ);
    memcpy(c.site, "LDH-P", sizeof "LDH-P");
    return c;
}

static struct wire *begin(void)
{
    struct wire *w = calloc(1, sizeof *w);
    if (w == NULL) {
        abort();
    }
    w->tree = districts();
    w->packer = packer_new();
    struct replica *hub = w->tree->nodes[HUB].replica;
    for (int i = 0; i < NODES; i++) {
        w->certificates[i] =
            *registry_current(hub->merger.registry, tree_name(w->tree, i));
    }
    w->certificates[NODES] = newcomer(w);
    (void)sqlite3_commit_hook(database_handle(hub->db), undo, NULL);
    return w;
}

/* The end of the writer's chain. */
static void find_end(struct wire *w)
{
    struct replica *r = w->tree->nodes[w->writer].replica;
    const struct origin *own = replica_own_origin(r);
    w->last = (struct changeset_header){
        .network = r->self.network,
        .origin = r->self.node,
        .incarnation = own->head_incarnation,
        .seq = own->head_seq + 1,
        .prev_incarnation = own->head_incarnation,
        .prev = own->head_hash,
        .hlc = (uint64_t)w->tree->now_ms << 16,
        .schema_version = schema_version(&schema_embedded),
        .certificate = r->self.certificate,
    };
}

static void choose_writer(struct wire *w)
{
    static const int ways[][2] = {
        {CLINIC, CLINIC}, {CLINIC, CLINIC}, {FAR_CLINIC, HQ}, {HQ, HQ}};
    const int *way = ways[fuzz_u8(&w->in) % 4];
    w->writer = way[0];
    w->neighbour = way[1];
    w->count = 0;
    w->prior_count = 0;
    find_end(w);
}

/* --- leaves -------------------------------------------------------------- */

/* What the writer's replica says, before this input. */
static uint64_t prior_before(struct wire *w, struct slice scope,
                             uint16_t class_id)
{
    struct err e = {0};
    struct database *db = w->tree->nodes[w->writer].replica->db;
    const struct value v = value_blob(scope.data, scope.len);
    sqlite3_stmt *stmt;
    uint64_t seq = 0;
    if (database_statement(db,
                           "SELECT seq FROM sync_prior WHERE scope = ?1"
                           " AND class_id = ?2",
                           &stmt, &e) == 0) {
        database_bind_at(stmt, 1, &v);
        sqlite3_bind_int64(stmt, 2, class_id);
        seq = database_step(db, stmt, &e) == 1
                  ? (uint64_t)sqlite3_column_int64(stmt, 0)
                  : 0;
        sqlite3_reset(stmt);
    }
    return seq;
}

static void put_scope(const struct leaf *leaf, struct bytes *out)
{
    bytes_clear(out);
    bytes_put_u8(out, (uint8_t)leaf->scope.kind);
    bytes_put_slice(out, leaf->scope.id);
}

static uint64_t prior_of(struct wire *w, const struct leaf *leaf)
{
    struct bytes scope = {0};
    uint64_t seq = 0;
    put_scope(leaf, &scope);
    for (size_t i = 0; i < w->prior_count; i++) {
        const struct prior *p = &w->priors[i];
        if (p->class_id == leaf->class_id &&
            slice_equal(slice_of(&p->scope), slice_of(&scope))) {
            seq = p->seq;
        }
    }
    if (seq == 0) {
        seq = prior_before(w, slice_of(&scope), leaf->class_id);
    }
    bytes_free(&scope);
    return seq < w->last.seq ? seq : 0;
}

static void note_prior(struct wire *w, const struct leaf *leaf)
{
    struct prior *p = &w->priors[w->prior_count++];
    put_scope(leaf, &p->scope);
    p->class_id = leaf->class_id;
    p->seq = w->last.seq;
}

static void make_leaf(struct wire *w)
{
    static struct leaf leaf;
    static struct bytes memory;
    const struct any_world world = {
        .manifest = replica_manifest(w->tree->nodes[HUB].replica),
        .certificates = w->certificates,
        .certificate_count = NODES + 1,
    };
    struct encoded *to = &w->encoded[w->encoded_count];
    any_leaf(&w->in, &world, &w->last, &memory, &leaf);
    leaf.prior = fuzz_u8(&w->in) % 64 == 1 ? fuzz_u8(&w->in) % w->last.seq
                                           : prior_of(w, &leaf);
    if (!leaf_is_sound(&leaf)) {
        return;
    }
    bytes_clear(&to->head);
    bytes_clear(&to->body);
    leaf_encode_head(&leaf, &to->head);
    leaf_encode_body(&leaf, &to->body);
    if (leaf_decode(slice_of(&to->head), slice_of(&to->body), &to->leaf,
                    NULL) == 0) {
        w->encoded_count++;
    }
}

static int compare_encoded(const void *a, const void *b)
{
    return leaf_compare(&((const struct encoded *)a)->leaf,
                        &((const struct encoded *)b)->leaf);
}

/* Ascending, each once. */
static void make_leaves(struct wire *w)
{
    size_t count = 1 + fuzz_u8(&w->in) % LEAVES;
    struct encoded *encoded = w->encoded;
    w->encoded_count = 0;
    for (size_t i = 0; i < count; i++) {
        make_leaf(w);
    }
    qsort(encoded, w->encoded_count, sizeof encoded[0], compare_encoded);
    size_t kept = w->encoded_count == 0 ? 0 : 1;
    for (size_t i = 1; i < w->encoded_count; i++) {
        if (compare_encoded(&encoded[kept - 1], &encoded[i]) != 0) {
            struct encoded swapped = encoded[kept];
            encoded[kept++] = encoded[i];
            encoded[i] = swapped;
        }
    }
    w->encoded_count = kept;
}

/* --- what is done to a changeset ------------------------------------------ */

/* The header says something else than it should. */
static void bend_header(struct wire *w)
{
    struct changeset_header *h = &w->last;
    switch (fuzz_u8(&w->in) % 16) {
    case 1:
        h->seq = 1 + fuzz_u8(&w->in) % (h->seq + 2);
        break;
    case 2:
        h->hlc = fuzz_u64(&w->in);
        break;
    case 3:
        h->hlc += (uint64_t)fuzz_u8(&w->in) << 36; /* 17 minutes each */
        break;
    case 4:
        h->incarnation += 1 + fuzz_u8(&w->in) % 4;
        break;
    case 5:
        h->prev_incarnation += 1 + fuzz_u8(&w->in) % 4;
        break;
    case 6:
        h->prev.bytes[0] ^= 1;
        break;
    case 7:
        h->schema_version = fuzz_u8(&w->in);
        break;
    case 8:
        h->certificate = fuzz_u8(&w->in);
        break;
    default:
        break;
    }
    if (h->seq == 1) { /* there is no other form to say it in */
        h->prev_incarnation = 0;
        h->prev = (struct hash){{0}};
    } else if (h->prev_incarnation == 0) {
        h->prev_incarnation = h->incarnation;
    }
}

static void alter(struct wire *w, uint8_t *data, size_t len)
{
    size_t count = 1 + fuzz_u8(&w->in) % ALTERED_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t at = fuzz_u16(&w->in) % len;
        data[at] = fuzz_u8(&w->in);
    }
}

/* Under the root as it stands. */
static void sign(struct wire *w, struct changeset *cs)
{
    static const char domain[] = "sangam-changeset-1";
    uint8_t bytes[sizeof domain - 1 + CHANGESET_HEADER_BYTES];
    memcpy(bytes, domain, sizeof domain - 1);
    changeset_header_encode(&cs->header, bytes + sizeof domain - 1);
    (void)crypto_sign_detached(cs->signature, NULL, bytes, sizeof bytes,
                               w->tree->nodes[w->writer].keys.sign_secret);
}

static void leave_out(struct wire *w, struct changeset **cs)
{
    bool keep[LEAVES];
    uint8_t which = fuzz_u8(&w->in);
    struct changeset *fewer = NULL;
    for (size_t i = 0; i < LEAVES; i++) {
        keep[i] = (which >> i & 1) != 0;
    }
    if (changeset_withhold(*cs, keep, &fewer, NULL) == 0) {
        changeset_destroy(cs);
        *cs = fewer;
    }
}

/* The first leaf: under any body, which nobody here can open, and sometimes with
 * a head that is none. */
static void seal(struct wire *w, struct changeset *cs)
{
    struct slot *slot = &cs->slots[0];
    uint8_t how = fuzz_u8(&w->in);
    slot->form = SLOT_SEALED;
    slot->body = (struct slice){0};
    slot->sealed = fuzz_slice(&w->in, UINT8_MAX);
    if (how % 4 == 1) {
        slot->head = fuzz_slice(&w->in, UINT8_MAX);
    }
    cs->whole = false;
    (void)changeset_compute_root(cs, NULL); /* or it keeps that it had */
    sign(w, cs);
}

/* As packed, which is the only form in which a leaf that shows travels: it is
 * made anew from there, and the signature is of what is made. */
static void alter_packed(struct wire *w, struct changeset *cs,
                         struct bytes *packed)
{
    static struct bytes plain;
    struct changeset *made = NULL;
    sample_unfold(slice_of(packed), &plain); /* what zstd would catch */
    bytes_clear(packed);
    bytes_put(packed, plain.data, plain.len);
    alter(w, packed->data, packed->len);
    if (packer_unpack(w->packer, &cs->header, slice_of(packed), &made, NULL) ==
        0) {
        cs->header.root = made->header.root;
        changeset_destroy(&made);
    }
    sign(w, cs);
}

static void pack(struct wire *w, struct changeset *cs)
{
    struct bytes *packed = &w->packed[w->count];
    struct travelling *item = &w->items[w->count];
    uint8_t says = fuzz_u8(&w->in);
    bytes_clear(packed);
    packer_pack(w->packer, cs, packed);
    if (says % 4 == 1) {
        alter_packed(w, cs, packed);
    }
    *item = (struct travelling){
        .has_origin = (says & 64) == 0,
        .has_prev = (says & 128) == 0,
        .origin = cs->header.origin,
        .prev = cs->header.prev,
        .incarnation = cs->header.incarnation,
        .seq = cs->header.seq,
        .prev_incarnation = cs->header.prev_incarnation,
        .hlc = cs->header.hlc,
        .certificate = cs->header.certificate,
        .schema_version = cs->header.schema_version,
        .leaf_count = cs->header.leaf_count,
        .leaves = slice_of(packed),
    };
    memcpy(item->signature, cs->signature, SIGNATURE_BYTES);
    w->count++;
}

static void make_changeset(struct wire *w)
{
    static const uint8_t seed[SEED_BYTES] = {9};
    struct leaf_bytes bytes[LEAVES];
    bend_header(w);
    make_leaves(w);
    if (w->encoded_count == 0) {
        return;
    }
    for (size_t i = 0; i < w->encoded_count; i++) {
        bytes[i].head = slice_of(&w->encoded[i].head);
        bytes[i].body = slice_of(&w->encoded[i].body);
        note_prior(w, &w->encoded[i].leaf);
    }
    struct changeset *cs =
        changeset_sign(&w->last, bytes, w->encoded_count, seed,
                       &w->tree->nodes[w->writer].keys);
    uint8_t how = fuzz_u8(&w->in);
    if (how % 8 == 1) {
        seal(w, cs);
    }
    if (how % 4 == 2) {
        leave_out(w, &cs);
    }
    pack(w, cs);
    w->last.prev = changeset_hash(&cs->header);
    w->last.prev_incarnation = w->last.incarnation;
    w->last.seq++;
    w->last.hlc++;
    changeset_destroy(&cs);
}

/* --- the link ------------------------------------------------------------ */

static struct session *session_at_hub(struct wire *w, const struct peer *from)
{
    const struct replica_self *self = replica_self(w->tree->nodes[HUB].replica);
    const struct session_facts facts = {
        .role = w->neighbour == HQ ? SESSION_CHILD : SESSION_PARENT,
        .network = self->network,
        .node = self->node,
        .certificate = self->certificate,
        .schema_version = self->schema_version,
        .journal = self->journal,
        .lineage = &self->lineage,
        .head = self->head,
        .peer = from->node,
        .have = from->have,
    };
    return session_new(&facts);
}

static void step(struct wire *w, struct session *s,
                 const struct session_event *event)
{
    session_step(s, event, &w->actions);
    assert(w->actions.count <= SESSION_ACTIONS_MAX);
}

static void hear(struct wire *w, struct session *s)
{
    const struct session_event event = {
        .kind = SESSION_FRAME,
        .as.frame = slice_of(&w->frame),
    };
    step(w, s, &event);
}

static void say(struct wire *w, const struct message *m)
{
    bytes_clear(&w->frame);
    message_encode(m, &w->frame);
}

static void greet(struct wire *w, struct session *s)
{
    const struct replica_self *self =
        replica_self(w->tree->nodes[w->neighbour].replica);
    struct message m = {.kind = MESSAGE_WELCOME};
    if (w->neighbour == HQ) {
        const struct session_event up = {.kind = SESSION_UP};
        step(w, s, &up);
        m.as.welcome = (struct welcome){
            .protocol = PROTOCOL_VERSION,
            .node = self->node,
            .schema_version = self->schema_version,
            .journal = self->journal,
            .credit = CREDIT_MESSAGES,
            .start = lineage_start(&self->lineage),
            .head = self->head,
        };
    } else {
        m.kind = MESSAGE_HELLO;
        m.as.hello = (struct hello){
            .protocol = PROTOCOL_VERSION,
            .network = self->network,
            .node = self->node,
            .certificate = self->certificate,
            .schema_version = self->schema_version,
            .journal = self->journal,
            .credit = CREDIT_MESSAGES,
            .start = lineage_start(&self->lineage),
            .head = self->head,
        };
    }
    say(w, &m);
    hear(w, s);
    assert(session_state(s) == SESSION_OPEN);
}

static void say_changesets(struct wire *w, const struct peer *from)
{
    struct message m = {.kind = MESSAGE_CHANGESETS};
    uint64_t at = from->have.position;
    for (size_t i = 0; i < w->count; i++) {
        w->items[i].position = at + i + 1;
    }
    m.as.changesets = (struct changesets){
        .items = w->items,
        .count = w->count,
        .position = at + w->count,
        .from = at,
    };
    say(w, &m);
    if (fuzz_u8(&w->in) % 8 == 1) {
        alter(w, w->frame.data, w->frame.len);
    }
}

/* What the session wants stored, or NULL: it has closed. */
static const struct changesets *wanted(const struct wire *w)
{
    for (size_t i = 0; i < w->actions.count; i++) {
        const struct session_action *a = &w->actions.items[i];
        if (a->kind == SESSION_STORE) {
            return a->as.changesets;
        }
    }
    return NULL;
}

static void store(struct wire *w, struct session *s, const struct peer *from,
                  const struct changesets *stretch)
{
    struct err e = {0};
    struct replica *hub = w->tree->nodes[HUB].replica;
    uint64_t head = replica_self(hub)->head;
    int rc = replica_store(hub, from, stretch, w->tree->now_ms, &w->stored, &e);
    assert(rc != 0 && e.text[0] != '\0'); /* at the latest it was undone */
    assert(replica_self(hub)->head == head);
    (void)rc;
    (void)head;
    /* Its words are told, as if it had not been. */
    const struct session_event event = {
        .kind = SESSION_STORED,
        .as.stored = {w->stored.refusals, w->stored.refusal_count},
    };
    step(w, s, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire *w;
    if (w == NULL) {
        w = begin();
    }
    w->in = (struct slice){data, size};
    choose_writer(w);
    for (size_t i = 0; i < CHANGESETS && w->in.len > 0; i++) {
        make_changeset(w);
    }
    if (w->count == 0) {
        return 0;
    }
    const struct peer from = tree_peer(w->tree, HUB, w->neighbour);
    struct session *s = session_at_hub(w, &from);
    greet(w, s);
    say_changesets(w, &from);
    hear(w, s);
    const struct changesets *stretch = wanted(w);
    assert(stretch != NULL || w->actions.count > 0); /* stored, or closed */
    if (stretch != NULL) {
        store(w, s, &from, stretch);
    }
    session_destroy(&s);
    return 0;
}
