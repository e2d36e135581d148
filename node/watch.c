/* SPDX-License-Identifier: Apache-2.0 */
#include "node/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    HOT_MS = 20,        /* looks go on this long after an event */
    HOT_LOOK_MS = 1,    /* and are this far apart */
    COLD_LOOK_MS = 500, /* 3.5 us a look, twice a second: nothing */
};

struct watch {
    int fd; /* -1: no inotify */
    char *prefix;
    int64_t hot_until_ms;
    int64_t looked_ms;
};

static int open_inotify(const char *folder, struct err *why)
{
    static const uint32_t what = IN_MODIFY | IN_CREATE | IN_MOVED_TO;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, folder, what) >= 0) {
        return fd;
    }
    err_set(why, ERR_IO, "inotify on %s: %s", folder, strerror(errno));
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

struct watch *watch_new(const char *folder, const char *prefix,
                        struct err *ret_why)
{
    struct watch *w = calloc(1, sizeof *w);
    char *copy = strdup(prefix);
    if (w == NULL || copy == NULL) {
        abort();
    }
    if (ret_why != NULL) {
        ret_why->code = 0;
    }
    w->prefix = copy;
    w->fd = open_inotify(folder, ret_why);
    return w;
}

void watch_destroy(struct watch **w)
{
    struct watch *old = *w;
    *w = NULL;
    if (old == NULL) {
        return;
    }
    if (old->fd >= 0) {
        (void)close(old->fd);
    }
    free(old->prefix);
    free(old);
}

int watch_fd(const struct watch *w)
{
    return w->fd;
}

static bool is_ours(const struct watch *w, const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        return true; /* whatever was lost may have been */
    }
    return event->len > 0 &&
           strncmp(event->name, w->prefix, strlen(w->prefix)) == 0;
}

void watch_read(struct watch *w, int64_t now_ms)
{
    enum { ROOM = 16 * 1024, READS_MAX = 8 };
    _Alignas(struct inotify_event) char room[ROOM];
    ssize_t got;
    if (w->fd < 0) {
        return;
    }
    for (int i = 0; i < READS_MAX && (got = read(w->fd, room, sizeof room)) > 0;
         i++) {
        size_t at = 0;
        while (at < (size_t)got) {
            const struct inotify_event *event = (const void *)(room + at);
            if (is_ours(w, event)) {
                w->hot_until_ms = now_ms + HOT_MS;
            }
            at += sizeof *event + event->len;
        }
    }
}

int64_t watch_due_ms(const struct watch *w)
{
    bool hot = w->looked_ms < w->hot_until_ms;
    return w->looked_ms + (hot ? HOT_LOOK_MS : COLD_LOOK_MS);
}

void watch_looked(struct watch *w, int64_t now_ms)
{
    w->looked_ms = now_ms;
}
