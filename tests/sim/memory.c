/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include "machine.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    STEP_BYTES = 16,
    /* A step apart; from there on four to each power of two. SQLite makes a hash
     * table anew for each name while it has more room than the KiB it may have. */
    FINE_POWER = 11,
    FINE_SIZES = (1 << FINE_POWER) / STEP_BYTES,
    SIZES = FINE_SIZES + 4 * 20,
    PAGE_BYTES = 2 * 1024 * 1024,
};
/* The system gives no page before it is used. */
static const size_t arena_bytes = (size_t)1 << 32;

/* Before each piece. */
struct head {
    uint32_t size;  /* index of it */
    uint32_t owner; /* of SQLite's: whose turn it was; 0: nobody's */
};

struct free_piece {
    struct head head;
    struct free_piece *next;
};

static struct {
    uint8_t *base;
    size_t len;
    /* By SQLite, of nobody and of each machine, now and at most. */
    size_t used[1 + SIM_MACHINES_MAX];
    size_t most[1 + SIM_MACHINES_MAX];
    struct free_piece *free[SIZES];
} arena;

/* --- sizes ------------------------------------------------------------------- */

/* The bytes of a piece, its head among them. */
static size_t bytes_of(size_t size)
{
    if (size < FINE_SIZES) {
        return (size + 1) * STEP_BYTES;
    }
    size_t coarse = size - FINE_SIZES;
    size_t power = (size_t)FINE_SIZES * STEP_BYTES << coarse / 4;
    return power + power / 4 * (coarse % 4 + 1);
}

static size_t size_of(size_t bytes)
{
    if (bytes <= (size_t)FINE_SIZES * STEP_BYTES) {
        return (bytes + STEP_BYTES - 1) / STEP_BYTES - 1;
    }
    /* the highest bit of what lies above the power before, and the two below */
    unsigned power = 63 - (unsigned)__builtin_clzll(bytes - 1);
    size_t quarter = (bytes - 1) >> (power - 2) & 3;
    return FINE_SIZES + 4 * (size_t)(power - FINE_POWER) + quarter;
}

static struct head *head_of(void *piece)
{
    return (struct head *)piece - 1;
}

/* --- pieces -------------------------------------------------------------------- */

static void *take(size_t bytes)
{
    size_t size = size_of(bytes + sizeof(struct head));
    struct free_piece *p = arena.free[size];
    if (p != NULL) {
        arena.free[size] = p->next;
    } else {
        p = (struct free_piece *)(void *)(arena.base + arena.len);
        arena.len += bytes_of(size);
        assert(size < SIZES && arena.len <= arena_bytes);
        p->head.size = (uint32_t)size;
    }
    return &p->head + 1;
}

static size_t room_of(void *piece)
{
    return bytes_of(head_of(piece)->size) - sizeof(struct head);
}

void memory_free(void *piece)
{
    if (piece == NULL) {
        return;
    }
    struct free_piece *p = (struct free_piece *)(void *)head_of(piece);
    p->next = arena.free[p->head.size];
    arena.free[p->head.size] = p;
}

void *memory_piece(void *piece, size_t bytes)
{
    size_t room = piece == NULL ? 0 : room_of(piece);
    if (bytes <= room) {
        return piece;
    }
    void *larger = take(bytes);
    if (room > 0) {
        memcpy(larger, piece, room);
    }
    memory_free(piece);
    return larger;
}

/* --- SQLite ---------------------------------------------------------------------- */

static void count(const struct head *h, size_t more, size_t less)
{
    size_t *used = &arena.used[h->owner];
    size_t *most = &arena.most[h->owner];
    *used = *used + more - less;
    *most = *used > *most ? *used : *most;
}

static void *x_malloc(int bytes)
{
    void *piece = take((size_t)bytes);
    struct head *h = head_of(piece);
    h->owner =
        sim.running == NULL ? 0 : 1 + (uint32_t)machine_index(sim.running);
    count(h, room_of(piece), 0);
    return piece;
}

static void x_free(void *piece)
{
    count(head_of(piece), 0, room_of(piece));
    memory_free(piece);
}

static int x_size(void *piece)
{
    return (int)room_of(piece);
}

static void *x_realloc(void *piece, int bytes)
{
    size_t before = room_of(piece);
    uint32_t owner = head_of(piece)->owner;
    piece = memory_piece(piece, (size_t)bytes);
    head_of(piece)->owner = owner;
    count(head_of(piece), room_of(piece), before);
    return piece;
}

static int x_round_up(int bytes)
{
    size_t all = (size_t)bytes + sizeof(struct head);
    return (int)(bytes_of(size_of(all)) - sizeof(struct head));
}

static int x_init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void x_shutdown(void *context)
{
    (void)context;
}

static const sqlite3_mem_methods methods = {
    .xMalloc = x_malloc,
    .xFree = x_free,
    .xRealloc = x_realloc,
    .xSize = x_size,
    .xRoundup = x_round_up,
    .xInit = x_init,
    .xShutdown = x_shutdown,
};

size_t memory_used(void)
{
    size_t all = 0;
    for (size_t i = 0; i < 1 + SIM_MACHINES_MAX; i++) {
        all += arena.used[i];
    }
    return all;
}

size_t memory_most(const struct machine *m)
{
    return arena.most[1 + machine_index(m)];
}

/* --- processes --------------------------------------------------------------------- */

/* Of large pages, where the system has them. */
static uint8_t *map_arena(void)
{
    uint8_t *all = mmap(NULL, arena_bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
        abort();
    }
    uint8_t *base = all + (PAGE_BYTES - (uintptr_t)all % PAGE_BYTES);
    (void)madvise(base, arena_bytes, MADV_HUGEPAGE);
    return base;
}

void memory_install(void)
{
    arena.base = map_arena();
    int rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void memory_own(void)
{
    uint8_t *copy = map_arena();
    memcpy(copy, arena.base, arena.len);
    if (mremap(copy, arena_bytes, arena_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
               arena.base) == MAP_FAILED) {
        abort();
    }
}
