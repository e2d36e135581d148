/* SPDX-License-Identifier: Apache-2.0 */
#include "storage.h"

#include "files.h"
#include "sim.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DISKS_MAX = 64,
    FILES_MAX = 8,
    SECTOR_BYTES = 512,
};

/* Bytes of a file, or of a part of it. */
struct extent {
    uint8_t *data; /* owned */
    size_t len;
};

/* What happened to a file: bytes at an offset, or its end. */
struct change {
    bool truncates;
    size_t at; /* or the new size */
    struct extent now;
    struct extent was; /* from `at` on, as far as there was anything */
    size_t size;       /* of the file before it */
};

/* A file with changes that are not synced. */
struct unsynced {
    char name[SIM_PATH_BYTES]; /* "": free */
    struct change *changes;
    size_t count;
    size_t cap;
};

/* Of the replica, what a copy of the disk holds. */
static const char *const copied_names[] = {"replica.db", "replica.db-wal"};
enum { COPIED_FILES = sizeof copied_names / sizeof *copied_names };

struct copied {
    bool there;
    struct extent bytes;
};

struct disk {
    char folder[SIM_PATH_BYTES];
    struct copied copy[COPIED_FILES];
    struct unsynced files[FILES_MAX];
    size_t until_death; /* SIZE_MAX: not soon */
    uint64_t changed;   /* times */
    bool dead;
    bool full;
    bool sync_fails;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs below; /* files.h */
    struct disk disks[DISKS_MAX];
    size_t count;
} storage;

/* Behind it stands the file of the VFS below. */
struct file {
    sqlite3_file base;
    struct disk *disk; /* NULL: none of ours */
    const char *name;
};

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)((struct file *)f + 1);
}

static struct disk *disk_of(sqlite3_file *f)
{
    return ((struct file *)f)->disk;
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* --- disks --------------------------------------------------------------- */

struct disk *storage_disk(const char *folder)
{
    assert(storage.count < DISKS_MAX);
    struct disk *d = &storage.disks[storage.count++];
    (void)snprintf(d->folder, sizeof d->folder, "%s/", folder);
    d->until_death = SIZE_MAX;
    return d;
}

static struct disk *find_disk(const char *name)
{
    for (size_t i = 0; name != NULL && i < storage.count; i++) {
        struct disk *d = &storage.disks[i];
        if (strncmp(name, d->folder, strlen(d->folder)) == 0) {
            return d;
        }
    }
    return NULL;
}

void disk_kill_after(struct disk *d, size_t after)
{
    d->until_death = after;
}

void disk_kill(struct disk *d)
{
    d->dead = true;
}

bool disk_is_dead(const struct disk *d)
{
    return d->dead;
}

void disk_revive(struct disk *d)
{
    d->dead = false;
    d->sync_fails = false;
    d->until_death = SIZE_MAX;
}

void disk_set_full(struct disk *d, bool full)
{
    d->full = full;
}

void disk_fail_sync(struct disk *d)
{
    d->sync_fails = true;
}

/* Before something is changed: does the machine live to do it? */
static bool dies(struct disk *d)
{
    if (d == NULL) {
        return false;
    }
    if (d->until_death != SIZE_MAX && !d->dead) {
        d->dead = d->until_death == 0;
        d->until_death--;
    }
    return d->dead;
}

/* --- what is not synced --------------------------------------------------- */

static struct extent read_all(const char *name, bool *ret_there)
{
    struct extent e = {.len = 0};
    const uint8_t *data = NULL;
    *ret_there = files_read(name, &data, &e.len);
    if (*ret_there) {
        e.data = checked(malloc(e.len + 1));
        memcpy(e.data, data, e.len);
    }
    return e;
}

static struct unsynced *find_file(struct disk *d, const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (strcmp(d->files[i].name, name) == 0) {
            return &d->files[i];
        }
    }
    return NULL;
}

/* The notes of a file. */
static struct unsynced *note_file(struct disk *d, const char *name)
{
    struct unsynced *u = find_file(d, name);
    if (u != NULL) {
        return u;
    }
    u = find_file(d, "");
    assert(u != NULL);
    (void)snprintf(u->name, sizeof u->name, "%s", name);
    return u;
}

/* What the change takes away: `len` bytes, if there are so many. */
static void keep_what_was(sqlite3_file *f, size_t len, struct change *c)
{
    sqlite3_int64 size = 0;
    int rc = below(f)->pMethods->xFileSize(below(f), &size);
    c->size = (size_t)size;
    size_t rest = c->at < c->size ? c->size - c->at : 0;
    c->was.len = len < rest ? len : rest;
    c->was.data = checked(malloc(c->was.len + 1));
    if (rc == SQLITE_OK && c->was.len > 0) {
        rc = below(f)->pMethods->xRead(below(f), c->was.data, (int)c->was.len,
                                       (sqlite3_int64)c->at);
    }
    if (rc != SQLITE_OK) {
        abort();
    }
}

static void note(struct disk *d, sqlite3_file *f, struct change c)
{
    struct unsynced *u = note_file(d, ((struct file *)f)->name);
    keep_what_was(f, c.truncates ? SIZE_MAX : c.now.len, &c);
    d->changed++;
    if (u->count == u->cap) {
        u->cap = u->cap == 0 ? 64 : 2 * u->cap;
        u->changes = checked(realloc(u->changes, u->cap * sizeof c));
    }
    u->changes[u->count++] = c;
}

static void forget(struct unsynced *u)
{
    for (size_t i = 0; i < u->count; i++) {
        free(u->changes[i].now.data);
        free(u->changes[i].was.data);
    }
    free(u->changes);
    *u = (struct unsynced){.count = 0};
}

static void put(struct extent *e, size_t at, const uint8_t *data, size_t len)
{
    if (len == 0) {
        return;
    }
    if (at + len > e->len) {
        e->data = checked(realloc(e->data, at + len));
        memset(e->data + e->len, 0, at + len - e->len);
        e->len = at + len;
    }
    memcpy(e->data + at, data, len);
}

/* Each sector of the disk holds the old or the new. */
static void put_sectors(struct extent *e, const struct change *c,
                        struct dice *dice)
{
    for (size_t done = 0; done < c->now.len;) {
        size_t at = c->at + done;
        size_t len = SECTOR_BYTES - at % SECTOR_BYTES;
        len = len < c->now.len - done ? len : c->now.len - done;
        if (dice_even(dice)) {
            put(e, at, c->now.data + done, len);
        }
        done += len;
    }
}

enum left { LEFT_NOTHING, LEFT_ALL, LEFT_SOME, LEFT_COUNT };

/* As it was when it was last synced. */
static struct extent read_synced(const struct unsynced *u)
{
    bool there;
    struct extent e = read_all(u->name, &there);
    for (size_t i = u->count; i > 0; i--) {
        const struct change *c = &u->changes[i - 1];
        put(&e, c->at, c->was.data, c->was.len);
        e.len = c->size;
    }
    return e;
}

static void cut_file(const struct unsynced *u, enum left left,
                     struct dice *dice)
{
    struct extent e = read_synced(u);
    for (size_t i = 0; left == LEFT_SOME && i < u->count; i++) {
        const struct change *c = &u->changes[i];
        if (!c->truncates) {
            put_sectors(&e, c, dice);
        } else if (c->at < e.len && dice_even(dice)) {
            e.len = c->at;
        }
    }
    files_write(u->name, e.data, e.len);
    free(e.data);
}

void disk_cut_power(struct disk *d, struct dice *dice)
{
    enum left left = (enum left)dice_below(dice, LEFT_COUNT);
    assert(d->dead);
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct unsynced *u = &d->files[i];
        if (u->name[0] != '\0' && left != LEFT_ALL) {
            cut_file(u, left, dice);
        }
        forget(u);
    }
}

/* --- copies ---------------------------------------------------------------- */

static void path_of(const struct disk *d, const char *name,
                    char out[SIM_PATH_BYTES + 16])
{
    (void)snprintf(out, SIM_PATH_BYTES + 16, "%s%s", d->folder, name);
}

void disk_copy(struct disk *d)
{
    char path[SIM_PATH_BYTES + 16];
    for (size_t i = 0; i < COPIED_FILES; i++) {
        struct copied *c = &d->copy[i];
        path_of(d, copied_names[i], path);
        free(c->bytes.data);
        c->bytes = read_all(path, &c->there);
    }
}

uint64_t disk_changed(const struct disk *d)
{
    return d->changed;
}

void disk_put_back(struct disk *d)
{
    char path[SIM_PATH_BYTES + 16];
    for (size_t i = 0; i < FILES_MAX; i++) {
        forget(&d->files[i]);
    }
    for (size_t i = 0; i < COPIED_FILES; i++) {
        const struct copied *c = &d->copy[i];
        path_of(d, copied_names[i], path);
        if (c->there) {
            files_write(path, c->bytes.data, c->bytes.len);
        } else {
            (void)files_remove(path);
        }
    }
}

void disk_swap(struct disk *d)
{
    struct copied put_back[COPIED_FILES];
    memcpy(put_back, d->copy, sizeof put_back);
    memset(d->copy, 0, sizeof d->copy);
    disk_copy(d);
    for (size_t i = 0; i < COPIED_FILES; i++) {
        struct copied now = d->copy[i];
        d->copy[i] = put_back[i];
        put_back[i] = now;
    }
    disk_put_back(d);
    for (size_t i = 0; i < COPIED_FILES; i++) {
        free(d->copy[i].bytes.data);
        d->copy[i] = put_back[i];
    }
}

/* --- files of SQLite ----------------------------------------------------- */

static int x_close(sqlite3_file *f)
{
    return below(f)->pMethods->xClose(below(f));
}

static int x_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
    if (disk_of(f) != NULL && disk_of(f)->dead) {
        return SQLITE_IOERR_READ;
    }
    return below(f)->pMethods->xRead(below(f), out, len, at);
}

static int x_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    struct disk *d = disk_of(f);
    if (dies(d)) {
        return SQLITE_IOERR_WRITE;
    }
    if (d != NULL && d->full) {
        return SQLITE_FULL;
    }
    if (d != NULL) {
        struct change c = {.at = (size_t)at, .now.len = (size_t)len};
        c.now.data = checked(malloc((size_t)len));
        memcpy(c.now.data, data, (size_t)len);
        note(d, f, c);
    }
    return below(f)->pMethods->xWrite(below(f), data, len, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct disk *d = disk_of(f);
    if (dies(d)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if (d != NULL) {
        note(d, f, (struct change){.truncates = true, .at = (size_t)size});
    }
    return below(f)->pMethods->xTruncate(below(f), size);
}

static int x_sync(sqlite3_file *f, int flags)
{
    struct disk *d = disk_of(f);
    (void)flags;
    if (dies(d)) {
        return SQLITE_IOERR_FSYNC;
    }
    if (d != NULL && d->sync_fails) {
        d->sync_fails = false;
        return SQLITE_IOERR_FSYNC;
    }
    struct unsynced *u =
        d == NULL ? NULL : find_file(d, ((struct file *)f)->name);
    if (u != NULL) {
        forget(u);
    }
    return SQLITE_OK;
}

static int x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return below(f)->pMethods->xFileSize(below(f), ret);
}

static int x_lock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xLock(below(f), level);
}

static int x_unlock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xUnlock(below(f), level);
}

static int x_check_lock(sqlite3_file *f, int *ret)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), ret);
}

static int x_control(sqlite3_file *f, int what, void *argument)
{
    return below(f)->pMethods->xFileControl(below(f), what, argument);
}

static int x_sector_size(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int x_traits(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

static int x_map(sqlite3_file *f, int page, int size, int extend,
                 void volatile **ret)
{
    return below(f)->pMethods->xShmMap(below(f), page, size, extend, ret);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return below(f)->pMethods->xShmLock(below(f), offset, n, flags);
}

static void x_barrier(sqlite3_file *f)
{
    below(f)->pMethods->xShmBarrier(below(f));
}

static int x_unmap(sqlite3_file *f, int removes)
{
    return below(f)->pMethods->xShmUnmap(below(f), removes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_lock,
    .xFileControl = x_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_traits,
    .xShmMap = x_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_barrier,
    .xShmUnmap = x_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f,
                  int flags, int *ret_flags)
{
    (void)vfs;
    struct file *file = (struct file *)f;
    file->base.pMethods = NULL;
    file->disk = find_disk(name);
    file->name = name;
    if (file->disk != NULL && file->disk->dead) {
        return SQLITE_CANTOPEN;
    }
    int rc =
        storage.below.xOpen(&storage.below, name, below(f), flags, ret_flags);
    if (below(f)->pMethods != NULL) {
        file->base.pMethods = &methods;
    }
    return rc;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    (void)syncs;
    struct disk *d = find_disk(name);
    if (dies(d)) {
        return SQLITE_IOERR_DELETE;
    }
    if (d != NULL) {
        struct unsynced *u = find_file(d, name);
        if (u != NULL) { /* a deletion is on the disk when it returns */
            forget(u);
        }
    }
    return storage.below.xDelete(&storage.below, name, 0);
}

/* --- time and chance ------------------------------------------------------ */

static int x_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    dice_fill(&sim.chance, out, (size_t)len);
    return len;
}

/* Nobody else would let go of a lock meanwhile. */
static int x_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int x_time(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    static const int64_t julian_1970_ms = INT64_C(210866760000000);
    (void)vfs;
    *ret = julian_1970_ms + sim_wall_ms();
    return SQLITE_OK;
}

void storage_install(void)
{
    storage.below = files_vfs();
    storage.vfs = storage.below;
    storage.vfs.zName = "sim";
    storage.vfs.szOsFile = (int)sizeof(struct file) + storage.below.szOsFile;
    storage.vfs.xOpen = x_open;
    storage.vfs.xDelete = x_delete;
    storage.vfs.xRandomness = x_randomness;
    storage.vfs.xSleep = x_sleep;
    storage.vfs.xCurrentTimeInt64 = x_time;
    int rc = sqlite3_vfs_register(&storage.vfs, 1);
    assert(rc == SQLITE_OK);
    (void)rc;
}
