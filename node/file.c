/* SPDX-License-Identifier: Apache-2.0 */
#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(struct err *e, const char *what, const char *path)
{
    return err_set(e, ERR_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* --- writing ------------------------------------------------------------- */

static int sync_folder_of(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        abort();
    }
    const char *folder = dirname(copy);
    int rc = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        rc = failed(e, "sync", folder);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(copy);
    return rc;
}

static int write_all(int fd, struct slice content)
{
    while (content.len > 0) {
        ssize_t done = write(fd, content.data, content.len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return -1;
        }
        content.data += done;
        content.len -= (size_t)done;
    }
    return 0;
}

/* Links the finished file to its name: unlike rename(), link() never
 * replaces. */
static int give_name(const char *aside, const char *path, struct err *e)
{
    if (link(aside, path) == 0) {
        return sync_folder_of(path, e);
    }
    if (errno == EEXIST) {
        return err_set(e, ERR_INPUT, "%s is there already; it is left as it is",
                       path);
    }
    return failed(e, "write", path);
}

int file_write_new(const char *path, struct slice content, mode_t mode,
                   struct err *e)
{
    static const char suffix[] = ".XXXXXX";
    size_t size = strlen(path) + sizeof suffix;
    char *aside = malloc(size);
    if (aside == NULL) {
        abort();
    }
    (void)snprintf(aside, size, "%s%s", path, suffix);
    int fd = mkostemp(aside, O_CLOEXEC);
    if (fd < 0) {
        int rc = failed(e, "write", path);
        free(aside);
        return rc;
    }
    int rc = 0;
    if (fchmod(fd, mode) != 0 || write_all(fd, content) != 0 ||
        fsync(fd) != 0) {
        rc = failed(e, "write", path);
    } else {
        rc = give_name(aside, path, e);
    }
    (void)close(fd);
    (void)unlink(aside);
    free(aside);
    return rc;
}

/* --- reading ------------------------------------------------------------- */

int file_read(const char *path, size_t bytes_max, struct bytes *out,
              struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return err_set(e, ERR_UNKNOWN, "there is no file %s", path);
    }
    if (fd < 0) {
        return failed(e, "read", path);
    }
    int rc = 0;
    size_t had = out->len;
    /* one byte more tells a file that is too long from one that fits */
    bytes_reserve(out, bytes_max + 1);
    while (out->len - had <= bytes_max) {
        ssize_t got =
            read(fd, out->data + out->len, bytes_max + 1 - (out->len - had));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            rc = failed(e, "read", path);
        }
        if (got <= 0) {
            break;
        }
        out->len += (size_t)got;
    }
    (void)close(fd);
    if (rc == 0 && out->len - had > bytes_max) {
        rc = err_set(e, ERR_LIMIT, "%s is longer than %zu bytes", path,
                     bytes_max);
    }
    return rc;
}
