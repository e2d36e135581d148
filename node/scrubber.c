/* SPDX-License-Identifier: Apache-2.0 */
#include "node/scrubber.h"

#include "node/clock.h"
#include "node/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    /* A journal of ten million changes replays in some ten minutes; on a slow
     * disk beside a busy node in a few hours. Longer, and it hangs. */
    SCRUBBER_MS = 6 * 60 * 60 * 1000,
    /* One piece of a replay takes less; longer, and the disk hung. */
    REST_MS_MAX = 2000,
};

/* Names the daemon to its child. */
static const char child_of[] = "SANGAM_SCRUBBER_OF";

struct scrubber {
    char *home;  /* owned */
    pid_t child; /* 0: none */
    int64_t until_ms;
};

struct scrubber *scrubber_new(const char *home)
{
    struct scrubber *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    s->home = strdup(home);
    if (s->home == NULL) {
        abort();
    }
    return s;
}

static void end_child(struct scrubber *s)
{
    if (s->child != 0) {
        (void)kill(s->child, SIGKILL);
        while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR) {
        }
        s->child = 0;
    }
}

void scrubber_destroy(struct scrubber **s_p)
{
    struct scrubber *s = *s_p;
    *s_p = NULL;
    if (s == NULL) {
        return;
    }
    end_child(s);
    free(s->home);
    free(s);
}

/* The daemon blocks and ignores signals that the child is to have. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t standard;
    (void)sigemptyset(&none);
    (void)sigemptyset(&standard);
    (void)sigaddset(&standard, SIGHUP);
    (void)sigaddset(&standard, SIGPIPE);
    int rc = posix_spawnattr_setsigmask(attributes, &none);
    if (rc == 0) {
        rc = posix_spawnattr_setsigdefault(attributes, &standard);
    }
    return rc != 0 ? rc
                   : posix_spawnattr_setflags(attributes,
                                              POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETSIGDEF);
}

/* Our environment and the name of this daemon: libzmq's threads read the
 * environment itself, so it stays as it is. */
static char **environment_of_child(char *entry)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **copy = calloc(count + 2, sizeof *copy);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, environ, count * sizeof *copy);
    copy[count] = entry;
    return copy;
}

static int spawn(struct scrubber *s, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[])
{
    char entry[sizeof child_of + 16];
    (void)snprintf(entry, sizeof entry, "%s=%d", child_of, (int)getpid());
    char **environment = environment_of_child(entry);
    /* this very program, though its file may have been replaced */
    int rc = posix_spawn(&s->child, "/proc/self/exe", actions, attributes, argv,
                         environment);
    free(environment);
    return rc;
}

int scrubber_start(struct scrubber *s, int64_t now_ms, struct err *e)
{
    char name[] = "sangam";
    char at[] = "-C";
    char verify[] = "verify";
    char scrub[] = "--scrub";
    char *argv[] = {name, at, s->home, verify, scrub, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return err_set(e, ERR_IO, "cannot start a process: %s", strerror(rc));
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_signals(&attributes);
        if (rc == 0) {
            rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO,
                                                  "/dev/null", O_WRONLY, 0);
        }
        if (rc == 0) {
            rc = spawn(s, &actions, &attributes, argv);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        s->child = 0;
        return err_set(e, ERR_IO, "cannot start a process: %s", strerror(rc));
    }
    s->until_ms = now_ms + SCRUBBER_MS;
    return 0;
}

/* 1 says that rows differed, and the child has said so itself. */
static void tell_end(int status)
{
    if (WIFSIGNALED(status)) {
        log_warning("scrub", "ended by signal %d -> tried again tomorrow",
                    WTERMSIG(status));
    } else if (WEXITSTATUS(status) == 0) {
        log_debug("scrub", "every row is as it was signed");
    }
}

bool scrubber_runs(struct scrubber *s, int64_t now_ms)
{
    int status = 0;
    if (s->child == 0) {
        return false;
    }
    if (now_ms >= s->until_ms) {
        log_warning("scrub", "no end after %d hours -> killed",
                    SCRUBBER_MS / (60 * 60 * 1000));
        end_child(s);
        return false;
    }
    pid_t ended = waitpid(s->child, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
        return true;
    }
    s->child = 0;
    if (ended > 0) {
        tell_end(status);
    }
    return false;
}

void scrubber_rest(void)
{
    static int64_t woke_ms;
    int64_t now_ms = clock_mono_ms();
    int64_t worked_ms = woke_ms == 0 ? 0 : now_ms - woke_ms;
    if (worked_ms > 0) {
        int64_t rest_ms = worked_ms < REST_MS_MAX ? worked_ms : REST_MS_MAX;
        const struct timespec rest = {
            .tv_sec = rest_ms / 1000,
            .tv_nsec = rest_ms % 1000 * 1000000,
        };
        (void)nanosleep(&rest, NULL);
    }
    woke_ms = clock_mono_ms();
}

bool scrubber_is_child(void)
{
    const char *daemon = getenv(child_of);
    if (daemon == NULL) {
        return false;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strtol(daemon, NULL, 10) != (long)getppid()) {
        _exit(EXIT_FAILURE); /* it died before that line */
    }
    return true;
}
