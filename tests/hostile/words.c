/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include <assert.h>
#include <string.h>

#include "node/clock.h"

/* Ids of the schema, which are never given twice. */
enum {
    CLASS_REFERENCE = 2,
    CLASS_ROUTING = 3,
    CLASS_CARE = 5,
    CLASS_MEDICATION = 6,
    CLASS_WORKER = 14,
    TABLE_REF_ITEM = 12,
    TABLE_PERSON = 20,
    TABLE_WORKER = 24,
    TABLE_ENROLMENT = 30,
    TABLE_DOSE_EVENT = 32,
    MESSAGE_ITEMS_MAX = 4,
};

static const char day[] = "2026-01-01";
static const char instant[] = "2026-01-01T04:00:00.000Z";

/* --- changesets ---------------------------------------------------------- */

struct changeset_header next_header(struct liar *l)
{
    const struct replica_self *self = replica_self(l->replica);
    const struct origin *own = replica_own_origin(l->replica);
    return (struct changeset_header){
        .network = self->network,
        .origin = self->node,
        .incarnation = self->incarnation,
        .seq = own->head_seq + 1,
        .prev_incarnation = own->head_incarnation,
        .prev = own->head_hash,
        .hlc = (uint64_t)clock_wall_ms() << 16,
        .schema_version = self->schema_version,
        .certificate = self->certificate,
    };
}

struct changeset *sign_leaf(struct liar *l, const struct changeset_header *h,
                            struct leaf *leaf)
{
    static const uint8_t seed[SEED_BYTES] = {7};
    struct bytes head = {0};
    struct bytes body = {0};
    leaf_encode_head(leaf, &head);
    leaf_encode_body(leaf, &body);
    const struct leaf_bytes bytes = {slice_of(&head), slice_of(&body)};
    struct changeset *ret = changeset_sign(h, &bytes, 1, seed, &l->keys);
    bytes_free(&head);
    bytes_free(&body);
    free(leaf);
    return ret;
}

struct travelling travel(struct liar *l, const struct changeset *cs,
                         size_t index, struct bytes *packed)
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
        .position = start_of(l) + 1 + index,
    };
    packer_pack(l->packer, cs, packed);
    memcpy(t.signature, cs->signature, sizeof t.signature);
    t.leaves = slice_of(packed);
    return t;
}

void tell(struct liar *l, struct changeset **changesets, size_t count)
{
    struct travelling items[MESSAGE_ITEMS_MAX];
    struct bytes packed[MESSAGE_ITEMS_MAX] = {0};
    assert(count <= MESSAGE_ITEMS_MAX);
    for (size_t i = 0; i < count; i++) {
        items[i] = travel(l, changesets[i], i, &packed[i]);
    }
    const struct message m = {.kind = MESSAGE_CHANGESETS,
                              .as.changesets = {.items = items,
                                                .count = count,
                                                .position = start_of(l) + count,
                                                .from = start_of(l)}};
    say(l, &m);
    hear_answer(l);
    for (size_t i = 0; i < count; i++) {
        bytes_free(&packed[i]);
        changeset_destroy(&changesets[i]);
    }
}

void tell_leaf(struct liar *l, struct leaf *leaf)
{
    struct changeset_header h = next_header(l);
    struct changeset *cs = sign_leaf(l, &h, leaf);
    tell(l, &cs, 1);
}

/* --- leaves -------------------------------------------------------------- */

static struct leaf *leaf_of(uint16_t class_id, uint32_t table, const char *key,
                            enum leaf_op op)
{
    struct leaf *leaf = calloc(1, sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    leaf->class_id = class_id;
    leaf->table = table;
    leaf->key_count = 1;
    leaf->key[0] = value_text(key);
    leaf->op = op;
    leaf->cl = 1;
    return leaf;
}

static void route_by(struct leaf *leaf, enum scope_kind kind, const char *id)
{
    leaf->scope.kind = kind;
    leaf->scope.id = slice_text(id);
}

static void cell(struct leaf *leaf, uint16_t column, struct value v)
{
    leaf->cells[leaf->cell_count++] =
        (struct leaf_cell){.column = column, .value = v};
}

static void own(struct leaf *leaf, const char *site)
{
    leaf->owned = true;
    leaf->owner.site = slice_text(site);
    leaf->owner.epoch = 1;
}

struct leaf *dose(const char *id, const char *site)
{
    struct leaf *leaf =
        leaf_of(CLASS_MEDICATION, TABLE_DOSE_EVENT, id, LEAF_INSERT);
    route_by(leaf, SCOPE_PERSON, PERSON);
    cell(leaf, 2, value_text(PERSON));
    cell(leaf, 5, value_text(site));
    cell(leaf, 6, value_text(day));
    cell(leaf, 7, value_text(instant));
    cell(leaf, 8, value_text("observed"));
    cell(leaf, 9, value_text(ITEM));
    cell(leaf, 10, value_integer(LIED_UNITS));
    cell(leaf, 11, value_integer(0));
    cell(leaf, 12, value_integer(1));
    cell(leaf, 15, value_text("none"));
    cell(leaf, 16, value_text("a liar"));
    cell(leaf, 21, value_text(site));
    cell(leaf, 22, value_text(instant));
    return leaf;
}

struct leaf *dose_update(const char *id)
{
    struct leaf *leaf =
        leaf_of(CLASS_MEDICATION, TABLE_DOSE_EVENT, id, LEAF_UPDATE);
    route_by(leaf, SCOPE_PERSON, PERSON);
    cell(leaf, 10, value_integer(LIED_UNITS));
    return leaf;
}

struct leaf *person(const char *id, const char *site)
{
    struct leaf *leaf = leaf_of(CLASS_ROUTING, TABLE_PERSON, id, LEAF_INSERT);
    route_by(leaf, SCOPE_PERSON, id);
    cell(leaf, 2, value_text("N-9"));
    cell(leaf, 17, value_text("alive"));
    cell(leaf, 18, value_text("active"));
    cell(leaf, 19, value_text(site));
    cell(leaf, 20, value_text(instant));
    return leaf;
}

struct leaf *worker(const char *id, const char *owner, const char *origin)
{
    struct leaf *leaf = leaf_of(CLASS_WORKER, TABLE_WORKER, id, LEAF_INSERT);
    route_by(leaf, SCOPE_DISTRICT_OF, owner);
    cell(leaf, 2, value_text("mentor"));
    cell(leaf, 3, value_text("a liar"));
    cell(leaf, 5, value_text(owner));
    cell(leaf, 9, value_text("active"));
    cell(leaf, 11, value_text(origin));
    cell(leaf, 12, value_text(instant));
    own(leaf, origin);
    return leaf;
}

struct leaf *enrolment_update(const char *owner)
{
    struct leaf *leaf =
        leaf_of(CLASS_CARE, TABLE_ENROLMENT, ENROLMENT, LEAF_UPDATE);
    route_by(leaf, SCOPE_PERSON, PERSON);
    cell(leaf, 15, value_text("a liar"));
    own(leaf, owner);
    return leaf;
}

struct leaf *item_update(void)
{
    struct leaf *leaf =
        leaf_of(CLASS_REFERENCE, TABLE_REF_ITEM, ITEM, LEAF_UPDATE);
    cell(leaf, 5, value_integer(4000));
    return leaf;
}
