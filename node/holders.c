/* SPDX-License-Identifier: Apache-2.0 */
#include "node/holders.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    /* Bytes of the -shm file that SQLite locks: one for the writer, one each
     * for checkpoint and recovery, then five for snapshots. */
    BYTE_WRITE = 120,
    BYTE_SNAPSHOT_FIRST = 123,
    BYTE_SNAPSHOT_LAST = 127,
    PATH_BYTES = 4096,
    /* "1: POSIX  ADVISORY  READ 4711 fe:00:10952745 123 123" */
    LINE_BYTES = 256,
    FIELDS = 8,
};

/* --- the list ------------------------------------------------------------- */

static void read_command(struct holder *h)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/comm", h->pid);
    FILE *file = fopen(path, "re");
    h->command[0] = '\0';
    if (file == NULL) {
        return;
    }
    if (fgets(h->command, sizeof h->command, file) != NULL) {
        h->command[strcspn(h->command, "\n")] = '\0';
    }
    (void)fclose(file);
}

static bool is_listed(const struct holders *h, int pid)
{
    for (size_t i = 0; i < h->count && i < HOLDERS_SEEN_MAX; i++) {
        if (h->seen[i] == pid) {
            return true;
        }
    }
    return false;
}

/* A process may hold two snapshots, or open a file twice, or be listed twice. */
static void add(struct holders *h, int pid)
{
    if (pid == getpid() || pid == h->left_out || is_listed(h, pid)) {
        return;
    }
    if (h->count < HOLDERS_MAX) {
        h->items[h->count].pid = pid;
        read_command(&h->items[h->count]);
    }
    if (h->count < HOLDERS_SEEN_MAX) {
        h->seen[h->count] = pid;
    }
    h->count++;
}

static bool file_at(const char *replica, const char *end, struct stat *ret)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s%s", replica, end);
    return (size_t)len < sizeof path && stat(path, ret) == 0;
}

/* --- locks ---------------------------------------------------------------- */

struct lock_line {
    int pid;
    unsigned long major, minor;
    unsigned long long inode;
    unsigned long long first, last; /* bytes */
};

/* Fields by place: number, kind, advisory, read or write, process, file, first
 * and last byte. A lock that somebody waits for has "->" before its kind: it
 * is nobody's yet, and SQLite never waits so. */
static bool parse_line(char *line, struct lock_line *ret)
{
    char *fields[FIELDS];
    char *rest = NULL;
    size_t count = 0;
    for (char *f = strtok_r(line, " \n", &rest); f != NULL && count < FIELDS;
         f = strtok_r(NULL, " \n", &rest)) {
        fields[count++] = f;
    }
    if (count < FIELDS || strcmp(fields[1], "POSIX") != 0) {
        return false;
    }
    char *at = fields[5];
    ret->pid = (int)strtol(fields[4], NULL, 10);
    ret->major = strtoul(at, &at, 16);
    ret->minor = strtoul(at + (*at == ':'), &at, 16);
    ret->inode = strtoull(at + (*at == ':'), NULL, 10);
    ret->first = strtoull(fields[6], NULL, 10);
    ret->last = strcmp(fields[7], "EOF") == 0 ? UINT64_MAX
                                              : strtoull(fields[7], NULL, 10);
    return ret->pid > 0;
}

static bool is_of_file(const struct lock_line *l, const struct stat *file)
{
    return l->inode == file->st_ino && l->major == major(file->st_dev) &&
           l->minor == minor(file->st_dev);
}

static bool covers(const struct lock_line *l, enum holders_lock lock)
{
    unsigned first = lock == HOLDERS_WRITE ? BYTE_WRITE : BYTE_SNAPSHOT_FIRST;
    unsigned last = lock == HOLDERS_WRITE ? BYTE_WRITE : BYTE_SNAPSHOT_LAST;
    return l->first <= last && l->last >= first;
}

/* Every connection holds a lock of the file, the node's own too: if none is
 * listed, the kernel does not say (another namespace, or a file system that
 * gives the file another device number). */
static void look_at_locks(const char *replica, enum holders_lock lock,
                          struct holders *ret)
{
    struct stat shm;
    struct lock_line l;
    char line[LINE_BYTES];
    FILE *file = fopen("/proc/locks", "re");
    if (file == NULL) {
        return;
    }
    bool there = file_at(replica, "-shm", &shm);
    while (there && fgets(line, sizeof line, file) != NULL) {
        if (!parse_line(line, &l) || !is_of_file(&l, &shm)) {
            continue;
        }
        ret->source = HOLDERS_LOCKS;
        if (covers(&l, lock)) {
            add(ret, l.pid);
        }
    }
    (void)fclose(file);
}

/* --- open files ----------------------------------------------------------- */

/* False too when this user may not look. */
static bool has_open(int pid, const struct stat *file)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    bool found = false;
    struct dirent *entry;
    if (folder == NULL) {
        return false;
    }
    while (!found && (entry = readdir(folder)) != NULL) {
        struct stat st;
        found = fstatat(dirfd(folder), entry->d_name, &st, 0) == 0 &&
                st.st_ino == file->st_ino && st.st_dev == file->st_dev;
    }
    (void)closedir(folder);
    return found;
}

static void look_at_files(const char *replica, struct holders *ret)
{
    struct stat wal;
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    if (folder == NULL) {
        return;
    }
    bool there = file_at(replica, "-wal", &wal);
    while (there && (entry = readdir(folder)) != NULL) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && has_open(pid, &wal)) {
            add(ret, pid);
        }
    }
    (void)closedir(folder);
    ret->source = ret->count > 0 ? HOLDERS_FILES : HOLDERS_UNKNOWN;
}

void holders_find(const char *replica, enum holders_lock lock, int left_out,
                  struct holders *ret)
{
    *ret = (struct holders){.left_out = left_out};
    look_at_locks(replica, lock, ret);
    if (ret->source == HOLDERS_UNKNOWN) {
        look_at_files(replica, ret);
    }
}

/* --- words ---------------------------------------------------------------- */

/* Whatever fits; the room is for HOLDERS_MAX and more. */
static void append(char out[HOLDERS_TEXT_BYTES], const char *text)
{
    size_t len = strlen(out);
    (void)snprintf(out + len, HOLDERS_TEXT_BYTES - len, "%s", text);
}

static void name(char out[HOLDERS_TEXT_BYTES], const struct holder *h)
{
    char text[64];
    if (h->command[0] != '\0') {
        (void)snprintf(text, sizeof text, "%d (%s)", h->pid, h->command);
    } else {
        (void)snprintf(text, sizeof text, "%d", h->pid);
    }
    append(out, text);
}

const char *holders_say(const struct holders *h, char out[HOLDERS_TEXT_BYTES])
{
    char more[64];
    out[0] = '\0';
    if (h->count == 0) {
        append(out, h->source == HOLDERS_LOCKS
                        ? "nobody now holds"
                        : "a program that cannot be seen from here holds");
        return out;
    }
    append(out, h->count == 1 ? "process " : "processes ");
    for (size_t i = 0; i < h->count && i < HOLDERS_MAX; i++) {
        append(out, i > 0 ? ", " : "");
        name(out, &h->items[i]);
    }
    if (h->count > HOLDERS_MAX) {
        (void)snprintf(more, sizeof more, " and %zu more",
                       h->count - HOLDERS_MAX);
        append(out, more);
    }
    if (h->source == HOLDERS_FILES) {
        append(out, " or another that has the file open holds");
    } else {
        append(out, h->count == 1 ? " holds" : " hold");
    }
    return out;
}
