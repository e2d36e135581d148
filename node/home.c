/* SPDX-License-Identifier: Apache-2.0 */
#include "node/home.h"

#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 02770, /* setgid: what is made inside has the group too */
    KEY_FOLDER_MODE = 0700,
    KEY_FILE_MODE = 0600,
    SHARED_FILE_MODE = 0660,
};

static const char group_name[] = "sangam";

/* --- paths --------------------------------------------------------------- */

static char *path_in(const char *folder, const char *name)
{
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path == NULL) {
        abort();
    }
    (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static struct home *home_at(const char *folder)
{
    struct home *h = calloc(1, sizeof *h);
    if (h == NULL) {
        abort();
    }
    h->folder = strdup(folder);
    if (h->folder == NULL) {
        abort();
    }
    h->conf = path_in(folder, "sangam.conf");
    h->replica = path_in(folder, "replica.db");
    h->key_folder = path_in(folder, "keys");
    h->key_file = path_in(folder, "keys/node.key");
    h->programme_file = path_in(folder, "keys/programme.key");
    h->lock_file = path_in(folder, "lock");
    h->lock_fd = -1;
    return h;
}

int home_open_replica(const char *folder, enum database_use use,
                      struct home **ret, struct database **ret_db,
                      struct err *e)
{
    int rc = home_open(folder, ret, e);
    return rc == 0 ? database_open((*ret)->replica, use, DATABASE_EXISTING,
                                   ret_db, e)
                   : rc;
}

void home_close(struct home **h)
{
    struct home *old = *h;
    *h = NULL;
    if (old == NULL) {
        return;
    }
    if (old->lock_fd >= 0) {
        /* the file stays: to remove it would let two hold one name */
        if (ftruncate(old->lock_fd, 0) != 0) {
            /* it names a process that is gone; the lock itself tells */
        }
        (void)close(old->lock_fd);
    }
    free(old->folder);
    free(old->conf);
    free(old->replica);
    free(old->key_folder);
    free(old->key_file);
    free(old->programme_file);
    free(old->lock_file);
    free(old);
}

static bool has_replica(const struct home *h)
{
    return access(h->replica, F_OK) == 0;
}

bool home_has_keys(const struct home *h)
{
    return access(h->key_file, F_OK) == 0;
}

/* --- folders ------------------------------------------------------------- */

/* A folder of this mode; one that is there is left as its owner made it. */
static int make_folder(const char *path, mode_t mode, bool *ret_made,
                       struct err *e)
{
    *ret_made = mkdir(path, mode & 0777) == 0;
    if (!*ret_made && errno != EEXIST) {
        return err_set(e, ERR_IO, "cannot make the folder %s: %s", path,
                       strerror(errno));
    }
    /* the umask may have taken bits away, and mkdir() sets no setgid */
    if (*ret_made && chmod(path, mode) != 0) {
        return err_set(e, ERR_IO, "cannot set the mode of %s: %s", path,
                       strerror(errno));
    }
    return 0;
}

/* Gives the folder to the group, where there is one and the caller may. */
static void give_to_group(const char *folder)
{
    const struct group *group = getgrnam(group_name);
    /* chown() clears setgid */
    if (group != NULL && chown(folder, (uid_t)-1, group->gr_gid) == 0) {
        (void)chmod(folder, FOLDER_MODE);
    }
}

static bool belongs_to_group(const char *folder)
{
    const struct group *group = getgrnam(group_name);
    struct stat st;
    return group != NULL && stat(folder, &st) == 0 &&
           st.st_gid == group->gr_gid;
}

int home_create(const char *folder, struct home **ret, bool *ret_shared,
                struct err *e)
{
    bool made = false;
    bool keys_made = false;
    struct home *h = home_at(folder);
    int rc = make_folder(folder, FOLDER_MODE, &made, e);
    if (rc == 0 && made) {
        give_to_group(folder);
    }
    if (rc == 0) {
        rc = make_folder(h->key_folder, KEY_FOLDER_MODE, &keys_made, e);
    }
    if (rc != 0) {
        home_close(&h);
        return rc;
    }
    *ret_shared = belongs_to_group(folder);
    *ret = h;
    return 0;
}

int home_open(const char *folder, struct home **ret, struct err *e)
{
    struct home *h = home_at(folder);
    int rc = 0;
    if (!has_replica(h)) {
        rc = err_set(e, ERR_CONFIG, "%s: %s; %s", h->replica, strerror(errno),
                     errno == EACCES
                         ? "it is for its owner and the group of its folder"
                         : "make a node with 'sangam init' or 'sangam join'");
    }
    if (rc != 0) {
        home_close(&h);
        return rc;
    }
    *ret = h;
    return 0;
}

void home_set_umask(void)
{
    (void)umask(0007);
}

/* --- lock ---------------------------------------------------------------- */

enum {
    PID_TEXT_BYTES = 16,
    /* home_holder() takes the lock for a moment to see whether it can. */
    LOCK_TRIES = 5,
    LOCK_TRY_US = 20 * 1000,
};

static int read_holder(int fd)
{
    char text[PID_TEXT_BYTES] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 && pid < INT32_MAX ? (int)pid : -1;
}

static int open_lock(const struct home *h, struct err *e)
{
    int fd = open(h->lock_file, O_RDWR | O_CREAT | O_CLOEXEC, SHARED_FILE_MODE);
    if (fd < 0) {
        (void)err_set(e, ERR_IO, "cannot open %s: %s", h->lock_file,
                      strerror(errno));
    }
    return fd;
}

static int say_held(int holder, const struct home *h, struct err *e)
{
    if (holder > 0) {
        return err_set(e, ERR_BUSY, "already running, held by process %d",
                       holder);
    }
    return err_set(e, ERR_BUSY,
                   "already running, %s is held by another process",
                   h->lock_file);
}

static int take_lock(int fd)
{
    int rc = flock(fd, LOCK_EX | LOCK_NB);
    for (int i = 1; rc != 0 && errno == EWOULDBLOCK && i < LOCK_TRIES; i++) {
        (void)usleep(LOCK_TRY_US);
        rc = flock(fd, LOCK_EX | LOCK_NB);
    }
    return rc;
}

int home_lock(struct home *h, struct err *e)
{
    char pid[PID_TEXT_BYTES];
    int fd = open_lock(h, e);
    if (fd < 0) {
        return ERR_IO;
    }
    if (take_lock(fd) != 0) {
        int rc = errno == EWOULDBLOCK ? say_held(read_holder(fd), h, e)
                                      : err_set(e, ERR_IO, "cannot lock %s: %s",
                                                h->lock_file, strerror(errno));
        (void)close(fd);
        return rc;
    }
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
        int rc = err_set(e, ERR_IO, "cannot write %s: %s", h->lock_file,
                         strerror(errno));
        (void)close(fd);
        return rc;
    }
    h->lock_fd = fd;
    return 0;
}

int home_holder(const struct home *h, struct err *e)
{
    int holder = 0;
    int fd = open(h->lock_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    if (fd < 0) {
        return err_set(e, ERR_IO, "cannot open %s: %s", h->lock_file,
                       strerror(errno));
    }
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        holder = read_holder(fd);
    }
    (void)close(fd);
    return holder;
}

/* --- keys ---------------------------------------------------------------- */

int home_keys_write(const struct home *h, const struct keys *keys,
                    struct err *e)
{
    struct bytes text = {0};
    bytes_reserve(&text, KEYS_TEXT_BYTES_MAX);
    keys_print(keys, &text);
    int rc = file_write_new(h->key_file, slice_of(&text), KEY_FILE_MODE, e);
    sodium_memzero(text.data, text.cap);
    bytes_free(&text);
    return rc;
}

static int check_key_mode(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_set(e, ERR_CONFIG, "cannot find the keys %s: %s", path,
                       strerror(errno));
    }
    if ((st.st_mode & 077) != 0) {
        return err_set(e, ERR_CONFIG,
                       "%s may be read or written by others (mode %04o): find "
                       "out who has, then run chmod 600",
                       path, (unsigned)(st.st_mode & 07777));
    }
    return 0;
}

int home_keys_read(const struct home *h, struct keys *ret, struct err *e)
{
    struct bytes text = {0};
    int rc = check_key_mode(h->key_file, e);
    if (rc != 0) {
        return rc;
    }
    rc = file_read(h->key_file, KEYS_TEXT_BYTES_MAX, &text, e);
    if (rc == 0) {
        rc = keys_parse(slice_of(&text), ret, e);
        if (rc != 0) {
            err_wrap(e, "%s", h->key_file);
        }
    }
    if (text.data != NULL) {
        sodium_memzero(text.data, text.cap);
    }
    bytes_free(&text);
    return rc;
}

int home_programme_key(const struct home *h, uint8_t ret[MATCH_KEY_BYTES],
                       struct err *e)
{
    struct bytes text = {0};
    struct err why = {0};
    if (access(h->programme_file, F_OK) != 0) {
        return err_set(e, ERR_CONFIG,
                       "no match tokens are made here, because the programme's "
                       "key %s is not there: ask headquarters for it",
                       h->programme_file);
    }
    int rc = check_key_mode(h->programme_file, e);
    if (rc == 0) {
        rc = file_read(h->programme_file, MATCH_KEY_TEXT_BYTES_MAX, &text, e);
    }
    if (rc == 0 && match_key_parse(slice_of(&text), ret, &why) != 0) {
        rc = err_set(e, ERR_CONFIG, "%s: %s", h->programme_file, why.text);
    }
    if (text.data != NULL) {
        sodium_memzero(text.data, text.cap);
    }
    bytes_free(&text);
    return rc;
}
