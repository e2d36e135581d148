/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/bytes.h"
#include "store/database.h"

static int failed(struct err *e, const char *what, const char *path)
{
    int code = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
    return err_set(e, code, "cannot %s %s: %s", what, path, strerror(errno));
}

static void name_copy(const char *path, uint32_t schema, struct bytes *out)
{
    char end[32];
    (void)snprintf(end, sizeof end, ".before-%u", (unsigned)schema);
    bytes_put(out, path, strlen(path));
    bytes_put(out, end, strlen(end) + 1);
}

/* An empty file that whoever may read the replica may read. */
static int create(const char *path, const char *like, struct err *e)
{
    struct stat st;
    if (stat(like, &st) != 0) {
        return failed(e, "find", like);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(e, "make", path);
    }
    int rc = fchmod(fd, st.st_mode & 0777) == 0 ? 0 : failed(e, "make", path);
    (void)close(fd);
    return rc;
}

/* In one step: in smaller ones a copy starts anew at each write of another
 * connection. */
static int copy(struct database *from, const char *path, struct err *e)
{
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *copying =
        rc != SQLITE_OK
            ? NULL
            : sqlite3_backup_init(to, "main", database_handle(from), "main");
    if (copying != NULL) {
        (void)sqlite3_backup_step(copying, -1);
        rc = sqlite3_backup_finish(copying);
    } else {
        rc = sqlite3_errcode(to);
    }
    if (rc != SQLITE_OK) {
        (void)err_set(e, (rc & 0xff) == SQLITE_FULL ? ERR_FULL : ERR_IO,
                      "cannot write %s: %s", path, sqlite3_errmsg(to));
    }
    (void)sqlite3_close(to);
    return rc == SQLITE_OK ? 0 : e == NULL ? ERR_IO : e->code;
}

static int sync_path(const char *path, int flags, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0) {
        return failed(e, "open", path);
    }
    int rc = fsync(fd) == 0 ? 0 : failed(e, "write", path);
    (void)close(fd);
    return rc;
}

static int sync_folder_of(const char *path, struct err *e)
{
    char *text = strdup(path);
    if (text == NULL) {
        abort();
    }
    int rc = sync_path(dirname(text), O_DIRECTORY, e);
    free(text);
    return rc;
}

static void remove_part(const char *part)
{
    struct bytes journal = {0};
    bytes_put(&journal, part, strlen(part));
    bytes_put(&journal, "-journal", sizeof "-journal");
    (void)unlink(part);
    (void)unlink((const char *)journal.data);
    bytes_free(&journal);
}

static int copy_to(const char *path, const char *part, struct err *e)
{
    struct database *from = NULL;
    remove_part(part); /* what a killed run left behind */
    /* NOLINTNEXTLINE(readability-suspicious-call-argument): it is as named */
    int rc = create(part, path, e);
    if (rc == 0) {
        rc = database_open(path, DATABASE_READER, DATABASE_EXISTING, &from, e);
    }
    if (rc == 0) {
        rc = copy(from, part, e);
    }
    database_close(&from);
    return rc == 0 ? sync_path(part, 0, e) : rc;
}

int backup_make(const char *path, uint32_t schema, struct err *e)
{
    struct bytes name = {0};
    struct bytes part = {0};
    name_copy(path, schema, &name);
    bytes_put(&part, name.data, name.len - 1);
    bytes_put(&part, ".part", sizeof ".part");
    const char *at = (const char *)part.data;
    int rc = copy_to(path, at, e);
    if (rc == 0 && rename(at, (const char *)name.data) != 0) {
        rc = failed(e, "write", (const char *)name.data);
    }
    if (rc == 0) {
        rc = sync_folder_of(path, e);
    } else {
        remove_part(at);
    }
    bytes_free(&name);
    bytes_free(&part);
    return rc;
}

void backup_remove(const char *path, uint32_t schema)
{
    struct bytes name = {0};
    name_copy(path, schema, &name);
    (void)unlink((const char *)name.data);
    bytes_free(&name);
}
