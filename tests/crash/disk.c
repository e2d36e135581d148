/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_BYTES = 256,
    FILES_MAX = 8,
    SECTOR_BYTES = 512,
};

enum kind {
    KIND_OPEN, /* it is there from now on */
    KIND_WRITE,
    KIND_TRUNCATE,
    KIND_SYNC,
    KIND_DELETE,
    KIND_SYNC_FOLDER, /* of all files: which there are */
};

struct operation {
    enum kind kind;
    size_t file;
    int64_t at; /* offset, or the new size */
    size_t len;
    uint8_t *data; /* owned */
};

struct contents {
    uint8_t *data; /* owned */
    size_t len;
    bool there;
};

/* One of the files beside each other. */
struct recorded {
    char suffix[32]; /* "", "-wal", ... */
    struct contents base;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *below;
    /* the recording */
    bool records;
    char path[NAME_BYTES];
    struct recorded files[FILES_MAX];
    size_t file_count;
    struct operation *operations;
    size_t count;
    size_t cap;
    /* the failure */
    bool fails;
    char failing[NAME_BYTES];
    enum disk_fault fault;
    size_t after;
    bool lasting;
    bool failed;
} disk;

/* Behind it stands the file of the VFS below. */
struct file {
    sqlite3_file base;
    const char *name;  /* SQLite's, while the file is open; NULL: temporary */
    bool syncs_folder; /* its first sync does, too */
};

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)((struct file *)f + 1);
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* --- noting -------------------------------------------------------------- */

static void read_contents(const char *path, struct contents *ret)
{
    *ret = (struct contents){.there = false};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &st) != 0) {
        abort();
    }
    ret->there = true;
    ret->data = checked(malloc((size_t)st.st_size + 1));
    while (ret->len < (size_t)st.st_size) {
        ssize_t n =
            read(fd, ret->data + ret->len, (size_t)st.st_size - ret->len);
        if (n <= 0) {
            abort();
        }
        ret->len += (size_t)n;
    }
    (void)close(fd);
}

/* The files of the replica that is recorded, by what follows its name. The
 * shared memory is no file: nothing of it outlives the power. */
static size_t recorded_file(const char *name)
{
    size_t len = strlen(disk.path);
    if (name == NULL || len == 0 || strncmp(name, disk.path, len) != 0) {
        return FILES_MAX;
    }
    const char *suffix = name + len;
    if (suffix[0] != '\0' && strcmp(suffix, "-wal") != 0 &&
        strcmp(suffix, "-journal") != 0) {
        return FILES_MAX;
    }
    for (size_t i = 0; i < disk.file_count; i++) {
        if (strcmp(disk.files[i].suffix, suffix) == 0) {
            return i;
        }
    }
    assert(disk.file_count < FILES_MAX);
    struct recorded *r = &disk.files[disk.file_count];
    (void)snprintf(r->suffix, sizeof r->suffix, "%s", suffix);
    read_contents(name, &r->base);
    return disk.file_count++;
}

static void note(const char *name, enum kind kind, int64_t at, const void *data,
                 size_t len)
{
    size_t file = disk.records ? recorded_file(name) : FILES_MAX;
    if (file == FILES_MAX) {
        return;
    }
    if (disk.count == disk.cap) {
        disk.cap = disk.cap == 0 ? 1024 : disk.cap * 2;
        disk.operations = checked(
            realloc(disk.operations, disk.cap * sizeof *disk.operations));
    }
    struct operation *o = &disk.operations[disk.count++];
    *o = (struct operation){.kind = kind, .file = file, .at = at};
    if (len > 0) {
        o->data = checked(malloc(len));
        memcpy(o->data, data, len);
        o->len = len;
    }
}

/* --- failing ------------------------------------------------------------- */

static bool fails_by_name(const char *name, enum disk_fault fault)
{
    if (!disk.fails || disk.fault != fault || name == NULL ||
        strncmp(name, disk.failing, strlen(disk.failing)) != 0) {
        return false;
    }
    if (disk.after > 0) {
        disk.after--;
        return false;
    }
    disk.failed = true;
    disk.fails = disk.lasting;
    return true;
}

static bool fails(const sqlite3_file *f, enum disk_fault fault)
{
    return fails_by_name(((const struct file *)f)->name, fault);
}

void disk_fail(const char *path, enum disk_fault fault, size_t after,
               bool lasting)
{
    (void)snprintf(disk.failing, sizeof disk.failing, "%s", path);
    disk.fails = true;
    disk.fault = fault;
    disk.after = after;
    disk.lasting = lasting;
    disk.failed = false;
}

bool disk_heal(void)
{
    disk.fails = false;
    return disk.failed;
}

/* --- files of SQLite ----------------------------------------------------- */

static int x_close(sqlite3_file *f)
{
    return below(f)->pMethods->xClose(below(f));
}

static int x_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
    return fails(f, FAULT_READ)
               ? SQLITE_IOERR_READ
               : below(f)->pMethods->xRead(below(f), out, len, at);
}

static int x_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    if (fails(f, FAULT_FULL)) {
        return SQLITE_FULL;
    }
    if (fails(f, FAULT_WRITE)) {
        return SQLITE_IOERR_WRITE;
    }
    int rc = below(f)->pMethods->xWrite(below(f), data, len, at);
    if (rc == SQLITE_OK) {
        note(((struct file *)f)->name, KIND_WRITE, at, data, (size_t)len);
    }
    return rc;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (fails(f, FAULT_TRUNCATE)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    int rc = below(f)->pMethods->xTruncate(below(f), size);
    if (rc == SQLITE_OK) {
        note(((struct file *)f)->name, KIND_TRUNCATE, size, NULL, 0);
    }
    return rc;
}

/* SQLite's own VFS makes a log or journal that it has made durable under its name
 * (os_unix.c, UNIXFILE_DIRSYNC), and with it what else was made or deleted. */
static void note_sync(struct file *f)
{
    note(f->name, KIND_SYNC, 0, NULL, 0);
    if (f->syncs_folder) {
        note(f->name, KIND_SYNC_FOLDER, 0, NULL, 0);
    }
    f->syncs_folder = false;
}

static int x_sync(sqlite3_file *f, int flags)
{
    if (fails(f, FAULT_SYNC)) {
        return SQLITE_IOERR_FSYNC;
    }
    int rc = below(f)->pMethods->xSync(below(f), flags);
    if (rc == SQLITE_OK) {
        note_sync((struct file *)f);
    }
    return rc;
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

/* Without memory mapping: all reading is seen. */
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
    file->name = name;
    file->syncs_folder =
        (flags & SQLITE_OPEN_CREATE) != 0 &&
        (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    if (fails_by_name(name, FAULT_OPEN)) {
        return SQLITE_CANTOPEN;
    }
    int rc = disk.below->xOpen(disk.below, name, below(f), flags, ret_flags);
    if (below(f)->pMethods != NULL) {
        file->base.pMethods = &methods;
    }
    if (rc == SQLITE_OK) {
        note(name, KIND_OPEN, 0, NULL, 0);
    }
    return rc;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    if (fails_by_name(name, FAULT_DELETE)) {
        return SQLITE_IOERR_DELETE;
    }
    int rc = disk.below->xDelete(disk.below, name, syncs);
    if (rc == SQLITE_OK) {
        note(name, KIND_DELETE, 0, NULL, 0);
        if (syncs != 0) {
            note(name, KIND_SYNC, 0, NULL, 0);
        }
    }
    return rc;
}

void disk_install(void)
{
    disk.below = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.below;
    disk.vfs.zName = "disk";
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.below->szOsFile;
    disk.vfs.xOpen = x_open;
    disk.vfs.xDelete = x_delete;
    int rc = sqlite3_vfs_register(&disk.vfs, 1);
    assert(rc == SQLITE_OK);
    (void)rc;
}

/* --- the recording ------------------------------------------------------- */

static void forget(void)
{
    for (size_t i = 0; i < disk.count; i++) {
        free(disk.operations[i].data);
    }
    for (size_t i = 0; i < disk.file_count; i++) {
        free(disk.files[i].base.data);
    }
    disk.count = 0;
    disk.file_count = 0;
}

void disk_record(const char *path)
{
    char wal[NAME_BYTES + 8];
    forget();
    (void)snprintf(disk.path, sizeof disk.path, "%s", path);
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    (void)recorded_file(path);
    (void)recorded_file(wal);
    disk.records = true;
}

size_t disk_moment(void)
{
    return disk.count;
}

void disk_stop(void)
{
    disk.records = false;
    disk.path[0] = '\0';
}

/* --- images -------------------------------------------------------------- */

static void set_size(struct contents *c, size_t len)
{
    if (len > c->len) {
        c->data = checked(realloc(c->data, len + 1));
        memset(c->data + c->len, 0, len - c->len);
    }
    c->len = len;
}

static void write_at(struct contents *c, size_t at, const uint8_t *data,
                     size_t len)
{
    c->there = true;
    if (at + len > c->len) {
        set_size(c, at + len);
    }
    memcpy(c->data + at, data, len);
}

static void apply(struct contents *c, const struct operation *o)
{
    switch (o->kind) {
    case KIND_OPEN:
        c->there = true;
        break;
    case KIND_WRITE:
        write_at(c, (size_t)o->at, o->data, o->len);
        break;
    case KIND_TRUNCATE:
        set_size(c, (size_t)o->at);
        break;
    case KIND_DELETE:
        c->there = false;
        c->len = 0;
        break;
    case KIND_SYNC:
    case KIND_SYNC_FOLDER:
        break;
    }
}

/* Sectors are those of the disk, not of the write. */
static void apply_sectors(struct contents *c, const struct operation *o,
                          struct dice *dice)
{
    if (o->kind != KIND_WRITE) {
        if (dice_even(dice)) {
            apply(c, o);
        }
        return;
    }
    for (size_t done = 0; done < o->len;) {
        size_t at = (size_t)o->at + done;
        size_t len = SECTOR_BYTES - at % SECTOR_BYTES;
        len = len < o->len - done ? len : o->len - done;
        if (dice_even(dice)) {
            write_at(c, at, o->data + done, len);
        }
        done += len;
    }
}

static void apply_torn(struct contents *c, const struct operation *o,
                       struct dice *dice)
{
    struct operation first = *o;
    if (o->kind == KIND_WRITE) {
        first.len = dice_below(dice, o->len / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if (first.len == 0) {
            return;
        }
    }
    apply(c, &first);
}

static void apply_unsynced(struct contents *c, const struct operation *o,
                           bool last, enum cut cut, struct dice *dice)
{
    switch (cut) {
    case CUT_LOST:
    case CUT_COUNT:
        break;
    case CUT_KEPT:
        apply(c, o);
        break;
    case CUT_TORN:
        if (last) {
            apply_torn(c, o, dice);
        } else {
            apply(c, o);
        }
        break;
    case CUT_SECTORS:
        apply_sectors(c, o, dice);
        break;
    }
}

/* What was done before is durable: of a file, or, of the folder, which files
 * there are. */
static size_t last_sync(size_t file, size_t moment, enum kind kind)
{
    for (size_t i = moment; i > 0; i--) {
        const struct operation *o = &disk.operations[i - 1];
        if (o->kind == kind && (kind == KIND_SYNC_FOLDER || o->file == file)) {
            return i;
        }
    }
    return 0;
}

static bool is_of_folder(const struct operation *o)
{
    return o->kind == KIND_OPEN || o->kind == KIND_DELETE;
}

static void make_contents(size_t file, size_t moment, enum cut cut,
                          struct dice *dice, struct contents *c)
{
    size_t synced = last_sync(file, moment, KIND_SYNC);
    size_t folder = last_sync(file, moment, KIND_SYNC_FOLDER);
    for (size_t i = 0; i < moment; i++) {
        const struct operation *o = &disk.operations[i];
        if (o->file != file) {
            continue;
        }
        if (i < synced || (i < folder && is_of_folder(o))) {
            apply(c, o);
        } else {
            apply_unsynced(c, o, i + 1 == moment, cut, dice);
        }
    }
}

static void write_file(const char *name, const struct contents *c)
{
    if (!c->there) {
        (void)unlink(name);
        return;
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        abort();
    }
    for (size_t done = 0; done < c->len;) {
        ssize_t n = write(fd, c->data + done, c->len - done);
        if (n <= 0) {
            abort();
        }
        done += (size_t)n;
    }
    (void)close(fd);
}

void disk_image(size_t moment, enum cut cut, struct dice *dice, const char *to)
{
    char name[NAME_BYTES + 40];
    assert(moment <= disk.count);
    for (size_t i = 0; i < disk.file_count; i++) {
        const struct contents *base = &disk.files[i].base;
        struct contents c = {.there = base->there, .len = base->len};
        c.data = checked(malloc(base->len + 1));
        if (base->len > 0) {
            memcpy(c.data, base->data, base->len);
        }
        make_contents(i, moment, cut, dice, &c);
        (void)snprintf(name, sizeof name, "%s%s", to, disk.files[i].suffix);
        write_file(name, &c);
        free(c.data);
    }
    (void)snprintf(name, sizeof name, "%s-shm", to);
    (void)unlink(name);
}
