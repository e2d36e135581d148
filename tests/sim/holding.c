/* SPDX-License-Identifier: Apache-2.0 */
#include "holding.h"

#include "store/parts.h"

#include <stdlib.h>
#include <string.h>

static uint64_t bit(int machine)
{
    return UINT64_C(1) << machine;
}

static struct machine *machine_of(struct world *w, const struct hash *node)
{
    for (int i = 0; i < w->count; i++) {
        struct hash own = keys_node(w->machines[i].keys.sign_public);
        if (hash_equal(&own, node)) {
            return &w->machines[i];
        }
    }
    return NULL;
}

/* --- journals -------------------------------------------------------------- */

static bool is_of(const struct written *row, const struct leaf *leaf)
{
    char key[WRITER_KEY_BYTES];
    struct bytes said = {0};
    if (writer_tables[row->table].id != leaf->table) {
        return false;
    }
    for (size_t i = 0; i < leaf->key_count; i++) {
        bytes_put(&said, "/", i > 0);
        bytes_put(&said, leaf->key[i].bytes.data, leaf->key[i].bytes.len);
    }
    writer_key(row->table, row->number, key);
    bool same = slice_equal(
        slice_of(&said),
        (struct slice){.data = (const uint8_t *)key, .len = strlen(key)});
    bytes_free(&said);
    return same;
}

/* The place of a row in its writer's own journal is what others acknowledge. */
static void note_leaf(struct world *w, struct machine *m,
                      const struct machine *origin, const struct leaf *leaf)
{
    for (size_t i = 0; i < w->written_count; i++) {
        struct written *row = &w->written[i];
        if (row->machine != origin->index || !is_of(row, leaf)) {
            continue;
        }
        row->held |= bit(m->index);
        if (origin == m && row->position == 0) {
            row->position = m->holds_until;
        }
    }
}

static void note_delivery(struct world *w, struct machine *m,
                          const struct delivery *d)
{
    struct replica *r = m->replica;
    const struct origin *o =
        registry_origin_no(r->merger.registry, d->origin_no);
    const struct machine *origin = machine_of(w, &o->node);
    struct changeset *cs = NULL;
    struct leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL) {
        abort();
    }
    sim_must(journal_open(r->merger.packer, &r->self.network, &o->node, d, &cs,
                          said));
    for (size_t i = 0; origin != NULL && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form != SLOT_VISIBLE) {
            continue;
        }
        sim_must(leaf_decode(slot->head, slot->body, leaf, said));
        if (leaf->op == LEAF_INSERT) {
            note_leaf(w, m, origin, leaf);
        }
    }
    free(leaf);
    changeset_destroy(&cs);
}

static void note_journal(struct world *w, struct machine *m)
{
    struct delivery d = {.position = m->holds_until};
    struct err e = {0};
    int rc = 0;
    while (!disk_is_dead(m->disk) &&
           (rc = journal_next(m->replica->db, m->holds_until, 0, &d, &e)) ==
               1) {
        m->holds_until = d.position;
        note_delivery(w, m, &d);
    }
    database_rest(m->replica->db);
    if (rc < 0 && !disk_is_dead(m->disk)) {
        sim_fail("%s: its journal cannot be read: %s", m->site, e.text);
    }
}

/* --- acks ------------------------------------------------------------------ */

/* Who was put back may have acknowledged it before, and is not asked. */
static void check_held(const struct machine *m, const struct machine *by,
                       const struct written *row)
{
    char key[WRITER_KEY_BYTES];
    if ((row->held & bit(by->index)) != 0 || by->was_put_back || !by->on ||
        disk_is_dead(by->disk)) {
        return;
    }
    writer_key(row->table, row->number, key);
    sim_fail("[I-1] %s acknowledged %s %s of %s and does not hold it", by->site,
             writer_tables[row->table].name, key, m->site);
}

/* What lies between two acks of a neighbour it holds. It need not where it may
 * have turned something away, as it does what is stamped ahead of its clock and
 * what comes from who was ended. */
static void note_ack(struct world *w, struct machine *m, struct machine *by,
                     uint64_t acked)
{
    uint64_t before = m->acked_by[by->index];
    bool sure = w->faults[FAULT_CLOCK] == 0 && !m->ended && !by->ended;
    m->acked_by[by->index] = acked;
    for (size_t i = 0; sure && acked > before && i < w->written_count; i++) {
        struct written *row = &w->written[i];
        if (row->machine != m->index || row->position <= before ||
            row->position > acked) {
            continue;
        }
        check_held(m, by, row);
        row->held |= bit(by->index);
    }
}

static void note_acks(struct world *w, struct machine *m)
{
    struct peer peer;
    for (int i = 0; i < w->count; i++) {
        struct machine *by = &w->machines[i];
        if (disk_is_dead(m->disk) ||
            (by->index != m->parent && by->parent != m->index)) {
            continue;
        }
        sim_must(replica_peer_of_curve(m->replica, by->keys.curve_public, &peer,
                                       said));
        if (peer.neighbour != NEIGHBOUR_NONE) {
            note_ack(w, m, by, peer.acked);
        }
    }
}

void holding_note(struct world *w, struct machine *m)
{
    struct machine *before = sim.running;
    sim.running = m;
    note_journal(w, m);
    note_acks(w, m);
    sim.running = before;
}

void holding_write(struct written *row, int machine)
{
    row->held |= bit(machine);
}

/* --- copies ---------------------------------------------------------------- */

/* Bit `at` of `from`, put into `to`. */
static uint64_t with_bit(uint64_t to, uint64_t from, uint64_t at)
{
    return (to & ~at) | (from & at);
}

void holding_copy(struct world *w, struct machine *m)
{
    m->copy_holds_until = m->holds_until;
    for (size_t i = 0; i < w->written_count; i++) {
        struct written *row = &w->written[i];
        row->copied = with_bit(row->copied, row->held, bit(m->index));
        if (row->machine == m->index) {
            row->copied_position = row->position;
        }
    }
}

void holding_put_back(struct world *w, struct machine *m)
{
    m->was_put_back = true;
    m->holds_until = m->copy_holds_until;
    for (size_t i = 0; i < w->written_count; i++) {
        struct written *row = &w->written[i];
        row->held = with_bit(row->held, row->copied, bit(m->index));
        if (row->machine == m->index) {
            row->position = row->copied_position;
        }
    }
}

void holding_swap(struct world *w, struct machine *m)
{
    uint64_t until = m->holds_until;
    for (size_t i = 0; i < w->written_count; i++) {
        struct written *row = &w->written[i];
        uint64_t held = row->held;
        uint64_t position = row->position;
        row->held = with_bit(held, row->copied, bit(m->index));
        row->copied = with_bit(row->copied, held, bit(m->index));
        if (row->machine == m->index) {
            row->position = row->copied_position;
            row->copied_position = position;
        }
    }
    m->was_put_back = true;
    m->holds_until = m->copy_holds_until;
    m->copy_holds_until = until;
}

bool holding_is_lost(const struct world *w, const struct written *row)
{
    uint64_t say = 0;
    for (int i = 0; i < w->count; i++) {
        say |= w->machines[i].ended ? 0 : bit(i);
    }
    return (row->held & say) == 0;
}
