/* SPDX-License-Identifier: Apache-2.0 */
#include "node/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *path, struct err *e)
{
    bool there = errno == EEXIST || errno == ENOTEMPTY;
    return err_set(e, there ? ERR_INPUT : ERR_IO, "%s: %s%s",
                   path == NULL ? "standard output" : path, strerror(errno),
                   there ? "; name another, or remove it" : "");
}

/* --- files ---------------------------------------------------------------- */

int outfile_open(const char *path, FILE **ret, struct err *e)
{
    *ret = path == NULL ? stdout : fopen(path, "wxe");
    if (*ret == NULL) {
        return refuse(path, e);
    }
    if (path != NULL) {
        (void)fchmod(fileno(*ret), 0600);
    }
    return 0;
}

int outfile_close(const char *path, FILE *file, int rc, struct err *e)
{
    bool failed = ferror(file) != 0 || fflush(file) != 0;
    if (path != NULL) {
        failed = failed || fsync(fileno(file)) != 0;
        failed = fclose(file) != 0 || failed;
    }
    if (failed && rc == 0) {
        rc = refuse(path, e);
    }
    if (rc != 0 && path != NULL) {
        (void)unlink(path);
    }
    return rc;
}

/* --- folders -------------------------------------------------------------- */

int outfile_folder_open(const char *path, char **ret_aside, struct err *e)
{
    static const char suffix[] = ".XXXXXX";
    size_t size = strlen(path) + sizeof suffix;
    struct stat there;
    if (lstat(path, &there) == 0) {
        errno = EEXIST;
        return refuse(path, e);
    }
    char *aside = malloc(size);
    if (aside == NULL) {
        abort();
    }
    (void)snprintf(aside, size, "%s%s", path, suffix);
    if (mkdtemp(aside) == NULL) {
        free(aside);
        return refuse(path, e);
    }
    *ret_aside = aside;
    return 0;
}

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        abort();
    }
    int rc = sync_folder(dirname(copy));
    free(copy);
    return rc;
}

/* It holds files alone. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder != NULL) {
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
        (void)closedir(folder);
    }
    (void)rmdir(path);
}

int outfile_folder_close(const char *path, char **aside_p, int rc,
                         struct err *e)
{
    char *aside = *aside_p;
    *aside_p = NULL;
    if (rc == 0 && (sync_folder(aside) != 0 || rename(aside, path) != 0 ||
                    sync_folder_of(path) != 0)) {
        rc = refuse(path, e);
    }
    if (rc != 0) {
        remove_folder(aside);
    }
    free(aside);
    return rc;
}
