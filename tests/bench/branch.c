/* SPDX-License-Identifier: Apache-2.0 */
#include "branch.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/limits.h"

static void must(int rc, const struct err *e)
{
    if (rc != 0) {
        (void)fprintf(stderr, "bench: %s\n", e->text);
        exit(EXIT_FAILURE);
    }
}

struct branch *branch_new(enum client_checkpoints checkpoints)
{
    char path[256];
    struct branch *b = calloc(1, sizeof *b);
    if (b == NULL) {
        abort();
    }
    b->tree = tree_new();
    (void)tree_add(b->tree, OFFICE, "LDH-C");
    tree_sync(b->tree);
    for (int i = 0; i < 2; i++) {
        b->clients[i] = client_open(b->tree->nodes[i].path, checkpoints);
    }
    (void)snprintf(path, sizeof path, "%s/plain.db", b->tree->folder);
    b->plain = client_new_plain(path, b->clients[CLINIC]);
    return b;
}

void branch_destroy(struct branch **b)
{
    client_close(&(*b)->plain);
    client_close(&(*b)->clients[OFFICE]);
    client_close(&(*b)->clients[CLINIC]);
    tree_free((*b)->tree);
    free(*b);
    *b = NULL;
}

static void checkpoint(struct branch *b, int node)
{
    struct err e;
    bool busy;
    must(replica_checkpoint(b->tree->nodes[node].replica, &busy, &e), &e);
}

void branch_drain(struct branch *b, int node)
{
    struct err e;
    struct drained drained = {.more = true};
    b->tree->now_ms += 1000;
    while (drained.more) {
        must(replica_drain(b->tree->nodes[node].replica, b->tree->now_ms,
                           &drained, &e),
             &e);
    }
    checkpoint(b, node);
}

/* --- frames -------------------------------------------------------------- */

/* As session_send.c sends it in the middle of a session: without what the
 * receiver knows. */
static size_t frame_bytes(struct walked *walked, const struct hash *sender)
{
    struct message m = {.kind = MESSAGE_CHANGESETS};
    struct bytes frame = {0};
    const struct hash *before = sender;
    for (size_t i = 0; i < walked->count; i++) {
        struct travelling *t = &walked->items[i];
        t->has_origin = !hash_equal(&t->origin, before);
        t->has_prev = t->seq == 1;
        before = &t->origin;
    }
    m.as.changesets.items = walked->items;
    m.as.changesets.count = walked->count;
    m.as.changesets.position = walked->position;
    message_encode(&m, &frame);
    for (size_t i = 0; i < walked->count; i++) {
        walked->items[i].has_origin = true;
        walked->items[i].has_prev = true;
    }
    size_t len = frame.len;
    bytes_free(&frame);
    return len;
}

static void store(struct branch *b, int to, const struct peer *from,
                  const struct walked *walked, struct shipped *shipped)
{
    struct err e;
    struct stored stored;
    struct changesets stretch = {
        .items = walked->items,
        .count = walked->count,
        .position = walked->position,
    };
    b->tree->now_ms += 10;
    do {
        struct gauge before = gauge_now();
        must(replica_store(b->tree->nodes[to].replica, from, &stretch,
                           b->tree->now_ms, &stored, &e),
             &e);
        checkpoint(b, to);
        gauge_add(&shipped->store, &before);
        if (stored.refused + stored.waiting > 0) {
            (void)fprintf(stderr, "bench: leaves were refused or wait\n");
            exit(EXIT_FAILURE);
        }
        stretch.items += stored.taken;
        stretch.count -= stored.taken;
    } while (!stored.end);
}

struct shipped branch_ship(struct branch *b, int from, int to)
{
    struct replica *sender = b->tree->nodes[from].replica;
    const struct replica_self *self = replica_self(sender);
    struct shipped shipped = {0};
    bool end = false;
    struct err e;
    while (!end) {
        struct walked walked;
        struct peer there = tree_peer(b->tree, from, to);
        struct peer here = tree_peer(b->tree, to, from);
        must(replica_walk(sender, &there, here.have.position,
                          MESSAGE_TARGET_BYTES, &walked, &e),
             &e);
        if (walked.count > 0) {
            shipped.frame_bytes += frame_bytes(&walked, &self->node);
            shipped.frames++;
        }
        store(b, to, &here, &walked, &shipped);
        must(replica_acked(sender, &there.node, walked.position, &e), &e);
        end = walked.end;
        walked_clear(&walked);
    }
    return shipped;
}

size_t branch_ack_bytes(struct branch *b, int from, int to)
{
    struct bytes frame = {0};
    struct message m = {.kind = MESSAGE_ACK};
    const struct replica_self *sender =
        replica_self(b->tree->nodes[from].replica);
    m.as.ack.journal = replica_self(b->tree->nodes[to].replica)->journal;
    m.as.ack.token.journal = sender->journal;
    m.as.ack.token.position = sender->head;
    message_encode(&m, &frame);
    size_t len = frame.len;
    bytes_free(&frame);
    return len;
}

/* --- files --------------------------------------------------------------- */

static size_t file_bytes(sqlite3 *client)
{
    client_sql(client, "PRAGMA wal_checkpoint(TRUNCATE)");
    return (size_t)(client_number(client, "PRAGMA page_count") *
                    client_number(client, "PRAGMA page_size"));
}

size_t branch_file_bytes(struct branch *b, int node)
{
    return file_bytes(b->clients[node]);
}

size_t branch_plain_bytes(struct branch *b)
{
    return file_bytes(b->plain);
}
