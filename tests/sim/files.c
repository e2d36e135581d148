/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include "memory.h"
#include "sim.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MAX = 1024,
    NAME_BYTES = SIM_PATH_BYTES + 64,
    SHARED_MAX = 64,     /* parts of shared memory: 32 KiB each */
    SECTOR_BYTES = 4096, /* as the system's VFS says */
};

/* One connection's hold on a file. */
struct handle {
    sqlite3_file base;
    struct file *file;
    int level; /* SQLITE_LOCK_* */
    bool attached;
    unsigned shared; /* bits of the shared memory's locks */
    unsigned alone;
    bool deletes; /* when it is closed */
};

struct file {
    char name[NAME_BYTES]; /* "": nobody finds it */
    bool used;
    int handles;
    uint8_t *data; /* memory.h */
    size_t len;
    /* locks */
    int readers;
    struct handle *reserved;
    struct handle *pending;
    /* shared memory, while anybody is attached */
    int attached;
    uint8_t *parts[SHARED_MAX]; /* owned */
    int part_readers[SQLITE_SHM_NLOCK];
    unsigned part_alone;
};

/* What a file of this name begins with. */
struct beginning {
    char name[NAME_BYTES];
    uint8_t *data; /* owned */
    size_t len;
};

static struct beginning beginnings[SIM_MACHINES_MAX];
static size_t beginning_count;
static struct file files[FILES_MAX];
static size_t file_count; /* places ever used */
static uint64_t changes;

/* --- by name --------------------------------------------------------------- */

static struct file *find(const char *name)
{
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i].name, name) == 0 && files[i].used) {
            return &files[i];
        }
    }
    return NULL;
}

static struct file *make(const char *name)
{
    size_t at = 0;
    while (at < file_count && files[at].used) {
        at++;
    }
    assert(at < FILES_MAX && strlen(name) < NAME_BYTES);
    file_count = at < file_count ? file_count : at + 1;
    struct file *f = &files[at];
    *f = (struct file){.used = true};
    changes++;
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    return f;
}

static void free_file(struct file *f)
{
    if (f->handles == 0 && f->name[0] == '\0') {
        memory_free(f->data);
        f->used = false;
    }
}

/* What is cut off, or was never written, reads as zeros when the file grows. */
static void set_len(struct file *f, size_t len)
{
    if (len > f->len) {
        f->data = memory_piece(f->data, len);
        memset(f->data + f->len, 0, len - f->len);
    }
    f->len = len;
    changes++;
}

void files_each(void (*each)(const char *name, const uint8_t *data, size_t len,
                             void *of),
                void *of)
{
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].used && files[i].name[0] != '\0') {
            each(files[i].name, files[i].data, files[i].len, of);
        }
    }
}

uint64_t files_changes(void)
{
    return changes;
}

bool files_read(const char *name, const uint8_t **ret, size_t *ret_len)
{
    const struct file *f = find(name);
    if (f == NULL) {
        return false;
    }
    *ret = f->data == NULL ? (const uint8_t *)"" : f->data;
    *ret_len = f->len;
    return true;
}

void files_write(const char *name, const uint8_t *data, size_t len)
{
    struct file *f = find(name);
    f = f == NULL ? make(name) : f;
    set_len(f, len);
    if (len > 0) {
        memcpy(f->data, data, len);
    }
}

bool files_remove(const char *name)
{
    struct file *f = find(name);
    if (f == NULL) {
        return false;
    }
    f->name[0] = '\0';
    changes++;
    free_file(f);
    return true;
}

static struct beginning *find_beginning(const char *name)
{
    for (size_t i = 0; i < beginning_count; i++) {
        if (strcmp(beginnings[i].name, name) == 0) {
            return &beginnings[i];
        }
    }
    return NULL;
}

void files_begin_with(const char *name, uint8_t *data, size_t len)
{
    struct beginning *b = find_beginning(name);
    if (b == NULL) {
        assert(beginning_count < SIM_MACHINES_MAX);
        b = &beginnings[beginning_count++];
        (void)snprintf(b->name, sizeof b->name, "%s", name);
    }
    sqlite3_free(b->data);
    b->data = data;
    b->len = len;
}

/* --- what a connection does with one ----------------------------------------- */

static struct handle *handle_of(sqlite3_file *f)
{
    return (struct handle *)f;
}

static struct file *file_of(sqlite3_file *f)
{
    return handle_of(f)->file;
}

static int x_close(sqlite3_file *base)
{
    struct handle *h = handle_of(base);
    struct file *f = h->file;
    assert(h->level == SQLITE_LOCK_NONE && !h->attached);
    f->handles--;
    if (h->deletes) {
        f->name[0] = '\0';
        changes++;
    }
    free_file(f);
    return SQLITE_OK;
}

static int x_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
    const struct file *f = file_of(base);
    size_t from = (size_t)at;
    size_t there = from < f->len ? f->len - from : 0;
    size_t wanted = (size_t)len;
    size_t n = there < wanted ? there : wanted;
    if (n > 0) {
        memcpy(out, f->data + from, n);
    }
    memset((uint8_t *)out + n, 0, wanted - n);
    return n == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *base, const void *data, int len,
                   sqlite3_int64 at)
{
    struct file *f = file_of(base);
    size_t end = (size_t)at + (size_t)len;
    if (end > f->len) {
        set_len(f, end);
    }
    memcpy(f->data + (size_t)at, data, (size_t)len);
    changes++;
    return SQLITE_OK;
}

static int x_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    set_len(file_of(base), (size_t)size);
    return SQLITE_OK;
}

static int x_sync(sqlite3_file *base, int flags)
{
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int x_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)file_of(base)->len;
    return SQLITE_OK;
}

static int x_control(sqlite3_file *base, int what, void *argument)
{
    (void)base;
    if (what != SQLITE_FCNTL_MMAP_SIZE) {
        return SQLITE_NOTFOUND;
    }
    *(sqlite3_int64 *)argument = 0;
    return SQLITE_OK;
}

static int x_sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR_BYTES;
}

static int x_traits(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* --- its locks (sqlite.org/lockingv3.html) ------------------------------------- */

/* The whole file for itself, once nobody else reads; nobody begins to meanwhile. */
static int lock_alone(struct handle *h)
{
    struct file *f = h->file;
    if ((f->reserved != NULL && f->reserved != h) ||
        (f->pending != NULL && f->pending != h)) {
        return SQLITE_BUSY;
    }
    f->pending = h;
    h->level = SQLITE_LOCK_PENDING;
    if (f->readers > 1) {
        return SQLITE_BUSY;
    }
    h->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int x_lock(sqlite3_file *base, int level)
{
    struct handle *h = handle_of(base);
    struct file *f = h->file;
    if (h->level >= level) {
        return SQLITE_OK;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        return lock_alone(h);
    }
    if (level == SQLITE_LOCK_SHARED ? f->pending != NULL
                                    : f->reserved != NULL) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_SHARED) {
        f->readers++;
    } else {
        f->reserved = h;
    }
    h->level = level;
    return SQLITE_OK;
}

static int x_unlock(sqlite3_file *base, int level)
{
    struct handle *h = handle_of(base);
    struct file *f = h->file;
    if (h->level <= level) {
        return SQLITE_OK;
    }
    f->reserved = f->reserved == h ? NULL : f->reserved;
    f->pending = f->pending == h ? NULL : f->pending;
    f->readers -= level == SQLITE_LOCK_NONE;
    h->level = level;
    return SQLITE_OK;
}

static int x_check_lock(sqlite3_file *base, int *ret)
{
    const struct file *f = file_of(base);
    *ret = f->reserved != NULL || f->pending != NULL;
    return SQLITE_OK;
}

/* --- its shared memory (sqlite.org/walformat.html) ------------------------------ */

static int x_map(sqlite3_file *base, int part, int size, int extend,
                 void volatile **ret)
{
    struct handle *h = handle_of(base);
    struct file *f = h->file;
    assert(part < SHARED_MAX);
    f->attached += !h->attached;
    h->attached = true;
    if (f->parts[part] == NULL && extend) {
        f->parts[part] = calloc(1, (size_t)size);
        if (f->parts[part] == NULL) {
            abort();
        }
    }
    *ret = f->parts[part];
    return SQLITE_OK;
}

static void let_go(struct handle *h, int at)
{
    unsigned bit = 1U << at;
    h->file->part_readers[at] -= (h->shared & bit) != 0;
    h->file->part_alone &= ~(h->alone & bit);
    h->shared &= ~bit;
    h->alone &= ~bit;
}

static bool may_hold(const struct handle *h, int at, bool alone)
{
    unsigned bit = 1U << at;
    int others = h->file->part_readers[at] - ((h->shared & bit) != 0);
    bool taken = (h->file->part_alone & bit & ~h->alone) != 0;
    return !taken && (!alone || others == 0);
}

static void hold(struct handle *h, int at, bool alone)
{
    unsigned bit = 1U << at;
    if (alone) {
        h->alone |= bit;
        h->file->part_alone |= bit;
    } else if ((h->shared & bit) == 0) {
        h->shared |= bit;
        h->file->part_readers[at]++;
    }
}

static int x_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct handle *h = handle_of(base);
    bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    bool locks = (flags & SQLITE_SHM_LOCK) != 0;
    for (int i = offset; locks && i < offset + n; i++) {
        if (!may_hold(h, i, alone)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + n; i++) {
        if (locks) {
            hold(h, i, alone);
        } else {
            let_go(h, i);
        }
    }
    return SQLITE_OK;
}

static void x_barrier(sqlite3_file *base)
{
    (void)base; /* one thread */
}

/* Nobody's shared memory outlives the last who was attached: the first one after
 * that begins anew in any case. */
static int x_unmap(sqlite3_file *base, int removes)
{
    struct handle *h = handle_of(base);
    struct file *f = h->file;
    (void)removes;
    if (!h->attached) {
        return SQLITE_OK;
    }
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
        let_go(h, i);
    }
    h->attached = false;
    f->attached--;
    for (int i = 0; f->attached == 0 && i < SHARED_MAX; i++) {
        free(f->parts[i]);
        f->parts[i] = NULL;
    }
    return SQLITE_OK;
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

/* --- files for SQLite ----------------------------------------------------------- */

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base,
                  int flags, int *ret_flags)
{
    (void)vfs;
    struct handle *h = handle_of(base);
    struct file *f = name == NULL ? make("") : find(name);
    base->pMethods = NULL;
    if (f == NULL && (flags & SQLITE_OPEN_CREATE) == 0) {
        return SQLITE_CANTOPEN;
    }
    f = f == NULL ? make(name) : f;
    f->handles++;
    *h = (struct handle){
        .base.pMethods = &methods,
        .file = f,
        .deletes = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0,
    };
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    (void)syncs;
    return files_remove(name) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

/* An empty journal is none. */
static int x_access(sqlite3_vfs *vfs, const char *name, int what, int *ret)
{
    const struct file *f = find(name);
    (void)vfs;
    *ret = f != NULL && (what != SQLITE_ACCESS_EXISTS || f->len > 0);
    return SQLITE_OK;
}

static int x_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    assert(strncmp(name, FILES_ROOT, strlen(FILES_ROOT)) == 0);
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK
                                                          : SQLITE_CANTOPEN;
}

sqlite3_vfs files_vfs(void)
{
    sqlite3_vfs vfs = *sqlite3_vfs_find("unix");
    vfs.szOsFile = sizeof(struct handle);
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    vfs.xAccess = x_access;
    vfs.xFullPathname = x_full_name;
    return vfs;
}

/* --- files for store/ ------------------------------------------------------------- */

int __real_access(const char *name, int mode);
int __wrap_access(const char *name, int mode);
int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
int __real_stat(const char *name, struct stat *ret);
int __wrap_stat(const char *name, struct stat *ret);
int __real_unlink(const char *name);
int __wrap_unlink(const char *name);
int __real_remove(const char *name);
int __wrap_remove(const char *name);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static bool is_ours(const char *name)
{
    return strncmp(name, FILES_ROOT, strlen(FILES_ROOT)) == 0;
}

static int fail(int code)
{
    errno = code;
    return -1;
}

int __wrap_access(const char *name, int mode)
{
    if (!is_ours(name)) {
        return __real_access(name, mode);
    }
    return find(name) != NULL ? 0 : fail(ENOENT);
}

/* Nobody reads or writes through the descriptor; it is synced, gets rights, and
 * is closed. */
int __wrap_open(const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!is_ours(name)) {
        return __real_open(name, flags, mode);
    }
    bool there = find(name) != NULL;
    if (there && (flags & O_EXCL) != 0) {
        return fail(EEXIST);
    }
    if (!there && (flags & (O_CREAT | O_DIRECTORY)) == 0) {
        return fail(ENOENT);
    }
    if (!there && (flags & O_CREAT) != 0) {
        const struct beginning *b = find_beginning(name);
        files_write(name, b == NULL ? NULL : b->data, b == NULL ? 0 : b->len);
    }
    return memfd_create("sim", MFD_CLOEXEC);
}

int __wrap_stat(const char *name, struct stat *ret)
{
    if (!is_ours(name)) {
        return __real_stat(name, ret);
    }
    const struct file *f = find(name);
    if (f == NULL) {
        return fail(ENOENT);
    }
    *ret = (struct stat){.st_mode = S_IFREG | 0660, .st_size = (off_t)f->len};
    return 0;
}

int __wrap_unlink(const char *name)
{
    if (!is_ours(name)) {
        return __real_unlink(name);
    }
    return files_remove(name) ? 0 : fail(ENOENT);
}

int __wrap_remove(const char *name)
{
    return is_ours(name) ? __wrap_unlink(name) : __real_remove(name);
}

int __wrap_rename(const char *from, const char *to)
{
    if (!is_ours(from)) {
        return __real_rename(from, to);
    }
    struct file *f = find(from);
    if (f == NULL) {
        return fail(ENOENT);
    }
    (void)files_remove(to);
    changes++;
    (void)snprintf(f->name, sizeof f->name, "%s", to);
    return 0;
}
