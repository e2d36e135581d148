/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Log: lines on stderr, one fact a line: the subject first, then what
 * happened, then what follows from it.
 *
 *   PB-LDH-C01: nothing heard for 60 seconds -> link closed
 *
 * To a terminal or a file a line begins with the time (UTC) and the level; to
 * the journal of systemd, which notes the time itself, with the level as
 * sd-daemon(3) has it. Never a secret, never the name of a person.
 */
#ifndef SANGAM_LOG_H
#define SANGAM_LOG_H

#include "node/conf.h"

/* Lines above this level are left out; CONF_INFO at first. */
void log_threshold(enum conf_level level);

/* `subject` is a site, a table or a part of the program. Whatever would break
 * or forge a line is written as '?'. */
void log_error(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
