/* SPDX-License-Identifier: Apache-2.0 */
#include "node/log.h"

#include "node/clock.h"
#include "protocol/instant.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FACT_BYTES = 2 * ERR_TEXT_BYTES };

static enum conf_level threshold = CONF_INFO;

void log_threshold(enum conf_level level)
{
    threshold = level;
}

struct level {
    const char *word;
    int priority; /* of sd-daemon(3) */
};

static const struct level levels[] = {
    [CONF_ERROR] = {"error", 3},
    [CONF_WARNING] = {"warning", 4},
    [CONF_INFO] = {"info", 6},
    [CONF_DEBUG] = {"debug", 7},
};

/* systemd says in JOURNAL_STREAM which file its journal is (systemd.exec(5)):
 * device:inode. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    char *end = NULL;
    unsigned long long device = strtoull(stream, &end, 10);
    if (*end != ':') {
        return false;
    }
    unsigned long long inode = strtoull(end + 1, &end, 10);
    return *end == '\0' && device == st.st_dev && inode == st.st_ino;
}

static void clean(char *line)
{
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            *c = '?';
        }
    }
}

static void say(enum conf_level level, const char *subject, char *fact)
{
    char time[INSTANT_TEXT_BYTES];
    clean(fact);
    if (stderr_is_journal()) {
        (void)fprintf(stderr, "<%d>%s: %s\n", levels[level].priority, subject,
                      fact);
        return;
    }
    instant_print(clock_wall_ms(), time);
    (void)fprintf(stderr, "%s %-7s %s: %s\n", time, levels[level].word, subject,
                  fact);
}

void log_error(const char *subject, const char *format, ...)
{
    char fact[FACT_BYTES];
    va_list list;
    if (threshold < CONF_ERROR) {
        return;
    }
    va_start(list, format);
    (void)vsnprintf(fact, sizeof fact, format, list);
    va_end(list);
    say(CONF_ERROR, subject, fact);
}

void log_warning(const char *subject, const char *format, ...)
{
    char fact[FACT_BYTES];
    va_list list;
    if (threshold < CONF_WARNING) {
        return;
    }
    va_start(list, format);
    (void)vsnprintf(fact, sizeof fact, format, list);
    va_end(list);
    say(CONF_WARNING, subject, fact);
}

void log_info(const char *subject, const char *format, ...)
{
    char fact[FACT_BYTES];
    va_list list;
    if (threshold < CONF_INFO) {
        return;
    }
    va_start(list, format);
    (void)vsnprintf(fact, sizeof fact, format, list);
    va_end(list);
    say(CONF_INFO, subject, fact);
}

void log_debug(const char *subject, const char *format, ...)
{
    char fact[FACT_BYTES];
    va_list list;
    if (threshold < CONF_DEBUG) {
        return;
    }
    va_start(list, format);
    (void)vsnprintf(fact, sizeof fact, format, list);
    va_end(list);
    say(CONF_DEBUG, subject, fact);
}
