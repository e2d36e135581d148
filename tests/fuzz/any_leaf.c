/* SPDX-License-Identifier: Apache-2.0 */
#include "any_leaf.h"

#include <string.h>

#include "protocol/context.h"
#include "protocol/evidence.h"

static struct slice word(struct slice *in)
{
    static const char *const words[] = {
        "p1",    "p2",     "p9",         "e1",      "o1",   "d1",   "LDH-C",
        "LDH-H", "LDH-P",  "active",     "alive",   "dead", "male", "observed",
        "BUP-2", "closed", "2026-09-02", "[\"x\"]", "ooat", "",
    };
    size_t i = fuzz_u8(in);
    if (i < sizeof words / sizeof words[0]) {
        return slice_text(words[i]);
    }
    return fuzz_slice(in, 40);
}

static struct value a_value(struct slice *in)
{
    struct slice s;
    switch (fuzz_u8(in) % 8) {
    case 0:
        return (struct value){.type = VALUE_NULL};
    case 1:
        return value_integer((int64_t)fuzz_u64(in));
    case 2:
        return value_integer(fuzz_u8(in));
    case 3:
        s = fuzz_slice(in, 60);
        return value_blob(s.data, s.len);
    default:
        return (struct value){.type = VALUE_TEXT, .bytes = word(in)};
    }
}

static void put_cells(struct slice *in, const struct table *t,
                      struct leaf *leaf)
{
    uint64_t which = fuzz_u64(in);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        bool ours = c->class_id == leaf->class_id && c->policy != POLICY_KEY &&
                    (which >> i % 64 & 1) != 0;
        if (ours && leaf->cell_count < COLUMNS_MAX) {
            leaf->cells[leaf->cell_count++] =
                (struct leaf_cell){.column = c->id, .value = a_value(in)};
        }
    }
}

static void put_contexts(struct slice *in, const struct changeset_header *of,
                         struct leaf *leaf, struct bytes *out)
{
    for (size_t i = 0; i < leaf->cell_count && fuzz_u8(in) % 2 == 1; i++) {
        struct context_entry entry = {
            .incarnation = of->incarnation,
            .seq = 1 + fuzz_u8(in) % (of->seq + 1),
        };
        memcpy(entry.origin, of->origin.bytes, sizeof entry.origin);
        context_put(leaf->cells[i].column, &entry, 1, out);
        leaf->context_count++;
    }
    leaf->contexts = slice_of(out);
}

static void put_claims(struct slice *in, const struct changeset_header *of,
                       struct leaf *leaf)
{
    uint8_t says = fuzz_u8(in);
    leaf->owned = (says & 1) != 0;
    leaf->named = (says & 2) != 0;
    leaf->name = (struct leaf_name){
        .incarnation = of->incarnation,
        .seq = 1 + (says >> 2) % (of->seq + 1),
    };
    if (leaf->owned) {
        leaf->owner.site = word(in);
        leaf->owner.epoch = 1 + fuzz_u8(in) % 3;
        memset(leaf->owner.offer, leaf->owner.epoch > 1 ? 7 : 0, HASH_BYTES);
    }
}

/* --- control leaves ------------------------------------------------------- */

static const struct certificate *a_certificate(struct slice *in,
                                               const struct any_world *world)
{
    return &world->certificates[fuzz_u8(in) % world->certificate_count];
}

static void make_certificate(struct slice *in, const struct any_world *world,
                             struct bytes *memory, struct leaf *leaf)
{
    struct certificate c = *a_certificate(in, world);
    uint8_t says = fuzz_u8(in);
    c.serial += says % 4;
    c.may_enrol = c.may_enrol && (says & 4) == 0;
    c.all_tables = c.all_tables && (says & 8) == 0;
    c.may_read.count = (says & 16) != 0 ? 0 : c.may_read.count;
    if ((says & 32) != 0) {
        c.parent = a_certificate(in, world)->node;
    }
    certificate_leaf(&c, memory, leaf);
}

/* The first columns of a control table, of any types. */
static void make_unknown(struct slice *in, struct leaf *leaf)
{
    leaf->table = 1 + fuzz_u8(in) % TABLE_CONTROL_MAX;
    leaf->class_id = CLASS_CONTROL;
    leaf->op = LEAF_INSERT;
    leaf->key_count = 1 + fuzz_u8(in) % 3;
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = a_value(in);
    }
    leaf->cell_count = fuzz_u8(in) % 12;
    for (uint16_t i = 0; i < leaf->cell_count; i++) {
        leaf->cells[i].column = (uint16_t)(i + 1);
        leaf->cells[i].value = a_value(in);
    }
}

static void make_control(struct slice *in, const struct any_world *world,
                         const struct changeset_header *of,
                         struct bytes *memory, struct leaf *leaf)
{
    struct revocation ended;
    struct voiding voided;
    switch (fuzz_u8(in) % 4) {
    case 0:
        ended.node = a_certificate(in, world)->node;
        ended.after = fuzz_u8(in) % (of->seq + 1);
        ended.retires = fuzz_u8(in) % 2 == 1;
        revocation_leaf(&ended, memory, leaf);
        break;
    case 1:
        voided.node = of->origin;
        voided.incarnation = of->prev_incarnation;
        voided.after = fuzz_u8(in) % (of->seq + 1);
        voiding_leaf(&voided, memory, leaf);
        break;
    case 2:
        make_certificate(in, world, memory, leaf);
        break;
    default:
        make_unknown(in, leaf);
        break;
    }
}

/* --- rows ---------------------------------------------------------------- */

static void make_row(struct slice *in, const struct manifest *m, uint8_t how,
                     struct leaf *leaf)
{
    const struct table *t = &m->tables[fuzz_u8(in) % m->table_count];
    leaf->table = how % 16 == 0 ? fuzz_u8(in) : t->id;
    leaf->class_id = how % 32 == 1
                         ? fuzz_u8(in)
                         : t->columns[fuzz_u8(in) % t->column_count].class_id;
    leaf->op = (enum leaf_op)(LEAF_INSERT + fuzz_u8(in) % 3);
    leaf->cl = 1 + fuzz_u8(in) % 4;
    leaf->key_count =
        (uint8_t)(how % 32 == 2 ? 1 + fuzz_u8(in) % 3 : t->key_count);
    leaf->scope.kind = (enum scope_kind)(fuzz_u8(in) % 4);
    if (leaf->scope.kind != SCOPE_ALL) {
        leaf->scope.id = word(in);
    }
    for (size_t i = 0; i < leaf->key_count; i++) {
        leaf->key[i] = (struct value){.type = VALUE_TEXT, .bytes = word(in)};
    }
    put_cells(in, t, leaf);
}

void any_leaf(struct slice *in, const struct any_world *world,
              const struct changeset_header *of, struct bytes *memory,
              struct leaf *ret)
{
    uint8_t how = fuzz_u8(in);
    *ret = (struct leaf){.cl = 1};
    bytes_clear(memory);
    if (how % 16 == 3) {
        make_control(in, world, of, memory, ret);
        return;
    }
    make_row(in, world->manifest, how, ret);
    put_claims(in, of, ret);
    put_contexts(in, of, ret, memory);
}
